"""Fills a partner with any number of plausible customers, set by set in SQL: a million in a few minutes.

Each customer follows from its number alone, so that runs continue one another: a run begins at the number of customers
the partner has. COPY is refused under row-level security, hence one temporary table a batch and INSERT … SELECT.
"""

import datetime
import math
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _

from msphub.accounts.actions import FIRST_SUBSCRIPTION
from msphub.accounts.choices import Role, Status, StatusCause, TenantKind, UserStatus
from msphub.accounts.models import Subscription, Tenant
from msphub.audit import actions as audit
from msphub.customers import events, permissions, samples
from msphub.customers.choices import AccountState, ContactKind
from msphub.customers.models import CustomerType, CustomerTypeTerm
from msphub.kit import addresses, text
from msphub.kit.actor import Actor
from msphub.kit.errors import Refused

# Large and in the order of names, so that the names' indexes are walked through once a batch.
BATCH = 50_000
SELLERS = 12
SPREAD_DAYS = 720

# A UUIDv7 for each row, as kit.ids makes them; uuidv7() itself came with PostgreSQL 18.
_ID = """encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
    substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
    52, 1), 53, 1), 'hex')::uuid"""

# Where a customer may be: a place of the samples, with a type and a Partner Subscription that fit its country.
_OFFERS = """
CREATE TEMPORARY TABLE seed_offer (
    position int, country text, country_sort text, state text, city text, postal_code text, phone text,
    form text, form_words text, type_id uuid, type_sort text, subscription_id uuid
)
"""
# A batch is one long statement after another; the limits of a page's are not for it.
_PATIENCE = "SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '64MB'"
_COPY_OFFERS = "COPY seed_offer FROM STDIN"

_ROWS = f"""
CREATE TEMPORARY TABLE seed_row AS
WITH picked AS MATERIALIZED (
    SELECT n,
           n %% %(names)s * %(stride)s %% %(names)s AS k,
           n / %(names)s AS round,
           hashint8extended(n, 1) & 2147483647 AS h1, hashint8extended(n, 2) & 2147483647 AS h2,
           hashint8extended(n, 3) & 2147483647 AS h3, hashint8extended(n, 4) & 2147483647 AS h4
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
), worded AS MATERIALIZED (
    SELECT n, h1, h2, h4, round,
           (%(firsts)s::text[])[1 + k %% %(first_count)s] AS first_word,
           (%(firsts_folded)s::text[])[1 + k %% %(first_count)s] AS first_folded,
           (%(middles)s::text[])[1 + k / %(first_count)s %% %(middle_count)s] AS middle_word,
           (%(middles_folded)s::text[])[1 + k / %(first_count)s %% %(middle_count)s] AS middle_folded,
           (%(seconds)s::text[])[1 + k / %(first_count)s / %(middle_count)s] AS second_word,
           (%(seconds_folded)s::text[])[1 + k / %(first_count)s / %(middle_count)s] AS second_folded,
           1 + h2 %% %(given_count)s AS given1, 1 + h2 / 1000 %% %(family_count)s AS family1,
           1 + h3 %% %(given_count)s AS given2, 1 + h3 / 1000 %% %(family_count)s AS family2,
           1 + h4 %% %(given_count)s AS given3, 1 + h4 / 1000 %% %(family_count)s AS family3
    FROM picked
), named AS MATERIALIZED (
    SELECT n, h1, h4, first_word, first_folded, middle_folded, second_folded,
           first_word || ' ' || middle_word || ' ' || second_word
               || CASE WHEN round > 0 THEN ' ' || round + 1 ELSE '' END AS company,
           first_folded || replace(middle_folded, ' ', '') || second_folded || to_hex(n) AS prefix,
           CASE WHEN round > 0 THEN ' ' || round + 1 ELSE '' END AS round_word,
           (%(given)s::text[])[given1] AS given1, (%(family)s::text[])[family1] AS family1,
           (%(given_folded)s::text[])[given1] AS given1_folded, (%(family_folded)s::text[])[family1] AS family1_folded,
           (%(given)s::text[])[given2] AS given2, (%(family)s::text[])[family2] AS family2,
           (%(given_folded)s::text[])[given2] AS given2_folded, (%(family_folded)s::text[])[family2] AS family2_folded,
           (%(given)s::text[])[given3] AS given3, (%(family)s::text[])[family3] AS family3,
           (%(given_folded)s::text[])[given3] AS given3_folded, (%(family_folded)s::text[])[family3] AS family3_folded
    FROM worded
)
SELECT {_ID} AS tenant_id, {_ID} AS profile_id, {_ID} AS subscription_id, {_ID} AS login_id, ordered.*
FROM (SELECT n, company || ' ' || form AS name,
       first_folded || ' ' || middle_folded || ' ' || second_folded || round_word || ' ' || lower(form) AS sort_name,
       given1, family1, given2, family2, given3, family3, given1_folded || ' ' || family1_folded AS contact_sort,
       given1_folded || '.' || replace(family1_folded, ' ', '') || '@' || prefix || '.example' AS email1,
       given2_folded || '.' || replace(family2_folded, ' ', '') || '@' || prefix || '.example' AS email2,
       given3_folded || '.' || replace(family3_folded, ' ', '') || '@' || prefix || '.example' AS email3,
       'admin@' || prefix || '.' || %(partner_word)s || '.example' AS login_email,
       concat_ws(' ', first_folded, middle_folded, second_folded || round_word, form_words,
           given1_folded, family1_folded, nullif(replace(family1_folded, ' ', ''), family1_folded), prefix, 'example',
           given2_folded, family2_folded, nullif(replace(family2_folded, ' ', ''), family2_folded),
           'admin', %(partner_word)s) AS words,
       1 + h4 / 7 %% 240 || ' ' || (%(streets)s::text[])[1 + h4 / 11 %% %(street_count)s] || ' Street' AS line1,
       country, country_sort, state, city, postal_code, phone, type_id, type_sort, offer.subscription_id AS sold_by,
       CASE WHEN n %% 5 = 4 THEN NULL ELSE 1 + h1 %% %(seller_count)s END AS seller,
       CASE WHEN n %% 11 = 7 THEN '{Status.SUSPENDED}' WHEN n %% 17 = 13 THEN '{Status.DISABLED}'
            ELSE '{Status.ACTIVE}' END AS status,
       %(begun)s::timestamptz + interval '1 second' * (h1 %% %(span)s) AS created_at
FROM named JOIN seed_offer offer ON offer.position = named.h1 %% %(offer_count)s
ORDER BY sort_name) ordered
"""  # noqa: S608 - parts of ours, not of anybody's input

# In the order of their references.
_INSERTS = (
    f"""
    INSERT INTO accounts_tenant (id, partner_id, kind, name, sort_name, country, status, created_at)
    SELECT tenant_id, %(partner)s, '{TenantKind.CUSTOMER}', name, sort_name, country, status, created_at FROM seed_row
    """,  # noqa: S608
    """
    INSERT INTO accounts_billingprofile (id, partner_id, customer_id, name, bill_to, line1, line2, city, state,
        postal_code, country, version, created_at)
    SELECT profile_id, %(partner)s, tenant_id, name, name, line1, '', city, state, postal_code, country, 1, created_at
    FROM seed_row
    """,
    f"""
    INSERT INTO accounts_subscription (id, partner_id, customer_id, name, country, state, billing_profile_id, active,
        currency, tax_registration, number_series, time_zone, payment_instructions, version, created_at)
    SELECT subscription_id, %(partner)s, tenant_id, '{FIRST_SUBSCRIPTION}', country, state, profile_id, true,
        '', '', '', '', '', 1, created_at
    FROM seed_row
    """,  # noqa: S608
    # "!" and something unguessable: a password that can't be used, as Django marks it.
    """
    INSERT INTO accounts_login (id, password, last_login, email, partner_id, customer_id, is_active, created_at)
    SELECT login_id, '!' || replace(gen_random_uuid()::text, '-', ''), NULL, login_email, %(partner)s, tenant_id, true,
        created_at
    FROM seed_row
    """,
    f"""
    INSERT INTO accounts_user (id, partner_id, customer_id, login_id, email, first_name, last_name, display_name,
        contact_email, role, status, created_at, last_sign_in_at, preferences)
    SELECT {_ID}, %(partner)s, tenant_id, login_id, login_email, given3, family3, given3 || ' ' || family3, email3,
        '{Role.CUSTOMER_ADMIN}', '{UserStatus.INVITED}', created_at, NULL, '{{}}'
    FROM seed_row
    """,  # noqa: S608
    f"""
    INSERT INTO customers_customer (id, partner_id, customer_type_id, partner_subscription_id, line1, line2, city,
        state, postal_code, allow_purchase, sort_name, status, archived, created_at, country, country_sort, type_sort,
        contact_name, contact_sort, sales_name, sales_sort, microsoft_state, search_text, version)
    SELECT tenant_id, %(partner)s, type_id, sold_by, line1, '', city, state, postal_code, n %% 3 = 0, sort_name,
        status, false, created_at, country, country_sort, type_sort, given1 || ' ' || family1, contact_sort,
        coalesce((%(sellers)s::text[])[seller], ''), coalesce((%(sellers_folded)s::text[])[seller], ''),
        '{AccountState.NONE}', words, 1
    FROM seed_row
    """,  # noqa: S608
    f"""
    INSERT INTO customers_contact (id, partner_id, customer_id, kind, first_name, last_name, email, phone_country,
        phone, fax)
    SELECT {_ID}, %(partner)s, tenant_id, kind, given, family, email, country, phone, ''
    FROM seed_row, LATERAL (VALUES ('{ContactKind.PRIMARY}', given1, family1, email1),
        ('{ContactKind.BILLING}', given2, family2, email2)) person (kind, given, family, email)
    """,  # noqa: S608
    f"""
    INSERT INTO customers_salesrepresentative (id, partner_id, customer_id, position, name, email, phone)
    SELECT {_ID}, %(partner)s, tenant_id, 1, (%(sellers)s::text[])[seller], (%(seller_emails)s::text[])[seller], ''
    FROM seed_row WHERE seller IS NOT NULL
    """,  # noqa: S608
    # Why a customer is not active now; and of some who are, that they once were not.
    f"""
    INSERT INTO accounts_statusinterval (id, partner_id, customer_id, status, cause, reason, starts_at, ends_at,
        created_at, created_by, begun_at, ended_at)
    SELECT {_ID}, %(partner)s, tenant_id, coalesce(nullif(status, '{Status.ACTIVE}'), '{Status.SUSPENDED}'),
        '{StatusCause.PERSON}', 'Asked for by the customer', begun, ended, begun, %(by)s, begun, ended
    FROM seed_row, LATERAL (SELECT created_at + (%(at)s - created_at) / 2 AS begun,
        CASE WHEN status = '{Status.ACTIVE}' THEN created_at + (%(at)s - created_at) * 0.6 END AS ended) spell
    WHERE status <> '{Status.ACTIVE}' OR n %% 13 = 5
    """,  # noqa: S608
)


def seed_customers(
    *, by: Actor, count: int, at: datetime.datetime, say: Callable[[int], None] = lambda _done: None
) -> int:
    """Add `count` customers with people, contacts, subscriptions and statuses, and return how many were added.

    They were created over the last two years, in places for which the partner has credit terms. One audit entry for
    the run; no mail is sent and Microsoft is not asked. `say` hears after each batch how many are there. Refuses a
    partner without terms for any of the samples' countries. Not two runs at a time for one partner.
    """
    by.require_partner(permissions.CREATE)
    offers = _offers(by=by)
    words = _words(by=by)
    start = Tenant.objects.filter(partner_id=by.partner_id, kind=TenantKind.CUSTOMER).count()
    for done in range(0, count, BATCH):
        size = min(BATCH, count - done)
        span = max(1, SPREAD_DAYS * 86_400 * size // count)
        values = {
            **words,
            "at": at,
            "by": by.name,
            "partner": by.partner_id,
            "offer_count": len(offers),
            "first": start + done,
            "last": start + done + size - 1,
            "begun": at - datetime.timedelta(days=SPREAD_DAYS + 1, seconds=-SPREAD_DAYS * 86_400 * done // count),
            "span": span,
        }
        with transaction.atomic(), connection.cursor() as cursor:
            if done == 0:
                audit.record(
                    by=by,
                    event=events.CUSTOMERS_SEEDED,
                    at=at,
                    object_type="customer",
                    object_id=None,
                    object_label=_("%(count)s sample customers") % {"count": count},
                )
            cursor.execute(_PATIENCE)
            cursor.execute(_OFFERS)
            with cursor.copy(_COPY_OFFERS) as copy:
                for offer in offers:
                    copy.write_row(offer)
            cursor.execute(_ROWS, values)
            for statement in _INSERTS:
                cursor.execute(statement, values)
            cursor.execute("DROP TABLE seed_offer, seed_row")
        say(done + size)
    return count


def _offers(*, by: Actor) -> list[tuple[Any, ...]]:
    """Return every place and legal form of the samples with each type and subscription that fit there."""
    terms: dict[str, list[tuple[CustomerType, str]]] = {}
    for term in CustomerTypeTerm.objects.filter(partner_id=by.partner_id, customer_type__active=True).select_related(
        "customer_type", "credit_term"
    ):
        terms.setdefault(term.country, []).append((term.customer_type, term.credit_term.currency))
    subscriptions = list(Subscription.objects.filter(partner_id=by.partner_id, customer_id=None, active=True))
    offers = [
        (
            country,
            text.fold(addresses.english_name(country)),
            state,
            city,
            postal_code,
            phone,
            form,
            " ".join(text.search_words(form)),
            kind.id,
            text.fold(kind.name),
            subscription.id,
        )
        for country, state, city, postal_code, phone in samples.PLACES
        for form in samples.FORMS[country]
        for kind, currency in terms.get(country, ())
        for subscription in subscriptions
        if subscription.currency == currency
    ]
    if not offers:
        countries = ", ".join(sorted({place[0] for place in samples.PLACES}))
        raise Refused(
            "no_terms",
            _("This partner has no credit terms in any country that samples exist for: %(countries)s.")
            % {"countries": countries},
        )
    return [(position, *offer) for position, offer in enumerate(offers)]


def _words(*, by: Actor) -> dict[str, Any]:
    """Return the lists that names are made of, as they are written and folded as our search folds them."""
    middles = [*samples.MIDDLE, *samples.FAMILY]
    names = len(samples.FIRST) * len(middles) * len(samples.SECOND)
    sellers = [
        (samples.GIVEN[number * 5 % len(samples.GIVEN)], samples.FAMILY[number * 7 % len(samples.FAMILY)])
        for number in range(SELLERS)
    ]
    partner_word = by.partner_id.hex[-8:]
    return {
        "names": names,
        "stride": _stride(names),
        "partner_word": partner_word,
        **_list("first", samples.FIRST),
        **_list("middle", middles),
        **_list("second", samples.SECOND),
        "given": samples.GIVEN,
        "given_folded": _folded(samples.GIVEN),
        "given_count": len(samples.GIVEN),
        "family": samples.FAMILY,
        "family_folded": _folded(samples.FAMILY),
        "family_count": len(samples.FAMILY),
        "streets": samples.STREETS,
        "street_count": len(samples.STREETS),
        "sellers": [f"{first} {last}" for first, last in sellers],
        "sellers_folded": [text.fold(f"{first} {last}") for first, last in sellers],
        "seller_emails": [
            f"{text.fold(first)}.{text.fold(last).replace(' ', '')}@{partner_word}.example" for first, last in sellers
        ],
        "seller_count": SELLERS,
    }


def _list(name: str, words: Sequence[str]) -> dict[str, Any]:
    return {f"{name}s": list(words), f"{name}s_folded": _folded(words), f"{name}_count": len(words)}


def _folded(words: Sequence[str]) -> list[str]:
    return [text.fold(word) for word in words]


def _stride(names: int) -> int:
    """Return a step that visits every name once, neighbours far apart."""
    stride = int(names * 0.618)
    while math.gcd(stride, names) != 1:
        stride += 1
    return stride
