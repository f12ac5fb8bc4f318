from django.utils.translation import gettext_lazy as _

from msphub.audit.events import declare

PARTNER_CREATED = declare("partner.created", _("created the partner"))
USER_INVITED = declare("user.invited", _("invited the user"), customer_visible=True)
USER_DISABLED = declare("user.disabled", _("disabled the user"), customer_visible=True)
USER_ENABLED = declare("user.enabled", _("enabled the user"), customer_visible=True)
USER_LINK_REQUESTED = declare(
    "user.link_requested", _("asked for a link to choose a password for"), customer_visible=True
)
USER_PASSWORD_CHOSEN = declare("user.password_chosen", _("chose a password"), customer_visible=True)
USER_SIGNED_IN = declare("user.signed_in", _("signed in"), customer_visible=True)
USER_SIGNED_OUT = declare("user.signed_out", _("signed out"), customer_visible=True)
USER_SIGN_IN_REFUSED = declare("user.sign_in_refused", _("was refused at sign-in"), customer_visible=True)
STATUS_CHANGED = declare("customer.status_changed", _("changed the status of"))
STATUS_SCHEDULED = declare("customer.status_scheduled", _("planned the status of"))
MICROSOFT_CHANGED = declare("microsoft.connection_changed", _("changed the connection to Microsoft"))
MICROSOFT_TESTED = declare("microsoft.connection_tested", _("tested the connection to Microsoft"))
# A customer's users see what happened to their users, contacts, addresses, orders and invoices (C-19): billing profiles
# are addresses, subscriptions are none of these.
SUBSCRIPTION_CREATED = declare("subscription.created", _("created the subscription"))
BILLING_PROFILE_CREATED = declare("billing_profile.created", _("created the billing profile"), customer_visible=True)
SUBSCRIPTION_CHANGED = declare("subscription.changed", _("changed the subscription"))
BILLING_PROFILE_CHANGED = declare("billing_profile.changed", _("changed the billing profile"), customer_visible=True)
