"""``python -m benchmarks.forward_time``: what a wider, deeper or sharper network would cost, before anybody trains it.

Untrained networks take as long as trained ones. Each shape is exported as a package's graph would be, lung finder
included, and timed in 32-bit and in eight-bit arithmetic; all take turns.
"""

import argparse
from functools import partial

import numpy as np
import torch
from torch import nn

from benchmarks.engines import Run, measure, open_onnxruntime, open_openvino
from benchmarks.int8_study import prepared
from lingula.training.learning.augment import Pictures
from lingula.training.networks import FRAME, LungFinder, Reader, build_classifier
from lingula.training.packaging.export import export_graph
from lingula.training.packaging.quantise import Quantisation, Ranging, quantise_graph
from lingula.training.recipe import NetworkRecipe

SHAPES = (
    NetworkRecipe(widths=(32, 64, 128, 128), blocks=(1, 2, 2, 1), side=144),
    NetworkRecipe(widths=(32, 64, 160, 256), blocks=(1, 2, 2, 2), side=144),
    NetworkRecipe(widths=(48, 96, 192, 192), blocks=(1, 2, 2, 1), side=144),
    NetworkRecipe(widths=(32, 64, 128, 128), blocks=(1, 2, 2, 1), side=192),
    NetworkRecipe(widths=(32, 64, 160, 256), blocks=(1, 2, 2, 2), side=192),
)
_NO_FEATURE_IS_DEAD = 1.0  # the scale a residual branch gets: at 0, where training begins, it would be left out


def untrained_graph(recipe: NetworkRecipe) -> bytes:
    """Export a reader whose weights are random."""
    torch.manual_seed(0)
    classifier = build_classifier(recipe)
    for layer in classifier.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.constant_(layer.weight, _NO_FEATURE_IS_DEAD)
    return export_graph(Reader(LungFinder(), classifier))


def noise(count: int) -> Pictures:
    """Give pictures (count, 224, 224) with grain of every grey level."""
    return np.random.default_rng(0).integers(0, 256, (count, FRAME, FRAME), dtype=np.uint8)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60, help="passes of each that are timed")
    words = parser.parse_args()
    say = partial(print, flush=True)
    graphs = {}
    for recipe in SHAPES:
        name = f"{'-'.join(map(str, recipe.widths))} {'-'.join(map(str, recipe.blocks))} {recipe.side}"
        graphs[f"{name} fp32"] = graph = untrained_graph(recipe)
        graphs[f"{name} int8"] = quantise_graph(graph, noise(16), Quantisation(ranging=Ranging.GREATEST))
    runs: dict[str, Run] = {f"onnxruntime {name}": open_onnxruntime(graph, 1) for name, graph in graphs.items()}
    runs |= {f"openvino {name}": open_openvino(graph, 1) for name, graph in graphs.items()}
    say(f"{'milliseconds, one radiograph, one thread':<46} processor  fastest")
    for name, cost in measure(runs, prepared(noise(1)), words.rounds).items():
        say(f"{name:<46} {cost.processor:9.2f} {cost.fastest:8.2f}")


if __name__ == "__main__":
    main()
