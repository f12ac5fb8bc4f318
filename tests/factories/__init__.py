"""Records for tests, made by the same actions as in life. Each helper enters the scope of the partner it makes."""

import datetime
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from msphub.accounts import actions as accounts
from msphub.accounts import microsoft_connection, statuses
from msphub.accounts.choices import Role, Status, UserStatus
from msphub.accounts.models import Login, Subscription, Tenant, User
from msphub.catalog import seeding as catalogue
from msphub.customers import creation, defaults, inputs
from msphub.customers.models import CustomerType
from msphub.kit import permissions, scope
from msphub.kit.actor import Actor, ActorKind, system_actor
from msphub.kit.addresses import Address

NOW = datetime.datetime(2026, 11, 22, 12, 0, tzinfo=datetime.UTC)
PASSWORD = "correct horse battery"
_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class PartnerWorld:
    """A partner ready to create customers: its owner, subscription, customer type."""

    tenant: Tenant
    owner: User
    actor: Actor
    subscription: Subscription
    customer_type: CustomerType

    @property
    def id(self) -> uuid.UUID:
        return self.tenant.id


def unique(word: str) -> str:
    """Return a word that no other test of this process uses."""
    return f"{word}{next(_numbers)}x{uuid.uuid4().hex[:6]}"


def actor_of(user: User) -> Actor:
    """Return a user as the middleware would make it."""
    return Actor(
        kind=ActorKind.USER,
        partner_id=user.partner_id,
        customer_id=user.customer_id,
        user_id=user.id,
        name=user.display_name,
        email=user.email,
        role=user.role,
        permissions=permissions.of_role(user.role),
        address="192.0.2.1",
        request_id="test",
    )


def make_partner(*, name: str = "Cascade", country: str = "US", currency: str = "USD") -> PartnerWorld:
    """Create a partner with an owner who has chosen a password, and catalogue and default terms; enters its scope."""
    tenant, owner, _link = accounts.create_partner(
        name=name,
        owner_email=f"{unique('owner')}@cascade.example",
        owner_first_name="Olivia",
        owner_last_name="Hart",
        country=country,
        currency=currency,
        time_zone="UTC",
        at=NOW,
    )
    give_password(owner)
    by = system_actor(partner_id=tenant.id)
    catalogue.create_catalogue(by=by, at=NOW)
    kind = defaults.create_default_terms(by=by, country=country, currency=currency, at=NOW)
    subscription = Subscription.objects.get(partner_id=tenant.id, customer_id=None)
    return PartnerWorld(
        tenant=tenant, owner=owner, actor=actor_of(owner), subscription=subscription, customer_type=kind
    )


def connect_to_microsoft(world: PartnerWorld, *, url: str, known: Any) -> None:
    """Connect a partner to the emulator as one of its well-known partners."""
    scope.enter(partner_id=world.id)
    microsoft_connection.save_connection(
        by=world.actor,
        connection=microsoft_connection.ConnectionInput(
            partner_center_url=url,
            graph_url=url,
            login_url=url,
            microsoft_tenant_id=uuid.UUID(known.tenant_id),
            client_id=uuid.UUID(known.client_id),
            client_secret=known.client_secret,
            refresh_token=known.refresh_token,
        ),
        at=NOW,
    )


def give_password(user: User, password: str = PASSWORD) -> None:
    """Let a user have chosen a password already."""
    login = Login.objects.get(id=user.login_id)
    login.set_password(password)
    login.save(update_fields=["password"])
    user.status = UserStatus.ACTIVE
    user.save(update_fields=["status"])


def add_colleague(world: PartnerWorld, *, role: Role = Role.READ_ONLY) -> User:
    """Add a user of the partner with a role and a password."""
    scope.enter(partner_id=world.id)
    user = accounts.add_user(
        by=world.actor,
        customer_id=None,
        email=f"{unique('colleague')}@cascade.example",
        first_name="Rory",
        last_name="Quinn",
        role=role,
        at=NOW,
        send_link=False,
    )
    give_password(user)
    return user


def contact(first: str = "Gena", last: str = "Soto") -> inputs.Contact:
    return inputs.Contact(
        first_name=first, last_name=last, email=f"{first.lower()}@wingtip.example", phone="+1 425 555 0101"
    )


def us_address() -> Address:
    return Address(country="US", line1="1 Microsoft Way", city="Redmond", state="WA", postal_code="98052")


def agreement() -> inputs.Agreement:
    return inputs.Agreement(
        first_name="Gena",
        last_name="Soto",
        email="gena@wingtip.example",
        phone="+1 425 555 0101",
        agreed_on=NOW.date() - datetime.timedelta(days=2),
    )


def new_account(*, prefix: str | None = None, **changes: Any) -> inputs.NewAccount:
    """Return what a new Microsoft tenant is made of; valid unless changed."""
    account = inputs.NewAccount(
        company_name="Wingtip Toys",
        domain_prefix=prefix or unique("wingtip"),
        registration_number="",
        qualification="commercial",
        segment="",
        website="",
        first_name="Gena",
        last_name="Soto",
        email="gena@wingtip.example",
        phone="+1 425 555 0101",
        address=us_address(),
    )
    return replace(account, **changes)


def new_customer(world: PartnerWorld, *, name: str = "Wingtip Toys", **changes: Any) -> inputs.NewCustomer:
    """Return all four steps, filled and valid unless changed."""
    new = inputs.NewCustomer(
        company=inputs.Company(
            name=name,
            customer_type_id=world.customer_type.id,
            country="US",
            partner_subscription_id=world.subscription.id,
            address=us_address(),
            billing_profile_name=name,
            bill_to=name,
            billing_address=us_address(),
        ),
        primary_contact=contact(),
        billing_contact=contact("Bill", "Payer"),
        admin=inputs.Admin(
            first_name="Ann",
            last_name="Admin",
            login_email=f"{unique('ann')}@wingtip.example",
            contact_email="ann.inbox@wingtip.example",
        ),
        account=None,
        representatives=(inputs.Representative(name="Sam Seller", email="sam@cascade.example"),),
    )
    return replace(new, **changes)


def make_customer(world: PartnerWorld, *, name: str = "Wingtip Toys", **changes: Any) -> Tenant:
    """Create a customer; stays in the partner's scope."""
    scope.enter(partner_id=world.id)
    return creation.create_customer(
        by=world.actor, new=new_customer(world, name=name, **changes), draft_id=None, at=NOW
    )


def admin_of(customer: Tenant) -> User:
    """Return a customer's admin user, with a password; enters its partner's scope."""
    scope.enter(partner_id=customer.partner_id)
    user = User.objects.get(partner_id=customer.partner_id, customer_id=customer.id, role=Role.CUSTOMER_ADMIN)
    give_password(user)
    return user


def set_status(world: PartnerWorld, customer: Tenant, status: Status, *, at: datetime.datetime = NOW) -> None:
    """Give a customer a status."""
    scope.enter(partner_id=world.id)
    statuses.change_status(by=world.actor, customer_id=customer.id, status=status, reason="Test", at=at)


type MakePartner = Callable[..., PartnerWorld]
