"""`/metrics` for Prometheus: requests by route and how long they took, pools, and what the database says.

The web server has several processes and a scrape reaches one of them: `serve` names a directory in
PROMETHEUS_MULTIPROC_DIR where each keeps its numbers (config/serve.py), and the answer adds them up.
"""

import os
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

from django import get_version
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from msphub.kit import clock
from msphub.web.figures import DatabaseFigures

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

REQUESTS = Histogram(
    "msphub_request_duration_seconds",
    "Requests by route and class of status, and seconds until their answer began.",
    ["route", "status"],
    buckets=_BUCKETS,
)
POOL = Gauge(
    "msphub_database_pool",
    "Connections of the web processes' pools after their last request: open, idle; and requests that wait for one.",
    ["what"],
    multiprocess_mode="livesum",
)
_POOL_FIGURES = {"open": "pool_size", "idle": "pool_available", "waiting": "requests_waiting"}


class MetricsMiddleware:
    """Counts and times every request under the name of its route, never its path. Not there without a token."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.METRICS_TOKEN:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self.get_response(request)
        route = _route(request)
        REQUESTS.labels(route, f"{response.status_code // 100}xx").observe(time.perf_counter() - started)
        _note_pool()
        return response


def metrics(request: HttpRequest) -> HttpResponse:
    """Answer a scrape that carries the token; without a configured token there is no such page."""
    if not settings.METRICS_TOKEN:
        raise Http404
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(token.strip(), settings.METRICS_TOKEN):
        return HttpResponse("A bearer token is needed.\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    answer = HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_LATEST)
    answer["Cache-Control"] = "no-store"
    return answer


class _Build(Collector):
    """What runs here."""

    def collect(self) -> list[GaugeMetricFamily]:
        """Return the versions as labels."""
        build = GaugeMetricFamily("msphub_build_info", "What runs here.", labels=["version", "python", "django"])
        build.add_metric([version("msphub"), python_version(), get_version()], 1)
        return [build]


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    directory = os.environ.get(DIRECTORY)
    if directory is None:  # one process alone, as in tests
        registry.register(_OnlyOurs())
    else:
        _forget_ended_processes(Path(directory))
        MultiProcessCollector(registry, path=directory)  # type: ignore[no-untyped-call]
    registry.register(_Build())
    registry.register(DatabaseFigures(now=clock.now()))
    return registry


class _OnlyOurs(Collector):
    """Our metrics of this process, without the library's own."""

    def collect(self) -> list[Any]:
        """Return those whose name is ours."""
        return [metric for metric in REGISTRY.collect() if metric.name.startswith("msphub_")]


def _forget_ended_processes(directory: Path) -> None:
    """Drop the gauges of processes that ended; what they counted stays counted."""
    for file in directory.glob("gauge_live*_*.db"):
        pid = file.stem.rpartition("_")[2]
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            mark_process_dead(int(pid), path=str(directory))  # type: ignore[no-untyped-call]
        except PermissionError:
            continue


def _route(request: HttpRequest) -> str:
    match = request.resolver_match
    if match is not None:
        return match.view_name or "unnamed"
    return "static" if request.path.startswith(settings.STATIC_URL) else "unmatched"


def _note_pool() -> None:
    pool: Any = getattr(connection, "pool", None)
    if pool is not None:
        known = pool.get_stats()
        for what, name in _POOL_FIGURES.items():
            POOL.labels(what).set(known.get(name, 0))
