"""What Microsoft tells and is told, as values. Enumerations stay strings: Microsoft adds values without notice."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Address:
    """A postal address with its contact, as Partner Center knows it; `country` is ISO-3166 alpha-2."""

    country: str | None = None
    region: str | None = None
    state: str | None = None
    city: str | None = None
    postal_code: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    first_name: str | None = None
    middle_name: str | None = None
    last_name: str | None = None
    phone_number: str | None = None


@dataclass(frozen=True, kw_only=True)
class AddressCheck:
    """What the address verifier thinks. It is advice: creating a customer validates again (contract §3)."""

    status: str
    original: Address | None = None
    suggestions: tuple[Address, ...] = ()
    message: str | None = None

    @property
    def is_verified(self) -> bool:
        """Say whether the address exists as written."""
        return self.status.casefold() in {"verified", "verifiedshippable"}

    @property
    def was_checked(self) -> bool:
        """Say whether the verifier saw the address at all."""
        return self.status.casefold() not in {"", "notvalidated"}


@dataclass(frozen=True, kw_only=True)
class CountryRules:
    """What a country's addresses, phones and tax ids look like: Microsoft's data, never ours."""

    country: str
    default_culture: str | None = None
    is_state_required: bool | None = None
    states: tuple[str, ...] = ()
    is_postal_code_required: bool | None = None
    postal_code_regex: str | None = None
    is_city_required: bool | None = None
    phone_number_regex: str | None = None
    calling_codes: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    cultures: tuple[str, ...] = ()
    is_vat_id_supported: bool | None = None
    vat_id_regex: str | None = None
    is_tax_id_supported: bool | None = None
    is_tax_id_optional: bool | None = None
    tax_id_format: str | None = None
    tax_id_sample: str | None = None
    is_registration_number_supported: bool | None = None
    reseller_agreement_region: str | None = None
    geographic_region: str | None = None


@dataclass(frozen=True, kw_only=True)
class CompanyProfile:
    """The company behind a customer's tenant."""

    tenant_id: str | None = None
    domain: str | None = None
    company_name: str | None = None
    organization_registration_number: str | None = None
    email: str | None = None
    address: Address | None = None


@dataclass(frozen=True, kw_only=True)
class BillingProfile:
    """Whom Microsoft bills for. `etag` is that of this reading: never store it, read anew before a change.

    `raw` is the whole resource as read, because a change sends the whole resource back.
    """

    id: str | None = None
    etag: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    culture: str | None = None
    language: str | None = None
    company_name: str | None = None
    default_address: Address | None = None
    raw: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Customer:
    """A customer of the partner. Without GDAP, Microsoft leaves address, e-mail and domains out (contract §4.3)."""

    id: str
    commerce_id: str | None = None
    company_profile: CompanyProfile | None = None
    billing_profile: BillingProfile | None = None
    relationship_to_partner: str | None = None
    allow_delegated_access: bool | None = None
    custom_domains: tuple[str, ...] = ()
    associated_partner_id: str | None = None
    enable_gdap_by_default: bool | None = None


@dataclass(frozen=True, kw_only=True)
class CustomerSummary:
    """A customer as the list tells it."""

    id: str
    tenant_id: str | None = None
    domain: str | None = None
    company_name: str | None = None
    relationship_to_partner: str | None = None


@dataclass(frozen=True, kw_only=True)
class NewCustomer:
    """A customer to be made, with a new tenant.

    `domain` is the full `prefix.onmicrosoft.com`; the names and the phone of the contact are those of `address`. The
    phone number may be written in any way that names its country or belongs to `address.country`.
    `associated_partner_id` is the indirect reseller's; Microsoft then wants a user's token.
    """

    domain: str
    company_name: str
    email: str
    culture: str
    language: str
    address: Address
    organization_registration_number: str | None = None
    associated_partner_id: str | None = None
    enable_gdap_by_default: bool | None = None


@dataclass(frozen=True, kw_only=True)
class UserCredentials:
    """The first administrator of a new tenant. Microsoft tells them once, in the answer to the creation."""

    user_name: str
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class CreatedCustomer:
    """What a creation gave. `credentials` is None when Microsoft didn't tell them."""

    customer: Customer
    credentials: UserCredentials | None = field(default=None, repr=False)

    @property
    def id(self) -> str:
        """Return the id of the new tenant."""
        return self.customer.id


@dataclass(frozen=True, kw_only=True)
class Organization:
    """The tenant's own record in its directory; readable with a directory role only."""

    display_name: str | None = None
    street: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    technical_notification_mails: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TenantInformation:
    """A tenant found by its domain. From the OpenID configuration only the id is known (`source` says which)."""

    tenant_id: str
    display_name: str | None = None
    default_domain_name: str | None = None
    federation_brand_name: str | None = None
    source: str = "graph"


@dataclass(frozen=True, kw_only=True)
class Qualification:
    """A special qualification and how far its vetting is. Self-asserted ones carry no vetting status."""

    qualification: str
    education_segment: str | None = None
    vetting_status: str | None = None
    vetting_reason: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ValidationCode:
    """A code that lets the partner make government customers."""

    validation_id: str
    partner_id: str | None = None
    organization_name: str | None = None
    max_creates: int | None = None
    remaining_creates: int | None = None
    etag: str | None = None


@dataclass(frozen=True, kw_only=True)
class AccountValidation:
    """Microsoft's risk review of the customer. Anything but allowed and not ready blocks purchases."""

    status: str
    type: str | None = None
    updated_at: datetime | None = None

    @property
    def is_allowed(self) -> bool:
        """Say whether the review let the customer through."""
        return self.status.casefold() == "allowed"


@dataclass(frozen=True, kw_only=True)
class AgreementTemplate:
    """The current text of an agreement: the id to confirm, and where to read it."""

    template_id: str
    agreement_type: str | None = None
    agreement_link: str | None = None
    version_rank: int | None = None


@dataclass(frozen=True, kw_only=True)
class AgreementContact:
    """Who accepted the agreement on the customer's side."""

    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone_number: str | None = None


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """A confirmation that the customer accepted. Append-only: a new contact is a new confirmation."""

    template_id: str | None = None
    type: str | None = None
    agreed_at: datetime | None = None
    contact: AgreementContact | None = None
    user_id: str | None = None
    agreement_link: str | None = None


@dataclass(frozen=True, kw_only=True)
class AgreementDocument:
    """Where the text can be read and downloaded; the links live five minutes."""

    display_uri: str | None = None
    download_uri: str | None = None
    language: str | None = None
    country: str | None = None


@dataclass(frozen=True, kw_only=True)
class ConnectionStep:
    """One step of a connection test: `state` is ok, failed or skipped, `reason` a plain sentence unless ok."""

    name: str
    state: str
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class ConnectionReport:
    """What works of a partner's connection, step by step."""

    steps: tuple[ConnectionStep, ...]

    @property
    def ok(self) -> bool:
        """Say whether every step worked."""
        return all(step.state == "ok" for step in self.steps)
