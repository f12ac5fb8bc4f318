"""Orders: the grid over all customers, and a customer's Orders tab, which is the same grid."""

import datetime
import uuid
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from msphub.catalog import permissions as catalog
from msphub.customers import queries as customers
from msphub.customers.queries import CustomerDetails
from msphub.orders import permissions, queries
from msphub.orders.choices import OrderStatus, OrderType
from msphub.ui import cells, grid_view
from msphub.ui.grid import Column, DateFilter, Empty, Export, Filter, GridSpec, GridState
from msphub.ui.page import Page
from msphub.web import grids, shown
from msphub.web.middleware import PortalRequest

COLUMNS = [
    Column(key="number", label=gettext_lazy("Number"), sortable=True, pinned=True),
    Column(key="type", label=gettext_lazy("Type")),
    Column(key="customer", label=gettext_lazy("Customer")),
    Column(key="placed", label=gettext_lazy("Date and time"), sortable=True),
    Column(key="items", label=gettext_lazy("Items"), align="end"),
    Column(key="total", label=gettext_lazy("Total"), align="end"),
    Column(key="status", label=gettext_lazy("Status"), render=shown.order),
]


def orders(request: PortalRequest) -> HttpResponse:
    """Show the orders of all the partner's customers, the newest first."""
    request.actor.require_partner(permissions.VIEW)
    return _respond(request, page=Page(title=_("Orders")), customer_id=None)


def tab(request: PortalRequest, details: CustomerDetails, page: Page) -> HttpResponse:
    """Show a customer's orders."""
    return _respond(request, page=page, customer_id=details.tenant.id)


def export(request: PortalRequest, *, kind: str, customer_id: uuid.UUID | None = None) -> HttpResponseBase:
    """Download the filtered set with all columns."""
    if customer_id is None:
        request.actor.require_partner(permissions.VIEW)
    else:
        customers.details(by=request.actor, customer_id=customer_id)
    spec = _spec(get_language(), customer_id=customer_id, may_buy=False)
    state = GridState.parse(request.GET, spec, path=request.path)

    def rows() -> Iterator[list[str]]:
        for row in queries.all_orders(
            by=request.actor,
            narrowed=_narrowed(state),
            customer_id=customer_id,
            sort=state.sort_key,
            descending=state.descending,
        ):
            yield [
                row.number,
                str(OrderType(row.type).label),
                row.customer,
                row.placed_at.isoformat(timespec="seconds"),
                str(row.item_count),
                f"{row.total} {row.currency}",
                str(OrderStatus(row.status).label),
            ]

    heads = [str(column.label) for column in COLUMNS]
    return grids.download(request, kind=kind, name="orders", heads=heads, rows=rows)


def tab_url(customer_id: uuid.UUID) -> str:
    """Return the address of a customer's Orders tab."""
    return reverse("customer", kwargs={"customer_id": customer_id, "tab": "orders"})


def _respond(request: PortalRequest, *, page: Page, customer_id: uuid.UUID | None) -> HttpResponse:
    spec = _spec(get_language(), customer_id=customer_id, may_buy=request.actor.may(catalog.PURCHASE))
    state = grids.state_of(request, spec)
    found = queries.orders_page(
        by=request.actor,
        wanted=grids.wanted_of(state, queries.ORDER_SORTS),
        narrowed=_narrowed(state),
        customer_id=customer_id,
    )
    with_customer = customer_id is None
    rows = [_row(row, with_customer=with_customer) for row in found.rows]
    return grid_view.respond(
        request,
        template="web/list.html",
        grid=grid_view.Grid(spec=spec, state=state, page=grids.page_of(found, rows)),
        context={"page": page},
    )


@lru_cache(maxsize=512)
def _spec(_language: str | None, *, customer_id: uuid.UUID | None, may_buy: bool) -> GridSpec:
    """Return the grid in plain words already; a customer's own list leaves the customer out."""
    if customer_id is None:
        base = {kind: reverse("orders_export", kwargs={"kind": kind}) for kind in ("csv", "xlsx")}
        market = reverse("marketplace")
    else:
        base = {
            kind: reverse("customer_orders_export", kwargs={"customer_id": customer_id, "kind": kind})
            for kind in ("csv", "xlsx")
        }
        market = f"{reverse('marketplace')}?customer={customer_id}"
    return GridSpec(
        name="orders" if customer_id is None else "customer-orders",
        noun=_("orders"),
        noun_one=_("order"),
        search_label=_("Search number or customer") if customer_id is None else _("Search number"),
        columns=[column for column in COLUMNS if customer_id is None or column.key != "customer"],
        filters=[
            Filter(key="status", label=_("Status"), choices=[(one.value, str(one.label)) for one in OrderStatus]),
            Filter(key="type", label=_("Type"), choices=[(one.value, str(one.label)) for one in OrderType]),
            DateFilter(key="placed", label=_("Date")),
        ],
        default_sort="-placed",
        exports=[Export(label=kind.upper(), url=url) for kind, url in base.items()],
        empty=Empty(
            title=_("No orders yet"),
            text=_("Every purchase and every change of a product is an order and appears here."),
            action_label=_("Marketplace") if may_buy else "",
            action_url=market if may_buy else "",
            icon="clipboard-list",
        ),
    )


def _narrowed(state: GridState) -> queries.OrderFilter:
    return queries.OrderFilter(
        search=state.q,
        statuses=state.chosen("status"),
        types=state.chosen("type"),
        placed_from=_midnight(state.day("placed_from")),
        placed_before=_midnight(state.day("placed_to"), days=1),
    )


def _midnight(day: datetime.date | None, *, days: int = 0) -> datetime.datetime | None:
    """Return the instant at which a day, or the next one, begins in the viewer's zone."""
    if day is None or not 1900 <= day.year <= 9000:
        return None
    later = day + datetime.timedelta(days=days)
    return datetime.datetime.combine(later, datetime.time.min, tzinfo=timezone.get_current_timezone())


def _row(row: queries.OrderRow, *, with_customer: bool) -> dict[str, Any]:
    url = f"/orders/{row.id}/"
    return {
        "id": row.id,
        "url": url,
        "label": row.number,
        "number": cells.Link(row.number, url),
        "type": str(OrderType(row.type).label),
        "customer": cells.Link(row.customer, f"/customers/{row.customer_id}/orders/") if with_customer else None,
        "placed": cells.moment(row.placed_at),
        "items": cells.Number(row.item_count),
        "total": cells.Money(row.total, row.currency),
        "status": row.status,
    }
