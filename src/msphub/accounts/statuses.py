"""Enable, suspend and disable: dated intervals with a cause, beside the current status that sign-in and grids read."""

import dataclasses
import datetime
import uuid

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from msphub.accounts import events
from msphub.accounts.choices import Status, StatusCause, TenantKind
from msphub.accounts.models import StatusInterval, Tenant
from msphub.audit import actions as audit
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused

# The stricter status wins while several intervals hold at once.
_STRICTNESS = {Status.ACTIVE: 0, Status.SUSPENDED: 1, Status.DISABLED: 2}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """What a change of status did."""

    before: Status
    after: Status


def status_at(*, partner_id: uuid.UUID, customer_id: uuid.UUID, at: datetime.datetime) -> Status:
    """Return the status that the intervals give at an instant: the strictest that holds."""
    holding = StatusInterval.objects.filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=at), partner_id=partner_id, customer_id=customer_id, starts_at__lte=at
    ).values_list("status", flat=True)
    return max((Status(status) for status in holding), key=_STRICTNESS.__getitem__, default=Status.ACTIVE)


def change_status(
    *,
    by: Actor,
    customer_id: uuid.UUID,
    status: Status,
    reason: str,
    at: datetime.datetime,
    cause: StatusCause = StatusCause.PERSON,
    ends_at: datetime.datetime | None = None,
) -> StatusChange:
    """Give a customer a status from now on; the caller has checked the permission.

    Suspending or disabling begins an interval (until `ends_at`, or until somebody ends it); enabling ends every
    interval of the same cause. Refuses a status the customer has already.
    """
    if not reason.strip():
        raise Refused("reason", _("Say why; the reason is kept in the audit log."), field="reason")
    if ends_at is not None and ends_at <= at:
        raise Refused("ends_at", _("The end must lie in the future."), field="ends_at")
    with transaction.atomic():
        tenant = (
            Tenant.objects.select_for_update()
            .filter(partner_id=by.partner_id, id=customer_id, kind=TenantKind.CUSTOMER)
            .first()
        )
        if tenant is None:
            raise NotFound
        before = Status(tenant.status)
        if before == status:
            raise Refused(
                "status",
                _("%(name)s is %(status)s already.") % {"name": tenant.name, "status": str(status.label).lower()},
            )
        holding = StatusInterval.objects.filter(
            Q(ends_at__isnull=True) | Q(ends_at__gt=at), partner_id=by.partner_id, customer_id=customer_id
        )
        # One person's decision replaces the former one; what credit began only a payment ends.
        holding.filter(cause=cause, starts_at__lte=at).update(ends_at=at)
        if status != Status.ACTIVE:
            StatusInterval.objects.create(
                partner_id=by.partner_id,
                customer_id=customer_id,
                status=status,
                cause=cause,
                reason=reason.strip(),
                starts_at=at,
                ends_at=ends_at,
                created_at=at,
                created_by=by.name,
            )
        after = status_at(partner_id=by.partner_id, customer_id=customer_id, at=at)
        tenant.status = after
        tenant.save(update_fields=["status"])
        audit.record(
            by=by,
            event=events.STATUS_CHANGED,
            at=at,
            object_type="customer",
            object_id=customer_id,
            object_label=tenant.name,
            customer_id=customer_id,
            changes={"Status": (before.label, after.label)},
            details={"Reason": reason.strip(), "Until": ends_at},
        )
    return StatusChange(before=before, after=after)
