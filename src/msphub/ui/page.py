"""What a page says about itself: title, where it stands, its one main action, tabs, steps. Passed as `page`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from django.utils.functional import Promise

from msphub.ui.cells import Status

Words = str | Promise


@dataclass(frozen=True, kw_only=True)
class Action:
    """A link or button at a page's or panel's head. `how`: "link", "dialog" (opens as a dialog), "post"."""

    label: Words
    url: str | Promise
    icon: str = ""
    how: Literal["link", "dialog", "post"] = "link"
    tone: Literal["primary", "plain", "danger"] = "plain"


@dataclass(frozen=True, kw_only=True)
class Crumb:
    """A step of the way to the page; the page itself is not one of them."""

    label: Words
    url: str | Promise


@dataclass(frozen=True, kw_only=True)
class Tab:
    """A tab with its own address; `count` only where it is cheap."""

    label: Words
    url: str | Promise
    current: bool = False
    count: int | str | None = None


@dataclass(frozen=True, kw_only=True)
class Step:
    """A step of a wizard. `state`: done (a link if it has a url), current, coming."""

    label: Words
    state: Literal["done", "current", "coming"]
    url: str | Promise = ""


@dataclass(frozen=True, kw_only=True)
class ProgressStep:
    """A step of long work. `state` waiting, running, done, failed or skipped; `at` is a cell."""

    label: Words
    state: Literal["waiting", "running", "done", "failed", "skipped"]
    at: object | None = None
    result: Words = ""
    reason: Words = ""
    action: Action | None = None


@dataclass(frozen=True, kw_only=True)
class Change:
    """One field's old and new value in an audit entry."""

    label: Words
    old: object = ""
    new: object = ""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of a timeline: when (a `cells.Date`), who, what, and what changed."""

    at: object
    who: Words
    what: object
    detail: Words = ""
    changes: Sequence[Change] = ()
    tone: Literal["ok", "info", "warn", "danger", "muted"] = "muted"


@dataclass(frozen=True, kw_only=True)
class Page:
    """The head of a page. `action` is the one main action; `actions` are quieter ones left of it."""

    title: Words
    subtitle: object = ""
    crumbs: Sequence[Crumb] = ()
    action: Action | None = None
    actions: Sequence[Action] = ()
    status: Status | None = None
    tabs: Sequence[Tab] = ()
    steps: Sequence[Step] = field(default=())
    narrow: bool = False


@dataclass(frozen=True, kw_only=True)
class Item:
    """A key and its value (a `cells.*`, str or None) in a definition list; `copy` adds a button that copies it."""

    label: Words
    value: object = None
    copy: bool = False
    url: str | Promise = ""
