"""What DICOM files say of themselves, beside what a source says of them: patient, age, sex, view.

A patient's identity is compared, never shown: radiographs of one patient get a key that is made from the content of one
of their files, so that nobody can find out from a key who it is, and no secret has to be kept. Files whose path names
the patient are called by that key and their own digest in everything that is written about them.

References
----------
DICOM PS3.3 C.7.1.1 (Patient), C.8.7.1.1.1 (View Position); PS3.15 Annex E (what identifies).
"""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from lingula.errors import NotAccepted
from lingula.radiology.identifiers import PatientId
from lingula.radiology.naming import names_the_patient
from lingula.radiology.reading import describe_instance
from lingula.radiology.study import Instance
from lingula.radiology.views import is_lateral
from lingula.training.data.labelled import LabelledRadiograph, Source

UNKNOWN_PATIENTS = "patients are unknown"
_PREAMBLE_BYTES, _MAGIC = 128, b"DICM"  # DICOM PS3.10 7.1
_SHORT = 16  # hexadecimal digits of a digest that are enough to tell the patients of one data set apart
_OVERWRITTEN = 10  # files that share one patient ID: more than one child has, so de-identification put it there


@dataclass(frozen=True, kw_only=True)
class Header:
    """One DICOM file: what it says, or None if it is damaged or holds no picture, and the digest of its bytes."""

    path: Path
    says: Instance | None
    digest: str

    @property
    def patient(self) -> PatientId | None:
        """Give the Patient ID, to be compared with others."""
        return None if self.says is None else self.says.patient_id


def is_dicom(path: Path) -> bool:
    """Say whether a file's first bytes are those of a DICOM file; its name is not asked."""
    try:
        with path.open("rb") as file:
            return file.read(_PREAMBLE_BYTES + len(_MAGIC))[_PREAMBLE_BYTES:] == _MAGIC
    except OSError:
        return False


def read_headers(paths: Sequence[Path]) -> list[Header]:
    """Read the headers of DICOM files, in order, on all cores."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return list(pool.map(_read_header, paths))


def _read_header(path: Path) -> Header:
    try:
        data = path.read_bytes()
        says = describe_instance(data)
    except OSError:
        return Header(path=path, says=None, digest="")
    except NotAccepted:
        return Header(path=path, says=None, digest=hashlib.sha256(data).hexdigest())
    return Header(path=path, says=says if says.has_pixels else None, digest=hashlib.sha256(data).hexdigest())


def patient_key(digests: Iterable[str]) -> str:
    """Make the key of a patient from the digests of all their files, whatever their order."""
    return f"patient-{hashlib.sha256(min(digests).encode()).hexdigest()[:_SHORT]}"


def patient_keys(headers: Sequence[Header]) -> dict[PatientId, str]:
    """Give each Patient ID its key; none if one and the same ID stands in all of many files."""
    digests: dict[PatientId, list[str]] = {}
    for header in headers:
        if header.patient is not None:
            digests.setdefault(header.patient, []).append(header.digest)
    if _is_overwritten(headers):
        return {}
    return {patient: patient_key(found) for patient, found in digests.items()}


def _is_overwritten(headers: Sequence[Header]) -> bool:
    patients = {header.patient for header in headers}
    return len(headers) >= _OVERWRITTEN and len(patients) == 1 and None not in patients


def with_headers(source: Source, *, hide_paths: bool = True) -> Source:
    """Add what DICOM headers say to the rows of a source that does not say it itself, and take lateral views out.

    Parameters
    ----------
    hide_paths
        Call a file whose path names its patient by other words; False for a set that was published as it is.
    """
    headers = read_headers([row.path for row in source.rows if is_dicom(row.path)])
    return add_headers(source, headers, hide_paths=hide_paths)


def add_headers(source: Source, headers: Sequence[Header], *, hide_paths: bool = True) -> Source:
    """Add what headers that were read say to the rows of a source, as `with_headers` does."""
    by_path = {header.path: header for header in headers}
    keys = patient_keys(headers)
    rows = [_filled(row, by_path.get(row.path), keys) for row in source.rows]
    hidden = 0
    if hide_paths:
        shown = [_renamed(source, row, by_path.get(row.path)) for row in rows]
        hidden = sum(row.name is not None for row in shown)
        rows = shown
    frontal = tuple(row for row in rows if not is_lateral(row.view))
    return replace(source, rows=frontal, notes=_notes(source, headers, len(rows) - len(frontal), hidden))


def _filled(row: LabelledRadiograph, header: Header | None, keys: Mapping[PatientId, str]) -> LabelledRadiograph:
    if header is None or header.says is None:
        return row
    says = header.says
    return replace(
        row,
        patient_id=row.patient_id or (keys.get(says.patient_id) if says.patient_id else None),
        age_years=says.age_years if row.age_years is None else row.age_years,
        sex=row.sex or says.patient_sex,
        view=row.view or says.view_position,
    )


def _renamed(source: Source, row: LabelledRadiograph, header: Header | None) -> LabelledRadiograph:
    if header is None or header.says is None or not names_the_patient(source.name_of(row), header.says):
        return row
    return replace(row, name=f"{row.patient_id or 'patient-unknown'}/{header.digest[:_SHORT]}{row.path.suffix}")


def _notes(source: Source, headers: Sequence[Header], lateral: int, hidden: int) -> tuple[str, ...]:
    notes = list(source.notes)
    if _is_overwritten(headers):
        notes.append(f"all {len(headers)} DICOM headers carry one patient ID: it was taken for none")
    elif any(header.patient for header in headers):
        notes = [note for note in notes if not note.startswith(UNKNOWN_PATIENTS)]
        notes.append("patients, where nothing else names them, are read from DICOM headers and shown as keys")
    if damaged := sum(header.says is None for header in headers):
        notes.append(f"{damaged} DICOM files are damaged or hold no picture")
    if lateral:
        notes.append(f"{lateral} lateral radiographs were left aside: only frontal ones are assessed")
    if hidden:
        notes.append(f"{hidden} paths name their patient and are shown as key and digest; rename the files to see them")
    return tuple(notes)
