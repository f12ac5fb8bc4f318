"""Tries a partner's connection step by step and says in plain words what doesn't work."""

from collections.abc import Callable

from msphub.microsoft import connection, errors, login, prices, shapes, transport

OK = "ok"
FAILED = "failed"
SKIPPED = "skipped"

# What is missing when only this fails: price sheets are behind a resource and a role of their own (contract §7.7).
_MISSING = {
    "prices_token": (
        "Prices can't be read: give the application the delegated permission user_impersonation of “Microsoft Partner”"
        " (api.partner.microsoft.com), let an administrator consent, and connect to Microsoft again."
    ),
    "price_sheet": (
        "Prices can't be read: the user who connected needs the role Admin agent or Sales agent at Partner Center, and"
        " must have signed in with MFA."
    ),
}


def run(*, carrier: transport.Transport, endpoints: connection.Endpoints, market: str) -> shapes.ConnectionReport:
    """Sign in anew as application and as user, read with each, and sign in for Graph and for price sheets.

    The user's read is the invitation link, which only a user may see: it fails when the role or MFA is missing. Of the
    price sheet of `market` only the beginning is read.
    """
    partner_center = endpoints.partner_center_audience
    steps: list[shapes.ConnectionStep] = []

    def attempt(name: str, action: Callable[[], object], *, needs: str | None = None) -> None:
        if needs is not None and any(step.name == needs and step.state != OK for step in steps):
            reason = "Not tried, because an earlier step failed."
            steps.append(shapes.ConnectionStep(name=name, state=SKIPPED, reason=reason))
            return
        try:
            action()
        except errors.MicrosoftError as error:
            reason = " ".join(filter(None, (error.message, _missing(name, error))))
            steps.append(shapes.ConnectionStep(name=name, state=FAILED, reason=reason))
        else:
            steps.append(shapes.ConnectionStep(name=name, state=OK))

    attempt("app_token", lambda: carrier.sign_in(kind=login.Kind.APP, audience=partner_center))
    attempt("user_token", lambda: carrier.sign_in(kind=login.Kind.USER, audience=partner_center))
    attempt("customers", lambda: carrier.read(path="/customers", query={"size": "1"}), needs="app_token")
    attempt(
        "invitation_link",
        lambda: carrier.read(path="/customers/relationshiprequests", kind=login.Kind.USER),
        needs="user_token",
    )
    attempt(
        "graph_token",
        lambda: carrier.sign_in(kind=login.Kind.APP, audience=endpoints.graph_audience),
        needs="app_token",
    )
    attempt(
        "prices_token",
        lambda: carrier.sign_in(kind=login.Kind.USER, audience=endpoints.prices_audience),
        needs="user_token",
    )
    attempt("price_sheet", lambda: _open_sheet(carrier=carrier, market=market), needs="prices_token")
    return shapes.ConnectionReport(steps=tuple(steps))


def _open_sheet(*, carrier: transport.Transport, market: str) -> None:
    with carrier.read_prices(path=prices.sheet_path(market=market), query={}, compressed=False) as response:
        next(response.iter_raw(), b"")


def _missing(name: str, error: errors.MicrosoftError) -> str:
    """Say what is missing, unless Microsoft was only not there."""
    return "" if isinstance(error, errors.Unavailable) else _MISSING.get(name, "")
