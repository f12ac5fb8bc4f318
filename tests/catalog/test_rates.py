"""Which rate holds, and why; against a slow reference."""

import dataclasses
import datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import factories
from tests.catalog import discounts
from tests.catalog.discounts import TODAY, TOMORROW, KnownDiscount, bands, day, item, make_discount, sku

from msphub.catalog import inputs, rates
from msphub.catalog.choices import CATEGORIES_OF, DiscountCategory
from msphub.catalog.inputs import Rates
from msphub.catalog.models import DiscountVersion
from msphub.catalog.rates import Asked
from msphub.kit import scope
from msphub.kit.errors import Forbidden

pytestmark = pytest.mark.django_db


def test_itemized_beats_slab_beats_default_with_the_reason(world: factories.PartnerWorld) -> None:
    basic = sku(world)
    default = make_discount(world, category="default")
    slab = make_discount(world, category="slab", rates=bands((1, 9, 5), (10, None, 7)))
    itemized = make_discount(world, category="itemized", rates=Rates(items=(item(basic, 3),)))
    all_three = [default.id, slab.id, itemized.id]

    found = rates.rate(by=world.actor, discount_ids=all_three, sku_id=basic.id, on=TODAY, quantity=10)
    assert found is not None
    assert (found.percent, found.discount_id) == (Decimal(3), itemized.id)
    assert found.reason == f"Itemized v1, valid from {TODAY.isoformat()}, beats Slab, Default"

    found = rates.rate(by=world.actor, discount_ids=all_three[:2], sku_id=basic.id, on=TODAY, quantity=10)
    assert found is not None
    assert (found.percent, found.from_quantity) == (Decimal(7), 10)
    assert found.reason == f"Slab v1, valid from {TODAY.isoformat()}, beats Default"

    found = rates.rate(by=world.actor, discount_ids=[default.id], sku_id=basic.id, on=TODAY)
    assert found is not None
    assert found.reason == f"Default v1, valid from {TODAY.isoformat()}"


def test_a_rate_of_a_sku_beats_that_of_its_product(world: factories.PartnerWorld) -> None:
    basic, trial = sku(world), sku(world, number="0002")
    itemized = make_discount(
        world, category="itemized", rates=Rates(items=(item(basic, 0), item(basic, 8, whole_product=True)))
    )
    found = rates.rates_of(by=world.actor, discount_ids=[itemized.id], sku_ids=[basic.id, trial.id], on=TODAY)
    assert found[basic.id].percent == 0  # no discount is a rate too
    assert found[trial.id].percent == 8
    assert found[basic.id].beaten == ()


def test_azure_plan_is_for_usage_and_default_for_licences(world: factories.PartnerWorld) -> None:
    basic, azure = sku(world), sku(world, "DZH318Z0BPS6")
    default = make_discount(world)
    slab = make_discount(world, category="slab", rates=bands((1, None, 5)))
    plan = make_discount(world, category="azure_plan", rates=Rates(percent=Decimal(4)))
    ids = [default.id, slab.id, plan.id]
    found = rates.rates_of(by=world.actor, discount_ids=ids, sku_ids=[basic.id, azure.id], on=TODAY)
    assert found[azure.id].category == DiscountCategory.AZURE_PLAN
    assert found[basic.id].category == DiscountCategory.SLAB
    assert rates.rates_of(by=world.actor, discount_ids=[plan.id], sku_ids=[basic.id], on=TODAY) == {}


def test_a_discount_of_one_vendor_is_none_of_another(world: factories.PartnerWorld) -> None:
    coro = sku(world, "CORO-ESSENTIALS")
    microsoft = make_discount(world)
    own = make_discount(world, vendor="coro", rates=Rates(percent=Decimal(12)))
    assert rates.rate(by=world.actor, discount_ids=[microsoft.id], sku_id=coro.id, on=TODAY) is None
    found = rates.rate(by=world.actor, discount_ids=[microsoft.id, own.id], sku_id=coro.id, on=TODAY)
    assert found is not None
    assert found.percent == 12


def test_before_its_first_day_and_of_another_partner_nothing_holds(world: factories.PartnerWorld) -> None:
    basic = sku(world)
    coming = make_discount(world, valid_from=TOMORROW)
    assert rates.rate(by=world.actor, discount_ids=[coming.id], sku_id=basic.id, on=TODAY) is None
    assert rates.rate(by=world.actor, discount_ids=[coming.id], sku_id=basic.id, on=TOMORROW) is not None
    stranger = factories.make_partner(name="Stranger")
    assert rates.rate(by=stranger.actor, discount_ids=[coming.id], sku_id=basic.id, on=TOMORROW) is None
    assert rates.rate(by=stranger.actor, discount_ids=[coming.id], sku_id=sku(stranger).id, on=TOMORROW) is None


def test_a_customers_user_can_not_ask_for_rates(world: factories.PartnerWorld) -> None:
    discount = make_discount(world)
    basic = sku(world)
    customer = factories.make_customer(world)
    admin = factories.actor_of(factories.admin_of(customer))
    scope.enter(partner_id=world.id, customer_id=customer.id)
    with pytest.raises(Forbidden):
        rates.rate(by=admin, discount_ids=[discount.id], sku_id=basic.id, on=TODAY)


_PERCENTS = st.decimals(min_value=0, max_value=100, places=2)
_SKUS = (
    ("CFQ7TTC0LH18", "0001"),
    ("CFQ7TTC0LH18", "0002"),
    ("CFQ7TTC0LFLX", "0005"),
    ("DZH318Z0BPS6", "0001"),
    ("CORO-ESSENTIALS", "0001"),
    ("HUB-BACKUP", "0001"),
    ("HUB-BACKUP", "0002"),
)
_VENDOR_OF = dict.fromkeys(range(4), "microsoft") | {4: "coro", 5: "msp_hub", 6: "msp_hub"}


@st.composite
def _edges(draw: st.DrawFn) -> list[tuple[int, int | None, Decimal]]:
    starts = [1, *sorted(draw(st.sets(st.integers(2, 60), max_size=4)))]
    ends = [start - 1 for start in starts[1:]]
    return [(first, last, draw(_PERCENTS)) for first, last in zip(starts, [*ends, None], strict=True)]


@st.composite
def _drawn_version(draw: st.DrawFn, category: str, positions: list[int]) -> dict[str, object]:
    if category in ("default", "azure_plan"):
        return {"percent": draw(_PERCENTS)}
    if category == "slab":
        return {"bands": draw(_edges())}
    whole = st.just(True) if category == "product" else st.booleans()
    return {"items": draw(st.lists(st.tuples(st.sampled_from(positions), whole, _PERCENTS), min_size=1, max_size=4))}


@st.composite
def _drawn_discount(draw: st.DrawFn) -> tuple[str, str, dict[int, dict[str, object]]]:
    vendor = draw(st.sampled_from(["microsoft", "microsoft", "microsoft", "coro", "msp_hub"]))
    category = str(draw(st.sampled_from(CATEGORIES_OF[vendor])))
    positions = [position for position, of in _VENDOR_OF.items() if of == vendor]
    offsets = draw(st.lists(st.integers(0, 6), min_size=1, max_size=3, unique=True))
    return vendor, category, {offset: draw(_drawn_version(category, positions)) for offset in offsets}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=st.lists(_drawn_discount(), min_size=1, max_size=4),
    asked=st.lists(
        st.tuples(st.sampled_from(range(7)), st.integers(1, 70), st.integers(-1, 7)), min_size=1, max_size=8
    ),
)
def test_any_discounts_agree_with_the_reference_one_by_one_and_all_at_once(
    drawn: list[tuple[str, str, dict[int, dict[str, object]]]], asked: list[tuple[int, int, int]]
) -> None:
    world = factories.make_partner()
    skus = discounts.skus_of(world, _SKUS)
    known = []
    for vendor, category, versions in drawn:
        made: dict[datetime.date, Rates] = {}
        discount = None
        for offset, version in versions.items():  # in whatever order they were drawn
            new = _as_rates(version, skus)
            if discount is None:
                discount = make_discount(world, vendor=vendor, category=category, rates=new, valid_from=day(offset))
            else:
                discounts.add_version(world, discount, rates=new, valid_from=day(offset))
            made[day(offset)] = new
        assert discount is not None
        known.append(KnownDiscount(id=discount.id, vendor=vendor, category=category, versions=made))
    lines = [Asked(sku_id=skus[which].id, quantity=quantity, on=day(offset)) for which, quantity, offset in asked]
    ids = [one.id for one in known]

    together = rates.rates(by=world.actor, discount_ids=ids, asked=lines)

    for (which, quantity, offset), line, found in zip(asked, lines, together, strict=True):
        wanted = discounts.expected(known, of=skus[which], vendor=_VENDOR_OF[which], quantity=quantity, on=day(offset))
        assert (None if found is None else (found.percent, found.discount_id)) == wanted
        assert (
            rates.rate(by=world.actor, discount_ids=ids, sku_id=line.sku_id, on=line.on, quantity=line.quantity)
            == found
        )


def _as_rates(version: dict[str, object], skus: list[object]) -> Rates:
    if "percent" in version:
        return Rates(percent=version["percent"])  # type: ignore[arg-type]
    if "bands" in version:
        return bands(*version["bands"])  # type: ignore[misc]
    items = {}
    for which, whole, percent in version["items"]:  # type: ignore[attr-defined]
        one = item(skus[which], percent, whole_product=whole)
        items[one.product_id, one.sku_id] = one
    return Rates(items=tuple(items.values()))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(offsets=st.lists(st.integers(0, 20), min_size=1, max_size=5, unique=True), data=st.data())
def test_one_version_at_most_holds_whatever_the_order_of_creation(offsets: list[int], data: st.DataObject) -> None:
    world = factories.make_partner()
    basic = sku(world)
    held = []
    for order in (sorted(offsets), data.draw(st.permutations(offsets))):
        first, *others = order
        discount = make_discount(world, rates=Rates(percent=Decimal(first)), valid_from=day(first))
        for offset in others:
            discounts.add_version(world, discount, rates=Rates(percent=Decimal(offset)), valid_from=day(offset))
        days = [day(offset) for offset in range(-1, 22)]
        found = rates.rates(
            by=world.actor, discount_ids=[discount.id], asked=[Asked(sku_id=basic.id, on=on) for on in days]
        )
        assert DiscountVersion.objects.filter(discount=discount).count() == len(offsets)
        held.append([one.percent if one else None for one in found])
        expected = [max((o for o in offsets if o <= at), default=None) for at in range(-1, 22)]
        assert held[-1] == expected
    assert held[0] == held[1]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edges=_edges())
def test_the_slab_lookup_gives_each_quantity_one_band_and_rises_with_it(
    edges: list[tuple[int, int | None, Decimal]],
) -> None:
    world = factories.make_partner()
    basic = sku(world)
    slab = make_discount(world, category="slab", rates=bands(*edges))
    quantities = range(1, 71)
    found = rates.rates(
        by=world.actor,
        discount_ids=[slab.id],
        asked=[Asked(sku_id=basic.id, quantity=quantity, on=TODAY) for quantity in quantities],
    )
    # The last band that begins at or below the quantity: each has one, and none comes before a smaller quantity's.
    fitting = [[edge for edge in edges if edge[0] <= quantity][-1] for quantity in quantities]
    assert [(one.from_quantity, one.percent) if one else None for one in found] == [
        (first, percent) for first, _last, percent in fitting
    ]


@settings(max_examples=200, deadline=None)
@given(edges=_edges(), data=st.data())
def test_bands_are_taken_whole_and_refused_with_a_gap_or_an_overlap(
    edges: list[tuple[int, int | None, Decimal]], data: st.DataObject
) -> None:
    whole = bands(*edges).bands
    assert inputs.bands_problem(whole) is None
    at = data.draw(st.integers(0, len(whole) - 1))
    moved = whole[at].from_quantity + data.draw(st.sampled_from([-1, 1]))
    broken = [*whole[:at], dataclasses.replace(whole[at], from_quantity=moved), *whole[at + 1 :]]
    assert inputs.bands_problem(broken) is not None
    assert inputs.bands_problem(whole[:-1]) is not None


@given(
    price=st.decimals(min_value=0, max_value=10**9, places=6),
    percent=st.decimals(min_value=0, max_value=100, places=2),
)
def test_a_price_after_discount_is_never_negative_nor_above_list(price: Decimal, percent: Decimal) -> None:
    after = rates.price_after(list_price=price, percent=percent)
    assert 0 <= after <= price
    assert after * 100 == price * (100 - percent)  # exactly: nothing is rounded away
    assert rates.price_after(list_price=price, percent=Decimal(0)) == price
    assert rates.price_after(list_price=price, percent=Decimal(100)) == 0


@pytest.mark.parametrize(("price", "percent"), [("-1", "0"), ("1", "-0.01"), ("1", "100.01"), ("1", "NaN")])
def test_no_price_comes_of_a_wrong_percentage(price: str, percent: str) -> None:
    with pytest.raises(ValueError, match="no price after discount"):
        rates.price_after(list_price=Decimal(price), percent=Decimal(percent))
