"""Making the forty: one reference picture, one atlas, a few candidates and one choice per sample."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lingula.training.synthesis.atlas import NEIGHBOURS, build_atlas, likeness_between, look_alikes
from lingula.training.synthesis.choosing import Candidate, Judge, choose
from lingula.training.synthesis.cohort import SIDE, Cohort, lung_box_of, places_in_picture
from lingula.training.synthesis.drawing import Chest, draw_chest
from lingula.training.synthesis.files import Encoding, encode
from lingula.training.synthesis.film import develop, draw_size, inside_frame, marked, squashed_to_common_size
from lingula.training.synthesis.likeness import details, details_of_all, nearest, nearest_other_patient
from lingula.training.synthesis.registration import sample_at

PER_CLASS = 20
_TYPICAL_SHARE = 0.6  # of a class that may be a reference: the others have few look-alikes, and their mean blurs
_ENCODINGS = {
    4: Encoding.DICOM_JPEG,
    7: Encoding.DICOM_MONOCHROME1,
    10: Encoding.DICOM_JPEG,
    13: Encoding.DICOM_12_BIT,
    17: Encoding.DICOM_JPEG,
    20: Encoding.DICOM_JPEG,
    23: Encoding.DICOM_JPEG,
    26: Encoding.DICOM_RLE,
    30: Encoding.DICOM_JPEG,
    33: Encoding.DICOM_JPEG,
    36: Encoding.DICOM_JPEG,
    39: Encoding.DICOM_JPEG,
}
"""By the sample's number; the others are plain JPEG."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to make.

    Parameters
    ----------
    per_class
        Samples of each of the two classes.
    tries
        Candidates drawn at most per sample.
    seed
        Decides everything.
    """

    per_class: int = PER_CLASS
    tries: int = 4
    seed: int = 2


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One class of the cohort, and whom to begin atlases with."""

    members: NDArray[np.int64]
    likeness: Tensor
    references: list[int]


def make_samples(cohort: Cohort, judge: Judge, order: Order, out: Path, tell: Callable[[str], None]) -> None:
    """Write the samples and their index, samples.json, into a folder.

    Parameters
    ----------
    cohort
        What to learn from.
    judge
        Helps to choose, see `choosing`.
    order
        How many, how hard to try.
    out
        Emptied of earlier samples.
    tell
        Hears of each sample made.
    """
    torch.set_flush_denormal(True)
    out.mkdir(parents=True, exist_ok=True)
    for old in [*out.glob("synthetic-*.jpg"), *out.glob("synthetic-*.dcm")]:
        old.unlink()
    everyone = details_of_all(cohort)
    alike = nearest_other_patient(everyone, cohort.patients)
    parts = {shows: _part(cohort, np.flatnonzero(cohort.has_pneumonia == shows), order) for shows in (False, True)}
    rows: list[dict[str, str | float | int | list[float]]] = []
    for number, shows in enumerate(_interleaved(order), start=1):
        slot = sum(row["class"] == _named(shows) for row in rows)
        drawn = _candidates(cohort, parts[shows], everyone, judge, _Slot(order=order, shows=shows, slot=slot))
        usual = float(np.median(alike[cohort.has_pneumonia == shows]))
        taken = choose(drawn, shows_pneumonia=shows, most_alike=usual)
        encoding = _ENCODINGS.get(number, Encoding.JPEG)
        name = f"synthetic-{number:02d}.{'jpg' if encoding == Encoding.JPEG else 'dcm'}"
        (out / name).write_bytes(encode(taken.film, encoding, number))
        rows.append(_row(name, shows, encoding, taken))
        tell(json.dumps(rows[-1]))
    index = {"statement": "synthetic radiographs; no patient's picture is among them", "samples": rows}
    (out / "samples.json").write_text(json.dumps(index, indent=1) + "\n")


@dataclass(frozen=True, kw_only=True)
class _Slot:
    order: Order
    shows: bool
    slot: int


def _candidates(cohort: Cohort, part: _Part, everyone: Tensor, judge: Judge, slot: _Slot) -> Iterator[Candidate]:
    """Draw candidates, two from each atlas: the shape of one reference may be unlucky."""
    for attempt in range(slot.order.tries):
        random = np.random.default_rng([slot.order.seed, slot.shows, slot.slot, attempt])
        if attempt % 2 == 0:
            reference = part.references[(slot.slot + slot.order.per_class * (attempt // 2)) % len(part.references)]
            patients = [cohort.patients[member] for member in part.members]
            alike = look_alikes(part.likeness, patients, reference, NEIGHBOURS)
            atlas = build_atlas(cohort, part.members[alike])
        chest = draw_chest(atlas, random, with_opacities=slot.shows)
        chest = Chest(texture=chest.texture, field=chest.field, frame=inside_frame(chest.frame))
        film = marked(develop(chest, draw_size(random), random), random)
        places = places_in_picture(chest.frame[None])
        laid = sample_at(torch.from_numpy(squashed_to_common_size(film) / np.float32(255))[None, None], places)
        yield Candidate(
            film=film,
            lung_box=_lung_box(cohort, chest.frame),
            likeness=float(nearest(details(laid), everyone)[0]),
            opinion=judge(film),
        )


def _part(cohort: Cohort, members: NDArray[np.int64], order: Order) -> _Part:
    """Compare the members of a class and shuffle those that have many look-alikes."""
    likeness = likeness_between(cohort, members)
    closeness = likeness.topk(min(NEIGHBOURS, len(members)), dim=1).values.mean(1)
    typical = closeness.argsort(descending=True)[: max(1, int(len(members) * _TYPICAL_SHARE))].numpy()
    random = np.random.default_rng([order.seed, len(members)])
    return _Part(members=members, likeness=likeness, references=random.permutation(typical).tolist())


def _lung_box(cohort: Cohort, frame: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """Give top, bottom, left and right of the lungs as shares of the film's height and width."""
    top, bottom, left, right = lung_box_of(cohort)
    tall, down, wide, aside = (float(part) for part in frame)
    ends = (top * tall + down, bottom * tall + down, left * wide + aside, right * wide + aside)
    return (ends[0] + 0.5) / SIDE, (ends[1] + 0.5) / SIDE, (ends[2] + 0.5) / SIDE, (ends[3] + 0.5) / SIDE


def _interleaved(order: Order) -> list[bool]:
    """Mix the classes so that the demonstration's first arrivals are of both."""
    both = np.repeat([False, True], order.per_class)
    return [bool(shows) for shows in np.random.default_rng([order.seed, 1]).permutation(both)]


def _named(shows_pneumonia: bool) -> str:  # noqa: FBT001  # private
    return "pneumonia" if shows_pneumonia else "normal"


def _row(name: str, shows: bool, encoding: Encoding, taken: Candidate) -> dict[str, str | float | int | list[float]]:  # noqa: FBT001  # private
    return {
        "file": name,
        "class": _named(shows),
        "format": encoding.value,
        "rows": taken.film.shape[0],
        "columns": taken.film.shape[1],
        "lung_box": [round(end, 4) for end in taken.lung_box],
        "likeness_to_nearest_training_picture": round(taken.likeness, 3),
        "probability_when_chosen": round(taken.opinion.probability, 4),
        "novelty_when_chosen": round(taken.opinion.novelty, 3),
    }
