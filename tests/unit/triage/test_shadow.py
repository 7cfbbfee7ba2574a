"""A candidate in shadow sees everything after it has its result, and nothing that people see follows from it."""

from datetime import timedelta

import pytest
from made.dicom_files import as_bytes, made_dataset
from made.triage import LIKELY, START, UNLIKELY, MadeTriage, made_chest, made_jpeg, made_model, made_triage

from lingula.errors import LingulaError, NotFound
from lingula.radiology.identifiers import InstanceId
from lingula.radiology.study import Band, Status
from lingula.records.shadows import ShadowPair
from lingula.triage.infer import Model
from lingula.triage.shadow import MOST_UNENDED, Shadow


@pytest.fixture(scope="module")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A package that calls nearly everything unlikely."""
    return made_model(tmp_path_factory.mktemp("candidate"), version="2.0.0", thresholds=(0.97, 0.99))


@pytest.fixture
def shadowed(triage: MadeTriage, candidate: Model) -> MadeTriage:
    triage.shadow.take_up(candidate, START)
    return triage


def pairs(triage: MadeTriage, candidate: Model) -> dict[InstanceId, ShadowPair]:
    return {pair.instance: pair for pair in triage.shadows.shadow_pairs(candidate.package.sha256, START)}


def assessed(triage: MadeTriage, *brightness: float) -> list[InstanceId]:
    sent = [triage.send(made_jpeg(value, seed=number)) for number, value in enumerate(brightness)]
    while triage.worker.work_once():
        pass
    return sent


def test_a_candidate_states_its_own_band_beside_the_one_that_stands(shadowed: MadeTriage, candidate: Model) -> None:
    first, second = assessed(shadowed, LIKELY, UNLIKELY)

    assert shadowed.shadow.run_once() == 2

    found = pairs(shadowed, candidate)
    assert (found[first].serving.band, found[first].shadow.band) == (Band.LIKELY, Band.UNLIKELY)
    assert (found[second].serving.package, found[second].shadow.package) == ("made-1.0.0", "made-2.0.0")
    assert found[first].serving.probability == found[first].shadow.probability
    assert shadowed.shadow.counts == {("made-2.0.0", "assessed"): 2}
    assert shadowed.shadow.package == "made-2.0.0"


def test_nothing_that_people_see_follows_from_it(shadowed: MadeTriage) -> None:
    (instance,) = assessed(shadowed, LIKELY)
    before = (shadowed.of(instance), shadowed.records.summary(None), list(shadowed.events))

    shadowed.shadow.run_once()

    assert (shadowed.of(instance), shadowed.records.summary(None), list(shadowed.events)) == before


def test_it_waits_while_radiographs_wait(shadowed: MadeTriage) -> None:
    assessed(shadowed, LIKELY)
    shadowed.send(made_jpeg(LIKELY, seed=9))

    assert shadowed.shadow.run_once() == 0
    shadowed.worker.work_once()
    assert shadowed.shadow.run_once() == 2


def test_it_makes_way_for_a_radiograph_that_arrives_in_between(shadowed: MadeTriage) -> None:
    assessed(shadowed, LIKELY, UNLIKELY, LIKELY)
    shadowed.store.on_get = lambda _key: shadowed.queue.put(InstanceId("i9")) if not shadowed.queue.depth() else None

    assert shadowed.shadow.run_once() == 1


def test_two_programs_share_the_work_and_none_is_done_twice(shadowed: MadeTriage, candidate: Model) -> None:
    assessed(shadowed, LIKELY, UNLIKELY)
    other = Shadow(
        store=shadowed.store,
        records=shadowed.records,
        shadows=shadowed.shadows,
        queue=shadowed.queue,
        clock=shadowed.clock,
        timer=shadowed.clock.seconds,
    )
    other.take_up(candidate, START)

    def overtake(_key: str) -> None:
        shadowed.store.on_get = lambda _key: None
        assert other.run_once() == 1

    shadowed.store.on_get = overtake

    assert shadowed.shadow.run_once() == 1
    assert len(pairs(shadowed, candidate)) == 2


def test_what_arrived_before_the_shadow_or_still_waits_is_left_alone(triage: MadeTriage, candidate: Model) -> None:
    assessed(triage, LIKELY)
    triage.clock.move(minutes=1)
    triage.shadow.take_up(candidate, triage.clock())
    assert triage.shadow.run_once() == 0
    triage.send(made_jpeg(UNLIKELY, seed=5))
    (note,) = triage.queue.take(1, 0)  # a worker is at it

    assert triage.shadow.run_once() == 0
    triage.worker.assess([note])
    assert triage.shadow.run_once() == 1


def test_it_goes_on_after_a_restart_where_it_stopped(shadowed: MadeTriage, candidate: Model) -> None:
    assessed(shadowed, *[LIKELY] * 3)
    shadowed.shadow.run_once()
    shadowed.shadow.stop()
    assert shadowed.shadow.package is None
    shadowed.clock.move(hours=2)
    sent = assessed(shadowed, UNLIKELY)
    assert shadowed.shadow.run_once() == 0

    shadowed.shadow.take_up(candidate, START)

    assert shadowed.shadow.run_once() == 1
    assert sent[0] in pairs(shadowed, candidate)


def test_one_that_was_adopted_late_is_found_by_the_next_full_look(shadowed: MadeTriage, candidate: Model) -> None:
    """An original from hours ago is recorded only now, as after a power cut."""
    shadowed.clock.move(hours=3)
    shadowed.shadow.run_once()
    shadowed.clock.now = START + timedelta(seconds=1)
    sent = assessed(shadowed, LIKELY)
    shadowed.clock.now = START + timedelta(hours=3)
    shadowed.shadow.run_once()
    shadowed.clock.move(hours=1, seconds=1)
    shadowed.shadow.run_once()

    assert set(pairs(shadowed, candidate)) == set(sent)


def test_a_candidate_that_refuses_or_fails_says_so_in_its_own_table(shadowed: MadeTriage, candidate: Model) -> None:
    dataset = made_dataset(made_chest())
    dataset.ViewPosition = "LL"
    lateral = shadowed.send(as_bytes(dataset))
    (plain,) = assessed(shadowed, LIKELY)
    poison = shadowed.of(plain).new.store_key

    def stumble(key: str) -> None:
        if key == poison:
            raise KeyError("Doe^Jane")

    shadowed.store.on_get = stumble
    assert shadowed.shadow.run_once() == 2
    assert shadowed.shadow.run_once() == 0

    found = pairs(shadowed, candidate)
    assert found[lateral].shadow.status is Status.NOT_ELIGIBLE
    assert found[plain].shadow.status is Status.FAILED
    assert shadowed.of(plain).status is Status.ASSESSED
    assert shadowed.shadow.counts == {("made-2.0.0", "failed"): 1, ("made-2.0.0", "not eligible"): 1}


def test_an_original_that_is_gone_is_a_failure_of_the_shadow_alone(shadowed: MadeTriage, candidate: Model) -> None:
    (instance,) = assessed(shadowed, LIKELY)
    shadowed.store.store.delete(shadowed.of(instance).new.store_key)
    with pytest.raises(NotFound):
        shadowed.store.get(shadowed.of(instance).new.store_key)

    assert shadowed.shadow.run_once() == 1
    assert pairs(shadowed, candidate)[instance].shadow.status is Status.FAILED


def test_a_place_that_does_not_answer_is_left_alone_for_a_while(shadowed: MadeTriage) -> None:
    assessed(shadowed, LIKELY)
    shadowed.outage.of = {"store.get"}
    assert shadowed.shadow.run_once() == 0
    shadowed.outage.of = set()
    assert shadowed.shadow.run_once() == 0
    shadowed.clock.move(minutes=11)  # the attempt that was begun counts as ended

    assert shadowed.shadow.run_once() == 1


def test_one_that_keeps_ending_the_program_is_not_tried_any_more(model: Model, candidate: Model) -> None:
    """A killed process is played by BaseException: nothing after it runs."""
    triage = made_triage(model)
    assessed(triage, *[LIKELY] * 8)

    class Killed(BaseException):
        pass

    def die(_key: str) -> None:
        raise Killed

    triage.store.on_get = die
    for _ in range(MOST_UNENDED):
        triage.shadow.take_up(candidate, START)
        with pytest.raises(Killed):
            triage.shadow.run_once()

    with pytest.raises(LingulaError, match=r"5 radiographs ended the program with made-2\.0\.0 in shadow"):
        triage.shadow.take_up(candidate, START)
    assert triage.shadow.run_once() == 0
