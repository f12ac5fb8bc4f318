"""The customer agreement: metadata, confirmations and their refusals, direct signature, document links."""

from typing import Any

import httpx
import pytest
from emulator_client import PartnerClient

TEMPLATE = "117a77b0-9360-443b-8795-c6dedc750cf9"
CONTACT = {"firstName": "Tania", "lastName": "Carr", "email": "tania@example.com", "phoneNumber": "1234567890"}


@pytest.fixture
def path(owner: PartnerClient) -> str:
    return f"/v1/customers/{owner.get('/v1/customers?size=1').json()['items'][0]['id']}"


def agreement(**changes: Any) -> dict[str, Any]:
    given = {
        "primaryContact": CONTACT,
        "templateId": TEMPLATE,
        "dateAgreed": "2024-06-14T00:00:00.000Z",
        "type": "MicrosoftCustomerAgreement",
    }
    return given | changes


def test_metadata_is_of_the_old_agreement_unless_asked(owner: PartnerClient) -> None:
    def types(query: str) -> list[str]:
        return [item["agreementType"] for item in owner.get(f"/v1/agreements{query}").json()["items"]]

    assert types("") == ["MicrosoftCloudAgreement"]
    assert types("?agreementType=MicrosoftCustomerAgreement") == ["MicrosoftCustomerAgreement"]
    assert types("?agreementType=*") == ["MicrosoftCloudAgreement", "MicrosoftCustomerAgreement"]
    assert owner.get("/v1/agreements?agreementType=Other").status_code == 400


def test_confirmation_is_listed(owner: PartnerClient, path: str) -> None:
    query = "?agreementType=MicrosoftCustomerAgreement"
    assert owner.get(f"{path}/agreements{query}").json()["totalCount"] == 0

    created = owner.post(f"{path}/agreements", json=agreement())

    assert created.status_code == 201
    assert created.json()["userId"] == owner.partner.user_id
    items = owner.get(f"{path}/agreements{query}").json()["items"]
    assert items == [agreement() | {"agreementLink": "https://aka.ms/customeragreement"}]
    assert owner.get(f"{path}/agreements").json()["items"] == []


def test_another_contact_confirms_again(owner: PartnerClient, path: str) -> None:
    assert owner.post(f"{path}/agreements", json=agreement()).status_code == 201
    again = owner.post(f"{path}/agreements", json=agreement(dateAgreed="2024-07-01T00:00:00Z"))
    assert (again.status_code, again.json()["code"]) == (400, 600061)
    other = agreement(primaryContact=CONTACT | {"email": "other@example.com"})
    assert owner.post(f"{path}/agreements", json=other).status_code == 201


@pytest.mark.parametrize(
    "changes",
    [
        {"primaryContact": None},
        {"primaryContact": CONTACT | {"firstName": ""}},
        {"primaryContact": CONTACT | {"email": "nonsense"}},
        {"templateId": "998b88de-aa99-4388-a42c-1b3517d49490"},
        {"templateId": None},
        {"dateAgreed": "2999-01-01T00:00:00Z"},
        {"dateAgreed": "yesterday"},
        {"dateAgreed": None},
        {"type": "Other"},
    ],
)
def test_wrong_confirmation_is_refused_in_the_second_shape(
    owner: PartnerClient, path: str, changes: dict[str, Any]
) -> None:
    response = owner.post(f"{path}/agreements", json=agreement(**changes))

    members = {"code", "message", "description", "errorName", "isRetryable", "parameters", "errorMessageExtended"}
    assert (response.status_code, set(response.json())) == (400, members)
    assert owner.get(f"{path}/agreements?agreementType=*").json()["totalCount"] == 0


def test_customer_signs_directly(owner: PartnerClient, http: httpx.Client, path: str) -> None:
    status = f"{path}/directSignedMicrosoftCustomerAgreementStatus"
    assert owner.get(status).json() == {"isSigned": False}

    http.post("/_emulator/agreement", json={"customer": path.rpartition("/")[2], "signed": True})
    assert owner.get(status).json() == {"isSigned": True}


def test_document_links_live_five_minutes(owner: PartnerClient, http: httpx.Client) -> None:
    links = owner.get(f"/v1/agreementtemplates/{TEMPLATE}/document?language=fr-FR&country=FR").json()
    assert (links["language"], links["country"]) == ("fr-FR", "FR")
    for uri in (links["displayUri"], links["downloadUri"]):
        assert http.get(uri).status_code == 200

    http.post("/_emulator/clock", json={"advance": "PT6M"})
    assert http.get(links["displayUri"]).status_code == 403


@pytest.mark.parametrize(
    ("query", "status"), [("", 200), ("?country=us", 400), ("?language=xx-YY&country=DE", 400), ("?country=DE", 200)]
)
def test_document_country_is_case_sensitive(owner: PartnerClient, query: str, status: int) -> None:
    assert owner.get(f"/v1/agreementtemplates/{TEMPLATE}/document{query}").status_code == status


def test_unknown_template_is_not_found(owner: PartnerClient) -> None:
    assert owner.get("/v1/agreementtemplates/none/document").status_code == 404
