"""Jobs: deferred with the rows, taken up after a killed worker, and a worker that outlives its database."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app as jobs
from procrastinate.contrib.django.models import ProcrastinateJob

from msphub.config import worker

Connection = psycopg.Connection[Any]


class OnPurposeError(Exception):
    """A job that fails on purpose."""


@pytest.fixture
def add_task() -> Iterator[Callable[..., Any]]:
    """Add tasks for one test only."""
    names = []

    def add(function: Callable[..., Any], **options: Any) -> Any:
        task = jobs.task(name=f"tests.{function.__name__}", **options)(function)
        names.append(task.name)
        return task

    yield add
    for name in names:
        del jobs.tasks[name]


def statuses() -> dict[str, str]:
    return dict(ProcrastinateJob.objects.values_list("task_name", "status"))


def test_jobs_run_with_django_as_the_application_role(
    run_jobs: Callable[[], None], add_task: Callable[..., Any]
) -> None:
    seen = []

    def note(word: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            seen.append((word, cursor.fetchone()[0]))

    add_task(note).defer(word="hello")
    run_jobs()
    assert seen == [("hello", "msphub_app")]
    assert statuses() == {"tests.note": "succeeded"}


def test_what_a_job_defers_is_committed_with_its_rows_and_gone_with_them(
    run_jobs: Callable[[], None], add_task: Callable[..., Any]
) -> None:
    ran = []
    follow_up = add_task(lambda_named("follow_up", lambda: ran.append("follow-up")))

    def writes_and_fails() -> None:
        with transaction.atomic():
            Session.objects.create(session_key="lost", session_data="", expire_date=timezone.now())
            follow_up.defer()
            raise OnPurposeError

    def writes() -> None:
        with transaction.atomic():
            Session.objects.create(session_key="kept", session_data="", expire_date=timezone.now())
            follow_up.defer()

    add_task(writes_and_fails).defer()
    run_jobs()
    assert ran == []
    assert not Session.objects.exists()

    add_task(writes).defer()
    run_jobs()
    assert ran == ["follow-up"]
    assert Session.objects.filter(session_key="kept").exists()


def lambda_named(name: str, function: Callable[[], Any]) -> Callable[[], Any]:
    def named() -> None:
        function()

    named.__name__ = name
    return named


def stall(owner: Connection, job_id: int, *, seconds: int) -> None:
    """Make a job look as a killed worker leaves it: `doing`, its worker's last sign of life `seconds` ago."""
    owner.execute(
        "WITH dead AS (INSERT INTO procrastinate_workers (last_heartbeat) "
        "VALUES (now() - make_interval(secs => %s)) RETURNING id) "
        "UPDATE procrastinate_jobs job SET status = 'doing', worker_id = dead.id FROM dead WHERE job.id = %s",
        [seconds, job_id],
    )


def take_over() -> list[int]:
    async def once() -> list[int]:
        with jobs.replace_connector(worker.WorkerConnector()) as app:
            async with app.open_async():
                return await worker.take_over_stalled_jobs(app)

    taken: list[int] = []
    thread = threading.Thread(target=lambda: taken.extend(asyncio.run(once())))
    thread.start()
    thread.join()
    return taken


def test_job_of_a_killed_worker_is_taken_up_once(
    run_jobs: Callable[[], None], add_task: Callable[..., Any], owner_connection: Connection
) -> None:
    ran = []
    job_id = add_task(lambda_named("stalled", lambda: ran.append(1)), lock="tests").defer()
    stall(owner_connection, job_id, seconds=60)
    assert take_over() == [job_id]
    assert take_over() == []
    run_jobs()
    assert ran == [1]


def test_job_of_a_living_worker_is_left_to_it(
    add_task: Callable[..., Any], owner_connection: Connection, transactional_db: None
) -> None:
    job_id = add_task(lambda_named("running", lambda: None)).defer()
    stall(owner_connection, job_id, seconds=2)
    assert take_over() == []
    assert statuses() == {"tests.running": "doing"}


def test_stalled_job_whose_double_waits_lets_go(
    add_task: Callable[..., Any], owner_connection: Connection, transactional_db: None
) -> None:
    task = add_task(lambda_named("doubled", lambda: None), queueing_lock="one")
    stalled = task.defer()
    stall(owner_connection, stalled, seconds=60)
    task.defer()
    assert take_over() == []
    assert sorted(ProcrastinateJob.objects.values_list("status", flat=True)) == ["aborted", "todo"]


def test_job_that_wants_to_come_back_gives_way_to_its_waiting_double(
    run_jobs: Callable[[], None], add_task: Callable[..., Any]
) -> None:
    ran = []

    def follow() -> None:
        ran.append(len(ran))
        if len(ran) == 1:
            again.defer()  # as the periodic job does while this one still asks Microsoft
            raise OnPurposeError

    again = add_task(follow, queueing_lock="follow", lock="account", retry=True)
    behind = add_task(lambda_named("behind", lambda: ran.append("behind")), lock="account")
    first = again.defer()
    behind.defer()
    run_jobs()
    assert ran == [0, "behind", 2]
    assert ProcrastinateJob.objects.get(id=first).status == "aborted"
    assert sorted(ProcrastinateJob.objects.values_list("status", flat=True)) == ["aborted", "succeeded", "succeeded"]
