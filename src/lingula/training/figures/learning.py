"""How a network learnt: what `history.jsonl` of a run holds, epoch by epoch."""

from collections.abc import Sequence
from typing import Literal

from lingula.errors import TrainingError
from lingula.training.charts import Axis, Chart, Line, Mark, ticks_between
from lingula.training.learning.journal import Epoch

Watched = Literal["loss", "auroc", "accuracy"]
_TITLES: dict[Watched, str] = {"loss": "loss", "auroc": "AUROC", "accuracy": "accuracy at one half"}


def draw_history(history: Sequence[Epoch]) -> dict[str, Chart]:
    """Draw all learning curves that a history has, by the name their files bear: ``learning-classifier-loss``."""
    charts = {}
    for stage in dict.fromkeys(epoch.stage for epoch in history):
        epochs = [epoch for epoch in history if epoch.stage == stage]
        charts[_file_name(stage, "loss")] = draw_learning(epochs, stage)
        if any(epoch.auroc is not None for epoch in epochs):
            charts[_file_name(stage, "auroc")] = draw_learning(epochs, stage, "auroc")
        if any(epoch.accuracy is not None for epoch in epochs):
            charts[_file_name(stage, "accuracy")] = draw_learning(epochs, stage, "accuracy")
    return charts


def _file_name(stage: str, watched: Watched) -> str:
    return f"learning-{stage.replace(' ', '-')}-{watched}"


def draw_learning(history: Sequence[Epoch], stage: str, watched: Watched = "loss") -> Chart:
    """Draw a stage's loss in training and tuning, or what was watched on the tuning set; folds are thin lines.

    Raises
    ------
    TrainingError
        If the history has nothing to draw of this stage.
    """
    epochs = [epoch for epoch in history if epoch.stage == stage]
    folds = sorted({epoch.fold for epoch in epochs if epoch.fold is not None})
    marks: list[Mark] = []
    for fold in (*folds, None):
        marks += _lines(epochs, fold, watched)
    points = [point for mark in marks if isinstance(mark, Line) for point in mark.points]
    if not points:
        known = ", ".join(sorted({epoch.stage for epoch in history})) or "none"
        raise TrainingError(f"the history has no {_TITLES[watched]} of a stage {stage!r}; its stages: {known}")
    last = float(max(epoch.epoch for epoch in epochs))
    low, high = _span([value for _, value in points], watched)
    return Chart(
        title=f"{stage}: {_TITLES[watched]}",
        x=Axis(title="epoch", high=max(1.0, last), ticks=ticks_between(0, max(1.0, last))),
        y=Axis(title=_TITLES[watched], low=low, high=high, ticks=ticks_between(low, high)),
        marks=tuple(marks),
        legend="upper right" if watched == "loss" else "lower right",
    )


def _span(values: Sequence[float], watched: Watched) -> tuple[float, float]:
    """Begin a loss at 0; show of a share only where it is."""
    if watched == "loss":
        return 0.0, 1.1 * max(values) or 1.0
    room = max(0.01, 0.1 * (max(values) - min(values)))
    return max(0.0, min(values) - room), min(1.0, max(values) + room)


def _lines(epochs: Sequence[Epoch], fold: int | None, watched: Watched) -> list[Line]:
    rows = [epoch for epoch in epochs if epoch.fold == fold]
    named = {"tuning": [(row.epoch, _watched(row, watched)) for row in rows]}
    if watched == "loss":
        named = {"training": [(row.epoch, row.training_loss) for row in rows], **named}
    made = []
    for name, values in named.items():
        points = [(float(epoch), value) for epoch, value in values if value is not None]
        if points:
            series = 0 if name == "training" else 1
            shown = name if fold is None else (f"{name}, folds" if fold == 1 else None)
            made.append(Line(points=points, series=series, name=shown, is_thin=fold is not None))
    return made


def _watched(epoch: Epoch, watched: Watched) -> float | None:
    match watched:
        case "loss":
            return epoch.tuning_loss
        case "auroc":
            return epoch.auroc
        case "accuracy":
            return epoch.accuracy
