"""Notes come twice and in any order, radiographs among them that nothing can assess: each is accounted for once."""

from pathlib import Path

from made.parts import (
    FAULT_COUNT,
    Installation,
    check_exactly_once,
    dice,
    made_radiographs,
    sending,
    wait_until_all_are_finished,
)
from made.poison import poison, poisoned_package

from lingula.queues.queue import open_queue


def test_notes_doubled_and_in_any_order_double_nothing(installation: Installation) -> None:
    installation.add("receive")
    installation.wait_until_ready()
    with sending(installation, made_radiographs(FAULT_COUNT)) as hospital:
        hospital.allow()
        hospital.wait_for()
    again = list(hospital.acknowledged.values()) * 2
    dice().shuffle(again)
    queue = open_queue(installation.settings["LINGULA_QUEUE_URL"])
    for instance in again:
        queue.put(instance)
    queue.close()

    installation.add("work")
    installation.add("work")
    wait_until_all_are_finished(installation)
    installation.wait_until_ready()

    check_exactly_once(installation, hospital)


def test_poison_among_good_radiographs_is_parked_alone(installation: Installation, tmp_path: Path) -> None:
    bad = max(3, FAULT_COUNT // 20)
    radiographs = [*made_radiographs(FAULT_COUNT - bad), *(poison(seed) for seed in range(bad))]
    dice().shuffle(radiographs)
    installation.settings |= {
        "LINGULA_PACKAGE": str(poisoned_package(tmp_path / "poisoned")),
        "LINGULA_ATTEMPTS": "2",
    }
    for part in ("receive", "work"):
        installation.add(part)
    installation.wait_until_ready()

    with sending(installation, radiographs) as hospital:
        hospital.allow()
        hospital.wait_for()
    wait_until_all_are_finished(installation)

    check_exactly_once(installation, hospital, failed=bad)
