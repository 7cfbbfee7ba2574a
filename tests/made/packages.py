"""A tiny model package in the contract's shapes: brightness decides the probability, so tests can foretell it."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, checker, helper, numpy_helper

from lingula.modelpackage.archive import write_package
from lingula.modelpackage.manifest import (
    FORMAT_VERSION,
    Estimate,
    Evidence,
    Gate,
    Histogram,
    IntendedUse,
    Label,
    Manifest,
    Novelty,
    OperatingPoint,
    OperatingPoints,
    Provenance,
    References,
    TensorSpec,
)
from lingula.modelpackage.preprocessing import DEFAULT_PREPROCESSING

SIDE, MAP_SIDE, EMBEDDING = 224, 56, 16
RULE_OUT, RULE_IN = 0.3, 0.7
STEEPNESS = 12.0  # probability = sigmoid(STEEPNESS * (mean - 0.5))
NOVEL_BELOW = 0.08  # standard deviation of grey levels 0-1; real radiographs have at least 0.16

GATE = Gate(auroc_at_least=0.4, lungs_blanked_auroc_at_most=0.6)  # the made evidence reaches it


def made_package(
    folder: Path,
    *,
    version: str = "1.0.0",
    name: str = "made",
    gate: Gate | None = GATE,
    thresholds: tuple[float, float] = (RULE_OUT, RULE_IN),
) -> Path:
    """Write the package into `folder` and give its path; the same arguments always give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    manifest = made_manifest(name=name, version=version, gate=gate, thresholds=thresholds)
    return write_package(folder, manifest, made_graph(), "# Made for tests\n")


@cache
def made_graph() -> bytes:
    """Give an ONNX graph whose probability grows with brightness.

    Activation is the local brightness, the lung mask the local darkness, the embedding a 4 x 4 thumbnail. Novelty is
    above 1 where grey levels hardly differ, and where the edges are brighter than the middle (inverted radiographs).
    """
    nodes = [
        helper.make_node("ReduceMean", ["pixels", "picture_axes"], ["mean"], keepdims=0),
        helper.make_node("Sub", ["mean", "half"], ["above_half"]),
        helper.make_node("Mul", ["above_half", "steepness"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
        helper.make_node("AveragePool", ["pixels"], ["activation_map"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Sub", ["one", "activation_map"], ["lung_mask"]),
        helper.make_node("AveragePool", ["pixels"], ["thumbnail"], kernel_shape=[56, 56], strides=[56, 56]),
        helper.make_node("Flatten", ["thumbnail"], ["embedding"]),
        *_novelty(),
    ]
    inputs = [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 1, SIDE, SIDE])]
    outputs = [
        helper.make_tensor_value_info(spec.name, TensorProto.FLOAT, ["batch", *spec.shape[1:]]) for spec in _outputs()
    ]
    graph = helper.make_graph(nodes, "made", inputs, outputs, initializer=_constants())
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _novelty() -> list[NodeProto]:
    return [
        helper.make_node("ReduceMean", ["pixels", "picture_axes"], ["mean_kept"], keepdims=1),
        helper.make_node("Sub", ["pixels", "mean_kept"], ["deviation"]),
        helper.make_node("Mul", ["deviation", "deviation"], ["squared"]),
        helper.make_node("ReduceMean", ["squared", "picture_axes"], ["variance"], keepdims=0),
        helper.make_node("Add", ["variance", "tiny"], ["safe_variance"]),
        helper.make_node("Sqrt", ["safe_variance"], ["spread"]),
        helper.make_node("Div", ["novel_below", "spread"], ["flatness"]),
        helper.make_node("Slice", ["pixels", "middle_from", "middle_to", "width_axis"], ["middle_columns"]),
        helper.make_node("ReduceMean", ["middle_columns", "picture_axes"], ["middle"], keepdims=0),
        helper.make_node("Slice", ["pixels", "edge_from", "edge_to", "width_axis"], ["edge_columns"]),
        helper.make_node("ReduceMean", ["edge_columns", "picture_axes"], ["edge"], keepdims=0),
        helper.make_node("Sub", ["edge", "middle"], ["edge_over_middle"]),
        helper.make_node("Mul", ["edge_over_middle", "five"], ["inversion"]),
        helper.make_node("Max", ["flatness", "inversion"], ["novelty"]),
    ]


def _constants() -> list[TensorProto]:
    numbers: dict[str, NDArray[np.float32] | NDArray[np.int64]] = {
        "picture_axes": np.array([2, 3], np.int64),
        "half": np.array([[0.5]], np.float32)[0],
        "one": np.array([1.0], np.float32),
        "five": np.array([5.0], np.float32),
        "steepness": np.array([STEEPNESS], np.float32),
        "tiny": np.array([1e-8], np.float32),
        "novel_below": np.array([NOVEL_BELOW], np.float32),
        "width_axis": np.array([3], np.int64),
        "middle_from": np.array([96], np.int64),
        "middle_to": np.array([128], np.int64),
        "edge_from": np.array([0], np.int64),
        "edge_to": np.array([8], np.int64),
    }
    # Reducing over (rows, columns) of (N, 1, h, w) leaves (N, 1), which is the shape of probability and novelty.
    return [numpy_helper.from_array(value, name) for name, value in numbers.items()]


def made_manifest(
    *,
    name: str = "made",
    version: str = "1.0.0",
    gate: Gate | None = GATE,
    thresholds: tuple[float, float] = (RULE_OUT, RULE_IN),
) -> Manifest:
    """Give the made package's manifest; its numbers describe nothing real. Without a gate it is of format 1."""
    half = Estimate(value=0.5, low=0.4, high=0.6)
    return Manifest(
        format_version=FORMAT_VERSION if gate else 1,
        name=name,
        version=version,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        licence="Apache-2.0",
        intended_use=IntendedUse(
            statement="tests only",
            population="children",
            age_years_min=0,
            age_years_max=18,
            modalities=("CR", "DX"),
            body_parts=("CHEST",),
            view_positions=("AP", "PA"),
            exclusions=("adults", "lateral views"),
        ),
        label=Label(name="brightness", definition="a bright picture", reference_standard="its mean grey level"),
        preprocessing=DEFAULT_PREPROCESSING,
        input=TensorSpec(name="pixels", shape=(0, 1, SIDE, SIDE), low=0, high=1, meaning="grey levels, bone bright"),
        outputs=_outputs(),
        operating_points=OperatingPoints(rule_out=_point(thresholds[0], half), rule_in=_point(thresholds[1], half)),
        novelty=Novelty(false_refusal=half, components="flatness and inversion"),
        references=References(
            probability=Histogram(edges=(0, 0.5, 1), counts=(1, 1)), novelty=Histogram(edges=(0, 1, 2), counts=(1, 1))
        ),
        evidence=Evidence(
            method="none",
            auroc=half,
            lungs_blanked_auroc=half,
            worst_stress_auroc=half,
            worst_stress="none",
            expected_calibration_error=0,
            brier_score=0.25,
            parity=0,
        ),
        gate=gate,
        provenance=Provenance(recipe="", split_digest="", commit=None, code_version="0", seed=0, data=()),
        members={},
    )


def _outputs() -> tuple[TensorSpec, ...]:
    return (
        TensorSpec(name="probability", shape=(0, 1), low=0, high=1, meaning="calibrated"),
        TensorSpec(name="activation_map", shape=(0, 1, MAP_SIDE, MAP_SIDE), low=0, high=1, meaning="brightness"),
        TensorSpec(name="lung_mask", shape=(0, 1, MAP_SIDE, MAP_SIDE), low=0, high=1, meaning="darkness"),
        TensorSpec(name="embedding", shape=(0, EMBEDDING), meaning="thumbnail"),
        TensorSpec(name="novelty", shape=(0, 1), low=0, meaning="1 is the limit"),
    )


def _point(threshold: float, estimate: Estimate) -> OperatingPoint:
    return OperatingPoint(
        threshold=threshold, intended="none", sensitivity=estimate, specificity=estimate, measured_on="nothing"
    )
