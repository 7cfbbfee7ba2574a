"""What every test may rely on: no settings from outside, and real radiographs when they are there."""

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests see no LINGULA_* variable but the data folder, and a home of their own."""
    for name in [name for name in os.environ if name.startswith("LINGULA_") and name != "LINGULA_DATA"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LINGULA_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real radiographs that LINGULA_DATA names; see CONTRIBUTING.md."""
    named = os.environ.get("LINGULA_DATA")
    if named and (Path(named) / "chest_xray").is_dir():
        return Path(named).resolve()
    reason = "no real radiographs: set LINGULA_DATA to a folder with chest_xray/ (see CONTRIBUTING.md)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
