"""What is measured within the application's own process. Imported after the environment is set."""

import itertools
import json
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable
from typing import Any

import django

django.setup()

import psycopg  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from benchmarks import load, world  # noqa: E402
from msphub.accounts.models import Login, Tenant, User  # noqa: E402
from msphub.customers import queries  # noqa: E402
from msphub.customers.models import CustomerDraft, CustomerType  # noqa: E402
from msphub.kit import ids, permissions, scope  # noqa: E402
from msphub.kit.actor import Actor, ActorKind  # noqa: E402
from msphub.web import keyset  # noqa: E402

BACKEND = "msphub.accounts.sessions.AuthenticationBackend"
TOKEN = "benchmarkbenchmarkbenchmark12345"  # noqa: S105 - a csrf token's cookie and field
_numbers = itertools.count(int(time.time() * 1000))


class Session:
    """The partner's owner, signed in."""

    def __init__(self) -> None:
        self.login = Login.objects.get(email="owner@bench.example")
        self.partner_id = self.login.partner_id
        self.client = Client(SERVER_NAME="localhost")
        self.client.force_login(self.login, backend=BACKEND)
        scope.enter(partner_id=self.partner_id)
        user = User.objects.get(login=self.login)
        self.actor = Actor(
            kind=ActorKind.USER,
            partner_id=self.partner_id,
            user_id=user.id,
            name=user.display_name,
            role=user.role,
            permissions=permissions.of_role(user.role),
        )

    def get(self, url: str) -> None:
        """Get a page, which must come."""
        answer = self.client.get(url)
        assert answer.status_code == 200, (url, answer.status_code)

    def new_cookie(self) -> str:
        """Sign in once more and return the cookies of that browser."""
        client = Client(SERVER_NAME="localhost")
        client.force_login(self.login, backend=BACKEND)
        return f"msphub_session={client.cookies['msphub_session'].value}; msphub_csrf={TOKEN}"

    def a_customer(self) -> uuid.UUID:
        """Return some customer's id."""
        scope.enter(partner_id=self.partner_id)
        return queries.customers_page(by=self.actor, size=1).rows[0].id


def sign_in() -> Session:
    """Sign the owner in."""
    return Session()


def first_id(table: str, bare: psycopg.Connection[Any], partner: uuid.UUID, condition: str) -> str:
    """Return the id of a row of the partner's."""
    row = bare.execute(f"SELECT id FROM {table} WHERE partner_id = %s AND {condition}", [partner]).fetchone()  # noqa: S608
    assert row is not None
    return str(row[0])


def deep_cursor(bare: psycopg.Connection[Any], partner: uuid.UUID, key: str) -> tuple[str, uuid.UUID]:
    """Return the cursor in the middle of the list."""
    row = bare.execute(
        f"SELECT {key}::text, id FROM customers_customer WHERE partner_id = %s AND NOT archived "  # noqa: S608
        f"ORDER BY {key}, id OFFSET (SELECT count(*) / 2 FROM customers_customer WHERE partner_id = %s) LIMIT 1",
        [partner, partner],
    ).fetchone()
    assert row is not None
    return row[0], row[1]


def address(case: dict[str, Any], after: tuple[str, uuid.UUID] | None) -> str:
    """Return the address of a list."""
    pairs = [(name, one) for name in ("status", "country", "type", "subscription") for one in case.get(name, [])]
    pairs += [(name, case[name]) for name in ("q", "sort") if name in case]
    if after is not None:
        pairs.append(("after", keyset.encode(*after)))
    return f"/customers/?{urllib.parse.urlencode(pairs)}"


def list_query(session: Session, case: dict[str, Any], after: tuple[str, uuid.UUID] | None) -> Callable[[], Any]:
    """Return the page's query as a call without arguments."""
    sort = case.get("sort", "name")
    narrowed = queries.CustomerFilter(
        search=case.get("q", ""),
        statuses=case.get("status", ()),
        countries=case.get("country", ()),
        customer_type_ids=[uuid.UUID(one) for one in case.get("type", ())],
        partner_subscription_ids=[uuid.UUID(one) for one in case.get("subscription", ())],
    )
    scope.enter(partner_id=session.partner_id)

    def run() -> queries.CustomerPage:
        return queries.customers_page(
            by=session.actor,
            narrowed=narrowed,
            sort=sort.removeprefix("-"),
            descending=sort.startswith("-"),
            after=after,
        )

    def scoped() -> queries.CustomerPage:
        if connection.connection is None:  # the page before gave it back
            scope.enter(partner_id=session.partner_id)
        return run()

    return scoped


def statements(session: Session, url: str) -> int:
    """Return how many statements a page makes."""
    with CaptureQueriesContext(connection) as captured:
        session.get(url)
    return len(captured)


# Creation


def _draft_data(session: Session) -> dict[str, Any]:
    scope.enter(partner_id=session.partner_id)
    offered = queries.filter_choices(by=session.actor)
    kind = CustomerType.objects.get(partner_id=session.partner_id, name="Business")
    return {
        "company": {
            "company_name": "Wingtip Toys",
            "customer_type": str(kind.id),
            "country": "US",
            "partner_subscription": offered.partner_subscriptions[0][0],
            "address_line1": "1 Microsoft Way",
            "city": "Redmond",
            "state": "WA",
            "postal_code": "98052",
            "same_as_company": "on",
            "billing_profile_name": "Wingtip",
            "bill_to": "Accounts Payable",
        },
        "contacts": {
            "primary_first_name": "Gena",
            "primary_last_name": "Soto",
            "primary_email": "gena@wingtip.example",
            "primary_phone": "425 555 0101",
            "billing_first_name": "Bill",
            "billing_last_name": "Payer",
            "billing_email": "bill@wingtip.example",
            "admin_first_name": "Ann",
            "admin_last_name": "Admin",
            "admin_login_email": "ann@wingtip.example",
            "admin_contact_email": "ann@wingtip.example",
        },
        "microsoft": {"account": "skip"},
    }


def make_drafts(session: Session, count: int) -> list[str]:
    """Store drafts that lack the last step only, and return their addresses."""
    data = _draft_data(session)
    drafts = []
    now = django.utils.timezone.now()
    for _number in range(count):
        data["contacts"]["admin_login_email"] = f"ann{next(_numbers)}@wingtip.example"
        drafts.append(
            CustomerDraft(
                id=ids.new_id(),
                partner_id=session.partner_id,
                data=json.loads(json.dumps(data)),
                step="additional",
                company_name="Wingtip Toys",
                created_by="Olivia Hart",
                created_at=now,
                updated_at=now,
            )
        )
    CustomerDraft.objects.bulk_create(drafts, batch_size=500)
    return [f"/customers/new/{draft.id}/additional/" for draft in drafts]


LAST_STEP = {"sales_count": "1", "sales_1_name": "Sam Seller", "sales_1_email": "sam@cascade.example"}


def measure_creation(here: world.World, *, bare_url: str, seconds: float) -> dict[str, Any]:
    """Measure the wizard's last step by HTTP, and the same rows by bare SQL."""
    session = sign_in()
    (first, second) = make_drafts(session, 2)
    session.client.post(first, LAST_STEP)
    with CaptureQueriesContext(connection) as captured:
        answer = session.client.post(second, LAST_STEP)
    assert answer.status_code == 302, answer.content[:2000]
    texts = [one["sql"] for one in captured]
    tenant = next(number for number, text in enumerate(texts) if 'INTO "accounts_tenant"' in text)
    begin = max(number for number, text in enumerate(texts[:tenant]) if text == "BEGIN")
    commit = next(number for number, text in enumerate(texts) if number > begin and text == "COMMIT")
    runs = []
    body = urllib.parse.urlencode({**LAST_STEP, "csrfmiddlewaretoken": TOKEN}).encode()
    with world.served(here.postgres) as port:
        for clients in (1, 8):
            cookies = [session.new_cookie() for _client in range(clients)]
            waiting = iter(make_drafts(session, int(seconds * 400)))
            lock = threading.Lock()

            def request(who: int, _turn: int) -> bytes:
                with lock:  # noqa: B023
                    path = next(waiting)  # noqa: B023 - used up before the next turn
                return load.post(path, body=body, cookie=cookies[who])  # noqa: B023

            got = load.run(port=port, clients=clients, seconds=seconds, request=request, expected=302)
            runs.append({"name": "wizard's last step", "clients": clients, **_numbers_of(got)})
    scope.enter(partner_id=session.partner_id)
    CustomerDraft.objects.filter(partner_id=session.partner_id, used_at=None).delete()
    for name, function in (("bare, 5 statements", _bare_five), ("bare, one CTE statement", _bare_one)):
        for clients in (1, 8):
            got = _bare(bare_url, clients=clients, seconds=seconds / 2, create=function, session=session)
            runs.append({"name": name, "clients": clients, **_numbers_of(got)})
    return {"statements": commit - begin - 1, "request_statements": len(texts), "runs": runs}


def _numbers_of(got: load.Load) -> dict[str, float]:
    return {"per_second": got.per_second, "median_ms": got.median_ms, "p95_ms": got.p95_ms}


_TENANT = """INSERT INTO accounts_tenant (id, partner_id, kind, name, sort_name, country, status, created_at)
VALUES (%(id)s, %(partner)s, 'customer', 'Wingtip Toys', 'wingtip toys', 'US', 'active', now())"""
_PROFILE = """INSERT INTO accounts_billingprofile (id, partner_id, customer_id, name, bill_to, line1, line2, city,
state, postal_code, country, version, created_at) VALUES (%(id)s, %(partner)s, %(id)s, 'Wingtip', 'Accounts Payable',
'1 Microsoft Way', '', 'Redmond', 'WA', '98052', 'US', 1, now())"""
_SUBSCRIPTION = """INSERT INTO accounts_subscription (id, partner_id, customer_id, name, country, state,
billing_profile_id, active, currency, tax_registration, number_series, time_zone,
payment_instructions, version, created_at) VALUES (%(id)s,
%(partner)s, %(id)s, 'Main', 'US', 'WA', %(id)s, true, '', '', '', '', '', 1, now())"""
_LOGIN = """INSERT INTO accounts_login (id, password, email, partner_id, customer_id, is_active, created_at)
VALUES (%(id)s, '!', %(email)s, %(partner)s, %(id)s, true, now())"""
_USER = """INSERT INTO accounts_user (id, partner_id, customer_id, login_id, email, first_name, last_name, display_name,
contact_email, role, status, created_at, preferences) VALUES (%(id)s, %(partner)s, %(id)s, %(id)s, %(email)s, 'Ann',
'Admin', 'Ann Admin', %(email)s, 'customer_admin', 'invited', now(), '{}')"""
_CUSTOMER = """INSERT INTO customers_customer (id, partner_id, customer_type_id, partner_subscription_id, line1, line2,
city, state, postal_code, allow_purchase, sort_name, status, archived, created_at, country, country_sort, type_sort,
contact_name, contact_sort, sales_name, sales_sort, microsoft_state, search_text, version) VALUES (%(id)s, %(partner)s,
%(type)s, %(sold_by)s, '1 Microsoft Way', '', 'Redmond', 'WA', '98052', false, 'wingtip toys', 'active', false, now(),
'US', 'united states', 'business', 'Gena Soto', 'gena soto', 'Sam Seller', 'sam seller', 'none',
'wingtip toys gena soto example bill payer ann', 1)"""
_CONTACTS = """INSERT INTO customers_contact (id, partner_id, customer_id, kind, first_name, last_name, email,
phone_country, phone, fax) VALUES (%(id)s, %(partner)s, %(id)s, 'primary', 'Gena', 'Soto', 'gena@wingtip.example', 'US',
'+14255550101', ''), (%(other)s, %(partner)s, %(id)s, 'billing', 'Bill', 'Payer', 'bill@wingtip.example', '', '', '')"""
_SELLER = """INSERT INTO customers_salesrepresentative (id, partner_id, customer_id, position, name, email, phone)
VALUES (%(id)s, %(partner)s, %(id)s, 1, 'Sam Seller', 'sam@cascade.example', '')"""
_ENTRIES = """INSERT INTO audit_entry (id, at, partner_id, customer_id, actor_kind, actor_name, event, object_type,
object_label, changes, details, customer_visible, address, request_id)
VALUES (%(id)s, now(), %(partner)s, %(id)s, 'user', 'Olivia', 'user.invited', 'user', 'Ann', '{}', '{}', true, '', ''),
(%(other)s, now(), %(partner)s, %(id)s, 'user', 'Olivia', 'customer.created', 'customer', 'Wingtip', '{}', '{}', false,
'', '')"""
_EVERY = (_TENANT, _PROFILE, _SUBSCRIPTION, _LOGIN, _USER, _CUSTOMER, _CONTACTS, _SELLER, _ENTRIES)


def _with(*statements: str) -> str:
    *first, last = statements
    return "WITH " + ", ".join(f"s{n} AS ({one})" for n, one in enumerate(first)) + f" {last}"


_ONE = _with(*_EVERY)
_FIVE = (
    _with(_TENANT, _PROFILE),
    _SUBSCRIPTION,
    _with(_LOGIN, _USER),
    _with(_CUSTOMER, _CONTACTS),
    _with(_SELLER, _ENTRIES),
)


def _bare_five(link: psycopg.Connection[Any], values: dict[str, Any]) -> None:
    with link.transaction():
        for statement in _FIVE:
            link.execute(statement, values)


def _bare_one(link: psycopg.Connection[Any], values: dict[str, Any]) -> None:
    link.execute(_ONE, values)


def _bare(
    url: str,
    *,
    clients: int,
    seconds: float,
    create: Callable[[psycopg.Connection[Any], dict[str, Any]], None],
    session: Session,
) -> load.Load:
    data = _draft_data(session)["company"]
    fixed = {"partner": session.partner_id, "type": data["customer_type"], "sold_by": data["partner_subscription"]}
    durations: list[float] = []
    until = time.perf_counter() + seconds

    def work() -> None:
        with psycopg.connect(url, autocommit=True, prepare_threshold=1) as link:
            while time.perf_counter() < until:
                number = next(_numbers)
                values = {**fixed, "id": ids.new_id(), "other": ids.new_id(), "email": f"bare{number}@x.example"}
                started = time.perf_counter()
                create(link, values)
                durations.append(time.perf_counter() - started)

    threads = [threading.Thread(target=work) for _client in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    median, p95 = load.timing(durations)
    return load.Load(per_second=len(durations) / (time.perf_counter() - started), median_ms=median, p95_ms=p95)


# Seed

_SEEDED = (
    "accounts_tenant",
    "accounts_billingprofile",
    "accounts_subscription",
    "accounts_login",
    "accounts_user",
    "customers_customer",
    "customers_contact",
    "customers_salesrepresentative",
)


def measure_seed(url: str, partner: uuid.UUID, *, customers: int = 10_000) -> float:
    """Return the seconds that a bare COPY of the same tables takes, with their indexes, without foreign keys."""
    total = 0.0
    with psycopg.connect(url) as link:
        chosen = (
            f"SELECT id FROM accounts_tenant WHERE partner_id = '{partner}' AND kind = 'customer' LIMIT {customers}"  # noqa: S608
        )
        link.execute(f"CREATE TEMPORARY TABLE chosen AS {chosen}")
        for table in _SEEDED:
            columns = ", ".join(
                row[0]
                for row in link.execute(
                    "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
                    "AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
                    [table],
                )
            )
            key = "id" if table in {"accounts_tenant", "customers_customer"} else "customer_id"
            rows = f"SELECT {columns} FROM {table} WHERE {key} IN (SELECT id FROM chosen)"  # noqa: S608
            with link.cursor().copy(f"COPY ({rows}) TO STDOUT (FORMAT binary)") as copy:
                data = b"".join(bytes(part) for part in copy)
            link.execute(f"CREATE TABLE copied_{table} (LIKE {table} INCLUDING ALL)")
            started = time.perf_counter()
            with link.cursor().copy(f"COPY copied_{table} ({columns}) FROM STDIN (FORMAT binary)") as copy:
                copy.write(data)
            total += time.perf_counter() - started
        link.rollback()
    count = Tenant.objects.filter(partner_id=partner, kind="customer").count()
    return total * customers / min(customers, count)
