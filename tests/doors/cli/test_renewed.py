"""A renewed file is another radiograph with the same pixels."""

import io

import numpy as np
import pytest
from made.dicom_files import as_bytes, made_dataset
from made.pictures import as_jpeg, as_png, as_tiff, made_pixels
from pydicom import dcmread

from lingula.doors.cli.renewed import renew
from lingula.radiology.reading import describe_instance, read_radiograph


@pytest.mark.parametrize(
    "data",
    [as_jpeg(made_pixels()), as_png(made_pixels()), as_bytes(made_dataset(made_pixels()))],
    ids=["jpeg", "png", "dicom"],
)
def test_every_copy_differs_and_shows_the_same(data: bytes) -> None:
    first, second = renew(data), renew(data)
    assert len({data, first, second}) == 3
    assert np.array_equal(read_radiograph(first).pixels, read_radiograph(data).pixels)
    assert describe_instance(first).file_format == describe_instance(data).file_format


def test_a_dicom_file_gets_new_uids_in_both_places() -> None:
    data = as_bytes(made_dataset(made_pixels()))
    old, new = dcmread(io.BytesIO(data)), dcmread(io.BytesIO(renew(data)))
    assert old.SOPInstanceUID != new.SOPInstanceUID
    assert new.file_meta.MediaStorageSOPInstanceUID == new.SOPInstanceUID


def test_a_format_without_comments_stays_as_it_is() -> None:
    data = as_tiff(made_pixels())
    assert renew(data) == data
