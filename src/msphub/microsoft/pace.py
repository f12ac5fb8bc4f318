"""Keeps this process below Microsoft's published limit: 500 requests a minute for one tenant (errors.md §3).

Microsoft counts by partner and customer tenant; what concerns no customer is counted by the partner alone. A rejected
call counts too, so it is cheaper to wait here than to be told to. `Pace` counts for the threads of one process; whoever
runs several gives the client turns that they share (`Turns`).
"""

import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Protocol

from msphub.microsoft import errors

REQUESTS = 500
# A second more than Microsoft's minute: on the way there, requests come closer together.
WINDOW_SECONDS = 61.0
_TENANTS = 4096

type Key = tuple[str, ...]


class Turns(Protocol):
    """What gives requests their turns."""

    def wait(self, *, key: Key, at_most: float) -> float:
        """Wait for a turn below the limit of `key` and return the seconds that took.

        Raises Throttled at once, and takes no turn, when it would take longer than `at_most` seconds.
        """
        ...


def too_many(*, requests: int, seconds: float) -> errors.Throttled:
    """Return what says that a request was not sent, as the limit leaves no room for it within `seconds`."""
    return errors.Throttled(
        f"Microsoft may be asked {requests} times a minute, and others wait already.", retry_after=seconds
    )


class Pace:
    """Gives each request its turn, first come, first served: never more than `requests` of a key in any window."""

    def __init__(
        self,
        *,
        requests: int = REQUESTS,
        window: float = WINDOW_SECONDS,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Keep the limit: `requests` in `window` seconds. `now` and `sleep` are the clock's."""
        self._requests = requests
        self._window = window
        self._now = now
        self._sleep = sleep
        self._guard = threading.Lock()
        self._turns: OrderedDict[Key, deque[float]] = OrderedDict()

    def wait(self, *, key: Key, at_most: float) -> float:
        """Wait for a turn, as `Turns` says."""
        with self._guard:
            now = self._now()
            turns = self._turns.setdefault(key, deque(maxlen=self._requests))
            self._turns.move_to_end(key)
            earliest = turns[0] + self._window if len(turns) == self._requests else now
            delay = max(0.0, earliest - now)
            if delay > at_most:
                raise too_many(requests=self._requests, seconds=delay)
            turns.append(now + delay)
            self._drop_idle(now)
        if delay:
            self._sleep(delay)
        return delay

    def forget(self) -> None:
        """Start counting anew."""
        with self._guard:
            self._turns.clear()

    def _drop_idle(self, now: float) -> None:
        while len(self._turns) > _TENANTS:
            oldest = next(iter(self._turns))
            if self._turns[oldest][-1] + self._window > now:
                return
            del self._turns[oldest]


_lock = threading.Lock()
_shared: dict[int, Pace] = {}


def shared() -> Pace:
    """Return the pace of clients of this process that are given no other turns; a forked one counts for itself."""
    pid = os.getpid()
    known = _shared.get(pid)
    if known is not None:
        return known
    with _lock:
        return _shared.setdefault(pid, Pace())


def forget_all() -> None:
    """Forget how often this process has asked."""
    shared().forget()
