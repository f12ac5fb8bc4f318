"""Addresses follow the rules of their country."""

import pytest

from msphub.kit import addresses
from msphub.kit.addresses import Address


@pytest.mark.parametrize(
    ("country", "state", "postal_code"),
    [
        ("US", "WA", "98052"),
        ("US", "washington", "98052-8300"),
        ("CA", "ON", "M5H 2N2"),
        ("CA", "Quebec", "H3Z 2Y7"),
        ("DE", "", "20095"),
        ("GB", "", "SW1A 1AA"),
        ("GB", "", "sw1a1aa"),
        ("IE", "", ""),
        ("JP", "Tokyo", "100-0001"),
        ("AU", "NSW", "2000"),
        ("HK", "Kowloon", ""),
    ],
)
def test_valid_addresses_are_accepted(country: str, state: str, postal_code: str) -> None:
    address = Address(country=country, line1="1 Main Street", city="City", state=state, postal_code=postal_code)
    checked, problems = addresses.check(address)
    assert problems == {}
    assert checked.postal_code == postal_code.upper()


@pytest.mark.parametrize(
    ("country", "state", "postal_code", "field", "words"),
    [
        ("US", "OR", "98101", "postal_code", "ZIP Code 98101 is not in Oregon."),
        ("US", "Bavaria", "98101", "state", "not a state of United States"),
        ("US", "", "98101", "state", "Choose the state."),
        ("US", "WA", "", "postal_code", "Enter the ZIP Code."),
        ("US", "WA", "9810", "postal_code", "not a valid ZIP Code"),
        ("DE", "", "123", "postal_code", "not a valid postcode in Germany (for example"),
        ("CA", "ON", "V5K 0A1", "postal_code", "not in Ontario"),
        ("XX", "", "1", "country", "Choose a country."),
        ("", "", "1", "country", "Choose a country."),
    ],
)
def test_wrong_parts_are_named_in_the_countrys_words(
    country: str, state: str, postal_code: str, field: str, words: str
) -> None:
    _checked, problems = addresses.check(
        Address(country=country, line1="1 Main Street", city="City", state=state, postal_code=postal_code)
    )
    assert list(problems) == [field]
    assert words in problems[field]


def test_names_of_states_become_codes() -> None:
    checked, _problems = addresses.check(
        Address(country="US", line1="1", city="Redmond", state="WASHINGTON", postal_code="98052")
    )
    assert checked.state == "WA"


def test_what_a_country_has_no_use_for_is_dropped() -> None:
    checked, problems = addresses.check(
        Address(country="DE", line1="1", city="Hamburg", state="WA", postal_code="20095")
    )
    assert problems == {}
    assert checked.state == ""


def test_every_country_has_rules_and_a_readable_list_of_states() -> None:
    for code in addresses.country_codes():
        rules = addresses.rules(country=code)
        assert str(rules.state_label)
        assert str(rules.postal_label)
    assert addresses.rules(country="CA").states["BC"] == "British Columbia"
    assert addresses.rules(country="JP").states["東京都"] == "Tokyo"
    assert len(addresses.rules(country="US").states) >= 51


def test_countries_are_sorted_by_name_and_named() -> None:
    names = [name for _code, name in addresses.countries()]
    assert ("US", "United States") in addresses.countries()
    assert names.index("Åland Islands") < names.index("Albania") + 2
    assert addresses.country_name("DE") == "Germany"
    assert addresses.country_name("??") == "??"
