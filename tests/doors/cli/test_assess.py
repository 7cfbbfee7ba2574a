"""Files are assessed offline, in order, and an unreadable one never looks like a negative."""

from pathlib import Path

import pytest
from made.commands import Lingula
from made.dicom_files import as_bytes, made_dataset
from made.pictures import made_pixels

KEYS = [
    "path",
    "status",
    "reason",
    "probability",
    "band",
    "priority",
    "novelty",
    "package",
    "package_sha256",
    "seconds",
]


def test_one_line_per_file_with_exactly_the_promised_keys(lingula: Lingula, package: Path, pictures: Path) -> None:
    ended = lingula("assess", pictures, "--package", package, "--json")
    assert ended.code == 0
    assert [list(row) for row in ended.rows] == [KEYS, KEYS]
    assert [row["path"] for row in ended.rows] == [str(pictures / "a.jpg"), str(pictures / "below" / "b.jpg")]
    first = ended.rows[0]
    assert (first["status"], first["band"], first["priority"]) == ("assessed", "likely", "asap")
    assert first["package"] == "made-1.0.0"
    assert "1 other files were left out" in ended.err


def test_a_named_file_that_is_none_ends_with_2_and_is_urgent(lingula: Lingula, package: Path, pictures: Path) -> None:
    ended = lingula("assess", pictures / "notes.txt", pictures / "a.jpg", "--package", package, "--json")
    assert ended.code == 2
    row = ended.rows[0]
    assert (row["status"], row["priority"], row["probability"], row["band"]) == ("failed", "urgent", None, None)
    assert "plain text" in str(row["reason"])
    assert ended.rows[1]["status"] == "assessed"


def test_a_damaged_radiograph_in_a_folder_is_reported(lingula: Lingula, package: Path, pictures: Path) -> None:
    (pictures / "empty.jpg").write_bytes(b"")
    ended = lingula("assess", pictures, "--package", package, "--json")
    assert ended.code == 2
    assert [row["status"] for row in ended.rows] == ["assessed", "assessed", "failed"]


def test_a_file_beyond_the_limit_is_not_read(
    lingula: Lingula, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINGULA_UPLOAD_LIMIT_BYTES", "2048")
    (tmp_path / "zeros.jpg").write_bytes(bytes(4096))
    ended = lingula("assess", tmp_path / "zeros.jpg", "--package", package, "--json")
    assert ended.code == 2
    assert "4,096 bytes; at most 2,048" in str(ended.rows[0]["reason"])


def test_a_lateral_view_is_not_eligible_which_is_no_error(lingula: Lingula, package: Path, tmp_path: Path) -> None:
    dataset = made_dataset(made_pixels())
    dataset.ViewPosition = "LL"
    (tmp_path / "side").write_bytes(as_bytes(dataset))
    ended = lingula("assess", tmp_path / "side", "--package", package, "--json")
    assert ended.code == 0
    assert (ended.rows[0]["status"], ended.rows[0]["priority"]) == ("not eligible", "urgent")


def test_many_files_keep_their_order(lingula: Lingula, package: Path, pictures: Path) -> None:
    data = (pictures / "a.jpg").read_bytes()
    names = [pictures / f"{number:03}.jpg" for number in range(40)]
    for name in names:
        name.write_bytes(data)
    ended = lingula("assess", *names, "--package", package, "--json")
    assert [row["path"] for row in ended.rows] == [str(name) for name in names]


def test_heat_maps_are_written_beside_each_other(
    lingula: Lingula, package: Path, pictures: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "maps"
    lingula("assess", pictures, "--package", package, "--heatmap-dir", folder)
    drawn = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    assert drawn == ["a.jpg.heatmap.png", "below/b.jpg.heatmap.png"]
    assert (folder / "a.jpg.heatmap.png").read_bytes().startswith(b"\x89PNG")


def test_people_get_a_line_and_are_told_what_it_is_not(lingula: Lingula, package: Path, pictures: Path) -> None:
    ended = lingula("assess", pictures / "a.jpg", "--package", package)
    assert ended.out.startswith(f"{pictures / 'a.jpg'}  likely 0.")
    assert "never replaces it" in ended.err


@pytest.mark.parametrize("words", [["nowhere.jpg"], ["a.jpg", "--package", "nothing-1.0.0"]])
def test_what_is_not_there_ends_with_4(lingula: Lingula, pictures: Path, words: list[str]) -> None:
    (pictures.parent / "a.jpg").write_bytes((pictures / "a.jpg").read_bytes())
    assert lingula("assess", *words).code == 4


def test_a_damaged_package_ends_with_65(lingula: Lingula, package: Path, pictures: Path) -> None:
    package.write_bytes(package.read_bytes()[:1000])
    ended = lingula("assess", pictures, "--package", package)
    assert ended.code == 65
    assert "made-1.0.0.lingula" in ended.err
