"""Processes of every part end by kill -9, by a restart, or stand still beyond their lease: nothing lost or doubled."""

import signal
import time

from made.parts import (
    FAULT_COUNT,
    Installation,
    check_exactly_once,
    dice,
    made_radiographs,
    sending,
    wait_until_all_are_finished,
)

KILLS = max(4, FAULT_COUNT // 25)
LEASE_SECONDS = 2.0


def begin(installation: Installation, *parts: str) -> None:
    for part in parts:
        installation.add(part)
    installation.wait_until_ready()


def test_parts_killed_at_random_lose_and_double_nothing(installation: Installation) -> None:
    chance = dice()
    begin(installation, "receive", "work", "work", "web")
    order = [installation.parts[number % len(installation.parts)] for number in range(KILLS)]
    chance.shuffle(order)

    with sending(installation, made_radiographs(FAULT_COUNT)) as hospital:
        for part in order:
            hospital.allow(FAULT_COUNT // (KILLS + 1))
            hospital.wait_for(len(hospital.acknowledged) + 1)
            time.sleep(chance.uniform(0.0, 0.1))
            part.kill()
            part.start()
            if part.part == "receive":
                part.wait_until_ready()
        hospital.allow()
        hospital.wait_for()
    wait_until_all_are_finished(installation)

    check_exactly_once(installation, hospital)
    installation.wait_until_ready()


def test_a_rolling_restart_loses_and_doubles_nothing(installation: Installation) -> None:
    begin(installation, "receive", "work", "work")

    with sending(installation, made_radiographs(FAULT_COUNT)) as hospital:
        for part in installation.parts[:2]:
            hospital.allow(FAULT_COUNT // 3)
            hospital.wait_for(len(hospital.acknowledged) + 2)
            assert part.stop() == 0, part.said()
            part.start()
            part.wait_until_ready()
        hospital.allow()
        hospital.wait_for()
    wait_until_all_are_finished(installation)

    check_exactly_once(installation, hospital)


def test_a_worker_that_stood_still_beyond_its_lease_doubles_nothing(installation: Installation) -> None:
    begin(installation, "receive", "work", "work")
    still = installation.of("work")[0]
    assert still.process is not None

    with sending(installation, made_radiographs(FAULT_COUNT)) as hospital:
        hospital.allow()
        hospital.wait_for(FAULT_COUNT // 3)
        still.process.send_signal(signal.SIGSTOP)
        hospital.wait_for()
        wait_until_all_are_finished(installation)
        still.process.send_signal(signal.SIGCONT)
        time.sleep(LEASE_SECONDS / 2)  # it records what it had, which somebody else has recorded

    check_exactly_once(installation, hospital)
