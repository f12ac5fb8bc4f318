"""Vendors, their products, SKUs and prices, and the discounts a partner gives on them, in dated versions."""

from typing import ClassVar

from django.db import models
from django.db.models import Value
from django.db.models.functions import Lower

from msphub.accounts.models import User
from msphub.catalog.choices import Category, DiscountCategory, Shelf, SyncState, VendorCode
from msphub.kit import ids


def _percent(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(condition=models.Q(percent__gte=0) & models.Q(percent__lte=100), name=name)


class Vendor(models.Model):
    """Whose products a partner sells."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    code = models.CharField(max_length=10, choices=VendorCode.choices)
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partner_id", "code"], name="vendor_code"),
            models.CheckConstraint(condition=models.Q(code__in=VendorCode.values), name="vendor_code_known"),
        ]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """What a vendor sells, in one or more SKUs. `external_id` is the vendor's own id, Microsoft's ProductId."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    vendor = models.ForeignKey(
        Vendor, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="products"
    )
    external_id = models.CharField(max_length=60)
    title = models.CharField(max_length=300)
    publisher = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    category = models.CharField(max_length=10, choices=Category.choices)
    # Where the marketplace puts it, how it is sorted, and the words it is found by (a generated tsvector beside it).
    shelf = models.CharField(max_length=12, choices=Shelf.choices, blank=True, db_default="")
    sort_title = models.TextField(blank=True, db_default="")
    search_text = models.TextField(blank=True, db_default="")
    active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1, db_default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partner_id", "vendor", "external_id"], name="product_external_id"),
            models.CheckConstraint(condition=models.Q(category__in=Category.values), name="product_category"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["partner_id", "sort_title", "id"], name="product_by_title"),
            models.Index(fields=["partner_id", "vendor", "sort_title", "id"], name="product_of_vendor"),
            models.Index(fields=["partner_id", "vendor", "shelf", "sort_title", "id"], name="product_on_shelf"),
        ]

    def __str__(self) -> str:
        return self.title


class Sku(models.Model):
    """One thing to buy of a product. `external_id` is Microsoft's SkuId; quantities limit one purchase."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    product = models.ForeignKey(
        Product, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="skus"
    )
    external_id = models.CharField(max_length=60)
    title = models.CharField(max_length=300)
    sort_title = models.TextField()
    description = models.TextField(blank=True)
    unit = models.CharField(max_length=100, blank=True)
    minimum_quantity = models.PositiveIntegerField(default=1)
    maximum_quantity = models.PositiveIntegerField(null=True)
    is_trial = models.BooleanField(default=False)
    # Azure plan and the like: no quantity, billed by what was used.
    usage_based = models.BooleanField(default=False)
    # Microsoft's `productId:skuId` of which the customer must hold one; countries it is limited to (none: all of them).
    prerequisites = models.JSONField(default=list, db_default=Value([], models.JSONField()))
    countries = models.JSONField(default=list, db_default=Value([], models.JSONField()))
    # What the buyer must attest, Microsoft's attestationType; empty: nothing.
    attestation = models.CharField(max_length=60, blank=True, db_default="")
    details_at = models.DateTimeField(null=True)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partner_id", "product", "external_id"], name="sku_external_id"),
            models.CheckConstraint(
                condition=models.Q(maximum_quantity__isnull=True)
                | models.Q(maximum_quantity__gte=models.F("minimum_quantity")),
                name="sku_quantities",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["partner_id", "sort_title", "id"], name="sku_by_title")]

    def __str__(self) -> str:
        return self.title


class Discount(models.Model):
    """A reduction of list prices of one vendor in one country; its rates are those of the version in force."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    name = models.CharField(max_length=100)
    sort_name = models.TextField()
    vendor = models.CharField(max_length=10, choices=VendorCode.choices)
    country = models.CharField(max_length=2)
    category = models.CharField(max_length=10, choices=DiscountCategory.choices)
    # The number that the latest version got; one that was withdrawn is not given again.
    last_number = models.PositiveIntegerField(default=1)
    # Counts changes of the discount and of all its versions, so that nobody overwrites a colleague's unseen.
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(models.F("partner_id"), Lower("name"), name="discount_name"),
            models.CheckConstraint(condition=models.Q(vendor__in=VendorCode.values), name="discount_vendor"),
            models.CheckConstraint(condition=models.Q(category__in=DiscountCategory.values), name="discount_category"),
        ]
        indexes: ClassVar = [models.Index(fields=["partner_id", "sort_name", "id"], name="discount_by_name")]

    def __str__(self) -> str:
        return self.name


class DiscountVersion(models.Model):
    """The rates of a discount from a day on; the latest `valid_from` not in the future holds (product.md §3).

    It has no end of its own: the next version's day ends it. Once in force it never changes.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    discount = models.ForeignKey(
        Discount, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="versions"
    )
    number = models.PositiveIntegerField()
    valid_from = models.DateField()
    # Default and Azure Plan have one rate; the other categories have rows below.
    percent = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    created_at = models.DateTimeField()
    created_by = models.TextField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partner_id", "discount", "valid_from"], name="discount_version_day"),
            models.UniqueConstraint(fields=["partner_id", "discount", "number"], name="discount_version_number"),
            models.CheckConstraint(
                condition=models.Q(percent__isnull=True) | (models.Q(percent__gte=0) & models.Q(percent__lte=100)),
                name="discount_version_percent",
            ),
        ]

    def __str__(self) -> str:
        return f"v{self.number} from {self.valid_from:%Y-%m-%d}"


class DiscountItem(models.Model):
    """The rate of one product, or of one SKU of it, in a version of an itemized or product discount."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    discount_version = models.ForeignKey(
        DiscountVersion, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="items"
    )
    product = models.ForeignKey(Product, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    sku = models.ForeignKey(Sku, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, null=True)
    percent = models.DecimalField(max_digits=5, decimal_places=2)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["partner_id", "discount_version", "product", "sku"],
                nulls_distinct=False,
                name="discount_item_once",
            ),
            _percent("discount_item_percent"),
        ]

    def __str__(self) -> str:
        return f"{self.percent} %"


class DiscountBand(models.Model):
    """The rate of a quantity band in a version of a slab discount; it reaches to the next band's first quantity."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    discount_version = models.ForeignKey(
        DiscountVersion, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="bands"
    )
    from_quantity = models.PositiveIntegerField()
    percent = models.DecimalField(max_digits=5, decimal_places=2)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["partner_id", "discount_version", "from_quantity"], name="discount_band_once"
            ),
            models.CheckConstraint(condition=models.Q(from_quantity__gte=1), name="discount_band_from_one"),
            _percent("discount_band_percent"),
        ]

    def __str__(self) -> str:
        return f"{self.percent} % from {self.from_quantity}"


class Price(models.Model):
    """What a SKU costs for one whole term from a day on: Microsoft's ERP price, or what the partner has set.

    An empty `market` or `segment` holds for every country, for everybody. `valid_before` is the first day it no longer
    holds. A price is never rewritten once it has been in force: a new one follows it.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    product = models.ForeignKey(Product, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    sku = models.ForeignKey(
        Sku, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="prices"
    )
    market = models.CharField(max_length=2, blank=True)
    currency = models.CharField(max_length=3)
    segment = models.CharField(max_length=20, blank=True)
    # P1M, P1Y, P3Y as Microsoft writes them, or nothing: bought once.
    term = models.CharField(max_length=10, blank=True)
    plan = models.CharField(max_length=12)
    tier_from = models.PositiveIntegerField(default=1)
    tier_to = models.PositiveIntegerField(null=True)
    list_price = models.DecimalField(max_digits=18, decimal_places=6)
    valid_from = models.DateField()
    valid_before = models.DateField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=[
                    "partner_id",
                    "sku",
                    "market",
                    "currency",
                    "segment",
                    "term",
                    "plan",
                    "tier_from",
                    "valid_from",
                ],
                name="price_once",
            ),
            models.CheckConstraint(condition=models.Q(list_price__gte=0), name="price_not_negative"),
            models.CheckConstraint(
                condition=models.Q(valid_before__isnull=True) | models.Q(valid_before__gte=models.F("valid_from")),
                name="price_ends_after_start",
            ),
            models.CheckConstraint(
                condition=models.Q(tier_from__gte=1)
                & (models.Q(tier_to__isnull=True) | models.Q(tier_to__gte=models.F("tier_from"))),
                name="price_tier",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["partner_id", "product", "market", "currency"], name="price_of_product"),
            # What a sync of one market compares with, and which price lists there are.
            models.Index(fields=["partner_id", "market", "currency", "valid_from"], name="price_of_market"),
            # What is yet to come.
            models.Index(fields=["partner_id", "valid_from", "id"], name="price_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.list_price} {self.currency} {self.term} {self.plan}"


class PriceCost(models.Model):
    """What the partner pays for a price's whole term (Microsoft's UnitPrice); a table that no customer sees."""

    price = models.OneToOneField(
        Price, primary_key=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="costs"
    )
    partner_id = models.UUIDField()
    cost = models.DecimalField(max_digits=18, decimal_places=6)

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=models.Q(cost__gte=0), name="cost_not_negative")]

    def __str__(self) -> str:
        return f"{self.cost}"


class Favourite(models.Model):
    """A product that a person has marked with the star."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField(null=True)
    user = models.ForeignKey(User, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    product = models.ForeignKey(Product, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partner_id", "user", "product"], name="favourite_once")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} likes {self.product_id}"


class CatalogSync(models.Model):
    """One run that brings Microsoft's products and prices of a market into the catalogue."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    market = models.CharField(max_length=2)
    state = models.CharField(max_length=12, choices=SyncState.choices, default=SyncState.WAITING)
    # Also take over a sheet in which much of what is sold today is missing: a person has looked at it.
    accept_losses = models.BooleanField(default=False)
    rows_read = models.PositiveIntegerField(default=0)
    rows_refused = models.PositiveIntegerField(default=0)
    # The first refused rows: [{line, reason}]
    refusals = models.JSONField(default=list)
    products_added = models.PositiveIntegerField(default=0)
    skus_added = models.PositiveIntegerField(default=0)
    prices_added = models.PositiveIntegerField(default=0)
    prices_changed = models.PositiveIntegerField(default=0)
    prices_ended = models.PositiveIntegerField(default=0)
    details_read = models.PositiveIntegerField(default=0)
    created_by = models.TextField()
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    error_code = models.CharField(max_length=30, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            # Clicked twice, or asked for by a person while the nightly run works: still one run of a market.
            models.UniqueConstraint(
                fields=["partner_id", "market"],
                condition=models.Q(state__in=["waiting", "downloading", "applying", "details"]),
                name="one_open_sync_per_market",
            ),
            models.CheckConstraint(condition=models.Q(state__in=SyncState.values), name="sync_state"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["partner_id", "market", "created_at"], name="sync_by_market"),
        ]

    def __str__(self) -> str:
        return f"{self.market}: {self.state}"
