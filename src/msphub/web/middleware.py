"""What every request gets: an id, the time, a log line; the person behind it and the tenant's scope."""

import datetime
import re
import time
import uuid
import zoneinfo
from collections.abc import Callable

import structlog
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views import defaults

from msphub.accounts import queries as accounts
from msphub.accounts.models import Login
from msphub.accounts.queries import SignedIn
from msphub.kit import clock, scope
from msphub.kit.actor import Actor
from msphub.kit.errors import Forbidden, NotFound
from msphub.ui import htmx

ZONE_COOKIE = "msphub_zone"

type Answer = Callable[[HttpRequest], HttpResponse]
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
logger = structlog.get_logger("msphub.request")


class PortalRequest(HttpRequest):
    """A request as our views see it. `actor` and `viewer` are there on every page that declares a permission."""

    request_id: str
    client_address: str
    now: datetime.datetime
    actor: Actor
    viewer: SignedIn


class RequestContextMiddleware:
    """Gives the request its id, address and time, and writes one log line when it has been answered."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        request_id = _request_id(request)
        request.request_id = request_id  # type: ignore[attr-defined]
        request.client_address = _client_address(request)  # type: ignore[attr-defined]
        request.now = clock.now()  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        timezone.activate(_viewer_zone(request))
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        if not request.path.startswith((settings.STATIC_URL, "/healthz", "/readyz", "/metrics")):
            logger.info(
                "request",
                method=request.method,
                # A one-time link is a secret: its path is not logged.
                path="/welcome/…/" if request.path.startswith("/welcome/") else request.path,
                status=response.status_code,
                ms=round((time.perf_counter() - started) * 1000, 1),
            )
        return response


class ActorMiddleware:
    """Finds who is signed in, opens the tenant's scope on the connection, and turns our refusals into pages."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.actor = request.viewer = None  # type: ignore[attr-defined]
        user = request.user
        if isinstance(user, Login):
            scope.enter(partner_id=user.partner_id, customer_id=user.customer_id)
            found = accounts.signed_in(
                login_id=user.id,
                address=request.client_address,  # type: ignore[attr-defined]
                request_id=request.request_id,  # type: ignore[attr-defined]
            )
            if found is None:
                # Disabled meanwhile: an open session ends at once.
                logout(request)
                messages.error(request, _("Your access is disabled. Ask the person who manages your account."))
                return htmx.go(request, reverse("account_login"))
            request.actor, request.viewer = found.actor, found  # type: ignore[attr-defined]
            structlog.contextvars.bind_contextvars(
                partner_id=str(found.actor.partner_id), user_id=str(found.actor.user_id)
            )
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer what a domain refuses to show: 404 for what is not there for this actor, 403 for what it may not."""
        if isinstance(exception, NotFound):
            return defaults.page_not_found(request, exception)
        if isinstance(exception, Forbidden):
            return defaults.permission_denied(request, PermissionDenied(str(exception.message)))
        return None


def sign_in_first(request: HttpRequest) -> HttpResponse:
    """Lead a stranger to the sign-in page and, after it, back here."""
    if request.headers.get("HX-Request") == "true":
        return htmx.go(request, reverse("account_login"))
    back = {"next": request.get_full_path()} if request.method == "GET" and request.path != "/" else {}
    return redirect(reverse("account_login", query=back))


def _viewer_zone(request: HttpRequest) -> datetime.tzinfo:
    """Return the zone that the viewer's browser names in a cookie; UTC where it names none that we know."""
    name = request.COOKIES.get(ZONE_COOKIE, "")
    if name and len(name) <= 60:
        try:
            return zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            pass
    return datetime.UTC


def _request_id(request: HttpRequest) -> str:
    given = request.headers.get("X-Request-ID", "")
    return given if settings.TRUST_PROXY and _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())


def _client_address(request: HttpRequest) -> str:
    if settings.TRUST_PROXY:
        forwarded = request.headers.get("X-Forwarded-For", "").split(",")[-1].strip()
        if forwarded:
            return forwarded
    return str(request.META.get("REMOTE_ADDR", ""))
