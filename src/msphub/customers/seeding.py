"""Fills a partner with sample customers, many rows a statement. For demos and benchmarks, never for real data."""

import dataclasses
import datetime
import uuid
from collections.abc import Container, Mapping, Sequence
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import models, transaction

from msphub.accounts.actions import FIRST_SUBSCRIPTION
from msphub.accounts.choices import Role, Status, StatusCause, TenantKind
from msphub.accounts.models import BillingProfile, Login, StatusInterval, Subscription, Tenant, User
from msphub.audit.models import Entry
from msphub.customers import events, samples
from msphub.customers.choices import AccountMode, AccountState, ContactKind, Qualification, Step, StepState
from msphub.customers.models import (
    Agreement,
    Contact,
    CspAccount,
    CspAccountStep,
    Customer,
    CustomerType,
    SalesRepresentative,
)
from msphub.kit import addresses, ids, text
from msphub.kit.actor import Actor

BATCH = 500


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MicrosoftTenant:
    """A Microsoft tenant that a sample customer is linked to, and whether it has accepted the customer agreement."""

    id: str
    domain: str
    country: str
    has_agreement: bool = False


def insert_samples(
    *,
    by: Actor,
    customers: Sequence[samples.SampleCustomer],
    customer_type: CustomerType,
    subscription_of: Mapping[str, uuid.UUID],
    sellers: Sequence[tuple[str, str]],
    at: datetime.datetime,
    tenants: Sequence[MicrosoftTenant] = (),
    further_types: Sequence[tuple[CustomerType, Container[str]]] = (),
) -> list[Tenant]:
    """Insert sample customers, created over the last two years, in all statuses.

    `subscription_of` maps a country to the Partner Subscription. The first customers of each country get the Microsoft
    tenants of that country as linked accounts. `customer_type` must serve every country; every third customer gets one
    of the `further_types` (with their countries) instead, where it serves. Sends no mail and asks Microsoft nothing.
    """
    made: list[Tenant] = []
    free: dict[str, list[MicrosoftTenant]] = {}
    for one in reversed(tenants):
        free.setdefault(one.country, []).append(one)
    for start in range(0, len(customers), BATCH):
        rows: dict[type[models.Model], list[Any]] = {}
        for number, sample in enumerate(customers[start : start + BATCH], start=start):
            kind = customer_type
            if further_types and number % 3 == 2:
                other, serves = further_types[number // 3 % len(further_types)]
                kind = other if sample.country in serves else customer_type
            created_at = at - datetime.timedelta(days=(number * 37) % 720 + 1, minutes=number % 600)
            tenant = _one(
                by=by,
                rows=rows,
                number=number,
                sample=sample,
                customer_type_id=kind.id,
                type_name=kind.name,
                subscription_id=subscription_of[sample.country],
                seller=sellers[number % len(sellers)] if sellers and number % 5 != 4 else None,
                link=free[sample.country].pop() if free.get(sample.country) else None,
                created_at=created_at,
                at=at,
            )
            made.append(tenant)
        with transaction.atomic():
            for model in ORDER:
                model._default_manager.bulk_create(rows.get(model, []), batch_size=BATCH)  # noqa: SLF001
    return made


ORDER: tuple[type[models.Model], ...] = (
    Tenant,
    BillingProfile,
    Subscription,
    Login,
    User,
    Customer,
    Contact,
    SalesRepresentative,
    StatusInterval,
    CspAccount,
    CspAccountStep,
    Agreement,
    Entry,
)


def _one(
    *,
    by: Actor,
    rows: dict[type[models.Model], list[Any]],
    number: int,
    sample: samples.SampleCustomer,
    customer_type_id: uuid.UUID,
    type_name: str,
    subscription_id: uuid.UUID,
    seller: tuple[str, str] | None,
    link: MicrosoftTenant | None,
    created_at: datetime.datetime,
    at: datetime.datetime,
) -> Tenant:
    def add(row: models.Model) -> None:
        rows.setdefault(type(row), []).append(row)

    partner = by.partner_id
    status = Status.SUSPENDED if number % 11 == 7 else Status.DISABLED if number % 17 == 13 else Status.ACTIVE
    tenant = Tenant(
        id=ids.new_id(),
        partner_id=partner,
        kind=TenantKind.CUSTOMER,
        name=sample.name,
        sort_name=text.fold(sample.name),
        country=sample.country,
        status=status,
        created_at=created_at,
    )
    add(tenant)
    place = {
        "line1": sample.line1,
        "city": sample.city,
        "state": sample.state,
        "postal_code": sample.postal_code,
    }
    own = {"partner_id": partner, "customer_id": tenant.id}
    profile = BillingProfile(
        **own, **place, name=sample.name, bill_to=sample.name, country=sample.country, created_at=created_at
    )
    add(profile)
    add(
        Subscription(
            **own,
            name=FIRST_SUBSCRIPTION,
            country=sample.country,
            state=sample.state,
            billing_profile=profile,
            created_at=created_at,
        )
    )
    # Login e-mails are unique over the whole installation, so the partner is part of them.
    email = f"admin.{number}@{sample.prefix}.{partner.hex[-8:]}.example"
    login = Login(
        email=email, partner_id=partner, customer_id=tenant.id, created_at=created_at, password=make_password(None)
    )
    add(login)
    add(
        User(
            **own,
            login=login,
            email=email,
            first_name=sample.admin.first_name,
            last_name=sample.admin.last_name,
            display_name=f"{sample.admin.first_name} {sample.admin.last_name}",
            contact_email=sample.admin.email,
            role=Role.CUSTOMER_ADMIN,
            created_at=created_at,
        )
    )
    contact_name = f"{sample.contact.first_name} {sample.contact.last_name}"
    domain = link.domain if link else ""
    add(
        Customer(
            tenant=tenant,
            partner_id=partner,
            customer_type_id=customer_type_id,
            partner_subscription_id=subscription_id,
            sort_name=tenant.sort_name,
            status=status,
            created_at=created_at,
            country=sample.country,
            country_sort=text.fold(addresses.english_name(sample.country)),
            type_sort=text.fold(type_name),
            **place,
            allow_purchase=number % 3 == 0,
            contact_name=contact_name,
            contact_sort=text.fold(contact_name),
            sales_name=seller[0] if seller else "",
            sales_sort=text.fold(seller[0]) if seller else "",
            microsoft_state=AccountState.LINKED if link else AccountState.NONE,
            search_text=text.search_text(
                sample.name,
                contact_name,
                sample.contact.email,
                f"{sample.billing.first_name} {sample.billing.last_name}",
                sample.billing.email,
                email,
                domain,
            ),
        )
    )
    for kind, person in ((ContactKind.PRIMARY, sample.contact), (ContactKind.BILLING, sample.billing)):
        add(
            Contact(
                **own,
                kind=kind,
                first_name=person.first_name,
                last_name=person.last_name,
                email=person.email,
                phone_country=sample.country,
                phone=sample.phone,
            )
        )
    if seller:
        add(SalesRepresentative(**own, position=1, name=seller[0], email=seller[1]))
    if status != Status.ACTIVE:
        add(
            StatusInterval(
                **own,
                status=status,
                cause=StatusCause.PERSON,
                reason="Asked for by the customer",
                starts_at=created_at + (at - created_at) / 2,
                created_at=created_at + (at - created_at) / 2,
                created_by=by.name,
                begun_at=created_at + (at - created_at) / 2,
            )
        )
    if link:
        account = CspAccount(
            **own,
            mode=AccountMode.EXISTING,
            state=AccountState.LINKED,
            domain=domain,
            company_name=sample.name,
            country=sample.country,
            details={"microsoft_tenant_id": link.id},
            microsoft_tenant_id=uuid.UUID(link.id),
            qualification=Qualification.COMMERCIAL,
            created_at=created_at,
            linked_at=created_at,
        )
        add(account)
        for position, step in enumerate((Step.CONSENT, Step.AGREEMENT) if link.has_agreement else (Step.CONSENT,), 1):
            add(
                CspAccountStep(
                    **own,
                    account=account,
                    position=position,
                    step=step,
                    state=StepState.DONE,
                    started_at=created_at,
                    finished_at=created_at,
                    attempts=1,
                )
            )
        if link.has_agreement:
            add(
                Agreement(
                    **own,
                    account=account,
                    first_name=sample.contact.first_name,
                    last_name=sample.contact.last_name,
                    email=sample.contact.email,
                    phone=sample.phone,
                    agreed_on=created_at.date(),
                    recorded_at=created_at,
                    confirmed_at=created_at,
                )
            )
    add(
        Entry(
            at=created_at,
            partner_id=partner,
            customer_id=tenant.id,
            actor_kind=by.kind.value,
            actor_name=by.name,
            event=events.CUSTOMER_CREATED,
            object_type="customer",
            object_id=tenant.id,
            object_label=tenant.name,
            address="",
            request_id="",
        )
    )
    return tenant
