"""Searching a list: every word typed must begin some word of the column, whatever is typed."""

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from msphub.kit import lists, text

pytestmark = pytest.mark.django_db
_NAMES = st.text(alphabet="aäAßb Ée1-._/'&(ﬁ", max_size=20)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=_NAMES, search=_NAMES)
@example(name="Product 300 Plan-7 (NCE)", search="plan 7 nce")
@example(name="Product 300 Plan 77", search="lan")
@example(name="100% %s", search="% %s")
def test_a_folded_column_is_searched_by_the_beginnings_of_its_words(name: str, search: str, db: None) -> None:
    conditions, values = lists.matching("c.name", search, folded=True)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT 1 FROM (SELECT %s::text AS name) c WHERE {' AND '.join(conditions) or 'true'}",
            [text.fold(name), *values],
        )
        found = cursor.fetchone() is not None
    words = text.search_words(name)
    assert found == all(any(word.startswith(typed) for word in words) for typed in text.search_words(search)[:8])
