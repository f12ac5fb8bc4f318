"""Statements that the server plans once for each connection: the few that every page makes.

Row-level security makes planning dearer than running: of the 1.6 ms that the statements of a grid page take, planning
is 1.0. Only for statements whose best plan doesn't depend on the values: a plan made for a frequent value would be kept
for a rare one. What a tenant sees is decided when the statement runs, so one plan serves all tenants.
"""

from typing import Any, Self

import psycopg
from django.db import connection
from django.db.backends.utils import CursorWrapper


class _Prepared(psycopg.Cursor[Any]):
    """Sends a statement with its values apart, and lets the server keep it."""

    def execute(
        self, query: Any, params: Any = None, *, prepare: bool | None = True, binary: bool | None = None
    ) -> Self:
        return super().execute(query, params, prepare=prepare, binary=binary)


def cursor() -> CursorWrapper:
    """Return a cursor as `connection.cursor()` does; each parameter must have its column's type."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    wrap = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    return wrap(_Prepared(connection.connection))  # type: ignore[arg-type]  # the stubs take it for wrapped already
