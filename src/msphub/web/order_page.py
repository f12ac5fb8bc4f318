"""One order: what was bought at which price, how far each item is, and what may be done about it."""

import datetime
import uuid
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from msphub.catalog import prices
from msphub.catalog.choices import Category
from msphub.kit import money
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused
from msphub.orders import permissions, placing, queries, recovery
from msphub.orders.choices import ItemStatus, OrderStatus, OrderType
from msphub.orders.models import Order, OrderItem
from msphub.ui import cells, grid_view, htmx
from msphub.ui.forms import UiForm
from msphub.ui.grid import Column, GridPage, GridSpec, GridState, RowAction
from msphub.ui.page import Action, Crumb, Item, Page, ProgressStep
from msphub.web import grids, orders, shown
from msphub.web.middleware import PortalRequest

ITEMS = [
    Column(key="category", label=gettext_lazy("Category")),
    Column(key="code", label=gettext_lazy("Product ID")),
    Column(key="name", label=gettext_lazy("Product"), pinned=True),
    Column(key="quantity", label=gettext_lazy("Quantity"), align="end"),
    Column(key="unit_price", label=gettext_lazy("Unit price"), align="end"),
    Column(key="extended", label=gettext_lazy("Extended price"), align="end"),
    Column(key="starts", label=gettext_lazy("Start")),
    Column(key="ends", label=gettext_lazy("End")),
    Column(key="domain", label=gettext_lazy("Domain")),
    Column(key="status", label=gettext_lazy("Status")),
    Column(key="discount", label=gettext_lazy("Discount"), default_shown=False),
]
COST = Column(key="cost", label=gettext_lazy("Cost per unit"), align="end", default_shown=False)
STEPS = {
    ItemStatus.WAITING: "waiting",
    ItemStatus.SENT: "running",
    ItemStatus.COMPLETED: "done",
    ItemStatus.FAILED: "failed",
    ItemStatus.DROPPED: "skipped",
    ItemStatus.CANCELLED: "skipped",
}


class CancelForm(UiForm):
    """Why an order is cancelled."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Optional. Shown on the order."),
    )


def order(request: PortalRequest, *, order_id: uuid.UUID) -> HttpResponse:
    """Show an order; while it is processed the page follows by itself."""
    found = queries.order_details(by=request.actor, order_id=order_id)
    state = grids.state_of(request, _spec(request.actor))
    grid = _grid(request, found, state)
    context = {
        "page": _head(request.actor, found),
        "items": _facts(request.actor, found),
        "note": _note(found.order),
        "waits": _waits(request.actor, found),
        **_live(found, grid),
    }
    return grid_view.respond(request, template="web/orders/order.html", grid=grid, context=context)


def progress(request: PortalRequest, *, order_id: uuid.UUID) -> HttpResponse:
    """Answer the polling of an order's page; the page is loaded anew when the work is over."""
    found = queries.order_details(by=request.actor, order_id=order_id)
    address = _url(order_id)
    if found.order.status != OrderStatus.PROCESSING:
        return htmx.go(request, address)
    state = GridState.parse(request.GET, _spec(request.actor), path=address)
    return render(request, "web/orders/live.html", _live(found, _grid(request, found, state)))


def cancel(request: PortalRequest, *, order_id: uuid.UUID) -> HttpResponse:
    """Ask, and cancel an order of which nothing was sent."""
    found = queries.get_order(by=request.actor, order_id=order_id)
    form = CancelForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            placing.cancel_order(
                by=request.actor, order_id=order_id, reason=form.cleaned_data["reason"], at=request.now
            )
        except Refused as refusal:
            messages.error(request, str(refusal.message))
        else:
            messages.success(request, _("%(number)s is cancelled.") % {"number": found.number})
        return htmx.go(request, _url(order_id))
    return render(
        request,
        "web/orders/cancel_dialog.html",
        {
            "page": Page(title=_("Cancel %(number)s") % {"number": found.number}, narrow=True),
            "form": form,
            "back_url": _url(order_id),
        },
    )


@require_POST
def retry(request: PortalRequest, *, order_id: uuid.UUID, item_id: uuid.UUID | None = None) -> HttpResponse:
    """Send one failed item of an order again, or all of them."""
    ids = _failed(request, order_id, item_id)

    def act() -> str:
        recovery.retry_items(by=request.actor, order_id=order_id, item_ids=ids, at=request.now)
        return ngettext("%(n)s item is tried again.", "%(n)s items are tried again.", len(ids)) % {"n": len(ids)}

    return _done(request, order_id, act)


def drop(request: PortalRequest, *, order_id: uuid.UUID, item_id: uuid.UUID) -> HttpResponse:
    """Ask, and drop a failed item: the order ends without it."""
    found = queries.order_details(by=request.actor, order_id=order_id)
    item = next((one for one in found.items if one.id == item_id), None)
    if item is None:
        raise NotFound
    if request.method != "POST":
        title = _("Drop %(name)s") % {"name": item.sku_name}
        return render(
            request,
            "web/confirm_dialog.html",
            {
                "page": Page(title=title, narrow=True),
                "text": _("%(name)s is not bought; the order ends with what was fulfilled. Nothing is charged for it.")
                % {"name": item.sku_name},
                "back_url": _url(order_id),
            },
        )

    def act() -> str:
        recovery.drop_items(by=request.actor, order_id=order_id, item_ids=[item_id], at=request.now)
        return _("%(name)s has been dropped.") % {"name": item.sku_name}

    return _done(request, order_id, act)


def _done(request: PortalRequest, order_id: uuid.UUID, act: Callable[[], str]) -> HttpResponse:
    try:
        messages.success(request, act())
    except Refused as refusal:
        messages.error(request, str(refusal.message))
    return redirect(_url(order_id)) if not request.headers.get("HX-Request") else htmx.go(request, _url(order_id))


def _failed(request: PortalRequest, order_id: uuid.UUID, item_id: uuid.UUID | None) -> list[uuid.UUID]:
    found = queries.get_order(by=request.actor, order_id=order_id)
    items = queries.items_of(by=request.actor, order=found)
    if item_id is not None:
        if item_id not in {item.id for item in items}:
            raise NotFound
        return [item_id]
    return [item.id for item in items if item.status == ItemStatus.FAILED]


def _url(order_id: uuid.UUID) -> str:
    return reverse("order", kwargs={"order_id": order_id})


def _head(actor: Actor, found: queries.OrderDetails) -> Page:
    order = found.order
    crumb = reverse("orders") if actor.is_partner else orders.tab_url(order.customer_id)
    actions: list[Action] = []
    action = None
    if actor.may(permissions.MANAGE):
        address = {"order_id": order.id}
        if order.status in (OrderStatus.SCHEDULED, OrderStatus.PENDING):
            actions = [Action(label=_("Cancel order"), url=reverse("order_cancel", kwargs=address), how="dialog")]
        elif order.status != OrderStatus.PROCESSING and any(one.status == ItemStatus.FAILED for one in found.items):
            action = Action(
                label=_("Try again"), url=reverse("order_retry", kwargs=address), how="post", icon="refresh"
            )
    return Page(
        title=order.number,
        subtitle=found.customer.name,
        crumbs=[Crumb(label=_("Orders"), url=crumb)],
        status=shown.order(order.status),
        action=action,
        actions=actions,
    )


def _facts(actor: Actor, found: queries.OrderDetails) -> list[Item]:
    order = found.order
    customer_url = reverse("customer", kwargs={"customer_id": order.customer_id, "tab": "orders"})
    facts = [
        Item(label=_("Type"), value=str(OrderType(order.type).label)),
        Item(label=_("Number"), value=order.number, copy=True),
        Item(label=_("Date and time"), value=cells.moment(order.placed_at)),
        Item(label=_("Items"), value=cells.Number(order.item_count)),
        Item(label=_("Total"), value=cells.Money(order.total, order.currency)),
        Item(label=_("Ordered by"), value=order.placed_by),
        Item(label=_("Customer"), value=found.customer.name, url=customer_url if actor.is_partner else ""),
        Item(label=_("Subscription"), value=found.subscription.name),
    ]
    if order.scheduled_on is not None:
        facts.append(Item(label=_("Scheduled for"), value=cells.day(order.scheduled_on)))
    return facts


def _note(order: Order) -> dict[str, Any] | None:
    """Return what stands over the order: why it ended, or why it has to wait."""
    if order.status == OrderStatus.CANCELLED and order.reason:
        return {"tone": "info", "title": _("Cancelled"), "text": order.reason}
    if order.status == OrderStatus.PROCESSING and order.message:
        when = cells.moment(order.next_try_at)
        text = _("%(reason)s The next try is at %(when)s.") if when else "%(reason)s"
        return {
            "tone": "warn",
            "title": _("Waiting"),
            "text": text % {"reason": order.message, "when": when.shown if when else ""},
        }
    return None


def _waits(actor: Actor, found: queries.OrderDetails) -> list[dict[str, Any]]:
    """Return the open tasks that the order waits for, each with the way to complete it."""
    may = actor.may(permissions.COMPLETE_TASKS)
    return [
        {
            "name": task.name,
            "expires": cells.moment(task.expires_at),
            "url": reverse("task_complete", kwargs={"task_id": task.id}) if may else "",
        }
        for task in found.open_tasks
    ]


def _live(found: queries.OrderDetails, grid: grid_view.Grid) -> dict[str, Any]:
    """Return the part of the page that follows the work."""
    order = found.order
    return {
        "grid": grid,
        "steps": _steps(found),
        "running": order.status == OrderStatus.PROCESSING,
        "progress_url": grid.state.query_for(reverse("order_progress", kwargs={"order_id": order.id})),
        "outcome": "" if order.status == OrderStatus.PROCESSING else str(OrderStatus(order.status).label),
    }


def _steps(found: queries.OrderDetails) -> list[ProgressStep]:
    order = found.order
    steps = [ProgressStep(label=_("Ordered"), state="done", at=cells.moment(order.placed_at), result=order.placed_by)]
    if found.open_tasks:
        steps.append(ProgressStep(label=_("Information for the order"), state="running"))
    if order.status == OrderStatus.SCHEDULED:
        day = cells.day(order.scheduled_on)
        label = _("Waits for %(day)s") % {"day": day.shown if day else ""}
        steps.append(ProgressStep(label=label, state="running"))
    return steps + [_step(item) for item in found.items]


def _step(item: OrderItem) -> ProgressStep:
    state: Any = STEPS[ItemStatus(item.status)]
    return ProgressStep(
        label=f"{money.number(item.quantity)} × {item.sku_name}",
        state=state,
        at=cells.moment(item.finished_at),
        result=str(ItemStatus(item.status).label),
        reason=item.failure_message,
    )


def _spec(actor: Actor) -> GridSpec:
    return GridSpec(
        name="order-items",
        noun=gettext_lazy("items"),
        noun_one=gettext_lazy("item"),
        searchable=False,
        columns=[*ITEMS, COST] if actor.is_partner else ITEMS,
        row_actions=[
            RowAction(key="retry", label=_("Try again"), icon="refresh", how="post", url=lambda row: row["retry_url"]),
            RowAction(key="drop", label=_("Drop"), icon="trash", how="dialog", url=lambda row: row["drop_url"]),
        ]
        if actor.may(permissions.MANAGE)
        else [],
        page_sizes=(100,),
    )


def _grid(request: PortalRequest, found: queries.OrderDetails, state: GridState) -> grid_view.Grid:
    may_manage = request.actor.may(permissions.MANAGE) and found.order.status != OrderStatus.PROCESSING
    rows = [_row(item, cost=found.costs.get(item.id), may_manage=may_manage) for item in found.items]
    return grid_view.Grid(spec=state.spec, state=state, page=GridPage(rows=rows, count=len(rows)))


def _row(item: OrderItem, *, cost: Any, may_manage: bool) -> dict[str, Any]:
    address = {"order_id": item.order_id, "item_id": item.id}
    failed = item.status == ItemStatus.FAILED and may_manage
    per = prices.period_words(term=item.term, plan=item.plan)
    name = item.sku_name
    product = item.product_name if item.product_name != item.sku_name else ""
    held = (
        reverse("purchased_product", kwargs={"customer_id": item.customer_id, "product_id": item.purchased_product_id})
        if item.purchased_product_id
        else None
    )
    percent = item.discount_percent.normalize()
    return {
        "id": item.id,
        "label": name,
        "category": str(Category(item.category).label),
        "code": item.product_code,
        "name": cells.Link(name, held, sub=product),
        "quantity": cells.Number(item.quantity),
        "unit_price": cells.Text(shown.unit_price(item.unit_price, item.currency), sub=per),
        "extended": cells.Money(item.extended_price, item.currency),
        "starts": cells.day(item.starts_on),
        # The last day, as Microsoft and people name it; the record holds the first day after it.
        "ends": cells.day(item.ends_on - datetime.timedelta(days=1)) if item.ends_on else None,
        "domain": item.domain,
        "status": shown.order_item(item.status, reason=item.failure_message),
        "discount": cells.Text(f"{percent:f} %", sub=item.discount_reason) if percent else None,
        "cost": None if cost is None else cells.Text(shown.unit_price(cost, item.currency), sub=per),
        "retry_url": reverse("order_item_retry", kwargs=address) if failed else None,
        "drop_url": reverse("order_item_drop", kwargs=address) if failed else None,
    }
