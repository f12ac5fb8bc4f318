"""A grid as HTML, written in Python: a page of 25 must cost about a millisecond."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from msphub.kit import money
from msphub.ui import cells, grid_frame, htmx
from msphub.ui.cells import escape
from msphub.ui.grid import Column, DateFilter, Filter, GridPage, GridSpec, GridState
from msphub.ui.icons import icon

#: Menus with more choices than this get a box to narrow them.
LONG_MENU = 12


@dataclass(frozen=True)
class Menu:
    """A filter's menu."""

    key: str
    label: str
    options: list[tuple[str, str, bool]]
    multiple: bool
    chosen: int
    clear_url: str
    dates: tuple[str, str] | None = None

    @property
    def summary(self) -> str:
        """What is chosen, in words, shortened when it is much."""
        if self.dates is not None:
            return " \u2013 ".join(self.dates) if self.chosen else ""
        words = [label for _value, label, on in self.options if on]
        return ", ".join(words) if len(words) < 4 else f"{', '.join(words[:2])} +{len(words) - 2}"

    @property
    def options_html(self) -> SafeString:
        """The choices as labelled boxes."""
        kind = "checkbox" if self.multiple else "radio"
        return _options(name=self.key, kind=kind, options=tuple(self.options))

    def html(self) -> str:
        """The filter as a pill: what is set, its menu, and the way out."""
        label = escape(self.label)
        lead = "" if self.chosen else icon("plus")
        value = f'<span class="pill-value">{escape(self.summary)}</span>' if self.chosen else ""
        parts = [
            (
                f'<div class="pill-box{" is-set" if self.chosen else ""}"><details class="menu" data-menu="{self.key}">'
                f'<summary class="pill">{lead}<span>{label}</span>{value}</summary>'
                f'<div class="menu-panel" role="group" aria-label="{label}">'
            )
        ]
        if self.dates is not None:
            ends = zip((("from", _("From")), ("to", _("To"))), self.dates, strict=True)
            inputs = [
                f'<label>{escape(word)}<input type="date" name="{self.key}_{end}" value="{escape(day)}"></label>'
                for (end, word), day in ends
            ]
            parts.append(f'<div class="menu-dates">{"".join(inputs)}</div>')
        else:
            if len(self.options) > LONG_MENU:
                words = escape(_("Narrow the list"))
                parts.append(
                    f'<input type="search" class="menu-narrow" data-narrow aria-label="{words}" placeholder="{words}">'
                )
            parts.append(f'<div class="menu-options">{self.options_html}</div>')
        parts.append(
            f'<button type="submit" class="btn btn-sm no-script">{escape(_("Apply"))}</button></div></details>'
        )
        if self.chosen:
            url, name = escape(self.clear_url), escape(_("Remove filter %(name)s") % {"name": self.label})
            parts.append(f'<a class="pill-clear" href="{url}" hx-get="{url}" aria-label="{name}">{icon("x")}</a>')
        parts.append("</div>")
        return "".join(parts)


class Grid:
    """Spec, state and page together, as the template wants them: `{% grid grid %}`."""

    def __init__(self, *, spec: GridSpec, state: GridState, page: GridPage) -> None:
        """Nothing is rendered yet."""
        self.spec = spec
        self.state = state
        self.page = page
        self.id = f"{spec.name}-grid"

    @cached_property
    def columns(self) -> list[Column]:
        """The columns shown, in their declared order."""
        return [column for column in self.spec.columns if column.key in self.state.columns]

    @cached_property
    def heads(self) -> SafeString:
        """Heads of the shown columns; a sortable one is a link and says how it is sorted."""
        return mark_safe("".join([self._head(column) for column in self.columns]))  # noqa: S308 - every part is escaped

    def _head(self, column: Column) -> str:
        css = " ".join(filter(None, ["main" if column.pinned else "", "end" * (column.align == "end"), column.width]))
        label = escape(str(column.label))
        if not column.sortable:
            return f'<th scope="col" class="{css}">{label}</th>'
        current = self.state.sort_key == column.key
        if not current:
            aria, sort, mark = "none", column.key, icon("arrows-sort", css="sort-hint")
        elif self.state.descending:
            aria, sort, mark = "descending", column.key, icon("arrow-down")
        else:
            aria, sort, mark = "ascending", f"-{column.key}", icon("arrow-up")
        url = escape(self.state.url(sort=sort))
        return f'<th scope="col" class="{css}" aria-sort="{aria}"><a href="{url}" hx-get="{url}">{label}{mark}</a></th>'

    @cached_property
    def rows(self) -> SafeString:
        """All rows as one safe string."""
        return mark_safe(RowWriter(grid=self).write())  # noqa: S308 - every part is escaped

    @cached_property
    def menus(self) -> list[Menu]:
        """The filter menus."""
        return [self._menu(one) for one in self.spec.filters]

    @cached_property
    def pills(self) -> SafeString:
        """All filters."""
        return mark_safe("".join([menu.html() for menu in self.menus]))  # noqa: S308 - every part is escaped

    def _menu(self, one: Filter | DateFilter) -> Menu:
        if isinstance(one, DateFilter):
            bounds = tuple("".join(self.state.chosen(f"{one.key}_{end}")) for end in ("from", "to"))
            return Menu(
                key=one.key,
                label=str(one.label),
                options=[],
                multiple=False,
                chosen=sum(map(bool, bounds)),
                clear_url=self._without(f"{one.key}_from", f"{one.key}_to"),
                dates=(bounds[0], bounds[1]),
            )
        chosen = self.state.chosen(one.key)
        options = [(value, str(label), value in chosen) for value, label in one.options()]
        return Menu(
            key=one.key,
            label=str(one.label),
            options=options,
            multiple=one.multiple,
            chosen=len(chosen),
            clear_url=self._without(one.key),
        )

    def _without(self, *keys: str) -> str:
        filters = {key: values for key, values in self.state.filters.items() if key not in keys}
        return self.state.url(filters=filters)

    @cached_property
    def column_options(self) -> SafeString:
        """The columns as boxes to tick; pinned ones are always there and not offered."""
        options = tuple((c.key, str(c.label), c.key in self.state.columns) for c in self.spec.columns if not c.pinned)
        return _options(name="columns", kind="checkbox", options=options)

    @cached_property
    def sizes(self) -> list[tuple[int, str]]:
        """Page sizes with their addresses."""
        return [(size, self.state.url(size=size)) for size in self.spec.page_sizes]

    @cached_property
    def posts(self) -> bool:
        """Whether a row action posts."""
        return any(one.how == "post" or one.why_not for one in self.spec.row_actions)

    @cached_property
    def clear_url(self) -> str:
        """Without search and filters."""
        return self.state.url(q="", filters={})

    @property
    def previous_url(self) -> str:
        """The page before, "" if none."""
        cursor = self.page.previous_cursor
        return self.state.url(before=cursor) if cursor else ""

    @property
    def next_url(self) -> str:
        """The page after, "" if none."""
        cursor = self.page.next_cursor
        return self.state.url(after=cursor) if cursor else ""

    @cached_property
    def exports(self) -> list[tuple[str, str]]:
        """Label and address of each download of the filtered set."""
        return [(str(one.label), self.state.query_for(str(one.url))) for one in self.spec.exports]

    @cached_property
    def count_text(self) -> str:
        """ "1,204 customers", "about 1,200 customers", or "" when nobody counted."""
        count = self.page.count
        if count is None:
            return ""
        number = money.number(count) if isinstance(count, int) else str(count)
        return f"{number} {(self.spec.noun_one or self.spec.noun) if count == 1 else self.spec.noun}"

    @property
    def is_bare(self) -> bool:
        """Nothing there at all, and nothing was asked for."""
        return not self.page.rows and not self.state.narrowed and not self.state.after and not self.state.before

    @property
    def search_label(self) -> str:
        """Name of the search box."""
        return str(self.spec.search_label) or _("Search %(noun)s") % {"noun": self.spec.noun}

    @cached_property
    def has_actions(self) -> bool:
        """Whether rows have actions."""
        return bool(self.spec.row_actions)

    @property
    def column_count(self) -> int:
        """Cells in a row."""
        return len(self.columns) + bool(self.spec.bulk_actions) + self.has_actions

    def render(self, *, token: object = "") -> SafeString:
        """The whole component; `token` is the csrf token of its forms."""
        return grid_frame.write(self, token=token)


@lru_cache(maxsize=64)
def _options(*, name: str, kind: str, options: tuple[tuple[str, str, bool], ...]) -> SafeString:
    """Choices as labelled boxes; the label's text is the choice. Kept: a menu of all countries is 30 kB."""
    return mark_safe(  # noqa: S308 - every part is escaped
        "".join(
            f'<label class="menu-choice"><input type="{kind}" name="{escape(name)}" value="{escape(value)}"'
            f"{' checked' if on else ''}><span>{escape(label)}</span></label>"
            for value, label, on in options
        )
    )


def _attribute(row: object, name: str) -> Any:
    return getattr(row, name, None)


class RowWriter:
    """Writes rows. Everything a column needs is prepared once, so a cell costs one call and one format."""

    def __init__(self, *, grid: Grid) -> None:
        """Prepare the parts that are the same for every row."""
        self.grid = grid
        self.cells = [self._column(column) for column in grid.columns]
        self.select = _("Select %(label)s")
        self.actions = [(one, str(one.label), icon(one.icon)) for one in grid.spec.row_actions]
        self.actions_label = escape(_("Actions"))

    def _column(self, column: Column) -> tuple[str, Callable[[Any], Any] | None, str, str]:
        names = "end" if column.align == "end" else ""
        names += " main" if column.pinned else ""
        names += f" {column.width}" if column.width else ""
        css = f' class="{names.strip()}"' if names else ""
        tag = "th" if column.pinned else "td"
        scope = ' scope="row"' if column.pinned else ""
        opening = f'<{tag}{scope}{css} data-label="{escape(str(column.label))}"><div>'
        return column.key, column.render, opening, f"</div></{tag}>"

    def write(self) -> str:
        """All rows."""
        return "".join([self._row(row) for row in self.grid.page.rows])

    def _row(self, row: Any) -> str:
        get: Callable[[str], Any] = row.get if isinstance(row, Mapping) else partial(_attribute, row)
        identity, label = escape(str(get("id"))), str(get("label") or "")
        parts = [f'<tr id="{self.grid.spec.name}-{identity}">']
        if self.grid.spec.bulk_actions:
            name = escape(self.select % {"label": label})
            parts.append(
                f'<td class="tick"><label><input type="checkbox" name="ids" value="{identity}" '
                f'form="{self.grid.id}-bulk" aria-label="{name}"></label></td>'
            )
        for key, show, opening, closing in self.cells:
            value = get(key)
            if show is not None:
                value = show(value)
            parts += (opening, cells.html(value), closing)
        if self.actions:
            parts.append(f'<td class="actions" data-label="{self.actions_label}"><div>')
            parts += [self._action(one, words, svg, row, label) for one, words, svg in self.actions]
            parts.append("</div></td>")
        parts.append("</tr>")
        return "".join(parts)

    def _action(self, one: Any, words: str, svg: str, row: Any, label: str) -> str:
        url = one.url(row)
        if not url:
            return ""
        inner = svg if one.icon_only else f"{svg}<span>{escape(words)}</span>"
        name = escape(one.name(row) if one.name else f"{words}: {label}")
        title = f' title="{escape(words)}"' if one.icon_only else ""
        css = "row-action icon-only" if one.icon_only else "row-action"
        if one.how == "post":
            return (
                f'<button class="{css}" type="submit" form="{self.grid.id}-post" formaction="{escape(url)}" '
                f'aria-label="{name}"{title}>{inner}</button>'
            )
        dialog = f' hx-get="{escape(url)}" {htmx.DIALOG_ATTRIBUTES}' if one.how == "dialog" else ""
        if one.why_not is not None:
            reason = one.why_not(row)
            if reason:
                why = escape(reason)
                return (
                    f'<button class="{css}" type="button" disabled aria-label="{name}" title="{why}" '
                    f'aria-description="{why}">{inner}</button>'
                )
            return (
                f'<button class="{css}" type="submit" form="{self.grid.id}-post" formmethod="get" '
                f'formaction="{escape(url)}" aria-label="{name}"{title}{dialog}>{inner}</button>'
            )
        return f'<a class="{css}" href="{escape(url)}" aria-label="{name}"{title}{dialog}>{inner}</a>'


def respond(
    request: HttpRequest, *, template: str, grid: Grid, context: Mapping[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    """Answer a list page: only the grid when htmx asks for it, else `template` with `grid` in its context.

    The answer to htmx carries the state's short address for the address bar.
    """
    if htmx.targets(request, grid.id):
        response = HttpResponse(grid.render(token=get_token(request)), status=status)
        response["HX-Push-Url"] = grid.state.url()
    else:
        response = render(request, template, {"grid": grid, **(context or {})}, status=status)
    response["Vary"] = "HX-Request, HX-Target"
    return response
