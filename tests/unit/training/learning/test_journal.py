"""One line for each epoch, without gaps and without doubles."""

from dataclasses import replace
from pathlib import Path

import pytest

from lingula.errors import TrainingError
from lingula.training.learning.journal import Epoch, Journal, Underway, in_fold, read_history


def epoch(number: int, *, fold: int | None = None, stage: str = "classifier") -> Epoch:
    return Epoch(
        stage=stage,
        fold=fold,
        epoch=number,
        epochs=3,
        training_loss=1 / number,
        tuning_loss=0.5,
        accuracy=0.75,
        auroc=None,
        learning_rate=1e-3,
        seconds=2.0,
        images_per_second=100.0,
    )


def test_what_is_written_is_read_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    journal = Journal(path)
    lines = [epoch(1, fold=1), epoch(2, fold=1), epoch(1, fold=2), epoch(1), epoch(1, stage="lung finder")]
    for line in lines:
        journal(line)
    assert read_history(path) == lines
    assert path.read_text().count("\n") == len(lines)


def test_a_run_that_goes_on_writes_no_line_twice_and_tells_nobody_twice(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    Journal(path)(epoch(1))
    heard: list[Epoch] = []
    again = Journal(path, [heard.append])
    again(replace(epoch(1), seconds=9.0))
    again(epoch(2))
    assert read_history(path) == [epoch(1), epoch(2)]
    assert heard == [epoch(2)]


def test_a_line_torn_by_a_kill_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    Journal(path)(epoch(1))
    with path.open("a") as file:
        file.write('{"stage":"classi')
    Journal(path)(epoch(2))
    assert read_history(path) == [epoch(1), epoch(2)]


def test_there_is_no_history_before_the_first_epoch(tmp_path: Path) -> None:
    assert read_history(tmp_path / "history.jsonl") == []


def test_a_line_that_is_no_epoch_is_named(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text('{"stage": 3}\n')
    with pytest.raises(TrainingError, match="line 1 is no epoch"):
        read_history(path)


def test_what_is_heard_of_a_fold_says_so() -> None:
    heard: list[Epoch | Underway] = []
    told = in_fold(heard.append, 2)
    told(epoch(1))
    told(Underway(stage="classifier", epoch=2, epochs=3, share=0.5, training_loss=0.1, images_per_second=9.0))
    assert [news.label for news in heard] == ["fold 2 classifier"] * 2
