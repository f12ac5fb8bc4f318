"""What every grid page does: the person's own columns and page size, and downloads of the filtered set."""

import csv
import io
import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _
from openpyxl import Workbook

from msphub.accounts import actions as accounts
from msphub.kit import lists, money, scope
from msphub.kit.errors import NotFound
from msphub.ui.grid import GridPage, GridSpec, GridState
from msphub.web import keyset
from msphub.web.middleware import PortalRequest

_CHUNK = 64 * 1024
SHEET_ROWS = 1_048_576  # the most rows of a worksheet, its heads included (Microsoft: Excel specifications and limits)
# A cell that begins with one of these would be run as a formula by a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def state_of(request: PortalRequest, spec: GridSpec) -> GridState:
    """Read a grid's state from the address; columns and page size it does not name are the person's own choice.

    Columns or a size in the address are kept as the person's choice from now on.
    """
    kept = request.viewer.preferences.get(spec.name, {})
    query = request.GET.copy()
    for name in ("columns", "size"):
        if name not in query and name in kept:
            query[name] = kept[name]
    state = GridState.parse(query, spec, path=request.path)
    if ("columns" in request.GET or "size" in request.GET) and request.actor.user_id is not None:
        chosen = {"columns": ",".join(state.columns), "size": str(state.size)}
        if chosen != kept:
            accounts.save_preference(by=request.actor, name=spec.name, value=chosen)
    return state


def wanted_of(state: GridState, sorts: Mapping[str, lists.Key]) -> lists.Wanted:
    """Return which page of a list a grid's state asks for; a cursor that somebody made up is none."""
    kind = sorts[state.sort_key].kind
    return lists.Wanted(
        sort=state.sort_key,
        descending=state.descending,
        size=state.size,
        after=keyset.decode_as(state.after, kind),
        before=keyset.decode_as(state.before, kind),
    )


def page_of[Row](found: lists.Page[Row], rows: Sequence[Any]) -> GridPage:
    """Return a page of a list as the grid takes it, with its cursors and its count."""
    return GridPage(
        rows=rows,
        next_cursor=keyset.encode(*found.keys[-1]) if found.has_next and found.keys else "",
        previous_cursor=keyset.encode(*found.keys[0]) if found.has_previous and found.keys else "",
        count=_("more than %(count)s") % {"count": money.number(found.count)}
        if found.more_than_counted
        else found.count,
    )


def download(
    request: PortalRequest, *, kind: str, name: str, heads: Sequence[str], rows: Callable[[], Iterable[Sequence[str]]]
) -> StreamingHttpResponse:
    """Stream rows as `csv` or `xlsx`; raises `NotFound` for anything else."""
    if kind == "csv":
        return as_csv(request, name=name, heads=heads, rows=rows)
    if kind == "xlsx":
        return as_xlsx(request, name=name, heads=heads, rows=rows)
    raise NotFound


def as_csv(
    request: PortalRequest, *, name: str, heads: Sequence[str], rows: Callable[[], Iterable[Sequence[str]]]
) -> StreamingHttpResponse:
    """Stream rows as CSV (UTF-8 with a mark, so that spreadsheets read names rightly)."""

    def lines() -> Iterator[bytes]:
        # The body is made after the middleware is done: it enters the scope by itself.
        scope.enter(partner_id=request.actor.partner_id, customer_id=request.actor.customer_id)
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        buffer.write("\ufeff")
        writer.writerow(heads)
        for row in rows():
            writer.writerow([_safe(cell) for cell in row])
            if buffer.tell() > _CHUNK:
                yield buffer.getvalue().encode()
                buffer.seek(0)
                buffer.truncate()
        yield buffer.getvalue().encode()

    return _download(lines(), name=f"{name}.csv", kind="text/csv; charset=utf-8")


def as_xlsx(
    request: PortalRequest, *, name: str, heads: Sequence[str], rows: Callable[[], Iterable[Sequence[str]]]
) -> StreamingHttpResponse:
    """Write rows to a workbook on disk, row by row, and stream the file.

    What a sheet can't hold goes on to the next, under the same heads.
    """

    def chunks() -> Iterator[bytes]:
        scope.enter(partner_id=request.actor.partner_id, customer_id=request.actor.customer_id)
        book = Workbook(write_only=True)
        for number, some in enumerate(batched_lazily(rows(), size=SHEET_ROWS - 1), start=1):
            sheet = book.create_sheet(name.capitalize() if number == 1 else f"{name.capitalize()} {number}")
            sheet.append(list(heads))
            for row in some:
                sheet.append([_safe(cell) for cell in row])
            sheet.close()  # its rows are on disk now
        with tempfile.TemporaryFile() as file:
            book.save(file)
            file.seek(0)
            while chunk := file.read(_CHUNK):
                yield chunk

    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return _download(chunks(), name=f"{name}.xlsx", kind=kind)


def batched_lazily[Row](rows: Iterable[Row], *, size: int) -> Iterator[Iterator[Row]]:
    """Give rows in parts of at most `size`, none of them held; one empty part when there is no row.

    Each part must be read to its end before the next.
    """
    left = iter(rows)
    yield itertools.islice(left, size)
    for first in left:
        yield itertools.chain([first], itertools.islice(left, size - 1))


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _download(body: Iterator[bytes], *, name: str, kind: str) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(body, content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Cache-Control"] = "no-store"
    return answer
