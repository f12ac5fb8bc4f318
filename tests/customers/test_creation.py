"""A customer comes into being wholly or not at all."""

import dataclasses
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from tests import factories

from msphub.accounts.choices import Role
from msphub.accounts.models import BillingProfile, Login, Subscription, Tenant, User
from msphub.audit.models import Entry
from msphub.customers import creation, credit_terms, customer_types, inputs, queries
from msphub.customers.choices import AccountState, CreditHold, OnReach
from msphub.customers.models import Contact, CspAccount, Customer, CustomerDraft, SalesRepresentative
from msphub.kit import ids, scope
from msphub.kit.errors import Forbidden, NotFound, Refused

pytestmark = pytest.mark.django_db


def test_everything_the_four_steps_gave_is_stored() -> None:
    world = factories.make_partner()
    new = factories.new_customer(world, account=factories.new_account(agreement=factories.agreement()))
    tenant = creation.create_customer(by=world.actor, new=new, draft_id=None, at=factories.NOW)
    details = queries.details(by=world.actor, customer_id=tenant.id)
    assert details.tenant.name == "Wingtip Toys"
    assert details.customer.line1 == "1 Microsoft Way"
    assert details.customer.contact_name == "Gena Soto"
    assert details.customer.sales_name == "Sam Seller"
    assert details.customer.microsoft_state == AccountState.CREATING
    assert not details.customer.allow_purchase
    assert details.primary_contact is not None
    assert details.primary_contact.phone == "+14255550101"
    assert details.billing_contact is not None
    assert details.billing_contact.first_name == "Bill"
    own = {"partner_id": world.id, "customer_id": tenant.id}
    profile = BillingProfile.objects.get(**own)
    assert (profile.bill_to, profile.city) == ("Wingtip Toys", "Redmond")
    assert Subscription.objects.get(**own).billing_profile_id == profile.id
    admin = User.objects.select_related("login").get(**own)
    assert (admin.role, admin.display_name) == (Role.CUSTOMER_ADMIN, "Ann Admin")
    assert not admin.login.has_usable_password()
    account = CspAccount.objects.get(**own)
    assert account.domain == new.account.domain  # type: ignore[union-attr]
    assert [step.step for step in account.steps.order_by("position")] == ["tenant", "agreement"]
    events = set(Entry.objects.filter(**own).values_list("event", flat=True))
    assert events == {"customer.created", "user.invited", "csp_account.added"}


def test_creating_takes_few_statements(django_assert_max_num_queries: object) -> None:
    world = factories.make_partner()
    new = factories.new_customer(world)
    with django_assert_max_num_queries(24):  # type: ignore[operator]
        creation.create_customer(by=world.actor, new=new, draft_id=None, at=factories.NOW)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "company_name"),
        ({"name": "x" * 10_000}, "company_name"),
        ({"name": "bad\x00name"}, "company_name"),
        ({"country": ""}, "country"),
        ({"customer_type_id": None}, "customer_type"),
        ({"customer_type_id": uuid.uuid4()}, "customer_type"),
        ({"partner_subscription_id": None}, "partner_subscription"),
        ({"partner_subscription_id": uuid.uuid4()}, "partner_subscription"),
        ({"bill_to": " "}, "bill_to"),
        ({"address": dataclasses.replace(factories.us_address(), postal_code="10001")}, "postal_code"),
        ({"address": dataclasses.replace(factories.us_address(), state="BY")}, "state"),
        ({"billing_address": dataclasses.replace(factories.us_address(), line1="")}, "billing_address_line1"),
    ],
)
def test_a_wrong_company_is_refused_at_its_field_and_nothing_is_made(change: dict[str, object], field: str) -> None:
    world = factories.make_partner()
    good = factories.new_customer(world)
    new = dataclasses.replace(good, company=dataclasses.replace(good.company, **change))
    _refused(world, new, field)


@pytest.mark.parametrize(
    ("part", "change", "field"),
    [
        ("primary_contact", {"email": "not an address"}, "primary_email"),
        ("primary_contact", {"phone": "12"}, "primary_phone"),
        ("billing_contact", {"first_name": ""}, "billing_first_name"),
        ("admin", {"login_email": "ann"}, "admin_login_email"),
        ("admin", {"contact_email": ""}, "admin_contact_email"),
    ],
)
def test_wrong_contacts_are_refused_at_their_field(part: str, change: dict[str, str], field: str) -> None:
    world = factories.make_partner()
    good = factories.new_customer(world)
    _refused(world, dataclasses.replace(good, **{part: dataclasses.replace(getattr(good, part), **change)}), field)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"domain_prefix": "1abc"}, "new_domain"),
        ({"domain_prefix": "a b"}, "new_domain"),
        ({"domain_prefix": "a" * 28}, "new_domain"),
        ({"qualification": ""}, "new_qualification"),
        ({"qualification": "education"}, "new_segment"),
        ({"qualification": "education", "segment": "K12", "website": "not a site"}, "new_website"),
        ({"phone": ""}, "new_phone"),
        ({"email": "ann@microsoft.com"}, "new_email"),
        ({"first_name": "x" * 51}, "new_first_name"),
        (
            {
                "address": dataclasses.replace(factories.us_address(), country="GB", state="", postal_code="M2 5DB"),
                "registration_number": "1",
            },
            "new_registration_number",
        ),
        (
            {"address": dataclasses.replace(factories.us_address(), country="BR", state="SP", postal_code="01310-100")},
            "new_registration_number",
        ),
        (
            {
                "agreement": dataclasses.replace(
                    factories.agreement(), agreed_on=factories.NOW.date().replace(year=2027)
                )
            },
            "agreement_date",
        ),
        ({"agreement": dataclasses.replace(factories.agreement(), agreed_on=None)}, "agreement_date"),
    ],
)
def test_a_wrong_microsoft_account_is_refused_at_its_field(change: dict[str, object], field: str) -> None:
    world = factories.make_partner()
    _refused(world, factories.new_customer(world, account=factories.new_account(**change)), field)


def test_a_begun_sales_representative_needs_name_and_email_an_empty_one_is_dropped() -> None:
    world = factories.make_partner()
    begun = inputs.Representative(name="", email="", phone="+1 206 555 0143")
    _refused(world, factories.new_customer(world, representatives=(begun,)), "sales_1_name")
    empty = inputs.Representative(name="", email=" ")
    tenant = factories.make_customer(world, representatives=(empty,))
    assert not SalesRepresentative.objects.filter(customer_id=tenant.id).exists()


def test_a_type_without_terms_for_the_country_is_refused() -> None:
    world = factories.make_partner()
    good = factories.new_customer(world)
    german = dataclasses.replace(
        good.company,
        country="DE",
        address=inputs.Address(country="DE", line1="Mönckebergstraße 7", city="Hamburg", postal_code="20095"),
    )
    refusal = _refused(world, dataclasses.replace(good, company=german), "customer_type")
    assert "has no credit terms for Germany" in str(refusal.fields["customer_type"])


def test_a_term_in_another_currency_than_the_subscription_is_refused() -> None:
    world = factories.make_partner()
    term = credit_terms.create_credit_term(
        by=world.actor,
        name="Euro",
        country="US",
        currency="EUR",
        credit_limit=Decimal(1),
        due_days=30,
        on_reach=OnReach.NO_ACTION,
        credit_hold=CreditHold.MANUAL,
        at=factories.NOW,
    )
    kind = customer_types.create_customer_type(
        by=world.actor,
        name="Euro",
        countries=[customer_types.CountryTerms(country="US", credit_term_id=term.id)],
        at=factories.NOW,
    )
    good = factories.new_customer(world)
    new = dataclasses.replace(good, company=dataclasses.replace(good.company, customer_type_id=kind.id))
    refusal = _refused(world, new, "customer_type")
    assert "is in EUR, the Partner Subscription in USD" in str(refusal.fields["customer_type"])


def test_another_partners_type_and_subscription_are_refused() -> None:
    theirs = factories.make_partner(name="Theirs")
    mine = factories.make_partner(name="Mine")
    good = factories.new_customer(mine)
    for change, field in (
        ({"customer_type_id": theirs.customer_type.id}, "customer_type"),
        ({"partner_subscription_id": theirs.subscription.id}, "partner_subscription"),
    ):
        scope.enter(partner_id=mine.id)
        _refused(mine, dataclasses.replace(good, company=dataclasses.replace(good.company, **change)), field)


def test_a_taken_login_email_is_refused_in_neutral_words() -> None:
    theirs = factories.make_partner(name="Theirs")
    taken = theirs.owner.email
    mine = factories.make_partner(name="Mine")
    good = factories.new_customer(mine)
    new = dataclasses.replace(good, admin=dataclasses.replace(good.admin, login_email=taken.upper()))
    refusal = _refused(mine, new, "admin_login_email")
    assert str(refusal.fields["admin_login_email"]) == "This login e-mail can't be used. Choose another one."


def test_a_draft_makes_one_customer() -> None:
    world = factories.make_partner()
    draft_id = ids.new_id()
    creation.save_draft(by=world.actor, draft_id=draft_id, step="company", data={"company_name": "W"}, at=factories.NOW)
    new = factories.new_customer(world)
    first = creation.create_customer(by=world.actor, new=new, draft_id=draft_id, at=factories.NOW)
    second = creation.create_customer(by=world.actor, new=new, draft_id=draft_id, at=factories.NOW)
    assert first.id == second.id
    assert Customer.objects.filter(partner_id=world.id).count() == 1
    with pytest.raises(Refused, match="created already"):
        creation.save_draft(by=world.actor, draft_id=draft_id, step="company", data={}, at=factories.NOW)
    creation.discard_draft(by=world.actor, draft_id=draft_id)
    assert CustomerDraft.objects.filter(id=draft_id).exists()


def test_another_partners_draft_is_not_found() -> None:
    theirs = factories.make_partner(name="Theirs")
    draft_id = ids.new_id()
    creation.save_draft(
        by=theirs.actor, draft_id=draft_id, step="company", data={"company_name": "T"}, at=factories.NOW
    )
    mine = factories.make_partner(name="Mine")
    assert queries.get_draft(by=mine.actor, draft_id=draft_id) is None
    with pytest.raises(NotFound):
        creation.save_draft(by=mine.actor, draft_id=draft_id, step="company", data={}, at=factories.NOW)
    with pytest.raises(NotFound):
        creation.create_customer(by=mine.actor, new=factories.new_customer(mine), draft_id=draft_id, at=factories.NOW)
    creation.discard_draft(by=mine.actor, draft_id=draft_id)
    scope.enter(partner_id=theirs.id)
    assert CustomerDraft.objects.get(id=draft_id).company_name == "T"


@pytest.mark.parametrize("role", [Role.READ_ONLY, Role.BILLING, Role.SUPPORT])
def test_who_may_not_create_changes_nothing(role: Role) -> None:
    world = factories.make_partner()
    actor = factories.actor_of(factories.add_colleague(world, role=role))
    with pytest.raises(Forbidden):
        creation.create_customer(by=actor, new=factories.new_customer(world), draft_id=None, at=factories.NOW)
    assert not Tenant.objects.filter(partner_id=world.id, kind="customer").exists()


def _refused(world: factories.PartnerWorld, new: inputs.NewCustomer, field: str) -> Refused:
    """Try to create, expect a refusal at one field, and that nothing was left behind."""
    logins = Login.objects.count()
    entries = Entry.objects.count()
    # As in life, where the refused request's transaction is rolled back.
    with pytest.raises(Refused) as refusal, transaction.atomic():
        creation.create_customer(by=world.actor, new=new, draft_id=None, at=factories.NOW)
    assert field in refusal.value.fields, refusal.value.fields
    assert not Tenant.objects.filter(partner_id=world.id, kind="customer").exists()
    assert not Contact.objects.filter(partner_id=world.id).exists()
    assert Login.objects.count() == logins
    assert Entry.objects.count() == entries
    return refusal.value


def test_a_customer_is_made_in_few_statements(django_assert_num_queries: Any) -> None:
    world = factories.make_partner()
    factories.make_customer(world)
    scope.enter(partner_id=world.id)
    new = factories.new_customer(world, name="Few Statements")
    with django_assert_num_queries(8):  # terms, BEGIN and COMMIT as savepoints, tenant, customer, two entries, one job
        creation.create_customer(by=world.actor, new=new, draft_id=None, at=factories.NOW)
