"""Carts, orders and their items, what an order waits for, and the writes at Microsoft that fulfil it."""

from typing import ClassVar

from django.db import models

from msphub.accounts.models import Subscription
from msphub.catalog.choices import Category, Plan, Term, VendorCode
from msphub.catalog.models import Sku
from msphub.customers.choices import WriteState
from msphub.customers.models import CspAccount
from msphub.entitlements.models import PurchasedProduct
from msphub.kit import ids
from msphub.orders.choices import ItemStatus, OrderStatus, OrderType, TaskKind, TaskStatus, WriteKind


class Cart(models.Model):
    """What is going to be bought for one customer under one of its subscriptions; kept until it is ordered."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField()
    subscription = models.ForeignKey(Subscription, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partner_id", "customer_id", "subscription"], name="cart_once")
        ]

    def __str__(self) -> str:
        return f"cart of {self.customer_id}"


class CartLine(models.Model):
    """One line of a cart, with the price its reader saw: what changed until review is shown."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField()
    cart = models.ForeignKey(
        Cart, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="lines"
    )
    sku = models.ForeignKey(Sku, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    csp_account = models.ForeignKey(
        CspAccount, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, null=True
    )
    term = models.CharField(max_length=10, choices=Term.choices, blank=True)
    plan = models.CharField(max_length=12, choices=Plan.choices)
    quantity = models.PositiveIntegerField()
    currency = models.CharField(max_length=3)
    seen_unit_price = models.DecimalField(max_digits=18, decimal_places=6)
    added_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["partner_id", "cart", "sku", "term", "plan", "csp_account"],
                nulls_distinct=False,
                name="cart_line_once",
            ),
            models.CheckConstraint(condition=models.Q(quantity__gte=1), name="cart_line_quantity"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.sku_id}"


class OrderCounter(models.Model):
    """The last number given to a partner's orders of one type; locked while the next one is taken."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    type = models.CharField(max_length=2, choices=OrderType.choices)
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["partner_id", "type"], name="order_counter_once")]

    def __str__(self) -> str:
        return f"{self.type}{self.last}"


class Order(models.Model):
    """What was bought or changed at once, for one customer under one of its subscriptions."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField()
    subscription = models.ForeignKey(
        Subscription, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="orders"
    )
    type = models.CharField(max_length=2, choices=OrderType.choices)
    number = models.CharField(max_length=20)
    status = models.CharField(max_length=10, choices=OrderStatus.choices)
    currency = models.CharField(max_length=3)
    # What is charged today: the sum of the items' extended prices.
    total = models.DecimalField(max_digits=16, decimal_places=2)
    item_count = models.PositiveIntegerField()
    # Names the review that was confirmed: the last button clicked twice makes one order.
    review_id = models.UUIDField()
    placed_at = models.DateTimeField()
    placed_by = models.TextField()
    placed_by_id = models.UUIDField(null=True)
    scheduled_on = models.DateField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)
    # While Microsoft is away: when the job comes back.
    next_try_at = models.DateTimeField(null=True)
    message = models.TextField(blank=True)
    # How often in a row Microsoft could not be asked: the job comes back less and less often.
    outages = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(status__in=OrderStatus.values), name="order_status"),
            models.UniqueConstraint(fields=["partner_id", "number"], name="order_number"),
            models.UniqueConstraint(fields=["partner_id", "review_id"], name="order_of_a_review"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["partner_id", "placed_at", "id"], name="order_by_time"),
            models.Index(fields=["partner_id", "customer_id", "placed_at", "id"], name="order_by_customer"),
            models.Index(fields=["partner_id", "status", "placed_at", "id"], name="order_by_status"),
            models.Index(fields=["scheduled_on"], name="order_scheduled", condition=models.Q(status="scheduled")),
        ]

    def __str__(self) -> str:
        return self.number


class OrderItem(models.Model):
    """One line of an order, with its prices as quoted. Unit prices are for one unit and one billing period."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField()
    order = models.ForeignKey(
        Order, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="items"
    )
    position = models.PositiveSmallIntegerField()
    sku = models.ForeignKey(Sku, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    csp_account = models.ForeignKey(
        CspAccount, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, null=True
    )
    vendor = models.CharField(max_length=10, choices=VendorCode.choices)
    category = models.CharField(max_length=10, choices=Category.choices)
    product_code = models.CharField(max_length=130)
    product_name = models.CharField(max_length=300)
    sku_name = models.CharField(max_length=300)
    domain = models.CharField(max_length=253, blank=True)
    term = models.CharField(max_length=10, choices=Term.choices, blank=True)
    plan = models.CharField(max_length=12, choices=Plan.choices)
    quantity = models.PositiveIntegerField()
    currency = models.CharField(max_length=3)
    list_price = models.DecimalField(max_digits=18, decimal_places=6)
    discount_percent = models.DecimalField(max_digits=5, decimal_places=2)
    discount_reason = models.TextField(blank=True)
    unit_price = models.DecimalField(max_digits=18, decimal_places=6)
    # Today's charge, pro rata by day (nce-rules.md §9.2), rounded half up to the minor unit.
    extended_price = models.DecimalField(max_digits=16, decimal_places=2)
    starts_on = models.DateField()
    ends_on = models.DateField(null=True)
    # Whose price it is, at Microsoft; empty: everybody's.
    segment = models.CharField(max_length=20, blank=True, default="", db_default="")
    # Microsoft's statement of eligibility was confirmed by who placed the order, where the SKU asks for one.
    attested = models.BooleanField(default=False, db_default=False)
    status = models.CharField(max_length=10, choices=ItemStatus.choices, default=ItemStatus.WAITING)
    failure_code = models.CharField(max_length=30, blank=True)
    failure_message = models.TextField(blank=True)
    microsoft_order_id = models.CharField(max_length=40, blank=True)
    microsoft_subscription_id = models.UUIDField(null=True)
    purchased_product = models.ForeignKey(
        PurchasedProduct, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, null=True
    )
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(status__in=ItemStatus.values), name="order_item_status"),
            models.UniqueConstraint(fields=["partner_id", "order", "position"], name="order_item_position"),
            models.CheckConstraint(condition=models.Q(quantity__gte=1), name="order_item_quantity"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.sku_name}"


class OrderItemCost(models.Model):
    """What an item costs the partner: one unit, one billing period. No customer's user can read it."""

    order_item = models.OneToOneField(
        OrderItem, primary_key=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="cost"
    )
    partner_id = models.UUIDField()
    unit_cost = models.DecimalField(max_digits=18, decimal_places=6)

    def __str__(self) -> str:
        return str(self.unit_cost)


class OrderWrite(models.Model):
    """One write of a purchase at Microsoft. The row is made before the call and its id is the MS-RequestId."""

    id = models.UUIDField(primary_key=True, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField()
    order = models.ForeignKey(
        Order, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="writes"
    )
    csp_account = models.ForeignKey(CspAccount, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    kind = models.CharField(max_length=10, choices=WriteKind.choices)
    state = models.CharField(max_length=10, choices=WriteState.choices, default=WriteState.PREPARED)
    # The items it is about, in the order they were sent.
    items = models.JSONField(default=list)
    microsoft_cart_id = models.CharField(max_length=60, blank=True)
    prepared_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    code = models.CharField(max_length=30, blank=True)
    message = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["partner_id", "order", "csp_account", "kind"],
                condition=models.Q(state__in=["prepared", "unknown"]),
                name="one_open_write_per_kind",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.state}"


class Task(models.Model):
    """Information that an order waits for (product.md §4 X); nothing of the order is sent before."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField()
    order = models.ForeignKey(
        Order, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="tasks"
    )
    order_item = models.ForeignKey(OrderItem, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    kind = models.CharField(max_length=20, choices=TaskKind.choices)
    name = models.CharField(max_length=300)
    status = models.CharField(max_length=10, choices=TaskStatus.choices, default=TaskStatus.PENDING)
    company_name = models.CharField(max_length=200, blank=True)
    domain = models.CharField(max_length=253, blank=True)
    admin_email = models.EmailField(max_length=254, blank=True)
    # The last day of the reminders (3, 5, 7) that was sent, so that each goes once.
    reminded_day = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)
    completed_by = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(status__in=TaskStatus.values), name="task_status"),
            models.UniqueConstraint(fields=["partner_id", "order_item"], name="task_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["partner_id", "expires_at", "id"], name="task_by_expiration"),
            models.Index(fields=["partner_id", "customer_id", "expires_at", "id"], name="task_by_customer"),
            models.Index(fields=["expires_at"], name="task_open", condition=models.Q(status="pending")),
        ]

    def __str__(self) -> str:
        return self.name
