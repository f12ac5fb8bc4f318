"""The portal in the language of `tests/pseudo_locale.py`, with data in Cyrillic: what is Latin is neither.

A program of its own (`python -m tests.browser.pseudo_server DATABASE_URL EMULATOR_URL TENANT`): it prints one line of
JSON when it answers, and ends with its standard input. It makes its data itself, so that what is written by gettext
into the database (steps, mails) is in that language too.
"""

import datetime
import json
import os
import sys
from dataclasses import replace
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
django.setup()

from django.contrib.staticfiles.handlers import StaticFilesHandler  # noqa: E402
from django.db import connections  # noqa: E402
from django.test.testcases import LiveServerThread  # noqa: E402
from tests import factories, pseudo_locale  # noqa: E402

from msphub.accounts import statuses  # noqa: E402
from msphub.accounts.choices import Status  # noqa: E402
from msphub.accounts.models import User  # noqa: E402
from msphub.audit import sealing  # noqa: E402
from msphub.config import worker  # noqa: E402
from msphub.config.database import url_parts  # noqa: E402
from msphub.customers import creation, inputs  # noqa: E402
from msphub.customers.models import CspAccount  # noqa: E402
from msphub.kit import scope  # noqa: E402
from msphub.kit.addresses import Address  # noqa: E402
from msphub.notifications.models import Mail  # noqa: E402
from partner_center_emulator.wellknown import PARTNERS  # noqa: E402

ADDRESS = Address(country="US", line1="1 Восточная", city="Редмонд", state="WA", postal_code="98052")


def contact(first: str) -> inputs.Contact:
    return inputs.Contact(first_name=first, last_name="Иванова", email="a@b.example", phone="+1 425 555 0101")


def new_customer(world: factories.PartnerWorld, name: str, account: Any = None) -> inputs.NewCustomer:
    filled = factories.new_customer(world, name=name, account=account)
    return replace(
        filled,
        company=replace(
            filled.company, address=ADDRESS, billing_address=ADDRESS, billing_profile_name=name, bill_to=name
        ),
        primary_contact=contact("Анна"),
        billing_contact=contact("Вера"),
        admin=replace(filled.admin, first_name="Ольга", last_name="Петрова"),
        representatives=(inputs.Representative(name="Пётр", email="a@b.example"),),
    )


def make_world(*, emulator_url: str, free_tenant: dict[str, str]) -> dict[str, Any]:
    """Make a partner with customers in every state, and say where to look."""
    world = factories.make_partner(name="Каскад")
    User.objects.filter(id=world.owner.id).update(first_name="Ольга", last_name="Орлова", display_name="Ольга Орлова")
    by = replace(world.actor, name="Ольга Орлова")
    factories.connect_to_microsoft(world, url=emulator_url, known=PARTNERS[0])

    def create(name: str, account: Any = None) -> Any:
        return creation.create_customer(by=by, new=new_customer(world, name, account), draft_id=None, at=factories.NOW)

    new = factories.new_account(
        company_name="Восток", first_name="Анна", last_name="Иванова", address=ADDRESS, qualification="education"
    )
    new = replace(new, segment="K12", website="a.example", agreement=factories.agreement())
    linked = create("Восток", new)
    failed = create("Запад", replace(factories.new_account(), company_name="Запад", registration_number="1" * 20))
    waiting = create(
        "Север",
        inputs.ExistingAccount(
            country="US",
            domain=free_tenant["default_domain"],
            microsoft_tenant_id=free_tenant["tenant_id"],  # type: ignore[arg-type]
            tenant_name="Север",
        ),
    )
    worker.run_due_jobs()
    scope.enter(partner_id=world.id)
    statuses.change_status(by=by, customer_id=waiting.id, status=Status.SUSPENDED, reason="Причина", at=factories.NOW)
    statuses.change_status(
        by=by,
        customer_id=failed.id,
        status=Status.DISABLED,
        reason="Причина",
        at=factories.NOW,
        starts_at=datetime.datetime.now(tz=datetime.UTC) + datetime.timedelta(days=9),
    )
    worker.run_due_jobs()
    scope.enter(partner_id=world.id)
    while sealing.seal(partner_id=world.id, at=factories.NOW) is not None:
        pass
    sealing.verify(partner_id=world.id, at=factories.NOW)
    accounts = {str(one.customer_id): str(one.id) for one in CspAccount.objects.all()}
    admin = factories.admin_of(linked)
    return {
        "owner": world.owner.email,
        "admin": admin.email,
        "password": factories.PASSWORD,
        "linked": str(linked.id),
        "failed": str(failed.id),
        "waiting": str(waiting.id),
        "accounts": accounts,
        "states": {str(one.customer_id): one.state for one in CspAccount.objects.all()},
        "mails": [str(mail.id) for mail in Mail.objects.all()],
        "admin_id": str(admin.id),
        "link": [str(mail.id) for mail in Mail.objects.filter(kind="credentials")],
    }


def main() -> None:
    """Make the data, answer, and wait for the end of standard input."""
    database_url, emulator_url, free_tenant = sys.argv[1:]
    parts = url_parts(database_url)
    for name in ("HOST", "PORT", "USER", "PASSWORD", "NAME"):
        connections.settings["default"][name] = parts[name.lower()]
    pseudo_locale.speak()
    world = make_world(emulator_url=emulator_url, free_tenant=json.loads(free_tenant))
    server = LiveServerThread("localhost", StaticFilesHandler)
    server.daemon = True
    server.start()
    server.is_ready.wait()
    print(json.dumps({**world, "url": f"http://localhost:{server.port}"}), flush=True)  # noqa: T201 - the answer
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
