"""The fixed list of permissions. Each domain declares its own in `permissions.py`; roles are sets of them."""

import dataclasses
from collections.abc import Iterable

from msphub.kit.errors import Text


@dataclasses.dataclass(frozen=True, slots=True)
class Permission:
    """One thing a role may allow, with a sentence for the people who edit roles and its built-in roles."""

    name: str
    sentence: Text
    roles: frozenset[str]


_registry: dict[str, Permission] = {}


def declare(name: str, sentence: Text, *, roles: Iterable[str]) -> str:
    """Register a permission and return its name. `roles` are the built-in roles that hold it."""
    _registry[name] = Permission(name, sentence, frozenset(roles))
    return name


def all_permissions() -> tuple[Permission, ...]:
    """Return every declared permission, by name."""
    return tuple(_registry[name] for name in sorted(_registry))


def of_role(role: str) -> frozenset[str]:
    """Return the names of the permissions that a built-in role holds; none for a role that does not exist."""
    return frozenset(permission.name for permission in _registry.values() if role in permission.roles)
