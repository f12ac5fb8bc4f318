"""What Microsoft's numbers mean, and what to do (errors.md §4, §8).

Of every operation this package has, and only where that says more than Microsoft's own text, which stays worth
reading: it names limits and ids.
"""

_OF_CODE = {
    # Access
    800039: "The partner's reseller programme is not active. See to it in Partner Center.",
    800042: "Microsoft doesn't support this operation here.",
    800043: "The partner may not see Microsoft's prices. Sign in as an Admin or Sales agent.",
    900118: "Microsoft doesn't know the customer's id.",
    900127: "Microsoft doesn't offer this in its sandbox or in this national cloud.",
    900141: "Microsoft doesn't support this operation here.",
    900149: "The partner's programme is not active. See to it in Partner Center.",
    900150: "The role of the connected administrator doesn't allow this. Connect as an Admin agent.",
    900308: "The connected administrator lacks a role in the customer's tenant. Ask the customer for it (GDAP).",
    900309: "A Conditional Access policy of the customer's tenant keeps the partner out.",
    900329: "This needs the consent of an administrator of the partner. Connect to Microsoft, signing in with MFA.",
    900420: "The token is meant for another service. Check the application's permission for Microsoft Partner Center.",
    90000: "Microsoft's login refused the connected administrator. Connect to Microsoft again, signing in with MFA.",
    # Customer and partner
    2032: "Microsoft refuses the partner access to this customer's purchases.",
    2071: "Microsoft doesn't know the reseller's PartnerID.",
    2072: "An indirect provider's own PartnerID can't be the reseller's.",
    20002: "The partner has no reseller relationship with the customer, or no longer.",
    60003: "Microsoft doesn't know the tenant.",
    600002: "Microsoft takes no registration number in this country. Leave it out.",
    600049: "Microsoft wants the company's registration number in this country.",
    600050: "The registration number isn't written as the country writes it.",
    600051: "Microsoft wants a phone number in this country.",
    600061: "The same acceptance of the agreement has been confirmed already.",
    600074: "Microsoft hasn't begun to review the customer's account yet.",
    800015: "Microsoft doesn't know the reseller's PartnerID.",
    800016: "The PartnerID isn't that of an indirect reseller.",
    900123: "The indirect reseller has not accepted the Microsoft Partner Agreement.",
    900124: "Your company has not accepted the Microsoft Partner Agreement. Accept it in Partner Center.",
    900154: "The reseller's PartnerID doesn't belong to an active indirect reseller.",
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
    400030: "Microsoft doesn't sell to this segment there.",
    400036: "Microsoft doesn't know this part of its catalogue.",
    400041: "The add-on needs a product that the customer doesn't own.",
    400072: "Microsoft doesn't offer this at the moment.",
    2085: "Microsoft doesn't allow this customer to buy this offer.",
    2091: "Microsoft no longer sells this offer.",
    800010: "Microsoft has none of it in stock.",
    800017: "Microsoft can't sell this quantity.",
    800020: "Microsoft doesn't allow this item to be bought here.",
    800028: "Microsoft no longer sells the term this was bought with.",
    800070: "Microsoft doesn't sell this offer in the customer's country.",
    2100: "Microsoft has no such product: it is an older offer.",
    800004: "Microsoft doesn't know the offer.",
    900142: "The item lacks its id at Microsoft.",
    900143: "Microsoft's offer of this product can't be read at the moment. Try again later.",
    900144: "The item lacks what Microsoft needs to provide it.",
    # Cart and order
    4018: "Microsoft can't process the order.",
    20000: "Microsoft doesn't know the order, or not yet.",
    27006: "The offer has been used as often as Microsoft allows.",
    27007: "Microsoft doesn't know the promotion.",
    800007: "Microsoft can't tell yet how far the order is.",
    800014: "Microsoft is still working on an earlier change of the order. Try again in a few minutes.",
    800018: "The sandbox allows no more of it.",
    800019: "Only software can be cancelled with its order.",
    800022: "Microsoft is not sure that the customer may buy this. Ask Microsoft's support.",
    800024: "Microsoft doesn't allow this purchase.",
    800026: "Microsoft doesn't allow this purchase.",
    800061: "The order can't be cancelled.",
    800062: "Microsoft doesn't allow this purchase.",
    800068: "The partner has as many Azure subscriptions as Microsoft allows.",
    800071: "The order has no such line.",
    800086: "The customer's tenant is not of the kind this offer is for.",
    900112: "Microsoft is moving the customer to the Azure plan. Try again in a few minutes.",
    900113: "Microsoft is moving the customer to the Azure plan. Try again in a few minutes.",
    900114: "Moving the customer to the Azure plan has failed. Ask Microsoft's support.",
    900128: "This needs an Azure plan. Buy one for the customer first.",
    900129: "The customer's Azure plan is missing or has no active subscription.",
    900254: "Microsoft lacks the price or the currency of the item.",
    900312: "Microsoft doesn't know the scope the item was ordered for.",
    900313: "The item needs the Azure subscription it is for.",
    900314: "The Azure subscription is not active.",
    900315: "The item can't be bought for this Azure subscription.",
    900317: "The item needs the Azure plan it is for.",
    900318: "The customer's Azure plan is missing or has no active subscription.",
    900321: "Microsoft sells savings plans in the Azure portal only.",
    900322: "Microsoft doesn't sell this in its sandbox.",
    900323: "The reseller of a savings plan is that of its Azure plan.",
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
    2012: "Microsoft can't find the subscription in the customer's directory.",
    6000: "The billing cycle can't be changed while a subscription of the order is not active.",
    6001: "The billing cycle can't be changed: Microsoft doesn't offer it for everything in the order.",
    20003: "Microsoft doesn't know the subscription, or not yet.",
    27009: "The add-on can't be active while its base product is not.",
    800011: "The Azure subscription is not valid.",
    800013: "The Azure subscription can't hold reservations.",
    800021: "Microsoft doesn't know the subscription.",
    800029: "The add-on doesn't belong to this base product.",
    800030: "The Azure subscription has to be registered for reservations first.",
    800037: "Microsoft doesn't know the subscription.",
    800041: "It is active already.",
    800072: "Microsoft is still working on the order. Try to change the billing cycle later.",
    800080: "The billing cycle of this one can't be changed.",
    800081: "The subscription has to be activated before it can be changed.",
    800085: "The billing cycle is not that of the order it was bought with.",
    800096: "The state of the subscription can't be changed.",
    800097: "The billing cycle can't be changed.",
    800098: "The reseller can't be changed.",
    900263: "Microsoft allows this for new commerce only.",
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

_CART_ERROR_OF_NAME = {
    name.casefold(): code
    for code, name in {
        10000: "CurrencyIsNotSupported",
        10001: "CatalogItemIdIsNotValid",
        10002: "QuotaNotAvailable",
        10003: "InventoryNotAvailable",
        10004: "ParticipantsIsNotSupportedForPartner",
        10006: "UnableToProcessCartLineItem",
        10007: "SubscriptionIsNotValid",
        10008: "SubscriptionIsNotEnabledForRI",
        10009: "SandboxLimitExceeded",
        10010: "InvalidInput",
        10011: "SubscriptionNotRegistered",
        10012: "AttestationNotAccepted",
        10013: "BillingPlanNotSupported",
        10014: "InvalidPromotionId",
        10015: "MaxAllowedSeatsPerSubscriptionExceeded",
        10016: "InvalidCustomTermEndDateProduct",
        10017: "InvalidCustomTermEndDate",
        10018: "BaseOfferSeatQuantityNotMet",
        10019: "MinimumAddOnSeatsNotMet",
        500600: "LegacyOfferNotEligibleForPurchase",
    }.items()
}

# Seconds after which a repetition of something in progress makes sense, where Microsoft names none (errors.md §2).
_FEW_MINUTES = 120.0
_WAIT_OF_CODE = {900278: 86_400.0}
# 409 as well, but no time will mend them.
_NOT_IN_PROGRESS = frozenset({27009, 600061, 800065, 900114})


def wait_of(*, code: int | None) -> float | None:
    """Return after how many seconds a 409 is worth asking again; None where waiting doesn't help."""
    if code in _NOT_IN_PROGRESS:
        return None
    return _FEW_MINUTES if code is None else _WAIT_OF_CODE.get(code, _FEW_MINUTES)


def of_code(*, code: int | None) -> str | None:
    """Return what a refusal or an order's error means in plain words; None where Microsoft's text is all there is."""
    return _OF_CODE.get(code) if code is not None else None


def cart_error_code(*, name: str | None) -> int | None:
    """Return the number of a CartErrorCode that came as its name (errors.md §4)."""
    return _CART_ERROR_OF_NAME.get((name or "").strip().casefold())


def of_cart_line(*, code: int | None) -> str | None:
    """Return what the error of a cart's line means: such numbers are an enumeration of their own."""
    if code is None:
        return None
    return _OF_CART_LINE.get(code) or _OF_CODE.get(code)
