"""*Search for Account*: an existing Microsoft account by its domain, or the partner's own customers by name."""

from typing import Any

from django.utils.translation import gettext as _

from msphub.customers import csp_accounts, inputs
from msphub.kit import text
from msphub.kit.actor import Actor
from msphub.kit.errors import Refused

LONGEST_NAME = 100


def search(*, by: Actor, typed: str) -> dict[str, Any]:
    """Return what was found, as the wizard's draft keeps it.

    A domain gives one account or none; a word without a dot gives the partner's own Partner Center customers whose name
    begins with it (`choices`), to choose from. Refuses what is neither, and when Microsoft gives no answer.
    """
    word = text.tidy(typed)
    if word and "." not in word:
        return _by_name(by, word)
    domain, problem = inputs.check_domain(word)
    if problem:
        raise Refused("domain", problem, field="existing_domain")
    found = csp_accounts.find_existing(by=by, domain=domain)
    return {
        "asked": domain,
        "domain": (found.default_domain_name or domain) if found else "",
        "name": (found.display_name or "") if found else "",
        "tenant_id": found.tenant_id if found else "",
    }


def _by_name(by: Actor, word: str) -> dict[str, Any]:
    if len(word) > LONGEST_NAME or text.has_control_characters(word):
        raise Refused(
            "name", _("Enter a domain name such as contoso.com, or a company's name."), field="existing_domain"
        )
    summaries = csp_accounts.find_by_name(by=by, name=word)
    if not summaries:
        raise Refused(
            "name",
            _("“%(word)s” is not a domain name such as contoso.com, and none of your customers at Microsoft begins so.")
            % {"word": word[:80]},
            field="existing_domain",
        )
    choices = [{"name": one.company_name or "", "domain": one.domain or ""} for one in summaries if one.domain]
    return {"asked": word, "domain": "", "name": "", "tenant_id": "", "choices": choices}
