"""A run written down where a team looks: MLflow, and TensorBoard if the recipe asks for it.

MLflow's store is the folder `mlruns` beside the runs unless a server or another folder is named; look into it with
``mlflow ui --backend-store-uri sqlite:///mlruns/mlflow.db``. Only the recipe, the epochs, what was measured and files
without patients go there. Tracking is never worth a run: one that is away is said once, and what it missed is read
from the run's history and sent when it answers again, at the latest at the end, even if the run was killed meanwhile.
"""

import logging
import os
import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel

from lingula.training.learning.journal import Epoch, read_history
from lingula.training.recipe import TrackingRecipe

EXPERIMENT = "lingula"
_MEASURED = ("training_loss", "tuning_loss", "accuracy", "auroc", "learning_rate", "images_per_second")
_TRY_AGAIN = 60.0  # seconds after a tracker that did not answer
_LONGEST = 500  # characters of a parameter; MLflow refuses longer ones
_AT_ONCE = 100  # parameters; MLflow refuses more in one message
# A server that is away shall cost seconds, not the minutes that MLflow would wait; and nothing is reported to others.
_MODEST = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # where commands print data; it may hold a password
}

Say = Callable[[str], None]
Measured = Mapping[str, float]


class Tracker(Protocol):
    """A place that keeps numbers of a run."""

    @property
    def kept(self) -> int:
        """How many lines of the run's history it has, from the first on."""

    def epoch(self, epoch: Epoch) -> None:
        """Keep an epoch."""

    def finish(self, measured: Measured, files: Sequence[Path]) -> None:
        """Keep what the run came to, and some of its files."""


class Mlflow:
    """One run in MLflow; a run of the same folder that goes on, goes on there too.

    Parameters
    ----------
    uri
        Of a server, or ``sqlite:///`` and a path.
    folder
        Of the run; ``mlflow_run`` in it remembers the run's id and store, and how many epochs lie there.
    parameters
        The recipe, flat.
    files
        Folder that takes the runs' files where there is no server to take them.
    """

    def __init__(self, uri: str, folder: Path, parameters: Mapping[str, str], files: Path | None) -> None:
        for name, value in _MODEST.items():
            os.environ.setdefault(name, value)
        with _unwarned():
            from mlflow import MlflowClient

            logging.getLogger("alembic").setLevel(logging.WARNING)  # MLflow tells every step of making its tables
            logging.getLogger("mlflow").setLevel(logging.WARNING)
            logging.getLogger("urllib3").setLevel(logging.ERROR)  # it warns of each attempt, with the address
            self._client = MlflowClient(tracking_uri=uri)
            self._memory, self._where, self.kept = folder / "mlflow_run", _without_password(uri), 0
            self._run = self._known_run() or self._new_run(folder.name, parameters, files)

    def epoch(self, epoch: Epoch) -> None:
        """Keep an epoch's numbers, by stage and fold."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, epoch.epoch) for name, value in _numbers(epoch).items()]
        with _unwarned():
            self._client.log_batch(self._run, metrics=metrics)
        self.kept += 1
        self._remember(self._run)

    def finish(self, measured: Measured, files: Sequence[Path]) -> None:
        """Keep what was measured, and the files."""
        with _unwarned():
            for name, value in measured.items():
                self._client.log_metric(self._run, name, value)
            for file in files:
                self._client.log_artifact(self._run, str(file))
            self._client.set_terminated(self._run)

    def _known_run(self) -> str | None:
        if not self._memory.exists():
            return None
        first, *more = self._memory.read_text().splitlines() or [""]  # an older version could be killed while it wrote
        known, _, where = first.partition(" ")
        if where != self._where:
            return None
        self.kept = int(more[0]) if more else 0  # older versions did not count; their epochs are sent once more
        return known

    def _remember(self, run: str) -> None:
        partial = self._memory.with_suffix(".partial")
        partial.write_text(f"{run} {self._where}\n{self.kept}\n")
        partial.replace(self._memory)

    def _new_run(self, name: str, parameters: Mapping[str, str], files: Path | None) -> str:
        from mlflow.entities import Param

        known = self._client.get_experiment_by_name(EXPERIMENT)
        place = None if files is None else files.absolute().as_uri()
        experiment = (
            self._client.create_experiment(EXPERIMENT, artifact_location=place)
            if known is None
            else known.experiment_id
        )
        run = str(self._client.create_run(experiment, run_name=name).info.run_id)
        params = [Param(key, value[:_LONGEST]) for key, value in parameters.items()]
        for start in range(0, len(params), _AT_ONCE):
            self._client.log_batch(run, params=params[start : start + _AT_ONCE])
        self._remember(run)
        return run


class TensorBoard:
    """The run's epochs as TensorBoard reads them, in the run's folder `tensorboard`; it has `kept` of them so far."""

    def __init__(self, folder: Path, *, kept: int) -> None:
        from tensorboardX import SummaryWriter  # type: ignore[import-untyped]  # the package carries no types

        self.kept = kept
        self._writer = SummaryWriter(str(folder / "tensorboard"), flush_secs=10, filename_suffix=f".{time.time_ns()}")

    def epoch(self, epoch: Epoch) -> None:
        """Keep an epoch's numbers, by stage and fold."""
        for name, value in _numbers(epoch).items():
            self._writer.add_scalar(name, value, epoch.epoch)
        self._writer.flush()
        self.kept += 1

    def finish(self, measured: Measured, files: Sequence[Path]) -> None:  # noqa: ARG002 - TensorBoard keeps no files
        """Close the files."""
        for name, value in measured.items():
            self._writer.add_scalar(name, value, 0)
        self._writer.close()


class Patient:
    """A tracker that may be away: what it missed waits in the run's history; a person is told once and at the end."""

    def __init__(self, name: str, reach: Callable[[], Tracker], history: Path, say: Say) -> None:
        self._name, self._reach, self._history, self._say = name, reach, history, say
        self._tracker: Tracker | None = None
        self._tried, self._is_told = -_TRY_AGAIN, False

    def heard(self) -> None:
        """Send what is new in the history, unless the tracker was away a moment ago."""
        if time.monotonic() - self._tried < _TRY_AGAIN:
            return
        reason = self._failure(self._catch_up)
        if reason is not None and not self._is_told:
            self._is_told = True
            self._say(f"{self._name} does not answer, training goes on without it: {reason}")

    def finish(self, measured: Measured, files: Sequence[Path]) -> None:
        """Send what is new, and what the run came to."""
        reason = self._failure(lambda: self._catch_up().finish(measured, files))
        if reason is not None:
            self._say(f"{self._name} has not all of this run; it lies whole in its folder: {reason}")

    def _catch_up(self) -> Tracker:
        if self._tracker is None:
            self._tracker = self._reach()
        for epoch in read_history(self._history)[self._tracker.kept :]:
            self._tracker.epoch(epoch)
        return self._tracker

    def _failure(self, act: Callable[[], object]) -> str | None:
        """Act, and give the reason if it fails."""
        try:
            act()
        except Exception as error:  # noqa: BLE001 - a run of hours must outlive whatever a tracker meets
            self._tried = time.monotonic()
            return _reason(error)
        return None


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """All trackers of a run."""

    trackers: tuple[Patient, ...] = ()

    def heard(self, _: Epoch) -> None:
        """Keep an epoch everywhere; it stands in the run's history, where the trackers read it."""
        for tracker in self.trackers:
            tracker.heard()

    def finish(self, measured: Measured, files: Sequence[Path]) -> None:
        """Keep everywhere what the run came to; `files` must name no patient."""
        for tracker in self.trackers:
            tracker.finish(measured, [file for file in files if file.exists()])


def open_tracking(
    recipe: BaseModel, wanted: TrackingRecipe, history: Path, environment: Mapping[str, str], say: Say
) -> Tracking:
    """Open what a recipe's `[tracking]` names; nothing is reached before the first epoch.

    Parameters
    ----------
    recipe
        All of it becomes parameters.
    history
        Of the run, in its folder; each epoch is written there before the tracking hears of it.
    environment
        Its MLFLOW_TRACKING_URI counts where the recipe names nothing.
    """
    folder = history.parent
    where = wanted.mlflow or environment.get("MLFLOW_TRACKING_URI")
    uri, files = _store(where, folder)
    parameters = {name: _without_password(value) for name, value in flat(recipe.model_dump(mode="json"))}

    def reach() -> Tracker:
        if files is not None:
            files.mkdir(parents=True, exist_ok=True)
        return Mlflow(uri, folder, parameters, files)

    trackers = [Patient(f"MLflow at {_without_password(uri)}", reach, history, say)]
    if wanted.tensorboard:
        kept = history.read_bytes().count(b"\n") if history.exists() else 0
        trackers.append(Patient("TensorBoard", lambda: TensorBoard(folder, kept=kept), history, say))
    return Tracking(trackers=tuple(trackers))


@contextmanager
def _unwarned() -> Iterator[None]:
    """Keep what MLflow does with its own libraries to MLflow: nobody here can act on it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _store(where: str | None, folder: Path) -> tuple[str, Path | None]:
    """Give the URI of a store, and the folder for files if the store is a folder."""
    if where is not None and "://" in where:
        return where, None
    place = (folder.parent / "mlruns" if where is None else Path(where)).absolute()
    return f"sqlite:///{place / 'mlflow.db'}", place / "files"


def flat(values: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Give nested values by their dotted names.

    >>> dict(flat({"schedule": {"epochs": 3}, "widths": [8, 16]}))
    {'schedule.epochs': '3', 'widths': '[8, 16]'}
    """
    if isinstance(values, dict):
        for key, value in values.items():
            yield from flat(value, f"{name}.{key}" if name else str(key))
    else:
        yield name, str(values)


def _numbers(epoch: Epoch) -> dict[str, float]:
    stage = epoch.stage.replace(" ", "_")
    where = stage if epoch.fold is None else f"fold_{epoch.fold}/{stage}"
    values = {name: getattr(epoch, name) for name in _MEASURED}
    return {f"{where}/{name}": float(value) for name, value in values.items() if value is not None}


def _without_password(text: str) -> str:
    """Leave out of every URI in a text who asks: it may be a password."""
    return re.sub(r"://[^/@\s]*@", "://", text)


def _reason(error: Exception) -> str:
    """Give an error's first line, short and without passwords."""
    words = str(error).strip().splitlines() or [type(error).__name__]
    return _without_password(words[0])[:_LONGEST]
