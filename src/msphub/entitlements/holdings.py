"""Writes of what customers hold: a purchased product and its dated history, always together."""

import dataclasses
import datetime
import uuid
from decimal import Decimal

from django.db import transaction

from msphub.accounts.models import Subscription
from msphub.catalog.choices import VendorCode
from msphub.catalog.models import Sku
from msphub.customers.models import CspAccount, Customer
from msphub.entitlements.choices import Plan, State, Term
from msphub.entitlements.models import HoldingCost, HoldingPeriod, PurchasedProduct
from msphub.kit import text
from msphub.kit.actor import Actor


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """A fulfilled order item. Prices are for one unit and one billing period, after discount, in `currency`.

    `term_starts_on` is the first and `term_ends_on` the first day after the term (half-open, UTC dates).
    """

    customer_id: uuid.UUID
    subscription: Subscription
    csp_account: CspAccount | None
    sku: Sku
    vendor: str
    category: str
    product_name: str
    sku_name: str
    term: Term
    plan: Plan
    quantity: int
    currency: str
    list_price: Decimal
    discount_percent: Decimal
    discount_reason: str
    unit_price: Decimal
    unit_cost: Decimal | None
    domain: str
    term_starts_on: datetime.date
    term_ends_on: datetime.date | None
    order_item_id: uuid.UUID
    microsoft_subscription_id: uuid.UUID | None = None
    microsoft_order_id: str = ""
    auto_renew: bool = True
    cancellable_until: datetime.datetime | None = None


def record_purchase(*, by: Actor, bought: Bought, at: datetime.datetime) -> PurchasedProduct:
    """Record a new purchased product with the first period of its history.

    The caller holds the order item's row locked and records what happened; a Microsoft subscription that is recorded
    already is refused by its key.
    """
    with transaction.atomic():
        product = PurchasedProduct.objects.create(
            partner_id=by.partner_id,
            customer_id=bought.customer_id,
            subscription=bought.subscription,
            csp_account=bought.csp_account,
            sku=bought.sku,
            vendor=bought.vendor,
            category=bought.category,
            product_name=bought.product_name,
            sku_name=bought.sku_name,
            sort_name=text.fold(f"{bought.product_name} {bought.sku_name}"),
            term=bought.term,
            plan=bought.plan,
            state=State.ACTIVE,
            quantity=bought.quantity,
            currency=bought.currency,
            market=_market(bought),
            domain=bought.domain,
            microsoft_subscription_id=bought.microsoft_subscription_id,
            microsoft_order_id=bought.microsoft_order_id,
            purchased_at=at,
            anchor_on=bought.term_starts_on,
            term_starts_on=bought.term_starts_on,
            term_ends_on=bought.term_ends_on,
            auto_renew=bought.auto_renew,
            cancellable_until=bought.cancellable_until,
            created_at=at,
        )
        period = HoldingPeriod.objects.create(
            partner_id=by.partner_id,
            customer_id=bought.customer_id,
            purchased_product=product,
            starts_on=bought.term_starts_on,
            state=State.ACTIVE,
            quantity=bought.quantity,
            term=bought.term,
            plan=bought.plan,
            currency=bought.currency,
            list_price=bought.list_price,
            discount_percent=bought.discount_percent,
            discount_reason=bought.discount_reason,
            unit_price=bought.unit_price,
            order_item_id=bought.order_item_id,
            recorded_at=at,
        )
        if bought.unit_cost is not None:
            HoldingCost.objects.create(partner_id=by.partner_id, holding_period=period, unit_cost=bought.unit_cost)
    return product


def _market(bought: Bought) -> str:
    """Return the country whose prices it follows from now on, as a purchase decides it (`Buyer.scope`)."""
    if bought.vendor == VendorCode.MICROSOFT and bought.csp_account is not None:
        return bought.csp_account.country
    return Customer.objects.values_list("country", flat=True).get(
        partner_id=bought.subscription.partner_id, tenant_id=bought.customer_id
    )
