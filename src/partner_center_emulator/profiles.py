"""A customer's company profile, billing profile, organization and domains."""

import random
import re
from dataclasses import replace

from partner_center_emulator import customer_rules
from partner_center_emulator.calls import Answer, Call, Operation, link
from partner_center_emulator.errors import Json, PartnerCenterRefusal, invalid_property, invalid_request
from partner_center_emulator.state import Customer, State

ETAG_STALE = 2055
NO_DIRECTORY_RIGHTS = 900308
_QUOTED = re.compile(r'^(?:W/)?"([^"]+)"$')


def company_members(*, customer: Customer) -> Json:
    """The company profile; with address and e-mail where the directory may be read."""
    profile: Json = {
        "tenantId": customer.tenant_id,
        "domain": customer.domain,
        "companyName": customer.company_name,
    }
    if customer.registration_number:
        profile["organizationRegistrationNumber"] = customer.registration_number
    if customer.shows_directory:
        address = customer.address
        region = {"region": address["state"]} if address.get("state") else {}
        kept = ("city", "addressLine1", "addressLine2", "postalCode")
        profile["address"] = (
            {"country": address["country"]}
            | region
            | {name: address[name] for name in kept if address.get(name)}
            | {"phoneNumber": address.get("phoneNumber", "")}
        )
        profile["email"] = customer.email
    profile["links"] = {"self": link(uri=f"/customers/{customer.tenant_id}/profiles/company")}
    profile["attributes"] = {"objectType": "CustomerCompanyProfile"}
    return profile


def billing_members(*, customer: Customer, self_uri: str | None) -> Json:
    """The billing profile; the answer to a creation has no link in it."""
    profile: Json = {"id": customer.billing_id}
    if customer.first_name:
        profile["firstName"] = customer.first_name
    if customer.last_name:
        profile["lastName"] = customer.last_name
    profile |= {
        "email": customer.email,
        "culture": customer.culture,
        "language": customer.language,
        "companyName": customer.billing_name,
        "defaultAddress": customer.address,
    }
    if self_uri:
        profile["links"] = {"self": link(uri=self_uri)}
    profile["attributes"] = {"etag": customer.etag, "objectType": "CustomerBillingProfile"}
    return profile


def domains_of(*, state: State, customer: Customer) -> list[str]:
    """The customer's domains, default first."""
    tenant = state.tenant(tenant_id=customer.tenant_id)
    vanity = tenant.vanity_domain if tenant else ""
    return [customer.domain, vanity] if vanity else [customer.domain]


def get_company(call: Call) -> Answer:
    """The company profile."""
    return Answer(content=company_members(customer=call.customer))


def get_billing(call: Call) -> Answer:
    """The billing profile with its etag."""
    uri = f"/v1/customers/{call.customer.tenant_id}/profiles/billing"
    return Answer(content=billing_members(customer=call.customer, self_uri=uri))


def put_billing(call: Call) -> Answer:
    """Replaces the billing profile. Refuses without a quoted If-Match (400) and with a stale one (400/2055).

    The country of a tenant never changes, so another one is refused.
    """
    customer = call.customer
    sent = call.headers.get("if-match", "").strip()
    if not sent:
        raise invalid_request(description="The If-Match header with the etag of the billing profile is required.")
    match = _QUOTED.match(sent)
    if match is None:
        raise invalid_request(description='The If-Match header must hold the etag in double quotes: "<etag>".')
    if match.group(1) != customer.etag:
        text = "The etag is stale: the billing profile was changed since it was read."
        raise PartnerCenterRefusal(status=400, code=ETAG_STALE, description=text)
    members = call.members()
    billing = customer_rules.checked_billing(billing=members, partner=call.partner)
    if billing.address["country"] != customer.address["country"]:
        text = "The country of a tenant can't be changed."
        raise invalid_property(name="DefaultAddress.Country", description=text)
    changed = replace(
        customer,
        email=billing.email,
        culture=billing.culture,
        language=billing.language,
        billing_name=billing.company_name,
        first_name=billing.first_name,
        last_name=billing.last_name,
        address=billing.address,
        etag=str(random.getrandbits(64) - 2**63),
    )
    call.state.keep_customer(customer=changed)
    uri = f"/v1/customers/{customer.tenant_id}/profiles/billing"
    return Answer(content=billing_members(customer=changed, self_uri=uri))


def _check_directory_rights(*, customer: Customer) -> None:
    if not customer.shows_directory:
        text = "Insufficient privileges: the partner has no GDAP or DAP role in the customer's directory."
        raise PartnerCenterRefusal(status=403, code=NO_DIRECTORY_RIGHTS, description=text)


def get_organization(call: Call) -> Answer:
    """The customer's organization as its directory has it. Refuses with 403 without GDAP or DAP."""
    customer = call.customer
    _check_directory_rights(customer=customer)
    organization = {
        "street": customer.address["addressLine1"],
        "countryLetterCode": customer.address["country"],
        "postalCode": customer.address.get("postalCode", ""),
        "city": customer.address.get("city", ""),
        "state": customer.address.get("state", ""),
        "displayName": customer.company_name,
        "technicalNotificationMails": [customer.email],
    }
    return Answer(content=[organization])


def get_domains(call: Call) -> Answer:
    """The customer's domains, a bare array. Refuses with 403 without GDAP or DAP."""
    _check_directory_rights(customer=call.customer)
    return Answer(content=domains_of(state=call.state, customer=call.customer))


_BASE = "/v1/customers/{customer}"
OPERATIONS = (
    Operation(method="GET", path=f"{_BASE}/profiles/company", handler=get_company, user_only=True),
    Operation(method="GET", path=f"{_BASE}/profiles/billing", handler=get_billing),
    Operation(method="PUT", path=f"{_BASE}/profiles/billing", handler=put_billing),
    Operation(method="GET", path=f"{_BASE}/organization", handler=get_organization),
    Operation(method="GET", path=f"{_BASE}/customDomains", handler=get_domains),
)
