"""Rotation of the encryption keys, and the proof that stored secrets can be read (`settings.ENCRYPTED_COLUMNS`)."""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import psycopg
from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from psycopg import sql

from msphub.accounts import queries as accounts
from msphub.kit import scope, vault

BATCH = 500


@dataclass(kw_only=True)
class Rotated:
    """What a rotation found in one column."""

    renewed: int = 0
    current: int = 0
    unreadable: int = 0


def fingerprint(key: str) -> str:
    """Return what tells keys apart without giving anything of them away."""
    return sha256(key.encode()).hexdigest()[:12]


def rotate(*, batch: int = BATCH) -> dict[str, Rotated]:
    """Encrypt every stored secret under the newest key; return what happened in each column, by `table.column`.

    Partner by partner in its scope, in transactions of `batch` rows. What is under the newest key already stays as it
    is, so it may be repeated and run beside the portal. What no configured key opens is left alone and counted.
    """
    found = {f"{table}.{column}": Rotated() for table, column in encrypted_columns()}
    by_table: dict[str, type[models.Model]] = {
        model._meta.db_table: model  # noqa: SLF001 - Django's public interface, in spite of its name
        for model in apps.get_models()
    }
    for partner_id in accounts.partner_ids():
        with scope.scope(partner_id=partner_id):
            for table, column in encrypted_columns():
                _rotate(
                    by_table[table],
                    column=column,
                    partner_id=partner_id,
                    batch=batch,
                    into=found[f"{table}.{column}"],
                )
    return found


def _rotate(model: type[models.Model], *, column: str, partner_id: uuid.UUID, batch: int, into: Rotated) -> None:
    of_partner: models.QuerySet[models.Model] = models.QuerySet(model).filter(partner_id=partner_id)
    rows = of_partner.exclude(**{column: ""}).order_by("pk")
    last: uuid.UUID | None = None
    while True:
        with transaction.atomic():
            following = rows if last is None else rows.filter(pk__gt=last)
            tokens = list(following.select_for_update().values_list("pk", column)[:batch])
            for key, token in tokens:
                try:
                    renewed = vault.renew(token)
                except vault.Undecipherable:
                    into.unreadable += 1
                    continue
                if renewed is None:
                    into.current += 1
                else:
                    of_partner.filter(pk=key).update(**{column: renewed})
                    into.renewed += 1
        if len(tokens) < batch:
            return
        last = tokens[-1][0]


def unreadable(connection: psycopg.Connection[Any], *, encryption_keys: Sequence[str]) -> dict[str, int]:
    """Return how many stored secrets none of the keys opens, by `table.column`; as a role that sees every row."""
    lost: Counter[str] = Counter()
    with connection.transaction():
        for table, column in encrypted_columns():
            statement = sql.SQL("SELECT {column} FROM {table} WHERE {column} <> ''").format(
                column=sql.Identifier(column), table=sql.Identifier(table)
            )
            with connection.cursor(name="secrets") as cursor:
                cursor.execute(statement)
                for (token,) in cursor:
                    if not vault.opens(token, keys=encryption_keys):
                        lost[f"{table}.{column}"] += 1
    return dict(lost)


def encrypted_columns() -> list[tuple[str, str]]:
    """Return every (table, column) that holds what the vault encrypted."""
    declared: dict[str, list[str]] = settings.ENCRYPTED_COLUMNS
    return [(table, column) for table, columns in declared.items() for column in columns]
