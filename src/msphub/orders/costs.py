"""What an order's items cost the partner. Only the partner's own scope knows it, so the order's job records it."""

from msphub.catalog import prices
from msphub.customers import buyers, offers
from msphub.kit.actor import Actor
from msphub.orders.models import Order, OrderItem, OrderItemCost


def record(*, by: Actor, order: Order) -> None:
    """Record the cost of every item that has none yet: one unit, one billing period, at the day it starts.

    A second call records nothing; an item whose cost is not known stays without.
    """
    items = list(OrderItem.objects.filter(partner_id=by.partner_id, order=order, cost__isnull=True))
    for account_id in dict.fromkeys(item.csp_account_id for item in items):
        own = [item for item in items if item.csp_account_id == account_id]
        buyer = buyers.get_buyer(by=by, customer_id=order.customer_id, account_id=account_id)
        wanted = [
            offers.Wanted(sku_id=item.sku_id, term=item.term, plan=item.plan, quantity=item.quantity) for item in own
        ]
        for item, offer in zip(
            own, offers.offers_for(by=by, buyer=buyer, wanted=wanted, on=own[0].starts_on), strict=True
        ):
            if offer is not None and offer.cost_per_period is not None:
                OrderItemCost.objects.get_or_create(
                    order_item=item,
                    defaults={"partner_id": by.partner_id, "unit_cost": prices.kept(offer.cost_per_period)},
                )
