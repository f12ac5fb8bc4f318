"""The list of a customer's users, or of the partner's own."""

import dataclasses
import datetime
import uuid
from collections.abc import Sequence
from typing import Any

from msphub.accounts import permissions
from msphub.kit import lists
from msphub.kit.actor import Actor
from msphub.kit.lists import Key, Page, Wanted

SORTS = {
    "name": Key(expression="lower(u.display_name)"),
    "email": Key(expression="u.email"),
    "role": Key(expression="u.role"),
    "status": Key(expression="u.status"),
    "last": Key(expression="coalesce(u.last_sign_in_at, 'epoch'::timestamptz)", kind="timestamptz"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class UserRow:
    """A user in the list."""

    id: uuid.UUID
    customer_id: uuid.UUID | None
    display_name: str
    email: str
    contact_email: str
    role: str
    status: str
    last_sign_in_at: datetime.datetime | None


def users_page(
    *,
    by: Actor,
    customer_id: uuid.UUID | None,
    wanted: Wanted,
    search: str = "",
    statuses: Sequence[str] = (),
    roles: Sequence[str] = (),
) -> Page[UserRow]:
    """Return one page of the users of a customer, or of the partner itself (None), in one statement.

    Every word of the search must begin some word of name or e-mail. Row-level security keeps a customer's users to
    their own company.
    """
    by.require(permissions.VIEW_USERS)
    where = ["u.partner_id = %s", "u.customer_id IS NULL" if customer_id is None else "u.customer_id = %s"]
    values: list[Any] = [by.partner_id, *([] if customer_id is None else [customer_id])]
    conditions, words = lists.matching("u.display_name || ' ' || u.email || ' ' || u.contact_email", search)
    where += conditions
    values += words
    for column, chosen in (("u.status", statuses), ("u.role", roles)):
        if chosen:
            where.append(f"{column} = ANY(%s)")
            values.append(list(chosen))
    return lists.page(
        columns="u.id, u.customer_id, u.display_name, u.email, u.contact_email, u.role, u.status, u.last_sign_in_at",
        tables="accounts_user u",
        where=where,
        values=values,
        id_column="u.id",
        sorts=SORTS,
        wanted=wanted,
        row=UserRow,
    )
