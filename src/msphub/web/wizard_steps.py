"""The four steps of the wizard (C-02) as forms: labels, order, drop-downs. `customers` decides what is allowed."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from msphub.customers import inputs
from msphub.customers.choices import AccountMode, Qualification, Segment
from msphub.kit import addresses
from msphub.ui.forms import Group, Layout, set_autocomplete
from msphub.web.wizard_forms import (
    ADDRESS_TOKENS,
    ADDRESS_WIDTHS,
    Choices,
    StepForm,
    add_address,
    address_rows,
    calling_code_field,
    date_field,
    select_field,
    text_field,
)

SKIP = "skip"


class CompanyForm(StepForm):
    """Step 1: Company Information."""

    passing = re.compile(r"(billing_)?(state|postal_code)")
    company_name = text_field(gettext_lazy("Company Name"))
    widths = {"company_name": "long", "customer_type": "medium", "country": "medium", "partner_subscription": "medium"}

    def __init__(self, *args: Any, types: Choices, subscriptions: Choices, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["customer_type"] = select_field(
            _("Customer Type"), types, help_text=_("Decides credit terms and discounts.")
        )
        self.fields["country"] = select_field(_("Country"), addresses.countries())
        self.fields["partner_subscription"] = select_field(
            _("Partner Subscription"), subscriptions, help_text=_("Your legal entity that this customer is charged by.")
        )
        country = self.value("country")
        add_address(self, prefix="", country=country)
        self.fields["same_as_company"] = forms.BooleanField(label=_("Same as company address"), required=False)
        self.fields["billing_profile_name"] = text_field(_("Billing Profile Name"))
        self.fields["bill_to"] = text_field(_("Bill To"))
        self.same = self.value("same_as_company") in {"on", "True", "true"}
        billing_country = country if self.same else self.value("billing_country")
        add_address(self, prefix="billing_", country=billing_country)
        self.fields["billing_country"] = select_field(_("Country"), addresses.countries())
        if self.same:
            self._fill_billing(country)
        for prefix, section in (("", "section-company"), ("billing_", "section-billing billing")):
            set_autocomplete(
                self,
                tokens={prefix + name: token for name, token in ADDRESS_TOKENS.items()},
                section=section,
            )
            for name, width in ADDRESS_WIDTHS.items():
                if prefix + name in self.fields:
                    self.fields[prefix + name].ui_width = width  # type: ignore[attr-defined]
        for name in ("customer_type", "country", "partner_subscription", "billing_country"):
            self.fields[name].ui_width = "medium"  # type: ignore[attr-defined]
        set_autocomplete(self, tokens={"company_name": "organization", "bill_to": "billing name"})

    def _fill_billing(self, country: str) -> None:
        """Fill the billing address from the company's; it can't be typed while it follows."""
        values = {f"billing_{part}": self.value(part) for part in ADDRESS_TOKENS} | {"billing_country": country}
        for name in values:
            if name in self.fields:
                self.fields[name].widget.attrs["disabled"] = True
        for name in ("billing_profile_name", "bill_to"):
            if not self.value(name):
                values[name] = self.value("company_name")
        self.put({name: value for name, value in values.items() if name in self.fields})

    @property
    def layout(self) -> Layout:  # type: ignore[override]
        """The groups of the step."""
        return Layout(
            Group(
                _("Company"),
                ["company_name", ["customer_type", "country"], "partner_subscription"],
                hidden_legend=True,
                id="group-company",
            ),
            Group(_("Company Address"), address_rows(""), id="group-company-address"),
            Group(
                _("Billing Address"),
                [
                    "same_as_company",
                    ["billing_profile_name", "bill_to"],
                    *address_rows("billing_"),
                    "billing_country",
                ],
                id="group-billing-address",
            ),
        )


class ContactsForm(StepForm):
    """Step 2: Contacts."""

    def __init__(self, *args: Any, import_template: str = "", with_admin: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.import_template = import_template
        self.with_admin = with_admin
        for prefix, section in (("primary_", "section-primary"), ("billing_", "section-billing")):
            self.fields[f"{prefix}first_name"] = text_field(_("First Name"))
            self.fields[f"{prefix}last_name"] = text_field(_("Last Name"))
            self.fields[f"{prefix}email"] = text_field(_("Email Address"), widget=forms.EmailInput)
            self.fields[f"{prefix}phone_country"] = calling_code_field()
            self.fields[f"{prefix}phone"] = text_field(_("Phone Number"), optional=True, widget=forms.TextInput)
            self.fields[f"{prefix}fax"] = text_field(_("Fax Number"), optional=True, widget=forms.TextInput)
            tokens = {"first_name": "given-name", "last_name": "family-name", "email": "email", "phone": "tel"}
            set_autocomplete(self, tokens={prefix + name: token for name, token in tokens.items()}, section=section)
        if with_admin:
            self.fields["admin_first_name"] = text_field(_("First Name"))
            self.fields["admin_last_name"] = text_field(_("Last Name"))
            self.fields["admin_login_email"] = text_field(
                _("Login Email Address"),
                help_text=_("Can't be changed once the customer exists."),
                widget=forms.EmailInput,
            )
            self.fields["admin_display_name"] = text_field(
                _("Display Name"), help_text=_("Optional. First and last name if left empty.")
            )
            self.fields["admin_display_name"].widget.attrs.pop("aria-required", None)
            self.fields["admin_contact_email"] = text_field(
                _("Additional Communication Email Address"),
                help_text=_("Credentials and system mail go here."),
                widget=forms.EmailInput,
            )

    @property
    def layout(self) -> Layout:  # type: ignore[override]
        """The groups of the step."""

        def contact(prefix: str) -> list[str | list[str]]:
            return [
                [f"{prefix}first_name", f"{prefix}last_name"],
                f"{prefix}email",
                [f"{prefix}phone_country", f"{prefix}phone", f"{prefix}fax"],
            ]

        groups = [
            Group(
                _("Primary Contact"),
                contact("primary_"),
                text=_("Gets order updates, account notices and support matters."),
                id="group-primary",
            ),
            Group(
                _("Billing Contact"),
                contact("billing_"),
                text=_("Gets everything about bills."),
                before=self.import_template,
                id="group-billing",
            ),
        ]
        if self.with_admin:
            groups.append(
                Group(
                    _("Admin User"),
                    [
                        ["admin_first_name", "admin_last_name"],
                        "admin_login_email",
                        "admin_display_name",
                        "admin_contact_email",
                    ],
                    text=_("The customer's first user: manages settings, users and roles of the customer's portal."),
                    id="group-admin",
                )
            )
        return Layout(*groups)


class AccountChoiceForm(StepForm):
    """Step 3, the choice: only the chosen way's fields are on the page."""

    passing = re.compile(r"(existing|new|agreement)_[a-z0-9_]{1,30}")

    def __init__(self, *args: Any, with_choice: bool = True, with_skip: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.with_choice = with_choice
        self.with_skip = with_skip
        self.mode = self.value("account") if with_choice else AccountMode.NEW.value
        if with_choice:
            self._add_choice()
        if self.mode == AccountMode.EXISTING:
            self.fields["existing_country"] = select_field(_("Country"), addresses.countries())
            self.fields["existing_country"].ui_width = "medium"  # type: ignore[attr-defined]
            self.fields["existing_domain"] = text_field(
                _("Domain Name"), help_text=_("Any domain of the company, such as contoso.com.")
            )
            self.fields["existing_domain"].ui_width = "long"  # type: ignore[attr-defined]
        elif self.mode == AccountMode.NEW:
            self._add_new()
        if with_choice and self.mode in AccountMode.values:
            self._add_agreement()

    def _add_choice(self) -> None:
        self.fields["account"] = forms.ChoiceField(
            label=_("Microsoft Account"),
            required=False,
            choices=[
                (AccountMode.EXISTING.value, _("The company has an existing Microsoft account")),
                (AccountMode.NEW.value, _("Create a new Microsoft account")),
                *([(SKIP, _("Skip this step"))] if self.with_skip else []),
            ],
            widget=forms.RadioSelect,
        )

    def _add_new(self) -> None:
        country = self.value("new_country")
        self.fields["new_company_name"] = text_field(_("Company Name"))
        self.fields["new_domain"] = text_field(
            _("Domain"), help_text=_(".onmicrosoft.com is appended. It can never be changed.")
        )
        self.fields["new_domain"].ui_width = "medium"  # type: ignore[attr-defined]
        required = country in inputs.REGISTRATION_COUNTRIES
        self.fields["new_registration_number"] = text_field(
            _("Company Registration ID"),
            optional=not required,
            help_text=_("Microsoft requires it in this country.") if required else "",
        )
        self.fields["new_registration_number"].ui_width = "medium"  # type: ignore[attr-defined]
        self.fields["new_qualification"] = select_field(_("Qualification Type"), Qualification.choices)
        self.fields["new_qualification"].ui_width = "medium"  # type: ignore[attr-defined]
        if self.value("new_qualification") == Qualification.EDUCATION:
            add_education_fields(self)
        self.fields["new_first_name"] = text_field(_("First Name"))
        self.fields["new_last_name"] = text_field(_("Last Name"))
        add_address(self, prefix="new_", country=country)
        self.fields["new_phone"] = text_field(_("Phone Number"))
        self.fields["new_email"] = text_field(_("Email Address"), widget=forms.EmailInput)
        self.fields["new_country"] = select_field(_("Country/Region"), addresses.countries())
        self.fields["new_country"].ui_width = "medium"  # type: ignore[attr-defined]
        for name, width in ADDRESS_WIDTHS.items():
            if f"new_{name}" in self.fields:
                self.fields[f"new_{name}"].ui_width = width  # type: ignore[attr-defined]
        self.fields["new_phone"].ui_width = "medium"  # type: ignore[attr-defined]
        tokens = {f"new_{name}": token for name, token in ADDRESS_TOKENS.items()}
        set_autocomplete(
            self,
            tokens=tokens
            | {
                "new_company_name": "organization",
                "new_first_name": "given-name",
                "new_last_name": "family-name",
                "new_phone": "tel",
                "new_email": "email",
            },
            section="section-microsoft",
        )

    def _add_agreement(self) -> None:
        self.fields["agreement"] = forms.BooleanField(
            label=_("The customer has accepted the Microsoft Customer Agreement"),
            required=False,
            help_text=_("Can be given later on the CSP Accounts tab; no Microsoft order goes out without it."),
        )
        if self.value("agreement") in {"on", "True", "true"}:
            self.fields["agreement_first_name"] = text_field(_("First Name"))
            self.fields["agreement_last_name"] = text_field(_("Last Name"))
            self.fields["agreement_email"] = text_field(_("Email Address"), widget=forms.EmailInput)
            self.fields["agreement_phone"] = text_field(_("Phone Number"))
            self.fields["agreement_date"] = date_field(_("Date of acceptance"))

    @property
    def layout(self) -> Layout:  # type: ignore[override]
        """The groups of the step."""
        groups = [Group("", ["account"])] if self.with_choice else []
        if self.mode == AccountMode.EXISTING:
            groups.append(
                Group(
                    _("Existing Microsoft account"),
                    ["existing_country", "existing_domain"],
                    after="web/wizard/found.html",
                    id="group-existing",
                )
            )
        elif self.mode == AccountMode.NEW:
            address = [name for name in ("new_state",) if name in self.fields]
            postal = [name for name in ("new_postal_code",) if name in self.fields]
            groups.append(
                Group(
                    _("New Microsoft account"),
                    [
                        "new_company_name",
                        "new_domain",
                        "new_registration_number",
                        "new_qualification",
                        ["new_segment", "new_website"],
                        ["new_first_name", "new_last_name"],
                        "new_address_line1",
                        "new_address_line2",
                        ["new_phone", "new_email"],
                        ["new_city", *address],
                        ["new_country", *postal],
                    ],
                    before="web/wizard/import_company.html" if self.with_choice and self.with_skip else "",
                    after="web/wizard/country_warning.html" if self.with_choice else "",
                    id="group-new",
                )
            )
        if "agreement" in self.fields:
            groups.append(Group("", ["agreement"]))
            if "agreement_first_name" in self.fields:
                groups.append(
                    Group(
                        _("Microsoft Customer Agreement"),
                        [
                            ["agreement_first_name", "agreement_last_name"],
                            "agreement_email",
                            ["agreement_phone", "agreement_date"],
                        ],
                        text=_("Who accepted it for the customer, and when."),
                        id="group-agreement",
                    )
                )
        return Layout(*groups)


class SalesForm(StepForm):
    """Step 4: up to three sales representatives."""

    def __init__(self, *args: Any, count: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.count = max(1, min(count, inputs.MOST_REPRESENTATIVES))
        # Stands inside the group's template, not with the hidden fields: it must be swapped with the entries it counts.
        self.fields["sales_count"] = forms.CharField(required=False)
        self.put({"sales_count": str(self.count)})
        for number in range(1, self.count + 1):
            self.fields[f"sales_{number}_name"] = text_field(_("Name"))
            self.fields[f"sales_{number}_email"] = text_field(_("Email Address"), widget=forms.EmailInput)
            self.fields[f"sales_{number}_phone"] = text_field(_("Phone Number"), optional=True)
            for part in ("name", "email"):
                self.fields[f"sales_{number}_{part}"].widget.attrs.pop("aria-required", None)

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The entries with their fields and the value of their Remove button."""
        return [
            {
                "number": number,
                "fields": [self[f"sales_{number}_{part}"] for part in ("name", "email", "phone")],
            }
            for number in range(1, self.count + 1)
        ]

    @property
    def may_add(self) -> bool:
        """Whether there is room for one more."""
        return self.count < inputs.MOST_REPRESENTATIVES

    def without(self, number: int) -> dict[str, str]:
        """Return the values with one entry taken out and the others moved up."""
        kept = [n for n in range(1, self.count + 1) if n != number]
        moved = {
            f"sales_{new}_{part}": self.value(f"sales_{old}_{part}")
            for new, old in enumerate(kept, start=1)
            for part in ("name", "email", "phone")
        }
        return moved | {"sales_count": str(max(1, len(kept)))}

    @property
    def layout(self) -> Layout:  # type: ignore[override]
        """The one group, with a template of its own for the entries."""
        return Layout(
            Group(
                _("Sales Representatives"),
                text=_("The customer's first contact for questions and orders. The customer's users see them."),
                template="web/wizard/representatives.html",
                id="group-sales",
            )
        )


def add_education_fields(form: StepForm) -> None:
    """Add what Microsoft vets an institution by."""
    form.fields["new_segment"] = select_field(_("Segment"), Segment.choices)
    form.fields["new_segment"].ui_width = "medium"  # type: ignore[attr-defined]
    form.fields["new_website"] = text_field(
        _("Website"), help_text=_("The institution's own website; Microsoft's vetting reads it.")
    )
