"""Products, SKUs and availabilities, by country and by customer (contract §7.1-7.4)."""

from collections.abc import Callable

from partner_center_emulator import catalogue
from partner_center_emulator.calls import Answer, Call, Operation, link
from partner_center_emulator.catalogue import Offer
from partner_center_emulator.errors import Json, PartnerCenterRefusal, invalid_property

_PRODUCT_NOT_FOUND, _SKU_NOT_FOUND, _AVAILABILITY_NOT_FOUND = 400013, 400018, 400019


def _country(call: Call) -> str:
    if call.found_customer is not None:
        return str(call.customer.address.get("country") or "US").upper()
    country = call.query.get("country", "").upper()
    if len(country) != 2:
        raise invalid_property(name="country", description="The country query parameter is required.")
    return country


def _base(call: Call) -> str:
    return f"/customers/{call.customer.tenant_id}" if call.found_customer is not None else ""


def _tail(call: Call) -> str:
    return "" if call.found_customer is not None else f"?country={_country(call)}"


def _segment(call: Call) -> str:
    return call.query.get("targetsegment", "")


def _collection(call: Call, items: list[Json]) -> Answer:
    path = _base(call) + "/products"
    return Answer(
        content={
            "totalCount": len(items),
            "items": items,
            "links": {"self": link(uri=path + _tail(call))},
            "attributes": {"objectType": "Collection"},
        }
    )


def list_products(call: Call) -> Answer:
    """The products of a view."""
    _country(call)
    view = call.query.get("targetview", "").lower()
    if view not in catalogue.VIEWS:
        raise invalid_property(name="targetView", description=f"The target view '{view}' is not supported.")
    found = catalogue.products(kinds=catalogue.VIEWS[view], segment=_segment(call))
    return _collection(call, [_product(call, offer) for offer in found])


def get_product(call: Call) -> Answer:
    """One product."""
    _country(call)
    return Answer(content=_product(call, _skus(call)[0]))


def list_skus(call: Call) -> Answer:
    """A product's SKUs."""
    _country(call)
    offers = [offer for offer in _skus(call) if catalogue.shown(offer, segment=_segment(call))]
    return _collection(call, [_sku(call, offer) for offer in offers])


def get_sku(call: Call) -> Answer:
    """One SKU."""
    _country(call)
    return Answer(content=_sku(call, _offer(call)))


def list_availabilities(call: Call) -> Answer:
    """What is offered of a SKU."""
    _country(call)
    offer = _offer(call)
    wanted = _segment(call)
    hidden = wanted and catalogue.SEGMENTS[offer.segment] != wanted.lower()
    return _collection(call, [] if hidden else [_availability(call, offer)])


def get_availability(call: Call) -> Answer:
    """One availability; an id of another day is stale."""
    offer = _offer(call)
    wanted = call.params["availability"].upper()
    if wanted != offer.availability_id(epoch=call.settings.availability_epoch):
        text = f"The availability '{wanted}' was not found for the SKU {offer.key}."
        raise PartnerCenterRefusal(status=404, code=_AVAILABILITY_NOT_FOUND, description=text)
    return Answer(content=_availability(call, offer))


def _skus(call: Call) -> list[Offer]:
    found = catalogue.offers_of(product_id=call.params["product"])
    if not found:
        text = f"The product '{call.params['product']}' was not found."
        raise PartnerCenterRefusal(status=404, code=_PRODUCT_NOT_FOUND, description=text)
    return found


def _offer(call: Call) -> Offer:
    for offer in _skus(call):
        if offer.sku_id.upper() == call.params["sku"].upper():
            return offer
    text = f"The SKU '{call.params['sku']}' was not found."
    raise PartnerCenterRefusal(status=404, code=_SKU_NOT_FOUND, description=text)


def _product(call: Call, offer: Offer) -> Json:
    kind, words = catalogue.PRODUCT_TYPES[offer.kind]
    path = f"{_base(call)}/products/{offer.product_id}"
    return {
        "id": offer.product_id,
        "title": offer.product,
        "description": f"{offer.product}, as the emulator's catalogue has it.",
        "productType": {"id": kind, "displayName": words},
        "isMicrosoftProduct": True,
        "publisherName": "Microsoft Corporation",
        "links": {"skus": link(uri=f"{path}/skus{_tail(call)}"), "self": link(uri=path + _tail(call))},
    }


def _sku(call: Call, offer: Offer) -> Json:
    path = f"{_base(call)}/products/{offer.product_id}/skus/{offer.sku_id}"
    attributes: Json = {"isMicrosoftProduct": True, "hasConstraints": True, "isAddon": offer.kind == catalogue.ADDON}
    if offer.prerequisites:
        attributes["prerequisiteSkus"] = list(offer.prerequisites)
    return {
        "id": offer.sku_id,
        "productId": offer.product_id,
        "title": offer.sku,
        "description": f"{offer.sku}, as the emulator's catalogue has it.",
        "minimumQuantity": offer.minimum,
        "maximumQuantity": offer.maximum,
        "isTrial": offer.is_trial,
        "supportedBillingCycles": list(dict.fromkeys(cycle for _term, cycle in offer.terms)),
        "purchasePrerequisites": ["MicrosoftCustomerAgreement"],
        "inventoryVariables": [],
        "provisioningVariables": ["ParentSubscriptionId"] if offer.prerequisites else [],
        "dynamicAttributes": attributes,
        "links": {
            "availabilities": link(uri=f"{path}/availabilities{_tail(call)}"),
            "self": link(uri=path + _tail(call)),
        },
    }


def _availability(call: Call, offer: Offer) -> Json:
    country = _country(call)
    currency = catalogue.currency_of(country)
    path = f"{_base(call)}/products/{offer.product_id}/skus/{offer.sku_id}/availabilities"
    epoch = call.settings.availability_epoch
    terms = [_term(offer, duration, cycle) for duration, cycle in offer.terms]
    return {
        "id": offer.availability_id(epoch=epoch),
        "productId": offer.product_id,
        "skuId": offer.sku_id,
        "catalogItemId": offer.catalog_item_id(epoch=epoch),
        "defaultCurrency": {"code": currency, "symbol": {"USD": "$", "EUR": "€", "GBP": "£"}.get(currency, currency)},
        "segment": catalogue.SEGMENTS[offer.segment],
        "country": country,
        "isPurchasable": True,
        "isRenewable": offer.kind in (catalogue.LICENCE, catalogue.ADDON, catalogue.SOFTWARE),
        "renewalInstructions": [
            {
                "applicableTermIds": [term["id"] for term in terms],
                "renewalOptions": [{"renewToId": offer.key, "isAutoRenewable": True}],
            }
        ],
        "terms": terms,
        "links": {
            "availabilities": link(uri=path + _tail(call)),
            "self": link(uri=f"{path}/{offer.availability_id(epoch=epoch)}{_tail(call)}"),
        },
    }


def _term(offer: Offer, duration: str, cycle: str) -> Json:
    words = catalogue.TERM_WORDS.get(duration, "")
    term: Json = {
        "id": f"{offer.sku_id}{duration}{cycle}".lower(),
        "billingCycle": cycle,
        "description": f"{words} commitment for {cycle} billing" if words else "",
        "cancellationPolicies": [{"refundOptions": [{"sequenceId": 0, "type": "Full", "expiresAfter": "P1D"}]}],
    }
    return {**term, "duration": duration} if duration else term


def _operations() -> tuple[Operation, ...]:
    handlers: tuple[tuple[str, Callable[[Call], Answer]], ...] = (
        ("/products", list_products),
        ("/products/{product}", get_product),
        ("/products/{product}/skus", list_skus),
        ("/products/{product}/skus/{sku}", get_sku),
        ("/products/{product}/skus/{sku}/availabilities", list_availabilities),
        ("/products/{product}/skus/{sku}/availabilities/{availability}", get_availability),
    )
    return tuple(
        Operation(method="GET", path=base + path, handler=handler)
        for base in ("/v1", "/v1/customers/{customer}")
        for path, handler in handlers
    )


OPERATIONS = _operations()
