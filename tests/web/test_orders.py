"""Cart, review, orders, Task System and Products tab over HTTP, without script; what they cost, and who sees them."""

import csv
import datetime
import html
import io
import re
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from openpyxl import load_workbook
from tests import factories
from tests.orders.conftest import Shop, shop  # noqa: F401 - a fixture

from msphub.accounts.choices import Role, Status
from msphub.accounts.models import User
from msphub.catalog.choices import VendorCode
from msphub.catalog.models import Sku
from msphub.customers.models import CreditTerm, Customer
from msphub.entitlements.models import PurchasedProduct
from msphub.kit import clock, scope
from msphub.orders import carts, placing, submission
from msphub.orders.choices import ItemStatus, OrderStatus
from msphub.orders.models import Cart, CartLine, Order, OrderItem, Task

type SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_counted_sign_ins() -> None:
    cache.clear()


def text_of(answer: Any) -> str:
    """Return a page's words, its markup taken away."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def hidden(answer: Any) -> dict[str, Any]:
    """Return the hidden values of a page's form, all of each name."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', answer.content.decode()):
        if name != "csrfmiddlewaretoken":
            found.setdefault(name, []).append(html.unescape(value))
    return found


def fill(shop: Shop, *vendors: VendorCode, quantity: int = 2, amount: str = "120.00") -> Cart:  # noqa: F811
    """Put a product of each vendor into the cart, now."""
    cart = None
    for number, vendor in enumerate(vendors):
        sku = shop.sku(vendor, number=vendors[:number].count(vendor))
        shop.price(sku, amount=amount)
        cart = shop.add(sku, quantity=quantity, at=clock.now())
    assert cart is not None
    return cart


def place(shop: Shop, *vendors: VendorCode, quantity: int = 2) -> Order:  # noqa: F811
    """Order a product of each vendor, now."""
    scope.enter(partner_id=shop.world.id)
    cart = Cart.objects.filter(customer_id=shop.customer.id).first()
    for vendor in vendors:
        cart = shop.add(shop.sku(vendor), quantity=quantity, at=clock.now())
    assert cart is not None
    now = clock.now()
    found = carts.review(by=shop.world.actor, cart=cart, on=now.date(), today=now.date())
    confirmed = placing.Confirmed(
        review_id=uuid.uuid4(), lines={one.line_id: (one.quantity, one.unit_price) for one in found.quoted}
    )
    return placing.place_order(by=shop.world.actor, cart_id=cart.id, confirmed=confirmed, at=now)


def work(order: Order) -> Order:
    submission.work_on_order(partner_id=order.partner_id, order_id=order.id)
    return Order.objects.get(id=order.id)


def base(shop: Shop) -> str:  # noqa: F811
    return f"/customers/{shop.customer.id}"


# The cart


def test_cart_changes_quantities_removes_lines_and_leads_to_the_marketplace_when_empty(
    shop: Shop,  # noqa: F811
    sign_in: SignIn,
) -> None:
    cart = fill(shop, VendorCode.MSP_HUB, quantity=3)
    client = sign_in(shop.world.owner)
    page = client.get(f"{base(shop)}/cart/?subscription={shop.subscription.id}")
    assert "$10.00 per month" in text_of(page)
    assert "Today's charge $30.00" in text_of(page)
    assert f"/customers/{shop.customer.id}/cart/review/?subscription={shop.subscription.id}" in page.content.decode()
    line = CartLine.objects.get(cart=cart)
    address = f"{base(shop)}/cart/lines/{line.id}/"
    query = f"?subscription={shop.subscription.id}"
    assert client.post(f"{address}{query}", {"quantity": "5"}).url == f"{base(shop)}/cart/{query}"
    for typed in ("0", "-1", "many", "1.5", "١", "9" * 30, ""):
        refused = client.post(f"{address}{query}", {"quantity": typed})
        assert "Enter a whole number of units, 1 or more." in text_of(refused), typed
    scope.enter(partner_id=shop.world.id)
    assert CartLine.objects.get(id=line.id).quantity == 5
    for _click in range(2):
        assert client.post(f"{address}remove/{query}").status_code == 302
    empty = client.get(f"{base(shop)}/cart/")
    assert "The cart is empty" in text_of(empty)
    assert (
        f"/marketplace/?customer={shop.customer.id}&amp;subscription={shop.subscription.id}" in empty.content.decode()
    )
    assert client.post(f"{base(shop)}/cart/review/", {"go": "now"}).url.startswith(f"{base(shop)}/cart/")


def test_cart_and_review_show_a_price_that_changed_and_the_customer_it_is_for(
    shop: Shop,  # noqa: F811
    sign_in: SignIn,
) -> None:
    sku = shop.sku(VendorCode.MSP_HUB)
    price = shop.price(sku)
    shop.add(sku, at=clock.now())
    price.list_price = Decimal("180.00")
    price.save()
    client = sign_in(shop.world.owner)
    page = text_of(client.get(f"{base(shop)}/cart/"))
    assert "was $10.00, now $15.00 per month" in page
    assert shop.customer.name in page
    review = text_of(client.get(f"{base(shop)}/cart/review/"))
    assert "Prices have changed" in review
    assert "$10.00 $15.00 per month" in review


# The review


def test_review_says_what_is_charged_when_it_renews_and_what_it_binds_to(
    shop: Shop,  # noqa: F811
    sign_in: SignIn,
) -> None:
    fill(shop, VendorCode.MSP_HUB, quantity=3)
    page = text_of(sign_in(shop.world.owner).get(f"{base(shop)}/cart/review/"))
    for words in (
        "Today's charge $30.00",
        "Then per month $30.00",
        "Commitment over the term $360.00",
        "First renewal",
        "Not cancellable",
        "Purchase now",
        "Schedule now",
        "Credit used after this order",
    ):
        assert words in page


def test_purchase_now_makes_one_order_however_often_it_is_clicked(
    shop: Shop,  # noqa: F811
    sign_in: SignIn,
) -> None:
    fill(shop, VendorCode.MSP_HUB)
    client = sign_in(shop.world.owner)
    address = f"{base(shop)}/cart/review/?subscription={shop.subscription.id}"
    form = hidden(client.get(address)) | {"go": "now"}
    answers = {client.post(address, form).url for _click in range(3)}
    scope.enter(partner_id=shop.world.id)
    order = Order.objects.get()
    assert answers == {f"/orders/{order.id}/"}
    page = client.get(f"/orders/{order.id}/")
    assert "SO100001 has been placed with 1 item." in text_of(page)
    assert 'hx-trigger="every 2s"' in page.content.decode()
    scope.enter(partner_id=shop.world.id)
    assert work(order).status == OrderStatus.COMPLETED
    polled = client.get(f"/orders/{order.id}/progress/", headers={"HX-Request": "true"})
    assert polled["HX-Redirect"] == f"/orders/{order.id}/"
    done = client.get(f"/orders/{order.id}/")
    assert "every 2s" not in done.content.decode()
    scope.enter(partner_id=shop.world.id)
    assert f"/customers/{shop.customer.id}/products/{PurchasedProduct.objects.get().id}/" in done.content.decode()


def test_a_price_that_changed_under_the_review_is_shown_and_confirmed_anew(
    shop: Shop,  # noqa: F811
    sign_in: SignIn,
) -> None:
    sku = shop.sku(VendorCode.MSP_HUB)
    price = shop.price(sku)
    shop.add(sku, at=clock.now())
    client = sign_in(shop.world.owner)
    address = f"{base(shop)}/cart/review/"
    form = hidden(client.get(address)) | {"go": "now"}
    scope.enter(partner_id=shop.world.id)
    price.list_price = Decimal("240.00")
    price.save()
    refused = client.post(address, form)
    assert "have changed since you reviewed the order" in text_of(refused)
    assert "$10.00 $20.00 per month" in text_of(refused)
    scope.enter(partner_id=shop.world.id)
    assert not Order.objects.exists()
    again = client.post(address, hidden(refused) | {"go": "now"})
    assert again.url.startswith("/orders/")
    scope.enter(partner_id=shop.world.id)
    assert Order.objects.get().total == Decimal("40.00")


def test_a_statement_of_microsofts_is_confirmed_at_its_line_and_kept(
    shop: Shop,  # noqa: F811
    sign_in: SignIn,
) -> None:
    sku = shop.sku(VendorCode.MSP_HUB)
    Sku.objects.filter(id=sku.id).update(attestation="Other")
    shop.price(sku)
    shop.add(sku, at=clock.now())
    client = sign_in(shop.world.owner)
    address = f"{base(shop)}/cart/review/"
    form = hidden(client.get(address))
    refused = client.post(address, form | {"go": "now"})
    assert "Confirm Microsoft's statement." in text_of(refused)
    (box,) = re.findall(r'name="(attest_[^"]+)"', refused.content.decode())
    scope.enter(partner_id=shop.world.id)
    assert not Order.objects.exists()
    # What was ticked stays so where something else is wrong, and where another day is looked at.
    for page in (
        client.post(address, form | {"go": "schedule", "scheduled_on": "", box: "1"}),
        client.get(address, {box: "1", "scheduled_on": "2027-01-31"}),
    ):
        assert re.search(rf'name="{box}" value="1" checked', page.content.decode())
    assert client.post(address, form | {"go": "now", box: "1"}).url.startswith("/orders/")
    scope.enter(partner_id=shop.world.id)
    assert OrderItem.objects.get().attested


@pytest.mark.parametrize(
    ("day", "message"),
    [
        ("", "Choose the day."),
        ("2020-01-01", "Choose a day to come."),
        ("9999-12-31", "Choose a day within one year."),
        ("tomorrow", "Choose a day, such as"),
        ("2027-02-31", "Choose a day, such as"),
    ],
)
def test_a_wrong_day_is_told_at_its_field_and_orders_nothing(
    shop: Shop,  # noqa: F811
    sign_in: SignIn,
    day: str,
    message: str,
) -> None:
    fill(shop, VendorCode.MSP_HUB)
    client = sign_in(shop.world.owner)
    address = f"{base(shop)}/cart/review/"
    form = hidden(client.get(address)) | {"go": "schedule", "scheduled_on": day}
    assert message in text_of(client.post(address, form))
    scope.enter(partner_id=shop.world.id)
    assert not Order.objects.exists()


def test_schedule_now_waits_for_its_day_and_can_be_cancelled(
    shop: Shop,  # noqa: F811
    sign_in: SignIn,
) -> None:
    fill(shop, VendorCode.MSP_HUB)
    client = sign_in(shop.world.owner)
    address = f"{base(shop)}/cart/review/"
    day = clock.now().date() + datetime.timedelta(days=20)
    looked = client.get(f"{address}?on={day}")
    assert "Charge on that day" in text_of(looked)
    # Enter in the date posts the form without a choice: it only looks.
    assert "Charge on that day" in text_of(
        client.post(address, hidden(looked) | {"scheduled_on": str(day), "go": "look"})
    )
    answer = client.post(address, hidden(looked) | {"go": "schedule", "scheduled_on": str(day)})
    scope.enter(partner_id=shop.world.id)
    order = Order.objects.get()
    assert (order.status, order.scheduled_on) == (OrderStatus.SCHEDULED, day)
    assert OrderItem.objects.get().starts_on == day
    page = client.get(answer.url)
    assert "SO100001 is scheduled for" in text_of(page)
    assert "Cancel order" in text_of(page)
    assert "Nothing of this order has been sent" in text_of(client.get(f"{answer.url}cancel/"))
    client.post(f"{answer.url}cancel/", {"reason": "Ordered by mistake"})
    assert "Ordered by mistake" in text_of(client.get(answer.url))
    scope.enter(partner_id=shop.world.id)
    assert Order.objects.get().status == OrderStatus.CANCELLED


@pytest.mark.parametrize(("share", "tone"), [(69, ""), (70, "order-warn"), (84, "order-warn"), (85, "order-danger")])
def test_exposure_is_warned_of_before_the_limit(
    shop: Shop,  # noqa: F811
    sign_in: SignIn,
    share: int,
    tone: str,
) -> None:
    fill(shop, VendorCode.MSP_HUB, quantity=share, amount="120.00")
    CreditTerm.objects.update(on_reach="on_issue", credit_limit=Decimal(1000))
    page = sign_in(shop.world.owner).get(f"{base(shop)}/cart/review/").content.decode()
    assert f"{share} % of the credit limit is used" in page or not tone
    for one in ("order-warn", "order-danger"):
        assert (f'class="{one}"' in page) == (one == tone)


def test_an_order_past_the_limit_is_refused_with_the_figures(
    shop: Shop,  # noqa: F811
    sign_in: SignIn,
) -> None:
    fill(shop, VendorCode.MSP_HUB, quantity=101)
    CreditTerm.objects.update(on_reach="on_issue", credit_limit=Decimal(1000))
    client = sign_in(shop.world.owner)
    page = client.get(f"{base(shop)}/cart/review/")
    words = "This order of $1,010.00 goes past the credit limit of $1,000.00: $0.00 are in use"
    assert words in text_of(page)
    assert re.search(r'value="now" disabled', page.content.decode())
    assert words in text_of(client.post(f"{base(shop)}/cart/review/", hidden(page) | {"go": "now"}))
    scope.enter(partner_id=shop.world.id)
    assert not Order.objects.exists()


# Who may


def test_customers_users_buy_only_while_they_are_allowed_to(
    shop: Shop,  # noqa: F811
    sign_in: SignIn,
) -> None:
    fill(shop, VendorCode.MSP_HUB)
    admin = factories.admin_of(shop.customer)
    client = sign_in(admin)
    Customer.objects.update(allow_purchase=False)
    address = f"{base(shop)}/cart/review/"
    page = client.get(address)
    assert "has not allowed purchases" in text_of(page)
    assert "has not allowed purchases" in text_of(client.post(address, hidden(page) | {"go": "now"}))
    scope.enter(partner_id=shop.world.id)
    assert not Order.objects.exists()
    Customer.objects.update(allow_purchase=True)
    page = client.get(address)
    answer = client.post(address, hidden(page) | {"go": "now"})
    assert answer.url.startswith("/orders/")
    scope.enter(partner_id=shop.world.id)
    work(Order.objects.get())
    scope.enter(partner_id=shop.world.id)
    held = PurchasedProduct.objects.get()
    shown = [client.get(one) for one in (answer.url, f"{base(shop)}/products/{held.id}/", f"{base(shop)}/products/")]
    assert all(one.status_code == 200 for one in shown)
    for one in shown:
        assert "Cost" not in text_of(one)
        assert "7.50" not in text_of(one)
    owner = sign_in(shop.world.owner)
    assert "$7.50" in text_of(owner.get(f"{base(shop)}/products/{held.id}/"))
    assert "$7.50" in text_of(owner.get(f"{answer.url}?columns=cost,status"))


def test_others_find_nothing(shop: Shop, sign_in: SignIn) -> None:  # noqa: F811
    fill(shop, VendorCode.CORO)
    order = place(shop)
    task = Task.objects.get()
    cart = fill(shop, VendorCode.MSP_HUB)
    line = CartLine.objects.get(cart=cart)
    work(place(shop))
    held = PurchasedProduct.objects.get()
    sibling = factories.make_customer(shop.world, name="Fabrikam")
    users = [factories.make_partner(name="Other").owner, factories.admin_of(sibling)]
    item = uuid.uuid4()
    for user in users:
        client = sign_in(user)
        for address in (
            f"{base(shop)}/cart/",
            f"{base(shop)}/cart/review/",
            f"{base(shop)}/orders/",
            f"{base(shop)}/orders/export.csv",
            f"{base(shop)}/products/",
            f"{base(shop)}/products/export.csv",
            f"{base(shop)}/products/{held.id}/",
            f"/orders/{order.id}/",
            f"/orders/{order.id}/progress/",
            f"/orders/{order.id}/cancel/",
            f"/orders/{order.id}/items/{item}/drop/",
            f"/tasks/{task.id}/complete/",
        ):
            assert client.get(address).status_code == 404, address
        for address in (
            f"{base(shop)}/cart/lines/{line.id}/",
            f"/orders/{order.id}/cancel/",
            f"/orders/{order.id}/retry/",
            f"/orders/{order.id}/items/{item}/retry/",
            f"/tasks/{task.id}/complete/",
        ):
            assert client.post(address, {"quantity": "9"}).status_code == 404, address
    scope.enter(partner_id=shop.world.id)
    assert Order.objects.get(id=order.id).status == OrderStatus.PENDING


def test_readers_see_orders_and_change_none(shop: Shop, sign_in: SignIn) -> None:  # noqa: F811
    fill(shop, VendorCode.CORO)
    order = place(shop)
    task = Task.objects.get()
    client = sign_in(factories.add_colleague(shop.world, role=Role.READ_ONLY))
    for address in ("/orders/", f"/orders/{order.id}/", "/tasks/", f"{base(shop)}/products/", f"{base(shop)}/orders/"):
        assert client.get(address).status_code == 200
    assert "Complete Task" not in client.get("/tasks/").content.decode()
    for address in (f"{base(shop)}/cart/", f"/orders/{order.id}/cancel/", f"/tasks/{task.id}/complete/"):
        assert client.get(address).status_code == 403
    assert sign_in(factories.admin_of(shop.customer)).get("/orders/").status_code == 403


# Orders


def test_orders_are_found_by_number_customer_status_type_and_date(
    shop: Shop,  # noqa: F811
    sign_in: SignIn,
) -> None:
    shop.price(shop.sku(VendorCode.MSP_HUB))
    shop.price(shop.sku(VendorCode.CORO))
    work(place(shop, VendorCode.MSP_HUB))
    place(shop, VendorCode.CORO)
    client = sign_in(shop.world.owner)
    today = clock.now().date()
    around = f"?placed_from={today - datetime.timedelta(days=1)}&placed_to={today + datetime.timedelta(days=1)}"
    for query, found in (
        ("", {"SO100001", "SO100002"}),
        ("?q=so100001", {"SO100001"}),
        ("?q=SO1000", {"SO100001", "SO100002"}),
        ("?q=100002", {"SO100002"}),
        ("?q=wingtip", {"SO100001", "SO100002"}),
        ("?q=nobody", set()),
        ("?status=pending", {"SO100002"}),
        ("?status=pending&status=completed", {"SO100001", "SO100002"}),
        ("?type=CH", set()),
        (around, {"SO100001", "SO100002"}),
        (f"?placed_to={today - datetime.timedelta(days=2)}", set()),
        ("?placed_to=9999-12-31", {"SO100001", "SO100002"}),
        ("?sort=number&after=bm90aGluZw", {"SO100001", "SO100002"}),
        ("?after=WyJ4IiwgIjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMCJd", {"SO100001", "SO100002"}),
    ):  # fmt: skip
        assert set(re.findall(r"SO\d{6}", client.get(f"/orders/{query}").content.decode())) == found, query
        if "wingtip" not in query:
            tab = client.get(f"{base(shop)}/orders/{query}").content.decode()
            assert set(re.findall(r"SO\d{6}", tab)) == found, query


def test_orders_are_downloaded_with_all_columns(shop: Shop, sign_in: SignIn) -> None:  # noqa: F811
    shop.price(shop.sku(VendorCode.MSP_HUB))
    work(place(shop, VendorCode.MSP_HUB))
    client = sign_in(shop.world.owner)
    body = b"".join(client.get("/orders/export.csv").streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    head, row = list(csv.reader(io.StringIO(body)))
    assert head == ["Number", "Type", "Customer", "Date and time", "Items", "Total", "Status"]
    assert (row[0], row[1], row[2], row[4], row[5], row[6]) == (
        *("SO100001", "New", "Wingtip Toys"),
        *("1", "20.00 USD", "Completed"),
    )
    sheet = b"".join(client.get(f"{base(shop)}/products/export.xlsx").streaming_content)  # type: ignore[attr-defined]
    rows = list(load_workbook(io.BytesIO(sheet)).active.values)  # type: ignore[union-attr]
    assert rows[0][:6] == (
        *("Status", "Product Name", "Category"),
        *("Billing Frequency", "Purchase Quantity", "Purchase Date"),
    )
    assert rows[1][0] == "Active"


def test_failed_items_show_the_reason_and_are_tried_again_or_dropped(
    shop: Shop,  # noqa: F811
    sign_in: SignIn,
) -> None:
    shop.price(shop.sku(VendorCode.MSP_HUB))
    order = work(place(shop, VendorCode.MSP_HUB))
    item = OrderItem.objects.get()
    failed = {"status": ItemStatus.FAILED, "failure_code": "800002", "failure_message": "The address is not valid."}
    OrderItem.objects.update(**failed)
    Order.objects.update(status=OrderStatus.FAILED)
    client = sign_in(shop.world.owner)
    page = client.get(f"/orders/{order.id}/")
    assert "The address is not valid." in text_of(page)
    assert f"/orders/{order.id}/items/{item.id}/retry/" in page.content.decode()
    assert client.post(f"/orders/{order.id}/retry/").url == f"/orders/{order.id}/"
    scope.enter(partner_id=shop.world.id)
    assert Order.objects.get().status == OrderStatus.PROCESSING
    OrderItem.objects.update(**failed)
    Order.objects.update(status=OrderStatus.FAILED)
    drop = f"/orders/{order.id}/items/{item.id}/drop/"
    assert "is not bought; the order ends with what was fulfilled" in text_of(client.get(drop))
    assert client.post(drop).url == f"/orders/{order.id}/"
    scope.enter(partner_id=shop.world.id)
    assert (Order.objects.get().status, OrderItem.objects.get().status) == ("cancelled", "dropped")
    # Clicked again because the first answer got lost: nothing happens, and nobody is told off for it.
    assert "Nothing of this order has failed" not in text_of(client.post(drop, follow=True))
    retry = f"/orders/{order.id}/items/{item.id}/retry/"
    assert "Nothing of this order has failed" in text_of(client.post(retry, follow=True))
    scope.enter(partner_id=shop.world.id)
    assert (Order.objects.get().status, OrderItem.objects.get().status) == ("cancelled", "dropped")


# Task System


def test_a_task_is_completed_with_what_the_customer_is_known_by(
    shop: Shop,  # noqa: F811
    sign_in: SignIn,
) -> None:
    fill(shop, VendorCode.CORO)
    order = place(shop)
    task = Task.objects.get()
    client = sign_in(factories.admin_of(shop.customer))
    assert "waits for information" in text_of(client.get(f"/orders/{order.id}/"))
    listed = client.get("/tasks/")
    heads = re.findall(r'<th scope="col"[^>]*>(?:<a[^>]*>)?([^<]+)', listed.content.decode())
    assert heads[:5] == ["Name", "Task Type", "Customer", "Expiration", "Task Status"]
    assert "Pending 1 Completed 0 Expired 0" in text_of(listed)
    form = client.get(f"/tasks/{task.id}/complete/")
    assert re.findall(r"<label[^>]*>([^<]+)</label>", form.content.decode()) == [
        *("Company Name", "Domain", "Admin E-mail")
    ]
    for value in ("Wingtip Toys", "wingtip.example", "gena@wingtip.example"):
        assert f'value="{value}"' in form.content.decode()
    refused = client.post(f"/tasks/{task.id}/complete/", {"company_name": " ", "domain": "", "admin_email": "nobody"})
    assert "Enter the name of the company." in text_of(refused)
    scope.enter(partner_id=shop.world.id)
    assert Task.objects.get().status == "pending"
    values = {"company_name": "Wingtip", "domain": "wingtip.example", "admin_email": "ann@wingtip.example"}
    for _click in range(2):
        assert client.post(f"/tasks/{task.id}/complete/", values).url == f"/orders/{order.id}/"
    scope.enter(partner_id=shop.world.id)
    assert work(order).status == OrderStatus.COMPLETED
    assert "Pending 0 Completed 1 Expired 0" in text_of(client.get("/tasks/?q=wingtip"))


def test_tasks_are_found_by_customer_and_an_expired_one_says_so(
    shop: Shop,  # noqa: F811
    sign_in: SignIn,
) -> None:
    fill(shop, VendorCode.CORO)
    place(shop)
    client = sign_in(shop.world.owner)
    assert "SO100001" in client.get("/tasks/?q=wingtip").content.decode()
    assert "SO100001" not in client.get("/tasks/?q=fabrikam").content.decode()
    assert "SO100001" not in client.get("/tasks/?status=expired").content.decode()
    scope.enter(partner_id=shop.world.id)
    Task.objects.update(expires_at=clock.now())
    task = Task.objects.get()
    values = {"company_name": "Wingtip", "domain": "wingtip.example", "admin_email": "ann@wingtip.example"}
    assert "This task has expired" in text_of(client.post(f"/tasks/{task.id}/complete/", values))


# Products


def test_products_tab_has_its_six_columns_in_order_and_more_by_choice(
    shop: Shop,  # noqa: F811
    sign_in: SignIn,
) -> None:
    shop.price(shop.sku(VendorCode.MSP_HUB))
    work(place(shop, VendorCode.MSP_HUB))
    client = sign_in(shop.world.owner)
    page = client.get(f"{base(shop)}/products/").content.decode()
    heads = re.findall(r'<th scope="col"[^>]*>(?:<a[^>]*>)?([^<]+)', page)
    assert heads == [
        *("Status", "Product Name", "Category", "Billing Frequency", "Purchase Quantity", "Purchase Date"),
    ]
    assert f'href="/marketplace/?customer={shop.customer.id}"' in page
    more = text_of(client.get(f"{base(shop)}/products/?columns=status,unit_price,term,renewal,domain"))
    assert "$10.00 per month" in more
    for sort in ("status", "name", "category", "billing", "quantity", "purchased", "renewal"):
        for direction in ("", "-"):
            address = f"{base(shop)}/products/?sort={direction}{sort}&columns=status,renewal"
            assert "Active" in text_of(client.get(address)), sort
    assert "No products match" in text_of(client.get(f"{base(shop)}/products/?state=expired&q=x"))
    held = PurchasedProduct.objects.get()
    one = text_of(client.get(f"{base(shop)}/products/{held.id}/"))
    assert "What held on each day" in one
    assert "Today" in one


def test_suspending_says_what_keeps_running(shop: Shop, sign_in: SignIn) -> None:  # noqa: F811
    client = sign_in(shop.world.owner)
    address = f"{base(shop)}/status/suspend/"
    assert "keeps running" not in text_of(client.get(address))
    scope.enter(partner_id=shop.world.id)
    shop.price(shop.sku(VendorCode.MSP_HUB))
    work(place(shop, VendorCode.MSP_HUB, quantity=3))
    held = PurchasedProduct.objects.get()
    page = text_of(client.get(address))
    assert "1 product keeps running and being billed" in page
    assert f"3 × {held.sku_name}" in page
    scope.enter(partner_id=shop.world.id)
    factories.set_status(shop.world, shop.customer, Status.SUSPENDED, at=clock.now())
    assert "1 product keeps running" in text_of(client.get(f"{base(shop)}/status/disable/"))
    assert "1 product keeps running" not in text_of(client.get(f"{base(shop)}/status/enable/"))


# What they cost


@pytest.mark.parametrize(
    ("address", "statements"),
    [
        ("/orders/", 5),
        ("{base}/orders/", 8),
        ("/tasks/", 6),
        ("{base}/products/", 10),
        ("/orders/{order}/", 10),
        ("{base}/cart/", 23),
        ("{base}/cart/review/", 22),
    ],
)
def test_pages_cost_the_same_for_one_row_and_for_three(
    shop: Shop,  # noqa: F811
    sign_in: SignIn,
    django_assert_num_queries: Any,
    address: str,
    statements: int,
) -> None:
    client = sign_in(shop.world.owner)
    skus = [shop.sku(VendorCode.CORO, number=number) for number in range(3)]
    ours = [shop.sku(VendorCode.MSP_HUB, number=number) for number in range(3)]
    for sku in (*skus, *ours):
        shop.price(sku)
    order = None
    for count in (1, 3):
        scope.enter(partner_id=shop.world.id)
        CartLine.objects.all().delete()
        for sku in ours[:count]:
            shop.add(sku, at=clock.now())
        order = work(place(shop))
        for sku in skus[:count]:
            shop.add(sku, at=clock.now())
        place(shop)
        for sku in ours[:count]:
            shop.add(sku, at=clock.now())
        path = address.format(base=base(shop), order=order.id)
        client.get(path)
        with django_assert_num_queries(statements):
            assert client.get(path).status_code == 200
