import pytest
from tests import factories


@pytest.fixture
def world(db: None) -> factories.PartnerWorld:
    """A partner of its own."""
    return factories.make_partner()
