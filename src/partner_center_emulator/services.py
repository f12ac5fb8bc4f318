"""From a request to a Microsoft host's answer: routes, tokens, throttling, idempotency, headers."""

import base64
import json
import re
import secrets
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import compile_path

from partner_center_emulator import (
    addresses,
    agreements,
    carts,
    catalogue_pages,
    coterminosity,
    customers,
    errors,
    graph,
    inventory,
    login,
    orders,
    partner_profiles,
    price_sheets,
    profiles,
    promotions,
    qualifications,
    relationships,
    subscription_changes,
    subscriptions,
    tokens,
    transitions,
)
from partner_center_emulator.calls import GUID, Answer, Call, Operation
from partner_center_emulator.errors import GraphRefusal, PartnerCenterRefusal, Refusal
from partner_center_emulator.requestlog import Entry
from partner_center_emulator.state import Customer, Replay, State
from partner_center_emulator.tokens import Identity
from partner_center_emulator.wellknown import AZURE_AD_GRAPH, GRAPH, PARTNER_API, PARTNER_CENTER, Partner
from partner_center_emulator.world import World

JSON_TYPE = "application/json; charset=utf-8"
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_THROTTLED = re.compile(
    r"^/v1/customers/([0-9a-f-]{36})(/(orders|subscriptions|carts|transfers|migrations)\b.*)?/?$", re.IGNORECASE
)
_CLAIMS_HINT = 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'

# The first match wins, so fixed paths come before those with a customer in the same place.
PARTNER_CENTER_OPERATIONS: tuple[Operation, ...] = (
    *relationships.OPERATIONS,
    *qualifications.OPERATIONS,
    *agreements.OPERATIONS,
    *addresses.OPERATIONS,
    *profiles.OPERATIONS,
    *customers.OPERATIONS,
    *partner_profiles.OPERATIONS,
    *catalogue_pages.OPERATIONS,
    *carts.OPERATIONS,
    *promotions.OPERATIONS,
    *inventory.OPERATIONS,
    *orders.OPERATIONS,
    *coterminosity.OPERATIONS,
    *subscriptions.OPERATIONS,
    *subscription_changes.OPERATIONS,
    *transitions.OPERATIONS,
)


def _compiled(path: str) -> re.Pattern[str]:
    """Microsoft's paths are the same in any case."""
    return re.compile(compile_path(path)[0].pattern, re.IGNORECASE)


_ROUTES = [(_compiled(item.path), item) for item in PARTNER_CENTER_OPERATIONS]
_GRAPH_ROUTES = [(_compiled(item.path), item) for item in graph.OPERATIONS]
_TOKEN = re.compile(r"^/([^/]+)/oauth2(/v2\.0)?/token/?$", re.IGNORECASE)
_OPENID = re.compile(r"^/([^/]+)(/v2\.0)?/\.well-known/openid-configuration/?$", re.IGNORECASE)
_KEYS = re.compile(r"^/([^/]+)/discovery(/v2\.0)?/keys/?$", re.IGNORECASE)


def base_url(*, request: Request) -> str:
    """The address the client used. A proxy that ends TLS says so in X-Forwarded-Proto."""
    scheme = request.headers.get("X-Forwarded-Proto", request.url.scheme)
    return f"{scheme}://{request.url.netloc}"


def dressed(
    *, request: Request, now: datetime, status: int, content: Any = None, headers: dict[str, str] | None = None
) -> Response:
    """An answer with the headers every Microsoft answer here has; no body where the content is None."""
    request_id = request.headers.get("MS-RequestId") or str(uuid4())
    correlation_id = request.headers.get("MS-CorrelationId") or str(uuid4())
    given = {
        "MS-RequestId": request_id,
        "MS-CorrelationId": correlation_id,
        "MS-CV": base64.b64encode(secrets.token_bytes(12)).decode() + ".0",
        "MS-ServerId": "101112202",
        "Date": format_datetime(now, usegmt=True),
    }
    if request.scope["path"].startswith("/v1.0/"):
        given["request-id"] = request_id
        given["client-request-id"] = request.headers.get("client-request-id", request_id)
    given |= headers or {}
    if content is None:
        return Response(status_code=status, headers=given)
    if isinstance(content, dict) and isinstance(content.get("error"), dict) and "innerError" not in content["error"]:
        inner = {
            "date": now.strftime("%Y-%m-%dT%H:%M:%S"),
            "request-id": given.get("request-id", request_id),
            "client-request-id": given.get("client-request-id", request_id),
        }
        content = {"error": content["error"] | {"innerError": inner}}
    encoded = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(content=encoded, status_code=status, headers=given, media_type=JSON_TYPE)


def answer(*, world: World, request: Request, content: bytes, entry: Entry) -> Response:
    """The answer to a request at any of Microsoft's paths, refusals included."""
    now = world.clock.now()
    path = request.scope["path"]
    try:
        if price_sheets.serves(path=path):
            return _sales(world=world, request=request, now=now)
        if path.lower().startswith("/v1.0/"):
            found = _graph(world=world, request=request, content=content, now=now)
        elif path.lower().startswith("/v1/"):
            return _partner_center(world=world, request=request, content=content, now=now, entry=entry)
        else:
            found = _login(world=world, request=request, content=content, now=now)
    except Refusal as refusal:
        return dressed(request=request, now=now, status=refusal.status, content=refusal.body, headers=refusal.headers)
    return dressed(request=request, now=now, status=found.status, content=found.content, headers=found.headers)


# Login


def _login(*, world: World, request: Request, content: bytes, now: datetime) -> Answer:
    path, method, base = request.scope["path"], request.method, base_url(request=request)
    if match := _TOKEN.match(path):
        if method != "POST":
            raise Refusal(status=405, body=None, headers={"Allow": "POST"})
        call = login.LoginCall(
            state=world.state,
            settings=world.settings,
            now=now,
            tenant=match.group(1),
            form=dict(parse_qsl(content.decode("utf-8", "replace"))),
            authorization=request.headers.get("Authorization", ""),
            base_url=base,
            is_v2=match.group(2) is not None,
        )
        with world.state.changing():
            found = login.issue(call)
        return replace(found, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})
    if method != "GET":
        raise Refusal(status=405, body=None, headers={"Allow": "GET"})
    if match := _OPENID.match(path):
        return login.openid_configuration(
            state=world.state, name=match.group(1), base_url=base, is_v2=match.group(2) is not None, now=now
        )
    if _KEYS.match(path):
        return Answer(content={"keys": []})
    raise errors.not_found(description="The emulator has no service at this path; GET / says what it has.")


# Tokens


def _identity(*, request: Request) -> Identity | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return tokens.identity_of(token=token.strip()) if scheme.lower() == "bearer" else None


def _partner_center_identity(*, request: Request, now: datetime) -> Identity:
    hint = {"WWW-Authenticate": _CLAIMS_HINT}
    if not request.headers.get("Authorization"):
        text = "The request has no token of a partner."
        raise PartnerCenterRefusal(status=401, code=800001, description=text, headers=hint)
    identity = _identity(request=request)
    if identity is None:
        raise PartnerCenterRefusal(status=401, code=400, description="Access denied: bad token.", headers=hint)
    if identity.audience == AZURE_AD_GRAPH:
        text = "The token's audience, Azure AD Graph, is no longer accepted."
        raise PartnerCenterRefusal(status=401, code=900420, description=text, headers=hint)
    if identity.audience != PARTNER_CENTER:
        text = f"Access denied: the token's audience is {identity.audience}."
        raise PartnerCenterRefusal(status=401, code=400, description=text, headers=hint)
    if identity.expires_at <= now.timestamp():
        text = "Access denied: the token has expired."
        raise PartnerCenterRefusal(status=401, code=400, description=text, headers=hint)
    return identity


def _partner_of(*, state: State, identity: Identity) -> Partner:
    partner = state.partner(tenant_id=identity.tenant_id)
    if partner is None:
        text = "Access denied: the token is not of a partner's tenant."
        raise PartnerCenterRefusal(status=403, code=2032, description=text)
    return partner


# Graph


def _graph(*, world: World, request: Request, content: bytes, now: datetime) -> Answer:
    identity = _identity(request=request)
    if identity is None:
        text = "Access token is empty or malformed."
        raise GraphRefusal(status=401, code="InvalidAuthenticationToken", message=text)
    if identity.audience != GRAPH:
        text = "Access token validation failure. Invalid audience."
        raise GraphRefusal(status=401, code="InvalidAuthenticationToken", message=text)
    if identity.expires_at <= now.timestamp():
        text = "Lifetime validation failed, the token is expired."
        raise GraphRefusal(status=401, code="InvalidAuthenticationToken", message=text)
    for pattern, operation in _GRAPH_ROUTES:
        match = pattern.match(request.scope["path"])
        if match and request.method == operation.method:
            partner = world.state.partner(tenant_id=identity.tenant_id)
            if partner is None:
                text = "Insufficient privileges to complete the operation."
                raise GraphRefusal(status=403, code="Authorization_RequestDenied", message=text)
            call = _call(
                world=world,
                request=request,
                content=content,
                now=now,
                partner=partner,
                identity=identity,
                params=match.groupdict(),
            )
            return operation.handler(call)
    raise GraphRefusal(status=404, code="ResourceNotFound", message="Resource not found for the segment.")


# Sales


def _sales(*, world: World, request: Request, now: datetime) -> Response:
    """A price sheet, which is a file and not JSON; asked with a user's token of an audience of its own."""
    identity = _identity(request=request)
    if identity is None or identity.audience != PARTNER_API or identity.expires_at <= now.timestamp():
        raise PartnerCenterRefusal(status=401, code=400, description="Access denied: bad token or audience.")
    if not identity.is_user:
        text = "This resource needs App+User credentials; the token is app-only."
        raise PartnerCenterRefusal(status=403, code=customers.USER_TOKEN_NEEDED, description=text)
    _partner_of(state=world.state, identity=identity)
    content, media_type = price_sheets.file_of(
        path=request.scope["path"],
        query={name.lower(): value for name, value in request.query_params.items()},
        settings=world.settings,
        now=now,
        compressed="deflate" in request.headers.get("Accept-Encoding", "").lower(),
    )
    plain = dressed(request=request, now=now, status=200)
    headers = {name: value for name, value in plain.headers.items() if name != "content-length"}
    return Response(content=content, status_code=200, headers=headers, media_type=media_type)


# Partner Center


def _call(
    *,
    world: World,
    request: Request,
    content: bytes,
    now: datetime,
    partner: Partner,
    identity: Identity,
    params: dict[str, str],
) -> Call:
    query: QueryParams = request.query_params
    return Call(
        state=world.state,
        settings=world.settings,
        now=now,
        partner=partner,
        identity=identity,
        params=params,
        query={name.lower(): value for name, value in query.items()},
        headers={name.lower(): value for name, value in request.headers.items()},
        content=content,
        base_url=base_url(request=request),
    )


def _operation(*, request: Request) -> tuple[Operation, dict[str, str]]:
    """The operation for a method and path. Refuses with 404 and 405."""
    allowed = []
    for pattern, operation in _ROUTES:
        match = pattern.match(request.scope["path"].rstrip("/"))
        if match is None:
            continue
        if operation.method == request.method:
            return operation, match.groupdict()
        allowed.append(operation.method)
    if allowed:
        text = f"The method {request.method} is not supported here."
        headers = {"Allow": ", ".join(sorted(set(allowed)))}
        raise PartnerCenterRefusal(status=405, code=800042, description=text, headers=headers)
    raise errors.not_found()


def _customer(*, state: State, partner: Partner, customer_id: str) -> Customer:
    """The partner's customer. Refuses what isn't an id (400), no tenant (404), another partner's customer (403)."""
    if not GUID.match(customer_id):
        text = f"The customer id '{customer_id}' is not valid."
        raise PartnerCenterRefusal(status=400, code=900118, description=text)
    customer = state.customer(partner_id=partner.tenant_id, tenant_id=customer_id)
    if customer is not None:
        return customer
    if state.tenant(tenant_id=customer_id) is None:
        raise PartnerCenterRefusal(status=404, code=60003, description=f"The tenant {customer_id} was not found.")
    text = f"Partner {partner.tenant_id} has no commerce relationship with customer {customer_id}."
    raise PartnerCenterRefusal(status=403, code=20002, description=text)


def _check_rate(*, world: World, request: Request, partner: Partner, now: datetime) -> None:
    match = _THROTTLED.match(request.scope["path"])
    if match is None or not world.settings.throttling:
        return
    key = f"{partner.tenant_id} {match.group(1).lower()}"
    seconds = world.throttle.seconds_to_wait(key=key, limit=world.settings.requests_per_minute, now=now)
    if seconds:
        raise Refusal(status=429, body=errors.throttled_body(seconds=seconds), headers={"Retry-After": str(seconds)})


def _partner_center(*, world: World, request: Request, content: bytes, now: datetime, entry: Entry) -> Response:
    identity = _partner_center_identity(request=request, now=now)
    partner = _partner_of(state=world.state, identity=identity)
    operation, params = _operation(request=request)
    if operation.user_only and not identity.is_user:
        text = "This resource needs App+User credentials; the token is app-only."
        raise PartnerCenterRefusal(status=403, code=customers.USER_TOKEN_NEEDED, description=text)
    _check_rate(world=world, request=request, partner=partner, now=now)
    extra = {}
    if request.headers.get("ValidateMfa", "").lower() == "true":
        extra["isMfaCompliant"] = str(identity.is_user).lower()
    request_id = request.headers.get("MS-RequestId", "") if operation.method in _WRITES else ""
    state, path = world.state, request.scope["path"]
    if request_id:
        earlier = state.replay(partner_id=partner.tenant_id, request_id=request_id, method=operation.method, path=path)
        if earlier is not None:
            entry.is_replay = True
            body = json.loads(earlier.body)
            return dressed(
                request=request, now=now, status=earlier.status, content=body, headers=earlier.headers | extra
            )
    call = _call(
        world=world,
        request=request,
        content=content,
        now=now,
        partner=partner,
        identity=identity,
        params=params,
    )
    try:
        with state.changing():
            if "customer" in params:
                customer = _customer(state=state, partner=partner, customer_id=params["customer"])
                call = replace(call, found_customer=customer)
            found = operation.handler(call)
            first = Replay(status=found.status, headers=found.headers, body=json.dumps(found.content))
            if request_id:
                state.keep_replay(
                    partner_id=partner.tenant_id,
                    request_id=request_id,
                    method=operation.method,
                    path=path,
                    replay=first,
                )
    except Refusal as refusal:
        # A business refusal is an answer too; the same id gets it again instead of another try.
        first = Replay(status=refusal.status, headers=refusal.headers, body=json.dumps(refusal.body))
        if request_id:
            with state.changing():
                state.keep_replay(
                    partner_id=partner.tenant_id,
                    request_id=request_id,
                    method=operation.method,
                    path=path,
                    replay=first,
                )
    return dressed(
        request=request, now=now, status=first.status, content=json.loads(first.body), headers=first.headers | extra
    )
