"""The `msphub` command."""

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any

import click
import django
import psycopg
from cryptography.fernet import Fernet
from django.utils.module_loading import import_string

from msphub.config import calc, machine, processes
from msphub.config import demo as demos
from msphub.config.embedded import EmbeddedPostgres, write_private
from msphub.config.env import Mode, NotConfigured, as_markdown, encryption_keys, environment
from msphub.config.programs import EmbeddedPostgresError
from msphub.config.supervisor import Stopped, SupervisorError, claimed


def _refusals_as_sentences[**P, R](command: Callable[P, R]) -> Callable[P, R]:
    """Show what the operator can mend as sentences, without a stack trace, and exit with 2."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (NotConfigured, EmbeddedPostgresError, SupervisorError) as refusal:
            click.echo(str(refusal), err=True)
        except psycopg.OperationalError as error:
            click.echo(f"PostgreSQL can't be reached: {str(error).strip()}", err=True)
        except Stopped as stopped:
            click.echo(f"Stopped ({stopped}).", err=True)
            sys.exit(0)
        sys.exit(2)

    return guarded


@click.group()
def main() -> None:
    """MSP Hub: customers, orders and billing for Microsoft CSP partners."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "msphub.config.settings")
    if os.environ.get("MSPHUB_END_WITH_PARENT"):  # set by the Makefile: a killed make takes us along
        processes.end_with_parent(parent=os.getppid())


main.add_command(calc.calc)


# Running


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on.")
@click.option("--workers", default=2, show_default=True, help="Web processes; one a core is right.")
@_refusals_as_sentences
def serve(*, host: str, port: int, workers: int) -> None:
    """Serve the portal. Without DATABASE_URL: with the embedded PostgreSQL and a worker, all in one."""
    if not environment().database_url:
        machine.serve_alone(host=host, port=port, workers=workers, say=_say)
        return
    environment().require_safe()
    django.setup()
    _call("serve.serve", host=host, port=port, workers=workers)


@main.command()
@click.option("--concurrency", default=4, show_default=True, help="Jobs run side by side.")
@click.option("--grace", default=20, show_default=True, help="Seconds that running jobs get after SIGTERM.")
@_refusals_as_sentences
def worker(*, concurrency: int, grace: int) -> None:
    """Run jobs. Start as many workers as you like, on as many machines."""
    if not environment().database_url:
        raise NotConfigured(
            "A worker of its own needs DATABASE_URL. Without it `msphub serve` runs everything, a worker included."
        )
    environment().require_safe()
    django.setup()
    _call("serve.check_database")
    _call("worker.run", concurrency=concurrency, grace_seconds=grace)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port of the portal; all others are chosen free.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("var/demo"),
    show_default=True,
    help="Where the demo keeps its data.",
)
@click.option("--reset", is_flag=True, help="Start over with fresh data.")
@_refusals_as_sentences
def demo(*, host: str, port: int, data_dir: Path, reset: bool) -> None:
    """Run a whole MSP Hub with an emulated Microsoft and sample data. Ctrl-C ends it."""
    demos.run(host=host, port=port, data_dir=data_dir, reset=reset, say=_say)


# Setting up


@main.command()
@click.option("--static/--no-static", default=True, help="Collect static files too.")
@_refusals_as_sentences
def migrate(*, static: bool) -> None:
    """Bring the database (as DATABASE_OWNER_URL), rights and static files up to date."""
    with machine.database_at_hand():
        application_url = environment().database_url
        _call("migrate.owner_settings")
        _call("migrate.migrate_database", application_url=application_url)
        if static:
            _call("migrate.collect_static")


@main.command("collect-static", hidden=True)
@_refusals_as_sentences
def collect_static() -> None:
    """Collect the static files."""
    django.setup()
    _call("migrate.collect_static")


@main.group()
def partner() -> None:
    """Partners: the MSPs that work with this installation."""


@partner.command("create")
@click.option("--name", required=True, help="The partner's company name.")
@click.option("--owner-email", required=True, help="Sign-in address of its first user.")
@click.option("--owner-first-name", default="", help="First name of that user.")
@click.option("--owner-last-name", default="", help="Last name of that user.")
@click.option("--country", default="US", show_default=True, help="The partner's country, two letters.")
@_refusals_as_sentences
def partner_create(*, name: str, owner_email: str, owner_first_name: str, owner_last_name: str, country: str) -> None:
    """Create a partner and its owner, and print a one-time link with which the owner chooses a password."""
    environment().require_safe()
    with machine.database_at_hand():
        django.setup()
        _call("serve.check_database")
        refused = import_string("msphub.kit.errors.Refused")
        try:
            _, _, link = import_string("msphub.config.partners.create_partner")(
                name=name,
                owner_email=owner_email,
                owner_first_name=owner_first_name,
                owner_last_name=owner_last_name,
                country=country.upper(),
                at=datetime.now(tz=UTC),
            )
        except refused as refusal:
            raise click.ClickException(str(refusal)) from refusal
    click.echo(link)


@main.command()
@click.option("--partner", required=True, help="Name or id of the partner that gets them.")
@click.option("--customers", required=True, type=click.IntRange(1, 20_000_000), help="How many to add.")
@click.option("--yes", is_flag=True, help="Do it in production mode too; sample customers can't be taken away again.")
@_refusals_as_sentences
def seed(*, partner: str, customers: int, yes: bool) -> None:
    """Add plausible sample customers to a partner, for training and measurements. A second run adds further ones."""
    known = environment()
    known.require_safe()
    if known.msphub_mode is Mode.PRODUCTION and not yes:
        raise NotConfigured("This is a production installation. Add --yes if sample customers are meant to be in it.")
    with machine.database_at_hand():
        django.setup()
        _call("serve.check_database")
        refused = import_string("msphub.kit.errors.Refused")
        try:
            _call("partners.seed_customers", name_or_id=partner, count=customers, at=datetime.now(tz=UTC), say=_say)
        except refused as refusal:
            raise click.ClickException(str(refusal)) from refusal


@main.command("new-key")
def new_key() -> None:
    """Print a fresh key for MSPHUB_ENCRYPTION_KEYS."""
    click.echo(Fernet.generate_key().decode())


# Looking after the data


_data_dir = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the embedded database is; MSPHUB_DATA_DIR unless given.",
)


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_data_dir
@_refusals_as_sentences
def backup(*, file: Path, data_dir: Path | None) -> None:
    """Write the embedded database to FILE, while the portal runs or not. The encryption keys are not in it."""
    django.setup()
    _refuse_external(what="backup", data_dir=data_dir)
    directory = _directory(data_dir)
    _call("backup.backup", directory=directory, file=file, encryption_keys=encryption_keys(directory), say=_say)


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--yes", is_flag=True, help="Also in the place of a database with partners in it.")
@click.option("--without-secrets", is_flag=True, help="Also when the configured keys don't open all stored secrets.")
@_data_dir
@_refusals_as_sentences
def restore(*, file: Path, yes: bool, without_secrets: bool, data_dir: Path | None) -> None:
    """Put the contents of a backup in the place of the embedded database, all or nothing. Stop MSP Hub first."""
    django.setup()
    _refuse_external(what="restore", data_dir=data_dir)
    directory = _directory(data_dir)
    _call(
        "backup.restore",
        directory=directory,
        file=file,
        encryption_keys=encryption_keys(directory),
        replace=yes,
        without_secrets=without_secrets,
        say=_say,
    )


@main.command("upgrade-database")
@_data_dir
@_refusals_as_sentences
def upgrade_database(*, data_dir: Path | None) -> None:
    """Bring an embedded database that an older PostgreSQL made to the version of this release. Stop MSP Hub first."""
    django.setup()
    _call("upgrade.upgrade", directory=_directory(data_dir), say=_say)


@main.command("remove-former-database")
@_data_dir
@_refusals_as_sentences
def remove_former_database(*, data_dir: Path | None) -> None:
    """Delete the embedded database that a restore or an upgrade has put aside. Stop MSP Hub first."""
    directory = _directory(data_dir)
    with claimed(directory):
        removed = EmbeddedPostgres(directory / "postgres").remove_former()
    click.echo("\n".join(f"Deleted {place}" for place in removed) or "There is no former database.")


@main.group()
def audit() -> None:
    """The record of what happened, and its seals."""


@audit.command("verify")
@click.option("--partner", default="", help="Name or id of one partner; all otherwise.")
@click.option("--expect", multiple=True, help="Hash of a seal noted down earlier that must still be there.")
@_refusals_as_sentences
def audit_verify(*, partner: str, expect: tuple[str, ...]) -> None:
    """Seal what waits, check every seal, name what was changed, and print the newest hashes to be kept elsewhere."""
    environment().require_safe()
    with machine.database_at_hand():
        django.setup()
        _call("serve.check_database")
        refused = import_string("msphub.kit.errors.Refused")
        try:
            lines, problems = _call("seals.verify", partner=partner, expect=expect, at=datetime.now(tz=UTC))
        except refused as refusal:
            raise click.ClickException(str(refusal)) from refusal
    click.echo("\n".join(lines))
    if problems:
        click.echo("\n".join(problems), err=True)
        raise click.ClickException("The record was changed after it was sealed.")


@main.command("rotate-keys")
@_refusals_as_sentences
def rotate_keys() -> None:
    """Encrypt every stored secret anew under the first of MSPHUB_ENCRYPTION_KEYS; then the others can be dropped."""
    environment().require_safe()
    with machine.database_at_hand():
        django.setup()
        _call("serve.check_database")
        columns = _call("keys.rotate")
    for name, found in columns.items():
        click.echo(f"{name}: {found.renewed} renewed, {found.current} current, {found.unreadable} unreadable")
    if any(found.unreadable for found in columns.values()):
        raise click.ClickException("Some secrets need a key that is not configured; put it back as a later one.")
    click.echo("Every stored secret is under the first key; the others can be dropped.")


def _directory(data_dir: Path | None) -> Path:
    return (data_dir or environment().msphub_data_dir).absolute()


def _refuse_external(*, what: str, data_dir: Path | None) -> None:
    """Refuse where the operator has a PostgreSQL of their own, unless they name a directory with an embedded one."""
    if data_dir is None:
        _call("backup.refuse_external", database_url=environment().database_url, what=what)


@main.command("check-env")
@click.option("--markdown", is_flag=True, help="Print the documented table of all variables instead.")
@_refusals_as_sentences
def check_env(*, markdown: bool) -> None:
    """Check the environment as a production start would, and name what is missing."""
    if markdown:
        click.echo(as_markdown(), nl=False)
        return
    environment().require_safe()
    click.echo("The environment is complete.")


@main.command("demo-seed", hidden=True)
@click.option("--emulator-url", required=True)
@click.option("--data-dir", required=True, type=click.Path(path_type=Path))
@click.option("--users", required=True, type=click.Path(path_type=Path))
@_refusals_as_sentences
def demo_seed(*, emulator_url: str, data_dir: Path, users: Path) -> None:
    """Fill the demo's database and note its sign-ins."""
    django.setup()
    seeded = _call("seed.seed_demo", emulator_url=emulator_url, data_dir=data_dir)
    demos.require_users(seeded)
    write_private(users, json.dumps(seeded))


def _call(name: str, **arguments: Any) -> Any:
    """Call a function of this package whose module needs Django, which most commands shouldn't wait for."""
    return import_string(f"msphub.config.{name}")(**arguments)


def _say(text: str) -> None:
    click.echo(text)


if __name__ == "__main__":
    main()
