"""Changing a customer: its profile, its terms, its status."""

import dataclasses
import datetime

import pytest
from tests import factories

from msphub.accounts import statuses
from msphub.accounts.choices import Role, Status, StatusCause
from msphub.accounts.models import StatusInterval, Tenant
from msphub.audit.models import Entry
from msphub.customers import actions, inputs, queries
from msphub.customers.models import Customer
from msphub.kit import scope
from msphub.kit.errors import Forbidden, NotFound, Refused

pytestmark = pytest.mark.django_db
LATER = factories.NOW + datetime.timedelta(hours=1)


def _profile(**changes: object) -> actions.Profile:
    profile = actions.Profile(
        name="Wingtip Toys",
        address=factories.us_address(),
        primary_contact=factories.contact(),
        billing_contact=factories.contact("Bill", "Payer"),
        representatives=(inputs.Representative(name="Sam Seller", email="sam@cascade.example"),),
    )
    return dataclasses.replace(profile, **changes)


def test_a_changed_profile_is_stored_found_and_recorded_with_old_and_new_values() -> None:
    world = factories.make_partner()
    tenant = factories.make_customer(world)
    actions.edit_profile(
        by=world.actor,
        customer_id=tenant.id,
        profile=_profile(name="Tailspin Toys", primary_contact=factories.contact("Zoë", "Ito")),
        version=1,
        at=LATER,
    )
    details = queries.details(by=world.actor, customer_id=tenant.id)
    assert details.tenant.name == "Tailspin Toys"
    assert details.customer.contact_name == "Zoë Ito"
    assert details.customer.version == 2
    assert [
        row.id
        for row in queries.customers_page(by=world.actor, narrowed=queries.CustomerFilter(search="zoe tails")).rows
    ] == [tenant.id]
    assert (
        queries.customers_page(by=world.actor, narrowed=queries.CustomerFilter(search="wingtip.example")).count == 1
    )  # the admin's e-mail stays
    entry = Entry.objects.get(event="customer.profile_changed")
    assert entry.changes["Company Name"] == ["Wingtip Toys", "Tailspin Toys"]
    assert entry.changes["Primary Contact: First Name"] == ["Gena", "Zoë"]
    assert "City" not in entry.changes


def test_saving_what_is_there_already_records_nothing() -> None:
    world = factories.make_partner()
    tenant = factories.make_customer(world)
    actions.edit_profile(by=world.actor, customer_id=tenant.id, profile=_profile(), version=1, at=LATER)
    assert not Entry.objects.filter(event="customer.profile_changed").exists()


def test_a_stale_edit_is_refused_and_changes_nothing() -> None:
    world = factories.make_partner()
    tenant = factories.make_customer(world)
    actions.edit_profile(by=world.actor, customer_id=tenant.id, profile=_profile(name="First"), version=1, at=LATER)
    with pytest.raises(Refused, match="Somebody else has changed"):
        actions.edit_profile(
            by=world.actor, customer_id=tenant.id, profile=_profile(name="Second"), version=1, at=LATER
        )
    assert Tenant.objects.get(id=tenant.id).name == "First"


def test_a_wrong_profile_is_refused_at_its_field() -> None:
    world = factories.make_partner()
    tenant = factories.make_customer(world)
    wrong = _profile(address=dataclasses.replace(factories.us_address(), postal_code="1"))
    with pytest.raises(Refused) as refusal:
        actions.edit_profile(by=world.actor, customer_id=tenant.id, profile=wrong, version=1, at=LATER)
    assert set(refusal.value.fields) == {"postal_code"}
    assert Customer.objects.get(pk=tenant.id).version == 1


def test_the_customers_admin_edits_its_company_but_not_its_terms_or_representatives() -> None:
    world = factories.make_partner()
    tenant = factories.make_customer(world)
    admin = factories.actor_of(factories.admin_of(tenant))
    scope.enter(partner_id=world.id, customer_id=tenant.id)
    actions.edit_profile(
        by=admin,
        customer_id=tenant.id,
        profile=_profile(name="Own Name", representatives=(), customer_type_id=tenant.id),
        version=1,
        at=LATER,
    )
    scope.enter(partner_id=world.id)
    details = queries.details(by=world.actor, customer_id=tenant.id)
    assert details.tenant.name == "Own Name"
    assert details.customer.customer_type_id == world.customer_type.id
    assert [one.name for one in details.representatives] == ["Sam Seller"]


def test_the_customers_admin_can_not_touch_a_sibling() -> None:
    world = factories.make_partner()
    own = factories.make_customer(world, name="Own")
    sibling = factories.make_customer(world, name="Sibling")
    admin = factories.actor_of(factories.admin_of(own))
    scope.enter(partner_id=world.id, customer_id=own.id)
    with pytest.raises(NotFound):
        actions.edit_profile(by=admin, customer_id=sibling.id, profile=_profile(), version=1, at=LATER)
    with pytest.raises(NotFound):
        queries.details(by=admin, customer_id=sibling.id)
    with pytest.raises(Forbidden):
        actions.change_status(by=admin, customer_id=own.id, status=Status.SUSPENDED, reason="x", at=LATER)
    with pytest.raises(Forbidden):
        actions.allow_purchase(by=admin, customer_id=own.id, allowed=True, at=LATER)


def test_purchasing_is_switched_once() -> None:
    world = factories.make_partner()
    tenant = factories.make_customer(world)
    for _click in range(2):
        actions.allow_purchase(by=world.actor, customer_id=tenant.id, allowed=True, at=LATER)
    assert Customer.objects.get(pk=tenant.id).allow_purchase
    assert Entry.objects.filter(event="customer.terms_changed").count() == 1


def test_suspending_and_enabling_leaves_a_dated_interval_and_an_audit_trail() -> None:
    world = factories.make_partner()
    tenant = factories.make_customer(world)
    actions.change_status(
        by=world.actor, customer_id=tenant.id, status=Status.SUSPENDED, reason="Unpaid", at=factories.NOW
    )
    assert Tenant.objects.get(id=tenant.id).status == Status.SUSPENDED
    actions.change_status(by=world.actor, customer_id=tenant.id, status=Status.ACTIVE, reason="Paid", at=LATER)
    assert Tenant.objects.get(id=tenant.id).status == Status.ACTIVE
    interval = StatusInterval.objects.get(customer_id=tenant.id)
    assert (interval.starts_at, interval.ends_at, interval.reason) == (factories.NOW, LATER, "Unpaid")
    changes = [
        entry.changes["Status"] for entry in Entry.objects.filter(event="customer.status_changed").order_by("at")
    ]
    assert changes == [["Active", "Suspended"], ["Suspended", "Active"]]


def test_a_person_does_not_end_what_credit_began_and_the_stricter_status_holds() -> None:
    world = factories.make_partner()
    tenant = factories.make_customer(world)
    statuses.change_status(
        by=world.actor,
        customer_id=tenant.id,
        status=Status.SUSPENDED,
        reason="Over the limit",
        at=factories.NOW,
        cause=StatusCause.CREDIT,
    )
    actions.change_status(
        by=world.actor, customer_id=tenant.id, status=Status.DISABLED, reason="Left", at=factories.NOW
    )
    assert Tenant.objects.get(id=tenant.id).status == Status.DISABLED
    change = actions.change_status(by=world.actor, customer_id=tenant.id, status=Status.ACTIVE, reason="Back", at=LATER)
    assert change.after == Status.SUSPENDED


def test_the_same_status_again_and_an_empty_reason_are_refused() -> None:
    world = factories.make_partner()
    tenant = factories.make_customer(world)
    with pytest.raises(Refused, match="active already"):
        actions.change_status(by=world.actor, customer_id=tenant.id, status=Status.ACTIVE, reason="x", at=LATER)
    with pytest.raises(Refused) as refusal:
        actions.change_status(by=world.actor, customer_id=tenant.id, status=Status.DISABLED, reason=" ", at=LATER)
    assert set(refusal.value.fields) == {"reason"}
    assert not StatusInterval.objects.exists()


def test_who_may_not_change_a_status_changes_nothing() -> None:
    world = factories.make_partner()
    tenant = factories.make_customer(world)
    reader = factories.actor_of(factories.add_colleague(world, role=Role.READ_ONLY))
    with pytest.raises(Forbidden):
        actions.change_status(by=reader, customer_id=tenant.id, status=Status.DISABLED, reason="x", at=LATER)
    theirs = factories.make_partner(name="Theirs")
    with pytest.raises(NotFound):
        actions.change_status(by=theirs.actor, customer_id=tenant.id, status=Status.DISABLED, reason="x", at=LATER)
    scope.enter(partner_id=world.id)
    assert Tenant.objects.get(id=tenant.id).status == Status.ACTIVE
