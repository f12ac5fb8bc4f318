"""Tries a partner's connection step by step and says in plain words what doesn't work."""

from collections.abc import Callable

from msphub.microsoft import connection, errors, login, shapes, transport

OK = "ok"
FAILED = "failed"
SKIPPED = "skipped"


def run(*, carrier: transport.Transport, endpoints: connection.Endpoints) -> shapes.ConnectionReport:
    """Sign in anew as application and as user, read with each, and sign in for Graph.

    The user's read is the invitation link, which only a user may see: it fails when the role or MFA is missing.
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
            steps.append(shapes.ConnectionStep(name=name, state=FAILED, reason=error.message))
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
    return shapes.ConnectionReport(steps=tuple(steps))
