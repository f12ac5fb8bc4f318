"""Seals: committed entries are chained by hash in batches, and checked against the chain.

Nobody who writes an entry waits for a seal. Each entry's own transaction puts it among those that wait (a trigger); the
job takes whatever is committed by then. A transaction that commits late, with an earlier id or instant, simply comes
under a later seal: no order of commits is assumed, and none is lost, also after a restore into another cluster.

Whoever owns the database can do anything, also remove the end of the chain. So keep the newest seal's hash elsewhere
now and then: `msphub audit verify` prints it, and with `--expect` says whether the chain still holds it.
"""

import dataclasses
import datetime
import hashlib
import json
import uuid
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby

from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from msphub.audit.models import Entry, Seal, SealedEntry, Unsealed, Verification

MOST_IN_A_SEAL = 1000
FIRST = "0" * 64  # what the first seal is chained to
_MOST_PROBLEMS = 100
_SEALS_AT_ONCE = 20
_LOCK = 0x7365616C  # "seal"; the second half of the key is the partner
_HASHED = (
    "id",
    "at",
    "partner_id",
    "customer_id",
    "actor_kind",
    "actor_id",
    "actor_name",
    "event",
    "object_type",
    "object_id",
    "object_label",
    "changes",
    "details",
    "customer_visible",
    "address",
    "request_id",
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a check found: how much is under how many seals, how much waits, and every problem as a sentence."""

    entries: int
    seals: int
    waiting: int
    newest: Seal | None
    problems: tuple[str, ...]


def partners_with_unsealed() -> list[uuid.UUID]:
    """Return the partners with entries that wait for a seal. Needs no scope (a function of the owner's)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_partners_with_unsealed()")
        return [row[0] for row in cursor.fetchall()]


def partners_with_seals() -> list[uuid.UUID]:
    """Return the partners that have a chain to be checked. Needs no scope (a function of the owner's)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_partners_with_seals()")
        return [row[0] for row in cursor.fetchall()]


def seal(*, partner_id: uuid.UUID, at: datetime.datetime, most: int = MOST_IN_A_SEAL) -> Seal | None:
    """Seal the oldest committed entries that wait, `most` of them, in one transaction; None when none waits.

    Two at once wait for each other, never for those who write entries. The connection must be in the partner's scope.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, str(partner_id)])
        waiting = list(Unsealed.objects.filter(partner_id=partner_id).order_by("entry_at", "id")[:most])
        if not waiting:
            return None
        ids = [one.id for one in waiting]
        entries = list(
            Entry.objects.filter(
                partner_id=partner_id, id__in=ids, at__gte=waiting[0].entry_at, at__lte=waiting[-1].entry_at
            ).order_by("at", "id")
        )
        # An entry that is gone before it was sealed stays among those that wait: the check names it.
        if not entries:
            return None
        last = Seal.objects.filter(partner_id=partner_id).order_by("-number").first()
        hashes = [entry_hash(entry) for entry in entries]
        made = Seal(
            partner_id=partner_id,
            number=last.number + 1 if last else 1,
            first_at=entries[0].at,
            last_at=entries[-1].at,
            entries=len(entries),
            previous_hash=last.hash if last else FIRST,
            sealed_at=at,
        )
        made.hash = seal_hash(made, hashes=hashes)
        made.save(force_insert=True)
        SealedEntry.objects.bulk_create(
            SealedEntry(
                id=entry.id,
                partner_id=partner_id,
                entry_at=entry.at,
                seal_number=made.number,
                position=position,
                hash=hashed,
            )
            for position, (entry, hashed) in enumerate(zip(entries, hashes, strict=True), start=1)
        )
        Unsealed.objects.filter(partner_id=partner_id, id__in=[entry.id for entry in entries]).delete()
    return made


def verify(*, partner_id: uuid.UUID, at: datetime.datetime) -> Report:
    """Check every seal and every entry of a partner, and note what was found.

    Names entries that were changed, removed, or added around the record, and seals that don't fit together.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            # All of it at one instant, while sealing goes on.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        report = _verified(partner_id=partner_id)
    Verification.objects.create(
        partner_id=partner_id,
        at=at,
        seals=report.seals,
        entries=report.entries,
        problems=list(report.problems),
    )
    return report


def newest_seal(*, partner_id: uuid.UUID) -> Seal | None:
    """Return the last link of a partner's chain."""
    return Seal.objects.filter(partner_id=partner_id).order_by("-number").first()


def newest_verification(*, partner_id: uuid.UUID) -> Verification | None:
    """Return what the last check found."""
    return Verification.objects.filter(partner_id=partner_id).order_by("-at").first()


def known_hashes(*, partner_id: uuid.UUID, hashes: Collection[str]) -> set[str]:
    """Return which of some hashes, noted down earlier, still belong to seals of a partner."""
    return set(Seal.objects.filter(partner_id=partner_id, hash__in=hashes).values_list("hash", flat=True))


def is_waiting(*, partner_id: uuid.UUID) -> bool:
    """Tell whether some entry has no seal yet."""
    return Unsealed.objects.filter(partner_id=partner_id).exists()


def entry_hash(entry: Entry) -> str:
    """Return the SHA-256 of an entry: of the JSON list of its columns, in their order, without blanks, keys sorted."""
    values = [_plain(getattr(entry, name)) for name in _HASHED]
    text = json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def seal_hash(made: Seal, *, hashes: Sequence[str]) -> str:
    """Return the SHA-256 of a seal: of the hash before, its own facts, and its entries' hashes, one a line."""
    facts = (made.partner_id, made.number, made.entries, made.first_at, made.last_at, made.sealed_at)
    lines = [made.previous_hash, *(str(_plain(fact)) for fact in facts), *hashes]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat(timespec="microseconds")
    return str(value) if isinstance(value, uuid.UUID) else value


def _verified(*, partner_id: uuid.UUID) -> Report:
    problems: list[str] = []
    counted, previous, seals = 0, FIRST, 0
    newest: Seal | None = None
    for one, members in _chain(partner_id=partner_id):
        seals += 1
        while seals < one.number and len(problems) < _MOST_PROBLEMS:
            problems.append(_("Seal %(number)s is missing.") % {"number": seals})
            seals += 1
        seals = one.number
        if one.previous_hash != previous:
            problems.append(_("Seal %(number)s does not continue the one before.") % {"number": one.number})
        found = _entries_of(partner_id=partner_id, members=members)
        for member in members:
            problem = _problem_of(member, found.get(member.id))
            if problem:
                problems.append(problem)
        hashes = [member.hash for member in members]
        if len(members) != one.entries or seal_hash(one, hashes=hashes) != one.hash:
            problems.append(_("Seal %(number)s itself was changed.") % {"number": one.number})
        counted += len(members)
        previous, newest = one.hash, one
        if len(problems) >= _MOST_PROBLEMS:
            break
    problems += _around_the_record(partner_id=partner_id)
    return Report(
        entries=counted,
        seals=seals,
        waiting=Unsealed.objects.filter(partner_id=partner_id).count(),
        newest=newest,
        problems=tuple(problems[:_MOST_PROBLEMS]),
    )


def _chain(*, partner_id: uuid.UUID) -> Iterator[tuple[Seal, list[SealedEntry]]]:
    """Give each seal with its members in order, a few seals a query."""
    number = 0
    while True:
        some = list(Seal.objects.filter(partner_id=partner_id, number__gt=number).order_by("number")[:_SEALS_AT_ONCE])
        if not some:
            return
        number = some[-1].number
        members = SealedEntry.objects.filter(
            partner_id=partner_id, seal_number__gte=some[0].number, seal_number__lte=number
        ).order_by("seal_number", "position")
        by_seal = {key: list(group) for key, group in groupby(members, key=lambda member: member.seal_number)}
        for one in some:
            yield one, by_seal.get(one.number, [])


def _entries_of(*, partner_id: uuid.UUID, members: Sequence[SealedEntry]) -> dict[uuid.UUID, Entry]:
    """Return the entries of a seal's members, wherever their instant has been moved to."""
    if not members:
        return {}
    ids = [member.id for member in members]
    instants = [member.entry_at for member in members]
    near = Entry.objects.filter(partner_id=partner_id, id__in=ids, at__gte=min(instants), at__lte=max(instants))
    found = {entry.id: entry for entry in near}
    lost = [one for one in ids if one not in found]
    if lost:
        found |= {entry.id: entry for entry in Entry.objects.filter(partner_id=partner_id, id__in=lost)}
    return found


def _problem_of(member: SealedEntry, entry: Entry | None) -> str:
    place = {"id": member.id, "at": member.entry_at.isoformat(timespec="seconds"), "seal": member.seal_number}
    if entry is None:
        return _("Entry %(id)s of %(at)s (seal %(seal)s) was removed.") % place
    if entry_hash(entry) != member.hash:
        return _("Entry %(id)s of %(at)s (seal %(seal)s) was changed: “%(event)s %(record)s”.") % {
            **place,
            "event": entry.event,
            "record": entry.object_label,
        }
    return ""


def _around_the_record(*, partner_id: uuid.UUID) -> list[str]:
    """Return what was added without coming by the trigger, and what was removed before it could be sealed."""
    sealed = SealedEntry.objects.filter(partner_id=partner_id, id=OuterRef("id"))
    waiting = Unsealed.objects.filter(partner_id=partner_id, id=OuterRef("id"))
    added = Entry.objects.filter(~Exists(sealed), ~Exists(waiting), partner_id=partner_id).order_by("at", "id")
    entries = Entry.objects.filter(partner_id=partner_id, id=OuterRef("id"), at=OuterRef("entry_at"))
    removed = Unsealed.objects.filter(~Exists(entries), partner_id=partner_id).order_by("entry_at", "id")
    return [
        *(
            _("Entry %(id)s of %(at)s was added around the record: “%(event)s %(record)s”.")
            % {
                "id": entry.id,
                "at": entry.at.isoformat(timespec="seconds"),
                "event": entry.event,
                "record": entry.object_label,
            }
            for entry in added[:_MOST_PROBLEMS]
        ),
        *(
            _("Entry %(id)s of %(at)s was removed before it was sealed.")
            % {"id": one.id, "at": one.entry_at.isoformat(timespec="seconds")}
            for one in removed[:_MOST_PROBLEMS]
        ),
    ]
