"""All processes together keep Microsoft's limit, and a form's live check gets its turn beside a sync."""

import itertools
import json
import os
import subprocess
import sys
from typing import Any

import psycopg
import pytest
from django.db import transaction
from tests import database
from tests.customers import at_microsoft

from msphub.accounts import microsoft_connection, microsoft_turns
from msphub.accounts.microsoft_turns import SharedTurns
from msphub.microsoft import errors
from partner_center_emulator.testing import Running

KEY = ("here", "partner", "customer")
ALL, FORMS, WINDOW, SECONDS = 40, 10, 2, 5

type Connection = psycopg.Connection[Any]


def turns(*, for_form: bool = False, for_all: int = 3, for_forms: int = 2, window_seconds: int = 60) -> SharedTurns:
    return SharedTurns(for_form=for_form, for_all=for_all, for_forms=for_forms, window_seconds=window_seconds)


def take(app_url: str, *takers: dict[str, Any], seconds: float) -> list[dict[str, Any]]:
    """Let processes take turns at the same time; return when each turn was asked for and came, by process."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.accounts.turn_taker", str(seconds), json.dumps(takers)],
        cwd=database.ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "msphub.config.settings", "DATABASE_URL": app_url},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.django_db(transaction=True)
def test_processes_share_the_limit_and_a_form_does_not_stand_behind_a_sync(test_database: database.Database) -> None:
    limits = {"for_all": ALL, "for_forms": FORMS, "window_seconds": WINDOW}
    sync = {"for_form": False, "at_most": 600, "pause": 0, **limits}
    form = {"for_form": True, "at_most": 1.0, "pause": 0.25, **limits}
    found = take(test_database.app_url, sync, sync, sync, form, seconds=SECONDS)

    came = sorted(one["came"] for one in found if one["came"] is not None)
    # Never more than the limit in any window, whoever asked; each heard of its turn a little after it had come.
    for one, over in zip(came, came[ALL + FORMS :], strict=False):
        assert over - one > WINDOW - 0.1
    # Nor much less: jobs use up what is theirs. (Turns are counted in whole seconds.)
    jobs = [one for one in found if one["who"] < 3]
    assert {one["who"] for one in jobs} == {0, 1, 2}
    assert len(jobs) >= ALL * (SECONDS / (WINDOW + 1)) * 0.8
    # While they wait for a second and more, a form is asked at once.
    assert max(one["came"] - one["asked"] for one in jobs) > 1.0
    waits = sorted(one["came"] - one["asked"] for one in found if one["who"] == 3 and one["came"] is not None)
    assert len(waits) == sum(one["who"] == 3 for one in found) > 10
    assert waits[len(waits) // 2] < 0.2


@pytest.mark.django_db(transaction=True)
def test_who_would_wait_too_long_is_told_at_once_and_takes_no_turn() -> None:
    for _ in range(3):
        assert turns().wait(key=KEY, at_most=1) == 0
    for _ in range(5):
        with pytest.raises(errors.Throttled) as raised:
            turns().wait(key=KEY, at_most=1)
        assert 59 < (raised.value.retry_after or 0) <= 61
    assert turns().wait(key=("here", "partner", "another"), at_most=1) == 0


@pytest.mark.django_db(transaction=True)
def test_a_form_uses_what_jobs_leave_and_then_a_lane_of_its_own() -> None:
    form, job = turns(for_form=True), turns()
    assert [form.wait(key=KEY, at_most=1) for _ in range(2)] == [0, 0]
    assert job.wait(key=KEY, at_most=1) == 0
    with pytest.raises(errors.Throttled):
        job.wait(key=KEY, at_most=1)
    assert [form.wait(key=KEY, at_most=1) for _ in range(2)] == [0, 0]
    with pytest.raises(errors.Throttled):
        form.wait(key=KEY, at_most=1)


@pytest.mark.django_db(transaction=True)
def test_a_turn_taken_inside_a_transaction_keeps_nobody_waiting_and_outlives_its_rollback(
    application_connection: Connection,
) -> None:
    def taken() -> list[Any]:
        return application_connection.execute("SELECT cardinality(turns) FROM accounts_microsoftturn").fetchall()

    with transaction.atomic():
        turns().wait(key=KEY, at_most=1)
        assert taken() == [(1,)]
        application_connection.execute("SET lock_timeout = '500ms'")
        application_connection.execute("SELECT accounts_take_turn(key, 3, 60, 1) FROM accounts_microsoftturn")
        transaction.set_rollback(True)
    assert taken() == [(2,)]


@pytest.mark.django_db(transaction=True)
def test_a_partners_client_takes_its_turns_here(emulator: Running, application_connection: Connection) -> None:
    microsoft = at_microsoft.prepared(emulator)
    world = at_microsoft.connected_partner(microsoft)
    tenant = microsoft.customer_of(0).tenant_id
    for retries, times in itertools.product((3, 0), (1, 2)):
        client = microsoft_connection.client(partner_id=world.id, retries=retries)
        for _ in range(times):
            client.get_customer(customer_id=tenant)
    kept = application_connection.execute("SELECT key::text, cardinality(turns) FROM accounts_microsoftturn").fetchall()
    assert [number for _, number in kept] == [6]
    assert tenant.replace("-", "") not in kept[0][0].replace("-", "")


@pytest.mark.django_db(transaction=True)
def test_what_was_asked_long_ago_is_forgotten(owner_connection: Connection) -> None:
    for word in ("old", "new"):
        turns().wait(key=(word,), at_most=1)
    owner_connection.execute(
        "UPDATE accounts_microsoftturn SET turns = ARRAY[turns[1] - 1000] WHERE key = %s",
        [microsoft_turns._hashed(("old",))],
    )
    microsoft_turns.forget_idle()
    left = {row[0] for row in owner_connection.execute("SELECT key FROM accounts_microsoftturn")}
    assert microsoft_turns._hashed(("new",)) in left
    assert microsoft_turns._hashed(("old",)) not in left


def test_the_limit_is_microsofts() -> None:
    assert microsoft_turns.FOR_ALL + microsoft_turns.FOR_FORMS == 500
    assert microsoft_turns.WINDOW_SECONDS >= 60
