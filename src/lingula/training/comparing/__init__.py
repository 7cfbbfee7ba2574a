"""Runs side by side: what each is worth, and whether one is better on the radiographs both judged."""

from collections.abc import Sequence
from pathlib import Path

from lingula.training.comparing.measuring import Comparison, compare
from lingula.training.comparing.runs import JudgedRun, read_run, read_runs
from lingula.training.comparing.writing import table_lines, write_comparison

__all__ = [
    "Comparison",
    "JudgedRun",
    "compare",
    "compare_runs",
    "read_run",
    "read_runs",
    "table_lines",
    "write_comparison",
]


def compare_runs(folders: Sequence[Path], *, out: Path | None = None, seed: int = 0) -> Comparison:
    """Compare the runs or reports in these folders with the first of them, and write it down if `out` is named.

    Raises
    ------
    TrainingError
        If there are fewer than two, one has no readable predictions, or two share no radiograph or contradict each
        other's labels.
    """
    runs = read_runs(folders)
    comparison = compare(runs, seed=seed)
    if out is not None:
        write_comparison(out, comparison, runs)
    return comparison
