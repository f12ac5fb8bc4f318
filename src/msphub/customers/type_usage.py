"""Whom customer types and credit terms concern: customers counted, and those a change must not leave stranded."""

import dataclasses
import uuid
from collections.abc import Sequence

from django.db import connection

from msphub.customers.models import CustomerTypeTerm
from msphub.kit.actor import Actor

# Counted exactly up to here: a count over everything would grow with the table.
MOST_COUNTED = 1000
MOST_NAMED = 10


@dataclasses.dataclass(frozen=True, slots=True)
class Counted:
    """How many customers there are, and whether there are more than were counted."""

    count: int
    more: bool

    @classmethod
    def of(cls, found: int) -> "Counted":
        """Return what a count that stops one beyond the most says."""
        return cls(min(found, MOST_COUNTED), found > MOST_COUNTED)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A currency that customers of a type in a country would owe in."""

    type_id: uuid.UUID
    country: str
    currency: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InTheWay:
    """A customer that a change would leave without terms, or with terms in a currency it isn't charged in."""

    type_id: uuid.UUID
    country: str
    id: uuid.UUID
    name: str
    currency: str


def types_of_term(*, by: Actor, term_id: uuid.UUID) -> list[uuid.UUID]:
    """Return the ids of the customer types that use a credit term."""
    return list(
        CustomerTypeTerm.objects.filter(partner_id=by.partner_id, credit_term_id=term_id)
        .order_by("customer_type_id")
        .values_list("customer_type_id", flat=True)
    )


def customers_of(*, by: Actor, pairs: Sequence[tuple[uuid.UUID, str]]) -> dict[tuple[uuid.UUID, str], Counted]:
    """Count the customers of each (type, country), archived ones too, in one statement along one index."""
    if not pairs:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT k.id, k.country, (
                SELECT count(*) FROM (
                    SELECT 1 FROM customers_customer c
                    WHERE c.partner_id = %s AND c.customer_type_id = k.id AND c.country = k.country LIMIT %s
                ) one
            )
            FROM unnest(%s::uuid[], %s::text[]) k(id, country)
            """,
            [by.partner_id, MOST_COUNTED + 1, [pair[0] for pair in pairs], [pair[1] for pair in pairs]],
        )
        return {(row[0], row[1]): Counted.of(row[2]) for row in cursor.fetchall()}


def living_in(*, by: Actor, type_id: uuid.UUID, countries: Sequence[str]) -> list[InTheWay]:
    """Return customers of a type in countries, some of each: those that would be left without a credit term."""
    if not countries:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT k.country, c.id, t.name
            FROM unnest(%s::text[]) k(country)
            CROSS JOIN LATERAL (
                SELECT c.id FROM customers_customer c
                WHERE c.partner_id = %s AND c.customer_type_id = %s AND c.country = k.country LIMIT %s
            ) c
            JOIN accounts_tenant t ON t.partner_id = %s AND t.id = c.id
            ORDER BY k.country, t.sort_name, c.id
            """,
            [list(countries), by.partner_id, type_id, MOST_NAMED + 1, by.partner_id],
        )
        return [
            InTheWay(type_id=type_id, country=row[0], id=row[1], name=row[2], currency="") for row in cursor.fetchall()
        ]


def of_other_currency(*, by: Actor, wanted: Sequence[Wanted]) -> list[InTheWay]:
    """Return customers whose Partner Subscription charges them in another currency than is wanted, some of each.

    Looks them up by Partner Subscription, of which a partner has few, so that a million that fit cost nothing.
    """
    if not wanted:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT k.type_id, k.country, c.id, t.name, s.currency
            FROM unnest(%s::uuid[], %s::text[], %s::text[]) k(type_id, country, currency)
            JOIN accounts_subscription s
                ON s.partner_id = %s AND s.customer_id IS NULL AND s.currency <> k.currency
            CROSS JOIN LATERAL (
                SELECT c.id FROM customers_customer c
                WHERE c.partner_id = %s AND c.customer_type_id = k.type_id AND c.country = k.country
                  AND c.partner_subscription_id = s.id LIMIT %s
            ) c
            JOIN accounts_tenant t ON t.partner_id = %s AND t.id = c.id
            ORDER BY k.country, t.sort_name, c.id
            """,
            [
                [one.type_id for one in wanted],
                [one.country for one in wanted],
                [one.currency for one in wanted],
                by.partner_id,
                by.partner_id,
                MOST_NAMED + 1,
                by.partner_id,
            ],
        )
        return [
            InTheWay(type_id=row[0], country=row[1], id=row[2], name=row[3], currency=row[4])
            for row in cursor.fetchall()
        ]


def check_references_now() -> None:
    """Let the database check references at once instead of at the end, so that a refusal can be said."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
