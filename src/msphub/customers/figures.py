"""Numbers over all partners, for monitoring."""

import datetime
from dataclasses import dataclass

from django.db import connection

from msphub.customers.choices import AccountState

OPEN_STATES = (AccountState.CREATING, AccountState.WAITING, AccountState.FAILED)


@dataclass(frozen=True, kw_only=True)
class AccountFigure:
    """How many CSP accounts are in a state, and when the oldest of them was made."""

    state: str
    accounts: int
    oldest: datetime.datetime | None


def open_accounts(*, most: int) -> list[AccountFigure]:
    """Return a figure for each state but *linked*; counts end at `most`. Needs no scope (a function of the owner's)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, accounts, oldest FROM customers_open_accounts(%s, %s)",
            [[str(state) for state in OPEN_STATES], most],
        )
        return [AccountFigure(state=row[0], accounts=row[1], oldest=row[2]) for row in cursor.fetchall()]
