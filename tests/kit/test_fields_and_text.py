"""Values as people type them."""

import uuid
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from msphub.kit import fields, ids, text, vault


@pytest.mark.parametrize(
    ("typed", "country", "stored"),
    [
        ("+1 206 555 0143", "", "+12065550143"),
        ("(206) 555-0143", "US", "+12065550143"),
        ("0049 40 123456", "DE", "+4940123456"),
        ("040 123456", "DE", "+4940123456"),
        ("", "US", ""),
    ],
)
def test_phone_numbers_as_typed_become_e164(typed: str, country: str, stored: str) -> None:
    assert fields.phone(typed, country=country) == (stored, None)


@pytest.mark.parametrize("typed", ["12", "call me", "+999 1 2 3", "0" * 80])
def test_what_is_no_phone_number_is_refused(typed: str) -> None:
    assert fields.phone(typed, country="US")[1] is not None


@pytest.mark.parametrize("typed", ["ann@wingtip.example", "Ann.Lee+x@Wingtip.Example", "ünï@exämple.example"])
def test_email_addresses_are_checked_by_form_only(typed: str) -> None:
    assert fields.email(typed, missing="Missing")[1] is None


@pytest.mark.parametrize(
    "typed", ["ann", "ann@", "@wingtip.example", "a b@c.example", "ann@x\n.example", "a" * 300 + "@x.example"]
)
def test_what_is_no_email_address_is_refused(typed: str) -> None:
    assert fields.email(typed, missing="Missing")[1] is not None


@pytest.mark.parametrize(
    "name", ["Zoë’s Café", "مؤسسة الرياض", "株式会社テスト", "Smile 😀 GmbH", "👩‍👧 Family Ltd", "O'Neil & Söhne <b>"]
)
def test_names_of_every_script_are_accepted(name: str) -> None:
    assert fields.company_name(name, missing="Missing") == (name, None)


@pytest.mark.parametrize(
    "name", ["A", "...", "  ", "x" * 201, "bad\x00name", "bad\x1bname", "evil\u202eeman", "10kB" * 2560]
)
def test_names_that_are_none_are_refused(name: str) -> None:
    assert fields.company_name(name, missing="Missing")[1] is not None


def test_blanks_are_tidied_and_composed() -> None:
    assert text.tidy("  Zoe\u0308   Ltd ") == "Zoë Ltd"


def test_words_are_found_without_accents_and_in_parts_of_emails() -> None:
    words = text.search_text("Zoë Müller", "ann.lee@wing-tip.example").split()
    assert words == ["zoe", "muller", "ann", "lee", "wing", "tip", "example"]
    assert text.prefix_query("Mül lee") == "'mul':* & 'lee':*"
    assert text.prefix_query("'; DROP") == "'drop':*"
    assert text.prefix_query(" . ") == ""


@given(st.text(max_size=200))
def test_a_query_is_always_well_formed(typed: str) -> None:
    query = text.prefix_query(typed)
    assert query == "" or all(part.startswith("'") and part.endswith("':*") for part in query.split(" & "))


@given(st.text(max_size=100))
def test_folding_is_stable(value: str) -> None:
    assert text.fold(text.fold(value)) == text.fold(value)


def test_ids_are_unique_and_sort_by_time() -> None:
    made = [ids.new_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(one.version == 7 and one.variant == uuid.RFC_4122 for one in made)
    assert [one.int >> 80 for one in made] == sorted(one.int >> 80 for one in made)


def test_secrets_survive_the_rotation_of_keys(settings: Any) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [old]
    token = vault.encrypt_json({"password": "p"})
    assert "p" not in token or "password" not in token
    settings.ENCRYPTION_KEYS = [new, old]
    assert vault.decrypt_json(token) == {"password": "p"}
    settings.ENCRYPTION_KEYS = [new]
    with pytest.raises(vault.Undecipherable):
        vault.decrypt_json(token)
