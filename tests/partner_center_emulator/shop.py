"""A customer that may buy, and the raw requests of a purchase."""

import uuid
from typing import Any

import contract_shapes as shapes
import httpx
from emulator_client import PartnerClient

BASIC, STANDARD, PREMIUM = "CFQ7TTC0LH18:0001", "CFQ7TTC0LDPB:0001", "CFQ7TTC0LCHC:0002"
E3, E5, OFFICE_E1 = "CFQ7TTC0LFLX:0001", "CFQ7TTC0LFLZ:0002", "CFQ7TTC0LF8Q:0001"
COPILOT, BASIC_TRIAL, UNATTENDED = "CFQ7TTC0MM8R:0002", "CFQ7TTC0LH18:0002", "CFQ7TTC0LFLX:0005"
SOFTWARE, PERPETUAL, AZURE_PLAN = "DG7GMGF0DVSV:000P", "DG7GMGF0DWT0:0001", "DZH318Z0BPS6:0001"
RESERVATION, NONPROFIT, EDUCATION = "DZH318Z0BQ3Q:0001", "CFQ7TTC0LCHC:000J", "CFQ7TTC0LFLX:000E"


class Shop:
    """A seeded customer of a partner that has signed the agreement."""

    def __init__(self, owner: PartnerClient, *, country: str = "US", is_signed: bool = True) -> None:
        self.owner = owner
        tenants = owner.http.get("/_emulator/tenants").json()
        own = [one for one in tenants if owner.partner.tenant_id in one["customer_of"] and one["country"] == country]
        self.customer: str = own[0]["tenant_id"]
        self.base = f"/v1/customers/{self.customer}"
        if is_signed:
            self.control("agreement", customer=self.customer, signed=True)

    def control(self, what: str, **body: Any) -> Any:
        response = self.owner.http.post(f"/_emulator/{what}", json=body)
        assert response.is_success, response.text
        return response.json()

    def advance(self, duration: str) -> None:
        """Moves the clock and signs in anew: tokens live by it."""
        self.control("clock", advance=duration)
        self.sign_in()

    def move_to(self, instant: str) -> None:
        self.control("clock", now=instant)
        self.sign_in()

    def sign_in(self) -> None:
        self.owner.token = self.owner.tokens()["access_token"]

    def item(self, sku: str, *, segment: str = "") -> str:
        """The catalogue item of a SKU, fetched as before a purchase."""
        product_id, sku_id = sku.split(":")
        query = f"?targetSegment={segment}" if segment else ""
        response = self.owner.get(f"{self.base}/products/{product_id}/skus/{sku_id}/availabilities{query}")
        assert response.status_code == 200, response.text
        return str(response.json()["items"][0]["catalogItemId"])

    def line(self, sku: str, *, quantity: int = 1, term: str = "P1Y", cycle: str = "monthly", **more: Any) -> Any:
        item = more.pop("catalogItemId", None) or self.item(sku)
        line = {"catalogItemId": item, "quantity": quantity, "billingCycle": cycle} | more
        return line | ({"termDuration": term} if term else {})

    def put_into_cart(self, *lines: Any, **more: Any) -> httpx.Response:
        return self.owner.post(f"{self.base}/carts", json={"lineItems": list(lines)} | more)

    def cart(self, *lines: Any, **more: Any) -> Any:
        response = self.put_into_cart(*lines, **more)
        assert response.status_code == 201, response.text
        assert shapes.faults(response.json(), shapes.CART) == []
        return response.json()

    def error_of(self, line: Any, **more: Any) -> Any:
        """What is wrong with the only line of a cart."""
        (made,) = self.cart(line, **more)["lineItems"]
        assert "pricing" not in made, made
        return made["error"]

    def check_out(self, cart: Any, *, request_id: str = "") -> httpx.Response:
        headers = {"MS-RequestId": request_id or str(uuid.uuid4())}
        return self.owner.post(f"{self.base}/carts/{cart['id']}/checkout", headers=headers)

    def bought(self, *lines: Any, **more: Any) -> Any:
        """The result of a checkout of these lines."""
        response = self.check_out(self.cart(*lines, **more))
        assert response.status_code == 201, response.text
        assert shapes.faults(response.json(), shapes.CHECKOUT) == []
        return response.json()

    def subscription_of(self, *lines: Any, **more: Any) -> Any:
        """The subscription that a purchase of one line made."""
        (order,) = self.bought(*lines, **more)["orders"]
        return self.subscription(order["lineItems"][0]["subscriptionId"])

    def subscription(self, subscription_id: str) -> Any:
        response = self.owner.get(f"{self.base}/subscriptions/{subscription_id}")
        assert response.status_code == 200, response.text
        assert shapes.faults(response.json(), shapes.SUBSCRIPTION) == []
        return response.json()

    def subscriptions(self) -> Any:
        response = self.owner.get(f"{self.base}/subscriptions")
        assert response.status_code == 200, response.text
        assert shapes.faults(response.json(), shapes.collection(shapes.SUBSCRIPTION, has_links=True)) == []
        return response.json()["items"]

    def patch(
        self, document: Any, *, headers: Any = None, leaving_out: tuple[str, ...] = (), **change: Any
    ) -> httpx.Response:
        """The whole resource sent back with a change in it, as the contract wants it."""
        body = {name: value for name, value in (document | change).items() if name not in leaving_out}
        path = f"{self.base}/subscriptions/{document['id']}"
        return self.owner.call("PATCH", path, json=body, headers=headers or {})

    def patched(self, document: Any, **change: Any) -> Any:
        response = self.patch(document, **change)
        assert response.status_code in {200, 202}, response.text
        assert shapes.faults(response.json(), shapes.SUBSCRIPTION) == []
        return response.json()


def refusal(response: httpx.Response) -> tuple[int, int]:
    """Status and code of a refusal, whose body must have the contract's shape."""
    body = response.json()
    assert shapes.faults(body, shapes.ERROR) == [], body
    assert body["description"]
    assert len(body["description"]) <= 1024
    assert response.headers["MS-RequestId"]
    assert response.headers["MS-CorrelationId"]
    return response.status_code, body["code"]
