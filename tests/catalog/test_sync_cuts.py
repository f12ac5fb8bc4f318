"""A sync that is cut anywhere: the catalogue is the old or the new one, and the next worker ends the run once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob
from tests import factories
from tests.config.test_worker import stall, take_over
from tests.customers import at_microsoft
from tests.lifecycle.mortality import Death, Mortality

from msphub.audit.models import Entry
from msphub.catalog import events, sheets, sync, tasks
from msphub.catalog.choices import OPEN_SYNC, SyncState
from msphub.catalog.models import CatalogSync, Price, PriceCost, Sku
from msphub.kit import scope
from msphub.microsoft import wire
from partner_center_emulator import testing

type RunJobs = Callable[[], None]
type Connection = psycopg.Connection[Any]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.fixture
def make_world(transactional_db: None, emulator: testing.Running) -> Callable[[], factories.PartnerWorld]:
    emulator.emulator.settings.throttling = False

    def make() -> factories.PartnerWorld:
        at_microsoft.forget_turns()
        world = factories.make_partner()
        factories.connect_to_microsoft(world, url=emulator.url, known=emulator.partners[0])
        return world

    return make


def prices_of(world: factories.PartnerWorld) -> int:
    scope.enter(partner_id=world.id)
    count = Price.objects.filter(partner_id=world.id).count()
    assert PriceCost.objects.filter(partner_id=world.id).count() == count
    return count


def check_done(world: factories.PartnerWorld, run: CatalogSync, *, prices: int, place: str) -> None:
    assert prices_of(world) == prices, place
    run.refresh_from_db()
    assert (run.state, run.error, run.prices_added) == (SyncState.DONE, "", prices), place
    assert not Sku.objects.filter(partner_id=world.id, prices__market="US", details_at=None).exists(), place
    assert Entry.objects.filter(partner_id=world.id, event=events.SYNC_DONE).count() == 1, place


def synced(make_world: Callable[[], factories.PartnerWorld], monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[str]]:
    """Return how many prices a run that nothing cuts brings, and what it did that lasts."""
    world = make_world()
    (run,) = sync.start_sync(by=world.actor, at=factories.NOW)
    immortal = Mortality(at=0, lasting=True)
    with immortal.around(monkeypatch):
        sync.work_on_sync(partner_id=world.id, sync_id=run.id)
    signing_in = ("/oauth2/", "microsoftconnection")  # the next run need not
    return prices_of(world), [place for place in immortal.places if not any(word in place for word in signing_in)]


def test_a_worker_killed_anywhere_leaves_a_whole_catalogue_and_the_next_ends_the_run_once(
    make_world: Callable[[], factories.PartnerWorld],
    run_jobs: RunJobs,
    owner_connection: Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, places = synced(make_world, monkeypatch)
    assert whole > 100
    seen = set()
    # While it reads the sheets, before and after it applies them, and among the products, which are all alike.
    applied = places.index("after commit") + 1
    for point in (1, applied // 2, applied - 1, applied, applied + 4):
        world = make_world()
        (run,) = sync.start_sync(by=world.actor, at=factories.NOW)
        job = ProcrastinateJob.objects.get(status="todo", args__sync_id=str(run.id))
        stall(owner_connection, job.id, seconds=60)
        mortality = Mortality(at=point, lasting=True)
        with pytest.raises(Death), mortality.around(monkeypatch):
            tasks.sync_market(**job.args)
        sheets.end()  # as the server does when the connection of a dead process is gone
        scope.enter(partner_id=world.id)
        run.refresh_from_db()
        assert run.state in OPEN_SYNC, mortality.place
        assert prices_of(world) == (whole if run.state == SyncState.DETAILS else 0), mortality.place
        seen.add(run.state)
        assert take_over() == [job.id]
        run_jobs()
        check_done(world, run, prices=whole, place=mortality.place)
    assert seen == {SyncState.WAITING, SyncState.DOWNLOADING, SyncState.APPLYING, SyncState.DETAILS}


@pytest.mark.parametrize("after", [0, 3_000])
def test_a_sheet_that_breaks_off_amid_its_rows_changes_nothing_and_is_read_again(
    make_world: Callable[[], factories.PartnerWorld], run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    world = make_world()
    (run,) = sync.start_sync(by=world.actor, at=factories.NOW)
    raw, cut = httpx.Response.iter_raw, list[str]()

    def broken(response: httpx.Response, chunk_size: int | None = None) -> Iterator[bytes]:
        """Give so many bytes of a price sheet, the first time, and then lose the connection."""
        if "sheets" not in str(response.url) or cut:
            yield from raw(response, chunk_size)
            return
        cut.append(str(response.url))
        yield b"".join(raw(response, chunk_size))[:after]
        raise httpx.ReadError("cut on purpose")

    with monkeypatch.context() as patch:
        patch.setattr(httpx.Response, "iter_raw", broken)
        with pytest.raises(sync.TryLater):
            sync.work_on_sync(partner_id=world.id, sync_id=run.id)
    assert len(cut) == 1
    run.refresh_from_db()
    assert run.next_try_at is not None
    assert "broke amid the answer" in run.error
    assert prices_of(world) == 0
    run_jobs()
    check_done(world, run, prices=prices_of(world), place="")
    assert prices_of(world) > 100


def test_a_worker_thought_dead_that_wakes_up_ends_nothing_again(
    make_world: Callable[[], factories.PartnerWorld], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _places = synced(make_world, monkeypatch)
    send = wire.Wire.send
    for point in (1, 12):
        world = make_world()
        (run,) = sync.start_sync(by=world.actor, at=factories.NOW)
        asked: list[str] = []
        with monkeypatch.context() as patch:
            patch.setattr(wire.Wire, "send", _overtaken(send, asked, point=point, run=run, patch=patch))
            sync.work_on_sync(partner_id=world.id, sync_id=run.id)
        assert len(asked) == point
        check_done(world, run, prices=whole, place=asked[-1])


def _overtaken(
    send: Callable[..., httpx.Response], asked: list[str], *, point: int, run: CatalogSync, patch: pytest.MonkeyPatch
) -> Callable[..., httpx.Response]:
    def overtaken(known: wire.Wire, *, method: str, url: str, **more: Any) -> httpx.Response:
        asked.append(f"{method} {url}")
        if len(asked) == point:
            patch.undo()
            with ThreadPoolExecutor(max_workers=1) as thread:
                thread.submit(_as_another_worker, run).result()
        return send(known, method=method, url=url, **more)

    return overtaken


def _as_another_worker(run: CatalogSync) -> None:
    """Do a run on a connection of its own."""
    try:
        with scope.scope(partner_id=run.partner_id):
            sync.work_on_sync(partner_id=run.partner_id, sync_id=run.id)
    finally:
        connection.close()
