"""Enable, suspend and disable: dated intervals with a cause, beside the current status that sign-in and grids read."""

import dataclasses
import datetime
import uuid

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from msphub.accounts import events
from msphub.accounts.choices import Status, StatusCause, TenantKind
from msphub.accounts.models import StatusInterval, Tenant
from msphub.audit import actions as audit
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused

# The stricter status wins while several intervals hold at once.
_STRICTNESS = {Status.ACTIVE: 0, Status.SUSPENDED: 1, Status.DISABLED: 2}
LONGEST_AHEAD = datetime.timedelta(days=5 * 366)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """What a change of status did, or will do at `at` when that lies ahead."""

    before: Status
    after: Status
    at: datetime.datetime
    is_scheduled: bool


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
    starts_at: datetime.datetime | None = None,
    ends_at: datetime.datetime | None = None,
) -> StatusChange:
    """Give a customer a status from `starts_at` (now if None) until `ends_at`; the caller has checked the permission.

    Suspending or disabling begins an interval; enabling ends those of the same cause. What was planned before for the
    same cause is replaced. A boundary that lies ahead takes effect by the job due then (`apply_due`). Refuses a status
    the customer has already, and instants in the past or out of order.
    """
    starts_at = starts_at or at
    fields = _check_instants(reason=reason, at=at, starts_at=starts_at, ends_at=ends_at)
    if fields:
        raise Refused("invalid", _("Some entries need your attention."), fields=fields)
    with transaction.atomic():
        tenant = _lock(partner_id=by.partner_id, customer_id=customer_id)
        before = Status(tenant.status)
        intervals = StatusInterval.objects.filter(partner_id=by.partner_id, customer_id=customer_id, cause=cause)
        planned = intervals.filter(starts_at__gt=at)
        if before == status and starts_at <= at and not planned.exists():
            raise Refused(
                "status",
                _("%(name)s is %(status)s already.") % {"name": tenant.name, "status": str(status.label).lower()},
            )
        planned.delete()
        intervals.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=starts_at)).update(ends_at=starts_at)
        if status != Status.ACTIVE:
            StatusInterval.objects.create(
                partner_id=by.partner_id,
                customer_id=customer_id,
                status=status,
                cause=cause,
                reason=reason.strip(),
                starts_at=starts_at,
                ends_at=ends_at,
                created_at=at,
                created_by=by.name,
            )
        scheduled = starts_at > at
        audit.record(
            by=by,
            event=events.STATUS_SCHEDULED if scheduled else events.STATUS_CHANGED,
            at=at,
            object_type="customer",
            object_id=customer_id,
            object_label=tenant.name,
            customer_id=customer_id,
            changes={gettext_noop("Status"): (before.label, status.label)},
            details={
                gettext_noop("Reason"): reason.strip(),
                gettext_noop("From"): starts_at if scheduled else None,
                gettext_noop("Until"): ends_at,
            },
        )
        after = _write_status(tenant=tenant, at=at)
    return StatusChange(before=before, after=after, at=starts_at, is_scheduled=scheduled)


def partners_with_due_boundaries(*, at: datetime.datetime) -> list[uuid.UUID]:
    """Return the partners of which some interval begins or ends by now. Needs no scope (a function of the owner's)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT accounts_partners_with_due_statuses(%s)", [at])
        return [row[0] for row in cursor.fetchall()]


def apply_due(*, by: Actor, at: datetime.datetime) -> list[uuid.UUID]:
    """Write the status of every customer of which an interval begins or ends by now; return those that changed.

    One transaction a customer; applied boundaries are marked, so a second run changes nothing.
    """
    due = (
        StatusInterval.objects.filter(
            Q(begun_at=None, starts_at__lte=at) | Q(ended_at=None, ends_at__lte=at), partner_id=by.partner_id
        )
        .order_by("customer_id")
        .values_list("customer_id", flat=True)
        .distinct()
    )
    changed = []
    for customer_id in list(due):
        with transaction.atomic():
            tenant = _lock(partner_id=by.partner_id, customer_id=customer_id)
            before = Status(tenant.status)
            after = _write_status(tenant=tenant, at=at)
            if after != before:
                changed.append(customer_id)
                audit.record(
                    by=by,
                    event=events.STATUS_CHANGED,
                    at=at,
                    object_type="customer",
                    object_id=customer_id,
                    object_label=tenant.name,
                    customer_id=customer_id,
                    changes={gettext_noop("Status"): (before.label, after.label)},
                    details={gettext_noop("Reason"): _("As planned")},
                )
    return changed


def _check_instants(
    *, reason: str, at: datetime.datetime, starts_at: datetime.datetime, ends_at: datetime.datetime | None
) -> dict[str, str]:
    fields: dict[str, str] = {}
    if not reason.strip():
        fields["reason"] = _("Say why; the reason is kept in the audit log.")
    if starts_at < at:
        fields["starts_at"] = _("The effective date can't lie in the past.")
    elif starts_at > at + LONGEST_AHEAD:
        fields["starts_at"] = _("Plan at most five years ahead.")
    if ends_at is not None and ends_at <= starts_at:
        fields["ends_at"] = _("The end must lie after the beginning.")
    elif ends_at is not None and ends_at > at + LONGEST_AHEAD:
        fields["ends_at"] = _("Plan at most five years ahead.")
    return fields


def _lock(*, partner_id: uuid.UUID, customer_id: uuid.UUID) -> Tenant:
    tenant = (
        Tenant.objects.select_for_update()
        .filter(partner_id=partner_id, id=customer_id, kind=TenantKind.CUSTOMER)
        .first()
    )
    if tenant is None:
        raise NotFound
    return tenant


def _write_status(*, tenant: Tenant, at: datetime.datetime) -> Status:
    """Write the status that holds now, and mark the boundaries that have been passed."""
    own = StatusInterval.objects.filter(partner_id=tenant.partner_id, customer_id=tenant.id)
    own.filter(begun_at=None, starts_at__lte=at).update(begun_at=at)
    own.filter(ended_at=None, ends_at__lte=at).update(ended_at=at)
    after = status_at(partner_id=tenant.partner_id, customer_id=tenant.id, at=at)
    if tenant.status != after:
        tenant.status = after
        tenant.save(update_fields=["status"])
    return after
