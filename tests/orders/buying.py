"""Buying at the emulated Microsoft: what it is asked and holds, placing an order, and the worker's runs."""

import datetime
import uuid
from typing import TYPE_CHECKING, Any

import httpx
from django.utils import timezone

from msphub.catalog.choices import VendorCode
from msphub.catalog.models import Sku
from msphub.orders import carts, placing, progress, submission
from msphub.orders.models import Cart, Order
from partner_center_emulator import testing

if TYPE_CHECKING:
    from tests.orders.conftest import Shop

BASIC, PREMIUM = "Microsoft 365 Business Basic", "Microsoft 365 Business Premium"
CORO = "Coro"


class Microsoft:
    """The emulator with a customer of the partner's that has signed the agreement."""

    def __init__(self, running: testing.Running) -> None:
        self.running = running
        self.http = httpx.Client(base_url=running.url, timeout=10)
        self.partner = running.partners[0]
        found = self.http.get("/_emulator/tenants").json()
        tenants: list[dict[str, Any]] = found["items"] if isinstance(found, dict) else found
        self.tenant = next(
            one for one in tenants if self.partner.tenant_id in one["customer_of"] and one["country"] == "US"
        )
        self.control("agreement", customer=self.tenant["tenant_id"], signed=True)

    def control(self, what: str, **body: Any) -> Any:
        answer = self.http.post(f"/_emulator/{what}", json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def fault(self, path: str, mode: str, *, method: str = "POST", count: int = 1, **more: Any) -> None:
        self.control("faults", method=method, path=path, mode=mode, count=count, **more)

    def subscriptions(self) -> list[dict[str, Any]]:
        """What the tenant holds at Microsoft, looked at past every client."""
        return self.running.emulator.state.units_of_tenant(tenant_id=self.tenant["tenant_id"])

    def kept(self, kind: str) -> list[dict[str, Any]]:
        """The tenant's documents of a kind (cart, order), looked at past every client."""
        return self.running.emulator.state.all_commerce(
            kind=kind, partner_id=self.partner.tenant_id, tenant_id=self.tenant["tenant_id"]
        )

    def asked(self, path: str, *, method: str = "POST") -> list[dict[str, Any]]:
        """The requests of a method whose path ends so, in order."""
        entries = [entry.as_json() for entry in self.running.emulator.requests.entries()]
        return [entry for entry in entries if entry["method"] == method and entry["path"].endswith(path)]


def named(title: str) -> Sku:
    """Return a SKU by its title; `CORO` is the first of Coro's."""
    if title == CORO:
        return Sku.objects.filter(product__vendor__code=VendorCode.CORO).select_related("product").order_by("id")[0]
    return Sku.objects.select_related("product").get(
        title=title, is_trial=False, product__vendor__code=VendorCode.MICROSOFT
    )


def fill(shop: "Shop", *titles: str, quantity: int = 2) -> Cart:
    """Put products into the shop's cart."""
    for title in titles:
        cart = shop.add(named(title), quantity=quantity, at=timezone.now())
    return cart


def confirm(shop: "Shop", cart: Cart, *, on: datetime.date | None = None) -> placing.Confirmed:
    """Return what a person confirms who has reviewed a cart."""
    today = timezone.now().date()
    shown = carts.review(by=shop.world.actor, cart=cart, on=on or today, today=today)
    assert shown.can_be_ordered, [one.problem for one in shown.quoted] + [shown.credit_problem]
    return placing.Confirmed(
        review_id=uuid.uuid4(), lines={one.line_id: (one.quantity, one.unit_price) for one in shown.quoted}
    )


def order(shop: "Shop", *titles: str, quantity: int = 2, scheduled_on: datetime.date | None = None) -> Order:
    """Order products, as the last button of the review does."""
    cart = fill(shop, *titles, quantity=quantity)
    confirmed = confirm(shop, cart, on=scheduled_on)
    return placing.place_order(
        by=shop.world.actor, cart_id=cart.id, confirmed=confirmed, at=timezone.now(), scheduled_on=scheduled_on
    )


def work(placed: Order, *, most: int = 8) -> Order:
    """Run the order's job as the worker would: again and again until it is over."""
    for _attempt in range(most):
        try:
            submission.work_on_order(partner_id=placed.partner_id, order_id=placed.id)
        except progress.TryLater:
            continue
        break
    return Order.objects.get(id=placed.id)
