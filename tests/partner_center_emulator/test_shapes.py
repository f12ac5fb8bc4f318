"""The members of the main answers, restated here so that they hold on machines without Microsoft's samples."""

from typing import Any

import pytest
from emulator_client import PartnerClient, customer_request

ADDRESS = {
    "country": "str",
    "city": "str",
    "state": "str",
    "addressLine1": "str",
    "postalCode": "str",
    "firstName": "str",
    "lastName": "str",
    "phoneNumber": "str",
}
LINK = {"self": {"uri": "str", "method": "str", "headers": []}}
BILLING = {
    "id": "str",
    "email": "str",
    "culture": "str",
    "language": "str",
    "companyName": "str",
    "defaultAddress": ADDRESS,
    "attributes": {"etag": "str", "objectType": "str"},
}
COMPANY = {"tenantId": "str", "domain": "str", "attributes": {"objectType": "str"}}
CREATED = {
    "id": "str",
    "commerceId": "str",
    "companyProfile": COMPANY,
    "billingProfile": BILLING,
    "enableGDAPByDefault": "bool",
    "relationshipToPartner": "str",
    "userCredentials": {"userName": "str", "password": "str"},
    "attributes": {"objectType": "str"},
}
COMPANY_IN_FULL = COMPANY | {
    "companyName": "str",
    "address": {
        "country": "str",
        "region": "str",
        "city": "str",
        "addressLine1": "str",
        "postalCode": "str",
        "phoneNumber": "str",
    },
    "email": "str",
    "links": LINK,
}
CUSTOMER = {
    "id": "str",
    "commerceId": "str",
    "companyProfile": COMPANY_IN_FULL,
    "billingProfile": BILLING | {"firstName": "str", "lastName": "str", "links": LINK},
    "relationshipToPartner": "str",
    "allowDelegatedAccess": "bool",
    "customDomains": ["str"],
    "links": LINK,
    "attributes": {"objectType": "str"},
}
ITEM = {
    "id": "str",
    "companyProfile": COMPANY | {"companyName": "str"},
    "relationshipToPartner": "str",
    "attributes": {"objectType": "str"},
}
LIST = {"totalCount": "int", "items": [ITEM], "links": LINK, "attributes": {"objectType": "str"}}


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def test_created_customer(app: PartnerClient) -> None:
    assert shape(app.post("/v1/customers", json=customer_request()).json()) == CREATED


def test_customer(owner: PartnerClient) -> None:
    listed = owner.get("/v1/customers?size=500").json()
    customer = listed["items"][0]["id"]

    assert shape(listed) == LIST
    assert shape(owner.get(f"/v1/customers/{customer}").json()) == CUSTOMER
    assert shape(owner.get(f"/v1/customers/{customer}/profiles/company").json()) == COMPANY_IN_FULL


@pytest.mark.parametrize(
    ("path", "object_type"),
    [
        ("/v1/profiles/legalbusiness", "LegalBusinessProfile"),
        ("/v1/profiles/organization", "OrganizationProfile"),
        ("/v1/profiles/billing", "PartnerBillingProfile"),
        ("/v1/profiles/mpn", "MpnProfile"),
        ("/v1/profiles/support", "SupportProfile"),
        ("/v1/customers/relationshiprequests", "RelationshipRequest"),
        ("/v1/relationships", "Collection"),
        ("/v1/agreements?agreementType=*", "Collection"),
        ("/v1/partnerRequests", "Collection"),
    ],
)
def test_resource_names_its_type(owner: PartnerClient, path: str, object_type: str) -> None:
    answer = owner.get(path, headers={"ValidateMfa": "true"})

    assert answer.json()["attributes"]["objectType"] == object_type
    assert answer.headers["isMfaCompliant"] == "true"


def test_partner_id_can_be_verified(owner: PartnerClient) -> None:
    assert owner.get("/v1/profiles/mpn?mpnId=4847433").json()["mpnId"] == "4847433"
    missing = owner.get("/v1/profiles/mpn?mpnId=1")
    assert (missing.status_code, missing.json()["code"]) == (404, 800015)
    assert owner.get("/v1/compliance/csp/agreementstatus?mpnId=4847433").json() == {"isAgreementSigned": True}
    assert owner.get("/v1/compliance/csp/agreementstatus?mpnId=1").status_code == 404
