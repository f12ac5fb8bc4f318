"""Template tags, builtin in every template: {% icon %}, {% status %}, {% grid %}, {% field %}, {% card %} …"""

import datetime as dt
import re
from typing import Any

from django import forms as django_forms
from django import template
from django.conf import settings
from django.template.context import Context
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString, mark_safe

from msphub.ui import cells, chrome, forms, grid_frame, htmx
from msphub.ui.grid_view import Grid
from msphub.ui.icons import icon as _icon

register = template.Library()
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


@register.simple_tag
def icon(name: str, css: str = "", title: str = "") -> SafeString:
    """An inline SVG icon by Tabler's name."""
    return _icon(name, css=css, title=title)


@register.simple_tag
def status(word: object, tone: str = "muted") -> SafeString:
    """A dot and a word: ok, info, warn, danger, muted."""
    tone_name: Any = tone
    return mark_safe(cells.Status(str(word), tone_name).__html__())  # noqa: S308 - every part is escaped


@register.filter(name="cell")
def cell(value: object) -> SafeString:
    """A `cells.*` value, a string or None as HTML."""
    return mark_safe(cells.html(value))  # noqa: S308 - every part is escaped


@register.simple_tag
def moment(value: dt.datetime | dt.date | None) -> SafeString:
    """An instant (viewer's zone, exact on hover) or a day as `<time>`."""
    shown = cells.moment(value) if isinstance(value, dt.datetime) else cells.day(value)
    return mark_safe(cells.html(shown))  # noqa: S308 - every part is escaped


@register.simple_tag
def ago(value: dt.datetime | None, now: dt.datetime) -> SafeString:
    """ "3 minutes ago" against the given now, exact on hover."""
    return mark_safe(cells.html(cells.ago(value, now=now)))  # noqa: S308 - every part is escaped


@register.simple_tag
def money(amount: Any, currency: str) -> SafeString:
    """An amount in its currency."""
    return mark_safe(cells.html(cells.Money(amount, currency)))  # noqa: S308 - every part is escaped


@register.simple_tag
def dialog_attributes() -> SafeString:
    """Attributes that open the link's address as a dialog (add hx-get with the same address)."""
    return SafeString(htmx.DIALOG_ATTRIBUTES)


@register.filter
def dialog_parent(request: Any) -> str:
    """The frame a dialog's template stands in: a dialog when htmx asks for one, else a page."""
    if request is not None and htmx.wants_dialog(request):
        return "ui/_dialog.html"
    return "ui/_dialog_page.html"


@register.simple_tag(takes_context=True)
def grid(context: Context, grid: Grid) -> SafeString:
    """The whole grid component."""
    return grid.render(token=context.get("csrf_token") or "")


@register.simple_tag
def pager(previous_url: str, next_url: str) -> SafeString:
    """Links to the pages beside this one."""
    return grid_frame.pager(previous_url=previous_url, next_url=next_url)


@register.simple_tag
def field(bound: django_forms.BoundField, width: str = "") -> SafeString:
    """One field: label, control, help, error."""
    return _field(bound, width=width)


def _field(bound: django_forms.BoundField, *, width: str = "") -> SafeString:
    renderer = forms.renderer()
    return mark_safe(renderer.render("ui/field.html", {"field": bound, "width": width}))  # noqa: S308 - every part is escaped


@register.filter
def field_kind(bound: django_forms.BoundField) -> str:
    """checkbox, choices, hidden or control."""
    return forms.kind(bound)


@register.filter
def field_width(bound: django_forms.BoundField) -> str:
    """The field's width, "" if it has none."""
    return str(getattr(bound.field, "ui_width", ""))


@register.filter
def field_checked(bound: django_forms.BoundField) -> bool:
    """Whether a live check answers beside the field."""
    return bool(getattr(bound.field, "ui_check", False))


@register.filter
def groups_or(groups: list[forms.BoundGroup] | str, form: django_forms.BaseForm) -> list[forms.BoundGroup]:
    """The groups given, or the form's by its layout."""
    return forms.bind(form) if isinstance(groups, str) else groups


@register.simple_tag
def main_menu(groups: Any) -> SafeString:
    """The main menu's lists."""
    return chrome.main_menu(groups)


@register.simple_tag(takes_context=True)
def profile_menu(context: Context, profile: Any) -> SafeString:
    """The profile menu."""
    return chrome.profile_menu(profile, token=str(context.get("csrf_token") or ""))


@register.simple_tag
def fixed(template_name: str) -> SafeString:
    """A template without context, rendered once a process and language."""
    return chrome.fixed(template_name, static_url=str(settings.STATIC_URL))


@register.filter
def form_errors(form: django_forms.BaseForm) -> list[tuple[str, str, str]]:
    """(id, label, message) of each error."""
    return forms.errors(form)


@register.simple_tag(takes_context=True)
def form_fields(context: Context, form: django_forms.BaseForm, layout: forms.Layout | None = None) -> SafeString:
    """Error summary and all groups of a form; put it inside your own <form> with the csrf token."""
    groups = forms.bind(form, layout=layout)
    return _groups(context, form=form, groups=groups, template_name="ui/form.html")


@register.simple_tag(takes_context=True)
def form_group(
    context: Context, form: django_forms.BaseForm, legend: str, layout: forms.Layout | None = None
) -> SafeString:
    """One group of a form's layout, by legend or id: for swaps."""
    whole = layout or getattr(form, "layout", None)
    if whole is None:
        raise template.TemplateSyntaxError("form_group: the form has no layout")
    groups = [forms.BoundGroup(group=whole.group(str(legend)), form=form)]
    return _groups(context, form=form, groups=groups, template_name="ui/form_groups.html")


def _groups(context: Context, *, form: Any, groups: list[forms.BoundGroup], template_name: str) -> SafeString:
    values: dict[str, Any] = {str(key): value for key, value in context.flatten().items()}
    return render_to_string(template_name, values | {"form": form, "groups": groups})


@register.filter
def without_placeholder(bound: django_forms.BoundField) -> django_forms.BoundField:
    """The field without its placeholder: a label stands above it."""
    bound.field.widget.attrs.pop("placeholder", None)
    return bound


@register.filter
def without_help(bound: django_forms.BoundField) -> django_forms.BoundField:
    """The field without its help text."""
    bound.field.help_text = bound.help_text = ""
    return bound


@register.simple_tag
def password_forgotten_url() -> str:
    """Address of "Forgot your password?": the url name in PASSWORD_FORGOTTEN_URL, else allauth's, else ""."""
    for name in (getattr(settings, "PASSWORD_FORGOTTEN_URL", ""), "account_reset_password"):
        try:
            if name:
                return reverse(name)
        except NoReverseMatch:
            continue
    return ""


@register.simple_tag
def copy_button(text: object, label: str = "") -> SafeString:
    """A button that copies text (works where script runs; hidden elsewhere)."""
    return render_to_string("ui/copy.html", {"text": str(text), "label": label})


@register.simple_block_tag
def card(content: str, title: object = "", action: object = None, css: str = "", id: str = "") -> SafeString:  # noqa: A002 - the attribute's name
    """{% card title="Company" action=action %}…{% endcard %}: a panel with a head."""
    values = {"content": content, "title": title, "action": action, "css": css, "id": id}
    return render_to_string("ui/card.html", values)


@register.simple_block_tag
def alert(content: str, tone: str = "info", title: object = "") -> SafeString:
    """{% alert "warn" title="…" %}…{% endalert %}: a message that stays on the page."""
    return render_to_string("ui/alert.html", {"content": content, "tone": tone, "title": title})


@register.filter
def message_tone(level: object) -> str:
    """Django's message level tag as our tone."""
    return {"success": "ok", "warning": "warn", "error": "danger", "info": "info"}.get(str(level), "muted")


@register.filter
def hex_color(value: object) -> str:
    """A colour #rrggbb, "" for anything else."""
    text = str(value or "")
    return text if _HEX.fullmatch(text) else ""


@register.simple_tag
def percent_of(part: Any, whole: Any) -> int:
    """How much of a whole, 0-100, as an integer."""
    return 0 if not whole else max(0, min(100, int(part * 100 / whole)))
