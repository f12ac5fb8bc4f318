"""The partner's catalogue: syncs of Microsoft's prices, price changes to come, products of its own."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from msphub.accounts import queries as accounts
from msphub.catalog import permissions, sync
from msphub.catalog.choices import OPEN_SYNC, SyncState
from msphub.catalog.models import CatalogSync
from msphub.kit import addresses, money
from msphub.kit.errors import NotFound, Refused
from msphub.ui import cells, htmx
from msphub.ui.page import Crumb, Page, Tab
from msphub.web.middleware import PortalRequest

_TONES = {SyncState.DONE: "ok", SyncState.FAILED: "danger"}


def head(title: str, current: str) -> Page:
    """Return what stands over every page of the catalogue."""
    tabs = (
        ("catalogue", _("Sync")),
        ("own_products", _("Own products")),
        ("price_changes", _("Price changes")),
    )
    return Page(
        title=title,
        crumbs=[Crumb(label=_("Marketplace"), url=reverse("marketplace"))],
        tabs=[Tab(label=label, url=reverse(name), current=name == current) for name, label in tabs],
    )


def syncs(request: PortalRequest) -> HttpResponse:
    """Show the last run of each market, what it did, and when the next one comes."""
    runs = {run.market: run for run in sync.last_runs(by=request.actor)}
    needed = sync.markets(partner_id=request.actor.partner_id)
    running = any(run.state in OPEN_SYNC for run in runs.values())
    context: dict[str, Any] = {
        "rows": [_row(market, runs.get(market), needed=market in needed) for market in sorted({*needed, *runs})],
        "running": running,
        "may_manage": request.actor.may(permissions.MANAGE_CATALOGUE),
        "connected": accounts.microsoft_connection(partner_id=request.actor.partner_id) is not None,
        "next_at": cells.moment(sync.next_run_at(now=request.now)),
    }
    if htmx.targets(request, "syncs"):
        return render(request, "web/marketplace/syncs_table.html", context)
    return render(request, "web/marketplace/syncs.html", context | {"page": head(_("Catalogue"), "catalogue")})


def _row(market: str, run: CatalogSync | None, *, needed: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"market": market, "country": addresses.country_name(market), "needed": needed}
    if run is None:
        return row | {"state": cells.Status(_("Never synced"), "muted")}
    state = SyncState(run.state)
    counts = (
        (run.prices_added, _("%(n)s new prices")),
        (run.prices_changed, _("%(n)s changed")),
        (run.prices_ended, _("%(n)s ended")),
        (run.products_added, _("%(n)s new products")),
    )
    return (
        row
        | {
            "id": run.id,
            "state": cells.Status(str(state.label), _TONES.get(state, "info")),  # type: ignore[arg-type]  # fixed words
            "open": state in OPEN_SYNC,
            "rows_read": cells.Number(run.rows_read),
            "rows_refused": run.rows_refused,
            "refusals": run.refusals[:10],
            "did": [words % {"n": money.number(count)} for count, words in counts if count]
            or ([_("no change")] if state == SyncState.DONE else []),
            "details": run.details_read,
            "at": cells.moment(run.finished_at or run.started_at or run.created_at),
            "error": run.error,
            "next_try": cells.moment(run.next_try_at) if run.next_try_at else None,
            "lossy": run.error_code == "much_is_gone",
        }
    )


@require_POST
def sync_now(request: PortalRequest) -> HttpResponse:
    """Start the runs now: of every market, or of the one that is named."""
    market = (request.POST.get("market") or "")[:2] or None
    try:
        started = sync.start_sync(
            by=request.actor,
            at=request.now,
            market=market,
            accept_losses=market is not None and request.POST.get("accept_losses") == "on",
        )
    except Refused as refusal:
        messages.error(request, str(refusal.message))
    else:
        if started:
            said = ngettext(
                "The sync of %(n)s country has been started.",
                "The sync of %(n)s countries has been started.",
                len(started),
            )
            messages.success(request, said % {"n": len(started)})
        else:
            messages.info(request, _("A sync is under way already."))
    return redirect("catalogue")


def refusals(request: PortalRequest, *, sync_id: uuid.UUID) -> HttpResponse:
    """Show the rows of a sheet that could not be used, and why."""
    run = sync.get_run(by=request.actor, sync_id=sync_id)
    if run is None:
        raise NotFound
    page = Page(
        title=_("Rows that could not be used: %(country)s") % {"country": addresses.country_name(run.market)},
        crumbs=[Crumb(label=_("Catalogue"), url=reverse("catalogue"))],
        narrow=True,
    )
    context = {"page": page, "run": run, "more": run.rows_refused - len(run.refusals)}
    return render(request, "web/marketplace/refusals.html", context)
