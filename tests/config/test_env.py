"""What a production start refuses, and that the documented table is current."""

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet
from tests.database import ROOT

from msphub.config.cli import main
from msphub.config.env import Environment, NotConfigured, as_markdown

SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"


def production(**changes: str) -> Environment:
    key = Fernet.generate_key().decode()
    complete = {"msphub_mode": "production", "msphub_secret_key": SECRET, "msphub_encryption_keys": key}
    return Environment.model_validate({"msphub_clock_url": "", **complete, **changes})


def test_complete_production_environment_is_accepted() -> None:
    production().require_safe()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"msphub_secret_key": ""}, "MSPHUB_SECRET_KEY"),
        ({"msphub_secret_key": "short"}, "MSPHUB_SECRET_KEY"),
        ({"msphub_secret_key": "a" * 80}, "MSPHUB_SECRET_KEY"),
        ({"msphub_encryption_keys": ""}, "MSPHUB_ENCRYPTION_KEYS"),
        ({"msphub_encryption_keys": "not-a-key"}, "MSPHUB_ENCRYPTION_KEYS"),
        ({"msphub_clock_url": "http://localhost/clock"}, "MSPHUB_CLOCK_URL"),
        ({"msphub_metrics_token": "guessable"}, "MSPHUB_METRICS_TOKEN"),
    ],
)
def test_unsafe_production_environment_is_refused_by_name(changes: dict[str, str], named: str) -> None:
    with pytest.raises(NotConfigured, match=named):
        production(**changes).require_safe()


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(NotConfigured) as refusal:
        production(msphub_secret_key="", msphub_encryption_keys="").require_safe()
    assert "MSPHUB_SECRET_KEY" in str(refusal.value)
    assert "MSPHUB_ENCRYPTION_KEYS" in str(refusal.value)


def test_second_key_is_checked_too() -> None:
    with pytest.raises(NotConfigured, match="key 2"):
        production(msphub_encryption_keys=f"{Fernet.generate_key().decode()}, broken").require_safe()


def test_new_key_prints_a_usable_key() -> None:
    printed = CliRunner().invoke(main, ["new-key"]).output.strip()
    assert Fernet(printed).decrypt(Fernet(printed).encrypt(b"x")) == b"x"


def test_documented_table_is_current() -> None:
    documented = (ROOT / "docs/guide/configuration.md").read_text(encoding="utf-8")
    assert as_markdown() in documented, "Run `msphub check-env --markdown` and paste its table."


def test_every_variable_is_described() -> None:
    for name, field in Environment.model_fields.items():
        assert field.description, name
