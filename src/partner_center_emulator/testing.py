"""The emulator in a thread of your test: `with running() as emulator: httpx.get(emulator.url + "/…")`."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from partner_center_emulator import server, wellknown
from partner_center_emulator.server import Emulator
from partner_center_emulator.wellknown import Partner

_START_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Running:
    """A running emulator: its address, its insides, and the partners it starts with."""

    url: str
    port: int
    emulator: Emulator
    partners: tuple[Partner, ...] = wellknown.PARTNERS

    def reset(self) -> None:
        """Back to the seeded state, for the next test on the same server."""
        with self.emulator.state.lock:
            self.emulator.reset()


@contextmanager
def running(
    *, host: str = "127.0.0.1", port: int = 0, state_path: str = ":memory:", seed_file: Path | None = None
) -> Iterator[Running]:
    """Runs the emulator in a thread on a free port until the block ends."""
    emulator = Emulator(state_path=state_path, seed_file=seed_file)
    listener = server.listening(host=host, port=port)
    running_server = server.server_of(emulator=emulator)
    thread = threading.Thread(
        target=running_server.run, kwargs={"sockets": [listener]}, name="partner-center-emulator", daemon=True
    )
    thread.start()
    chosen = listener.getsockname()[1]
    try:
        _await_start(running_server=running_server, thread=thread)
        yield Running(url=f"http://{host}:{chosen}", port=chosen, emulator=emulator)
    finally:
        running_server.should_exit = True
        thread.join(timeout=_START_SECONDS)
        listener.close()
        emulator.state.close()


def _await_start(*, running_server: server.EmulatorServer, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not running_server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the emulator did not start")
        time.sleep(0.005)
