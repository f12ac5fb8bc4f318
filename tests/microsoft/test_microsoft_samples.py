"""Microsoft's own samples, where they lie beside the checkout: sent over HTTP, read by the client."""

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from msphub.microsoft import answers, bodies, errors, parsing, shapes

SAMPLES = next(
    (
        parent / "shared" / "partner-center" / "samples"
        for parent in Path(__file__).resolve().parents
        if (parent / "shared" / "partner-center" / "samples").is_dir()
    ),
    None,
)
pytestmark = pytest.mark.skipif(SAMPLES is None, reason="Microsoft's samples aren't here")


def sample(name: str) -> Any:
    assert SAMPLES is not None
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


def folded(value: Any) -> Any:
    """An answer or a request without nulls and without the case of its names."""
    if isinstance(value, dict):
        return {name.casefold(): folded(member) for name, member in value.items() if member is not None}
    return [folded(entry) for entry in value] if isinstance(value, list) else value


def test_created_customer() -> None:
    created = parsing.created_customer(sample("customer.create.response"))

    assert created.id == "dfd8cc0a-c592-468c-8461-869a38d24738"
    assert created.credentials == shapes.UserCredentials(user_name="admin", password="=;;n.=s9Z")
    assert created.customer.billing_profile is not None
    assert created.customer.billing_profile.etag == "5920358838484612121"
    assert created.customer.enable_gdap_by_default is False


def test_new_customer_is_spelled_as_microsoft_spells_it() -> None:
    wanted = sample("customer.create.request")
    billing = wanted["BillingProfile"]
    address = parsing.address(billing["DefaultAddress"])
    assert address is not None
    customer = shapes.NewCustomer(
        domain=wanted["CompanyProfile"]["Domain"],
        company_name=billing["CompanyName"],
        email=billing["Email"],
        culture=billing["Culture"],
        language=billing["Language"],
        address=address,
        enable_gdap_by_default=False,
    )

    body: Any = bodies.new_customer(customer=customer, phone_number=None)

    assert body.pop("BillingProfile") == {**billing, "FirstName": "Test", "LastName": "Test"}
    assert body == {name: member for name, member in wanted.items() if name != "BillingProfile"}


def test_customer() -> None:
    customer = parsing.customer(sample("customer.get.response"))

    assert customer.commerce_id == "99e6a635-48e7-424d-9059-c9db944e3c54"
    assert customer.relationship_to_partner == "reseller"
    assert customer.allow_delegated_access is True
    assert customer.custom_domains == ("abcdefgh1234.ccsctp.net",)


@pytest.mark.parametrize(("name", "count"), [("customers.list.response", 2), ("customers.list.filtered.response", 3)])
def test_customers(name: str, count: int) -> None:
    assert len(parsing.customer_summaries(sample(name))) == count


def test_billing_profile_goes_back_as_it_came() -> None:
    resource = sample("customer.billing-profile.update.request")
    profile = parsing.billing_profile(resource)
    assert profile is not None

    assert profile.etag == "<etag>"
    assert folded(bodies.billing_profile(profile=profile, phone_number="4255555555")) == folded(resource)


def test_removed_relationship() -> None:
    assert bodies.relationship_removal(etag=None) == sample("customer.relationship.remove.request")
    assert parsing.customer(sample("customer.relationship.remove.response")).relationship_to_partner == "none"


def test_organization_and_domains() -> None:
    organization = parsing.organization(sample("customer.organization.get.response"))

    assert organization is not None
    assert (organization.country, organization.technical_notification_mails) == ("US", ("test@contoso.com",))
    assert parsing.domains(sample("customer.custom-domains.get.response")) == ("contosco.onmicrosoft.com",)


def test_country_rules() -> None:
    rules = parsing.country_rules(sample("country-validation-rules.get.response"))

    assert (rules.country, len(rules.states), rules.calling_codes) == ("US", 51, ("1",))
    assert (rules.cultures, rules.postal_code_regex) == (("en-US", "es-US"), r"^\d{5}(-\d{4})?$")
    assert rules.is_registration_number_supported is False


def test_address_checks() -> None:
    partial = parsing.address_check(sample("address.validate.street-partial.response"))
    verified = parsing.address_check(sample("address.validate.verified-shippable.response"))

    assert not partial.is_verified
    assert partial.suggestions[0].postal_code == "98052-6399"
    assert partial.message is not None
    assert verified.is_verified
    asked = parsing.address(sample("address.validate.street-partial.request"))
    assert asked is not None
    assert bodies.address_to_verify(address=asked) == sample("address.validate.street-partial.request")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("approved", [("Education", "Approved", None)]),
        ("denied", [("Education", "Denied", "Not an Education Customer")]),
        ("in-review", [("Education", "InReview", None)]),
        ("soe", [("StateOwnedEntity", None, None)]),
        ("soe-and-education", [("Education", "Approved", None), ("StateOwnedEntity", None, None)]),
    ],
)
def test_qualifications(name: str, expected: list[tuple[str, str | None, str | None]]) -> None:
    found = parsing.qualifications(sample(f"customer.qualifications.get.{name}.response"))

    assert [(one.qualification, one.vetting_status, one.vetting_reason) for one in found] == expected


def test_qualification_requests() -> None:
    created = parsing.qualification(sample("customer.qualification.create.education.response"))

    assert created is not None
    assert created.created_at == datetime(2020, 12, 4, 20, 54, 24, tzinfo=UTC)
    assert bodies.qualification(
        qualification="Education", education_segment="HigherEducation", website="contoso.edu", validation_code=None
    ) == sample("customer.qualification.create.education.request")
    assert bodies.qualification(
        qualification="GovernmentCommunityCloud", education_segment=None, website=None, validation_code="123456"
    ) == sample("customer.qualification.create.gcc.request")


def test_validation_codes() -> None:
    first, second = parsing.validation_codes(sample("validation-codes.get.response"))

    assert (first.validation_id, first.max_creates, first.remaining_creates) == ("12345", 5, 4)
    assert second.etag is not None


@pytest.mark.parametrize(
    ("name", "status"),
    [("allowed", "Allowed"), ("not-ready", "Not Ready"), ("under-review", "UnderReview"), ("unknown", "Unknown")],
)
def test_validation_status(name: str, status: str) -> None:
    validation = parsing.account_validation(sample(f"customer.validation-status.get.{name}.response"))

    assert (validation.status, validation.updated_at) == (status, datetime(2021, 7, 14, 18, 2, tzinfo=UTC))


def test_agreement() -> None:
    wanted = sample("agreement.create.request")
    agreement = parsing.agreement(sample("agreement.create.response"))

    assert agreement.contact is not None
    assert agreement.agreed_at is not None
    assert agreement.user_id == "3d6f2c09-eb40-48ca-a4b3-d24c9c007531"
    assert wanted == bodies.agreement(
        contact=agreement.contact,
        template_id=agreement.template_id or "",
        agreement_type="MicrosoftCustomerAgreement",
        agreed_at=agreement.agreed_at,
    )
    assert parsing.agreement_document(sample("agreement-template.document.response")).language == "en-US"


def test_tenant() -> None:
    tenant = parsing.tenant_information(sample("graph.find-tenant-by-domain.response"))

    assert tenant is not None
    assert (tenant.display_name, tenant.federation_brand_name) == ("Contoso, Ltd", None)


def error_samples() -> list[str]:
    return sorted(path.name.removesuffix(".json") for path in SAMPLES.glob("*.error.json")) if SAMPLES else []


@pytest.mark.parametrize("name", error_samples())
def test_every_error_is_readable(name: str) -> None:
    body = sample(name)

    refused = answers.refusal(status=400, body=body, headers={}, request_id=None, correlation_id=None)

    assert refused.code == body.get("code")
    assert refused.message in {body.get("description"), body.get("message")}
    assert isinstance(refused, errors.AlreadyExists) == (refused.code == 600061)


@pytest.mark.parametrize("name", ["auth.token.app-only.response", "auth.token.refresh-token.response"])
def test_tokens(make_client: Any, microsoft: Any, reply: Any, credentials: Any, name: str) -> None:
    microsoft.on("POST", f"/{credentials.tenant_id}/oauth2/v2.0/token", reply(body=sample(name)))
    microsoft.on("GET", "/v1/customers/relationshiprequests", reply(body=sample("relationship-request.get.response")))

    assert make_client().relationship_request_url().startswith("https://admin.microsoft.com/")
    assert uuid.UUID(microsoft.calls()[0].headers["ms-requestid"])
