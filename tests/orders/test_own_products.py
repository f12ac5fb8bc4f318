"""From the cart to the Products tab without Microsoft: own vendors' products are fulfilled by us."""

import datetime
import uuid
from decimal import Decimal

import pytest
from tests import factories
from tests.orders.conftest import Shop

from msphub.audit.models import Entry
from msphub.catalog.choices import VendorCode
from msphub.customers.models import CreditTerm
from msphub.entitlements.choices import State
from msphub.entitlements.models import HoldingCost, HoldingPeriod, PurchasedProduct
from msphub.kit.errors import Refused
from msphub.orders import carts, placing, submission, waiting
from msphub.orders.choices import ItemStatus, OrderStatus
from msphub.orders.models import Cart, CartLine, Order, OrderItem, OrderItemCost, Task

AT = factories.NOW + datetime.timedelta(hours=1)


def confirm(shop: Shop, cart: Cart) -> placing.Confirmed:
    """Confirm a cart as its review shows it."""
    found = carts.review(by=shop.world.actor, cart=cart, on=AT.date(), today=AT.date())
    return placing.Confirmed(
        review_id=uuid.uuid4(), lines={one.line_id: (one.quantity, one.unit_price) for one in found.quoted}
    )


def work(order: Order) -> Order:
    submission.work_on_order(partner_id=order.partner_id, order_id=order.id)
    return Order.objects.get(id=order.id)


@pytest.mark.django_db(transaction=True)
def test_a_product_of_ours_is_bought_and_held(shop: Shop) -> None:
    sku = shop.sku(VendorCode.MSP_HUB)
    shop.price(sku)
    cart = shop.add(sku, quantity=3, at=AT)
    order = placing.place_order(by=shop.world.actor, cart_id=cart.id, confirmed=confirm(shop, cart), at=AT)
    assert (order.number, order.status, order.total) == ("SO100001", OrderStatus.PROCESSING, Decimal("30.00"))
    assert not CartLine.objects.exists()
    order = work(order)
    assert order.status == OrderStatus.COMPLETED
    product = PurchasedProduct.objects.get()
    assert (product.state, product.quantity, product.currency) == (State.ACTIVE, 3, "USD")
    # Bought while the job ran: the day is the clock's, a term is a year.
    assert product.term_ends_on is not None
    assert product.term_ends_on.year == product.term_starts_on.year + 1
    period = HoldingPeriod.objects.get(purchased_product=product)
    assert (period.unit_price, period.list_price, period.ends_on) == (Decimal(10), Decimal(10), None)
    assert HoldingCost.objects.get(holding_period=period).unit_cost == Decimal("7.5")
    assert OrderItemCost.objects.count() == 1
    assert work(order).status == OrderStatus.COMPLETED  # a second run of the job does nothing
    assert PurchasedProduct.objects.count() == 1
    events = list(Entry.objects.filter(object_id=order.id).order_by("at", "id").values_list("event", flat=True))
    assert sorted(events) == ["order.finished", "order.placed", "order.product_purchased", "order.started"]


@pytest.mark.django_db(transaction=True)
def test_the_same_review_confirmed_twice_is_one_order(shop: Shop) -> None:
    sku = shop.sku(VendorCode.MSP_HUB)
    shop.price(sku)
    cart = shop.add(sku, at=AT)
    confirmed = confirm(shop, cart)
    arguments = {"by": shop.world.actor, "cart_id": cart.id, "confirmed": confirmed, "at": AT}
    assert placing.place_order(**arguments).id == placing.place_order(**arguments).id
    assert Order.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_what_changed_since_the_review_is_refused_and_nothing_is_ordered(shop: Shop) -> None:
    sku = shop.sku(VendorCode.MSP_HUB)
    price = shop.price(sku)
    cart = shop.add(sku, at=AT)
    confirmed = confirm(shop, cart)
    price.list_price = Decimal("240.00")
    price.save()
    with pytest.raises(Refused, match="have changed since you reviewed") as refusal:
        placing.place_order(by=shop.world.actor, cart_id=cart.id, confirmed=confirmed, at=AT)
    assert refusal.value.code == "changed"
    assert CartLine.objects.count() == 1
    assert not Order.objects.exists()
    shown = carts.review(by=shop.world.actor, cart=cart, on=AT.date(), today=AT.date())
    assert shown.quoted[0].price_has_changed


@pytest.mark.django_db(transaction=True)
def test_an_order_past_the_limit_is_refused_with_the_figures(shop: Shop) -> None:
    sku = shop.sku(VendorCode.MSP_HUB)
    shop.price(sku, amount="120000.00")
    cart = shop.add(sku, quantity=2, at=AT)
    confirmed = confirm(shop, cart)
    # The factory's term takes no action; one that does refuses.
    placed = placing.place_order(by=shop.world.actor, cart_id=cart.id, confirmed=confirmed, at=AT)
    assert placed.total == Decimal("20000.00")
    CreditTerm.objects.update(on_reach="on_issue")
    cart = shop.add(sku, quantity=1, at=AT)
    with pytest.raises(Refused, match="past the credit limit of"):
        placing.place_order(by=shop.world.actor, cart_id=cart.id, confirmed=confirm(shop, cart), at=AT)
    assert Order.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_coro_product_waits_for_its_task_and_nothing_of_the_order_is_fulfilled_before(shop: Shop) -> None:
    coro, ours = shop.sku(VendorCode.CORO), shop.sku(VendorCode.MSP_HUB)
    shop.price(coro)
    shop.price(ours)
    shop.add(coro, at=AT)
    cart = shop.add(ours, at=AT)
    order = placing.place_order(by=shop.world.actor, cart_id=cart.id, confirmed=confirm(shop, cart), at=AT)
    assert order.status == OrderStatus.PENDING
    assert work(order).status == OrderStatus.PENDING
    assert set(OrderItem.objects.values_list("status", flat=True)) == {ItemStatus.WAITING}
    task = Task.objects.get()
    setup = waiting.CoroSetup(company_name="Wingtip", domain="wingtip.example", admin_email="ann@wingtip.example")
    waiting.complete_task(by=shop.world.actor, task_id=task.id, entered=setup, at=AT)
    assert work(order).status == OrderStatus.COMPLETED
    assert PurchasedProduct.objects.count() == 2
    assert PurchasedProduct.objects.get(vendor=VendorCode.CORO).domain == "wingtip.example"


@pytest.mark.django_db(transaction=True)
def test_reminders_go_on_days_3_5_and_7_and_then_the_whole_order_is_cancelled(shop: Shop) -> None:
    coro, ours = shop.sku(VendorCode.CORO), shop.sku(VendorCode.MSP_HUB)
    shop.price(coro)
    shop.price(ours)
    shop.add(coro, at=AT)
    cart = shop.add(ours, at=AT)
    order = placing.place_order(by=shop.world.actor, cart_id=cart.id, confirmed=confirm(shop, cart), at=AT)
    told = []
    for day in range(9):
        now = AT + datetime.timedelta(days=day, minutes=1)
        for _again in range(2):
            waiting.work_on_due_tasks(by=shop.world.actor, at=now)
        told.append(Entry.objects.filter(event="task.reminded").count())
    assert told == [0, 0, 0, 1, 1, 2, 2, 3, 3]
    assert Task.objects.get().status == "expired"
    order = Order.objects.get(id=order.id)
    assert order.status == OrderStatus.CANCELLED
    assert "was not completed within 7 days" in order.reason
    assert set(OrderItem.objects.values_list("status", flat=True)) == {ItemStatus.CANCELLED}
    assert not PurchasedProduct.objects.exists()
    with pytest.raises(Refused, match="expired"):
        waiting.complete_task(
            by=shop.world.actor,
            task_id=Task.objects.get().id,
            entered=waiting.CoroSetup(company_name="Wing", domain="wing.example", admin_email="a@wing.example"),
            at=AT + datetime.timedelta(days=9),
        )
