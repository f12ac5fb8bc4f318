"""Sends one HTTP request to Microsoft and logs one line about it, without anything secret."""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from http.cookiejar import DefaultCookiePolicy

import httpx
import structlog

_log = structlog.get_logger(__name__)

# Raised before a byte of the request has left: nothing can have happened.
NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


# Of an answer that is kept in memory. Microsoft's longest are lists of a few megabytes; price sheets are streamed.
_MOST_BYTES = 64 * 1024 * 1024


class Wire:
    """Sends requests over a pool of connections; by default over one that the whole process shares."""

    def __init__(self, *, http: httpx.Client | None = None) -> None:
        """Use a pool of the caller's, or the shared one."""
        self._http = http

    def send(
        self,
        *,
        method: str,
        url: str,
        headers: Mapping[str, str],
        timeout: float,
        json: object = None,
        form: Mapping[str, str] | None = None,
        request_id: str | None = None,
        correlation_id: str | None = None,
        stream: bool = False,
    ) -> httpx.Response:
        """Send one request and read its answer within `timeout` seconds; raises httpx's own errors.

        With `stream`, what succeeds is left to be read, and closed, by the caller. The log line has the path without
        the query: filters name customers, and a query may carry a code.
        """
        http = self._http or _shared_pool()
        started = time.monotonic()
        try:
            target = httpx.URL(url)
            request = http.build_request(
                method,
                target,
                headers=dict(headers),
                json=json,
                data=dict(form) if form is not None else None,
                timeout=timeout,
            )
        except (httpx.InvalidURL, ValueError) as error:  # an address, an etag or a token that no request can carry
            raise httpx.LocalProtocolError(f"the request can't be written ({type(error).__name__})") from None
        line = _log.bind(
            method=method,
            host=target.host,
            path=target.path,
            ms_request_id=request_id,
            ms_correlation_id=correlation_id,
        )
        try:
            response = http.send(request, stream=True, follow_redirects=False)
            if not stream or not response.is_success:
                _read(response, ends=started + timeout)
        except httpx.RequestError as error:
            line.warning("microsoft.call", status=None, error=type(error).__name__, ms=_milliseconds(started))
            raise
        log = line.warning if response.status_code >= 400 and response.status_code != 404 else line.info
        log(
            "microsoft.call",
            status=response.status_code,
            ms=_milliseconds(started),
            ms_cv=response.headers.get("MS-CV"),
            ms_answered_request_id=response.headers.get("MS-RequestId") or response.headers.get("request-id"),
        )
        return response


class _Bounded(httpx.SyncByteStream):
    """The bytes of an answer, as long as they come in time and aren't too many: httpx's timeout is for each piece."""

    def __init__(self, stream: httpx.SyncByteStream, *, ends: float) -> None:
        self._stream = stream
        self._ends = ends

    def __iter__(self) -> Iterator[bytes]:
        count = 0
        for piece in self._stream:
            count += len(piece)
            if time.monotonic() > self._ends:
                raise httpx.ReadTimeout("the answer takes too long")
            if count > _MOST_BYTES:
                raise httpx.RemoteProtocolError("the answer is too long")
            yield piece

    def close(self) -> None:
        self._stream.close()


def _read(response: httpx.Response, *, ends: float) -> None:
    if isinstance(response.stream, httpx.SyncByteStream):
        response.stream = _Bounded(response.stream, ends=ends)
    try:
        response.read()
    finally:
        response.close()


class _WithoutQuery(logging.Filter):
    """Takes the query out of httpx's own log lines: a validation code may stand there."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                argument.copy_with(query=None) if isinstance(argument, httpx.URL) else argument
                for argument in record.args
            )
        return True


logging.getLogger("httpx").addFilter(_WithoutQuery())

_lock = threading.Lock()
_pools: dict[int, httpx.Client] = {}


def _shared_pool() -> httpx.Client:
    """Return this process's pool: making one costs tens of milliseconds (certificates), and none survives a fork."""
    pid = os.getpid()
    pool = _pools.get(pid)
    if pool is not None and not pool.is_closed:
        return pool
    with _lock:
        pool = _pools.get(pid)
        if pool is None or pool.is_closed:
            pool = httpx.Client(
                limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=5.0),
                headers={"User-Agent": "msphub"},
            )
            pool.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # partners share it, not their cookies
            _pools[pid] = pool
        return pool


def close_shared_pool() -> None:
    """Close the process's pool, for a clean end; the next request opens another."""
    with _lock:
        pool = _pools.pop(os.getpid(), None)
    if pool is not None:
        with contextlib.suppress(httpx.HTTPError):
            pool.close()


def _milliseconds(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
