"""From a torch module to an ONNX graph, and how near the graph's answers are to the module's. Needs
the extra [train]."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from marketrank.errors import Corrupt
from marketrank.models.sessions import open_session

TOLERANCE = 1e-4
_OPSET = 17
Inputs = Mapping[str, NDArray[np.generic]]


def to_onnx(
    module: torch.nn.Module,
    inputs: Inputs,
    path: Path,
    *,
    outputs: Sequence[str] = ("vector",),
    free: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Write the graph of a module in evaluation mode, traced on these inputs.

    `free` names the leading axes of an input that vary; by default the first alone does, as the
    first of every output always does.
    """
    axes = {name: dict(enumerate(names)) for name, names in (free or {}).items()}
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # tracing warns of shapes that the parity check covers
        torch.onnx.export(
            module,
            tuple(torch.from_numpy(value) for value in inputs.values()),
            str(path),
            # The tracing exporter: 1 s and the faster graph, where the newer takes 9 s (ADR 40).
            dynamo=False,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={
                **{name: axes.get(name, {0: "n"}) for name in inputs},
                **{name: {0: "n"} for name in outputs},
            },
            opset_version=_OPSET,
        )


def difference(module: torch.nn.Module, path: Path, inputs: Inputs) -> float:
    """The largest difference of any output between ONNX Runtime and torch."""
    found = open_session(path, threads=1).run(None, dict(inputs))
    with torch.inference_mode():
        expected: Any = module(*(torch.from_numpy(value) for value in inputs.values()))
    if isinstance(expected, torch.Tensor):
        expected = (expected,)
    # Not Python's max, which passes over a NaN that is not its first.
    return float(
        np.max([np.abs(a - b.numpy()).max() for a, b in zip(found, expected, strict=True)])
    )


def check_parity(module: torch.nn.Module, path: Path, inputs: Inputs) -> float:
    """See `difference`. Raises Corrupt where it is not below TOLERANCE."""
    found = difference(module, path, inputs)
    if not found < TOLERANCE:  # also catches NaN
        raise Corrupt(
            f"{path.name} differs from torch by {found:.2g} (allowed {TOLERANCE}); install "
            "the versions of torch, onnx and onnxruntime that requirements.lock names"
        )
    return found
