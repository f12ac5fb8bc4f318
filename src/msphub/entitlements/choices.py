from django.db import models
from django.utils.translation import gettext_lazy as _

from msphub.catalog.choices import Plan, Term

__all__ = ["BILLED", "ChangeKind", "Plan", "State", "Term"]


class State(models.TextChoices):
    """What a purchased product is in (product.md §4)."""

    PENDING = "pending", _("Pending")
    ACTIVE = "active", _("Active")
    SUSPENDED = "suspended", _("Suspended")
    EXTENDED = "extended", _("Extended")
    EXPIRED = "expired", _("Expired")
    DISABLED = "disabled", _("Disabled")
    CANCELLED = "cancelled", _("Cancelled")


# States in which a product runs and is billed: suspending stops neither (nce-rules.md §5).
BILLED = (State.ACTIVE, State.SUSPENDED, State.EXTENDED)


class ChangeKind(models.TextChoices):
    """What becomes of a price that customers hold products at."""

    COMING = "coming", _("Coming")
    IN_FORCE = "in_force", _("In force")
    GONE = "gone", _("No longer sold")
