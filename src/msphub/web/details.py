"""A customer's details (C-19): eight tabs, each with an address of its own. Its users see the same of their company."""

import dataclasses
import uuid
from collections.abc import Callable

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from msphub.accounts.choices import Status
from msphub.customers import actions, permissions, queries
from msphub.kit import addresses
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound
from msphub.ui import htmx
from msphub.ui.grid import Empty
from msphub.ui.page import Action, Crumb, Page, Tab
from msphub.web import audit_log, billing_profiles, csp_accounts, orders, products, profile, shown, subscriptions, users
from msphub.web.middleware import PortalRequest
from msphub.web.tabs import TABS

type Render = Callable[[PortalRequest, queries.CustomerDetails, Page], HttpResponse]

EMPTY = {
    "invoices": Empty(
        title=gettext_lazy("No invoices yet"),
        text=gettext_lazy("Invoices appear here once a bill run has issued them."),
        icon="file-invoice",
    ),
}


def customer(request: PortalRequest, *, customer_id: uuid.UUID, tab: str) -> HttpResponse:
    """Show one tab of a customer."""
    spec = next((one for one in TABS if one.slug == tab), None)
    if spec is None:
        raise NotFound
    details = queries.details(by=request.actor, customer_id=customer_id)
    if spec.permission:
        request.actor.require(spec.permission)
    return RENDERERS[tab](request, details, head(request.actor, details, tab))


def billing_profiles_of(request: PortalRequest, *, customer_id: uuid.UUID) -> HttpResponse:
    """Show all of a customer's billing profiles, of which the Subscriptions tab shows the first."""
    details = queries.details(by=request.actor, customer_id=customer_id)
    page = head(request.actor, details, "subscriptions")
    if not request.actor.is_partner:
        there = reverse("customer", kwargs={"customer_id": customer_id, "tab": "subscriptions"})
        page = dataclasses.replace(
            page, title=_("Billing profiles"), crumbs=[Crumb(label=_("Subscriptions"), url=there)]
        )
    return billing_profiles.grid(request, customer_id=customer_id, page=page)


def overview(request: PortalRequest, *, customer_id: uuid.UUID) -> HttpResponse:
    """Lead from a customer's bare address to its first tab."""
    queries.details(by=request.actor, customer_id=customer_id)
    return redirect("customer", customer_id=customer_id, tab=TABS[0].slug)


@require_POST
def allow_purchase(request: PortalRequest, *, customer_id: uuid.UUID) -> HttpResponse:
    """Switch *Allow customer to purchase* (C-21)."""
    allowed = request.POST.get("allowed") == "on"
    actions.allow_purchase(by=request.actor, customer_id=customer_id, allowed=allowed, at=request.now)
    messages.success(
        request, _("The customer can purchase now.") if allowed else _("The customer can no longer purchase.")
    )
    if htmx.targets(request, "purchase-switch"):
        context = {"allowed": allowed, "may_switch": True, "purchase_url": request.path}
        return render(request, "web/purchase_switched.html", context)
    return redirect("customer", customer_id=customer_id, tab="profile")


def head(actor: Actor, details: queries.CustomerDetails, tab: str) -> Page:
    """Return title, status, tabs and actions that stand over every tab."""
    customer_id = details.tenant.id
    tabs = [
        Tab(
            label=one.label,
            url=reverse("customer", kwargs={"customer_id": customer_id, "tab": one.slug}),
            current=one.slug == tab,
        )
        for one in TABS
        if not one.permission or actor.may(one.permission)
    ]
    if not actor.is_partner:
        label = next(one.label for one in TABS if one.slug == tab)
        return Page(title=label, subtitle=details.tenant.name)
    return Page(
        title=details.tenant.name,
        crumbs=[Crumb(label=_("Customers"), url=reverse("customers"))],
        status=shown.status(details.tenant.status),
        subtitle=_("Microsoft account: %(state)s · %(country)s")
        % {
            "state": shown.account(details.customer.microsoft_state).word,
            "country": addresses.country_name(details.tenant.country),
        },
        actions=_status_actions(actor, details),
        tabs=tabs,
    )


def _status_actions(actor: Actor, details: queries.CustomerDetails) -> list[Action]:
    if not actor.may(permissions.CHANGE_STATUS):
        return []
    offered = {
        Status.ACTIVE: [("suspend", _("Suspend")), ("disable", _("Disable"))],
        Status.SUSPENDED: [("enable", _("Enable")), ("disable", _("Disable"))],
        Status.DISABLED: [("enable", _("Enable"))],
    }[Status(details.tenant.status)]
    archive = Action(
        label=_("Bring back") if details.tenant.archived_at else _("Archive"),
        url=reverse("customer_archive", kwargs={"customer_id": details.tenant.id}),
        how="post",
        icon="archive",
    )
    return ([archive] if details.tenant.status == Status.DISABLED or details.tenant.archived_at else []) + [
        Action(
            label=label,
            url=reverse("customer_status", kwargs={"customer_id": details.tenant.id, "verb": verb}),
            how="dialog",
        )
        for verb, label in offered
    ]


def _empty(slug: str) -> Render:
    def answer(request: PortalRequest, details: queries.CustomerDetails, page: Page) -> HttpResponse:
        return render(request, "web/customer_empty.html", {"page": page, "empty": EMPTY[slug], "details": details})

    return answer


def _audit(request: PortalRequest, details: queries.CustomerDetails, page: Page) -> HttpResponse:
    return audit_log.respond(request, page=page, customer_id=details.tenant.id)


RENDERERS: dict[str, Render] = {
    "products": products.tab,
    "orders": orders.tab,
    "invoices": _empty("invoices"),
    "subscriptions": subscriptions.tab,
    "csp-accounts": csp_accounts.tab,
    "audit-logs": _audit,
    "users": users.tab,
    "profile": profile.tab,
}
