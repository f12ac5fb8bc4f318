"""Everything that can go wrong towards Microsoft, as one tree of exceptions.

MicrosoftError
├── Refused            Microsoft answered no; nothing was done; repeating the same request is useless
│   ├── Forbidden      403: a right, a role or a programme is missing
│   ├── NotFound       404
│   ├── Conflict       409: something else is in progress
│   │   └── AlreadyExists   the domain is taken, the agreement is confirmed, the cart is bought already
│   ├── StaleEtag      read again, change again, write again
│   └── SignInFailed   no token, or Microsoft accepts none of ours: somebody has to change the connection
├── Throttled          429: nothing was done; ask again after `retry_after`
├── Unavailable        no answer, and nothing can have happened: ask again later
└── UnknownOutcome     a write was sent and its outcome is unknown: look before you repeat
"""

import re
from collections.abc import Iterable

from msphub.microsoft import advice


class MicrosoftError(Exception):
    """A call to Microsoft that brought no result. `message` is fit to be shown to a person."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        correlation_id: str | None = None,
    ) -> None:
        """Keep what a log line or a support case needs."""
        super().__init__(message)
        self.message = message
        self.status = status
        self.retry_after = retry_after
        self.request_id = request_id
        self.correlation_id = correlation_id


class Refused(MicrosoftError):
    """Microsoft answered no, with a reason.

    `code` is Partner Center's number (Graph and the login have names: `name`), `field` the member of the request
    Microsoft complains about in camelCase, where it can be told, `details` what the answer adds.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        name: str | None = None,
        field: str | None = None,
        details: tuple[str, ...] = (),
        status: int | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        correlation_id: str | None = None,
    ) -> None:
        """Keep Microsoft's reason beside its text."""
        super().__init__(
            message, status=status, retry_after=retry_after, request_id=request_id, correlation_id=correlation_id
        )
        self.code = code
        self.name = name
        self.field = field
        self.details = details

    @property
    def advice(self) -> str | None:
        """What the code means in plain words and what to do, where that says more than Microsoft's own text."""
        return advice.of_code(code=self.code)


class Forbidden(Refused):
    """The caller is known, but lacks a right, a role, a relationship or an active programme."""


class NotFound(Refused):
    """There is no such thing at Microsoft (or not yet: new things may lag for minutes)."""


class Conflict(Refused):
    """Something else is in progress on the same thing: read its state before repeating, after `retry_after` seconds."""


class AlreadyExists(Conflict):
    """What was to be made is there already."""


class StaleEtag(Refused):
    """Somebody changed it in the meantime: read again, apply the change again."""


class SignInFailed(Refused):
    """Microsoft issues no token, or accepts none: the connection's settings have to change.

    `reason`: invalid_client, invalid_grant, consent_required, interaction_required, unknown_application,
    unknown_tenant, audience, no_refresh_token, rejected, or the login's own error name. `message` says what to do;
    `details` carries Microsoft's text.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        code: int | None = None,
        details: tuple[str, ...] = (),
        status: int | None = None,
        request_id: str | None = None,
        correlation_id: str | None = None,
    ) -> None:
        """Keep the reason as a stable word."""
        super().__init__(
            message,
            code=code,
            name=reason,
            details=details,
            status=status,
            request_id=request_id,
            correlation_id=correlation_id,
        )
        self.reason = reason


class Throttled(MicrosoftError):
    """Too many requests: nothing was done. `retry_after` in seconds, None when Microsoft doesn't say."""


class Unavailable(MicrosoftError):
    """Microsoft gave no usable answer, and nothing can have happened: try again later."""


class UnknownOutcome(MicrosoftError):
    """A write went out and its outcome is unknown (time-out, reset, 5xx): it may have happened."""


# errors.md §8: what a number says about the member that is wrong.
FIELD_OF_CODE = {
    600002: "organizationRegistrationNumber",
    600049: "organizationRegistrationNumber",
    600050: "organizationRegistrationNumber",
    600051: "phoneNumber",
    900154: "associatedPartnerId",
    800015: "associatedPartnerId",
    800016: "associatedPartnerId",
    2001: "quantity",
    2002: "quantity",
    800017: "quantity",
    800027: "quantity",
    800067: "quantity",
    800088: "quantity",
    800089: "quantity",
    800090: "quantity",
    800092: "quantity",
    800095: "quantity",
    900214: "quantity",
    900257: "quantity",
    900275: "quantity",
    2054: "billingCycle",
    6000: "billingCycle",
    6001: "billingCycle",
    800085: "billingCycle",
    800097: "billingCycle",
    900269: "billingCycle",
    900270: "billingCycle",
    800107: "termDuration",
    800121: "termDuration",
    800122: "termDuration",
    800093: "autoRenewEnabled",
    800098: "partnerId",
    27007: "promotionId",
    400019: "catalogItemId",
    900142: "catalogItemId",
    900169: "currencyCode",
    900203: "attestationAccepted",
    900206: "partnerOnRecordAttestationAccepted",
    900242: "customTermEndDate",
    900244: "customTermEndDate",
    900245: "customTermEndDate",
    900246: "customTermEndDate",
}

# Members of the requests this package sends. The order breaks ties: the more telling one first.
_MEMBERS = (
    "organizationRegistrationNumber",
    "associatedPartnerId",
    "provisioningContext",
    "customTermEndDate",
    "autoRenewEnabled",
    "catalogItemId",
    "billingCycle",
    "termDuration",
    "currencyCode",
    "friendlyName",
    "promotionId",
    "educationSegment",
    "validationCode",
    "addressLine1",
    "addressLine2",
    "phoneNumber",
    "companyName",
    "postalCode",
    "templateId",
    "dateAgreed",
    "firstName",
    "lastName",
    "qualification",
    "language",
    "culture",
    "country",
    "website",
    "domain",
    "region",
    "state",
    "email",
    "city",
)
_MEMBER_OF_NAME = {member.casefold(): member for member in _MEMBERS}
_SPOKEN = {
    "registration number": "organizationRegistrationNumber",
    "registration id": "organizationRegistrationNumber",
    "phone number": "phoneNumber",
    "postal code": "postalCode",
    "zip code": "postalCode",
    "company name": "companyName",
    "first name": "firstName",
    "last name": "lastName",
    "address line 1": "addressLine1",
    "address line 2": "addressLine2",
    "validation code": "validationCode",
    "e-mail": "email",
}
_QUOTED = re.compile(r"""['"‘“`]([A-Za-z0-9_.\[\]]+)['"’”`]""")  # noqa: RUF001 - Microsoft prints curly ones too
_WORD = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*")
_COMPLAINT = re.compile(
    r"invalid|not valid|required|missing|must|not supported|unsupported|format|match|empty|too long|not allowed",
    re.IGNORECASE,
)
_TAKEN = re.compile(r"\b(already|in use|taken|not available|unavailable|exists)\b", re.IGNORECASE)


def domain_is_taken(*, text: str) -> bool:
    """Say whether a refusal means that the domain belongs to somebody (documented in prose only, contract §4.1)."""
    return re.search(r"domain", text, re.IGNORECASE) is not None and _TAKEN.search(text) is not None


def field_of(*, code: int | None, texts: Iterable[str]) -> str | None:
    """Find the request member a refusal complains about; None where its words name none."""
    if code in FIELD_OF_CODE:
        return FIELD_OF_CODE[code]
    told = tuple(texts)
    for text in told:
        exact = _MEMBER_OF_NAME.get(_last_part(text.strip()))
        if exact is not None:  # details often are nothing but the name
            return exact
    for text in told:
        if domain_is_taken(text=text):
            return "domain"
        named = _named_in(text)
        if named is not None:
            return named
    return None


def _named_in(text: str) -> str | None:
    quoted = [_MEMBER_OF_NAME.get(_last_part(name)) for name in _QUOTED.findall(text)]
    for member in quoted:
        if member is not None:
            return member
    words = [_last_part(word) for word in _WORD.findall(text)]
    compounds = [_MEMBER_OF_NAME[word] for word in words if word in _MEMBER_OF_NAME]
    for member in compounds:
        if member != member.casefold():  # "PostalCode" is never a word of a plain sentence, "state" may be
            return member
    folded = text.casefold()
    for spoken, member in _SPOKEN.items():
        if spoken in folded:
            return member
    return compounds[0] if compounds and _COMPLAINT.search(text) else None


def _last_part(name: str) -> str:
    return name.rsplit(".", 1)[-1].split("[", 1)[0].casefold()
