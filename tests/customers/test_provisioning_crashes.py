"""Death at any point of the work at Microsoft: another worker finds what was begun and ends it, exactly once.

The tests go through all points at which a process could die (`tests/lifecycle/mortality.py`); a real `kill -9` of a
real worker comes last.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connection
from tests import database, factories
from tests.customers import at_microsoft
from tests.customers.at_microsoft import Microsoft, RunJobs
from tests.lifecycle.mortality import Death, Mortality

from msphub.customers import csp_accounts, events, provisioning, tasks
from msphub.customers.choices import AccountState, Step
from msphub.customers.models import CspAccount, MicrosoftWrite
from msphub.kit import scope
from msphub.microsoft import wire
from msphub.notifications.models import Mail
from partner_center_emulator.testing import Running


@pytest.fixture
def microsoft(emulator: Running, transactional_db: None) -> Microsoft:
    return at_microsoft.prepared(emulator)


@pytest.fixture
def world(microsoft: Microsoft) -> factories.PartnerWorld:
    return at_microsoft.connected_partner(microsoft)


def _die_at_every_point(
    world: factories.PartnerWorld,
    monkeypatch: pytest.MonkeyPatch,
    *,
    make: Callable[[], CspAccount],
    check: Callable[[CspAccount, str], None],
) -> int:
    """Work on one account after the other, dying one point later each time; return how many points there were."""
    point = 0
    while True:
        point += 1
        account = make()
        mortality = Mortality(at=point)
        try:
            with mortality.around(monkeypatch):
                provisioning.work_on_account(partner_id=world.id, account_id=account.id)
        except Death:
            assert at_microsoft.again(account).state != AccountState.FAILED, mortality.place
        else:
            return point - 1
        provisioning.work_on_account(partner_id=world.id, account_id=account.id)
        check(account, mortality.place)


@pytest.mark.parametrize("qualification", ["education", "nonprofit"])
def test_death_at_any_point_leaves_one_tenant_and_each_step_done_once(
    world: factories.PartnerWorld, microsoft: Microsoft, monkeypatch: pytest.MonkeyPatch, qualification: str
) -> None:
    customer = factories.make_customer(world)

    def make() -> CspAccount:
        new = factories.new_account(
            qualification=qualification,
            segment="K12",
            website="wingtip.example",
            agreement=factories.agreement() if qualification == "education" else None,
        )
        return csp_accounts.add_account(by=world.actor, customer_id=customer.id, account=new, at=factories.NOW)

    def check(account: CspAccount, place: str) -> None:
        account = at_microsoft.assert_linked_once(microsoft, account)
        assert len(microsoft.qualifications(account)) == 1, place
        assert len(microsoft.agreements(account)) == (qualification == "education"), place
        steps = list(at_microsoft.steps(account))
        assert {write.step for write in MicrosoftWrite.objects.filter(account=account)} == set(steps), place
        assert len(at_microsoft.writes(account, Step.TENANT)) == 1, place
        shown = csp_accounts.take_first_password(by=world.actor, account_id=account.id, at=factories.NOW)
        assert shown["password"], place

    points = _die_at_every_point(world, monkeypatch, make=make, check=check)
    assert points > 15


def test_death_at_any_point_asks_for_consent_once(
    world: factories.PartnerWorld, microsoft: Microsoft, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = microsoft.free_tenants()
    accounts: list[CspAccount] = []

    def make() -> CspAccount:
        accounts.append(at_microsoft.make_account(world, at_microsoft.existing_account(free.pop())))
        return accounts[-1]

    def check(account: CspAccount, place: str) -> None:
        assert at_microsoft.again(account).state == AccountState.WAITING, place
        assert len(at_microsoft.happened(account, events.ACCOUNT_CONSENT_ASKED)) == 1, place

    points = _die_at_every_point(world, monkeypatch, make=make, check=check)
    assert points > 5
    run_jobs()
    assert Mail.objects.filter(partner_id=world.id, kind="consent").count() == len(accounts)


def test_two_workers_on_one_account_make_one_tenant(
    world: factories.PartnerWorld, microsoft: Microsoft, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A worker that was thought dead wakes up while another one has taken over its job.
    account = at_microsoft.make_account(world, factories.new_account(agreement=factories.agreement()))
    send, nested = wire.Wire.send, []

    def overtaken(known: wire.Wire, *, method: str, url: str, **more: Any) -> httpx.Response:
        if method == "POST" and url.endswith((at_microsoft.CREATE, at_microsoft.AGREE)) and url not in nested:
            nested.append(url)
            provisioning.work_on_account(partner_id=world.id, account_id=account.id)
        return send(known, method=method, url=url, **more)

    monkeypatch.setattr(wire.Wire, "send", overtaken)
    provisioning.work_on_account(partner_id=world.id, account_id=account.id)
    account = at_microsoft.assert_linked_once(microsoft, account)
    assert len(nested) >= 1
    assert len(microsoft.agreements(account)) == 1
    assert len(set(microsoft.ids(path=at_microsoft.CREATE))) == 1


@pytest.mark.parametrize("path", [at_microsoft.CREATE, at_microsoft.AGREE])
def test_database_that_goes_away_while_microsoft_answers_loses_nothing(
    world: factories.PartnerWorld,
    microsoft: Microsoft,
    run_jobs: RunJobs,
    application_connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    account = at_microsoft.make_account(world, factories.new_account(agreement=factories.agreement()))
    send = wire.Wire.send

    def cut_off(known: wire.Wire, *, method: str, url: str, **more: Any) -> httpx.Response:
        answer = send(known, method=method, url=url, **more)
        if method == "POST" and url.endswith(path):
            monkeypatch.undo()
            application_connection.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
        return answer

    monkeypatch.setattr(wire.Wire, "send", cut_off)
    with pytest.raises(DatabaseError):
        tasks.provision_account(partner_id=str(world.id), account_id=str(account.id))
    connection.close()
    assert at_microsoft.again(account).state == AccountState.CREATING

    run_jobs()
    account = at_microsoft.assert_linked_once(microsoft, account)
    assert len(microsoft.agreements(account)) == 1
    assert csp_accounts.take_first_password(by=world.actor, account_id=account.id, at=factories.NOW)["password"]


# A real worker


def _start_worker(app_url: str, output: Path) -> subprocess.Popen[bytes]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MSPHUB_", "DATABASE_", "DJANGO_"))
    }
    environment |= {
        "DJANGO_SETTINGS_MODULE": "msphub.config.settings",
        "MSPHUB_MODE": "test",
        "MSPHUB_SECRET_KEY": settings.SECRET_KEY,
        "MSPHUB_ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
        "DATABASE_URL": app_url,
        "DATABASE_POOL_SIZE": "8",
    }
    with output.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "msphub.config.cli", "worker"],
            env=environment,
            cwd=database.ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
        )


def _await(condition: Callable[[], bool], *, what: str, output: Path, seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            raise AssertionError(f"{what}:\n{output.read_text(encoding='utf-8')[-3000:]}")
        time.sleep(0.05)


def test_worker_killed_while_microsoft_holds_the_answers_is_followed_by_another_one(
    world: factories.PartnerWorld,
    microsoft: Microsoft,
    test_database: database.Database,
    owner_connection: psycopg.Connection[Any],
    tmp_path: Path,
) -> None:
    new = [factories.new_account(agreement=factories.agreement()) for _ in range(2)]
    accounts = [at_microsoft.make_account(world, one) for one in new]
    microsoft.order(mode="timeout_before", path=at_microsoft.CREATE)
    microsoft.order(mode="timeout_after", path=at_microsoft.CREATE)
    output = tmp_path / "worker.out"
    workers = [_start_worker(test_database.app_url, output)]
    try:
        _await(
            lambda: len(microsoft.asked(path=at_microsoft.CREATE)) == 2, what="The worker asked nothing", output=output
        )
        workers[0].send_signal(signal.SIGKILL)
        workers[0].wait()
        scope.enter(partner_id=world.id)
        assert sorted(len(microsoft.tenants_of(account.domain)) for account in accounts) == [0, 1]
        assert {at_microsoft.again(account).state for account in accounts} == {AccountState.CREATING}
        lost = microsoft.ids(path=at_microsoft.CREATE)
        # Its last sign of life lies far back: nobody has to wait for that here.
        owner_connection.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")

        workers.append(_start_worker(test_database.app_url, output))
        _await(
            lambda: {at_microsoft.again(account).state for account in accounts} == {AccountState.LINKED},
            what="The second worker didn't finish",
            output=output,
        )
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    for account in accounts:
        found = at_microsoft.assert_linked_once(microsoft, account)
        assert len(microsoft.agreements(found)) == 1
        shown = csp_accounts.take_first_password(by=world.actor, account_id=found.id, at=factories.NOW)
        assert shown["user_name"] == f"admin@{found.domain}"
    assert sorted(microsoft.ids(path=at_microsoft.CREATE)) == sorted(lost * 2)
