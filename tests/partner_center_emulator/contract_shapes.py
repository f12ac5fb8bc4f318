"""What the commerce half's answers are made of, restated from the contract (§0.4, §7-§10), and the check against it.

A shape is a kind ("str", "int", "bool", "number", "instant", "object"), a set of allowed strings, a list of one shape,
or members by name; a name that ends in ? may be absent. Whatever is in an answer and not in its shape is a fault.
"""

import re
from typing import Any

INSTANT = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?$")
CYCLES = {"monthly", "annual", "triennial", "one_time", "none"}
PRINTED_CYCLES = {"Monthly", "Annual", "Triennial", "one_time", "none"}
TERMS = {"P1M", "P1Y", "P3Y"}

LINK = {"uri": "str", "method": {"GET", "PATCH"}, "headers": []}
ATTRIBUTES = {"objectType": "str"}


def collection(item: Any, *, has_links: bool) -> dict[str, Any]:
    links = {"links": {"self": LINK}} if has_links else {}
    return {"totalCount": "int", "items": [item], "attributes": {"objectType": {"Collection"}}} | links


PRODUCT = {
    "id": "str",
    "title": "str",
    "description": "str",
    "productType": {"id": "str", "displayName": "str", "subType?": {"id": "str", "displayName": "str"}},
    "isMicrosoftProduct": "bool",
    "publisherName": "str",
    "links": {"skus": LINK, "self": LINK},
}
NCE_ATTRIBUTES = {
    "isMicrosoftProduct": "bool",
    "hasConstraints": "bool",
    "isAddon": "bool",
    "prerequisiteSkus": ["str"],
    "isSoftwareAssuranceApplicable": "bool",
    "upgradeTargetOffers": ["str"],
    "conversionInstructions?": ["object"],
    "provisioningId": "str",
    "internal": "bool",
}
SKU = {
    "id": "str",
    "productId": "str",
    "title": "str",
    "description": "str",
    "minimumQuantity": "int",
    "maximumQuantity": "int",
    "isTrial": "bool",
    "supportedBillingCycles": [CYCLES],
    "purchasePrerequisites": ["str"],
    "inventoryVariables": [{"CustomerId", "AzureSubscriptionId", "ArmRegionName"}],
    "provisioningVariables": [{"Scope", "SubscriptionId", "Duration", "EntitlementId", "ParentSubscriptionId"}],
    "dynamicAttributes": "object",
    "attestationProperties?": {"attestationType": "str", "enforceAttestation": "bool"},
    "consumptionType?": "str",
    "actions?": ["str"],
    "links": {"availabilities": LINK, "self": LINK},
}
AVAILABILITY = {
    "id": "str",
    "productId": "str",
    "skuId": "str",
    "catalogItemId": "str",
    "defaultCurrency": {"code": "str", "symbol": "str"},
    "segment": {"commercial", "education", "government", "nonprofit"},
    "country": "str",
    "isPurchasable": "bool",
    "isRenewable": "bool",
    "renewalInstructions?": [
        {"applicableTermIds": ["str"], "renewalOptions": [{"renewToId": "str", "isAutoRenewable": "bool"}]}
    ],
    "product": PRODUCT,
    "sku": SKU,
    "terms": [
        {
            "id": "str",
            "duration?": TERMS,
            "description": "str",
            "billingCycle": PRINTED_CYCLES,
            "cancellationPolicies": [
                {"refundOptions": [{"sequenceId": "int", "type": {"Full", "Partial"}, "expiresAfter": "str"}]}
            ],
        }
    ],
    "links": {"availabilities?": LINK, "self": LINK},
}
PROMOTION = {
    "id": "str",
    "name": "str",
    "description": "str",
    "startDate": "instant",
    "endDate": "instant",
    "properties": {"isAutoApplicable": "bool"},
    "requiredProducts": [
        {
            "productId": "str",
            "skuId": "str",
            "term": {"duration": TERMS, "billingCycle": PRINTED_CYCLES},
            "pricingPolicies": [{"policyType": {"PercentDiscount"}, "value": "str"}],
        }
    ],
    "promotionConstraints?": "object",
}
PRICING = {
    "listPrice": "number",
    "discountedPrice": "number",
    "proratedPrice": "number",
    "price": "number",
    "extendedPrice": "number",
}
CART_LINE = {
    "id": "int",
    "catalogItemId": "str",
    "friendlyName?": "str",
    "quantity": "int",
    "currencyCode": "str",
    "billingCycle": CYCLES,
    "termDuration?": "str",
    "participants?": [[{"key": "str", "value": "str"}]],
    "provisioningContext": "object",
    "orderGroup": "str",
    "promotionId?": "str",
    "renewsTo?": {"termDuration": "str"},
    "attestationAccepted?": "bool",
    "customTermEndDate?": "str",
    "pricing?": PRICING,
    "error?": {
        "errorCode": "int",
        "errorDescription": "str",
        "additionalInformation?": {"availableQuantity": "int", "purchasedQuantity": "int"},
    },
}
CART = {
    "id": "str",
    "creationTimestamp": "instant",
    "lastModifiedTimestamp": "instant",
    "expirationTimestamp": "instant",
    "lastModifiedUser": "str",
    "status": {"Active", "Ordered"},
    "lineItems": [CART_LINE],
    "links": {"self": LINK},
    "attributes": {"objectType": {"Cart"}},
}
ORDER_LINE = {
    "lineItemNumber": "int",
    "offerId": "str",
    "subscriptionId?": "str",
    "parentSubscriptionId?": "str",
    "termDuration": TERMS | {""},
    "transactionType": {"New"},
    "friendlyName": "str",
    "quantity": "int",
    "customTermEndDate?": "instant",
    "partnerIdOnRecord?": "str",
    "additionalPartnerIdsOnRecord?": ["str"],
    "provisioningContext": "object",
    "renewsTo?": {"termDuration": TERMS},
    "promotionId?": "str",
    "pricing": PRICING,
    "links": {"product": LINK, "sku": LINK, "availability": LINK, "subscription?": LINK, "provisioningStatus": LINK},
}
ORDER = {
    "id": "str",
    "alternateId": "str",
    "referenceCustomerId": "str",
    "billingCycle": CYCLES,
    "transactionType": {"UserPurchase", "SystemPurchase", "SystemBilling"},
    "lineItems": [ORDER_LINE],
    "currencyCode": "str",
    "currencySymbol": "str",
    "creationDate": "instant",
    "status": {"completed", "pending", "cancelled"},
    "totalPrice?": "number",
    "links": {"provisioningStatus": LINK, "self": LINK, "patchOperation": LINK},
    "client": {"marketplaceCountry": "str", "deviceFamily": "str", "name": "str"},
    "attributes": {"objectType": {"Order"}},
}
CHECKOUT = {
    "orders": [ORDER],
    "orderErrors?": [{"orderGroupId": "str", "code": "int", "description": "str"}],
    "attributes": {"objectType": {"CartCheckoutResult"}},
}
INSTRUCTIONS = {
    "product": {
        "productId": "str",
        "skuId": "str",
        "availabilityId": "str",
        "billingCycle": "str",
        "termDuration": TERMS,
        "promotionId?": "str",
    },
    "quantity": "int",
    "customTermEndDate?": "str",
}
SUBSCRIPTION = {
    "id": "str",
    "offerId": "str",
    "offerName": "str",
    "friendlyName": "str",
    "productType": {"id": "str", "displayName": "str"},
    "quantity": "int",
    "unitType": {"Licenses", "Usage-based"},
    "hasPurchasableAddons": "bool",
    "creationDate": "instant",
    "effectiveStartDate": "instant",
    "commitmentEndDate?": "instant",
    "commitmentEndDateTime?": "instant",
    "cancellationAllowedUntilDate?": "instant",
    "status": {"active", "suspended", "expired", "disabled", "deleted"},
    "autoRenewEnabled": "bool",
    "isTrial": "bool",
    "billingType": {"license", "usage"},
    "billingCycle": CYCLES,
    "billingCycleEndDate?": "instant",
    "billingCycleEndDateTime?": "instant",
    "termDuration?": TERMS,
    "renewalTermDuration": "str",
    "refundOptions": [{"type": {"Full", "Partial"}, "expiresAt": "instant"}],
    "refundableQuantity?": {
        "totalQuantity": "int",
        "details": [{"quantity": "int", "allowedUntilDateTime": "instant"}],
    },
    "isMicrosoftProduct": "bool",
    "partnerId": "str",
    "parentSubscriptionId?": "str",
    "promotionId?": "str",
    "consumptionType?": "str",
    "attentionNeeded": "bool",
    "actionTaken": "bool",
    "contractType": {"subscription"},
    "publisherName": "str",
    "orderId": "str",
    "suspensionReasons": ["str"],
    "actions": [{"edit", "cancel"}],
    "scheduledNextTermInstructions?": INSTRUCTIONS,
    "nextChargeInstructions?": INSTRUCTIONS,
    "scheduledActions?": [
        {
            "scheduleType": {"TermEnd", "CustomDate"},
            "actionType": {"Cancel", "RenewToNewTerm", "RenewToExtendedServiceTerm", "Transition"},
            "effectiveDate?": "instant",
            "instructions?": INSTRUCTIONS,
        }
    ],
    "links": {"product": LINK, "sku": LINK, "availability": LINK, "parentSubscription?": LINK, "self": LINK},
    "attributes": {"etag": "str", "objectType": {"Subscription"}},
}
EVENT = {
    "name": {"Conversion", "LicenseReassignment"},
    "status": {"Started", "Completed", "Failed"},
    "timestamp": "instant",
    "attributes": {"objectType": {"TransitionEvent"}},
}
TRANSITION = {
    "operationId": "str",
    "fromCatalogItemId": "str",
    "fromSubscriptionId": "str",
    "toCatalogItemId": "str",
    "toSubscriptionId": "str",
    "quantity": "int",
    "termDuration": TERMS,
    "billingCycle": CYCLES,
    "transitionType": {"transition_only", "transition_with_license_transfer"},
    "promotionId?": "str",
    "Events": [EVENT],
    "attributes": {"objectType": {"Transition"}},
}
ERROR = {"code": "int", "description": "str", "data": "list", "source": "str"}
_KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "number": (int, float),
    "object": (dict,),
    "list": (list,),
}


def faults(value: Any, shape: Any, *, at: str = "answer") -> list[str]:
    """What of an answer isn't as its shape has it."""
    if isinstance(shape, dict):
        return _faults_of_members(value, shape, at=at)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{at} is no list: {value!r}"]
        return [
            one for number, item in enumerate(value) for one in faults(item, (shape or [""])[0], at=f"{at}[{number}]")
        ]
    if isinstance(shape, set):
        return [] if value in shape else [f"{at} is none of {sorted(shape)}: {value!r}"]
    if shape == "instant":
        return [] if isinstance(value, str) and INSTANT.match(value) else [f"{at} is no instant: {value!r}"]
    is_good = isinstance(value, _KINDS[shape]) and (shape == "bool" or not isinstance(value, bool))
    return [] if is_good else [f"{at} is no {shape}: {value!r}"]


def _faults_of_members(value: Any, shape: dict[str, Any], *, at: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{at} is no object: {value!r}"]
    known = {name.removesuffix("?"): inner for name, inner in shape.items()}
    found = [f"{at} lacks {name}" for name in shape if not name.endswith("?") and name not in value]
    found += [f"{at} has {name}, which the contract doesn't know" for name in value if name not in known]
    for name, item in value.items():
        if name in known:
            found += faults(item, known[name], at=f"{at}.{name}")
    return found
