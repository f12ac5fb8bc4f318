"""Syncs against the emulator over HTTP: prices arrive, a cut or an outage leaves the catalogue as it was."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from tests import factories

from msphub.accounts.models import MicrosoftConnection
from msphub.catalog import permissions, prices, sheets, sync
from msphub.catalog.choices import Category, Shelf, SyncState
from msphub.catalog.models import CatalogSync, Price, PriceCost, Sku
from msphub.kit import scope
from msphub.kit.errors import Forbidden, Refused
from msphub.microsoft import errors
from msphub.microsoft import prices as microsoft_prices
from partner_center_emulator import testing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(transactional_db: None, emulator: testing.Running) -> factories.PartnerWorld:
    world = factories.make_partner()
    factories.connect_to_microsoft(world, url=emulator.url, known=emulator.partners[0])
    return world


def _run(world: factories.PartnerWorld) -> CatalogSync:
    scope.enter(partner_id=world.id)
    return CatalogSync.objects.filter(partner_id=world.id).latest("created_at")


def test_a_sync_brings_microsofts_products_prices_and_what_skus_need(
    world: factories.PartnerWorld, run_jobs: Callable[[], None]
) -> None:
    assert [run.market for run in sync.start_sync(by=world.actor, at=factories.NOW)] == ["US"]
    assert sync.start_sync(by=world.actor, at=factories.NOW) == []  # clicked twice
    run_jobs()
    run = _run(world)
    assert (run.state, run.error) == (SyncState.DONE, "")
    assert run.prices_added > 100
    assert Price.objects.filter(market="US", currency="USD").count() == run.prices_added == PriceCost.objects.count()
    assert run.details_read
    assert Sku.objects.exclude(prerequisites=[]).exists()
    assert not Sku.objects.filter(prices__market="US", details_at=None).exists()
    sync.start_sync(by=world.actor, at=factories.NOW + datetime.timedelta(hours=1))
    run_jobs()
    again = _run(world)
    assert again.id != run.id
    assert (again.state, again.prices_added, again.prices_changed, again.prices_ended) == (SyncState.DONE, 0, 0, 0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pg_temp.catalog_sheet')")
        assert cursor.fetchone()[0] is None


def test_software_comes_by_a_sheet_of_its_own_and_stays_when_that_is_refused(
    world: factories.PartnerWorld, run_jobs: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sync.start_sync(by=world.actor, at=factories.NOW)
    run_jobs()
    scope.enter(partner_id=world.id)
    software = Price.objects.filter(product__shelf=Shelf.SOFTWARE, market="US")
    perpetual = software.filter(product__category=Category.PERPETUAL)
    subscribed = software.filter(product__category=Category.SOFTWARE)
    # Bought once without a term; by the year or three, paid once or by the year.
    assert set(perpetual.values_list("term", "plan")) == {("", "one_time")}
    assert set(subscribed.values_list("term", flat=True)) == {"P1Y", "P3Y"}
    assert set(subscribed.values_list("plan", flat=True)) <= {"annual", "triennial", "one_time"}
    assert PriceCost.objects.filter(price__in=software).count() == software.count() > 10
    one = subscribed.filter(term="P3Y", valid_before=None)[0]
    found = prices.prices_for(
        by=world.actor,
        lines=[
            prices.Line(
                sku_id=one.sku_id,
                scope=prices.Scope(market="US", currency="USD", segments=("commercial",)),
                term=one.term,
                plan=one.plan,
                quantity=3,
                on=max(one.valid_from, factories.NOW.date()),
            )
        ],
    )
    assert found[0] is not None
    assert found[0].list_price == one.list_price
    before = set(software.values_list("id", "list_price", "valid_before"))

    def refused(**asked: Any) -> Any:
        if asked["view"] == microsoft_prices.SOFTWARE:
            raise errors.Refused("Not for this partner.", status=403)
        return load(**asked)

    load = sync._load
    monkeypatch.setattr(sync, "_load", refused)
    sync.start_sync(by=world.actor, at=factories.NOW + datetime.timedelta(hours=1))
    run_jobs()
    run = _run(world)
    assert (run.state, run.prices_ended) == (SyncState.DONE, 0)
    scope.enter(partner_id=world.id)
    assert set(software.values_list("id", "list_price", "valid_before")) == before


def test_a_worker_that_dies_amid_a_sheet_leaves_the_catalogue_and_the_next_goes_on(
    world: factories.PartnerWorld, run_jobs: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def dies(*_arguments: Any, **_names: Any) -> None:
        raise Killed

    (run,) = sync.start_sync(by=world.actor, at=factories.NOW)
    for name in ("apply", "end"):
        with monkeypatch.context() as patch:
            patch.setattr(sheets, name, dies)
            with pytest.raises(Killed):
                sync.work_on_sync(partner_id=world.id, sync_id=run.id)
        sheets.end()  # as the connection of a killed worker does
        scope.enter(partner_id=world.id)
        if name == "apply":
            assert not Price.objects.exists()
    run_jobs()
    assert _run(world).state == SyncState.DONE
    assert Price.objects.filter(market="US").count() == PriceCost.objects.count() > 100


def test_an_outage_is_shown_and_tried_again(world: factories.PartnerWorld) -> None:
    MicrosoftConnection.objects.filter(partner_id=world.id).update(login_url="http://127.0.0.1:9")
    (run,) = sync.start_sync(by=world.actor, at=factories.NOW)
    with pytest.raises(sync.TryLater):
        sync.work_on_sync(partner_id=world.id, sync_id=run.id)
    scope.enter(partner_id=world.id)
    seen = _run(world)
    assert seen.next_try_at is not None
    assert seen.error
    assert not Price.objects.exists()


def test_only_who_may_starts_a_sync_of_a_market_that_is_needed(world: factories.PartnerWorld) -> None:
    reader = factories.actor_of(factories.add_colleague(world))
    assert not reader.may(permissions.MANAGE_CATALOGUE)
    with pytest.raises(Forbidden):
        sync.start_sync(by=reader, at=factories.NOW)
    with pytest.raises(Refused):
        sync.start_sync(by=world.actor, at=factories.NOW, market="JP")
    unconnected = factories.make_partner(name="Unconnected")
    with pytest.raises(Refused):
        sync.start_sync(by=unconnected.actor, at=factories.NOW)
    assert not CatalogSync.objects.exists()
