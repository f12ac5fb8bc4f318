"""Tokens: app-only by client secret, app+user by refresh token (secure application model, contract §1).

msal speaks the protocol. Its HTTP goes through our wire, so that a hanging login times out and an authority at any
address works: msal itself asks for https and for a discovery document, whose answer never changes for Entra.
"""

import enum
import hashlib
import json
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import msal  # type: ignore[import-untyped]

from msphub.microsoft import answers, connection, errors, pace, reading, wire

# Entra's tokens live about an hour; a call that starts now may still be under way when a fresh token would be needed.
RENEW_BEFORE_SECONDS = 300.0
_CAPACITY = 4096


class Kind(enum.StrEnum):
    """Whose token a call needs."""

    APP = "app"
    USER = "user"


@dataclass(frozen=True)
class _Key:
    """What makes two tokens the same. Secrets are part of it (as digests): a wrong one never finds a right token."""

    login: str
    tenant_id: str
    client_id: str
    kind: Kind
    secret: str
    audience: str = ""


@dataclass(frozen=True)
class _Token:
    value: str
    renew_at: float


class _Lock:
    """A lock that may be referred to weakly, so that it lives as long as somebody holds or awaits it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


class _Store:
    """The tokens of this process, for every partner."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._tokens: dict[_Key, _Token] = {}
        self._successors: dict[_Key, str] = {}
        self._locks: weakref.WeakValueDictionary[_Key, _Lock] = weakref.WeakValueDictionary()

    def lock(self, key: _Key) -> _Lock:
        with self._guard:
            lock = self._locks.get(key)
            if lock is None:
                lock = _Lock()
                self._locks[key] = lock
            return lock

    def token(self, key: _Key) -> str | None:
        with self._guard:
            token = self._tokens.get(key)
            return token.value if token is not None and token.renew_at > time.monotonic() else None

    def keep(self, key: _Key, token: _Token) -> None:
        with self._guard:
            if len(self._tokens) >= _CAPACITY:
                now = time.monotonic()
                self._tokens = {known: kept for known, kept in self._tokens.items() if kept.renew_at > now}
                if len(self._tokens) >= _CAPACITY:
                    self._tokens.clear()
            self._tokens[key] = token

    def forget(self, key: _Key, value: str) -> None:
        with self._guard:
            token = self._tokens.get(key)
            if token is not None and token.value == value:
                del self._tokens[key]

    def successor(self, chain: _Key) -> str | None:
        with self._guard:
            return self._successors.get(chain)

    def succeed(self, chain: _Key, refresh_token: str | None) -> None:
        with self._guard:
            if refresh_token is None:
                self._successors.pop(chain, None)
                return
            if len(self._successors) >= _CAPACITY:
                self._successors.clear()
            self._successors[chain] = refresh_token

    def clear(self) -> None:
        with self._guard:
            self._tokens.clear()
            self._successors.clear()


_store = _Store()


def forget_all() -> None:
    """Forget every token of this process, and how often it has asked; the next call signs in anew."""
    _store.clear()
    pace.forget_all()


class Login:
    """Gives tokens for one partner's credentials."""

    def __init__(
        self,
        *,
        endpoints: connection.Endpoints,
        credentials: connection.Credentials,
        http: wire.Wire,
        on_refresh_token: Callable[[str], None] | None = None,
    ) -> None:
        """Keep what is needed; nothing is asked yet."""
        self._endpoints = endpoints
        self._credentials = credentials
        self._wire = http
        self._on_refresh_token = on_refresh_token

    @property
    def has_user(self) -> bool:
        """Say whether a user's consent is stored."""
        return bool(self._credentials.refresh_token)

    def token(self, *, kind: Kind, audience: str, timeout: float, fresh: bool = False) -> str:
        """Return a token that lives a while longer, from the process's store or from Entra.

        Raises SignInFailed when Entra refuses, Unavailable or Throttled when it can't be asked within `timeout`
        seconds. `fresh` asks Entra in any case.
        """
        key = self._key(kind=kind, audience=audience, refresh_token=self._credentials.refresh_token)
        if not fresh and (known := _store.token(key)) is not None:
            return known
        ends = time.monotonic() + timeout
        # One at a time for a chain of refresh tokens: the others find what the first one got.
        chain = self._key(kind=kind, audience="", refresh_token=self._credentials.refresh_token)
        holder = _store.lock(chain)
        if not holder.lock.acquire(timeout=max(0.0, timeout)):
            raise errors.Unavailable("Microsoft's login didn't answer in time.")
        try:
            if not fresh and (known := _store.token(key)) is not None:
                return known
            remaining = ends - time.monotonic()
            if remaining <= 0:
                raise errors.Unavailable("Microsoft's login didn't answer in time.")
            return self._acquire(kind=kind, audience=audience, key=key, chain=chain, timeout=remaining)
        finally:
            holder.lock.release()

    def forget(self, *, kind: Kind, audience: str, token: str) -> None:
        """Forget a token that Microsoft rejected, unless somebody has renewed it already."""
        _store.forget(self._key(kind=kind, audience=audience, refresh_token=self._credentials.refresh_token), token)

    def _acquire(self, *, kind: Kind, audience: str, key: _Key, chain: _Key, timeout: float) -> str:
        if kind is Kind.APP:
            value, lifetime, _ = self._ask(audience=audience, timeout=timeout, refresh_token=None)
            _store.keep(key, _Token(value=value, renew_at=_renew_at(lifetime)))
            return value
        given = self._credentials.refresh_token
        if not given:
            raise errors.SignInFailed(answers.SIGN_IN_ADVICE["no_refresh_token"], reason="no_refresh_token")
        successor = _store.successor(chain)
        try:
            value, lifetime, rotated = self._ask(audience=audience, timeout=timeout, refresh_token=successor or given)
        except errors.SignInFailed as failed:
            if successor is None or failed.reason != "invalid_grant":
                raise
            _store.succeed(chain, None)
            value, lifetime, rotated = self._ask(audience=audience, timeout=timeout, refresh_token=given)
        token = _Token(value=value, renew_at=_renew_at(lifetime))
        if rotated is not None and rotated != (successor or given):
            # First the owner stores it: if that fails, the next call asks again and offers the owner another.
            if self._on_refresh_token is not None:
                self._on_refresh_token(rotated)
            _store.succeed(chain, rotated)
            _store.keep(self._key(kind=kind, audience=audience, refresh_token=rotated), token)
        _store.keep(key, token)
        return value

    def _ask(self, *, audience: str, timeout: float, refresh_token: str | None) -> tuple[str, float, str | None]:
        endpoint = _TokenEndpoint(
            http=self._wire,
            url=f"{self._endpoints.login}/{quote(self._credentials.tenant_id, safe='')}/oauth2/v2.0/token",
            timeout=timeout,
        )
        scopes = [f"{audience}/.default"]
        try:
            # A new application each time: msal's own caches would remember refusals for seconds, and we keep tokens.
            application = msal.ConfidentialClientApplication(
                self._credentials.client_id,
                client_credential=self._credentials.client_secret,
                authority=f"https://login.microsoftonline.com/{quote(self._credentials.tenant_id, safe='')}",
                instance_discovery=False,
                azure_region=msal.ClientApplication.DISABLE_MSAL_FORCE_REGION,
                http_client=endpoint,
            )
            if refresh_token is None:
                result = application.acquire_token_for_client(scopes)
            else:
                result = application.acquire_token_by_refresh_token(refresh_token, scopes)
        except ValueError as error:
            raise errors.SignInFailed(
                answers.SIGN_IN_ADVICE["unknown_tenant"], reason="unknown_tenant", details=(type(error).__name__,)
            ) from None
        members = reading.Members(result)
        value = members.text("access_token")
        if not value:
            raise answers.sign_in_failure(answer=result, status=endpoint.status)
        return value, float(members.number("expires_in") or 3599), endpoint.refresh_token

    def _key(self, *, kind: Kind, audience: str, refresh_token: str | None) -> _Key:
        secret = self._credentials.client_secret + ("\0" + (refresh_token or "") if kind is Kind.USER else "")
        return _Key(
            login=self._endpoints.login,
            tenant_id=self._credentials.tenant_id.casefold(),
            client_id=self._credentials.client_id.casefold(),
            kind=kind,
            secret=hashlib.sha256(secret.encode()).hexdigest(),
            audience=audience,
        )


def _renew_at(lifetime: float) -> float:
    return time.monotonic() + lifetime - min(RENEW_BEFORE_SECONDS, lifetime * 0.2)


class _Reply:
    """An answer in the form msal wants."""

    def __init__(self, *, status_code: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        self.status_code = status_code
        self.text = text
        self.headers = dict(headers or {})

    def raise_for_status(self) -> None:
        """Do nothing: answers that would raise never come this far."""


class _TokenEndpoint:
    """msal's HTTP client: every question goes to the one token endpoint, whatever address msal thinks of."""

    def __init__(self, *, http: wire.Wire, url: str, timeout: float) -> None:
        self._wire = http
        self._url = url
        self._timeout = timeout
        self.status: int | None = None
        self.refresh_token: str | None = None

    def get(self, url: str, **_: Any) -> _Reply:
        """Answer msal's only question by GET, the discovery document, without asking anybody."""
        authority = url.partition("/v2.0/.well-known/")[0]
        document = {
            "issuer": f"{authority}/v2.0",
            "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
            "token_endpoint": f"{authority}/oauth2/v2.0/token",
        }
        return _Reply(status_code=200, text=json.dumps(document))

    def post(self, url: str, *, data: Mapping[str, str], headers: Mapping[str, str] | None = None, **_: Any) -> _Reply:  # noqa: ARG002
        """Ask for a token; raises what an outage means, so that msal sees answers only."""
        try:
            response = self._wire.send(
                method="POST",
                url=self._url,
                headers=headers or {},
                form=data,
                timeout=self._timeout,
                correlation_id=str(uuid.uuid4()),
            )
        except httpx.TimeoutException:
            raise errors.Unavailable("Microsoft's login didn't answer in time.") from None
        except httpx.RequestError as error:
            raise errors.Unavailable(f"Microsoft's login can't be reached ({type(error).__name__}).") from None
        self.status = response.status_code
        try:
            answer = reading.body_of(response.content)
        except ValueError:
            answer = None
        if response.status_code == 429:
            raise errors.Throttled(
                "Microsoft's login is asked too often at the moment.",
                status=429,
                retry_after=answers.retry_after(headers=response.headers, body=answer),
            )
        temporarily = reading.Members(answer).text("error") in {"temporarily_unavailable", "server_error"}
        if response.status_code >= 500 or response.status_code == 408 or temporarily or not isinstance(answer, dict):
            raise errors.Unavailable(
                f"Microsoft's login is out of order at the moment (HTTP {response.status_code}).",
                status=response.status_code,
                retry_after=answers.retry_after(headers=response.headers),
            )
        members = reading.Members(answer)
        self.refresh_token = members.text("refresh_token")
        # What we need and no more: msal would decode an id_token, and stumble over one it doesn't understand.
        kept = {
            "token_type": members.text("token_type") or "Bearer",
            "access_token": members.text("access_token"),
            "expires_in": members.number("expires_in") or 3599,
            "error": members.text("error"),
            "error_description": members.text("error_description"),
            "error_codes": members.get("error_codes"),
            "suberror": members.text("suberror"),
            "correlation_id": members.text("correlation_id"),
        }
        if kept["access_token"] is None and kept["error"] is None:
            kept["error"] = "unknown"
        return _Reply(
            status_code=response.status_code,
            text=json.dumps({name: value for name, value in kept.items() if value is not None}),
        )

    def close(self) -> None:
        """Do nothing: the pool belongs to the process."""
