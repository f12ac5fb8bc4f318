"""What the lines of a cart cost on a day: prices as offered, today's charge, what follows, and until when it binds.

Amounts per unit are for one billing period and not rounded; a line's amounts are rounded half up to the minor unit.
Charge cycles are Microsoft's (nce-rules.md §9.1-9.2), so that cost and revenue of one event differ by price only.
"""

import dataclasses
import datetime
import uuid
from collections.abc import Sequence
from decimal import Decimal

from msphub.catalog import prices
from msphub.catalog.choices import Plan, Term, VendorCode
from msphub.customers import buyers, offers
from msphub.customers.buyers import Buyer
from msphub.entitlements import cycles
from msphub.entitlements.choices import BILLED
from msphub.entitlements.models import PurchasedProduct
from msphub.kit import money
from msphub.kit.actor import Actor
from msphub.orders.models import CartLine, Order, OrderItem

# Licence products of Microsoft can be cancelled, and their seats taken back, within 168 hours (nce-rules.md §4).
CANCELLABLE_FOR = datetime.timedelta(days=7)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """A line as it can be bought, or its `problem`.

    `starts_on` and `ends_before` are the first term (half-open; no end: bought once, or usage). `extended_price` is
    today's charge, `commitment` what the first term costs in all.
    """

    line_id: uuid.UUID
    offer: offers.Offer
    domain: str
    quantity: int
    starts_on: datetime.date
    ends_before: datetime.date | None
    next_charge_on: datetime.date | None
    extended_price: Decimal
    period_price: Decimal
    commitment: Decimal
    seen_unit_price: Decimal

    @property
    def title(self) -> str:
        """What is bought, by its name."""
        return self.offer.sku.title

    @property
    def unit_price(self) -> Decimal:
        """Price of one unit and one billing period, after discount, as a document keeps it (six places)."""
        return prices.kept(self.offer.unit_per_period)

    @property
    def problem(self) -> str:
        """Why the line can't be bought; empty when it can."""
        return str(self.offer.reasons[0].message) if self.offer.reasons else ""

    @property
    def price_has_changed(self) -> bool:
        """Whether the price differs from the one that was seen when the line was put into the cart."""
        return self.unit_price != self.seen_unit_price

    @property
    def cancellable(self) -> bool:
        """Whether it can be cancelled for seven days after the purchase."""
        return self.offer.sku.vendor == VendorCode.MICROSOFT and not self.offer.sku.usage_based


def quote(*, by: Actor, lines: Sequence[CartLine], on: datetime.date) -> list[Quoted]:
    """Return the lines of one cart as they can be bought on a UTC day, in that order.

    Set-based for each CSP account the cart is for. What an add-on needs may be in the same cart.
    """
    if not lines:
        return []
    first = lines[0]
    customer_id, subscription_id = first.customer_id, first.cart.subscription_id
    facts = offers.sku_facts(by=by, sku_ids={line.sku_id for line in lines})
    in_cart = {facts[line.sku_id].microsoft_id for line in lines if line.sku_id in facts}
    found: dict[uuid.UUID, Quoted] = {}
    for account_id in dict.fromkeys(line.csp_account_id for line in lines):
        own = [line for line in lines if line.csp_account_id == account_id]
        buyer = buyers.get_buyer(by=by, customer_id=customer_id, subscription_id=subscription_id, account_id=account_id)
        holding = in_cart | (held_skus(by=by, account_id=account_id) if account_id is not None else set())
        wanted = [
            offers.Wanted(sku_id=line.sku_id, term=line.term, plan=line.plan, quantity=line.quantity) for line in own
        ]
        offered = offers.offers_for(by=by, buyer=buyer, wanted=wanted, on=on, holding=holding)
        for line, offer in zip(own, offered, strict=True):
            if offer is not None:
                found[line.id] = _quoted(line=line, offer=offer, buyer=buyer, on=on)
    return [found[line.id] for line in lines if line.id in found]


def held_skus(*, by: Actor, account_id: uuid.UUID) -> set[str]:
    """Return Microsoft's `productId:skuId` of what a CSP account holds: the base products that add-ons need."""
    rows = PurchasedProduct.objects.filter(
        partner_id=by.partner_id, csp_account_id=account_id, state__in=BILLED
    ).values_list("sku__product__external_id", "sku__external_id")
    return {f"{product}:{sku}" for product, sku in rows.distinct()}


def base_subscription(*, by: Actor, account_id: uuid.UUID, prerequisites: Sequence[str]) -> uuid.UUID | None:
    """Return the subscription at Microsoft that an add-on belongs to: the newest that the account has of its bases."""
    rows = (
        PurchasedProduct.objects.filter(
            partner_id=by.partner_id,
            csp_account_id=account_id,
            state__in=BILLED,
            microsoft_subscription_id__isnull=False,
        )
        .order_by("-purchased_at", "-id")
        .values_list("sku__product__external_id", "sku__external_id", "microsoft_subscription_id")
    )
    return next((found for product, sku, found in rows if f"{product}:{sku}" in prerequisites), None)


def as_item(*, quoted: Quoted, order: Order, line: CartLine, position: int) -> OrderItem:
    """Return an order's item with the prices of a quotation, not saved."""
    offer, sku = quoted.offer, quoted.offer.sku
    return OrderItem(
        partner_id=order.partner_id,
        customer_id=order.customer_id,
        order=order,
        position=position,
        sku_id=sku.id,
        csp_account_id=line.csp_account_id,
        vendor=sku.vendor,
        category=sku.category,
        segment=offer.segment,
        attested=bool(sku.attestation),
        product_code=sku.microsoft_id,
        product_name=sku.product_title,
        sku_name=sku.title,
        domain=quoted.domain,
        term=line.term,
        plan=line.plan,
        quantity=line.quantity,
        currency=offer.currency,
        list_price=prices.kept(offer.list_per_period),
        discount_percent=offer.percent,
        discount_reason=offer.reason,
        unit_price=quoted.unit_price,
        extended_price=quoted.extended_price,
        starts_on=quoted.starts_on,
        ends_on=quoted.ends_before,
    )


def _quoted(*, line: CartLine, offer: offers.Offer, buyer: Buyer, on: datetime.date) -> Quoted:
    unit = prices.kept(offer.unit_per_period)
    # A whole cycle costs its price, whatever its number of days; a first cycle is whole unless it is cut short.
    charged = money.rounded(unit * line.quantity, offer.currency)
    ends_before, next_charge_on = first_term(term=line.term, plan=line.plan, starts_on=on)
    return Quoted(
        line_id=line.id,
        offer=offer,
        domain=buyer.account.domain if buyer.account and offer.sku.vendor == VendorCode.MICROSOFT else "",
        quantity=line.quantity,
        starts_on=on,
        ends_before=ends_before,
        next_charge_on=next_charge_on,
        extended_price=charged,
        period_price=charged,
        commitment=charged * offer.periods,
        seen_unit_price=line.seen_unit_price,
    )


def first_term(*, term: str, plan: str, starts_on: datetime.date) -> tuple[datetime.date | None, datetime.date | None]:
    """Return the first day after the first term and the day of the next charge; None for what has no term or cycles."""
    if term not in (Term.MONTH, Term.YEAR, Term.THREE_YEARS):
        return None, None
    ends_before = cycles.term_end(starts_on=starts_on, term=Term(term)) + datetime.timedelta(days=1)
    if plan not in Plan.values or plan == Plan.NONE:
        return ends_before, None
    first = next(cycles.cycles(starts_on=starts_on, term=Term(term), plan=Plan(plan)))
    return ends_before, first.ends_before
