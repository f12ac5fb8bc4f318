"""Tokens in the form of JWTs, signed with a key that everyone may know: they prove nothing outside the emulator.

They carry their own claims so that they outlive a restart and a reset.
"""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_SIGNING_KEY = b"partner-center-emulator: not a secret"
ACCESS_TOKEN_SECONDS = 3600


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Who an access token speaks for."""

    tenant_id: str
    client_id: str
    audience: str
    user_id: str | None
    expires_at: int

    @property
    def is_user(self) -> bool:
        """True for App+User, False for app-only."""
        return self.user_id is not None


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signed(*, claims: dict[str, Any]) -> str:
    """A JWT (HS256) of these claims."""
    header = _encoded(json.dumps({"typ": "JWT", "alg": "HS256", "kid": "emulator"}).encode())
    payload = _encoded(json.dumps(claims, separators=(",", ":")).encode())
    signature = hmac.new(_SIGNING_KEY, f"{header}.{payload}".encode(), hashlib.sha256).digest()
    return f"{header}.{payload}.{_encoded(signature)}"


def claims_of(*, token: str) -> dict[str, Any] | None:
    """The claims of a token this emulator signed, else None."""
    try:
        header, payload, signature = token.split(".")
        expected = hmac.new(_SIGNING_KEY, f"{header}.{payload}".encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(_decoded(signature), expected):
            return None
        claims: dict[str, Any] = json.loads(_decoded(payload))
    except ValueError:
        return None
    return claims


def access_token(*, tenant_id: str, client_id: str, audience: str, user_id: str | None, now: datetime) -> str:
    """An access token for one audience, good for an hour of the emulator's clock."""
    issued = int(now.timestamp())
    claims: dict[str, Any] = {
        "aud": audience,
        "iss": f"https://sts.windows.net/{tenant_id}/",
        "iat": issued,
        "nbf": issued - 300,
        "exp": issued + ACCESS_TOKEN_SECONDS,
        "tid": tenant_id,
        "appid": client_id,
        "idtyp": "user" if user_id else "app",
    }
    if user_id:
        claims |= {"oid": user_id, "scp": "user_impersonation", "amr": ["pwd", "mfa"]}
    return signed(claims=claims)


def identity_of(*, token: str) -> Identity | None:
    """Whom an access token speaks for, or None for anything that isn't one of ours."""
    claims = claims_of(token=token)
    if claims is None or "idtyp" not in claims:
        return None
    return Identity(
        tenant_id=claims["tid"],
        client_id=claims["appid"],
        audience=claims["aud"],
        user_id=claims.get("oid"),
        expires_at=claims["exp"],
    )
