"""How a real MSP starts: `msphub partner create`."""

import datetime
from collections.abc import Callable

from babel.numbers import get_territory_currencies

from msphub.accounts import actions as accounts
from msphub.accounts import queries
from msphub.accounts.models import Tenant, User
from msphub.catalog import seeding as catalogue
from msphub.customers import defaults, mass_seeding
from msphub.kit import addresses, scope
from msphub.kit.actor import system_actor
from msphub.kit.errors import Refused


def create_partner(
    *,
    name: str,
    owner_email: str,
    owner_first_name: str,
    owner_last_name: str,
    country: str,
    at: datetime.datetime,
) -> tuple[Tenant, User, str]:
    """Create a partner with owner, subscription, catalogue and terms; returns it, the owner and the one-time link.

    Currency is the country's own. Refuses an unknown country and a login e-mail that is taken.
    """
    if country not in addresses.country_codes():
        raise Refused("country", f"“{country}” is not a country code such as US or DE.", field="country")
    currency = get_territory_currencies(country, start_date=at.date(), end_date=at.date())[0]
    partner, owner, link = accounts.create_partner(
        name=name,
        owner_email=owner_email,
        owner_first_name=owner_first_name,
        owner_last_name=owner_last_name,
        country=country,
        currency=currency,
        time_zone="UTC",
        at=at,
    )
    by = system_actor(partner_id=partner.id)
    catalogue.create_catalogue(by=by, at=at)
    defaults.create_default_terms(by=by, country=country, currency=currency, at=at)
    return partner, owner, link


def enter_partner(*, name_or_id: str) -> Tenant:
    """Put the connection into the scope of the partner with this id or name, and return it.

    Refuses when there is none, and when several bear the name.
    """
    found = []
    for partner_id in queries.partner_ids():
        scope.enter(partner_id=partner_id)
        tenant = Tenant.objects.get(id=partner_id)
        if name_or_id.casefold() in (tenant.name.casefold(), str(partner_id)):
            found.append(tenant)
    if not found:
        raise Refused("partner", f"There is no partner “{name_or_id}”.")
    if len(found) > 1:
        ids = ", ".join(str(tenant.id) for tenant in found)
        raise Refused("partner", f"Several partners are called “{name_or_id}”; name one by its id: {ids}.")
    scope.enter(partner_id=found[0].id)
    return found[0]


def seed_customers(*, name_or_id: str, count: int, at: datetime.datetime, say: Callable[[str], None]) -> Tenant:
    """Add sample customers to a partner and say how far it is after each batch."""
    partner = enter_partner(name_or_id=name_or_id)
    mass_seeding.seed_customers(
        by=system_actor(partner_id=partner.id),
        count=count,
        at=at,
        say=lambda done: say(f"{done:,} of {count:,} customers"),
    )
    return partner
