from django.db import models
from django.utils.translation import gettext_lazy as _


class TenantKind(models.TextChoices):
    PARTNER = "partner", _("Partner")
    CUSTOMER = "customer", _("Customer")


class Status(models.TextChoices):
    """What a customer may do; product.md C-17 says what each means."""

    ACTIVE = "active", _("Active")
    SUSPENDED = "suspended", _("Suspended")
    DISABLED = "disabled", _("Disabled")


class StatusCause(models.TextChoices):
    PERSON = "person", _("Person")
    CREDIT = "credit", _("Credit")


class UserStatus(models.TextChoices):
    INVITED = "invited", _("Invited")
    ACTIVE = "active", _("Active")
    DISABLED = "disabled", _("Disabled")


class Role(models.TextChoices):
    """The built-in roles (product.md §7); `permissions.py` of each domain says what they may do."""

    OWNER = "owner", _("Owner")
    SALES = "sales", _("Sales")
    BILLING = "billing", _("Billing")
    SUPPORT = "support", _("Support")
    READ_ONLY = "read_only", _("Read only")
    CUSTOMER_ADMIN = "customer_admin", _("Admin")
    CUSTOMER_BUYER = "customer_buyer", _("Buyer")
    CUSTOMER_BILLING = "customer_billing", _("Billing")
    CUSTOMER_READ_ONLY = "customer_read_only", _("Read only")


PARTNER_ROLES = (Role.OWNER, Role.SALES, Role.BILLING, Role.SUPPORT, Role.READ_ONLY)
CUSTOMER_ROLES = (Role.CUSTOMER_ADMIN, Role.CUSTOMER_BUYER, Role.CUSTOMER_BILLING, Role.CUSTOMER_READ_ONLY)
EVERY_ROLE = (*PARTNER_ROLES, *CUSTOMER_ROLES)
