"""Products tab (C-20): what a customer holds; and the page of one product with its dated history."""

import datetime
import uuid
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from msphub.catalog import permissions as catalog
from msphub.catalog import prices
from msphub.catalog.choices import Category, VendorCode
from msphub.customers import queries as customers
from msphub.customers.queries import CustomerDetails
from msphub.entitlements import price_changes, queries
from msphub.entitlements.choices import State
from msphub.entitlements.models import HoldingPeriod, PurchasedProduct
from msphub.kit.errors import NotFound
from msphub.ui import cells, grid_view
from msphub.ui.grid import Column, Empty, Export, Filter, GridSpec, GridState
from msphub.ui.page import Action, Crumb, Item, Page
from msphub.web import cart, grids, shown
from msphub.web import price_changes as pages
from msphub.web.middleware import PortalRequest

# The six of product.md (C-20) in its order, then those of choice.
COLUMNS = [
    Column(key="status", label=gettext_lazy("Status"), sortable=True, render=shown.product),
    Column(key="name", label=gettext_lazy("Product Name"), sortable=True, pinned=True),
    Column(key="category", label=gettext_lazy("Category"), sortable=True),
    Column(key="billing", label=gettext_lazy("Billing Frequency"), sortable=True),
    Column(key="quantity", label=gettext_lazy("Purchase Quantity"), sortable=True, align="end"),
    Column(key="purchased", label=gettext_lazy("Purchase Date"), sortable=True),
    Column(key="term", label=gettext_lazy("Term"), default_shown=False),
    Column(key="unit_price", label=gettext_lazy("Unit price"), align="end", default_shown=False),
    Column(key="renewal", label=gettext_lazy("Next renewal"), sortable=True, default_shown=False),
    Column(key="domain", label=gettext_lazy("Domain"), default_shown=False),
]


def tab(request: PortalRequest, details: CustomerDetails, page: Page) -> HttpResponse:
    """Show what a customer holds."""
    actor, customer_id = request.actor, details.tenant.id
    spec = _spec(get_language(), customer_id=customer_id, may_buy=actor.may(catalog.PURCHASE))
    state = grids.state_of(request, spec)
    found = queries.products_page(
        by=actor,
        customer_id=customer_id,
        on=request.now.date(),
        wanted=grids.wanted_of(state, queries.SORTS),
        narrowed=_narrowed(state),
    )
    rows = [_row(row, customer_id=customer_id) for row in found.rows]
    return grid_view.respond(
        request,
        template="web/list.html",
        grid=grid_view.Grid(spec=spec, state=state, page=grids.page_of(found, rows)),
        context={"page": _with_purchase(request, page, customer_id)},
    )


def export(request: PortalRequest, *, customer_id: uuid.UUID, kind: str) -> HttpResponseBase:
    """Download the filtered set with all columns."""
    customers.details(by=request.actor, customer_id=customer_id)
    spec = _spec(get_language(), customer_id=customer_id, may_buy=False)
    state = GridState.parse(request.GET, spec, path=request.path)

    def rows() -> Iterator[list[str]]:
        for row in queries.all_products(
            by=request.actor,
            customer_id=customer_id,
            on=request.now.date(),
            narrowed=_narrowed(state),
            sort=state.sort_key,
            descending=state.descending,
        ):
            yield [
                str(State(row.state).label),
                _name(row.product_name, row.sku_name),
                str(Category(row.category).label),
                prices.plan_words(row.plan),
                str(row.quantity),
                row.purchased_at.isoformat(timespec="seconds"),
                prices.term_words(row.term),
                "" if row.unit_price is None else f"{row.unit_price.normalize():f} {row.currency}",
                row.term_ends_on.isoformat() if row.term_ends_on and row.auto_renew else "",
                row.domain,
            ]

    heads = [str(column.label) for column in COLUMNS]
    return grids.download(request, kind=kind, name="products", heads=heads, rows=rows)


def product(request: PortalRequest, *, customer_id: uuid.UUID, product_id: uuid.UUID) -> HttpResponse:
    """Show a purchased product and what held for it on each day."""
    details = customers.details(by=request.actor, customer_id=customer_id)
    found = queries.get_product(by=request.actor, product_id=product_id)
    if found.customer_id != customer_id:
        raise NotFound
    costs = queries.costs_of(by=request.actor, product=found)
    history = queries.history_of(by=request.actor, product=found)
    today = request.now.date()
    return render(
        request,
        "web/orders/product.html",
        {
            "page": Page(
                title=found.sku_name,
                subtitle=details.tenant.name,
                crumbs=[Crumb(label=_("Products"), url=_tab_url(customer_id))],
                status=shown.product(found.state),
            ),
            "items": _facts(request, found),
            "ahead": _ahead(request, found),
            "history": [_period(one, today=today, cost=costs.get(one.id)) for one in history],
            "with_costs": request.actor.is_partner,
        },
    )


def _with_purchase(request: PortalRequest, page: Page, customer_id: uuid.UUID) -> Page:
    """Put **Purchase** and the customer's filled cart over the tab."""
    if not request.actor.may(catalog.PURCHASE):
        return page
    purchase = Action(
        label=_("Purchase"), url=f"{reverse('marketplace')}?customer={customer_id}", icon="plus", tone="primary"
    )
    return Page(
        title=page.title,
        subtitle=page.subtitle,
        crumbs=page.crumbs,
        status=page.status,
        tabs=page.tabs,
        actions=[*page.actions, *cart.links(request, customer_id=customer_id)],
        action=page.action or purchase,
    )


@lru_cache(maxsize=512)
def _spec(_language: str | None, *, customer_id: uuid.UUID, may_buy: bool) -> GridSpec:
    return GridSpec(
        name="products",
        noun=_("products"),
        noun_one=_("product"),
        search_label=_("Search products"),
        columns=COLUMNS,
        filters=[
            Filter(key="state", label=_("Status"), choices=[(one.value, str(one.label)) for one in State]),
            Filter(key="category", label=_("Category"), choices=[(one.value, str(one.label)) for one in Category]),
            Filter(key="vendor", label=_("Vendor"), choices=[(one.value, str(one.label)) for one in VendorCode]),
        ],
        default_sort="name",
        exports=[
            Export(
                label=kind.upper(),
                url=reverse("customer_products_export", kwargs={"customer_id": customer_id, "kind": kind}),
            )
            for kind in ("csv", "xlsx")
        ],
        empty=Empty(
            title=_("No products yet"),
            text=_("Products that this customer buys appear here with their status, quantity and term."),
            action_label=_("Purchase") if may_buy else "",
            action_url=f"{reverse('marketplace')}?customer={customer_id}" if may_buy else "",
            icon="package",
        ),
    )


def _narrowed(state: GridState) -> queries.ProductFilter:
    return queries.ProductFilter(
        search=state.q,
        states=state.chosen("state"),
        categories=state.chosen("category"),
        vendors=state.chosen("vendor"),
    )


def _row(row: queries.ProductRow, *, customer_id: uuid.UUID) -> dict[str, Any]:
    url = f"/customers/{customer_id}/products/{row.id}/"
    return {
        "id": row.id,
        "url": url,
        "label": row.sku_name,
        "status": row.state,
        "name": cells.Link(row.sku_name, url, sub=row.product_name if row.product_name != row.sku_name else ""),
        "category": str(Category(row.category).label),
        "billing": prices.plan_words(row.plan),
        "quantity": cells.Number(row.quantity),
        "purchased": cells.moment(row.purchased_at, with_time=False),
        "term": prices.term_words(row.term),
        "unit_price": None
        if row.unit_price is None
        else cells.Text(
            shown.unit_price(row.unit_price, row.currency), sub=prices.period_words(term=row.term, plan=row.plan)
        ),
        "renewal": cells.day(row.term_ends_on) if row.auto_renew else None,
        "domain": row.domain,
    }


def _facts(request: PortalRequest, found: PurchasedProduct) -> list[Item]:
    facts = [
        Item(label=_("Product Name"), value=_name(found.product_name, found.sku_name)),
        Item(label=_("Category"), value=str(Category(found.category).label)),
        Item(label=_("Vendor"), value=str(VendorCode(found.vendor).label)),
        Item(label=_("Billing Frequency"), value=prices.plan_words(found.plan)),
        Item(label=_("Purchase Quantity"), value=cells.Number(found.quantity)),
        Item(label=_("Purchase Date"), value=cells.moment(found.purchased_at)),
        Item(label=_("Term"), value=prices.term_words(found.term)),
    ]
    if found.term_ends_on is not None:
        label = _("Next renewal") if found.auto_renew else _("Ends before")
        facts.append(Item(label=label, value=cells.day(found.term_ends_on)))
    if found.cancellable_until is not None:
        late = found.cancellable_until <= request.now
        facts.append(
            Item(label=_("Cancellable until"), value=_("Over") if late else cells.moment(found.cancellable_until))
        )
    facts.append(Item(label=_("Subscription"), value=found.subscription.name))
    if found.domain:
        facts.append(Item(label=_("Domain"), value=found.domain))
    if found.microsoft_subscription_id is not None:
        facts.append(Item(label=_("Microsoft subscription"), value=str(found.microsoft_subscription_id), copy=True))
    return facts


def _ahead(request: PortalRequest, found: PurchasedProduct) -> list[Item]:
    """Return the price changes that lie ahead of it, for the partner's own people only."""
    if not request.actor.is_partner or not request.actor.may(catalog.VIEW_CATALOGUE):
        return []
    hits = price_changes.ahead_of(by=request.actor, on=request.now.date(), product=found)
    return [
        Item(
            label=_("Price change"),
            value=pages.of_purchased(hit),
            url=pages.change_url("price_change", hit.change),
        )
        for hit in hits
    ]


def _period(one: HoldingPeriod, *, today: datetime.date, cost: Any) -> dict[str, Any]:
    percent = one.discount_percent.normalize()
    per = prices.period_words(term=one.term, plan=one.plan)
    return {
        "from": cells.day(one.starts_on),
        "to": cells.day(one.ends_on - datetime.timedelta(days=1)) if one.ends_on else None,
        "now": one.starts_on <= today and (one.ends_on is None or one.ends_on > today),
        "status": shown.product(one.state),
        "quantity": cells.Number(one.quantity),
        "unit_price": cells.Text(shown.unit_price(one.unit_price, one.currency), sub=per),
        "discount": cells.Text(f"{percent:f} %", sub=one.discount_reason) if percent else None,
        "term": cells.Text(prices.term_words(one.term), sub=prices.plan_words(one.plan)),
        "cost": None if cost is None else cells.Text(shown.unit_price(cost, one.currency), sub=per),
    }


def _name(product_name: str, sku_name: str) -> str:
    return sku_name if product_name == sku_name else f"{product_name}: {sku_name}"


def _tab_url(customer_id: uuid.UUID) -> str:
    return reverse("customer", kwargs={"customer_id": customer_id, "tab": "products"})
