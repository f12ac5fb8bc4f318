"""Faults on order: a wrong status, an answer that never comes, a connection that breaks, before or after the effect."""

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from partner_center_emulator.calls import Members
from partner_center_emulator.errors import Json, invalid_property

STATUS = "status"
TIMEOUT_BEFORE = "timeout_before"
TIMEOUT_AFTER = "timeout_after"
RESET_AFTER = "reset_after"
MODES = (STATUS, TIMEOUT_BEFORE, TIMEOUT_AFTER, RESET_AFTER)


@dataclass(kw_only=True)
class Fault:
    """One order for trouble: the next `count` requests of this method and path."""

    method: str
    path: str
    mode: str
    count: int
    status: int = 500
    body: Any = None
    retry_after: int | None = None
    id: str = field(default_factory=lambda: str(uuid4()))

    def as_json(self) -> Json:
        """The fault as the control endpoint shows it; `count` is what is left."""
        return {
            "id": self.id,
            "method": self.method,
            "path": self.path,
            "mode": self.mode,
            "count": self.count,
            "status": self.status,
            "body": self.body,
            "retry_after": self.retry_after,
        }


class Faults:
    """The orders that stand, oldest first. They live in memory: a restart forgets them."""

    def __init__(self) -> None:
        self._orders: list[Fault] = []

    def order(self, *, members: Members) -> Fault:
        """Takes an order. Refuses with 400 an unknown mode, a bad regular expression or a count below one."""
        mode = members.text("mode").lower() or STATUS
        if mode not in MODES:
            raise invalid_property(name="mode", description=f"The mode '{mode}' is not one of {', '.join(MODES)}.")
        path = members.text("path") or ".*"
        try:
            re.compile(path)
        except re.error as error:
            raise invalid_property(
                name="path", description=f"The path is not a regular expression: {error}."
            ) from error
        fault = Fault(
            method=members.text("method").upper() or "*",
            path=path,
            mode=mode,
            count=_whole(members=members, name="count", default=1),
            status=_whole(members=members, name="status", default=500),
            body=members.get("body"),
            retry_after=_whole(members=members, name="retry_after", default=0) if members.has("retry_after") else None,
        )
        if fault.count < 1 or not 200 <= fault.status <= 599:
            raise invalid_property(name="count", description="count must be at least 1 and status an HTTP status.")
        self._orders.append(fault)
        return fault

    def take(self, *, method: str, path: str, query: str) -> Fault | None:
        """The first order that this request meets, used up by one; a path matches with or without its query."""
        full = f"{path}?{query}" if query else path
        for fault in self._orders:
            if fault.method in {"*", method} and (re.search(fault.path, path) or re.search(fault.path, full)):
                fault.count -= 1
                if fault.count < 1:
                    self._orders.remove(fault)
                return fault
        return None

    def standing(self) -> list[Fault]:
        """The orders not used up yet."""
        return list(self._orders)

    def clear(self) -> None:
        """Forgets every order."""
        self._orders.clear()


def _whole(*, members: Members, name: str, default: int) -> int:
    value = members.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid_property(name=name, description=f"{name} must be a whole number.")
    return value
