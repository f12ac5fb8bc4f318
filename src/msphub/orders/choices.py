from django.db import models
from django.utils.translation import gettext_lazy as _


class OrderType(models.TextChoices):
    """What an order does; the value is the prefix of its number (product.md §4)."""

    NEW = "SO", _("New")
    RENEW = "RO", _("Renew")
    CHANGE = "CH", _("Change quantity")
    UPGRADE = "UO", _("Upgrade")
    IMPORT = "IO", _("Import")


class OrderStatus(models.TextChoices):
    SCHEDULED = "scheduled", _("Scheduled")
    PENDING = "pending", _("Pending")
    PROCESSING = "processing", _("Processing")
    COMPLETED = "completed", _("Completed")
    PARTIAL = "partial", _("Partially completed")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


# Orders of which something is still to come: they count towards the customer's exposure.
OPEN = (OrderStatus.SCHEDULED, OrderStatus.PENDING, OrderStatus.PROCESSING)


class ItemStatus(models.TextChoices):
    """`sent`: Microsoft has been asked, and the answer or the provisioning is awaited."""

    WAITING = "waiting", _("Waiting")
    SENT = "sent", _("Processing")
    COMPLETED = "completed", _("Completed")
    FAILED = "failed", _("Failed")
    DROPPED = "dropped", _("Dropped")
    CANCELLED = "cancelled", _("Cancelled")


class WriteKind(models.TextChoices):
    """The writes of a purchase at Microsoft, in their order."""

    CART = "cart", _("Cart")
    CHECKOUT = "checkout", _("Checkout")


class TaskKind(models.TextChoices):
    """What an order may wait for. Coro needs to know whom to set up."""

    CORO_SETUP = "coro_setup", _("Coro setup")


class TaskStatus(models.TextChoices):
    PENDING = "pending", _("Pending")
    COMPLETED = "completed", _("Completed")
    EXPIRED = "expired", _("Expired")
