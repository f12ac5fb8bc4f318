"""The HTTP server: one ASGI application for all of Microsoft's hosts, and uvicorn around it."""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from partner_center_emulator import control, errors, faults, pages, services
from partner_center_emulator.faults import Fault
from partner_center_emulator.requestlog import Entry
from partner_center_emulator.world import World

_log = logging.getLogger("partner_center_emulator")
_transports: dict[tuple[Any, Any], asyncio.Transport] = {}


class TrackedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, which lets the application find its connection in order to break it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Notes the connection."""
        super().connection_made(transport)
        _transports[self.server, self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        _transports.pop((self.server, self.client), None)
        super().connection_lost(exc)


class Emulator(World):
    """The application. Requests are answered one after the other; only held connections wait side by side."""

    def __init__(self, *, state_path: str = ":memory:", seed_file: Path | None = None) -> None:
        super().__init__(state_path=state_path, seed_file=seed_file)
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Lets every held connection go."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or breaks off as a fault orders."""
        if scope["type"] != "http":
            return
        content = await _whole_body(receive)
        if content is None:
            return
        request = Request(scope)
        if control.serves(path=request.scope["path"]):
            response = control.answer(world=self, request=request, content=content)
        elif pages.serves(path=request.scope["path"]):
            response = pages.answer(world=self, request=request, content=content)
        else:
            found = await self._microsoft(request, content, receive)
            if found is None:
                return
            response = found
        await response(scope, receive, send)

    async def _microsoft(self, request: Request, content: bytes, receive: Receive) -> Response | None:
        """The answer of a Microsoft service, or None where a fault swallowed it."""
        method, path, query = request.method, request.scope["path"], request.scope["query_string"].decode("latin-1")
        entry = self.requests.begin(request=request, at=self.clock.now())
        fault = self.faults.take(method=method, path=path, query=query)
        if fault is not None:
            entry.fault = fault.mode
            if fault.mode == faults.TIMEOUT_BEFORE:
                await self._hold(request, receive)
                return None
            if fault.mode == faults.STATUS:
                entry.status = fault.status
                return self._faulty(request=request, fault=fault)
        response = self._answered(request=request, content=content, entry=entry)
        if fault is None:
            entry.status = response.status_code
            return response
        entry.lost_status = response.status_code
        if fault.mode == faults.TIMEOUT_AFTER:
            await self._hold(request, receive)
        else:
            await _break_off(request, receive)
        return None

    def _answered(self, *, request: Request, content: bytes, entry: Entry) -> Response:
        try:
            return services.answer(world=self, request=request, content=content, entry=entry)
        except Exception:  # noqa: BLE001 - see below
            # A client must get Microsoft's shape even for our own mistake; the log has the rest.
            _log.exception("%s %s failed", request.method, request.scope["path"])
            now = self.clock.now()
            body = errors.shaped_body(
                path=request.scope["path"], status=500, text="Unexpected failure in the emulator; see its log.", at=now
            )
            return services.dressed(request=request, now=now, status=500, content=body)

    def _faulty(self, *, request: Request, fault: Fault) -> Response:
        now = self.clock.now()
        headers: dict[str, str] = {}
        body = fault.body
        if fault.status == 429:
            seconds = 57 if fault.retry_after is None else fault.retry_after
            headers["Retry-After"] = str(seconds)
            body = errors.throttled_body(seconds=seconds) if body is None else body
        elif fault.retry_after is not None:
            headers["Retry-After"] = str(fault.retry_after)
        if body is None and fault.status >= 400:
            text = f"The emulator was told to answer {fault.status}."
            body = errors.shaped_body(path=request.scope["path"], status=fault.status, text=text, at=now)
        return services.dressed(request=request, now=now, status=fault.status, content=body, headers=headers)

    async def _hold(self, request: Request, receive: Receive) -> None:
        """Keeps the connection open and silent until the client leaves or the server stops."""
        leaving = asyncio.ensure_future(_until_gone(receive))
        closing = asyncio.ensure_future(self._closing.wait())
        await asyncio.wait({leaving, closing}, return_when=asyncio.FIRST_COMPLETED)
        closing.cancel()
        if not leaving.done():
            leaving.cancel()
            await _break_off(request, receive)


async def _whole_body(receive: Receive) -> bytes | None:
    """The request's body, or None when the client left."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _break_off(request: Request, receive: Receive) -> None:
    """Resets the connection: the client sees it break without an answer."""
    transport = _transports.get((request.scope["server"], request.scope["client"]))
    if transport is None:
        raise ConnectionAbortedError("the connection of this request is not known")
    connection = transport.get_extra_info("socket")
    if connection is not None:
        # Lingering for no time makes the kernel send a reset instead of an orderly end.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await _until_gone(receive)


class EmulatorServer(uvicorn.Server):
    """uvicorn, which lets go of held connections before it waits for them to end."""

    def __init__(self, *, emulator: Emulator, config: uvicorn.Config, when_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._emulator = emulator
        self._when_ready = when_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts and says so."""
        await super().startup(sockets)
        self._when_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops in order."""
        self._emulator.close()
        await super().shutdown(sockets)


def listening(*, host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY; without it each keep-alive answer waits 40 ms for an ack.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(256)
    return listener


def server_of(*, emulator: Emulator, when_ready: Callable[[], None] = lambda: None) -> EmulatorServer:
    """The server around an emulator, quiet and quick to stop."""
    config = uvicorn.Config(
        emulator,
        http=TrackedProtocol,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=3,
        timeout_keep_alive=75,
    )
    return EmulatorServer(emulator=emulator, config=config, when_ready=when_ready)
