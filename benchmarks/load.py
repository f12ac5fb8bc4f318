"""A driver that costs little: threads with sockets kept open, whole answers read, nothing parsed but the length."""

import socket
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a number of clients got."""

    per_second: float
    median_ms: float
    p95_ms: float


def timing(samples: Sequence[float]) -> tuple[float, float]:
    """Return median and p95 in milliseconds of durations in seconds."""
    ordered = sorted(samples)
    return statistics.median(ordered) * 1000, ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))] * 1000


def get(path: str, *, cookie: str) -> bytes:
    """Return a GET as bytes."""
    return (f"GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nAccept: text/html\r\n\r\n").encode()


def post(path: str, *, body: bytes, cookie: str) -> bytes:
    """Return a POST of a form as bytes."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nOrigin: http://localhost\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


class Connection:
    """One keep-alive connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and return status and whole answer."""
        self.socket.sendall(request)
        answer = b""
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._more()
        head = answer[:end].lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        while len(answer) < end + 4 + length:
            answer += self._more()
        return int(answer[9:12]), answer

    def _more(self) -> bytes:
        part = self.socket.recv(262_144)
        if not part:
            raise ConnectionError("the server closed the connection")
        return part


def run(*, port: int, clients: int, seconds: float, request: Callable[[int, int], bytes], expected: int = 200) -> Load:
    """Let clients ask one request after another; `request` gets the client's number and the turn."""
    durations: list[list[float]] = [[] for _client in range(clients)]
    failures: list[str] = []
    stop = threading.Event()

    def work(number: int) -> None:
        connection, turn = Connection(port), 0
        while not stop.is_set():
            asked = request(number, turn)
            started = time.perf_counter()
            status, answer = connection.ask(asked)
            durations[number].append(time.perf_counter() - started)
            if status != expected:
                failures.append(answer[:3000].decode(errors="replace"))
                return
            turn += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - started
    if failures:
        raise RuntimeError(failures[0])
    every = [one for part in durations for one in part]
    median, p95 = timing(every)
    return Load(per_second=len(every) / elapsed, median_ms=median, p95_ms=p95)
