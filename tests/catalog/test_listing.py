"""The marketplace's list: what a search finds, page by page, whichever way it is looked for."""

import itertools
import uuid

import pytest
from tests import factories
from tests.catalog.sheet import TODAY, row, take_over

from msphub.catalog import listing, prices
from msphub.catalog.listing import Narrowed, ProductRow
from msphub.catalog.models import Product

pytestmark = pytest.mark.django_db
SCOPE = prices.Scope(market="US", currency="USD", segments=("commercial",))
WORDS = ("alpha", "beta", "gamma", "delta")


@pytest.fixture
def world(db: None) -> factories.PartnerWorld:
    """Sells 24 products: two words each, every fourth in euros only."""
    world = factories.make_partner()
    pairs = [f"{one} {other} {number}" for number in (1, 2) for one, other in itertools.permutations(WORDS, 2)]
    take_over(
        world.id,
        [
            row(
                f"CFQ7TTC0{number:04}",
                ProductTitle=title,
                SkuTitle=title,
                Currency="EUR" if number % 4 == 0 else "USD",
            )
            for number, title in enumerate(pairs)
        ],
    )
    return world


def titles(world: factories.PartnerWorld, *, search: str, offered: bool, backwards: bool = False) -> list[str]:
    """Return every title of a search, by pages of three."""
    found: list[ProductRow] = []
    beyond: tuple[str, uuid.UUID] | None = ("\U0010ffff", uuid.UUID(int=2**128 - 1)) if backwards else None
    while True:
        page = listing.products_page(
            by=world.actor,
            narrowed=Narrowed(search=search, offered=offered),
            microsoft=SCOPE,
            others=SCOPE,
            on=TODAY,
            size=3,
            after=None if backwards else beyond,
            before=beyond if backwards else None,
        )
        found = [*page.rows, *found] if backwards else [*found, *page.rows]
        if not (page.has_previous if backwards else page.has_next):
            return [one.title for one in found]
        assert len(page.rows) == 3
        edge = page.rows[0 if backwards else -1]
        beyond = (edge.sort_key, edge.id)


@pytest.mark.parametrize("search", ["a", "al", "gam del", "delta", "microsoft", "d", "alpha 2", "zz"])
@pytest.mark.parametrize("offered", [True, False])
@pytest.mark.parametrize(("matches", "window"), [(1000, 3000), (2, 3000), (2, 4), (2, 1)])
def test_a_search_finds_the_same_whichever_way_it_looks(
    world: factories.PartnerWorld,
    monkeypatch: pytest.MonkeyPatch,
    search: str,
    offered: bool,
    matches: int,
    window: int,
) -> None:
    every = titles(world, search="", offered=False)
    sold = set(titles(world, search="", offered=True))
    assert 0 < len(sold) < len(every)
    known = {one.title: one.search_text.split() for one in Product.objects.filter(active=True)}
    expected = [
        title
        for title in every
        if all(any(known_word.startswith(word) for known_word in known[title]) for word in search.split())
        and (not offered or title in sold)
    ]
    assert bool(expected) == (search != "zz")
    monkeypatch.setattr(listing, "MOST_MATCHES", matches)
    monkeypatch.setattr(listing, "WINDOW", window)
    assert titles(world, search=search, offered=offered) == expected
    assert titles(world, search=search, offered=offered, backwards=True) == expected
