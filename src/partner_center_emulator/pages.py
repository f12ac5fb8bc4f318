"""The emulator's few HTML pages: what it is, where a customer accepts a partner, the agreement's text."""

from dataclasses import replace
from html import escape
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from partner_center_emulator import agreements, relationships
from partner_center_emulator.clock import written
from partner_center_emulator.state import Tenant
from partner_center_emulator.wellknown import Partner
from partner_center_emulator.world import World

_CONSENT_PATHS = (relationships.CONSENT_PATH.lower(), "/_emulator/consent")
_STYLE = """
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:44rem;margin:4rem auto;padding:0 1.5rem}
h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem}h2{font-size:1.05rem;margin:2rem 0 .5rem}
label{display:block;font-weight:600;margin:1.25rem 0 .35rem}label.choice{font-weight:400}
input[type=text]{font:inherit;width:100%;box-sizing:border-box;padding:.55rem .7rem;border:1px solid #8a8a8a;
border-radius:.3rem;background:Canvas;color:CanvasText}
button{font:inherit;margin-top:1.5rem;padding:.55rem 1.4rem;border:0;border-radius:.3rem;background:#0f6cbd;
color:#fff;cursor:pointer}button:hover{background:#0c5698}
:focus-visible{outline:3px solid #60a5fa;outline-offset:2px}
.error{border-left:4px solid #c42b1c;padding-left:.8rem}.quiet{opacity:.75;font-size:.9rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.35rem .9rem .35rem 0;
border-bottom:1px solid #8884}code{font-size:.9em}
"""


def serves(*, path: str) -> bool:
    """Whether a path is one of the pages."""
    return path == "/" or path.lower() in _CONSENT_PATHS or path.startswith(f"{agreements.DOCUMENT_PATH}/")


def answer(*, world: World, request: Request, content: bytes) -> Response:
    """The page at a path."""
    path = request.scope["path"]
    if path == "/":
        return _page(title="Partner Center emulator", body=_INDEX)
    if path.startswith(f"{agreements.DOCUMENT_PATH}/"):
        return _document(world=world, request=request)
    if request.method == "POST":
        return _accept(world=world, request=request, content=content)
    return _consent(world=world, request=request)


def _page(*, title: str, body: str, status: int = 200) -> HTMLResponse:
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<link rel="icon" href="data:,"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )
    return HTMLResponse(html, status_code=status)


def _inviting(*, world: World, request: Request) -> Partner | None:
    query = {name.lower(): value for name, value in request.query_params.items()}
    return world.state.partner(tenant_id=query.get("partnerid") or query.get("partner") or "")


def _no_partner() -> HTMLResponse:
    body = '<p class="error">This invitation names no partner that the emulator knows.</p>'
    return _page(title="Invitation not valid", body=body, status=404)


def _consent(*, world: World, request: Request, error: str = "", domain: str = "") -> HTMLResponse:
    """The page on which a customer's administrator accepts a partner."""
    partner = _inviting(world=world, request=request)
    if partner is None:
        return _no_partner()
    domain = domain or request.query_params.get("domain", "")
    problem = f'<p class="error" role="alert">{escape(error)}</p>' if error else ""
    options = "".join(
        f'<option value="{escape(tenant.default_domain)}">{escape(tenant.name)}</option>'
        for tenant in world.state.tenants()
        if world.state.partner(tenant_id=tenant.tenant_id) is None
        and world.state.customer(partner_id=partner.tenant_id, tenant_id=tenant.tenant_id) is None
    )
    body = (
        f"<p><strong>{escape(partner.name)}</strong> asks to become your organization's reseller. The partner will be"
        " able to buy products for you and see what it bought; it gets no access to your directory.</p>"
        f'{problem}<form method="post"><label for="domain">Your organization\'s domain</label>'
        f'<input type="text" id="domain" name="domain" list="tenants" required value="{escape(domain)}"'
        ' autocomplete="off" spellcheck="false" placeholder="alpinelogistics.onmicrosoft.com">'
        f'<datalist id="tenants">{options}</datalist>'
        '<label class="choice"><input type="checkbox" name="agreement" value="yes"> I also accept the Microsoft'
        " Customer Agreement for my organization.</label>"
        '<button type="submit">Accept</button></form>'
        '<p class="quiet">At Microsoft you would be signed in as your tenant\'s administrator. The emulator takes your'
        " word for it.</p>"
    )
    return _page(title="Accept a reseller", body=body, status=404 if error else 200)


def _accept(*, world: World, request: Request, content: bytes) -> HTMLResponse:
    """Makes the tenant the partner's customer; the domain comes from the form or the query."""
    partner = _inviting(world=world, request=request)
    if partner is None:
        return _no_partner()
    form = dict(parse_qsl(content.decode("utf-8", "replace")))
    domain = form.get("domain") or request.query_params.get("domain", "")
    tenant = world.state.tenant_of_domain(domain=domain) or world.state.tenant(tenant_id=domain)
    if tenant is None or world.state.partner(tenant_id=tenant.tenant_id) is not None:
        text = f"No organization has the domain “{domain}”."
        return _consent(world=world, request=request, error=text, domain=domain)
    at = written(instant=world.clock.now())
    with world.state.changing():
        is_new = relationships.accept(state=world.state, partner=partner, tenant=tenant, at=at)
        if form.get("agreement"):
            _sign(world=world, partner=partner, tenant=tenant)
    outcome = "is now" if is_new else "already was"
    body = (
        f"<p><strong>{escape(tenant.name)}</strong> ({escape(tenant.default_domain)}) {outcome} a customer of"
        f" <strong>{escape(partner.name)}</strong>.</p><p>You can close this page.</p>"
    )
    return _page(title="Reseller accepted", body=body)


def _sign(*, world: World, partner: Partner, tenant: Tenant) -> None:
    customer = world.state.customer(partner_id=partner.tenant_id, tenant_id=tenant.tenant_id)
    if customer is not None:
        world.state.keep_customer(customer=replace(customer, has_signed_directly=True))


def _document(*, world: World, request: Request) -> Response:
    """The agreement's text for as long as its link lives; 403 afterwards."""
    expiry = request.query_params.get("se", "")
    if not expiry.isdigit() or int(expiry) < world.clock.now().timestamp():
        body = '<p class="error">The link has expired. Ask for the document again.</p>'
        return _page(title="Link expired", body=body, status=403)
    name = request.scope["path"].rpartition("/")[2]
    body = f"<p>The emulator's stand-in for the text of the agreement <code>{escape(name)}</code>.</p>"
    response = _page(title="Microsoft Customer Agreement", body=body)
    if request.query_params.get("sp") == "download":
        response.headers["Content-Disposition"] = f'attachment; filename="{name}.html"'
    return response


_INDEX = """
<p>This server behaves as Microsoft's Partner Center, Graph and login do, for people who write and test clients of them.
Nothing here is Microsoft's; no request leaves this machine.</p>
<h2>Services</h2>
<table>
<tr><td><code>/v1/…</code></td><td>Partner Center (<code>api.partnercenter.microsoft.com</code>)</td></tr>
<tr><td><code>/v1.0/…</code></td><td>Graph (<code>graph.microsoft.com</code>)</td></tr>
<tr><td><code>/{tenant}/oauth2/token</code>, <code>/{tenant}/oauth2/v2.0/token</code></td>
<td>Login (<code>login.microsoftonline.com</code>)</td></tr>
</table>
<h2>Controls, from this machine only</h2>
<table>
<tr><td><code>GET /_emulator/partners</code></td><td>partners with their secrets and refresh tokens</td></tr>
<tr><td><code>GET /_emulator/tenants</code></td><td>every Microsoft tenant and whose customer it is</td></tr>
<tr><td><code>GET, POST /_emulator/clock</code></td><td>read, set or advance the clock</td></tr>
<tr><td><code>GET, POST, DELETE /_emulator/faults</code></td>
<td>wrong statuses, lost answers, broken connections</td></tr>
<tr><td><code>GET, DELETE /_emulator/requests</code></td><td>what was asked so far</td></tr>
<tr><td><code>GET, POST /_emulator/settings</code></td><td>throttling, vetting days, life of refresh tokens</td></tr>
<tr><td><code>POST /_emulator/vetting</code></td><td>approve or deny a qualification</td></tr>
<tr><td><code>POST /_emulator/account-status</code></td><td>Microsoft's review of a customer's account</td></tr>
<tr><td><code>POST /_emulator/agreement</code></td><td>the customer signs the agreement itself</td></tr>
<tr><td><code>POST /_emulator/accept</code></td><td>a tenant accepts a partner</td></tr>
<tr><td><code>POST /_emulator/revoke</code>, <code>/sign-in</code></td><td>kill and renew refresh tokens</td></tr>
<tr><td><code>POST /_emulator/reset</code></td><td>back to the beginning</td></tr>
<tr><td><code>GET /_emulator/health</code></td><td>is it up</td></tr>
</table>
<p class="quiet">The package's README has the details.</p>
"""
