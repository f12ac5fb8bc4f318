"""How a call is made: token, headers, one renewal after 401, patience for reads, honesty about writes.

Reads are repeated with back-off. Writes are sent once: when their outcome is unknown, the caller who owns the row
that stands for the write looks before it repeats with the same MS-RequestId (errors.md §7).
"""

import contextlib
import random
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

import httpx

from msphub.microsoft import answers, connection, errors, login, pace, reading, wire

# Work in the background waits this long for its turn: some thousand calls for one tenant may be ahead of it.
_QUEUE_SECONDS = 600.0
_CUSTOMER_OF_PATH = re.compile(r"/customers/([^/?]+)")
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
    pace_key: pace.Key | None = None
    streams: bool = False


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
        turns: pace.Turns,
        tenant_id: str,
    ) -> None:
        """Keep how patient to be: `timeout` seconds an attempt, token included; `max_wait` seconds between all.

        `turns` keeps all calls of the partner with that `tenant_id` below Microsoft's limit.
        """
        self._endpoints = endpoints
        self._login = sign_in
        self._wire = http
        self._timeout = timeout
        self._read_retries = read_retries
        self._backoff = backoff
        self._max_wait = max_wait
        self._locale = locale
        self._pace = turns
        self._pace_wait = _QUEUE_SECONDS if read_retries else timeout
        self._tenant_id = tenant_id

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
        return self._patiently(call, self._attempt)

    @contextlib.contextmanager
    def read_prices(self, *, path: str, query: Mapping[str, str], compressed: bool) -> Iterator[httpx.Response]:
        """Open a price sheet or a table of rates, whose bytes are still to be read; always as a user (contract §7.7).

        The timeout holds for each piece that arrives: the whole may take minutes.
        """
        call = replace(
            self._plain(
                url=with_query(f"{self._endpoints.prices}/v1.0{path}", query),
                audience=self._endpoints.prices_audience,
                kind=login.Kind.USER,
                accepted=frozenset(),
            ),
            headers={"Accept": "text/csv, */*", "Accept-Encoding": "deflate" if compressed else "identity"},
            streams=True,
        )
        response = self._patiently(call, self._open)
        try:
            yield response
        except httpx.RequestError as error:
            raise errors.Unavailable(
                f"The connection to Microsoft broke amid the answer ({type(error).__name__}).",
                request_id=call.request_id,
            ) from None
        finally:
            response.close()

    def read_graph(self, *, path: str, accepted: frozenset[int] = frozenset()) -> Answer:
        """Ask Microsoft Graph something, as the application."""
        return self._patiently(
            self._plain(
                url=f"{self._endpoints.graph}/v1.0{path}",
                audience=self._endpoints.graph_audience,
                kind=login.Kind.APP,
                accepted=accepted,
            ),
            self._attempt,
        )

    def read_login(self, *, path: str, accepted: frozenset[int] = frozenset()) -> Answer:
        """Read a public document of the login, without a token."""
        return self._patiently(
            self._plain(url=f"{self._endpoints.login}{path}", audience="", kind=None, accepted=accepted), self._attempt
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
            url=with_query(f"{self._endpoints.partner_center}/v1{path}", query),
            audience=self._endpoints.partner_center_audience,
            kind=kind,
            headers={"X-Locale": self._locale, **(headers or {})},
            json=json,
            is_write=request_id is not None,
            accepted=accepted,
            request_id=request_id or str(uuid.uuid4()),
            pace_key=(self._endpoints.partner_center, self._tenant_id, _customer_of(path)),
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

    def _patiently[T](self, call: _Call, attempt_once: Callable[[_Call], T]) -> T:
        waited = 0.0
        attempt = 0
        while True:
            try:
                return attempt_once(call)
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
        """Ask once. Raises for anything but success and accepted statuses."""
        asked, response, correlation_id = self._ask(call)
        return self._judge(asked, response=response, correlation_id=correlation_id)

    def _open(self, call: _Call) -> httpx.Response:
        """Ask once, and return a success before its body is read."""
        asked, response, correlation_id = self._ask(call)
        if not response.is_success:
            self._judge(asked, response=response, correlation_id=correlation_id)
        return response

    def _ask(self, call: _Call) -> tuple[_Call, httpx.Response, str]:
        """Send once, and once more after 401 with a new token, and when a user's token turns out to be needed.

        Both answers mean that nothing was done, so a write keeps the id of its row. Waiting for a turn isn't part of
        the timeout.
        """
        self._take_turn(call)
        ends = time.monotonic() + self._timeout
        kind = call.kind
        renewed: set[login.Kind] = set()
        while True:
            token = self._token(call, kind=kind, ends=ends)
            response, correlation_id = self._send(call, token=token, ends=ends)
            if response.status_code == 401 and kind is not None and token is not None and kind not in renewed:
                renewed.add(kind)
                self._login.forget(kind=kind, audience=call.audience, token=token)
            elif kind is login.Kind.APP and self._login.has_user and _wants_user(response):
                kind = login.Kind.USER
            else:
                return call, response, correlation_id
            if not call.is_write:
                call = replace(call, request_id=str(uuid.uuid4()))
            ends += self._take_turn(call)

    def _take_turn(self, call: _Call) -> float:
        return self._pace.wait(key=call.pace_key, at_most=self._pace_wait) if call.pace_key is not None else 0.0

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
                stream=call.streams,
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
            if status not in call.accepted and answers.hidden_refusal(body=body):
                raise answers.refusal(
                    status=status,
                    body=body,
                    headers=response.headers,
                    request_id=call.request_id,
                    correlation_id=correlation_id,
                )
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


def with_query(path: str, query: Mapping[str, str] | None) -> str:
    """Return an address with its query; a blank is %20, which every decoder knows."""
    return f"{path}?{urlencode(query, quote_via=quote)}" if query else path


def _customer_of(path: str) -> str:
    """Return the customer tenant a path belongs to; empty for what concerns none."""
    found = _CUSTOMER_OF_PATH.match(path)
    return found.group(1).casefold() if found else ""


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
