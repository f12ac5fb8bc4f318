"""Subscriptions: what a customer holds at Microsoft, and every change of it (contract §10.1-10.3)."""

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from msphub.microsoft import answers, errors, login, order_bodies, order_parsing, paging, paths, reading, transport
from msphub.microsoft import order_shapes as shapes

_ACCEPTED = 202


class Subscriptions:
    """The subscriptions of one partner's customers."""

    def __init__(self, *, carrier: transport.Transport) -> None:
        """Ask over this transport."""
        self._transport = carrier

    def list(self, *, customer_id: str, order_id: str | None = None) -> Iterator[shapes.Subscription]:
        """Yield a customer's subscriptions, or those of one order; expired and deleted ones are among them."""
        path = f"{paths.customer(customer_id)}/subscriptions"
        query = {"order_id": order_id} if order_id else None
        for body in paging.pages(carrier=self._transport, path=path, query=query):
            for entry in reading.entries(body):
                if found := order_parsing.subscription(entry):
                    yield found

    def get(self, *, customer_id: str, subscription_id: str) -> shapes.Subscription:
        """Return a subscription with the etag a change needs; NotFound (20003) when there is none, or none yet."""
        answer = self._transport.read(path=_path(customer_id, subscription_id))
        found = _with_etag(answer)
        if found is None:
            raise errors.Unavailable("Microsoft's answer has no subscription.", status=answer.status)
        return found

    def change(
        self,
        *,
        request_id: uuid.UUID,
        customer_id: str,
        subscription: shapes.Subscription,
        change: shapes.SubscriptionChange,
    ) -> shapes.ChangedSubscription:
        """Change a subscription that `get` has just read; the whole resource is sent back with the change.

        Microsoft applies some changes at once and accepts others (202): then read again until it is applied. Quantities
        and states are absolute, so after UnknownOutcome read it, compare, and repeat if need be. StaleEtag when
        somebody changed it since it was read. Refuses (ValueError) a subscription that wasn't read.
        """
        if not subscription.raw:
            raise ValueError("read the subscription first: a change sends the whole of it")
        answer = self._transport.write(
            request_id=request_id,
            method="PATCH",
            path=_path(customer_id, subscription.id),
            json=order_bodies.subscription(subscription=subscription, change=change),
            headers={"If-Match": paths.quoted(subscription.etag)} if subscription.etag else None,
        )
        found = _with_etag(answer)
        if found is None and answer.status != _ACCEPTED and reading.Members(answer.body):
            raise errors.UnknownOutcome(
                "Microsoft answered with something else than the subscription: read it before you repeat.",
                status=answer.status,
                request_id=str(request_id),
            )
        return shapes.ChangedSubscription(
            is_applied=answer.status != _ACCEPTED,
            subscription=found,
            location=answer.headers.get("Location"),
            retry_after=answers.retry_after(headers=answer.headers),
        )

    def cancel(
        self, *, request_id: uuid.UUID, customer_id: str, subscription: shapes.Subscription
    ) -> shapes.ChangedSubscription:
        """Cancel for good, within Microsoft's window (`cancellation_allowed_until`); Refused 900213 or 900117 later."""
        return self.change(
            request_id=request_id,
            customer_id=customer_id,
            subscription=subscription,
            change=shapes.SubscriptionChange(status=shapes.DELETED),
        )

    def term_ends(
        self,
        *,
        customer_id: str,
        term_duration: str,
        starts_on: date | None = None,
        aligned_with_id: str | None = None,
    ) -> Iterator[shapes.TermEnd]:
        """Yield the days on which a new term of that duration may end, for `NewLine.custom_term_ends_on`."""
        query = {
            "term_duration": term_duration,
            **({"TermStartDate": starts_on.isoformat()} if starts_on is not None else {}),
            **({"TargetCotermSubscriptionId": aligned_with_id} if aligned_with_id else {}),
        }
        path = f"{paths.customer(customer_id)}/subscriptions/customTermEndDates"
        for body in paging.pages(carrier=self._transport, path=path, query=query, has_token_in_header=True):
            for members in reading.objects(body):
                if found := order_parsing.term_end(members):
                    yield found

    def provisioning_status(self, *, customer_id: str, subscription_id: str) -> shapes.SubscriptionProvisioning:
        """Return whether the licences are there; asked as a user."""
        answer = self._transport.read(
            path=f"{_path(customer_id, subscription_id)}/provisioningstatus", kind=login.Kind.USER
        )
        return order_parsing.subscription_provisioning(answer.body)


def _path(customer_id: str, subscription_id: str) -> str:
    return f"{paths.customer(customer_id)}/subscriptions/{paths.part(subscription_id)}"


def _with_etag(answer: transport.Answer) -> shapes.Subscription | None:
    found = order_parsing.subscription(answer.body)
    if found is None or found.etag:
        return found
    return replace(found, etag=answer.headers.get("ETag"))
