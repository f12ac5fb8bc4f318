"""What Microsoft's numbers about carts, orders and subscriptions mean, and what to do (errors.md §4, §8).

Only where that says more than Microsoft's own text, which stays worth reading: it names limits and ids.
"""

_OF_CODE = {
    # Customer and partner
    13605: "The customer has not accepted the Microsoft Customer Agreement. Confirm it, then order again.",
    800073: "Microsoft is reviewing the customer's account. Purchases are blocked until the review is over.",
    800074: "Microsoft is reviewing the customer's account. Purchases are blocked until the review is over.",
    800075: "Microsoft has rejected the customer's account. Nothing can be bought for it.",
    900416: "Microsoft has locked the customer's account for purchases.",
    2006: "The partner may not sell or change this offer.",
    2030: "The partner is not enabled to sell in the customer's country.",
    800023: "The partner's credit line at Microsoft is too small for this purchase.",
    800025: "The partner's credit line at Microsoft is too small for this purchase.",
    900121: "The partner's credit line at Microsoft is too small for this purchase.",
    800069: "Microsoft's risk check refused the purchase.",
    # Catalogue
    400013: "Microsoft doesn't sell this product there.",
    400018: "Microsoft doesn't sell this SKU there.",
    400019: "Microsoft's offer has changed since it was read. Read the availability again, then repeat.",
    400041: "The add-on needs a product that the customer doesn't own.",
    2085: "Microsoft doesn't allow this customer to buy this offer.",
    2091: "Microsoft no longer sells this offer.",
    800010: "Microsoft has none of it in stock.",
    800017: "Microsoft can't sell this quantity.",
    800020: "Microsoft doesn't allow this item to be bought here.",
    800028: "Microsoft no longer sells the term this was bought with.",
    800070: "Microsoft doesn't sell this offer in the customer's country.",
    # Cart and order
    800008: "Microsoft doesn't know the cart, or no longer.",
    800009: "The cart has lines that can't be bought.",
    800060: "The same order is under way. Look at the customer's orders in a few minutes.",
    800063: "Licences can't be cancelled with the order, only with their subscription.",
    800064: "Microsoft is working on the cart. Look at the customer's orders in a few minutes.",
    800065: "The cart has been bought already. Look at the customer's orders.",
    800066: "The customer has as many subscriptions of it as Microsoft allows.",
    800077: "Licences can't be cancelled with the order, only with their subscription.",
    800089: "The customer would own more of it than Microsoft allows.",
    900116: "Microsoft allows one Azure plan for a customer.",
    900169: "The currency is neither that of the partner's nor that of the customer's market.",
    900203: "The item needs an attestation that has not been given.",
    900206: "The partner has to attest to the reseller named in the order.",
    900252: "Microsoft asks for a purchase order document.",
    900253: "Microsoft asks for a link to the tender or a document.",
    900275: "The quantity is outside what the offer allows.",
    900419: "The customer's tenant has as many subscriptions as Microsoft allows.",
    # End dates
    900242: "The end date is neither that of another active subscription nor the end of a month.",
    900244: "An end date of one's own is for online services only.",
    900245: "The end date is outside the first term, or on the 28th to 30th but not at the end of the month.",
    900246: "The end date is neither that of another subscription nor the end of a month.",
    # Changes of a subscription
    2001: "The quantity can't be changed while the subscription is suspended.",
    2002: "The quantity is outside what the offer allows.",
    2011: "The subscription has been deleted.",
    2054: "The billing cycle of this one is changed with its order.",
    2055: "The subscription has changed since it was read. Read it again, then repeat.",
    800012: "The subscription is not active.",
    800027: "Seats of this item can't be added or taken away.",
    800036: "The subscription has changed since it was read. Read it again, then repeat.",
    800040: "The subscription can't go from its state to that one.",
    800067: "The subscription would have more seats than Microsoft allows.",
    800082: "The subscription is not ready to be changed yet. Try again in a few minutes.",
    800088: "The customer would have more seats of it than Microsoft allows, over all subscriptions and partners.",
    800090: "Seats can only be taken away within 7 days after they were added. Plan fewer for the renewal instead.",
    800091: "A suspended subscription can't be changed.",
    800092: "Seats of this one can't be added.",
    800093: "This subscription doesn't renew by itself.",
    800095: "The number of seats can't be changed.",
    800107: "A trial can't change its term.",
    800121: "Microsoft doesn't offer this term.",
    800122: "The new term is shorter than the current one.",
    900115: "An Azure plan can't be suspended while it has active subscriptions.",
    900117: "The time in which it could be cancelled is over. It ends with its term.",
    900213: "The time in which it could be cancelled is over. It ends with its term.",
    900214: "The time in which seats could be taken away is over. Plan fewer for the renewal instead.",
    900257: "The time in which seats could be taken away is over. Plan fewer for the renewal instead.",
    900277: "The subscription is about to end and can't be changed any more.",
    900278: "Microsoft is still working on an earlier change. Try again tomorrow.",
    900279: "The subscription can't be changed any more.",
    900280: "The subscription can't be changed at the moment.",
    900311: "The subscription has been changed as often as Microsoft allows. Buy a second one with the same end date.",
}

_OF_CART_LINE = {
    10000: "The currency is not that of the customer's market.",
    10001: "Microsoft doesn't know the item, or its offer has changed since it was read.",
    10002: "Microsoft has no quota left for it.",
    10003: "Microsoft has none of it in stock.",
    10004: "A direct partner names no reseller in an order.",
    10006: "Microsoft can't process the line.",
    10007: "The Azure subscription is not valid.",
    10008: "The Azure subscription can't hold reservations.",
    10009: "The sandbox allows no more of it.",
    10010: "Microsoft finds the line invalid.",
    10011: "The Azure subscription has to be registered for reservations first.",
    10012: "The item needs an attestation that has not been given.",
    10013: "Microsoft doesn't offer this billing cycle for the term.",
    10014: "Microsoft doesn't know the promotion.",
    10015: "The customer would have more seats of it than Microsoft allows.",
    10016: "An end date of one's own is for online services only.",
    10017: "The end date is neither that of another active subscription nor the end of a month within the term.",
    10018: "There are too few seats of the base product.",
    10019: "There are too few seats of the add-on.",
    400041: "The add-on needs a product that the customer doesn't own.",
    500600: "Microsoft no longer sells this offer to this customer.",
}

# Seconds after which a repetition makes sense, where Microsoft names none (errors.md §2).
WAIT_OF_CODE = {800060: 120.0, 800064: 120.0, 800082: 120.0, 900278: 86_400.0}


def of_code(*, code: int | None) -> str | None:
    """Return what a refusal or an order's error means in plain words; None where Microsoft's text is all there is."""
    return _OF_CODE.get(code) if code is not None else None


def of_cart_line(*, code: int | None) -> str | None:
    """Return what the error of a cart's line means: such numbers are an enumeration of their own."""
    if code is None:
        return None
    return _OF_CART_LINE.get(code) or _OF_CODE.get(code)
