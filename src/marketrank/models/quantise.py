"""8-bit twins of exported graphs, a quarter of the size, and how near their answers are. Needs the
extra [train].

Queries are embedded by one of them, `write_queries` (ADR 241), and texts are classified by one, as
`by_blocks` makes it. The others do not serve: a dynamically quantised text tower scales by whole
batches, so that a listing's vector would depend on its neighbours (ADR 43). They are for devices
and clients that encode one query at a time.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from marketrank.models.sessions import open_session

Inputs = Mapping[str, NDArray[np.generic]]
QUERIES = "queries.onnx"
_BLOCK = 32
NEAR = 0.999
_log = logging.getLogger(__name__)


def write_queries(
    graph: Path, examples: Sequence[Inputs], *, outputs: Sequence[str] = ("vector",)
) -> str:
    """Write the twin of a text graph that embeds queries, beside it, and return its name; "" where
    an output for the examples is not near enough to the graph's, as a tower's may not be that was
    never trained."""
    out = graph.with_name(QUERIES)
    near = by_blocks(graph, out, examples, outputs=outputs)
    if near >= NEAR:
        return QUERIES
    _log.warning("queries are embedded in full: in 8 bits they have a cosine of %.4f", near)
    out.unlink()
    return ""


def by_blocks(
    graph: Path, out: Path, examples: Sequence[Inputs], *, outputs: Sequence[str]
) -> float:
    """Write a text graph's twin with weights of matrix products in 8 bits. Returns the mean cosine
    between both, of the output where it is the lowest.

    Each 32 weights of a column have a scale of their own, and so have the 32 inputs that they are
    multiplied with (Dettmers et al., "LLM.int8()", NeurIPS 2022, scale whole rows and columns): a
    row's answer depends on nothing but the row."""
    from onnxruntime.quantization import matmul_nbits_quantizer as n_bits

    options = n_bits.DefaultWeightOnlyQuantConfig(
        block_size=_BLOCK, is_symmetric=True, accuracy_level=4, bits=8
    )
    with _quiet():
        quantizer = n_bits.MatMulNBitsQuantizer(onnx.load(graph), algo_config=options)
        quantizer.process()
        quantizer.model.save_model_to_file(str(out))
    return min(mean_cosine(graph, out, examples, name) for name in outputs)


def quantise_dynamic(graph: Path, out: Path) -> None:
    """Weights of matrix products in 8 bits, one scale a channel, activations scaled when they are
    seen: for transformers. (With one scale a matrix the learned space's texts had a cosine of .91
    with their own, now .98.)"""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet():
        quantize_dynamic(graph, out, per_channel=True, weight_type=QuantType.QInt8)


def quantise_static(
    graph: Path, out: Path, examples: Sequence[Inputs], *, plain: Sequence[str] = ()
) -> None:
    """Weights and activations in 8 bits, with scales learned from examples (Jacob et al., CVPR
    2018), one scale a channel: for convolutions. EfficientNet-Lite has ReLU6 for this. The nodes
    that `plain` names stay as they are."""
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    with _quiet():
        quantize_static(
            graph,
            out,
            _Examples(examples),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=list(plain),
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )


def mean_cosine(graph: Path, twin: Path, examples: Sequence[Inputs], output: str) -> float:
    """The mean cosine between the rows of an output of two graphs, over all examples."""
    one, other = open_session(graph, threads=1), open_session(twin, threads=1)
    cosines: list[NDArray[np.float64]] = []
    for inputs in examples:
        a, b = (
            np.asarray(session.run([output], dict(inputs))[0], np.float64)
            for session in (one, other)
        )
        lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
        cosines.append((a * b).sum(axis=1) / np.maximum(lengths, 1e-12))
    return float(np.concatenate(cosines).mean())


class _Examples:
    """What ONNX Runtime asks for: `get_next` until None. Implements its CalibrationDataReader."""

    def __init__(self, examples: Sequence[Inputs]) -> None:
        self._left: Iterator[Inputs] = iter(examples)

    def get_next(self) -> dict[str, Any] | None:
        found = next(self._left, None)
        return None if found is None else dict(found)


class _quiet:  # noqa: N801
    """ONNX Runtime advises by the root logger to preprocess graphs, which changes nothing here."""

    def __enter__(self) -> None:
        self._level = logging.root.level
        logging.root.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        logging.root.setLevel(self._level)
