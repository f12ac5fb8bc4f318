from django.utils.translation import gettext_lazy as _

from msphub.audit.events import declare

CUSTOMER_CREATED = declare("customer.created", _("created the customer"))
CUSTOMERS_SEEDED = declare("customer.seeded", _("made"))
PROFILE_CHANGED = declare("customer.profile_changed", _("changed the profile of"), customer_visible=True)
TERMS_CHANGED = declare("customer.terms_changed", _("changed the terms of"))
CUSTOMER_ARCHIVED = declare("customer.archived", _("archived the customer"))
CUSTOMER_RESTORED = declare("customer.restored", _("brought back the customer"))
ACCOUNT_ADDED = declare("csp_account.added", _("added the CSP account"))
ACCOUNT_LINKED = declare("csp_account.linked", _("linked the Microsoft tenant"))
ACCOUNT_FAILED = declare("csp_account.failed", _("was refused by Microsoft for"))
ACCOUNT_CONSENT_ASKED = declare("csp_account.consent_asked", _("asked for the customer's consent for"))
ACCOUNT_PASSWORD_SHOWN = declare("csp_account.password_shown", _("was shown the first password of"))
ACCOUNT_VETTED = declare("csp_account.vetted", _("learned how Microsoft vetted"))
ACCOUNT_RETRIED = declare("csp_account.retried", _("tried again the CSP account"))
AGREEMENT_RECORDED = declare("agreement.recorded", _("recorded the Microsoft Customer Agreement of"))
CUSTOMER_TYPE_CREATED = declare("customer_type.created", _("created the customer type"))
CREDIT_TERM_CREATED = declare("credit_term.created", _("created the credit term"))
