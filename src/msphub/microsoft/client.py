"""The one door to Microsoft: every operation this product needs, typed, for one partner.

Which calls need a user's token is Microsoft's list (contract §1.4); everything else is asked as the application.
"""

import dataclasses
import re
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from types import TracebackType
from typing import Self
from urllib.parse import quote

import httpx

from msphub.microsoft import (
    bodies,
    carts,
    catalog,
    connection,
    diagnosis,
    errors,
    login,
    orders,
    pace,
    paging,
    parsing,
    paths,
    phones,
    prices,
    reading,
    shapes,
    subscriptions,
    transport,
    wire,
)

Credentials = connection.Credentials
Endpoints = connection.Endpoints

MICROSOFT_CUSTOMER_AGREEMENT = "MicrosoftCustomerAgreement"

_USER = login.Kind.USER
_ACCOUNT_STATUS_NOT_FOUND = 600074
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NO_GRAPH = frozenset({"consent_required", "audience", "rejected"})


class Client:
    """Partner Center, Graph and login as one partner sees them. Cheap to make, safe to share between threads.

    What is sold has rooms of its own: `catalog`, `prices`, `carts`, `orders`, `subscriptions`.

    Every method may raise `errors.MicrosoftError`: reads Refused, Throttled or Unavailable; writes (those with a
    `request_id`) UnknownOutcome as well. `timeout` is in seconds and holds for an attempt with its sign-in;
    `read_retries=0` suits live checks in a form. `max_wait` bounds the seconds a read waits between its attempts.
    Every call waits for its turn below Microsoft's limit (`pace`): at most `timeout` seconds without retries, else as
    long as it takes the queue of a few minutes; beyond that it is Throttled without having been sent.
    """

    def __init__(
        self,
        *,
        credentials: connection.Credentials,
        endpoints: connection.Endpoints | None = None,
        on_refresh_token: Callable[[str], None] | None = None,
        timeout: float = 30.0,
        read_retries: int = 3,
        locale: str = "en-US",
        backoff: float = 0.5,
        max_wait: float = 60.0,
        http: httpx.Client | None = None,
        turns: pace.Turns | None = None,
    ) -> None:
        """Keep the settings; nothing is asked yet. `on_refresh_token` stores the new token whenever Entra rotates it.

        `http` is a pool and `turns` are turns of the caller's own instead of those the process shares.
        """
        known = endpoints or connection.Endpoints()
        pool = wire.Wire(http=http)
        self._endpoints = known
        self._transport = transport.Transport(
            endpoints=known,
            sign_in=login.Login(endpoints=known, credentials=credentials, http=pool, on_refresh_token=on_refresh_token),
            http=pool,
            timeout=timeout,
            read_retries=read_retries,
            backoff=backoff,
            max_wait=max_wait,
            locale=locale,
            turns=turns or pace.shared(),
            tenant_id=credentials.tenant_id,
        )
        self.catalog = catalog.Catalog(carrier=self._transport)
        self.prices = prices.Prices(carrier=self._transport)
        self.carts = carts.Carts(carrier=self._transport)
        self.orders = orders.Orders(carrier=self._transport)
        self.subscriptions = subscriptions.Subscriptions(carrier=self._transport)
        self._phone_rules: dict[str, str | None] = {}

    def __enter__(self) -> Self:
        """Use the client for a while."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave; the connections stay open for the next client of this process."""

    # Before there is a customer

    def domain_exists(self, *, domain: str) -> bool:
        """Say whether a domain belongs to somebody: 200 is yes and 404 is no, both are answers (contract §2)."""
        answer = self._transport.read(
            method="HEAD", path=f"/domains/{paths.part(domain.strip())}", accepted=frozenset({404})
        )
        return answer.status != 404

    def find_tenant(self, *, domain: str) -> shapes.TenantInformation | None:
        """Find the tenant of a domain, None when there is none.

        Without the right `CrossTenantInformation.ReadBasic.All` Graph refuses; the public OpenID configuration then
        tells the id, and no name.
        """
        name = domain.strip()
        literal = quote(name.replace("'", "''"), safe="'")
        path = f"/tenantRelationships/findTenantInformationByDomainName(domainName='{literal}')"
        try:
            answer = self._transport.read_graph(path=path, accepted=frozenset({404}))
        except errors.Forbidden:
            return self._tenant_by_openid(name)
        except errors.SignInFailed as failed:
            if failed.reason not in _NO_GRAPH:
                raise
            return self._tenant_by_openid(name)
        return None if answer.status == 404 else parsing.tenant_information(answer.body)

    def country_rules(self, *, country: str) -> shapes.CountryRules:
        """Return what addresses and phone numbers of a country look like; NotFound for an unknown country."""
        code = country.strip().upper()
        answer = self._transport.read(path=f"/countryvalidationrules/{paths.part(code)}")
        return parsing.country_rules(_told(answer), country=code)

    def check_address(self, *, address: shapes.Address) -> shapes.AddressCheck:
        """Ask the address verifier. It is advice, and a question: repeating it changes nothing."""
        answer = self._transport.read(
            method="POST", path="/validations/address", json=bodies.address_to_verify(address=address)
        )
        return parsing.address_check(_told(answer))

    # Customers

    def create_customer(self, *, request_id: uuid.UUID, customer: shapes.NewCustomer) -> shapes.CreatedCustomer:
        """Make a customer with a new tenant. The administrator's credentials are told only in this answer.

        AlreadyExists (field `domain`) when somebody has the domain. After UnknownOutcome look for the domain among
        the customers, then repeat with the same `request_id`: Microsoft makes the customer once.
        """
        phone_number = self._phone(number=customer.address.phone_number, country=customer.address.country)
        answer = self._transport.write(
            request_id=request_id,
            method="POST",
            path="/customers",
            json=bodies.new_customer(customer=customer, phone_number=phone_number),
            kind=_USER if customer.associated_partner_id else login.Kind.APP,
        )
        created = parsing.created_customer(answer.body)
        if not created.id:
            raise errors.UnknownOutcome(
                "Microsoft answered without the id of the new customer: look before you repeat.",
                status=answer.status,
                request_id=str(request_id),
            )
        return created

    def get_customer(self, *, customer_id: str) -> shapes.Customer:
        """Return a customer; without GDAP some of it is missing."""
        answer = self._transport.read(path=paths.customer(customer_id))
        found = parsing.customer(_told(answer))
        if not found.id:
            raise errors.Unavailable("Microsoft's answer has no customer.", status=answer.status)
        return found

    def customers(
        self, *, name_starts_with: str | None = None, domain_starts_with: str | None = None, page_size: int = 500
    ) -> Iterator[shapes.CustomerSummary]:
        """Yield customers page by page, asking for the next one only when it is wanted.

        Microsoft filters by one field: with both prefixes, the name is compared here.
        """
        query = {"size": str(page_size)}
        if domain_starts_with:
            query["filter"] = bodies.name_filter(field="Domain", prefix=domain_starts_with)
        elif name_starts_with:
            query["filter"] = bodies.name_filter(field="CompanyName", prefix=name_starts_with)
        wanted = name_starts_with.casefold() if name_starts_with and domain_starts_with else ""
        for body in paging.pages(carrier=self._transport, path="/customers", query=query):
            for summary in parsing.customer_summaries(body):
                if (summary.company_name or "").casefold().startswith(wanted):
                    yield summary

    def company_profile(self, *, customer_id: str) -> shapes.CompanyProfile:
        """Return the company behind a customer's tenant."""
        answer = self._transport.read(path=f"{paths.customer(customer_id)}/profiles/company", kind=_USER)
        return parsing.company_profile(_told(answer)) or shapes.CompanyProfile()

    def billing_profile(self, *, customer_id: str) -> shapes.BillingProfile:
        """Return whom Microsoft bills for, with the etag a change needs."""
        answer = self._transport.read(path=f"{paths.customer(customer_id)}/profiles/billing")
        return _billing_profile(_told(answer), answer=answer)

    def update_billing_profile(
        self, *, request_id: uuid.UUID, customer_id: str, profile: shapes.BillingProfile
    ) -> shapes.BillingProfile:
        """Replace the billing profile by a changed reading of it (`dataclasses.replace`), and return it as it is now.

        Refuses a profile without etag; raises StaleEtag when somebody changed it since it was read.
        """
        if not profile.etag:
            raise ValueError("read the billing profile first: a change needs its etag")
        address = profile.default_address
        phone_number = self._phone(number=address.phone_number, country=address.country) if address else None
        answer = self._transport.write(
            request_id=request_id,
            method="PUT",
            path=f"{paths.customer(customer_id)}/profiles/billing",
            json=bodies.billing_profile(profile=profile, phone_number=phone_number),
            headers={"If-Match": paths.quoted(profile.etag)},
        )
        if not reading.Members(answer.body):  # done, and nothing said of it
            return dataclasses.replace(profile, etag=answer.headers.get("ETag"))
        return _billing_profile(answer.body, answer=answer)

    def organization(self, *, customer_id: str) -> shapes.Organization | None:
        """Return the tenant's own record; needs a directory role in the customer's tenant."""
        answer = self._transport.read(path=f"{paths.customer(customer_id)}/organization")
        return parsing.organization(paging.listed(answer))

    def custom_domains(self, *, customer_id: str) -> tuple[str, ...]:
        """Return the customer's domains; needs a directory role in the customer's tenant."""
        answer = self._transport.read(path=f"{paths.customer(customer_id)}/customDomains")
        return parsing.domains(paging.listed(answer))

    # The relationship

    def relationship_request_url(self) -> str:
        """Return the partner's invitation link: the same one for every customer."""
        answer = self._transport.read(path="/customers/relationshiprequests", kind=_USER)
        url = reading.Members(_told(answer)).text("url")
        if not url:
            raise errors.Unavailable("Microsoft told no link.", status=answer.status)
        return url

    def remove_relationship(self, *, request_id: uuid.UUID, customer_id: str, etag: str | None = None) -> None:
        """End the reseller relationship; Microsoft refuses while anything is still active (contract §4.7)."""
        self._transport.write(
            request_id=request_id,
            method="PATCH",
            path=paths.customer(customer_id),
            json=bodies.relationship_removal(etag=etag),
            headers={"If-Match": paths.quoted(etag)} if etag else None,
            kind=_USER,
        )

    # Qualifications

    def qualifications(self, *, customer_id: str) -> list[shapes.Qualification]:
        """Return the customer's special qualifications and how far their vetting is."""
        answer = self._transport.read(path=f"{paths.customer(customer_id)}/qualifications")
        return parsing.qualifications(paging.listed(answer))

    def request_qualification(
        self,
        *,
        request_id: uuid.UUID,
        customer_id: str,
        qualification: str,
        education_segment: str | None = None,
        website: str | None = None,
        validation_code: str | None = None,
    ) -> shapes.Qualification:
        """Ask Microsoft to qualify the customer; education is vetted by people and takes days (contract §5.2)."""
        answer = self._transport.write(
            request_id=request_id,
            method="POST",
            path=f"{paths.customer(customer_id)}/qualifications",
            json=bodies.qualification(
                qualification=qualification,
                education_segment=education_segment,
                website=website,
                validation_code=validation_code,
            ),
            kind=_USER,
        )
        told = parsing.qualifications(answer.body)
        return told[0] if told else shapes.Qualification(qualification=qualification)

    def qualification(self, *, customer_id: str) -> str | None:
        """Return the customer's one qualification as the older interface knows it, for example `nonprofit`."""
        answer = self._transport.read(path=f"{paths.customer(customer_id)}/qualification")
        told = parsing.qualification(answer.body)
        return told.qualification if told else None

    def set_qualification(
        self, *, request_id: uuid.UUID, customer_id: str, qualification: str, validation_code: str | None = None
    ) -> str:
        """Set the one qualification of the older interface, which knows nonprofit and answers at once."""
        answer = self._transport.write(
            request_id=request_id,
            method="PUT",
            path=f"{paths.customer(customer_id)}/qualification",
            query={"code": validation_code} if validation_code else None,
            json=qualification,
            kind=_USER,
        )
        told = parsing.qualification(answer.body)
        return told.qualification if told else qualification

    def set_nonprofit(self, *, request_id: uuid.UUID, customer_id: str) -> str:
        """Make the customer a nonprofit: only the older interface can (contract §5.1)."""
        return self.set_qualification(request_id=request_id, customer_id=customer_id, qualification="nonprofit")

    def validation_codes(self) -> list[shapes.ValidationCode]:
        """Return the partner's codes for government customers."""
        answer = self._transport.read(path="/customers/all/validations")
        return parsing.validation_codes(paging.listed(answer))

    def account_validation_status(self, *, customer_id: str) -> shapes.AccountValidation | None:
        """Return the state of Microsoft's risk review, None while there is none yet (600074)."""
        try:
            answer = self._transport.read(
                path=f"{paths.customer(customer_id)}/validationStatus", query={"type": "account"}, kind=_USER
            )
        except errors.NotFound as missing:
            if missing.code != _ACCOUNT_STATUS_NOT_FOUND:
                raise
            return None
        return parsing.account_validation(_told(answer))

    # Agreements

    def agreement_templates(
        self, *, agreement_type: str = MICROSOFT_CUSTOMER_AGREEMENT
    ) -> list[shapes.AgreementTemplate]:
        """Return the agreements there are; the type is always sent, as Microsoft's default is the retired one."""
        answer = self._transport.read(path="/agreements", query={"agreementType": agreement_type}, kind=_USER)
        return parsing.agreement_templates(paging.listed(answer))

    def agreements(
        self, *, customer_id: str, agreement_type: str = MICROSOFT_CUSTOMER_AGREEMENT
    ) -> list[shapes.Agreement]:
        """Return what was confirmed on the customer's behalf; an empty list means nothing."""
        answer = self._transport.read(
            path=f"{paths.customer(customer_id)}/agreements", query={"agreementType": agreement_type}, kind=_USER
        )
        return parsing.agreements(paging.listed(answer))

    def confirm_agreement(
        self,
        *,
        request_id: uuid.UUID,
        customer_id: str,
        template_id: str,
        first_name: str,
        last_name: str,
        email: str,
        phone_number: str | None,
        agreed_at: datetime,
        agreement_type: str = MICROSOFT_CUSTOMER_AGREEMENT,
        country: str | None = None,
    ) -> shapes.Agreement:
        """Confirm that the customer accepted. `agreed_at` needs a zone and mayn't lie in the future.

        AlreadyExists when the same contact is confirmed. `country` helps where the phone number doesn't name its own.
        """
        home = (phones.country_of(number=phone_number) if phone_number else None) or country
        contact = shapes.AgreementContact(
            first_name=first_name,
            last_name=last_name,
            email=email,
            phone_number=self._phone(number=phone_number, country=home),
        )
        answer = self._transport.write(
            request_id=request_id,
            method="POST",
            path=f"{paths.customer(customer_id)}/agreements",
            json=bodies.agreement(
                contact=contact, template_id=template_id, agreement_type=agreement_type, agreed_at=agreed_at
            ),
            kind=_USER,
        )
        return parsing.agreement(answer.body)

    def agreement_signed_by_customer(self, *, customer_id: str) -> bool:
        """Say whether the customer accepted the Microsoft Customer Agreement with Microsoft directly."""
        answer = self._transport.read(
            path=f"{paths.customer(customer_id)}/directSignedMicrosoftCustomerAgreementStatus", kind=_USER
        )
        return reading.Members(_told(answer)).flag("isSigned") or False

    def agreement_document(
        self, *, template_id: str, language: str = "en-US", country: str = "US"
    ) -> shapes.AgreementDocument:
        """Return links to an agreement's text; they live five minutes. `country` goes in capitals (contract §6.5)."""
        answer = self._transport.read(
            path=f"/agreementtemplates/{paths.part(template_id)}/document",
            query={"language": language, "country": country.upper()},
            kind=_USER,
        )
        return parsing.agreement_document(_told(answer))

    # The connection itself

    def test_connection(self, *, market: str = "US") -> shapes.ConnectionReport:
        """Try each kind of token and a read with it; tells what fails and why, and never raises MicrosoftError.

        `market` is the country whose price sheet is tried.
        """
        return diagnosis.run(carrier=self._transport, endpoints=self._endpoints, market=market)

    def _tenant_by_openid(self, domain: str) -> shapes.TenantInformation | None:
        path = f"/{paths.part(domain)}/v2.0/.well-known/openid-configuration"
        answer = self._transport.read_login(path=path, accepted=frozenset({400, 404}))
        members = reading.Members(answer.body)
        found = _GUID.search(members.text("issuer") or "") or _GUID.search(members.text("token_endpoint") or "")
        return shapes.TenantInformation(tenant_id=found.group(0), source="openid") if found else None

    def _phone(self, *, number: str | None, country: str | None) -> str | None:
        """Return a phone number in the country's shape; as given where no shape fits, Microsoft will judge."""
        if not number or not number.strip():
            return None
        code = country.strip().upper() if country else None
        if code is not None and code not in self._phone_rules:
            try:
                self._phone_rules[code] = self.country_rules(country=code).phone_number_regex
            except errors.NotFound:
                self._phone_rules[code] = None
        regex = self._phone_rules.get(code) if code is not None else None
        return phones.shaped(number=number, country=code, regex=regex) or number.strip()


def _told(answer: transport.Answer) -> object:
    """Return what an answer tells of one thing; an empty one is no answer, however successful it calls itself."""
    if not reading.Members(answer.body):
        raise errors.Unavailable("Microsoft's answer is empty.", status=answer.status)
    return answer.body


def _billing_profile(body: object, *, answer: transport.Answer) -> shapes.BillingProfile:
    profile = parsing.billing_profile(body) or shapes.BillingProfile()
    return profile if profile.etag else dataclasses.replace(profile, etag=answer.headers.get("ETag"))
