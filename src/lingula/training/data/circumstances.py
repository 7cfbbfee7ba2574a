"""What is known of each radiograph beside its label: what the source says, and how large the file's picture is.

None of it is ever fed to a network; it tells groups apart in reports and shows what could be learned by mistake.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from lingula.training.data.labelled import LabelledRadiograph


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What is known of N radiographs; each array has shape (N,).

    Parameters
    ----------
    parts
        The part the source itself puts a radiograph in, a `Part`'s value; empty where it says nothing.
    sites, sexes, views
        As the source writes them; empty where it says nothing.
    ages_years
        NaN where the source says nothing.
    rows, columns
        The size of the picture in the file, in pixels, before anything was shrunk.
    """

    parts: NDArray[np.str_]
    sites: NDArray[np.str_]
    sexes: NDArray[np.str_]
    views: NDArray[np.str_]
    ages_years: NDArray[np.float64]
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]

    @classmethod
    def of(cls, said: Sequence[LabelledRadiograph], sizes: Sequence[tuple[int, int]]) -> Self:
        """Gather what a source says of radiographs, and their sizes as (rows, columns)."""
        return cls(
            parts=_texts([None if row.split is None else row.split.value for row in said]),
            sites=_texts([row.site for row in said]),
            sexes=_texts([row.sex for row in said]),
            views=_texts([row.view for row in said]),
            ages_years=np.array([np.nan if row.age_years is None else row.age_years for row in said], np.float64),
            rows=np.array([rows for rows, _ in sizes], np.int64),
            columns=np.array([columns for _, columns in sizes], np.int64),
        )

    def take(self, rows: NDArray[np.intp]) -> Self:
        """Keep some radiographs, in the order given."""
        return type(self)(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def _texts(values: Sequence[str | None]) -> NDArray[np.str_]:
    return np.array([value or "" for value in values], np.str_)
