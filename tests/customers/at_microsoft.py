"""How tests of the work at Microsoft order trouble, see what Microsoft has, and run jobs without waiting."""

import datetime
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob
from tests import factories

from msphub.accounts.models import Tenant
from msphub.audit.models import Entry
from msphub.customers import csp_accounts, inputs
from msphub.customers.choices import AccountState, StepState, WriteState
from msphub.customers.models import CspAccount, CspAccountStep, Customer, MicrosoftWrite
from msphub.kit import scope
from msphub.microsoft import login
from partner_center_emulator.calls import Members
from partner_center_emulator.state import Qualification
from partner_center_emulator.state import Tenant as MicrosoftTenant
from partner_center_emulator.testing import Running

CREATE = "/v1/customers"
QUALIFY = "/qualifications"
SET_QUALIFICATION = "/qualification"
AGREE = "/agreements"
MOST_ROUNDS = 12

type RunJobs = Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Microsoft:
    """The emulated Microsoft: what it was asked, what it keeps, and trouble on order."""

    server: Running

    def order(self, *, mode: str, path: str, method: str = "POST", count: int = 1, **more: Any) -> None:
        """Order trouble for the next `count` requests whose path ends so."""
        members = {"method": method, "path": f"{path}$", "mode": mode, "count": count, **more}
        self.server.emulator.faults.order(members=Members(content=members))

    def asked(self, *, path: str, method: str = "POST") -> list[dict[str, Any]]:
        """Return the requests of a method whose path ends so, in order."""
        entries = [entry.as_json() for entry in self.server.emulator.requests.entries()]
        return [entry for entry in entries if entry["method"] == method and entry["path"].endswith(path)]

    def ids(self, *, path: str, method: str = "POST") -> list[str]:
        """Return the MS-RequestIds of those requests, in order."""
        return [str(entry["MS-RequestId"]) for entry in self.asked(path=path, method=method)]

    def tenants(self) -> dict[str, MicrosoftTenant]:
        """Return every Microsoft tenant there is, by id."""
        return {tenant.tenant_id: tenant for tenant in self.server.emulator.state.tenants()}

    def tenants_of(self, domain: str) -> list[str]:
        """Return the ids of the Microsoft tenants with a default domain: more than one is one too many."""
        return [tenant.tenant_id for tenant in self.tenants().values() if tenant.default_domain == domain]

    def free_tenants(self) -> list[MicrosoftTenant]:
        """Return the existing Microsoft tenants, with a domain of their own, that are nobody's customer."""
        answer = httpx.get(f"{self.server.url}/_emulator/tenants").raise_for_status().json()
        partners, known = {partner.tenant_id for partner in self.server.partners}, self.tenants()
        free = [one for one in answer if not one["customer_of"] and one["tenant_id"] not in partners]
        return [known[one["tenant_id"]] for one in free if one["country"] == "US" and one["vanity_domain"]]

    def free_tenant(self) -> MicrosoftTenant:
        """Return one of them."""
        return self.free_tenants()[0]

    def customer_of(self, partner: int) -> MicrosoftTenant:
        """Return a Microsoft tenant that is a customer of one of the known partners."""
        _, first = self.server.emulator.state.customers(partner_id=self.server.partners[partner].tenant_id)[0]
        return self.tenants()[first.tenant_id]

    def qualifications(self, account: CspAccount) -> list[Qualification]:
        """Return what the account's Microsoft tenant is qualified for."""
        return self.server.emulator.state.qualifications(tenant_id=str(account.microsoft_tenant_id))

    def agreements(self, account: CspAccount) -> list[dict[str, Any]]:
        """Return what was confirmed for the account's Microsoft tenant."""
        return self.server.emulator.state.agreements(tenant_id=str(account.microsoft_tenant_id))

    def take_domain(self, domain: str) -> None:
        """Let a company that is nobody's customer have a domain."""
        taker = MicrosoftTenant(
            tenant_id="deadbeef-0000-4000-8000-000000000001",
            name="Somebody Else",
            country="US",
            default_domain=domain,
        )
        with self.server.emulator.state.changing():
            self.server.emulator.state.keep_tenant(tenant=taker)

    def control(self, name: str, **members: Any) -> Any:
        """Use one of the emulator's controls, by a real request."""
        return httpx.post(f"{self.server.url}/_emulator/{name}", json=members).raise_for_status().json()

    def forget_requests(self) -> None:
        """Begin counting requests anew."""
        self.server.emulator.requests.clear()


def prepared(server: Running) -> Microsoft:
    """Return a Microsoft whose day is the factories' day, to which nobody has signed in yet."""
    server.emulator.move_clock(instant=factories.NOW)
    login.forget_all()
    return Microsoft(server=server)


def connected_partner(microsoft: Microsoft, *, known: int = 0, **options: Any) -> factories.PartnerWorld:
    """Create a partner that is connected as one of the emulator's known partners; enters its scope."""
    world = factories.make_partner(**options)
    factories.connect_to_microsoft(world, url=microsoft.server.url, known=microsoft.server.partners[known])
    return world


def make_account(world: factories.PartnerWorld, account: inputs.NewAccount | inputs.ExistingAccount) -> CspAccount:
    """Create a customer with an account; its work at Microsoft waits in the queue."""
    customer = factories.make_customer(world, account=account)
    return CspAccount.objects.get(partner_id=world.id, customer_id=customer.id)


def existing_account(tenant: MicrosoftTenant, **changes: Any) -> inputs.ExistingAccount:
    """Return what links an existing Microsoft tenant."""
    return inputs.ExistingAccount(
        country=tenant.country,
        domain=changes.pop("domain", tenant.default_domain),
        microsoft_tenant_id=uuid.UUID(tenant.tenant_id),
        tenant_name=tenant.name,
        **changes,
    )


def forget_turns() -> None:
    """Let Microsoft not have been asked yet: a test asks more often in a minute than the portal may."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_microsoftturn")


def bring_forward() -> int:
    """Make jobs that wait for a later try due now; return how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo' AND scheduled_at > now()"
        )
        return int(cursor.rowcount)


def run_until_quiet(run_jobs: RunJobs, *, most: int = MOST_ROUNDS) -> None:
    """Run every job, and those that wait for a later try, until none is left."""
    for _ in range(most):
        run_jobs()
        if bring_forward() == 0:
            return
    raise AssertionError("jobs keep coming back")


def waiting_job(account: CspAccount) -> ProcrastinateJob:
    """Return the one job of an account that waits for its next try."""
    return ProcrastinateJob.objects.get(status="todo", lock=f"csp_account:{account.id}")


def follow(world: factories.PartnerWorld, run_jobs: RunJobs) -> None:
    """Do what the periodic job of every minute does for one partner."""
    from_queue = ProcrastinateJob.objects.filter(status="todo").count()
    assert from_queue == 0, "jobs are left from before"
    csp_accounts.jobs.configure_task("customers.follow_accounts", queue="microsoft").defer(partner_id=str(world.id))
    run_jobs()


def again(account: CspAccount) -> CspAccount:
    """Return an account as it is now; its partner's scope is entered."""
    scope.enter(partner_id=account.partner_id)
    return CspAccount.objects.get(partner_id=account.partner_id, id=account.id)


def steps(account: CspAccount) -> dict[str, CspAccountStep]:
    """Return an account's steps by name, in their order."""
    return {step.step: step for step in CspAccountStep.objects.filter(account=account).order_by("position")}


def writes(account: CspAccount, step: str) -> list[tuple[str, str]]:
    """Return id and state of each write of a step, oldest first."""
    found = MicrosoftWrite.objects.filter(account=account, step=step).order_by("prepared_at", "id")
    return [(str(write.id), write.state) for write in found]


def happened(account: CspAccount, event: str) -> list[Entry]:
    """Return the audit entries of an event about an account."""
    return list(Entry.objects.filter(partner_id=account.partner_id, object_id=account.id, event=event).order_by("at"))


def grid_state(account: CspAccount) -> str:
    """Return what the grid shows of the account's customer."""
    return Customer.objects.get(partner_id=account.partner_id, tenant_id=account.customer_id).microsoft_state


def assert_linked_once(microsoft: Microsoft, account: CspAccount) -> CspAccount:
    """Check that an account is linked, with exactly one Microsoft tenant, and that no write is left open."""
    account = again(account)
    assert account.state == AccountState.LINKED, (account.failure_code, account.failure_message)
    assert microsoft.tenants_of(account.domain) == [str(account.microsoft_tenant_id)]
    assert {step.state for step in steps(account).values()} == {StepState.DONE}
    assert not MicrosoftWrite.objects.filter(
        account=account, state__in=[WriteState.PREPARED, WriteState.UNKNOWN]
    ).exists()
    assert len(happened(account, "csp_account.linked")) == 1
    assert grid_state(account) == AccountState.LINKED
    return account


def customer_of(account: CspAccount) -> Tenant:
    """Return the customer that an account belongs to."""
    return Tenant.objects.get(partner_id=account.partner_id, id=account.customer_id)


def seconds_until(moment: datetime.datetime | None) -> float:
    """Return how far an instant lies ahead."""
    assert moment is not None
    return (moment - datetime.datetime.now(datetime.UTC)).total_seconds()
