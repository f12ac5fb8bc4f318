"""How states look everywhere: one word and one tone each."""

from typing import Literal

from django.utils.translation import gettext as _

from msphub.accounts.choices import Status, UserStatus
from msphub.catalog.choices import VersionState
from msphub.customers.choices import AccountState
from msphub.notifications.choices import MailState
from msphub.ui import cells

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


def status(value: str) -> cells.Status:
    """Show a customer's status."""
    return cells.Status(str(Status(value).label), _STATUS[Status(value)])


def account(value: str) -> cells.Status:
    """Show the state of a link to Microsoft."""
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
