"""The time, for the edges only (web, jobs, commands). Domains get it as an argument and never ask.

In the demo and in tests the portal takes its time from the emulator's clock, so that months can pass in a minute.
"""

import datetime
import json
import threading
import time
import urllib.request

from django.conf import settings

_REFRESH_SECONDS = 1.0


class _RemoteOffset:
    """Difference between a remote clock and ours, asked at most once a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset = datetime.timedelta()
        self._asked = float("-inf")

    def get(self, url: str) -> datetime.timedelta:
        with self._lock:
            if time.monotonic() - self._asked >= _REFRESH_SECONDS:
                self._asked = time.monotonic()
                try:
                    with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - our own setting, demo only
                        self._offset = datetime.timedelta(seconds=float(json.load(answer)["offset_seconds"]))
                except (OSError, ValueError, KeyError):
                    pass  # the emulator restarts: the last known offset is the best guess
            return self._offset


_remote = _RemoteOffset()


def now() -> datetime.datetime:
    """Return the current instant in UTC, moved along with the emulator's clock where one is configured."""
    real = datetime.datetime.now(datetime.UTC)
    url: str = settings.CLOCK_URL
    return real + _remote.get(url) if url else real
