"""Audit logs: the partner's whole record, and a customer's part of it."""

import datetime
import re
import uuid
from collections.abc import Iterator
from decimal import Decimal
from html import escape
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from msphub.audit import events, sealing
from msphub.audit import queries as audit
from msphub.audit.choices import ActorKind
from msphub.audit.models import Entry
from msphub.customers import queries as customers
from msphub.kit import money
from msphub.kit.errors import NotFound
from msphub.ui import cells, grid_view
from msphub.ui.grid import Column, DateFilter, Empty, Export, Filter, GridPage, GridSpec, GridState
from msphub.ui.page import Page
from msphub.web import grids, keyset
from msphub.web.middleware import PortalRequest

MOST_EXPORTED = 100_000
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d)?")


def audit_logs(request: PortalRequest) -> HttpResponse:
    """Show what happened in the whole company."""
    return respond(request, page=Page(title=_("Audit Logs"), subtitle=_seal_line(request)), customer_id=None)


def export(request: PortalRequest) -> HttpResponseBase:
    """Download the filtered record, the newest hundred thousand entries at most."""
    customer_id = _customer_id(request)
    state = GridState.parse(request.GET, _spec(request, customer_id=customer_id), path=request.path)

    def rows() -> Iterator[list[str]]:
        found = _entries(request, state, customer_id=customer_id)
        for entry in audit.with_seals(found)[:MOST_EXPORTED].iterator(chunk_size=2000):
            yield [
                entry.at.isoformat(),
                entry.actor_name,
                str(ActorKind(entry.actor_kind).label),
                entry.event,
                entry.object_label,
                "; ".join(
                    f"{_label(label)}: {_words(old, exact=True)} → {_words(new, exact=True)}"
                    for label, (old, new) in entry.changes.items()
                ),
                "; ".join(_details(entry, exact=True)),
                entry.address,
                entry.request_id,
                str(entry.id),
                *(str(value or "") for value in (entry.entry_hash, entry.seal_number, entry.seal_hash)),
            ]

    heads = [
        _("When"),
        _("Who"),
        _("Kind"),
        _("Event"),
        _("Record"),
        _("Changes"),
        _("Details"),
        _("Address"),
        _("Request"),
        _("Entry"),
        _("Hash of the entry"),
        _("Seal"),
        _("Hash of the seal"),
    ]
    return grids.as_csv(request, name="audit-log", heads=heads, rows=rows)


def respond(request: PortalRequest, *, page: Page, customer_id: uuid.UUID | None) -> HttpResponse:
    """Show a page of entries, newest first."""
    spec = _spec(request, customer_id=customer_id)
    state = grids.state_of(request, spec)
    found = _entries(request, state, customer_id=customer_id)
    after, before = keyset.decode_instant(state.after), keyset.decode_instant(state.before)
    if before is not None:
        rows, more = keyset.fetch(
            audit.newer_than(found, at=before[0], entry_id=before[1]), size=state.size, backwards=True
        )
        has_previous, has_next = more, True
    else:
        if after is not None:
            found = audit.older_than(found, at=after[0], entry_id=after[1])
        rows, has_next = keyset.fetch(found, size=state.size, backwards=False)
        has_previous = after is not None
    grid_page = GridPage(
        rows=[_row(row) for row in rows],
        next_cursor=_cursor(rows[-1]) if has_next and rows else "",
        previous_cursor=_cursor(rows[0]) if has_previous and rows else "",
        count=None,
    )
    return grid_view.respond(
        request,
        template="web/list.html",
        grid=grid_view.Grid(spec=spec, state=state, page=grid_page),
        context={"page": page},
    )


def _spec(request: PortalRequest, *, customer_id: uuid.UUID | None) -> GridSpec:
    known = [event for event in events.all_events() if request.actor.is_partner or event.customer_visible]
    export_url = reverse("audit_export") + (f"?customer={customer_id}" if customer_id else "")
    return GridSpec(
        name="audit",
        noun=gettext_lazy("entries"),
        noun_one=gettext_lazy("entry"),
        searchable=False,
        columns=[
            Column(key="at", label=gettext_lazy("When"), pinned=True),
            Column(key="who", label=gettext_lazy("Who")),
            Column(key="what", label=gettext_lazy("What"), width="wide"),
            Column(key="changes", label=gettext_lazy("Changes")),
            Column(key="address", label=gettext_lazy("Address"), default_shown=False),
            Column(key="request", label=gettext_lazy("Request"), default_shown=False),
        ],
        filters=[
            Filter(
                key="event",
                label=gettext_lazy("Event"),
                choices=[(event.name, _capital(str(event.sentence))) for event in known],
            ),
            Filter(key="kind", label=gettext_lazy("Who"), choices=ActorKind.choices),
            DateFilter(key="day", label=gettext_lazy("Day")),
        ],
        exports=[Export(label="CSV", url=export_url)],
        page_sizes=(50, 100, 200),
        empty=Empty(
            title=gettext_lazy("Nothing has happened yet"),
            text=gettext_lazy("Every change and every sign-in appears here with who, when and what."),
            icon="history",
        ),
    )


def _entries(request: PortalRequest, state: GridState, *, customer_id: uuid.UUID | None) -> Any:
    return audit.entries(
        by=request.actor,
        customer_id=customer_id,
        events=state.chosen("event"),
        actor_kinds=state.chosen("kind"),
        since=_midnight(state.day("day_from")),
        until=_midnight(state.day("day_to"), following=True),
    )


def _seal_line(request: PortalRequest) -> str:
    """Say until when the record is sealed and when the seals were last checked; a customer's users see no seals."""
    partner_id = request.actor.partner_id
    newest = sealing.newest_seal(partner_id=partner_id) if request.actor.is_partner else None
    if newest is None:
        return ""
    parts = [
        _("Sealed until %(until)s (seal %(number)s).") % {"until": _instant(newest.sealed_at), "number": newest.number}
    ]
    checked = sealing.newest_verification(partner_id=partner_id)
    if checked is None:
        parts.append(_("Not checked yet; that happens every night."))
    elif checked.problems:
        words = ngettext(
            "Checked %(when)s: %(count)s entry or seal was changed afterwards. Run “msphub audit verify” for the list.",
            "Checked %(when)s: %(count)s entries or seals were changed afterwards. "
            "Run “msphub audit verify” for the list.",
            len(checked.problems),
        )
        parts.append(words % {"when": _instant(checked.at), "count": len(checked.problems)})
    else:
        parts.append(_("Checked %(when)s: nothing was changed afterwards.") % {"when": _instant(checked.at)})
    return " ".join(parts)


def _instant(at: datetime.datetime) -> str:
    shown = cells.moment(at)
    return shown.shown if shown else ""


def _midnight(day: datetime.date | None, *, following: bool = False) -> datetime.datetime | None:
    """Return the beginning of a day (or of the one after) in the viewer's zone."""
    if day is None:
        return None
    day = day + datetime.timedelta(days=1) if following else day
    return datetime.datetime.combine(day, datetime.time(), tzinfo=timezone.get_current_timezone())


def _customer_id(request: PortalRequest) -> uuid.UUID | None:
    value = request.GET.get("customer", "")
    if not value:
        return None
    try:
        customer_id = uuid.UUID(value)
    except ValueError:
        raise NotFound from None
    return customers.details(by=request.actor, customer_id=customer_id).tenant.id


def _row(entry: Entry) -> dict[str, Any]:
    details = " · ".join(_details(entry))
    # "signed in", not "signed in Olivia Hart": who it was stands beside it.
    label = "" if entry.actor_id is not None and entry.object_id == entry.actor_id else entry.object_label
    what = _capital(f"{events.get(entry.event).sentence} {label}".strip())
    return {
        "id": entry.id,
        "label": what,
        "at": cells.moment(entry.at),
        "who": cells.Text(entry.actor_name or _("Somebody")),
        "what": cells.Text(what, sub=details),
        "changes": _Changes(entry.changes),
        "address": entry.address,
        "request": entry.request_id,
    }


class _Changes:
    """Old and new values behind a count that opens."""

    def __init__(self, changes: dict[str, list[Any]]) -> None:
        self.changes = changes

    def __html__(self) -> str:
        if not self.changes:
            return cells.html(None)
        words = ngettext("%(count)s change", "%(count)s changes", len(self.changes)) % {"count": len(self.changes)}
        lines = "".join(
            f'<tr><th scope="row">{escape(_label(label))}</th><td class="old">{escape(_words(old))}</td>'
            f'<td class="new">{escape(_words(new))}</td></tr>'
            for label, (old, new) in self.changes.items()
        )
        heads = "".join(f'<th scope="col">{escape(word)}</th>' for word in (_("Field"), _("Before"), _("After")))
        return (
            f'<details class="changes"><summary>{escape(words)}</summary><table class="changes-table">'
            f"<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></details>"
        )


def _label(label: str) -> str:
    """Return a field's name in the viewer's language; entries keep it as it was marked (`gettext_noop`)."""
    return _(label)


def _words(value: Any, *, exact: bool = False) -> str:
    """Return a value as people read it: an instant in the viewer's zone, or with `exact` as it is stored."""
    if value is None or value == "":
        return "–"  # noqa: RUF001 - the dash of an empty value
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dict) and set(value) == {"amount", "currency"}:
        amount, currency = value["amount"], value["currency"]
        return f"{amount} {currency}" if exact else money.shown(Decimal(amount), currency)
    if isinstance(value, list):
        return ", ".join(_words(one, exact=exact) for one in value)
    if isinstance(value, str) and not exact and _INSTANT.fullmatch(value):
        shown = cells.moment(datetime.datetime.fromisoformat(value), with_time="T" in value)
        return shown.shown if shown else value
    return str(value)


def _details(entry: Entry, *, exact: bool = False) -> list[str]:
    return [
        f"{_label(label)}: {_words(value, exact=exact)}"
        for label, value in entry.details.items()
        if value not in (None, "") and label[:1].isupper()
    ]


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _cursor(entry: Entry) -> str:
    return keyset.encode(entry.at.isoformat(), entry.id)
