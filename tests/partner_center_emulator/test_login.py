"""Tokens and OpenID configuration as Entra gives and refuses them."""

import base64
import json
from typing import Any

import httpx
import msal
import pytest
import requests
from emulator_client import PartnerClient

from partner_center_emulator.testing import Running
from partner_center_emulator.wellknown import AZURE_AD_GRAPH, CONTOSO, FABRIKAM, GRAPH, PARTNER_API, PARTNER_CENTER

TOKEN = f"/{CONTOSO.tenant_id}/oauth2/token"
TOKEN_V2 = f"/{CONTOSO.tenant_id}/oauth2/v2.0/token"


def form(**changes: str) -> dict[str, str]:
    given = {
        "grant_type": "client_credentials",
        "client_id": CONTOSO.client_id,
        "client_secret": CONTOSO.client_secret,
        "resource": PARTNER_CENTER,
    }
    return {name: value for name, value in (given | changes).items() if value}


@pytest.mark.parametrize(
    ("path", "changes", "status", "error", "number"),
    [
        (TOKEN, {"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        (TOKEN, {"client_secret": ""}, 401, "invalid_client", 7000218),
        (TOKEN, {"client_id": "00000000-0000-0000-0000-00000000dead"}, 400, "unauthorized_client", 700016),
        (TOKEN, {"client_id": FABRIKAM.client_id}, 400, "unauthorized_client", 700016),
        ("/nobody.example/oauth2/token", {}, 400, "invalid_request", 90002),
        (TOKEN, {"grant_type": ""}, 400, "invalid_request", 900144),
        (TOKEN, {"resource": ""}, 400, "invalid_request", 900144),
        (TOKEN, {"resource": "https://emulator.example"}, 400, "invalid_resource", 500011),
        (TOKEN, {"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        (TOKEN, {"grant_type": "refresh_token"}, 400, "invalid_request", 900144),
        (TOKEN, {"grant_type": "refresh_token", "refresh_token": "dead"}, 400, "invalid_grant", 9002313),
        (TOKEN_V2, {"scope": f"{PARTNER_CENTER}/user_impersonation"}, 400, "invalid_scope", 1002012),
        (TOKEN_V2, {"scope": ""}, 400, "invalid_request", 900144),
    ],
)
def test_token_refusals_have_entras_body(
    http: httpx.Client, path: str, changes: dict[str, str], status: int, error: str, number: int
) -> None:
    response = http.post(path, data=form(**changes))

    body = response.json()
    assert (response.status_code, body["error"], body["error_codes"]) == (status, error, [number])
    assert body["error_description"].startswith(f"AADSTS{number}:")
    assert {"timestamp", "trace_id", "correlation_id"} <= set(body)


@pytest.mark.parametrize("resource", [PARTNER_CENTER, GRAPH, PARTNER_API, AZURE_AD_GRAPH, PARTNER_CENTER + "/"])
def test_audience_is_the_resource(http: httpx.Client, resource: str) -> None:
    token = http.post(TOKEN, data=form(resource=resource)).json()["access_token"]

    assert claims(token)["aud"] == resource.rstrip("/")


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    content: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return content


def test_v2_answer_has_numbers_and_no_resource(http: httpx.Client) -> None:
    body = http.post(TOKEN_V2, data=form(resource="", scope=f"{PARTNER_CENTER}/.default")).json()

    assert body["expires_in"] == 3600
    assert set(body) == {"token_type", "expires_in", "ext_expires_in", "access_token"}


def test_refresh_token_rolls_and_the_old_one_keeps_working(owner: PartnerClient, http: httpx.Client) -> None:
    new = owner.tokens()["refresh_token"]

    assert new != CONTOSO.refresh_token
    for token in (CONTOSO.refresh_token, new):
        for resource in (PARTNER_CENTER, GRAPH, PARTNER_API):
            redeemed = http.post(TOKEN, data=form(grant_type="refresh_token", refresh_token=token, resource=resource))
            assert redeemed.status_code == 200


def test_revoked_refresh_tokens_are_dead_until_a_new_sign_in(owner: PartnerClient, http: httpx.Client) -> None:
    issued = owner.tokens()["refresh_token"]
    http.post("/_emulator/revoke", json={"partner": CONTOSO.tenant_id})

    for token in (CONTOSO.refresh_token, issued):
        refused = http.post(TOKEN, data=form(grant_type="refresh_token", refresh_token=token))
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    renewed = http.post("/_emulator/sign-in", json={"partner": CONTOSO.tenant_id}).json()["refresh_token"]
    assert http.post(TOKEN, data=form(grant_type="refresh_token", refresh_token=renewed)).status_code == 200


def test_refresh_token_dies_of_inactivity_when_told_to(owner: PartnerClient, http: httpx.Client) -> None:
    http.post("/_emulator/settings", json={"refresh_token_days": 90})
    issued = owner.tokens()["refresh_token"]
    http.post("/_emulator/clock", json={"advance": "P91D"})

    refused = http.post(TOKEN, data=form(grant_type="refresh_token", refresh_token=issued))
    assert refused.json()["error_codes"] == [700082]


def test_refresh_token_can_be_redeemed_in_a_customers_tenant(owner: PartnerClient, http: httpx.Client) -> None:
    customer = owner.get("/v1/customers?size=1").json()["items"][0]["id"]
    request = form(grant_type="refresh_token", refresh_token=CONTOSO.refresh_token, resource=GRAPH)

    assert claims(http.post(f"/{customer}/oauth2/token", data=request).json()["access_token"])["tid"] == customer


def test_basic_credentials_are_taken(http: httpx.Client) -> None:
    request = {"grant_type": "client_credentials", "resource": PARTNER_CENTER}

    assert http.post(TOKEN, data=request, auth=(CONTOSO.client_id, CONTOSO.client_secret)).status_code == 200


def test_expired_token_is_refused(owner: PartnerClient, graph: PartnerClient, http: httpx.Client) -> None:
    http.post("/_emulator/clock", json={"advance": "PT61M"})

    assert owner.get("/v1/customers").status_code == 401
    refused = graph.get("/v1.0/tenantRelationships/findTenantInformationByTenantId(tenantId='x')")
    assert refused.json()["error"]["code"] == "InvalidAuthenticationToken"


@pytest.mark.parametrize(("audience", "code"), [(AZURE_AD_GRAPH, 900420), (GRAPH, 400), (PARTNER_API, 400)])
def test_wrong_audience_is_refused_by_partner_center(emulator: Running, audience: str, code: int) -> None:
    client = PartnerClient(url=emulator.url, partner=CONTOSO, audience=audience)

    response = client.get("/v1/customers")
    assert (response.status_code, response.json()["code"]) == (401, code)
    assert "WWW-Authenticate" in response.headers


def test_wrong_audience_is_refused_by_graph(owner: PartnerClient) -> None:
    path = "/v1.0/tenantRelationships/findTenantInformationByDomainName(domainName='alpinelogistics.example')"

    response = owner.get(path)
    assert (response.status_code, response.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
    assert set(response.json()["error"]["innerError"]) == {"date", "request-id", "client-request-id"}


@pytest.mark.parametrize("token", ["", "nonsense", "a.b.c"])
def test_no_or_foreign_token_is_refused(http: httpx.Client, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    response = http.get("/v1/customers", headers=headers)
    assert response.status_code == 401
    assert isinstance(response.json()["code"], int)


@pytest.mark.parametrize("path", ["/alpinelogistics.example", "/alpinelogistics.onmicrosoft.com"])
@pytest.mark.parametrize("version", ["", "/v2.0"])
def test_openid_configuration_finds_a_tenant_by_domain(http: httpx.Client, path: str, version: str) -> None:
    body = http.get(f"{path}{version}/.well-known/openid-configuration").json()

    tenants = http.get("/_emulator/tenants").json()
    tenant = next(item for item in tenants if item["default_domain"] == "alpinelogistics.onmicrosoft.com")
    assert tenant["tenant_id"] in body["issuer"]
    assert body["token_endpoint"] == str(http.base_url.join(f"/{tenant['tenant_id']}/oauth2{version}/token"))


def test_openid_configuration_of_an_unknown_domain_is_refused(http: httpx.Client) -> None:
    response = http.get("/nobody.example/v2.0/.well-known/openid-configuration")

    assert (response.status_code, response.json()["error_codes"]) == (400, [90002])


class PlainHttp(requests.Session):
    """msal insists on https; this speaks http below it, as a TLS proxy would."""

    def request(self, method: str, url: str, *args: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        options["headers"] = dict(options.get("headers") or {}) | {"X-Forwarded-Proto": "https"}
        return super().request(method, url.replace("https://", "http://", 1), *args, **options)


def test_msal_gets_tokens(emulator: Running) -> None:
    application = msal.ConfidentialClientApplication(
        CONTOSO.client_id,
        client_credential=CONTOSO.client_secret,
        authority=f"https://127.0.0.1:{emulator.port}/{CONTOSO.tenant_id}",
        instance_discovery=False,
        http_client=PlainHttp(),
    )

    app_only = application.acquire_token_for_client([f"{PARTNER_CENTER}/.default"])
    user = application.acquire_token_by_refresh_token(CONTOSO.refresh_token, [f"{PARTNER_CENTER}/user_impersonation"])
    assert claims(app_only["access_token"])["idtyp"] == "app"
    assert claims(user["access_token"])["idtyp"] == "user"
    assert user["refresh_token"]
