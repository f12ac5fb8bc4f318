"""The list behind the customers grid: search, sort, keyset paging."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests import factories

from msphub.customers import queries, samples, seeding
from msphub.kit import scope
from msphub.kit.errors import Forbidden

pytestmark = pytest.mark.django_db


def _seeded(count: int) -> factories.PartnerWorld:
    world = factories.make_partner()
    seeding.insert_samples(
        by=world.actor,
        customers=samples.sample_customers(count=count, seed="grid", countries=frozenset({"US"})),
        customer_type=world.customer_type,
        subscription_of={"US": world.subscription.id},
        sellers=(("Sam Seller", "sam@cascade.example"),),
        at=factories.NOW,
    )
    return world


@pytest.mark.parametrize("sort", ["name", "created"])
@pytest.mark.parametrize("descending", [False, True])
def test_paging_forth_and_back_shows_every_customer_once_in_order(sort: str, *, descending: bool) -> None:
    world = _seeded(57)
    forth, cursor = [], None
    while True:
        page = queries.customers_page(by=world.actor, sort=sort, descending=descending, size=10, after=cursor)
        forth += page.rows
        assert page.has_previous == (cursor is not None)
        if not page.has_next:
            break
        cursor = (page.rows[-1].sort_key, page.rows[-1].id)
    assert len({row.id for row in forth}) == len(forth) == 57
    keys = [(row.sort_key, row.id) for row in forth]
    assert keys == sorted(keys, reverse=descending) or sort == "created"
    back = queries.customers_page(
        by=world.actor, sort=sort, descending=descending, size=10, before=(forth[20].sort_key, forth[20].id)
    )
    assert [row.id for row in back.rows] == [row.id for row in forth[10:20]]
    assert back.has_previous
    assert back.has_next


def test_search_finds_words_of_company_contact_email_and_domain() -> None:
    world = factories.make_partner()
    tenant = factories.make_customer(world, name="Zoë’s Café", account=factories.new_account(prefix="zoecafe"))
    factories.make_customer(world, name="Other")
    for typed in ("zoe", "CAF", "gena soto", "wingtip zoe", "zoecafe", "zoecafe.onmicrosoft.com", "ann zoe"):
        page = queries.customers_page(by=world.actor, narrowed=queries.CustomerFilter(search=typed))
        assert tenant.id in [row.id for row in page.rows], typed
    assert [
        row.id for row in queries.customers_page(by=world.actor, narrowed=queries.CustomerFilter(search="zoe")).rows
    ] == [tenant.id]
    for typed in ("nothing", "' OR 1=1", "!!!", "zoe nothing"):
        assert queries.customers_page(by=world.actor, narrowed=queries.CustomerFilter(search=typed)).rows == []


def test_search_and_list_stay_within_the_partner() -> None:
    mine = factories.make_partner(name="Mine")
    factories.make_customer(mine, name="Shared Name")
    theirs = factories.make_partner(name="Theirs")
    factories.make_customer(theirs, name="Shared Name")
    assert queries.customers_page(by=theirs.actor, narrowed=queries.CustomerFilter(search="shared")).count == 1
    assert queries.customers_page(by=theirs.actor).count == 1
    scope.enter(partner_id=mine.id)
    assert queries.customers_page(by=mine.actor).count == 1


def test_a_page_costs_the_same_statements_for_1_and_for_30_rows(django_assert_num_queries: object) -> None:
    world = _seeded(1)
    with django_assert_num_queries(1):  # type: ignore[operator]
        queries.customers_page(by=world.actor)
    world = _seeded(30)
    with django_assert_num_queries(1):  # type: ignore[operator]
        queries.customers_page(by=world.actor)
    for search in ("a", "example"):
        with django_assert_num_queries(2):  # type: ignore[operator]
            queries.customers_page(by=world.actor, narrowed=queries.CustomerFilter(search=search))


@pytest.mark.parametrize("window", [5, 30, 31, 1000])
def test_one_letter_is_looked_for_among_the_first_rows_or_by_the_index(
    monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    world = _seeded(60)
    everybody = queries.customers_page(by=world.actor, size=100).rows
    monkeypatch.setattr(queries, "BROAD_WINDOW", window)
    fitting = [row.id for row in everybody if f" {row.name}".lower().find(" s") >= 0]
    first = queries.customers_page(by=world.actor, narrowed=queries.CustomerFilter(search="e"), size=10)
    assert [row.id for row in first.rows] == [row.id for row in everybody[:10]]  # all have an address in .example
    assert (first.count, first.more_than_counted) in {(60, False), (window, True)}
    found = queries.customers_page(by=world.actor, narrowed=queries.CustomerFilter(search="s"), size=100).rows
    assert set(fitting) <= {row.id for row in found}
    narrowed = queries.CustomerFilter(search="e", statuses=["suspended"])
    page = queries.customers_page(by=world.actor, narrowed=narrowed, size=3)
    assert [row.status for row in page.rows] == ["suspended"] * 3


def test_a_word_that_many_have_is_filtered_while_walking(monkeypatch: pytest.MonkeyPatch) -> None:
    world = _seeded(30)
    monkeypatch.setattr(queries, "MOST_MATCHES", 5)
    monkeypatch.setattr(queries, "MOST_COUNTED", 7)
    page = queries.customers_page(by=world.actor, narrowed=queries.CustomerFilter(search="example"), size=10)
    assert len(page.rows) == 10
    assert (page.count, page.more_than_counted) == (7, True)


@pytest.mark.parametrize("window", [1, 7, 1000])
@pytest.mark.parametrize("descending", [False, True])
def test_a_frequent_word_whose_bearers_stand_together_is_found_page_by_page(
    monkeypatch: pytest.MonkeyPatch, window: int, *, descending: bool
) -> None:
    world = _seeded(40)
    for number in range(8):
        factories.make_customer(world, name=f"Zzz Cedarville {number}")
    monkeypatch.setattr(queries, "MOST_MATCHES", 3)
    monkeypatch.setattr(queries, "WINDOW", window)
    narrowed = queries.CustomerFilter(search="cedarville")
    seen, after = [], None
    for _page in range(5):
        page = queries.customers_page(by=world.actor, narrowed=narrowed, size=3, descending=descending, after=after)
        seen += [row.name for row in page.rows]
        if not page.has_next:
            break
        after = (page.rows[-1].sort_key, page.rows[-1].id)
    assert seen == [f"Zzz Cedarville {number}" for number in sorted(range(8), reverse=descending)]
    exported = queries.all_customers(by=world.actor, narrowed=narrowed, descending=descending)
    assert [row.name for row in exported] == seen


def test_a_customers_user_has_no_list() -> None:
    world = factories.make_partner()
    tenant = factories.make_customer(world)
    admin = factories.actor_of(factories.admin_of(tenant))
    with pytest.raises(Forbidden):
        queries.customers_page(by=admin)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=st.text(max_size=60))
def test_whatever_is_typed_is_a_search_and_never_an_error(typed: str, db: None) -> None:
    world = factories.make_partner()
    queries.customers_page(by=world.actor, narrowed=queries.CustomerFilter(search=typed.replace("\x00", "")))
