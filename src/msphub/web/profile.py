"""The Profile tab: shows and edits steps 1, 2 and 4 of the wizard, without the admin user."""

import dataclasses
import re
import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from msphub.accounts import billing
from msphub.accounts import permissions as accounts
from msphub.accounts import queries as accounts_queries
from msphub.accounts.models import BillingProfile
from msphub.customers import actions, inputs, permissions, queries
from msphub.customers.models import Contact
from msphub.kit import addresses, fields
from msphub.kit.actor import Actor
from msphub.kit.addresses import Address
from msphub.kit.errors import Refused
from msphub.ui import forms, htmx
from msphub.ui.forms import Group, Layout
from msphub.ui.page import Action, Crumb, Item, Page
from msphub.web import errands, shown, wizard_forms, wizard_reading, wizard_terms
from msphub.web.middleware import PortalRequest
from msphub.web.wizard_steps import ContactsForm

BILLING = "group-billing-address"


class ProfileForm(ContactsForm):
    """Company, its address, contacts and sales representatives in one form."""

    passing = re.compile(r"billing_(state|postal_code)")

    def __init__(
        self, *args: Any, actor: Actor, details: queries.CustomerDetails, refresh_url: str, **kwargs: Any
    ) -> None:
        super().__init__(*args, with_admin=False, **kwargs)
        contacts = self.fields
        self.fields = type(contacts)()
        self.fields["version"] = wizard_forms.hidden_field()
        self.fields["company_name"] = wizard_forms.text_field(_("Company Name"))
        self.terms = actor.is_partner
        self.terms_locked = not actor.may(permissions.EDIT_TERMS)
        if self.terms:
            self._add_terms(actor, details)
        wizard_forms.add_address(self, prefix="", country=details.tenant.country)
        self.billing = actor.may(accounts.MANAGE_SUBSCRIPTIONS)
        if self.billing:
            self._add_billing(refresh_url)
        self.fields |= contacts
        if self.terms:
            for number in range(1, inputs.MOST_REPRESENTATIVES + 1):
                self.fields[f"sales_{number}_name"] = wizard_forms.text_field(_("Name"), optional=True)
                self.fields[f"sales_{number}_email"] = wizard_forms.text_field(_("Email Address"), optional=True)
                self.fields[f"sales_{number}_phone"] = wizard_forms.text_field(_("Phone Number"), optional=True)
        forms.set_widths(self, widths=wizard_forms.ADDRESS_WIDTHS)

    def _add_billing(self, refresh_url: str) -> None:
        """Add the billing address of step 1, which is kept in the customer's first billing profile."""
        self.fields["billing_version"] = wizard_forms.hidden_field()
        self.fields["billing_profile_name"] = wizard_forms.text_field(_("Billing Profile Name"))
        self.fields["bill_to"] = wizard_forms.text_field(_("Bill To"))
        wizard_forms.add_address(self, prefix="billing_", country=self.value("billing_country"))
        self.fields["billing_country"] = wizard_forms.select_field(_("Country"), addresses.countries())
        forms.set_refresh(self, name="billing_country", url=refresh_url, target=BILLING)
        forms.set_widths(
            self,
            widths={f"billing_{name}": width for name, width in wizard_forms.ADDRESS_WIDTHS.items()}
            | {"billing_country": "medium"},
        )

    def _add_terms(self, actor: Actor, details: queries.CustomerDetails) -> None:
        types = {str(kind.id): kind.name for kind in queries.customer_types(by=actor)}
        if details.customer_type is not None:  # an inactive one stays with its customers
            types.setdefault(str(details.customer_type.id), details.customer_type.name)
        own = {str(one.id): f"{one.name} ({one.currency})" for one in queries.partner_subscriptions(by=actor)}
        if details.partner_subscription is not None:
            current = details.partner_subscription
            own.setdefault(str(current.id), f"{current.name} ({current.currency})")
        self.fields["customer_type"] = wizard_forms.select_field(_("Customer Type"), list(types.items()))
        self.fields["partner_subscription"] = wizard_forms.select_field(_("Partner Subscription"), list(own.items()))
        for name in ("customer_type", "partner_subscription"):
            self.fields[name].ui_width = "medium"  # type: ignore[attr-defined]
            if self.terms_locked:
                self.fields[name].widget.attrs["disabled"] = True

    @property
    def layout(self) -> Layout:  # type: ignore[override]
        """The groups, in the wizard's order."""
        company: list[str | list[str]] = ["company_name"]
        if self.terms:
            company.append(["customer_type", "partner_subscription"])
        groups = [
            Group(_("Company"), company, hidden_legend=True),
            Group(
                _("Company Address"),
                wizard_forms.address_rows(""),
                text=_("The country can't be changed: terms, taxes and Microsoft's market depend on it."),
            ),
            *(
                [
                    Group(
                        _("Billing Address"),
                        [
                            ["billing_profile_name", "bill_to"],
                            *wizard_forms.address_rows("billing_"),
                            "billing_country",
                        ],
                        id=BILLING,
                    )
                ]
                if self.billing
                else []
            ),
            *super().layout.groups,
        ]
        if self.terms:
            groups += [
                Group(
                    _("Sales Representative %(number)s") % {"number": number},
                    [[f"sales_{number}_name", f"sales_{number}_email", f"sales_{number}_phone"]],
                    id=f"group-sales-{number}",
                )
                for number in range(1, inputs.MOST_REPRESENTATIVES + 1)
            ]
        return Layout(*groups)


def tab(request: PortalRequest, details: queries.CustomerDetails, page: Page) -> HttpResponse:
    """Show the profile; Modify opens the form."""
    actor = request.actor
    customer_id = details.tenant.id
    if actor.may(permissions.EDIT):
        url = reverse("customer_modify", kwargs={"customer_id": customer_id})
        page = dataclasses.replace(page, action=Action(label=_("Modify"), url=url, icon="pencil"))
    return render(
        request,
        "web/profile.html",
        {
            "page": page,
            "details": details,
            "company": _company_items(actor, details),
            "address": _address_items(details),
            "billing": _billing_items(accounts_queries.first_billing_profile(by=actor, customer_id=customer_id))
            if actor.may(accounts.VIEW_SUBSCRIPTIONS)
            else [],
            "primary_contact": _contact_items(details.primary_contact),
            "billing_contact": _contact_items(details.billing_contact),
            "representatives": [
                [
                    Item(label=_("Name"), value=one.name),
                    Item(label=_("Email Address"), value=one.email),
                    Item(label=_("Phone Number"), value=fields.shown_phone(one.phone)),
                ]
                for one in details.representatives
            ],
            "shows_purchase": actor.is_partner,
            "may_switch": actor.is_partner and actor.may(permissions.EDIT_TERMS),
            "purchase_url": reverse("customer_allow_purchase", kwargs={"customer_id": customer_id}),
        },
    )


def modify(request: PortalRequest, *, customer_id: uuid.UUID) -> HttpResponse:
    """Edit the profile."""
    details = queries.details(by=request.actor, customer_id=customer_id)
    back = reverse("customer", kwargs={"customer_id": customer_id, "tab": "profile"})
    profile = accounts_queries.first_billing_profile(by=request.actor, customer_id=customer_id)
    typed = request.POST if request.method == "POST" else _typed_before(request)
    form = ProfileForm(
        typed,
        initial=_initial(details, profile),
        actor=request.actor,
        details=details,
        refresh_url=request.path,
        import_template="",
    )
    if request.method == "POST" and htmx.targets(request, BILLING):
        return render(request, "web/form_group.html", {"form": form, "group": BILLING})
    if request.POST.get("go") == wizard_terms.CHANGE_TYPE:
        return wizard_terms.leave(
            request,
            button=wizard_terms.CHANGE_TYPE,
            country=details.tenant.country,
            type_id=form.value(wizard_terms.TYPE),
            typed=request.POST,
        )
    if request.method == "POST":
        form.is_valid()
        try:
            actions.edit_profile(
                by=request.actor,
                customer_id=customer_id,
                profile=_read(form, details),
                version=form.version,
                at=request.now,
            )
        except Refused as refusal:
            type_id = wizard_forms.read_uuid(form.value(wizard_terms.TYPE))
            form.show(wizard_terms.with_way(request.actor, refusal.fields or {"": refusal.message}, type_id=type_id))
            if refusal.code == "stale":
                shown.differences(form, stored=_initial(details, profile))
        else:
            messages.success(request, _("The profile has been saved."))
            return redirect(back)
    return render(
        request,
        "web/profile_form.html",
        {
            "page": Page(
                title=_("Modify %(name)s") % {"name": details.tenant.name},
                crumbs=[
                    *([Crumb(label=_("Customers"), url=reverse("customers"))] if request.actor.is_partner else []),
                    Crumb(label=details.tenant.name, url=back),
                ],
                narrow=True,
            ),
            "form": form,
            "back_url": back,
        },
    )


def _typed_before(request: PortalRequest) -> QueryDict | None:
    """Return what the form held when it was left to change the type, which is chosen then."""
    away = errands.returned(request)
    if away is None or away.typed is None:
        return None
    for field, made in away.chosen.items():
        away.typed[field] = made
    return away.typed


def _read(form: ProfileForm, details: queries.CustomerDetails) -> actions.Profile:
    data = {name: form.value(name) for name in form.fields}
    country = details.tenant.country
    return actions.Profile(
        name=data["company_name"],
        address=wizard_forms.read_address({**data, "country": country}, ""),
        primary_contact=wizard_reading.read_contact(data, "primary_"),
        billing_contact=wizard_reading.read_contact(data, "billing_"),
        representatives=tuple(
            wizard_reading.read_representatives({**data, "sales_count": str(inputs.MOST_REPRESENTATIVES)})
        ),
        billing_profile=billing.ProfileEntry(
            name=data["billing_profile_name"],
            bill_to=data["bill_to"],
            address=wizard_forms.read_address(data, "billing_"),
        )
        if form.billing
        else None,
        billing_version=wizard_forms.read_version(data.get("billing_version", "")),
        customer_type_id=wizard_forms.read_uuid(data.get("customer_type")),
        partner_subscription_id=wizard_forms.read_uuid(data.get("partner_subscription")),
    )


def _initial(details: queries.CustomerDetails, profile: BillingProfile | None) -> dict[str, Any]:
    customer = details.customer
    values: dict[str, Any] = {
        "version": str(customer.version),
        "company_name": details.tenant.name,
        "customer_type": str(customer.customer_type_id),
        "partner_subscription": str(customer.partner_subscription_id),
        "address_line1": customer.line1,
        "address_line2": customer.line2,
        "city": customer.city,
        "state": customer.state,
        "postal_code": customer.postal_code,
    }
    for prefix, contact in (("primary_", details.primary_contact), ("billing_", details.billing_contact)):
        if contact is not None:
            values |= {
                f"{prefix}first_name": contact.first_name,
                f"{prefix}last_name": contact.last_name,
                f"{prefix}email": contact.email,
                f"{prefix}phone_country": contact.phone_country,
                f"{prefix}phone": fields.shown_phone(contact.phone),
                f"{prefix}fax": fields.shown_phone(contact.fax),
            }
    if profile is not None:
        values |= {
            "billing_version": str(profile.version),
            "billing_profile_name": profile.name,
            "bill_to": profile.bill_to,
            "billing_address_line1": profile.line1,
            "billing_address_line2": profile.line2,
            "billing_city": profile.city,
            "billing_state": profile.state,
            "billing_postal_code": profile.postal_code,
            "billing_country": profile.country,
        }
    for number, one in enumerate(details.representatives, start=1):
        values |= {
            f"sales_{number}_name": one.name,
            f"sales_{number}_email": one.email,
            f"sales_{number}_phone": fields.shown_phone(one.phone),
        }
    return values


def _company_items(actor: Actor, details: queries.CustomerDetails) -> list[Item]:
    items = [Item(label=_("Company Name"), value=details.tenant.name)]
    if actor.is_partner:
        subscription = details.partner_subscription
        items += [
            Item(label=_("Customer Type"), value=details.customer_type.name if details.customer_type else None),
            Item(
                label=_("Partner Subscription"),
                value=f"{subscription.name} ({subscription.currency})" if subscription else None,
            ),
        ]
    items.append(Item(label=_("Country"), value=addresses.country_name(details.tenant.country)))
    return items


def _address_items(details: queries.CustomerDetails) -> list[Item]:
    customer = details.customer
    return _place_items(
        Address(
            country=details.tenant.country,
            line1=customer.line1,
            line2=customer.line2,
            city=customer.city,
            state=customer.state,
            postal_code=customer.postal_code,
        )
    )


def _billing_items(profile: BillingProfile | None) -> list[Item]:
    if profile is None:
        return []
    return [
        Item(label=_("Billing Profile Name"), value=profile.name),
        Item(label=_("Bill To"), value=profile.bill_to),
        *_place_items(billing.address_of(profile)),
        Item(label=_("Country"), value=addresses.country_name(profile.country)),
    ]


def _place_items(address: Address) -> list[Item]:
    rules = addresses.rules(country=address.country)
    items = [
        Item(label=_("Address Line 1"), value=address.line1),
        Item(label=_("Address Line 2"), value=address.line2),
        Item(label=_("City"), value=address.city),
    ]
    if address.state:
        state = addresses.state_name(country=address.country, state=address.state)
        items.append(Item(label=rules.state_label, value=state))
    items.append(Item(label=rules.postal_label, value=address.postal_code))
    return items


def _contact_items(contact: Contact | None) -> list[Item]:
    if contact is None:
        return []
    return [
        Item(label=_("Name"), value=f"{contact.first_name} {contact.last_name}"),
        Item(label=_("Email Address"), value=contact.email),
        Item(label=_("Phone Number"), value=fields.shown_phone(contact.phone)),
        Item(label=_("Fax Number"), value=fields.shown_phone(contact.fax)),
    ]
