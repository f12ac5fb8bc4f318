"""A cursor that belongs to another sort is none: the list answers."""

import uuid
from collections.abc import Callable

import pytest
from django.test import Client
from tests import factories

from msphub.accounts.models import User
from msphub.web import keyset

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("path", "sort"),
    [("/customer-types/", "changed"), ("/credit-terms/", "changed"), ("/customers/", "created")],
)
@pytest.mark.parametrize("side", ["after", "before"])
def test_a_made_up_cursor_is_none(
    world: factories.PartnerWorld, sign_in: Callable[[User], Client], path: str, sort: str, side: str
) -> None:
    cursor = keyset.encode("no instant", uuid.uuid4())
    assert sign_in(world.owner).get(path, {"sort": sort, side: cursor}).status_code == 200
