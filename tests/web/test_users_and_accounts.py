"""The Users and CSP Accounts tabs over HTTP."""

import html
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests import factories

from msphub.accounts import actions as accounts
from msphub.accounts.choices import Role, UserStatus
from msphub.accounts.models import Login, User
from msphub.audit.models import Entry
from msphub.customers.choices import AccountState, Step, StepState
from msphub.customers.models import Agreement, CspAccount, Customer
from msphub.kit import scope
from partner_center_emulator import testing

type SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db


def _invitation(**changes: Any) -> dict[str, Any]:
    return {
        "admin_first_name": "Bea",
        "admin_last_name": "Buyer",
        "admin_login_email": f"{factories.unique('bea')}@wingtip.example",
        "role": "customer_buyer",
        **changes,
    }


def test_a_user_is_invited_by_the_partner_and_by_the_customers_admin(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    tenant = factories.make_customer(world)
    url = f"/customers/{tenant.id}/users/invite/"
    assert sign_in(world.owner).post(url, _invitation()).url == f"/customers/{tenant.id}/users/"
    admin = sign_in(factories.admin_of(tenant))
    assert admin.post(url, _invitation(role="customer_billing")).status_code == 302
    assert "Bea Buyer" in admin.get(f"/customers/{tenant.id}/users/").content.decode()
    scope.enter(partner_id=world.id)
    roles = User.objects.filter(customer_id=tenant.id).order_by("created_at").values_list("role", flat=True)
    assert list(roles) == [Role.CUSTOMER_ADMIN, Role.CUSTOMER_BUYER, Role.CUSTOMER_BILLING]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"admin_login_email": "nonsense"}, "is not an e-mail address"),
        ({"role": "owner"}, "This role does not belong to this kind of company."),
        ({"role": ""}, "Choose a role."),
        ({"admin_first_name": ""}, "Enter the first name."),
    ],
)
def test_a_wrong_invitation_is_said_at_its_field(
    world: factories.PartnerWorld, sign_in: SignIn, change: dict[str, str], words: str
) -> None:
    tenant = factories.make_customer(world)
    answer = sign_in(world.owner).post(f"/customers/{tenant.id}/users/invite/", _invitation(**change))
    assert words in answer.content.decode()
    scope.enter(partner_id=world.id)
    assert User.objects.filter(customer_id=tenant.id).count() == 1


def test_a_taken_login_email_is_neutral_at_its_field(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    tenant = factories.make_customer(world)
    answer = sign_in(world.owner).post(
        f"/customers/{tenant.id}/users/invite/", _invitation(admin_login_email=world.owner.email)
    )
    page = answer.content.decode()
    assert "This login e-mail can&#x27;t be used." in page
    assert "id_admin_login_email_error" in page


def test_disabling_ends_the_session_at_once_and_enabling_lets_in_again(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    tenant = factories.make_customer(world)
    owner = sign_in(world.owner)
    owner.post(f"/customers/{tenant.id}/users/invite/", _invitation())
    scope.enter(partner_id=world.id)
    user = User.objects.get(customer_id=tenant.id, role=Role.CUSTOMER_BUYER)
    factories.give_password(user)
    client = sign_in(user)
    base = f"/customers/{tenant.id}/users/{user.id}"
    assert client.get(f"/customers/{tenant.id}/products/").status_code == 200
    assert "open sessions" in owner.get(f"{base}/disable/").content.decode()
    assert owner.post(f"{base}/disable/").status_code == 302
    assert client.get(f"/customers/{tenant.id}/products/").url.startswith("/accounts/login/")
    assert not Login.objects.get(id=user.login_id).is_active
    assert owner.post(f"{base}/enable/").status_code == 302
    scope.enter(partner_id=world.id)
    assert User.objects.get(id=user.id).status == UserStatus.ACTIVE
    assert sign_in(user).get(f"/customers/{tenant.id}/products/").status_code == 200


def test_nobody_locks_the_company_out(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    tenant = factories.make_customer(world)
    admin = factories.admin_of(tenant)
    own = sign_in(admin).post(f"/customers/{tenant.id}/users/{admin.id}/disable/", follow=True)
    assert "You can&#x27;t disable yourself" in own.content.decode()
    last = sign_in(world.owner).post(f"/customers/{tenant.id}/users/{admin.id}/disable/", follow=True)
    assert "is the last one who can manage users" in last.content.decode()
    scope.enter(partner_id=world.id)
    assert User.objects.get(id=admin.id).status == UserStatus.ACTIVE


def test_users_of_others_are_out_of_reach(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    tenant = factories.make_customer(world, name="Own")
    sibling = factories.make_customer(world, name="Sibling")
    user = factories.admin_of(sibling)
    admin = sign_in(factories.admin_of(tenant))
    for verb in ("disable", "enable", "link"):
        assert admin.post(f"/customers/{tenant.id}/users/{user.id}/{verb}/").status_code == 404
        assert admin.post(f"/customers/{sibling.id}/users/{user.id}/{verb}/").status_code == 404
    assert admin.post(f"/customers/{sibling.id}/users/invite/", _invitation()).status_code == 404
    # The partner's own users are not the customer's, whatever the address says.
    owner = sign_in(world.owner)
    assert owner.post(f"/customers/{tenant.id}/users/{world.owner.id}/disable/").status_code == 404
    reader = sign_in(factories.add_colleague(world))
    assert reader.post(f"/customers/{tenant.id}/users/invite/", _invitation()).status_code == 403


def test_the_link_is_sent_again(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    tenant = factories.make_customer(world)
    scope.enter(partner_id=world.id)
    user = User.objects.get(customer_id=tenant.id)
    answer = sign_in(world.owner).post(f"/customers/{tenant.id}/users/{user.id}/link/", follow=True)
    assert "A fresh link is on its way to ann.inbox@wingtip.example" in answer.content.decode()
    scope.enter(partner_id=world.id)
    assert Entry.objects.filter(event="user.link_requested", object_id=user.id).count() == 1


def _new_account(**changes: Any) -> dict[str, Any]:
    return {
        "go": "continue",
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


def test_an_account_is_added_later(world: factories.PartnerWorld, sign_in: SignIn, emulator: testing.Running) -> None:
    factories.connect_to_microsoft(world, url=emulator.url, known=emulator.partners[0])
    tenant = factories.make_customer(world)
    client = sign_in(world.owner)
    url = f"/customers/{tenant.id}/csp-accounts/add/"
    page = client.get(url).content.decode()
    assert "Skip this step" not in page
    assert "Choose one of the two." in client.post(url, {"go": "continue"}).content.decode()
    shown = client.post(url, {"account": "new"}).content.decode()
    assert 'name="new_company_name" value="Wingtip Toys"' in shown  # filled from the customer's profile
    assert "Enter the first part of the domain" in client.post(url, _new_account(new_domain="")).content.decode()
    assert client.post(url, _new_account()).url == f"/customers/{tenant.id}/csp-accounts/"
    assert client.post(url, _new_account()).url == f"/customers/{tenant.id}/csp-accounts/"
    scope.enter(partner_id=world.id)
    accounts = list(CspAccount.objects.filter(customer_id=tenant.id))
    assert [account.state for account in accounts] == ["creating", "creating"]
    assert Customer.objects.get(pk=tenant.id).microsoft_state == AccountState.CREATING
    same = client.post(url, _new_account(new_domain=accounts[0].details["domain_prefix"]))
    assert "is linked to your customer Wingtip Toys already" in same.content.decode()


def test_an_existing_account_is_searched_by_domain_and_by_name(
    world: factories.PartnerWorld, sign_in: SignIn, emulator: testing.Running
) -> None:
    factories.connect_to_microsoft(world, url=emulator.url, known=emulator.partners[0])
    tenant = factories.make_customer(world)
    client = sign_in(world.owner)
    url = f"/customers/{tenant.id}/csp-accounts/add/"
    existing = {"account": "existing", "existing_country": "US"}
    found = client.post(url, {**existing, "existing_domain": "lanterntravel.onmicrosoft.com", "go": "search"})
    assert "Microsoft account found" in found.content.decode()
    by_name = client.post(url, {**existing, "existing_domain": "alpine", "go": "search"}).content.decode()
    assert "Your customers at Microsoft with this name" in by_name
    assert 'value="use-alpinelogistics.onmicrosoft.com"' in by_name
    used = client.post(url, {**existing, "existing_domain": "alpine", "go": "use-alpinelogistics.onmicrosoft.com"})
    assert "Microsoft account found" in used.content.decode()
    nobody = client.post(url, {**existing, "existing_domain": "zzzz", "go": "search"}).content.decode()
    assert "none of your customers at Microsoft begins so" in nobody
    missing = client.post(url, {**existing, "existing_domain": "nobody-here.example", "go": "continue"})
    assert "No Microsoft account was found" in missing.content.decode()
    linked = client.post(url, {**existing, "existing_domain": "lanterntravel.onmicrosoft.com", "go": "continue"})
    assert linked.url == f"/customers/{tenant.id}/csp-accounts/"
    scope.enter(partner_id=world.id)
    assert CspAccount.objects.get(customer_id=tenant.id).state == AccountState.WAITING


def test_who_may_not_manage_accounts_adds_none(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    tenant = factories.make_customer(world)
    url = f"/customers/{tenant.id}/csp-accounts/add/"
    for user in (factories.add_colleague(world), factories.admin_of(tenant)):
        client = sign_in(user)
        assert client.post(url, _new_account()).status_code == 403
        assert "Add a Microsoft account" not in client.get(f"/customers/{tenant.id}/csp-accounts/").content.decode()
    theirs = factories.make_partner(name="Theirs")
    assert sign_in(theirs.owner).post(url, _new_account()).status_code == 404
    scope.enter(partner_id=world.id)
    assert not CspAccount.objects.exists()


def test_the_agreement_is_recorded_later(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    tenant = factories.make_customer(world, account=factories.new_account())
    scope.enter(partner_id=world.id)
    account = CspAccount.objects.get(customer_id=tenant.id)
    client = sign_in(world.owner)
    url = f"/csp-accounts/{account.id}/agreement/"
    assert "Agreement missing" in client.get(f"/customers/{tenant.id}/csp-accounts/").content.decode()
    values = {
        "agreement_first_name": "Gena",
        "agreement_last_name": "Soto",
        "agreement_email": "gena@wingtip.example",
        "agreement_phone": "+1 425 555 0101",
        "agreement_date": "2026-01-02",
    }
    future = client.post(url, {**values, "agreement_date": "2199-01-01"})
    assert "can&#x27;t lie in the future" in future.content.decode()
    assert client.post(url, values).status_code == 302
    twice = client.post(url, values)
    assert "has been recorded already" in twice.content.decode()
    scope.enter(partner_id=world.id)
    assert Agreement.objects.filter(account=account).count() == 1
    theirs = factories.make_partner(name="Theirs")
    for action in ("agreement", "retry", "correct", "progress", "first-password"):
        assert sign_in(theirs.owner).post(f"/csp-accounts/{account.id}/{action}/", values).status_code == 404


def test_the_first_password_asks_for_a_new_sign_in(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    tenant = factories.make_customer(world, account=factories.new_account())
    scope.enter(partner_id=world.id)
    account = CspAccount.objects.get(customer_id=tenant.id)
    answer = sign_in(world.owner).get(f"/csp-accounts/{account.id}/first-password/")
    assert answer.url.startswith("/accounts/reauthenticate/")


def test_the_relationship_link_is_mailed_again_while_consent_is_awaited(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    tenant = factories.make_customer(world, account=factories.new_account())
    scope.enter(partner_id=world.id)
    account = CspAccount.objects.get(customer_id=tenant.id)
    client = sign_in(world.owner)
    url = f"/csp-accounts/{account.id}/consent/"
    assert "does not wait for the customer" in client.post(url, follow=True).content.decode()
    scope.enter(partner_id=world.id)
    CspAccount.objects.filter(id=account.id).update(state="waiting", relationship_url="https://admin.example/accept")
    assert "Mail the link again" in client.get(f"/customers/{tenant.id}/csp-accounts/").content.decode()
    assert "is on its way" in client.post(url, follow=True).content.decode()
    scope.enter(partner_id=world.id)
    assert Entry.objects.filter(event="csp_account.consent_asked", object_id=account.id).count() == 1


@pytest.mark.parametrize(("vetting", "state"), [("InReview", "waiting"), ("Approved", "done"), ("Denied", "failed")])
def test_what_microsoft_vets_is_shown_as_it_stands(
    world: factories.PartnerWorld, sign_in: SignIn, vetting: str, state: str
) -> None:
    education = factories.new_account(qualification="education", segment="K12", website="wingtip.example")
    tenant = factories.make_customer(world, account=education)
    account = CspAccount.objects.get(customer_id=tenant.id)
    account.steps.update(state=StepState.DONE)
    account.steps.filter(step=Step.QUALIFICATION).update(message="As Microsoft says")
    CspAccount.objects.filter(id=account.id).update(
        state=AccountState.LINKED, vetting_status=vetting, microsoft_tenant_id=uuid.uuid4()
    )
    page = sign_in(world.owner).get(f"/customers/{tenant.id}/csp-accounts/").content.decode()
    shown = {
        re.sub(r"<[^>]+>", "", label).split("–")[0].strip(): found
        for found, label in re.findall(r'<li class="work-step is-(\w+)">.*?<p class="work-label">(.*?)</p>', page)
    }
    assert shown == {"Microsoft tenant": "done", "Qualification": state}
    assert "As Microsoft says" in page


@pytest.mark.parametrize(
    ("step", "field", "path", "control"),
    [
        (Step.QUALIFICATION, "website", "correct", "new_website"),
        (Step.AGREEMENT, "email", "agreement", "agreement_email"),
    ],
)
def test_what_microsoft_refuses_after_the_tenant_comes_back_to_its_field(
    world: factories.PartnerWorld, sign_in: SignIn, step: Step, field: str, path: str, control: str
) -> None:
    education = factories.new_account(
        qualification="education", segment="K12", website="wingtip.example", agreement=factories.agreement()
    )
    tenant = factories.make_customer(world, account=education)
    account = CspAccount.objects.get(customer_id=tenant.id)
    account.steps.filter(step=step).update(state=StepState.FAILED)
    CspAccount.objects.filter(id=account.id).update(
        state=AccountState.FAILED,
        microsoft_tenant_id=uuid.uuid4(),
        failure_message="Microsoft says no.",
        failure_field=field,
    )
    client = sign_in(world.owner)
    url = f"/csp-accounts/{account.id}/{path}/"
    assert f'href="{url}"' in client.get(f"/customers/{tenant.id}/csp-accounts/").content.decode()
    page = client.get(url).content.decode()
    assert re.search(rf'id="id_{control}_error"[^>]*>\s*<li>Microsoft says no.</li>', page)
    values = {
        "new_segment": "HigherEducation",
        "new_website": "",
        "agreement_first_name": "Gena",
        "agreement_last_name": "Soto",
        "agreement_email": "",
        "agreement_phone": "+1 425 555 0101",
        "agreement_date": "2026-01-02",
    }
    assert f'id="id_{control}_error"' in client.post(url, values).content.decode()
    scope.enter(partner_id=world.id)
    assert CspAccount.objects.get(id=account.id).state == AccountState.FAILED
    good = {**values, "new_website": "school.example", "agreement_email": "gena@wingtip.example"}
    assert client.post(url, good).status_code == 302
    scope.enter(partner_id=world.id)
    assert CspAccount.objects.get(id=account.id).state == AccountState.CREATING


def test_users_are_paged_searched_and_sorted(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    tenant = factories.make_customer(world)
    scope.enter(partner_id=world.id)
    for number in range(30):
        accounts.add_user(
            by=world.actor,
            customer_id=tenant.id,
            email=f"user{number:02d}@wingtip.example",
            first_name="User",
            last_name=f"Number {number:02d}",
            role=Role.CUSTOMER_BUYER,
            at=factories.NOW,
        )
    tab = f"/customers/{tenant.id}/users/"
    client = sign_in(world.owner)
    with CaptureQueriesContext(connection) as counted:
        first = client.get(tab).content.decode()
    assert "31 users" in first
    seen, address = re.findall(r"User Number \d\d", first), tab
    while following := re.search(r'href="([^"]+after=[^"]+)"', client.get(address).content.decode()):
        address = html.unescape(following[1])
        seen += re.findall(r"User Number \d\d", client.get(address).content.decode())
    assert sorted(set(seen)) == [f"User Number {number:02d}" for number in range(30)]
    with CaptureQueriesContext(connection) as alone:
        one = client.get(f"{tab}?q=number+07").content.decode()
    assert len(alone) == len(counted)
    assert set(re.findall(r"User Number \d\d", one)) == {"User Number 07"}
    buyers = client.get(f"{tab}?role=customer_admin").content.decode()
    assert "User Number" not in buyers
    for sort in ("name", "-name", "email", "role", "status", "last", "-last"):
        page = client.get(f"{tab}?sort={sort}").content.decode()
        following = re.search(r'href="([^"]+after=[^"]+)"', page)
        assert following is not None, sort
        rest = client.get(html.unescape(following[1])).content.decode()
        ids = re.findall(r'<tr id="users-([^"]+)"', page + rest)
        assert len(ids) == len(set(ids)) == 31, sort
    stranger = sign_in(factories.make_partner(name="Other").owner)
    assert stranger.get(tab).status_code == 404
