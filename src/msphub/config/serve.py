"""The web server: granian in front of `wsgi.py`, where that is safe, with workers that die with their parent."""

import gc
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from django.utils.module_loading import import_string
from granian import Granian
from granian.constants import Interfaces

from msphub.config import migrate, processes, roles
from msphub.config.env import NotConfigured, environment

THREADS = 2
_STOP_SECONDS = 10
_METRICS = "msphub-metrics-"
_LOGGERS = {"_granian": {"level": "WARNING"}, "granian.access": {"level": "INFO"}}  # through our own handlers


def check_database() -> None:
    """Refuse a database that lacks migrations and a role that row-level security would not hold."""
    with psycopg.connect(environment().database_url, connect_timeout=10) as connection:
        roles.check_application_role(connection)
        missing = migrate.missing_migrations(connection)
    if missing:
        raise NotConfigured(
            f"The database lacks {len(missing)} migrations ({missing[0]} first). "
            "Run `msphub migrate` with DATABASE_OWNER_URL set."
        )


def serve(*, host: str, port: int, workers: int) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests under way. Django must be set up.

    Refuses an unsafe environment, missing migrations and a taken port.
    """
    environment().require_safe()
    check_database()
    if not processes.is_port_free(port, host=host):
        raise NotConfigured(f"Port {port} of {host} is taken by another program.")
    with _room_for_metrics():
        _serve(host=host, port=port, workers=workers)


@contextmanager
def _room_for_metrics() -> Iterator[None]:
    """Name a directory where the workers keep their numbers for `/metrics`; it goes when the server ends.

    The directory of a server that was killed goes with the next start. Must come before the application is loaded.
    """
    if not environment().msphub_metrics_token:
        yield
        return
    for left in Path(tempfile.gettempdir()).glob(f"{_METRICS}*"):
        pid = left.name.removeprefix(_METRICS).partition("-")[0]
        if pid.isdigit() and processes.started_at(int(pid)) is None:
            shutil.rmtree(left, ignore_errors=True)
    place = tempfile.mkdtemp(prefix=f"{_METRICS}{os.getpid()}-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = place
    try:
        yield
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _serve(*, host: str, port: int, workers: int) -> None:
    if sys.platform == "linux":
        # Workers share the memory of the application loaded once; nothing has opened a thread or a connection yet.
        multiprocessing.set_start_method("fork", force=True)
        _load_application()
        gc.collect()
        gc.freeze()
    server = Granian(
        "msphub.config.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=THREADS,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=_STOP_SECONDS,
        log_dictconfig={"loggers": _LOGGERS},
    )
    server.serve(target_loader=partial(_load_in_worker, parent=os.getpid()), wrap_loader=False)


def _load_application() -> Callable[..., Any]:
    application: Callable[..., Any] = import_string("msphub.config.wsgi.application")
    import_string("msphub.config.urls.urlpatterns")  # else the first request of each worker would wait for it
    return application


def _load_in_worker(*, parent: int) -> Callable[..., Any]:
    """Return the application in a worker, which from now on is killed when granian's main process is.

    Without this a killed main process leaves workers that go on answering on the port (stack.md §4).
    """
    processes.end_with_parent(parent=parent, number=signal.SIGKILL)
    return _load_application()
