"""Orders: made by a checkout, seen in the list after a while, provided after another (contract §9)."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

from partner_center_emulator import cart_lines, catalogue, holdings
from partner_center_emulator.calls import Answer, Call, Members, Operation, collection, link
from partner_center_emulator.catalogue import AZURE, PERPETUAL, RESERVATION, SOFTWARE, SUSE, Offer
from partner_center_emulator.clock import parse_instant, written
from partner_center_emulator.errors import Json, PartnerCenterRefusal

_PRIVATE = "_emulator"
_WITHOUT_SUBSCRIPTION = (PERPETUAL, RESERVATION)
_BILLING_TYPES = {"usage": (AZURE,), "onetime": (PERPETUAL, RESERVATION, SUSE)}
_ENUM, _NOT_CANCELLABLE, _BY_SUBSCRIPTION, _BY_SAAS, _SANDBOX_ONLY = 900126, 800061, 800063, 800077, 800019
_DAYS = {PERPETUAL: 30, SOFTWARE: 7, SUSE: 7, RESERVATION: 7}


def make(*, call: Call, lines: list[tuple[Json, Offer]]) -> Json:
    """Keeps an order with its subscriptions, and returns it as a checkout shows it."""
    order_id = uuid4().hex[:12]
    hidden = call.settings.hidden_subscriptions > 0
    if hidden:
        call.settings.hidden_subscriptions -= 1
    items = [
        _item(call, order_id=order_id, number=number, line=line, offer=offer)
        for number, (line, offer) in enumerate(lines)
    ]
    order: Json = {
        "id": order_id,
        "alternateId": order_id,
        "referenceCustomerId": call.customer.tenant_id,
        "billingCycle": lines[0][0]["billingCycle"],
        "currencyCode": lines[0][0]["currencyCode"],
        "currencySymbol": catalogue.symbol_of(lines[0][0]["currencyCode"]),
        "lineItems": items,
        "creationDate": written(instant=call.now),
        "status": "completed",
        "transactionType": "UserPurchase",
        _PRIVATE: {"hidden": hidden, "kinds": [offer.kind for _line, offer in lines]},
    }
    _keep(call, order)
    return _shown(call, order)


def _item(call: Call, *, order_id: str, number: int, line: Json, offer: Offer) -> Json:
    resellers = cart_lines.resellers_of(line)
    item: Json = {
        "lineItemNumber": number,
        "offerId": line["catalogItemId"],
        "termDuration": line.get("termDuration", ""),
        "transactionType": "New",
        "friendlyName": line.get("friendlyName") or offer.sku,
        "quantity": line["quantity"],
        "customTermEndDate": line.get("customTermEndDate"),
        "partnerIdOnRecord": resellers[0] if resellers else None,
        "additionalPartnerIdsOnRecord": list(resellers[1:]) or None,
        "provisioningContext": line.get("provisioningContext") or {},
        "renewsTo": line.get("renewsTo"),
        "promotionId": line.get("promotionId"),
        "pricing": line.get("pricing"),
    }
    if offer.kind not in _WITHOUT_SUBSCRIPTION:
        partner_id = resellers[0] if resellers else ""
        item["subscriptionId"] = holdings.make(
            call=call, order_id=order_id, line=line, offer=offer, partner_id=partner_id
        )
        parent = item["provisioningContext"].get("parentSubscriptionId")
        item["parentSubscriptionId"] = parent or None
    return {name: value for name, value in item.items() if value is not None}


def has_uncancelled(call: Call) -> bool:
    """Whether software or reservations were bought that nobody cancelled; seats end by their subscription."""
    kept = call.state.all_commerce(kind="order", partner_id=call.partner.tenant_id, tenant_id=call.customer.tenant_id)
    return any(
        order["status"] != "cancelled"
        and any(
            line["quantity"] and kind in _WITHOUT_SUBSCRIPTION
            for line, kind in zip(order["lineItems"], order[_PRIVATE]["kinds"], strict=True)
        )
        for order in kept
    )


def list_orders(call: Call) -> Answer:
    """A customer's orders, but those that are too new to be seen; `billingType` narrows."""
    wanted = call.query.get("billingtype", "").lower()
    if wanted not in {"", "license", *_BILLING_TYPES}:
        text = f"The billing type '{wanted}' could not be parsed."
        raise PartnerCenterRefusal(status=400, code=_ENUM, description=text, data=["billingType"])
    lag = timedelta(seconds=call.settings.order_list_seconds)
    found = [
        _shown(call, one)
        for one in call.state.all_commerce(
            kind="order", partner_id=call.partner.tenant_id, tenant_id=call.customer.tenant_id
        )
        if parse_instant(text=one["creationDate"]) + lag <= call.now and wanted in ("", _billing_type(one))
    ]
    links = {"self": link(uri=f"/customers/{call.customer.tenant_id}/orders")}
    return Answer(content=collection(items=found) | {"links": links})


def _billing_type(order: Json) -> str:
    kind = order[_PRIVATE]["kinds"][0]
    return next((name for name, kinds in _BILLING_TYPES.items() if kind in kinds), "license")


def get(call: Call) -> Answer:
    """One order."""
    return Answer(content=_shown(call, _found(call)))


def provisioning_status(call: Call) -> Answer:
    """How far each line of an order is."""
    order = _found(call)
    status = "fulfilled" if _is_provided(call, order) else "unfulfilled"
    items: list[Json] = [
        {
            "orderLineItemId": line["lineItemNumber"],
            "lineItemNumber": line["lineItemNumber"],
            "status": status,
            "quantityProvisioningInformation": [{"quantity": line["quantity"], "status": status}],
        }
        for line in order["lineItems"]
    ]
    return Answer(content=collection(items=items))


def cancel(call: Call) -> Answer:
    """Cancels an order of software, or of reservations in a sandbox; seats are cancelled by their subscription.

    A line whose quantity is sent as 0 is cancelled alone.
    """
    order, sent = _found(call), call.members()
    kinds = set(order[_PRIVATE]["kinds"])
    if any(kind in (*catalogue.SEATS, AZURE) for kind in kinds):
        text = f"The order {order['id']} cannot be cancelled, suspend its subscriptions by PATCH."
        raise PartnerCenterRefusal(status=400, code=_BY_SUBSCRIPTION, description=text)
    if catalogue.SAAS in kinds:
        text = "Seat-based services are cancelled by PATCH of the subscription, not of the order."
        raise PartnerCenterRefusal(status=403, code=_BY_SAAS, description=text)
    if RESERVATION in kinds and not call.partner.is_sandbox:
        text = "Outside of a sandbox only software can be cancelled this way."
        raise PartnerCenterRefusal(status=403, code=_SANDBOX_ONLY, description=text)
    numbers = _cancelled_lines(order, sent)
    made = parse_instant(text=order["creationDate"])
    if (
        not numbers
        or order["status"] == "cancelled"
        or any(made + timedelta(days=_DAYS[order[_PRIVATE]["kinds"][number]]) < call.now for number in numbers)
    ):
        text = "The order cannot be cancelled any more, or nothing of it is asked to be."
        raise PartnerCenterRefusal(status=400, code=_NOT_CANCELLABLE, description=text)
    for number in numbers:
        subscription_id = order["lineItems"][number].get("subscriptionId")
        document = holdings.one_of(call, subscription_id=subscription_id) if subscription_id else None
        if document is not None and document["status"] != "deleted":
            holdings.end(call, document)
    if sent.text("status").lower() == "cancelled":
        order["status"] = "cancelled"
    else:
        for number in numbers:
            order["lineItems"][number]["quantity"] = 0
    _keep(call, order)
    return Answer(content=_shown(call, order))


def _cancelled_lines(order: Json, sent: Members) -> list[int]:
    if sent.text("status").lower() == "cancelled":
        return [line["lineItemNumber"] for line in order["lineItems"]]
    given = sent.get("lineItems")
    lines = [Members(content=one) for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    known = {line["lineItemNumber"]: line["quantity"] for line in order["lineItems"]}
    return [
        number
        for line in lines
        if isinstance(number := line.get("lineItemNumber"), int) and known.get(number) and line.get("quantity") == 0
    ]


def _found(call: Call) -> Json:
    order = call.state.commerce(
        kind="order",
        item_id=call.params["order"],
        partner_id=call.partner.tenant_id,
        tenant_id=call.customer.tenant_id,
    )
    if order is None:
        text = f"The order '{call.params['order']}' was not found."
        raise PartnerCenterRefusal(status=404, code=20000, description=text)
    return order


def _keep(call: Call, order: Json) -> None:
    call.state.keep_commerce(
        kind="order",
        item_id=order["id"],
        partner_id=call.partner.tenant_id,
        tenant_id=call.customer.tenant_id,
        document=order,
    )


def _is_provided(call: Call, order: Json) -> bool:
    return parse_instant(text=order["creationDate"]) + timedelta(seconds=call.settings.provisioning_seconds) <= call.now


def _shown(call: Call, order: Json) -> Json:
    path = f"/customers/{call.customer.tenant_id}/orders/{order['id']}"
    provided = _is_provided(call, order)
    names = not order[_PRIVATE]["hidden"] or provided
    lines = [_shown_line(call, order=order, line=line, names_subscription=names) for line in order["lineItems"]]
    shown = {name: value for name, value in order.items() if name != _PRIVATE}
    if {"includeprice", "include_price"} & {key for key, value in call.query.items() if value.lower() == "true"}:
        prices = [Decimal(str(line["pricing"]["extendedPrice"])) for line in lines if line.get("pricing")]
        shown["totalPrice"] = float(sum(prices, Decimal(0)))
    return shown | {
        "lineItems": lines,
        "status": order["status"] if provided or order["status"] != "completed" else "pending",
        "links": {
            "self": link(uri=path),
            "provisioningStatus": link(uri=f"{path}/provisioningstatus"),
            "patchOperation": link(uri=path) | {"method": "PATCH"},
        },
        "client": {
            "marketplaceCountry": str(call.customer.address.get("country") or "US").upper(),
            "deviceFamily": "UniversalStore-PartnerCenter",
            "name": "Partner Center API",
        },
        "attributes": {"objectType": "Order"},
    }


def _shown_line(call: Call, *, order: Json, line: Json, names_subscription: bool) -> Json:
    product, sku, availability = line["offerId"].split(":")
    country = f"?country={str(call.customer.address.get('country') or 'US').upper()}"
    path = f"/products/{product}/skus/{sku}"
    links = {
        "product": link(uri=f"/products/{product}{country}"),
        "sku": link(uri=path + country),
        "availability": link(uri=f"{path}/availabilities/{availability}{country}"),
    }
    shown = {name: value for name, value in line.items() if name != "subscriptionId" or names_subscription}
    if shown.get("subscriptionId"):
        base = f"/customers/{call.customer.tenant_id}/subscriptions/{shown['subscriptionId']}"
        links["subscription"] = link(uri=base)
        links["provisioningStatus"] = link(uri=f"{base}/provisioningstatus")
    else:
        own = f"/customers/{call.customer.tenant_id}/orders/{order['id']}/provisioningstatus"
        links["provisioningStatus"] = link(uri=own)
    return shown | {"links": links}


_BASE = "/v1/customers/{customer}/orders"
OPERATIONS: tuple[Operation, ...] = (
    Operation(method="GET", path=_BASE, handler=list_orders),
    Operation(method="GET", path=f"{_BASE}/{{order}}", handler=get),
    Operation(method="PATCH", path=f"{_BASE}/{{order}}", handler=cancel),
    Operation(method="GET", path=f"{_BASE}/{{order}}/provisioningstatus", handler=provisioning_status, user_only=True),
)
