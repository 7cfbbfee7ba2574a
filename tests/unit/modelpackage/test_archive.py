"""A package is whole or refused; the same content always gives the same file."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made.packages import made_graph, made_manifest, made_package

from lingula.errors import PackageDamaged, PackageTooNew
from lingula.modelpackage import archive
from lingula.modelpackage.archive import CARD, GRAPH, MANIFEST, read_package, shipped_package_path, write_package
from lingula.modelpackage.manifest import Forebear

FIXTURES = Path(__file__).parents[2] / "fixtures"


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Change a package's members and write it beside, without mending any digest."""
    with zipfile.ZipFile(path) as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    change(members)
    other = path.with_name("changed.lingula")
    with zipfile.ZipFile(other, "w") as whole:
        for name, data in members.items():
            whole.writestr(name, data)
    return other


def edit_manifest(members: dict[str, bytes], **values: object) -> None:
    members[MANIFEST] = json.dumps(json.loads(members[MANIFEST]) | values).encode()


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = write_package(tmp_path, made_manifest(), made_graph(), "# Card\n")
    package = read_package(path)
    assert path.name == "made-1.0.0.lingula"
    assert package.label == "made-1.0.0"
    assert package.as_forebear == Forebear(label="made-1.0.0", sha256=package.sha256)
    assert package.graph == made_graph()
    assert package.model_card == "# Card\n"
    assert package.manifest.operating_points == made_manifest().operating_points


def test_the_same_content_gives_the_same_bytes_and_no_partial_file_stays(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    assert made_package(first).read_bytes() == made_package(second).read_bytes()
    assert [entry.name for entry in first.iterdir()] == ["made-1.0.0.lingula"]


@pytest.mark.parametrize("member", [GRAPH, CARD])
def test_a_changed_member_is_refused_by_its_digest(tmp_path: Path, member: str) -> None:
    def change(members: dict[str, bytes]) -> None:
        members[member] += b" "

    with pytest.raises(PackageDamaged, match=rf"{member} has sha256 .* fetch it again"):
        read_package(rewritten(made_package(tmp_path), change))


@pytest.mark.parametrize("member", [MANIFEST, GRAPH, CARD])
def test_a_missing_member_is_named(tmp_path: Path, member: str) -> None:
    def change(members: dict[str, bytes]) -> None:
        del members[member]

    with pytest.raises(PackageDamaged, match=f"has no member {member}"):
        read_package(rewritten(made_package(tmp_path), change))


def test_a_newer_format_says_to_upgrade(tmp_path: Path) -> None:
    newer = rewritten(made_package(tmp_path), lambda members: edit_manifest(members, format_version=3))
    with pytest.raises(PackageTooNew, match="package format 3, this program reads up to 2; upgrade lingula"):
        read_package(newer)


def test_a_package_of_the_first_format_is_read_as_it_is() -> None:
    package = read_package(FIXTURES / "format-1" / "made-1.0.0.lingula")

    assert package.sha256 == "106b6b05ce086daf4a55adb7411bccf691a784259b2ac6cdc7fe16564a7f2fb9"
    assert package.manifest.format_version == 1
    assert package.manifest.gate is None
    assert package.manifest.provenance.begun_from is None


@pytest.mark.parametrize("manifest", [b"not json", b"[]", b"{}", b'{"format_version": "one"}'])
def test_a_manifest_without_a_format_is_refused(tmp_path: Path, manifest: bytes) -> None:
    def change(members: dict[str, bytes]) -> None:
        members[MANIFEST] = manifest

    with pytest.raises((PackageDamaged, PackageTooNew)):
        read_package(rewritten(made_package(tmp_path), change))


def test_a_manifest_with_an_unknown_field_names_it(tmp_path: Path) -> None:
    strange = rewritten(made_package(tmp_path), lambda members: edit_manifest(members, threshold=0.5))
    with pytest.raises(PackageDamaged, match="does not hold at threshold"):
        read_package(strange)


def test_an_undeclared_output_is_refused(tmp_path: Path) -> None:
    outputs = [output.model_dump() for output in made_manifest().outputs if output.name != "novelty"]
    without = rewritten(made_package(tmp_path), lambda members: edit_manifest(members, outputs=outputs))
    with pytest.raises(PackageDamaged, match="declares no output 'novelty'"):
        read_package(without)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x00" * 4096])
def test_a_file_that_is_no_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.lingula"
    path.write_bytes(content)
    with pytest.raises(PackageDamaged, match="no whole zip file"):
        read_package(path)


def test_a_truncated_package_is_refused(tmp_path: Path) -> None:
    whole = made_package(tmp_path)
    whole.write_bytes(whole.read_bytes()[:-200])
    with pytest.raises(PackageDamaged):
        read_package(whole)


@given(place=st.integers(0, 2**32), noise=st.binary(min_size=1, max_size=64))
def test_bytes_that_changed_anywhere_are_refused_or_change_nothing(place: int, noise: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = made_package(Path(folder))
        before, data = read_package(path), path.read_bytes()
        start = place % len(data)
        path.write_bytes((data[:start] + noise + data[start + len(noise) :])[: len(data)])
        try:
            after = read_package(path)
        except (PackageDamaged, PackageTooNew):
            return
    assert (after.graph, after.model_card, after.manifest) == (before.graph, before.model_card, before.manifest)


@pytest.mark.parametrize("member", [MANIFEST, GRAPH, CARD])
def test_noise_inside_what_is_compressed_is_refused(tmp_path: Path, member: str) -> None:
    path = made_package(tmp_path)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as whole:
        start = whole.getinfo(member).header_offset + 30 + len(member)  # a local header, and the name
    data[start : start + 8] = b"\xff" * 8
    path.write_bytes(data)
    with pytest.raises(PackageDamaged, match=r"no whole zip file: .*; fetch or export it again"):
        read_package(path)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(PackageDamaged, match="cannot be read"):
        read_package(tmp_path / "none.lingula")


def test_a_member_that_would_unpack_beyond_measure_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST_MEMBER", 100)  # a limit, not a behaviour: half a gigabyte is slow to make
    with pytest.raises(PackageDamaged, match="would unpack to"):
        read_package(made_package(tmp_path))


def test_the_shipped_package_is_whole_and_small() -> None:
    path = shipped_package_path()
    package = read_package(path)
    assert path.stat().st_size <= 25 * 1024 * 1024
    assert package.manifest.intended_use.age_years_max < 18
    assert "adults" in package.model_card
