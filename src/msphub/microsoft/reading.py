"""Reads Microsoft's JSON without trusting its spelling.

Member names are compared without case, several documented spellings are tried, unknown members are ignored, missing
ones are None, unknown enumeration values stay the strings they are (contract §0.4).
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from msphub.microsoft import errors

_COLLECTION = ("items", "value", "values", "results", "data")
_SCALAR = ("value", "code", "id", "name")
_LARGEST_EXPONENT = 30  # of a number that can be money: 1e999999999 is a number too, and takes a gigabyte to write
_TOO_LARGE = 10**18  # for any count, code or version
_DIGITS = re.compile(r"\s*(-?\d{1,18})(?:\.0*)?\s*", re.ASCII)
_NEVER_IN_TEXT = re.compile("[\0\ud800-\udfff]")  # no database keeps them, no UTF-8 carries the second kind
_ESCAPED = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


class Printed(float):
    """A number with a fraction, and how Microsoft wrote it: money isn't rounded to what a float can hold."""

    text: str

    def __new__(cls, text: str) -> Self:
        """Keep the text beside the number."""
        made = super().__new__(cls, text)
        made.text = text
        return made


class Members:
    """The members of one JSON object, by any spelling of their names."""

    __slots__ = ("_by_name",)

    def __init__(self, value: object) -> None:
        """Take a decoded JSON value; anything but an object has no members."""
        known = value if isinstance(value, dict) else {}
        self._by_name = {str(name).casefold(): member for name, member in known.items()}

    def __bool__(self) -> bool:
        """Say whether there is any member."""
        return bool(self._by_name)

    def has(self, *names: str) -> bool:
        """Say whether one of the names is present, even as null."""
        return any(name.casefold() in self._by_name for name in names)

    def get(self, *names: str) -> object:
        """Return the first of the named members that isn't null."""
        for name in names:
            member = self._by_name.get(name.casefold())
            if member is not None:
                return member
        return None

    def text(self, *names: str) -> str | None:
        """Return a member as text."""
        return scalar(self.get(*names))

    def number(self, *names: str) -> int | None:
        """Return a member as a whole number, whether it came as one or as digits."""
        return whole(self.get(*names))

    def flag(self, *names: str) -> bool | None:
        """Return a member as yes or no."""
        member = self.get(*names)
        if isinstance(member, str):
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
                member.strip().casefold()
            )
        return bool(member) if isinstance(member, bool | int) else None

    def decimal(self, *names: str) -> Decimal | None:
        """Return a member as an exact number, whether it came as one or as text."""
        return exact(self.get(*names))

    def moment(self, *names: str) -> datetime | None:
        """Return a member as an instant; without a zone it is UTC, as everything of Microsoft is."""
        return instant(self.text(*names))

    def day(self, *names: str) -> date | None:
        """Return a member as a UTC date."""
        moment = self.moment(*names)
        return moment.date() if moment is not None else None

    def texts(self, *names: str) -> tuple[str, ...]:
        """Return a list of texts: `[…]` and `{value: […]}` are both documented."""
        return tuple(text for text in map(scalar, entries(self.get(*names))) if text is not None)

    def child(self, *names: str) -> "Members":
        """Return a nested object; a missing one has no members."""
        return Members(self.get(*names))

    def children(self, *names: str) -> "tuple[Members, ...]":
        """Return a nested list of objects."""
        return objects(self.get(*names))


def scalar(value: object) -> str | None:
    """Return a text for a string or number, or for an object that wraps one."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Printed):
        return value.text
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dict):
        wrapped = Members(value).get(*_SCALAR)
        return scalar(wrapped) if not isinstance(wrapped, dict) else None
    return None


def whole(value: object) -> int | None:
    """Return a whole number for a number or for digits."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) < _TOO_LARGE else None
    if isinstance(value, float) and value.is_integer() and abs(value) < _TOO_LARGE:
        return int(value)
    if isinstance(value, str) and (digits := _DIGITS.fullmatch(value)):
        return int(digits.group(1))
    return None


def exact(value: object) -> Decimal | None:
    """Return a number as it was written; None for what isn't one, or isn't a quantity of anything."""
    text = scalar(value)
    if text is None or isinstance(value, bool):
        return None
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= _LARGEST_EXPONENT else None


def instant(text: str | None) -> datetime | None:
    """Return an instant in UTC; published samples have blanks around the colons.

    The year 1 is how Microsoft's services write that there is none (sample `cart.update`).
    """
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(re.sub(r"\s*:\s*", ":", text.strip()))
        known = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return known if known.year > 1 else None


def entries(value: object) -> tuple[object, ...]:
    """Return the entries of a list, of a collection around a list, or a lone value as a list of one."""
    if value is None:
        return ()
    if isinstance(value, list | tuple):
        return tuple(entry for entry in value if entry is not None)
    if isinstance(value, dict):
        members = Members(value)
        for name in _COLLECTION:
            inner = members.get(name)
            if isinstance(inner, list):
                return entries(inner)
        is_empty_collection = not value or members.has("items", "totalCount")
        return () if is_empty_collection else (value,)
    return (value,)


def objects(value: object) -> tuple[Members, ...]:
    """Return the objects of a list or collection."""
    return tuple(Members(entry) for entry in entries(value) if isinstance(entry, dict))


def body_of(content: bytes) -> object:
    """Decode a JSON answer; None for an empty one. Raises ValueError for anything else.

    NaN and infinity aren't JSON, however many servers write them: nothing of ours could be sent back with them.
    """
    text = content.decode("utf-8-sig", errors="replace").strip()
    if not text:
        return None
    try:
        value: object = json.loads(text, parse_float=_printed, parse_constant=_refuse)
        return _clean(value) if "\0" in text or _ESCAPED.search(text) else value
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _printed(text: str) -> Printed:
    number = Printed(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _refuse(text: str) -> object:
    raise ValueError(f"{text} is no JSON")


def _clean(value: object) -> object:
    if isinstance(value, str):
        return _NEVER_IN_TEXT.sub("", value)
    if isinstance(value, list):
        return [_clean(entry) for entry in value]
    if isinstance(value, dict):
        return {_NEVER_IN_TEXT.sub("", name): _clean(member) for name, member in value.items()}
    return value


@dataclass(frozen=True, kw_only=True)
class NextPage:
    """Where a collection goes on: a path below the version, with its query, and the header it asks for."""

    path: str
    continuation_token: str | None


def next_page(*, body: object) -> NextPage | None:
    """Find where a collection goes on (contract §0.5); None on the last page.

    Only path and query of the link are used: a token must never follow a link to another host. The links come with
    and without `/v1`, and with and without `seekOperation`.
    """
    members = Members(body)
    link = members.child("links").get("next") or members.get("@odata.nextLink")
    if link is None:
        return None
    uri = link if isinstance(link, str) else Members(link).text("uri", "href")
    token = _header(Members(link).get("headers"), "MS-ContinuationToken") or members.text("continuationToken")
    if not uri:
        return None
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise errors.Unavailable("A list of Microsoft's goes on at an address that can't be read.") from None
    path = "/" + parts.path.lstrip("/")
    if re.match(r"/v1(\.0)?(/|$)", path, re.IGNORECASE):
        path = "/" + path[1:].partition("/")[2]
    query = parts.query
    asked = {name.casefold() for name, _ in parse_qsl(query, keep_blank_values=True)}
    if token is not None and "seekoperation" not in asked:
        query = f"{query}&seekOperation=Next" if query else "seekOperation=Next"
    return NextPage(path=f"{path}?{query}" if query else path, continuation_token=token)


def _header(headers: object, name: str) -> str | None:
    for key, value in _pairs(headers):
        if key.casefold() == name.casefold():
            return value
    return None


def _pairs(headers: object) -> Iterator[tuple[str, str]]:
    if isinstance(headers, dict) and not Members(headers).has("key"):
        for key, value in headers.items():
            text = scalar(value)
            if text:
                yield str(key), text
        return
    for header in objects(headers):
        key, text = header.text("key", "name"), header.text("value")
        if key and text:
            yield key, text
