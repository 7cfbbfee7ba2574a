"""The engines a graph could run in, and how long one pass takes in each, measured beside each other.

What is compared runs in turns, pass by pass, so that whatever else the machine does meets all alike; processor time is
counted beside the clock, because on a busy machine only it says what a pass costs.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np
import openvino  # type: ignore[import-untyped]  # ships no annotations; nothing untyped leaves this module
from numpy.typing import NDArray

from lingula.modelpackage.archive import OUTPUTS
from lingula.modelpackage.session import INPUT, open_session

Run = Callable[[NDArray[np.float32]], Mapping[str, NDArray[np.float32]]]
"""Takes prepared pixels (N, 1, height, width) and gives the outputs by name."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one pass of one radiograph takes, in milliseconds."""

    processor: float  # median of the processor time, all threads together
    fastest: float  # the shortest by the clock: what a quiet machine would give


def open_onnxruntime(graph: bytes, threads: int) -> Run:
    """Open a graph as triage does."""
    return open_session(graph, threads).run


def open_openvino(graph: bytes, threads: int, *, precision: str = "f32") -> Run:
    """Open a graph in OpenVINO, one stream, with the precision asked for: `f32` or `bf16`."""
    core = openvino.Core()
    config = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": str(threads), "NUM_STREAMS": "1"}
    compiled = core.compile_model(core.read_model(graph), "CPU", config)
    request = compiled.create_infer_request()

    def run(pixels: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        answers = request.infer({INPUT: pixels})
        return {name: np.array(answers[compiled.output(name)], np.float32) for name in OUTPUTS}

    return run


def measure(runs: Mapping[str, Run], pixels: NDArray[np.float32], rounds: int) -> dict[str, Cost]:
    """Run each in turn on the first of `pixels`, `rounds` times."""
    one = pixels[:1]
    processor: dict[str, list[float]] = {name: [] for name in runs}
    clock: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            run(one)  # fills the caches with its own weights
            used, began = time.process_time(), time.perf_counter()
            run(one)
            processor[name].append((time.process_time() - used) * 1e3)
            clock[name].append((time.perf_counter() - began) * 1e3)
    return {name: Cost(processor=median(processor[name]), fastest=min(clock[name])) for name in runs}
