"""Who a browser's session belongs to, read by plain statements.

Every request asks for these two rows. Building the ORM's query and object for each cost a page more than the rest of
its database work (benchmarks/README.md).
"""

import uuid
from typing import Any

from allauth.account.auth_backends import AuthenticationBackend as BaseBackend
from django.contrib.sessions.backends import db
from django.db import connection
from django.utils import timezone

from msphub.accounts.models import Login
from msphub.kit import prepared

_SESSION = "SELECT session_data FROM django_session WHERE session_key = %s AND expire_date > %s"
_FIELDS = [field.attname for field in Login._meta.concrete_fields]  # noqa: SLF001 - Django's documented model API
_LOGIN = f"SELECT {', '.join(f'"{name}"' for name in _FIELDS)} FROM accounts_login WHERE id = %s"  # noqa: S608 - names of fields


class SessionStore(db.SessionStore):
    """Django's sessions in the database."""

    def load(self) -> dict[str, Any]:
        """Return what the session holds; nothing, and no key, when there is none or it has expired."""
        with prepared.cursor() as cursor:
            cursor.execute(_SESSION, [self.session_key, timezone.now()])
            row = cursor.fetchone()
        if row is None:
            self._session_key = None
            return {}
        held: dict[str, Any] = self.decode(row[0])
        return held


class AuthenticationBackend(BaseBackend):  # type: ignore[misc]  # allauth is untyped
    """The sign-in library's, which says whom a session belongs to."""

    def get_user(self, user_id: uuid.UUID) -> Login | None:
        """Return the login, None when it is gone or may not sign in."""
        with prepared.cursor() as cursor:
            cursor.execute(_LOGIN, [user_id])
            row = cursor.fetchone()
        if row is None:
            return None
        login = Login.from_db(connection.alias, _FIELDS, row)
        return login if self.user_can_authenticate(login) else None
