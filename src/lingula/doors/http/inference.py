"""The Open Inference Protocol's requests and answers: JSON, and tensors in binary after it.

What arrives may be anything, so sizes are compared with the shapes before anything is converted, and only what the
package's manifest declares reaches the graph.

References
----------
Open Inference Protocol (KServe V2), "Inference Request JSON Object" and the binary tensor data extension:
https://github.com/kserve/open-inference-protocol
"""

import base64
import binascii
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from math import prod

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field, ValidationError

from lingula.doors.http.problems import Refused
from lingula.modelpackage.manifest import TensorSpec

MOST_RADIOGRAPHS = 32  # in one request; a client with more sends more requests
MOST_JSON_BYTES = 16 * 1024 * 1024  # numbers as text take ten times the memory; large tensors come in binary
HEADER_LENGTH = "inference-header-content-length"
_FLOATS, _FILES = "FP32", "BYTES"
_ROUNDING = 1e-6

Parameters = dict[str, object]


class InputTensor(BaseModel):
    """One input: the pixels as FP32, or whole files as BYTES."""

    name: str = Field(max_length=100, examples=["pixels"])
    shape: list[int] = Field(min_length=1, max_length=8, examples=[[1, 1, 224, 224]])
    datatype: str = Field(max_length=10, examples=["FP32"])
    parameters: Parameters = Field(default_factory=dict)
    data: object = Field(default=None, description="Numbers, flat or nested; for BYTES base64 strings.")


class OutputWanted(BaseModel):
    """One output that is asked for."""

    name: str = Field(max_length=100, examples=["probability"])
    parameters: Parameters = Field(default_factory=dict)


class InferBody(BaseModel):
    """A request: which tensors, and which outputs; none means all."""

    id: str | None = Field(default=None, max_length=200)
    inputs: list[InputTensor] = Field(min_length=1, max_length=8)
    outputs: list[OutputWanted] = Field(default_factory=list, max_length=20)
    parameters: Parameters = Field(default_factory=dict)

    def is_binary(self, output: str) -> bool:
        """Tell whether an output is wanted in binary."""
        for wanted in self.outputs:
            if wanted.name == output and "binary_data" in wanted.parameters:
                return wanted.parameters["binary_data"] is True
        return self.parameters.get("binary_data_output") is True


@dataclass(frozen=True, kw_only=True)
class InferRequest:
    """A request that was read: its JSON, and the bytes of the inputs that came in binary, by name."""

    body: InferBody
    binary: Mapping[str, bytes]

    def pixels(self, spec: TensorSpec, prepare: Callable[[bytes], NDArray[np.float32]]) -> NDArray[np.float32]:
        """Give the graph's input, shape (N, 1, height, width).

        Parameters
        ----------
        spec
            The input as the manifest declares it.
        prepare
            Turns a whole file into shape (1, 1, height, width).

        Raises
        ------
        Refused
            400 if the tensor is not the one declared.
        """
        if [one.name for one in self.body.inputs] != [spec.name]:
            raise refused(f"the model takes one input, {spec.name!r}, and no other")
        (tensor,) = self.body.inputs
        if tensor.datatype == _FILES:
            files = _files(tensor, self.binary.get(tensor.name))
            return np.concatenate([prepare(one) for one in files])
        if tensor.datatype != _FLOATS:
            raise refused(f"{spec.name!r} is FP32 (or BYTES: whole files), not {tensor.datatype!r}")
        return _numbers(tensor, self.binary.get(tensor.name), spec)


def read_request(body: bytes, header_length: str | None) -> InferRequest:
    """Read a request's JSON and cut what follows it into the tensors that it announces.

    Raises
    ------
    Refused
        400 if it does not hold; 413 if the JSON is too large.
    """
    length = _json_length(len(body), header_length)
    parsed = _parse(body[:length])
    return InferRequest(body=parsed, binary=_cut(body, length, parsed.inputs))


def write_answer(
    request: InferBody, named: Mapping[str, str], outputs: Mapping[str, NDArray[np.float32]]
) -> tuple[bytes, int | None]:
    """Write the outputs asked for; gives the body, and the length of its JSON if binary tensors follow.

    Parameters
    ----------
    named
        `model_name` and `model_version`.

    Raises
    ------
    Refused
        400 if an output is asked for that the model does not give.
    """
    names = [one.name for one in request.outputs] or list(outputs)
    if unknown := [name for name in names if name not in outputs]:
        raise refused(f"the model gives no output {unknown[0]!r}; it gives {', '.join(outputs)}")
    tensors: list[dict[str, object]] = []
    binary: list[bytes] = []
    for name in dict.fromkeys(names):
        values = np.ascontiguousarray(outputs[name], dtype="<f4")
        tensor: dict[str, object] = {"name": name, "datatype": _FLOATS, "shape": list(values.shape)}
        if request.is_binary(name):
            binary.append(values.tobytes())
            tensors.append({**tensor, "parameters": {"binary_data_size": len(binary[-1])}})
        else:
            tensors.append({**tensor, "data": values.ravel().tolist()})
    said = {**named, **({"id": request.id} if request.id is not None else {}), "outputs": tensors}
    head = json.dumps(said).encode()
    return b"".join([head, *binary]), len(head) if binary else None


def refused(detail: str) -> Refused:
    """Say what a request should have been."""
    return Refused(HTTPStatus.BAD_REQUEST, "Bad request", detail)


def _json_length(size_bytes: int, header_length: str | None) -> int:
    length = size_bytes
    if header_length is not None:
        if not (header_length.isascii() and header_length.isdigit() and len(header_length) < 20):  # noqa: PLR2004
            raise refused("Inference-Header-Content-Length is no number")
        length = int(header_length)
    if length > size_bytes:
        raise refused("Inference-Header-Content-Length is more than the body has")
    if length > MOST_JSON_BYTES:
        detail = f"the JSON has more than {MOST_JSON_BYTES} bytes; send tensors in binary"
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too large", detail)
    return length


def _cut(body: bytes, at: int, inputs: Sequence[InputTensor]) -> dict[str, bytes]:
    """Cut what follows the JSON into the tensors that it announces, in their order."""
    binary: dict[str, bytes] = {}
    for tensor in inputs:
        size = tensor.parameters.get("binary_data_size")
        if size is None:
            continue
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(body) - at:
            raise refused(f"binary_data_size of an input is {str(size)[:40]!r}, but {len(body) - at} bytes are left")
        binary[tensor.name] = body[at : at + size]
        at += size
    if at != len(body):
        raise refused(f"{len(body) - at} bytes belong to no input; state each input's binary_data_size")
    return binary


def _parse(text: bytes) -> InferBody:
    try:
        return InferBody.model_validate(json.loads(text))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise refused(f"{'.'.join(str(part) for part in first['loc']) or 'body'}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, or nested without end
        raise refused("the body is no JSON of an inference request") from error


def _numbers(tensor: InputTensor, binary: bytes | None, spec: TensorSpec) -> NDArray[np.float32]:
    shape, one = tuple(tensor.shape), tuple(spec.shape[1:])
    if not (shape[1:] == one and 1 <= shape[0] <= MOST_RADIOGRAPHS):
        raise refused(f"shape {list(shape)} is not [N, {', '.join(map(str, one))}] with N from 1 to {MOST_RADIOGRAPHS}")
    if binary is not None:
        if len(binary) != 4 * prod(shape):
            raise refused(f"{spec.name!r} of this shape has {4 * prod(shape)} bytes, not {len(binary)}")
        values = np.frombuffer(binary, "<f4").reshape(shape)
    else:
        values = _from_json(tensor.data, shape)
    if not np.isfinite(values).all():
        raise refused("a pixel is no finite number")
    low, high = spec.low, spec.high
    if (low is not None and values.min() < low - _ROUNDING) or (high is not None and values.max() > high + _ROUNDING):
        raise refused(f"pixels are from {low:g} to {high:g}, prepared as the package's manifest says")
    return values.astype(np.float32, copy=False)


def _from_json(data: object, shape: Sequence[int]) -> NDArray[np.float32]:
    if not isinstance(data, list) or len(data) not in {prod(shape), shape[0]}:
        raise refused(f"data is no list of {prod(shape)} numbers, and no nested lists of the stated shape")
    try:
        values = np.asarray(data, dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise refused("data has other than numbers, or rows of different lengths") from error
    if values.shape not in {tuple(shape), (prod(shape),)}:
        raise refused(f"data has shape {list(values.shape)}, not {list(shape)}")
    with np.errstate(over="ignore"):  # what no float32 holds becomes infinite, and is refused as that
        return values.astype(np.float32).reshape(shape)


def _files(tensor: InputTensor, binary: bytes | None) -> list[bytes]:
    count = prod(tensor.shape)
    if len(tensor.shape) > 2 or not 1 <= count <= MOST_RADIOGRAPHS:  # noqa: PLR2004  [N] or [N, 1]
        raise refused(f"BYTES have shape [N] with N from 1 to {MOST_RADIOGRAPHS}, not {tensor.shape}")
    files = _binary_files(binary) if binary is not None else _base64_files(tensor.data)
    if len(files) != count:
        raise refused(f"shape {tensor.shape} means {count} files, {len(files)} came")
    return files


def _base64_files(data: object) -> list[bytes]:
    if not isinstance(data, list):
        raise refused("data is no list of base64 strings")
    try:
        return [base64.b64decode(one, validate=True) for one in data]
    except (binascii.Error, TypeError, ValueError) as error:
        raise refused("data has other than base64 strings of whole files") from error


def _binary_files(binary: bytes) -> list[bytes]:
    files, at = [], 0
    while at < len(binary):
        if len(binary) - at < 4:  # noqa: PLR2004  bytes of a length
            raise refused("a BYTES element is cut short")
        (size,) = struct.unpack_from("<I", binary, at)
        files.append(binary[at + 4 : at + 4 + size])
        at += 4 + size
    if at != len(binary):
        raise refused("a BYTES element is cut short")
    return files
