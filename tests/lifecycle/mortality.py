"""A process that dies at a chosen point: what nothing catches, thrown between two steps."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.db import connection

from msphub.microsoft import wire


class Death(BaseException):
    """The process ends here: nothing catches this."""


class Mortality:
    """Counts the points at which a process could die, and dies at the chosen one (1 is the first).

    Points are: before each statement that changes something (what its transaction did so far is undone), and before and
    after each request to Microsoft.
    """

    def __init__(self, *, at: int) -> None:
        self.at = at
        self.points = 0
        self.place = ""

    def pass_by(self, place: str) -> None:
        """Die here if this is the chosen point."""
        self.points += 1
        if self.points == self.at:
            self.place = place
            raise Death(place)

    @contextlib.contextmanager
    def around(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Let everything that this thread does inside be mortal."""
        send = wire.Wire.send

        def mortal_send(known: wire.Wire, *, method: str, url: str, **more: Any) -> httpx.Response:
            self.pass_by(f"before {method} {url}")
            answer = send(known, method=method, url=url, **more)
            self.pass_by(f"after {method} {url}")
            return answer

        with monkeypatch.context() as patch, connection.execute_wrapper(self._statement):
            patch.setattr(wire.Wire, "send", mortal_send)
            yield

    def _statement(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        text = str(sql).lstrip()
        if text.upper().startswith(("INSERT", "UPDATE", "DELETE")) or "procrastinate_" in text:
            self.pass_by(text[:60])
        return execute(sql, params, many, context)
