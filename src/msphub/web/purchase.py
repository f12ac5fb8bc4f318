"""From a customer to its purchase page (C-18): the dialog *CSP Accounts*, and whom something in hand is for."""

import uuid
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from msphub.accounts.choices import Status
from msphub.catalog import permissions
from msphub.customers import buyers, queries
from msphub.customers.buyers import Buyer
from msphub.kit.errors import NotFound
from msphub.ui import htmx
from msphub.ui.forms import UiForm
from msphub.ui.page import Crumb, Page
from msphub.web import shop, wizard_forms
from msphub.web.middleware import PortalRequest

# What somebody had in hand when the customer was asked for.
IN_HAND = ("product", "sku", "term", "plan", "quantity")
MOST_FOUND = 20


class BuyerForm(UiForm):
    """The two that must be chosen: what is billed, and what Microsoft's products go to."""

    widths = {"subscription": "full", "account": "full"}

    def __init__(self, *args: Any, buyer: Buyer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["subscription"] = forms.ChoiceField(
            label=_("Subscription"),
            choices=[("", _("Choose a subscription")), *((str(one.id), one.name) for one in buyer.subscriptions)],
            required=False,
            help_text=_("What is bought under it comes on its own invoice."),
        )
        self.fields["account"] = forms.ChoiceField(
            label=_("CSP account"),
            choices=[
                ("", _("Choose a CSP account") if buyer.accounts else _("No CSP account")),
                *((str(one.id), f"{one.domain} ({one.state.label})") for one in buyer.accounts),
            ],
            required=False,
            disabled=not buyer.accounts,
            help_text=_("The Microsoft tenant that Microsoft products are for.")
            if buyer.accounts
            else _(
                "This customer has no CSP account, so only products of other vendors are offered. "
                "One is added on its CSP Accounts tab."
            ),
        )
        for name in ("subscription", "account"):
            self.fields[name].widget.attrs["aria-required"] = "true"
        self._buyer = buyer

    def clean(self) -> dict[str, Any] | None:
        """Ask for both; without any CSP account only for the subscription."""
        data = super().clean()
        if not self.cleaned_data.get("subscription") and "subscription" not in self.errors:
            self.add_error("subscription", _("Choose the subscription that is billed."))
        if self._buyer.accounts and not self.cleaned_data.get("account") and "account" not in self.errors:
            self.add_error("account", _("Choose the CSP account that the products are for."))
        return data


def purchase(request: PortalRequest, *, customer_id: uuid.UUID) -> HttpResponse:
    """Ask for subscription and CSP account in the dialog, then open the purchase page with both."""
    buyer = buyers.get_buyer(by=request.actor, customer_id=customer_id)
    in_hand = {name: request.GET[name][:60] for name in IN_HAND if request.GET.get(name)}
    reasons = buyers.reasons_not(by=request.actor, buyer=buyer)
    form = BuyerForm(request.POST if request.method == "POST" and not reasons else None, buyer=buyer)
    if form.is_bound and form.is_valid():
        parts = {"customer": str(customer_id), "subscription": form.cleaned_data["subscription"]}
        if form.cleaned_data.get("account"):
            parts["account"] = form.cleaned_data["account"]
        return htmx.go(request, _next(parts, in_hand))
    back = reverse("customer", kwargs={"customer_id": customer_id, "tab": "products"})
    return render(
        request,
        "web/marketplace/accounts_dialog.html",
        {
            "page": Page(title=_("CSP Accounts"), crumbs=[Crumb(label=buyer.name, url=back)], narrow=True),
            "form": form,
            "buyer": buyer,
            "against": [str(one.message) for one in reasons],
            "action_url": f"{request.path}?{urlencode(in_hand)}" if in_hand else request.path,
            "back_url": back,
        },
    )


def purchase_for(request: PortalRequest) -> HttpResponse:
    """Ask which customer something in hand is for."""
    request.actor.require_partner(permissions.PURCHASE)
    in_hand = {name: request.GET[name][:60] for name in IN_HAND if request.GET.get(name)}
    typed = " ".join((request.GET.get("q") or "")[:200].split())
    found = queries.customers_page(
        by=request.actor,
        narrowed=queries.CustomerFilter(search=typed, statuses=(Status.ACTIVE,)),
        size=MOST_FOUND,
    )
    context = {
        "page": Page(
            title=_("Who is it for?"),
            subtitle=_("Choose the customer that buys; then its subscription and CSP account."),
            crumbs=[Crumb(label=_("Marketplace"), url=reverse("marketplace"))],
            narrow=True,
        ),
        "q": typed,
        "hidden": list(in_hand.items()),
        "customers": [
            {
                "name": row.name,
                "country": row.country,
                "url": reverse("purchase", kwargs={"customer_id": row.id})
                + (f"?{urlencode(in_hand)}" if in_hand else ""),
            }
            for row in found.rows
        ],
        "more": found.has_next,
    }
    template = "web/marketplace/found.html" if htmx.targets(request, "found") else "web/marketplace/for.html"
    return render(request, template, context)


def start(request: PortalRequest, *, customer_id: uuid.UUID) -> HttpResponse:
    """Go straight to a customer's purchase page (the Products tab's *Purchase*)."""
    buyer = buyers.get_buyer(by=request.actor, customer_id=customer_id)
    return htmx.go(request, f"{reverse('marketplace')}?{shop.query_of(buyer)}")


def _next(parts: dict[str, str], in_hand: dict[str, str]) -> str:
    """Return where it goes on: to the product in hand with what was chosen of it, else to the list."""
    product_id = wizard_forms.read_uuid(in_hand.get("product"))
    if in_hand and product_id is None:
        raise NotFound
    if product_id is None:
        return f"{reverse('marketplace')}?{urlencode(parts)}"
    chosen = {name: value for name, value in in_hand.items() if name != "product"}
    return f"{reverse('product', kwargs={'product_id': product_id})}?{urlencode(parts | chosen)}"
