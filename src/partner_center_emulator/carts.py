"""Carts and their checkout (contract §8): errors of lines inside a 201, partial success, one cart bought once."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

from partner_center_emulator import catalogue, orders, qualifications
from partner_center_emulator.calls import Answer, Call, Members, Operation, link
from partner_center_emulator.catalogue import Offer
from partner_center_emulator.clock import parse_instant, written
from partner_center_emulator.errors import Json, PartnerCenterRefusal, invalid_property

_LIVES = timedelta(days=7)
_QUALIFIED = {"Education": "education", "Charity": "nonprofit"}
_AGREEMENT = "MicrosoftCustomerAgreement"


def create(call: Call) -> Answer:
    """Makes a cart; a line that can't be bought says so and fails nothing else."""
    lines = _lines(call)
    now = call.now
    cart: Json = {
        "id": str(uuid4()),
        "creationTimestamp": written(instant=now),
        "lastModifiedTimestamp": written(instant=now),
        "expirationTimestamp": written(instant=now + _LIVES),
        "lastModifiedUser": call.identity.tenant_id,
        "status": "Active",
        "lineItems": lines,
    }
    return Answer(status=201, content=_kept(call, cart))


def get(call: Call) -> Answer:
    """One cart."""
    return Answer(content=_found(call))


def update(call: Call) -> Answer:
    """Puts other lines into a cart that is still to be bought."""
    cart = _found(call)
    _check_open(call, cart)
    cart["lineItems"] = _lines(call)
    cart["lastModifiedTimestamp"] = written(instant=call.now)
    return Answer(content=_kept(call, cart))


def checkout(call: Call) -> Answer:
    """Buys what is in a cart: one order for each order group, some of which may fail."""
    cart = _found(call)
    _check_open(call, cart)
    if any(line.get("error") for line in cart["lineItems"]):
        raise PartnerCenterRefusal(status=400, code=800009, description="The cart contains items in error.")
    _check_buyer(call)
    for line in cart["lineItems"]:
        offer = _offer(line["catalogItemId"])
        if offer is None or line["catalogItemId"] != offer.catalog_item_id(epoch=call.settings.availability_epoch):
            text = f"The availability of {line['catalogItemId']} was not found."
            raise PartnerCenterRefusal(status=404, code=400019, description=text)
    groups: dict[str, list[Json]] = {}
    for line in cart["lineItems"]:
        groups.setdefault(line["orderGroup"], []).append(line)
    made, errors = [], []
    for group, lines in groups.items():
        if call.settings.failing_groups > 0:
            call.settings.failing_groups -= 1
            text = "The order could not be created; try again later."
            errors.append({"orderGroupId": group, "code": 800005, "description": text})
            continue
        made.append(orders.make(call=call, lines=[(line, _sold(line)) for line in lines]))
    cart["status"] = "Ordered"
    cart["lastModifiedTimestamp"] = written(instant=call.now)
    _kept(call, cart)
    result: Json = {"orders": made, "attributes": {"objectType": "CartCheckoutResult"}}
    return Answer(status=201, content=result | ({"orderErrors": errors} if errors else {}))


def _found(call: Call) -> Json:
    cart = call.state.commerce(
        kind="cart",
        item_id=call.params["cart"],
        partner_id=call.partner.tenant_id,
        tenant_id=call.customer.tenant_id,
    )
    if cart is None:
        text = f"The cart '{call.params['cart']}' was not found."
        raise PartnerCenterRefusal(status=404, code=800008, description=text)
    return cart


def _kept(call: Call, cart: Json) -> Json:
    path = f"/customers/{call.customer.tenant_id}/carts/{cart['id']}"
    cart |= {"links": {"self": link(uri=path)}, "attributes": {"objectType": "Cart"}}
    call.state.keep_commerce(
        kind="cart",
        item_id=cart["id"],
        partner_id=call.partner.tenant_id,
        tenant_id=call.customer.tenant_id,
        document=cart,
    )
    return cart


def _check_open(call: Call, cart: Json) -> None:
    if cart["status"] == "Ordered":
        text = f"The cart {cart['id']} was already submitted."
        raise PartnerCenterRefusal(status=400, code=800065, description=text)
    if parse_instant(text=cart["expirationTimestamp"]) <= call.now:
        raise PartnerCenterRefusal(status=404, code=800008, description=f"The cart '{cart['id']}' has expired.")


def _check_buyer(call: Call) -> None:
    """What a purchase needs of the customer and the partner, whatever is in the cart."""
    customer = call.customer
    if customer.account_status in {"UnderReview", "Not Ready"}:
        text = "The customer's account is under review; purchases are blocked."
        raise PartnerCenterRefusal(status=403, code=800073, description=text)
    if customer.account_status == "NotAllowed":
        text = "The customer's account was rejected; no transactions are allowed."
        raise PartnerCenterRefusal(status=403, code=800075, description=text)
    confirmed = any(item.get("type") == _AGREEMENT for item in call.state.agreements(tenant_id=customer.tenant_id))
    if not confirmed and not customer.has_signed_directly:
        text = "Neither the partner nor the customer has accepted the Microsoft Customer Agreement."
        raise PartnerCenterRefusal(status=403, code=13605, description=text)
    if not call.settings.has_credit:
        text = "The credit line is too small for the purchase."
        raise PartnerCenterRefusal(status=403, code=800023, description=text)


def _lines(call: Call) -> list[Json]:
    content = call.members()
    items = content.get("lineItems")
    if not isinstance(items, list) or not items:
        raise invalid_property(name="lineItems", description="The lineItems field is required.")
    wanted = []
    for number, item in enumerate(items):
        if not isinstance(item, dict):
            raise invalid_property(name=f"lineItems[{number}]", description="A line must be an object.")
        wanted.append(Members(content=item, path=f"lineItems[{number}]"))
    return [_line(call, number=number, item=item) for number, item in enumerate(wanted)]


def _line(call: Call, *, number: int, item: Members) -> Json:
    catalog_item_id = item.required_text("catalogItemId")
    quantity = item.get("quantity")
    if not isinstance(quantity, int) or isinstance(quantity, bool) or quantity < 1:
        raise invalid_property(name=item.named("quantity"), description="The quantity must be a whole number from 1.")
    cycle, term = item.required_text("billingCycle").lower(), item.text("termDuration").upper()
    currency = catalogue.currency_of(str(call.customer.address.get("country") or "US"))
    line: Json = {
        "id": number,
        "catalogItemId": catalog_item_id,
        "friendlyName": item.text("friendlyName") or None,
        "quantity": quantity,
        "currencyCode": currency,
        "billingCycle": cycle,
        "termDuration": term or None,
        "provisioningContext": item.get("provisioningContext") or {},
        "orderGroup": item.text("orderGroup") or "0",
    }
    line = {name: value for name, value in line.items() if value is not None}
    offer = _offer(catalog_item_id)
    error = _problem(call, offer=offer, quantity=quantity, term=term, cycle=cycle)
    if error is not None or offer is None:
        return line | {"error": error}
    price = offer.cost(term=term, cycle=cycle, currency=currency)
    periods = {("P1Y", "monthly"): 12, ("P3Y", "monthly"): 36, ("P3Y", "annual"): 3}.get((term, cycle), 1)
    unit = (price / periods).quantize(Decimal("0.01"))
    return line | {
        "pricing": {
            "listPrice": float(unit),
            "discountedPrice": float(unit),
            "proratedPrice": float(unit),
            "price": float(unit),
            "extendedPrice": float(price * quantity),
        }
    }


def _problem(call: Call, *, offer: Offer | None, quantity: int, term: str, cycle: str) -> Json | None:
    """Why a line can't be bought (errors.md §4), or nothing."""
    if offer is None:
        return _error(10001, "The catalogue item id is not valid.")
    if (term, cycle) not in offer.terms:
        return _error(10013, f"The billing cycle {cycle} is not supported for the term {term or 'none'}.")
    wanted = _QUALIFIED.get(offer.segment)
    if wanted is not None and wanted not in _qualifications(call):
        return _error(10006, f"The customer is not qualified for {offer.segment.lower()} offers.")
    held = orders.held(state=call.state, tenant_id=call.customer.tenant_id)
    if offer.prerequisites and not held.keys() & set(offer.prerequisites):
        return _error(400041, "The customer owns none of the products that this add-on needs.")
    available = max(0, offer.maximum - held.get(offer.key, 0))
    if quantity < offer.minimum or quantity > available:
        more: Json = {"availableQuantity": available, "purchasedQuantity": held.get(offer.key, 0)}
        return _error(10015, "The maximum number of seats is exceeded.") | {"additionalInformation": more}
    return None


def _qualifications(call: Call) -> set[str]:
    found = qualifications.current(
        state=call.state, settings=call.settings, tenant_id=call.customer.tenant_id, now=call.now
    )
    return {item.name.lower() for item in found if item.status.lower() == "approved"}


def _error(code: int, text: str) -> Json:
    return {"errorCode": code, "errorDescription": text}


def _offer(catalog_item_id: str) -> Offer | None:
    key = ":".join(catalog_item_id.upper().split(":")[:2])
    return catalogue.by_key().get(key)


def _sold(line: Json) -> Offer:
    offer = _offer(line["catalogItemId"])
    if offer is None:
        raise PartnerCenterRefusal(status=400, code=800009, description="The cart contains items in error.")
    return offer


_BASE = "/v1/customers/{customer}/carts"
OPERATIONS: tuple[Operation, ...] = (
    Operation(method="POST", path=_BASE, handler=create),
    Operation(method="GET", path=f"{_BASE}/{{cart}}", handler=get),
    Operation(method="PUT", path=f"{_BASE}/{{cart}}", handler=update),
    Operation(method="POST", path=f"{_BASE}/{{cart}}/checkout", handler=checkout),
)
