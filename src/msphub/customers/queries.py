"""Reads of customers: the grid, one customer's details, drafts, and what drop-downs offer."""

import dataclasses
import datetime
import uuid
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from msphub.accounts.models import Subscription, Tenant
from msphub.customers import permissions
from msphub.customers.choices import ContactKind
from msphub.customers.models import (
    Contact,
    CreditTerm,
    CspAccount,
    Customer,
    CustomerDraft,
    CustomerType,
    SalesRepresentative,
)
from msphub.kit import text
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound

# A search fetches this many ids by its index; a word that matches more is filtered while walking the sort order.
MOST_MATCHES = 1000
# The grid counts exactly up to here and says "more than" beyond: a count over everything grows with the table.
MOST_COUNTED = 1000

# Sort key of each column; every one has an index (partner_id, key, id).
SORTS = {
    "name": "t.sort_name",
    "created": "t.created_at",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRow:
    """One row of the grid."""

    id: uuid.UUID
    name: str
    country: str
    status: str
    created_at: datetime.datetime
    customer_type: str
    contact_name: str
    sales_name: str
    microsoft_state: str
    allow_purchase: bool
    sort_key: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CustomerPage:
    """A page of the grid with what its neighbours need. `more_than_counted`: there are more than `count`."""

    rows: list[CustomerRow]
    has_next: bool
    has_previous: bool
    count: int
    more_than_counted: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CustomerDetails:
    """Everything the details pages show of one customer."""

    tenant: Tenant
    customer: Customer
    customer_type: CustomerType | None
    partner_subscription: Subscription | None
    primary_contact: Contact | None
    billing_contact: Contact | None
    representatives: list[SalesRepresentative]


def customers_page(
    *,
    by: Actor,
    search: str = "",
    sort: str = "name",
    descending: bool = False,
    size: int = 25,
    after: tuple[str, uuid.UUID] | None = None,
    before: tuple[str, uuid.UUID] | None = None,
) -> CustomerPage:
    """Return one page of the partner's customers, by keyset: as fast at a million rows as at a thousand.

    `search` must be found, word by word as beginnings of words, in company, contacts, e-mails and domains. `after` and
    `before` are the sort key and id of a row.
    """
    by.require_partner(permissions.LIST)
    key = SORTS[sort]
    where = ["t.partner_id = %s", "t.kind = 'customer'", "t.archived_at IS NULL"]
    values: list[Any] = [by.partner_id]
    if search.strip():
        condition, more = _search_condition(search)
        where.append(condition)
        values += more
    backwards = before is not None
    cursor_row = before or after
    cast = "timestamptz" if sort == "created" else "text"
    page_where, page_values = list(where), list(values)
    if cursor_row is not None:
        comparison = "<" if descending != backwards else ">"
        page_where.append(f"({key}, t.id) {comparison} (%s::{cast}, %s)")
        page_values += [cursor_row[0], cursor_row[1]]
    direction = "DESC" if descending != backwards else "ASC"
    statement = f"""
        SELECT t.id, t.name, t.country, t.status, t.created_at, k.name, c.contact_name, c.sales_name,
               c.microsoft_state, c.allow_purchase, {key}::text
        FROM accounts_tenant t
        JOIN customers_customer c ON c.id = t.id AND c.partner_id = t.partner_id
        JOIN customers_customertype k ON k.id = c.customer_type_id
        WHERE {" AND ".join(page_where)}
        ORDER BY {key} {direction}, t.id {direction} LIMIT %s
    """  # noqa: S608 - the key is one of SORTS, every value is a parameter
    with connection.cursor() as cursor:
        cursor.execute(statement, [*page_values, size + 1])
        found = [
            CustomerRow(
                id=row[0],
                name=row[1],
                country=row[2],
                status=row[3],
                created_at=row[4],
                customer_type=row[5],
                contact_name=row[6],
                sales_name=row[7],
                microsoft_state=row[8],
                allow_purchase=row[9],
                sort_key=row[10],
            )
            for row in cursor.fetchall()
        ]
        cursor.execute(
            "SELECT count(*) FROM (SELECT 1 FROM accounts_tenant t JOIN customers_customer c ON c.id = t.id "  # noqa: S608
            f"WHERE {' AND '.join(where)} LIMIT %s) counted",
            [*values, MOST_COUNTED + 1],
        )
        count: int = cursor.fetchone()[0]
    more_here = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    return CustomerPage(
        rows=found,
        has_next=backwards or more_here,
        has_previous=more_here if backwards else after is not None,
        count=min(count, MOST_COUNTED),
        more_than_counted=count > MOST_COUNTED,
    )


def details(*, by: Actor, customer_id: uuid.UUID) -> CustomerDetails:
    """Return one customer; raises `NotFound`, also for another tenant's id and, to a customer, for a sibling's."""
    by.require(permissions.VIEW)
    if by.customer_id is not None and by.customer_id != customer_id:
        raise NotFound
    found = Customer.objects.filter(partner_id=by.partner_id, tenant_id=customer_id)
    customer = (
        found.select_related("tenant", "customer_type", "partner_subscription").first()
        if by.is_partner
        else found.select_related("tenant").first()
    )
    if customer is None:
        raise NotFound
    contacts = {
        contact.kind: contact for contact in Contact.objects.filter(partner_id=by.partner_id, customer_id=customer_id)
    }
    return CustomerDetails(
        tenant=customer.tenant,
        customer=customer,
        customer_type=customer.customer_type if by.is_partner else None,
        partner_subscription=customer.partner_subscription if by.is_partner else None,
        primary_contact=contacts.get(ContactKind.PRIMARY),
        billing_contact=contacts.get(ContactKind.BILLING),
        representatives=list(
            SalesRepresentative.objects.filter(partner_id=by.partner_id, customer_id=customer_id).order_by("position")
        ),
    )


def csp_accounts(*, by: Actor, customer_id: uuid.UUID) -> QuerySet[CspAccount]:
    """Return a customer's links to Microsoft tenants, oldest first, with steps and agreements loaded."""
    return (
        CspAccount.objects.filter(partner_id=by.partner_id, customer_id=customer_id)
        .prefetch_related("steps", "agreements")
        .order_by("created_at", "id")
    )


def get_csp_account(*, by: Actor, account_id: uuid.UUID) -> CspAccount:
    """Return one CSP account; raises `NotFound`."""
    found = CspAccount.objects.filter(partner_id=by.partner_id, id=account_id)
    if by.customer_id is not None:
        found = found.filter(customer_id=by.customer_id)
    account = found.prefetch_related("steps", "agreements").first()
    if account is None:
        raise NotFound
    return account


def customer_types(*, by: Actor) -> QuerySet[CustomerType]:
    """Return the customer types that can be chosen, by name."""
    return CustomerType.objects.filter(partner_id=by.partner_id, active=True).order_by("name", "id")


def credit_terms(*, by: Actor) -> QuerySet[CreditTerm]:
    """Return the partner's credit terms, by name."""
    return CreditTerm.objects.filter(partner_id=by.partner_id).order_by("name", "id")


def partner_subscriptions(*, by: Actor) -> QuerySet[Subscription]:
    """Return the partner's own subscriptions that can be chosen, by name."""
    by.require_partner(permissions.VIEW)
    return Subscription.objects.filter(partner_id=by.partner_id, customer_id__isnull=True, active=True).order_by(
        "name", "id"
    )


def get_draft(*, by: Actor, draft_id: uuid.UUID) -> CustomerDraft | None:
    """Return a draft of the partner's, or None when nothing has been saved under this id."""
    by.require_partner(permissions.CREATE)
    return CustomerDraft.objects.filter(partner_id=by.partner_id, id=draft_id).first()


def open_drafts(*, by: Actor, most: int = 20) -> Sequence[CustomerDraft]:
    """Return the partner's unfinished drafts, last touched first."""
    by.require_partner(permissions.CREATE)
    return list(
        CustomerDraft.objects.filter(partner_id=by.partner_id, used_at=None).order_by("-updated_at", "-id")[:most]
    )


def _search_condition(search: str) -> tuple[str, list[Any]]:
    query = text.prefix_query(search)
    if not query:
        return "false", []
    with connection.cursor() as cursor:
        cursor.execute("SELECT customers_search(%s, %s)", [query, MOST_MATCHES + 1])
        ids = [row[0] for row in cursor.fetchall()]
    if len(ids) <= MOST_MATCHES:
        return "t.id = ANY(%s)", [ids]
    return "c.search @@ to_tsquery('simple', %s)", [query]
