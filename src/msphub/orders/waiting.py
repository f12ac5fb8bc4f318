"""The Task System: information that an order waits for, asked for, reminded of, given, or expired (product.md §4 X).

A Coro product is set up for a company and its domain, so its order asks for them. Nothing of a waiting order is sent;
after seven days the task expires and the whole order is cancelled, mixed ones too.
"""

import dataclasses
import datetime
import uuid

from django.db import connection, transaction
from django.utils.translation import gettext as _

from msphub.audit import actions as audit
from msphub.catalog.choices import VendorCode
from msphub.customers import inputs
from msphub.kit import fields
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused
from msphub.orders import events, permissions, progress
from msphub.orders.choices import ItemStatus, OrderStatus, TaskKind, TaskStatus
from msphub.orders.models import Order, OrderItem, Task

REMINDER_DAYS = (3, 5, 7)
# After seven days it expires; the reminder of day 7 goes out while there is still time to act on it.
EXPIRES_AFTER = datetime.timedelta(days=7, hours=12)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CoroSetup:
    """What Coro must know to set a customer up; all of it is mandatory."""

    company_name: str
    domain: str
    admin_email: str


def needs_task(item: OrderItem) -> bool:
    """Tell whether an item waits for information before it can be sent."""
    return item.vendor == VendorCode.CORO


def create_tasks(*, by: Actor, order: Order, items: list[OrderItem], at: datetime.datetime) -> list[Task]:
    """Create the tasks of a new order's items, in the caller's transaction. Each sends a mail."""
    tasks = [
        Task(
            partner_id=order.partner_id,
            customer_id=order.customer_id,
            order=order,
            order_item=item,
            kind=TaskKind.CORO_SETUP,
            name=_("Set up %(product)s") % {"product": item.sku_name},
            created_at=at,
            expires_at=at + EXPIRES_AFTER,
        )
        for item in items
        if needs_task(item)
    ]
    Task.objects.bulk_create(tasks)
    for task in tasks:
        _record(by=by, event=events.TASK_CREATED, task=task, at=at)
    return tasks


def check_setup(entered: CoroSetup) -> tuple[CoroSetup, dict[str, str]]:
    """Check what was entered for a task; problems are named by field."""
    problems: dict[str, str] = {}
    name, problem = fields.company_name(entered.company_name, missing=_("Enter the name of the company."))
    if problem:
        problems["company_name"] = problem
    domain, problem = inputs.check_domain(entered.domain)
    if problem:
        problems["domain"] = problem
    email, problem = fields.email(entered.admin_email, missing=_("Enter the e-mail address of the administrator."))
    if problem:
        problems["admin_email"] = problem
    return CoroSetup(company_name=name, domain=domain, admin_email=email), problems


def complete_task(*, by: Actor, task_id: uuid.UUID, entered: CoroSetup, at: datetime.datetime) -> Task:
    """Give the information a task asks for; with the last task of its order the order goes on.

    Either side may complete it. Refuses what is missing or wrong at its field, and a task that has expired. Completing
    one that is completed changes nothing.
    """
    by.require(permissions.COMPLETE_TASKS)
    setup, problems = check_setup(entered)
    if problems:
        raise Refused("invalid", _("Some entries need attention."), fields=problems)
    with transaction.atomic():
        order_id = Task.objects.filter(partner_id=by.partner_id, id=task_id).values_list("order_id", flat=True).first()
        if order_id is None:
            raise NotFound
        order = Order.objects.select_for_update().get(partner_id=by.partner_id, id=order_id)
        task = Task.objects.select_for_update().get(partner_id=by.partner_id, id=task_id)
        if task.status == TaskStatus.COMPLETED:
            return task
        if task.status == TaskStatus.EXPIRED or task.expires_at <= at or order.status != OrderStatus.PENDING:
            raise Refused(
                "expired", _("This task has expired and its order was cancelled. Order again to get a new one.")
            )
        task.company_name = setup.company_name
        task.domain = setup.domain
        task.admin_email = setup.admin_email
        task.status = TaskStatus.COMPLETED
        task.completed_at = at
        task.completed_by = by.name
        task.save()
        OrderItem.objects.filter(partner_id=by.partner_id, id=task.order_item_id).update(domain=setup.domain)
        audit.record(
            by=by,
            event=events.TASK_COMPLETED,
            at=at,
            object_type="task",
            object_id=task.id,
            object_label=task.name,
            customer_id=task.customer_id,
            changes={
                "Company name": (None, setup.company_name),
                "Domain": (None, setup.domain),
                "Admin e-mail": (None, setup.admin_email),
            },
            details={"order": order.number},
        )
        if not Task.objects.filter(partner_id=by.partner_id, order=order, status=TaskStatus.PENDING).exists():
            progress.go_on(by=by, order=order, at=at)
    return task


def close_tasks(*, order: Order) -> None:
    """Let the open tasks of an order that is cancelled expire, in the caller's transaction."""
    Task.objects.filter(partner_id=order.partner_id, order=order, status=TaskStatus.PENDING).update(
        status=TaskStatus.EXPIRED
    )


def has_tasks(*, by: Actor) -> bool:
    """Tell whether the actor's company has ever been asked for something."""
    found = Task.objects.filter(partner_id=by.partner_id)
    return (found.filter(customer_id=by.customer_id) if by.customer_id is not None else found).exists()


def partners_with_due_tasks(*, at: datetime.datetime) -> list[uuid.UUID]:
    """Return the partners of which an open task may have to be reminded of, or expires. Needs no scope."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT orders_partners_with_due_tasks(%s)", [at])
        return [row[0] for row in cursor.fetchall()]


def work_on_due_tasks(*, by: Actor, at: datetime.datetime) -> None:
    """Send the reminders that are due and expire what has run out; the partner in scope.

    Each task in a transaction of its own, so that one defect keeps no other back; a second run does nothing again.
    """
    open_tasks = Task.objects.filter(partner_id=by.partner_id, status=TaskStatus.PENDING)
    for task_id in list(open_tasks.filter(expires_at__lte=at).values_list("id", flat=True)):
        _expire(by=by, task_id=task_id, at=at)
    latest = at + EXPIRES_AFTER - datetime.timedelta(days=REMINDER_DAYS[0])
    for task_id in list(open_tasks.filter(expires_at__gt=at, expires_at__lte=latest).values_list("id", flat=True)):
        _remind(by=by, task_id=task_id, at=at)


def reminder_due(*, created_at: datetime.datetime, at: datetime.datetime) -> int:
    """Return the latest reminder day (3, 5 or 7) that has come, or 0. Day 3 begins three times 24 h after creation."""
    days = (at - created_at) // datetime.timedelta(days=1)
    return max((day for day in REMINDER_DAYS if days >= day), default=0)


def _remind(*, by: Actor, task_id: uuid.UUID, at: datetime.datetime) -> None:
    with transaction.atomic():
        task = Task.objects.select_for_update().get(partner_id=by.partner_id, id=task_id)
        day = reminder_due(created_at=task.created_at, at=at)
        if task.status != TaskStatus.PENDING or day <= task.reminded_day:
            return
        task.reminded_day = day
        task.save(update_fields=["reminded_day"])
        _record(by=by, event=events.TASK_REMINDED, task=task, at=at, day=day)


def _expire(*, by: Actor, task_id: uuid.UUID, at: datetime.datetime) -> None:
    with transaction.atomic():
        order_id = Task.objects.values_list("order_id", flat=True).get(partner_id=by.partner_id, id=task_id)
        order = Order.objects.select_for_update().get(partner_id=by.partner_id, id=order_id)
        task = Task.objects.select_for_update().get(partner_id=by.partner_id, id=task_id)
        if task.status != TaskStatus.PENDING or task.expires_at > at:
            return
        close_tasks(order=order)
        _record(by=by, event=events.TASK_EXPIRED, task=task, at=at)
        OrderItem.objects.filter(partner_id=by.partner_id, order=order, status=ItemStatus.WAITING).update(
            status=ItemStatus.CANCELLED, finished_at=at
        )
        progress.cancel(
            by=by,
            order=order,
            event=events.ORDER_EXPIRED,
            reason=_("“%(task)s” was not completed within 7 days.") % {"task": task.name},
            at=at,
        )


def _record(*, by: Actor, event: str, task: Task, at: datetime.datetime, day: int = 0) -> None:
    audit.record(
        by=by,
        event=event,
        at=at,
        object_type="task",
        object_id=task.id,
        object_label=task.name,
        customer_id=task.customer_id,
        details={"day": day} if day else None,
    )
