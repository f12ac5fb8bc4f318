"""The Users tab: invite, disable, enable, send the link again."""

import dataclasses
import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from msphub.accounts import actions, permissions, user_lists
from msphub.accounts import queries as accounts
from msphub.accounts.choices import CUSTOMER_ROLES, Role, UserStatus
from msphub.accounts.models import User
from msphub.customers import inputs, queries
from msphub.kit.errors import NotFound, Refused
from msphub.ui import cells, grid_view, htmx
from msphub.ui.grid import Column, Empty, Filter, GridSpec, RowAction
from msphub.ui.page import Action, Crumb, Page
from msphub.web import grids, shown, wizard_forms, wizard_reading
from msphub.web.middleware import PortalRequest
from msphub.web.wizard_forms import StepForm

SPEC = GridSpec(
    name="users",
    noun=gettext_lazy("users"),
    noun_one=gettext_lazy("user"),
    search_label=gettext_lazy("Search names and e-mail"),
    columns=[
        Column(key="name", label=gettext_lazy("Name"), sortable=True, pinned=True),
        Column(key="email", label=gettext_lazy("Login e-mail"), sortable=True, width="wide"),
        Column(key="role", label=gettext_lazy("Role"), sortable=True),
        Column(key="status", label=gettext_lazy("Status"), sortable=True, render=shown.user),
        Column(key="last", label=gettext_lazy("Last sign-in"), sortable=True),
    ],
    filters=[
        Filter(key="status", label=gettext_lazy("Status"), choices=UserStatus.choices),
        Filter(key="role", label=gettext_lazy("Role"), choices=[(str(role), role.label) for role in CUSTOMER_ROLES]),
    ],
    default_sort="name",
    row_actions=[
        RowAction(
            key="resend",
            label=gettext_lazy("Send link again"),
            icon="send",
            how="post",
            url=lambda row: row["resend_url"],
        ),
        RowAction(key="disable", label=gettext_lazy("Disable"), how="dialog", url=lambda row: row["disable_url"]),
        RowAction(key="enable", label=gettext_lazy("Enable"), how="post", url=lambda row: row["enable_url"]),
    ],
    empty=Empty(title=gettext_lazy("No users yet"), icon="users"),
)


class InviteForm(StepForm):
    """A new user of the customer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["admin_first_name"] = wizard_forms.text_field(_("First Name"))
        self.fields["admin_last_name"] = wizard_forms.text_field(_("Last Name"))
        self.fields["admin_login_email"] = wizard_forms.text_field(
            _("Login Email Address"), help_text=_("Can't be changed later."), widget=forms.EmailInput
        )
        self.fields["admin_contact_email"] = wizard_forms.text_field(
            _("Additional Communication Email Address"),
            optional=True,
            help_text=_("Optional. The login e-mail if left empty."),
            widget=forms.EmailInput,
        )
        roles = [(role.value, role.label) for role in CUSTOMER_ROLES]
        self.fields["role"] = wizard_forms.select_field(_("Role"), roles)


def tab(request: PortalRequest, details: queries.CustomerDetails, page: Page) -> HttpResponse:
    """Show the customer's users."""
    may_manage = request.actor.may(permissions.MANAGE_USERS)
    state = grids.state_of(request, SPEC)
    found = user_lists.users_page(
        by=request.actor,
        customer_id=details.tenant.id,
        wanted=grids.wanted_of(state, user_lists.SORTS),
        search=state.q,
        statuses=state.chosen("status"),
        roles=state.chosen("role"),
    )
    rows = grids.page_of(found, [_row(request, user, may_manage=may_manage) for user in found.rows])
    if may_manage:
        url = reverse("customer_user_invite", kwargs={"customer_id": details.tenant.id})
        invite = Action(label=_("Invite a user"), url=url, how="dialog", icon="user-plus")
        page = dataclasses.replace(page, action=invite)
    table = grid_view.Grid(spec=SPEC, state=state, page=rows)
    return grid_view.respond(request, template="web/list.html", grid=table, context={"page": page})


def invite(request: PortalRequest, *, customer_id: uuid.UUID) -> HttpResponse:
    """Invite a user: the mail with the one-time link goes out at once."""
    details = queries.details(by=request.actor, customer_id=customer_id)
    back = _tab_url(customer_id)
    form = InviteForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        form.is_valid()
        entered, problems = _entered(request)
        role = request.POST.get("role", "")
        if role not in Role.values:
            problems["role"] = _("Choose a role.")
        form.show(problems)
        try:
            user = (
                None
                if problems
                else actions.add_user(
                    by=request.actor,
                    customer_id=customer_id,
                    email=entered.login_email,
                    first_name=entered.first_name,
                    last_name=entered.last_name,
                    contact_email=entered.contact_email,
                    role=Role(role),
                    at=request.now,
                )
            )
        except Refused as refusal:
            renamed = {"login_email": "admin_login_email"}
            form.show(
                {renamed.get(name, name): text for name, text in (refusal.fields or {"": refusal.message}).items()}
            )
            user = None
        if user is not None:
            messages.success(request, _("%(name)s has been invited.") % {"name": user.display_name})
            return htmx.go(request, back)
    return render(
        request,
        "web/invite_dialog.html",
        {
            "page": Page(title=_("Invite a user"), crumbs=[Crumb(label=details.tenant.name, url=back)], narrow=True),
            "form": form,
            "back_url": back,
        },
    )


def disable(request: PortalRequest, *, customer_id: uuid.UUID, user_id: uuid.UUID) -> HttpResponse:
    """Ask, and disable a user."""
    user = _user(request, customer_id, user_id)
    back = _tab_url(customer_id)
    if request.method == "POST":
        try:
            actions.disable_user(by=request.actor, user=user, at=request.now)
        except Refused as refusal:
            messages.error(request, str(refusal.message))
        else:
            messages.success(request, _("%(name)s can no longer sign in.") % {"name": user.display_name})
        return htmx.go(request, back)
    title = _("Disable %(name)s") % {"name": user.display_name}
    return render(
        request,
        "web/confirm_dialog.html",
        {
            "page": Page(title=title, narrow=True),
            "text": _("%(name)s can no longer sign in; open sessions and one-time links end at once.")
            % {"name": user.display_name},
            "back_url": back,
        },
    )


@require_POST
def enable(request: PortalRequest, *, customer_id: uuid.UUID, user_id: uuid.UUID) -> HttpResponse:
    """Let a user sign in again."""
    user = _user(request, customer_id, user_id)
    actions.enable_user(by=request.actor, user=user, at=request.now)
    messages.success(request, _("%(name)s can sign in again.") % {"name": user.display_name})
    return redirect(_tab_url(customer_id))


@require_POST
def resend_link(request: PortalRequest, *, customer_id: uuid.UUID, user_id: uuid.UUID) -> HttpResponse:
    """Send a user a fresh one-time link; the earlier one ends."""
    user = _user(request, customer_id, user_id)
    try:
        actions.resend_password_link(by=request.actor, user=user, at=request.now)
    except Refused as refusal:
        messages.error(request, str(refusal.message))
    else:
        messages.success(request, _("A fresh link is on its way to %(email)s.") % {"email": user.contact_email})
    return redirect(_tab_url(customer_id))


def _entered(request: PortalRequest) -> tuple[inputs.Admin, dict[str, Any]]:
    data = request.POST.dict()
    data["admin_contact_email"] = data.get("admin_contact_email") or data.get("admin_login_email") or ""
    checked, problems = inputs.check_admin(wizard_reading.read_admin(data))
    found: dict[str, Any] = dict(problems)
    if not request.POST.get("admin_contact_email"):
        found.pop("admin_contact_email", None)
    return checked, found


def _row(request: PortalRequest, user: user_lists.UserRow, *, may_manage: bool) -> dict[str, Any]:
    disabled = user.status == UserStatus.DISABLED
    address = {"customer_id": user.customer_id, "user_id": user.id}
    return {
        "id": user.id,
        "label": user.display_name,
        "name": cells.Text(user.display_name, sub=user.contact_email if user.contact_email != user.email else ""),
        "email": user.email,
        "role": str(Role(user.role).label),
        "status": user.status,
        "last": cells.ago(user.last_sign_in_at, now=request.now),
        "resend_url": reverse("customer_user_link", kwargs=address) if may_manage and not disabled else None,
        "disable_url": reverse("customer_user_disable", kwargs=address)
        if may_manage and not disabled and user.id != request.actor.user_id
        else None,
        "enable_url": reverse("customer_user_enable", kwargs=address) if may_manage and disabled else None,
    }


def _user(request: PortalRequest, customer_id: uuid.UUID, user_id: uuid.UUID) -> User:
    queries.details(by=request.actor, customer_id=customer_id)
    user = accounts.get_user(by=request.actor, user_id=user_id)
    if user.customer_id != customer_id:
        raise NotFound
    return user


def _tab_url(customer_id: uuid.UUID) -> str:
    return reverse("customer", kwargs={"customer_id": customer_id, "tab": "users"})
