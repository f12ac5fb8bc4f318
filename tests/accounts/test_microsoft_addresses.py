"""Where a partner's secrets for Microsoft may be sent: to hosts the installation allows, and nowhere by a detour."""

import threading
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.test import Client
from pytest_django.fixtures import Settings
from tests import factories
from tests.customers import at_microsoft

from msphub.accounts import microsoft_connection
from msphub.accounts.models import Login, MicrosoftConnection
from msphub.audit.models import Entry
from msphub.config.env import Environment
from msphub.customers.choices import AccountState
from msphub.kit import scope
from msphub.kit.errors import Refused
from msphub.microsoft import errors

OWN = {
    "partner_center_url": "https://api.partnercenter.microsoft.com",
    "graph_url": "https://graph.microsoft.com",
    "login_url": "https://login.microsoftonline.com",
}
SECRETS = {"client_secret": "client secret", "refresh_token": "refresh token"}


def save(world: factories.PartnerWorld, **addresses: str) -> MicrosoftConnection:
    scope.enter(partner_id=world.id)
    return microsoft_connection.save_connection(
        by=world.actor,
        connection=microsoft_connection.ConnectionInput(
            **{**OWN, **addresses}, microsoft_tenant_id=uuid.uuid4(), client_id=uuid.uuid4(), **SECRETS
        ),
        at=factories.NOW,
    )


@pytest.fixture
def production(settings: Settings) -> Settings:
    """The addresses that a production installation allows by itself."""
    settings.MICROSOFT_ON_THIS_MACHINE = False
    return settings


def test_microsofts_own_hosts_are_allowed_by_default(production: Settings, transactional_db: None) -> None:
    default = Environment.model_fields["msphub_microsoft_hosts"].default
    assert {host.strip() for host in default.split(",")} == production.MICROSOFT_HOSTS
    row = save(factories.make_partner(), partner_center_url="https://API.PartnerCenter.Microsoft.com/v1/")
    assert row.version == 1


@pytest.mark.parametrize("field", sorted(OWN))
@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("https://10.0.0.5", "at api.partnercenter.microsoft.com, graph.microsoft.com, login.microsoftonline.com only"),
        ("https://169.254.169.254/latest", "Its operator can allow 169.254.169.254."),
        ("https://localhost:8001", "Its operator can allow localhost:8001."),
        ("http://127.0.0.1:8001", "Its operator can allow 127.0.0.1:8001."),
        ("https://[::1]", "Its operator can allow ::1."),
        ("https://graph.microsoft.com.evil.example", "can allow graph.microsoft.com.evil.example."),
        ("https://graph.microsoft.com@evil.example", "without user name"),
        ("https://graph.microsoft.com:8443", "can allow graph.microsoft.com:8443."),
        ("http://graph.microsoft.com", "begins with https://"),
        ("https://graph.microsoft.com/?x=", "without user name, “?” or “#”"),
        ("https://graph.microsoft.com:99999", "such as https://graph.microsoft.com"),
        ("ftp://graph.microsoft.com", "begins with https://"),
        ("graph.microsoft.com", "begins with https://"),
        ("", "begins with https://"),
    ],
)
def test_other_address_is_refused_at_its_field(
    production: Settings, transactional_db: None, field: str, address: str, says: str
) -> None:
    world = factories.make_partner()
    with pytest.raises(Refused) as refused:
        save(world, **{field: address})
    assert list(refused.value.fields) == [field]
    assert says in str(refused.value.fields[field])
    assert not MicrosoftConnection.objects.exists()
    assert not Entry.objects.filter(event="microsoft.changed").exists()


def test_operator_allows_further_hosts_and_ports(production: Settings, transactional_db: None) -> None:
    production.MICROSOFT_HOSTS = {"graph.microsoft.us", "localhost:8001", *production.MICROSOFT_HOSTS}
    world = factories.make_partner()
    save(world, graph_url="https://graph.microsoft.us", login_url="http://localhost:8001")
    with pytest.raises(Refused):
        save(world, login_url="http://localhost:8002")


def test_page_shows_the_refusal_at_the_field_and_keeps_what_was_typed(
    production: Settings, transactional_db: None, client: Client
) -> None:
    world = factories.make_partner()
    login = Login.objects.get(id=world.owner.login_id)
    client.force_login(login, backend=production.AUTHENTICATION_BACKENDS[0])
    form = {**OWN, "graph_url": "https://10.0.0.5", "microsoft_tenant_id": uuid.uuid4(), "client_id": uuid.uuid4()}
    body = client.post("/account/microsoft/", {**form, **SECRETS}).content.decode()
    assert 'id="id_graph_url_error"' in body
    assert "Its operator can allow 10.0.0.5." in body
    assert 'value="https://10.0.0.5"' in body
    assert "client secret" not in body


def test_stored_address_that_is_not_allowed_any_more_is_not_asked(
    production: Settings, emulator: at_microsoft.Running, transactional_db: None, run_jobs: Callable[[], None]
) -> None:
    microsoft = at_microsoft.prepared(emulator)
    production.MICROSOFT_ON_THIS_MACHINE = True
    world = at_microsoft.connected_partner(microsoft)
    account = at_microsoft.make_account(world, factories.new_account())
    production.MICROSOFT_ON_THIS_MACHINE = False
    asked = len(emulator.emulator.requests.entries())
    run_jobs()
    account = at_microsoft.again(account)
    assert account.state == AccountState.FAILED
    assert "Its operator can allow 127.0.0.1" in account.failure_message
    assert len(emulator.emulator.requests.entries()) == asked


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """A server that notes every request."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", heard
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", ["/v1/customers", "/oauth2/.*token"])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_is_not_followed(
    emulator: at_microsoft.Running,
    transactional_db: None,
    elsewhere: tuple[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    status: int,
) -> None:
    microsoft = at_microsoft.prepared(emulator)
    world = at_microsoft.connected_partner(microsoft)
    url, heard = elsewhere
    faulty = emulator.emulator._faulty

    def detour(**fault: object) -> object:
        answer = faulty(**fault)  # type: ignore[arg-type]
        answer.headers["Location"] = f"{url}/stolen"
        return answer

    monkeypatch.setattr(emulator.emulator, "_faulty", detour)
    microsoft.order(mode="status", status=status, path=path, method="*", count=50)
    with microsoft_connection.client(partner_id=world.id, retries=0) as asked, pytest.raises(errors.MicrosoftError):
        list(asked.customers())
    assert heard == []
