"""A small cohort of drawn chests, to draw synthetic ones from without real radiographs."""

import numpy as np

from lingula.training.synthesis.cohort import Cohort, lay_over
from made.chests import drawn_chest


def drawn_cohort(per_class: int) -> Cohort:
    """Give chests of `per_class` patients without and as many with an opacity, one picture each."""
    chests = [drawn_chest(number, has_opacity=number >= per_class) for number in range(2 * per_class)]
    lungs = np.stack([chest.mask > 0 for chest in chests])
    return Cohort(
        pixels=np.stack([chest.pixels for chest in chests]),
        lungs=lungs,
        has_pneumonia=np.array([chest.has_opacity for chest in chests]),
        patients=[f"made-{number}" for number in range(len(chests))],
        frames=lay_over(lungs),
    )
