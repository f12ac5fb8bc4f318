"""How calls are made: headers, patience, honesty about writes, tokens, log lines."""

import dataclasses
import logging
import threading
import time
import uuid
from typing import Any

import pytest
import structlog

from msphub.microsoft import connection, errors, login, shapes, wire

PATH = "/v1/customers/c-1/profiles/billing"
PROFILE = {"id": "b-1", "companyName": "Contoso", "attributes": {"etag": "7"}}
CLIENT_SECRET = "S3cret~of-the-application"
REFRESH_TOKEN = "0.refresh-token-of-the-admin"


def write(client: Any, request_id: uuid.UUID | None = None) -> Any:
    profile = shapes.BillingProfile(etag="7", company_name="Contoso", raw=PROFILE)
    return client.update_billing_profile(request_id=request_id or uuid.uuid4(), customer_id="c-1", profile=profile)


def test_headers_of_a_read(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", PATH, reply(body=PROFILE))

    client.billing_profile(customer_id="c-1")

    (request,) = microsoft.calls()
    assert request.headers["authorization"] == "Bearer client_credentials-token-1"
    assert request.headers["x-locale"] == "en-US"
    assert request.headers["accept"] == "application/json"
    assert uuid.UUID(request.headers["ms-requestid"])
    assert uuid.UUID(request.headers["ms-correlationid"])


def test_write_carries_the_id_of_its_row(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("PUT", PATH, reply(body=PROFILE))
    request_id = uuid.uuid4()

    write(client, request_id)
    write(client, request_id)

    first, second = microsoft.calls()
    assert first.headers["ms-requestid"] == second.headers["ms-requestid"] == str(request_id)
    assert first.headers["ms-correlationid"] != second.headers["ms-correlationid"]
    assert first.headers["if-match"] == '"7"'


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_read_is_repeated_after_an_outage(client: Any, microsoft: Any, reply: Any, status: int) -> None:
    microsoft.on("GET", PATH, reply(status=status), reply(status=status), reply(body=PROFILE))

    assert client.billing_profile(customer_id="c-1").etag == "7"

    ids = [request.headers["ms-requestid"] for request in microsoft.calls()]
    assert len(ids) == len(set(ids)) == 3


def test_read_without_answer_keeps_its_id(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", PATH, reply(drop=True), reply(body=PROFILE))

    client.billing_profile(customer_id="c-1")

    first, second = microsoft.calls()
    assert first.headers["ms-requestid"] == second.headers["ms-requestid"]
    assert first.headers["ms-correlationid"] != second.headers["ms-correlationid"]


def test_read_gives_up_after_its_retries(make_client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", PATH, reply(status=503))

    with pytest.raises(errors.Unavailable) as raised:
        make_client(read_retries=2).billing_profile(customer_id="c-1")

    assert raised.value.status == 503
    assert len(microsoft.calls()) == 3


@pytest.mark.parametrize("status", [400, 403, 404, 409, 412, 417, 501])
def test_refusal_is_not_repeated(client: Any, microsoft: Any, reply: Any, status: int) -> None:
    microsoft.on("GET", PATH, reply(status=status, body={"code": "1", "description": "No."}))

    with pytest.raises(errors.Refused):
        client.billing_profile(customer_id="c-1")

    assert len(microsoft.calls()) == 1


def test_throttled_read_waits_as_long_as_microsoft_wants(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", PATH, reply(status=429, headers={"Retry-After": "0.2"}), reply(body=PROFILE))
    started = time.monotonic()

    client.billing_profile(customer_id="c-1")

    assert time.monotonic() - started >= 0.2
    assert len(microsoft.calls()) == 2


def test_throttled_read_doesnt_wait_longer_than_it_may(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", PATH, reply(status=429, headers={"Retry-After": "57"}))

    with pytest.raises(errors.Throttled) as raised:
        client.billing_profile(customer_id="c-1")

    assert raised.value.retry_after == 57
    assert len(microsoft.calls()) == 1


def test_live_check_is_asked_once(make_client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", PATH, reply(body=PROFILE, delay=1.0))
    started = time.monotonic()

    with pytest.raises(errors.Unavailable):
        make_client(timeout=0.2, read_retries=0).billing_profile(customer_id="c-1")

    assert time.monotonic() - started < 0.8
    assert len(microsoft.calls()) == 1


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_write_answered_by_an_outage_is_unknown(client: Any, microsoft: Any, reply: Any, status: int) -> None:
    microsoft.on("PUT", PATH, reply(status=status, body={"code": 800003, "description": "Oops."}))
    request_id = uuid.uuid4()

    with pytest.raises(errors.UnknownOutcome) as raised:
        write(client, request_id)

    assert (raised.value.status, raised.value.request_id) == (status, str(request_id))
    assert len(microsoft.calls()) == 1


@pytest.mark.parametrize("fault", [{"drop": True}, {"delay": 0.6}, {"body": b"<html>proxy</html>"}])
def test_write_without_answer_is_unknown(make_client: Any, microsoft: Any, reply: Any, fault: Any) -> None:
    microsoft.on("PUT", PATH, reply(**fault))

    with pytest.raises(errors.UnknownOutcome):
        write(make_client(timeout=0.3))

    assert len(microsoft.calls()) == 1


def test_write_that_never_left_is_unavailable(make_client: Any, microsoft: Any) -> None:
    nobody = connection.Endpoints(partner_center="http://127.0.0.1:1", graph=microsoft.url, login=microsoft.url)

    with pytest.raises(errors.Unavailable):
        write(make_client(endpoints=nobody))


def test_throttled_write_is_not_repeated(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("PUT", PATH, reply(status=429, headers={"Retry-After": "0"}))

    with pytest.raises(errors.Throttled):
        write(client)

    assert len(microsoft.calls()) == 1


def test_redirect_is_not_followed(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("PUT", PATH, reply(status=307, headers={"Location": microsoft.url + "/v1/elsewhere"}))

    with pytest.raises(errors.Unavailable):
        write(client)

    assert len(microsoft.calls()) == 1


def test_token_is_renewed_once_after_401(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("PUT", PATH, reply(status=401, body={"code": 400, "description": "No."}), reply(body=PROFILE))
    request_id = uuid.uuid4()

    write(client, request_id)

    first, second = microsoft.calls()
    assert first.headers["authorization"] != second.headers["authorization"]
    assert first.headers["ms-requestid"] == second.headers["ms-requestid"] == str(request_id)


def test_token_rejected_twice_is_a_failed_sign_in(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", PATH, reply(status=401))

    with pytest.raises(errors.SignInFailed) as raised:
        client.billing_profile(customer_id="c-1")

    assert raised.value.reason == "rejected"
    assert len(microsoft.calls()) == 2


def test_user_token_is_used_where_microsoft_wants_one(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("PUT", PATH, reply(status=403, body={"code": 900329, "description": "User!"}), reply(body=PROFILE))

    write(client)

    assert [request.headers["authorization"].split("-")[0] for request in microsoft.calls()] == [
        "Bearer client_credentials",
        "Bearer refresh_token",
    ]


def test_a_stale_user_token_is_renewed_too_after_an_applications_was_refused(
    client: Any, microsoft: Any, reply: Any
) -> None:
    microsoft.on(
        "PUT",
        PATH,
        reply(status=401),
        reply(status=403, body={"code": "900329", "description": "User!"}),
        reply(status=401),
        reply(body=PROFILE),
    )
    request_id = uuid.uuid4()

    write(client, request_id)

    tokens = [request.headers["authorization"].removeprefix("Bearer ") for request in microsoft.calls()]
    assert [token.rsplit("-token-", 1)[0] for token in tokens] == [
        "client_credentials",
        "client_credentials",
        "refresh_token",
        "refresh_token",
    ]
    assert len(set(tokens)) == 4
    assert {request.headers["ms-requestid"] for request in microsoft.calls()} == {str(request_id)}


@pytest.mark.parametrize(
    ("headers", "body", "reason", "said"),
    [
        (
            {"WWW-Authenticate": 'Bearer error="invalid_token", error_description="The token expired"'},
            None,
            "rejected",
            "The token expired",
        ),
        (
            {"WWW-Authenticate": 'Bearer, error_description="The audience is invalid"'},
            b"",
            "audience",
            "The audience is invalid",
        ),
        ({}, {"code": 900420, "description": "No."}, "audience", "No."),
        ({}, {"code": 400, "description": "MFA is required."}, "interaction_required", "MFA is required."),
        ({"Content-Type": "text/html"}, b"<html>401</html>", "rejected", "HTTP 401"),
    ],
)
def test_a_rejected_token_is_explained(
    client: Any, microsoft: Any, reply: Any, headers: dict[str, str], body: Any, reason: str, said: str
) -> None:
    microsoft.on("GET", PATH, reply(status=401, body=body, headers=headers))

    with pytest.raises(errors.SignInFailed) as raised:
        client.billing_profile(customer_id="c-1")

    assert raised.value.reason == reason
    assert said in raised.value.details[0]
    assert "<" not in raised.value.message + raised.value.details[0]


@pytest.mark.parametrize("status", [403, 407, 409, 502])
def test_page_of_a_proxy_is_no_reason(make_client: Any, microsoft: Any, reply: Any, status: int) -> None:
    microsoft.on("GET", PATH, reply(status=status, body=b"<html><h1>Blocked</h1></html>"))

    with pytest.raises(errors.MicrosoftError) as raised:
        make_client(read_retries=0).billing_profile(customer_id="c-1")

    assert str(status) in raised.value.message
    assert "<" not in raised.value.message


def test_throttled_read_that_names_no_wait_is_repeated(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", PATH, reply(status=429), reply(status=429, body=b"slow down"), reply(body=PROFILE))

    assert client.billing_profile(customer_id="c-1").etag == "7"
    assert len({request.headers["ms-requestid"] for request in microsoft.calls()}) == 3


@pytest.mark.parametrize(("method", "error"), [("GET", errors.Unavailable), ("PUT", errors.UnknownOutcome)])
def test_an_answer_that_never_ends_is_given_up(
    make_client: Any, microsoft: Any, reply: Any, method: str, error: type[errors.MicrosoftError]
) -> None:
    microsoft.on(method, PATH, reply(body=b'{"id": "b-1"}' + b" " * 100, drip=0.1))
    client = make_client(timeout=0.4, read_retries=0)
    started = time.monotonic()

    with pytest.raises(error):
        client.billing_profile(customer_id="c-1") if method == "GET" else write(client)

    assert time.monotonic() - started < 3


def test_an_answer_that_is_too_long_is_given_up(
    make_client: Any, microsoft: Any, reply: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "_MOST_BYTES", 1000)
    microsoft.on("GET", PATH, reply(body={**PROFILE, "long": "x" * 2000}))

    with pytest.raises(errors.Unavailable):
        make_client(read_retries=0).billing_profile(customer_id="c-1")


def test_an_etag_no_header_can_carry_is_never_sent(client: Any, microsoft: Any) -> None:
    for etag in ("é", "a\nb"):
        profile = shapes.BillingProfile(etag=etag, raw=PROFILE)
        with pytest.raises(errors.Unavailable):
            client.update_billing_profile(request_id=uuid.uuid4(), customer_id="c-1", profile=profile)

    assert microsoft.calls(PATH) == []


def test_change_of_which_nothing_is_told_is_the_one_that_was_asked_for(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("PUT", PATH, reply(status=200, headers={"ETag": "8"}))

    changed = write(client)

    assert (changed.company_name, changed.etag) == ("Contoso", "8")


def test_cookies_arent_kept(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", PATH, reply(body=PROFILE, headers={"Set-Cookie": "session=of-another-partner; Path=/"}))

    client.billing_profile(customer_id="c-1")
    client.billing_profile(customer_id="c-1")

    assert all("cookie" not in request.headers for request in microsoft.requests)


def test_success_that_is_a_refusal(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", PATH, reply(status=200, body={"code": "400072", "description": "Not available."}))

    with pytest.raises(errors.NotFound) as raised:
        client.billing_profile(customer_id="c-1")

    assert raised.value.code == 400072


def test_token_is_shared_by_the_clients_of_a_partner(make_client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", PATH, reply(body=PROFILE))

    make_client().billing_profile(customer_id="c-1")
    make_client().billing_profile(customer_id="c-1")

    assert len(microsoft.token_requests()) == 1


def test_token_is_asked_for_once_by_many_threads(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", PATH, reply(body=PROFILE))
    threads = [threading.Thread(target=client.billing_profile, kwargs={"customer_id": "c-1"}) for _ in range(8)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(microsoft.token_requests()) == 1
    assert len(microsoft.calls()) == 8


def test_token_is_not_shared_with_another_secret(
    make_client: Any, microsoft: Any, reply: Any, credentials: connection.Credentials
) -> None:
    microsoft.on("GET", PATH, reply(body=PROFILE))
    make_client().billing_profile(customer_id="c-1")

    make_client(credentials=dataclasses.replace(credentials, client_secret="new")).billing_profile(customer_id="c-1")

    assert len(microsoft.token_requests()) == 2


def test_token_is_renewed_before_it_expires(
    client: Any, microsoft: Any, reply: Any, credentials: connection.Credentials
) -> None:
    microsoft.on("GET", PATH, reply(body=PROFILE))
    microsoft.on(
        "POST", f"/{credentials.tenant_id}/oauth2/v2.0/token", reply(body={"access_token": "brief", "expires_in": 1})
    )
    client.billing_profile(customer_id="c-1")
    time.sleep(0.85)

    client.billing_profile(customer_id="c-1")

    assert len(microsoft.token_requests()) == 2


def test_token_request_is_what_entra_wants(
    client: Any, microsoft: Any, reply: Any, credentials: connection.Credentials
) -> None:
    microsoft.on("GET", PATH, reply(body=PROFILE))
    microsoft.on("GET", "/v1/customers/relationshiprequests", reply(body={"url": "https://x"}))

    client.billing_profile(customer_id="c-1")
    client.relationship_request_url()

    as_application, as_user = (request.form for request in microsoft.token_requests())
    assert as_application["grant_type"] == "client_credentials"
    assert as_application["scope"] == "https://api.partnercenter.microsoft.com/.default"
    assert as_application["client_id"] == credentials.client_id
    assert as_application["client_secret"] == CLIENT_SECRET
    assert as_user["grant_type"] == "refresh_token"
    assert as_user["refresh_token"] == REFRESH_TOKEN
    assert "https://api.partnercenter.microsoft.com/.default" in as_user["scope"].split()


def test_rotated_refresh_token_is_handed_out_and_used(
    make_client: Any, microsoft: Any, reply: Any, credentials: connection.Credentials
) -> None:
    microsoft.on("GET", "/v1/customers/relationshiprequests", reply(status=401), reply(body={"url": "https://x"}))
    token = f"/{credentials.tenant_id}/oauth2/v2.0/token"
    microsoft.on(
        "POST",
        token,
        reply(body={"access_token": "a1", "refresh_token": "r2", "expires_in": "3600", "id_token": "IDTokenValue"}),
        reply(body={"access_token": "a2", "refresh_token": "r3", "expires_in": "3600"}),
    )
    handed: list[str] = []

    make_client(on_refresh_token=handed.append).relationship_request_url()

    assert handed == ["r2", "r3"]
    assert [request.form["refresh_token"] for request in microsoft.token_requests()] == [REFRESH_TOKEN, "r2"]
    newer = make_client(credentials=dataclasses.replace(credentials, refresh_token="r3"))
    newer.relationship_request_url()
    assert len(microsoft.token_requests()) == 2


def test_refresh_token_that_couldnt_be_stored_is_offered_again(
    make_client: Any, microsoft: Any, reply: Any, credentials: connection.Credentials
) -> None:
    microsoft.on("GET", "/v1/customers/relationshiprequests", reply(body={"url": "https://x"}))
    rotating = reply(body={"access_token": "a1", "refresh_token": "r2"})
    microsoft.on("POST", f"/{credentials.tenant_id}/oauth2/v2.0/token", rotating)
    handed: list[str] = []

    def failing(_: str) -> None:
        raise RuntimeError("no database")

    with pytest.raises(RuntimeError):
        make_client(on_refresh_token=failing).relationship_request_url()
    make_client(on_refresh_token=handed.append).relationship_request_url()

    assert handed == ["r2"]


def test_given_refresh_token_is_tried_when_its_successor_died(
    make_client: Any, microsoft: Any, reply: Any, credentials: connection.Credentials
) -> None:
    microsoft.on("GET", "/v1/customers/relationshiprequests", reply(status=401), reply(body={"url": "https://x"}))
    microsoft.on(
        "POST",
        f"/{credentials.tenant_id}/oauth2/v2.0/token",
        reply(body={"access_token": "a1", "refresh_token": "r2"}),
        reply(status=400, body={"error": "invalid_grant", "error_description": "AADSTS700082: dead"}),
        reply(body={"access_token": "a3", "refresh_token": "r4"}),
    )
    handed: list[str] = []

    make_client(on_refresh_token=handed.append).relationship_request_url()

    assert handed == ["r2", "r4"]


def test_user_operation_without_consent(make_client: Any, microsoft: Any, credentials: connection.Credentials) -> None:
    lone = make_client(credentials=dataclasses.replace(credentials, refresh_token=None))

    with pytest.raises(errors.SignInFailed) as raised:
        lone.relationship_request_url()

    assert raised.value.reason == "no_refresh_token"
    assert microsoft.requests == []


def test_refused_sign_in_is_asked_anew_each_time(
    client: Any, microsoft: Any, reply: Any, credentials: connection.Credentials
) -> None:
    """msal would remember a refusal for a minute; an operator who repaired the secret shouldn't wait."""
    microsoft.on("GET", PATH, reply(body=PROFILE))
    microsoft.on(
        "POST",
        f"/{credentials.tenant_id}/oauth2/v2.0/token",
        reply(status=401, body={"error": "invalid_client", "error_description": "AADSTS7000215: Invalid secret."}),
        reply(body={"access_token": "a", "expires_in": 3600}),
    )
    with pytest.raises(errors.SignInFailed) as raised:
        client.billing_profile(customer_id="c-1")

    assert raised.value.reason == "invalid_client"
    assert raised.value.code == 7000215
    assert client.billing_profile(customer_id="c-1").etag == "7"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"status": 503}, errors.Unavailable),
        ({"status": 429, "headers": {"Retry-After": "30"}}, errors.Throttled),
        ({"drop": True}, errors.Unavailable),
        ({"delay": 0.6}, errors.Unavailable),
        ({"body": b"<html>proxy</html>"}, errors.Unavailable),
    ],
)
def test_write_with_login_out_of_order_has_not_happened(
    make_client: Any, microsoft: Any, reply: Any, credentials: connection.Credentials, fault: Any, kind: Any
) -> None:
    microsoft.on("POST", f"/{credentials.tenant_id}/oauth2/v2.0/token", reply(**fault))

    with pytest.raises(kind):
        write(make_client(timeout=0.3))

    assert microsoft.calls() == []


def test_logs_tell_the_call_and_no_secret(
    make_client: Any, microsoft: Any, reply: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    login.forget_all()
    microsoft.on("PUT", "/v1/customers/c-1/qualification", reply(body="governmentCommunityCloud"))
    microsoft.on("GET", "/v1/countryvalidationrules/US", reply(body={"iso2Code": "US"}))
    microsoft.on(
        "POST",
        "/v1/customers",
        reply(status=201, body={"id": "c-1", "userCredentials": {"userName": "admin", "password": "Pa$$-once"}}),
    )
    request_id = uuid.uuid4()
    customer = shapes.NewCustomer(
        domain="contoso.onmicrosoft.com",
        company_name="Contoso",
        email="a@contoso.com",
        culture="en-US",
        language="en",
        address=shapes.Address(country="US", phone_number="+14255550101"),
    )

    with structlog.testing.capture_logs() as lines:
        client = make_client()
        created = client.create_customer(request_id=request_id, customer=customer)
        client.set_qualification(
            request_id=uuid.uuid4(),
            customer_id="c-1",
            qualification="governmentCommunityCloud",
            validation_code="gcc-code",
        )

    assert created.credentials is not None
    (line,) = [line for line in lines if line["method"] == "POST" and line["path"] == "/v1/customers"]
    assert line["status"] == 201
    assert line["ms_request_id"] == str(request_id)
    assert line["ms_cv"] == "cv.0"
    assert uuid.UUID(line["ms_correlation_id"])
    assert isinstance(line["ms"], int)
    everything = repr(lines) + caplog.text + repr([record.__dict__ for record in caplog.records])
    for secret in (CLIENT_SECRET, REFRESH_TOKEN, "Pa$$-once", "gcc-code", "-token-"):
        assert secret not in everything, secret


def test_repr_of_secrets(credentials: connection.Credentials, client: Any) -> None:
    shown = repr(credentials) + repr(client) + str(credentials)

    assert credentials.client_id in shown
    assert CLIENT_SECRET not in shown
    assert REFRESH_TOKEN not in shown


def test_shared_pool_opens_again_after_it_was_closed(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("GET", PATH, reply(body=PROFILE))
    client.billing_profile(customer_id="c-1")
    wire.close_shared_pool()

    assert client.billing_profile(customer_id="c-1").etag == "7"


def test_endpoints_may_name_their_version() -> None:
    endpoints = connection.Endpoints(partner_center="https://pc/v1/", graph="https://g/v1.0", login="https://l/")

    assert (endpoints.partner_center, endpoints.graph, endpoints.login) == ("https://pc", "https://g", "https://l")
