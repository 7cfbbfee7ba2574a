"""What is in effect can be seen, and no secret with it."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

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


class Other(BaseHTTPRequestHandler):
    """Another program's answers: a JSON document where Lingula's health would be, or a page."""

    def do_GET(self) -> None:
        """Answer anything."""
        self.send_response(200)
        self.end_headers()
        answers = {"/json": b"[1, 2]", "/receive": b'{"status": "ready", "parts": {"store": "ok"}, "package": null}'}
        self.wfile.write(answers.get(self.path.removesuffix("/health/ready"), b"<html>"))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def other() -> Iterator[str]:
    """The address of a server that answers one question."""
    with HTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"


def test_health_tells_only_what_there_is(lingula: Lingula, other: str) -> None:
    ended = lingula("health", "--url", f"{other}/receive")
    assert ended.code == 0
    assert ended.out.splitlines()[1:] == ["  status: ready", "  parts:", "    store: ok"]


@pytest.mark.parametrize("path", ["", "/json"])
def test_health_says_that_another_program_answers(lingula: Lingula, other: str, path: str) -> None:
    ended = lingula("health", "--url", f"{other}{path}")
    assert ended.code == 75
    assert "is no Lingula" in ended.err


def test_health_does_not_ask_what_is_no_address(lingula: Lingula) -> None:
    ended = lingula("health", "--url", "lingula.hospital.example")
    assert ended.code == 64
    assert "is not of the form http://host:8000" in ended.err


def test_a_home_that_cannot_be_made_is_a_wrong_setting(
    lingula: Lingula, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("LINGULA_HOME", str(tmp_path / "file" / "home"))
    ended = lingula("sites", "list")
    assert ended.code == 78
    assert "LINGULA_HOME: the folder" in ended.err
