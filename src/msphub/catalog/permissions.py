from django.utils.translation import gettext_lazy as _

from msphub.accounts.choices import EVERY_ROLE, PARTNER_ROLES, Role
from msphub.kit.permissions import declare

VIEW_DISCOUNTS = declare(
    "catalog.view_discounts",
    _("See discounts"),
    roles=[Role.OWNER, Role.SALES, Role.BILLING, Role.READ_ONLY],
)
MANAGE_DISCOUNTS = declare(
    "catalog.manage_discounts", _("Create and change discounts"), roles=[Role.OWNER, Role.BILLING]
)
VIEW_MARKETPLACE = declare("catalog.view_marketplace", _("Open the marketplace"), roles=EVERY_ROLE)
VIEW_CATALOGUE = declare("catalog.view_catalogue", _("See the catalogue with costs and its syncs"), roles=PARTNER_ROLES)
MANAGE_CATALOGUE = declare(
    "catalog.manage_catalogue",
    _("Sync the catalogue, and create and change own products"),
    roles=[Role.OWNER, Role.SALES],
)
PURCHASE = declare(
    "catalog.purchase",
    _("Buy products"),
    roles=[Role.OWNER, Role.SALES, Role.CUSTOMER_ADMIN, Role.CUSTOMER_BUYER],
)
