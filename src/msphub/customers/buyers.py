"""Who buys: a customer with the subscription that is billed and the CSP account that Microsoft's products go to."""

import dataclasses
import uuid

from django.db import connection
from django.utils.translation import gettext as _

from msphub.accounts.choices import Status
from msphub.catalog import permissions, prices
from msphub.catalog.choices import CustomerSegment, VendorCode
from msphub.customers.choices import AccountState, Qualification
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Text

# Microsoft sells to everybody at commercial prices, beside those of an approved qualification (contract.md §5).
_APPROVED = "approved"

# The same for set-based SQL: the segments of a CSP account `t`, its own first, with commas between. None: no account.
SEGMENTS = f"""CASE WHEN t.qualification = '{Qualification.EDUCATION}' AND lower(t.vetting_status) = '{_APPROVED}'
        THEN '{CustomerSegment.EDUCATION},'
    WHEN t.qualification = '{Qualification.NONPROFIT}' THEN '{CustomerSegment.NONPROFIT},'
    ELSE '' END || '{CustomerSegment.COMMERCIAL}'"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why something can't be bought: a stable code for programs, words for people."""

    code: str
    message: Text


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BuyerSubscription:
    """A customer's active subscription: what is bought under it comes on its own invoice."""

    id: uuid.UUID
    name: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BuyerAccount:
    """A customer's link to a Microsoft tenant, as far as buying asks."""

    id: uuid.UUID
    domain: str
    company_name: str
    country: str
    state: AccountState
    qualification: str
    vetting_status: str
    has_agreement: bool
    agreement_confirmed: bool

    @property
    def segments(self) -> tuple[str, ...]:
        """Whose prices it gets, its own segment first."""
        own: list[str] = []
        if self.qualification == Qualification.EDUCATION and self.vetting_status.casefold() == _APPROVED:
            own.append(CustomerSegment.EDUCATION)
        elif self.qualification == Qualification.NONPROFIT:
            own.append(CustomerSegment.NONPROFIT)
        return (*own, CustomerSegment.COMMERCIAL)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """A customer about to buy. Without an account Microsoft's products are looked at, not bought."""

    customer_id: uuid.UUID
    name: str
    country: str
    status: Status
    allow_purchase: bool
    currency: str
    subscriptions: tuple[BuyerSubscription, ...]
    accounts: tuple[BuyerAccount, ...]
    subscription: BuyerSubscription | None = None
    account: BuyerAccount | None = None

    def scope(self, vendor: str) -> prices.Scope:
        """Return whose prices of a vendor it gets: Microsoft's follow the tenant's country, others the customer's."""
        if vendor == VendorCode.MICROSOFT and self.account is not None:
            return prices.Scope(market=self.account.country, currency=self.currency, segments=self.account.segments)
        return prices.Scope(market=self.country, currency=self.currency, segments=(CustomerSegment.COMMERCIAL,))


def get_buyer(
    *,
    by: Actor,
    customer_id: uuid.UUID,
    subscription_id: uuid.UUID | None = None,
    account_id: uuid.UUID | None = None,
) -> Buyer:
    """Return a customer as a buyer, in three statements. What it has only one of is chosen by itself.

    Raises `NotFound` for another tenant's customer, and for a subscription or account that is not this customer's or
    can't be bought with any more.
    """
    by.require(permissions.VIEW_MARKETPLACE)
    if by.customer_id is not None and by.customer_id != customer_id:
        raise NotFound
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.name, t.country, t.status, c.allow_purchase, customers_currency(c.id) "
            "FROM customers_customer c JOIN accounts_tenant t ON t.partner_id = c.partner_id AND t.id = c.id "
            "WHERE c.partner_id = %s AND c.id = %s",
            [by.partner_id, customer_id],
        )
        found = cursor.fetchone()
        if found is None:
            raise NotFound
        cursor.execute(
            "SELECT id, name FROM accounts_subscription WHERE partner_id = %s AND customer_id = %s AND active "
            "ORDER BY name, id",
            [by.partner_id, customer_id],
        )
        subscriptions = tuple(BuyerSubscription(id=row[0], name=row[1]) for row in cursor.fetchall())
        cursor.execute(
            """
            SELECT a.id, a.domain, a.company_name, a.country, a.state, a.qualification, a.vetting_status,
                count(g.id) > 0, count(g.confirmed_at) > 0
            FROM customers_cspaccount a
            LEFT JOIN customers_agreement g ON g.partner_id = a.partner_id AND g.account_id = a.id
            WHERE a.partner_id = %s AND a.customer_id = %s
            GROUP BY a.id ORDER BY a.created_at, a.id
            """,
            [by.partner_id, customer_id],
        )
        accounts = tuple(
            BuyerAccount(
                id=row[0],
                domain=row[1],
                company_name=row[2],
                country=row[3],
                state=AccountState(row[4]),
                qualification=row[5],
                vetting_status=row[6],
                has_agreement=row[7],
                agreement_confirmed=row[8],
            )
            for row in cursor.fetchall()
        )
    return Buyer(
        customer_id=customer_id,
        name=found[0],
        country=found[1],
        status=Status(found[2]),
        allow_purchase=found[3],
        currency=found[4],
        subscriptions=subscriptions,
        accounts=accounts,
        subscription=_chosen(subscriptions, subscription_id),
        account=_chosen(accounts, account_id),
    )


def _chosen[One: (BuyerSubscription, BuyerAccount)](offered: tuple[One, ...], wanted: uuid.UUID | None) -> One | None:
    if wanted is None:
        return offered[0] if len(offered) == 1 else None
    for one in offered:
        if one.id == wanted:
            return one
    raise NotFound


def reasons_not(*, by: Actor, buyer: Buyer) -> list[Reason]:
    """Return why this person can't buy anything for the customer now; nothing if it may.

    The rules of product.md §2: status, *Allow customer to purchase*, the person's rights, a subscription to bill.
    """
    reasons = may_not(by=by, status=buyer.status, allow_purchase=buyer.allow_purchase)
    if not buyer.subscriptions:
        reasons.append(Reason(code="no_subscription", message=_("It has no active subscription to bill under.")))
    return reasons


def may_not(*, by: Actor, status: str, allow_purchase: bool) -> list[Reason]:
    """Return why this person can't buy for a customer of that status, whatever else is so."""
    reasons = _standing(status=Status(status), may_buy=by.may(permissions.PURCHASE))
    if not by.is_partner and not allow_purchase:
        reasons.append(
            Reason(
                code="not_allowed",
                message=_("Your provider has not allowed purchases in this portal. Ask your sales representative."),
            )
        )
    return reasons


def why_not(*, status: Status, may_buy: bool) -> str:
    """Return in one line what a row of the grid knows of why nothing can be bought; empty if it may."""
    return " ".join(str(reason.message) for reason in _standing(status=status, may_buy=may_buy))


def _standing(*, status: Status, may_buy: bool) -> list[Reason]:
    reasons = []
    if not may_buy:
        reasons.append(Reason(code="forbidden", message=_("Your role does not allow you to buy.")))
    if status == Status.SUSPENDED:
        reasons.append(Reason(code="suspended", message=_("The customer is suspended: it can't buy products.")))
    elif status == Status.DISABLED:
        reasons.append(Reason(code="disabled", message=_("The customer is disabled: it can't buy products.")))
    return reasons


def reasons_not_microsoft(*, buyer: Buyer) -> list[Reason]:
    """Return why no Microsoft product can be ordered for the customer now: account, consent, agreement."""
    account = buyer.account
    if account is None:
        if buyer.accounts:
            return [Reason(code="account_not_chosen", message=_("Choose the CSP account that the product is for."))]
        return [
            Reason(
                code="no_account",
                message=_("It has no CSP account. Add one on the CSP Accounts tab to buy Microsoft products."),
            )
        ]
    if account.state != AccountState.LINKED:
        return [
            Reason(
                code="account_not_linked",
                message=_("The CSP account %(domain)s is not linked yet (%(state)s).")
                % {"domain": account.domain, "state": str(account.state.label).lower()},
            )
        ]
    if not account.has_agreement:
        return [
            Reason(
                code="agreement_missing",
                message=_("Agreement missing: no Microsoft order goes out for %(domain)s without it.")
                % {"domain": account.domain},
            )
        ]
    if not account.agreement_confirmed:
        return [
            Reason(
                code="agreement_unconfirmed",
                message=_("The agreement of %(domain)s has not been confirmed at Microsoft yet.")
                % {"domain": account.domain},
            )
        ]
    return []
