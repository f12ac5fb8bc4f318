"""The grid: what the address says, addresses it makes, and its HTML."""

import re
import time
from types import SimpleNamespace
from typing import Any

import pytest
from django.http import QueryDict
from django.test import RequestFactory

from msphub.ui import cells, grid_view, htmx
from msphub.ui.grid import (
    BulkAction,
    Column,
    DateFilter,
    Empty,
    Export,
    Filter,
    GridPage,
    GridSpec,
    GridState,
    RowAction,
)

EVIL = "<img src=x onerror=alert(1)>\"'"
SPEC = GridSpec(
    name="things",
    noun="things",
    noun_one="thing",
    columns=[
        Column(key="name", label="Name", sortable=True, pinned=True),
        Column(key="kind", label="Kind", render=lambda value: cells.Status(value, "ok")),
        Column(key="total", label="Total", align="end", sortable=True),
        Column(key="note", label="Note", default_shown=False),
    ],
    filters=[
        Filter(key="status", label="Status", choices=[("active", "Active"), ("off", "Off")]),
        Filter(key="one", label="One", choices=lambda: [("a", "A"), ("b", "B")], multiple=False),
        DateFilter(key="created", label="Created"),
    ],
    default_sort="name",
    row_actions=[
        RowAction(key="edit", label="Edit", url=lambda row: row["url"]),
        RowAction(key="run", label="Run", url=lambda _row: "/run/", how="post"),
        RowAction(key="none", label="Never", url=lambda _row: None),
    ],
    bulk_actions=[BulkAction(key="drop", label="Drop", url="/drop/", tone="danger", dialog=True)],
    exports=[Export(label="CSV", url="/things.csv")],
    empty=Empty(title="No things yet", action_label="Make one", action_url="/new/"),
)


def state_of(query: str = "") -> GridState:
    return GridState.parse(QueryDict(query), SPEC, path="/things/")


def html_of(query: str = "", rows: list[Any] | None = None, **page: Any) -> str:
    rows = [{"id": 1, "url": "/1/", "label": "One", "name": "One", "kind": "x", "total": 5}] if rows is None else rows
    return str(grid_view.Grid(spec=SPEC, state=state_of(query), page=GridPage(rows=rows, **page)).render(token="t"))


def test_state_without_parameters_is_the_default() -> None:
    state = state_of()
    assert (state.q, state.sort, state.size, state.filters) == ("", "name", 25, {})
    assert state.columns == ("name", "kind", "total")
    assert state.url() == "/things/"
    assert not state.narrowed


def test_state_reads_everything() -> None:
    state = state_of(
        "q=a+b&sort=-total&status=active&status=off&created_from=2026-01-02&size=50&columns=note&after=xyz"
    )
    assert (state.q, state.sort_key, state.descending, state.size) == ("a b", "total", True, 50)
    assert state.chosen("status") == ("active", "off")
    assert str(state.day("created_from")) == "2026-01-02"
    assert state.day("created_to") is None
    assert state.columns == ("name", "note")
    assert (state.after, state.before) == ("xyz", "")


@pytest.mark.parametrize(
    "query",
    ["sort=secret", "size=7", "size=²", "size=-1", "status=nonsense", "created_from=2026-13-45", "one=", "columns="],
)
def test_state_ignores_what_is_invalid(query: str) -> None:
    assert state_of(query) == state_of()


def test_state_drops_control_characters_and_cuts_length() -> None:
    assert state_of("q=a%00b%0A").q == "ab"
    assert len(state_of("q=" + "x" * 5000).q) == 200


def test_single_choice_keeps_one_value() -> None:
    assert state_of("one=b&one=a").chosen("one") == ("a",)


def test_after_wins_over_before() -> None:
    state = state_of("after=a&before=b")
    assert (state.after, state.before) == ("a", "")


@pytest.mark.parametrize(
    "query",
    [
        "q=x&status=active&status=off",
        "sort=-total&created_to=2026-02-03",
        "columns=kind,note&size=100",
        "after=c1",
        "before=c%3D1",
        "columns=-",
    ],
)
def test_url_of_a_state_reads_back_as_the_same_state(query: str) -> None:
    state = state_of(query)
    assert state_of(state.url().partition("?")[2]) == state


def test_any_change_but_a_cursor_goes_to_the_first_page() -> None:
    state = state_of("q=x&after=c1")
    assert state.url(sort="-name") == "/things/?q=x&sort=-name"
    assert state.url(before="c0") == "/things/?q=x&before=c0"


def test_export_carries_the_filters_without_page() -> None:
    assert state_of("status=off&after=c1&size=50").query_for("/t.csv?x=1") == "/t.csv?x=1&status=off"


def test_kept_parameters_travel_along() -> None:
    state = GridState.parse(QueryDict("customer=7&q=x"), SPEC, path="/t/", keep=["customer"])
    assert state.url(q="") == "/t/?customer=7"


def test_spec_refuses_clashing_keys() -> None:
    with pytest.raises(ValueError, match="clash"):
        GridSpec(name="x", noun="x", columns=[], filters=[Filter(key="sort", label="", choices=[])])
    with pytest.raises(ValueError, match="default_sort"):
        GridSpec(name="x", noun="x", columns=[Column(key="a", label="A")], default_sort="a")


def test_rows_escape_everything() -> None:
    row = {
        "id": EVIL,
        "url": "/" + EVIL,
        "label": EVIL,
        "name": cells.Link(EVIL, "/" + EVIL),
        "kind": EVIL,
        "total": EVIL,
    }
    html = html_of(rows=[row], count=EVIL)
    assert "<img" not in html
    assert "onerror=alert(1)>" not in html


def test_search_text_is_escaped() -> None:
    assert "<img" not in html_of("q=" + EVIL)


def test_rows_may_be_objects() -> None:
    row = SimpleNamespace(id=7, url="/7/", label="Seven", name="Seven", kind="x", total=None)
    spec = GridSpec(name="o", noun="o", columns=[Column(key="name", label="Name")])
    grid = grid_view.Grid(spec=spec, state=GridState.parse({}, spec), page=GridPage(rows=[row]))
    assert 'id="o-7"' in grid.rows
    assert "Seven" in grid.rows


def test_table_is_a_table_for_everyone() -> None:
    html = html_of("sort=-total")
    assert '<th scope="row"' in html
    assert 'aria-sort="descending"' in html
    assert html.count('aria-sort="none"') == 1
    assert "<caption" in html
    assert 'aria-label="Select One"' in html
    assert 'aria-label="Edit: One"' in html
    assert "Never" not in html


def test_row_post_action_uses_the_form_with_the_token() -> None:
    html = html_of()
    assert 'form="things-grid-post" formaction="/run/"' in html
    assert 'id="things-grid-post" method="post"' in html


def test_set_filter_shows_its_value_and_the_way_out() -> None:
    html = html_of("status=active&q=x")
    assert '<span class="pill-value">Active</span>' in html
    assert 'href="/things/?q=x"' in html
    assert "Remove filter Status" in html
    assert 'href="/things/" hx-get="/things/">Clear filters' in html


def test_empty_list_says_what_to_do_next_and_a_narrow_one_offers_the_way_back() -> None:
    assert "No things yet" in html_of(rows=[])
    narrowed = html_of("q=zzz", rows=[])
    assert "No things yet" not in narrowed
    assert "No things match" in narrowed


@pytest.mark.parametrize(
    ("count", "words"), [(1, "1 thing"), (1204, "1,204 things"), ("about 1,200", "about 1,200 things")]
)
def test_count_is_exact_or_words(count: int | str, words: str) -> None:
    assert f'role="status">{words}</p>' in html_of(count=count)


def test_pager_has_links_only_where_there_is_a_page() -> None:
    html = html_of(next_cursor="n1")
    assert 'href="/things/?after=n1"' in html
    assert 'rel="prev"' not in html


def test_works_without_script() -> None:
    html = html_of()
    assert re.search(r'<form class="grid-bar"[^>]*method="get" action="/things/"', html)
    assert 'formaction="/drop/"' in html


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, ""),
        ({"HX-Request": "true", "HX-Target": "section#things-grid"}, "things-grid"),
        ({"HX-Request": "true", "HX-Target": "body"}, ""),
        ({"HX-Target": "section#things-grid"}, ""),
        ({"HX-Request": "true", "HX-Target": "section#things-grid", "HX-History-Restore-Request": "true"}, ""),
    ],
)
def test_target_is_what_htmx_will_swap(headers: dict[str, str], expected: str) -> None:
    assert htmx.target(RequestFactory().get("/", headers=headers)) == expected


def test_htmx_gets_only_the_grid_and_the_short_address() -> None:
    grid = grid_view.Grid(spec=SPEC, state=state_of("q=x&columns=-&columns=kind&columns=total"), page=GridPage(rows=[]))
    request = RequestFactory().get("/", headers={"HX-Request": "true", "HX-Target": "section#things-grid"})
    response = grid_view.respond(request, template="never/rendered.html", grid=grid)
    assert response.content.startswith(b"<section")
    assert response["HX-Push-Url"] == "/things/?q=x"


def test_25_rows_of_8_columns_stay_cheap() -> None:
    columns = [Column(key=f"c{i}", label=f"C{i}") for i in range(8)]
    spec = GridSpec(name="big", noun="rows", columns=columns)
    values = {f"c{i}": cells.Link(f"Value {i}", "/x/") if i % 2 else cells.Status("Active", "ok") for i in range(8)}
    page = GridPage(rows=[{"id": i, "url": "/x/", "label": "x", **values} for i in range(25)])
    state = GridState.parse({}, spec)
    best = 1.0
    for _ in range(50):
        start = time.perf_counter()
        grid_view.RowWriter(grid=grid_view.Grid(spec=spec, state=state, page=page)).write()
        best = min(best, time.perf_counter() - start)
    assert best < 0.0015 * 2, f"{best * 1000:.2f} ms"
