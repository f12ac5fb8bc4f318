"""Measures the demo's second start and its memory: `python -m benchmarks.demo`."""

import shutil
import time
from pathlib import Path

from tests import running

from benchmarks import world

SETTLE_SECONDS = 10


def memory_mb(pids: list[int]) -> float:
    """Return what processes hold, shared pages counted in parts (PSS)."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def descendants(root: int) -> list[int]:
    """Return a process and all that came of it."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(encoding="ascii", errors="replace")
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def main() -> None:
    """Start a demo, stop it, start it again, and say what that took."""
    directory = world.HOME / "demo"
    shutil.rmtree(directory, ignore_errors=True)
    for which in ("first", "second"):
        started = time.perf_counter()
        demo = running.start_demo(directory=directory)
        seconds = time.perf_counter() - started
        time.sleep(SETTLE_SECONDS)
        print(f"{which} start: {seconds:.1f} s, memory {memory_mb(descendants(demo.process.pid)):.0f} MB")
        demo.stop()


if __name__ == "__main__":
    main()
