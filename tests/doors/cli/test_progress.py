"""How a training shows how far it is."""

import pytest
from rich.console import Console

from lingula.doors.cli.output import Progress
from lingula.training.learning.journal import Epoch, Underway


def epoch(number: int, *, tuning_loss: float | None = None, seconds: float = 3.0) -> Epoch:
    return Epoch(
        stage="classifier",
        fold=2,
        epoch=number,
        epochs=20,
        training_loss=0.1234,
        tuning_loss=tuning_loss,
        learning_rate=1e-3,
        seconds=seconds,
        images_per_second=213.4,
    )


HALF = Underway(stage="classifier", fold=2, epoch=3, epochs=20, share=0.5, training_loss=0.2, images_per_second=199.6)


def test_without_a_terminal_each_finished_epoch_is_one_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        progress.heard(epoch(1))
        progress.heard(HALF)
        progress.heard(epoch(17, tuning_loss=0.25, seconds=60))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "fold 2 classifier: epoch 1/20, loss 0.1234, 213 images/s, 57 s left",
        "fold 2 classifier: epoch 17/20, loss 0.1234, tuning loss 0.2500, 213 images/s, 3 min left",
    ]


def test_on_a_terminal_a_bar_moves_within_an_epoch_and_keeps_the_last_tuning_loss() -> None:
    console = Console(force_terminal=True, width=120, record=True)
    with Progress(console) as progress:
        progress.heard(epoch(2, tuning_loss=0.25))
        progress.heard(HALF)
    shown = console.export_text()
    assert "fold 2 classifier" in shown
    assert "epoch 3/20, loss 0.2000, tuning loss 0.2500, 200 images/s" in shown
