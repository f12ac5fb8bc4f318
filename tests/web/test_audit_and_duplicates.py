"""The audit log's filters and download, and the hint at likely duplicates."""

import dataclasses
import datetime
import uuid
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import translation
from tests import factories

from msphub.accounts import statuses
from msphub.accounts.choices import Status
from msphub.accounts.models import User
from msphub.audit.models import Entry
from msphub.customers import credit_terms
from msphub.customers.models import CreditTerm
from msphub.kit import scope
from msphub.web import audit_log

type SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db


def test_the_log_is_filtered_by_event_actor_and_day_and_shows_words_not_ids(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    tenant = factories.make_customer(world)
    factories.set_status(world, tenant, Status.SUSPENDED)
    client = sign_in(world.owner)
    whole = client.get("/audit/").content.decode()
    assert "Created the customer Wingtip Toys" in whole
    assert "Olivia Hart" in whole
    only = client.get("/audit/?event=customer.status_changed").content.decode()
    rows = only.split("<tbody>", 1)[1]
    assert "Changed the status of Wingtip Toys" in rows
    assert "Reason: Test" in rows
    assert '<td class="old">Active</td><td class="new">Suspended</td>' in rows
    assert "Created the customer Wingtip" not in rows
    system = client.get("/audit/?kind=system").content.decode().split("<tbody>", 1)[1]
    assert "Created the customer Wingtip Toys" not in system
    day = factories.NOW.date().isoformat()
    assert "Wingtip Toys" in client.get(f"/audit/?day_from={day}&day_to={day}").content.decode().split("<tbody>", 1)[1]
    nothing = client.get("/audit/?day_from=2040-01-01").content.decode()
    assert "No entries match" in nothing


def test_instants_are_shown_in_the_viewers_zone_and_exported_exactly(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    tenant = factories.make_customer(world)
    statuses.change_status(
        by=world.actor,
        customer_id=tenant.id,
        status=Status.SUSPENDED,
        reason="Test",
        at=factories.NOW,
        starts_at=datetime.datetime(2026, 12, 1, 3, 30, tzinfo=datetime.UTC),
    )
    client = sign_in(world.owner)
    client.cookies["msphub_zone"] = "America/New_York"
    page = client.get("/audit/?event=customer.status_scheduled").content.decode()
    assert "From: Nov 30, 2026, 10:30\u202fPM" in page
    assert "2026-12-01T03:30" not in page
    text = b"".join(client.get("/audit/export.csv").streaming_content).decode()
    assert "From: 2026-12-01T03:30:00+00:00" in text


def test_the_log_pages_forth_and_back(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    tenant = factories.make_customer(world)
    for number in range(60):
        factories.set_status(world, tenant, Status.SUSPENDED if number % 2 == 0 else Status.ACTIVE)
    client = sign_in(world.owner)
    first = client.get("/audit/").content.decode()
    assert first.count('<tr id="audit-') == 50
    cursor = first.split("after=")[1].split('"')[0]
    second = client.get(f"/audit/?after={cursor}").content.decode()
    assert "Created the customer" in second
    back = second.split("before=")[1].split('"')[0]
    assert client.get(f"/audit/?before={back}").content.decode().count('<tr id="audit-') == 50


def test_the_log_is_exported_for_those_who_may_see_it(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    tenant = factories.make_customer(world, name="Own")
    factories.make_customer(world, name="Sibling")
    text = b"".join(sign_in(world.owner).get("/audit/export.csv").streaming_content).decode()
    assert "customer.created" in text
    assert "Sibling" in text
    one = b"".join(sign_in(world.owner).get(f"/audit/export.csv?customer={tenant.id}").streaming_content).decode()
    assert "Sibling" not in one
    own = b"".join(sign_in(factories.admin_of(tenant)).get("/audit/export.csv").streaming_content).decode()
    assert "user.invited" in own
    assert "customer.created" not in own
    assert "Sibling" not in own
    theirs = factories.make_partner(name="Theirs")
    assert sign_in(theirs.owner).get(f"/audit/export.csv?customer={tenant.id}").status_code == 404
    assert sign_in(world.owner).get("/audit/export.csv?customer=nonsense").status_code == 404


def test_likely_duplicates_are_shown_by_name_and_email(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    factories.make_customer(world, name="Wingtip Toys GmbH")
    client = sign_in(world.owner)
    url = f"/customers/new/{uuid.uuid4()}/duplicates/"
    for typed in ({"company_name": "WINGTIP toys, Inc."}, {"primary_email": "someone@wingtip.example"}):
        assert "Wingtip Toys GmbH" in client.get(url, typed).content.decode(), typed
    for typed in (
        {"company_name": "Tailspin"},
        {"company_name": "GmbH"},
        {"company_name": ""},
        {"primary_email": "someone@gmail.com"},
    ):
        assert client.get(url, typed).content.strip() == b"", typed
    theirs = factories.make_partner(name="Theirs")
    assert sign_in(theirs.owner).get(url, {"company_name": "Wingtip Toys"}).content.strip() == b""


def test_money_in_the_log_follows_the_viewers_locale_and_is_exported_exactly(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    scope.enter(partner_id=world.id)
    term = CreditTerm.objects.get(partner_id=world.id)
    with translation.override("de"):  # whoever writes it: the entry keeps the amount, not words
        entered = dataclasses.replace(credit_terms_of(term), credit_limit=Decimal("2500.50"))
        credit_terms.change_credit_term(
            by=world.actor, term_id=term.id, entered=entered, version=term.version, at=factories.NOW
        )
    client = sign_in(world.owner)
    page = client.get("/audit/?event=credit_term.changed").content.decode()
    assert '<td class="old">$10,000.00</td><td class="new">$2,500.50</td>' in page
    entry = Entry.objects.get(event="credit_term.changed")
    with translation.override("de"):
        assert "2.500,50\u00a0$" in audit_log._Changes(entry.changes).__html__()
    text = b"".join(client.get("/audit/export.csv").streaming_content).decode()
    assert "Credit Limit: 10000.00 USD → 2500.50 USD" in text


def credit_terms_of(term: CreditTerm) -> credit_terms.Entered:
    """Return a term as a form would send it back."""
    return credit_terms.Entered(
        name=term.name,
        country=term.country,
        currency=term.currency,
        credit_limit=term.credit_limit,
        due_days=term.due_days,
        on_reach=term.on_reach,
        credit_hold=term.credit_hold,
    )
