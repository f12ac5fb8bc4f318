"""When a mail is tried again, and when it is given up."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.db import OperationalError
from procrastinate.jobs import Job

from msphub.notifications import actions
from msphub.notifications.tasks import UntilTaken


def decided(exception: BaseException, *, attempts: int) -> Any:
    job = cast("Job", SimpleNamespace(attempts=attempts))
    return UntilTaken().get_retry_decision(exception=exception, job=job)


@pytest.mark.parametrize("attempts", [0, 8, 200])
def test_a_database_that_dies_uses_up_no_try(attempts: int) -> None:
    assert decided(OperationalError("gone"), attempts=attempts) is not None
    assert decided(actions.NotDelivered("no", tries=1), attempts=attempts) is not None


def test_a_mail_refused_eight_times_is_given_up() -> None:
    assert decided(actions.NotDelivered("no", tries=7), attempts=7) is not None
    assert decided(actions.NotDelivered("no", tries=8), attempts=8) is None
