"""A customer that can buy: a linked CSP account with its agreement, and products of ours with prices."""

import dataclasses
import datetime
import uuid
from collections.abc import Iterator

import pytest
from tests import factories
from tests.orders import stores
from tests.orders.buying import BASIC, PREMIUM, Microsoft, named

from msphub.accounts.models import Subscription, Tenant
from msphub.catalog.choices import Plan, Term, VendorCode
from msphub.catalog.models import Price, Sku
from msphub.customers.models import CspAccount
from msphub.kit import scope
from msphub.orders import carts
from msphub.orders.models import Cart
from partner_center_emulator.testing import Running

TODAY = factories.NOW.date()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shop:
    """A partner's customer with what it buys under, and its cart."""

    world: factories.PartnerWorld
    customer: Tenant
    subscription: Subscription
    account: CspAccount

    def sku(self, vendor: VendorCode, *, number: int = 0) -> Sku:
        return (
            Sku.objects.filter(product__vendor__code=vendor, usage_based=False, is_trial=False, prerequisites=[])
            .select_related("product")
            .order_by("external_id", "id")[number]
        )

    def price(
        self,
        sku: Sku,
        *,
        amount: str = "120.00",
        cost: str = "90.00",
        term: Term = Term.YEAR,
        plan: Plan = Plan.MONTHLY,
    ) -> Price:
        """Give a SKU a price in dollars for the whole term."""
        return stores.price(self.world, sku, amount=amount, cost=cost, term=term, plan=plan)

    def add(
        self, sku: Sku, *, quantity: int = 2, term: Term = Term.YEAR, plan: Plan = Plan.MONTHLY, at: datetime.datetime
    ) -> Cart:
        return carts.add_line(
            by=self.world.actor,
            customer_id=self.customer.id,
            subscription_id=self.subscription.id,
            account_id=self.account.id,
            sku_id=sku.id,
            term=term,
            plan=plan,
            quantity=quantity,
            at=at,
        )


@pytest.fixture
def shop(db: None) -> Shop:
    """A customer with a linked account and a confirmed agreement."""
    world = factories.make_partner()
    customer = factories.make_customer(world)
    account = stores.linked_account(world, customer)
    return Shop(
        world=world,
        customer=customer,
        subscription=Subscription.objects.get(customer_id=customer.id),
        account=account,
    )


@pytest.fixture
def microsoft(emulator: Running) -> Iterator[Microsoft]:
    """The emulated Microsoft, to which nobody has signed in yet."""
    found = Microsoft(emulator)
    yield found
    found.http.close()


@pytest.fixture
def shop_there(shop: Shop, microsoft: Microsoft) -> Shop:
    """The shop with its account linked to that Microsoft's tenant."""
    factories.connect_to_microsoft(shop.world, url=microsoft.running.url, known=microsoft.partner)
    scope.enter(partner_id=shop.world.id)
    CspAccount.objects.update(microsoft_tenant_id=uuid.UUID(microsoft.tenant["tenant_id"]))
    shop.account.refresh_from_db()
    for title in (BASIC, PREMIUM):
        shop.price(named(title))
    return shop
