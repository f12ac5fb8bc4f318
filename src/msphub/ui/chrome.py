"""What stands around every page, written in Python because it is everywhere: main menu, profile menu, fixed parts.

The markup is plain; templates/ui/base.html says where it goes.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from msphub.ui.cells import escape
from msphub.ui.icons import icon


def get(thing: Any, name: str) -> Any:
    """A value of a mapping or an object, None if it has none."""
    return thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)


def _count(item: Any) -> str:
    count = get(item, "count")
    return f'<span class="count">{escape(str(count))}</span>' if count else ""


def _entry(item: Any) -> str:
    current = ' aria-current="page"' if get(item, "active") else ""
    return (
        f'<a href="{escape(str(get(item, "url") or ""))}"{current}>{icon(get(item, "icon") or "")}'
        f"<span>{escape(str(get(item, 'label')))}</span>{_count(item)}</a>"
    )


def main_menu(groups: Iterable[Any]) -> SafeString:
    """The main menu's lists. Items with `children` are groups that stand open unless `closed` and not active."""
    parts: list[str] = []
    chevron = icon("chevron-right", css="chevron")
    for group in groups or ():
        label = get(group, "label")
        if label:
            parts.append(f'<p class="side-label">{escape(str(label))}</p>')
        parts.append("<ul>")
        items = group["items"] if isinstance(group, Mapping) else group.items
        for item in items:
            children = get(item, "children")
            if not children:
                parts.append(f"<li>{_entry(item)}</li>")
                continue
            name = escape(str(get(item, "label")))
            is_open = get(item, "active") or not get(item, "closed") or any(get(child, "active") for child in children)
            parts.append(
                f'<li><details class="side-group" data-remember="{name}"{" open" if is_open else ""}><summary>'
                f"{icon(get(item, 'icon') or '')}<span>{name}</span>{chevron}</summary><ul>"
            )
            parts += [f"<li>{_entry(child)}</li>" for child in children]
            parts.append("</ul></details></li>")
        parts.append("</ul>")
    return mark_safe("".join(parts))  # noqa: S308 - every part is escaped


def initials(name: str) -> str:
    """Up to two initials of a name."""
    words = name.split()
    return "".join(word[0] for word in (words[:1] + words[-1:] if len(words) > 1 else words)).upper()


def _profile_link(link: Any, *, token: str) -> str:
    words = f"{icon(get(link, 'icon') or '')}<span>{escape(str(get(link, 'label')))}</span>"
    url = escape(str(get(link, "url")))
    if get(link, "post"):
        return (
            f'<form method="post" action="{url}"><input type="hidden" name="csrfmiddlewaretoken" '
            f'value="{escape(token)}"><button type="submit" class="menu-item">{words}</button></form>'
        )
    css = " menu-indent" if get(link, "indent") else ""
    current = ' aria-current="page"' if get(link, "active") else ""
    return f'<a class="menu-item{css}" href="{url}"{current}>{words}</a>'


def profile_menu(profile: Any, *, token: str) -> SafeString:
    """The profile menu, "" without a person. Links with `post` are forms carrying the csrf token."""
    if not profile:
        return SafeString("")
    raw = str(get(profile, "name") or get(profile, "email") or "")
    name, mail = escape(raw), escape(str(get(profile, "email") or ""))
    parts = [
        (
            f'<details class="menu menu-end"><summary class="profile-button" title="{name}"><span class="person" '
            f'aria-hidden="true">{escape(initials(raw))}</span><span class="visually-hidden">'
            f"{escape(_('Profile menu'))}: {name}</span></summary>"
            f'<div class="menu-panel"><div class="menu-person"><strong>{name}</strong>'
            f"<span>{mail}</span></div>"
        )
    ]
    for group in get(profile, "groups") or ():
        label = get(group, "label")
        parts.append('<div class="menu-group">')
        if label:
            parts.append(f'<p class="menu-label">{escape(str(label))}</p>')
        parts += [_profile_link(link, token=token) for link in get(group, "links") or ()]
        parts.append("</div>")
    parts.append("</div></details>")
    return mark_safe("".join(parts))  # noqa: S308 - every part is escaped


@lru_cache(maxsize=64)
def _rendered(template_name: str, *_kept_apart_by: str) -> SafeString:
    return render_to_string(template_name)


def fixed(template_name: str, *, static_url: str) -> SafeString:
    """A template without context, rendered once a process and language."""
    return _rendered(template_name, get_language() or "", static_url)
