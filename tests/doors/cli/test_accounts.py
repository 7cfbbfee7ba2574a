"""People are added, listed and kept out from the command line."""

import io

import pytest
from made.commands import Lingula

from lingula.doors.credentials import is_password
from lingula.records.accounts import no_such_site
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


@pytest.mark.usefixtures("says")
def test_an_unknown_role_is_refused(lingula: Lingula) -> None:
    ended = lingula("users", "add", "mara", "--password-stdin", "--role", "boss")
    assert ended.code == 64
    assert "there is no role 'boss'" in ended.err


@pytest.mark.parametrize(
    "words",
    [
        ("users", "add", "mara", "--password-stdin", "--site", "nroth"),
        ("sites", "show", "nroth"),
        ("sites", "bind", "nroth", "--ae-title", "CT"),
        ("sites", "unbind", "nroth", "--ae-title", "CT"),
        ("sites", "new-key", "nroth"),
        ("sites", "revoke-key", "nroth", "0123456789"),
        ("failures", "list", "--site", "nroth"),
        ("failures", "list", "--site", "north", "--site", "nroth"),
        ("failures", "replay", "--all", "--site", "nroth"),
    ],
)
@pytest.mark.usefixtures("says")
def test_a_misspelt_site_is_said_with_those_there_are_by_every_command(
    lingula: Lingula, words: tuple[str, ...]
) -> None:
    lingula("sites", "add", "south")
    lingula("sites", "add", "north")
    ended = lingula(*words)
    assert (ended.code, ended.out) == (4, "")
    assert "there is no site 'nroth'; there are north, south" in ended.err


def test_where_there_are_no_sites_or_very_many_the_command_says_so() -> None:
    assert str(no_such_site("a", [])) == "there is no site 'a', nor any other; `lingula sites add NAME` adds one"
    said = str(no_such_site("a", [f"s{number:02}" for number in range(23)]))
    assert said.endswith("s18, s19 and 3 more (`lingula sites list`)")


def test_a_short_password_is_refused_and_not_shown(lingula: Lingula, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("hunter2\n"))
    ended = lingula("users", "add", "mara", "--password-stdin")
    assert ended.code == 78
    assert "hunter2" not in ended.err
