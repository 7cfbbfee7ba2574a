import numpy as np
import onnx
import pytest
from made.packages import SIDE, made_graph

from lingula.errors import PackageDamaged
from lingula.modelpackage.archive import OUTPUTS
from lingula.modelpackage.session import open_session


def test_a_graph_answers_for_each_radiograph_of_a_batch() -> None:
    session = open_session(made_graph(), threads=1)
    pixels = np.random.default_rng(0).random((3, 1, SIDE, SIDE), dtype=np.float32)

    together = session.run(pixels)
    alone = session.run(pixels[1:2], ("probability",))

    assert tuple(together) == OUTPUTS
    assert [len(value) for value in together.values()] == [3] * 5
    assert list(alone) == ["probability"]
    assert together["probability"][1] == pytest.approx(alone["probability"][0], abs=1e-6)


def changed(*, renamed: dict[str, str]) -> bytes:
    """Give the made graph with an input or output under another name."""
    model = onnx.load_from_string(made_graph())
    for value in (*model.graph.input, *model.graph.output):
        value.name = renamed.get(value.name, value.name)
    for node in model.graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (b"no graph", "cannot be loaded"),
        (changed(renamed={"pixels": "picture"}), r"takes \['picture'\], not \['pixels'\]"),
        (changed(renamed={"novelty": "strangeness"}), "gives no 'novelty'"),
    ],
)
def test_a_graph_that_breaks_the_contract_is_refused(graph: bytes, message: str) -> None:
    with pytest.raises(PackageDamaged, match=message):
        open_session(graph, threads=1)
