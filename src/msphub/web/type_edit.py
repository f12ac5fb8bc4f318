"""Creating and editing customer types: rows that come and go, records made on the way, and what saving would do."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from msphub.catalog import permissions as catalog_permissions
from msphub.catalog import queries as catalog
from msphub.catalog.days import day_of
from msphub.catalog.queries import DiscountRow
from msphub.customers import customer_types, permissions, term_lists, type_effects
from msphub.kit import addresses, ids
from msphub.kit.errors import Refused, Text
from msphub.ui import htmx
from msphub.ui.page import Page
from msphub.web import effect_words, errands, wizard_forms
from msphub.web.customer_types import crumbs
from msphub.web.middleware import PortalRequest
from msphub.web.type_form import Row, Typed, TypeForm

ROWS = "type-rows"


def create(request: PortalRequest) -> HttpResponse:
    """Show the form of a new customer type, and create it."""
    fresh = Typed(id=str(ids.new_id()), version="", name="", rows=(Row(country=request.GET.get("country", "")[:2]),))
    typed, going = _typed(request, fresh=fresh)
    back = errands.way_back(request, otherwise=reverse("customer_types"))
    if going is not None:
        return going
    problems: dict[str, Text] = {}
    if request.POST.get("go") in {"enter", "save"}:
        entered = typed.entered()
        _checked, problems = customer_types.check(by=request.actor, entered=entered, at=request.now)
        if not problems:
            try:
                kind = customer_types.create_customer_type(
                    by=request.actor,
                    name=entered.name,
                    countries=entered.countries,
                    at=request.now,
                    type_id=wizard_forms.read_uuid(typed.id),
                )
            except Refused as refusal:
                problems = dict(refusal.fields or {"": refusal.message})
            else:
                messages.success(request, _("%(name)s has been created.") % {"name": kind.name})
                return errands.finish(
                    request, made=kind.id, otherwise=reverse("customer_type", kwargs={"type_id": kind.id})
                )
    form = _form(request, typed, problems)
    return _page(request, form, title=_("Create a customer type"), submit=_("Create"), go="save", back=back)


def edit(request: PortalRequest, *, type_id: uuid.UUID) -> HttpResponse:
    """Edit a type: the form, then what saving would do by country, then Save."""
    kind = term_lists.get_customer_type(by=request.actor, type_id=type_id)
    stored = Typed.of(
        type_id="",
        version=str(kind.version),
        name=kind.name,
        held=sorted(
            customer_types.held_by(by=request.actor, type_id=type_id, at=request.now).values(),
            key=lambda held: addresses.country_name(held.country),
        ),
    )
    wanted = request.GET.get("add", "")[:2]
    fresh = stored.added(country=wanted) if wanted and wanted not in {row.country for row in stored.rows} else stored
    typed, going = _typed(request, fresh=fresh)
    if going is not None:
        return going
    back = errands.way_back(request, otherwise=reverse("customer_type", kwargs={"type_id": type_id}))
    problems: dict[str, Text] = {}
    stale = False
    if request.POST.get("go") in {"enter", "preview", "save"}:
        effects, problems = type_effects.of_type_change(
            by=request.actor, type_id=type_id, entered=typed.entered(), at=request.now
        )
        stale = wizard_forms.read_version(typed.version) != kind.version
        if not problems and not stale and request.POST["go"] != "save":
            return _preview(request, type_id, typed, effects, back=back)
        if not problems:
            try:
                customer_types.change_customer_type(
                    by=request.actor,
                    type_id=type_id,
                    entered=typed.entered(),
                    version=wizard_forms.read_version(typed.version),
                    at=request.now,
                )
            except Refused as refusal:
                problems = dict(refusal.fields or {"": refusal.message})
                stale = refusal.code == "stale"
            else:
                messages.success(request, _("%(name)s has been saved.") % {"name": effects.name_after})
                return errands.finish(request, made=type_id, otherwise=back)
    form = _form(request, typed, problems)
    if stale and form.errors:
        _show_differences(request, form, stored)
    title = _("Edit %(name)s") % {"name": kind.name}
    return _page(request, form, title=title, submit=_("Continue"), go="preview", back=back)


def _typed(request: PortalRequest, *, fresh: Typed) -> tuple[Typed, HttpResponse | None]:
    """Return the form as it stands after the small buttons, or the answer that leaves it."""
    if request.method != "POST":
        away = errands.returned(request)
        return (_with_made(away) if away else fresh), None
    typed = Typed.read(request.POST)
    verb, _dash, digits = request.POST.get("go", "").rpartition("-")
    number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 4 else 0
    row = typed.rows[number - 1] if 0 < number <= len(typed.rows) else Row()
    if request.POST.get("go") == "add":
        typed = typed.added()
    elif verb == "remove":
        typed = typed.removed(number)
    elif verb in {"new-term", "new-discount"} and number:
        page, field = ("credit_term_new", "term") if verb == "new-term" else ("discount_new", "discount")
        country = row.country if row.country in addresses.country_codes() else ""
        return typed, errands.leave(
            request,
            to=f"{reverse(page)}?country={country}",
            field=f"{field}_{number}",
            typed=typed.data(),
        )
    return typed, None


def _with_made(away: errands.Returned) -> Typed:
    """Return the form as it was left, with the record that was made on the way chosen in the row that lacked it."""
    typed = Typed.read(away.typed or QueryDict())
    for field, made in away.chosen.items():
        kind, _dash, number = field.partition("_")
        chosen = {"term": made} if kind == "term" else {"discount": made}
        typed = typed.chosen(number=int(number), **chosen)
    return typed


def _form(request: PortalRequest, typed: Typed, problems: dict[str, Text]) -> TypeForm:
    """Return the form with what its rows may choose, in two statements."""
    actor = request.actor
    terms = term_lists.terms_by_country(by=actor, countries=[row.country for row in typed.rows])
    discounts: dict[str, list[DiscountRow]] = {}
    if actor.may(catalog_permissions.VIEW_DISCOUNTS):
        for one in catalog.discount_choices(by=actor, on=day_of(request.now)):
            discounts.setdefault(one.country, []).append(one)
    if not problems:
        typed = typed.fitting(terms=terms, discounts=discounts)
    form = TypeForm(typed=typed, terms=terms, discounts=discounts)
    if problems:
        form.is_valid()
        form.show(problems)
    return form


def _page(request: PortalRequest, form: TypeForm, *, title: str, submit: str, go: str, back: str) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "action": request.get_full_path(),
        "may_create_terms": request.actor.may(permissions.MANAGE_TERMS),
        "may_create_discounts": request.actor.may(catalog_permissions.MANAGE_DISCOUNTS),
    }
    if htmx.targets(request, ROWS):
        return render(request, "web/terms/type_rows.html", context)
    context |= {
        "page": Page(title=title, crumbs=crumbs(), narrow=True),
        "submit": submit,
        "go": go,
        "back_url": back,
    }
    return render(request, "web/terms/type_form.html", context)


def _preview(
    request: PortalRequest, type_id: uuid.UUID, typed: Typed, effects: type_effects.TypeEffects, *, back: str
) -> HttpResponse:
    return render(
        request,
        "web/terms/type_preview.html",
        {
            "page": Page(
                title=_("What changes with %(name)s") % {"name": effects.name_before}, crumbs=crumbs(), narrow=True
            ),
            "renamed": (effects.name_before, effects.name_after) if effects.name_before != effects.name_after else None,
            "effects": effects,
            "countries": [
                effect_words.country(one, type_id=type_id, today=day_of(request.now)) for one in effects.countries
            ],
            "kept": [(name, value) for name, values in typed.data().lists() for value in values],
            "back_url": back,
        },
    )


def _show_differences(request: PortalRequest, form: TypeForm, stored: Typed) -> None:
    """Say what a colleague has saved meanwhile, beside what was typed; Save again takes what stands in the form."""
    there = _words(request, stored)
    here = _words(request, form.typed)
    for label in dict.fromkeys([*there, *here]):
        if there.get(label) != here.get(label):
            words = _("%(label)s: saved meanwhile “%(there)s”, here “%(here)s”")
            both = {"there": there.get(label, "-")[:300], "here": here.get(label, "-")[:300]}
            form.add_error(None, words % {"label": label, **both})
    form.put_version(stored.version)


def _words(request: PortalRequest, typed: Typed) -> dict[str, str]:
    checked, _problems = customer_types.check(by=request.actor, entered=typed.entered(), at=request.now)
    return {label: str(value) for label, value in customer_types.described(checked).items()}
