"""Vendors, their products and SKUs, and the discounts a partner gives on them, in dated versions."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Lower

from msphub.catalog.choices import Category, DiscountCategory, VendorCode
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
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partner_id", "vendor", "external_id"], name="product_external_id"),
            models.CheckConstraint(condition=models.Q(category__in=Category.values), name="product_category"),
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
