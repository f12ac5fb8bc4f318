"""The rates a customer gets by its type: what the marketplace and its users' own carts quote."""

import uuid
from collections.abc import Sequence

from django.db import connection

from msphub.catalog import rates
from msphub.catalog.rates import Asked, Rate
from msphub.customers import permissions
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound


def rates_for(*, by: Actor, customer_id: uuid.UUID, asked: Sequence[Asked]) -> list[Rate | None]:
    """Return the rate of each that is asked for, in that order, by the discounts of the customer's type and country.

    A customer's users may ask about their own company: the database hides discounts from them and answers through a
    function that knows no other customer. They learn the rates of what they ask for, no discount's name and no other
    row. Raises `NotFound` for another customer's id.
    """
    by.require(permissions.VIEW)
    if by.customer_id is not None and by.customer_id != customer_id:
        raise NotFound
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM customers_rates(%s, %s::uuid[], %s::bigint[], %s::date[])",
            [customer_id, *rates.columns(asked)],
        )
        return rates.in_order(cursor.fetchall(), count=len(asked))
