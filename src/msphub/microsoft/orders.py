"""Orders, as Microsoft keeps them (contract §9). They are made by checking a cart out."""

from collections.abc import Iterator

from msphub.microsoft import errors, login, order_parsing, paging, paths, reading, transport
from msphub.microsoft import order_shapes as shapes


class Orders:
    """The orders of one partner's customers."""

    def __init__(self, *, carrier: transport.Transport) -> None:
        """Ask over this transport."""
        self._transport = carrier

    def list(
        self, *, customer_id: str, billing_type: str | None = None, include_price: bool = False
    ) -> Iterator[shapes.Order]:
        """Yield the orders of a customer; a new one may be missing for a quarter of an hour.

        `billing_type` is usage, license or onetime.
        """
        query = {
            **({"billingType": billing_type} if billing_type else {}),
            **({"include_price": "true"} if include_price else {}),
        }
        path = f"{paths.customer(customer_id)}/orders"
        for body in paging.pages(carrier=self._transport, path=path, query=query):
            for entry in reading.entries(body):
                if found := order_parsing.order(entry):
                    yield found

    def get(self, *, customer_id: str, order_id: str, include_price: bool = False) -> shapes.Order:
        """Return an order; NotFound (20000) when there is none, or none yet."""
        answer = self._transport.read(
            path=_path(customer_id, order_id), query={"include_price": "true"} if include_price else None
        )
        found = order_parsing.order(answer.body)
        if found is None:
            raise errors.Unavailable("Microsoft's answer has no order.", status=answer.status)
        return found

    def provisioning_status(self, *, customer_id: str, order_id: str) -> tuple[shapes.LineProvisioning, ...]:
        """Return how far each line of an order is; asked as a user."""
        answer = self._transport.read(path=f"{_path(customer_id, order_id)}/provisioningstatus", kind=login.Kind.USER)
        return order_parsing.line_provisioning(answer.body)


def _path(customer_id: str, order_id: str) -> str:
    return f"{paths.customer(customer_id)}/orders/{paths.part(order_id)}"
