"""Processes that take turns at the same time and tell when each came, forked from one that has loaded everything.

A program of its own: `python -m tests.accounts.turn_taker SECONDS [{"for_form": …, "at_most": …, "pause": …}, …]`.
"""

import json
import os
import sys
import time
from typing import Any

import django

django.setup()

from msphub.accounts import microsoft_turns  # noqa: E402
from msphub.microsoft import errors  # noqa: E402


def take(*, until: float, who: int, at_most: float, pause: float, **limits: Any) -> list[dict[str, Any]]:
    """Take turns as fast as they are given, with a pause between them."""
    turns = microsoft_turns.SharedTurns(**limits)
    found = []
    while time.time() < until:
        asked, came = time.time(), None
        try:
            turns.wait(key=("here", "partner", "customer"), at_most=at_most)
            came = time.time()
        except errors.Throttled:
            pass
        found.append({"who": who, "asked": asked, "came": came})
        time.sleep(pause)
    return found


def main(*, seconds: float, takers: list[dict[str, Any]]) -> None:
    """Fork a process for each taker, and wait for them."""
    until = time.time() + seconds
    children = []
    for who, arguments in enumerate(takers):
        child = os.fork()
        if not child:
            for one in take(until=until, who=who, **arguments):
                os.write(1, f"{json.dumps(one)}\n".encode())  # a line is written whole, beside those of the others
            os._exit(0)
        children.append(child)
    sys.exit(max(os.waitpid(child, 0)[1] for child in children))


if __name__ == "__main__":
    main(seconds=float(sys.argv[1]), takers=json.loads(sys.argv[2]))
