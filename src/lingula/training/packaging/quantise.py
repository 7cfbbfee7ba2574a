"""A graph whose convolutions work in eight-bit integers: a second form of the same package, made after training.

Only convolutions are changed; the box around the lungs, the resampling, the last layers
and novelty keep 32-bit arithmetic, because a small error there moves a box or a decision. Ranges of the features are
found by running training radiographs through the graph; weights have a range for each channel. The graph keeps its
32-bit weights under their names and an engine rounds them when it loads, so that networks can still be read back.

References
----------
Jacob et al. 2018, integer arithmetic for inference. ONNX Runtime, "Quantize ONNX models":
https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
"""

import contextlib
import io
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (  # type: ignore[import-untyped]  # ships no annotations
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process  # type: ignore[import-untyped]  # the same

from lingula.errors import TrainingError
from lingula.modelpackage.manifest import OperatingPoints, Rounding
from lingula.modelpackage.session import INPUT, open_session
from lingula.training.learning.augment import Pictures
from lingula.training.statistics.intervals import Labels, Scores
from lingula.training.statistics.metrics import auroc

AUROC_WITHIN, BANDS_EQUAL = 0.001, 0.995  # what eight bits must keep to count as the same model
RANGED = 256  # training radiographs whose features give the ranges
PROBABILITY = "probability"
_BATCH = 16  # radiographs run at once while ranges are found
_CLEAR = 1e-5  # nearer to 0 or 1 than this a probability's last bits decide its logit


class Network(StrEnum):
    """The networks inside a graph; their weights carry these names."""

    FINDER = "finder"
    CLASSIFIER = "classifier"


class Ranging(StrEnum):
    """How the range of a feature is chosen from what was seen of it."""

    GREATEST = "greatest"  # the least and the greatest value
    PERCENTILE = "percentile"  # all but the outermost values
    ENTROPY = "entropy"  # the range that keeps most information


@dataclass(frozen=True, kw_only=True)
class Quantisation:
    """What becomes eight bits wide, and how.

    Parameters
    ----------
    networks
        Whose convolutions are changed.
    keep_first
        Leave the first convolution of each network as it is: it has one input channel, so nothing is gained, and its
        input, the standardised picture, is what rounding hurts most.
    sums
        Also add and average in integers between convolutions. It is no faster, and what a block adds to is then rounded
        again and again.
    percentile
        Share of the values, in percent, that lie inside the range where `ranging` is `percentile`.
    seven_bits
        Use weights of seven bits: processors without VNNI instructions overflow on eight, and would say something else.
    """

    networks: tuple[Network, ...] = (Network.FINDER, Network.CLASSIFIER)
    keep_first: bool = True
    sums: bool = False
    ranging: Ranging = Ranging.PERCENTILE
    percentile: float = 99.99
    seven_bits: bool = True


def quantise_graph(graph: bytes, pictures: Pictures, how: Quantisation | None = None) -> bytes:
    """Give the graph with eight-bit convolutions; inputs, outputs and their meaning stay.

    Rounding moves the logit a little and mostly one way; the mean of that is taken off, so that bands, which have sharp
    edges, agree more often.

    Parameters
    ----------
    graph
        As `export_graph` gives it.
    pictures
        Training radiographs (N, 224, 224), some hundred; the ranges are those seen on them.

    Raises
    ------
    TrainingError
        If the graph has no convolution of the networks asked for, or works in integers already.
    """
    how = how or Quantisation()
    if any(node.op_type == "QuantizeLinear" for node in onnx.load_model_from_string(graph).graph.node):
        raise TrainingError("the graph works in eight-bit integers already; export its run with [export] graph = fp32")
    with TemporaryDirectory() as name, _silent():
        raw, plain, made = (Path(name) / f"{stage}.onnx" for stage in ("raw", "plain", "made"))
        raw.write_bytes(graph)
        quant_pre_process(raw, plain, skip_symbolic_shape=True)
        nodes = _chosen(onnx.load(plain).graph, how)
        quantize_static(
            plain,
            made,
            _Radiographs(pictures),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=how.seven_bits,
            activation_type=QuantType.QUInt8,  # with signed weights: the pair that VNNI multiplies
            weight_type=QuantType.QInt8,
            nodes_to_quantize=sorted(nodes),
            op_types_to_quantize=sorted(set(nodes.values())),
            calibrate_method=_METHODS[how.ranging],
            extra_options={"CalibPercentile": how.percentile, "AddQDQPairToWeight": True},
        )
        return _levelled(made.read_bytes(), graph, pictures)


_METHODS = {
    Ranging.GREATEST: CalibrationMethod.MinMax,
    Ranging.PERCENTILE: CalibrationMethod.Percentile,
    Ranging.ENTROPY: CalibrationMethod.Entropy,
}


class _Radiographs(CalibrationDataReader):  # type: ignore[misc]  # the base carries no types
    """Feeds pictures to the calibration, a few at a time."""

    def __init__(self, pictures: Pictures) -> None:
        self._left = _batches(pictures)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Give the next batch, None after the last."""
        return next(self._left, None)


def _batches(pictures: Pictures) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Give the graph's input some at a time; ranging wants equal sizes, so the first fill up the last."""
    for at in range(0, len(pictures), _BATCH):
        rows = np.arange(at, at + _BATCH) % len(pictures)
        yield {INPUT: pictures[rows, np.newaxis].astype(np.float32) / np.float32(255)}


def _chosen(graph: onnx.GraphProto, how: Quantisation) -> dict[str, str]:
    """Give the kinds of the nodes to change by name."""
    chosen: list[onnx.NodeProto] = []
    for network in how.networks:
        own = [node for node in graph.node if node.op_type == "Conv" and node.input[1].startswith(f"{network}.")]
        if not own:
            raise TrainingError(f"the graph has no convolution of the {network}; it cannot be made of integers")
        chosen += own[1:] if how.keep_first else own
        if how.sums:
            chosen += [node for node in graph.node if _joins(node, own)]
    return {node.name: node.op_type for node in chosen}


def _joins(node: onnx.NodeProto, convolutions: Sequence[onnx.NodeProto]) -> bool:
    """Tell whether a node adds what the convolutions gave, or averages what goes into one."""
    if node.op_type == "Add":
        return any(convolution.output[0] in node.input for convolution in convolutions)
    return node.op_type == "AveragePool" and any(node.output[0] == one.input[0] for one in convolutions)


def round_graph(
    graph: bytes, training: Pictures, tuning: Pictures, labels: Labels, points: OperatingPoints
) -> tuple[bytes, Rounding]:
    """Quantise a graph that is to ship, and see on the tuning set that it is still the same model.

    Parameters
    ----------
    training
        Gives the ranges; of many, some hundred are taken.
    tuning, labels
        What the two forms are compared on: pictures (N, 224, 224) and labels (N,).

    Raises
    ------
    TrainingError
        If the AUROC moves or too many bands change.
    """
    made = quantise_graph(graph, training[:: max(1, len(training) // RANGED)][:RANGED])
    before, after = (_probabilities(one, tuning) for one in (graph, made))
    rounding = measure_rounding(labels, points, before, after)
    if not is_same_model(rounding):
        raise TrainingError(
            f"in eight bits the AUROC moves by {rounding.auroc_difference:+.5f} and {rounding.bands_equal:.2%} of the "
            f'bands stay; at most {AUROC_WITHIN} and at least {BANDS_EQUAL:.1%} are asked: write graph = "fp32"'
        )
    return made, rounding


def measure_rounding(labels: Labels, points: OperatingPoints, before: Scores, after: Scores) -> Rounding:
    """Compare the probabilities (N,) of two forms of one graph."""
    equal = [points.band(one) is points.band(two) for one, two in zip(before.tolist(), after.tolist(), strict=True)]
    return Rounding(
        radiographs=len(labels),
        auroc_difference=auroc(labels, after) - auroc(labels, before),
        bands_equal=float(np.mean(equal)),
        greatest=float(np.abs(after - before).max()),
    )


def is_same_model(rounding: Rounding) -> bool:
    """Whether eight bits changed so little that what was measured in 32 still holds."""
    return abs(rounding.auroc_difference) <= AUROC_WITHIN and rounding.bands_equal >= BANDS_EQUAL


def _levelled(made: bytes, graph: bytes, pictures: Pictures) -> bytes:
    """Add to the logit of probability what rounding took from it on average."""
    ours, theirs = (_logits(one, pictures) for one in (made, graph))
    apart = (theirs - ours)[np.isfinite(ours) & np.isfinite(theirs)]
    shift = float(apart.mean()) if len(apart) else 0.0
    model = onnx.load_from_string(made)
    place, last = next((place, node) for place, node in enumerate(model.graph.node) if PROBABILITY in node.output)
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([shift], np.float32), "levelling"))
    model.graph.node.insert(place, onnx.helper.make_node("Add", [last.input[0], "levelling"], ["levelled"]))
    last.input[0] = "levelled"  # the sigmoid takes the sum
    return bytes(model.SerializeToString())


def _logits(graph: bytes, pictures: Pictures) -> Scores:
    """Give logits of probability, (N,); infinite where 32 bits cannot tell it from 0 or 1 well."""
    probability = _probabilities(graph, pictures)
    probability[(probability < _CLEAR) | (probability > 1 - _CLEAR)] = 0.0
    with np.errstate(divide="ignore"):
        logits: Scores = np.log(probability) - np.log1p(-probability)
    return logits


def _probabilities(graph: bytes, pictures: Pictures) -> Scores:
    session = open_session(graph, threads=os.cpu_count() or 1)
    found = [session.run(batch[INPUT], (PROBABILITY,))[PROBABILITY] for batch in _batches(pictures)]
    return np.concatenate(found)[: len(pictures), 0].astype(np.float64)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep the library's progress and its advice to prepare the graph, which was followed, off the terminal."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        root.setLevel(level)
