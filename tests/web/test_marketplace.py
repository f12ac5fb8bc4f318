"""The marketplace over HTTP: who sees which products at which prices, from the cart icon up to the cart."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from tests import factories
from tests.catalog.sheet import row, take_over
from tests.customers.test_offers import link

from msphub.accounts.choices import Role, Status
from msphub.accounts.models import Subscription, User
from msphub.audit.models import Entry
from msphub.catalog import own_products
from msphub.catalog.models import CatalogSync, Favourite, Price, PriceCost, Product, Sku
from msphub.customers.models import Customer
from msphub.kit import scope
from msphub.orders.models import CartLine

type SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db
BASIC = "CFQ7TTC0LH18"
NONPROFIT = {"ProductTitle": "Business Premium", "SkuTitle": "Business Premium (Nonprofit)", "Segment": "Charity"}
CARE = {
    "vendor": "own",
    "product_id": "CARE",
    "product": "Care plan",
    "sku_id": "CARE-STD",
    "sku": "Care plan Standard",
    "category": "online",
    "country": "",
    "currency": "USD",
    "term": "P1Y",
    "billing_frequency": "monthly",
    "list_price": "120.00",
    "cost": "61.20",
}


@pytest.fixture
def world(db: None) -> factories.PartnerWorld:
    """A partner whose market sells Business Basic in three ways, a nonprofit offer, and a service of its own."""
    world = factories.make_partner()
    annual = {"BillingPlan": "Annual", "ERP_Price": "72.00", "UnitPrice": "57.60"}
    monthly = {"TermDuration": "P1M", "ERP_Price": "7.56", "UnitPrice": "6.05"}
    take_over(
        world.id, [row(BASIC), row(BASIC, **annual), row(BASIC, **monthly), row("CFQ7TTC0LCHC", "000J", **NONPROFIT)]
    )
    own_products.save_price(by=world.actor, values=CARE, at=factories.NOW)
    return world


def product(code: str = BASIC) -> Product:
    return Product.objects.get(external_id=code)


def chosen(customer: Any, account: Any = None) -> str:
    """Return the part of an address that says who buys."""
    subscription = Subscription.objects.get(partner_id=customer.partner_id, customer_id=customer.id)
    query = f"?customer={customer.id}&subscription={subscription.id}"
    return query + (f"&account={account.id}" if account else "")


def line(**changes: str) -> dict[str, str]:
    sku = Sku.objects.get(product__external_id=BASIC, external_id="0001")
    return {"sku": str(sku.id), "term": "P1Y", "plan": "monthly", "quantity": "5"} | changes


def test_a_partner_looks_at_list_prices_without_a_customer(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    page = client.get("/marketplace/").content.decode()
    assert "$6.30" in page  # 75.60 for a year, billed by the month
    assert "Care plan" in page
    one = client.get(f"/marketplace/{product().id}/?term=P1Y&plan=monthly").content.decode()
    for words in ("Add to cart", "Cost per unit", "Margin per unit", "$75.60", "You choose the customer next"):
        assert words in one, words
    assert 'href="/marketplace/"' in client.get("/customers/").content.decode()


def test_the_price_list_is_the_partners_own_until_another_is_chosen(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    own_products.save_price(by=world.actor, values=CARE | {"currency": "CHF"}, at=factories.NOW)
    scope.enter(partner_id=world.id)
    euros = row(BASIC, ERP_Price="90.00", Currency="EUR", Market="AT")
    take_over(world.id, [euros], market="AT")
    client = sign_in(world.owner)

    def chosen_list(client: Client, query: str = "") -> str:
        page = client.get(f"/marketplace/{query}").content.decode()
        found = re.search(r'<option value="([^"]+)" selected>', page)
        assert found
        return found[1]

    assert chosen_list(client) == "US-USD"
    assert chosen_list(client, "?list=nonsense") == "US-USD"
    assert chosen_list(client, "?list=AT-EUR") == "AT-EUR"
    assert chosen_list(client) == "AT-EUR"
    assert "€7.50" in client.get(f"/marketplace/{product().id}/").content.decode()
    client.get("/marketplace/?view=list")
    assert '<table class="table-plain market-table">' in client.get("/marketplace/").content.decode()
    assert chosen_list(client) == "AT-EUR"
    # The person's own: a colleague still sees the partner's.
    colleague = sign_in(factories.add_colleague(world))
    assert chosen_list(colleague) == "US-USD"
    assert "market-cards" in colleague.get("/marketplace/").content.decode()


def test_search_vendors_categories_and_favorites_narrow_the_list(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    client = sign_in(world.owner)

    def titles(query: str) -> set[str]:
        page = client.get(f"/marketplace/?{query}").content.decode()
        return set(re.findall(r'<a href="/marketplace/[0-9a-f-]{36}/[^"]*">([^<]+)</a>', page))

    assert titles("q=busin+bas") == {"Microsoft 365 Business Basic"}
    assert titles("q=care") == {"Care plan"}
    assert titles("q=%00%27%29%3B--+%F0%9F%A7%B8") == set()
    assert titles("vendor=own") == {"Care plan"}
    assert titles("vendor=microsoft&category=azure_plan") == {"Azure plan"}
    assert "Microsoft 365 Business Basic" in titles("vendor=microsoft&category=online")
    assert "Business Premium" not in " ".join(titles("view=list"))
    assert "Business Premium" not in titles("q=premium")
    assert "Business Premium" in titles("all=1&q=premium")
    assert titles("tab=favorite") == set()
    star = f"/marketplace/{product('CARE').id}/favourite/"
    for _twice in range(2):
        assert client.post(star, {"favourite": "on", "next": "/marketplace/"}).url == "/marketplace/"
    assert titles("tab=favorite") == {"Care plan"}
    assert Favourite.objects.count() == 1
    assert client.post(star, {"next": "https://evil.example/"}).url == "/marketplace/"
    assert titles("tab=favorite") == set()


def test_from_the_cart_icon_to_the_cart(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    customer = factories.make_customer(world, name='Wing "Tip" & Co')
    account = link(customer)
    client = sign_in(world.owner)
    grid = client.get("/customers/").content.decode()
    assert 'aria-label="Purchase for Wing &quot;Tip&quot; &amp; Co"' in grid
    dialog = f"/customers/{customer.id}/purchase/"
    page = client.get(dialog).content.decode()
    assert page.count("<select") == 2
    assert "CSP Accounts" in page
    nothing = client.post(dialog, {}).content.decode()
    assert "Choose the subscription" in nothing
    assert "Choose the CSP account" in nothing
    subscription = Subscription.objects.get(partner_id=world.id, customer_id=customer.id)
    both = {"subscription": str(subscription.id), "account": str(account.id)}
    assert "Choose the CSP account" in client.post(dialog, {"subscription": both["subscription"]}).content.decode()
    assert client.post(dialog, both | {"account": str(uuid.uuid4())}).status_code == 200
    url = client.post(dialog, both).url
    assert url == f"/marketplace/{chosen(customer, account)}"
    assert "Business Basic" in client.get(url).content.decode()
    one = f"/marketplace/{product().id}/"
    assert client.post(f"{one}add/{chosen(customer, account)}", line()).status_code == 302
    assert CartLine.objects.get().quantity == 5
    for wrong in ("0", "-1", "1e3", "٣", "9999999999", "", "1.5", "<script>"):
        refused = client.post(f"{one}add/{chosen(customer, account)}", line(quantity=wrong))
        assert "Not put into the cart" in refused.content.decode(), wrong
    assert (
        "between 1 and 300"
        in client.post(f"{one}add/{chosen(customer, account)}", line(quantity="301")).content.decode()
    )
    assert CartLine.objects.get().quantity == 5


def test_what_is_in_hand_waits_for_the_customer(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    customer = factories.make_customer(world)
    account = link(customer)
    client = sign_in(world.owner)
    asked = client.post(f"/marketplace/{product().id}/add/", line()).url
    assert asked.startswith("/marketplace/for/?product=")
    found = client.get(asked).content.decode()
    assert "Wingtip Toys" in found
    dialog = re.search(r'href="(/customers/[^"]+/purchase/[^"]+)"', found)
    assert dialog
    subscription = Subscription.objects.get(partner_id=world.id, customer_id=customer.id)
    back = client.post(
        dialog[1].replace("&amp;", "&"), {"subscription": str(subscription.id), "account": str(account.id)}
    ).url
    assert back.startswith(f"/marketplace/{product().id}/?customer={customer.id}")
    page = client.get(back).content.decode()
    assert 'value="5"' in page
    assert "$31.50" in page  # 5 units at 6.30 a month
    assert client.get("/marketplace/for/?product=nonsense&q=x").status_code == 200


def test_without_a_csp_account_only_other_vendors_are_bought(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    customer = factories.make_customer(world)
    client = sign_in(world.owner)
    page = client.get(f"/customers/{customer.id}/purchase/").content.decode()
    assert re.search(r"<select[^>]*name=\"account\"[^>]*disabled", page)
    assert "no CSP account" in page
    subscription = Subscription.objects.get(partner_id=world.id, customer_id=customer.id)
    url = client.post(f"/customers/{customer.id}/purchase/", {"subscription": str(subscription.id)}).url
    assert "Microsoft products can't be ordered yet" in client.get(url).content.decode()
    refused = client.post(f"/marketplace/{product().id}/add/{chosen(customer)}", line())
    assert "no CSP account" in refused.content.decode()
    care = Sku.objects.get(external_id="CARE-STD")
    assert client.post(
        f"/marketplace/{product('CARE').id}/add/{chosen(customer)}", line(sku=str(care.id))
    ).status_code == 302  # fmt: skip
    assert CartLine.objects.get().sku_id == care.id


def test_the_icon_is_off_with_its_reason(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    customer = factories.make_customer(world)
    button = re.compile(r'<button[^>]*aria-label="Purchase for Wingtip Toys"[^>]*>')
    owner = sign_in(world.owner)
    assert "disabled" not in button.search(owner.get("/customers/").content.decode())[0]  # type: ignore[index]
    reader = sign_in(factories.add_colleague(world)).get("/customers/").content.decode()
    assert "disabled" in button.search(reader)[0]  # type: ignore[index]
    assert "Your role does not allow you to buy." in button.search(reader)[0]  # type: ignore[index]
    factories.set_status(world, customer, Status.SUSPENDED)
    suspended = button.search(owner.get("/customers/").content.decode())[0]  # type: ignore[index]
    assert "The customer is suspended" in suspended
    assert "Nothing can be bought now" in owner.get(f"/customers/{customer.id}/purchase/").content.decode()
    assert owner.post(f"/customers/{customer.id}/purchase/", {}).status_code == 200


def test_a_customers_user_buys_while_allowed_and_never_sees_cost(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    customer = factories.make_customer(world)
    account = link(customer)
    admin = factories.admin_of(customer)
    client = sign_in(admin)
    one = f"/marketplace/{product().id}/"
    off = client.get(one).content.decode()
    assert "Your provider has not allowed purchases" in off
    refused = client.post(f"{one}add/", line())
    assert "not allowed purchases" in refused.content.decode()
    scope.enter(partner_id=world.id)
    Customer.objects.filter(tenant_id=customer.id).update(allow_purchase=True)
    page = client.get(f"{one}?term=P1Y&plan=monthly").content.decode()
    for hidden in ("Cost", "Margin", "60.48", "5.04", "15.12"):
        assert hidden not in page, hidden
    assert "$75.60" in page
    assert client.post(f"{one}add/", line()).status_code == 302
    scope.enter(partner_id=world.id)
    assert CartLine.objects.get().csp_account_id == account.id
    for url in ("/marketplace/catalogue/", "/marketplace/catalogue/products/", "/marketplace/for/"):
        assert client.get(url).status_code == 403, url


def test_ids_of_others_are_not_found(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    customer = factories.make_customer(world)
    sibling = factories.make_customer(world, name="Sibling")
    account = link(sibling)
    mine, own = product().id, Sku.objects.get(external_id="CARE-STD").id
    owner, admin = sign_in(world.owner), sign_in(factories.admin_of(customer))
    stranger = sign_in(factories.make_partner(name="Theirs").owner)
    scope.enter(partner_id=world.id)
    assert owner.get(f"/marketplace/{chosen(customer)}&account={account.id}").status_code == 404
    assert owner.get("/marketplace/?customer=nonsense").status_code == 404
    for url in (
        f"/marketplace/?customer={customer.id}",
        f"/marketplace/{mine}/",
        f"/customers/{customer.id}/purchase/",
    ):
        assert stranger.get(url).status_code == 404, url
    assert stranger.post(f"/marketplace/{mine}/favourite/", {"favourite": "on"}).status_code == 404
    assert stranger.get(f"/marketplace/catalogue/products/{own}/").status_code == 404
    assert stranger.post(f"/marketplace/catalogue/products/{own}/stop/").status_code == 404
    assert admin.get(f"/customers/{sibling.id}/purchase/").status_code == 404
    # A customer's user always buys for itself, whatever the address says.
    assert "Sibling" not in admin.get(f"/marketplace/?customer={sibling.id}").content.decode()
    scope.enter(partner_id=world.id)
    assert Sku.objects.get(id=own).active


def test_a_page_costs_the_same_statements_for_any_number_of_products(
    world: factories.PartnerWorld, sign_in: SignIn, django_assert_max_num_queries: Any
) -> None:
    customer = factories.make_customer(world)
    account = link(customer)
    client = sign_in(world.owner)
    url = f"/marketplace/{chosen(customer, account)}"
    for query in ("&q=basic", ""):
        with django_assert_max_num_queries(13):
            assert client.get(url + query).status_code == 200


def test_own_products_by_form(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    page = client.get("/marketplace/catalogue/products/").content.decode()
    assert "Care plan Standard" in page
    assert "$61.20" in page
    new = "/marketplace/catalogue/products/new/"
    bad = client.post(
        new, CARE | {"list_price": "1,20", "currency": "XXX", "billing_frequency": "triennial", "sku": "x" * 10_000}
    )
    for words in ("1234.50", "no currency", "can be billed", "At most 300"):
        assert words in bad.content.decode(), words
    assert client.post(new, CARE | {"valid_from": "2000-01-01"}).status_code == 200
    assert Price.objects.filter(sku__external_id="CARE-STD").count() == 1
    later = {"list_price": "132.00", "valid_from": "2099-01-01"}
    assert "that late" in client.post(new, CARE | later).content.decode()
    reader = sign_in(factories.add_colleague(world, role=Role.READ_ONLY))
    assert reader.get("/marketplace/catalogue/products/").status_code == 200
    assert reader.post(new, CARE).status_code == 403
    scope.enter(partner_id=world.id)
    sku = Sku.objects.get(external_id="CARE-STD")
    edit = f"/marketplace/catalogue/products/{sku.id}/"
    assert "$120.00" in client.get(edit).content.decode()
    assert client.post(edit, CARE | {"sku": "Care plan Gold 🏅", "list_price": "125.50"}).status_code == 302
    scope.enter(partner_id=world.id)
    prices = list(Price.objects.filter(sku=sku).order_by("valid_from").values_list("list_price", flat=True))
    assert prices[-1] == 125.5
    assert client.post(f"{edit}stop/").status_code == 302
    scope.enter(partner_id=world.id)
    assert not Sku.objects.get(id=sku.id).active
    assert Entry.objects.filter(event__in=["product.changed", "product.prices_changed"]).count() == 3


def test_import_names_every_wrong_line_and_saves_nothing_until_all_are_right(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: PLC0415

    client = sign_in(world.owner)
    url = "/marketplace/catalogue/products/import/"
    head = "vendor;Product ID;product;SKU ID;sku;currency;term;billing frequency;list price;cost\n"
    right = "coro;CORO-X;Coro X;1;Coro X;USD;P1Y;monthly;96;48\n"

    def send(content: bytes) -> str:
        answer = client.post(url, {"file": SimpleUploadedFile("p.csv", content)})
        return answer.content.decode() if answer.status_code == 200 else str(answer.url)

    assert "Choose a file" in client.post(url, {}).content.decode()
    wrong = send((head + right + "microsoft;A;B;1;C;USD;P1Y;monthly;1;\n" + right + ";;;;;;;;;1\n").encode())
    for words in ("Nothing has been imported", "Choose Own services", "Line 2 gives the same price", "Enter it."):
        assert words in wrong, words
    assert "UTF-8" in send("vendör".encode("latin-1"))
    assert "columns are missing" in send(b"a,b\n1,2\n")
    assert "no lines" in send(head.encode())
    assert not Product.objects.filter(external_id="CORO-X").exists()
    assert send((head + right).encode()) == "/marketplace/catalogue/products/"
    scope.enter(partner_id=world.id)
    assert PriceCost.objects.get(price__product__external_id="CORO-X").cost == 48
    assert client.get("/marketplace/catalogue/products/products.csv").status_code == 200


def test_syncs_are_shown_and_started_once(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    page = client.get("/marketplace/catalogue/").content.decode()
    assert "Not connected to Microsoft" in page
    assert client.post("/marketplace/catalogue/sync/").status_code == 302
    scope.enter(partner_id=world.id)
    assert not CatalogSync.objects.exists()
    assert sign_in(factories.add_colleague(world)).post("/marketplace/catalogue/sync/").status_code == 403
    assert client.get(f"/marketplace/catalogue/sync/{uuid.uuid4()}/").status_code == 404
