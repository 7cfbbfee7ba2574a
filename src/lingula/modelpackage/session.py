"""One way to open a package's graph and run it, for triage and for the evaluation of a package.

The same session options give the same numbers everywhere: what an evaluation measured is what a hospital gets.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # ships no annotations; nothing untyped leaves this module
from numpy.typing import NDArray

from lingula.errors import PackageDamaged
from lingula.modelpackage.archive import OUTPUTS

INPUT = "pixels"
_ERRORS_ONLY = 3


@dataclass(frozen=True, kw_only=True)
class Session:
    """An open graph; safe to run from several threads at once."""

    _session: onnxruntime.InferenceSession

    def run(self, pixels: NDArray[np.float32], outputs: Sequence[str] = OUTPUTS) -> dict[str, NDArray[np.float32]]:
        """Run prepared pixels of shape (N, 1, height, width), 0-1, and give the named outputs, each with N first."""
        found = self._session.run(list(outputs), {INPUT: pixels})
        return {name: np.asarray(value, dtype=np.float32) for name, value in zip(outputs, found, strict=True)}


def open_session(graph: bytes, threads: int) -> Session:
    """Open a graph on the processor and see that it takes and gives what the contract says.

    Idle threads sleep instead of spinning: decoding shares the same cores.

    Parameters
    ----------
    graph
        The package's ONNX graph.
    threads
        Threads one run may use, at least 1.

    Raises
    ------
    PackageDamaged
        If the graph cannot be loaded, takes another input, or lacks an output.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = max(1, threads)
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's own errors share no narrower base
        raise PackageDamaged(f"the graph cannot be loaded: {str(error)[:200]}; export the package again") from error
    inputs = [entry.name for entry in session.get_inputs()]
    if inputs != [INPUT]:
        raise PackageDamaged(f"the graph takes {inputs}, not ['{INPUT}']; export the package again")
    if (missing := set(OUTPUTS) - {entry.name for entry in session.get_outputs()}) != set():
        raise PackageDamaged(f"the graph gives no {min(missing)!r}; export the package again")
    return Session(_session=session)
