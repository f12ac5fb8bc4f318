"""Settings for tools that read models and touch no database, such as `makemigrations --check`."""

from tests.settings import *  # noqa: F403

DATABASES = {"default": {"ENGINE": "django.db.backends.dummy"}}
