"""Address validation and country rules: `POST /v1/validations/address`, `GET /v1/countryvalidationrules/{iso2}`.

Every status can be had on purpose; the README lists what earns which. `[Status]` in AddressLine2 forces one.
"""

import hashlib
import re

from partner_center_emulator import countries
from partner_center_emulator.calls import Answer, Call, Members, Operation
from partner_center_emulator.countries import CountryRules
from partner_center_emulator.errors import Json, invalid_property, not_found

STATUSES = (
    "VerifiedShippable",
    "Verified",
    "InteractionRequired",
    "StreetPartial",
    "PremisesPartial",
    "Multiple",
    "None",
    "NotValidated",
)
_FORCED = re.compile(r"\[(\w+)\]")
_NUMBER = re.compile(r"\d|\b(one|two|three|four|five|six|seven|eight|nine|ten)\b", re.IGNORECASE)
_POST_BOX = re.compile(r"\b(p\.?\s?o\.?\s?box|postfach|apartado)\b", re.IGNORECASE)
_BARE_UNIT = re.compile(r"\b(suite|ste|apt|apartment|unit|floor|room)\.?\s*$", re.IGNORECASE)
_TYPING_ERRORS = {
    "stret": "Street",
    "steet": "Street",
    "avenu": "Avenue",
    "raod": "Road",
    "wya": "Way",
    "blvrd": "Blvd",
}
# The two full ZIP codes that Microsoft's samples print for its own street.
_PUBLISHED_ZIP = {"VerifiedShippable": "98052-8300", "StreetPartial": "98052-6399"}


def country_rules(call: Call) -> Answer:
    """Answers a country's validation rules; 404 for a code that isn't a country."""
    rules = countries.rules_of(iso2=call.params["iso2"])
    if rules is None:
        raise not_found(description=f"No validation rules exist for the country '{call.params['iso2']}'.")
    return Answer(content=countries.as_country_information(rules=rules))


def validate(call: Call) -> Answer:
    """Answers how deliverable an address is. Refuses with 400 what lacks a required field."""
    members = call.members()
    line = members.required_text("AddressLine1", longest=200)
    country = members.required_text("Country").upper()
    rules = countries.rules_of(iso2=country)
    if rules is None:
        raise invalid_property(name="Country", description=f"'{country}' is not an ISO 3166-1 alpha-2 country code.")
    if rules.is_city_required:
        members.required_text("City")
    if rules.is_state_required:
        members.required_text("State")
    if rules.is_postal_code_required:
        members.required_text("PostalCode")
    original = _original(members=members, country=country)
    status, suggestions, message = _judged(rules=rules, original=original, line=line, members=members)
    content: Json = {"originalAddress": original, "suggestedAddresses": suggestions or None, "status": status}
    if message:
        content["validationMessage"] = message
    return Answer(content=content)


def _original(*, members: Members, country: str) -> Json:
    original: Json = {"country": country}
    for name in ("city", "state", "addressLine1", "addressLine2", "postalCode", "firstName", "lastName", "phoneNumber"):
        if value := members.text(name):
            original[name] = value
    return original


def _judged(*, rules: CountryRules, original: Json, line: str, members: Members) -> tuple[str, list[Json], str]:
    """Status, suggestions and message."""
    forced = _FORCED.search(members.text("AddressLine2"))
    wrong = [] if forced else _wrong_fields(rules=rules, members=members)
    partial = "Address field invalid for property: 'Region', 'PostalCode', 'City'"
    if forced and forced.group(1) in STATUSES:
        status = forced.group(1)
    elif wrong:
        return "None", [], "Address field invalid for property: " + ", ".join(f"'{name}'" for name in wrong)
    elif not rules.postal_code_regex:
        status = "NotValidated"
    else:
        status = _status_of(line)
    match status:
        case "NotValidated":
            return status, [], "The address could not be sent for validation."
        case "None":
            return status, [], "Address field invalid for property: 'AddressLine1'"
        case "Multiple":
            lines = [f"{line} Street", f"{line} Avenue", f"{line} Boulevard"]
            return status, [_suggested(rules, original, item, status) for item in lines], partial
        case "StreetPartial":
            return status, [_suggested(rules, original, f"1 {line}", status)], partial
        case "PremisesPartial":
            return status, [_suggested(rules, original, f"{line} 100", status)], partial
        case "InteractionRequired":
            corrected = " ".join(_TYPING_ERRORS.get(word.lower(), word) for word in line.split())
            return status, [_suggested(rules, original, corrected, status)], "The address differs from the one found."
    return status, [_suggested(rules, original, line, status)], ""


def _wrong_fields(*, rules: CountryRules, members: Members) -> list[str]:
    wrong = []
    if (
        rules.iso2 in countries.STATES_BY_CODE_ONLY
        and countries.state_code(rules=rules, text=members.text("State")) is None
    ):
        wrong.append("Region")
    postal_code = members.text("PostalCode")
    if postal_code and not countries.is_postal_code(rules=rules, text=postal_code):
        wrong.append("PostalCode")
    return wrong


def _status_of(line: str) -> str:
    words = [word.strip(".,").lower() for word in line.split()]
    if not any(character.isalpha() for character in line) or "nowhere" in words:
        return "None"
    if any(word in _TYPING_ERRORS for word in words):
        return "InteractionRequired"
    if _BARE_UNIT.search(line):
        return "PremisesPartial"
    if not _NUMBER.search(line):
        return "StreetPartial"
    if _POST_BOX.search(line):
        return "Verified"
    if len(words) == 2 and words[0].isdigit() and words[1] in {"main", "oak", "park", "maple"}:
        return "Multiple"
    return "VerifiedShippable"


def _suggested(rules: CountryRules, original: Json, line: str, status: str) -> Json:
    suggestion = {key: value for key, value in original.items() if key not in {"firstName", "lastName", "phoneNumber"}}
    suggestion["addressLine1"] = line
    postal_code = str(original.get("postalCode", ""))
    if rules.iso2 == "US" and len(postal_code) == 5:
        suggestion["postalCode"] = _full_zip(postal_code=postal_code, line=line, status=status)
    return suggestion


def _full_zip(*, postal_code: str, line: str, status: str) -> str:
    if postal_code == "98052" and line.lower() == "1 microsoft way":
        return _PUBLISHED_ZIP.get(status, "98052-8300")
    digest = hashlib.sha256(f"{postal_code} {line.lower()}".encode()).digest()
    return f"{postal_code}-{int.from_bytes(digest[:2]) % 9000 + 1000}"


OPERATIONS = (
    Operation(method="GET", path="/v1/countryvalidationrules/{iso2}", handler=country_rules),
    Operation(method="POST", path="/v1/validations/address", handler=validate),
)
