"""`msphub calc` as a process, with an empty environment: no database, no key, no settings."""

import json
import os
import subprocess
import sys

import pytest

CYCLES = ("cycles", "--start", "2021-01-30", "--term", "P1Y", "--plan", "monthly")
CHARGE = ("charge", "--unit-price", "10.08", "--cycle-days", "30", "--billing-days", "28")


def calc(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "msphub.config.cli", "calc", *arguments],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


def test_cycles_run_on_through_the_renewal() -> None:
    printed = calc(*CYCLES, "--count", "14")
    assert (printed.returncode, printed.stderr) == (0, "")
    rows = json.loads(printed.stdout)
    assert len(rows) == 14
    assert rows[0] == {"starts_on": "2021-01-30", "ends_on": "2021-02-26"}
    assert rows[3] == {"starts_on": "2021-04-29", "ends_on": "2021-05-29"}
    assert rows[11:13] == [
        {"starts_on": "2021-12-30", "ends_on": "2022-01-29"},
        {"starts_on": "2022-01-30", "ends_on": "2022-02-26"},
    ]


def test_charge_is_microsofts_line_unless_asked_for_the_customers() -> None:
    ten, twelve, ours = (
        json.loads(calc(*CHARGE, "--quantity", *more).stdout)
        for more in (["10"], ["12"], ["12", "--rounding", "half-up"])
    )
    assert ten == {"effective_unit_price": "9.408000", "amount": "94.08"}
    assert twelve == {"effective_unit_price": "9.408000", "amount": "112.89"}
    assert ours == {"effective_unit_price": "9.408000", "amount": "112.90"}
    endless = calc("charge", "--unit-price", "-12", "--cycle-days", "31", "--billing-days", "29", "--quantity", "10")
    assert json.loads(endless.stdout) == {"effective_unit_price": "-11.225806451612903226", "amount": "-112.25"}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("cycles", "--start", "2021-02-30", "--term", "P1Y", "--plan", "monthly"), "2021-02-30"),
        (("cycles", "--start", "20210130", "--term", "P1Y", "--plan", "monthly"), "20210130"),
        (("cycles", "--start", "2021-01-30", "--term", "P1M", "--plan", "annual"), "P1M"),
        (("cycles", "--start", "9999-06-30", "--term", "P1Y", "--plan", "monthly"), "range"),
        ((*CYCLES, "--count", "0"), "count"),
        (("cycles", "--start", "2021-01-30"), "--term"),
        ((*CHARGE, "--quantity", "1.5"), "1.5"),
        ((*CHARGE, "--quantity", "-1"), "-1"),
        (("charge", "--unit-price", "NaN", *CHARGE[3:], "--quantity", "1"), "NaN"),
        (("charge", "--unit-price", "10,08", *CHARGE[3:], "--quantity", "1"), "10,08"),
        (("charge", "--unit-price", "1", "--cycle-days", "28", "--billing-days", "29", "--quantity", "1"), "28"),
        (("blub",), "blub"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: tuple[str, ...], named: str) -> None:
    refused = calc(*arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.count("\n") == 1
    assert named in refused.stderr
