"""Hospitals are added, bound to doors and given keys from the command line."""

from pathlib import Path

import pytest
from made.commands import Lingula

from lingula.doors.credentials import digest
from lingula.errors import NotFound
from lingula.settings import load_settings
from lingula.wiring.places import open_accounts


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


def test_bindings_given_at_once_are_printed_besides(lingula: Lingula) -> None:
    words = ["--ae-title", "A1", "--ae-title", "A2", "--bucket", "s3://images/north/", "--folder", "/srv//north"]
    row = lingula("sites", "add", "north", *words, "--json").rows[0]
    assert list(row) == ["site", "ae_title", "api_key", "ae_titles", "buckets", "folders"]
    assert (row["ae_title"], row["ae_titles"]) == ("A1", ["A2"])
    assert (row["buckets"], row["folders"]) == (["s3://images/north"], ["/srv/north"])
    assert "folder    /srv/north" in lingula("sites", "show", "north").out.splitlines()


def test_a_site_shows_all_it_is_known_by_but_no_key(lingula: Lingula) -> None:
    key = str(lingula("sites", "add", "north", "--json").rows[0]["api_key"])
    lingula("sites", "bind", "north", "--bucket", "s3://images", "--ae-title", "NORTH_CT")
    assert lingula("sites", "show", "north", "--json").rows == [
        {
            "site": "north",
            "ae_titles": ["NORTH", "NORTH_CT"],
            "api_keys": [digest(key)[:8]],
            "buckets": ["s3://images"],
            "folders": [],
        }
    ]
    assert digest(key) not in lingula("sites", "show", "north").out


def test_what_is_another_s_cannot_be_bound_and_nothing_else_is(lingula: Lingula) -> None:
    lingula("sites", "add", "north", "--folder", "/srv/north")
    lingula("sites", "add", "south")
    assert lingula("sites", "bind", "south", "--bucket", "s3://images", "--folder", "/srv/north").code == 5
    assert lingula("sites", "show", "south", "--json").rows[0]["buckets"] == []
    assert lingula("sites", "add", "west", "--folder", "/srv/north").code == 5
    assert len(lingula("sites", "list", "--json").rows) == 2
    assert lingula("sites", "bind", "east", "--folder", "/srv/east").code == 4


def test_what_is_unbound_is_free_and_only_its_own_site_unbinds_it(lingula: Lingula) -> None:
    lingula("sites", "add", "north", "--folder", "/srv/north")
    lingula("sites", "add", "south")
    assert lingula("sites", "unbind", "south", "--folder", "/srv/north").code == 4
    assert lingula("sites", "unbind", "north", "--folder", "/srv/north").code == 0
    assert lingula("sites", "bind", "south", "--folder", "/srv/north").code == 0
    assert lingula("sites", "bind", "south").code == 64


def test_a_site_may_change_its_key_without_a_gap(lingula: Lingula) -> None:
    first = str(lingula("sites", "add", "north", "--json").rows[0]["api_key"])
    row = lingula("sites", "new-key", "north", "--json").rows[0]
    assert list(row) == ["site", "api_key", "key_id"]
    second = str(row["api_key"])
    with open_accounts(load_settings()) as accounts:
        assert accounts.site_of_key(digest(first)) == accounts.site_of_key(digest(second))
    assert lingula("sites", "revoke-key", "north", digest(first)[:8]).code == 0
    with open_accounts(load_settings()) as accounts:
        assert accounts.site_of_key(digest(second)).name == "north"
        with pytest.raises(NotFound):
            accounts.site_of_key(digest(first))
    assert lingula("sites", "show", "north", "--json").rows[0]["api_keys"] == [row["key_id"]]


def test_a_key_is_revoked_only_by_enough_of_its_digest(lingula: Lingula) -> None:
    key = str(lingula("sites", "add", "north", "--json").rows[0]["api_key"])
    assert lingula("sites", "revoke-key", "north", digest(key)[:7]).code == 4
    assert lingula("sites", "revoke-key", "north", "00000000").code == 4
    assert lingula("sites", "new-key", "nowhere").code == 4
    assert "shown this once" in lingula("sites", "new-key", "north").err
