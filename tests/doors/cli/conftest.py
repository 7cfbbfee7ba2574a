"""A command line to call, and files to call it with."""

from pathlib import Path

import pytest
from made.commands import Ended, Lingula
from made.packages import made_package
from made.triage import made_jpeg

from lingula.doors.cli.main import run


@pytest.fixture
def lingula(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Lingula:
    """The program, called in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str | Path) -> Ended:
        capsys.readouterr()
        code = run([str(word) for word in words])
        printed = capsys.readouterr()
        return Ended(code=code, out=printed.out, err=printed.err)

    return call


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A model package whose answer is foretold by brightness."""
    return made_package(tmp_path / "made")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with two radiographs and a file that is none."""
    folder = tmp_path / "pictures"
    (folder / "below").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(made_jpeg(seed=1))
    (folder / "below" / "b.jpg").write_bytes(made_jpeg(seed=2))
    (folder / "notes.txt").write_text("not a radiograph")
    return folder
