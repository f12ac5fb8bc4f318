"""The eight tabs of a customer's details (C-19), in the order of product.md; its users have them as their menu."""

import dataclasses

from django.utils.translation import gettext_lazy as _

from msphub.accounts import permissions as accounts
from msphub.entitlements import permissions as entitlements
from msphub.kit.errors import Text
from msphub.orders import permissions as orders


@dataclasses.dataclass(frozen=True, slots=True)
class TabSpec:
    """One tab. `permission` is what it needs beyond seeing the customer at all."""

    slug: str
    label: Text
    icon: str
    permission: str = ""


TABS = (
    TabSpec("products", _("Products"), "package", entitlements.VIEW),
    TabSpec("orders", _("Orders"), "clipboard-list", orders.VIEW),
    TabSpec("invoices", _("Invoices"), "file-invoice"),
    TabSpec("subscriptions", _("Subscriptions"), "credit-card", accounts.VIEW_SUBSCRIPTIONS),
    TabSpec("csp-accounts", _("CSP Accounts"), "cloud"),
    TabSpec("audit-logs", _("Audit Logs"), "history", accounts.VIEW_AUDIT),
    TabSpec("users", _("Users"), "users", accounts.VIEW_USERS),
    TabSpec("profile", _("Profile"), "building"),
)
