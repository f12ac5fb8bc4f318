"""Downloads of a filtered set: complete however long, in memory that does not grow with it."""

import csv
import io
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from django.http import StreamingHttpResponse
from openpyxl import load_workbook
from tests import factories

from msphub.web import grids
from msphub.web.middleware import PortalRequest

HEADS = ["Name", "Number"]


class _Request:
    def __init__(self, actor: Any) -> None:
        self.actor = actor


@pytest.fixture
def request_of_owner(db: None) -> PortalRequest:
    return cast("PortalRequest", _Request(factories.make_partner().actor))


def rows(count: int) -> Callable[[], Iterator[list[str]]]:
    return lambda: ([f"Customer {number}", str(number)] for number in range(count))


def body(answer: StreamingHttpResponse) -> bytes:
    return b"".join(cast("Iterator[bytes]", answer.streaming_content))


def sheets(content: bytes) -> dict[str, list[tuple[Any, ...]]]:
    book = load_workbook(io.BytesIO(content), read_only=True)
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets}


@pytest.mark.parametrize(
    ("count", "lengths"), [(0, [0]), (1, [1]), (9, [9]), (10, [9, 1]), (18, [9, 9]), (25, [9, 9, 7])]
)
def test_workbook_goes_on_in_further_sheets_under_the_same_heads(
    request_of_owner: PortalRequest, monkeypatch: pytest.MonkeyPatch, count: int, lengths: list[int]
) -> None:
    monkeypatch.setattr(grids, "SHEET_ROWS", 10)
    found = sheets(body(grids.as_xlsx(request_of_owner, name="customers", heads=HEADS, rows=rows(count))))
    assert list(found) == ["Customers", *(f"Customers {number}" for number in range(2, len(lengths) + 1))]
    assert all(sheet[0] == ("Name", "Number") for sheet in found.values())
    assert [len(sheet) - 1 for sheet in found.values()] == lengths
    together = [row for sheet in found.values() for row in sheet[1:]]
    assert together == [(f"Customer {number}", str(number)) for number in range(count)]


def test_sheet_holds_what_excel_opens() -> None:
    assert grids.SHEET_ROWS == 2**20


def test_csv_has_no_such_limit(request_of_owner: PortalRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grids, "SHEET_ROWS", 10)
    content = body(grids.as_csv(request_of_owner, name="customers", heads=HEADS, rows=rows(25))).decode("utf-8-sig")
    assert len(list(csv.reader(io.StringIO(content)))) == 26


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_memory_stays_flat(request_of_owner: PortalRequest, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(grids, "SHEET_ROWS", 4000)
    make = grids.as_csv if kind == "csv" else grids.as_xlsx

    def peak(count: int) -> int:
        answer = make(request_of_owner, name="customers", heads=HEADS, rows=rows(count))
        tracemalloc.start()
        for _chunk in cast("Iterator[bytes]", answer.streaming_content):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(10)
    few, many = peak(5_000), peak(25_000)
    assert many < few * 1.2
