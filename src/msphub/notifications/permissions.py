from django.utils.translation import gettext_lazy as _

from msphub.accounts.choices import PARTNER_ROLES, Role
from msphub.kit.permissions import declare

VIEW_MAIL = declare("notifications.view_mail", _("See the mail log"), roles=PARTNER_ROLES)
RESEND_MAIL = declare(
    "notifications.resend_mail",
    _("Send a mail again that could not be delivered"),
    roles=[Role.OWNER, Role.SALES, Role.BILLING, Role.SUPPORT],
)
