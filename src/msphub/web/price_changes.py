"""Price changes ahead: each with what it does in all, and one with the customers and purchased products it hits."""

import datetime
import uuid
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from msphub.catalog import prices
from msphub.catalog.choices import CustomerSegment, VendorCode
from msphub.entitlements import price_changes as ahead
from msphub.entitlements.choices import ChangeKind
from msphub.entitlements.price_changes import Change, Hit, Narrowed, Totals
from msphub.kit import money
from msphub.kit.errors import NotFound
from msphub.ui import cells, grid_view
from msphub.ui.grid import Column, Empty, Export, Filter, GridSpec, GridState
from msphub.ui.page import Crumb, Item, Page
from msphub.web import catalogue, grids, shop, shown
from msphub.web.middleware import PortalRequest

COLUMNS = [
    Column(key="product", label=gettext_lazy("Product"), sortable=True, pinned=True),
    Column(key="list", label=gettext_lazy("Price list")),
    Column(key="terms", label=gettext_lazy("Term")),
    Column(key="from", label=gettext_lazy("From"), sortable=True),
    Column(key="before", label=gettext_lazy("List price before"), align="end"),
    Column(key="after", label=gettext_lazy("List price after"), align="end"),
    Column(key="cost", label=gettext_lazy("Cost after"), align="end", default_shown=False),
    Column(key="customers", label=gettext_lazy("Customers"), align="end"),
    Column(key="difference", label=gettext_lazy("Difference"), align="end"),
    Column(key="effect", label=gettext_lazy("Takes effect")),
]
HIT_COLUMNS = [
    Column(key="customer", label=gettext_lazy("Customer"), sortable=True, pinned=True),
    Column(key="product", label=gettext_lazy("Product"), sortable=True),
    Column(key="quantity", label=gettext_lazy("Quantity"), sortable=True, align="end"),
    Column(key="now", label=gettext_lazy("Unit price now"), align="end"),
    Column(key="list", label=gettext_lazy("List price then"), align="end"),
    Column(key="discount", label=gettext_lazy("Discount then")),
    Column(key="then", label=gettext_lazy("Unit price then"), align="end"),
    Column(key="unit_difference", label=gettext_lazy("Difference per unit"), align="end"),
    Column(key="difference", label=gettext_lazy("Difference"), align="end"),
    Column(key="effect", label=gettext_lazy("Takes effect"), sortable=True),
]
_TONES: dict[str, cells.Tone] = {ChangeKind.COMING: "info", ChangeKind.IN_FORCE: "ok", ChangeKind.GONE: "warn"}


def changes(request: PortalRequest) -> HttpResponse:
    """Show every coming price, and the others that some customer has yet to meet."""
    spec = _spec(get_language())
    state = grids.state_of(request, spec)
    today = request.now.date()
    found = ahead.changes_page(
        by=request.actor,
        on=today,
        wanted=grids.wanted_of(state, ahead.CHANGE_SORTS),
        narrowed=_narrowed(state),
    )
    totals = ahead.totals(by=request.actor, on=today, changes=found.rows)
    rows = [_row(one, totals.get(one.key, Totals()), today=today) for one in found.rows]
    return grid_view.respond(
        request,
        template="web/marketplace/price_changes.html",
        grid=grid_view.Grid(spec=spec, state=state, page=grids.page_of(found, rows)),
        context={"page": catalogue.head(_("Catalogue"), "price_changes")},
    )


def change(request: PortalRequest, *, price_id: uuid.UUID, kind: str) -> HttpResponse:
    """Show one change with whom it hits, when, and by how much."""
    today = request.now.date()
    one = _get(request, price_id=price_id, kind=kind)
    spec = _hit_spec(get_language(), price_id=price_id, kind=kind)
    state = grids.state_of(request, spec)
    found = ahead.hits_page(
        by=request.actor, on=today, change=one, wanted=grids.wanted_of(state, ahead.HIT_SORTS), search=state.q
    )
    total = ahead.totals(by=request.actor, on=today, changes=[one]).get(one.key, Totals())
    return grid_view.respond(
        request,
        template="web/marketplace/price_change.html",
        grid=grid_view.Grid(spec=spec, state=state, page=grids.page_of(found, [_hit_row(hit) for hit in found.rows])),
        context={
            "page": Page(
                title=_name(one),
                crumbs=[
                    Crumb(label=_("Catalogue"), url=reverse("catalogue")),
                    Crumb(label=_("Price changes"), url=reverse("price_changes")),
                ],
                status=cells.Status(str(ChangeKind(one.kind).label), _TONES[one.kind]),
            ),
            "items": _facts(one, total),
            "gone": one.kind == ChangeKind.GONE,
        },
    )


def export(request: PortalRequest, *, form: str) -> HttpResponseBase:
    """Download the filtered changes, each with the purchased products it hits: one line for each of those."""
    spec = _spec(get_language())
    state = GridState.parse(request.GET, spec, path=request.path)
    today = request.now.date()

    def rows() -> Iterator[list[str]]:
        every = ahead.all_changes(
            by=request.actor,
            on=today,
            narrowed=_narrowed(state),
            sort=state.sort_key,
            descending=state.descending,
        )
        for one in every:
            hit_any = False
            for hit in ahead.all_hits(by=request.actor, on=today, change=one):
                hit_any = True
                yield [*_change_cells(one), *_hit_cells(hit)]
            if not hit_any:
                yield [*_change_cells(one), *[""] * len(_HIT_HEADS)]

    heads = [str(head) for head in (*_CHANGE_HEADS, *_HIT_HEADS)]
    return grids.download(request, kind=form, name="price-changes", heads=heads, rows=rows)


def export_one(request: PortalRequest, *, price_id: uuid.UUID, kind: str, form: str) -> HttpResponseBase:
    """Download the purchased products that one change hits."""
    one = _get(request, price_id=price_id, kind=kind)
    state = GridState.parse(request.GET, _hit_spec(get_language(), price_id=price_id, kind=kind), path=request.path)

    def rows() -> Iterator[list[str]]:
        for hit in ahead.all_hits(
            by=request.actor,
            on=request.now.date(),
            change=one,
            search=state.q,
            sort=state.sort_key,
            descending=state.descending,
        ):
            yield _hit_cells(hit)

    return grids.download(request, kind=form, name="price-change", heads=[str(head) for head in _HIT_HEADS], rows=rows)


def of_product(request: PortalRequest, *, product_id: uuid.UUID, title: str) -> Item | None:
    """Return a line that leads from a product of the catalogue to its changes; None where there is none."""
    count = ahead.changes_of(by=request.actor, on=request.now.date(), product_id=product_id)
    if not count:
        return None
    words = ngettext("%(n)s price change hits customers", "%(n)s price changes hit customers", count) % {
        "n": money.number(count)
    }
    return Item(label=words, url=f"{reverse('price_changes')}?{urlencode({'q': title})}")


def of_purchased(hit: Hit) -> cells.Text:
    """Say what lies ahead of one purchased product: the new price, and from when."""
    day = cells.day(hit.effect_on)
    when = day.shown if day else ""
    if hit.unit_then is None:
        return cells.Text(_("No longer sold"), sub=_("renews on %(day)s at a price not known yet") % {"day": when})
    per = prices.period_words(term=hit.term, plan=hit.plan)
    return cells.Text(
        f"{shown.unit_price(hit.unit_then, hit.currency)} {per}",
        sub=_("from %(day)s, now %(price)s: %(difference)s for all units")
        % {
            "day": when,
            "price": shown.unit_price(hit.unit_now, hit.currency),
            "difference": signed(hit.difference, hit.currency),
        },
    )


def signed(amount: Decimal | None, currency: str) -> str:
    """Show a difference with its sign; nothing for None."""
    if amount is None:
        return ""
    return ("+" if amount > 0 else "") + shown.unit_price(amount, currency)


def change_url(name: str, one: tuple[uuid.UUID, str], **more: str) -> str:
    """Return an address of one change."""
    return reverse(name, kwargs={"price_id": one[0], "kind": one[1], **more})


def _get(request: PortalRequest, *, price_id: uuid.UUID, kind: str) -> Change:
    if kind not in ChangeKind.values:
        raise NotFound
    return ahead.get_change(by=request.actor, on=request.now.date(), price_id=price_id, kind=kind)


@lru_cache(maxsize=64)
def _spec(_language: str | None) -> GridSpec:
    return GridSpec(
        name="price-changes",
        noun=_("price changes"),
        noun_one=_("price change"),
        search_label=_("Search products"),
        columns=COLUMNS,
        filters=[
            Filter(key="kind", label=_("Status"), choices=[(one.value, str(one.label)) for one in ChangeKind]),
            Filter(key="vendor", label=_("Vendor"), choices=[(one.value, str(one.label)) for one in VendorCode]),
            Filter(key="show", label=_("Show"), choices=[("all", _("All coming prices"))], multiple=False),
        ],
        default_sort="from",
        exports=[
            Export(label=form.upper(), url=reverse("price_changes_export", kwargs={"form": form}))
            for form in ("csv", "xlsx")
        ],
        empty=Empty(
            title=_("No customer is hit by a price change"),
            text=_(
                "A price that Microsoft announces, or that you enter for a later day, appears here once a customer"
                " holds the product at another price."
            ),
            action_label=_("All coming prices"),
            action_url=f"{reverse('price_changes')}?show=all",
            icon="calendar",
        ),
    )


@lru_cache(maxsize=512)
def _hit_spec(_language: str | None, *, price_id: uuid.UUID, kind: str) -> GridSpec:
    return GridSpec(
        name="price-change",
        noun=_("purchased products"),
        noun_one=_("purchased product"),
        search_label=_("Search customers and products"),
        columns=HIT_COLUMNS,
        default_sort="customer",
        exports=[
            Export(label=form.upper(), url=change_url("price_change_export", (price_id, kind), form=form))
            for form in ("csv", "xlsx")
        ],
        empty=Empty(
            title=_("It hits no customer"),
            text=_("Nobody holds this product with this term and billing frequency in this price list."),
            icon="users",
        ),
    )


def _narrowed(state: GridState) -> Narrowed:
    return Narrowed(
        search=state.q,
        kinds=state.chosen("kind"),
        vendors=state.chosen("vendor"),
        hitting=not state.chosen("show"),
    )


def _name(one: Change) -> str:
    return one.sku if one.sku == one.product else f"{one.product}: {one.sku}"


def _terms(one: Change) -> str:
    return f"{prices.term_words(one.term)}, {prices.plan_words(one.plan)}"


def _segment(one: Change) -> str:
    return str(CustomerSegment(one.segment).label) if one.segment in CustomerSegment.values else one.segment


def _per_period(amount: Decimal | None, one: Change) -> Decimal | None:
    return None if amount is None else prices.kept(prices.per_period(amount, term=one.term, plan=one.plan))


def _price(amount: Decimal | None, one: Change, *, sub: str = "") -> cells.Text | None:
    """Show a list price by the charge, rounded: what counts exactly are the customers' prices."""
    found = _per_period(amount, one)
    return None if found is None else cells.Text(money.shown(found, one.currency), sub=sub)


def _percent(one: Change) -> str:
    if one.percent is None:
        return ""
    return f"{'+' if one.percent > 0 else ''}{money.number(round(one.percent, 1))} %"


def _more(total: Totals) -> str:
    return "+" if total.more else ""


def _row(one: Change, total: Totals, *, today: datetime.date) -> dict[str, Any]:
    url = change_url("price_change", one.key)
    per = prices.period_words(term=one.term, plan=one.plan)
    distance = (one.from_on - today).days
    ahead_words = ngettext("in %(n)s day", "in %(n)s days", distance) % {"n": distance} if distance > 0 else ""
    return {
        "id": f"{one.id}-{one.kind}",
        "url": url,
        "label": _name(one),
        "product": cells.Link(one.sku, url, sub=one.product if one.product != one.sku else ""),
        "list": cells.Text(
            shop.list_words(prices.PriceList(market=one.market, currency=one.currency)), sub=_segment(one)
        ),
        "terms": cells.Text(prices.term_words(one.term), sub=prices.plan_words(one.plan)),
        "from": _From(one, ahead_words),
        "before": _price(one.list_before, one, sub=per),
        "after": _price(one.list_after, one, sub=_percent(one))
        or cells.Status(str(ChangeKind.GONE.label), _TONES[ChangeKind.GONE]),
        "cost": _price(one.cost_after, one),
        "customers": cells.Text(
            f"{money.number(total.customers)}{_more(total)}",
            sub=ngettext("%(n)s unit", "%(n)s units", total.quantity) % {"n": money.number(total.quantity)},
        )
        if total.products
        else cells.Text(_("None")),
        "difference": None
        if total.difference is None
        else cells.Text(signed(total.difference, one.currency) + _more(total), sub=per),
        "effect": _effect(total),
    }


class _From:
    """The first day of a change, and how far away it is."""

    def __init__(self, one: Change, words: str) -> None:
        self._day = cells.day(one.from_on)
        self._sub = words or str(ChangeKind(one.kind).label)

    def __html__(self) -> str:
        return f'{cells.html(self._day)}<span class="sub">{cells.escape(self._sub)}</span>'


def _effect(total: Totals) -> cells.Text | cells.Date | None:
    if total.first_on is None or total.last_on is None or total.first_on == total.last_on:
        return cells.day(total.first_on)
    first, last = cells.day(total.first_on), cells.day(total.last_on)
    return cells.Text(first.shown if first else "", sub=_("to %(day)s") % {"day": last.shown if last else ""})


def _facts(one: Change, total: Totals) -> list[Item]:
    per = prices.period_words(term=one.term, plan=one.plan)
    rise = _percent(one)
    segment = _segment(one)
    facts = [
        Item(
            label=_("Product"),
            value=_name(one),
            url=reverse("product", kwargs={"product_id": one.product_id}),
        ),
        Item(
            label=_("Price list"),
            value=cells.Text(shop.list_words(prices.PriceList(market=one.market, currency=one.currency)), sub=segment),
        ),
        Item(label=_("Term"), value=_terms(one)),
        Item(label=_("No longer sold since") if one.list_after is None else _("From"), value=cells.day(one.from_on)),
        Item(label=_("List price before"), value=_price(one.list_before, one, sub=per)),
        Item(
            label=_("List price after"),
            value=_price(one.list_after, one, sub=f"{per}, {rise}" if rise else per) or _("No longer sold"),
        ),
        Item(label=_("Cost before"), value=_price(one.cost_before, one, sub=per)),
        Item(label=_("Cost after"), value=_price(one.cost_after, one, sub=per)),
    ]
    if total.products:
        words = ngettext("%(n)s customer", "%(n)s customers", total.customers) % {
            "n": f"{money.number(total.customers)}{_more(total)}"
        }
        units = ngettext("%(n)s unit", "%(n)s units", total.quantity) % {"n": money.number(total.quantity)}
        facts.append(Item(label=_("Hits"), value=cells.Text(words, sub=units)))
        if total.difference is not None:
            facts.append(
                Item(
                    label=_("Difference"),
                    value=cells.Text(signed(total.difference, one.currency) + _more(total), sub=per),
                )
            )
        facts.append(Item(label=_("Takes effect"), value=_effect(total)))
    return facts


def _hit_row(hit: Hit) -> dict[str, Any]:
    url = reverse("purchased_product", kwargs={"customer_id": hit.customer_id, "product_id": hit.product_id})
    customer_url = reverse("customer", kwargs={"customer_id": hit.customer_id, "tab": "products"})
    per = prices.period_words(term=hit.term, plan=hit.plan)
    percent = hit.percent_then.normalize()
    return {
        "id": hit.product_id,
        "url": url,
        "label": hit.customer,
        "customer": cells.Link(hit.customer, customer_url),
        "product": cells.Link(hit.product, url),
        "quantity": cells.Number(hit.quantity),
        "now": cells.Text(shown.unit_price(hit.unit_now, hit.currency), sub=per),
        "list": None if hit.list_then is None else cells.Text(shown.unit_price(hit.list_then, hit.currency), sub=per),
        "discount": cells.Text(f"{money.number(percent)} %", sub=hit.reason_then) if hit.reason_then else None,
        "then": None if hit.unit_then is None else cells.Text(shown.unit_price(hit.unit_then, hit.currency), sub=per),
        "unit_difference": cells.Text(signed(hit.unit_difference, hit.currency)),
        "difference": cells.Text(signed(hit.difference, hit.currency), sub=per if hit.difference is not None else ""),
        "effect": cells.day(hit.effect_on),
    }


_CHANGE_HEADS = (
    gettext_lazy("Product"),
    gettext_lazy("SKU"),
    gettext_lazy("Vendor"),
    gettext_lazy("Country"),
    gettext_lazy("Segment"),
    gettext_lazy("Term"),
    gettext_lazy("Billing Frequency"),
    gettext_lazy("Status"),
    gettext_lazy("From"),
    gettext_lazy("List price before"),
    gettext_lazy("List price after"),
    gettext_lazy("Cost before"),
    gettext_lazy("Cost after"),
)
_HIT_HEADS = (
    gettext_lazy("Customer"),
    gettext_lazy("Purchased product"),
    gettext_lazy("Quantity"),
    gettext_lazy("Currency"),
    gettext_lazy("Billed"),
    gettext_lazy("Unit price now"),
    gettext_lazy("List price then"),
    gettext_lazy("Discount then (%)"),
    gettext_lazy("Discount"),
    gettext_lazy("Unit price then"),
    gettext_lazy("Difference per unit"),
    gettext_lazy("Difference"),
    gettext_lazy("Takes effect"),
)


def _figure(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount.normalize():f}"


def _change_cells(one: Change) -> list[str]:
    return [
        one.product,
        one.sku,
        str(VendorCode(one.vendor).label),
        one.market,
        _segment(one),
        prices.term_words(one.term),
        prices.plan_words(one.plan),
        str(ChangeKind(one.kind).label),
        one.from_on.isoformat(),
        *(
            _figure(_per_period(amount, one))
            for amount in (one.list_before, one.list_after, one.cost_before, one.cost_after)
        ),
    ]


def _hit_cells(hit: Hit) -> list[str]:
    return [
        hit.customer,
        hit.product,
        str(hit.quantity),
        hit.currency,
        prices.period_words(term=hit.term, plan=hit.plan),
        _figure(hit.unit_now),
        _figure(hit.list_then),
        _figure(hit.percent_then) if hit.unit_then is not None else "",
        hit.reason_then,
        _figure(hit.unit_then),
        _figure(hit.unit_difference),
        _figure(hit.difference),
        hit.effect_on.isoformat(),
    ]
