"""Trouble at Microsoft in the middle of an order: it waits as long as it is told, says so, and buys once."""

import datetime
import math
import random
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from tests import factories
from tests.customers import at_microsoft
from tests.orders import buying
from tests.orders.buying import BASIC, PREMIUM, Microsoft
from tests.orders.conftest import Shop

from msphub.accounts.models import Login
from msphub.customers.choices import WriteState
from msphub.entitlements.models import PurchasedProduct
from msphub.kit import scope
from msphub.microsoft import login, wire
from msphub.orders.choices import ItemStatus, OrderStatus
from msphub.orders.models import Order, OrderItem, OrderWrite

type RunJobs = Callable[[], None]
pytestmark = pytest.mark.django_db(transaction=True)
CART, CHECKOUT = "/carts$", "/checkout$"
READS = ("/availabilities", "/orders/[^/]+$", "/provisioningstatus$", "/subscriptions/[^/]+$")


@pytest.fixture(autouse=True)
def _signed_out() -> None:
    """Tokens of an earlier test would hide what a new sign-in meets."""
    login.forget_all()


def page_of(shop: Shop, order: Order) -> str:
    client = Client()
    client.force_login(
        Login.objects.get(id=shop.world.owner.login_id), backend="msphub.accounts.sessions.AuthenticationBackend"
    )
    page = client.get(f"/orders/{order.id}/")
    assert page.status_code == 200
    scope.enter(partner_id=shop.world.id)
    return " ".join(page.content.decode().split())


def waiting_job(order: Order) -> ProcrastinateJob:
    return ProcrastinateJob.objects.get(status="todo", lock=f"order:{order.id}")


def seconds_until(moment: datetime.datetime | None) -> float:
    assert moment is not None
    return (moment - timezone.now()).total_seconds()


def finish(shop: Shop, run_jobs: RunJobs, order: Order) -> Order:
    """Run all jobs to their end, without waiting for their next tries."""
    at_microsoft.run_until_quiet(run_jobs, most=30)
    scope.enter(partner_id=shop.world.id)
    return Order.objects.get(id=order.id)


def assert_bought_once(shop: Shop, microsoft: Microsoft, order: Order, *, items: int) -> None:
    """Check an order that has ended well: at Microsoft, with us, and on its page."""
    assert order.status == OrderStatus.COMPLETED
    assert (order.message, order.next_try_at) == ("", None)
    held = [one["id"] for one in microsoft.subscriptions()]
    found = OrderItem.objects.filter(order=order)
    assert sorted(held) == sorted(str(item.microsoft_subscription_id) for item in found)
    assert len(held) == len(microsoft.kept("order")) == items == PurchasedProduct.objects.count()
    assert not OrderWrite.objects.filter(state__in=[WriteState.PREPARED, WriteState.UNKNOWN]).exists()
    assert "The next try is at" not in page_of(shop, order)


@pytest.mark.parametrize("path", [CART, CHECKOUT, "/availabilities", "/provisioningstatus$"])
def test_a_429_is_waited_for_as_long_as_microsoft_says_and_the_page_tells(
    shop_there: Shop, microsoft: Microsoft, run_jobs: RunJobs, path: str
) -> None:
    placed = buying.order(shop_there, BASIC)
    microsoft.fault(path, "status", status=429, retry_after=700, method="*")
    run_jobs()
    scope.enter(partner_id=shop_there.world.id)
    waits = Order.objects.get(id=placed.id)
    assert waits.status == OrderStatus.PROCESSING
    assert 690 < seconds_until(waits.next_try_at) <= 700
    assert 690 < seconds_until(waiting_job(placed).scheduled_at) <= 701
    page = page_of(shop_there, placed)
    assert "Microsoft is asked too often at the moment." in page
    assert "The next try is at" in page
    assert_bought_once(shop_there, microsoft, finish(shop_there, run_jobs, placed), items=1)


def test_a_storm_makes_an_order_come_back_less_and_less_often(
    shop_there: Shop, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    placed = buying.order(shop_there, BASIC)
    microsoft.fault(CART, "status", status=429, count=3, retry_after=60)
    microsoft.fault(CART, "status", status=503, count=4)
    waits = []
    for _ in range(7):
        run_jobs()
        waits.append(math.ceil(seconds_until(waiting_job(placed).scheduled_at)))
        at_microsoft.bring_forward()
    # Microsoft's own word first, twice that when it says it again; an outage without one begins with half a minute.
    assert waits == pytest.approx([60, 120, 240, 240, 480, 900, 900], abs=3)
    done = finish(shop_there, run_jobs, placed)
    assert_bought_once(shop_there, microsoft, done, items=1)
    assert len(microsoft.asked("/carts")) == 8
    assert len({one["MS-RequestId"] for one in microsoft.asked("/carts")}) == 8  # each was a request of its own


@pytest.mark.parametrize("mode", ["reset_after", "timeout_after"])
@pytest.mark.parametrize("path", [CART, CHECKOUT])
def test_an_answer_lost_again_and_again_amid_a_storm_buys_once(
    shop_there: Shop, microsoft: Microsoft, run_jobs: RunJobs, path: str, mode: str, settings: Any
) -> None:
    settings.MICROSOFT_TIMEOUT_SECONDS = 1
    placed = buying.order(shop_there, BASIC, PREMIUM)
    microsoft.fault(path, mode, count=2)
    microsoft.fault(path, "status", status=429, retry_after=1, count=2)
    microsoft.fault(path, "status", status=503)
    run_jobs()
    page = page_of(shop_there, placed)
    assert "It isn&#x27;t known whether Microsoft did it" in page
    assert "The next try is at" in page
    done = finish(shop_there, run_jobs, placed)
    assert_bought_once(shop_there, microsoft, done, items=2)
    if path == CHECKOUT:
        assert len({one["MS-RequestId"] for one in microsoft.asked("/checkout")}) == 1


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("trouble", [{"mode": "reset_after"}, {"mode": "status", "status": 500}])
def test_what_is_only_read_is_read_again(
    shop_there: Shop, microsoft: Microsoft, run_jobs: RunJobs, path: str, trouble: dict[str, Any]
) -> None:
    placed = buying.order(shop_there, BASIC)
    microsoft.fault(path, method="GET", **trouble)
    run_jobs()
    scope.enter(partner_id=shop_there.world.id)
    assert_bought_once(shop_there, microsoft, Order.objects.get(id=placed.id), items=1)
    assert microsoft.http.get("/_emulator/faults").json() == []


def test_tokens_that_expire_before_each_request_are_renewed_and_nobody_waits(
    shop_there: Shop, microsoft: Microsoft, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = buying.order(shop_there, BASIC)
    send = wire.Wire.send
    rejected: list[str] = []

    def hours_later(known: wire.Wire, *, method: str, url: str, **more: Any) -> httpx.Response:
        if "/oauth2/" not in url and not (rejected and rejected[-1] == url):
            microsoft.control("clock", advance="PT2H")
        answer = send(known, method=method, url=url, **more)
        if answer.status_code == 401:
            rejected.append(url)
        return answer

    monkeypatch.setattr(wire.Wire, "send", hours_later)
    run_jobs()
    monkeypatch.undo()
    scope.enter(partner_id=shop_there.world.id)
    done = Order.objects.get(id=placed.id)
    assert_bought_once(shop_there, microsoft, done, items=1)
    assert any(url.endswith("/carts") for url in rejected)
    assert any(url.endswith("/checkout") for url in rejected)
    assert any(url.endswith("/provisioningstatus") for url in rejected)


@pytest.mark.parametrize("path", [CART, CHECKOUT, "/provisioningstatus$"])
def test_tokens_that_microsoft_rejects_keep_the_order_waiting_with_what_to_do(
    shop_there: Shop, microsoft: Microsoft, run_jobs: RunJobs, path: str
) -> None:
    placed = buying.order(shop_there, BASIC)
    microsoft.fault(path, "status", status=401, method="*", count=2)
    run_jobs()
    scope.enter(partner_id=shop_there.world.id)
    waits = Order.objects.get(id=placed.id)
    assert waits.status == OrderStatus.PROCESSING
    assert waits.message
    assert not OrderItem.objects.filter(order=placed, status=ItemStatus.FAILED).exists()
    assert "The next try is at" in page_of(shop_there, placed)
    assert_bought_once(shop_there, microsoft, finish(shop_there, run_jobs, placed), items=1)


def test_a_consent_revoked_amid_an_order_is_said_and_a_new_one_lets_it_go_on(
    shop_there: Shop, microsoft: Microsoft, run_jobs: RunJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = buying.order(shop_there, BASIC)
    send = wire.Wire.send

    def revoked(known: wire.Wire, *, method: str, url: str, **more: Any) -> httpx.Response:
        answer = send(known, method=method, url=url, **more)
        if url.endswith("/checkout"):
            microsoft.control("revoke", partner=microsoft.partner.tenant_id)
        return answer

    monkeypatch.setattr(wire.Wire, "send", revoked)
    run_jobs()
    monkeypatch.undo()
    scope.enter(partner_id=shop_there.world.id)
    waits = Order.objects.get(id=placed.id)
    assert waits.status == OrderStatus.PROCESSING
    assert OrderItem.objects.get(order=placed).status == ItemStatus.SENT  # bought: it must be followed, never lost
    assert len(microsoft.subscriptions()) == 1
    page = page_of(shop_there, placed)
    assert "sign in" in page.lower() or "consent" in page.lower(), waits.message

    token = microsoft.control("sign-in", partner=microsoft.partner.tenant_id)["refresh_token"]
    _keep_token(shop_there, microsoft, token)
    assert_bought_once(shop_there, microsoft, finish(shop_there, run_jobs, placed), items=1)


def _keep_token(shop: Shop, microsoft: Microsoft, token: str) -> None:
    """Save the connection anew, as the owner does after a new sign-in at Microsoft."""
    known = type("Known", (), {**vars(microsoft.partner), "refresh_token": token})
    factories.connect_to_microsoft(shop.world, url=microsoft.running.url, known=known)


@pytest.mark.parametrize("seed", range(4))
def test_any_weather_ends_with_everything_bought_once(
    shop_there: Shop, microsoft: Microsoft, run_jobs: RunJobs, seed: int
) -> None:
    chance = random.Random(seed)
    placed = buying.order(shop_there, BASIC, PREMIUM)
    for _ in range(8):
        path = chance.choice([CART, CHECKOUT, CHECKOUT, *READS])
        trouble: dict[str, Any] = chance.choice(
            [
                {"mode": "reset_after"},
                {"mode": "status", "status": 429, "retry_after": 400},
                {"mode": "status", "status": 503, "retry_after": 400},
                {"mode": "status", "status": 500},
                {"mode": "status", "status": 401},
            ]
        )
        microsoft.fault(path, method="*", count=chance.randint(1, 2), **trouble)
    assert_bought_once(shop_there, microsoft, finish(shop_there, run_jobs, placed), items=2)


def test_an_order_that_is_not_ours_is_not_taken_for_it(
    shop_there: Shop, microsoft: Microsoft, run_jobs: RunJobs
) -> None:
    """Two orders lose the answers of the same purchase: each finds its own in Microsoft's list."""
    orders = [buying.order(shop_there, BASIC) for _ in range(2)]
    microsoft.fault(CHECKOUT, "reset_after", count=2)
    refusal = {"code": 800065, "description": "The cart was already submitted.", "data": [], "source": "PartnerFD"}
    run_jobs()
    microsoft.fault(CHECKOUT, "status", status=400, body=refusal, count=2)
    at_microsoft.run_until_quiet(run_jobs)
    scope.enter(partner_id=shop_there.world.id)
    held = sorted(one["id"] for one in microsoft.subscriptions())
    found = OrderItem.objects.filter(order__in=orders)
    assert len(held) == 2
    assert sorted(str(item.microsoft_subscription_id) for item in found) == held
    assert {uuid.UUID(str(item.purchased_product_id)) for item in found} == set(
        PurchasedProduct.objects.values_list("id", flat=True)
    )
