"""The suite's own ground: emptied tables, kept reference rows, no way to the network."""

import socket

import pytest
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.utils import timezone
from tests import database


@pytest.mark.parametrize("_attempt", [1, 2])
def test_committed_rows_of_another_test_are_gone(transactional_db: None, _attempt: int) -> None:
    assert not Session.objects.exists()
    assert ContentType.objects.exists(), "what migrations filled stays"
    with transaction.atomic():
        Session.objects.create(session_key="committed", session_data="", expire_date=timezone.now())


def test_tables_behind_policies_are_emptied_too(
    transactional_db: None, owner_connection: object, test_database: database.Database
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("msphub_app",)
    database.empty_tables(test_database)


def test_connection_to_another_machine_is_refused() -> None:
    with socket.socket() as probe, pytest.raises(AssertionError, match="198"):
        probe.connect(("198.51.100.7", 443))
