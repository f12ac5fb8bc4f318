"""Outgoing writes at Microsoft, each with a row of its own that is committed before the call (errors.md §7).

The row's id is the MS-RequestId, here and for the writes of orders. It stays open until Microsoft has answered this
very write: an attempt that was turned away at the door (too many requests, no token, no right) says nothing of an
earlier one whose answer got lost.
"""

import dataclasses
import uuid
from collections.abc import Callable
from typing import Any

from django.db import models

from msphub.customers.choices import Step, WriteState
from msphub.customers.models import CspAccount, MicrosoftWrite
from msphub.kit import clock, ids
from msphub.microsoft import errors as microsoft_errors

OPEN = (WriteState.PREPARED, WriteState.UNKNOWN)
_AT_THE_DOOR = (microsoft_errors.Throttled, microsoft_errors.SignInFailed, microsoft_errors.Forbidden)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A write under way. `repeated`: an earlier attempt may have reached Microsoft, so look before you believe a no.

    `model` is the table its row is in: it has `state`, `code`, `message` and `answered_at`.
    """

    id: uuid.UUID
    repeated: bool
    model: type[models.Model] = MicrosoftWrite


def open_write(*, account: CspAccount, step: Step) -> Write:
    """Return the write that is under way for a step, or commit a new one."""
    found = MicrosoftWrite.objects.filter(
        partner_id=account.partner_id, account=account, step=step, state__in=OPEN
    ).first()
    if found is not None:
        return Write(id=found.id, repeated=True)
    made = MicrosoftWrite.objects.create(
        id=ids.new_id(),
        partner_id=account.partner_id,
        customer_id=account.customer_id,
        account=account,
        step=step,
        prepared_at=clock.now(),
    )
    return Write(id=made.id, repeated=False)


def send[Answer](write: Write, call: Callable[[], Answer]) -> Answer:
    """Make the call of a write and note how it ended, unless it succeeded: that is written with its effect.

    `AlreadyExists` is left to the caller, who looks first whether it was ourselves.
    """
    try:
        return call()
    except microsoft_errors.UnknownOutcome as unknown:
        _note(write, state=WriteState.UNKNOWN, message=unknown.message)
        raise
    except _AT_THE_DOOR as turned_away:
        # Nothing was done, so the next attempt is a new request with a new id (contract §0.2); unless an earlier
        # attempt got no answer: only its own id tells what became of it.
        if not write.repeated:
            refuse(write, turned_away)
        raise
    except microsoft_errors.AlreadyExists:
        raise
    except microsoft_errors.Refused as refusal:
        refuse(write, refusal)
        raise


def accept(write: Write) -> None:
    """Note that a write has had its effect; belongs into the transaction that keeps what Microsoft answered."""
    _note(write, state=WriteState.ACCEPTED, code="", message="", answered_at=clock.now())


def refuse(write: Write, refusal: microsoft_errors.MicrosoftError) -> None:
    """Note that Microsoft answered no: the write is over, and a retry is a new one."""
    _note(write, state=WriteState.REFUSED, code=code_of(refusal), message=refusal.message, answered_at=clock.now())


def code_of(refusal: microsoft_errors.MicrosoftError) -> str:
    """Return Microsoft's number or name for a refusal, or the HTTP status where it gave none."""
    code = getattr(refusal, "code", None) or getattr(refusal, "name", None)
    return str(code or refusal.status or "")[:30]


def _note(write: Write, **outcome: Any) -> None:
    write.model._default_manager.filter(pk=write.id).update(**outcome)  # noqa: SLF001 - any of the two tables
