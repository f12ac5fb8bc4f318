"""Cursors of grids: the sort key and id of a row as one opaque word in the address."""

import base64
import binascii
import datetime
import json
import uuid

from django.db.models import Model, QuerySet


def encode(key: str, row_id: uuid.UUID) -> str:
    """Return a cursor for a row."""
    return base64.urlsafe_b64encode(json.dumps([key, str(row_id)]).encode()).decode().rstrip("=")


def decode(cursor: str) -> tuple[str, uuid.UUID] | None:
    """Return key and id of a cursor; None for one that somebody made up."""
    try:
        key, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return (str(key), uuid.UUID(row_id)) if "\0" not in str(key) else None
    except (binascii.Error, ValueError, TypeError):
        return None


def decode_instant(cursor: str) -> tuple[datetime.datetime, uuid.UUID] | None:
    """Return instant and id of a cursor whose key is an instant."""
    found = decode(cursor)
    if found is None:
        return None
    try:
        at = datetime.datetime.fromisoformat(found[0])
    except ValueError:
        return None
    return (at, found[1]) if at.tzinfo is not None else None


def decode_as(cursor: str, kind: str) -> tuple[str, uuid.UUID] | None:
    """Return key and id of a cursor whose key is of an SQL type; None for one that PostgreSQL could not read."""
    found = decode(cursor)
    if found is None or kind == "text":
        return found
    try:
        if kind == "timestamptz":
            datetime.datetime.fromisoformat(found[0])
        elif kind == "date" and found[0] != "infinity":
            datetime.date.fromisoformat(found[0])
        elif kind == "bigint" and not -(2**62) < int(found[0]) < 2**62:
            return None
    except ValueError:
        return None
    return found


def fetch[Row: Model](rows: QuerySet[Row], *, size: int, backwards: bool) -> tuple[list[Row], bool]:
    """Return one page in shown order, and whether there is more in the direction it was read."""
    found = list(rows[: size + 1])
    more = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    return found, more
