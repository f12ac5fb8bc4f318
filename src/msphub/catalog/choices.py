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


class Shelf(models.TextChoices):
    """Where the marketplace puts a Microsoft product (product.md §4: Online, Software, Legacy, Add-ons, Azure plan)."""

    ONLINE = "online", _("Online")
    SOFTWARE = "software", _("Software")
    LEGACY = "legacy", _("Legacy")
    ADD_ON = "add_on", _("Add-ons")
    AZURE_PLAN = "azure_plan", _("Azure plan")


SHELF_OF: dict[str, str] = {
    Category.ONLINE: Shelf.ONLINE,
    Category.PERPETUAL: Shelf.SOFTWARE,
    Category.SOFTWARE: Shelf.SOFTWARE,
    Category.LEGACY: Shelf.LEGACY,
    Category.ADD_ON: Shelf.ADD_ON,
    Category.DAAS: "",
}


class Term(models.TextChoices):
    """How long a purchase binds (nce-rules.md §1); others that Microsoft may name are kept as they come."""

    MONTH = "P1M", _("1 month")
    YEAR = "P1Y", _("1 year")
    THREE_YEARS = "P3Y", _("3 years")
    NONE = "", _("No term")


class Plan(models.TextChoices):
    """How often a purchase is billed, Microsoft's billingCycle."""

    MONTHLY = "monthly", _("Monthly")
    ANNUAL = "annual", _("Annually")
    TRIENNIAL = "triennial", _("Every 3 years")
    ONE_TIME = "one_time", _("Once")
    NONE = "none", _("Not billed")


class CustomerSegment(models.TextChoices):
    """Whom Microsoft sells a price to, by its API's words."""

    COMMERCIAL = "commercial", _("Commercial")
    EDUCATION = "education", _("Education")
    NONPROFIT = "nonprofit", _("Non-Profit (Charity)")
    GOVERNMENT = "government", _("Government")


# Microsoft's words for them, in price sheets and in its catalogue, in lower case.
SEGMENT_WORDS = {
    "": "",
    "commercial": CustomerSegment.COMMERCIAL,
    "education": CustomerSegment.EDUCATION,
    "academic": CustomerSegment.EDUCATION,
    "charity": CustomerSegment.NONPROFIT,
    "nonprofit": CustomerSegment.NONPROFIT,
    "government": CustomerSegment.GOVERNMENT,
}


class ImportOutcome(models.TextChoices):
    """What a line of a file of prices does."""

    NEW_PRODUCT = "new_product", _("New product")
    NEW_SKU = "new_sku", _("New SKU")
    NEW_PRICE = "new_price", _("New price")
    FOLLOWS = "follows", _("Follows the present price")
    REPLACES = "replaces", _("Replaces a price of the same day")
    SAME = "same", _("No change")


class SyncState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    DOWNLOADING = "downloading", _("Reading the price sheet")
    APPLYING = "applying", _("Applying changes")
    DETAILS = "details", _("Reading products")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


OPEN_SYNC = (SyncState.WAITING, SyncState.DOWNLOADING, SyncState.APPLYING, SyncState.DETAILS)


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
