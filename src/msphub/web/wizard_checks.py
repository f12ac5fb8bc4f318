"""What the domain and Microsoft have against a step of the wizard."""

import uuid
from typing import Any

from django.contrib import messages
from django.utils.translation import gettext as _

from msphub.customers import creation, csp_accounts, inputs
from msphub.customers.choices import AccountMode
from msphub.kit.errors import Refused
from msphub.web import account_search, wizard_reading, wizard_terms
from msphub.web.middleware import PortalRequest
from msphub.web.wizard_shown import COMPANY, CONTACTS, MICROSOFT, DraftData
from msphub.web.wizard_steps import SKIP

type Problems = dict[str, Any]


def problems_of(request: PortalRequest, step: str, data: DraftData, *, live: bool = True) -> Problems:
    """Return what the domain has against one step. `live` also asks Microsoft, outside any transaction."""
    values = data.get(step, {})
    if step == COMPANY:
        company, problems = inputs.check_company(wizard_reading.read_company(values))
        found: Problems = dict(problems)
        if wizard_reading.follows_company(values):  # what is wrong with both is corrected in the company's
            twice = {f"billing_{name}" for name in found}
            found = {name: problem for name, problem in found.items() if name not in twice}
        if company.customer_type_id and company.partner_subscription_id and company.country:
            unfit = creation.check_terms(
                by=request.actor,
                customer_type_id=company.customer_type_id,
                partner_subscription_id=company.partner_subscription_id,
                country=company.country,
            )
            found |= wizard_terms.with_way(request.actor, unfit, type_id=company.customer_type_id)
        return found
    if step == CONTACTS:
        country = str(data.get(COMPANY, {}).get("country") or "")
        return (
            inputs.check_contact(wizard_reading.read_contact(values, "primary_"), prefix="primary_", country=country)[1]
            | inputs.check_contact(wizard_reading.read_contact(values, "billing_"), prefix="billing_", country=country)[
                1
            ]
            | inputs.check_admin(wizard_reading.read_admin(values))[1]
        )
    if step == MICROSOFT:
        return _account_problems(request, values, live=live)
    return dict(inputs.check_representatives(wizard_reading.read_representatives(values))[1])


def _account_problems(request: PortalRequest, values: dict[str, Any], *, live: bool) -> Problems:
    mode = values.get("account")
    if mode == SKIP:
        return {}
    if mode == AccountMode.NEW:
        account, problems = inputs.check_new_account(wizard_reading.read_new_account(values), today=request.now.date())
        if "new_domain" not in problems and live:
            problems |= _domain_problems(request, account)
        return dict(problems)
    if mode == AccountMode.EXISTING:
        return _existing_problems(request, values, live=live)
    return {"account": _("Choose one of the three.")}


def _domain_problems(request: PortalRequest, account: inputs.NewAccount) -> Problems:
    try:
        csp_accounts.refuse_taken(by=request.actor, account=account)
    except Refused as refusal:
        return dict(refusal.fields)
    free = csp_accounts.domain_is_free(by=request.actor, domain=account.domain)
    if free is False:
        return {"new_domain": _("%(name)s is taken. Choose another one.") % {"name": account.domain}}
    if free is None:
        messages.info(
            request,
            _("Microsoft could not be asked whether %(name)s is free; it is checked when the account is created.")
            % {"name": account.domain},
        )
    return {}


def _existing_problems(request: PortalRequest, values: dict[str, Any], *, live: bool) -> Problems:
    problems: Problems = {}
    if not values.get("existing_country"):
        problems["existing_country"] = _("Choose the country of the Microsoft account.")
    domain, problem = inputs.check_domain(str(values.get("existing_domain") or ""))
    found = values.get("found") or {}
    if problem:
        problems["existing_domain"] = problem
    elif found.get("asked") != domain:
        problem = search(request, values) if live else _("Search for the account first.")
        found = values.get("found") or {}
        if problem:
            problems["existing_domain"] = problem
    if not problems and not found.get("tenant_id"):
        problems["existing_domain"] = _(
            "No Microsoft account has the domain %(name)s. Correct it, or create a new one."
        ) % {"name": domain}
    agreement = wizard_reading.read_agreement(values)
    if agreement is not None:
        country = str(values.get("existing_country") or "")
        problems |= inputs.check_agreement(agreement, country=country, today=request.now.date())[1]
    if not problems:
        account = read_account(values)
        try:
            if account is not None:
                csp_accounts.refuse_taken(by=request.actor, account=account)
        except Refused as refusal:
            problems |= refusal.fields
    return problems


def read_account(values: dict[str, Any]) -> inputs.NewAccount | inputs.ExistingAccount | None:
    if values.get("account") == AccountMode.NEW:
        return wizard_reading.read_new_account(values)
    if values.get("account") == AccountMode.EXISTING:
        found = values["found"]
        return inputs.ExistingAccount(
            country=str(values["existing_country"]),
            domain=found["domain"],
            microsoft_tenant_id=uuid.UUID(found["tenant_id"]),
            tenant_name=found["name"],
            agreement=wizard_reading.read_agreement(values),
        )
    return None


def search(request: PortalRequest, values: dict[str, Any]) -> str | None:
    """Look the typed domain up at Microsoft and keep what was found in the draft. Returns a message when it can't."""
    values.pop("found", None)
    typed = str(values.get("existing_domain") or "")
    try:
        found = account_search.search(by=request.actor, typed=typed)
    except Refused as refusal:
        return str(refusal.message)
    values["found"] = found
    return None
