"""Subscriptions read and changed over raw HTTP, held against contract §10.1-10.3 and nce-rules.md §3-7."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import contract_shapes as shapes
import httpx
import pytest
from emulator_client import PartnerClient
from shop import AZURE_PLAN, BASIC, BASIC_TRIAL, COPILOT, E3, E5, SOFTWARE, STANDARD, Shop, refusal

from partner_center_emulator.testing import Running
from partner_center_emulator.wellknown import FABRIKAM


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def scheduled(shop: Shop, sku: str, *, quantity: int, term: str = "P1Y", cycle: str = "Monthly", **more: Any) -> Any:
    product, sku_id, availability = shop.item(sku).split(":")
    named = {"productId": product, "skuId": sku_id, "availabilityId": availability}
    promotion = {"promotionId": more.pop("promotionId")} if "promotionId" in more else {}
    return {"product": named | {"billingCycle": cycle, "termDuration": term} | promotion, "quantity": quantity} | more


def test_a_new_subscription(shop: Shop) -> None:
    shop.move_to("2026-11-15T10:30:00Z")
    document = shop.subscription_of(shop.line(BASIC, quantity=15))
    assert document["effectiveStartDate"].startswith("2026-11-15T10:30:")
    assert (document["commitmentEndDate"], document["commitmentEndDateTime"]) == (
        "2027-11-14T00:00:00Z",
        "2027-11-14T23:59:59Z",
    )
    assert document["billingCycleEndDate"] == "2026-12-14T00:00:00Z"
    assert (document["status"], document["autoRenewEnabled"], document["isTrial"]) == ("active", True, False)
    bought = instant(document["creationDate"])
    until = instant(document["cancellationAllowedUntilDate"])
    assert until - bought == timedelta(hours=168)
    full, partly = document["refundOptions"]
    assert (full["type"], instant(full["expiresAt"]) - bought) == ("Full", timedelta(days=1))
    assert (partly["type"], instant(partly["expiresAt"])) == ("Partial", until)
    assert document["refundableQuantity"] == {
        "totalQuantity": 15,
        "details": [{"quantity": 15, "allowedUntilDateTime": document["cancellationAllowedUntilDate"]}],
    }
    assert document["actions"] == ["edit", "cancel"]
    assert document["hasPurchasableAddons"]
    assert document["links"]["product"]["uri"] == "/products/CFQ7TTC0LH18?country=US"
    assert shop.subscriptions() == [document]


@pytest.mark.parametrize(
    ("sku", "term", "cycle", "end", "cycle_end"),
    [
        (BASIC, "P1M", "monthly", "2026-12-14", "2026-12-14"),
        (BASIC, "P1Y", "annual", "2027-11-14", "2027-11-14"),
        (E3, "P3Y", "monthly", "2029-11-14", "2026-12-14"),
        (E3, "P3Y", "annual", "2029-11-14", "2027-11-14"),
        (BASIC_TRIAL, "P1M", "none", "2026-12-14", "2026-12-14"),
        (SOFTWARE, "P3Y", "triennial", "2029-11-14", "2029-11-14"),
    ],
)
def test_ends_of_terms_and_cycles(shop: Shop, sku: str, term: str, cycle: str, end: str, cycle_end: str) -> None:
    shop.move_to("2026-11-15T10:30:00Z")
    document = shop.subscription_of(shop.line(sku, term=term, cycle=cycle))
    assert document["commitmentEndDate"] == f"{end}T00:00:00Z"
    assert document["billingCycleEndDate"] == f"{cycle_end}T00:00:00Z"


@pytest.mark.parametrize(
    ("bought", "term", "end", "cycle_end"),
    [
        ("2027-01-31", "P1M", "2027-02-27", "2027-02-27"),
        ("2027-01-30", "P1M", "2027-02-27", "2027-02-27"),
        ("2027-05-31", "P1M", "2027-06-29", "2027-06-29"),
        ("2027-01-31", "P1Y", "2028-01-30", "2027-02-27"),
        ("2027-01-30", "P1Y", "2028-01-29", "2027-02-26"),
        ("2027-02-28", "P1Y", "2028-02-27", "2027-03-30"),
    ],
)
def test_purchases_at_the_end_of_a_month(shop: Shop, bought: str, term: str, end: str, cycle_end: str) -> None:
    shop.move_to(f"{bought}T12:00:00Z")
    document = shop.subscription_of(shop.line(BASIC, term=term))
    assert document["commitmentEndDate"] == f"{end}T00:00:00Z"
    assert document["billingCycleEndDate"] == f"{cycle_end}T00:00:00Z"


def test_the_azure_plan_has_no_term(shop: Shop, app: PartnerClient) -> None:
    document = shop.subscription_of(shop.line(AZURE_PLAN, term="", cycle="one_time"))
    assert not {"termDuration", "commitmentEndDate", "refundableQuantity", "billingCycleEndDate"} & set(document)
    assert (document["billingType"], document["unitType"], document["quantity"]) == ("usage", "Usage-based", 1)
    path = f"{shop.base}/subscriptions/{document['id']}/azureEntitlements"
    assert app.get(path).json() == {"totalCount": 0, "items": [], "attributes": {"objectType": "Collection"}}
    seats = shop.subscription_of(shop.line(BASIC))
    assert refusal(app.get(f"{shop.base}/subscriptions/{seats['id']}/azureEntitlements")) == (400, 800011)
    assert refusal(shop.patch(document, quantity=2)) == (400, 800095)
    assert refusal(shop.patch(document, autoRenewEnabled=True)) == (400, 800093)
    assert shop.patched(document, status="suspended")["status"] == "suspended"
    assert shop.patched(shop.subscription(document["id"]), status="deleted")["status"] == "deleted"


def test_a_subscription_of_nobody(shop: Shop, owner: PartnerClient) -> None:
    path = f"{shop.base}/subscriptions/11111111-1111-1111-1111-111111111111"
    assert refusal(owner.get(path)) == (404, 20003)
    assert refusal(owner.call("PATCH", path, json={})) == (404, 20003)
    assert refusal(owner.get(f"{path}/provisioningstatus")) == (404, 20003)
    document = shop.subscription_of(shop.line(BASIC))
    german = Shop(owner, country="DE")
    assert refusal(owner.get(f"{german.base}/subscriptions/{document['id']}")) == (404, 20003)


def test_addons_of_a_subscription(shop: Shop) -> None:
    base = shop.subscription_of(shop.line(BASIC))
    line = shop.line(COPILOT, cycle="annual", provisioningContext={"parentsubscriptionid": base["id"]})
    addon = shop.subscription_of(line | {"provisioningContext": {"ParentSubscriptionId": base["id"]}})
    assert addon["parentSubscriptionId"] == base["id"]
    assert addon["links"]["parentSubscription"]["uri"] == base["links"]["self"]["uri"]
    answer = shop.owner.get(f"{shop.base}/subscriptions/{base['id']}/addons").json()
    assert shapes.faults(answer, shapes.collection(shapes.SUBSCRIPTION, has_links=False)) == []
    assert answer["items"] == [addon]


def test_provisioning_takes_a_while_after_every_change(shop: Shop, app: PartnerClient) -> None:
    shop.control("settings", provisioning_seconds=900)
    document = shop.subscription_of(shop.line(BASIC, quantity=5))
    path = f"{shop.base}/subscriptions/{document['id']}/provisioningstatus"
    answer = shop.owner.get(path).json()
    shape = {"skuId": "str", "status": {"success", "pending", "failed"}, "quantity": "int", "endDate": "instant"}
    assert shapes.faults(answer, shape | {"attributes": {"objectType": {"SubscriptionProvisioningStatus"}}}) == []
    assert (answer["status"], answer["quantity"]) == ("pending", 5)
    assert answer["endDate"] == document["commitmentEndDate"]
    shop.advance("PT15M")
    assert shop.owner.get(path).json()["status"] == "success"
    shop.patched(document, quantity=6)
    assert shop.owner.get(path).json()["status"] == "pending"
    app.token = app.tokens(is_user=False)["access_token"]
    assert refusal(app.get(path)) == (403, 900329)


# Names, etags, who it is of


def test_a_name_and_the_etag(shop: Shop) -> None:
    document = shop.subscription_of(shop.line(BASIC))
    etag = document["attributes"]["etag"]
    response = shop.patch(document, friendlyName="Front desk", headers={"If-Match": f'"{etag}"'})
    assert response.status_code == 200
    assert (response.json()["friendlyName"], response.json()["attributes"]["etag"] != etag) == ("Front desk", True)
    stale = shop.patch(document, friendlyName="Back office", headers={"If-Match": f'"{etag}"'})
    assert refusal(stale) == (400, 2055)
    assert shop.patch(document, friendlyName="Back office").status_code == 200
    assert shop.subscription(document["id"])["friendlyName"] == "Back office"


def test_a_repeated_change_is_done_once(shop: Shop) -> None:
    document = shop.subscription_of(shop.line(BASIC, quantity=5))
    headers = {"MS-RequestId": str(uuid.uuid4()), "If-Match": f'"{document["attributes"]["etag"]}"'}
    shop.control("faults", method="PATCH", path="/subscriptions/", mode="reset_after")
    with pytest.raises(httpx.NetworkError):
        shop.patch(document, quantity=7, headers=headers)
    assert shop.subscription(document["id"])["quantity"] == 7
    again = shop.patch(document, quantity=7, headers=headers)
    assert (again.status_code, again.json()["quantity"]) == (202, 7)


def test_the_reseller_on_record(shop: Shop, emulator: Running) -> None:
    document = shop.subscription_of(shop.line(BASIC))
    assert shop.patched(document, partnerId="4847411")["partnerId"] == "4847411"
    assert refusal(shop.patch(document, partnerId="1")) == (400, 800016)
    direct = PartnerClient(url=emulator.url, partner=FABRIKAM)
    theirs = Shop(direct)
    assert refusal(theirs.patch(theirs.subscription_of(theirs.line(BASIC)), partnerId="4847411")) == (400, 800098)
    direct.http.close()


# Seats


def test_more_seats_at_any_time(shop: Shop) -> None:
    document = shop.subscription_of(shop.line(BASIC, quantity=5))
    shop.advance("P20D")
    response = shop.patch(shop.subscription(document["id"]), quantity=8)
    assert response.status_code == 202
    assert response.headers["Location"] == f"/customers/{shop.customer}/subscriptions/{document['id']}"
    after = shop.subscription(document["id"])
    assert (after["quantity"], after["refundableQuantity"]["totalQuantity"]) == (8, 3)
    assert after["cancellationAllowedUntilDate"] == document["cancellationAllowedUntilDate"]
    assert after["actions"] == ["edit"]


def test_fewer_seats_within_seven_days_of_each_batch(shop: Shop) -> None:
    document = shop.subscription_of(shop.line(BASIC, quantity=5))
    shop.advance("P5D")
    more = shop.patched(shop.subscription(document["id"]), quantity=9)
    assert [one["quantity"] for one in more["refundableQuantity"]["details"]] == [5, 4]
    less = shop.patched(more, quantity=7)
    assert [one["quantity"] for one in less["refundableQuantity"]["details"]] == [5, 2]
    shop.advance("P3D")  # the purchase is eight days old now, the second batch three
    now = shop.subscription(document["id"])
    assert now["refundableQuantity"]["totalQuantity"] == 2
    assert refusal(shop.patch(now, quantity=4)) == (400, 800090)
    last = shop.patched(now, quantity=5)
    assert last["refundableQuantity"] == {"totalQuantity": 0, "details": []}
    assert refusal(shop.patch(last, quantity=4)) == (400, 800090)
    assert shop.subscription(document["id"])["quantity"] == 5


def test_limits_of_seats(shop: Shop) -> None:
    document = shop.subscription_of(shop.line(BASIC, quantity=5))
    shop.bought(shop.line(BASIC, quantity=290))
    for quantity in (0, -1):
        assert refusal(shop.patch(document, quantity=quantity)) == (400, 2002)
    assert refusal(shop.patch(document, quantity=11)) == (403, 800088)
    assert shop.patched(document, quantity=10)["quantity"] == 10
    assert refusal(shop.patch(document, quantity="many")) == (400, 3000)
    suspended = shop.patched(shop.subscription(document["id"]), status="suspended")
    assert refusal(shop.patch(suspended, quantity=9)) == (400, 2001)


def test_software_never_shrinks_and_trials_never_change(shop: Shop) -> None:
    software = shop.subscription_of(shop.line(SOFTWARE, quantity=5, term="P3Y", cycle="triennial"))
    assert "refundableQuantity" not in software
    assert refusal(shop.patch(software, quantity=4)) == (400, 800090)
    assert shop.patched(software, quantity=6)["quantity"] == 6
    trial = shop.subscription_of(shop.line(BASIC_TRIAL, quantity=25, term="P1M", cycle="none"))
    assert (trial["isTrial"], trial["actions"]) == (True, ["edit"])
    assert refusal(shop.patch(trial, quantity=24)) == (400, 800095)
    assert refusal(shop.patch(trial, status="deleted")) == (400, 800096)
    assert refusal(shop.patch(trial, termDuration="P1Y", billingCycle="monthly")) == (400, 800107)


# Status


def test_cancelling_within_the_window(shop: Shop) -> None:
    first, second = (shop.subscription_of(shop.line(BASIC)) for _ in range(2))
    shop.advance("P6D")
    gone = shop.patched(shop.subscription(first["id"]), status="deleted")
    assert (gone["status"], gone["autoRenewEnabled"], gone["actions"]) == ("deleted", False, [])
    assert refusal(shop.patch(gone, friendlyName="x")) == (400, 2011)
    assert refusal(shop.patch(gone, status="active")) == (400, 2011)
    shop.advance("P1D")
    assert refusal(shop.patch(shop.subscription(second["id"]), status="deleted")) == (400, 900213)
    assert {one["status"] for one in shop.subscriptions()} == {"deleted", "active"}


def test_suspending_and_taking_up_again(shop: Shop) -> None:
    document = shop.subscription_of(shop.line(BASIC, quantity=3))
    planned = shop.patched(document, scheduledNextTermInstructions=scheduled(shop, BASIC, quantity=2))
    assert planned["scheduledNextTermInstructions"]["quantity"] == 2
    suspended = shop.patched(planned, status="suspended")
    assert (suspended["status"], suspended["autoRenewEnabled"]) == ("suspended", False)
    assert "scheduledNextTermInstructions" not in suspended
    assert suspended["suspensionReasons"] == ["CustomerCancellation"]
    # Suspended seats still count, and are still billed.
    assert shop.error_of(shop.line(BASIC, quantity=298))["errorCode"] == 10015
    active = shop.patched(suspended, status="active")
    assert (active["status"], active["autoRenewEnabled"], active["suspensionReasons"]) == ("active", False, [])
    assert shop.patched(active, autoRenewEnabled=True)["autoRenewEnabled"]


@pytest.mark.parametrize(
    ("status", "code"), [("expired", 800040), ("disabled", 800040), ("pending", 800040), ("x", 900126)]
)
def test_states_that_nobody_can_set(shop: Shop, status: str, code: int) -> None:
    document = shop.subscription_of(shop.line(BASIC))
    assert refusal(shop.patch(document, status=status)) == (400, code)
    assert shop.subscription(document["id"]) == document


# What a change leaves out


def test_what_is_left_out_is_taken_away(shop: Shop) -> None:
    document = shop.subscription_of(shop.line(BASIC, quantity=3))
    planned = shop.patched(document, scheduledNextTermInstructions=scheduled(shop, BASIC, quantity=2))
    renamed = shop.patched(planned, friendlyName="Front desk")
    assert renamed["scheduledNextTermInstructions"] == planned["scheduledNextTermInstructions"]
    response = shop.patch(renamed, leaving_out=("scheduledNextTermInstructions",))
    assert "scheduledNextTermInstructions" not in response.json()
    response = shop.patch(shop.subscription(document["id"]), leaving_out=("autoRenewEnabled",))
    assert response.json()["autoRenewEnabled"] is False


# Scheduled changes


def test_a_change_at_the_renewal(shop: Shop) -> None:
    document = shop.subscription_of(shop.line(BASIC, quantity=3))
    wanted = scheduled(shop, STANDARD, quantity=1, cycle="Annual")
    planned = shop.patched(document, scheduledNextTermInstructions=wanted)
    assert planned["scheduledNextTermInstructions"] == wanted
    assert planned["quantity"] == 3
    # More seats now take the plan away, and so does switching renewal off.
    more = shop.patched(planned, quantity=4)
    assert "scheduledNextTermInstructions" not in more
    planned = shop.patched(more, scheduledNextTermInstructions=wanted)
    off = shop.patched(planned, autoRenewEnabled=False)
    assert "scheduledNextTermInstructions" not in off
    assert refusal(shop.patch(off, scheduledNextTermInstructions=wanted)) == (400, 800093)
    suspended = shop.patched(off, status="suspended")
    assert refusal(shop.patch(suspended, scheduledNextTermInstructions=wanted)) == (400, 800091)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"quantity": 0}, (400, 2002)),
        ({"quantity": 301}, (400, 2002)),
        ({"quantity": None}, (400, 3000)),
        ({"product": {"availabilityId": "CFQ7TTC0XXXX"}}, (404, 400019)),
        ({"product": {"skuId": "9999"}}, (403, 800020)),
        ({"product": {"productId": "CFQ7TTC0LF8R"}}, (403, 800020)),
        ({"product": {"termDuration": "P3Y"}}, (400, 800121)),
        ({"product": {"billingCycle": "triennial"}}, (400, 900269)),
        ({"product": {"promotionId": "x"}}, (400, 27007)),
        ({"customTermEndDate": "2027-12-13T00:00:00Z"}, (400, 900246)),
        ({"customTermEndDate": "2030-01-31T00:00:00Z"}, (400, 900245)),
        ({"customTermEndDate": "x"}, (400, 3000)),
    ],
)
def test_changes_that_can_not_be_scheduled(shop: Shop, change: Any, expected: tuple[int, int]) -> None:
    shop.move_to("2026-11-15T10:30:00Z")
    document = shop.subscription_of(shop.line(BASIC, quantity=3))
    wanted = scheduled(shop, BASIC, quantity=2)
    wanted |= change | {"product": wanted["product"] | change.get("product", {})}
    assert refusal(shop.patch(document, scheduledNextTermInstructions=wanted)) == expected
    assert shop.subscription(document["id"]) == document


def test_software_has_no_end_of_its_own_choosing(shop: Shop) -> None:
    document = shop.subscription_of(shop.line(SOFTWARE, term="P3Y", cycle="triennial"))
    wanted = scheduled(shop, SOFTWARE, quantity=1, term="P3Y", cycle="Annual")
    assert shop.patched(document, scheduledNextTermInstructions=wanted)["scheduledNextTermInstructions"] == wanted
    wanted["customTermEndDate"] = "2030-01-31T00:00:00Z"
    assert refusal(shop.patch(document, scheduledNextTermInstructions=wanted)) == (400, 900244)


# Billing cycle and term


def test_a_three_year_terms_billing_cycle_changes_at_the_next_charge(shop: Shop) -> None:
    shop.move_to("2026-11-15T10:30:00Z")
    document = shop.subscription_of(shop.line(E3, quantity=3, term="P3Y"))
    shop.advance("P10D")
    planned = shop.patched(shop.subscription(document["id"]), billingCycle="annual")
    assert planned["billingCycle"] == "monthly"
    assert planned["nextChargeInstructions"]["product"]["billingCycle"] == "annual"
    assert planned["nextChargeInstructions"]["quantity"] == 3
    suspended = shop.patched(planned, status="suspended")
    assert suspended["nextChargeInstructions"] == planned["nextChargeInstructions"]
    shop.move_to("2026-12-14T23:59:00Z")
    assert shop.subscription(document["id"])["billingCycle"] == "monthly"
    shop.move_to("2026-12-15T00:00:01Z")
    after = shop.subscription(document["id"])
    assert (after["billingCycle"], after["commitmentEndDate"]) == ("annual", document["commitmentEndDate"])
    assert "nextChargeInstructions" not in after


def test_a_planned_billing_cycle_is_taken_back(shop: Shop) -> None:
    document = shop.subscription_of(shop.line(E3, term="P3Y", cycle="annual"))
    wanted = scheduled(shop, E3, quantity=1, term="P3Y", cycle="monthly")
    planned = shop.patched(document, nextChargeInstructions=wanted)
    assert planned["nextChargeInstructions"] == wanted
    assert "nextChargeInstructions" not in shop.patch(planned, leaving_out=("nextChargeInstructions",)).json()


@pytest.mark.parametrize(("term", "before", "after"), [("P1Y", "monthly", "annual"), ("P3Y", "monthly", "triennial")])
def test_other_billing_cycles_can_not_change(shop: Shop, term: str, before: str, after: str) -> None:
    document = shop.subscription_of(shop.line(E3, term=term, cycle=before))
    assert refusal(shop.patch(document, billingCycle=after)) == (400, 800097)


def test_a_longer_term_starts_at_once(shop: Shop) -> None:
    shop.move_to("2026-11-15T10:30:00Z")
    document = shop.subscription_of(shop.line(E3, quantity=3, term="P1M"))
    shop.move_to("2026-11-25T08:00:00Z")
    response = shop.patch(shop.subscription(document["id"]), termDuration="P1Y", billingCycle="annual")
    assert response.status_code == 202
    after = shop.subscription(document["id"])
    assert (after["termDuration"], after["billingCycle"], after["quantity"]) == ("P1Y", "annual", 3)
    assert after["commitmentEndDate"] == "2027-11-24T00:00:00Z"
    assert after["effectiveStartDate"].startswith("2026-11-25T08:00:")
    assert "cancellationAllowedUntilDate" not in after
    assert after["refundableQuantity"]["totalQuantity"] == 0
    assert refusal(shop.patch(after, termDuration="P1M", billingCycle="monthly")) == (400, 800122)
    assert refusal(shop.patch(after, termDuration="P9Y")) == (400, 800121)
    assert refusal(shop.patch(after, termDuration="P3Y", billingCycle="one_time")) == (400, 900269)
    longest = shop.patched(after, termDuration="P3Y", billingCycle="monthly")
    assert longest["commitmentEndDate"] == "2029-11-24T00:00:00Z"


def test_a_sku_that_is_not_sold_for_so_long(shop: Shop) -> None:
    document = shop.subscription_of(shop.line(BASIC))
    assert refusal(shop.patch(document, termDuration="P3Y")) == (400, 800121)
    assert shop.subscription(document["id"]) == document


def test_a_subscription_is_changed_only_so_often(shop: Shop, emulator: Running) -> None:
    document = shop.subscription_of(shop.line(BASIC))
    state = emulator.emulator.state
    (kept,) = state.units_of_tenant(tenant_id=shop.customer)
    kept["_emulator"]["version"] = 1201
    partner_id = shop.owner.partner.tenant_id
    state.keep_commerce(
        kind="subscription", item_id=kept["id"], partner_id=partner_id, tenant_id=shop.customer, document=kept
    )
    assert refusal(shop.patch(document, friendlyName="x")) == (400, 900311)


def test_upgraded_seats_can_be_scheduled_further_up(shop: Shop) -> None:
    document = shop.subscription_of(shop.line(E3, quantity=2))
    wanted = scheduled(shop, E5, quantity=2, term="P3Y", cycle="triennial")
    assert shop.patched(document, scheduledNextTermInstructions=wanted)["scheduledNextTermInstructions"] == wanted
