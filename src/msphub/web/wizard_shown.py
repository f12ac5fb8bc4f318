"""A step of the wizard as a page: steps, summary at the side, what its fields refresh and check."""

import uuid
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from msphub.customers import creation, inputs
from msphub.customers.choices import AccountMode
from msphub.kit import addresses, ids, text
from msphub.ui import forms
from msphub.ui.page import Crumb, Item, Page, Step
from msphub.web import wizard_reading
from msphub.web.wizard_forms import StepForm
from msphub.web.wizard_steps import SKIP

COMPANY, CONTACTS, MICROSOFT, SALES = "company", "contacts", "microsoft", "additional"
STEPS = {
    COMPANY: gettext_lazy("Company Information"),
    CONTACTS: gettext_lazy("Contacts"),
    MICROSOFT: gettext_lazy("Microsoft Account"),
    SALES: gettext_lazy("Additional Information"),
}
ORDER = list(STEPS)
type DraftData = dict[str, Any]


def context(draft_id: uuid.UUID, step: str, form: StepForm, data: DraftData) -> dict[str, Any]:
    _wire(form, draft_id, step)
    here = ORDER.index(step)
    steps = [
        Step(
            label=label,
            state="current" if name == step else ("done" if name in data and ORDER.index(name) != here else "coming"),
            url=reverse("customer_new_step", kwargs={"draft_id": draft_id, "step": name}) if name in data else "",
        )
        for name, label in STEPS.items()
    ]
    values = data.get(step, {})
    return {
        "page": Page(
            title=_("Create a customer"),
            crumbs=[Crumb(label=_("Customers"), url=reverse("customers"))],
            steps=steps,
        ),
        "form": form,
        "step": step,
        "step_label": STEPS[step],
        "is_first": here == 0,
        "action": reverse("customer_new_step", kwargs={"draft_id": draft_id, "step": step}),
        "refresh_url": reverse("customer_new_refresh", kwargs={"draft_id": draft_id, "step": step}),
        "autosave_url": reverse("customer_new_autosave", kwargs={"draft_id": draft_id, "step": step}),
        "discard_url": reverse("customer_new_discard", kwargs={"draft_id": draft_id}),
        "found": values.get("found") if step == MICROSOFT else None,
        "country_differs": _country_differs(step, data),
        "summary_groups": summary(draft_id, data),
        "page_mark": ids.new_id().hex,
        "page_follows": values.get(creation.LEFT, ""),
        "saves_seen": values.get(creation.SAVES, "0"),
        "parts": [],
    }


def _wire(form: StepForm, draft_id: uuid.UUID, step: str) -> None:
    """Connect the fields that others depend on with `refresh`, and the live check with its address."""
    base = reverse("customer_new_refresh", kwargs={"draft_id": draft_id, "step": step})
    duplicates = reverse("customer_new_duplicates", kwargs={"draft_id": draft_id})
    if step == CONTACTS:
        forms.set_check(form, name="primary_email", url=duplicates)
    if step == COMPANY:
        forms.set_check(form, name="company_name", url=duplicates)
        forms.set_refresh(
            form, name="country", url=f"{base}?part=group-company-address", target="group-company-address"
        )
        for name in ("same_as_company", "billing_country"):
            forms.set_refresh(form, name=name, url=f"{base}?part=group-billing-address", target="group-billing-address")
    elif step == MICROSOFT:
        for name in ("account", "new_qualification", "new_country", "agreement"):
            if name in form.fields:
                forms.set_refresh(form, name=name, url=base, target="wizard-fields")
        if "new_domain" in form.fields:
            forms.set_check(form, name="new_domain", url=reverse("customer_new_domain", kwargs={"draft_id": draft_id}))


def _country_differs(step: str, data: DraftData) -> str:
    """Return a warning when the Microsoft account's country differs from the company's: it can never change."""
    values = data.get(step, {})
    own = str(data.get(COMPANY, {}).get("country") or "")
    chosen = str(values.get("new_country") or "US")
    if step != MICROSOFT or values.get("account") != AccountMode.NEW or not own or own == chosen:
        return ""
    return _(
        "The company is in %(own)s, this account would be in %(chosen)s. A Microsoft account's country can never "
        "change."
    ) % {
        "own": addresses.country_name(own),
        "chosen": addresses.country_name(chosen),
    }


def summary(draft_id: uuid.UUID, data: DraftData) -> list[dict[str, Any]]:
    """Return what has been entered so far, for the panel at the side."""
    company, contacts = data.get(COMPANY, {}), data.get(CONTACTS, {})
    account, sales = data.get(MICROSOFT, {}), data.get(SALES, {})
    found: dict[str, Any] = account.get("found") or {}
    modes = {
        AccountMode.NEW.value: [
            (_("New account"), f"{account.get('new_domain')}{inputs.ONMICROSOFT}" if account.get("new_domain") else "")
        ],
        AccountMode.EXISTING.value: [(_("Existing account"), found.get("name") or account.get("existing_domain", ""))],
        SKIP: [(_("Microsoft Account"), _("Skipped"))],
    }
    entries: dict[str, list[tuple[str, Any]]] = {
        COMPANY: [
            (_("Company Name"), company.get("company_name")),
            (_("Country"), addresses.country_name(company["country"]) if company.get("country") else ""),
            (_("City"), company.get("city")),
        ],
        CONTACTS: [
            (_("Primary Contact"), _name(contacts, "primary_")),
            (_("Billing Contact"), _name(contacts, "billing_")),
            (_("Admin User"), contacts.get("admin_login_email")),
        ],
        MICROSOFT: modes.get(str(account.get("account")), []),
        SALES: [
            (_("Sales Representative"), sales.get(f"sales_{number}_name"))
            for number in range(1, wizard_reading.read_count(sales) + 1)
        ],
    }
    return [
        {
            "label": label,
            "url": reverse("customer_new_step", kwargs={"draft_id": draft_id, "step": name}) if name in data else "",
            "entries": [Item(label=words, value=str(value)[:80]) for words, value in entries[name] if value],
        }
        for name, label in STEPS.items()
    ]


def _name(values: dict[str, Any], prefix: str) -> str:
    return text.tidy(f"{values.get(prefix + 'first_name') or ''} {values.get(prefix + 'last_name') or ''}")
