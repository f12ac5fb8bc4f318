"""The supervisor as a process of its own, whose children are looked at from outside."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from msphub.config import processes
from msphub.config.supervisor import Supervisor, SupervisorError

PROGRAM = """
import signal, sys
from pathlib import Path
from msphub.config.processes import Child
from msphub.config.supervisor import Stopped, Supervisor

directory = Path(sys.argv[1])
supervisor = Supervisor(directory, say=lambda text: print(text, flush=True))
sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
deaf = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    "; open(sys.argv[1], 'w'); time.sleep(600)"
)
stubborn = [sys.executable, "-c", deaf, str(directory / "deaf")]
family = ["sh", "-c", "sleep 600 & sleep 600"]
try:
    with supervisor.running():
        for name, command in (("base", sleeper), ("web", family), ("worker", stubborn)):
            supervisor.keep(Child(name=name, command=command, log=supervisor.log_of(name), stop_seconds=1))
        supervisor.wait_until((directory / "deaf").exists)
        (directory / "started").touch()
        supervisor.look_after_children()
except Stopped as stopped:
    print(f"stopped by {stopped}", flush=True)
"""


def wait_until(condition: Callable[[], bool], *, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.02)


def start(directory: Path) -> subprocess.Popen[str]:
    directory.mkdir(exist_ok=True)
    for name in ("started", "deaf"):
        (directory / name).unlink(missing_ok=True)
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(directory)], stdout=subprocess.PIPE, text=True)
    wait_until(lambda: (directory / "started").exists() or process.poll() is not None)
    return process


def children(directory: Path) -> dict[str, processes.ProcessId]:
    known = json.loads((directory / "processes.json").read_text(encoding="utf-8"))
    return {
        name: processes.ProcessId(name=name, pid=entry["pid"], started=entry["started"])
        for name, entry in known.items()
        if name != "supervisor"
    }


def in_group(leader: int) -> list[int]:
    """Return the living members of a process group."""
    members = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == leader and fields[0] not in "ZX":
            members.append(int(entry.name))
    return members


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_everything_the_stubborn_child_and_grandchildren_too(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = start(tmp_path / "d")
    started = children(tmp_path / "d")
    assert set(started) == {"base", "web", "worker"}
    process.send_signal(number)
    output, _ = process.communicate(timeout=10)
    assert f"stopped by {number.name}" in output
    assert process.returncode == 0
    assert not any(child.is_alive for child in started.values())
    assert in_group(started["web"].pid) == []
    assert not (tmp_path / "d" / "processes.json").exists()


def test_kill_of_the_supervisor_ends_its_children_or_the_next_start_does(tmp_path: Path) -> None:
    process = start(tmp_path / "d")
    former = children(tmp_path / "d")
    process.kill()
    process.communicate()
    wait_until(lambda: not former["base"].is_alive and not former["web"].is_alive)
    assert former["worker"].is_alive, "it ignores the signal, so that the next start has something to end"

    again = start(tmp_path / "d")
    assert not former["worker"].is_alive
    again.terminate()
    output, _ = again.communicate(timeout=10)
    assert "Ended what an earlier run left: worker" in output


def test_child_that_ends_is_started_again(tmp_path: Path) -> None:
    process = start(tmp_path / "d")
    former = children(tmp_path / "d")["base"]
    os.kill(former.pid, signal.SIGKILL)
    wait_until(lambda: children(tmp_path / "d")["base"] != former)
    assert children(tmp_path / "d")["base"].is_alive
    process.terminate()
    process.communicate(timeout=10)


def test_second_supervisor_on_a_directory_is_refused_with_the_number_of_the_first(tmp_path: Path) -> None:
    process = start(tmp_path / "d")
    try:
        second = Supervisor(tmp_path / "d", say=lambda _: None)
        with pytest.raises(SupervisorError, match=f"as process {process.pid}"), second.running():
            pass
        assert all(child.is_alive for child in children(tmp_path / "d").values())
    finally:
        process.terminate()
        process.communicate(timeout=10)


def test_stranger_with_a_former_childs_number_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        entry = {"name": "web", "pid": stranger.pid, "started": "another-boot/1", "stop_signal": "SIGTERM"}
        (tmp_path / "processes.json").write_text(json.dumps({"web": entry}), encoding="utf-8")
        with Supervisor(tmp_path, say=lambda _: None).running():
            pass
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_failing_step_shows_its_log(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, say=lambda _: None)
    with supervisor.running():
        command = ["sh", "-c", "echo this is why; exit 3"]
        step = processes.Child(name="step", command=command, log=supervisor.log_of("step"))
        with pytest.raises(SupervisorError, match="this is why"):
            supervisor.run_to_end([step])


def test_child_that_never_comes_up_is_given_up_with_its_log(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, say=lambda _: None)
    with supervisor.running():
        command = ["sh", "-c", "echo no such luck"]
        supervisor.keep(processes.Child(name="web", command=command, log=supervisor.log_of("web")))
        with pytest.raises(SupervisorError, match="no such luck"):
            supervisor.wait_until(lambda: False, seconds=30, what="Nothing happened")


def test_logs_are_moved_aside_and_large_ones_emptied_under_their_writer(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text("first", encoding="utf-8")
    processes.rotate_log(log)
    log.write_text("second", encoding="utf-8")
    processes.rotate_log(log)
    assert (tmp_path / "web.log.1").read_text(encoding="utf-8") == "second"
    assert (tmp_path / "web.log.2").read_text(encoding="utf-8") == "first"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        processes.shrink_log(log, limit=50)
        writer.write(b"after")
    assert log.read_bytes() == b"after"
