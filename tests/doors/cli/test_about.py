"""What is in effect can be seen, and no secret with it."""

import pytest
from made.commands import Lingula


def test_settings_are_printed_with_their_source(lingula: Lingula, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINGULA_HTTP_PORT", "8123")
    rows = {row["name"]: row for row in lingula("settings", "--json").rows}
    assert (rows["LINGULA_HTTP_PORT"]["value"], rows["LINGULA_HTTP_PORT"]["source"]) == ("8123", "variable")
    assert rows["LINGULA_WORKERS"]["source"] == "default"
    assert all(row["meaning"] for row in rows.values())


def test_people_get_a_table_without_secrets(lingula: Lingula, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINGULA_API_KEY", "a-secret-nobody-may-see")
    ended = lingula("settings")
    assert ended.out.splitlines()[0].split() == ["NAME", "VALUE", "FROM"]
    assert "a-secret-nobody-may-see" not in ended.out


def test_an_unsafe_or_misspelt_setting_ends_with_78(lingula: Lingula, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINGULA_WORKRES", "2")
    ended = lingula("settings")
    assert ended.code == 78
    assert "did you mean LINGULA_WORKERS" in ended.err
