"""From Microsoft's answers to shapes of the catalogue. What lacks an id can't be bought and is left out."""

from collections.abc import Iterable

from msphub.microsoft import catalog_shapes as shapes
from msphub.microsoft import reading


def product(members: reading.Members) -> shapes.Product | None:
    """Return a product; the type comes as an object, and as a bare name in older answers."""
    product_id = members.text("id", "productId")
    if not product_id:
        return None
    kind = members.child("productType")
    return shapes.Product(
        id=product_id,
        title=members.text("title"),
        description=members.text("description"),
        type_id=kind.text("id") or members.text("productType"),
        type_name=kind.text("displayName"),
        sub_type_id=kind.text("subType"),
        is_microsoft_product=members.flag("isMicrosoftProduct"),
        publisher_name=members.text("publisherName"),
    )


def sku(members: reading.Members, *, product_id: str = "") -> shapes.Sku | None:
    """Return a SKU; `product_id` is what was asked for, where the answer doesn't repeat it."""
    sku_id = members.text("id", "skuId")
    if not sku_id:
        return None
    dynamic = members.child("dynamicAttributes")
    attestation = members.child("attestationProperties")
    known = members.get("dynamicAttributes")
    return shapes.Sku(
        product_id=members.text("productId") or product_id,
        id=sku_id,
        title=members.text("title"),
        description=members.text("description"),
        minimum_quantity=members.number("minimumQuantity"),
        maximum_quantity=members.number("maximumQuantity"),
        is_trial=members.flag("isTrial") or False,
        billing_cycles=members.texts("supportedBillingCycles"),
        purchase_prerequisites=members.texts("purchasePrerequisites"),
        inventory_variables=members.texts("inventoryVariables"),
        provisioning_variables=members.texts("provisioningVariables"),
        is_addon=dynamic.flag("isAddon") or False,
        has_constraints=dynamic.flag("hasConstraints"),
        prerequisite_skus=dynamic.texts("prerequisiteSkus"),
        upgrade_targets=dynamic.texts("upgradeTargetOffers"),
        provisioning_id=dynamic.text("provisioningId"),
        attestation_type=attestation.text("attestationType"),
        must_attest=attestation.flag("enforceAttestation") or False,
        consumption_type=members.text("consumptionType"),
        dynamic_attributes=known if isinstance(known, dict) else {},
    )


def availability(members: reading.Members, *, product_id: str = "", sku_id: str = "") -> shapes.Availability | None:
    """Return an availability; the ids are what was asked for, where the answer doesn't repeat them."""
    availability_id = members.text("id")
    item = members.text("catalogItemId", "catalogId")
    if not availability_id and item and item.count(":") == 2:
        availability_id = item.rpartition(":")[2]
    if not availability_id:
        return None
    product_id = members.text("productId") or product_id
    sku_id = members.text("skuId") or sku_id
    return shapes.Availability(
        id=availability_id,
        product_id=product_id,
        sku_id=sku_id,
        catalog_item_id=item or f"{product_id}:{sku_id}:{availability_id}",
        currency=members.child("defaultCurrency").text("code") or members.text("defaultCurrency"),
        segment=members.text("segment"),
        country=members.text("country"),
        is_purchasable=members.flag("isPurchasable"),
        is_renewable=members.flag("isRenewable"),
        terms=tuple(_term(entry) for entry in members.children("terms")),
        renewals=tuple(
            shapes.RenewalOption(
                term_ids=instruction.texts("applicableTermIds"),
                renews_to=option.text("renewToId", "renewsToId"),
                is_auto_renewable=option.flag("isAutoRenewable"),
            )
            for instruction in members.children("renewalInstructions")
            for option in instruction.children("renewalOptions")
        ),
    )


def promotion(members: reading.Members) -> shapes.Promotion | None:
    """Return a promotion; its properties come as an object or as a list of one."""
    promotion_id = members.text("id", "promotionId")
    if not promotion_id:
        return None
    properties = next(iter(members.children("properties")), reading.Members(None))
    known = members.get("promotionConstraints")
    return shapes.Promotion(
        id=promotion_id,
        name=members.text("name"),
        description=members.text("description"),
        starts_at=members.moment("startDate"),
        ends_at=members.moment("endDate"),
        is_auto_applicable=properties.flag("isAutoApplicable"),
        products=_promoted(members.children("requiredProducts")),
        seat_constraints=tuple(
            shapes.SeatConstraint(
                type=entry.text("type"), minimum=entry.number("minSeats"), maximum=entry.number("maxSeats")
            )
            for entry in members.child("promotionConstraints").children("seatConstraints")
        ),
        constraints=known if isinstance(known, dict) else {},
    )


def eligibility_answers(value: object) -> tuple[shapes.EligibilityAnswer, ...]:
    """Return what promotions each question can have."""
    found = []
    for place, members in enumerate(reading.objects(value)):
        number = members.number("id")
        found.append(
            shapes.EligibilityAnswer(
                number=place if number is None else number,
                catalog_item_id=members.text("catalogItemId", "catalogId"),
                eligibilities=tuple(_eligibility(entry) for entry in members.children("eligibilities")),
            )
        )
    return tuple(found)


def stock(members: reading.Members) -> shapes.Stock:
    """Return whether a SKU can be had; what Microsoft gives a reason against can't, whatever the flag says."""
    restrictions = tuple(
        shapes.Restriction(reason=entry.text("reasonCode") or "", description=entry.text("description"))
        for entry in members.children("restrictions")
    )
    return shapes.Stock(
        product_id=members.text("productId") or "",
        sku_id=members.text("skuId"),
        is_restricted=members.flag("isRestricted") or bool(restrictions),
        restrictions=restrictions,
    )


def _term(members: reading.Members) -> shapes.AvailabilityTerm:
    renewals = (
        option.child("term").text("duration") or option.text("termDuration", "duration")
        for option in members.children("renewalOptions")
    )
    return shapes.AvailabilityTerm(
        id=members.text("id"),
        duration=members.text("duration", "termDuration") or None,
        billing_cycle=members.text("billingCycle"),
        description=members.text("description"),
        refund_policies=tuple(
            shapes.RefundPolicy(
                type=option.text("type") or "",
                expires_after=option.text("expiresAfter"),
                sequence=option.number("sequenceId"),
            )
            for policy in members.children("cancellationPolicies")
            for option in policy.children("refundOptions")
        ),
        renewal_term_durations=tuple(duration for duration in renewals if duration),
    )


def _promoted(entries: Iterable[reading.Members]) -> tuple[shapes.PromotedProduct, ...]:
    return tuple(
        shapes.PromotedProduct(
            product_id=entry.text("productId") or "",
            sku_id=entry.text("skuId"),
            term_duration=entry.child("term").text("duration", "termDuration"),
            billing_cycle=entry.child("term").text("billingCycle"),
            pricing_policies=tuple(
                shapes.PricingPolicy(type=policy.text("policyType", "type") or "", value=policy.decimal("value"))
                for policy in entry.children("pricingPolicies")
            ),
        )
        for entry in entries
    )


def _eligibility(members: reading.Members) -> shapes.Eligibility:
    return shapes.Eligibility(
        promotion_id=members.text("promotionId"),
        is_eligible=members.flag("isEligible") or False,
        errors=tuple(
            shapes.EligibilityError(type=entry.text("type") or "", description=entry.text("description"))
            for entry in members.children("errors")
        ),
    )
