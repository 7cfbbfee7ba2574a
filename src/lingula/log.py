"""Structured logging: one readable line on a terminal, one JSON object elsewhere, never an identity.

Code logs a fixed sentence and puts what belongs to it into ``extra``: `action`, `study`, `instance`, `site`, `seconds`
and the few other names in `FIELDS`; anything else is dropped, so a patient's name cannot slip in beside them. Values
that identify are masked by their type already. What libraries say about a file they read is cut to who said it,
because they quote the elements they stumble over.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, TextIO

from lingula.radiology.identifiers import MASK, Identifying
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

FIELDS = (
    "action",
    "site",
    "study",
    "instance",
    "door",
    "seconds",
    "waited_seconds",
    "size_bytes",
    "probability",
    "band",
    "priority",
    "novelty",
    "package",
    "reason",
    "attempt",
    "is_parked",
    "reviewer",
    "asked_by",
    "verdict",
    "status",
    "method",
    "route",
    "trace_id",
    "error",
    "count",
    "address",
    "likeness",
    "differs_in",
)
_QUOTING = (
    "pydicom",
    "PIL",
    "pylibjpeg",
    "openjpeg",
    "jpeg_ls",
    "py.warnings",
)  # they quote values of the files they read
# UIDs but DICOM's own (PS3.6 Annex A), which name no examination.
_UID = re.compile(r"(?<![\d.])(?!1\.2\.840\.10008\.)[0-2](?:\.\d+){5,}\b")

Style = Literal["auto", "line", "json"]

_SENTENCES: dict[type[Event], str] = {
    InstanceReceived: "radiograph received",
    InstanceReceivedAgain: "radiograph received again, nothing changed",
    InstanceAssessed: "radiograph assessed",
    InstanceNotEligible: "radiograph kept, not eligible for assessment",
    AssessmentFailed: "assessment failed",
    InstanceReplayed: "failed radiograph is tried again",
    StudyClaimed: "study claimed",
    StudyReviewed: "study reviewed",
}
_events = logging.getLogger("lingula.events")


def action_of(event: Event) -> str:
    """Give an event's name as logs, timeline and metrics write it.

    >>> from datetime import UTC, datetime
    >>> from lingula.radiology.identifiers import SiteName, StudyId
    >>> now, site, study = datetime(2026, 1, 1, tzinfo=UTC), SiteName("st-anne"), StudyId("s1")
    >>> action_of(StudyClaimed(at=now, site=site, study=study, reviewer="mara"))
    'study_claimed'
    """
    return action_name(type(event))


def action_name(kind: type[Event]) -> str:
    """Give the name of a kind of event.

    >>> action_name(StudyClaimed)
    'study_claimed'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def log_event(event: Event) -> None:
    """Write one line for one thing that happened to a study."""
    level = logging.WARNING if isinstance(event, AssessmentFailed) else logging.INFO
    if not _events.isEnabledFor(level):
        return
    values = {name: value for name, value in vars(event).items() if name != "at"}
    _events.log(level, _SENTENCES[type(event)], extra={"action": action_of(event), **values})


def set_up_log(level: str, style: Style = "auto", stream: TextIO | None = None) -> None:
    """Send everything that is logged to one stream (standard error), in one style; calling again replaces it."""
    target = stream or sys.stderr
    is_line = style == "line" or (style == "auto" and target.isatty())
    writer = logging.StreamHandler(target)
    writer.setFormatter(LineFormatter() if is_line else JsonFormatter())
    writer.addFilter(HideIdentities())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(writer)
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    for name in ("httpx", "httpcore", "asyncio", "alembic", "uvicorn.access", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.WARNING)


class HideIdentities(logging.Filter):
    """Make a record safe to print: known fields only, identifying values and UIDs masked, libraries not quoted."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place and let it pass."""
        if record.name.startswith(_QUOTING):
            record.msg, record.args = f"{record.name} remarked on a file; what it said is not shown", None
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        record.msg, record.args = _UID.sub(MASK, message), None
        for name, value in fields_of(record):
            setattr(record, name, _safe(value))
        return True


def fields_of(record: logging.LogRecord) -> Iterator[tuple[str, object]]:
    """Give the known extra fields a record carries, in the order of `FIELDS`."""
    for name in FIELDS:
        if (value := record.__dict__.get(name)) is not None:
            yield name, value


class LineFormatter(logging.Formatter):
    """One line for a person: time, level where it matters, sentence, what belongs to it."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the line."""
        at = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S")
        level = "" if record.levelno == logging.INFO else f"{record.levelname} "
        rest = " ".join(f"{name}={_short(value)}" for name, value in fields_of(record) if name != "action")
        line = f"{at} {level}{record.getMessage()}{'  ' + rest if rest else ''}"
        return f"{line}\n{_trace(record)}" if record.exc_info else line


class JsonFormatter(logging.Formatter):
    """One JSON object per line for machines."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the object."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **dict(fields_of(record)),
        }
        if record.exc_info:
            line["trace"] = _trace(record)
        return json.dumps(line, ensure_ascii=False)


def _safe(value: object) -> str | int | float | bool:
    if isinstance(value, Identifying):
        return MASK
    return value if isinstance(value, int | float) else _UID.sub(MASK, str(value))


def _short(value: object) -> str:
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    return f'"{text}"' if " " in text else text


def _trace(record: logging.LogRecord) -> str:
    """Write where an error came from; what a quoting library said in it is masked."""
    if not isinstance(record.exc_info, tuple) or record.exc_info[1] is None:
        return ""
    parts: list[str] = []
    error: BaseException | None = record.exc_info[1]
    while error is not None:
        said = MASK if _raised_by_quoting(error.__traceback__) else _UID.sub(MASK, str(error))
        frames = "".join(traceback.format_tb(error.__traceback__))
        parts.append(f"{frames}{type(error).__name__}: {said}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\nafter that:\n".join(reversed(parts))


def _raised_by_quoting(trace: TracebackType | None) -> bool:
    module = ""
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        trace = trace.tb_next
    return module.startswith(_QUOTING)
