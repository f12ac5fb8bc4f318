from django.utils.translation import gettext_lazy as _

from msphub.accounts.choices import PARTNER_ROLES
from msphub.kit.permissions import declare

VIEW_MAIL = declare("notifications.view_mail", _("See the mail log"), roles=PARTNER_ROLES)
