"""Subscriptions as they are read (contract §10.1, §10.3, §10.7); changes of them are in `subscription_changes`."""

from partner_center_emulator import holdings, renewals
from partner_center_emulator.calls import Answer, Call, Operation, collection, link
from partner_center_emulator.catalogue import AZURE
from partner_center_emulator.errors import Json, PartnerCenterRefusal


def list_subscriptions(call: Call) -> Answer:
    """A customer's subscriptions, expired and deleted ones too; `order_id` and `mpn_id` narrow."""
    order_id, mpn_id = call.query.get("order_id", "").lower(), call.query.get("mpn_id", "")
    found = [
        holdings.shown(call, one)
        for one in holdings.every(call)
        if (not order_id or one["orderId"].lower() == order_id) and (not mpn_id or one["partnerId"] == mpn_id)
    ]
    path = f"/customers/{call.customer.tenant_id}/subscriptions"
    return Answer(content=collection(items=found) | {"links": {"self": link(uri=path)}})


def get(call: Call) -> Answer:
    """One subscription."""
    return Answer(content=holdings.shown(call, holdings.found(call)))


def provisioning_status(call: Call) -> Answer:
    """Whether a subscription's licences are there."""
    document = holdings.found(call)
    return Answer(
        content={
            "skuId": renewals.offer_of(document).provisioning_id,
            "status": "success" if holdings.is_provided(document, call=call) else "pending",
            "quantity": document["quantity"],
            "endDate": document.get("commitmentEndDate", "9999-12-31T00:00:00Z"),
            "attributes": {"objectType": "SubscriptionProvisioningStatus"},
        }
    )


def list_addons(call: Call) -> Answer:
    """The add-ons that were bought for a subscription."""
    parent = str(holdings.found(call)["id"]).lower()
    found: list[Json] = [
        holdings.shown(call, one)
        for one in holdings.every(call)
        if str(one.get("parentSubscriptionId", "")).lower() == parent
    ]
    return Answer(content=collection(items=found))


def list_azure_entitlements(call: Call) -> Answer:
    """The Azure subscriptions under an Azure plan; the emulator's plans have none."""
    if renewals.offer_of(holdings.found(call)).kind != AZURE:
        raise PartnerCenterRefusal(status=400, code=800011, description="This is not a valid Azure subscription.")
    return Answer(content=collection(items=[]))


_BASE = "/v1/customers/{customer}/subscriptions"
_ONE = f"{_BASE}/{{subscription}}"
OPERATIONS: tuple[Operation, ...] = (
    Operation(method="GET", path=_BASE, handler=list_subscriptions),
    Operation(method="GET", path=_ONE, handler=get),
    Operation(method="GET", path=f"{_ONE}/provisioningstatus", handler=provisioning_status, user_only=True),
    Operation(method="GET", path=f"{_ONE}/addons", handler=list_addons),
    Operation(method="GET", path=f"{_ONE}/azureEntitlements", handler=list_azure_entitlements),
)
