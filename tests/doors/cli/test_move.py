"""One command carries hospitals from one machine to the places of many."""

from pathlib import Path

import pytest
from made.commands import Lingula
from made.home import made_home
from servers.s3 import S3Server, new_name

from lingula.stores.store import open_store


@pytest.fixture
def home(tmp_path: Path) -> str:
    return made_home(tmp_path)


@pytest.mark.usefixtures("s3_credentials")
def test_the_command_carries_from_sqlite_and_a_folder_to_postgresql_and_s3(
    lingula: Lingula, home: str, postgres_database: str, moto_server: S3Server, tmp_path: Path
) -> None:
    before = (tmp_path / "home.sqlite").read_bytes()
    words = ["--from-records", home, "--from-store", f"file://{tmp_path}/home"]
    words += ["--to-records", postgres_database, "--to-store", moto_server.url(new_name(), "lingula")]
    row = lingula("move", "--all", *words, "--json").rows[0]
    assert (row["sites"], row["studies_new"], row["originals"], row["damaged"]) == (2, 4, 5, 0)
    ended = lingula("move", "--site", "north", *words)
    assert ended.code == 0
    assert "studies there   3" in ended.out.splitlines()
    assert (tmp_path / "home.sqlite").read_bytes() == before


def test_the_command_says_what_it_left_and_refuses_what_makes_no_sense(
    lingula: Lingula, home: str, tmp_path: Path
) -> None:
    words = ["--from-store", f"file://{tmp_path}/home", "--to-store", f"file://{tmp_path}/away"]
    away = ["--to-records", f"sqlite://{tmp_path}/away.sqlite"]
    open_store(f"file://{tmp_path}/home").delete("north/i4")
    ended = lingula("move", "--all", "--from-records", home, *words, *away)
    assert ended.code == 5
    assert "the original of instance i4 is lost or changed" in ended.err
    assert lingula("move", "--from-records", home, *words, *away).code == 64
    assert lingula("move", "--all", "--from-records", home, *words, "--to-records", home).code == 64
    assert lingula("move", "--all", "--from-records", f"sqlite://{tmp_path}/no.sqlite", *words, *away).code == 4
    assert not (tmp_path / "no.sqlite").exists()


def test_a_store_that_is_not_there_is_no_loss(lingula: Lingula, home: str, tmp_path: Path) -> None:
    stores = ["--from-store", f"file://{tmp_path}/hom", "--to-store", f"file://{tmp_path}/away"]
    away = f"sqlite://{tmp_path}/away.sqlite"
    ended = lingula("move", "--all", "--from-records", home, "--to-records", away, *stores)
    assert ended.code == 4
    assert "check --from-store" in ended.err
    assert not (tmp_path / "away.sqlite").exists()
