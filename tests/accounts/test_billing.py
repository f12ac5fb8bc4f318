"""Billing profiles and subscriptions: made and changed by the rules, each change on record, nobody else's in reach."""

import dataclasses
import datetime
import threading
import time
import uuid
from collections.abc import Callable

import pytest
from django.db import connection, connections, transaction
from tests import factories

from msphub.accounts import billing, billing_lists, queries, tax_registrations
from msphub.accounts.billing import ProfileEntry, SubscriptionEntry
from msphub.accounts.choices import Role, Status
from msphub.accounts.models import BillingProfile, Subscription
from msphub.audit.models import Entry
from msphub.customers import actions, creation, selling
from msphub.customers.models import Customer
from msphub.kit import ids, scope
from msphub.kit.addresses import Address
from msphub.kit.errors import Forbidden, NotFound, Refused
from msphub.kit.lists import Wanted

pytestmark = pytest.mark.django_db
AT = factories.NOW + datetime.timedelta(hours=1)
UTRECHT = ProfileEntry(
    name="Europe",
    bill_to="Cascade Europe B.V.",
    address=Address(country="NL", line1="Stationsplein 12", city="Utrecht", postal_code="3511 ED"),
)


@pytest.fixture
def world() -> factories.PartnerWorld:
    return factories.make_partner()


def entry(profile: BillingProfile, **changed: object) -> SubscriptionEntry:
    made = SubscriptionEntry(
        name="Europe",
        country="NL",
        state="",
        billing_profile_id=profile.id,
        currency="EUR",
        tax_registration="NL4495445B01",
        number_series="EU",
        time_zone="Europe/Amsterdam",
        payment_instructions="Pay by transfer.",
    )
    return dataclasses.replace(made, **changed)  # type: ignore[arg-type]


def refused(call: object, **arguments: object) -> dict[str, str]:
    """Call an action that must refuse, and return its messages by field."""
    with pytest.raises(Refused) as refusal:
        call(**arguments)  # type: ignore[operator]
    return {name: str(text) for name, text in refusal.value.fields.items()} or {"": str(refusal.value.message)}


def test_a_profile_and_a_subscription_are_made_and_recorded(world: factories.PartnerWorld) -> None:
    profile = billing.save_profile(by=world.actor, customer_id=None, entry=UTRECHT, at=AT)
    made = billing.save_subscription(by=world.actor, customer_id=None, entry=entry(profile), at=AT)
    assert (made.name, made.currency, made.tax_registration, made.number_series) == (
        "Europe",
        "EUR",
        "NL4495445B01",
        "EU",
    )
    created = Entry.objects.get(event="subscription.created", object_id=made.id)
    assert created.changes["Billing profile"] == [None, "Europe"]
    assert created.changes["Country"] == [None, "Netherlands"]
    found = billing_lists.subscriptions_page(by=world.actor, customer_id=None, wanted=Wanted(sort="name"))
    assert "Europe" in [row.name for row in found.rows]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "Europe 2"}, "name"),
        ({"name": "_ _"}, "name"),
        ({"name": "x" * 10_000}, "name"),
        ({"name": "Eu\u0000rope"}, "name"),
        ({"country": "ZZ"}, "country"),
        ({"country": "US", "state": "BY", "tax_registration": ""}, "state"),
        ({"country": "US", "state": "", "tax_registration": ""}, "state"),
        ({"billing_profile_id": None}, "billing_profile"),
        ({"billing_profile_id": uuid.uuid4()}, "billing_profile"),
        ({"currency": "XXQ"}, "currency"),
        ({"currency": "DEM"}, "currency"),  # nobody pays in it any more
        ({"tax_registration": "NL123"}, "tax_registration"),
        ({"number_series": "no spaces"}, "number_series"),
        ({"number_series": "MUCH-TOO-LONG-A-SERIES"}, "number_series"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone"),
        ({"time_zone": "localtime"}, "time_zone"),
        ({"payment_instructions": "x" * 2001}, "payment_instructions"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_made(
    world: factories.PartnerWorld, changed: dict[str, object], field: str
) -> None:
    profile = billing.save_profile(by=world.actor, customer_id=None, entry=UTRECHT, at=AT)
    before = Subscription.objects.count()
    problems = refused(
        billing.save_subscription, by=world.actor, customer_id=None, entry=entry(profile, **changed), at=AT
    )
    assert set(problems) == {field}
    assert Subscription.objects.count() == before


@pytest.mark.parametrize("name", ["Zentrale", "Île de France", "حساب رئيسي", "हिन्दी", "a_b c"])
def test_names_are_letters_of_any_script_spaces_and_underscores(world: factories.PartnerWorld, name: str) -> None:
    profile = billing.save_profile(by=world.actor, customer_id=None, entry=UTRECHT, at=AT)
    made = billing.save_subscription(by=world.actor, customer_id=None, entry=entry(profile, name=name), at=AT)
    assert made.name == name


@pytest.mark.parametrize(
    ("country", "number"),
    [("US", "04-2103594"), ("DE", "DE 136,695 976"), ("AU", "83 914 571 673"), ("QA", "anything goes"), ("US", "")],
)
def test_a_tax_registration_follows_its_countrys_rule(country: str, number: str) -> None:
    assert tax_registrations.check(number, country=country) == (number, None)
    if number and country != "QA":
        assert tax_registrations.check(number[:-1], country=country)[1]


def test_a_name_that_differs_by_case_and_a_series_that_is_taken_are_refused(world: factories.PartnerWorld) -> None:
    profile = billing.save_profile(by=world.actor, customer_id=None, entry=UTRECHT, at=AT)
    billing.save_subscription(by=world.actor, customer_id=None, entry=entry(profile), at=AT)
    twice = entry(profile, name="EUROPE", number_series="")
    assert (
        "name already"
        in refused(billing.save_subscription, by=world.actor, customer_id=None, entry=twice, at=AT)["name"]
    )
    other = entry(profile, name="Nordics")
    assert "number_series" in refused(billing.save_subscription, by=world.actor, customer_id=None, entry=other, at=AT)
    assert Subscription.objects.filter(customer_id=None).count() == 2


def test_a_profile_that_lacks_something_makes_no_subscription(world: factories.PartnerWorld) -> None:
    bare = BillingProfile.objects.get(customer_id=None)  # as `msphub partner create` leaves it: no address
    problems = refused(billing.save_subscription, by=world.actor, customer_id=None, entry=entry(bare), at=AT)
    assert problems["billing_profile"].startswith("The billing profile is not complete")


def test_a_stale_change_is_refused_and_the_right_one_is_recorded(world: factories.PartnerWorld) -> None:
    profile = billing.save_profile(by=world.actor, customer_id=None, entry=UTRECHT, at=AT)
    moved = dataclasses.replace(UTRECHT, bill_to="Cascade Nederland B.V.")
    changed = billing.save_profile(
        by=world.actor, customer_id=None, entry=moved, at=AT, profile_id=profile.id, version=1
    )
    assert changed.version == 2
    with pytest.raises(Refused, match="Somebody else has changed this"):
        billing.save_profile(by=world.actor, customer_id=None, entry=UTRECHT, at=AT, profile_id=profile.id, version=1)
    told = Entry.objects.get(event="billing_profile.changed", object_id=profile.id)
    assert told.changes == {"Bill To": ["Cascade Europe B.V.", "Cascade Nederland B.V."]}
    same = billing.save_profile(by=world.actor, customer_id=None, entry=moved, at=AT, profile_id=profile.id, version=2)
    assert same.version == 2  # nothing changed, nothing recorded
    assert Entry.objects.filter(event="billing_profile.changed").count() == 1


def test_currency_and_country_stay_while_customers_are_charged_under_it(world: factories.PartnerWorld) -> None:
    profile = billing.save_profile(by=world.actor, customer_id=None, entry=UTRECHT, at=AT)
    arguments = {"by": world.actor, "customer_id": None, "at": AT, "subscription_id": world.subscription.id}
    dollars = entry(profile, country="US", state="WA", currency="USD", tax_registration="")
    selling.save_subscription(**arguments, entry=entry(profile), version=1)  # nobody is charged under it yet
    selling.save_subscription(**arguments, entry=dollars, version=2)
    factories.make_customer(world)
    problems = refused(selling.save_subscription, **arguments, entry=entry(profile), version=3)
    assert set(problems) == {"currency", "country"}
    renamed = selling.save_subscription(**arguments, entry=dataclasses.replace(dollars, name="Americas"), version=3)
    assert (renamed.name, renamed.currency, renamed.country) == ("Americas", "USD", "US")
    told = Entry.objects.filter(event="subscription.changed", object_id=renamed.id).latest("id")
    assert told.changes == {"Name": ["Europe", "Americas"]}


def test_a_form_that_is_sent_twice_makes_one(world: factories.PartnerWorld) -> None:
    form = ids.new_id()
    first, second = (
        billing.save_profile(by=world.actor, customer_id=None, entry=UTRECHT, at=AT, new_id=form) for _ in range(2)
    )
    assert first.id == second.id == form
    arguments = {"by": world.actor, "customer_id": None, "entry": entry(first), "at": AT, "new_id": form}
    assert selling.save_subscription(**arguments).id == selling.save_subscription(**arguments).id == form
    assert Entry.objects.filter(object_id=form).count() == 2
    stranger = factories.make_partner(name="Stranger")
    with pytest.raises(NotFound):
        billing.save_profile(by=stranger.actor, customer_id=None, entry=UTRECHT, at=AT, new_id=form)


def test_a_partner_subscription_in_use_stays_active_and_names_its_customers(world: factories.PartnerWorld) -> None:
    factories.make_customer(world, name="Tailspin")
    arguments = {"by": world.actor, "customer_id": None, "subscription_id": world.subscription.id, "at": AT}
    with pytest.raises(Refused, match="1 customer is charged under it: Tailspin") as refusal:
        selling.set_active(**arguments, active=False)
    assert refusal.value.code == "in_use"
    assert Subscription.objects.get(id=world.subscription.id).active


def test_customers_off_the_grid_count_and_are_told_apart(world: factories.PartnerWorld) -> None:
    tenant = factories.make_customer(world, name="Tailspin")
    factories.set_status(world, tenant, Status.DISABLED)
    actions.archive_customer(by=world.actor, customer_id=tenant.id, archived=True, at=AT)
    ids_of = [world.subscription.id]
    alone = selling.charged_under(by=world.actor, subscription_ids=ids_of)[world.subscription.id]
    assert (alone.count, alone.first, alone.any_archived, alone.all_archived) == (1, ["Tailspin"], True, True)
    factories.make_customer(world, name="Wingtip")
    both = selling.charged_under(by=world.actor, subscription_ids=ids_of)[world.subscription.id]
    assert (both.count, both.first, both.any_archived, both.all_archived) == (2, ["Tailspin", "Wingtip"], True, False)


def test_an_inactive_one_is_not_offered_and_not_taken(world: factories.PartnerWorld) -> None:
    selling.set_active(by=world.actor, customer_id=None, subscription_id=world.subscription.id, active=False, at=AT)
    problems = creation.check_terms(
        by=world.actor,
        customer_type_id=world.customer_type.id,
        partner_subscription_id=world.subscription.id,
        country="US",
    )
    assert set(problems) == {"partner_subscription"}
    again = selling.set_active(
        by=world.actor, customer_id=None, subscription_id=world.subscription.id, active=False, at=AT
    )
    assert again.version == 2
    assert Entry.objects.filter(event="subscription.changed").count() == 1


def test_a_customer_keeps_one_active_subscription(world: factories.PartnerWorld) -> None:
    tenant = factories.make_customer(world)
    first = Subscription.objects.get(customer_id=tenant.id)
    with pytest.raises(Refused, match="only active subscription"):
        selling.set_active(by=world.actor, customer_id=tenant.id, subscription_id=first.id, active=False, at=AT)
    profile = queries.first_billing_profile(by=world.actor, customer_id=tenant.id)
    assert profile is not None
    second = billing.save_subscription(
        by=factories.actor_of(factories.admin_of(tenant)),
        customer_id=tenant.id,
        entry=entry(profile, name="Projects", country="US", state="WA"),
        at=AT,
    )
    assert second.currency == second.number_series == second.payment_instructions == ""
    selling.set_active(by=world.actor, customer_id=tenant.id, subscription_id=first.id, active=False, at=AT)
    assert not Subscription.objects.get(id=first.id).active


def test_nobody_reaches_anothers(world: factories.PartnerWorld) -> None:
    tenant = factories.make_customer(world)
    sibling = factories.make_customer(world, name="Sibling")
    theirs = queries.first_billing_profile(by=world.actor, customer_id=sibling.id)
    admin = factories.actor_of(factories.admin_of(tenant))
    stranger = factories.make_partner(name="Stranger")
    scope.enter(partner_id=stranger.id)
    for by, customer_id in ((stranger.actor, sibling.id), (stranger.actor, None)):
        with pytest.raises(NotFound):
            billing.save_profile(
                by=by,
                customer_id=customer_id,
                entry=UTRECHT,
                at=AT,
                profile_id=theirs.id,
                version=1,  # type: ignore[union-attr]
            )
    scope.enter(partner_id=world.id, customer_id=tenant.id)
    for customer_id in (sibling.id, None):
        with pytest.raises(NotFound):
            billing.save_profile(by=admin, customer_id=customer_id, entry=UTRECHT, at=AT)
        with pytest.raises(NotFound):
            billing_lists.profiles_page(by=admin, customer_id=customer_id, wanted=Wanted(sort="name"))
    scope.enter(partner_id=world.id)
    reader = factories.actor_of(factories.add_colleague(world, role=Role.READ_ONLY))
    with pytest.raises(Forbidden):
        billing.save_profile(by=reader, customer_id=None, entry=UTRECHT, at=AT)
    assert BillingProfile.objects.get(id=theirs.id).bill_to != UTRECHT.bill_to  # type: ignore[union-attr]
    problems = refused(
        billing.save_subscription,
        by=world.actor,
        customer_id=tenant.id,
        entry=entry(theirs, name="Main two".replace(" two", "er"), country="US", state="WA"),  # type: ignore[arg-type]
        at=AT,
    )
    assert set(problems) == {"billing_profile"}  # a sibling's profile is none of this customer's


@pytest.mark.parametrize(
    ("name", "searches"),
    [
        ("Île de France", ["île", "ILE", "fran ile", "France"]),
        ("हिन्दी", ["हिन्दी", "हि"]),
        ("حساب رئيسي", ["رئيسي"]),
        ("Große_Kunden", ["große", "GROSSE", "kund"]),
    ],
)
def test_names_are_found_as_typed_and_without_accents(
    world: factories.PartnerWorld, name: str, searches: list[str]
) -> None:
    profile = billing.save_profile(by=world.actor, customer_id=None, entry=UTRECHT, at=AT)
    billing.save_subscription(by=world.actor, customer_id=None, entry=entry(profile, name=name), at=AT)
    for search in (*searches, "nothing-like-it", "\x00"):
        found = billing_lists.subscriptions_page(
            by=world.actor, customer_id=None, wanted=Wanted(sort="name"), search=search
        )
        assert (name in [row.name for row in found.rows]) == (search != "nothing-like-it"), search


def test_lists_page_search_and_sort_in_one_statement(
    world: factories.PartnerWorld, django_assert_num_queries: object
) -> None:
    profile = billing.save_profile(by=world.actor, customer_id=None, entry=UTRECHT, at=AT)
    for name in ("Alpha", "beta", "Gamma delta"):
        billing.save_subscription(
            by=world.actor, customer_id=None, entry=entry(profile, name=name, number_series=""), at=AT
        )

    def names(**arguments: object) -> list[str]:
        wanted = Wanted(sort="name", **{k: arguments.pop(k) for k in ("size", "after", "descending") if k in arguments})  # type: ignore[arg-type]
        with django_assert_num_queries(1):  # type: ignore[operator]
            found = billing_lists.subscriptions_page(
                by=world.actor,
                customer_id=None,
                wanted=wanted,
                **arguments,  # type: ignore[arg-type]
            )
        return [row.name for row in found.rows]

    everything = names()
    assert everything[:1] == ["Alpha"]
    assert names(descending=True) == everything[::-1]
    assert names(search="delt") == ["Gamma delta"]
    assert names(countries=["NL"]) == ["Alpha", "beta", "Gamma delta"]
    assert names(statuses=["inactive"]) == []
    first = billing_lists.subscriptions_page(by=world.actor, customer_id=None, wanted=Wanted(sort="name", size=2))
    assert first.has_next
    assert not first.has_previous
    rest = billing_lists.subscriptions_page(
        by=world.actor, customer_id=None, wanted=Wanted(sort="name", size=2, after=first.keys[-1])
    )
    assert [row.name for row in [*first.rows, *rest.rows]] == everything
    back = billing_lists.subscriptions_page(
        by=world.actor, customer_id=None, wanted=Wanted(sort="name", size=2, before=rest.keys[0])
    )
    assert [row.name for row in back.rows] == [row.name for row in first.rows]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["made inactive", "sold in another currency"])
def test_a_customer_made_while_its_partner_subscription_changes_is_refused(what: str) -> None:
    """Creation waits for whoever changes the selling entity, and then sees what it is now."""
    world = factories.make_partner()
    profile = billing.save_profile(by=world.actor, customer_id=None, entry=UTRECHT, at=AT)
    changes: dict[str, Callable[[], object]] = {
        "made inactive": lambda: selling.set_active(
            by=world.actor, customer_id=None, subscription_id=world.subscription.id, active=False, at=AT
        ),
        "sold in another currency": lambda: selling.save_subscription(
            by=world.actor,
            customer_id=None,
            entry=entry(profile),
            at=AT,
            subscription_id=world.subscription.id,
            version=1,
        ),
    }
    outcome: list[object] = []

    def create() -> None:
        scope.enter(partner_id=world.id)
        try:
            creation.create_customer(by=world.actor, new=factories.new_customer(world), draft_id=None, at=AT)
            outcome.append("made")
        except Refused as refusal:
            outcome.append(set(refusal.fields))
        finally:
            connections.close_all()

    other = threading.Thread(target=create)
    with transaction.atomic():
        changes[what]()
        other.start()
        _until_somebody_waits()
    other.join(60)
    assert outcome == [{"partner_subscription"} if what == "made inactive" else {"customer_type"}]
    scope.enter(partner_id=world.id)
    assert not Customer.objects.exists()


def _until_somebody_waits() -> None:
    """Return once another session waits for a lock of this one."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
            )
            if cursor.fetchone()[0]:
                return
        time.sleep(0.05)
    raise AssertionError("nobody waited for the lock")
