"""The marketplace over HTTP: who sees which products at which prices, from the cart icon up to the cart."""

import datetime
import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.test import Client
from django.utils import translation
from tests import factories
from tests.catalog.sheet import row, take_over
from tests.customers.test_offers import link

from msphub.accounts.choices import Role, Status
from msphub.accounts.models import Subscription, User
from msphub.audit.models import Entry
from msphub.catalog import own_products
from msphub.catalog.models import CatalogSync, Favourite, Price, PriceCost, Product, Sku
from msphub.customers.models import Customer
from msphub.kit import clock, scope
from msphub.kit.errors import Refused
from msphub.orders.models import CartLine
from msphub.web.own_products import PriceForm

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


def test_a_search_for_what_is_not_offered_says_so_and_leads_to_the_reason(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    customer = factories.make_customer(world)
    account = link(customer)
    client = sign_in(world.owner)
    address = f"/marketplace/{chosen(customer, account)}"
    page = client.get(f"{address}&q=premium").content.decode()
    assert "Nothing of it is offered to this customer" in page
    (way,) = re.findall(r'href="([^"]+)"[^>]*>[^<]*Show what is not offered, and why', page.replace("&amp;", "&"))
    assert "Business Premium" in client.get(way).content.decode()
    nothing = client.get(f"{address}&q=zzyzx").content.decode()
    assert "No products match" in nothing
    assert "Nothing of it is offered" not in nothing


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


NEW = "/marketplace/catalogue/products/new/"
IMPORT = "/marketplace/catalogue/products/import/"


def test_own_products_by_form(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    page = client.get("/marketplace/catalogue/products/").content.decode()
    assert "Care plan Standard" in page
    assert "$61.20" in page
    another = CARE | {"sku_id": "CARE-PRO", "sku": "Care plan Pro"}
    wrong = {"list_price": "1,20", "currency": "XXX", "billing_frequency": "triennial", "sku": "x" * 10_000}
    bad = client.post(NEW, another | wrong).content.decode()
    for words in ("1,234.50", "no currency", "can be billed", "At most 300"):
        assert words in bad, words
    # What is there is opened, not written over, nor is its product renamed by the way.
    assert "There is this SKU already" in client.post(NEW, CARE | {"product": "Mine"}).content.decode()
    assert "is called “Care plan”" in client.post(NEW, another | {"product": "Other"}).content.decode()
    assert client.post(NEW, another | {"valid_from": "2000-01-01"}).status_code == 200
    assert "that late" in client.post(NEW, another | {"valid_from": "2099-01-01"}).content.decode()
    assert Price.objects.filter(product__external_id="CARE").count() == 1
    reader = sign_in(factories.add_colleague(world, role=Role.READ_ONLY))
    assert reader.get("/marketplace/catalogue/products/").status_code == 200
    assert reader.post(NEW, another).status_code == 403
    assert client.post(NEW, another | {"list_price": "1,200.00", "cost": "600"}).status_code == 302
    scope.enter(partner_id=world.id)
    assert Price.objects.get(sku__external_id="CARE-PRO").list_price == 1200


def edit_of(code: str = "CARE-STD") -> str:
    return f"/marketplace/catalogue/products/{Sku.objects.get(external_id=code).id}/"


def facts(**changes: str) -> dict[str, str]:
    """Return the form of Care plan as it is opened, changed."""
    version = Product.objects.get(external_id="CARE").version
    shown = {name: CARE[name] for name in ("product", "sku", "category", "currency", "term", "billing_frequency")}
    return shown | {"version": str(version), "minimum": "1"} | changes


def test_an_own_product_is_changed_with_and_without_a_price(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    edit = edit_of()
    page = client.get(edit).content.decode()
    assert "$120.00" in page
    assert "Own services · CARE · CARE-STD" in page
    # Codes stay whatever is posted; nothing said of a price leaves the prices.
    stays = facts(sku="Care plan Gold 🏅", product_id="OTHER", sku_id="OTHER", vendor="coro")
    assert client.post(edit, stays).status_code == 302
    scope.enter(partner_id=world.id)
    assert Sku.objects.get(external_id="CARE-STD").title == "Care plan Gold 🏅"
    assert not Product.objects.filter(external_id="OTHER").exists()
    assert Price.objects.filter(product__external_id="CARE").count() == 1
    assert Entry.objects.filter(event="product.changed").count() == 1
    assert client.post(edit, facts(list_price="125.50", sku="Care plan Gold 🏅")).status_code == 302
    scope.enter(partner_id=world.id)
    found = list(Price.objects.filter(sku__external_id="CARE-STD").order_by("valid_from"))
    assert found[-1].list_price == 125.5
    # A cost alone is no price.
    alone = client.post(edit, facts(cost="5")).content.decode()
    assert "Enter it." in alone
    assert client.post(f"{edit}stop/").status_code == 302
    scope.enter(partner_id=world.id)
    assert client.post(edit, facts(description="Still described")).status_code == 302
    scope.enter(partner_id=world.id)
    assert not Sku.objects.get(external_id="CARE-STD").active
    assert client.get(f"/marketplace/catalogue/products/{uuid.uuid4()}/").status_code == 404
    microsofts = Sku.objects.filter(product__vendor__code="microsoft").values_list("id", flat=True)[0]
    assert client.post(f"/marketplace/catalogue/products/{microsofts}/", facts()).status_code == 404


def test_a_stale_form_is_shown_what_changed(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    first, second = sign_in(world.owner), sign_in(factories.add_colleague(world, role=Role.SALES))
    scope.enter(partner_id=world.id)
    edit = edit_of()
    mine, theirs = facts(sku="Mine", list_price="150"), facts(unit="Users", description="By a colleague")
    assert second.post(edit, theirs).status_code == 302
    page = first.post(edit, mine).content.decode()
    assert "Somebody else has changed this product meanwhile" in page
    assert "SKU: saved meanwhile “Care plan Standard”, here “Mine”" in page
    assert "Description: saved meanwhile “By a colleague”" in page
    assert "List price: saved" not in page
    scope.enter(partner_id=world.id)
    assert Sku.objects.get(external_id="CARE-STD").title == "Care plan Standard"
    assert Price.objects.filter(product__external_id="CARE").count() == 1
    version = re.search(r'name="version" value="(\d+)"', page)
    assert version
    assert first.post(edit, mine | {"version": version[1]}).status_code == 302
    scope.enter(partner_id=world.id)
    assert Sku.objects.get(external_id="CARE-STD").title == "Mine"


@pytest.mark.parametrize(("typed", "kept"), [("1.234,50", "1234.50"), ("99,5", "99.5"), ("1,234.50", "1,234.50")])
def test_amounts_are_written_as_the_viewers_language_does(world: factories.PartnerWorld, typed: str, kept: str) -> None:
    with translation.override("de"):
        form = PriceForm(QueryDict(urlencode(CARE | {"list_price": typed, "sku_id": "CARE-DE"})), new=True)
        assert form.entered()["list_price"] == kept
        if kept == typed:
            with pytest.raises(Refused) as refused:
                own_products.save_price(by=world.actor, values=form.entered(), at=factories.NOW)
            form.refused(refused.value)
            assert "1.234,50" in str(form.errors["list_price"])


def test_import_names_every_wrong_line_and_saves_nothing_until_all_are_right(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    client = sign_in(world.owner)
    head = "vendor;Product ID;product;SKU ID;sku;currency;term;billing frequency;list price;cost\n"
    right = "coro;CORO-X;Coro X;1;Coro X;USD;P1Y;monthly;96;48\n"

    def send(content: bytes, **more: str) -> str:
        return client.post(IMPORT, {"file": SimpleUploadedFile("p.csv", content), **more}).content.decode()

    assert "Choose a file" in client.post(IMPORT, {}).content.decode()
    renamed = right.replace("Coro X;1", "Coro Y;1")
    microsofts = "microsoft;A;B;1;C;USD;P1Y;monthly;1,5;\n"
    wrong = send((head + right + microsofts + right + renamed + ";;;;;;;;;1\n").encode())
    for words in (
        "Nothing has been imported",
        "Choose Own services",
        "Write an amount like 1234.50",
        "Line 2 gives the same price",
        "Line 2 calls it “Coro X”.",
        "Enter it.",
    ):
        assert words in wrong, words
    assert 'name="checked" value="' not in wrong.replace('name="checked" value=""', "")
    assert "UTF-8" in send("vendör".encode("latin-1"))
    assert "columns are missing" in send(b"a,b\n1,2\n")
    assert "no lines" in send(head.encode())
    assert not Product.objects.filter(external_id="CORO-X").exists()


def test_a_file_is_looked_through_before_it_is_imported(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    head = "vendor,product_id,product,sku_id,sku,currency,term,billing_frequency,list_price,cost\n"
    own = "own,CARE,Care plan 2,CARE-STD,Care plan Standard,{currency},P1Y,monthly,{amount},{cost}\n"
    content = (
        head
        + "coro,CORO-X,Coro X,1,Coro X,USD,P1Y,monthly,96,48\n"
        + own.format(currency="USD", amount="120.00", cost="61.20")
        + own.format(currency="EUR", amount="110.00", cost="")
        + own.format(currency="CHF", amount="130.00", cost="")
        + "own,CARE,Care plan 2,CARE-PRO,Care plan Pro,USD,P1M,monthly,20,\n"
    )

    def send(text: str, **more: str) -> str:
        return client.post(IMPORT, {"file": SimpleUploadedFile("p.csv", text.encode()), **more}).content.decode()

    at = clock.now()
    for day, amount in ((at - datetime.timedelta(days=5), "125.00"), (at, "126.00")):
        francs = CARE | {"currency": "CHF", "list_price": amount, "cost": ""}
        scope.enter(partner_id=world.id)
        sku = Sku.objects.get(external_id="CARE-STD")
        version = Product.objects.get(external_id="CARE").version
        own_products.save_price(by=world.actor, values=francs, at=day, sku_id=sku.id, version=version)
    checked = send(content)
    outcomes = re.findall(r'<span class="state state-[a-z]+"[^>]*>([^<]+)</span>', checked)
    assert outcomes == [
        "New product",
        "No change",
        "New price",
        "Replaces a price of the same day",
        "New SKU",
    ]
    assert "Until now called “Care plan”" in checked
    assert not Product.objects.filter(external_id="CORO-X").exists()
    digest = re.search(r'name="checked" value="([0-9a-f]{64})"', checked)
    assert digest
    # Another file under the same name is not what was looked at.
    other = send(content.replace("96", "1"), checked=digest[1])
    assert "The file has changed" in other
    scope.enter(partner_id=world.id)
    assert not Product.objects.filter(external_id="CORO-X").exists()
    done = send(content, checked=digest[1])
    assert "5 lines have been imported." in done
    scope.enter(partner_id=world.id)
    assert PriceCost.objects.get(price__product__external_id="CORO-X").cost == 48
    assert Entry.objects.filter(event="catalogue.imported").count() == 1
    again = re.findall(r'<span class="state state-[a-z]+"[^>]*>([^<]+)</span>', same := send(content))
    assert "Nothing to import" in same
    assert again == ["No change"] * 5
    assert client.get("/marketplace/catalogue/products/products.csv").status_code == 200
    reader = sign_in(factories.add_colleague(world, role=Role.READ_ONLY))
    assert reader.post(IMPORT, {"file": SimpleUploadedFile("p.csv", content.encode())}).status_code == 403


def test_syncs_are_shown_and_started_once(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    page = client.get("/marketplace/catalogue/").content.decode()
    assert "Not connected to Microsoft" in page
    assert client.post("/marketplace/catalogue/sync/").status_code == 302
    scope.enter(partner_id=world.id)
    assert not CatalogSync.objects.exists()
    assert sign_in(factories.add_colleague(world)).post("/marketplace/catalogue/sync/").status_code == 403
    assert client.get(f"/marketplace/catalogue/sync/{uuid.uuid4()}/").status_code == 404
