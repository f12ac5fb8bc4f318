from django.utils.translation import gettext_lazy as _

from msphub.accounts.choices import EVERY_ROLE, PARTNER_ROLES, Role
from msphub.kit.permissions import declare

LIST = declare("customers.list", _("See the list of customers"), roles=PARTNER_ROLES)
VIEW = declare("customers.view", _("See a customer's details"), roles=EVERY_ROLE)
CREATE = declare("customers.create", _("Create customers"), roles=[Role.OWNER, Role.SALES])
EDIT = declare(
    "customers.edit",
    _("Change a customer's profile"),
    roles=[Role.OWNER, Role.SALES, Role.SUPPORT, Role.CUSTOMER_ADMIN],
)
EDIT_TERMS = declare(
    "customers.edit_terms",
    _("Change a customer's type, Partner Subscription and whether it may purchase"),
    roles=[Role.OWNER, Role.SALES],
)
VIEW_TERMS = declare(
    "customers.view_terms",
    _("See customer types and credit terms"),
    roles=[Role.OWNER, Role.SALES, Role.BILLING, Role.READ_ONLY],
)
MANAGE_TERMS = declare(
    "customers.manage_terms", _("Create and change customer types and credit terms"), roles=[Role.OWNER, Role.BILLING]
)
CHANGE_STATUS = declare(
    "customers.change_status", _("Enable, disable and suspend customers"), roles=[Role.OWNER, Role.BILLING]
)
MANAGE_ACCOUNTS = declare(
    "customers.manage_accounts",
    _("Create and link Microsoft tenants of customers"),
    roles=[Role.OWNER, Role.SALES, Role.SUPPORT],
)
