"""What leads from the wizard's first step to where its types and subscriptions are made, and back with them chosen."""

import dataclasses
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpResponse, QueryDict
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
from msphub.web.wizard_steps import CompanyForm

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
# At a refusal of type, country and currency: leads to the type's own form.
CHANGE_TYPE = "change-type"
BUTTONS = {record.button: field for field, record in RECORDS.items()} | {CHANGE_TYPE: TYPE}


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


def leave(
    request: PortalRequest, *, button: str, country: str, type_id: Any = None, typed: QueryDict | None = None
) -> HttpResponse:
    """Go and make the record, or change the type, that a button is for; the wizard has saved its step, others give
    what is `typed`."""
    field, country = BUTTONS[button], country[:2]
    chosen = wizard_forms.read_uuid(type_id)
    if button == CHANGE_TYPE and chosen:
        to = reverse("customer_type_edit", kwargs={"type_id": chosen}, query={"add": country})
    else:
        to = reverse(RECORDS[field].view, query={"country": country})
    return errands.leave(request, to=to, field=field, typed=typed)


def chosen(request: PortalRequest) -> dict[str, str]:
    """Return the ids of the records that were made on the way, by field."""
    away = errands.returned(request)
    return {field: one for field, one in away.chosen.items() if field in RECORDS} if away else {}


def with_way(actor: Actor, problems: Mapping[str, Any], *, type_id: uuid.UUID | None) -> dict[str, Any]:
    """Return the problems, the one at Customer Type with the way to the type's page as far as the actor may go.

    The button keeps what was typed; who may only look is shown the type beside the form.
    """
    found = dict(problems)
    if TYPE not in found or type_id is None:
        return found
    if actor.may(permissions.MANAGE_TERMS):
        found[TYPE] = format_html(
            '{} <button type="submit" class="link-button" name="go" value="{}" formnovalidate>{}</button>',
            found[TYPE],
            CHANGE_TYPE,
            _("Change the customer type"),
        )
    elif actor.may(permissions.VIEW_TERMS):
        found[TYPE] = format_html(
            '{} <a href="{}" target="_blank" rel="noopener">{}</a>',
            found[TYPE],
            reverse("customer_type", kwargs={"type_id": type_id}),
            _("See the customer type (opens a new tab)"),
        )
    return found
