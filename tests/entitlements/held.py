"""Purchased products for tests, recorded as a fulfilled order records them."""

import datetime
import uuid
from decimal import Decimal

from tests import factories

from msphub.accounts.models import Subscription, Tenant
from msphub.catalog import prices
from msphub.catalog.choices import Plan, Term
from msphub.catalog.models import Price, Sku
from msphub.customers.models import CspAccount
from msphub.entitlements import cycles, holdings
from msphub.entitlements.models import PurchasedProduct
from msphub.kit import ids


def hold(
    world: factories.PartnerWorld,
    customer: Tenant,
    sku: Sku,
    *,
    list_price: str,
    bought_on: datetime.date,
    quantity: int = 10,
    term: Term = Term.YEAR,
    plan: Plan = Plan.MONTHLY,
    percent: int = 0,
    account: CspAccount | None = None,
    currency: str = "USD",
    auto_renew: bool = True,
    ends_on: datetime.date | None = None,
) -> PurchasedProduct:
    """Give a customer a product, bought at a list price for the whole term, in its first term."""
    listed = prices.kept(prices.per_period(Decimal(list_price), term=term, plan=plan))
    end = ends_on
    if end is None and term != Term.NONE:
        end = cycles.term_end(starts_on=bought_on, term=term) + datetime.timedelta(days=1)
    return holdings.record_purchase(
        by=world.actor,
        bought=holdings.Bought(
            customer_id=customer.id,
            subscription=Subscription.objects.get(customer_id=customer.id),
            csp_account=account,
            sku=sku,
            vendor=sku.product.vendor.code,
            category=sku.product.category,
            product_name=sku.product.title,
            sku_name=sku.title,
            term=term,
            plan=plan,
            quantity=quantity,
            currency=currency,
            list_price=listed,
            discount_percent=Decimal(percent),
            discount_reason="",
            unit_price=prices.kept(listed * (100 - percent) / 100),
            unit_cost=None,
            domain="",
            term_starts_on=bought_on,
            term_ends_on=end,
            order_item_id=uuid.uuid4(),
            auto_renew=auto_renew,
        ),
        at=factories.NOW,
    )


def price(
    sku: Sku,
    amount: str,
    *,
    from_on: datetime.date,
    before: datetime.date | None = None,
    term: Term = Term.YEAR,
    plan: Plan = Plan.MONTHLY,
    market: str = "US",
    segment: str = "commercial",
    currency: str = "USD",
    tier_from: int = 1,
    tier_to: int | None = None,
) -> Price:
    """Give a SKU a price for the whole term."""
    return Price.objects.create(
        id=ids.new_id(),
        partner_id=sku.partner_id,
        product_id=sku.product_id,
        sku=sku,
        market=market,
        currency=currency,
        segment=segment,
        term=term,
        plan=plan,
        list_price=Decimal(amount),
        tier_from=tier_from,
        tier_to=tier_to,
        valid_from=from_on,
        valid_before=before,
        created_at=factories.NOW,
    )
