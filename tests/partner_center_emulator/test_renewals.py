"""What the emulator's clock does to subscriptions, held against nce-rules.md §5, §6 and contract §10.4."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from emulator_client import NO_TLS, PartnerClient
from shop import BASIC, BASIC_TRIAL, E3, SOFTWARE, STANDARD, Shop, refusal
from test_subscriptions import scheduled

from partner_center_emulator.testing import running
from partner_center_emulator.wellknown import CONTOSO


def at(shop: Shop, document: Any, instant: str) -> Any:
    """The subscription at another instant."""
    shop.move_to(instant)
    return shop.subscription(document["id"])


@pytest.fixture
def month(shop: Shop) -> Any:
    """Two seats for a month, bought in November 2026."""
    shop.move_to("2026-11-15T10:30:00Z")
    return shop.subscription_of(shop.line(BASIC, quantity=2, term="P1M"))


@pytest.fixture
def old_month(shop: Shop) -> Any:
    """Two seats for a month that ends before extended service terms were enforced."""
    shop.move_to("2026-03-15T10:30:00Z")
    return shop.subscription_of(shop.line(BASIC, quantity=2, term="P1M"))


def test_it_renews_itself_for_the_same_term(shop: Shop, month: Any) -> None:
    last = at(shop, month, "2026-12-14T23:59:00Z")
    assert (last["status"], last["commitmentEndDate"]) == ("active", "2026-12-14T00:00:00Z")
    renewed = at(shop, month, "2026-12-15T00:00:01Z")
    assert renewed["effectiveStartDate"] == "2026-12-15T00:00:00Z"
    assert renewed["commitmentEndDate"] == "2027-01-14T00:00:00Z"
    assert (renewed["quantity"], renewed["autoRenewEnabled"], renewed["orderId"]) == (2, True, month["orderId"])
    assert renewed["attributes"]["etag"] != last["attributes"]["etag"]
    # A renewal gives seven days again, counted from its completion.
    assert renewed["cancellationAllowedUntilDate"] == "2026-12-22T00:00:00.000Z"
    assert renewed["refundableQuantity"]["totalQuantity"] == 2
    assert shop.patched(renewed, quantity=1)["quantity"] == 1
    assert shop.patched(shop.subscription(month["id"]), status="deleted")["status"] == "deleted"


def test_many_terms_pass_at_once_and_the_day_stays(shop: Shop) -> None:
    shop.move_to("2027-01-31T10:00:00Z")
    document = shop.subscription_of(shop.line(BASIC, term="P1M"))
    days = ("2027-02-10", "2027-03-10", "2027-04-10", "2028-03-10")
    ends = [at(shop, document, f"{day}T00:00:00Z")["commitmentEndDate"][:10] for day in days]
    assert ends == ["2027-02-27", "2027-03-30", "2027-04-29", "2028-03-30"]


def test_what_was_scheduled_happens(shop: Shop) -> None:
    shop.move_to("2026-11-15T10:30:00Z")
    document = shop.subscription_of(shop.line(BASIC, quantity=5))
    wanted = scheduled(shop, STANDARD, quantity=2, term="P1M", customTermEndDate="2027-11-30T00:00:00Z")
    shop.patched(document, scheduledNextTermInstructions=wanted)
    renewed = at(shop, document, "2027-11-15T01:00:00Z")
    assert (renewed["offerName"], renewed["friendlyName"]) == ("Microsoft 365 Business Standard",) * 2
    assert renewed["offerId"] == shop.item(STANDARD)
    assert (renewed["quantity"], renewed["termDuration"]) == (2, "P1M")
    assert renewed["commitmentEndDate"] == "2027-11-30T00:00:00Z"
    assert "scheduledNextTermInstructions" not in renewed
    # Later terms are full length.
    assert at(shop, document, "2027-12-01T01:00:00Z")["commitmentEndDate"] == "2027-12-31T00:00:00Z"


def test_a_promotion_does_not_outlive_its_term(shop: Shop) -> None:
    shop.move_to("2026-11-15T10:30:00Z")
    document = shop.subscription_of(shop.line(E3, quantity=25, cycle="annual"))
    assert "promotionId" in document
    assert "promotionId" not in at(shop, document, "2027-11-15T01:00:00Z")


def test_a_renewal_takes_a_while(shop: Shop, month: Any) -> None:
    shop.control("settings", renewal_seconds=3600)
    waiting = at(shop, month, "2026-12-15T00:30:00Z")
    assert (waiting["status"], waiting["commitmentEndDate"]) == ("active", "2026-12-14T00:00:00Z")
    for change in ({"quantity": 3}, {"autoRenewEnabled": False}, {"status": "suspended"}, {"friendlyName": "x"}):
        response = shop.patch(waiting, **change)
        assert refusal(response) == (409, 800082)
        assert int(response.headers["Retry-After"]) >= 120
    renewed = at(shop, month, "2026-12-15T01:00:01Z")
    assert renewed["commitmentEndDate"] == "2027-01-14T00:00:00Z"
    assert renewed["cancellationAllowedUntilDate"] == "2026-12-22T01:00:00.000Z"


def test_a_trial_becomes_the_product(shop: Shop) -> None:
    shop.move_to("2026-11-15T10:30:00Z")
    trial = shop.subscription_of(shop.line(BASIC_TRIAL, quantity=25, term="P1M", cycle="none"))
    paid = at(shop, trial, "2026-12-15T00:00:01Z")
    assert (paid["isTrial"], paid["quantity"], paid["offerId"]) == (False, 25, shop.item(BASIC))
    assert (paid["termDuration"], paid["billingCycle"]) == ("P1Y", "monthly")
    assert paid["commitmentEndDate"] == "2027-12-14T00:00:00Z"


def test_a_trial_lapses(shop: Shop) -> None:
    shop.move_to("2026-11-15T10:30:00Z")
    trial = shop.subscription_of(shop.line(BASIC_TRIAL, quantity=25, term="P1M", cycle="none"))
    assert "scheduledActions" not in shop.patched(trial, autoRenewEnabled=False)
    assert at(shop, trial, "2026-12-15T00:00:01Z")["status"] == "expired"


# The end before extended service terms, and of what they aren't for


def test_it_expires_is_disabled_and_deleted(shop: Shop, old_month: Any) -> None:
    off = shop.patched(old_month, autoRenewEnabled=False)
    assert "scheduledActions" not in off
    expired = at(shop, old_month, "2026-04-15T00:00:01Z")
    assert (expired["status"], expired["autoRenewEnabled"], expired["actions"]) == ("expired", False, [])
    assert refusal(shop.patch(expired, status="active")) == (400, 900279)
    assert refusal(shop.patch(expired, quantity=3)) == (400, 900279)
    assert at(shop, old_month, "2026-05-14T23:00:00Z")["status"] == "expired"
    assert at(shop, old_month, "2026-05-15T00:00:01Z")["status"] == "disabled"
    assert at(shop, old_month, "2026-08-12T23:00:00Z")["status"] == "disabled"
    assert at(shop, old_month, "2026-08-13T00:00:01Z")["status"] == "deleted"
    assert [one["status"] for one in shop.subscriptions()] == ["deleted"]
    # None of its seats count any more.
    assert "error" not in shop.cart(shop.line(BASIC, quantity=300))["lineItems"][0]


def test_a_suspended_one_is_disabled(shop: Shop, month: Any) -> None:
    shop.patched(month, status="suspended")
    assert at(shop, month, "2026-12-14T23:00:00Z")["status"] == "suspended"
    assert at(shop, month, "2026-12-15T00:00:01Z")["status"] == "disabled"
    assert at(shop, month, "2027-04-13T23:00:00Z")["status"] == "disabled"
    assert at(shop, month, "2027-04-14T00:00:01Z")["status"] == "deleted"


def test_software_expires(shop: Shop) -> None:
    shop.move_to("2026-11-15T10:30:00Z")
    document = shop.subscription_of(shop.line(SOFTWARE, cycle="annual"))
    assert "scheduledActions" not in shop.patched(document, autoRenewEnabled=False)
    assert at(shop, document, "2027-11-15T00:00:01Z")["status"] == "expired"


# Extended service terms


def test_renewal_off_alone_is_an_extended_service_term(shop: Shop, month: Any) -> None:
    off = shop.patched(month, autoRenewEnabled=False)
    assert off["scheduledActions"] == [{"scheduleType": "TermEnd", "actionType": "RenewToExtendedServiceTerm"}]
    extended = at(shop, month, "2026-12-15T00:00:01Z")
    assert (extended["status"], extended["termDuration"], extended["billingCycle"]) == ("active", "P1M", "monthly")
    assert extended["offerName"] == "Microsoft 365 Business Basic - Extended Service Term"
    assert extended["offerId"].startswith("CFQ7TTC0LH18:E001:")
    assert extended["commitmentEndDate"] == "2027-01-14T00:00:00Z"
    assert at(shop, month, "2027-01-15T00:00:01Z")["commitmentEndDate"] == "2027-02-14T00:00:00Z"
    # It may be cancelled at any time of the month.
    late = at(shop, month, "2027-02-10T00:00:00Z")
    assert late["actions"] == ["edit", "cancel"]
    assert shop.patched(late, status="deleted")["status"] == "deleted"


def test_it_is_renewed_out_of_its_extension_at_any_time(shop: Shop, month: Any) -> None:
    shop.patched(month, autoRenewEnabled=False)
    extended = at(shop, month, "2026-12-20T00:00:00Z")
    back = shop.patched(extended, termDuration="P1Y", billingCycle="monthly", autoRenewEnabled=True)
    assert (back["offerId"], back["offerName"]) == (shop.item(BASIC), "Microsoft 365 Business Basic")
    assert (back["termDuration"], back["commitmentEndDate"]) == ("P1Y", "2027-12-19T00:00:00Z")
    assert "scheduledActions" not in back


def test_cancelling_at_the_end_of_the_term(shop: Shop, month: Any) -> None:
    actions = [{"scheduleType": "TermEnd", "actionType": "Cancel"}]
    chosen = shop.patched(month, autoRenewEnabled=False, scheduledActions=actions)
    assert chosen["scheduledActions"] == actions
    assert shop.patched(chosen, friendlyName="Front desk")["scheduledActions"] == actions
    gone = at(shop, month, "2026-12-15T00:00:01Z")
    assert gone["status"] == "disabled"
    assert at(shop, month, "2027-03-15T00:00:01Z")["status"] == "deleted"


def test_switching_renewal_on_again_takes_the_choice_back(shop: Shop, month: Any) -> None:
    for action in ("Cancel", "RenewToExtendedServiceTerm"):
        actions = [{"scheduleType": "TermEnd", "actionType": action}]
        off = shop.patched(shop.subscription(month["id"]), autoRenewEnabled=False, scheduledActions=actions)
        on = shop.patched(off, autoRenewEnabled=True)
        assert "scheduledActions" not in on
    renewed = at(shop, month, "2026-12-15T00:00:01Z")
    assert renewed["offerName"] == "Microsoft 365 Business Basic"


def test_an_explicit_renewal_and_a_transition(shop: Shop, month: Any) -> None:
    instructions = scheduled(shop, STANDARD, quantity=1, term="P1M")
    for action in ("RenewToNewTerm", "Transition"):
        actions = [{"scheduleType": "termend", "actionType": action.lower(), "instructions": instructions}]
        chosen = shop.patched(shop.subscription(month["id"]), scheduledActions=actions)
        assert chosen["scheduledActions"] == [
            {"scheduleType": "TermEnd", "actionType": action, "instructions": instructions}
        ]
    renewed = at(shop, month, "2026-12-15T00:00:01Z")
    assert (renewed["offerName"], renewed["quantity"]) == ("Microsoft 365 Business Standard", 1)
    assert "scheduledActions" not in renewed


def test_an_action_on_a_day_of_its_own(shop: Shop, month: Any) -> None:
    action = {"scheduleType": "CustomDate", "actionType": "Cancel", "effectiveDate": "2026-12-10T00:00:00Z"}
    assert shop.patched(month, scheduledActions=[action])["scheduledActions"] == [action]
    assert at(shop, month, "2026-12-15T00:00:01Z")["status"] == "disabled"


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ({"scheduleType": "x", "actionType": "Cancel"}, 900126),
        ({"scheduleType": "TermEnd", "actionType": "x"}, 900126),
        ({"scheduleType": "TermEnd"}, 3000),
        ({"scheduleType": "TermEnd", "actionType": "Transition"}, 3000),
        ({"scheduleType": "CustomDate", "actionType": "Cancel"}, 3000),
        ({"scheduleType": "CustomDate", "actionType": "Cancel", "effectiveDate": "x"}, 3000),
        ("Cancel", 3000),
    ],
)
def test_actions_that_can_not_be_read(shop: Shop, month: Any, action: Any, code: int) -> None:
    assert refusal(shop.patch(month, scheduledActions=[action])) == (400, code)
    assert refusal(shop.patch(month, scheduledActions="Cancel")) == (400, 3000)
    assert shop.subscription(month["id"]) == month


def test_software_has_no_extended_service_term(shop: Shop) -> None:
    document = shop.subscription_of(shop.line(SOFTWARE, cycle="annual"))
    actions = [{"scheduleType": "TermEnd", "actionType": "RenewToExtendedServiceTerm"}]
    assert refusal(shop.patch(document, scheduledActions=actions)) == (400, 800024)


# Memory


def test_it_outlives_a_restart(tmp_path: Path) -> None:
    """Everything is in the emulator's SQLite file, the clock too; the renewal happens in the next run."""
    path = str(tmp_path / "emulator.db")
    with running(state_path=path) as first:
        owner = PartnerClient(url=first.url, partner=CONTOSO)
        shop = Shop(owner)
        shop.move_to("2026-11-15T10:30:00Z")
        document = shop.subscription_of(shop.line(BASIC, quantity=2, term="P1M"))
        wanted = scheduled(shop, BASIC, quantity=1, term="P1M")
        shop.patched(document, scheduledNextTermInstructions=wanted)
        owner.http.close()
    with running(state_path=path) as second:
        owner = PartnerClient(url=second.url, partner=CONTOSO)
        again = Shop(owner)
        with httpx.Client(base_url=second.url, verify=NO_TLS) as client:
            now = datetime.fromisoformat(client.get("/_emulator/clock").json()["now"])
        assert now - datetime.fromisoformat("2026-11-15T10:30:00Z") < timedelta(minutes=5)
        assert again.subscription(document["id"])["scheduledNextTermInstructions"] == wanted
        assert at(again, document, "2026-12-15T00:00:01Z")["quantity"] == 1
        owner.http.close()
