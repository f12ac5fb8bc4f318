"""A customer's links to Microsoft tenants: added, retried, followed. `provisioning.py` does the work there."""

import datetime
import itertools
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from procrastinate.contrib.django import app as jobs
from procrastinate.exceptions import AlreadyEnqueued

from msphub.accounts import microsoft_connection
from msphub.accounts import queries as accounts
from msphub.accounts.models import Tenant
from msphub.audit import actions as audit
from msphub.customers import events, inputs, permissions
from msphub.customers.choices import AccountMode, AccountState, Qualification, Segment, Step, StepState
from msphub.customers.models import Agreement, CspAccount, CspAccountStep, Customer
from msphub.kit import vault
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused, Text
from msphub.microsoft import client as microsoft_client
from msphub.microsoft import errors as microsoft_errors
from msphub.microsoft import shapes

PROVISION = "customers.provision_account"
# Which state of several accounts the grid shows: the one that needs somebody first.
_URGENCY = (AccountState.FAILED, AccountState.CREATING, AccountState.WAITING, AccountState.LINKED, AccountState.NONE)


def first_state(*, account: inputs.NewAccount | inputs.ExistingAccount) -> AccountState:
    """Return the state that an account begins in."""
    return AccountState.CREATING if isinstance(account, inputs.NewAccount) else AccountState.WAITING


def insert_account(
    *,
    by: Actor,
    customer_id: uuid.UUID,
    customer_name: str,
    account: inputs.NewAccount | inputs.ExistingAccount,
    at: datetime.datetime,
) -> CspAccount:
    """Insert an account with its steps and defer the work at Microsoft, in the caller's transaction."""
    if isinstance(account, inputs.NewAccount):
        row = CspAccount.objects.create(
            partner_id=by.partner_id,
            customer_id=customer_id,
            mode=AccountMode.NEW,
            state=AccountState.CREATING,
            domain=account.domain,
            company_name=account.company_name,
            country=account.address.country,
            details=_details(account),
            qualification=account.qualification,
            created_at=at,
        )
        steps = [Step.TENANT]
        if account.qualification != Qualification.COMMERCIAL:
            steps.append(Step.QUALIFICATION)
    else:
        row = CspAccount.objects.create(
            partner_id=by.partner_id,
            customer_id=customer_id,
            mode=AccountMode.EXISTING,
            state=AccountState.WAITING,
            domain=account.domain,
            company_name=account.tenant_name,
            country=account.country,
            details={"microsoft_tenant_id": str(account.microsoft_tenant_id)},
            created_at=at,
        )
        steps = [Step.CONSENT]
    if account.agreement is not None:
        steps.append(Step.AGREEMENT)
        _insert_agreement(by=by, account=row, agreement=account.agreement, at=at)
    CspAccountStep.objects.bulk_create(
        CspAccountStep(
            partner_id=by.partner_id, customer_id=customer_id, account=row, position=position, step=step.value
        )
        for position, step in enumerate(steps, start=1)
    )
    audit.record(
        by=by,
        event=events.ACCOUNT_ADDED,
        at=at,
        object_type="csp_account",
        object_id=row.id,
        object_label=row.domain,
        customer_id=customer_id,
        details={gettext_noop("Customer"): customer_name, gettext_noop("Kind"): AccountMode(row.mode).label},
    )
    defer_work(account=row)
    return row


def add_account(
    *,
    by: Actor,
    customer_id: uuid.UUID,
    account: inputs.NewAccount | inputs.ExistingAccount,
    at: datetime.datetime,
) -> CspAccount:
    """Give a customer a (further) link to a Microsoft tenant.

    Refuses a Microsoft tenant or a domain that this customer or another one of the partner holds already.
    """
    by.require_partner(permissions.MANAGE_ACCOUNTS)
    account = _checked(account, today=at.date())
    with transaction.atomic():
        tenant = Tenant.objects.select_for_update().filter(partner_id=by.partner_id, id=customer_id).first()
        if tenant is None:
            raise NotFound
        refuse_taken(by=by, account=account)
        row = insert_account(by=by, customer_id=customer_id, customer_name=tenant.name, account=account, at=at)
        refresh_customer_state(by=by, customer_id=customer_id)
    return row


def refuse_taken(*, by: Actor, account: inputs.NewAccount | inputs.ExistingAccount) -> None:
    """Refuse a domain or Microsoft tenant that one of the partner's accounts holds."""
    holder = CspAccount.objects.filter(partner_id=by.partner_id, domain=account.domain).exclude(
        state=AccountState.FAILED, microsoft_tenant_id=None
    )
    if isinstance(account, inputs.ExistingAccount):
        holder = holder | CspAccount.objects.filter(
            partner_id=by.partner_id, microsoft_tenant_id=account.microsoft_tenant_id
        )
    found = holder.first()
    if found is not None:
        name = (
            Tenant.objects.filter(partner_id=by.partner_id, id=found.customer_id).values_list("name", flat=True).first()
        )
        field = "new_domain" if isinstance(account, inputs.NewAccount) else "existing_domain"
        raise Refused(
            "domain_linked",
            _("%(domain)s is linked to your customer %(name)s already.") % {"domain": found.domain, "name": name},
            field=field,
        )


def retry_account(
    *, by: Actor, account_id: uuid.UUID, at: datetime.datetime, new: inputs.NewAccount | None = None
) -> CspAccount:
    """Go on where a failed account stopped, with corrected details where given. A second tenant is never made.

    Details of the tenant can be corrected only while Microsoft has not made it.
    """
    by.require_partner(permissions.MANAGE_ACCOUNTS)
    if new is not None:
        checked = _checked(new, today=at.date())
        if not isinstance(checked, inputs.NewAccount):
            raise TypeError(checked)
        new = checked
    with transaction.atomic():
        row = _lock(by=by, account_id=account_id)
        if row.state != AccountState.FAILED:
            raise Refused("not_failed", _("This account has not failed; there is nothing to try again."))
        if new is not None and row.microsoft_tenant_id is None:
            row.domain = new.domain
            row.company_name = new.company_name
            row.country = new.address.country
            row.details = _details(new)
        _go_on(by=by, row=row, at=at)
    return row


def correct_qualification(
    *, by: Actor, account_id: uuid.UUID, segment: str, website: str, at: datetime.datetime
) -> CspAccount:
    """Ask Microsoft again to qualify an institution, with another segment or website than those it refused.

    Refuses an account that has not failed at its qualification as Education; the tenant stays as it is.
    """
    by.require_partner(permissions.MANAGE_ACCOUNTS)
    problems: dict[str, Text] = {}
    if segment not in Segment.values:
        problems["new_segment"] = _("Choose the segment.")
    website, problem = inputs.check_website(website.strip())
    if problem:
        problems["new_website"] = problem
    if problems:
        raise Refused("invalid", _("Some entries need your attention."), fields=problems)
    with transaction.atomic():
        row = _lock(by=by, account_id=account_id)
        if failed_step(row) != Step.QUALIFICATION or row.qualification != Qualification.EDUCATION:
            raise Refused("not_failed", _("This account has not failed; there is nothing to try again."))
        before = {name: row.details.get(name) for name in ("segment", "website")}
        row.details = {**row.details, "segment": segment, "website": website}
        changes = audit.differences(
            {
                gettext_noop("Segment"): _segment_label(before["segment"]),
                gettext_noop("Website"): before["website"],
            },
            {"Segment": _segment_label(segment), "Website": website},
        )
        _go_on(by=by, row=row, at=at, changes=changes)
    return row


def failed_step(account: CspAccount) -> Step | None:
    """Return the step at which an account's work ended; None when it has not failed, or before any step."""
    if account.state != AccountState.FAILED:
        return None
    return next((Step(step.step) for step in account.steps.all() if step.state == StepState.FAILED), None)


def _segment_label(segment: str | None) -> str:
    return str(Segment(segment).label) if segment in Segment.values else str(segment or "")


def _go_on(
    *, by: Actor, row: CspAccount, at: datetime.datetime, changes: Mapping[str, tuple[Any, Any]] | None = None
) -> None:
    """Let the work of a failed account go on, in the caller's transaction."""
    row.state = AccountState.CREATING if row.mode == AccountMode.NEW else AccountState.WAITING
    row.failure_code = row.failure_message = row.failure_field = ""
    row.save()
    row.steps.filter(state=StepState.FAILED).update(state=StepState.WAITING, message="", next_try_at=None)
    audit.record(
        by=by,
        event=events.ACCOUNT_RETRIED,
        at=at,
        object_type="csp_account",
        object_id=row.id,
        object_label=row.domain,
        customer_id=row.customer_id,
        changes=changes,
    )
    refresh_customer_state(by=by, customer_id=row.customer_id)
    defer_work(account=row)


def mail_consent_link_again(*, by: Actor, account_id: uuid.UUID, at: datetime.datetime) -> CspAccount:
    """Send the customer's primary contact the relationship link once more. Refuses while there is nothing to accept."""
    by.require_partner(permissions.MANAGE_ACCOUNTS)
    with transaction.atomic():
        row = _lock(by=by, account_id=account_id)
        if row.state != AccountState.WAITING or not row.relationship_url:
            raise Refused("not_waiting", _("This account does not wait for the customer's consent."))
        audit.record(
            by=by,
            event=events.ACCOUNT_CONSENT_ASKED,
            at=at,
            object_type="csp_account",
            object_id=row.id,
            object_label=row.domain,
            customer_id=row.customer_id,
        )
    return row


def record_agreement(
    *, by: Actor, account_id: uuid.UUID, agreement: inputs.Agreement, at: datetime.datetime
) -> CspAccount:
    """Record who accepted the Microsoft Customer Agreement, and confirm it at Microsoft by a job.

    Refuses a second one, unless Microsoft did not accept the first: then the work goes on with what is entered now.
    """
    by.require_partner(permissions.MANAGE_ACCOUNTS)
    with transaction.atomic():
        row = _lock(by=by, account_id=account_id)
        agreement, problems = inputs.check_agreement(agreement, country=row.country, today=at.date())
        if problems:
            raise Refused("invalid", _("Some entries need your attention."), fields=problems)
        corrects = failed_step(row) == Step.AGREEMENT
        if row.agreements.exists() and not corrects:
            raise Refused("agreement_exists", _("The agreement has been recorded already."))
        _insert_agreement(by=by, account=row, agreement=agreement, at=at)
        if not corrects:
            CspAccountStep.objects.create(
                partner_id=by.partner_id,
                customer_id=row.customer_id,
                account=row,
                position=row.steps.count() + 1,
                step=Step.AGREEMENT,
            )
        audit.record(
            by=by,
            event=events.AGREEMENT_RECORDED,
            at=at,
            object_type="csp_account",
            object_id=row.id,
            object_label=row.domain,
            customer_id=row.customer_id,
            changes={
                gettext_noop("Accepted by"): (None, f"{agreement.first_name} {agreement.last_name}"),
                gettext_noop("Accepted on"): (None, agreement.agreed_on),
            },
        )
        if corrects:
            _go_on(by=by, row=row, at=at)
        else:
            defer_work(account=row)
    return row


def find_existing(*, by: Actor, domain: str) -> shapes.TenantInformation | None:
    """Look a Microsoft tenant up by its domain, live (3 s). None: there is none.

    Refuses with a message when Microsoft can't be asked; nothing is stored.
    """
    by.require_partner(permissions.CREATE)
    try:
        with _live_client(by) as microsoft:
            return microsoft.find_tenant(domain=domain)
    except microsoft_errors.MicrosoftError as error:
        raise _not_asked(error) from error


def find_by_name(*, by: Actor, name: str, most: int = 10) -> list[shapes.CustomerSummary]:
    """Search the partner's own customers at Partner Center by the beginning of their name, live (3 s)."""
    by.require_partner(permissions.CREATE)
    try:
        with _live_client(by) as microsoft:
            return list(itertools.islice(microsoft.customers(name_starts_with=name, page_size=most), most))
    except microsoft_errors.MicrosoftError as error:
        raise _not_asked(error) from error


def domain_is_free(*, by: Actor, domain: str) -> bool | None:
    """Ask Microsoft live (3 s) whether a domain is free. None: not checked, because Microsoft gave no answer."""
    by.require_partner(permissions.CREATE)
    try:
        with _live_client(by) as microsoft:
            return not microsoft.domain_exists(domain=domain)
    except (microsoft_errors.MicrosoftError, microsoft_connection.NotConnected):
        return None


def take_first_password(*, by: Actor, account_id: uuid.UUID, at: datetime.datetime) -> dict[str, str]:
    """Return the first admin's user name and password of a new Microsoft tenant, once: it is erased here and logged.

    The caller has made sure of a fresh sign-in.
    """
    by.require_partner(permissions.MANAGE_ACCOUNTS)
    with transaction.atomic():
        row = _lock(by=by, account_id=account_id)
        if not row.first_credentials:
            raise Refused("no_password", _("No first password is stored for this Microsoft tenant."))
        audit.record(
            by=by,
            event=events.ACCOUNT_PASSWORD_SHOWN,
            at=at,
            object_type="csp_account",
            object_id=row.id,
            object_label=row.domain,
            customer_id=row.customer_id,
        )
        shown: dict[str, str] = vault.decrypt_json(row.first_credentials)
        row.first_credentials = ""
        row.save(update_fields=["first_credentials"])
    return shown


def refresh_customer_state(*, by: Actor, customer_id: uuid.UUID) -> None:
    """Write the state that the grid shows: of several accounts the one that needs somebody first."""
    customer = Customer.objects.filter(partner_id=by.partner_id, tenant_id=customer_id)
    # One at a time: of two accounts that change at once, each would miss the other's new state.
    customer.select_for_update().values_list("tenant_id").first()
    states = set(
        CspAccount.objects.filter(partner_id=by.partner_id, customer_id=customer_id).values_list("state", flat=True)
    )
    state = next((state for state in _URGENCY if state in states), AccountState.NONE)
    customer.update(microsoft_state=state)


def defer_work(*, account: CspAccount) -> None:
    """Defer the work at Microsoft, with the transaction; one job at a time works on an account."""
    jobs.configure_task(PROVISION, queue="microsoft", lock=f"csp_account:{account.id}").defer(
        partner_id=str(account.partner_id), account_id=str(account.id)
    )


def defer_follow_up(*, partner_id: uuid.UUID, account_id: uuid.UUID) -> None:
    """Defer one more look at an account that waits for its customer, unless one is queued."""
    try:
        jobs.configure_task(
            PROVISION, queue="microsoft", lock=f"csp_account:{account_id}", queueing_lock=f"follow_up:{account_id}"
        ).defer(partner_id=str(partner_id), account_id=str(account_id))
    except AlreadyEnqueued:
        return


def connection_is_set_up(*, by: Actor) -> bool:
    """Tell whether the partner has a connection to Microsoft at all."""
    return accounts.microsoft_connection(partner_id=by.partner_id) is not None


def _live_client(by: Actor) -> microsoft_client.Client:
    """Return a client for the request of a form: one attempt, 3 seconds."""
    return microsoft_connection.client(
        partner_id=by.partner_id, timeout=microsoft_connection.LIVE_CHECK_SECONDS, retries=0
    )


def _not_asked(error: microsoft_errors.MicrosoftError) -> Refused:
    return Refused(
        "microsoft_unavailable",
        _("Microsoft could not be asked (%(reason)s). Try again, or skip this step and link the account later.")
        % {"reason": error.message.rstrip(".")},
        field="existing_domain",
    )


def _lock(*, by: Actor, account_id: uuid.UUID) -> CspAccount:
    row = CspAccount.objects.select_for_update().filter(partner_id=by.partner_id, id=account_id).first()
    if row is None:
        raise NotFound
    return row


def _checked(
    account: inputs.NewAccount | inputs.ExistingAccount, *, today: datetime.date
) -> inputs.NewAccount | inputs.ExistingAccount:
    if isinstance(account, inputs.NewAccount):
        account, problems = inputs.check_new_account(account, today=today)
        if problems:
            raise Refused("invalid", _("Some entries need your attention."), fields=problems)
    return account


def _insert_agreement(*, by: Actor, account: CspAccount, agreement: inputs.Agreement, at: datetime.datetime) -> None:
    Agreement.objects.create(
        partner_id=by.partner_id,
        customer_id=account.customer_id,
        account=account,
        first_name=agreement.first_name,
        last_name=agreement.last_name,
        email=agreement.email,
        phone=agreement.phone,
        agreed_on=agreement.agreed_on or at.date(),
        recorded_at=at,
    )


def _details(account: inputs.NewAccount) -> dict[str, Any]:
    """Return what the tenant is to be made of, as JSON that both the job and the correcting form read."""
    return {
        "company_name": account.company_name,
        "domain_prefix": account.domain_prefix,
        "registration_number": account.registration_number,
        "qualification": account.qualification,
        "segment": account.segment,
        "website": account.website,
        "first_name": account.first_name,
        "last_name": account.last_name,
        "email": account.email,
        "phone": account.phone,
        "line1": account.address.line1,
        "line2": account.address.line2,
        "city": account.address.city,
        "state": account.address.state,
        "postal_code": account.address.postal_code,
        "country": account.address.country,
    }
