"""Reviews: a claim keeps others out for a while, a verdict is never overwritten."""

import pytest
from made.triage import NORTH, SOUTH, MadeTriage, made_doctor, made_jpeg

from lingula.errors import Conflict, NotFound
from lingula.radiology.identifiers import StudyId
from lingula.records.reviews import Verdict
from lingula.triage.events import StudyClaimed, StudyReviewed

MARA, OTTO = made_doctor("mara"), made_doctor("otto")


def study_of(triage: MadeTriage) -> StudyId:
    return triage.receiver.receive(made_jpeg(), site=NORTH, door="http").study


def test_a_claim_keeps_others_out_until_it_ends(triage: MadeTriage) -> None:
    study = study_of(triage)
    triage.reviews.claim(study, MARA)

    with pytest.raises(Conflict):
        triage.reviews.claim(study, OTTO)
    with pytest.raises(Conflict):
        triage.reviews.review(study, OTTO, Verdict.AGREE)

    triage.clock.move(minutes=16)
    triage.reviews.claim(study, OTTO)


def test_claiming_again_lengthens_the_claim_and_is_told_once(triage: MadeTriage) -> None:
    study = study_of(triage)
    first = triage.reviews.claim(study, MARA)
    triage.clock.move(minutes=10)

    second = triage.reviews.claim(study, MARA)

    assert (second.until - first.until).total_seconds() == 600
    assert [event for event in triage.events if isinstance(event, StudyClaimed)] == [
        StudyClaimed(at=first.until.replace(hour=8, minute=0), site=NORTH, study=study, reviewer="mara")
    ]


def test_a_claim_that_ended_and_is_taken_up_again_is_told_again(triage: MadeTriage) -> None:
    study = study_of(triage)
    triage.reviews.claim(study, MARA)
    triage.clock.move(minutes=20)
    triage.reviews.claim(study, MARA)

    assert len([event for event in triage.events if isinstance(event, StudyClaimed)]) == 2


def test_a_released_study_is_free(triage: MadeTriage) -> None:
    study = study_of(triage)
    triage.reviews.claim(study, MARA)
    triage.reviews.release(study, OTTO)
    with pytest.raises(Conflict):
        triage.reviews.claim(study, OTTO)

    triage.reviews.release(study, MARA)

    triage.reviews.claim(study, OTTO)


def test_a_verdict_is_recorded_and_followed_but_never_overwritten(triage: MadeTriage) -> None:
    study = study_of(triage)
    triage.clock.move(minutes=7)

    first = triage.reviews.review(study, MARA, Verdict.DISAGREE, finding=" pleural effusion ", note="  ")
    second = triage.reviews.review(study, OTTO, Verdict.AGREE)

    assert [(review.number, review.new.verdict) for review in (first, second)] == [
        (1, Verdict.DISAGREE),
        (2, Verdict.AGREE),
    ]
    assert (first.new.finding, first.new.note) == ("pleural effusion", None)
    assert list(triage.records.study(study).reviews) == [first, second]
    event = triage.events[1]
    assert isinstance(event, StudyReviewed)
    assert (event.reviewer, event.verdict, event.waited_seconds) == ("mara", "disagree", 420.0)


def test_a_study_of_another_site_is_as_unknown_as_none(triage: MadeTriage) -> None:
    study = study_of(triage)
    stranger = made_doctor("stranger", sites=[SOUTH])

    for unknown in (study, StudyId("snone")):
        with pytest.raises(NotFound):
            triage.reviews.claim(unknown, stranger)
        with pytest.raises(NotFound):
            triage.reviews.review(unknown, stranger, Verdict.AGREE)
    triage.reviews.claim(study, made_doctor("local", sites=[NORTH]))
