"""One emulator for the session; every test starts from its seeded state and speaks HTTP with it."""

from collections.abc import Iterator

import httpx
import pytest
from emulator_client import NO_TLS, PartnerClient
from shop import Shop

from partner_center_emulator.testing import Running, running
from partner_center_emulator.wellknown import CONTOSO, GRAPH


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    with running() as emulator:
        yield emulator


@pytest.fixture
def emulator(server: Running) -> Running:
    server.reset()
    return server


@pytest.fixture
def http(emulator: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=emulator.url, timeout=5, verify=NO_TLS) as client:
        yield client


@pytest.fixture
def owner(emulator: Running) -> Iterator[PartnerClient]:
    """The first partner with a user's token."""
    client = PartnerClient(url=emulator.url, partner=CONTOSO)
    yield client
    client.http.close()


@pytest.fixture
def app(emulator: Running) -> Iterator[PartnerClient]:
    """The first partner with an app-only token."""
    client = PartnerClient(url=emulator.url, partner=CONTOSO, is_user=False)
    yield client
    client.http.close()


@pytest.fixture
def graph(emulator: Running) -> Iterator[PartnerClient]:
    """The first partner with an app-only token for Graph."""
    client = PartnerClient(url=emulator.url, partner=CONTOSO, is_user=False, audience=GRAPH)
    yield client
    client.http.close()


@pytest.fixture
def shop(owner: PartnerClient) -> Shop:
    """An American customer of the first partner that may buy."""
    return Shop(owner)
