"""The form of a customer type: its name, and a row for each country with its credit term and discounts."""

import dataclasses
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _

from msphub.catalog.choices import VendorCode
from msphub.catalog.queries import DiscountRow
from msphub.customers.customer_types import CountryTerms, Entered, Held, rate
from msphub.customers.models import CreditTerm
from msphub.kit import addresses
from msphub.ui import cells
from msphub.web import wizard_forms
from msphub.web.wizard_forms import StepForm

# More rows than there are countries are somebody else's idea of a form.
MOST_ROWS = 260
MOST_DISCOUNTS = 50


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row as it stands in the form: nothing of it is checked yet."""

    country: str = ""
    term: str = ""
    discounts: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """The whole form as it stands."""

    id: str
    version: str
    name: str
    rows: tuple[Row, ...]

    @classmethod
    def read(cls, data: QueryDict) -> "Typed":
        """Read what was posted or kept; at least one row, the most there can be."""
        asked = data.get("count", "")
        count = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1
        return cls(
            id=data.get("id", ""),
            version=data.get("version", ""),
            name=data.get("name", ""),
            rows=tuple(
                Row(
                    country=data.get(f"country_{number}", "")[:10],
                    term=data.get(f"term_{number}", "")[:60],
                    discounts=tuple(one[:60] for one in data.getlist(f"discounts_{number}")[:MOST_DISCOUNTS]),
                )
                for number in range(1, max(1, min(count, MOST_ROWS)) + 1)
            ),
        )

    @classmethod
    def of(cls, *, type_id: str, version: str, name: str, held: Sequence[Held]) -> "Typed":
        """Return the form of a type that exists."""
        rows = tuple(
            Row(country=one.country, term=str(one.term.id), discounts=tuple(str(row.id) for row in one.discounts))
            for one in held
        )
        return cls(id=type_id, version=version, name=name, rows=rows or (Row(),))

    def data(self) -> QueryDict:
        """Return it as it would be posted."""
        data = QueryDict(mutable=True)
        data["id"], data["version"], data["name"] = self.id, self.version, self.name
        data["count"] = str(len(self.rows))
        for number, row in enumerate(self.rows, start=1):
            data[f"country_{number}"], data[f"term_{number}"] = row.country, row.term
            data.setlist(f"discounts_{number}", list(row.discounts))
        return data

    def added(self, *, country: str = "") -> "Typed":
        """Return it with one more row."""
        if len(self.rows) >= MOST_ROWS:
            return self
        return dataclasses.replace(self, rows=(*self.rows, Row(country=country)))

    def removed(self, number: int) -> "Typed":
        """Return it without a row; an empty one stays when it was the last."""
        rows = tuple(row for position, row in enumerate(self.rows, start=1) if position != number)
        return dataclasses.replace(self, rows=rows or (Row(),))

    def chosen(self, *, number: int, term: str = "", discount: str = "") -> "Typed":
        """Return it with a record that was just made chosen in a row."""
        return dataclasses.replace(
            self,
            rows=tuple(
                row
                if position != number
                else dataclasses.replace(
                    row,
                    term=term or row.term,
                    discounts=tuple(dict.fromkeys([*row.discounts, *([discount] if discount else [])])),
                )
                for position, row in enumerate(self.rows, start=1)
            ),
        )

    def fitting(
        self, *, terms: Mapping[str, Sequence[CreditTerm]], discounts: Mapping[str, Sequence[DiscountRow]]
    ) -> "Typed":
        """Return it without terms and discounts of other countries than the rows', the only term of a country chosen.

        For what is shown after a country was changed; what is posted to be saved is never changed unseen.
        """
        rows = []
        for row in self.rows:
            own = [str(one.id) for one in terms.get(row.country, ())]
            fit = {str(one.id) for one in discounts.get(row.country, ())}
            term = row.term if row.term in own else (own[0] if len(own) == 1 else "")
            rows.append(
                dataclasses.replace(row, term=term, discounts=tuple(one for one in row.discounts if one in fit))
            )
        return dataclasses.replace(self, rows=tuple(rows))

    def entered(self) -> Entered:
        """Return it as the domain checks it; ids that are none are unknown ids."""
        nothing = uuid.UUID(int=0)
        return Entered(
            name=self.name,
            countries=tuple(
                CountryTerms(
                    country=row.country,
                    credit_term_id=wizard_forms.read_uuid(row.term),
                    discount_ids=tuple(wizard_forms.read_uuid(one) or nothing for one in row.discounts),
                )
                for row in self.rows
            ),
        )


class TypeForm(StepForm):
    """A customer type; shows what stands in `typed` and hangs the domain's problems on its fields."""

    def __init__(
        self,
        *,
        typed: Typed,
        terms: Mapping[str, Sequence[CreditTerm]],
        discounts: Mapping[str, Sequence[DiscountRow]],
    ) -> None:
        super().__init__(typed.data())
        self.typed = typed
        self.discounts_of = discounts
        self.fields["id"] = wizard_forms.hidden_field()
        self.fields["version"] = wizard_forms.hidden_field()
        self.fields["name"] = wizard_forms.text_field(_("Name"))
        self.fields["name"].ui_width = "long"  # type: ignore[attr-defined]
        for number, row in enumerate(typed.rows, start=1):
            self.fields[f"country_{number}"] = wizard_forms.select_field(_("Country"), addresses.countries())
            own = terms.get(row.country, ())
            self.fields[f"term_{number}"] = wizard_forms.select_field(
                _("Credit Term"),
                [(str(term.id), term.name) for term in own],
                help_text="" if own else self._no_terms(row),
            )
            self.fields[f"discounts_{number}"] = LooseMultipleChoiceField(
                label=_("Discounts"),
                required=False,
                widget=forms.CheckboxSelectMultiple,
                choices=[(str(one.id), one.name) for one in self._offered(row)],
            )
            for name in (f"country_{number}", f"term_{number}"):
                self.fields[name].ui_width = "medium"  # type: ignore[attr-defined]

    def put_version(self, version: str) -> None:
        """Let the next Save count as having seen this version."""
        self.typed = dataclasses.replace(self.typed, version=version)
        self.data = self.typed.data()

    @staticmethod
    def _no_terms(row: Row) -> str:
        if not row.country:
            return _("Choose the country first.")
        return _("There is no credit term for this country yet.")

    def _offered(self, row: Row) -> Sequence[DiscountRow]:
        order = [vendor.value for vendor in VendorCode]
        return sorted(self.discounts_of.get(row.country, ()), key=lambda one: order.index(one.vendor))

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The rows with their fields, discounts grouped by vendor."""
        found = []
        for number, row in enumerate(self.typed.rows, start=1):
            bound = self[f"discounts_{number}"]
            groups: dict[str, list[dict[str, Any]]] = {}
            for one, option in zip(self._offered(row), bound.subwidgets, strict=True):
                groups.setdefault(str(one.vendor.label), []).append(
                    {"widget": option, "name": one.name, "about": f"{one.category.label}, {_rates(one)}"}
                )
            found.append(
                {
                    "number": number,
                    "legend": addresses.country_name(row.country)
                    if row.country
                    else _("Country %(n)s") % {"n": number},
                    "country": self[f"country_{number}"],
                    "code": row.country if row.country in addresses.country_codes() else "",
                    "term": self[f"term_{number}"],
                    "discounts": bound,
                    "groups": list(groups.items()),
                }
            )
        return found


def _rates(one: DiscountRow) -> str:
    """Return what holds, or what comes and when while nothing holds yet."""
    if one.in_force is None and one.coming is not None:
        day = cells.day(one.coming.valid_from)
        return _("%(rate)s from %(day)s") % {"rate": rate(one.coming), "day": day.shown if day else ""}
    return rate(one.in_force)


class LooseMultipleChoiceField(forms.MultipleChoiceField):
    """Several choices whose values the domain checks, with a message that fits."""

    def valid_value(self, value: object) -> bool:  # noqa: ARG002 - Django passes it
        """Let every value through to the domain."""
        return True
