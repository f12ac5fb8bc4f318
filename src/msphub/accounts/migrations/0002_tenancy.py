"""Row-level security of tenants, users, subscriptions and the connection to Microsoft.

Outside of it, because they are needed before the tenant is known: accounts_login, accounts_passwordlink, and the tables
of sessions, cache and allauth.
"""

from django.db import migrations

from msphub.kit import tenancy

PARTNER_IDS = """
CREATE FUNCTION accounts_partner_ids() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT id FROM public.accounts_tenant WHERE kind = 'partner' ORDER BY id
$$;
"""

DUE_STATUSES = """
CREATE FUNCTION accounts_partners_with_due_statuses(at timestamptz) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT partner_id FROM public.accounts_statusinterval WHERE begun_at IS NULL AND starts_at <= at
    UNION
    SELECT partner_id FROM public.accounts_statusinterval WHERE ended_at IS NULL AND ends_at <= at
$$;
"""

TENANTS = ("partner_id", "id")
OF_CUSTOMER = ("partner_id", "customer_id")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("audit", "0001_initial")]

    operations = [
        tenancy.keyed("accounts_tenant", "partner_id", "id"),
        tenancy.keyed("accounts_billingprofile", "partner_id", "id"),
        tenancy.keyed("accounts_subscription", "partner_id", "id"),
        tenancy.protect(
            "accounts_tenant", customer_column="id", read=f"partner_id = {tenancy.PARTNER} AND id = partner_id"
        ),
        tenancy.protect("accounts_statusinterval", customer_column=None),
        tenancy.protect("accounts_user"),
        tenancy.protect("accounts_microsoftconnection", customer_column=None),
        tenancy.protect("accounts_billingprofile"),
        tenancy.protect("accounts_subscription"),
        tenancy.reference("accounts_tenant", ["partner_id"], "accounts_tenant", ["id"]),
        tenancy.reference("accounts_statusinterval", OF_CUSTOMER, "accounts_tenant", TENANTS),
        tenancy.reference("accounts_user", OF_CUSTOMER, "accounts_tenant", TENANTS),
        tenancy.reference("accounts_user", ["partner_id"], "accounts_tenant", ["id"]),
        tenancy.reference("accounts_microsoftconnection", ["partner_id"], "accounts_tenant", ["id"]),
        tenancy.reference("accounts_billingprofile", OF_CUSTOMER, "accounts_tenant", TENANTS),
        tenancy.reference("accounts_subscription", OF_CUSTOMER, "accounts_tenant", TENANTS),
        tenancy.reference(
            "accounts_subscription", ("partner_id", "billing_profile_id"), "accounts_billingprofile", TENANTS
        ),
        migrations.RunSQL(DUE_STATUSES, "DROP FUNCTION accounts_partners_with_due_statuses(timestamptz)"),
        migrations.RunSQL(PARTNER_IDS, "DROP FUNCTION accounts_partner_ids()"),
    ]
