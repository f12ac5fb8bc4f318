"""Pages of customer types and credit terms over HTTP, without script; what they cost, and who sees them."""

import csv
import html
import io
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import translation
from openpyxl import load_workbook
from tests import factories
from tests.customers.test_types_and_terms import add_discount, add_term, add_type, us_term

from msphub.accounts.choices import Role
from msphub.accounts.models import User
from msphub.customers import customer_types
from msphub.customers.customer_types import CountryTerms
from msphub.customers.models import CreditTerm, CustomerType, CustomerTypeTerm
from msphub.kit import scope
from msphub.web import money_fields

type SignIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db
TERM = {
    "name": "Net 14",
    "country": "US",
    "credit_limit": "2,500.50",
    "currency": "USD",
    "due_days": "14",
    "on_reach": "on_due",
    "credit_hold": "automatic",
    "go": "preview",
}


@pytest.fixture(autouse=True)
def _no_counted_sign_ins() -> None:
    cache.clear()


def text_of(answer: Any) -> str:
    """Return a page's words, its markup taken away."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def hidden(answer: Any) -> dict[str, str]:
    """Return the hidden values of a page's form."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', answer.content.decode())
    return {name: html.unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}


def test_a_credit_term_is_created_shown_and_listed(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    page = client.get("/credit-terms/new/?country=DE")
    labels = re.findall(r"<label[^>]*>([^<]+)</label>", page.content.decode())
    assert labels == [
        *("Name", "Country", "Credit Limit", "Currency", "Due Period"),
        *("On Reach of Credit Limit", "Put Account on Credit Hold"),
    ]
    assert '<option value="EUR" selected>' in page.content.decode()
    form = {"id": re.search(r'name="id" value="([^"]+)"', page.content.decode())[1]}  # type: ignore[index]
    for _click in range(2):
        answer = client.post("/credit-terms/new/", TERM | form)
        assert answer.url == f"/credit-terms/{form['id']}/"
    shown = text_of(client.get(answer.url))
    for words in ("Net 14", "United States", "$2,500.50", "14 days", "On Invoice Due Date", "Automatic"):
        assert words in shown
    assert "No customer type uses it." in shown
    assert "Net 14" in text_of(client.get("/credit-terms/?q=net&country=US"))
    assert "No credit terms match" in text_of(client.get("/credit-terms/?country=DE"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"credit_limit": "a lot"}, "Enter an amount such as 1,234.50."),
        ({"credit_limit": "-5"}, "Enter an amount from 0 up."),
        ({"credit_limit": "1.234,50"}, "Enter an amount such as 1,234.50."),
        ({"credit_limit": "1e5"}, "Enter an amount such as 1,234.50."),
        ({"credit_limit": "10.001"}, "USD amounts have at most 2 decimals."),
        ({"credit_limit": "9" * 30}, "At most 999,999,999,999.99."),
        ({"due_days": "14.5"}, "Enter whole days from 0 to 365."),
        ({"due_days": "-1"}, "Enter whole days from 0 to 365."),
        ({"due_days": "366"}, "Enter whole days from 0 to 365."),
        ({"due_days": "٣٠"}, "Enter whole days from 0 to 365."),
        ({"name": "x" * 10_000}, "At most 100 characters; this has 10000."),
        ({"name": "Net\x0014"}, "Remove the invisible control characters."),
        ({"name": "net 30 us"}, "Another credit term has this name."),
        ({"country": "ZZ"}, "Choose a country."),
        ({"on_reach": "never"}, "Choose what happens when the limit is reached."),
    ],
)
def test_a_wrong_credit_term_is_told_at_its_field(
    world: factories.PartnerWorld, sign_in: SignIn, values: dict[str, str], message: str
) -> None:
    answer = sign_in(world.owner).post("/credit-terms/new/", TERM | values)
    assert answer.status_code == 200
    assert message in text_of(answer)
    if "due_days" in values:
        assert '<ul class="field-errors" id="id_due_days_error">' in answer.content.decode()
    scope.enter(partner_id=world.id)
    assert CreditTerm.objects.count() == 1


def test_amounts_are_read_and_shown_in_the_viewers_language() -> None:
    with translation.override("de"):
        assert str(money_fields.read_amount("1.234,50")) == "1234.50"
        assert money_fields.read_amount("1,234.50") is None
        assert money_fields.plain(money_fields.read_amount("2500,5") or 0) == "2.500,5"  # type: ignore[arg-type]
    assert money_fields.read_amount("NaN") is None


def test_changing_a_used_term_shows_whom_it_hits_before_it_is_saved(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    factories.make_customer(world)
    term = us_term(world)
    client = sign_in(world.owner)
    edit = f"/credit-terms/{term.id}/edit/"
    values = {**TERM, "name": term.name, "credit_limit": "10,000", "on_reach": "no_action", "credit_hold": "manual"}
    preview = client.post(edit, {**values, "due_days": "60", "version": "1"})
    shown = text_of(preview)
    assert "Due Period 30 days 60 days" in shown
    assert "Issued invoices keep their due date" in shown
    assert "Standard Active 1 customer" in shown
    scope.enter(partner_id=world.id)
    assert CreditTerm.objects.get(id=term.id).due_days == 30
    back = client.post(edit, hidden(preview) | {"go": "back"})
    assert 'value="60"' in back.content.decode()
    assert client.post(edit, hidden(preview) | {"go": "save"}).url == f"/credit-terms/{term.id}/"
    scope.enter(partner_id=world.id)
    assert CreditTerm.objects.get(id=term.id).due_days == 60
    stale = client.post(edit, {**values, "due_days": "90", "version": "1"})
    assert "Due Period: saved meanwhile “60”, here “90”" in text_of(stale)
    assert 'name="version" value="2"' in stale.content.decode()
    refused = client.post(f"/credit-terms/{term.id}/delete/", follow=True)
    assert "Customer types use it: Standard." in text_of(refused)


def test_a_type_form_begins_with_one_empty_row_and_works_without_script(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    canada = add_term(world, name="Net 14 CA", country="CA", currency="CAD")
    discount = add_discount(world, name="Five off", percent="5")
    client = sign_in(world.owner)
    page = client.get("/customer-types/new/")
    assert page.content.decode().count('<select name="country_') == 1
    kept = hidden(page)
    assert kept["count"] == "1"
    shown = client.post("/customer-types/new/", {**kept, "name": "Schools", "country_1": "US", "go": "refresh"})
    words = text_of(shown)
    assert "Net 30 US" in words
    assert "Five off Default, 5 %" in words
    assert "Net 14 CA" not in words
    assert f'value="{us_term(world).id}" selected' in shown.content.decode()  # the only one of the country
    two = {**kept, "name": "Schools", "country_1": "US", "term_1": str(us_term(world).id), "go": "add"}
    page = client.post("/customer-types/new/", two)
    assert hidden(page)["count"] == "2"
    assert 'value="Schools"' in page.content.decode()
    page = client.post("/customer-types/new/", {**two, "count": "2", "country_2": "CA", "go": "remove-1"})
    assert (hidden(page)["count"], '<option value="CA" selected' in page.content.decode()) == ("1", True)
    full = {
        **two,
        "count": "2",
        "country_2": "CA",
        "term_2": str(canada.id),
        "discounts_1": [str(discount.id)],
        "go": "save",
    }
    for _click in range(2):
        answer = client.post("/customer-types/new/", full)
        assert answer.url == f"/customer-types/{kept['id']}/"
    shown_type = text_of(client.get(answer.url))
    for words in ("United States", "Net 30 US", "Five off", "Canada", "Net 14 CA", "0 customers"):
        assert words in shown_type
    scope.enter(partner_id=world.id)
    assert CustomerTypeTerm.objects.filter(customer_type_id=kept["id"]).count() == 2


def test_wrong_rows_are_told_where_they_stand(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    term = us_term(world)
    client = sign_in(world.owner)
    base = {"id": str(uuid.uuid4()), "name": "Schools", "count": "2", "go": "save"}
    row = {"country_1": "US", "term_1": str(term.id)}
    for values, message in (
        ({**row, "country_2": "US", "term_2": str(term.id)}, "United States stands here twice"),
        ({**row, "country_2": "", "term_2": ""}, "Choose a country."),
        ({**row, "country_2": "DE", "term_2": str(term.id)}, "Choose a credit term of Germany."),
        ({**row, "country_2": "DE", "term_2": "not-an-id"}, "Choose a credit term of Germany."),
        ({**row, "count": "1", "discounts_1": ["not-an-id"]}, "Choose discounts of United States."),
        ({**row, "count": "1", "name": "STANDARD"}, "Another customer type has this name."),
        ({**row, "count": "1", "name": "S" * 10_000}, "At most 100 characters"),
    ):
        answer = client.post("/customer-types/new/", {**base, **values})
        assert (answer.status_code, message in text_of(answer)) == (200, True), message
    scope.enter(partner_id=world.id)
    assert CustomerType.objects.count() == 1


def test_a_missing_term_and_discount_are_made_on_the_way_and_come_back_chosen(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    client = sign_in(world.owner)
    kept = hidden(client.get("/customer-types/new/"))
    typed = {**kept, "name": "Écoles", "count": "2", "country_1": "US", "term_1": str(us_term(world).id)}
    leaving = client.post("/customer-types/new/", {**typed, "country_2": "FR", "go": "new-term-2"})
    assert leaving.url.startswith("/credit-terms/new/?country=FR&errand=")
    form = client.get(leaving.url).content.decode()
    assert '<option value="FR" selected' in form
    assert '<option value="EUR" selected' in form
    made = client.post(leaving.url, {**TERM, "id": str(uuid.uuid4()), "country": "FR", "currency": "EUR"})
    page = client.get(made.url)
    content = page.content.decode()
    scope.enter(partner_id=world.id)
    term = CreditTerm.objects.get(name="Net 14")
    assert f'<option value="{term.id}" selected' in content
    assert 'value="Écoles"' in content
    assert hidden(page)["id"] == kept["id"]
    leaving = client.post(made.url, {**typed, "country_2": "FR", "term_2": str(term.id), "go": "new-discount-1"})
    assert leaving.url.startswith("/discounts/new/?country=US&errand=")
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
    back = client.post(leaving.url, discount)
    content = client.get(back.url).content.decode()
    assert re.search(r'<input type="checkbox" name="discounts_1"[^>]*checked', content)
    assert f'<option value="{term.id}" selected' in content


def test_what_a_change_would_do_is_told_before_it_is_saved(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    for _each in range(2):
        factories.make_customer(world)
    kind = world.customer_type
    term, longer = us_term(world), add_term(world, name="Net 60", due_days=60)
    discount = add_discount(world, name="Five off", percent="5")
    client = sign_in(world.owner)
    edit = f"/customer-types/{kind.id}/edit/"
    page = client.get(edit)
    assert f'<option value="{term.id}" selected' in page.content.decode()
    values = {
        **hidden(page),
        "name": "Standard",
        "country_1": "US",
        "term_1": str(longer.id),
        "discounts_1": [str(discount.id)],
    }
    preview = client.post(edit, {**values, "go": "preview"})
    words = text_of(preview)
    assert "2 customers will pay 5 % less from today." in words
    assert "Due Period 30 days 60 days" in words
    assert "Credit Limit $10,000.00 $2,500.50" in words
    scope.enter(partner_id=world.id)
    assert CustomerTypeTerm.objects.get(customer_type=kind).credit_term_id == term.id
    assert client.post(edit, {**values, "go": "save"}).url == f"/customer-types/{kind.id}/"
    scope.enter(partner_id=world.id)
    assert CustomerTypeTerm.objects.get(customer_type=kind).credit_term_id == longer.id
    stale = client.post(edit, {**values, "term_1": str(term.id), "go": "preview"})
    assert "Credit Term, United States: saved meanwhile “Net 60”, here “Net 30 US”" in text_of(stale)
    assert hidden(stale)["version"] == "2"


def test_removing_a_country_with_customers_is_refused_with_the_way_to_them(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    customer = factories.make_customer(world, name="Lakeside Ltd")
    canada = add_term(world, name="Net 14 CA", country="CA")
    client = sign_in(world.owner)
    edit = f"/customer-types/{world.customer_type.id}/edit/"
    values = {**hidden(client.get(edit)), "name": "Standard", "country_1": "CA", "term_1": str(canada.id)}
    preview = client.post(edit, {**values, "go": "preview"})
    assert f"/customers/{customer.id}/profile/" in preview.content.decode()
    assert 'value="save"' not in preview.content.decode()
    refused = client.post(edit, {**values, "go": "save"})
    assert "Lakeside Ltd (United States)" in text_of(refused)


def test_the_overview_leads_to_customers_discounts_and_their_next_version(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    discount = add_discount(world, name="Five off", percent="5")
    kind = add_type(
        world, CountryTerms(country="US", credit_term_id=us_term(world).id, discount_ids=(discount.id,)), name="Key"
    )
    client = sign_in(world.owner)
    page = client.get(f"/customer-types/{kind.id}/").content.decode()
    assert f'href="/customers/?type={kind.id}&amp;country=US"' in page
    assert f'href="/discounts/{discount.id}/"' in page
    answer = client.post(f"/customer-types/{kind.id}/deactivate/", follow=True)
    assert "Inactive" in text_of(answer)
    assert client.post(f"/customer-types/{kind.id}/explode/").status_code == 404
    grid = client.get("/customer-types/?status=inactive")
    assert "Key" in text_of(grid)
    assert "Standard" not in text_of(grid)
    assert f'href="/customer-types/{kind.id}/edit/"' in grid.content.decode()


@pytest.mark.parametrize("path", ["/customer-types/", "/credit-terms/"])
def test_lists_cost_the_same_few_statements_for_1_and_for_3_rows(
    world: factories.PartnerWorld, sign_in: SignIn, django_assert_num_queries: Any, path: str
) -> None:
    client = sign_in(world.owner)
    client.get(path)
    with django_assert_num_queries(5):
        client.get(path)
    for number in range(2):
        term = add_term(world, name=f"Term {number}")
        add_type(world, CountryTerms(country="US", credit_term_id=term.id), name=f"Type {number}")
    with django_assert_num_queries(5):
        answer = client.get(path)
    assert answer.content.decode().count("/edit/") == 3


def test_an_overview_costs_the_same_for_1_and_for_3_countries(
    world: factories.PartnerWorld, sign_in: SignIn, django_assert_num_queries: Any
) -> None:
    client = sign_in(world.owner)
    rows = [CountryTerms(country="US", credit_term_id=us_term(world).id)]
    one = add_type(world, *rows, name="One")
    rows += [
        CountryTerms(country=country, credit_term_id=add_term(world, name=country, country=country).id)
        for country in ("CA", "GB")
    ]
    three = add_type(world, *rows, name="Three")
    for kind in (one, three):
        with django_assert_num_queries(9):
            client.get(f"/customer-types/{kind.id}/")


def test_downloads_hold_the_filtered_set(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    add_term(world, name="=1+1")
    client = sign_in(world.owner)
    answer = client.get("/credit-terms/export.csv?q=1")
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))  # type: ignore[attr-defined]
    assert [row[0] for row in rows] == ["Name", "'=1+1"]
    sheet = client.get("/customer-types/export.xlsx")
    book = load_workbook(io.BytesIO(b"".join(sheet.streaming_content)))  # type: ignore[attr-defined]
    assert [row[:4] for row in book.active.iter_rows(values_only=True)] == [  # type: ignore[union-attr]
        ("Name", "Status", "Countries", "Customers"),
        ("Standard", "Active", "United States", "0"),
    ]
    assert client.get("/customer-types/export.pdf").status_code == 404


def test_who_may_open_the_pages(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    term = us_term(world)
    reader = sign_in(factories.add_colleague(world, role=Role.SALES))
    looking = [
        *("/customer-types/", "/credit-terms/"),
        *(f"/customer-types/{world.customer_type.id}/", f"/credit-terms/{term.id}/"),
    ]
    changing = [f"{path}edit/" for path in looking[2:]] + [f"{path}new/" for path in looking[:2]]
    assert {reader.get(path).status_code for path in looking} == {200}
    assert "/edit/" not in reader.get("/customer-types/").content.decode()
    assert {reader.get(path).status_code for path in changing} == {403}
    support = sign_in(factories.add_colleague(world, role=Role.SUPPORT))
    assert {support.get(path).status_code for path in looking} == {403}
    assert "Credit Terms" not in support.get("/customers/").content.decode()
    stranger = sign_in(factories.make_partner(name="Other").owner)
    assert {stranger.get(path).status_code for path in [*looking[2:], *changing[:2]]} == {404}
    admin = sign_in(factories.admin_of(factories.make_customer(world)))
    assert {admin.get(path).status_code for path in looking} == {403}


def test_the_wizard_leads_to_what_it_lacks_and_back(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    scope.enter(partner_id=world.id)
    customer_types.switch_customer_type(by=world.actor, type_id=world.customer_type.id, active=False, at=factories.NOW)
    client = sign_in(world.owner)
    step = client.get("/customers/new/").url
    assert "There is no active customer type yet." in text_of(client.get(step))
    leaving = client.post(step, {"company_name": "Wingtip Toys", "country": "US", "go": "new-type"})
    assert leaving.url.startswith("/customer-types/new/?country=US&errand=")
    form = client.get(leaving.url)
    values = {**hidden(form), "name": "Schools", "country_1": "US", "term_1": str(us_term(world).id), "go": "save"}
    back = client.post(leaving.url, values)
    page = client.get(back.url).content.decode()
    assert f'<option value="{values["id"]}" selected' in page
    assert 'value="Wingtip Toys"' in page
    refused = client.post(
        step,
        {
            "company_name": "Wingtip Toys",
            "customer_type": values["id"],
            "country": "DE",
            "partner_subscription": str(world.subscription.id),
            "go": "continue",
        },
    )
    assert "“Schools” has no credit terms for Germany." in text_of(refused)
    assert "Change the customer type" in text_of(refused)
    values = {"company_name": "Wingtip Toys", "customer_type": values["id"], "country": "DE", "go": "change-type"}
    changing = client.post(step, values)
    assert changing.url.startswith(f"/customer-types/{values['customer_type']}/edit/?add=DE&errand=")
    edit = client.get(changing.url).content.decode()
    assert '<option value="DE" selected' in edit
    assert f'href="{step}?back_from=' in edit  # Cancel
