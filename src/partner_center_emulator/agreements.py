"""The Microsoft Customer Agreement: versions, the partner's confirmations, the customer's own signature, the text."""

from datetime import timedelta
from urllib.parse import quote

from partner_center_emulator import countries
from partner_center_emulator.calls import Answer, Call, Members, Operation, collection
from partner_center_emulator.clock import parse_instant
from partner_center_emulator.customer_rules import is_email
from partner_center_emulator.errors import Json, Refusal, ServiceRefusal, invalid_property, not_found

CUSTOMER_AGREEMENT = "MicrosoftCustomerAgreement"
CLOUD_AGREEMENT = "MicrosoftCloudAgreement"
CUSTOMER_TEMPLATE = "117a77b0-9360-443b-8795-c6dedc750cf9"
CLOUD_TEMPLATE = "998b88de-aa99-4388-a42c-1b3517d49490"
DOCUMENT_PATH = "/agreementscontainer"
LINK_MINUTES = 5

_ALREADY_EXISTS = 600061
_INVALID = 3000
_TEMPLATES: tuple[Json, ...] = (
    {
        "templateId": CLOUD_TEMPLATE,
        "agreementType": CLOUD_AGREEMENT,
        "agreementLink": "https://aka.ms/cloudagreement",
        "versionRank": 0,
    },
    {
        "templateId": CUSTOMER_TEMPLATE,
        "agreementType": CUSTOMER_AGREEMENT,
        "agreementLink": "https://aka.ms/customeragreement",
        "versionRank": 0,
    },
)


def _wanted_types(*, call: Call) -> set[str]:
    """The types to show: without the parameter the old cloud agreement only, as Microsoft keeps it for old clients."""
    text = call.query.get("agreementtype", "") or CLOUD_AGREEMENT
    known = {str(item["agreementType"]).lower(): str(item["agreementType"]) for item in _TEMPLATES}
    if text == "*":
        return set(known.values())
    if text.lower() not in known:
        raise invalid_property(name="agreementType", description=f"The agreement type '{text}' is not supported.")
    return {known[text.lower()]}


def list_metadata(call: Call) -> Answer:
    """The agreement templates of one type."""
    wanted = _wanted_types(call=call)
    return Answer(content=collection(items=[dict(item) for item in _TEMPLATES if item["agreementType"] in wanted]))


def _refused(*, message: str, name: str, code: int = _INVALID) -> Refusal:
    return ServiceRefusal(status=400, code=code, message=message, error_name=name, parameters={})


def create(call: Call) -> Answer:
    """Confirms that the customer accepted the agreement.

    Refuses with 400, in the agreements' own error shape: a missing contact field, a template that isn't this type's,
    a date in the future, and the same contact again (600061).
    """
    members = call.members()
    contact = _contact(members=members)
    kind = members.text("type")
    template = next((item for item in _TEMPLATES if str(item["agreementType"]).lower() == kind.lower()), None)
    if template is None:
        raise _refused(message=f"The agreement type '{kind}' is not supported.", name="InvalidAgreementType")
    template_id = members.text("templateId")
    if template_id.lower() != template["templateId"]:
        text = f"The template '{template_id}' is not a template of {template['agreementType']}."
        raise _refused(message=text, name="InvalidTemplateId")
    date_agreed = members.text("dateAgreed")
    try:
        is_future = parse_instant(text=date_agreed) > call.now
    except ValueError as error:
        text = f"dateAgreed '{date_agreed}' is not a date."
        raise _refused(message=text, name="InvalidDateAgreed") from error
    if is_future:
        raise _refused(message="dateAgreed must not be in the future.", name="InvalidDateAgreed")
    for earlier in call.state.agreements(tenant_id=call.customer.tenant_id):
        if earlier["type"] == template["agreementType"] and _same(earlier["primaryContact"], contact):
            text = "A partner confirmed agreement already exists for the customer."
            raise _refused(message=text, name="PartnerConfirmedAgreementAlreadyExists", code=_ALREADY_EXISTS)
    agreement: Json = {
        "userId": call.identity.user_id,
        "primaryContact": contact,
        "templateId": template["templateId"],
        "dateAgreed": date_agreed,
        "type": template["agreementType"],
    }
    call.state.keep_agreement(partner_id=call.partner.tenant_id, tenant_id=call.customer.tenant_id, document=agreement)
    return Answer(status=201, content=agreement)


def _contact(*, members: Members) -> dict[str, str]:
    given = members.object("primaryContact")
    contact = {name: given.text(name) for name in ("firstName", "lastName", "email", "phoneNumber")}
    for name in ("firstName", "lastName", "email"):
        if not contact[name]:
            raise _refused(message=f"primaryContact.{name} is required.", name="InvalidPrimaryContact")
    if not is_email(text=contact["email"]):
        raise _refused(message="primaryContact.email is not valid.", name="InvalidPrimaryContact")
    return {name: value for name, value in contact.items() if value}


def _same(earlier: dict[str, str], contact: dict[str, str]) -> bool:
    return {key: value.lower() for key, value in earlier.items()} == {
        key: value.lower() for key, value in contact.items()
    }


def list_agreements(call: Call) -> Answer:
    """The confirmations of one type; empty means that nobody confirmed."""
    wanted = _wanted_types(call=call)
    links = {item["agreementType"]: item["agreementLink"] for item in _TEMPLATES}
    items = [
        {key: value for key, value in item.items() if key != "userId"} | {"agreementLink": links[item["type"]]}
        for item in call.state.agreements(tenant_id=call.customer.tenant_id)
        if item["type"] in wanted
    ]
    return Answer(content=collection(items=items))


def get_direct_status(call: Call) -> Answer:
    """Whether the customer signed at Microsoft itself."""
    return Answer(content={"isSigned": call.customer.has_signed_directly})


def get_document(call: Call) -> Answer:
    """Links to the agreement's text, good for five minutes. Country codes are case-sensitive."""
    if call.params["template"].lower() not in {str(item["templateId"]) for item in _TEMPLATES}:
        raise not_found(description=f"The agreement template '{call.params['template']}' was not found.")
    language = call.query.get("language", "") or "en-US"
    country = call.query.get("country", "") or "US"
    languages = countries.agreement_languages().get(country)
    if languages is None:
        text = f"The country '{country}' is not supported; codes are case-sensitive."
        raise invalid_property(name="country", description=text)
    chosen = next((item for item in languages if item.lower() == language.lower()), None)
    if chosen is None and language.lower() != "en-us":
        text = f"The language '{language}' is not supported for {country}; use {', '.join(languages)}."
        raise invalid_property(name="language", description=text)
    expiry = int((call.now + timedelta(minutes=LINK_MINUTES)).timestamp())
    name = quote(f"{call.params['template'].lower()}.{chosen or 'en-US'}.{country}")
    uri = f"{call.base_url}{DOCUMENT_PATH}/{name}?se={expiry}"
    content = {
        "displayUri": f"{uri}&sp=view",
        "downloadUri": f"{uri}&sp=download",
        "language": chosen or "en-US",
        "country": country,
    }
    return Answer(content=content)


_BASE = "/v1/customers/{customer}"
OPERATIONS = (
    Operation(method="GET", path="/v1/agreements", handler=list_metadata, user_only=True),
    Operation(method="POST", path=f"{_BASE}/agreements", handler=create, user_only=True),
    Operation(method="GET", path=f"{_BASE}/agreements", handler=list_agreements, user_only=True),
    Operation(
        method="GET",
        path=f"{_BASE}/directSignedMicrosoftCustomerAgreementStatus",
        handler=get_direct_status,
        user_only=True,
    ),
    Operation(method="GET", path="/v1/agreementtemplates/{template}/document", handler=get_document),
)
