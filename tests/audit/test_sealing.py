"""Seals of the audit record: chained whatever the order of commits, and every kind of tampering is named."""

import csv
import datetime
import io
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.test import Client
from tests import database, factories

from msphub.accounts.models import Login
from msphub.audit import actions, sealing, tasks
from msphub.audit.models import Entry, Seal, SealedEntry, Unsealed, Verification
from msphub.customers import events
from msphub.kit import scope

LATER = factories.NOW + datetime.timedelta(hours=1)

type Owner = psycopg.Connection[Any]


@pytest.fixture
def world(transactional_db: None) -> factories.PartnerWorld:
    """A partner whose entries so far are sealed."""
    made = factories.make_partner()
    seal_all(made)
    return made


def seal_all(world: factories.PartnerWorld) -> int:
    made = 0
    while sealing.seal(partner_id=world.id, at=LATER) is not None:
        made += 1
    return made


def seal_at_once(world: factories.PartnerWorld) -> None:
    """Seal, but wait for nobody."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '200ms'")
        sealing.seal(partner_id=world.id, at=LATER)


def record(world: factories.PartnerWorld, label: str, *, at: datetime.datetime = factories.NOW) -> Entry:
    with transaction.atomic():
        return actions.record(
            by=world.actor,
            event=events.CUSTOMER_CREATED,
            at=at,
            object_type="customer",
            object_id=uuid.uuid4(),
            object_label=label,
            changes={"Name": (None, label)},
            details={"Größe": 3, "schön": True},
        )


def problems(world: factories.PartnerWorld) -> tuple[str, ...]:
    return sealing.verify(partner_id=world.id, at=LATER).problems


def tamper(owner: Owner, statement: str, *values: Any) -> None:
    """Do what only the owner of the tables could, who is held by row-level security, but may lift it."""
    owner.execute("ALTER TABLE audit_entry NO FORCE ROW LEVEL SECURITY")
    try:
        assert owner.execute(statement, values).rowcount == 1
    finally:
        owner.execute("ALTER TABLE audit_entry FORCE ROW LEVEL SECURITY")


def test_entries_are_sealed_in_batches_that_continue_each_other(world: factories.PartnerWorld) -> None:
    first = sealing.newest_seal(partner_id=world.id)
    assert first is not None
    for number in range(5):
        record(world, f"Customer {number}")
    made = [sealing.seal(partner_id=world.id, at=LATER, most=2) for _ in range(4)]
    assert [one.entries if one else None for one in made] == [2, 2, 1, None]
    chain = list(Seal.objects.order_by("number"))
    assert [one.number for one in chain] == list(range(1, len(chain) + 1))
    assert [one.previous_hash for one in chain] == [sealing.FIRST, *(one.hash for one in chain[:-1])]
    assert SealedEntry.objects.count() == Entry.objects.count()
    report = sealing.verify(partner_id=world.id, at=LATER)
    assert report.problems == ()
    assert (report.entries, report.seals, report.waiting) == (Entry.objects.count(), len(chain), 0)
    assert Verification.objects.get().problems == []


def test_transaction_that_commits_late_comes_under_a_later_seal(
    world: factories.PartnerWorld, application_connection: psycopg.Connection[Any]
) -> None:
    """The late one began first, with an earlier instant and a smaller id; sealing neither waits for it nor loses it."""
    late = application_connection
    copied = "INSERT INTO audit_entry SELECT %s, at - interval '1 hour', {} FROM audit_entry LIMIT 1".format(
        ", ".join(column for column in sealing._HASHED if column not in {"id", "at"})
    )
    late.execute("SELECT set_config('msphub.partner', %s, false)", [str(world.id)])
    smallest = uuid.UUID(int=1)
    with late.transaction():
        late.execute(copied, [smallest])
        record(world, "Committed first")
        assert seal_all(world) == 1
        assert not SealedEntry.objects.filter(id=smallest).exists()
        assert problems(world) == ()
    assert Unsealed.objects.get().id == smallest
    assert problems(world) == ()
    assert seal_all(world) == 1
    assert SealedEntry.objects.get(id=smallest).seal_number == 3
    assert problems(world) == ()


def test_transaction_that_is_rolled_back_leaves_nothing_to_seal(world: factories.PartnerWorld) -> None:
    with transaction.atomic():
        record(world, "Never")
        transaction.set_rollback(True)
    assert seal_all(world) == 0
    assert problems(world) == ()


def test_two_sealing_at_once_wait_for_each_other_and_writers_for_neither(
    world: factories.PartnerWorld, application_connection: psycopg.Connection[Any]
) -> None:
    other = application_connection
    with other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [sealing._LOCK, str(world.id)])
        record(world, "Written while another seals")
        with pytest.raises(OperationalError, match="lock timeout"):
            seal_at_once(world)
    assert seal_all(world) == 1
    assert problems(world) == ()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE audit_entry SET actor_name = 'Nobody' WHERE id = %s", "was changed: “customer.created Victim”"),
        ("UPDATE audit_entry SET at = at - interval '40 days' WHERE id = %s", "was changed"),
        ('UPDATE audit_entry SET changes = \'{"Name": [null, "X"]}\' WHERE id = %s', "was changed"),
        ("DELETE FROM audit_entry WHERE id = %s", "was removed"),
    ],
)
def test_tampered_entry_is_named(
    world: factories.PartnerWorld, owner_connection: Owner, statement: str, words: str
) -> None:
    entries = [record(world, name) for name in ("Before", "Victim", "After")]
    seal_all(world)
    assert problems(world) == ()
    tamper(owner_connection, statement, entries[1].id)
    found = problems(world)
    assert len(found) == 1
    assert str(entries[1].id) in found[0]
    assert words in found[0]


def test_entry_removed_before_its_seal_and_one_added_around_the_trigger_are_named(
    world: factories.PartnerWorld, owner_connection: Owner
) -> None:
    removed, added = record(world, "Removed"), record(world, "Added")
    tamper(owner_connection, "DELETE FROM audit_entry WHERE id = %s", removed.id)
    owner_connection.execute("DELETE FROM audit_unsealed WHERE id = %s", [added.id])
    seal_all(world)
    found = "\n".join(problems(world))
    assert f"{removed.id} of 2026-11-22T12:00:00+00:00 was removed before it was sealed" in found
    assert f"{added.id} of 2026-11-22T12:00:00+00:00 was added around the record" in found


def test_changed_hash_or_seal_breaks_the_chain(world: factories.PartnerWorld, owner_connection: Owner) -> None:
    victim = record(world, "Victim")
    seal_all(world)
    record(world, "After")
    seal_all(world)
    tamper(owner_connection, "UPDATE audit_entry SET actor_name = 'Nobody' WHERE id = %s", victim.id)
    changed = Entry.objects.get(id=victim.id)
    # Whoever changes the entry's hash to fit breaks the seal; whoever mends the seal too breaks the next one.
    owner_connection.execute(
        "UPDATE audit_sealedentry SET hash = %s WHERE id = %s", [sealing.entry_hash(changed), victim.id]
    )
    assert problems(world) == ("Seal 2 itself was changed.",)
    seal = Seal.objects.get(number=2)
    mended = sealing.seal_hash(seal, hashes=[sealing.entry_hash(changed)])
    owner_connection.execute("UPDATE audit_seal SET hash = %s WHERE number = 2", [mended])
    assert problems(world) == ("Seal 3 does not continue the one before.",)


def test_command_names_what_was_changed_and_a_hash_that_is_gone(
    world: factories.PartnerWorld, owner_connection: Owner, test_database: database.Database
) -> None:
    def verify(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "msphub.config.cli", "audit", "verify", *options],
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "msphub.config.settings",
                "DATABASE_URL": test_database.app_url,
            },
            cwd=database.ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    entry = record(world, "Cut off")  # not sealed yet: the command does that
    said = verify()
    assert (said.returncode, said.stderr) == (0, "")
    noted = sealing.newest_seal(partner_id=world.id)
    assert noted is not None
    assert noted.number == 2
    assert f"nothing was changed; newest seal 2: {noted.hash}" in said.stdout
    assert verify("--partner", "Cascade", "--expect", noted.hash).returncode == 0

    tamper(owner_connection, "UPDATE audit_entry SET object_label = 'Other' WHERE id = %s", entry.id)
    said = verify()
    assert said.returncode == 1
    assert f"Cascade: Entry {entry.id} of 2026-11-22T12:00:00+00:00 (seal 2) was changed" in said.stderr

    # A chain whose end was cut off looks whole, unless somebody kept the hash.
    owner_connection.execute("DELETE FROM audit_sealedentry WHERE seal_number = 2")
    owner_connection.execute("DELETE FROM audit_seal WHERE number = 2")
    tamper(owner_connection, "DELETE FROM audit_entry WHERE id = %s", entry.id)
    assert verify().returncode == 0
    said = verify("--expect", noted.hash)
    assert said.returncode == 1
    assert f"No seal has the hash {noted.hash} any more." in said.stderr


def test_page_says_until_when_the_record_is_sealed_and_export_brings_the_seals(
    world: factories.PartnerWorld, owner_connection: Owner, client: Client
) -> None:
    client.force_login(Login.objects.get(id=world.owner.login_id), backend=settings.AUTHENTICATION_BACKENDS[0])
    scope.enter(partner_id=world.id)
    entry = record(world, "Victim")
    seal_all(world)
    assert "Sealed until Nov 22, 2026, 1:00\u202fPM (seal 2). Not checked yet" in client.get("/audit/").content.decode()
    scope.enter(partner_id=world.id)
    assert problems(world) == ()
    page = client.get("/audit/").content.decode()
    assert "Checked Nov 22, 2026, 1:00\u202fPM: nothing was changed afterwards." in page

    scope.enter(partner_id=world.id)
    sealed = SealedEntry.objects.get(id=entry.id)
    seal = Seal.objects.get(number=2)
    waiting = record(world, "Waits for its seal")
    body = b"".join(client.get("/audit/export.csv").streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = {row["Entry"]: row for row in csv.DictReader(io.StringIO(body))}
    assert rows[str(entry.id)]["Hash of the entry"] == sealed.hash
    assert (rows[str(entry.id)]["Seal"], rows[str(entry.id)]["Hash of the seal"]) == ("2", seal.hash)
    assert {rows[str(waiting.id)][head] for head in ("Seal", "Hash of the entry", "Hash of the seal")} == {""}

    tamper(owner_connection, "UPDATE audit_entry SET object_label = 'Other' WHERE id = %s", entry.id)
    scope.enter(partner_id=world.id)
    sealing.verify(partner_id=world.id, at=LATER + datetime.timedelta(hours=1))
    assert "2:00\u202fPM: 1 entry or seal was changed afterwards." in client.get("/audit/").content.decode()


@pytest.mark.parametrize("table", ["audit_seal", "audit_sealedentry", "audit_verification"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET partner_id = partner_id", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_application_can_only_add_to_the_seals(
    application_connection: psycopg.Connection[Any], table: str, statement: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        application_connection.execute(statement.format(table))


def test_jobs_seal_and_check_each_partner_apart(run_jobs: Callable[[], None], owner_connection: Owner) -> None:
    worlds = [factories.make_partner(name=name) for name in ("Mine", "Theirs")]
    tasks.seal_all(0)
    run_jobs()
    tasks.verify_all(0)
    run_jobs()
    for world in worlds:
        scope.enter(partner_id=world.id)
        assert not sealing.is_waiting(partner_id=world.id)
        assert Seal.objects.get().number == 1
        assert Verification.objects.get().problems == []
    assert sealing.partners_with_unsealed() == []


def test_partitions_of_the_coming_months_are_made_by_a_job_and_their_entries_are_sealed(
    world: factories.PartnerWorld, owner_connection: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.datetime(2031, 11, 30, 23, 0, tzinfo=datetime.UTC)
    monkeypatch.setattr("msphub.kit.clock.now", lambda: now)
    tasks.make_partitions(0)
    tasks.make_partitions(0)
    entry = record(world, "In a month to come", at=datetime.datetime(2032, 1, 31, 23, 59, tzinfo=datetime.UTC))
    found = owner_connection.execute("SELECT id FROM audit_entry_203201").fetchall()
    assert found == [(entry.id,)]
    assert seal_all(world) == 1
    assert problems(world) == ()
    owner_connection.execute("DROP TABLE audit_entry_203111, audit_entry_203112, audit_entry_203201")
