"""Numbers over all partners, for monitoring."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from msphub.notifications.choices import MailState


@dataclass(frozen=True, kw_only=True)
class MailFigure:
    """How many mails are in a state, and when the oldest of them was written."""

    state: str
    mails: int
    oldest: datetime.datetime | None


def mails(*, since: datetime.datetime, most: int) -> list[MailFigure]:
    """Return a figure for each state: waiting mails of any age, others written after `since`.

    Counts end at `most`. Needs no scope (a function of the owner's).
    """
    waiting = [str(MailState.QUEUED)]
    others = [str(state) for state in MailState if state != MailState.QUEUED]
    long_ago = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return [*_counts(waiting, since=long_ago, most=most), *_counts(others, since=since, most=most)]


def _counts(states: Sequence[str], *, since: datetime.datetime, most: int) -> list[MailFigure]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, mails, oldest FROM notifications_mail_counts(%s, %s, %s)", [list(states), since, most]
        )
        return [MailFigure(state=row[0], mails=row[1], oldest=row[2]) for row in cursor.fetchall()]
