"""What leads from the wizard's first step to where its types and subscriptions are made, and back with them chosen."""

import dataclasses
import uuid
from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from msphub.accounts import permissions as accounts
from msphub.customers import permissions
from msphub.kit.actor import Actor
from msphub.kit.errors import Text
from msphub.web import errands, wizard_forms
from msphub.web.middleware import PortalRequest
from msphub.web.wizard_forms import CompanyForm

TYPE, SUBSCRIPTION = "customer_type", "partner_subscription"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What one of the drop-downs needs: the button that leads to where it is made, and who may make it."""

    button: str
    view: str
    permission: str
    missing: Text
    make: Text
    ask: Text


RECORDS = {
    TYPE: Record(
        button="new-type",
        view="customer_type_new",
        permission=permissions.MANAGE_TERMS,
        missing=gettext_lazy("There is no active customer type yet."),
        make=gettext_lazy("Create a customer type"),
        ask=gettext_lazy("There is no active customer type yet. Ask an owner to create one."),
    ),
    SUBSCRIPTION: Record(
        button="new-subscription",
        view="subscription_new",
        permission=accounts.MANAGE_SUBSCRIPTIONS,
        missing=gettext_lazy("There is no active subscription yet."),
        make=gettext_lazy("Create a subscription"),
        ask=gettext_lazy("There is no active subscription yet. Ask an owner to create one."),
    ),
}
BUTTONS = {record.button: field for field, record in RECORDS.items()}


def offer(form: CompanyForm, *, actor: Actor, empty: Sequence[str]) -> None:
    """Let empty drop-downs lead to where their record is made; the button saves the step first."""
    for field in empty:
        record = RECORDS[field]
        if actor.may(record.permission):
            form.fields[field].help_text = format_html(
                '{} <button type="submit" class="link-button" name="go" value="{}" formnovalidate>{}</button>',
                record.missing,
                record.button,
                record.make,
            )
        else:
            form.fields[field].help_text = str(record.ask)


def leave(request: PortalRequest, *, button: str, address: str, country: str) -> HttpResponse:
    """Go and make the record that a button is for; the step itself is saved in the draft."""
    field = BUTTONS[button]
    to = f"{reverse(RECORDS[field].view)}?country={country[:2]}"
    return errands.leave(request, to=to, back=address, field=field)


def chosen(request: PortalRequest) -> dict[str, str]:
    """Return the ids of the records that were made on the way, by field."""
    found = {field: wizard_forms.read_uuid(request.GET.get(field)) for field in RECORDS}
    return {field: str(one) for field, one in found.items() if one}


def with_link(request: PortalRequest, *, problem: Any, type_id: uuid.UUID, country: str, address: str) -> Any:
    """Return a refusal of type, country and currency with the way to the type's page, as far as the actor may go."""
    if request.actor.may(permissions.MANAGE_TERMS):
        edit = reverse("customer_type_edit", kwargs={"type_id": type_id})
        url = errands.link(to=f"{edit}?add={country[:2]}", back=address, field=TYPE)
        return format_html('{} <a href="{}">{}</a>', problem, url, _("Change the customer type"))
    if request.actor.may(permissions.VIEW_TERMS):
        url = reverse("customer_type", kwargs={"type_id": type_id})
        return format_html('{} <a href="{}">{}</a>', problem, url, _("See the customer type"))
    return problem
