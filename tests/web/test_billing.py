"""Pages of billing profiles and subscriptions, of the partner and of its customers, as a browser without scripts."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from tests import factories

from msphub.accounts import billing, queries
from msphub.accounts.choices import Role, Status
from msphub.accounts.models import BillingProfile, Subscription, User
from msphub.customers import actions, selling
from msphub.kit import scope
from msphub.kit.addresses import Address

type SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db
PROFILES, SUBSCRIPTIONS = "/account/billing-profiles/", "/account/subscriptions/"
PROFILE = {
    "name": "Europe",
    "bill_to": "Cascade Europe B.V.",
    "address_line1": "Stationsplein 12",
    "city": "Utrecht",
    "postal_code": "3511 ED",
    "country": "NL",
}
SUBSCRIPTION = {
    "name": "Europe",
    "country": "NL",
    "currency": "EUR",
    "tax_registration": "NL4495445B01",
    "number_series": "EU",
    "time_zone": "Europe/Amsterdam",
    "payment_instructions": "Pay by transfer.",
}


def text_of(answer: Any) -> str:
    """Return a page's words, its markup taken away."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def hidden(answer: Any) -> dict[str, str]:
    """Return the hidden values of a page's form."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', answer.content.decode())
    return {name: html.unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}


def add_profile(world: factories.PartnerWorld, **changes: str) -> BillingProfile:
    values = PROFILE | changes
    scope.enter(partner_id=world.id)
    return billing.save_profile(
        by=world.actor,
        customer_id=None,
        entry=billing.ProfileEntry(
            name=values["name"],
            bill_to=values["bill_to"],
            address=Address(country="NL", line1="Stationsplein 12", city="Utrecht", postal_code="3511 ED"),
        ),
        at=factories.NOW,
    )


def add_subscription(world: factories.PartnerWorld, profile: BillingProfile, *, name: str) -> Subscription:
    scope.enter(partner_id=world.id)
    return selling.save_subscription(
        by=world.actor,
        customer_id=None,
        entry=billing.SubscriptionEntry(
            name=name,
            country="NL",
            state="",
            billing_profile_id=profile.id,
            currency="EUR",
            time_zone="Europe/Amsterdam",
        ),
        at=factories.NOW,
    )


def test_a_subscription_is_made_with_a_profile_made_on_the_way(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    new = f"{SUBSCRIPTIONS}new/"
    fresh = client.get(new)
    labels = re.findall(r"<label[^>]*>([^<]+)</label>", fresh.content.decode())
    assert labels == [
        *("Name", "Country", "Billing profile"),
        *("Currency", "Time zone", "Tax registration", "Number series", "Payment instructions"),
    ]
    form = hidden(fresh)
    leaving = client.post(new, SUBSCRIPTION | form | {"new_profile": "1"})
    assert leaving.url.startswith(f"{PROFILES}new/?errand=")
    answers = [client.post(leaving.url, PROFILE | hidden(client.get(leaving.url)))]
    back = client.get(answers[0].url)
    content = back.content.decode()
    assert 'value="NL4495445B01"' in content
    assert "Pay by transfer.</textarea>" in content
    chosen = re.search(r'<option value="([0-9a-f-]{36})" selected>Europe · Cascade Europe B.V.', content)
    assert chosen is not None
    values = SUBSCRIPTION | hidden(back) | {"billing_profile": chosen[1]}
    assert values["id"] == form["id"]  # still the same form: sent twice it makes one
    for _click in range(2):
        assert client.post(answers[0].url, values).url == SUBSCRIPTIONS
    listed = text_of(client.get(SUBSCRIPTIONS))
    for words in ("Europe", "Active", "Netherlands", "EUR", "EU", "Europe/Amsterdam"):
        assert words in listed
    profiles = client.get(PROFILES)
    assert "Cascade Europe B.V." in text_of(profiles)
    scope.enter(partner_id=world.id)
    assert Subscription.objects.filter(customer_id=None).count() == 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "Europe 2"}, "Use letters, spaces and underscores only."),
        ({"name": "x" * 10_000}, "At most 100 characters; this has 10000."),
        ({"name": "Eu\x07rope"}, "Remove the invisible control characters."),
        ({"name": "MAIN"}, "There is a subscription with this name already."),
        ({"country": "US"}, "Choose the state"),
        ({"currency": "DEM"}, "Choose the currency."),
        ({"time_zone": "Europe/Atlantis"}, "Choose the time zone."),
        ({"tax_registration": "NL123"}, "“NL123” is no valid tax registration of Netherlands."),
        ({"number_series": "no spaces"}, "Use up to ten letters, digits and dashes"),
        ({"billing_profile": ""}, "Choose the billing profile"),
        ({"billing_profile": "nonsense"}, "Choose the billing profile"),
    ],
)
def test_what_is_wrong_is_told_and_stays_typed(
    world: factories.PartnerWorld, sign_in: SignIn, values: dict[str, str], message: str
) -> None:
    profile = add_profile(world)
    sent = SUBSCRIPTION | {"billing_profile": str(profile.id)} | values
    answer = sign_in(world.owner).post(f"{SUBSCRIPTIONS}new/", sent)
    assert answer.status_code == 200
    assert message in text_of(answer)
    assert "Pay by transfer.</textarea>" in answer.content.decode()
    scope.enter(partner_id=world.id)
    assert Subscription.objects.filter(customer_id=None).count() == 1


def test_a_profile_that_lacks_its_address_says_what(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    bare = BillingProfile.objects.get(customer_id=None)
    sent = SUBSCRIPTION | {"billing_profile": str(bare.id)}
    words = text_of(sign_in(world.owner).post(f"{SUBSCRIPTIONS}new/", sent))
    assert "The billing profile is not complete: Enter the street and number. Enter the city." in words


def test_the_second_of_two_editors_reads_what_the_first_saved_in_words(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    first, second = add_profile(world), add_profile(world, name="Nordics")
    made = add_subscription(world, first, name="Europe")
    client, url = sign_in(world.owner), f"{SUBSCRIPTIONS}{made.id}/"
    seen = SUBSCRIPTION | hidden(client.get(url))
    assert client.post(url, seen | {"billing_profile": str(second.id), "country": "DE", "tax_registration": ""}).url
    stale = client.post(url, seen | {"billing_profile": str(first.id), "tax_registration": "NL4495445B01"})
    words = text_of(stale)
    assert "Somebody else has changed this meanwhile." in words
    assert (
        "Billing profile: saved meanwhile “Nordics · Cascade Europe B.V.”, here “Europe · Cascade Europe B.V.”" in words
    )
    assert "Country: saved meanwhile “Germany”, here “Netherlands”" in words
    assert client.post(url, seen | hidden(stale) | {"billing_profile": str(first.id)}).url == SUBSCRIPTIONS
    scope.enter(partner_id=world.id)
    assert Subscription.objects.get(id=made.id).country == "NL"


def test_inactive_is_refused_while_in_use_with_the_way_to_its_customers(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    tenant = factories.make_customer(world, name="Tailspin")
    client, url = sign_in(world.owner), f"{SUBSCRIPTIONS}{world.subscription.id}/status/"
    refused = client.post(url, {"active": "no"})
    assert "1 customer is charged under it: Tailspin. Give it another Partner Subscription first." in text_of(refused)
    link = f"/customers/?subscription={world.subscription.id}"
    assert f'href="{link}"' in refused.content.decode()
    assert "Tailspin" in text_of(client.get(link))
    scope.enter(partner_id=world.id)
    factories.set_status(world, tenant, Status.DISABLED)
    actions.archive_customer(by=world.actor, customer_id=tenant.id, archived=True, at=factories.NOW)
    off_grid = client.post(url, {"active": "no"}).content.decode()
    assert f'href="{link}"' not in off_grid
    archived = re.search(r'href="([^"]+)">Show archived customers', off_grid)
    assert archived is not None
    assert "Tailspin" in text_of(client.get(html.unescape(archived[1])))
    free = add_subscription(world, add_profile(world), name="Europe")
    assert client.post(f"{SUBSCRIPTIONS}{free.id}/status/", {"active": "no"}).status_code == 302
    assert "Inactive" in text_of(client.get(f"{SUBSCRIPTIONS}?status=inactive"))
    choices = client.get(client.get("/customers/new/").url).content.decode()
    assert f'<option value="{free.id}"' not in choices
    assert client.post(f"{SUBSCRIPTIONS}{free.id}/status/", {"active": "yes"}).status_code == 302


def test_a_customers_tab_by_its_own_users_and_the_partners(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    tenant, sibling = factories.make_customer(world), factories.make_customer(world, name="Sibling")
    place = f"/customers/{tenant.id}"
    admin = sign_in(factories.admin_of(tenant))
    profile = queries.first_billing_profile(by=world.actor, customer_id=tenant.id)
    theirs = queries.first_billing_profile(by=world.actor, customer_id=sibling.id)
    assert profile is not None
    assert theirs is not None
    form = admin.get(f"{place}/subscriptions/new/")
    assert "Currency" not in text_of(form)
    values = {"name": "Projects", "country": "US", "state": "WA", "billing_profile": str(profile.id)}
    sneaked = values | {"currency": "EUR", "number_series": "MINE"}
    assert admin.post(f"{place}/subscriptions/new/", sneaked | hidden(form)).url == f"{place}/subscriptions/"
    for client in (admin, sign_in(world.owner)):
        shown = text_of(client.get(f"{place}/subscriptions/"))
        assert all(words in shown for words in ("Main", "Projects", "Active", "Wingtip Toys", "1 Microsoft Way"))
    scope.enter(partner_id=world.id)
    made = Subscription.objects.get(customer_id=tenant.id, name="Projects")
    assert (made.currency, made.number_series) == ("", "")
    assert admin.post(f"{place}/subscriptions/{made.id}/status/", {"active": "no"}).status_code == 302
    scope.enter(partner_id=world.id)
    first = Subscription.objects.get(customer_id=tenant.id, active=True)
    last = admin.post(f"{place}/subscriptions/{first.id}/status/", {"active": "no"})
    assert "This is the customer's only active subscription." in text_of(last)
    foreign = admin.post(f"{place}/subscriptions/new/", values | {"name": "Two", "billing_profile": str(theirs.id)})
    assert "Choose one of the billing profiles." in text_of(foreign)
    elsewhere = [
        f"/customers/{sibling.id}/subscriptions/new/",
        f"/customers/{sibling.id}/billing-profiles/{theirs.id}/",
        f"{place}/billing-profiles/{theirs.id}/",
        f"{place}/subscriptions/{world.subscription.id}/",
        f"{SUBSCRIPTIONS}{world.subscription.id}/",
        f"{SUBSCRIPTIONS}new/",
        f"/customers/{sibling.id}/subscriptions/export.csv",
    ]
    assert {path: admin.get(path).status_code for path in elsewhere} == dict.fromkeys(elsewhere, 404)
    assert {admin.get(path).status_code for path in (PROFILES, SUBSCRIPTIONS)} == {403}


def test_nobody_opens_anothers_and_readers_change_nothing(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    profile = add_profile(world)
    paths = [f"{PROFILES}{profile.id}/", f"{SUBSCRIPTIONS}{world.subscription.id}/"]
    paths.append(f"{paths[1]}status/")
    stranger = sign_in(factories.make_partner(name="Stranger").owner)
    for path in paths:
        assert stranger.get(path).status_code == 404
        assert stranger.post(path, SUBSCRIPTION | PROFILE | {"version": "1"}).status_code == 404
    reader = sign_in(factories.add_colleague(world, role=Role.READ_ONLY))
    changing = [*paths, f"{PROFILES}new/", f"{SUBSCRIPTIONS}new/"]
    assert {reader.post(path, {}).status_code for path in changing} == {403}
    listed = reader.get(SUBSCRIPTIONS).content.decode()
    assert f"{SUBSCRIPTIONS}new/" not in listed
    assert f"{world.subscription.id}/" not in listed


def test_an_empty_partner_subscription_leads_to_where_one_is_made_and_back(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    selling.set_active(
        by=world.actor, customer_id=None, subscription_id=world.subscription.id, active=False, at=factories.NOW
    )
    client = sign_in(world.owner)
    step = client.get("/customers/new/").url
    assert "There is no active subscription yet." in text_of(client.get(step))
    typed = {"company_name": "Wingtip Toys", "country": "NL", "city": "Delft", "go": "new-subscription"}
    leaving = client.post(step, typed)
    assert leaving.url.startswith(f"{SUBSCRIPTIONS}new/?country=NL&errand=")
    form = client.get(leaving.url)
    assert re.search(r'<option value="NL" selected', form.content.decode())
    assert re.search(r'<option value="EUR" selected', form.content.decode())  # preset from the country
    away = client.post(leaving.url, SUBSCRIPTION | hidden(form) | {"new_profile": "1"})
    back = client.post(away.url, PROFILE | hidden(client.get(away.url)))
    again = client.get(back.url)
    chosen = re.search(r'<option value="([0-9a-f-]{36})" selected>Europe', again.content.decode())
    assert chosen is not None
    done = client.post(back.url, SUBSCRIPTION | hidden(again) | {"billing_profile": chosen[1]})
    assert done.url.startswith(step)
    page = client.get(done.url).content.decode()
    assert re.search(r'<option value="[0-9a-f-]{36}" selected>Europe \(EUR\)', page)
    assert 'value="Wingtip Toys"' in page
    assert 'value="Delft"' in page


@pytest.mark.parametrize("cursor", ["nonsense", "WyJ4IiwgIjAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMCJd"])
@pytest.mark.parametrize("sort", ["name", "created", "-created", "nonsense"])
def test_made_up_addresses_of_lists_answer(
    world: factories.PartnerWorld, sign_in: SignIn, cursor: str, sort: str
) -> None:
    add_profile(world)
    client = sign_in(world.owner)
    for path in (PROFILES, SUBSCRIPTIONS):
        for way in ("after", "before"):
            query = {"sort": sort, way: cursor, "country": "ZZ", "q": "\x00%_'", "size": "10000000000"}
            assert client.get(path, query).status_code == 200
            assert client.get(path, {"sort": sort, way: cursor}).status_code == 200
            nul = "WyJcdTAwMDAiLCAiMDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwIl0"
            assert client.get(path, {"sort": sort, way: nul}).status_code == 200


def test_lists_are_downloaded_as_filtered(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    profile = add_profile(world, bill_to="=cmd()")
    add_subscription(world, profile, name="Europe")
    client = sign_in(world.owner)

    def lines(path: str) -> list[str]:
        answer = client.get(path)
        assert answer.status_code == 200
        return b"".join(answer.streaming_content).decode("utf-8-sig").strip().splitlines()  # type: ignore[attr-defined]

    found = lines(f"{SUBSCRIPTIONS}export.csv?country=NL")
    assert len(found) == 2
    assert "Europe,Active,Netherlands,Europe,EUR" in found[1]
    assert "'=cmd()" in lines(f"{PROFILES}export.csv?q=europe")[1]  # no formula for a spreadsheet
    assert b"".join(client.get(f"{SUBSCRIPTIONS}export.xlsx").streaming_content)[:2] == b"PK"  # type: ignore[attr-defined]
    assert client.get(f"{PROFILES}export.pdf").status_code == 404


def test_pages_cost_the_same_few_statements_for_1_and_for_3_rows(
    world: factories.PartnerWorld, sign_in: SignIn, django_assert_num_queries: Any
) -> None:
    tenant = factories.make_customer(world)
    client = sign_in(world.owner)
    tab = f"/customers/{tenant.id}/subscriptions/"
    expected = {PROFILES: 5, SUBSCRIPTIONS: 6, tab: 9}
    for path in expected:
        client.get(path)
    for rows in (1, 3):
        for path, statements in expected.items():
            with django_assert_num_queries(statements):
                answer = client.get(path)
            assert answer.content.decode().count("<tr") >= rows
        for number in "AB" if rows == 1 else "":
            profile = add_profile(world, name=f"More {number}")
            add_subscription(world, profile, name=f"More {number}")
            own = queries.first_billing_profile(by=world.actor, customer_id=tenant.id)
            assert own is not None
            selling.save_subscription(
                by=world.actor,
                customer_id=tenant.id,
                entry=billing.SubscriptionEntry(
                    name=f"More {number}", country="US", state="WA", billing_profile_id=own.id
                ),
                at=factories.NOW,
            )


def test_a_customer_has_more_billing_profiles_than_its_tab_shows(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    tenant = factories.make_customer(world)
    scope.enter(partner_id=world.id)
    for number in range(30):
        billing.save_profile(
            by=world.actor,
            customer_id=tenant.id,
            entry=billing.ProfileEntry(
                name=f"Branch {number:02d}",
                bill_to="Wingtip Toys",
                address=Address(country="NL", line1="Stationsplein 12", city="Utrecht", postal_code="3511 ED"),
            ),
            at=factories.NOW,
        )
    every = f"/customers/{tenant.id}/billing-profiles/"
    for user in (world.owner, factories.admin_of(tenant)):
        client = sign_in(user)
        tab = client.get(f"/customers/{tenant.id}/subscriptions/").content.decode()
        assert f'<a href="{every}">All 31 billing profiles</a>' in tab
        assert tab.count("Branch ") == 5
        seen, address = [], every
        while address:
            page = client.get(address).content.decode()
            seen += re.findall(r">(Branch \d\d)</a>", page)
            following = re.search(r'href="([^"]+after=[^"]+)"', page)
            address = html.unescape(following[1]) if following else ""
        assert seen == [f"Branch {number:02d}" for number in range(30)]
        table = b"".join(client.get(f"{every}export.csv?q=branch").streaming_content).decode()
        assert table.count("Branch") == 30
    stranger = sign_in(factories.make_partner(name="Other").owner)
    sibling = sign_in(factories.admin_of(factories.make_customer(world, name="Sibling")))
    for client in (stranger, sibling):
        assert client.get(every).status_code == 404
        assert client.get(f"{every}export.csv").status_code == 404


def test_a_customers_users_see_what_happened_to_their_addresses_but_not_to_subscriptions(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    """C-19: entries of their own users, contacts, addresses, orders and invoices only."""
    tenant = factories.make_customer(world)
    scope.enter(partner_id=world.id)
    profile = billing.save_profile(
        by=world.actor,
        customer_id=tenant.id,
        entry=billing.ProfileEntry(
            name="Branch",
            bill_to="Wingtip Toys",
            address=Address(country="NL", line1="Stationsplein 12", city="Utrecht", postal_code="3511 ED"),
        ),
        at=factories.NOW,
    )
    entered = billing.SubscriptionEntry(name="Second", country="NL", state="", billing_profile_id=profile.id)
    made = selling.save_subscription(by=world.actor, customer_id=tenant.id, entry=entered, at=factories.NOW)
    selling.set_active(by=world.actor, customer_id=tenant.id, subscription_id=made.id, active=False, at=factories.NOW)
    log = f"/customers/{tenant.id}/audit-logs/"
    own = text_of(sign_in(factories.admin_of(tenant)).get(log))
    assert "Created the billing profile Branch" in own
    assert "the subscription Second" not in own
    partners = text_of(sign_in(world.owner).get(log))
    assert "Created the subscription Second" in partners
    assert "Changed the subscription Second" in partners
