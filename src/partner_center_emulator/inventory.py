"""The inventory check that a purchase of some SKUs asks for first (contract §7.5)."""

from partner_center_emulator import catalogue
from partner_center_emulator.calls import Answer, Call, Members, Operation
from partner_center_emulator.catalogue import Offer
from partner_center_emulator.catalogue_pages import country_of
from partner_center_emulator.errors import Json, PartnerCenterRefusal, invalid_property, invalid_request
from partner_center_emulator.settings import Settings

# Microsoft's page on checking inventory has this code; the contract's table does not.
_CONTEXT_MISSING = 400026
_VARIABLES = ("customerId", "azureSubscriptionId")


def is_restricted(offer: Offer, *, settings: Settings) -> bool:
    """Whether a SKU was ordered to be out of stock."""
    return bool({offer.key.upper(), offer.product_id.upper()} & set(settings.restricted))


def check(call: Call) -> Answer:
    """Which SKUs can't be had, and why; what the catalogue doesn't have is left out of the answer."""
    country_of(call)
    if not call.content.strip():
        raise invalid_request(description="The request body is required.")
    members = call.members()
    targets = members.get("targetItems")
    if not isinstance(targets, list) or not targets or not all(isinstance(one, dict) for one in targets):
        raise invalid_property(name="targetItems", description="The targetItems field is required: a list of products.")
    context = members.object("inventoryContext")
    found: list[Offer] = []
    for number, target in enumerate(targets):
        item = Members(content=target, path=f"targetItems[{number}]")
        product_id, sku_id = item.required_text("productId"), item.text("skuId").upper()
        found += [
            offer
            for offer in catalogue.offers_of(product_id=product_id)
            if not sku_id or offer.sku_id.upper() == sku_id
        ]
    if any(offer.kind == catalogue.RESERVATION for offer in found):
        _check_context(context)
    return Answer(content=[_result(offer, context=context, settings=call.settings) for offer in found])


def _check_context(context: Members) -> None:
    """What SKUs with inventory variables need to be told."""
    for name in _VARIABLES:
        if not context.text(name):
            text = f"The inventory context lacks {name}."
            raise PartnerCenterRefusal(status=400, code=_CONTEXT_MISSING, description=text, data=[name])


def _result(offer: Offer, *, context: Members, settings: Settings) -> Json:
    region, own = context.text("armRegionName").lower(), dict(offer.detail).get("armRegionName", "")
    restrictions: list[Json] = []
    if region and own and region != own:
        restrictions.append(
            {
                "reasonCode": "NotAvailableForSubscription",
                "description": f"The Azure subscription's region '{region}' is not '{own}'.",
                "properties": {"type": "Location", "values": own},
            }
        )
    if is_restricted(offer, settings=settings):
        restrictions.append(
            {
                "reasonCode": "NotAvailable",
                "description": "There is none left of it.",
                "properties": {"type": "Quantity", "values": "0"},
            }
        )
    return {
        "productId": offer.product_id,
        "skuId": offer.sku_id,
        "isRestricted": bool(restrictions),
        "restrictions": restrictions,
    }


OPERATIONS: tuple[Operation, ...] = (
    Operation(method="POST", path="/v1/extensions/product/checkinventory", handler=check),
)
