"""Microsoft's own samples of what is sold, where they lie beside the checkout: read, and sent as they are spelled."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from msphub.microsoft import catalog_parsing, order_bodies, order_parsing, reading
from msphub.microsoft import order_shapes as shapes

SAMPLES = next(
    (
        parent / "shared" / "partner-center" / "samples"
        for parent in Path(__file__).resolve().parents
        if (parent / "shared" / "partner-center" / "samples").is_dir()
    ),
    None,
)
pytestmark = pytest.mark.skipif(SAMPLES is None, reason="Microsoft's samples aren't here")


def sample(name: str) -> Any:
    assert SAMPLES is not None
    return reading.body_of((SAMPLES / f"{name}.json").read_bytes())


def names(pattern: str) -> list[str]:
    return sorted(path.name.removesuffix(".json") for path in SAMPLES.glob(f"{pattern}.json")) if SAMPLES else []


def folded(value: Any) -> Any:
    """A request without the case of its names and of its enumerations."""
    if isinstance(value, dict):
        return {name.casefold(): folded(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [folded(entry) for entry in value]
    return value.casefold() if isinstance(value, str) else value


@pytest.mark.parametrize("name", names("product*.list*.response") + names("customer-products*") + names("product.get*"))
def test_products(name: str) -> None:
    for members in reading.objects(sample(name)):
        product = catalog_parsing.product(members)
        assert product is not None
        assert product.type_id
        assert product.title


@pytest.mark.parametrize("name", names("skus.list*") + names("sku.get*"))
def test_skus(name: str) -> None:
    for members in reading.objects(sample(name)):
        sku = catalog_parsing.sku(members)
        assert sku is not None
        assert sku.product_id
        assert sku.billing_cycles
        assert (sku.minimum_quantity or 0) >= 1


@pytest.mark.parametrize("name", names("availabilit*"))
def test_availabilities(name: str) -> None:
    for members in reading.objects(sample(name)):
        availability = catalog_parsing.availability(members)
        assert availability is not None
        assert availability.catalog_item_id == f"{availability.product_id}:{availability.sku_id}:{availability.id}"
        assert (availability.currency, availability.country) == ("USD", "US")
        assert all(term.duration for term in availability.terms)


def test_promotions() -> None:
    listed = [catalog_parsing.promotion(members) for members in reading.objects(sample("promotions.list.response"))]
    (single,) = [catalog_parsing.promotion(members) for members in reading.objects(sample("promotion.get.response"))]

    discounts = [found.products[0].pricing_policies[0].value for found in [*listed, single] if found]
    assert discounts == [Decimal("0.05"), Decimal("0.167"), Decimal("0.5")]
    assert single is not None
    assert (single.is_auto_applicable, single.seat_constraints[0].maximum) == (True, 100)
    (answer,) = catalog_parsing.eligibility_answers(sample("promotion-eligibilities.without-promotion-id.response"))
    assert [found.is_eligible for found in answer.eligibilities] == [True, True]


@pytest.mark.parametrize("name", names("cart.create*.response"))
def test_carts(name: str) -> None:
    cart = order_parsing.cart(sample(name))

    assert cart is not None
    assert (cart.status, cart.refused_lines, len(cart.lines)) == ("Active", (), 1)
    assert cart.expires_at is not None


def test_cart_with_its_prices() -> None:
    cart = order_parsing.cart(sample("cart.create.nce.response"))

    assert cart is not None
    assert cart.lines[0].pricing is not None
    assert cart.lines[0].pricing.extended_price == Decimal("364.8")


@pytest.mark.parametrize("name", names("cart.create*.request"))
def test_cart_is_spelled_as_microsoft_spells_it(name: str) -> None:
    wanted = sample(name)
    lines = [
        shapes.NewLine(
            catalog_item_id=members.text("catalogItemId") or "",
            quantity=members.number("quantity") or 0,
            billing_cycle=members.text("billingCycle") or "",
            term_duration=members.text("termDuration"),
            renews_to_term=members.child("renewsTo").text("termDuration"),
            provisioning_context=members.get("provisioningContext") or {},  # type: ignore[arg-type]  # texts by name
        )
        for members in reading.Members(wanted).children("lineItems")
    ]

    assert folded(order_bodies.cart(lines=lines)) == folded(wanted)


@pytest.mark.parametrize(("name", "count"), [("mixed", 3), ("indirect-participants", 1)])
def test_checkouts(name: str, count: int) -> None:
    result = order_parsing.checkout_result(sample(f"cart.checkout.{name}.response"))

    assert result is not None
    assert result.is_complete
    assert len(result.orders) == count
    assert all(order.created_at and order.lines for order in result.orders)


@pytest.mark.parametrize("name", names("order.get*") + names("orders.list*") + names("order.cancel*.response"))
def test_orders(name: str) -> None:
    found = [order_parsing.order(entry) for entry in reading.entries(sample(name))]

    assert found
    for order in found:
        assert order is not None
        assert order.status in {"completed", "pending", "cancelled"}
        assert order.created_at is not None
        assert [line.number for line in order.lines] == list(range(len(order.lines)))
        assert all(line.catalog_item_id and line.quantity is not None for line in order.lines)


def test_provisioning() -> None:
    (line,) = order_parsing.line_provisioning(sample("order.provisioning-status.response"))
    subscription = order_parsing.subscription_provisioning(sample("subscription.provisioning-status.response"))

    assert line == shapes.LineProvisioning(line_number=0, status="fulfilled", quantities=(("fulfilled", 1),))
    assert (subscription.status, subscription.quantity) == ("success", 5)
    assert subscription.ends_at == datetime(2018, 5, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "name",
    names("subscription.get*.response") + names("subscription.patch*.response") + names("subscriptions.list*"),
)
def test_subscriptions(name: str) -> None:
    found = [order_parsing.subscription(entry) for entry in reading.entries(sample(name))]

    assert found
    for subscription in found:
        assert subscription is not None
        assert subscription.quantity is not None
        assert subscription.status in {"active", "suspended", "expired", "deleted"}
        assert subscription.auto_renew_enabled is not None
        assert subscription.effective_starts_at is not None
        assert subscription.commitment_ends_on is not None or "azure" in name


def test_subscription_of_new_commerce() -> None:
    found = order_parsing.subscription(sample("subscription.get.nce.response"))

    assert found is not None
    assert (found.commitment_ends_on, found.is_new_commerce_licence) == (date(2022, 1, 13), True)
    assert found.refundable is not None
    assert found.refundable.total_quantity == 10
    assert found.refund_options[0].expires_at == datetime(2021, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize("name", names("subscription.patch*.request"))
def test_subscription_goes_back_as_it_came_but_for_the_change(name: str) -> None:
    wanted = sample(name)
    read = order_parsing.subscription(wanted)
    assert read is not None

    unchanged = order_bodies.subscription(subscription=read, change=shapes.SubscriptionChange())
    renamed = order_bodies.subscription(subscription=read, change=shapes.SubscriptionChange(friendly_name="Other"))

    assert unchanged == wanted
    json.dumps(unchanged)
    assert {key: value for key, value in renamed.items() if key.casefold() != "friendlyname"} == {
        key: value for key, value in wanted.items() if key.casefold() != "friendlyname"
    }


def test_scheduled_change_is_spelled_as_microsoft_spells_it() -> None:
    wanted = sample("subscription.patch.scheduled-changes.request")
    read = order_parsing.subscription(wanted)
    assert read is not None
    assert read.scheduled_next_term is not None

    body: Any = order_bodies.subscription(
        subscription=read, change=shapes.SubscriptionChange(scheduled_next_term=read.scheduled_next_term)
    )

    instructions = wanted["scheduledNextTermInstructions"]
    assert body["scheduledNextTermInstructions"]["product"] == instructions["product"]
    assert body["scheduledNextTermInstructions"]["quantity"] == instructions["quantity"]
