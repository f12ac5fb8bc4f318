"""Discounts: the list, one discount with the timeline of its versions, and its small dialogs."""

import datetime
import uuid
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from msphub.catalog import actions, permissions, products, queries
from msphub.catalog.choices import BY_ITEM, DiscountCategory, VendorCode, VersionState
from msphub.catalog.days import day_of
from msphub.catalog.inputs import Band
from msphub.catalog.models import Discount
from msphub.catalog.queries import DiscountRow, Span, Version
from msphub.customers import discounts as uses
from msphub.kit import addresses, lists, money
from msphub.kit.errors import Refused
from msphub.ui import cells, grid_view, htmx
from msphub.ui.grid import Column, Empty, Export, Filter, GridPage, GridSpec, GridState
from msphub.ui.page import Action, Crumb, Entry, Item, Page
from msphub.web import grids, keyset, shown, wizard_forms
from msphub.web.middleware import PortalRequest
from msphub.web.wizard_forms import StepForm

CATEGORIES = [(str(one), one.label) for one in DiscountCategory]
COLUMNS = [
    Column(key="name", label=gettext_lazy("Discount Name"), sortable=True, pinned=True),
    Column(key="vendor", label=gettext_lazy("Vendor"), sortable=True),
    Column(key="country", label=gettext_lazy("Country"), sortable=True),
    Column(key="category", label=gettext_lazy("Discount Category"), sortable=True),
    Column(key="state", label=gettext_lazy("State")),
    Column(key="rates", label=gettext_lazy("Rates")),
    Column(key="since", label=gettext_lazy("Valid From")),
    Column(key="coming", label=gettext_lazy("Next version")),
    Column(key="types", label=gettext_lazy("Customer Type")),
]


class RenameForm(StepForm):
    """A discount's name; all else stays."""

    widths = {"name": "long"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"] = wizard_forms.text_field(_("Discount Name"))
        self.fields["version"] = wizard_forms.hidden_field()


def discounts(request: PortalRequest) -> HttpResponse:
    """Show the partner's discounts."""
    may_manage = request.actor.may(permissions.MANAGE_DISCOUNTS)
    create_url = reverse("discount_new")
    spec = _spec(create_url=create_url if may_manage else "")
    state = grids.state_of(request, spec)
    found = queries.discounts_page(
        by=request.actor,
        on=day_of(request.now),
        wanted=grids.wanted_of(state, queries.SORTS),
        **_narrowed(state),
    )
    types = uses.types_by_discount(by=request.actor, discount_ids=[row.id for row in found.rows])
    page = grids.page_of(found, [_row(row, types=types.get(row.id, [])) for row in found.rows])
    create = Action(label=_("Create"), url=create_url, icon="plus", tone="primary")
    return grid_view.respond(
        request,
        template="web/list.html",
        grid=grid_view.Grid(spec=spec, state=state, page=page),
        context={"page": Page(title=_("Discounts"), action=create if may_manage else None)},
    )


def export_list(request: PortalRequest, *, kind: str) -> HttpResponseBase:
    """Download the filtered list, with what holds today."""
    state = GridState.parse(request.GET, _spec(create_url=""), path=request.path)

    def ask(wanted: lists.Wanted) -> lists.Page[list[str]]:
        found = queries.discounts_page(by=request.actor, on=day_of(request.now), wanted=wanted, **_narrowed(state))
        types = uses.types_by_discount(by=request.actor, discount_ids=[row.id for row in found.rows])
        return found.showing([_exported(row, types=types.get(row.id, [])) for row in found.rows])

    def rows() -> Iterator[list[str]]:
        return lists.everything(ask, sort=state.sort_key, descending=state.descending)

    heads = [str(column.label) for column in COLUMNS]
    return grids.download(request, kind=kind, name="discounts", heads=heads, rows=rows)


def _narrowed(state: GridState) -> dict[str, Any]:
    return {
        "search": state.q,
        "vendors": state.chosen("vendor"),
        "countries": state.chosen("country"),
        "categories": state.chosen("category"),
    }


def _exported(row: DiscountRow, *, types: Sequence[str]) -> list[str]:
    holding, coming = row.in_force, row.coming
    return [
        row.name,
        str(row.vendor.label),
        addresses.country_name(row.country),
        str(row.category.label),
        str((VersionState.IN_FORCE if holding else VersionState.COMING).label),
        _span_words(holding or coming, category=row.category),
        holding.valid_from.isoformat() if holding else "",
        coming.valid_from.isoformat() if coming else "",
        ", ".join(types),
    ]


def _spec(*, create_url: str) -> GridSpec:
    return GridSpec(
        name="discounts",
        noun=gettext_lazy("discounts"),
        noun_one=gettext_lazy("discount"),
        search_label=gettext_lazy("Search discounts"),
        columns=COLUMNS,
        filters=[
            Filter(key="vendor", label=gettext_lazy("Vendor"), choices=VendorCode.choices),
            Filter(key="country", label=gettext_lazy("Country"), choices=addresses.countries),
            Filter(key="category", label=gettext_lazy("Discount Category"), choices=CATEGORIES),
        ],
        default_sort="name",
        exports=[
            Export(label=kind.upper(), url=reverse("discounts_export", kwargs={"kind": kind}))
            for kind in ("csv", "xlsx")
        ],
        empty=Empty(
            title=gettext_lazy("No discounts yet"),
            text=gettext_lazy("A discount lowers list prices for the customer types that use it."),
            action_label=gettext_lazy("Create") if create_url else "",
            action_url=create_url,
            icon="percentage",
        ),
    )


def _row(row: DiscountRow, *, types: Sequence[str]) -> dict[str, Any]:
    url = reverse("discount", kwargs={"discount_id": row.id})
    holding = row.in_force
    return {
        "id": row.id,
        "url": url,
        "label": row.name,
        "name": cells.Link(row.name, url),
        "vendor": str(row.vendor.label),
        "country": addresses.country_name(row.country),
        "category": str(row.category.label),
        "state": shown.version(VersionState.IN_FORCE if holding else VersionState.COMING),
        "rates": _span_words(holding or row.coming, category=row.category),
        "since": cells.day(holding.valid_from) if holding else None,
        "coming": cells.Text(
            f"v{row.coming.number}",
            sub=_("from %(day)s") % {"day": shown_day(row.coming.valid_from)},
        )
        if row.coming
        else None,
        "types": ", ".join(types[:3]) + (" …" if len(types) > 3 else ""),
    }


def shown_day(value: datetime.date) -> str:
    """Return a day as people read it."""
    found = cells.day(value)
    return found.shown if found else ""


def percent(value: Decimal) -> str:
    """Return a percentage as people read it."""
    return _("%(figure)s %%") % {"figure": money.number(Decimal(f"{value.normalize():f}"))}


def _span_words(span: Span | None, *, category: str) -> str:
    if span is None or span.lowest is None or span.highest is None:
        return ""
    low, high = percent(span.lowest), percent(span.highest)
    rates = low if low == high else _("%(low)s to %(high)s") % {"low": low, "high": high}
    if category in BY_ITEM:
        count = ngettext("%(count)s product", "%(count)s products", span.rows) % {"count": money.number(span.rows)}
        return f"{rates} · {count}"
    if category == DiscountCategory.SLAB:
        return f"{rates} · " + ngettext("%(count)s band", "%(count)s bands", span.rows) % {"count": span.rows}
    return rates


def discount(request: PortalRequest, *, discount_id: uuid.UUID) -> HttpResponse:
    """Show one discount: its versions as a timeline, and the rates of the one chosen (default: in force, or coming)."""
    actor = request.actor
    found = queries.get_discount(by=actor, discount_id=discount_id)
    versions = queries.versions(by=actor, discount_id=discount_id, on=day_of(request.now))
    chosen = _chosen(versions, request.GET.get("version", ""))
    spec = _items_spec(found, chosen)
    state = GridState.parse(request.GET, spec, path=request.path, keep=("version",))
    grid = _items_grid(request, found, chosen, spec=spec, state=state)
    may_manage = actor.may(permissions.MANAGE_DISCOUNTS)
    names = uses.types_by_discount(by=actor, discount_ids=[discount_id]).get(discount_id, [])
    rates = (
        queries.rates_in(
            by=actor,
            version=queries.get_version(by=actor, discount_id=discount_id, version_id=chosen.id),
            category=found.category,
        )
        if found.category == DiscountCategory.SLAB
        else None
    )
    context = {
        "page": _page(found, may_manage=may_manage),
        "entries": [_entry(found, one, chosen=one.id == chosen.id) for one in versions],
        "about": [
            Item(label=_("Vendor"), value=str(VendorCode(found.vendor).label)),
            Item(label=_("Country"), value=addresses.country_name(found.country)),
            Item(label=_("Discount Category"), value=str(DiscountCategory(found.category).label)),
            Item(label=_("Customer Type"), value=", ".join(names)),
        ],
        "rates_title": _("Rates of v%(number)s") % {"number": chosen.number},
        "chosen_state": shown.version(chosen.state),
        "chosen_days": _days_words(chosen),
        "rate": percent(chosen.percent) if chosen.percent is not None else "",
        "bands": [_band(band) for band in rates.bands] if rates else [],
        "has_items": found.category in BY_ITEM,
        "chosen_actions": _version_actions(found, chosen) if may_manage else [],
    }
    return grid_view.respond(request, template="web/discounts/discount.html", grid=grid, context=context)


def _page(found: Discount, *, may_manage: bool) -> Page:
    where = {"discount_id": found.id}
    return Page(
        title=found.name,
        crumbs=[Crumb(label=_("Discounts"), url=reverse("discounts"))],
        action=Action(label=_("New Version"), url=reverse("discount_version_new", kwargs=where), icon="plus")
        if may_manage
        else None,
        actions=[
            Action(label=_("Clone"), url=reverse("discount_clone", kwargs=where), icon="copy"),
            Action(label=_("Rename"), url=reverse("discount_rename", kwargs=where), icon="pencil", how="dialog"),
            Action(label=_("Delete"), url=reverse("discount_delete", kwargs=where), icon="trash", how="dialog"),
        ]
        if may_manage
        else [],
    )


def _chosen(versions: Sequence[Version], asked: str) -> Version:
    """Return the version asked for; else the one in force, else the first to come."""
    for one in versions:
        if str(one.id) == asked:
            return one
    holding = [one for one in versions if one.state == VersionState.IN_FORCE]
    return holding[0] if holding else versions[-1]


def _version_actions(found: Discount, chosen: Version) -> list[Action]:
    if chosen.state != VersionState.COMING:
        return []
    where = {"discount_id": found.id, "version_id": chosen.id}
    return [
        Action(label=_("Change"), url=reverse("discount_version_change", kwargs=where), icon="pencil"),
        Action(label=_("Withdraw"), url=reverse("discount_version_withdraw", kwargs=where), icon="trash", how="dialog"),
    ]


_TONES = {VersionState.IN_FORCE: "ok", VersionState.COMING: "info", VersionState.PAST: "muted"}


def _entry(found: Discount, version: Version, *, chosen: bool) -> Entry:
    url = reverse("discount", kwargs={"discount_id": found.id}) + f"?version={version.id}"
    words = f"v{version.number} · {version.state.label}"
    detail = _days_words(version)
    if version.percent is not None:
        detail += f" · {percent(version.percent)}"
    elif version.items:
        detail += " · " + ngettext("%(count)s product", "%(count)s products", version.items) % {
            "count": money.number(version.items)
        }
    else:
        detail += " · " + ngettext("%(count)s band", "%(count)s bands", version.bands) % {"count": version.bands}
    if chosen:
        detail += " · " + _("shown below")
    return Entry(
        at=cells.moment(version.created_at),
        who=version.created_by,
        what=cells.Link(words, url),
        detail=detail,
        tone=_TONES[version.state],  # type: ignore[arg-type]  # each is one of its literals
    )


def _days_words(version: Version) -> str:
    first = shown_day(version.valid_from)
    if version.valid_before is None:
        return _("valid from %(first)s") % {"first": first}
    last = shown_day(version.valid_before - datetime.timedelta(days=1))
    return _("valid from %(first)s to %(last)s") % {"first": first, "last": last}


def _band(band: Band) -> dict[str, str]:
    first = money.number(band.from_quantity)
    last = money.number(band.to_quantity) if band.to_quantity is not None else ""
    return {
        "quantity": _("%(first)s and up") % {"first": first}
        if not last
        else first
        if first == last
        else _("%(first)s to %(last)s") % {"first": first, "last": last},
        "percent": percent(band.percent),
    }


def _items_spec(found: Discount, chosen: Version) -> GridSpec:
    where = {"discount_id": found.id, "version_id": chosen.id}
    return GridSpec(
        name="rates",
        noun=gettext_lazy("rates"),
        noun_one=gettext_lazy("rate"),
        search_label=gettext_lazy("Search products"),
        columns=[
            Column(key="title", label=gettext_lazy("Product or SKU"), pinned=True),
            Column(key="product", label=gettext_lazy("Product ID")),
            Column(key="sku", label=gettext_lazy("SKU ID")),
            Column(key="percent", label=gettext_lazy("Percentage"), align="end"),
        ],
        page_sizes=(50, 100),
        exports=[Export(label="CSV", url=reverse("discount_version_export", kwargs=where))],
        empty=Empty(title=gettext_lazy("No rates"), icon="percentage"),
    )


def _items_grid(
    request: PortalRequest, found: Discount, chosen: Version, *, spec: GridSpec, state: GridState
) -> grid_view.Grid:
    if found.category not in BY_ITEM:
        return grid_view.Grid(spec=spec, state=state, page=GridPage(rows=[], count=0))
    page = products.items_page(
        by=request.actor,
        version_id=chosen.id,
        wanted=lists.Wanted(
            sort="title", size=state.size, after=keyset.decode(state.after), before=keyset.decode(state.before)
        ),
        search=state.q,
    )
    rows = [
        {
            "id": row.id,
            "label": row.title,
            "title": cells.Text(row.title, sub="" if row.sku else _("whole product")),
            "product": row.product,
            "sku": row.sku,
            "percent": percent(row.percent),
        }
        for row in page.rows
    ]
    return grid_view.Grid(spec=spec, state=state, page=grids.page_of(page, rows))


def export(request: PortalRequest, *, discount_id: uuid.UUID, version_id: uuid.UUID) -> HttpResponseBase:
    """Download a version's rates in the form that the import takes."""
    version = queries.get_version(by=request.actor, discount_id=discount_id, version_id=version_id)

    def rows() -> Iterator[list[str]]:
        for row in products.all_items(by=request.actor, version_id=version.id):
            yield [row.product, row.sku, row.title, f"{row.percent.normalize():f}"]

    heads = ["Product ID", "SKU ID", "Title", "Percentage"]
    return grids.as_csv(request, name=f"discount-v{version.number}", heads=heads, rows=rows)


def rename(request: PortalRequest, *, discount_id: uuid.UUID) -> HttpResponse:
    """Ask for another name, and give it."""
    found = queries.get_discount(by=request.actor, discount_id=discount_id)
    back = reverse("discount", kwargs={"discount_id": discount_id})
    form = RenameForm(
        request.POST if request.method == "POST" else None,
        initial={"name": found.name, "version": str(found.version)},
    )
    if request.method == "POST":
        form.is_valid()
        try:
            actions.rename_discount(
                by=request.actor,
                discount_id=discount_id,
                name=form.value("name"),
                version=form.version,
                at=request.now,
            )
        except Refused as refusal:
            form.show(refusal.fields or {"": refusal.message})
            if refusal.code == "stale":
                form.put({"version": str(found.version)})
        else:
            messages.success(request, _("The discount has been renamed."))
            return htmx.go(request, back)
    page = Page(title=_("Rename %(name)s") % {"name": found.name}, narrow=True)
    return render(request, "web/discounts/rename_dialog.html", {"page": page, "form": form, "back_url": back})


def delete(request: PortalRequest, *, discount_id: uuid.UUID) -> HttpResponse:
    """Ask, and delete a discount that no customer type uses."""
    found = queries.get_discount(by=request.actor, discount_id=discount_id)
    back = reverse("discount", kwargs={"discount_id": discount_id})
    if request.method == "POST":
        try:
            uses.delete_discount(by=request.actor, discount_id=discount_id, at=request.now)
        except Refused as refusal:
            messages.error(request, str(refusal.message))
            return htmx.go(request, back)
        messages.success(request, _("%(name)s has been deleted.") % {"name": found.name})
        return htmx.go(request, reverse("discounts"))
    return render(
        request,
        "web/confirm_dialog.html",
        {
            "page": Page(title=_("Delete %(name)s") % {"name": found.name}, narrow=True),
            "text": _("The discount goes with all its versions. The audit log keeps what it was."),
            "back_url": back,
        },
    )


def withdraw(request: PortalRequest, *, discount_id: uuid.UUID, version_id: uuid.UUID) -> HttpResponse:
    """Ask, and take back a coming version."""
    found = queries.get_discount(by=request.actor, discount_id=discount_id)
    version = queries.get_version(by=request.actor, discount_id=discount_id, version_id=version_id)
    back = reverse("discount", kwargs={"discount_id": discount_id})
    if request.method == "POST":
        try:
            actions.withdraw_version(
                by=request.actor,
                discount_id=discount_id,
                version_id=version_id,
                version=found.version,
                at=request.now,
            )
        except Refused as refusal:
            messages.error(request, str(refusal.message))
        else:
            messages.success(request, _("v%(number)s has been withdrawn.") % {"number": version.number})
        return htmx.go(request, back)
    return render(
        request,
        "web/confirm_dialog.html",
        {
            "page": Page(title=_("Withdraw v%(number)s") % {"number": version.number}, narrow=True),
            "text": _("It would have been valid from %(day)s; the version before it stays valid instead.")
            % {"day": shown_day(version.valid_from)},
            "back_url": back,
        },
    )
