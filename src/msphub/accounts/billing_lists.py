"""The lists of billing profiles and subscriptions, of the partner itself or of one customer."""

import dataclasses
import datetime
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from msphub.accounts import permissions
from msphub.kit import lists
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound
from msphub.kit.lists import Key, Page, Wanted

PROFILE_SORTS = {
    "name": Key(expression="lower(p.name)"),
    "bill_to": Key(expression="lower(p.bill_to)"),
    "country": Key(expression="p.country"),
    "created": Key(expression="p.created_at", kind="timestamptz"),
}
SUBSCRIPTION_SORTS = {
    "name": Key(expression="lower(s.name)"),
    "status": Key(expression="(CASE WHEN s.active THEN '1' ELSE '2' END)"),
    "country": Key(expression="s.country"),
    "currency": Key(expression="s.currency"),
    "profile": Key(expression="lower(p.name)"),
    "created": Key(expression="s.created_at", kind="timestamptz"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class ProfileRow:
    """A billing profile in its list; `subscriptions` are the names of those that use it."""

    id: uuid.UUID
    name: str
    bill_to: str
    line1: str
    city: str
    country: str
    created_at: datetime.datetime
    subscriptions: list[str]


@dataclasses.dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A subscription in its list."""

    id: uuid.UUID
    name: str
    active: bool
    country: str
    state: str
    profile_id: uuid.UUID
    profile: str
    bill_to: str
    currency: str
    tax_registration: str
    number_series: str
    time_zone: str
    created_at: datetime.datetime


def profiles_page(
    *,
    by: Actor,
    customer_id: uuid.UUID | None,
    wanted: Wanted,
    search: str = "",
    countries: Sequence[str] = (),
) -> Page[ProfileRow]:
    """Return one page of billing profiles with the subscriptions that use each, in one statement."""
    where, values = _of("p", by=by, customer_id=customer_id)
    conditions, words = lists.matching("p.name || ' ' || p.bill_to", search)
    where += conditions
    values += words
    if countries:
        where.append("p.country = ANY(%s)")
        values.append(list(countries))
    return lists.page(
        columns="""p.id, p.name, p.bill_to, p.line1, p.city, p.country, p.created_at,
            ARRAY(SELECT s.name FROM accounts_subscription s
                  WHERE s.partner_id = p.partner_id AND s.billing_profile_id = p.id ORDER BY lower(s.name), s.id)""",
        tables="accounts_billingprofile p",
        where=where,
        values=values,
        id_column="p.id",
        sorts=PROFILE_SORTS,
        wanted=wanted,
        row=ProfileRow,
    )


def subscriptions_page(
    *,
    by: Actor,
    customer_id: uuid.UUID | None,
    wanted: Wanted,
    search: str = "",
    statuses: Sequence[str] = (),
    countries: Sequence[str] = (),
) -> Page[SubscriptionRow]:
    """Return one page of subscriptions with their billing profiles, in one statement."""
    where, values = _of("s", by=by, customer_id=customer_id)
    conditions, words = lists.matching("s.name || ' ' || p.name", search)
    where += conditions
    values += words
    if len(set(statuses)) == 1:
        where.append("s.active" if "active" in statuses else "NOT s.active")
    if countries:
        where.append("s.country = ANY(%s)")
        values.append(list(countries))
    return lists.page(
        columns="""s.id, s.name, s.active, s.country, s.state, p.id, p.name, p.bill_to, s.currency,
            s.tax_registration, s.number_series, s.time_zone, s.created_at""",
        tables="""accounts_subscription s
            JOIN accounts_billingprofile p ON p.partner_id = s.partner_id AND p.id = s.billing_profile_id""",
        where=where,
        values=values,
        id_column="s.id",
        sorts=SUBSCRIPTION_SORTS,
        wanted=wanted,
        row=SubscriptionRow,
    )


def all_profiles(
    *, by: Actor, customer_id: uuid.UUID | None, sort: str = "name", descending: bool = False, **narrowed: Any
) -> Iterator[ProfileRow]:
    """Yield every billing profile of a filtered list, for exports."""
    return lists.everything(
        lambda wanted: profiles_page(by=by, customer_id=customer_id, wanted=wanted, **narrowed),
        sort=sort,
        descending=descending,
    )


def all_subscriptions(
    *, by: Actor, customer_id: uuid.UUID | None, sort: str = "name", descending: bool = False, **narrowed: Any
) -> Iterator[SubscriptionRow]:
    """Yield every subscription of a filtered list, for exports."""
    return lists.everything(
        lambda wanted: subscriptions_page(by=by, customer_id=customer_id, wanted=wanted, **narrowed),
        sort=sort,
        descending=descending,
    )


def _of(table: str, *, by: Actor, customer_id: uuid.UUID | None) -> tuple[list[str], list[Any]]:
    by.require(permissions.VIEW_SUBSCRIPTIONS)
    if by.customer_id is not None and by.customer_id != customer_id:
        raise NotFound
    if customer_id is None:
        return [f"{table}.partner_id = %s", f"{table}.customer_id IS NULL"], [by.partner_id]
    return [f"{table}.partner_id = %s", f"{table}.customer_id = %s"], [by.partner_id, customer_id]
