"""Refusals in the bodies that Microsoft's services give them: Partner Center (two shapes), Graph and Entra."""

from datetime import datetime
from typing import Any
from uuid import uuid4

type Json = dict[str, Any]

# Partner Center's generic codes, by the contract's error table.
RESOURCE_NOT_FOUND = 1000
INVALID_PROPERTY = 3000
INVALID_REQUEST = 800002

ENTRA_ERROR_URI = "https://login.microsoftonline.com/error?code="


class Refusal(Exception):
    """An answer that isn't a success; each service gives it a body of its own."""

    def __init__(self, *, status: int, body: Json | None, headers: dict[str, str] | None = None) -> None:
        super().__init__(str(body))
        self.status = status
        self.body = body
        self.headers = headers or {}


class PartnerCenterRefusal(Refusal):
    """Partner Center's usual error body: a numeric code, a description, `data` and `source`."""

    def __init__(
        self,
        *,
        status: int,
        code: int,
        description: str,
        data: list[Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        body = {"code": code, "description": description[:1024], "data": data or [], "source": "PartnerFD"}
        super().__init__(status=status, body=body, headers=headers)


class ServiceRefusal(Refusal):
    """The second shape, which the agreement and account validation services use."""

    def __init__(
        self, *, status: int, code: int, message: str, error_name: str, parameters: Json | None = None
    ) -> None:
        body: Json = {
            "code": code,
            "message": message,
            "description": message,
            "errorName": error_name,
            "isRetryable": False,
        }
        if parameters is not None:
            body["parameters"] = parameters
        body["errorMessageExtended"] = f"InternalErrorCode={code}"
        super().__init__(status=status, body=body)


class GraphRefusal(Refusal):
    """Graph's nested error body; date and ids are filled in when it is answered."""

    def __init__(self, *, status: int, code: str, message: str) -> None:
        super().__init__(status=status, body={"error": {"code": code, "message": message}})


class EntraRefusal(Refusal):
    """The token endpoint's error body, with the AADSTS number in text and list."""

    def __init__(self, *, status: int, error: str, number: int, message: str, at: datetime) -> None:
        trace, correlation = str(uuid4()), str(uuid4())
        stamp = at.strftime("%Y-%m-%d %H:%M:%SZ")
        text = f"AADSTS{number}: {message} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
        body: Json = {
            "error": error,
            "error_description": text,
            "error_codes": [number],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"{ENTRA_ERROR_URI}{number}",
        }
        super().__init__(status=status, body=body)


def invalid_property(*, name: str, description: str) -> PartnerCenterRefusal:
    """400/3000 that names the member of the request at fault in `data`."""
    return PartnerCenterRefusal(status=400, code=INVALID_PROPERTY, description=description, data=[name])


def invalid_request(*, description: str) -> PartnerCenterRefusal:
    """400/800002: the request as a whole can't be understood."""
    return PartnerCenterRefusal(status=400, code=INVALID_REQUEST, description=description)


def not_found(*, description: str = "The requested resource was not found.") -> PartnerCenterRefusal:
    """404/1000."""
    return PartnerCenterRefusal(status=404, code=RESOURCE_NOT_FOUND, description=description)


def throttled_body(*, seconds: int) -> Json:
    """The body of a 429, which differs from every other error."""
    return {"statusCode": 429, "message": f"Rate limit is exceeded. Try again in {seconds} seconds."}


def shaped_body(*, path: str, status: int, text: str, at: datetime) -> Json:
    """An error body for any status in the shape that the service at this path uses."""
    if status == 429:
        return throttled_body(seconds=57)
    if path.startswith("/v1.0/"):
        return {"error": {"code": "ServiceError", "message": text}}
    if path.startswith(("/v1/", "/_emulator")):
        code = RESOURCE_NOT_FOUND if status == 404 else 800003 if status >= 500 else INVALID_REQUEST
        return {"code": code, "description": text, "data": [], "source": "PartnerFD"}
    refusal = EntraRefusal(status=status, error="temporarily_unavailable", number=90033, message=text, at=at)
    return refusal.body or {}
