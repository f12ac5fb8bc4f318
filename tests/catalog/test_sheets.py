"""Price sheets taken over: changes only, history kept, odd rows named, cut files refused."""

import datetime
from decimal import Decimal

import pytest
from django.db import connection
from tests import factories
from tests.catalog.sheet import TODAY, row, take_over

from msphub.catalog import sheets
from msphub.catalog.models import Price, PriceCost, Product, Sku
from msphub.kit import scope
from msphub.kit.errors import Refused

pytestmark = pytest.mark.django_db


def _prices(world: factories.PartnerWorld, sku: str = "0001") -> list[tuple[str, datetime.date | None, Decimal]]:
    return list(
        Price.objects.filter(partner_id=world.id, sku__external_id=sku, product__external_id="CFQ7TTC0LH18")
        .order_by("valid_from")
        .values_list("valid_from", "valid_before", "list_price")
    )


def test_a_sheet_brings_products_skus_prices_and_costs(world: factories.PartnerWorld) -> None:
    before = Product.objects.count()
    loaded, applied = take_over(
        world.id,
        [
            row(),
            row(TermDuration="P1M", UnitPrice="6.05", ERP_Price="7.56"),
            row("CFQ7TTC0NEW1", ProductTitle="Größenplaner", SkuTitle="Größenplaner Plan 2", BillingPlan="Annual"),
        ],
    )
    assert (loaded.rows, loaded.refused) == (3, 0)
    assert applied == sheets.Applied(products_added=1, skus_added=1, prices_added=3, prices_changed=0, prices_ended=0)
    product = Product.objects.get(external_id="CFQ7TTC0NEW1")
    assert (product.sort_title, product.shelf) == ("grossenplaner", "online")
    assert "plan" in product.search_text.split()
    assert Product.objects.count() == before + 1
    price = Price.objects.get(product__external_id="CFQ7TTC0LH18", term="P1Y")
    assert (price.list_price, price.valid_before, price.segment, price.plan) == (
        Decimal("75.60"), None, "commercial", "monthly",
    )  # fmt: skip
    assert PriceCost.objects.get(price=price).cost == Decimal("60.48")


def test_the_same_sheet_again_changes_nothing(world: factories.PartnerWorld) -> None:
    take_over(world.id, [row(), row(TermDuration="P3Y", BillingPlan="Triennial")])
    _loaded, applied = take_over(world.id, [row(), row(TermDuration="P3Y", BillingPlan="Triennial")])
    assert applied == sheets.Applied(products_added=0, skus_added=0, prices_added=0, prices_changed=0, prices_ended=0)


def test_a_new_price_ends_the_old_one_on_its_day_and_a_coming_one_may_be_withdrawn(
    world: factories.PartnerWorld,
) -> None:
    first = row(EffectiveStartDate="2026-03-01T00:00:00Z")
    coming = row(EffectiveStartDate="2026-12-01T00:00:00Z", ERP_Price="80.00", UnitPrice="64.00")
    take_over(world.id, [first, coming])
    march, december = datetime.date(2026, 3, 1), datetime.date(2026, 12, 1)
    assert _prices(world) == [(march, december, Decimal("75.60")), (december, None, Decimal("80.00"))]
    take_over(world.id, [first])
    assert _prices(world) == [(march, None, Decimal("75.60"))]
    newer = row(EffectiveStartDate="2026-11-10T00:00:00Z", ERP_Price="79.00")
    _loaded, applied = take_over(world.id, [newer])
    assert (applied.prices_added, applied.prices_ended) == (1, 1)
    november = datetime.date(2026, 11, 10)
    assert _prices(world) == [(march, november, Decimal("75.60")), (november, None, Decimal("79.00"))]


def test_what_is_no_longer_listed_ends_today_and_other_markets_stay(world: factories.PartnerWorld) -> None:
    take_over(world.id, [row(), row(sku="0002", SkuTitle="Trial", BillingPlan="None", ERP_Price="0", UnitPrice="0")])
    take_over(world.id, [row(Market="DE", Currency="EUR")], market="DE")
    _loaded, applied = take_over(world.id, [row()])
    assert applied.prices_ended == 1
    assert _prices(world, "0002")[0][1] == TODAY
    assert Price.objects.filter(market="DE", valid_before=None).count() == 1
    assert Sku.objects.get(external_id="0002", product__external_id="CFQ7TTC0LH18").active


def test_a_row_that_only_withdraws_its_price_ends_it(world: factories.PartnerWorld) -> None:
    trial = {"SkuTitle": "Trial", "BillingPlan": "None", "ERP_Price": "0", "UnitPrice": "0"}
    take_over(world.id, [row(ChangeIndicator="Unchanged"), row(sku="0002", ChangeIndicator="Added", **trial)])
    loaded, applied = take_over(world.id, [row(), row(sku="0002", ChangeIndicator="Deleted", **trial)])
    assert (loaded.refused, applied.prices_ended) == (0, 1)
    assert _prices(world, "0002")[0][1] == TODAY


def test_a_corrected_price_of_the_same_day_and_a_changed_cost_are_taken_over(world: factories.PartnerWorld) -> None:
    take_over(world.id, [row()])
    _loaded, applied = take_over(world.id, [row(UnitPrice="61.00")])
    assert applied.prices_changed == 1
    assert PriceCost.objects.get(price__market="US").cost == Decimal(61)
    _loaded, applied = take_over(world.id, [row(UnitPrice="61.00", ERP_Price="76", SkuTitle="Business Basic (new)")])
    assert applied.prices_changed == 1
    assert Sku.objects.get(external_id="0001", product__external_id="CFQ7TTC0LH18").title == "Business Basic (new)"
    assert "new" in Product.objects.get(external_id="CFQ7TTC0LH18").search_text.split()


def test_odd_rows_are_named_and_the_others_taken(world: factories.PartnerWorld) -> None:
    loaded, applied = take_over(
        world.id,
        [
            row(ERP_Price=""),
            row(UnitPrice="12 dollars"),
            row(Market="DE"),
            row(TermDuration="a year"),
            row(EffectiveStartDate="2026-12-01T00:00:00Z", EffectiveEndDate="2026-11-01T00:00:00Z"),
            row(PricingTierRangeMin="10", PricingTierRangeMax="5"),
            row(SkuTitle="Zero\x01width \u202eevil 🧸" + "x" * 400),
            row(ERP_Price="'75.60", UnitPrice="1,060.48", Segment="Charity"),
        ],
    )
    assert [refusal["line"] for refusal in loaded.refusals] == [2, 3, 4, 5, 6, 7]
    assert "no ERP price" in loaded.refusals[0]["reason"]
    assert applied.prices_added == 2
    assert {price.segment for price in Price.objects.all()} == {"commercial", "nonprofit"}
    assert len(Sku.objects.get(external_id="0001", product__external_id="CFQ7TTC0LH18").title) <= 300


def test_of_two_rows_for_the_same_price_the_later_counts(world: factories.PartnerWorld) -> None:
    take_over(world.id, [row(), row(ERP_Price="99")])
    assert [price for _from, _before, price in _prices(world)] == [Decimal(99)]


def test_bands_of_a_tiered_price_are_kept_apart(world: factories.PartnerWorld) -> None:
    take_over(
        world.id,
        [
            row(PricingTierRangeMin="1", PricingTierRangeMax="99"),
            row(PricingTierRangeMin="100", PricingTierRangeMax="", ERP_Price="70"),
        ],
    )
    found = Price.objects.order_by("tier_from").values_list("tier_from", "tier_to", "list_price")
    assert list(found) == [(1, 99, Decimal("75.60")), (100, None, Decimal(70))]


def _many(count: int) -> list[dict[str, str]]:
    return [row(f"P{number:05}", SkuTitle=f"Plan {number}", ProductTitle=f"Plan {number}") for number in range(count)]


def test_a_sheet_that_was_cut_changes_nothing_unless_a_person_accepts_it(world: factories.PartnerWorld) -> None:
    take_over(world.id, _many(60))
    for lost in (_many(5), []):
        with pytest.raises(Refused) as refused:
            take_over(world.id, lost)
        assert refused.value.code == ("much_is_gone" if lost else "empty_sheet")
        assert Price.objects.filter(valid_before=None).count() == 60
    _loaded, applied = take_over(world.id, _many(5), accept_losses=True)
    assert applied.prices_ended == 55


def test_a_software_sheet_that_is_missing_ends_no_software(world: factories.PartnerWorld) -> None:
    take_over(world.id, [row("DG7GMGF0D515", "0002", TermDuration="P1Y", BillingPlan="Annual")], software=True)
    _loaded, applied = take_over(world.id, [row()], with_software=False)
    assert applied.prices_ended == 0


def test_a_partner_changes_its_own_catalogue_only(world: factories.PartnerWorld) -> None:
    theirs = factories.make_partner(name="Theirs")
    take_over(theirs.id, [row(ERP_Price="1")])
    scope.enter(partner_id=world.id)
    take_over(world.id, [row()])
    assert [price for *_rest, price in _prices(world)] == [Decimal("75.60")]
    scope.enter(partner_id=theirs.id)
    assert [price for *_rest, price in _prices(theirs)] == [Decimal(1)]


def test_customers_read_list_prices_and_no_costs(world: factories.PartnerWorld) -> None:
    take_over(world.id, [row()])
    customer = factories.make_customer(world)
    scope.enter(partner_id=world.id, customer_id=customer.id)
    assert Price.objects.count() == 1
    assert PriceCost.objects.count() == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM catalog_pricecost")
        assert cursor.fetchone()[0] == 0
        cursor.execute("UPDATE catalog_price SET list_price = 0")
        assert cursor.rowcount == 0
