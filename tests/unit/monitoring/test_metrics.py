"""Metrics: every event counts where a dashboard looks, and nothing in them points to a person."""

import re

import pytest
from made.triage import START

from lingula.errors import BackendUnavailable
from lingula.monitoring.metrics import Metrics
from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.radiology.study import Band, Priority
from lingula.triage.events import (
    AssessmentFailed,
    Event,
    InstanceAssessed,
    InstanceNotEligible,
    InstanceReceived,
    InstanceReceivedAgain,
    InstanceReplayed,
    StudyClaimed,
    StudyReviewed,
)

SITE, STUDY, INSTANCE = SiteName("north"), StudyId("sstudy"), InstanceId("iinstance")


def received() -> Event:
    return InstanceReceived(
        at=START, site=SITE, study=STUDY, instance=INSTANCE, door="http", size_bytes=100, seconds=0.003
    )


def assessed(band: Band = Band.LIKELY) -> Event:
    return InstanceAssessed(
        at=START,
        site=SITE,
        study=STUDY,
        instance=INSTANCE,
        probability=0.93,
        band=band,
        priority=Priority.ASAP,
        novelty=0.4,
        package="made-1.0.0",
        seconds=0.004,
        waited_seconds=0.02,
    )


def failed(*, is_parked: bool) -> Event:
    return AssessmentFailed(
        at=START, site=SITE, study=STUDY, instance=INSTANCE, reason="damaged", attempt=1, is_parked=is_parked
    )


EVENTS = (
    received(),
    InstanceReceivedAgain(at=START, site=SITE, study=STUDY, instance=INSTANCE, door="dicom"),
    assessed(),
    assessed(Band.UNLIKELY),
    InstanceNotEligible(at=START, site=SITE, study=STUDY, instance=INSTANCE, reason="lateral", waited_seconds=1.0),
    failed(is_parked=False),
    failed(is_parked=True),
    InstanceReplayed(at=START, site=SITE, study=STUDY, instance=INSTANCE, asked_by="ada"),
    StudyClaimed(at=START, site=SITE, study=STUDY, reviewer="mara"),
    StudyReviewed(at=START, site=SITE, study=STUDY, reviewer="mara", verdict="agree", waited_seconds=60.0),
)


def numbers(metrics: Metrics) -> dict[str, float]:
    lines = metrics.render().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_every_event_is_counted() -> None:
    metrics = Metrics()
    for event in EVENTS:
        metrics.count(event)

    found = numbers(metrics)

    assert found['lingula_received_total{door="http",site="north"}'] == 1
    assert found['lingula_received_again_total{door="dicom",site="north"}'] == 1
    assert found['lingula_received_bytes_total{site="north"}'] == 100
    assert found['lingula_finished_total{site="north",status="assessed"}'] == 2
    assert found['lingula_finished_total{site="north",status="not eligible"}'] == 1
    assert found['lingula_finished_total{site="north",status="failed"}'] == 1
    assert found['lingula_assessed_total{band="likely",package="made-1.0.0",site="north"}'] == 1
    assert found['lingula_failed_attempts_total{site="north"}'] == 2
    assert found['lingula_claimed_total{site="north"}'] == 1
    assert found['lingula_reviewed_total{site="north",verdict="agree"}'] == 1
    assert found["lingula_assess_seconds_count"] == 2
    assert found["lingula_wait_seconds_count"] == 3
    assert found["lingula_review_wait_seconds_sum"] == 60
    assert found["lingula_probability_count"] == 2


def test_old_dashboards_find_their_counters() -> None:
    metrics = Metrics()
    for event in EVENTS:
        metrics.count(event)

    assert numbers(metrics)["requests_total"] == 4
    assert numbers(metrics)["pneumonia_total"] == 1


def test_no_label_names_a_study_an_instance_or_a_person() -> None:
    metrics = Metrics()
    for event in EVENTS:
        metrics.count(event)

    text = metrics.render().decode()

    assert not re.search("sstudy|iinstance|mara", text)


def test_a_gauge_is_looked_up_when_asked_for() -> None:
    metrics, depths = Metrics(), [3.0]
    metrics.watch("lingula_queue_depth", "Notes waiting.", ("queue",), lambda: [(("memory",), depths[0])])
    depths[0] = 7.0

    assert numbers(metrics)['lingula_queue_depth{queue="memory"}'] == 7


def test_a_gauge_whose_place_is_down_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    def down() -> list[tuple[tuple[str, ...], float]]:
        raise BackendUnavailable("the queue does not answer")

    metrics = Metrics()
    metrics.watch("lingula_queue_depth", "Notes waiting.", (), down)

    assert "lingula_queue_depth" not in numbers(metrics)
    assert "cannot be looked up" in caplog.text


def test_a_fresh_system_starts_at_zero_and_says_its_version() -> None:
    found = numbers(Metrics())

    assert found["requests_total"] == 0
    assert any(name.startswith("lingula_info{") for name in found)
