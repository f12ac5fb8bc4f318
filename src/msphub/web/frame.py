"""What stands around every page: the main menu and the profile menu, only what the actor may open."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from msphub.accounts import permissions as account_permissions
from msphub.accounts.queries import SignedIn
from msphub.customers import permissions
from msphub.kit.actor import Actor
from msphub.notifications import permissions as mail_permissions
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
            "menu": _partner_menu(actor, here) if actor.is_partner else _customer_menu(actor, here),
            "top": [],
            "notifications": None,
            "profile": {
                "name": actor.name,
                "email": actor.email,
                "groups": _profile_groups(actor),
            },
        },
        "viewer": viewer,
        "actor": actor,
    }


def _partner_menu(actor: Actor, here: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if actor.may(permissions.LIST):
        url = reverse("customers")
        items.append(
            {
                "label": _("Customer"),
                "icon": "building",
                "active": here.startswith(url),
                "closed": False,
                "children": [{"label": _("Customers"), "url": url, "active": here.startswith(url)}],
            }
        )
    if actor.may(account_permissions.VIEW_AUDIT):
        url = reverse("audit")
        items.append({"label": _("Audit Logs"), "url": url, "icon": "history", "active": here.startswith(url)})
    return [{"label": "", "items": items}]


def _customer_menu(actor: Actor, here: str) -> list[dict[str, Any]]:
    items = []
    for tab in TABS:
        if tab.permission and not actor.may(tab.permission):
            continue
        url = reverse("customer", kwargs={"customer_id": actor.customer_id, "tab": tab.slug})
        items.append({"label": str(tab.label), "url": url, "icon": tab.icon, "active": here.startswith(url)})
    return [{"label": "", "items": items}]


def _profile_groups(actor: Actor) -> list[dict[str, Any]]:
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
    if actor.is_partner and actor.may(account_permissions.VIEW_MICROSOFT):
        links.append({"label": _("Microsoft"), "url": reverse("microsoft_connection"), "icon": "plug"})
    if actor.is_partner and actor.may(mail_permissions.VIEW_MAIL):
        links.append({"label": _("Mail log"), "url": reverse("mails"), "icon": "mail"})
    if links:
        groups.append({"label": _("My Account"), "links": links})
    groups.append(
        {
            "label": "",
            "links": [{"label": _("Sign out"), "url": reverse("account_logout"), "icon": "logout", "post": True}],
        }
    )
    return groups
