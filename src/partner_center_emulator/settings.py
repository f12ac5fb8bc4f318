"""What can be switched while the emulator runs."""

from dataclasses import dataclass


@dataclass(kw_only=True)
class Settings:
    """Switches, changed by POST /_emulator/settings and put back by a reset."""

    throttling: bool = True
    requests_per_minute: int = 500
    vetting_days: int = 2
    refresh_token_days: int | None = None
    # Commerce. Seconds of the emulator's clock until an order is in the list, and until its products are provided.
    order_list_seconds: int = 0
    provisioning_seconds: int = 0
    # Seconds from the midnight that ends a term until its renewal is there; up to 24 hours at Microsoft.
    renewal_seconds: int = 0
    # Ids of availabilities change with it; carts made before are stale.
    availability_epoch: int = 0
    # So many times the catalogue in price sheets.
    catalogue_copies: int = 1
    # So many of the next order groups fail at checkout, so many orders don't name their subscriptions at first.
    failing_groups: int = 0
    hidden_subscriptions: int = 0
    # A partner whose credit is used up can't check out.
    has_credit: bool = True
    # `product` or `product:sku` that can't be had: inventory checks and carts say so.
    restricted: tuple[str, ...] = ()
