"""What `benchmarks.commerce` measures within the application's own process. Imported after the environment is set."""

import dataclasses
import datetime
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django

django.setup()

import httpx  # noqa: E402
import psycopg  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from psycopg.types.json import Jsonb  # noqa: E402
from tests import factories  # noqa: E402
from tests.orders.conftest import Shop  # noqa: E402

from benchmarks import load, world  # noqa: E402
from msphub.accounts.models import Login, Subscription  # noqa: E402
from msphub.catalog import listing, prices, sync  # noqa: E402
from msphub.catalog.choices import CustomerSegment, VendorCode  # noqa: E402
from msphub.catalog.models import CatalogSync, Price, Sku  # noqa: E402
from msphub.customers.choices import AccountMode, AccountState  # noqa: E402
from msphub.customers.models import Agreement, CspAccount  # noqa: E402
from msphub.entitlements import queries as entitlements  # noqa: E402
from msphub.kit import clock, scope  # noqa: E402
from msphub.kit.lists import Wanted  # noqa: E402
from msphub.orders import carts, placing  # noqa: E402
from msphub.orders.choices import OrderStatus  # noqa: E402
from msphub.orders.models import Order  # noqa: E402
from msphub.web import keyset  # noqa: E402
from partner_center_emulator import wellknown  # noqa: E402

BACKEND = "msphub.accounts.sessions.AuthenticationBackend"
BOUGHT = ("Microsoft 365 Business Basic", "Microsoft 365 Business Premium")
# Tables that a sync fills, and those that an order does, with the column that leads from a row to the order.
_PRICED = ("catalog_product", "catalog_sku", "catalog_price", "catalog_pricecost")
_ORDER = "SELECT id FROM orders_order WHERE id = %(order)s"
_ITEMS = "SELECT id FROM orders_orderitem WHERE order_id = %(order)s"
_HELD = "SELECT purchased_product_id FROM orders_orderitem WHERE order_id = %(order)s"
_OF_AN_ORDER = {
    "orders_order": f"id IN ({_ORDER})",
    "orders_orderitem": f"id IN ({_ITEMS})",
    "orders_orderitemcost": f"order_item_id IN ({_ITEMS})",
    "orders_orderwrite": f"order_id IN ({_ORDER})",
    "entitlements_purchasedproduct": f"id IN ({_HELD})",
    "entitlements_holdingperiod": f"purchased_product_id IN ({_HELD})",
    "entitlements_holdingcost": f"""holding_period_id IN (
        SELECT id FROM entitlements_holdingperiod WHERE purchased_product_id IN ({_HELD}))""",  # noqa: S608
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Place:
    """A partner connected to the emulator, and its owner's browser."""

    world: factories.PartnerWorld
    browser: Client

    def get(self, url: str) -> None:
        """Get a page, which must come."""
        answer = self.browser.get(url)
        assert answer.status_code == 200, (url, answer.status_code)

    def statements(self, url: str) -> int:
        """Return how many statements a page makes."""
        with CaptureQueriesContext(connection) as captured:
            self.get(url)
        return len(captured)

    def enter(self) -> None:
        """Be in the partner's scope, unless the page before left it."""
        scope.enter(partner_id=self.world.id)


def open_shop(*, url: str) -> Place:
    """Make the partner, connect it and sign its owner in."""
    made = factories.make_partner(name=world.PARTNER)
    factories.connect_to_microsoft(made, url=url, known=wellknown.PARTNERS[0])
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(Login.objects.get(id=made.owner.login_id), backend=BACKEND)
    return Place(world=made, browser=browser)


def close() -> None:
    """Let go of the database."""
    connection.close()
    pool = connection.pool
    if pool is not None:
        pool.close()


# Catalogue


def measure_sync(place: Place, *, control: httpx.Client, bare: psycopg.Connection[Any], rows: int) -> dict[str, Any]:
    """Sync a market with so many prices: first, again without a change, and again with every price changed."""
    # What the sheets don't tell of new SKUs is read product by product at Microsoft's pace afterwards: not measured.
    sync._read_details = lambda **_names: True  # type: ignore[assignment]  # noqa: SLF001
    _sync(place)
    place.enter()
    one = Price.objects.filter(market="US").count()
    control.post("/_emulator/settings", json={"catalogue_copies": max(1, round(rows / one))}).raise_for_status()
    runs = [{"name": "every price new", "seconds": _sync(place)}, {"name": "nothing changed", "seconds": _sync(place)}]
    place.enter()
    Price.objects.filter(market="US").update(list_price=1)
    runs.append({"name": "every price changed", "seconds": _sync(place)})
    bare.execute("VACUUM ANALYZE")
    place.enter()
    prices_there = Price.objects.filter(market="US").count()
    return {
        "runs": runs,
        "prices": prices_there,
        "skus": Sku.objects.count(),
        "products": Sku.objects.values("product_id").distinct().count(),
        "bare_seconds": _bare_copy(bare, place.world.id),
    }


def _sync(place: Place) -> float:
    place.enter()
    (run,) = sync.start_sync(by=place.world.actor, at=clock.now(), market="US", accept_losses=True)
    started = time.perf_counter()
    sync.work_on_sync(partner_id=place.world.id, sync_id=run.id)
    seconds = time.perf_counter() - started
    done = CatalogSync.objects.get(id=run.id)
    assert done.state == "done", (done.state, done.error)
    return seconds


def _columns(bare: psycopg.Connection[Any], table: str) -> str:
    found = bare.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
        "AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        [table],
    )
    return ", ".join(row[0] for row in found)


def _bare_copy(bare: psycopg.Connection[Any], partner: uuid.UUID) -> float:
    total = 0.0
    for table in _PRICED:
        columns = _columns(bare, table)
        with bare.cursor().copy(
            f"COPY (SELECT {columns} FROM {table} WHERE partner_id = '{partner}') TO STDOUT (FORMAT binary)"  # noqa: S608
        ) as copy:
            data = b"".join(bytes(part) for part in copy)
        bare.execute(f"CREATE TABLE copied_{table} (LIKE {table} INCLUDING ALL)")
        started = time.perf_counter()
        with bare.cursor().copy(f"COPY copied_{table} ({columns}) FROM STDIN (FORMAT binary)") as copy:
            copy.write(data)
        total += time.perf_counter() - started
        bare.execute(f"DROP TABLE copied_{table}")
    return total


# Marketplace


def enlarge(place: Place, *, control: httpx.Client, bare: psycopg.Connection[Any], skus: int) -> int:
    """Sync a market with so many SKUs, and return how many there are."""
    place.enter()
    copies = control.get("/_emulator/settings").json()["catalogue_copies"]
    wanted = max(1, round(copies * skus / Sku.objects.count()))
    control.post("/_emulator/settings", json={"catalogue_copies": wanted}).raise_for_status()
    _sync(place)
    bare.execute("VACUUM ANALYZE")
    place.enter()
    return Sku.objects.count()


def measure_market(place: Place, *, bare: psycopg.Connection[Any], turns: int) -> list[dict[str, Any]]:
    """Measure the purchase page of a customer."""
    shop = _customers(place, control=None, count=1)[0]
    bare.execute("ANALYZE")
    place.enter()
    who = f"customer={shop.customer.id}&subscription={shop.subscription.id}&account={shop.account.id}"
    product = Sku.objects.get(title=BOUGHT[0], is_trial=False, product__vendor__code="microsoft").product_id
    listed = listing.products_page(
        by=place.world.actor, narrowed=listing.Narrowed(), microsoft=_scope(), others=_scope(), on=_today()
    )
    last = listed.rows[-1]
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("first page", {}, ""),
        ("second page", {"after": (last.sort_key, last.id)}, f"&after={keyset.encode(last.sort_key, last.id)}"),
        ("Microsoft", {"vendor": "microsoft"}, "&vendor=microsoft"),
        ("add-ons", {"vendor": "microsoft", "shelf": "add_on"}, "&vendor=microsoft&category=add_on"),
        ("search, a common word", {"search": "microsoft"}, "&q=microsoft"),
        ("search, two words", {"search": "business premium"}, "&q=business+premium"),
        ("search, a rare word", {"search": "coro"}, "&q=coro"),
        ("search, two letters", {"search": "mi"}, "&q=mi"),
        ("search, one letter", {"search": "e"}, "&q=e"),
        ("search, nothing fits", {"search": "zzyzx"}, "&q=zzyzx"),
    ]
    found = []
    for name, case, query in cases:
        url = f"/marketplace/?{who}{query}"
        beyond = case.pop("after", None)

        def ours(case: dict[str, Any] = case, beyond: Any = beyond) -> Any:
            return listing.products_page(
                by=place.world.actor,
                narrowed=listing.Narrowed(**case),
                microsoft=_scope(),
                others=_scope(),
                on=_today(),
                after=beyond,
            )

        statement, values = _bare_products(place.world.id, case, beyond)
        found.append(_in_turns(place, name, url, ours=ours, bare=bare, statement=statement, values=values, turns=turns))
    page = f"/marketplace/{product}/?{who}"
    found.append(_in_turns(place, "one product", page, turns=turns))
    return found


def _today() -> datetime.date:
    return clock.now().date()


def _scope() -> prices.Scope:
    return prices.Scope(market="US", currency="USD", segments=(CustomerSegment.COMMERCIAL.value,))


def _bare_products(partner: uuid.UUID, case: dict[str, Any], after: Any) -> tuple[str, dict[str, Any]]:
    """Return the shortest statement for the same products with their lowest prices."""
    where = ["p.partner_id = %(partner)s", "p.active", "(p.sort_title, p.id) > (%(title)s, %(id)s)"]
    values: dict[str, Any] = {"partner": partner, "on": _today()}
    values["title"], values["id"] = after or ("", uuid.UUID(int=0))
    if "vendor" in case:
        where.append(
            "p.vendor_id = (SELECT id FROM catalog_vendor WHERE partner_id = %(partner)s AND code = 'microsoft')"
        )
    if "shelf" in case:
        where.append(f"p.shelf = '{case['shelf']}'")
    if "search" in case:
        where.append("p.search @@ to_tsquery('simple', %(search)s)")
        values["search"] = " & ".join(f"'{word}':*" for word in case["search"].split())
    held = """c.partner_id = p.partner_id AND c.product_id = p.id AND c.currency = 'USD' AND c.market IN ('US', '')
        AND c.segment IN ('', 'commercial') AND c.valid_from <= %(on)s
        AND (c.valid_before IS NULL OR c.valid_before > %(on)s)"""
    return (
        f"""
        SELECT p.id, p.title, p.publisher, l.list_price, l.term, l.plan
        FROM catalog_product p CROSS JOIN LATERAL (SELECT c.list_price, c.term, c.plan FROM catalog_price c
            WHERE {held} ORDER BY c.list_price LIMIT 1) l
        WHERE {" AND ".join(where)} ORDER BY p.sort_title, p.id LIMIT 25
        """,  # noqa: S608
        values,
    )


def _in_turns(
    place: Place,
    name: str,
    url: str,
    *,
    turns: int,
    ours: Callable[[], Any] | None = None,
    bare: psycopg.Connection[Any] | None = None,
    statement: str = "",
    values: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Time the page, its query and the bare statement in turns."""
    samples: dict[str, list[float]] = {}

    def timed(what: str, call: Callable[[], Any], turn: int) -> None:
        started = time.perf_counter()
        call()
        if turn >= 3:  # warm
            samples.setdefault(what, []).append(time.perf_counter() - started)

    for turn in range(turns + 3):
        if bare is not None:
            timed("bare", lambda: bare.execute(statement, values).fetchall(), turn)
        if ours is not None:
            place.enter()
            timed("ours", ours, turn)
        timed("page", lambda: place.get(url), turn)
    return {
        "name": name,
        "statements": place.statements(url),
        **{what: load.timing(taken) for what, taken in samples.items()},
    }


# Products tab


def measure_held(place: Place, *, bare: psycopg.Connection[Any], rows: int, turns: int) -> dict[str, Any]:
    """Measure the Products tab of one customer that holds very much."""
    shop = _customers(place, control=None, count=1)[0]
    _hold(bare, shop, rows=rows)
    customer = shop.customer.id
    columns = "p.id, p.state, p.product_name, p.sku_name, p.category, p.plan, p.quantity, p.purchased_at"
    price = (
        "(SELECT h.unit_price FROM entitlements_holdingperiod h WHERE h.purchased_product_id = p.id "  # noqa: S608
        f"AND h.starts_on <= '{_today()}' ORDER BY h.starts_on DESC LIMIT 1)"
    )
    place.enter()
    middle = bare.execute(
        "SELECT sort_name, id FROM entitlements_purchasedproduct WHERE customer_id = %s ORDER BY sort_name, id "
        "OFFSET %s LIMIT 1",
        [customer, rows // 2],
    ).fetchone()
    assert middle is not None
    cases: list[tuple[str, dict[str, Any], dict[str, Any], str, str, str]] = [
        ("first page", {"sort": "name"}, {}, "", "", "p.sort_name"),
        ("by purchase date", {"sort": "purchased"}, {}, "&sort=purchased", "", "p.purchased_at"),
        ("by status", {"sort": "status"}, {}, "&sort=status", "", "p.state"),
        ("by quantity", {"sort": "quantity"}, {}, "&sort=quantity", "", "p.quantity"),
        (
            "deep page",
            {"sort": "name", "after": tuple(middle)},
            {},
            f"&after={keyset.encode(*middle)}",
            "AND (p.sort_name, p.id) > (%(name)s, %(id)s)",
            "p.sort_name",
        ),
        (
            "filter",
            {"sort": "name"},
            {"states": ["suspended"]},
            "&status=suspended",
            "AND p.state = 'suspended'",
            "p.sort_name",
        ),
        (
            "search",
            {"sort": "name"},
            {"search": "plan 77"},
            "&q=plan+77",
            "AND p.sort_name LIKE '%%plan 77%%'",
            "p.sort_name",
        ),
    ]
    found = []
    for name, wanted, narrowed, query, condition, order in cases:

        def ours(wanted: dict[str, Any] = wanted, narrowed: dict[str, Any] = narrowed) -> Any:
            return entitlements.products_page(
                by=place.world.actor,
                customer_id=customer,
                on=_today(),
                wanted=Wanted(**wanted),
                narrowed=entitlements.ProductFilter(**narrowed),
            )

        statement = (
            f"SELECT {columns}, {price} FROM entitlements_purchasedproduct p WHERE p.partner_id = %(partner)s "  # noqa: S608
            f"AND p.customer_id = %(customer)s {condition} ORDER BY {order}, p.id LIMIT 26"
        )
        values = {"partner": place.world.id, "customer": customer, "name": middle[0], "id": middle[1]}
        url = f"/customers/{customer}/products/?{query.removeprefix('&')}"
        found.append(_in_turns(place, name, url, ours=ours, bare=bare, statement=statement, values=values, turns=turns))
    return {"rows": rows, "lists": found}


def _hold(bare: psycopg.Connection[Any], shop: Shop, *, rows: int) -> None:
    """Let a customer hold so many products, each with two periods of history."""
    sku = Sku.objects.filter(product__vendor__code="microsoft").first()
    assert sku is not None
    bare.execute(
        """
        INSERT INTO entitlements_purchasedproduct (id, partner_id, customer_id, subscription_id, csp_account_id, sku_id,
            vendor, category, product_name, sku_name, sort_name, term, plan, state, quantity, currency, domain,
            microsoft_order_id, purchased_at, anchor_on, term_starts_on, term_ends_on, auto_renew, version, created_at)
        SELECT gen_random_uuid(), %(partner)s, %(customer)s, %(subscription)s, %(account)s, %(sku)s, 'microsoft',
            'online', 'Product ' || n %% 300, 'Plan ' || n, 'product ' || n %% 300 || ' plan ' || n, 'P1Y', 'monthly',
            CASE WHEN n %% 50 = 0 THEN 'suspended' ELSE 'active' END, 1 + n %% 40, 'USD', '', '',
            now() - n * interval '1 minute', current_date - 90, current_date - 90, current_date + 275, true, 1, now()
        FROM generate_series(1, %(rows)s) n
        """,
        {
            "partner": shop.world.id,
            "customer": shop.customer.id,
            "subscription": shop.subscription.id,
            "account": shop.account.id,
            "sku": sku.id,
            "rows": rows,
        },
    )
    with bare.transaction():
        for starts, ends in (("current_date - 90", "current_date - 30"), ("current_date - 30", "NULL")):
            bare.execute(
                f"""
                INSERT INTO entitlements_holdingperiod (id, partner_id, customer_id, purchased_product_id, starts_on,
                    ends_on, state, quantity, term, plan, currency, list_price, discount_percent, discount_reason,
                    unit_price, recorded_at)
                SELECT gen_random_uuid(), partner_id, customer_id, id, {starts}, {ends}, state, quantity, term, plan,
                    currency, 10, 0, '', 10, now()
                FROM entitlements_purchasedproduct WHERE customer_id = %s
                """,  # noqa: S608
                [shop.customer.id],
            )
    bare.execute("VACUUM ANALYZE entitlements_purchasedproduct, entitlements_holdingperiod")


# Orders


def _customers(place: Place, *, control: httpx.Client | None, count: int) -> list[Shop]:
    """Make customers with a linked account; with the emulator's control, of the tenants it was started with."""
    shops = []
    for number in range(count):
        customer = factories.make_customer(place.world, name=factories.unique("Bench"))
        tenant = wellknown_tenant(control, number) if control else uuid.uuid4()
        account = CspAccount.objects.create(
            partner_id=place.world.id,
            customer_id=customer.id,
            mode=AccountMode.EXISTING,
            state=AccountState.LINKED,
            domain=f"bench{number}.onmicrosoft.com",
            company_name=customer.name,
            country="US",
            microsoft_tenant_id=tenant,
            qualification="commercial",
            created_at=factories.NOW,
            linked_at=factories.NOW,
        )
        Agreement.objects.create(
            partner_id=place.world.id,
            customer_id=customer.id,
            account=account,
            first_name="Ann",
            last_name="Archer",
            email="ann@wingtip.example",
            phone="+14255550100",
            agreed_on=factories.NOW.date(),
            recorded_at=factories.NOW,
            confirmed_at=factories.NOW,
        )
        subscription = Subscription.objects.get(partner_id=place.world.id, customer_id=customer.id)
        shops.append(Shop(world=place.world, customer=customer, subscription=subscription, account=account))
    return shops


def wellknown_tenant(control: httpx.Client, number: int) -> uuid.UUID:
    """Return the emulator's tenant of a number, its agreement signed."""
    if not _tenants:
        found = control.get("/_emulator/tenants").json()
        for one in found["items"] if isinstance(found, dict) else found:
            _tenants[one["default_domain"]] = one["tenant_id"]
    tenant = _tenants[f"bench{number}.onmicrosoft.com"]
    control.post("/_emulator/agreement", json={"customer": tenant, "signed": True}).raise_for_status()
    return uuid.UUID(tenant)


_tenants: dict[str, str] = {}


def measure_orders(
    place: Place, *, here: world.World, control: httpx.Client, bare: psycopg.Connection[Any], orders: int
) -> dict[str, Any]:
    """Place orders with no worker running, then let 1 and 4 workers have them done, and time that."""
    shops = _customers(place, control=control, count=orders)
    place.enter()
    skus = [Sku.objects.get(title=one, is_trial=False, product__vendor__code="microsoft") for one in BOUGHT]
    own = shops[0].sku(VendorCode.MSP_HUB)
    shops[0].price(own)
    skus.append(own)
    bare.execute("VACUUM ANALYZE")
    control.post("/_emulator/settings", json={"catalogue_copies": 1}).raise_for_status()
    runs, placed = [], []
    statements, asked = 0, 0.0
    for workers in (1, 4):
        place.enter()
        for shop in shops:
            _fill_cart(shop, skus)
        for shop in shops:
            with CaptureQueriesContext(connection) if not placed else _nothing() as captured:
                placed.append(_place(shop))
            if captured is not None:
                statements = len(captured)
        control.delete("/_emulator/requests").raise_for_status()
        with _workers(here, workers) as pids:
            used = _cpu(pids)
            per_second = _until_done(bare, orders)
            after = _cpu(pids)
        runs.append(
            {
                "workers": workers,
                "per_second": per_second,
                "cpu": {name: (after[name] - used[name]) * 1000 / orders for name in after},
            }
        )
        asked = len(control.get("/_emulator/requests").json()) / orders
    sample = Order.objects.filter(status=OrderStatus.COMPLETED).values_list("id", flat=True)[:200]
    return {
        "place_statements": statements,
        "place_ms": load.timing(placed),
        "requests": asked,
        "runs": runs,
        "bare_per_second": _bare_orders(bare, list(sample)),
    }


def _fill_cart(shop: Shop, skus: Sequence[Sku]) -> None:
    for sku in skus:
        shop.add(sku, quantity=2, at=clock.now())


def _place(shop: Shop) -> float:
    at = clock.now()
    cart = carts.cart_of(by=shop.world.actor, customer_id=shop.customer.id, subscription_id=shop.subscription.id)
    assert cart is not None
    shown = carts.review(by=shop.world.actor, cart=cart, on=at.date(), today=at.date())
    assert shown.can_be_ordered, [one.problem for one in shown.quoted] + [shown.credit_problem]
    lines = {one.line_id: (one.quantity, one.unit_price) for one in shown.quoted}
    started = time.perf_counter()
    placing.place_order(
        by=shop.world.actor,
        cart_id=cart.id,
        confirmed=placing.Confirmed(review_id=uuid.uuid4(), lines=lines),
        at=at,
    )
    return time.perf_counter() - started


@contextmanager
def _nothing() -> Iterator[None]:
    yield None


@contextmanager
def _workers(here: world.World, count: int) -> Iterator[list[int]]:
    log = (world.HOME / "workers.log").open("ab")
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "msphub.config.cli", "worker"],
            env={**os.environ, **world.environment(here.postgres)},
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=world.ROOT,
        )
        for _worker in range(count)
    ]
    try:
        yield [one.pid for one in started]
    finally:
        for one in started:
            one.terminate()
        for one in started:
            one.wait(timeout=60)
        log.close()


def _until_done(bare: psycopg.Connection[Any], orders: int) -> float:
    """Return orders a second from the first one that is done to the last."""
    first = total = 0
    began = 0.0
    while True:
        row = bare.execute("SELECT count(*) FROM orders_order WHERE status = 'processing'").fetchone()
        assert row is not None
        left, now = row[0], time.perf_counter()
        if not began and left < orders:
            began, first = now, left
        if not left:
            total = first
            return total / (now - began)
        time.sleep(0.02)


def _cpu(pids: Sequence[int]) -> dict[str, float]:
    """Return the CPU seconds that workers, PostgreSQL (those that ended included) and the emulator have used."""
    ticks = os.sysconf("SC_CLK_TCK")
    used = {"workers": 0.0, "postgres": 0.0, "emulator": 0.0}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            line = (entry / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        own, ended = int(line[11]) + int(line[12]), int(line[13]) + int(line[14])
        if int(entry.name) in pids:
            used["workers"] += own / ticks
        elif b"partner_center_emulator" in command:
            used["emulator"] += own / ticks
        elif command.startswith(b"postgres:") or b"/postgres" in command:
            used["postgres"] += (own + ended) / ticks
    return used


def _bare_orders(bare: psycopg.Connection[Any], orders: Sequence[uuid.UUID]) -> float:
    """Return how many orders' rows a second go into tables like ours, one transaction an order."""
    read = {}
    for table, where in _OF_AN_ORDER.items():
        columns = _columns(bare, table)
        bare.execute(f"CREATE TABLE copied_{table} (LIKE {table} INCLUDING ALL)")
        marks = ", ".join(["%s"] * (columns.count(",") + 1))
        read[table] = (
            f"INSERT INTO copied_{table} ({columns}) VALUES ({marks})",  # noqa: S608
            [
                [
                    [Jsonb(value) if isinstance(value, list | dict) else value for value in row]
                    for row in bare.execute(f"SELECT {columns} FROM {table} WHERE {where}", {"order": one})  # noqa: S608
                ]
                for one in orders
            ],
        )
    started = time.perf_counter()
    for number in range(len(orders)):
        with bare.transaction(), bare.cursor() as cursor:
            for statement, rows in read.values():
                if rows[number]:
                    cursor.executemany(statement, rows[number])
    return len(orders) / (time.perf_counter() - started)
