"""Measures the customers grid, creation and the seed at several sizes: `python -m benchmarks.customers`."""

import argparse
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import load, world

SIZES = (1_000, 100_000, 1_000_000)
TURNS = 60
SECONDS = 8.0
KEYS = {
    "name": "sort_name",
    "customer_type": "type_sort",
    "country": "country_sort",
    "contact": "contact_sort",
    "sales": "sales_sort",
    "microsoft": "microsoft_state",
    "status": "status",
    "created": "created_at",
}


def cases(*, ids: dict[str, str]) -> list[tuple[str, dict[str, Any]]]:
    """Return every list that is measured: its name, and sort, filters and search as the page's address has them."""
    listed: list[tuple[str, dict[str, Any]]] = [("first page", {})]
    for key in KEYS:
        listed += [(f"sort {key}", {"sort": key}), (f"sort {key}, other end", {"sort": f"-{key}"})]
    listed += [
        ("deep page", {"deep": True}),
        ("deep page by created", {"sort": "created", "deep": True}),
        ("search 1 % word", {"q": "cedar"}),
        ("search 1 % word by contact", {"q": "cedar", "sort": "contact"}),
        ("search rare word", {"q": "rare"}),
        ("search two words", {"q": "cedar roofing"}),
        ("search one letter", {"q": "a"}),
        ("search two letters, rare", {"q": "zz"}),
        ("filter status", {"status": ["suspended"]}),
        ("filter two statuses", {"status": ["suspended", "disabled"]}),
        ("filter country", {"country": ["AT"]}),
        ("filter type", {"type": [ids["type"]]}),
        ("filter subscription", {"subscription": [ids["subscription"]]}),
        ("filter status by contact", {"status": ["disabled"], "sort": "contact"}),
        ("filter country by created, newest", {"country": ["AT"], "sort": "-created"}),
        ("filter 2 countries and status", {"country": ["AT", "DE"], "status": ["disabled"]}),
        ("filter none fits", {"country": ["BR"], "sort": "contact"}),
        ("1 % word and status", {"q": "cedar", "status": ["disabled"]}),
    ]
    return listed


def bare_statement(case: dict[str, Any], *, partner: uuid.UUID, after: Any) -> tuple[str, dict[str, Any]]:
    """Return the shortest statement that gives the same rows, for a role that row-level security does not hold."""
    sort = case.get("sort", "name")
    key, direction = KEYS[sort.removeprefix("-")], "DESC" if sort.startswith("-") else "ASC"
    where, values = ["c.partner_id = %(partner)s", "NOT c.archived"], {"partner": partner}
    for column, name in (
        ("status", "status"),
        ("country", "country"),
        ("customer_type_id", "type"),
        ("partner_subscription_id", "subscription"),
    ):
        if name in case:
            one = len(case[name]) == 1
            where.append(f"c.{column} = %({name})s" if one else f"c.{column} = ANY(%({name})s)")
            values[name] = case[name][0] if one else case[name]
    if after is not None:
        where.append(f"(c.{key}, c.id) > (%(key)s, %(id)s)")
        values |= {"key": after[0], "id": after[1]}
    if "q" in case:
        values["q"] = " & ".join(f"'{word}':*" for word in case["q"].split())
        where.append("c.search @@ to_tsquery('simple', %(q)s)")
    columns = "c.id, t.name, c.country, c.status, c.created_at, k.name, c.contact_name, c.sales_name, c.microsoft_state"
    joins = "JOIN accounts_tenant t ON t.id = c.id JOIN customers_customertype k ON k.id = c.customer_type_id"
    order = f"ORDER BY c.{key} {direction}, c.id {direction}"
    return (
        (
            f"SELECT {columns} FROM (SELECT * FROM customers_customer c WHERE {' AND '.join(where)} {order} "  # noqa: S608
            f"LIMIT 26) c {joins} {order}"
        ),
        values,
    )


def timed(function: Callable[[], Any]) -> float:
    """Return the seconds a call takes."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def bare_load(url: str, statement: str, values: dict[str, Any], *, clients: int, seconds: float) -> float:
    """Return how many times a second processes of their own get a statement answered."""
    with ProcessPoolExecutor(max_workers=clients, mp_context=get_context("spawn")) as pool:
        list(pool.map(_ask, [(url, statement, values, 0.2)] * clients))
        return sum(pool.map(_ask, [(url, statement, values, seconds)] * clients))


def _ask(task: tuple[str, str, dict[str, Any], float]) -> float:
    url, statement, values, seconds = task
    with psycopg.connect(url, autocommit=True, prepare_threshold=1) as link:
        turns, started = 0, time.perf_counter()
        while time.perf_counter() - started < seconds:
            link.execute(statement, values).fetchall()
            turns += 1
        return turns / (time.perf_counter() - started)


def measure(*, customers: int, seconds: float, turns: int) -> dict[str, Any]:
    """Measure one size in this process and by HTTP."""
    loop = min(timed(lambda: sum(range(1_000_000))) for _turn in range(5)) * 1000
    with world.world(customers=customers) as here:
        os.environ.update(world.environment(here.postgres), MSPHUB_LOG_LEVEL="WARNING")
        from benchmarks import inside  # noqa: PLC0415 - after the environment is set

        session = inside.sign_in()
        partner = session.partner_id
        with psycopg.connect(here.superuser_url, autocommit=True, prepare_threshold=1) as bare:
            found = {
                "type": inside.first_id("customers_customertype", bare, partner, "name = 'Enterprise'"),
                "subscription": inside.first_id("accounts_subscription", bare, partner, "customer_id IS NULL"),
            }
            rare = bare.execute(
                "SELECT split_part(search_text, ' example', 1) FROM customers_customer "
                "WHERE partner_id = %s ORDER BY md5(id::text) LIMIT 1",
                [partner],
            ).fetchone()
            lists = []
            for name, case in cases(ids=found):
                if case.get("q") == "rare" and rare:
                    case["q"] = rare[0].rsplit(" ", 1)[1]
                lists.append(_measure_list(name, case, bare=bare, inside=inside, session=session, turns=turns))
            pages = _measure_pages(here, session=session, seconds=seconds)
            statement, values = bare_statement({}, partner=partner, after=None)
            pages += [
                {"name": "bare statement of the grid", "clients": clients, "per_second": per_second}
                for clients in (1, 8)
                for per_second in [bare_load(here.superuser_url, statement, values, clients=clients, seconds=seconds)]
            ]
            creation = inside.measure_creation(here, bare_url=here.superuser_url, seconds=seconds)
            seed = inside.measure_seed(here.superuser_url, partner)
        return {
            "customers": customers,
            "load": os.getloadavg(),
            "loop_ms": loop,
            "lists": lists,
            "pages": pages,
            "creation": creation,
            "seed": {"seconds": here.seed_seconds, "bare_copy_seconds_of_10000": seed},
        }


def _measure_list(
    name: str, case: dict[str, Any], *, bare: psycopg.Connection[Any], inside: Any, session: Any, turns: int
) -> dict[str, Any]:
    after = inside.deep_cursor(bare, session.partner_id, KEYS[case.get("sort", "name")]) if case.get("deep") else None
    statement, values = bare_statement(case, partner=session.partner_id, after=after)
    ours, limit, page = [], [], []
    url = inside.address(case, after)
    run = inside.list_query(session, case, after)
    for turn in range(turns + 3):
        for samples, function in (
            (limit, lambda: bare.execute(statement, values).fetchall()),
            (ours, run),
            (page, lambda: session.get(url)),
        ):
            took = timed(function)
            if turn >= 3:  # warm
                samples.append(took)
    timings = {what: load.timing(samples) for what, samples in (("ours", ours), ("bare", limit), ("page", page))}
    return {
        "name": name,
        "statements": inside.statements(session, url),
        **{f"{what}_median_ms": pair[0] for what, pair in timings.items()},
        **{f"{what}_p95_ms": pair[1] for what, pair in timings.items()},
    }


def _measure_pages(here: world.World, *, session: Any, seconds: float) -> list[dict[str, Any]]:
    measured = []
    with world.served(here.postgres) as port:
        cookies = [session.new_cookie() for _client in range(8)]
        for name, path in (
            ("grid", "/customers/"),
            ("search 1 % word", "/customers/?q=cedar"),
            ("search two words", "/customers/?q=cedar+roofing"),
            ("details", f"/customers/{session.a_customer()}/profile/"),
        ):
            requests = [load.get(path, cookie=cookie) for cookie in cookies]
            load.run(port=port, clients=8, seconds=1, request=lambda who, _turn, r=requests: r[who])  # type: ignore[misc]
            for clients in (1, 8):
                got = load.run(
                    port=port,
                    clients=clients,
                    seconds=seconds,
                    request=lambda who, _turn, r=requests: r[who],  # type: ignore[misc]
                )
                measured.append({"name": name, "clients": clients, **vars_of(got)})
    return measured


def vars_of(got: load.Load) -> dict[str, float]:
    """Return a load's numbers."""
    return {"per_second": got.per_second, "median_ms": got.median_ms, "p95_ms": got.p95_ms}


def report(results: list[dict[str, Any]]) -> str:
    """Return the results as Markdown."""
    lines = [
        "# Results",
        "",
        (
            f"{datetime.now(tz=UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
            "driver, web server and PostgreSQL on the same cores. Milliseconds unless said otherwise. *ratio*: our "
            "median to the bare statement's of the same run (prepared, superuser, no row-level security, no count)."
        ),
        "",
    ]
    smallest = results[0]
    for result in results:
        lines += [
            f"## {result['customers']:,} customers",
            "",
            (
                f"Load of the machine {', '.join(f'{one:.1f}' for one in result['load'])} (1, 5, 15 minutes); "
                f"`sum(range(1_000_000))` {result['loop_ms']:.0f} ms."
            ),
            "",
            (
                "| list | statements a page | query median | p95 | bare median | ratio | page median | p95 | p95 to "
                f"{smallest['customers']:,} |"
            ),
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
        ]
        for one, small in zip(result["lists"], smallest["lists"], strict=True):
            lines.append(
                f"| {one['name']} | {one['statements']} | {one['ours_median_ms']:.2f} | {one['ours_p95_ms']:.2f} | "
                f"{one['bare_median_ms']:.2f} | {one['ours_median_ms'] / one['bare_median_ms']:.1f} | "
                f"{one['page_median_ms']:.1f} | {one['page_p95_ms']:.1f} | "
                f"{one['page_p95_ms'] / small['page_p95_ms']:.2f} |"
            )
        lines += ["", "| page by HTTP | clients | pages/s | median | p95 |", "|---|--:|--:|--:|--:|"]
        lines += [
            f"| {one['name']} | {one['clients']} | {one['per_second']:.0f} | {one.get('median_ms', 0):.1f} | "
            f"{one.get('p95_ms', 0):.1f} |"
            for one in result["pages"]
        ]
        lines += ["", "| creation | clients | customers/s | median | p95 |", "|---|--:|--:|--:|--:|"]
        lines += [
            f"| {one['name']} | {one['clients']} | {one['per_second']:.0f} | {one['median_ms']:.1f} | "
            f"{one['p95_ms']:.1f} |"
            for one in result["creation"]["runs"]
        ]
        seed = result["seed"]
        lines += [
            "",
            (
                f"One creation takes {result['creation']['statements']} statements in one transaction "
                f"({result['creation']['request_statements']} in the whole request). Seed: {result['customers']:,} in "
                f"{seed['seconds']:.0f} s; bare COPY of the same rows with the same indexes, no foreign keys: "
                f"{10_000 / seed['bare_copy_seconds_of_10000']:.0f} customers/s."
            ),
            "",
        ]
    return "\n".join(lines)


def main() -> None:
    """Measure each size in a process of its own and write results.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, nargs="*", default=SIZES)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each load by HTTP")
    parser.add_argument("--turns", type=int, default=TURNS, help="of each query")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        (size,) = arguments.customers
        found = measure(customers=size, seconds=arguments.seconds, turns=arguments.turns)
        (world.HOME / f"{size}.json").write_text(json.dumps(found), encoding="utf-8")
        return
    for size in arguments.customers:
        command = [sys.executable, "-m", "benchmarks.customers", "--one", "--customers", str(size)]
        options = ["--seconds", str(arguments.seconds), "--turns", str(arguments.turns)]
        subprocess.run([*command, *options], check=True, cwd=world.ROOT)
    results = [json.loads((world.HOME / f"{size}.json").read_text(encoding="utf-8")) for size in arguments.customers]
    text = report(results)
    Path(__file__).with_name("results.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
