"""Clock, reset, requests, tenants to find, the consent page, the index, and who may use the controls."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from emulator_client import PartnerClient, customer_request
from starlette.requests import Request

from partner_center_emulator import control
from partner_center_emulator.clock import after_duration
from partner_center_emulator.seed import default_tenants
from partner_center_emulator.testing import Running
from partner_center_emulator.wellknown import CONTOSO, PARTNERS

FREE_DOMAIN = "lanterntravel.onmicrosoft.com"


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        ("2025-01-31", "P1M", "2025-02-28"),
        ("2024-02-29", "P1Y", "2025-02-28"),
        ("2025-01-01", "P1Y2M3DT4H", "2026-03-04T04:00:00"),
        ("2025-01-01", "P2W", "2025-01-15"),
        ("2025-03-31", "-P1M", "2025-02-28"),
    ],
)
def test_durations(start: str, duration: str, end: str) -> None:
    assert after_duration(start=datetime.fromisoformat(start), duration=duration) == datetime.fromisoformat(end)


@pytest.mark.parametrize("duration", ["", "P", "PT", "3D", "P3", "soon"])
def test_unreadable_duration_is_refused(duration: str, http: httpx.Client) -> None:
    assert http.post("/_emulator/clock", json={"advance": duration}).status_code == 400


def now(http: httpx.Client) -> datetime:
    return datetime.fromisoformat(http.get("/_emulator/clock").json()["now"])


@pytest.mark.parametrize(
    "body", [{"advance": "P3D"}, {"advance": 259200}, {"advance": {"days": 3}}, {"seconds": 259200}]
)
def test_clock_advances_and_runs_on(http: httpx.Client, body: dict[str, Any]) -> None:
    before = now(http)

    answer = http.post("/_emulator/clock", json=body).json()

    assert timedelta(days=3) <= now(http) - before < timedelta(days=3, seconds=10)
    assert answer["offset_seconds"] == pytest.approx(259200, abs=5)
    assert set(answer) == {"now", "offset_seconds"}


def test_clock_can_be_set(http: httpx.Client) -> None:
    answer = http.post("/_emulator/clock", json={"now": "2031-05-06T07:08:09Z"}).json()

    assert answer["now"].startswith("2031-05-06T07:08:09")
    assert http.post("/_emulator/clock", json={}).status_code == 400
    assert http.get("/_emulator/health").headers["Date"].startswith("Tue, 06 May 2031 07:08:")


def test_reset_forgets_everything(owner: PartnerClient, http: httpx.Client) -> None:
    customer = owner.post("/v1/customers", json=customer_request()).json()["id"]
    http.post("/_emulator/faults", json={"path": "/v1/", "status": 500})
    http.post("/_emulator/clock", json={"advance": "P9D"})

    http.post("/_emulator/reset")

    assert owner.get(f"/v1/customers/{customer}").json()["code"] == 60003
    assert abs(now(http) - datetime.now(UTC)) < timedelta(seconds=10)
    assert len(http.get("/_emulator/requests").json()) == 1


def test_requests_are_listed_in_order(owner: PartnerClient, http: httpx.Client) -> None:
    http.delete("/_emulator/requests")
    owner.get("/v1/customers?size=1", headers={"MS-RequestId": "94e4e214-6b06-4fb7-96d1-94d559f9b47f"})
    owner.get("/v1/nonsense")

    first, second = http.get("/_emulator/requests").json()
    assert (first["method"], first["path"], first["query"]) == ("GET", "/v1/customers", "size=1")
    assert first["MS-RequestId"] == "94e4e214-6b06-4fb7-96d1-94d559f9b47f"
    assert (first["status"], second["status"]) == (200, 404)


def test_seeded_tenants_are_constant_and_plausible() -> None:
    tenants = default_tenants()

    assert len({tenant.tenant_id for tenant in tenants}) == len({tenant.default_domain for tenant in tenants}) == 300
    assert tenants == default_tenants()
    assert tenants[0].tenant_id == "c7c715cf-4706-5ee7-b763-a30cfe857dbe"
    assert {tenant.country for tenant in tenants} > {"US", "DE", "GB", "JP"}


def test_seeded_customers_satisfy_the_rules(owner: PartnerClient) -> None:
    """Whoever reads a seeded billing profile can write it back."""
    for item in owner.get("/v1/customers").json()["items"][:20]:
        path = f"/v1/customers/{item['id']}/profiles/billing"
        profile = owner.get(path).json()
        headers = {"If-Match": f'"{profile["attributes"]["etag"]}"'}
        assert owner.call("PUT", path, json=profile, headers=headers).status_code == 200, profile


def test_partners_are_listed_with_their_secrets(http: httpx.Client) -> None:
    listed = {item["tenant_id"]: item["client_secret"] for item in http.get("/_emulator/partners").json()}

    assert listed == {partner.tenant_id: partner.client_secret for partner in PARTNERS}


def tenant_id(http: httpx.Client, domain: str) -> str:
    return next(item["tenant_id"] for item in http.get("/_emulator/tenants").json() if item["default_domain"] == domain)


@pytest.mark.parametrize("way", ["form", "query", "legacy"])
def test_customer_accepts_by_the_link(owner: PartnerClient, http: httpx.Client, way: str) -> None:
    link = owner.get("/v1/customers/relationshiprequests").json()["url"]
    parts = urlsplit(link)
    assert "invType=ResellerRelationship" in parts.query
    assert f"partnerId={CONTOSO.tenant_id}" in parts.query
    page = http.get(link)
    assert (page.status_code, CONTOSO.name in page.text, "<form" in page.text) == (200, True, True)

    if way == "form":
        done = http.post(link, data={"domain": FREE_DOMAIN, "agreement": "yes"})
    elif way == "query":
        done = http.post(f"{parts.path}?{parts.query}&domain={FREE_DOMAIN}")
    else:
        done = http.post(f"/_emulator/consent?partner={CONTOSO.tenant_id}", data={"domain": FREE_DOMAIN})

    assert done.status_code == 200
    customer = tenant_id(http, FREE_DOMAIN)
    listed = [item["id"] for item in owner.get("/v1/customers").json()["items"]]
    assert listed[-1] == customer
    answer = owner.get(f"/v1/customers/{customer}").json()
    assert (answer["relationshipToPartner"], answer["allowDelegatedAccess"]) == ("reseller", False)
    signed = owner.get(f"/v1/customers/{customer}/directSignedMicrosoftCustomerAgreementStatus").json()
    assert signed == {"isSigned": way == "form"}
    again = http.post(link, data={"domain": FREE_DOMAIN})
    assert "already was" in again.text
    assert len(owner.get("/v1/customers").json()["items"]) == len(listed)


def test_consent_page_refuses_the_unknown_and_escapes(owner: PartnerClient, http: httpx.Client) -> None:
    link = owner.get("/v1/customers/relationshiprequests").json()["url"]

    unknown = http.post(link, data={"domain": "<script>.example"})
    assert unknown.status_code == 404
    assert "<script>" not in unknown.text
    assert http.get("/Adminportal/Home?partnerId=nobody").status_code == 404


def test_control_accepts_too(owner: PartnerClient, http: httpx.Client) -> None:
    body = {"partner": CONTOSO.tenant_id, "domain": FREE_DOMAIN}

    assert http.post("/_emulator/accept", json=body).json()["is_new"] is True
    assert http.post("/_emulator/accept", json=body).json()["is_new"] is False
    assert owner.get(f"/v1/customers/{tenant_id(http, FREE_DOMAIN)}").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/_emulator/health", None, 200),
        ("GET", "/", None, 200),
        ("GET", "/_emulator/nonsense", None, 404),
        ("POST", "/_emulator/vetting", {"customer": "nobody.example", "decision": "Approved"}, 404),
        ("POST", "/_emulator/revoke", {"partner": "nobody"}, 404),
        ("POST", "/_emulator/settings", {"requests_per_minute": "x"}, 400),
        ("GET", "/nonsense", None, 404),
    ],
)
def test_control_statuses(http: httpx.Client, method: str, path: str, body: Any, status: int) -> None:
    assert http.request(method, path, json=body).status_code == status


@pytest.mark.parametrize(("host", "status"), [("127.0.0.1", 200), ("::1", 200), ("192.0.2.7", 403), ("", 403)])
def test_controls_are_for_this_machine(emulator: Running, host: str, status: int) -> None:
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/_emulator/health",
        "headers": [],
        "query_string": b"",
        "server": ("127.0.0.1", 80),
        "client": (host, 1),
        "scheme": "http",
    }

    response = control.answer(world=emulator.emulator, request=Request(scope), content=b"")
    assert response.status_code == status


def test_graph_finds_by_tenant_id(graph: PartnerClient, http: httpx.Client) -> None:
    wanted = tenant_id(http, FREE_DOMAIN)
    base = "/v1.0/tenantRelationships/findTenantInformation"

    assert graph.get(f"{base}ByTenantId(tenantId='{wanted}')").json()["defaultDomainName"] == FREE_DOMAIN
    encoded = graph.get(f"{base}ByDomainName(domainName=%27LanternTravel.example%27)")
    assert encoded.json()["tenantId"] == wanted
    missing = graph.get(f"{base}ByDomainName(domainName='nobody.example')")
    assert (missing.status_code, set(missing.json()["error"])) == (404, {"code", "message", "innerError"})
