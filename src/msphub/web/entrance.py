"""The ways in besides the sign-in page: the one-time link, and the forgotten password."""

from typing import Any

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login as SigningIn
from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from msphub.accounts import actions
from msphub.kit.errors import Refused
from msphub.ui.forms import UiForm
from msphub.ui.page import Page
from msphub.web.middleware import PortalRequest

LINKS_AN_HOUR = 20


class ChooseForm(UiForm):
    """A new password, twice."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        widget=forms.PasswordInput,
        strip=False,
        max_length=200,
        help_text=gettext_lazy("At least 12 characters."),
    )
    again = forms.CharField(
        label=gettext_lazy("Password again"), widget=forms.PasswordInput, strip=False, max_length=200
    )
    autocomplete = {"password": "new-password", "again": "new-password"}

    def clean(self) -> dict[str, Any]:
        """Refuse two passwords that differ."""
        data = super().clean() or {}
        if data.get("password") and data.get("again") and data["password"] != data["again"]:
            self.add_error("again", _("The two passwords differ."))
        return data


class ForgottenForm(UiForm):
    """The login e-mail."""

    email = forms.CharField(label=gettext_lazy("Login e-mail"), max_length=254, widget=forms.EmailInput)
    autocomplete = {"email": "username"}


def home(request: PortalRequest) -> HttpResponse:
    """Lead to the first page of what the person works with."""
    if request.actor.customer_id is not None:
        return redirect("customer", customer_id=request.actor.customer_id, tab="products")
    return redirect("customers")


def welcome(request: PortalRequest, *, secret: str) -> HttpResponse:
    """Choose a password with a one-time link, and be signed in with it."""
    link = actions.find_password_link(secret=secret, at=request.now)
    if link is None:
        page = Page(title=_("This link can't be used any more"))
        return render(request, "web/link_used.html", {"page": page}, status=410)
    form = ChooseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            login = actions.choose_password(
                secret=secret,
                password=form.cleaned_data["password"],
                at=request.now,
                address=request.client_address,
                request_id=request.request_id,
            )
        except Refused as refusal:
            form.add_error("password" if refusal.fields else None, str(refusal.message))
        else:
            signed_in: HttpResponse = perform_login(request, SigningIn(user=login, redirect_url=reverse("home")))
            return signed_in
    page = Page(
        title=_("Choose your password"),
        subtitle=_("You sign in as %(email)s.") % {"email": link.login.email},
    )
    answer = render(request, "web/welcome.html", {"page": page, "form": form, "email": link.login.email})
    answer["Cache-Control"] = "no-store"
    return answer


def password_forgotten(request: PortalRequest) -> HttpResponse:
    """Send a one-time link to whoever signs in with an e-mail; the answer is the same when nobody does."""
    form = ForgottenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        counter = f"links:{request.client_address}"
        cache.add(counter, 0, timeout=3600)
        if cache.incr(counter) <= LINKS_AN_HOUR:
            actions.request_password_link(
                email=form.cleaned_data["email"],
                at=request.now,
                address=request.client_address,
                request_id=request.request_id,
            )
        messages.success(request, _("If somebody signs in with this e-mail, a one-time link is on its way."))
        return redirect("account_login")
    page = Page(
        title=_("Forgot your password?"),
        subtitle=_("We send a one-time link with which you choose a new one."),
    )
    return render(request, "web/forgotten.html", {"page": page, "form": form})


def not_here(_request: PortalRequest) -> HttpResponse:
    """Answer for the pages of the sign-in library that this product does not have."""
    return redirect("account_login")
