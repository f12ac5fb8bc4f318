"""Workers and database killed at random for 200 rounds, with trouble at Microsoft: nothing is lost, nothing is twice.

Customers are made with Microsoft accounts of all kinds, and a customer that has one orders all the while.
Real workers on a real PostgreSQL of this test's own (durable as in production, not as fast as in other tests), real
HTTP to the emulator, real SMTP. The seed decides what is made, what is killed, when, and which trouble Microsoft
has; `MSPHUB_TEST_SEED` repeats a plan. What the processes had done when the blow came is the machine's to decide, so a
failure may need a few runs of its seed.
"""

import collections
import contextlib
import json
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests import database
from tests.customers import at_microsoft
from tests.customers.at_microsoft import Microsoft
from tests.notifications import mailbox
from tests.notifications.mailbox import Mailbox
from tests.orders import buying

from msphub.config import embedded, processes
from partner_center_emulator import relationships
from partner_center_emulator.testing import Running

ROUNDS = 200
WORKERS = 2
# A machine that is busy with other things does as many rounds as fit into this time, and never fewer than these.
_MOST_SECONDS, _FEWEST_ROUNDS = 100, 60
_LAST_SECONDS = 120
_WRITES = (
    at_microsoft.CREATE,
    at_microsoft.QUALIFY,
    at_microsoft.SET_QUALIFICATION,
    at_microsoft.AGREE,
    "/carts",
    "/checkout",
    "/checkout",
)
_BRING_FORWARD = """
WITH early AS (UPDATE procrastinate_jobs SET scheduled_at = now()
               WHERE status = 'todo' AND scheduled_at > now() RETURNING queue_name)
SELECT pg_notify('procrastinate_any_queue_v1', json_build_object('type', 'job_inserted', 'job_id', 0)::text)
FROM early LIMIT 1
"""


class Nursery:
    """The processes under test: workers, and makers of customers."""

    def __init__(self, *, database_url: str, smtp_port: int, output: Path) -> None:
        self.output = output
        self.done: list[str] = []
        self._pids: queue.Queue[int] = queue.Queue()
        with output.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.lifecycle.nursery"],
                cwd=database.ROOT,
                env={
                    **os.environ,  # tests/settings.py has put the secrets there
                    "DJANGO_SETTINGS_MODULE": "msphub.config.settings",
                    "DATABASE_URL": database_url,
                    "DATABASE_POOL_SIZE": "8",
                    "MSPHUB_SMTP_URL": f"smtp://127.0.0.1:{smtp_port}",
                    "MSPHUB_MAIL_FROM": "Cascade <portal@cascade.example>",
                    "MSPHUB_MICROSOFT_TIMEOUT_SECONDS": "1",
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            answer = json.loads(line)
            if "pid" in answer:
                self._pids.put(answer["pid"])
            else:
                self.done.append(answer["done"])

    def order(self, deed: str, **arguments: Any) -> int:
        """Start a process that does a deed; return its number."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"deed": deed, **arguments}) + "\n")
        self.process.stdin.flush()
        return self._pids.get(timeout=60)

    def run(self, deed: str, **arguments: Any) -> str:
        """Have a deed done to its end; return its answer."""
        before = len(self.done)
        self.await_end(self.order(deed, **arguments))
        ends = time.monotonic() + 10  # its last line may be on the way
        while len(self.done) <= before and time.monotonic() < ends:
            time.sleep(0.01)
        assert len(self.done) > before, self.output.read_text(encoding="utf-8")[-3000:]
        return self.done[-1]

    def await_end(self, pid: int, *, seconds: float = 30) -> None:
        """Wait until a process is gone."""
        ends = time.monotonic() + seconds
        while processes.started_at(pid) is not None:
            assert time.monotonic() < ends, f"process {pid} doesn't end"
            time.sleep(0.005)

    def kill(self, pid: int) -> None:
        """End a process as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self.await_end(pid)

    def close(self) -> None:
        """End it, and with it all that it started."""
        self.process.kill()
        self.process.wait()


class Scene:
    """Everything one run has, and what was done to it so far."""

    def __init__(
        self,
        *,
        seed: int,
        postgres: embedded.EmbeddedPostgres,
        microsoft: Microsoft,
        nursery: Nursery,
        inbox: Mailbox,
    ) -> None:
        self.random = random.Random(seed)
        self.postgres = postgres
        self.microsoft = microsoft
        self.nursery = nursery
        self.inbox = inbox
        self.workers: list[int] = []
        self.makers: list[int] = []
        self.deeds: collections.Counter[str] = collections.Counter()
        self.wanted: dict[str, dict[str, Any]] = {}
        self.free = [one for one in microsoft.free_tenants() if one.default_domain][:12]
        self.partner_id = nursery.run("make_partner", emulator_url=microsoft.server.url)
        self.buyers_tenant = microsoft.customer_of(0).tenant_id
        microsoft.control("agreement", customer=self.buyers_tenant, signed=True)
        self.buyer_id = nursery.run("make_buyer", partner_id=self.partner_id, microsoft_tenant_id=self.buyers_tenant)
        self.reviews: list[str] = []
        self._connection: psycopg.Connection[Any] | None = None

    def rows(self, statement: str) -> list[Any]:
        """Ask the database as its superuser, who sees every tenant's rows."""
        if self._connection is None or self._connection.closed:
            url = self.postgres.url(role=embedded.SUPERUSER)
            self._connection = psycopg.connect(url, autocommit=True, connect_timeout=10)
        cursor = self._connection.execute(statement)
        return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        """Let go of the database."""
        if self._connection is not None:
            self._connection.close()

    def round(self, number: int) -> None:
        """One round: work for the workers, trouble at Microsoft, a while, and a blow."""
        self.workers += [self.nursery.order("work") for _ in range(WORKERS - len(self.workers))]
        if number < ROUNDS * 0.9 and self.random.random() < 0.45:
            self._make_customer(number)
        if number < ROUNDS * 0.9 and self.random.random() < 0.3:
            self._make_order()
        if self.random.random() < 0.5:
            self._order_trouble()
        if number % 10 == 9:
            self.accept_invitations()
            self.makers.append(self.nursery.order("check_record", partner_id=self.partner_id))
        self.rows(_BRING_FORWARD)
        time.sleep(self.random.uniform(0.02, 0.5))
        blow = self.random.choices(
            [self._kill_worker, self._kill_all, self._crash_database, self._kill_database], [70, 10, 10, 10]
        )[0]
        self.deeds[blow.__name__] += 1
        blow()

    def _make_customer(self, number: int) -> None:
        if self.free and self.random.random() < 0.15:
            tenant = self.free.pop()
            account = {
                "country": tenant.country,
                "domain": tenant.default_domain,
                "microsoft_tenant_id": tenant.tenant_id,
                "tenant_name": tenant.name,
            }
        else:
            account = {
                "prefix": f"kills{number}",
                "qualification": self.random.choice(["commercial", "education", "nonprofit"]),
                "segment": "K12",
                "website": "wingtip.example",
                "agreed": self.random.random() < 0.8,
            }
        name = f"Customer {number}"
        self.wanted[name] = account
        self._make("make_customer", name=name, account=account)

    def _make_order(self) -> None:
        self.reviews.append(str(uuid.UUID(int=self.random.getrandbits(128), version=4)))
        titles = self.random.sample([buying.BASIC, buying.PREMIUM], self.random.randint(1, 2))
        self._make("make_order", customer_id=self.buyer_id, review_id=self.reviews[-1], titles=titles)

    def _make(self, deed: str, **arguments: Any) -> None:
        self.makers.append(self.nursery.order(deed, partner_id=self.partner_id, **arguments))
        if self.random.random() < 0.2:
            time.sleep(self.random.uniform(0, 0.2))
            self.deeds["_kill_maker"] += 1
            self.nursery.kill(self.makers.pop())

    def _order_trouble(self) -> None:
        mode = self.random.choice(["timeout_before", "timeout_after", "reset_after", "429", "503", "500"])
        self.deeds[mode] += 1
        path = self.random.choice(_WRITES)
        if mode.isdigit():
            everywhere = self.random.random() < 0.5
            self.microsoft.order(
                mode="status",
                status=int(mode),
                method="*" if everywhere else "POST",
                path=".*" if everywhere else path,
                count=self.random.randint(1, 3),
                **({"retry_after": 1} if mode == "429" else {}),
            )
        else:
            self.microsoft.order(
                mode=mode, path=path, method="PUT" if path == at_microsoft.SET_QUALIFICATION else "POST"
            )

    def accept_invitations(self) -> None:
        """Let customers accept who were invited."""
        asked = self.rows("SELECT domain FROM customers_cspaccount WHERE relationship_url <> '' AND state = 'waiting'")
        domains, emulator = {row[0] for row in asked}, self.microsoft.server.emulator
        for tenant in self.microsoft.tenants().values():
            if tenant.default_domain in domains:
                with emulator.state.changing():
                    relationships.accept(
                        state=emulator.state,
                        partner=self.microsoft.server.partners[0],
                        tenant=tenant,
                        at=emulator.clock.now().isoformat(),
                    )

    # Blows

    def _kill_worker(self) -> None:
        victim = self.random.randrange(len(self.workers))
        self.nursery.kill(self.workers.pop(victim))

    def _kill_all(self) -> None:
        for pid in self.workers:
            self.nursery.kill(pid)
        self.workers = []

    def _crash_database(self) -> None:
        self._end_database(signal.SIGQUIT)  # immediate shutdown: no checkpoint, recovery at the next start

    def _kill_database(self) -> None:
        self._end_database(signal.SIGKILL)

    def _end_database(self, number: signal.Signals) -> None:
        child = self.postgres.child
        assert child is not None
        assert child.process is not None
        child.process.send_signal(number)
        child.process.wait(timeout=30)
        self.close()
        if self.random.random() < 0.3:
            time.sleep(self.random.uniform(0, 0.5))  # away for a while
        self.postgres.start()

    # The end

    def settle(self) -> None:
        """Let everything be done, with no more trouble."""
        self.microsoft.server.emulator.faults.clear()
        for pid in self.makers:
            self.nursery.await_end(pid)
        self.workers += [self.nursery.order("work") for _ in range(WORKERS - len(self.workers))]
        ends, followed = time.monotonic() + _LAST_SECONDS, 0.0
        while self._unfinished():
            assert time.monotonic() < ends, self._report()
            if time.monotonic() - followed > 2:
                followed = time.monotonic()
                self.accept_invitations()
                self.nursery.run("follow", partner_id=self.partner_id)
                # A day of tries passes in seconds here; what was given up is sent again, as a person does.
                if self.rows("SELECT 1 FROM notifications_mail WHERE state = 'failed' LIMIT 1") and not self.rows(
                    "SELECT 1 FROM procrastinate_jobs WHERE queue_name = 'mail' AND status IN ('todo', 'doing') LIMIT 1"
                ):
                    self.nursery.run("resend", partner_id=self.partner_id)
            self.rows(_BRING_FORWARD)
            time.sleep(0.2)

    def _unfinished(self) -> bool:
        return bool(
            self.rows("SELECT 1 FROM procrastinate_jobs WHERE status IN ('todo', 'doing') LIMIT 1")
            or self.rows("SELECT 1 FROM customers_cspaccount WHERE state <> 'linked' LIMIT 1")
            or self.rows("SELECT 1 FROM orders_order WHERE status = 'processing' LIMIT 1")
            or self.rows("SELECT 1 FROM notifications_mail WHERE state = 'failed' LIMIT 1")
        )

    def _report(self) -> str:
        accounts = self.rows(
            "SELECT domain, state, failure_code, failure_message FROM customers_cspaccount WHERE state <> 'linked'"
        )
        jobs = self.rows(
            "SELECT id, task_name, status, attempts, scheduled_at, lock FROM procrastinate_jobs "
            "WHERE status IN ('todo', 'doing') ORDER BY id"
        )
        return f"not settled: {accounts}\n{jobs}\n{self.nursery.output.read_text(encoding='utf-8')[-4000:]}"


@pytest.fixture
def scene(data_directory: Path, emulator: Running, tmp_path: Path) -> Iterator[Scene]:
    """A partner on a database of its own, with nothing done yet."""
    seed = int(os.environ.get("MSPHUB_TEST_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"MSPHUB_TEST_SEED={seed}")  # noqa: T201 - shown when the test fails
    with contextlib.ExitStack() as stack:
        postgres = database.durable_copy(data_directory / "postgres")
        stack.enter_context(postgres)
        inbox = stack.enter_context(mailbox.closed().open())
        nursery = Nursery(database_url=postgres.app_url, smtp_port=inbox.port, output=tmp_path / "nursery.out")
        stack.callback(nursery.close)
        made = Scene(
            seed=seed,
            postgres=postgres,
            microsoft=at_microsoft.prepared(emulator),
            nursery=nursery,
            inbox=inbox,
        )
        stack.callback(made.close)
        yield made


@pytest.mark.timeout(480)
def test_random_kills_lose_nothing_and_do_nothing_twice(scene: Scene) -> None:
    before = set(scene.microsoft.tenants())
    ends = time.monotonic() + _MOST_SECONDS
    for number in range(ROUNDS):
        if number >= _FEWEST_ROUNDS and time.monotonic() > ends:
            break
        scene.round(number)
    scene.settle()

    print(dict(scene.deeds), f"{len(scene.wanted)} customers wanted")  # noqa: T201 - shown when the test fails
    _check_customers(scene)
    _check_orders(scene)
    _check_microsoft(scene, before=before)
    _check_jobs(scene)
    _check_mails(scene)


def _check_customers(scene: Scene) -> None:
    """Whoever was told that a customer is made finds it; who was killed meanwhile finds it whole or not at all."""
    made = f"t.kind = 'customer' AND t.id <> '{scene.buyer_id}'"
    names = [name for (name,) in scene.rows(f"SELECT t.name FROM accounts_tenant t WHERE {made}")]
    assert len(names) == len(set(names)) > _FEWEST_ROUNDS / 5
    told = {name for name in scene.nursery.done if name in scene.wanted}
    assert told <= set(names) <= set(scene.wanted)
    incomplete = scene.rows(
        f"SELECT t.name FROM accounts_tenant t WHERE {made} AND ("
        " (SELECT count(*) FROM customers_customer c WHERE c.id = t.id AND c.microsoft_state = 'linked') <> 1"
        " OR (SELECT count(*) FROM customers_contact c WHERE c.customer_id = t.id) <> 2"
        " OR (SELECT count(*) FROM accounts_user u WHERE u.customer_id = t.id) <> 1"
        " OR (SELECT count(*) FROM customers_cspaccount a WHERE a.customer_id = t.id) <> 1)"
    )
    assert incomplete == []
    # What happened is on record, each thing once.
    for event in ("customer.created", "csp_account.added", "csp_account.linked", "user.invited"):
        counts = scene.rows(
            "SELECT customer_id, count(*) FROM audit_entry "
            f"WHERE event = '{event}' AND customer_id <> '{scene.buyer_id}' GROUP BY customer_id"
        )
        assert len(counts) == len(names), event
        assert {count for _, count in counts} == {1}, event
    assert scene.nursery.run("check_record", partner_id=scene.partner_id) == ""


def _check_orders(scene: Scene) -> None:
    """Whoever was told that he ordered has ordered, once; all of it is bought at Microsoft, and held, once."""
    orders = scene.rows("SELECT review_id::text, status, id::text, item_count FROM orders_order")
    told = {review for review in scene.nursery.done if review in scene.reviews}
    assert told <= {review for review, *_ in orders} <= set(scene.reviews)
    assert len(orders) == len({review for review, *_ in orders}) > 5
    assert {status for _, status, *_ in orders} == {"completed"}
    items = scene.rows(
        "SELECT item.microsoft_subscription_id::text, item.microsoft_order_id, product.microsoft_subscription_id::text,"
        " product.quantity = item.quantity, "
        " (SELECT count(*) FROM entitlements_holdingperiod p WHERE p.purchased_product_id = product.id"
        "  AND p.ends_on IS NULL AND p.order_item_id = item.id AND p.starts_on = product.term_starts_on),"
        " (SELECT count(*) FROM entitlements_holdingcost c JOIN entitlements_holdingperiod p"
        "  ON p.id = c.holding_period_id WHERE p.purchased_product_id = product.id) "
        "FROM orders_orderitem item LEFT JOIN entitlements_purchasedproduct product"
        " ON product.id = item.purchased_product_id"
    )
    assert len(items) == sum(count for *_, count in orders)
    assert all(
        bought == held and same and (periods, costs) == (1, 1) for bought, _, held, same, periods, costs in items
    )
    assert scene.rows("SELECT count(*) FROM entitlements_purchasedproduct") == [(len(items),)]
    state, partner = scene.microsoft.server.emulator.state, scene.microsoft.server.partners[0].tenant_id
    there = state.units_of_tenant(tenant_id=scene.buyers_tenant)
    assert sorted(one["id"] for one in there) == sorted(bought for bought, *_ in items)
    made = state.all_commerce(kind="order", partner_id=partner, tenant_id=scene.buyers_tenant)
    assert sorted(one["id"] for one in made) == sorted(order for _, order, *_ in items)
    assert scene.rows("SELECT id FROM orders_orderwrite WHERE state IN ('prepared', 'unknown')") == []
    for event in ("order.placed", "order.started", "order.finished"):
        counts = scene.rows(f"SELECT object_id, count(*) FROM audit_entry WHERE event = '{event}' GROUP BY object_id")
        assert {str(order): count for order, count in counts} == {order: 1 for _, _, order, _ in orders}, event
    purchased = scene.rows("SELECT count(*) FROM audit_entry WHERE event = 'order.product_purchased'")
    assert purchased == [(len(items),)]


def _check_microsoft(scene: Scene, *, before: set[str]) -> None:
    """Every account has its one Microsoft tenant, and Microsoft has none that belongs to no account."""
    accounts = scene.rows(
        "SELECT a.domain, a.state, a.microsoft_tenant_id::text, t.name, a.first_credentials <> '' "
        "FROM customers_cspaccount a JOIN accounts_tenant t ON t.id = a.customer_id "
        f"WHERE t.id <> '{scene.buyer_id}'"
    )
    state = scene.microsoft.server.emulator.state
    made = set(scene.microsoft.tenants()) - before
    for domain, account_state, tenant_id, name, has_credentials in accounts:
        wanted = scene.wanted[name]
        assert account_state == "linked", domain
        assert scene.microsoft.tenants_of(domain) == [tenant_id]
        if "microsoft_tenant_id" in wanted:
            assert tenant_id == wanted["microsoft_tenant_id"]
            continue
        made.remove(tenant_id)
        assert domain == f"{wanted['prefix']}.onmicrosoft.com"
        assert has_credentials, domain
        assert len(state.qualifications(tenant_id=tenant_id)) == (wanted["qualification"] != "commercial"), domain
        assert len(state.agreements(tenant_id=tenant_id)) == wanted["agreed"], domain
    assert made == set()
    assert scene.rows("SELECT id FROM customers_microsoftwrite WHERE state IN ('prepared', 'unknown')") == []
    assert scene.rows("SELECT id FROM customers_cspaccountstep WHERE state <> 'done'") == []


def _check_jobs(scene: Scene) -> None:
    """No job is stuck, and none has given up."""
    assert scene.rows("SELECT id, task_name FROM procrastinate_jobs WHERE status NOT IN ('succeeded', 'aborted')") == []
    # A stalled periodic job lets go where its double waits already; no other kind has doubles.
    assert scene.rows("SELECT id FROM procrastinate_jobs WHERE status = 'aborted' AND queueing_lock IS NULL") == []


def _check_mails(scene: Scene) -> None:
    """Every mail was taken by the mail server: once, or again with the same id.

    SMTP can't do better: a worker that dies between the server's yes and the note of it can't know that it was heard.
    The Message-ID tells the recipient's side that both are one, and it happens at most once for each blow.
    """
    kept = scene.rows("SELECT id::text, state, kind, recipient, sent_at FROM notifications_mail")
    assert {state for _, state, *_ in kept} == {"sent"}
    assert all(sent_at for *_, sent_at in kept)
    caused = scene.rows("SELECT id FROM audit_entry WHERE event IN ('user.invited', 'csp_account.consent_asked')")
    partner_owner = 1  # whose link `msphub partner create` prints instead of mailing it
    told_of_orders = scene.rows("SELECT id FROM audit_entry WHERE event IN ('order.placed', 'order.finished')")
    assert len(kept) == len(caused) - partner_owner + 2 * len(told_of_orders)  # to who ordered and to the contact
    received = collections.Counter(str(mail["Message-ID"]).strip("<>").partition("@")[0] for mail in scene.inbox.mails)
    assert set(received) == {mail_id for mail_id, *_ in kept}
    bodies = {(str(mail["Message-ID"]), mailbox.text_of(mail)) for mail in scene.inbox.mails}
    assert len(bodies) == len(received)
    assert received.total() - len(received) <= ROUNDS
