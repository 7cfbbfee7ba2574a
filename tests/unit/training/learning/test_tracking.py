"""A run is written down in a real local MLflow store and in real TensorBoard files, and survives both being away."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from mlflow import MlflowClient
from pydantic import BaseModel

from lingula.training.learning.journal import Epoch, Journal
from lingula.training.learning.tracking import EXPERIMENT, Measured, Patient, Tracker, Tracking, open_tracking
from lingula.training.recipe import TrackingRecipe


class SmallRecipe(BaseModel):
    seed: int = 7
    many: dict[str, int] = {f"n{number}": number for number in range(250)}  # more than MLflow takes at once
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


def opened(folder: Path, said: list[str], *, mlflow: str | None = None) -> tuple[Tracking, Journal]:
    """Open the trackers of a run, and the journal they follow."""
    recipe, history = SmallRecipe(tracking=TrackingRecipe(mlflow=mlflow, tensorboard=True)), folder / "history.jsonl"
    tracking = open_tracking(recipe, recipe.tracking, history, {}, said.append)
    return tracking, Journal(history, [tracking.heard])


def losses(runs: Path) -> list[tuple[int, float]]:
    """Give what MLflow has of one stage, as steps and values."""
    client = MlflowClient(f"sqlite:///{runs / 'mlruns' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    points = client.get_metric_history(run.info.run_id, "fold_1/lung_finder/training_loss")
    return [(point.step, point.value) for point in points]


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory, said: list[str]) -> Path:
    """Track a run that is interrupted after its first epoch and goes on."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    folder.mkdir()
    opened(folder, said)[1](epoch(1))
    tracking, journal = opened(folder, said)
    journal(epoch(2))
    (folder / "findings.json").write_text("{}")
    tracking.finish({"auroc": 0.75}, [folder / "findings.json", folder / "not_there.json"])
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
    assert {name: run.data.params[f"many.{name}"] for name in ("n0", "n249")} == {"n0": "0", "n249": "249"}
    assert losses(tracked.parent) == [(1, 1.0), (2, 0.5)]
    assert run.data.metrics["auroc"] == 0.75
    assert list((tracked.parent / "mlruns" / "files").rglob("findings.json"))


def test_tensorboard_files_name_the_same_numbers(tracked: Path) -> None:
    events = b"".join(path.read_bytes() for path in (tracked / "tensorboard").iterdir())
    assert b"fold_1/lung_finder/training_loss" in events
    assert b"auroc" in events


def test_a_run_that_was_killed_while_it_was_remembered_begins_a_new_one(tmp_path: Path, said: list[str]) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "mlflow_run").touch()

    opened(folder, said)[1](epoch(1))

    assert said == []
    assert losses(tmp_path) == [(1, 1.0)]


class Away:
    """A tracker that answers only at some attempts, and keeps what reached it."""

    def __init__(self, *, answers: bool) -> None:
        self.answers, self.heard, self.measured = answers, list[int](), dict[str, float]()

    @property
    def kept(self) -> int:
        return len(self.heard)

    def reach(self) -> Tracker:
        if not self.answers:
            raise ConnectionRefusedError("http://tracker: connection refused")
        return self

    def epoch(self, epoch: Epoch) -> None:
        self.heard.append(epoch.epoch)

    def finish(self, measured: Measured, files: Sequence[Path]) -> None:
        assert not files
        self.measured.update(measured)


def followed(away: Away, folder: Path, said: list[str]) -> tuple[Patient, Journal]:
    history = folder / "history.jsonl"
    patient = Patient("MLflow", away.reach, history, said.append)
    return patient, Journal(history, [lambda _: patient.heard()])


def test_a_tracker_that_is_away_is_said_once_and_gets_everything_at_the_end(tmp_path: Path) -> None:
    away, said = Away(answers=False), list[str]()
    patient, journal = followed(away, tmp_path, said)
    for number in (1, 2, 3):
        journal(epoch(number))
    assert said == ["MLflow does not answer, training goes on without it: http://tracker: connection refused"]
    away.answers = True
    patient.finish({"auroc": 0.9}, [])
    assert (away.heard, away.measured) == ([1, 2, 3], {"auroc": 0.9})
    assert len(said) == 1


def test_a_tracker_that_is_away_at_the_end_is_said_again(tmp_path: Path) -> None:
    away, said = Away(answers=False), list[str]()
    patient, journal = followed(away, tmp_path, said)
    journal(epoch(1))
    patient.finish({"auroc": 0.9}, [])
    assert said[1:] == [
        "MLflow has not all of this run; it lies whole in its folder: http://tracker: connection refused"
    ]


def test_what_waited_in_a_run_that_was_killed_is_sent_by_the_one_that_goes_on(tmp_path: Path) -> None:
    folder, said = tmp_path / "small", list[str]()
    folder.mkdir()
    opened(folder, said)[1](epoch(1))
    unheard = Journal(folder / "history.jsonl")  # written down by a run whose tracker was away until it was killed
    for number in (2, 3):
        unheard(epoch(number))
    opened(folder, said)[1](epoch(4))
    assert said == []
    assert losses(tmp_path) == [(1, 1.0), (2, 1 / 2), (3, 1 / 3), (4, 1 / 4)]


def test_a_server_that_never_answers_does_not_stop_a_run(tmp_path: Path) -> None:
    said: list[str] = []
    tracking, journal = opened(tmp_path, said, mlflow="http://somebody:secret@127.0.0.1:9/")
    journal(epoch(1))
    tracking.finish({"auroc": 0.5}, [])
    first, last = said
    assert first.startswith("MLflow at http://127.0.0.1:9/ does not answer, training goes on without it: ")
    assert last.startswith("MLflow at http://127.0.0.1:9/ has not all of this run; it lies whole in its folder: ")
    assert "secret" not in first + last


def test_the_environment_names_the_server_where_the_recipe_does_not(tmp_path: Path) -> None:
    recipe, said = SmallRecipe(tracking=TrackingRecipe()), list[str]()
    history = tmp_path / "history.jsonl"
    environment = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9/"}
    tracking = open_tracking(recipe, recipe.tracking, history, environment, said.append)
    Journal(history, [tracking.heard])(epoch(1))
    assert said[0].startswith("MLflow at http://127.0.0.1:9/ ")
    assert not (tmp_path.parent / "mlruns").exists()
