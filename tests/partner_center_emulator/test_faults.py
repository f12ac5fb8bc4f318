"""Faults: wrong statuses, answers that never come, broken connections; and throttling."""

import threading
import time
import uuid

import httpx
import pytest
from emulator_client import PartnerClient, customer_request

from partner_center_emulator.testing import Running, running
from partner_center_emulator.wellknown import CONTOSO

DOMAIN = "/v1/domains/wingtiptoys.onmicrosoft.com"


def order(http: httpx.Client, **fault: object) -> None:
    response = http.post("/_emulator/faults", json=fault)
    assert response.status_code == 201, response.text


def requests_of(http: httpx.Client, method: str) -> list[tuple[object, object]]:
    entries = http.get("/_emulator/requests").json()
    return [
        (item["status"], item["lost_status"])
        for item in entries
        if item["method"] == method and item["path"] == "/v1/customers"
    ]


def test_status_fault_counts_down(owner: PartnerClient, http: httpx.Client) -> None:
    order(http, method="GET", path="^/v1/customers$", count=2, status=503, retry_after=3)

    first, second, third = (owner.get("/v1/customers?size=1") for _ in range(3))
    assert [first.status_code, second.status_code, third.status_code] == [503, 503, 200]
    assert first.headers["Retry-After"] == "3"
    assert set(first.json()) == {"code", "description", "data", "source"}
    assert first.headers["MS-RequestId"]
    assert http.get("/_emulator/faults").json() == []


def test_status_fault_has_no_effect(owner: PartnerClient, http: httpx.Client) -> None:
    headers = {"MS-RequestId": str(uuid.uuid4())}
    order(http, method="POST", path="/v1/customers", status=500)

    assert owner.post("/v1/customers", json=customer_request(), headers=headers).status_code == 500
    assert owner.call("HEAD", DOMAIN).status_code == 404
    assert owner.post("/v1/customers", json=customer_request(), headers=headers).status_code == 201


def test_own_body_is_answered(owner: PartnerClient, http: httpx.Client) -> None:
    order(http, path="/v1/", status=409, body={"code": 800060, "description": "busy"})

    assert owner.get("/v1/customers").json() == {"code": 800060, "description": "busy"}


def test_graph_and_login_faults_have_their_shapes(graph: PartnerClient, http: httpx.Client) -> None:
    order(http, path="^/v1.0/", status=503)
    order(http, path="/oauth2/", status=503)

    assert "innerError" in graph.get("/v1.0/tenantRelationships/x").json()["error"]
    assert http.post(f"/{CONTOSO.tenant_id}/oauth2/token").json()["error"] == "temporarily_unavailable"


@pytest.mark.parametrize("mode", ["timeout_before", "timeout_after", "reset_after"])
def test_lost_answer(owner: PartnerClient, http: httpx.Client, mode: str) -> None:
    headers = {"MS-RequestId": str(uuid.uuid4())}
    order(http, method="POST", path="/v1/customers", mode=mode)

    began = time.monotonic()
    with pytest.raises(httpx.ReadTimeout if mode.startswith("timeout") else httpx.NetworkError):
        owner.post("/v1/customers", json=customer_request(), headers=headers, timeout=0.3)
    assert time.monotonic() - began < 2

    has_happened = mode != "timeout_before"
    assert owner.call("HEAD", DOMAIN).status_code == (200 if has_happened else 404)
    assert requests_of(http, "POST") == [(None, 201 if has_happened else None)]
    again = owner.post("/v1/customers", json=customer_request(), headers=headers)
    assert again.status_code == 201
    assert again.json()["userCredentials"]["password"]
    assert http.get("/_emulator/requests").json()[-1]["replayed"] is has_happened


def test_held_connections_block_nobody(owner: PartnerClient, http: httpx.Client) -> None:
    order(http, method="GET", path="/v1/customers", mode="timeout_before", count=5)

    def wait() -> None:
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{http.base_url}/v1/customers", timeout=1)

    waiting = [threading.Thread(target=wait) for _ in range(5)]
    for thread in waiting:
        thread.start()
    time.sleep(0.2)
    began = time.monotonic()
    assert owner.call("HEAD", DOMAIN).status_code == 404
    assert time.monotonic() - began < 0.5
    for thread in waiting:
        thread.join()


def test_held_connections_delay_no_shutdown() -> None:
    failures: list[Exception] = []
    with running() as emulator:
        httpx.post(f"{emulator.url}/_emulator/faults", json={"path": "/v1/", "mode": "timeout_before"})

        def wait() -> None:
            try:
                httpx.get(f"{emulator.url}/v1/customers", timeout=30)
            except httpx.TransportError as error:
                failures.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.3)
        began = time.monotonic()
    thread.join(timeout=5)
    assert time.monotonic() - began < 3
    assert len(failures) == 1


@pytest.mark.parametrize("fault", [{"mode": "explode"}, {"path": "("}, {"count": 0}, {"count": "x"}, {"status": 42}])
def test_wrong_order_is_refused(http: httpx.Client, fault: dict[str, object]) -> None:
    assert http.post("/_emulator/faults", json=fault).status_code == 400
    http.delete("/_emulator/faults")
    assert http.get("/_emulator/faults").json() == []


def test_throttling_by_customer(owner: PartnerClient, http: httpx.Client) -> None:
    http.post("/_emulator/settings", json={"requests_per_minute": 3})
    first, second = (item["id"] for item in owner.get("/v1/customers?size=2").json()["items"])

    statuses = [owner.get(f"/v1/customers/{first}").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    refused = owner.get(f"/v1/customers/{first}")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert set(refused.json()) == {"statusCode", "message"}
    assert owner.get(f"/v1/customers/{second}").status_code == 200
    http.post("/_emulator/clock", json={"advance": 61})
    assert owner.get(f"/v1/customers/{first}").status_code == 200
    http.post("/_emulator/settings", json={"throttling": False})
    assert {owner.get(f"/v1/customers/{first}").status_code for _ in range(6)} == {200}


def test_default_limit_is_five_hundred_a_minute(emulator: Running) -> None:
    assert emulator.emulator.settings.requests_per_minute == 500
