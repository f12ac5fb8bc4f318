"""Customers, their contacts, terms and links to Microsoft tenants."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Lower

from msphub.accounts.models import Subscription, Tenant
from msphub.catalog.choices import DiscountCategory, VendorCode
from msphub.catalog.models import Discount
from msphub.customers.choices import (
    AccountMode,
    AccountState,
    ContactKind,
    CreditHold,
    OnReach,
    Step,
    StepState,
    WriteState,
)
from msphub.kit import ids


class CreditTerm(models.Model):
    """How long and how far a partner gives credit in one country.

    An invoice keeps the due date it was issued with: nothing issued reads its term again (docs/guide/terms.md).
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    name = models.CharField(max_length=100)
    sort_name = models.TextField()
    country = models.CharField(max_length=2)
    currency = models.CharField(max_length=3)
    credit_limit = models.DecimalField(max_digits=14, decimal_places=2)
    due_days = models.PositiveSmallIntegerField()
    on_reach = models.CharField(max_length=20, choices=OnReach.choices)
    credit_hold = models.CharField(max_length=10, choices=CreditHold.choices, default=CreditHold.MANUAL)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(models.F("partner_id"), Lower("name"), name="credit_term_name"),
            models.CheckConstraint(condition=models.Q(credit_limit__gte=0), name="credit_limit_not_negative"),
            models.CheckConstraint(condition=models.Q(due_days__lte=365), name="credit_term_due_within_a_year"),
            models.CheckConstraint(condition=models.Q(on_reach__in=OnReach.values), name="credit_term_on_reach"),
            models.CheckConstraint(condition=models.Q(credit_hold__in=CreditHold.values), name="credit_term_hold"),
        ]
        indexes: ClassVar = [models.Index(fields=["partner_id", "sort_name", "id"], name="credit_term_by_name")]

    def __str__(self) -> str:
        return self.name


class CustomerType(models.Model):
    """The partner's class of customers: decides credit terms and discounts per country."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    name = models.CharField(max_length=100)
    sort_name = models.TextField()
    active = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(models.F("partner_id"), Lower("name"), name="customer_type_name")
        ]
        indexes: ClassVar = [models.Index(fields=["partner_id", "sort_name", "id"], name="customer_type_by_name")]

    def __str__(self) -> str:
        return self.name


class CustomerTypeTerm(models.Model):
    """The one credit term that a customer type holds for a country.

    References (0006) say the rest: the term is one of that country, and a customer's type has a row for its country.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_type = models.ForeignKey(
        CustomerType, on_delete=models.DO_NOTHING, db_constraint=False, related_name="terms"
    )
    country = models.CharField(max_length=2)
    credit_term = models.ForeignKey(CreditTerm, on_delete=models.DO_NOTHING, db_constraint=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partner_id", "customer_type", "country"], name="type_term_per_country")
        ]

    def __str__(self) -> str:
        return f"{self.customer_type_id} in {self.country}"


class CustomerTypeDiscount(models.Model):
    """A discount that a customer type holds for a country: at most one for each vendor and category.

    `vendor` and `category` repeat the discount's own (the reference in 0004 contains them), so that the key can say so.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_type = models.ForeignKey(
        CustomerType, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="discounts"
    )
    country = models.CharField(max_length=2)
    discount = models.ForeignKey(Discount, on_delete=models.DO_NOTHING, db_constraint=False)
    vendor = models.CharField(max_length=10, choices=VendorCode.choices)
    category = models.CharField(max_length=10, choices=DiscountCategory.choices)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["partner_id", "customer_type", "country", "vendor", "category"],
                name="type_discount_per_vendor_and_category",
            )
        ]

    def __str__(self) -> str:
        return f"{self.discount_id} in {self.country}"


class Customer(models.Model):
    """What a partner knows of a customer beyond the tenant itself; the two share their id."""

    tenant = models.OneToOneField(
        Tenant, primary_key=True, on_delete=models.DO_NOTHING, db_constraint=False, db_column="id"
    )
    partner_id = models.UUIDField()
    # Indexed below, with the partner in front.
    customer_type = models.ForeignKey(CustomerType, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False)
    partner_subscription = models.ForeignKey(
        Subscription, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False
    )
    line1 = models.CharField(max_length=200)
    line2 = models.CharField(max_length=200, blank=True)
    city = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=100, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    allow_purchase = models.BooleanField(default=False)
    # Copies that the grid filters and sorts by, so that one table's indexes serve it. Those of the tenant are kept by a
    # trigger (0002), the others by the actions that change their source.
    sort_name = models.TextField()
    status = models.CharField(max_length=10)
    archived = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    country = models.CharField(max_length=2)
    country_sort = models.TextField()
    type_sort = models.TextField()
    contact_name = models.CharField(max_length=220, blank=True)
    contact_sort = models.TextField(blank=True)
    sales_name = models.CharField(max_length=200, blank=True)
    sales_sort = models.TextField(blank=True)
    microsoft_state = models.CharField(max_length=10, choices=AccountState.choices, default=AccountState.NONE)
    # Words of names, contacts, e-mails and domains; a generated tsvector column beside it is what is searched.
    search_text = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(microsoft_state__in=AccountState.values), name="customer_microsoft_state"
            )
        ]
        # One per sort, and one per filter in the order of the default sort. Archived customers are left out of them and
        # have one of their own.
        indexes: ClassVar = [
            *(
                models.Index(
                    fields=["partner_id", key, "tenant"], name=f"customer_by_{key}", condition=models.Q(archived=False)
                )
                for key in (
                    "sort_name",
                    "created_at",
                    "country_sort",
                    "type_sort",
                    "contact_sort",
                    "sales_sort",
                    "status",
                    "microsoft_state",
                )
            ),
            *(
                models.Index(
                    fields=["partner_id", key, "sort_name", "tenant"],
                    name=f"customer_in_{key}",
                    condition=models.Q(archived=False),
                )
                for key in ("status", "country")
            ),
            models.Index(
                fields=["partner_id", "customer_type", "sort_name", "tenant"],
                name="customer_in_type",
                condition=models.Q(archived=False),
            ),
            # Archived ones too: who a change of a type or credit term hits, and whose currency it must fit.
            models.Index(
                fields=["partner_id", "customer_type", "country", "partner_subscription"], name="customer_by_terms"
            ),
            models.Index(
                fields=["partner_id", "partner_subscription", "sort_name", "tenant"],
                name="customer_in_subscription",
                condition=models.Q(archived=False),
            ),
            models.Index(
                fields=["partner_id", "sort_name", "tenant"],
                name="customer_archived",
                condition=models.Q(archived=True),
            ),
        ]

    def __str__(self) -> str:
        return f"customer {self.tenant_id}"


class Contact(models.Model):
    """A person at the customer whom order updates or bills go to; needs no sign-in."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField()
    kind = models.CharField(max_length=10, choices=ContactKind.choices)
    first_name = models.CharField(max_length=100)
    last_name = models.CharField(max_length=100)
    email = models.EmailField(max_length=254)
    # Country whose calling code the numbers were typed under; the numbers are stored as E.164.
    phone_country = models.CharField(max_length=2, blank=True)
    phone = models.CharField(max_length=20, blank=True)
    fax = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partner_id", "customer_id", "kind"], name="contact_per_kind")
        ]

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}"


class SalesRepresentative(models.Model):
    """The customer's first contact at the partner for questions and orders; up to three."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField()
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=200)
    email = models.EmailField(max_length=254)
    phone = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partner_id", "customer_id", "position"], name="representative_position"),
            models.CheckConstraint(
                condition=models.Q(position__gte=1) & models.Q(position__lte=3), name="representative_at_most_three"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class CustomerDraft(models.Model):
    """A wizard that has not been finished: what was typed so far, to be resumed anywhere."""

    id = models.UUIDField(primary_key=True, editable=False)
    partner_id = models.UUIDField()
    # {step: {field: typed value}}
    data = models.JSONField(default=dict)
    step = models.CharField(max_length=20)
    company_name = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)
    created_by = models.TextField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    # Set when the customer was made of it: the last Continue clicked twice makes one customer.
    used_at = models.DateTimeField(null=True)
    customer = models.ForeignKey(Tenant, null=True, on_delete=models.DO_NOTHING, db_constraint=False)

    class Meta:
        # Every customer leaves a used draft behind; the list of open ones must not pass them all.
        indexes: ClassVar = [
            models.Index(
                fields=["partner_id", "updated_at"], name="draft_by_time", condition=models.Q(used_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return self.company_name or "draft"


class CspAccount(models.Model):
    """A customer's link to one Microsoft tenant."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField()
    mode = models.CharField(max_length=10, choices=AccountMode.choices)
    state = models.CharField(max_length=10, choices=AccountState.choices)
    domain = models.CharField(max_length=253)
    company_name = models.CharField(max_length=200, blank=True)
    country = models.CharField(max_length=2)
    # What the new Microsoft tenant is to be made of, as the form gave it; stays editable while it has failed.
    details = models.JSONField(default=dict)
    microsoft_tenant_id = models.UUIDField(null=True)
    relationship_url = models.TextField(blank=True)
    # {user_name, password} of the new tenant's first admin: Microsoft says it once. Encrypted.
    first_credentials = models.TextField(blank=True)
    qualification = models.CharField(max_length=30, blank=True)
    vetting_status = models.CharField(max_length=30, blank=True)
    failure_code = models.CharField(max_length=30, blank=True)
    failure_message = models.TextField(blank=True)
    failure_field = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField()
    linked_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(state__in=["creating", "waiting", "linked", "failed"]), name="account_state"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="linked") | models.Q(microsoft_tenant_id__isnull=False),
                name="linked_account_has_a_tenant",
            ),
            models.UniqueConstraint(
                fields=["partner_id", "microsoft_tenant_id"],
                condition=models.Q(microsoft_tenant_id__isnull=False),
                name="microsoft_tenant_linked_once",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["partner_id", "customer_id", "created_at"], name="account_by_customer"),
            models.Index(fields=["partner_id", "state"], name="account_by_state"),
        ]

    def __str__(self) -> str:
        return self.domain


class CspAccountStep(models.Model):
    """One visible step of the work at Microsoft."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField()
    account = models.ForeignKey(CspAccount, on_delete=models.DO_NOTHING, db_constraint=False, related_name="steps")
    position = models.PositiveSmallIntegerField()
    step = models.CharField(max_length=20, choices=Step.choices)
    state = models.CharField(max_length=10, choices=StepState.choices, default=StepState.WAITING)
    message = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["partner_id", "account", "step"], name="account_step_once")
        ]

    def __str__(self) -> str:
        return f"{self.step}: {self.state}"


class MicrosoftWrite(models.Model):
    """One write at Microsoft. The row is made before the call and its id is the MS-RequestId (errors.md §7)."""

    id = models.UUIDField(primary_key=True, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField()
    account = models.ForeignKey(CspAccount, on_delete=models.DO_NOTHING, db_constraint=False, related_name="writes")
    step = models.CharField(max_length=20, choices=Step.choices)
    state = models.CharField(max_length=10, choices=WriteState.choices, default=WriteState.PREPARED)
    prepared_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    code = models.CharField(max_length=30, blank=True)
    message = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            # At most one write of a step is under way: a second worker finds the first one's id and repeats that.
            models.UniqueConstraint(
                fields=["partner_id", "account", "step"],
                condition=models.Q(state__in=["prepared", "unknown"]),
                name="one_open_write_per_step",
            )
        ]

    def __str__(self) -> str:
        return f"{self.step} {self.state}"


class Agreement(models.Model):
    """Who accepted the Microsoft Customer Agreement for the customer, and when. Append-only at Microsoft."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField()
    account = models.ForeignKey(CspAccount, on_delete=models.DO_NOTHING, db_constraint=False, related_name="agreements")
    first_name = models.CharField(max_length=100)
    last_name = models.CharField(max_length=100)
    email = models.EmailField(max_length=254)
    phone = models.CharField(max_length=20)
    agreed_on = models.DateField()
    template_id = models.CharField(max_length=60, blank=True)
    recorded_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name} on {self.agreed_on}"
