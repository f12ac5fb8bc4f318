"""From shapes to Microsoft's requests about carts and subscriptions."""

import copy
from collections.abc import Sequence
from datetime import UTC, date

from msphub.microsoft import bodies
from msphub.microsoft import order_shapes as shapes

_OF_CHANGE = {
    "quantity": "quantity",
    "status": "status",
    "autoRenewEnabled": "auto_renew_enabled",
    "friendlyName": "friendly_name",
    "billingCycle": "billing_cycle",
    "termDuration": "term_duration",
    "partnerId": "partner_id",
}
_INSTRUCTIONS = {
    "scheduledNextTermInstructions": "scheduled_next_term",
    "nextChargeInstructions": "next_charge",
}


def cart(*, lines: Sequence[shapes.NewLine]) -> bodies.Body:
    """Return a cart with these lines, numbered from 0; refuses (ValueError) an empty one.

    A line with resellers needs the partner's word that they are rightly named (900206): sending them gives it.
    """
    if not lines:
        raise ValueError("a cart has at least one line")
    body: bodies.Body = {"lineItems": [_line(number, line) for number, line in enumerate(lines)]}
    if any(line.resellers for line in lines):
        body["PartnerOnRecordAttestationAccepted"] = True
    return body


def changed_cart(*, read: shapes.Cart, lines: Sequence[shapes.NewLine]) -> bodies.Body:
    """Return the whole cart as it was read, with these lines in the place of its own (contract §8.2)."""
    body = copy.deepcopy(dict(read.raw))
    bodies.put(body, "id", read.id)
    for name, value in cart(lines=lines).items():
        bodies.put(body, name, value)
    return body


def subscription(*, subscription: shapes.Subscription, change: shapes.SubscriptionChange) -> bodies.Body:
    """Return the whole resource as it was read, with the change laid over it (contract §10.2).

    The whole, because Microsoft takes away what a change leaves out: automatic renewal and planned changes.
    """
    body = copy.deepcopy(dict(subscription.raw))
    for name, attribute in _OF_CHANGE.items():
        value = getattr(change, attribute)
        if value is not shapes.KEEP:
            bodies.put(body, name, value)
    for name, attribute in _INSTRUCTIONS.items():
        wanted = getattr(change, attribute)
        if wanted is None:
            bodies.drop(body, name)
        elif wanted is not shapes.KEEP:
            bodies.put(body, name, _instructions(wanted))
    if change.scheduled_actions is not shapes.KEEP:
        bodies.put(body, "scheduledActions", [_scheduled(action) for action in change.scheduled_actions])
    return body


def _line(number: int, line: shapes.NewLine) -> bodies.Body:
    participants = [
        {"key": "additional_transaction_reseller" if place else "transaction_reseller", "value": reseller}
        for place, reseller in enumerate(line.resellers)
    ]
    return bodies.known(
        {
            "id": number,
            "catalogItemId": line.catalog_item_id,
            "quantity": line.quantity,
            "billingCycle": line.billing_cycle,
            "termDuration": line.term_duration,
            "friendlyName": line.friendly_name,
            "currencyCode": line.currency_code,
            "orderGroup": line.order_group,
            "participants": [participants] if participants else None,
            "provisioningContext": dict(line.provisioning_context) or None,
            "promotionId": line.promotion_id,
            "renewsTo": {"termDuration": line.renews_to_term} if line.renews_to_term else None,
            "attestationAccepted": line.is_attestation_accepted,
            "customTermEndDate": _midnight(line.custom_term_ends_on),
        }
    )


def _instructions(wanted: shapes.Instructions) -> bodies.Body:
    return bodies.known(
        {
            "product": bodies.known(
                {
                    "productId": wanted.product_id,
                    "skuId": wanted.sku_id,
                    "availabilityId": wanted.availability_id,
                    "billingCycle": wanted.billing_cycle,
                    "termDuration": wanted.term_duration,
                    "promotionId": wanted.promotion_id,
                }
            ),
            "quantity": wanted.quantity,
            "customTermEndDate": _midnight(wanted.custom_term_ends_on),
        }
    )


def _scheduled(action: shapes.ScheduledAction) -> bodies.Body:
    moment = action.effective_at.astimezone(UTC) if action.effective_at is not None else None
    return bodies.known(
        {
            "scheduleType": action.schedule_type,
            "actionType": action.action_type,
            "effectiveDate": moment.isoformat().removesuffix("+00:00") + "Z" if moment is not None else None,
            "instructions": _instructions(action.instructions) if action.instructions is not None else None,
        }
    )


def _midnight(day: date | None) -> str | None:
    return f"{day.isoformat()}T00:00:00Z" if day is not None else None
