"""Credit terms (product.md §3, R): made, changed and deleted."""

import copy
import dataclasses
import datetime
import uuid
from decimal import Decimal

from babel.numbers import get_currency_precision, list_currencies
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext
from psycopg.errors import UniqueViolation

from msphub.audit import actions as audit
from msphub.customers import events, permissions, type_usage
from msphub.customers.choices import CreditHold, OnReach
from msphub.customers.models import CreditTerm, CustomerType
from msphub.kit import addresses, fields, ids, money, text
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused, Text

LONGEST_DUE_DAYS = 365
HIGHEST_LIMIT = Decimal("999999999999.99")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """A credit term as entered. `credit_limit` is in the currency's unit, `due_days` from issue to due."""

    name: str
    country: str
    currency: str
    credit_limit: Decimal | None
    due_days: int | None
    on_reach: str
    credit_hold: str


def check(entered: Entered) -> tuple[Entered, dict[str, Text]]:
    """Check a credit term by itself. Returns it tidied, and what is wrong by field."""
    problems: dict[str, Text] = {}
    name, problem = fields.line(entered.name, most=100, missing=_("Enter a name."))
    if problem:
        problems["name"] = problem
    if entered.country not in addresses.country_codes():
        problems["country"] = _("Choose a country.")
    currency = entered.currency.strip().upper()
    if currency not in list_currencies():
        problems["currency"] = _("Choose a currency.")
    elif problem := _limit_problem(entered.credit_limit, currency=currency):
        problems["credit_limit"] = problem
    if entered.due_days is None or not 0 <= entered.due_days <= LONGEST_DUE_DAYS:
        problems["due_days"] = _("Enter whole days from 0 to %(most)s.") % {"most": LONGEST_DUE_DAYS}
    if entered.on_reach not in OnReach.values:
        problems["on_reach"] = _("Choose what happens when the limit is reached.")
    if entered.credit_hold not in CreditHold.values:
        problems["credit_hold"] = _("Choose who puts the account on hold.")
    return dataclasses.replace(entered, name=name, currency=currency), problems


def create_credit_term(
    *,
    by: Actor,
    name: str,
    country: str,
    currency: str,
    credit_limit: Decimal | None,
    due_days: int | None,
    on_reach: str,
    credit_hold: str,
    at: datetime.datetime,
    term_id: uuid.UUID | None = None,
) -> CreditTerm:
    """Create a credit term of one country.

    `term_id` is the form's own: sent twice, it makes one term and returns that. Refuses a name that another term has
    (case does not count), a limit that the currency can't express, and due periods beyond a year.
    """
    by.require_partner(permissions.MANAGE_TERMS)
    entered = _checked(
        Entered(
            name=name,
            country=country,
            currency=currency,
            credit_limit=credit_limit,
            due_days=due_days,
            on_reach=on_reach,
            credit_hold=credit_hold,
        )
    )
    term = CreditTerm(id=term_id or ids.new_id(), partner_id=by.partner_id, created_at=at)
    _put(term, entered, at=at)
    with transaction.atomic():
        made = CreditTerm.objects.filter(partner_id=by.partner_id, id=term.id).first()
        if made is not None:
            return made
        try:
            with transaction.atomic():
                term.save(force_insert=True)
        except IntegrityError as error:
            made = CreditTerm.objects.filter(partner_id=by.partner_id, id=term.id).first()
            if made is not None:
                return made  # the other click came first
            raise _refusal(error) from error
        audit.record(
            by=by,
            event=events.CREDIT_TERM_CREATED,
            at=at,
            object_type="credit_term",
            object_id=term.id,
            object_label=term.name,
            changes=audit.differences({}, described(term)),
        )
    return term


def change_credit_term(
    *, by: Actor, term_id: uuid.UUID, entered: Entered, version: int, at: datetime.datetime
) -> CreditTerm:
    """Change a credit term; it holds for what is issued from now on, an invoice keeps the due date it has.

    `version` is the one the form was filled from; an older one is refused. Refuses another country while customer types
    use the term, and a currency that differs from the Partner Subscription's of customers who have it.
    """
    by.require_partner(permissions.MANAGE_TERMS)
    entered = _checked(entered)
    with transaction.atomic():
        term = CreditTerm.objects.select_for_update().filter(partner_id=by.partner_id, id=term_id).first()
        if term is None:
            raise NotFound
        if term.version != version:
            raise Refused(
                "stale",
                _("Somebody else has changed this credit term meanwhile. Save again to keep what stands here."),
            )
        # Locked, so that no customer of these types is made meanwhile on terms that are about to change.
        kinds = list(
            CustomerType.objects.select_for_update()
            .filter(partner_id=by.partner_id, id__in=type_usage.types_of_term(by=by, term_id=term_id))
            .order_by("id")
        )
        if entered.country != term.country and kinds:
            message = _("The country can't change while customer types use it: %(names)s.") % {
                "names": text_list([kind.name for kind in kinds])
            }
            raise Refused("in_use", message, field="country")
        if entered.currency != term.currency:
            in_the_way = type_usage.of_other_currency(
                by=by,
                wanted=[
                    type_usage.Wanted(type_id=kind.id, country=term.country, currency=entered.currency)
                    for kind in kinds
                ],
            )
            if in_the_way:
                raise Refused("currency", currency_refusal(in_the_way, currency=entered.currency), field="currency")
        before = described(term)
        _put(term, entered, at=at)
        changes = audit.differences(before, described(term))
        if not changes:
            return term
        term.version += 1
        try:
            with transaction.atomic():
                term.save(force_update=True)
        except IntegrityError as error:
            raise _refusal(error) from error
        audit.record(
            by=by,
            event=events.CREDIT_TERM_CHANGED,
            at=at,
            object_type="credit_term",
            object_id=term.id,
            object_label=term.name,
            changes=changes,
        )
    return term


def delete_credit_term(*, by: Actor, term_id: uuid.UUID, at: datetime.datetime) -> None:
    """Delete a credit term that no customer type uses; the audit log keeps what it was. Refuses with the types' names.

    What was invoiced under it carries due date and limit itself, so nothing refers to the term any more.
    """
    by.require_partner(permissions.MANAGE_TERMS)
    with transaction.atomic():
        term = CreditTerm.objects.select_for_update().filter(partner_id=by.partner_id, id=term_id).first()
        if term is None:
            raise NotFound
        kinds = CustomerType.objects.filter(
            partner_id=by.partner_id, id__in=type_usage.types_of_term(by=by, term_id=term_id)
        ).order_by("sort_name", "id")
        names = list(kinds.values_list("name", flat=True))
        if names:
            raise Refused(
                "in_use",
                _("Customer types use it: %(names)s. Give them another credit term first.")
                % {"names": text_list(names)},
            )
        before = described(term)
        label, term_key = term.name, term.id
        try:
            with transaction.atomic():
                term.delete()
                type_usage.check_references_now()
        except IntegrityError as error:
            raise Refused("in_use", _("A customer type has just begun to use it.")) from error
        audit.record(
            by=by,
            event=events.CREDIT_TERM_DELETED,
            at=at,
            object_type="credit_term",
            object_id=term_key,
            object_label=label,
            changes={name: (value, None) for name, value in before.items()},
        )


def described(term: CreditTerm) -> dict[str, str | money.Amount]:
    """Return a credit term in the words of the audit log and of what a change would do: label → value."""
    return {
        gettext_noop("Name"): term.name,
        gettext_noop("Country"): addresses.country_name(term.country),
        gettext_noop("Credit Limit"): money.Amount(term.credit_limit, term.currency),
        gettext_noop("Due Period"): ngettext("%(days)s day", "%(days)s days", term.due_days) % {"days": term.due_days},
        gettext_noop("On Reach of Credit Limit"): str(OnReach(term.on_reach).label),
        gettext_noop("Put Account on Credit Hold"): str(CreditHold(term.credit_hold).label),
    }


def with_entries(term: CreditTerm, entered: Entered) -> CreditTerm:
    """Return a copy of a credit term with checked entries, not saved: what it would be."""
    changed = copy.copy(term)
    _put(changed, entered, at=term.updated_at)
    return changed


def currency_refusal(customers: list[type_usage.InTheWay], *, currency: str) -> str:
    """Say which customers are charged in another currency."""
    return _(
        "These customers are charged in another currency than %(currency)s by their Partner Subscription: %(names)s."
    ) % {"currency": currency, "names": text_list([f"{one.name} ({one.currency})" for one in customers])}


def text_list(names: list[str]) -> str:
    """Return up to ten names as one line."""
    return ", ".join(names[:10]) + (" …" if len(names) > 10 else "")


def _limit_problem(limit: Decimal | None, *, currency: str) -> str | None:
    if limit is None or not limit.is_finite() or limit < 0:
        return _("Enter an amount from 0 up.")
    if limit > HIGHEST_LIMIT:
        return _("At most %(most)s.") % {"most": f"{HIGHEST_LIMIT:,.2f}"}
    places = min(2, get_currency_precision(currency))
    if limit != limit.quantize(Decimal(1).scaleb(-places)):
        return _("%(currency)s amounts have at most %(places)s decimals.") % {"currency": currency, "places": places}
    return None


def _checked(entered: Entered) -> Entered:
    entered, problems = check(entered)
    if problems:
        raise Refused("invalid", _("Some entries need your attention."), fields=problems)
    return entered


def _put(term: CreditTerm, entered: Entered, *, at: datetime.datetime) -> None:
    if entered.credit_limit is None or entered.due_days is None:
        raise ValueError("checked terms have both")
    term.name, term.sort_name = entered.name, text.fold(entered.name)
    term.country, term.currency = entered.country, entered.currency
    term.credit_limit, term.due_days = entered.credit_limit, entered.due_days
    term.on_reach, term.credit_hold = entered.on_reach, entered.credit_hold
    term.updated_at = at


def _refusal(error: IntegrityError) -> Exception:
    if isinstance(error.__cause__, UniqueViolation) and "_pkey" in str(error):
        return NotFound()  # another partner's id
    if isinstance(error.__cause__, UniqueViolation) and "credit_term_name" in str(error):
        message = _("Another credit term has this name. Capital letters make no difference.")
        return Refused("name_taken", message, field="name")
    return error
