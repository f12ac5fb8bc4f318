"""The tenant scope of a database connection, which row-level security reads.

It is set on the session (not the transaction), so that streaming answers keep it, and taken off by the pool when the
connection goes back (config/database.py). With no scope set, no tenant's row is visible.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

_SET = "SELECT set_config('msphub.partner', %s, false), set_config('msphub.customer', %s, false)"
_GET = "SELECT current_setting('msphub.partner', true), current_setting('msphub.customer', true)"


def enter(*, partner_id: uuid.UUID | None, customer_id: uuid.UUID | None = None) -> None:
    """Put the connection into a tenant's scope until it goes back to the pool. Not inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_SET, [str(partner_id or ""), str(customer_id or "")])


@contextmanager
def scope(*, partner_id: uuid.UUID, customer_id: uuid.UUID | None = None) -> Iterator[None]:
    """Run a block in a tenant's scope and return to the former one after it. Not inside a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(_GET)
        former = cursor.fetchone()
        cursor.execute(_SET, [str(partner_id), str(customer_id or "")])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(_SET, [former[0] or "", former[1] or ""])
