"""Audit logs: the partner's whole record, and a customer's part of it."""

import uuid
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from msphub.audit import events
from msphub.audit import queries as audit
from msphub.audit.models import Entry as AuditEntry
from msphub.ui import cells
from msphub.ui.grid import Empty
from msphub.ui.page import Change, Entry, Page
from msphub.web import keyset
from msphub.web.middleware import PortalRequest

PAGE_SIZE = 50
EMPTY = Empty(
    title=gettext_lazy("Nothing has happened yet"),
    text=gettext_lazy("Every change and every sign-in appears here with who, when and what."),
    icon="history",
)


def audit_logs(request: PortalRequest) -> HttpResponse:
    """Show what happened in the whole company."""
    return respond(request, page=Page(title=_("Audit Logs")), customer_id=None)


def respond(request: PortalRequest, *, page: Page, customer_id: uuid.UUID | None) -> HttpResponse:
    """Show a page of entries, newest first."""
    found = audit.entries(by=request.actor, customer_id=customer_id)
    after = keyset.decode_instant(request.GET.get("after", ""))
    before = keyset.decode_instant(request.GET.get("before", ""))
    if before is not None:
        rows, more = keyset.fetch(
            audit.newer_than(found, at=before[0], entry_id=before[1]), size=PAGE_SIZE, backwards=True
        )
        has_previous, has_next = more, True
    else:
        if after is not None:
            found = audit.older_than(found, at=after[0], entry_id=after[1])
        rows, has_next = keyset.fetch(found, size=PAGE_SIZE, backwards=False)
        has_previous = after is not None
    context: dict[str, Any] = {
        "page": page,
        "entries": [_shown(row) for row in rows],
        "empty": EMPTY,
        "previous_url": f"?before={_cursor(rows[0])}" if has_previous and rows else "",
        "next_url": f"?after={_cursor(rows[-1])}" if has_next and rows else "",
    }
    return render(request, "web/audit.html", context)


def _cursor(row: AuditEntry) -> str:
    return keyset.encode(row.at.isoformat(), row.id)


def _headline(words: str) -> str:
    return words[:1].upper() + words[1:]


def _shown(row: AuditEntry) -> Entry:
    details = [
        f"{label}: {value}" for label, value in row.details.items() if value not in (None, "") and label[:1].isupper()
    ]
    if row.address:
        details.append(_("from %(address)s") % {"address": row.address})
    return Entry(
        at=cells.moment(row.at),
        who=row.actor_name or _("Somebody"),
        what=_headline(f"{events.get(row.event).sentence} {row.object_label}".strip()),
        detail=" · ".join(details),
        changes=[Change(label=label, old=old, new=new) for label, (old, new) in row.changes.items()],
    )
