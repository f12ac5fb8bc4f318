"""Settings for tools that read models and touch no database, such as `makemigrations --check`."""

from tests.settings import *  # noqa: F403

DATABASES = {"default": {"ENGINE": "django.db.backends.dummy"}}

# Offline there is no PostgreSQL to ask what it can do.
SILENCED_SYSTEM_CHECKS = ["models.W047"]
