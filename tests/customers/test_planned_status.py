"""Statuses that begin or end later, at a fixed time."""

import datetime

import pytest
from tests import factories

from msphub.accounts import queries as accounts
from msphub.accounts import statuses
from msphub.accounts.choices import Role, Status, StatusCause
from msphub.accounts.models import StatusInterval, Tenant
from msphub.audit.models import Entry
from msphub.customers import actions
from msphub.customers.models import Customer
from msphub.kit import scope
from msphub.kit.actor import system_actor
from msphub.kit.errors import Forbidden, Refused

pytestmark = pytest.mark.django_db
NOW = factories.NOW
DAY = datetime.timedelta(days=1)


def _status(tenant: Tenant) -> str:
    stored = Tenant.objects.get(id=tenant.id).status
    assert Customer.objects.get(pk=tenant.id).status == stored  # the grid's copy
    return stored


def _pass_time(world: factories.PartnerWorld, at: datetime.datetime) -> list[object]:
    return list(statuses.apply_due(by=system_actor(partner_id=world.id), at=at))


def test_a_planned_suspension_begins_and_ends_at_its_instants() -> None:
    world = factories.make_partner()
    tenant = factories.make_customer(world)
    change = actions.change_status(
        by=world.actor,
        customer_id=tenant.id,
        status=Status.SUSPENDED,
        reason="Holiday",
        at=NOW,
        starts_at=NOW + DAY,
        ends_at=NOW + 3 * DAY,
    )
    assert change.is_scheduled
    assert _status(tenant) == Status.ACTIVE
    assert statuses.partners_with_due_boundaries(at=NOW + DAY - datetime.timedelta(seconds=1)) == []
    assert world.id in statuses.partners_with_due_boundaries(at=NOW + DAY)
    assert _pass_time(world, NOW + DAY) == [tenant.id]
    assert _status(tenant) == Status.SUSPENDED
    assert _pass_time(world, NOW + DAY) == []
    assert world.id not in statuses.partners_with_due_boundaries(at=NOW + 2 * DAY)
    assert _pass_time(world, NOW + 3 * DAY) == [tenant.id]
    assert _status(tenant) == Status.ACTIVE
    assert statuses.partners_with_due_boundaries(at=NOW + 9 * DAY) == []
    changes = Entry.objects.filter(event="customer.status_changed").order_by("at").values_list("changes", flat=True)
    assert [one["Status"] for one in changes] == [["Active", "Suspended"], ["Suspended", "Active"]]


def test_boundaries_that_were_missed_are_caught_up_with() -> None:
    world = factories.make_partner()
    tenant = factories.make_customer(world)
    actions.change_status(
        by=world.actor,
        customer_id=tenant.id,
        status=Status.DISABLED,
        reason="x",
        at=NOW,
        starts_at=NOW + DAY,
        ends_at=NOW + 2 * DAY,
    )
    assert _pass_time(world, NOW + 5 * DAY) == []  # it came and went while nothing ran
    assert _status(tenant) == Status.ACTIVE
    assert statuses.partners_with_due_boundaries(at=NOW + 9 * DAY) == []


def test_a_suspension_with_an_end_ends_by_itself_and_enabling_earlier_replaces_it() -> None:
    world = factories.make_partner()
    tenant = factories.make_customer(world)
    actions.change_status(
        by=world.actor, customer_id=tenant.id, status=Status.SUSPENDED, reason="x", at=NOW, ends_at=NOW + 9 * DAY
    )
    assert _status(tenant) == Status.SUSPENDED
    actions.change_status(by=world.actor, customer_id=tenant.id, status=Status.ACTIVE, reason="x", at=NOW + DAY)
    assert _status(tenant) == Status.ACTIVE
    assert StatusInterval.objects.get().ends_at == NOW + DAY
    assert _pass_time(world, NOW + 9 * DAY) == []


def test_enabling_can_be_planned_and_plans_replaced() -> None:
    world = factories.make_partner()
    tenant = factories.make_customer(world)
    actions.change_status(by=world.actor, customer_id=tenant.id, status=Status.DISABLED, reason="x", at=NOW)
    actions.change_status(
        by=world.actor, customer_id=tenant.id, status=Status.ACTIVE, reason="back", at=NOW, starts_at=NOW + 2 * DAY
    )
    assert _status(tenant) == Status.DISABLED
    actions.change_status(
        by=world.actor, customer_id=tenant.id, status=Status.SUSPENDED, reason="y", at=NOW, starts_at=NOW + DAY
    )
    _pass_time(world, NOW + DAY)
    assert _status(tenant) == Status.SUSPENDED


def test_a_payment_ends_only_what_credit_began() -> None:
    world = factories.make_partner()
    tenant = factories.make_customer(world)
    for cause, status in ((StatusCause.PERSON, Status.SUSPENDED), (StatusCause.CREDIT, Status.DISABLED)):
        statuses.change_status(by=world.actor, customer_id=tenant.id, status=status, reason="x", at=NOW, cause=cause)
    statuses.change_status(
        by=world.actor,
        customer_id=tenant.id,
        status=Status.ACTIVE,
        reason="paid",
        at=NOW + DAY,
        cause=StatusCause.CREDIT,
    )
    assert _status(tenant) == Status.SUSPENDED


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"starts_at": NOW - DAY}, "starts_at"),
        ({"starts_at": NOW + 4000 * DAY}, "starts_at"),
        ({"ends_at": NOW}, "ends_at"),
        ({"starts_at": NOW + 2 * DAY, "ends_at": NOW + DAY}, "ends_at"),
    ],
)
def test_impossible_instants_are_refused_at_their_field(changes: dict[str, datetime.datetime], field: str) -> None:
    world = factories.make_partner()
    tenant = factories.make_customer(world)
    with pytest.raises(Refused) as refusal:
        actions.change_status(
            by=world.actor, customer_id=tenant.id, status=Status.SUSPENDED, reason="x", at=NOW, **changes
        )
    assert set(refusal.value.fields) == {field}
    assert not StatusInterval.objects.exists()


def test_many_at_once_tell_the_result_of_each() -> None:
    world = factories.make_partner()
    active = factories.make_customer(world, name="Alpha")
    suspended = factories.make_customer(world, name="Beta")
    actions.change_status(by=world.actor, customer_id=suspended.id, status=Status.SUSPENDED, reason="x", at=NOW)
    theirs = factories.make_partner(name="Theirs")
    stranger = factories.make_customer(theirs, name="Gamma")
    scope.enter(partner_id=world.id)
    results = actions.bulk_change_status(
        by=world.actor,
        customer_ids=[suspended.id, stranger.id, active.id],
        status=Status.SUSPENDED,
        reason="All",
        at=NOW,
    )
    assert [(one.name, one.change is not None) for one in results] == [("Alpha", True), ("Beta", False)]
    assert results[1].refusal == "Beta is suspended already."
    with pytest.raises(Refused) as refusal:
        actions.bulk_change_status(by=world.actor, customer_ids=[active.id], status=Status.ACTIVE, reason=" ", at=NOW)
    assert set(refusal.value.fields) == {"reason"}
    reader = factories.actor_of(factories.add_colleague(world, role=Role.SUPPORT))
    with pytest.raises(Forbidden):
        actions.bulk_change_status(by=reader, customer_ids=[active.id], status=Status.ACTIVE, reason="x", at=NOW)
    scope.enter(partner_id=theirs.id)
    assert _status(stranger) == Status.ACTIVE


def test_the_job_applies_what_is_due_for_each_partner_in_its_scope() -> None:
    first, second = factories.make_partner(name="One"), factories.make_partner(name="Two")
    assert {first.id, second.id} <= set(accounts.partner_ids())
    tenant = factories.make_customer(second)
    actions.change_status(
        by=second.actor, customer_id=tenant.id, status=Status.DISABLED, reason="x", at=NOW, starts_at=NOW + DAY
    )
    scope.enter(partner_id=None)
    assert statuses.partners_with_due_boundaries(at=NOW + 2 * DAY) == [second.id]
