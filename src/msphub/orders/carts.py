"""The cart: lines that are going to be bought for a customer under one of its subscriptions, and their review."""

import dataclasses
import datetime
import uuid
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from msphub.catalog import permissions, prices
from msphub.catalog.choices import VendorCode
from msphub.customers import buyers, offers
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused
from msphub.orders import credit, quotes
from msphub.orders.models import Cart, CartLine

MOST_LINES = 100


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A cart as it would be ordered now: its lines with prices, the sums, and the customer's credit.

    `lines` and `quoted` go together. `credit_problem` says with the figures why the order would be refused.
    """

    cart: Cart
    buyer: buyers.Buyer
    lines: list[CartLine]
    quoted: list[quotes.Quoted]
    total: Decimal
    commitment: Decimal
    exposure: credit.Exposure | None
    credit_problem: str

    @property
    def can_be_ordered(self) -> bool:
        """Whether nothing stands against it."""
        return bool(self.lines) and not self.credit_problem and not any(one.problem for one in self.quoted)


def add_line(
    *,
    by: Actor,
    customer_id: uuid.UUID,
    subscription_id: uuid.UUID,
    account_id: uuid.UUID | None,
    sku_id: uuid.UUID,
    term: str,
    plan: str,
    quantity: int,
    at: datetime.datetime,
) -> Cart:
    """Put a line into the customer's cart of a subscription; the same product again adds to its quantity.

    Refuses what is not offered to this customer, with the reason, and a person who may not buy for it.
    """
    by.require(permissions.PURCHASE)
    buyer = buyers.get_buyer(by=by, customer_id=customer_id, subscription_id=subscription_id, account_id=account_id)
    if buyer.subscription is None:
        raise Refused("subscription", _("Choose the subscription that is billed."), field="subscription")
    facts = offers.sku_facts(by=by, sku_ids=[sku_id]).get(sku_id)
    if facts is None:
        raise NotFound
    account = buyer.account.id if buyer.account is not None and facts.vendor == VendorCode.MICROSOFT else None
    with transaction.atomic():
        cart, _made = Cart.objects.get_or_create(
            partner_id=by.partner_id,
            customer_id=customer_id,
            subscription_id=buyer.subscription.id,
            defaults={"created_at": at, "updated_at": at},
        )
        cart = Cart.objects.select_for_update().get(partner_id=by.partner_id, id=cart.id)
        lines = list(CartLine.objects.filter(partner_id=by.partner_id, cart=cart))
        line = next(
            (
                one
                for one in lines
                if (one.sku_id, one.term, one.plan, one.csp_account_id) == (sku_id, term, plan, account)
            ),
            None,
        )
        wanted = quantity + (line.quantity if line else 0)
        offer = offers.require_offer(
            by=by,
            buyer=buyer,
            sku_id=sku_id,
            term=term,
            plan=plan,
            quantity=wanted,
            on=at.date(),
            holding=_holding(by=by, cart=cart, account_id=account),
        )
        if line is None:
            if len(lines) >= MOST_LINES:
                raise Refused("too_many", _("A cart holds at most %(most)s lines.") % {"most": MOST_LINES})
            CartLine.objects.create(
                partner_id=by.partner_id,
                customer_id=customer_id,
                cart=cart,
                sku_id=sku_id,
                csp_account_id=account,
                term=term,
                plan=plan,
                quantity=wanted,
                currency=offer.currency,
                seen_unit_price=prices.kept(offer.unit_per_period),
                added_at=at,
            )
        else:
            line.quantity = wanted
            line.seen_unit_price = prices.kept(offer.unit_per_period)
            line.save(update_fields=["quantity", "seen_unit_price"])
        _touch(cart, at=at)
    return cart


def change_line(*, by: Actor, line_id: uuid.UUID, quantity: int, at: datetime.datetime) -> None:
    """Set a line's quantity; refuses one that the product can't be bought in."""
    by.require(permissions.PURCHASE)
    with transaction.atomic():
        cart, line = _lock_line(by=by, line_id=line_id)
        buyer = buyers.get_buyer(
            by=by,
            customer_id=line.customer_id,
            subscription_id=cart.subscription_id,
            account_id=line.csp_account_id,
        )
        offer = offers.require_offer(
            by=by,
            buyer=buyer,
            sku_id=line.sku_id,
            term=line.term,
            plan=line.plan,
            quantity=quantity,
            on=at.date(),
            holding=_holding(by=by, cart=cart, account_id=line.csp_account_id),
        )
        line.quantity = quantity
        # Another quantity may have another price; it is seen with the answer.
        line.seen_unit_price = prices.kept(offer.unit_per_period)
        line.save(update_fields=["quantity", "seen_unit_price"])
        _touch(cart, at=at)


def remove_line(*, by: Actor, line_id: uuid.UUID, at: datetime.datetime) -> None:
    """Take a line out of its cart; one that is gone already changes nothing."""
    by.require(permissions.PURCHASE)
    with transaction.atomic():
        try:
            cart, line = _lock_line(by=by, line_id=line_id)
        except NotFound:
            return
        line.delete()
        _touch(cart, at=at)


def cart_of(*, by: Actor, customer_id: uuid.UUID, subscription_id: uuid.UUID) -> Cart | None:
    """Return the customer's cart of a subscription, None while nothing was ever put into it."""
    if by.customer_id is not None and by.customer_id != customer_id:
        raise NotFound
    return Cart.objects.filter(
        partner_id=by.partner_id, customer_id=customer_id, subscription_id=subscription_id
    ).first()


def get_cart(*, by: Actor, cart_id: uuid.UUID) -> Cart:
    """Return a cart; raises `NotFound`, also for another tenant's."""
    found = Cart.objects.filter(partner_id=by.partner_id, id=cart_id)
    if by.customer_id is not None:
        found = found.filter(customer_id=by.customer_id)
    cart = found.first()
    if cart is None:
        raise NotFound
    return cart


def lock_cart(*, by: Actor, cart_id: uuid.UUID) -> Cart:
    """Return a cart locked for the caller's transaction; raises `NotFound`."""
    get_cart(by=by, cart_id=cart_id)
    return Cart.objects.select_for_update().get(partner_id=by.partner_id, id=cart_id)


def lines_of(*, by: Actor, cart: Cart) -> list[CartLine]:
    """Return a cart's lines in the order they were put into it."""
    return list(
        CartLine.objects.filter(partner_id=by.partner_id, cart=cart).select_related("cart").order_by("added_at", "id")
    )


def review(*, by: Actor, cart: Cart, on: datetime.date, today: datetime.date) -> Review:
    """Return a cart as it would be ordered for a UTC day: `on` is today, or the day it is scheduled for."""
    by.require(permissions.PURCHASE)
    buyer = buyers.get_buyer(by=by, customer_id=cart.customer_id, subscription_id=cart.subscription_id)
    lines = lines_of(by=by, cart=cart)
    quoted = quotes.quote(by=by, lines=lines, on=on)
    total = sum((one.extended_price for one in quoted), start=Decimal(0))
    exposure, problem = None, ""
    try:
        exposure = credit.exposure(by=by, customer_id=cart.customer_id, on=today)
        credit.refuse_past(exposure, amount=total)
    except NotFound:
        pass  # a customer whose type has no term for its country any more: nothing limits it, and nothing is shown
    except Refused as refusal:
        problem = str(refusal.message)
    return Review(
        cart=cart,
        buyer=buyer,
        lines=lines,
        quoted=quoted,
        total=total,
        commitment=sum((one.commitment for one in quoted), start=Decimal(0)),
        exposure=exposure,
        credit_problem=problem,
    )


def _holding(*, by: Actor, cart: Cart, account_id: uuid.UUID | None) -> set[str]:
    """Return what an add-on may build on: what the account holds, and what is in the cart for it."""
    rows = CartLine.objects.filter(partner_id=by.partner_id, cart=cart, csp_account_id=account_id).values_list(
        "sku__product__external_id", "sku__external_id"
    )
    held = quotes.held_skus(by=by, account_id=account_id) if account_id is not None else set()
    return held | {f"{product}:{sku}" for product, sku in rows}


def _lock_line(*, by: Actor, line_id: uuid.UUID) -> tuple[Cart, CartLine]:
    cart_id = CartLine.objects.filter(partner_id=by.partner_id, id=line_id).values_list("cart_id", flat=True).first()
    if cart_id is None:
        raise NotFound
    cart = lock_cart(by=by, cart_id=cart_id)
    line = CartLine.objects.select_for_update().filter(partner_id=by.partner_id, id=line_id).first()
    if line is None:
        raise NotFound
    return cart, line


def _touch(cart: Cart, *, at: datetime.datetime) -> None:
    cart.version += 1
    cart.updated_at = at
    cart.save(update_fields=["version", "updated_at"])
