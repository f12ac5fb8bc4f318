"""What htmx 4 asked for and how to answer it, so that every page works with and without script."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

#: Attributes of a link or button that opens its address as a dialog (its href still works as a page).
DIALOG_ATTRIBUTES = 'hx-target="#dialog" hx-swap="innerHTML" hx-push-url="false"'


def target(request: HttpRequest) -> str:
    """Id of the element htmx will swap, "" for a full page (also when going Back)."""
    headers = request.headers
    if headers.get("HX-Request") != "true" or headers.get("HX-History-Restore-Request") == "true":
        return ""
    _tag, _hash, name = headers.get("HX-Target", "").partition("#")
    return name


def targets(request: HttpRequest, name: str) -> bool:
    """Whether htmx asks for the element with this id."""
    return target(request) == name


def wants_dialog(request: HttpRequest) -> bool:
    """Whether the answer goes into the dialog."""
    return targets(request, "dialog")


def go(request: HttpRequest, url: str) -> HttpResponse:
    """Go to another page after a successful post: a redirect, which from a dialog or a swap leaves the whole page."""
    if request.headers.get("HX-Request") == "true":
        response = HttpResponse(status=204)
        response["HX-Redirect"] = url
        return response
    return HttpResponseRedirect(url)
