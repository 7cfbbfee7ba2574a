"""A run is written down in a real local MLflow store and in real TensorBoard files, and survives both being away."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from mlflow import MlflowClient
from pydantic import BaseModel

from lingula.training.learning.journal import Epoch
from lingula.training.learning.tracking import EXPERIMENT, Measured, Patient, Tracker, Tracking, open_tracking
from lingula.training.recipe import TrackingRecipe


class SmallRecipe(BaseModel):
    seed: int = 7
    tracking: TrackingRecipe = TrackingRecipe(tensorboard=True)


def epoch(number: int, fold: int | None = 1) -> Epoch:
    return Epoch(
        stage="lung finder",
        fold=fold,
        epoch=number,
        epochs=9,
        training_loss=1 / number,
        learning_rate=1e-3,
        seconds=2.0,
        images_per_second=100.0,
    )


def opened(folder: Path, said: list[str], *, mlflow: str | None = None) -> Tracking:
    recipe = SmallRecipe(tracking=TrackingRecipe(mlflow=mlflow, tensorboard=True))
    return open_tracking(recipe, recipe.tracking, folder, {}, said.append)


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory, said: list[str]) -> Path:
    """Track a run that is interrupted after its first epoch and goes on."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    folder.mkdir()
    opened(folder, said).epoch(epoch(1))
    again = opened(folder, said)
    again.epoch(epoch(2))
    (folder / "findings.json").write_text("{}")
    again.finish({"auroc": 0.75}, [folder / "findings.json", folder / "not_there.json"])
    return folder


def test_nothing_is_said_while_tracking_works(tracked: Path, said: list[str]) -> None:
    assert tracked.is_dir()
    assert said == []


def test_one_mlflow_run_holds_recipe_epochs_findings_and_files(tracked: Path) -> None:
    client = MlflowClient(f"sqlite:///{tracked.parent / 'mlruns' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "small"
    assert run.info.status == "FINISHED"
    assert run.data.params["seed"] == "7"
    assert run.data.params["tracking.tensorboard"] == "True"
    losses = client.get_metric_history(run.info.run_id, "fold_1/lung_finder/training_loss")
    assert [(point.step, point.value) for point in losses] == [(1, 1.0), (2, 0.5)]
    assert run.data.metrics["auroc"] == 0.75
    assert list((tracked.parent / "mlruns" / "files").rglob("findings.json"))


def test_tensorboard_files_name_the_same_numbers(tracked: Path) -> None:
    events = b"".join(path.read_bytes() for path in (tracked / "tensorboard").iterdir())
    assert b"fold_1/lung_finder/training_loss" in events
    assert b"auroc" in events


class Away:
    """A tracker that answers only at some attempts, and keeps what reached it."""

    def __init__(self, *, answers: bool) -> None:
        self.answers, self.kept, self.measured = answers, list[int](), dict[str, float]()

    def reach(self) -> Tracker:
        if not self.answers:
            raise ConnectionRefusedError("http://tracker: connection refused")
        return self

    def epoch(self, epoch: Epoch) -> None:
        self.kept.append(epoch.epoch)

    def finish(self, measured: Measured, files: Sequence[Path]) -> None:
        assert not files
        self.measured.update(measured)


def test_a_tracker_that_is_away_is_said_once_and_gets_everything_at_the_end() -> None:
    away, said = Away(answers=False), list[str]()
    patient = Patient("MLflow", away.reach, said.append)
    for number in (1, 2, 3):
        patient.epoch(epoch(number))
    assert said == ["MLflow does not answer, training goes on without it: http://tracker: connection refused"]
    away.answers = True
    patient.finish({"auroc": 0.9}, [])
    assert (away.kept, away.measured) == ([1, 2, 3], {"auroc": 0.9})
    assert len(said) == 1


def test_a_server_that_never_answers_does_not_stop_a_run(tmp_path: Path) -> None:
    said: list[str] = []
    tracking = opened(tmp_path, said, mlflow="http://somebody:secret@127.0.0.1:9/")
    tracking.epoch(epoch(1))
    tracking.finish({"auroc": 0.5}, [])
    (told,) = said
    assert told.startswith("MLflow at http://127.0.0.1:9/ does not answer, training goes on without it: ")
    assert "secret" not in told


def test_the_environment_names_the_server_where_the_recipe_does_not(tmp_path: Path) -> None:
    recipe, said = SmallRecipe(tracking=TrackingRecipe()), list[str]()
    tracking = open_tracking(
        recipe, recipe.tracking, tmp_path, {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9/"}, said.append
    )
    tracking.epoch(epoch(1))
    assert said[0].startswith("MLflow at http://127.0.0.1:9/ ")
    assert not (tmp_path.parent / "mlruns").exists()
