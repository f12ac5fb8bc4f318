"""From Microsoft's answers to shapes. Every function takes decoded JSON of any spelling."""

from typing import cast

from msphub.microsoft import reading, shapes


def address(value: object) -> shapes.Address | None:
    """Return an address, None where there is none."""
    members = reading.Members(value)
    if not members:
        return None
    return shapes.Address(
        country=members.text("country", "countryLetterCode", "countryCode"),
        region=members.text("region"),
        state=members.text("state"),
        city=members.text("city"),
        postal_code=members.text("postalCode", "zipCode"),
        address_line1=members.text("addressLine1", "street"),
        address_line2=members.text("addressLine2"),
        first_name=members.text("firstName"),
        middle_name=members.text("middleName"),
        last_name=members.text("lastName"),
        phone_number=members.text("phoneNumber"),
    )


def address_check(value: object) -> shapes.AddressCheck:
    """Return the verifier's opinion; suggestions may be null."""
    members = reading.Members(value)
    found = (address(entry) for entry in reading.entries(members.get("suggestedAddresses")))
    return shapes.AddressCheck(
        status=members.text("status") or "",
        original=address(members.get("originalAddress")),
        suggestions=tuple(suggestion for suggestion in found if suggestion is not None),
        message=members.text("validationMessage"),
    )


def country_rules(value: object, *, country: str = "") -> shapes.CountryRules:
    """Return a country's rules, from the documented names or those Microsoft really sends (contract §3)."""
    members = reading.Members(value)
    return shapes.CountryRules(
        country=members.text("iso2Code", "countryCode", "country") or country,
        default_culture=members.text("defaultCulture"),
        is_state_required=members.flag("isStateRequired"),
        states=members.texts("supportedStatesList", "supportedStates", "states", "statesList"),
        is_postal_code_required=members.flag("isPostalCodeRequired"),
        postal_code_regex=members.text("postalCodeRegex"),
        is_city_required=members.flag("isCityRequired"),
        phone_number_regex=members.text("phoneNumberRegex"),
        calling_codes=members.texts("countryCallingCodesList", "countryCallingCodes"),
        languages=members.texts("supportedLanguagesList", "supportedLanguages"),
        cultures=members.texts("supportedCulturesList", "supportedCultures"),
        is_vat_id_supported=members.flag("isVatIdSupported"),
        vat_id_regex=members.text("vatIdRegex"),
        is_tax_id_supported=members.flag("isTaxIdSupported"),
        is_tax_id_optional=members.flag("isTaxIdOptional"),
        tax_id_format=members.text("taxIdFormat"),
        tax_id_sample=members.text("taxIdSample"),
        is_registration_number_supported=members.flag("isRegistrationNumberSupported"),
        reseller_agreement_region=members.text("resellerAgreementRegion"),
        geographic_region=members.text("geographicRegion"),
    )


def company_profile(value: object) -> shapes.CompanyProfile | None:
    """Return a company profile, None where there is none."""
    members = reading.Members(value)
    if not members:
        return None
    return shapes.CompanyProfile(
        tenant_id=members.text("tenantId"),
        domain=members.text("domain"),
        company_name=members.text("companyName"),
        organization_registration_number=members.text("organizationRegistrationNumber"),
        email=members.text("email"),
        address=address(members.get("address")),
    )


def billing_profile(value: object) -> shapes.BillingProfile | None:
    """Return a billing profile with the etag of this reading, None where there is none."""
    members = reading.Members(value)
    if not members:
        return None
    return shapes.BillingProfile(
        id=members.text("id"),
        etag=members.child("attributes").text("etag") or members.text("etag"),
        first_name=members.text("firstName"),
        last_name=members.text("lastName"),
        email=members.text("email"),
        culture=members.text("culture"),
        language=members.text("language"),
        company_name=members.text("companyName"),
        default_address=address(members.get("defaultAddress")),
        raw=cast("dict[str, object]", value),
    )


def customer(value: object) -> shapes.Customer:
    """Return a customer, whose id is empty where the answer doesn't tell it."""
    members = reading.Members(value)
    company = company_profile(members.get("companyProfile"))
    return shapes.Customer(
        id=members.text("id") or (company.tenant_id if company else None) or "",
        commerce_id=members.text("commerceId"),
        company_profile=company,
        billing_profile=billing_profile(members.get("billingProfile")),
        relationship_to_partner=members.text("relationshipToPartner"),
        allow_delegated_access=members.flag("allowDelegatedAccess"),
        custom_domains=members.texts("customDomains"),
        associated_partner_id=members.text("associatedPartnerId"),
        enable_gdap_by_default=members.flag("enableGDAPByDefault"),
    )


def created_customer(value: object) -> shapes.CreatedCustomer:
    """Return a new customer with the credentials that are told only here."""
    credentials = reading.Members(value).child("userCredentials")
    user_name, password = credentials.text("userName"), credentials.text("password")
    told = user_name is not None and password is not None
    return shapes.CreatedCustomer(
        customer=customer(value),
        credentials=shapes.UserCredentials(user_name=user_name or "", password=password or "") if told else None,
    )


def customer_summaries(value: object) -> tuple[shapes.CustomerSummary, ...]:
    """Return the customers of one page."""
    found = []
    for members in reading.objects(value):
        company = members.child("companyProfile")
        customer_id = members.text("id") or company.text("tenantId")
        if customer_id:
            found.append(
                shapes.CustomerSummary(
                    id=customer_id,
                    tenant_id=company.text("tenantId"),
                    domain=company.text("domain"),
                    company_name=company.text("companyName"),
                    relationship_to_partner=members.text("relationshipToPartner"),
                )
            )
    return tuple(found)


def organization(value: object) -> shapes.Organization | None:
    """Return the tenant's own record; Microsoft sends a list of one."""
    for members in reading.objects(value):
        return shapes.Organization(
            display_name=members.text("displayName"),
            street=members.text("street", "addressLine1"),
            city=members.text("city"),
            state=members.text("state"),
            postal_code=members.text("postalCode"),
            country=members.text("countryLetterCode", "country"),
            technical_notification_mails=members.texts("technicalNotificationMails"),
        )
    return None


def domains(value: object) -> tuple[str, ...]:
    """Return domain names, from texts or from objects that carry one."""
    found = []
    for entry in reading.entries(value):
        name = reading.Members(entry).text("name", "domain", "id") if isinstance(entry, dict) else reading.scalar(entry)
        if name:
            found.append(name)
    return tuple(found)


def tenant_information(value: object) -> shapes.TenantInformation | None:
    """Return what Graph tells about a tenant."""
    members = reading.Members(value)
    tenant_id = members.text("tenantId")
    if not tenant_id:
        return None
    return shapes.TenantInformation(
        tenant_id=tenant_id,
        display_name=members.text("displayName"),
        default_domain_name=members.text("defaultDomainName"),
        federation_brand_name=members.text("federationBrandName"),
    )


def qualification(value: object) -> shapes.Qualification | None:
    """Return one qualification; the older interface sends a bare text."""
    if isinstance(value, str):
        return shapes.Qualification(qualification=value) if value else None
    members = reading.Members(value)
    name = members.text("qualification")
    if not name:
        return None
    return shapes.Qualification(
        qualification=name,
        education_segment=members.text("educationSegment"),
        vetting_status=members.text("vettingStatus"),
        vetting_reason=members.text("vettingReason"),
        created_at=members.moment("vettingCreatedDate", "vettingCreateDate"),
        updated_at=members.moment("vettingLastUpdatedDate", "vettingLastUpdateDate"),
    )


def qualifications(value: object) -> list[shapes.Qualification]:
    """Return all qualifications, from a bare list or a collection."""
    found = (qualification(entry) for entry in reading.entries(value))
    return [entry for entry in found if entry is not None]


def validation_codes(value: object) -> list[shapes.ValidationCode]:
    """Return the codes for government customers."""
    return [
        shapes.ValidationCode(
            validation_id=members.text("validationId") or "",
            partner_id=members.text("partnerId"),
            organization_name=members.text("organizationName"),
            max_creates=members.number("maxCreates"),
            remaining_creates=members.number("remainingCreates"),
            etag=members.text("eTag"),
        )
        for members in reading.objects(value)
    ]


def account_validation(value: object) -> shapes.AccountValidation:
    """Return the state of Microsoft's risk review."""
    members = reading.Members(value)
    return shapes.AccountValidation(
        status=members.text("status") or "Unknown",
        type=members.text("type"),
        updated_at=members.moment("lastUpdateDateTime", "lastUpdatedDateTime"),
    )


def agreement_templates(value: object) -> list[shapes.AgreementTemplate]:
    """Return the agreements there are."""
    return [
        shapes.AgreementTemplate(
            template_id=members.text("templateId") or "",
            agreement_type=members.text("agreementType", "type"),
            agreement_link=members.text("agreementLink"),
            version_rank=members.number("versionRank"),
        )
        for members in reading.objects(value)
    ]


def agreement(value: object) -> shapes.Agreement:
    """Return one confirmation."""
    members = reading.Members(value)
    contact = members.child("primaryContact")
    return shapes.Agreement(
        template_id=members.text("templateId"),
        type=members.text("type", "agreementType"),
        agreed_at=members.moment("dateAgreed"),
        contact=shapes.AgreementContact(
            first_name=contact.text("firstName"),
            last_name=contact.text("lastName"),
            email=contact.text("email"),
            phone_number=contact.text("phoneNumber"),
        )
        if contact
        else None,
        user_id=members.text("userId"),
        agreement_link=members.text("agreementLink"),
    )


def agreements(value: object) -> list[shapes.Agreement]:
    """Return all confirmations; none means that nothing was confirmed."""
    return [agreement(entry) for entry in reading.entries(value) if isinstance(entry, dict)]


def agreement_document(value: object) -> shapes.AgreementDocument:
    """Return where the text of an agreement can be read."""
    members = reading.Members(value)
    return shapes.AgreementDocument(
        display_uri=members.text("displayUri"),
        download_uri=members.text("downloadUri"),
        language=members.text("language"),
        country=members.text("country"),
    )
