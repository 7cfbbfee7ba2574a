"""Two processes started by torch's own launcher learn what one learns, and only the leading one writes."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from made.crew import train_head
from torch import Generator

from lingula.errors import TrainingError
from lingula.training.learning.devices import (
    Crew,
    calculates_in_bf16,
    current_crew,
    one_ahead,
    precision_of,
    said_of_arithmetic,
)
from lingula.training.recipe import Precision

TESTS = Path(__file__).parents[3]
DEFAULT = str(TESTS.parent / "recipes" / "default.toml")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("together")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launch, str(TESTS / "made" / "crew.py"), str(folder)],
        env=os.environ | {"PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == ""
    return folder


def test_two_processes_learn_what_one_learns(folder: Path, tmp_path: Path) -> None:
    """The base is frozen and the pictures stay as they are, so only the order of sums differs: 1e-5 of each number."""
    together = torch.load(folder / "together.pt", weights_only=True)
    classifier, epochs = train_head(tmp_path)
    assert together["size"] == 2
    assert together["losses"] == pytest.approx([epoch.training_loss for epoch in epochs], rel=1e-5)
    assert together["tuning"] == pytest.approx([epoch.tuning_loss for epoch in epochs], rel=1e-5)
    torch.testing.assert_close(together["classifier"], classifier.state_dict(), rtol=1e-4, atol=1e-5)


def test_the_other_process_writes_nothing_and_helps_with_every_stage(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["head.checkpoint", "together.pt"]
    finder = torch.load(folder / "together.pt", weights_only=True)["finder"]
    assert all(torch.isfinite(value).all() for value in finder.values())


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        (["nothing.toml"], "recipe nothing.toml: No such file or directory"),
        ([DEFAULT, "--set", "classifier.schedule.batch=63"], "a batch of 63 cannot be dealt to 2 processes"),
        ([DEFAULT, "--set", "finder.schedule.batch=70"], "a finder's third of 23 cannot be dealt to 2 processes"),
    ],
    ids=["no recipe", "the classifier's batch", "the finder's batch"],
)
def test_what_the_leading_process_refuses_is_no_error_inside_lingula_for_the_others(
    recipe: list[str], said: str, tmp_path: Path
) -> None:
    """It is refused before anything is read: there are no radiographs here."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launch, "-m", "lingula", "train", *recipe, "--data", str(tmp_path), "--out", str(tmp_path / "run")],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert said in done.stderr
    assert "please report it" not in done.stderr


def test_the_shares_of_all_processes_are_the_batch() -> None:
    batch = torch.randperm(12, generator=Generator().manual_seed(1))
    crew = [Crew(rank=rank, size=3, device=torch.device("cpu")) for rank in range(3)]
    assert torch.equal(torch.cat([member.share(batch) for member in crew]), batch)


def test_a_process_alone_draws_from_the_runs_own_generator_and_others_each_from_theirs() -> None:
    generator = Generator().manual_seed(1)
    assert current_crew().own(generator) is generator
    drawn = {
        float(torch.rand(1, generator=Crew(rank=rank, size=2, device=torch.device("cpu")).own(generator.clone_state())))
        for rank in range(2)
    }
    assert len(drawn) == 2


def test_a_batch_that_cannot_be_dealt_is_refused() -> None:
    with pytest.raises(TrainingError, match="a batch of 50 cannot be dealt to 4 processes"):
        Crew(rank=0, size=4, device=torch.device("cpu")).check_batch(50)


def test_preparing_one_batch_ahead_keeps_the_order_and_passes_errors_on() -> None:
    def broken() -> Iterator[int]:
        yield from (1, 2, 3)
        raise TrainingError("no fourth batch")

    seen: list[int] = []
    with pytest.raises(TrainingError, match="no fourth batch"):
        seen.extend(one_ahead(broken()))
    assert seen == [1, 2, 3]


def test_leaving_in_the_middle_of_batches_made_ahead_leaves_no_thread() -> None:
    before = threading.active_count()
    ahead = one_ahead(iter(range(1, 10)))
    assert next(iter(ahead)) == 1
    del ahead
    assert threading.active_count() == before


@pytest.mark.parametrize("can", [True, False])
def test_bfloat16_is_used_where_the_processor_has_it_unless_the_recipe_says(
    can: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    processor = torch.device("cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": can})
    assert calculates_in_bf16(processor, Precision.AUTO) is can
    assert calculates_in_bf16(processor, Precision.BF16)
    assert not calculates_in_bf16(processor, Precision.FP32)
    assert ("in bfloat16" in said_of_arithmetic(processor, Precision.AUTO)) is can
    assert ("no arithmetic for bfloat16" in said_of_arithmetic(processor, Precision.AUTO)) is not can
    assert said_of_arithmetic(processor, Precision.FP32) == "learning on the processor, 1 thread, in 32 bits"
    assert precision_of(processor, Precision.AUTO) is (Precision.BF16 if can else Precision.FP32)


@pytest.mark.parametrize("can", [True, False])
def test_a_gpu_is_asked_whether_it_calculates_in_bfloat16_itself(
    can: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *, including_emulation: can or including_emulation)
    assert calculates_in_bf16(torch.device("cuda"), Precision.AUTO) is can
