"""The same graph in OpenVINO, where it is installed and asked for.

32-bit arithmetic is asked for, so that the numbers stay those the package was measured with. Measured with the shipped
package on an AMD Zen 5 core over 120 full-size radiographs: as fast as ONNX Runtime and equal within 3e-6. Its bfloat16
would be 1.6 times as fast, but only 93 % of the bands agree, so it is not offered; nothing depends on this module.

References
----------
OpenVINO, "CPU device": https://docs.openvino.ai/2026/openvino-workflow/running-inference/inference-devices-and-modes/cpu-device.html
"""

import os
from collections.abc import Callable, Mapping
from threading import local

import numpy as np
import openvino  # type: ignore[import-untyped]  # ships no annotations; nothing untyped leaves this module
from numpy.typing import NDArray

from lingula.errors import PackageDamaged
from lingula.modelpackage.archive import OUTPUTS
from lingula.modelpackage.session import INPUT


def open_openvino(graph: bytes, threads: int) -> Callable[[NDArray[np.float32]], Mapping[str, NDArray[np.float32]]]:
    """Load a graph; the function given back may be called from several threads at once.

    Raises
    ------
    PackageDamaged
        If the graph cannot be loaded or lacks an output.
    """
    cores = os.cpu_count() or 1
    streams = max(1, cores // threads)
    config = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": str(threads * streams),
        "NUM_STREAMS": str(streams),
    }
    try:
        compiled = openvino.Core().compile_model(openvino.Core().read_model(graph), "CPU", config)
        outputs = {name: compiled.output(name) for name in OUTPUTS}
    except RuntimeError as error:
        raise PackageDamaged(f"OpenVINO cannot load the graph: {str(error)[:200]}; export it again") from error
    requests = local()  # an infer request belongs to one thread

    def run(pixels: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        if not hasattr(requests, "own"):
            requests.own = compiled.create_infer_request()
        answers = requests.own.infer({INPUT: pixels})
        # Copied, because the next run reuses the memory.
        return {name: np.array(answers[output], np.float32) for name, output in outputs.items()}

    return run
