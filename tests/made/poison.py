"""A package that trips over pictures nobody foresaw, and such pictures."""

from functools import cache
from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, load_model_from_string, numpy_helper

from lingula.modelpackage.archive import write_package
from made.packages import made_graph, made_manifest
from made.pictures import as_jpeg
from made.triage import made_chest

TOO_BRIGHT = 0.85  # mean grey level, 0-1; made chests that the package bands are darker


def poisoned_package(folder: Path) -> Path:
    """Write the made package, whose graph fails on what is too bright; any batch with such a picture fails with it."""
    folder.mkdir(parents=True, exist_ok=True)
    return write_package(folder, made_manifest(name="poisoned"), _graph(), "# Made for tests\n")


def poison(seed: int) -> bytes:
    """Give a picture that is received like any other and ends every attempt to assess it."""
    return as_jpeg(made_chest(0.99, rows=240, columns=280, seed=seed))


@cache
def _graph() -> bytes:
    """Look the probability's factor up in a table of one, at a place outside it where the picture is too bright."""
    model = load_model_from_string(made_graph())
    graph = model.graph
    next(node for node in graph.node if "probability" in node.output).output[0] = "wholesome"
    graph.node.extend(
        [
            helper.make_node("Greater", ["mean", "too_bright"], ["is_poison"]),
            helper.make_node("Cast", ["is_poison"], ["place"], to=TensorProto.INT64),
            helper.make_node("Gather", ["table_of_one", "place"], ["factor"]),
            helper.make_node("Mul", ["wholesome", "factor"], ["probability"]),
        ]
    )
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.array([TOO_BRIGHT], np.float32), "too_bright"),
            numpy_helper.from_array(np.array([1.0], np.float32), "table_of_one"),
        ]
    )
    checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
