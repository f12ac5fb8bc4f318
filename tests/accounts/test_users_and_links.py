"""Users, their one-time links, and who may be signed in."""

import datetime

import pytest
from django.contrib.auth.hashers import check_password
from tests import factories

from msphub.accounts import actions, queries
from msphub.accounts.choices import Role, Status, UserStatus
from msphub.accounts.models import Login, PasswordLink, User
from msphub.audit.models import Entry
from msphub.kit import scope
from msphub.kit.errors import Forbidden, Refused

pytestmark = pytest.mark.django_db
GOOD = "a-good-long-passw0rd"


def _secret(link: str) -> str:
    return link.rstrip("/").rsplit("/", 1)[-1]


def _choose(secret: str, *, password: str = GOOD, at: datetime.datetime = factories.NOW) -> Login:
    return actions.choose_password(secret=secret, password=password, at=at, address="192.0.2.7", request_id="r")


def _invited() -> tuple[factories.PartnerWorld, User]:
    world = factories.make_partner()
    user = actions.add_user(
        by=world.actor,
        customer_id=None,
        email="New.Person@Cascade.example",
        first_name="New",
        last_name="Person",
        role=Role.SALES,
        at=factories.NOW,
    )
    return world, user


def test_a_link_chooses_a_password_once() -> None:
    world, user = _invited()
    secret = _secret(actions.issue_password_link(user=user, at=factories.NOW))
    login = _choose(secret)
    assert check_password(GOOD, login.password)
    scope.enter(partner_id=world.id)
    assert User.objects.get(id=user.id).status == UserStatus.ACTIVE
    with pytest.raises(Refused, match="used or has expired"):
        _choose(secret, password="another-long-passw0rd")
    assert check_password(GOOD, Login.objects.get(id=login.id).password)
    assert Entry.objects.filter(event="user.password_chosen", address="192.0.2.7").count() == 1


def test_only_a_hash_of_the_secret_is_stored() -> None:
    _world, user = _invited()
    secret = _secret(actions.issue_password_link(user=user, at=factories.NOW))
    assert secret not in str(list(PasswordLink.objects.values_list()))


@pytest.mark.parametrize(("hours", "works"), [(71.9, True), (72.1, False)])
def test_a_link_lives_72_hours(hours: float, *, works: bool) -> None:
    _world, user = _invited()
    secret = _secret(actions.issue_password_link(user=user, at=factories.NOW))
    later = factories.NOW + datetime.timedelta(hours=hours)
    assert (actions.find_password_link(secret=secret, at=later) is not None) is works


def test_a_newer_link_ends_the_earlier_one() -> None:
    _world, user = _invited()
    first = _secret(actions.issue_password_link(user=user, at=factories.NOW))
    second = _secret(actions.issue_password_link(user=user, at=factories.NOW))
    assert actions.find_password_link(secret=first, at=factories.NOW) is None
    assert actions.find_password_link(secret=second, at=factories.NOW) is not None


@pytest.mark.parametrize("password", ["short", "password1234", "new.person@cascade"])
def test_a_weak_password_is_refused_and_the_link_still_works(password: str) -> None:
    _world, user = _invited()
    secret = _secret(actions.issue_password_link(user=user, at=factories.NOW))
    with pytest.raises(Refused) as refusal:
        _choose(secret, password=password)
    assert set(refusal.value.fields) == {"password"}
    _choose(secret)


def test_emails_are_stored_in_lower_case_and_unique_whatever_the_case() -> None:
    world, user = _invited()
    assert user.email == "new.person@cascade.example"
    with pytest.raises(Refused, match="can't be used"):
        actions.add_user(
            by=world.actor,
            customer_id=None,
            email="NEW.person@cascade.example",
            first_name="N",
            last_name="P",
            role=Role.SALES,
            at=factories.NOW,
        )


def test_roles_of_the_other_kind_of_company_are_refused() -> None:
    world = factories.make_partner()
    with pytest.raises(Refused, match="does not belong"):
        actions.add_user(
            by=world.actor,
            customer_id=None,
            email="x@cascade.example",
            first_name="N",
            last_name="P",
            role=Role.CUSTOMER_ADMIN,
            at=factories.NOW,
        )


def test_who_may_not_invite_changes_nothing() -> None:
    world = factories.make_partner()
    reader = factories.actor_of(factories.add_colleague(world))
    logins = Login.objects.count()
    with pytest.raises(Forbidden):
        actions.add_user(
            by=reader,
            customer_id=None,
            email="x@cascade.example",
            first_name="N",
            last_name="P",
            role=Role.SALES,
            at=factories.NOW,
        )
    with pytest.raises(Forbidden):
        actions.resend_password_link(by=reader, user=world.owner, at=factories.NOW)
    assert Login.objects.count() == logins


def test_asking_for_a_link_says_nothing_about_who_exists_and_sends_one_in_five_minutes() -> None:
    world = factories.make_partner()
    later = factories.NOW + datetime.timedelta(hours=1)

    def ask(email: str) -> None:
        actions.request_password_link(email=email, at=later, address="192.0.2.1", request_id="r")

    def asked() -> int:
        scope.enter(partner_id=world.id)
        return Entry.objects.filter(event="user.link_requested").count()

    ask("nobody@nowhere.example")
    assert asked() == 0
    ask(world.owner.email.upper())
    assert asked() == 1
    actions.issue_password_link(user=world.owner, at=later)  # as the mail's job does
    ask(world.owner.email)
    assert asked() == 1


def test_disabled_people_and_disabled_companies_are_not_signed_in() -> None:
    world = factories.make_partner()
    tenant = factories.make_customer(world)
    admin = factories.admin_of(tenant)

    def may() -> bool:
        scope.enter(partner_id=world.id, customer_id=tenant.id)
        return queries.signed_in(login_id=admin.login_id, address="", request_id="") is not None

    assert may()
    factories.set_status(world, tenant, Status.SUSPENDED)
    assert may()
    factories.set_status(world, tenant, Status.DISABLED)
    assert not may()
    factories.set_status(world, tenant, Status.ACTIVE)
    assert may()
    scope.enter(partner_id=world.id)
    User.objects.filter(id=admin.id).update(status=UserStatus.DISABLED)
    assert not may()


def test_a_new_partner_can_create_customers_at_once() -> None:
    world = factories.make_partner(country="DE", currency="EUR")
    assert world.subscription.currency == "EUR"
    assert world.customer_type.name == "Standard"
