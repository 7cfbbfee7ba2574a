"""From prepared pixels to what the model says: one run of the package's graph for a few radiographs at once.

One run gives everything a result needs, so an explanation costs no second pass. The engine is a plain function from
pixels to outputs: ONNX Runtime always, OpenVINO where it is installed and asked for; the package stays ONNX.

References
----------
ONNX Runtime, "Thread management" and "Reduce memory consumption": https://onnxruntime.ai/docs/performance/tune-performance/
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from lingula.errors import PackageDamaged, SettingsError
from lingula.modelpackage.archive import OUTPUTS, ModelPackage
from lingula.modelpackage.manifest import Manifest, TensorSpec
from lingula.modelpackage.preprocessing import ModelInput
from lingula.modelpackage.session import INPUT, open_session

Outputs = Mapping[str, NDArray[np.float32]]
"""By name, as in `lingula.modelpackage.archive.OUTPUTS`, each of shape (N, ...)."""

Run = Callable[[NDArray[np.float32]], Outputs]
"""Takes pixels of shape (N, 1, height, width); may be called from several threads at once."""


class Engine(StrEnum):
    """What runs the graph."""

    ONNXRUNTIME = "onnxruntime"  # always there
    OPENVINO = "openvino"  # faster on some processors; `pip install openvino`


@dataclass(frozen=True, kw_only=True)
class Inference:
    """What the graph says of one radiograph.

    Parameters
    ----------
    probability
        Calibrated, 0-1.
    novelty
        The manifest's `novelty.limit` is where a radiograph stops being like the training ones.
    activation_map, lung_mask
        Square, uint8, 0-255 for 0-1, in the frame of the prepared pixels.
    embedding
        Shape (E,), float32.
    """

    probability: float
    novelty: float
    activation_map: NDArray[np.uint8]
    lung_mask: NDArray[np.uint8]
    embedding: NDArray[np.float32]


class Model:
    """A package, loaded, checked and warm; several workers may share one.

    >>> model = Model(read_package(path), largest_batch=4)  # doctest: +SKIP
    >>> model.infer([prepare(radiograph, model.manifest.preprocessing)])[0].probability  # doctest: +SKIP
    0.93

    Parameters
    ----------
    package
        As read by `read_package`.
    engine
        What runs the graph.
    threads
        Threads one run may use. With several workers 1 is best: decoding shares the same cores.
    largest_batch
        The most radiographs one run takes; more are run one batch after the other.
    """

    def __init__(
        self,
        package: ModelPackage,
        *,
        engine: Engine = Engine.ONNXRUNTIME,
        threads: int = 1,
        largest_batch: int = 4,
    ) -> None:
        self.package = package
        self.largest_batch = largest_batch
        self._run = open_engine(package.graph, engine, threads)
        self._warm_up()

    @property
    def manifest(self) -> Manifest:
        """What the package says of itself."""
        return self.package.manifest

    def infer(self, inputs: Sequence[ModelInput]) -> list[Inference]:
        """Run the graph on prepared radiographs and give one answer each, in order."""
        answers: list[Inference] = []
        for start in range(0, len(inputs), self.largest_batch):
            batch = inputs[start : start + self.largest_batch]
            pixels = batch[0] if len(batch) == 1 else np.concatenate(batch)  # (N, 1, h, w)
            answers += _read_outputs(self._run(pixels), len(batch))
        return answers

    def run(self, pixels: NDArray[np.float32]) -> Outputs:
        """Run the graph and give its outputs as they are, for whoever asks for the bare model.

        Parameters
        ----------
        pixels
            Prepared, shape (N, 1, height, width) with N at least 1; run in batches of at most `largest_batch`.
        """
        starts = range(0, len(pixels), self.largest_batch)
        batches = [self._run(pixels[start : start + self.largest_batch]) for start in starts]
        return {name: np.concatenate([batch[name] for batch in batches]) for name in OUTPUTS}

    def check(self) -> None:
        """Return if the graph still answers; raises whatever the engine raises if not."""
        height, width = self.manifest.input.shape[2:]
        self._run(np.zeros((1, 1, height, width), np.float32))

    def _warm_up(self) -> None:
        """Run every batch size once: shapes are proven before a radiograph depends on them, and memory is planned."""
        shape = self.manifest.input.shape
        if len(shape) != len(("batch", "channel", "height", "width")) or self.manifest.input.name != INPUT:
            raise PackageDamaged(f"the manifest's input must be '{INPUT}' of shape (0, 1, height, width), not {shape}")
        declared = {spec.name: spec for spec in self.manifest.outputs}
        # The largest first, so that the engine's memory is asked for once and never grows in between.
        for size in range(self.largest_batch, 0, -1):
            try:
                outputs = self._run(np.zeros((size, *shape[1:]), np.float32))
            except Exception as error:  # the engines' own errors share no narrower base
                raise PackageDamaged(
                    f"{self.package.label}: the graph does not take {size} radiographs of the manifest's shape "
                    f"{shape[1:]}: {str(error)[:200]}; export the package again"
                ) from error
            for name in OUTPUTS:
                _check_output(declared[name], outputs[name], size)


def open_engine(graph: bytes, engine: Engine, threads: int) -> Run:
    """Load a graph into an engine.

    Raises
    ------
    PackageDamaged
        If the graph cannot be loaded or lacks an output.
    SettingsError
        If the engine asked for is not installed.
    """
    if engine is Engine.ONNXRUNTIME:
        return open_session(graph, threads).run
    try:
        from lingula.triage.openvino import open_openvino
    except ImportError as error:
        raise SettingsError("engine 'openvino' is not installed: `pip install openvino`") from error
    return open_openvino(graph, threads)


def _check_output(spec: TensorSpec, values: NDArray[np.float32], size: int) -> None:
    wanted = (size, *spec.shape[1:])
    if values.shape != wanted:
        raise PackageDamaged(
            f"the graph gives {spec.name!r} in shape {values.shape} for {size} radiographs, "
            f"the manifest says {wanted}; export the package again"
        )
    match spec.name:
        case "probability" | "novelty":
            is_right = spec.shape[1:] == (1,)
        case "activation_map" | "lung_mask":
            is_right = spec.shape[1:] == (1, isqrt(values[0].size), isqrt(values[0].size))
        case _:
            is_right = True
    if not is_right:
        raise PackageDamaged(
            f"{spec.name!r} has shape {spec.shape[1:]}; the contract wants one number or one square map per radiograph"
        )


def _read_outputs(outputs: Outputs, size: int) -> list[Inference]:
    activation_maps, lung_masks = _as_bytes(outputs["activation_map"]), _as_bytes(outputs["lung_mask"])
    return [
        Inference(
            probability=float(outputs["probability"][index, 0]),
            novelty=float(outputs["novelty"][index, 0]),
            activation_map=activation_maps[index, 0],
            lung_mask=lung_masks[index, 0],
            embedding=outputs["embedding"][index],
        )
        for index in range(size)
    ]


def _as_bytes(maps: NDArray[np.float32]) -> NDArray[np.uint8]:
    """0-1 to 0-255, rounded."""
    return (np.clip(maps, 0.0, 1.0) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
