from django.utils.translation import gettext_lazy as _

from msphub.accounts.choices import EVERY_ROLE, PARTNER_ROLES, Role
from msphub.kit.permissions import declare

MANAGE_MICROSOFT = declare("accounts.manage_microsoft", _("Set up the connection to Microsoft"), roles=[Role.OWNER])
VIEW_MICROSOFT = declare(
    "accounts.view_microsoft", _("See the connection to Microsoft"), roles=[Role.OWNER, Role.SUPPORT, Role.READ_ONLY]
)
VIEW_USERS = declare("accounts.view_users", _("See users"), roles=EVERY_ROLE)
MANAGE_USERS = declare(
    "accounts.manage_users", _("Invite and manage users"), roles=[Role.OWNER, Role.SUPPORT, Role.CUSTOMER_ADMIN]
)
VIEW_SUBSCRIPTIONS = declare(
    "accounts.view_subscriptions", _("See subscriptions and billing profiles"), roles=EVERY_ROLE
)
MANAGE_SUBSCRIPTIONS = declare(
    "accounts.manage_subscriptions",
    _("Create and change subscriptions and billing profiles"),
    roles=[Role.OWNER, Role.BILLING, Role.CUSTOMER_ADMIN, Role.CUSTOMER_BILLING],
)
VIEW_AUDIT = declare(
    "audit.view", _("See the audit log"), roles=[*PARTNER_ROLES, Role.CUSTOMER_ADMIN, Role.CUSTOMER_READ_ONLY]
)
