"""Terms, charge cycles and pro rata against Microsoft's worked examples, and what must hold for any purchase."""

import csv
import datetime
import itertools
from datetime import date
from decimal import ROUND_DOWN, Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msphub.catalog.choices import Plan, Term
from msphub.entitlements import cycles

DATA = Path(__file__).parents[3] / "shared" / "partner-center" / "data"
DAY = datetime.timedelta(days=1)
MONTHS = {Term.MONTH: 1, Term.YEAR: 12, Term.THREE_YEARS: 36}
CHARGED = [
    (Term.MONTH, Plan.MONTHLY, 1),
    (Term.YEAR, Plan.MONTHLY, 12),
    (Term.YEAR, Plan.ANNUAL, 1),
    (Term.YEAR, Plan.ONE_TIME, 1),
    (Term.THREE_YEARS, Plan.MONTHLY, 36),
    (Term.THREE_YEARS, Plan.ANNUAL, 3),
    (Term.THREE_YEARS, Plan.TRIENNIAL, 1),
]
purchases = st.tuples(st.dates(date(2000, 1, 1), date(2100, 12, 31)), st.sampled_from(CHARGED))
month_ends = st.dates(date(2000, 1, 1), date(2100, 12, 31)).map(
    lambda day: (day.replace(day=28) + 4 * DAY).replace(day=1) - DAY
)


def taken(count: int, starts_on: date, term: str, plan: str) -> list[cycles.Period]:
    return list(itertools.islice(cycles.cycles(starts_on=starts_on, term=term, plan=plan), count))


def start_days(count: int, starts_on: date, term: Term = Term.YEAR, plan: Plan = Plan.MONTHLY) -> list[str]:
    return [f"{cycle.starts_on:%m-%d}" for cycle in taken(count, starts_on, term, plan)]


# Microsoft's examples


@pytest.mark.parametrize(
    ("bought", "ends"),
    [
        ("2021-01-31", "2021-02-27"),
        ("2021-01-30", "2021-02-27"),
        ("2021-02-28", "2021-03-27"),
        ("2021-05-31", "2021-06-29"),
        ("2021-07-31", "2021-08-30"),
        ("2021-02-27", "2021-03-26"),
        ("2021-06-29", "2021-07-28"),
        ("2022-06-18", "2022-07-17"),
    ],
)
def test_monthly_term_ends_a_day_before_the_same_day_of_the_next_month(bought: str, ends: str) -> None:
    starts_on, last_on = date.fromisoformat(bought), date.fromisoformat(ends)
    assert cycles.term_end(starts_on=starts_on, term=Term.MONTH) == last_on
    assert taken(1, starts_on, Term.MONTH, Plan.MONTHLY)[0].last_on == last_on


def test_year_bought_on_the_last_day_starts_each_cycle_on_a_last_day() -> None:
    expected = "01-31 02-28 03-31 04-30 05-31 06-30 07-31 08-31 09-30 10-31 11-30 12-31 01-31 02-28"
    assert " ".join(start_days(14, date(2021, 1, 31))) == expected
    assert start_days(3, date(2021, 4, 30)) == ["04-30", "05-31", "06-30"]
    assert start_days(3, date(2021, 2, 28)) == ["02-28", "03-31", "04-30"]


def test_year_bought_on_the_day_before_the_last_keeps_that_distance() -> None:
    expected = "01-30 02-27 03-30 04-29 05-30 06-29 07-30 08-30 09-29 10-30 11-29 12-30 01-30 02-27"
    assert " ".join(start_days(14, date(2021, 1, 30))) == expected
    assert start_days(2, date(2024, 1, 30)) == ["01-30", "02-28"]
    assert start_days(3, date(2021, 4, 29)) == ["04-29", "05-30", "06-29"]


def test_other_days_stay_on_their_day_of_the_month() -> None:
    assert start_days(4, date(2021, 1, 28)) == ["01-28", "02-28", "03-28", "04-28"]
    assert start_days(4, date(2021, 1, 29)) == ["01-29", "02-28", "03-29", "04-29"]
    assert start_days(4, date(2024, 1, 29)) == ["01-29", "02-29", "03-29", "04-29"]


def test_renewed_monthly_terms_keep_the_day_of_the_purchase() -> None:
    assert start_days(5, date(2021, 1, 31), Term.MONTH) == ["01-31", "02-28", "03-31", "04-30", "05-31"]
    assert start_days(4, date(2021, 1, 30), Term.MONTH) == ["01-30", "02-28", "03-30", "04-30"]


def test_leap_day_comes_back_every_four_years() -> None:
    starts = [cycle.starts_on for cycle in taken(5, date(2024, 2, 29), Term.YEAR, Plan.ANNUAL)]
    assert starts == [date(2024, 2, 29), date(2025, 2, 28), date(2026, 2, 28), date(2027, 2, 28), date(2028, 2, 29)]


def test_terms_of_all_lengths_end_inclusively() -> None:
    assert cycles.term_end(starts_on=date(2021, 1, 31), term="P6Y") == date(2027, 1, 30)
    assert cycles.term_end(starts_on=date(2021, 1, 31), term=Term.YEAR) == date(2022, 1, 30)
    assert cycles.term_end(starts_on=date(2021, 1, 31), term=Term.THREE_YEARS) == date(2024, 1, 30)
    assert cycles.term_end(starts_on=date(2024, 2, 29), term=Term.YEAR) == date(2025, 2, 27)


@pytest.mark.parametrize(
    ("unit_price", "cycle_days", "billing_days", "quantity", "effective", "microsoft", "ours"),
    [
        ("10.08", 30, 30, 10, "10.08", "100.80", "100.80"),
        ("10.08", 30, 28, 10, "9.408", "94.08", "94.08"),
        ("10.08", 30, 28, 12, "9.408", "112.89", "112.90"),
        ("-10.08", 30, 28, 12, "-9.408", "-112.89", "-112.90"),
        ("10.08", 30, 28, 8, "9.408", "75.26", "75.26"),
        ("-12", 31, 29, 10, "-11.225806", "-112.25", "-112.26"),
        ("-12", 31, 26, 15, "-10.064516", "-150.96", "-150.97"),
        ("12", 31, 24, 25, "9.290323", "232.25", "232.26"),
        ("12", 31, 11, 20, "4.258065", "85.16", "85.16"),
        ("-10.08", 31, 29, 10, "-9.429677", "-94.29", "-94.30"),
        ("52.61", 30, 30, 25, "52.61", "1315.25", "1315.25"),
        ("120.96", 365, 365, 10, "120.96", "1209.60", "1209.60"),
        # An even line stays even though its unit price does not: 9.3333… × 3.
        ("10", 30, 28, 3, "9.333333", "28.00", "28.00"),
    ],
)
def test_charge_of_worked_examples(
    unit_price: str, cycle_days: int, billing_days: int, quantity: int, effective: str, microsoft: str, ours: str
) -> None:
    price = Decimal(unit_price)
    theirs = cycles.microsoft_charge(
        unit_price=price, cycle_days=cycle_days, billing_days=billing_days, quantity=quantity
    )
    revenue = cycles.charge(unit_price=price, cycle_days=cycle_days, billing_days=billing_days, quantity=quantity)
    assert round(theirs.effective_unit_price, 6) == Decimal(effective)
    assert theirs.effective_unit_price == revenue.effective_unit_price
    assert (str(theirs.amount), str(revenue.amount)) == (microsoft, ours)


def test_charge_in_currencies_with_other_minor_units() -> None:
    yen = cycles.charge(unit_price=Decimal(1001), cycle_days=30, billing_days=15, quantity=1, minor_digits=0)
    dinar = cycles.charge(unit_price=Decimal("1.001"), cycle_days=30, billing_days=15, quantity=1, minor_digits=3)
    assert (str(yen.amount), str(dinar.amount)) == ("501", "0.501")


@pytest.mark.skipif(not DATA.exists(), reason="the digest's vectors are not beside this checkout")
def test_every_charge_cycle_of_the_digest() -> None:
    with (DATA / "test-vectors-charge-cycle-dates.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            starts_on, term = date.fromisoformat(row["subscription_start"]), Term(row["term"])
            assert cycles.term_end(starts_on=starts_on, term=term) == date.fromisoformat(row["subscription_end"])
            found = {
                (cycle.starts_on.isoformat(), cycle.last_on.isoformat())
                for cycle in taken(MONTHS[term], starts_on, term, Plan(row["billing_plan"]))
            }
            assert (row["charge_start"], row["charge_end"]) in found
            assert next(itertools.islice(cycles.terms(starts_on=starts_on, term=term), 1, None)).starts_on == (
                date.fromisoformat(row["renew_date"])
            )


@pytest.mark.skipif(not DATA.exists(), reason="the digest's vectors are not beside this checkout")
def test_every_proration_of_the_digest_by_formula_a() -> None:
    with (DATA / "test-vectors-proration.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            sign = -1 if row["computed_effective_unit_price"].startswith("-") else 1
            found = cycles.microsoft_charge(
                unit_price=sign * Decimal(row["unit_price"]),
                cycle_days=int(row["cycle_days"]),
                billing_days=int(row["billing_days"]),
                quantity=int(row["billable_quantity"]),
            )
            assert round(found.effective_unit_price, 6) == Decimal(row["computed_effective_unit_price"])
            assert found.amount == Decimal(row["A_rounddown(eup*qty)"])


# Days


def test_days_of_a_cycle_are_those_of_the_month_it_starts_in() -> None:
    june, july, *_ = taken(2, date(2022, 6, 18), Term.YEAR, Plan.MONTHLY)
    assert [cycles.cycle_days(cycle=cycle, plan=Plan.MONTHLY) for cycle in (june, july)] == [30, 31]
    assert cycles.billing_days(cycle=june, plan=Plan.MONTHLY, from_on=date(2022, 6, 20)) == 28
    assert cycles.billing_days(cycle=june, plan=Plan.MONTHLY, from_on=date(2022, 7, 17)) == 1
    for year, days in ((2023, 366), (2024, 365)):
        annual = taken(1, date(year, 6, 18), Term.YEAR, Plan.ANNUAL)[0]
        assert cycles.cycle_days(cycle=annual, plan=Plan.ANNUAL) == days


def test_a_whole_cycle_at_the_end_of_a_month_costs_its_price() -> None:
    for starts_on in (date(2021, 1, 31), date(2021, 2, 28)):
        cycle = taken(1, starts_on, Term.YEAR, Plan.MONTHLY)[0]
        whole = cycles.cycle_days(cycle=cycle, plan=Plan.MONTHLY)
        assert cycle.days != whole
        assert cycles.billing_days(cycle=cycle, plan=Plan.MONTHLY, from_on=cycle.starts_on) == whole
        assert cycles.billing_days(cycle=cycle, plan=Plan.MONTHLY, from_on=starts_on + DAY) <= whole


# Refusals


def test_what_has_no_cycles_is_refused_at_once() -> None:
    day = date(2021, 1, 31)
    for term, plan in (
        (Term.NONE, Plan.MONTHLY),
        (Term.MONTH, Plan.NONE),
        (Term.MONTH, Plan.ANNUAL),
        (Term.YEAR, Plan.TRIENNIAL),
        ("P18M", Plan.ANNUAL),
        ("1 year", Plan.ANNUAL),
        (Term.YEAR, "weekly"),
    ):
        with pytest.raises(ValueError, match=r"term|[Pp]lan"):
            cycles.cycles(starts_on=day, term=term, plan=plan)
    with pytest.raises(ValueError, match="no term"):
        cycles.term_end(starts_on=day, term=Term.NONE)
    with pytest.raises(ValueError, match="before the purchase"):
        cycles.cycle_of(day=day - DAY, starts_on=day, term=Term.YEAR, plan=Plan.MONTHLY)
    cycle = taken(1, day, Term.YEAR, Plan.MONTHLY)[0]
    for outside in (day - DAY, cycle.ends_before):
        with pytest.raises(ValueError, match="not in the cycle"):
            cycles.billing_days(cycle=cycle, plan=Plan.MONTHLY, from_on=outside)


@pytest.mark.parametrize(("cycle_days", "billing_days", "quantity"), [(0, 1, 1), (30, 0, 1), (30, 31, 1), (30, 1, 0)])
def test_charge_of_impossible_days_or_quantities_is_refused(cycle_days: int, billing_days: int, quantity: int) -> None:
    for line in (cycles.charge, cycles.microsoft_charge):
        with pytest.raises(ValueError, match="days"):
            line(unit_price=Decimal(1), cycle_days=cycle_days, billing_days=billing_days, quantity=quantity)


# What holds for any purchase


@given(purchase=purchases)
def test_cycles_are_gapless_and_cover_every_term_exactly(purchase: tuple[date, tuple[Term, Plan, int]]) -> None:
    starts_on, (term, plan, in_term) = purchase
    found = taken(in_term * 3 + 1, starts_on, term, plan)
    assert found[0].starts_on == starts_on
    assert all(cycle.starts_on < cycle.ends_before for cycle in found)
    assert all(before.ends_before == after.starts_on for before, after in itertools.pairwise(found))
    for number, whole in enumerate(itertools.islice(cycles.terms(starts_on=starts_on, term=term), 3)):
        own = found[number * in_term : (number + 1) * in_term]
        assert (own[0].starts_on, own[-1].ends_before) == (whole.starts_on, whole.ends_before)
    assert cycles.term_end(starts_on=starts_on, term=term) == found[in_term - 1].last_on


@given(purchase=purchases, years=st.integers(1, 8))
def test_cycles_never_drift(purchase: tuple[date, tuple[Term, Plan, int]], years: int) -> None:
    starts_on, (term, plan, _) = purchase
    found = taken(years * 36 + 1, starts_on, term, plan)
    months = [cycle.starts_on.year * 12 + cycle.starts_on.month for cycle in found]
    assert len({after - before for before, after in itertools.pairwise(months)}) == 1
    for cycle in found:
        if cycle.starts_on.month == starts_on.month and starts_on.month != 2:
            assert cycle.starts_on.day == starts_on.day
        assert abs(cycle.starts_on.day - starts_on.day) <= 3
    if starts_on.day <= 26 or (starts_on.day <= 28 and plan != Plan.MONTHLY):
        assert {cycle.starts_on.day for cycle in found} == {starts_on.day}


@given(starts_on=month_ends, before=st.integers(0, 1))
def test_long_terms_bought_at_a_month_end_stay_at_month_ends(starts_on: date, before: int) -> None:
    starts_on -= before * DAY
    for cycle in taken(40, starts_on, Term.YEAR, Plan.MONTHLY):
        if cycle.starts_on.month != starts_on.month:
            assert (cycle.starts_on + before * DAY + DAY).day == 1


@given(purchase=purchases, after=st.integers(0, 5_000))
def test_the_cycle_of_a_day_is_the_one_that_counting_finds(
    purchase: tuple[date, tuple[Term, Plan, int]], after: int
) -> None:
    starts_on, (term, plan, _) = purchase
    day = starts_on + after * DAY
    counted = next(found for found in cycles.cycles(starts_on=starts_on, term=term, plan=plan) if day in found)
    assert cycles.cycle_of(day=day, starts_on=starts_on, term=term, plan=plan) == counted


prices = st.decimals(Decimal("0.01"), Decimal(99_999), places=2)
quantities = st.integers(1, 100_000)


@given(price=prices, quantity=quantities, cycle_days=st.integers(28, 366), data=st.data())
def test_split_periods_add_up_to_the_whole(price: Decimal, quantity: int, cycle_days: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(1, cycle_days - 1))
    cent = Decimal("0.01")
    for line, most in ((cycles.charge, cent), (cycles.microsoft_charge, cent)):
        parts = [
            line(unit_price=price, cycle_days=cycle_days, billing_days=days, quantity=quantity)
            for days in (first, cycle_days - first)
        ]
        whole = line(unit_price=price, cycle_days=cycle_days, billing_days=cycle_days, quantity=quantity)
        assert whole.amount == price * quantity
        assert abs(sum(part.amount for part in parts) - whole.amount) <= most
        assert abs(sum(part.effective_unit_price for part in parts) - price) < Decimal("1e-40")


@given(price=prices, quantity=quantities, cycle_days=st.integers(28, 366), data=st.data())
def test_a_refund_is_the_exact_opposite_and_truncation_favours_no_one_by_a_cent(
    price: Decimal, quantity: int, cycle_days: int, data: st.DataObject
) -> None:
    days = data.draw(st.integers(1, cycle_days))
    amounts = []
    for line in (cycles.charge, cycles.microsoft_charge):
        given_back, charged = (
            line(unit_price=sign * price, cycle_days=cycle_days, billing_days=days, quantity=quantity).amount
            for sign in (-1, 1)
        )
        assert given_back == -charged
        amounts.append(charged)
    ours, theirs = amounts
    assert Decimal(0) <= ours - theirs <= Decimal("0.01")
    exact = (price * days * quantity * 100) // cycle_days / 100
    assert theirs == exact.quantize(Decimal("0.01"), rounding=ROUND_DOWN)
