"""Customer types (product.md §3, T): credit terms and discounts by country; made, changed, switched off."""

import dataclasses
import datetime
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from procrastinate.contrib.django import app as jobs
from psycopg.errors import UniqueViolation

from msphub.audit import actions as audit
from msphub.catalog import described as catalog_words
from msphub.catalog import queries as catalog
from msphub.catalog.days import day_of
from msphub.catalog.queries import DiscountRow, Span
from msphub.customers import credit_terms, events, permissions, type_usage
from msphub.customers.models import CreditTerm, CustomerType, CustomerTypeDiscount, CustomerTypeTerm
from msphub.kit import addresses, fields, ids, text
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused, Text

SORT_CUSTOMERS = "customers.sort_by_type"
# A renamed type's customers get the new name to sort by: so many at once, the others in a job, so many a transaction.
RENAMED_AT_ONCE = 1000
RENAMED_IN_JOB = 20_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CountryTerms:
    """What a type holds for one country, as entered."""

    country: str
    credit_term_id: uuid.UUID | None
    discount_ids: tuple[uuid.UUID, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """A customer type as entered, its countries in the form's order."""

    name: str
    countries: tuple[CountryTerms, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a type holds for one country, with the records themselves; discounts by name."""

    country: str
    term: CreditTerm
    discounts: tuple[DiscountRow, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A type that holds together: name, and terms by country code."""

    name: str
    held: Mapping[str, Held]


def check(*, by: Actor, entered: Entered, at: datetime.datetime) -> tuple[Checked, dict[str, Text]]:
    """Check a type's entries against each other and the partner's own records.

    Problems are named `name`, and `country_1`, `term_1`, `discounts_1` … by the row's position. One credit term a
    country, each of that country; at most one discount a vendor and category, each of that country.
    """
    by.require_partner(permissions.MANAGE_TERMS)
    problems: dict[str, Text] = {}
    name, problem = fields.line(entered.name, most=100, missing=_("Enter a name."))
    if problem:
        problems["name"] = problem
    terms = {
        term.id: term
        for term in CreditTerm.objects.filter(
            partner_id=by.partner_id, id__in={row.credit_term_id for row in entered.countries if row.credit_term_id}
        )
    }
    discounts = {
        row.id: row
        for row in catalog.discount_choices(
            by=by,
            on=day_of(at),
            discount_ids={one for row in entered.countries for one in row.discount_ids},
        )
    }
    held: dict[str, Held] = {}
    if not entered.countries:
        problems["country_1"] = _("Choose at least one country.")
    for number, row in enumerate(entered.countries, start=1):
        if row.country not in addresses.country_codes():
            problems[f"country_{number}"] = _("Choose a country.")
            continue
        country = addresses.country_name(row.country)
        if row.country in held:
            problems[f"country_{number}"] = _(
                "%(country)s stands here twice; a type has one credit term a country."
            ) % {"country": country}
            continue
        term = terms.get(row.credit_term_id) if row.credit_term_id else None
        if term is None or term.country != row.country:
            problems[f"term_{number}"] = _("Choose a credit term of %(country)s.") % {"country": country}
        chosen = [discounts.get(one) for one in dict.fromkeys(row.discount_ids)]
        own = [one for one in chosen if one is not None and one.country == row.country]
        if len(own) != len(chosen):
            problems[f"discounts_{number}"] = _("Choose discounts of %(country)s.") % {"country": country}
        elif problem := _doubled(own):
            problems[f"discounts_{number}"] = problem
        if term is not None:
            held[row.country] = Held(
                country=row.country, term=term, discounts=tuple(sorted(own, key=lambda one: text.fold(one.name)))
            )
    return Checked(name=name, held=held), problems


def create_customer_type(
    *,
    by: Actor,
    name: str,
    countries: Sequence[CountryTerms],
    at: datetime.datetime,
    type_id: uuid.UUID | None = None,
) -> CustomerType:
    """Create a customer type with one credit term for each of its countries.

    `type_id` is the form's own: sent twice, it makes one type and returns that. Refuses what `check` names, and a name
    that another type has (case does not count).
    """
    checked = _checked(by=by, entered=Entered(name=name, countries=tuple(countries)), at=at)
    kind = CustomerType(
        id=type_id or ids.new_id(),
        partner_id=by.partner_id,
        name=checked.name,
        sort_name=text.fold(checked.name),
        created_at=at,
        updated_at=at,
    )
    with transaction.atomic():
        made = CustomerType.objects.filter(partner_id=by.partner_id, id=kind.id).first()
        if made is not None:
            return made
        try:
            with transaction.atomic():
                kind.save(force_insert=True)
                _insert(kind, list(checked.held.values()))
                type_usage.check_references_now()
        except IntegrityError as error:
            made = CustomerType.objects.filter(partner_id=by.partner_id, id=kind.id).first()
            if made is not None:
                return made  # the other click came first
            raise _refusal(error) from error
        audit.record(
            by=by,
            event=events.CUSTOMER_TYPE_CREATED,
            at=at,
            object_type="customer_type",
            object_id=kind.id,
            object_label=kind.name,
            changes=audit.differences({}, described(checked)),
        )
    return kind


def change_customer_type(
    *, by: Actor, type_id: uuid.UUID, entered: Entered, version: int, at: datetime.datetime
) -> CustomerType:
    """Change a type's name, credit terms and discounts; they hold for its customers from now on.

    `version` is the one the form was filled from; an older one is refused. Refuses to leave customers without a credit
    term, and a term in another currency than the Partner Subscription of customers who would get it.
    """
    checked = _checked(by=by, entered=entered, at=at)
    with transaction.atomic():
        kind = CustomerType.objects.select_for_update().filter(partner_id=by.partner_id, id=type_id).first()
        if kind is None:
            raise NotFound
        if kind.version != version:
            raise Refused(
                "stale",
                _("Somebody else has changed this customer type meanwhile. Save again to keep what stands here."),
            )
        before = Checked(name=kind.name, held=held_by(by=by, type_id=type_id, at=at))
        refuse_stranded(by=by, type_id=type_id, before=before, after=checked)
        changes = catalog_words.differences(old=described(before), new=described(checked))
        if not changes:
            return kind
        renamed = text.fold(checked.name) != text.fold(kind.name)
        kind.name, kind.sort_name = checked.name, text.fold(checked.name)
        kind.version += 1
        kind.updated_at = at
        try:
            with transaction.atomic():
                kind.save(force_update=True)
                _replace(kind, before=before.held, after=checked.held)
                type_usage.check_references_now()
        except IntegrityError as error:
            raise _refusal(error) from error
        if renamed and sort_customers(partner_id=by.partner_id, type_id=type_id):
            jobs.configure_task(SORT_CUSTOMERS, queue="house").defer(
                partner_id=str(by.partner_id), type_id=str(type_id)
            )
        audit.record(
            by=by,
            event=events.CUSTOMER_TYPE_CHANGED,
            at=at,
            object_type="customer_type",
            object_id=kind.id,
            object_label=kind.name,
            changes=changes,
        )
    return kind


def switch_customer_type(*, by: Actor, type_id: uuid.UUID, active: bool, at: datetime.datetime) -> CustomerType:
    """Make a type active or inactive. An inactive one can't be chosen any more; customers who have it keep it.

    Asking twice changes nothing.
    """
    by.require_partner(permissions.MANAGE_TERMS)
    with transaction.atomic():
        kind = CustomerType.objects.select_for_update().filter(partner_id=by.partner_id, id=type_id).first()
        if kind is None:
            raise NotFound
        if kind.active == active:
            return kind
        kind.active, kind.updated_at = active, at
        kind.version += 1
        kind.save(update_fields=["active", "updated_at", "version"])
        audit.record(
            by=by,
            event=events.CUSTOMER_TYPE_ACTIVATED if active else events.CUSTOMER_TYPE_DEACTIVATED,
            at=at,
            object_type="customer_type",
            object_id=kind.id,
            object_label=kind.name,
            changes={gettext_noop("Status"): ("Inactive", "Active") if active else ("Active", "Inactive")},
        )
    return kind


def held_by(*, by: Actor, type_id: uuid.UUID, at: datetime.datetime) -> dict[str, Held]:
    """Return what a type holds, by country code, with the discounts as they stand at an instant."""
    terms = CustomerTypeTerm.objects.filter(partner_id=by.partner_id, customer_type_id=type_id).select_related(
        "credit_term"
    )
    chosen: dict[str, list[uuid.UUID]] = {}
    for country, discount_id in CustomerTypeDiscount.objects.filter(
        partner_id=by.partner_id, customer_type_id=type_id
    ).values_list("country", "discount_id"):
        chosen.setdefault(country, []).append(discount_id)
    rows = {
        row.id: row
        for row in catalog.discount_choices(
            by=by, on=day_of(at), discount_ids={one for several in chosen.values() for one in several}
        )
    }
    return {
        term.country: Held(
            country=term.country,
            term=term.credit_term,
            discounts=tuple(
                sorted((rows[one] for one in chosen.get(term.country, ())), key=lambda one: text.fold(one.name))
            ),
        )
        for term in terms
    }


def refuse_stranded(*, by: Actor, type_id: uuid.UUID, before: Checked, after: Checked) -> None:
    """Refuse a change that would leave customers without a credit term, or with one in a currency that isn't theirs."""
    gone = [country for country in before.held if country not in after.held]
    living = type_usage.living_in(by=by, type_id=type_id, countries=gone)
    if living:
        names = [f"{one.name} ({addresses.country_name(one.country)})" for one in living]
        raise Refused(
            "customers_live_there",
            _("Customers of this type would have no credit terms: %(names)s. Give them another type first.")
            % {"names": credit_terms.text_list(names)},
        )
    stranded = other_currency(by=by, type_id=type_id, before=before, after=after)
    if stranded:
        raise Refused(
            "currency",
            credit_terms.currency_refusal(stranded, currency=after.held[stranded[0].country].term.currency),
        )


def other_currency(*, by: Actor, type_id: uuid.UUID, before: Checked, after: Checked) -> list[type_usage.InTheWay]:
    """Return the customers whom a change would give a credit term in another currency than they are charged in."""
    return type_usage.of_other_currency(
        by=by,
        wanted=[
            type_usage.Wanted(type_id=type_id, country=country, currency=held.term.currency)
            for country, held in after.held.items()
            if country in before.held and before.held[country].term.currency != held.term.currency
        ],
    )


def described(checked: Checked) -> dict[str, Any]:
    """Return a type in the words of the audit log: label → value, names and percentages."""
    words: dict[str, Any] = {gettext_noop("Name"): checked.name}
    for country, held in sorted(checked.held.items(), key=lambda pair: addresses.english_name(pair[0])):
        name = addresses.country_name(country)
        words[f"Credit Term, {name}"] = held.term.name
        if held.discounts:
            words[f"Discounts, {name}"] = "; ".join(f"{one.name} ({rate(one.in_force)})" for one in held.discounts)
    return words


def rate(span: Span | None) -> str:
    """Return a discount version's rate or span of rates: “5 %”, “3 % to 15 %”, a dash for none."""
    if span is None or span.lowest is None or span.highest is None:
        return "\u2013"
    low, high = catalog_words.percent(span.lowest), catalog_words.percent(span.highest)
    return low if low == high else f"{low}\u2013{high}"


def sort_customers(*, partner_id: uuid.UUID, type_id: uuid.UUID, most: int = RENAMED_AT_ONCE) -> bool:
    """Give customers of a type its name to sort by, so many at most. Returns whether there may be more."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE customers_customer c SET type_sort = k.sort_name
            FROM customers_customertype k
            WHERE k.partner_id = %(partner)s AND k.id = %(kind)s AND c.partner_id = %(partner)s AND c.id IN (
                SELECT id FROM customers_customer
                WHERE partner_id = %(partner)s AND customer_type_id = %(kind)s AND type_sort <> (
                    SELECT sort_name FROM customers_customertype WHERE partner_id = %(partner)s AND id = %(kind)s
                )
                LIMIT %(most)s
            )
            """,
            {"partner": partner_id, "kind": type_id, "most": most},
        )
        changed: int = cursor.rowcount
    return changed >= most


def _checked(*, by: Actor, entered: Entered, at: datetime.datetime) -> Checked:
    checked, problems = check(by=by, entered=entered, at=at)
    if problems:
        raise Refused("invalid", _("Some entries need your attention."), fields=problems)
    return checked


def _doubled(discounts: Sequence[DiscountRow]) -> str | None:
    """Say which vendor and category stand twice."""
    seen: dict[tuple[str, str], str] = {}
    for one in discounts:
        former = seen.setdefault((one.vendor, one.category), one.name)
        if former != one.name:
            return _("Choose one %(category)s discount of %(vendor)s: “%(first)s” or “%(second)s”.") % {
                "category": one.category.label,
                "vendor": one.vendor.label,
                "first": former,
                "second": one.name,
            }
    return None


def _insert(kind: CustomerType, held: Sequence[Held]) -> None:
    CustomerTypeTerm.objects.bulk_create(
        CustomerTypeTerm(partner_id=kind.partner_id, customer_type=kind, country=one.country, credit_term=one.term)
        for one in held
    )
    _insert_discounts(kind, [(one.country, discount) for one in held for discount in one.discounts])


def _insert_discounts(kind: CustomerType, chosen: Sequence[tuple[str, DiscountRow]]) -> None:
    CustomerTypeDiscount.objects.bulk_create(
        CustomerTypeDiscount(
            partner_id=kind.partner_id,
            customer_type=kind,
            country=country,
            discount_id=discount.id,
            vendor=discount.vendor,
            category=discount.category,
        )
        for country, discount in chosen
    )


def _replace(kind: CustomerType, *, before: Mapping[str, Held], after: Mapping[str, Held]) -> None:
    """Bring the rows of a type from one state to the other; those of countries that stay are updated in place."""
    own: dict[str, Any] = {"partner_id": kind.partner_id, "customer_type": kind}
    former = {(country, one.id) for country, held in before.items() for one in held.discounts}
    wanted = {(country, one.id): (country, one) for country, held in after.items() for one in held.discounts}
    gone = [discount_id for country, discount_id in former if (country, discount_id) not in wanted]
    CustomerTypeDiscount.objects.filter(**own, discount_id__in=gone).delete()
    CustomerTypeTerm.objects.filter(**own, country__in=[one for one in before if one not in after]).delete()
    changed = []
    for row in CustomerTypeTerm.objects.filter(**own, country__in=list(after)):
        if row.credit_term_id != after[row.country].term.id:
            row.credit_term_id = after[row.country].term.id
            changed.append(row)
    CustomerTypeTerm.objects.bulk_update(changed, ["credit_term"])
    CustomerTypeTerm.objects.bulk_create(
        CustomerTypeTerm(**own, country=country, credit_term=held.term)
        for country, held in after.items()
        if country not in before
    )
    _insert_discounts(kind, [chosen for key, chosen in wanted.items() if key not in former])


def _refusal(error: IntegrityError) -> Exception:
    if isinstance(error.__cause__, UniqueViolation) and "_pkey" in str(error):
        return NotFound()  # another partner's id
    if isinstance(error.__cause__, UniqueViolation) and "customer_type_name" in str(error):
        message = _("Another customer type has this name. Capital letters make no difference.")
        return Refused("name_taken", message, field="name")
    return Refused(
        "changed_meanwhile",
        _("A credit term, discount or customer has changed meanwhile. Look at the form again and save."),
    )
