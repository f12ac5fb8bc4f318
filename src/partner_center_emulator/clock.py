"""The emulator's clock: the machine's time plus an offset that can be moved, and ISO 8601 durations."""

import calendar
import re
from datetime import UTC, datetime, timedelta

_DURATION = re.compile(
    r"^(?P<sign>-)?P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?$",
    re.IGNORECASE,
)


class Clock:
    """Runs at the machine's pace, ahead of it (or behind it) by `offset`."""

    def __init__(self, *, offset: timedelta = timedelta()) -> None:
        self.offset = offset

    def now(self) -> datetime:
        """The emulator's instant, in UTC."""
        return datetime.now(UTC) + self.offset

    def move_to(self, *, instant: datetime) -> None:
        """Makes `instant` the present; the clock keeps running from there."""
        self.offset = instant - datetime.now(UTC)


def parse_instant(*, text: str) -> datetime:
    """Reads an ISO 8601 instant; one without a zone is UTC. Refuses anything else with ValueError."""
    instant = datetime.fromisoformat(text)
    try:
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"'{text}' is out of the calendar's range") from error


def after_duration(*, start: datetime, duration: str) -> datetime:
    """`start` moved by an ISO 8601 duration; months keep the day where the month has it. ValueError if unreadable."""
    match = _DURATION.match(duration.strip())
    if match is None or not any(match.group(name) for name in _DURATION.groupindex if name != "sign"):
        raise ValueError(f"'{duration}' is not an ISO 8601 duration such as P3D or PT1H")
    sign = -1 if match.group("sign") else 1
    number = {name: float(match.group(name) or 0) for name in _DURATION.groupindex if name != "sign"}
    months = start.year * 12 + start.month - 1 + sign * int(number["years"] * 12 + number["months"])
    year, month = divmod(months, 12)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    moved = start.replace(year=year, month=month + 1, day=day)
    return moved + sign * timedelta(
        weeks=number["weeks"],
        days=number["days"],
        hours=number["hours"],
        minutes=number["minutes"],
        seconds=number["seconds"],
    )


def written(*, instant: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z, as Partner Center writes most dates."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


def written_to_the_second(*, instant: datetime) -> str:
    """ISO 8601 in UTC without fractions."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
