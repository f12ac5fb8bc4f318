"""How Django reaches PostgreSQL: a pool that gives back connections without any tenant in scope."""

import atexit
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.db import connections
from psycopg import Connection

RESET_SCOPE = "SELECT set_config('msphub.partner', '', false), set_config('msphub.customer', '', false)"


def reset_scope(connection: Connection[Any]) -> None:
    """Take the tenant off a connection on its way back to the pool; a failure discards the connection."""
    connection.execute(RESET_SCOPE)


@atexit.register
def close_pools() -> None:
    """Close the pools of this process at its end; their threads would be waited for in vain for 15 seconds."""
    for wrapper in connections.all(initialized_only=True):
        if hasattr(wrapper, "close_pool"):
            wrapper.close_pool()


def url_parts(url: str) -> dict[str, str]:
    """Split a PostgreSQL URL into host, port, user, password, name; `?host=` names a socket's directory."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    return {
        "host": query.get("host") or parts.hostname or "",
        "port": str(parts.port or query.get("port") or ""),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "name": unquote(parts.path.lstrip("/")),
    }


def django_database(*, url: str, pool_size: int, application_name: str = "msphub") -> dict[str, Any]:
    """Return Django's settings of one database. An empty `url` gives settings that no connection can be made with."""
    parts = url_parts(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": parts["host"],
        "PORT": parts["port"],
        "USER": parts["user"],
        "PASSWORD": parts["password"],
        "NAME": parts["name"] or "msphub",
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "pool": {"min_size": 1, "max_size": pool_size, "timeout": 10, "reset": reset_scope},
            "application_name": application_name,
            # For kit/prepared.py; Django's own statements carry their values and are never prepared.
            "prepare_threshold": 5,
            "options": "-c statement_timeout=60000 -c idle_in_transaction_session_timeout=60000 -c timezone=UTC",
        },
    }
