"""Country rules for every country, and every status an address can have."""

import re
from typing import Any

import phonenumbers
import pytest
from emulator_client import PartnerClient

from partner_center_emulator import countries

MEMBERS = {
    "iso2Code",
    "defaultCulture",
    "isStateRequired",
    "states",
    "supportedLanguages",
    "supportedCultures",
    "isPostalCodeRequired",
    "postalCodeRegex",
    "isCityRequired",
    "isVatIdSupported",
    "taxIdFormat",
    "taxIdSample",
    "phoneNumberRegex",
    "isRegistrationNumberSupported",
    "isTaxIdSupported",
    "resellerAgreementRegion",
    "geographicRegion",
    "countryCallingCodes",
    "attributes",
}


def test_every_country_has_the_published_members() -> None:
    for iso2 in countries.all_countries():
        rules = countries.rules_of(iso2=iso2)
        assert rules is not None
        information = countries.as_country_information(rules=rules)
        assert MEMBERS <= set(information) <= MEMBERS | {"vatIdRegex"}, iso2
        for name in ("states", "supportedLanguages", "supportedCultures", "countryCallingCodes"):
            assert set(information[name]) == {"value"}
            assert all(isinstance(item, str) for item in information[name]["value"])
        re.compile(information["postalCodeRegex"])
        assert information["supportedCultures"]["value"][0] == information["defaultCulture"]
    assert len(countries.all_countries()) == 248


def test_phone_regex_takes_the_countrys_own_numbers() -> None:
    for iso2 in countries.all_countries():
        rules = countries.rules_of(iso2=iso2)
        example = phonenumbers.example_number(iso2)
        if rules is None or example is None:
            continue
        forms = [phonenumbers.national_significant_number(example)]
        if iso2 != "US":  # the published pattern has neither plus nor blanks
            forms += [
                phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164),
                phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.INTERNATIONAL),
            ]
        for form in forms:
            assert re.match(rules.phone_regex, form), (iso2, form, rules.phone_regex)


@pytest.mark.parametrize("iso2", ["DE", "de", "JP", "AQ", "US"])
def test_rules_are_answered(app: PartnerClient, iso2: str) -> None:
    answer = app.get(f"/v1/countryvalidationrules/{iso2}").json()

    assert answer["iso2Code"] == iso2.upper()
    assert answer["attributes"] == {"objectType": "CountryInformation"}


def test_unknown_country_is_not_found(app: PartnerClient) -> None:
    response = app.get("/v1/countryvalidationrules/XX")

    assert (response.status_code, response.json()["code"]) == (404, 1000)


def address(**changes: str) -> dict[str, str]:
    given = {
        "AddressLine1": "1 Microsoft Way",
        "City": "Redmond",
        "State": "WA",
        "PostalCode": "98052",
        "Country": "US",
    }
    return given | changes


@pytest.mark.parametrize(
    ("changes", "status", "suggestions"),
    [
        ({}, "VerifiedShippable", 1),
        ({"AddressLine1": "One Microsoft Way"}, "VerifiedShippable", 1),
        ({"AddressLine1": "PO Box 12"}, "Verified", 1),
        ({"AddressLine1": "1 Microsoft Wya"}, "InteractionRequired", 1),
        ({"AddressLine1": "Microsoft Way"}, "StreetPartial", 1),
        ({"AddressLine1": "5 Pine Street Suite"}, "PremisesPartial", 1),
        ({"AddressLine1": "100 Main"}, "Multiple", 3),
        ({"PostalCode": "9805"}, "None", 0),
        ({"State": "ZZ"}, "None", 0),
        ({"AddressLine1": "5 Nowhere Lane"}, "None", 0),
        ({"Country": "AE", "State": "Dubai", "PostalCode": ""}, "NotValidated", 0),
        ({"AddressLine2": "[Multiple]"}, "Multiple", 3),
    ],
)
def test_every_status_can_be_had(app: PartnerClient, changes: dict[str, str], status: str, suggestions: int) -> None:
    answer = app.post("/v1/validations/address", json=address(**changes)).json()

    assert answer["status"] == status
    assert len(answer["suggestedAddresses"] or []) == suggestions
    assert ("validationMessage" in answer) is (status not in {"VerifiedShippable", "Verified"})
    assert answer["originalAddress"]["country"] == changes.get("Country", "US")


@pytest.mark.parametrize("name", ["AddressLine1", "City", "State", "PostalCode", "Country"])
def test_missing_field_is_refused(app: PartnerClient, name: str) -> None:
    response = app.post("/v1/validations/address", json=address(**{name: ""}))

    assert (response.status_code, response.json()["data"]) == (400, [name])


def test_members_may_have_any_case(app: PartnerClient) -> None:
    lowered: dict[str, Any] = {key.lower(): value for key, value in address().items()}

    assert app.post("/v1/validations/address", json=lowered).json()["status"] == "VerifiedShippable"
