"""Add a (further) Microsoft account to a customer, or the first one that the wizard skipped."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from msphub.customers import csp_accounts, inputs, queries
from msphub.customers.choices import AccountMode
from msphub.kit.errors import Refused
from msphub.ui import forms, htmx
from msphub.ui.page import Crumb, Page
from msphub.web import account_search, wizard_forms, wizard_reading
from msphub.web.middleware import PortalRequest
from msphub.web.wizard_steps import AccountChoiceForm


def add(request: PortalRequest, *, customer_id: uuid.UUID) -> HttpResponse:
    """Locate an existing Microsoft account, or create one; the work at Microsoft is a job with visible steps.

    Nothing is kept between requests: what a search found is looked up again when it is linked.
    """
    details = queries.details(by=request.actor, customer_id=customer_id)
    back = reverse("customer", kwargs={"customer_id": customer_id, "tab": "csp-accounts"})
    values = _presets(details) | (request.POST.dict() if request.method == "POST" else {})
    go = request.POST.get("go", "")
    found: dict[str, Any] | None = None
    problems: dict[str, Any] = {}
    if go == "create-new":
        values["account"] = AccountMode.NEW.value
    elif go == "search" or go.startswith("use-"):
        values["existing_domain"] = go.removeprefix("use-") if go.startswith("use-") else values["existing_domain"]
        found, problems = _search(request, values)
    elif go == "continue":
        problems = _problems(request, customer_id, values)
        if not problems:
            return redirect(back)
    form = AccountChoiceForm(wizard_forms.as_query(values) if problems else None, initial=values, with_skip=False)
    if problems:
        form.is_valid()
        form.show(problems)
    return _page(request, details, form, found=found, back=back)


def _page(
    request: PortalRequest,
    details: queries.CustomerDetails,
    form: AccountChoiceForm,
    *,
    found: dict[str, Any] | None,
    back: str,
) -> HttpResponse:
    for name in ("account", "new_qualification", "new_country", "agreement"):
        if name in form.fields:
            forms.set_refresh(form, name=name, url=request.path, target="wizard-fields")
    if "new_domain" in form.fields:
        check = reverse("customer_new_domain", kwargs={"draft_id": details.tenant.id})
        forms.set_check(form, name="new_domain", url=check)
    part = htmx.targets(request, "wizard-fields")
    return render(
        request,
        "web/wizard/fields.html" if part else "web/account_add.html",
        {
            "page": Page(
                title=_("Add a Microsoft account"),
                subtitle=details.tenant.name,
                crumbs=[
                    Crumb(label=_("Customers"), url=reverse("customers")),
                    Crumb(label=details.tenant.name, url=back),
                ],
                narrow=True,
            ),
            "form": form,
            "found": found,
            "action": request.path,
            "refresh_url": request.path,
            "country_differs": "",
            "back_url": back,
        },
    )


def _search(request: PortalRequest, values: dict[str, Any]) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    try:
        return account_search.search(by=request.actor, typed=values.get("existing_domain", "")), {}
    except Refused as refusal:
        return None, dict(refusal.fields)


def _problems(request: PortalRequest, customer_id: uuid.UUID, values: dict[str, Any]) -> dict[str, Any]:
    """Add the account; return what is wrong with the entries when it can't be."""
    account: inputs.NewAccount | inputs.ExistingAccount
    if values.get("account") == AccountMode.NEW:
        account = wizard_reading.read_new_account(values)
    elif values.get("account") == AccountMode.EXISTING:
        found, problems = _search(request, values)
        if not values.get("existing_country"):
            problems["existing_country"] = _("Choose the country of the Microsoft account.")
        if found is not None and not found["tenant_id"]:
            problems["existing_domain"] = _("No Microsoft account was found. Search for it first, or create a new one.")
        if problems or found is None:
            return problems
        account = inputs.ExistingAccount(
            country=values["existing_country"],
            domain=found["domain"],
            microsoft_tenant_id=uuid.UUID(found["tenant_id"]),
            tenant_name=found["name"],
            agreement=wizard_reading.read_agreement(values),
        )
    else:
        return {"account": _("Choose one of the two.")}
    try:
        csp_accounts.add_account(by=request.actor, customer_id=customer_id, account=account, at=request.now)
    except Refused as refusal:
        return dict(refusal.fields) or {"": refusal.message}
    messages.success(request, _("The account is being set up at Microsoft."))
    return {}


def _presets(details: queries.CustomerDetails) -> dict[str, Any]:
    contact = details.primary_contact
    presets: dict[str, Any] = {
        "existing_country": details.tenant.country,
        "existing_domain": "",
        **_own_company(details),
    }
    if contact is not None:
        presets |= {
            "agreement_first_name": contact.first_name,
            "agreement_last_name": contact.last_name,
            "agreement_email": contact.email,
            "agreement_phone": contact.phone,
        }
    return presets


def _own_company(details: queries.CustomerDetails) -> dict[str, Any]:
    """Return what is known of the customer, as a new Microsoft account's values."""
    customer, contact = details.customer, details.primary_contact
    imported = {
        "new_company_name": details.tenant.name,
        "new_country": details.tenant.country,
        "new_address_line1": customer.line1,
        "new_address_line2": customer.line2,
        "new_city": customer.city,
        "new_state": customer.state,
        "new_postal_code": customer.postal_code,
    }
    if contact is not None:
        imported |= {
            "new_first_name": contact.first_name,
            "new_last_name": contact.last_name,
            "new_email": contact.email,
            "new_phone": contact.phone,
        }
    return imported
