"""Orders: made by a checkout, seen in the list after a while, provided after another (contract §9)."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from partner_center_emulator import subscriptions
from partner_center_emulator.calls import Answer, Call, Operation, collection, link
from partner_center_emulator.catalogue import PERPETUAL, Offer
from partner_center_emulator.clock import parse_instant, written
from partner_center_emulator.errors import Json, PartnerCenterRefusal
from partner_center_emulator.state import State

_PRIVATE = "_emulator"


def make(*, call: Call, lines: list[tuple[Json, Offer]]) -> Json:
    """Keeps an order with its subscriptions, and returns it as a checkout shows it."""
    order_id = uuid4().hex[:12]
    hidden = call.settings.hidden_subscriptions > 0
    if hidden:
        call.settings.hidden_subscriptions -= 1
    items = []
    for number, (line, offer) in enumerate(lines):
        item: Json = {
            "lineItemNumber": number,
            "offerId": line["catalogItemId"],
            "termDuration": line.get("termDuration"),
            "transactionType": "New",
            "friendlyName": line.get("friendlyName") or offer.sku,
            "quantity": line["quantity"],
            "pricing": line.get("pricing"),
            "links": {"sku": link(uri=f"/products/{offer.product_id}/skus/{offer.sku_id}")},
        }
        if offer.kind != PERPETUAL:
            item["subscriptionId"] = subscriptions.make(call=call, order_id=order_id, line=line, offer=offer)
        items.append({name: value for name, value in item.items() if value is not None})
    order: Json = {
        "id": order_id,
        "alternateId": order_id,
        "referenceCustomerId": call.customer.tenant_id,
        "billingCycle": lines[0][0]["billingCycle"],
        "currencyCode": lines[0][0]["currencyCode"],
        "lineItems": items,
        "creationDate": written(instant=call.now),
        "status": "completed",
        "transactionType": "UserPurchase",
        _PRIVATE: {"hidden": hidden, "is_software": all(offer.kind == PERPETUAL for _line, offer in lines)},
    }
    _keep(call, order)
    return _shown(call, order)


def held(*, state: State, tenant_id: str) -> dict[str, int]:
    """Units of each `product:sku` that a tenant has, whoever sold them."""
    found: dict[str, int] = {}
    for one in state.units_of_tenant(tenant_id=tenant_id):
        if one["status"] in {"active", "suspended"}:
            key = ":".join(one["offerId"].split(":")[:2])
            found[key] = found.get(key, 0) + one["quantity"]
    return found


def list_orders(call: Call) -> Answer:
    """A customer's orders, but those that are too new to be seen."""
    lag = timedelta(seconds=call.settings.order_list_seconds)
    found = [
        _shown(call, one)
        for one in call.state.all_commerce(
            kind="order", partner_id=call.partner.tenant_id, tenant_id=call.customer.tenant_id
        )
        if parse_instant(text=one["creationDate"]) + lag <= call.now
    ]
    return Answer(content=collection(items=found))


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
    """Cancels an order of perpetual software within thirty days; seats are cancelled by their subscription."""
    order = _found(call)
    if call.members().text("status").lower() != "cancelled":
        raise PartnerCenterRefusal(status=400, code=800061, description="Only the status can be changed.")
    if not order[_PRIVATE]["is_software"]:
        text = f"The order {order['id']} cannot be cancelled, suspend its subscriptions by PATCH."
        raise PartnerCenterRefusal(status=400, code=800063, description=text)
    if parse_instant(text=order["creationDate"]) + timedelta(days=30) < call.now:
        raise PartnerCenterRefusal(status=400, code=800061, description="The order cannot be cancelled any more.")
    order["status"] = "cancelled"
    _keep(call, order)
    return Answer(content=_shown(call, order))


def _found(call: Call) -> dict[str, Any]:
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
    lines = order["lineItems"]
    if order[_PRIVATE]["hidden"] and not provided:
        lines = [{name: value for name, value in line.items() if name != "subscriptionId"} for line in lines]
    shown = {name: value for name, value in order.items() if name != _PRIVATE}
    return shown | {
        "lineItems": lines,
        "status": order["status"] if provided or order["status"] != "completed" else "pending",
        "links": {"provisioningStatus": link(uri=f"{path}/provisioningstatus"), "self": link(uri=path)},
        "attributes": {"objectType": "Order"},
    }


_BASE = "/v1/customers/{customer}/orders"
OPERATIONS: tuple[Operation, ...] = (
    Operation(method="GET", path=_BASE, handler=list_orders),
    Operation(method="GET", path=f"{_BASE}/{{order}}", handler=get),
    Operation(method="PATCH", path=f"{_BASE}/{{order}}", handler=cancel),
    Operation(method="GET", path=f"{_BASE}/{{order}}/provisioningstatus", handler=provisioning_status, user_only=True),
)
