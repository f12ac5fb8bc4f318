"""How a call is made: token, headers, one renewal after 401, patience for reads, honesty about writes.

Reads are repeated with back-off. Writes are sent once: when their outcome is unknown, the caller who owns the row
that stands for the write looks before it repeats with the same MS-RequestId (errors.md §7).
"""

import random
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import httpx

from msphub.microsoft import answers, connection, errors, login, reading, wire

_UNKNOWN_AFTER_WRITE = "It isn't known whether Microsoft did it: look before you repeat."


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer that isn't an error."""

    status: int
    body: object
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class _Call:
    """One request to be made, whatever its attempts."""

    method: str
    url: str
    audience: str
    kind: login.Kind | None
    headers: Mapping[str, str]
    json: object
    is_write: bool
    accepted: frozenset[int]
    request_id: str


class Transport:
    """Makes calls for one partner."""

    def __init__(
        self,
        *,
        endpoints: connection.Endpoints,
        sign_in: login.Login,
        http: wire.Wire,
        timeout: float,
        read_retries: int,
        backoff: float,
        max_wait: float,
        locale: str,
    ) -> None:
        """Keep how patient to be: `timeout` seconds an attempt, token included; `max_wait` seconds between all."""
        self._endpoints = endpoints
        self._login = sign_in
        self._wire = http
        self._timeout = timeout
        self._read_retries = read_retries
        self._backoff = backoff
        self._max_wait = max_wait
        self._locale = locale

    def read(
        self,
        *,
        path: str,
        method: str = "GET",
        query: Mapping[str, str] | None = None,
        kind: login.Kind = login.Kind.APP,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        accepted: frozenset[int] = frozenset(),
    ) -> Answer:
        """Ask Partner Center something; `accepted` statuses are answers, not errors."""
        call = self._partner_center(
            method=method,
            path=path,
            query=query,
            kind=kind,
            headers=headers,
            json=json,
            accepted=accepted,
            request_id=None,
        )
        return self._patiently(call)

    def read_graph(self, *, path: str, accepted: frozenset[int] = frozenset()) -> Answer:
        """Ask Microsoft Graph something, as the application."""
        return self._patiently(
            self._plain(
                url=f"{self._endpoints.graph}/v1.0{path}",
                audience=self._endpoints.graph_audience,
                kind=login.Kind.APP,
                accepted=accepted,
            )
        )

    def read_login(self, *, path: str, accepted: frozenset[int] = frozenset()) -> Answer:
        """Read a public document of the login, without a token."""
        return self._patiently(
            self._plain(url=f"{self._endpoints.login}{path}", audience="", kind=None, accepted=accepted)
        )

    def write(
        self,
        *,
        request_id: uuid.UUID,
        method: str,
        path: str,
        json: object = None,
        query: Mapping[str, str] | None = None,
        kind: login.Kind = login.Kind.APP,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a write once. `request_id` is the id of the row that stands for it, and goes out as MS-RequestId."""
        call = self._partner_center(
            method=method,
            path=path,
            query=query,
            kind=kind,
            headers=headers,
            json=json,
            accepted=frozenset(),
            request_id=str(request_id),
        )
        return self._attempt(call)

    def sign_in(self, *, kind: login.Kind, audience: str) -> None:
        """Sign in anew, only to see whether it works."""
        self._login.token(kind=kind, audience=audience, timeout=self._timeout, fresh=True)

    def _partner_center(
        self,
        *,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        kind: login.Kind,
        headers: Mapping[str, str] | None,
        json: object,
        accepted: frozenset[int],
        request_id: str | None,
    ) -> _Call:
        return _Call(
            method=method,
            url=f"{self._endpoints.partner_center}/v1{path}" + (f"?{urlencode(query)}" if query else ""),
            audience=self._endpoints.partner_center_audience,
            kind=kind,
            headers={"X-Locale": self._locale, **(headers or {})},
            json=json,
            is_write=request_id is not None,
            accepted=accepted,
            request_id=request_id or str(uuid.uuid4()),
        )

    def _plain(self, *, url: str, audience: str, kind: login.Kind | None, accepted: frozenset[int]) -> _Call:
        return _Call(
            method="GET",
            url=url,
            audience=audience,
            kind=kind,
            headers={},
            json=None,
            is_write=False,
            accepted=accepted,
            request_id=str(uuid.uuid4()),
        )

    def _patiently(self, call: _Call) -> Answer:
        waited = 0.0
        attempt = 0
        while True:
            try:
                return self._attempt(call)
            except (errors.Throttled, errors.Unavailable) as error:
                delay = self._delay(error=error, attempt=attempt)
                if attempt >= self._read_retries or waited + delay > self._max_wait:
                    raise
                if error.status is not None:  # an id is used again only while no answer came (contract §0.2)
                    call = replace(call, request_id=str(uuid.uuid4()))
            time.sleep(delay)
            waited += delay
            attempt += 1

    def _delay(self, *, error: errors.MicrosoftError, attempt: int) -> float:
        """Return how long to wait: what Microsoft asks for, else doubling; longer when it said "too many"."""
        floor = self._backoff * (4 if isinstance(error, errors.Throttled) else 1)
        growing = floor * float(2**attempt)
        jittered = growing * random.uniform(1.0, 1.25)  # noqa: S311 - spreads retries, guards nothing
        return max(error.retry_after or 0.0, jittered)

    def _attempt(self, call: _Call) -> Answer:
        """Send once, and once more after 401 with a new token or when a user's token turns out to be needed.

        Both answers mean that nothing was done. Raises for anything but success and accepted statuses.
        """
        ends = time.monotonic() + self._timeout
        kind = call.kind
        token = self._token(call, kind=kind, ends=ends)
        response, correlation_id = self._send(call, token=token, ends=ends)
        if response.status_code == 401 and kind is not None and token is not None:
            self._login.forget(kind=kind, audience=call.audience, token=token)
            token = self._token(call, kind=kind, ends=ends)
            response, correlation_id = self._send(call, token=token, ends=ends)
        if kind is login.Kind.APP and self._login.has_user and _wants_user(response):
            token = self._token(call, kind=login.Kind.USER, ends=ends)
            response, correlation_id = self._send(call, token=token, ends=ends)
        return self._judge(call, response=response, correlation_id=correlation_id)

    def _token(self, call: _Call, *, kind: login.Kind | None, ends: float) -> str | None:
        if kind is None:
            return None
        return self._login.token(kind=kind, audience=call.audience, timeout=_remaining(ends))

    def _send(self, call: _Call, *, token: str | None, ends: float) -> tuple[httpx.Response, str]:
        correlation_id = str(uuid.uuid4())
        headers = {
            "Accept": "application/json",
            "MS-RequestId": call.request_id,
            "MS-CorrelationId": correlation_id,
            "client-request-id": correlation_id,
            **call.headers,
        }
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            response = self._wire.send(
                method=call.method,
                url=call.url,
                headers=headers,
                json=call.json,
                timeout=_remaining(ends),
                request_id=call.request_id,
                correlation_id=correlation_id,
            )
        except wire.NOT_SENT as error:
            raise errors.Unavailable(
                f"Microsoft can't be reached ({type(error).__name__}).",
                request_id=call.request_id,
                correlation_id=correlation_id,
            ) from None
        except httpx.RequestError as error:
            late = isinstance(error, httpx.TimeoutException)
            what = "Microsoft didn't answer in time." if late else "The connection to Microsoft broke."
            raise self._no_answer(call, what, correlation_id=correlation_id) from None
        return response, correlation_id

    def _judge(self, call: _Call, *, response: httpx.Response, correlation_id: str) -> Answer:
        status = response.status_code
        if 200 <= status < 300 or status in call.accepted:
            try:
                body = reading.body_of(response.content)
            except ValueError:
                if status in call.accepted:
                    body = None
                else:
                    what = "Microsoft's answer can't be read."
                    raise self._no_answer(call, what, correlation_id=correlation_id, response=response) from None
            return Answer(status=status, body=body, headers=response.headers)
        if status == 429:
            raise errors.Throttled(
                "Microsoft is asked too often at the moment.",
                status=status,
                retry_after=answers.retry_after(headers=response.headers, body=_body(response)),
                request_id=call.request_id,
                correlation_id=correlation_id,
            )
        if status == 408 or (status >= 500 and status != 501):
            said = answers.text_of(_body(response))
            what = f"Microsoft is out of order at the moment (HTTP {status}{': ' + said if said else ''})."
            raise self._no_answer(call, what, correlation_id=correlation_id, response=response)
        if status < 400:
            raise errors.Unavailable(
                f"Microsoft's address answers with HTTP {status}, which it never should.",
                status=status,
                request_id=call.request_id,
                correlation_id=correlation_id,
            )
        raise answers.refusal(
            status=status,
            body=_body(response),
            headers=response.headers,
            request_id=call.request_id,
            correlation_id=correlation_id,
        )

    def _no_answer(
        self, call: _Call, what: str, *, correlation_id: str, response: httpx.Response | None = None
    ) -> errors.MicrosoftError:
        kind = errors.UnknownOutcome if call.is_write else errors.Unavailable
        return kind(
            f"{what} {_UNKNOWN_AFTER_WRITE}" if call.is_write else what,
            status=response.status_code if response is not None else None,
            retry_after=answers.retry_after(headers=response.headers) if response is not None else None,
            request_id=call.request_id,
            correlation_id=correlation_id,
        )


def _remaining(ends: float) -> float:
    """Return the seconds left of an attempt; never zero, which httpx would take for a time-out at once."""
    return max(0.05, ends - time.monotonic())


def _wants_user(response: httpx.Response) -> bool:
    """Say whether Microsoft takes only a user's token here: its list of such operations grows (contract §1.4)."""
    return response.status_code == 403 and reading.Members(_body(response)).number("code") == answers.USER_TOKEN_NEEDED


def _body(response: httpx.Response) -> object:
    try:
        return reading.body_of(response.content)
    except ValueError:
        return None
