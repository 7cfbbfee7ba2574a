"""Health: ready only if every part answers in time, and the reason is given without secrets."""

from threading import Event

from lingula.errors import BackendUnavailable
from lingula.monitoring.health import Health


def well() -> None:
    pass


def test_all_parts_well_means_ready() -> None:
    report = Health({"store": well, "queue": well}).report()

    assert report.is_ready
    assert [(part.name, part.is_well, part.reason) for part in report.parts] == [
        ("store", True, None),
        ("queue", True, None),
    ]


def test_one_part_down_means_not_ready_and_says_why() -> None:
    def down() -> None:
        raise BackendUnavailable("the disk is full")

    report = Health({"store": down, "queue": well}).report()

    assert not report.is_ready
    assert [part.reason for part in report.parts] == ["the disk is full", None]


def test_what_other_libraries_say_is_not_repeated() -> None:
    def down() -> None:
        raise RuntimeError("cannot reach postgresql://user:secret@host")

    assert [part.reason for part in Health({"records": down}).report().parts] == ["RuntimeError"]


def test_a_part_that_hangs_is_not_ready_and_is_not_asked_a_second_time() -> None:
    released, asked = Event(), []

    def hang() -> None:
        asked.append(1)
        released.wait(20)

    health = Health({"store": hang, "queue": well}, limit_seconds=0.05, remember_seconds=0.0)

    first, second = health.report(), health.report()

    assert not first.is_ready
    assert first.parts[0].reason == "no answer within 0.05 seconds"
    assert second.parts[0].reason == "no answer within 0.05 seconds"
    assert second.parts[1].is_well
    assert len(asked) == 1
    released.set()


def test_a_part_that_answers_again_is_well_again() -> None:
    released = Event()

    def hang() -> None:
        released.wait(20)

    health = Health({"store": hang}, limit_seconds=0.05, remember_seconds=0.0)
    assert not health.report().is_ready
    released.set()

    while not health.report().is_ready:
        pass


def test_an_answer_holds_for_a_moment() -> None:
    now, asked = [0.0], []
    health = Health({"store": lambda: asked.append(1)}, remember_seconds=1.0, timer=lambda: now[0])

    health.report()
    now[0] = 0.9
    health.report()
    assert len(asked) == 1
    now[0] = 1.0
    health.report()
    assert len(asked) == 2


def test_a_process_that_answers_is_alive() -> None:
    assert Health({}).is_alive()
    assert Health({}).report().is_ready
