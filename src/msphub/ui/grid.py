"""The one grid of all lists: what a page declares, and what the address bar says.

A page declares a `GridSpec` once at import, parses `GridState` from the address, asks its queries for a `GridPage` and
hands the three to `grid_view.respond`. The address bar holds the whole state; nothing is kept in the session.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.functional import Promise

Words = str | Promise
Choices = Iterable[tuple[str, Words]]
RESERVED = frozenset({"q", "sort", "after", "before", "size", "columns", "csrfmiddlewaretoken"})
MAX_SEARCH = 200
MAX_CURSOR = 1000


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column. `render` turns the row's value into a cell (`cells.*`, str or None); without it the value is the cell.

    `sortable` columns carry a link in their head; `pinned` ones cannot be hidden (the name). `width` is one of
    narrow, wide or "" (fits its content).
    """

    key: str
    label: Words
    sortable: bool = False
    align: Literal["start", "end"] = "start"
    default_shown: bool = True
    pinned: bool = False
    width: Literal["", "narrow", "wide"] = ""
    render: Callable[[Any], Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Filter:
    """A filter of fixed choices, several at once unless `multiple` is False.

    `choices` may be a callable, asked when a request is parsed and when its menu is rendered: keep it cheap.
    """

    key: str
    label: Words
    choices: Choices | Callable[[], Choices]
    multiple: bool = True

    def options(self) -> list[tuple[str, Words]]:
        """The choices as a list."""
        return list(self.choices() if callable(self.choices) else self.choices)


@dataclass(frozen=True, kw_only=True)
class DateFilter:
    """A filter by days, both inclusive: parameters `<key>_from` and `<key>_to`."""

    key: str
    label: Words


@dataclass(frozen=True, kw_only=True)
class RowAction:
    """An action of a row, a link or button with a name. `url` gets the row and answers None where it is not offered.

    `how`: "link" goes there, "dialog" opens the address as a dialog, "post" posts to it. With an icon and `icon_only`
    the name is read out and shown on hover. `name` gives the whole name for a row (“Purchase for Contoso”). With
    `why_not` it is a button that stays where it is, disabled with the reason while `why_not` answers one.
    """

    key: str
    label: Words
    url: Callable[[Any], str | None]
    icon: str = ""
    icon_only: bool = False
    how: Literal["link", "dialog", "post"] = "link"
    name: Callable[[Any], str] | None = None
    why_not: Callable[[Any], str] | None = None


@dataclass(frozen=True, kw_only=True)
class BulkAction:
    """An action on the ticked rows, ids travel as `ids`. `dialog` opens `url?ids=…` as a dialog, else it posts."""

    key: str
    label: Words
    url: str | Promise
    icon: str = ""
    tone: Literal["", "danger"] = ""
    dialog: bool = False


@dataclass(frozen=True, kw_only=True)
class Empty:
    """What an empty list says and what to do next."""

    title: Words
    text: Words = ""
    action_label: Words = ""
    action_url: str | Promise = ""
    icon: str = "list"


@dataclass(frozen=True, kw_only=True)
class Export:
    """A download of the filtered set: the state's parameters are appended to the address."""

    label: Words
    url: str | Promise


@dataclass(frozen=True, kw_only=True)
class GridSpec:
    """What a list is. `name` is unique on its page and prefixes the ids in the markup.

    `noun` names the rows in the plural ("customers"), `noun_one` a single one.
    `default_sort` is a column's key, "-" in front for descending.
    """

    name: str
    noun: Words
    noun_one: Words = ""
    columns: Sequence[Column]
    filters: Sequence[Filter | DateFilter] = ()
    searchable: bool = True
    search_label: Words = ""
    default_sort: str = ""
    row_actions: Sequence[RowAction] = ()
    bulk_actions: Sequence[BulkAction] = ()
    empty: Empty | None = None
    page_sizes: Sequence[int] = (25, 50, 100)
    exports: Sequence[Export] = ()

    def __post_init__(self) -> None:
        """Refuse clashing keys at import, not at a click."""
        keys = [column.key for column in self.columns]
        params = [one.key for one in self.filters]
        if len(set(keys)) != len(keys) or len(set(params)) != len(params) or RESERVED.intersection(params):
            raise ValueError(f"grid {self.name}: column or filter keys clash")
        if self.default_sort and self.default_sort.lstrip("-") not in self.sort_keys:
            raise ValueError(f"grid {self.name}: default_sort is not a sortable column")

    @property
    def sort_keys(self) -> frozenset[str]:
        """Keys one may sort by."""
        return frozenset(column.key for column in self.columns if column.sortable)

    @property
    def default_columns(self) -> tuple[str, ...]:
        """Keys shown when the address does not say."""
        return tuple(column.key for column in self.columns if column.default_shown or column.pinned)

    @property
    def size(self) -> int:
        """Rows a page when the address does not say."""
        return self.page_sizes[0]


@dataclass(frozen=True, kw_only=True)
class GridState:
    """What the address says about a list, checked against its spec: unknown or invalid parts are ignored.

    `filters` holds only set filters: key → chosen values (for a DateFilter: `<key>_from` / `<key>_to` → one ISO day).
    """

    spec: GridSpec
    path: str = ""
    q: str = ""
    sort: str = ""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    after: str = ""
    before: str = ""
    size: int = 25
    columns: tuple[str, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(
        cls, data: QueryDict | Mapping[str, Any], spec: GridSpec, *, path: str = "", keep: Sequence[str] = ()
    ) -> "GridState":
        """Read it out of `request.GET`. `path` is the page's address, `keep` names further parameters to carry."""
        query = data if isinstance(data, QueryDict) else _as_query(data)
        filters: dict[str, tuple[str, ...]] = {}
        for one in spec.filters:
            filters.update(_dates(one, query) if isinstance(one, DateFilter) else _chosen(one, query))
        sort = query.get("sort") or ""
        size = query.get("size") or ""
        asked = [key for text in query.getlist("columns") for key in text.split(",") if key]
        shown = tuple(c.key for c in spec.columns if c.pinned or c.key in asked) if asked else spec.default_columns
        after = _clean(query.get("after"))[:MAX_CURSOR]
        return cls(
            spec=spec,
            path=path,
            q=" ".join(_clean(query.get("q"))[:MAX_SEARCH].split()) if spec.searchable else "",
            sort=sort if sort.removeprefix("-") in spec.sort_keys else spec.default_sort,
            filters=filters,
            after=after,
            before="" if after else _clean(query.get("before"))[:MAX_CURSOR],
            size=int(size) if size.isascii() and size.isdigit() and int(size) in spec.page_sizes else spec.size,
            columns=shown or spec.default_columns,
            extra=tuple((key, value) for key in keep for value in query.getlist(key)),
        )

    @property
    def sort_key(self) -> str:
        """The column sorted by, without direction."""
        return self.sort.removeprefix("-")

    @property
    def descending(self) -> bool:
        """Whether the order is reversed."""
        return self.sort.startswith("-")

    @property
    def narrowed(self) -> bool:
        """Whether a search or a filter is set."""
        return bool(self.q or self.filters)

    def chosen(self, key: str) -> tuple[str, ...]:
        """The values chosen for a filter, () for none."""
        return self.filters.get(key, ())

    def day(self, key: str) -> dt.date | None:
        """A DateFilter's bound, e.g. `day("created_from")`."""
        values = self.filters.get(key)
        return dt.date.fromisoformat(values[0]) if values else None

    def pairs(self) -> list[tuple[str, str]]:
        """The state as parameters, defaults left out."""
        pairs = list(self.extra)
        if self.q:
            pairs.append(("q", self.q))
        if self.sort != self.spec.default_sort:
            pairs.append(("sort", self.sort))
        pairs += [(key, value) for key, values in self.filters.items() for value in values]
        if self.columns != self.spec.default_columns:
            pinned = {column.key for column in self.spec.columns if column.pinned}
            pairs.append(("columns", ",".join(key for key in self.columns if key not in pinned) or "-"))
        if self.size != self.spec.size:
            pairs.append(("size", str(self.size)))
        if self.after:
            pairs.append(("after", self.after))
        elif self.before:
            pairs.append(("before", self.before))
        return pairs

    def change(self, **changes: Any) -> "GridState":
        """The state with changes. Anything but a cursor goes back to the first page."""
        return replace(self, **{"after": "", "before": "", **changes})

    def with_filter(self, key: str, values: Sequence[str]) -> "GridState":
        """The state with one filter set anew; no values clear it."""
        filters = {name: chosen for name, chosen in self.filters.items() if name != key}
        if values:
            filters[key] = tuple(values)
        return self.change(filters=filters)

    def url(self, **changes: Any) -> str:
        """The address of this state, or of it with changes: `state.url(sort="-name")`, `state.url(after=cursor)`."""
        state = self.change(**changes) if changes else self
        query = urlencode(state.pairs(), safe=",:")
        return f"{state.path}?{query}" if query else state.path or "?"

    def query_for(self, base: str) -> str:
        """The filtered set's parameters, without page, appended to another address (exports)."""
        query = urlencode([pair for pair in self.change().pairs() if pair[0] != "size"], safe=",:")
        return base if not query else f"{base}{'&' if '?' in base else '?'}{query}"


@dataclass(frozen=True, kw_only=True)
class GridPage:
    """The rows asked for. Rows are mappings or objects with `id`, `url`, `label` and one value a column key.

    `count` is exact (int), words ("about 1,200") or None when counting would be dear. Cursors are opaque.
    """

    rows: Sequence[Any]
    next_cursor: str | None = None
    previous_cursor: str | None = None
    count: int | Words | None = None


def _as_query(data: Mapping[str, Any]) -> QueryDict:
    query = QueryDict(mutable=True)
    for key, value in data.items():
        query.setlist(key, [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)])
    return query


def _clean(text: str | None) -> str:
    """Without control characters: PostgreSQL refuses NUL."""
    return "".join(sign for sign in text or "" if sign.isprintable() or sign == " ").strip()


def _chosen(one: Filter, query: QueryDict) -> dict[str, tuple[str, ...]]:
    asked = set(query.getlist(one.key))
    if not asked:
        return {}
    values = tuple(value for value, _label in one.options() if value and value in asked)
    if not one.multiple:
        values = values[:1]
    return {one.key: values} if values else {}


def _dates(one: DateFilter, query: QueryDict) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name in (f"{one.key}_from", f"{one.key}_to"):
        text = query.get(name) or ""
        try:
            found[name] = (dt.date.fromisoformat(text).isoformat(),)
        except ValueError:
            continue
    return found
