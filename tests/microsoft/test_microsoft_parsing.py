"""Microsoft's answers in all the spellings it documents or sends."""

from datetime import UTC, datetime

import pytest

from msphub.microsoft import parsing, reading


def pascal(value: object) -> object:
    """The same answer with every member's first letter in capitals, as some of Microsoft's samples print it."""
    if isinstance(value, dict):
        return {name[0].upper() + name[1:]: pascal(member) for name, member in value.items()}
    return [pascal(entry) for entry in value] if isinstance(value, list) else value


CUSTOMER = {
    "id": "c-1",
    "commerceId": "m-1",
    "companyProfile": {
        "tenantId": "c-1",
        "domain": "contoso.onmicrosoft.com",
        "companyName": "Contoso",
        "address": {"country": "US", "region": "wa", "phoneNumber": "1234567890"},
        "somethingNew": {"deep": [1]},
    },
    "billingProfile": {
        "id": "b-1",
        "email": "a@contoso.com",
        "culture": "en-US",
        "language": "en",
        "companyName": "Contoso",
        "defaultAddress": {"country": "US", "city": "Redmond", "postalCode": "98052", "addressLine1": "1 ms way"},
        "attributes": {"etag": "-4242", "objectType": "CustomerBillingProfile"},
    },
    "relationshipToPartner": "some_value_of_tomorrow",
    "allowDelegatedAccess": True,
    "customDomains": ["contoso.onmicrosoft.com"],
    "userCredentials": {"userName": "admin", "password": "=;;n.=s9Z"},
    "attributes": {"objectType": "Customer"},
}


@pytest.mark.parametrize("answer", [CUSTOMER, pascal(CUSTOMER)], ids=["camelCase", "PascalCase"])
def test_customer_in_both_cases(answer: object) -> None:
    customer = parsing.customer(answer)

    assert customer.id == "c-1"
    assert customer.company_profile is not None
    assert customer.company_profile.address is not None
    assert customer.company_profile.address.region == "wa"
    assert customer.billing_profile is not None
    assert customer.billing_profile.etag == "-4242"
    assert customer.billing_profile.first_name is None
    assert customer.billing_profile.default_address is not None
    assert customer.billing_profile.default_address.postal_code == "98052"
    assert customer.relationship_to_partner == "some_value_of_tomorrow"
    assert customer.allow_delegated_access is True
    assert customer.custom_domains == ("contoso.onmicrosoft.com",)


def test_customer_with_nulls() -> None:
    customer = parsing.customer(
        {"Id": None, "CompanyProfile": None, "CustomDomains": None, "RelationshipToPartner": "none"}
    )

    assert (customer.id, customer.company_profile, customer.custom_domains) == ("", None, ())
    assert customer.relationship_to_partner == "none"


def test_created_customer_hides_its_password() -> None:
    created = parsing.created_customer(CUSTOMER)

    assert created.credentials is not None
    assert created.credentials.password == "=;;n.=s9Z"
    assert "s9Z" not in repr(created) + repr(created.credentials) + str(created.credentials) + repr(created.customer)
    assert parsing.created_customer({**CUSTOMER, "userCredentials": None}).credentials is None


@pytest.mark.parametrize(
    "answer",
    [
        {
            "iso2Code": "US",
            "states": {"value": ["WA", "NY"]},
            "supportedLanguages": {"value": ["en"]},
            "supportedCultures": {"value": ["en-US", "es-US"]},
            "countryCallingCodes": {"value": ["1"]},
            "isStateRequired": True,
            "isVatIdSupported": False,
        },
        {
            "Iso2Code": "US",
            "SupportedStatesList": ["WA", "NY"],
            "SupportedLanguagesList": ["en"],
            "SupportedCulturesList": ["en-US", "es-US"],
            "CountryCallingCodesList": [1],
            "IsStateRequired": "true",
            "IsVatIdSupported": "False",
        },
    ],
    ids=["as sent", "as documented"],
)
def test_country_rules_in_both_spellings(answer: object) -> None:
    rules = parsing.country_rules(answer)

    assert rules.country == "US"
    assert rules.states == ("WA", "NY")
    assert rules.languages == ("en",)
    assert rules.cultures == ("en-US", "es-US")
    assert rules.calling_codes == ("1",)
    assert rules.is_state_required is True
    assert rules.is_vat_id_supported is False
    assert rules.is_city_required is None
    assert rules.postal_code_regex is None


def test_country_rules_with_null_lists() -> None:
    rules = parsing.country_rules({"states": {"value": None}, "supportedCulturesList": None}, country="DE")

    assert (rules.country, rules.states, rules.cultures) == ("DE", (), ())


def test_address_check_with_null_suggestions() -> None:
    check = parsing.address_check({"status": "NotValidated", "suggestedAddresses": None})

    assert check.suggestions == ()
    assert not check.was_checked
    assert not check.is_verified


def test_address_check_of_tomorrow() -> None:
    check = parsing.address_check(
        {"Status": "VerifiedByDrone", "SuggestedAddresses": [{"Country": "US", "AddressLine1": "1 Microsoft Way"}]}
    )

    assert check.status == "VerifiedByDrone"
    assert check.suggestions[0].address_line1 == "1 Microsoft Way"


@pytest.mark.parametrize(
    "answer",
    [
        [{"qualification": "Education", "vettingStatus": "InReview", "vettingCreatedDate": "2020-12-03T10:37:38.885Z"}],
        {
            "totalCount": 1,
            "items": [
                {
                    "Qualification": "Education",
                    "VettingStatus": "InReview",
                    "VettingCreateDate": "2020-12-03T10:37:38.885",
                }
            ],
        },
        {
            "value": [
                {
                    "qualification": "Education",
                    "vettingStatus": "InReview",
                    "vettingCreateDate": "2020-12-03T11:37:38.885+01:00",
                }
            ]
        },
        {"qualification": "Education", "vettingStatus": "InReview", "vettingCreateDate": "2020-12-03T10:37:38.885Z"},
    ],
    ids=["bare list", "collection", "value", "bare object"],
)
def test_qualifications_with_and_without_wrapper(answer: object) -> None:
    (education,) = parsing.qualifications(answer)

    assert (education.qualification, education.vetting_status) == ("Education", "InReview")
    assert education.created_at == datetime(2020, 12, 3, 10, 37, 38, 885000, tzinfo=UTC)
    assert education.updated_at is None


def test_qualification_as_bare_text() -> None:
    (nonprofit,) = parsing.qualifications("nonprofit")

    assert (nonprofit.qualification, nonprofit.vetting_status) == ("nonprofit", None)


@pytest.mark.parametrize("answer", [None, [], {}, {"totalCount": 0, "items": []}, {"totalCount": 0}, {"items": None}])
def test_collections_without_anything(answer: object) -> None:
    assert parsing.qualifications(answer) == []
    assert parsing.agreements(answer) == []
    assert parsing.customer_summaries(answer) == ()
    assert parsing.organization(answer) is None


def test_account_validation_without_zone_is_utc() -> None:
    validation = parsing.account_validation({"status": "Not Ready", "lastUpdateDateTime": "2021-07-14T18:02:00"})

    assert validation.updated_at == datetime(2021, 7, 14, 18, 2, tzinfo=UTC)
    assert not validation.is_allowed
    assert parsing.account_validation({"status": "allowed"}).is_allowed


def test_agreement_with_odd_date_survives() -> None:
    (agreement,) = parsing.agreements(
        {"items": [{"templateId": "t", "dateAgreed": "yesterday", "primaryContact": None}]}
    )

    assert (agreement.template_id, agreement.agreed_at, agreement.contact) == ("t", None, None)


def test_domains_as_texts_and_objects() -> None:
    assert parsing.domains(["a.com", None, "b.com"]) == ("a.com", "b.com")
    assert parsing.domains({"items": [{"name": "a.com"}, {"domain": "b.com"}]}) == ("a.com", "b.com")


def link(uri: str, token: str | None) -> dict[str, object]:
    headers = [] if token is None else [{"key": "ms-continuationtoken", "value": token}]
    return {"items": [], "links": {"next": {"uri": uri, "method": "GET", "headers": headers}}}


@pytest.mark.parametrize(
    ("body", "path", "token"),
    [
        (link("/customers?size=2", "t"), "/customers?size=2&seekOperation=Next", "t"),
        (link("/v1/customers?size=2&seekOperation=Next", "t"), "/customers?size=2&seekOperation=Next", "t"),
        (link("customers?SeekOperation=Next", "t"), "/customers?SeekOperation=Next", "t"),
        (link("https://elsewhere.example/v1/customers", "t"), "/customers?seekOperation=Next", "t"),
        (link("/v1/invoices?size=2&offset=2", None), "/invoices?size=2&offset=2", None),
        ({**link("/customers?size=2", None), "continuationToken": "u"}, "/customers?size=2&seekOperation=Next", "u"),
        (pascal(link("/customers", "t")), "/customers?seekOperation=Next", "t"),
        ({"links": {"next": "/customers?size=1"}}, "/customers?size=1", None),
        ({"links": {"next": {"uri": "/v1/a", "headers": {"MS-ContinuationToken": "t"}}}}, "/a?seekOperation=Next", "t"),
    ],
)
def test_next_page(body: object, path: str, token: str | None) -> None:
    following = reading.next_page(body=body)

    assert following is not None
    assert (following.path, following.continuation_token) == (path, token)


@pytest.mark.parametrize(
    "body", [None, [], {"links": None}, {"links": {"self": {"uri": "/x"}}}, {"links": {"next": {}}}]
)
def test_no_next_page(body: object) -> None:
    assert reading.next_page(body=body) is None
