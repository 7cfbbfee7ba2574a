"""What can be compared: the folders of training runs and of evaluation reports, which both keep their predictions."""

import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lingula.errors import TrainingError
from lingula.training.data.outcomes import Outcome
from lingula.training.data.predictions import FILE_NAME, read_predictions
from lingula.training.data.split import read_cut
from lingula.training.statistics.cases import Cases


@dataclass(frozen=True, kw_only=True)
class JudgedRun:
    """One run's single assessments.

    Parameters
    ----------
    name
        What it is called in tables; different for each run of a comparison.
    cases
        Its radiographs with label and probability.
    warning
        What must be said of its split, if it leaks.
    """

    name: str
    cases: Cases
    warning: str | None = None


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One radiograph judged by two runs."""

    first: Outcome
    second: Outcome


def read_runs(folders: Sequence[Path]) -> list[JudgedRun]:
    """Read runs and name each by its folder, or by as much of its path as tells them apart.

    Raises
    ------
    TrainingError
        If there are fewer than two folders, or as `read_run`.
    """
    if len(folders) < 2:  # noqa: PLR2004  one alone has nothing to be compared with
        raise TrainingError("name two runs or more; the others are compared with the first")
    names = _names([folder.resolve() for folder in folders])
    return [read_run(folder, name) for folder, name in zip(folders, names, strict=True)]


def read_run(folder: Path, name: str | None = None) -> JudgedRun:
    """Read the predictions in a folder, or a table of them.

    Raises
    ------
    TrainingError
        If there are none, a line is wrong, or a label has no radiograph.
    """
    path = folder / FILE_NAME if folder.is_dir() else folder
    if not path.is_file():
        raise TrainingError(
            f"{folder} has no {FILE_NAME}; name the folder of a finished `lingula train` or of a report of "
            "`lingula evaluate`"
        )
    cases = Cases.of(read_predictions(path))
    if not cases.has_both_labels:
        raise TrainingError(f"{path} has no radiographs of both labels with a probability; nothing can be ranked")
    return JudgedRun(name=name or folder.name, cases=cases, warning=_warning(path.parent))


def matched(first: JudgedRun, second: JudgedRun) -> list[Pair]:
    """Pair the radiographs that both runs judged, in the order of the first.

    They are known by their names; two runs that name folders differently, by the files' names where these are unique.

    Raises
    ------
    TrainingError
        If there are none, or the runs contradict each other about a label.
    """
    pairs = _by_name(first, second, whole=True) or _by_name(first, second, whole=False)
    if not pairs:
        names = [run.cases.outcomes[0].name for run in (first, second)]
        raise TrainingError(
            f"{first.name} and {second.name} share no radiograph, so no test can pair them: one has {names[0]}, the "
            f"other {names[1]}; evaluate both on the same data set"
        )
    wrong = [pair for pair in pairs if pair.first.label != pair.second.label]
    if wrong:
        raise TrainingError(
            f"{first.name} and {second.name} disagree on the label of {wrong[0].first.name} and {len(wrong) - 1} "
            "others; evaluate both with the same labels"
        )
    return pairs


def _by_name(first: JudgedRun, second: JudgedRun, *, whole: bool) -> list[Pair]:
    ours, theirs = (_keyed(run.cases.outcomes, whole=whole) for run in (first, second))
    return [Pair(first=outcome, second=theirs[key]) for key, outcome in ours.items() if key in theirs]


def _keyed(outcomes: Sequence[Outcome], *, whole: bool) -> dict[str, Outcome]:
    keys = [outcome.name if whole else outcome.name.rpartition("/")[2] for outcome in outcomes]
    often = Counter(keys)
    return {key: outcome for key, outcome in zip(keys, outcomes, strict=True) if often[key] == 1}


def _names(folders: Sequence[Path]) -> list[str]:
    """Take as many folders from the end of each path as make all names different."""
    deepest = max(len(folder.parts) for folder in folders)
    for depth in range(1, deepest + 1):
        names = ["/".join(folder.parts[-depth:]) for folder in folders]
        if len(set(names)) == len(names):
            return names
    twice = Counter(folders).most_common(1)[0][0]
    raise TrainingError(f"{twice} is named twice; name each run once")


def _warning(folder: Path) -> str | None:
    """Say what must be said of a run's split; a report has none and does not know."""
    if (split := folder / "split.json").is_file():
        return read_cut(split).warning
    try:
        recipe = tomllib.loads((folder / "recipe.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    split_recipe = recipe.get("split")
    is_by_image = isinstance(split_recipe, dict) and split_recipe.get("by") == "image"
    return "split by image: patients may stand on both sides, so its numbers flatter it" if is_by_image else None
