"""Which day it is for discounts.

Valid-from days are UTC dates, because charge periods and windows of Microsoft's products are (product.md §6): list
price and discount of one event change at the same instant, whatever zone partner or customer sit in.
"""

import datetime


def day_of(at: datetime.datetime) -> datetime.date:
    """Return the day whose discounts hold at an instant."""
    return at.astimezone(datetime.UTC).date()
