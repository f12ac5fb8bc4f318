"""Measures catalogue, marketplace, orders and the Products tab: `python -m benchmarks.commerce`."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg

from benchmarks import world
from msphub.config import embedded, processes

HOME = world.HOME / "commerce"
PRICE_ROWS = 50_000
SKUS = 50_000
ORDERS = 120
HELD = 10_000
TURNS = 60


@contextmanager
def emulator(*, customers: int) -> Iterator[str]:
    """Run the emulator in a process of its own, with a Microsoft tenant for each customer, and give its address."""
    HOME.mkdir(parents=True, exist_ok=True)
    seed = HOME / "emulator.json"
    tenants = [
        {
            "name": f"Bench {number}",
            "country": "US",
            "default_domain": f"bench{number}.onmicrosoft.com",
            "customer_of": ["10000000-0000-4000-8000-000000000001"],
        }
        for number in range(customers)
    ]
    seed.write_text(json.dumps({"tenants": tenants}), encoding="utf-8")
    port = processes.free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "partner_center_emulator", "--port", str(port), "--seed-file", str(seed)],
        stdout=subprocess.DEVNULL,
        cwd=world.ROOT,
    )
    try:
        while processes.is_port_free(port):
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def measure(*, rows: int, skus: int, orders: int, held: int, turns: int) -> dict[str, Any]:
    """Measure everything on a fresh database."""
    shutil.rmtree(HOME, ignore_errors=True)
    postgres = embedded.EmbeddedPostgres(HOME / "data")
    with postgres, emulator(customers=orders) as url:
        here = world.World(postgres=postgres, customers=orders, seed_seconds=0)
        os.environ.update(
            world.environment(postgres), MSPHUB_LOG_LEVEL="WARNING", MSPHUB_MICROSOFT_HOSTS=url.removeprefix("http://")
        )
        world.msphub(postgres, "migrate")
        from benchmarks import selling  # noqa: PLC0415 - after the environment is set

        try:
            with (
                httpx.Client(base_url=url, timeout=60) as control,
                psycopg.connect(here.superuser_url, autocommit=True, prepare_threshold=1) as bare,
            ):
                shop = selling.open_shop(url=url)
                return {
                    "load": os.getloadavg(),
                    "sync": selling.measure_sync(shop, control=control, bare=bare, rows=rows),
                    "skus": selling.enlarge(shop, control=control, bare=bare, skus=skus),
                    "market": selling.measure_market(shop, bare=bare, turns=turns),
                    "held": selling.measure_held(shop, bare=bare, rows=held, turns=turns),
                    "orders": selling.measure_orders(shop, here=here, control=control, bare=bare, orders=orders),
                }
        finally:
            selling.close()


def report(found: dict[str, Any]) -> str:
    """Return the results as Markdown."""
    sync, orders = found["sync"], found["orders"]
    lines = [
        "# Results: catalogue, marketplace, orders",
        "",
        (
            f"{datetime.now(tz=UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load "
            f"{', '.join(f'{one:.1f}' for one in found['load'])} (1, 5, 15 minutes) at the start; emulator, workers "
            "and PostgreSQL on the same cores. *ratio*: our median to the bare statement's of the same run (prepared, "
            "superuser, no row-level security)."
        ),
        "",
        "## A market's price sheets",
        "",
        (
            f"{sync['prices']:,} prices of {sync['products']:,} products and {sync['skus']:,} SKUs, read from the "
            "emulator over HTTP. Bare: binary COPY of the same rows of all four tables, with their indexes, without "
            f"foreign keys and row-level security: {sync['bare_seconds']:.2f} s."
        ),
        "",
        "| run | seconds | price rows/s | ratio to bare COPY |",
        "|---|--:|--:|--:|",
    ]
    lines += [
        f"| {one['name']} | {one['seconds']:.1f} | {sync['prices'] / one['seconds']:,.0f} | "
        f"{one['seconds'] / sync['bare_seconds']:.1f} |"
        for one in sync["runs"]
    ]
    for title, lists in (
        (f"Marketplace at {found['skus']:,} SKUs", found["market"]),
        (f"Products tab of a customer with {found['held']['rows']:,} products", found["held"]["lists"]),
    ):
        lines += [
            "",
            f"## {title}",
            "",
            "| list | statements a page | query median ms | p95 | bare median | ratio | page median | p95 |",
            "|---|--:|--:|--:|--:|--:|--:|--:|",
        ]
        for one in lists:
            bare = f"{one['bare'][0]:.2f} | {one['ours'][0] / one['bare'][0]:.1f}" if one.get("bare") else "| "
            ours = f"{one['ours'][0]:.2f} | {one['ours'][1]:.2f}" if one.get("ours") else "| "
            page = f"{one['page'][0]:.1f} | {one['page'][1]:.1f}"
            lines.append(f"| {one['name']} | {one['statements']} | {ours} | {bare} | {page} |")
    lines += [
        "",
        "## Orders, end to end",
        "",
        (
            f"An order holds two Microsoft products and one of ours; each is a customer of its own. Placing one takes "
            f"{orders['place_statements']} statements and {orders['place_ms'][0]:.0f} ms (p95 "
            f"{orders['place_ms'][1]:.0f}). A worker runs 4 jobs side by side; Microsoft is asked "
            f"{orders['requests']:.1f} times an order. CPU is milliseconds an order. Bare: the rows of one order "
            f"inserted into tables with the same indexes in one transaction: {orders['bare_per_second']:,.0f} orders/s."
        ),
        "",
        "| workers | orders/s | bare to ours | CPU workers | CPU PostgreSQL | CPU emulator |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {one['workers']} | {one['per_second']:.1f} | {orders['bare_per_second'] / one['per_second']:.0f} | "
        f"{one['cpu']['workers']:.0f} | {one['cpu']['postgres']:.0f} | {one['cpu']['emulator']:.0f} |"
        for one in orders["runs"]
    ]
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure and write commerce.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=PRICE_ROWS, help="price rows of the market")
    parser.add_argument("--skus", type=int, default=SKUS, help="SKUs of the marketplace")
    parser.add_argument("--orders", type=int, default=ORDERS, help="orders of each run")
    parser.add_argument("--held", type=int, default=HELD, help="products on the tab")
    parser.add_argument("--turns", type=int, default=TURNS, help="of each list")
    arguments = parser.parse_args()
    found = measure(**vars(arguments))
    text = report(found)
    Path(__file__).with_name("commerce.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
