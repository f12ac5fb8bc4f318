"""`msphub calc`: the arithmetic of terms and charges by hand, without a database or an environment."""

import datetime
import json
import re
from decimal import Decimal
from itertools import islice
from typing import Any

import click

from msphub.catalog.choices import Plan, Term
from msphub.entitlements import cycles

_PRICE = re.compile(r"[+-]?\d{1,15}(\.\d{1,18})?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TERMS = [term.value for term in Term if term != Term.NONE]
_PLANS = [plan.value for plan in Plan if plan != Plan.NONE]
_SHOWN_PLACES = 18
_FEWEST_PLACES = 6


class _Date(click.ParamType[datetime.date]):
    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime.date:
        try:
            return datetime.date.fromisoformat(value if _DAY.fullmatch(value) else "")
        except ValueError:
            self.fail(f"{value!r} is not a date like 2021-01-30.", param, ctx)


class _Price(click.ParamType[Decimal]):
    name = "decimal"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        if not _PRICE.fullmatch(value):
            self.fail(f"{value!r} is not an amount like 10.08.", param, ctx)
        return Decimal(value)


class _OneLineErrors(click.Group):
    """Commands whose bad input is told in one line, with exit code 2; click would print the usage too."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            told = " ".join(error.format_message().split())
        except (ValueError, OverflowError) as error:
            told = str(error)
        click.echo(f"Error: {told}", err=True)
        return ctx.exit(2)


@click.group(cls=_OneLineErrors)
def calc() -> None:
    """Compute charge cycles and pro rata as MSP Hub bills them, as JSON."""


@calc.command("cycles")
@click.option("--start", "starts_on", required=True, type=_Date(), help="Day of purchase.")
@click.option(
    "--term", required=True, type=click.Choice([t.value for t in Term if t.value]), help="Length of the term."
)
@click.option("--plan", required=True, type=click.Choice(_PLANS), help="How it is charged.")
@click.option("--count", default=12, show_default=True, type=click.IntRange(1, 10_000), help="How many cycles.")
def print_cycles(*, starts_on: datetime.date, term: str, plan: str, count: int) -> None:
    """Print the charge cycles from a purchase on, through its renewals; the end is the last day of each."""
    found = islice(cycles.cycles(starts_on=starts_on, term=Term(term), plan=Plan(plan)), count)
    rows = [{"starts_on": cycle.starts_on.isoformat(), "ends_on": cycle.last_on.isoformat()} for cycle in found]
    click.echo(json.dumps(rows))


@calc.command("charge")
@click.option("--unit-price", required=True, type=_Price(), help="Price of one unit for a whole cycle.")
@click.option("--cycle-days", required=True, type=click.IntRange(1, 1_100), help="Days that a whole cycle counts.")
@click.option("--billing-days", required=True, type=click.IntRange(1, 1_100), help="Days that are billed.")
@click.option("--quantity", required=True, type=click.IntRange(1, 999_999_999), help="How many units.")
@click.option(
    "--rounding",
    default="truncate",
    show_default=True,
    type=click.Choice(["truncate", "half-up"]),
    help="Of the line: Microsoft truncates what it charges, MSP Hub rounds half up what it charges customers.",
)
def print_charge(*, unit_price: Decimal, cycle_days: int, billing_days: int, quantity: int, rounding: str) -> None:
    """Print the price of one unit for the days billed and the line's amount.

    Microsoft's line by default, as on its invoice and in its worked examples; --rounding half-up gives the customer's.
    """
    line = cycles.charge if rounding == "half-up" else cycles.microsoft_charge
    found = line(unit_price=unit_price, cycle_days=cycle_days, billing_days=billing_days, quantity=quantity)
    shown = {"effective_unit_price": _shown(found.effective_unit_price), "amount": f"{found.amount:f}"}
    click.echo(json.dumps(shown))


def _shown(price: Decimal) -> str:
    """Write a unit price with at least 6 and at most 18 decimals."""
    whole, _, places = f"{price:.{_SHOWN_PLACES}f}".partition(".")
    return f"{whole}.{places.rstrip('0').ljust(_FEWEST_PLACES, '0')}"
