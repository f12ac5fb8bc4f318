"""Starts workers, customers and orders in processes forked from one that has loaded everything: a start costs 20 ms.

A program of its own (`python -m tests.lifecycle.nursery`), driven by lines on standard input and answering with lines
on standard output. Each process it forks is a whole one: its own connections, its own event loop, and it can be killed.
"""

import datetime
import gc
import json
import os
import signal
import sys
import traceback
import uuid
from collections.abc import Callable
from typing import Any

import django

from msphub.config import processes

django.setup()

from tests import factories  # noqa: E402
from tests.orders import buying, stores  # noqa: E402

from msphub.accounts.models import Subscription, Tenant, User  # noqa: E402
from msphub.audit import sealing  # noqa: E402
from msphub.catalog.choices import Plan, Term  # noqa: E402
from msphub.config import worker  # noqa: E402
from msphub.customers import creation, inputs, tasks  # noqa: E402
from msphub.customers.models import CspAccount, CustomerType  # noqa: E402
from msphub.kit import scope  # noqa: E402
from msphub.kit.errors import Refused  # noqa: E402
from msphub.notifications import actions as notifications  # noqa: E402
from msphub.notifications.choices import MailState  # noqa: E402
from msphub.notifications.models import Mail  # noqa: E402
from msphub.orders import carts, placing  # noqa: E402
from partner_center_emulator.wellknown import PARTNERS  # noqa: E402

BUYER = "Buyer"

# As in production, about five times as short: what counts is their order.
worker.HEARTBEAT_SECONDS = 0.5
worker.STALLED_AFTER_SECONDS = 3.0
worker.UPKEEP_SECONDS = 0.5


def work(**_: Any) -> None:
    """Be a worker until killed."""
    worker.run(concurrency=4, grace_seconds=4)


def make_partner(*, emulator_url: str) -> str:
    """Make a partner that is connected to the emulator; answers with its id."""
    world = factories.make_partner()
    factories.connect_to_microsoft(world, url=emulator_url, known=PARTNERS[0])
    return str(world.id)


def make_customer(*, partner_id: str, name: str, account: dict[str, Any]) -> str:
    """Make a customer whose account needs work at Microsoft, as the wizard does; answers with the customer's name."""
    partner = uuid.UUID(partner_id)
    with scope.scope(partner_id=partner):
        world = _world(partner)
        wanted: inputs.NewAccount | inputs.ExistingAccount
        if "microsoft_tenant_id" in account:
            wanted = inputs.ExistingAccount(
                **{**account, "microsoft_tenant_id": uuid.UUID(account["microsoft_tenant_id"])}
            )
        else:
            agreed = account.pop("agreed")
            wanted = factories.new_account(**account, agreement=factories.agreement() if agreed else None)
        creation.create_customer(
            by=world.actor,
            new=factories.new_customer(world, name=name, account=wanted),
            draft_id=None,
            at=datetime.datetime.now(tz=datetime.UTC),
        )
    return name


def make_buyer(*, partner_id: str, microsoft_tenant_id: str) -> str:
    """Make a customer with a linked account and a confirmed agreement, and prices for two products; answers its id."""
    partner = uuid.UUID(partner_id)
    with scope.scope(partner_id=partner):
        world = _world(partner)
        customer = factories.make_customer(world, name=BUYER)
        stores.linked_account(world, customer, microsoft_tenant_id=uuid.UUID(microsoft_tenant_id))
        for title in (buying.BASIC, buying.PREMIUM):
            stores.price(world, buying.named(title))
    return str(customer.id)


def make_order(*, partner_id: str, customer_id: str, review_id: str, titles: list[str]) -> str:
    """Put products into the cart and order all that is in it, as several people do at once; answers the review's id.

    What a colleague has changed or ordered meanwhile is looked at again.
    """
    partner, customer = uuid.UUID(partner_id), uuid.UUID(customer_id)
    with scope.scope(partner_id=partner):
        actor = _world(partner).actor
        subscription = Subscription.objects.get(partner_id=partner, customer_id=customer)
        account = CspAccount.objects.get(partner_id=partner, customer_id=customer)
        for _attempt in range(20):
            now = datetime.datetime.now(tz=datetime.UTC)
            for title in titles:
                cart = carts.add_line(
                    by=actor,
                    customer_id=customer,
                    subscription_id=subscription.id,
                    account_id=account.id,
                    sku_id=buying.named(title).id,
                    term=Term.YEAR,
                    plan=Plan.MONTHLY,
                    quantity=1,
                    at=now,
                )
            shown = carts.review(by=actor, cart=cart, on=now.date(), today=now.date())
            confirmed = placing.Confirmed(
                review_id=uuid.UUID(review_id),
                lines={one.line_id: (one.quantity, one.unit_price) for one in shown.quoted},
            )
            try:
                placing.place_order(by=actor, cart_id=cart.id, confirmed=confirmed, at=now)
            except Refused:
                continue
            return review_id
    raise AssertionError("nobody could order for all the others")


def _world(partner: uuid.UUID) -> factories.PartnerWorld:
    owner = User.objects.get(partner_id=partner, customer_id=None)
    return factories.PartnerWorld(
        tenant=Tenant.objects.get(id=partner),
        owner=owner,
        actor=factories.actor_of(owner),
        subscription=Subscription.objects.get(partner_id=partner, customer_id=None),
        customer_type=CustomerType.objects.get(partner_id=partner),
    )


def follow(*, partner_id: str) -> str:
    """Do what the periodic job of every minute does."""
    with scope.scope(partner_id=uuid.UUID(partner_id)):
        tasks.follow_accounts(partner_id=partner_id)
    return "followed"


def resend(*, partner_id: str) -> str:
    """Send failed mails again, as a person does in the mail log; answers with how many."""
    with scope.scope(partner_id=uuid.UUID(partner_id)):
        owner = factories.actor_of(User.objects.get(partner_id=uuid.UUID(partner_id), customer_id=None))
        failed = list(Mail.objects.filter(state=MailState.FAILED))
        for mail in failed:
            notifications.resend_mail(by=owner, mail_id=mail.id)
    return str(len(failed))


def check_record(*, partner_id: str) -> str:
    """Seal what waits and check the audit record; answers with what is wrong with it."""
    partner, now = uuid.UUID(partner_id), datetime.datetime.now(tz=datetime.UTC)
    with scope.scope(partner_id=partner):
        while sealing.seal(partner_id=partner, at=now, most=50) is not None:
            pass
        report = sealing.verify(partner_id=partner, at=now)
    return "\n".join(report.problems)


_DEEDS: dict[str, Callable[..., str | None]] = {
    "work": work,
    "make_partner": make_partner,
    "make_customer": make_customer,
    "make_buyer": make_buyer,
    "make_order": make_order,
    "follow": follow,
    "resend": resend,
    "check_record": check_record,
}


def _fork(order: dict[str, Any]) -> int:
    nursery = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        processes.end_with_parent(parent=nursery, number=signal.SIGKILL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        answer = _DEEDS[order.pop("deed")](**order)
        if answer is not None:
            os.write(1, f"{json.dumps({'done': answer})}\n".encode())
        os._exit(0)
    except BaseException:  # noqa: BLE001 - this process ends here, whatever happened
        traceback.print_exc()
        sys.stderr.flush()
    os._exit(1)


def main() -> None:
    """Fork a process for each line, and answer with its number."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: the dead must go at once
    gc.collect()
    gc.freeze()
    for line in sys.stdin:
        pid = _fork(json.loads(line))
        os.write(1, f"{json.dumps({'pid': pid})}\n".encode())


if __name__ == "__main__":
    main()
