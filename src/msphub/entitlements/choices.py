from django.db import models
from django.utils.translation import gettext_lazy as _


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


class Term(models.TextChoices):
    """How long a purchase binds; Microsoft's own durations (nce-rules.md §1). Perpetual and usage have none."""

    MONTH = "P1M", _("1 month")
    YEAR = "P1Y", _("1 year")
    THREE_YEARS = "P3Y", _("3 years")
    NONE = "", _("No term")


class Plan(models.TextChoices):
    """How often a term is charged: Microsoft's billing cycles (nce-rules.md §1)."""

    MONTHLY = "monthly", _("Monthly")
    ANNUAL = "annual", _("Annually")
    TRIENNIAL = "triennial", _("Every 3 years")
    ONE_TIME = "one_time", _("One time")
    NONE = "none", _("None")
