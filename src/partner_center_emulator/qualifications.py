"""Customer segments (Education, government cloud, state-owned), their vetting, the account's review status."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from partner_center_emulator.calls import Answer, Call, Operation
from partner_center_emulator.clock import parse_instant, written, written_to_the_second
from partner_center_emulator.errors import Json, PartnerCenterRefusal, ServiceRefusal, invalid_property
from partner_center_emulator.settings import Settings
from partner_center_emulator.state import Qualification, State

EDUCATION = "Education"
GOVERNMENT = "GovernmentCommunityCloud"
STATE_OWNED = "StateOwnedEntity"
NONPROFIT = "Nonprofit"
APPROVED, IN_REVIEW, DENIED = "Approved", "InReview", "Denied"
SEGMENTS = ("K12", "HigherEducation")
ACCOUNT_STATUS_ABSENT = 600074
ENUM_NOT_PARSED = 900126
DENIAL_REASON = "Not an Education customer"

_SEGMENT_OF = {EDUCATION: "education", GOVERNMENT: "government", NONPROFIT: "nonprofit"}
_BY_NAME = {name.lower(): name for name in (EDUCATION, GOVERNMENT, STATE_OWNED)}
_BY_NAME_V1 = _BY_NAME | {NONPROFIT.lower(): NONPROFIT, "none": "None"}
# The old operation's documentation speaks of the enum's integers; these are the ones its SDK has.
_BY_NUMBER_V1 = {0: "None", 1: EDUCATION, 2: GOVERNMENT, 3: NONPROFIT, 4: STATE_OWNED}


def current(*, state: State, settings: Settings, tenant_id: str, now: datetime) -> list[Qualification]:
    """A tenant's qualifications at this instant: a review that had its days has become an approval."""
    due = now - timedelta(days=settings.vetting_days)
    return [
        replace(item, status=APPROVED)
        if item.status == IN_REVIEW and parse_instant(text=item.created_at) <= due
        else item
        for item in state.qualifications(tenant_id=tenant_id)
    ]


def segments(*, state: State, settings: Settings, tenant_id: str, now: datetime) -> set[str]:
    """The segments of the catalogue that a tenant may buy from besides the commercial one."""
    found = current(state=state, settings=settings, tenant_id=tenant_id, now=now)
    return {_SEGMENT_OF[item.name] for item in found if item.status == APPROVED and item.name in _SEGMENT_OF}


def create(call: Call) -> Answer:
    """Asks for a qualification. Education starts in review; the others are settled at once.

    Refuses with 400 an unknown one, a missing segment, a wrong or used-up validation code, one that is held or under
    review already, and a second one beside StateOwnedEntity.
    """
    members = call.members()
    name = _named(value=members.required_text("qualification"), known=_BY_NAME)
    _check_free(call=call, name=name)
    segment = ""
    if name == EDUCATION:
        wanted = members.required_text("educationSegment")
        segment = next((item for item in SEGMENTS if item.lower() == wanted.lower()), "")
        if not segment:
            text = f"The education segment '{wanted}' is not one of K12, HigherEducation."
            raise invalid_property(name="educationSegment", description=text)
    if name == GOVERNMENT:
        _use_code(call=call, code=members.required_text("validationCode"))
    status = IN_REVIEW if name == EDUCATION else APPROVED
    website = members.text("website")
    _keep(call=call, name=name, status=status, segment=segment, website=website)
    content = {
        "qualification": name,
        "vettingStatus": status,
        "vettingCreateDate": written_to_the_second(instant=call.now),
    }
    return Answer(status=201, content=content)


def _named(*, value: str, known: dict[str, str]) -> str:
    name = known.get(value.lower())
    if name is None:
        text = f"The qualification '{value}' could not be parsed; known are {', '.join(known.values())}."
        raise PartnerCenterRefusal(status=400, code=ENUM_NOT_PARSED, description=text, data=["qualification"])
    return name


def _check_free(*, call: Call, name: str) -> None:
    tenant_id = call.customer.tenant_id
    for item in current(state=call.state, settings=call.settings, tenant_id=tenant_id, now=call.now):
        if item.status == DENIED:
            continue
        if item.name == name:
            text = f"The customer's qualification {name} is already {item.status}."
            raise invalid_property(name="qualification", description=text)
        if STATE_OWNED not in {item.name, name}:
            text = f"The customer holds {item.name}; only StateOwnedEntity can be held beside another qualification."
            raise invalid_property(name="qualification", description=text)


def _use_code(*, call: Call, code: str) -> None:
    for document in call.state.validation_codes(partner_id=call.partner.tenant_id):
        if document["validationId"] == code:
            if document["remainingCreates"] < 1:
                raise invalid_property(name="validationCode", description=f"The validation code '{code}' is used up.")
            stamp = call.now.strftime("%Y-%m-%dT%H%%3A%M%%3A%S.%fZ")
            document |= {
                "remainingCreates": document["remainingCreates"] - 1,
                "eTag": f"W/\"datetime'{stamp}'\"",
            }
            call.state.keep_validation_code(document=document)
            return
    raise invalid_property(name="validationCode", description=f"The validation code '{code}' is not valid.")


def _keep(*, call: Call, name: str, status: str, segment: str = "", website: str = "") -> None:
    """Keeps the newest request of this name only: a denied one makes way for the next."""
    for item in call.state.qualifications(tenant_id=call.customer.tenant_id):
        if item.name == name:
            call.state.forget_qualification(seq=item.seq)
    call.state.keep_qualification(
        qualification=Qualification(
            tenant_id=call.customer.tenant_id,
            name=name,
            segment=segment,
            website=website,
            status=status,
            created_at=written(instant=call.now),
        )
    )


def list_qualifications(call: Call) -> Answer:
    """The customer's qualifications, a bare array with the members that Microsoft's samples have for each status."""
    tenant_id = call.customer.tenant_id
    items = current(state=call.state, settings=call.settings, tenant_id=tenant_id, now=call.now)
    return Answer(content=[_written(item) for item in items])


def _written(item: Qualification) -> Json:
    if item.name in {STATE_OWNED, NONPROFIT}:
        return {"qualification": item.name}
    content = {"qualification": item.name, "vettingStatus": item.status}
    if item.status == DENIED:
        content["vettingReason"] = item.reason
    if item.status != APPROVED:
        content["vettingCreatedDate"] = item.created_at
    return content


def get_v1(call: Call) -> Answer:
    """The old synchronous read: one bare string, `none` while nothing is approved."""
    tenant_id = call.customer.tenant_id
    items = current(state=call.state, settings=call.settings, tenant_id=tenant_id, now=call.now)
    names = [item.name for item in items if item.status == APPROVED]
    others = [name for name in names if name != STATE_OWNED]
    return Answer(content=(others or names or ["none"])[0].lower())


def put_v1(call: Call) -> Answer:
    """The old synchronous write: a bare JSON string (or the enum's number) replaces what the customer had.

    Refuses with 400 an unknown name, and GCC without a good `code` in the query.
    """
    value: Any = call.json()
    if isinstance(value, dict):
        value = {key.lower(): item for key, item in value.items()}.get("qualification")
    if isinstance(value, int) and not isinstance(value, bool):
        value = _BY_NUMBER_V1.get(value, str(value))
    if not isinstance(value, str):
        raise invalid_property(name="qualification", description="The body must be the qualification as a JSON string.")
    name = _named(value=value, known=_BY_NAME_V1)
    if name == GOVERNMENT:
        code = call.query.get("code", "")
        if not code:
            raise invalid_property(name="code", description="GovernmentCommunityCloud needs a validation code.")
        _use_code(call=call, code=code)
    for item in call.state.qualifications(tenant_id=call.customer.tenant_id):
        call.state.forget_qualification(seq=item.seq)
    if name != "None":
        _keep(call=call, name=name, status=APPROVED)
    return Answer(content=name.lower())


def list_validation_codes(call: Call) -> Answer:
    """The partner's validation codes for the government cloud, a bare array."""
    return Answer(content=call.state.validation_codes(partner_id=call.partner.tenant_id))


def get_account_status(call: Call) -> Answer:
    """How Microsoft's review of the account stands. 404/600074 where there is none."""
    kind = call.query.get("type", "")
    if kind.lower() != "account":
        raise invalid_property(name="type", description=f"The validation type '{kind}' is not supported; use account.")
    customer = call.customer
    if not customer.account_status:
        text = f"Account Status for the customer, {customer.tenant_id} was not found."
        raise ServiceRefusal(status=404, code=ACCOUNT_STATUS_ABSENT, message=text, error_name="AccountStatusNotFound")
    at = parse_instant(text=customer.account_status_at or customer.created_at)
    content = {
        "type": "account",
        "status": customer.account_status,
        "lastUpdateDateTime": at.strftime("%Y-%m-%dT%H:%M:%S"),
    }
    return Answer(content=content)


def decide(*, state: State, tenant_id: str, name: str, decision: str, reason: str) -> bool:
    """Vetting as Microsoft's reviewers do it; False if the customer asked for no such qualification."""
    for item in reversed(state.qualifications(tenant_id=tenant_id)):
        if item.name == name:
            decided = replace(item, status=decision, reason=reason if decision == DENIED else "")
            state.keep_qualification(qualification=decided)
            return True
    return False


_BASE = "/v1/customers/{customer}"
OPERATIONS = (
    Operation(method="GET", path="/v1/customers/all/validations", handler=list_validation_codes),
    Operation(method="POST", path=f"{_BASE}/qualifications", handler=create, user_only=True),
    Operation(method="GET", path=f"{_BASE}/qualifications", handler=list_qualifications),
    Operation(method="PUT", path=f"{_BASE}/qualification", handler=put_v1, user_only=True),
    Operation(method="GET", path=f"{_BASE}/qualification", handler=get_v1),
    Operation(method="GET", path=f"{_BASE}/validationStatus", handler=get_account_status, user_only=True),
)
