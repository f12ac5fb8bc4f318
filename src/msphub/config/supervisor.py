"""Keeps the processes of one machine alive together, and ends them together."""

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from msphub.config import processes
from msphub.config.embedded import write_private

_REGISTRY = "processes.json"
_TICK_SECONDS = 0.1
_STEADY_SECONDS = 30  # a child that ran this long starts again at once when it ends
_LONGEST_PAUSE_SECONDS = 10.0
_LEFTOVER_SECONDS = 10
_LOG_CHECK_SECONDS = 60
_STARTS_BEFORE_GIVING_UP = 3


class SupervisorError(Exception):
    """The processes can't run here now; the text says why, for the person who started them."""


class Stopped(Exception):
    """Somebody asked us to stop, by Ctrl-C or a signal."""


@dataclass(kw_only=True)
class _Kept:
    """A child that is started again whenever it ends."""

    child: processes.Child
    identity: processes.ProcessId
    began: float
    starts: int = 1
    pause: float = 0.5
    again_at: float | None = None


class Supervisor:
    """Runs children in one directory: `lock`, `processes.json` with who they are, and `logs/`.

    All ends with this process: politely on SIGINT, SIGTERM and SIGHUP; by the kernel (Linux) when it is killed, and
    where that failed, by the next start on the same directory.
    """

    def __init__(self, directory: Path, *, say: Callable[[str], None]) -> None:
        self.directory = directory.absolute()
        self.logs = self.directory / "logs"
        self._say = say
        self._registry = self.directory / _REGISTRY
        self._kept: dict[str, _Kept] = {}
        self._passing: dict[str, processes.ProcessId] = {}
        self._lock: IO[str] | None = None
        self._stop_signal: signal.Signals | None = None
        self._logs_checked = time.monotonic()
        self._starting = True

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Own the directory for a block; end everything at its end, however it ends.

        Refuses when another process of ours runs on the directory. Ends what a killed one left.
        """
        self._lock = _lock(self.directory)
        former = {number: signal.signal(number, self._on_signal) for number in _STOP_SIGNALS}
        try:
            self._end_leftovers()
            self.logs.mkdir(exist_ok=True)
            yield
        finally:
            self._stop_all()
            for number, handler in former.items():
                signal.signal(number, handler)
            if self._lock is not None:
                self._lock.close()

    def log_of(self, name: str) -> Path:
        """Return a fresh log for a child, the former ones moved aside."""
        path = self.logs / f"{name}.log"
        processes.rotate_log(path)
        return path

    def keep(self, child: processes.Child) -> None:
        """Start a child (unless it runs) and start it again whenever it ends, also when it ends well."""
        if child.process is None:
            identity = child.start()
        else:
            identity = processes.ProcessId(
                name=child.name, pid=child.process.pid, started=processes.started_at(child.process.pid) or ""
            )
        self._kept[child.name] = _Kept(child=child, identity=identity, began=time.monotonic())
        self._write_registry()

    def run_to_end(self, children: Sequence[processes.Child]) -> None:
        """Run children that end by themselves, side by side. Raises `SupervisorError` with its log when one fails."""
        started = []
        try:
            for child in children:
                self._passing[child.name] = child.start()
                started.append(child)
                self._write_registry()
            self.wait_until(lambda: not any(child.is_running for child in started))
        finally:
            for child in started:
                child.stop()
                self._passing.pop(child.name)
            self._write_registry()
        for child in started:
            if child.exit_code != 0:
                raise SupervisorError(f"{child.name} failed:\n{tail(child.log)}")

    def wait_until(self, condition: Callable[[], bool], *, seconds: float | None = None, what: str = "") -> None:
        """Look after the children until `condition` holds.

        Raises `Stopped` when asked to stop, and `SupervisorError` after `seconds`, or when a child ends again and
        again before everything was ready.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while not condition():
            if self._stop_signal is not None:
                raise Stopped(self._stop_signal.name)
            self._revive()
            if deadline is not None and time.monotonic() > deadline:
                logs = "\n".join(f"--- {name}\n{tail(kept.child.log)}" for name, kept in self._kept.items())
                raise SupervisorError(f"{what} within {seconds:.0f} seconds.\n{logs}")
            time.sleep(_TICK_SECONDS)

    def look_after_children(self) -> None:
        """Look after the children until somebody asks us to stop, then raise `Stopped`."""
        self._starting = False
        self.wait_until(lambda: False)

    def stop(self, names: Sequence[str]) -> None:
        """End the named children, side by side."""
        going = [self._kept.pop(name).child for name in names if name in self._kept]
        for child in going:
            child.ask_to_stop()
        now = time.monotonic()
        for child in going:
            child.wait_or_kill(deadline=now + child.stop_seconds)
        self._write_registry()

    # How it is done

    def _write_registry(self) -> None:
        known = {
            **{name: (kept.identity, kept.child.stop_signal) for name, kept in self._kept.items()},
            **{name: (identity, signal.SIGTERM) for name, identity in self._passing.items()},
            "supervisor": (processes.own_id(name="supervisor"), signal.SIGTERM),
        }
        content = {name: {**asdict(identity), "stop_signal": number.name} for name, (identity, number) in known.items()}
        write_private(self._registry, json.dumps(content, indent=1))

    def _end_leftovers(self) -> None:
        left = []
        for name, entry in _read_registry(self._registry).items():
            with contextlib.suppress(KeyError, ValueError, TypeError):
                identity = processes.ProcessId(name=name, pid=int(str(entry["pid"])), started=str(entry["started"]))
                left.append((identity, signal.Signals[str(entry["stop_signal"])]))
        ended = processes.end_leftovers(
            [(identity, number) for identity, number in left if identity.pid != os.getpid()], seconds=_LEFTOVER_SECONDS
        )
        if ended:
            self._say(f"Ended what an earlier run left: {', '.join(process.name for process in ended)}")
        self._write_registry()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._stop_signal = signal.Signals(number)

    def _revive(self) -> None:
        now = time.monotonic()
        for name, kept in self._kept.items():
            if kept.again_at is not None:
                if now >= kept.again_at:
                    kept.identity = kept.child.start()
                    kept.began, kept.again_at, kept.starts = now, None, kept.starts + 1
                    self._write_registry()
            elif not kept.child.is_running:
                if self._starting and kept.starts >= _STARTS_BEFORE_GIVING_UP:
                    raise SupervisorError(f"{name} doesn't start:\n{tail(kept.child.log)}")
                kept.pause = 0.5 if now - kept.began > _STEADY_SECONDS else min(kept.pause * 2, _LONGEST_PAUSE_SECONDS)
                kept.again_at = now + kept.pause
                self._say(f"{name} ended (code {kept.child.exit_code}); starting it again. Log: {kept.child.log}")
        if now - self._logs_checked > _LOG_CHECK_SECONDS:
            self._logs_checked = now
            for kept in self._kept.values():
                if kept.child.log is not None:
                    processes.shrink_log(kept.child.log)

    def _stop_all(self) -> None:
        """End everything: first what people and jobs use, then what that stood on, the last started last but one."""
        on_top = [name for name in ("web", "worker") if name in self._kept]
        self.stop(on_top)
        for name in reversed(list(self._kept)):
            self.stop([name])
        self._registry.unlink(missing_ok=True)


_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def claimed(directory: Path) -> Iterator[None]:
    """Own a data directory for a block without running anything in it.

    Refuses when an MSP Hub runs there, and keeps one from starting.
    """
    with _lock(directory.absolute()):
        yield


def _lock(directory: Path) -> IO[str]:
    directory.mkdir(parents=True, exist_ok=True)
    lock = (directory / "lock").open("a", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        holder = _read_registry(directory / _REGISTRY).get("supervisor", {}).get("pid", "another one")
        raise SupervisorError(f"MSP Hub already runs in {directory}, as process {holder}. Stop it first.") from None
    return lock


def _read_registry(path: Path) -> dict[str, dict[str, object]]:
    try:
        found: dict[str, dict[str, object]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def tail(log: Path | None, *, lines: int = 25) -> str:
    """Return the end of a log."""
    try:
        return "" if log is None else "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
