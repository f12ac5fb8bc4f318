"""PATCH of a subscription (contract §10.2, nce-rules.md §3-7): the whole resource comes back with a change in it.

What must be allowed is looked at first, so that a refusal leaves everything as it was.
"""

from datetime import timedelta
from typing import Any

from partner_center_emulator import catalogue, coterminosity, holdings, promotions, renewals, terms
from partner_center_emulator.calls import Answer, Call, Members, Operation
from partner_center_emulator.catalogue import Offer
from partner_center_emulator.clock import written
from partner_center_emulator.errors import Json, PartnerCenterRefusal, invalid_property
from partner_center_emulator.renewals import PRIVATE

_STATUSES = frozenset({"none", "active", "pending", "suspended", "expired", "disabled", "deleted"})
_SCHEDULES = {one.lower(): one for one in (renewals.TERM_END, renewals.CUSTOM_DATE)}
_ACTIONS = {one.lower(): one for one in (renewals.CANCEL, renewals.RENEW, renewals.EXTEND, renewals.TRANSITION)}
_MOST_UPDATES = 1200
_BUSY_SECONDS = "120"
_ENUM = 900126
# Mid-term changes of the billing cycle (nce-rules.md §6): a three-year term only.
_CHARGE_CHANGES = {("monthly", "annual"), ("annual", "monthly")}
_END_PROBLEMS = {
    coterminosity.NOT_FOR_PRODUCT: (900244, "Only OnlineServicesNCE products can have a custom end of term."),
    coterminosity.OUTSIDE_TERM: (900245, "The custom end of term is not within the first term after the renewal."),
    coterminosity.MATCHES_NOTHING: (900246, "The custom end of term matches no subscription's end and no month's end."),
}


def _refused(code: int, text: str, *, status: int = 400) -> PartnerCenterRefusal:
    return PartnerCenterRefusal(status=status, code=code, description=text)


def change(call: Call) -> Answer:
    """Changes a subscription: name, seats, renewal, status, term, billing cycle, reseller."""
    document, sent = holdings.found(call), call.members()
    given = call.headers.get("if-match", "").strip('"')
    if given and given != holdings.etag_of(document):
        raise _refused(2055, "The ETag does not match.")
    _check_open(call, document)
    is_slow = _change_quantity(call, document, sent)
    was_renewing, planned = document["autoRenewEnabled"], document.get("scheduledNextTermInstructions")
    _change_status(call, document, sent)
    if document["status"] == "deleted":
        holdings.change(call, document)
        return Answer(content=holdings.shown(call, document))
    is_slow = _change_term(call, document, sent) or is_slow
    _change_auto_renew(document, sent)
    _change_schedule(call, document, sent, planned=planned, seats_changed=is_slow)
    _change_actions(call, document, sent, was_renewing=was_renewing)
    _change_reseller(call, document, sent)
    if sent.text("friendlyName"):
        document["friendlyName"] = sent.text("friendlyName")
    holdings.change(call, document)
    shown = holdings.shown(call, document)
    if is_slow:
        location = f"/customers/{call.customer.tenant_id}/subscriptions/{document['id']}"
        return Answer(status=202, content=shown, headers={"Location": location})
    return Answer(content=shown)


def _check_open(call: Call, document: Json) -> None:
    """Whether it can be changed at all."""
    if document["status"] == "deleted":
        raise _refused(2011, f"The deleted subscription {document['id']} cannot be updated.")
    if document["status"] not in renewals.LIVE:
        raise _refused(900279, f"Updates are no longer allowed: the subscription is {document['status']}.")
    if renewals.is_renewing(document, now=call.now, settings=call.settings):
        text = "The subscription is being renewed and not ready for an update yet."
        raise PartnerCenterRefusal(status=409, code=800082, description=text, headers={"Retry-After": _BUSY_SECONDS})
    if document[PRIVATE]["version"] > _MOST_UPDATES:
        raise _refused(900311, "The subscription was updated too many times.")


# Seats


def _change_quantity(call: Call, document: Json, sent: Members) -> bool:
    wanted = sent.get("quantity")
    if wanted is None or wanted == document["quantity"]:
        return False
    if not isinstance(wanted, int) or isinstance(wanted, bool):
        raise invalid_property(name="quantity", description="The quantity must be a whole number.")
    offer = renewals.offer_of(document)
    if document["status"] != "active":
        raise _refused(2001, "The quantity can't be changed while the subscription is suspended.")
    if offer.is_trial or offer.kind == catalogue.AZURE:
        raise _refused(800095, "The seat quantity cannot be updated.")
    check_quantity(call, document=document, offer=offer, quantity=wanted)
    batches = holdings.batches_open(document, call=call)
    less = document["quantity"] - wanted
    if less > 0:
        if less > sum(one["quantity"] for one in batches):
            raise _refused(800090, "Subscription quantity cannot be decreased.")
        take(batches, quantity=less)
    elif offer.is_seats:
        until = written(instant=call.now + renewals.WINDOW)
        batches.append({"quantity": -less, "allowedUntilDateTime": until})
    document["quantity"] = wanted
    document[PRIVATE]["batches"] = batches
    return True


def take(batches: list[Json], *, quantity: int) -> None:
    """Takes seats back, the newest first."""
    while quantity > 0 and batches:
        taken = min(quantity, batches[-1]["quantity"])
        batches[-1]["quantity"] -= taken
        quantity -= taken
        if not batches[-1]["quantity"]:
            batches.pop()


def check_quantity(call: Call, *, document: Json, offer: Offer, quantity: int) -> None:
    """Refuses seats outside of what the SKU allows, all of the tenant's subscriptions of it together."""
    if quantity < max(1, offer.minimum):
        raise _refused(2002, f"The quantity {quantity} is below the minimum of {offer.minimum}.")
    held = holdings.seats_held(call).get(offer.key, 0)
    own = document["quantity"] if holdings.key_of(document) == offer.key else 0
    remaining = max(0, offer.maximum - (held - own))
    if quantity > remaining and quantity > own:
        text = f"Requested {quantity} seats exceed remaining {remaining} seats for catalogue id {document['offerId']}."
        raise _refused(800088, text, status=403)


# Status


def _change_status(call: Call, document: Json, sent: Members) -> None:
    before, wanted = document["status"], (sent.text("status") or document["status"]).lower()
    if wanted == before:
        return
    if wanted not in _STATUSES:
        raise _refused(_ENUM, f"The status '{wanted}' could not be parsed.")
    offer = renewals.offer_of(document)
    if wanted not in {"active", "suspended", "deleted"}:
        raise _refused(800040, f"The status cannot move from {before} to {wanted}.")
    if offer.is_trial:
        raise _refused(800096, "The status of a trial cannot be updated.")
    if wanted == "deleted":
        if not holdings.is_cancellable(document, call=call):
            text = "The subscription can't be cancelled: it is outside of the 168-hour cancellation window."
            raise _refused(900213, text)
        renewals.stop(document)
        document.pop("cancellationAllowedUntilDate", None)
    elif wanted == "suspended":
        # A billing cycle that is to change at the next charge survives (nce-rules.md §5).
        document["autoRenewEnabled"] = False
        document.pop("scheduledNextTermInstructions", None)
        document.pop("scheduledActions", None)
    document["status"] = wanted


# Term and billing cycle


def _change_term(call: Call, document: Json, sent: Members) -> bool:
    """A longer term that starts now, or another billing cycle from the next charge on; whether a term began."""
    before = str(document["termDuration"])
    term = (sent.text("termDuration") or before).upper()
    cycle = (sent.text("billingCycle") or document["billingCycle"]).lower()
    if term == before:
        _change_next_charge(call, document, sent, cycle=cycle)
        return False
    offer = renewals.offer_of(document)
    if offer.is_trial:
        raise _refused(800107, "A trial cannot change its term.")
    if document["status"] != "active":
        raise _refused(800091, "A suspended subscription cannot be updated.")
    source = renewals.base_of(offer)
    if term not in terms.MONTHS or term not in {one for one, _cycle in source.terms}:
        raise _refused(800121, f"The term {term} is not valid for the subscription.")
    if not before or terms.MONTHS[term] < terms.MONTHS[before]:
        raise _refused(800122, f"The term {term} is shorter than the current one, {before}.")
    if (term, cycle) not in source.terms:
        raise _refused(900269, f"The billing cycle {cycle} is not valid for the term {term}.")
    renewals.restart(document, term=term, cycle=cycle, at=call.now)
    return True


def _change_next_charge(call: Call, document: Json, sent: Members, *, cycle: str) -> None:
    offer = renewals.offer_of(document)
    planned = document.get("nextChargeInstructions")
    wanted = sent.get("nextChargeInstructions")
    if cycle != document["billingCycle"]:
        product, sku, availability = document["offerId"].split(":")
        wanted = {
            "product": {
                "productId": product,
                "skuId": sku,
                "availabilityId": availability,
                "billingCycle": cycle,
                "termDuration": document["termDuration"],
            },
            "quantity": document["quantity"],
        }
    if wanted is None:
        # What a change leaves out is taken away (contract §10.2).
        document.pop("nextChargeInstructions", None)
        document[PRIVATE].pop("next_charge_at", None)
        return
    if wanted == planned:
        return
    instructions = _instructions(call, Members(content=_object(wanted, "nextChargeInstructions")), offer=offer)
    product = instructions["product"]
    key = f"{product['productId']}:{product['skuId']}".upper()
    after = str(product["billingCycle"]).lower()
    is_same = key == offer.key.upper() and product["termDuration"] == document["termDuration"]
    may_change = (document["billingCycle"], after) in _CHARGE_CHANGES and document["termDuration"] == "P3Y"
    if not offer.is_seats or not is_same or not may_change or (document["termDuration"], after) not in offer.terms:
        raise _refused(800097, "The billing cycle cannot be updated.")
    document["nextChargeInstructions"] = instructions
    running = renewals.current_cycle(document, now=call.now)
    if running is not None:
        at = terms.start_of(day=running[1] + timedelta(days=1))
        document[PRIVATE]["next_charge_at"] = written(instant=at)


# Renewal


def _change_auto_renew(document: Json, sent: Members) -> None:
    """Left out counts as off (contract §10.2)."""
    wanted = bool(sent.flag("autoRenewEnabled"))
    if wanted and not document.get("commitmentEndDate"):
        raise _refused(800093, "The subscription is not eligible for auto-renew.")
    if document["status"] != "active":
        wanted = False
    if not wanted:
        document.pop("scheduledNextTermInstructions", None)
    document["autoRenewEnabled"] = wanted


def _change_schedule(call: Call, document: Json, sent: Members, *, planned: Json | None, seats_changed: bool) -> None:
    """Instructions for the next term; left out they are taken away, and so are old ones where seats changed."""
    wanted = sent.get("scheduledNextTermInstructions")
    if wanted is None or (wanted == planned and (seats_changed or not document["autoRenewEnabled"])):
        document.pop("scheduledNextTermInstructions", None)
        return
    if wanted == planned:
        return
    if document["status"] != "active":
        raise _refused(800091, "A suspended subscription cannot be updated.")
    if not document["autoRenewEnabled"]:
        raise _refused(800093, "Changes can be scheduled for a subscription that renews itself only.")
    document["scheduledNextTermInstructions"] = _next_term(call, document, wanted)


def _next_term(call: Call, document: Json, wanted: Any) -> Json:
    offer = renewals.offer_of(document)
    members = Members(content=_object(wanted, "scheduledNextTermInstructions"))
    instructions = _instructions(call, members, offer=offer)
    product = instructions["product"]
    target = catalogue.by_key()[f"{product['productId']}:{product['skuId']}".upper()]
    term, cycle = product["termDuration"], str(product["billingCycle"]).lower()
    quantity = instructions["quantity"]
    if quantity < max(1, target.minimum) or quantity > target.maximum:
        raise _refused(2002, f"The quantity {quantity} is outside of {target.minimum} to {target.maximum}.")
    last = renewals.ends_on(document)
    end = instructions.get("customTermEndDate")
    if end and last is not None:
        problem = coterminosity.problem(
            call,
            offer=target,
            term=term,
            starts_on=last + terms.DAY,
            wanted=terms.day_of(text=end),
            beside=document["id"],
        )
        if problem:
            code, text = _END_PROBLEMS[problem]
            raise _refused(code, text)
    promotion_id = product.get("promotionId")
    if promotion_id:
        promotions.check(call, promotion_id=promotion_id, offer=target, term=term, cycle=cycle, quantity=quantity)
    return instructions


def _instructions(call: Call, members: Members, *, offer: Offer) -> Json:
    """Instructions as they are kept: a product of today's catalogue, a term and billing cycle that it is sold for."""
    product = members.object("product")
    key = f"{product.required_text('productId')}:{product.required_text('skuId')}".upper()
    target = catalogue.by_key().get(key)
    base = renewals.base_of(offer)
    if target is None or (target.key not in (base.key, offer.key) and target.key not in base.upgrades):
        text = f"The subscription can't become one of {key}."
        raise PartnerCenterRefusal(status=403, code=800020, description=text)
    availability = product.required_text("availabilityId")
    if availability.upper() != target.availability_id(epoch=call.settings.availability_epoch).upper():
        text = f"The availability '{availability}' was not found for the SKU {target.key}."
        raise PartnerCenterRefusal(status=404, code=400019, description=text)
    term, cycle = product.required_text("termDuration").upper(), product.required_text("billingCycle")
    if term not in {one for one, _cycle in target.terms}:
        raise _refused(800121, f"The term {term} is not valid for {target.key}.")
    if (term, cycle.lower()) not in target.terms:
        raise _refused(900269, f"The billing cycle {cycle} is not valid for the term {term}.")
    quantity = members.get("quantity")
    if not isinstance(quantity, int) or isinstance(quantity, bool):
        raise invalid_property(name="quantity", description="The quantity of the instructions must be a whole number.")
    kept: Json = {
        "product": {
            "productId": target.product_id,
            "skuId": target.sku_id,
            "availabilityId": target.availability_id(epoch=call.settings.availability_epoch),
            "billingCycle": cycle,
            "termDuration": term,
        },
        "quantity": quantity,
    }
    if product.text("promotionId"):
        kept["product"]["promotionId"] = product.text("promotionId")
    end = members.text("customTermEndDate")
    if end:
        try:
            terms.day_of(text=end)
        except ValueError as error:
            raise invalid_property(name="customTermEndDate", description=f"'{end}' is no date.") from error
        kept["customTermEndDate"] = end
    return kept


def _object(value: Any, name: str) -> Json:
    if not isinstance(value, dict):
        raise invalid_property(name=name, description=f"{name} must be an object.")
    return value


# The end of the term since the extended service term (contract §10.4)


def _change_actions(call: Call, document: Json, sent: Members, *, was_renewing: bool) -> None:
    """What is to happen at the end of the term; left out it stays as it is, and a null or empty list takes it away."""
    if not sent.has("scheduledActions"):
        wanted = document.get("scheduledActions", [])
    else:
        wanted = [_action(call, document, one, place) for place, one in enumerate(_list(sent.get("scheduledActions")))]
    if document["autoRenewEnabled"] and not was_renewing:
        # Who switches renewal on and sends the rest back as it was means what he switched.
        wanted = [one for one in wanted if one["actionType"] not in (renewals.CANCEL, renewals.EXTEND)]
    if was_renewing and not document["autoRenewEnabled"]:
        wanted = [one for one in wanted if one["actionType"] not in (renewals.RENEW, renewals.TRANSITION)]
    if document["status"] != "active":
        wanted = []
    if wanted:
        document["scheduledActions"] = wanted
    else:
        document.pop("scheduledActions", None)


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise invalid_property(name="scheduledActions", description="scheduledActions must be a list.")
    return value


def _action(call: Call, document: Json, value: Any, place: int) -> Json:
    members = Members(content=_object(value, "scheduledActions"), path=f"scheduledActions[{place}]")
    schedule = _SCHEDULES.get(members.required_text("scheduleType").lower())
    kind = _ACTIONS.get(members.required_text("actionType").lower())
    if schedule is None or kind is None:
        text = "The schedule type or action type could not be parsed."
        raise PartnerCenterRefusal(status=400, code=_ENUM, description=text, data=[members.named("actionType")])
    action: Json = {"scheduleType": schedule, "actionType": kind}
    if schedule == renewals.CUSTOM_DATE:
        day = members.required_text("effectiveDate")
        try:
            terms.day_of(text=day)
        except ValueError as error:
            raise invalid_property(name=members.named("effectiveDate"), description=f"'{day}' is no date.") from error
        action["effectiveDate"] = day
    if kind == renewals.EXTEND and not renewals.offer_of(document).is_seats:
        raise _refused(800024, "The subscription is not eligible for an extended service term.")
    instructions = members.get("instructions")
    if kind == renewals.TRANSITION and instructions is None:
        raise invalid_property(name=members.named("instructions"), description="A transition needs instructions.")
    if instructions is not None:
        action["instructions"] = _next_term(call, document, instructions)
    return action


def _change_reseller(call: Call, document: Json, sent: Members) -> None:
    wanted = sent.text("partnerId")
    if not sent.has("partnerId") or wanted == document["partnerId"]:
        return
    known = {mpn_id for _tenant, _name, mpn_id in call.partner.indirect_resellers}
    if not known:
        raise _refused(800098, "The partner on record cannot be updated.")
    if wanted and wanted not in known:
        raise _refused(800016, f"PartnerID {wanted} is not a valid indirect reseller.")
    document["partnerId"] = wanted


OPERATIONS: tuple[Operation, ...] = (
    Operation(method="PATCH", path="/v1/customers/{customer}/subscriptions/{subscription}", handler=change),
)
