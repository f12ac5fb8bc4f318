"""Mails about orders and tasks: who gets which, and once."""

import datetime
import uuid
from collections.abc import Callable

import pytest
from django.conf import settings
from django.db import transaction
from tests import factories
from tests.orders.conftest import Shop, shop  # noqa: F401 - a fixture

from msphub.catalog.choices import VendorCode
from msphub.kit import scope
from msphub.notifications.models import Mail
from msphub.orders import carts, placing, progress, waiting
from msphub.orders.choices import ItemStatus
from msphub.orders.models import Order, OrderItem, Task

type RunJobs = Callable[[], None]
pytestmark = pytest.mark.django_db(transaction=True)
AT = factories.NOW + datetime.timedelta(hours=1)
CONTACT = "gena@wingtip.example"


def place(shop: Shop, *vendors: VendorCode) -> Order:  # noqa: F811
    cart = None
    for vendor in vendors:
        sku = shop.sku(vendor)
        shop.price(sku)
        cart = shop.add(sku, at=AT)
    assert cart is not None
    by = shop.world.actor
    found = carts.review(by=by, cart=cart, on=AT.date(), today=AT.date())
    confirmed = placing.Confirmed(
        review_id=uuid.uuid4(), lines={one.line_id: (one.quantity, one.unit_price) for one in found.quoted}
    )
    return placing.place_order(by=by, cart_id=cart.id, confirmed=confirmed, at=AT)


def mails(shop: Shop, kind: str) -> list[Mail]:  # noqa: F811
    scope.enter(partner_id=shop.world.id)
    return list(Mail.objects.filter(kind=kind).order_by("created_at", "recipient"))


def recipients(found: list[Mail]) -> set[str]:
    return {mail.recipient for mail in found}


def test_order_and_its_outcome_go_to_who_ordered_and_to_the_primary_contact(
    shop: Shop,  # noqa: F811
    run_jobs: RunJobs,
) -> None:
    place(shop, VendorCode.MSP_HUB)
    run_jobs()
    both = {CONTACT, shop.world.owner.contact_email}
    placed, completed = mails(shop, "order_placed"), mails(shop, "order_completed")
    assert recipients(placed) == recipients(completed) == both
    assert len(placed) == len(completed) == 2
    order = Order.objects.get()
    for mail in (*placed, *completed):
        assert "SO100001" in mail.subject
        assert "$20.00" in mail.text
        assert f"{settings.BASE_URL}/orders/{order.id}/" in mail.text
        assert "15.00" not in mail.text  # two units' cost


def test_who_orders_for_his_own_company_gets_one_mail(shop: Shop, run_jobs: RunJobs) -> None:  # noqa: F811
    shop.world.owner.contact_email = CONTACT.upper()
    shop.world.owner.save(update_fields=["contact_email"])
    place(shop, VendorCode.MSP_HUB)
    run_jobs()
    assert len(mails(shop, "order_placed")) == 1


def test_a_failure_names_what_failed_and_why(shop: Shop, run_jobs: RunJobs) -> None:  # noqa: F811
    order = place(shop, VendorCode.MSP_HUB)
    scope.enter(partner_id=shop.world.id)
    OrderItem.objects.update(status=ItemStatus.FAILED, failure_message="The address is not valid.")
    with transaction.atomic():
        progress.settle(by=shop.world.actor, order_id=order.id, at=AT)
    run_jobs()
    found = mails(shop, "order_failed")
    assert len(found) == 2
    for mail in found:
        assert "The address is not valid." in mail.text
        assert "failed" in mail.subject


def test_task_is_announced_reminded_of_and_its_end_told_once(shop: Shop, run_jobs: RunJobs) -> None:  # noqa: F811
    place(shop, VendorCode.CORO)
    run_jobs()
    task = Task.objects.get()
    created = mails(shop, "task_created")
    assert len(created) == 2
    assert all(f"{settings.BASE_URL}/tasks/{task.id}/complete/" in mail.text for mail in created)
    told = []
    for day in range(9):
        for _again in range(2):
            scope.enter(partner_id=shop.world.id)
            waiting.work_on_due_tasks(by=shop.world.actor, at=AT + datetime.timedelta(days=day, minutes=1))
            run_jobs()
        told.append(len(mails(shop, "task_reminder")))
    # Two people each; the reminder of day 7 and the end both lie before the ninth look.
    assert told == [0, 0, 0, 2, 2, 4, 4, 6, 6]
    cancelled = mails(shop, "order_cancelled")
    assert recipients(cancelled) == {CONTACT, shop.world.owner.contact_email}
    assert all("was not completed within 7 days" in mail.text for mail in cancelled)


def test_a_task_done_before_its_mail_is_written_sends_none(shop: Shop, run_jobs: RunJobs) -> None:  # noqa: F811
    place(shop, VendorCode.CORO)
    entered = waiting.CoroSetup(company_name="Wing", domain="wing.example", admin_email="a@wing.example")
    waiting.complete_task(by=shop.world.actor, task_id=Task.objects.get().id, entered=entered, at=AT)
    run_jobs()
    assert mails(shop, "task_created") == []


def test_cancelling_tells_both(shop: Shop, run_jobs: RunJobs) -> None:  # noqa: F811
    order = place(shop, VendorCode.CORO)
    placing.cancel_order(by=shop.world.actor, order_id=order.id, reason="Not needed any more", at=AT)
    run_jobs()
    found = mails(shop, "order_cancelled")
    assert len(found) == 2
    assert all("Not needed any more" in mail.text for mail in found)
