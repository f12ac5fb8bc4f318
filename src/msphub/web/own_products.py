"""Products that are not Microsoft's: the list, the form of one price, and the import from CSV."""

import csv
import hashlib
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

from msphub.accounts import queries as accounts
from msphub.catalog import own_entries, own_products, permissions, price_import, prices
from msphub.catalog.choices import Category, ImportOutcome, Plan, Term, VendorCode
from msphub.kit import addresses, money
from msphub.kit.errors import Refused
from msphub.ui import cells, grid_view, htmx
from msphub.ui import forms as ui_forms
from msphub.ui.forms import Group, Layout
from msphub.ui.grid import Column, Empty, Filter, GridPage, GridSpec
from msphub.ui.page import Action, Crumb, Page
from msphub.web import catalogue, grids, keyset, money_fields, shop, shown, wizard_forms
from msphub.web.middleware import PortalRequest
from msphub.web.wizard_forms import StepForm

MOST_SHOWN = 200
AMOUNTS = ("list_price", "cost")
OF_PRICE = ("country", "currency", "term", "billing_frequency", "list_price", "cost", "valid_from")
_OUTCOMES: dict[str, cells.Tone] = {
    ImportOutcome.SAME: "muted",
    ImportOutcome.FOLLOWS: "info",
    ImportOutcome.REPLACES: "warn",
}
VENDORS = [(str(one), one.label) for one in own_entries.VENDORS]
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


class PriceForm(StepForm):
    """One price of one SKU. Of a SKU that is there, vendor and codes stand above the form and stay."""

    widths = {
        "product": "long",
        "sku": "long",
        "description": "full",
        **dict.fromkeys(
            (
                "product_id",
                "sku_id",
                "vendor",
                "category",
                "term",
                "billing_frequency",
                "list_price",
                "cost",
                "valid_from",
            ),
            "medium",
        ),
        **dict.fromkeys(("minimum", "maximum", "unit"), "short"),
    }

    def __init__(self, *args: Any, new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._new = new
        line = wizard_forms.text_field
        if new:
            self.fields["vendor"] = forms.ChoiceField(label=_("Vendor"), choices=VENDORS, required=False)
            self.fields["product_id"] = line(
                _("Product ID"), help_text=_("Yours to choose. One that is there already: another SKU of that product.")
            )
            self.fields["sku_id"] = line(_("SKU ID"), help_text=_("Yours to choose; it can't be changed later."))
        self.fields["product"] = line(_("Product Name"))
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
        like = _("Like %(amount)s") % {"amount": money_fields.example()}
        self.fields["list_price"] = line(_("List price"), optional=not new, help_text=like)
        self.fields["cost"] = line(_("Cost"), optional=True, help_text=_("What you pay. Customers never see it."))
        self.fields["valid_from"] = line(
            _("Valid From"), optional=True, help_text=_("Empty: today."), widget=forms.DateInput(attrs={"type": "date"})
        )
        self.fields["version"] = wizard_forms.hidden_field()
        ui_forms.set_widths(self, widths=self.widths)

    @property
    def layout(self) -> Layout:  # type: ignore[override]
        """The groups; the codes only where they are still to be chosen."""
        names = ["vendor", ["product_id", "product"], ["sku_id", "sku"]] if self._new else ["product", "sku"]
        return Layout(
            Group(_("Product"), [*names, "category", "description"]),
            Group(_("Quantity"), [["unit", "minimum", "maximum"]]),
            Group(
                _("Price") if self._new else _("New price"),
                [["country", "currency"], ["term", "billing_frequency"], ["list_price", "cost"], "valid_from"],
                text=_("For one unit and the whole term: a year billed monthly at 10.00 is 120.00.")
                if self._new
                else _("For one unit and the whole term. Without a list price the prices above stay."),
            ),
        )

    def entered(self) -> dict[str, str]:
        """Return what was entered as the domain reads it: amounts with a point, whatever the viewer's language."""
        values = {name: self.value(name) for name in own_entries.COLUMNS if name in self.fields}
        for name in AMOUNTS:
            amount = money_fields.read_amount(values[name])
            if amount is not None and amount >= 0:
                values[name] = f"{amount:f}"
        return values

    def refused(self, refusal: Refused) -> None:
        """Show what was refused at its fields; how an amount is written, in the viewer's own way."""
        problems = dict(refusal.fields or {"": refusal.message})
        for name in AMOUNTS:
            if name in problems and self.value(name).strip():
                problems[name] = _("Write an amount like %(amount)s.") % {"amount": money_fields.example()}
        self.show(problems)


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
    own = accounts.subscriptions(by=request.actor, customer_id=None).filter(active=True).order_by("created_at").first()
    initial = {"category": Category.ONLINE.value, "term": Term.YEAR.value, "currency": own.currency if own else "USD"}
    return _edit(request, initial=initial, title=_("Enter a price"), sku=None)


def edit(request: PortalRequest, *, sku_id: uuid.UUID) -> HttpResponse:
    """Change a product, or give it another price; its present prices stand above."""
    sku = own_products.get_own(by=request.actor, sku_id=sku_id)
    return _edit(request, initial=sku.initial, title=sku.title, sku=sku)


def _edit(
    request: PortalRequest, *, initial: dict[str, str], title: str, sku: own_products.OwnSku | None
) -> HttpResponse:
    form = PriceForm(request.POST if request.method == "POST" else None, initial=initial, new=sku is None)
    if request.method == "POST":
        form.is_valid()
        try:
            own_products.save_price(
                by=request.actor,
                values=form.entered(),
                at=request.now,
                sku_id=sku.id if sku else None,
                version=form.version,
            )
        except Refused as refusal:
            form.refused(refusal)
            if refusal.code == "stale" and sku is not None:
                # Prices that were entered meanwhile stand in the table above; what is typed here is a further one.
                own = {name: form.value(name) for name in OF_PRICE}
                shown.differences(form, stored=sku.initial | own)
        else:
            messages.success(request, _("“%(name)s” has been saved.") % {"name": form.value("sku")})
            return redirect("own_products")
    return render(
        request,
        "web/marketplace/own_product.html",
        {
            "page": Page(
                title=title,
                subtitle=_codes(sku) if sku else "",
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


def _codes(sku: own_products.OwnSku) -> str:
    vendor = str(VendorCode(sku.initial["vendor"]).label)
    return " · ".join((vendor, sku.initial["product_id"], sku.initial["sku_id"]))


@require_POST
def set_active(request: PortalRequest, *, sku_id: uuid.UUID, verb: str) -> HttpResponse:
    """Take a product off the market, or bring it back."""
    own_products.set_active(by=request.actor, sku_id=sku_id, active=verb == "sell", at=request.now)
    messages.success(request, _("It is sold again.") if verb == "sell" else _("It is no longer sold."))
    return redirect("own_product", sku_id=sku_id)


def import_file(request: PortalRequest) -> HttpResponse:
    """Import prices from a CSV file: show what each line would do, then save every line, or nothing."""
    checked, digest, done = None, "", False
    if request.method == "POST":
        file = request.FILES.get("file")
        if file is None:
            problem = price_import.Problem(line=0, column="", message=_("Choose a file."))
            checked = price_import.Checked(lines=[], problems=[problem])
        else:
            content = file.read(price_import.MOST_BYTES + 1)
            digest = hashlib.sha256(content).hexdigest()
            # Only what was looked through is imported: a file that has changed since is shown once more.
            done = request.POST.get("checked") == digest
            if done:
                checked = price_import.import_file(by=request.actor, content=content, at=request.now)
            else:
                checked = price_import.check_file(by=request.actor, content=content, on=request.now.date())
    context = _imported(checked, done=done) | {
        "digest": digest,
        "again": bool(request.POST.get("checked")) and not done,
    }
    if htmx.targets(request, "import-result"):
        return render(request, "web/marketplace/import_result.html", context)
    return render(
        request,
        "web/marketplace/import.html",
        context
        | {
            "page": Page(
                title=_("Import products and prices"),
                crumbs=[
                    Crumb(label=_("Catalogue"), url=reverse("catalogue")),
                    Crumb(label=_("Own products"), url=reverse("own_products")),
                ],
            ),
            "required": ", ".join(own_entries.REQUIRED),
            "others": ", ".join(name for name in own_entries.COLUMNS if name not in own_entries.REQUIRED),
        },
    )


def _imported(checked: price_import.Checked | None, *, done: bool) -> dict[str, Any]:
    """Return what is shown of a file: its problems, or what each line does or has done."""
    if checked is None:
        return {"problems": [], "lines": []}
    changing = sum(one.outcome != ImportOutcome.SAME or bool(one.renames) for one in checked.lines)
    said = ngettext("%(n)s line has been imported.", "%(n)s lines have been imported.", changing)
    button = ngettext("Import %(n)s line", "Import %(n)s lines", changing)
    return {
        "problems": checked.problems[:MOST_SHOWN],
        "lines": [_import_line(one) for one in checked.lines[:MOST_SHOWN]],
        "more": max(len(checked.problems) + len(checked.lines) - MOST_SHOWN, 0),
        "changing": changing,
        "done": done and not checked.problems,
        "said": said % {"n": money.number(changing)},
        "button": button % {"n": money.number(changing)},
        "tally": [
            (str(one.label), cells.Number(count))
            for one in ImportOutcome
            if (count := sum(line.outcome == one for line in checked.lines))
        ],
    }


def _import_line(one: price_import.Line) -> dict[str, Any]:
    entry = one.entry
    return {
        "line": one.number,
        "name": entry.sku if entry.sku == entry.product else f"{entry.product}: {entry.sku}",
        "list": shop.list_words(prices.PriceList(market=entry.country, currency=entry.currency)),
        "terms": f"{prices.term_words(entry.term)}, {prices.plan_words(entry.plan)}",
        "price": shop.money(entry.list_price, entry.currency),
        "former": None if one.outcome == ImportOutcome.SAME else shop.money(one.former, entry.currency),
        "from": cells.day(entry.valid_from),
        "outcome": cells.Status(str(one.outcome.label), _OUTCOMES.get(one.outcome, "ok")),
        "renames": [_("Until now called “%(name)s”") % {"name": name} for name in one.renames],
    }


def example(request: PortalRequest) -> HttpResponse:
    """Download a file to fill in."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(own_entries.COLUMNS)
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
    writer.writerow([sample.get(name, "") for name in own_entries.COLUMNS])
    answer = HttpResponse("\ufeff" + text.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="products.csv"'
    return answer
