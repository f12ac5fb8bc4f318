"""Which customer types use a discount; deleting one asks here first, because `catalog` knows nothing of types."""

import datetime
import uuid
from collections.abc import Sequence

from django.db import connection
from django.utils.translation import gettext as _

from msphub.catalog import actions, permissions
from msphub.kit.actor import Actor
from msphub.kit.errors import Refused


def types_by_discount(*, by: Actor, discount_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    """Return the names of the customer types that use each discount, in one statement; unused ones are left out."""
    by.require_partner(permissions.VIEW_DISCOUNTS)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT d.discount_id, array_agg(DISTINCT k.name ORDER BY k.name)
            FROM customers_customertypediscount d
            JOIN customers_customertype k ON k.partner_id = d.partner_id AND k.id = d.customer_type_id
            WHERE d.partner_id = %s AND d.discount_id = ANY(%s) GROUP BY d.discount_id
            """,
            [by.partner_id, list(discount_ids)],
        )
        return dict(cursor.fetchall())


def delete_discount(*, by: Actor, discount_id: uuid.UUID, at: datetime.datetime) -> None:
    """Delete a discount that nothing uses. Refuses with the names of the customer types that do."""
    by.require_partner(permissions.MANAGE_DISCOUNTS)
    names = types_by_discount(by=by, discount_ids=[discount_id]).get(discount_id, [])
    if names:
        shown = ", ".join(names[:10]) + (" …" if len(names) > 10 else "")
        raise Refused("in_use", _("Customer types use it: %(names)s. Take it off them first.") % {"names": shown})
    actions.delete_discount(by=by, discount_id=discount_id, at=at)
