"""The emulator's own controls under /_emulator: clock, faults, requests, settings, vetting and more. Loopback only."""

import ipaddress
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from partner_center_emulator import qualifications, relationships, services
from partner_center_emulator.calls import Answer, Members, parsed
from partner_center_emulator.clock import after_duration, parse_instant, written
from partner_center_emulator.errors import (
    PartnerCenterRefusal,
    Refusal,
    invalid_property,
    invalid_request,
    not_found,
)
from partner_center_emulator.state import Customer
from partner_center_emulator.tokens import signed
from partner_center_emulator.wellknown import Partner
from partner_center_emulator.world import World

_ROOT = "/_emulator"
_DECISIONS = {"approve": "Approved", "deny": "Denied", "reject": "Denied", "review": "InReview"}
_ACCOUNT_STATUSES = ("Allowed", "UnderReview", "NotAllowed", "Unknown", "Not Ready", "")


def serves(*, path: str) -> bool:
    """Whether a path is a control's. The consent page has the same root but is for everybody."""
    return path.startswith(f"{_ROOT}/") and path != f"{_ROOT}/consent"


def answer(*, world: World, request: Request, content: bytes) -> Response:
    """The answer of a control. Refuses clients that aren't on this machine with 403."""
    now = world.clock.now()
    try:
        _check_loopback(request=request)
        handler = _CONTROLS.get((request.method, request.scope["path"].rstrip("/")))
        if handler is None:
            raise not_found(description="No such control; GET / lists them.")
        found = handler(world, _members(content=content))
    except Refusal as refusal:
        return services.dressed(request=request, now=now, status=refusal.status, content=refusal.body)
    return services.dressed(request=request, now=now, status=found.status, content=found.content)


def _check_loopback(*, request: Request) -> None:
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = ipaddress.ip_address("0.0.0.0")  # noqa: S104 - an address that is nobody's
    mapped = getattr(address, "ipv4_mapped", None)
    if not (mapped or address).is_loopback:
        text = "The emulator's controls answer to this machine only."
        raise PartnerCenterRefusal(status=403, code=900150, description=text)


def _members(*, content: bytes) -> Members:
    given = parsed(content=content) if content.strip() else {}
    if not isinstance(given, dict):
        raise invalid_request(description="The request body must be a JSON object.")
    return Members(content=given)


def _health(world: World, members: Members) -> Answer:
    del members
    return Answer(content={"status": "ok", "partners": len(world.state.partners())})


# Clock


def _clock(world: World) -> Answer:
    return Answer(
        content={
            "now": written(instant=world.clock.now()),
            "offset_seconds": round(world.clock.offset.total_seconds(), 3),
        }
    )


def _get_clock(world: World, members: Members) -> Answer:
    del members
    return _clock(world)


def _set_clock(world: World, members: Members) -> Answer:
    now = world.clock.now()
    try:
        if members.has("now"):
            instant = parse_instant(text=members.text("now"))
        elif members.has("advance"):
            instant = _advanced(now=now, by=members.get("advance"))
        elif members.has("seconds"):
            instant = _advanced(now=now, by=members.get("seconds"))
        else:
            raise invalid_request(description="Give now (an ISO 8601 instant) or advance (P3D, a number of seconds).")
    except (ValueError, TypeError, OverflowError) as error:
        raise invalid_property(name="advance", description=f"The clock can't be moved so: {error}") from error
    world.move_clock(instant=instant)
    return _clock(world)


def _advanced(*, now: datetime, by: Any) -> datetime:
    """An ISO 8601 duration, a number of seconds, or an object such as {"days": 3}."""
    if isinstance(by, str):
        return after_duration(start=now, duration=by)
    if isinstance(by, dict):
        return now + timedelta(**{str(key): float(value) for key, value in by.items()})
    return now + timedelta(seconds=float(by))


# Faults, requests, settings


def _list_faults(world: World, members: Members) -> Answer:
    del members
    return Answer(content=[fault.as_json() for fault in world.faults.standing()])


def _order_fault(world: World, members: Members) -> Answer:
    return Answer(status=201, content=world.faults.order(members=members).as_json())


def _clear_faults(world: World, members: Members) -> Answer:
    del members
    world.faults.clear()
    return Answer(content=[])


def _list_requests(world: World, members: Members) -> Answer:
    del members
    return Answer(content=[entry.as_json() for entry in world.requests.entries()])


def _clear_requests(world: World, members: Members) -> Answer:
    del members
    world.requests.clear()
    return Answer(content=[])


def _get_settings(world: World, members: Members) -> Answer:
    del members
    return Answer(content=asdict(world.settings))


_NUMBERS = (
    "requests_per_minute",
    "vetting_days",
    "refresh_token_days",
    "order_list_seconds",
    "provisioning_seconds",
    "renewal_seconds",
    "availability_epoch",
    "catalogue_copies",
    "failing_groups",
    "hidden_subscriptions",
)


def _change_settings(world: World, members: Members) -> Answer:
    settings = world.settings
    for name in ("throttling", "has_credit"):
        flag = members.flag(name)
        if flag is not None:
            setattr(settings, name, flag)
    if members.has("restricted"):
        wanted = members.get("restricted")
        if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
            raise invalid_property(
                name="restricted", description="restricted must be a list of product or product:sku."
            )
        settings.restricted = tuple(one.upper() for one in wanted)
    for name in _NUMBERS:
        if not members.has(name):
            continue
        value = members.get(name)
        is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        if not is_number and not (value is None and name == "refresh_token_days"):
            raise invalid_property(name=name, description=f"{name} must be a whole number.")
        setattr(settings, name, value)
    return Answer(content=asdict(settings))


def _reset(world: World, members: Members) -> Answer:
    del members
    world.reset()
    return Answer(content={"status": "reset"})


# What Microsoft's people and the customer's do


def _customers(world: World, members: Members) -> list[Customer]:
    """The customer named by tenant id or domain, of every partner that has it."""
    wanted = members.required_text("customer")
    tenant = world.state.tenant(tenant_id=wanted) or world.state.tenant_of_domain(domain=wanted)
    found = []
    for partner in world.state.partners() if tenant else []:
        customer = world.state.customer(partner_id=partner.tenant_id, tenant_id=tenant.tenant_id if tenant else "")
        found += [customer] if customer else []
    if not found:
        raise not_found(description=f"'{wanted}' is nobody's customer.")
    return found


def _decide(world: World, members: Members) -> Answer:
    customer = _customers(world, members)[0]
    wanted = members.required_text("decision")
    decision = next(
        (name for word, name in _DECISIONS.items() if wanted.lower() in {word, name.lower()}),
        None,
    )
    if decision is None:
        raise invalid_property(name="decision", description="The decision must be Approved, Denied or InReview.")
    name = members.text("qualification") or qualifications.EDUCATION
    reason = members.text("reason") or qualifications.DENIAL_REASON
    with world.state.changing():
        is_done = qualifications.decide(
            state=world.state, tenant_id=customer.tenant_id, name=name, decision=decision, reason=reason
        )
    if not is_done:
        raise not_found(description=f"The customer asked for no qualification {name}.")
    return Answer(content={"customer": customer.tenant_id, "qualification": name, "vettingStatus": decision})


def _set_account_status(world: World, members: Members) -> Answer:
    found = _customers(world, members)
    status = members.text("status")
    if status not in _ACCOUNT_STATUSES:
        raise invalid_property(name="status", description=f"The status must be one of {_ACCOUNT_STATUSES}.")
    at = written(instant=world.clock.now())
    with world.state.changing():
        for customer in found:
            world.state.keep_customer(customer=replace(customer, account_status=status, account_status_at=at))
    return Answer(content={"customer": found[0].tenant_id, "status": status})


def _sign_agreement(world: World, members: Members) -> Answer:
    found = _customers(world, members)
    has_signed = members.flag("signed") is not False
    with world.state.changing():
        for customer in found:
            world.state.keep_customer(customer=replace(customer, has_signed_directly=has_signed))
    return Answer(content={"customer": found[0].tenant_id, "isSigned": has_signed})


def _accept(world: World, members: Members) -> Answer:
    partner = _partner(world, members)
    wanted = members.required_text("domain")
    tenant = world.state.tenant_of_domain(domain=wanted) or world.state.tenant(tenant_id=wanted)
    if tenant is None:
        raise not_found(description=f"No tenant has the domain '{wanted}'.")
    at = written(instant=world.clock.now())
    with world.state.changing():
        is_new = relationships.accept(state=world.state, partner=partner, tenant=tenant, at=at)
    return Answer(content={"customer": tenant.tenant_id, "partner": partner.tenant_id, "is_new": is_new})


# Partners and tenants


def _partner(world: World, members: Members) -> Partner:
    wanted = members.required_text("partner")
    partner = world.state.partner(tenant_id=wanted)
    if partner is None:
        raise not_found(description=f"No partner has the tenant id '{wanted}'.")
    return partner


def _list_partners(world: World, members: Members) -> Answer:
    del members
    return Answer(content=[asdict(partner) for partner in world.state.partners()])


def _list_tenants(world: World, members: Members) -> Answer:
    del members
    resellers: dict[str, list[str]] = {}
    for partner in world.state.partners():
        for _, customer in world.state.customers(partner_id=partner.tenant_id):
            resellers.setdefault(customer.tenant_id, []).append(partner.tenant_id)
    items = [
        {
            "tenant_id": tenant.tenant_id,
            "name": tenant.name,
            "country": tenant.country,
            "default_domain": tenant.default_domain,
            "vanity_domain": tenant.vanity_domain,
            "customer_of": resellers.get(tenant.tenant_id, []),
        }
        for tenant in world.state.tenants()
    ]
    return Answer(content=items)


def _revoke(world: World, members: Members) -> Answer:
    partner = _partner(world, members)
    with world.state.changing():
        world.state.keep_partner(partner=replace(partner, token_generation=partner.token_generation + 1))
    return Answer(content={"partner": partner.tenant_id, "revoked": True})


def _sign_in(world: World, members: Members) -> Answer:
    """A refresh token as a new sign-in of the partner's administrator would give."""
    partner = _partner(world, members)
    issued = int(world.clock.now().timestamp())
    token = signed(
        claims={
            "rt": partner.tenant_id,
            "appid": partner.client_id,
            "gen": partner.token_generation,
            "iat": issued,
        }
    )
    return Answer(content={"partner": partner.tenant_id, "refresh_token": token})


_CONTROLS: dict[tuple[str, str], Callable[[World, Members], Answer]] = {
    ("GET", f"{_ROOT}/health"): _health,
    ("GET", f"{_ROOT}/clock"): _get_clock,
    ("POST", f"{_ROOT}/clock"): _set_clock,
    ("GET", f"{_ROOT}/faults"): _list_faults,
    ("POST", f"{_ROOT}/faults"): _order_fault,
    ("DELETE", f"{_ROOT}/faults"): _clear_faults,
    ("GET", f"{_ROOT}/requests"): _list_requests,
    ("DELETE", f"{_ROOT}/requests"): _clear_requests,
    ("GET", f"{_ROOT}/settings"): _get_settings,
    ("POST", f"{_ROOT}/settings"): _change_settings,
    ("POST", f"{_ROOT}/reset"): _reset,
    ("POST", f"{_ROOT}/vetting"): _decide,
    ("POST", f"{_ROOT}/account-status"): _set_account_status,
    ("POST", f"{_ROOT}/agreement"): _sign_agreement,
    ("POST", f"{_ROOT}/accept"): _accept,
    ("GET", f"{_ROOT}/partners"): _list_partners,
    ("GET", f"{_ROOT}/tenants"): _list_tenants,
    ("POST", f"{_ROOT}/revoke"): _revoke,
    ("POST", f"{_ROOT}/sign-in"): _sign_in,
}
