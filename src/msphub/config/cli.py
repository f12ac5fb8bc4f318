"""The `msphub` command."""

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click
import psycopg
from cryptography.fernet import Fernet

from msphub.config import migrate as migrating
from msphub.config.embedded import EmbeddedPostgresError
from msphub.config.env import NotConfigured, environment

P = ParamSpec("P")
R = TypeVar("R")


def _refusals_as_sentences(command: Callable[P, R]) -> Callable[P, R]:
    """Show what the operator can mend as sentences, without a stack trace, and exit with 2."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (NotConfigured, EmbeddedPostgresError) as refusal:
            click.echo(str(refusal), err=True)
        except psycopg.OperationalError as error:
            click.echo(f"PostgreSQL can't be reached: {str(error).strip()}", err=True)
        sys.exit(2)

    return guarded


@click.group()
def main() -> None:
    """MSP Hub: customers, orders and billing for Microsoft CSP partners."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "msphub.config.settings")


@main.command()
@click.option("--static/--no-static", default=True, help="Collect static files too.")
@_refusals_as_sentences
def migrate(*, static: bool) -> None:
    """Bring the database (as DATABASE_OWNER_URL), rights and static files up to date."""
    application_url = environment().database_url
    migrating.owner_settings()
    migrating.migrate_database(application_url=application_url)
    if static:
        migrating.collect_static()


@main.command("new-key")
def new_key() -> None:
    """Print a fresh key for MSPHUB_ENCRYPTION_KEYS."""
    click.echo(Fernet.generate_key().decode())


if __name__ == "__main__":
    main()
