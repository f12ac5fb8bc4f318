"""Pages of discounts: the one form for each category, versions, and what a browser without script sends."""

import re
import uuid
from collections.abc import Callable
from decimal import Decimal
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests import factories
from tests.catalog import discounts
from tests.catalog.discounts import add_version, bands, item, make_discount, sku

from msphub.accounts.choices import Role
from msphub.accounts.models import User
from msphub.catalog.days import day_of
from msphub.catalog.inputs import Rates
from msphub.catalog.models import Discount, DiscountBand, DiscountItem, DiscountVersion
from msphub.kit import clock, scope

pytestmark = pytest.mark.django_db
type SignIn = Callable[[User], Client]


def _day(offset: int) -> str:
    return (day_of(clock.now()) + discounts.datetime.timedelta(days=offset)).isoformat()


def _form(page: str) -> dict[str, str]:
    """Return what a browser would send back of a page's form: inputs, selects and text areas as they stand."""
    body = page[page.index('id="discount-form"') : page.index("form-foot")]
    sent = {}
    for tag in re.findall(r"<input[^>]*>", body):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and 'type="file"' not in tag:
            sent[name[1]] = unescape(value[1]) if value else ""
    for name, text in re.findall(r'<textarea name="([^"]+)"[^>]*>(.*?)</textarea>', body, re.DOTALL):
        sent[name] = unescape(text)
    for name, options in re.findall(r'<select name="([^"]+)".*?>(.*?)</select>', body, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        first = re.search(r'<option value="([^"]*)"', options)
        sent[name] = chosen[1] if chosen else first[1] if first else ""
    return sent


def _open(client: Client, url: str) -> dict[str, str]:
    answer = client.get(url)
    assert answer.status_code == 200
    return _form(answer.content.decode())


def _send(client: Client, url: str, values: dict[str, str], **changes: object) -> tuple[int, str]:
    answer = client.post(url, {**values, "go": "save", **changes})
    return answer.status_code, answer.content.decode()


def test_the_form_opens_with_microsoft_its_categories_and_tomorrow(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    page = sign_in(world.owner).get("/discounts/new/").content.decode()
    labels = re.findall(r"<label for=\"id_[a-z_]+\">([^<]+)</label>", page)
    assert labels[:5] == ["Discount Name", "Vendor", "Country", "Discount Category", "Valid From"]
    sent = _form(page)
    assert (sent["vendor"], sent["valid_from"]) == ("microsoft", _day(1))
    categories = re.search(r'<select name="category".*?</select>', page, re.DOTALL)
    assert categories is not None
    offered = [words.strip() for words in re.findall(r"<option[^>]*>([^<]+)</option>", categories[0])]
    assert offered == ["Default", "Itemized", "Slab", "Azure Plan"]


@pytest.mark.parametrize(
    ("vendor", "category"), [("microsoft", "default"), ("microsoft", "azure_plan"), ("own", "default")]
)
def test_one_rate_is_created_once_by_two_clicks(
    world: factories.PartnerWorld, sign_in: SignIn, vendor: str, category: str
) -> None:
    client = sign_in(world.owner)
    sent = _open(client, "/discounts/new/")
    sent |= {"name": "Gold", "vendor": vendor, "country": "US", "category": category, "percent": "7,5 %"}
    for _click in range(2):
        assert _send(client, "/discounts/new/", sent)[0] == 302
    scope.enter(partner_id=world.id)
    discount = Discount.objects.get()
    assert (discount.vendor, discount.category) == (vendor, category)
    version = DiscountVersion.objects.get()
    assert (version.percent, version.valid_from.isoformat(), version.number) == (Decimal("7.50"), _day(1), 1)
    page = client.get("/discounts/").content.decode()
    assert "Gold" in page
    assert "7.5 %" in client.get(f"/discounts/{discount.id}/").content.decode()


def test_changing_vendor_and_category_loses_nothing_typed(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    sent = _open(client, "/discounts/new/")
    sent |= {"name": "Kept", "country": "DE", "percent": "12", "category": "slab"}
    page = client.post("/discounts/new/", {**sent, "go": "refresh"}).content.decode()
    sent = _form(page)
    assert (sent["name"], sent["country"], sent["percent"]) == ("Kept", "DE", "12")
    sent |= {"band-0-to": "9", "band-0-percent": "3", "category": "itemized"}
    sent = _form(client.post("/discounts/new/", {**sent, "go": "refresh"}).content.decode())
    sent["paste"] = "CFQ7TTC0LH18\t0001\t4"
    sent = _form(client.post("/discounts/new/", {**sent, "go": "paste"}).content.decode())
    sent = _form(client.post("/discounts/new/", {**sent, "vendor": "msp_hub", "go": "refresh"}).content.decode())
    assert sent["category"] == "product"
    sent = _form(client.post("/discounts/new/", {**sent, "vendor": "coro", "go": "refresh"}).content.decode())
    assert (sent["category"], sent["percent"]) == ("default", "12")
    sent |= {"vendor": "microsoft", "category": "slab"}
    sent = _form(client.post("/discounts/new/", {**sent, "go": "refresh"}).content.decode())
    assert (sent["band-0-to"], sent["band-0-percent"]) == ("9", "3")
    assert sent["items-microsoft"] == "CFQ7TTC0LH18\t0001\t4"
    assert sent["valid_from"] == _day(1)
    scope.enter(partner_id=world.id)
    assert not Discount.objects.exists()


def test_the_answer_to_htmx_holds_the_parts_that_follow(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    sent = _open(client, "/discounts/new/")
    answer = client.post("/discounts/form/", {**sent, "vendor": "msp_hub"}).content.decode()
    assert "<html" not in answer
    assert 'id="group-rates"' in answer
    assert '<hx-partial hx-target="#id_category_field"' in answer
    assert ">Product</option>" in answer
    answer = client.post("/discounts/form/?do=add-band", {**sent, "category": "slab"}).content.decode()
    assert "band-3-percent" in answer
    assert "hx-partial" not in answer  # the vendor is the same, so are its categories
    assert 'name="name"' not in answer  # what is being typed elsewhere stays as it is


def test_slab_bands_are_refused_with_the_place(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    sent = _open(client, "/discounts/new/") | {"name": "By size", "country": "US", "category": "slab"}
    sent |= {"band_count": "3", "band-0-from": "1", "band-0-to": "9", "band-0-percent": "5"}
    sent |= {"band-1-from": "12", "band-1-to": "", "band-1-percent": "10"}
    status, page = _send(client, "/discounts/new/", sent)
    assert status == 200
    assert "Gap: quantities 10 to 11 have no rate." in page
    status, page = _send(client, "/discounts/new/", sent, **{"band-1-from": "8"})
    assert "Overlap: quantities 8 to 9 are in two bands." in page
    status, page = _send(client, "/discounts/new/", sent, **{"band-1-from": "ten", "band-1-percent": "101"})
    assert "“ten” is not a whole number from 1 up." in unescape(page)
    assert "from 0 to 100" in page
    scope.enter(partner_id=world.id)
    assert not Discount.objects.exists()
    assert _send(client, "/discounts/new/", sent, **{"band-1-from": "10"})[0] == 302
    scope.enter(partner_id=world.id)
    assert list(DiscountBand.objects.order_by("from_quantity").values_list("from_quantity", "percent")) == [
        (1, Decimal(5)),
        (10, Decimal(10)),
    ]


def test_a_pasted_table_is_added_when_right_and_not_before(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    sent = _open(client, "/discounts/new/") | {"name": "Table", "country": "US", "category": "itemized"}
    sent["paste"] = "Product ID\tSKU ID\tDiscount\nCFQ7TTC0LH18\t1\t5 %\nCFQ7TTC0XXXX\t0001\t5\nCFQ7TTC0LFLX\t\t5,125\n"
    page = client.post("/discounts/new/", {**sent, "go": "paste"}).content.decode()
    assert "Row 3: CFQ7TTC0XXXX is no product of this vendor." in page
    assert "Row 4: At most two decimals" in page
    kept = _form(page)
    assert kept["items-microsoft"] == ""
    assert kept["paste"] == sent["paste"]
    sent["paste"] = "Product ID\tSKU ID\tDiscount\nCFQ7TTC0LH18\t1\t5 %\nCFQ7TTC0LFLX\t\t5,12\n"
    kept = _form(client.post("/discounts/new/", {**sent, "go": "paste"}).content.decode())
    assert (kept["rate-0"], kept["rate-1"], kept["paste"]) == ("5 %", "5,12", "")
    assert _send(client, "/discounts/new/", kept, **{"rate-0": "6"})[0] == 302
    scope.enter(partner_id=world.id)
    basic = sku(world)
    assert DiscountItem.objects.get(sku=basic).percent == 6
    assert DiscountItem.objects.get(sku=None).percent == Decimal("5.12")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfProduct ID;SKU ID;Title;Percentage\r\nCFQ7TTC0LH18;0001;Basic;5,5\r\n;;;\r\n",
        b"CFQ7TTC0LH18:0001,5.5\n",
        'Product ID\tSKU ID\tPercentage\nCFQ7TTC0LH18\t0001\t"5,5"\n'.encode("utf-16"),
        b'"CFQ7TTC0LH18","0001","5,5"\n',
    ],
)
def test_a_csv_file_is_imported_however_it_was_written(
    world: factories.PartnerWorld, sign_in: SignIn, content: bytes
) -> None:
    client = sign_in(world.owner)
    sent = _open(client, "/discounts/new/") | {"name": "File", "country": "US", "category": "itemized"}
    file = SimpleUploadedFile("rates.csv", content)
    page = client.post("/discounts/new/", {**sent, "go": "import", "file": file}).content.decode()
    sent = _form(page)
    assert sent["items-microsoft"].split("\t")[:2] == ["CFQ7TTC0LH18", "0001"]
    assert _send(client, "/discounts/new/", sent)[0] == 302
    scope.enter(partner_id=world.id)
    assert DiscountItem.objects.get().percent == Decimal("5.5")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"CFQ7TTC0LH18,0001,5\nCFQ7TTC0LH18,0001,6\n", "Row 2: CFQ7TTC0LH18:0001 stands in row 1 already."),
        (b"CFQ7TTC0LH18,0001,5\nCFQ7TTC0LH18,1,6\n", "stands in row 1 already."),
        (b"CFQ7TTC0LH18,0001,101\n", "Row 1:"),
        (b"CFQ7TTC0LH18,0009,5\n", "Microsoft 365 Business Basic has no SKU 0009."),
        (b"CFQ7TTC0LH18\n", "A row needs a product id and a percentage."),
        (b"\x00\x01\x02PK", "not a CSV file"),
        (b"", "There are no rows in it."),
        (b'"CFQ7TTC0LH18,0001,5\n', "Row "),
        (b"CFQ7TTC0\x07LH18,0001,5\n", "control characters"),
        (b"X,1\n" * 10_001, "At most 10000 rows at once."),
        (("A" * 10_000 + ",5\n").encode(), "is longer than any product id"),
    ],
)
def test_a_wrong_csv_file_says_what_is_wrong_and_adds_nothing(
    world: factories.PartnerWorld, sign_in: SignIn, content: bytes, message: str
) -> None:
    client = sign_in(world.owner)
    sent = _open(client, "/discounts/new/") | {"name": "File", "country": "US", "category": "itemized"}
    file = SimpleUploadedFile("rates.csv", content)
    answer = client.post("/discounts/new/", {**sent, "go": "import", "file": file})
    assert answer.status_code == 200
    assert message in unescape(answer.content.decode())
    assert _form(answer.content.decode())["items-microsoft"] == ""


def test_products_are_searched_and_added_without_script(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    sent = _open(client, "/discounts/new/") | {"name": "Found", "country": "US", "category": "itemized"}
    page = client.post("/discounts/new/", {**sent, "find": "basic business", "go": "search"}).content.decode()
    assert 'value="add:CFQ7TTC0LH18:0001"' in page
    assert 'value="add:CFQ7TTC0LH18"' in page  # the whole product
    page = client.post("/discounts/new/", {**_form(page), "go": "add:CFQ7TTC0LH18:0001"}).content.decode()
    sent = _form(page)
    status, page = _send(client, "/discounts/new/", sent)
    assert status == 200
    assert "Enter a percentage from 0 to 100." in page
    assert _send(client, "/discounts/new/", sent, **{"rate-0": "9"})[0] == 302
    scope.enter(partner_id=world.id)
    assert DiscountItem.objects.get().percent == 9


def test_a_long_table_pages_and_narrows_in_the_form(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    skus = _many_skus(world, 120)
    client = sign_in(world.owner)
    sent = _open(client, "/discounts/new/") | {"name": "Long", "country": "US", "category": "itemized"}
    sent["paste"] = "\n".join(f"BULK\t{number}\t5" for number in skus)
    page = client.post("/discounts/new/", {**sent, "go": "paste"}).content.decode()
    assert "1–50 of 120" in page
    sent = _form(page) | {"rate-7": "8"}
    page = client.post("/discounts/new/", {**sent, "go": "page:3"}).content.decode()
    assert "101–120 of 120" in page
    page = client.post("/discounts/new/", {**_form(page), "narrow": "number 77", "go": "narrow"}).content.decode()
    assert "1–1 of 1" in page
    sent = _form(page)
    assert _send(client, "/discounts/new/", sent)[0] == 302
    scope.enter(partner_id=world.id)
    assert DiscountItem.objects.count() == 120
    assert DiscountItem.objects.get(percent=8).sku.external_id == skus[7]  # type: ignore[union-attr]
    discount = Discount.objects.get()
    page = client.get(f"/discounts/{discount.id}/?q=number+77").content.decode()
    assert "Bulk number 77" in page
    assert "Bulk number 78" not in page
    exported = b"".join(client.get(_export_of(discount)).streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert exported.splitlines()[0] == "Product ID,SKU ID,Title,Percentage"
    assert len(exported.splitlines()) == 121


def _export_of(discount: Discount) -> str:
    version = DiscountVersion.objects.get(discount=discount)
    return f"/discounts/{discount.id}/versions/{version.id}/rates.csv"


def _many_skus(world: factories.PartnerWorld, count: int) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO catalog_product (id, partner_id, vendor_id, external_id, title, publisher, description, "
            "category, active, created_at, updated_at) SELECT gen_random_uuid(), %s, id, 'BULK', 'Bulk', '', '', "
            "'online', true, now(), now() FROM catalog_vendor WHERE partner_id = %s AND code = 'microsoft'",
            [world.id, world.id],
        )
        cursor.execute(
            "INSERT INTO catalog_sku (id, partner_id, product_id, external_id, title, sort_title, description, unit, "
            "minimum_quantity, is_trial, usage_based, active, created_at, updated_at) "
            "SELECT gen_random_uuid(), %s, p.id, lpad(n::text, 5, '0'), 'Bulk number ' || n, 'bulk number ' || n, '', "
            "'', 1, false, false, true, now(), now() FROM catalog_product p, generate_series(1, %s) n "
            "WHERE p.partner_id = %s AND p.external_id = 'BULK'",
            [world.id, count, world.id],
        )
    return [f"{number:05}" for number in range(1, count + 1)]


def test_five_thousand_rows_are_saved_in_few_statements(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    numbers = _many_skus(world, 5000)
    client = sign_in(world.owner)
    sent = _open(client, "/discounts/new/") | {"name": "Huge", "country": "US", "category": "itemized"}
    sent["items-microsoft"] = "\n".join(f"BULK\t{number}\t5" for number in numbers)
    with CaptureQueriesContext(
        connection,
    ) as counted:
        assert _send(client, "/discounts/new/", sent)[0] == 302
    assert len(counted) <= 20, [one["sql"][:90] for one in counted]
    scope.enter(partner_id=world.id)
    assert DiscountItem.objects.count() == 5000
    discount = Discount.objects.get()
    with CaptureQueriesContext(connection) as counted:
        page = client.get(f"/discounts/{discount.id}/").content.decode()
    assert "5,000" in page
    assert len(counted) <= 12, [one["sql"][:90] for one in counted]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "Enter a name for the discount."),
        ({"name": "GOLD"}, "Another discount has this name."),
        ({"name": "x" * 10_240}, "At most 100 characters"),
        ({"name": "a\x07b"}, "invisible control characters"),
        ({"country": "XX"}, "Choose a country."),
        ({"vendor": "nobody"}, "Choose a vendor."),
        ({"valid_from": "2020-01-01"}, "in the past"),
        ({"valid_from": "31.12.2026"}, "Enter a valid date"),
        ({"valid_from": ""}, "Enter the day it is valid from."),
        ({"percent": "100.01"}, "from 0 to 100"),
        ({"percent": "-1"}, "is not a percentage"),
        ({"percent": "5.555"}, "At most two decimals"),
        ({"percent": "1e2"}, "is not a percentage"),
        ({"percent": "٥"}, "is not a percentage"),
        ({"percent": ""}, "Enter a percentage"),
        ({"percent": "9" * 10_240}, "is not a percentage"),
    ],
)
def test_bad_input_is_refused_at_its_field_and_nothing_is_lost(
    world: factories.PartnerWorld, sign_in: SignIn, changes: dict[str, str], message: str
) -> None:
    make_discount(world, name="Gold")
    client = sign_in(world.owner)
    good = _open(client, "/discounts/new/") | {"name": "Silver", "country": "US", "percent": "5"}
    status, page = _send(client, "/discounts/new/", good, **changes)
    assert status == 200
    assert message in unescape(page)
    kept = _form(page)
    for name in ("country", "percent"):
        if name not in changes and "vendor" not in changes:
            assert kept[name] == good[name]
    scope.enter(partner_id=world.id)
    assert Discount.objects.count() == 1


def test_a_new_version_starts_from_the_latest_and_two_clicks_make_one(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    discount = make_discount(
        world, category="slab", rates=bands((1, 9, 5), (10, None, 7)), at=clock.now(), valid_from=day_of(clock.now())
    )
    client = sign_in(world.owner)
    url = f"/discounts/{discount.id}/versions/new/"
    sent = _open(client, url)
    assert (sent["band-1-from"], sent["band-1-percent"], sent["valid_from"]) == ("10", "7", _day(1))
    sent["band-1-percent"] = "8"
    for _click in range(2):
        assert _send(client, url, sent)[0] == 302
    scope.enter(partner_id=world.id)
    assert sorted(DiscountVersion.objects.values_list("number", flat=True)) == [1, 2]
    page = client.get(f"/discounts/{discount.id}/").content.decode()
    assert page.index("v2 · Coming") < page.index("v1 · In force")
    status, page = _send(client, url, _open(client, url), valid_from=_day(1))
    assert status == 200
    assert "Another version of this discount begins on that day." in page


def test_a_colleagues_change_meanwhile_is_told_and_saving_again_goes_on(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    now = clock.now()
    discount = make_discount(world, at=now, valid_from=day_of(now))
    client = sign_in(world.owner)
    url = f"/discounts/{discount.id}/versions/new/"
    sent = _open(client, url)
    scope.enter(partner_id=world.id)
    add_version(world, discount, valid_from=day_of(now) + discounts.datetime.timedelta(days=9), at=now)
    status, page = _send(client, url, sent, percent="33")
    assert status == 200
    assert "Somebody else has changed this discount meanwhile." in page
    kept = _form(page)
    assert kept["percent"] == "33"
    assert _send(client, url, kept)[0] == 302


def test_a_coming_version_is_changed_and_withdrawn_and_one_in_force_is_not(
    world: factories.PartnerWorld, sign_in: SignIn
) -> None:
    now = clock.now()
    discount = make_discount(world, at=now, valid_from=day_of(now))
    first = DiscountVersion.objects.get()
    coming = add_version(world, discount, valid_from=day_of(now) + discounts.datetime.timedelta(days=3), at=now)
    client = sign_in(world.owner)
    where = f"/discounts/{discount.id}/versions/"
    page = client.get(f"/discounts/{discount.id}/?version={coming.id}").content.decode()
    assert f"{where}{coming.id}/change/" in page
    sent = _open(client, f"{where}{coming.id}/change/")
    assert sent["percent"] == "20"
    assert _send(client, f"{where}{coming.id}/change/", sent, percent="25")[0] == 302
    assert _send(client, f"{where}{first.id}/change/", sent, percent="99")[0] == 200
    assert client.get(f"{where}{first.id}/change/").status_code == 302
    assert client.post(f"{where}{first.id}/withdraw/").status_code == 302
    scope.enter(partner_id=world.id)
    assert list(DiscountVersion.objects.order_by("number").values_list("percent", flat=True)) == [10, 25]
    assert client.post(f"{where}{coming.id}/withdraw/").status_code == 302
    scope.enter(partner_id=world.id)
    assert DiscountVersion.objects.count() == 1


def test_a_clone_takes_everything_and_wants_a_name_of_its_own(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    basic = sku(world)
    discount = make_discount(
        world, name="Source", country="DE", category="itemized", rates=Rates(items=(item(basic, "5.5"),))
    )
    client = sign_in(world.owner)
    url = f"/discounts/{discount.id}/clone/"
    sent = _open(client, url)
    assert (sent["name"], sent["country"], sent["rate-0"]) == ("Source copy", "DE", "5.5")
    assert _send(client, url, sent, name="source")[0] == 200
    assert _send(client, url, sent)[0] == 302
    scope.enter(partner_id=world.id)
    assert DiscountItem.objects.filter(sku=basic, percent=Decimal("5.5")).count() == 2


@pytest.mark.parametrize(("percent", "words"), [("10", "10 %"), ("100", "100 %"), ("0", "0 %"), ("7.50", "7.5 %")])
def test_percentages_read_as_people_write_them(
    world: factories.PartnerWorld, sign_in: SignIn, percent: str, words: str
) -> None:
    discount = make_discount(world, rates=Rates(percent=Decimal(percent)))
    client = sign_in(world.owner)
    for page in ("/discounts/", f"/discounts/{discount.id}/"):
        assert f">{words}<" in client.get(page).content.decode()


def test_rename_and_delete(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    discount = make_discount(world, name="Old")
    client = sign_in(world.owner)
    url = f"/discounts/{discount.id}"
    assert client.post(f"{url}/rename/", {"name": "New", "version": "7"}).status_code == 200  # stale
    assert client.post(f"{url}/rename/", {"name": "New", "version": "1"}).status_code == 302
    assert "New" in client.get(f"{url}/").content.decode()
    assert client.post(f"{url}/delete/").status_code == 302
    assert client.get(f"{url}/").status_code == 404


def test_who_may_see_and_who_may_change(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    discount = make_discount(world)
    for role, sees, changes in (
        (Role.BILLING, True, True),
        (Role.SALES, True, False),
        (Role.READ_ONLY, True, False),
        (Role.SUPPORT, False, False),
    ):
        client = sign_in(factories.add_colleague(world, role=role))
        assert client.get("/discounts/").status_code == (200 if sees else 403)
        page = client.get(f"/discounts/{discount.id}/")
        assert page.status_code == (200 if sees else 403)
        assert ("New Version" in page.content.decode()) == changes
        assert client.get("/discounts/new/").status_code == (200 if changes else 403)
        assert (
            client.post(f"/discounts/{discount.id}/delete/").status_code == (302 if changes else 403)
            or role == Role.BILLING
        )
        if role == Role.BILLING:
            scope.enter(partner_id=world.id)
            discount = make_discount(world)


def test_strangers_and_customers_find_nothing(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    discount = make_discount(world)
    version = DiscountVersion.objects.get()
    customer = factories.make_customer(world)
    admin = factories.admin_of(customer)
    stranger = factories.make_partner(name="Stranger")
    paths = ["", "clone/", "rename/", "delete/", "versions/new/", f"versions/{version.id}/change/"]
    paths += [f"versions/{version.id}/withdraw/", f"versions/{version.id}/rates.csv"]
    for path in paths:
        url = f"/discounts/{discount.id}/{path}"
        assert sign_in(stranger.owner).get(url).status_code == 404, url
        assert sign_in(admin).get(url).status_code == 403, url
    sent = {"name": "Mine", "vendor": "microsoft", "country": "US", "category": "default", "percent": "1"}
    sent |= {"valid_from": _day(1), "id": str(discount.id)}
    answer = sign_in(stranger.owner).post("/discounts/new/", sent)
    assert answer.status_code == 404  # the id is another partner's
    assert sign_in(world.owner).get(f"/discounts/{uuid.uuid4()}/").status_code == 404


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_asks_the_database_as_often_for_one_as_for_three(
    world: factories.PartnerWorld, sign_in: SignIn, rows: int
) -> None:
    for _row in range(rows):
        make_discount(world)
    client = sign_in(world.owner)
    client.get("/discounts/")
    with CaptureQueriesContext(connection) as counted:
        page = client.get("/discounts/").content.decode()
    assert page.count('href="/discounts/0') == rows
    assert len(counted) == 7, [one["sql"][:90] for one in counted]


def test_the_filtered_list_is_downloaded(world: factories.PartnerWorld, sign_in: SignIn) -> None:
    client = sign_in(world.owner)
    for name, country in (("Alpha", "US"), ("Beta", "DE")):
        values = {"name": name, "vendor": "microsoft", "country": country, "category": "default"}
        made = client.post("/discounts/new/", values | {"valid_from": "2099-01-01", "percent": "5", "go": "save"})
        assert made.status_code == 302, made.content.decode()
    text = b"".join(client.get("/discounts/export.csv?country=DE")).decode("utf-8-sig")  # type: ignore[arg-type]
    head, *lines = text.splitlines()
    assert head.startswith("Discount Name,Vendor,Country,Discount Category")
    assert len(lines) == 1
    assert lines[0].startswith("Beta,Microsoft,Germany,Default,Coming,5")
    assert lines[0].count("2099-01-01") == 1
    assert client.get("/discounts/export.pdf").status_code == 404
