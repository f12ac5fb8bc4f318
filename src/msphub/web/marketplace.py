"""The marketplace (M-01): products by vendor, search, favourites, one product with its offers, up to the cart."""

import dataclasses
import uuid
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from msphub.catalog import listing, permissions, prices
from msphub.catalog import rates as discounts
from msphub.catalog.choices import Category, Shelf, VendorCode
from msphub.catalog.rates import Asked, Rate
from msphub.customers import buyers, offers, rates
from msphub.customers.offers import Offer
from msphub.kit import money
from msphub.kit.errors import Refused
from msphub.orders import carts
from msphub.ui import htmx
from msphub.ui.grid import Empty
from msphub.ui.page import Action, Crumb, Page, Tab
from msphub.web import cart, keyset, price_changes, shop, wizard_forms
from msphub.web.middleware import PortalRequest
from msphub.web.shop import Shop

PAGE = 24
NO_LIMIT = 100_000
VIEWS = ("grid", "list")
# Parameters of the list that its own links carry along, beside who buys.
KEPT = ("vendor", "category", "q", "view", "tab", "all")


def marketplace(request: PortalRequest) -> HttpResponse:
    """Show products page by page; with a customer in the address this is its purchase page."""
    place = shop.open_shop(request)
    state = {name: _line(request.GET.get(name) or "") for name in KEPT}
    state["vendor"] = state["vendor"] if state["vendor"] in VendorCode.values else ""
    if state["vendor"] != VendorCode.MICROSOFT or state["category"] not in Shelf.values:
        state["category"] = ""
    view = _kept_view(request, state["view"])
    favourites = state["tab"] == "favorite"
    found = _page(request, place, state, after=request.GET.get("after"), before=request.GET.get("before"))
    links = _Links(place=place, state=state)
    context = {
        "products": _cards(request, place, found.rows),
        "view": view,
        "state": state,
        "links": links,
        "vendors": [("", _("All"), links.to(vendor="", category=""))]
        + [(code, name, links.to(vendor=code, category="")) for code, name in listing.vendor_choices()],
        "shelves": _shelves(links) if state["vendor"] == VendorCode.MICROSOFT else [],
        "views": [
            ("grid", _("Grid view"), "layout-grid", links.to(view="grid")),
            ("list", _("List view"), "list", links.to(view="list")),
        ],
        "all_url": links.to(all="" if state["all"] else "1"),
        "previous_url": links.to(before=keyset.encode(found.rows[0].sort_key, found.rows[0].id))
        if found.has_previous and found.rows
        else "",
        "next_url": links.to(after=keyset.encode(found.rows[-1].sort_key, found.rows[-1].id))
        if found.has_next and found.rows
        else "",
        "clear_url": links.to(**dict.fromkeys(("vendor", "category", "q", "all"), "")),
        "hidden": links.hidden(),
        "empty": None if found.rows else _empty(request, place, state, favourites=favourites),
        "narrowed": any(state[name] for name in ("vendor", "category", "q")),
        **_who(request, place),
    }
    if not htmx.targets(request, "market"):
        context["page"] = Page(
            title=_("Marketplace"),
            subtitle=place.title,
            tabs=[
                Tab(label=_("All products"), url=links.to(tab=""), current=not favourites),
                Tab(label=_("My Favorite"), url=links.to(tab="favorite"), current=favourites),
            ],
            actions=[*_actions(request), *_cart(request, place)],
        )
        return render(request, "web/marketplace/list.html", context)
    answer = render(request, "web/marketplace/products.html", context)
    answer["HX-Push-Url"] = links.to()
    answer["Vary"] = "HX-Request, HX-Target"
    return answer


def _kept_view(request: PortalRequest, wanted: str) -> str:
    """Return how the person looks at products: as the address says, kept from then on, or as it was chosen last."""
    if wanted in VIEWS:
        shop.keep(request, view=wanted)
        return wanted
    kept = shop.preferences(request).get("view", "")
    return kept if kept in VIEWS else VIEWS[0]


def _page(
    request: PortalRequest,
    place: Shop,
    state: dict[str, str],
    *,
    size: int = PAGE,
    after: str | None = None,
    before: str | None = None,
) -> listing.ProductPage:
    """Return the products that an address asks for, for whom it is."""
    favourites = state["tab"] == "favorite"
    return listing.products_page(
        by=request.actor,
        narrowed=listing.Narrowed(
            search=state["q"],
            vendor=state["vendor"],
            shelf=state["category"],
            favourites=favourites,
            offered=not state["all"] and not favourites,
        ),
        microsoft=place.scope(VendorCode.MICROSOFT),
        others=place.scope(VendorCode.OWN),
        on=request.now.date(),
        size=size,
        after=keyset.decode(after or ""),
        before=keyset.decode(before or ""),
    )


def _shelves(links: "_Links") -> list[tuple[str, str, str]]:
    every = [("", _("All categories"), links.to(category=""))]
    return every + [(str(one), str(one.label), links.to(category=str(one))) for one in Shelf]


def _line(value: str) -> str:
    """Return a parameter without what PostgreSQL refuses, and not longer than anybody types."""
    return "".join(sign for sign in value if sign.isprintable())[:200].strip()


def _cart(request: PortalRequest, place: Shop) -> list[Action]:
    buyer = place.buyer
    if buyer is None:
        return []
    subscription_id = buyer.subscription.id if buyer.subscription else None
    return cart.links(request, customer_id=buyer.customer_id, subscription_id=subscription_id)


class _Links:
    """Addresses of the list in other states."""

    def __init__(self, *, place: Shop, state: dict[str, str]) -> None:
        self._who = {name: str(value) for name, value in QueryDict(place.query).items()}
        self._state = state

    def to(self, **changes: str) -> str:
        """Return the list's address with changes; it goes back to the first page."""
        parts = {**self._who, **self._state, **changes}
        query = urlencode({name: value for name, value in parts.items() if value})
        return f"{reverse('marketplace')}?{query}" if query else reverse("marketplace")

    def hidden(self) -> list[tuple[str, str]]:
        """Return what the search form carries along."""
        parts = {**self._who, **{name: value for name, value in self._state.items() if name != "q"}}
        return [(name, value) for name, value in parts.items() if value]


def _actions(request: PortalRequest) -> list[Action]:
    if not request.actor.is_partner or not request.actor.may(permissions.VIEW_CATALOGUE):
        return []
    return [Action(label=_("Catalogue"), url=reverse("catalogue"), icon="database")]


def _who(request: PortalRequest, place: Shop) -> dict[str, Any]:
    """Return what stands over products: who buys, and what stands against buying anything."""
    buyer = place.buyer
    if buyer is None:
        return {
            "buyer": None,
            "price_lists": [
                (shop.list_key(one), shop.list_words(one), one == place.price_list) for one in place.price_lists
            ],
        }
    general = buyers.reasons_not(by=request.actor, buyer=buyer)
    choose = len(buyer.subscriptions) > 1 or len(buyer.accounts) > 1
    return {
        "buyer": buyer,
        "against": [str(one.message) for one in general],
        "against_microsoft": [str(one.message) for one in buyers.reasons_not_microsoft(buyer=buyer)],
        "accounts_url": reverse("customer", kwargs={"customer_id": buyer.customer_id, "tab": "csp-accounts"}),
        "choose_url": reverse("purchase", kwargs={"customer_id": buyer.customer_id}) if choose else "",
        "must_choose": buyer.subscription is None and bool(buyer.subscriptions),
    }


def _empty(request: PortalRequest, place: Shop, state: dict[str, str], *, favourites: bool) -> Empty:
    if favourites:
        return Empty(
            title=_("No favorites yet"),
            text=_("Mark products that you buy often with the star; they are gathered here."),
            icon="star",
        )
    if any(state[name] for name in ("vendor", "category", "q")):
        if not state["all"] and place.buyer is not None and _page(request, place, state | {"all": "1"}, size=1).rows:
            return Empty(
                title=_("Nothing of it is offered to this customer"),
                text=_("There are such products, but none with a price in %(currency)s for this customer.")
                % {"currency": place.currency},
                icon="package",
                action_label=_("Show what is not offered, and why"),
                action_url=_Links(place=place, state=state).to(all="1"),
            )
        return Empty(title=_("No products match"), text=_("Nothing fits this search and these filters."), icon="search")
    if place.buyer is not None and place.currency:
        return Empty(
            title=_("Nothing is offered yet"),
            text=_("There are no prices in %(currency)s for this customer's country.") % {"currency": place.currency},
            icon="package",
        )
    may_manage = request.actor.is_partner and request.actor.may(permissions.VIEW_CATALOGUE)
    return Empty(
        title=_("No prices yet"),
        text=_("Sync Microsoft's prices, or enter those of your own services."),
        icon="package",
        action_label=_("Catalogue") if may_manage else "",
        action_url=reverse("catalogue") if may_manage else "",
    )


def _cards(request: PortalRequest, place: Shop, rows: list[listing.ProductRow]) -> list[dict[str, Any]]:
    reduced: dict[uuid.UUID, Rate] = {}
    asked = [Asked(sku_id=row.sku_id, on=request.now.date()) for row in rows if row.sku_id is not None]
    if place.buyer is not None and asked:
        found = rates.rates_for(by=request.actor, customer_id=place.buyer.customer_id, asked=asked)
        reduced = {one.sku_id: rate for one, rate in zip(asked, found, strict=True) if rate is not None}
    return [_card(place, row, reduced.get(row.sku_id) if row.sku_id else None) for row in rows]


def _card(place: Shop, row: listing.ProductRow, rate: Rate | None) -> dict[str, Any]:
    price = None
    if row.list_price is not None:
        reduced = discounts.price_after(list_price=row.list_price, percent=rate.percent if rate else Decimal(0))
        price = {
            "amount": shop.money(prices.per_period(reduced, term=row.term, plan=row.plan), place.currency),
            "per": prices.period_words(term=row.term, plan=row.plan),
            "term": prices.term_words(row.term),
            "percent": rate.percent.normalize() if rate and rate.percent else None,
        }
    return {
        "id": row.id,
        "title": row.title,
        "vendor": str(VendorCode(row.vendor).label),
        "publisher": row.publisher,
        "category": _category(row.category, row.shelf),
        "skus": ngettext("%(n)s plan", "%(n)s plans", row.skus) % {"n": row.skus},
        "favourite": row.favourite,
        "price": price,
        "usage": row.usage_based and price is None,
        "url": place.url("product", product_id=row.id),
        "star_url": reverse("favourite", kwargs={"product_id": row.id}),
    }


def _category(category: str, shelf: str) -> str:
    return str(Shelf.AZURE_PLAN.label) if shelf == Shelf.AZURE_PLAN else str(Category(category).label)


@require_POST
def favourite(request: PortalRequest, *, product_id: uuid.UUID) -> HttpResponse:
    """Mark a product with the star, or take it off."""
    wanted = request.POST.get("favourite") == "on"
    listing.mark(by=request.actor, product_id=product_id, favourite=wanted, at=request.now)
    if htmx.targets(request, f"star-{product_id}"):
        title = listing.get_product(by=request.actor, product_id=product_id).title
        return render(
            request,
            "web/marketplace/star.html",
            {"id": product_id, "title": title, "favourite": wanted, "star_url": request.path},
        )
    back = request.POST.get("next") or ""
    safe = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    return redirect(back if safe else reverse("marketplace"))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """What of a product is chosen, and what there is to choose."""

    offer: Offer | None
    skus: list[tuple[str, str]]
    terms: list[tuple[str, str]]
    plans: list[tuple[str, str]]
    quantity: str


def product(request: PortalRequest, *, product_id: uuid.UUID) -> HttpResponse:
    """Show a product: its plans, terms and billing frequencies, with price, discount and why not."""
    place = shop.open_shop(request)
    row = listing.get_product(by=request.actor, product_id=product_id)
    choice = _choose(request, place, product_id, request.GET)
    return _show(request, place=place, row=row, choice=choice)


def _choose(request: PortalRequest, place: Shop, product_id: uuid.UUID, given: QueryDict) -> _Choice:
    if place.buyer is not None:
        found = offers.offers_of_product(
            by=request.actor, buyer=place.buyer, product_id=product_id, on=request.now.date()
        )
    else:
        found = offers.list_offers_of_product(
            by=request.actor,
            scope=place.scope(listing.get_product(by=request.actor, product_id=product_id).vendor.code),
            product_id=product_id,
            on=request.now.date(),
        )
    skus = {str(one.sku.id): one.sku.title for one in reversed(found)}
    sku = given.get("sku") if given.get("sku") in skus else next((str(one.sku.id) for one in found if one.price_id), "")
    sku = sku or next(reversed(skus), "")
    of_sku = sorted(
        (one for one in found if str(one.sku.id) == sku),
        key=lambda one: (prices.term_months(one.term) or 0, one.periods * -1),
    )
    terms = {one.term: prices.term_words(one.term) for one in of_sku}
    term = given.get("term") if given.get("term") in terms else next(iter(terms), "")
    plans = {one.plan: prices.plan_words(one.plan) for one in of_sku if one.term == term}
    plan = given.get("plan") if given.get("plan") in plans else next(iter(plans), "")
    offer = next((one for one in of_sku if (one.term, one.plan) == (term, plan)), None)
    typed = given.get("quantity") or ""
    quantity = typed if typed.isascii() and typed.isdigit() and len(typed) < 10 else ""
    if offer is not None and quantity and int(quantity) != offer.quantity:
        offer = _at_quantity(request, place, offer, int(quantity))
    return _Choice(
        offer=offer,
        skus=list(reversed(skus.items())),
        terms=list(terms.items()),
        plans=list(plans.items()),
        quantity=quantity or (str(offer.quantity) if offer else "1"),
    )


def _at_quantity(request: PortalRequest, place: Shop, offer: Offer, quantity: int) -> Offer:
    """Return the offer at another quantity: bands of price and discount follow it."""
    if place.buyer is None:
        return dataclasses.replace(offer, quantity=quantity)
    return offers.get_offer(
        by=request.actor,
        buyer=place.buyer,
        sku_id=offer.sku.id,
        term=offer.term,
        plan=offer.plan,
        quantity=quantity,
        on=request.now.date(),
    )


def _show(
    request: PortalRequest, *, place: Shop, row: Any, choice: _Choice, error: Refused | None = None
) -> HttpResponse:
    offer = choice.offer
    context = {
        "product": row,
        "category": _category(row.category, row.shelf),
        "choice": choice,
        "limits": _limits(offer) if offer else "",
        "offer": offer,
        "figures": _figures(request, place, offer) if offer else None,
        "hidden": list(QueryDict(place.query).items()),
        "error": str(error.message) if error else "",
        "add_url": reverse("product_add", kwargs={"product_id": row.id}),
        "product_url": reverse("product", kwargs={"product_id": row.id}),
        "may_buy": request.actor.may(permissions.PURCHASE),
        **_who(request, place),
    }
    if htmx.targets(request, "offer"):
        return render(request, "web/marketplace/offer.html", context)
    if request.actor.is_partner and request.actor.may(permissions.VIEW_CATALOGUE):
        context["ahead"] = price_changes.of_product(request, product_id=row.id, title=row.title)
    context["favourite"] = listing.is_favourite(by=request.actor, product_id=row.id)
    context["star_url"] = reverse("favourite", kwargs={"product_id": row.id})
    context["page"] = Page(
        title=row.title,
        subtitle=" · ".join(
            one for one in (str(VendorCode(row.vendor.code).label), context["category"], place.title) if one
        ),
        crumbs=[Crumb(label=_("Marketplace"), url=place.url("marketplace"))],
        actions=_cart(request, place),
    )
    return render(request, "web/marketplace/product.html", context)


def _limits(offer: Offer) -> str:
    """Say how many units may be bought at once, and of what; a limit that nobody reaches is none."""
    least, most = offer.sku.minimum_quantity, offer.sku.maximum_quantity
    if most is None or most >= NO_LIMIT:
        words = _("At least %(least)s") % {"least": money.number(least)}
    else:
        words = _("%(least)s to %(most)s") % {"least": money.number(least), "most": money.number(most)}
    # Microsoft counts in “1 License”.
    return " · ".join(filter(None, (words, offer.sku.unit.removeprefix("1 "))))


def _figures(request: PortalRequest, place: Shop, offer: Offer) -> dict[str, Any]:
    """Return an offer's amounts as they are shown; cost and margin for the partner's own people only."""
    currency = offer.currency
    quantity = Decimal(max(offer.quantity, 0))
    # A base product may be in the cart: that is looked at there.
    against = [one for one in offer.reasons if one.code != "base_product"]
    notes = [str(one.message) for one in offer.reasons if one.code == "base_product"]
    figures: dict[str, Any] = {
        "usage": offer.sku.usage_based and offer.price_id is None,
        "per": prices.period_words(term=offer.term, plan=offer.plan),
        "list_per_period": shop.money(offer.list_per_period, currency),
        "unit_per_period": shop.money(offer.unit_per_period, currency),
        "unit_price": shop.money(offer.unit_price, currency),
        "total_per_period": shop.money(offer.unit_per_period * quantity, currency),
        "total": shop.money(offer.unit_price * quantity, currency),
        "periods": offer.periods,
        "percent": offer.percent.normalize() if offer.percent else None,
        "reason": offer.reason,
        "notes": notes,
        "against": [str(one.message) for one in against],
        "priced": offer.price_id is not None or offer.sku.usage_based,
        "term": prices.term_words(offer.term),
        "attestation": offer.sku.attestation,
    }
    if request.actor.is_partner and offer.cost is not None:
        figures |= {
            "cost_per_period": shop.money(offer.cost_per_period, currency),
            "margin": shop.money(
                prices.per_period(offer.margin or Decimal(0), term=offer.term, plan=offer.plan), currency
            ),
            "margin_percent": None if offer.margin_percent is None else round(offer.margin_percent, 1),
            "loss": (offer.margin or Decimal(0)) < 0,
        }
    figures["buyable"] = place.buyer is not None and not figures["against"] and not _unchosen(place)
    return figures


def _unchosen(place: Shop) -> bool:
    return place.buyer is not None and place.buyer.subscription is None


@require_POST
def add(request: PortalRequest, *, product_id: uuid.UUID) -> HttpResponse:
    """Put what is chosen into the cart; without a customer ask for it first."""
    request.actor.require(permissions.PURCHASE)
    place = shop.open_shop(request)
    row = listing.get_product(by=request.actor, product_id=product_id)
    choice = _choose(request, place, product_id, request.POST)
    if place.buyer is None or place.buyer.subscription is None:
        wanted = {"product": str(product_id)}
        wanted |= {name: request.POST.get(name, "")[:60] for name in ("sku", "term", "plan", "quantity")}
        if place.buyer is not None:
            url = reverse("purchase", kwargs={"customer_id": place.buyer.customer_id})
        else:
            url = reverse("purchase_for")
        return htmx.go(request, f"{url}?{urlencode(wanted)}")
    try:
        sku_id, quantity = _wanted(request, choice)
        carts.add_line(
            by=request.actor,
            customer_id=place.buyer.customer_id,
            subscription_id=place.buyer.subscription.id,
            account_id=place.buyer.account.id if place.buyer.account else None,
            sku_id=sku_id,
            term=request.POST.get("term") or "",
            plan=request.POST.get("plan") or "",
            quantity=quantity,
            at=request.now,
        )
    except Refused as refusal:
        return _show(request, place=place, row=row, choice=choice, error=refusal)
    messages.success(request, _("%(product)s is in the cart.") % {"product": row.title})
    return htmx.go(request, place.url("product", product_id=product_id))


def _wanted(request: PortalRequest, choice: _Choice) -> tuple[uuid.UUID, int]:
    """Return the SKU and quantity that were posted; refuses what can't be one."""
    sku_id = wizard_forms.read_uuid(request.POST.get("sku") or "")
    if sku_id is None or str(sku_id) not in dict(choice.skus):
        raise Refused("sku", _("Choose a plan."), field="sku")
    typed = (request.POST.get("quantity") or "").strip()
    if not (typed.isascii() and typed.isdigit() and len(typed) < 10) or int(typed) < 1:
        raise Refused("quantity", _("Enter a whole number of units, 1 or more."), field="quantity")
    return sku_id, int(typed)
