"""Products, SKUs and availabilities, by country and by customer (contract §7.1-7.4)."""

import hashlib
from collections.abc import Callable
from urllib.parse import urlencode

from partner_center_emulator import catalogue, qualifications
from partner_center_emulator.calls import Answer, Call, Operation, link
from partner_center_emulator.catalogue import Offer
from partner_center_emulator.errors import Json, PartnerCenterRefusal, invalid_property

_PRODUCT_NOT_FOUND, _SKU_NOT_FOUND, _AVAILABILITY_NOT_FOUND = 400013, 400018, 400019
_BAD_SEGMENT, _BAD_VIEW = 400030, 400036
_NOT_LISTED = {"subType"}
# Until when money comes back (nce-rules.md §4), by kind: everything, then a part of it.
_REFUNDS = {
    catalogue.LICENCE: (("Full", "P1D"), ("Partial", "P7D")),
    catalogue.ADDON: (("Full", "P1D"), ("Partial", "P7D")),
    catalogue.SOFTWARE: (("Partial", "P7D"),),
    catalogue.PERPETUAL: (("Full", "P30D"),),
}
_MARKETPLACE_REFUNDS = {"P1M": (("Full", "P1D"),), "P1Y": (("Full", "P14D"),)}


def country_of(call: Call) -> str:
    """The market a call is about: the customer's, or the one it names. Refuses what is no market with 400/3000."""
    if call.found_customer is not None:
        return str(call.customer.address.get("country") or "US").upper()
    country = call.query.get("country", "").strip().upper()
    if not country:
        raise invalid_property(name="country", description="The country query parameter is required.")
    if not catalogue.is_market(country):
        raise invalid_property(name="country", description=f"The country '{country}' is not a market.")
    return country


def segment_of(call: Call, *, name: str = "targetSegment") -> str:
    """The segment a call asks for, "" for none. Refuses an unknown one with 403/400030."""
    segment = call.query.get(name.lower(), "").strip().lower()
    if segment and segment not in catalogue.SEGMENTS.values():
        text = f"The segment '{segment}' is not allowed."
        raise PartnerCenterRefusal(status=403, code=_BAD_SEGMENT, description=text, data=[name])
    return segment


def _collection(call: Call, path: str, items: list[Json], **query: str) -> Answer:
    asked = {"country": country_of(call)} | {name: value for name, value in query.items() if value}
    return Answer(
        content={
            "totalCount": len(items),
            "items": items,
            "links": {"self": link(uri=f"{path}?{urlencode(asked)}")},
            "attributes": {"objectType": "Collection"},
        }
    )


def list_products(call: Call) -> Answer:
    """The products of a view."""
    view = call.query.get("targetview", "").strip()
    segment = segment_of(call)
    country_of(call)
    if view.lower() not in catalogue.VIEWS:
        text = f"The target view '{view}' is not allowed." if view else "The targetView query parameter is required."
        raise PartnerCenterRefusal(status=403, code=_BAD_VIEW, description=text, data=["targetView"])
    copies = call.settings.catalogue_copies
    items = [_product(call, offer) for offer in catalogue.products(view=view.lower(), segment=segment, copies=copies)]
    return _collection(call, "/products", items, targetView=view, targetSegment=segment)


def get_product(call: Call) -> Answer:
    """One product."""
    return Answer(content=_product(call, _skus(call)[0]))


def list_skus(call: Call) -> Answer:
    """A product's SKUs."""
    segment = segment_of(call)
    skus = _skus(call)
    items = [_sku(call, offer) for offer in skus if _is_shown(call, offer, segment)]
    return _collection(call, f"/products/{skus[0].product_id}/skus", items, targetSegment=segment)


def get_sku(call: Call) -> Answer:
    """One SKU."""
    return Answer(content=_sku(call, _offer(call)))


def list_availabilities(call: Call) -> Answer:
    """What is offered of a SKU."""
    segment = segment_of(call)
    offer = _offer(call)
    path = f"/products/{offer.product_id}/skus/{offer.sku_id}"
    items: list[Json] = []
    if _is_shown(call, offer, segment):
        links = {
            "availabilities": link(uri=f"{path}/availabilities?country={country_of(call)}"),
            "self": link(uri=f"{path}?country={country_of(call)}"),
        }
        items.append(_availability(call, offer) | {"links": links})
    return _collection(call, f"{path}/availabilities", items, targetSegment=segment)


def get_availability(call: Call) -> Answer:
    """One availability; an id of another day is stale."""
    country = country_of(call)
    offer = _offer(call)
    wanted = call.params["availability"].upper()
    if wanted != offer.availability_id(epoch=call.settings.availability_epoch).upper():
        text = f"The availability '{wanted}' was not found for the SKU {offer.key}."
        raise PartnerCenterRefusal(status=404, code=_AVAILABILITY_NOT_FOUND, description=text)
    shown = _availability(call, offer)
    path = f"/products/{offer.product_id}/skus/{offer.sku_id}/availabilities/{shown['id']}"
    return Answer(content=shown | {"links": {"self": link(uri=f"{path}?country={country}")}})


def _is_shown(call: Call, offer: Offer, segment: str) -> bool:
    """Whether a list shows an offer: nonprofit is for who asks for it, or for a customer that is nonprofit."""
    if catalogue.shown(offer, segment=segment):
        return True
    if segment or call.found_customer is None:
        return False
    return catalogue.SEGMENTS[offer.segment] in qualifications.segments(
        state=call.state, settings=call.settings, tenant_id=call.customer.tenant_id, now=call.now
    )


def _skus(call: Call) -> list[Offer]:
    country_of(call)
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
    product_type: Json = {"id": kind, "displayName": words}
    if offer.sub_type:
        product_type["subType"] = {"id": offer.sub_type, "displayName": offer.sub_type}
    path, tail = f"/products/{offer.product_id}", f"?country={country_of(call)}"
    return {
        "id": offer.product_id,
        "title": offer.product,
        "description": f"{offer.product}, as the emulator's catalogue has it.",
        "productType": product_type,
        "isMicrosoftProduct": offer.kind != catalogue.SAAS,
        "publisherName": offer.publisher,
        "links": {"skus": link(uri=f"{path}/skus{tail}"), "self": link(uri=path + tail)},
    }


def _sku(call: Call, offer: Offer) -> Json:
    path, tail = f"/products/{offer.product_id}/skus/{offer.sku_id}", f"?country={country_of(call)}"
    is_reservation = offer.kind == catalogue.RESERVATION
    sku: Json = {
        "id": offer.sku_id,
        "productId": offer.product_id,
        "title": offer.sku,
        "description": f"{offer.sku}, as the emulator's catalogue has it.",
        "minimumQuantity": offer.minimum,
        "maximumQuantity": offer.maximum,
        "isTrial": offer.is_trial,
        "supportedBillingCycles": list(dict.fromkeys(cycle for _term_, cycle in offer.terms)),
        "purchasePrerequisites": ["MicrosoftCustomerAgreement"],
        "inventoryVariables": [],
        "provisioningVariables": ["ParentSubscriptionId"] if offer.prerequisites else [],
        "dynamicAttributes": _attributes(offer),
    }
    if is_reservation:
        sku |= {
            "purchasePrerequisites": ["AzureSubscriptionRegistration", "InventoryCheck"],
            "inventoryVariables": ["CustomerId", "AzureSubscriptionId"],
            "provisioningVariables": ["Scope", "SubscriptionId"],
        }
    if offer.is_seats:
        sku["actions"] = ["Refund"]
    if offer.kind == catalogue.AZURE:
        sku["consumptionType"] = "metered"
    if offer.must_attest:
        sku["attestationProperties"] = {"attestationType": "Other", "enforceAttestation": True}
    links = {"availabilities": link(uri=f"{path}/availabilities{tail}"), "self": link(uri=path + tail)}
    return sku | {"links": links}


def _attributes(offer: Offer) -> Json:
    if offer.detail:
        return {name: value for name, value in offer.detail if name not in _NOT_LISTED}
    attributes: Json = {
        "isMicrosoftProduct": offer.kind != catalogue.SAAS,
        "hasConstraints": bool(offer.prerequisites) or offer.maximum < catalogue.UNLIMITED,
        "isAddon": offer.kind == catalogue.ADDON,
        "prerequisiteSkus": list(offer.prerequisites),
        "isSoftwareAssuranceApplicable": False,
        "upgradeTargetOffers": [] if offer.is_trial else list(offer.upgrades),
        "provisioningId": offer.provisioning_id,
        "internal": False,
    }
    if offer.is_trial:
        attributes["conversionInstructions"] = [{"targetOffer": target} for target in offer.upgrades]
    return attributes


def _availability(call: Call, offer: Offer) -> Json:
    country = country_of(call)
    currency = catalogue.currency_of(country)
    epoch = call.settings.availability_epoch
    terms = [_term(offer, duration, cycle) for duration, cycle in offer.terms]
    is_renewable = offer.is_seats or offer.kind in (catalogue.SOFTWARE, catalogue.SAAS)
    shown: Json = {
        "id": offer.availability_id(epoch=epoch),
        "productId": offer.product_id,
        "skuId": offer.sku_id,
        "catalogItemId": offer.catalog_item_id(epoch=epoch),
        "defaultCurrency": {"code": currency, "symbol": catalogue.symbol_of(currency)},
        "segment": catalogue.SEGMENTS[offer.segment],
        "country": country,
        "isPurchasable": True,
        "isRenewable": is_renewable,
    }
    if is_renewable:
        renews_to = offer.upgrades[0] if offer.is_trial and offer.upgrades else offer.key
        options = [{"renewToId": renews_to, "isAutoRenewable": True}]
        ids = [term["id"] for term in terms]
        shown["renewalInstructions"] = [{"applicableTermIds": ids, "renewalOptions": options}]
    return shown | {"terms": terms, "product": _product(call, offer), "sku": _sku(call, offer)}


def _term(offer: Offer, duration: str, cycle: str) -> Json:
    words = catalogue.TERM_WORDS.get(duration, "")
    refunds = _REFUNDS.get(offer.kind, ())
    if offer.kind == catalogue.SAAS:
        refunds = _MARKETPLACE_REFUNDS.get(duration, ())
    options = [
        {"sequenceId": number, "type": kind, "expiresAfter": after} for number, (kind, after) in enumerate(refunds)
    ]
    term: Json = {
        "id": hashlib.sha256(f"{offer.key} {duration} {cycle}".encode()).hexdigest()[:12],
        "description": f"{words} commitment for monthly/yearly billing" if words else "One time purchase",
        "billingCycle": catalogue.printed_cycle(cycle),
        "cancellationPolicies": [{"refundOptions": options}] if options and not offer.is_trial else [],
    }
    return term | {"duration": duration} if duration else term


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
