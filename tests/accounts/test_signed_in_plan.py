"""The statement that every request begins with finds its rows by index, whatever the number of tenants."""

import uuid

import pytest
from django.db import connection
from tests import factories

from msphub.accounts import queries
from msphub.accounts.choices import TenantKind
from msphub.accounts.models import Tenant
from msphub.kit import scope

pytestmark = pytest.mark.django_db


def test_tenants_are_looked_up_by_id_and_not_read_whole() -> None:
    world = factories.make_partner()
    customer = factories.make_customer(world)
    many = [
        Tenant(
            partner_id=world.id, kind=TenantKind.CUSTOMER, name=f"C {n}", sort_name=f"c {n}", created_at=factories.NOW
        )
        for n in range(3000)
    ]
    Tenant.objects.bulk_create(many)
    for user in (world.owner, factories.admin_of(customer)):
        scope.enter(partner_id=world.id, customer_id=user.customer_id)
        found = queries.signed_in(login_id=user.login_id, address="", request_id="")
        assert found is not None
        assert found.tenant_name == (customer.name if user.customer_id else world.tenant.name)
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {queries.SIGNED_IN}", [user.login_id])
            plan = [row[0] for row in cursor.fetchall()]
        assert any("Index Cond" in line and "CASE" in line for line in plan), plan
    assert queries.signed_in(login_id=uuid.uuid4(), address="", request_id="") is None
