"""Rotation of the encryption keys, and that nothing encrypted is unknown to it."""

import ast
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.conf import settings as django_settings
from django.db import models
from tests import factories
from tests.database import ROOT

from msphub.accounts import microsoft_connection
from msphub.accounts.models import MicrosoftConnection
from msphub.config import keys
from msphub.customers.models import CspAccount
from msphub.kit import scope, vault
from msphub.notifications.models import Mail

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
LINKS = 5


def fill() -> factories.PartnerWorld:
    """A partner with something in every encrypted column."""
    world = factories.make_partner()
    microsoft_connection.save_connection(
        by=world.actor,
        connection=microsoft_connection.ConnectionInput(
            partner_center_url="https://api.partnercenter.microsoft.com",
            graph_url="https://graph.microsoft.com",
            login_url="https://login.microsoftonline.com",
            microsoft_tenant_id=uuid.uuid4(),
            client_id=uuid.uuid4(),
            client_secret="client secret",
            refresh_token="refresh token",
        ),
        at=factories.NOW,
    )
    tenant = factories.make_customer(world, account=factories.new_account(agreement=factories.agreement()))
    CspAccount.objects.filter(customer_id=tenant.id).update(first_credentials=vault.encrypt_json({"password": "first"}))
    for number in range(LINKS):
        Mail.objects.create(
            partner_id=world.id,
            kind="test",
            entry_id=uuid.uuid4(),
            recipient="a@b.example",
            subject="s",
            text="t",
            html="h",
            secret_link=vault.encrypt(f"link {number}"),
            created_at=factories.NOW,
        )
    return world


def secrets_of(world: factories.PartnerWorld) -> list[Any]:
    scope.enter(partner_id=world.id)
    connection = MicrosoftConnection.objects.get(partner_id=world.id)
    account = CspAccount.objects.get(partner_id=world.id)
    links = Mail.objects.filter(partner_id=world.id).exclude(secret_link="").order_by("id")
    return [
        vault.decrypt(connection.client_secret),
        vault.decrypt(connection.refresh_token),
        vault.decrypt_json(account.first_credentials),
        *(vault.decrypt(mail.secret_link) for mail in links),
    ]


@pytest.mark.django_db
def test_every_partners_secrets_move_to_the_new_key_and_the_old_one_can_be_dropped(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    worlds = [fill(), fill()]
    before = [secrets_of(world) for world in worlds]
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    scope.enter(partner_id=None)

    first = keys.rotate(batch=2)
    again = keys.rotate(batch=2)

    assert {name: (found.renewed, found.current, found.unreadable) for name, found in first.items()} == {
        "accounts_microsoftconnection.client_secret": (2, 0, 0),
        "accounts_microsoftconnection.refresh_token": (2, 0, 0),
        "customers_cspaccount.first_credentials": (2, 0, 0),
        "notifications_mail.secret_link": (2 * LINKS, 0, 0),
    }
    assert all(found.renewed == 0 and found.current == first[name].renewed for name, found in again.items())
    settings.ENCRYPTION_KEYS = [NEW]
    assert [secrets_of(world) for world in worlds] == before


@pytest.mark.django_db
def test_what_no_key_opens_is_counted_and_left_alone(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    world = fill()
    settings.ENCRYPTION_KEYS = [NEW]
    found = keys.rotate()
    assert {name: result.unreadable for name, result in found.items()}["notifications_mail.secret_link"] == LINKS
    settings.ENCRYPTION_KEYS = [OLD]
    assert secrets_of(world)[0] == "client secret"


@pytest.mark.django_db
def test_nothing_is_encrypted_anywhere_else(settings: Any, owner_connection: psycopg.Connection[Any]) -> None:
    """House rule: after every kind of secret was stored, no other column of any table holds a token of the vault."""
    world = fill()
    scope.enter(partner_id=world.id)
    declared = set(keys.encrypted_columns())
    found = set()
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, models.CharField | models.TextField | models.JSONField):
                texts = models.QuerySet(model).annotate(as_text=models.functions.Cast(field.column, models.TextField()))
                if texts.filter(as_text__contains="gAAAAA").exists():
                    found.add((model._meta.db_table, field.column))
    assert found == declared


def test_every_place_that_encrypts_is_declared() -> None:
    """House rule: whatever `vault.encrypt` makes goes into a column that `msphub rotate-keys` knows."""
    declared = {column for _, column in keys.encrypted_columns()}
    targets = [
        target for path in sorted((ROOT / "src" / "msphub").rglob("*.py")) for target in _targets(path.read_text())
    ]
    assert len(targets) >= len(declared)
    assert set(targets) == declared


def test_every_declared_column_exists() -> None:
    columns = {(model._meta.db_table, field.column) for model in apps.get_models() for field in model._meta.fields}
    assert set(keys.encrypted_columns()) <= columns
    assert django_settings.ENCRYPTED_COLUMNS


def _targets(source: str) -> Iterator[str]:
    """Yield the name of the attribute or keyword that each call of `vault.encrypt…` is given to."""
    tree = ast.parse(source)
    parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    for node in ast.walk(tree):
        if not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "vault"
            and node.func.attr.startswith("encrypt")
        ):
            continue
        holder = parents[node]
        while isinstance(holder, ast.IfExp):
            holder = parents[holder]
        if isinstance(holder, ast.keyword) and holder.arg:
            yield holder.arg
        elif isinstance(holder, ast.Assign) and isinstance(holder.targets[0], ast.Attribute):
            yield holder.targets[0].attr
        else:
            yield f"line {node.lineno}: {ast.unparse(holder)}"
