"""What stands around every page: the main menu and the profile menu, only what the actor may open."""

from functools import lru_cache
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from msphub.accounts import permissions as account_permissions
from msphub.accounts.queries import SignedIn
from msphub.catalog import permissions as catalog_permissions
from msphub.customers import permissions
from msphub.kit.actor import Actor
from msphub.notifications import permissions as mail_permissions
from msphub.orders import permissions as order_permissions
from msphub.orders import waiting
from msphub.web.tabs import TABS

PRODUCT = "MSP Hub"


def context(request: HttpRequest) -> dict[str, Any]:
    """Return `frame` for the base templates."""
    viewer: SignedIn | None = getattr(request, "viewer", None)
    if viewer is None:
        return {"frame": {"brand": {"name": PRODUCT, "logo": None, "accent": "", "url": "/"}}}
    actor = viewer.actor
    here = request.path
    return {
        "frame": {
            "brand": {"name": viewer.partner_name, "logo": None, "accent": "", "url": "/"},
            "menu": _partner_menu(get_language(), actor.permissions, _section(here))
            if actor.is_partner
            else _customer_menu(actor, here),
            "top": _top(get_language(), here) if actor.may(catalog_permissions.VIEW_MARKETPLACE) else [],
            "notifications": None,
            "profile": {
                "name": actor.name,
                "email": actor.email,
                "groups": _profile_groups(get_language(), actor.permissions, is_partner=actor.is_partner),
            },
        },
        "viewer": viewer,
        "actor": actor,
    }


def _top(_language: str | None, here: str) -> list[dict[str, Any]]:
    url = reverse("marketplace")
    return [{"label": _("Marketplace"), "url": url, "icon": "building-store", "primary": here.startswith(url)}]


def _section(here: str) -> str:
    """Return the part of the portal that an address belongs to: its first folder."""
    return f"/{here.split('/', 2)[1]}/"


# Menus follow from language, permissions and section alone; made once of each, they cost a page nothing.


@lru_cache(maxsize=256)
def _partner_menu(_language: str | None, granted: frozenset[str], section: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    children = [
        {"label": label, "url": reverse(name), "active": section == reverse(name)}
        for label, name, permission in (
            (_("Customers"), "customers", permissions.LIST),
            (_("Customer Type"), "customer_types", permissions.VIEW_TERMS),
            (_("Credit Terms"), "credit_terms", permissions.VIEW_TERMS),
            (_("Discounts"), "discounts", catalog_permissions.VIEW_DISCOUNTS),
        )
        if permission in granted
    ]
    if children:
        active = any(child["active"] for child in children)
        items.append(
            {"label": _("Customer"), "icon": "building", "active": active, "closed": False, "children": children}
        )
    items += [
        {"label": label, "url": reverse(name), "icon": icon, "active": section == reverse(name)}
        for label, name, icon, permission in (
            (_("Orders"), "orders", "clipboard-list", order_permissions.VIEW),
            (_("Task System"), "tasks", "checklist", order_permissions.VIEW_TASKS),
            (_("Audit Logs"), "audit", "history", account_permissions.VIEW_AUDIT),
        )
        if permission in granted
    ]
    return [{"label": "", "items": items}]


def _customer_menu(actor: Actor, here: str) -> list[dict[str, Any]]:
    items = []
    for tab in TABS:
        if tab.permission and not actor.may(tab.permission):
            continue
        url = reverse("customer", kwargs={"customer_id": actor.customer_id, "tab": tab.slug})
        items.append({"label": str(tab.label), "url": url, "icon": tab.icon, "active": here.startswith(url)})
    # The eight tabs are a customer's menu; what its orders wait for joins them once there is something.
    if actor.may(order_permissions.VIEW_TASKS) and (here.startswith(reverse("tasks")) or waiting.has_tasks(by=actor)):
        url = reverse("tasks")
        items.append({"label": _("Task System"), "url": url, "icon": "checklist", "active": here.startswith(url)})
    return [{"label": "", "items": items}]


@lru_cache(maxsize=64)
def _profile_groups(_language: str | None, granted: frozenset[str], *, is_partner: bool) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = [
        {
            "label": _("My Profile"),
            "links": [
                {"label": _("Sign-in and security"), "url": reverse("mfa_index"), "icon": "shield-check"},
                {"label": _("Change password"), "url": reverse("account_change_password"), "icon": "key"},
            ],
        }
    ]
    links = []
    if is_partner and account_permissions.VIEW_MICROSOFT in granted:
        links.append({"label": _("Microsoft"), "url": reverse("microsoft_connection"), "icon": "plug"})
    if is_partner and mail_permissions.VIEW_MAIL in granted:
        links.append({"label": _("Mail log"), "url": reverse("mails"), "icon": "mail"})
    if links:
        groups.append({"label": _("My Account"), "links": links})
    if is_partner and account_permissions.VIEW_SUBSCRIPTIONS in granted:
        billing = [
            {"label": _("Billing profiles"), "url": reverse("billing_profiles"), "icon": "file-invoice"},
            {"label": _("Subscription"), "url": reverse("subscriptions"), "icon": "credit-card"},
        ]
        groups.append({"label": _("Billing"), "links": billing})
    groups.append(
        {
            "label": "",
            "links": [{"label": _("Sign out"), "url": reverse("account_logout"), "icon": "logout", "post": True}],
        }
    )
    return groups
