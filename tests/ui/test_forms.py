"""Fields: exact labels, errors at the field, layouts, widths, autocomplete."""

import re

import pytest
from django import forms
from django.template import Context, Template

from msphub.ui.forms import FormLink, Group, Layout, UiForm, errors, set_autocomplete, set_check, set_widths
from msphub.ui.templatetags import ui

LOAD = "{% load ui %}"


class AddressForm(UiForm):
    company = forms.CharField(label="Company Name", help_text="As registered")
    zip_code = forms.CharField(label="ZIP Code")
    line_2 = forms.CharField(label="Address Line 2", required=False)
    same = forms.BooleanField(label="Same as company address", required=False)
    how = forms.ChoiceField(label="Account", choices=[("a", "Existing"), ("b", "New")], widget=forms.RadioSelect)
    country = forms.ChoiceField(label="Country", choices=[("US", "United States")])
    secret = forms.CharField(widget=forms.HiddenInput, required=False)
    widths = {"zip_code": "short"}
    autocomplete = {"zip_code": "postal-code"}
    layout = Layout(
        Group("Company", ["company", "country"], link=FormLink("Import contact info", name="import_contact")),
        Group("Address & more", [["zip_code", "line_2"], "unknown", "same"], id="address"),
        Group("Microsoft", ["how"]),
    )


def render(form: forms.BaseForm, source: str = "{% form_fields form %}") -> str:
    return Template(LOAD + source).render(Context({"form": form}))


@pytest.mark.parametrize("name", ["company", "zip_code", "line_2", "same", "country"])
def test_label_element_holds_the_label_and_nothing_else(name: str) -> None:
    form = AddressForm()
    html = str(ui.field(form[name]))
    assert re.findall(r"<label[^>]*>(.*?)</label>", html, re.DOTALL) == [str(form[name].label)]
    assert f'for="id_{name}"' in html


def test_radios_are_a_fieldset_with_the_label_as_legend() -> None:
    html = str(ui.field(AddressForm()["how"]))
    assert "<legend>Account</legend>" in html
    assert re.findall(r"<label[^>]*>(.*?)</label>", html, re.DOTALL) == ["Existing", "New"]


def test_choice_is_a_native_select() -> None:
    assert "<select" in str(ui.field(AddressForm()["country"]))


def test_error_stands_at_the_field_and_is_announced_with_it() -> None:
    form = AddressForm({"company": ""})
    html = str(ui.field(form["company"]))
    assert 'aria-invalid="true"' in html
    described = re.search(r'aria-describedby="([^"]*)"', html)
    assert described is not None
    for name in described[1].split():
        assert f'id="{name}"' in html
    assert described[1] == "id_company_helptext id_company_error"


def test_summary_links_each_error_to_its_control() -> None:
    form = AddressForm({"company": ""})
    html = render(form)
    assert 'role="alert"' in html
    for name, _label, _message in errors(form):
        assert f'href="#{name}"' in html
        assert f'id="{name}"' in html
    assert '<a href="#id_how_0">Account</a>' in html


def test_summary_is_absent_without_errors() -> None:
    assert "error-summary" not in render(AddressForm())


def test_values_and_labels_are_escaped() -> None:
    html = render(AddressForm({"company": "<b>x</b>"}))
    assert "<b>x</b>" not in html


def test_layout_makes_fieldsets_rows_and_links() -> None:
    html = render(AddressForm())
    assert re.findall(r"<legend class=\"\">(.*?)</legend>", html) == ["Company", "Address &amp; more", "Microsoft"]
    assert 'id="group-company"' in html
    assert 'id="address"' in html
    assert 'name="import_contact"' in html
    assert html.index("row-fields") < html.index("id_zip_code")
    assert 'type="hidden" name="secret"' in html


def test_one_group_can_be_rendered_for_a_swap() -> None:
    html = render(AddressForm(), '{% form_group form "address" %}')
    assert "ZIP Code" in html
    assert "Company Name" not in html


def test_form_without_layout_shows_every_field() -> None:
    class Plain(forms.Form):
        first = forms.CharField(label="First Name")
        last = forms.CharField(label="Last Name")

    html = render(Plain())
    assert "First Name" in html
    assert "Last Name" in html


def test_width_and_autocomplete_reach_the_markup() -> None:
    html = str(ui.field(AddressForm()["zip_code"]))
    assert "w-short" in html
    assert 'autocomplete="postal-code"' in html
    assert "w-tiny" in str(ui.field(AddressForm()["zip_code"], width="tiny"))


def test_autocomplete_takes_a_section() -> None:
    form = AddressForm()
    set_autocomplete(form, tokens={"company": "organization", "line_2": "off"}, section="section-billing")
    assert form.fields["company"].widget.attrs["autocomplete"] == "section-billing organization"
    assert form.fields["line_2"].widget.attrs["autocomplete"] == "off"


def test_one_form_leaves_the_next_alone() -> None:
    set_check(AddressForm(), name="company", url="/check/")
    assert "hx-get" not in str(ui.field(AddressForm()["company"]))


def test_unknown_width_is_refused() -> None:
    with pytest.raises(ValueError, match="huge"):
        set_widths(AddressForm(), widths={"company": "huge"})  # type: ignore[dict-item]


def test_live_check_has_a_place_to_answer() -> None:
    form = AddressForm()
    set_check(form, name="company", url="/check/")
    html = str(ui.field(form["company"]))
    assert 'hx-target="#id_company_check"' in html
    assert 'id="id_company_check" role="status"' in html
