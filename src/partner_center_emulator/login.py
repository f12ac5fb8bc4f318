"""Microsoft Entra's side: tokens by client secret or refresh token, and the OpenID configuration of every tenant."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import unquote

from partner_center_emulator import tokens
from partner_center_emulator.calls import Answer
from partner_center_emulator.clock import parse_instant, written
from partner_center_emulator.errors import EntraRefusal, Json
from partner_center_emulator.settings import Settings
from partner_center_emulator.state import State
from partner_center_emulator.wellknown import AZURE_AD_GRAPH, GRAPH, PARTNER_API, PARTNER_CENTER, Partner

# Tenant words that stand for "whichever tenant the client belongs to".
ANY_TENANT = frozenset({"common", "organizations"})
_OPENID_SCOPES = frozenset({"openid", "profile", "offline_access", "email"})
_RESOURCES = {
    PARTNER_CENTER: PARTNER_CENTER,
    GRAPH: GRAPH,
    PARTNER_API: PARTNER_API,
    AZURE_AD_GRAPH: AZURE_AD_GRAPH,
    "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd": PARTNER_CENTER,
    "00000003-0000-0000-c000-000000000000": GRAPH,
    "00000002-0000-0000-c000-000000000000": AZURE_AD_GRAPH,
}


@dataclass(frozen=True, kw_only=True)
class LoginCall:
    """One request to the token endpoint."""

    state: State
    settings: Settings
    now: datetime
    tenant: str
    form: Mapping[str, str]
    authorization: str
    base_url: str
    is_v2: bool

    def refused(self, *, status: int, error: str, number: int, message: str) -> EntraRefusal:
        """An Entra error at this call's instant."""
        return EntraRefusal(status=status, error=error, number=number, message=message, at=self.now)

    def required(self, *, name: str) -> str:
        """A parameter of the form. Refuses its absence as Entra does."""
        value = self.form.get(name, "")
        if not value:
            text = f"The request body must contain the following parameter: '{name}'."
            raise self.refused(status=400, error="invalid_request", number=900144, message=text)
        return value


def issue(call: LoginCall) -> Answer:
    """Gives tokens for a client secret alone (app-only) or with a refresh token (App+User).

    Refuses in Entra's order: unknown tenant, unknown client, wrong secret, unknown resource, dead refresh token.
    """
    grant = call.required(name="grant_type")
    client_id, secret = _credentials(call=call)
    tenant_id = _tenant_id(call=call)
    partner = _client(call=call, client_id=client_id, tenant_id=tenant_id)
    if secret != partner.client_secret:
        text = (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value,"
            f" not the client secret ID, for a secret added to app '{client_id}'."
        )
        raise call.refused(status=401, error="invalid_client", number=7000215, message=text)
    audience = _audience(call=call, grant=grant, tenant_id=tenant_id or partner.tenant_id)
    effective_tenant = tenant_id or partner.tenant_id
    if grant == "client_credentials":
        return Answer(content=_tokens(call=call, partner=partner, tenant_id=effective_tenant, audience=audience))
    if grant == "refresh_token":
        given = call.required(name="refresh_token")
        _check_refresh_token(call=call, partner=partner, token=given)
        return Answer(
            content=_tokens(call=call, partner=partner, tenant_id=effective_tenant, audience=audience, given=given)
        )
    text = f"The app requested an unsupported grant type '{grant}'."
    raise call.refused(status=400, error="unsupported_grant_type", number=70003, message=text)


def _credentials(*, call: LoginCall) -> tuple[str, str]:
    """Client id and secret, from the form or HTTP Basic."""
    scheme, _, encoded = call.authorization.partition(" ")
    if scheme.lower() == "basic" and not call.form.get("client_secret"):
        try:
            client_id, _, secret = base64.b64decode(encoded).decode().partition(":")
        except ValueError:
            client_id, secret = "", ""
        return unquote(client_id), unquote(secret)
    client_id = call.required(name="client_id")
    secret = call.form.get("client_secret", "")
    if not secret:
        text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
        raise call.refused(status=401, error="invalid_client", number=7000218, message=text)
    return client_id, secret


def _tenant_id(*, call: LoginCall) -> str:
    """The tenant of the path, by id or domain; empty for common."""
    if call.tenant.lower() in ANY_TENANT:
        return ""
    found = find_tenant(state=call.state, name=call.tenant)
    if found is None:
        raise tenant_not_found(name=call.tenant, error="invalid_request", at=call.now)
    return found


def _client(*, call: LoginCall, client_id: str, tenant_id: str) -> Partner:
    """The partner whose application this is; in a customer's tenant only if the partner is its reseller."""
    for partner in call.state.partners():
        if partner.client_id.lower() != client_id.lower():
            continue
        if tenant_id in {"", partner.tenant_id}:
            return partner
        if call.state.customer(partner_id=partner.tenant_id, tenant_id=tenant_id) is not None:
            return partner
    text = (
        f"Application with identifier '{client_id}' was not found in the directory '{tenant_id or call.tenant}'. This"
        " can happen if the application has not been installed by the administrator of the tenant or consented to by"
        " any user in the tenant."
    )
    raise call.refused(status=400, error="unauthorized_client", number=700016, message=text)


def _audience(*, call: LoginCall, grant: str, tenant_id: str) -> str:
    if not call.is_v2:
        wanted = call.required(name="resource")
    else:
        scopes = [scope for scope in call.required(name="scope").split() if scope.lower() not in _OPENID_SCOPES]
        if grant == "client_credentials" and any(not scope.endswith("/.default") for scope in scopes):
            text = (
                "The provided value for scope is not valid. Client credential flows must have a scope value with"
                " /.default suffixed to the resource identifier (application ID URI)."
            )
            raise call.refused(status=400, error="invalid_scope", number=1002012, message=text)
        resources = {scope.rpartition("/")[0] for scope in scopes}
        if len(resources) != 1:
            text = f"The provided value for the input parameter 'scope' is not valid: '{call.form.get('scope', '')}'."
            raise call.refused(status=400, error="invalid_scope", number=70011, message=text)
        wanted = resources.pop()
    audience = _RESOURCES.get(wanted.rstrip("/").lower())
    if audience is None:
        text = (
            f"The resource principal named {wanted} was not found in the tenant named {tenant_id}. This can happen if"
            " the application has not been installed by the administrator of the tenant."
        )
        raise call.refused(status=400, error="invalid_resource", number=500011, message=text)
    return audience


def _check_refresh_token(*, call: LoginCall, partner: Partner, token: str) -> None:
    """Refuses a token that is foreign, revoked, or (where the setting says so) unused for too long."""
    claims = tokens.claims_of(token=token)
    if token == partner.refresh_token:
        generation = 0
    elif claims is not None and claims.get("rt") == partner.tenant_id and claims.get("appid") == partner.client_id:
        generation = int(claims["gen"])
    else:
        text = "The provided authorization code or refresh token is malformed or not valid for this application."
        raise call.refused(status=400, error="invalid_grant", number=9002313, message=text)
    if generation != partner.token_generation:
        text = "The provided grant has expired due to it being revoked, a fresh auth token is needed."
        raise call.refused(status=400, error="invalid_grant", number=50173, message=text)
    key = "refresh_used:" + hashlib.sha256(token.encode()).hexdigest()
    issued = datetime.fromtimestamp(claims["iat"], tz=call.now.tzinfo) if claims else None
    seen = call.state.setting(key=key)
    last_used = parse_instant(text=seen) if seen else issued
    days = call.settings.refresh_token_days
    if days is not None and last_used is not None and call.now - last_used > timedelta(days=days):
        text = f"The refresh token has expired due to inactivity. It was inactive for {days}.00:00:00."
        raise call.refused(status=400, error="invalid_grant", number=700082, message=text)
    call.state.keep_setting(key=key, value=written(instant=call.now))


def _tokens(*, call: LoginCall, partner: Partner, tenant_id: str, audience: str, given: str = "") -> Json:
    """The token answer of v1 (numbers as strings, with the resource) or v2; `given` is the redeemed refresh token."""
    user_id = partner.user_id if given else None
    access = tokens.access_token(
        tenant_id=tenant_id, client_id=partner.client_id, audience=audience, user_id=user_id, now=call.now
    )
    seconds, issued = tokens.ACCESS_TOKEN_SECONDS, int(call.now.timestamp())
    content: Json = {"token_type": "Bearer"}
    if user_id:
        scope = "user_impersonation"
        content["scope"] = f"{audience}/{scope} {audience}/.default" if call.is_v2 else scope
    if call.is_v2:
        content |= {"expires_in": seconds, "ext_expires_in": seconds}
    else:
        content |= {
            "expires_in": str(seconds),
            "ext_expires_in": str(seconds),
            "expires_on": str(issued + seconds),
            "not_before": str(issued - 300),
            "resource": audience,
        }
    content["access_token"] = access
    if user_id:
        content["refresh_token"] = tokens.signed(
            claims={
                "rt": partner.tenant_id,
                "appid": partner.client_id,
                "gen": partner.token_generation,
                "iat": issued,
                "jti": hashlib.sha256(f"{given}{call.now.isoformat()}".encode()).hexdigest()[:16],
            }
        )
        content["id_token"] = _id_token(call=call, partner=partner, tenant_id=tenant_id, user_id=user_id)
    return content


def _id_token(*, call: LoginCall, partner: Partner, tenant_id: str, user_id: str) -> str:
    """Who signed in. Clients check its times by their own clock, so they span both clocks."""
    real = datetime.now(call.now.tzinfo)
    issued, expires = int(min(real, call.now).timestamp()), int(max(real, call.now).timestamp()) + 3600
    return tokens.signed(
        claims={
            "aud": partner.client_id,
            "iss": f"{call.base_url}/{tenant_id}/v2.0",
            "iat": issued,
            "nbf": issued,
            "exp": expires,
            "tid": tenant_id,
            "oid": user_id,
            "sub": user_id,
            "name": "Gena Soto",
            "preferred_username": f"gena@{partner.domain}",
            "ver": "2.0",
        }
    )


def find_tenant(*, state: State, name: str) -> str | None:
    """A tenant's id by id or domain."""
    tenant = state.tenant(tenant_id=name) or state.tenant_of_domain(domain=name)
    return tenant.tenant_id if tenant else None


def tenant_not_found(*, name: str, error: str, at: datetime) -> EntraRefusal:
    """AADSTS90002."""
    text = (
        f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the correct"
        " cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for"
        " the tenant."
    )
    return EntraRefusal(status=400, error=error, number=90002, message=text, at=at)


def openid_configuration(*, state: State, name: str, base_url: str, is_v2: bool, now: datetime) -> Answer:
    """A tenant's OpenID configuration; its issuer holds the tenant's id, so this also finds a tenant by domain.

    Refuses an unknown tenant or domain with 400 AADSTS90002.
    """
    if name.lower() in ANY_TENANT:
        tenant_id, issuer_id = name.lower(), "{tenantid}"
    else:
        found = find_tenant(state=state, name=name)
        if found is None:
            raise tenant_not_found(name=name, error="invalid_tenant", at=now)
        tenant_id = issuer_id = found
    root = f"{base_url}/{tenant_id}"
    version = "/v2.0" if is_v2 else ""
    content: Json = {
        "token_endpoint": f"{root}/oauth2{version}/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "jwks_uri": f"{root}/discovery{version}/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["HS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": f"{base_url}/{issuer_id}/v2.0" if is_v2 else f"https://sts.windows.net/{issuer_id}/",
        "request_uri_parameter_supported": False,
        "authorization_endpoint": f"{root}/oauth2{version}/authorize",
        "device_authorization_endpoint": f"{root}/oauth2{version}/devicecode",
        "end_session_endpoint": f"{root}/oauth2{version}/logout",
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "name", "tid", "oid", "preferred_username"],
        "tenant_region_scope": "NA",
        "cloud_instance_name": "microsoftonline.com",
        "msgraph_host": "graph.microsoft.com",
    }
    return Answer(content=content)
