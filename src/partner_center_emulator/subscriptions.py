"""Subscriptions: what a checkout leaves behind, read and changed (contract §10.1-10.3; rules of nce-rules.md §3-5)."""

import calendar
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

from partner_center_emulator.calls import Answer, Call, Operation, collection, link
from partner_center_emulator.catalogue import AZURE, PRODUCT_TYPES, SOFTWARE, Offer, by_key
from partner_center_emulator.clock import parse_instant, written
from partner_center_emulator.errors import Json, PartnerCenterRefusal, invalid_property

_WINDOW = timedelta(days=7)
_MONTHS = {"P1M": 1, "P1Y": 12, "P3Y": 36}
_UTC_END = time(23, 59, 59)
_STATUSES = frozenset({"active", "suspended", "deleted"})


def make(*, call: Call, order_id: str, line: Json, offer: Offer) -> str:
    """Keeps a new subscription and returns its id."""
    subscription_id = str(uuid4())
    now, term = call.now, str(line.get("termDuration") or "")
    kind, words = PRODUCT_TYPES[offer.kind]
    until = written(instant=now + _WINDOW)
    document: Json = {
        "id": subscription_id,
        "offerId": line["catalogItemId"],
        "offerName": offer.sku,
        "friendlyName": line.get("friendlyName") or offer.sku,
        "productType": {"id": kind, "displayName": words},
        "quantity": line["quantity"],
        "unitType": "Usage-based" if offer.kind == AZURE else "Licenses",
        "hasPurchasableAddons": False,
        "creationDate": written(instant=now),
        "effectiveStartDate": written(instant=now),
        "status": "active",
        "autoRenewEnabled": offer.kind != AZURE,
        "isTrial": offer.is_trial,
        "billingType": "usage" if offer.kind == AZURE else "license",
        "billingCycle": line["billingCycle"],
        "termDuration": term or None,
        "renewalTermDuration": "",
        "isMicrosoftProduct": True,
        "partnerId": "",
        "attentionNeeded": False,
        "actionTaken": False,
        "contractType": "subscription",
        "publisherName": "Microsoft Corporation",
        "orderId": order_id,
        "version": 1,
    }
    if term in _MONTHS:
        last = _last_day(starts_on=now.date(), term=term, is_trial=offer.is_trial)
        document |= {
            "commitmentEndDate": f"{last.isoformat()}T00:00:00Z",
            "commitmentEndDateTime": written(instant=datetime.combine(last, _UTC_END, tzinfo=now.tzinfo)),
            "cancellationAllowedUntilDate": until,
            "refundOptions": [{"type": "Full", "expiresAt": written(instant=now + timedelta(days=1))}],
        }
        if offer.kind != SOFTWARE:
            document["refundableQuantity"] = {
                "totalQuantity": line["quantity"],
                "details": [{"quantity": line["quantity"], "allowedUntilDateTime": until}],
            }
    context = line.get("provisioningContext") or {}
    parent = {key.lower(): value for key, value in context.items()}.get("parentsubscriptionid")
    if parent:
        document["parentSubscriptionId"] = parent
    _keep(call, {name: value for name, value in document.items() if value is not None})
    return subscription_id


def list_subscriptions(call: Call) -> Answer:
    """A customer's subscriptions, deleted ones too; `order_id` narrows."""
    order_id = call.query.get("order_id", "").lower()
    found = [
        _shown(call, one)
        for one in call.state.all_commerce(
            kind="subscription", partner_id=call.partner.tenant_id, tenant_id=call.customer.tenant_id
        )
        if not order_id or one["orderId"].lower() == order_id
    ]
    return Answer(content=collection(items=found))


def get(call: Call) -> Answer:
    """One subscription."""
    return Answer(content=_shown(call, _found(call)))


def change(call: Call) -> Answer:
    """Changes a subscription by its whole resource: name, seats, renewal, status (contract §10.2)."""
    stored, sent = _found(call), call.members()
    given = call.headers.get("if-match", "").strip('"')
    if given and given != _etag(stored):
        raise PartnerCenterRefusal(status=400, code=2055, description="The ETag does not match.")
    quantity, status = sent.get("quantity"), (sent.text("status") or stored["status"]).lower()
    if status not in _STATUSES:
        raise invalid_property(name="status", description=f"The status '{status}' can't be set.")
    answer = 200
    if quantity is not None and quantity != stored["quantity"]:
        _change_quantity(call, stored, quantity)
        answer = 202
    if status != stored["status"]:
        _change_status(call, stored, status)
    renews = sent.flag("autoRenewEnabled")
    stored["autoRenewEnabled"] = bool(renews) and stored["status"] == "active"
    if sent.text("friendlyName"):
        stored["friendlyName"] = sent.text("friendlyName")
    stored["version"] += 1
    _keep(call, stored)
    if answer == 202:
        location = f"/v1/customers/{call.customer.tenant_id}/subscriptions/{stored['id']}"
        return Answer(status=202, content=_shown(call, stored), headers={"Location": location})
    return Answer(content=_shown(call, stored))


def provisioning_status(call: Call) -> Answer:
    """Whether a subscription is provided."""
    stored = _found(call)
    ready = parse_instant(text=stored["creationDate"]) + timedelta(seconds=call.settings.provisioning_seconds)
    return Answer(
        content={
            "skuId": stored["offerId"],
            "status": "success" if ready <= call.now else "pending",
            "quantity": stored["quantity"],
            "endDate": stored.get("commitmentEndDate", ""),
            "attributes": {"objectType": "SubscriptionProvisioningStatus"},
        }
    )


def _change_quantity(call: Call, stored: Json, quantity: Any) -> None:
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
        raise invalid_property(name="quantity", description="The quantity must be a whole number from 1.")
    if stored["status"] != "active":
        text = "The quantity can't be changed while the subscription is suspended."
        raise PartnerCenterRefusal(status=400, code=2001, description=text)
    offer = by_key()[":".join(stored["offerId"].upper().split(":")[:2])]
    if quantity > offer.maximum:
        text = f"Requested {quantity} seats exceed remaining {offer.maximum} seats for {stored['offerId']}."
        raise PartnerCenterRefusal(status=403, code=800088, description=text)
    batches = [
        one
        for one in stored.get("refundableQuantity", {}).get("details", [])
        if parse_instant(text=one["allowedUntilDateTime"]) > call.now
    ]
    less = stored["quantity"] - quantity
    if less > 0:
        if less > sum(one["quantity"] for one in batches):
            text = "The quantity can't be decreased: the seats were added too long ago."
            raise PartnerCenterRefusal(status=400, code=800090, description=text)
        while less > 0:  # the newest seats go first
            taken = min(less, batches[-1]["quantity"])
            batches[-1]["quantity"] -= taken
            less -= taken
            if not batches[-1]["quantity"]:
                batches.pop()
    else:
        until = written(instant=call.now + _WINDOW)
        batches.append({"quantity": -less, "allowedUntilDateTime": until})
    stored["quantity"] = quantity
    stored["refundableQuantity"] = {
        "totalQuantity": sum(one["quantity"] for one in batches),
        "details": batches,
    }


def _change_status(call: Call, stored: Json, status: str) -> None:
    if stored["status"] == "deleted":
        raise PartnerCenterRefusal(status=400, code=900213, description="The subscription is cancelled.")
    if status == "deleted":
        until = stored.get("cancellationAllowedUntilDate")
        if until is None or parse_instant(text=until) <= call.now:
            text = "The subscription can't be cancelled any more: its window of 168 hours is over."
            raise PartnerCenterRefusal(status=400, code=900213, description=text)
    stored["status"] = status


def _last_day(*, starts_on: date, term: str, is_trial: bool) -> date:
    """The last day of a term, inclusive (nce-rules.md §9.1 rule 1); a trial has thirty days."""
    if is_trial:
        return starts_on + timedelta(days=29)
    years, month = divmod(starts_on.month - 1 + _MONTHS[term], 12)
    year, month = starts_on.year + years, month + 1
    day = min(starts_on.day, calendar.monthrange(year, month)[1])
    return date(year, month, day) - timedelta(days=1)


def _found(call: Call) -> Json:
    stored = call.state.commerce(
        kind="subscription",
        item_id=call.params["subscription"],
        partner_id=call.partner.tenant_id,
        tenant_id=call.customer.tenant_id,
    )
    if stored is None:
        text = f"The subscription '{call.params['subscription']}' was not found."
        raise PartnerCenterRefusal(status=404, code=10000, description=text)
    return stored


def _keep(call: Call, document: Json) -> None:
    call.state.keep_commerce(
        kind="subscription",
        item_id=document["id"],
        partner_id=call.partner.tenant_id,
        tenant_id=call.customer.tenant_id,
        document=document,
    )


def _etag(document: Json) -> str:
    return f"{document['id']}-{document['version']}"


def _shown(call: Call, document: Json) -> Json:
    product, sku, availability = document["offerId"].split(":")
    path = f"/products/{product}/skus/{sku}"
    links = {
        "product": link(uri=f"/products/{product}"),
        "sku": link(uri=path),
        "availability": link(uri=f"{path}/availabilities/{availability}"),
        "self": link(uri=f"/customers/{call.customer.tenant_id}/subscriptions/{document['id']}"),
    }
    shown = {name: value for name, value in document.items() if name != "version"}
    return shown | {"links": links, "attributes": {"etag": _etag(document), "objectType": "Subscription"}}


_BASE = "/v1/customers/{customer}/subscriptions"
OPERATIONS: tuple[Operation, ...] = (
    Operation(method="GET", path=_BASE, handler=list_subscriptions),
    Operation(method="GET", path=f"{_BASE}/{{subscription}}", handler=get),
    Operation(method="PATCH", path=f"{_BASE}/{{subscription}}", handler=change),
    Operation(
        method="GET",
        path=f"{_BASE}/{{subscription}}/provisioningstatus",
        handler=provisioning_status,
        user_only=True,
    ),
)
