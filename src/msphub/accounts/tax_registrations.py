"""Tax registrations, checked by each country's own rule (python-stdnum)."""

from django.utils.translation import gettext as _
from stdnum.exceptions import ValidationError
from stdnum.util import get_cc_module

from msphub.kit import addresses, fields

# What a business is registered for taxes under, where it isn't called VAT (python-stdnum's names).
_TAX_KINDS = ("vat", "gstin", "abn", "ein", "bn", "uid", "tin")
_TAX_KINDS_OF = {"US": ("ein",), "AU": ("abn",), "IN": ("gstin",), "CA": ("bn",), "CH": ("uid", "vat"), "NZ": ("ird",)}


def check(value: str, *, country: str) -> tuple[str, str | None]:
    """Check a tax registration by its country's own rule (python-stdnum) where there is one; empty is none.

    It is kept as typed: invoices show it with its prefix and its spaces.
    """
    clean, problem = fields.line(value, most=40, missing=None)
    if problem or not clean:
        return clean, problem
    kinds = _TAX_KINDS_OF.get(country, _TAX_KINDS)
    modules = [module for kind in kinds if (module := get_cc_module(country.lower(), kind)) is not None]
    if not modules:
        return clean, None
    for module in modules:
        try:
            module.validate(clean)
        except ValidationError:
            continue
        return clean, None
    return clean, _("“%(value)s” is no valid tax registration of %(country)s.") % {
        "value": clean,
        "country": addresses.country_name(country),
    }
