"""What leads from the wizard's Customer Type to where types are made and changed, and back with the type chosen."""

import uuid
from typing import Any

from django.http import HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from msphub.customers import permissions
from msphub.kit.actor import Actor
from msphub.web import errands, wizard_forms
from msphub.web.middleware import PortalRequest
from msphub.web.wizard_forms import CompanyForm

FIELD = "customer_type"
NEW_TYPE = "new-type"


def offer(form: CompanyForm, *, actor: Actor, any_types: bool) -> None:
    """Let an empty drop-down lead to where its record is made; the button saves the step first."""
    if any_types:
        return
    if actor.may(permissions.MANAGE_TERMS):
        form.fields[FIELD].help_text = format_html(
            '{} <button type="submit" class="link-button" name="go" value="{}" formnovalidate>{}</button>',
            _("There is no active customer type yet."),
            NEW_TYPE,
            _("Create a customer type"),
        )
    else:
        form.fields[FIELD].help_text = _("There is no active customer type yet. Ask an owner to create one.")


def leave(request: PortalRequest, *, address: str, country: str) -> HttpResponse:
    """Go and make a customer type; the step itself is saved in the draft."""
    return errands.leave(request, to=f"{reverse('customer_type_new')}?country={country[:2]}", back=address, field=FIELD)


def chosen(request: PortalRequest) -> str:
    """Return the id of the type that was made on the way, or an empty text."""
    found = wizard_forms.read_uuid(request.GET.get(FIELD))
    return str(found) if found else ""


def with_link(request: PortalRequest, *, problem: Any, type_id: uuid.UUID, country: str, address: str) -> Any:
    """Return a refusal of type, country and currency with the way to the type's page, as far as the actor may go."""
    if request.actor.may(permissions.MANAGE_TERMS):
        edit = reverse("customer_type_edit", kwargs={"type_id": type_id})
        url = errands.link(to=f"{edit}?add={country[:2]}", back=address, field=FIELD)
        return format_html('{} <a href="{}">{}</a>', problem, url, _("Change the customer type"))
    if request.actor.may(permissions.VIEW_TERMS):
        url = reverse("customer_type", kwargs={"type_id": type_id})
        return format_html('{} <a href="{}">{}</a>', problem, url, _("See the customer type"))
    return problem
