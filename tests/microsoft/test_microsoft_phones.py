"""Phone numbers take the shape that a country's regular expression wants."""

import pytest

from msphub.microsoft import phones

UNITED_STATES = r"^(1[\-\/\.]?)?(\((\d{3})\)|(\d{3}))[\-\/\.]?(\d{3})[\-\/\.]?(\d{4})$"


@pytest.mark.parametrize(
    ("number", "country", "regex", "expected"),
    [
        ("+1 425 555 0101", "US", UNITED_STATES, "4255550101"),
        ("(425) 555-0101", "us", UNITED_STATES, "4255550101"),
        ("+49 30 901820", "DE", r"^\d{6,12}$", "30901820"),
        ("+49 30 901820", "DE", r"^0\d{5,12}$", "030901820"),
        ("+49 30 901820", "DE", r"^49\d{5,12}$", "4930901820"),
        ("+49 30 901820", "DE", r"^\+49\d{5,12}$", "+4930901820"),
        ("+49 30 901820", "DE", r"^0\d+ \d+$", "030 901820"),
        ("+49 30 901820", "DE", r"^0\d+-\d+$", "030-901820"),
        ("+49 30 901820", "DE", r"^\+49 \d+ \d+$", "+49 30 901820"),
        ("030 901820", "DE", r"^00\d+$", "004930901820"),
        ("+4930901820", None, None, "30901820"),
        ("+49 30 901820", "DE", r"(?<broken", "30901820"),
        ("+49 30 901820", "DE", r"^(?<trunk>0)(?<rest>\d{5,12})$", "030901820"),
        ("+49 30 901820", "DE", r"^\d{99999999999}$", "30901820"),
        ("extension seven", "DE", r"^\d{6}$", None),
        ("+49 30 901820", "DE", r"^x$", None),
    ],
)
def test_shaped_by_regex(number: str, country: str | None, regex: str | None, expected: str | None) -> None:
    assert phones.shaped(number=number, country=country, regex=regex) == expected


def test_country_of_number() -> None:
    assert phones.country_of(number="+4930901820") == "DE"
    assert phones.country_of(number="+14255550101") == "US"
    assert phones.country_of(number="030901820") is None
