"""The graph: right answers in any batch, and a package that contradicts itself is refused before it assesses."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import onnx
import pytest
from made.packages import MAP_SIDE, SIDE, STEEPNESS, made_graph, made_manifest
from made.triage import made_chest
from onnx import helper

from lingula.errors import PackageDamaged, SettingsError
from lingula.modelpackage.archive import ModelPackage
from lingula.modelpackage.manifest import Manifest, TensorSpec
from lingula.modelpackage.preprocessing import ModelInput
from lingula.triage.infer import Engine, Model


def made_input(brightness: float, seed: int = 1) -> ModelInput:
    chest = made_chest(brightness, rows=SIDE, columns=SIDE, seed=seed)
    return (chest.astype(np.float32) / np.float32(255))[np.newaxis, np.newaxis]


def as_package(graph: bytes, manifest: Manifest | None = None) -> ModelPackage:
    return ModelPackage(
        manifest=manifest or made_manifest(), graph=graph, model_card="", sha256="0" * 64, path=Path("made.lingula")
    )


def with_output(name: str, **changes: object) -> Manifest:
    manifest = made_manifest()
    outputs = tuple(spec.model_copy(update=changes) if spec.name == name else spec for spec in manifest.outputs)
    return manifest.model_copy(update={"outputs": outputs})


def test_the_answer_is_the_graphs(model: Model) -> None:
    pixels = made_input(0.6)

    (inference,) = model.infer([pixels])

    assert inference.probability == pytest.approx(1 / (1 + np.exp(-STEEPNESS * (pixels.mean() - 0.5))), abs=1e-5)
    assert inference.activation_map.shape == (MAP_SIDE, MAP_SIDE)
    assert inference.activation_map[0, 0] == round(float(pixels[0, 0, :4, :4].mean()) * 255)
    assert inference.lung_mask[0, 0] == round(float(1 - pixels[0, 0, :4, :4].mean()) * 255)
    assert inference.embedding.shape == (16,)
    assert inference.novelty < 1


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 9])
def test_any_number_of_radiographs_gets_as_many_answers_in_order(model: Model, size: int) -> None:
    inputs = [made_input(0.3 + 0.05 * number) for number in range(size)]

    together = model.infer(inputs)

    alone = [model.infer([pixels])[0] for pixels in inputs]
    assert [one.probability for one in together] == pytest.approx([one.probability for one in alone], abs=1e-6)


def test_threads_may_share_a_model(model: Model) -> None:
    wanted = [model.infer([made_input(0.3 + 0.1 * number)])[0].probability for number in range(4)]
    found: dict[int, list[float]] = {}

    def ask(number: int) -> None:
        found[number] = [model.infer([made_input(0.3 + 0.1 * number)])[0].probability for _ in range(10)]

    threads = [Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(found[number] == pytest.approx([wanted[number]] * 10) for number in range(4))


def test_openvino_gives_the_same_answer(model: Model) -> None:
    pytest.importorskip("openvino")
    other = Model(model.package, engine=Engine.OPENVINO, threads=1)

    for brightness in (0.35, 0.5, 0.62):
        ours, theirs = model.infer([made_input(brightness)])[0], other.infer([made_input(brightness)])[0]
        assert theirs.probability == pytest.approx(ours.probability, abs=1e-4)
        assert np.abs(theirs.activation_map.astype(int) - ours.activation_map).max() <= 1


def test_a_model_says_whether_it_still_answers(model: Model) -> None:
    model.check()


def test_a_graph_that_is_no_graph_is_refused() -> None:
    with pytest.raises(PackageDamaged, match="cannot be loaded"):
        Model(as_package(b"not onnx"))


def test_openvino_refuses_what_is_no_graph() -> None:
    pytest.importorskip("openvino")
    with pytest.raises(PackageDamaged, match="OpenVINO cannot load"):
        Model(as_package(b"not onnx"), engine=Engine.OPENVINO)


def test_an_engine_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    monkeypatch.delitem(__import__("sys").modules, "lingula.triage.openvino", raising=False)

    with pytest.raises(SettingsError, match="pip install openvino"):
        Model(as_package(made_graph()), engine=Engine.OPENVINO)


def other_input() -> Manifest:
    wrong = TensorSpec(name="pixels", shape=(0, 1, 100, 100), meaning="wrong size")
    return made_manifest().model_copy(update={"input": wrong})


def flat_input() -> Manifest:
    wrong = TensorSpec(name="pixels", shape=(0, SIDE * SIDE), meaning="wrong rank")
    return made_manifest().model_copy(update={"input": wrong})


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (other_input, "gives|does not take"),
        (flat_input, "must be 'pixels' of shape"),
        (lambda: with_output("embedding", shape=(0, 99)), "'embedding' in shape"),
        (lambda: with_output("activation_map", shape=(0, 1, 28, 28)), "'activation_map' in shape"),
    ],
)
def test_a_graph_that_contradicts_its_manifest_is_refused(manifest: Callable[[], Manifest], message: str) -> None:
    with pytest.raises(PackageDamaged, match=message):
        Model(as_package(made_graph(), manifest()))


def test_a_batch_the_graph_does_not_take_is_found_before_it_assesses() -> None:
    graph = onnx.load_model_from_string(made_graph())
    graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    with pytest.raises(PackageDamaged, match="does not take 4 radiographs"):
        Model(as_package(graph.SerializeToString()))


@pytest.mark.parametrize(
    ("name", "shape", "reshaped"),
    [("probability", (0, 1, 1, 1), [0, 1, 1, 1]), ("lung_mask", (0, 1, 28, 112), [0, 1, 28, 112])],
)
def test_outputs_the_contract_does_not_know_are_refused(name: str, shape: tuple[int, ...], reshaped: list[int]) -> None:
    graph = onnx.load_model_from_string(made_graph())
    for node in graph.graph.node:
        node.output[:] = ["before" if output == name else output for output in node.output]
    graph.graph.initializer.append(onnx.numpy_helper.from_array(np.array(reshaped, np.int64), "reshaped"))
    graph.graph.node.append(helper.make_node("Reshape", ["before", "reshaped"], [name]))
    for output in graph.graph.output:
        if output.name == name:
            output.CopyFrom(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", *reshaped[1:]]))

    with pytest.raises(PackageDamaged, match="one number or one square map"):
        Model(as_package(graph.SerializeToString(), with_output(name, shape=shape)))


def test_a_package_of_the_same_graph_is_the_same_model(model: Model) -> None:
    again = Model(replace(model.package, sha256="1" * 64), largest_batch=1)

    assert again.infer([made_input(0.5)] * 3)[2].probability == model.infer([made_input(0.5)])[0].probability
