"""The JSON of the Open Inference Protocol, with an example of each shape.

References
----------
Open Inference Protocol (KServe V2), HTTP/REST: https://github.com/kserve/open-inference-protocol
"""

from typing import Literal

from lingula.doors.http.inference import InferBody, InputTensor, OutputWanted
from lingula.doors.http.shapes import Shape
from lingula.modelpackage.manifest import Manifest, TensorSpec


class ErrorShape(Shape):
    """What went wrong."""

    error: str


class ServerShape(Shape):
    """What this server is."""

    name: Literal["lingula"] = "lingula"
    version: str
    extensions: list[str]


class LiveShape(Shape):
    """Whether this process answers."""

    live: bool


class ReadyShape(Shape):
    """Whether it can infer."""

    ready: bool


class ModelReadyShape(Shape):
    """Whether a model can infer."""

    name: str
    ready: bool


class TensorShape(Shape):
    """An input or output; -1 stands for any number of radiographs."""

    name: str
    datatype: Literal["FP32"] = "FP32"
    shape: list[int]

    @classmethod
    def of(cls, spec: TensorSpec) -> "TensorShape":
        """Write a tensor of the manifest."""
        return cls(name=spec.name, shape=[size or -1 for size in spec.shape])


class ModelShape(Shape):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: Literal["onnx_onnxv1"] = "onnx_onnxv1"
    inputs: list[TensorShape]
    outputs: list[TensorShape]

    @classmethod
    def of(cls, manifest: Manifest) -> "ModelShape":
        """Write what a manifest declares."""
        return cls(
            name=manifest.name,
            versions=[manifest.version],
            inputs=[TensorShape.of(manifest.input)],
            outputs=[TensorShape.of(spec) for spec in manifest.outputs],
        )


class OutputShape(Shape):
    """One output of one inference."""

    name: str
    datatype: Literal["FP32"] = "FP32"
    shape: list[int]
    data: list[float]


class InferredShape(Shape):
    """What the graph says, radiograph by radiograph."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputShape]


_INPUT = InputTensor(name="pixels", shape=[1, 1, 224, 224], datatype="FP32", parameters={"binary_data_size": 200704})
_WANTED = OutputWanted(name="probability")
_TENSOR = TensorShape(name="probability", shape=[-1, 1])
_OUTPUT = OutputShape(name="probability", shape=[1, 1], data=[0.93])

EXAMPLES = (
    ErrorShape(error="Bad request: the model takes one input, 'pixels', and no other (event 8d1f0c5a2b7e4f90)"),
    ServerShape(version="0.1.0", extensions=["binary_tensor_data"]),
    LiveShape(live=True),
    ReadyShape(ready=True),
    ModelReadyShape(name="pneumonia-children", ready=True),
    _TENSOR,
    ModelShape(
        name="pneumonia-children",
        versions=["1.1.0"],
        inputs=[TensorShape(name="pixels", shape=[-1, 1, 224, 224])],
        outputs=[_TENSOR],
    ),
    _OUTPUT,
    InferredShape(model_name="pneumonia-children", model_version="1.1.0", id="42", outputs=[_OUTPUT]),
    _INPUT,
    _WANTED,
    InferBody(id="42", inputs=[_INPUT], outputs=[_WANTED]),
)
