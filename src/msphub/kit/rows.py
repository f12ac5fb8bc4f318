"""Rows of several tables inserted, or read, as one statement that the server plans once a connection."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any

from django.db import connection
from django.db.models import Model

from msphub.kit import prepared


def insert_together(*rows: Model) -> None:
    """Insert new rows as one statement; those of one table must follow one another.

    Their keys are made beforehand, and references between them are checked at the end of the transaction (deferred)
    or of the statement. What a database error means is left to the caller.
    """
    parts, values = [], []
    for model, group in groupby(rows, key=type):
        head, fields = _shape(model)
        lines = 0
        for row in group:
            lines += 1
            values += [field.get_db_prep_save(field.pre_save(row, True), connection) for field in fields]
        parts.append(head + ", ".join([f"({', '.join(['%s'] * len(fields))})"] * lines))
    *first, last = parts
    if first:
        last = f"WITH {', '.join(f's{number} AS ({part})' for number, part in enumerate(first))} {last}"
    with prepared.cursor() as cursor:
        cursor.execute(last, values)
    for row in rows:
        row._state.adding = False  # noqa: SLF001 - as Django's own bulk_create marks them
        row._state.db = connection.alias  # noqa: SLF001


@lru_cache(maxsize=128)
def columns(model: type[Model], alias: str) -> str:
    """Return a model's columns for a SELECT, in the order that `built` reads them."""
    return ", ".join(f'{alias}."{field.column}"' for field in _fields(model))


def built[M: Model](model: type[M], values: Sequence[Any]) -> M:
    """Return a model's object of the values that were read of its columns."""
    return model.from_db(connection.alias, [field.attname for field in _fields(model)], values)


def built_apart(values: Sequence[Any], *models: type[Model]) -> list[Any]:
    """Return objects of several models whose columns were read side by side; None where a join found nothing."""
    found, start = [], 0
    for model in models:
        end = start + len(_fields(model))
        own = values[start:end]
        found.append(None if all(value is None for value in own) else built(model, own))
        start = end
    return found


@lru_cache(maxsize=128)
def _fields(model: type[Model]) -> list[Any]:
    fields = list(model._meta.concrete_fields)  # noqa: SLF001 - Django's documented model API
    if converted := [field.name for field in fields if hasattr(field, "from_db_value")]:
        raise TypeError(f"{model.__name__}: {', '.join(converted)} would be read as the driver gives it")
    return fields


@lru_cache(maxsize=128)
def _shape(model: type[Model]) -> tuple[str, list[Any]]:
    fields = [field for field in model._meta.local_concrete_fields if not field.generated]  # noqa: SLF001
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    return f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ", fields  # noqa: SLF001, S608
