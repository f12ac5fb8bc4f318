"""From shapes to Microsoft's requests, spelled as in its documentation. Unknown (None) members are left out."""

import copy
import json
from datetime import UTC, datetime

from msphub.microsoft import shapes

type Body = dict[str, object]

_ADDRESS = {
    "Country": "country",
    "Region": "region",
    "City": "city",
    "State": "state",
    "AddressLine1": "address_line1",
    "AddressLine2": "address_line2",
    "PostalCode": "postal_code",
    "FirstName": "first_name",
    "MiddleName": "middle_name",
    "LastName": "last_name",
    "PhoneNumber": "phone_number",
}
_TO_VERIFY = ("AddressLine1", "AddressLine2", "City", "State", "PostalCode", "Country")
_BILLING_PROFILE = {
    "firstName": "first_name",
    "lastName": "last_name",
    "email": "email",
    "culture": "culture",
    "language": "language",
    "companyName": "company_name",
}


def address(*, address: shapes.Address, phone_number: str | None) -> Body:
    """Return an address with its phone number in the shape Microsoft wants."""
    body: Body = {name: getattr(address, attribute) for name, attribute in _ADDRESS.items()}
    body["PhoneNumber"] = phone_number
    return known(body)


def address_to_verify(*, address: shapes.Address) -> Body:
    """Return what the address verifier looks at: nobody's name, no phone number."""
    body: Body = {name: getattr(address, _ADDRESS[name]) for name in _TO_VERIFY}
    return known(body)


def new_customer(*, customer: shapes.NewCustomer, phone_number: str | None) -> Body:
    """Return the request that makes a customer. It never has a password: Microsoft accepts none (contract §4.1)."""
    return known(
        {
            "enableGDAPByDefault": customer.enable_gdap_by_default,
            "AssociatedPartnerId": customer.associated_partner_id,
            "CompanyProfile": known(
                {
                    "Domain": customer.domain,
                    "organizationRegistrationNumber": customer.organization_registration_number,
                }
            ),
            "BillingProfile": known(
                {
                    "Culture": customer.culture,
                    "Email": customer.email,
                    "Language": customer.language,
                    "CompanyName": customer.company_name,
                    "FirstName": customer.address.first_name,
                    "LastName": customer.address.last_name,
                    "DefaultAddress": address(address=customer.address, phone_number=phone_number),
                }
            ),
        }
    )


def billing_profile(*, profile: shapes.BillingProfile, phone_number: str | None) -> Body:
    """Return the whole resource as it was read, with the profile's values laid over it (contract §4.5)."""
    body = copy.deepcopy(dict(profile.raw))
    if profile.id is not None:
        put(body, "id", profile.id)
    for name, attribute in _BILLING_PROFILE.items():
        put(body, name, getattr(profile, attribute))
    if profile.default_address is not None:
        there = _get(body, "defaultAddress")
        changed: Body = dict(there) if isinstance(there, dict) else {}
        for name, attribute in _ADDRESS.items():
            value = phone_number if name == "PhoneNumber" else getattr(profile.default_address, attribute)
            put(changed, name[0].lower() + name[1:], value)
        put(body, "defaultAddress", changed)
    return body


def agreement(*, contact: shapes.AgreementContact, template_id: str, agreement_type: str, agreed_at: datetime) -> Body:
    """Return the request that confirms the customer's acceptance; refuses an instant without a zone."""
    if agreed_at.tzinfo is None:
        raise ValueError("agreed_at needs a time zone")
    moment = agreed_at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
    return {
        "primaryContact": known(
            {
                "firstName": contact.first_name,
                "lastName": contact.last_name,
                "email": contact.email,
                "phoneNumber": contact.phone_number,
            }
        ),
        "templateId": template_id,
        "dateAgreed": moment,
        "type": agreement_type,
    }


def qualification(
    *, qualification: str, education_segment: str | None, website: str | None, validation_code: str | None
) -> Body:
    """Return the request that starts the vetting of a qualification."""
    return known(
        {
            "qualification": qualification,
            "educationSegment": education_segment,
            "website": website,
            "validationCode": validation_code,
        }
    )


def relationship_removal(*, etag: str | None) -> Body:
    """Return the request that ends the reseller relationship."""
    return {"relationshipToPartner": "none", "attributes": known({"etag": etag, "objectType": "Customer"})}


def name_filter(*, field: str, prefix: str) -> str:
    """Return Partner Center's filter for names that start with a text (contract §4.2)."""
    return json.dumps({"Field": field, "Value": prefix, "Operator": "starts_with"}, separators=(",", ":"))


def known(body: Body) -> Body:
    """Return a body without what isn't known: an empty text says nothing either, and Microsoft would judge it."""
    return {name: value for name, value in body.items() if value is not None and value != ""}


def _get(body: Body, name: str) -> object:
    return next((value for spelled, value in body.items() if spelled.casefold() == name.casefold()), None)


def put(body: Body, name: str, value: object) -> None:
    """Set a member under the spelling it has; a None removes what was there and adds nothing."""
    spelled = next((there for there in body if there.casefold() == name.casefold()), name)
    if value is not None:
        body[spelled] = value
    elif spelled in body:
        body[spelled] = None


def drop(body: Body, name: str) -> None:
    """Take a member out, whatever its spelling."""
    for spelled in [there for there in body if there.casefold() == name.casefold()]:
        del body[spelled]
