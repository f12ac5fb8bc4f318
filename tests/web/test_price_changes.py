"""The pages of price changes: for the partner's own people, with what each change does to whom."""

import csv
import datetime
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from tests import factories
from tests.catalog.discounts import sku as sku_of
from tests.entitlements.held import hold, price

from msphub.accounts.choices import Role
from msphub.accounts.models import Tenant, User
from msphub.catalog.models import Sku
from msphub.entitlements.models import PurchasedProduct
from msphub.kit import clock, scope

type SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db
LIST = "/marketplace/catalogue/changes/"


def today() -> datetime.date:
    return clock.now().date()


@pytest.fixture
def sku(world: factories.PartnerWorld) -> Sku:
    """Dearer from tomorrow on: 132.00 for a year after 120.00, billed by the month."""
    found = Sku.objects.select_related("product__vendor").get(id=sku_of(world).id)
    tomorrow = today() + datetime.timedelta(days=1)
    price(found, "120.00", from_on=today() - datetime.timedelta(days=200), before=tomorrow)
    price(found, "132.00", from_on=tomorrow)
    return found


def held(world: factories.PartnerWorld, sku: Sku, *, name: str, quantity: int = 10) -> tuple[Tenant, PurchasedProduct]:
    customer = factories.make_customer(world, name=name)
    bought_on = today() - datetime.timedelta(days=100)
    return customer, hold(world, customer, sku, list_price="120.00", bought_on=bought_on, quantity=quantity, percent=5)


def rows_of(answer: Any) -> list[dict[str, str]]:
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_a_change_leads_to_whom_it_hits_and_by_how_much(
    world: factories.PartnerWorld, sku: Sku, sign_in: SignIn
) -> None:
    client = sign_in(world.owner)
    assert "No customer is hit by a price change" in client.get(LIST).content.decode()
    assert "+10.0 %" in client.get(f"{LIST}?show=all").content.decode()
    customer, product = held(world, sku, name="Wingtip & Sons")
    other = sign_in(factories.add_colleague(world, role=Role.READ_ONLY))
    page = other.get(LIST).content.decode()
    # Ten units from 9.50 after discount to 11.00.
    for words in ("+10.0 %", "+$15.00", "10 units", "$10.00", "$11.00"):
        assert words in page, words
    new = sku.prices.get(valid_before=None)
    address = f"{LIST}{new.id}/coming/"
    assert f'href="{address}"' in page
    detail = other.get(address).content.decode()
    for words in ("Wingtip &amp; Sons", "$9.50", "$11.00", "+$1.50", "+$15.00", str(product.id)):
        assert words in detail, words
    assert "Wingtip" not in other.get(f"{address}?q=nobody").content.decode()
    for kind, lead in ((f"{LIST}export.csv", sku.title), (f"{address}export.csv", None)):
        row = rows_of(other.get(kind))[0]
        assert lead is None or row["SKU"] == lead
        assert (row["Customer"], row["Unit price now"], row["Unit price then"]) == ("Wingtip & Sons", "9.5", "11")
        assert row["Difference"] == "15"
        assert row["Takes effect"] == product.term_ends_on.isoformat()  # type: ignore[union-attr]
    assert other.get(f"{LIST}export.xlsx").status_code == 200
    assert other.get(f"{LIST}export.pdf").status_code == 404
    assert other.get(f"{LIST}{new.id}/gone/").status_code == 404
    assert other.get(f"{LIST}{new.id}/nonsense/").status_code == 404
    # The product says it too, and the catalogue's product leads there.
    own = f"/customers/{customer.id}/products/{product.id}/"
    assert "Price changes ahead" in other.get(own).content.decode()
    assert address in other.get(own).content.decode()
    assert "1 price change hits customers" in other.get(f"/marketplace/{sku.product_id}/").content.decode()


def test_what_is_no_longer_sold_says_so(world: factories.PartnerWorld, sku: Sku, sign_in: SignIn) -> None:
    customer, product = held(world, sku, name="Wingtip Toys")
    sku.prices.filter(valid_before=None).delete()
    old = sku.prices.get()
    client = sign_in(world.owner)
    assert "No longer sold" in client.get(LIST).content.decode()
    detail = client.get(f"{LIST}{old.id}/gone/").content.decode()
    assert "no price list says at which price" in detail
    assert "Wingtip Toys" in detail
    page = client.get(f"/customers/{customer.id}/products/{product.id}/").content.decode()
    assert "at a price not known yet" in page


def test_a_customers_users_learn_nothing_of_it(world: factories.PartnerWorld, sku: Sku, sign_in: SignIn) -> None:
    customer, product = held(world, sku, name="Wingtip Toys")
    new = sku.prices.get(valid_before=None)
    client = sign_in(factories.admin_of(customer))
    for path in (LIST, f"{LIST}export.csv", f"{LIST}{new.id}/coming/", f"{LIST}{new.id}/coming/export.csv"):
        assert client.get(path).status_code == 403, path
    page = client.get(f"/customers/{customer.id}/products/{product.id}/").content.decode()
    assert "Price changes ahead" not in page
    assert "price change" not in client.get(f"/marketplace/{sku.product_id}/").content.decode()
    stranger = sign_in(factories.make_partner(name="Stranger").owner)
    assert stranger.get(f"{LIST}{new.id}/coming/").status_code == 404


@pytest.mark.parametrize(("detail", "statements"), [(False, 7), (True, 9)])
def test_the_pages_cost_the_same_for_one_and_for_three(
    world: factories.PartnerWorld,
    sku: Sku,
    sign_in: SignIn,
    django_assert_num_queries: Any,
    detail: bool,
    statements: int,
) -> None:
    client = sign_in(world.owner)
    new = sku.prices.get(valid_before=None)
    for count in (1, 2):
        for number in range(count):
            scope.enter(partner_id=world.id)
            held(world, sku, name=f"Customer {count} {number}")
        path = f"{LIST}{new.id}/coming/" if detail else f"{LIST}?show=all"
        client.get(path)
        with django_assert_num_queries(statements):
            assert client.get(path).status_code == 200
