"""My Account → Microsoft: how the partner reaches Partner Center, and whether it works."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from msphub.accounts import microsoft_connection, permissions, queries
from msphub.accounts.microsoft_connection import ConnectionInput
from msphub.accounts.models import MicrosoftConnection
from msphub.kit.errors import Refused
from msphub.ui.forms import Group, Layout, UiForm
from msphub.ui.page import Page
from msphub.web.middleware import PortalRequest


class ConnectionForm(UiForm):
    """Credentials of the partner's app registration, and base addresses."""

    microsoft_tenant_id = forms.UUIDField(
        label=gettext_lazy("Partner tenant ID"), help_text=gettext_lazy("Your own Microsoft tenant, the CSP partner.")
    )
    client_id = forms.UUIDField(label=gettext_lazy("Application (client) ID"))
    client_secret = forms.CharField(
        label=gettext_lazy("Client secret"), required=False, strip=True, max_length=500, widget=forms.PasswordInput
    )
    refresh_token = forms.CharField(
        label=gettext_lazy("Refresh token"),
        required=False,
        strip=True,
        max_length=8000,
        widget=forms.PasswordInput,
        help_text=gettext_lazy("From the Secure Application Model consent of an admin agent with MFA."),
    )
    partner_center_url = forms.CharField(label=gettext_lazy("Partner Center address"), max_length=200)
    graph_url = forms.CharField(label=gettext_lazy("Microsoft Graph address"), max_length=200)
    login_url = forms.CharField(label=gettext_lazy("Sign-in address"), max_length=200)
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    widths = {"microsoft_tenant_id": "long", "client_id": "long", "client_secret": "long", "refresh_token": "full"}
    autocomplete = {"client_secret": "off", "refresh_token": "off", "microsoft_tenant_id": "off", "client_id": "off"}
    layout = Layout(
        Group(
            gettext_lazy("App registration"),
            ["microsoft_tenant_id", "client_id", "client_secret", "refresh_token"],
            text=gettext_lazy("Secrets are stored encrypted and never shown again."),
        ),
        Group(
            gettext_lazy("Addresses"),
            ["partner_center_url", "graph_url", "login_url"],
            text=gettext_lazy(
                "Microsoft's own. Others, such as a national cloud's, must be allowed by whoever operates this portal."
            ),
        ),
    )


STEPS = {
    "app_token": gettext_lazy("Sign-in as the application"),
    "user_token": gettext_lazy("Sign-in with the refresh token"),
    "customers": gettext_lazy("Reading customers at Partner Center"),
    "invitation_link": gettext_lazy("Reading the relationship link (needs the user)"),
    "graph_token": gettext_lazy("Sign-in to Microsoft Graph"),
    "prices_token": gettext_lazy("Sign-in for price sheets (needs the user)"),
    "price_sheet": gettext_lazy("Reading a price sheet (needs the user)"),
}


def connection(request: PortalRequest) -> HttpResponse:
    """Show and change the connection."""
    stored = queries.microsoft_connection(partner_id=request.actor.partner_id)
    may_manage = request.actor.may(permissions.MANAGE_MICROSOFT)
    if request.method == "POST":
        request.actor.require(permissions.MANAGE_MICROSOFT)
    form = ConnectionForm(request.POST if request.method == "POST" else None, initial=_initial(stored))
    if stored is not None:
        for name in ("client_secret", "refresh_token"):
            form.fields[name].help_text = _("Stored. Leave empty to keep it.")
    if not may_manage:
        for field in form.fields.values():
            field.widget.attrs["disabled"] = True
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            microsoft_connection.save_connection(
                by=request.actor,
                connection=ConnectionInput(
                    partner_center_url=data["partner_center_url"].strip(),
                    graph_url=data["graph_url"].strip(),
                    login_url=data["login_url"].strip(),
                    microsoft_tenant_id=data["microsoft_tenant_id"],
                    client_id=data["client_id"],
                    client_secret=data["client_secret"],
                    refresh_token=data["refresh_token"],
                ),
                at=request.now,
                version=data["version"],
            )
        except Refused as refusal:
            for name, message in (refusal.fields or {"": refusal.message}).items():
                form.add_error(name or None, str(message))
        else:
            messages.success(request, _("The connection has been saved. Test it now."))
            return redirect("microsoft_connection")
    return render(
        request,
        "web/microsoft.html",
        {
            "page": Page(
                title=_("Microsoft"),
                subtitle=_("How this portal reaches Partner Center and Microsoft Graph for you."),
                narrow=True,
            ),
            "form": form,
            "stored": stored,
            "steps": [
                {**step, "label": STEPS.get(step["step"], step["step"])}
                for step in (stored.test_result if stored else [])
            ],
            "may_manage": may_manage,
            "test_url": reverse("microsoft_test"),
        },
    )


@require_POST
def test(request: PortalRequest) -> HttpResponse:
    """Test the connection now."""
    try:
        result = microsoft_connection.test_connection(by=request.actor, at=request.now)
    except Refused as refusal:
        messages.error(request, str(refusal.message))
    else:
        if all(step["ok"] for step in result.test_result):
            messages.success(request, _("The connection works."))
        else:
            messages.error(request, _("The connection does not work yet; the steps below say why."))
    return redirect("microsoft_connection")


def _initial(stored: MicrosoftConnection | None) -> dict[str, object]:
    fresh = stored or MicrosoftConnection()
    return {
        "microsoft_tenant_id": stored.microsoft_tenant_id if stored else None,
        "client_id": stored.client_id if stored else None,
        "partner_center_url": fresh.partner_center_url,
        "graph_url": fresh.graph_url,
        "login_url": fresh.login_url,
        "version": stored.version if stored else None,
    }
