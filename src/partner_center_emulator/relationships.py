"""How a tenant becomes a partner's customer: the link to send, the customer's acceptance, the indirect resellers."""

from partner_center_emulator.calls import Answer, Call, Operation, collection
from partner_center_emulator.customers import new_etag
from partner_center_emulator.errors import Json
from partner_center_emulator.state import Customer, State, Tenant
from partner_center_emulator.wellknown import Partner, stable_id

# The path that Microsoft's admin center has; here it leads to a page on which "the customer" accepts.
CONSENT_PATH = "/Adminportal/Home"


def request_link(call: Call) -> Answer:
    """The link that a customer's administrator opens to accept this partner; the same for every customer."""
    url = (
        f"{call.base_url}{CONSENT_PATH}?invType=ResellerRelationship&partnerId={call.partner.tenant_id}"
        "&msppId=0&DAP=false#/BillingAccounts/partner-invitation"
    )
    return Answer(content={"url": url, "attributes": {"objectType": "RelationshipRequest"}})


def joined(*, partner: Partner, tenant: Tenant, at: str, has_dap: bool = False) -> Customer:
    """The tenant as a customer of the partner, with the profiles Microsoft would copy from its directory."""
    address = tenant.address or {
        "country": tenant.country,
        "addressLine1": "1 Main Street",
        "firstName": "Global",
        "lastName": "Administrator",
        "phoneNumber": "",
    }
    return Customer(
        partner_id=partner.tenant_id,
        tenant_id=tenant.tenant_id,
        commerce_id=stable_id(name=f"commerce {partner.tenant_id} {tenant.tenant_id}"),
        company_name=tenant.name,
        domain=tenant.default_domain,
        billing_id=stable_id(name=f"billing {partner.tenant_id} {tenant.tenant_id}"),
        email=tenant.email or f"admin@{tenant.default_domain}",
        culture="en-US",
        language="en",
        billing_name=tenant.name,
        first_name=tenant.first_name,
        last_name=tenant.last_name,
        address=address,
        etag=new_etag(),
        created_at=at,
        has_dap=has_dap,
        account_status_at=at,
    )


def accept(*, state: State, partner: Partner, tenant: Tenant, at: str) -> bool:
    """The customer accepts the partner's invitation; False if it had before."""
    if state.customer(partner_id=partner.tenant_id, tenant_id=tenant.tenant_id) is not None:
        return False
    state.keep_customer(customer=joined(partner=partner, tenant=tenant, at=at))
    return True


def resellers(call: Call) -> Answer:
    """The indirect resellers of an indirect provider."""
    items = [
        _relationship(partner_id=partner_id, name=name, mpn_id=mpn_id)
        | {"state": "Active", "location": call.partner.country}
        for partner_id, name, mpn_id in call.partner.indirect_resellers
    ]
    return Answer(content=collection(items=items))


def resellers_of_customer(call: Call) -> Answer:
    """The indirect resellers of one customer."""
    items = [
        _relationship(partner_id=partner_id, name=name, mpn_id=mpn_id)
        for partner_id, name, mpn_id in call.partner.indirect_resellers
        if partner_id == call.customer.reseller
    ]
    return Answer(content=collection(items=items))


def _relationship(*, partner_id: str, name: str, mpn_id: str) -> Json:
    return {
        "id": partner_id,
        "name": name,
        "relationshipType": "is_indirect_cloud_solution_provider_of",
        "mpnId": mpn_id,
        "attributes": {"objectType": "PartnerRelationship"},
    }


OPERATIONS = (
    Operation(method="GET", path="/v1/customers/relationshiprequests", handler=request_link, user_only=True),
    Operation(method="GET", path="/v1/relationships", handler=resellers, user_only=True),
    Operation(
        method="GET", path="/v1/customers/{customer}/relationships", handler=resellers_of_customer, user_only=True
    ),
)
