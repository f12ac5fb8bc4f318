"""Customers: create, get, list and search, end the relationship, delete in the sandbox; and domain availability."""

import base64
import json
import random
import secrets
from dataclasses import replace
from urllib.parse import quote
from uuid import uuid4

from partner_center_emulator import customer_rules, holdings, orders, profiles
from partner_center_emulator.calls import Answer, Call, Members, Operation, link, parsed
from partner_center_emulator.clock import written
from partner_center_emulator.errors import Json, PartnerCenterRefusal, invalid_property, invalid_request
from partner_center_emulator.state import Customer, State, Tenant

DEFAULT_PAGE = 500
USER_TOKEN_NEEDED = 900329
_NOT_ELIGIBLE = 800024
_FILTER_FIELDS = {
    "companyname": "company_name",
    "domain": "domain",
    "indirectreseller": "reseller",
    "indirectcloudsolutionprovider": "provider",
}
_PASSWORD_CHARACTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789;=.!"  # noqa: S105 - an alphabet


def new_etag() -> str:
    """A fresh etag: a signed 64-bit number in decimal, as the samples have."""
    return str(random.getrandbits(64) - 2**63)


def head_domain(call: Call) -> Answer:
    """200 when the domain is taken, 404 when it is free, neither with a body."""
    taken = call.state.tenant_of_domain(domain=call.params["domain"]) is not None
    return Answer(status=200 if taken else 404, has_body=False)


def create(call: Call) -> Answer:
    """Creates a tenant and makes it the partner's customer; shows the administrator's password this once.

    Refuses with 400 the first field at fault, a domain in use, and with 403 a country out of the partner's markets.
    """
    members = call.members()
    company = members.object("CompanyProfile")
    domain = customer_rules.checked_domain(company=company)
    billing = customer_rules.checked_billing(billing=members.object("BillingProfile"), partner=call.partner)
    country = billing.address["country"]
    number = customer_rules.checked_registration_number(company=company, country=country)
    reseller = _associated_partner(call=call, members=members)
    customer_rules.check_market(partner=call.partner, country=country)
    if call.state.tenant_of_domain(domain=domain) is not None:
        text = f"The domain '{domain}' is already used by another tenant."
        raise invalid_property(name=company.named("Domain"), description=text)
    wants_gdap = bool(members.flag("enableGDAPByDefault"))
    tenant_id, created_at = str(uuid4()), written(instant=call.now)
    customer = Customer(
        partner_id=call.partner.tenant_id,
        tenant_id=tenant_id,
        commerce_id=str(uuid4()),
        company_name=billing.company_name,
        domain=domain,
        registration_number=number,
        billing_id=str(uuid4()),
        email=billing.email,
        culture=billing.culture,
        language=billing.language,
        billing_name=billing.company_name,
        first_name=billing.first_name,
        last_name=billing.last_name,
        address=billing.address,
        etag=new_etag(),
        created_at=created_at,
        reseller=reseller,
        has_gdap=wants_gdap,
        account_status_at=created_at,
    )
    call.state.keep_tenant(
        tenant=Tenant(
            tenant_id=tenant_id,
            name=billing.company_name,
            country=country,
            default_domain=domain,
            email=billing.email,
            first_name=billing.address["firstName"],
            last_name=billing.address["lastName"],
            address=billing.address,
        )
    )
    call.state.keep_customer(customer=customer)
    return Answer(status=201, content=_created(customer=customer, wants_gdap=wants_gdap))


def _associated_partner(*, call: Call, members: Members) -> str:
    """The indirect reseller a provider creates the customer for; its partnership must exist."""
    reseller = members.text("AssociatedPartnerId")
    if not reseller:
        return ""
    if not call.identity.is_user:
        text = "Creating a customer for an indirect reseller needs App+User credentials."
        raise PartnerCenterRefusal(status=403, code=USER_TOKEN_NEEDED, description=text)
    for partner_id, _, mpn_id in call.partner.indirect_resellers:
        if reseller.lower() in {partner_id.lower(), mpn_id}:
            return partner_id
    text = f"The partner '{reseller}' is not a valid indirect reseller of this provider."
    raise PartnerCenterRefusal(status=400, code=800016, description=text, data=["AssociatedPartnerId"])


def _created(*, customer: Customer, wants_gdap: bool) -> Json:
    company: Json = {"tenantId": customer.tenant_id, "domain": customer.domain}
    if customer.registration_number:
        company["organizationRegistrationNumber"] = customer.registration_number
    company["attributes"] = {"objectType": "CustomerCompanyProfile"}
    content: Json = {
        "id": customer.tenant_id,
        "commerceId": customer.commerce_id,
        "companyProfile": company,
        "billingProfile": profiles.billing_members(customer=customer, self_uri=None),
        "enableGDAPByDefault": wants_gdap,
        # Microsoft's answer says none here; the first GET afterwards says reseller.
        "relationshipToPartner": "none",
        "userCredentials": {
            "userName": "admin",
            "password": "".join(secrets.choice(_PASSWORD_CHARACTERS) for _ in range(12)),
        },
    }
    if customer.reseller:
        content["associatedPartnerId"] = customer.reseller
    return content | {"attributes": {"objectType": "Customer"}}


def get(call: Call) -> Answer:
    """The whole customer; address, e-mail and domains only where GDAP or DAP lets the partner read the directory."""
    customer = call.customer
    content: Json = {
        "id": customer.tenant_id,
        "commerceId": customer.commerce_id,
        "companyProfile": profiles.company_members(customer=customer),
        "billingProfile": profiles.billing_members(
            customer=customer, self_uri=f"/customers/{customer.tenant_id}/profiles/billing"
        ),
        "relationshipToPartner": "reseller",
        "allowDelegatedAccess": customer.has_dap,
    }
    if customer.shows_directory:
        content["customDomains"] = profiles.domains_of(state=call.state, customer=customer)
    if customer.reseller:
        content["associatedPartnerId"] = customer.reseller
    content["links"] = {"self": link(uri=f"/customers/{customer.tenant_id}")}
    content["attributes"] = {"objectType": "Customer"}
    return Answer(content=content)


def list_customers(call: Call) -> Answer:
    """One page of the partner's customers, in order of joining; `links.next` while there are more.

    As in Microsoft's samples a filtered list has links in its items and a plain one has not.
    """
    size = _page_size(text=call.query.get("size", ""))
    field_name, prefix = _filter(text=call.query.get("filter", ""))
    after = _place_after(call=call)
    rows: list[tuple[int, Customer]] = []
    if field_name != "provider":
        rows = call.state.customer_page(
            partner_id=call.partner.tenant_id, after=after, limit=size + 1, field_name=field_name, prefix=prefix
        )
    page = rows[:size]
    items = [_listed(customer=customer, has_links=bool(field_name)) for _, customer in page]
    links: Json = {"self": link(uri=_list_uri(call=call))}
    if len(rows) > size:
        token = base64.urlsafe_b64encode(json.dumps({"after": page[-1][0]}).encode()).decode()
        header = {"key": "MS-ContinuationToken", "value": token}
        following = {"uri": _next_uri(call=call), "method": "GET", "headers": [header]}
        links["next"] = following
    content = {"totalCount": len(items), "items": items, "links": links, "attributes": {"objectType": "Collection"}}
    return Answer(content=content)


def _listed(*, customer: Customer, has_links: bool) -> Json:
    profile: Json = {
        "tenantId": customer.tenant_id,
        "domain": customer.domain,
        "companyName": customer.company_name,
    }
    item: Json = {"id": customer.tenant_id, "companyProfile": profile, "relationshipToPartner": "reseller"}
    if has_links:
        profile["links"] = {"self": link(uri=f"/customers/{customer.tenant_id}/profiles/company")}
        item["links"] = {"self": link(uri=f"/customers/{customer.tenant_id}")}
    profile["attributes"] = {"objectType": "CustomerCompanyProfile"}
    return item | {"attributes": {"objectType": "Customer"}}


def _page_size(*, text: str) -> int:
    if not text:
        return DEFAULT_PAGE
    if not text.isdigit():
        raise invalid_property(name="size", description=f"The size '{text}' must be a whole number.")
    return min(int(text), DEFAULT_PAGE) or DEFAULT_PAGE


def _filter(*, text: str) -> tuple[str, str]:
    """The column and prefix to look for; empty without a filter."""
    if not text:
        return "", ""
    content = parsed(content=text.encode())
    if not isinstance(content, dict):
        raise invalid_request(description="The filter must be a JSON object with Field, Value and Operator.")
    members = Members(content=content, path="filter")
    field_name = _FILTER_FIELDS.get(members.required_text("Field").lower())
    if field_name is None:
        text = f"Customers can't be filtered by the field '{members.text('Field')}'."
        raise invalid_property(name="filter.Field", description=text)
    if members.required_text("Operator").lower().replace("_", "") != "startswith":
        text = f"The operator '{members.text('Operator')}' is not supported; use starts_with."
        raise invalid_property(name="filter.Operator", description=text)
    return field_name, members.required_text("Value")


def _place_after(*, call: Call) -> int:
    seek = call.query.get("seekoperation", "").lower()
    token = call.headers.get("ms-continuationtoken", "")
    if seek in {"", "first"}:
        return 0
    if seek != "next":
        text = f"The seek operation '{seek}' is not supported; use Next or First."
        raise invalid_property(name="seekOperation", description=text)
    try:
        return int(json.loads(base64.urlsafe_b64decode(token))["after"])
    except (ValueError, KeyError, TypeError) as error:
        text = "The MS-ContinuationToken header is missing or not one this service gave."
        raise invalid_property(name="MS-ContinuationToken", description=text) from error


def _list_uri(*, call: Call) -> str:
    base = "/customers" if call.query.get("filter") else "/v1/customers"
    kept = [f"{name}={quote(call.query[name], safe='')}" for name in ("size", "filter") if name in call.query]
    return base + ("?" + "&".join(kept) if kept else "")


def _next_uri(*, call: Call) -> str:
    uri = _list_uri(call=call)
    return uri + ("&" if "?" in uri else "?") + "seekOperation=Next"


def patch(call: Call) -> Answer:
    """Ends the reseller relationship or takes the delegated administration away. App+User only."""
    if not call.identity.is_user:
        text = "This operation needs App+User credentials."
        raise PartnerCenterRefusal(status=403, code=USER_TOKEN_NEEDED, description=text)
    members = call.members()
    relationship = members.text("relationshipToPartner").lower()
    allows = members.flag("AllowDelegatedAccess")
    if relationship == "none":
        _check_nothing_runs(call)
        call.state.forget_customer(customer=call.customer)
        return Answer(content=_patched(relationship="none", allows=None))
    if relationship not in {"", "reseller"}:
        text = f"The relationship '{relationship}' can't be set; only none is possible."
        raise invalid_property(name="relationshipToPartner", description=text)
    if allows is False:
        call.state.keep_customer(customer=replace(call.customer, has_dap=False))
        return Answer(content=_patched(relationship="reseller", allows=False))
    text = "Only relationshipToPartner = none and AllowDelegatedAccess = false are possible."
    raise invalid_request(description=text)


def _check_nothing_runs(call: Call) -> None:
    """A relationship ends when every subscription has (contract §4.7); an Azure plan may be suspended instead."""
    if any(holdings.is_running(one) for one in holdings.every(call)):
        text = "The customer has subscriptions that have not ended."
        raise PartnerCenterRefusal(status=400, code=_NOT_ELIGIBLE, description=text)


def _patched(*, relationship: str, allows: bool | None) -> Json:
    """The answer to a PATCH, in Pascal case and full of nulls as Microsoft's sample is."""
    return {
        "Id": None,
        "CommerceId": None,
        "CompanyProfile": None,
        "BillingProfile": None,
        "RelationshipToPartner": relationship,
        "AllowDelegatedAccess": allows,
        "UserCredentials": None,
        "CustomDomains": None,
        "AssociatedPartnerId": None,
        "Attributes": {"ObjectType": "Customer"},
    }


def delete(call: Call) -> Answer:
    """Deletes a customer with its tenant, in an integration sandbox only."""
    if not call.partner.is_sandbox:
        text = "Customers can be deleted in an integration sandbox only."
        raise PartnerCenterRefusal(status=400, code=900127, description=text)
    _check_nothing_runs(call)
    if orders.has_uncancelled(call):
        text = "The customer has orders that are not cancelled."
        raise PartnerCenterRefusal(status=400, code=_NOT_ELIGIBLE, description=text)
    _erase(state=call.state, customer=call.customer)
    return Answer(status=204, has_body=False)


def _erase(*, state: State, customer: Customer) -> None:
    state.forget_customer(customer=customer)
    state.forget_tenant(tenant_id=customer.tenant_id)


OPERATIONS = (
    Operation(method="HEAD", path="/v1/domains/{domain}", handler=head_domain),
    Operation(method="POST", path="/v1/customers", handler=create),
    Operation(method="GET", path="/v1/customers", handler=list_customers),
    Operation(method="GET", path="/v1/customers/{customer}", handler=get),
    Operation(method="PATCH", path="/v1/customers/{customer}", handler=patch),
    Operation(method="DELETE", path="/v1/customers/{customer}", handler=delete),
)
