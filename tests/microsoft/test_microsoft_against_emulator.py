"""The client against the emulator: the customer's way from a free domain to a confirmed agreement, and faults."""

import dataclasses
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from msphub.microsoft import client as microsoft_client
from msphub.microsoft import connection, errors, login, phones, shapes
from partner_center_emulator import testing, wellknown


@pytest.fixture(scope="module")
def server() -> Iterator[testing.Running]:
    with testing.running() as running:
        yield running


@pytest.fixture
def emulator(server: testing.Running) -> testing.Running:
    server.reset()
    login.forget_all()
    return server


@pytest.fixture
def make(emulator: testing.Running) -> Callable[..., microsoft_client.Client]:
    def make_client(partner: wellknown.Partner = wellknown.CONTOSO, **options: Any) -> microsoft_client.Client:
        secrets = {"client_secret": partner.client_secret, "refresh_token": partner.refresh_token}
        secrets.update(options.pop("secrets", {}))
        defaults: dict[str, Any] = {
            "credentials": connection.Credentials(tenant_id=partner.tenant_id, client_id=partner.client_id, **secrets),
            "endpoints": connection.Endpoints(partner_center=emulator.url, graph=emulator.url, login=emulator.url),
            "timeout": 5.0,
            "backoff": 0.01,
            "max_wait": 3.0,
        }
        return microsoft_client.Client(**{**defaults, **options})

    return make_client


@pytest.fixture
def contoso(make: Callable[..., microsoft_client.Client]) -> microsoft_client.Client:
    return make()


def fault(emulator: testing.Running, **order: Any) -> None:
    httpx.post(f"{emulator.url}/_emulator/faults", json=order).raise_for_status()


def new_customer(**changes: Any) -> shapes.NewCustomer:
    customer = shapes.NewCustomer(
        domain=f"wide{uuid.uuid4().hex[:12]}.onmicrosoft.com",
        company_name="Wide World Importers",
        email="gena@wideworldimporters.example",
        culture="en-US",
        language="en",
        address=shapes.Address(
            country="US",
            city="Redmond",
            state="WA",
            postal_code="98052",
            address_line1="1 Microsoft Way",
            first_name="Gena",
            last_name="Soto",
            phone_number="+1 425 555 0101",
        ),
        enable_gdap_by_default=True,
    )
    return dataclasses.replace(customer, **changes)


def test_way_of_a_customer(contoso: microsoft_client.Client) -> None:
    customer = new_customer()
    assert contoso.domain_exists(domain=customer.domain) is False
    assert contoso.check_address(address=customer.address).status

    created = contoso.create_customer(request_id=uuid.uuid4(), customer=customer)

    assert created.credentials is not None
    assert created.credentials.password
    assert contoso.domain_exists(domain=customer.domain) is True
    read = contoso.get_customer(customer_id=created.id)
    assert read.billing_profile is not None
    assert read.billing_profile.default_address is not None
    assert read.billing_profile.default_address.phone_number == "4255550101"
    assert contoso.company_profile(customer_id=created.id).domain == customer.domain
    assert [found.id for found in contoso.customers(domain_starts_with=customer.domain)] == [created.id]

    assert contoso.agreements(customer_id=created.id) == []
    (template,) = contoso.agreement_templates()
    request_id = uuid.uuid4()
    agreement = confirm(contoso, customer_id=created.id, template_id=template.template_id, request_id=request_id)
    assert agreement.user_id == wellknown.CONTOSO.user_id
    (listed,) = contoso.agreements(customer_id=created.id)
    assert listed.agreed_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with pytest.raises(errors.AlreadyExists):
        confirm(contoso, customer_id=created.id, template_id=template.template_id, request_id=uuid.uuid4())
    assert contoso.agreement_signed_by_customer(customer_id=created.id) is False
    assert contoso.agreement_document(template_id=template.template_id).download_uri


def confirm(
    client: microsoft_client.Client, *, customer_id: str, template_id: str, request_id: uuid.UUID
) -> shapes.Agreement:
    return client.confirm_agreement(
        request_id=request_id,
        customer_id=customer_id,
        template_id=template_id,
        first_name="Tania",
        last_name="Carr",
        email="tania@wideworldimporters.example",
        phone_number="+14255550101",
        agreed_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )


def test_same_request_id_makes_one_customer(emulator: testing.Running, make: Any) -> None:
    fault(emulator, method="POST", path="/v1/customers$", mode="timeout_after")
    impatient = make(timeout=0.7)
    customer, request_id = new_customer(), uuid.uuid4()
    impatient.country_rules(country="US")

    with pytest.raises(errors.UnknownOutcome):
        impatient.create_customer(request_id=request_id, customer=customer)
    assert impatient.domain_exists(domain=customer.domain) is True
    created = make().create_customer(request_id=request_id, customer=customer)

    assert [found.id for found in make().customers(domain_starts_with=customer.domain)] == [created.id]


@pytest.mark.parametrize("mode", ["reset_after", "timeout_before"])
def test_write_that_broke_is_unknown(emulator: testing.Running, make: Any, mode: str) -> None:
    fault(emulator, method="POST", path="/v1/customers$", mode=mode)
    customer = new_customer()

    with pytest.raises(errors.UnknownOutcome):
        make(timeout=0.7).create_customer(request_id=uuid.uuid4(), customer=customer)

    assert make().domain_exists(domain=customer.domain) is (mode == "reset_after")


def test_throttled_and_unavailable_reads_recover(emulator: testing.Running, contoso: microsoft_client.Client) -> None:
    fault(emulator, method="GET", path="countryvalidationrules", mode="status", status=503)
    fault(emulator, method="GET", path="countryvalidationrules", mode="status", status=429, retry_after=1)

    assert contoso.country_rules(country="de").country == "DE"


def test_throttled_write_has_not_happened(emulator: testing.Running, contoso: microsoft_client.Client) -> None:
    fault(emulator, method="POST", path="/v1/customers$", mode="status", status=429, retry_after=57)
    customer = new_customer()

    with pytest.raises(errors.Throttled) as raised:
        contoso.create_customer(request_id=uuid.uuid4(), customer=customer)

    assert raised.value.retry_after == 57
    assert contoso.domain_exists(domain=customer.domain) is False


def test_expired_token_is_renewed(emulator: testing.Running, contoso: microsoft_client.Client) -> None:
    fault(emulator, method="GET", path="countryvalidationrules", mode="status", status=401)

    assert contoso.country_rules(country="US").states


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"postal_code": "ABC"}, "postalCode"),
        ({"city": None}, "city"),
        ({"state": "XX"}, "state"),
    ],
)
def test_bad_address_names_its_member(contoso: microsoft_client.Client, changes: dict[str, Any], field: str) -> None:
    customer = new_customer()
    customer = dataclasses.replace(customer, address=dataclasses.replace(customer.address, **changes))

    with pytest.raises(errors.Refused) as raised:
        contoso.create_customer(request_id=uuid.uuid4(), customer=customer)

    assert raised.value.field == field, raised.value.message
    assert contoso.domain_exists(domain=customer.domain) is False


def test_taken_domain(contoso: microsoft_client.Client) -> None:
    first = new_customer()
    contoso.create_customer(request_id=uuid.uuid4(), customer=first)

    with pytest.raises(errors.AlreadyExists) as raised:
        contoso.create_customer(request_id=uuid.uuid4(), customer=new_customer(domain=first.domain))

    assert raised.value.field == "domain", raised.value.message


def test_registration_number_by_country(contoso: microsoft_client.Client) -> None:
    germany = shapes.Address(
        country="DE",
        city="Hamburg",
        postal_code="20095",
        address_line1="Mönckebergstraße 7",
        first_name="Gena",
        last_name="Soto",
    )
    customer = new_customer(address=germany, organization_registration_number="1234567")

    with pytest.raises(errors.Refused) as raised:
        contoso.create_customer(request_id=uuid.uuid4(), customer=customer)

    assert (raised.value.code, raised.value.field) == (600002, "organizationRegistrationNumber")


@pytest.mark.parametrize(
    ("country", "number"),
    [
        ("US", "+14255550101"),
        ("DE", "+4930901820"),
        ("GB", "+441615550142"),
        ("JP", "+81355550142"),
        ("BR", "+551155256325"),
    ],
)
def test_phone_number_fits_the_country(contoso: microsoft_client.Client, country: str, number: str) -> None:
    rules = contoso.country_rules(country=country)

    assert rules.phone_number_regex
    assert phones.shaped(number=number, country=country, regex=rules.phone_number_regex)


def test_customers_page_by_page(contoso: microsoft_client.Client) -> None:
    whole = [found.id for found in contoso.customers()]
    paged = [found.id for found in contoso.customers(page_size=10)]

    assert len(whole) > 50
    assert paged == whole


def test_billing_profile_is_changed_once(contoso: microsoft_client.Client) -> None:
    customer_id = next(contoso.customers()).id
    before = contoso.billing_profile(customer_id=customer_id)
    changed = dataclasses.replace(before, email="new@contoso.example")

    after = contoso.update_billing_profile(request_id=uuid.uuid4(), customer_id=customer_id, profile=changed)

    assert after.email == "new@contoso.example"
    assert after.etag != before.etag
    with pytest.raises(errors.StaleEtag):
        contoso.update_billing_profile(request_id=uuid.uuid4(), customer_id=customer_id, profile=changed)


def test_qualifications(contoso: microsoft_client.Client) -> None:
    customer_id = next(contoso.customers()).id

    contoso.request_qualification(
        request_id=uuid.uuid4(),
        customer_id=customer_id,
        qualification="Education",
        education_segment="K12",
        website="school.example",
    )

    (education,) = contoso.qualifications(customer_id=customer_id)
    assert (education.qualification, education.vetting_status) == ("Education", "InReview")
    assert education.created_at is not None
    assert education.created_at.tzinfo is not None
    assert contoso.set_nonprofit(request_id=uuid.uuid4(), customer_id=customer_id) == "nonprofit"
    assert contoso.qualification(customer_id=customer_id) == "nonprofit"
    assert {code.validation_id for code in contoso.validation_codes()} == {"12345", "987654"}


def test_account_validation(contoso: microsoft_client.Client) -> None:
    created = contoso.create_customer(request_id=uuid.uuid4(), customer=new_customer())

    status = contoso.account_validation_status(customer_id=created.id)

    assert status is None or status.status


def test_tenant_of_a_domain(contoso: microsoft_client.Client, emulator: testing.Running) -> None:
    found = contoso.find_tenant(domain=wellknown.FABRIKAM.domain)
    assert found is not None
    assert (found.tenant_id, found.display_name) == (wellknown.FABRIKAM.tenant_id, "Fabrikam Managed IT")
    assert contoso.find_tenant(domain="nobody.example") is None

    refusal = {"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges."}}
    fault(emulator, method="GET", path="findTenantInformation", mode="status", status=403, count=2, body=refusal)
    by_openid = contoso.find_tenant(domain=wellknown.FABRIKAM.domain)
    assert by_openid == shapes.TenantInformation(tenant_id=wellknown.FABRIKAM.tenant_id, source="openid")
    assert contoso.find_tenant(domain="nobody.example") is None


def test_invitation_and_removal(contoso: microsoft_client.Client) -> None:
    assert wellknown.CONTOSO.tenant_id in contoso.relationship_request_url()
    customer = new_customer()
    created = contoso.create_customer(request_id=uuid.uuid4(), customer=customer)

    contoso.remove_relationship(request_id=uuid.uuid4(), customer_id=created.id)

    assert list(contoso.customers(domain_starts_with=customer.domain)) == []


def test_organization_and_domains(contoso: microsoft_client.Client) -> None:
    summary = next(contoso.customers())

    organization = contoso.organization(customer_id=summary.id)
    assert organization is not None
    assert organization.display_name == summary.company_name
    assert summary.domain in contoso.custom_domains(customer_id=summary.id)


def test_stranger_finds_nothing(make: Any, contoso: microsoft_client.Client) -> None:
    created = contoso.create_customer(request_id=uuid.uuid4(), customer=new_customer())

    with pytest.raises(errors.Refused) as raised:
        make(wellknown.NORDWIND).get_customer(customer_id=created.id)

    assert raised.value.status in {403, 404}


def test_connection_report(make: Any) -> None:
    handed: list[str] = []

    assert make(on_refresh_token=handed.append).test_connection().ok
    assert handed

    wrong = make(secrets={"client_secret": "wrong"}).test_connection()
    assert [step.state for step in wrong.steps] == ["failed", "failed", *["skipped"] * 5]
    assert "secret" in (wrong.steps[0].reason or "")

    without_user = make(secrets={"refresh_token": "dead"}).test_connection()
    assert [step.state for step in without_user.steps] == ["ok", "failed", "ok", "skipped", "ok", "skipped", "skipped"]


def test_rotated_refresh_token_works(make: Any) -> None:
    handed: list[str] = []
    make(on_refresh_token=handed.append).relationship_request_url()
    login.forget_all()

    assert make(secrets={"refresh_token": handed[-1]}).relationship_request_url()


def test_ends_of_terms_and_inventory(contoso: microsoft_client.Client) -> None:
    customer = next(contoso.customers())
    product = next(contoso.catalog.products(target_view="OnlineServices", country="US"))

    ends = list(contoso.subscriptions.term_ends(customer_id=customer.id, term_duration="P1Y"))
    stock = contoso.catalog.check_inventory(country="US", customer_id=customer.id, items=[(product.id, None)])

    assert ends[0].kind == "calendarMonthAligned"
    assert (ends[0].ends_on + timedelta(days=1)).day == 1
    assert {one.product_id for one in stock} == {product.id}
    assert not any(one.is_restricted for one in stock)
