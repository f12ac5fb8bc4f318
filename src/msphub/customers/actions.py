"""Changes of an existing customer: its profile, its terms, its status. Creation is in `creation.py`."""

import dataclasses
import datetime
import uuid
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from msphub.accounts import billing, statuses
from msphub.accounts import permissions as accounts
from msphub.accounts import queries as account_queries
from msphub.accounts.choices import Status, TenantKind
from msphub.accounts.models import BillingProfile, Subscription, Tenant, User
from msphub.audit import actions as audit
from msphub.customers import creation, events, inputs, permissions, queries
from msphub.customers.choices import ContactKind
from msphub.customers.models import (
    Contact,
    CspAccount,
    Customer,
    CustomerType,
    SalesRepresentative,
)
from msphub.kit import addresses, fields, text
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused, Text

MOST_AT_ONCE = 500


def change_status(
    *,
    by: Actor,
    customer_id: uuid.UUID,
    status: Status,
    reason: str,
    at: datetime.datetime,
    starts_at: datetime.datetime | None = None,
    ends_at: datetime.datetime | None = None,
) -> statuses.StatusChange:
    """Enable, suspend or disable a customer, now or from `starts_at` on, for good or until `ends_at`.

    A reason is required; sign-in follows at once when it takes effect.
    """
    by.require_partner(permissions.CHANGE_STATUS)
    return statuses.change_status(
        by=by, customer_id=customer_id, status=status, reason=reason, at=at, starts_at=starts_at, ends_at=ends_at
    )


def archive_customer(*, by: Actor, customer_id: uuid.UUID, archived: bool, at: datetime.datetime) -> None:
    """Take a disabled customer off the grid, or bring it back. Nothing is deleted; asking twice changes nothing."""
    by.require_partner(permissions.CHANGE_STATUS)
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update().filter(partner_id=by.partner_id, id=customer_id).first()
        if tenant is None or tenant.kind != TenantKind.CUSTOMER:
            raise NotFound
        if archived and tenant.status != Status.DISABLED:
            raise Refused("not_disabled", _("Only a disabled customer can be archived. Disable it first."))
        if (tenant.archived_at is not None) == archived:
            return
        tenant.archived_at = at if archived else None
        tenant.save(update_fields=["archived_at"])
        audit.record(
            by=by,
            event=events.CUSTOMER_ARCHIVED if archived else events.CUSTOMER_RESTORED,
            at=at,
            object_type="customer",
            object_id=customer_id,
            object_label=tenant.name,
            customer_id=customer_id,
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BulkResult:
    """What happened to one of many customers: the change, or why it was refused."""

    customer_id: uuid.UUID
    name: str
    change: statuses.StatusChange | None
    refusal: str


def bulk_change_status(
    *,
    by: Actor,
    customer_ids: Sequence[uuid.UUID],
    status: Status,
    reason: str,
    at: datetime.datetime,
    starts_at: datetime.datetime | None = None,
    ends_at: datetime.datetime | None = None,
) -> list[BulkResult]:
    """Change the status of many customers, each in a transaction of its own, and tell what happened to each.

    One that is refused does not stop the others. Ids of other partners are left out. Refuses more than 500 at once,
    and an entry that no customer could be changed with (the reason, the instants).
    """
    by.require_partner(permissions.CHANGE_STATUS)
    if len(customer_ids) > MOST_AT_ONCE:
        raise Refused("too_many", _("At most %(most)s customers at once.") % {"most": MOST_AT_ONCE})
    results = []
    for row in queries.customers_by_id(by=by, ids=customer_ids):
        change, refusal = None, ""
        try:
            change = change_status(
                by=by,
                customer_id=row.id,
                status=status,
                reason=reason,
                at=at,
                starts_at=starts_at,
                ends_at=ends_at,
            )
        except Refused as refused:
            if refused.fields:
                raise
            refusal = str(refused.message)
        results.append(BulkResult(customer_id=row.id, name=row.name, change=change, refusal=refusal))
    return results


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What the Profile tab edits. The last two are the partner's alone: None leaves them as they are.

    `billing_profile` is the billing address of step 1, kept in the customer's first billing profile; None leaves it as
    it is, for those who may not change it.
    """

    name: str
    address: addresses.Address
    primary_contact: inputs.Contact
    billing_contact: inputs.Contact
    representatives: tuple[inputs.Representative, ...]
    billing_profile: billing.ProfileEntry | None = None
    billing_version: int = 0
    customer_type_id: uuid.UUID | None = None
    partner_subscription_id: uuid.UUID | None = None


def edit_profile(
    *, by: Actor, customer_id: uuid.UUID, profile: Profile, version: int, at: datetime.datetime
) -> Customer:
    """Change what steps 1, 2 and 4 of the wizard gave (without the admin user). The country stays as it is.

    `version` is the one the form was filled from; an older one is refused, so that nobody overwrites a colleague's
    change unseen. Customers' users may not touch type, Partner Subscription and sales representatives.
    """
    by.require(permissions.EDIT)
    if by.customer_id is not None and by.customer_id != customer_id:
        raise NotFound
    profile, problems = _checked_profile(profile)
    if problems:
        raise Refused("invalid", _("Some entries need your attention."), fields=problems)
    with transaction.atomic():
        customer = (
            Customer.objects.select_for_update(of=("self",))
            .select_related("tenant")
            .filter(partner_id=by.partner_id, tenant_id=customer_id)
            .first()
        )
        if customer is None:
            raise NotFound
        if customer.version != version:
            raise billing.stale()
        tenant = customer.tenant
        changes: dict[str, tuple[Any, Any]] = {}
        if by.is_partner:
            _change_terms(by=by, customer=customer, profile=profile, at=at)
            _replace_representatives(customer=customer, profile=profile, changes=changes)
        _change_company(customer=customer, tenant=tenant, profile=profile, changes=changes)
        _change_contacts(customer=customer, profile=profile, changes=changes)
        _change_billing(by=by, customer=customer, profile=profile, at=at)
        customer.search_text = _search_text(customer=customer, tenant=tenant)
        customer.version += 1
        customer.save()
        if changes:
            audit.record(
                by=by,
                event=events.PROFILE_CHANGED,
                at=at,
                object_type="customer",
                object_id=tenant.id,
                object_label=tenant.name,
                customer_id=tenant.id,
                changes=changes,
            )
    return customer


def allow_purchase(*, by: Actor, customer_id: uuid.UUID, allowed: bool, at: datetime.datetime) -> None:
    """Let the customer's own users buy, or stop that (C-21). Setting what is set already changes nothing."""
    by.require_partner(permissions.EDIT_TERMS)
    with transaction.atomic():
        customer = (
            Customer.objects.select_for_update(of=("self",))
            .select_related("tenant")
            .filter(partner_id=by.partner_id, tenant_id=customer_id)
            .first()
        )
        if customer is None:
            raise NotFound
        if customer.allow_purchase == allowed:
            return
        customer.allow_purchase = allowed
        customer.save(update_fields=["allow_purchase"])
        audit.record(
            by=by,
            event=events.TERMS_CHANGED,
            at=at,
            object_type="customer",
            object_id=customer_id,
            object_label=customer.tenant.name,
            customer_id=customer_id,
            changes={gettext_noop("Allow customer to purchase"): (not allowed, allowed)},
        )


def _checked_profile(profile: Profile) -> tuple[Profile, dict[str, Text]]:
    problems: dict[str, Text] = {}
    name, problem = fields.company_name(profile.name, missing=_("Enter the name of the company."))
    if problem:
        problems["company_name"] = problem
    address, found = addresses.check_lines(profile.address)
    problems |= found
    country = address.country
    primary, found = inputs.check_contact(profile.primary_contact, prefix="primary_", country=country)
    problems |= found
    billing_contact, found = inputs.check_contact(profile.billing_contact, prefix="billing_", country=country)
    problems |= found
    representatives, found = inputs.check_representatives(list(profile.representatives))
    problems |= found
    entry = profile.billing_profile
    if entry is not None:
        entry, found_in_billing = billing.check_profile(entry, prefix="billing_")
        names = {"billing_name": "billing_profile_name", "billing_bill_to": "bill_to"}
        problems |= {names.get(name, name): problem for name, problem in found_in_billing.items()}
    return (
        dataclasses.replace(
            profile,
            name=name,
            address=address,
            primary_contact=primary,
            billing_contact=billing_contact,
            representatives=representatives,
            billing_profile=entry,
        ),
        problems,
    )


def _change_company(
    *, customer: Customer, tenant: Tenant, profile: Profile, changes: dict[str, tuple[Any, Any]]
) -> None:
    before = {
        gettext_noop("Company Name"): tenant.name,
        gettext_noop("Address Line 1"): customer.line1,
        gettext_noop("Address Line 2"): customer.line2,
        gettext_noop("City"): customer.city,
        gettext_noop("State"): addresses.state_name(country=tenant.country, state=customer.state),
        gettext_noop("ZIP Code"): customer.postal_code,
    }
    address = profile.address
    after = {
        "Company Name": profile.name,
        "Address Line 1": address.line1,
        "Address Line 2": address.line2,
        "City": address.city,
        "State": addresses.state_name(country=tenant.country, state=address.state),
        "ZIP Code": address.postal_code,
    }
    changes |= audit.differences(before, after)
    if tenant.name != profile.name:
        tenant.name = profile.name
        tenant.sort_name = text.fold(profile.name)
        tenant.save(update_fields=["name", "sort_name"])
    customer.line1, customer.line2, customer.city = address.line1, address.line2, address.city
    customer.state, customer.postal_code = address.state, address.postal_code


def _change_billing(*, by: Actor, customer: Customer, profile: Profile, at: datetime.datetime) -> None:
    """Write the billing address of step 1 into the first billing profile; a customer without one gets it."""
    if profile.billing_profile is None:
        return
    by.require(accounts.MANAGE_SUBSCRIPTIONS)
    first = account_queries.first_billing_profile(by=by, customer_id=customer.tenant_id)
    if first is None:
        row = BillingProfile(partner_id=by.partner_id, customer_id=customer.tenant_id, created_at=at)
    else:
        row = billing.lock_profile(
            by=by, customer_id=customer.tenant_id, profile_id=first.id, version=profile.billing_version
        )
    billing.write_profile(by=by, profile=row, entry=profile.billing_profile, at=at)


def _change_contacts(*, customer: Customer, profile: Profile, changes: dict[str, tuple[Any, Any]]) -> None:
    stored = {
        contact.kind: contact
        for contact in Contact.objects.filter(partner_id=customer.partner_id, customer_id=customer.tenant_id)
    }
    for kind, entered in (
        (ContactKind.PRIMARY, profile.primary_contact),
        (ContactKind.BILLING, profile.billing_contact),
    ):
        contact = stored.get(kind) or Contact(partner_id=customer.partner_id, customer_id=customer.tenant_id, kind=kind)
        for field, label in (
            ("first_name", _("First Name")),
            ("last_name", _("Last Name")),
            ("email", _("Email Address")),
            ("phone", _("Phone Number")),
            ("fax", _("Fax Number")),
        ):
            old, new = getattr(contact, field), getattr(entered, field)
            if old != new:
                changes[f"{kind.label}: {label}"] = (old, new)
        for field, value in dataclasses.asdict(entered).items():
            setattr(contact, field, value)
        contact.save()
    customer.contact_name = f"{profile.primary_contact.first_name} {profile.primary_contact.last_name}"
    customer.contact_sort = text.fold(customer.contact_name)


def _replace_representatives(*, customer: Customer, profile: Profile, changes: dict[str, tuple[Any, Any]]) -> None:
    stored = SalesRepresentative.objects.filter(partner_id=customer.partner_id, customer_id=customer.tenant_id)
    before = [f"{one.name} <{one.email}> {one.phone}".strip() for one in stored.order_by("position")]
    after = [f"{one.name} <{one.email}> {one.phone}".strip() for one in profile.representatives]
    if before != after:
        changes[_("Sales Representatives")] = ("; ".join(before), "; ".join(after))
        stored.delete()
        SalesRepresentative.objects.bulk_create(
            SalesRepresentative(
                partner_id=customer.partner_id,
                customer_id=customer.tenant_id,
                position=position,
                name=one.name,
                email=one.email,
                phone=one.phone,
            )
            for position, one in enumerate(profile.representatives, start=1)
        )
    customer.sales_name = profile.representatives[0].name if profile.representatives else ""
    customer.sales_sort = text.fold(customer.sales_name)


def _change_terms(*, by: Actor, customer: Customer, profile: Profile, at: datetime.datetime) -> None:
    kind_id = profile.customer_type_id or customer.customer_type_id
    subscription_id = profile.partner_subscription_id or customer.partner_subscription_id
    if (kind_id, subscription_id) == (customer.customer_type_id, customer.partner_subscription_id):
        return
    by.require_partner(permissions.EDIT_TERMS)
    problems = creation.check_terms(
        by=by,
        customer_type_id=kind_id,
        partner_subscription_id=subscription_id,
        country=customer.tenant.country,
        keeps=kind_id == customer.customer_type_id,
        lock=True,
    )
    if problems:
        raise Refused("invalid", _("Some entries need your attention."), fields=problems)
    kinds = dict(CustomerType.objects.filter(id__in=[kind_id, customer.customer_type_id]).values_list("id", "name"))
    names = dict(
        Subscription.objects.filter(id__in=[subscription_id, customer.partner_subscription_id]).values_list(
            "id", "name"
        )
    )
    audit.record(
        by=by,
        event=events.TERMS_CHANGED,
        at=at,
        object_type="customer",
        object_id=customer.tenant_id,
        object_label=customer.tenant.name,
        customer_id=customer.tenant_id,
        changes=audit.differences(
            {
                gettext_noop("Customer Type"): kinds.get(customer.customer_type_id),
                gettext_noop("Partner Subscription"): names.get(customer.partner_subscription_id),
            },
            {
                gettext_noop("Customer Type"): kinds.get(kind_id),
                gettext_noop("Partner Subscription"): names.get(subscription_id),
            },
        ),
    )
    customer.customer_type_id = kind_id
    customer.type_sort = text.fold(kinds[kind_id])
    customer.partner_subscription_id = subscription_id


def _search_text(*, customer: Customer, tenant: Tenant) -> str:
    words = [tenant.name]
    own = {"partner_id": customer.partner_id, "customer_id": tenant.id}
    for first, last, email in Contact.objects.filter(**own).values_list("first_name", "last_name", "email"):
        words += [f"{first} {last}", email]
    words += User.objects.filter(**own).values_list("email", flat=True)
    words += CspAccount.objects.filter(**own).values_list("domain", flat=True)
    return text.search_text(*words)
