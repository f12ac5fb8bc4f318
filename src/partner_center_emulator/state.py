"""What the emulator remembers: one SQLite file (or memory), one connection, one lock."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import timedelta
from typing import Any

from partner_center_emulator.wellknown import Partner

type Address = dict[str, str]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS partners (tenant_id TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tenants (tenant_id TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS domains (name TEXT PRIMARY KEY, tenant_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS customers (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, partner_id TEXT NOT NULL, tenant_id TEXT NOT NULL,
    company_name TEXT NOT NULL, domain TEXT NOT NULL, reseller TEXT NOT NULL, document TEXT NOT NULL,
    UNIQUE (partner_id, tenant_id));
CREATE TABLE IF NOT EXISTS qualifications (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id TEXT NOT NULL, document TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS qualifications_of_tenant ON qualifications (tenant_id);
CREATE TABLE IF NOT EXISTS agreements (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, partner_id TEXT NOT NULL, tenant_id TEXT NOT NULL, document TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS agreements_of_tenant ON agreements (tenant_id);
CREATE TABLE IF NOT EXISTS validation_codes (
    partner_id TEXT NOT NULL, validation_id TEXT NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (partner_id, validation_id));
CREATE TABLE IF NOT EXISTS commerce (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, partner_id TEXT NOT NULL,
    tenant_id TEXT NOT NULL, document TEXT NOT NULL, UNIQUE (kind, id));
CREATE INDEX IF NOT EXISTS commerce_of_tenant ON commerce (kind, partner_id, tenant_id);
CREATE TABLE IF NOT EXISTS replays (
    partner_id TEXT NOT NULL, request_id TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    status INTEGER NOT NULL, headers TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (partner_id, request_id, method, path));
"""
_TABLES = (
    "meta",
    "partners",
    "tenants",
    "domains",
    "customers",
    "qualifications",
    "agreements",
    "validation_codes",
    "commerce",
)


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """A Microsoft Entra tenant, whoever sells to it."""

    tenant_id: str
    name: str
    country: str
    default_domain: str
    vanity_domain: str = ""
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    address: Address = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Customer:
    """A tenant as one partner's customer, with the profiles that partner keeps."""

    partner_id: str
    tenant_id: str
    commerce_id: str
    company_name: str
    domain: str
    billing_id: str
    email: str
    culture: str
    language: str
    billing_name: str
    address: Address
    etag: str
    created_at: str
    first_name: str = ""
    last_name: str = ""
    registration_number: str = ""
    reseller: str = ""
    has_dap: bool = False
    has_gdap: bool = False
    account_status: str = "Allowed"
    account_status_at: str = ""
    has_signed_directly: bool = False

    @property
    def shows_directory(self) -> bool:
        """Whether the partner may read the customer's directory: address, e-mail, domains."""
        return self.has_dap or self.has_gdap


@dataclass(frozen=True, kw_only=True)
class Qualification:
    """A customer segment and how far its vetting is."""

    seq: int = 0
    tenant_id: str
    name: str
    segment: str = ""
    website: str = ""
    status: str
    reason: str = ""
    created_at: str
    is_decided_by_hand: bool = False


@dataclass(frozen=True, kw_only=True)
class Replay:
    """The first answer to a write, given again to the same MS-RequestId."""

    status: int
    headers: dict[str, str]
    body: str


def _of[T](cls: type[T], document: str, **more: Any) -> T:
    known = {item.name for item in fields(cls)}  # type: ignore[arg-type]
    content = {key: value for key, value in json.loads(document).items() if key in known}
    return cls(**(content | more))


def _partner(document: str) -> Partner:
    content = json.loads(document)
    content["markets"] = tuple(content["markets"])
    content["indirect_resellers"] = tuple(tuple(item) for item in content["indirect_resellers"])
    return Partner(**content)


class State:
    """Every read and write of the emulator's memory; callers hold `changing()` around a write."""

    def __init__(self, *, path: str) -> None:
        self.lock = threading.RLock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.executescript(_SCHEMA)
        self._database.create_function("casefold", 1, str.casefold, deterministic=True)
        self._origin: sqlite3.Connection | None = None

    def close(self) -> None:
        """Closes the file."""
        with self.lock:
            self._database.close()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """One transaction: what happens inside is kept as a whole or not at all."""
        with self.lock:
            if self._database.in_transaction:
                yield
                return
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def clear(self) -> None:
        """Forgets everything."""
        for table in (*_TABLES, "replays"):
            self._database.execute(f"DELETE FROM {table}")  # noqa: S608 - the names are ours
        self._database.execute("DELETE FROM sqlite_sequence")

    def keep_as_origin(self) -> None:
        """Copies what is there now, for a quick way back."""
        with self.lock:
            self._origin = sqlite3.connect(":memory:", check_same_thread=False)
            self._database.backup(self._origin)

    def return_to_origin(self) -> bool:
        """Puts the copy back; False if this process made none."""
        with self.lock:
            if self._origin is None:
                return False
            self._origin.backup(self._database)
            return True

    def _rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self.lock:
            return self._database.execute(sql, values).fetchall()

    def _write(self, sql: str, *values: object) -> int:
        with self.lock:
            return self._database.execute(sql, values).lastrowid or 0

    # meta

    def setting(self, *, key: str) -> str | None:
        """A remembered setting."""
        rows = self._rows("SELECT value FROM meta WHERE key = ?", key)
        return rows[0][0] if rows else None

    def keep_setting(self, *, key: str, value: str) -> None:
        """Remembers a setting."""
        self._write("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)

    def clock_offset(self) -> timedelta:
        """How far the clock was moved."""
        return timedelta(seconds=float(self.setting(key="clock_offset") or 0))

    # partners

    def keep_partner(self, *, partner: Partner) -> None:
        """Adds or replaces a partner."""
        self._write("INSERT OR REPLACE INTO partners VALUES (?, ?)", partner.tenant_id, json.dumps(asdict(partner)))

    def partners(self) -> list[Partner]:
        """All partners."""
        return [_partner(row[0]) for row in self._rows("SELECT document FROM partners ORDER BY rowid")]

    def partner(self, *, tenant_id: str) -> Partner | None:
        """The partner with this tenant."""
        rows = self._rows("SELECT document FROM partners WHERE tenant_id = ?", tenant_id.lower())
        return _partner(rows[0][0]) if rows else None

    # tenants

    def keep_tenant(self, *, tenant: Tenant) -> None:
        """Adds a tenant and its domains."""
        self._write("INSERT OR REPLACE INTO tenants VALUES (?, ?)", tenant.tenant_id, json.dumps(asdict(tenant)))
        for domain in (tenant.default_domain, tenant.vanity_domain):
            if domain:
                self._write("INSERT OR REPLACE INTO domains VALUES (?, ?)", domain.lower(), tenant.tenant_id)

    def tenant(self, *, tenant_id: str) -> Tenant | None:
        """The tenant with this id."""
        rows = self._rows("SELECT document FROM tenants WHERE tenant_id = ?", tenant_id.lower())
        return _of(Tenant, rows[0][0]) if rows else None

    def tenants(self) -> list[Tenant]:
        """All tenants, partners' own included."""
        return [_of(Tenant, row[0]) for row in self._rows("SELECT document FROM tenants ORDER BY rowid")]

    def tenant_of_domain(self, *, domain: str) -> Tenant | None:
        """The tenant that owns a domain, default or vanity."""
        rows = self._rows("SELECT tenant_id FROM domains WHERE name = ?", domain.strip().lower())
        return self.tenant(tenant_id=rows[0][0]) if rows else None

    def forget_tenant(self, *, tenant_id: str) -> None:
        """Removes a tenant with its domains."""
        self._write("DELETE FROM domains WHERE tenant_id = ?", tenant_id)
        self._write("DELETE FROM tenants WHERE tenant_id = ?", tenant_id)

    # customers

    def keep_customer(self, *, customer: Customer) -> None:
        """Adds a customer, or replaces its document."""
        self._write(
            "INSERT INTO customers (partner_id, tenant_id, company_name, domain, reseller, document)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (partner_id, tenant_id) DO UPDATE SET"
            " company_name = excluded.company_name, reseller = excluded.reseller, document = excluded.document",
            customer.partner_id,
            customer.tenant_id,
            customer.company_name,
            customer.domain,
            customer.reseller,
            json.dumps(asdict(customer)),
        )

    def customer(self, *, partner_id: str, tenant_id: str) -> Customer | None:
        """A partner's customer."""
        rows = self._rows(
            "SELECT document FROM customers WHERE partner_id = ? AND tenant_id = ?", partner_id, tenant_id.lower()
        )
        return _of(Customer, rows[0][0]) if rows else None

    def customers(self, *, partner_id: str) -> list[tuple[int, Customer]]:
        """A partner's customers with their place in the order of joining."""
        rows = self._rows("SELECT seq, document FROM customers WHERE partner_id = ? ORDER BY seq", partner_id)
        return [(row[0], _of(Customer, row[1])) for row in rows]

    def customer_page(
        self, *, partner_id: str, after: int, limit: int, field_name: str = "", prefix: str = ""
    ) -> list[tuple[int, Customer]]:
        """Up to `limit` customers that joined after place `after`, of those whose field starts with the prefix."""
        sql = "SELECT seq, document FROM customers WHERE partner_id = ? AND seq > ?"
        values: list[object] = [partner_id, after]
        if field_name in {"company_name", "domain", "reseller"}:
            sql += f" AND substr(casefold({field_name}), 1, ?) = ?"
            values += [len(prefix.casefold()), prefix.casefold()]
        rows = self._rows(sql + " ORDER BY seq LIMIT ?", *values, limit)
        return [(row[0], _of(Customer, row[1])) for row in rows]

    def forget_customer(self, *, customer: Customer) -> None:
        """Ends the relationship; the tenant stays."""
        self._write(
            "DELETE FROM customers WHERE partner_id = ? AND tenant_id = ?", customer.partner_id, customer.tenant_id
        )

    # qualifications, agreements, validation codes

    def qualifications(self, *, tenant_id: str) -> list[Qualification]:
        """A tenant's qualifications in order of asking."""
        rows = self._rows("SELECT seq, document FROM qualifications WHERE tenant_id = ? ORDER BY seq", tenant_id)
        return [_of(Qualification, row[1], seq=row[0]) for row in rows]

    def keep_qualification(self, *, qualification: Qualification) -> Qualification:
        """Adds a qualification (seq 0) or replaces one."""
        document = json.dumps(asdict(qualification))
        if qualification.seq:
            self._write("UPDATE qualifications SET document = ? WHERE seq = ?", document, qualification.seq)
            return qualification
        seq = self._write(
            "INSERT INTO qualifications (tenant_id, document) VALUES (?, ?)", qualification.tenant_id, document
        )
        return replace(qualification, seq=seq)

    def forget_qualification(self, *, seq: int) -> None:
        """Removes a qualification."""
        self._write("DELETE FROM qualifications WHERE seq = ?", seq)

    def agreements(self, *, tenant_id: str) -> list[dict[str, Any]]:
        """The agreements confirmed for a tenant, in order."""
        rows = self._rows("SELECT document FROM agreements WHERE tenant_id = ? ORDER BY seq", tenant_id)
        return [json.loads(row[0]) for row in rows]

    def keep_agreement(self, *, partner_id: str, tenant_id: str, document: dict[str, Any]) -> None:
        """Adds a confirmation; they are never changed."""
        self._write(
            "INSERT INTO agreements (partner_id, tenant_id, document) VALUES (?, ?, ?)",
            partner_id,
            tenant_id,
            json.dumps(document),
        )

    def validation_codes(self, *, partner_id: str) -> list[dict[str, Any]]:
        """A partner's GCC validation codes."""
        rows = self._rows("SELECT document FROM validation_codes WHERE partner_id = ? ORDER BY rowid", partner_id)
        return [json.loads(row[0]) for row in rows]

    def keep_validation_code(self, *, document: dict[str, Any]) -> None:
        """Adds or replaces a validation code."""
        self._write(
            "INSERT INTO validation_codes VALUES (?, ?, ?)"
            " ON CONFLICT (partner_id, validation_id) DO UPDATE SET document = excluded.document",
            document["partnerId"],
            document["validationId"],
            json.dumps(document),
        )

    # carts, orders, subscriptions

    def keep_commerce(
        self, *, kind: str, item_id: str, partner_id: str, tenant_id: str, document: dict[str, Any]
    ) -> None:
        """Adds or replaces a cart, an order or a subscription."""
        self._write(
            "INSERT INTO commerce (kind, id, partner_id, tenant_id, document) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (kind, id) DO UPDATE SET document = excluded.document",
            kind,
            item_id.lower(),
            partner_id,
            tenant_id,
            json.dumps(document),
        )

    def commerce(self, *, kind: str, item_id: str, partner_id: str, tenant_id: str) -> dict[str, Any] | None:
        """One of them, if it is this customer's with this partner."""
        rows = self._rows(
            "SELECT document FROM commerce WHERE kind = ? AND id = ? AND partner_id = ? AND tenant_id = ?",
            kind,
            item_id.lower(),
            partner_id,
            tenant_id,
        )
        return json.loads(rows[0][0]) if rows else None

    def all_commerce(self, *, kind: str, partner_id: str, tenant_id: str) -> list[dict[str, Any]]:
        """All of a customer with a partner, oldest first."""
        rows = self._rows(
            "SELECT document FROM commerce WHERE kind = ? AND partner_id = ? AND tenant_id = ? ORDER BY seq",
            kind,
            partner_id,
            tenant_id,
        )
        return [json.loads(row[0]) for row in rows]

    def units_of_tenant(self, *, tenant_id: str) -> list[dict[str, Any]]:
        """Every subscription of a tenant, whoever sold it: seat limits are the tenant's."""
        rows = self._rows("SELECT document FROM commerce WHERE kind = 'subscription' AND tenant_id = ?", tenant_id)
        return [json.loads(row[0]) for row in rows]

    # replays

    def replay(self, *, partner_id: str, request_id: str, method: str, path: str) -> Replay | None:
        """The first answer to this write, if there was one."""
        rows = self._rows(
            "SELECT status, headers, body FROM replays"
            " WHERE partner_id = ? AND request_id = ? AND method = ? AND path = ?",
            partner_id,
            request_id.lower(),
            method,
            path.lower(),
        )
        return Replay(status=rows[0][0], headers=json.loads(rows[0][1]), body=rows[0][2]) if rows else None

    def keep_replay(self, *, partner_id: str, request_id: str, method: str, path: str, replay: Replay) -> None:
        """Remembers the first answer to a write."""
        self._write(
            "INSERT OR IGNORE INTO replays VALUES (?, ?, ?, ?, ?, ?, ?)",
            partner_id,
            request_id.lower(),
            method,
            path.lower(),
            replay.status,
            json.dumps(replay.headers),
            replay.body,
        )
