"""Does the heat map show what the network has learnt? Its weights are shuffled, layer after layer, from the top down.

A map that stays as it was while the weights that made it are destroyed shows the radiograph's own edges, not the
network's evidence. The lung finder is left alone, since it only says where to look. The weights of a layer are permuted
rather than drawn anew, which keeps their distribution and hence the range of everything that follows.

References
----------
Adebayo J et al., NeurIPS 2018, "Sanity checks for saliency maps" (cascading randomisation; Spearman's correlation and
structural similarity as measures). Wang Z et al., IEEE Transactions on Image Processing 2004 (SSIM).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lingula.modelpackage.archive import ModelPackage
from lingula.training.probes.looking import Maps
from lingula.training.probes.sample import LUNG, Judge, Sample, Told

if TYPE_CHECKING:
    from onnx import ModelProto

_CHECK = "randomisation check of the heat map"
_RADIOGRAPHS = 64  # enough to see a map change or not
_STEPS = 8
_WEIGHING = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
_ROUNDING = {"QuantizeLinear", "DequantizeLinear"}  # what stands between a weight and a convolution in integers
_MATRIX = 2  # dimensions
_WINDOW = 7  # cells, odd
_STABILISERS = (0.01**2, 0.03**2)  # of SSIM, for values of 0-1


@dataclass(frozen=True, kw_only=True)
class Shuffled:
    """How like the maps still are after so many layers were shuffled.

    Parameters
    ----------
    layers
        Layers shuffled so far, counted from the output.
    rank_correlation, similarity
        Mean of Spearman's correlation and of SSIM between the maps before and after, in the box around the lungs; a map
        that became flat has nothing in common.
    flat
        Share of the maps that became flat.
    """

    layers: int
    rank_correlation: float
    similarity: float
    flat: float


@dataclass(frozen=True, kw_only=True)
class RandomisationProbe:
    """The check on `radiographs` with pneumonia whose maps varied over the lungs to begin with."""

    radiographs: int
    layers: int
    steps: tuple[Shuffled, ...]


def probe_randomisation(
    package: ModelPackage, judge: Judge, sample: Sample, seed: int, told: Told
) -> RandomisationProbe | str:
    """Shuffle the classifier's weights from the top down and compare the maps; or say why that cannot be done."""
    try:
        import onnx
    except ImportError:
        return f"{_CHECK}: needs the package `onnx`, which the train extra brings"
    model = onnx.load_from_string(package.graph)
    layers = classifier_layers(model)
    before = judge(sample.pictures, "activation_map", "lung_mask")
    maps = before["activation_map"][:, 0]
    boxes = [lung_extent(mask) for mask in before["lung_mask"][:, 0] > LUNG]
    varies = np.array([float(each[box].std()) > 0 for each, box in zip(maps, boxes, strict=True)])
    chosen = np.flatnonzero(varies & (sample.labels == 1))[:_RADIOGRAPHS]
    if not layers:
        return f"{_CHECK}: the graph has no weights between its lung mask and its activation map"
    if len(chosen) == 0:
        return f"{_CHECK}: no probed radiograph with pneumonia has an activation map that varies over its lungs"
    steps = []
    for count, graph in _shuffled(model, layers, seed):
        told(f"shuffled {count} layers")
        after = Judge.of(package, graph)(sample.pictures[chosen], "activation_map")["activation_map"][:, 0]
        steps.append(_compare(count, maps[chosen], after, [boxes[place] for place in chosen]))
    return RandomisationProbe(radiographs=len(chosen), layers=len(layers), steps=tuple(steps))


def classifier_layers(model: "ModelProto") -> list[str]:
    """Name the weights the activation map depends on and the lung mask does not, the last layer first."""
    ours = _ancestors(model, "activation_map") - _ancestors(model, "lung_mask")
    shapes = {entry.name: tuple(entry.dims) for entry in model.graph.initializer if entry.data_type == entry.FLOAT}
    rounded = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type in _ROUNDING}
    weighs = [
        name
        for node in model.graph.node
        for name in (rounded.get(rounded.get(taken, taken), taken) for taken in node.input)
        if name in ours and name in shapes and _is_weight(node.op_type, shapes[name])
    ]
    return list(dict.fromkeys(reversed(weighs)))


def _is_weight(operation: str, shape: tuple[int, ...]) -> bool:
    """Say whether a constant of an operation was learnt: matrices, and one factor per channel where a map is summed."""
    per_channel = len(shape) > _MATRIX and shape[1] > 1 and set(shape[2:]) == {1}
    return (operation in _WEIGHING and len(shape) >= _MATRIX) or (operation == "Mul" and per_channel)


def _ancestors(model: "ModelProto", output: str) -> set[str]:
    """Name everything an output is made from."""
    maker = {made: node for node in model.graph.node for made in node.output}
    seen: set[str] = set()
    waiting = [output]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += maker[name].input if name in maker else ()
    return seen


def _shuffled(model: "ModelProto", layers: Sequence[str], seed: int) -> Iterator[tuple[int, bytes]]:
    """Give the graph with more and more layers permuted, in at most `_STEPS` steps."""
    from onnx import numpy_helper

    rng = np.random.default_rng(seed)
    weights = {entry.name: entry for entry in model.graph.initializer}
    stops = set(np.unique(np.linspace(1, len(layers), _STEPS).round().astype(int)).tolist())
    for count, name in enumerate(layers, start=1):
        values = numpy_helper.to_array(weights[name])
        weights[name].CopyFrom(numpy_helper.from_array(rng.permutation(values.ravel()).reshape(values.shape), name))
        if count in stops:
            yield count, model.SerializeToString()


def lung_extent(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Give the rows and columns that hold lungs, or all of them where there are none."""
    if not mask.any():
        return slice(None), slice(None)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _compare(count: int, before: Maps, after: Maps, boxes: Sequence[tuple[slice, slice]]) -> Shuffled:
    pairs = [(one[box], other[box]) for one, other, box in zip(before, after, boxes, strict=True)]
    flat = np.array([float(other.std()) == 0 for _, other in pairs])
    return Shuffled(
        layers=count,
        rank_correlation=float(np.mean([rank_correlation(*pair) for pair in pairs])),
        similarity=float(np.mean([structural_similarity(*pair) for pair in pairs])),
        flat=float(flat.mean()),
    )


def rank_correlation(first: Maps, second: Maps) -> float:
    """Give Spearman's correlation of two maps of one shape, ties sharing their mean rank; 0 if one is flat."""
    one, other = (_ranks(each.ravel()) for each in (first, second))
    spread = one.std() * other.std()
    return float(((one - one.mean()) * (other - other.mean())).mean() / spread) if spread > 0 else 0.0


def _ranks(values: NDArray[np.float32]) -> NDArray[np.float64]:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[place], np.float64)


def structural_similarity(first: Maps, second: Maps) -> float:
    """Give the mean SSIM of two maps with values of 0-1, over square windows; 1 for equal maps."""
    one, other = first.astype(np.float64), second.astype(np.float64)
    mean_one, mean_other = _window_mean(one), _window_mean(other)
    spread_one = _window_mean(one * one) - mean_one**2
    spread_other = _window_mean(other * other) - mean_other**2
    together = _window_mean(one * other) - mean_one * mean_other
    light, contrast = _STABILISERS
    top = (2 * mean_one * mean_other + light) * (2 * together + contrast)
    return float((top / ((mean_one**2 + mean_other**2 + light) * (spread_one + spread_other + contrast))).mean())


def _window_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    window = min(_WINDOW, *values.shape)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(values, (window, window)).mean(axis=(2, 3)))
