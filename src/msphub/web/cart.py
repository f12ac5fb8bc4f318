"""The cart of a customer under one of its subscriptions, its review, and the two ways to order it."""

import dataclasses
import datetime
import uuid
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from msphub.catalog import permissions, prices
from msphub.customers import buyers
from msphub.customers.buyers import Buyer, BuyerSubscription
from msphub.kit import ids, money
from msphub.kit.errors import NotFound, Refused
from msphub.orders import carts, credit, placing, queries, quotes
from msphub.orders.choices import OrderStatus
from msphub.orders.models import Cart, CartLine, Order
from msphub.ui import cells, htmx
from msphub.ui.grid import Empty
from msphub.ui.page import Action, Crumb, Page
from msphub.web import shown, wizard_forms
from msphub.web.middleware import PortalRequest

MOST_DIGITS = 9
# What orders; anything else that is posted (Enter in the date) only looks at the prices.
GO = ("now", "schedule")


def cart(request: PortalRequest, *, customer_id: uuid.UUID) -> HttpResponse:
    """Show what is in the cart, at today's prices, and what stands against buying it."""
    return _show(request, *_open(request, customer_id))


@require_POST
def change(request: PortalRequest, *, customer_id: uuid.UUID, line_id: uuid.UUID) -> HttpResponse:
    """Set a line's quantity."""
    buyer, found = _open(request, customer_id)
    typed = (request.POST.get("quantity") or "").strip()
    error = ""
    if not (typed.isascii() and typed.isdigit() and len(typed) <= MOST_DIGITS and int(typed) > 0):
        error = _("Enter a whole number of units, 1 or more.")
    else:
        try:
            _line(request, found, line_id)
            carts.change_line(by=request.actor, line_id=line_id, quantity=int(typed), at=request.now)
        except Refused as refusal:
            error = str(refusal.message)
    if error:
        return _show(request, buyer, found, wrong={line_id: (typed[:MOST_DIGITS], error)})
    if htmx.targets(request, "cart"):
        return _show(request, buyer, found)
    return htmx.go(request, _url("cart", buyer))


@require_POST
def remove(request: PortalRequest, *, customer_id: uuid.UUID, line_id: uuid.UUID) -> HttpResponse:
    """Take a line out of the cart."""
    buyer, found = _open(request, customer_id)
    if found is not None and any(line.id == line_id for line in carts.lines_of(by=request.actor, cart=found)):
        carts.remove_line(by=request.actor, line_id=line_id, at=request.now)
    if htmx.targets(request, "cart"):
        return _show(request, buyer, found)
    return htmx.go(request, _url("cart", buyer))


def review(request: PortalRequest, *, customer_id: uuid.UUID) -> HttpResponse:
    """Show what the order would cost now, or on a day to come, and order it: now, or on that day."""
    buyer, found = _open(request, customer_id)
    if found is None or not carts.lines_of(by=request.actor, cart=found):
        placed = _placed(request) if request.method == "POST" else None
        return htmx.go(request, _order_url(placed) if placed else _url("cart", buyer))
    today = request.now.date()
    go = request.POST.get("go")
    if request.method == "POST" and go in GO:
        scheduled = go == "schedule"
        on, problem = _day(request.POST.get("scheduled_on"), today=today)
        if scheduled and (problem or on is None):
            return _review(request, buyer, found, on=today, day_error=problem or _("Choose the day."))
        try:
            order = placing.place_order(
                by=request.actor,
                cart_id=found.id,
                confirmed=_confirmed(request.POST),
                at=request.now,
                scheduled_on=on if scheduled else None,
            )
        except Refused as refusal:
            day_error = str(refusal.fields.get("scheduled_on", ""))
            shown_day = on if scheduled and on is not None and not day_error else today
            return _review(
                request,
                buyer,
                found,
                on=shown_day,
                day_error=day_error,
                refusal=None if day_error else refusal,
                before=_confirmed(request.POST).lines,
            )
        messages.success(request, _said(order))
        return htmx.go(request, _order_url(order))
    given = request.POST if request.method == "POST" else request.GET
    on, problem = _day(given.get("scheduled_on") or given.get("on"), today=today)
    return _review(request, buyer, found, on=on or today, day_error=problem)


def links(request: PortalRequest, *, customer_id: uuid.UUID, subscription_id: uuid.UUID | None = None) -> list[Action]:
    """Return the way to what a customer has in its cart, or in that of one subscription; nothing while it is empty."""
    if not request.actor.may(permissions.PURCHASE):
        return []
    filled = queries.filled_carts(by=request.actor, customer_id=customer_id)
    chosen = [one for one in filled if subscription_id is None or one[0].subscription_id == subscription_id]
    url = reverse("cart", kwargs={"customer_id": customer_id})
    return [
        Action(
            label=_("Cart (%(lines)s)") % {"lines": count},
            url=f"{url}?{urlencode({'subscription': str(found.subscription_id)})}",
            icon="shopping-cart",
        )
        for found, count in chosen[:1]
    ]


def _open(request: PortalRequest, customer_id: uuid.UUID) -> tuple[Buyer, Cart | None]:
    """Return the buyer with the subscription in the address, and its cart.

    Without a subscription in the address it is the one whose cart was filled last, else the first.
    """
    given = (request.GET.get("subscription") or "").strip()
    subscription_id = wizard_forms.read_uuid(given) if given else None
    if given and subscription_id is None:
        raise NotFound
    buyer = buyers.get_buyer(by=request.actor, customer_id=customer_id, subscription_id=subscription_id)
    if buyer.subscription is None and buyer.subscriptions:
        offered = {one.id: one for one in buyer.subscriptions}
        filled = queries.filled_carts(by=request.actor, customer_id=customer_id)
        last = next((offered[one.subscription_id] for one, _n in filled if one.subscription_id in offered), None)
        buyer = dataclasses.replace(buyer, subscription=last or buyer.subscriptions[0])
    if buyer.subscription is None:
        return buyer, None
    found = carts.cart_of(by=request.actor, customer_id=customer_id, subscription_id=buyer.subscription.id)
    return buyer, found


def _line(request: PortalRequest, found: Cart | None, line_id: uuid.UUID) -> CartLine:
    lines = [] if found is None else carts.lines_of(by=request.actor, cart=found)
    line = next((one for one in lines if one.id == line_id), None)
    if line is None:
        raise Refused("gone", _("This line is no longer in the cart."))
    return line


def _url(name: str, buyer: Buyer, **parts: str) -> str:
    if buyer.subscription is not None:
        parts = {"subscription": str(buyer.subscription.id), **parts}
    return f"{reverse(name, kwargs={'customer_id': buyer.customer_id})}?{urlencode(parts)}"


def _order_url(order: Order) -> str:
    return reverse("order", kwargs={"order_id": order.id})


def _market_url(buyer: Buyer) -> str:
    parts = {"customer": str(buyer.customer_id)}
    if buyer.subscription is not None:
        parts["subscription"] = str(buyer.subscription.id)
    return f"{reverse('marketplace')}?{urlencode(parts)}"


def _crumbs(request: PortalRequest, buyer: Buyer) -> list[Crumb]:
    address = {"customer_id": buyer.customer_id, "tab": "products"}
    name = buyer.name if request.actor.is_partner else _("Products")
    return [Crumb(label=name, url=reverse("customer", kwargs=address))]


# The cart


def _show(
    request: PortalRequest,
    buyer: Buyer,
    found: Cart | None,
    *,
    wrong: dict[uuid.UUID, tuple[str, str]] | None = None,
) -> HttpResponse:
    """Answer the cart; `wrong` are quantities that were refused, as typed, with the reason."""
    today = request.now.date()
    looked = None if found is None else carts.review(by=request.actor, cart=found, on=today, today=today)
    wrong = wrong or {}
    lines = [] if looked is None else [_cart_line(buyer, one, wrong.get(one.line_id)) for one in looked.quoted]
    context: dict[str, Any] = {
        "lines": lines,
        "against": _against(request, buyer),
        "total": cells.Money(looked.total, buyer.currency) if looked else None,
        "review_url": _url("order_review", buyer),
        "market_url": _market_url(buyer),
        "changed": [line for line in lines if line["was"]],
        "empty": Empty(
            title=_("The cart is empty"),
            text=_("Choose products in the marketplace; they are gathered here until they are ordered."),
            action_label=_("Marketplace"),
            action_url=_market_url(buyer),
            icon="shopping-cart",
        ),
    }
    if htmx.targets(request, "cart"):
        return render(request, "web/orders/cart_lines.html", context)
    others = [
        (one.subscription.name, count, _of_subscription(buyer, one.subscription_id))
        for one, count in queries.filled_carts(by=request.actor, customer_id=buyer.customer_id)
        if buyer.subscription is None or one.subscription_id != buyer.subscription.id
    ]
    context |= {
        "page": Page(
            title=_("Cart"),
            subtitle=_subtitle(buyer),
            crumbs=_crumbs(request, buyer),
        ),
        "others": others,
    }
    return render(request, "web/orders/cart.html", context)


def _subtitle(buyer: Buyer) -> str:
    if buyer.subscription is None:
        return buyer.name
    return _("%(customer)s · billed under %(subscription)s") % {
        "customer": buyer.name,
        "subscription": buyer.subscription.name,
    }


def _of_subscription(buyer: Buyer, subscription_id: uuid.UUID) -> str:
    named = BuyerSubscription(id=subscription_id, name="")
    return _url("cart", dataclasses.replace(buyer, subscription=named))


def _against(request: PortalRequest, buyer: Buyer) -> list[str]:
    return [str(one.message) for one in buyers.reasons_not(by=request.actor, buyer=buyer)]


def _cart_line(buyer: Buyer, one: quotes.Quoted, wrong: tuple[str, str] | None) -> dict[str, Any]:
    address = {"customer_id": buyer.customer_id, "line_id": one.line_id}
    query = urlencode({"subscription": str(buyer.subscription.id)}) if buyer.subscription else ""
    sku = one.offer.sku
    return {
        **_line_facts(one),
        "typed": wrong[0] if wrong else str(one.quantity),
        "error": wrong[1] if wrong else "",
        "fixed": sku.usage_based,
        "most": sku.maximum_quantity,
        "least": sku.minimum_quantity,
        "change_url": f"{reverse('cart_line', kwargs=address)}?{query}",
        "remove_url": f"{reverse('cart_line_remove', kwargs=address)}?{query}",
        "was": shown.unit_price(one.seen_unit_price, one.offer.currency) if one.price_has_changed else "",
    }


def _line_facts(one: quotes.Quoted) -> dict[str, Any]:
    """Return what of a line both the cart and the review show."""
    offer = one.offer
    percent = offer.percent.normalize()
    usage = offer.sku.usage_based and offer.price_id is None
    return {
        "id": one.line_id,
        "title": one.title,
        "product": offer.sku.product_title if offer.sku.product_title != one.title else "",
        "terms": " · ".join(
            part for part in (prices.term_words(offer.term), prices.plan_words(offer.plan), one.domain) if part
        ),
        "quantity": money.number(one.quantity),
        "usage": usage,
        "unit_price": shown.unit_price(one.unit_price, offer.currency),
        "per": prices.period_words(term=offer.term, plan=offer.plan),
        "discount": _("%(percent)s %% less: %(reason)s") % {"percent": f"{percent:f}", "reason": offer.reason}
        if percent
        else "",
        "extended": cells.Money(one.extended_price, offer.currency),
        "problem": one.problem,
    }


# The review


def _review(
    request: PortalRequest,
    buyer: Buyer,
    found: Cart,
    *,
    on: datetime.date,
    day_error: str = "",
    refusal: Refused | None = None,
    before: Any = None,
) -> HttpResponse:
    """Answer the review for a day; `before` is what was confirmed, so that what has changed since is shown."""
    today = request.now.date()
    looked = carts.review(by=request.actor, cart=found, on=on, today=today)
    start = request.now if on == today else datetime.datetime.combine(on, datetime.time.min, tzinfo=datetime.UTC)
    given = request.POST if request.method == "POST" else request.GET
    lines = [
        _review_line(one, start=start, before=before)
        | {
            "attestation": one.offer.sku.attestation,
            "attested": bool(given.get(f"attest_{one.line_id}")),
            "attest_error": str(refusal.fields.get(f"attest_{one.line_id}", "")) if refusal else "",
        }
        for one in looked.quoted
    ]
    # The same review may be sent again, so that a second click makes no second order.
    review_id = wizard_forms.read_uuid(request.POST.get("review_id")) or ids.new_id()
    context: dict[str, Any] = {
        "lines": lines,
        "review_id": review_id,
        "on": on,
        "today": today,
        "later": on != today,
        "day_error": day_error,
        "typed_day": on.isoformat() if on != today else (request.POST.get("scheduled_on") or "")[:10],
        "first_day": today + datetime.timedelta(days=1),
        "last_day": today + datetime.timedelta(days=placing.FURTHEST_DAYS),
        "refusal": refusal,
        "review_url": _url("order_review", buyer),
        "cart_url": _url("cart", buyer),
        "total": cells.Money(looked.total, buyer.currency),
        "then": _then(looked.quoted),
        "commitment": cells.Money(looked.commitment, buyer.currency),
        "changed": any(line["was"] for line in lines),
        "credit": _credit(looked),
        "credit_problem": looked.credit_problem,
        "can_be_ordered": looked.can_be_ordered,
        "against": _against(request, buyer),
    }
    if htmx.targets(request, "review"):
        return render(request, "web/orders/review_form.html", context)
    context["page"] = Page(
        title=_("Review"),
        subtitle=_subtitle(buyer),
        crumbs=[*_crumbs(request, buyer), Crumb(label=_("Cart"), url=_url("cart", buyer))],
    )
    return render(request, "web/orders/review.html", context)


def _review_line(one: quotes.Quoted, *, start: datetime.datetime, before: Any) -> dict[str, Any]:
    confirmed = (before or {}).get(one.line_id)
    was = ""
    if confirmed is not None and confirmed[1] != one.unit_price:
        was = shown.unit_price(confirmed[1], one.offer.currency)
    elif confirmed is None and one.price_has_changed:
        was = shown.unit_price(one.seen_unit_price, one.offer.currency)
    until = start + quotes.CANCELLABLE_FOR if one.cancellable else None
    return {
        **_line_facts(one),
        "number": one.quantity,
        "price": f"{one.unit_price:f}",
        "was": was,
        "quantity_was": money.number(confirmed[0]) if confirmed is not None and confirmed[0] != one.quantity else "",
        "starts": cells.day(one.starts_on),
        "renews": cells.day(one.ends_before),
        "cancel_until": cells.moment(until),
        "commitment": cells.Money(one.commitment, one.offer.currency),
    }


def _then(quoted: list[quotes.Quoted]) -> list[tuple[str, cells.Money]]:
    """Return what follows, summed for each billing period: (“per month”, amount)."""
    sums: dict[str, Decimal] = {}
    for one in quoted:
        if one.next_charge_on is not None:
            words = prices.period_words(term=one.offer.term, plan=one.offer.plan)
            sums[words] = sums.get(words, Decimal(0)) + one.period_price
    currency = quoted[0].offer.currency if quoted else ""
    return [(words, cells.Money(amount, currency)) for words, amount in sums.items()]


def _credit(looked: carts.Review) -> dict[str, Any] | None:
    """Return the exposure after this order against the limit, with a warning from 70 % and from 85 % on."""
    found = looked.exposure
    if found is None:
        return None
    after = found.used + looked.total
    share = int(after * 100 / found.limit) if found.limit else 100
    tone = ""
    if not looked.credit_problem and not found.unlimited:
        tone = (
            "danger"
            if share >= credit.SECOND_WARNING_PERCENT
            else ("warn" if share >= credit.FIRST_WARNING_PERCENT else "")
        )
    return {
        "used": after,
        "limit": found.limit,
        "used_text": money.shown(after, found.currency),
        "limit_text": money.shown(found.limit, found.currency),
        "now_text": money.shown(found.used, found.currency),
        "orders_text": money.shown(found.open_orders, found.currency),
        "charges_text": money.shown(found.charges, found.currency),
        "share": share,
        "tone": tone,
        "unlimited": found.unlimited,
    }


def _confirmed(data: QueryDict) -> placing.Confirmed:
    """Read what was confirmed: each line's quantity and unit price as they were shown."""
    lines: dict[uuid.UUID, tuple[int, Decimal]] = {}
    for given in data.getlist("line")[: carts.MOST_LINES]:
        line_id = wizard_forms.read_uuid(given)
        quantity, price = data.get(f"quantity_{given}", ""), data.get(f"price_{given}", "")
        if line_id is None or not (quantity.isascii() and quantity.isdigit() and len(quantity) <= MOST_DIGITS):
            continue
        try:
            amount = Decimal(price[:40])
        except InvalidOperation:
            continue
        if amount.is_finite() and abs(amount) < Decimal("1e12"):
            lines[line_id] = (int(quantity), prices.kept(amount))
    return placing.Confirmed(
        review_id=wizard_forms.read_uuid(data.get("review_id")) or ids.new_id(),
        lines=lines,
        attested=frozenset(line_id for line_id in lines if data.get(f"attest_{line_id}")),
    )


def _placed(request: PortalRequest) -> Order | None:
    """Return the order that this review has become already: its button was clicked twice."""
    review_id = wizard_forms.read_uuid(request.POST.get("review_id"))
    return None if review_id is None else queries.order_of_review(by=request.actor, review_id=review_id)


def _day(typed: str | None, *, today: datetime.date) -> tuple[datetime.date | None, str]:
    """Read the day that an order is scheduled for; the domain refuses it again."""
    if not typed:
        return None, ""
    try:
        day = datetime.date.fromisoformat(typed.strip()[:10])
    except ValueError:
        return None, _("Choose a day, such as 2027-01-31.")
    if day <= today:
        return None, _("Choose a day to come.")
    if day > today + datetime.timedelta(days=placing.FURTHEST_DAYS):
        return None, _("Choose a day within one year.")
    return day, ""


def _said(order: Order) -> str:
    if order.status == OrderStatus.SCHEDULED:
        day = cells.day(order.scheduled_on)
        return _("%(number)s is scheduled for %(day)s.") % {"number": order.number, "day": day.shown if day else ""}
    return ngettext(
        "%(number)s has been placed with %(n)s item.", "%(number)s has been placed with %(n)s items.", order.item_count
    ) % {"number": order.number, "n": order.item_count}
