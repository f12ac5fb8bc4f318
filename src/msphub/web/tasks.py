"""Task System: information that orders wait for, how much of it is open, and the form that gives it."""

import uuid
from functools import lru_cache
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from msphub.customers import buyers
from msphub.customers import queries as customers
from msphub.customers.choices import AccountState
from msphub.kit.errors import Refused
from msphub.orders import permissions, queries, waiting
from msphub.orders.choices import OrderStatus, TaskKind, TaskStatus
from msphub.orders.models import Task
from msphub.ui import cells, grid_view, htmx
from msphub.ui.grid import Column, Empty, Filter, GridSpec, RowAction
from msphub.ui.page import Crumb, Page
from msphub.web import grids, shown, wizard_forms
from msphub.web.middleware import PortalRequest
from msphub.web.wizard_forms import StepForm

COLUMNS = [
    Column(key="name", label=gettext_lazy("Name"), sortable=True, pinned=True),
    Column(key="kind", label=gettext_lazy("Task Type")),
    Column(key="customer", label=gettext_lazy("Customer")),
    Column(key="expiration", label=gettext_lazy("Expiration"), sortable=True),
    Column(key="status", label=gettext_lazy("Task Status"), sortable=True, render=shown.task),
]


class SetupForm(StepForm):
    """What Coro must know to set a customer up; all of it is mandatory (product.md §4 X)."""

    widths: ClassVar[dict[str, Any]] = {"company_name": "long", "domain": "long", "admin_email": "long"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["company_name"] = wizard_forms.text_field(_("Company Name"))
        self.fields["domain"] = wizard_forms.text_field(
            _("Domain"), help_text=_("The company's own domain, such as contoso.com.")
        )
        self.fields["admin_email"] = wizard_forms.text_field(
            _("Admin E-mail"),
            help_text=_("Who will administer the product; the invitation goes there."),
            widget=forms.EmailInput,
        )


def tasks(request: PortalRequest) -> HttpResponse:
    """Show the tasks of all customers, or of the customer that the person belongs to."""
    actor = request.actor
    spec = _spec(get_language(), may_complete=actor.may(permissions.COMPLETE_TASKS))
    state = grids.state_of(request, spec)
    found = queries.tasks_page(
        by=actor,
        wanted=grids.wanted_of(state, queries.TASK_SORTS),
        search=state.q,
        statuses=state.chosen("status"),
    )
    rows = [_row(row, partner=actor.is_partner) for row in found.rows]
    context: dict[str, Any] = {}
    if not htmx.targets(request, f"{spec.name}-grid"):
        context = {"page": Page(title=_("Task System")), "counts": queries.task_counts(by=actor)}
    return grid_view.respond(
        request,
        template="web/orders/tasks.html",
        grid=grid_view.Grid(spec=spec, state=state, page=grids.page_of(found, rows)),
        context=context,
    )


def complete(request: PortalRequest, *, task_id: uuid.UUID) -> HttpResponse:
    """Ask for the information of a task, preset from the customer, and let its order go on."""
    task = queries.get_task(by=request.actor, task_id=task_id)
    back = reverse("order", kwargs={"order_id": task.order_id})
    form = SetupForm(
        request.POST if request.method == "POST" else None, initial={} if request.POST else _preset(request, task)
    )
    if request.method == "POST":
        form.is_valid()
        entered = waiting.CoroSetup(
            company_name=form.value("company_name"), domain=form.value("domain"), admin_email=form.value("admin_email")
        )
        try:
            waiting.complete_task(by=request.actor, task_id=task_id, entered=entered, at=request.now)
        except Refused as refusal:
            form.show(refusal.fields or {"": refusal.message})
        else:
            messages.success(request, _done(request, task))
            return htmx.go(request, back)
    return render(
        request,
        "web/orders/task_dialog.html",
        {
            "page": Page(
                title=_("Complete Task"), crumbs=[Crumb(label=_("Task System"), url=reverse("tasks"))], narrow=True
            ),
            "task": task,
            "facts": _facts(task),
            "form": form,
            "open": task.status == TaskStatus.PENDING and task.expires_at > request.now,
            "status": shown.task(task.status),
            "back_url": reverse("tasks"),
        },
    )


def _done(request: PortalRequest, task: Task) -> str:
    order = queries.get_order(by=request.actor, order_id=task.order_id)
    if order.status == OrderStatus.PENDING:
        return _("The task is completed. %(number)s waits for another one.") % {"number": order.number}
    return _("The task is completed. %(number)s goes on.") % {"number": order.number}


def _facts(task: Task) -> list[tuple[str, object]]:
    return [
        (_("Task Type"), str(TaskKind(task.kind).label)),
        (_("Name"), task.name),
        (_("Order"), task.order.number),
        (_("Expiration"), cells.moment(task.expires_at)),
    ]


def _preset(request: PortalRequest, task: Task) -> dict[str, str]:
    """Return what the customer is known by: its name, its domain (of the linked account, else of its mail), its admin.

    A task that was completed shows what was given.
    """
    if task.status == TaskStatus.COMPLETED:
        return {"company_name": task.company_name, "domain": task.domain, "admin_email": task.admin_email}
    details = customers.details(by=request.actor, customer_id=task.customer_id)
    buyer = buyers.get_buyer(by=request.actor, customer_id=task.customer_id)
    email = details.primary_contact.email if details.primary_contact else ""
    own = email.rpartition("@")[2].casefold()
    linked = [one.domain for one in buyer.accounts if one.state == AccountState.LINKED]
    domain = own if own and own not in customers.MAILBOX_PROVIDERS else next(iter(linked), "")
    return {"company_name": details.tenant.name, "domain": domain, "admin_email": email}


@lru_cache(maxsize=16)
def _spec(_language: str | None, *, may_complete: bool) -> GridSpec:
    return GridSpec(
        name="tasks",
        noun=_("tasks"),
        noun_one=_("task"),
        search_label=_("Search name or customer"),
        columns=COLUMNS,
        filters=[
            Filter(key="status", label=_("Task Status"), choices=[(one.value, str(one.label)) for one in TaskStatus])
        ],
        default_sort="expiration",
        row_actions=[
            RowAction(key="complete", label=_("Complete Task"), how="dialog", url=lambda row: row["complete_url"])
        ]
        if may_complete
        else [],
        empty=Empty(
            title=_("No tasks"),
            text=_("An order that needs information before it can be sent makes a task here."),
            icon="checklist",
        ),
    )


def _row(row: queries.TaskRow, *, partner: bool) -> dict[str, Any]:
    url = f"/orders/{row.order_id}/"
    return {
        "id": row.id,
        "url": url,
        "label": f"{row.name}, {row.order_number}",
        "name": cells.Link(row.name, url, sub=row.order_number),
        "kind": str(TaskKind(row.kind).label),
        "customer": cells.Link(row.customer, f"/customers/{row.customer_id}/orders/" if partner else None),
        "expiration": cells.moment(row.expires_at),
        "status": row.status,
        "complete_url": f"/tasks/{row.id}/complete/" if row.status == TaskStatus.PENDING else None,
    }
