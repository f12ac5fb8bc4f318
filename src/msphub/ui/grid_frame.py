"""What stands around a grid's rows: search, filters, tools, heads, pager, bulk actions.

Written in Python like the rows: as a template it took two thirds of the whole component's time.
"""

from typing import TYPE_CHECKING

from django.template.defaultfilters import capfirst
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from msphub.ui import htmx
from msphub.ui.cells import escape
from msphub.ui.icons import icon

if TYPE_CHECKING:
    from msphub.ui.grid_view import Grid


def write(grid: "Grid", *, token: object) -> SafeString:
    """The whole component; `token` is the csrf token of its forms."""
    spec, identity = grid.spec, grid.id
    noun = escape(capfirst(str(spec.noun)))
    opening = (
        f'<section class="data-grid" id="{identity}" data-grid data-q="{escape(grid.state.q)}" aria-label="{noun}" '
        f'hx-target:inherited="#{identity}" hx-swap:inherited="outerMorph" hx-indicator:inherited="#{identity}">\n'
    )
    if grid.is_bare and spec.empty:
        return _safe(opening, render_to_string("ui/empty.html", {"empty": spec.empty}), "\n</section>")
    hidden_token = f'<input type="hidden" name="csrfmiddlewaretoken" value="{escape(str(token))}">' if token else ""
    counted = f", {escape(grid.count_text)}" if grid.count_text else ""
    tick = (
        '<th scope="col" class="tick"><label><input type="checkbox" data-tick-all aria-label="'
        f'{escape(_("Select all on this page"))}"></label></th>'
        if spec.bulk_actions
        else ""
    )
    actions = (
        f'<th scope="col" class="actions"><span class="visually-hidden">{escape(_("Actions"))}</span></th>'
        if grid.has_actions
        else ""
    )
    return _safe(
        opening,
        _bar(grid),
        '<div class="grid-wrap" data-wide>\n<table class="grid-table">\n'
        f'<caption class="visually-hidden">{noun}{counted}</caption>\n'
        f"<thead><tr>\n{tick}\n{grid.heads}\n{actions}\n</tr></thead>\n<tbody>",
        grid.rows,
        "</tbody>\n</table>\n",
        "" if grid.page.rows else _nothing(grid),
        f'</div>\n<div class="grid-foot">\n<p class="grid-count" role="status">{escape(grid.count_text)}</p>\n',
        f'<div class="grid-pager">\n{_sizes(grid)}\n',
        pager(previous_url=grid.previous_url, next_url=grid.next_url),
        "\n</div>\n</div>\n",
        _bulk(grid, hidden_token=hidden_token) if spec.bulk_actions else "",
        f'<form id="{identity}-post" method="post" hidden>{hidden_token}</form>' if grid.posts else "",
        "\n</section>",
    )


def _safe(*parts: str) -> SafeString:
    return mark_safe("".join(parts))  # noqa: S308 - every part is escaped


def _bar(grid: "Grid") -> str:
    """Search, filters and tools: one form, which works without script too."""
    spec, state, identity = grid.spec, grid.state, grid.id
    path, label = escape(state.path), escape(grid.search_label)
    parts = [
        (
            f'<form class="grid-bar" id="{identity}-form" method="get" action="{path}" role="search" '
            f'aria-label="{label}" hx-get="{path}" '
            f'hx-trigger="submit, change, input delay:300ms from:#{identity}-q" hx-sync="this:replace" '
            f'hx-target="#{identity}" hx-swap="outerMorph" data-lean>\n'
        ),
        *(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in state.extra),
        f'<input type="hidden" name="sort" value="{"" if state.sort == spec.default_sort else escape(state.sort)}">\n',
    ]
    if state.size != spec.size:
        parts.append(f'<input type="hidden" name="size" value="{state.size}">\n')
    if spec.searchable:
        parts.append(
            f'<div class="search">{icon("search")}<input type="search" id="{identity}-q" name="q" '
            f'value="{escape(state.q)}" placeholder="{label}" aria-label="{label}" autocomplete="off" '
            'spellcheck="false" maxlength="200" hx-morph-skip></div>\n'
        )
    clear = _clear(grid, css="clear-all") if state.narrowed else ""
    parts.append(f'<div class="pills">\n{grid.pills}\n{clear}\n</div>\n<div class="grid-tools">\n')
    parts.append(f'<button type="submit" class="btn btn-sm no-script">{escape(_("Search"))}</button>\n')
    if grid.exports:
        links = "".join(
            [f'<a class="menu-item" href="{escape(url)}" download>{escape(words)}</a>' for words, url in grid.exports]
        )
        parts.append(
            f'<details class="menu menu-end"><summary class="btn btn-tool">{icon("download")}'
            f'<span>{escape(_("Export"))}</span></summary><div class="menu-panel menu-small">{links}</div></details>\n'
        )
    columns = escape(_("Columns"))
    parts.append(
        f'<details class="menu menu-end"><summary class="btn btn-tool">{icon("columns-3")}<span>{columns}</span>'
        f'</summary><div class="menu-panel menu-small" role="group" aria-label="{columns}">'
        f'<input type="hidden" name="columns" value="-">{grid.column_options}'
        f'<button type="submit" class="btn btn-sm no-script">{escape(_("Apply"))}</button></div></details>\n'
        "</div>\n</form>\n"
    )
    return "".join(parts)


def _clear(grid: "Grid", *, css: str) -> str:
    url = escape(grid.clear_url)
    return f'<a class="{css}" href="{url}" hx-get="{url}">{escape(_("Clear filters"))}</a>'


def _nothing(grid: "Grid") -> str:
    """Say that no row fits, and the way back."""
    title = escape(_("No %(noun)s match") % {"noun": grid.spec.noun})
    if grid.state.narrowed:
        why = _("Nothing fits this search and these filters.")
        way_back = f"<p>{_clear(grid, css='btn')}</p>"
    else:
        why, way_back = _("There is nothing on this page."), ""
    return (
        f'<div class="vacant vacant-small">{icon("search", css="vacant-icon")}<p class="vacant-title">{title}</p>'
        f'<p class="vacant-text">{escape(why)}</p>{way_back}</div>\n'
    )


def _sizes(grid: "Grid") -> str:
    """The menu of page sizes."""
    if len(grid.sizes) < 2:
        return ""
    links = []
    for size, raw in grid.sizes:
        url = escape(raw)
        current = ' aria-current="true"' if size == grid.state.size else ""
        links.append(f'<a class="menu-item" href="{url}" hx-get="{url}"{current}>{size}</a>')
    return (
        '<details class="menu menu-end menu-up"><summary class="btn btn-tool">'
        f"{escape(_('%(n)s per page') % {'n': grid.state.size})}{icon('chevron-down')}</summary>"
        f'<div class="menu-panel menu-small">{"".join(links)}</div></details>'
    )


def pager(*, previous_url: str, next_url: str) -> SafeString:
    """Links to the pages beside this one, "" when there are none."""
    if not (previous_url or next_url):
        return SafeString("")
    previous = icon("chevron-left") + escape(_("Previous"))
    following = escape(_("Next")) + icon("chevron-right")
    return _safe(
        f'<nav class="pager" aria-label="{escape(_("Pages"))}">',
        _way(previous_url, "prev", previous),
        _way(next_url, "next", following),
        "</nav>",
    )


def _way(raw: str, rel: str, words: str) -> str:
    if not raw:
        return f'<span class="btn btn-tool is-off" aria-disabled="true" role="link">{words}</span>'
    url = escape(raw)
    return f'<a class="btn btn-tool" rel="{rel}" href="{url}" hx-get="{url}">{words}</a>'


def _bulk(grid: "Grid", *, hidden_token: str) -> str:
    """The bar that appears once rows are ticked."""
    identity = grid.id
    buttons = []
    for one in grid.spec.bulk_actions:
        css = "btn btn-sm btn-danger" if one.tone == "danger" else "btn btn-sm"
        url = escape(str(one.url))
        dialog = (
            f' formmethod="get" hx-get="{url}" {htmx.DIALOG_ATTRIBUTES} hx-include="#{identity} tbody .tick input"'
            if one.dialog
            else ""
        )
        buttons.append(
            f'<button type="submit" class="{css}" name="action" value="{escape(one.key)}" formaction="{url}"{dialog}>'
            f"{icon(one.icon)}{escape(str(one.label))}</button>"
        )
    return (
        f'<form class="bulk" id="{identity}-bulk" method="post" aria-label="{escape(_("Actions for selected rows"))}">'
        f'{hidden_token}<span class="bulk-count" role="status"><span data-bulk-count></span> {escape(_("selected"))}'
        f'</span>{"".join(buttons)}<button type="button" class="icon-button bulk-clear" data-untick '
        f'aria-label="{escape(_("Clear selection"))}">{icon("x")}</button></form>\n'
    )
