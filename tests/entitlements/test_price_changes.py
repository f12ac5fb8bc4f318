"""A coming price change: whom it hits, when, and by how much."""

import datetime
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import factories
from tests.catalog.discounts import bands, make_discount
from tests.catalog.discounts import sku as sku_of
from tests.entitlements.held import hold, price

from msphub.accounts.choices import Role
from msphub.catalog import prices
from msphub.catalog.choices import CustomerSegment, Plan, Term
from msphub.catalog.inputs import Rates
from msphub.catalog.models import DiscountVersion, Sku
from msphub.customers import buyers, rates
from msphub.customers.choices import AccountMode, AccountState
from msphub.customers.models import CspAccount, CustomerTypeDiscount
from msphub.customers.rates import AskedFor
from msphub.entitlements import cycles, price_changes
from msphub.entitlements.choices import ChangeKind, State
from msphub.entitlements.price_changes import Change, Hit, Narrowed
from msphub.kit.errors import Forbidden, NotFound
from msphub.kit.lists import Wanted

pytestmark = pytest.mark.django_db
TODAY = factories.NOW.date()
DAY = datetime.timedelta(days=1)
BY_DAY = Wanted(sort="from")


@pytest.fixture
def world(db: None) -> factories.PartnerWorld:
    return factories.make_partner()


@pytest.fixture
def sku(world: factories.PartnerWorld) -> Sku:
    """Sold at 120.00 for a year, billed monthly, since January."""
    found = sku_of(world)
    price(found, "120.00", from_on=datetime.date(2026, 1, 1))
    return Sku.objects.select_related("product__vendor").get(id=found.id)


def follow(sku: Sku, amount: str, *, from_on: datetime.date, **which: Any) -> Any:
    """Let a price follow the one in force."""
    sku.prices.filter(valid_before=None, **which).update(valid_before=from_on)
    return price(sku, amount, from_on=from_on, **which)


def changes(world: factories.PartnerWorld, **narrowed: Any) -> list[Change]:
    return price_changes.changes_page(by=world.actor, on=TODAY, wanted=BY_DAY, narrowed=Narrowed(**narrowed)).rows


def hits(world: factories.PartnerWorld, change: Change) -> list[Hit]:
    return list(price_changes.all_hits(by=world.actor, on=TODAY, change=change))


def give(world: factories.PartnerWorld, percent: int, **more: Any) -> None:
    """Give the customers' type a discount of Microsoft's licences from next year on."""
    discount = make_discount(world, rates=Rates(percent=Decimal(percent)), **more)
    DiscountVersion.objects.filter(discount=discount).update(valid_from=datetime.date(2027, 1, 1))
    CustomerTypeDiscount.objects.create(
        partner_id=world.id, customer_type=world.customer_type, country=discount.country, discount=discount,
        vendor=discount.vendor, category=discount.category,
    )  # fmt: skip


def test_a_coming_price_hits_at_the_renewal_after_it_with_the_discount_of_that_day(
    world: factories.PartnerWorld, sku: Sku
) -> None:
    customer = factories.make_customer(world)
    held = hold(world, customer, sku, list_price="120.00", bought_on=datetime.date(2026, 3, 31), percent=5)
    coming = follow(sku, "132.00", from_on=datetime.date(2027, 1, 1))
    give(world, 10)
    change = changes(world)[0]
    assert (change.id, change.kind) == (coming.id, ChangeKind.COMING)
    assert (change.list_before, change.list_after, change.percent) == (Decimal(120), Decimal(132), Decimal(10))
    hit = hits(world, change)[0]
    assert hit.product_id == held.id
    assert (hit.unit_now, hit.list_now, hit.percent_now) == (Decimal("9.50"), Decimal(10), Decimal(5))
    # Not in January but when its year is over, with what the discount is then.
    assert hit.effect_on == datetime.date(2027, 3, 31)
    assert (hit.list_then, hit.percent_then, hit.unit_then) == (Decimal(11), Decimal(10), Decimal("9.90"))
    assert "2027-01-01" in hit.reason_then
    assert hit.unit_difference == Decimal("0.40")
    assert hit.difference == Decimal("4.00")
    total = price_changes.totals(by=world.actor, on=TODAY, changes=[change])[change.key]
    assert (total.customers, total.products, total.quantity, total.difference) == (1, 1, 10, Decimal("4.00"))
    assert total.first_on == total.last_on == hit.effect_on
    assert not total.more


def test_monthly_terms_are_hit_by_the_first_renewal_on_or_after_the_day(
    world: factories.PartnerWorld, sku: Sku
) -> None:
    price(sku, "14.00", from_on=datetime.date(2026, 1, 1), term=Term.MONTH)
    customer = factories.make_customer(world)
    hold(world, customer, sku, list_price="14.00", bought_on=datetime.date(2026, 10, 31), term=Term.MONTH)
    for day, expected in (
        ((2026, 11, 30), (2026, 11, 30)),
        ((2026, 12, 1), (2026, 12, 31)),
        ((2027, 2, 1), (2027, 2, 28)),
        ((2027, 3, 1), (2027, 3, 31)),
    ):
        follow(sku, "15.00", from_on=datetime.date(*day), term=Term.MONTH)
        assert hits(world, changes(world)[0])[0].effect_on == datetime.date(*expected), day
        sku.prices.filter(term=Term.MONTH, valid_before=None).delete()
        sku.prices.filter(term=Term.MONTH).update(valid_before=None)


def test_a_price_in_force_still_lies_ahead_of_who_bought_before_it(world: factories.PartnerWorld, sku: Sku) -> None:
    early, late = factories.make_customer(world, name="Early"), factories.make_customer(world, name="Late")
    hold(world, early, sku, list_price="120.00", bought_on=datetime.date(2026, 2, 1))
    new = follow(sku, "108.00", from_on=datetime.date(2026, 11, 1))
    hold(world, late, sku, list_price="108.00", bought_on=datetime.date(2026, 11, 10))
    change = changes(world)[0]
    assert (change.id, change.kind) == (new.id, ChangeKind.IN_FORCE)
    found = hits(world, change)
    assert [hit.customer for hit in found] == ["Early"]
    assert found[0].difference == Decimal("-10.00")
    # Once another price follows before the renewal, that one is what it meets.
    next_one = follow(sku, "150.00", from_on=datetime.date(2027, 1, 15))
    assert [(one.id, one.kind) for one in changes(world)] == [(next_one.id, ChangeKind.COMING)]
    assert {hit.customer for hit in hits(world, changes(world)[0])} == {"Early", "Late"}


def test_what_is_no_longer_sold_is_shown_without_a_price(world: factories.PartnerWorld, sku: Sku) -> None:
    customer = factories.make_customer(world)
    hold(world, customer, sku, list_price="120.00", bought_on=datetime.date(2026, 2, 1))
    sku.prices.update(valid_before=TODAY - 3 * DAY)
    change = changes(world)[0]
    assert (change.kind, change.from_on, change.list_after) == (ChangeKind.GONE, TODAY - 3 * DAY, None)
    hit = hits(world, change)[0]
    assert (hit.effect_on, hit.unit_then, hit.difference) == (datetime.date(2027, 2, 1), None, None)
    assert price_changes.totals(by=world.actor, on=TODAY, changes=[change])[change.key].difference is None
    # It comes back at the same price: nothing lies ahead.
    price(sku, "120.00", from_on=TODAY)
    assert not changes(world)


@pytest.mark.parametrize("why", ["cancelled", "suspended", "not renewed", "other currency", "other plan", "once"])
def test_who_is_not_hit(world: factories.PartnerWorld, sku: Sku, why: str) -> None:
    customer = factories.make_customer(world)
    held = hold(
        world, customer, sku, list_price="120.00", bought_on=datetime.date(2026, 2, 1),
        plan=Plan.ANNUAL if why == "other plan" else Plan.ONE_TIME if why == "once" else Plan.MONTHLY,
        term=Term.NONE if why == "once" else Term.YEAR, auto_renew=why != "not renewed",
        currency="EUR" if why == "other currency" else "USD",
    )  # fmt: skip
    if why in ("cancelled", "suspended"):
        held.state = State.CANCELLED if why == "cancelled" else State.SUSPENDED
        held.save()
    if why == "once":
        price(sku, "120.00", from_on=datetime.date(2026, 1, 1), term=Term.NONE, plan=Plan.ONE_TIME)
        follow(sku, "130.00", from_on=TODAY + DAY, term=Term.NONE, plan=Plan.ONE_TIME)
    follow(sku, "132.00", from_on=TODAY + DAY, term=Term.YEAR)
    found = changes(world)
    assert found
    assert not [hit for change in found for hit in hits(world, change)]
    assert price_changes.totals(by=world.actor, on=TODAY, changes=found) == {}
    assert not changes(world, hitting=True)


def test_country_segment_and_quantity_decide_which_price_it_is(world: factories.PartnerWorld, sku: Sku) -> None:
    customer = factories.make_customer(world)
    account = CspAccount.objects.create(
        partner_id=world.id, customer_id=customer.id, mode=AccountMode.EXISTING, state=AccountState.LINKED,
        domain="w.onmicrosoft.com", company_name="W", country="DE", microsoft_tenant_id=uuid.uuid4(),
        qualification="nonprofit", created_at=factories.NOW, linked_at=factories.NOW,
    )  # fmt: skip
    hold(world, customer, sku, list_price="60.00", bought_on=datetime.date(2026, 2, 1), account=account, quantity=40)
    later = TODAY + DAY
    price(sku, "1.00", from_on=later, market="US", segment="nonprofit")
    price(sku, "2.00", from_on=later, market="DE", segment="commercial")
    price(sku, "3.00", from_on=later, market="DE", segment="nonprofit", tier_to=30)
    right = price(sku, "24.00", from_on=later, market="DE", segment="nonprofit", tier_from=31)
    assert [one.id for one in changes(world, hitting=True)] == [right.id]
    assert hits(world, changes(world, hitting=True)[0])[0].list_then == Decimal(2)


def test_own_products_follow_the_same_rule(world: factories.PartnerWorld) -> None:
    coro = Sku.objects.select_related("product__vendor").get(id=sku_of(world, "CORO-COMPLETE").id)
    price(coro, "120.00", from_on=datetime.date(2026, 1, 1), market="", segment="")
    customer = factories.make_customer(world)
    hold(world, customer, coro, list_price="120.00", bought_on=datetime.date(2026, 6, 1))
    price(coro, "180.00", from_on=TODAY + DAY, market="US", segment="")
    change = changes(world, hitting=True)[0]
    assert hits(world, change)[0].difference == Decimal("50.00")
    held = hits(world, change)[0].product_id
    product = price_changes.PurchasedProduct.objects.get(id=held)
    assert [hit.effect_on for hit in price_changes.ahead_of(by=world.actor, on=TODAY, product=product)] == [
        datetime.date(2027, 6, 1)
    ]
    assert price_changes.changes_of(by=world.actor, on=TODAY, product_id=coro.product_id) == 1


def test_the_list_pages_searches_and_filters(world: factories.PartnerWorld, sku: Sku) -> None:
    customer = factories.make_customer(world)
    hold(world, customer, sku, list_price="120.00", bought_on=datetime.date(2026, 2, 1))
    coro = Sku.objects.select_related("product__vendor").get(id=sku_of(world, "CORO-COMPLETE").id)
    follow(sku, "132.00", from_on=TODAY + 2 * DAY)
    price(coro, "180.00", from_on=TODAY + DAY, market="US", segment="")
    assert [one.sku for one in changes(world)] == [coro.title, sku.title]
    assert [one.sku for one in changes(world, search="coro comp")] == [coro.title]
    assert [one.sku for one in changes(world, vendors=["microsoft"])] == [sku.title]
    assert [one.sku for one in changes(world, hitting=True)] == [sku.title]
    assert not changes(world, kinds=[ChangeKind.GONE])
    first = price_changes.changes_page(by=world.actor, on=TODAY, wanted=Wanted(sort="from", size=1))
    assert (first.count, first.has_next) == (2, True)
    rest = price_changes.changes_page(by=world.actor, on=TODAY, wanted=Wanted(sort="from", size=1, after=first.keys[0]))
    assert [one.sku for one in rest.rows] == [sku.title]
    assert [one.sku for one in price_changes.all_changes(by=world.actor, on=TODAY, narrowed=Narrowed())] == [
        coro.title, sku.title,
    ]  # fmt: skip


def test_a_change_that_hits_many_hides_no_other(
    world: factories.PartnerWorld, sku: Sku, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer = factories.make_customer(world)
    coro = Sku.objects.select_related("product__vendor").get(id=sku_of(world, "CORO-COMPLETE").id)
    price(coro, "120.00", from_on=datetime.date(2026, 1, 1), market="", segment="")
    for one, times in ((sku, 5), (coro, 1)):
        for _time in range(times):
            hold(world, customer, one, list_price="120.00", bought_on=datetime.date(2026, 2, 1))
        follow(one, "132.00", from_on=TODAY + DAY, **({"market": "", "segment": ""} if one == coro else {}))
    monkeypatch.setattr(price_changes, "MOST_SUMMED", 4)
    found = changes(world)
    totals = price_changes.totals(by=world.actor, on=TODAY, changes=found)
    assert {(one.sku, totals[one.key].products, totals[one.key].more) for one in found} == {
        (sku.title, 2, True),
        (coro.title, 1, False),
    }


def test_only_the_partners_own_people_may_ask(world: factories.PartnerWorld, sku: Sku) -> None:
    customer = factories.make_customer(world)
    hold(world, customer, sku, list_price="120.00", bought_on=datetime.date(2026, 2, 1))
    follow(sku, "132.00", from_on=TODAY + DAY)
    change = changes(world)[0]
    admin = factories.actor_of(factories.admin_of(customer))
    for ask in (
        lambda by: price_changes.changes_page(by=by, on=TODAY, wanted=BY_DAY),
        lambda by: price_changes.hits_page(by=by, on=TODAY, change=change, wanted=Wanted(sort="customer")),
        lambda by: price_changes.totals(by=by, on=TODAY, changes=[change]),
        lambda by: rates.rates_of_many(by=by, asked=[]),
    ):
        with pytest.raises(Forbidden):
            ask(admin)
    reader = factories.actor_of(factories.add_colleague(world, role=Role.READ_ONLY))
    assert price_changes.get_change(by=reader, on=TODAY, price_id=change.id, kind=change.kind) == change
    stranger = factories.make_partner(name="Stranger")
    assert not price_changes.changes_page(by=stranger.actor, on=TODAY, wanted=BY_DAY).rows
    with pytest.raises(NotFound):
        price_changes.get_change(by=stranger.actor, on=TODAY, price_id=change.id, kind=change.kind)


def test_rates_of_many_customers_are_those_of_each(world: factories.PartnerWorld, sku: Sku) -> None:
    discount = make_discount(world, category="slab", rates=bands((1, 10, 5), (11, None, 20)))
    CustomerTypeDiscount.objects.create(
        partner_id=world.id, customer_type=world.customer_type, country="US", discount=discount, vendor="microsoft",
        category="slab",
    )  # fmt: skip
    some = [factories.make_customer(world, name=name) for name in ("Able", "Baker")]
    day = datetime.date(2027, 1, 1)
    asked = [
        AskedFor(customer_id=one.id, sku_id=sku.id, on=day, quantity=quantity) for quantity in (12, 3) for one in some
    ]
    found = rates.rates_of_many(by=world.actor, asked=asked)
    assert [rate and rate.percent for rate in found] == [Decimal(20), Decimal(20), Decimal(5), Decimal(5)]
    for one, rate in zip(asked, found, strict=True):
        alone = rates.rates_for(
            by=world.actor, customer_id=one.customer_id,
            asked=[rates.rates.Asked(sku_id=one.sku_id, on=one.on, quantity=one.quantity)],
        )  # fmt: skip
        assert alone == [rate]


@settings(max_examples=200, deadline=None)
@given(
    anchor=st.dates(datetime.date(2024, 1, 1), datetime.date(2027, 12, 31)),
    term=st.sampled_from([Term.MONTH, Term.YEAR, Term.THREE_YEARS]),
    number=st.integers(1, 30),
    days=st.integers(-40, 1500),
)
def test_the_day_of_a_renewal_is_that_of_the_terms(anchor: datetime.date, term: Term, number: int, days: int) -> None:
    terms = cycles.terms(starts_on=anchor, term=term)
    ends = [next(terms).ends_before for _one in range(number)][-1]
    earliest = ends + datetime.timedelta(days=days)
    expected = ends
    while expected < earliest:
        expected = next(terms).ends_before
    with connection.cursor() as cursor:
        cursor.execute("SELECT entitlements_renewal_on(%s, %s, %s, %s)", [anchor, ends, term, earliest])
        assert cursor.fetchone() == (expected,)


def test_what_ends_on_a_day_of_its_own_is_counted_on_from_there() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT entitlements_renewal_on(%s, %s, 'P1Y', %s)",
            [datetime.date(2026, 2, 3), datetime.date(2026, 6, 30), datetime.date(2027, 1, 1)],
        )
        assert cursor.fetchone() == (datetime.date(2027, 6, 30),)


def test_the_rules_in_sql_are_those_in_python() -> None:
    with connection.cursor() as cursor:
        for term in Term:
            for plan in Plan:
                cursor.execute(
                    f"SELECT {prices.PERIODS.format('x')} FROM (SELECT %s::text AS term, %s::text AS plan) x",
                    [term, plan],
                )
                periods = prices.periods(term=term, plan=plan)
                assert cursor.fetchone() == (periods,), (term, plan)
        for qualification in ("commercial", "education", "nonprofit", "government"):
            for vetting in ("Approved", "InReview", ""):
                cursor.execute(
                    f"SELECT {buyers.SEGMENTS} FROM (SELECT %s::text AS qualification, %s::text AS vetting_status) t",
                    [qualification, vetting],
                )
                account = buyers.BuyerAccount(
                    id=uuid.uuid4(), domain="", company_name="", country="US", state=AccountState.LINKED,
                    qualification=qualification, vetting_status=vetting, has_agreement=True, agreement_confirmed=True,
                )  # fmt: skip
                assert cursor.fetchone()[0].split(",") == [str(one) for one in account.segments]
        cursor.execute(
            f"SELECT {buyers.SEGMENTS} FROM (SELECT NULL::text AS qualification, NULL::text AS vetting_status) t"
        )
        assert cursor.fetchone() == (str(CustomerSegment.COMMERCIAL),)
