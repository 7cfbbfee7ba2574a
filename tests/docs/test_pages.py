"""What is written by hand names what there is, and nothing that is not."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi.routing import APIRoute

from lingula.doors.cli.main import command_names
from lingula.doors.http import api_events, api_health, api_instances, api_simple, api_studies, uploads
from lingula.log import action_of
from lingula.monitoring.metrics import Metrics
from lingula.settings import PREFIX, Settings
from lingula.triage import events

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
AT_THE_TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
PAGES = [*AT_THE_TOP, *sorted(DOCS.rglob("*.md"))]
DECISIONS = sorted((DOCS / "decisions").glob("0*.md"))
PARTS = ("Context", "Decision", "Rejected", "Consequences", "How we would notice that it was wrong")

CODE = re.compile(r"^```[a-z]*\n(.*?)^```$|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def code_of(page: Path) -> Iterator[str]:
    """Give what a page shows as code, blocks and words."""
    for block, word in CODE.findall(page.read_text(encoding="utf-8")):
        yield block or word


def test_the_readme_can_be_read_in_one_sitting() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_a_page_names_only_settings_that_exist(page: Path) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    named = set(re.findall(r"\bLINGULA_[A-Z][A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
    of_tests = {name for name in named if name.startswith("LINGULA_TEST_")}
    assert named - known - of_tests == set()


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_a_page_names_only_commands_that_exist(page: Path) -> None:
    named = {word for code in code_of(page) for word in re.findall(r"(?:^|[\s/])lingula ([a-z]+)\b", code)}
    assert named - set(command_names()) == set()


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_a_page_names_only_make_targets_that_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {word for code in code_of(page) for word in re.findall(r"(?:^|\s)make ([a-z-]+)\b", code)}
    assert named - targets == set()


@pytest.mark.parametrize("page", AT_THE_TOP, ids=names(AT_THE_TOP))
def test_every_link_of_a_page_at_the_top_leads_somewhere(page: Path) -> None:
    links = [urlsplit(link) for link in LINK.findall(page.read_text(encoding="utf-8"))]
    assert [link.path for link in links if not link.scheme and not (page.parent / link.path).exists()] == []


def test_every_event_is_documented_with_what_it_carries() -> None:
    page = (DOCS / "reference" / "events-and-metrics.md").read_text(encoding="utf-8")
    rows = {row.split("`")[1]: row for row in page.splitlines() if row.startswith("| `")}
    common = {field.name for field in fields(events.Event)} | {"instance"}
    for kind in events.Event.__subclasses__():
        row = rows[action_of(object.__new__(kind))]
        own = {field.name for field in fields(kind)} - common
        assert f"`{kind.__name__}`" in row
        assert set(re.findall(r"`([a-z_]+)`", row.split("|")[-2])) == own


def test_every_metric_is_documented() -> None:
    page = (DOCS / "reference" / "events-and-metrics.md").read_text(encoding="utf-8")
    gauges = (ROOT / "src/lingula/wiring/gauges.py").read_text(encoding="utf-8")
    found = re.findall(r"^# HELP (\S+)", Metrics().render().decode(), re.MULTILINE)
    watched = re.findall(r'metrics\.watch\(\s*"([a-z_]+)"', gauges)
    assert watched, "the gauges are watched in wiring/gauges.py"
    named = {name for name in (*found, *watched) if not name.endswith("_created")}
    assert {name for name in named if f"| `{name}` |" not in page} == set()


def test_every_route_of_the_api_is_documented() -> None:
    page = (DOCS / "reference" / "http-api.md").read_text(encoding="utf-8")
    modules = (uploads, api_instances, api_studies, api_events, api_simple, api_health)
    routes = [route for module in modules for route in module.router.routes if isinstance(route, APIRoute)]
    real = {f"{method} {route.path}" for route in routes for method in route.methods or ()}
    assert "POST /api/v1/instances" in real
    assert real - set(re.findall(r"`([A-Z]+ [^`?]+)", page)) == set()


def test_decisions_are_numbered_without_a_gap_and_listed() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    index = (DOCS / "decisions" / "index.md").read_text(encoding="utf-8")
    assert [page.name for page in DECISIONS if f"]({page.name})" not in index] == []


@pytest.mark.parametrize("page", DECISIONS, ids=names(DECISIONS))
def test_a_decision_is_one_page_with_all_its_parts(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 60
    assert lines[0].startswith(f"# {page.name[:4]} ")
    assert lines[2].startswith("**Status:** ")
    assert tuple(line[3:] for line in lines if line.startswith("## ")) == PARTS
