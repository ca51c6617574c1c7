"""How marketrank opens a graph in ONNX Runtime."""

from pathlib import Path
from typing import Any

import onnxruntime

from marketrank.errors import Corrupt


def open_session(path: Path, *, threads: int) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU; its `run` may be called from many threads.

    `threads` share the work of one call. They sleep between calls: spinning gains nothing on bulk
    work and takes cores from the server's other requests. Raises Corrupt for a file that is not
    a graph.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # it warns of every constant that optimising has made idle
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions share no other base
        raise Corrupt(f"{path} cannot be opened by ONNX Runtime: {error}") from error


def output_widths(session: Any) -> tuple[tuple[str, int], ...]:
    """Name and width of each output of shape (n, width), in the graph's order."""
    return tuple((output.name, int(output.shape[1])) for output in session.get_outputs())
