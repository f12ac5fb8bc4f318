"""Microsoft's price sheets and exchange rates: large tables at an address of their own (contract §7.7)."""

import re
from collections.abc import Generator

from msphub.microsoft import price_rows, transport
from msphub.microsoft.price_rows import BadRow, FxRate, PriceRow

# Views of the price sheet (contract §7.7). The last two are newer: extended service terms, and what is no longer sold.
LICENSE_BASED = "updatedlicensebased"
SOFTWARE = "software"
EXTENDED_SERVICE_TERM = "licensebasedest"
END_OF_SALE = "licensebasedeos"

_VIEW = re.compile(r"[A-Za-z0-9_]+")
_MARKET = re.compile(r"[A-Za-z]{2}")
_MONTH = re.compile(r"\d{4}(0[1-9]|1[0-2])")
_TIMELINES = frozenset({"current", "history", "future"})


class Prices:
    """What Microsoft asks of a partner. Always asked as a user, an Admin or Sales agent.

    Both are iterators over what is still arriving: memory stays flat, nothing is asked before the first row is wanted,
    and Unavailable may come amid the rows, so whoever stores them does so wholly or not at all. `close()` an iterator
    that isn't read to its end. Rows that can't be read come as `BadRow`.
    """

    def __init__(self, *, carrier: transport.Transport) -> None:
        """Ask over this transport."""
        self._transport = carrier

    def sheet(
        self,
        *,
        market: str,
        view: str = LICENSE_BASED,
        timeline: str | None = None,
        month: str | None = None,
        compressed: bool = True,
    ) -> Generator[PriceRow | BadRow]:
        """Yield the prices of a market. `timeline` is current, history or future; `month` (YYYYMM) goes with history.

        `compressed` asks for a tenth of the bytes, and keeps them in a temporary file. Refuses (ValueError) what can't
        stand in the address.
        """
        path = sheet_path(market=market, view=view)
        if timeline is not None and timeline not in _TIMELINES:
            raise ValueError("a timeline is current, history or future")
        if month is not None:
            _require_month(month)
        query = {"timeline": timeline, "month": month}
        known = {name: value for name, value in query.items() if value is not None}
        return self._rows(path=path, query=known, compressed=compressed)

    def fx_rates(self, *, month: str) -> Generator[FxRate | BadRow]:
        """Yield what each currency was worth in US dollars in a month (YYYYMM)."""
        _require_month(month)
        return self._rates(path=f"/sales/fxrates(Month='{month}')/$value")

    def _rows(self, *, path: str, query: dict[str, str], compressed: bool) -> Generator[PriceRow | BadRow]:
        with (
            self._transport.read_prices(path=path, query=query, compressed=compressed) as response,
            price_rows.unpacked(chunks=response.iter_raw()) as file,
        ):
            yield from price_rows.price_rows(file=file)

    def _rates(self, *, path: str) -> Generator[FxRate | BadRow]:
        with (
            self._transport.read_prices(path=path, query={}, compressed=False) as response,
            price_rows.unpacked(chunks=response.iter_raw()) as file,
        ):
            yield from price_rows.fx_rates(file=file)


def sheet_path(*, market: str, view: str = LICENSE_BASED) -> str:
    """Return the path of a market's price sheet; refuses (ValueError) what can't stand in it."""
    if not _MARKET.fullmatch(market) or not _VIEW.fullmatch(view):
        raise ValueError("a market has two letters, a view is one word")
    return f"/sales/pricesheets(Market='{market.upper()}',PricesheetView='{view}')/$value"


def _require_month(month: str) -> None:
    if not _MONTH.fullmatch(month):
        raise ValueError("a month is written YYYYMM")
