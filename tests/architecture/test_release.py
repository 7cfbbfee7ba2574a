"""One version, written once, and the newest heading of the changelog speaks of it."""

import re
import tomllib
from pathlib import Path

import lingula

ROOT = Path(__file__).parents[2]


def test_the_version_is_the_newest_heading_of_the_changelog() -> None:
    headings = re.findall(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert headings, "CHANGELOG.md has no heading such as '## 0.1.0'"
    assert headings[0] == lingula.__version__


def test_the_version_is_written_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "lingula.__version__"}


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted += extra
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    names = {re.split(r"[<>=;\[ ]", one)[0].lower() for one in wanted} - {project["name"]}  # an extra may name another
    assert names <= pinned, f"run `make lock`: {sorted(names - pinned)}"


def test_no_file_names_a_package_registry() -> None:
    hosts = ("pypi" + ".org", "pythonhosted" + ".org", "pytorch" + ".org/whl")
    for name in ("Makefile", "constraints.txt", "pyproject.toml", ".ci/run"):
        text = (ROOT / name).read_text()
        assert not [host for host in hosts if host in text], name
