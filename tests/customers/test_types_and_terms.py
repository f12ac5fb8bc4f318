"""Customer types and credit terms: what they refuse, whom a change concerns, and what two people at once may do."""

import dataclasses
import datetime
import threading
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, connections
from tests import factories

from msphub.accounts.choices import PARTNER_ROLES, Role
from msphub.accounts.models import Subscription
from msphub.audit.models import Entry
from msphub.catalog import actions as catalog
from msphub.catalog.inputs import Heading, Rates
from msphub.catalog.models import Discount
from msphub.customers import (
    creation,
    credit_terms,
    customer_types,
    permissions,
    queries,
    term_lists,
    type_effects,
    type_usage,
)
from msphub.customers.customer_types import CountryTerms
from msphub.customers.models import CreditTerm, Customer, CustomerType, CustomerTypeDiscount, CustomerTypeTerm
from msphub.kit import scope
from msphub.kit.errors import Forbidden, NotFound, Refused
from msphub.kit.lists import Wanted
from msphub.kit.permissions import of_role

NOW = factories.NOW
LATER = NOW + datetime.timedelta(hours=1)


def entered(**changes: Any) -> credit_terms.Entered:
    good = credit_terms.Entered(
        name="Net 14",
        country="US",
        currency="USD",
        credit_limit=Decimal("2500.50"),
        due_days=14,
        on_reach="on_due",
        credit_hold="automatic",
    )
    return dataclasses.replace(good, **changes)


def add_term(world: factories.PartnerWorld, **changes: Any) -> CreditTerm:
    scope.enter(partner_id=world.id)
    return credit_terms.create_credit_term(by=world.actor, **dataclasses.asdict(entered(**changes)), at=NOW)


def add_discount(
    world: factories.PartnerWorld, *, name: str, percent: str, country: str = "US", category: str = "default"
) -> Discount:
    scope.enter(partner_id=world.id)
    return catalog.create_discount(
        by=world.actor,
        heading=Heading(name=name, vendor="microsoft", country=country, category=category),
        valid_from=NOW.date(),
        rates=Rates(percent=Decimal(percent)),
        at=NOW,
    )


def add_type(world: factories.PartnerWorld, *rows: CountryTerms, name: str = "Schools") -> CustomerType:
    scope.enter(partner_id=world.id)
    return customer_types.create_customer_type(by=world.actor, name=name, countries=rows, at=NOW)


def us_term(world: factories.PartnerWorld) -> CreditTerm:
    """The term of the world's own customer type."""
    scope.enter(partner_id=world.id)
    return CreditTerm.objects.get(partner_id=world.id, name="Net 30 US")


def change(world: factories.PartnerWorld, kind: CustomerType, *rows: CountryTerms, name: str = "") -> CustomerType:
    return customer_types.change_customer_type(
        by=world.actor,
        type_id=kind.id,
        entered=customer_types.Entered(name=name or kind.name, countries=rows),
        version=CustomerType.objects.get(id=kind.id).version,
        at=LATER,
    )


pytestmark = pytest.mark.django_db


# Credit terms


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "N" * 10_000}, "name"),
        ({"name": "Net\x0014"}, "name"),
        ({"name": "Net\u202e14"}, "name"),
        ({"country": "XX"}, "country"),
        ({"country": ""}, "country"),
        ({"currency": "US"}, "currency"),
        ({"credit_limit": None}, "credit_limit"),
        ({"credit_limit": Decimal(-1)}, "credit_limit"),
        ({"credit_limit": Decimal("0.001")}, "credit_limit"),
        ({"credit_limit": Decimal("1e15")}, "credit_limit"),
        ({"credit_limit": Decimal("NaN")}, "credit_limit"),
        ({"credit_limit": Decimal("10.5"), "currency": "JPY"}, "credit_limit"),
        ({"due_days": None}, "due_days"),
        ({"due_days": -1}, "due_days"),
        ({"due_days": 366}, "due_days"),
        ({"on_reach": "explode"}, "on_reach"),
        ({"credit_hold": ""}, "credit_hold"),
    ],
)
def test_a_term_that_makes_no_sense_is_refused_at_its_field(changes: dict[str, Any], field: str) -> None:
    world = factories.make_partner()
    before = (CreditTerm.objects.count(), Entry.objects.count())
    with pytest.raises(Refused) as refusal:
        add_term(world, **changes)
    assert list(refusal.value.fields) == [field]
    assert (CreditTerm.objects.count(), Entry.objects.count()) == before


@pytest.mark.parametrize("name", ["صافي ٣٠ 🤝", "Netto 30 Tage", "Ĳ" * 100])
def test_names_of_all_scripts_are_taken(name: str) -> None:
    assert add_term(factories.make_partner(), name=name).name


def test_a_term_created_twice_by_one_form_is_one_and_audited_once() -> None:
    world = factories.make_partner()
    form = uuid.uuid4()
    made = [
        credit_terms.create_credit_term(by=world.actor, **dataclasses.asdict(entered()), at=NOW, term_id=form)
        for _click in range(2)
    ]
    assert made[0].id == made[1].id == form
    entry = Entry.objects.get(event="credit_term.created", object_id=form)
    assert entry.changes["Credit Limit"] == [None, {"amount": "2500.50", "currency": "USD"}]
    assert entry.changes["On Reach of Credit Limit"] == [None, "On Invoice Due Date"]


def test_a_name_that_differs_only_by_case_is_refused() -> None:
    world = factories.make_partner()
    add_term(world)
    with pytest.raises(Refused) as refusal:
        add_term(world, name="NET 14")
    assert refusal.value.code == "name_taken"
    other = factories.make_partner(name="Other")
    assert add_term(other).partner_id == other.id


def test_changing_a_term_tells_old_and_new_and_refuses_an_older_form() -> None:
    world = factories.make_partner()
    term = add_term(world)
    credit_terms.change_credit_term(
        by=world.actor, term_id=term.id, entered=entered(due_days=30, name="Net 30"), version=1, at=LATER
    )
    entry = Entry.objects.get(event="credit_term.changed")
    assert entry.changes == {"Name": ["Net 14", "Net 30"], "Due Period": ["14 days", "30 days"]}
    with pytest.raises(Refused) as refusal:
        credit_terms.change_credit_term(
            by=world.actor, term_id=term.id, entered=entered(due_days=60), version=1, at=LATER
        )
    assert refusal.value.code == "stale"
    assert CreditTerm.objects.get(id=term.id).due_days == 30
    unchanged = credit_terms.change_credit_term(
        by=world.actor, term_id=term.id, entered=entered(due_days=30, name="Net 30"), version=2, at=LATER
    )
    assert unchanged.version == 2
    assert Entry.objects.filter(event="credit_term.changed").count() == 1


def test_a_used_terms_country_stays_and_it_can_not_be_deleted() -> None:
    world = factories.make_partner()
    term = us_term(world)
    same = entered(name=term.name, country="CA", currency="USD")
    with pytest.raises(Refused, match="Standard") as refusal:
        credit_terms.change_credit_term(by=world.actor, term_id=term.id, entered=same, version=1, at=LATER)
    assert "country" in refusal.value.fields
    with pytest.raises(Refused, match="Standard"):
        credit_terms.delete_credit_term(by=world.actor, term_id=term.id, at=LATER)
    assert CreditTerm.objects.get(id=term.id).country == "US"
    unused = add_term(world)
    credit_terms.delete_credit_term(by=world.actor, term_id=unused.id, at=LATER)
    assert not CreditTerm.objects.filter(id=unused.id).exists()
    assert Entry.objects.get(event="credit_term.deleted").changes["Due Period"] == ["14 days", None]
    with pytest.raises(NotFound):
        credit_terms.delete_credit_term(by=world.actor, term_id=unused.id, at=LATER)


def test_a_currency_that_customers_are_not_charged_in_is_refused_with_their_names() -> None:
    world = factories.make_partner()
    factories.make_customer(world, name="Lakeside Ltd")
    term = us_term(world)
    euro = credit_terms.Entered(
        name=term.name,
        country="US",
        currency="EUR",
        credit_limit=term.credit_limit,
        due_days=term.due_days,
        on_reach=term.on_reach,
        credit_hold=term.credit_hold,
    )
    effects, problems = type_effects.of_term_change(by=world.actor, term_id=term.id, entered=euro)
    assert problems == {}
    assert [one.name for one in effects.in_the_way] == ["Lakeside Ltd"]
    with pytest.raises(Refused, match=r"Lakeside Ltd \(USD\)"):
        credit_terms.change_credit_term(by=world.actor, term_id=term.id, entered=euro, version=1, at=LATER)
    assert CreditTerm.objects.get(id=term.id).currency == "USD"


def test_what_a_term_change_would_do_names_types_and_customers_and_changes_nothing() -> None:
    world = factories.make_partner()
    factories.make_customer(world)
    factories.make_customer(world)
    term = us_term(world)
    new = entered(name=term.name, credit_limit=term.credit_limit, due_days=60, on_reach="no_action")
    new = dataclasses.replace(new, credit_hold="manual")
    effects, problems = type_effects.of_term_change(by=world.actor, term_id=term.id, entered=new)
    assert (problems, effects.changes) == ({}, {"Due Period": ("30 days", "60 days")})
    assert [(one.name, one.customers.count) for one in effects.types] == [("Standard", 2)]
    assert CreditTerm.objects.get(id=term.id).due_days == 30


# Customer types


def test_a_type_holds_one_term_a_country_and_one_discount_a_vendor_and_category() -> None:
    world = factories.make_partner()
    term = us_term(world)
    german = add_term(world, name="Net 14 DE", country="DE", currency="EUR")
    five, seven = (add_discount(world, name=f"{one} off", percent=one) for one in ("5", "7"))
    azure = add_discount(world, name="Azure", percent="3", category="azure_plan")
    rows: list[tuple[tuple[CountryTerms, ...], str]] = [
        ((), "country_1"),
        ((CountryTerms(country="", credit_term_id=term.id),), "country_1"),
        ((CountryTerms(country="US", credit_term_id=None),), "term_1"),
        ((CountryTerms(country="US", credit_term_id=german.id),), "term_1"),
        ((CountryTerms(country="US", credit_term_id=uuid.uuid4()),), "term_1"),
        ((CountryTerms(country="US", credit_term_id=term.id),) * 2, "country_2"),
        ((CountryTerms(country="US", credit_term_id=term.id, discount_ids=(five.id, seven.id)),), "discounts_1"),
        ((CountryTerms(country="DE", credit_term_id=german.id, discount_ids=(five.id,)),), "discounts_1"),
    ]  # fmt: skip
    for several, field in rows:
        with pytest.raises(Refused) as refusal:
            add_type(world, *several)
        assert list(refusal.value.fields) == [field], several
    assert CustomerType.objects.count() == 1
    kind = add_type(world, CountryTerms(country="US", credit_term_id=term.id, discount_ids=(five.id, azure.id)))
    assert Entry.objects.get(event="customer_type.created", object_id=kind.id).changes == {
        "Name": [None, "Schools"],
        "Credit Term, United States": [None, "Net 30 US"],
        "Discounts, United States": [None, "5 off (5 %); Azure (3 %)"],
    }


@pytest.mark.parametrize("name", ["", "T" * 10_000, "Sch\x07ools", "SCHOOLS"])
def test_a_type_needs_a_name_of_its_own(name: str) -> None:
    world = factories.make_partner()
    row = CountryTerms(country="US", credit_term_id=us_term(world).id)
    add_type(world, row)
    with pytest.raises(Refused) as refusal:
        add_type(world, row, name=name)
    assert list(refusal.value.fields) == ["name"]


def test_a_type_created_twice_by_one_form_is_one() -> None:
    world = factories.make_partner()
    form = uuid.uuid4()
    row = CountryTerms(country="US", credit_term_id=us_term(world).id)
    made = {
        customer_types.create_customer_type(by=world.actor, name="Once", countries=[row], at=NOW, type_id=form).id
        for _click in range(2)
    }
    assert made == {form}
    assert CustomerTypeTerm.objects.filter(customer_type_id=form).count() == 1


def test_another_partners_records_are_unknown() -> None:
    theirs = factories.make_partner(name="Theirs")
    term, discount = us_term(theirs), add_discount(theirs, name="Theirs", percent="9")
    mine = factories.make_partner(name="Mine")
    with pytest.raises(Refused) as refusal:
        add_type(mine, CountryTerms(country="US", credit_term_id=term.id, discount_ids=(discount.id,)))
    assert set(refusal.value.fields) == {"term_1", "discounts_1"}
    own = CountryTerms(country="US", credit_term_id=us_term(mine).id)
    with pytest.raises(NotFound):
        customer_types.change_customer_type(
            by=mine.actor,
            type_id=theirs.customer_type.id,
            entered=customer_types.Entered(name="Mine now", countries=(own,)),
            version=1,
            at=LATER,
        )
    for ask in (
        lambda: term_lists.get_customer_type(by=mine.actor, type_id=theirs.customer_type.id),
        lambda: term_lists.get_credit_term(by=mine.actor, term_id=term.id),
        lambda: credit_terms.delete_credit_term(by=mine.actor, term_id=term.id, at=LATER),
        lambda: customer_types.switch_customer_type(
            by=mine.actor, type_id=theirs.customer_type.id, active=False, at=LATER
        ),
    ):
        with pytest.raises(NotFound):
            ask()
    with pytest.raises(NotFound):  # an id that another partner's term has already
        credit_terms.create_credit_term(by=mine.actor, **dataclasses.asdict(entered()), at=NOW, term_id=term.id)


def test_a_change_replaces_terms_and_discounts_and_says_so() -> None:
    world = factories.make_partner()
    term, longer = us_term(world), add_term(world, name="Net 60", due_days=60)
    five, seven = (add_discount(world, name=f"{one} off", percent=one) for one in ("5", "7"))
    kind = add_type(world, CountryTerms(country="US", credit_term_id=term.id, discount_ids=(five.id,)))
    change(world, kind, CountryTerms(country="US", credit_term_id=longer.id, discount_ids=(seven.id,)), name="Academy")
    assert Entry.objects.get(event="customer_type.changed").changes == {
        "Name": ["Schools", "Academy"],
        "Credit Term, United States": ["Net 30 US", "Net 60"],
        "Discounts, United States": ["5 off (5 %)", "7 off (7 %)"],
    }
    assert CustomerTypeTerm.objects.get(customer_type=kind).credit_term_id == longer.id
    assert CustomerTypeDiscount.objects.get(customer_type=kind).discount_id == seven.id
    change(world, kind, CountryTerms(country="US", credit_term_id=longer.id), name="Academy")
    assert not CustomerTypeDiscount.objects.filter(customer_type=kind).exists()


def test_a_country_stays_while_customers_live_there_archived_ones_too() -> None:
    world = factories.make_partner()
    canada = add_term(world, name="Net 14 CA", country="CA")
    customer = factories.make_customer(world, name="Lakeside Ltd")
    kind = world.customer_type
    row = CountryTerms(country="CA", credit_term_id=canada.id)
    effects, _problems = type_effects.of_type_change(
        by=world.actor,
        type_id=kind.id,
        entered=customer_types.Entered(name=kind.name, countries=(row,)),
        at=LATER,
    )
    assert effects.refused
    assert [(one.country, [each.name for each in one.in_the_way]) for one in effects.countries] == [
        ("CA", []),
        ("US", ["Lakeside Ltd"]),
    ]
    Customer.objects.filter(tenant_id=customer.id).update(archived=True)
    with pytest.raises(Refused, match=r"Lakeside Ltd \(United States\)"):
        change(world, kind, row)
    assert CustomerTypeTerm.objects.get(customer_type=kind).country == "US"


def test_the_database_itself_keeps_the_term_of_a_country_with_customers() -> None:
    world = factories.make_partner()
    factories.make_customer(world)
    CustomerTypeTerm.objects.filter(customer_type=world.customer_type).delete()
    with connection.cursor() as cursor, pytest.raises(Exception, match="foreign key constraint"):
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_term_in_another_currency_is_refused_for_customers_of_the_type() -> None:
    world = factories.make_partner()
    factories.make_customer(world, name="Lakeside Ltd")
    euro = add_term(world, name="Euro", currency="EUR")
    with pytest.raises(Refused, match=r"Lakeside Ltd \(USD\)"):
        change(world, world.customer_type, CountryTerms(country="US", credit_term_id=euro.id))
    assert CustomerTypeTerm.objects.get(customer_type=world.customer_type).credit_term_id == us_term(world).id


def test_an_inactive_type_is_not_offered_and_its_customers_keep_it() -> None:
    world = factories.make_partner()
    customer = factories.make_customer(world)
    for _twice in range(2):
        customer_types.switch_customer_type(by=world.actor, type_id=world.customer_type.id, active=False, at=LATER)
    assert Entry.objects.filter(event="customer_type.deactivated").count() == 1
    assert list(queries.customer_types(by=world.actor)) == []
    with pytest.raises(Refused) as refusal:
        creation.create_customer(by=world.actor, new=factories.new_customer(world), draft_id=None, at=LATER)
    assert "customer_type" in refusal.value.fields
    assert Customer.objects.get(tenant_id=customer.id).customer_type_id == world.customer_type.id
    kept = creation.check_terms(
        by=world.actor,
        customer_type_id=world.customer_type.id,
        partner_subscription_id=world.subscription.id,
        country="US",
        keeps=True,
    )
    assert kept == {}


def test_renaming_a_type_moves_its_customers_in_the_grids_order() -> None:
    world = factories.make_partner()
    customer = factories.make_customer(world)
    change(world, world.customer_type, CountryTerms(country="US", credit_term_id=us_term(world).id), name="Ärzte")
    assert Customer.objects.get(tenant_id=customer.id).type_sort == "arzte"


def test_counts_stop_at_a_thousand_and_one() -> None:
    assert type_usage.Counted.of(41) == type_usage.Counted(41, False)
    assert type_usage.Counted.of(1000) == type_usage.Counted(1000, False)
    assert type_usage.Counted.of(1001) == type_usage.Counted(1000, True)


def test_pages_are_cut_by_keyset_in_both_directions() -> None:
    world = factories.make_partner()
    for number in range(7):
        term = add_term(world, name=f"Term {number}", due_days=number)
        add_type(world, CountryTerms(country="US", credit_term_id=term.id), name=f"Type {number}")
    for page_of, sorts in (
        (term_lists.types_page, term_lists.TYPE_SORTS),
        (term_lists.credit_terms_page, term_lists.TERM_SORTS),
    ):
        for sort in sorts:
            for descending in (False, True):
                forth: list[Any] = []
                keys: list[Any] = []
                after = None
                while True:
                    wanted = Wanted(sort=sort, descending=descending, size=3, after=after)
                    page: Any = page_of(by=world.actor, wanted=wanted)
                    forth += page.rows
                    keys += page.keys
                    assert page.count == 8
                    if not page.has_next:
                        break
                    after = page.keys[-1]
                assert len({row.id for row in forth}) == 8, (page_of, sort)
                back: Any = page_of(
                    by=world.actor, wanted=Wanted(sort=sort, descending=descending, size=3, before=keys[6])
                )
                assert [row.id for row in back.rows] == [row.id for row in forth[3:6]]
    assert [row.name for row in term_lists.types_page(by=world.actor, search="typ 3").rows] == ["Type 3"]
    assert term_lists.types_page(by=world.actor, statuses=["inactive"]).rows == []
    assert len(term_lists.types_page(by=world.actor, countries=["US", "DE"]).rows) == 8
    assert term_lists.credit_terms_page(by=world.actor, countries=["DE"]).count == 0


def test_who_may_see_and_manage_terms() -> None:
    holders = {role for role in PARTNER_ROLES if permissions.VIEW_TERMS in of_role(role)}
    assert holders == {Role.OWNER, Role.SALES, Role.BILLING, Role.READ_ONLY}
    assert {role for role in Role if permissions.MANAGE_TERMS in of_role(role)} == {Role.OWNER, Role.BILLING}
    world = factories.make_partner()
    row = CountryTerms(country="US", credit_term_id=us_term(world).id)
    for role in (Role.SALES, Role.SUPPORT, Role.READ_ONLY):
        by = factories.actor_of(factories.add_colleague(world, role=role))
        for attempt in (
            lambda by=by: customer_types.create_customer_type(by=by, name="No", countries=[row], at=NOW),
            lambda by=by: customer_types.switch_customer_type(
                by=by, type_id=world.customer_type.id, active=False, at=NOW
            ),
            lambda by=by: credit_terms.delete_credit_term(by=by, term_id=row.credit_term_id, at=NOW),
        ):
            with pytest.raises(Forbidden):
                attempt()
    assert CustomerType.objects.get(id=world.customer_type.id).active


# Two people at once, in transactions of their own


@pytest.mark.django_db(transaction=True)
def test_a_customer_made_while_its_terms_change_fits_them_or_is_refused() -> None:
    """Whoever comes second sees what the first one did: never a customer whose term has another currency."""
    world = factories.make_partner()
    euro = add_term(world, name="Euro", currency="EUR")
    new = factories.new_customer(world)
    results: list[str] = []

    def run(do: Callable[[], object]) -> None:
        scope.enter(partner_id=world.id)
        try:
            do()
            results.append("done")
        except Refused as refusal:
            results.append(refusal.code)
        finally:
            connections.close_all()

    both = [
        threading.Thread(
            target=run,
            args=(lambda: change(world, world.customer_type, CountryTerms(country="US", credit_term_id=euro.id)),),
        ),
        threading.Thread(
            target=run,
            args=(lambda: creation.create_customer(by=world.actor, new=new, draft_id=None, at=LATER),),
        ),
    ]
    for one in both:
        one.start()
    for one in both:
        one.join(30)
    assert sorted(results) in (["currency", "done"], ["done", "invalid"])
    scope.enter(partner_id=world.id)
    own = Subscription.objects.get(id=world.subscription.id).currency
    term = CustomerTypeTerm.objects.select_related("credit_term").get(customer_type=world.customer_type).credit_term
    assert term.currency == own or not Customer.objects.exists()
