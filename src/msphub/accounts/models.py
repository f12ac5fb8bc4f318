"""Tenants, their users and sign-in, the connection to Microsoft, billing profiles and subscriptions."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

from msphub.accounts.choices import Role, Status, StatusCause, TenantKind, UserStatus
from msphub.kit import ids


class Tenant(models.Model):
    """A partner, or a customer of one. A partner's `partner_id` is its own id."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    kind = models.CharField(max_length=10, choices=TenantKind.choices)
    name = models.CharField(max_length=200)
    sort_name = models.TextField()
    country = models.CharField(max_length=2)
    # What sign-in and grids read; `StatusInterval` says why and until when.
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    archived_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(kind__in=TenantKind.values), name="tenant_kind"),
            models.CheckConstraint(condition=models.Q(status__in=Status.values), name="tenant_status"),
            models.CheckConstraint(
                condition=(models.Q(kind="partner") & models.Q(id=models.F("partner_id")))
                | (models.Q(kind="customer") & ~models.Q(id=models.F("partner_id"))),
                name="tenant_partner_is_its_own",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["partner_id", "kind", "sort_name", "id"], name="tenant_by_name"),
        ]

    def __str__(self) -> str:
        return self.name


class StatusInterval(models.Model):
    """A dated reason why a customer is not active. Without an end it holds until somebody ends it."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField()
    status = models.CharField(max_length=10, choices=[(s.value, s.label) for s in (Status.SUSPENDED, Status.DISABLED)])
    cause = models.CharField(max_length=10, choices=StatusCause.choices, default=StatusCause.PERSON)
    reason = models.TextField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    created_by = models.TextField()
    # Set by the job due at the boundary (or at once): the tenant's status says so since then.
    begun_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(status__in=["suspended", "disabled"]), name="interval_status"),
            models.CheckConstraint(
                condition=models.Q(ends_at__isnull=True) | models.Q(ends_at__gte=models.F("starts_at")),
                name="interval_ends_after_start",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["partner_id", "customer_id", "starts_at"], name="interval_by_customer"),
            models.Index(fields=["starts_at"], name="interval_to_begin", condition=models.Q(begun_at=None)),
            models.Index(fields=["ends_at"], name="interval_to_end", condition=models.Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return f"{self.status} from {self.starts_at:%Y-%m-%d}"


class LoginManager(BaseUserManager["Login"]):
    """Finds identities by their e-mail address, which is stored in lower case."""

    def get_by_natural_key(self, username: str | None) -> "Login":
        return self.get(email=(username or "").strip().lower())

    async def aget_by_natural_key(self, username: str | None) -> "Login":
        return await self.aget(email=(username or "").strip().lower())


class Login(AbstractBaseUser):
    """A sign-in identity, needed before the tenant is known: outside row-level security, hence so bare."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField(null=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = LoginManager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="login_email_is_lower_case")
        ]

    def __str__(self) -> str:
        return self.email

    def has_perm(self, _permission: str, _object: Any = None) -> bool:
        """Django's own permissions are not used; ours belong to the actor."""
        return False

    def has_module_perms(self, _label: str) -> bool:
        """Django's own permissions are not used; ours belong to the actor."""
        return False


class PasswordLink(models.Model):
    """A one-time link to choose a password. Only a hash of its secret is kept. Outside row-level security."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    login = models.ForeignKey(Login, on_delete=models.CASCADE)
    secret_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    replaced_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"link of {self.login_id}"


class User(models.Model):
    """A person of a tenant: who they are there, what they may do, how they are reached."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField(null=True)
    login = models.OneToOneField(Login, on_delete=models.PROTECT, related_name="user")
    email = models.EmailField(max_length=254)
    first_name = models.CharField(max_length=100)
    last_name = models.CharField(max_length=100)
    display_name = models.CharField(max_length=200)
    # Where credentials and system mail go; the login e-mail may be no mailbox.
    contact_email = models.EmailField(max_length=254)
    role = models.CharField(max_length=20, choices=Role.choices)
    status = models.CharField(max_length=10, choices=UserStatus.choices, default=UserStatus.INVITED)
    created_at = models.DateTimeField()
    last_sign_in_at = models.DateTimeField(null=True)
    # {grid: {columns, size}}: how this person likes their lists
    preferences = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="user_role"),
            models.CheckConstraint(condition=models.Q(status__in=UserStatus.values), name="user_status"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["partner_id", "customer_id", "display_name", "id"], name="user_by_name")
        ]

    def __str__(self) -> str:
        return self.display_name


class Errand(models.Model):
    """A form that its person left half-filled to make a record it lacks; `errands.py` says how."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField(null=True)
    user = models.ForeignKey(User, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    # An address within the portal, as the person's browser asked for it.
    page = models.TextField()
    field = models.CharField(max_length=60)
    typed = models.TextField(blank=True)
    made_id = models.UUIDField(null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["partner_id", "expires_at"], name="errand_by_expiry")]

    def __str__(self) -> str:
        return f"{self.field} of {self.page}"


class MicrosoftConnection(models.Model):
    """How a partner reaches Partner Center: base URLs and credentials, the secret ones encrypted."""

    partner_id = models.UUIDField(primary_key=True)
    partner_center_url = models.URLField(default="https://api.partnercenter.microsoft.com")
    graph_url = models.URLField(default="https://graph.microsoft.com")
    login_url = models.URLField(default="https://login.microsoftonline.com")
    microsoft_tenant_id = models.UUIDField()
    client_id = models.UUIDField()
    client_secret = models.TextField()
    refresh_token = models.TextField()
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField()
    tested_at = models.DateTimeField(null=True)
    # [{step, ok, message}] of the last test
    test_result = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"Microsoft tenant {self.microsoft_tenant_id}"


class BillingProfile(models.Model):
    """Name, bill-to and address that an invoice is addressed to."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField(null=True)
    name = models.CharField(max_length=200)
    bill_to = models.CharField(max_length=200)
    line1 = models.CharField(max_length=200)
    line2 = models.CharField(max_length=200, blank=True)
    city = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=100, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["partner_id", "customer_id", "name"], name="profile_by_name")]

    def __str__(self) -> str:
        return self.name


class Subscription(models.Model):
    """A billing container of a tenant: what is bought under it comes on its own invoice. Never Microsoft's."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    partner_id = models.UUIDField()
    customer_id = models.UUIDField(null=True)
    name = models.CharField(max_length=100)
    country = models.CharField(max_length=2)
    state = models.CharField(max_length=100, blank=True)
    billing_profile = models.ForeignKey(BillingProfile, on_delete=models.DO_NOTHING, db_constraint=False)
    active = models.BooleanField(default=True)
    # A partner's subscription is the selling entity of its customers.
    currency = models.CharField(max_length=3, blank=True)
    tax_registration = models.CharField(max_length=40, blank=True)
    number_series = models.CharField(max_length=10, blank=True)
    time_zone = models.CharField(max_length=50, blank=True)
    payment_instructions = models.TextField(blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(customer_id__isnull=False) | ~models.Q(currency=""),
                name="partner_subscription_has_a_currency",
            ),
            models.UniqueConstraint(
                models.F("partner_id"),
                Lower("name"),
                condition=models.Q(customer_id__isnull=True),
                name="partner_subscription_name",
            ),
            models.UniqueConstraint(
                models.F("partner_id"),
                models.F("customer_id"),
                Lower("name"),
                condition=models.Q(customer_id__isnull=False),
                name="customer_subscription_name",
            ),
            models.UniqueConstraint(
                fields=["partner_id", "number_series"],
                condition=~models.Q(number_series=""),
                name="partner_subscription_number_series",
            ),
        ]

    def __str__(self) -> str:
        return self.name
