"""What a change of a customer type or credit term would do, told before it is saved."""

import dataclasses
import datetime
import uuid
from collections.abc import Iterable
from typing import Any

from msphub.catalog.queries import DiscountRow
from msphub.customers import credit_terms, customer_types, permissions, term_lists, type_usage
from msphub.customers.customer_types import Checked
from msphub.customers.models import CreditTerm
from msphub.customers.term_lists import TermUse
from msphub.customers.type_usage import Counted, InTheWay
from msphub.kit.actor import Actor
from msphub.kit.errors import Text


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DiscountEffect:
    """A discount of one vendor and category that comes, goes, or gives way to another."""

    before: DiscountRow | None
    after: DiscountRow | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CountryEffect:
    """What happens to a type's customers in one country. `in_the_way` are customers for whom it is refused."""

    country: str
    customers: Counted
    term_before: CreditTerm | None
    term_after: CreditTerm | None
    discounts: tuple[DiscountEffect, ...]
    in_the_way: tuple[InTheWay, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TypeEffects:
    """What saving would do: the name, and each country whose terms or discounts change."""

    name_before: str
    name_after: str
    countries: tuple[CountryEffect, ...]

    @property
    def changes_anything(self) -> bool:
        """Whether saving would change anything at all."""
        return bool(self.countries) or self.name_before != self.name_after

    @property
    def refused(self) -> bool:
        """Whether saving would be refused because of customers."""
        return any(one.in_the_way for one in self.countries)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TermEffects:
    """What changing a credit term would do: label → (old, new), and for whom."""

    changes: dict[str, tuple[Any, Any]]
    types: tuple[TermUse, ...]
    in_the_way: tuple[InTheWay, ...]


def of_type_change(
    *, by: Actor, type_id: uuid.UUID, entered: customer_types.Entered, at: datetime.datetime
) -> tuple[TypeEffects, dict[str, Text]]:
    """Return what a change of a type would do, and what is wrong with the entries. Changes nothing."""
    by.require_partner(permissions.MANAGE_TERMS)
    kind = term_lists.get_customer_type(by=by, type_id=type_id)
    after, problems = customer_types.check(by=by, entered=entered, at=at)
    before = Checked(name=kind.name, held=customer_types.held_by(by=by, type_id=type_id, at=at))
    changed = [
        country for country in sorted({*before.held, *after.held}) if _shape(before, country) != _shape(after, country)
    ]
    counts = type_usage.customers_of(by=by, pairs=[(type_id, country) for country in changed])
    in_the_way = [
        *type_usage.living_in(
            by=by, type_id=type_id, countries=[country for country in changed if country not in after.held]
        ),
        *customer_types.other_currency(by=by, type_id=type_id, before=before, after=after),
    ]
    effects = []
    for country in changed:
        old, new = before.held.get(country), after.held.get(country)
        effects.append(
            CountryEffect(
                country=country,
                customers=counts[type_id, country],
                term_before=old.term if old else None,
                term_after=new.term if new else None,
                discounts=tuple(_discounts(old.discounts if old else (), new.discounts if new else ())),
                in_the_way=tuple(one for one in in_the_way if one.country == country),
            )
        )
    return TypeEffects(name_before=kind.name, name_after=after.name, countries=tuple(effects)), problems


def of_term_change(
    *, by: Actor, term_id: uuid.UUID, entered: credit_terms.Entered
) -> tuple[TermEffects, dict[str, Text]]:
    """Return what a change of a credit term would do, and what is wrong with the entries. Changes nothing."""
    by.require_partner(permissions.MANAGE_TERMS)
    term = term_lists.get_credit_term(by=by, term_id=term_id)
    entered, problems = credit_terms.check(entered)
    types = term_lists.types_using(by=by, term=term)
    changes: dict[str, tuple[Any, Any]] = {}
    in_the_way: list[InTheWay] = []
    if not problems:
        before, after = credit_terms.described(term), credit_terms.described(credit_terms.with_entries(term, entered))
        changes = {label: (before[label], value) for label, value in after.items() if before[label] != value}
        if entered.currency != term.currency:
            in_the_way = type_usage.of_other_currency(
                by=by,
                wanted=[
                    type_usage.Wanted(type_id=one.id, country=term.country, currency=entered.currency) for one in types
                ],
            )
    return TermEffects(changes=changes, types=tuple(types), in_the_way=tuple(in_the_way)), problems


def _shape(checked: Checked, country: str) -> tuple[uuid.UUID, frozenset[uuid.UUID]] | None:
    held = checked.held.get(country)
    return None if held is None else (held.term.id, frozenset(one.id for one in held.discounts))


def _discounts(before: Iterable[DiscountRow], after: Iterable[DiscountRow]) -> Iterable[DiscountEffect]:
    old = {(one.vendor, one.category): one for one in before}
    new = {(one.vendor, one.category): one for one in after}
    for key in dict.fromkeys([*old, *new]):
        left, right = old.get(key), new.get(key)
        if (left.id if left else None) != (right.id if right else None):
            yield DiscountEffect(before=left, after=right)
