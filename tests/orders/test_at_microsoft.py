"""Orders bought at Microsoft: the real client against the emulator, with everything that can go wrong on the way."""

import dataclasses
import uuid
from typing import Any

import pytest
from django.utils import timezone
from tests.orders.buying import BASIC, PREMIUM, Microsoft, confirm, order, work
from tests.orders.conftest import Shop

from msphub.accounts.models import Tenant
from msphub.catalog.models import Price, Sku
from msphub.customers.choices import WriteState
from msphub.customers.models import CspAccount
from msphub.entitlements.models import PurchasedProduct
from msphub.kit.errors import Refused
from msphub.orders import placing, progress, recovery, submission
from msphub.orders.choices import ItemStatus, OrderStatus
from msphub.orders.models import Order, OrderItem, OrderWrite

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_products_are_bought_and_held(shop_there: Shop, microsoft: Microsoft) -> None:
    done = work(order(shop_there, BASIC, PREMIUM, quantity=3))
    assert done.status == OrderStatus.COMPLETED
    held = microsoft.subscriptions()
    assert sorted(one["offerName"] for one in held) == [BASIC, PREMIUM]
    for product in PurchasedProduct.objects.all():
        there = next(one for one in held if one["id"] == str(product.microsoft_subscription_id))
        assert product.quantity == there["quantity"] == 3
        assert product.domain == shop_there.account.domain
        assert product.term_ends_on is not None
        # Microsoft's last day is inclusive, our terms are half-open.
        assert str(product.term_ends_on) > there["commitmentEndDate"][:10]
        assert product.cancellable_until is not None
    assert set(OrderWrite.objects.values_list("state", flat=True)) == {WriteState.ACCEPTED}


@pytest.mark.parametrize("path", ["/carts$", "/checkout$"])
@pytest.mark.parametrize("mode", ["timeout_after", "reset_after", "timeout_before"])
def test_a_lost_answer_buys_nothing_twice(
    shop_there: Shop, microsoft: Microsoft, path: str, mode: str, settings: Any
) -> None:
    settings.MICROSOFT_TIMEOUT_SECONDS = 2
    placed = order(shop_there, BASIC)
    microsoft.fault(path, mode)
    assert work(placed).status == OrderStatus.COMPLETED
    assert len(microsoft.subscriptions()) == 1
    assert PurchasedProduct.objects.count() == 1


@pytest.mark.parametrize("status", [429, 503])
def test_an_outage_is_waited_for_and_shown(shop_there: Shop, microsoft: Microsoft, status: int) -> None:
    placed = order(shop_there, BASIC)
    microsoft.fault("/checkout$", "status", status=status, count=2, retry_after=1)
    with pytest.raises(progress.TryLater):
        submission.work_on_order(partner_id=placed.partner_id, order_id=placed.id)
    waiting = Order.objects.get(id=placed.id)
    assert waiting.status == OrderStatus.PROCESSING
    assert waiting.message
    assert waiting.next_try_at is not None
    assert work(placed).status == OrderStatus.COMPLETED
    assert len(microsoft.subscriptions()) == 1


def test_one_item_may_fail_and_be_tried_again_or_dropped(shop_there: Shop, microsoft: Microsoft) -> None:
    placed = order(shop_there, BASIC, PREMIUM)
    microsoft.control("settings", failing_groups=1)
    done = work(placed)
    assert done.status == OrderStatus.PARTIAL
    failed = OrderItem.objects.get(status=ItemStatus.FAILED)
    assert "could not be created" in failed.failure_message or failed.failure_message
    assert len(microsoft.subscriptions()) == 1
    again = recovery.retry_items(by=shop_there.world.actor, order_id=placed.id, item_ids=[failed.id], at=timezone.now())
    assert again.status == OrderStatus.PROCESSING
    assert work(placed).status == OrderStatus.COMPLETED
    assert len(microsoft.subscriptions()) == 2


def test_a_dropped_item_lets_the_order_end(shop_there: Shop, microsoft: Microsoft) -> None:
    placed = order(shop_there, BASIC, PREMIUM)
    microsoft.control("settings", failing_groups=1)
    work(placed)
    failed = OrderItem.objects.get(status=ItemStatus.FAILED)
    done = recovery.drop_items(by=shop_there.world.actor, order_id=placed.id, item_ids=[failed.id], at=timezone.now())
    assert done.status == OrderStatus.COMPLETED
    assert PurchasedProduct.objects.count() == 1


def test_a_line_that_the_cart_refuses_fails_alone(shop_there: Shop, microsoft: Microsoft) -> None:
    placed = order(shop_there, BASIC, PREMIUM, quantity=200)
    # Somebody else has sold the tenant 200 of the 300 seats meanwhile.
    first = work(order(shop_there, BASIC, quantity=150))
    assert first.status == OrderStatus.COMPLETED
    done = work(placed)
    assert done.status == OrderStatus.PARTIAL
    failed = OrderItem.objects.get(order=placed, status=ItemStatus.FAILED)
    assert failed.sku_name == BASIC
    assert failed.failure_code == "10015"
    assert failed.failure_message


def test_without_the_agreement_nothing_is_sent(shop_there: Shop, microsoft: Microsoft) -> None:
    placed = order(shop_there, BASIC)
    shop_there.account.agreements.update(confirmed_at=None)
    done = work(placed)
    assert done.status == OrderStatus.FAILED
    assert "Agreement missing" in OrderItem.objects.get().failure_message
    assert microsoft.subscriptions() == []


def test_products_are_followed_until_microsoft_provides_them(shop_there: Shop, microsoft: Microsoft) -> None:
    microsoft.control("settings", provisioning_seconds=600, hidden_subscriptions=1)
    placed = order(shop_there, BASIC)
    waiting = work(placed, most=2)
    assert waiting.status == OrderStatus.PROCESSING
    assert OrderItem.objects.get().status == ItemStatus.SENT
    assert not PurchasedProduct.objects.exists()
    microsoft.control("clock", advance=700)
    assert work(placed).status == OrderStatus.COMPLETED
    assert len(microsoft.subscriptions()) == 1


def test_an_id_that_went_stale_is_fetched_anew(shop_there: Shop, microsoft: Microsoft) -> None:
    placed = order(shop_there, BASIC)
    microsoft.fault("/checkout$", "status", status=404, body={"code": 400019, "description": "stale", "data": []})
    assert work(placed).status == OrderStatus.COMPLETED
    assert len(microsoft.subscriptions()) == 1


def test_a_cart_that_was_bought_is_found_in_the_orders(shop_there: Shop, microsoft: Microsoft) -> None:
    """The checkout happened, its answer got lost, and its repetition is refused with 800065."""
    placed = order(shop_there, BASIC)
    microsoft.fault("/checkout$", "reset_after")
    with pytest.raises(progress.TryLater):
        submission.work_on_order(partner_id=placed.partner_id, order_id=placed.id)
    refusal = {"code": 800065, "description": "The cart was already submitted.", "data": [], "source": "PartnerFD"}
    microsoft.fault("/checkout$", "status", status=400, body=refusal)
    assert work(placed).status == OrderStatus.COMPLETED
    assert len(microsoft.subscriptions()) == 1
    assert PurchasedProduct.objects.count() == 1


def test_a_suspended_customers_order_is_not_sent(shop_there: Shop, microsoft: Microsoft) -> None:
    placed = order(shop_there, BASIC)
    Tenant.objects.filter(id=shop_there.customer.id).update(status="suspended")
    assert work(placed).status == OrderStatus.FAILED
    assert microsoft.subscriptions() == []


def test_a_product_with_a_statement_is_bought_only_with_it(shop_there: Shop, microsoft: Microsoft) -> None:
    sku = _known(shop_there, product="CFQ7TTC0LFLX", sku="0005", title="Unattended", attestation="Other")
    shop_there.price(sku)
    cart = shop_there.add(sku, quantity=1, at=timezone.now())
    confirmed = confirm(shop_there, cart)
    (line_id,) = confirmed.lines
    for attested in (frozenset[uuid.UUID](), frozenset({uuid.uuid4()})):
        with pytest.raises(Refused) as refused:
            placing.place_order(
                by=shop_there.world.actor,
                cart_id=cart.id,
                confirmed=dataclasses.replace(confirmed, attested=attested),
                at=timezone.now(),
            )
        assert list(refused.value.fields) == [f"attest_{line_id}"]
        assert not Order.objects.exists()
    confirmed = dataclasses.replace(confirmed, attested=frozenset({line_id}))
    placed = placing.place_order(by=shop_there.world.actor, cart_id=cart.id, confirmed=confirmed, at=timezone.now())
    assert work(placed).status == OrderStatus.COMPLETED
    assert [one["quantity"] for one in microsoft.subscriptions()] == [1]


def test_a_product_is_bought_in_the_segment_whose_price_was_quoted(shop_there: Shop, microsoft: Microsoft) -> None:
    """A list by customer may hide nonprofit unless it is asked for (contract §7.3)."""
    CspAccount.objects.update(qualification="nonprofit")
    sku = _known(shop_there, product="CFQ7TTC0LCHC", sku="000J", title="Premium for nonprofits")
    price = shop_there.price(sku)
    Price.objects.filter(id=price.id).update(market="US", segment="nonprofit")
    done = work(_placed(shop_there, sku))
    # The emulated tenant is not qualified: it is offered the product, and refused in the cart.
    (item,) = OrderItem.objects.filter(order=done)
    assert item.segment == "nonprofit"
    assert item.failure_code not in {"", "not_offered"}
    OrderItem.objects.filter(id=item.id).update(segment="education")
    recovery.retry_items(by=shop_there.world.actor, order_id=done.id, item_ids=[item.id], at=timezone.now())
    work(done)
    assert OrderItem.objects.get(id=item.id).failure_code == "not_offered"


def _known(shop: Shop, *, product: str, sku: str, title: str, attestation: str = "") -> Sku:
    found = Sku.objects.filter(product__external_id=product).select_related("product").first()
    assert found is not None
    made = Sku.objects.filter(product=found.product, external_id=sku).first()
    if made is None:
        found.pk, found.external_id, found.title, found.sort_title = uuid.uuid4(), sku, title, title.lower()
        found.prerequisites, found.is_trial = [], False
        found.save(force_insert=True)
        made = found
    Sku.objects.filter(pk=made.pk).update(attestation=attestation)
    made.refresh_from_db()
    return made


def _placed(shop: Shop, sku: Sku) -> Order:
    cart = shop.add(sku, quantity=1, at=timezone.now())
    return placing.place_order(by=shop.world.actor, cart_id=cart.id, confirmed=confirm(shop, cart), at=timezone.now())
