"""What time does to a subscription: charge cycles, ends of terms, renewal, extension, expiry (nce-rules.md §5, §6).

Nothing runs in the background: whoever reads a subscription brings it up to the emulator's present first.
"""

from datetime import date, datetime, timedelta

from partner_center_emulator import catalogue, terms
from partner_center_emulator.catalogue import Offer
from partner_center_emulator.clock import parse_instant, written
from partner_center_emulator.errors import Json
from partner_center_emulator.settings import Settings

PRIVATE = "_emulator"
WINDOW, FULL_REFUND = timedelta(days=7), timedelta(days=1)
LIVE = frozenset({"active", "suspended"})
# Terms that end after this day are extended at a price where nobody cancels them (nce-rules.md §5.1).
ENFORCED_AFTER = date(2026, 5, 4)
TERM_END, CUSTOM_DATE = "TermEnd", "CustomDate"
CANCEL, RENEW, EXTEND, TRANSITION = "Cancel", "RenewToNewTerm", "RenewToExtendedServiceTerm", "Transition"
_GRACE, _DISABLED = timedelta(days=30), timedelta(days=90)
_ENOUGH = 2000
_MARKETPLACE_WINDOWS = {"P1M": timedelta(days=1), "P1Y": timedelta(days=14)}


def offer_of(document: Json) -> Offer:
    """The SKU that a subscription is of."""
    found = catalogue.of_item(document["offerId"])
    if found is None:
        raise LookupError(f"the subscription {document['id']} is of an unknown SKU")
    return found


def base_of(offer: Offer) -> Offer:
    """What seats in an extended service term were before; any other SKU is its own base."""
    if not offer.is_extended:
        return offer
    key = next(key for key, one in catalogue.extensions().items() if one.key == offer.key)
    return catalogue.by_key()[key.upper()]


def ends_on(document: Json) -> date | None:
    """The last day of its term; the Azure plan has none."""
    text = document.get("commitmentEndDate")
    return terms.day_of(text=text) if text else None


def completes_at(document: Json, *, settings: Settings) -> datetime | None:
    """When what follows its term is there: some time after the midnight that ends it."""
    last = ends_on(document)
    if last is None:
        return None
    return terms.start_of(day=last + terms.DAY) + timedelta(seconds=settings.renewal_seconds)


def is_renewing(document: Json, *, now: datetime, settings: Settings) -> bool:
    """Whether its term is over and what follows is still being worked on."""
    last, done = ends_on(document), completes_at(document, settings=settings)
    if last is None or done is None or document["status"] not in LIVE:
        return False
    return terms.start_of(day=last + terms.DAY) <= now < done


def is_extendable(document: Json) -> bool:
    """Whether its seats go into an extended service term where nothing else is chosen."""
    last = ends_on(document)
    return last is not None and last > ENFORCED_AFTER and offer_of(document).is_seats and not document["isTrial"]


def outcome(document: Json) -> tuple[str, Json | None]:
    """What happens at the end of an active subscription's term, and with which instructions ("" is expiry)."""
    last = ends_on(document)
    for action in document.get("scheduledActions", []):
        at = action.get("effectiveDate")
        if action["scheduleType"] == TERM_END or (at and last and terms.day_of(text=at) <= last):
            return action["actionType"], action.get("instructions")
    if document["autoRenewEnabled"]:
        return RENEW, document.get("scheduledNextTermInstructions")
    return (EXTEND if is_extendable(document) else ""), None


def bring_up(document: Json, *, now: datetime, settings: Settings) -> bool:
    """Lets everything happen to a subscription that is due by now; whether anything did."""
    has_changed = False
    for _time in range(_ENOUGH):
        if not _next_event(document, now=now, settings=settings):
            return has_changed
        has_changed = True
    return has_changed


def _next_event(document: Json, *, now: datetime, settings: Settings) -> bool:
    hidden = document[PRIVATE]
    fate = hidden.get("fate", [])
    if fate and parse_instant(text=fate[0][1]) <= now:
        document["status"] = fate.pop(0)[0]
        return True
    if document["status"] not in LIVE:
        return False
    done = completes_at(document, settings=settings)
    charged_at = hidden.get("next_charge_at")
    if charged_at and parse_instant(text=charged_at) <= now and (done is None or parse_instant(text=charged_at) < done):
        document["billingCycle"] = document.pop("nextChargeInstructions")["product"]["billingCycle"].lower()
        hidden.pop("next_charge_at")
        return True
    if done is None or done > now:
        return False
    _end_term(document, at=done)
    return True


def _end_term(document: Json, *, at: datetime) -> None:
    if document["status"] == "suspended":
        _close(document, status="disabled", fate=[("deleted", at + _GRACE + _DISABLED)])
        return
    kind, instructions = outcome(document)
    if kind in (RENEW, TRANSITION):
        renew(document, instructions=instructions, at=at)
    elif kind == EXTEND:
        _extend(document, at=at)
    elif kind == CANCEL:
        # Access is lost at once, and an administrator has 90 days for the data.
        _close(document, status="disabled", fate=[("deleted", at + _DISABLED)])
    else:
        _close(document, status="expired", fate=[("disabled", at + _GRACE), ("deleted", at + _GRACE + _DISABLED)])


def _close(document: Json, *, status: str, fate: list[tuple[str, datetime]]) -> None:
    document["status"] = status
    document[PRIVATE]["fate"] = [[name, written(instant=at)] for name, at in fate]
    stop(document)


def stop(document: Json) -> None:
    """Takes away what only a subscription has that goes on: renewal, planned changes, seats that may be given back."""
    document["autoRenewEnabled"] = False
    for name in ("scheduledNextTermInstructions", "scheduledActions", "nextChargeInstructions"):
        document.pop(name, None)
    document[PRIVATE].pop("next_charge_at", None)
    document[PRIVATE]["batches"] = []


def renew(document: Json, *, instructions: Json | None, at: datetime) -> None:
    """Starts a new term of an active subscription, changed as its instructions say."""
    hidden, before = document[PRIVATE], offer_of(document)
    last = ends_on(document)
    starts_on = last + terms.DAY if last else at.date()
    offer, term, cycle = before, str(document["termDuration"]), str(document["billingCycle"])
    quantity, custom, promotion_id = document["quantity"], None, None
    item = document["offerId"]
    if instructions:
        product = instructions["product"]
        item = f"{product['productId']}:{product['skuId']}:{product['availabilityId']}"
        term, cycle = product["termDuration"].upper(), product["billingCycle"].lower()
        quantity = instructions.get("quantity") or quantity
        promotion_id, custom = product.get("promotionId"), instructions.get("customTermEndDate")
    elif before.is_trial and before.upgrades:
        # A trial becomes the product itself, for a year billed by the month (nce-rules.md §8).
        target = catalogue.by_key()[before.upgrades[0].upper()]
        item = target.catalog_item_id(epoch=hidden["epoch"])
        term, cycle = document.get("renewalTermDuration") or "P1Y", "monthly"
    elif document.get("renewalTermDuration"):
        wanted = document["renewalTermDuration"]
        if (wanted, cycle) in before.terms:
            term = wanted
    goes_on = (
        term == document["termDuration"] and not hidden.get("is_custom_end") and not before.is_trial and not custom
    )
    _move_to(document, item=item)
    offer = offer_of(document)
    document |= {"quantity": quantity, "isTrial": offer.is_trial}
    _begin_term(
        document,
        starts_on=starts_on,
        term=term,
        cycle=cycle,
        custom=terms.day_of(text=custom) if custom else None,
        goes_on=goes_on,
    )
    for name in ("scheduledNextTermInstructions", "scheduledActions", "promotionId"):
        document.pop(name, None)
    if promotion_id:
        document["promotionId"] = promotion_id
    open_window(document, at=at)


def _extend(document: Json, *, at: datetime) -> None:
    """Moves seats into an extended service term: month by month, to be cancelled at any time (nce-rules.md §5.1)."""
    last = ends_on(document)
    offer = offer_of(document)
    is_first = not offer.is_extended
    if is_first:
        target = catalogue.extensions()[offer.key]
        _move_to(document, item=target.catalog_item_id(epoch=document[PRIVATE]["epoch"]))
    starts_on = last + terms.DAY if last else at.date()
    _begin_term(document, starts_on=starts_on, term="P1M", cycle="monthly", custom=None, goes_on=not is_first)
    for name in ("scheduledNextTermInstructions", "scheduledActions", "promotionId"):
        document.pop(name, None)
    document[PRIVATE]["batches"] = []
    until = document["commitmentEndDateTime"]
    document["cancellationAllowedUntilDate"] = until
    document["refundOptions"] = [{"type": "Partial", "expiresAt": until}]


def _move_to(document: Json, *, item: str) -> None:
    """Makes it a subscription of another SKU; a name that nobody gave it follows."""
    before = document["offerName"]
    document["offerId"] = item
    offer = offer_of(document)
    document["offerName"] = offer.sku
    if document["friendlyName"] == before:
        document["friendlyName"] = offer.sku


def move(document: Json, *, item: str) -> None:
    """Makes it a subscription of another SKU at once, without a window to cancel it in (nce-rules.md §4, upgrades)."""
    _move_to(document, item=item)
    document["isTrial"] = offer_of(document).is_trial
    close_window(document)


def restart(document: Json, *, term: str, cycle: str, at: datetime) -> None:
    """Starts a longer term today (nce-rules.md §6); seats in an extended service term go back to what they were."""
    offer = offer_of(document)
    if offer.is_extended:
        _move_to(document, item=base_of(offer).catalog_item_id(epoch=document[PRIVATE]["epoch"]))
    _begin_term(document, starts_on=at.date(), term=term, cycle=cycle, custom=None, goes_on=False)
    document["effectiveStartDate"] = written(instant=at)
    for name in ("scheduledNextTermInstructions", "scheduledActions", "nextChargeInstructions"):
        document.pop(name, None)
    document[PRIVATE].pop("next_charge_at", None)
    close_window(document)


def begin(document: Json, *, at: datetime, term: str, cycle: str, custom: date | None) -> None:
    """Starts the first term of a new subscription."""
    _begin_term(document, starts_on=at.date(), term=term, cycle=cycle, custom=custom, goes_on=False)
    document["effectiveStartDate"] = written(instant=at)
    if document["isTrial"]:
        document[PRIVATE]["batches"] = []
    else:
        open_window(document, at=at)


def _begin_term(document: Json, *, starts_on: date, term: str, cycle: str, custom: date | None, goes_on: bool) -> None:
    hidden = document[PRIVATE]
    hidden["number"] = hidden["number"] + 1 if goes_on else 0
    if not goes_on:
        hidden["anchor"] = starts_on.isoformat()
    hidden["starts_on"] = starts_on.isoformat()
    hidden["is_custom_end"] = custom is not None
    last = custom or terms.last_day(
        starts_on=date.fromisoformat(hidden["anchor"]),
        term=term,
        number=hidden["number"],
        is_trial=document["isTrial"],
    )
    document |= {
        "effectiveStartDate": terms.midnight(day=starts_on),
        "commitmentEndDate": terms.midnight(day=last),
        "commitmentEndDateTime": terms.end_of(day=last),
        "termDuration": term,
        "billingCycle": cycle,
    }


def open_window(document: Json, *, at: datetime) -> None:
    """Lets it be cancelled, and its seats be taken back, for a while from a purchase or a completed renewal on."""
    offer = offer_of(document)
    is_marketplace = offer.kind == catalogue.SAAS
    window = _MARKETPLACE_WINDOWS.get(document["termDuration"], WINDOW) if is_marketplace else WINDOW
    until = written(instant=at + window)
    document["cancellationAllowedUntilDate"] = until
    partly = {"type": "Partial", "expiresAt": until}
    if is_marketplace:
        document["refundOptions"] = [{"type": "Full", "expiresAt": until}]
    elif offer.is_seats:
        document["refundOptions"] = [{"type": "Full", "expiresAt": written(instant=at + FULL_REFUND)}, partly]
    else:
        document["refundOptions"] = [partly]
    batch = {"quantity": document["quantity"], "allowedUntilDateTime": until}
    document[PRIVATE]["batches"] = [batch] if offer.is_seats else []


def close_window(document: Json) -> None:
    """Leaves nothing to cancel or to take back."""
    document.pop("cancellationAllowedUntilDate", None)
    document["refundOptions"] = []
    document[PRIVATE]["batches"] = []


def current_cycle(document: Json, *, now: datetime) -> tuple[date, date] | None:
    """First and last day of the charge cycle that is on, or of the last one."""
    last = ends_on(document)
    if last is None:
        return None
    starts_on = date.fromisoformat(document[PRIVATE]["starts_on"])
    found = starts_on, last
    for first, final, _whole in terms.cycles(
        starts_on=starts_on, ends_on=last, cycle=document["billingCycle"], term=document["termDuration"]
    ):
        found = first, final
        if final >= now.date():
            break
    return found
