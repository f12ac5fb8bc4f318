"""How allauth fits our house: closed sign-up, tenants that may not sign in, an audit entry for each attempt."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.stagekit import clear_login
from django.contrib import messages
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from msphub.accounts import actions, events, queries
from msphub.accounts.models import Login
from msphub.kit import clock, scope


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """The single place where allauth asks us something."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth passes it
        """Users are invited; nobody signs up."""
        return False

    def pre_login(self, request: HttpRequest, user: AbstractBaseUser, **arguments: Any) -> HttpResponse | None:
        """Refuse a person whose user or company is disabled, after the credentials were right."""
        refusal: HttpResponse | None = super().pre_login(request, user, **arguments)
        if refusal is not None or not isinstance(user, Login):
            return refusal
        scope.enter(partner_id=user.partner_id, customer_id=user.customer_id)
        if queries.signed_in(login_id=user.id, address="", request_id="") is None:
            clear_login(request)
            self._record(request, user, events.USER_SIGN_IN_REFUSED)
            messages.error(request, _("Your access is disabled. Ask the person who manages your account."))
            return redirect("account_login")
        return None

    def post_login(self, request: HttpRequest, user: AbstractBaseUser, **arguments: Any) -> HttpResponse:
        """Record the sign-in once every step (second factor too) is done."""
        answer: HttpResponse = super().post_login(request, user, **arguments)
        if isinstance(user, Login):
            self._record(request, user, events.USER_SIGNED_IN)
        return answer

    def logout(self, request: HttpRequest) -> None:
        """Record the sign-out."""
        if isinstance(request.user, Login):
            self._record(request, request.user, events.USER_SIGNED_OUT)
        super().logout(request)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record a wrong password where the e-mail is known; nothing is kept of unknown ones."""
        super().authentication_failed(request, **credentials)
        login = Login.objects.filter(email=str(credentials.get("email") or "").strip().lower()).first()
        if login is not None:
            self._record(request, login, events.USER_SIGN_IN_REFUSED)

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Keep quiet about signing in and out; the page that follows says enough."""
        if message_template not in {"account/messages/logged_in.txt", "account/messages/logged_out.txt"}:
            super().add_message(request, level, message_template, *args, **kwargs)

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that the middleware found, which knows whether a proxy is to be believed."""
        return str(getattr(request, "client_address", "") or request.META.get("REMOTE_ADDR", ""))

    def _record(self, request: HttpRequest, login: Login, event: str) -> None:
        actions.record_sign_in(
            login=login,
            event=event,
            at=clock.now(),
            address=self.get_client_ip(request),
            request_id=str(getattr(request, "request_id", "")),
        )
