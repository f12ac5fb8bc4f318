"""Creating and cloning discounts, and creating and changing their versions: one form for all."""

import datetime
import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from msphub.catalog import actions, products, queries
from msphub.catalog.choices import BY_ITEM, DiscountCategory, VendorCode
from msphub.catalog.days import day_of
from msphub.catalog.inputs import Heading, Rates
from msphub.catalog.models import Discount, DiscountVersion
from msphub.kit import ids
from msphub.kit.errors import NotFound, Refused
from msphub.ui.page import Crumb, Page
from msphub.web import errands, wizard_forms
from msphub.web.discount_form import RATES, DiscountForm
from msphub.web.middleware import PortalRequest

ENTER = "enter"


def create(request: PortalRequest) -> HttpResponse:
    """Show the form of a new discount, and create it."""
    initial = {
        "id": str(ids.new_id()),
        "vendor": str(VendorCode.MICROSOFT),
        "category": str(DiscountCategory.DEFAULT),
        "country": request.GET.get("country", "")[:2],
        "valid_from": _tomorrow(request),
    }
    form = _form(request, initial=initial)
    return _create(request, form, title=_("Create a discount"), back=reverse("discounts"))


def clone(request: PortalRequest, *, discount_id: uuid.UUID) -> HttpResponse:
    """Show the form of a new discount filled from another one's latest version, and create it."""
    source = queries.get_discount(by=request.actor, discount_id=discount_id)
    latest = _latest(request, source)
    initial = {
        "id": str(ids.new_id()),
        "name": _("%(name)s copy") % {"name": source.name[:90]},
        "vendor": source.vendor,
        "category": source.category,
        "country": source.country,
        "valid_from": _tomorrow(request),
    }
    form = _form(request, initial=initial, source=source, version=latest)
    title = _("Clone %(name)s") % {"name": source.name}
    back = reverse("discount", kwargs={"discount_id": discount_id})
    return _create(request, form, title=title, back=back, cloned_from=source.name)


def _create(
    request: PortalRequest, form: DiscountForm, *, title: str, back: str, cloned_from: str = ""
) -> HttpResponse:
    if request.method == "POST" and not _small_step(request, form):
        made = _save(
            form,
            lambda rates, valid_from: actions.create_discount(
                by=request.actor,
                heading=form.heading,
                valid_from=valid_from,
                rates=rates,
                at=request.now,
                discount_id=wizard_forms.read_uuid(form.value("id")),
                cloned_from=cloned_from,
            ),
        )
        if made is not None:
            messages.success(request, _("%(name)s has been created.") % {"name": made.name})
            return errands.finish(request, made=made.id, otherwise=reverse("discount", kwargs={"discount_id": made.id}))
    return _show(request, form, title=title, back=errands.way_back(request, otherwise=back))


def new_version(request: PortalRequest, *, discount_id: uuid.UUID) -> HttpResponse:
    """Show the form of a new version, filled from the latest one, and create it."""
    discount = queries.get_discount(by=request.actor, discount_id=discount_id)
    initial = {"id": str(ids.new_id()), "version": str(discount.version), "valid_from": _free_day(request, discount)}
    form = _form(request, initial=initial, source=discount, version=_latest(request, discount), fixed=True)
    if request.method == "POST" and not _small_step(request, form):
        made = _save(
            form,
            lambda rates, valid_from: actions.create_version(
                by=request.actor,
                discount_id=discount_id,
                valid_from=valid_from,
                rates=rates,
                version=form.version,
                at=request.now,
                version_id=wizard_forms.read_uuid(form.value("id")),
            ),
            stale=str(discount.version),
        )
        if made is not None:
            return _saved(request, made, _("v%(number)s has been created.") % {"number": made.number})
    back = reverse("discount", kwargs={"discount_id": discount_id})
    return _show(request, form, title=_("New Version"), back=back, discount=discount)


def change_version(request: PortalRequest, *, discount_id: uuid.UUID, version_id: uuid.UUID) -> HttpResponse:
    """Show the form of a coming version, and change it."""
    discount = queries.get_discount(by=request.actor, discount_id=discount_id)
    version = queries.get_version(by=request.actor, discount_id=discount_id, version_id=version_id)
    back = reverse("discount", kwargs={"discount_id": discount_id}) + f"?version={version.id}"
    if request.method != "POST" and version.valid_from <= day_of(request.now):
        words = _("v%(number)s is in force and can't change any more. Make a new version.")
        messages.error(request, words % {"number": version.number})
        return redirect(back)
    initial = {"version": str(discount.version), "valid_from": version.valid_from.isoformat()}
    form = _form(request, initial=initial, source=discount, version=version, fixed=True)
    if request.method == "POST" and not _small_step(request, form):
        made = _save(
            form,
            lambda rates, valid_from: actions.change_version(
                by=request.actor,
                discount_id=discount_id,
                version_id=version_id,
                valid_from=valid_from,
                rates=rates,
                version=form.version,
                at=request.now,
            ),
            stale=str(discount.version),
        )
        if made is not None:
            return _saved(request, made, _("v%(number)s has been changed.") % {"number": made.number})
    title = _("Change v%(number)s") % {"number": version.number}
    return _show(request, form, title=title, back=back, discount=discount)


@require_POST
def refresh(request: PortalRequest, *, discount_id: uuid.UUID | None = None) -> HttpResponse:
    """Answer a change that others depend on with what follows from it; `do` is what a small button asks for."""
    discount = queries.get_discount(by=request.actor, discount_id=discount_id) if discount_id else None
    form = _form(request, initial={}, source=discount, fixed=discount is not None)
    go = request.GET.get("do", "")
    form.part.do(go)
    return render(
        request,
        "web/discounts/parts.html",
        {"form": form, "rates": RATES, "swaps_category": form.swaps_category},
    )


def _form(
    request: PortalRequest,
    *,
    initial: dict[str, Any],
    source: Discount | None = None,
    version: DiscountVersion | None = None,
    fixed: bool = False,
) -> DiscountForm:
    posted: QueryDict | None = request.POST if request.method == "POST" else None
    rates, table = None, []
    if posted is None and source is not None and version is not None:
        if source.category in BY_ITEM:
            table = products.all_items(by=request.actor, version_id=version.id)
        else:
            rates = queries.rates_in(by=request.actor, version=version, category=source.category)
            if rates.percent is not None:
                initial = {**initial, "percent": f"{rates.percent.normalize():f}"}
    heading = None
    refresh_url = reverse("discount_form")
    if fixed and source is not None:
        heading = Heading(name=source.name, vendor=source.vendor, country=source.country, category=source.category)
        refresh_url = reverse("discount_version_form", kwargs={"discount_id": source.id})
    form = DiscountForm(
        posted,
        by=request.actor,
        initial=initial,
        refresh_url=refresh_url,
        earliest=day_of(request.now).isoformat(),
        fixed=heading,
        rates=rates,
    )
    if table:
        form.part.show(table)
    return form


def _small_step(request: PortalRequest, form: DiscountForm) -> bool:
    """Do what a small button of the form asks for; the form is shown again then. Enter saves, or searches."""
    go = request.POST.get("go", "save")
    if go == ENTER and form.part.is_table and form.part.find:
        go = "search"
    file = request.FILES.get("file")
    return form.part.do(go, file=file)


def _save[Made](form: DiscountForm, act: Any, *, stale: str = "") -> Made | None:
    """Read the form and act; None when something is refused, which the form shows then."""
    form.is_valid()
    rates, problems = form.part.read(percent=form.value("percent"))
    valid_from: datetime.date | None = form.cleaned_data.get("valid_from")
    if problems:
        form.show(problems)
        rates = Rates()
    try:
        made: Made = act(rates, valid_from)
    except Refused as refusal:
        form.show({name: text for name, text in refusal.fields.items() if name not in problems} or _general(refusal))
        if refusal.code == "stale":
            form.put({"version": stale})
        return None
    return made


def _general(refusal: Refused) -> dict[str, Any]:
    return {} if refusal.fields else {"": refusal.message}


def _saved(request: PortalRequest, version: DiscountVersion, words: str) -> HttpResponse:
    messages.success(request, words)
    address = reverse("discount", kwargs={"discount_id": version.discount_id})
    return redirect(f"{address}?version={version.id}")


def _show(
    request: PortalRequest, form: DiscountForm, *, title: str, back: str, discount: Discount | None = None
) -> HttpResponse:
    crumbs = [Crumb(label=_("Discounts"), url=reverse("discounts"))]
    if discount is not None:
        crumbs.append(Crumb(label=discount.name, url=reverse("discount", kwargs={"discount_id": discount.id})))
    return render(
        request,
        "web/discounts/form.html",
        {"page": Page(title=title, crumbs=crumbs, narrow=True), "form": form, "back_url": back},
    )


def _latest(request: PortalRequest, discount: Discount) -> DiscountVersion:
    """Return the version with the latest day, which a new one starts from."""
    versions = queries.versions(by=request.actor, discount_id=discount.id, on=day_of(request.now))
    if not versions:
        raise NotFound
    return queries.get_version(by=request.actor, discount_id=discount.id, version_id=versions[0].id)


def _tomorrow(request: PortalRequest) -> str:
    return (day_of(request.now) + datetime.timedelta(days=1)).isoformat()


def _free_day(request: PortalRequest, discount: Discount) -> str:
    """Return tomorrow, or the first day after it that no version of the discount begins at."""
    taken = {
        one.valid_from for one in queries.versions(by=request.actor, discount_id=discount.id, on=day_of(request.now))
    }
    day = day_of(request.now) + datetime.timedelta(days=1)
    while day in taken:
        day += datetime.timedelta(days=1)
    return day.isoformat()
