"""No value in any member of any request makes the emulator fail; it answers or refuses."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from emulator_client import PartnerClient, customer_request

from partner_center_emulator.testing import Running

STRANGE = [None, 0, True, [], {"a": 1}, "", "x" * 2000, "\x00", "漢🙂", "\ud800", "0001-01-01T00:00:00+14:00"]
AGREEMENT = {
    "primaryContact": {"firstName": "a", "lastName": "b", "email": "a@b.example", "phoneNumber": "1"},
    "templateId": "117a77b0-9360-443b-8795-c6dedc750cf9",
    "dateAgreed": "2024-01-01",
    "type": "MicrosoftCustomerAgreement",
}
REQUESTS: list[tuple[str, str, Any]] = [
    ("POST", "/v1/customers", customer_request() | {"AssociatedPartnerId": "1"}),
    ("POST", "/v1/validations/address", customer_request()["BillingProfile"]["DefaultAddress"]),
    ("PUT", "/v1/customers/{customer}/profiles/billing", customer_request()["BillingProfile"]),
    ("POST", "/v1/customers/{customer}/qualifications", {"qualification": "Education", "educationSegment": "K12"}),
    ("PUT", "/v1/customers/{customer}/qualification", "education"),
    ("POST", "/v1/customers/{customer}/agreements", AGREEMENT),
    ("PATCH", "/v1/customers/{customer}", {"AllowDelegatedAccess": True, "relationshipToPartner": "x"}),
    ("POST", "/_emulator/faults", {"method": "X", "path": "x", "mode": "status", "status": 500, "retry_after": 1}),
    ("POST", "/_emulator/vetting", {"customer": "{customer}", "decision": "Approved", "qualification": "x"}),
    ("POST", "/_emulator/settings", {"throttling": False, "vetting_days": 2, "refresh_token_days": None}),
    ("POST", "/_emulator/accept", {"partner": "x", "domain": "x"}),
]


def places(value: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield at
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*at, key))


def put(value: Any, at: tuple[str, ...], strange: Any) -> Any:
    if not at:
        return strange
    changed = copy.deepcopy(value)
    target = changed
    for key in at[:-1]:
        target = target[key]
    target[at[-1]] = strange
    return changed


@pytest.mark.parametrize(("method", "path", "body"), REQUESTS, ids=[f"{item[0]} {item[1]}" for item in REQUESTS])
def test_strange_values_are_answered_or_refused(
    owner: PartnerClient, emulator: Running, method: str, path: str, body: Any
) -> None:
    emulator.emulator.settings.throttling = False
    customer = owner.get("/v1/customers?size=1").json()["items"][0]["id"]
    etag = owner.get(f"/v1/customers/{customer}/profiles/billing").json()["attributes"]["etag"]

    for at in places(body):
        for strange in STRANGE:
            content = json.dumps(put(body, at, strange)).encode()
            url = path.format(customer=customer)
            response = owner.call(method, url, content=content, headers={"If-Match": f'"{etag}"'})
            assert response.status_code < 500, (at, strange, response.text)
    owner.http.delete("/_emulator/faults")
    assert owner.get("/v1/customers").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/customers?filter=%00", 400),
        ("GET", "/v1/customers?size=99999999999999999999", 200),
        ("GET", "/v1/customers/%00", 400),
        ("HEAD", "/v1/domains/a%3Fb%23c", 404),
        ("GET", "/v1/countryvalidationrules/%C3%9F", 404),
        ("POST", "/%ff/oauth2/token", 400),
        ("GET", "/agreementscontainer/x?se=99999999999999999999", 200),
        ("GET", "/Adminportal/Home?partnerId=%00", 404),
        ("GET", "/v1", 404),
        ("GET", "/v1/", 404),
    ],
)
def test_strange_addresses(owner: PartnerClient, method: str, path: str, status: int) -> None:
    assert owner.call(method, path).status_code == status
