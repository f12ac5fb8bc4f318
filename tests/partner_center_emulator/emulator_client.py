"""A partner's HTTP client and the requests the tests make; the fixtures are in conftest.py."""

import ssl
from pathlib import Path
from typing import Any

import httpx

from partner_center_emulator.wellknown import PARTNER_CENTER, Partner

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "partner-center" / "samples"


# Plain HTTP needs no certificates, and loading them takes longer than a whole test.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class PartnerClient:
    """A partner's client: App+User unless it is told to be app-only."""

    def __init__(self, *, url: str, partner: Partner, is_user: bool = True, audience: str = PARTNER_CENTER) -> None:
        self.partner = partner
        self.http = httpx.Client(base_url=url, timeout=5, verify=NO_TLS)
        self.token = self.tokens(is_user=is_user, audience=audience)["access_token"]

    def tokens(self, *, is_user: bool = True, audience: str = PARTNER_CENTER) -> dict[str, Any]:
        form = {"client_id": self.partner.client_id, "client_secret": self.partner.client_secret, "resource": audience}
        if is_user:
            form |= {"grant_type": "refresh_token", "refresh_token": self.partner.refresh_token}
        else:
            form["grant_type"] = "client_credentials"
        response = self.http.post(f"/{self.partner.tenant_id}/oauth2/token", data=form)
        assert response.status_code == 200, response.text
        return response.json()

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        return self.http.request(method, path, headers=headers, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.call("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.call("POST", path, **options)


def customer_request(*, prefix: str = "wingtiptoys", country: str = "US", **address: str) -> dict[str, Any]:
    """A customer that Partner Center takes; keyword arguments change its address."""
    given = {
        "FirstName": "Gena",
        "LastName": "Soto",
        "AddressLine1": "1 Microsoft Way",
        "City": "Redmond",
        "State": "WA",
        "PostalCode": "98052",
        "Country": country,
        "PhoneNumber": "4255550101",
    }
    return {
        "enableGDAPByDefault": True,
        "CompanyProfile": {"Domain": f"{prefix}.onmicrosoft.com"},
        "BillingProfile": {
            "Culture": "EN-US",
            "Email": "gena@wingtiptoys.example",
            "Language": "En",
            "CompanyName": "Wingtip Toys",
            "DefaultAddress": given | address,
        },
    }
