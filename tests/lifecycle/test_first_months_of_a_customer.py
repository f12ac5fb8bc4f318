"""From the wizard's last Continue over the first four months, on Microsoft's clock, with mail over SMTP."""

import datetime
import random
import re
from collections.abc import Callable, Iterator
from email.message import EmailMessage

import httpx
import pytest
from procrastinate.contrib.django import app as jobs
from pytest_django.fixtures import Settings
from tests import factories
from tests.customers import at_microsoft
from tests.customers.at_microsoft import Microsoft, RunJobs
from tests.notifications import mailbox
from tests.notifications.mailbox import Mailbox

from msphub.accounts import actions as accounts
from msphub.accounts import queries
from msphub.accounts.models import User
from msphub.audit.models import Entry
from msphub.customers import csp_accounts, inputs
from msphub.customers.choices import AccountState
from msphub.customers.models import CspAccount
from msphub.kit import clock, scope
from msphub.kit.errors import Refused
from partner_center_emulator.testing import Running

PASSWORD = "a brand new passphrase"


@pytest.fixture
def microsoft(emulator: Running, transactional_db: None) -> Microsoft:
    return at_microsoft.prepared(emulator)


@pytest.fixture
def pass_time(
    microsoft: Microsoft, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], datetime.datetime]:
    """Let everybody live on the emulator's clock; call it to move on, and for the time it is then."""
    settings.CLOCK_URL = f"{microsoft.server.url}/_emulator/clock"

    def move(duration: str = "PT0S") -> datetime.datetime:
        microsoft.control("clock", advance=duration)
        monkeypatch.setattr(clock, "_remote", clock._RemoteOffset())
        return clock.now()

    return move


@pytest.fixture
def box(settings: Settings) -> Iterator[Mailbox]:
    """The mail server of the portal."""
    found = mailbox.closed()
    mailbox.use(settings, found)
    with found.open():
        yield found


def _follow(run_jobs: RunJobs) -> None:
    jobs.configure_task("customers.follow_all", queue="house").defer(timestamp=0)
    run_jobs()


def _secret_in(mail: EmailMessage) -> str:
    found = re.search(r"/welcome/([^/]+)/", mailbox.text_of(mail))
    assert found is not None
    return found.group(1)


def test_customer_from_the_wizard_to_a_second_microsoft_account(
    microsoft: Microsoft, pass_time: Callable[[str], datetime.datetime], box: Mailbox, run_jobs: RunJobs
) -> None:
    world = at_microsoft.connected_partner(microsoft)
    created_at = pass_time("PT0S")
    customer = factories.make_customer(
        world,
        name="Graphic Design Institute",
        account=factories.new_account(
            company_name="Graphic Design Institute",
            qualification="education",
            segment="HigherEducation",
            website="https://www.wingtip.example",
            agreement=factories.agreement(),
        ),
    )
    run_jobs()
    account = at_microsoft.assert_linked_once(
        microsoft, CspAccount.objects.get(partner_id=world.id, customer_id=customer.id)
    )
    assert account.vetting_status == "InReview"
    assert account.linked_at is not None
    assert account.linked_at >= created_at
    (credentials,) = [mail for mail in box.mails if mail["Subject"] == "Your credentials"]
    assert credentials["To"].addresses[0].addr_spec == "ann.inbox@wingtip.example"

    # Nobody reads the mail for three days and a bit: its link has ended, and a new one is asked for.
    late = pass_time("P3DT1M")
    admin = User.objects.get(partner_id=world.id, customer_id=customer.id)
    with pytest.raises(Refused):
        accounts.choose_password(
            secret=_secret_in(credentials), password=PASSWORD, at=late, address="192.0.2.9", request_id="late"
        )
    scope.enter(partner_id=None)
    accounts.request_password_link(email=admin.email, at=late, address="192.0.2.9", request_id="again")
    run_jobs()
    login = accounts.choose_password(
        secret=_secret_in(box.mails[-1]), password=PASSWORD, at=pass_time("PT5M"), address="192.0.2.9", request_id="in"
    )
    signed_in = queries.signed_in(login_id=login.id, address="192.0.2.9", request_id="in")
    assert signed_in is not None
    assert (signed_in.tenant_name, signed_in.actor.customer_id) == ("Graphic Design Institute", customer.id)

    # Microsoft has looked at the school meanwhile.
    _follow(run_jobs)
    assert at_microsoft.again(account).vetting_status == "Approved"

    # A quarter later a second Microsoft account of the same customer turns up, and the customer takes a week to accept.
    pass_time("P91D")
    tenant = microsoft.free_tenant()
    second = csp_accounts.add_account(
        by=world.actor, customer_id=customer.id, account=at_microsoft.existing_account(tenant), at=clock.now()
    )
    run_jobs()
    consent = box.mails[-1]
    assert consent["To"].addresses[0].addr_spec == "gena@wingtip.example"
    link = re.search(r"http://\S*Adminportal\S*", mailbox.text_of(consent))
    assert link is not None
    for _ in range(7):
        pass_time("P1D")
        _follow(run_jobs)
        assert at_microsoft.again(second).state == AccountState.WAITING
    assert box.mails[-1] is consent  # asked once, not every day
    httpx.post(link.group(0), data={"domain": tenant.default_domain}).raise_for_status()
    _follow(run_jobs)
    second = at_microsoft.assert_linked_once(microsoft, second)

    told = list(Entry.objects.filter(partner_id=world.id, customer_id=customer.id).order_by("at", "id"))
    order = [entry.event for entry in told if entry.event.startswith("csp_account.")]
    assert order == [
        "csp_account.added",
        "csp_account.linked",
        "csp_account.vetted",
        "csp_account.added",
        "csp_account.consent_asked",
        "csp_account.linked",
    ]
    assert told[-1].at - told[0].at > datetime.timedelta(days=100)


@pytest.mark.parametrize("seed", range(2))
def test_storm_of_faults_leaves_every_account_linked_once(microsoft: Microsoft, run_jobs: RunJobs, seed: int) -> None:
    dice = random.Random(seed)
    world = at_microsoft.connected_partner(microsoft)
    before = set(microsoft.tenants())
    kinds = ["commercial", "education", "nonprofit"]

    def new() -> inputs.NewAccount:
        return factories.new_account(
            qualification=dice.choice(kinds),
            segment="K12",
            website="wingtip.example",
            agreement=dice.choice([None, factories.agreement()]),
        )

    customer = factories.make_customer(world)
    made = [
        csp_accounts.add_account(by=world.actor, customer_id=customer.id, account=new(), at=factories.NOW)
        for _ in range(8)
    ]
    lost_or_refused = [{"mode": "reset_after"}, *({"mode": "status", "status": number} for number in (429, 500, 503))]
    writes = [
        ("POST", at_microsoft.CREATE),
        ("POST", at_microsoft.QUALIFY),
        ("PUT", at_microsoft.SET_QUALIFICATION),
        ("POST", at_microsoft.AGREE),
    ]
    for _ in range(6):
        for _ in range(dice.randrange(1, 6)):
            method, path = dice.choice(writes)
            microsoft.order(method=method, path=path, **dice.choice(lost_or_refused))
        if dice.random() < 0.3:
            microsoft.order(mode="status", path="/oauth2/v2.0/token", status=503, retry_after=600)
        run_jobs()
        at_microsoft.bring_forward()
    microsoft.server.emulator.faults.clear()
    at_microsoft.run_until_quiet(run_jobs)
    for account in made:
        found = at_microsoft.assert_linked_once(microsoft, account)
        assert len(microsoft.qualifications(found)) == (found.qualification != "commercial")
        assert len(microsoft.agreements(found)) == ("agreement" in at_microsoft.steps(found))
        assert csp_accounts.take_first_password(by=world.actor, account_id=found.id, at=factories.NOW)["password"]
    assert len(set(microsoft.tenants()) - before) == len(made)
