"""Which mails an event sends, and what they say."""

from collections.abc import Callable

from django.conf import settings
from django.utils.translation import gettext as _

from msphub.accounts import actions as accounts
from msphub.accounts import events as account_events
from msphub.accounts import queries as account_queries
from msphub.accounts.choices import Status, UserStatus
from msphub.accounts.models import Tenant, User
from msphub.audit.models import Entry
from msphub.customers import events as customer_events
from msphub.customers import queries as customers
from msphub.kit.actor import Actor
from msphub.notifications import messages_orders, rendering
from msphub.notifications.rendering import Message


def credentials(by: Actor, entry: Entry, partner: Tenant) -> list[Message]:
    """Send an invited user its credentials: portal link, login e-mail and the one-time link. No password travels."""
    if entry.details.get("send_link") is False or entry.object_id is None:
        return []
    user = account_queries.get_user(by=by, user_id=entry.object_id)
    if user.status != UserStatus.INVITED:
        return []
    return [_credentials(user=user, partner=partner, entry=entry)]


def new_link(by: Actor, entry: Entry, partner: Tenant) -> list[Message]:
    """Send a fresh one-time link: the credentials again, or a link to choose a new password."""
    if entry.object_id is None:
        return []
    user = account_queries.get_user(by=by, user_id=entry.object_id)
    if user.status == UserStatus.DISABLED:  # since the link was asked for
        return []
    if user.status == UserStatus.INVITED:
        return [_credentials(user=user, partner=partner, entry=entry)]
    return [
        Message(
            kind="new_password",
            recipient=user.contact_email,
            recipient_name=user.display_name,
            subject=_("Choose a new password"),
            paragraphs=(
                _("Hello %(name)s,") % {"name": user.display_name},
                _("somebody asked for a new password for your sign-in %(email)s. If it was not you, do nothing.")
                % {"email": user.email},
            ),
            action_label=_("Choose a password"),
            action_url=rendering.SECRET,
            after=(_link_rules(),),
            secret_link=accounts.issue_password_link(user=user, at=entry.at),
        )
    ]


def consent(by: Actor, entry: Entry, partner: Tenant) -> list[Message]:
    """Send the customer's primary contact the link on which it accepts the relationship at Microsoft."""
    if entry.object_id is None or entry.customer_id is None:
        return []
    account = customers.get_csp_account(by=by, account_id=entry.object_id)
    contact = customers.details(by=by, customer_id=entry.customer_id).primary_contact
    if contact is None or not account.relationship_url:
        return []
    return [
        Message(
            kind="consent",
            recipient=contact.email,
            recipient_name=f"{contact.first_name} {contact.last_name}",
            subject=_("%(partner)s asks for access to your Microsoft account") % {"partner": partner.name},
            paragraphs=(
                _("Hello %(name)s,") % {"name": contact.first_name},
                _(
                    "%(partner)s wants to manage Microsoft products for %(domain)s. Accept the invitation as an "
                    "administrator of your Microsoft account; nothing can be bought before."
                )
                % {"partner": partner.name, "domain": account.domain},
            ),
            details=((_("Microsoft account"), account.domain),),
            action_label=_("Accept at Microsoft"),
            action_url=account.relationship_url,
        )
    ]


def status_notice(by: Actor, entry: Entry, partner: Tenant) -> list[Message]:
    """Tell the customer's primary contact what a new status means."""
    if entry.customer_id is None:
        return []
    found = customers.details(by=by, customer_id=entry.customer_id)
    contact = found.primary_contact
    if contact is None:
        return []
    after = entry.changes.get("Status", [None, None])[1]
    words = {
        str(Status.ACTIVE.label): (
            _("Your account is active"),
            _("Your users can sign in and buy again."),
        ),
        str(Status.SUSPENDED.label): (
            _("Your account is suspended"),
            _(
                "Your users can sign in and see invoices, but not buy or change products. Existing products "
                "keep running."
            ),
        ),
        str(Status.DISABLED.label): (
            _("Your account is disabled"),
            _("Your users can no longer sign in. Existing products keep running and being billed."),
        ),
    }
    if after not in words:
        return []
    subject, meaning = words[after]
    return [
        Message(
            kind="status",
            recipient=contact.email,
            recipient_name=f"{contact.first_name} {contact.last_name}",
            subject=subject,
            paragraphs=(
                _("Hello %(name)s,") % {"name": contact.first_name},
                _("the account of %(company)s with %(partner)s has changed.")
                % {"company": found.tenant.name, "partner": partner.name},
                meaning,
            ),
            after=(_("Please ask %(partner)s if you have questions.") % {"partner": partner.name},),
        )
    ]


def _credentials(*, user: User, partner: Tenant, entry: Entry) -> Message:
    return Message(
        kind="credentials",
        recipient=user.contact_email,
        recipient_name=user.display_name,
        subject=_("Your credentials"),
        paragraphs=(
            _("Hello %(name)s,") % {"name": user.display_name},
            _("%(partner)s has set up your access to its portal.") % {"partner": partner.name},
        ),
        details=(
            (_("Portal"), settings.BASE_URL + "/"),
            (_("Login e-mail"), user.email),
        ),
        action_label=_("Choose your password"),
        action_url=rendering.SECRET,
        after=(_link_rules(),),
        secret_link=accounts.issue_password_link(user=user, at=entry.at),
    )


def _link_rules() -> str:
    return _(
        "The link works once and for %(hours)s hours. After that, ask for a new one on the sign-in page under "
        "“Forgot your password?”."
    ) % {"hours": accounts.PASSWORD_LINK_HOURS}


BY_EVENT: dict[str, Callable[[Actor, Entry, Tenant], list[Message]]] = {
    account_events.USER_INVITED: credentials,
    account_events.USER_LINK_REQUESTED: new_link,
    account_events.STATUS_CHANGED: status_notice,
    customer_events.ACCOUNT_CONSENT_ASKED: consent,
    **messages_orders.BY_EVENT,
}
