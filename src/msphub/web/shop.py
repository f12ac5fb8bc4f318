"""Whom the marketplace is open for: a customer as a buyer, or nobody yet; what its addresses carry along."""

import dataclasses
import uuid
from decimal import Decimal
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from msphub.accounts import actions as people
from msphub.accounts import queries as accounts
from msphub.catalog import prices
from msphub.catalog.choices import CustomerSegment, VendorCode
from msphub.customers import buyers
from msphub.customers.buyers import Buyer
from msphub.kit import addresses
from msphub.kit.errors import NotFound
from msphub.ui import cells
from msphub.web import wizard_forms
from msphub.web.middleware import PortalRequest

# What an address says about who buys.
PARTS = ("customer", "subscription", "account")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """The marketplace as one person sees it now."""

    buyer: Buyer | None
    price_list: prices.PriceList | None
    price_lists: tuple[prices.PriceList, ...]
    query: str

    def scope(self, vendor: str) -> prices.Scope:
        """Return whose prices of a vendor are shown."""
        if self.buyer is not None:
            return self.buyer.scope(vendor)
        chosen = self.price_list or prices.PriceList(market="", currency="")
        return prices.Scope(
            market=chosen.market, currency=chosen.currency, segments=(CustomerSegment.COMMERCIAL.value,)
        )

    @property
    def currency(self) -> str:
        """The currency that prices are shown in."""
        return self.scope(VendorCode.OWN).currency

    @property
    def title(self) -> str:
        """Whose prices these are, in words."""
        if self.buyer is not None:
            return _("Prices for %(name)s") % {"name": self.buyer.name}
        if self.price_list is None:
            return _("No prices yet")
        return _("List prices: %(list)s") % {"list": list_words(self.price_list)}

    def url(self, name: str, **arguments: object) -> str:
        """Return a page's address that stays with this buyer."""
        base = reverse(name, kwargs=arguments)
        return f"{base}?{self.query}" if self.query else base


def list_words(one: prices.PriceList) -> str:
    """Name a price list: its country and currency."""
    country = addresses.country_name(one.market) if one.market else _("Every country")
    return f"{country}, {one.currency}"


def list_key(one: prices.PriceList) -> str:
    """Return a price list as an address carries it."""
    return f"{one.market}-{one.currency}"


def open_shop(request: PortalRequest) -> Shop:
    """Read from the address who buys; a customer's users always buy for themselves.

    A made-up or another tenant's id is a 404.
    """
    actor = request.actor
    given = {name: request.POST.get(name) or request.GET.get(name) for name in (*PARTS, "list")}
    customer_id = actor.customer_id or _id(given.get("customer"))
    if customer_id is not None:
        buyer = buyers.get_buyer(
            by=actor,
            customer_id=customer_id,
            subscription_id=_id(given.get("subscription")),
            account_id=_id(given.get("account")),
        )
        return Shop(buyer=buyer, price_list=None, price_lists=(), query=query_of(buyer))
    lists = {list_key(one): one for one in _lists(request)}
    wanted = given.get("list") or ""
    if wanted in lists:
        keep(request, list=wanted)
    # Chosen before, or that of the partner's own first subscription.
    chosen = lists.get(wanted) or lists.get(preferences(request).get("list", "")) or next(iter(lists.values()), None)
    return Shop(
        buyer=None,
        price_list=chosen,
        price_lists=tuple(lists.values()),
        query=urlencode({"list": list_key(chosen)}) if chosen and wanted else "",
    )


def preferences(request: PortalRequest) -> dict[str, str]:
    """Return how the person last looked at the marketplace."""
    kept: dict[str, str] = request.viewer.preferences.get("marketplace", {})
    return kept


def keep(request: PortalRequest, **chosen: str) -> None:
    """Keep how the person looks at the marketplace from now on."""
    kept = preferences(request)
    if request.actor.user_id is not None and kept != kept | chosen:
        request.viewer.preferences["marketplace"] = kept | chosen
        people.save_preference(by=request.actor, name="marketplace", value=kept | chosen)


def query_of(buyer: Buyer) -> str:
    """Return the part of an address that says who buys."""
    parts = {"customer": str(buyer.customer_id)}
    if buyer.subscription is not None:
        parts["subscription"] = str(buyer.subscription.id)
    if buyer.account is not None:
        parts["account"] = str(buyer.account.id)
    return urlencode(parts)


def _lists(request: PortalRequest) -> tuple[prices.PriceList, ...]:
    """Return the price lists to look at without a customer: those of the partner's own subscriptions come first."""
    own = accounts.subscriptions(by=request.actor, customer_id=None).filter(active=True).order_by("created_at", "id")
    known = [prices.PriceList(market=one.country, currency=one.currency) for one in own]
    known += [one for one in prices.price_lists(by=request.actor) if one.market]
    return tuple(dict.fromkeys(known))


def _id(value: object) -> uuid.UUID | None:
    if not value:
        return None
    found = wizard_forms.read_uuid(str(value))
    if found is None:
        raise NotFound
    return found


def money(amount: Decimal | None, currency: str) -> cells.Money | None:
    """Show an amount, None where there is none."""
    return None if amount is None else cells.Money(amount, currency)
