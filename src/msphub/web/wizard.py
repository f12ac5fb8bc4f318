"""The wizard that creates a customer (C-02): four steps, a draft that saves itself, one domain call at the end."""

import contextlib
import dataclasses
import functools
import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from msphub.customers import creation, csp_accounts, inputs, queries
from msphub.customers.choices import AccountMode
from msphub.customers.models import CustomerDraft
from msphub.kit import ids
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused
from msphub.web import wizard_checks, wizard_forms, wizard_reading, wizard_shown, wizard_terms
from msphub.web.middleware import PortalRequest
from msphub.web.wizard_forms import StepForm
from msphub.web.wizard_shown import COMPANY, CONTACTS, MICROSOFT, ORDER, SALES, STEPS, DraftData
from msphub.web.wizard_steps import AccountChoiceForm, CompanyForm, ContactsForm, SalesForm

type Save = Callable[..., None]


def start(_request: PortalRequest) -> HttpResponse:
    """Begin a new draft; nothing is stored before something is typed."""
    return redirect("customer_new_step", draft_id=ids.new_id(), step=COMPANY)


def step(request: PortalRequest, *, draft_id: uuid.UUID, step: str) -> HttpResponse:
    """Show one step, or take it: Continue checks and moves on, Back and the small buttons only save."""
    if step not in STEPS:
        raise NotFound
    draft = _open_draft(request, draft_id)
    if isinstance(draft, HttpResponse):
        return draft
    data = dict(draft.data) if draft else {}
    if request.method != "POST":
        if step == COMPANY and (made := wizard_terms.chosen(request)):
            data[COMPANY] = {**data.get(COMPANY, {}), **made}
        form = _form(request.actor, step, data)
        if "check" in request.GET:
            form = _form(request.actor, step, data, posted=wizard_forms.as_query(data.get(step, {})))
            form.is_valid()
            form.show(wizard_checks.problems_of(request, step, data))
        return _page(request, draft_id, step, form, data)
    form = _form(request.actor, step, data, posted=request.POST)
    data[step] = _kept(form, data.get(step, {}))
    go = request.POST.get("go", "continue")
    try:
        page = _open_page(request)
        saved = draft.data.get(step, {}) if draft else {}
        if page is not None and page.misses(saved):
            conflict = _conflict(request, draft_id, step, data, saved=saved)
            if conflict is not None:
                return conflict
            page = dataclasses.replace(page, saves_seen=int(saved[creation.SAVES]))  # it says the same
        save = functools.partial(_save, request, draft_id, page=page)
        if go == "continue":
            return _continue(request, draft_id, step, form, data, draft=draft, page=page, save=save)
        return _small_step(request, draft_id, step, data, go, save=save)
    except Refused as refusal:  # another window saved just now, or made the customer
        form.is_valid()
        form.show({"": refusal.message})
        return _page(request, draft_id, step, form, data)


def _continue(
    request: PortalRequest,
    draft_id: uuid.UUID,
    step: str,
    form: StepForm,
    data: DraftData,
    *,
    draft: CustomerDraft | None,
    page: creation.DraftPage | None,
    save: Save,
) -> HttpResponse:
    """Check the step and go on to the next; the last one makes the customer."""
    form.is_valid()
    problems = wizard_checks.problems_of(request, step, data)
    if problems or form.errors:
        save(step, data[step])
        form.show(problems)
        return _page(request, draft_id, step, form, data)
    if step != ORDER[-1]:
        following = ORDER[ORDER.index(step) + 1]
        save(step, data[step], move_to=following)
        return redirect("customer_new_step", draft_id=draft_id, step=following)
    return _create(request, draft_id, data, draft=draft, page=page)


@require_POST
def refresh(request: PortalRequest, *, draft_id: uuid.UUID, step: str) -> HttpResponse:
    """Answer a change of a field that others depend on with the part of the form that follows from it.

    `part` names the group to answer with; without it the whole step's fields. `do` imports, adds or removes.
    """
    if step not in STEPS:
        raise NotFound
    draft = queries.get_draft(by=request.actor, draft_id=draft_id)
    data = dict(draft.data) if draft else {}
    form = _form(request.actor, step, data, posted=request.POST)
    data[step] = _kept(form, data.get(step, {}))
    _apply(request.GET.get("do", ""), step, data)
    # Kept now: controls that go away with this answer can't be saved by the page any more.
    with contextlib.suppress(Refused):
        _save(request, draft_id, step, data[step], page=_open_page(request, leaves=False))
    form = _form(request.actor, step, data)
    parts = [part for part in request.GET.get("part", "").split(",") if part]
    if step == COMPANY and parts == ["group-company-address"] and isinstance(form, CompanyForm) and form.same:
        parts.append("group-billing-address")
    context = wizard_shown.context(draft_id, step, form, data) | {"parts": parts}
    return render(request, "web/wizard/parts.html", context)


@require_POST
def autosave(request: PortalRequest, *, draft_id: uuid.UUID, step: str) -> HttpResponse:
    """Keep what has been typed so far, say when, and bring the summary at the side up to it."""
    if step not in STEPS:
        raise NotFound
    draft = queries.get_draft(by=request.actor, draft_id=draft_id)
    data = dict(draft.data) if draft else {}
    form = _form(request.actor, step, data, posted=request.POST)
    data[step] = _kept(form, data.get(step, {}))
    try:
        _save(request, draft_id, step, data[step], page=_open_page(request, leaves=False))
    except Refused as refusal:
        return HttpResponse(str(refusal.message))
    context = {"words": _saved_words(request), "summary_groups": wizard_shown.summary(draft_id, data)}
    return HttpResponse(render_to_string("web/wizard/saved.html", context).strip())


def check_domain(request: PortalRequest, *, draft_id: uuid.UUID) -> HttpResponse:  # noqa: ARG001 - of the address
    """Say beside the field whether a new domain is free; never blocks typing."""
    prefix = request.GET.get("new_domain", "").strip().lower().removesuffix(inputs.ONMICROSOFT)
    if not prefix:
        return HttpResponse("")
    if not inputs.DOMAIN_PREFIX.fullmatch(prefix):
        words, tone = _("Letters and digits only, beginning with a letter, at most 27 of them."), "warn"
    else:
        free = csp_accounts.domain_is_free(by=request.actor, domain=prefix + inputs.ONMICROSOFT)
        name = prefix + inputs.ONMICROSOFT
        if free is None:
            words, tone = _("%(name)s: not checked, Microsoft does not answer just now.") % {"name": name}, "muted"
        elif free:
            words, tone = _("%(name)s is free.") % {"name": name}, "ok"
        else:
            words, tone = _("%(name)s is taken.") % {"name": name}, "warn"
    return render(request, "ui/check.html", {"text": words, "tone": tone})


def check_duplicates(request: PortalRequest, *, draft_id: uuid.UUID) -> HttpResponse:  # noqa: ARG001 - of the address
    """Say beside name and e-mail which customers look like the same one; never blocks."""
    found = queries.likely_duplicates(
        by=request.actor,
        name=request.GET.get("company_name", "")[:200],
        email=request.GET.get("primary_email", "")[:254],
    )
    return render(request, "web/wizard/duplicates.html", {"duplicates": found})


@require_POST
def discard(request: PortalRequest, *, draft_id: uuid.UUID) -> HttpResponse:
    """Throw the draft away."""
    creation.discard_draft(by=request.actor, draft_id=draft_id)
    messages.success(request, _("The draft has been discarded."))
    return redirect("customers")


def _create(
    request: PortalRequest,
    draft_id: uuid.UUID,
    data: DraftData,
    *,
    draft: CustomerDraft | None,
    page: creation.DraftPage | None,
) -> HttpResponse:
    """Create the customer, the last step's values with it; what is refused is kept in the draft and shown."""
    last = ORDER[-1]
    if draft is None or wizard_checks.problems_of(request, MICROSOFT, data, live=False):
        return _sent_back(request, draft_id, data, page=page)
    new = inputs.NewCustomer(
        company=wizard_reading.read_company(data.get(COMPANY, {})),
        primary_contact=wizard_reading.read_contact(data.get(CONTACTS, {}), "primary_"),
        billing_contact=wizard_reading.read_contact(data.get(CONTACTS, {}), "billing_"),
        admin=wizard_reading.read_admin(data.get(CONTACTS, {})),
        account=wizard_checks.read_account(data[MICROSOFT]),
        representatives=tuple(wizard_reading.read_representatives(data[last])),
    )
    kept = creation.LastStep(step=last, data=data[last], page=page)
    try:
        tenant = creation.create_customer(by=request.actor, new=new, draft_id=draft_id, at=request.now, last=kept)
    except Refused as refusal:
        return _sent_back(request, draft_id, data, refusal, page=page)
    messages.success(request, _("%(name)s has been created. The credentials are on their way.") % {"name": tenant.name})
    return redirect("customer", customer_id=tenant.id, tab="csp-accounts" if new.account else "products")


def _sent_back(
    request: PortalRequest,
    draft_id: uuid.UUID,
    data: DraftData,
    refusal: Refused | None = None,
    *,
    page: creation.DraftPage | None,
) -> HttpResponse:
    """Keep the last step and lead to the first step that has a problem; a refusal of the action is shown at its field.

    Raises what `save_draft` refuses.
    """
    last = ORDER[-1]
    _save(request, draft_id, last, data[last], page=page)
    for earlier in ORDER:
        if wizard_checks.problems_of(request, earlier, data, live=False):
            address = reverse("customer_new_step", kwargs={"draft_id": draft_id, "step": earlier})
            return redirect(address + "?check=1")
    return _refused(request, draft_id, data, refusal or Refused("invalid", _("Some entries need your attention.")))


def _refused(request: PortalRequest, draft_id: uuid.UUID, data: DraftData, refusal: Refused) -> HttpResponse:
    """Show a refusal at its field, on the step that has the field."""
    for candidate in ORDER:
        form = _form(request.actor, candidate, data, posted=wizard_forms.as_query(data.get(candidate, {})))
        here = {name: message for name, message in refusal.fields.items() if name in form.fields}
        if here or candidate == ORDER[-1]:
            form.is_valid()
            form.show(here or {"": refusal.message})
            return _page(request, draft_id, candidate, form, data)
    raise refusal


def _conflict(
    request: PortalRequest, draft_id: uuid.UUID, step: str, data: DraftData, *, saved: dict[str, Any]
) -> HttpResponse | None:
    """Show what another window has saved meanwhile, beside what was typed here; Continue again takes this page's."""
    form = _form(request.actor, step, data, posted=request.POST)
    form.is_valid()
    differing = [
        _("%(label)s: there “%(there)s”, here “%(here)s”") % {"label": bound.label, "there": there, "here": here}
        for bound in form
        if (there := str(saved.get(bound.name) or "")) != (here := str(data[step].get(bound.name) or ""))
    ]
    if not differing:
        return None
    form.add_error(None, _("This step has been changed in another window meanwhile. Continue takes what stands here."))
    for line in differing[:8]:
        form.add_error(None, line)
    data[step] = {**data[step], creation.SAVES: saved.get(creation.SAVES, "0")}
    return _page(request, draft_id, step, form, data)


def _small_step(
    request: PortalRequest, draft_id: uuid.UUID, step: str, data: DraftData, go: str, *, save: Save
) -> HttpResponse:
    """Do what the small buttons ask for, save, and show where the person goes on."""
    address = reverse("customer_new_step", kwargs={"draft_id": draft_id, "step": step})
    if go == "back":
        save(step, data[step])
        return redirect("customer_new_step", draft_id=draft_id, step=ORDER[max(0, ORDER.index(step) - 1)])
    if go.startswith("use-") and step == MICROSOFT:
        data[MICROSOFT]["existing_domain"] = go.removeprefix("use-")[:253]
        go = "search"
    if go in wizard_terms.BUTTONS and step == COMPANY:
        save(step, data[step])
        values = data[COMPANY]
        country = str(values.get("country") or "")
        return wizard_terms.leave(request, button=go, country=country, type_id=values.get("customer_type"))
    if go == "search" and step == MICROSOFT:
        problem = wizard_checks.search(request, data[MICROSOFT])
        save(step, data[step])
        if problem:
            form = _form(request.actor, step, data, posted=wizard_forms.as_query(data[step]))
            form.is_valid()
            form.show({"existing_domain": problem})
            return _page(request, draft_id, step, form, data)
        return redirect(address + "#group-existing")
    _apply(go, step, data)
    save(step, data[step])
    return redirect(address)


def _apply(go: str, step: str, data: DraftData) -> None:
    """Import, add or remove, on the values that were typed."""
    values: dict[str, Any] = data.setdefault(step, {})
    if go == "import-contact" and step == CONTACTS:
        for part in ("first_name", "last_name", "email", "phone_country", "phone", "fax"):
            values[f"billing_{part}"] = values.get(f"primary_{part}", "")
    elif go == "import-company" and step == MICROSOFT:
        values |= _imported_company(data)
    elif go == "create-new" and step == MICROSOFT:
        values["account"] = AccountMode.NEW.value
        if not values.get("new_company_name"):
            values |= _imported_company(data)
        name = str(values.get("existing_domain") or "")
        if name.endswith(inputs.ONMICROSOFT):
            values["new_domain"] = name.removesuffix(inputs.ONMICROSOFT)
    elif go == "add" and step == SALES:
        values["sales_count"] = str(wizard_reading.read_count(values) + 1)
    elif go.startswith("remove-") and step == SALES:
        form = SalesForm(initial=values, count=wizard_reading.read_count(values))
        number = go.removeprefix("remove-")
        if number.isdigit():
            former = {name: "" for name in values if name.startswith("sales_")}
            values |= former | form.without(int(number))


def _imported_company(data: DraftData) -> dict[str, str]:
    """Return step 1's company (and step 2's primary contact) as the new Microsoft account's values."""
    company, contacts = data.get(COMPANY, {}), data.get(CONTACTS, {})
    imported = {
        "new_company_name": company.get("company_name", ""),
        "new_country": company.get("country", ""),
        **{f"new_{part}": company.get(part, "") for part in wizard_forms.ADDRESS_TOKENS},
    }
    for part, source in (
        ("first_name", "first_name"),
        ("last_name", "last_name"),
        ("email", "email"),
        ("phone", "phone"),
    ):
        if contacts.get(f"primary_{source}"):
            imported[f"new_{part}"] = contacts[f"primary_{source}"]
    return imported


def _form(actor: Actor, step: str, data: DraftData, *, posted: QueryDict | None = None) -> StepForm:
    """Return a step's form: bound to what was posted, else showing what the draft holds."""
    values = {name: value for name, value in data.get(step, {}).items() if not isinstance(value, dict)}
    if step == COMPANY:
        types = [(str(kind.id), kind.name) for kind in queries.customer_types(by=actor)]
        own = [(str(one.id), f"{one.name} ({one.currency})") for one in queries.partner_subscriptions(by=actor)]
        form = CompanyForm(posted, initial=values, types=types, subscriptions=own)
        offered = ((wizard_terms.TYPE, types), (wizard_terms.SUBSCRIPTION, own))
        wizard_terms.offer(form, actor=actor, empty=[field for field, choices in offered if not choices])
        return form
    if step == CONTACTS:
        return ContactsForm(posted, initial=values, import_template="web/wizard/import_contact.html")
    if step == MICROSOFT:
        return AccountChoiceForm(posted, initial=_account_presets(data) | values)
    return SalesForm(posted, initial=values, count=wizard_reading.read_count(posted if posted is not None else values))


def _account_presets(data: DraftData) -> dict[str, Any]:
    company, contacts = data.get(COMPANY, {}), data.get(CONTACTS, {})
    return {
        "existing_country": company.get("country", ""),
        "new_country": "US",
        "agreement_first_name": contacts.get("primary_first_name", ""),
        "agreement_last_name": contacts.get("primary_last_name", ""),
        "agreement_email": contacts.get("primary_email", ""),
        "agreement_phone": contacts.get("primary_phone", ""),
    }


def _kept(form: StepForm, former: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = form.kept()
    if former.get("found"):
        kept["found"] = former["found"]
    return kept


def _open_draft(request: PortalRequest, draft_id: uuid.UUID) -> CustomerDraft | HttpResponse | None:
    """Return the draft; one that became a customer leads there, so that a second Continue ends at the same place."""
    draft = queries.get_draft(by=request.actor, draft_id=draft_id)
    if draft is not None and draft.customer_id is not None:
        if request.method != "POST":
            messages.info(request, _("This customer has been created already."))
        return redirect("customer", customer_id=draft.customer_id, tab="products")
    return draft


def _save(
    request: PortalRequest,
    draft_id: uuid.UUID,
    step: str,
    values: dict[str, Any],
    *,
    page: creation.DraftPage | None,
    move_to: str = "",
) -> None:
    """Keep a step, and note in `values` how often it has been saved: the page that is shown next has seen this save."""
    draft = creation.save_draft(
        by=request.actor, draft_id=draft_id, step=step, data=values, at=request.now, move_to=move_to, page=page
    )
    values |= draft.data[step]


def _open_page(request: PortalRequest, *, leaves: bool = True) -> creation.DraftPage | None:
    """Return which open page of the wizard posts; a program that posts no mark overwrites."""
    mark, seen = request.POST.get("page_mark", ""), wizard_forms.read_version(request.POST.get("saves_seen", ""))
    follows = request.POST.get("page_follows", "")
    return creation.DraftPage(mark=mark[:40], saves_seen=seen, follows=follows[:40], leaves=leaves) if mark else None


def _saved_words(request: PortalRequest) -> str:
    return _("Saved %(time)s") % {"time": f"{timezone.localtime(request.now):%H:%M}"}


def _page(request: PortalRequest, draft_id: uuid.UUID, step: str, form: StepForm, data: DraftData) -> HttpResponse:
    return render(request, "web/wizard/page.html", wizard_shown.context(draft_id, step, form, data))
