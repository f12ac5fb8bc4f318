"""What a person enters about a customer, checked. Every check names its problems by the fields of the forms.

The wizard, the profile and the API all come through here, so none of them can let in what another refuses.
"""

import dataclasses
import datetime
import re
import uuid
from urllib.parse import urlsplit

import idna
from django.utils.translation import gettext as _

from msphub.customers.choices import Qualification, Segment
from msphub.kit import addresses, fields
from msphub.kit.addresses import Address

# Countries whose companies need a registration number, and with it a phone number (validation.md §3, §4).
REGISTRATION_COUNTRIES = frozenset(
    [
        "AM",
        "AZ",
        "BY",
        "HU",
        "KZ",
        "KG",
        "MD",
        "RU",
        "TJ",
        "UZ",
        "UA",
        "BR",
        "IN",
        "ZA",
        "PL",
        "AE",
        "SA",
        "TR",
        "TH",
        "VN",
        "MM",
        "IQ",
        "SS",
        "VE",
    ]
)
# Countries where Microsoft takes a number but does not ask for one (validation.md §3).
REGISTRATION_OPTIONAL = frozenset({"CN", "US"})
# Our own rule for a new prefix, as Microsoft documents none (validation.md §6).
DOMAIN_PREFIX = re.compile(r"[a-z][a-z0-9]{0,26}")
ONMICROSOFT = ".onmicrosoft.com"
MOST_REPRESENTATIVES = 3

type Problems = dict[str, str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """Step 1 of the wizard."""

    name: str
    customer_type_id: uuid.UUID | None
    country: str
    partner_subscription_id: uuid.UUID | None
    address: Address
    billing_profile_name: str
    bill_to: str
    billing_address: Address


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person; phone and fax are E.164 once checked."""

    first_name: str
    last_name: str
    email: str
    phone_country: str = ""
    phone: str = ""
    fax: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """The customer's first user."""

    first_name: str
    last_name: str
    login_email: str
    display_name: str = ""
    contact_email: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Who accepted the Microsoft Customer Agreement, and when."""

    first_name: str
    last_name: str
    email: str
    phone: str
    agreed_on: datetime.date | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """A Microsoft tenant to be made."""

    company_name: str
    domain_prefix: str
    registration_number: str
    qualification: str
    segment: str
    website: str
    first_name: str
    last_name: str
    email: str
    phone: str
    address: Address
    agreement: Agreement | None = None

    @property
    def domain(self) -> str:
        """Return the full domain, as Microsoft wants it."""
        return self.domain_prefix + ONMICROSOFT


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExistingAccount:
    """A Microsoft tenant that was found by its domain."""

    country: str
    domain: str
    microsoft_tenant_id: uuid.UUID
    tenant_name: str
    agreement: Agreement | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Representative:
    """A sales representative of the customer."""

    name: str
    email: str
    phone: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NewCustomer:
    """All four steps."""

    company: Company
    primary_contact: Contact
    billing_contact: Contact
    admin: Admin
    account: NewAccount | ExistingAccount | None
    representatives: tuple[Representative, ...] = ()


def check_company(company: Company) -> tuple[Company, Problems]:
    """Check step 1 by itself; whether type and subscription exist and fit is `creation.check_terms`."""
    problems: Problems = {}
    name, problem = fields.company_name(company.name, missing=_("Enter the name of the company."))
    _note(problems, "company_name", problem)
    profile, problem = fields.line(
        company.billing_profile_name, most=200, missing=_("Enter a name for the billing profile.")
    )
    _note(problems, "billing_profile_name", problem)
    bill_to, problem = fields.line(company.bill_to, most=200, missing=_("Enter whom invoices are addressed to."))
    _note(problems, "bill_to", problem)
    # The company's country is the one its address is in: one field on the form.
    address, found = addresses.check_lines(dataclasses.replace(company.address, country=company.country))
    if "country" in found:
        found = {"country": found["country"]}
    problems |= found
    billing_address, found = addresses.check_lines(company.billing_address, prefix="billing_")
    if "billing_country" in found:
        found = {"billing_country": found["billing_country"]}
    problems |= found
    if company.customer_type_id is None:
        problems["customer_type"] = _("Choose a customer type.")
    if company.partner_subscription_id is None:
        problems["partner_subscription"] = _("Choose the Partner Subscription that this customer is charged under.")
    return (
        dataclasses.replace(
            company,
            name=name,
            billing_profile_name=profile,
            bill_to=bill_to,
            address=address,
            billing_address=billing_address,
        ),
        problems,
    )


def check_contact(contact: Contact, *, prefix: str, country: str) -> tuple[Contact, Problems]:
    """Check a contact; `country` is whose calling code holds when the contact names none."""
    problems: Problems = {}
    first, last = _check_names(problems, contact.first_name, contact.last_name, prefix=prefix)
    email, problem = fields.email(contact.email, missing=_("Enter the e-mail address."))
    _note(problems, f"{prefix}email", problem)
    region = contact.phone_country or country
    phone, problem = fields.phone(contact.phone, country=region)
    _note(problems, f"{prefix}phone", problem)
    fax, problem = fields.phone(contact.fax, country=region)
    _note(problems, f"{prefix}fax", problem)
    return (
        Contact(
            first_name=first,
            last_name=last,
            email=email,
            phone_country=contact.phone_country,
            phone=phone,
            fax=fax,
        ),
        problems,
    )


def check_admin(admin: Admin) -> tuple[Admin, Problems]:
    """Check the first user; whether the login e-mail is free shows only when the user is made."""
    problems: Problems = {}
    first, last = _check_names(problems, admin.first_name, admin.last_name, prefix="admin_")
    login, problem = fields.email(admin.login_email, missing=_("Enter the e-mail address to sign in with."))
    _note(problems, "admin_login_email", problem)
    contact, problem = fields.email(
        admin.contact_email, missing=_("Enter the e-mail address that credentials and system mail go to.")
    )
    _note(problems, "admin_contact_email", problem)
    display, problem = fields.line(admin.display_name, most=200, missing=None)
    _note(problems, "admin_display_name", problem)
    return (
        Admin(
            first_name=first,
            last_name=last,
            login_email=login.lower(),
            display_name=display or f"{first} {last}".strip(),
            contact_email=contact,
        ),
        problems,
    )


def check_new_account(account: NewAccount, *, today: datetime.date) -> tuple[NewAccount, Problems]:
    """Check what a new Microsoft tenant is made of, by Microsoft's published rules (validation.md)."""
    problems: Problems = {}
    name, problem = fields.company_name(account.company_name, missing=_("Enter the name of the company."))
    _note(problems, "new_company_name", problem)
    prefix = account.domain_prefix.strip().lower().removesuffix(ONMICROSOFT)
    if not prefix:
        problems["new_domain"] = _("Enter the first part of the domain; .onmicrosoft.com is appended.")
    elif not DOMAIN_PREFIX.fullmatch(prefix):
        problems["new_domain"] = _("Use letters and digits only, beginning with a letter, at most 27 of them.")
    registration, problem = fields.line(account.registration_number, most=50, missing=None)
    _note(problems, "new_registration_number", problem)
    country = account.address.country
    if country in REGISTRATION_COUNTRIES and not registration:
        problems["new_registration_number"] = _(
            "Microsoft requires the company's registration number in %(country)s."
        ) % {"country": addresses.country_name(country)}
    elif registration and country not in REGISTRATION_COUNTRIES | REGISTRATION_OPTIONAL:
        problems["new_registration_number"] = _(
            "Microsoft takes no registration number in %(country)s. Leave it empty."
        ) % {"country": addresses.country_name(country)}
    segment, website = account.segment, account.website.strip()
    if account.qualification not in Qualification.values:
        problems["new_qualification"] = _("Choose the qualification type.")
    if account.qualification == Qualification.EDUCATION:
        if segment not in Segment.values:
            problems["new_segment"] = _("Choose the segment.")
        website, problem = check_website(website)
        _note(problems, "new_website", problem)
    else:
        segment = website = ""
    first, last = _check_names(problems, account.first_name, account.last_name, prefix="new_", most=50)
    email, problem = fields.email(account.email, missing=_("Enter the e-mail address."))
    _note(problems, "new_email", problem or _microsoft_mail_problem(email))
    phone, problem = fields.phone(account.phone, country=country)
    _note(problems, "new_phone", problem if phone else _("Enter the phone number."))
    address, found = addresses.check_lines(account.address, prefix="new_")
    problems |= {"new_country": found["new_country"]} if "new_country" in found else found
    agreement = account.agreement
    if agreement is not None:
        agreement, found = check_agreement(agreement, country=country, today=today)
        problems |= found
    return (
        dataclasses.replace(
            account,
            company_name=name,
            domain_prefix=prefix,
            registration_number=registration,
            segment=segment,
            website=website,
            first_name=first,
            last_name=last,
            email=email,
            phone=phone,
            address=address,
            agreement=agreement,
        ),
        problems,
    )


def check_agreement(agreement: Agreement, *, country: str, today: datetime.date) -> tuple[Agreement, Problems]:
    """Check who accepted the Microsoft Customer Agreement; the date is not in the future (contract §6.2)."""
    problems: Problems = {}
    first, last = _check_names(problems, agreement.first_name, agreement.last_name, prefix="agreement_", most=50)
    email, problem = fields.email(agreement.email, missing=_("Enter the e-mail address."))
    _note(problems, "agreement_email", problem)
    phone, problem = fields.phone(agreement.phone, country=country)
    _note(problems, "agreement_phone", problem if phone else _("Enter the phone number."))
    if agreement.agreed_on is None:
        problems["agreement_date"] = _("Enter the day on which the agreement was accepted.")
    elif agreement.agreed_on > today:
        problems["agreement_date"] = _("The day of acceptance can't lie in the future.")
    return (
        dataclasses.replace(agreement, first_name=first, last_name=last, email=email, phone=phone),
        problems,
    )


def check_representatives(entered: list[Representative]) -> tuple[tuple[Representative, ...], Problems]:
    """Check sales representatives; an empty entry is dropped, a begun one needs name and e-mail."""
    problems: Problems = {}
    kept = []
    for number, one in enumerate(entered, start=1):
        if not (one.name.strip() or one.email.strip() or one.phone.strip()):
            continue
        name, problem = fields.line(one.name, most=200, missing=_("Enter the name."))
        _note(problems, f"sales_{number}_name", problem)
        email, problem = fields.email(one.email, missing=_("Enter the e-mail address."))
        _note(problems, f"sales_{number}_email", problem)
        phone, problem = fields.phone(one.phone, country="")
        _note(problems, f"sales_{number}_phone", problem)
        kept.append(Representative(name=name, email=email, phone=phone))
    if len(kept) > MOST_REPRESENTATIVES:
        problems["sales_4_name"] = _("At most three sales representatives.")
    return tuple(kept), problems


def check_domain(value: str) -> tuple[str, str | None]:
    """Check a domain name as typed (an address of a website or an e-mail is understood); returns it in ASCII."""
    clean = value.strip().lower()
    clean = clean.split("://", 1)[-1].split("/", 1)[0].rsplit("@", 1)[-1].removeprefix("www.").rstrip(".")
    if not clean:
        return "", _("Enter the domain name.")
    try:
        encoded = idna.encode(clean, uts46=True).decode()
    except idna.IDNAError:
        encoded = ""
    if not encoded or "." not in encoded or len(encoded) > 253 or not re.search(r"[a-z]", encoded.rsplit(".", 1)[-1]):
        return value.strip()[:253], _("“%(value)s” is not a domain name such as contoso.com.") % {
            "value": value.strip()[:80]
        }
    return encoded, None


def check_website(value: str) -> tuple[str, str | None]:
    """Check the address of a website, with or without its scheme."""
    if not value:
        return "", _("Enter the institution's website.")
    parts = urlsplit(value if "://" in value else f"https://{value}")
    _domain, problem = check_domain(parts.hostname or "")
    if problem or parts.scheme not in {"http", "https"} or len(value) > 200:
        return value[:200], _("Enter the address of a website, such as www.contoso.edu.")
    return value, None


def _check_names(problems: Problems, first: str, last: str, *, prefix: str, most: int = 100) -> tuple[str, str]:
    first, problem = fields.line(first, most=most, missing=_("Enter the first name."))
    _note(problems, f"{prefix}first_name", problem)
    last, problem = fields.line(last, most=most, missing=_("Enter the last name."))
    _note(problems, f"{prefix}last_name", problem)
    return first, last


def _microsoft_mail_problem(email: str) -> str | None:
    if email.lower().endswith("@microsoft.com"):
        return _("Microsoft does not accept an address of its own here.")
    return None


def _note(problems: Problems, field: str, problem: str | None) -> None:
    if problem:
        problems[field] = problem
