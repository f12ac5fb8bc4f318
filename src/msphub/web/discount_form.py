"""The form of a discount and of its versions: labels and order of product.md §3; `catalog` decides what is allowed."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from msphub.catalog.choices import CATEGORIES_OF, ONE_RATE, DiscountCategory, VendorCode
from msphub.catalog.inputs import Heading, Rates
from msphub.kit import addresses
from msphub.kit.actor import Actor
from msphub.ui.forms import Group, Layout, Width, set_refresh
from msphub.web import wizard_forms
from msphub.web.discount_rates import RatesPart
from msphub.web.wizard_forms import StepForm

HEADING, RATES = "group-discount", "group-rates"


class DiscountForm(StepForm):
    """A new discount with its first version; with `fixed`, a version of a discount that exists."""

    widths: ClassVar[Mapping[str, Width]] = {
        "name": "long",
        "vendor": "medium",
        "country": "medium",
        "category": "medium",
        "valid_from": "medium",
        "percent": "short",
    }

    def __init__(
        self,
        posted: QueryDict | None,
        *,
        by: Actor,
        initial: dict[str, Any],
        refresh_url: str,
        earliest: str,
        fixed: Heading | None = None,
        rates: Rates | None = None,
    ) -> None:
        super().__init__(posted, initial=initial)
        if fixed is None:
            self._add_heading()
            self.vendor, self.category = self.value("vendor"), self.value("category")
            if self.category not in CATEGORIES_OF.get(self.vendor, ()):
                self.category = str(next(iter(CATEGORIES_OF.get(self.vendor, ())), ""))
                self.put({"category": self.category})
        else:
            self.vendor, self.category = fixed.vendor, fixed.category
        self.fields["valid_from"] = wizard_forms.date_field(_("Valid From"))
        self.fields["valid_from"].help_text = _("It begins at midnight UTC, like Microsoft's prices.")
        self.fields["valid_from"].widget.attrs |= {"min": earliest, "aria-required": "true"}
        self.fields["percent"] = wizard_forms.text_field(
            _("Percentage"), help_text=self._percent_help(), widget=forms.TextInput(attrs={"inputmode": "decimal"})
        )
        if self.category not in ONE_RATE:
            self.fields["percent"].widget = forms.HiddenInput()
        for name in ("id", "version"):
            self.fields[name] = wizard_forms.hidden_field()
        for name, width in self.widths.items():
            if name in self.fields:
                self.fields[name].ui_width = width  # type: ignore[attr-defined]
        self.part = RatesPart(
            by=by,
            vendor=self.vendor,
            category=self.category,
            posted=None if posted is None else {name: str(value) for name, value in posted.items()},
            rates=rates,
        )
        self.refresh_url = refresh_url
        # The vendor whose categories the page offers: the drop-down is left alone unless that changes.
        self.swaps_category = fixed is None and self.value("shown_vendor") != self.vendor
        if fixed is None:
            for name in ("vendor", "category"):
                set_refresh(self, name=name, url=refresh_url, target=RATES)
                # One after the other: the last request has all that was chosen, and its answer must come last.
                self.fields[name].widget.attrs["hx-sync"] = "closest form:queue last"
        rows: list[str | list[str]] = ["valid_from"]
        if fixed is None:
            rows = ["name", ["vendor", "country"], "category", "valid_from"]
        self.layout = Layout(  # type: ignore[misc]  # depends on the form's use
            Group(
                _("Discount"),
                rows,
                id=HEADING,
                hidden_legend=True,
                after="web/discounts/update.html" if fixed is None else "",
            ),
            Group(_("Rates"), ["percent"], id=RATES, text=self._rates_text(), after="web/discounts/rates.html"),
        )

    def _add_heading(self) -> None:
        self.fields["name"] = wizard_forms.text_field(_("Discount Name"))
        self.fields["vendor"] = wizard_forms.LooseChoiceField(
            label=_("Vendor"), required=False, choices=VendorCode.choices
        )
        self.fields["country"] = wizard_forms.select_field(_("Country"), addresses.countries())
        categories = [(str(one), one.label) for one in CATEGORIES_OF.get(self.value("vendor"), ())]
        self.fields["category"] = wizard_forms.LooseChoiceField(
            label=_("Discount Category"), required=False, choices=categories
        )

    def _percent_help(self) -> str:
        return _("Of the list price, from 0 to 100; at most two decimals.")

    def _rates_text(self) -> str:
        return str(
            {
                DiscountCategory.DEFAULT: gettext_lazy("One rate for all licence products of the vendor.")
                if self.vendor == VendorCode.MICROSOFT
                else gettext_lazy("One rate for everything of this vendor."),
                DiscountCategory.AZURE_PLAN: gettext_lazy("One rate on what Azure plans use."),
                DiscountCategory.ITEMIZED: gettext_lazy(
                    "A rate for each product or SKU. A SKU's own rate beats its product's; products that are not in "
                    "the table fall back to Slab or Default."
                ),
                DiscountCategory.SLAB: gettext_lazy(
                    "A rate by the quantity bought. Bands must follow one another without gap or overlap; the last one "
                    "has no end."
                ),
                DiscountCategory.PRODUCT: gettext_lazy("A rate for each product."),
            }.get(DiscountCategory(self.category), "")
            if self.category in DiscountCategory.values
            else ""
        )

    @property
    def heading(self) -> Heading:
        """Return name, vendor, country and category as typed."""
        return Heading(
            name=self.value("name"), vendor=self.vendor, country=self.value("country"), category=self.category
        )

    def show(self, problems: Mapping[str, Any]) -> None:
        """Put messages at their fields; those of bands and table stand above the form and at their part."""
        for name, message in problems.items():
            if name in self.errors:
                continue  # what can't even be read says so already
            if name in ("bands", "items") and not self.part.problem:
                self.part.problem = str(message)
            self.add_error(name if name in self.fields else None, str(message))
