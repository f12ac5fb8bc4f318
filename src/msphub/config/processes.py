"""One child process: on a leash, so that it never outlives us, and recognisable, so that we never end a stranger."""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_LOG_BYTES = 20 * 1024 * 1024


@lru_cache(maxsize=1)
def _boot() -> str:
    """Return what tells this run of the machine from the last one: start times are counted from boot."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def started_at(pid: int) -> str | None:
    """Return a text that no other process with this number has ever had; None when there is none or it is a zombie.

    A zombie is dead: init may reap late, and `kill -0` calls it alive until then.
    """
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else f"{_boot()}/{fields[19]}"
    shown = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, started = shown.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()


@dataclass(frozen=True, kw_only=True)
class ProcessId:
    """A process for ever: its number and when it started."""

    name: str
    pid: int
    started: str

    @property
    def is_alive(self) -> bool:
        """Whether this very process runs, not a later one with its number."""
        return started_at(self.pid) == self.started


def own_id(*, name: str) -> ProcessId:
    """Return the identity of the calling process."""
    return ProcessId(name=name, pid=os.getpid(), started=started_at(os.getpid()) or "")


def end_with_parent(*, parent: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send `number` to the calling process when process `parent`, which started it, dies.

    Linux only; elsewhere the next start ends what was left behind. Must be called after any change of user, which
    clears the request. The signal comes when the parent's *thread* ends that forked, so children are started by the
    main thread.
    """
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:  # it died between fork and prctl, so no signal will come
        os._exit(1)


def _leash(number: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()

    def before_exec() -> None:
        end_with_parent(parent=parent, number=number)

    return before_exec


@dataclass(kw_only=True)
class Child:
    """A process we start in a session of its own, so that Ctrl-C in a terminal reaches us alone, and end ourselves."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    log: Path | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 8
    user: int | None = None
    group: int | None = None
    directory: Path | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> ProcessId:
        """Start the process; its output is appended to `log`. Must be called from the main thread."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("Children are started by the main thread: their leash is tied to the thread that forks.")
        with contextlib.ExitStack() as stack:
            output: IO[bytes] | int = subprocess.DEVNULL
            if self.log is not None:
                output = stack.enter_context(self.log.open("ab"))
            self.process = subprocess.Popen(
                list(self.command),
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                start_new_session=True,
                user=self.user,
                group=self.group,
                extra_groups=[] if self.user is not None else None,
                preexec_fn=_leash(self.stop_signal),  # noqa: PLW1509 - one thread, and only a prctl happens in it
            )
        return ProcessId(name=self.name, pid=self.process.pid, started=started_at(self.process.pid) or "")

    @property
    def exit_code(self) -> int | None:
        """What the process ended with; None while it runs or before it was started."""
        return None if self.process is None else self.process.poll()

    @property
    def is_running(self) -> bool:
        """Whether the process was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Send the polite signal."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)

    def wait_or_kill(self, *, deadline: float) -> None:
        """Wait for the end until `deadline` (monotonic seconds), then kill the whole session's process group."""
        if self.process is None:
            return
        try:
            self.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            kill_group(self.process.pid)
            self.process.wait()
        else:
            kill_group(self.process.pid)  # what it started and did not end itself

    def stop(self) -> None:
        """End the process: politely first, by force after `stop_seconds`."""
        self.ask_to_stop()
        self.wait_or_kill(deadline=time.monotonic() + self.stop_seconds)


def kill_group(pid: int) -> None:
    """Kill every process of the group that `pid` leads or led; a group that is gone is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def end_leftovers(left: Iterable[tuple[ProcessId, signal.Signals]], *, seconds: float) -> list[ProcessId]:
    """End what an earlier run of ours left behind, all at once, each only if it still is that very process.

    Returns those that there were. After `seconds` they are killed, with the process groups they lead.
    """
    found = [(process, number) for process, number in left if process.started and process.is_alive]
    for process, number in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
    deadline = time.monotonic() + seconds
    for process, _ in found:
        while process.is_alive and time.monotonic() < deadline:
            time.sleep(0.02)
        if process.is_alive:
            kill_group(process.pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
    return [process for process, _ in found]


def is_port_free(port: int, *, host: str = "127.0.0.1") -> bool:
    """Whether nobody listens on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(*, preferred: int = 0) -> int:
    """Return `preferred` when nobody listens there, else a free port of the loopback interface."""
    if preferred and is_port_free(preferred):
        return preferred
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number


def rotate_log(path: Path, *, keep: int = 3) -> None:
    """Move `path` to `path.1`, `path.1` to `path.2` and so on, before its writer starts."""
    for number in range(keep, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        newer = path.with_name(f"{path.name}.{number - 1}") if number > 1 else path
        if newer.exists():
            newer.replace(older)


def shrink_log(path: Path, *, limit: int = _LOG_BYTES) -> None:
    """Copy a log that grew beyond `limit` bytes to `path.1` and empty it under its writer, who appends."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > limit:
            shutil.copyfile(path, path.with_name(f"{path.name}.1"))
            os.truncate(path, 0)
