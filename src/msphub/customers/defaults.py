"""The terms a new partner starts with, so that its first customer can be created on the first day."""

import datetime
from decimal import Decimal

from msphub.customers import credit_terms, customer_types
from msphub.customers.choices import CreditHold, OnReach
from msphub.customers.models import CustomerType
from msphub.kit.actor import Actor


def create_default_terms(*, by: Actor, country: str, currency: str, at: datetime.datetime) -> CustomerType:
    """Create a customer type “Standard” with one credit term for the partner's own country."""
    term = credit_terms.create_credit_term(
        by=by,
        name=f"Net 30 {country}",
        country=country,
        currency=currency,
        credit_limit=Decimal(10000),
        due_days=30,
        on_reach=OnReach.NO_ACTION,
        credit_hold=CreditHold.MANUAL,
        at=at,
    )
    return customer_types.create_customer_type(
        by=by,
        name="Standard",
        countries=[customer_types.CountryTerms(country=country, credit_term_id=term.id)],
        at=at,
    )
