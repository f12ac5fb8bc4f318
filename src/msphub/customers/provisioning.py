"""The work at Microsoft for one CSP account: tenant → consent → qualification → agreement, each exactly once.

Each write has a row of its own (`writes.py`), committed before the call. A worker killed at any line finds that row
again and repeats the same id, which Microsoft answers with what it did the first time (errors.md §7). No database
transaction is open while Microsoft is asked.
"""

import contextlib
import datetime
import uuid
from collections.abc import Callable

import structlog
from django.db import DatabaseError, IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from msphub.accounts import microsoft_connection
from msphub.accounts.models import Tenant
from msphub.audit import actions as audit
from msphub.customers import csp_accounts, events, writes
from msphub.customers.choices import AccountState, Qualification, Step, StepState
from msphub.customers.models import Agreement, CspAccount, CspAccountStep
from msphub.kit import clock, vault
from msphub.kit.actor import Actor, system_actor
from msphub.kit.errors import Refused
from msphub.microsoft import client as microsoft_client
from msphub.microsoft import errors as microsoft_errors
from msphub.microsoft import shapes

log = structlog.get_logger(__name__)

LONGEST_WAIT_SECONDS = 300
VETTED_QUALIFICATIONS = {Qualification.EDUCATION: "Education"}


class TryLater(Exception):
    """Microsoft can't be reached or wants to be left alone; the job comes back after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"try again in {seconds:.0f} s")
        self.seconds = seconds


class _WaitingForCustomer(Exception):
    """The customer has not given consent yet; the periodic job asks again."""


def work_on_account(*, partner_id: uuid.UUID, account_id: uuid.UUID) -> None:
    """Do every step of an account that is not done. Raises `TryLater` after an outage; a refusal ends visibly.

    The connection must be in the partner's scope and outside any transaction.
    """
    by = system_actor(partner_id=partner_id)
    account = CspAccount.objects.filter(partner_id=partner_id, id=account_id).first()
    if account is None or account.state == AccountState.FAILED:
        return
    try:
        microsoft = microsoft_connection.client(partner_id=partner_id)
    except microsoft_connection.NotConnected as error:
        _fail(by=by, account=account, step=None, code=error.code, message=str(error.message), field="")
        return
    with microsoft:
        for step in account.steps.exclude(state=StepState.DONE).order_by("position"):
            try:
                _begin(step)
                _STEPS[Step(step.step)](by, account, step, microsoft)
            except _WaitingForCustomer:
                return
            except Refused as refusal:
                field = next(iter(refusal.fields), "")
                _fail(by=by, account=account, step=step, code=refusal.code, message=str(refusal.message), field=field)
                return
            except microsoft_errors.Refused as refusal:
                _refused(by=by, account=account, step=step, refusal=refusal)
                return
            except microsoft_errors.MicrosoftError as outage:
                raise TryLater(_note_outage(step=step, outage=outage)) from outage
            except Exception:
                _note_defect(step)
                raise
    _finish(by=by, account=account)


def accounts_waiting_for_consent() -> list[uuid.UUID]:
    """Return the accounts of the partner in scope whose customer has to give consent.

    Not those that come back by themselves after an outage: never before the instant that Microsoft named.
    """
    waiting = CspAccount.objects.filter(state=AccountState.WAITING).exclude(steps__next_try_at__gt=clock.now())
    return list(waiting.values_list("id", flat=True))


def follow_vettings(*, partner_id: uuid.UUID) -> None:
    """Ask for every account whose qualification Microsoft is vetting; one that can't be asked keeps no other back."""
    in_review = CspAccount.objects.filter(
        partner_id=partner_id, state=AccountState.LINKED, vetting_status__iexact="InReview"
    )
    for account_id in list(in_review.values_list("id", flat=True)):
        try:
            follow_vetting(partner_id=partner_id, account_id=account_id)
        except (microsoft_errors.MicrosoftError, Refused) as error:
            log.warning("vetting_not_followed", account_id=str(account_id), error=str(error))


def follow_vetting(*, partner_id: uuid.UUID, account_id: uuid.UUID) -> None:
    """Ask how far Microsoft's vetting of a qualification is, and keep the answer."""
    account = CspAccount.objects.get(partner_id=partner_id, id=account_id)
    with microsoft_connection.client(partner_id=partner_id) as microsoft:
        found = microsoft.qualifications(customer_id=str(account.microsoft_tenant_id))
    wanted = VETTED_QUALIFICATIONS.get(Qualification(account.qualification), "")
    status = next((q for q in found if q.qualification.casefold() == wanted.casefold()), None)
    if status is None or not status.vetting_status or status.vetting_status == account.vetting_status:
        return
    by = system_actor(partner_id=partner_id)
    with transaction.atomic():
        row = CspAccount.objects.select_for_update().get(partner_id=partner_id, id=account_id)
        if row.vetting_status == status.vetting_status:
            return
        before, row.vetting_status = _vetting_word(row.vetting_status), status.vetting_status
        row.save(update_fields=["vetting_status"])
        row.steps.filter(step=Step.QUALIFICATION).update(message=_vetting_words(status))
        audit.record(
            by=by,
            event=events.ACCOUNT_VETTED,
            at=clock.now(),
            object_type="csp_account",
            object_id=row.id,
            object_label=row.domain,
            customer_id=row.customer_id,
            changes={gettext_noop("Vetting"): (before, _vetting_words(status))},
        )


def _make_tenant(_by: Actor, account: CspAccount, step: CspAccountStep, microsoft: microsoft_client.Client) -> None:
    if account.microsoft_tenant_id is not None:
        _done(step=step, write=None)
        return
    details = account.details
    rules = microsoft.country_rules(country=details["country"])
    write = writes.open_write(account=account, step=Step(step.step))
    culture = rules.default_culture or "en-US"
    customer = shapes.NewCustomer(
        domain=account.domain,
        company_name=details["company_name"],
        email=details["email"],
        culture=culture,
        language=culture.split("-")[0],
        organization_registration_number=details["registration_number"] or None,
        enable_gdap_by_default=True,
        address=shapes.Address(
            country=details["country"],
            state=_microsoft_state(details["state"], rules),
            city=details["city"],
            postal_code=details["postal_code"],
            address_line1=details["line1"],
            address_line2=details["line2"] or None,
            first_name=details["first_name"],
            last_name=details["last_name"],
            phone_number=details["phone"] or None,
        ),
    )
    credentials, domain = None, account.domain
    try:
        created = writes.send(write, lambda: microsoft.create_customer(request_id=write.id, customer=customer))
        tenant_id, credentials = created.id, created.credentials
        # The answer to a repeated id is the first one: details corrected since then came too late.
        domain = (created.customer.company_profile and created.customer.company_profile.domain) or domain
    except microsoft_errors.AlreadyExists as taken:
        # After an unknown outcome the domain may be taken by ourselves: look before calling it a refusal.
        found = _own_tenant(account, microsoft) if write.repeated else None
        if found is None:
            writes.refuse(write, taken)
            raise
        tenant_id = found
    with transaction.atomic():
        row = CspAccount.objects.select_for_update().get(partner_id=account.partner_id, id=account.id)
        row.microsoft_tenant_id = uuid.UUID(tenant_id)
        row.domain = domain
        if credentials is not None:
            row.first_credentials = vault.encrypt_json(
                {"user_name": f"{credentials.user_name}@{domain}", "password": credentials.password}
            )
        row.save(update_fields=["microsoft_tenant_id", "domain", "first_credentials"])
        _done(step=step, write=write, message=tenant_id)
    account.microsoft_tenant_id, account.domain = row.microsoft_tenant_id, row.domain


def _ask_consent(by: Actor, account: CspAccount, step: CspAccountStep, microsoft: microsoft_client.Client) -> None:
    wanted = str(account.details["microsoft_tenant_id"])
    _refuse_linked_elsewhere(account, tenant_id=wanted)
    if _is_customer(wanted, account.domain, microsoft):
        try:
            with transaction.atomic():
                row = CspAccount.objects.select_for_update().get(partner_id=account.partner_id, id=account.id)
                row.microsoft_tenant_id = uuid.UUID(wanted)
                row.save(update_fields=["microsoft_tenant_id"])
                _done(step=step, write=None, message=wanted)
        except IntegrityError:
            _refuse_linked_elsewhere(account, tenant_id=wanted)  # at this very moment, by another job
            raise
        account.microsoft_tenant_id = row.microsoft_tenant_id
        return
    url = account.relationship_url or microsoft.relationship_request_url()
    with transaction.atomic():
        row = CspAccount.objects.select_for_update().get(partner_id=account.partner_id, id=account.id)
        CspAccountStep.objects.filter(id=step.id).update(
            state=StepState.WAITING, message=_("The customer accepts the invitation at Microsoft."), next_try_at=None
        )
        if not row.relationship_url:
            row.relationship_url = url
            row.save(update_fields=["relationship_url"])
            audit.record(
                by=by,
                event=events.ACCOUNT_CONSENT_ASKED,
                at=clock.now(),
                object_type="csp_account",
                object_id=row.id,
                object_label=row.domain,
                customer_id=row.customer_id,
            )
    raise _WaitingForCustomer


def _qualify(_by: Actor, account: CspAccount, step: CspAccountStep, microsoft: microsoft_client.Client) -> None:
    tenant_id = str(account.microsoft_tenant_id)
    write = writes.open_write(account=account, step=Step(step.step))
    if account.qualification == Qualification.NONPROFIT:
        writes.send(write, lambda: microsoft.set_nonprofit(request_id=write.id, customer_id=tenant_id))
        status = shapes.Qualification(qualification="nonprofit")
    else:
        wanted = VETTED_QUALIFICATIONS[Qualification(account.qualification)]
        known = microsoft.qualifications(customer_id=tenant_id) if write.repeated else []
        found = next((one for one in known if one.qualification.casefold() == wanted.casefold()), None)
        status = found or writes.send(
            write,
            lambda: microsoft.request_qualification(
                request_id=write.id,
                customer_id=tenant_id,
                qualification=wanted,
                education_segment=account.details["segment"],
                website=account.details["website"],
            ),
        )
    with transaction.atomic():
        row = CspAccount.objects.select_for_update().get(partner_id=account.partner_id, id=account.id)
        row.vetting_status = status.vetting_status or ""
        row.save(update_fields=["vetting_status"])
        _done(step=step, write=write, message=_vetting_words(status))


def _confirm_agreement(
    _by: Actor, account: CspAccount, step: CspAccountStep, microsoft: microsoft_client.Client
) -> None:
    agreement = Agreement.objects.filter(partner_id=account.partner_id, account=account).latest("recorded_at", "id")
    tenant_id = str(account.microsoft_tenant_id)
    write = writes.open_write(account=account, step=Step(step.step))
    template_id = agreement.template_id
    if not microsoft.agreements(customer_id=tenant_id):
        template_id = _newest_template(microsoft)
        agreed_at = datetime.datetime.combine(agreement.agreed_on, datetime.time(), tzinfo=datetime.UTC)
        # What is confirmed already is what was wanted: Microsoft's list may lag behind an earlier attempt.
        with contextlib.suppress(microsoft_errors.AlreadyExists):
            writes.send(
                write,
                lambda: microsoft.confirm_agreement(
                    request_id=write.id,
                    customer_id=tenant_id,
                    template_id=template_id,
                    first_name=agreement.first_name,
                    last_name=agreement.last_name,
                    email=agreement.email,
                    phone_number=agreement.phone or None,
                    agreed_at=agreed_at,
                    country=account.country,
                ),
            )
    with transaction.atomic():
        Agreement.objects.filter(id=agreement.id).update(confirmed_at=clock.now(), template_id=template_id)
        _done(step=step, write=write)


_STEPS: dict[Step, Callable[[Actor, CspAccount, CspAccountStep, microsoft_client.Client], None]] = {
    Step.TENANT: _make_tenant,
    Step.CONSENT: _ask_consent,
    Step.QUALIFICATION: _qualify,
    Step.AGREEMENT: _confirm_agreement,
}


def _begin(step: CspAccountStep) -> None:
    now = clock.now()
    CspAccountStep.objects.filter(id=step.id).update(
        state=StepState.RUNNING, started_at=step.started_at or now, attempts=step.attempts + 1, next_try_at=None
    )
    step.attempts += 1
    step.started_at = step.started_at or now


def _done(*, step: CspAccountStep, write: writes.Write | None, message: str = "") -> None:
    """Note that a step is done, together with its write, in the caller's transaction or one of its own."""
    now = clock.now()
    with transaction.atomic():
        if write is not None:
            writes.accept(write)
        CspAccountStep.objects.filter(id=step.id).update(
            state=StepState.DONE, finished_at=now, message=message, next_try_at=None
        )


def _finish(*, by: Actor, account: CspAccount) -> None:
    with transaction.atomic():
        row = CspAccount.objects.select_for_update().get(partner_id=account.partner_id, id=account.id)
        if row.state == AccountState.LINKED or row.steps.exclude(state=StepState.DONE).exists():
            return
        row.state = AccountState.LINKED
        row.linked_at = clock.now()
        row.save(update_fields=["state", "linked_at"])
        csp_accounts.refresh_customer_state(by=by, customer_id=row.customer_id)
        audit.record(
            by=by,
            event=events.ACCOUNT_LINKED,
            at=row.linked_at,
            object_type="csp_account",
            object_id=row.id,
            object_label=row.domain,
            customer_id=row.customer_id,
            changes={gettext_noop("Microsoft tenant"): (None, str(row.microsoft_tenant_id))},
        )


def _refused(*, by: Actor, account: CspAccount, step: CspAccountStep, refusal: microsoft_errors.Refused) -> None:
    _fail(
        by=by,
        account=account,
        step=step,
        code=writes.code_of(refusal),
        message=refusal.message,
        field=refusal.field or "",
    )


def _fail(*, by: Actor, account: CspAccount, step: CspAccountStep | None, code: str, message: str, field: str) -> None:
    """End an account's work visibly, with Microsoft's reason at its field; Retry goes on here."""
    now = clock.now()
    with transaction.atomic():
        row = CspAccount.objects.select_for_update().get(partner_id=account.partner_id, id=account.id)
        row.state = AccountState.FAILED
        row.failure_code, row.failure_message, row.failure_field = code, message, field
        row.save(update_fields=["state", "failure_code", "failure_message", "failure_field"])
        if step is not None:
            CspAccountStep.objects.filter(id=step.id).update(
                state=StepState.FAILED, finished_at=now, message=message, next_try_at=None
            )
        csp_accounts.refresh_customer_state(by=by, customer_id=row.customer_id)
        audit.record(
            by=by,
            event=events.ACCOUNT_FAILED,
            at=now,
            object_type="csp_account",
            object_id=row.id,
            object_label=row.domain,
            customer_id=row.customer_id,
            details={gettext_noop("Reason"): message, gettext_noop("Code"): code},
        )


def _note_outage(*, step: CspAccountStep, outage: microsoft_errors.MicrosoftError) -> float:
    """Show why nothing moves and when the next attempt comes; return the seconds until then."""
    wait = min(2.0 ** min(step.attempts, 9), LONGEST_WAIT_SECONDS)
    seconds = max(wait, outage.retry_after or 0.0)
    CspAccountStep.objects.filter(id=step.id).update(
        state=StepState.WAITING,
        message=outage.message,
        next_try_at=clock.now() + datetime.timedelta(seconds=seconds),
    )
    return seconds


def _note_defect(step: CspAccountStep) -> None:
    """Show that the trouble is ours; the job comes back. The database itself may be what is in trouble."""
    with contextlib.suppress(DatabaseError):
        CspAccountStep.objects.filter(id=step.id).update(
            state=StepState.WAITING,
            message=_("Something went wrong here, not at Microsoft. It is tried again by itself."),
            next_try_at=None,
        )


def _refuse_linked_elsewhere(account: CspAccount, *, tenant_id: str) -> None:
    """Refuse a Microsoft tenant that another account has linked since this one was added."""
    holder = (
        CspAccount.objects.filter(partner_id=account.partner_id, microsoft_tenant_id=tenant_id)
        .exclude(id=account.id)
        .first()
    )
    if holder is not None:
        name = Tenant.objects.values_list("name", flat=True).get(partner_id=account.partner_id, id=holder.customer_id)
        raise Refused(
            "domain_linked",
            _("%(domain)s is linked to your customer %(name)s already.") % {"domain": holder.domain, "name": name},
            field="domain",
        )


def _newest_template(microsoft: microsoft_client.Client) -> str:
    template = max(microsoft.agreement_templates(), key=lambda one: one.version_rank or 0, default=None)
    if template is None:
        raise microsoft_errors.Refused("Microsoft lists no Microsoft Customer Agreement to be confirmed.")
    return template.template_id


def _own_tenant(account: CspAccount, microsoft: microsoft_client.Client) -> str | None:
    """Return the id of the partner's customer with exactly this domain and name that no other account of ours holds."""
    name = account.details["company_name"].casefold()
    for summary in microsoft.customers(domain_starts_with=account.domain):
        same = (summary.domain or "").casefold() == account.domain.casefold()
        if same and (summary.company_name or "").casefold() == name:
            taken = CspAccount.objects.filter(partner_id=account.partner_id, microsoft_tenant_id=summary.id).exclude(
                id=account.id
            )
            return None if taken.exists() else summary.id
    return None


def _is_customer(tenant_id: str, domain: str, microsoft: microsoft_client.Client) -> bool:
    """Tell whether a Microsoft tenant has accepted the relationship: it is then among the partner's customers."""
    try:
        found = microsoft.get_customer(customer_id=tenant_id)
    except (microsoft_errors.NotFound, microsoft_errors.Forbidden):
        return any(summary.id == tenant_id for summary in microsoft.customers(domain_starts_with=domain))
    return found.id.casefold() == tenant_id.casefold()


def _microsoft_state(state: str, rules: shapes.CountryRules) -> str | None:
    """Return the state as the country's rules spell it; where they list none, as it was typed."""
    if not state:
        return None
    return next((known for known in rules.states if known.casefold() == state.casefold()), state)


def _vetting_words(status: shapes.Qualification) -> str:
    if not status.vetting_status:
        return _("Accepted")
    shown = _vetting_word(status.vetting_status)
    return f"{shown}: {status.vetting_reason}" if status.vetting_reason else shown


def _vetting_word(status: str) -> str:
    words = {"inreview": _("In review at Microsoft"), "approved": _("Approved"), "denied": _("Denied")}
    return words.get(status.casefold(), status)
