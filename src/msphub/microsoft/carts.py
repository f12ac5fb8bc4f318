"""Carts: what is to be bought, what Microsoft says of each line, and the purchase (contract §8).

Every write takes the id of the row that stands for it. After UnknownOutcome of a checkout look at the orders before
repeating it with the same id; a cart bought twice under different ids is refused (AlreadyExists, 800065).
"""

import uuid
from collections.abc import Sequence

from msphub.microsoft import errors, order_bodies, order_parsing, paths, transport
from msphub.microsoft import order_shapes as shapes


class Carts:
    """The carts of one partner's customers."""

    def __init__(self, *, carrier: transport.Transport) -> None:
        """Ask over this transport."""
        self._transport = carrier

    def create(self, *, request_id: uuid.UUID, customer_id: str, lines: Sequence[shapes.NewLine]) -> shapes.Cart:
        """Make a cart. Lines that can't be bought don't fail the call: see `Cart.refused_lines`."""
        answer = self._transport.write(
            request_id=request_id,
            method="POST",
            path=f"{paths.customer(customer_id)}/carts",
            json=order_bodies.cart(lines=lines),
        )
        return _cart(answer, request_id)

    def get(self, *, customer_id: str, cart_id: str) -> shapes.Cart:
        """Return a cart; NotFound (800008) when there is none."""
        answer = self._transport.read(path=_path(customer_id, cart_id))
        found = order_parsing.cart(answer.body)
        if found is None:
            raise errors.Unavailable("Microsoft's answer has no cart.", status=answer.status)
        return found

    def update(
        self, *, request_id: uuid.UUID, customer_id: str, cart: shapes.Cart, lines: Sequence[shapes.NewLine]
    ) -> shapes.Cart:
        """Put other lines into a cart that was read before and is still Active; the whole cart is sent."""
        answer = self._transport.write(
            request_id=request_id,
            method="PUT",
            path=_path(customer_id, cart.id),
            json=order_bodies.changed_cart(read=cart, lines=lines),
        )
        return _cart(answer, request_id)

    def checkout(self, *, request_id: uuid.UUID, customer_id: str, cart_id: str) -> shapes.CheckoutResult:
        """Buy what is in a cart. Some of it may be bought and some not: see `CheckoutResult.errors`.

        Conflict (800060, 800064) while an earlier attempt is under way; NotFound (400019) when an availability is
        stale. An answer that tells neither orders nor errors is an UnknownOutcome.
        """
        answer = self._transport.write(
            request_id=request_id, method="POST", path=f"{_path(customer_id, cart_id)}/checkout"
        )
        result = order_parsing.checkout_result(answer.body)
        if result is None:
            raise errors.UnknownOutcome(
                "Microsoft answered without saying what was bought: look at the orders before you repeat.",
                status=answer.status,
                request_id=str(request_id),
            )
        return result


def _path(customer_id: str, cart_id: str) -> str:
    return f"{paths.customer(customer_id)}/carts/{paths.part(cart_id)}"


def _cart(answer: transport.Answer, request_id: uuid.UUID) -> shapes.Cart:
    made = order_parsing.cart(answer.body)
    if made is None:
        raise errors.UnknownOutcome(
            "Microsoft answered without the cart: look before you repeat.",
            status=answer.status,
            request_id=str(request_id),
        )
    return made
