"""Whether this process lives, and whether it can do its work."""

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse


def healthz(_request: HttpRequest) -> HttpResponse:
    """Answer as long as the process lives."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(_request: HttpRequest) -> HttpResponse:
    """Answer 200 when database, migrations and queue are fit for work, 503 with what is not."""
    parts = {"database": False, "migrations": False, "queue": False}
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            parts["database"] = True
            parts["migrations"] = _is_migrated()
            cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE false")
            parts["queue"] = True
    except DatabaseError:
        pass
    ready = all(parts.values())
    return JsonResponse({"ready": ready, **parts}, status=200 if ready else 503)


def _is_migrated() -> bool:
    """Migrations only ever get applied while we run: once complete, it stays true for this process."""
    if _state["migrated"]:
        return True
    executor = MigrationExecutor(connection)
    _state["migrated"] = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return _state["migrated"]


_state = {"migrated": False}
