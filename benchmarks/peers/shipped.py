"""The very graph and the very preprocessing of a package, for services that others built.

Imported in their environments too: it stays with what needs numpy, Pillow, simplejpeg, pydantic and ONNX Runtime alone.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from lingula.modelpackage.archive import read_package
from lingula.modelpackage.preprocessing import prepare
from lingula.modelpackage.session import open_session
from lingula.radiology.jpeg import decode_jpeg, read_jpeg_header
from lingula.radiology.radiograph import Radiograph


class Shipped:
    """A package that turns a JPEG into a probability, with one thread a run, as `lingula serve` does."""

    def __init__(self, path: Path) -> None:
        package = read_package(path)
        self._preprocessing = package.manifest.preprocessing
        self._session = open_session(package.graph, threads=1)

    def with_our_decoding(self, data: bytes) -> float:
        """Give the probability as our server would: no more of the JPEG is decoded than is needed."""
        header = read_jpeg_header(data)
        pixels = decode_jpeg(data, header, self._preprocessing.decode_at_least)
        return self._probability(Radiograph(pixels=pixels, rows=header.rows, columns=header.columns))

    def with_pillow(self, data: bytes) -> float:
        """Give the probability as services usually would: Pillow decodes every pixel."""
        with Image.open(io.BytesIO(data)) as picture:
            pixels = np.asarray(picture.convert("L"))
        return self._probability(Radiograph(pixels=pixels, rows=pixels.shape[0], columns=pixels.shape[1]))

    def _probability(self, radiograph: Radiograph) -> float:
        """Prepare and infer one radiograph; the graph gives its other outputs in the same run."""
        return float(self._session.run(prepare(radiograph, self._preprocessing))["probability"][0, 0])
