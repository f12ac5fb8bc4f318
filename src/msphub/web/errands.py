"""Errands: leaving a half-filled form to make a record that it lacks, and coming back with that record chosen.

The address says where to go back to and at which field the new record is wanted; what was typed waits in the session.
"""

import uuid
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.http import url_has_allowed_host_and_scheme

BACK, FIELD, KEPT = "back", "for", "kept"
_SESSION = "half_filled_forms"
# Forms that somebody left and never came back to don't pile up in the session.
_MOST_KEPT = 5
_MOST_TYPED = 200_000


def leave(request: HttpRequest, *, to: str, back: str, field: str, typed: QueryDict | None = None) -> HttpResponse:
    """Keep what was typed and go to the page `to` that makes the record wanted at `field` of the page `back`."""
    if typed is not None:
        token = uuid.uuid4().hex
        text = typed.urlencode()
        if len(text) <= _MOST_TYPED:
            kept = list(request.session.get(_SESSION, {}).items())[-(_MOST_KEPT - 1) :]
            request.session[_SESSION] = dict([*kept, (token, text)])
            back = _with(back, {KEPT: token})
    return HttpResponseRedirect(link(to=to, back=back, field=field))


def link(*, to: str, back: str, field: str) -> str:
    """Return the address of the page that makes a record, which then leads back to `back`."""
    return _with(to, {BACK: back, FIELD: field})


def way_back(request: HttpRequest, *, otherwise: str) -> str:
    """Return where Cancel leads: back to the form that was left, or the page's usual place."""
    return _back(request) or otherwise


def finish(request: HttpRequest, *, made: uuid.UUID, otherwise: str) -> HttpResponse:
    """Go back to the form that was left, with the new record for its field, or to the page's usual place."""
    back, field = _back(request), request.GET.get(FIELD, "")
    if back and field.isidentifier() and len(field) <= 60:
        return HttpResponseRedirect(_with(back, {field: str(made)}))
    return HttpResponseRedirect(back or otherwise)


def typed_before(request: HttpRequest) -> QueryDict | None:
    """Return what was typed before the form was left, or None."""
    text = request.session.get(_SESSION, {}).get(request.GET.get(KEPT, ""))
    return QueryDict(text, mutable=True) if text is not None else None


def _back(request: HttpRequest) -> str:
    back = request.GET.get(BACK, "")
    inside = back.startswith("/") and url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return back if inside and len(back) <= 1000 else ""


def _with(address: str, values: dict[str, str]) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(values)}"
