"""Reads of customer types and credit terms: the grids, and one record with everything its page shows."""

import dataclasses
import datetime
import uuid
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection

from msphub.customers import customer_types, permissions, type_usage
from msphub.customers.customer_types import Held
from msphub.customers.models import CreditTerm, CustomerType
from msphub.customers.type_usage import Counted
from msphub.kit import text
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound

type Beyond = tuple[str, uuid.UUID] | None

EXPORT_BATCH = 500
# Sort key of each sortable column and its type.
TYPE_SORTS = {
    "name": ("k.sort_name", "text"),
    "status": ("(CASE WHEN k.active THEN '1' ELSE '2' END)", "text"),
    "changed": ("k.updated_at", "timestamptz"),
}
TERM_SORTS = {
    "name": ("k.sort_name", "text"),
    "country": ("k.country", "text"),
    "limit": ("k.currency || lpad(k.credit_limit::text, 20, '0')", "text"),
    "due": ("lpad(k.due_days::text, 5, '0')", "text"),
    "changed": ("k.updated_at", "timestamptz"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class TypeRow:
    """A customer type in the grid. `countries` are codes."""

    id: uuid.UUID
    name: str
    active: bool
    updated_at: datetime.datetime
    countries: list[str]
    customers: Counted
    sort_key: str


@dataclasses.dataclass(frozen=True, slots=True)
class TermRow:
    """A credit term in the grid, with the names of the types that use it."""

    id: uuid.UUID
    name: str
    country: str
    currency: str
    credit_limit: Decimal
    due_days: int
    on_reach: str
    credit_hold: str
    updated_at: datetime.datetime
    types: list[str]
    sort_key: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Page[Row]:
    """One page of a grid, how many rows there are in all, and whether there is more on either side."""

    rows: list[Row]
    count: int
    has_next: bool
    has_previous: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CountryOverview:
    """What a type holds in one country, and how many customers live there."""

    held: Held
    customers: Counted


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TermUse:
    """A customer type that uses a credit term, and how many customers that is."""

    id: uuid.UUID
    name: str
    active: bool
    customers: Counted


def types_page(
    *,
    by: Actor,
    search: str = "",
    statuses: Sequence[str] = (),
    countries: Sequence[str] = (),
    sort: str = "name",
    descending: bool = False,
    size: int = 25,
    after: Beyond = None,
    before: Beyond = None,
) -> Page[TypeRow]:
    """Return one page of the partner's customer types, in one statement; customers are counted up to a thousand each.

    Every word of the search must begin some word of the name. Statuses are `active` and `inactive`.
    """
    by.require_partner(permissions.VIEW_TERMS)
    where, values = _searched(by=by, search=search)
    if len(set(statuses)) == 1:
        where.append("k.active" if "active" in statuses else "NOT k.active")
    if countries:
        where.append(
            "EXISTS (SELECT 1 FROM customers_customertypeterm t WHERE t.partner_id = k.partner_id "
            "AND t.customer_type_id = k.id AND t.country = ANY(%s))"
        )
        values.append(list(countries))
    columns = f"""
        k.id, k.name, k.active, k.updated_at,
        ARRAY(SELECT t.country FROM customers_customertypeterm t
              WHERE t.partner_id = k.partner_id AND t.customer_type_id = k.id ORDER BY t.country),
        (SELECT count(*) FROM (SELECT 1 FROM customers_customer c WHERE c.partner_id = k.partner_id
              AND c.customer_type_id = k.id LIMIT {type_usage.MOST_COUNTED + 1:d}) one)
    """  # noqa: S608 - a figure of this code
    return _page(
        table="customers_customertype",
        columns=columns,
        where=where,
        values=values,
        key=TYPE_SORTS[sort],
        descending=descending,
        size=size,
        after=after,
        before=before,
        row=_type_row,
    )


def credit_terms_page(
    *,
    by: Actor,
    search: str = "",
    countries: Sequence[str] = (),
    sort: str = "name",
    descending: bool = False,
    size: int = 25,
    after: Beyond = None,
    before: Beyond = None,
) -> Page[TermRow]:
    """Return one page of the partner's credit terms, in one statement, with the names of the types that use each."""
    by.require_partner(permissions.VIEW_TERMS)
    where, values = _searched(by=by, search=search)
    if countries:
        where.append("k.country = ANY(%s)")
        values.append(list(countries))
    columns = """
        k.id, k.name, k.country, k.currency, k.credit_limit, k.due_days, k.on_reach, k.credit_hold, k.updated_at,
        ARRAY(SELECT n.name FROM customers_customertypeterm t
              JOIN customers_customertype n ON n.partner_id = t.partner_id AND n.id = t.customer_type_id
              WHERE t.partner_id = k.partner_id AND t.credit_term_id = k.id ORDER BY n.sort_name, n.id)
    """
    return _page(
        table="customers_creditterm",
        columns=columns,
        where=where,
        values=values,
        key=TERM_SORTS[sort],
        descending=descending,
        size=size,
        after=after,
        before=before,
        row=_term_row,
    )


def all_types(*, by: Actor, **narrowed: Any) -> Iterator[TypeRow]:
    """Yield every customer type of a filtered list, page by page, for exports."""
    after: Beyond = None
    while True:
        page = types_page(by=by, size=EXPORT_BATCH, after=after, **narrowed)
        yield from page.rows
        if not page.has_next:
            return
        after = (page.rows[-1].sort_key, page.rows[-1].id)


def all_credit_terms(*, by: Actor, **narrowed: Any) -> Iterator[TermRow]:
    """Yield every credit term of a filtered list, page by page, for exports."""
    after: Beyond = None
    while True:
        page = credit_terms_page(by=by, size=EXPORT_BATCH, after=after, **narrowed)
        yield from page.rows
        if not page.has_next:
            return
        after = (page.rows[-1].sort_key, page.rows[-1].id)


def get_customer_type(*, by: Actor, type_id: uuid.UUID) -> CustomerType:
    """Return one customer type; raises `NotFound`, also for another partner's id."""
    by.require_partner(permissions.VIEW_TERMS)
    kind = CustomerType.objects.filter(partner_id=by.partner_id, id=type_id).first()
    if kind is None:
        raise NotFound
    return kind


def get_credit_term(*, by: Actor, term_id: uuid.UUID) -> CreditTerm:
    """Return one credit term; raises `NotFound`, also for another partner's id."""
    by.require_partner(permissions.VIEW_TERMS)
    term = CreditTerm.objects.filter(partner_id=by.partner_id, id=term_id).first()
    if term is None:
        raise NotFound
    return term


def countries_of(*, by: Actor, type_id: uuid.UUID, at: datetime.datetime) -> list[CountryOverview]:
    """Return what a type holds in each of its countries, with discounts as they stand, and its customers there."""
    by.require_partner(permissions.VIEW_TERMS)
    held = customer_types.held_by(by=by, type_id=type_id, at=at)
    counts = type_usage.customers_of(by=by, pairs=[(type_id, country) for country in held])
    return [CountryOverview(held=one, customers=counts[type_id, country]) for country, one in sorted(held.items())]


def types_using(*, by: Actor, term: CreditTerm) -> list[TermUse]:
    """Return the customer types that use a credit term, by name, with their customers in its country."""
    by.require_partner(permissions.VIEW_TERMS)
    kinds = CustomerType.objects.filter(
        partner_id=by.partner_id, id__in=type_usage.types_of_term(by=by, term_id=term.id)
    ).order_by("sort_name", "id")
    found = list(kinds)
    counts = type_usage.customers_of(by=by, pairs=[(kind.id, term.country) for kind in found])
    return [
        TermUse(id=kind.id, name=kind.name, active=kind.active, customers=counts[kind.id, term.country])
        for kind in found
    ]


def terms_by_country(*, by: Actor, countries: Sequence[str]) -> dict[str, list[CreditTerm]]:
    """Return the credit terms that rows for these countries may choose, by name."""
    by.require_partner(permissions.VIEW_TERMS)
    found: dict[str, list[CreditTerm]] = {}
    for term in CreditTerm.objects.filter(partner_id=by.partner_id, country__in=set(countries)).order_by(
        "sort_name", "id"
    ):
        found.setdefault(term.country, []).append(term)
    return found


def _type_row(found: Sequence[Any]) -> TypeRow:
    identity, name, active, updated_at, countries, customers, sort_key = found
    return TypeRow(identity, name, active, updated_at, countries, Counted.of(customers), sort_key)


def _term_row(found: Sequence[Any]) -> TermRow:
    return TermRow(*found)


def _searched(*, by: Actor, search: str) -> tuple[list[str], list[Any]]:
    where = ["k.partner_id = %s"]
    values: list[Any] = [by.partner_id]
    for word in text.search_words(search)[:8]:
        where.append("strpos(' ' || regexp_replace(k.sort_name, '[^[:alnum:]]+', ' ', 'g'), ' ' || %s) > 0")
        values.append(word)
    return where, values


def _page(
    *,
    table: str,
    columns: str,
    where: list[str],
    values: list[Any],
    key: tuple[str, str],
    descending: bool,
    size: int,
    after: Beyond,
    before: Beyond,
    row: Any,
) -> Page[Any]:
    """Cut a page out of a table by keyset; `columns` are looked up for its rows alone."""
    narrowed, narrowed_values = " AND ".join(where), list(values)
    backwards = before is not None
    beyond = before or after
    name, kind = key
    if beyond is not None:
        where = [*where, f"({name}, k.id) {'<' if descending != backwards else '>'} (%s::{kind}, %s)"]
        values = [*values, *beyond]
    direction = "DESC" if descending != backwards else "ASC"
    order = f"ORDER BY {name} {direction}, k.id {direction}"
    statement = f"""
        SELECT {columns}, {name}::text, (SELECT count(*) FROM {table} k WHERE {narrowed})
        FROM (SELECT * FROM {table} k WHERE {" AND ".join(where)} {order} LIMIT %s) k
        {order}
    """  # noqa: S608 - names are of this module, every value is a parameter
    with connection.cursor() as cursor:
        cursor.execute(statement, [*narrowed_values, *values, size + 1])
        found = cursor.fetchall()
    more = len(found) > size
    rows = [row(one[:-1]) for one in found[:size]]
    if backwards:
        rows.reverse()
    return Page(
        rows=rows,
        count=found[0][-1] if found else 0,
        has_next=backwards or more,
        has_previous=more if backwards else after is not None,
    )
