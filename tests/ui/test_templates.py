"""Frames, components, icons, assets: they render, by name, with what they are given."""

import re
from pathlib import Path

import pytest
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory

import msphub.ui
from msphub.ui import assets, cells, chrome, icons
from msphub.ui.page import Action, Change, Crumb, Entry, Item, Page, ProgressStep, Step, Tab

HERE = Path(msphub.ui.__file__).parent
EVIL = "<script>x</script>"
ICON = re.compile(r'\{%\s*icon\s+"([a-z0-9-]+)"|icon\("([a-z0-9-]+)"|icon="([a-z0-9-]+)"|"icon": "([a-z0-9-]+)"')


def test_every_icon_named_in_this_room_exists() -> None:
    used = {
        name
        for path in [*HERE.glob("**/*.html"), *HERE.glob("*.py")]
        for match in ICON.findall(path.read_text("utf-8"))
        for name in match
        if name
    }
    assert len(used) > 20
    assert used <= set(icons.names())


def test_icon_is_hidden_from_readers_unless_it_has_a_title() -> None:
    assert 'aria-hidden="true"' in icons.icon("plus")
    assert 'aria-label="Add &lt;"' in icons.icon("plus", title="Add <")
    assert icons.icon("") == ""


@pytest.mark.parametrize("name", ["nonsense", "../secret", "Plus"])
def test_unknown_icon_says_how_to_add_it(name: str) -> None:
    with pytest.raises(icons.UnknownIconError, match="--icon"):
        icons.icon(name)


@pytest.mark.parametrize("code", ["403", "403_csrf", "404", "500"])
def test_error_page_needs_no_context(code: str) -> None:
    html = render_to_string(f"{code}.html")
    assert "<h1>" in html
    assert '<main id="main"' in html


def test_frame_without_a_menu_still_stands() -> None:
    html = render_to_string("ui/base.html", {"page": Page(title="Title")})
    assert "<h1>Title</h1>" in html
    assert 'class="skip"' in html


def test_menu_marks_the_current_page_and_opens_its_group() -> None:
    menu = [
        {
            "label": "",
            "items": [
                {"label": EVIL, "url": "/a/", "icon": "home"},
                {"label": "Open", "children": [{"label": "In", "url": "/in/"}]},
                {"label": "Shut", "closed": True, "children": [{"label": "Far", "url": "/far/"}]},
                {"label": "Here", "closed": True, "children": [{"label": "Now", "url": "/now/", "active": True}]},
            ],
        }
    ]
    html = chrome.main_menu(menu)
    assert "<script" not in html
    assert html.count("<details") == 3
    assert html.count(" open>") == 2
    assert '<a href="/now/" aria-current="page">' in html


def test_sign_out_is_a_post_with_the_token() -> None:
    links = [{"label": "Sign out", "url": "/out/", "post": True}]
    html = chrome.profile_menu({"name": EVIL, "email": "a@b.example", "groups": [{"links": links}]}, token="t0k")
    assert '<form method="post" action="/out/">' in html
    assert 'value="t0k"' in html
    assert "<script" not in html


def test_page_header_shows_title_status_tabs_steps_and_actions() -> None:
    page = Page(
        title="Contoso",
        crumbs=[Crumb(label="Customers", url="/c/")],
        action=Action(label="Purchase", url="/buy/"),
        actions=[Action(label="Suspend", url="/suspend/", how="dialog")],
        status=cells.Status("Active", "ok"),
        tabs=[Tab(label="Products", url="/p/", current=True, count=0), Tab(label="Orders", url="/o/")],
        steps=[
            Step(label="One", state="done", url="/1/"),
            Step(label="Two", state="current"),
            Step(label="Three", state="coming", url="/3/"),
        ],
    )
    html = render_to_string("ui/base.html", {"page": page})
    assert 'class="btn btn-primary" href="/buy/"' in html
    assert 'hx-get="/suspend/" hx-target="#dialog"' in html
    assert '<a href="/p/" aria-current="page">Products<span class="count">0</span></a>' in html
    assert '<a href="/1/">One</a>' in html
    assert 'href="/3/"' not in html
    assert 'aria-current="step"' in html


def test_progress_polls_while_running_and_stops_at_the_end() -> None:
    steps = [ProgressStep(label="Create", state="failed", reason="Refused")]
    running = render_to_string("ui/progress.html", {"steps": steps, "running": True, "url": "/p/"})
    ended = render_to_string("ui/progress.html", {"steps": steps, "running": False, "url": "/p/", "outcome": "Failed"})
    assert 'hx-trigger="every 2s"' in running
    assert "hx-" not in ended
    assert "Refused" in ended


def test_timeline_and_items_escape() -> None:
    entry = Entry(at=None, who=EVIL, what=EVIL, detail=EVIL, changes=[Change(label=EVIL, old=EVIL, new=EVIL)])
    html = render_to_string("ui/timeline.html", {"entries": [entry]})
    html += render_to_string("ui/items.html", {"items": [Item(label=EVIL, value=EVIL, copy=True)]})
    assert "<script" not in html


@pytest.mark.parametrize(("used", "tone"), [(0, "ok"), (69, "ok"), (70, "warn"), (85, "danger"), (500, "danger")])
def test_credit_bar_warns_at_70_and_85_percent(used: int, tone: str) -> None:
    html = render_to_string("ui/credit.html", {"used": used, "limit": 100, "used_text": "u", "limit_text": "l"})
    assert f"credit-{tone}" in html


def test_dialog_is_a_dialog_for_htmx_and_a_page_without() -> None:
    source = '{% extends "ui/dialog.html" %}{% block dialog_body %}Body{% endblock %}'
    template = Template(source)
    plain = RequestFactory().get("/x/")
    swap = RequestFactory().get("/x/?ids=1", headers={"HX-Request": "true", "HX-Target": "dialog#dialog"})
    page = template.render(Context({"request": plain}))
    dialog = template.render(Context({"request": swap}))
    assert "<html" in page
    assert "Body" in page
    assert dialog.lstrip().startswith('<div class="dialog-frame"')
    assert 'hx-post="/x/?ids=1"' in dialog


def test_card_and_alert_take_content() -> None:
    source = '{% load ui %}{% card title=title %}<b>in</b>{% endcard %}{% alert "warn" %}{{ title }}{% endalert %}'
    html = Template(source).render(Context({"title": EVIL}))
    assert "<b>in</b>" in html
    assert "note-warn" in html
    assert "<script" not in html


def test_published_files_name_no_source_map() -> None:
    assets.install()
    css = (assets.VENDOR / "tabler.min.css").read_text("utf-8")
    assert "sourceMappingURL" not in css
    assert css.startswith("@layer vendor{")
    assert not assets.install(), "a second call has nothing to do"


def test_lock_file_names_no_registry() -> None:
    lock = (assets.ROOT / "package-lock.json").read_text("utf-8")
    assert "resolved" not in lock
    assert "://" not in lock
    assert "axe" not in " ".join(assets.COPIED)
