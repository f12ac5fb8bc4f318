"""`msphub demo`: a whole MSP Hub with an emulated Microsoft, filled with two partners, for looking and for testing."""

import json
import os
import secrets
import shutil
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from msphub.config import processes, release
from msphub.config.embedded import write_private
from msphub.config.env import NotConfigured
from msphub.config.machine import Machine, get
from msphub.config.supervisor import SupervisorError

_MARK = ".msphub-demo"
_OURS = ("demo.json", "users.json", "secrets.json", "state.json", "static")
_WORKER_GRACE_SECONDS = 4
_FROM_OUTSIDE = ("MSPHUB_SMTP_URL", "MSPHUB_MAIL_FROM", "MSPHUB_LOG_LEVEL", "MSPHUB_LOG_FORMAT", "MSPHUB_STATIC_DIR")


def run(*, host: str, port: int, data_dir: Path, reset: bool, say: Callable[[str], None]) -> None:
    """Run the demo until asked to stop; raises `Stopped` then.

    Keeps the data of the last time unless `reset`. Refuses a taken port, a directory another demo runs in, and to
    reset a directory that isn't a demo's.
    """
    began = time.monotonic()
    demo = _Demo(data_dir, host=host, port=port, say=say)
    demo.refuse_foreign_directory(reset=reset)
    with demo.machine.supervisor.running():
        try:
            demo.start(reset=reset)
            demo.announce(seconds=time.monotonic() - began)
            demo.machine.supervisor.look_after_children()
        finally:
            demo.announcement.unlink(missing_ok=True)


class _Demo:
    """One demo in one directory."""

    def __init__(self, data_dir: Path, *, host: str, port: int, say: Callable[[str], None]) -> None:
        self.directory = data_dir.absolute()
        self.host = host
        self.port = port
        self.say = say
        self.url = f"http://localhost:{port}"
        self.machine = Machine(self.directory, settings={}, say=say)
        self.announcement = self.directory / "demo.json"
        self.emulator_port = 0
        self.partners: list[dict[str, Any]] = []

    @property
    def emulator_url(self) -> str:
        """Where the emulated Microsoft answers."""
        return f"http://127.0.0.1:{self.emulator_port}"

    def refuse_foreign_directory(self, *, reset: bool) -> None:
        """Refuse to reset a directory with contents that no demo made."""
        if reset and self.directory.exists() and any(self.directory.iterdir()) and not self._mark.exists():
            raise NotConfigured(f"{self.directory} isn't the directory of a demo, so --reset leaves it alone.")

    @property
    def _mark(self) -> Path:
        return self.directory / _MARK

    def start(self, *, reset: bool) -> None:
        """Start everything and wait until it answers. Steps that the last run has done already are left out."""
        self.announcement.unlink(missing_ok=True)
        if not processes.is_port_free(self.port, host=self.host):
            raise NotConfigured(f"Port {self.port} is taken by another program; choose one with --port.")
        if reset:
            self._wipe()
        self._mark.touch()
        machine = self.machine
        machine.settings.update(self._settings())
        machine.start_database()
        self._keep_emulator()
        if machine.migrate():
            self.say("Database and static files are up to date.")
        machine.keep_web(host=self.host, port=self.port, workers=2)
        machine.supervisor.wait_until(self._emulator_answers, seconds=60, what="The emulator didn't answer")
        self._seed()
        machine.keep_worker(concurrency=4, grace_seconds=_WORKER_GRACE_SECONDS)
        machine.wait_until_ready(port=self.port)

    def announce(self, *, seconds: float) -> None:
        """Write `demo.json` for programs, in one step, and say the same for people."""
        first = self.partners[0]
        users = json.loads((self.directory / "users.json").read_text(encoding="utf-8"))
        content = {
            "url": self.url,
            "emulator_url": self.emulator_url,
            "database_url": self.machine.postgres.app_url,
            "microsoft": {name: first[name] for name in ("tenant_id", "client_id", "client_secret", "refresh_token")},
            "users": [{name: user[name] for name in ("role", "email", "password")} for user in users],
        }
        write_private(self.announcement, json.dumps(content, indent=2, ensure_ascii=False))
        width = max((len(user["role"]) for user in users), default=0)
        self.say(f"\nMSP Hub is ready at {self.url} ({seconds:.1f} s). Sign in as")
        for user in users:
            self.say(f"  {user['role']:<{width}}  {user['email']}  {user['password']}")
        self.say(
            f"Emulated Microsoft  {self.emulator_url}\nDatabase            {self.machine.postgres.app_url}\n"
            f"For programs        {self.announcement}\nLogs                {self.machine.supervisor.logs}\n"
            "Stop with Ctrl-C."
        )

    def _wipe(self) -> None:
        self.machine.postgres.end_leftover()
        self.machine.postgres.destroy()
        for path in [*(self.directory / name for name in _OURS), *self.directory.glob("emulator.sqlite*")]:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        self.machine.start_over()

    def _settings(self) -> dict[str, str]:
        """Return the environment of the demo's processes. Only `_FROM_OUTSIDE` is taken from ours."""
        self.emulator_port = processes.free_port(preferred=int(self.machine.recall("emulator_port") or 0))
        self.machine.remember("emulator_port", self.emulator_port)
        for name in [name for name in os.environ if name.startswith("MSPHUB_") and name not in _FROM_OUTSIDE]:
            del os.environ[name]
        static = os.environ.get("MSPHUB_STATIC_DIR") or str(self.directory / "static")
        return {
            **self._secrets(),
            "MSPHUB_MODE": "demo",
            "MSPHUB_BASE_URL": self.url,
            "MSPHUB_DATA_DIR": str(self.directory),
            "MSPHUB_STATIC_DIR": static,
            "MSPHUB_CLOCK_URL": f"{self.emulator_url}/_emulator/clock",
        }

    def _secrets(self) -> dict[str, str]:
        """Return the throw-away secrets of this directory, made once: what is encrypted stays readable."""
        path = self.directory / "secrets.json"
        if not path.exists():
            fresh = {
                "MSPHUB_SECRET_KEY": secrets.token_urlsafe(64),
                "MSPHUB_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            }
            write_private(path, json.dumps(fresh))
        known: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return known

    def _keep_emulator(self) -> None:
        state = str(self.directory / "emulator.sqlite")
        arguments = ["--port", str(self.emulator_port), "--state", state]
        self.machine.supervisor.keep(self.machine.python("partner_center_emulator", *arguments, name="emulator"))

    def _emulator_answers(self) -> bool:
        body = get(port=self.emulator_port, path="/_emulator/partners")
        if body is None:
            return False
        self.partners = json.loads(body)
        return True

    def _seed(self) -> None:
        """Fill the database, unless the same seed has filled it for an emulator at the same address."""
        code = sha256((release.PACKAGE / "config" / "seed.py").read_bytes()).hexdigest()
        done = [code, self.emulator_url]
        users = self.directory / "users.json"
        if self.machine.recall("seeded") == done and users.exists():
            return
        arguments = ["demo-seed", "--emulator-url", self.emulator_url, "--data-dir", str(self.directory)]
        self.machine.supervisor.run_to_end([self.machine.command(*arguments, "--users", str(users), name="seed")])
        self.machine.remember("seeded", done)


def require_users(users: list[dict[str, str]]) -> None:
    """Refuse a seed that doesn't give the sign-ins the demo promises, in their order."""
    wanted = ["owner", "read-only", "owner of second partner", "customer admin"]
    if [user["role"] for user in users] != wanted:
        raise SupervisorError(f"The seed must return the sign-ins {', '.join(wanted)}, in this order.")
