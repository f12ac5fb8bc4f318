"""A Microsoft that says what a test wrote for it, over real HTTP on loopback; nothing may leave this machine."""

import contextlib
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from msphub.microsoft import client as microsoft_client
from msphub.microsoft import connection

CLIENT_SECRET = "S3cret~of-the-application"
REFRESH_TOKEN = "0.refresh-token-of-the-admin"


@dataclass
class Request:
    """What the client sent."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass
class Reply:
    """What it gets: `drop` closes the connection without an answer, `cut` so many bytes before the answer's end.

    `drip` is a pause in seconds before each byte of the body.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: bool = False
    cut: int = 0
    drip: float = 0.0


@dataclass
class Scripted:
    """The server's script and its diary. The last reply of a route is repeated."""

    url: str
    routes: dict[tuple[str, str], list[Reply | Callable[[Request], Reply]]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    tokens_issued: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def on(self, method: str, path: str, *replies: Reply | Callable[[Request], Reply]) -> None:
        self.routes[(method, path)] = list(replies)

    def calls(self, path: str | None = None) -> list[Request]:
        """The requests that weren't for a token."""
        return [
            request
            for request in self.requests
            if not request.path.endswith("/oauth2/v2.0/token") and path in {None, request.path}
        ]

    def token_requests(self) -> list[Request]:
        return [request for request in self.requests if request.path.endswith("/oauth2/v2.0/token")]

    def answer(self, request: Request) -> Reply:
        with self.lock:
            self.requests.append(request)
            replies = self.routes.get((request.method, request.path))
            if replies is None and request.path.endswith("/oauth2/v2.0/token"):
                self.tokens_issued += 1
                token = f"{request.form['grant_type']}-token-{self.tokens_issued}"
                return Reply(body={"token_type": "Bearer", "expires_in": "3600", "access_token": token})
            if not replies:
                return Reply(status=404, body={"code": 1000, "description": "Not scripted.", "source": "Test"})
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
        return reply(request) if callable(reply) else reply


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every answer waits 40 ms for an acknowledgement
    script: Scripted

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        parts = urlsplit(self.path)
        reply = self.script.answer(
            Request(
                method=self.command,
                path=unquote(parts.path),
                query=dict(parse_qsl(parts.query, keep_blank_values=True)),
                headers={name.casefold(): value for name, value in self.headers.items()},
                body=self.rfile.read(length),
            )
        )
        if reply.delay:
            time.sleep(reply.delay)
        if reply.drop:
            self.close_connection = True
            return
        is_raw = isinstance(reply.body, bytes)
        content = reply.body if is_raw else b"" if reply.body is None else json.dumps(reply.body).encode()
        with contextlib.suppress(ConnectionError):  # a client that didn't want to wait
            self._send(reply, content)

    def _send(self, reply: Reply, content: bytes) -> None:
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", "MS-CV": "cv.0", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD" and reply.drip:
            for byte in content:
                time.sleep(reply.drip)
                self.wfile.write(bytes((byte,)))
        elif self.command != "HEAD":
            self.wfile.write(content[: len(content) - reply.cut])
        self.close_connection = self.close_connection or reply.cut > 0

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Scripted]:
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    handler.script = Scripted(url=f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield handler.script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail any connection and any look-up that would leave this machine."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        assert not isinstance(address, tuple) or address[0] in {"127.0.0.1", "::1"}, address
        connect(self, address)

    def guarded_look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        assert name in {"127.0.0.1", "::1", "localhost", None}, name
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)


@pytest.fixture
def microsoft() -> Iterator[Scripted]:
    with serving() as script:
        yield script


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture
def credentials() -> connection.Credentials:
    """Credentials of a partner that no other test has: the tokens of a process are kept by partner."""
    return connection.Credentials(
        tenant_id=str(uuid.uuid4()),
        client_id=str(uuid.uuid4()),
        client_secret=CLIENT_SECRET,
        refresh_token=REFRESH_TOKEN,
    )


@pytest.fixture
def make_client(microsoft: Scripted, credentials: connection.Credentials) -> Callable[..., microsoft_client.Client]:
    """A client towards the scripted Microsoft; impatient, so that tests are fast."""

    def make(**options: Any) -> microsoft_client.Client:
        defaults: dict[str, Any] = {
            "credentials": credentials,
            "endpoints": connection.Endpoints(partner_center=microsoft.url, graph=microsoft.url, login=microsoft.url),
            "timeout": 2.0,
            "backoff": 0.001,
            "max_wait": 0.5,
        }
        return microsoft_client.Client(**{**defaults, **options})

    return make


@pytest.fixture
def client(make_client: Callable[..., microsoft_client.Client]) -> microsoft_client.Client:
    return make_client()
