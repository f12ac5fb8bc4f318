from django.utils.translation import gettext_lazy as _

from msphub.accounts.choices import EVERY_ROLE, Role
from msphub.kit.permissions import declare

VIEW = declare("orders.view", _("See orders"), roles=EVERY_ROLE)
MANAGE = declare(
    "orders.manage",
    _("Try orders again, drop failed items, cancel scheduled orders"),
    roles=[Role.OWNER, Role.SALES, Role.SUPPORT, Role.CUSTOMER_ADMIN, Role.CUSTOMER_BUYER],
)
VIEW_TASKS = declare("orders.view_tasks", _("See tasks that orders wait for"), roles=EVERY_ROLE)
COMPLETE_TASKS = declare(
    "orders.complete_tasks",
    _("Complete tasks that orders wait for"),
    roles=[Role.OWNER, Role.SALES, Role.SUPPORT, Role.CUSTOMER_ADMIN, Role.CUSTOMER_BUYER],
)
