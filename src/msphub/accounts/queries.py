"""Reads of tenants, users, subscriptions and the connection to Microsoft."""

import dataclasses
import json
import uuid
from collections.abc import Collection

from django.db import connection
from django.db.models import QuerySet

from msphub.accounts import permissions as view_permissions
from msphub.accounts.choices import Status, TenantKind, UserStatus
from msphub.accounts.models import (
    BillingProfile,
    MicrosoftConnection,
    PasswordLink,
    StatusInterval,
    Subscription,
    Tenant,
    User,
)
from msphub.kit import permissions, prepared, rows
from msphub.kit.actor import Actor, ActorKind
from msphub.kit.errors import NotFound

# Not coalesce(): under a policy PostgreSQL takes it for leaky, and reads every tenant to find the one. The limit keeps
# the look-up by id, whatever the planner believes of the number of tenants.
SIGNED_IN = """
SELECT u.id, u.partner_id, u.customer_id, u.display_name, u.email, u.role, u.status, t.name, t.status, p.name,
    u.preferences
FROM accounts_user u
JOIN accounts_tenant p ON p.id = u.partner_id
CROSS JOIN LATERAL (
    SELECT name, status FROM accounts_tenant
    WHERE id = CASE WHEN u.customer_id IS NULL THEN u.partner_id ELSE u.customer_id END LIMIT 1
) t
WHERE u.login_id = %s
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """What a request needs to know of the person behind it."""

    actor: Actor
    tenant_name: str
    tenant_status: str
    partner_name: str
    user_status: str
    preferences: dict[str, dict[str, str]]


def partner_ids() -> list[uuid.UUID]:
    """Return the ids of all partners, for jobs that fan out. Needs no scope (a function of the owner's)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_partner_ids()")
        return [row[0] for row in cursor.fetchall()]


def password_links(*, hashes: Collection[str]) -> dict[str, PasswordLink]:
    """Return one-time links by the hash of their secret."""
    return {link.secret_hash: link for link in PasswordLink.objects.filter(secret_hash__in=hashes)}


def signed_in(*, login_id: uuid.UUID, address: str, request_id: str) -> SignedIn | None:
    """Return who a login is within its tenant, in one statement; the connection must be in the tenant's scope.

    None when the person may not be signed in (any more): a disabled user, a disabled customer.
    """
    with prepared.cursor() as cursor:
        cursor.execute(SIGNED_IN, [login_id])
        row = cursor.fetchone()
    if row is None or row[6] == UserStatus.DISABLED or row[8] == Status.DISABLED:
        return None
    return SignedIn(
        actor=Actor(
            kind=ActorKind.USER,
            user_id=row[0],
            partner_id=row[1],
            customer_id=row[2],
            name=row[3],
            email=row[4],
            role=row[5],
            permissions=permissions.of_role(row[5]),
            address=address,
            request_id=request_id,
        ),
        user_status=row[6],
        tenant_name=row[7],
        tenant_status=row[8],
        partner_name=row[9],
        preferences=row[10] if isinstance(row[10], dict) else json.loads(row[10]),
    )


def get_tenant(*, by: Actor, tenant_id: uuid.UUID) -> Tenant:
    """Return a tenant of the actor's partner; raises `NotFound`, also for another tenant's id."""
    found = Tenant.objects.filter(partner_id=by.partner_id, id=tenant_id)
    if by.customer_id is not None:
        found = found.filter(id=by.customer_id)
    tenant = found.first()
    if tenant is None:
        raise NotFound
    return tenant


def get_partner(*, by: Actor) -> Tenant:
    """Return the actor's partner."""
    return Tenant.objects.get(partner_id=by.partner_id, id=by.partner_id, kind=TenantKind.PARTNER)


def get_user(*, by: Actor, user_id: uuid.UUID) -> User:
    """Return a user of the actor's tenant; raises `NotFound`."""
    found = User.objects.filter(partner_id=by.partner_id, id=user_id)
    if by.customer_id is not None:
        found = found.filter(customer_id=by.customer_id)
    user = found.select_related("login").first()
    if user is None:
        raise NotFound
    return user


def subscriptions(*, by: Actor, customer_id: uuid.UUID | None) -> QuerySet[Subscription]:
    """Return the subscriptions (billing containers) of a customer, or the partner's own (None), by name."""
    return (
        Subscription.objects.filter(partner_id=by.partner_id, customer_id=customer_id)
        .select_related("billing_profile")
        .order_by("name", "id")
    )


def get_partner_subscription(*, by: Actor, subscription_id: uuid.UUID) -> Subscription:
    """Return one of the partner's own subscriptions; raises `NotFound`, also for another partner's id."""
    found = Subscription.objects.filter(partner_id=by.partner_id, customer_id__isnull=True, id=subscription_id).first()
    if found is None:
        raise NotFound
    return found


def billing_profiles(*, by: Actor, customer_id: uuid.UUID | None) -> QuerySet[BillingProfile]:
    """Return the billing profiles of a customer, or the partner's own (None), by name."""
    return BillingProfile.objects.filter(partner_id=by.partner_id, customer_id=customer_id).order_by("name", "id")


def status_intervals(*, by: Actor, customer_id: uuid.UUID) -> QuerySet[StatusInterval]:
    """Return why and when a customer was not active, newest first."""
    return StatusInterval.objects.filter(partner_id=by.partner_id, customer_id=customer_id).order_by(
        "-starts_at", "-id"
    )


def microsoft_connection(*, partner_id: uuid.UUID) -> MicrosoftConnection | None:
    """Return the partner's connection to Microsoft, or None where none has been set up."""
    return MicrosoftConnection.objects.filter(partner_id=partner_id).first()


def get_billing_profile(*, by: Actor, customer_id: uuid.UUID | None, profile_id: uuid.UUID) -> BillingProfile:
    """Return a billing profile of a customer, or of the partner (None); raises `NotFound`, also for another's."""
    by.require(view_permissions.VIEW_SUBSCRIPTIONS)
    found = None
    if by.customer_id is None or by.customer_id == customer_id:
        found = BillingProfile.objects.filter(partner_id=by.partner_id, customer_id=customer_id, id=profile_id).first()
    if found is None:
        raise NotFound
    return found


_FIRST_PROFILE = f"""
SELECT {rows.columns(BillingProfile, "p")} FROM accounts_billingprofile p
WHERE p.partner_id = %s AND p.customer_id = %s ORDER BY p.created_at, p.id LIMIT 1
"""  # noqa: S608 - names of columns


def first_billing_profile(*, by: Actor, customer_id: uuid.UUID) -> BillingProfile | None:
    """Return the billing profile that step 1 of the wizard made: the Profile tab shows and edits it."""
    if by.customer_id is not None and by.customer_id != customer_id:
        raise NotFound
    with prepared.cursor() as cursor:
        cursor.execute(_FIRST_PROFILE, [by.partner_id, customer_id])
        found = cursor.fetchone()
    return rows.built(BillingProfile, found) if found else None


def get_subscription(*, by: Actor, customer_id: uuid.UUID | None, subscription_id: uuid.UUID) -> Subscription:
    """Return a subscription of a customer, or the partner's own (None); raises `NotFound`, also for another's."""
    by.require(view_permissions.VIEW_SUBSCRIPTIONS)
    found = None
    if by.customer_id is None or by.customer_id == customer_id:
        found = (
            Subscription.objects.filter(partner_id=by.partner_id, customer_id=customer_id, id=subscription_id)
            .select_related("billing_profile")
            .first()
        )
    if found is None:
        raise NotFound
    return found
