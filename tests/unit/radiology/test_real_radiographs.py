"""Real radiographs of the data folder: two DICOM files and the JPEGs of one hospital."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lingula.radiology.reading import describe_instance, read_radiograph
from lingula.radiology.study import FileFormat


def test_the_same_stored_pixels_in_both_polarities_are_each_others_negative(real_data: Path) -> None:
    shown = []
    for name in ("chest_pa_monochrome1.dcm", "chest_pa_monochrome2.dcm"):
        data = (real_data / "dicom" / name).read_bytes()
        instance = describe_instance(data)
        assert (instance.modality, instance.view_position, instance.body_part_examined) == ("CR", "PA", "CHEST")
        shown.append(read_radiograph(data).pixels.astype(int))

    assert (shown[0] == 255 - shown[1]).all()
    assert shown[1][550:700, 480:540].mean() > shown[1][300:500, 250:350].mean()  # the spine is brighter than a lung


@pytest.mark.parametrize("label", ["NORMAL", "PNEUMONIA"])
def test_a_real_jpeg_is_read_as_pillow_reads_it(real_data: Path, label: str) -> None:
    for path in sorted((real_data / "chest_xray" / "fullres" / label).iterdir())[:5]:
        data = path.read_bytes()
        instance = describe_instance(data)
        with Image.open(path) as picture:
            expected = np.asarray(picture.convert("L")).astype(int)

        radiograph = read_radiograph(data)
        small = read_radiograph(data, at_least=448)

        assert instance.file_format is FileFormat.JPEG
        assert (instance.rows, instance.columns) == (radiograph.rows, radiograph.columns) == expected.shape
        assert np.abs(radiograph.pixels - expected).max() <= 1
        assert min(448, *expected.shape) <= min(small.pixels.shape) <= min(expected.shape)
