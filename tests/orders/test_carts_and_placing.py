"""Carts, and placing what was reviewed: twice at the same instant, past the limit, on a day to come, by whom."""

import datetime
import threading
import uuid
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connections
from tests import factories
from tests.orders.conftest import Shop

from msphub.accounts.choices import Role, Status
from msphub.audit.models import Entry
from msphub.catalog.choices import VendorCode
from msphub.customers.models import CreditTerm, Customer
from msphub.kit import scope
from msphub.kit.actor import Actor
from msphub.kit.errors import Forbidden, NotFound, Refused
from msphub.orders import carts, credit, placing, waiting
from msphub.orders.choices import ItemStatus, OrderStatus, TaskStatus
from msphub.orders.models import Cart, CartLine, Order, OrderItem, Task

AT = factories.NOW + datetime.timedelta(hours=1)
TODAY = AT.date()
SETUP = waiting.CoroSetup(company_name="Wingtip", domain="wingtip.example", admin_email="ann@wingtip.example")


def confirm(by: Actor, cart: Cart, *, on: datetime.date | None = None) -> placing.Confirmed:
    found = carts.review(by=by, cart=cart, on=on or TODAY, today=TODAY)
    return placing.Confirmed(
        review_id=uuid.uuid4(), lines={one.line_id: (one.quantity, one.unit_price) for one in found.quoted}
    )


def at_once(world: factories.PartnerWorld, *acts: Callable[[], object]) -> list[object]:
    """Do things at the same instant, each on a connection of its own; return their results or refusals."""
    barrier = threading.Barrier(len(acts))
    results: list[object] = [None] * len(acts)

    def run(number: int) -> None:
        try:
            scope.enter(partner_id=world.id)
            barrier.wait(timeout=20)
            results[number] = acts[number]()
        except Refused as refusal:
            results[number] = refusal
        finally:
            connections["default"].close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for one in threads:
        one.start()
    for one in threads:
        one.join(timeout=40)
    return results


@pytest.mark.django_db(transaction=True)
def test_a_double_click_at_the_same_instant_makes_one_order_and_both_get_it(shop: Shop) -> None:
    sku = shop.sku(VendorCode.MSP_HUB)
    shop.price(sku)
    cart = shop.add(sku, at=AT)
    confirmed = confirm(shop.world.actor, cart)

    def click() -> uuid.UUID:
        return placing.place_order(by=shop.world.actor, cart_id=cart.id, confirmed=confirmed, at=AT).id

    ids = at_once(shop.world, click, click, click)
    scope.enter(partner_id=shop.world.id)
    assert set(ids) == {Order.objects.get().id}
    assert OrderItem.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_orders_at_once_do_not_both_fit_under_the_limit(shop: Shop) -> None:
    sku = shop.sku(VendorCode.MSP_HUB)
    shop.price(sku, amount="7200.00")  # 600.00 a month
    CreditTerm.objects.update(on_reach="on_issue", credit_limit=Decimal(1000))
    second = shop.subscription.__class__.objects.get(id=shop.subscription.id)
    second.pk = second.id = uuid.uuid4()
    second.name = "Second"
    second._state.adding = True
    second.save()
    first_cart = shop.add(sku, quantity=1, at=AT)
    second_cart = carts.add_line(
        by=shop.world.actor,
        customer_id=shop.customer.id,
        subscription_id=second.id,
        account_id=shop.account.id,
        sku_id=sku.id,
        term="P1Y",
        plan="monthly",
        quantity=1,
        at=AT,
    )
    confirmed = {one.id: confirm(shop.world.actor, one) for one in (first_cart, second_cart)}

    def order(cart: Cart) -> Callable[[], object]:
        return lambda: placing.place_order(by=shop.world.actor, cart_id=cart.id, confirmed=confirmed[cart.id], at=AT)

    results = at_once(shop.world, order(first_cart), order(second_cart))
    refusals = [one for one in results if isinstance(one, Refused)]
    assert [one.code for one in refusals] == ["credit_limit"]
    assert "goes past the credit limit of $1,000.00: $600.00 are in use" in str(refusals[0])
    scope.enter(partner_id=shop.world.id)
    assert Order.objects.count() == 1
    assert CartLine.objects.count() == 1


@pytest.mark.django_db
def test_exposure_counts_open_orders_until_they_are_over(shop: Shop) -> None:
    sku = shop.sku(VendorCode.CORO)
    shop.price(sku)
    cart = shop.add(sku, quantity=5, at=AT)
    order = placing.place_order(by=shop.world.actor, cart_id=cart.id, confirmed=confirm(shop.world.actor, cart), at=AT)
    found = credit.exposure(by=shop.world.actor, customer_id=shop.customer.id, on=TODAY)
    assert (found.open_orders, found.charges, found.used) == (Decimal("50.00"), Decimal(0), Decimal("50.00"))
    placing.cancel_order(by=shop.world.actor, order_id=order.id, reason="", at=AT)
    found = credit.exposure(by=shop.world.actor, customer_id=shop.customer.id, on=TODAY)
    assert found.used == Decimal(0)


@pytest.mark.django_db
def test_the_same_product_again_adds_up_and_another_quantity_is_seen_at_its_price(shop: Shop) -> None:
    sku = shop.sku(VendorCode.MSP_HUB)
    price = shop.price(sku)
    shop.add(sku, quantity=2, at=AT)
    cart = shop.add(sku, quantity=3, at=AT)
    line = CartLine.objects.get(cart=cart)
    assert line.quantity == 5
    price.list_price = Decimal("180.00")
    price.save()
    assert carts.review(by=shop.world.actor, cart=cart, on=TODAY, today=TODAY).quoted[0].price_has_changed
    carts.change_line(by=shop.world.actor, line_id=line.id, quantity=4, at=AT)
    quoted = carts.review(by=shop.world.actor, cart=cart, on=TODAY, today=TODAY).quoted[0]
    assert (quoted.quantity, quoted.unit_price, quoted.price_has_changed) == (4, Decimal(15), False)
    with pytest.raises(Refused, match="Buy"):
        carts.change_line(by=shop.world.actor, line_id=line.id, quantity=0, at=AT)
    assert CartLine.objects.get().quantity == 4
    for _twice in range(2):
        carts.remove_line(by=shop.world.actor, line_id=line.id, at=AT)
    assert not CartLine.objects.exists()


@pytest.mark.django_db
def test_who_may_not_buy_is_refused_and_nothing_changes(shop: Shop) -> None:
    sku = shop.sku(VendorCode.MSP_HUB)
    shop.price(sku)
    cart = shop.add(sku, at=AT)
    confirmed = confirm(shop.world.actor, cart)
    reader = factories.actor_of(factories.add_colleague(shop.world, role=Role.READ_ONLY))
    with pytest.raises(Forbidden):
        placing.place_order(by=reader, cart_id=cart.id, confirmed=confirmed, at=AT)
    admin = factories.actor_of(factories.admin_of(shop.customer))
    Customer.objects.update(allow_purchase=False)
    with pytest.raises(Refused, match="has not allowed purchases"):
        placing.place_order(by=admin, cart_id=cart.id, confirmed=confirmed, at=AT)
    sibling = factories.actor_of(factories.admin_of(factories.make_customer(shop.world, name="Fabrikam")))
    with pytest.raises(NotFound):
        placing.place_order(by=sibling, cart_id=cart.id, confirmed=confirmed, at=AT)
    for status, word in ((Status.SUSPENDED, "suspended"), (Status.DISABLED, "disabled")):
        factories.set_status(shop.world, shop.customer, status)
        with pytest.raises(Refused, match=word):
            placing.place_order(by=shop.world.actor, cart_id=cart.id, confirmed=confirmed, at=AT)
    assert not Order.objects.exists()
    assert CartLine.objects.count() == 1
    assert not Entry.objects.filter(event__startswith="order.").exists()


@pytest.mark.django_db
def test_a_customers_user_orders_once_it_is_allowed_to(shop: Shop) -> None:
    sku = shop.sku(VendorCode.MSP_HUB)
    shop.price(sku)
    cart = shop.add(sku, at=AT)
    admin = factories.actor_of(factories.admin_of(shop.customer))
    Customer.objects.update(allow_purchase=True)
    scope.enter(partner_id=shop.world.id, customer_id=shop.customer.id)
    order = placing.place_order(by=admin, cart_id=cart.id, confirmed=confirm(admin, cart), at=AT)
    assert (order.placed_by_id, order.status) == (admin.user_id, OrderStatus.PROCESSING)


@pytest.mark.django_db
def test_a_scheduled_order_with_a_task_waits_for_both(shop: Shop) -> None:
    sku = shop.sku(VendorCode.CORO)
    shop.price(sku)
    cart = shop.add(sku, at=AT)
    day = TODAY + datetime.timedelta(days=5)
    by = shop.world.actor
    order = placing.place_order(by=by, cart_id=cart.id, confirmed=confirm(by, cart, on=day), at=AT, scheduled_on=day)
    assert order.status == OrderStatus.PENDING
    placing.start_due_orders(by=by, at=AT + datetime.timedelta(days=6))
    assert Order.objects.get().status == OrderStatus.PENDING
    waiting.complete_task(by=by, task_id=Task.objects.get().id, entered=SETUP, at=AT + datetime.timedelta(days=1))
    assert Order.objects.get().status == OrderStatus.SCHEDULED
    placing.start_due_orders(by=by, at=AT + datetime.timedelta(days=4, hours=10))
    assert Order.objects.get().status == OrderStatus.SCHEDULED
    for _twice in range(2):
        placing.start_due_orders(by=by, at=AT + datetime.timedelta(days=5))
    assert Order.objects.get().status == OrderStatus.PROCESSING
    assert Entry.objects.filter(event="order.started").count() == 1


@pytest.mark.django_db
def test_the_last_task_lets_the_order_go_on_and_one_that_expires_cancels_all(shop: Shop) -> None:
    by = shop.world.actor
    for number in range(2):
        shop.price(shop.sku(VendorCode.CORO, number=number))
        shop.add(shop.sku(VendorCode.CORO, number=number), at=AT)
    shop.price(shop.sku(VendorCode.MSP_HUB))
    cart = shop.add(shop.sku(VendorCode.MSP_HUB), at=AT)
    order = placing.place_order(by=by, cart_id=cart.id, confirmed=confirm(by, cart), at=AT)
    first, second = Task.objects.order_by("created_at", "id")
    waiting.complete_task(by=by, task_id=first.id, entered=SETUP, at=AT + datetime.timedelta(days=1))
    assert Order.objects.get().status == OrderStatus.PENDING
    almost = second.expires_at - datetime.timedelta(seconds=1)
    waiting.work_on_due_tasks(by=by, at=almost)
    assert Order.objects.get().status == OrderStatus.PENDING
    for _twice in range(2):
        waiting.work_on_due_tasks(by=by, at=second.expires_at)
    assert Order.objects.get(id=order.id).status == OrderStatus.CANCELLED
    assert set(OrderItem.objects.values_list("status", flat=True)) == {ItemStatus.CANCELLED}
    assert set(Task.objects.values_list("status", flat=True)) == {TaskStatus.COMPLETED, TaskStatus.EXPIRED}
    assert Entry.objects.filter(event="order.expired").count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"company_name": ""}, "company_name"),
        ({"company_name": "x" * 10_000}, "company_name"),
        ({"company_name": "Wing\x00tip"}, "company_name"),
        ({"domain": ""}, "domain"),
        ({"domain": "no domain"}, "domain"),
        ({"admin_email": ""}, "admin_email"),
        ({"admin_email": "ann@"}, "admin_email"),
    ],
)
def test_a_task_with_something_missing_is_refused_at_its_field(shop: Shop, changes: dict[str, str], field: str) -> None:
    sku = shop.sku(VendorCode.CORO)
    shop.price(sku)
    cart = shop.add(sku, at=AT)
    placing.place_order(by=shop.world.actor, cart_id=cart.id, confirmed=confirm(shop.world.actor, cart), at=AT)
    entered = {"company_name": "Wingtip", "domain": "wingtip.example", "admin_email": "ann@wingtip.example"}
    with pytest.raises(Refused) as refusal:
        waiting.complete_task(
            by=shop.world.actor,
            task_id=Task.objects.get().id,
            entered=waiting.CoroSetup(**(entered | changes)),
            at=AT,
        )
    assert list(refusal.value.fields) == [field]
    assert Task.objects.get().status == TaskStatus.PENDING
    assert Order.objects.get().status == OrderStatus.PENDING
