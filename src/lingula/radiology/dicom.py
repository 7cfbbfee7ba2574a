"""What a DICOM file says of itself before its pixels are looked at.

References
----------
DICOM PS3.3 C.7.1.1 (Patient), C.7.2.1 (General Study), C.4.11 (priority), C.7.6.3 (Image Pixel).
"""

from lingula.radiology import values
from lingula.radiology.elements import read_elements
from lingula.radiology.identifiers import (
    AccessionNumber,
    PatientId,
    PatientName,
    SeriesInstanceUid,
    SopInstanceUid,
    StudyInstanceUid,
)
from lingula.radiology.layout import check_pixels_are_there, read_layout
from lingula.radiology.study import FileFormat, Instance

_URGENT_PRIORITIES = ("STAT", "HIGH")


def describe_dicom(data: bytes) -> Instance:
    """Tell what a DICOM file says of itself, and refuse it if its pixels are not all there."""
    elements = read_elements(data)
    layout = None
    if elements.pixels is not None:
        layout = read_layout(elements)
        check_pixels_are_there(elements.data, elements.pixels, layout)
    sop, series, study = (values.uid(elements, tag) for tag in (0x00080018, 0x0020000E, 0x0020000D))
    patient_id, patient_name = values.text(elements, 0x00100020), values.text(elements, 0x00100010)
    accession_number = values.text(elements, 0x00080050)
    return Instance(
        file_format=FileFormat.DICOM,
        rows=layout.rows if layout else None,
        columns=layout.columns if layout else None,
        sop_instance_uid=SopInstanceUid(sop) if sop else None,
        series_instance_uid=SeriesInstanceUid(series) if series else None,
        study_instance_uid=StudyInstanceUid(study) if study else None,
        patient_id=PatientId(patient_id) if patient_id else None,
        patient_name=PatientName(patient_name) if patient_name else None,
        accession_number=AccessionNumber(accession_number) if accession_number else None,
        age_years=values.age_years(elements),
        patient_sex=values.code(elements, 0x00100040),
        study_date=values.day(elements, 0x00080020),
        modality=values.code(elements, 0x00080060),
        body_part_examined=values.code(elements, 0x00180015),
        view_position=values.code(elements, 0x00185101),
        photometric_interpretation=values.code(elements, 0x00280004),
        transfer_syntax_uid=elements.transfer_syntax_uid,
        has_pixels=layout is not None,
        is_stat=values.code(elements, 0x00401003) in _URGENT_PRIORITIES,
    )
