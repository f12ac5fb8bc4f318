"""Errands: forms that are left half-filled to make a record, and found again as they were, with that record chosen."""

import html
import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from tests import factories
from tests.customers.test_types_and_terms import add_term, add_type, us_term

from msphub.accounts import errands, tasks
from msphub.accounts.choices import Role
from msphub.accounts.models import Errand, User
from msphub.customers import customer_types
from msphub.customers.customer_types import CountryTerms
from msphub.customers.models import CreditTerm, CustomerType
from msphub.kit import clock, scope

type SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db
NEW_TYPE, NEW_TERM, NEW_DISCOUNT = "/customer-types/new/", "/credit-terms/new/", "/discounts/new/"
TERM = {
    "credit_limit": "2500",
    "due_days": "14",
    "on_reach": "on_due",
    "credit_hold": "automatic",
    "go": "preview",
}


def hidden(answer: Any) -> dict[str, str]:
    """Return the hidden values of a page's form."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', answer.content.decode())
    return {name: html.unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}


def cancel(page: Any) -> str:
    """Return where Cancel leads."""
    found = re.search(r'<div class="form-foot"><a class="btn" href="([^"]+)"', page.content.decode())
    assert found is not None
    return html.unescape(found[1])


def make_term(client: Client, leaving: Any, *, name: str, country: str, currency: str) -> Any:
    """Create the credit term that an errand is for; returns the form that was left, as it is shown again."""
    values = {"id": str(uuid.uuid4()), "name": name, "country": country, "currency": currency}
    return client.get(client.post(leaving.url, TERM | values).url)


def test_errands_within_errands_come_back_one_by_one(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    """The wizard lacks a type, the type a term in three countries and a discount: back, back, nothing lost."""
    scope.enter(partner_id=world.id)
    customer_types.switch_customer_type(by=world.actor, type_id=world.customer_type.id, active=False, at=factories.NOW)
    client = sign_in(world.owner)
    step = client.get("/customers/new/").url
    to_type = client.post(step, {"company_name": "Écoles du Nord", "country": "FR", "go": "new-type"})
    form = client.get(to_type.url)
    typed = {**hidden(form), "name": "Schools", "count": "4", "country_1": "FR", "country_2": "DE", "country_3": "GB"}
    typed |= {"country_4": "US", "term_4": str(us_term(world).id)}
    address, lengths = to_type.url, []
    for number, (country, currency) in enumerate((("FR", "EUR"), ("DE", "EUR"), ("GB", "GBP")), start=1):
        to_term = client.post(address, {**typed, "go": f"new-term-{number}"})
        assert to_term.url.startswith(f"{NEW_TERM}?country={country}&errand=")
        shown = make_term(client, to_term, name=f"Net 14 {country}", country=country, currency=currency)
        scope.enter(partner_id=world.id)
        typed[f"term_{number}"] = str(CreditTerm.objects.get(name=f"Net 14 {country}").id)
        content = shown.content.decode()
        assert 'value="Schools"' in content
        for position in range(1, number + 1):
            assert f'<option value="{typed[f"term_{position}"]}" selected' in content
        address = shown.wsgi_request.get_full_path()
        lengths.append(len(address))
    assert len(set(lengths)) == 1  # an address never grows
    to_discount = client.post(address, {**typed, "go": "new-discount-4"})
    discount = {
        "id": str(uuid.uuid4()),
        "name": "Five off",
        "vendor": "microsoft",
        "country": "US",
        "category": "default",
        "valid_from": "2099-01-01",
        "percent": "5",
        "go": "save",
    }
    shown = client.get(client.post(to_discount.url, discount).url)
    assert re.search(r'<input type="checkbox" name="discounts_4"[^>]*checked', shown.content.decode())
    typed["discounts_4"] = discount["id"]
    back = client.post(shown.wsgi_request.get_full_path(), {**typed, "go": "save"})
    assert back.url.startswith(f"{step}?back_from=")
    page = client.get(back.url).content.decode()
    scope.enter(partner_id=world.id)
    made = CustomerType.objects.get(name="Schools")
    assert f'<option value="{made.id}" selected' in page
    assert 'value="Écoles du Nord"' in page
    held = customer_types.held_by(by=world.actor, type_id=made.id, at=clock.now())
    assert sorted(held) == ["DE", "FR", "GB", "US"]


def test_cancel_leads_back_to_what_was_typed_from_any_depth(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    scope.enter(partner_id=world.id)
    customer_types.switch_customer_type(by=world.actor, type_id=world.customer_type.id, active=False, at=factories.NOW)
    client = sign_in(world.owner)
    step = client.get("/customers/new/").url
    to_type = client.post(step, {"company_name": "Wingtip Toys", "country": "FR", "go": "new-type"})
    typed = {**hidden(client.get(to_type.url)), "name": "Schools", "count": "1", "country_1": "FR"}
    to_term = client.post(to_type.url, {**typed, "go": "new-term-1"})
    form = client.get(cancel(client.get(to_term.url)))
    assert 'value="Schools"' in form.content.decode()
    assert hidden(form)["id"] == typed["id"]  # still the same form: sent twice it makes one
    wizard = client.get(cancel(form))
    assert 'value="Wingtip Toys"' in wizard.content.decode()
    assert wizard.wsgi_request.path == step


def test_two_windows_of_one_form_keep_what_each_held(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    windows = {}
    for name in ("Schools", "Hospitals"):
        typed = {**hidden(client.get(NEW_TYPE)), "name": name, "count": "1", "country_1": "FR"}
        windows[name] = client.post(NEW_TYPE, {**typed, "go": "new-term-1"})
    first, second = windows.values()
    assert first.url != second.url
    for name, currency, country in (("Hospitals", "EUR", "FR"), ("Schools", "EUR", "FR")):
        shown = make_term(client, windows[name], name=f"Term of {name}", country=country, currency=currency)
        scope.enter(partner_id=world.id)
        term = CreditTerm.objects.get(name=f"Term of {name}")
        content = shown.content.decode()
        assert f'value="{name}"' in content
        assert f'<option value="{term.id}" selected' in content


def test_a_long_form_is_kept_whole(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    many = {f"country_{number}": "DE" for number in range(2, 201)}
    many |= {f"discounts_{number}": [str(uuid.uuid4()) for _each in range(4)] for number in range(2, 201)}
    typed = {**hidden(client.get(NEW_TYPE)), "name": "Schools", "count": "200", "country_1": "FR", **many}
    leaving = client.post(NEW_TYPE, {**typed, "go": "new-term-1"})
    assert len(leaving.url) < 100
    shown = client.get(cancel(client.get(leaving.url))).content.decode()
    assert 'name="country_200"' in shown
    assert 'value="Schools"' in shown


def test_signing_out_and_in_again_loses_nothing(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    typed = {**hidden(client.get(NEW_TYPE)), "name": "Schools", "count": "1", "country_1": "FR"}
    leaving = client.post(NEW_TYPE, {**typed, "go": "new-term-1"})
    client.logout()
    elsewhere = sign_in(world.owner)
    shown = make_term(elsewhere, leaving, name="Net 14", country="FR", currency="EUR")
    assert 'value="Schools"' in shown.content.decode()


def test_an_errand_is_its_persons_own(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    typed = {**hidden(client.get(NEW_TYPE)), "name": "Secret plans", "count": "1", "country_1": "FR"}
    leaving = client.post(NEW_TYPE, {**typed, "go": "new-term-1"})
    errand = leaving.url.partition("errand=")[2]
    colleague = factories.add_colleague(world, role=Role.OWNER)
    stranger = factories.make_partner(name="Other").owner
    for somebody in (colleague, stranger):
        other = sign_in(somebody)
        shown = other.get(NEW_TYPE, {"back_from": errand})
        assert "Secret plans" not in shown.content.decode()
        assert "no longer kept" in shown.content.decode()
        assert cancel(other.get(leaving.url)) == "/credit-terms/"
        values = {"id": str(uuid.uuid4()), "name": "Theirs", "country": "FR", "currency": "EUR"}
        answer = other.post(leaving.url, TERM | values)
        assert answer.url == f"/credit-terms/{values['id']}/"
        scope.enter(partner_id=world.id)
        assert Errand.objects.get(id=errand).made_id is None
        CreditTerm.objects.filter(name="Theirs").delete()


@pytest.mark.parametrize(
    "made_up",
    ["", "x", "https://evil.example/", "//evil.example/", "javascript:evil()", "0196fa2c-0000-7000-8000-000000000000"],
)
def test_no_address_leads_out_of_the_portal(world: factories.PartnerWorld, sign_in: SignIn, made_up: str) -> None:
    client = sign_in(world.owner)
    query = dict.fromkeys(("errand", "back_from", "back", "for"), made_up)
    page = client.get(NEW_TERM, query)
    assert cancel(page) == "/credit-terms/"
    values = {"id": str(uuid.uuid4()), "name": "Net 14", "country": "FR", "currency": "EUR"}
    answer = client.post(page.wsgi_request.get_full_path(), TERM | values)
    assert answer.url == f"/credit-terms/{values['id']}/"
    assert client.get(NEW_TYPE, query).status_code == 200


def test_what_is_kept_under_another_forms_address_is_not_poured_into_this_one(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    client = sign_in(world.owner)
    typed = {**hidden(client.get(NEW_TYPE)), "name": "Schools", "count": "1", "country_1": "FR"}
    errand = client.post(NEW_TYPE, {**typed, "go": "new-term-1"}).url.partition("errand=")[2]
    edit = client.get(f"/customer-types/{world.customer_type.id}/edit/?back_from={errand}").content.decode()
    assert 'value="Schools"' not in edit


def test_errands_end_and_are_forgotten(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    typed = {**hidden(client.get(NEW_TYPE)), "name": "Schools", "count": "1", "country_1": "FR"}
    leaving = client.post(NEW_TYPE, {**typed, "go": "new-term-1"})
    errand = leaving.url.partition("errand=")[2]
    scope.enter(partner_id=world.id)
    Errand.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    fresh = errands.begin(by=world.actor, page=NEW_TYPE, field="term_1", typed="name=Kept", at=clock.now())
    assert cancel(client.get(leaving.url)) == "/credit-terms/"
    shown = client.get(NEW_TYPE, {"back_from": errand}).content.decode()
    assert 'value="Schools"' not in shown
    assert "no longer kept" in shown
    tasks.forget_errands.func(str(world.id))
    scope.enter(partner_id=world.id)
    assert list(Errand.objects.values_list("id", flat=True)) == [fresh.id]


def test_the_profile_leads_to_the_type_that_lacks_terms_and_back_with_all_that_was_typed(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    customer = factories.make_customer(world, name="Wingtip Toys")
    scope.enter(partner_id=world.id)
    german = add_term(world, name="Net 30 DE", country="DE", currency="EUR")
    unfit = add_type(world, CountryTerms(country="DE", credit_term_id=german.id), name="Hospitals")
    client = sign_in(world.owner)
    address = f"/customers/{customer.id}/profile/modify/"
    page = client.get(address)
    values = {**hidden(page), **_typed(page), "company_name": "Wingtip Clinics", "customer_type": str(unfit.id)}
    refused = client.post(address, values).content.decode()
    assert "has no credit terms for United States." in html.unescape(refused)
    button = '<button type="submit" class="link-button" name="go" value="change-type" formnovalidate>'
    assert f"{button}Change the customer type</button>" in refused
    to_type = client.post(address, {**values, "go": "change-type"})
    assert to_type.url.startswith(f"/customer-types/{unfit.id}/edit/?add=US&errand=")
    edit = client.get(to_type.url)
    assert '<option value="US" selected' in edit.content.decode()
    sent = {**hidden(edit), "name": "Hospitals", "go": "save"}
    rows = int(sent["count"])
    sent |= {f"country_{rows}": "US", f"term_{rows}": str(us_term(world).id)}
    for number in range(1, rows):
        sent |= _row(edit, number)
    back = client.post(to_type.url, sent)
    assert back.url.startswith(f"{address}?back_from=")
    again = client.get(back.url)
    assert 'value="Wingtip Clinics"' in again.content.decode()
    assert f'<option value="{unfit.id}" selected' in again.content.decode()
    saved = client.post(address, {**hidden(again), **_typed(again)})
    assert saved.status_code == 302
    assert "Wingtip Clinics" in client.get(saved.url).content.decode()


def test_who_may_only_see_terms_is_shown_the_type_beside_the_profile(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    customer = factories.make_customer(world)
    scope.enter(partner_id=world.id)
    german = add_term(world, name="Net 30 DE", country="DE", currency="EUR")
    unfit = add_type(world, CountryTerms(country="DE", credit_term_id=german.id), name="Hospitals")
    client = sign_in(factories.add_colleague(world, role=Role.SALES))
    address = f"/customers/{customer.id}/profile/modify/"
    page = client.get(address)
    refused = client.post(address, {**hidden(page), **_typed(page), "customer_type": str(unfit.id)}).content.decode()
    assert f'<a href="/customer-types/{unfit.id}/" target="_blank" rel="noopener">See the customer type' in refused
    assert "change-type" not in refused


def _typed(page: Any) -> dict[str, str]:
    """Return what a browser would send back of a page's visible controls."""
    content = page.content.decode()
    sent = {}
    for tag in re.findall(r"<input (?![^>]*type=\"(?:hidden|checkbox|submit)\")[^>]*>", content):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name:
            sent[name[1]] = html.unescape(value[1]) if value else ""
    for name, options in re.findall(r'<select name="([^"]+)".*?>(.*?)</select>', content, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        sent[name] = chosen[1] if chosen else ""
    return sent


def _row(page: Any, number: int) -> dict[str, str]:
    return {name: value for name, value in _typed(page).items() if name.endswith(f"_{number}")}
