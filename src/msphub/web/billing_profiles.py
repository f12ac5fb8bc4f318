"""Billing profiles: the partner's own list (My Account → Billing), and the form for them and for a customer's."""

import dataclasses
import uuid
from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from msphub.accounts import billing, billing_lists, permissions, queries
from msphub.accounts.billing_lists import ProfileRow
from msphub.accounts.models import BillingProfile
from msphub.customers import queries as customers
from msphub.kit import addresses, ids
from msphub.kit.addresses import Address
from msphub.kit.errors import NotFound, Refused
from msphub.ui import cells, forms, grid_view, htmx
from msphub.ui.forms import Group, Layout
from msphub.ui.grid import Column, Empty, Export, Filter, GridSpec, GridState
from msphub.ui.page import Action, Crumb, Page
from msphub.web import errands, grids, shown, wizard_forms
from msphub.web.middleware import PortalRequest
from msphub.web.wizard_forms import StepForm

FIELDS = "form-fields"


class ProfileForm(StepForm):
    """A billing profile; the address's fields follow the country."""

    widths = {"name": "long", "bill_to": "long", "country": "medium"}

    def __init__(self, *args: Any, refresh_url: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"] = wizard_forms.text_field(_("Billing Profile Name"))
        self.fields["bill_to"] = wizard_forms.text_field(
            _("Bill To"), help_text=_("The company or person that invoices are addressed to.")
        )
        wizard_forms.add_address(self, prefix="", country=self.value("country"))
        self.fields["country"] = wizard_forms.select_field(_("Country"), addresses.countries())
        for name in ("id", "version"):
            self.fields[name] = wizard_forms.hidden_field()
        forms.set_refresh(self, name="country", url=refresh_url, target=FIELDS)
        forms.set_widths(self, widths={**wizard_forms.ADDRESS_WIDTHS, **self.widths})
        forms.set_autocomplete(self, tokens=wizard_forms.ADDRESS_TOKENS | {"bill_to": "organization"})

    @property
    def layout(self) -> Layout:  # type: ignore[override]
        """The groups, in the wizard's order."""
        return Layout(
            Group(_("Billing profile"), ["name", "bill_to"], hidden_legend=True),
            Group(_("Address"), [*wizard_forms.address_rows(""), "country"]),
        )


def profiles(request: PortalRequest) -> HttpResponse:
    """Show the partner's own billing profiles."""
    request.actor.require_partner(permissions.VIEW_SUBSCRIPTIONS)
    return grid(request, customer_id=None, page=Page(title=_("Billing profiles")))


def grid(request: PortalRequest, *, customer_id: uuid.UUID | None, page: Page) -> HttpResponse:
    """Show the billing profiles of the partner (None) or of a customer, page by page."""
    may_manage = request.actor.may(permissions.MANAGE_SUBSCRIPTIONS)
    new = create_url(customer_id)
    spec = _spec(customer_id=customer_id, create_url=new if may_manage else "")
    state = grids.state_of(request, spec)
    found = billing_lists.profiles_page(
        by=request.actor,
        customer_id=customer_id,
        wanted=grids.wanted_of(state, billing_lists.PROFILE_SORTS),
        search=state.q,
        countries=state.chosen("country"),
    )
    rows = grids.page_of(found, [_row(row, customer_id=customer_id, linked=may_manage) for row in found.rows])
    create = Action(label=_("Create"), url=new, icon="plus", tone="primary")
    return grid_view.respond(
        request,
        template="web/list.html",
        grid=grid_view.Grid(spec=spec, state=state, page=rows),
        context={"page": dataclasses.replace(page, action=create) if may_manage else page},
    )


def export(request: PortalRequest, *, kind: str, customer_id: uuid.UUID | None = None) -> HttpResponseBase:
    """Download the filtered list."""
    require_owner(request, customer_id)
    state = GridState.parse(request.GET, _spec(customer_id=customer_id, create_url=""), path=request.path)
    heads = [_("Name"), _("Bill To"), _("Address Line 1"), _("City"), _("Country"), _("Subscriptions"), _("Created")]

    def rows() -> Iterator[list[str]]:
        for row in billing_lists.all_profiles(
            by=request.actor,
            customer_id=customer_id,
            sort=state.sort_key or "name",
            descending=state.descending,
            search=state.q,
            countries=state.chosen("country"),
        ):
            yield [
                row.name,
                row.bill_to,
                row.line1,
                row.city,
                addresses.country_name(row.country),
                ", ".join(row.subscriptions),
                row.created_at.isoformat(timespec="seconds"),
            ]

    return grids.download(request, kind=kind, name="billing-profiles", heads=heads, rows=rows)


def create(request: PortalRequest, *, customer_id: uuid.UUID | None = None) -> HttpResponse:
    """Create a billing profile, and go back to the form that sent us here, if one did."""
    return _edit(request, customer_id=customer_id, profile=None)


def edit(request: PortalRequest, *, profile_id: uuid.UUID, customer_id: uuid.UUID | None = None) -> HttpResponse:
    """Change a billing profile."""
    _require(request, customer_id)
    found = queries.get_billing_profile(by=request.actor, customer_id=customer_id, profile_id=profile_id)
    return _edit(request, customer_id=customer_id, profile=found)


def _edit(request: PortalRequest, *, customer_id: uuid.UUID | None, profile: BillingProfile | None) -> HttpResponse:
    name = _require(request, customer_id)
    back = errands.way_back(request, otherwise=list_url(customer_id))
    form = ProfileForm(
        request.POST if request.method == "POST" else None,
        initial=_initial(profile) if profile else {"id": str(ids.new_id()), "country": request.GET.get("country", "")},
        refresh_url=request.get_full_path(),
    )
    if request.method == "POST" and htmx.targets(request, FIELDS):
        return render(request, "web/billing/fields.html", {"form": form})
    if request.method == "POST":
        form.is_valid()
        try:
            made = billing.save_profile(
                by=request.actor,
                customer_id=customer_id,
                entry=_entered(form),
                at=request.now,
                profile_id=profile.id if profile else None,
                version=form.version,
                new_id=wizard_forms.read_uuid(form.value("id")),
            )
        except Refused as refusal:
            form.show(refusal.fields or {"": refusal.message})
            if refusal.code == "stale" and profile is not None:
                shown.differences(form, stored=_initial(profile))
        else:
            messages.success(request, _("The billing profile “%(name)s” has been saved.") % {"name": made.name})
            return errands.finish(request, made=made.id, otherwise=list_url(customer_id))
    title = _("Modify %(name)s") % {"name": profile.name} if profile else _("Create a billing profile")
    crumbs = [Crumb(label=name or _("Billing profiles"), url=list_url(customer_id))]
    return render(
        request,
        "web/billing/form.html",
        {
            "page": Page(title=title, crumbs=crumbs, narrow=True),
            "form": form,
            "back_url": back,
            "new": profile is None,
        },
    )


def list_url(customer_id: uuid.UUID | None) -> str:
    """Return where billing profiles are listed: the partner's own page, or the customer's Subscriptions tab."""
    if customer_id is None:
        return reverse("billing_profiles")
    return reverse("customer", kwargs={"customer_id": customer_id, "tab": "subscriptions"})


def create_url(customer_id: uuid.UUID | None) -> str:
    """Return the address of the form for a new billing profile."""
    if customer_id is None:
        return reverse("billing_profile_new")
    return reverse("customer_billing_profile_new", kwargs={"customer_id": customer_id})


def edit_url(customer_id: uuid.UUID | None, profile_id: uuid.UUID) -> str:
    """Return the address of a billing profile's form."""
    if customer_id is None:
        return reverse("billing_profile", kwargs={"profile_id": profile_id})
    return reverse("customer_billing_profile", kwargs={"customer_id": customer_id, "profile_id": profile_id})


def require_owner(request: PortalRequest, customer_id: uuid.UUID | None) -> str:
    """Return the customer's name, or nothing for the partner itself; raises `NotFound` for what is not the actor's."""
    if customer_id is None:
        if not request.actor.is_partner:
            raise NotFound
        return ""
    return customers.details(by=request.actor, customer_id=customer_id).tenant.name


def _require(request: PortalRequest, customer_id: uuid.UUID | None) -> str:
    request.actor.require(permissions.MANAGE_SUBSCRIPTIONS)
    return require_owner(request, customer_id)


def _entered(form: StepForm) -> billing.ProfileEntry:
    return billing.ProfileEntry(
        name=form.value("name"),
        bill_to=form.value("bill_to"),
        address=Address(
            country=form.value("country"),
            line1=form.value("address_line1"),
            line2=form.value("address_line2"),
            city=form.value("city"),
            state=form.value("state"),
            postal_code=form.value("postal_code"),
        ),
    )


def _initial(profile: BillingProfile) -> dict[str, Any]:
    return {
        "version": str(profile.version),
        "name": profile.name,
        "bill_to": profile.bill_to,
        "address_line1": profile.line1,
        "address_line2": profile.line2,
        "city": profile.city,
        "state": profile.state,
        "postal_code": profile.postal_code,
        "country": profile.country,
    }


def _spec(*, customer_id: uuid.UUID | None, create_url: str) -> GridSpec:
    export_name, where = (
        ("billing_profiles_export", {})
        if customer_id is None
        else ("customer_billing_profiles_export", {"customer_id": customer_id})
    )
    return GridSpec(
        name="billing_profiles",
        noun=gettext_lazy("billing profiles"),
        noun_one=gettext_lazy("billing profile"),
        search_label=gettext_lazy("Search billing profiles"),
        columns=[
            Column(key="name", label=gettext_lazy("Name"), sortable=True, pinned=True),
            Column(key="bill_to", label=gettext_lazy("Bill To"), sortable=True),
            Column(key="address", label=gettext_lazy("Address")),
            Column(key="country", label=gettext_lazy("Country"), sortable=True),
            Column(key="subscriptions", label=gettext_lazy("Subscriptions")),
            Column(key="created", label=gettext_lazy("Created"), sortable=True),
        ],
        filters=[Filter(key="country", label=gettext_lazy("Country"), choices=addresses.countries)],
        default_sort="name",
        exports=[
            Export(label=kind.upper(), url=reverse(export_name, kwargs={**where, "kind": kind}))
            for kind in ("csv", "xlsx")
        ],
        empty=Empty(
            title=gettext_lazy("No billing profiles yet"),
            text=gettext_lazy("A billing profile says whom invoices are addressed to. A subscription needs one."),
            action_label=gettext_lazy("Create") if create_url else "",
            action_url=create_url,
            icon="file-invoice",
        ),
    )


def _row(row: ProfileRow, *, customer_id: uuid.UUID | None, linked: bool) -> dict[str, Any]:
    url = edit_url(customer_id, row.id)
    return {
        "id": row.id,
        "url": url if linked else "",
        "label": row.name,
        "name": cells.Link(row.name, url) if linked else row.name,
        "bill_to": row.bill_to,
        "address": cells.Text(row.line1, sub=row.city),
        "country": addresses.country_name(row.country),
        "subscriptions": ", ".join(row.subscriptions[:3]) + (" …" if len(row.subscriptions) > 3 else ""),
        "created": cells.moment(row.created_at),
    }
