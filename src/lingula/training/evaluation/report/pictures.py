"""Radiographs in a report, with their heat maps: only if asked for, as the page is then confidential."""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from lingula.modelpackage.archive import ModelPackage
from lingula.modelpackage.preprocessing import prepare
from lingula.modelpackage.session import open_session
from lingula.radiology.radiograph import Radiograph
from lingula.radiology.reading import read_radiograph
from lingula.training.data.labelled import Source
from lingula.training.data.outcomes import Outcome
from lingula.training.evaluation.report.words import label
from lingula.training.page import Html, picture, pictures

_WIDTH = 300  # pixels on the page
_LEVELS = 255

Painter = Callable[[Radiograph, bytes, bytes], bytes]
"""Draws a radiograph with its activation map and lung mask as PNG; triage's own, handed in by the door."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How radiographs are shown: where they lie, whose maps are drawn, and by whom."""

    source: Source
    package: ModelPackage
    paint: Painter

    def gallery(self, outcomes: Iterable[Outcome]) -> Html:
        """Show radiographs with their heat maps, in the order given; those that cannot be read are left out."""
        paths = {self.source.name_of(row): row.path for row in self.source.rows}
        session = open_session(self.package.graph, threads=1)
        made = []
        for entry in outcomes:
            radiograph = read_radiograph(paths[entry.name].read_bytes())
            pixels = prepare(radiograph, self.package.manifest.preprocessing)
            maps = session.run(pixels, ("activation_map", "lung_mask"))
            cells = [
                np.rint(_LEVELS * maps[name].clip(0, 1)).astype(np.uint8).tobytes()
                for name in ("activation_map", "lung_mask")
            ]
            painted = _shrunk(self.paint(radiograph, cells[0], cells[1]))
            words = f"{entry.name}: {label(entry.label)}, probability {entry.probability:.3f}"
            made.append(picture(painted, words, width=_WIDTH))
        return pictures(made)


def _shrunk(png: bytes) -> bytes:
    """Make a picture no larger than a page shows on a sharp screen."""
    opened = Image.open(io.BytesIO(png))
    opened.thumbnail((2 * _WIDTH, 2 * _WIDTH))
    file = io.BytesIO()
    opened.save(file, "PNG", optimize=True)
    return file.getvalue()
