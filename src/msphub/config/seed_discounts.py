"""The demo's discounts, all for the United States."""

import datetime
import uuid
from decimal import Decimal

from msphub.catalog import actions, item_rows
from msphub.catalog.choices import DiscountCategory, VendorCode
from msphub.catalog.days import day_of
from msphub.catalog.inputs import Band, Heading, Rates
from msphub.catalog.models import Discount
from msphub.kit.actor import Actor


def seed_discounts(*, by: Actor, at: datetime.datetime) -> list[uuid.UUID]:
    """Create a discount of each of the usual kinds and return their ids; the first one has a version to come."""
    today = day_of(at)

    def discount(name: str, vendor: VendorCode, category: DiscountCategory, rates: Rates) -> Discount:
        heading = Heading(name=name, vendor=vendor, country="US", category=category)
        return actions.create_discount(by=by, heading=heading, valid_from=today, rates=rates, at=at)

    licences = discount(
        "Licences America", VendorCode.MICROSOFT, DiscountCategory.DEFAULT, Rates(percent=Decimal("4.5"))
    )
    actions.create_version(
        by=by,
        discount_id=licences.id,
        valid_from=today + datetime.timedelta(days=35),
        rates=Rates(percent=Decimal(6)),
        version=licences.version,
        at=at,
    )
    bands = (
        Band(from_quantity=1, to_quantity=24, percent=Decimal(3)),
        Band(from_quantity=25, to_quantity=99, percent=Decimal(6)),
        Band(from_quantity=100, to_quantity=None, percent=Decimal(10)),
    )
    volume = discount("Volume America", VendorCode.MICROSOFT, DiscountCategory.SLAB, Rates(bands=bands))
    written = "CFQ7TTC0LCHC\t\t8\nCFQ7TTC0LFLX\t0001\t7.5\nCFQ7TTC0LFLZ\t0002\t9"
    rows, _problems = item_rows.read(written)
    known = item_rows.look_up(by=by, vendor=VendorCode.MICROSOFT, category=DiscountCategory.ITEMIZED, rows=rows)
    items = tuple(one.item for one in known if one.item is not None)
    campaign = discount("Microsoft 365 campaign", VendorCode.MICROSOFT, DiscountCategory.ITEMIZED, Rates(items=items))
    azure = discount("Azure America", VendorCode.MICROSOFT, DiscountCategory.AZURE_PLAN, Rates(percent=Decimal(2)))
    coro = discount("Coro America", VendorCode.CORO, DiscountCategory.DEFAULT, Rates(percent=Decimal(12)))
    return [one.id for one in (licences, volume, campaign, azure, coro)]
