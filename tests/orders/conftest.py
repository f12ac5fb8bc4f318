"""A customer that can buy: a linked CSP account with its agreement, and products of ours with prices."""

import dataclasses
import datetime
import uuid
from decimal import Decimal

import pytest
from tests import factories

from msphub.accounts.models import Subscription, Tenant
from msphub.catalog.choices import Plan, Term, VendorCode
from msphub.catalog.models import Price, PriceCost, Sku
from msphub.customers.choices import AccountMode, AccountState
from msphub.customers.models import Agreement, CspAccount
from msphub.orders import carts
from msphub.orders.models import Cart

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
        price = Price.objects.create(
            partner_id=self.world.id,
            product_id=sku.product_id,
            sku=sku,
            market="",
            currency="USD",
            segment="",
            term=term,
            plan=plan,
            list_price=Decimal(amount),
            valid_from=TODAY - datetime.timedelta(days=30),
            created_at=factories.NOW,
        )
        PriceCost.objects.create(partner_id=self.world.id, price=price, cost=Decimal(cost))
        return price

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
    account = CspAccount.objects.create(
        partner_id=world.id,
        customer_id=customer.id,
        mode=AccountMode.EXISTING,
        state=AccountState.LINKED,
        domain="wingtip.onmicrosoft.com",
        company_name="Wingtip",
        country="US",
        microsoft_tenant_id=uuid.uuid4(),
        qualification="commercial",
        created_at=factories.NOW,
        linked_at=factories.NOW,
    )
    Agreement.objects.create(
        partner_id=world.id,
        customer_id=customer.id,
        account=account,
        first_name="Ann",
        last_name="Archer",
        email="ann@wingtip.example",
        phone="+14255550100",
        agreed_on=TODAY,
        recorded_at=factories.NOW,
        confirmed_at=factories.NOW,
    )
    return Shop(
        world=world,
        customer=customer,
        subscription=Subscription.objects.get(customer_id=customer.id),
        account=account,
    )
