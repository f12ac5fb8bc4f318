"""How a real MSP starts: `msphub partner create`."""

import datetime

from babel.numbers import get_territory_currencies

from msphub.accounts import actions as accounts
from msphub.accounts.models import Tenant, User
from msphub.customers import defaults
from msphub.kit import addresses
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
    """Create a partner with owner, first subscription and first terms; returns it, the owner and the one-time link.

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
    defaults.create_default_terms(by=system_actor(partner_id=partner.id), country=country, currency=currency, at=at)
    return partner, owner, link
