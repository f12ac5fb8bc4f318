"""Death at any point of an order: whoever comes after ends it, with everything bought and recorded exactly once.

Each test goes through all points at which a process could die (`tests/lifecycle/mortality.py`), one order a point, from
the last button of the review to the purchased products. A killed job is found stalled and run again by a real worker,
a killed periodic job comes again, and a person whose request died clicks again. Real workers that are killed at any
instant: `tests/lifecycle/test_random_kills.py`.
"""

import contextlib
import dataclasses
import datetime
import itertools
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any, LiteralString

import httpx
import psycopg
import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from tests import factories
from tests.config.test_worker import stall, take_over
from tests.customers import at_microsoft
from tests.lifecycle.mortality import Death, Mortality
from tests.orders import buying
from tests.orders.buying import BASIC, CORO, PREMIUM, Microsoft
from tests.orders.conftest import Shop

from msphub.audit.models import Entry
from msphub.entitlements.models import HoldingCost, HoldingPeriod, PurchasedProduct
from msphub.kit import money, scope
from msphub.kit.actor import system_actor
from msphub.microsoft import wire
from msphub.notifications.models import Mail
from msphub.orders import credit, placing, progress, recovery, submission, tasks, waiting
from msphub.orders.choices import ItemStatus, OrderStatus, TaskStatus, WriteKind
from msphub.orders.models import CartLine, Order, OrderItem, OrderItemCost, OrderWrite, Task

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
DAY = datetime.timedelta(days=1)
SETUP = waiting.CoroSetup(company_name="Wingtip", domain="wingtip.example", admin_email="ann@wingtip.example")
MAILS_OF = {
    OrderStatus.COMPLETED: "order_completed",
    OrderStatus.PARTIAL: "order_partial",
    OrderStatus.FAILED: "order_failed",
    OrderStatus.CANCELLED: "order_cancelled",
}


@dataclasses.dataclass(kw_only=True)
class Life:
    """One order's life. Whatever is done through it is mortal until it has died once; then it is done again."""

    shop: Shop
    microsoft: Microsoft
    owner: psycopg.Connection[Any]
    monkeypatch: pytest.MonkeyPatch
    mortality: Mortality
    died: bool = False
    spared: bool = False

    @property
    def actor(self) -> factories.Actor:
        return self.shop.world.actor

    def do[Done](self, deed: Callable[[], Done]) -> Done:
        """Do what a person's request or a periodic job does; if its process dies, they come again."""
        try:
            with self._danger():
                return deed()
        except Death:
            self.died = True
            return deed()

    def place(self, *titles: str, scheduled_on: datetime.date | None = None) -> Order:
        """Order products with the last button of the review."""
        cart = buying.fill(self.shop, *titles, quantity=1)
        confirmed = buying.confirm(self.shop, cart, on=scheduled_on)
        return self.do(
            lambda: placing.place_order(
                by=self.actor, cart_id=cart.id, confirmed=confirmed, at=timezone.now(), scheduled_on=scheduled_on
            )
        )

    def work(self) -> None:
        """Let a worker do the jobs at Microsoft that are due until it dies, and another one what it left."""
        while True:
            at_microsoft.bring_forward()
            job = ProcrastinateJob.objects.filter(status="todo", queue_name="microsoft").order_by("id").first()
            if job is None:
                return
            stall(self.owner, job.id, seconds=60)
            try:
                with self._danger():
                    tasks.submit_order(**job.args)
            except Death:
                self.died = True
                assert take_over() == [job.id]
            except progress.TryLater:
                self._end(job, "SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)")
            else:
                self._end(job, "SELECT procrastinate_finish_job_v1(%s, 'succeeded', false)")

    def _danger(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if self.died or self.spared else self.mortality.around(self.monkeypatch)

    def _end(self, job: ProcrastinateJob, statement: LiteralString) -> None:
        self.owner.execute(statement, [job.id])
        scope.enter(partner_id=self.shop.world.id)


@pytest.fixture
def die_everywhere(
    shop_there: Shop,
    microsoft: Microsoft,
    run_jobs: at_microsoft.RunJobs,
    owner_connection: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., int]:
    """Live one order's life after the other, dying one point later each time; return how many points there were."""
    shop_there.price(buying.named(CORO))
    microsoft.control("settings", throttling=False)

    def go(live: Callable[[Life], None], *, lasting: bool = True) -> int:
        point = 0
        while True:
            point += 1
            at_microsoft.forget_turns()
            life = Life(
                shop=shop_there,
                microsoft=microsoft,
                owner=owner_connection,
                monkeypatch=monkeypatch,
                mortality=Mortality(at=point, lasting=lasting),
            )
            before = {one["id"] for one in microsoft.subscriptions()}, {one["id"] for one in microsoft.kept("order")}
            try:
                live(life)
                _check_whole(life, *before)
            except BaseException:
                print(f"died at point {point}: {life.mortality.place}")  # noqa: T201 - shown when the test fails
                raise
            if not life.died:
                break
        at_microsoft.run_until_quiet(run_jobs)
        scope.enter(partner_id=shop_there.world.id)
        for order in Order.objects.all():
            _check_record(order)
        assert not ProcrastinateJob.objects.exclude(status="succeeded").exists()
        return point - 1

    return go


def _check_whole(life: Life, subscriptions: set[str], orders: set[str]) -> None:
    """Check the last order against Microsoft and all that is kept about it."""
    order = Order.objects.order_by("-placed_at")[0]
    items = list(OrderItem.objects.filter(order=order).order_by("position"))
    done = [item for item in items if item.status == ItemStatus.COMPLETED]
    bought = [item for item in done if item.csp_account_id and item.vendor == "microsoft"]
    # At Microsoft: one order and one subscription an item, and nothing that we don't know of.
    new = [one for one in life.microsoft.subscriptions() if one["id"] not in subscriptions]
    assert sorted(one["id"] for one in new) == sorted(str(item.microsoft_subscription_id) for item in bought)
    made = [one["id"] for one in life.microsoft.kept("order") if one["id"] not in orders]
    assert sorted(made) == sorted(item.microsoft_order_id for item in bought)
    # With us: each fulfilled item is one product with one open period, and both have their costs.
    assert not CartLine.objects.exists()
    products = list(PurchasedProduct.objects.filter(id__in=[item.purchased_product_id for item in items]))
    periods = list(HoldingPeriod.objects.filter(order_item_id__in=[item.id for item in items]))
    assert len(products) == len({item.purchased_product_id for item in done}) == len(done)
    assert PurchasedProduct.objects.count() == OrderItem.objects.filter(status=ItemStatus.COMPLETED).count()
    assert sorted(one.order_item_id for one in periods) == sorted(item.id for item in done)
    for period in periods:
        product = next(one for one in products if one.id == period.purchased_product_id)
        assert (period.starts_on, period.ends_on) == (product.term_starts_on, None)
        assert HoldingPeriod.objects.filter(purchased_product=product).count() == 1
    assert HoldingCost.objects.filter(holding_period__in=periods).count() == len(done)
    if done:
        assert OrderItemCost.objects.filter(order_item__in=items).count() == len(items)
    assert not OrderWrite.objects.filter(state__in=["prepared", "unknown"]).exists()
    _check_exposure(life)


def _check_exposure(life: Life) -> None:
    """All orders are over, so what counts is this period's charges of everything that is held."""
    on = timezone.now().date() + datetime.timedelta(days=1)  # also what begins tomorrow
    found = credit.exposure(by=life.actor, customer_id=life.shop.customer.id, on=on)
    held = HoldingPeriod.objects.filter(customer_id=life.shop.customer.id)
    charges = sum((money.rounded(one.unit_price * one.quantity, one.currency) for one in held), start=Decimal(0))
    assert (found.open_orders, found.charges) == (Decimal(0), charges)


def _check_record(order: Order) -> None:
    """Each thing that happened is on record once, and each mail was written once for each of its two recipients."""
    entries = Counter(
        Entry.objects.filter(object_id=order.id, customer_id=order.customer_id).values_list("event", flat=True)
    )
    status = OrderStatus(order.status)
    done = OrderItem.objects.filter(order=order, status=ItemStatus.COMPLETED).count()
    assert entries["order.placed"] == 1
    assert entries["order.product_purchased"] == done
    ends = entries["order.finished"] + entries["order.cancelled"] + entries["order.expired"]
    started, retried = entries["order.started"], entries["order.retried"]
    assert started == (1 + retried if order.started_at else 0)
    kinds = Counter(
        Mail.objects.filter(
            entry_id__in=Entry.objects.filter(object_id=order.id).values_list("id", flat=True)
        ).values_list("kind", flat=True)
    )
    assert kinds["order_placed"] == 2
    assert kinds[MAILS_OF[status]] == 2
    assert kinds.total() == 2 + 2 * ends


def test_death_at_any_point_of_a_purchase_buys_everything_once(die_everywhere: Callable[..., int]) -> None:
    def live(life: Life) -> None:
        placed = life.place(BASIC)
        life.work()
        assert Order.objects.get(id=placed.id).status == OrderStatus.COMPLETED
        writes = OrderWrite.objects.filter(order=placed, kind=WriteKind.CHECKOUT, state="accepted")
        assert writes.count() == 1

    points = die_everywhere(live, lasting=False)
    assert points > 50


def test_death_at_any_point_of_an_order_that_waited_for_its_task(die_everywhere: Callable[..., int]) -> None:
    def live(life: Life) -> None:
        placed = life.place(BASIC, CORO)
        assert OrderStatus(placed.status) == OrderStatus.PENDING
        task = Task.objects.get(order=placed)
        life.do(lambda: waiting.complete_task(by=life.actor, task_id=task.id, entered=SETUP, at=task.created_at + DAY))
        life.work()
        assert Order.objects.get(id=placed.id).status == OrderStatus.COMPLETED
        assert OrderItem.objects.get(id=task.order_item_id).domain == SETUP.domain
        assert Entry.objects.filter(object_id=task.id, event="task.completed").count() == 1

    assert die_everywhere(live) > 15


def test_death_at_any_point_of_reminding_and_expiring_cancels_once_and_sends_nothing(
    die_everywhere: Callable[..., int], microsoft: Microsoft
) -> None:
    def live(life: Life) -> None:
        placed = life.place(BASIC, CORO)
        task = Task.objects.get(order=placed)
        for at in (task.created_at + 3 * DAY, task.created_at + 5 * DAY, task.expires_at):
            life.do(lambda at=at: waiting.work_on_due_tasks(by=system_actor(partner_id=placed.partner_id), at=at))
        life.work()
        assert Order.objects.get(id=placed.id).status == OrderStatus.CANCELLED
        assert Task.objects.get(order=placed).status == TaskStatus.EXPIRED
        told = Entry.objects.filter(object_id=task.id).values_list("event", flat=True)
        assert sorted(told) == ["task.created", "task.expired", "task.reminded", "task.reminded"]

    assert die_everywhere(live) > 3
    assert Mail.objects.filter(kind="task_reminder").count() == 0  # each had expired when its mail was to be written
    assert microsoft.asked("/carts") == []


def test_death_at_any_point_of_a_scheduled_order_starts_it_once(die_everywhere: Callable[..., int]) -> None:
    def live(life: Life) -> None:
        day = timezone.now().date() + DAY
        placed = life.place(BASIC, scheduled_on=day)
        system = system_actor(partner_id=placed.partner_id)
        noon = datetime.datetime.combine(day, datetime.time(12), tzinfo=datetime.UTC)
        life.do(lambda: placing.start_due_orders(by=system, at=noon - DAY))
        assert Order.objects.get(id=placed.id).status == OrderStatus.SCHEDULED
        life.do(lambda: placing.start_due_orders(by=system, at=noon))
        life.work()
        assert Order.objects.get(id=placed.id).status == OrderStatus.COMPLETED

    assert die_everywhere(live) > 10


def test_death_at_any_point_of_cancelling_a_scheduled_order_cancels_it_once(
    die_everywhere: Callable[..., int], microsoft: Microsoft
) -> None:
    def live(life: Life) -> None:
        placed = life.place(BASIC, scheduled_on=timezone.now().date() + DAY)
        life.do(lambda: placing.cancel_order(by=life.actor, order_id=placed.id, reason="", at=timezone.now()))
        life.work()
        assert Order.objects.get(id=placed.id).status == OrderStatus.CANCELLED

    assert die_everywhere(live, lasting=False) > 10
    assert microsoft.asked("/carts") == []


@pytest.mark.parametrize("choice", [recovery.retry_items, recovery.drop_items])
def test_death_at_any_point_of_an_order_that_fails_in_part(
    die_everywhere: Callable[..., int], microsoft: Microsoft, choice: Callable[..., Order]
) -> None:
    retries = choice is recovery.retry_items

    def live(life: Life) -> None:
        microsoft.control("settings", failing_groups=1)
        life.spared = retries  # the first half is the same for both
        placed = life.place(BASIC, PREMIUM)
        life.work()
        life.spared = False
        assert Order.objects.get(id=placed.id).status == OrderStatus.PARTIAL
        failed = OrderItem.objects.get(order=placed, status=ItemStatus.FAILED)
        life.do(lambda: choice(by=life.actor, order_id=placed.id, item_ids=[failed.id], at=timezone.now()))
        life.work()
        assert Order.objects.get(id=placed.id).status == OrderStatus.COMPLETED
        failed.refresh_from_db()
        assert failed.status == (ItemStatus.COMPLETED if retries else ItemStatus.DROPPED)
        assert Entry.objects.filter(object_id=placed.id, event="order.item_failed").count() == 1

    assert die_everywhere(live) > 15


@pytest.mark.parametrize("late", [False, True], ids=["before_it_asks", "before_it_hears"])
def test_a_worker_thought_dead_that_wakes_up_buys_nothing_again(
    shop_there: Shop,
    microsoft: Microsoft,
    monkeypatch: pytest.MonkeyPatch,
    late: bool,
) -> None:
    """It stood still around a request while another worker did all of its order: at every request it could be."""
    microsoft.control("settings", throttling=False)
    for point in itertools.count(1):
        at_microsoft.forget_turns()
        placed = buying.order(shop_there, BASIC, PREMIUM, quantity=1)
        before = {one["id"] for one in microsoft.subscriptions()}
        asked = _overtake(placed, monkeypatch, point=point, late=late)
        if len(asked) < point:
            break
        place = asked[point - 1]
        assert buying.work(placed).status == OrderStatus.COMPLETED, place
        new = [one["id"] for one in microsoft.subscriptions() if one["id"] not in before]
        items = OrderItem.objects.filter(order=placed)
        assert sorted(new) == sorted(str(item.microsoft_subscription_id) for item in items), place
        assert {item.status for item in items} == {ItemStatus.COMPLETED}, place
        assert PurchasedProduct.objects.count() == OrderItem.objects.count(), place
        events = Counter(Entry.objects.filter(object_id=placed.id).values_list("event", flat=True))
        assert (events["order.product_purchased"], events["order.finished"]) == (2, 1), place
    assert point > 8


def _overtake(placed: Order, monkeypatch: pytest.MonkeyPatch, *, point: int, late: bool) -> list[str]:
    """Work on an order; at the given request another worker does all of it meanwhile. Return what was asked."""
    send, asked = wire.Wire.send, list[str]()
    with monkeypatch.context() as patch:

        def overtaken(known: wire.Wire, *, method: str, url: str, **more: Any) -> httpx.Response:
            answer = send(known, method=method, url=url, **more) if late else None
            asked.append(f"{method} {url}")
            if len(asked) == point:
                patch.undo()
                buying.work(placed)
            return answer if answer is not None else send(known, method=method, url=url, **more)

        patch.setattr(wire.Wire, "send", overtaken)
        with contextlib.suppress(progress.TryLater):
            submission.work_on_order(partner_id=placed.partner_id, order_id=placed.id)
    return asked
