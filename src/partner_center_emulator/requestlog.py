"""What the emulator was asked, in order: for tests that count calls."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from partner_center_emulator.clock import written
from partner_center_emulator.errors import Json

_LONGEST = 20_000


@dataclass(kw_only=True)
class Entry:
    """One request. `status` is None while no answer reached the client; `lost_status` is the one that got lost."""

    method: str
    path: str
    query: str
    request_id: str | None
    correlation_id: str | None
    at: str
    status: int | None = None
    lost_status: int | None = None
    fault: str | None = None
    is_replay: bool = False

    def as_json(self) -> Json:
        """The entry as the control endpoint shows it."""
        return {
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "MS-RequestId": self.request_id,
            "MS-CorrelationId": self.correlation_id,
            "status": self.status,
            "lost_status": self.lost_status,
            "fault": self.fault,
            "replayed": self.is_replay,
            "at": self.at,
        }


class RequestLog:
    """The latest requests to Microsoft's paths; the emulator's own pages and controls are not in it."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_LONGEST)

    def begin(self, *, request: Request, at: datetime) -> Entry:
        """Notes a request as it comes in."""
        entry = Entry(
            method=request.method,
            path=request.scope["path"],
            query=request.scope["query_string"].decode("latin-1"),
            request_id=request.headers.get("MS-RequestId"),
            correlation_id=request.headers.get("MS-CorrelationId"),
            at=written(instant=at),
        )
        self._entries.append(entry)
        return entry

    def entries(self) -> list[Entry]:
        """All entries, oldest first."""
        return list(self._entries)

    def clear(self) -> None:
        """Forgets them."""
        self._entries.clear()
