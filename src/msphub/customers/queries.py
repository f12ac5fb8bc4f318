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
from msphub.kit import prepared, rows, text
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound

# A search fetches this many ids by its index. A word that fits more is looked for among the first rows of the list's
# order; where they don't fill a page (all of a name's bearers stand together) the index collects every one.
MOST_MATCHES = 1000
WINDOW = 3000
# Every word of a search as short as this fits so many customers that a page is looked for among the first rows of its
# order; the index would collect all that fit (0.4 s for one letter and a million rows).
BROAD_WORD = 2
BROAD_WINDOW = 2000
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


_PAGE_COLUMNS = (
    "c.id, c.partner_id, c.customer_type_id, c.country, c.status, c.created_at, c.contact_name, c.sales_name, "
    "c.microsoft_state, c.allow_purchase, "
    "c.sort_name, c.type_sort, c.country_sort, c.contact_sort, c.sales_sort"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFilter:
    """Which customers a list holds. Empty parts do not narrow; values of one part are alternatives."""

    search: str = ""
    statuses: Sequence[str] = ()
    countries: Sequence[str] = ()
    customer_type_ids: Sequence[uuid.UUID] = ()
    partner_subscription_ids: Sequence[uuid.UUID] = ()
    archived: bool = False

    @property
    def is_filtered(self) -> bool:
        """Whether something besides the search narrows the list."""
        return bool(self.statuses or self.countries or self.customer_type_ids or self.partner_subscription_ids)


@dataclasses.dataclass(frozen=True, slots=True)
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
    backwards = before is not None
    conditions = _conditions(by=by, narrowed=narrowed or CustomerFilter())

    def find(conditions: _Conditions) -> tuple[list[CustomerRow], int | None]:
        return _rows(
            conditions,
            sort=sort,
            descending=descending != backwards,
            size=size + 1,
            beyond=before or after,
            counted=not conditions.walks,
        )

    def seen_whole(conditions: _Conditions) -> bool:
        return _fewer_than_window(conditions, sort=sort, descending=descending != backwards, beyond=before or after)

    found: list[CustomerRow] = []
    counted: int | None = None
    if conditions.is_broad:
        found, counted = find(conditions)
    if not conditions.is_broad or len(found) <= size:  # not as many as the first rows promised
        conditions = _by_index(conditions)
        found, counted = find(conditions)
        if conditions.walks and len(found) <= size and not seen_whole(conditions):
            found, counted = find(_collected(conditions))
    more_here = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    count, more = _count(conditions, counted=counted, filtered=(narrowed or CustomerFilter()).is_filtered)
    return CustomerPage(
        rows=found,
        has_next=backwards or more_here,
        has_previous=more_here if backwards else after is not None,
        count=count,
        more_than_counted=more,
    )


def all_customers(
    *, by: Actor, narrowed: CustomerFilter, sort: str = "name", descending: bool = False
) -> Iterator[CustomerRow]:
    """Yield every customer of a filtered list in its order, a thousand a statement, for exports."""
    by.require_partner(permissions.LIST)
    conditions = dataclasses.replace(_by_index(_conditions(by=by, narrowed=narrowed)), window=None)
    beyond: tuple[str, uuid.UUID] | None = None
    while True:
        rows, _counted = _rows(conditions, sort=sort, descending=descending, size=EXPORT_BATCH, beyond=beyond)
        yield from rows
        if len(rows) < EXPORT_BATCH:
            return
        beyond = (rows[-1].sort_key, rows[-1].id)


def customers_by_id(*, by: Actor, ids: Sequence[uuid.UUID]) -> list[CustomerRow]:
    """Return the rows of ticked customers, by name; ids of others are left out."""
    by.require_partner(permissions.LIST)
    conditions = _Conditions(where="c.partner_id = %s AND c.id = ANY(%s)", values=(by.partner_id, list(ids)))
    rows, _counted = _rows(conditions, sort="name", descending=False, size=len(ids), beyond=None)
    return rows


def ids_matching(*, by: Actor, search: str) -> list[uuid.UUID]:
    """Return up to a thousand of the partner's customers that a search finds: what lists of theirs are narrowed by."""
    by.require_partner(permissions.LIST)
    words = text.prefix_query(search)
    if not words:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT customers_search(%s, %s)", [words, MOST_MATCHES])
        return [row[0] for row in cursor.fetchall()]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Conditions:
    """What the rows of a list fulfil. `words` is a search that is still to be looked for, row by row in sort order.

    `window`: look through so many rows at most. `frequent`: the index has found more than it gives. `steady`: no value
    changes how the rows are best found.
    """

    where: str
    values: tuple[Any, ...]
    words: str = ""
    window: int | None = None
    frequent: bool = False
    steady: bool = False

    @property
    def walks(self) -> bool:
        """Whether rows are tested one by one, because an index would give too many."""
        return bool(self.words)

    @property
    def is_broad(self) -> bool:
        """Whether so many rows fit that the first of any order should do."""
        return self.window is not None and not self.frequent


def _conditions(*, by: Actor, narrowed: CustomerFilter) -> _Conditions:
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
    words = ""
    window = None
    if narrowed.search.strip():
        words = text.prefix_query(narrowed.search)
        if not words:
            where.append("false")
        elif all(len(word) <= BROAD_WORD for word in text.search_words(narrowed.search)):
            window = BROAD_WINDOW
    steady = not narrowed.is_filtered and not narrowed.search.strip()
    return _Conditions(where=" AND ".join(where), values=tuple(values), words=words, window=window, steady=steady)


def _by_index(conditions: _Conditions) -> _Conditions:
    """Look the search up in its index; one that too many rows fit is left to be tested row by row."""
    if not conditions.words:
        return conditions
    with connection.cursor() as cursor:
        cursor.execute("SELECT customers_search(%s, %s)", [conditions.words, MOST_MATCHES + 1])
        ids = [row[0] for row in cursor.fetchall()]
    if len(ids) > MOST_MATCHES:
        return dataclasses.replace(conditions, window=WINDOW, frequent=True)
    return _Conditions(where=f"{conditions.where} AND c.id = ANY(%s)", values=(*conditions.values, ids))


def _collected(conditions: _Conditions) -> _Conditions:
    """Let the index collect all that a search fits, within the statement: ten thousand ids need not come here."""
    return _Conditions(
        where=f"{conditions.where} AND c.id = ANY(ARRAY(SELECT customers_search(%s, NULL)))",
        values=(*conditions.values, conditions.words),
    )


def _from(
    conditions: _Conditions, *, sort: str, descending: bool, beyond: tuple[str, uuid.UUID] | None
) -> tuple[str, list[Any]]:
    """Return conditions and values of the rows beyond one in the list's order."""
    if beyond is None:
        return conditions.where, list(conditions.values)
    key, kind = SORTS[sort]
    where = f"{conditions.where} AND ({key}, c.id) {'<' if descending else '>'} (%s::{kind}, %s)"
    return where, [*conditions.values, *beyond]


def _fewer_than_window(
    conditions: _Conditions, *, sort: str, descending: bool, beyond: tuple[str, uuid.UUID] | None
) -> bool:
    """Tell whether the window reached to the end of the list, so that what was found in it is all there is."""
    where, values = _from(conditions, sort=sort, descending=descending, beyond=beyond)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM customers_customer c WHERE {where} LIMIT %s) one",  # noqa: S608
            [*values, WINDOW],
        )
        count: int = cursor.fetchone()[0]
    return count < WINDOW


def _rows(
    conditions: _Conditions,
    *,
    sort: str,
    descending: bool,
    size: int,
    beyond: tuple[str, uuid.UUID] | None,
    counted: bool = False,
) -> tuple[list[CustomerRow], int | None]:
    """Return rows and, if `counted`, how many there are, up to one more than are counted; None when not known."""
    key, _kind = SORTS[sort]
    where, values = _from(conditions, sort=sort, descending=descending, beyond=beyond)
    direction = "DESC" if descending else "ASC"
    order = f"ORDER BY {key} {direction}, c.id {direction}"
    searched = ", c.search" if conditions.words else ""
    page = f"SELECT {_PAGE_COLUMNS}{searched}, {key}::text AS sort_key FROM customers_customer c WHERE {where} {order}"  # noqa: S608
    if conditions.words:
        # The inner limit, or OFFSET 0, keeps the test outside: the planner takes it for rare and would sort every row.
        inner = "OFFSET 0" if conditions.window is None else f"LIMIT {conditions.window:d}"
        page = f"SELECT * FROM ({page} {inner}) c WHERE c.search @@ to_tsquery('simple', %s)"  # noqa: S608
        values.append(conditions.words)
    values.append(size)
    how_many = "NULL"
    if counted:
        how_many = f"(SELECT count(*) FROM (SELECT 1 FROM customers_customer c WHERE {conditions.where} LIMIT %s) one)"  # noqa: S608
        values = [*conditions.values, MOST_COUNTED + 1, *values]
    # The page is cut before the names are looked up, so that the join costs 25 rows and never the whole list.
    statement = f"""
        SELECT c.id, t.name, c.country, c.status, c.created_at, k.name, c.contact_name, c.sales_name,
               c.microsoft_state, c.allow_purchase, c.sort_key, {how_many}
        FROM ({page} LIMIT %s) c
        JOIN accounts_tenant t ON t.id = c.id AND t.partner_id = c.partner_id
        JOIN customers_customertype k ON k.id = c.customer_type_id AND k.partner_id = c.partner_id
        {order}
    """  # noqa: S608 - the key is one of SORTS, every value is a parameter
    with prepared.cursor() if conditions.steady else connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows = cursor.fetchall()
    if not rows and counted and beyond is None:
        return [], 0
    return [CustomerRow(*row[:-1]) for row in rows], rows[0][-1] if rows else None


def _count(conditions: _Conditions, *, counted: int | None, filtered: bool) -> tuple[int, bool]:
    """Return how many customers there are, as far as it was counted, and whether there are more."""
    if counted is not None:
        return min(counted, MOST_COUNTED), counted > MOST_COUNTED
    if conditions.frequent and not filtered:
        return MOST_COUNTED, True  # the index found more, which is why rows are tested one by one
    with connection.cursor() as cursor:
        if not conditions.walks:
            cursor.execute(
                f"SELECT count(*) FROM (SELECT 1 FROM customers_customer c WHERE {conditions.where} LIMIT %s) one",  # noqa: S608
                [*conditions.values, MOST_COUNTED + 1],
            )
            count: int = cursor.fetchone()[0]
            return min(count, MOST_COUNTED), count > MOST_COUNTED
        first = f"SELECT c.search FROM customers_customer c WHERE {conditions.where} LIMIT %s"  # noqa: S608
        cursor.execute(
            f"SELECT count(*), count(*) FILTER (WHERE c.search @@ to_tsquery('simple', %s)) FROM ({first}) c",  # noqa: S608
            [conditions.words, *conditions.values, BROAD_WINDOW],
        )
        looked_at, fitting = cursor.fetchone()
    return min(fitting, MOST_COUNTED), looked_at == BROAD_WINDOW or fitting > MOST_COUNTED


# Every page of a customer begins with these. A customer's own users don't see type and Partner Subscription at all.
_DETAILS = f"""
SELECT {rows.columns(Customer, "c")}, {rows.columns(Tenant, "t")}, {rows.columns(CustomerType, "k")},
    {rows.columns(Subscription, "s")}
FROM customers_customer c
JOIN accounts_tenant t ON t.partner_id = c.partner_id AND t.id = c.id
LEFT JOIN customers_customertype k ON k.partner_id = c.partner_id AND k.id = c.customer_type_id
LEFT JOIN accounts_subscription s ON s.partner_id = c.partner_id AND s.id = c.partner_subscription_id
WHERE c.partner_id = %s AND c.id = %s
"""  # noqa: S608 - names of columns
_CONTACTS = (
    f"SELECT {rows.columns(Contact, 'c')} FROM customers_contact c WHERE c.partner_id = %s AND c.customer_id = %s"  # noqa: S608
)
_REPRESENTATIVES = f"""
SELECT {rows.columns(SalesRepresentative, "r")} FROM customers_salesrepresentative r
WHERE r.partner_id = %s AND r.customer_id = %s ORDER BY r.position
"""  # noqa: S608


def details(*, by: Actor, customer_id: uuid.UUID) -> CustomerDetails:
    """Return one customer; raises `NotFound`, also for another tenant's id and, to a customer, for a sibling's."""
    by.require(permissions.VIEW)
    if by.customer_id is not None and by.customer_id != customer_id:
        raise NotFound
    with prepared.cursor() as cursor:
        cursor.execute(_DETAILS, [by.partner_id, customer_id])
        found = cursor.fetchone()
        if found is None:
            raise NotFound
        cursor.execute(_CONTACTS, [by.partner_id, customer_id])
        contacts = {one.kind: one for one in (rows.built(Contact, row) for row in cursor.fetchall())}
        cursor.execute(_REPRESENTATIVES, [by.partner_id, customer_id])
        representatives = [rows.built(SalesRepresentative, row) for row in cursor.fetchall()]
    customer, tenant, kind, sold_by = rows.built_apart(found, Customer, Tenant, CustomerType, Subscription)
    customer.tenant = tenant
    if kind is not None and sold_by is not None:
        customer.customer_type, customer.partner_subscription = kind, sold_by
    return CustomerDetails(
        tenant=tenant,
        customer=customer,
        customer_type=kind if by.is_partner else None,
        partner_subscription=sold_by if by.is_partner else None,
        primary_contact=contacts.get(ContactKind.PRIMARY),
        billing_contact=contacts.get(ContactKind.BILLING),
        representatives=representatives,
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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FilterChoices:
    """What the grid's filters offer: (id, name), inactive ones too, by name."""

    customer_types: list[tuple[str, str]]
    partner_subscriptions: list[tuple[str, str]]


def filter_choices(*, by: Actor) -> FilterChoices:
    """Return the partner's customer types and own subscriptions, in one statement."""
    by.require_partner(permissions.LIST)
    with prepared.cursor() as cursor:
        cursor.execute(
            "SELECT 1, id, name FROM customers_customertype WHERE partner_id = %s UNION ALL "
            "SELECT 2, id, name FROM accounts_subscription WHERE partner_id = %s AND customer_id IS NULL "
            "ORDER BY 1, 3, 2",
            [by.partner_id, by.partner_id],
        )
        found = cursor.fetchall()
    return FilterChoices(
        customer_types=[(str(row[1]), row[2]) for row in found if row[0] == 1],
        partner_subscriptions=[(str(row[1]), row[2]) for row in found if row[0] == 2],
    )


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


@dataclasses.dataclass(frozen=True, slots=True)
class OpenDraft:
    """An unfinished wizard, without what was typed."""

    id: uuid.UUID
    company_name: str
    step: str
    created_by: str
    updated_at: datetime.datetime


def open_drafts(*, by: Actor, most: int = 20) -> list[OpenDraft]:
    """Return the partner's unfinished drafts, last touched first."""
    by.require_partner(permissions.CREATE)
    with prepared.cursor() as cursor:
        cursor.execute(
            "SELECT id, company_name, step, created_by, updated_at FROM customers_customerdraft "
            "WHERE partner_id = %s AND used_at IS NULL ORDER BY updated_at DESC, id DESC LIMIT %s",
            [by.partner_id, most],
        )
        return [OpenDraft(*row) for row in cursor.fetchall()]
