"""Credit Terms (R): the grid, one term with the types that use it, create, edit with a preview, delete."""

import dataclasses
import uuid
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from msphub.customers import credit_terms, permissions, term_lists, type_effects
from msphub.customers.choices import CreditHold, OnReach
from msphub.customers.models import CreditTerm
from msphub.kit import addresses, ids
from msphub.kit.errors import Refused
from msphub.ui import cells, grid_view, htmx
from msphub.ui.forms import Group, Layout, Width, set_refresh
from msphub.ui.grid import Column, Empty, Export, Filter, GridSpec, GridState, RowAction
from msphub.ui.page import Action, Crumb, Item, Page
from msphub.web import errands, grids, money_fields, shown, wizard_forms
from msphub.web.middleware import PortalRequest
from msphub.web.wizard_forms import StepForm

COLUMNS = [
    Column(key="name", label=gettext_lazy("Name"), sortable=True, pinned=True),
    Column(key="country", label=gettext_lazy("Country"), sortable=True),
    Column(key="limit", label=gettext_lazy("Credit Limit"), sortable=True, align="end"),
    Column(key="due", label=gettext_lazy("Due Period"), sortable=True, align="end"),
    Column(key="on_reach", label=gettext_lazy("On Reach of Credit Limit")),
    Column(key="hold", label=gettext_lazy("Put Account on Credit Hold")),
    Column(key="types", label=gettext_lazy("Customer Types")),
    Column(key="changed", label=gettext_lazy("Changed"), sortable=True),
]
MEANING = {
    OnReach.ON_ISSUE: gettext_lazy("the customer is suspended when the next invoice is issued"),
    OnReach.ON_DUE: gettext_lazy("the customer is suspended when an invoice falls due unpaid"),
    OnReach.TRIGGER_PAYMENT: gettext_lazy("what is open is charged to the customer's means of payment at once"),
    OnReach.NO_ACTION: gettext_lazy("nothing happens and purchases go on"),
}


class CreditTermForm(StepForm):
    """A credit term, in product.md's fields and order, with the currency beside the limit."""

    widths: ClassVar[Mapping[str, Width]] = {
        "name": "long",
        "country": "medium",
        "credit_limit": "short",
        "currency": "medium",
        "due_days": "tiny",
        "on_reach": "long",
        "credit_hold": "long",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        text, select = wizard_forms.text_field, wizard_forms.select_field
        self.fields["id"] = wizard_forms.hidden_field()
        self.fields["version"] = wizard_forms.hidden_field()
        self.fields["name"] = text(_("Name"))
        self.fields["country"] = select(_("Country"), addresses.countries())
        self.fields["credit_limit"] = text(_("Credit Limit"), widget=forms.TextInput(attrs={"inputmode": "decimal"}))
        self.fields["currency"] = select(
            _("Currency"), money_fields.currencies(), help_text=_("Preset from the country.")
        )
        self.fields["due_days"] = text(
            _("Due Period"),
            help_text=_("Days from issue to due, 0 to 365."),
            widget=forms.TextInput(attrs={"inputmode": "numeric"}),
        )
        reach = format_html_join(mark_safe("<br>"), "{}: {}.", [(one.label, MEANING[one]) for one in OnReach])
        self.fields["on_reach"] = select(_("On Reach of Credit Limit"), OnReach.choices, help_text=reach)
        self.fields["credit_hold"] = select(
            _("Put Account on Credit Hold"),
            CreditHold.choices,
            help_text=_(
                "Manual: the account is flagged and a person suspends it; Automatic: it is suspended by itself."
            ),
        )
        for name, width in self.widths.items():
            self.fields[name].ui_width = width  # type: ignore[attr-defined]
        set_refresh(self, name="country", url=reverse("credit_term_currency"), target="group-limit")

    @property
    def layout(self) -> Layout:  # type: ignore[override]
        """The groups, in product.md's order."""
        return Layout(
            Group(_("Credit Terms"), ["name", "country"], hidden_legend=True, id="group-term"),
            Group(_("Limit"), [["credit_limit", "currency"]], hidden_legend=True, id="group-limit"),
            Group(_("Payment"), ["due_days", "on_reach", "credit_hold"], hidden_legend=True, id="group-payment"),
        )


def grid(request: PortalRequest) -> HttpResponse:
    """Show the partner's credit terms, page by page."""
    actor = request.actor
    may_manage = actor.may(permissions.MANAGE_TERMS)
    spec = _spec(get_language(), may_manage=may_manage)
    state = grids.state_of(request, spec)
    found = term_lists.credit_terms_page(
        by=actor, wanted=grids.wanted_of(state, term_lists.TERM_SORTS), **_narrowed(state)
    )
    page = grids.page_of(found, [_row(row, may_manage=may_manage) for row in found.rows])
    create = Action(label=_("Create"), url=reverse("credit_term_new"), icon="plus", tone="primary")
    return grid_view.respond(
        request,
        template="web/list.html",
        grid=grid_view.Grid(spec=spec, state=state, page=page),
        context={"page": Page(title=_("Credit Terms"), action=create if may_manage else None)},
    )


def export(request: PortalRequest, *, kind: str) -> HttpResponseBase:
    """Download the filtered set with all columns."""
    spec = _spec(get_language(), may_manage=False)
    state = GridState.parse(request.GET, spec, path=request.path)

    def rows() -> Iterator[list[str]]:
        for row in term_lists.all_credit_terms(
            by=request.actor, sort=state.sort_key, descending=state.descending, **_narrowed(state)
        ):
            yield [
                row.name,
                addresses.country_name(row.country),
                f"{row.credit_limit} {row.currency}",
                str(row.due_days),
                str(OnReach(row.on_reach).label),
                str(CreditHold(row.credit_hold).label),
                ", ".join(row.types),
                row.updated_at.isoformat(timespec="seconds"),
            ]

    heads = [str(column.label) for column in COLUMNS]
    return grids.download(request, kind=kind, name="credit-terms", heads=heads, rows=rows)


def overview(request: PortalRequest, *, term_id: uuid.UUID) -> HttpResponse:
    """Show a credit term and the customer types that use it."""
    actor = request.actor
    term = term_lists.get_credit_term(by=actor, term_id=term_id)
    uses = term_lists.types_using(by=actor, term=term)
    action, actions = None, []
    if actor.may(permissions.MANAGE_TERMS):
        address = {"term_id": term_id}
        action = Action(label=_("Edit"), url=reverse("credit_term_edit", kwargs=address), icon="pencil")
        actions = [Action(label=_("Delete"), url=reverse("credit_term_delete", kwargs=address), how="dialog")]
    return render(
        request,
        "web/terms/term.html",
        {
            "page": Page(title=term.name, crumbs=_crumbs(), action=action, actions=actions),
            "items": [
                Item(label=_("Country"), value=addresses.country_name(term.country)),
                Item(label=_("Credit Limit"), value=cells.Money(term.credit_limit, term.currency)),
                Item(label=_("Due Period"), value=shown.days(term.due_days)),
                Item(label=_("On Reach of Credit Limit"), value=_reach(term)),
                Item(label=_("Put Account on Credit Hold"), value=str(CreditHold(term.credit_hold).label)),
            ],
            "uses": [_use(one, country=term.country) for one in uses],
        },
    )


def create(request: PortalRequest) -> HttpResponse:
    """Show the form of a new credit term, and create it."""
    country = request.GET.get("country", "")[:2]
    form = CreditTermForm(
        request.POST if request.method == "POST" else None,
        initial={
            "id": str(ids.new_id()),
            "country": country,
            "currency": money_fields.currency_of(country, on=request.now.date()),
            "on_reach": OnReach.NO_ACTION.value,
            "credit_hold": CreditHold.MANUAL.value,
        },
    )
    if request.method == "POST":
        form.is_valid()
        entered, problems = _read(form, request)
        try:
            problems = credit_terms.check(entered)[1] | problems
            if not problems:
                term = credit_terms.create_credit_term(
                    by=request.actor,
                    **dataclasses.asdict(entered),
                    at=request.now,
                    term_id=wizard_forms.read_uuid(form.value("id")),
                )
                messages.success(request, _("%(name)s has been created.") % {"name": term.name})
                return errands.finish(
                    request, made=term.id, otherwise=reverse("credit_term", kwargs={"term_id": term.id})
                )
            form.show(problems)
        except Refused as refusal:
            form.show(refusal.fields or {"": refusal.message})
    return _form_page(
        request,
        form,
        title=_("Create a credit term"),
        submit=_("Create"),
        back=errands.way_back(request, otherwise=reverse("credit_terms")),
    )


def edit(request: PortalRequest, *, term_id: uuid.UUID) -> HttpResponse:
    """Edit a credit term: the form, then what the change would do and for whom, then Save."""
    term = term_lists.get_credit_term(by=request.actor, term_id=term_id)
    address = reverse("credit_term", kwargs={"term_id": term_id})
    form = CreditTermForm(request.POST if request.method == "POST" else None, initial=_initial(term))
    if request.method == "POST" and request.POST.get("go") != "back":
        form.is_valid()
        entered, problems = _read(form, request)
        effects, found = type_effects.of_term_change(by=request.actor, term_id=term_id, entered=entered)
        problems = found | problems
        try:
            if problems:
                form.show(problems)
            elif form.version == term.version and request.POST.get("go") != "save" and effects.types:
                return _preview(request, form, term, effects, back=address)
            else:
                credit_terms.change_credit_term(
                    by=request.actor, term_id=term_id, entered=entered, version=form.version, at=request.now
                )
                messages.success(request, _("%(name)s has been saved.") % {"name": entered.name.strip()})
                return errands.finish(request, made=term_id, otherwise=address)
        except Refused as refusal:
            form.show(refusal.fields or {"": refusal.message})
            if refusal.code == "stale":
                shown.differences(form, stored=_initial(term))
    return _form_page(
        request,
        form,
        title=_("Edit %(name)s") % {"name": term.name},
        submit=_("Continue"),
        back=errands.way_back(request, otherwise=address),
    )


def delete(request: PortalRequest, *, term_id: uuid.UUID) -> HttpResponse:
    """Ask, and delete a credit term that no type uses."""
    term = term_lists.get_credit_term(by=request.actor, term_id=term_id)
    address = reverse("credit_term", kwargs={"term_id": term_id})
    if request.method == "POST":
        try:
            credit_terms.delete_credit_term(by=request.actor, term_id=term_id, at=request.now)
        except Refused as refusal:
            messages.error(request, str(refusal.message))
            return htmx.go(request, address)
        messages.success(request, _("%(name)s has been deleted.") % {"name": term.name})
        return htmx.go(request, reverse("credit_terms"))
    return render(
        request,
        "web/confirm_dialog.html",
        {
            "page": Page(title=_("Delete %(name)s") % {"name": term.name}, narrow=True),
            "text": _("It can be deleted while no customer type uses it. The audit log keeps what it was."),
            "back_url": address,
        },
    )


@require_POST
def currency(request: PortalRequest) -> HttpResponse:
    """Answer a change of the country with its currency beside the limit that was typed."""
    form = CreditTermForm(request.POST)
    preset = money_fields.currency_of(form.value("country"), on=request.now.date())
    if preset:
        form.put({"currency": preset})
    return render(request, "web/terms/limit.html", {"form": form})


def _form_page(request: PortalRequest, form: CreditTermForm, *, title: str, submit: str, back: str) -> HttpResponse:
    return render(
        request,
        "web/terms/term_form.html",
        {"page": Page(title=title, crumbs=_crumbs(), narrow=True), "form": form, "submit": submit, "back_url": back},
    )


def _preview(
    request: PortalRequest, form: CreditTermForm, term: CreditTerm, effects: type_effects.TermEffects, *, back: str
) -> HttpResponse:
    return render(
        request,
        "web/terms/term_preview.html",
        {
            "page": Page(title=_("What changes with %(name)s") % {"name": term.name}, crumbs=_crumbs(), narrow=True),
            "form": form,
            "changes": effects.changes,
            "uses": [_use(one, country=term.country) for one in effects.types],
            "refusal": credit_terms.currency_refusal(list(effects.in_the_way), currency=form.value("currency"))
            if effects.in_the_way
            else "",
            "kept": [(name, form.value(name)) for name in form.fields],
            "back_url": back,
        },
    )


def _read(form: CreditTermForm, request: PortalRequest) -> tuple[credit_terms.Entered, dict[str, Any]]:
    """Read the form; figures that can't be read are told here, in the viewer's way of writing them."""
    problems: dict[str, Any] = {}
    limit = money_fields.read_amount(form.value("credit_limit"))
    if limit is None:
        problems["credit_limit"] = _("Enter an amount such as %(example)s.") % {"example": money_fields.example()}
    due = form.value("due_days").strip()
    country = form.value("country")
    return (
        credit_terms.Entered(
            name=form.value("name"),
            country=country,
            currency=form.value("currency") or money_fields.currency_of(country, on=request.now.date()),
            credit_limit=limit,
            due_days=int(due) if due.isascii() and due.isdigit() and len(due) < 6 else None,
            on_reach=form.value("on_reach"),
            credit_hold=form.value("credit_hold"),
        ),
        problems,
    )


def _initial(term: CreditTerm) -> dict[str, str]:
    return {
        "version": str(term.version),
        "name": term.name,
        "country": term.country,
        "credit_limit": money_fields.plain(term.credit_limit),
        "currency": term.currency,
        "due_days": str(term.due_days),
        "on_reach": term.on_reach,
        "credit_hold": term.credit_hold,
    }


def _reach(term: CreditTerm) -> cells.Text:
    reach = OnReach(term.on_reach)
    return cells.Text(str(reach.label), sub=capfirst(str(MEANING[reach])) + ".")


def _use(use: term_lists.TermUse, *, country: str) -> dict[str, Any]:
    return {
        "name": use.name,
        "url": reverse("customer_type", kwargs={"type_id": use.id}),
        "status": shown.active(use.active),
        "customers": shown.counted(use.customers),
        "customers_url": shown.customers_url(type_id=use.id, country=country),
    }


def _crumbs() -> list[Crumb]:
    return [Crumb(label=_("Credit Terms"), url=reverse("credit_terms"))]


def _narrowed(state: GridState) -> dict[str, Any]:
    return {
        "search": state.q,
        "countries": state.chosen("country"),
    }


def _row(row: term_lists.TermRow, *, may_manage: bool) -> dict[str, Any]:
    address = {"term_id": row.id}
    url = reverse("credit_term", kwargs=address)
    return {
        "id": row.id,
        "url": url,
        "label": row.name,
        "name": cells.Link(row.name, url),
        "country": addresses.country_name(row.country),
        "limit": cells.Money(row.credit_limit, row.currency),
        "due": shown.days(row.due_days),
        "on_reach": str(OnReach(row.on_reach).label),
        "hold": str(CreditHold(row.credit_hold).label),
        "types": credit_terms.text_list(row.types),
        "changed": cells.moment(row.updated_at, with_time=False),
        "edit_url": reverse("credit_term_edit", kwargs=address) if may_manage else None,
    }


@lru_cache(maxsize=32)
def _spec(_language: str | None, *, may_manage: bool) -> GridSpec:
    empty = Empty(title=_("No credit terms yet"), text=_("They appear here once created."), icon="coins")
    if may_manage:
        empty = dataclasses.replace(
            empty,
            text=_("Create one for each country you sell in; customer types refer to them."),
            action_label=_("Create"),
            action_url=reverse("credit_term_new"),
        )
    return GridSpec(
        name="credit-terms",
        noun=_("credit terms"),
        noun_one=_("credit term"),
        search_label=_("Search names"),
        columns=[dataclasses.replace(column, label=str(column.label)) for column in COLUMNS],
        filters=[Filter(key="country", label=_("Country"), choices=addresses.countries())],
        default_sort="name",
        row_actions=[RowAction(key="edit", label=_("Edit"), icon="pencil", icon_only=True, url=_edit_url)],
        exports=[
            Export(label="CSV", url=reverse("credit_terms_export", kwargs={"kind": "csv"})),
            Export(label="XLSX", url=reverse("credit_terms_export", kwargs={"kind": "xlsx"})),
        ],
        empty=empty,
    )


def _edit_url(row: Mapping[str, Any]) -> str | None:
    url: str | None = row["edit_url"]
    return url
