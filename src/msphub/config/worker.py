"""The worker: runs jobs, outlives a database that is away, and takes up what a killed worker left behind."""

import asyncio
import contextlib
import datetime
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import psycopg_pool
import structlog
from django.db.models import Q, functions
from procrastinate import App
from procrastinate.connector import BaseConnector
from procrastinate.contrib.django import app as jobs
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException, UniqueViolation
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from procrastinate.periodic import PeriodicRegistry
from procrastinate.psycopg_connector import PsycopgConnector

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 3.0
STALLED_AFTER_SECONDS = 15.0
UPKEEP_SECONDS = 5.0
KEEP_DONE_HOURS = 3 * 24
KEEP_FAILED_HOURS = 60 * 24
LONGEST_PAUSE_SECONDS = 10.0
_DELETE_EVERY_SECONDS = 3600.0

_STALLED = """
    SELECT job.id, job.queueing_lock
    FROM procrastinate_jobs job LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
    WHERE job.status = 'doing'
      AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => %(seconds)s))
    FOR UPDATE OF job SKIP LOCKED
"""
# Another job with the same queueing lock waits already and will do the work; the stalled one must only let go.
_GIVE_UP_DOUBLES = f"""
WITH stalled AS MATERIALIZED ({_STALLED})
SELECT stalled.id, procrastinate_finish_job_v1(stalled.id, 'aborted', false) FROM stalled
WHERE EXISTS (SELECT FROM procrastinate_jobs other
              WHERE other.status = 'todo' AND other.queueing_lock = stalled.queueing_lock)
"""  # noqa: S608 - constants
_TAKE_OVER = f"""
WITH stalled AS MATERIALIZED ({_STALLED}),
     first AS (SELECT min(id) AS id FROM stalled GROUP BY coalesce(queueing_lock, id::text))
SELECT id, procrastinate_retry_job_v2(id, now(), NULL, NULL, NULL) FROM first
"""  # noqa: S608 - constants


class WorkerConnector(PsycopgConnector):
    """The worker's own asynchronous connections.

    What a job defers goes through Django's connection instead, and so is committed with the rows the job wrote.
    Procrastinate's connector for workers would put it into the queue at once, before or without that commit.
    """

    def __init__(self) -> None:
        super().__init__(kwargs=connector_params(), min_size=1, max_size=5, timeout=10.0)
        self._for_jobs = DjangoConnector()

    def get_sync_connector(self) -> BaseConnector:
        """Return Django's connection of the calling thread."""
        return self._for_jobs


class _Manager(JobManager):
    """Procrastinate's, for which a job that wants to come back and whose double waits already is no failure."""

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime.datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Put a job back into the queue, unless another with its queueing lock is there: that one does the work.

        Procrastinate lets the queue's unique key end the whole worker instead, and leaves the job in `doing`.
        """
        try:
            await super().retry_job(job, retry_at=retry_at, priority=priority, queue=queue, lock=lock)
        except UniqueViolation as violation:
            if violation.queueing_lock is None:
                raise
            await self.finish_job(job, status=Status.ABORTED, delete_job=False)


@contextlib.contextmanager
def _app() -> Iterator[App]:
    """Give the app as a worker needs it, until the block ends."""
    with jobs.replace_connector(WorkerConnector()) as app:
        former, app.job_manager = app.job_manager, _Manager(app.connector)
        try:
            yield app
        finally:
            app.job_manager = former


def run_due_jobs(*, concurrency: int = 4) -> None:
    """Run all jobs that are due, and those they defer, until none is left; for tests and for seeding.

    Periodic jobs aren't added to them.
    """
    due = ProcrastinateJob.objects.filter(status="todo").filter(
        Q(scheduled_at__isnull=True) | Q(scheduled_at__lte=functions.Now())
    )
    while due.exists():
        with _app() as app:
            periodic, app.periodic_registry = app.periodic_registry, PeriodicRegistry()  # type: ignore[no-untyped-call]
            try:
                # In a thread of its own: the caller may be inside an event loop, as tests with Playwright are.
                with ThreadPoolExecutor(max_workers=1) as thread:
                    thread.submit(
                        app.run_worker,
                        wait=False,
                        install_signal_handlers=False,
                        listen_notify=False,
                        concurrency=concurrency,
                    ).result()
            finally:
                app.periodic_registry = periodic


def run(*, concurrency: int, grace_seconds: float) -> None:
    """Run jobs until SIGTERM or SIGINT, then finish the running ones within `grace_seconds`.

    A job still running after that is left to the next worker, which finds it stalled.
    """
    asyncio.run(_run(concurrency=concurrency, grace_seconds=grace_seconds))


async def _run(*, concurrency: int, grace_seconds: float) -> None:
    stopping = asyncio.Event()

    def stop() -> None:
        # A job that hangs in a thread can't be interrupted: it must not keep the process.
        last_resort = threading.Timer(grace_seconds + 1, os._exit, args=[0])
        last_resort.daemon = True
        last_resort.start()
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop)

    pause = 0.5
    while not stopping.is_set():
        began = time.monotonic()
        try:
            await _work(stopping, concurrency=concurrency, grace_seconds=grace_seconds)
        except (ConnectorException, psycopg.Error, psycopg_pool.PoolTimeout, OSError) as error:
            log.warning("worker_lost_the_database", error=str(error), next_try_in_seconds=pause)
        if stopping.is_set():
            break
        pause = 0.5 if time.monotonic() - began > 30 else min(pause * 2, LONGEST_PAUSE_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause)


async def _work(stopping: asyncio.Event, *, concurrency: int, grace_seconds: float) -> None:
    """Work until told to stop or until the database is gone."""
    with _app() as app:
        async with app.open_async():
            tasks: set[asyncio.Task[Any]] = {
                asyncio.create_task(
                    app.run_worker_async(
                        concurrency=concurrency,
                        shutdown_graceful_timeout=grace_seconds,
                        update_heartbeat_interval=HEARTBEAT_SECONDS,
                        stalled_worker_timeout=STALLED_AFTER_SECONDS,
                        install_signal_handlers=False,
                    ),
                    name="worker",
                ),
                asyncio.create_task(_upkeep(app), name="upkeep"),
            }
            stop = asyncio.create_task(stopping.wait())
            done, running = await asyncio.wait({*tasks, stop}, return_when=asyncio.FIRST_COMPLETED)
            for task in running:
                task.cancel()  # the worker takes this as: finish what runs, then end
            results = await asyncio.gather(*running, return_exceptions=True)
            failed = [task.exception() for task in done if task is not stop]
            for error in [*failed, *results]:
                if isinstance(error, Exception) and not isinstance(error, asyncio.CancelledError):
                    raise error


async def _upkeep(app: App) -> None:
    """Look after the queue beside the jobs, so that it happens also while every slot is taken."""
    deleted_at = 0.0
    while True:
        await take_over_stalled_jobs(app, seconds=STALLED_AFTER_SECONDS)
        if time.monotonic() - deleted_at > _DELETE_EVERY_SECONDS:
            await app.job_manager.delete_old_jobs(nb_hours=KEEP_DONE_HOURS)
            await app.job_manager.delete_old_jobs(
                nb_hours=KEEP_FAILED_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
            )
            deleted_at = time.monotonic()
        await asyncio.sleep(UPKEEP_SECONDS)


async def take_over_stalled_jobs(app: App, *, seconds: float = STALLED_AFTER_SECONDS) -> list[int]:
    """Put jobs back into the queue whose worker has sent no sign of life for `seconds`; return their ids.

    Procrastinate leaves them in `doing` for ever, and their lock keeps back every later job with the same one.
    Several workers may do this at once: each stalled job is taken by one.
    """
    connector = app.connector
    given_up = await connector.execute_query_all_async(_GIVE_UP_DOUBLES, seconds=seconds)
    taken = await connector.execute_query_all_async(_TAKE_OVER, seconds=seconds)
    await app.job_manager.prune_stalled_workers(seconds)
    if given_up or taken:
        log.warning(
            "stalled_jobs_taken_over", jobs=[row["id"] for row in taken], given_up=[row["id"] for row in given_up]
        )
    return [row["id"] for row in taken]
