"""MSP Hub on one machine without a PostgreSQL of its own: embedded database, web and worker under one supervisor."""

import http.client
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from msphub.config import processes, release
from msphub.config.embedded import EmbeddedPostgres, write_private
from msphub.config.env import environment
from msphub.config.supervisor import Supervisor, claimed

_READY_SECONDS = 120
_HEARD = "SELECT EXISTS (SELECT FROM procrastinate_workers WHERE last_heartbeat >= now() - interval '10 seconds')"


class Machine:
    """The processes of one data directory; the demo adds its emulator to them."""

    def __init__(self, directory: Path, *, settings: Mapping[str, str], say: Callable[[str], None]) -> None:
        self.supervisor = Supervisor(directory, say=say)
        self.directory = self.supervisor.directory
        self.postgres = EmbeddedPostgres(self.directory / "postgres", log=self.supervisor.logs / "postgres.log")
        self.settings = dict(settings)
        self._memory = self.directory / "state.json"

    def recall(self, name: str) -> Any:
        """Return what an earlier run remembered under `name`."""
        return self._recall_all().get(name)

    def remember(self, name: str, value: Any) -> None:
        """Keep `value` for later runs."""
        write_private(self._memory, json.dumps({**self._recall_all(), name: value}, indent=1))

    def start_over(self) -> None:
        """Forget the deleted cluster of `postgres`, to make a new one."""
        self.postgres = EmbeddedPostgres(self.directory / "postgres", log=self.supervisor.logs / "postgres.log")

    def _recall_all(self) -> dict[str, Any]:
        try:
            known: dict[str, Any] = json.loads(self._memory.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known

    def start_database(self) -> None:
        """Start PostgreSQL, after a killed run's has ended."""
        self.postgres.end_leftover()
        self.supervisor.log_of("postgres")
        self.postgres.start()
        if self.postgres.child is not None:
            self.supervisor.keep(self.postgres.child)
        self.settings["DATABASE_URL"] = self.postgres.app_url

    def command(self, *arguments: str, name: str, as_owner: bool = False, stop_seconds: float = 8) -> processes.Child:
        """Return a child that runs `msphub <arguments>`; only `as_owner` learns the owner's URL."""
        return self.python("msphub.config.cli", *arguments, name=name, as_owner=as_owner, stop_seconds=stop_seconds)

    def python(
        self, module: str, *arguments: str, name: str, as_owner: bool = False, stop_seconds: float = 8
    ) -> processes.Child:
        """Return a child that runs a Python module with this machine's settings."""
        known = {key: value for key, value in os.environ.items() if not key.startswith(("DATABASE_", "MSPHUB_END_"))}
        if as_owner:
            known["DATABASE_OWNER_URL"] = self.postgres.owner_url
        return processes.Child(
            name=name,
            command=[sys.executable, "-m", module, *arguments],
            environment={**known, **self.settings, "PYTHONUNBUFFERED": "1"},
            log=self.supervisor.log_of(name),
            stop_seconds=stop_seconds,
        )

    def migrate(self) -> bool:
        """Migrate and collect static files, side by side; False when this release has done so here before."""
        this = [release.release_stamp(), self.settings["MSPHUB_STATIC_DIR"]]
        static = Path(self.settings["MSPHUB_STATIC_DIR"]) / release.STATIC_STAMP
        if self.recall("release") == this and static.exists():
            return False
        self.supervisor.run_to_end(
            [
                self.command("migrate", "--no-static", name="migrate", as_owner=True),
                self.command("collect-static", name="static"),
            ]
        )
        self.remember("release", this)
        return True

    def keep_web(self, *, host: str, port: int, workers: int) -> None:
        """Start the web server and keep it."""
        arguments = ["serve", "--host", host, "--port", str(port), "--workers", str(workers)]
        self.supervisor.keep(self.command(*arguments, name="web"))

    def keep_worker(self, *, concurrency: int, grace_seconds: int) -> None:
        """Start the worker and keep it."""
        arguments = ["worker", "--concurrency", str(concurrency), "--grace", str(grace_seconds)]
        self.supervisor.keep(self.command(*arguments, name="worker", stop_seconds=grace_seconds + 2))

    def wait_until_ready(self, *, port: int) -> None:
        """Wait until `/readyz` says yes and a worker has given a sign of life."""
        self.supervisor.wait_until(
            lambda: answers(port=port, path="/readyz"),
            seconds=_READY_SECONDS,
            what=f"The portal wasn't ready at http://localhost:{port}/readyz",
        )
        self.supervisor.wait_until(self._hears_worker, seconds=_READY_SECONDS, what="No worker gave a sign of life")

    def _hears_worker(self) -> bool:
        try:
            with psycopg.connect(self.postgres.app_url, connect_timeout=5) as connection:
                row = connection.execute(_HEARD).fetchone()
        except psycopg.Error:
            return False
        return row is not None and bool(row[0])


def answers(*, port: int, path: str) -> bool:
    """Whether http://localhost:port answers 200 to a GET of `path`."""
    return get(port=port, path=path) is not None


def get(*, port: int, path: str) -> bytes | None:
    """Return the body of a GET on this machine when the answer is 200, else None."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": f"localhost:{port}"})
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return body if answer.status == http.HTTPStatus.OK else None


def serve_alone(*, host: str, port: int, workers: int, say: Callable[[str], None]) -> None:
    """Run everything on this machine with the embedded PostgreSQL until asked to stop; raises `Stopped` then.

    Refuses an unsafe environment before anything is made.
    """
    known = environment()
    known.require_safe()
    machine = Machine(
        known.msphub_data_dir, settings={"MSPHUB_STATIC_DIR": str(known.msphub_static_dir.absolute())}, say=say
    )
    with machine.supervisor.running():
        machine.start_database()
        machine.migrate()
        machine.keep_web(host=host, port=port, workers=workers)
        machine.keep_worker(concurrency=4, grace_seconds=20)
        machine.wait_until_ready(port=port)
        say(f"MSP Hub answers at {known.msphub_base_url}; data and logs are in {machine.directory}.")
        machine.supervisor.look_after_children()


@contextmanager
def database_at_hand() -> Iterator[None]:
    """Give a command its database: DATABASE_URL, else the embedded one, started for the command if it doesn't run."""
    known = environment()
    if known.database_url:
        yield
        return
    postgres = EmbeddedPostgres(known.msphub_data_dir / "postgres")
    with ExitStack() as stack:
        if postgres.process_id is None:
            stack.enter_context(claimed(known.msphub_data_dir))
            stack.enter_context(postgres)
        os.environ["DATABASE_URL"], os.environ["DATABASE_OWNER_URL"] = postgres.app_url, postgres.owner_url
        environment.cache_clear()
        yield
