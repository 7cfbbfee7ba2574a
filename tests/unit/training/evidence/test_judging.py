"""What folds wrote down is put together again, of this version of the program and of the one before."""

from pathlib import Path

import numpy as np

from lingula.training.evidence.judging import NOWHERE, Judged
from lingula.training.probes.stress import STRESSES


def written(path: Path, count: int, **more: object) -> Path:
    """Write what one fold says of some radiographs."""
    columns: dict[str, object] = dict.fromkeys(("logits", "blanked", "novelty", *STRESSES), np.arange(count) + 0.5)
    np.savez(path, allow_pickle=False, **(columns | {"is_probed": np.ones(count, np.bool_)} | more))  # type: ignore[arg-type] # arrays, all of them
    return path


def test_whose_lungs_were_not_found_is_known_where_it_was_written_down(tmp_path: Path) -> None:
    new = written(tmp_path / "new.npz", 2, fills_frame=np.array([True, False]))
    old = written(tmp_path / "old.npz", 2)

    judged = Judged.gather(5, {0: (np.array([4, 0]), new), 1: (np.array([1, 2]), old)}, way="somebody")

    assert judged.fills_frame.tolist() == [False, False, False, False, True]
    assert judged.folds.tolist() == [0, 1, 1, NOWHERE, 0]
    assert judged.logits[[4, 0, 1, 2]].tolist() == [0.5, 1.5, 0.5, 1.5]
