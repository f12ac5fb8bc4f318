"""The wizard's four steps over HTTP."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from tests import factories

from msphub.accounts.models import Tenant, User
from msphub.customers.models import CspAccount, Customer, CustomerDraft
from msphub.kit import scope
from partner_center_emulator import testing

type SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db


def company(world: factories.PartnerWorld, **changes: Any) -> dict[str, Any]:
    return {
        "company_name": "Wingtip Toys",
        "customer_type": str(world.customer_type.id),
        "country": "US",
        "partner_subscription": str(world.subscription.id),
        "address_line1": "1 Microsoft Way",
        "city": "Redmond",
        "state": "WA",
        "postal_code": "98052",
        "same_as_company": "on",
        "billing_profile_name": "Wingtip",
        "bill_to": "Accounts Payable",
        **changes,
    }


def contacts(**changes: Any) -> dict[str, Any]:
    return {
        "primary_first_name": "Gena",
        "primary_last_name": "Soto",
        "primary_email": "gena@wingtip.example",
        "primary_phone": "425 555 0101",
        "billing_first_name": "Bill",
        "billing_last_name": "Payer",
        "billing_email": "bill@wingtip.example",
        "admin_first_name": "Ann",
        "admin_last_name": "Admin",
        "admin_login_email": f"{factories.unique('ann')}@wingtip.example",
        "admin_contact_email": "ann@wingtip.example",
        **changes,
    }


class Wizard:
    """One run of the wizard."""

    def __init__(self, client: Client) -> None:
        self.client = client
        answer = client.get("/customers/new/")
        assert answer.status_code == 302
        self.base = answer.url.rsplit("/", 2)[0]

    @property
    def draft_id(self) -> uuid.UUID:
        return uuid.UUID(self.base.rsplit("/", 1)[-1])

    def post(self, step: str, data: dict[str, Any], **extra: Any) -> Any:
        return self.client.post(f"{self.base}/{step}/", data, **extra)

    def get(self, step: str) -> Any:
        return self.client.get(f"{self.base}/{step}/")

    def fill(self, world: factories.PartnerWorld, *, account: dict[str, Any] | None = None) -> None:
        """Take the first three steps."""
        assert self.post("company", company(world)).url.endswith("/contacts/")
        assert self.post("contacts", contacts()).url.endswith("/microsoft/")
        assert self.post("microsoft", account or {"account": "skip"}).url.endswith("/additional/")


def customers_of(world: factories.PartnerWorld) -> list[Tenant]:
    scope.enter(partner_id=world.id)
    return list(Tenant.objects.filter(partner_id=world.id, kind="customer"))


def test_four_steps_make_a_customer(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    wizard = Wizard(sign_in(world.owner))
    wizard.fill(world)
    answer = wizard.post("additional", {"sales_count": "1", "sales_1_name": "Sam", "sales_1_email": "sam@c.example"})
    (tenant,) = customers_of(world)
    assert answer.url == f"/customers/{tenant.id}/products/"
    customer = Customer.objects.get(pk=tenant.id)
    assert (customer.state, customer.sales_name) == ("WA", "Sam")


def test_the_last_continue_twice_makes_one_customer(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    wizard = Wizard(sign_in(world.owner))
    wizard.fill(world)
    first = wizard.post("additional", {"sales_count": "1"})
    second = wizard.post("additional", {"sales_count": "1"})
    (tenant,) = customers_of(world)
    assert str(tenant.id) in first.url
    assert str(tenant.id) in second.url


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"company_name": ""}, "Enter the name of the company."),
        ({"company_name": "x" * 10_240}, "At most 200 characters"),
        ({"company_name": "bad\x07name"}, "Remove the invisible control characters."),
        ({"company_name": "bad\x00name"}, "Remove the invisible control characters."),
        ({"postal_code": "10001"}, "ZIP Code 10001 is not in Washington."),
        ({"state": "BY"}, "is not a state of United States"),
        ({"country": "XX"}, "Choose a country."),
        ({"customer_type": ""}, "Choose a customer type."),
        ({"customer_type": "nonsense"}, "Choose a customer type."),
    ],
)
def test_bad_input_is_said_at_its_field_and_goes_no_further(
    world: factories.PartnerWorld, sign_in: SignIn, change: dict[str, str], words: str
) -> None:
    wizard = Wizard(sign_in(world.owner))
    answer = wizard.post("company", company(world, **change))
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert 'aria-invalid="true"' in answer.content.decode()
    assert customers_of(world) == []


def test_another_partners_type_and_subscription_are_refused(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    theirs = factories.make_partner(name="Theirs")
    wizard = Wizard(sign_in(world.owner))
    for change, words in (
        ({"customer_type": str(theirs.customer_type.id)}, "Choose one of your customer types."),
        ({"partner_subscription": str(theirs.subscription.id)}, "Choose one of your subscriptions."),
    ):
        answer = wizard.post("company", company(world, **change))
        assert words in answer.content.decode()
    # Also when an earlier step is skipped by hand.
    client = wizard.client
    client.post(f"{wizard.base}/company/save/", company(world, customer_type=str(theirs.customer_type.id)))
    wizard.post("contacts", contacts())
    wizard.post("microsoft", {"account": "skip"})
    answer = wizard.post("additional", {"sales_count": "1"})
    assert answer.url.endswith("/company/?check=1")
    assert "Choose one of your customer types." in client.get(answer.url).content.decode()
    assert customers_of(world) == []


def test_a_taken_login_email_comes_back_to_its_field_at_the_end(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    wizard = Wizard(sign_in(world.owner))
    wizard.post("company", company(world))
    wizard.post("contacts", contacts(admin_login_email=world.owner.email))
    wizard.post("microsoft", {"account": "skip"})
    answer = wizard.post("additional", {"sales_count": "1"})
    page = answer.content.decode()
    assert "This login e-mail can&#x27;t be used." in page
    assert 'name="admin_login_email"' in page
    assert customers_of(world) == []


def test_a_draft_saves_itself_and_is_resumed(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    wizard = Wizard(client)
    saved = client.post(f"{wizard.base}/company/save/", {"company_name": "Half Done", "city": "Redmond"})
    assert saved.content.decode().startswith("Saved ")
    page = client.get("/customers/").content.decode()
    assert "Half Done" in page
    resumed = sign_in(world.owner).get(f"{wizard.base}/company/").content.decode()
    assert 'value="Half Done"' in resumed
    assert 'value="Redmond"' in resumed
    client.post(f"{wizard.base}/discard/")
    scope.enter(partner_id=world.id)
    assert not CustomerDraft.objects.exists()


def test_another_partners_draft_is_as_if_it_did_not_exist(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    wizard = Wizard(sign_in(world.owner))
    wizard.post("company", company(world))
    theirs = factories.make_partner(name="Theirs")
    stranger = sign_in(theirs.owner)
    assert "Wingtip" not in stranger.get(f"{wizard.base}/company/").content.decode()
    assert stranger.post(f"{wizard.base}/company/", company(theirs)).status_code == 404
    scope.enter(partner_id=world.id)
    assert CustomerDraft.objects.get().company_name == "Wingtip Toys"


def test_a_changed_country_brings_its_own_fields(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    wizard = Wizard(client)
    url = f"{wizard.base}/company/refresh/?part=group-company-address"
    german = client.post(url, company(world, country="DE", city="Hamburg")).content.decode()
    assert 'name="state"' not in german
    assert "Postcode" in german
    assert 'value="Hamburg"' in german
    british = client.post(url, company(world, country="CA", same_as_company="")).content.decode()
    assert "Province" in british
    assert '<option value="ON">Ontario</option>' in british
    assert 'id="group-billing-address"' not in british


def test_same_as_company_fills_the_billing_address(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    wizard = Wizard(client)
    page = client.post(
        f"{wizard.base}/company/refresh/?part=group-billing-address", company(world, bill_to="")
    ).content.decode()
    assert 'name="billing_city" value="Redmond"' in page
    assert 'value="Wingtip Toys"' in page


def test_imports_add_and_remove(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    wizard = Wizard(client)
    wizard.post("company", company(world))
    copied = client.post(
        f"{wizard.base}/contacts/refresh/?part=group-billing&do=import-contact", contacts(billing_first_name="")
    ).content.decode()
    assert 'name="billing_first_name" value="Gena"' in copied
    wizard.post("contacts", contacts())
    imported = client.post(f"{wizard.base}/microsoft/refresh/?do=import-company", {"account": "new"}).content.decode()
    assert 'name="new_company_name" value="Wingtip Toys"' in imported
    assert 'name="new_city" value="Redmond"' in imported
    two = client.post(f"{wizard.base}/additional/refresh/?part=group-sales&do=add", {"sales_count": "1"})
    assert 'name="sales_2_name"' in two.content.decode()
    entries = {"sales_count": "3"} | {f"sales_{n}_name": f"Name {n}" for n in (1, 2, 3)}
    three = client.post(f"{wizard.base}/additional/refresh/?part=group-sales&do=add", entries).content.decode()
    assert 'name="sales_4_name"' not in three
    assert ">Add<" not in three
    removed = client.post(f"{wizard.base}/additional/refresh/?part=group-sales&do=remove-2", entries).content.decode()
    assert 'value="Name 3"' in removed
    assert 'value="Name 2"' not in removed


def test_the_domain_is_checked_live_and_degrades(
    world: factories.PartnerWorld, sign_in: SignIn, emulator: testing.Running
) -> None:
    client = sign_in(world.owner)
    wizard = Wizard(client)
    url = f"{wizard.base}/domain/"
    assert "not checked" in client.get(url, {"new_domain": "wingtip"}).content.decode()  # no connection set up
    factories.connect_to_microsoft(world, url=emulator.url, known=emulator.partners[0])
    assert "is free" in client.get(url, {"new_domain": factories.unique("free")}).content.decode()
    assert "is taken" in client.get(url, {"new_domain": "alpinelogistics"}).content.decode()
    assert "Letters and digits only" in client.get(url, {"new_domain": "no good"}).content.decode()
    assert client.get(url, {"new_domain": ""}).content == b""


def new_account(**changes: Any) -> dict[str, Any]:
    return {
        "account": "new",
        "new_company_name": "Wingtip Toys",
        "new_domain": factories.unique("wingtip"),
        "new_qualification": "commercial",
        "new_first_name": "Gena",
        "new_last_name": "Soto",
        "new_address_line1": "1 Microsoft Way",
        "new_phone": "425 555 0101",
        "new_email": "gena@wingtip.example",
        "new_city": "Redmond",
        "new_state": "WA",
        "new_country": "US",
        "new_postal_code": "98052",
        **changes,
    }


def test_a_taken_domain_is_refused_before_anything_is_made(
    world: factories.PartnerWorld, sign_in: SignIn, emulator: testing.Running
) -> None:
    factories.connect_to_microsoft(world, url=emulator.url, known=emulator.partners[0])
    wizard = Wizard(sign_in(world.owner))
    wizard.post("company", company(world))
    wizard.post("contacts", contacts())
    answer = wizard.post("microsoft", new_account(new_domain="alpinelogistics"))
    assert "alpinelogistics.onmicrosoft.com is taken" in answer.content.decode()
    wizard.post("microsoft", new_account())
    answer = wizard.post("additional", {"sales_count": "1"})
    (tenant,) = customers_of(world)
    assert answer.url == f"/customers/{tenant.id}/csp-accounts/"
    assert CspAccount.objects.get(customer_id=tenant.id).state == "creating"


def test_an_existing_account_is_searched_and_kept(
    world: factories.PartnerWorld, sign_in: SignIn, emulator: testing.Running
) -> None:
    factories.connect_to_microsoft(world, url=emulator.url, known=emulator.partners[0])
    client = sign_in(world.owner)
    wizard = Wizard(client)
    wizard.post("company", company(world))
    wizard.post("contacts", contacts())
    existing = {"account": "existing", "existing_country": "US", "existing_domain": "lanterntravel.onmicrosoft.com"}
    answer = wizard.post("microsoft", {**existing, "go": "search"})
    page = client.get(answer.url.split("#")[0]).content.decode()
    assert "Microsoft account found" in page
    unknown = wizard.post("microsoft", {**existing, "existing_domain": "nobody-here.example", "go": "search"})
    page = client.get(unknown.url.split("#")[0]).content.decode()
    assert "No Microsoft account found" in page
    assert "Create a new Microsoft account instead" in page
    refused = wizard.post("microsoft", {**existing, "existing_domain": "nobody-here.example"})
    assert "No Microsoft account has the domain" in refused.content.decode()
    word = wizard.post("microsoft", {**existing, "existing_domain": "not a domain"})
    assert "is not a domain name such as" in word.content.decode()
    assert wizard.post("microsoft", existing).url.endswith("/additional/")
    wizard.post("additional", {"sales_count": "1"})
    (tenant,) = customers_of(world)
    account = CspAccount.objects.get(customer_id=tenant.id)
    assert (account.mode, account.state, account.microsoft_tenant_id) == ("existing", "waiting", None)


def test_who_may_not_create_gets_no_wizard(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    reader = sign_in(factories.add_colleague(world))
    assert reader.get("/customers/new/").status_code == 403
    assert reader.post(f"/customers/new/{uuid.uuid4()}/company/", company(world)).status_code == 403
    assert "Create" not in reader.get("/customers/").content.decode()


def test_two_windows_of_one_wizard_do_not_overwrite_each_other_unseen(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    wizard = Wizard(sign_in(world.owner))
    first = {"page_mark": "first", "saves_seen": "0"}
    second = {"page_mark": "second", "saves_seen": "0"}
    client = wizard.client
    client.post(f"{wizard.base}/company/save/", company(world, company_name="From the first", **first))
    told = client.post(f"{wizard.base}/company/save/", company(world, company_name="From the second", **second))
    assert "changed in another window" in told.content.decode()
    refused = wizard.post("company", company(world, company_name="From the second", **second)).content.decode()
    assert "there “From the first”, here “From the second”" in refused
    assert 'value="From the second"' in refused
    again = wizard.post("company", company(world, company_name="From the second", page_mark="third", saves_seen="1"))
    assert again.url.endswith("/contacts/")
    # The same window's own saves are no conflict, however late they come.
    for number in range(3):
        saved = client.post(f"{wizard.base}/contacts/save/", contacts(page_mark="one", saves_seen="0"))
        assert saved.content.decode().startswith("Saved"), number
    assert wizard.post("contacts", contacts(page_mark="one", saves_seen="0")).url.endswith("/microsoft/")


@pytest.mark.parametrize("kind", ["save", "refresh", ""])
def test_a_character_that_no_database_stores_is_no_error_of_ours(
    world: factories.PartnerWorld, sign_in: SignIn, kind: str
) -> None:
    client = sign_in(world.owner)
    address = f"/customers/new/{uuid.uuid4()}/company/"
    answer = client.post(f"{address}{kind}/" if kind else address, {"company_name": "a\x00b", "go": "continue"})
    assert answer.status_code == 200
    assert "Remove the invisible control characters." in client.get(f"{address}?check=1").content.decode()


def test_what_a_page_still_sends_after_it_was_left_is_no_other_window(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    """A change is saved 700 ms later: Continue within that time overtakes it."""
    wizard = Wizard(sign_in(world.owner))
    client = wizard.client
    first = company(world, city="")
    marks = {"page_mark": "first", "page_follows": "", "saves_seen": "0"}
    refused = client.post(f"{wizard.base}/company/", {**first, **marks, "go": "continue"})
    following = marks_of(refused.content.decode())
    assert following["page_follows"] == "first"
    late = client.post(f"{wizard.base}/company/save/", {**first, **marks})
    assert "Saved" in late.content.decode()
    taken = client.post(f"{wizard.base}/company/", {**company(world), **following, "go": "continue"})
    assert taken.url == f"{wizard.base}/contacts/"
    twice = client.post(f"{wizard.base}/company/", {**company(world), **following, "go": "continue"})
    assert twice.url == f"{wizard.base}/contacts/"


@pytest.mark.parametrize("go", ["continue", "back", "search", "add", "use-contoso.com", "new-type"])
def test_every_button_says_what_another_window_has_changed(
    world: factories.PartnerWorld, sign_in: SignIn, go: str
) -> None:
    wizard = Wizard(sign_in(world.owner))
    client = wizard.client
    for step, values, changed in (
        ("company", company(world), {"company_name": "From there"}),
        ("microsoft", {"account": "existing", "existing_country": "US", "existing_domain": "a.example"}, {}),
    ):
        there = {**values, **(changed or {"existing_domain": "b.example"})}
        client.post(f"{wizard.base}/{step}/save/", {**there, "page_mark": "there", "saves_seen": "0"})
        here = client.post(f"{wizard.base}/{step}/", {**values, "page_mark": "here", "saves_seen": "0", "go": go})
        assert here.status_code == 200
        assert "changed in another window" in here.content.decode()
        marks = marks_of(here.content.decode())
        again = client.post(f"{wizard.base}/{step}/", {**values, **marks, "go": "back"})
        assert again.status_code == 302
        kept = client.get(f"{wizard.base}/{step}/").content.decode()
        assert f'value="{values.get("company_name") or values["existing_domain"]}"' in kept


def test_two_windows_that_say_the_same_do_not_get_in_each_others_way(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    wizard = Wizard(sign_in(world.owner))
    for mark in ("one", "two"):
        taken = wizard.client.post(
            f"{wizard.base}/company/", {**company(world), "page_mark": mark, "saves_seen": "0", "go": "continue"}
        )
        assert taken.url == f"{wizard.base}/contacts/"


def marks_of(page: str) -> dict[str, str]:
    """Return what tells one open page of the wizard from another."""
    return dict(re.findall(r'name="(page_mark|page_follows|saves_seen)" value="([^"]*)"', page))


def test_what_is_wrong_with_an_address_that_follows_the_companys_is_said_once(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    wizard = Wizard(sign_in(world.owner))
    values = company(world, postal_code="1", same_as_company="on")
    refused = wizard.post("company", values).content.decode()
    assert refused.count("not a valid ZIP Code") == 2  # at the field and above the form
    assert "One thing needs your attention" in refused
    values.pop("same_as_company")
    apart = wizard.post("company", {**values, "billing_country": "US", "billing_postal_code": "1"}).content.decode()
    assert apart.count("not a valid ZIP Code") == 4


def test_the_summary_follows_what_is_typed(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    wizard = Wizard(sign_in(world.owner))
    values = company(world, company_name="Typed <just> now", page_mark="one", saves_seen="0")
    answer = wizard.client.post(f"{wizard.base}/company/save/", values).content.decode()
    assert answer.startswith("Saved ")
    summary = answer.partition('<hx-partial hx-target="#summary" hx-swap="outerMorph">')[2]
    assert 'id="summary"' in summary
    assert "Typed &lt;just&gt; now" in summary
