"""Subscriptions: read in every spelling, changed by sending the whole resource back."""

import copy
import uuid
from datetime import UTC, date, datetime
from typing import Any

import pytest
from tests.microsoft import spelling

from msphub.microsoft import errors
from msphub.microsoft import order_shapes as shapes

LIST = "/v1/customers/c-1/subscriptions"
PATH = f"{LIST}/s-1"
SUBSCRIPTION: dict[str, Any] = {
    "id": "s-1",
    "offerId": "CFQ7TTC0LH18:0001:CFQ7TTC0K971",
    "offerName": "Microsoft 365 Business Basic",
    "friendlyName": "Office",
    "productType": {"id": "OnlineServicesNCE", "displayName": "OnlineServicesNCE"},
    "quantity": 15,
    "status": "active",
    "autoRenewEnabled": True,
    "isTrial": False,
    "creationDate": "2021-01-14T16:57:15.0966728Z",
    "effectiveStartDate": "2021-01-14T16: 57: 14Z",
    "commitmentEndDate": "2022-01-13T00:00:00Z",
    "commitmentEndDateTime": "2022-01-13T23:59:59Z",
    "cancellationAllowedUntilDate": "2021-01-21T16:57:15Z",
    "refundableQuantity": {
        "totalQuantity": 10,
        "details": [{"quantity": 10, "allowedUntilDateTime": "2021-01-24T20:39:17.182697Z"}],
    },
    "refundOptions": [{"type": "Full", "expiresAt": "2021-01-15T00:00:00Z"}],
    "billingType": "license",
    "billingCycle": "monthly",
    "termDuration": "P1Y",
    "renewalTermDuration": "",
    "partnerId": "",
    "scheduledNextTermInstructions": {
        "product": {
            "productId": "P",
            "skuId": "S",
            "availabilityId": "A",
            "billingCycle": "Annual",
            "termDuration": "P3Y",
        },
        "quantity": 5,
        "customTermEndDate": "2023-06-30T00:00:00Z",
    },
    "scheduledActions": [{"scheduleType": "TermEnd", "actionType": "RenewToExtendedServiceTerm"}],
    "madeUpTomorrow": [{"price": 10.25}],
    "attributes": {"etag": "e-1", "objectType": "Subscription"},
}


def read(client: Any, microsoft: Any, reply: Any, body: Any = SUBSCRIPTION, **answer: Any) -> shapes.Subscription:
    microsoft.on("GET", PATH, reply(body=body, **answer))
    found = client.subscriptions.get(customer_id="c-1", subscription_id="s-1")
    assert isinstance(found, shapes.Subscription)
    return found


def change(
    client: Any, subscription: shapes.Subscription, request_id: uuid.UUID | None = None, **changes: Any
) -> shapes.ChangedSubscription:
    changed = client.subscriptions.change(
        request_id=request_id or uuid.uuid4(),
        customer_id="c-1",
        subscription=subscription,
        change=shapes.SubscriptionChange(**changes),
    )
    assert isinstance(changed, shapes.ChangedSubscription)
    return changed


@pytest.mark.parametrize("body", [SUBSCRIPTION, spelling.pascal(SUBSCRIPTION)])
def test_subscription(client: Any, microsoft: Any, reply: Any, body: Any) -> None:
    found = read(client, microsoft, reply, body)

    assert found.is_new_commerce_licence
    assert (found.quantity, found.status, found.auto_renew_enabled) == (15, "active", True)
    assert found.effective_starts_at == datetime(2021, 1, 14, 16, 57, 14, tzinfo=UTC)
    assert found.commitment_ends_on == date(2022, 1, 13)
    assert found.cancellation_allowed_until == datetime(2021, 1, 21, 16, 57, 15, tzinfo=UTC)
    assert found.refundable == shapes.Refundable(
        total_quantity=10,
        batches=(
            shapes.RefundableBatch(quantity=10, allowed_until=datetime(2021, 1, 24, 20, 39, 17, 182697, tzinfo=UTC)),
        ),
    )
    assert found.refund_options == (shapes.RefundOption(type="Full", expires_at=datetime(2021, 1, 15, tzinfo=UTC)),)
    assert (found.renewal_term_duration, found.partner_id, found.etag) == (None, None, "e-1")
    assert found.scheduled_next_term == shapes.Instructions(
        product_id="P",
        sku_id="S",
        availability_id="A",
        billing_cycle="Annual",
        term_duration="P3Y",
        quantity=5,
        custom_term_ends_on=date(2023, 6, 30),
    )
    assert found.next_charge is None
    assert found.scheduled_actions == (
        shapes.ScheduledAction(schedule_type="TermEnd", action_type="RenewToExtendedServiceTerm"),
    )


@pytest.mark.parametrize(
    ("option", "expires_at", "expires_after"),
    [
        ({"expiresAt": "2021-01-15T00:00:00Z"}, datetime(2021, 1, 15, tzinfo=UTC), None),
        ({"expiresAfter": "2021-01-15T00:00:00Z"}, datetime(2021, 1, 15, tzinfo=UTC), None),
        ({"expiresAt": None, "expiresAfter": "2021-01-15T00:00:00Z"}, datetime(2021, 1, 15, tzinfo=UTC), None),
        ({"expiresAfter": "P1D"}, None, "P1D"),
        ({}, None, None),
    ],
)
def test_refund_options_of_either_name(
    client: Any, microsoft: Any, reply: Any, option: Any, expires_at: Any, expires_after: Any
) -> None:
    found = read(client, microsoft, reply, {"id": "s-1", "refundOptions": [{"type": "Partial", **option}]})

    assert found.refund_options == (
        shapes.RefundOption(type="Partial", expires_at=expires_at, expires_after=expires_after),
    )


def test_subscription_of_which_little_is_told(client: Any, microsoft: Any, reply: Any) -> None:
    found = read(
        client,
        microsoft,
        reply,
        {
            "Id": "s-1",
            "Quantity": "3",
            "Status": "frozen",
            "AutoRenewEnabled": "false",
            "ProductType": "OnlineServicesNCE",
            "CommitmentEndDate": "0001-01-01T00:00:00+02:00",
            "RefundableQuantity": {"Details": [{"Quantity": "2"}, {"Quantity": 1}]},
        },
        headers={"ETag": '"from-header"'},
    )

    assert (found.quantity, found.status, found.auto_renew_enabled, found.offer_id) == (3, "frozen", False, None)
    assert (found.is_new_commerce_licence, found.commitment_ends_on) == (True, None)
    assert found.refundable is not None
    assert (found.refundable.total_quantity, found.etag) == (3, '"from-header"')


def test_subscriptions_of_a_customer_and_of_an_order(client: Any, microsoft: Any, reply: Any) -> None:
    following = {"next": {"uri": "/customers/c-1/subscriptions?page=2"}}
    first, second = {**SUBSCRIPTION}, {**SUBSCRIPTION, "id": "s-2", "status": "deleted"}
    microsoft.on("GET", LIST, reply(body={"items": [first], "links": following}), reply(body={"items": [second]}))

    found = list(client.subscriptions.list(customer_id="c-1"))
    microsoft.on("GET", LIST, reply(body={"totalCount": 0, "items": []}))
    assert list(client.subscriptions.list(customer_id="c-1", order_id="o-1")) == []

    assert [(one.id, one.status) for one in found] == [("s-1", "active"), ("s-2", "deleted")]
    assert [call.query for call in microsoft.calls()] == [{}, {"page": "2"}, {"order_id": "o-1"}]


def test_change_sends_the_whole_resource_with_its_etag(client: Any, microsoft: Any, reply: Any) -> None:
    subscription = read(client, microsoft, reply)
    microsoft.on("PATCH", PATH, reply(body={**SUBSCRIPTION, "quantity": 20, "attributes": {"etag": "e-2"}}))
    request_id = uuid.uuid4()

    changed = change(client, subscription, request_id, quantity=20)

    call = microsoft.calls()[-1]
    assert call.json == {**SUBSCRIPTION, "quantity": 20}
    assert (call.headers["if-match"], call.headers["ms-requestid"]) == ('"e-1"', str(request_id))
    assert changed.is_applied
    assert changed.subscription is not None
    assert (changed.subscription.quantity, changed.subscription.etag) == (20, "e-2")
    assert subscription.raw == SUBSCRIPTION


def test_change_keeps_the_spelling_it_read(client: Any, microsoft: Any, reply: Any) -> None:
    subscription = read(client, microsoft, reply, spelling.pascal(SUBSCRIPTION))
    microsoft.on("PATCH", PATH, reply(body=spelling.pascal(SUBSCRIPTION)))

    change(client, subscription, friendly_name="Neu", auto_renew_enabled=False, scheduled_next_term=None)

    wanted = spelling.pascal({**SUBSCRIPTION, "friendlyName": "Neu", "autoRenewEnabled": False})
    del wanted["ScheduledNextTermInstructions"]
    assert microsoft.calls()[-1].json == wanted


def test_change_for_the_renewal(client: Any, microsoft: Any, reply: Any) -> None:
    body = copy.deepcopy(SUBSCRIPTION)
    del body["scheduledNextTermInstructions"]
    subscription = read(client, microsoft, reply, {**body, "attributes": {"etag": ""}})
    microsoft.on("PATCH", PATH, reply(body=body))

    change(
        client,
        subscription,
        scheduled_next_term=shapes.Instructions(
            product_id="P", sku_id="S", availability_id="A", billing_cycle="annual", term_duration="P1Y", quantity=3
        ),
        next_charge=shapes.Instructions(billing_cycle="monthly", custom_term_ends_on=date(2027, 1, 31)),
    )

    sent = microsoft.calls()[-1]
    assert "if-match" not in sent.headers
    assert sent.json["scheduledNextTermInstructions"] == {
        "product": {
            "productId": "P",
            "skuId": "S",
            "availabilityId": "A",
            "billingCycle": "annual",
            "termDuration": "P1Y",
        },
        "quantity": 3,
    }
    assert sent.json["nextChargeInstructions"] == {
        "product": {"billingCycle": "monthly"},
        "customTermEndDate": "2027-01-31T00:00:00Z",
    }


@pytest.mark.parametrize("body", [None, {"id": "s-1", "quantity": 15}, {"status": "running"}])
def test_accepted_change_is_not_applied_yet(client: Any, microsoft: Any, reply: Any, body: Any) -> None:
    subscription = read(client, microsoft, reply)
    location = "/customers/c-1/subscriptions/s-1"
    microsoft.on("PATCH", PATH, reply(status=202, body=body, headers={"Location": location, "Retry-After": "5"}))

    changed = change(client, subscription, quantity=20)

    assert (changed.is_applied, changed.location, changed.retry_after) == (False, location, 5.0)
    assert (changed.subscription is not None) == (body is not None and "id" in body)


def test_change_answered_by_something_else_is_unknown(client: Any, microsoft: Any, reply: Any) -> None:
    subscription = read(client, microsoft, reply)
    microsoft.on("PATCH", PATH, reply(body={"code": 800094, "description": "Oops."}), reply(status=204))

    with pytest.raises(errors.UnknownOutcome):
        change(client, subscription, quantity=20)
    done = change(client, subscription, quantity=20)

    assert (done.is_applied, done.subscription) == (True, None)


def test_cancel_is_a_status(client: Any, microsoft: Any, reply: Any) -> None:
    subscription = read(client, microsoft, reply)
    microsoft.on("PATCH", PATH, reply(body={**SUBSCRIPTION, "status": "deleted"}))

    changed = client.subscriptions.cancel(request_id=uuid.uuid4(), customer_id="c-1", subscription=subscription)

    assert microsoft.calls()[-1].json == {**SUBSCRIPTION, "status": "deleted"}
    assert changed.subscription.status == "deleted"


def test_a_subscription_that_was_not_read_is_not_changed(client: Any, microsoft: Any) -> None:
    with pytest.raises(ValueError, match="read the subscription first"):
        change(client, shapes.Subscription(id="s-1", quantity=3), quantity=4)
    assert microsoft.calls() == []


@pytest.mark.parametrize(
    ("status", "code", "expected", "field", "wait"),
    [
        (400, 800090, errors.Refused, "quantity", None),
        (400, "800090", errors.Refused, "quantity", None),
        (400, 900214, errors.Refused, "quantity", None),
        (403, 800088, errors.Forbidden, "quantity", None),
        (400, 900117, errors.Refused, None, None),
        (400, 900213, errors.Refused, None, None),
        (400, 2055, errors.StaleEtag, None, None),
        (412, 2055, errors.StaleEtag, None, None),
        (417, 800036, errors.StaleEtag, None, None),
        (409, 900278, errors.Conflict, None, 86_400.0),
        (409, 800082, errors.Conflict, None, 120.0),
        (400, 900311, errors.Refused, None, None),
        (400, 800122, errors.Refused, "termDuration", None),
    ],
)
def test_refused_change(
    client: Any,
    microsoft: Any,
    reply: Any,
    status: int,
    code: int | str,
    expected: type[errors.Refused],
    field: str | None,
    wait: float | None,
) -> None:
    subscription = read(client, microsoft, reply)
    body = {"code": code, "description": "Microsoft's words.", "data": [], "source": "PartnerFD"}
    microsoft.on("PATCH", PATH, reply(status=status, body=body))

    with pytest.raises(errors.Refused) as raised:
        change(client, subscription, quantity=1)

    assert type(raised.value) is expected
    assert (raised.value.code, raised.value.field, raised.value.retry_after) == (int(code), field, wait)
    assert raised.value.advice
    assert len([call for call in microsoft.calls() if call.method == "PATCH"]) == 1


def test_change_that_got_no_answer_is_unknown(client: Any, microsoft: Any, reply: Any) -> None:
    subscription = read(client, microsoft, reply)
    microsoft.on("PATCH", PATH, reply(drop=True))

    with pytest.raises(errors.UnknownOutcome):
        change(client, subscription, quantity=1)


def test_provisioning_is_asked_as_a_user(client: Any, microsoft: Any, reply: Any) -> None:
    body = {"skuId": "6FD2C87F", "status": "success", "quantity": "5", "endDate": "2018-05-10T00:00:00Z"}
    microsoft.on("GET", f"{PATH}/provisioningstatus", reply(body=body))

    found = client.subscriptions.provisioning_status(customer_id="c-1", subscription_id="s-1")

    assert found == shapes.SubscriptionProvisioning(
        status="success", sku_id="6FD2C87F", quantity=5, ends_at=datetime(2018, 5, 10, tzinfo=UTC)
    )
    assert microsoft.calls()[0].headers["authorization"].startswith("Bearer refresh_token")


def test_ends_of_terms_go_on_behind_a_token_in_a_header(client: Any, microsoft: Any, reply: Any) -> None:
    path = "/v1/customers/c-1/subscriptions/customTermEndDates"
    month = {"allowedCustomTermEndDateType": "calendarMonthAligned", "allowedCustomTermEndDate": "2023-07-31T00:00:00"}
    other = {
        "AllowedCustomTermEndDateType": "subscriptionAligned",
        "AllowedCustomTermEndDate": "2023-08-01",
        "CotermSubscriptionIds": ["s-1", "s-2"],
    }
    microsoft.on(
        "GET",
        path,
        reply(body={"totalCount": 2, "items": [month, {"new": 1}]}, headers={"MS-ContinuationToken": "300"}),
        reply(body={"totalCount": 1, "items": [other]}),
    )

    found = list(client.subscriptions.term_ends(customer_id="c-1", term_duration="P1M"))

    assert found == [
        shapes.TermEnd(ends_on=date(2023, 7, 31), kind="calendarMonthAligned"),
        shapes.TermEnd(ends_on=date(2023, 8, 1), kind="subscriptionAligned", subscription_ids=("s-1", "s-2")),
    ]
    first, second = microsoft.calls(path)
    assert first.query == second.query == {"term_duration": "P1M"}
    assert ("ms-continuationtoken" in first.headers, second.headers["ms-continuationtoken"]) == (False, "300")
