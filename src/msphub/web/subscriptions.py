"""Subscriptions (billing containers): the partner's own list, a customer's tab, and the form for both."""

import dataclasses
import uuid
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Any

from babel.numbers import get_territory_currencies
from django import forms as django_forms
from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from msphub.accounts import billing, billing_lists, permissions, queries
from msphub.accounts.billing_lists import SubscriptionRow
from msphub.accounts.models import Subscription
from msphub.customers import queries as customers
from msphub.customers import selling
from msphub.kit import addresses, ids, lists, money
from msphub.kit.actor import Actor
from msphub.kit.errors import Refused
from msphub.ui import cells, forms, grid_view, htmx
from msphub.ui.forms import FormLink, Group, Layout
from msphub.ui.grid import Column, Empty, Export, Filter, GridSpec, GridState, RowAction
from msphub.ui.page import Action, Crumb, Page
from msphub.web import billing_profiles, errands, grids, shown, wizard_forms
from msphub.web.billing_profiles import FIELDS, list_url
from msphub.web.middleware import PortalRequest
from msphub.web.wizard_forms import StepForm

NEW_PROFILE = "new_profile"
# A customer's tab shows the first of its billing profiles; all are a page of their own.
FIRST_PROFILES = 5
MOST_PROFILES = 500
STATUSES = [("active", gettext_lazy("Active")), ("inactive", gettext_lazy("Inactive"))]
PLACE = [
    Column(key="name", label=gettext_lazy("Name"), sortable=True, pinned=True),
    Column(key="status", label=gettext_lazy("Status"), sortable=True, render=shown.active),
    Column(key="country", label=gettext_lazy("Country"), sortable=True),
    Column(key="profile", label=gettext_lazy("Billing profile"), sortable=True),
]
SELLING = [
    Column(key="currency", label=gettext_lazy("Currency"), sortable=True),
    Column(key="series", label=gettext_lazy("Number series")),
    Column(key="tax", label=gettext_lazy("Tax registration"), default_shown=False),
    Column(key="zone", label=gettext_lazy("Time zone")),
    Column(key="customers", label=gettext_lazy("Customers"), align="end"),
]
ROW_ACTIONS = [
    RowAction(
        key="deactivate",
        label=gettext_lazy("Make inactive"),
        how="dialog",
        url=lambda row: row["deactivate_url"],
    ),
    RowAction(key="activate", label=gettext_lazy("Make active"), how="dialog", url=lambda row: row["activate_url"]),
]
CREATED = Column(key="created", label=gettext_lazy("Created"), sortable=True)


class SubscriptionForm(StepForm):
    """A subscription; a partner's own also says how it sells."""

    widths = {"name": "long"}

    def __init__(
        self, *args: Any, profiles: list[tuple[str, str]], selling_entity: bool, refresh_url: str, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.selling_entity = selling_entity
        self.has_profiles = bool(profiles)
        self.fields["name"] = wizard_forms.text_field(_("Name"), help_text=_("Letters, spaces and underscores."))
        self.fields["country"] = wizard_forms.select_field(_("Country"), addresses.countries())
        self._add_state()
        self.fields["billing_profile"] = wizard_forms.select_field(
            _("Billing profile"),
            profiles,
            help_text=_("Invoices are addressed to it.") if profiles else _("There is none yet: create one first."),
        )
        widths: dict[str, forms.Width] = {"country": "medium", "state": "medium", "billing_profile": "long"}
        if selling_entity:
            self._add_selling()
            widths |= {"currency": "medium", "tax_registration": "medium", "number_series": "medium"}
            widths |= {"time_zone": "medium", "payment_instructions": "full"}
        for hidden in ("id", "version"):
            self.fields[hidden] = wizard_forms.hidden_field()
        forms.set_refresh(self, name="country", url=refresh_url, target=FIELDS)
        forms.set_widths(self, widths={**widths, **self.widths})

    def _add_state(self) -> None:
        country = self.value("country")
        if country not in addresses.country_codes():
            return
        rules = addresses.rules(country=country)
        if rules.states:
            states = sorted(rules.states.items(), key=lambda pair: pair[1])
            self.fields["state"] = wizard_forms.select_field(
                rules.state_label, states, help_text="" if rules.state_required else _("Optional")
            )
        elif rules.state_used:
            self.fields["state"] = wizard_forms.text_field(rules.state_label, optional=not rules.state_required)

    def _add_selling(self) -> None:
        country = self.value("country")
        if country and not self.value("currency"):
            self.put({"currency": default_currency(country)})
        self.fields["currency"] = wizard_forms.select_field(
            _("Currency"), money.currencies(), help_text=_("What its customers are charged in.")
        )
        self.fields["tax_registration"] = wizard_forms.text_field(
            _("Tax registration"), help_text=_("Optional. VAT or tax number, as on invoices.")
        )
        self.fields["tax_registration"].widget.attrs.pop("aria-required", None)
        self.fields["number_series"] = wizard_forms.text_field(
            _("Number series"), help_text=_("Optional. Begins each invoice number, such as EU.")
        )
        self.fields["number_series"].widget.attrs.pop("aria-required", None)
        self.fields["time_zone"] = wizard_forms.select_field(
            _("Time zone"), time_zones(), help_text=_("Decides issue and due dates.")
        )
        self.fields["payment_instructions"] = django_forms.CharField(
            label=_("Payment instructions"),
            required=False,
            strip=False,
            help_text=_("Optional. Stands on its invoices."),
            widget=django_forms.Textarea(attrs={"rows": 3}),
        )

    @property
    def layout(self) -> Layout:  # type: ignore[override]
        """The groups."""
        place: list[str | list[str]] = [["country", "state"] if "state" in self.fields else "country"]
        groups = [
            Group(_("Subscription"), ["name", *place], hidden_legend=True),
            Group(
                _("Invoices"),
                ["billing_profile"],
                link=FormLink(_("Create a billing profile"), name=NEW_PROFILE, icon="plus"),
            ),
        ]
        if self.selling_entity:
            groups.append(
                Group(
                    _("Selling"),
                    [
                        ["currency", "time_zone"],
                        ["tax_registration", "number_series"],
                        "payment_instructions",
                    ],
                    text=_("The legal entity that charges its customers."),
                )
            )
        return Layout(*groups)


def subscriptions(request: PortalRequest) -> HttpResponse:
    """Show the partner's own subscriptions."""
    request.actor.require_partner(permissions.VIEW_SUBSCRIPTIONS)
    may_manage = request.actor.may(permissions.MANAGE_SUBSCRIPTIONS)
    create_url = reverse("subscription_new") if may_manage else ""
    spec = _spec(customer_id=None, create_url=create_url)
    create = Action(label=_("Create"), url=create_url, icon="plus", tone="primary") if may_manage else None
    return grid_view.respond(
        request,
        template="web/list.html",
        grid=_grid(request, customer_id=None, spec=spec, may_manage=may_manage),
        context={"page": Page(title=_("Subscription"), action=create)},
    )


def tab(request: PortalRequest, details: customers.CustomerDetails, page: Page) -> HttpResponse:
    """Show a customer's subscriptions, active and inactive, and its billing profiles."""
    customer_id = details.tenant.id
    may_manage = request.actor.may(permissions.MANAGE_SUBSCRIPTIONS)
    create_url = reverse("customer_subscription_new", kwargs={"customer_id": customer_id}) if may_manage else ""
    spec = _spec(customer_id=customer_id, create_url=create_url)
    first = lists.Wanted(sort="name", size=FIRST_PROFILES)
    profiles = billing_lists.profiles_page(by=request.actor, customer_id=customer_id, wanted=first)
    all_profiles = reverse("customer_billing_profiles", kwargs={"customer_id": customer_id})
    profile_action = Action(
        label=_("Create a billing profile"), url=billing_profiles.create_url(customer_id), icon="plus"
    )
    if may_manage:
        page = dataclasses.replace(page, action=Action(label=_("Create"), url=create_url, icon="plus"))
    return grid_view.respond(
        request,
        template="web/billing/tab.html",
        grid=_grid(request, customer_id=customer_id, spec=spec, may_manage=may_manage),
        context={
            "page": page,
            "create_profile": profile_action if may_manage else None,
            "all_profiles": all_profiles if profiles.has_next else "",
            "profile_count": money.number(profiles.count),
            "profiles": [
                {
                    "name": one.name,
                    "bill_to": one.bill_to,
                    "address": ", ".join(
                        part for part in (one.line1, one.city, addresses.country_name(one.country)) if part
                    ),
                    "url": billing_profiles.edit_url(customer_id, one.id) if may_manage else "",
                }
                for one in profiles.rows
            ],
        },
    )


def export(request: PortalRequest, *, kind: str, customer_id: uuid.UUID | None = None) -> HttpResponseBase:
    """Download the filtered list."""
    billing_profiles.require_owner(request, customer_id)
    spec = _spec(customer_id=customer_id, create_url="")
    state = GridState.parse(request.GET, spec, path=request.path)
    own = customer_id is None
    heads = [str(column.label) for column in spec.columns if column.key != "customers"]

    def rows() -> Iterator[list[str]]:
        for row in billing_lists.all_subscriptions(
            by=request.actor,
            customer_id=customer_id,
            sort=state.sort_key or "name",
            descending=state.descending,
            search=state.q,
            statuses=state.chosen("status"),
            countries=state.chosen("country"),
        ):
            yield [
                row.name,
                str(_("Active") if row.active else _("Inactive")),
                addresses.country_name(row.country),
                row.profile,
                *([row.currency, row.number_series, row.tax_registration, row.time_zone] if own else []),
                row.created_at.isoformat(timespec="seconds"),
            ]

    return grids.download(request, kind=kind, name="subscriptions", heads=heads, rows=rows)


def create(request: PortalRequest, *, customer_id: uuid.UUID | None = None) -> HttpResponse:
    """Create a subscription, and go back to the form that sent us here, if one did."""
    return _edit(request, customer_id=customer_id, subscription=None)


def edit(request: PortalRequest, *, subscription_id: uuid.UUID, customer_id: uuid.UUID | None = None) -> HttpResponse:
    """Change a subscription."""
    request.actor.require(permissions.MANAGE_SUBSCRIPTIONS)
    billing_profiles.require_owner(request, customer_id)
    found = queries.get_subscription(by=request.actor, customer_id=customer_id, subscription_id=subscription_id)
    return _edit(request, customer_id=customer_id, subscription=found)


def status(request: PortalRequest, *, subscription_id: uuid.UUID, customer_id: uuid.UUID | None = None) -> HttpResponse:
    """Ask, and make a subscription active or inactive."""
    request.actor.require(permissions.MANAGE_SUBSCRIPTIONS)
    billing_profiles.require_owner(request, customer_id)
    found = queries.get_subscription(by=request.actor, customer_id=customer_id, subscription_id=subscription_id)
    back = subscriptions_url(customer_id)
    active = request.POST.get("active") == "yes" if request.method == "POST" else not found.active
    problem, in_use = "", None
    if request.method == "POST":
        try:
            selling.set_active(
                by=request.actor,
                customer_id=customer_id,
                subscription_id=subscription_id,
                active=active,
                at=request.now,
            )
        except Refused as refusal:
            problem = str(refusal.message)
            if refusal.code == "in_use":
                in_use = selling.charged_under(by=request.actor, subscription_ids=[subscription_id])[subscription_id]
        else:
            words = _("“%(name)s” is active.") if active else _("“%(name)s” is inactive.")
            messages.success(request, words % {"name": found.name})
            return htmx.go(request, back)
    words = _("Make “%(name)s” active") if active else _("Make “%(name)s” inactive")
    return render(
        request,
        "web/billing/status_dialog.html",
        {
            "page": Page(title=words % {"name": found.name}, narrow=True),
            "active": active,
            "problem": problem,
            "in_use_url": customers_url(subscription_id) if in_use and not in_use.all_archived else "",
            "archived_url": customers_url(subscription_id, archived=True) if in_use and in_use.any_archived else "",
            "back_url": back,
        },
    )


def subscriptions_url(customer_id: uuid.UUID | None) -> str:
    """Return where subscriptions are listed: the partner's own page, or the customer's tab."""
    return reverse("subscriptions") if customer_id is None else list_url(customer_id)


def customers_url(subscription_id: uuid.UUID, *, archived: bool = False) -> str:
    """Return the grid of the customers that are charged under a Partner Subscription; archived ones have their own."""
    query = {"subscription": str(subscription_id)}
    return reverse("customers", query={**query, "archived": "yes"} if archived else query)


def _edit(request: PortalRequest, *, customer_id: uuid.UUID | None, subscription: Subscription | None) -> HttpResponse:
    request.actor.require(permissions.MANAGE_SUBSCRIPTIONS)
    name = billing_profiles.require_owner(request, customer_id)
    back = errands.way_back(request, otherwise=subscriptions_url(customer_id))
    away = errands.returned(request) if request.method != "POST" else None
    typed = request.POST if request.method == "POST" else away.typed if away else None
    chosen = away.chosen.get("billing_profile", "") if away else ""
    if away and typed is not None and chosen:
        typed["billing_profile"] = chosen
    initial = _initial(subscription) if subscription else _preset(request)
    form = SubscriptionForm(
        typed,
        initial=initial | ({"billing_profile": chosen} if chosen else {}),
        profiles=_profiles(
            request.actor,
            customer_id,
            chosen={chosen, str(initial.get("billing_profile", "")), request.POST.get("billing_profile", "")},
        ),
        selling_entity=customer_id is None,
        refresh_url=request.get_full_path(),
    )
    if request.method == "POST" and htmx.targets(request, FIELDS):
        return render(request, "web/billing/fields.html", {"form": form})
    if NEW_PROFILE in request.POST:
        return errands.leave(
            request,
            to=billing_profiles.create_url(customer_id),
            field="billing_profile",
            typed=request.POST,
        )
    if request.method == "POST":
        form.is_valid()
        try:
            made = selling.save_subscription(
                by=request.actor,
                customer_id=customer_id,
                entry=_entered(form),
                at=request.now,
                subscription_id=subscription.id if subscription else None,
                version=form.version,
                new_id=wizard_forms.read_uuid(form.value("id")),
            )
        except Refused as refusal:
            form.show(refusal.fields or {"": refusal.message})
            if refusal.code == "stale" and subscription is not None:
                shown.differences(form, stored=_initial(subscription))
        else:
            messages.success(request, _("The subscription “%(name)s” has been saved.") % {"name": made.name})
            return errands.finish(request, made=made.id, otherwise=subscriptions_url(customer_id))
    title = _("Modify %(name)s") % {"name": subscription.name} if subscription else _("Create a subscription")
    crumbs = [Crumb(label=name or _("Subscription"), url=subscriptions_url(customer_id))]
    return render(
        request,
        "web/billing/form.html",
        {
            "page": Page(title=title, crumbs=crumbs, narrow=True),
            "form": form,
            "back_url": back,
            "new": subscription is None,
        },
    )


def _preset(request: PortalRequest) -> dict[str, str]:
    country = request.GET.get("country", "")
    known = {"country": country} if country in addresses.country_codes() else {}
    return {"id": str(ids.new_id()), **known}


def _profiles(actor: Actor, customer_id: uuid.UUID | None, *, chosen: Collection[str]) -> list[tuple[str, str]]:
    """Return the first billing profiles by name, and the chosen ones wherever they stand."""
    found = list(queries.billing_profiles(by=actor, customer_id=customer_id)[:MOST_PROFILES])
    missing = {one for text in chosen if (one := wizard_forms.read_uuid(text))} - {one.id for one in found}
    if missing:
        found += queries.billing_profiles(by=actor, customer_id=customer_id).filter(id__in=missing)
    return [(str(one.id), one.name if one.name == one.bill_to else f"{one.name} · {one.bill_to}") for one in found]


def _entered(form: SubscriptionForm) -> billing.SubscriptionEntry:
    return billing.SubscriptionEntry(
        name=form.value("name"),
        country=form.value("country"),
        state=form.value("state"),
        billing_profile_id=wizard_forms.read_uuid(form.value("billing_profile")),
        currency=form.value("currency"),
        tax_registration=form.value("tax_registration"),
        number_series=form.value("number_series"),
        time_zone=form.value("time_zone"),
        payment_instructions=form.value("payment_instructions"),
    )


def _initial(row: Subscription) -> dict[str, Any]:
    return {
        "version": str(row.version),
        "name": row.name,
        "country": row.country,
        "state": row.state,
        "billing_profile": str(row.billing_profile_id),
        "currency": row.currency,
        "tax_registration": row.tax_registration,
        "number_series": row.number_series,
        "time_zone": row.time_zone,
        "payment_instructions": row.payment_instructions,
    }


@lru_cache(maxsize=300)
def default_currency(country: str) -> str:
    """Return the currency that a country pays in now; empty where it has none of its own."""
    found = get_territory_currencies(country) if country in addresses.country_codes() else []
    return str(found[0]) if found else ""


@lru_cache(maxsize=1)
def time_zones() -> list[tuple[str, str]]:
    """Return the time zones that can be chosen, with their words."""
    return [(zone, zone.replace("_", " ")) for zone in billing.time_zones()]


def _spec(*, customer_id: uuid.UUID | None, create_url: str) -> GridSpec:
    own = customer_id is None
    export_name = "subscriptions_export" if own else "customer_subscriptions_export"
    where = {} if own else {"customer_id": customer_id}
    return GridSpec(
        name="own_subscriptions" if own else "subscriptions",
        noun=gettext_lazy("subscriptions"),
        noun_one=gettext_lazy("subscription"),
        search_label=gettext_lazy("Search subscriptions"),
        columns=[*PLACE, *(SELLING if own else []), CREATED],
        filters=[
            Filter(key="status", label=gettext_lazy("Status"), choices=STATUSES),
            Filter(key="country", label=gettext_lazy("Country"), choices=addresses.countries),
        ],
        default_sort="name",
        exports=[
            Export(label=kind.upper(), url=reverse(export_name, kwargs={**where, "kind": kind}))
            for kind in ("csv", "xlsx")
        ],
        row_actions=[*ROW_ACTIONS] if create_url else [],
        empty=Empty(
            title=gettext_lazy("No subscriptions yet"),
            text=gettext_lazy("What is bought under a subscription comes on its own invoice."),
            action_label=gettext_lazy("Create") if create_url else "",
            action_url=create_url,
            icon="credit-card",
        ),
    )


def _grid(request: PortalRequest, *, customer_id: uuid.UUID | None, spec: GridSpec, may_manage: bool) -> grid_view.Grid:
    state = grids.state_of(request, spec)
    found = billing_lists.subscriptions_page(
        by=request.actor,
        customer_id=customer_id,
        wanted=grids.wanted_of(state, billing_lists.SUBSCRIPTION_SORTS),
        search=state.q,
        statuses=state.chosen("status"),
        countries=state.chosen("country"),
    )
    charged = (
        selling.charged_under(by=request.actor, subscription_ids=[row.id for row in found.rows])
        if customer_id is None and found.rows
        else {}
    )
    rows = [
        _row(row, customer_id=customer_id, charged=charged.get(row.id), may_manage=may_manage) for row in found.rows
    ]
    return grid_view.Grid(spec=spec, state=state, page=grids.page_of(found, rows))


def _row(
    row: SubscriptionRow, *, customer_id: uuid.UUID | None, charged: selling.Charged | None, may_manage: bool
) -> dict[str, Any]:
    where = (
        {"subscription_id": row.id} if customer_id is None else {"customer_id": customer_id, "subscription_id": row.id}
    )
    prefix = "" if customer_id is None else "customer_"
    url = reverse(f"{prefix}subscription", kwargs=where) if may_manage else ""
    status_url = reverse(f"{prefix}subscription_status", kwargs=where) if may_manage else None
    count = None
    if charged is not None:
        words = money.number(charged.count) + ("+" if charged.more_than_counted else "")
        count = cells.Link(words, customers_url(row.id, archived=charged.all_archived)) if charged.count else words
    return {
        "id": row.id,
        "url": url,
        "label": row.name,
        "name": cells.Link(row.name, url) if url else row.name,
        "status": row.active,
        "country": addresses.country_name(row.country),
        "profile": cells.Text(row.profile, sub=row.bill_to if row.bill_to != row.profile else ""),
        "currency": row.currency,
        "series": row.number_series,
        "tax": row.tax_registration,
        "zone": row.time_zone.replace("_", " "),
        "customers": count,
        "created": cells.moment(row.created_at),
        "deactivate_url": status_url if row.active else None,
        "activate_url": status_url if not row.active else None,
    }
