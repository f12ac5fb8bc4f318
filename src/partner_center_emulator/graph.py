"""Microsoft Graph: who owns a tenant, by its domain or id."""

from partner_center_emulator.calls import Answer, Call, Operation
from partner_center_emulator.errors import GraphRefusal
from partner_center_emulator.state import Tenant
from partner_center_emulator.wellknown import GRAPH

_CONTEXT = f"{GRAPH}/v1.0/$metadata#microsoft.graph.tenantInformation"


def by_domain(call: Call) -> Answer:
    """The tenant that owns a domain; 404 in Graph's shape for a domain of nobody."""
    domain = call.params["domain"].replace("''", "'")
    tenant = call.state.tenant_of_domain(domain=domain)
    return _answered(tenant=tenant, wanted=domain)


def by_tenant(call: Call) -> Answer:
    """The tenant with an id; 404 in Graph's shape for an unknown one."""
    return _answered(tenant=call.state.tenant(tenant_id=call.params["tenant"]), wanted=call.params["tenant"])


def _answered(*, tenant: Tenant | None, wanted: str) -> Answer:
    if tenant is None:
        text = f"Resource '{wanted}' does not exist or one of its queried reference-property objects are not present."
        raise GraphRefusal(status=404, code="Request_ResourceNotFound", message=text)
    content = {
        "@odata.context": _CONTEXT,
        "tenantId": tenant.tenant_id,
        "federationBrandName": None,
        "displayName": tenant.name,
        "defaultDomainName": tenant.default_domain,
    }
    return Answer(content=content)


_BASE = "/v1.0/tenantRelationships"
OPERATIONS = (
    Operation(
        method="GET", path=_BASE + "/findTenantInformationByDomainName(domainName='{domain}')", handler=by_domain
    ),
    Operation(method="GET", path=_BASE + "/findTenantInformationByTenantId(tenantId='{tenant}')", handler=by_tenant),
)
