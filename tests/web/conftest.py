"""Browsers without a browser: Django's client, signed in as somebody."""

from collections.abc import Callable

import pytest
from django.test import Client
from tests import factories

from msphub.accounts.models import Login, User


@pytest.fixture
def sign_in(db: None) -> Callable[[User], Client]:
    """Return a client that is signed in as a user."""

    def as_user(user: User) -> Client:
        client = Client()
        client.force_login(
            Login.objects.get(id=user.login_id), backend="msphub.accounts.sessions.AuthenticationBackend"
        )
        return client

    return as_user


@pytest.fixture
def world(db: None) -> factories.PartnerWorld:
    """A partner of its own."""
    return factories.make_partner()
