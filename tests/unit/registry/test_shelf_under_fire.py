"""Killed in the middle, or two at once: the shelf is as it was before or as it is after, and no decision is lost."""

import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from made.packages import made_package

from lingula.registry import Action, Registry

KILLS = 4
DECIDER = """
import sys
from pathlib import Path
from lingula.registry import Registry
registry, who = Registry(Path(sys.argv[1])), sys.argv[2]
while True:
    other = "made-1.1.0" if registry.serving().label == "made-1.0.0" else "made-1.0.0"
    registry.promote(other, because="to and fro", who=who)
    print("decided", flush=True)
"""


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    registry = Registry(tmp_path / "shelf")
    for version in ("1.0.0", "1.1.0"):
        registry.register(made_package(tmp_path, version=version))
    return tmp_path / "shelf"


def test_killed_while_promoting_the_old_or_the_new_serves_and_what_was_told_is_kept(shelf: Path) -> None:
    dice, told = random.Random(7), 0
    for kills in range(1, KILLS + 1):
        command = [sys.executable, "-c", DECIDER, str(shelf), f"life {kills}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "decided\n"
            time.sleep(dice.uniform(0.0, 0.1))
            process.kill()
            told += 1 + process.stdout.read().count("decided\n")
        decisions = Registry(shelf).history()
        assert told <= len(decisions) < told + kills + 1  # a kill may fall between the change and its word
        assert Registry(shelf).open().label == decisions[-1].package


def test_several_who_decide_at_once_lose_no_decision(shelf: Path) -> None:
    registry = Registry(shelf)
    for number in range(4):
        registry.register(made_package(shelf.parent, name=f"other{number}"))
    with ThreadPoolExecutor(4) as threads:  # the lock is the open file's, so threads meet it as processes do
        for number in range(4):
            threads.submit(Registry(shelf).promote, f"other{number}", because="at once", who="all")

    assert {decision.package for decision in registry.history()} == {f"other{number}-1.0.0" for number in range(4)}
    replaced = [decision.replaced for decision in registry.history() if decision.action is Action.PROMOTE]
    assert replaced[1:] == [decision.package for decision in registry.history()][:-1]
