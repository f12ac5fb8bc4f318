"""Pages over HTTP: who sees what, and how much a page costs."""

import csv
import io
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook
from tests import factories

from msphub.accounts import actions
from msphub.accounts.choices import Role, Status
from msphub.accounts.models import StatusInterval, Tenant, User
from msphub.audit.models import Entry
from msphub.customers import samples, seeding
from msphub.customers.models import Customer
from msphub.kit import scope
from partner_center_emulator import testing

type SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db
TABS = ["products", "orders", "invoices", "subscriptions", "csp-accounts", "audit-logs", "users", "profile"]


@pytest.fixture(autouse=True)
def _no_counted_sign_ins() -> None:
    cache.clear()


def test_strangers_are_led_to_sign_in_and_back(client: Client) -> None:
    assert client.get("/").url == "/accounts/login/"
    assert client.get("/customers/?q=a").url == "/accounts/login/?next=%2Fcustomers%2F%3Fq%3Da"
    assert client.get("/mail/").status_code == 302
    htmx = client.get("/customers/", headers={"HX-Request": "true"})
    assert (htmx.status_code, htmx["HX-Redirect"]) == (204, "/accounts/login/")


def test_signing_in_with_email_and_password(world: factories.PartnerWorld, client: Client) -> None:
    wrong = client.post("/accounts/login/", {"login": world.owner.email, "password": "wrong"})
    unknown = client.post("/accounts/login/", {"login": "nobody@x.example", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 200
    assert b"sessionid" not in wrong.content
    right = client.post("/accounts/login/", {"login": world.owner.email.upper(), "password": factories.PASSWORD})
    assert right.url == "/"
    assert client.get("/").url == "/customers/"
    scope.enter(partner_id=world.id)
    events = list(Entry.objects.filter(event__startswith="user.sign").order_by("at").values_list("event", flat=True))
    assert events == ["user.sign_in_refused", "user.signed_in"]
    client.post("/accounts/logout/")
    assert client.get("/customers/").status_code == 302


def test_sign_in_is_rate_limited(world: factories.PartnerWorld, client: Client) -> None:
    for _try in range(6):
        answer = client.post("/accounts/login/", {"login": world.owner.email, "password": "wrong"})
    assert "Too many failed login attempts" in answer.content.decode()
    right = client.post("/accounts/login/", {"login": world.owner.email, "password": factories.PASSWORD})
    assert right.status_code == 200


def test_nobody_signs_up_or_changes_an_email(client: Client) -> None:
    for name in ("account_signup", "account_email", "account_reset_password"):
        assert client.get(reverse(name)).status_code == 302


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens_for_partner_and_customer_and_for_nobody_else(
    world: factories.PartnerWorld, sign_in: SignIn, tab: str
) -> None:
    tenant = factories.make_customer(world, account=factories.new_account(agreement=factories.agreement()))
    url = f"/customers/{tenant.id}/{tab}/"
    assert sign_in(world.owner).get(url).status_code == 200
    assert sign_in(factories.add_colleague(world)).get(url).status_code == 200
    assert sign_in(factories.admin_of(tenant)).get(url).status_code == 200
    scope.enter(partner_id=world.id)
    sibling = factories.make_customer(world, name="Sibling")
    assert sign_in(factories.admin_of(sibling)).get(url).status_code == 404
    theirs = factories.make_partner(name="Theirs")
    assert sign_in(theirs.owner).get(url).status_code == 404
    assert sign_in(theirs.owner).get(f"/customers/{uuid.uuid4()}/{tab}/").status_code == 404


def test_a_bare_address_leads_to_the_first_tab_and_an_unknown_tab_is_not_found(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    tenant = factories.make_customer(world)
    client = sign_in(world.owner)
    assert client.get(f"/customers/{tenant.id}/").url == f"/customers/{tenant.id}/products/"
    assert client.get(f"/customers/{tenant.id}/nonsense/").status_code == 404


def test_a_customers_user_sees_its_own_company_only(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    tenant = factories.make_customer(world)
    client = sign_in(factories.admin_of(tenant))
    assert client.get("/").url == f"/customers/{tenant.id}/products/"
    for url in ("/customers/", "/customers/new/", "/mail/", "/account/microsoft/"):
        assert client.get(url).status_code == 403, url
    profile = client.get(f"/customers/{tenant.id}/profile/").content.decode()
    for hidden in ("Customer Type", "Partner Subscription", "Allow customer to purchase", "Standard"):
        assert hidden not in profile, hidden
    modify = client.get(f"/customers/{tenant.id}/profile/modify/").content.decode()
    for hidden in ("Customer Type", "Partner Subscription", "sales_1_name"):
        assert hidden not in modify, hidden
    audit = client.get(f"/customers/{tenant.id}/audit-logs/").content.decode()
    assert "Created the customer" not in audit
    assert "Invited the user" in audit


def test_disabling_ends_open_sessions_at_once_suspending_does_not(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    tenant = factories.make_customer(world)
    client = sign_in(factories.admin_of(tenant))
    url = f"/customers/{tenant.id}/products/"
    owner = sign_in(world.owner)
    assert owner.post(f"/customers/{tenant.id}/status/suspend/", {"reason": "Unpaid"}).status_code == 302
    assert client.get(url).status_code == 200
    assert owner.post(f"/customers/{tenant.id}/status/disable/", {"reason": "Left"}).status_code == 302
    ended = client.get(url)
    assert ended.url == "/accounts/login/"
    refused = client.post(
        "/accounts/login/", {"login": factories.admin_of(tenant).email, "password": factories.PASSWORD}, follow=True
    )
    assert "Your access is disabled" in refused.content.decode()
    assert owner.post(f"/customers/{tenant.id}/status/enable/", {"reason": "Back"}).status_code == 302
    again = client.post("/accounts/login/", {"login": factories.admin_of(tenant).email, "password": factories.PASSWORD})
    assert again.url == "/"


def test_a_status_needs_a_reason_and_the_right(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    tenant = factories.make_customer(world)
    url = f"/customers/{tenant.id}/status/disable/"
    owner = sign_in(world.owner)
    assert "open sessions end at once" in owner.get(url).content.decode()
    assert "Say why" in owner.post(url, {"reason": ""}).content.decode()
    assert sign_in(factories.add_colleague(world)).post(url, {"reason": "x"}).status_code == 403
    theirs = factories.make_partner(name="Theirs")
    assert sign_in(theirs.owner).post(url, {"reason": "x"}).status_code == 404
    scope.enter(partner_id=world.id)
    assert Tenant.objects.get(id=tenant.id).status == Status.ACTIVE


def _fill(world: factories.PartnerWorld, count: int) -> None:
    scope.enter(partner_id=world.id)
    seeding.insert_samples(
        by=world.actor,
        customers=samples.sample_customers(count=count, seed="pages", countries=frozenset({"US"})),
        customer_type=world.customer_type,
        subscription_of={"US": world.subscription.id},
        sellers=(),
        at=factories.NOW,
    )


def test_the_grid_costs_the_same_few_statements_for_1_and_for_25_rows(
    world: factories.PartnerWorld, sign_in: SignIn, django_assert_num_queries: Any
) -> None:
    client = sign_in(world.owner)
    client.get("/customers/")
    _fill(world, 1)
    with django_assert_num_queries(7):
        client.get("/customers/")
    other = factories.make_partner(name="Other")
    _fill(other, 30)
    client = sign_in(other.owner)
    client.get("/customers/")
    with django_assert_num_queries(7):
        page = client.get("/customers/").content.decode()
    assert page.count('<tr id="customers-') == 25


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_costs_at_most_twelve_statements(
    world: factories.PartnerWorld, sign_in: SignIn, django_assert_max_num_queries: Any, tab: str
) -> None:
    tenant = factories.make_customer(world, account=factories.new_account(agreement=factories.agreement()))
    client = sign_in(world.owner)
    with django_assert_max_num_queries(12):
        client.get(f"/customers/{tenant.id}/{tab}/")


def test_the_grid_is_searched_sorted_and_swapped(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    factories.make_customer(world, name="Alpha <script>")
    factories.make_customer(world, name="Beta & Co")
    client = sign_in(world.owner)
    page = client.get("/customers/").content.decode()
    assert "Alpha &lt;script&gt;" in page
    assert "<script>" not in page.split("<main")[1]
    assert page.index("Alpha") < page.index("Beta")
    down = client.get("/customers/?sort=-name").content.decode()
    assert down.index("Beta") < down.index("Alpha")
    found = client.get("/customers/?q=bet").content.decode()
    assert "Beta" in found
    assert "Alpha" not in found
    part = client.get(
        "/customers/?q=bet", headers={"HX-Request": "true", "HX-Target": "div#customers-grid"}
    ).content.decode()
    assert "<html" not in part
    assert client.get("/customers/?sort=nonsense&after=nonsense&size=7").status_code == 200


def test_profile_is_edited_and_a_stale_edit_refused(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    tenant = factories.make_customer(world)
    client = sign_in(world.owner)
    url = f"/customers/{tenant.id}/profile/modify/"
    values = {
        "version": "1",
        "company_name": "Tailspin",
        "customer_type": str(world.customer_type.id),
        "partner_subscription": str(world.subscription.id),
        "address_line1": "2 Way",
        "city": "Redmond",
        "state": "WA",
        "postal_code": "98052",
        "primary_first_name": "Gena",
        "primary_last_name": "Soto",
        "primary_email": "gena@wingtip.example",
        "billing_first_name": "Bill",
        "billing_last_name": "Payer",
        "billing_email": "bill@wingtip.example",
        "billing_version": "1",
        "billing_profile_name": "Accounts payable",
        "bill_to": "Tailspin Holding",
        "billing_address_line1": "Königsallee 1",
        "billing_city": "Düsseldorf",
        "billing_postal_code": "40212",
        "billing_country": "DE",
    }
    assert client.post(url, values).url == f"/customers/{tenant.id}/profile/"
    shown = client.get(f"/customers/{tenant.id}/profile/").content.decode()
    assert all(words in shown for words in ("Accounts payable", "Tailspin Holding", "Königsallee 1", "Germany"))
    stale = client.post(url, {**values, "company_name": "Too Late"})
    assert "Somebody else has changed this" in stale.content.decode()
    assert "Company Name: saved meanwhile “Tailspin”, here “Too Late”" in stale.content.decode()
    assert 'value="Too Late"' in stale.content.decode()
    wrong = client.post(url, {**values, "version": "2", "billing_version": "2", "postal_code": "1"})
    assert "not a valid ZIP Code" in wrong.content.decode()
    abroad = client.post(url, {**values, "version": "2", "billing_version": "2", "billing_postal_code": "1"})
    assert "not a valid postcode in Germany" in abroad.content.decode()
    elsewhere = client.post(url, {**values, "version": "2", "bill_to": "Lost"})
    assert "Bill To: saved meanwhile “Tailspin Holding”, here “Lost”" in elsewhere.content.decode()
    scope.enter(partner_id=world.id)
    assert Tenant.objects.get(id=tenant.id).name == "Tailspin"
    reader = sign_in(factories.add_colleague(world))
    assert reader.get(url).status_code == 403
    assert "Modify" not in reader.get(f"/customers/{tenant.id}/profile/").content.decode()


def test_allow_purchase_is_switched_by_those_who_may(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    tenant = factories.make_customer(world)
    url = f"/customers/{tenant.id}/profile/allow-purchase/"
    assert sign_in(world.owner).post(url, {"allowed": "on"}).status_code == 302
    scope.enter(partner_id=world.id)
    assert Customer.objects.get(pk=tenant.id).allow_purchase
    assert sign_in(factories.admin_of(tenant)).post(url, {}).status_code == 403
    assert sign_in(world.owner).get(url).status_code == 405


def test_the_connection_to_microsoft_is_kept_secret_and_tested(
    world: factories.PartnerWorld, sign_in: SignIn, emulator: testing.Running
) -> None:
    client = sign_in(world.owner)
    known = emulator.partners[0]
    values = {
        "microsoft_tenant_id": known.tenant_id,
        "client_id": known.client_id,
        "client_secret": known.client_secret,
        "refresh_token": known.refresh_token,
        "partner_center_url": emulator.url,
        "graph_url": emulator.url,
        "login_url": emulator.url,
    }
    missing = client.post("/account/microsoft/", {**values, "client_secret": ""})
    assert "Enter the client secret" in missing.content.decode()
    plain = client.post("/account/microsoft/", {**values, "graph_url": "http://graph.example"})
    assert "begins with https://" in plain.content.decode()
    assert client.post("/account/microsoft/", values).status_code == 302
    tested = client.post("/account/microsoft/test/", follow=True).content.decode()
    assert "The connection works." in tested
    assert known.client_secret not in tested
    assert known.refresh_token not in tested
    stale = client.post("/account/microsoft/", {**values, "version": "0"})
    assert "A colleague has changed the connection" in stale.content.decode()
    assert client.post("/account/microsoft/", {**values, "client_secret": "wrong", "version": "1"}).status_code == 302
    failed = client.post("/account/microsoft/test/", follow=True).content.decode()
    assert "The connection does not work yet" in failed
    support = sign_in(factories.add_colleague(world, role=Role.SUPPORT))
    assert support.get("/account/microsoft/").status_code == 200
    assert support.post("/account/microsoft/", values).status_code == 403
    assert support.post("/account/microsoft/test/").status_code == 403
    scope.enter(partner_id=world.id)
    assert not Entry.objects.filter(changes__icontains=known.client_secret).exists()


def test_every_answer_carries_safe_headers_and_a_request_id(client: Client) -> None:
    answer = client.get("/accounts/login/")
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert len(answer["X-Request-ID"]) == 36
    assert answer["X-Request-ID"] != client.get("/accounts/login/")["X-Request-ID"]


def test_health_is_told_without_signing_in(client: Client) -> None:
    assert client.get("/healthz").content == b"ok\n"
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"ready": True, "database": True, "migrations": True, "queue": True}


def test_a_welcome_link_is_used_once(world: factories.PartnerWorld, client: Client) -> None:
    link = actions.issue_password_link(user=world.owner, at=factories.NOW.replace(year=2099))
    path = link.removeprefix("http://localhost:8000")
    assert world.owner.email in client.get(path).content.decode()
    differs = client.post(path, {"password": "a-good-long-passw0rd", "again": "another-passw0rd"})
    assert "The two passwords differ" in differs.content.decode()
    done = client.post(path, {"password": "a-good-long-passw0rd", "again": "a-good-long-passw0rd"})
    assert done.url == "/"
    assert client.get("/customers/").status_code == 200
    assert client.get(path).status_code == 410
    assert client.get("/welcome/nonsense/").status_code == 410


def test_filters_sorts_and_the_persons_own_columns(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    factories.make_customer(world, name="Alpha")
    beta = factories.make_customer(world, name="Beta")
    factories.set_status(world, beta, Status.SUSPENDED)
    client = sign_in(world.owner)
    suspended = client.get("/customers/?status=suspended").content.decode()
    assert "Beta" in suspended
    assert "Alpha" not in suspended
    for key in ("name", "customer_type", "country", "contact", "sales", "microsoft", "status", "created"):
        for direction in ("", "-"):
            assert client.get(f"/customers/?sort={direction}{key}").status_code == 200
    both = client.get(
        f"/customers/?status=active&status=suspended&country=US&type={world.customer_type.id}"
        f"&subscription={world.subscription.id}"
    ).content.decode()
    assert "Alpha" in both
    assert "Beta" in both
    assert "No customers match" in client.get("/customers/?country=DE").content.decode()
    assert 'data-label="Country"' in client.get("/customers/").content.decode()
    client.get("/customers/?columns=status&size=50")
    again = client.get("/customers/").content.decode()
    assert 'data-label="Country"' not in again
    assert "50 per page" in again
    assert 'data-label="Country"' in sign_in(factories.add_colleague(world)).get("/customers/").content.decode()


def test_the_filtered_set_is_exported_whole_and_harmless(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    factories.make_customer(world, name="=HYPERLINK(1)")
    factories.make_customer(world, name="Zoë, Ltd")
    theirs = factories.make_partner(name="Theirs")
    factories.make_customer(theirs, name="Hidden")
    client = sign_in(world.owner)
    answer = client.get("/customers/export.csv")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    lines = list(csv.reader(io.StringIO(text)))
    assert lines[0][0] == "Company Name"
    assert [line[0] for line in lines[1:]] == ["'=HYPERLINK(1)", "Zoë, Ltd"]
    only = b"".join(client.get("/customers/export.csv?q=zoe").streaming_content).decode()
    assert "Zoë" in only
    assert "HYPERLINK" not in only
    book = load_workbook(io.BytesIO(b"".join(client.get("/customers/export.xlsx").streaming_content)))
    assert [row[0] for row in book.active.values] == ["Company Name", "'=HYPERLINK(1)", "Zoë, Ltd"]
    assert client.get("/customers/export.pdf").status_code == 404


def test_ticked_customers_are_suspended_after_a_dry_run(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    alpha = factories.make_customer(world, name="Alpha")
    beta = factories.make_customer(world, name="Beta")
    factories.set_status(world, beta, Status.SUSPENDED)
    client = sign_in(world.owner)
    url = "/customers/bulk/suspend/"
    dry = client.get(url, {"ids": [alpha.id, beta.id]}).content.decode()
    assert "Suspend 1 customer" in dry
    assert "stays as it is" in dry
    assert "Say why" in client.post(url, {"ids": [alpha.id, beta.id], "reason": ""}).content.decode()
    done = client.post(url, {"ids": [alpha.id, beta.id], "reason": "Unpaid"}).content.decode()
    assert "Suspend: 1 of 2 done" in done
    assert "Beta is suspended already." in done
    assert client.post(url, {}).url == "/customers/"
    assert sign_in(factories.add_colleague(world)).get(url, {"ids": [alpha.id]}).status_code == 403
    export = client.post("/customers/bulk/export/", {"ids": [alpha.id]})
    text = b"".join(client.get(export.url).streaming_content).decode()
    assert "Alpha" in text
    assert "Beta" not in text


def test_a_status_is_planned_for_later(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    tenant = factories.make_customer(world)
    client = sign_in(world.owner)
    client.cookies["msphub_zone"] = "America/Los_Angeles"
    url = f"/customers/{tenant.id}/status/suspend/"
    answer = client.post(url, {"reason": "Holiday", "starts_at": "2029-01-02T08:00"}, follow=True)
    assert "will be suspended from" in answer.content.decode()
    past = client.post(url, {"reason": "Holiday", "starts_at": "2001-01-02T08:00"})
    assert "The effective date can&#x27;t lie in the past." in past.content.decode()
    scope.enter(partner_id=world.id)
    assert StatusInterval.objects.get().starts_at.isoformat() == "2029-01-02T16:00:00+00:00"


def test_a_disabled_customer_is_archived_and_brought_back(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    tenant = factories.make_customer(world, name="Gone Ltd")
    client = sign_in(world.owner)
    url = f"/customers/{tenant.id}/archive/"
    refused = client.post(url, follow=True).content.decode()
    assert "Only a disabled customer can be archived" in refused
    factories.set_status(world, tenant, Status.DISABLED)
    assert "is archived" in client.post(url, follow=True).content.decode()
    assert "Gone Ltd" not in client.get("/customers/").content.decode()
    assert "Gone Ltd" in client.get("/customers/?archived=yes").content.decode()
    assert "is back on the grid" in client.post(url, follow=True).content.decode()
    assert "Gone Ltd" in client.get("/customers/").content.decode()
    theirs = factories.make_partner(name="Theirs")
    assert sign_in(theirs.owner).post(url).status_code == 404
    assert client.get(url).status_code == 405
