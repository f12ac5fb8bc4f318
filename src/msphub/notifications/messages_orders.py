"""Mails about orders and the tasks they wait for: to who ordered, and to the customer's primary contact."""

import dataclasses

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from msphub.accounts import queries as accounts
from msphub.accounts.choices import UserStatus
from msphub.accounts.models import Tenant
from msphub.audit.models import Entry
from msphub.customers import queries as customers
from msphub.kit import money
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound
from msphub.notifications.rendering import Message
from msphub.orders import events, queries
from msphub.orders.choices import ItemStatus, OrderStatus, TaskStatus
from msphub.orders.models import Order, OrderItem, Task

MOST_ITEMS = 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who gets a mail."""

    email: str
    name: str
    first_name: str


def placed(by: Actor, entry: Entry, partner: Tenant) -> list[Message]:
    """Confirm an order with its items and today's charge, and say what it waits for."""
    found = _order_of(by, entry)
    if found is None:
        return []
    if found.open_tasks:
        meaning = _("It waits for information: nothing is bought before its task is completed.")
    elif found.order.status == OrderStatus.SCHEDULED and found.order.scheduled_on is not None:
        meaning = _("It will be placed on %(day)s.") % {"day": found.order.scheduled_on.isoformat()}
    else:
        meaning = _("It is being fulfilled; you will hear of the outcome.")
    return _to_both(
        by,
        found,
        kind="order_placed",
        subject=_("Order %(number)s: received") % {"number": found.order.number},
        paragraphs=(
            _("%(partner)s has received the order %(number)s for %(customer)s.")
            % {"partner": partner.name, "number": found.order.number, "customer": found.customer.name},
            meaning,
        ),
    )


def finished(by: Actor, entry: Entry, partner: Tenant) -> list[Message]:  # noqa: ARG001 - every maker gets the partner
    """Tell how an order ended: completed, in part, or not at all, with the reason of what failed."""
    found = _order_of(by, entry)
    if found is None:
        return []
    # What it ended as then: it may have been tried again since.
    after = str((entry.changes.get("Status") or [None, None])[1] or "")
    number = found.order.number
    words = {
        str(OrderStatus.COMPLETED.label): (
            "order_completed",
            _("Order %(number)s: completed"),
            _("Everything you ordered is ready."),
        ),
        str(OrderStatus.PARTIAL.label): (
            "order_partial",
            _("Order %(number)s: partially completed"),
            _("Some items could not be fulfilled. They can be tried again or dropped on the order's page."),
        ),
        str(OrderStatus.FAILED.label): (
            "order_failed",
            _("Order %(number)s: failed"),
            _("Nothing was bought. The items can be tried again or dropped on the order's page."),
        ),
        str(OrderStatus.CANCELLED.label): (
            "order_cancelled",
            _("Order %(number)s: cancelled"),
            _("All of its items were dropped; nothing was bought."),
        ),
    }
    if after not in words:
        return []
    kind, subject, meaning = words[after]
    failed = [item for item in found.items if item.status == ItemStatus.FAILED]
    reasons = [f"{item.sku_name}: {item.failure_message}" for item in failed[:MOST_ITEMS] if item.failure_message]
    return _to_both(by, found, kind=kind, subject=subject % {"number": number}, paragraphs=(meaning, *reasons))


def cancelled(by: Actor, entry: Entry, partner: Tenant) -> list[Message]:  # noqa: ARG001
    """Tell that an order was cancelled, by whom or why."""
    found = _order_of(by, entry)
    if found is None:
        return []
    return _to_both(
        by,
        found,
        kind="order_cancelled",
        subject=_("Order %(number)s: cancelled") % {"number": found.order.number},
        paragraphs=(found.order.reason, _("Nothing of it was bought, and nothing is charged.")),
    )


def task_created(by: Actor, entry: Entry, partner: Tenant) -> list[Message]:  # noqa: ARG001
    """Ask for the information that an order waits for."""
    return _about_task(by, entry, kind="task_created", subject=_("Order %(number)s waits for information"), day=0)


def task_reminder(by: Actor, entry: Entry, partner: Tenant) -> list[Message]:  # noqa: ARG001
    """Remind of a task on days 3, 5 and 7; one that was done meanwhile sends nothing."""
    day = int(entry.details.get("day") or 0)
    return _about_task(
        by, entry, kind="task_reminder", subject=_("Reminder: order %(number)s waits for information"), day=day
    )


def _about_task(by: Actor, entry: Entry, *, kind: str, subject: str, day: int) -> list[Message]:
    task = _task_of(by, entry)
    if task is None or task.status != TaskStatus.PENDING:
        return []
    found = queries.order_details(by=by, order_id=task.order_id)
    until = f"{task.expires_at:%Y-%m-%d %H:%M} UTC"
    paragraphs = [
        _(
            "The order %(number)s for %(customer)s can't be sent yet: “%(task)s” asks for the company name, the domain "
            "and an administrator's e-mail address."
        )
        % {"number": found.order.number, "customer": found.customer.name, "task": task.name},
        _("Please complete it until %(until)s. After that the whole order is cancelled.") % {"until": until},
    ]
    if day:
        paragraphs.insert(
            0, ngettext("It has waited for %(n)s day.", "It has waited for %(n)s days.", day) % {"n": day}
        )
    path = reverse("task_complete", kwargs={"task_id": task.id})
    return _to_both(
        by,
        found,
        kind=kind,
        subject=subject % {"number": found.order.number},
        paragraphs=tuple(paragraphs),
        label=_("Complete Task"),
        url=settings.BASE_URL + path,
    )


def _order_of(by: Actor, entry: Entry) -> queries.OrderDetails | None:
    return None if entry.object_id is None else queries.order_details(by=by, order_id=entry.object_id)


def _task_of(by: Actor, entry: Entry) -> Task | None:
    return None if entry.object_id is None else queries.get_task(by=by, task_id=entry.object_id)


def _to_both(
    by: Actor,
    found: queries.OrderDetails,
    *,
    kind: str,
    subject: str,
    paragraphs: tuple[str, ...],
    label: str = "",
    url: str = "",
) -> list[Message]:
    order = found.order
    return [
        Message(
            kind=kind,
            recipient=person.email,
            recipient_name=person.name,
            subject=subject,
            paragraphs=(_("Hello %(name)s,") % {"name": person.first_name}, *(one for one in paragraphs if one)),
            details=_details(order, found.items),
            action_label=label or _("Open the order"),
            action_url=url or settings.BASE_URL + reverse("order", kwargs={"order_id": order.id}),
        )
        for person in _people(by, order)
    ]


def _details(order: Order, items: list[OrderItem]) -> tuple[tuple[str, str], ...]:
    listed = [
        (
            f"{money.number(item.quantity)} × {item.sku_name}",
            f"{money.shown(item.extended_price, item.currency)} · {ItemStatus(item.status).label}",
        )
        for item in items[:MOST_ITEMS]
    ]
    more = len(items) - len(listed)
    if more > 0:
        listed.append((_("And more"), ngettext("%(n)s item", "%(n)s items", more) % {"n": more}))
    return (
        (_("Order"), order.number),
        *listed,
        (_("Total"), money.shown(order.total, order.currency)),
        (_("Ordered by"), order.placed_by),
    )


def _people(by: Actor, order: Order) -> list[Person]:
    """Return who ordered and the customer's primary contact; one mail for one address."""
    people = []
    if order.placed_by_id is not None:
        try:
            user = accounts.get_user(by=by, user_id=order.placed_by_id)
        except NotFound:
            user = None
        if user is not None and user.status != UserStatus.DISABLED:
            people.append(Person(email=user.contact_email, name=user.display_name, first_name=user.first_name))
    contact = customers.details(by=by, customer_id=order.customer_id).primary_contact
    if contact is not None:
        name = f"{contact.first_name} {contact.last_name}"
        people.append(Person(email=contact.email, name=name, first_name=contact.first_name))
    seen: dict[str, Person] = {}
    for person in people:
        seen.setdefault(person.email.casefold(), person)
    return list(seen.values())


BY_EVENT = {
    events.ORDER_PLACED: placed,
    events.ORDER_FINISHED: finished,
    events.ORDER_CANCELLED: cancelled,
    # A task that ran out cancels its order: one mail says both.
    events.ORDER_EXPIRED: cancelled,
    events.TASK_CREATED: task_created,
    events.TASK_REMINDED: task_reminder,
}
