"""Sample customers made by the set: they pass our own checks, are found, and their pages work."""

import pytest
from django.test import Client
from tests import factories

from msphub.accounts.choices import Status
from msphub.accounts.models import BillingProfile, Login, StatusInterval, Subscription, Tenant, User
from msphub.audit.models import Entry
from msphub.customers import creation, events, inputs, mass_seeding, queries
from msphub.customers.models import Contact, Customer, SalesRepresentative
from msphub.kit import scope, text
from msphub.kit.addresses import Address
from msphub.kit.errors import Refused

pytestmark = pytest.mark.django_db
COUNT = 60


def _world() -> factories.PartnerWorld:
    world = factories.make_partner()
    mass_seeding.seed_customers(by=world.actor, count=COUNT, at=factories.NOW)
    return world


def test_seeded_customers_pass_the_checks_of_the_wizard() -> None:
    world = _world()
    customers = Customer.objects.filter(partner_id=world.id).select_related("tenant")
    assert len(customers) == COUNT
    for customer in customers:
        tenant = customer.tenant
        own = {"partner_id": world.id, "customer_id": tenant.id}
        profile, user = BillingProfile.objects.get(**own), User.objects.select_related("login").get(**own)
        contacts = {contact.kind: contact for contact in Contact.objects.filter(**own)}
        address = {
            name: getattr(customer, name) for name in ("country", "line1", "line2", "city", "state", "postal_code")
        }
        company = inputs.Company(
            name=tenant.name,
            customer_type_id=customer.customer_type_id,
            country=tenant.country,
            partner_subscription_id=customer.partner_subscription_id,
            address=Address(**address),
            billing_profile_name=profile.name,
            bill_to=profile.bill_to,
            billing_address=Address(**{name: getattr(profile, name) for name in address}),
        )
        assert inputs.check_company(company) == (company, {})
        assert not creation.check_terms(
            by=world.actor,
            customer_type_id=customer.customer_type_id,
            partner_subscription_id=customer.partner_subscription_id,
            country=tenant.country,
        )
        for prefix, contact in contacts.items():
            names = ("first_name", "last_name", "email", "phone_country", "phone", "fax")
            entered = inputs.Contact(**{name: getattr(contact, name) for name in names})
            assert inputs.check_contact(entered, prefix=f"{prefix}_", country=tenant.country) == (entered, {})
        admin = inputs.Admin(
            first_name=user.first_name,
            last_name=user.last_name,
            display_name=user.display_name,
            login_email=user.email,
            contact_email=user.contact_email,
        )
        assert inputs.check_admin(admin) == (admin, {})
        assert not user.login.has_usable_password()
        assert Subscription.objects.get(**own).billing_profile_id == profile.id
        sellers = SalesRepresentative.objects.filter(**own)
        assert [seller.name for seller in sellers] == ([customer.sales_name] if customer.sales_name else [])
        for one in sellers:
            entered = inputs.Representative(name=one.name, email=one.email, phone=one.phone)
            assert inputs.check_representatives([entered]) == ((entered,), {})
        primary, billing = contacts["primary"], contacts["billing"]
        words = text.search_text(
            tenant.name,
            f"{primary.first_name} {primary.last_name}",
            primary.email,
            f"{billing.first_name} {billing.last_name}",
            billing.email,
            user.email,
        )
        assert set(customer.search_text.split()) == set(words.split())
        assert tenant.sort_name == customer.sort_name == text.fold(tenant.name)
        assert customer.contact_name == f"{primary.first_name} {primary.last_name}"
        assert customer.contact_sort == text.fold(customer.contact_name)
        open_spells = StatusInterval.objects.filter(customer_id=tenant.id, ended_at=None)
        assert [spell.status for spell in open_spells] == ([] if tenant.status == Status.ACTIVE else [tenant.status])


def test_a_second_run_adds_others_and_each_run_is_recorded_once() -> None:
    world = _world()
    mass_seeding.seed_customers(by=world.actor, count=COUNT, at=factories.NOW)
    names = set(Tenant.objects.filter(partner_id=world.id, kind="customer").values_list("name", flat=True))
    assert len(names) == 2 * COUNT
    labels = Entry.objects.filter(event=events.CUSTOMERS_SEEDED).values_list("object_label", flat=True)
    assert list(labels) == ["60 sample customers"] * 2
    assert not Entry.objects.filter(event=events.CUSTOMER_CREATED).exists()


def test_seeded_customers_are_found_and_their_pages_work() -> None:
    world = _world()
    tenant = Tenant.objects.filter(partner_id=world.id, kind="customer").order_by("id")[7]
    found = queries.customers_page(by=world.actor, narrowed=queries.CustomerFilter(search=tenant.name))
    assert [row.id for row in found.rows] == [tenant.id]
    client = Client()
    client.force_login(
        Login.objects.get(id=world.owner.login_id), backend="msphub.accounts.sessions.AuthenticationBackend"
    )
    assert f"{COUNT} customers" in client.get("/customers/").content.decode()
    for tab in ("products", "profile", "users", "audit-logs"):
        assert client.get(f"/customers/{tenant.id}/{tab}/").status_code == 200


def test_a_partner_sells_where_it_has_terms_only() -> None:
    world = factories.make_partner(country="BR", currency="BRL")
    with pytest.raises(Refused, match="no credit terms"):
        mass_seeding.seed_customers(by=world.actor, count=1, at=factories.NOW)
    assert not Tenant.objects.filter(kind="customer").exists()


def test_names_go_on_after_all_have_been_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mass_seeding.samples, "FIRST", ["Amber"])
    monkeypatch.setattr(mass_seeding.samples, "MIDDLE", ["Bay"])
    monkeypatch.setattr(mass_seeding.samples, "FAMILY", ["van Dijk"])
    monkeypatch.setattr(mass_seeding.samples, "SECOND", ["Tours"])
    monkeypatch.setattr(mass_seeding.samples, "PLACES", [("US", "WA", "Seattle", "98101", "+12065550143")])
    monkeypatch.setattr(mass_seeding.samples, "FORMS", {"US": ("Inc.",)})
    monkeypatch.setattr(mass_seeding, "BATCH", 2)
    world = factories.make_partner()
    scope.enter(partner_id=world.id)
    heard: list[int] = []
    mass_seeding.seed_customers(by=world.actor, count=5, at=factories.NOW, say=heard.append)
    assert heard == [2, 4, 5]
    assert sorted(Tenant.objects.filter(kind="customer").values_list("name", flat=True)) == [
        "Amber Bay Tours 2 Inc.",
        "Amber Bay Tours 3 Inc.",
        "Amber Bay Tours Inc.",
        "Amber van Dijk Tours 2 Inc.",
        "Amber van Dijk Tours Inc.",
    ]
