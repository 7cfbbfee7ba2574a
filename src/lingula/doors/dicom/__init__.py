"""The DICOM door: C-ECHO and C-STORE; see `docs/reference/dicom-conformance.md`."""

from lingula.doors.dicom.door import DicomDoor

__all__ = ["DicomDoor"]
