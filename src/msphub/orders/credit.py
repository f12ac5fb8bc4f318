"""How far a customer's credit reaches: exposure against the limit of its terms, with the figures.

Until invoices exist, exposure is open orders and this period's charges of what the customer holds (product.md §3); the
invoices take their place behind the same query.
"""

import dataclasses
import datetime
import uuid
from decimal import Decimal

from django.db import connection
from django.utils.translation import gettext as _

from msphub.customers.choices import OnReach
from msphub.entitlements.choices import BILLED
from msphub.kit import money
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused
from msphub.orders.choices import OPEN

FIRST_WARNING_PERCENT = 70
SECOND_WARNING_PERCENT = 85

_EXPOSURE = """
    SELECT
        coalesce((
            SELECT sum(item.extended_price) FROM orders_orderitem item
            JOIN orders_order o ON o.partner_id = item.partner_id AND o.id = item.order_id
            WHERE o.partner_id = %(partner)s AND o.customer_id = %(customer)s AND o.currency = %(currency)s
                AND o.status = ANY(%(open)s) AND item.status IN ('waiting', 'sent')
        ), 0),
        coalesce((
            SELECT sum(round(period.unit_price * period.quantity, 2)) FROM entitlements_purchasedproduct product
            JOIN entitlements_holdingperiod period
                ON period.partner_id = product.partner_id AND period.purchased_product_id = product.id
                AND period.starts_on <= %(on)s AND (period.ends_on IS NULL OR period.ends_on > %(on)s)
            WHERE product.partner_id = %(partner)s AND product.customer_id = %(customer)s
                AND period.currency = %(currency)s AND period.state = ANY(%(billed)s)
                AND (product.term_ends_on IS NULL OR product.term_ends_on > %(on)s)
        ), 0)
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What a customer owes or will owe, in `currency`, against the limit of its credit term."""

    currency: str
    limit: Decimal
    open_orders: Decimal
    charges: Decimal
    unlimited: bool

    @property
    def used(self) -> Decimal:
        """The sum of it."""
        return self.open_orders + self.charges

    @property
    def percent(self) -> int:
        """How much of the limit is used, in whole percent, rounded down; 100 when there is no limit to use."""
        return int(self.used * 100 / self.limit) if self.limit else 100


def exposure(*, by: Actor, customer_id: uuid.UUID, on: datetime.date) -> Exposure:
    """Return a customer's exposure on a day and the limit of its terms; raises `NotFound`, also for a sibling's id."""
    if by.customer_id is not None and by.customer_id != customer_id:
        raise NotFound
    with connection.cursor() as cursor:
        cursor.execute("SELECT credit_limit, currency, on_reach FROM orders_credit_of(%s)", [customer_id])
        terms = cursor.fetchone()
        if terms is None:
            raise NotFound
        limit, currency, on_reach = terms
        cursor.execute(
            _EXPOSURE,
            {
                "partner": by.partner_id,
                "customer": customer_id,
                "currency": currency,
                "on": on,
                "open": [one.value for one in OPEN],
                "billed": [one.value for one in BILLED],
            },
        )
        open_orders, charges = cursor.fetchone()
    return Exposure(
        currency=currency,
        limit=limit,
        open_orders=open_orders,
        charges=charges,
        unlimited=on_reach == OnReach.NO_ACTION,
    )


def check(*, by: Actor, customer_id: uuid.UUID, amount: Decimal, on: datetime.date) -> Exposure:
    """Refuse an order that takes the customer past its limit, with the figures, unless its term takes no action.

    The caller holds the customer's row locked: two orders at once can't both fit.
    """
    found = exposure(by=by, customer_id=customer_id, on=on)
    refuse_past(found, amount=amount)
    return found


def refuse_past(found: Exposure, *, amount: Decimal) -> None:
    """Refuse an amount that takes an exposure past its limit, with the figures, unless the term takes no action."""
    if not found.unlimited and found.used + amount > found.limit:
        raise Refused(
            "credit_limit",
            _(
                "This order of %(amount)s goes past the credit limit of %(limit)s: %(used)s are in use "
                "(open orders %(orders)s, this period's charges %(charges)s), %(left)s are left."
            )
            % {
                "amount": money.shown(amount, found.currency),
                "limit": money.shown(found.limit, found.currency),
                "used": money.shown(found.used, found.currency),
                "orders": money.shown(found.open_orders, found.currency),
                "charges": money.shown(found.charges, found.currency),
                "left": money.shown(max(found.limit - found.used, Decimal(0)), found.currency),
            },
        )
