"""What tenants hold: subscriptions as they are kept, brought up to the present, and as Partner Center shows them."""

import base64
import json
from datetime import timedelta
from uuid import uuid4

from partner_center_emulator import catalogue, renewals, terms
from partner_center_emulator.calls import Call, link
from partner_center_emulator.catalogue import AZURE, PRODUCT_TYPES, Offer
from partner_center_emulator.clock import parse_instant, written
from partner_center_emulator.errors import Json, PartnerCenterRefusal
from partner_center_emulator.renewals import PRIVATE

_KIND = "subscription"
_TAKES_SEATS = frozenset({"active", "suspended"})


def make(*, call: Call, order_id: str, line: Json, offer: Offer, partner_id: str = "") -> str:
    """Keeps a new subscription of what a cart's line bought, and returns its id."""
    now, term = call.now, str(line.get("termDuration") or "")
    kind, words = PRODUCT_TYPES[offer.kind]
    is_usage = offer.kind == AZURE
    document: Json = {
        "id": str(uuid4()),
        "offerId": line["catalogItemId"],
        "offerName": offer.sku,
        "friendlyName": line.get("friendlyName") or offer.sku,
        "productType": {"id": kind, "displayName": words},
        "quantity": line["quantity"],
        "unitType": "Usage-based" if is_usage else "Licenses",
        "hasPurchasableAddons": any(offer.key in one.prerequisites for one in catalogue.offers()),
        "creationDate": written(instant=now),
        "effectiveStartDate": written(instant=now),
        "status": "active",
        "autoRenewEnabled": not is_usage,
        "isTrial": offer.is_trial,
        "billingType": "usage" if is_usage else "license",
        "billingCycle": line["billingCycle"],
        "termDuration": term,
        "renewalTermDuration": (line.get("renewsTo") or {}).get("termDuration", ""),
        "refundOptions": [],
        "isMicrosoftProduct": offer.kind != catalogue.SAAS,
        "partnerId": partner_id,
        "attentionNeeded": False,
        "actionTaken": False,
        "contractType": "subscription",
        "publisherName": offer.publisher,
        "orderId": order_id,
        PRIVATE: {
            "version": 1,
            "epoch": call.settings.availability_epoch,
            "number": 0,
            "batches": [],
            "changed_at": written(instant=now),
        },
    }
    if offer.is_trial:
        document[PRIVATE]["trial_of"] = offer.key
    if is_usage:
        document["consumptionType"] = "metered"
    if line.get("promotionId"):
        document["promotionId"] = line["promotionId"]
    parent = (line.get("provisioningContext") or {}).get("parentSubscriptionId")
    if parent:
        document["parentSubscriptionId"] = parent
    if term:
        custom = line.get("customTermEndDate")
        day = terms.day_of(text=custom) if custom else None
        renewals.begin(document, at=now, term=term, cycle=line["billingCycle"], custom=day)
    keep(call, document)
    return str(document["id"])


def keep(call: Call, document: Json) -> None:
    """Keeps a subscription as it now is."""
    call.state.keep_commerce(
        kind=_KIND,
        item_id=document["id"],
        partner_id=call.partner.tenant_id,
        tenant_id=call.customer.tenant_id,
        document=document,
    )


def change(call: Call, document: Json) -> None:
    """Keeps a subscription that somebody changed: its etag is another one from now on."""
    document[PRIVATE]["version"] += 1
    document[PRIVATE]["changed_at"] = written(instant=call.now)
    keep(call, document)


def end(call: Call, document: Json) -> None:
    """Cancels a subscription for good."""
    document["status"] = "deleted"
    renewals.stop(document)
    change(call, document)


def _brought_up(call: Call, document: Json) -> Json:
    if renewals.bring_up(document, now=call.now, settings=call.settings):
        document[PRIVATE]["version"] += 1
        keep(call, document)
    return document


def every(call: Call) -> list[Json]:
    """A customer's subscriptions with this partner, oldest first, as they are now."""
    kept = call.state.all_commerce(kind=_KIND, partner_id=call.partner.tenant_id, tenant_id=call.customer.tenant_id)
    return [_brought_up(call, one) for one in kept]


def one_of(call: Call, *, subscription_id: str) -> Json | None:
    """One of them."""
    document = call.state.commerce(
        kind=_KIND,
        item_id=subscription_id,
        partner_id=call.partner.tenant_id,
        tenant_id=call.customer.tenant_id,
    )
    return _brought_up(call, document) if document else None


def found(call: Call) -> Json:
    """The subscription in the path. Refuses with 404/20003."""
    wanted = call.params["subscription"]
    document = one_of(call, subscription_id=wanted)
    if document is None:
        raise PartnerCenterRefusal(status=404, code=20003, description=f"The subscription {wanted} was not found.")
    return document


def is_running(document: Json) -> bool:
    """Whether it stands against the end of the relationship: suspended seats do, they are billed to their end."""
    status = document["status"]
    return bool(status == "active" or (status == "suspended" and document["billingType"] != "usage"))


def of_tenant(call: Call) -> list[Json]:
    """Every subscription of the customer's tenant, whoever sold it: limits are the tenant's (nce-rules.md §2)."""
    documents = call.state.units_of_tenant(tenant_id=call.customer.tenant_id)
    for document in documents:
        renewals.bring_up(document, now=call.now, settings=call.settings)
    return documents


def key_of(document: Json) -> str:
    """`product:sku` of a subscription."""
    return ":".join(document["offerId"].split(":")[:2])


def seats_held(call: Call) -> dict[str, int]:
    """Units of each `product:sku` that the tenant has."""
    held: dict[str, int] = {}
    for one in of_tenant(call):
        if one["status"] in _TAKES_SEATS:
            held[key_of(one)] = held.get(key_of(one), 0) + one["quantity"]
    return held


def has_tried(call: Call, *, key: str) -> bool:
    """Whether the tenant ever had a trial of a SKU, whatever became of it (nce-rules.md §8)."""
    return any(one[PRIVATE].get("trial_of") == key for one in of_tenant(call))


def etag_of(document: Json) -> str:
    """What a change may name in If-Match; another one after every change."""
    text = json.dumps({"id": document["id"], "version": document[PRIVATE]["version"]}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def batches_open(document: Json, *, call: Call) -> list[Json]:
    """Seats that may still be taken back, oldest first; each has its own clock (nce-rules.md §3)."""
    return [
        dict(one)
        for one in document[PRIVATE]["batches"]
        if one["quantity"] > 0 and parse_instant(text=one["allowedUntilDateTime"]) > call.now
    ]


def is_cancellable(document: Json, *, call: Call) -> bool:
    """Whether its window for cancelling is open; the Azure plan has no window and may go at any time."""
    until = document.get("cancellationAllowedUntilDate")
    if until is None:
        return bool(document["billingType"] == "usage")
    return parse_instant(text=until) > call.now


def is_provided(document: Json, *, call: Call) -> bool:
    """Whether Microsoft has worked off its purchase or its latest change."""
    ready = parse_instant(text=document[PRIVATE]["changed_at"]) + timedelta(seconds=call.settings.provisioning_seconds)
    return ready <= call.now


def shown(call: Call, document: Json) -> Json:
    """A subscription as an answer has it."""
    product, sku, availability = document["offerId"].split(":")
    country = f"?country={str(call.customer.address.get('country') or 'US').upper()}"
    path, base = f"/products/{product}/skus/{sku}", f"/customers/{call.customer.tenant_id}/subscriptions"
    links = {
        "product": link(uri=f"/products/{product}{country}"),
        "sku": link(uri=path + country),
        "availability": link(uri=f"{path}/availabilities/{availability}{country}"),
    }
    if document.get("parentSubscriptionId"):
        links["parentSubscription"] = link(uri=f"{base}/{document['parentSubscriptionId']}")
    links["self"] = link(uri=f"{base}/{document['id']}")
    is_live = document["status"] in renewals.LIVE
    answer = {name: value for name, value in document.items() if name != PRIVATE and value is not None}
    if not answer["termDuration"]:
        del answer["termDuration"]
    elif is_live:
        cycle = renewals.current_cycle(document, now=call.now)
        if cycle is not None:
            answer["billingCycleEndDate"] = terms.midnight(day=cycle[1])
            answer["billingCycleEndDateTime"] = terms.end_of(day=cycle[1])
    if renewals.offer_of(document).is_seats:
        batches = batches_open(document, call=call)
        answer["refundableQuantity"] = {
            "totalQuantity": sum(one["quantity"] for one in batches),
            "details": batches,
        }
    actions = scheduled_actions(document)
    if actions:
        answer["scheduledActions"] = actions
    can_cancel = is_live and is_cancellable(document, call=call)
    answer |= {
        "suspensionReasons": ["CustomerCancellation"] if document["status"] == "suspended" else [],
        "actions": (["edit"] if is_live else []) + (["cancel"] if can_cancel else []),
    }
    return answer | {"links": links, "attributes": {"etag": etag_of(document), "objectType": "Subscription"}}


def scheduled_actions(document: Json) -> list[Json]:
    """What was chosen for the end of the term, or the extended service term that nobody chose (contract §10.4)."""
    chosen: list[Json] = document.get("scheduledActions", [])
    if chosen or document["status"] != "active" or not document.get("commitmentEndDate"):
        return chosen
    if renewals.outcome(document)[0] == renewals.EXTEND:
        return [{"scheduleType": renewals.TERM_END, "actionType": renewals.EXTEND}]
    return []
