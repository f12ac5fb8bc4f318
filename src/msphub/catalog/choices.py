from django.db import models
from django.utils.translation import gettext_lazy as _


class VendorCode(models.TextChoices):
    """Whose products are sold (product.md §4); `own` are the partner's own services."""

    MICROSOFT = "microsoft", "Microsoft"
    CORO = "coro", "Coro"
    MSP_HUB = "msp_hub", "MSP Hub"
    OWN = "own", _("Own services")


class Category(models.TextChoices):
    """An order item's category (product.md §4), in its words and order."""

    DAAS = "daas", _("DAAS")
    ONLINE = "online", _("Online services")
    PERPETUAL = "perpetual", _("Perpetual")
    SOFTWARE = "software", _("Software subscriptions")
    LEGACY = "legacy", _("Legacy")
    ADD_ON = "add_on", _("Add-ons")


class DiscountCategory(models.TextChoices):
    """How a discount finds its rate (product.md §3). *SKU* is for quotations only and not offered without them."""

    DEFAULT = "default", _("Default")
    ITEMIZED = "itemized", _("Itemized")
    SLAB = "slab", _("Slab")
    AZURE_PLAN = "azure_plan", _("Azure Plan")
    PRODUCT = "product", _("Product")


class Basis(models.TextChoices):
    """What of a discount fits a product, the strongest first (product.md §3: Itemized beats Slab beats Default)."""

    SKU = "sku", _("its SKU")
    PRODUCT = "product", _("its product")
    BAND = "band", _("its quantity")
    USAGE = "usage", _("usage")
    ALL = "all", _("all products")


class VersionState(models.TextChoices):
    IN_FORCE = "in_force", _("In force")
    COMING = "coming", _("Coming")
    PAST = "past", _("Past")


# Which categories a vendor's discounts have, in the order of product.md §3.
CATEGORIES_OF: dict[str, tuple[DiscountCategory, ...]] = {
    VendorCode.MICROSOFT: (
        DiscountCategory.DEFAULT,
        DiscountCategory.ITEMIZED,
        DiscountCategory.SLAB,
        DiscountCategory.AZURE_PLAN,
    ),
    VendorCode.CORO: (DiscountCategory.DEFAULT,),
    VendorCode.MSP_HUB: (DiscountCategory.PRODUCT,),
    VendorCode.OWN: (DiscountCategory.DEFAULT,),
}

# Categories with one rate, with a rate for each product or SKU, and with a rate for each quantity band.
ONE_RATE = frozenset({DiscountCategory.DEFAULT, DiscountCategory.AZURE_PLAN})
BY_ITEM = frozenset({DiscountCategory.ITEMIZED, DiscountCategory.PRODUCT})
