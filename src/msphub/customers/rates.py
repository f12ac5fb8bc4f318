"""The rates a customer gets by its type: what the marketplace and its users' own carts quote."""

import dataclasses
import datetime
import uuid
from collections.abc import Sequence

from django.db import connection

from msphub.catalog import permissions as catalog
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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AskedFor:
    """What a rate of one of many customers is asked for."""

    customer_id: uuid.UUID
    sku_id: uuid.UUID
    on: datetime.date
    quantity: int


def rates_of_many(*, by: Actor, asked: Sequence[AskedFor]) -> list[Rate | None]:
    """Return the rate of each that is asked for, in that order, in one statement for any number of customers.

    Customers of one type and country share their discounts, so the look-up runs once for each of those. For the
    partner's own people; another partner's customer finds nothing.
    """
    by.require_partner(catalog.VIEW_CATALOGUE)
    if not asked:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH asked AS MATERIALIZED (
                SELECT * FROM unnest(%(customers)s::uuid[], %(skus)s::uuid[], %(quantities)s::bigint[],
                    %(days)s::date[])
                WITH ORDINALITY a(customer_id, sku_id, quantity, day, line)
            ), alike AS MATERIALIZED (
                SELECT c.customer_type_id, c.country, array_agg(a.line::int ORDER BY a.line) AS lines,
                    array_agg(a.sku_id ORDER BY a.line) AS skus,
                    array_agg(a.quantity ORDER BY a.line) AS quantities, array_agg(a.day ORDER BY a.line) AS days
                FROM asked a
                JOIN customers_customer c ON c.partner_id = %(partner)s AND c.id = a.customer_id
                GROUP BY c.customer_type_id, c.country
            )
            SELECT g.lines[r.line], r.percent, r.discount_id, r.version_id, r.number, r.valid_from, r.category, r.basis,
                r.from_quantity, r.beaten
            FROM alike g
            CROSS JOIN LATERAL catalog_rates(
                %(partner)s,
                ARRAY(SELECT d.discount_id FROM customers_customertypediscount d
                    WHERE d.partner_id = %(partner)s AND d.customer_type_id = g.customer_type_id
                        AND d.country = g.country),
                g.skus, g.quantities, g.days
            ) r
            """,
            {
                "partner": by.partner_id,
                "customers": [one.customer_id for one in asked],
                "skus": [one.sku_id for one in asked],
                "quantities": [one.quantity for one in asked],
                "days": [one.on for one in asked],
            },
        )
        return rates.in_order(cursor.fetchall(), count=len(asked))
