"""Cells: escaping, locale, tones, addresses."""

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone, translation
from django.utils.safestring import SafeString

from msphub.kit import money
from msphub.ui import cells

EVIL = "<script>alert('x')</script>\"&"
NOW = dt.datetime(2026, 11, 22, 10, 42, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "value",
    [
        EVIL,
        cells.Text(EVIL, sub=EVIL),
        cells.Link(EVIL, "/x/?a=" + EVIL, sub=EVIL),
        cells.Link(EVIL, None, sub=EVIL),
        cells.Status(EVIL, "ok", title=EVIL),
        cells.Date(EVIL, EVIL, EVIL),
        cells.Money(Decimal(1), EVIL),
    ],
)
def test_cell_escapes_what_it_is_given(value: object) -> None:
    html = cells.html(value)
    assert "<script" not in html.lower()
    assert "alert('x')" not in html.lower()


def test_safe_string_stays_as_it_is() -> None:
    assert cells.html(SafeString("<b>x</b>")) == "<b>x</b>"


@pytest.mark.parametrize("nothing", [None, "", cells.Text(""), cells.Money(None, "USD"), cells.Number(None)])
def test_nothing_shows_a_dash_hidden_from_readers(nothing: object) -> None:
    assert cells.html(nothing) == cells.NOTHING
    assert cells.html(0) == "0"


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", " JavaScript:x", "data:text/html,x", "//evil.example", "\\\\evil"]
)
def test_link_to_an_unsafe_address_is_plain_text(url: str) -> None:
    assert "<a" not in cells.html(cells.Link("x", url))


@pytest.mark.parametrize(
    "url", ["/customers/1/", "?q=a:b", "https://x.example/", "mailto:a@b.example", "#part", "a/b:c"]
)
def test_link_to_a_usual_address_is_a_link(url: str) -> None:
    assert "<a href=" in cells.html(cells.Link("x", url))


@pytest.mark.parametrize(
    ("language", "amount", "currency", "shown"),
    [
        ("en", "1234.5", "USD", "$1,234.50"),
        ("en", "-1234.505", "USD", "-$1,234.51"),
        ("de", "1234.5", "EUR", "1.234,50\u00a0€"),
        ("en", "1234.5", "JPY", "¥1,235"),
        ("en", "0", "USD", "$0.00"),
    ],
)
def test_money_follows_locale_and_minor_unit(language: str, amount: str, currency: str, shown: str) -> None:
    with translation.override(language):
        assert money.shown(Decimal(amount), currency) == shown


def test_unknown_tone_is_muted() -> None:
    assert "state-muted" in cells.html(cells.Status("x", "loud"))  # type: ignore[arg-type]


def test_moment_shows_viewer_zone_and_keeps_the_exact_instant() -> None:
    with translation.override("en"), timezone.override("Europe/Berlin"):
        html = cells.html(cells.moment(NOW))
    assert "11:42" in html
    assert 'datetime="2026-11-22T10:42:00+00:00"' in html
    assert 'title="2026-11-22 11:42:00 CET"' in html


def test_moment_of_one_instant_differs_by_zone() -> None:
    with translation.override("en"), timezone.override("UTC"):
        first = cells.moment(NOW)
    with translation.override("en"), timezone.override("Asia/Tokyo"):
        second = cells.moment(NOW)
    assert first is not None
    assert second is not None
    assert first.shown != second.shown


@pytest.mark.parametrize(
    ("delta", "shown"),
    [
        (dt.timedelta(seconds=5), "just now"),
        (dt.timedelta(minutes=4), "4 minutes ago"),
        (dt.timedelta(hours=1), "1 hour ago"),
        (dt.timedelta(days=3), "3 days ago"),
        (-dt.timedelta(days=2), "in 2 days"),
        (dt.timedelta(days=80), "Sep 3, 2026, 10:42\u202fAM"),
    ],
)
def test_ago_counts_against_the_given_now(delta: dt.timedelta, shown: str) -> None:
    with translation.override("en"), timezone.override("UTC"):
        date = cells.ago(NOW - delta, now=NOW)
    assert date is not None
    assert date.shown == shown
