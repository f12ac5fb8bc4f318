"""A partner's connection to Microsoft: kept encrypted, tested on demand, turned into a client for jobs and forms."""

import dataclasses
import datetime
import ipaddress
import uuid
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from msphub.accounts import events, microsoft_turns, permissions, queries
from msphub.accounts.models import MicrosoftConnection
from msphub.audit import actions as audit
from msphub.kit import vault
from msphub.kit.actor import Actor
from msphub.kit.errors import Refused, Text
from msphub.microsoft import client as microsoft_client
from msphub.microsoft import connection as microsoft_settings

# A form waits this long for a live check and then degrades to "not checked" (product.md §2).
LIVE_CHECK_SECONDS = 3.0


class NotConnected(Refused):
    """The partner has not set up its connection to Microsoft."""

    def __init__(self) -> None:
        super().__init__(
            "microsoft_not_connected",
            _("The connection to Microsoft has not been set up. An owner does so under My Account → Microsoft."),
        )


class AddressNotAllowed(NotConnected):
    """An address of the partner's connection is none that this installation reaches."""

    def __init__(self, problem: str) -> None:
        Refused.__init__(self, "microsoft_address", problem)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionInput:
    """What the form asks for. Empty secrets keep the stored ones."""

    partner_center_url: str
    graph_url: str
    login_url: str
    microsoft_tenant_id: uuid.UUID
    client_id: uuid.UUID
    client_secret: str = ""
    refresh_token: str = ""


def save_connection(
    *, by: Actor, connection: ConnectionInput, at: datetime.datetime, version: int | None = None
) -> MicrosoftConnection:
    """Create or change the partner's connection.

    Secrets left empty keep their stored value and are refused where none is stored. `version` is the one the form was
    filled from; an older one is refused, so that nobody overwrites a colleague's change unseen. Addresses must be of
    hosts that the installation allows (MSPHUB_MICROSOFT_HOSTS).
    """
    by.require_partner(permissions.MANAGE_MICROSOFT)
    _check_addresses(connection)
    with transaction.atomic():
        stored = MicrosoftConnection.objects.select_for_update().filter(partner_id=by.partner_id).first()
        if stored is not None and version is not None and stored.version != version:
            raise Refused(
                "stale", _("A colleague has changed the connection meanwhile. Reload the page and try again.")
            )
        if stored is None:
            _check_secrets(connection)
        before = _shown(stored) if stored else {}
        row = stored or MicrosoftConnection(partner_id=by.partner_id, version=0)
        row.partner_center_url = connection.partner_center_url
        row.graph_url = connection.graph_url
        row.login_url = connection.login_url
        row.microsoft_tenant_id = connection.microsoft_tenant_id
        row.client_id = connection.client_id
        if connection.client_secret:
            row.client_secret = vault.encrypt(connection.client_secret)
        if connection.refresh_token:
            row.refresh_token = vault.encrypt(connection.refresh_token)
        row.version += 1
        row.changed_at = at
        row.tested_at = None
        row.test_result = []
        row.save()
        changes = audit.differences(before, _shown(row))
        if stored is not None and connection.client_secret:
            changes[gettext_noop("Client secret")] = ("•••", _("replaced"))
        if stored is not None and connection.refresh_token:
            changes[gettext_noop("Refresh token")] = ("•••", _("replaced"))
        audit.record(
            by=by,
            event=events.MICROSOFT_CHANGED,
            at=at,
            object_type="microsoft_connection",
            object_id=by.partner_id,
            object_label=str(row.microsoft_tenant_id),
            changes=changes,
        )
    return row


def test_connection(*, by: Actor, at: datetime.datetime) -> MicrosoftConnection:
    """Try tokens and a read of each service, keep the result and record who tested. Asks Microsoft in the request."""
    by.require_partner(permissions.MANAGE_MICROSOFT)
    own = queries.subscriptions(by=by, customer_id=None).filter(active=True).order_by("created_at", "id").first()
    with client(partner_id=by.partner_id, timeout=LIVE_CHECK_SECONDS, retries=0) as microsoft:
        report = microsoft.test_connection(market=own.country) if own else microsoft.test_connection()
    with transaction.atomic():
        row = MicrosoftConnection.objects.select_for_update().get(partner_id=by.partner_id)
        row.tested_at = at
        row.test_result = [
            {"step": step.name, "ok": step.state == "ok", "message": step.reason} for step in report.steps
        ]
        row.save(update_fields=["tested_at", "test_result"])
        audit.record(
            by=by,
            event=events.MICROSOFT_TESTED,
            at=at,
            object_type="microsoft_connection",
            object_id=by.partner_id,
            object_label=str(row.microsoft_tenant_id),
            details={gettext_noop("Result"): _("works") if report.ok else _("does not work")},
        )
    return row


def client(*, partner_id: uuid.UUID, timeout: float | None = None, retries: int = 3) -> microsoft_client.Client:
    """Return a client with the partner's credentials; raises `NotConnected`. The connection must be in its scope.

    `timeout` is in seconds, for one attempt; without it, as long as the installation lets jobs wait. Without `retries`
    it serves a form, where a person waits, and asks in a lane of its own.
    """
    row = queries.microsoft_connection(partner_id=partner_id)
    if row is None:
        raise NotConnected
    for url in (row.partner_center_url, row.graph_url, row.login_url):
        problem = _problem_of(url)
        if problem:  # allowed when it was saved, not any more
            raise AddressNotAllowed(problem)
    return microsoft_client.Client(
        credentials=microsoft_settings.Credentials(
            tenant_id=str(row.microsoft_tenant_id),
            client_id=str(row.client_id),
            client_secret=vault.decrypt(row.client_secret),
            refresh_token=vault.decrypt(row.refresh_token),
        ),
        endpoints=microsoft_settings.Endpoints(
            partner_center=row.partner_center_url, graph=row.graph_url, login=row.login_url
        ),
        on_refresh_token=lambda token: _keep_refresh_token(partner_id=partner_id, version=row.version, token=token),
        timeout=settings.MICROSOFT_TIMEOUT_SECONDS if timeout is None else timeout,
        read_retries=retries,
        turns=microsoft_turns.SharedTurns(for_form=retries == 0),
    )


def _check_addresses(connection: ConnectionInput) -> None:
    """Refuse each address that secrets must not be sent to, at its field."""
    addresses = {name: getattr(connection, name) for name in ("partner_center_url", "graph_url", "login_url")}
    found = {name: _problem_of(url) for name, url in addresses.items()}
    fields: dict[str, Text] = {name: problem for name, problem in found.items() if problem}
    if fields:
        raise Refused("invalid", _("Check the addresses."), fields=fields)


def _problem_of(url: str) -> str:
    """Say why an address of Microsoft can't be used, or nothing.

    Only hosts that the installation allows: whoever may edit a connection could otherwise let this server ask machines
    that only it can reach, or send secrets to anywhere. In the clear only on this machine (the emulator).
    """
    try:
        address = urlsplit(url)
        host, port = (address.hostname or "").lower(), address.port
    except ValueError:
        return _("Enter an address such as https://graph.microsoft.com.")
    local = _is_this_machine(host)
    if not host or address.scheme not in ({"http", "https"} if local else {"https"}):
        return _("Enter an address that begins with https://.")
    if address.username is not None or address.query or address.fragment:
        return _("Enter the address alone, without user name, “?” or “#”.")
    named = host if port in (None, 443) and address.scheme == "https" else f"{host}:{port or 80}"
    if named in settings.MICROSOFT_HOSTS or (local and settings.MICROSOFT_ON_THIS_MACHINE):
        return ""
    return _("This installation reaches Microsoft at %(hosts)s only. Its operator can allow %(host)s.") % {
        "hosts": ", ".join(sorted(settings.MICROSOFT_HOSTS)),
        "host": named,
    }


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_secrets(connection: ConnectionInput) -> None:
    fields: dict[str, Text] = {}
    if not connection.client_secret:
        fields["client_secret"] = _("Enter the client secret of the app registration.")
    if not connection.refresh_token:
        fields["refresh_token"] = _("Enter the refresh token of the consented admin.")
    if fields:
        raise Refused("invalid", _("The secrets are missing."), fields=fields)


def _keep_refresh_token(*, partner_id: uuid.UUID, version: int, token: str) -> None:
    """Keep the token that Microsoft rolled, unless a person has replaced the connection meanwhile."""
    MicrosoftConnection.objects.filter(partner_id=partner_id, version=version).update(
        refresh_token=vault.encrypt(token)
    )


def _shown(row: MicrosoftConnection) -> dict[str, str]:
    return {
        gettext_noop("Partner Center"): row.partner_center_url,
        gettext_noop("Graph"): row.graph_url,
        gettext_noop("Sign-in"): row.login_url,
        gettext_noop("Microsoft tenant"): str(row.microsoft_tenant_id),
        gettext_noop("Application"): str(row.client_id),
    }
