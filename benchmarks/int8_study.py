"""Whether a package's graph may work in eight-bit integers, and whether it is faster: ``int8_study PACKAGE DATA``.

The data set is read and split as the package's own recipe says (its digest is compared), the ranges come from its
training part, and every difference is measured on its tuning part, as it is and under each stress: AUROC, bands,
probabilities, box, novelty. Eight bits count where the AUROC stays within 0.001 and 99.5 % of the bands agree. The time
of one radiograph is measured beside it, all variants in turns.
"""

import argparse
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.engines import Run, measure, open_onnxruntime, open_openvino
from lingula.modelpackage.archive import ModelPackage, read_package
from lingula.modelpackage.manifest import Rounding
from lingula.training.data.dataset import Dataset, load_dataset
from lingula.training.data.labelled import Part
from lingula.training.data.split import Split, split_dataset
from lingula.training.learning.augment import Pictures
from lingula.training.networks import lung_box
from lingula.training.packaging.quantise import (
    RANGED,
    Network,
    Quantisation,
    Ranging,
    is_same_model,
    measure_rounding,
    quantise_graph,
)
from lingula.training.probes.stress import STRESSES
from lingula.training.recipe import SplitRecipe
from lingula.training.sources import read_source

REFERENCE = "onnxruntime fp32"
_BATCH = 8

VARIANTS: Mapping[str, Quantisation] = {
    "int8": Quantisation(),
    "int8, first layers too": Quantisation(keep_first=False),
    "int8, classifier only": Quantisation(networks=(Network.CLASSIFIER,)),
    "int8, sums too": Quantisation(sums=True),
    "int8, greatest range": Quantisation(ranging=Ranging.GREATEST),
    "int8, percentile 99.999": Quantisation(percentile=99.999),
    "int8, entropy range": Quantisation(ranging=Ranging.ENTROPY),
    "int8, weights of 8 bits": Quantisation(seven_bits=False),
}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How far one way of running a graph is from the reference, over many radiographs."""

    rounding: Rounding
    mean: float  # of the differences in probability
    box: float  # greatest shift of an edge, in pixels of 224
    novelty: float  # greatest difference
    refusals: int  # radiographs refused by one and not by the other

    @property
    def line(self) -> str:
        """The numbers in a row."""
        made = self.rounding
        return (
            f"{made.auroc_difference:+8.5f} {made.bands_equal:8.2%} {made.greatest:8.4f} {self.mean:8.5f} "
            f"{self.box:7.2f} {self.novelty:8.3f} {self.refusals:5d}  {'yes' if is_same_model(made) else 'no'}"
        )


HEAD = "   AUROC    bands  dp max  dp mean  box px  novelty  refused  qualifies"
Answers = Mapping[str, NDArray[np.float32]]


def prepared(pictures: Pictures) -> NDArray[np.float32]:
    """Give the graph's input (N, 1, 224, 224) in 0-1 from grey levels (N, 224, 224)."""
    return pictures[:, np.newaxis].astype(np.float32) / np.float32(255)


def answers_of(run: Run, pictures: Pictures) -> Answers:
    """Run everything, some at a time."""
    found = [run(prepared(pictures[at : at + _BATCH])) for at in range(0, len(pictures), _BATCH)]
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def compare(package: ModelPackage, labels: NDArray[np.int64], reference: Answers, other: Answers) -> Difference:
    """Say how far `other` is from `reference` on the same radiographs."""
    limit = package.manifest.novelty.limit
    first, second = (answers["probability"][:, 0].astype(np.float64) for answers in (reference, other))
    boxes = [lung_box(torch.from_numpy(answers["lung_mask"])) for answers in (reference, other)]
    refused = [answers["novelty"] > limit for answers in (reference, other)]
    return Difference(
        rounding=measure_rounding(labels, package.manifest.operating_points, first, second),
        mean=float(np.abs(second - first).mean()),
        box=float((boxes[1] - boxes[0]).abs().max()) * package.manifest.preprocessing.width,
        novelty=float(np.abs(other["novelty"] - reference["novelty"]).max()),
        refusals=int((refused[0] != refused[1]).sum()),
    )


def read_data(package: ModelPackage, data: Path, cache: Path) -> tuple[Dataset, Split]:
    """Read and split the data as the package's recipe says; leaves if it turns out otherwise."""
    recipe = tomllib.loads(package.manifest.provenance.recipe)
    dataset = load_dataset(read_source(data / recipe["data"]["source"]), size=224, cache=cache)
    wanted = SplitRecipe.model_validate(recipe["split"])
    split = split_dataset(dataset, tuning=wanted.tuning, test=wanted.test, folds=wanted.folds, seed=recipe["seed"])
    if split.digest != package.manifest.provenance.split_digest:
        sys.exit("the data split otherwise than the package says: is this the data that it was trained on?")
    return dataset, split


def opened(graph: bytes, variants: Mapping[str, bytes], threads: int) -> dict[str, Run]:
    """Open the graph and its variants in every engine."""
    runs: dict[str, Run] = {
        REFERENCE: open_onnxruntime(graph, threads),
        "openvino fp32": open_openvino(graph, threads),
        "openvino bf16": open_openvino(graph, threads, precision="bf16"),
    }
    for name, made in variants.items():
        runs[f"onnxruntime {name}"] = open_onnxruntime(made, threads)
        runs[f"openvino {name}"] = open_openvino(made, threads)
    return runs


def time_table(graph: bytes, variants: Mapping[str, bytes], pixels: NDArray[np.float32], rounds: int) -> Iterator[str]:
    """Measure one radiograph on one core and on two."""
    yield f"{'milliseconds, one radiograph':<40} {'1 thread: processor':>20} {'fastest':>8} {'2 threads: fastest':>19}"
    one, two = (measure(opened(graph, variants, threads), pixels, rounds) for threads in (1, 2))
    for name, cost in one.items():
        yield f"{name:<40} {cost.processor:20.2f} {cost.fastest:8.2f} {two[name].fastest:19.2f}"


def difference_table(
    package: ModelPackage, runs: Mapping[str, Run], dataset: Dataset, rows: NDArray[np.intp], *, with_stress: bool
) -> Iterator[str]:
    """Measure every difference on the tuning part, as it is and under each stress."""
    for stress in ("as it is", *(STRESSES if with_stress else ())):
        pictures = dataset.pixels[rows]
        pictures = STRESSES[stress](pictures) if stress in STRESSES else pictures
        reference = answers_of(runs[REFERENCE], pictures)
        yield f"\n{stress}: {len(rows)} radiographs\n{'':<40} {HEAD}"
        for name, run in runs.items():
            if name != REFERENCE:
                difference = compare(package, dataset.labels[rows], reference, answers_of(run, pictures))
                yield f"{name:<40} {difference.line}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path, help="a .lingula file")
    parser.add_argument("data", type=Path, help="the folder that LINGULA_DATA names")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"), help="folder of decoded pixels")
    parser.add_argument("--rounds", type=int, default=60, help="passes of each variant that are timed")
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), help="names of variants; all if not given")
    parser.add_argument("--no-stress", action="store_true", help="leave the stresses out")
    words = parser.parse_args()
    package = read_package(words.package)
    say = partial(print, flush=True)
    dataset, split = read_data(package, words.data, words.cache)
    training, tuning = split.rows(Part.TRAINING), split.rows(Part.TUNING)
    ranged = dataset.pixels[training[:: max(1, len(training) // RANGED)][:RANGED]]
    variants = {name: quantise_graph(package.graph, ranged, VARIANTS[name]) for name in words.only}
    say(f"{package.label}: {len(package.graph) / 1e6:.2f} MB; int8 {len(next(iter(variants.values()))) / 1e6:.2f} MB")
    for line in time_table(package.graph, variants, prepared(dataset.pixels[tuning[:1]]), words.rounds):
        say(line)
    runs = opened(package.graph, variants, 2)
    for line in difference_table(package, runs, dataset, tuning, with_stress=not words.no_stress):
        say(line)


if __name__ == "__main__":
    main()
