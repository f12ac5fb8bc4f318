"""What a customer is offered: price in force, discount with its reason, cost for the partner only, and why not."""

import datetime
import uuid
from decimal import Decimal
from typing import Any

import pytest
from tests import factories
from tests.catalog.discounts import make_discount
from tests.catalog.sheet import row, take_over

from msphub.accounts.choices import Role, Status
from msphub.catalog import own_products
from msphub.catalog.inputs import Rates
from msphub.catalog.models import Sku
from msphub.customers import buyers, offers
from msphub.customers.choices import AccountState
from msphub.customers.models import Agreement, CspAccount, Customer, CustomerTypeDiscount
from msphub.kit import scope
from msphub.kit.errors import NotFound, Refused

pytestmark = pytest.mark.django_db
TODAY = factories.NOW.date()
BASIC = "CFQ7TTC0LH18"
PREMIUM = "CFQ7TTC0LCHC"


def link(customer: Any, *, country: str = "US", agreement: bool = True, **changes: Any) -> CspAccount:
    """Give a customer a linked CSP account."""
    account = CspAccount.objects.create(
        partner_id=customer.partner_id,
        customer_id=customer.id,
        mode="existing",
        state=changes.pop("state", AccountState.LINKED),
        domain=f"{factories.unique('wingtip')}.onmicrosoft.com",
        country=country,
        microsoft_tenant_id=uuid.uuid4(),
        created_at=factories.NOW,
        qualification=changes.pop("qualification", "commercial"),
        **changes,
    )
    if agreement:
        Agreement.objects.create(
            partner_id=customer.partner_id,
            customer_id=customer.id,
            account=account,
            first_name="Gena",
            last_name="Soto",
            email="gena@wingtip.example",
            phone="+14255550101",
            agreed_on=TODAY,
            recorded_at=factories.NOW,
            confirmed_at=factories.NOW,
        )
    return account


def sku_of(product: str = BASIC, sku: str = "0001") -> uuid.UUID:
    return Sku.objects.get(product__external_id=product, external_id=sku).id


@pytest.fixture
def world(db: None) -> factories.PartnerWorld:
    world = factories.make_partner()
    take_over(
        world.id,
        [
            row(BASIC),
            row(BASIC, TermDuration="P1Y", BillingPlan="Annual", ERP_Price="72.00", UnitPrice="57.60"),
            row(PREMIUM, "000J", SkuTitle="Premium nonprofit", Segment="Charity", ERP_Price="66.00"),
        ],
    )
    take_over(world.id, [row("CFQ7TTC0LF8Q", Market="DE", Currency="EUR", SkuTitle="Office 365 E1")], market="DE")
    return world


def ask(world: factories.PartnerWorld, customer: Any, **changes: Any) -> offers.Offer:
    by = changes.pop("by", world.actor)
    buyer = buyers.get_buyer(by=by, customer_id=customer.id)
    asked = {"sku_id": sku_of(), "term": "P1Y", "plan": "monthly", "quantity": 10} | changes
    return offers.get_offer(by=by, buyer=buyer, on=TODAY, **asked)


def codes(offer: offers.Offer) -> list[str]:
    return [reason.code for reason in offer.reasons]


def test_a_price_is_for_the_term_and_its_charges_a_twelfth(world: factories.PartnerWorld) -> None:
    customer = factories.make_customer(world)
    link(customer)
    offer = ask(world, customer)
    assert (codes(offer), offer.currency, offer.list_price, offer.periods) == ([], "USD", Decimal("75.60"), 12)
    assert offer.unit_per_period == Decimal("6.30")
    assert (offer.cost, offer.margin) == (Decimal("60.48"), Decimal("15.12"))
    assert offer.margin_percent == Decimal(20)
    assert ask(world, customer, plan="annual").unit_per_period == Decimal("72.00")


def test_the_discount_of_the_customers_type_is_taken_off_with_its_reason(world: factories.PartnerWorld) -> None:
    customer = factories.make_customer(world)
    link(customer)
    discount = make_discount(world, rates=Rates(percent=Decimal("12.5")))
    CustomerTypeDiscount.objects.create(
        partner_id=world.id,
        customer_type=world.customer_type,
        country="US",
        discount=discount,
        vendor=discount.vendor,
        category=discount.category,
    )
    offer = ask(world, customer)
    assert (offer.percent, offer.unit_price) == (Decimal("12.5"), Decimal("66.15"))
    assert offer.unit_per_period == Decimal("5.5125")  # exact; a line is rounded, not a unit
    assert offer.reason == f"Default v1, valid from {TODAY}"
    assert offer.margin == Decimal("5.67")


def test_a_customers_user_gets_the_same_price_and_no_cost(world: factories.PartnerWorld) -> None:
    customer = factories.make_customer(world)
    link(customer)
    Customer.objects.filter(tenant_id=customer.id).update(allow_purchase=True)
    admin = factories.actor_of(factories.admin_of(customer))
    scope.enter(partner_id=world.id, customer_id=customer.id)
    offer = ask(world, customer, by=admin)
    assert (codes(offer), offer.unit_price, offer.cost, offer.margin) == ([], Decimal("75.60"), None, None)


def test_a_sibling_and_a_stranger_find_nothing(world: factories.PartnerWorld) -> None:
    customer = factories.make_customer(world)
    sibling = factories.make_customer(world, name="Sibling")
    admin = factories.actor_of(factories.admin_of(sibling))
    scope.enter(partner_id=world.id, customer_id=sibling.id)
    with pytest.raises(NotFound):
        buyers.get_buyer(by=admin, customer_id=customer.id)
    sku = sku_of()
    theirs = factories.make_partner(name="Theirs")
    with pytest.raises(NotFound):
        buyers.get_buyer(by=theirs.actor, customer_id=customer.id)
    own = factories.make_customer(theirs)
    with pytest.raises(NotFound):
        ask(theirs, own, sku_id=sku)


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"sku": (PREMIUM, "000J")}, "segment", "Non-Profit"),
        ({"sku": ("CFQ7TTC0LF8Q", "0001")}, "country", "United States"),
        ({"plan": "triennial"}, "no_price", "billing frequency"),
        ({"quantity": 301}, "quantity", "between 1 and 300"),
        ({"quantity": 0}, "quantity", "between 1 and 300"),
    ],
)
def test_what_is_not_offered_says_why(
    world: factories.PartnerWorld, changes: dict[str, Any], code: str, words: str
) -> None:
    customer = factories.make_customer(world)
    link(customer)
    asked = dict(changes)
    if "sku" in asked:
        asked["sku_id"] = sku_of(*asked.pop("sku"))
    offer = ask(world, customer, **asked)
    assert codes(offer) == [code]
    assert words in str(offer.reasons[0].message)
    with pytest.raises(Refused) as refused:
        buyer = buyers.get_buyer(by=world.actor, customer_id=customer.id)
        given = {"sku_id": sku_of(), "term": "P1Y", "plan": "monthly", "quantity": 1} | asked
        offers.require_offer(by=world.actor, buyer=buyer, on=TODAY, **given)
    assert refused.value.code == code


def test_a_qualified_customer_gets_its_segments_price_once_microsoft_has_vetted_it(
    world: factories.PartnerWorld,
) -> None:
    charity = factories.make_customer(world, name="Charity")
    link(charity, qualification="nonprofit")
    assert codes(ask(world, charity, sku_id=sku_of(PREMIUM, "000J"))) == []
    assert codes(ask(world, charity)) == []
    take_over(world.id, [row(BASIC), row(BASIC, Segment="Education", ERP_Price="20")])
    school = factories.make_customer(world, name="School")
    account = link(school, qualification="education", vetting_status="InReview")
    assert ask(world, school).list_price == Decimal("75.60")
    CspAccount.objects.filter(id=account.id).update(vetting_status="Approved")
    assert ask(world, school).list_price == Decimal(20)


def test_without_a_price_in_the_partner_subscriptions_currency_it_says_which_there_is(
    world: factories.PartnerWorld,
) -> None:
    customer = factories.make_customer(world)
    link(customer, country="DE")
    offer = ask(world, customer, sku_id=sku_of("CFQ7TTC0LF8Q"))
    assert codes(offer) == ["currency"]
    assert "USD" in str(offer.reasons[0].message)
    assert "EUR" in str(offer.reasons[0].message)


def test_microsoft_wants_account_consent_and_agreement_others_do_not(world: factories.PartnerWorld) -> None:
    own_products.save_price(
        by=world.actor,
        values={
            "vendor": "own", "product_id": "CARE", "product": "Care", "sku_id": "C1", "sku": "Care", "currency": "USD",
            "term": "P1Y", "billing_frequency": "monthly", "list_price": "120", "cost": "60",
        },
        at=factories.NOW,
    )  # fmt: skip
    care = sku_of("CARE", "C1")
    customer = factories.make_customer(world)
    assert codes(ask(world, customer)) == ["no_account"]
    assert codes(ask(world, customer, sku_id=care)) == []
    account = link(customer, agreement=False)
    assert codes(ask(world, customer)) == ["agreement_missing"]
    CspAccount.objects.filter(id=account.id).update(state=AccountState.WAITING)
    assert codes(ask(world, customer)) == ["account_not_linked"]
    link(customer)
    assert codes(ask(world, customer)) == ["account_not_chosen"]
    assert codes(ask(world, customer, sku_id=care)) == []


@pytest.mark.parametrize(("status", "code"), [(Status.SUSPENDED, "suspended"), (Status.DISABLED, "disabled")])
def test_status_stands_against_everything(world: factories.PartnerWorld, status: Status, code: str) -> None:
    customer = factories.make_customer(world)
    link(customer)
    factories.set_status(world, customer, status)
    assert codes(ask(world, customer)) == [code]


def test_rights_and_the_switch_stand_against_buying(world: factories.PartnerWorld) -> None:
    customer = factories.make_customer(world)
    link(customer)
    reader = factories.actor_of(factories.add_colleague(world, role=Role.READ_ONLY))
    assert codes(ask(world, customer, by=reader)) == ["forbidden"]
    admin = factories.actor_of(factories.admin_of(customer))
    Customer.objects.filter(tenant_id=customer.id).update(allow_purchase=False)
    scope.enter(partner_id=world.id, customer_id=customer.id)
    assert codes(ask(world, customer, by=admin)) == ["not_allowed"]


def test_an_add_on_names_the_base_it_needs_until_it_is_held(world: factories.PartnerWorld) -> None:
    customer = factories.make_customer(world)
    link(customer)
    Sku.objects.filter(id=sku_of()).update(prerequisites=[f"{PREMIUM}:000J", "CFQ7TTC0XXXX:0001"])
    offer = ask(world, customer)
    assert codes(offer) == ["base_product"]
    assert "Premium nonprofit" in str(offer.reasons[0].message)
    assert codes(ask(world, customer, holding=[f"{PREMIUM}:000J"])) == []


def test_azure_plan_is_charged_by_usage(world: factories.PartnerWorld) -> None:
    customer = factories.make_customer(world)
    link(customer)
    offer = ask(world, customer, sku_id=sku_of("DZH318Z0BPS6"), term="", plan="one_time", quantity=1)
    assert (codes(offer), offer.price_id, offer.list_price) == ([], None, Decimal(0))


def test_a_price_follows_the_day(world: factories.PartnerWorld) -> None:
    customer = factories.make_customer(world)
    link(customer)
    take_over(
        world.id,
        [row(BASIC), row(BASIC, EffectiveStartDate="2026-12-01T00:00:00Z", ERP_Price="84.00")],
        accept_losses=True,
    )
    buyer = buyers.get_buyer(by=world.actor, customer_id=customer.id)
    prices = [
        offers.get_offer(
            by=world.actor, buyer=buyer, sku_id=sku_of(), term="P1Y", plan="monthly", quantity=1, on=day
        ).list_price
        for day in (datetime.date(2026, 11, 30), datetime.date(2026, 12, 1))
    ]
    assert prices == [Decimal("75.60"), Decimal("84.00")]


def test_any_number_of_lines_costs_the_same_statements(
    world: factories.PartnerWorld, django_assert_num_queries: Any
) -> None:
    customer = factories.make_customer(world)
    link(customer)
    buyer = buyers.get_buyer(by=world.actor, customer_id=customer.id)
    one = offers.Wanted(sku_id=sku_of(), term="P1Y", plan="monthly")
    other = offers.Wanted(sku_id=sku_of(PREMIUM, "000J"), term="P1Y", plan="monthly")
    for wanted in ([one, other], [one, other, one, other, one]):
        with django_assert_num_queries(4):
            offers.offers_for(by=world.actor, buyer=buyer, wanted=wanted, on=TODAY)
