"""No template may need what our Content-Security-Policy forbids."""

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src"
TEMPLATES = sorted(SOURCE.glob("**/templates/**/*.html"))
#: Bodies of mails: mail programs know no style sheet of ours.
MAIL = re.compile(r"mail(_\w+)?\.html|email/.*|mails/.*")
WEB = [path for path in TEMPLATES if not MAIL.fullmatch("/".join(path.parts[-2:])) and not MAIL.fullmatch(path.name)]

FORBIDDEN = {
    "style attribute": re.compile(r"<[^>]*\sstyle\s*=", re.IGNORECASE),
    "style element": re.compile(r"<style\b", re.IGNORECASE),
    "on* attribute": re.compile(r"<[a-z][^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "hx-on": re.compile(r"\bhx-on\b", re.IGNORECASE),
    "js: value": re.compile(r"=\s*[\"']\s*(?:js|javascript):", re.IGNORECASE),
    "event filter": re.compile(r"hx-trigger[\w:.-]*\s*=\s*(?:\"[^\"]*\[[^\"]*\"|'[^']*\[[^']*')", re.IGNORECASE),
    "foreign host": re.compile(r"(?:src|href)\s*=\s*[\"'](?:https?:)?//[^\"']*\.(?:js|css|woff2?)", re.IGNORECASE),
}
SCRIPT = re.compile(r"<script\b([^>]*)>(.*?)</script>", re.IGNORECASE | re.DOTALL)
TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)


def offences(text: str) -> list[str]:
    """Names of what is forbidden in a template's text."""
    plain = TAG.sub("x", text)
    found = [name for name, pattern in FORBIDDEN.items() if pattern.search(plain)]
    for attributes, body in SCRIPT.findall(plain):
        is_data = "application/json" in attributes
        if not is_data and (body.strip() or "src=" not in attributes):
            found.append("inline script")
    return found


@pytest.mark.parametrize("path", WEB, ids=lambda path: str(path.relative_to(SOURCE)))
def test_template_needs_nothing_the_policy_forbids(path: Path) -> None:
    assert offences(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('<p style="color:red">', "style attribute"),
        ('<a\n onclick="x()">', "on* attribute"),
        ('<div hx-on:click="x">', "hx-on"),
        ("<div hx-vals='js:{a: 1}'>", "js: value"),
        ('<a href="javascript:x">', "js: value"),
        ('<div hx-trigger="click[ctrlKey]">', "event filter"),
        ("<script>alert(1)</script>", "inline script"),
        ("<style>p{}</style>", "style element"),
        ('<script src="https://cdn.example/x.js"></script>', "foreign host"),
    ],
)
def test_scan_sees_each_offence(text: str, name: str) -> None:
    assert name in offences(text)


def test_scan_lets_data_blocks_and_files_pass() -> None:
    fine = '<script src="{% static \'a.js\' %}" defer></script><script type="application/json">{}</script>'
    assert offences(fine + '<div hx-trigger="input delay:300ms from:#q" data-style="x">') == []
