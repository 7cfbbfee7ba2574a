"""What is logged is structured, readable, and never an identity."""

import dataclasses
import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from lingula.errors import UnreadablePixels
from lingula.log import HideIdentities, JsonFormatter, LineFormatter, log_event, set_up_log
from lingula.radiology.identifiers import InstanceId, PatientName, SiteName, StudyId
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

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
UID = "1.3.6.1.4.1.5962.99.1.2280943358.716200484"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    target = io.StringIO()
    set_up_log("debug", "json", target)
    yield target
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def every_event() -> list[Event]:
    site, study, instance = SiteName("st-anne"), StudyId("sabc"), InstanceId("iabc")
    return [
        InstanceReceived(
            at=NOW, site=site, study=study, instance=instance, door="http", size_bytes=130_000, seconds=0.002
        ),
        InstanceReceivedAgain(at=NOW, site=site, study=study, instance=instance, door="http"),
        InstanceAssessed(
            at=NOW,
            site=site,
            study=study,
            instance=instance,
            probability=0.91,
            band=Band.LIKELY,
            priority=Priority.ASAP,
            novelty=0.3,
            package="chest-1.0.0",
            seconds=0.01,
            waited_seconds=0.02,
        ),
        InstanceNotEligible(
            at=NOW,
            site=site,
            study=study,
            instance=instance,
            reason="view position 'LL' is lateral",
            waited_seconds=0.1,
        ),
        AssessmentFailed(
            at=NOW, site=site, study=study, instance=instance, reason=f"odd {UID}", attempt=3, is_parked=True
        ),
        InstanceReplayed(at=NOW, site=site, study=study, instance=instance, asked_by="ada"),
        StudyClaimed(at=NOW, site=site, study=study, reviewer="mara"),
        StudyReviewed(at=NOW, site=site, study=study, reviewer="mara", verdict="agree", waited_seconds=60.0),
    ]


def test_every_event_is_logged_with_its_action_and_ids_and_nothing_that_identifies(stream: io.StringIO) -> None:
    events = every_event()
    assert {type(event) for event in events} == set(Event.__subclasses__())
    for event in events:
        log_event(event)
    written = lines(stream)
    assert [line["action"] for line in written][:2] == ["instance_received", "instance_received_again"]
    for event, line in zip(events, written, strict=True):
        names = {field.name for field in dataclasses.fields(event)} - {"at"}
        assert names <= set(line), "every field of an event belongs to its line"
        assert line["study"] == "sabc"
    assert UID not in stream.getvalue()


def test_an_identifying_value_is_masked_wherever_it_stands(stream: io.StringIO) -> None:
    name = PatientName("Doe^Jane")
    logger = logging.getLogger("lingula.test")
    logger.info("read %s", name, extra={"reason": name})
    logger.info(f"read {name!r}")  # noqa: G004 - the point of the test
    assert "Doe" not in stream.getvalue()


def test_an_unknown_extra_field_is_dropped(stream: io.StringIO) -> None:
    logging.getLogger("lingula.test").info("read", extra={"patient": "Doe^Jane", "action": "read"})
    assert "Doe" not in stream.getvalue()
    assert lines(stream)[0]["action"] == "read"


@pytest.mark.parametrize("library", ["pydicom", "PIL.TiffImagePlugin", "py.warnings"])
def test_libraries_that_quote_files_are_not_quoted(stream: io.StringIO, library: str) -> None:
    logging.getLogger(library).warning("Invalid value for VR PN: 'Doe^Jane'")
    assert "Doe" not in stream.getvalue()
    assert library in stream.getvalue()


def test_a_trace_shows_our_words_but_not_a_library_s(stream: io.StringIO) -> None:
    library: dict[str, object] = {"__name__": "pydicom.valuerep"}
    exec("def read():\n    raise ValueError('Doe^Jane is no date')", library)  # noqa: S102 - a library's frame
    read = library["read"]
    assert callable(read)
    try:
        try:
            read()
        except ValueError as error:
            raise UnreadablePixels("the pixel data end after 12 bytes") from error
    except UnreadablePixels:
        logging.getLogger("lingula.test").exception("could not read")
    trace = str(lines(stream)[0]["trace"])
    assert "Doe" not in trace
    assert "the pixel data end after 12 bytes" in trace
    assert "test_log.py" in trace


def test_a_uid_of_a_study_is_masked_but_a_transfer_syntax_is_not(stream: io.StringIO) -> None:
    logging.getLogger("lingula.test").info("seen %s in 1.2.840.10008.1.2.4.50", UID)
    message = str(lines(stream)[0]["message"])
    assert UID not in message
    assert "1.2.840.10008.1.2.4.50" in message


def test_a_line_for_people_is_one_readable_line() -> None:
    record = logging.getLogger("lingula.test").makeRecord(
        "lingula.test", logging.WARNING, "f", 1, "assessment failed", (), None
    )
    record.reason, record.seconds, record.study = "the file is damaged", 0.41234, "sabc"
    assert HideIdentities().filter(record)
    line = LineFormatter().format(record)
    assert line.endswith('WARNING assessment failed  study=sabc seconds=0.412 reason="the file is damaged"')
    assert "\n" not in line


def test_a_wrongly_formatted_message_is_still_logged() -> None:
    record = logging.getLogger("lingula.test").makeRecord(
        "lingula.test", logging.INFO, "f", 1, "%d files", ("x",), None
    )
    assert HideIdentities().filter(record)
    assert json.loads(JsonFormatter().format(record))["message"] == "%d files"


def test_a_stream_that_is_no_terminal_gets_json(stream: io.StringIO) -> None:
    set_up_log("info", "auto", stream)
    logging.getLogger("lingula.test").info("hello")
    assert lines(stream)[-1]["message"] == "hello"
