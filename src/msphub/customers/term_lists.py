"""Reads of customer types and credit terms: the grids, and one record with everything its page shows."""

import dataclasses
import datetime
import uuid
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from msphub.customers import customer_types, permissions, type_usage
from msphub.customers.customer_types import Held
from msphub.customers.models import CreditTerm, CustomerType
from msphub.customers.type_usage import Counted
from msphub.kit import lists
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound
from msphub.kit.lists import Key, Page, Wanted

TYPE_SORTS = {
    "name": Key(expression="k.sort_name"),
    "status": Key(expression="(CASE WHEN k.active THEN '1' ELSE '2' END)"),
    "changed": Key(expression="k.updated_at", kind="timestamptz"),
}
TERM_SORTS = {
    "name": Key(expression="k.sort_name"),
    "country": Key(expression="k.country"),
    "limit": Key(expression="k.currency || lpad(k.credit_limit::text, 20, '0')"),
    "due": Key(expression="lpad(k.due_days::text, 5, '0')"),
    "changed": Key(expression="k.updated_at", kind="timestamptz"),
}
BY_NAME = Wanted(sort="name")


@dataclasses.dataclass(frozen=True, slots=True)
class TypeRow:
    """A customer type in the grid. `countries` are codes."""

    id: uuid.UUID
    name: str
    active: bool
    updated_at: datetime.datetime
    countries: list[str]
    customers: Counted


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
    wanted: Wanted = BY_NAME,
    search: str = "",
    statuses: Sequence[str] = (),
    countries: Sequence[str] = (),
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
    return lists.page(
        columns=columns,
        tables="customers_customertype k",
        where=where,
        values=values,
        id_column="k.id",
        sorts=TYPE_SORTS,
        wanted=wanted,
        row=_type_row,
    )


def credit_terms_page(
    *,
    by: Actor,
    wanted: Wanted = BY_NAME,
    search: str = "",
    countries: Sequence[str] = (),
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
    return lists.page(
        columns=columns,
        tables="customers_creditterm k",
        where=where,
        values=values,
        id_column="k.id",
        sorts=TERM_SORTS,
        wanted=wanted,
        row=TermRow,
    )


def all_types(*, by: Actor, sort: str = "name", descending: bool = False, **narrowed: Any) -> Iterator[TypeRow]:
    """Yield every customer type of a filtered list, for exports."""
    return lists.everything(
        lambda wanted: types_page(by=by, wanted=wanted, **narrowed), sort=sort, descending=descending
    )


def all_credit_terms(*, by: Actor, sort: str = "name", descending: bool = False, **narrowed: Any) -> Iterator[TermRow]:
    """Yield every credit term of a filtered list, for exports."""
    return lists.everything(
        lambda wanted: credit_terms_page(by=by, wanted=wanted, **narrowed), sort=sort, descending=descending
    )


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


def _type_row(
    identity: uuid.UUID, name: str, active: bool, updated_at: datetime.datetime, countries: list[str], customers: int
) -> TypeRow:
    return TypeRow(identity, name, active, updated_at, countries, Counted.of(customers))


def _searched(*, by: Actor, search: str) -> tuple[list[str], list[Any]]:
    conditions, words = lists.matching("k.name", search)
    return ["k.partner_id = %s", *conditions], [by.partner_id, *words]
