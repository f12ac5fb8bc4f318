"""How a customer comes into being: terms checked, drafts kept, everything made in one transaction."""

import dataclasses
import datetime
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from msphub.accounts import actions as accounts
from msphub.accounts.models import Subscription, Tenant
from msphub.audit import actions as audit
from msphub.customers import csp_accounts, events, inputs, permissions
from msphub.customers.choices import AccountState, ContactKind
from msphub.customers.models import (
    Contact,
    Customer,
    CustomerDraft,
    CustomerType,
    SalesRepresentative,
)
from msphub.kit import addresses, prepared, rows, text
from msphub.kit.actor import Actor
from msphub.kit.errors import NotFound, Refused, Text

# Beside a step's values in the draft: how often it was saved, and by which open page.
SAVES, SAVED_BY, LEFT = "_saves", "_saved_by", "_left"


def check_terms(
    *,
    by: Actor,
    customer_type_id: uuid.UUID,
    partner_subscription_id: uuid.UUID,
    country: str,
    keeps: bool = False,
    lock: bool = False,
) -> dict[str, Text]:
    """Check that type and Partner Subscription are the partner's own and fit the country and each other.

    Refused at the type: no credit term for the country, or one in another currency than the Partner Subscription's
    (product.md, C-03). `keeps`: the customer has the type already, so it may be inactive. `lock`: nobody changes the
    type or the Partner Subscription until this transaction ends.
    """
    return _check_terms(
        by=by,
        customer_type_id=customer_type_id,
        partner_subscription_id=partner_subscription_id,
        country=country,
        keeps=keeps,
        lock=lock,
    )[1]


# The locked rows are the newest ones, everything else is as the statement began: the versions of the type tell when to
# read again. Without the lock a subscription could become inactive, or sell in another currency, between check and use.
_TERMS = """
WITH kind AS (
    SELECT id, name, active, version FROM customers_customertype
    WHERE partner_id = %(partner)s AND id = %(kind)s {lock}
), sold_by AS (
    SELECT active, currency FROM accounts_subscription
    WHERE partner_id = %(partner)s AND customer_id IS NULL AND id = %(sold_by)s {lock}
)
SELECT kind.name, kind.active, sold_by.active, sold_by.currency, credit.currency, kind.version, seen.version
FROM (SELECT) one
LEFT JOIN kind ON true
LEFT JOIN customers_customertype seen ON seen.partner_id = %(partner)s AND seen.id = kind.id
LEFT JOIN sold_by ON true
LEFT JOIN customers_customertypeterm term
    ON term.partner_id = %(partner)s AND term.customer_type_id = kind.id AND term.country = %(country)s
LEFT JOIN customers_creditterm credit ON credit.partner_id = %(partner)s AND credit.id = term.credit_term_id
"""


def _check_terms(
    *,
    by: Actor,
    customer_type_id: uuid.UUID,
    partner_subscription_id: uuid.UUID,
    country: str,
    keeps: bool = False,
    lock: bool = False,
) -> tuple[str, dict[str, Text]]:
    """Return the customer type's name and the problems, from one statement (unless the type changes just now)."""
    found: tuple[Any, ...] = ()
    with prepared.cursor() as cursor:
        while not found or found[-1] != found[-2]:
            cursor.execute(
                _TERMS.format(lock="FOR KEY SHARE" if lock else ""),
                {
                    "partner": by.partner_id,
                    "kind": customer_type_id,
                    "sold_by": partner_subscription_id,
                    "country": country,
                },
            )
            found = cursor.fetchone()
    type_name, type_active, subscription_active, own_currency, term_currency = found[:5]
    problems: dict[str, Text] = {}
    if not type_active and not (keeps and type_name):
        problems["customer_type"] = _("Choose one of your customer types.")
    if not subscription_active:
        problems["partner_subscription"] = _("Choose one of your subscriptions.")
    if problems:
        return type_name or "", problems
    if term_currency is None:
        problems["customer_type"] = _("“%(type)s” has no credit terms for %(country)s. Choose another type.") % {
            "type": type_name,
            "country": addresses.country_name(country),
        }
    elif term_currency != own_currency:
        problems["customer_type"] = _(
            "The credit term of “%(type)s” for %(country)s is in %(term)s, the Partner Subscription in %(own)s. "
            "Choose another type or Partner Subscription."
        ) % {
            "type": type_name,
            "country": addresses.country_name(country),
            "term": term_currency,
            "own": own_currency,
        }
    return type_name, problems


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LastStep:
    """The step that a customer is created with: what was typed, which becomes part of the draft."""

    step: str
    data: Mapping[str, Any]
    page: "DraftPage | None" = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DraftPage:
    """One open page of the wizard: its own mark, and how often its step had been saved when it was opened.

    `follows` is the page that had left the step just before: what that one still had on its way when it was left is no
    other window's. `leaves`: with this save the page is left.
    """

    mark: str
    saves_seen: int
    follows: str = ""
    leaves: bool = False

    def misses(self, saved: Mapping[str, Any]) -> bool:
        """Tell whether another window has saved a step's values since this page was opened."""
        unseen = int(saved.get(SAVES, 0)) > self.saves_seen
        return unseen and saved.get(SAVED_BY) not in {"", None, self.mark, self.follows}


def save_draft(
    *,
    by: Actor,
    draft_id: uuid.UUID,
    step: str,
    data: Mapping[str, Any],
    at: datetime.datetime,
    move_to: str = "",
    page: DraftPage | None = None,
) -> CustomerDraft:
    """Keep what was typed in one step of the wizard; makes the draft when there is none. Not audited.

    Refuses a draft that has become a customer already, and (when `page` tells) a step that another page has saved since
    this one was opened; another partner's draft is not found.
    """
    by.require_partner(permissions.CREATE)
    with transaction.atomic():
        draft = CustomerDraft.objects.select_for_update().filter(partner_id=by.partner_id, id=draft_id).first()
        if draft is None:
            draft = CustomerDraft(
                id=draft_id, partner_id=by.partner_id, created_by=by.name, created_at=at, step=step, version=0
            )
        if draft.used_at is not None:
            raise Refused("draft_used", _("The customer of this draft has been created already."))
        _put(draft, step=step, data=data, page=page)
        if step == "company":
            draft.company_name = text.tidy(str(data.get("company_name") or ""))[:200]
        draft.step = move_to or draft.step
        draft.version += 1
        draft.updated_at = at
        if draft.version > 1:
            draft.save(force_update=True)
            return draft
        try:
            with transaction.atomic():
                draft.save(force_insert=True)
        except IntegrityError as error:  # the id is another partner's
            raise NotFound from error
    return draft


def _put(draft: CustomerDraft, *, step: str, data: Mapping[str, Any], page: DraftPage | None) -> None:
    """Put a step into a locked draft, unless another page has saved it since this one was opened."""
    former = draft.data.get(step, {})
    saves = int(former.get(SAVES, 0))
    if page is not None and page.misses(former):
        raise Refused("draft_changed", _("This step has been changed in another window meanwhile."))
    left = page.mark if page and page.leaves else former.get(LEFT, "")
    marks = {SAVES: str(saves + 1), SAVED_BY: page.mark if page else "", LEFT: left}
    draft.data = {**draft.data, step: {**data, **marks}}


def discard_draft(*, by: Actor, draft_id: uuid.UUID) -> None:
    """Throw a draft away; one that became a customer stays as the customer's origin."""
    by.require_partner(permissions.CREATE)
    CustomerDraft.objects.filter(partner_id=by.partner_id, id=draft_id, used_at=None).delete()


def create_customer(
    *,
    by: Actor,
    new: inputs.NewCustomer,
    draft_id: uuid.UUID | None,
    at: datetime.datetime,
    last: LastStep | None = None,
) -> Tenant:
    """Create the customer with everything the four steps gave, in one transaction, and defer mail and Microsoft.

    A draft makes one customer: asked again with the same draft, the first one is returned. `last` joins the draft with
    it, and is refused as in `save_draft`. Refuses, with a message per field, what the steps would refuse; nothing is
    made then.
    """
    by.require_partner(permissions.CREATE)
    with transaction.atomic():
        new, type_name = _checked(by=by, new=new, today=at.date())
        draft = _lock_draft(by=by, draft_id=draft_id)
        if draft is not None and draft.customer_id is not None:
            return Tenant.objects.get(partner_id=by.partner_id, id=draft.customer_id)
        if draft is not None and last is not None:
            _put(draft, step=last.step, data=last.data, page=last.page)
        company, admin = new.company, new.admin
        made = accounts.create_customer_tenant(
            by=by,
            name=company.name,
            country=company.country,
            billing_profile_name=company.billing_profile_name,
            bill_to=company.bill_to,
            billing_address=company.billing_address,
            admin_first_name=admin.first_name,
            admin_last_name=admin.last_name,
            admin_display_name=admin.display_name,
            admin_login_email=admin.login_email,
            admin_contact_email=admin.contact_email,
            at=at,
        )
        tenant = made.tenant
        _insert_customer(by=by, tenant=tenant, type_name=type_name, new=new)
        audit.record(
            by=by,
            event=events.CUSTOMER_CREATED,
            at=at,
            object_type="customer",
            object_id=tenant.id,
            object_label=tenant.name,
            customer_id=tenant.id,
        )
        if new.account is not None:
            csp_accounts.insert_account(
                by=by, customer_id=tenant.id, customer_name=tenant.name, account=new.account, at=at
            )
        if draft is not None:
            draft.used_at = at
            draft.customer = tenant
            draft.save(update_fields=["data", "used_at", "customer"])
        return tenant


def search_text(*, new: inputs.NewCustomer) -> str:
    """Return the words that a new customer is found by."""
    return text.search_text(
        new.company.name,
        *_contact_words(new.primary_contact),
        *_contact_words(new.billing_contact),
        new.admin.login_email,
        new.account.domain if new.account else "",
    )


def _contact_words(contact: inputs.Contact) -> tuple[str, str]:
    return f"{contact.first_name} {contact.last_name}", contact.email


def _checked(*, by: Actor, new: inputs.NewCustomer, today: datetime.date) -> tuple[inputs.NewCustomer, str]:
    """Return everything in stored form, and the customer type's name."""
    problems: dict[str, Text] = {}
    type_name = ""
    company, found = inputs.check_company(new.company)
    problems |= found
    if company.customer_type_id is not None and company.partner_subscription_id is not None:
        type_name, unfit = _check_terms(
            by=by,
            customer_type_id=company.customer_type_id,
            partner_subscription_id=company.partner_subscription_id,
            country=company.country,
            lock=True,
        )
        problems |= unfit
    primary, found = inputs.check_contact(new.primary_contact, prefix="primary_", country=company.country)
    problems |= found
    billing, found = inputs.check_contact(new.billing_contact, prefix="billing_", country=company.country)
    problems |= found
    admin, found = inputs.check_admin(new.admin)
    problems |= found
    account = new.account
    if isinstance(account, inputs.NewAccount):
        account, found = inputs.check_new_account(account, today=today)
        problems |= found
    elif account is not None and account.agreement is not None:
        agreement, found = inputs.check_agreement(account.agreement, country=account.country, today=today)
        problems |= found
        account = dataclasses.replace(account, agreement=agreement)
    representatives, found = inputs.check_representatives(list(new.representatives))
    problems |= found
    if problems:
        raise Refused("invalid", _("Some entries need your attention."), fields=problems)
    checked = inputs.NewCustomer(
        company=company,
        primary_contact=primary,
        billing_contact=billing,
        admin=admin,
        account=account,
        representatives=representatives,
    )
    return checked, type_name


def _lock_draft(*, by: Actor, draft_id: uuid.UUID | None) -> CustomerDraft | None:
    if draft_id is None:
        return None
    draft = CustomerDraft.objects.select_for_update().filter(partner_id=by.partner_id, id=draft_id).first()
    if draft is None:
        raise NotFound
    return draft


def _insert_customer(*, by: Actor, tenant: Tenant, type_name: str, new: inputs.NewCustomer) -> None:
    address = new.company.address
    first = new.representatives[0].name if new.representatives else ""
    contact_name = f"{new.primary_contact.first_name} {new.primary_contact.last_name}"
    country_sort = text.fold(addresses.english_name(tenant.country))
    customer = Customer(
        tenant=tenant,
        partner_id=by.partner_id,
        sort_name=tenant.sort_name,
        status=tenant.status,
        created_at=tenant.created_at,
        country=tenant.country,
        country_sort=country_sort,
        type_sort=text.fold(type_name),
        customer_type=CustomerType(id=new.company.customer_type_id),
        partner_subscription=Subscription(id=new.company.partner_subscription_id),
        line1=address.line1,
        line2=address.line2,
        city=address.city,
        state=address.state,
        postal_code=address.postal_code,
        contact_name=contact_name,
        contact_sort=text.fold(contact_name),
        sales_name=first,
        sales_sort=text.fold(first),
        microsoft_state=AccountState.NONE if new.account is None else csp_accounts.first_state(account=new.account),
        search_text=search_text(new=new),
    )
    contacts = [
        Contact(partner_id=by.partner_id, customer_id=tenant.id, kind=kind, **dataclasses.asdict(contact))
        for kind, contact in (
            (ContactKind.PRIMARY, new.primary_contact),
            (ContactKind.BILLING, new.billing_contact),
        )
    ]
    representatives = [
        SalesRepresentative(
            partner_id=by.partner_id,
            customer_id=tenant.id,
            position=position,
            name=one.name,
            email=one.email,
            phone=one.phone,
        )
        for position, one in enumerate(new.representatives, start=1)
    ]
    rows.insert_together(customer, *contacts, *representatives)
