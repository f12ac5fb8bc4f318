"""Partner Subscriptions as their customers see them: which customers each has, and that none loses it while in use."""

import dataclasses
import datetime
import uuid
from collections.abc import Sequence

from django.db import connection, transaction
from django.utils.translation import ngettext

from msphub.accounts import billing
from msphub.accounts import permissions as accounts
from msphub.accounts.models import Subscription
from msphub.kit import money
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused

MOST_NAMED = 5
MOST_COUNTED = 1000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """The customers charged under a Partner Subscription: how many, counted up to a thousand, and the first by name.

    `any_archived`, `all_archived`: some or all of them are off the grid unless it is asked for archived ones.
    """

    count: int
    more_than_counted: bool
    first: list[str]
    any_archived: bool
    all_archived: bool


def charged_under(*, by: Actor, subscription_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Charged]:
    """Return the customers of each of the partner's subscriptions, archived ones too, in one statement."""
    by.require_partner(accounts.VIEW_SUBSCRIPTIONS)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT wanted.id,
                (SELECT count(*) FROM (SELECT 1 FROM customers_customer c
                    WHERE c.partner_id = %(partner)s AND c.partner_subscription_id = wanted.id LIMIT %(most)s) one),
                ARRAY(SELECT t.name FROM (
                        (SELECT c.id, c.partner_id, c.sort_name FROM customers_customer c
                         WHERE c.partner_id = %(partner)s AND c.partner_subscription_id = wanted.id AND NOT c.archived
                         ORDER BY c.sort_name, c.id LIMIT %(named)s)
                        UNION ALL
                        (SELECT c.id, c.partner_id, c.sort_name FROM customers_customer c
                         WHERE c.partner_id = %(partner)s AND c.partner_subscription_id = wanted.id AND c.archived
                         LIMIT %(named)s)
                    ) c
                    JOIN accounts_tenant t ON t.partner_id = c.partner_id AND t.id = c.id
                    ORDER BY c.sort_name LIMIT %(named)s),
                EXISTS (SELECT 1 FROM customers_customer c
                    WHERE c.partner_id = %(partner)s AND c.partner_subscription_id = wanted.id AND c.archived),
                EXISTS (SELECT 1 FROM customers_customer c
                    WHERE c.partner_id = %(partner)s AND c.partner_subscription_id = wanted.id AND NOT c.archived)
            FROM unnest(%(wanted)s::uuid[]) wanted (id)
            """,
            {
                "partner": by.partner_id,
                "wanted": list(subscription_ids),
                "most": MOST_COUNTED + 1,
                "named": MOST_NAMED,
            },
        )
        return {
            row[0]: Charged(
                count=min(row[1], MOST_COUNTED),
                more_than_counted=row[1] > MOST_COUNTED,
                first=row[2],
                any_archived=row[3],
                all_archived=row[3] and not row[4],
            )
            for row in cursor.fetchall()
        }


def save_subscription(
    *,
    by: Actor,
    customer_id: uuid.UUID | None,
    entry: billing.SubscriptionEntry,
    at: datetime.datetime,
    subscription_id: uuid.UUID | None = None,
    version: int = 0,
    new_id: uuid.UUID | None = None,
) -> Subscription:
    """Create or change a subscription of a customer, or the partner's own (None), by `accounts.billing`'s rules.

    While it is some customer's Partner Subscription, its currency and country stay.
    """
    by.require(accounts.MANAGE_SUBSCRIPTIONS)
    with transaction.atomic():
        in_use = False
        if subscription_id is not None and customer_id is None:
            by.require_partner(accounts.MANAGE_SUBSCRIPTIONS)
            # Whoever gives a customer this subscription waits for the lock (creation.check_terms), and the other way.
            billing.lock_subscription(by=by, customer_id=None, subscription_id=subscription_id)
            in_use = bool(charged_under(by=by, subscription_ids=[subscription_id])[subscription_id].count)
        return billing.save_subscription(
            by=by,
            customer_id=customer_id,
            entry=entry,
            at=at,
            subscription_id=subscription_id,
            version=version,
            in_use=in_use,
            new_id=new_id,
        )


def set_active(
    *,
    by: Actor,
    customer_id: uuid.UUID | None,
    subscription_id: uuid.UUID,
    active: bool,
    at: datetime.datetime,
) -> Subscription:
    """Make a subscription of a customer, or the partner's own (None), active or inactive.

    Inactive: nothing new is bought or billed under it. Refused, with the customers, while it is some customer's Partner
    Subscription; refused for a customer's only active one. Asking twice changes nothing.
    """
    by.require(accounts.MANAGE_SUBSCRIPTIONS)
    if by.customer_id is not None and by.customer_id != customer_id:
        raise NotFound
    with transaction.atomic():
        # Whoever gives a customer this subscription waits for the lock (creation.check_terms), and the other way.
        row = billing.lock_subscription(by=by, customer_id=customer_id, subscription_id=subscription_id)
        if customer_id is None and not active and row.active:
            _refuse_in_use(by=by, subscription=row)
        billing.write_active(by=by, subscription=row, active=active, at=at)
    return row


def _refuse_in_use(*, by: Actor, subscription: Subscription) -> None:
    found = charged_under(by=by, subscription_ids=[subscription.id])[subscription.id]
    if not found.count:
        return
    names = ", ".join(found.first) + (" …" if found.count > len(found.first) else "")
    count = money.number(found.count) + ("+" if found.more_than_counted else "")
    words = ngettext(
        "%(count)s customer is charged under it: %(names)s. Give it another Partner Subscription first.",
        "%(count)s customers are charged under it: %(names)s. Give them another Partner Subscription first.",
        found.count,
    )
    raise Refused("in_use", words % {"count": count, "names": names})
