"""What a handler is given and what it gives back: one call of one partner, one answer."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from partner_center_emulator.errors import Json, invalid_property, invalid_request
from partner_center_emulator.settings import Settings
from partner_center_emulator.state import Customer, State
from partner_center_emulator.tokens import Identity
from partner_center_emulator.wellknown import Partner

GUID = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", re.IGNORECASE)


def parsed(*, content: bytes) -> Any:
    """The JSON value in a body. Refuses what isn't JSON, or has half a character that no answer could repeat."""
    try:
        value = json.loads(content)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise invalid_request(description="The request body is not valid JSON.") from error
    return value


class Members:
    """A JSON object whose member names may be written in any case."""

    def __init__(self, *, content: Mapping[str, Any], path: str = "") -> None:
        self._content = {key.lower(): value for key, value in content.items()}
        self._path = path

    def named(self, name: str) -> str:
        """The member's full name, for messages."""
        return f"{self._path}.{name}" if self._path else name

    def get(self, name: str) -> Any:
        """The member's value, None if absent."""
        return self._content.get(name.lower())

    def has(self, name: str) -> bool:
        """Whether the member is there at all, null included."""
        return name.lower() in self._content

    def object(self, name: str) -> "Members":
        """A nested object; empty where absent or null. Refuses other kinds of value."""
        value = self.get(name)
        if value is None:
            return Members(content={}, path=self.named(name))
        if not isinstance(value, dict):
            raise invalid_property(name=self.named(name), description=f"{self.named(name)} must be an object.")
        return Members(content=value, path=self.named(name))

    def text(self, name: str) -> str:
        """A string without blanks around it; empty where absent or null. Refuses other kinds of value."""
        value = self.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise invalid_property(name=self.named(name), description=f"{self.named(name)} must be a string.")
        return value.strip()

    def required_text(self, name: str, *, longest: int = 1024) -> str:
        """A string of at least one character. Refuses an absent, empty or too long one."""
        value = self.text(name)
        if not value:
            raise invalid_property(name=self.named(name), description=f"The {self.named(name)} field is required.")
        if len(value) > longest:
            text = f"The {self.named(name)} field must be at most {longest} characters long."
            raise invalid_property(name=self.named(name), description=text)
        return value

    def flag(self, name: str) -> bool | None:
        """A boolean, or None where absent. Refuses other kinds of value."""
        value = self.get(name)
        if value is not None and not isinstance(value, bool):
            raise invalid_property(name=self.named(name), description=f"{self.named(name)} must be true or false.")
        return value


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A success: status, JSON content (or none), headers."""

    status: int = 200
    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    has_body: bool = True


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request after it was authenticated and its customer found."""

    state: State
    settings: Settings
    now: datetime
    partner: Partner
    identity: Identity
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    content: bytes
    base_url: str
    found_customer: Customer | None = None

    @property
    def customer(self) -> Customer:
        """The customer in the path."""
        if self.found_customer is None:
            raise LookupError("this operation has no customer in its path")
        return self.found_customer

    def json(self) -> Any:
        """The request's JSON value. Refuses what isn't JSON."""
        return parsed(content=self.content)

    def members(self) -> Members:
        """The request's JSON object. Refuses anything else."""
        content = self.json()
        if not isinstance(content, dict):
            raise invalid_request(description="The request body must be a JSON object.")
        return Members(content=content)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method at one path of Partner Center or Graph, with what it asks of its caller."""

    method: str
    path: str
    handler: Callable[[Call], Answer]
    user_only: bool = False


def link(*, uri: str) -> Json:
    """A link as Partner Center writes it."""
    return {"uri": uri, "method": "GET", "headers": []}


def collection(*, items: list[Json]) -> Json:
    """A whole collection without links."""
    return {"totalCount": len(items), "items": items, "attributes": {"objectType": "Collection"}}
