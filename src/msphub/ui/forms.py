"""How forms look: the renderer, widths, autocomplete, and layouts of fieldsets and rows.

Settings: `FORM_RENDERER = "msphub.ui.forms.Renderer"`. Any Django form then renders our fields; `UiForm` adds widths,
autocomplete and live checks, `Layout` adds groups.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Literal

from django import forms
from django.forms.renderers import TemplatesSetting
from django.forms.utils import ErrorList
from django.template.backends.django import DjangoTemplates
from django.utils.functional import Promise, cached_property
from django.utils.text import slugify

Words = str | Promise
Width = Literal["", "tiny", "short", "medium", "long", "full"]
_OFF = "off"
WIDTHS: frozenset[str] = frozenset({"", "tiny", "short", "medium", "long", "full"})


class Errors(ErrorList):
    """Errors of a field, in our words and place."""

    template_name = "ui/errors.html"


class Renderer(TemplatesSetting):
    """Renders forms with our templates and widgets with Django's own, whatever the project's engine settings are."""

    form_template_name = "ui/form.html"
    field_template_name = "ui/field.html"

    @cached_property
    def engine(self) -> DjangoTemplates:
        """An engine that also finds Django's widget templates."""
        from_django = forms.renderers.DjangoTemplates().engine
        return DjangoTemplates(
            {
                "NAME": "ui-forms",
                "APP_DIRS": True,
                "DIRS": list(from_django.dirs),
                "OPTIONS": {"builtins": ["msphub.ui.templatetags.ui", "django.templatetags.i18n"]},
            }
        )

    def get_template(self, template_name: str) -> Any:
        """Templates by name out of that engine."""
        return self.engine.get_template(template_name)


@cache
def renderer() -> Renderer:
    """One renderer a process."""
    return Renderer()


class UiForm(forms.Form):
    """A form with our widths, autocomplete and layout, declared as class attributes.

    `widths`: name → tiny (6 signs), short (12), medium (24), long (40), full. `autocomplete`: name → HTML token.
    `layout`: its groups.
    """

    widths: ClassVar[Mapping[str, Width]] = {}
    autocomplete: ClassVar[Mapping[str, str]] = {}
    layout: "ClassVar[Layout | None]" = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As Django's form; no colon after labels, no `required` mark in them."""
        kwargs.setdefault("label_suffix", "")
        kwargs.setdefault("error_class", Errors)
        kwargs.setdefault("renderer", renderer())
        super().__init__(*args, **kwargs)
        set_widths(self, widths=self.widths)
        set_autocomplete(self, tokens=self.autocomplete)


def set_widths(form: forms.BaseForm, *, widths: Mapping[str, Width]) -> None:
    """Give fields of this form their widths."""
    for name, width in widths.items():
        if width not in WIDTHS:
            raise ValueError(f"unknown width {width!r} for {name}")
        if name in form.fields:
            form.fields[name].ui_width = width  # type: ignore[attr-defined]


def set_autocomplete(form: forms.BaseForm, *, tokens: Mapping[str, str], section: str = "") -> None:
    """Set autocomplete attributes: `tokens` name → token, `section` e.g. "section-billing" put in front of each."""
    for name, token in tokens.items():
        if name in form.fields:
            parts = [token] if token == _OFF else [section, token]
            form.fields[name].widget.attrs["autocomplete"] = " ".join(filter(None, parts))


def set_check(form: forms.BaseForm, *, name: str, url: str, include: str = "") -> None:
    """Ask `url` (GET, with this field's value) when the field changes and show its answer under the field.

    `include` is a CSS selector of further controls to send. The answer is `ui/check.html` or plain words.
    """
    bound = form[name]
    attrs = form.fields[name].widget.attrs
    attrs |= {
        "hx-get": url,
        "hx-trigger": "change" if isinstance(form.fields[name].widget, forms.Select) else "input changed delay:400ms",
        "hx-target": f"#{bound.auto_id}_check",
        "hx-swap": "innerHTML",
        "hx-push-url": "false",
        "hx-sync": "this:replace",
    }
    if include:
        attrs["hx-include"] = include
    form.fields[name].ui_check = True  # type: ignore[attr-defined]


def set_refresh(form: forms.BaseForm, *, name: str, url: str, target: str, include: str = "closest form") -> None:
    """When the field changes, post the form's values to `url` and swap the element with id `target` (a group).

    The answer is the group alone, rendered with the values typed so far: `{% form_group form "Billing Address" %}`.
    """
    form.fields[name].widget.attrs |= {
        "hx-post": url,
        "hx-trigger": "change",
        "hx-target": f"#{target}",
        "hx-swap": "outerMorph",
        "hx-include": include,
        "hx-push-url": "false",
    }


@dataclass(frozen=True)
class FormLink:
    """A link or small button beside a group's legend, e.g. "Import contact info".

    `name` makes it a submit button of the form with that name (works without script); `url` makes it a link.
    """

    label: Words
    url: str | Promise = ""
    name: str = ""
    icon: str = ""


@dataclass(frozen=True)
class Group:
    """A fieldset with its legend. A row is one name or a list of names side by side; unknown names are skipped.

    `id` is the element's id for swaps (default `group-<slug of the legend>`); `template` renders in place of the rows,
    `before`/`after` are templates around them, each with the form's context (`form`, `group`).
    """

    legend: Words
    rows: Sequence[str | Sequence[str]] = ()
    text: Words = ""
    link: FormLink | None = None
    id: str = ""
    template: str = ""
    before: str = ""
    after: str = ""
    hidden_legend: bool = False

    @property
    def anchor(self) -> str:
        """The element's id."""
        return self.id or f"group-{slugify(str(self.legend))}"


@dataclass(frozen=True, init=False)
class Layout:
    """Groups of a form, in order: `Layout(Group("Company Address", ["address_1", ["city", "state", "zip"]]), …)`."""

    groups: tuple[Group, ...] = field(default=())

    def __init__(self, *groups: Group) -> None:
        """Takes the groups one after another."""
        object.__setattr__(self, "groups", groups)

    def group(self, legend: str) -> Group:
        """The group with this legend or id; KeyError if there is none."""
        for group in self.groups:
            if legend in {str(group.legend), group.anchor}:
                return group
        raise KeyError(legend)


@dataclass(frozen=True)
class BoundGroup:
    """A group with its form's fields, as the template wants it."""

    group: Group
    form: forms.BaseForm

    @property
    def rows(self) -> Iterator[list[forms.BoundField]]:
        """Rows of the fields this form has."""
        for row in self.group.rows:
            names = [row] if isinstance(row, str) else row
            bound = [self.form[name] for name in names if name in self.form.fields]
            if bound:
                yield bound


def bind(form: forms.BaseForm, *, layout: Layout | None = None) -> list[BoundGroup]:
    """The form's groups; without a layout one group without legend that holds every visible field."""
    layout = layout or getattr(form, "layout", None)
    if layout is None:
        names = [bound.name for bound in form.visible_fields()]
        return [BoundGroup(group=Group(legend="", rows=names), form=form)]
    return [BoundGroup(group=group, form=form) for group in layout.groups]


def errors(form: forms.BaseForm) -> list[tuple[str, str, str]]:
    """(id to link to, label, message) of every error, in field order; ("", "", …) for the form's own.

    A label that several fields have is told apart by its group: "Billing Contact, First Name".
    """
    if not form.is_bound:
        return []
    found = [("", "", str(message)) for message in form.non_field_errors()]
    labels = Counter(str(bound.label) for bound in form.visible_fields())
    groups = {
        name: str(group.legend)
        for group in (bound.group for bound in bind(form))
        for row in group.rows
        for name in ([row] if isinstance(row, str) else row)
    }
    for bound in form:
        label = str(bound.label)
        if labels[label] > 1 and groups.get(bound.name):
            label = f"{groups[bound.name]}, {label}"
        found += [(_focus_id(bound), label, str(message)) for message in bound.errors]
    return found


def _focus_id(bound: forms.BoundField) -> str:
    """The id of what can take the focus: the first choice of radios, else the control."""
    if bound.use_fieldset and len(bound.subwidgets):
        return str(bound.subwidgets[0].id_for_label or bound.auto_id)
    return str(bound.id_for_label or bound.auto_id)


def kind(bound: forms.BoundField) -> str:
    """What the control is, for the template: checkbox, choices, hidden or control."""
    widget = bound.field.widget
    if widget.is_hidden:
        return "hidden"
    if isinstance(widget, forms.CheckboxInput):
        return "checkbox"
    if isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple):
        return "choices"
    return "control"
