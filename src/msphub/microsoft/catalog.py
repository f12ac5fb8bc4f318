"""What Microsoft sells: products, their SKUs, what of them is offered where, and promotions (contract §7.1-7.6).

Everything is asked either for a country or for a customer, who knows its own. There are no prices here: they come from
the price sheet or with a cart.
"""

from collections.abc import Iterator, Sequence

from msphub.microsoft import catalog_parsing as parsing
from msphub.microsoft import catalog_shapes as shapes
from msphub.microsoft import errors, paging, paths, reading, transport

# Views of the catalogue (contract §7.1): NCE licences, their software, and the Azure plan.
ONLINE_SERVICES = "OnlineServices"
SOFTWARE_PERPETUAL = "SoftwarePerpetual"
SOFTWARE_SUBSCRIPTIONS = "SoftwareSubscriptions"
AZURE_PLAN = "MicrosoftAzure"


class Catalog:
    """Microsoft's catalogue as one partner sees it. Lists are iterators: a page is asked for when it is wanted.

    Give `country` (two letters) or `customer_id`, not both. Segments: commercial, education, government, nonprofit.
    """

    def __init__(self, *, carrier: transport.Transport) -> None:
        """Ask over this transport."""
        self._transport = carrier

    def products(
        self,
        *,
        target_view: str,
        country: str | None = None,
        customer_id: str | None = None,
        segment: str | None = None,
        reservation_scope: str | None = None,
    ) -> Iterator[shapes.Product]:
        """Yield the products of a view; without a segment, those of every segment but nonprofit."""
        base, query = _where(country=country, customer_id=customer_id)
        query |= _known(targetView=target_view, targetSegment=segment, reservationScope=reservation_scope)
        for members in paging.objects(carrier=self._transport, path=f"{base}/products", query=query):
            if found := parsing.product(members):
                yield found

    def product(self, *, product_id: str, country: str | None = None, customer_id: str | None = None) -> shapes.Product:
        """Return a product; NotFound (400013) when it isn't sold there."""
        base, query = _where(country=country, customer_id=customer_id)
        answer = self._transport.read(path=f"{base}/products/{paths.part(product_id)}", query=query)
        return _found(parsing.product(reading.Members(answer.body)))

    def skus(
        self,
        *,
        product_id: str,
        country: str | None = None,
        customer_id: str | None = None,
        segment: str | None = None,
        reservation_scope: str | None = None,
    ) -> Iterator[shapes.Sku]:
        """Yield the SKUs of a product."""
        base, query = _where(country=country, customer_id=customer_id)
        query |= _known(targetSegment=segment, reservationScope=reservation_scope)
        path = f"{base}/products/{paths.part(product_id)}/skus"
        for members in paging.objects(carrier=self._transport, path=path, query=query):
            if found := parsing.sku(members, product_id=product_id):
                yield found

    def sku(
        self, *, product_id: str, sku_id: str, country: str | None = None, customer_id: str | None = None
    ) -> shapes.Sku:
        """Return a SKU; NotFound (400018) when it isn't sold there."""
        base, query = _where(country=country, customer_id=customer_id)
        answer = self._transport.read(path=base + _sku(product_id, sku_id), query=query)
        return _found(parsing.sku(reading.Members(answer.body), product_id=product_id))

    def availabilities(
        self,
        *,
        product_id: str,
        sku_id: str,
        country: str | None = None,
        customer_id: str | None = None,
        segment: str | None = None,
        include_life_cycle_state: bool = False,
    ) -> Iterator[shapes.Availability]:
        """Yield what is offered of a SKU: by country it may hide terms and segments that a customer is shown."""
        base, query = _where(country=country, customer_id=customer_id)
        query |= _known(targetSegment=segment, IncludeLifeCycleState="true" if include_life_cycle_state else None)
        path = f"{base}{_sku(product_id, sku_id)}/availabilities"
        for members in paging.objects(carrier=self._transport, path=path, query=query):
            if found := parsing.availability(members, product_id=product_id, sku_id=sku_id):
                yield found

    def availability(
        self,
        *,
        product_id: str,
        sku_id: str,
        availability_id: str,
        country: str | None = None,
        customer_id: str | None = None,
    ) -> shapes.Availability:
        """Return one availability; NotFound (400019) when its id is stale: read the list again."""
        base, query = _where(country=country, customer_id=customer_id)
        path = f"{base}{_sku(product_id, sku_id)}/availabilities/{paths.part(availability_id)}"
        answer = self._transport.read(path=path, query=query)
        return _found(parsing.availability(reading.Members(answer.body), product_id=product_id, sku_id=sku_id))

    def check_inventory(
        self,
        *,
        country: str,
        customer_id: str,
        items: Sequence[tuple[str, str | None]],
        azure_subscription_id: str | None = None,
        arm_region_name: str | None = None,
    ) -> tuple[shapes.Stock, ...]:
        """Say which SKUs can be had now; `items` are product and SKU, None for all SKUs. It only asks.

        Needed only where a SKU's prerequisites name `InventoryCheck`; its inventory variables say what else to tell.
        """
        answer = self._transport.read(
            method="POST",
            path="/extensions/product/checkinventory",
            query={"country": _country(country)},
            json={
                "targetItems": [_known(productId=product, skuId=sku) for product, sku in items],
                "inventoryContext": _known(
                    customerId=customer_id, azureSubscriptionId=azure_subscription_id, armRegionName=arm_region_name
                ),
            },
        )
        return tuple(parsing.stock(members) for members in reading.objects(paging.listed(answer)))

    def promotions(self, *, country: str, segment: str = "commercial") -> Iterator[shapes.Promotion]:
        """Yield the promotions of a country and segment."""
        query = {"country": _country(country), "segment": segment}
        for members in paging.objects(carrier=self._transport, path="/productpromotions", query=query):
            if found := parsing.promotion(members):
                yield found

    def promotion(self, *, promotion_id: str, country: str) -> shapes.Promotion:
        """Return a promotion, also one that has ended."""
        answer = self._transport.read(
            path=f"/productpromotions/{paths.part(promotion_id)}", query={"country": _country(country)}
        )
        return _found(parsing.promotion(reading.Members(answer.body)))

    def promotion_eligibilities(
        self, *, customer_id: str, questions: Sequence[shapes.EligibilityQuestion]
    ) -> tuple[shapes.EligibilityAnswer, ...]:
        """Say which promotions a customer can have for these purchases. It only asks: repeating it changes nothing."""
        items = [
            {"id": str(number)}
            | _known(
                catalogItemId=question.catalog_item_id,
                quantity=question.quantity,
                termDuration=question.term_duration,
                billingCycle=question.billing_cycle,
                promotionId=question.promotion_id,
            )
            for number, question in enumerate(questions)
        ]
        answer = self._transport.read(
            method="POST", path=f"{paths.customer(customer_id)}/promotionEligibilities", json={"items": items}
        )
        return parsing.eligibility_answers(answer.body)


def _where(*, country: str | None, customer_id: str | None) -> tuple[str, dict[str, str]]:
    if (country is None) == (customer_id is None):
        raise ValueError("ask for a country or for a customer")
    if customer_id is not None:
        return paths.customer(customer_id), {}
    return "", {"country": _country(country or "")}


def _country(country: str) -> str:
    code = country.strip().upper()
    if not code:
        raise ValueError("a country has two letters")
    return code


def _sku(product_id: str, sku_id: str) -> str:
    return f"/products/{paths.part(product_id)}/skus/{paths.part(sku_id)}"


def _known[T](**members: T | None) -> dict[str, T]:
    return {name: value for name, value in members.items() if value is not None}


def _found[T](value: T | None) -> T:
    if value is None:
        raise errors.Unavailable("Microsoft's answer has no id.")
    return value
