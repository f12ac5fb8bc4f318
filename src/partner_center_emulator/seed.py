"""What exists before anyone calls: partners, a few hundred Microsoft tenants, and who is whose customer.

Everything follows from constants, so ids and names are the same in every emulator.
"""

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from partner_center_emulator import relationships, wellknown
from partner_center_emulator.clock import written
from partner_center_emulator.state import Customer, State, Tenant
from partner_center_emulator.wellknown import Partner, stable_id

SEEDED_AT = datetime(2025, 1, 6, 9, 0, tzinfo=UTC)
_CUSTOMERS_OF_PARTNER = {
    wellknown.CONTOSO.tenant_id: (0, 72),
    wellknown.FABRIKAM.tenant_id: (66, 96),
    wellknown.NORDWIND.tenant_id: (96, 136),
    wellknown.SANDBOX.tenant_id: (136, 139),
}
_FIRST_WORDS = (
    "Alpine",
    "Amber",
    "Anchor",
    "Aurora",
    "Beacon",
    "Birch",
    "Blue",
    "Bright",
    "Cedar",
    "Clear",
    "Copper",
    "Coral",
    "Crown",
    "Delta",
    "Eagle",
    "Elm",
    "Ember",
    "Evergreen",
    "Falcon",
    "Fern",
    "Golden",
    "Granite",
    "Harbor",
    "Hazel",
    "Horizon",
    "Iron",
    "Ivory",
    "Juniper",
    "Lake",
    "Lantern",
)
_SECOND_WORDS = (
    "Logistics",
    "Dental",
    "Foods",
    "Robotics",
    "Academy",
    "Media",
    "Energy",
    "Textiles",
    "Optics",
    "Travel",
)
# The tenant that Microsoft's documentation of Graph finds.
PUBLISHED_TENANT = Tenant(
    tenant_id="6babcaad-604b-40ac-a9d7-9fd97c0b779f",
    name="Contoso, Ltd",
    country="US",
    default_domain="CONTOSO18839.onmicrosoft.com",
    vanity_domain="contoso.com",
    email="admin@contoso.com",
    first_name="Tania",
    last_name="Carr",
    address={
        "country": "US",
        "city": "Redmond",
        "state": "WA",
        "addressLine1": "1 Microsoft Way",
        "postalCode": "98052",
        "firstName": "Tania",
        "lastName": "Carr",
        "phoneNumber": "4255550101",
    },
)
# Country, legal form, city, state, postal code, street, phone in the form the country's rule takes.
_PLACES = (
    ("US", "Inc.", "Seattle", "WA", "98101", "400 Pine Street", "2065550142"),
    ("DE", "GmbH", "München", "", "80331", "Marienplatz 12", "0895550142"),
    ("GB", "Ltd", "Manchester", "", "M1 1AE", "22 Oldham Street", "01615550142"),
    ("US", "LLC", "Austin", "TX", "78701", "210 Congress Avenue", "5125550142"),
    ("FR", "SARL", "Lyon", "", "69002", "8 Rue Victor Hugo", "0478555014"),
    ("CA", "Ltd.", "Toronto", "ON", "M5H 2N2", "100 Queen Street West", "4165550142"),
    ("NL", "B.V.", "Utrecht", "", "3511 AA", "Oudegracht 45", "0305550142"),
    ("AU", "Pty Ltd", "Melbourne", "VIC", "3000", "120 Collins Street", "0395550142"),
    ("US", "Corp.", "Chicago", "IL", "60601", "35 East Wacker Drive", "3125550142"),
    ("JP", "K.K.", "Chiyoda", "Tokyo", "100-0005", "2-4-1 Marunouchi", "0355550142"),
    ("ES", "S.L.", "Valencia", "V", "46002", "Calle de Colón 18", "965550142"),
    ("SE", "AB", "Göteborg", "", "411 06", "Kungsgatan 7", "0315550142"),
    ("CH", "AG", "Zürich", "", "8001", "Bahnhofstrasse 30", "0445550142"),
)


def load(*, state: State, seed_file: Path | None = None) -> None:
    """Fills an empty state with the defaults and, on top, what a seed file has. Its form is in the README."""
    content: dict[str, Any] = json.loads(seed_file.read_text(encoding="utf-8")) if seed_file else {}
    if content.get("defaults", True):
        _load_defaults(state=state)
    for document in content.get("partners", []):
        _load_partner(state=state, document=document)
    for document in content.get("tenants", []):
        _load_tenant(state=state, document=document)


def _load_defaults(*, state: State) -> None:
    for partner in wellknown.PARTNERS:
        _add_partner(state=state, partner=partner)
    tenants = default_tenants()
    for tenant in (*tenants, PUBLISHED_TENANT):
        state.keep_tenant(tenant=tenant)
    for partner in wellknown.PARTNERS:
        first, last = _CUSTOMERS_OF_PARTNER[partner.tenant_id]
        for number in range(first, last):
            at = written(instant=SEEDED_AT + timedelta(hours=number))
            state.keep_customer(customer=_joined(partner=partner, tenant=tenants[number], at=at))


def _joined(*, partner: Partner, tenant: Tenant, at: str) -> Customer:
    """A seeded customer; its etag is as constant as the rest."""
    customer = relationships.joined(partner=partner, tenant=tenant, at=at, has_dap=True)
    etag = str(int(stable_id(name=f"etag {customer.billing_id}").replace("-", "")[:15], 16))
    return Customer(**{**{item.name: getattr(customer, item.name) for item in fields(customer)}, "etag": etag})


def default_tenants() -> list[Tenant]:
    """300 tenants with plausible names in a dozen countries."""
    tenants = []
    for number in range(len(_FIRST_WORDS) * len(_SECOND_WORDS)):
        first = _FIRST_WORDS[number % len(_FIRST_WORDS)]
        second = _SECOND_WORDS[(number // len(_FIRST_WORDS)) % len(_SECOND_WORDS)]
        country, form, city, state, postal_code, street, phone = _PLACES[number % len(_PLACES)]
        prefix = f"{first}{second}".lower()
        given, family = ("Avery", "Lindqvist") if number % 2 else ("Robin", "Okafor")
        address = {
            "country": country,
            "city": city,
            "state": state,
            "addressLine1": street,
            "postalCode": postal_code,
            "firstName": given,
            "lastName": family,
            "phoneNumber": phone,
        }
        tenants.append(
            Tenant(
                tenant_id=stable_id(name=f"tenant {prefix}"),
                name=f"{first} {second} {form}",
                country=country,
                default_domain=f"{prefix}.onmicrosoft.com",
                vanity_domain=f"{prefix}.example",
                email=f"{given.lower()}@{prefix}.example",
                first_name=given,
                last_name=family,
                address={name: value for name, value in address.items() if value},
            )
        )
    return tenants


def _add_partner(*, state: State, partner: Partner) -> None:
    state.keep_partner(partner=partner)
    state.keep_tenant(
        tenant=Tenant(
            tenant_id=partner.tenant_id, name=partner.name, country=partner.country, default_domain=partner.domain
        )
    )
    stamp = SEEDED_AT.strftime("%Y-%m-%dT%H%%3A%M%%3A%S.%fZ")
    for name, code, remaining in ((partner.name, "12345", 4), (f"{partner.name} Finance Department", "987654", 5)):
        state.keep_validation_code(
            document={
                "partnerId": partner.tenant_id,
                "organizationName": name,
                "validationId": code,
                "maxCreates": 5,
                "remainingCreates": remaining,
                "eTag": f"W/\"datetime'{stamp}'\"",
            }
        )


def _load_partner(*, state: State, document: dict[str, Any]) -> None:
    """A partner of the seed file; what it leaves out follows from its name."""
    name = document["name"]
    slug = "".join(character for character in name.lower() if character.isalnum())
    known = {item.name for item in fields(Partner)}
    given: dict[str, Any] = {
        "tenant_id": stable_id(name=f"partner {slug}"),
        "country": "US",
        "domain": f"{slug}.onmicrosoft.com",
        "client_id": stable_id(name=f"client {slug}"),
        "client_secret": f"emulator-secret-{slug}",
        "refresh_token": f"emulator-refresh-token-{slug}",
        "mpn_id": str(5_000_000 + int(stable_id(name=slug)[:5], 16)),
    }
    given |= {key: value for key, value in document.items() if key in known}
    given["markets"] = tuple(given.get("markets", (wellknown.ALL_MARKETS,)))
    given["indirect_resellers"] = tuple(tuple(item) for item in given.get("indirect_resellers", ()))
    _add_partner(state=state, partner=Partner(**given))


def _load_tenant(*, state: State, document: dict[str, Any]) -> None:
    """A tenant of the seed file, with the partners (`customer_of`) that sell to it."""
    domain = document["default_domain"]
    known = {item.name for item in fields(Tenant)}
    given: dict[str, Any] = {"tenant_id": stable_id(name=f"tenant {domain}"), "name": domain, "country": "US"}
    tenant = Tenant(**(given | {key: value for key, value in document.items() if key in known}))
    state.keep_tenant(tenant=tenant)
    for partner_id in document.get("customer_of", []):
        partner = state.partner(tenant_id=partner_id)
        if partner is None:
            raise ValueError(f"the tenant {domain} is said to be a customer of {partner_id}, which is no partner")
        state.keep_customer(customer=_joined(partner=partner, tenant=tenant, at=written(instant=SEEDED_AT)))
