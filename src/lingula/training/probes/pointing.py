"""Does the heat map's highest place lie on what people marked? The pointing game, where a source has boxes.

References
----------
Zhang J et al., International Journal of Computer Vision 2018, "Top-down neural attention by excitation backprop".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lingula.modelpackage.manifest import Estimate
from lingula.training.data.labelled import Source
from lingula.training.data.outcomes import Outcome
from lingula.training.probes.looking import weighted_mean
from lingula.training.probes.sample import Judge, Sample
from lingula.training.statistics.intervals import clustered_bootstraps, never_certain


@dataclass(frozen=True, kw_only=True)
class PointingProbe:
    """How often the highest place of the map lies inside a mark.

    Parameters
    ----------
    chance
        The marks' mean share of the picture: what a place drawn blindly would hit.
    """

    radiographs: int
    hits: Estimate | None
    chance: float


def probe_pointing(judge: Judge, sample: Sample, source: Source, drawn: Sequence[Outcome]) -> PointingProbe | None:
    """Play the pointing game on the radiographs with marks; None if the source marks none of them.

    Parameters
    ----------
    drawn
        The outcomes the sample was read from, which know the size of the file's picture, the marks' own frame.
    """
    boxes = {source.name_of(row): row.boxes for row in source.rows if row.boxes}
    sizes = {entry.name: (entry.rows, entry.columns) for entry in drawn if entry.rows and entry.columns}
    rows = np.flatnonzero([name in boxes and name in sizes for name in sample.names.tolist()])
    if len(rows) == 0:
        return None
    kept = sample.take(rows)
    maps = judge(kept.pictures, "activation_map")["activation_map"][:, 0]
    hits, areas = [], []
    for name, activation in zip(kept.names.tolist(), maps, strict=True):
        height, width = sizes[name]
        marked = np.zeros(activation.shape, np.bool_)
        for box in boxes[name]:
            marked |= _cells(
                activation.shape, (box.y / height, box.x / width), (box.height / height, box.width / width)
            )
        hits.append(bool(marked.flat[activation.argmax()]))
        areas.append(float(marked.mean()))
    values = np.array(hits, np.float64)
    found = clustered_bootstraps({"hits": weighted_mean}, kept.labels, values, kept.patients)["hits"]
    return PointingProbe(
        radiographs=len(rows),
        hits=None if found is None else never_certain(found, kept.patients),
        chance=float(np.mean(areas)),
    )


def _cells(shape: tuple[int, ...], corner: tuple[float, float], size: tuple[float, float]) -> NDArray[np.bool_]:
    """Mark the cells whose middle lies in a box given in shares of the picture."""
    rows, columns = ((np.arange(length) + 0.5) / length for length in shape)
    in_rows = (rows >= corner[0]) & (rows <= corner[0] + size[0])
    in_columns = (columns >= corner[1]) & (columns <= corner[1] + size[1])
    return np.asarray(in_rows[:, np.newaxis] & in_columns[np.newaxis, :])
