"""Partner Center's throttling: so many requests a minute for one partner and one customer."""

from collections import deque
from datetime import datetime, timedelta
from math import ceil

_WINDOW = timedelta(seconds=60)


class Throttle:
    """Counts requests of the last minute by key; refused ones count too, as Microsoft says of its own."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[datetime]] = {}

    def seconds_to_wait(self, *, key: str, limit: int, now: datetime) -> int:
        """Counts this request; 0 if it may pass, else after how many seconds the next one may."""
        seen = self._seen.setdefault(key, deque())
        while seen and (now - seen[0] >= _WINDOW or seen[0] > now):
            seen.popleft()
        seen.append(now)
        if len(seen) <= limit:
            return 0
        return max(1, ceil((seen[len(seen) - limit] + _WINDOW - now).total_seconds()))

    def clear(self) -> None:
        """Forgets every count."""
        self._seen.clear()
