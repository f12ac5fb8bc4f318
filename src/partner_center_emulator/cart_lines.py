"""Lines of a cart: what is wrong with one and what it costs (contract §8.1, errors.md §4). A bad line fails no call."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from math import ceil
from typing import Any

from partner_center_emulator import catalogue, coterminosity, holdings, inventory, promotions, qualifications, terms
from partner_center_emulator.calls import GUID, Call, Members
from partner_center_emulator.catalogue import Offer
from partner_center_emulator.errors import Json, PartnerCenterRefusal, invalid_property

CURRENCY, ITEM, INVENTORY, PARTICIPANTS, UNPROCESSABLE, AZURE_SUBSCRIPTION = 10000, 10001, 10003, 10004, 10006, 10007
SANDBOX, FEW_ADDONS = 10009, 10019
INPUT, ATTESTATION, PLAN, PROMOTION, SEATS, END_OF_PRODUCT, END = 10010, 10012, 10013, 10014, 10015, 10016, 10017
PREREQUISITE = 400041
_CYCLES = frozenset({"monthly", "annual", "triennial", "one_time", "none"})
_NUMBER_OUT_OF_RANGE, _ITEM_ABSENT, _ENUM, _NOT_ATTESTED = 800071, 900142, 900126, 900206
_MULTI_GEO = "CFQ7TTC0PSC6"
_RESELLER, _MORE_RESELLERS, _MOST_MORE = "transaction_reseller", "additional_transaction_reseller", 5
# The European Union and the European Free Trade Association, where further resellers may be named.
# fmt: off
_EUROPE = frozenset({
    "AT", "BE", "BG", "HR", "CY", "CZ", "DK", "EE", "FI", "FR", "DE", "GR", "HU", "IE", "IT", "LV", "LT", "LU", "MT",
    "NL", "PL", "PT", "RO", "SK", "SI", "ES", "SE", "IS", "LI", "NO", "CH",
})
# fmt: on


@dataclass(frozen=True, kw_only=True)
class _Line:
    """A line as it was sent, read as far as it can be."""

    number: int
    item: Members
    catalog_item_id: str
    offer: Offer | None
    quantity: int
    cycle: str
    term: str
    currency: str
    context: Json
    resellers: tuple[str, ...]
    more_resellers: tuple[str, ...]


class _Wrong(Exception):
    """What is the matter with a line."""

    def __init__(self, code: int, text: str, more: Json | None = None) -> None:
        super().__init__(text)
        self.error: Json = {"errorCode": code, "errorDescription": text}
        if more is not None:
            self.error["additionalInformation"] = more


def read(call: Call) -> list[Json]:
    """The lines of the cart in a request, each with its price or with its error."""
    content = call.members()
    items = content.get("lineItems")
    if not isinstance(items, list) or not items:
        raise invalid_property(name="lineItems", description="The lineItems field is required.")
    lines = []
    for place, item in enumerate(items):
        if not isinstance(item, dict):
            raise invalid_property(name=f"lineItems[{place}]", description="A line must be an object.")
        lines.append(_parsed(call, place=place, count=len(items), content=item))
    if len({line.number for line in lines}) < len(lines):
        raise invalid_property(name="lineItems", description="Two lines have the same id.")
    if any(line.resellers for line in lines) and content.flag("partnerOnRecordAttestationAccepted") is not True:
        text = "PartnerOnRecordAttestationAccepted must be true where a partner on record is named."
        raise PartnerCenterRefusal(status=400, code=_NOT_ATTESTED, description=text)
    groups = _groups(lines)
    bought: dict[str, int] = {}
    answer = []
    for line, group in zip(lines, groups, strict=True):
        answer.append(_answered(call, line=line, group=group, bought=bought))
    return answer


def problem_of_group(call: Call, *, lines: list[Json]) -> Json | None:
    """Why the lines of one order of an old cart can't be bought any more, or nothing."""
    bought: dict[str, int] = {}
    for line in lines:
        again = _parsed(call, place=line["id"], count=line["id"] + 1, content=line)
        try:
            offer = _check(call, line=again, bought=bought)[0]
        except _Wrong as wrong:
            return wrong.error
        bought[offer.key] = bought.get(offer.key, 0) + again.quantity
    return None


def resellers_of(line: Json) -> tuple[str, ...]:
    """The partner on record that a line names, and the further ones."""
    named, more = _participants(Members(content=line))
    return (*named, *more)


def _parsed(call: Call, *, place: int, count: int, content: Json) -> _Line:
    item = Members(content=content, path=f"lineItems[{place}]")
    catalog_item_id = item.text("catalogItemId")
    if not catalog_item_id:
        text = "The catalogue item id is absent."
        raise PartnerCenterRefusal(status=400, code=_ITEM_ABSENT, description=text, data=[item.named("catalogItemId")])
    cycle, term = item.required_text("billingCycle").lower(), item.text("termDuration").upper()
    if cycle not in _CYCLES:
        text = f"The billing cycle '{cycle}' could not be parsed."
        raise PartnerCenterRefusal(status=400, code=_ENUM, description=text, data=[item.named("billingCycle")])
    quantity = item.get("quantity")
    if not isinstance(quantity, int) or isinstance(quantity, bool):
        raise invalid_property(name=item.named("quantity"), description="The quantity must be a whole number.")
    home = catalogue.currency_of(_country(call))
    resellers, more = _participants(item)
    return _Line(
        number=_number(item, place=place, count=count),
        item=item,
        catalog_item_id=catalog_item_id,
        offer=catalogue.of_item(catalog_item_id),
        quantity=quantity,
        cycle=cycle,
        term=term,
        currency=item.text("currencyCode").upper() or home,
        context=_context(item),
        resellers=resellers,
        more_resellers=more,
    )


def _country(call: Call) -> str:
    return str(call.customer.address.get("country") or "US").upper()


def _number(item: Members, *, place: int, count: int) -> int:
    given = item.get("id")
    if given is None or given == "":
        return place
    text = str(given)
    if isinstance(given, bool) or not text.isascii() or not text.isdigit() or int(text) >= count:
        text = f"The line item number {given} is not in 0..{count - 1}."
        raise PartnerCenterRefusal(status=400, code=_NUMBER_OUT_OF_RANGE, description=text)
    return int(text)


def _context(item: Members) -> Json:
    """The provisioning context with its names as answers write them."""
    given = item.get("provisioningContext")
    if given is None:
        return {}
    if not isinstance(given, dict):
        name = item.named("provisioningContext")
        raise invalid_property(name=name, description="The provisioning context must be an object.")
    return {name[:1].lower() + name[1:]: value for name, value in given.items()}


def _participants(item: Members) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The reseller on record and the further ones; participants come as a list of lists."""
    given = item.get("participants")
    name = item.named("participants")
    if given is None:
        return (), ()
    if not isinstance(given, list):
        raise invalid_property(name=name, description="The participants must be a list.")
    found: dict[str, list[str]] = {_RESELLER: [], _MORE_RESELLERS: []}
    for entry in _flat(given):
        if not isinstance(entry, dict):
            raise invalid_property(name=name, description="A participant must be an object.")
        members = Members(content=entry, path=name)
        kind = members.required_text("key").lower()
        if kind not in found:
            raise invalid_property(name=name, description=f"The participant '{kind}' is not known.")
        found[kind].append(members.required_text("value"))
    return tuple(found[_RESELLER]), tuple(found[_MORE_RESELLERS])


def _flat(values: list[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from value
        else:
            yield value


def _groups(lines: list[_Line]) -> list[str]:
    """The order that each line goes into: the one it names, else one for its kind of product and billing cycle."""
    named = {line.item.text("orderGroup") for line in lines}
    own: dict[tuple[str, str], str] = {}
    found = []
    for line in lines:
        group = line.item.text("orderGroup")
        if not group:
            kind = catalogue.PRODUCT_TYPES[line.offer.kind][0] if line.offer else ""
            place = (kind, line.cycle)
            if place not in own:
                free = (str(number) for number in range(2 * len(lines)))
                own[place] = next(one for one in free if one not in named and one not in own.values())
            group = own[place]
        found.append(group)
    return found


def _answered(call: Call, *, line: _Line, group: str, bought: dict[str, int]) -> Json:
    item = line.item
    answer: Json = {
        "id": line.number,
        "catalogItemId": line.catalog_item_id,
        "friendlyName": item.text("friendlyName") or None,
        "quantity": line.quantity,
        "currencyCode": line.currency,
        "billingCycle": line.cycle,
        "termDuration": line.term or None,
        "participants": item.get("participants") or None,
        "provisioningContext": line.context,
        "orderGroup": group,
        "promotionId": item.text("promotionId") or None,
        "renewsTo": _renews_to(item),
        "attestationAccepted": item.flag("attestationAccepted"),
        "customTermEndDate": item.text("customTermEndDate") or None,
    }
    try:
        offer, promotion, end = _check(call, line=line, bought=bought)
    except _Wrong as wrong:
        answer["error"] = wrong.error
    else:
        bought[offer.key] = bought.get(offer.key, 0) + line.quantity
        if promotion is not None:
            answer["promotionId"] = promotion.id
        if end is not None:
            answer["customTermEndDate"] = terms.midnight(day=end)
        discount = promotion.discount if promotion else Decimal(0)
        answer["pricing"] = _pricing(line, offer=offer, discount=discount, starts_on=call.now.date(), ends_on=end)
    return {name: value for name, value in answer.items() if value is not None}


def _renews_to(item: Members) -> Json | None:
    term = item.object("renewsTo").text("termDuration").upper()
    return {"termDuration": term} if term else None


def _check(
    call: Call, *, line: _Line, bought: dict[str, int]
) -> tuple[Offer, promotions.Promotion | None, date | None]:
    """What is bought, with which promotion, until which aligned day. Raises what is wrong first."""
    offer = line.offer
    good = offer.catalog_item_id(epoch=call.settings.availability_epoch).upper() if offer else ""
    if offer is None or offer.is_extended or line.catalog_item_id.upper() != good:
        raise _Wrong(ITEM, f"The catalogue item id {line.catalog_item_id} is not valid.")
    if line.currency != catalogue.currency_of(_country(call)):
        raise _Wrong(CURRENCY, f"The currency {line.currency} is not supported in {_country(call)}.")
    if line.quantity < offer.minimum:
        raise _Wrong(INPUT, f"The quantity {line.quantity} is below the minimum of {offer.minimum}.")
    if (line.term, line.cycle) not in offer.terms:
        if line.term not in {term for term, _cycle in offer.terms}:
            raise _Wrong(INPUT, f"The term '{line.term}' is not offered.")
        raise _Wrong(PLAN, f"The billing cycle {line.cycle} is not supported for the term {line.term or 'none'}.")
    _check_buyer(call, line=line, offer=offer)
    _check_seats(call, line=line, offer=offer, bought=bought)
    if inventory.is_restricted(offer, settings=call.settings):
        raise _Wrong(INVENTORY, "There is none left of it.")
    renewal = line.item.object("renewsTo").text("termDuration").upper()
    if renewal and renewal not in terms.MONTHS:
        raise _Wrong(INPUT, f"The term '{renewal}' to renew to is not offered.")
    end = _aligned_end(call, line=line, offer=offer)
    wanted = line.item.text("promotionId")
    promotion, is_good = promotions.applied(
        call, offer=offer, term=line.term, cycle=line.cycle, quantity=line.quantity, wanted=wanted
    )
    if not is_good:
        raise _Wrong(PROMOTION, f"The promotion {wanted} is not valid for this line.")
    return offer, promotion, end


def _check_buyer(call: Call, *, line: _Line, offer: Offer) -> None:
    """Who may buy it: resellers, segment, attestation, Azure subscription, base product."""
    _check_resellers(call, line=line)
    segment = catalogue.SEGMENTS[offer.segment]
    if segment != "commercial" and segment not in qualifications.segments(
        state=call.state, settings=call.settings, tenant_id=call.customer.tenant_id, now=call.now
    ):
        raise _Wrong(UNPROCESSABLE, f"The customer is not qualified for {segment} offers.")
    if offer.must_attest and line.item.flag("attestationAccepted") is not True:
        raise _Wrong(ATTESTATION, "The item needs the acceptance of its attestation.")
    if offer.kind == catalogue.RESERVATION:
        _check_azure(call, line=line)
    if offer.prerequisites:
        _check_base(call, line=line, offer=offer)


def _check_resellers(call: Call, *, line: _Line) -> None:
    named = (*line.resellers, *line.more_resellers)
    if not named:
        return
    known = {mpn_id for _tenant, _name, mpn_id in call.partner.indirect_resellers}
    if not known:
        raise _Wrong(PARTICIPANTS, "A partner who bills customers directly can't name participants.")
    if len(line.resellers) != 1 or len(line.more_resellers) > _MOST_MORE:
        raise _Wrong(INPUT, f"A line has one reseller and at most {_MOST_MORE} further ones.")
    if line.more_resellers and _country(call) not in _EUROPE:
        raise _Wrong(INPUT, "Further resellers can be named in the European Union and EFTA only.")
    if not known >= set(named):
        raise _Wrong(INPUT, f"{', '.join(sorted(set(named) - known))} is not an indirect reseller of the partner.")


def _check_azure(call: Call, *, line: _Line) -> None:
    wanted = str(line.context.get("subscriptionId") or "").lower()
    plans = {one["id"] for one in holdings.every(call) if one["billingType"] == "usage" and one["status"] == "active"}
    if not GUID.match(wanted) or wanted not in plans:
        raise _Wrong(AZURE_SUBSCRIPTION, "The Azure subscription in the provisioning context is not valid.")


def _check_base(call: Call, *, line: _Line, offer: Offer) -> None:
    bases = {
        one["id"]
        for one in holdings.of_tenant(call)
        if one["status"] in {"active", "suspended"} and holdings.key_of(one) in offer.prerequisites
    }
    parent = str(line.context.get("parentSubscriptionId") or "").lower()
    if bases and offer.product_id == _MULTI_GEO:
        _check_share(call, line=line, offer=offer)
    if not bases or (parent and parent not in bases):
        raise _Wrong(PREREQUISITE, "The customer owns none of the products that this add-on needs.")


def _check_share(call: Call, *, line: _Line, offer: Offer) -> None:
    """Multi-Geo is for at least a twentieth of the seats it may be added to (nce-rules.md §2)."""
    held = holdings.seats_held(call)
    needed = ceil(sum(held.get(key, 0) for key in offer.prerequisites) / 20)
    if line.quantity + held.get(offer.key, 0) < needed:
        raise _Wrong(FEW_ADDONS, f"The add-on must have at least {needed} seats.")


def _check_seats(call: Call, *, line: _Line, offer: Offer, bought: dict[str, int]) -> None:
    """Limits are pooled over all of a tenant's subscriptions of the SKU, whoever sold them (nce-rules.md §2)."""
    held = holdings.seats_held(call).get(offer.key, 0)
    available = max(0, offer.maximum - held - bought.get(offer.key, 0))
    if offer.kind == catalogue.AZURE and held and call.partner.is_sandbox:
        raise _Wrong(SANDBOX, "A customer of a sandbox has one Azure plan.")
    if offer.is_trial and (offer.key in bought or holdings.has_tried(call, key=offer.key)):
        raise _Wrong(UNPROCESSABLE, "A customer can try a product once.")
    if line.quantity > available:
        more: Json = {"availableQuantity": available, "purchasedQuantity": held}
        raise _Wrong(SEATS, "The maximum number of seats is exceeded.", more)


def _aligned_end(call: Call, *, line: _Line, offer: Offer) -> date | None:
    text = line.item.text("customTermEndDate")
    if not text:
        return None
    if not offer.is_seats or offer.is_trial:
        raise _Wrong(
            END_OF_PRODUCT, "Only OnlineServicesNCE products that are no trials can have a custom end of term."
        )
    try:
        wanted = terms.day_of(text=text)
    except ValueError:
        raise _Wrong(END, f"The custom end of term '{text}' is no date.") from None
    if coterminosity.problem(call, offer=offer, term=line.term, starts_on=call.now.date(), wanted=wanted):
        raise _Wrong(END, f"The term can't end on {wanted.isoformat()}.")
    return wanted


def _pricing(line: _Line, *, offer: Offer, discount: Decimal, starts_on: date, ends_on: date | None) -> Json:
    """Prices of a unit for a charge cycle, and the line's for its whole term (contract §8.1)."""
    smallest = catalogue.smallest_unit(line.currency)

    def rounded(amount: Decimal) -> Decimal:
        return amount.quantize(smallest, ROUND_HALF_UP)

    cost = offer.cost(term=line.term, cycle=line.cycle, currency=line.currency)
    months = terms.CYCLE_MONTHS.get(line.cycle)
    cycles = terms.MONTHS[line.term] // months if months and line.term in terms.MONTHS else 1
    unit = rounded(cost / max(1, cycles))
    discounted = rounded(unit * (1 - discount))
    prorated, whole = discounted, discounted * max(1, cycles)
    if ends_on is not None:
        parts = [
            rounded(discounted * Decimal((last - first).days + 1) / _days(first, final, line.cycle))
            if last < final
            else discounted
            for first, last, final in terms.cycles(
                starts_on=starts_on, ends_on=ends_on, cycle=line.cycle, term=line.term
            )
        ]
        prorated, whole = parts[0], sum(parts, Decimal(0))
    return {
        "listPrice": float(unit),
        "discountedPrice": float(discounted),
        "proratedPrice": float(prorated),
        "price": float(prorated),
        "extendedPrice": float(whole * line.quantity),
    }


def _days(first: date, final: date, cycle: str) -> int:
    """A charge cycle's days: a monthly one has those of the month it starts in (nce-rules.md §9.2)."""
    if cycle == "monthly":
        return (terms.added(day=first.replace(day=1), months=1) - first.replace(day=1)).days
    return (final - first).days + 1
