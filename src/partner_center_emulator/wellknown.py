"""The partners that every emulator starts with. Their secrets are constants on purpose: they open nothing else."""

from dataclasses import dataclass, field
from uuid import UUID, uuid5

NAMESPACE = UUID("6f1a4a52-58ce-4c5c-9d0f-0c1b5f5f0a11")
PARTNER_CENTER = "https://api.partnercenter.microsoft.com"
PARTNER_API = "https://api.partner.microsoft.com"
GRAPH = "https://graph.microsoft.com"
AZURE_AD_GRAPH = "https://graph.windows.net"
ALL_MARKETS = "all"


def stable_id(*, name: str) -> str:
    """The same GUID for the same name, in every emulator."""
    return str(uuid5(NAMESPACE, name))


@dataclass(frozen=True, kw_only=True)
class Partner:
    """A CSP partner: a tenant with an app registration and a refresh token of its administrator."""

    tenant_id: str
    name: str
    country: str
    domain: str
    client_id: str
    client_secret: str
    refresh_token: str
    mpn_id: str
    state: str = ""
    city: str = ""
    postal_code: str = ""
    address_line: str = ""
    culture: str = "en-US"
    currency: str = "USD"
    markets: tuple[str, ...] = (ALL_MARKETS,)
    is_sandbox: bool = False
    token_generation: int = 0
    indirect_resellers: tuple[tuple[str, str, str], ...] = field(default=())

    @property
    def user_id(self) -> str:
        """The object id of the partner's administrator, who consented once."""
        return stable_id(name=f"admin of {self.tenant_id}")

    def may_sell_in(self, *, country: str) -> bool:
        """Whether the partner is onboarded to sell in this country."""
        return ALL_MARKETS in self.markets or country in self.markets


CONTOSO = Partner(
    tenant_id="10000000-0000-4000-8000-000000000001",
    name="Contoso Cloud Services",
    country="US",
    domain="contosocloudservices.onmicrosoft.com",
    client_id="1a000000-0000-4000-8000-000000000001",
    client_secret="emulator-secret-contoso",  # noqa: S106 - opens nothing but the emulator
    refresh_token="emulator-refresh-token-contoso",  # noqa: S106
    mpn_id="4847383",
    state="WA",
    city="Redmond",
    postal_code="98052",
    address_line="1 Microsoft Way",
    indirect_resellers=(
        ("484e548c-f5f3-4528-93a9-c16c6373cb59", "First Up Consultants", "4847411"),
        ("b01b1487-b36e-4e6d-9b5e-0b58974c4b28", "ReleCloud", "4847433"),
    ),
)
FABRIKAM = Partner(
    tenant_id="20000000-0000-4000-8000-000000000002",
    name="Fabrikam Managed IT",
    country="US",
    domain="fabrikammanagedit.onmicrosoft.com",
    client_id="2a000000-0000-4000-8000-000000000002",
    client_secret="emulator-secret-fabrikam",  # noqa: S106
    refresh_token="emulator-refresh-token-fabrikam",  # noqa: S106
    mpn_id="4847502",
    state="TX",
    city="Austin",
    postal_code="78701",
    address_line="500 Congress Avenue",
)
NORDWIND = Partner(
    tenant_id="30000000-0000-4000-8000-000000000003",
    name="Nordwind Systemhaus GmbH",
    country="DE",
    domain="nordwindsystemhaus.onmicrosoft.com",
    client_id="3a000000-0000-4000-8000-000000000003",
    client_secret="emulator-secret-nordwind",  # noqa: S106
    refresh_token="emulator-refresh-token-nordwind",  # noqa: S106
    mpn_id="4847619",
    city="Hamburg",
    postal_code="20095",
    address_line="Mönckebergstraße 7",
    culture="de-DE",
    currency="EUR",
)
SANDBOX = Partner(
    tenant_id="40000000-0000-4000-8000-000000000004",
    name="Contoso Integration Sandbox",
    country="US",
    domain="contosointegrationsandbox.onmicrosoft.com",
    client_id="4a000000-0000-4000-8000-000000000004",
    client_secret="emulator-secret-sandbox",  # noqa: S106
    refresh_token="emulator-refresh-token-sandbox",  # noqa: S106
    mpn_id="4847720",
    state="WA",
    city="Seattle",
    postal_code="98101",
    address_line="1200 Fourth Avenue",
    markets=("US", "UM", "PR", "GU", "VI", "AS", "MP"),
    is_sandbox=True,
)
PARTNERS = (CONTOSO, FABRIKAM, NORDWIND, SANDBOX)
