"""What Microsoft means doesn't depend on how a service of its spells it (contract §0.4): properties over answers.

Names in another case, members nobody knows, numbers as texts, flags as texts, nulls where something may be missing.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from msphub.microsoft import catalog_parsing, order_parsing, parsing, reading

CUSTOMER = {
    "id": "c",
    "commerceId": "m",
    "companyProfile": {"tenantId": "c", "domain": "contoso.onmicrosoft.com", "companyName": "Contoso"},
    "billingProfile": {
        "id": "b",
        "email": "a@contoso.com",
        "defaultAddress": {"country": "US", "city": "Redmond", "postalCode": "98052", "addressLine1": "1 Way"},
        "attributes": {"etag": "5", "objectType": "CustomerBillingProfile"},
    },
    "relationshipToPartner": "a_relationship_of_tomorrow",
    "allowDelegatedAccess": True,
    "customDomains": ["contoso.com"],
    "enableGDAPByDefault": False,
}
CART = {
    "id": "k",
    "status": "Active",
    "creationTimestamp": "2023-07-11T21:16:11.55149Z",
    "expirationTimestamp": "2023-07-18T21:16:17.2480482Z",
    "lineItems": [
        {
            "id": 0,
            "catalogItemId": "P:0001:A",
            "quantity": 25,
            "billingCycle": "monthly",
            "termDuration": "P1Y",
            "orderGroup": "0",
            "pricing": {"listPrice": 30.4, "extendedPrice": 364.8},
        },
        {
            "id": 1,
            "catalogItemId": "P:0002:A",
            "quantity": 300,
            "error": {
                "errorCode": 10015,
                "errorDescription": "Too many.",
                "additionalInformation": {"availableQuantity": 20, "purchasedQuantity": 280},
            },
        },
    ],
}
ORDER = {
    "id": "7d8a3d7d3dbf",
    "referenceCustomerId": "c",
    "status": "a status of tomorrow",
    "totalPrice": 152.25,
    "creationDate": "2021-08-18T07:52:23.1921872Z",
    "lineItems": [
        {
            "lineItemNumber": 0,
            "offerId": "P:0001:A",
            "subscriptionId": "s",
            "quantity": 25,
            "termDuration": "P1Y",
            "transactionType": "New",
            "pricing": {"listPrice": 6.09},
        }
    ],
    "attributes": {"objectType": "Order", "etag": "5"},
}
SUBSCRIPTION = {
    "id": "s",
    "offerId": "P:0001:A",
    "productType": {"id": "OnlineServicesNCE", "displayName": "OnlineServicesNCE"},
    "quantity": 15,
    "status": "a status of tomorrow",
    "autoRenewEnabled": False,
    "isTrial": True,
    "effectiveStartDate": "2021-01-14T16:57:14.498252Z",
    "commitmentEndDate": "2022-01-13T00:00:00Z",
    "cancellationAllowedUntilDate": "2021-01-21T16:57:14Z",
    "refundableQuantity": {
        "totalQuantity": 10,
        "details": [{"quantity": 10, "allowedUntilDateTime": "2021-01-24T20:39:17.182697Z"}],
    },
    "refundOptions": [{"type": "Full", "expiresAt": "2021-01-15T00:00:00Z"}],
    "termDuration": "P1Y",
    "suspensionReasons": ["one of tomorrow"],
    "scheduledNextTermInstructions": {"product": {"productId": "P", "skuId": "0001"}, "quantity": 9},
    "scheduledActions": [{"scheduleType": "TermEnd", "actionType": "Cancel"}],
    "attributes": {"etag": "5", "objectType": "Subscription"},
}
SKU = {
    "id": "0001",
    "productId": "P",
    "title": "Basic",
    "minimumQuantity": 1,
    "maximumQuantity": 300,
    "isTrial": False,
    "supportedBillingCycles": ["annual", "monthly"],
    "purchasePrerequisites": ["MicrosoftCustomerAgreement"],
    "dynamicAttributes": {"isAddon": True, "prerequisiteSkus": ["Q:0001"], "provisioningId": "x"},
    "attestationProperties": {"attestationType": "K", "enforceAttestation": True},
}
AVAILABILITY = {
    "id": "A",
    "productId": "P",
    "skuId": "0001",
    "catalogItemId": "P:0001:A",
    "defaultCurrency": {"code": "USD", "symbol": "$"},
    "segment": "commercial",
    "isPurchasable": True,
    "terms": [
        {
            "id": "t",
            "duration": "P1Y",
            "billingCycle": "Annual",
            "cancellationPolicies": [{"refundOptions": [{"sequenceId": 0, "type": "Full", "expiresAfter": "P1D"}]}],
        }
    ],
}
RULES = {
    "iso2Code": "US",
    "isStateRequired": True,
    "states": {"value": ["AK", "AL"]},
    "countryCallingCodes": {"value": ["1"]},
    "isPostalCodeRequired": True,
    "postalCodeRegex": r"^\d{5}$",
}

READERS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "customer": (CUSTOMER, parsing.customer),
    "cart": (CART, order_parsing.cart),
    "order": (ORDER, order_parsing.order),
    "checkout": ({"orders": [ORDER], "orderErrors": []}, order_parsing.checkout_result),
    "subscription": (SUBSCRIPTION, order_parsing.subscription),
    "sku": (SKU, lambda value: catalog_parsing.sku(reading.Members(value))),
    "availability": (AVAILABILITY, lambda value: catalog_parsing.availability(reading.Members(value))),
    "rules": (RULES, parsing.country_rules),
}


def respelled(value: Any, draw: Callable[[st.SearchStrategy[Any]], Any], *, key: str = "") -> Any:
    """The same answer as another service would write it."""
    if isinstance(value, dict):
        names = draw(st.sampled_from(["camel", "pascal", "lower", "upper"]))
        spell = {"camel": str, "pascal": lambda n: n[0].upper() + n[1:], "lower": str.lower, "upper": str.upper}[names]
        made = {spell(name): respelled(member, draw, key=name) for name, member in value.items()}
        unknown = draw(st.dictionaries(st.sampled_from(["zNew", "zOther"]), st.sampled_from([None, 1, {"a": []}])))
        return {**unknown, **made}
    if isinstance(value, list):
        return [respelled(entry, draw, key=key) for entry in value]
    if isinstance(value, bool):
        return draw(st.sampled_from([value, str(value).lower(), str(value)]))
    if isinstance(value, int | float):
        return draw(st.sampled_from([value, str(value), f" {value} "]))
    return value


def meaning(value: Any) -> Any:
    """What was read, without what is kept in Microsoft's own spelling."""
    if hasattr(value, "raw"):
        value = replace(value, raw={})
    if hasattr(value, "billing_profile") and value.billing_profile is not None:
        value = replace(value, billing_profile=replace(value.billing_profile, raw={}))
    if hasattr(value, "dynamic_attributes"):
        value = replace(value, dynamic_attributes={})
    if hasattr(value, "refused_lines"):
        value = replace(
            value,
            lines=tuple(
                replace(line, error=replace(line.error, additional={})) if line.error else line for line in value.lines
            ),
        )
    return value


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(sorted(READERS)), data=st.data())
def test_the_meaning_doesnt_depend_on_the_spelling(name: str, data: st.DataObject) -> None:
    answer, read = READERS[name]

    assert meaning(read(respelled(answer, data.draw))) == meaning(read(answer))


def paths_of(value: Any, *, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every member of an answer, by its way there."""
    found = []
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in entries:
        found += [(*before, key), *paths_of(member, before=(*before, key))]
    return found


def without(value: Any, path: tuple[Any, ...], *, how: str) -> Any:
    made = copy.deepcopy(value)
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    if how == "null" or isinstance(inner, list):
        inner[path[-1]] = None
    elif how == "missing":
        del inner[path[-1]]
    else:
        inner[path[-1]] = {"text": "odd", "list": [], "object": {}, "number": 7}[how]
    return made


@pytest.mark.parametrize("name", sorted(READERS))
@pytest.mark.parametrize("how", ["null", "missing", "text", "list", "object", "number"])
def test_no_member_is_needed_to_read_the_others(name: str, how: str) -> None:
    answer, read = READERS[name]

    for path in paths_of(answer):
        changed = read(without(answer, path, how=how))

        assert changed is None or path == ("orders",) or type(changed) is type(read(answer))
        if changed is None:
            assert path[-1] in {"id", "orders"} or path in {("orders", 0), ("orders", 0, "id")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-01T00:00:00Z", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T00:00:00", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T02:00:00.1234567+02:00", datetime(2026, 11, 1, 0, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-01T00:00:00.1Z", datetime(2026, 11, 1, 0, 0, 0, 100000, tzinfo=UTC)),
        (" 2026-11-01T00: 00: 00Z ", datetime(2026, 11, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.9999999Z", datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
        ("9999-12-31T23:59:59-14:00", None),
        ("0001-01-01T00:00:00", None),
        ("soon", None),
        ("", None),
    ],
)
def test_instants(text: str, expected: datetime | None) -> None:
    assert reading.instant(text) == expected


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-14, 14))
def test_an_instant_is_the_same_in_every_zone(moment: datetime, hours: int) -> None:
    assume(2 < moment.year < 9999)

    there = moment.astimezone(timezone(timedelta(hours=hours)))

    assert reading.instant(there.isoformat()) == moment


def test_money_is_what_microsoft_wrote() -> None:
    answer = reading.body_of(b'{"a": 0.1000000000000000055511151231257827, "b": "30.40", "c": 1e-20, "d": "1e99999"}')
    members = reading.Members(answer)

    assert members.decimal("a") == Decimal("0.1000000000000000055511151231257827")
    assert (members.decimal("b"), members.decimal("c"), members.decimal("d")) == (
        Decimal("30.40"),
        Decimal("1e-20"),
        None,
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        ("5", 5),
        (" 5 ", 5),
        (5.0, 5),
        ("5.0", 5),
        (5.5, None),
        ("5.5", None),
        (True, None),
        ("", None),
        (10**18, None),
        ("9" * 19, None),
        (1e300, None),
        ("\u0665", None),
        (None, None),
        ([], None),
    ],
)
def test_whole_numbers(value: object, expected: int | None) -> None:
    assert reading.whole(value) == expected
