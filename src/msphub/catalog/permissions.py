from django.utils.translation import gettext_lazy as _

from msphub.accounts.choices import Role
from msphub.kit.permissions import declare

VIEW_DISCOUNTS = declare(
    "catalog.view_discounts",
    _("See discounts"),
    roles=[Role.OWNER, Role.SALES, Role.BILLING, Role.READ_ONLY],
)
MANAGE_DISCOUNTS = declare(
    "catalog.manage_discounts", _("Create and change discounts"), roles=[Role.OWNER, Role.BILLING]
)
