"""A customer's CSP Accounts tab: links to Microsoft tenants, their progress, retry, agreement, first password."""

import dataclasses
import uuid
from typing import Any

from allauth.account.internal.flows.reauthentication import did_recently_reauthenticate
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from msphub.customers import csp_accounts as accounts
from msphub.customers import permissions, queries
from msphub.customers.choices import AccountMode, AccountState, Qualification, Step, StepState
from msphub.customers.models import Agreement, CspAccount, CspAccountStep
from msphub.kit import addresses
from msphub.kit.errors import Refused
from msphub.ui import cells, forms, htmx
from msphub.ui.grid import Empty
from msphub.ui.page import Action, Crumb, Item, Page, ProgressStep
from msphub.web import shown, wizard_forms, wizard_reading, wizard_steps
from msphub.web.middleware import PortalRequest
from msphub.web.wizard_forms import StepForm
from msphub.web.wizard_steps import AccountChoiceForm

# Which form field shows what Microsoft calls a member of its request.
FIELDS = {
    "domain": "new_domain",
    "companyName": "new_company_name",
    "organizationRegistrationNumber": "new_registration_number",
    "phoneNumber": "new_phone",
    "email": "new_email",
    "firstName": "new_first_name",
    "lastName": "new_last_name",
    "addressLine1": "new_address_line1",
    "addressLine2": "new_address_line2",
    "city": "new_city",
    "state": "new_state",
    "region": "new_state",
    "postalCode": "new_postal_code",
    "country": "new_country",
    "website": "new_website",
    "educationSegment": "new_segment",
    "qualification": "new_qualification",
}


# And in the forms of what comes after the tenant.
AGREEMENT_FIELDS = {
    "firstName": "agreement_first_name",
    "lastName": "agreement_last_name",
    "email": "agreement_email",
    "phoneNumber": "agreement_phone",
    "dateAgreed": "agreement_date",
}


class QualificationForm(StepForm):
    """What Microsoft vets an institution by."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        wizard_steps.add_education_fields(self)


class AgreementForm(StepForm):
    """Who accepted the Microsoft Customer Agreement, and when."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["agreement_first_name"] = wizard_forms.text_field(_("First Name"))
        self.fields["agreement_last_name"] = wizard_forms.text_field(_("Last Name"))
        self.fields["agreement_email"] = wizard_forms.text_field(_("Email Address"))
        self.fields["agreement_phone"] = wizard_forms.text_field(_("Phone Number"))
        self.fields["agreement_date"] = wizard_forms.date_field(_("Date of acceptance"))


def tab(request: PortalRequest, details: queries.CustomerDetails, page: Page) -> HttpResponse:
    """Show every link of the customer, the work on it and what can be done."""
    may_manage = request.actor.is_partner and request.actor.may(permissions.MANAGE_ACCOUNTS)
    found = [
        _card(account, may_manage=may_manage)
        for account in queries.csp_accounts(by=request.actor, customer_id=details.tenant.id)
    ]
    if may_manage:
        url = reverse("csp_account_add", kwargs={"customer_id": details.tenant.id})
        page = dataclasses.replace(page, action=Action(label=_("Add a Microsoft account"), url=url, icon="plus"))
    empty = Empty(
        title=_("No Microsoft account"),
        text=_("Link or create one to buy Microsoft products for this customer.")
        if may_manage
        else _("Your provider links or creates one when you buy Microsoft products."),
        icon="cloud",
    )
    return render(
        request,
        "web/csp_accounts.html",
        {
            "page": page,
            "accounts": found,
            "empty": empty,
            "details": details,
        },
    )


def progress(request: PortalRequest, *, account_id: uuid.UUID) -> HttpResponse:
    """Answer the polling of a card; the page is loaded anew when the work is over or the invitation is there."""
    account = queries.get_csp_account(by=request.actor, account_id=account_id)
    invited = bool(account.relationship_url) and "invited" not in request.GET
    if invited or account.state not in {AccountState.CREATING, AccountState.WAITING}:
        return htmx.go(request, reverse("customer", kwargs={"customer_id": account.customer_id, "tab": "csp-accounts"}))
    return render(request, "ui/progress.html", _progress(account))


@require_POST
def retry(request: PortalRequest, *, account_id: uuid.UUID) -> HttpResponse:
    """Go on where the work stopped."""
    account = queries.get_csp_account(by=request.actor, account_id=account_id)
    try:
        accounts.retry_account(by=request.actor, account_id=account_id, at=request.now)
    except Refused as refusal:
        messages.error(request, str(refusal.message))
    return _back(account)


@require_POST
def consent_again(request: PortalRequest, *, account_id: uuid.UUID) -> HttpResponse:
    """Mail the relationship link once more."""
    account = queries.get_csp_account(by=request.actor, account_id=account_id)
    try:
        accounts.mail_consent_link_again(by=request.actor, account_id=account_id, at=request.now)
    except Refused as refusal:
        messages.error(request, str(refusal.message))
    else:
        messages.success(request, _("The link is on its way to the customer's primary contact."))
    return _back(account)


def correct(request: PortalRequest, *, account_id: uuid.UUID) -> HttpResponse:
    """Correct what Microsoft refused, at the field it named, and try again."""
    account = queries.get_csp_account(by=request.actor, account_id=account_id)
    if _corrects_qualification(account):
        return _correct_qualification(request, account)
    if not _corrects_tenant(account):
        return _back(account)
    form = AccountChoiceForm(
        request.POST if request.method == "POST" else wizard_forms.as_query(_values(account)), with_choice=False
    )
    form.is_valid()
    if request.method == "POST" and request.POST.get("go") == "retry":
        try:
            accounts.retry_account(
                by=request.actor,
                account_id=account_id,
                at=request.now,
                new=wizard_reading.read_new_account(request.POST),
            )
        except Refused as refusal:
            form.show(refusal.fields or {"": refusal.message})
        else:
            return _back(account)
    elif request.method != "POST":
        form.show({FIELDS.get(account.failure_field, ""): account.failure_message})
    for name in ("new_qualification", "new_country"):
        forms.set_refresh(form, name=name, url=request.path, target="account-fields")
    words = _("Microsoft did not accept this account. Nothing has been created there.")
    return _correct_page(request, account, form=form, words=words)


def _correct_qualification(request: PortalRequest, account: CspAccount) -> HttpResponse:
    """Correct segment or website; the Microsoft tenant is there and stays."""
    kept = {"new_segment": account.details["segment"], "new_website": account.details["website"]}
    form = QualificationForm(request.POST if request.method == "POST" else wizard_forms.as_query(kept))
    form.is_valid()
    if request.method == "POST":
        try:
            accounts.correct_qualification(
                by=request.actor,
                account_id=account.id,
                segment=request.POST.get("new_segment", ""),
                website=request.POST.get("new_website", ""),
                at=request.now,
            )
        except Refused as refusal:
            form.show(refusal.fields or {"": refusal.message})
        else:
            return _back(account)
    else:
        form.show({FIELDS.get(account.failure_field, ""): account.failure_message})
    words = _("The Microsoft tenant has been created. Microsoft did not accept what its qualification was asked with.")
    return _correct_page(request, account, form=form, words=words)


def _correct_page(request: PortalRequest, account: CspAccount, *, form: StepForm, words: str) -> HttpResponse:
    template = "web/account_fields.html" if htmx.targets(request, "account-fields") else "web/account_correct.html"
    page = Page(title=_("Correct and try again"), subtitle=words, crumbs=_crumbs(account), narrow=True)
    return render(request, template, {"page": page, "form": form, "account": account})


def _corrects_tenant(account: CspAccount) -> bool:
    failed = account.state == AccountState.FAILED
    return failed and account.mode == AccountMode.NEW and account.microsoft_tenant_id is None


def _corrects_qualification(account: CspAccount) -> bool:
    """Tell whether another segment or website could help; the other qualifications are asked for with nothing."""
    failed_there = accounts.failed_step(account) == Step.QUALIFICATION
    return failed_there and account.qualification == Qualification.EDUCATION


def agreement(request: PortalRequest, *, account_id: uuid.UUID) -> HttpResponse:
    """Record who accepted the Microsoft Customer Agreement."""
    account = queries.get_csp_account(by=request.actor, account_id=account_id)
    contact = queries.details(by=request.actor, customer_id=account.customer_id).primary_contact
    person = _newest_agreement(account) or contact
    initial = (
        {
            "agreement_first_name": person.first_name,
            "agreement_last_name": person.last_name,
            "agreement_email": person.email,
            "agreement_phone": person.phone,
        }
        if person
        else {}
    )
    if isinstance(person, Agreement):
        initial["agreement_date"] = person.agreed_on.isoformat()
    form = AgreementForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method != "POST" and accounts.failed_step(account) == Step.AGREEMENT:
        form = AgreementForm(wizard_forms.as_query(initial))
        form.is_valid()
        form.show({AGREEMENT_FIELDS.get(account.failure_field, ""): account.failure_message})
    if request.method == "POST" and form.is_valid():
        entered = wizard_reading.read_agreement({**request.POST.dict(), "agreement": "on"})
        try:
            if entered is not None:
                accounts.record_agreement(by=request.actor, account_id=account_id, agreement=entered, at=request.now)
        except Refused as refusal:
            form.show(refusal.fields or {"": refusal.message})
        else:
            messages.success(request, _("The agreement has been recorded and is being confirmed at Microsoft."))
            return htmx.go(request, _back(account).url)
    return render(
        request,
        "web/agreement_dialog.html",
        {
            "page": Page(title=_("Microsoft Customer Agreement"), crumbs=_crumbs(account), narrow=True),
            "form": form,
            "back_url": _back(account).url,
        },
    )


def first_password(request: PortalRequest, *, account_id: uuid.UUID) -> HttpResponse:
    """Show the new Microsoft tenant's first admin and password, once, after a new sign-in. It is logged and erased."""
    account = queries.get_csp_account(by=request.actor, account_id=account_id)
    if not did_recently_reauthenticate(request):
        return redirect(reverse("account_reauthenticate", query={"next": request.path}))
    if request.method != "POST":
        return render(
            request,
            "web/confirm_dialog.html",
            {
                "page": Page(title=_("Show the first password"), crumbs=_crumbs(account), narrow=True),
                "text": _("It is shown once and then erased here. Have a safe place ready for it."),
                "back_url": _back(account).url,
            },
        )
    try:
        found = accounts.take_first_password(by=request.actor, account_id=account_id, at=request.now)
    except Refused as refusal:
        messages.error(request, str(refusal.message))
        return _back(account)
    answer = render(
        request,
        "web/first_password.html",
        {
            "page": Page(
                title=_("First admin of %(domain)s") % {"domain": account.domain}, crumbs=_crumbs(account), narrow=True
            ),
            "items": [
                Item(label=_("User name"), value=found["user_name"], copy=True),
                Item(label=_("Password"), value=found["password"], copy=True),
            ],
            "back_url": _back(account).url,
        },
    )
    answer["Cache-Control"] = "no-store"
    return answer


def _card(account: CspAccount, *, may_manage: bool) -> dict[str, Any]:
    agreement_given = _newest_agreement(account)
    items = [
        Item(label=_("Domain"), value=account.domain),
        Item(label=_("Microsoft tenant id"), value=str(account.microsoft_tenant_id or "") or None, copy=True),
        Item(label=_("Company"), value=account.company_name),
        Item(label=_("Country"), value=addresses.country_name(account.country)),
        Item(label=_("Agreement"), value=_agreement_words(account)),
    ]
    card: dict[str, Any] = {
        "account": account,
        "status": shown.account(account.state),
        "items": items,
        "failed": account.state == AccountState.FAILED,
        "progress": _progress(account),
        "actions": [],
    }
    if not may_manage:
        card["consent_url"] = account.relationship_url if account.state == AccountState.WAITING else ""
        return card
    address = {"account_id": account.id}
    if account.state == AccountState.FAILED:
        if _corrects_tenant(account) or _corrects_qualification(account):
            card["actions"].append(
                Action(label=_("Correct"), url=reverse("csp_account_correct", kwargs=address), icon="pencil")
            )
        if accounts.failed_step(account) == Step.AGREEMENT:
            url = reverse("csp_account_agreement", kwargs=address)
            card["actions"].append(Action(label=_("Correct"), url=url, how="dialog", icon="pencil"))
        card["actions"].append(
            Action(label=_("Retry"), url=reverse("csp_account_retry", kwargs=address), how="post", icon="refresh")
        )
    if agreement_given is None and account.state != AccountState.FAILED:
        card["actions"].append(
            Action(label=_("Add agreement"), url=reverse("csp_account_agreement", kwargs=address), how="dialog")
        )
    if account.state == AccountState.WAITING and account.relationship_url:
        again = reverse("csp_account_consent", kwargs=address)
        card["actions"].append(Action(label=_("Mail the link again"), url=again, how="post", icon="send"))
    if account.first_credentials:
        card["actions"].append(
            Action(label=_("Show first password"), url=reverse("csp_account_password", kwargs=address), icon="key")
        )
    card["consent_url"] = account.relationship_url if account.state == AccountState.WAITING else ""
    return card


def _progress(account: CspAccount) -> dict[str, Any]:
    steps = [
        _step(step, vetting=account.vetting_status)
        for step in sorted(account.steps.all(), key=lambda one: one.position)
    ]
    running = account.state in {AccountState.CREATING, AccountState.WAITING}
    return {
        "id": f"progress-{account.id}",
        "steps": steps,
        "running": running,
        "url": reverse(
            "csp_account_progress",
            kwargs={"account_id": account.id},
            query={"invited": 1} if account.relationship_url else None,
        ),
        "title": "",
        "outcome": "",
    }


def _step(step: CspAccountStep, *, vetting: str) -> ProgressStep:
    """Show a step; what Microsoft still vets is not done, and what it has denied has failed, though all was sent."""
    states: dict[str, Any] = {
        StepState.WAITING: "waiting",
        StepState.RUNNING: "running",
        StepState.DONE: "done",
        StepState.FAILED: "failed",
    }
    waits = step.state == StepState.WAITING and step.next_try_at is not None
    reason = step.message if step.state == StepState.FAILED or waits else ""
    if waits and step.next_try_at is not None:
        again = cells.moment(step.next_try_at)
        reason = _("%(reason)s Next try: %(time)s.") % {"reason": reason, "time": again.shown if again else ""}
    state = states[step.state]
    if step.step == Step.QUALIFICATION and step.state == StepState.DONE:
        state = {"inreview": "waiting", "denied": "failed"}.get(vetting.casefold(), state)
        reason = step.message if state == "failed" else ""
    return ProgressStep(
        label=str(Step(step.step).label),
        state=state,
        at=cells.moment(step.finished_at or step.started_at),
        result=step.message if not reason else "",
        reason=reason,
    )


def _newest_agreement(account: CspAccount) -> Agreement | None:
    """Return what was recorded last; an earlier one is there only if Microsoft did not accept it."""
    return max(account.agreements.all(), key=lambda one: (one.recorded_at, one.id), default=None)


def _agreement_words(account: CspAccount) -> object:
    given = _newest_agreement(account)
    if given is None:
        return cells.Status(_("Agreement missing"), "warn")
    who = f"{given.first_name} {given.last_name}"
    if given.confirmed_at is None:
        return cells.Status(_("Being confirmed at Microsoft"), "info")
    day = cells.day(given.agreed_on)
    return cells.Text(_("Accepted by %(who)s") % {"who": who}, sub=day.shown if day else "")


def _values(account: CspAccount) -> dict[str, str]:
    """Return an account's details as the form names them."""
    details: dict[str, str] = {name: str(value or "") for name, value in account.details.items()}
    return {
        "account": AccountMode.NEW.value,
        "new_company_name": details["company_name"],
        "new_domain": details["domain_prefix"],
        "new_registration_number": details["registration_number"],
        "new_qualification": details["qualification"],
        "new_segment": details["segment"],
        "new_website": details["website"],
        "new_first_name": details["first_name"],
        "new_last_name": details["last_name"],
        "new_email": details["email"],
        "new_phone": details["phone"],
        "new_address_line1": details["line1"],
        "new_address_line2": details["line2"],
        "new_city": details["city"],
        "new_state": details["state"],
        "new_postal_code": details["postal_code"],
        "new_country": details["country"],
    }


def _crumbs(account: CspAccount) -> list[Crumb]:
    return [
        Crumb(label=_("Customers"), url=reverse("customers")),
        Crumb(label=_("CSP Accounts"), url=_back(account).url),
    ]


def _back(account: CspAccount) -> HttpResponseRedirect:
    return redirect("customer", customer_id=account.customer_id, tab="csp-accounts")
