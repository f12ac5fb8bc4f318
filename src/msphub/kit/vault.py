"""Secrets at rest: Fernet with rotation. The first key encrypts, every configured key decrypts."""

import json
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


def encrypt_json(value: Any) -> str:
    """Encrypt a JSON value."""
    return encrypt(json.dumps(value))


def decrypt_json(token: str) -> Any:
    """Decrypt a JSON value."""
    return json.loads(decrypt(token))
