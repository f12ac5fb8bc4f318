"""Promotions, from `data/promotions.csv`: what they take off what, and for whom (contract §7.6, nce-rules.md §2)."""

import csv
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

from partner_center_emulator import holdings
from partner_center_emulator.calls import Answer, Call, Operation
from partner_center_emulator.catalogue import Offer, of_item, printed_cycle
from partner_center_emulator.catalogue_pages import country_of, segment_of
from partner_center_emulator.errors import Json, PartnerCenterRefusal, invalid_property

_FILE = Path(__file__).parent / "data" / "promotions.csv"
_BAD_PROMOTION = 27007


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """A discount on a SKU for one term and billing cycle. Limits are the tenant's, whoever sells to it."""

    id: str
    name: str
    product_id: str
    sku_id: str
    term: str
    cycle: str
    discount: Decimal
    starts_on: date
    ends_on: date
    segment: str
    is_auto: bool
    minimum: int | None
    maximum: int | None
    redemptions: int | None
    is_first_purchase: bool
    needs: tuple[str, ...]

    @property
    def key(self) -> str:
        """`product:sku` that it is for."""
        return f"{self.product_id}:{self.sku_id}"

    def runs(self, *, at: datetime) -> bool:
        """Whether it holds at an instant."""
        return self.starts_on <= at.date() and not self.has_ended(at=at)

    def has_ended(self, *, at: datetime) -> bool:
        """Whether it is over; its last day is inclusive, year 9999 is never."""
        return self.ends_on < at.date()


@cache
def everything() -> tuple[Promotion, ...]:
    """Every promotion there is or was, in the file's order."""
    with _FILE.open(encoding="utf-8", newline="") as file:
        return tuple(
            Promotion(
                id=row["id"],
                name=row["name"],
                product_id=row["product_id"],
                sku_id=row["sku_id"],
                term=row["term"],
                cycle=row["cycle"],
                discount=Decimal(row["discount"]),
                starts_on=date.fromisoformat(row["starts"]),
                ends_on=date.fromisoformat(row["ends"]),
                segment=row["segment"],
                is_auto=bool(row["auto"]),
                minimum=int(row["min_seats"]) if row["min_seats"] else None,
                maximum=int(row["max_seats"]) if row["max_seats"] else None,
                redemptions=int(row["max_redemptions"]) if row["max_redemptions"] else None,
                is_first_purchase=bool(row["first_purchase"]),
                needs=tuple(one for one in row["needs"].split(";") if one),
            )
            for row in csv.DictReader(file)
        )


def known(*, promotion_id: str) -> Promotion | None:
    """The promotion with an id, in any case."""
    return next((one for one in everything() if one.id.upper() == promotion_id.upper()), None)


def _is_for(promotion: Promotion, *, offer: Offer, term: str, cycle: str) -> bool:
    return (promotion.key, promotion.term, promotion.cycle) == (offer.key, term, cycle)


def applied(
    call: Call, *, offer: Offer, term: str, cycle: str, quantity: int, wanted: str
) -> tuple[Promotion | None, bool]:
    """The promotion that a purchase gets, named or automatic; and whether a named one may be had at all."""
    if wanted:
        promotion = known(promotion_id=wanted)
        is_good = (
            promotion is not None
            and _is_for(promotion, offer=offer, term=term, cycle=cycle)
            and not problems(call, promotion=promotion, offer=offer, term=term, cycle=cycle, quantity=quantity)
        )
        return (promotion if is_good else None), is_good
    found = [
        one
        for one in everything()
        if one.is_auto
        and _is_for(one, offer=offer, term=term, cycle=cycle)
        and not problems(call, promotion=one, offer=offer, term=term, cycle=cycle, quantity=quantity)
    ]
    return max(found, key=lambda one: one.discount, default=None), True


def check(call: Call, *, promotion_id: str, offer: Offer, term: str, cycle: str, quantity: int) -> None:
    """Refuses with 400/27007 a promotion that a change of a subscription can't have."""
    is_good = applied(call, offer=offer, term=term, cycle=cycle, quantity=quantity, wanted=promotion_id)[1]
    if not is_good:
        text = f"The promotion {promotion_id} is not valid for this change."
        raise PartnerCenterRefusal(status=400, code=_BAD_PROMOTION, description=text)


def problems(call: Call, *, promotion: Promotion, offer: Offer, term: str, cycle: str, quantity: int) -> list[Json]:
    """Why a purchase can't have a promotion (errors.md §6)."""
    if promotion.key != offer.key or not promotion.runs(at=call.now) or offer.is_trial:
        return [_error("InvalidPromotion", "The promotion is not available for this product now.")]
    found: list[Json] = []
    if (promotion.term, promotion.cycle) != (term, cycle):
        eligible = {"billingCycle": printed_cycle(promotion.cycle), "duration": promotion.term}
        text = "The promotion is for another term or billing cycle."
        found.append(_error("Term", text) | {"eligibleTerms": [eligible]})
    held = [one for one in holdings.of_tenant(call) if holdings.key_of(one) == promotion.key]
    with_it = [one for one in held if one.get("promotionId") == promotion.id]
    taken = sum(one["quantity"] for one in with_it if one["status"] in {"active", "suspended"})
    available = None if promotion.maximum is None else max(0, promotion.maximum - taken)
    if quantity < (promotion.minimum or 1) or (available is not None and quantity > available):
        text = "The quantity is not within the seats of the promotion."
        found.append(
            _error("SeatCount", text)
            | {
                "minimumRequiredSeats": promotion.minimum,
                "maximumRequiredSeats": promotion.maximum,
                "availableSeats": available,
            }
        )
    if promotion.redemptions is not None and len(with_it) >= promotion.redemptions:
        more = {"maxPromotionRedemptionCount": promotion.redemptions, "remainingPromotionRedemptionCount": 0}
        found.append(_error("RedemptionLimit", "The promotion was redeemed as often as it may be.") | more)
    if promotion.is_first_purchase and held:
        found.append(_error("OfferPurchasedPreviously", "The promotion is for a first purchase."))
    if promotion.needs and not holdings.seats_held(call).keys() & set(promotion.needs):
        found.append(_error("PrerequisiteProductOwnership", "The customer owns no product that the promotion needs."))
    return found


def _error(kind: str, text: str) -> Json:
    return {"type": kind, "description": text}


# Pages


def list_promotions(call: Call) -> Answer:
    """The promotions of a segment that aren't over."""
    country_of(call)
    segment = segment_of(call, name="segment") or "commercial"
    items = [_shown(one) for one in everything() if one.segment == segment and not one.has_ended(at=call.now)]
    content = {"totalCount": len(items), "items": items, "attributes": {"objectType": "Collection"}}
    return Answer(content=content)


def get_promotion(call: Call) -> Answer:
    """One promotion, also one that is over."""
    country_of(call)
    found = known(promotion_id=call.params["promotion"])
    if found is None:
        text = f"The promotion '{call.params['promotion']}' was not found."
        raise PartnerCenterRefusal(status=404, code=1000, description=text)
    return Answer(content=_shown(found))


def verify(call: Call) -> Answer:
    """Which promotions a customer's purchases would get; asking changes nothing."""
    asked = call.members().get("items")
    if not isinstance(asked, list) or not asked or not all(isinstance(one, dict) for one in asked):
        raise invalid_property(name="items", description="The items field is required: a list of purchases.")
    items = [
        _answered(call, number, {key.lower(): value for key, value in one.items()}) for number, one in enumerate(asked)
    ]
    content = {"totalCount": len(items), "items": items, "attributes": {"objectType": "Collection"}}
    return Answer(content=content)


def _answered(call: Call, number: int, asked: Json) -> Json:
    item, quantity = str(asked.get("catalogitemid") or ""), asked.get("quantity")
    term, cycle = str(asked.get("termduration") or "").upper(), str(asked.get("billingcycle") or "").lower()
    if isinstance(quantity, bool) or not isinstance(quantity, int):
        raise invalid_property(name=f"items[{number}].quantity", description="The quantity must be a whole number.")
    given = str(asked.get("id", ""))
    answer: Json = {
        "id": int(given) if given.isascii() and given.isdigit() else number,
        "catalogItemId": item,
        "quantity": quantity,
        "billingCycle": str(asked.get("billingcycle") or ""),
        "termDuration": term,
    }
    offer = of_item(item)
    wanted = str(asked.get("promotionid") or "")
    eligibilities: list[Json]
    if offer is None or item.upper() != offer.catalog_item_id(epoch=call.settings.availability_epoch).upper():
        error = _error("InvalidCatalogItemId", "The catalogue item id is not valid.")
        eligibilities = [_named(wanted) | {"isEligible": False, "errors": [error]}]
    elif wanted:
        eligibilities = [_eligibility(call, wanted, offer=offer, term=term, cycle=cycle, quantity=quantity)]
    else:
        eligibilities = [
            _eligibility(call, one.id, offer=offer, term=term, cycle=cycle, quantity=quantity)
            for one in everything()
            if _is_for(one, offer=offer, term=term, cycle=cycle) and one.runs(at=call.now)
        ]
        if not eligibilities:
            error = _error("NoPromotionsAvailable", "There is no promotion for this product, term and billing cycle.")
            eligibilities = [{"isEligible": False, "errors": [error]}]
    return answer | {"eligibilities": eligibilities, "attributes": {"objectType": "PromotionEligibilities"}}


def _named(promotion_id: str) -> Json:
    return {"promotionId": promotion_id} if promotion_id else {}


def _eligibility(call: Call, promotion_id: str, *, offer: Offer, term: str, cycle: str, quantity: int) -> Json:
    promotion = known(promotion_id=promotion_id)
    if promotion is None:
        errors = [_error("InvalidPromotion", "The promotion is not known.")]
    else:
        errors = problems(call, promotion=promotion, offer=offer, term=term, cycle=cycle, quantity=quantity)
    answer: Json = {"promotionId": promotion_id, "isEligible": not errors}
    return answer | ({"errors": errors} if errors else {})


def _shown(promotion: Promotion) -> Json:
    last = "00:00:00" if promotion.ends_on.year == date.max.year else "23:59:59"
    constraints: Json = {}
    if promotion.minimum is not None or promotion.maximum is not None:
        seats = {"minSeats": promotion.minimum, "maxSeats": promotion.maximum, "type": "SubscriptionQuantity"}
        constraints["seatConstraints"] = [seats]
    if promotion.redemptions is not None:
        limit = {"minAssets": 0, "maxAssets": promotion.redemptions, "type": "LifetimeRedemptionCount"}
        constraints["assetOwnershipLimits"] = [limit]
    if promotion.is_first_purchase:
        constraints["eligibilityConstraints"] = [{"isApplicable": True, "type": "FirstPurchase"}]
    if promotion.needs:
        constraints["productOwnershipConstraints"] = [[{"bigId": one.replace(":", "/")} for one in promotion.needs]]
    shown: Json = {
        "id": promotion.id,
        "name": promotion.name,
        "description": promotion.name,
        "startDate": f"{promotion.starts_on.isoformat()}T00:00:00+00:00",
        "endDate": f"{promotion.ends_on.isoformat()}T{last}+00:00",
        "properties": {"isAutoApplicable": promotion.is_auto},
        "requiredProducts": [
            {
                "productId": promotion.product_id,
                "skuId": promotion.sku_id,
                "term": {"duration": promotion.term, "billingCycle": printed_cycle(promotion.cycle)},
                "pricingPolicies": [{"policyType": "PercentDiscount", "value": str(promotion.discount)}],
            }
        ],
    }
    return shown | ({"promotionConstraints": constraints} if constraints else {})


OPERATIONS: tuple[Operation, ...] = (
    Operation(method="GET", path="/v1/productpromotions", handler=list_promotions),
    Operation(method="GET", path="/v1/productpromotions/{promotion}", handler=get_promotion),
    Operation(method="POST", path="/v1/customers/{customer}/promotionEligibilities", handler=verify),
)
