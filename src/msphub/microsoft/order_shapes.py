"""Carts, orders and subscriptions at Microsoft, as values. Enumerations stay strings; compare them without case."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from msphub.microsoft import advice

# What `Subscription.status` may be set to (contract §10.2).
ACTIVE, SUSPENDED, DELETED = "active", "suspended", "deleted"


@dataclass(frozen=True, kw_only=True)
class Pricing:
    """What Microsoft asks of the partner for a line. `extended_price` covers the whole term (contract §8.1)."""

    list_price: Decimal | None = None
    discounted_price: Decimal | None = None
    prorated_price: Decimal | None = None
    price: Decimal | None = None
    extended_price: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class NewLine:
    """A line to be put into a cart. `catalog_item_id` is `product:sku:availability`, read just before.

    `term_duration` is left out for the Azure plan and perpetual software. `resellers` are MPN ids, the first one of the
    transaction, the others additional. Lines of the same `order_group` become one order. `provisioning_context` carries
    what the SKU asks for, for an add-on `ParentSubscriptionId`.
    """

    catalog_item_id: str
    quantity: int
    billing_cycle: str
    term_duration: str | None = None
    friendly_name: str | None = None
    currency_code: str | None = None
    order_group: str | None = None
    resellers: tuple[str, ...] = ()
    provisioning_context: Mapping[str, str] = field(default_factory=dict)
    promotion_id: str | None = None
    renews_to_term: str | None = None
    is_attestation_accepted: bool | None = None
    custom_term_ends_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class LineError:
    """Why a line of a cart can't be bought: `code` is a CartErrorCode (errors.md §4).

    `available_quantity` is what may still be bought, `purchased_quantity` what the customer has, where told;
    `additional` is all that Microsoft added.
    """

    code: int | None
    description: str
    available_quantity: int | None = None
    purchased_quantity: int | None = None
    additional: Mapping[str, object] = field(default_factory=dict, repr=False)

    @property
    def message(self) -> str:
        """Return the reason in plain words, Microsoft's own where there are no plainer ones."""
        return advice.of_cart_line(code=self.code) or self.description or "Microsoft can't sell this line."


@dataclass(frozen=True, kw_only=True)
class CartLine:
    """A line of a cart, as Microsoft has it."""

    number: int | None
    catalog_item_id: str
    quantity: int | None = None
    billing_cycle: str | None = None
    term_duration: str | None = None
    friendly_name: str | None = None
    currency: str | None = None
    order_group: str | None = None
    promotion_id: str | None = None
    renews_to_term: str | None = None
    custom_term_ends_on: date | None = None
    provisioning_context: Mapping[str, object] = field(default_factory=dict)
    pricing: Pricing | None = None
    error: LineError | None = None


@dataclass(frozen=True, kw_only=True)
class Cart:
    """A cart. It can be changed and bought while `Active`, for seven days. `raw` is the whole of it, as read."""

    id: str
    status: str | None = None
    created_at: datetime | None = None
    changed_at: datetime | None = None
    expires_at: datetime | None = None
    changed_by: str | None = None
    lines: tuple[CartLine, ...] = ()
    raw: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)

    @property
    def refused_lines(self) -> tuple[CartLine, ...]:
        """Return the lines that can't be bought: an answer of 201 may have some."""
        return tuple(line for line in self.lines if line.error is not None)


@dataclass(frozen=True, kw_only=True)
class OrderLine:
    """A line of an order. `subscription_id` may come minutes later: read the order again (contract §8.3).

    `catalog_item_id` is what Microsoft calls the offer id.
    """

    number: int | None
    catalog_item_id: str
    subscription_id: str | None = None
    parent_subscription_id: str | None = None
    quantity: int | None = None
    term_duration: str | None = None
    transaction_type: str | None = None
    friendly_name: str | None = None
    custom_term_ends_on: date | None = None
    partner_id_on_record: str | None = None
    additional_partner_ids_on_record: tuple[str, ...] = ()
    promotion_id: str | None = None
    renews_to_term: str | None = None
    pricing: Pricing | None = None


@dataclass(frozen=True, kw_only=True)
class Order:
    """An order. Lists lag up to a quarter of an hour behind."""

    id: str
    alternate_id: str | None = None
    customer_id: str | None = None
    status: str | None = None
    transaction_type: str | None = None
    billing_cycle: str | None = None
    currency: str | None = None
    total_price: Decimal | None = None
    created_at: datetime | None = None
    etag: str | None = None
    lines: tuple[OrderLine, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OrderError:
    """Why a group of lines was not bought, beside others that may have been."""

    order_group: str | None
    code: int | None
    description: str

    @property
    def message(self) -> str:
        """Return the reason in plain words, Microsoft's own where there are no plainer ones."""
        return advice.of_code(code=self.code) or self.description or "Microsoft refused this order."


@dataclass(frozen=True, kw_only=True)
class CheckoutResult:
    """What became of a cart: orders, errors, or some of each (contract §8.3)."""

    orders: tuple[Order, ...] = ()
    errors: tuple[OrderError, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Say whether everything was bought."""
        return bool(self.orders) and not self.errors


@dataclass(frozen=True, kw_only=True)
class LineProvisioning:
    """How far a line of an order is: fulfilled, unfulfilled, prefulfillmentPending; `quantities` by status."""

    line_number: int | None
    status: str | None
    quantities: tuple[tuple[str, int], ...] = ()

    @property
    def is_fulfilled(self) -> bool:
        """Say whether all of the line is there."""
        return (self.status or "").casefold() == "fulfilled"


@dataclass(frozen=True, kw_only=True)
class RefundableBatch:
    """Seats that may be given back until an instant."""

    quantity: int
    allowed_until: datetime | None


@dataclass(frozen=True, kw_only=True)
class Refundable:
    """How many seats may be given back now, by the batches they were bought in (nce-rules.md §3)."""

    total_quantity: int
    batches: tuple[RefundableBatch, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RefundOption:
    """A refund (Full, Partial) and until when; `expires_after` is a duration, should Microsoft send one instead."""

    type: str
    expires_at: datetime | None = None
    expires_after: str | None = None


@dataclass(frozen=True, kw_only=True)
class Instructions:
    """What a subscription becomes, at its renewal or with its next charge."""

    product_id: str | None = None
    sku_id: str | None = None
    availability_id: str | None = None
    billing_cycle: str | None = None
    term_duration: str | None = None
    promotion_id: str | None = None
    quantity: int | None = None
    custom_term_ends_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class ScheduledAction:
    """What happens to a subscription at the end of its term or on a day (contract §10.4)."""

    schedule_type: str | None
    action_type: str | None
    effective_at: datetime | None = None
    instructions: Instructions | None = None


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A subscription of a customer. `etag` is that of this reading: never store it, read anew before a change.

    `offer_id` is `product:sku:availability` for new commerce. `commitment_ends_on` is the last day, inclusive.
    `raw` is the whole resource as read, because a change sends the whole resource back.
    """

    id: str
    offer_id: str | None = None
    offer_name: str | None = None
    friendly_name: str | None = None
    product_type_id: str | None = None
    publisher_name: str | None = None
    unit_type: str | None = None
    quantity: int | None = None
    status: str | None = None
    auto_renew_enabled: bool | None = None
    is_trial: bool = False
    is_microsoft_product: bool | None = None
    has_purchasable_addons: bool | None = None
    created_at: datetime | None = None
    effective_starts_at: datetime | None = None
    commitment_ends_on: date | None = None
    commitment_ends_at: datetime | None = None
    cancellation_allowed_until: datetime | None = None
    refundable: Refundable | None = None
    refund_options: tuple[RefundOption, ...] = ()
    billing_type: str | None = None
    billing_cycle: str | None = None
    billing_cycle_ends_on: date | None = None
    term_duration: str | None = None
    renewal_term_duration: str | None = None
    promotion_id: str | None = None
    partner_id: str | None = None
    parent_subscription_id: str | None = None
    entitlement_id: str | None = None
    order_id: str | None = None
    migrated_from_subscription_id: str | None = None
    consumption_type: str | None = None
    contract_type: str | None = None
    suspension_reasons: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    scheduled_next_term: Instructions | None = None
    next_charge: Instructions | None = None
    scheduled_actions: tuple[ScheduledAction, ...] = ()
    etag: str | None = None
    raw: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_new_commerce_licence(self) -> bool:
        """Say whether it is licences by seat of the new commerce, to which nce-rules.md applies."""
        return (self.product_type_id or "").casefold() == "onlineservicesnce"


class Keep(enum.Enum):
    """Stands for what a change leaves as it is; None takes something away."""

    KEEP = "keep"


KEEP = Keep.KEEP


@dataclass(frozen=True, kw_only=True)
class SubscriptionChange:
    """What is to be different about a subscription. Quantities are absolute: a repetition changes nothing.

    `scheduled_next_term=None` takes a planned change away. `status` is active, suspended or deleted, the last of which
    cancels for good. Automatic renewal switched off alone makes what ends go on month by month at a higher price
    (extended service term): `scheduled_actions` with `END_WITH_TERM` ends it (contract §10.4).
    """

    quantity: int | Keep = KEEP
    status: str | Keep = KEEP
    auto_renew_enabled: bool | Keep = KEEP
    friendly_name: str | Keep = KEEP
    billing_cycle: str | Keep = KEEP
    term_duration: str | Keep = KEEP
    partner_id: str | Keep = KEEP
    scheduled_next_term: Instructions | Keep | None = KEEP
    next_charge: Instructions | Keep | None = KEEP
    scheduled_actions: tuple[ScheduledAction, ...] | Keep = KEEP


# What a subscription does at the end of its term, where it isn't simply renewed (contract §10.4).
END_WITH_TERM = ScheduledAction(schedule_type="TermEnd", action_type="Cancel")
EXTEND_SERVICE_TERM = ScheduledAction(schedule_type="TermEnd", action_type="RenewToExtendedServiceTerm")


@dataclass(frozen=True, kw_only=True)
class ChangedSubscription:
    """What became of a change: applied, or accepted (202), when it must be read again until it is applied.

    `location` is where Microsoft wants to be asked, `retry_after` the seconds it wants to be given, where told.
    """

    is_applied: bool
    subscription: Subscription | None = None
    location: str | None = None
    retry_after: float | None = None


@dataclass(frozen=True, kw_only=True)
class SubscriptionProvisioning:
    """Whether a subscription's licences are there: success, pending or failed; refreshed every quarter of an hour."""

    status: str | None
    sku_id: str | None = None
    quantity: int | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class TermEnd:
    """A day a new term may end on: the end of a month, or of the term of other subscriptions (contract §10.5).

    `kind` is calendarMonthAligned or subscriptionAligned, compared without case.
    """

    ends_on: date
    kind: str
    subscription_ids: tuple[str, ...] = ()
