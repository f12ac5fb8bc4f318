"""What the demo is filled with: two partners with their terms, users and customers. Run twice, it seeds once."""

import dataclasses
import datetime
import uuid
from collections.abc import Sequence
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import httpx
from django.db import transaction

from msphub.accounts import actions as accounts
from msphub.accounts import billing, microsoft_connection
from msphub.accounts.choices import Role, UserStatus
from msphub.accounts.models import Login, MicrosoftConnection, Subscription, User
from msphub.catalog import price_import, sync
from msphub.catalog import seeding as catalogue
from msphub.config import seed_discounts
from msphub.customers import credit_terms, customer_types, samples, seeding
from msphub.customers.choices import CreditHold, OnReach
from msphub.customers.models import CreditTerm, CustomerType
from msphub.kit import addresses, clock, scope
from msphub.kit.actor import Actor, system_actor

PASSWORD = "Cascade-Harbor-2026"  # noqa: S105 - the demo listens on this machine only and prints it
CUSTOMERS = 72
CUSTOMERS_OF_SECOND = 14
OWNER = "olivia@cascade-cloud.example"
READ_ONLY = "rory@cascade-cloud.example"
SECOND_OWNER = "nils@nordlicht-it.example"
CUSTOMER_ADMIN = "carla@lantern-sailing.example"
SELLERS = (
    ("Sam Rivera", "sam.rivera@cascade-cloud.example"),
    ("Priya Nair", "priya.nair@cascade-cloud.example"),
    ("Tom Becker", "tom.becker@cascade-cloud.example"),
)
EURO = ("AT", "DE", "FR", "IE", "NL")
DOLLAR = ("AU", "CA", "GB", "US")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Type:
    """A seeded customer type and the countries it serves."""

    kind: CustomerType
    countries: frozenset[str]


def seed_demo(*, emulator_url: str, data_dir: Path) -> list[dict[str, str]]:  # noqa: ARG001 - the demo names both
    """Seed what is missing, point the connections at the emulator, and return the sign-ins for `demo.json`."""
    at = clock.now()
    with httpx.Client(base_url=emulator_url, timeout=30) as emulator:
        known: list[dict[str, Any]] = emulator.get("/_emulator/partners").json()
    if not Login.objects.filter(email=OWNER).exists():
        _seed_first(at=at, known=known[0], emulator_url=emulator_url)
    if not Login.objects.filter(email=SECOND_OWNER).exists():
        _seed_second(at=at, known=known[1], emulator_url=emulator_url)
    for email in (OWNER, SECOND_OWNER):
        _point_at(login=Login.objects.get(email=email), emulator_url=emulator_url)
    return [
        {"role": "owner", "email": OWNER, "password": PASSWORD},
        {"role": "read-only", "email": READ_ONLY, "password": PASSWORD},
        {"role": "owner of second partner", "email": SECOND_OWNER, "password": PASSWORD},
        {"role": "customer admin", "email": CUSTOMER_ADMIN, "password": PASSWORD},
    ]


def _seed_first(*, at: datetime.datetime, known: dict[str, Any], emulator_url: str) -> None:
    partner, owner, _link = accounts.create_partner(
        name="Cascade Cloud Partners",
        owner_email=OWNER,
        owner_first_name="Olivia",
        owner_last_name="Hart",
        country="US",
        currency="USD",
        time_zone="America/Los_Angeles",
        subscription_name="Americas",
        at=at,
    )
    by = system_actor(partner_id=partner.id)
    catalogue.create_catalogue(by=by, at=at)
    reader = _add_user(by=by, email=READ_ONLY, first="Rory", last="Quinn", role=Role.READ_ONLY, at=at)
    _connect(by=by, known=known, emulator_url=emulator_url, at=at)
    _import_prices(by=by, at=at)
    profile = billing.save_profile(
        by=by,
        customer_id=None,
        entry=billing.ProfileEntry(
            name="Cascade Cloud Europe",
            bill_to="Cascade Cloud Europe B.V.",
            address=addresses.Address(country="NL", line1="Stationsplein 12", city="Utrecht", postal_code="3511 ED"),
        ),
        at=at,
    )
    europe = billing.save_subscription(
        by=by,
        customer_id=None,
        entry=billing.SubscriptionEntry(
            name="Europe",
            country="NL",
            state="",
            billing_profile_id=profile.id,
            currency="EUR",
            tax_registration="NL004495445B01",
            number_series="EU",
            time_zone="Europe/Amsterdam",
            payment_instructions="Pay by SEPA transfer to IBAN NL91 ABNA 0417 1643 00, naming the invoice number.",
        ),
        at=at,
    )
    americas = _first_subscription(by)
    kinds = _seed_terms(by=by, at=at, discount_ids=seed_discounts.seed_discounts(by=by, at=at))
    made = seeding.insert_samples(
        by=by,
        customers=samples.sample_customers(count=CUSTOMERS, seed="cascade"),
        customer_type=kinds[0].kind,
        further_types=[(one.kind, one.countries) for one in kinds[1:]],
        subscription_of={
            **dict.fromkeys(DOLLAR, americas.id),
            **dict.fromkeys(EURO, europe.id),
        },
        sellers=SELLERS,
        tenants=_tenants_at_microsoft(known=known, emulator_url=emulator_url),
        at=at,
    )
    admin = accounts.add_user(
        by=by,
        customer_id=made[0].id,
        email=CUSTOMER_ADMIN,
        first_name="Carla",
        last_name="Voss",
        role=Role.CUSTOMER_ADMIN,
        at=at,
        send_link=False,
    )
    _give_passwords([owner, reader, admin])
    sync.start_sync(by=by, at=at)


def _seed_second(*, at: datetime.datetime, known: dict[str, Any], emulator_url: str) -> None:
    partner, owner, _link = accounts.create_partner(
        name="Nordlicht IT",
        owner_email=SECOND_OWNER,
        owner_first_name="Nils",
        owner_last_name="Petersen",
        country="US",
        currency="USD",
        time_zone="America/Chicago",
        subscription_name="Americas",
        at=at,
    )
    by = system_actor(partner_id=partner.id)
    catalogue.create_catalogue(by=by, at=at)
    _connect(by=by, known=known, emulator_url=emulator_url, at=at)
    _import_prices(by=by, at=at)
    americas = _first_subscription(by)
    kinds = _seed_terms(by=by, at=at, countries=DOLLAR)
    seeding.insert_samples(
        by=by,
        customers=samples.sample_customers(count=CUSTOMERS_OF_SECOND, seed="nordlicht", countries=frozenset(DOLLAR)),
        customer_type=kinds[0].kind,
        further_types=[(one.kind, one.countries) for one in kinds[1:]],
        subscription_of=dict.fromkeys(DOLLAR, americas.id),
        sellers=(("Nora Lund", "nora.lund@nordlicht-it.example"),),
        tenants=_tenants_at_microsoft(known=known, emulator_url=emulator_url)[:5],
        at=at,
    )
    _give_passwords([owner])
    sync.start_sync(by=by, at=at)


def _import_prices(*, by: Actor, at: datetime.datetime) -> None:
    """Give what is not Microsoft's prices in dollars and euros."""
    content = (resources.files("msphub.config") / "demo_prices.csv").read_bytes()
    problems = price_import.import_file(by=by, content=content, at=at).problems
    if problems:
        raise RuntimeError(f"demo_prices.csv: {problems[0]}")


def _seed_terms(
    *,
    by: Actor,
    at: datetime.datetime,
    countries: Sequence[str] = (*DOLLAR, *EURO),
    discount_ids: Sequence[uuid.UUID] = (),
) -> list[_Type]:
    """Create credit terms and customer types; by name, the first of each serves the US, the first type all.

    Key accounts get the discounts, which are the United States'.
    """

    def term(country: str, days: int, limit: int, on_reach: OnReach, hold: CreditHold) -> CreditTerm:
        return credit_terms.create_credit_term(
            by=by,
            name=f"{addresses.country_name(country) if country != 'US' else 'America'} net {days}",
            country=country,
            currency="EUR" if country in EURO else "USD",
            credit_limit=Decimal(limit),
            due_days=days,
            on_reach=on_reach,
            credit_hold=hold,
            at=at,
        )

    def kind(name: str, terms: dict[str, CreditTerm], *, discounted: Sequence[uuid.UUID] = ()) -> _Type:
        made = customer_types.create_customer_type(
            by=by,
            name=name,
            countries=[
                customer_types.CountryTerms(
                    country=country,
                    credit_term_id=one.id,
                    discount_ids=tuple(discounted) if country == "US" else (),
                )
                for country, one in terms.items()
            ],
            at=at,
        )
        return _Type(kind=made, countries=frozenset(terms))

    standard = {country: term(country, 30, 10000, OnReach.NO_ACTION, CreditHold.MANUAL) for country in countries}
    longer = {country: term(country, 60, 50000, OnReach.ON_DUE, CreditHold.AUTOMATIC) for country in countries[:6]}
    schools = {country: term(country, 45, 25000, OnReach.ON_ISSUE, CreditHold.MANUAL) for country in ("US", "CA")}
    return [
        kind("Business", standard),
        kind("Education", {**{one: standard[one] for one in countries[:4]}, **schools}),
        kind("Key accounts", {**standard, **longer}, discounted=discount_ids),
    ]


def _first_subscription(by: Actor) -> Subscription:
    return Subscription.objects.get(partner_id=by.partner_id, customer_id=None, name="Americas")


def _connect(*, by: Actor, known: dict[str, Any], emulator_url: str, at: datetime.datetime) -> None:
    microsoft_connection.save_connection(
        by=by,
        connection=microsoft_connection.ConnectionInput(
            partner_center_url=emulator_url,
            graph_url=emulator_url,
            login_url=emulator_url,
            microsoft_tenant_id=uuid.UUID(known["tenant_id"]),
            client_id=uuid.UUID(known["client_id"]),
            client_secret=known["client_secret"],
            refresh_token=known["refresh_token"],
        ),
        at=at,
    )


def _point_at(*, login: Login, emulator_url: str) -> None:
    """The emulator's port may differ from the last start's."""
    with scope.scope(partner_id=login.partner_id):
        MicrosoftConnection.objects.filter(partner_id=login.partner_id).exclude(partner_center_url=emulator_url).update(
            partner_center_url=emulator_url, graph_url=emulator_url, login_url=emulator_url
        )


def _tenants_at_microsoft(*, known: dict[str, Any], emulator_url: str) -> list[seeding.MicrosoftTenant]:
    """Return the partner's customers at the emulated Microsoft; of five, four have accepted the customer agreement."""
    with httpx.Client(base_url=emulator_url, timeout=30) as emulator:
        own = [one for one in emulator.get("/_emulator/tenants").json() if known["tenant_id"] in one["customer_of"]]
        found = [
            seeding.MicrosoftTenant(
                id=one["tenant_id"],
                domain=one["default_domain"],
                country=one["country"],
                has_agreement=number % 5 != 4,
            )
            for number, one in enumerate(own)
        ]
        for one in found:
            if one.has_agreement:
                signed = {"customer": one.id, "signed": True}
                emulator.post("/_emulator/agreement", json=signed).raise_for_status()
    return found


def _add_user(*, by: Actor, email: str, first: str, last: str, role: Role, at: datetime.datetime) -> User:
    return accounts.add_user(
        by=by, customer_id=None, email=email, first_name=first, last_name=last, role=role, at=at, send_link=False
    )


def _give_passwords(users: Sequence[User]) -> None:
    """The demo's people have chosen theirs already."""
    with transaction.atomic():
        for user in users:
            user.login.set_password(PASSWORD)
            user.login.save(update_fields=["password"])
            user.status = UserStatus.ACTIVE
            user.save(update_fields=["status"])
