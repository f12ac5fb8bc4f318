"""What was typed into the wizard's steps, read as what the domain checks.

The Profile tab and CSP accounts read alike.
"""

import datetime

from msphub.customers import inputs
from msphub.web.wizard_forms import (
    Data,
    line,
    read_address,
    read_uuid,
)


def follows_company(data: Data) -> bool:
    """Tell whether the billing address follows the company's."""
    return str(data.get("same_as_company") or "") in {"on", "True", "true"}


def read_company(data: Data) -> inputs.Company:
    """Turn step 1's values into what the domain checks."""
    address = read_address(data, "")
    same = follows_company(data)
    return inputs.Company(
        name=line(data, "company_name"),
        customer_type_id=read_uuid(data.get("customer_type")),
        country=line(data, "country"),
        partner_subscription_id=read_uuid(data.get("partner_subscription")),
        address=address,
        billing_profile_name=line(data, "billing_profile_name") or (line(data, "company_name") if same else ""),
        bill_to=line(data, "bill_to") or (line(data, "company_name") if same else ""),
        billing_address=address if same else read_address(data, "billing_"),
    )


def read_contact(data: Data, prefix: str) -> inputs.Contact:
    """Turn a contact's values into a contact."""
    return inputs.Contact(
        first_name=line(data, f"{prefix}first_name"),
        last_name=line(data, f"{prefix}last_name"),
        email=line(data, f"{prefix}email"),
        phone_country=line(data, f"{prefix}phone_country")[:2],
        phone=line(data, f"{prefix}phone"),
        fax=line(data, f"{prefix}fax"),
    )


def read_admin(data: Data) -> inputs.Admin:
    """Turn the admin user's values into an admin user."""
    return inputs.Admin(
        first_name=line(data, "admin_first_name"),
        last_name=line(data, "admin_last_name"),
        login_email=line(data, "admin_login_email"),
        display_name=line(data, "admin_display_name"),
        contact_email=line(data, "admin_contact_email"),
    )


def read_agreement(data: Data) -> inputs.Agreement | None:
    """Turn the agreement's values into an agreement, or None when it is not given yet."""
    if str(data.get("agreement") or "") not in {"on", "True", "true"}:
        return None
    try:
        agreed_on = datetime.date.fromisoformat(line(data, "agreement_date"))
    except ValueError:
        agreed_on = None
    return inputs.Agreement(
        first_name=line(data, "agreement_first_name"),
        last_name=line(data, "agreement_last_name"),
        email=line(data, "agreement_email"),
        phone=line(data, "agreement_phone"),
        agreed_on=agreed_on,
    )


def read_new_account(data: Data) -> inputs.NewAccount:
    """Turn a new Microsoft account's values into what the domain checks."""
    return inputs.NewAccount(
        company_name=line(data, "new_company_name"),
        domain_prefix=line(data, "new_domain"),
        registration_number=line(data, "new_registration_number"),
        qualification=line(data, "new_qualification"),
        segment=line(data, "new_segment"),
        website=line(data, "new_website"),
        first_name=line(data, "new_first_name"),
        last_name=line(data, "new_last_name"),
        email=line(data, "new_email"),
        phone=line(data, "new_phone"),
        address=read_address(data, "new_"),
        agreement=read_agreement(data),
    )


def read_representatives(data: Data) -> list[inputs.Representative]:
    """Turn step 4's values into representatives, empty ones included."""
    return [
        inputs.Representative(
            name=line(data, f"sales_{number}_name"),
            email=line(data, f"sales_{number}_email"),
            phone=line(data, f"sales_{number}_phone"),
        )
        for number in range(1, read_count(data) + 1)
    ]


def read_count(data: Data) -> int:
    """Return how many entries step 4 shows."""
    try:
        return max(1, min(int(str(data.get("sales_count") or 1)), inputs.MOST_REPRESENTATIVES))
    except ValueError:
        return 1
