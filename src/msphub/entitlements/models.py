"""What customers hold: one row of the Products tab each, with its dated history."""

from typing import ClassVar

from django.db import models

from msphub.accounts.models import Subscription
from msphub.catalog.choices import Category, Plan, Term, VendorCode
from msphub.catalog.models import Sku
from msphub.customers.models import CspAccount
from msphub.entitlements.choices import State
from msphub.kit import ids


class PurchasedProduct(models.Model):
    """One row of a customer's Products tab; for Microsoft it is one Partner Center subscription."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField()
    subscription = models.ForeignKey(Subscription, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    csp_account = models.ForeignKey(
        CspAccount, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, null=True
    )
    sku = models.ForeignKey(Sku, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    vendor = models.CharField(max_length=10, choices=VendorCode.choices)
    category = models.CharField(max_length=10, choices=Category.choices)
    # As they were called when bought.
    product_name = models.CharField(max_length=300)
    sku_name = models.CharField(max_length=300)
    sort_name = models.TextField()
    term = models.CharField(max_length=10, choices=Term.choices, blank=True)
    plan = models.CharField(max_length=12, choices=Plan.choices)
    state = models.CharField(max_length=10, choices=State.choices)
    quantity = models.PositiveIntegerField()
    currency = models.CharField(max_length=3)
    # The country whose prices it follows: the Microsoft tenant's, which never changes, or the customer's when bought.
    market = models.CharField(max_length=2, blank=True, default="", db_default="")
    domain = models.CharField(max_length=253, blank=True)
    microsoft_subscription_id = models.UUIDField(null=True)
    microsoft_order_id = models.CharField(max_length=40, blank=True)
    purchased_at = models.DateTimeField()
    # Stored once: a billing day derived from the last run would drift (pains.md 14). UTC dates, periods half-open.
    anchor_on = models.DateField()
    term_starts_on = models.DateField()
    term_ends_on = models.DateField(null=True)
    auto_renew = models.BooleanField(default=True)
    cancellable_until = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(state__in=State.values), name="purchased_state"),
            models.CheckConstraint(
                condition=models.Q(term_ends_on__isnull=True) | models.Q(term_ends_on__gt=models.F("term_starts_on")),
                name="purchased_term",
            ),
            models.UniqueConstraint(
                fields=["partner_id", "microsoft_subscription_id"],
                condition=models.Q(microsoft_subscription_id__isnull=False),
                name="microsoft_subscription_once",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["partner_id", "customer_id", "sort_name", "id"], name="purchased_by_name"),
            models.Index(fields=["partner_id", "customer_id", "purchased_at", "id"], name="purchased_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.sku_name}"


class HoldingPeriod(models.Model):
    """What held for a purchased product from one day to the next change: the dated history that billing reads.

    A gapless chain: each period ends where the next starts, and the last one has no end (0002 keeps that). Rows are
    never rewritten but for their end. Prices are for one unit and one billing period, after discount.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField()
    purchased_product = models.ForeignKey(
        PurchasedProduct, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="history"
    )
    starts_on = models.DateField()
    ends_on = models.DateField(null=True)
    state = models.CharField(max_length=10, choices=State.choices)
    quantity = models.PositiveIntegerField()
    term = models.CharField(max_length=10, choices=Term.choices, blank=True)
    plan = models.CharField(max_length=12, choices=Plan.choices)
    currency = models.CharField(max_length=3)
    list_price = models.DecimalField(max_digits=18, decimal_places=6)
    discount_percent = models.DecimalField(max_digits=5, decimal_places=2)
    discount_reason = models.TextField(blank=True)
    unit_price = models.DecimalField(max_digits=18, decimal_places=6)
    # The order item that brought the change.
    order_item_id = models.UUIDField(null=True)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(state__in=State.values), name="holding_state"),
            models.CheckConstraint(
                condition=models.Q(ends_on__isnull=True) | models.Q(ends_on__gt=models.F("starts_on")),
                name="holding_starts_before_it_ends",
            ),
            models.CheckConstraint(
                condition=models.Q(unit_price__gte=0) & models.Q(unit_price__lte=models.F("list_price")),
                name="holding_price_between_nothing_and_list",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} from {self.starts_on:%Y-%m-%d}"


class HoldingCost(models.Model):
    """What a holding period costs the partner: one unit, one billing period. No customer's user can read it."""

    holding_period = models.OneToOneField(
        HoldingPeriod, primary_key=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="cost"
    )
    partner_id = models.UUIDField()
    unit_cost = models.DecimalField(max_digits=18, decimal_places=6)

    def __str__(self) -> str:
        return str(self.unit_cost)
