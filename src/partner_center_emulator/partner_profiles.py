"""The partner's own profiles, which clients also use to test a connection."""

from partner_center_emulator.calls import Answer, Call, Operation, link
from partner_center_emulator.errors import Json, PartnerCenterRefusal, not_found
from partner_center_emulator.wellknown import Partner, stable_id


def _address(*, partner: Partner) -> Json:
    address: Json = {"country": partner.country, "city": partner.city}
    if partner.state:
        address["state"] = partner.state
    return address | {"addressLine1": partner.address_line, "addressLine2": "", "postalCode": partner.postal_code}


def _person() -> Json:
    return {"firstName": "Gena", "lastName": "Soto", "phoneNumber": "4255550100"}


def _contact(*, partner: Partner) -> Json:
    return {"firstName": "Gena", "lastName": "Soto", "email": f"gena@{partner.domain}", "phoneNumber": "4255550100"}


def get_legal_business(call: Call) -> Answer:
    """The partner's legal business profile."""
    partner = call.partner
    content: Json = {
        "companyName": partner.name,
        "address": _address(partner=partner) | _person(),
        "primaryContact": _contact(partner=partner),
        "companyApproverAddress": _address(partner=partner),
        "companyApproverEmail": f"gena@{partner.domain}",
        "vettingStatus": "authorized",
        "vettingSubStatus": "none",
        "profileType": "LegalBusinessProfile",
        "links": {"self": link(uri="/profiles/legalbusiness")},
        "attributes": {"objectType": "LegalBusinessProfile"},
    }
    return Answer(content=content)


def get_organization(call: Call) -> Answer:
    """The partner's organization: tenant, domain, language."""
    partner = call.partner
    content: Json = {
        "id": partner.tenant_id,
        "companyName": partner.name,
        "defaultAddress": _address(partner=partner) | _person(),
        "tenantId": partner.tenant_id,
        "domain": partner.domain,
        "email": f"gena@{partner.domain}",
        "language": partner.culture.split("-", maxsplit=1)[0],
        "culture": partner.culture,
        "profileType": "OrganizationProfile",
        "links": {"self": link(uri="/profiles/organization")},
        "attributes": {"etag": _etag(partner=partner), "objectType": "OrganizationProfile"},
    }
    return Answer(content=content)


def _etag(*, partner: Partner) -> str:
    return str(int(stable_id(name=f"etag {partner.tenant_id}")[:8], 16))


def get_billing(call: Call) -> Answer:
    """The partner's billing profile with its billing currency."""
    partner = call.partner
    content: Json = {
        "companyName": partner.name,
        "address": _address(partner=partner) | _person(),
        "primaryContact": _contact(partner=partner),
        "purchaseOrderNumber": "",
        "taxId": "",
        "billingCurrency": partner.currency,
        "profileType": "BillingProfile",
        "links": {"self": link(uri="/profiles/billing")},
        "attributes": {"etag": _etag(partner=partner), "objectType": "PartnerBillingProfile"},
    }
    return Answer(content=content)


def get_mpn(call: Call) -> Answer:
    """The partner's PartnerID, or another partner's by `mpnId`: 404/800015 for an unknown one."""
    wanted = call.query.get("mpnid", "") or call.partner.mpn_id
    known = {partner.mpn_id for partner in call.state.partners()}
    known |= {reseller[2] for partner in call.state.partners() for reseller in partner.indirect_resellers}
    if wanted not in known:
        raise PartnerCenterRefusal(status=404, code=800015, description=f"The PartnerID '{wanted}' was not found.")
    content: Json = {
        "mpnId": wanted,
        "profileType": "MpnProfile",
        "links": {"self": link(uri="/profiles/mpn")},
        "attributes": {"objectType": "MpnProfile"},
    }
    return Answer(content=content)


def get_support(call: Call) -> Answer:
    """The partner's support contact."""
    partner = call.partner
    content: Json = {
        "email": f"support@{partner.domain}",
        "telephone": "4255550100",
        "website": f"https://www.{partner.domain.partition('.')[0]}.example",
        "profileType": "SupportProfile",
        "links": {"self": link(uri="/profiles/support")},
        "attributes": {"etag": _etag(partner=partner), "objectType": "SupportProfile"},
    }
    return Answer(content=content)


def get_agreement_status(call: Call) -> Answer:
    """Whether a partner signed the Microsoft Partner Agreement, by PartnerID or tenant."""
    mpn_id, tenant_id = call.query.get("mpnid", ""), call.query.get("tenantid", "")
    for partner in call.state.partners():
        if mpn_id == partner.mpn_id or (tenant_id and tenant_id.lower() == partner.tenant_id):
            return Answer(content={"isAgreementSigned": True})
        if any(mpn_id == reseller[2] or tenant_id == reseller[0] for reseller in partner.indirect_resellers):
            return Answer(content={"isAgreementSigned": True})
    raise not_found(description="No partner was found for the given mpnId or tenantId.")


def get_requests(call: Call) -> Answer:
    """An empty collection; with `ValidateMfa: true` its header says whether the token was made with MFA."""
    del call
    return Answer(content={"totalCount": 0, "items": [], "attributes": {"objectType": "Collection"}})


OPERATIONS = (
    Operation(method="GET", path="/v1/profiles/legalbusiness", handler=get_legal_business),
    Operation(method="GET", path="/v1/profiles/organization", handler=get_organization),
    Operation(method="GET", path="/v1/profiles/billing", handler=get_billing),
    Operation(method="GET", path="/v1/profiles/mpn", handler=get_mpn),
    Operation(method="GET", path="/v1/profiles/support", handler=get_support),
    Operation(method="GET", path="/v1/compliance/csp/agreementstatus", handler=get_agreement_status),
    Operation(method="GET", path="/v1/partnerRequests", handler=get_requests),
)
