"""Model packages that read a known part of the picture, so that probes have an answer known beforehand."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, checker, helper, numpy_helper

from lingula.modelpackage.archive import ModelPackage, read_package, write_package
from made.packages import EMBEDDING, MAP_SIDE, SIDE, made_manifest

LUNGS = (slice(12, 44), slice(14, 42))  # rows and columns of the map's cells that the made lung mask marks


@dataclass(frozen=True, kw_only=True)
class MadeReader:
    """What a made graph reads and shows.

    Parameters
    ----------
    reads_lungs
        Probability grows with the brightness of the lungs, or else of all but the lungs.
    shows_weights
        The activation map is made by the graph's weights, or else it is the picture itself whatever the weights.
    """

    reads_lungs: bool = True
    shows_weights: bool = True

    def package(self, folder: Path) -> ModelPackage:
        """Write the package and read it back."""
        folder.mkdir(parents=True, exist_ok=True)
        return read_package(write_package(folder, made_manifest(), self._graph(), "# Made for tests\n"))

    def _graph(self) -> bytes:
        nodes = [
            helper.make_node("AveragePool", ["pixels"], ["small"], kernel_shape=[4, 4], strides=[4, 4]),
            helper.make_node("Mul", ["small", "nothing"], ["none"]),
            helper.make_node("Add", ["none", "lungs"], ["lung_mask"]),
            helper.make_node("Mul", ["small", "read"], ["seen"]),
            helper.make_node("ReduceMean", ["seen", "axes"], ["mean"], keepdims=0),
            helper.make_node("Sub", ["mean", "middle"], ["above"]),
            helper.make_node("Mul", ["above", "steepness"], ["logit"]),
            helper.make_node("Sigmoid", ["logit"], ["probability"]),
            helper.make_node("Conv", ["small", "first"], ["convolved"], pads=[2, 2, 2, 2]),
            helper.make_node("Relu", ["convolved"], ["features"]),
            helper.make_node("Conv", ["features", "last"], ["evidence"]),
            helper.make_node("Sigmoid", ["evidence"], ["by_weights"]),
            helper.make_node("Mul", ["by_weights", "weights_count"], ["weighted"]),
            helper.make_node("Mul", ["small", "picture_counts"], ["pictured"]),
            helper.make_node("Add", ["weighted", "pictured"], ["shown"]),
            helper.make_node("Mul", ["shown", "read"], ["activation_map"]),
            helper.make_node("AveragePool", ["pixels"], ["thumbnail"], kernel_shape=[56, 56], strides=[56, 56]),
            helper.make_node("Flatten", ["thumbnail"], ["embedding"]),
            helper.make_node("Mul", ["mean", "nothing_flat"], ["novelty"]),
        ]
        shapes = {
            "probability": [1],
            "activation_map": [1, MAP_SIDE, MAP_SIDE],
            "lung_mask": [1, MAP_SIDE, MAP_SIDE],
            "embedding": [EMBEDDING],
            "novelty": [1],
        }
        made = helper.make_graph(
            nodes,
            "reader",
            [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 1, SIDE, SIDE])],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *rest]) for name, rest in shapes.items()],
            initializer=[numpy_helper.from_array(value, name) for name, value in self._constants().items()],
        )
        model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))

    def _constants(self) -> dict[str, NDArray[np.float32] | NDArray[np.int64]]:
        rng = np.random.default_rng(0)
        lungs = made_lungs()
        read = lungs if self.reads_lungs else 1 - made_lungs(margin=4)  # no probe's margin reaches that far
        return {
            "nothing": np.zeros((1,), np.float32),
            "nothing_flat": np.zeros((1,), np.float32),
            "lungs": lungs,
            "read": read,
            "axes": np.array([2, 3], np.int64),
            "middle": np.array([0.5 * read.mean()], np.float32),
            "steepness": np.array([12 / read.mean()], np.float32),
            "first": rng.normal(size=(8, 1, 5, 5)).astype(np.float32),
            "last": rng.normal(size=(1, 8, 1, 1)).astype(np.float32),
            "weights_count": np.array([float(self.shows_weights)], np.float32),
            "picture_counts": np.array([float(not self.shows_weights)], np.float32),
        }


def made_lungs(*, margin: int = 0) -> NDArray[np.float32]:
    """Give the lungs that every made graph finds, shape (1, 1, MAP_SIDE, MAP_SIDE), 0 or 1, `margin` cells wider."""
    lungs = np.zeros((1, 1, MAP_SIDE, MAP_SIDE), np.float32)
    rows, columns = (slice(side.start - margin, side.stop + margin) for side in LUNGS)
    lungs[0, 0, rows, columns] = 1
    return lungs
