"""A real SMTP server on this machine, that takes mails or refuses them, and the settings that lead there."""

import contextlib
import email
import email.policy
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from pytest_django.fixtures import Settings

from msphub.config import processes


@dataclass(kw_only=True)
class Mailbox:
    """Every mail that was taken, as its recipient's program reads it. `refusal` is answered instead of taking one."""

    port: int
    refusal: str = ""
    mails: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802 - aiosmtpd
        """Take a mail, or refuse it."""
        if self.refusal:
            return self.refusal
        content = envelope.original_content or b""
        self.envelopes.append(envelope)
        self.mails.append(email.message_from_bytes(content, policy=email.policy.default))
        return "250 OK"

    @contextlib.contextmanager
    def open(self) -> Iterator["Mailbox"]:
        """Run the server until the block ends."""
        controller = Controller(self, hostname="127.0.0.1", port=self.port)
        controller.start()
        try:
            yield self
        finally:
            controller.stop()


def closed() -> Mailbox:
    """Return a mailbox whose server doesn't run yet."""
    return Mailbox(port=processes.free_port())


def use(settings: Settings, mailbox: Mailbox) -> None:
    """Let the portal send its mail there, as MSPHUB_SMTP_URL would."""
    settings.SMTP_URL = f"smtp://127.0.0.1:{mailbox.port}"
    settings.MAIL_FROM = "Cascade <portal@cascade.example>"
    options: dict[str, Any] = {**settings.MAILERS["default"].get("OPTIONS", {})}
    settings.MAILERS = {
        "default": {
            "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "OPTIONS": {**options, "host": "127.0.0.1", "port": mailbox.port, "timeout": 5},
        }
    }


def text_of(mail: EmailMessage) -> str:
    """Return the plain text of a mail."""
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def html_of(mail: EmailMessage) -> str:
    """Return the HTML of a mail."""
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())
