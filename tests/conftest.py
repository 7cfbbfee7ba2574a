"""What every test may rely on: no settings from outside, and real radiographs when they are there."""

import doctest
import os
from pathlib import Path

import pytest

pytest_plugins = [
    "servers.authority",
    "servers.kafka",
    "servers.nats",
    "servers.postgres",
    "servers.redis",
    "servers.s3",
]
IS_CI = os.environ.get("CI") == "true"
LONG = {"walks", "faults", "test_notebooks.py"}
"""Folders and files of tests that take minutes."""


if "PYTEST_XDIST_WORKER_COUNT" in os.environ:  # before PyTorch is imported: processes side by side share the cores
    beside = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // beside)))


@pytest.hookimpl(trylast=True)  # after pytest-randomly has shuffled
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out docstrings whose examples are all marked +SKIP: they show a call and were never meant as tests.

    What takes minutes comes first, so that processes side by side end together.
    """
    shown = [item for item in items if isinstance(item, pytest.DoctestItem) and _is_only_shown(item)]
    config.hook.pytest_deselected(items=shown)
    items[:] = sorted((item for item in items if item not in shown), key=_can_wait)


def _can_wait(item: pytest.Item) -> bool:
    return not LONG & set(item.path.relative_to(item.config.rootpath).parts)


def _is_only_shown(item: pytest.DoctestItem) -> bool:
    return all(example.options.get(doctest.SKIP) for example in item.dtest.examples)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let CI fail if anything was skipped: what is never run there is never tested."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if IS_CI and reporter is not None and _skipped(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was skipped and how to run it."""
    skipped = _skipped(terminalreporter)
    for reason in sorted(set(skipped)):
        terminalreporter.write_line(reason)
    if IS_CI and skipped:
        terminalreporter.write_line(f"CI=true: {len(skipped)} skipped tests fail the run")


def _skipped(reporter: pytest.TerminalReporter) -> list[str]:
    reports = reporter.stats.get("skipped", [])
    return [report.longrepr[2] for report in reports if isinstance(report.longrepr, tuple)]


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
    if IS_CI:
        pytest.fail(reason)
    pytest.skip(reason)
