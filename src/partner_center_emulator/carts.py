"""Carts and their checkout (contract §8): errors of lines inside a 201, partial success, one cart bought once."""

from datetime import timedelta
from uuid import uuid4

from partner_center_emulator import cart_lines, catalogue, orders
from partner_center_emulator.calls import Answer, Call, Operation, link
from partner_center_emulator.catalogue import Offer
from partner_center_emulator.clock import parse_instant, written
from partner_center_emulator.errors import Json, PartnerCenterRefusal

_LIVES = timedelta(days=7)
_AGREEMENT = "MicrosoftCustomerAgreement"
_UNDER_REVIEW = {"UnderReview": 800073, "Unknown": 800074}
# What an order's error says where a cart's line would have said this (errors.md §4 and §8).
_CODES = {
    cart_lines.CURRENCY: 900169,
    cart_lines.INVENTORY: 800010,
    cart_lines.UNPROCESSABLE: 800020,
    cart_lines.ATTESTATION: 900203,
    cart_lines.PROMOTION: 27007,
    cart_lines.SEATS: 800088,
    cart_lines.END: 900242,
    cart_lines.PREREQUISITE: cart_lines.PREREQUISITE,
}
_PROBLEM_OF_LINE = 800087


def create(call: Call) -> Answer:
    """Makes a cart; a line that can't be bought says so and fails nothing else."""
    lines = cart_lines.read(call)
    now = call.now
    cart: Json = {
        "id": str(uuid4()),
        "creationTimestamp": written(instant=now),
        "lastModifiedTimestamp": written(instant=now),
        "expirationTimestamp": written(instant=now + _LIVES),
        "lastModifiedUser": call.partner.user_id if call.identity.is_user else call.partner.client_id,
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
    cart["lineItems"] = cart_lines.read(call)
    cart["lastModifiedTimestamp"] = written(instant=call.now)
    return Answer(content=_kept(call, cart))


def checkout(call: Call) -> Answer:
    """Buys what is in a cart: one order for each order group, some of which may fail."""
    cart = _found(call)
    _check_open(call, cart)
    if any(line.get("error") for line in cart["lineItems"]):
        raise PartnerCenterRefusal(status=400, code=800009, description="The cart contains items in error.")
    _check_buyer(call)
    sold = {line["id"]: _sold(call, line) for line in cart["lineItems"]}
    groups: dict[str, list[Json]] = {}
    for line in cart["lineItems"]:
        groups.setdefault(line["orderGroup"], []).append(line)
    made: list[Json] = []
    errors: list[Json] = []
    for group, lines in groups.items():
        error = _failure(call, lines=lines)
        if error is not None:
            errors.append({"orderGroupId": group} | error)
        else:
            made.append(orders.make(call=call, lines=[(line, sold[line["id"]]) for line in lines]))
    cart["status"] = "Ordered"
    cart["lastModifiedTimestamp"] = written(instant=call.now)
    _kept(call, cart)
    result: Json = {"orders": made, "attributes": {"objectType": "CartCheckoutResult"}}
    return Answer(status=201, content=result | ({"orderErrors": errors} if errors else {}))


def _sold(call: Call, line: Json) -> Offer:
    """What a line sells. Refuses an availability that has become stale with 404/400019."""
    offer = catalogue.of_item(line["catalogItemId"])
    good = offer.catalog_item_id(epoch=call.settings.availability_epoch) if offer else ""
    if offer is None or line["catalogItemId"].upper() != good.upper():
        text = f"The availability of {line['catalogItemId']} was not found."
        raise PartnerCenterRefusal(status=404, code=400019, description=text)
    return offer


def _failure(call: Call, *, lines: list[Json]) -> Json | None:
    """Why the order of a group isn't made: it was ordered to fail, or what it needs is gone since the cart was made."""
    if call.settings.failing_groups > 0:
        call.settings.failing_groups -= 1
        return {"code": 800005, "description": "The order could not be created; try again later."}
    problem = cart_lines.problem_of_group(call, lines=lines)
    if problem is None:
        return None
    code = _CODES.get(problem["errorCode"], _PROBLEM_OF_LINE)
    return {"code": code, "description": problem["errorDescription"]}


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
    if customer.account_status in _UNDER_REVIEW:
        text = "The customer's account is under review; purchases are blocked."
        raise PartnerCenterRefusal(status=403, code=_UNDER_REVIEW[customer.account_status], description=text)
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


_BASE = "/v1/customers/{customer}/carts"
OPERATIONS: tuple[Operation, ...] = (
    Operation(method="POST", path=_BASE, handler=create),
    Operation(method="GET", path=f"{_BASE}/{{cart}}", handler=get),
    Operation(method="PUT", path=f"{_BASE}/{{cart}}", handler=update),
    Operation(method="POST", path=f"{_BASE}/{{cart}}/checkout", handler=checkout),
)
