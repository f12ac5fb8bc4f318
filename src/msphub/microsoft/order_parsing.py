"""From Microsoft's answers to carts, orders and subscriptions. What lacks an id is left out of lists."""

from typing import cast

from msphub.microsoft import advice, reading
from msphub.microsoft import order_shapes as shapes


def cart(value: object) -> shapes.Cart | None:
    """Return a cart, None for an answer without an id."""
    members = reading.Members(value)
    cart_id = members.text("id", "cartId")
    if not cart_id:
        return None
    return shapes.Cart(
        id=cart_id,
        status=members.text("status"),
        created_at=members.moment("creationTimestamp"),
        changed_at=members.moment("lastModifiedTimestamp"),
        expires_at=members.moment("expirationTimestamp"),
        changed_by=members.text("lastModifiedUser"),
        lines=tuple(_cart_line(line) for line in members.children("lineItems")),
        raw=cast("dict[str, object]", value),
    )


def _cart_line(members: reading.Members) -> shapes.CartLine:
    context = members.get("provisioningContext")
    return shapes.CartLine(
        number=members.number("id", "lineItemNumber"),
        catalog_item_id=members.text("catalogItemId", "catalogId") or "",
        quantity=members.number("quantity"),
        billing_cycle=members.text("billingCycle"),
        term_duration=members.text("termDuration") or None,
        friendly_name=members.text("friendlyName"),
        currency=members.text("currencyCode"),
        order_group=members.text("orderGroup"),
        promotion_id=members.text("promotionId"),
        renews_to_term=_renews_to(members),
        custom_term_ends_on=members.day("customTermEndDate"),
        provisioning_context=context if isinstance(context, dict) else {},
        pricing=_pricing(members),
        error=_line_error(members),
    )


def _line_error(members: reading.Members) -> shapes.LineError | None:
    """Return why a line can't be bought. Whatever is told there is a reason: an error is never taken for none."""
    told = members.get("error")
    error = reading.Members(told)
    name = error.text("errorCode", "code")
    code = error.number("errorCode", "code")
    if code is None:
        code = advice.cart_error_code(name=name)
    description = error.text("errorDescription", "description", "message") or (told if isinstance(told, str) else "")
    if code is None and not description and not name:
        return None
    more = error.get("additionalInformation")
    numbers = reading.Members(more)
    return shapes.LineError(
        code=code,
        description=description or (name if code is None and name else ""),
        available_quantity=numbers.number("availableQuantity"),
        purchased_quantity=numbers.number("purchasedQuantity"),
        additional=more if isinstance(more, dict) else {},
    )


def checkout_result(value: object) -> shapes.CheckoutResult | None:
    """Return what became of a cart, None where the answer doesn't tell it of all of the cart.

    A bare Order is a result too (contract §18); a cart, which has an id as well, is none.
    """
    members = reading.Members(value)
    if not members.has("orders", "orderErrors"):
        entries = reading.entries(value)
        if any(not _is_order(entry) for entry in entries):
            return None
    else:
        entries = reading.entries(members.get("orders"))
    found = [order(entry) for entry in entries]
    failed = tuple(
        shapes.OrderError(
            order_group=entry.text("orderGroupId", "orderGroup"),
            code=entry.number("code", "errorCode"),
            description=entry.text("description", "errorDescription", "message") or "",
        )
        for entry in members.children("orderErrors")
    )
    known = tuple(one for one in found if one is not None)
    is_told = bool(known or failed) and len(known) == len(found)
    return shapes.CheckoutResult(orders=known, errors=failed) if is_told else None


def _is_order(value: object) -> bool:
    members = reading.Members(value)
    kind = members.child("attributes").text("objectType")
    return kind.casefold() == "order" if kind else not members.has("creationTimestamp", "code", "error")


def order(value: object) -> shapes.Order | None:
    """Return an order, None for an answer without an id."""
    members = reading.Members(value)
    order_id = members.text("id", "orderId")
    if not order_id:
        return None
    return shapes.Order(
        id=order_id,
        alternate_id=members.text("alternateId"),
        customer_id=members.text("referenceCustomerId"),
        status=members.text("status"),
        transaction_type=members.text("transactionType"),
        billing_cycle=members.text("billingCycle"),
        currency=members.text("currencyCode"),
        total_price=members.decimal("totalPrice"),
        created_at=members.moment("creationDate"),
        etag=members.child("attributes").text("etag") or None,
        lines=tuple(_order_line(line) for line in members.children("lineItems")),
    )


def _order_line(members: reading.Members) -> shapes.OrderLine:
    return shapes.OrderLine(
        number=members.number("lineItemNumber", "id"),
        catalog_item_id=members.text("offerId", "catalogItemId") or "",
        subscription_id=members.text("subscriptionId") or None,
        parent_subscription_id=members.text("parentSubscriptionId") or None,
        quantity=members.number("quantity"),
        term_duration=members.text("termDuration") or None,
        transaction_type=members.text("transactionType"),
        friendly_name=members.text("friendlyName"),
        custom_term_ends_on=members.day("customTermEndDate"),
        partner_id_on_record=members.text("partnerIdOnRecord"),
        additional_partner_ids_on_record=members.texts("additionalPartnerIdsOnRecord"),
        promotion_id=members.text("promotionId"),
        renews_to_term=_renews_to(members),
        pricing=_pricing(members),
    )


def line_provisioning(value: object) -> tuple[shapes.LineProvisioning, ...]:
    """Return how far each line of an order is."""
    return tuple(
        shapes.LineProvisioning(
            line_number=members.number("lineItemNumber", "orderLineItemId"),
            status=members.text("status"),
            quantities=tuple(
                (entry.text("status") or "", entry.number("quantity") or 0)
                for entry in members.children("quantityProvisioningInformation")
            ),
        )
        for members in reading.objects(value)
    )


def subscription(value: object) -> shapes.Subscription | None:
    """Return a subscription, None for an answer without an id."""
    members = reading.Members(value)
    subscription_id = members.text("id", "subscriptionId")
    if not subscription_id:
        return None
    kind = members.child("productType")
    return shapes.Subscription(
        id=subscription_id,
        offer_id=members.text("offerId"),
        offer_name=members.text("offerName"),
        friendly_name=members.text("friendlyName"),
        product_type_id=kind.text("id") or members.text("productType"),
        publisher_name=members.text("publisherName"),
        unit_type=members.text("unitType"),
        quantity=members.number("quantity"),
        status=members.text("status"),
        auto_renew_enabled=members.flag("autoRenewEnabled"),
        is_trial=members.flag("isTrial") or False,
        is_microsoft_product=members.flag("isMicrosoftProduct"),
        has_purchasable_addons=members.flag("hasPurchasableAddons"),
        created_at=members.moment("creationDate"),
        effective_starts_at=members.moment("effectiveStartDate"),
        commitment_ends_on=members.day("commitmentEndDate", "commitmentEndDateTime"),
        commitment_ends_at=members.moment("commitmentEndDateTime"),
        cancellation_allowed_until=members.moment("cancellationAllowedUntilDate"),
        refundable=_refundable(members.child("refundableQuantity")),
        refund_options=tuple(_refund_option(entry) for entry in members.children("refundOptions")),
        billing_type=members.text("billingType"),
        billing_cycle=members.text("billingCycle"),
        billing_cycle_ends_on=members.day("billingCycleEndDate", "billingCycleEndDateTime"),
        term_duration=members.text("termDuration") or None,
        renewal_term_duration=members.text("renewalTermDuration") or None,
        promotion_id=members.text("promotionId") or None,
        partner_id=members.text("partnerId") or None,
        parent_subscription_id=members.text("parentSubscriptionId") or None,
        entitlement_id=members.text("entitlementId"),
        order_id=members.text("orderId"),
        migrated_from_subscription_id=members.text("migratedFromSubscriptionId") or None,
        consumption_type=members.text("consumptionType"),
        contract_type=members.text("contractType"),
        suspension_reasons=members.texts("suspensionReasons"),
        actions=members.texts("actions"),
        scheduled_next_term=_instructions(members.child("scheduledNextTermInstructions")),
        next_charge=_instructions(members.child("nextChargeInstructions")),
        scheduled_actions=tuple(_scheduled_action(entry) for entry in members.children("scheduledActions")),
        etag=members.child("attributes").text("etag") or members.text("etag") or None,
        raw=cast("dict[str, object]", value),
    )


def subscription_provisioning(value: object) -> shapes.SubscriptionProvisioning:
    """Return whether a subscription's licences are there."""
    members = reading.Members(value)
    return shapes.SubscriptionProvisioning(
        status=members.text("status"),
        sku_id=members.text("skuId"),
        quantity=members.number("quantity"),
        ends_at=members.moment("endDate"),
    )


def term_end(members: reading.Members) -> shapes.TermEnd | None:
    """Return a day that a new term may end on, None for an entry without one."""
    day = members.day("allowedCustomTermEndDate")
    if day is None:
        return None
    return shapes.TermEnd(
        ends_on=day,
        kind=members.text("allowedCustomTermEndDateType") or "",
        subscription_ids=members.texts("cotermSubscriptionIds"),
    )


def _pricing(members: reading.Members) -> shapes.Pricing | None:
    pricing = members.child("pricing")
    if not pricing:
        return None
    return shapes.Pricing(
        list_price=pricing.decimal("listPrice"),
        discounted_price=pricing.decimal("discountedPrice"),
        prorated_price=pricing.decimal("proratedPrice"),
        price=pricing.decimal("price"),
        extended_price=pricing.decimal("extendedPrice"),
    )


def _renews_to(members: reading.Members) -> str | None:
    """Return the term a line renews to: an object, or a list of one in some orders."""
    for entry in members.children("renewsTo"):
        return entry.text("termDuration", "duration")
    return None


def _refundable(members: reading.Members) -> shapes.Refundable | None:
    batches = tuple(
        shapes.RefundableBatch(quantity=quantity, allowed_until=entry.moment("allowedUntilDateTime"))
        for entry in members.children("details")
        if (quantity := entry.number("quantity")) is not None
    )
    total = members.number("totalQuantity")
    if total is None and not batches:
        return None
    return shapes.Refundable(
        total_quantity=sum(batch.quantity for batch in batches) if total is None else total, batches=batches
    )


def _refund_option(members: reading.Members) -> shapes.RefundOption:
    """Return a refund option; its instant has either of two names, the second of which is a duration elsewhere."""
    expires_at = members.moment("expiresAt") or members.moment("expiresAfter")
    return shapes.RefundOption(
        type=members.text("type") or "",
        expires_at=expires_at,
        expires_after=members.text("expiresAfter") if expires_at is None else None,
    )


def _instructions(members: reading.Members) -> shapes.Instructions | None:
    if not members:
        return None
    product = members.child("product")
    return shapes.Instructions(
        product_id=product.text("productId", "id"),
        sku_id=product.text("skuId"),
        availability_id=product.text("availabilityId"),
        billing_cycle=product.text("billingCycle"),
        term_duration=product.text("termDuration"),
        promotion_id=product.text("promotionId"),
        quantity=members.number("quantity"),
        custom_term_ends_on=members.day("customTermEndDate"),
    )


def _scheduled_action(members: reading.Members) -> shapes.ScheduledAction:
    return shapes.ScheduledAction(
        schedule_type=members.text("scheduleType"),
        action_type=members.text("actionType"),
        effective_at=members.moment("effectiveDate"),
        instructions=_instructions(members.child("instructions")),
    )
