"""What the forms of these pages are built of: fields, addresses by country, and a form that the domain judges.

No field is required here: the domain names what is missing, so that form, API and job say the same.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy

from msphub.kit import addresses, fields
from msphub.kit.addresses import Address
from msphub.ui.forms import UiForm, Width

type Data = Mapping[str, Any]
type Choices = Sequence[tuple[str, Any]]


def text_field(label: Any, *, optional: bool = False, help_text: Any = "", **options: Any) -> forms.CharField:
    """Return a line of text; optional ones say so in their help, never in their label."""
    words = help_text or (gettext_lazy("Optional") if optional else "")
    field = forms.CharField(label=label, required=False, strip=False, help_text=words, **options)
    if not optional:
        field.widget.attrs["aria-required"] = "true"
    return field


def select_field(label: Any, choices: Choices, *, help_text: Any = "") -> forms.ChoiceField:
    """Return a native drop-down with an empty first entry. Foreign values are refused by the domain, not here."""
    field = LooseChoiceField(
        label=label, required=False, help_text=help_text, choices=[("", gettext_lazy("Choose…")), *choices]
    )
    field.widget.attrs["aria-required"] = "true"
    return field


class LooseChoiceField(forms.ChoiceField):
    """A drop-down whose value the domain checks, with a message that fits."""

    def valid_value(self, value: object) -> bool:  # noqa: ARG002 - Django passes it
        """Let every value through to the domain."""
        return True


def hidden_field() -> forms.CharField:
    """Return a value that travels with the form unseen."""
    return forms.CharField(required=False, widget=forms.HiddenInput)


def date_field(label: Any) -> forms.DateField:
    """Return a day, picked or typed; the domain says what is wrong with it."""
    return forms.DateField(
        label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


def calling_code_field() -> forms.ChoiceField:
    """Return the Country Code of a contact: one for phone and fax."""
    names = dict(addresses.countries())
    choices = sorted(
        ((region, f"{names.get(region, region)} ({code})") for region, code in fields.calling_codes()),
        key=lambda pair: pair[1],
    )
    return LooseChoiceField(
        label=gettext_lazy("Country Code"),
        required=False,
        help_text=gettext_lazy("Optional. For phone and fax."),
        choices=[("", gettext_lazy("As the company")), *choices],
    )


def add_address(form: forms.Form, *, prefix: str, country: str) -> None:
    """Add an address's fields as the country has them; names and order stay, labels and values follow the country."""
    form.fields[f"{prefix}address_line1"] = text_field(gettext_lazy("Address Line 1"))
    form.fields[f"{prefix}address_line2"] = text_field(gettext_lazy("Address Line 2"), optional=True)
    form.fields[f"{prefix}city"] = text_field(gettext_lazy("City"))
    try:
        rules = addresses.rules(country=country or "US")
    except ValueError:
        rules = addresses.rules(country="US")
    if rules.states:
        states = sorted(rules.states.items(), key=lambda pair: pair[1]) if country else []
        words = "" if country else gettext_lazy("Choose the country first.")
        form.fields[f"{prefix}state"] = select_field(rules.state_label, states, help_text=words)
    elif rules.state_used:
        form.fields[f"{prefix}state"] = text_field(rules.state_label, optional=not rules.state_required)
    if rules.postal_used:
        form.fields[f"{prefix}postal_code"] = text_field(rules.postal_label, optional=not rules.postal_required)


ADDRESS_WIDTHS: dict[str, Width] = {"city": "medium", "state": "medium", "postal_code": "short"}
ADDRESS_TOKENS = {
    "address_line1": "address-line1",
    "address_line2": "address-line2",
    "city": "address-level2",
    "state": "address-level1",
    "postal_code": "postal-code",
}


def address_rows(prefix: str) -> list[str | list[str]]:
    """Return an address's rows in product.md's order."""
    return [
        f"{prefix}address_line1",
        f"{prefix}address_line2",
        [f"{prefix}city", f"{prefix}state", f"{prefix}postal_code"],
    ]


class StepForm(UiForm):
    """A step: shows what was typed, takes what is posted, and hangs the domain's problems on their fields."""

    widths: ClassVar[Mapping[str, Width]] = {}
    # Names of controls that come and go with another's value: what is typed in one is kept when it goes.
    passing: ClassVar[re.Pattern[str]] = re.compile(r"(?!)")

    def show(self, problems: Mapping[str, Any]) -> None:
        """Put messages at their fields; one without a field here stands above the form."""
        for name, message in problems.items():
            # str() keeps a text that is safe HTML already; Django's ValidationError takes it as it is.
            self.add_error(name if name in self.fields else None, str(message))

    def value(self, name: str) -> str:
        """Return a value as it stands in the form: typed, or kept in the draft."""
        found = self.data.get(self.add_prefix(name)) if self.is_bound else self.initial.get(name)
        return str(found or "")

    @property
    def version(self) -> int:
        """The version of the record that the form was filled from, 0 when it says none."""
        return read_version(self.value("version"))

    def put(self, values: Mapping[str, str]) -> None:
        """Set values, in what was posted or in what is shown."""
        if self.is_bound:
            self.data = as_query({**self.data.dict(), **values})  # type: ignore[attr-defined]
        else:
            self.initial = {**self.initial, **values}

    def kept(self) -> dict[str, str]:
        """Return what the draft keeps: every control's value as typed, also those that are not asked for just now.

        A control that was not on the page when it was posted keeps its former value; an unticked box posts nothing.
        When a country or a choice changes, the page still posts the controls that belong to the former one.
        """
        former = {name: str(value) for name, value in self.initial.items() if isinstance(value, str)}
        posted = {
            name: str(self.data.get(name) or "")
            for name, field in self.fields.items()
            if name in self.data or isinstance(field.widget, forms.CheckboxInput)
        }
        gone = {
            name: str(self.data.get(name) or "")
            for name in self.data
            if name not in self.fields and self.passing.fullmatch(name)
        }
        return {name: value.translate(_STORABLE) for name, value in (former | gone | posted).items()}


# PostgreSQL stores every character but NUL. Another control character in its place is refused at its field as all are.
_STORABLE = {0: 1}


def read_address(data: Data, prefix: str) -> Address:
    """Turn an address's values into an address."""
    return Address(
        country=line(data, f"{prefix}country"),
        line1=line(data, f"{prefix}address_line1"),
        line2=line(data, f"{prefix}address_line2"),
        city=line(data, f"{prefix}city"),
        state=line(data, f"{prefix}state"),
        postal_code=line(data, f"{prefix}postal_code"),
    )


def as_query(values: Mapping[str, Any]) -> QueryDict:
    """Return kept values as if they had been posted, so that a form shows messages at them."""
    query = QueryDict(mutable=True)
    for name, value in values.items():
        if not isinstance(value, dict):
            query[name] = str(value)
    return query


def read_version(value: str) -> int:
    """Return the version of a record that a form was filled from, 0 for none."""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0


def read_uuid(value: Any) -> uuid.UUID | None:
    """Return an id that was posted, or None when it is none."""
    try:
        return uuid.UUID(str(value))
    except ValueError:
        return None


def line(data: Data, name: str) -> str:
    """Return a value as it was typed, "" for none."""
    return str(data.get(name) or "")
