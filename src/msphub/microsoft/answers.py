"""From an answer that isn't a success to the exception it means (errors.md §1, §2)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from msphub.microsoft import advice, errors, reading

AUDIENCE_REFUSED = 900420
USER_TOKEN_NEEDED = 900329
_AGREEMENT_EXISTS = 600061
_CART_BOUGHT = 800065
_STALE_ETAG = 2055
_PRECONDITION_FAILED = 800036
_NOT_AVAILABLE = 400072
_LONGEST_TEXT = 1024  # of a description (errors.md §1.1)
_LONGEST_WAIT = 7 * 86_400.0  # of what Microsoft may ask for: more is a slip, and no clock could count to it

_EXTENDED_CODE = re.compile(r"InternalErrorCode=(\d{1,18})")
_SECONDS = re.compile(r"\d{1,300}(\.\d{1,300})?", re.ASCII)
_TRY_AGAIN = re.compile(r"try again in ([0-9]{1,300}) second", re.IGNORECASE)
_ENTRA_CODE = re.compile(r"AADSTS(\d{1,18})")
_CHALLENGE = re.compile(r'error_description="([^"]+)"', re.IGNORECASE)
_MFA = re.compile(r"\bMFA\b|multi-?factor", re.IGNORECASE)


def refusal(
    *, status: int, body: object, headers: Mapping[str, str], request_id: str | None, correlation_id: str | None
) -> errors.Refused:
    """Return the refusal an answer tells. All published shapes are read; an empty body is one too."""
    members = _outer(body)
    inner = members.child("error") or members
    message = text_of(body) or _challenge(headers) or f"Microsoft refused the request (HTTP {status})."
    code, name = _code(inner, members)
    details = _details(inner.get("data", "details") or members.get("data"))
    kind = _kind(status=status, code=code, text=message)
    if kind is errors.SignInFailed:
        reason = _reason_of_401(code=code, text=message)
        return errors.SignInFailed(
            SIGN_IN_ADVICE[reason],
            reason=reason,
            code=code,
            details=(message, *details),
            status=status,
            request_id=request_id,
            correlation_id=correlation_id,
        )
    return kind(
        message,
        code=code,
        name=name,
        field=errors.field_of(code=code, texts=(message, *details) if status in {400, 409, 422} else ()),
        details=details,
        status=status,
        retry_after=retry_after(headers=headers, body=body) or _own_wait(status=status, code=code),
        request_id=request_id,
        correlation_id=correlation_id,
    )


def hidden_refusal(*, body: object) -> bool:
    """Say whether what looks like a success is a refusal: Microsoft lists one with HTTP 200 (errors.md §8)."""
    members = reading.Members(body)
    return members.number("code") == _NOT_AVAILABLE and members.has("description", "message")


def _own_wait(*, status: int, code: int | None) -> float | None:
    """Return how long to leave something alone that is in progress, where Microsoft doesn't say (errors.md §2)."""
    return advice.wait_of(code=code) if status == 409 else None


def text_of(body: object) -> str | None:
    """Return what an error answer says in words."""
    members = _outer(body)
    said = body.strip() if isinstance(body, str) and "<" not in body else ""  # a proxy's page says nothing of Microsoft
    return _message(members.child("error")) or _message(members) or said[:_LONGEST_TEXT] or None


def _outer(body: object) -> reading.Members:
    """Return the members of an error answer; some services send a list of one."""
    return next(iter(reading.objects(body)), reading.Members(None)) if isinstance(body, list) else reading.Members(body)


def _challenge(headers: Mapping[str, str]) -> str | None:
    """Return what the header of a failed authentication says, where the body is silent (errors.md §1.1)."""
    told = _CHALLENGE.search(headers.get("WWW-Authenticate", ""))
    return told.group(1) if told else None


def _reason_of_401(*, code: int | None, text: str) -> str:
    if code == AUDIENCE_REFUSED or "audience" in text.casefold():
        return "audience"
    return "interaction_required" if _MFA.search(text) else "rejected"


def retry_after(*, headers: Mapping[str, str], body: object = None) -> float | None:
    """Return how many seconds Microsoft wants to be left alone; None when it doesn't say.

    The header counts in seconds or names an instant; the throttling body says it in words (errors.md §1.2).
    """
    value = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(value):
        return min(float(value), _LONGEST_WAIT)
    if value:
        try:
            until = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            until = None
        if until is not None:
            aware = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
            return min(max(0.0, (aware - datetime.now(UTC)).total_seconds()), _LONGEST_WAIT)
    said = _TRY_AGAIN.search(text_of(body) or "")
    return min(float(said.group(1)), _LONGEST_WAIT) if said else None


def sign_in_failure(*, answer: object, status: int | None) -> errors.SignInFailed:
    """Return what a refusal of the token endpoint means, with a sentence on what to do."""
    members = reading.Members(answer)
    text = (members.text("error_description") or members.text("error") or "").splitlines()
    description = text[0].strip() if text else ""
    numbered = _ENTRA_CODE.search(description)
    listed = [number for number in map(reading.whole, reading.entries(members.get("error_codes"))) if number]
    code = int(numbered.group(1)) if numbered else next(iter(listed), None)
    reason = _reason(error=members.text("error") or "", suberror=members.text("suberror") or "", code=code)
    return errors.SignInFailed(
        SIGN_IN_ADVICE.get(reason, f"Microsoft's login refused: {description or reason}"),
        reason=reason,
        code=code,
        details=(description,) if description else (),
        status=status,
        correlation_id=members.text("correlation_id"),
    )


SIGN_IN_ADVICE = {
    "invalid_client": "Microsoft doesn't accept the application's secret: it is wrong or has expired. "
    "Create a new client secret in Entra (App registrations, Certificates & secrets) and enter its value.",
    "invalid_grant": "The consent of the partner's administrator is no longer valid: it was revoked, the password "
    "changed, or it wasn't used for 90 days. Connect to Microsoft again, signing in with MFA.",
    "consent_required": "The application lacks a consent in Entra. "
    "Have an administrator grant its permissions and connect to Microsoft again.",
    "interaction_required": "Microsoft wants the administrator to sign in again, with MFA or because of a "
    "Conditional Access policy. Connect to Microsoft again.",
    "unknown_application": "The application id isn't known in the partner's tenant. "
    "Check client id and tenant id in Entra (App registrations).",
    "unknown_tenant": "Microsoft doesn't know the tenant. Check the partner's tenant id.",
    "audience": "The token is meant for another service than the one called, or Entra doesn't know that service in "
    "this tenant. Check the application's permission for Microsoft Partner Center.",
    "no_refresh_token": "This operation needs the consent of an administrator of the partner, and none is stored. "
    "Connect to Microsoft, signing in with MFA.",
    "rejected": "Microsoft rejected the token, and a new one too. "
    "Check the application's permissions in Entra and that it is registered in Partner Center.",
}
_REASON_OF_CODE = {
    7000215: "invalid_client",
    7000222: "invalid_client",
    7000216: "invalid_client",
    7000218: "invalid_client",
    700016: "unknown_application",
    90002: "unknown_tenant",
    900023: "unknown_tenant",
    90013: "unknown_tenant",
    500011: "audience",
    500014: "audience",
    650057: "audience",
    70011: "audience",
    65001: "consent_required",
    65004: "consent_required",
    65005: "consent_required",
    90094: "consent_required",
    650052: "audience",
    50072: "interaction_required",
    50074: "interaction_required",
    50076: "interaction_required",
    50079: "interaction_required",
    50158: "interaction_required",
    53000: "interaction_required",
    53001: "interaction_required",
    53002: "interaction_required",
    53003: "interaction_required",
    53004: "interaction_required",
}


def _reason(*, error: str, suberror: str, code: int | None) -> str:
    if code in _REASON_OF_CODE:
        return _REASON_OF_CODE[code]
    if suberror == "consent_required":
        return suberror
    renamed = {
        "invalid_resource": "audience",
        "unauthorized_client": "unknown_application",
        "invalid_scope": "audience",
        "login_required": "interaction_required",
    }
    return renamed.get(error, error or "unknown")


def _kind(*, status: int, code: int | None, text: str) -> type[errors.Refused]:
    if status == 401:
        return errors.SignInFailed
    if status in {412, 417} or code in {_STALE_ETAG, _PRECONDITION_FAILED}:
        return errors.StaleEtag
    if code == _NOT_AVAILABLE:
        return errors.NotFound
    if code in {_AGREEMENT_EXISTS, _CART_BOUGHT} or (status in {400, 409} and errors.domain_is_taken(text=text)):
        return errors.AlreadyExists
    return {403: errors.Forbidden, 404: errors.NotFound, 409: errors.Conflict, 410: errors.NotFound}.get(
        status, errors.Refused
    )


def _message(members: reading.Members) -> str | None:
    told = map(members.text, ("description", "message", "error_description", "errorDescription", "title"))
    text = next((text.strip() for text in told if text and text.strip()), "")
    if not text and isinstance(members.get("error"), str):
        text = (members.text("error") or "").strip()
    return text or None


def _code(inner: reading.Members, outer: reading.Members) -> tuple[int | None, str | None]:
    number = inner.number("code", "errorCode")
    if number is None:
        extended = _EXTENDED_CODE.search(inner.text("errorMessageExtended") or outer.text("errorMessageExtended") or "")
        number = int(extended.group(1)) if extended else None
    name = inner.text("errorName") or outer.text("errorName")
    if name is None and inner.number("code") is None:
        name = inner.text("code")
    if name is None and isinstance(outer.get("error"), str):
        name = outer.text("error")
    return number, name


def _details(data: object) -> tuple[str, ...]:
    found = []
    for entry in reading.entries(data):
        text = _message(reading.Members(entry)) if isinstance(entry, dict) else reading.scalar(entry)
        if text:
            found.append(text)
    return tuple(found)
