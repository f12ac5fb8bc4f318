"""Billing profiles and subscriptions (billing containers) of a partner and of its customers: made and changed."""

import dataclasses
import datetime
import re
import unicodedata
import uuid
import zoneinfo
from functools import lru_cache
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from msphub.accounts import events, permissions, queries, tax_registrations
from msphub.accounts.models import BillingProfile, Subscription, Tenant
from msphub.audit import actions as audit
from msphub.kit import addresses, fields, ids, money, text
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused, Text

type Problems = dict[str, Text]

MOST_NAME = 100
MOST_INSTRUCTIONS = 2000
_SERIES = re.compile(r"[A-Z0-9]([A-Z0-9-]{0,8}[A-Z0-9])?")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ProfileEntry:
    """A billing profile as entered: name, whom invoices are addressed to, and where."""

    name: str
    bill_to: str
    address: addresses.Address


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionEntry:
    """A subscription as entered. What follows the profile is the partner's own only."""

    name: str
    country: str
    state: str
    billing_profile_id: uuid.UUID | None
    currency: str = ""
    tax_registration: str = ""
    number_series: str = ""
    time_zone: str = ""
    payment_instructions: str = ""


def check_profile(entry: ProfileEntry, *, prefix: str = "") -> tuple[ProfileEntry, Problems]:
    """Check a billing profile; problems are named `{prefix}name`, `{prefix}bill_to`, `{prefix}address_line1` …"""
    problems: Problems = {}
    name, problem = fields.line(entry.name, most=200, missing=_("Enter a name for the billing profile."))
    if problem:
        problems[f"{prefix}name"] = problem
    bill_to, problem = fields.line(entry.bill_to, most=200, missing=_("Enter whom invoices are addressed to."))
    if problem:
        problems[f"{prefix}bill_to"] = problem
    address, found = addresses.check_lines(entry.address, prefix=prefix)
    if f"{prefix}country" in found:
        found = {f"{prefix}country": found[f"{prefix}country"]}
    problems |= found
    return ProfileEntry(name=name, bill_to=bill_to, address=address), problems


def missing_parts(profile: BillingProfile) -> list[str]:
    """Return what an invoice needs of a billing profile and lacks, in words; nothing when it is complete."""
    entry = ProfileEntry(name=profile.name, bill_to=profile.bill_to, address=address_of(profile))
    _checked, problems = check_profile(entry)
    return [str(problem) for problem in problems.values()]


def address_of(profile: BillingProfile) -> addresses.Address:
    """Return a billing profile's address."""
    return addresses.Address(
        country=profile.country,
        line1=profile.line1,
        line2=profile.line2,
        city=profile.city,
        state=profile.state,
        postal_code=profile.postal_code,
    )


def save_profile(
    *,
    by: Actor,
    customer_id: uuid.UUID | None,
    entry: ProfileEntry,
    at: datetime.datetime,
    profile_id: uuid.UUID | None = None,
    version: int = 0,
    new_id: uuid.UUID | None = None,
) -> BillingProfile:
    """Create a billing profile of a customer or of the partner (None), or change the one with `profile_id`.

    Refuses what is missing or wrong at its field, and `stale` when somebody changed it since `version` was read.
    Invoices that were issued keep the address they were issued to. `new_id` is the form's own: sent twice, it makes one
    profile and returns that.
    """
    by.require(permissions.MANAGE_SUBSCRIPTIONS)
    _require_own(by=by, customer_id=customer_id)
    entry, problems = check_profile(entry)
    if problems:
        raise _refused(problems)
    if profile_id is None:
        return _create_profile(by=by, customer_id=customer_id, entry=entry, at=at, new_id=new_id or ids.new_id())
    with transaction.atomic():
        profile = lock_profile(by=by, customer_id=customer_id, profile_id=profile_id, version=version)
        write_profile(by=by, profile=profile, entry=entry, at=at)
    return profile


def write_profile(*, by: Actor, profile: BillingProfile, entry: ProfileEntry, at: datetime.datetime) -> None:
    """Write a checked entry into a locked or new profile, in the caller's transaction, and record what changed."""
    new = profile._state.adding  # noqa: SLF001 - Django's own way to tell
    before = {} if new else _profile_words(profile)
    address = entry.address
    profile.name, profile.bill_to = text.tidy(entry.name), text.tidy(entry.bill_to)
    profile.line1, profile.line2, profile.city = address.line1, address.line2, address.city
    profile.state, profile.postal_code, profile.country = address.state, address.postal_code, address.country
    after = _profile_words(profile)
    changes = audit.differences(before, {name: value for name, value in after.items() if value or not new})
    if not new and not changes:
        return
    if not new:
        profile.version += 1
    profile.save(force_insert=new)
    _record(
        by=by,
        event=events.BILLING_PROFILE_CREATED if new else events.BILLING_PROFILE_CHANGED,
        row=profile,
        kind="billing_profile",
        changes=changes,
        at=at,
    )


def check_subscription(entry: SubscriptionEntry, *, is_partners: bool) -> tuple[SubscriptionEntry, Problems]:
    """Check a subscription's own fields; whether its billing profile is there and complete is seen when it is saved."""
    problems: Problems = {}
    name, problem = fields.line(entry.name, most=MOST_NAME, missing=_("Enter a name for the subscription."))
    if not problem and not _is_name(name):
        problem = _("Use letters, spaces and underscores only.")
    if problem:
        problems["name"] = problem
    country, state, found = _check_place(entry)
    problems |= found
    if entry.billing_profile_id is None:
        problems["billing_profile"] = _("Choose the billing profile that its invoices are addressed to.")
    entry = dataclasses.replace(entry, name=name, country=country, state=state)
    if not is_partners:
        return (
            dataclasses.replace(
                entry, currency="", tax_registration="", number_series="", time_zone="", payment_instructions=""
            ),
            problems,
        )
    entry, found = _check_selling(entry)
    return entry, problems | found


def save_subscription(
    *,
    by: Actor,
    customer_id: uuid.UUID | None,
    entry: SubscriptionEntry,
    at: datetime.datetime,
    subscription_id: uuid.UUID | None = None,
    version: int = 0,
    in_use: bool = False,
    new_id: uuid.UUID | None = None,
) -> Subscription:
    """Create a subscription of a customer or of the partner (None), or change the one with `subscription_id`.

    Refuses what is missing or wrong at its field, a name or number series that is taken, a billing profile that is
    not complete, and `stale`. `in_use`: customers are charged under it, so its currency and its country (the law that
    its invoices follow) stay; `customers.selling` knows. `new_id` is the form's own: sent twice, it makes one.
    """
    by.require(permissions.MANAGE_SUBSCRIPTIONS)
    _require_own(by=by, customer_id=customer_id)
    entry, problems = check_subscription(entry, is_partners=customer_id is None)
    profile = None
    if entry.billing_profile_id is not None:
        try:
            profile = queries.get_billing_profile(by=by, customer_id=customer_id, profile_id=entry.billing_profile_id)
        except NotFound:
            problems["billing_profile"] = _("Choose one of the billing profiles.")
    if profile is not None and (missing := missing_parts(profile)):
        problems["billing_profile"] = _("The billing profile is not complete: %(missing)s") % {
            "missing": " ".join(missing)
        }
    if problems or profile is None:
        raise _refused(problems)
    new_id = new_id or ids.new_id()
    own = Subscription.objects.filter(partner_id=by.partner_id, customer_id=customer_id, id=new_id)
    if subscription_id is None and (made := own.first()) is not None:
        return made
    try:
        with transaction.atomic():
            return write_subscription(
                by=by,
                customer_id=customer_id,
                entry=entry,
                profile=profile,
                at=at,
                subscription_id=subscription_id,
                version=version,
                in_use=in_use,
                new_id=new_id,
            )
    except IntegrityError as error:
        if subscription_id is None and (made := own.first()) is not None:
            return made  # the other click came first
        if "_pkey" in str(error):
            raise NotFound from error  # somebody else's id
        taken = "number_series" if "number_series" in str(error) else "name"
        words = {
            "name": _("There is a subscription with this name already."),
            "number_series": _("Another of your subscriptions has this number series."),
        }
        raise _refused({taken: words[taken]}) from error


def lock_subscription(*, by: Actor, customer_id: uuid.UUID | None, subscription_id: uuid.UUID) -> Subscription:
    """Return a subscription locked for the caller's transaction; raises `NotFound`, also for another tenant's."""
    found = (
        Subscription.objects.select_for_update()
        .filter(partner_id=by.partner_id, customer_id=customer_id, id=subscription_id)
        .first()
    )
    if found is None:
        raise NotFound
    return found


def write_active(*, by: Actor, subscription: Subscription, active: bool, at: datetime.datetime) -> None:
    """Make a locked subscription active or inactive, in the caller's transaction; what it is already changes nothing.

    A customer keeps at least one active subscription: without any nothing it holds could be billed. Whether a partner's
    own may go is decided where its customers are known (`customers.selling`).
    """
    if subscription.active == active:
        return
    if not active and subscription.customer_id is not None:
        others = Subscription.objects.filter(
            partner_id=by.partner_id, customer_id=subscription.customer_id, active=True
        ).exclude(id=subscription.id)
        # The customer's row serialises two that are switched off at once.
        Tenant.objects.select_for_update().get(partner_id=by.partner_id, id=subscription.customer_id)
        if not others.exists():
            raise Refused(
                "last_active",
                _(
                    "This is the customer's only active subscription. Create another one first, "
                    "or suspend the customer to stop purchases."
                ),
            )
    subscription.active = active
    subscription.version += 1
    subscription.save(update_fields=["active", "version"])
    words = {True: _("active"), False: _("inactive")}
    _record(
        by=by,
        event=events.SUBSCRIPTION_CHANGED,
        row=subscription,
        kind="subscription",
        changes={"Status": (words[not active], words[active])},
        at=at,
    )


def write_subscription(
    *,
    by: Actor,
    customer_id: uuid.UUID | None,
    entry: SubscriptionEntry,
    profile: BillingProfile,
    at: datetime.datetime,
    subscription_id: uuid.UUID | None = None,
    version: int = 0,
    in_use: bool = False,
    new_id: uuid.UUID | None = None,
) -> Subscription:
    """Write a checked entry into a new or stored subscription, in the caller's transaction, and record what changed.

    Refuses `stale`, and with `in_use` another currency or country.
    """
    if subscription_id is None:
        row = Subscription(id=new_id or ids.new_id(), partner_id=by.partner_id, customer_id=customer_id, created_at=at)
        before: dict[str, Any] = {}
    else:
        row = lock_subscription(by=by, customer_id=customer_id, subscription_id=subscription_id)
        if row.version != version:
            raise stale()
        if in_use:
            _refuse_what_stays(row, entry)
        before = _subscription_words(row, row.billing_profile)
        row.version += 1
    row.name, row.country, row.state, row.billing_profile = entry.name, entry.country, entry.state, profile
    row.currency, row.tax_registration = entry.currency, entry.tax_registration
    row.number_series, row.time_zone = entry.number_series, entry.time_zone
    row.payment_instructions = entry.payment_instructions
    after = _subscription_words(row, profile)
    new = subscription_id is None
    changes = audit.differences(before, {name: value for name, value in after.items() if value or not new})
    if not new and not changes:
        row.version -= 1
        return row
    row.save(force_insert=new)
    _record(
        by=by,
        event=events.SUBSCRIPTION_CREATED if new else events.SUBSCRIPTION_CHANGED,
        row=row,
        kind="subscription",
        changes=changes,
        at=at,
    )
    return row


def _create_profile(
    *, by: Actor, customer_id: uuid.UUID | None, entry: ProfileEntry, at: datetime.datetime, new_id: uuid.UUID
) -> BillingProfile:
    own = BillingProfile.objects.filter(partner_id=by.partner_id, customer_id=customer_id, id=new_id)
    profile = BillingProfile(id=new_id, partner_id=by.partner_id, customer_id=customer_id, created_at=at)
    made = own.first()
    if made is not None:
        return made
    try:
        with transaction.atomic():
            write_profile(by=by, profile=profile, entry=entry, at=at)
    except IntegrityError as error:
        made = own.first()
        if made is None:
            raise NotFound from error  # somebody else's id
        return made  # the other click came first
    return profile


def _refuse_what_stays(row: Subscription, entry: SubscriptionEntry) -> None:
    problems: Problems = {}
    if row.currency != entry.currency:
        problems["currency"] = _("The currency can't change any more: customers are charged under this subscription.")
    if row.country != entry.country:
        problems["country"] = _(
            "The country can't change any more: customers are charged under this subscription by its law. "
            "Create another one and move them."
        )
    if problems:
        raise _refused(problems)


def _check_place(entry: SubscriptionEntry) -> tuple[str, str, Problems]:
    if entry.country not in addresses.country_codes():
        return entry.country, entry.state, {"country": _("Choose the country.")}
    state, problem = addresses.check_state(country=entry.country, state=entry.state)
    return entry.country, state, {"state": problem} if problem else {}


def _check_selling(entry: SubscriptionEntry) -> tuple[SubscriptionEntry, Problems]:
    problems: Problems = {}
    currency = entry.currency.strip().upper()
    if currency not in dict(money.currencies()):
        problems["currency"] = _("Choose the currency.")
    registration, problem = tax_registrations.check(entry.tax_registration, country=entry.country)
    if problem:
        problems["tax_registration"] = problem
    series = entry.number_series.strip().upper()
    if series and not _SERIES.fullmatch(series):
        problems["number_series"] = _("Use up to ten letters, digits and dashes, such as EU-24.")
    zone = entry.time_zone.strip()
    if zone not in time_zones():
        problems["time_zone"] = _("Choose the time zone.")
    instructions = entry.payment_instructions.replace("\r\n", "\n").strip()
    if len(instructions) > MOST_INSTRUCTIONS:
        problems["payment_instructions"] = _("At most %(most)s characters.") % {"most": MOST_INSTRUCTIONS}
    elif text.has_control_characters(instructions, multiline=True):
        problems["payment_instructions"] = _("Remove the control characters.")
    return (
        dataclasses.replace(
            entry,
            currency=currency,
            tax_registration=registration,
            number_series=series,
            time_zone=zone,
            payment_instructions=instructions,
        ),
        problems,
    )


@lru_cache(maxsize=1)
def time_zones() -> tuple[str, ...]:
    """Return the names of the IANA time zones of places, and UTC, by name."""
    found = (
        zone
        for zone in zoneinfo.available_timezones()
        if "/" in zone and not zone.startswith(("Etc/", "posix", "right", "SystemV/"))
    )
    return ("UTC", *sorted(found))


def _is_name(name: str) -> bool:
    return any(one.isalpha() for one in name) and all(
        one.isalpha() or one in " _" or unicodedata.category(one).startswith("M") for one in name
    )


def _require_own(*, by: Actor, customer_id: uuid.UUID | None) -> None:
    """A customer's user works on its own company only; the partner's own records are not there for it."""
    if by.customer_id is not None and by.customer_id != customer_id:
        raise NotFound
    if customer_id is not None:
        queries.get_tenant(by=by, tenant_id=customer_id)


def lock_profile(*, by: Actor, customer_id: uuid.UUID | None, profile_id: uuid.UUID, version: int) -> BillingProfile:
    """Return a billing profile locked for the caller's transaction; refuses `stale`, raises `NotFound`."""
    found = (
        BillingProfile.objects.select_for_update()
        .filter(partner_id=by.partner_id, customer_id=customer_id, id=profile_id)
        .first()
    )
    if found is None:
        raise NotFound
    if found.version != version:
        raise stale()
    return found


def _profile_words(profile: BillingProfile) -> dict[str, Any]:
    return {
        "Billing Profile Name": profile.name,
        "Bill To": profile.bill_to,
        "Address Line 1": profile.line1,
        "Address Line 2": profile.line2,
        "City": profile.city,
        "State": addresses.state_name(country=profile.country, state=profile.state),
        "ZIP Code": profile.postal_code,
        "Country": addresses.country_name(profile.country),
    }


def _subscription_words(row: Subscription, profile: BillingProfile) -> dict[str, Any]:
    return {
        "Name": row.name,
        "Country": addresses.country_name(row.country),
        "State": addresses.state_name(country=row.country, state=row.state),
        "Billing profile": profile.name,
        "Currency": row.currency,
        "Tax registration": row.tax_registration,
        "Number series": row.number_series,
        "Time zone": row.time_zone,
        "Payment instructions": row.payment_instructions,
    }


def _record(
    *,
    by: Actor,
    event: str,
    row: BillingProfile | Subscription,
    kind: str,
    changes: dict[str, tuple[Any, Any]],
    at: datetime.datetime,
) -> None:
    audit.record(
        by=by,
        event=event,
        at=at,
        object_type=kind,
        object_id=row.id,
        object_label=row.name,
        customer_id=row.customer_id,
        changes=changes,
    )


def _refused(problems: Problems) -> Refused:
    return Refused("invalid", _("Some entries need your attention."), fields=problems)


def stale() -> Refused:
    """Return the refusal of a form that was filled from an older version than what is stored now."""
    return Refused("stale", _("Somebody else has changed this meanwhile. Save again to keep what stands here."))
