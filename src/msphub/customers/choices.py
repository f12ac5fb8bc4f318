from django.db import models
from django.utils.translation import gettext_lazy as _


class ContactKind(models.TextChoices):
    PRIMARY = "primary", _("Primary Contact")
    BILLING = "billing", _("Billing Contact")


class OnReach(models.TextChoices):
    """What happens when a customer reaches its credit limit (product.md §3)."""

    ON_ISSUE = "on_issue", _("On Invoice Issue Date")
    ON_DUE = "on_due", _("On Invoice Due Date")
    TRIGGER_PAYMENT = "trigger_payment", _("Trigger Payment")
    NO_ACTION = "no_action", _("Take No Action")


class CreditHold(models.TextChoices):
    MANUAL = "manual", _("Manual")
    AUTOMATIC = "automatic", _("Automatic")


class AccountMode(models.TextChoices):
    """How a CSP account comes by its Microsoft tenant."""

    NEW = "new", _("Create a new Microsoft account")
    EXISTING = "existing", _("The company has an existing Microsoft account")


class AccountState(models.TextChoices):
    NONE = "none", _("None")
    CREATING = "creating", _("Creating")
    WAITING = "waiting", _("Waiting for consent")
    LINKED = "linked", _("Linked")
    FAILED = "failed", _("Failed")


class Step(models.TextChoices):
    """The work at Microsoft, in its order."""

    TENANT = "tenant", _("Microsoft tenant")
    CONSENT = "consent", _("Customer's consent")
    QUALIFICATION = "qualification", _("Qualification")
    AGREEMENT = "agreement", _("Microsoft Customer Agreement")


class StepState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class WriteState(models.TextChoices):
    """An outgoing write: `prepared` before the call, `unknown` when no answer came."""

    PREPARED = "prepared", _("Prepared")
    UNKNOWN = "unknown", _("No answer")
    ACCEPTED = "accepted", _("Accepted")
    REFUSED = "refused", _("Refused")


class Qualification(models.TextChoices):
    COMMERCIAL = "commercial", _("Commercial")
    EDUCATION = "education", _("Education")
    NONPROFIT = "nonprofit", _("Non-Profit (Charity)")


class Segment(models.TextChoices):
    """Microsoft's education segments (contract.md §5.2)."""

    K12 = "K12", _("K-12")
    HIGHER_EDUCATION = "HigherEducation", _("Higher education")
