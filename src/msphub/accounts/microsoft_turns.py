"""Turns to ask Microsoft, counted in PostgreSQL: all processes of all machines together keep to its limit.

Forms and jobs have lanes of their own, so that a person who waits three seconds for a live check never stands behind a
sync: jobs may use nine tenths of the limit, a form what they leave and, when they leave nothing, the last tenth. Each
lane keeps its part in every window, so both together keep the limit (docs/decisions/0016).
"""

import hashlib
import time
import uuid

from django.db import connection, connections

from msphub.microsoft import pace

FOR_FORMS = pace.REQUESTS // 10
FOR_ALL = pace.REQUESTS - FOR_FORMS
WINDOW_SECONDS = round(pace.WINDOW_SECONDS)
_TAKE = "SELECT accounts_take_turn(%s, %s, %s, %s)"


class SharedTurns:
    """Gives each request its turn among all processes; see `pace.Turns`."""

    def __init__(
        self,
        *,
        for_form: bool,
        for_all: int = FOR_ALL,
        for_forms: int = FOR_FORMS,
        window_seconds: int = WINDOW_SECONDS,
    ) -> None:
        """Keep which lane to use; the other three are the limit, and other than Microsoft's in tests only."""
        self._for_form = for_form
        self._for_all = for_all
        self._for_forms = for_forms
        self._window = window_seconds

    def wait(self, *, key: pace.Key, at_most: float) -> float:
        """Wait for a turn and return the seconds that took; raises Throttled at once where it would take longer."""
        if not self._for_form:
            delay = self._take(key, most=self._for_all, at_most=at_most)
        else:
            delay = self._take(key, most=self._for_all, at_most=0)
            if delay < 0:
                delay = self._take((*key, "forms"), most=self._for_forms, at_most=at_most)
        if delay < 0:
            raise pace.too_many(requests=self._for_all + self._for_forms, seconds=-delay)
        if delay:
            time.sleep(delay)
        return delay

    def _take(self, key: pace.Key, *, most: int, at_most: float) -> float:
        """Take a turn and return the seconds until it comes; take none, and return them negative, beyond `at_most`.

        Committed at once, also where the caller has a transaction open: its row lock would keep all others waiting.
        """
        parameters = (_hashed(key), most, self._window, at_most)
        if connection.in_atomic_block:
            with connections["default"].pool.connection() as own:  # type: ignore[attr-defined]
                return float(own.execute(_TAKE, parameters).fetchone()[0])
        with connection.cursor() as cursor:
            cursor.execute(_TAKE, parameters)
            return float(cursor.fetchone()[0])


def forget_idle() -> None:
    """Delete what was last asked about longer ago than a window, or than anybody may have to wait."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM accounts_microsoftturn "
            "WHERE coalesce(turns[cardinality(turns)], 0) < extract(epoch FROM clock_timestamp()) - %s",
            [2 * WINDOW_SECONDS],
        )


def _hashed(key: pace.Key) -> uuid.UUID:
    return uuid.UUID(bytes=hashlib.sha256("\n".join(key).encode()).digest()[:16])
