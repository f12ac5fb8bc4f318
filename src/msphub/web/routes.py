"""How a view is put at an address: never without saying who may open it."""

import functools
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

from msphub.web.middleware import sign_in_first

PUBLIC = "public"
SIGNED_IN = "signed in"


def page(route: str, view: Callable[..., HttpResponseBase], *, permission: str, name: str) -> URLPattern:
    """Put a view at an address. `permission` is a declared permission's name, `SIGNED_IN` or `PUBLIC`."""
    return path(route, guarded(view, permission=permission), name=name)


def guarded(view: Callable[..., HttpResponseBase], *, permission: str) -> Callable[..., HttpResponseBase]:
    """Return the view behind its permission; `tests/house` reads the permission off it."""

    @functools.wraps(view)
    def answer(request: HttpRequest, **arguments: Any) -> HttpResponseBase:
        if permission != PUBLIC:
            actor = getattr(request, "actor", None)
            if actor is None:
                return sign_in_first(request)
            if permission != SIGNED_IN:
                actor.require(permission)
        return view(request, **arguments)

    answer.permission = permission  # type: ignore[attr-defined]
    return answer
