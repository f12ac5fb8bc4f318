"""Where Microsoft is reached and who knocks: values the rest of the package is given."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Endpoints:
    """Base addresses without a version (`/v1` and `/v1.0` are added); a national cloud or an emulator has its own.

    The audiences are names inside tokens, not addresses to call: they stay Microsoft's own towards an emulator.
    `prices` is where price sheets and exchange rates are. Empty, it follows from Partner Center's address: Microsoft's
    own host beside Microsoft's own, elsewhere (an emulator, a gateway) the same one.
    """

    partner_center: str = "https://api.partnercenter.microsoft.com"
    graph: str = "https://graph.microsoft.com"
    login: str = "https://login.microsoftonline.com"
    prices: str = ""
    partner_center_audience: str = "https://api.partnercenter.microsoft.com"
    graph_audience: str = "https://graph.microsoft.com"
    prices_audience: str = "https://api.partner.microsoft.com"

    def __post_init__(self) -> None:
        """Bring addresses into one spelling, so that `…/v1/` in a configuration means the same."""
        object.__setattr__(self, "partner_center", self.partner_center.rstrip("/").removesuffix("/v1"))
        object.__setattr__(self, "graph", self.graph.rstrip("/").removesuffix("/v1.0"))
        object.__setattr__(self, "login", self.login.rstrip("/"))
        is_microsofts = self.partner_center.casefold() == Endpoints.partner_center
        prices = self.prices or (Endpoints.prices_audience if is_microsofts else self.partner_center)
        object.__setattr__(self, "prices", prices.rstrip("/").removesuffix("/v1.0"))


@dataclass(frozen=True)
class Credentials:
    """A partner's Entra application and, for user-only operations, the refresh token of its consented admin."""

    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
