"""What a customer needs to buy: an account linked to its Microsoft tenant, and products with prices."""

import datetime
import uuid
from decimal import Decimal

from tests import factories

from msphub.accounts.models import Tenant
from msphub.catalog.choices import Plan, Term
from msphub.catalog.models import Price, PriceCost, Sku
from msphub.customers.choices import AccountMode, AccountState
from msphub.customers.models import Agreement, CspAccount


def linked_account(
    world: factories.PartnerWorld, customer: Tenant, *, microsoft_tenant_id: uuid.UUID | None = None
) -> CspAccount:
    """Make a linked account with a confirmed agreement."""
    account = CspAccount.objects.create(
        partner_id=world.id,
        customer_id=customer.id,
        mode=AccountMode.EXISTING,
        state=AccountState.LINKED,
        domain="wingtip.onmicrosoft.com",
        company_name="Wingtip",
        country="US",
        microsoft_tenant_id=microsoft_tenant_id or uuid.uuid4(),
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
        agreed_on=factories.NOW.date(),
        recorded_at=factories.NOW,
        confirmed_at=factories.NOW,
    )
    return account


def price(
    world: factories.PartnerWorld,
    sku: Sku,
    *,
    amount: str = "120.00",
    cost: str = "90.00",
    term: Term = Term.YEAR,
    plan: Plan = Plan.MONTHLY,
) -> Price:
    """Give a SKU a price in dollars for the whole term."""
    made = Price.objects.create(
        partner_id=world.id,
        product_id=sku.product_id,
        sku=sku,
        market="",
        currency="USD",
        segment="",
        term=term,
        plan=plan,
        list_price=Decimal(amount),
        valid_from=factories.NOW.date() - datetime.timedelta(days=30),
        created_at=factories.NOW,
    )
    PriceCost.objects.create(partner_id=world.id, price=made, cost=Decimal(cost))
    return made
