"""Reads of customers: the grid, one customer's details, drafts, and what drop-downs offer."""

import dataclasses
import datetime
import uuid
from collections.abc import Iterator, Sequence
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
EXPORT_BATCH = 1000
LEGAL_FORMS = frozenset(
    {
        *(
            "ab",
            "ag",
            "bv",
            "co",
            "company",
            "corp",
            "corporation",
            "gmbh",
            "inc",
            "kg",
            "limited",
            "llc",
            "llp",
            "ltd",
        ),
        *("nv", "oy", "plc", "pty", "sa", "sarl", "sas", "se", "spa", "srl", "the"),
    }
)
MAILBOX_PROVIDERS = frozenset(
    ["gmail.com", "gmx.de", "gmx.net", "hotmail.com", "icloud.com", "outlook.com", "web.de", "yahoo.com"]
)

# Sort key of each column of the grid and its type; each has an index (partner_id, key, id).
SORTS = {
    "name": ("c.sort_name", "text"),
    "customer_type": ("c.type_sort", "text"),
    "country": ("c.country_sort", "text"),
    "contact": ("c.contact_sort", "text"),
    "sales": ("c.sales_sort", "text"),
    "microsoft": ("c.microsoft_state", "text"),
    "status": ("c.status", "text"),
    "created": ("c.created_at", "timestamptz"),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFilter:
    """Which customers a list holds. Empty parts do not narrow; values of one part are alternatives."""

    search: str = ""
    statuses: Sequence[str] = ()
    countries: Sequence[str] = ()
    customer_type_ids: Sequence[uuid.UUID] = ()
    partner_subscription_ids: Sequence[uuid.UUID] = ()
    archived: bool = False


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
    narrowed: CustomerFilter | None = None,
    sort: str = "name",
    descending: bool = False,
    size: int = 25,
    after: tuple[str, uuid.UUID] | None = None,
    before: tuple[str, uuid.UUID] | None = None,
) -> CustomerPage:
    """Return one page of the partner's customers, by keyset: as fast at a million rows as at a thousand.

    The search must be found, word by word as beginnings of words, in company, contacts, e-mails and domains. `after`
    and `before` are the sort key and id of a row.
    """
    by.require_partner(permissions.LIST)
    where, values = _conditions(by=by, narrowed=narrowed or CustomerFilter())
    backwards = before is not None
    found = _rows(
        where=where,
        values=values,
        sort=sort,
        descending=descending != backwards,
        size=size + 1,
        beyond=before or after,
    )
    more_here = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM customers_customer c WHERE {where} LIMIT %s) counted",  # noqa: S608
            [*values, MOST_COUNTED + 1],
        )
        count: int = cursor.fetchone()[0]
    return CustomerPage(
        rows=found,
        has_next=backwards or more_here,
        has_previous=more_here if backwards else after is not None,
        count=min(count, MOST_COUNTED),
        more_than_counted=count > MOST_COUNTED,
    )


def all_customers(
    *, by: Actor, narrowed: CustomerFilter, sort: str = "name", descending: bool = False
) -> Iterator[CustomerRow]:
    """Yield every customer of a filtered list in its order, a thousand a statement, for exports."""
    by.require_partner(permissions.LIST)
    where, values = _conditions(by=by, narrowed=narrowed)
    beyond: tuple[str, uuid.UUID] | None = None
    while True:
        rows = _rows(where=where, values=values, sort=sort, descending=descending, size=EXPORT_BATCH, beyond=beyond)
        yield from rows
        if len(rows) < EXPORT_BATCH:
            return
        beyond = (rows[-1].sort_key, rows[-1].id)


def customers_by_id(*, by: Actor, ids: Sequence[uuid.UUID]) -> list[CustomerRow]:
    """Return the rows of ticked customers, by name; ids of others are left out."""
    by.require_partner(permissions.LIST)
    return _rows(
        where="c.partner_id = %s AND c.id = ANY(%s)",
        values=[by.partner_id, list(ids)],
        sort="name",
        descending=False,
        size=len(ids),
        beyond=None,
    )


def _conditions(*, by: Actor, narrowed: CustomerFilter) -> tuple[str, list[Any]]:
    where = ["c.partner_id = %s", "c.archived" if narrowed.archived else "NOT c.archived"]
    values: list[Any] = [by.partner_id]
    for column, chosen in (
        ("c.status", narrowed.statuses),
        ("c.country", narrowed.countries),
        ("c.customer_type_id", narrowed.customer_type_ids),
        ("c.partner_subscription_id", narrowed.partner_subscription_ids),
    ):
        if len(chosen) == 1:  # equality keeps the index's order, ANY does not
            where.append(f"{column} = %s")
            values.append(chosen[0])
        elif chosen:
            where.append(f"{column} = ANY(%s)")
            values.append(list(chosen))
    if narrowed.search.strip():
        condition, more = _search_condition(narrowed.search)
        where.append(condition)
        values += more
    return " AND ".join(where), values


def _rows(
    *,
    where: str,
    values: Sequence[Any],
    sort: str,
    descending: bool,
    size: int,
    beyond: tuple[str, uuid.UUID] | None,
) -> list[CustomerRow]:
    key, kind = SORTS[sort]
    conditions, parameters = where, list(values)
    if beyond is not None:
        conditions += f" AND ({key}, c.id) {'<' if descending else '>'} (%s::{kind}, %s)"
        parameters += beyond
    direction = "DESC" if descending else "ASC"
    # The page is cut before the names are looked up, so that the join costs 25 rows and never the whole list.
    statement = f"""
        SELECT c.id, t.name, c.country, c.status, c.created_at, k.name, c.contact_name, c.sales_name,
               c.microsoft_state, c.allow_purchase, c.sort_key
        FROM (
            SELECT c.*, {key}::text AS sort_key FROM customers_customer c
            WHERE {conditions} ORDER BY {key} {direction}, c.id {direction} LIMIT %s
        ) c
        JOIN accounts_tenant t ON t.id = c.id AND t.partner_id = c.partner_id
        JOIN customers_customertype k ON k.id = c.customer_type_id AND k.partner_id = c.partner_id
        ORDER BY {key} {direction}, c.id {direction}
    """  # noqa: S608 - the key is one of SORTS, every value is a parameter
    with connection.cursor() as cursor:
        cursor.execute(statement, [*parameters, size])
        return [
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


def every_customer_type(*, by: Actor) -> list[CustomerType]:
    """Return all customer types, inactive ones too, for filters."""
    by.require_partner(permissions.LIST)
    return list(CustomerType.objects.filter(partner_id=by.partner_id).order_by("name", "id"))


def every_partner_subscription(*, by: Actor) -> list[Subscription]:
    """Return all of the partner's own subscriptions, inactive ones too, for filters."""
    by.require_partner(permissions.LIST)
    return list(Subscription.objects.filter(partner_id=by.partner_id, customer_id__isnull=True).order_by("name", "id"))


def credit_terms(*, by: Actor) -> QuerySet[CreditTerm]:
    """Return the partner's credit terms, by name."""
    return CreditTerm.objects.filter(partner_id=by.partner_id).order_by("name", "id")


def partner_subscriptions(*, by: Actor) -> QuerySet[Subscription]:
    """Return the partner's own subscriptions that can be chosen, by name."""
    by.require_partner(permissions.VIEW)
    return Subscription.objects.filter(partner_id=by.partner_id, customer_id__isnull=True, active=True).order_by(
        "name", "id"
    )


def likely_duplicates(*, by: Actor, name: str = "", email: str = "", most: int = 5) -> list[CustomerRow]:
    """Return customers that may be the one being entered: the same words in the name, or the same e-mail or its domain.

    Legal forms are left out of the comparison, and so are the domains of mailbox providers.
    """
    by.require_partner(permissions.CREATE)
    if email:
        domain = email.rpartition("@")[2].lower()
        words = email if domain in MAILBOX_PROVIDERS else domain
    else:
        words = " ".join(word for word in text.search_words(name) if word not in LEGAL_FORMS)
    if len(words) < 3:
        return []
    return customers_page(by=by, narrowed=CustomerFilter(search=words), size=most).rows


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
        return "c.id = ANY(%s)", [ids]
    return "c.search @@ to_tsquery('simple', %s)", [query]
