"""The grid of customers (C-01) and their status (C-17), for one and for many."""

import dataclasses
import datetime
import uuid
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from msphub.accounts.choices import Status
from msphub.catalog import permissions as catalog
from msphub.customers import actions, buyers, permissions, queries
from msphub.customers.choices import AccountState
from msphub.entitlements import queries as entitlements
from msphub.kit import addresses, money
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused
from msphub.ui import cells, grid_view, htmx
from msphub.ui.forms import UiForm
from msphub.ui.grid import BulkAction, Column, Empty, Export, Filter, GridPage, GridSpec, GridState, RowAction
from msphub.ui.page import Action, Crumb, Page
from msphub.web import grids, keyset, shown, wizard_forms
from msphub.web.middleware import PortalRequest

COLUMNS = [
    Column(key="name", label=gettext_lazy("Company Name"), sortable=True, pinned=True),
    Column(key="customer_type", label=gettext_lazy("Customer Type"), sortable=True),
    Column(key="country", label=gettext_lazy("Country"), sortable=True),
    Column(key="contact", label=gettext_lazy("Primary Contact"), sortable=True),
    Column(key="sales", label=gettext_lazy("Sales Representative"), sortable=True),
    Column(key="microsoft", label=gettext_lazy("Microsoft Account"), sortable=True, render=shown.account),
    Column(key="status", label=gettext_lazy("Status"), sortable=True, render=shown.status),
    Column(key="created", label=gettext_lazy("Created"), sortable=True),
]
WORDS = {
    Status.ACTIVE: (gettext_lazy("Enable"), gettext_lazy("Its users can sign in and buy again.")),
    Status.SUSPENDED: (
        gettext_lazy("Suspend"),
        gettext_lazy(
            "Its users can sign in, and see and pay invoices, but not buy or change products. Existing products keep "
            "running and being billed."
        ),
    ),
    Status.DISABLED: (
        gettext_lazy("Disable"),
        gettext_lazy(
            "Its users can no longer sign in; open sessions end at once. Existing products keep running and being "
            "billed."
        ),
    ),
}
VERBS = {"enable": Status.ACTIVE, "suspend": Status.SUSPENDED, "disable": Status.DISABLED}
type Tickable = Sequence[uuid.UUID]


class StatusForm(UiForm):
    """Why a customer's status changes, from when and until when."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Kept in the audit log; the customer does not see it."),
    )
    starts_at = forms.DateTimeField(
        label=gettext_lazy("Effective from"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=gettext_lazy("Empty: now. In your own time zone."),
    )
    ends_at = forms.DateTimeField(
        label=gettext_lazy("Until"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=gettext_lazy("Empty: until somebody enables it again."),
    )

    def __init__(self, *args: Any, status: Status, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if status == Status.ACTIVE:
            del self.fields["ends_at"]

    def instants(self) -> dict[str, datetime.datetime | None]:
        """Return beginning and end as the action takes them."""
        return {"starts_at": self.cleaned_data.get("starts_at"), "ends_at": self.cleaned_data.get("ends_at")}

    def show(self, refusal: Refused) -> None:
        """Put a refusal at its field."""
        for name, message in (refusal.fields or {"": refusal.message}).items():
            self.add_error(name if name in self.fields else None, str(message))


def customers(request: PortalRequest) -> HttpResponse:
    """Show the partner's customers, page by page."""
    actor = request.actor
    spec = _spec(actor)
    state = grids.state_of(request, spec)
    kind = queries.SORTS[state.sort_key][1]
    found = queries.customers_page(
        by=actor,
        narrowed=_narrowed(state),
        sort=state.sort_key or "name",
        descending=state.descending,
        size=state.size,
        after=keyset.decode_as(state.after, kind),
        before=keyset.decode_as(state.before, kind),
    )
    names = dict(addresses.countries())
    day = cells.moments(with_time=False)
    rows = [_row(row, names=names, day=day) for row in found.rows]
    page = GridPage(
        rows=rows,
        next_cursor=keyset.encode(found.rows[-1].sort_key, found.rows[-1].id) if found.has_next and found.rows else "",
        previous_cursor=keyset.encode(found.rows[0].sort_key, found.rows[0].id)
        if found.has_previous and found.rows
        else "",
        count=_("more than %(count)s") % {"count": money.number(found.count)}
        if found.more_than_counted
        else found.count,
    )
    may_create = actor.may(permissions.CREATE)
    context: dict[str, Any] = {}
    if not htmx.targets(request, f"{spec.name}-grid"):
        create = Action(label=_("Create"), url=reverse("customer_new"), icon="plus", tone="primary")
        context = {
            "page": Page(title=_("Customers"), action=create if may_create else None),
            "drafts": queries.open_drafts(by=actor) if may_create else [],
            "now": request.now,
        }
    return grid_view.respond(
        request,
        template="web/customers.html",
        grid=grid_view.Grid(spec=spec, state=state, page=page),
        context=context,
    )


def export(request: PortalRequest, *, kind: str) -> HttpResponseBase:
    """Download the filtered set, or the ticked rows, with all columns."""
    spec = _spec(request.actor)
    state = GridState.parse(request.GET, spec, path=request.path)
    ids = _ticked(request.GET.getlist("ids"))
    names = dict(addresses.countries())

    def rows() -> Iterator[list[str]]:
        found = (
            queries.customers_by_id(by=request.actor, ids=ids)
            if ids
            else queries.all_customers(
                by=request.actor,
                narrowed=_narrowed(state),
                sort=state.sort_key or "name",
                descending=state.descending,
            )
        )
        for row in found:
            yield [
                row.name,
                row.customer_type,
                names.get(row.country, row.country),
                row.contact_name,
                row.sales_name,
                str(AccountState(row.microsoft_state).label),
                str(Status(row.status).label),
                row.created_at.isoformat(timespec="seconds"),
            ]

    heads = [str(column.label) for column in COLUMNS]
    return grids.download(request, kind=kind, name="customers", heads=heads, rows=rows)


def change_status(request: PortalRequest, *, customer_id: uuid.UUID, verb: str) -> HttpResponse:
    """Ask for the reason, say what it means, and enable, suspend or disable a customer."""
    details = queries.details(by=request.actor, customer_id=customer_id)
    status = _status(verb)
    word, meaning = WORDS[status]
    back = reverse("customer", kwargs={"customer_id": customer_id, "tab": "products"})
    form = StatusForm(request.POST or None, status=status)
    if request.method == "POST" and form.is_valid():
        try:
            change = actions.change_status(
                by=request.actor,
                customer_id=customer_id,
                status=status,
                reason=form.cleaned_data["reason"],
                at=request.now,
                **form.instants(),
            )
        except Refused as refusal:
            form.show(refusal)
        else:
            if change.is_scheduled:
                moment = cells.moment(change.at)
                said = _("%(name)s will be %(status)s from %(when)s.")
                values = {"when": moment.shown if moment else "", "status": str(status.label).lower()}
            else:
                said, values = _("%(name)s is %(status)s now."), {"status": str(change.after.label).lower()}
            messages.success(request, said % {"name": details.tenant.name, **values})
            return htmx.go(request, back)
    return render(
        request,
        "web/status_dialog.html",
        {
            "page": Page(
                title=f"{word} {details.tenant.name}",
                crumbs=[Crumb(label=details.tenant.name, url=back)],
                narrow=True,
            ),
            "form": form,
            "meaning": meaning,
            "running": None if status == Status.ACTIVE else _running(request.actor, [customer_id]),
            "submit": f"{word} {details.tenant.name}",
            "tone": "primary" if status == Status.ACTIVE else "danger",
            "back_url": back,
            "zone": timezone.get_current_timezone_name(),
        },
    )


@require_POST
def archive(request: PortalRequest, *, customer_id: uuid.UUID) -> HttpResponse:
    """Archive a disabled customer, or bring it back."""
    archived = request.POST.get("archived", "on") == "on"
    details = queries.details(by=request.actor, customer_id=customer_id)
    wanted = archived and details.tenant.archived_at is None
    try:
        actions.archive_customer(by=request.actor, customer_id=customer_id, archived=wanted, at=request.now)
    except Refused as refusal:
        messages.error(request, str(refusal.message))
    else:
        said = (
            _("%(name)s is archived; the filter “Archived” shows it.") if wanted else _("%(name)s is back on the grid.")
        )
        messages.success(request, said % {"name": details.tenant.name})
    return redirect("customer", customer_id=customer_id, tab="products")


def bulk_status(request: PortalRequest, *, verb: str) -> HttpResponse:
    """Enable, suspend or disable the ticked customers: first what would happen to each, then what did."""
    status = _status(verb)
    word, meaning = WORDS[status]
    data = request.POST if request.method == "POST" else request.GET
    ids = _ticked(data.getlist("ids"))
    back = reverse("customers")
    if not ids:
        messages.info(request, _("Tick the customers first."))
        return htmx.go(request, back)
    rows = queries.customers_by_id(by=request.actor, ids=ids[: actions.MOST_AT_ONCE])
    form = StatusForm(request.POST if request.method == "POST" else None, status=status)
    if request.method == "POST" and form.is_valid():
        try:
            results = actions.bulk_change_status(
                by=request.actor,
                customer_ids=ids,
                status=status,
                reason=form.cleaned_data["reason"],
                at=request.now,
                **form.instants(),
            )
        except Refused as refusal:
            form.show(refusal)
        else:
            return _bulk_results(request, word=str(word), results=results)
    count = sum(row.status != status for row in rows)
    title = ngettext("%(word)s %(count)s customer", "%(word)s %(count)s customers", count) % {
        "word": word,
        "count": count,
    }
    return render(
        request,
        "web/bulk_dialog.html",
        {
            "page": Page(title=title, crumbs=[Crumb(label=_("Customers"), url=back)], narrow=True),
            "form": form,
            "meaning": meaning,
            "rows": [
                {
                    "id": row.id,
                    "name": row.name,
                    "status": shown.status(row.status),
                    "outcome": _("stays as it is") if row.status == status else str(Status(status).label),
                }
                for row in rows
            ],
            "running": None if status == Status.ACTIVE else _running(request.actor, [row.id for row in rows]),
            "submit": title,
            "tone": "primary" if status == Status.ACTIVE else "danger",
            "back_url": back,
            "action_url": reverse("customers_bulk_status", kwargs={"verb": verb}),
        },
    )


def bulk_export(request: PortalRequest) -> HttpResponse:
    """Download the ticked customers."""
    ids = _ticked(request.POST.getlist("ids"))
    query = "&".join(f"ids={one}" for one in ids)
    return redirect(f"{reverse('customers_export', kwargs={'kind': 'csv'})}?{query}")


def _bulk_results(request: PortalRequest, *, word: str, results: list[actions.BulkResult]) -> HttpResponse:
    done = sum(result.change is not None for result in results)
    return render(
        request,
        "web/bulk_results.html",
        {
            "page": Page(
                title=_("%(word)s: %(done)s of %(all)s done") % {"word": word, "done": done, "all": len(results)},
                crumbs=[Crumb(label=_("Customers"), url=reverse("customers"))],
                narrow=True,
            ),
            "results": [
                {
                    "name": result.name,
                    "url": reverse("customer", kwargs={"customer_id": result.customer_id, "tab": "products"}),
                    "outcome": _outcome(result),
                }
                for result in results
            ],
            "back_url": reverse("customers"),
        },
    )


def _running(actor: Actor, customer_ids: list[uuid.UUID]) -> dict[str, Any] | None:
    """Return what keeps running and being billed whatever the customers' status, None if nothing does."""
    found = entitlements.running(by=actor, customer_ids=customer_ids)
    if not found.count:
        return None
    return {
        "title": ngettext(
            "%(count)s product keeps running and being billed",
            "%(count)s products keep running and being billed",
            found.count,
        )
        % {"count": money.number(found.count)},
        "names": [f"{money.number(quantity)} × {name}" for name, quantity in found.names],
        "more": found.more,
    }


def _outcome(result: actions.BulkResult) -> cells.Status:
    if result.change is None:
        return cells.Status(result.refusal, "warn")
    if result.change.is_scheduled:
        moment = cells.moment(result.change.at)
        return cells.Status(_("Planned for %(when)s") % {"when": moment.shown if moment else ""}, "info")
    return cells.Status(str(result.change.after.label), "ok")


def _spec(actor: Actor) -> GridSpec:
    """Return the grid as this actor has it: its own filters' values, and only the actions it may take."""
    spec = _fixed_spec(
        get_language(),
        may_create=actor.may(permissions.CREATE),
        may_change_status=actor.may(permissions.CHANGE_STATUS),
        may_buy=actor.may(catalog.PURCHASE),
    )
    offered = queries.filter_choices(by=actor)
    status, country, archived = spec.filters
    return dataclasses.replace(
        spec,
        filters=[
            status,
            Filter(key="type", label=_("Customer Type"), choices=offered.customer_types),
            country,
            Filter(key="subscription", label=_("Partner Subscription"), choices=offered.partner_subscriptions),
            archived,
        ],
    )


@lru_cache(maxsize=64)
def _fixed_spec(_language: str | None, *, may_create: bool, may_change_status: bool, may_buy: bool) -> GridSpec:
    """Return what is the same for everybody with the same language and rights, in plain words already."""
    empty = Empty(title=_("No customers yet"), text=_("They appear here once created."), icon="building")
    if may_create:
        empty = dataclasses.replace(
            empty,
            text=_("Create the first one; its Microsoft account can be made or linked on the way."),
            action_label=_("Create"),
            action_url=reverse("customer_new"),
        )
    return GridSpec(
        name="customers",
        noun=_("customers"),
        noun_one=_("customer"),
        search_label=_("Search company, contact, e-mail, domain"),
        columns=[dataclasses.replace(column, label=str(column.label)) for column in COLUMNS],
        filters=[
            Filter(key="status", label=_("Status"), choices=[(one.value, str(one.label)) for one in Status]),
            Filter(key="country", label=_("Country"), choices=addresses.countries()),
            Filter(key="archived", label=_("Archived"), choices=[("yes", _("Archived customers"))], multiple=False),
        ],
        default_sort="name",
        exports=[
            Export(label="CSV", url=reverse("customers_export", kwargs={"kind": "csv"})),
            Export(label="XLSX", url=reverse("customers_export", kwargs={"kind": "xlsx"})),
        ],
        row_actions=[_purchase(may_buy=may_buy)],
        bulk_actions=_bulk_actions(may_change_status=may_change_status),
        empty=empty,
    )


def _purchase(*, may_buy: bool) -> RowAction:
    """Return the cart icon of every row (C-18), disabled with the reason where nothing can be bought."""
    reasons = {one.value: buyers.why_not(status=one, may_buy=may_buy) for one in Status}
    name = _("Purchase for %(company)s")
    return RowAction(
        key="purchase",
        label=_("Purchase"),
        icon="shopping-cart",
        icon_only=True,
        how="dialog",
        url=lambda row: f"/customers/{row['id']}/purchase/",
        name=lambda row: name % {"company": row["label"]},
        why_not=lambda row: reasons[row["status"]],
    )


def _bulk_actions(*, may_change_status: bool) -> list[BulkAction]:
    offered = [BulkAction(key="export", label=_("Export"), url=reverse("customers_bulk_export"), icon="download")]
    if may_change_status:
        offered += [
            BulkAction(
                key=verb,
                label=str(WORDS[status][0]),
                url=reverse("customers_bulk_status", kwargs={"verb": verb}),
                tone="" if status == Status.ACTIVE else "danger",
                dialog=True,
            )
            for verb, status in VERBS.items()
        ]
    return offered


def _narrowed(state: GridState) -> queries.CustomerFilter:
    return queries.CustomerFilter(
        search=state.q,
        statuses=state.chosen("status"),
        countries=state.chosen("country"),
        customer_type_ids=_ticked(state.chosen("type")),
        partner_subscription_ids=_ticked(state.chosen("subscription")),
        archived=bool(state.chosen("archived")),
    )


def _row(
    row: queries.CustomerRow, *, names: dict[str, str], day: Callable[[datetime.datetime], cells.Date]
) -> dict[str, Any]:
    url = f"/customers/{row.id}/products/"
    return {
        "id": row.id,
        "url": url,
        "label": row.name,
        "name": cells.Link(row.name, url),
        "customer_type": row.customer_type,
        "country": names.get(row.country, row.country),
        "contact": row.contact_name,
        "sales": row.sales_name,
        "microsoft": row.microsoft_state,
        "status": row.status,
        "created": day(row.created_at),
    }


def _ticked(values: Sequence[str]) -> list[uuid.UUID]:
    found = (wizard_forms.read_uuid(value) for value in values)
    return [one for one in found if one is not None]


def _status(verb: str) -> Status:
    if verb not in VERBS:
        raise NotFound
    return VERBS[verb]
