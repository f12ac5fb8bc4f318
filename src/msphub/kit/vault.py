"""Secrets at rest: Fernet with rotation. The first key encrypts, every configured key decrypts."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Undecipherable(Exception):
    """A stored secret was encrypted with a key that is no longer configured."""


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(value: str) -> str:
    """Encrypt a text under the newest key; the result is ASCII."""
    return _box(tuple(settings.ENCRYPTION_KEYS)).encrypt(value.encode()).decode()


def decrypt(token: str) -> str:
    """Decrypt what `encrypt` made under any configured key, or raise `Undecipherable`."""
    try:
        return _box(tuple(settings.ENCRYPTION_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken as error:
        raise Undecipherable("A stored secret needs an encryption key that is not configured any more.") from error


def renew(token: str) -> str | None:
    """Return what `token` holds under the newest key; None when it is under that key already.

    Raises `Undecipherable` when no configured key opens it.
    """
    keys = tuple(settings.ENCRYPTION_KEYS)
    if opens(token, keys=keys[:1]):
        return None
    try:
        return _box(keys).rotate(token.encode()).decode()
    except InvalidToken as error:
        raise Undecipherable("A stored secret needs an encryption key that is not configured any more.") from error


def opens(token: str, *, keys: Sequence[str]) -> bool:
    """Whether one of the keys decrypts what `encrypt` made."""
    if not keys:
        return False
    try:
        _box(tuple(keys)).decrypt(token.encode())
    except InvalidToken:
        return False
    return True


def encrypt_json(value: Any) -> str:
    """Encrypt a JSON value."""
    return encrypt(json.dumps(value))


def decrypt_json(token: str) -> Any:
    """Decrypt a JSON value."""
    return json.loads(decrypt(token))
