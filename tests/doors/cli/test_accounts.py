"""People and hospitals are added, listed and kept out from the command line."""

import io
from pathlib import Path

import pytest
from made.commands import Lingula

from lingula.doors.credentials import digest, is_password
from lingula.settings import load_settings
from lingula.wiring.places import open_accounts

PASSWORD = "four unrelated words here"  # noqa: S105 - made up


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))


@pytest.mark.usefixtures("says")
def test_a_person_is_added_with_role_and_sites(lingula: Lingula) -> None:
    lingula("sites", "add", "north")
    ended = lingula(
        "users", "add", "mara", "--role", "doctor", "--display-name", "Dr. Mara", "--site", "north", "--password-stdin"
    )
    assert ended.code == 0
    assert lingula("users", "list", "--json").rows == [
        {"name": "mara", "display_name": "Dr. Mara", "role": "doctor", "sites": ["north"], "is_active": True}
    ]
    with open_accounts(load_settings()) as accounts:
        assert is_password(accounts.user("mara").password_hash, PASSWORD)


@pytest.mark.usefixtures("says")
def test_a_new_password_ends_with_the_old_one_refused(lingula: Lingula, monkeypatch: pytest.MonkeyPatch) -> None:
    lingula("users", "add", "mara", "--password-stdin")
    monkeypatch.setattr("sys.stdin", io.StringIO("another four words here\n"))
    assert lingula("users", "passwd", "mara", "--password-stdin").code == 0
    with open_accounts(load_settings()) as accounts:
        assert not is_password(accounts.user("mara").password_hash, PASSWORD)
        assert is_password(accounts.user("mara").password_hash, "another four words here")


@pytest.mark.usefixtures("says")
def test_a_disabled_person_stays_listed_but_inactive(lingula: Lingula) -> None:
    lingula("users", "add", "mara", "--password-stdin")
    assert lingula("users", "disable", "mara").code == 0
    assert lingula("users", "list", "--json").rows[0]["is_active"] is False
    assert "no" in lingula("users", "list").out.splitlines()[1]


@pytest.mark.usefixtures("says")
def test_a_name_taken_ends_with_5_and_an_unknown_one_with_4(lingula: Lingula, monkeypatch: pytest.MonkeyPatch) -> None:
    lingula("users", "add", "mara", "--password-stdin")
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    assert lingula("users", "add", "mara", "--password-stdin").code == 5
    assert lingula("users", "disable", "nobody").code == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--role", "boss"], "there is no role 'boss'"),
        (["--site", "nowhere"], "there is no site 'nowhere'"),
    ],
)
@pytest.mark.usefixtures("says")
def test_an_unknown_role_or_site_is_refused(lingula: Lingula, words: list[str], said: str) -> None:
    ended = lingula("users", "add", "mara", "--password-stdin", *words)
    assert ended.code == 64
    assert said in ended.err


def test_a_short_password_is_refused_and_not_shown(lingula: Lingula, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("hunter2\n"))
    ended = lingula("users", "add", "mara", "--password-stdin")
    assert ended.code == 78
    assert "hunter2" not in ended.err


def test_a_site_s_key_is_printed_once_and_kept_as_a_digest(lingula: Lingula) -> None:
    row = lingula("sites", "add", "st-anne", "--json").rows[0]
    assert list(row) == ["site", "ae_title", "api_key"]
    assert (row["site"], row["ae_title"]) == ("st-anne", "ST_ANNE")
    assert lingula("sites", "list", "--json").rows == [{"site": "st-anne", "ae_title": "ST_ANNE"}]
    with open_accounts(load_settings()) as accounts:
        assert accounts.site_of_key(digest(str(row["api_key"]))).name == "st-anne"
    home = load_settings().home
    assert not [
        path for path in Path(home).rglob("*") if path.is_file() and str(row["api_key"]).encode() in path.read_bytes()
    ]


def test_people_see_the_key_too(lingula: Lingula) -> None:
    ended = lingula("sites", "add", "north")
    assert "API key" in ended.out
    assert "shown this once" in ended.err
    assert lingula("sites", "list").out.splitlines() == ["SITE   AE TITLE", "north  NORTH"]


@pytest.mark.parametrize("words", [["Saint Anne"], ["../up"], ["north", "--ae-title", "MUCH_TOO_LONG_A_TITLE"]])
def test_a_name_that_would_break_keys_or_dicom_is_refused(lingula: Lingula, words: list[str]) -> None:
    assert lingula("sites", "add", *words).code == 64
