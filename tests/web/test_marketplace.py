"""The marketplace over HTTP: who sees which products at which prices, and what it costs."""

from collections.abc import Callable

import pytest
from django.test import Client
from tests import factories
from tests.catalog.sheet import row, take_over

from msphub.accounts.models import User
from msphub.catalog.models import Product

type SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db
BASIC = "CFQ7TTC0LH18"


@pytest.fixture
def priced(world: factories.PartnerWorld) -> factories.PartnerWorld:
    """A partner whose market sells Business Basic in three ways, and a nonprofit offer."""
    take_over(
        world.id,
        [
            row(BASIC),
            row(BASIC, TermDuration="P1Y", BillingPlan="Annual", ERP_Price="72.00", UnitPrice="57.60"),
            row(BASIC, TermDuration="P1M", ERP_Price="7.56", UnitPrice="6.05"),
            row("CFQ7TTC0LCHC", "000J", SkuTitle="Business Premium (Nonprofit)", ProductTitle="Microsoft 365 Business Premium", Segment="Charity"),
        ],
    )  # fmt: skip
    return world


def _basic() -> Product:
    return Product.objects.get(external_id=BASIC)


def test_a_partner_looks_at_list_prices_without_a_customer(priced: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(priced.owner)
    page = client.get("/marketplace/").content.decode()
    assert "Microsoft 365 Business Basic" in page
    assert "$6.30" in page  # 75.60 for a year, billed by the month
    product = client.get(f"/marketplace/{_basic().id}/").content.decode()
    assert "Add to cart" in product
    assert "Cost per unit" in product
    assert "Margin per unit" in product
    assert 'href="/marketplace/"' in client.get("/customers/").content.decode()
