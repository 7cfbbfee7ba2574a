"""From networks to one ONNX graph, and the proof that both say the same.

The graph has one input and five outputs and a free batch size; any ONNX runtime gives the same answer.
"""

import logging
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from lingula.errors import TrainingError
from lingula.modelpackage.archive import OUTPUTS
from lingula.modelpackage.manifest import Preprocessing, TensorSpec
from lingula.modelpackage.session import INPUT, open_session
from lingula.training.learning.augment import Pictures
from lingula.training.learning.examples import as_tensor
from lingula.training.networks import FRAME, MAP_SIDE, Reader

_OPSET = 18  # what every runtime of the last years reads
_LARGEST_BATCH = 256


def export_graph(reader: Reader) -> bytes:
    """Give the ONNX graph of a reader in evaluation mode."""
    example = torch.zeros(2, 1, FRAME, FRAME)
    batch = torch.export.Dim("batch", min=1, max=_LARGEST_BATCH)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        program = torch.onnx.export(
            reader.eval(),
            (example,),
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_shapes={"pixels": {0: batch}},
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
        if program is None:
            raise TrainingError("the exporter gave no graph; see its messages above")
        path = Path(folder) / "model.onnx"
        program.save(path, external_data=False)
        return path.read_bytes()


@torch.no_grad()
def measure_parity(reader: Reader, graph: bytes, pictures: Pictures) -> float:
    """Give the greatest difference of probability between network and graph over pictures (N, 224, 224)."""
    session = open_session(graph, threads=2)
    worst = 0.0
    for at in range(0, len(pictures), 32):
        pixels = as_tensor(pictures[at : at + 32])
        ours = reader.eval()(pixels)[0].numpy()
        theirs = session.run(pixels.numpy(), ("probability",))["probability"]
        worst = max(worst, float(np.abs(ours - theirs).max()))
    return worst


def describe_graph(preprocessing: Preprocessing, embedding: int) -> tuple[TensorSpec, tuple[TensorSpec, ...]]:
    """Give what the manifest says of the graph's input and outputs."""
    pixels = TensorSpec(
        name=INPUT,
        shape=(0, 1, preprocessing.height, preprocessing.width),
        low=0.0,
        high=1.0,
        meaning="prepared pixels, bone bright",
    )
    frame = "in the frame of the prepared pixels"
    outputs = (
        TensorSpec(name="probability", shape=(0, 1), low=0, high=1, meaning="calibrated probability of the label"),
        TensorSpec(
            name="activation_map",
            shape=(0, 1, MAP_SIDE, MAP_SIDE),
            low=0,
            high=1,
            meaning=f"evidence for the label by place, {frame}; 0 outside the lungs' box, 1 at the ceiling",
        ),
        TensorSpec(
            name="lung_mask", shape=(0, 1, MAP_SIDE, MAP_SIDE), low=0, high=1, meaning=f"probability of lung, {frame}"
        ),
        TensorSpec(name="embedding", shape=(0, embedding), meaning="features before the last layer, for drift"),
        TensorSpec(name="novelty", shape=(0, 1), low=0, meaning="1 is the limit beyond which nothing is assessed"),
    )
    return pixels, outputs
