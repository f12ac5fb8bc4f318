"""What a customer is offered: the price in force less its type's discount, with the reason, or why it is not offered.

Set-based: any number of lines costs four statements (SKUs, prices, rates, and what explains a missing price).
Amounts are for one unit; `*_price` for the whole term, `*_per_period` for one charge of the billing plan.
"""

import dataclasses
import datetime
import decimal
import json
import uuid
from collections.abc import Collection, Sequence
from decimal import Decimal

from django.db import connection
from django.utils.translation import gettext as _

from msphub.catalog import permissions, prices
from msphub.catalog import rates as discounts
from msphub.catalog.choices import Category, CustomerSegment, Plan, VendorCode
from msphub.catalog.rates import Asked, Rate
from msphub.customers import buyers, rates
from msphub.customers.buyers import Buyer, Reason
from msphub.kit import addresses
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused

_EXACT = decimal.Context(prec=40)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody would like to buy. An empty term is none (bought once, or usage)."""

    sku_id: uuid.UUID
    term: str
    plan: str
    quantity: int = 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SkuFacts:
    """What of a SKU and its product decides whether and how it may be bought."""

    id: uuid.UUID
    external_id: str
    title: str
    description: str
    unit: str
    minimum_quantity: int
    maximum_quantity: int | None
    is_trial: bool
    usage_based: bool
    prerequisites: tuple[str, ...]
    countries: tuple[str, ...]
    attestation: str
    active: bool
    product_id: uuid.UUID
    product_external_id: str
    product_title: str
    category: Category
    shelf: str
    product_active: bool
    vendor: VendorCode

    @property
    def microsoft_id(self) -> str:
        """Microsoft's `productId:skuId`."""
        return f"{self.product_external_id}:{self.external_id}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A line as it may be bought, or `reasons` why it may not. `cost` and what follows of it only for partner users.

    `price_id` is None for usage, which is charged by what was used. `rate.reason` says where the discount comes from.
    """

    sku: SkuFacts
    term: str
    plan: str
    quantity: int
    currency: str
    price_id: uuid.UUID | None
    market: str
    segment: str
    list_price: Decimal
    rate: Rate | None
    unit_price: Decimal
    cost: Decimal | None
    reasons: tuple[Reason, ...] = ()

    @property
    def is_offered(self) -> bool:
        """Whether it may be bought."""
        return not self.reasons

    @property
    def percent(self) -> Decimal:
        """The discount in percent of the list price."""
        return self.rate.percent if self.rate else Decimal(0)

    @property
    def reason(self) -> str:
        """Where the discount comes from, as a quotation says it."""
        return self.rate.reason if self.rate else ""

    @property
    def periods(self) -> int:
        """How many charges the term falls into."""
        return prices.periods(term=self.term, plan=self.plan)

    @property
    def list_per_period(self) -> Decimal:
        """List price of one unit for one charge, not rounded."""
        return prices.per_period(self.list_price, term=self.term, plan=self.plan)

    @property
    def unit_per_period(self) -> Decimal:
        """Price after discount of one unit for one charge, not rounded."""
        return prices.per_period(self.unit_price, term=self.term, plan=self.plan)

    @property
    def cost_per_period(self) -> Decimal | None:
        """What the partner pays for one unit and one charge, not rounded."""
        return None if self.cost is None else prices.per_period(self.cost, term=self.term, plan=self.plan)

    @property
    def margin(self) -> Decimal | None:
        """What the partner earns on one unit and the whole term; negative where it pays more than it gets."""
        return None if self.cost is None else _EXACT.subtract(self.unit_price, self.cost)

    @property
    def margin_percent(self) -> Decimal | None:
        """The margin in percent of the price after discount."""
        if self.margin is None or not self.unit_price:
            return None
        return _EXACT.divide(_EXACT.multiply(self.margin, Decimal(100)), self.unit_price)


def get_offer(
    *,
    by: Actor,
    buyer: Buyer,
    sku_id: uuid.UUID,
    term: str,
    plan: str,
    quantity: int,
    on: datetime.date,
    holding: Collection[str] = (),
) -> Offer:
    """Return one line as it may be bought on a UTC day; its `reasons` say why not, if it may not.

    `holding` are Microsoft's `productId:skuId` that the account holds or the cart contains: what add-ons need. Raises
    `NotFound` for a SKU that is not this partner's.
    """
    wanted = Wanted(sku_id=sku_id, term=term, plan=plan, quantity=quantity)
    offer = offers_for(by=by, buyer=buyer, wanted=[wanted], on=on, holding=holding)[0]
    if offer is None:
        raise NotFound
    return offer


def require_offer(
    *,
    by: Actor,
    buyer: Buyer,
    sku_id: uuid.UUID,
    term: str,
    plan: str,
    quantity: int,
    on: datetime.date,
    holding: Collection[str] = (),
) -> Offer:
    """Return one line that may be bought; refuses with the first reason why it may not."""
    offer = get_offer(
        by=by, buyer=buyer, sku_id=sku_id, term=term, plan=plan, quantity=quantity, on=on, holding=holding
    )
    if offer.reasons:
        first = offer.reasons[0]
        raise Refused(first.code, first.message, field=_FIELDS.get(first.code))
    return offer


_FIELDS = {"quantity": "quantity", "no_price": "term", "base_product": "sku"}


def offers_for(
    *,
    by: Actor,
    buyer: Buyer,
    wanted: Sequence[Wanted],
    on: datetime.date,
    holding: Collection[str] = (),
) -> list[Offer | None]:
    """Return each line as it may be bought on a UTC day, in that order; None for a SKU that is not this partner's."""
    by.require(permissions.VIEW_MARKETPLACE)
    facts = sku_facts(by=by, sku_ids=[one.sku_id for one in wanted])
    known = [one for one in wanted if one.sku_id in facts]
    found = prices.prices_for(
        by=by,
        lines=[
            prices.Line(
                sku_id=one.sku_id,
                scope=buyer.scope(facts[one.sku_id].vendor),
                term=one.term,
                plan=one.plan,
                quantity=max(one.quantity, 1),
                on=on,
            )
            for one in known
        ],
    )
    asked = [Asked(sku_id=one.sku_id, on=on, quantity=max(one.quantity, 1)) for one in known]
    reduced = rates.rates_for(by=by, customer_id=buyer.customer_id, asked=asked) if asked else []
    why = _Why(by=by, buyer=buyer, on=on, holding=frozenset(holding))
    why.explain(
        skus=[facts[one.sku_id] for one in known],
        unpriced=[facts[one.sku_id] for one, price in zip(known, found, strict=True) if price is None],
    )
    made = iter(
        _offer(buyer=buyer, sku=facts[one.sku_id], wanted=one, price=price, rate=rate, why=why)
        for one, price, rate in zip(known, found, reduced, strict=True)
    )
    return [next(made) if one.sku_id in facts else None for one in wanted]


def reasons_not(*, by: Actor, buyer: Buyer, sku: SkuFacts | None = None) -> list[Reason]:
    """Return why nothing, or nothing of this SKU's vendor, can be bought now; prices are `get_offer`'s matter."""
    reasons = buyers.reasons_not(by=by, buyer=buyer)
    if sku is not None and sku.vendor == VendorCode.MICROSOFT:
        reasons += buyers.reasons_not_microsoft(buyer=buyer)
    return reasons


def offers_of_product(*, by: Actor, buyer: Buyer, product_id: uuid.UUID, on: datetime.date) -> list[Offer]:
    """Return what of a product is sold, one offer for each SKU, term and plan at its smallest quantity.

    A SKU without a price for this buyer is there once, with the reason. Raises `NotFound` for a product that is not
    this partner's.
    """
    facts = skus_of_product(by=by, product_id=product_id)
    if not facts:
        raise NotFound
    priced = prices.prices_of_product(
        by=by, product_id=product_id, scope=buyer.scope(facts[0].vendor), on=on, quantity=1
    )
    terms: dict[uuid.UUID, list[tuple[str, str]]] = {}
    for price in priced:
        terms.setdefault(price.sku_id, []).append((price.term, price.plan))
    wanted = [
        Wanted(sku_id=sku.id, term=term, plan=plan, quantity=sku.minimum_quantity)
        for sku in facts
        for term, plan in terms.get(sku.id) or [("", Plan.ONE_TIME.value)]
    ]
    return [offer for offer in offers_for(by=by, buyer=buyer, wanted=wanted, on=on) if offer is not None]


def list_offers_of_product(*, by: Actor, scope: prices.Scope, product_id: uuid.UUID, on: datetime.date) -> list[Offer]:
    """Return what of a product is sold at list prices in a country and currency, to nobody in particular.

    Raises `NotFound` for a product that is not this partner's.
    """
    facts = skus_of_product(by=by, product_id=product_id)
    if not facts:
        raise NotFound
    found: dict[uuid.UUID, list[prices.Found | None]] = {}
    for price in prices.prices_of_product(by=by, product_id=product_id, scope=scope, on=on):
        found.setdefault(price.sku_id, []).append(price)
    return [
        Offer(
            sku=sku,
            term=price.term if price else "",
            plan=price.plan if price else Plan.ONE_TIME.value,
            quantity=sku.minimum_quantity,
            currency=scope.currency,
            price_id=price.id if price else None,
            market=scope.market,
            segment=price.segment if price else "",
            list_price=price.list_price if price else Decimal(0),
            rate=None,
            unit_price=price.list_price if price else Decimal(0),
            cost=price.cost if price else None,
            reasons=()
            if price or sku.usage_based
            else (Reason(code="no_price", message=_("It has no price in this price list.")),),
        )
        for sku in facts
        for price in found.get(sku.id) or [None]
    ]


_SKU_COLUMNS = """s.id, s.external_id, s.title, s.description, s.unit, s.minimum_quantity, s.maximum_quantity,
    s.is_trial, s.usage_based, s.prerequisites, s.countries, s.attestation, s.active, p.id, p.external_id, p.title,
    p.category, p.shelf, p.active, v.code"""
_SKU_TABLES = """catalog_sku s
    JOIN catalog_product p ON p.partner_id = s.partner_id AND p.id = s.product_id
    JOIN catalog_vendor v ON v.partner_id = p.partner_id AND v.id = p.vendor_id"""


def sku_facts(*, by: Actor, sku_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, SkuFacts]:
    """Return what decides about SKUs, by id; ids of other partners are left out."""
    return {sku.id: sku for sku in _skus(by=by, where="s.id = ANY(%s)", value=list(sku_ids))}


def skus_of_product(*, by: Actor, product_id: uuid.UUID) -> list[SkuFacts]:
    """Return a product's SKUs by title; none for another partner's product."""
    return _skus(by=by, where="s.product_id = %s", value=product_id)


def _skus(*, by: Actor, where: str, value: uuid.UUID | list[uuid.UUID]) -> list[SkuFacts]:
    by.require(permissions.VIEW_MARKETPLACE)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_SKU_COLUMNS} FROM {_SKU_TABLES} WHERE s.partner_id = %s AND {where} "  # noqa: S608 - no values
            "ORDER BY s.is_trial, s.sort_title, s.id",
            [by.partner_id, value],
        )
        rows = cursor.fetchall()
    return [
        SkuFacts(
            id=row[0],
            external_id=row[1],
            title=row[2],
            description=row[3],
            unit=row[4],
            minimum_quantity=row[5],
            maximum_quantity=row[6],
            is_trial=row[7],
            usage_based=row[8],
            prerequisites=tuple(_listed(row[9])),
            countries=tuple(_listed(row[10])),
            attestation=row[11],
            active=row[12],
            product_id=row[13],
            product_external_id=row[14],
            product_title=row[15],
            category=Category(row[16]),
            shelf=row[17],
            product_active=row[18],
            vendor=VendorCode(row[19]),
        )
        for row in rows
    ]


def _listed(value: object) -> list[str]:
    """Return a JSON list whether the driver has parsed it or not."""
    parsed = json.loads(value) if isinstance(value, str) else value
    return [str(one) for one in parsed] if isinstance(parsed, list) else []


def _offer(
    *, buyer: Buyer, sku: SkuFacts, wanted: Wanted, price: prices.Found | None, rate: Rate | None, why: "_Why"
) -> Offer:
    scope = buyer.scope(sku.vendor)
    usage = price is None and sku.usage_based and wanted.plan == Plan.ONE_TIME
    list_price = price.list_price if price else Decimal(0)
    return Offer(
        sku=sku,
        term=wanted.term,
        plan=wanted.plan,
        quantity=wanted.quantity,
        currency=buyer.currency,
        price_id=price.id if price else None,
        market=price.market if price else scope.market,
        segment=price.segment if price else "",
        list_price=list_price,
        rate=rate,
        unit_price=discounts.price_after(list_price=list_price, percent=rate.percent if rate else Decimal(0)),
        cost=price.cost if price else None,
        reasons=tuple(why.reasons(sku=sku, wanted=wanted, priced=price is not None or usage)),
    )


class _Why:
    """Finds out why a line is not offered; what explains missing prices is asked once for all of them."""

    def __init__(self, *, by: Actor, buyer: Buyer, on: datetime.date, holding: frozenset[str]) -> None:
        self._by = by
        self._buyer = buyer
        self._on = on
        self._holding = holding
        self._general = buyers.reasons_not(by=by, buyer=buyer)
        self._microsoft = buyers.reasons_not_microsoft(buyer=buyer)
        self._sold: dict[uuid.UUID, list[prices.SoldAs]] = {}
        self._titles: dict[str, str] = {}

    def explain(self, *, skus: Sequence[SkuFacts], unpriced: Sequence[SkuFacts]) -> None:
        """Look up base products by name, and where SKUs without a price are sold: one statement for each country."""
        self._titles = base_titles(by=self._by, microsoft_ids={one for sku in skus for one in self._lacking(sku)})
        by_market: dict[str, list[uuid.UUID]] = {}
        for sku in unpriced:
            by_market.setdefault(self._buyer.scope(sku.vendor).market, []).append(sku.id)
        for market, sku_ids in by_market.items():
            for one in prices.sold_as(by=self._by, sku_ids=sku_ids, market=market, on=self._on):
                self._sold.setdefault(one.sku_id, []).append(one)

    def _lacking(self, sku: SkuFacts) -> tuple[str, ...]:
        return () if self._holding.intersection(sku.prerequisites) else sku.prerequisites

    def reasons(self, *, sku: SkuFacts, wanted: Wanted, priced: bool) -> list[Reason]:
        """Return every reason against a line, the product's own first."""
        reasons = []
        if not sku.active or not sku.product_active:
            reasons.append(Reason(code="inactive", message=_("It is no longer sold.")))
        elif sku.countries and self._buyer.scope(sku.vendor).market not in sku.countries:
            reasons.append(self._not_in_country(sku))
        elif not priced:
            reasons.append(self._no_price(sku))
        if not sku.usage_based and not _fits(sku, wanted.quantity):
            reasons.append(_quantity(sku))
        if self._lacking(sku):
            reasons.append(Reason(code="base_product", message=self._needs(sku)))
        if sku.vendor == VendorCode.MICROSOFT:
            reasons += self._microsoft
        return reasons + self._general

    def _not_in_country(self, sku: SkuFacts) -> Reason:
        country = addresses.country_name(self._buyer.scope(sku.vendor).market)
        return Reason(code="country", message=_("It is not sold in %(country)s.") % {"country": country})

    def _no_price(self, sku: SkuFacts) -> Reason:
        scope = self._buyer.scope(sku.vendor)
        sold = self._sold.get(sku.id, [])
        segments = {one.segment for one in sold if one.currency == scope.currency}
        currencies = sorted({one.currency for one in sold})
        if not sold:
            return self._not_in_country(sku)
        if not segments:
            return Reason(
                code="currency",
                message=_(
                    "It has no price in %(currency)s, the currency of the Partner Subscription; only in %(others)s."
                )
                % {"currency": scope.currency, "others": ", ".join(currencies)},
            )
        if "" not in segments and not segments.intersection(scope.segments):
            labels = [str(CustomerSegment(one).label) for one in sorted(segments) if one in CustomerSegment.values]
            return Reason(
                code="segment",
                message=_("Only for customers qualified at Microsoft as: %(segments)s.")
                % {"segments": ", ".join(labels) or ", ".join(sorted(segments))},
            )
        return Reason(code="no_price", message=_("It is not sold with this term, billing frequency and quantity."))

    def _needs(self, sku: SkuFacts) -> str:
        names = list(dict.fromkeys(self._titles.get(one, one) for one in sku.prerequisites))
        shown = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
        return _("It needs a base product first: %(names)s.") % {"names": shown}


def base_titles(*, by: Actor, microsoft_ids: Collection[str]) -> dict[str, str]:
    """Return the titles of SKUs by Microsoft's `productId:skuId`, as far as the catalogue knows them."""
    if not microsoft_ids:
        return {}
    pairs = [one.partition(":") for one in microsoft_ids]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT w.product || ':' || w.sku, s.title FROM unnest(%s::text[], %s::text[]) w(product, sku)
            JOIN catalog_vendor v ON v.partner_id = %s AND v.code = 'microsoft'
            JOIN catalog_product p ON p.partner_id = v.partner_id AND p.vendor_id = v.id AND p.external_id = w.product
            JOIN catalog_sku s ON s.partner_id = p.partner_id AND s.product_id = p.id AND s.external_id = w.sku
            """,
            [[pair[0] for pair in pairs], [pair[2] for pair in pairs], by.partner_id],
        )
        return dict(cursor.fetchall())


def _fits(sku: SkuFacts, quantity: int) -> bool:
    return sku.minimum_quantity <= quantity and (sku.maximum_quantity is None or quantity <= sku.maximum_quantity)


def _quantity(sku: SkuFacts) -> Reason:
    if sku.maximum_quantity is None:
        words = _("Buy at least %(least)s.") % {"least": sku.minimum_quantity}
    else:
        words = _("Buy between %(least)s and %(most)s.") % {
            "least": sku.minimum_quantity,
            "most": sku.maximum_quantity,
        }
    return Reason(code="quantity", message=words)
