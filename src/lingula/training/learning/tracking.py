"""A run written down where a team looks: MLflow, and TensorBoard if the recipe asks for it.

MLflow's store is the folder `mlruns` beside the runs unless a server or another folder is named; look into it with
``mlflow ui --backend-store-uri sqlite:///mlruns/mlflow.db``. Only the recipe, the epochs, what was measured and files
without patients go there. Tracking is never worth a run: one that is away is said once, and what it missed is kept and
sent when it answers again, at the latest at the end.
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

from lingula.training.learning.journal import Epoch
from lingula.training.recipe import TrackingRecipe

EXPERIMENT = "lingula"
_MEASURED = ("training_loss", "tuning_loss", "accuracy", "auroc", "learning_rate", "images_per_second")
_TRY_AGAIN = 60.0  # seconds after a tracker that did not answer
_LONGEST = 500  # characters of a parameter; MLflow refuses longer ones
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
        Of the run; ``mlflow_run`` in it remembers the run's id.
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
            self._run = self._known_run(uri, folder) or self._new_run(uri, folder, parameters, files)

    def epoch(self, epoch: Epoch) -> None:
        """Keep an epoch's numbers, by stage and fold."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, epoch.epoch) for name, value in _numbers(epoch).items()]
        with _unwarned():
            self._client.log_batch(self._run, metrics=metrics)

    def finish(self, measured: Measured, files: Sequence[Path]) -> None:
        """Keep what was measured, and the files."""
        with _unwarned():
            for name, value in measured.items():
                self._client.log_metric(self._run, name, value)
            for file in files:
                self._client.log_artifact(self._run, str(file))
            self._client.set_terminated(self._run)

    def _known_run(self, uri: str, folder: Path) -> str | None:
        remembered = folder / "mlflow_run"
        if not remembered.exists():
            return None
        known, _, where = remembered.read_text().strip().partition(" ")
        return known if where == _without_password(uri) else None

    def _new_run(self, uri: str, folder: Path, parameters: Mapping[str, str], files: Path | None) -> str:
        from mlflow.entities import Param

        known = self._client.get_experiment_by_name(EXPERIMENT)
        place = None if files is None else files.absolute().as_uri()
        experiment = (
            self._client.create_experiment(EXPERIMENT, artifact_location=place)
            if known is None
            else known.experiment_id
        )
        run = self._client.create_run(experiment, run_name=folder.name).info.run_id
        self._client.log_batch(run, params=[Param(name, value[:_LONGEST]) for name, value in parameters.items()])
        (folder / "mlflow_run").write_text(f"{run} {_without_password(uri)}\n")
        return str(run)


class TensorBoard:
    """The run's epochs as TensorBoard reads them, in the run's folder `tensorboard`."""

    def __init__(self, folder: Path) -> None:
        from tensorboardX import SummaryWriter  # type: ignore[import-untyped]  # the package carries no types

        self._writer = SummaryWriter(str(folder / "tensorboard"), flush_secs=10, filename_suffix=f".{time.time_ns()}")

    def epoch(self, epoch: Epoch) -> None:
        """Keep an epoch's numbers, by stage and fold."""
        for name, value in _numbers(epoch).items():
            self._writer.add_scalar(name, value, epoch.epoch)
        self._writer.flush()

    def finish(self, measured: Measured, files: Sequence[Path]) -> None:  # noqa: ARG002 - TensorBoard keeps no files
        """Close the files."""
        for name, value in measured.items():
            self._writer.add_scalar(name, value, 0)
        self._writer.close()


class Patient:
    """A tracker that may be away: what it missed waits for it, and the person is told once."""

    def __init__(self, name: str, reach: Callable[[], Tracker], say: Say) -> None:
        self._name, self._reach, self._say = name, reach, say
        self._tracker: Tracker | None = None
        self._waiting: list[Epoch] = []
        self._tried, self._is_told = -_TRY_AGAIN, False

    def epoch(self, epoch: Epoch) -> None:
        """Keep an epoch, now or when the tracker answers again."""
        self._waiting.append(epoch)
        if time.monotonic() - self._tried >= _TRY_AGAIN:
            self._attempt(self._catch_up)

    def finish(self, measured: Measured, files: Sequence[Path]) -> None:
        """Send what waits, and what the run came to."""

        def end() -> None:
            self._catch_up().finish(measured, files)

        self._attempt(end)

    def _catch_up(self) -> Tracker:
        if self._tracker is None:
            self._tracker = self._reach()
        while self._waiting:
            self._tracker.epoch(self._waiting[0])
            self._waiting.pop(0)
        return self._tracker

    def _attempt(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - a run of hours must outlive whatever a tracker meets
            self._tried = time.monotonic()
            if not self._is_told:
                self._is_told = True
                self._say(f"{self._name} does not answer, training goes on without it: {_reason(error)}")


@dataclass(frozen=True, kw_only=True)
class Tracking:
    """All trackers of a run."""

    trackers: tuple[Tracker, ...] = ()

    def epoch(self, epoch: Epoch) -> None:
        """Keep an epoch everywhere."""
        for tracker in self.trackers:
            tracker.epoch(epoch)

    def finish(self, measured: Measured, files: Sequence[Path]) -> None:
        """Keep everywhere what the run came to; `files` must name no patient."""
        for tracker in self.trackers:
            tracker.finish(measured, [file for file in files if file.exists()])


def open_tracking(
    recipe: BaseModel, wanted: TrackingRecipe, folder: Path, environment: Mapping[str, str], say: Say
) -> Tracking:
    """Open what a recipe's `[tracking]` names; nothing is reached before the first epoch.

    Parameters
    ----------
    recipe
        All of it becomes parameters.
    folder
        Of the run.
    environment
        Its MLFLOW_TRACKING_URI counts where the recipe names nothing.
    """
    where = wanted.mlflow or environment.get("MLFLOW_TRACKING_URI")
    uri, files = _store(where, folder)
    parameters = {name: _without_password(value) for name, value in flat(recipe.model_dump(mode="json"))}

    def reach() -> Tracker:
        if files is not None:
            files.mkdir(parents=True, exist_ok=True)
        return Mlflow(uri, folder, parameters, files)

    trackers = [Patient(f"MLflow at {_without_password(uri)}", reach, say)]
    if wanted.tensorboard:
        trackers.append(Patient("TensorBoard", lambda: TensorBoard(folder), say))
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
