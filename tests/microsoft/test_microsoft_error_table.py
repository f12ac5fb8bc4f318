"""Every code of Microsoft's table (errors.md §8), answered to a read and to a write: what the client makes of it."""

import csv
import uuid
from pathlib import Path
from typing import Any

import pytest

from msphub.microsoft import advice, errors, pace
from msphub.microsoft import order_shapes as shapes

PATH = "/v1/customers/c/subscriptions/s"
REQUEST_ID = uuid.UUID(int=7)
READ = shapes.Subscription(id="s", etag="7", raw={"id": "s", "quantity": 5, "status": "active"})

with (Path(__file__).parent / "error_codes.csv").open(encoding="utf-8") as table:
    CODES = [(int(row["status"]), int(code)) for row in csv.DictReader(table) for code in row["codes"].split()]

# errors.md §2, and the codes that say more than their status.
OF_STATUS = {
    200: errors.NotFound,
    400: errors.Refused,
    401: errors.SignInFailed,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    417: errors.StaleEtag,
    501: errors.Refused,
}
OF_CODE = {2055: errors.StaleEtag, 600061: errors.AlreadyExists, 800065: errors.AlreadyExists}
NEVER_MENDED_BY_TIME = {27009, 900114}
# Microsoft's own text says all there is, or the operation isn't one of this package.
WITHOUT_ADVICE = {0, 400, 1000, 3000, 60000, 60002, 60012, 800001, 800002, 800038, 800076, 800078}


def bodies(code: int) -> list[dict[str, Any]]:
    return [
        {"code": code, "description": "Why.", "data": [], "source": "PartnerFD"},
        {"code": str(code), "description": "Why.", "source": "PartnerFD"},
        {"code": code, "message": "Why.", "description": "Why.", "errorName": "Name", "isRetryable": False},
        {"Code": code, "Description": "Why."},
    ]


def asked(client: Any, *, is_write: bool) -> Any:
    if is_write:
        change = shapes.SubscriptionChange(quantity=6)
        return client.subscriptions.change(request_id=REQUEST_ID, customer_id="c", subscription=READ, change=change)
    return client.subscriptions.get(customer_id="c", subscription_id="s")


def test_the_table_is_whole() -> None:
    assert len(CODES) == 247
    assert {status for status, _code in CODES} == {200, 201, 400, 401, 403, 404, 408, 409, 417, 500, 501}


@pytest.mark.parametrize("is_write", [False, True], ids=["read", "write"])
def test_every_code_has_its_kind(make_client: Any, microsoft: Any, reply: Any, is_write: bool) -> None:
    client = make_client(read_retries=0, turns=pace.Pace(requests=10_000))
    for status, code in CODES:
        if status == 201:
            continue  # the error of a cart's line
        for body in bodies(code):
            microsoft.on("PATCH" if is_write else "GET", PATH, reply(status=status, body=body))

            with pytest.raises(errors.MicrosoftError) as raised:
                asked(client, is_write=is_write)

            error = raised.value
            assert error.message
            if status in {408, 500}:
                assert type(error) is (errors.UnknownOutcome if is_write else errors.Unavailable), code
                assert "Why." in error.message
                continue
            assert type(error) is OF_CODE.get(code, OF_STATUS[status]), code
            assert isinstance(error, errors.Refused)
            assert error.code == code
            assert error.message == "Why." or (status == 401 and error.details == ("Why.",))
            waits = status == 409 and code not in NEVER_MENDED_BY_TIME
            assert (error.retry_after is not None and error.retry_after >= 120) == waits, code
        microsoft.requests.clear()


def test_microsofts_wait_comes_before_ours(make_client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("PATCH", PATH, reply(status=409, body={"code": 900278}, headers={"Retry-After": "30"}))

    with pytest.raises(errors.Conflict) as raised:
        asked(make_client(), is_write=True)

    assert raised.value.retry_after == 30
    assert advice.wait_of(code=900278) == 86_400


def test_something_in_progress_without_a_code_is_worth_waiting_for(client: Any, microsoft: Any, reply: Any) -> None:
    microsoft.on("PATCH", PATH, reply(status=409))

    with pytest.raises(errors.Conflict) as raised:
        asked(client, is_write=True)

    assert raised.value.retry_after == 120


def test_what_the_operations_of_this_package_meet_is_said_in_plain_words() -> None:
    others = {"transfer": range(900100, 900105), "migration": range(900215, 900227)}
    foreign = {code for codes in others.values() for code in codes} | set(range(900105, 900112))
    foreign |= {900119, 900120, 900122, 900125, 900126, 900130, 900140, 900147, 900160, 900236, 900316, 900400}
    foreign |= set(range(900131, 900140)) | {900145, 900146, 900148, 900247, 900248, 900262, 900291, 900292}
    foreign |= set(range(900258, 900262)) | set(range(900267, 900271)) | {800111, 800112, 800114, 800115}
    for status, code in CODES:
        if status < 500 and code not in foreign | WITHOUT_ADVICE:
            words = advice.of_code(code=code)
            assert words, code
            assert words.endswith(".")
            assert "{" not in words


CART_ERRORS = {
    10000: "CurrencyIsNotSupported",
    10001: "CatalogItemIdIsNotValid",
    10002: "QuotaNotAvailable",
    10003: "InventoryNotAvailable",
    10004: "ParticipantsIsNotSupportedForPartner",
    10006: "UnableToProcessCartLineItem",
    10007: "SubscriptionIsNotValid",
    10008: "SubscriptionIsNotEnabledForRI",
    10009: "SandboxLimitExceeded",
    10010: "InvalidInput",
    10011: "SubscriptionNotRegistered",
    10012: "AttestationNotAccepted",
    10013: "BillingPlanNotSupported",
    10014: "InvalidPromotionId",
    10015: "MaxAllowedSeatsPerSubscriptionExceeded",
    10016: "InvalidCustomTermEndDateProduct",
    10017: "InvalidCustomTermEndDate",
    10018: "BaseOfferSeatQuantityNotMet",
    10019: "MinimumAddOnSeatsNotMet",
    400041: None,
    500600: "LegacyOfferNotEligibleForPurchase",
}


@pytest.mark.parametrize("code", sorted(CART_ERRORS))
def test_every_error_of_a_line_is_a_refused_line(client: Any, microsoft: Any, reply: Any, code: int) -> None:
    name = CART_ERRORS[code]
    told = [
        {"errorCode": code, "errorDescription": "Why.", "additionalInformation": {"availableQuantity": "3"}},
        {"errorCode": str(code), "additionalInformation": None},
        *([{"ErrorCode": name}, {"errorCode": name.upper(), "errorDescription": None}] if name else []),
    ]
    for error in told:
        cart = {"id": "k", "lineItems": [{"id": 0, "catalogItemId": "P:S:A", "quantity": 1, "error": error}]}
        microsoft.on("GET", "/v1/customers/c/carts/k", reply(body=cart))

        (line,) = client.carts.get(customer_id="c", cart_id="k").refused_lines

        assert line.error.code == code
        assert line.error.message == advice.of_cart_line(code=code)
    microsoft.on(
        "GET",
        "/v1/customers/c/carts/k",
        reply(body={"id": "k", "lineItems": [{"id": 0, "error": {"errorCode": None, "errorDescription": None}}]}),
    )
    assert client.carts.get(customer_id="c", cart_id="k").refused_lines == ()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ({"errorCode": "SomethingNew"}, "SomethingNew"),
        ({"errorCode": 0}, "Microsoft can't sell this line."),
        ("Not today.", "Not today."),
        ({"message": "Not today."}, "Not today."),
    ],
)
def test_an_error_of_a_line_that_nobody_knows_is_one(
    client: Any, microsoft: Any, reply: Any, error: Any, message: str
) -> None:
    cart = {"id": "k", "lineItems": [{"id": 0, "catalogItemId": "P:S:A", "error": error}]}
    microsoft.on("GET", "/v1/customers/c/carts/k", reply(body=cart))

    (line,) = client.carts.get(customer_id="c", cart_id="k").refused_lines

    assert line.error.message == message
