"""`msphub demo` as a process of its own, for tests that need the whole program."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msphub.config import processes
from tests.database import HOME, ROOT, remove

_START_SECONDS = 150
_STOP_SECONDS = 30


@dataclass(kw_only=True)
class Demo:
    """A running demo and what its `demo.json` says."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes] = field(repr=False)
    content: dict[str, Any]

    @property
    def url(self) -> str:
        """Address of the portal."""
        return str(self.content["url"])

    @property
    def emulator_url(self) -> str:
        """Address of the emulated Microsoft."""
        return str(self.content["emulator_url"])

    @property
    def database_url(self) -> str:
        """PostgreSQL as the application's role."""
        return str(self.content["database_url"])

    def user(self, role: str) -> tuple[str, str]:
        """Return e-mail and password of `owner`, `read-only`, `owner of second partner` or `customer admin`."""
        return next((user["email"], user["password"]) for user in self.content["users"] if user["role"] == role)

    def children(self) -> dict[str, processes.ProcessId]:
        """Return the processes the demo started, by name."""
        known = json.loads((self.directory / "processes.json").read_text(encoding="utf-8"))
        return {
            name: processes.ProcessId(name=name, pid=entry["pid"], started=entry["started"])
            for name, entry in known.items()
            if name != "supervisor"
        }

    def stop(self) -> int:
        """End it as Ctrl-C does and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@contextmanager
def data_directory() -> Iterator[Path]:
    """Give a directory for a data directory that PostgreSQL's user can reach; all in it is ended and deleted after."""
    HOME.mkdir(parents=True, exist_ok=True)
    directory = HOME / f"data-{os.getpid()}-{secrets.token_hex(4)}"
    directory.mkdir()
    try:
        yield directory
    finally:
        remove(directory)


def environment() -> dict[str, str]:
    """Return an environment for `msphub` commands without the settings of this test run."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("MSPHUB_", "DATABASE_", "DJANGO_"))
    }
    return {**clean, "MSPHUB_STATIC_DIR": str(ROOT / "var" / "test" / "static")}  # collected once, not in each demo


def demo_command(*, directory: Path, port: int, reset: bool = False) -> list[str]:
    """Return the command that starts a demo."""
    command = [sys.executable, "-m", "msphub.config.cli", "demo", "--port", str(port), "--data-dir", str(directory)]
    return [*command, "--reset"] if reset else command


def start_demo(*, directory: Path, port: int = 0) -> Demo:
    """Start a demo and wait for its `demo.json`; fails with its output when it doesn't come."""
    chosen = port or processes.free_port()
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "demo.json").unlink(missing_ok=True)
    output = directory.with_name(f"{directory.name}.out")
    with output.open("wb") as file:
        process = subprocess.Popen(
            demo_command(directory=directory, port=chosen),
            env=environment(),
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
        )
    deadline = time.monotonic() + _START_SECONDS
    while not (directory / "demo.json").exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.terminate()
            raise AssertionError(f"The demo didn't start:\n{output.read_text(encoding='utf-8')}")
        time.sleep(0.05)
    content = json.loads((directory / "demo.json").read_text(encoding="utf-8"))
    return Demo(directory=directory, port=chosen, process=process, content=content)
