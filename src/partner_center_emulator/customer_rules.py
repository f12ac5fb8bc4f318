"""What a new customer or a changed billing profile must satisfy before Partner Center takes it."""

import re
from dataclasses import dataclass

from partner_center_emulator import countries
from partner_center_emulator.calls import Members
from partner_center_emulator.countries import CountryRules
from partner_center_emulator.errors import PartnerCenterRefusal, invalid_property
from partner_center_emulator.state import Address
from partner_center_emulator.wellknown import Partner

DOMAIN_SUFFIXES = (".onmicrosoft.com", ".ccsctp.net", ".partner.onmschina.cn")
_PREFIX = re.compile(r"^[a-z][a-z0-9]{0,26}$", re.IGNORECASE)
_EMAIL = re.compile(r"^[^@\s]+@([^@\s.]+\.)+[^@\s.]{2,}$")
_LANGUAGE = re.compile(r"^[a-z]{2}$", re.IGNORECASE)

REGISTRATION_NUMBER_NOT_TAKEN = 600002
REGISTRATION_NUMBER_MISSING = 600049
REGISTRATION_NUMBER_WRONG = 600050
PHONE_NUMBER_MISSING = 600051
NOT_ONBOARDED_IN_COUNTRY = 2030


@dataclass(frozen=True, kw_only=True)
class BillingInput:
    """A billing profile that passed."""

    email: str
    culture: str
    language: str
    company_name: str
    first_name: str
    last_name: str
    address: Address


def is_email(*, text: str) -> bool:
    """Whether a text has the form of an e-mail address."""
    return _EMAIL.match(text) is not None


def checked_domain(*, company: Members) -> str:
    """The full default domain. Refuses with 400 anything but a letter, up to 26 letters or digits, and a suffix."""
    domain = company.required_text("Domain")
    suffix = next((item for item in DOMAIN_SUFFIXES if domain.lower().endswith(item)), None)
    if suffix is None or not _PREFIX.match(domain[: -len(suffix)]):
        text = (
            f"The domain '{domain}' is not valid. It must be a prefix of at most 27 letters and digits that starts"
            " with a letter, followed by .onmicrosoft.com."
        )
        raise invalid_property(name=company.named("Domain"), description=text)
    return domain


def checked_billing(*, billing: Members, partner: Partner) -> BillingInput:
    """The billing profile, normalised. Refuses with 400 the first field at fault, named in `data`."""
    email = billing.required_text("Email")
    host = email.rpartition("@")[2].lower()
    if not is_email(text=email):
        raise invalid_property(name=billing.named("Email"), description=f"The e-mail address '{email}' is not valid.")
    if host in {"microsoft.com", partner.domain.lower()}:
        text = f"The e-mail address '{email}' must belong to the customer."
        raise invalid_property(name=billing.named("Email"), description=text)
    culture = billing.required_text("Culture")
    known = countries.known_cultures().get(culture.lower())
    if known is None:
        raise invalid_property(name=billing.named("Culture"), description=f"The culture '{culture}' is not supported.")
    language = billing.required_text("Language")
    if not _LANGUAGE.match(language):
        text = f"The language '{language}' must be a two-letter code."
        raise invalid_property(name=billing.named("Language"), description=text)
    company_name = billing.required_text("CompanyName", longest=256)
    if len(company_name) < 2 or not any(character.isalnum() for character in company_name):
        text = f"The company name '{company_name}' is not valid."
        raise invalid_property(name=billing.named("CompanyName"), description=text)
    return BillingInput(
        email=email,
        culture=known,
        language=language.lower(),
        company_name=company_name,
        first_name=billing.text("FirstName"),
        last_name=billing.text("LastName"),
        address=checked_address(address=billing.object("DefaultAddress")),
    )


def checked_address(*, address: Members) -> Address:
    """An address by its country's rules. Refuses with 400 the first field at fault; 600051 for a missing phone."""
    country = address.required_text("Country").upper()
    rules = countries.rules_of(iso2=country)
    if rules is None:
        text = f"'{country}' is not an ISO 3166-1 alpha-2 country code."
        raise invalid_property(name=address.named("Country"), description=text)
    lines = {
        "country": country,
        "city": _city(address=address, rules=rules),
        "state": _state(address=address, rules=rules),
        "addressLine1": address.required_text("AddressLine1", longest=200),
        "addressLine2": address.text("AddressLine2"),
        "postalCode": _postal_code(address=address, rules=rules),
        "firstName": address.required_text("FirstName", longest=50),
        "lastName": address.required_text("LastName", longest=50),
        "phoneNumber": _phone_number(address=address, rules=rules),
    }
    if len(lines["addressLine2"]) > 200:
        text = "AddressLine2 must be at most 200 characters long."
        raise invalid_property(name=address.named("AddressLine2"), description=text)
    return {name: value for name, value in lines.items() if value or name == "phoneNumber"}


def _city(*, address: Members, rules: CountryRules) -> str:
    return address.required_text("City", longest=100) if rules.is_city_required else address.text("City")


def _state(*, address: Members, rules: CountryRules) -> str:
    state = address.required_text("State") if rules.is_state_required else address.text("State")
    code = countries.state_code(rules=rules, text=state) if state else ""
    if code is None:
        text = f"The state '{state}' is not valid for the country {rules.iso2}."
        raise invalid_property(name=address.named("State"), description=text)
    return code


def _postal_code(*, address: Members, rules: CountryRules) -> str:
    code = address.required_text("PostalCode") if rules.is_postal_code_required else address.text("PostalCode")
    if code and not countries.is_postal_code(rules=rules, text=code):
        text = f"The postal code '{code}' does not match {rules.postal_code_regex} for the country {rules.iso2}."
        raise invalid_property(name=address.named("PostalCode"), description=text)
    return code


def _phone_number(*, address: Members, rules: CountryRules) -> str:
    phone = address.text("PhoneNumber")
    registration = countries.registration_rules().get(rules.iso2)
    if not phone and registration is not None and registration.is_required:
        raise PartnerCenterRefusal(
            status=400,
            code=PHONE_NUMBER_MISSING,
            description=f"The phone number is required for customers in the country {rules.iso2}.",
            data=[address.named("PhoneNumber")],
        )
    if phone and not re.match(rules.phone_regex, phone):
        text = f"The phone number '{phone}' does not match {rules.phone_regex} for the country {rules.iso2}."
        raise invalid_property(name=address.named("PhoneNumber"), description=text)
    return phone


def checked_registration_number(*, company: Members, country: str) -> str:
    """The company's registration number. Refuses a missing (600049), wrong (600050) or unwanted (600002) one."""
    number = company.text("organizationRegistrationNumber")
    name = company.named("organizationRegistrationNumber")
    rule = countries.registration_rules().get(country)
    if rule is None:
        if number:
            text = f"Organization registration number must not be specified for customers in the country {country}."
            raise PartnerCenterRefusal(status=400, code=REGISTRATION_NUMBER_NOT_TAKEN, description=text, data=[name])
        return ""
    if not number:
        if rule.is_required:
            text = f"Organization registration number ({rule.id_types}) is required for the country {country}."
            raise PartnerCenterRefusal(status=400, code=REGISTRATION_NUMBER_MISSING, description=text, data=[name])
        return ""
    if not re.match(rule.pattern, number):
        text = f"Organization registration number does not match the regular expression {rule.pattern}"
        raise PartnerCenterRefusal(status=400, code=REGISTRATION_NUMBER_WRONG, description=text, data=[name])
    return number


def check_market(*, partner: Partner, country: str) -> None:
    """Refuses with 403/2030 a country the partner isn't onboarded to sell in."""
    if not partner.may_sell_in(country=country):
        text = f"The partner is not onboarded to sell in the country {country}."
        raise PartnerCenterRefusal(status=403, code=NOT_ONBOARDED_IN_COUNTRY, description=text)
