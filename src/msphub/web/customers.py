"""The grid of customers (C-01) and their status (C-17)."""

import dataclasses
import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from msphub.accounts.choices import Status
from msphub.customers import actions, permissions, queries
from msphub.kit import addresses
from msphub.kit.errors import Refused
from msphub.ui import cells, grid_view, htmx
from msphub.ui.forms import UiForm
from msphub.ui.grid import Column, Empty, GridPage, GridSpec, GridState
from msphub.ui.page import Action, Crumb, Page
from msphub.web import keyset, shown
from msphub.web.middleware import PortalRequest

SPEC = GridSpec(
    name="customers",
    noun=gettext_lazy("customers"),
    noun_one=gettext_lazy("customer"),
    search_label=gettext_lazy("Search company, contact, e-mail, domain"),
    columns=[
        Column(key="name", label=gettext_lazy("Company Name"), sortable=True, pinned=True),
        Column(key="customer_type", label=gettext_lazy("Customer Type")),
        Column(key="country", label=gettext_lazy("Country")),
        Column(key="contact", label=gettext_lazy("Primary Contact")),
        Column(key="sales", label=gettext_lazy("Sales Representative")),
        Column(key="microsoft", label=gettext_lazy("Microsoft Account"), render=shown.account),
        Column(key="status", label=gettext_lazy("Status"), render=shown.status),
        Column(key="created", label=gettext_lazy("Created"), sortable=True),
    ],
    default_sort="name",
    empty=Empty(
        title=gettext_lazy("No customers yet"),
        text=gettext_lazy("Create the first one; its Microsoft account can be made or linked on the way."),
        action_label=gettext_lazy("Create"),
        action_url="/customers/new/",
        icon="building",
    ),
)
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
READING_SPEC = dataclasses.replace(
    SPEC, empty=Empty(title=gettext_lazy("No customers yet"), text=gettext_lazy("They appear here once created."))
)
VERBS = {"enable": Status.ACTIVE, "suspend": Status.SUSPENDED, "disable": Status.DISABLED}


class StatusForm(UiForm):
    """Why a customer's status changes."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Kept in the audit log; the customer does not see it."),
        error_messages={"required": gettext_lazy("Say why; the reason is kept in the audit log.")},
    )


def customers(request: PortalRequest) -> HttpResponse:
    """Show the partner's customers, page by page."""
    may_create = request.actor.may(permissions.CREATE)
    spec = SPEC if may_create else READING_SPEC
    state = GridState.parse(request.GET, spec, path=request.path)
    found = queries.customers_page(
        by=request.actor,
        search=state.q,
        sort=state.sort_key or "name",
        descending=state.descending,
        size=state.size,
        after=keyset.decode(state.after),
        before=keyset.decode(state.before),
    )
    names = dict(addresses.countries())
    rows: list[dict[str, Any]] = []
    for row in found.rows:
        url = reverse("customer", kwargs={"customer_id": row.id, "tab": "products"})
        rows.append(
            {
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
                "created": cells.day(row.created_at.date()),
            }
        )
    page = GridPage(
        rows=rows,
        next_cursor=keyset.encode(found.rows[-1].sort_key, found.rows[-1].id) if found.has_next and found.rows else "",
        previous_cursor=keyset.encode(found.rows[0].sort_key, found.rows[0].id)
        if found.has_previous and found.rows
        else "",
        count=_("more than %(count)s") % {"count": cells.format_number(found.count)}
        if found.more_than_counted
        else found.count,
    )
    return grid_view.respond(
        request,
        template="web/customers.html",
        grid=grid_view.Grid(spec=spec, state=state, page=page),
        context={
            "page": Page(
                title=_("Customers"),
                crumbs=[],
                action=Action(label=_("Create"), url=reverse("customer_new"), icon="plus", tone="primary")
                if may_create
                else None,
            ),
            "drafts": queries.open_drafts(by=request.actor, most=5) if may_create else [],
            "now": request.now,
        },
    )


def change_status(request: PortalRequest, *, customer_id: uuid.UUID, verb: str) -> HttpResponse:
    """Ask for the reason, say what it means, and enable, suspend or disable a customer."""
    details = queries.details(by=request.actor, customer_id=customer_id)
    status = VERBS[verb]
    word, meaning = WORDS[status]
    back = reverse("customer", kwargs={"customer_id": customer_id, "tab": "products"})
    form = StatusForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            change = actions.change_status(
                by=request.actor,
                customer_id=customer_id,
                status=status,
                reason=form.cleaned_data["reason"],
                at=request.now,
            )
        except Refused as refusal:
            form.add_error(None, str(refusal.message))
        else:
            messages.success(
                request,
                _("%(name)s is %(status)s now.")
                % {"name": details.tenant.name, "status": str(change.after.label).lower()},
            )
            return htmx.go(request, back)
    title = f"{word} {details.tenant.name}"
    return render(
        request,
        "web/status_dialog.html",
        {
            "page": Page(title=title, crumbs=[Crumb(label=details.tenant.name, url=back)], narrow=True),
            "form": form,
            "meaning": meaning,
            "word": word,
            "tone": "primary" if status == Status.ACTIVE else "danger",
            "back_url": back,
        },
    )
