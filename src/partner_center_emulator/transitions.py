"""Transitions: upgrades of a subscription, and trials that become paid (contract §10.6, nce-rules.md §8)."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from partner_center_emulator import catalogue, holdings, renewals, subscription_changes, terms
from partner_center_emulator.calls import Answer, Call, Members, Operation
from partner_center_emulator.catalogue import Offer
from partner_center_emulator.clock import parse_instant, written
from partner_center_emulator.errors import Json, PartnerCenterRefusal, invalid_property
from partner_center_emulator.renewals import PRIVATE

ONLY, WITH_LICENCES = "transition_only", "transition_with_license_transfer"
_KIND = "transition"
_NOT_ACTIVE, _ADDONS, _NO_RIGHTS = 2, 6, 13
_WORDS = {
    1: "The subscription is not active.",
    2: "The subscription is within its cancellation window.",
    3: "The subscription's term duration is shorter than the source subscription's term duration.",
    4: "The subscription ends earlier than the source subscription.",
}
_REFUSALS = {1: 900258, 2: 900261, 3: 900267, 4: 900236}


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """A transition as it was asked for, looked at as far as it can be."""

    source: Json
    target: Offer
    item: str
    into: Json | None
    quantity: int
    kind: str
    term: str
    cycle: str
    promotion_id: str


def eligibilities(call: Call) -> Answer:
    """What a subscription may be upgraded to, at once or at its renewal, and into which other subscriptions."""
    document = holdings.found(call)
    kind = (call.query.get("eligibilitytype") or "immediate").lower()
    if kind not in {"immediate", "scheduled"}:
        text = f"The eligibility type '{kind}' could not be parsed."
        raise PartnerCenterRefusal(status=400, code=900126, description=text, data=["eligibilityType"])
    operation_id = str(uuid4())
    items: list[Json] = []
    for target in _targets(renewals.offer_of(document)):
        item: Json = {
            "operationId": operation_id,
            "catalogItemId": target.catalog_item_id(epoch=call.settings.availability_epoch),
            "title": target.sku,
            "description": f"{target.sku}, as the emulator's catalogue has it.",
            "quantity": document["quantity"],
        }
        others = [one for one in holdings.every(call) if holdings.key_of(one) == target.key]
        if others and kind == "immediate":
            item["subscriptionEligibilities"] = [_of_subscription(call, document, one) for one in others]
        kinds = (ONLY, WITH_LICENCES) if kind == "immediate" else (ONLY,)
        item["eligibilities"] = [_of_kind(call, document, one) for one in kinds]
        items.append(item | {"attributes": {"objectType": "TransitionEligibility"}})
    content = {"totalCount": len(items), "items": items, "attributes": {"objectType": "Collection"}}
    return Answer(content=content)


def _targets(offer: Offer) -> list[Offer]:
    base = renewals.base_of(offer)
    return [catalogue.by_key()[key.upper()] for key in base.upgrades if key.upper() in catalogue.by_key()]


def _of_subscription(call: Call, source: Json, target: Json) -> Json:
    code = _obstacle(call, source=source, target=target)
    return {
        "isEligible": code == 0,
        "subscriptionId": target["id"],
        "subscriptionFriendlyName": target["friendlyName"],
        "subscriptionTermDuration": target["termDuration"],
        "subscriptionBillingCycle": target["billingCycle"],
        "errors": [{"code": code, "description": _WORDS[code]}] if code else [],
    }


def _obstacle(call: Call, *, source: Json, target: Json) -> int:
    """Why seats can't move into another subscription (contract §10.6), 0 for nothing."""
    if target["status"] != "active":
        return 1
    if holdings.is_cancellable(target, call=call):
        return 2
    if terms.MONTHS[target["termDuration"]] < terms.MONTHS[source["termDuration"]]:
        return 3
    ends, own = renewals.ends_on(target), renewals.ends_on(source)
    return 4 if ends is not None and own is not None and ends < own else 0


def _of_kind(call: Call, document: Json, kind: str) -> Json:
    errors = _obstacles_of_kind(call, document=document, kind=kind)
    return {"isEligible": not errors, "transitionType": kind, "errors": errors}


def _obstacles_of_kind(call: Call, *, document: Json, kind: str) -> list[Json]:
    """TransitionErrorCodes (errors.md §5) that stand against one kind of transition."""
    found: list[tuple[int, str]] = []
    if document["status"] != "active":
        found.append((_NOT_ACTIVE, "The subscription is not active."))
    if any(
        one.get("parentSubscriptionId") == document["id"] and one["status"] in renewals.LIVE
        for one in holdings.every(call)
    ):
        found.append((_ADDONS, "The subscription has add-ons."))
    if kind == WITH_LICENCES and not call.customer.shows_directory:
        found.append((_NO_RIGHTS, "The partner has no granular delegated rights to assign licences."))
    return [{"code": code, "description": text} for code, text in found]


# The transition itself


def transition(call: Call) -> Answer:
    """Upgrades a subscription in place, or moves seats of it into a new or an existing one."""
    source, sent = holdings.found(call), call.members()
    wanted = _looked_at(call, source=source, sent=sent)
    if wanted.into is not None:
        reached = _into_existing(call, wanted)
    elif wanted.quantity == source["quantity"]:
        reached = _in_place(call, wanted)
    else:
        reached = _into_new(call, wanted)
    record: Json = {
        "operationId": str(uuid4()),
        "fromCatalogItemId": wanted.item,
        "fromSubscriptionId": source["id"],
        "toCatalogItemId": wanted.target.catalog_item_id(epoch=call.settings.availability_epoch),
        "toSubscriptionId": reached["id"],
        "quantity": wanted.quantity,
        "termDuration": reached["termDuration"],
        "billingCycle": reached["billingCycle"],
        "transitionType": wanted.kind,
        "at": written(instant=call.now),
    }
    if wanted.promotion_id:
        record["promotionId"] = wanted.promotion_id
    call.state.keep_commerce(
        kind=_KIND,
        item_id=record["operationId"],
        partner_id=call.partner.tenant_id,
        tenant_id=call.customer.tenant_id,
        document=record,
    )
    shown = {name: value for name, value in record.items() if name != "at"}
    started = [_event("Conversion", "Started", record["at"])]
    return Answer(content=shown | {"Events": started, "attributes": {"objectType": "Transition"}})


def _refused(code: int, text: str) -> PartnerCenterRefusal:
    return PartnerCenterRefusal(status=400, code=code, description=text)


def _looked_at(call: Call, *, source: Json, sent: Members) -> _Wanted:
    item = sent.required_text("toCatalogItemId")
    kind = sent.required_text("transitionType").lower()
    if kind not in {ONLY, WITH_LICENCES}:
        raise _refused(900126, f"The transition type '{kind}' could not be parsed.")
    quantity = sent.get("quantity")
    if not isinstance(quantity, int) or isinstance(quantity, bool):
        raise invalid_property(name="quantity", description="The quantity must be a whole number.")
    target = _target(call, source=source, item=item)
    into = _other(call, source=source, subscription_id=sent.text("toSubscriptionId").lower())
    if source["status"] != "active":
        raise _refused(800012, "The subscription is not active.")
    obstacles = _obstacles_of_kind(call, document=source, kind=kind)
    if obstacles:
        raise _refused(800024, str(obstacles[0]["description"]))
    if not 1 <= quantity <= source["quantity"] or (source["isTrial"] and quantity < source["quantity"]):
        raise _refused(2002, f"The quantity must be 1 to {source['quantity']}, and all of a trial's.")
    term, cycle = _term(source=source, sent=sent, target=target, into=into)
    if into is not None:
        if holdings.key_of(into) != target.key:
            raise _refused(900260, "The target subscription is of another catalogue item.")
        code = _obstacle(call, source=source, target=into)
        if code:
            raise _refused(_REFUSALS[code], _WORDS[code])
    return _Wanted(
        source=source,
        target=target,
        item=source["offerId"],
        into=into,
        quantity=quantity,
        kind=kind,
        term=term,
        cycle=cycle,
        promotion_id=sent.text("promotionId"),
    )


def _target(call: Call, *, source: Json, item: str) -> Offer:
    target = catalogue.of_item(item)
    if target is None or item.upper() != target.catalog_item_id(epoch=call.settings.availability_epoch).upper():
        text = f"The availability of {item} was not found."
        raise PartnerCenterRefusal(status=404, code=400019, description=text)
    offer = renewals.offer_of(source)
    if target.key == holdings.key_of(source):
        raise _refused(900259, "The target is the same as the source.")
    if target not in _targets(offer):
        raise _refused(800024, f"{offer.key} can't be upgraded to {target.key}.")
    return target


def _other(call: Call, *, source: Json, subscription_id: str) -> Json | None:
    """The existing subscription that seats are to move into."""
    if not subscription_id:
        return None
    if subscription_id == source["id"]:
        raise _refused(900259, "The target subscription is the source.")
    into = holdings.one_of(call, subscription_id=subscription_id)
    if into is None:
        text = f"The subscription {subscription_id} was not found."
        raise PartnerCenterRefusal(status=404, code=20003, description=text)
    return into


def _term(*, source: Json, sent: Members, target: Offer, into: Json | None) -> tuple[str, str]:
    """The term and billing cycle after it: the source's, the other subscription's, or longer ones."""
    if into is not None:
        return str(into["termDuration"]), str(into["billingCycle"])
    term = (sent.text("termDuration") or source["termDuration"]).upper()
    cycle = (sent.text("billingCycle") or source["billingCycle"]).lower()
    if source["isTrial"] and cycle == "none":
        cycle = "monthly"
    if term not in terms.MONTHS or term not in {one for one, _cycle in target.terms}:
        raise _refused(900268, f"The term {term} is not valid for the target.")
    if terms.MONTHS[term] < terms.MONTHS[source["termDuration"]]:
        raise _refused(900267, "The target's term is shorter than the source's.")
    if cycle not in terms.CYCLE_MONTHS:
        raise _refused(900269, f"The billing cycle {cycle} is not valid.")
    if terms.CYCLE_MONTHS[cycle] > terms.MONTHS[term]:
        raise _refused(900270, "The billing cycle is longer than the term.")
    if (term, cycle) not in target.terms:
        raise _refused(900269, f"The billing cycle {cycle} is not valid for the term {term}.")
    return term, cycle


def _in_place(call: Call, wanted: _Wanted) -> Json:
    """A whole subscription keeps its id, and its end unless the term is longer or it was a trial."""
    document = wanted.source
    is_new_term = wanted.term != document["termDuration"] or document["isTrial"]
    item = wanted.target.catalog_item_id(epoch=call.settings.availability_epoch)
    renewals.move(document, item=item)
    if is_new_term:
        renewals.restart(document, term=wanted.term, cycle=wanted.cycle, at=call.now)
    document["billingCycle"] = wanted.cycle
    _settle(document, promotion_id=wanted.promotion_id)
    holdings.change(call, document)
    return document


def _settle(document: Json, *, promotion_id: str = "") -> None:
    """An upgrade takes planned changes away, and a promotion that it doesn't name."""
    for name in ("scheduledNextTermInstructions", "scheduledActions", "promotionId"):
        document.pop(name, None)
    if promotion_id:
        document["promotionId"] = promotion_id


def _leave(call: Call, wanted: _Wanted) -> None:
    """Takes the seats out of the source; one that has none left is gone."""
    source = wanted.source
    if wanted.quantity == source["quantity"]:
        holdings.end(call, source)
        return
    source["quantity"] -= wanted.quantity
    batches = holdings.batches_open(source, call=call)
    subscription_changes.take(batches, quantity=max(0, sum(one["quantity"] for one in batches) - source["quantity"]))
    source[PRIVATE]["batches"] = batches
    _settle(source, promotion_id=source.get("promotionId", ""))
    holdings.change(call, source)


def _into_existing(call: Call, wanted: _Wanted) -> Json:
    into = wanted.into
    if into is None:
        raise LookupError("this transition has no target")
    _leave(call, wanted)
    into["quantity"] += wanted.quantity
    holdings.change(call, into)
    return into


def _into_new(call: Call, wanted: _Wanted) -> Json:
    """Some of the seats become a subscription of their own, which ends when its source does."""
    source = wanted.source
    line: Json = {
        "catalogItemId": wanted.target.catalog_item_id(epoch=call.settings.availability_epoch),
        "quantity": wanted.quantity,
        "billingCycle": wanted.cycle,
        "termDuration": wanted.term,
    }
    if wanted.promotion_id:
        line["promotionId"] = wanted.promotion_id
    if wanted.term == source["termDuration"]:
        line["customTermEndDate"] = source["commitmentEndDate"]
    made = holdings.make(
        call=call, order_id=source["orderId"], line=line, offer=wanted.target, partner_id=source["partnerId"]
    )
    document = holdings.one_of(call, subscription_id=made)
    if document is None:
        raise LookupError("the new subscription is not there")
    renewals.close_window(document)
    holdings.change(call, document)
    _leave(call, wanted)
    return document


# How far transitions are


def list_transitions(call: Call) -> Answer:
    """A subscription's transitions, or the one of an operation, with what has happened so far."""
    own = holdings.found(call)["id"]
    operation_id = (call.query.get("operationid") or "").lower()
    found = [
        _listed(call, one)
        for one in call.state.all_commerce(
            kind=_KIND, partner_id=call.partner.tenant_id, tenant_id=call.customer.tenant_id
        )
        if own in (one["fromSubscriptionId"], one["toSubscriptionId"])
        and operation_id in ("", str(one["operationId"]).lower())
    ]
    return Answer(content={"transition": found, "attributes": {"objectType": "Collection"}})


def _listed(call: Call, record: Json) -> Json:
    """As the published answer has it: two of its members begin with a capital."""
    events = [_event("Conversion", "Started", record["at"])]
    done = parse_instant(text=record["at"]) + timedelta(seconds=call.settings.provisioning_seconds)
    if done <= call.now:
        at = written(instant=done)
        events.append(_event("Conversion", "Completed", at))
        if record["transitionType"] == WITH_LICENCES:
            events += [_event("LicenseReassignment", "Started", at), _event("LicenseReassignment", "Completed", at)]
    shown: Json = {
        "operationId": record["operationId"],
        "FromCatalogItemId": record["fromCatalogItemId"],
        "FromSubscriptionId": record["fromSubscriptionId"],
        "ToCatalogItemId": record["toCatalogItemId"],
        "ToSubscriptionId": record["toSubscriptionId"],
        "quantity": record["quantity"],
        "transitionType": record["transitionType"],
    }
    return shown | {"Events": events, "attributes": {"objectType": "Transition"}}


def _event(name: str, status: str, at: str) -> Json:
    return {"name": name, "status": status, "timestamp": at, "attributes": {"objectType": "TransitionEvent"}}


_ONE = "/v1/customers/{customer}/subscriptions/{subscription}"
OPERATIONS: tuple[Operation, ...] = (
    Operation(method="GET", path=f"{_ONE}/transitionEligibilities", handler=eligibilities, user_only=True),
    Operation(method="POST", path=f"{_ONE}/transitions", handler=transition),
    Operation(method="GET", path=f"{_ONE}/transitions", handler=list_transitions),
)
