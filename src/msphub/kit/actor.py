"""Who does something: a person, a key or the system, in whose tenant, with which permissions."""

import dataclasses
import uuid
from enum import StrEnum

from django.utils.translation import gettext as _

from msphub.kit.errors import Forbidden


class ActorKind(StrEnum):
    USER = "user"
    API_KEY = "api_key"
    SYSTEM = "system"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The one on whose behalf a query or an action runs. Built by the middleware, a job or a command."""

    kind: ActorKind
    partner_id: uuid.UUID
    customer_id: uuid.UUID | None = None
    user_id: uuid.UUID | None = None
    name: str = ""
    email: str = ""
    role: str = ""
    permissions: frozenset[str] = frozenset()
    address: str = ""
    request_id: str = ""

    @property
    def is_partner(self) -> bool:
        """Whether the actor acts for the partner, not for one of its customers."""
        return self.customer_id is None

    def may(self, permission: str) -> bool:
        """Tell whether the actor holds a permission; the system holds all."""
        return self.kind is ActorKind.SYSTEM or permission in self.permissions

    def require(self, permission: str) -> None:
        """Raise `Forbidden` when the actor lacks a permission."""
        if not self.may(permission):
            raise Forbidden(_("Your role does not allow this. Ask an owner of your company."), permission=permission)

    def require_partner(self, permission: str) -> None:
        """Raise `Forbidden` unless the actor acts for the partner and holds the permission."""
        if not self.is_partner:
            raise Forbidden(_("Only your provider can do this."), permission=permission)
        self.require(permission)


def system_actor(*, partner_id: uuid.UUID, request_id: str = "") -> Actor:
    """Return the actor that a background job acts as within one partner."""
    return Actor(kind=ActorKind.SYSTEM, partner_id=partner_id, name="MSP Hub", request_id=request_id)
