import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made.labels import made_dataset

from lingula.errors import TrainingError
from lingula.training.data.dataset import Dataset
from lingula.training.data.labelled import Part
from lingula.training.data.split import Cut, Split, read_cut, read_split, split_dataset, write_split

FORMAT_1 = ("training", "training", "tuning", "test")
seeds = st.integers(0, 2**32)


def mixed_dataset(seed: int) -> Dataset:
    """Draw 40 to 70 patients of both labels with one to five radiographs each; some patients have both labels."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 6, size=rng.integers(40, 71)).tolist()
    patients = [f"p{number}" for number, size in enumerate(sizes) for _ in range(size)]
    labels = [(int(patient[1:]) + int(rng.random() < 0.2)) % 2 for patient in patients]
    findings = [str(rng.choice(["bacteria", "virus"])) if label else "normal" for label in labels]
    return made_dataset(patients, labels, findings=findings)


@given(seeds)
@settings(deadline=None, max_examples=40)
def test_no_patient_is_on_two_sides_and_every_radiograph_on_one(seed: int) -> None:
    dataset = mixed_dataset(seed)
    split = split_dataset(dataset, tuning=0.2, test=0.2, folds=3, seed=seed)

    sides = [set(dataset.patients[split.rows(part)]) for part in Part]
    assert sum(len(side) for side in sides) == len(set.union(*sides)) == len(set(dataset.patients))
    assert sorted(np.concatenate([split.rows(part) for part in Part])) == list(range(len(dataset)))
    held_out = [split.fold(number)[1] for number in range(3)]
    assert sorted(np.concatenate([*held_out, split.rows(Part.TEST)])) == list(range(len(dataset)))
    for number in range(3):
        learn, held = split.fold(number)
        assert not set(dataset.patients[learn]) & set(dataset.patients[held])
        assert not set(split.rows(Part.TEST)) & (set(learn) | set(held))


@given(seeds)
@settings(deadline=None, max_examples=40)
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    dataset = mixed_dataset(seed)
    order = np.random.default_rng(seed).permutation(len(dataset))
    shuffled = dataset.take(order)

    first = split_dataset(dataset, tuning=0.2, test=0.2, folds=3, seed=1)
    second = split_dataset(shuffled, tuning=0.2, test=0.2, folds=3, seed=1)

    assert first.digest == second.digest
    assert (first.parts[order] == second.parts).all()


def big_dataset() -> Dataset:
    rng = np.random.default_rng(3)
    patients = [f"p{number}" for number in range(1000) for _ in range(rng.integers(1, 4))]
    findings = [("normal", "bacteria", "bacteria", "virus")[int(patient[1:]) % 4] for patient in patients]
    return made_dataset(patients, [int(finding != "normal") for finding in findings], findings=findings)


def test_every_part_and_fold_has_its_share_of_every_finding() -> None:
    dataset = big_dataset()
    split = split_dataset(dataset, tuning=0.1, test=0.2, folds=5, seed=0)

    for part, share in ((Part.TRAINING, 0.7), (Part.TUNING, 0.1), (Part.TEST, 0.2)):
        for finding in ("normal", "bacteria", "virus"):
            inside = (dataset.findings[split.rows(part)] == finding).sum()
            assert inside / (dataset.findings == finding).sum() == pytest.approx(share, abs=0.02)
    for number in range(5):
        learn, held = split.fold(number)
        assert len(held) / (len(learn) + len(held)) == pytest.approx(0.2, abs=0.01)


def test_another_seed_cuts_otherwise() -> None:
    first, second = (split_dataset(big_dataset(), tuning=0.1, test=0.2, folds=5, seed=seed) for seed in (0, 1))

    assert first.digest != second.digest
    assert (first.parts != second.parts).mean() > 0.2


def test_a_split_read_back_is_the_split_written(tmp_path: Path) -> None:
    dataset = big_dataset()
    split = split_dataset(dataset, tuning=0.1, test=0.1, folds=5, seed=7)
    write_split(split, tmp_path / "split.json")

    found = read_split(tmp_path / "split.json", dataset.take(np.arange(len(dataset))[::-1]))

    assert found.digest == split.digest
    assert (found.parts[::-1] == split.parts).all()
    assert (found.folds[::-1] == split.folds).all()
    assert (found.fold_count, found.seed, found.dataset_digest) == (5, 7, dataset.digest)


def test_a_changed_split_file_is_refused(tmp_path: Path) -> None:
    dataset, path = big_dataset(), tmp_path / "split.json"
    write_split(split_dataset(dataset, tuning=0.1, test=0.1, folds=0, seed=7), path)
    stored = json.loads(path.read_text())
    stored["rows"][0][1] = "training" if stored["rows"][0][1] == "test" else "test"
    path.write_text(json.dumps(stored))

    with pytest.raises(TrainingError, match="was changed after it was written"):
        read_split(path, dataset)


def test_a_split_of_another_data_set_is_refused(tmp_path: Path) -> None:
    dataset, path = big_dataset(), tmp_path / "split.json"
    write_split(split_dataset(dataset, tuning=0.1, test=0.1, folds=0, seed=7), path)

    with pytest.raises(TrainingError, match="1 radiographs here are not in it and 1 of its own are not here"):
        read_split(path, made_dataset([*dataset.patients[:-1], "other"], dataset.labels.tolist()))


@pytest.mark.parametrize("text", ["", "{}", '{"rows": 3}', '{"digest": "", "rows": [["a", "holdout", 0]]}'])
def test_a_file_that_is_no_split_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "split.json").write_text(text)

    with pytest.raises(TrainingError, match=r"split\.json is no split file"):
        read_split(tmp_path / "split.json", big_dataset())


def test_a_split_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"none\.json cannot be read: No such file"):
        read_cut(tmp_path / "none.json")


def test_a_patient_on_two_sides_is_refused() -> None:
    dataset = made_dataset(["a", "a", "b"], [0, 1, 1])

    with pytest.raises(TrainingError, match="1 patients' radiographs are in two parts or folds"):
        Split.of(dataset, ["training", "test", "test"], [0, 0, 0], fold_count=0, seed=0)


@pytest.mark.parametrize(
    ("tuning", "test", "folds", "message"),
    [
        (0.5, 0.5, 0, "leave some for training"),
        (-0.1, 0.5, 0, "leave some for training"),
        (0.1, 0.1, 1, "1 folds cannot be held out"),
        (0.1, 0.0, 40, "would have no"),
        (0.01, 0.0, 0, "part tuning would have no"),
    ],
)
def test_an_impossible_cut_is_refused(tuning: float, test: float, folds: int, message: str) -> None:
    dataset = made_dataset([f"p{number}" for number in range(20)], [number % 2 for number in range(20)])

    with pytest.raises(TrainingError, match=message):
        split_dataset(dataset, tuning=tuning, test=test, folds=folds, seed=0)


def test_there_is_no_fold_beyond_the_last() -> None:
    split = split_dataset(big_dataset(), tuning=0, test=0, folds=2, seed=0)

    with pytest.raises(TrainingError, match="fold 2 is not one of the 2 folds"):
        split.fold(2)


@given(seeds)
@settings(deadline=None, max_examples=20)
def test_a_split_by_image_counts_the_patients_it_tears_apart(seed: int) -> None:
    dataset = mixed_dataset(seed)

    split = split_dataset(dataset, by="image", tuning=0.2, test=0.0, folds=0, seed=seed)

    learn, tune = (set(dataset.patients[split.rows(part)].tolist()) for part in (Part.TRAINING, Part.TUNING))
    assert split.cut == Cut(by="image", patients=len(learn | tune), on_two_sides=len(learn & tune))
    assert split.cut.leaks_patients
    assert f"{len(learn & tune)} of {len(learn | tune)} patients are on both sides" in (split.cut.warning or "")
    assert len(split.rows(Part.TUNING)) == pytest.approx(0.2 * len(dataset), abs=3)


def test_a_split_by_image_says_so_after_it_was_written(tmp_path: Path) -> None:
    dataset, path = big_dataset(), tmp_path / "split.json"
    split = split_dataset(dataset, by="image", tuning=0.2, test=0.0, folds=3, seed=7)
    write_split(split, path)

    assert read_cut(path) == read_split(path, dataset).cut == split.cut
    path.write_text(path.read_text().replace('"by": "image"', '"by": "patient"'))
    with pytest.raises(TrainingError, match="was changed after it was written"):
        read_split(path, dataset)


def test_patients_that_nobody_names_may_be_on_both_sides_unnoticed() -> None:
    dataset = made_dataset([f"p{number}" for number in range(20)], [number % 2 for number in range(20)])

    cut = split_dataset(dataset, by="image", tuning=0.3, test=0.0, folds=0, seed=0).cut

    assert not cut.leaks_patients
    assert cut.warning == "split by image: patients may be on both sides unnoticed"
    assert split_dataset(dataset, tuning=0.3, test=0.0, folds=0, seed=0).cut.warning is None


def test_a_split_file_of_format_1_is_read_with_the_digest_it_had(tmp_path: Path) -> None:
    dataset = made_dataset(["a", "b", "c", "d"], [0, 1, 0, 1])
    lines = sorted(
        f"{key} {part} {row % 2}" for row, (key, part) in enumerate(zip(dataset.keys, FORMAT_1, strict=True))
    )
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    rows = [[key, part, row % 2] for row, (key, part) in enumerate(zip(dataset.keys.tolist(), FORMAT_1, strict=True))]
    head = {"format": 1, "digest": digest, "dataset_digest": dataset.digest, "seed": 3, "fold_count": 2}
    (tmp_path / "split.json").write_text(json.dumps({**head, "rows": rows}))

    split = read_split(tmp_path / "split.json", dataset)

    assert (split.digest, split.seed, split.parts.tolist()) == (digest, 3, list(FORMAT_1))
    assert read_cut(tmp_path / "split.json").warning is None


def test_a_split_file_of_a_later_format_is_refused(tmp_path: Path) -> None:
    dataset, path = big_dataset(), tmp_path / "split.json"
    write_split(split_dataset(dataset, tuning=0.1, test=0.1, folds=0, seed=7), path)
    path.write_text(path.read_text().replace('"format": 2', '"format": 3'))

    with pytest.raises(TrainingError, match="has format 3, this Lingula reads up to 2; upgrade it"):
        read_split(path, dataset)


def parted_dataset(parts: Sequence[Part | None]) -> Dataset:
    """Make two radiographs of one patient for each of the parts, labels by turns."""
    patients = [f"p{number}" for number in range(len(parts)) for _ in range(2)]
    labels = [number % 2 for number in range(len(parts)) for _ in range(2)]
    return made_dataset(patients, labels, parts=[part for part in parts for _ in range(2)])


def test_a_split_by_source_takes_the_parts_of_the_source() -> None:
    dataset = parted_dataset([Part.TRAINING] * 8 + [Part.TUNING] * 4 + [Part.TEST] * 4)

    split = split_dataset(dataset, by="source", tuning=0.15, test=0.0, folds=2, seed=0)

    assert split.parts.tolist() == dataset.circumstances.parts.tolist()
    assert (split.folds == 2).tolist() == (split.parts == "test").tolist()
    assert split.cut == Cut(by="source", patients=16, on_two_sides=0)


def test_a_tuning_part_that_the_source_lacks_is_cut_from_its_training_part_by_patient() -> None:
    dataset = parted_dataset([Part.TRAINING] * 20 + [Part.TEST] * 4)

    split = split_dataset(dataset, by="source", tuning=0.2, test=0.0, folds=0, seed=0)

    assert [len(split.rows(part)) for part in Part] == [32, 8, 8]
    assert (split.parts[dataset.circumstances.parts == "test"] == "test").all()


def test_a_source_without_parts_or_with_a_patient_in_two_of_them_cannot_cut() -> None:
    unsaid = parted_dataset([Part.TRAINING] * 8 + [None] * 2)
    torn = made_dataset(["a", "a", "b", "c"], [0, 0, 1, 1], parts=[Part.TRAINING, Part.TEST, Part.TRAINING, Part.TEST])

    with pytest.raises(TrainingError, match="puts 4 of 20 radiographs in no part"):
        split_dataset(unsaid, by="source", tuning=0.0, test=0.0, folds=0, seed=0)
    with pytest.raises(TrainingError, match="puts 1 patients in two of its parts"):
        split_dataset(torn, by="source", tuning=0.0, test=0.0, folds=0, seed=0)
    with pytest.raises(TrainingError, match=r"test 0\.2 must be 0"):
        split_dataset(torn, by="source", tuning=0.0, test=0.2, folds=0, seed=0)
