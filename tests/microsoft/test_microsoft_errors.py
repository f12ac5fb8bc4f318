"""What Microsoft's refusals mean."""

import json
from typing import Any

import pytest

from msphub.microsoft import answers, errors


def refusal(status: int, body: Any, **headers: str) -> errors.Refused:
    return answers.refusal(status=status, body=body, headers=headers, request_id="r", correlation_id="c")


def test_refusal_in_partner_center_shape() -> None:
    refused = refusal(400, {"code": 800090, "description": "No decrease.", "data": ["because"], "source": "PartnerFD"})

    assert type(refused) is errors.Refused
    assert (refused.code, refused.message, refused.status) == (800090, "No decrease.", 400)
    assert (refused.details, refused.request_id, refused.correlation_id) == (("because",), "r", "c")
    assert str(refused) == "No decrease."


@pytest.mark.parametrize(
    "body",
    [
        {"code": 600061, "message": "It exists.", "errorName": "PartnerConfirmedAgreementAlreadyExists"},
        {"Code": "600061", "Description": "It exists."},
        {"code": "Whatever", "message": "It exists.", "errorMessageExtended": "InternalErrorCode=600061"},
    ],
)
def test_agreement_exists_in_every_shape(body: dict[str, object]) -> None:
    refused = refusal(400, body)

    assert isinstance(refused, errors.AlreadyExists)
    assert (refused.code, refused.message) == (600061, "It exists.")


def test_refusal_in_graph_shape() -> None:
    refused = refusal(403, {"error": {"code": "Authorization_RequestDenied", "message": "No.", "innerError": {}}})

    assert isinstance(refused, errors.Forbidden)
    assert (refused.code, refused.name, refused.message) == (None, "Authorization_RequestDenied", "No.")


@pytest.mark.parametrize("body", [None, "", [], 7, "<html>"])
def test_refusal_without_a_usable_body(body: object) -> None:
    refused = refusal(404, body)

    assert isinstance(refused, errors.NotFound)
    assert (refused.code, refused.field) == (None, None)
    assert "404" in refused.message


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, 2055, errors.StaleEtag),
        (412, None, errors.StaleEtag),
        (417, 800036, errors.StaleEtag),
        (403, 900149, errors.Forbidden),
        (404, 600074, errors.NotFound),
        (409, 800064, errors.Conflict),
        (501, 0, errors.Refused),
        (401, 400, errors.SignInFailed),
    ],
)
def test_kind_of_refusal(status: int, code: int | None, kind: type[errors.Refused]) -> None:
    assert type(refusal(status, {"code": code, "description": "x"})) is kind


def test_wrong_audience_is_named() -> None:
    refused = refusal(401, {"code": 900420, "description": "Token audience is no longer accepted."})

    assert isinstance(refused, errors.SignInFailed)
    assert refused.reason == "audience"
    assert refused.details == ("Token audience is no longer accepted.",)


@pytest.mark.parametrize(
    ("code", "message", "field"),
    [
        (600002, "Not for this country.", "organizationRegistrationNumber"),
        (600049, "Missing.", "organizationRegistrationNumber"),
        (600050, r"Must match ^(\d{7}|\d{10})$ .", "organizationRegistrationNumber"),
        (600051, "Missing.", "phoneNumber"),
        (None, "The domain contoso.onmicrosoft.com is already in use.", "domain"),
        (3000, "Domain prefix is not available", "domain"),
        (800002, "Address field invalid for property: 'Region', 'PostalCode', 'City'", "region"),
        (800002, "Address field invalid for property: 'PostalCode'", "postalCode"),
        (3000, "The property BillingProfile.DefaultAddress.State is invalid.", "state"),
        (3000, "PostalCode doesn't look right.", "postalCode"),
        (3000, "Please check the phone number.", "phoneNumber"),
        (3000, "Invalid value for 'Culture'.", "culture"),
        (3000, "Email is invalid", "email"),
        (3000, "The 'BillingProfile.Email' can't belong to the partner.", "email"),
        (3000, "A property in the body is invalid.", None),
        (800040, "Status cannot move from the state Active.", None),
    ],
)
def test_field_of_refusal(code: int | None, message: str, field: str | None) -> None:
    assert refusal(400, {"code": code, "description": message}).field == field


def test_field_is_found_in_the_details() -> None:
    assert refusal(400, {"code": 3000, "description": "Invalid.", "data": ["'City' is required"]}).field == "city"


def test_field_that_is_a_detail_of_its_own() -> None:
    body = {"code": 3000, "description": "The state of the request is invalid.", "data": ["BillingProfile.Email"]}

    assert refusal(400, body).field == "email"


def test_field_is_not_guessed_for_a_missing_right() -> None:
    assert refusal(403, {"code": 900149, "description": "Country is not supported."}).field is None


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"Retry-After": "57"}, None, 57.0),
        ({}, {"statusCode": 429, "message": "Rate limit is exceeded. Try again in 5 seconds."}, 5.0),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, None, 0.0),
        ({"Retry-After": "soon"}, None, None),
        ({}, None, None),
    ],
)
def test_retry_after(headers: dict[str, str], body: object, seconds: float | None) -> None:
    assert answers.retry_after(headers=headers, body=body) == seconds


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (
            {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided."},
            "invalid_client",
        ),
        (
            {"error": "invalid_client", "error_description": "AADSTS7000222: Expired.", "error_codes": [7000222]},
            "invalid_client",
        ),
        (
            {"error": "invalid_grant", "error_description": "AADSTS700082: The refresh token has expired."},
            "invalid_grant",
        ),
        ({"error": "invalid_grant", "error_codes": [65001], "suberror": "consent_required"}, "consent_required"),
        ({"error": "interaction_required", "error_description": "AADSTS50076: MFA."}, "interaction_required"),
        ({"error": "invalid_grant", "error_description": "AADSTS50076: MFA."}, "interaction_required"),
        (
            {"error": "unauthorized_client", "error_description": "AADSTS700016: Application not found."},
            "unknown_application",
        ),
        ({"error": "invalid_request", "error_description": "AADSTS90002: Tenant not found."}, "unknown_tenant"),
        ({"error": "invalid_resource", "error_description": "AADSTS500011: no principal."}, "audience"),
        ({"error": "something_new"}, "something_new"),
    ],
)
def test_sign_in_failure_has_a_reason_and_a_sentence(answer: dict[str, object], reason: str) -> None:
    failed = answers.sign_in_failure(answer=answer, status=400)

    assert failed.reason == reason
    assert failed.message[0].isupper()
    assert len(failed.message) > 20
    assert isinstance(failed, errors.Refused)


def test_an_unknown_outcome_is_never_taken_for_an_outage() -> None:
    kinds = (errors.Refused, errors.Throttled, errors.Unavailable, errors.UnknownOutcome)

    assert all(not issubclass(one, other) for one in kinds for other in kinds if one is not other)


def test_samples_stay_readable_as_text() -> None:
    body = json.loads('{"statusCode": 429, "message": "Rate limit is exceeded. Try again in 57 seconds."}')

    assert refusal(400, body).code is None
