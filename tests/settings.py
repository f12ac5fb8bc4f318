"""Django's settings in tests: the real ones, with throw-away secrets. The database is set by `tests/database.py`."""

import os

_TEST_ENVIRONMENT = {
    "MSPHUB_MODE": "test",
    "MSPHUB_SECRET_KEY": "only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz",
    "MSPHUB_ENCRYPTION_KEYS": "dGVzdHMtb25seS10ZXN0cy1vbmx5LXRlc3RzLW9ubHk=",
    "MSPHUB_BASE_URL": "http://localhost:8000",
    "MSPHUB_LOG_LEVEL": "WARNING",
    "MSPHUB_LOG_FORMAT": "console",
    "DATABASE_POOL_SIZE": "20",
    "DJANGO_ALLOW_ASYNC_UNSAFE": "true",  # Playwright keeps an event loop in the main thread
}
for _name in [name for name in os.environ if name.startswith(("MSPHUB_", "DATABASE_"))]:
    if not _name.startswith("MSPHUB_TEST_"):
        del os.environ[_name]
os.environ.update(_TEST_ENVIRONMENT)

from msphub.config.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
