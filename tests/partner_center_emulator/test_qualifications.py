"""Qualifications old and new, their vetting, validation codes, the account's review."""

from typing import Any

import httpx
import pytest
from emulator_client import PartnerClient

EDUCATION = {"qualification": "Education", "educationSegment": "K12", "website": "school.example"}


@pytest.fixture
def customer(owner: PartnerClient) -> str:
    return str(owner.get("/v1/customers?size=1").json()["items"][0]["id"])


def ask(owner: PartnerClient, customer: str, body: dict[str, Any]) -> httpx.Response:
    return owner.post(f"/v1/customers/{customer}/qualifications", json=body)


def held(owner: PartnerClient, customer: str) -> list[dict[str, str]]:
    return owner.get(f"/v1/customers/{customer}/qualifications").json()


def test_education_is_reviewed_for_two_days(owner: PartnerClient, http: httpx.Client, customer: str) -> None:
    assert ask(owner, customer, EDUCATION).json()["vettingStatus"] == "InReview"
    http.post("/_emulator/clock", json={"advance": "P1D"})
    owner.token = owner.tokens()["access_token"]
    assert held(owner, customer)[0]["vettingStatus"] == "InReview"
    http.post("/_emulator/clock", json={"advance": "P1D"})
    owner.token = owner.tokens()["access_token"]
    assert held(owner, customer) == [{"qualification": "Education", "vettingStatus": "Approved"}]
    assert owner.get(f"/v1/customers/{customer}/qualification").json() == "education"


def test_denied_education_may_be_asked_again(owner: PartnerClient, http: httpx.Client, customer: str) -> None:
    ask(owner, customer, EDUCATION)
    http.post("/_emulator/vetting", json={"customer": customer, "decision": "Denied", "reason": "No school"})

    assert held(owner, customer)[0]["vettingReason"] == "No school"
    assert ask(owner, customer, EDUCATION).status_code == 201
    assert [item["vettingStatus"] for item in held(owner, customer)] == ["InReview"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, 3000),
        ({"qualification": "Charity"}, 900126),
        ({"qualification": "Nonprofit"}, 900126),
        ({"qualification": "Education"}, 3000),
        ({"qualification": "Education", "educationSegment": "Kindergarten"}, 3000),
        ({"qualification": "GovernmentCommunityCloud"}, 3000),
        ({"qualification": "GovernmentCommunityCloud", "validationCode": "0"}, 3000),
    ],
)
def test_wrong_request_is_refused(owner: PartnerClient, customer: str, body: dict[str, str], code: int) -> None:
    response = ask(owner, customer, body)

    assert (response.status_code, response.json()["code"]) == (400, code)
    assert held(owner, customer) == []


def test_only_state_owned_goes_beside_another(owner: PartnerClient, customer: str) -> None:
    assert ask(owner, customer, EDUCATION).status_code == 201
    assert ask(owner, customer, EDUCATION).status_code == 400
    government = {"qualification": "GovernmentCommunityCloud", "validationCode": "12345"}
    assert ask(owner, customer, government).status_code == 400
    assert ask(owner, customer, {"qualification": "stateOwnedEntity"}).status_code == 201
    assert [item["qualification"] for item in held(owner, customer)] == ["Education", "StateOwnedEntity"]


def test_government_uses_a_validation_code_up(owner: PartnerClient, customer: str) -> None:
    before = owner.get("/v1/customers/all/validations").json()[0]
    government = {"qualification": "GovernmentCommunityCloud", "validationCode": before["validationId"]}

    assert ask(owner, customer, government).json()["vettingStatus"] == "Approved"

    after = owner.get("/v1/customers/all/validations").json()[0]
    assert after["remainingCreates"] == before["remainingCreates"] - 1
    for item in owner.get("/v1/customers?size=5").json()["items"][1:]:
        last = ask(owner, item["id"], government)
    assert last.status_code == 400


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("education", "education"),
        ("Nonprofit", "nonprofit"),
        ("stateOwnedEntity", "stateownedentity"),
        (1, "education"),
    ],
)
def test_old_write_takes_a_bare_value(owner: PartnerClient, customer: str, value: object, answer: str) -> None:
    path = f"/v1/customers/{customer}/qualification"
    assert owner.get(path).json() == "none"

    assert owner.call("PUT", path, json=value).json() == answer
    assert owner.get(path).json() == answer
    assert owner.call("PUT", path, json="none").json() == "none"
    assert held(owner, customer) == []


def test_old_write_of_government_needs_its_code(owner: PartnerClient, customer: str) -> None:
    path = f"/v1/customers/{customer}/qualification"

    assert owner.call("PUT", path, json="governmentCommunityCloud").status_code == 400
    good = owner.call("PUT", f"{path}?code=12345", json="governmentCommunityCloud")
    assert good.json() == "governmentcommunitycloud"
    assert owner.call("PUT", path, json="charity").json()["code"] == 900126


def test_account_status_follows_the_control(owner: PartnerClient, http: httpx.Client, customer: str) -> None:
    path = f"/v1/customers/{customer}/validationStatus"
    assert owner.get(f"{path}?type=account").json()["status"] == "Allowed"
    assert owner.get(path).status_code == 400

    http.post("/_emulator/account-status", json={"customer": customer, "status": "UnderReview"})
    assert owner.get(f"{path}?type=account").json()["status"] == "UnderReview"
    http.post("/_emulator/account-status", json={"customer": customer, "status": ""})
    absent = owner.get(f"{path}?type=account")
    assert (absent.status_code, absent.json()["code"]) == (404, 600074)
