"""What Microsoft sells, as values. Enumerations stay strings: Microsoft adds values without notice."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class Product:
    """A product; what is bought is one of its SKUs. `type_id` is `OnlineServicesNCE` for licences by seat."""

    id: str
    title: str | None = None
    description: str | None = None
    type_id: str | None = None
    type_name: str | None = None
    sub_type_id: str | None = None
    is_microsoft_product: bool | None = None
    publisher_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class Sku:
    """A SKU of a product. `prerequisite_skus` and `upgrade_targets` are written `product:sku`."""

    product_id: str
    id: str
    title: str | None = None
    description: str | None = None
    minimum_quantity: int | None = None
    maximum_quantity: int | None = None
    is_trial: bool = False
    billing_cycles: tuple[str, ...] = ()
    purchase_prerequisites: tuple[str, ...] = ()
    inventory_variables: tuple[str, ...] = ()
    provisioning_variables: tuple[str, ...] = ()
    is_addon: bool = False
    has_constraints: bool | None = None
    prerequisite_skus: tuple[str, ...] = ()
    upgrade_targets: tuple[str, ...] = ()
    provisioning_id: str | None = None
    attestation_type: str | None = None
    must_attest: bool = False
    consumption_type: str | None = None
    dynamic_attributes: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class RefundPolicy:
    """How long after purchase a kind of refund (Full, Partial) is given: an ISO 8601 duration such as `P1D`."""

    type: str
    expires_after: str | None = None
    sequence: int | None = None


@dataclass(frozen=True, kw_only=True)
class AvailabilityTerm:
    """A term and billing cycle that can be bought. A trial's cycle is `none`; what is perpetual has no duration."""

    id: str | None = None
    duration: str | None = None
    billing_cycle: str | None = None
    description: str | None = None
    refund_policies: tuple[RefundPolicy, ...] = ()
    renewal_term_durations: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RenewalOption:
    """What the terms with these ids renew to (`product:sku`), and whether by themselves."""

    term_ids: tuple[str, ...]
    renews_to: str | None
    is_auto_renewable: bool | None


@dataclass(frozen=True, kw_only=True)
class Availability:
    """What is offered of a SKU in a country and segment. Its id changes: read it just before use (contract §7.3)."""

    id: str
    product_id: str
    sku_id: str
    catalog_item_id: str
    currency: str | None = None
    segment: str | None = None
    country: str | None = None
    is_purchasable: bool | None = None
    is_renewable: bool | None = None
    terms: tuple[AvailabilityTerm, ...] = ()
    renewals: tuple[RenewalOption, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PricingPolicy:
    """A reduction of the partner's price: `PercentDiscount` of `0.05` is five percent."""

    type: str
    value: Decimal | None


@dataclass(frozen=True, kw_only=True)
class PromotedProduct:
    """A SKU, bought for one term and billing cycle, that a promotion is about."""

    product_id: str
    sku_id: str | None = None
    term_duration: str | None = None
    billing_cycle: str | None = None
    pricing_policies: tuple[PricingPolicy, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SeatConstraint:
    """How many seats a promotion asks for and allows."""

    type: str | None
    minimum: int | None
    maximum: int | None


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """A promotion; it is still told after its end. `constraints` is all that limits it, as Microsoft wrote it."""

    id: str
    name: str | None = None
    description: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    is_auto_applicable: bool | None = None
    products: tuple[PromotedProduct, ...] = ()
    seat_constraints: tuple[SeatConstraint, ...] = ()
    constraints: Mapping[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class EligibilityQuestion:
    """A purchase whose promotions are asked for; without `promotion_id` for all there are."""

    catalog_item_id: str
    quantity: int
    term_duration: str
    billing_cycle: str
    promotion_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class EligibilityError:
    """Why a promotion can't be had: `SeatCount`, `RedemptionLimit`, … (errors.md §6)."""

    type: str
    description: str | None = None


@dataclass(frozen=True, kw_only=True)
class Eligibility:
    """Whether the customer can have a promotion."""

    promotion_id: str | None
    is_eligible: bool
    errors: tuple[EligibilityError, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EligibilityAnswer:
    """The promotions of one question, by its place in the list of questions."""

    number: int
    catalog_item_id: str | None
    eligibilities: tuple[Eligibility, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Restriction:
    """Why a SKU can't be had: `NotAvailableForSubscription` and others that Microsoft may add."""

    reason: str
    description: str | None = None


@dataclass(frozen=True, kw_only=True)
class Stock:
    """Whether a SKU that asks for the check (`InventoryCheck` among its prerequisites) can be had (contract §7.5)."""

    product_id: str
    sku_id: str | None
    is_restricted: bool
    restrictions: tuple[Restriction, ...] = ()
