"""Writes of tenants, users and sign-in."""

import dataclasses
import datetime
import hashlib
import json
import secrets
import uuid
from collections.abc import Sequence

from django.conf import settings
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from psycopg.errors import UniqueViolation

from msphub.accounts import billing, events, permissions
from msphub.accounts.choices import CUSTOMER_ROLES, PARTNER_ROLES, Role, TenantKind, UserStatus
from msphub.accounts.models import BillingProfile, Login, PasswordLink, Subscription, Tenant, User
from msphub.audit import actions as audit
from msphub.audit import queries as audit_queries
from msphub.kit import addresses, ids, rows, scope, text
from msphub.kit.actor import Actor, ActorKind, system_actor
from msphub.kit.errors import Refused

PASSWORD_LINK_HOURS = 72
FIRST_SUBSCRIPTION = "Main"


def create_partner(
    *,
    name: str,
    owner_email: str,
    owner_first_name: str,
    owner_last_name: str,
    country: str,
    currency: str,
    time_zone: str,
    at: datetime.datetime,
    subscription_name: str = FIRST_SUBSCRIPTION,
) -> tuple[Tenant, User, str]:
    """Create a partner with its first owner, and return both with the owner's one-time link.

    The partner gets a first billing profile and subscription in its country and currency, which its first customers
    are charged under. Leaves the connection in the new partner's scope. Refuses a login e-mail that is taken.
    """
    partner_id = ids.new_id()
    scope.enter(partner_id=partner_id)
    by = system_actor(partner_id=partner_id)
    with transaction.atomic():
        partner = Tenant.objects.create(
            id=partner_id,
            partner_id=partner_id,
            kind=TenantKind.PARTNER,
            name=text.tidy(name),
            sort_name=text.fold(name),
            country=country,
            created_at=at,
        )
        audit.record(
            by=by,
            event=events.PARTNER_CREATED,
            at=at,
            object_type="partner",
            object_id=partner.id,
            object_label=partner.name,
        )
        user = add_user(
            by=by,
            customer_id=None,
            email=owner_email,
            first_name=owner_first_name,
            last_name=owner_last_name,
            role=Role.OWNER,
            at=at,
            send_link=False,
        )
        profile = BillingProfile(partner_id=partner_id, created_at=at)
        address = addresses.Address(country=country, line1="")
        entry = billing.ProfileEntry(name=partner.name, bill_to=partner.name, address=address)
        billing.write_profile(by=by, profile=profile, entry=entry, at=at)
        selling = billing.SubscriptionEntry(
            name=subscription_name,
            country=country,
            state="",
            billing_profile_id=profile.id,
            currency=currency,
            number_series="INV",
            time_zone=time_zone,
        )
        billing.write_subscription(by=by, customer_id=None, entry=selling, profile=profile, at=at)
        link = issue_password_link(user=user, at=at)
    return partner, user, link


def add_user(
    *,
    by: Actor,
    customer_id: uuid.UUID | None,
    email: str,
    first_name: str,
    last_name: str,
    role: Role,
    at: datetime.datetime,
    display_name: str = "",
    contact_email: str = "",
    send_link: bool = True,
) -> User:
    """Create a user who still has to choose a password; the event sends the one-time link.

    Login e-mails are unique over the whole installation. One that is taken is refused in neutral words: whoever asks
    must not learn who else signs in here.
    """
    by.require(permissions.MANAGE_USERS)
    if role not in (PARTNER_ROLES if customer_id is None else CUSTOMER_ROLES):
        raise Refused("role", _("This role does not belong to this kind of company."), field="role")
    with transaction.atomic():
        return _insert_user(
            by=by,
            customer_id=customer_id,
            email=email,
            first_name=text.tidy(first_name),
            last_name=text.tidy(last_name),
            display_name=text.tidy(display_name),
            contact_email=contact_email.strip(),
            role=role,
            at=at,
            field="login_email",
            send_link=send_link,
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CustomerTenant:
    """The rows that a new customer starts with in this room."""

    tenant: Tenant
    admin: User
    subscription: Subscription


def create_customer_tenant(
    *,
    by: Actor,
    name: str,
    country: str,
    billing_profile_name: str,
    bill_to: str,
    billing_address: addresses.Address,
    admin_first_name: str,
    admin_last_name: str,
    admin_display_name: str,
    admin_login_email: str,
    admin_contact_email: str,
    at: datetime.datetime,
) -> CustomerTenant:
    """Create a customer's tenant, billing profile, subscription and admin user, in the caller's transaction.

    The caller has checked the permission and the values, and records one audit entry for all of it; the admin's
    invitation is an event of its own, because it sends the credentials. Refuses a login e-mail that is taken; the
    caller's transaction is to be rolled back then.
    """
    tenant = Tenant(
        partner_id=by.partner_id,
        kind=TenantKind.CUSTOMER,
        name=name,
        sort_name=text.fold(name),
        country=country,
        created_at=at,
    )
    profile = BillingProfile(
        partner_id=by.partner_id,
        customer_id=tenant.id,
        name=billing_profile_name,
        bill_to=bill_to,
        line1=billing_address.line1,
        line2=billing_address.line2,
        city=billing_address.city,
        state=billing_address.state,
        postal_code=billing_address.postal_code,
        country=billing_address.country,
        created_at=at,
    )
    subscription = Subscription(
        partner_id=by.partner_id,
        customer_id=tenant.id,
        name=FIRST_SUBSCRIPTION,
        country=billing_address.country,
        state=billing_address.state,
        billing_profile=profile,
        created_at=at,
    )
    admin = _insert_user(
        by=by,
        customer_id=tenant.id,
        email=admin_login_email,
        first_name=admin_first_name,
        last_name=admin_last_name,
        display_name=admin_display_name,
        contact_email=admin_contact_email,
        role=Role.CUSTOMER_ADMIN,
        at=at,
        field="admin_login_email",
        send_link=True,
        before=(tenant, profile, subscription),
    )
    return CustomerTenant(tenant=tenant, admin=admin, subscription=subscription)


def issue_password_link(*, user: User, at: datetime.datetime) -> str:
    """Make a one-time link to choose a password (72 h, single use) and return its URL. Earlier links end."""
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        PasswordLink.objects.filter(login_id=user.login_id, used_at=None, replaced_at=None).update(replaced_at=at)
        PasswordLink.objects.create(
            login_id=user.login_id,
            secret_hash=_hashed(secret),
            created_at=at,
            expires_at=at + datetime.timedelta(hours=PASSWORD_LINK_HOURS),
        )
    return f"{settings.BASE_URL}/welcome/{secret}/"


def hash_of_link(url: str) -> str:
    """Return by what a one-time link is known where its secret is not kept."""
    return _hashed(url.rstrip("/").rpartition("/")[2])


def request_password_link(*, email: str, at: datetime.datetime, address: str, request_id: str) -> None:
    """Send a fresh one-time link to whoever signs in with this e-mail; says nothing when nobody does.

    At most one link in five minutes is sent to one person. Leaves the connection in that person's scope.
    """
    login = Login.objects.filter(email=email.strip().lower(), is_active=True).first()
    if login is None:
        return
    recently = at - datetime.timedelta(minutes=5)
    if PasswordLink.objects.filter(login=login, created_at__gt=recently, used_at=None).exists():
        return
    scope.enter(partner_id=login.partner_id, customer_id=login.customer_id)
    user = User.objects.filter(login=login).exclude(status=UserStatus.DISABLED).first()
    if user is None:
        return
    by = _actor_of(user=user, address=address, request_id=request_id)
    with transaction.atomic():
        # One request at a time, and those count whose link no worker has made yet.
        Login.objects.select_for_update().get(id=login.id)
        if audit_queries.happened_since(by=by, event=events.USER_LINK_REQUESTED, object_id=user.id, since=recently):
            return
        _record_link_request(by=by, user=user, at=at)


def resend_password_link(*, by: Actor, user: User, at: datetime.datetime) -> None:
    """Send a user a fresh one-time link; the earlier one ends. Refuses for a disabled user."""
    by.require(permissions.MANAGE_USERS)
    if user.status == UserStatus.DISABLED:
        raise Refused("user_disabled", _("%(name)s is disabled. Enable the user first.") % {"name": user.display_name})
    with transaction.atomic():
        _record_link_request(by=by, user=user, at=at)


def disable_user(*, by: Actor, user: User, at: datetime.datetime) -> None:
    """Keep a user from signing in; open sessions end with their next request, one-time links at once.

    Refuses oneself and the last person who can manage users: nobody could let them in again.
    """
    by.require(permissions.MANAGE_USERS)
    if user.id == by.user_id:
        raise Refused("oneself", _("You can't disable yourself. Ask a colleague."))
    with transaction.atomic():
        colleagues = list(
            User.objects.select_for_update()
            .filter(partner_id=by.partner_id, customer_id=user.customer_id)
            .exclude(status=UserStatus.DISABLED)
            .values_list("id", "role")
        )
        managers = {user_id for user_id, role in colleagues if role in (Role.OWNER, Role.CUSTOMER_ADMIN)}
        if managers == {user.id}:
            raise Refused(
                "last_manager", _("%(name)s is the last one who can manage users.") % {"name": user.display_name}
            )
        if user.id not in {user_id for user_id, _role in colleagues}:
            return
        User.objects.filter(id=user.id).update(status=UserStatus.DISABLED)
        Login.objects.filter(id=user.login_id).update(is_active=False)
        PasswordLink.objects.filter(login_id=user.login_id, used_at=None, replaced_at=None).update(replaced_at=at)
        _record_user(by=by, event=events.USER_DISABLED, user=user, at=at)


def enable_user(*, by: Actor, user: User, at: datetime.datetime) -> None:
    """Let a disabled user sign in again; one who never chose a password is invited again."""
    by.require(permissions.MANAGE_USERS)
    with transaction.atomic():
        found = User.objects.select_for_update().select_related("login").get(id=user.id)
        if found.status != UserStatus.DISABLED:
            return
        found.status = UserStatus.ACTIVE if found.login.has_usable_password() else UserStatus.INVITED
        found.save(update_fields=["status"])
        Login.objects.filter(id=found.login_id).update(is_active=True)
        _record_user(by=by, event=events.USER_ENABLED, user=found, at=at)
        if found.status == UserStatus.INVITED:
            _record_link_request(by=by, user=found, at=at)


def find_password_link(*, secret: str, at: datetime.datetime) -> PasswordLink | None:
    """Return the link of a secret while it can be used."""
    return (
        PasswordLink.objects.select_related("login")
        .filter(secret_hash=_hashed(secret), used_at=None, replaced_at=None, expires_at__gt=at, login__is_active=True)
        .first()
    )


def choose_password(*, secret: str, password: str, at: datetime.datetime, address: str, request_id: str) -> Login:
    """Set the password of a one-time link's login and use the link up; the invited user becomes active.

    Refuses a link that is used, replaced or older than 72 hours, and a password that the policy does not accept.
    Leaves the connection in the person's scope.
    """
    link = find_password_link(secret=secret, at=at)
    if link is None:
        raise Refused("link", _("This link has been used or has expired. Ask for a new one."))
    scope.enter(partner_id=link.login.partner_id, customer_id=link.login.customer_id)
    with transaction.atomic():
        link = PasswordLink.objects.select_for_update().select_related("login").get(id=link.id)
        if link.used_at is not None or link.replaced_at is not None:
            raise Refused("link", _("This link has been used or has expired. Ask for a new one."))
        login = link.login
        try:
            password_validation.validate_password(password, user=login)
        except ValidationError as error:
            raise Refused("password", " ".join(error.messages), field="password") from error
        login.set_password(password)
        login.save(update_fields=["password"])
        link.used_at = at
        link.save(update_fields=["used_at"])
        user = User.objects.get(login=login)
        if user.status == UserStatus.INVITED:
            user.status = UserStatus.ACTIVE
            user.save(update_fields=["status"])
        by = _actor_of(user=user, address=address, request_id=request_id)
        _record_user(by=by, event=events.USER_PASSWORD_CHOSEN, user=user, at=at)
    return login


def record_sign_in(*, login: Login, event: str, at: datetime.datetime, address: str, request_id: str) -> None:
    """Record that a person signed in, signed out or was refused. Leaves the connection in the person's scope."""
    scope.enter(partner_id=login.partner_id, customer_id=login.customer_id)
    user = User.objects.filter(login=login).first()
    if user is None:
        return
    with transaction.atomic():
        if event == events.USER_SIGNED_IN:
            User.objects.filter(id=user.id).update(last_sign_in_at=at)
        by = _actor_of(user=user, address=address, request_id=request_id)
        _record_user(by=by, event=event, user=user, at=at)


def save_preference(*, by: Actor, name: str, value: dict[str, str]) -> None:
    """Keep how a person likes one of their lists. Not audited; the last choice wins."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_user SET preferences = preferences || jsonb_build_object(%s::text, %s::jsonb) "
            "WHERE partner_id = %s AND id = %s",
            [name, json.dumps(value), by.partner_id, by.user_id],
        )


def _insert_user(
    *,
    by: Actor,
    customer_id: uuid.UUID | None,
    email: str,
    first_name: str,
    last_name: str,
    display_name: str,
    contact_email: str,
    role: Role,
    at: datetime.datetime,
    field: str,
    send_link: bool,
    before: Sequence[Model] = (),
) -> User:
    """Insert login and user, and record the invitation. A taken login e-mail breaks the caller's transaction.

    `before` are rows to insert with them, in one statement.
    """
    address = email.strip().lower()
    login = Login(email=address, partner_id=by.partner_id, customer_id=customer_id, created_at=at)
    login.set_unusable_password()
    user = User(
        partner_id=by.partner_id,
        customer_id=customer_id,
        login=login,
        email=address,
        first_name=first_name,
        last_name=last_name,
        display_name=display_name or f"{first_name} {last_name}",
        contact_email=contact_email or address,
        role=role,
        created_at=at,
    )
    try:
        rows.insert_together(*before, login, user)
    except IntegrityError as error:
        if not _is_taken_email(error):
            raise
        raise Refused("login_email", _("This login e-mail can't be used. Choose another one."), field=field) from error
    audit.record(
        by=by,
        event=events.USER_INVITED,
        at=at,
        object_type="user",
        object_id=user.id,
        object_label=user.display_name,
        customer_id=customer_id,
        changes={gettext_noop("Login e-mail"): (None, address), gettext_noop("Role"): (None, role.label)},
        details={"send_link": send_link},
    )
    return user


def _is_taken_email(error: IntegrityError) -> bool:
    cause = error.__cause__
    return isinstance(cause, UniqueViolation) and cause.diag.table_name == Login._meta.db_table  # noqa: SLF001


def _record_link_request(*, by: Actor, user: User, at: datetime.datetime) -> None:
    _record_user(by=by, event=events.USER_LINK_REQUESTED, user=user, at=at)


def _record_user(*, by: Actor, event: str, user: User, at: datetime.datetime) -> None:
    audit.record(
        by=by,
        event=event,
        at=at,
        object_type="user",
        object_id=user.id,
        object_label=user.display_name,
        customer_id=user.customer_id,
    )


def _actor_of(*, user: User, address: str, request_id: str) -> Actor:
    """Return a person as actor of something about themselves, before or without a session."""
    return Actor(
        kind=ActorKind.USER,
        partner_id=user.partner_id,
        customer_id=user.customer_id,
        user_id=user.id,
        name=user.display_name,
        email=user.email,
        role=user.role,
        address=address,
        request_id=request_id,
    )


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
