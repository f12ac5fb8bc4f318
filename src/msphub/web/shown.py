"""How states look everywhere: one word and one tone each."""

import uuid
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from msphub.accounts.choices import Status, UserStatus
from msphub.catalog.choices import VersionState
from msphub.customers.choices import AccountState
from msphub.customers.type_usage import Counted
from msphub.entitlements.choices import State
from msphub.kit import money
from msphub.notifications.choices import MailState
from msphub.orders.choices import ItemStatus, OrderStatus, TaskStatus
from msphub.ui import cells
from msphub.web.wizard_forms import StepForm

# Hidden values of a form: which record, in which version it was read.
_VERSIONS = ("id", "version", "billing_version")
type Tone = Literal["ok", "info", "warn", "danger", "muted"]
_STATUS: dict[Status, Tone] = {Status.ACTIVE: "ok", Status.SUSPENDED: "warn", Status.DISABLED: "danger"}
_ACCOUNT: dict[AccountState, Tone] = {
    AccountState.NONE: "muted",
    AccountState.CREATING: "info",
    AccountState.WAITING: "warn",
    AccountState.LINKED: "ok",
    AccountState.FAILED: "danger",
}
_USER: dict[UserStatus, Tone] = {UserStatus.INVITED: "info", UserStatus.ACTIVE: "ok", UserStatus.DISABLED: "muted"}
_MAIL: dict[MailState, Tone] = {
    MailState.QUEUED: "info",
    MailState.SENT: "ok",
    MailState.KEPT: "muted",
    MailState.FAILED: "danger",
}
_VERSION: dict[VersionState, Tone] = {
    VersionState.IN_FORCE: "ok",
    VersionState.COMING: "info",
    VersionState.PAST: "muted",
}
_ORDER: dict[OrderStatus, Tone] = {
    OrderStatus.SCHEDULED: "info",
    OrderStatus.PENDING: "warn",
    OrderStatus.PROCESSING: "info",
    OrderStatus.COMPLETED: "ok",
    OrderStatus.PARTIAL: "warn",
    OrderStatus.FAILED: "danger",
    OrderStatus.CANCELLED: "muted",
}
_ITEM: dict[ItemStatus, Tone] = {
    ItemStatus.WAITING: "muted",
    ItemStatus.SENT: "info",
    ItemStatus.COMPLETED: "ok",
    ItemStatus.FAILED: "danger",
    ItemStatus.DROPPED: "muted",
    ItemStatus.CANCELLED: "muted",
}
_TASK: dict[TaskStatus, Tone] = {
    TaskStatus.PENDING: "warn",
    TaskStatus.COMPLETED: "ok",
    TaskStatus.EXPIRED: "danger",
}
_PRODUCT: dict[State, Tone] = {
    State.PENDING: "info",
    State.ACTIVE: "ok",
    State.SUSPENDED: "warn",
    State.EXTENDED: "warn",
    State.EXPIRED: "muted",
    State.DISABLED: "danger",
    State.CANCELLED: "muted",
}


def order(value: str) -> cells.Status:
    """Show an order's status."""
    return cells.Status(str(OrderStatus(value).label), _ORDER[OrderStatus(value)])


def order_item(value: str, *, reason: str = "") -> cells.Status:
    """Show an order item's status, with the reason why it failed."""
    return cells.Status(str(ItemStatus(value).label), _ITEM[ItemStatus(value)], sub=reason)


def task(value: str) -> cells.Status:
    """Show a task's status."""
    return cells.Status(str(TaskStatus(value).label), _TASK[TaskStatus(value)])


def product(value: str) -> cells.Status:
    """Show the state of a purchased product."""
    return cells.Status(str(State(value).label), _PRODUCT[State(value)])


def status(value: str) -> cells.Status:
    """Show a customer's status."""
    return _status(get_language(), value)


def account(value: str) -> cells.Status:
    """Show the state of a link to Microsoft."""
    return _account(get_language(), value)


# A page of the grid shows fifty of them, and looking up an enumeration's translated label takes longer than the cell.


@lru_cache(maxsize=64)
def _status(_language: str | None, value: str) -> cells.Status:
    return cells.Status(str(Status(value).label), _STATUS[Status(value)])


@lru_cache(maxsize=64)
def _account(_language: str | None, value: str) -> cells.Status:
    return cells.Status(str(AccountState(value).label), _ACCOUNT[AccountState(value)])


def user(value: str) -> cells.Status:
    """Show a user's status."""
    return cells.Status(str(UserStatus(value).label), _USER[UserStatus(value)])


def mail(value: str) -> cells.Status:
    """Show a mail's delivery state."""
    return cells.Status(str(MailState(value).label), _MAIL[MailState(value)])


def active(value: bool) -> cells.Status:
    """Show whether something can be used for new business."""
    return cells.Status(_("Active"), "ok") if value else cells.Status(_("Inactive"), "muted")


def version(value: VersionState) -> cells.Status:
    """Show whether a version of a discount holds."""
    return cells.Status(str(value.label), _VERSION[value])


def unit_price(amount: Decimal, currency: str) -> str:
    """Show a unit price with as many places as it has, at least those of its currency."""
    return money.shown_exactly(amount, currency)


def days(count: int) -> str:
    """Show a number of days."""
    return ngettext("%(count)s day", "%(count)s days", count) % {"count": count}


def counted(found: Counted) -> str:
    """Show how many customers there are, as far as they were counted: “41 customers”, “1,000+ customers”."""
    if found.more:
        return _("%(count)s+ customers") % {"count": money.number(found.count)}
    return ngettext("%(count)s customer", "%(count)s customers", found.count) % {"count": money.number(found.count)}


def customers_url(*, type_id: uuid.UUID, country: str = "") -> str:
    """Return the address of the customers grid with the customers of a type, in one country if named."""
    narrowed = {"type": str(type_id), **({"country": country} if country else {})}
    return f"{reverse('customers')}?{urlencode(narrowed)}"


def differences(form: StepForm, *, stored: Mapping[str, Any]) -> None:
    """Say what a colleague has saved meanwhile, beside what was typed; Save again takes what stands in the form."""
    for name in form.fields:
        there, here = str(stored.get(name) or ""), form.value(name)
        if name not in _VERSIONS and there != here:
            words = _("%(label)s: saved meanwhile “%(there)s”, here “%(here)s”")
            values = {"there": _in_words(form, name, there)[:200], "here": _in_words(form, name, here)[:200]}
            form.add_error(None, words % {"label": form[name].label, **values})
    form.put({name: str(stored.get(name) or "") for name in _VERSIONS if name in form.fields})


def _in_words(form: StepForm, name: str, value: str) -> str:
    """Return a value as the form shows it: what a drop-down says, not the code it sends."""
    choices = getattr(form.fields[name], "choices", ())
    return next((str(words) for key, words in choices if value and str(key) == value), value)
