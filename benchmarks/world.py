"""The database of a measurement: an embedded PostgreSQL of its own, migrated, with one large partner and many small."""

import hashlib
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
from cryptography.fernet import Fernet

from msphub.config import embedded, processes

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "var" / "bench"
PARTNER = "Bench Partner"
SMALL_PARTNERS = 20
CUSTOMERS_OF_SMALL = 50


@dataclass(frozen=True, kw_only=True)
class World:
    """A started database with its customers."""

    postgres: embedded.EmbeddedPostgres
    customers: int
    seed_seconds: float

    @property
    def superuser_url(self) -> str:
        """Who row-level security does not hold: the limit is measured as this role."""
        return self.postgres.url(role=embedded.SUPERUSER)


def environment(postgres: embedded.EmbeddedPostgres) -> dict[str, str]:
    """Return the environment of a production-like process on this database, made up once a process."""
    return {
        "MSPHUB_MODE": "production",
        "MSPHUB_SECRET_KEY": _SECRET,
        "MSPHUB_ENCRYPTION_KEYS": _KEY,
        "MSPHUB_BASE_URL": "http://localhost:8000",
        "MSPHUB_STATIC_DIR": str(HOME / "static"),
        "DATABASE_URL": postgres.app_url,
        "DATABASE_OWNER_URL": postgres.owner_url,
        "DJANGO_SETTINGS_MODULE": "msphub.config.settings",
    }


_SECRET = secrets.token_urlsafe(60)
_KEY = Fernet.generate_key().decode()


@contextmanager
def world(*, customers: int) -> Iterator[World]:
    """Start the database with this many customers; it is made when the schema has changed since the last time."""
    home = HOME / str(customers)
    stamp, seconds = home / "stamp", home / "seconds"
    postgres = embedded.EmbeddedPostgres(home)
    postgres.end_leftover()
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != _stamp():
        postgres.destroy()
        shutil.rmtree(home, ignore_errors=True)
        postgres = embedded.EmbeddedPostgres(home)
        with postgres:
            seconds.write_text(str(_fill(postgres, customers=customers)), encoding="utf-8")
        stamp.write_text(_stamp(), encoding="utf-8")
    with postgres:
        yield World(
            postgres=postgres, customers=customers, seed_seconds=float(seconds.read_text(encoding="utf-8") or 0)
        )


def _stamp() -> str:
    """Return a digest of the migrations and policies: what decides how the tables are."""
    package = ROOT / "src" / "msphub"
    files = [*sorted(package.glob("*/migrations/*.py")), package / "kit" / "tenancy.py"]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def msphub(postgres: embedded.EmbeddedPostgres, *arguments: str) -> None:
    """Run an `msphub` command on this database."""
    subprocess.run(
        [sys.executable, "-m", "msphub.config.cli", *arguments],
        env={**os.environ, **environment(postgres), "MSPHUB_LOG_LEVEL": "WARNING"},
        check=True,
        cwd=ROOT,
    )


def _fill(postgres: embedded.EmbeddedPostgres, *, customers: int) -> float:
    msphub(postgres, "migrate")
    subprocess.run(
        [sys.executable, "-m", "benchmarks.world"],
        env={**os.environ, **environment(postgres), "MSPHUB_LOG_LEVEL": "WARNING"},
        check=True,
        cwd=ROOT,
    )
    started = time.perf_counter()
    msphub(postgres, "seed", "--partner", PARTNER, "--customers", str(customers), "--yes")
    seconds = time.perf_counter() - started
    with psycopg.connect(postgres.url(role=embedded.SUPERUSER), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return seconds


def set_up_partners() -> None:
    """Create the partners with their terms, and the small ones' customers. Django must be set up."""
    from msphub.accounts import actions as accounts  # noqa: PLC0415 - after django.setup()
    from msphub.customers import credit_terms, customer_types, defaults, mass_seeding  # noqa: PLC0415
    from msphub.customers.choices import CreditHold, OnReach  # noqa: PLC0415
    from msphub.kit import clock  # noqa: PLC0415
    from msphub.kit.actor import system_actor  # noqa: PLC0415

    at = clock.now()

    def partner(name: str, email: str) -> Any:
        made, _owner, _link = accounts.create_partner(
            name=name,
            owner_email=email,
            owner_first_name="Olivia",
            owner_last_name="Hart",
            country="US",
            currency="USD",
            time_zone="UTC",
            at=at,
        )
        return system_actor(partner_id=made.id)

    for number in range(SMALL_PARTNERS):
        by = partner(f"Small {number}", f"owner@small{number}.example")
        defaults.create_default_terms(by=by, country="US", currency="USD", at=at)
        mass_seeding.seed_customers(by=by, count=CUSTOMERS_OF_SMALL, at=at)
    by = partner(PARTNER, "owner@bench.example")
    for name in ("Business", "Enterprise", "Public sector"):
        terms = {
            country: credit_terms.create_credit_term(
                by=by,
                name=f"{name} {country}",
                country=country,
                currency="USD",
                credit_limit=Decimal(10000),
                due_days=30,
                on_reach=OnReach.NO_ACTION,
                credit_hold=CreditHold.MANUAL,
                at=at,
            )
            for country in ("US", "CA", "GB", "DE", "FR", "NL", "IE", "AT", "AU")
        }
        customer_types.create_customer_type(
            by=by,
            name=name,
            countries=[
                customer_types.CountryTerms(country=country, credit_term_id=term.id) for country, term in terms.items()
            ],
            at=at,
        )


@contextmanager
def served(postgres: embedded.EmbeddedPostgres, *, workers: int = 2) -> Iterator[int]:
    """Serve the portal by granian as `msphub serve` does, and give its port."""
    port = processes.free_port()
    log = (HOME / "web.log").open("wb")
    server = subprocess.Popen(
        [sys.executable, "-m", "msphub.config.cli", "serve", "--port", str(port), "--workers", str(workers)],
        env={**os.environ, **environment(postgres)},
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=ROOT,
    )
    try:
        for _try in range(600):
            if not processes.is_port_free(port):
                break
            time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(timeout=30)
        log.close()


if __name__ == "__main__":
    import django

    django.setup()
    set_up_partners()
