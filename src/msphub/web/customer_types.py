"""Customer Type (T): the grid, the overview by country, active and inactive."""

import dataclasses
import uuid
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from msphub.catalog import permissions as catalog_permissions
from msphub.catalog.queries import DiscountRow
from msphub.customers import customer_types, permissions, term_lists
from msphub.customers.choices import CreditHold, OnReach
from msphub.kit import addresses, text
from msphub.kit.errors import NotFound
from msphub.ui import cells, grid_view
from msphub.ui.grid import Column, Empty, Export, Filter, GridSpec, GridState, RowAction
from msphub.ui.page import Action, Crumb, Page
from msphub.web import grids, shown
from msphub.web.middleware import PortalRequest

MOST_COUNTRIES_SHOWN = 5
COLUMNS = [
    Column(key="name", label=gettext_lazy("Name"), sortable=True, pinned=True),
    Column(key="status", label=gettext_lazy("Status"), sortable=True, render=shown.active),
    Column(key="countries", label=gettext_lazy("Countries"), width="wide"),
    Column(key="customers", label=gettext_lazy("Customers")),
    Column(key="changed", label=gettext_lazy("Changed"), sortable=True),
]


def grid(request: PortalRequest) -> HttpResponse:
    """Show the partner's customer types, page by page."""
    actor = request.actor
    may_manage = actor.may(permissions.MANAGE_TERMS)
    spec = _spec(get_language(), may_manage=may_manage)
    state = grids.state_of(request, spec)
    found = term_lists.types_page(by=actor, wanted=grids.wanted_of(state, term_lists.TYPE_SORTS), **_narrowed(state))
    page = grids.page_of(found, [_row(row, may_manage=may_manage) for row in found.rows])
    create = Action(label=_("Create"), url=reverse("customer_type_new"), icon="plus", tone="primary")
    return grid_view.respond(
        request,
        template="web/list.html",
        grid=grid_view.Grid(spec=spec, state=state, page=page),
        context={"page": Page(title=_("Customer Type"), action=create if may_manage else None)},
    )


def export(request: PortalRequest, *, kind: str) -> HttpResponseBase:
    """Download the filtered set with all columns."""
    state = GridState.parse(request.GET, _spec(get_language(), may_manage=False), path=request.path)

    def rows() -> Iterator[list[str]]:
        for row in term_lists.all_types(
            by=request.actor, sort=state.sort_key, descending=state.descending, **_narrowed(state)
        ):
            yield [
                row.name,
                _("Active") if row.active else _("Inactive"),
                ", ".join(addresses.country_name(country) for country in row.countries),
                f"{row.customers.count}{'+' if row.customers.more else ''}",
                row.updated_at.isoformat(timespec="seconds"),
            ]

    heads = [str(column.label) for column in COLUMNS]
    return grids.download(request, kind=kind, name="customer-types", heads=heads, rows=rows)


def overview(request: PortalRequest, *, type_id: uuid.UUID) -> HttpResponse:
    """Show what a type holds in each country, and whom it concerns."""
    actor = request.actor
    kind = term_lists.get_customer_type(by=actor, type_id=type_id)
    action, actions = None, []
    if actor.may(permissions.MANAGE_TERMS):
        address = {"type_id": type_id}
        action = Action(label=_("Edit"), url=reverse("customer_type_edit", kwargs=address), icon="pencil")
        label = _("Make inactive") if kind.active else _("Make active")
        verb = "deactivate" if kind.active else "activate"
        url = reverse("customer_type_switch", kwargs={**address, "verb": verb})
        actions = [Action(label=label, url=url, how="post")]
    return render(
        request,
        "web/terms/type.html",
        {
            "page": Page(
                title=kind.name,
                crumbs=crumbs(),
                status=shown.active(kind.active),
                subtitle="" if kind.active else _("It can't be chosen any more; customers who have it keep it."),
                action=action,
                actions=actions,
            ),
            "countries": sorted(
                (
                    _country(one, type_id=type_id)
                    for one in term_lists.countries_of(by=actor, type_id=type_id, at=request.now)
                ),
                key=lambda country: text.fold(country["name"]),
            ),
            "shows_discounts": actor.may(catalog_permissions.VIEW_DISCOUNTS),
        },
    )


@require_POST
def switch(request: PortalRequest, *, type_id: uuid.UUID, verb: str) -> HttpResponse:
    """Make a type active or inactive."""
    if verb not in {"activate", "deactivate"}:
        raise NotFound
    active = verb == "activate"
    kind = customer_types.switch_customer_type(by=request.actor, type_id=type_id, active=active, at=request.now)
    said = (
        _("%(name)s can be chosen again.")
        if active
        else _("%(name)s can't be chosen any more; customers who have it keep it.")
    )
    messages.success(request, said % {"name": kind.name})
    return redirect("customer_type", type_id=type_id)


def crumbs() -> list[Crumb]:
    """Return the way to the pages of a type."""
    return [Crumb(label=_("Customer Type"), url=reverse("customer_types"))]


def _country(one: term_lists.CountryOverview, *, type_id: uuid.UUID) -> dict[str, Any]:
    term = one.held.term
    return {
        "name": addresses.country_name(one.held.country),
        "customers": shown.counted(one.customers),
        "customers_url": shown.customers_url(type_id=type_id, country=one.held.country),
        "term": term.name,
        "term_url": reverse("credit_term", kwargs={"term_id": term.id}),
        "limit": cells.Money(term.credit_limit, term.currency),
        "due": shown.days(term.due_days),
        "on_reach": str(OnReach(term.on_reach).label),
        "hold": str(CreditHold(term.credit_hold).label),
        "discounts": [_discount(row) for row in one.held.discounts],
    }


def _discount(row: DiscountRow) -> dict[str, Any]:
    coming = ""
    if row.coming is not None:
        day = cells.day(row.coming.valid_from)
        coming = _("%(rate)s from %(day)s") % {
            "rate": customer_types.rate(row.coming),
            "day": day.shown if day else "",
        }
    return {
        "name": row.name,
        "url": reverse("discount", kwargs={"discount_id": row.id}),
        "vendor": str(row.vendor.label),
        "category": str(row.category.label),
        "rate": customer_types.rate(row.in_force),
        "coming": coming,
    }


def _narrowed(state: GridState) -> dict[str, Any]:
    return {
        "search": state.q,
        "statuses": state.chosen("status"),
        "countries": state.chosen("country"),
    }


def _row(row: term_lists.TypeRow, *, may_manage: bool) -> dict[str, Any]:
    address = {"type_id": row.id}
    url = reverse("customer_type", kwargs=address)
    names = sorted(addresses.country_name(country) for country in row.countries)
    more = len(names) - MOST_COUNTRIES_SHOWN
    countries = ", ".join(names[:MOST_COUNTRIES_SHOWN])
    return {
        "id": row.id,
        "url": url,
        "label": row.name,
        "name": cells.Link(row.name, url),
        "status": row.active,
        "countries": _("%(countries)s and %(more)s more") % {"countries": countries, "more": more}
        if more > 0
        else countries,
        "customers": cells.Link(shown.counted(row.customers), shown.customers_url(type_id=row.id)),
        "changed": cells.moment(row.updated_at, with_time=False),
        "edit_url": reverse("customer_type_edit", kwargs=address) if may_manage else None,
    }


def _edit_url(row: Mapping[str, Any]) -> str | None:
    url: str | None = row["edit_url"]
    return url


@lru_cache(maxsize=32)
def _spec(_language: str | None, *, may_manage: bool) -> GridSpec:
    empty = Empty(title=_("No customer types yet"), text=_("They appear here once created."), icon="tag")
    if may_manage:
        empty = dataclasses.replace(
            empty,
            text=_("A type gives its customers their credit terms and discounts by country."),
            action_label=_("Create"),
            action_url=reverse("customer_type_new"),
        )
    return GridSpec(
        name="customer-types",
        noun=_("customer types"),
        noun_one=_("customer type"),
        search_label=_("Search names"),
        columns=[dataclasses.replace(column, label=str(column.label)) for column in COLUMNS],
        filters=[
            Filter(key="status", label=_("Status"), choices=[("active", _("Active")), ("inactive", _("Inactive"))]),
            Filter(key="country", label=_("Country"), choices=addresses.countries()),
        ],
        default_sort="name",
        row_actions=[RowAction(key="edit", label=_("Edit"), icon="pencil", icon_only=True, url=_edit_url)],
        exports=[
            Export(label="CSV", url=reverse("customer_types_export", kwargs={"kind": "csv"})),
            Export(label="XLSX", url=reverse("customer_types_export", kwargs={"kind": "xlsx"})),
        ],
        empty=empty,
    )
