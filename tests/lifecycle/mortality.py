"""A process that dies at a chosen point: what nothing catches, thrown between two steps."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.db import connection, connections

from msphub.microsoft import wire


class Death(BaseException):
    """The process ends here: nothing catches this."""


class Mortality:
    """Counts the points at which a process could die, and dies at the chosen one (1 is the first).

    Points are: before each statement that changes something, before each commit (what its transaction did so far is
    undone), after each commit, and before and after each request to Microsoft. With `lasting` only those after which
    something else is left behind than before: after each commit (or statement that is its own) and around each request.
    """

    def __init__(self, *, at: int, lasting: bool = False) -> None:
        self.at = at
        self.lasting = lasting
        self.places: list[str] = []
        self.place = ""

    @property
    def points(self) -> int:
        """How many points were passed."""
        return len(self.places)

    def pass_by(self, place: str) -> None:
        """Die here if this is the chosen point."""
        self.places.append(place)
        if self.points == self.at:
            self.place = place
            raise Death(place)

    @contextlib.contextmanager
    def around(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Let everything that this thread does inside be mortal."""
        send, django = wire.Wire.send, connections["default"]
        commit = django._commit

        def mortal_send(known: wire.Wire, *, method: str, url: str, **more: Any) -> httpx.Response:
            self.pass_by(f"before {method} {url}")
            answer = send(known, method=method, url=url, **more)
            self.pass_by(f"after {method} {url}")
            return answer

        def mortal_commit() -> None:
            if not self.lasting:
                try:
                    self.pass_by("before commit")
                except Death:
                    django._rollback()  # as the server does when the connection of a dead process is gone
                    raise
            commit()
            self.pass_by("after commit")

        with monkeypatch.context() as patch, connection.execute_wrapper(self._statement):
            patch.setattr(wire.Wire, "send", mortal_send)
            patch.setattr(django, "_commit", mortal_commit)
            yield

    def _statement(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        text = str(sql).lstrip()
        changes = text.upper().startswith(("INSERT", "UPDATE", "DELETE")) or "procrastinate_" in text
        if changes and not self.lasting:
            self.pass_by(f"before {text[:60]}")
        found = execute(sql, params, many, context)
        if changes and not context["connection"].in_atomic_block:
            self.pass_by(f"after {text[:60]}")
        return found
