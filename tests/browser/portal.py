"""What tests need done around the pages they look at: signing in, customers, mails, by HTTP as a browser would."""

import html
import re
import time
import uuid
from collections.abc import Callable
from typing import Self

import httpx

STEPS = ["company", "contacts", "microsoft", "additional"]
PASSWORD = "a-good-long-passw0rd"
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_CUSTOMER = re.compile(r"/customers/([0-9a-f-]{36})/")


def unique(word: str = "test") -> str:
    """Return a word that no other test uses; letters and digits only."""
    return f"{word}{uuid.uuid4().hex[:10]}"


def eventually[Found](look: Callable[[], Found | None], *, seconds: float = 30) -> Found:
    """Return what `look` finds, as soon as it finds it; the worker needs its time."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return found


class Portal:
    """A person's session with the portal, without a browser."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url, follow_redirects=True, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.client.close()

    @property
    def cookies(self) -> list[dict[str, str]]:
        """The session, as a browser's context takes it."""
        return [
            {"name": cookie.name, "value": cookie.value or "", "url": self.url} for cookie in self.client.cookies.jar
        ]

    def get(self, path: str) -> str:
        """Return a page; fails when there is none."""
        answer = self.client.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code}"
        return answer.text

    def post(self, path: str, values: dict[str, str], *, page: str = "") -> httpx.Response:
        """Post a form to `path`, with the token of the page it stands on (default: the same address)."""
        token = _TOKEN.search(self.get(page or path))
        assert token is not None, f"{page or path} has no form"
        return self.client.post(path, data={"csrfmiddlewaretoken": token[1], **values}, headers={"Referer": self.url})

    def sign_in(self, email: str, password: str) -> Self:
        """Sign in with e-mail and password."""
        answer = self.post("/accounts/login/", {"login": email, "password": password})
        assert answer.url.path != "/accounts/login/", f"{email} could not sign in"
        return self

    def create_customer(self, *, name: str = "", microsoft: dict[str, str] | None = None, **changes: str) -> str:
        """Create a customer with the wizard's four steps and return its id; `changes` replace single values."""
        name = name or f"{unique('Works')} Inc."
        address = self.client.get("/customers/new/").url.path.removesuffix("company/")
        sent = {
            "company": self.company(self.get(f"{address}company/"), name=name),
            "contacts": contacts(login=changes.pop("login", f"{unique('admin')}@works.example")),
            "microsoft": microsoft or {"account": "skip"},
            "additional": {"sales_count": "1"},
        }
        answer = None
        for step in STEPS:
            values = sent[step] | {field: value for field, value in changes.items() if field in sent[step]}
            answer = self.post(f"{address}{step}/", {**values, "go": "continue"})
            assert answer.status_code == 200, f"{step}: {answer.status_code}"
            assert not answer.url.path.endswith(f"{step}/"), f"{step} was refused: {problems(answer.text)}"
        found = _CUSTOMER.search(answer.url.path if answer else "")
        assert found is not None, f"no customer was made: {answer.url if answer else ''}"
        return found[1]

    def company(self, page: str, *, name: str) -> dict[str, str]:
        """Return the values of step 1 for a company in Redmond; `page` is the step's page with its drop-downs."""
        return {
            "company_name": name,
            "customer_type": option(page, field="customer_type", label="Business"),
            "country": "US",
            "partner_subscription": option(page, field="partner_subscription", label="Americas (USD)"),
            "address_line1": "1 Microsoft Way",
            "city": "Redmond",
            "state": "WA",
            "postal_code": "98052",
            "same_as_company": "on",
        }

    def mails(self, *, recipient: str = "") -> list[tuple[str, str]]:
        """Return (subject, address of its page) of the mails in the log, newest first."""
        page = self.get(f"/mail/?q={recipient}")
        return [
            (html.unescape(subject), path)
            for path, subject in re.findall(r'href="(/mail/[0-9a-f-]{36}/)"[^>]*>([^<]+)<', page)
        ]

    def welcome_link(self, *, recipient: str, subject: str = "Your credentials") -> str:
        """Return the one-time link that was mailed to somebody last; waits for the worker to write the mail."""
        path = eventually(
            lambda: next((path for said, path in self.mails(recipient=recipient) if said == subject), None)
        )
        found = re.search(r'href="([^"]+/welcome/[^"]+)"', self.get(path))
        assert found is not None, "the mail holds no link"
        return html.unescape(found[1])

    def choose_password(self, link: str, password: str = PASSWORD) -> Self:
        """Use a one-time link and be signed in."""
        answer = self.post(link.removeprefix(self.url), {"password": password, "again": password})
        assert "/welcome/" not in answer.url.path, problems(answer.text)
        return self


def contacts(*, login: str) -> dict[str, str]:
    """Return the values of step 2."""
    person = {"first_name": "Gena", "last_name": "Soto", "email": f"gena.{login}", "phone": "425-555-0101"}
    return {
        **{f"primary_{field}": value for field, value in person.items()},
        **{f"billing_{field}": value for field, value in person.items()},
        "admin_first_name": "Ann",
        "admin_last_name": "Archer",
        "admin_login_email": login,
        "admin_contact_email": f"mail.{login}",
    }


def option(page: str, *, field: str, label: str) -> str:
    """Return the value of the entry of a drop-down that is shown as `label`."""
    found = re.search(rf'<select name="{field}".*?</select>', page, re.DOTALL)
    assert found is not None, f"no drop-down {field}"
    entry = re.search(rf'<option value="([^"]*)"[^>]*>\s*{re.escape(label)}', found[0])
    assert entry is not None, f"{field} has no entry {label}"
    return entry[1]


def problems(page: str) -> list[str]:
    """Return the messages at the fields of a page."""
    return [html.unescape(text) for text in re.findall(r'class="field-errors"[^>]*>\s*<li>(.*?)</li>', page, re.DOTALL)]
