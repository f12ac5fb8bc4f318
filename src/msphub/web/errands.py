"""Errands: leaving a half-filled form to make a record that it lacks, and coming back with that record chosen.

The address of the page that makes the record carries one id; where it leads back to, what was typed and what was made
are kept under it (`accounts.errands`). So an address never grows, however many errands lead on from one another, and
no address that a browser sends is ever gone to.
"""

import dataclasses
import uuid
from collections.abc import Mapping
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.translation import gettext as _

from msphub.accounts import errands
from msphub.accounts.models import Errand
from msphub.ui import htmx
from msphub.web.middleware import PortalRequest

# On the page that makes the record: for whom. On the form: the errand that the person is back from.
AWAY, RETURNED = "errand", "back_from"
# Buttons and tokens are of the moment; the rest is what was typed.
_NOT_TYPED = ("csrfmiddlewaretoken", "go")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What a form finds when its person is back: the values as they stood, the records that were made, by field."""

    typed: QueryDict | None
    chosen: Mapping[str, str]


def leave(request: PortalRequest, *, to: str, field: str, typed: QueryDict | None = None) -> HttpResponse:
    """Keep this form and go to the page `to` that makes the record wanted at `field`.

    Without `typed` the form keeps its values itself, as the wizard does in its draft.
    """
    kept = typed.copy() if typed is not None else QueryDict(mutable=True)
    for name in _NOT_TYPED:
        kept.pop(name, None)
    errand = errands.begin(by=request.actor, page=_page(request), field=field, typed=kept.urlencode(), at=request.now)
    return HttpResponseRedirect(_with(to, {AWAY: str(errand.id)}))


def way_back(request: PortalRequest, *, otherwise: str) -> str:
    """Return where Cancel leads: back to the form that was left, or the page's usual place."""
    errand = _find(request, AWAY)
    return _form_of(errand) if errand is not None else otherwise


def finish(request: PortalRequest, *, made: uuid.UUID, otherwise: str) -> HttpResponse:
    """Go back to the form that was left, with the new record for its field, or to the page's usual place."""
    errand_id = _id(request, AWAY)
    errand = errands.finish(by=request.actor, errand_id=errand_id, made=made, at=request.now) if errand_id else None
    return htmx.go(request, _form_of(errand) if errand is not None else otherwise)


def returned(request: PortalRequest) -> Returned | None:
    """Return what the form held when it was left and what was made meanwhile; None when nobody has been away."""
    if RETURNED not in request.GET:
        return None
    errand = _find(request, RETURNED)
    if errand is None or errand.page.partition("?")[0] != request.path:
        messages.warning(request, _("This form was left too long ago: what was typed into it is no longer kept."))
        return None
    return Returned(
        typed=QueryDict(errand.typed, mutable=True) if errand.typed else None,
        chosen={errand.field: str(errand.made_id)} if errand.made_id else {},
    )


def _find(request: PortalRequest, name: str) -> Errand | None:
    errand_id = _id(request, name)
    return errands.find(by=request.actor, errand_id=errand_id, at=request.now) if errand_id else None


def _id(request: PortalRequest, name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(request.GET.get(name, ""))
    except ValueError:
        return None


def _page(request: PortalRequest) -> str:
    """Return this form's own address: with the errand it is visited on, without the one its person is back from."""
    query = request.GET.copy()
    query.pop(RETURNED, None)
    return f"{request.path}?{query.urlencode()}" if query else request.path


def _form_of(errand: Errand) -> str:
    return _with(errand.page, {RETURNED: str(errand.id)})


def _with(address: str, values: dict[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(values)}"
