"""What a customer gets by its type: partner's people and the customer's own users learn the same, nobody more."""

import uuid
from decimal import Decimal

import pytest
from django.db import connection
from tests import factories
from tests.catalog.discounts import TODAY, bands, item, make_discount, sku

from msphub.catalog.inputs import Rates
from msphub.catalog.models import Discount
from msphub.catalog.rates import Asked
from msphub.customers import credit_terms, rates
from msphub.customers.choices import CreditHold, OnReach
from msphub.customers.models import CustomerTypeDiscount, CustomerTypeTerm
from msphub.kit import scope
from msphub.kit.errors import NotFound

pytestmark = pytest.mark.django_db


def _give(world: factories.PartnerWorld, *discounts: Discount) -> None:
    for discount in discounts:
        CustomerTypeDiscount.objects.create(
            partner_id=world.id,
            customer_type=world.customer_type,
            country=discount.country,
            discount=discount,
            vendor=discount.vendor,
            category=discount.category,
        )


@pytest.fixture
def world(db: None) -> factories.PartnerWorld:
    return factories.make_partner()


def test_a_customers_user_and_the_partner_learn_the_same_rate(world: factories.PartnerWorld) -> None:
    basic, coro = sku(world), sku(world, "CORO-COMPLETE")
    default = make_discount(world)
    itemized = make_discount(world, category="itemized", rates=Rates(items=(item(basic, 4),)))
    of_coro = make_discount(world, vendor="coro", rates=Rates(percent=Decimal(15)))
    elsewhere = make_discount(world, country="DE", category="slab", rates=bands((1, None, 90)))
    german = credit_terms.create_credit_term(
        by=world.actor,
        name="Net 30 DE",
        country="DE",
        currency="EUR",
        credit_limit=Decimal(1000),
        due_days=30,
        on_reach=OnReach.NO_ACTION,
        credit_hold=CreditHold.MANUAL,
        at=factories.NOW,
    )
    CustomerTypeTerm.objects.create(
        partner_id=world.id, customer_type=world.customer_type, country="DE", credit_term=german
    )
    _give(world, default, itemized, of_coro, elsewhere)
    customer = factories.make_customer(world)
    asked = [Asked(sku_id=one.id, on=TODAY, quantity=3) for one in (basic, coro)]
    found = rates.rates_for(by=world.actor, customer_id=customer.id, asked=asked)
    assert [one.percent if one else None for one in found] == [Decimal(4), Decimal(15)]

    admin = factories.actor_of(factories.admin_of(customer))
    scope.enter(partner_id=world.id, customer_id=customer.id)
    assert rates.rates_for(by=admin, customer_id=customer.id, asked=asked) == found


def test_a_customers_user_learns_nothing_of_a_sibling(world: factories.PartnerWorld) -> None:
    basic = sku(world)
    _give(world, make_discount(world))
    own, sibling = factories.make_customer(world, name="Own"), factories.make_customer(world, name="Sibling")
    admin = factories.actor_of(factories.admin_of(own))
    scope.enter(partner_id=world.id, customer_id=own.id)
    asked = [Asked(sku_id=basic.id, on=TODAY)]
    with pytest.raises(NotFound):
        rates.rates_for(by=admin, customer_id=sibling.id, asked=asked)
    with connection.cursor() as cursor:  # nor around our queries
        arguments = [[basic.id], [1], [TODAY]]
        cursor.execute("SELECT count(*) FROM customers_rates(%s, %s::uuid[], %s::bigint[], %s)", [own.id, *arguments])
        assert cursor.fetchone() == (1,)
        cursor.execute(
            "SELECT count(*) FROM customers_rates(%s, %s::uuid[], %s::bigint[], %s)", [sibling.id, *arguments]
        )
        assert cursor.fetchone() == (0,)
        cursor.execute(
            "SELECT count(*) FROM catalog_rates(%s, %s, %s::uuid[], %s::bigint[], %s)",
            [world.id, [uuid.uuid4()], *arguments],
        )
        assert cursor.fetchone() == (0,)


def test_another_partner_and_no_scope_learn_nothing(world: factories.PartnerWorld) -> None:
    basic = sku(world)
    _give(world, make_discount(world))
    customer = factories.make_customer(world)
    asked = [Asked(sku_id=basic.id, on=TODAY)]
    stranger = factories.make_partner(name="Stranger")
    assert rates.rates_for(by=stranger.actor, customer_id=customer.id, asked=asked) == [None]
    scope.enter(partner_id=None)
    assert rates.rates_for(by=world.actor, customer_id=customer.id, asked=asked) == [None]


def test_a_type_without_discounts_leaves_the_list_price(world: factories.PartnerWorld) -> None:
    customer = factories.make_customer(world)
    asked = [Asked(sku_id=sku(world).id, on=TODAY)]
    assert rates.rates_for(by=world.actor, customer_id=customer.id, asked=asked) == [None]
