"""What may be done to discounts and their versions, and what the audit log says of it."""

import datetime
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import connection
from tests import factories
from tests.catalog.discounts import (
    NOW,
    TODAY,
    TOMORROW,
    add_version,
    bands,
    day,
    heading,
    item,
    make_discount,
    sku,
)

from msphub.accounts.choices import Role
from msphub.audit.models import Entry
from msphub.catalog import actions, queries
from msphub.catalog.choices import CATEGORIES_OF, VersionState
from msphub.catalog.inputs import Rates
from msphub.catalog.models import Discount, DiscountItem, DiscountVersion, Product, Sku, Vendor
from msphub.customers import discounts as uses
from msphub.customers.models import CustomerTypeDiscount
from msphub.kit import ids, scope
from msphub.kit.errors import Forbidden, NotFound, Refused
from msphub.kit.lists import Wanted

pytestmark = pytest.mark.django_db
TEN = Rates(percent=Decimal(10))


def _last() -> Entry:
    return Entry.objects.order_by("-id").first()  # type: ignore[return-value]


def test_every_partner_starts_with_vendors_and_their_products(world: factories.PartnerWorld) -> None:
    assert set(Vendor.objects.values_list("name", flat=True)) == {"Microsoft", "Coro", "MSP Hub", "Own services"}
    by_vendor = dict.fromkeys(("microsoft", "coro", "msp_hub", "own"), 0)
    for code in Product.objects.values_list("vendor__code", flat=True):
        by_vendor[code] += 1
    assert by_vendor["microsoft"] > 40
    assert by_vendor["coro"] > 3
    assert by_vendor["msp_hub"] > 2
    assert Sku.objects.filter(usage_based=True).count() == 1
    assert Entry.objects.filter(event="catalogue.created").count() == 1
    from_other = factories.make_partner(name="Other")
    assert Sku.objects.count() > 60  # the other's own, not the first one's
    scope.enter(partner_id=world.id)
    assert Sku.objects.filter(partner_id=from_other.id).count() == 0


def test_names_differ_by_more_than_capitals(world: factories.PartnerWorld) -> None:
    make_discount(world, name="Gold")
    with pytest.raises(Refused) as refused:
        make_discount(world, name="  gOLD ")
    assert set(refused.value.fields) == {"name"}
    other = make_discount(world, name="Silver")
    with pytest.raises(Refused) as refused:
        actions.rename_discount(by=world.actor, discount_id=other.id, name="GOLD", version=1, at=NOW)
    assert set(refused.value.fields) == {"name"}
    assert set(Discount.objects.values_list("name", flat=True)) == {"Gold", "Silver"}
    factories.make_partner(name="Other")
    assert Discount.objects.count() == 0


def test_a_category_of_another_vendor_is_refused(world: factories.PartnerWorld) -> None:
    every = {str(one) for offered in CATEGORIES_OF.values() for one in offered}
    for vendor, offered in CATEGORIES_OF.items():
        for category in (every | {"sku"}) - set(offered):
            with pytest.raises(Refused) as refused:
                make_discount(world, vendor=vendor, category=category)
            assert set(refused.value.fields) == {"category"}
    assert not Discount.objects.exists()


def test_only_owner_and_billing_change_and_sales_sees(world: factories.PartnerWorld) -> None:
    discount = make_discount(world)
    for role in (Role.SALES, Role.SUPPORT, Role.READ_ONLY):
        actor = factories.actor_of(factories.add_colleague(world, role=role))
        with pytest.raises(Forbidden):
            actions.create_discount(by=actor, heading=heading(), valid_from=TODAY, rates=TEN, at=NOW)
        with pytest.raises(Forbidden):
            actions.create_version(by=actor, discount_id=discount.id, valid_from=TOMORROW, rates=TEN, version=1, at=NOW)
        with pytest.raises(Forbidden):
            uses.delete_discount(by=actor, discount_id=discount.id, at=NOW)
    sales = factories.actor_of(factories.add_colleague(world, role=Role.SALES))
    assert len(queries.discounts_page(by=sales, on=TODAY).rows) == 1
    assert DiscountVersion.objects.count() == 1


def test_the_day_is_never_past_and_is_utc(world: factories.PartnerWorld) -> None:
    late = datetime.datetime(2026, 11, 22, 23, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=-8)))
    with pytest.raises(Refused) as refused:
        make_discount(world, valid_from=TODAY, at=late)  # at the West coast it is still the 22nd, in UTC the 23rd
    assert set(refused.value.fields) == {"valid_from"}
    make_discount(world, valid_from=TOMORROW, at=late)
    with pytest.raises(Refused):
        make_discount(world, valid_from=day(-1))
    assert Discount.objects.count() == 1


def test_versions_are_in_force_coming_and_past(world: factories.PartnerWorld) -> None:
    discount = make_discount(world, valid_from=TODAY)
    add_version(world, discount, valid_from=day(20))
    add_version(world, discount, valid_from=day(10))
    found = queries.versions(by=world.actor, discount_id=discount.id, on=day(12))
    assert [(one.number, one.state) for one in found] == [
        (2, VersionState.COMING),
        (3, VersionState.IN_FORCE),
        (1, VersionState.PAST),
    ]
    row = queries.discounts_page(by=world.actor, on=day(12)).rows[0]
    assert row.in_force is not None
    assert row.coming is not None
    assert (row.in_force.number, row.coming.number) == (3, 2)
    assert queries.discounts_page(by=world.actor, on=day(-1)).rows[0].in_force is None


def test_a_version_that_holds_can_not_change(world: factories.PartnerWorld) -> None:
    discount = make_discount(world, valid_from=TOMORROW)
    add_version(world, discount, valid_from=day(5))
    first = DiscountVersion.objects.get(number=1)
    discount.refresh_from_db()
    tomorrow_noon = NOW + datetime.timedelta(days=1)
    for act in (
        lambda: actions.change_version(
            by=world.actor,
            discount_id=discount.id,
            version_id=first.id,
            valid_from=day(3),
            rates=TEN,
            version=discount.version,
            at=tomorrow_noon,
        ),
        lambda: actions.withdraw_version(
            by=world.actor,
            discount_id=discount.id,
            version_id=first.id,
            version=discount.version,
            at=tomorrow_noon,
        ),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.code == "in_force"
    first.refresh_from_db()
    assert (first.valid_from, first.percent) == (TOMORROW, Decimal(10))


def test_a_withdrawn_number_is_not_given_again_and_the_only_version_stays(world: factories.PartnerWorld) -> None:
    discount = make_discount(world, valid_from=TOMORROW)
    second = add_version(world, discount, valid_from=day(5))
    discount.refresh_from_db()
    actions.withdraw_version(
        by=world.actor, discount_id=discount.id, version_id=second.id, version=discount.version, at=NOW
    )
    entry = _last()
    assert entry.event == "discount.version_withdrawn"
    assert entry.changes == {"Valid From": [day(5).isoformat(), None], "Percentage": ["20 %", None]}
    assert add_version(world, discount, valid_from=day(5)).number == 3
    third = DiscountVersion.objects.get(number=3)
    discount.refresh_from_db()
    actions.withdraw_version(
        by=world.actor, discount_id=discount.id, version_id=third.id, version=discount.version, at=NOW
    )
    discount.refresh_from_db()
    with pytest.raises(Refused) as refused:
        actions.withdraw_version(
            by=world.actor,
            discount_id=discount.id,
            version_id=DiscountVersion.objects.get().id,
            version=discount.version,
            at=NOW,
        )
    assert refused.value.code == "only_version"
    assert DiscountVersion.objects.count() == 1


def test_a_stale_form_changes_nothing(world: factories.PartnerWorld) -> None:
    discount = make_discount(world)
    add_version(world, discount, valid_from=day(5))
    for act in (
        lambda: actions.create_version(
            by=world.actor, discount_id=discount.id, valid_from=day(6), rates=TEN, version=1, at=NOW
        ),
        lambda: actions.rename_discount(by=world.actor, discount_id=discount.id, name="Late", version=1, at=NOW),
        lambda: actions.change_version(
            by=world.actor,
            discount_id=discount.id,
            version_id=DiscountVersion.objects.get(number=2).id,
            valid_from=day(7),
            rates=TEN,
            version=1,
            at=NOW,
        ),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.code == "stale"
    assert DiscountVersion.objects.count() == 2
    assert not Discount.objects.filter(name="Late").exists()


def test_two_versions_can_not_begin_on_one_day(world: factories.PartnerWorld) -> None:
    discount = make_discount(world)
    add_version(world, discount, valid_from=day(5))
    with pytest.raises(Refused) as refused:
        add_version(world, discount, valid_from=day(5))
    assert set(refused.value.fields) == {"valid_from"}
    later = add_version(world, discount, valid_from=day(6))
    discount.refresh_from_db()
    with pytest.raises(Refused) as refused:
        actions.change_version(
            by=world.actor,
            discount_id=discount.id,
            version_id=later.id,
            valid_from=day(5),
            rates=TEN,
            version=discount.version,
            at=NOW,
        )
    assert set(refused.value.fields) == {"valid_from"}


def test_the_audit_log_says_old_and_new(world: factories.PartnerWorld) -> None:
    basic, e3 = sku(world), sku(world, "CFQ7TTC0LFLX")
    discount = make_discount(
        world,
        name="Items",
        category="itemized",
        rates=Rates(items=(item(basic, 5), item(e3, 7, whole_product=True))),
        valid_from=TOMORROW,
    )
    assert _last().changes == {
        "Discount Name": [None, "Items"],
        "Vendor": [None, "Microsoft"],
        "Country": [None, "US"],
        "Discount Category": [None, "Itemized"],
        "Valid From": [None, TOMORROW.isoformat()],
        "Microsoft 365 Business Basic (CFQ7TTC0LH18:0001)": [None, "5 %"],
        "Microsoft 365 E3 (CFQ7TTC0LFLX)": [None, "7 %"],
    }
    actions.change_version(
        by=world.actor,
        discount_id=discount.id,
        version_id=DiscountVersion.objects.get().id,
        valid_from=TOMORROW,
        rates=Rates(items=(item(basic, "5.5"),)),
        version=1,
        at=NOW,
    )
    assert _last().changes == {
        "Microsoft 365 Business Basic (CFQ7TTC0LH18:0001)": ["5 %", "5.5 %"],
        "Microsoft 365 E3 (CFQ7TTC0LFLX)": ["7 %", None],
    }
    add_version(world, discount, valid_from=day(9), rates=Rates(items=(item(basic, 6),)))
    entry = _last()
    assert entry.details == {"Version": "v2"}
    assert entry.changes["Microsoft 365 Business Basic (CFQ7TTC0LH18:0001)"] == ["5.5 %", "6 %"]
    assert not entry.customer_visible


def test_saving_a_version_unchanged_changes_nothing(world: factories.PartnerWorld) -> None:
    discount = make_discount(world, category="slab", rates=bands((1, None, 5)), valid_from=TOMORROW)
    before = Entry.objects.count()
    actions.change_version(
        by=world.actor,
        discount_id=discount.id,
        version_id=DiscountVersion.objects.get().id,
        valid_from=TOMORROW,
        rates=bands((1, None, 5)),
        version=1,
        at=NOW,
    )
    discount.refresh_from_db()
    assert (discount.version, Entry.objects.count()) == (1, before)


def test_items_are_products_of_the_vendor_and_of_the_partner(world: factories.PartnerWorld) -> None:
    coro, basic = sku(world, "CORO-ESSENTIALS"), sku(world)
    stranger = factories.make_partner(name="Stranger")
    foreign = sku(stranger)
    scope.enter(partner_id=world.id)
    mixed = replace(item(basic, 5), product_id=coro.product_id)
    for wrong in (item(coro, 5), item(foreign, 5), item(foreign, 5, whole_product=True), mixed):
        with pytest.raises(Refused) as refused:
            make_discount(world, category="itemized", rates=Rates(items=(item(basic, 1, whole_product=True), wrong)))
        assert set(refused.value.fields) == {"items"}
    assert not Discount.objects.exists()
    assert not DiscountItem.objects.exists()


def test_a_discount_in_use_is_not_deleted_and_the_types_are_named(world: factories.PartnerWorld) -> None:
    discount = make_discount(world)
    add_version(world, discount, valid_from=day(4))
    CustomerTypeDiscount.objects.create(
        partner_id=world.id,
        customer_type=world.customer_type,
        country="US",
        discount=discount,
        vendor=discount.vendor,
        category=discount.category,
    )
    with pytest.raises(Refused, match="Standard") as refused:
        uses.delete_discount(by=world.actor, discount_id=discount.id, at=NOW)
    assert refused.value.code == "in_use"
    with pytest.raises(Refused) as refused:  # the database says so too, whoever asks
        actions.delete_discount(by=world.actor, discount_id=discount.id, at=NOW)
    assert refused.value.code == "in_use"
    assert DiscountVersion.objects.count() == 2
    CustomerTypeDiscount.objects.all().delete()
    uses.delete_discount(by=world.actor, discount_id=discount.id, at=NOW)
    assert not Discount.objects.exists()
    assert not DiscountVersion.objects.exists()
    assert _last().event == "discount.deleted"


def test_another_partners_discount_is_not_there(world: factories.PartnerWorld) -> None:
    discount = make_discount(world)
    stranger = factories.make_partner(name="Stranger")
    for act in (
        lambda: queries.get_discount(by=stranger.actor, discount_id=discount.id),
        lambda: actions.rename_discount(by=stranger.actor, discount_id=discount.id, name="X", version=1, at=NOW),
        lambda: uses.delete_discount(by=stranger.actor, discount_id=discount.id, at=NOW),
        lambda: make_same(stranger, discount.id),
    ):
        with pytest.raises(NotFound):
            act()


def make_same(world: factories.PartnerWorld, discount_id: uuid.UUID) -> Discount:
    return actions.create_discount(
        by=world.actor, heading=heading(), valid_from=TODAY, rates=TEN, at=NOW, discount_id=discount_id
    )


def test_the_database_keeps_customers_out(world: factories.PartnerWorld) -> None:
    make_discount(world, category="slab", rates=bands((1, None, 5)))
    make_discount(world, category="itemized", rates=Rates(items=(item(sku(world), 5),)))
    customer = factories.make_customer(world)
    scope.enter(partner_id=world.id, customer_id=customer.id)
    with connection.cursor() as cursor:
        for table in ("discount", "discountversion", "discountitem", "discountband"):
            cursor.execute(f"SELECT count(*) FROM catalog_{table}")
            assert cursor.fetchone() == (0,), table
        cursor.execute("SELECT count(*) FROM catalog_sku")
        assert cursor.fetchone()[0] > 0  # what may be bought is theirs to see


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_make_one_discount_and_one_version() -> None:
    world = factories.make_partner()
    discount_id, version_id = ids.new_id(), ids.new_id()
    name = heading().name

    def create() -> None:
        actions.create_discount(
            by=world.actor,
            heading=heading(name=name),
            valid_from=TODAY,
            rates=TEN,
            at=NOW,
            discount_id=discount_id,
        )

    def add() -> None:
        actions.create_version(
            by=world.actor,
            discount_id=discount_id,
            valid_from=day(3),
            rates=TEN,
            version=1,
            at=NOW,
            version_id=version_id,
        )

    for act in (create, add):
        assert _at_once(world, act) == []
    scope.enter(partner_id=world.id)
    assert Discount.objects.count() == 1
    assert sorted(DiscountVersion.objects.values_list("number", flat=True)) == [1, 2]
    assert Entry.objects.filter(event__in=["discount.created", "discount.version_created"]).count() == 2


def _at_once(world: factories.PartnerWorld, act: Callable[[], None]) -> list[BaseException]:
    failures: list[BaseException] = []
    start = threading.Barrier(4)

    def run() -> None:
        try:
            scope.enter(partner_id=world.id)
            start.wait(timeout=30)
            act()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", ["name", "vendor", "country", "category"])
def test_pages_go_through_all_discounts_once_in_both_directions(
    world: factories.PartnerWorld, sort: str, *, descending: bool
) -> None:
    for vendor, country in (("microsoft", "US"), ("coro", "DE"), ("own", "US"), ("microsoft", "DE"), ("coro", "AT")):
        make_discount(world, vendor=vendor, country=country)
    seen, keys, after = [], [], None
    while True:
        wanted = Wanted(sort=sort, descending=descending, size=2, after=after)
        page = queries.discounts_page(by=world.actor, on=TODAY, wanted=wanted)
        seen += page.rows
        keys += page.keys
        assert page.count == 5
        if not page.has_next:
            break
        after = page.keys[-1]
    assert len({row.id for row in seen}) == len(seen) == 5
    assert [row.id for row in seen] == [key[1] for key in keys]
    assert keys == sorted(keys, reverse=descending)
    wanted = Wanted(sort=sort, descending=descending, size=2, before=keys[4])
    back = queries.discounts_page(by=world.actor, on=TODAY, wanted=wanted)
    assert [row.id for row in back.rows] == [seen[2].id, seen[3].id]


def test_the_list_is_searched_and_narrowed(world: factories.PartnerWorld) -> None:
    make_discount(world, name="Gold Élan 2027", country="DE")
    make_discount(world, name="Golden goose", vendor="coro")
    page = queries.discounts_page(by=world.actor, on=TODAY, search="elan gold")
    assert [row.name for row in page.rows] == ["Gold Élan 2027"]
    assert queries.discounts_page(by=world.actor, on=TODAY, search="gold").count == 2
    assert queries.discounts_page(by=world.actor, on=TODAY, search="old").count == 0
    assert queries.discounts_page(by=world.actor, on=TODAY, search="%").count == 0  # no wildcard
    assert queries.discounts_page(by=world.actor, on=TODAY, vendors=["coro"]).count == 1
    assert queries.discounts_page(by=world.actor, on=TODAY, countries=["DE"], vendors=["coro"]).count == 0
