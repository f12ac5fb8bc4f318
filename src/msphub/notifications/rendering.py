"""What a mail consists of, and how it becomes text and HTML. Pure: no database, no network."""

import dataclasses
from email.utils import formataddr
from typing import Any

import idna
from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

# Stands in the stored bodies where the secret link belongs, so that the mail log can mask it.
SECRET = "https://secret.invalid/link"  # noqa: S105 - a marker, not a secret


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One mail before it is rendered. `action_url` may be `SECRET`; the link itself then travels apart."""

    kind: str
    recipient: str
    recipient_name: str
    subject: str
    paragraphs: tuple[str, ...]
    details: tuple[tuple[str, str], ...] = ()
    action_label: str = ""
    action_url: str = ""
    after: tuple[str, ...] = ()
    secret_link: str = ""


def bodies(*, message: Message, partner_name: str, portal_url: str) -> tuple[str, str]:
    """Return the plain text and the HTML fragment of a mail."""
    context: dict[str, Any] = {"message": message, "partner_name": partner_name, "portal_url": portal_url}
    text = render_to_string("notifications/mail.txt", context)
    return text.strip() + "\n", render_to_string("notifications/mail.html", context).strip()


def whole_html(*, subject: str, fragment: str) -> str:
    """Wrap a fragment into the page that mail programs show; styles travel inside it."""
    return render_to_string("notifications/mail_page.html", {"subject": subject, "fragment": mark_safe(fragment)})  # noqa: S308 - made by `bodies`, which escapes


def one_line(text: str) -> str:
    """Return a text as a header can hold it: every kind of line break and run of blanks becomes one blank."""
    return " ".join(text.split())


def address(*, name: str, email: str) -> str:
    """Return name and address as a header can hold them, the domain in ASCII; ValueError when there is no such form."""
    local, _, domain = email.rpartition("@")
    if not domain.isascii():
        domain = idna.encode(domain, uts46=True).decode()
    return formataddr((one_line(name), f"{local}@{domain}"))


def with_link(body: str, *, link: str) -> str:
    """Put the secret link where its marker stands, in text or HTML."""
    return body.replace(SECRET, link)


def shown(fragment: str, *, link: str | None, masked: str) -> SafeString:
    """Return a stored HTML fragment for a page: with its secret link, or masked when `link` is None.

    The page has a heading of its own; the mail's becomes one below it.
    """
    fragment = fragment.replace("<h1>", "<h2>").replace("</h1>", "</h2>")
    if link is not None:
        return mark_safe(with_link(fragment, link=str(escape(link))))  # noqa: S308 - made by `bodies`, which escapes
    return mark_safe(fragment.replace(f'href="{SECRET}"', "").replace(SECRET, str(escape(masked))))  # noqa: S308
