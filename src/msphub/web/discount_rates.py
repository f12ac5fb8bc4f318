"""The rates of a discount's form: one rate, bands, or a table of products that may be long.

The table travels with the form as lines of text in one hidden control, so that 10,000 rows fit into a request and
nothing is stored before it is right; only a page of it has controls of its own. Everything works without script.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _

from msphub.catalog import inputs, item_rows, products
from msphub.catalog.choices import BY_ITEM, ONE_RATE, DiscountCategory
from msphub.catalog.inputs import Band, Rates
from msphub.catalog.item_rows import KnownRow, TypedRow
from msphub.catalog.products import FoundSku, ItemRow
from msphub.kit import text
from msphub.kit.actor import Actor
from msphub.kit.errors import Refused

PAGE_ROWS = 50
MOST_SHOWN_PROBLEMS = 50
MOST_FILE_BYTES = 2 * 1024 * 1024
FIRST_BANDS = 3
_PARTS = ("from", "to", "percent")
type Posted = Mapping[str, str]
type File = UploadedFile[Any]


@dataclasses.dataclass
class BandRow:
    """A band as typed, and what is wrong with it by part."""

    number: int
    values: dict[str, str]
    problems: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def fields(self) -> list[tuple[str, str, str, str]]:
        """Return (name of the control, label, value, message) in order."""
        labels = {"from": _("From quantity"), "to": _("To quantity"), "percent": _("Percentage")}
        return [
            (f"band-{self.number}-{part}", labels[part], self.values[part], self.problems.get(part, ""))
            for part in _PARTS
        ]

    @property
    def remove(self) -> str:
        """Return what the button that removes it asks for."""
        return f"remove-band:{self.number}"

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been typed into it."""
        return not any(value.strip() for value in self.values.values())


@dataclasses.dataclass
class RateRow:
    """A row of the table on the page that is shown."""

    position: int
    known: KnownRow
    problem: str = ""

    @property
    def name(self) -> str:
        """Return title and id of the product or SKU."""
        return self.known.title or item_rows.name_of(self.known.typed)

    @property
    def remove(self) -> str:
        """Return what the button that removes it asks for."""
        return f"remove:{self.position}"


class RatesPart:
    """What the rates part of a form holds and shows."""

    def __init__(self, *, by: Actor, vendor: str, category: str, posted: Posted | None, rates: Rates | None) -> None:
        """Read what was posted, else begin with a version's rates (`table_of` gives its table), else empty."""
        self.by = by
        self.vendor = vendor
        self.category = category
        self.is_table = category in BY_ITEM
        self.is_bands = category == DiscountCategory.SLAB
        self.by_sku = category == DiscountCategory.ITEMIZED
        self.problem = ""
        self.problems: list[tuple[int, str]] = []
        self.more_problems = 0
        self.found: list[FoundSku] | None = None
        self.checked = False
        posted = posted or {}
        self.bands = _bands(posted, rates)
        self.rows = _rows(posted.get(f"items-{vendor}", ""))
        # Tables of the other vendors stay with the form: choosing a vendor again finds its rows as they were.
        self.others = [
            (name, value)
            for name, value in posted.items()
            if name.startswith("items-") and name[6:] != vendor and value
        ]
        self.find = posted.get("find", "")[:200]
        self.narrow = posted.get("narrow", "")[:200]
        self.paste = posted.get("paste", "")
        page = posted.get("table_page", "")
        self.page = int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1
        self._take_typed(posted)
        self._known: list[KnownRow] | None = None

    # What was typed

    def _take_typed(self, posted: Posted) -> None:
        for name, value in posted.items():
            position = name.removeprefix("rate-")
            if name.startswith("rate-") and position.isascii() and position.isdigit() and len(position) < 6:
                index = int(position)
                if index < len(self.rows):
                    self.rows[index] = dataclasses.replace(self.rows[index], percent=_cell(value))

    def show(self, rows: Sequence[ItemRow]) -> None:
        """Begin with the table of a version."""
        self.rows = [
            TypedRow(line=line, product=row.product, sku=row.sku, percent=f"{row.percent.normalize():f}")
            for line, row in enumerate(rows, start=1)
        ]

    def do(self, go: str, *, file: File | None = None) -> bool:
        """Do what a small button asks for; False when `go` is none of them."""
        verb, _colon, what = go.partition(":")
        number = int(what) if what.isascii() and what.isdigit() and len(what) < 6 else -1
        if verb == "import":
            self._take_file(file)
        elif verb == "add":
            self._add(what)
        elif verb in ("remove-band", "remove", "page"):
            {"remove-band": self._remove_band, "remove": self._remove, "page": self._turn_to}[verb](number)
        elif verb in ("add-band", "search", "paste"):
            {"add-band": self._add_band, "search": self._search, "paste": self._take_paste}[verb]()
        else:
            return verb in ("narrow", "refresh")
        self._known = None
        return True

    def _add_band(self) -> None:
        if len(self.bands) < inputs.MOST_BANDS:
            self.bands.append(BandRow(number=len(self.bands), values=dict.fromkeys(_PARTS, "")))

    def _remove_band(self, number: int) -> None:
        kept = [band for band in self.bands if band.number != number]
        self.bands = [dataclasses.replace(band, number=position) for position, band in enumerate(kept)]

    def _remove(self, number: int) -> None:
        self.rows = [row for position, row in enumerate(self.rows) if position != number]

    def _turn_to(self, number: int) -> None:
        self.page = number

    def _add(self, key: str) -> None:
        product, _divider, sku = key.partition(":")
        new = TypedRow(line=0, product=_cell(product), sku=_cell(sku), percent="")
        if new.key not in {row.key for row in self.rows}:
            self.rows = item_rows.merge(self.rows, [new])
        self.narrow, self.page = "", -(-len(self.rows) // PAGE_ROWS)
        self._search()

    def _take_paste(self) -> None:
        if self._take(self.paste):
            self.paste = ""

    def _search(self) -> None:
        self.found = products.search_skus(by=self.by, vendor=self.vendor, search=self.find)

    def _take_file(self, file: File | None) -> None:
        if file is None:
            self.problem = _("Choose a CSV file first.")
        elif (file.size or 0) > MOST_FILE_BYTES:
            self.problem = _("The file is larger than 2 MB.")
        else:
            try:
                self._take(item_rows.decode(file.read()))
            except Refused as refusal:
                self.problem = str(refusal.message)

    def _take(self, source: str) -> bool:
        """Add rows of a text to the table; none of them while one is wrong."""
        rows, problems = item_rows.read(source)
        known = item_rows.look_up(by=self.by, vendor=self.vendor, category=self.category, rows=rows)
        wrong = [(problem.line, problem.message) for problem in problems]
        wrong += [(one.typed.line, one.problem) for one in known if one.problem]
        merged = item_rows.merge(self.rows, rows)
        if not wrong and len(merged) > inputs.MOST_ITEMS:
            wrong = [(0, _("At most %(most)s products and SKUs.") % {"most": inputs.MOST_ITEMS})]
        if wrong:
            self._show_problems(_("Nothing has been added. Correct these rows and try again."), wrong)
            return False
        self.rows = merged
        self.page, self.narrow = 1, ""
        return True

    def _show_problems(self, words: str, problems: Sequence[tuple[int, str]]) -> None:
        ordered = sorted(problems)
        self.problem = words
        self.problems = ordered[:MOST_SHOWN_PROBLEMS]
        self.more_problems = max(0, len(ordered) - MOST_SHOWN_PROBLEMS)

    # What the domain gets

    def read(self, *, percent: str) -> tuple[Rates, dict[str, str]]:
        """Return the rates as the domain takes them, and what can't even be read, by field of the form."""
        if self.category in ONE_RATE:
            value, problem = inputs.read_percent(percent)
            return Rates(percent=value), {"percent": problem} if problem else {}
        if self.is_bands:
            return self._read_bands()
        if not self.is_table:
            return Rates(), {}
        self.checked = True
        known = self.known
        wrong = [(one.typed.line, f"{item_rows.name_of(one.typed)}: {one.problem}") for one in known if one.problem]
        if wrong:
            self._show_problems(_("Some rows need your attention."), wrong)
            first = min(line for line, _message in wrong)
            self.page, self.narrow = -(-first // PAGE_ROWS), ""
            return Rates(), {"items": self.problem}
        return Rates(items=tuple(one.item for one in known if one.item is not None)), {}

    def _read_bands(self) -> tuple[Rates, dict[str, str]]:
        bands, wrong = [], False
        for row in self.bands:
            row.problems = {}
            if row.is_empty:
                continue
            first, first_problem = inputs.read_quantity(row.values["from"])
            last, last_problem = inputs.read_quantity(row.values["to"])
            percent, percent_problem = inputs.read_percent(row.values["percent"])
            if first is None and not first_problem:
                first_problem = _("Enter the first quantity.")
            for part, problem in zip(_PARTS, (first_problem, last_problem, percent_problem), strict=True):
                if problem:
                    row.problems[part] = problem
            if row.problems or first is None or percent is None:
                wrong = True
            else:
                bands.append(Band(from_quantity=first, to_quantity=last, percent=percent))
        if wrong:
            return Rates(), {"bands": _("Some bands need your attention.")}
        return Rates(bands=tuple(bands)), {}

    # What is shown

    @property
    def known(self) -> list[KnownRow]:
        """Return the table's rows with their products, looked up once."""
        if self._known is None:
            self._known = item_rows.look_up(by=self.by, vendor=self.vendor, category=self.category, rows=self.rows)
        return self._known

    @property
    def state(self) -> str:
        """Return the table as the hidden control carries it."""
        return "\n".join(f"{row.product}\t{row.sku}\t{row.percent}" for row in self.rows)

    @property
    def table(self) -> dict[str, Any]:
        """Return the page of the table that is shown, and where it stands in the whole."""
        words = text.search_words(self.narrow)
        fitting = [
            (position, one)
            for position, one in enumerate(self.known)
            if not words or all(word in text.fold(f"{one.title} {item_rows.name_of(one.typed)}") for word in words)
        ]
        pages = max(1, -(-len(fitting) // PAGE_ROWS))
        self.page = min(max(1, self.page), pages)
        start = (self.page - 1) * PAGE_ROWS
        shown = [
            RateRow(position=position, known=one, problem=(one.problem or "") if self._shows(one) else "")
            for position, one in fitting[start : start + PAGE_ROWS]
        ]
        return {
            "rows": shown,
            "count": len(self.rows),
            "fitting": len(fitting),
            "page": self.page,
            "pages": pages,
            "first": start + 1 if shown else 0,
            "last": start + len(shown),
            "previous": self.page - 1 if self.page > 1 else 0,
            "next": self.page + 1 if self.page < pages else 0,
            "go_previous": f"page:{self.page - 1}",
            "go_next": f"page:{self.page + 1}",
            "is_long": len(self.rows) > PAGE_ROWS or bool(self.narrow),
        }

    def _shows(self, one: KnownRow) -> bool:
        """Tell whether a row's problem is worth showing: an empty rate only after Save."""
        return self.checked or bool(one.typed.percent)

    @property
    def chosen_keys(self) -> set[str]:
        """Return what a search result need not offer again."""
        return {item_rows.name_of(row) for row in self.rows}

    @property
    def results(self) -> list[dict[str, Any]]:
        """Return what the search found: whole products first where they can be chosen, then SKUs."""
        if self.found is None:
            return []
        whole = {one.product: one.product_title for one in self.found}
        rows = [{"key": product, "title": title, "about": _("whole product")} for product, title in whole.items()]
        if self.by_sku:
            rows += [{"key": f"{one.product}:{one.sku}", "title": one.title, "about": "SKU"} for one in self.found]
        return [{**row, "chosen": row["key"] in self.chosen_keys} for row in rows]

    @property
    def shows_results(self) -> bool:
        """Tell whether a search was made."""
        return self.found is not None


def _bands(posted: Posted, rates: Rates | None) -> list[BandRow]:
    count = posted.get("band_count", "")
    if count.isascii() and count.isdigit():
        return [
            BandRow(number=number, values={part: posted.get(f"band-{number}-{part}", "")[:40] for part in _PARTS})
            for number in range(min(int(count[:4]), inputs.MOST_BANDS))
        ]
    if rates is not None and rates.bands:
        return [
            BandRow(
                number=number,
                values={
                    "from": str(band.from_quantity),
                    "to": "" if band.to_quantity is None else str(band.to_quantity),
                    "percent": f"{band.percent.normalize():f}",
                },
            )
            for number, band in enumerate(rates.bands)
        ]
    return [
        BandRow(number=number, values={"from": "" if number else "1", "to": "", "percent": ""})
        for number in range(FIRST_BANDS)
    ]


def _rows(state: str) -> list[TypedRow]:
    rows = []
    for line in state.splitlines()[: inputs.MOST_ITEMS]:
        cells = [*line.split("\t"), "", "", ""]
        if cells[0].strip():
            rows.append((_cell(cells[0]), _cell(cells[1]), _cell(cells[2])))
    return [
        TypedRow(line=line, product=product, sku=sku, percent=percent)
        for line, (product, sku, percent) in enumerate(rows, start=1)
    ]


def _cell(value: str) -> str:
    """Return a value on one line without what a database refuses."""
    return "".join(sign for sign in value if sign.isprintable()).strip()[:60]
