from django.utils.translation import gettext_lazy as _

from msphub.accounts.choices import EVERY_ROLE
from msphub.kit.permissions import declare

VIEW = declare("entitlements.view", _("See purchased products"), roles=EVERY_ROLE)
