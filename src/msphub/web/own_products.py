"""Products that are not Microsoft's: the list, the form of one price, and the import from CSV."""

import csv
import io
import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from msphub.catalog import own_products, permissions, prices
from msphub.catalog.choices import Category, Plan, Term, VendorCode
from msphub.kit import addresses, money
from msphub.kit.errors import Refused
from msphub.ui import cells, grid_view
from msphub.ui.forms import Group, Layout, UiForm
from msphub.ui.grid import Column, Empty, Filter, GridPage, GridSpec
from msphub.ui.page import Action, Crumb, Page
from msphub.web import catalogue, grids, keyset, shop, shown, wizard_forms
from msphub.web.middleware import PortalRequest

VENDORS = [(str(one), one.label) for one in own_products.VENDORS]
SPEC = GridSpec(
    name="own-products",
    noun=gettext_lazy("products"),
    noun_one=gettext_lazy("product"),
    search_label=gettext_lazy("Search products"),
    columns=[
        Column(key="sku", label=gettext_lazy("Product"), sortable=True, pinned=True),
        Column(key="vendor", label=gettext_lazy("Vendor")),
        Column(key="status", label=gettext_lazy("Status"), render=shown.active),
        Column(key="unit", label=gettext_lazy("Unit")),
        Column(key="price", label=gettext_lazy("List price"), align="end"),
        Column(key="cost", label=gettext_lazy("Cost"), align="end"),
        Column(key="terms", label=gettext_lazy("Term")),
        Column(key="count", label=gettext_lazy("Prices"), align="end"),
    ],
    filters=[Filter(key="vendor", label=gettext_lazy("Vendor"), choices=VENDORS)],
    default_sort="sku",
    empty=Empty(
        title=gettext_lazy("No products yet"),
        text=gettext_lazy("Enter your own services and other vendors' products, or import them from a CSV file."),
        icon="package",
    ),
)


class PriceForm(UiForm):
    """One price of one SKU; the ids tell whether it is a new one."""

    widths = {
        "product": "long",
        "sku": "long",
        "description": "full",
        **dict.fromkeys(("product_id", "sku_id", "vendor", "category", "term", "billing_frequency"), "medium"),
        **dict.fromkeys(("list_price", "cost", "minimum", "maximum", "valid_from", "unit"), "short"),
    }
    layout = Layout(
        Group(
            gettext_lazy("Product"), ["vendor", ["product_id", "product"], ["sku_id", "sku"], "category", "description"]
        ),
        Group(gettext_lazy("Quantity"), [["unit", "minimum", "maximum"]]),
        Group(
            gettext_lazy("Price"),
            [["country", "currency"], ["term", "billing_frequency"], ["list_price", "cost"], "valid_from"],
            text=gettext_lazy("For one unit and the whole term: a year billed monthly at 10.00 is 120.00."),
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        line = wizard_forms.text_field
        self.fields["vendor"] = forms.ChoiceField(label=_("Vendor"), choices=VENDORS, required=False)
        self.fields["product_id"] = line(
            _("Product ID"), help_text=_("Yours to choose; the same ID changes that product.")
        )
        self.fields["product"] = line(_("Product Name"))
        self.fields["sku_id"] = line(_("SKU ID"))
        self.fields["sku"] = line(_("SKU"), help_text=_("What is bought, as it stands on invoices."))
        self.fields["category"] = forms.ChoiceField(
            label=_("Category"), choices=[(str(one), one.label) for one in Category], required=False
        )
        self.fields["description"] = line(_("Description"), optional=True, widget=forms.Textarea(attrs={"rows": 2}))
        self.fields["unit"] = line(_("Unit"), optional=True)
        self.fields["minimum"] = line(_("Minimum quantity"), optional=True)
        self.fields["maximum"] = line(_("Maximum quantity"), optional=True)
        self.fields["country"] = forms.ChoiceField(
            label=_("Country"), choices=[("", _("Every country")), *addresses.countries()], required=False
        )
        self.fields["currency"] = forms.ChoiceField(label=_("Currency"), choices=money.currencies(), required=False)
        self.fields["term"] = forms.ChoiceField(
            label=_("Term"), choices=[(str(one), one.label) for one in Term], required=False
        )
        self.fields["billing_frequency"] = forms.ChoiceField(
            label=_("Billing frequency"),
            choices=[(str(one), one.label) for one in Plan if one != Plan.NONE],
            required=False,
        )
        self.fields["list_price"] = line(_("List price"), help_text=_("Like 120.00"))
        self.fields["cost"] = line(_("Cost"), optional=True, help_text=_("What you pay. Customers never see it."))
        self.fields["valid_from"] = line(
            _("Valid From"), optional=True, help_text=_("Empty: today."), widget=forms.DateInput(attrs={"type": "date"})
        )


def products(request: PortalRequest) -> HttpResponse:
    """Show the SKUs that are not Microsoft's, with what they cost."""
    may_manage = request.actor.may(permissions.MANAGE_CATALOGUE)
    state = grids.state_of(request, SPEC)
    rows, has_next, has_previous = own_products.own_page(
        by=request.actor,
        on=request.now.date(),
        vendors=state.chosen("vendor"),
        search=state.q,
        size=state.size,
        after=keyset.decode(state.after),
        before=keyset.decode(state.before),
    )
    page = catalogue.head(_("Catalogue"), "own_products")
    if may_manage:
        page = Page(
            title=page.title,
            crumbs=page.crumbs,
            tabs=page.tabs,
            action=Action(label=_("Enter a price"), url=reverse("own_product_new"), icon="plus", tone="primary"),
            actions=[Action(label=_("Import CSV"), url=reverse("own_products_import"), icon="upload")],
        )
    grid = grid_view.Grid(
        spec=SPEC,
        state=state,
        page=GridPage(
            rows=[_row(row, may_manage=may_manage) for row in rows],
            next_cursor=keyset.encode(rows[-1].sort_key, rows[-1].id) if has_next and rows else "",
            previous_cursor=keyset.encode(rows[0].sort_key, rows[0].id) if has_previous and rows else "",
        ),
    )
    return grid_view.respond(request, template="web/list.html", grid=grid, context={"page": page})


def _row(row: own_products.OwnRow, *, may_manage: bool) -> dict[str, Any]:
    name = row.sku if row.sku == row.product else f"{row.product}: {row.sku}"
    url = (
        reverse("own_product", kwargs={"sku_id": row.id})
        if may_manage
        else reverse("product", kwargs={"product_id": row.product_id})
    )
    return {
        "id": row.id,
        "url": url,
        "label": name,
        "sku": cells.Link(name, url),
        "vendor": str(VendorCode(row.vendor).label),
        "status": row.active,
        "unit": row.unit,
        "price": shop.money(row.list_price, row.currency),
        "cost": shop.money(row.cost, row.currency),
        "terms": f"{prices.term_words(row.term)}, {prices.plan_words(row.plan)}" if row.prices else None,
        "count": cells.Number(row.prices),
    }


def new(request: PortalRequest) -> HttpResponse:
    """Enter a product with its first price."""
    return _edit(request, initial={}, title=_("Enter a price"), sku=None)


def edit(request: PortalRequest, *, sku_id: uuid.UUID) -> HttpResponse:
    """Change a product, or give it another price; its present prices stand above."""
    sku = own_products.get_own(by=request.actor, sku_id=sku_id)
    return _edit(request, initial=sku.initial, title=sku.title, sku=sku)


def _edit(
    request: PortalRequest, *, initial: dict[str, str], title: str, sku: own_products.OwnSku | None
) -> HttpResponse:
    form = PriceForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST":
        form.is_valid()
        try:
            own_products.save_price(
                by=request.actor,
                values={name: request.POST.get(name, "") for name in own_products.COLUMNS},
                at=request.now,
            )
        except Refused as refusal:
            for name, message in (refusal.fields or {"": refusal.message}).items():
                form.add_error(name if name in form.fields else None, str(message))
        else:
            messages.success(request, _("The price has been saved."))
            return redirect("own_products")
    return render(
        request,
        "web/marketplace/own_product.html",
        {
            "page": Page(
                title=title,
                crumbs=[
                    Crumb(label=_("Catalogue"), url=reverse("catalogue")),
                    Crumb(label=_("Own products"), url=reverse("own_products")),
                ],
                status=shown.active(sku.active) if sku else None,
                actions=[
                    Action(
                        label=_("Stop selling") if sku.active else _("Sell again"),
                        url=reverse(
                            "own_product_active", kwargs={"sku_id": sku.id, "verb": "stop" if sku.active else "sell"}
                        ),
                        how="post",
                    )
                ]
                if sku
                else [],
                narrow=True,
            ),
            "form": form,
            "prices": [
                {
                    "list": shop.list_words(prices.PriceList(market=one.market, currency=one.currency)),
                    "terms": f"{prices.term_words(one.term)}, {prices.plan_words(one.plan)}",
                    "list_price": shop.money(one.list_price, one.currency),
                    "cost": shop.money(one.cost, one.currency),
                    "from": cells.day(one.valid_from),
                    "before": cells.day(one.valid_before) if one.valid_before else None,
                }
                for one in (sku.prices if sku else ())
            ],
        },
    )


@require_POST
def set_active(request: PortalRequest, *, sku_id: uuid.UUID, verb: str) -> HttpResponse:
    """Take a product off the market, or bring it back."""
    own_products.set_active(by=request.actor, sku_id=sku_id, active=verb == "sell", at=request.now)
    messages.success(request, _("It is sold again.") if verb == "sell" else _("It is no longer sold."))
    return redirect("own_product", sku_id=sku_id)


def import_file(request: PortalRequest) -> HttpResponse:
    """Import prices from a CSV file: every line right, or nothing saved."""
    problems: list[own_products.Problem] = []
    if request.method == "POST":
        file = request.FILES.get("file")
        if file is None:
            problems = [own_products.Problem(line=0, column="", message=_("Choose a file."))]
        else:
            content = file.read(own_products.MOST_BYTES + 1)
            saved, problems = own_products.import_file(by=request.actor, content=content, at=request.now)
            if not problems:
                words = ngettext("%(n)s price has been imported.", "%(n)s prices have been imported.", saved)
                messages.success(request, words % {"n": saved})
                return redirect("own_products")
    return render(
        request,
        "web/marketplace/import.html",
        {
            "page": Page(
                title=_("Import products and prices"),
                crumbs=[
                    Crumb(label=_("Catalogue"), url=reverse("catalogue")),
                    Crumb(label=_("Own products"), url=reverse("own_products")),
                ],
                narrow=True,
            ),
            "problems": problems[:100],
            "more": max(len(problems) - 100, 0),
            "required": ", ".join(own_products.REQUIRED),
            "others": ", ".join(name for name in own_products.COLUMNS if name not in own_products.REQUIRED),
        },
    )


def example(request: PortalRequest) -> HttpResponse:
    """Download a file to fill in."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(own_products.COLUMNS)
    sample = {
        "vendor": "own",
        "product_id": "CARE",
        "product": "Care plan",
        "sku_id": "CARE-STD",
        "sku": "Care plan Standard",
        "category": "online",
        "unit": "Users",
        "currency": "USD",
        "term": "P1Y",
        "billing_frequency": "monthly",
        "list_price": "120.00",
        "cost": "60.00",
        "minimum": "1",
        "valid_from": request.now.date().isoformat(),
    }
    writer.writerow([sample.get(name, "") for name in own_products.COLUMNS])
    answer = HttpResponse("\ufeff" + text.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="products.csv"'
    return answer
