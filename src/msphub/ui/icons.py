"""Inline SVG icons: Tabler's outline set (MIT, see icons/LICENSE), only those used, read once."""

import re
from functools import cache, lru_cache
from pathlib import Path

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

FOLDER = Path(__file__).resolve().parent / "icons"
_INNER = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)
_BOX = re.compile(r'<path stroke="none" d="M0 0h24v24H0z" fill="none"\s*/>')


class UnknownIconError(LookupError):
    """A template or a view named an icon that is not in `ui/icons/`."""


@cache
def _paths(name: str) -> str:
    path = FOLDER / f"{name}.svg"
    if not re.fullmatch(r"[a-z0-9-]+", name) or not path.exists():
        raise UnknownIconError(f"No icon {name!r}: add it with `python -m msphub.ui.assets --icon {name}`.")
    match = _INNER.search(path.read_text("utf-8"))
    if match is None:
        raise UnknownIconError(f"{path.name} is not an SVG.")
    return re.sub(r">\s+<", "><", _BOX.sub("", match[1]).strip()).replace(" />", "/>")


@lru_cache(maxsize=512)
def icon(name: str, *, css: str = "", title: str = "") -> SafeString:
    """The icon as inline SVG, hidden from assistive technology unless it has a title; an empty name gives nothing."""
    if not name:
        return SafeString("")
    access = f'role="img" aria-label="{escape(title)}"' if title else 'aria-hidden="true"'
    return mark_safe(  # noqa: S308 - every part is escaped
        f'<svg class="icon{" " + escape(css) if css else ""}" viewBox="0 0 24 24" width="16" height="16" fill="none" '
        f'stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" {access} '
        f'focusable="false">{_paths(name)}</svg>'
    )


def names() -> list[str]:
    """Names of all icons at hand."""
    return sorted(path.stem for path in FOLDER.glob("*.svg"))
