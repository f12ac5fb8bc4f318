"""`/metrics`: who gets it, what it counts, and that several web processes add up."""

import datetime
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpResponse
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from tests import database, factories, running

from msphub.config import machine, processes
from msphub.customers.models import CspAccount
from msphub.kit import scope
from msphub.notifications.models import Mail
from msphub.web import metrics

TOKEN = "a-token-for-tests-only-0123456789"
type Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0.0)


@pytest.fixture
def with_token(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN


def scrape(client: Client) -> Samples:
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain")
    return samples(answer.content.decode())


@pytest.mark.django_db
def test_without_a_configured_token_there_is_no_such_page(client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = ""
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": f"Bearer {TOKEN}"}):
        assert client.get("/metrics", headers=headers).status_code == 404
    with pytest.raises(MiddlewareNotUsed):
        metrics.MetricsMiddleware(lambda _request: HttpResponse())


@pytest.mark.django_db
@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ü"])
def test_only_the_token_opens_it(client: Client, with_token: None, given: str) -> None:
    answer = client.get("/metrics", headers={"Authorization": given})
    assert answer.status_code == 401
    assert b"msphub_" not in answer.content


@pytest.mark.django_db
def test_requests_are_counted_by_route_and_never_by_path(with_token: None, client: Client) -> None:
    before = scrape(client)
    secret = secrets.token_urlsafe(16)
    client.get(f"/welcome/{secret}/")
    client.get(f"/nowhere/{secret}")
    client.get("/customers/")
    text = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()
    assert secret not in text
    after, name = samples(text), "msphub_request_duration_seconds_count"
    for route, status in (("welcome", "4xx"), ("unmatched", "4xx"), ("customers", "3xx")):
        counted = value(after, name, route=route, status=status) - value(before, name, route=route, status=status)
        assert counted == 1, route


@pytest.mark.django_db
def test_figures_of_all_partners_without_any_scope(
    with_token: None, client: Client, owner_connection: psycopg.Connection[Any]
) -> None:
    before = scrape(client)
    for _ in range(2):
        world = factories.make_partner()
        tenant = factories.make_customer(world, account=factories.new_account(agreement=factories.agreement()))
        CspAccount.objects.filter(customer_id=tenant.id).update(
            state="failed", created_at=datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=3)
        )
        for state, hours in (("queued", 72), ("failed", 1), ("failed", 72)):
            Mail.objects.create(
                partner_id=world.id,
                kind="test",
                entry_id=uuid.uuid4(),
                recipient="a@b.example",
                subject="s",
                text="t",
                html="h",
                state=state,
                created_at=datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=hours),
            )
    scope.enter(partner_id=None)
    found = scrape(client)
    assert value(found, "msphub_database_up") == 1
    assert (
        value(found, "msphub_csp_accounts", state="failed") - value(before, "msphub_csp_accounts", state="failed") == 2
    )
    assert value(found, "msphub_csp_account_oldest_seconds", state="failed") >= 3 * 3600
    assert value(found, "msphub_mails", state="queued") - value(before, "msphub_mails", state="queued") >= 2
    assert value(found, "msphub_mails", state="failed") - value(before, "msphub_mails", state="failed") == 2
    assert value(found, "msphub_mail_oldest_queued_seconds") >= 72 * 3600
    waiting = [key for key in found if key[0] == "msphub_jobs" and ("status", "waiting") in key[1]]
    assert sum(found[key] for key in waiting) >= 2, "each CSP account has deferred its job"
    assert value(found, "msphub_build_info", **_labels(found, "msphub_build_info")) == 1
    assert "audit_failed_jobs" in _plan(
        owner_connection, "SELECT queue_name FROM procrastinate_jobs WHERE status = 'failed'"
    )
    assert "customers_cspaccount_open" in _plan(
        owner_connection,
        "SELECT created_at FROM customers_cspaccount WHERE state = 'failed' AND state <> 'linked' ORDER BY created_at",
    )
    assert "notifications_mail_by_state" in _plan(
        owner_connection,
        "SELECT created_at FROM notifications_mail WHERE state = 'sent' AND created_at > now() ORDER BY created_at",
    )


def _labels(found: Samples, name: str) -> dict[str, str]:
    return next(dict(key[1]) for key in found if key[0] == name)


def _plan(connection: psycopg.Connection[Any], query: str) -> str:
    with connection.transaction():
        connection.execute("SET LOCAL enable_seqscan = off")
        return "\n".join(row[0] for row in connection.execute(f"EXPLAIN {query}".encode()).fetchall())


@pytest.mark.timeout(180)
def test_processes_of_one_server_add_up_and_leave_nothing_behind(test_database: database.Database) -> None:
    port = processes.free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "msphub.config.cli", "serve", "--port", str(port), "--workers", "2"],
        env={
            **running.environment(),
            "MSPHUB_SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP",
            "MSPHUB_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "MSPHUB_METRICS_TOKEN": TOKEN,
            "DATABASE_URL": test_database.app_url,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not machine.answers(port=port, path="/healthz"):
            assert server.poll() is None, server.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.1)
        for _ in range(30):
            assert machine.answers(port=port, path="/readyz")
        headers = {"Authorization": f"Bearer {TOKEN}"}
        texts = [httpx.get(f"http://localhost:{port}/metrics", headers=headers).text for _ in range(6)]
        counted = {
            value(samples(text), "msphub_request_duration_seconds_count", route="readyz", status="2xx")
            for text in texts
        }
        assert counted == {30.0}, "whichever process answers, it knows of all"
        assert value(samples(texts[-1]), "msphub_database_pool", what="open") >= 2, "one pool a process"
        assert re.search(r'msphub_database_connections\{application="msphub",state="\w+', texts[-1])
    finally:
        os.kill(server.pid, signal.SIGTERM)
        output, _ = server.communicate(timeout=40)
    assert server.returncode == 0, output
    assert not list(Path(tempfile.gettempdir()).glob(f"msphub-metrics-{server.pid}-*"))
