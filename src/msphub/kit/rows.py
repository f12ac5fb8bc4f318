"""Rows of several tables inserted as one statement, where one after the other would cost a round trip each."""

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
def _shape(model: type[Model]) -> tuple[str, list[Any]]:
    fields = [field for field in model._meta.local_concrete_fields if not field.generated]  # noqa: SLF001
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    return f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ", fields  # noqa: SLF001, S608
