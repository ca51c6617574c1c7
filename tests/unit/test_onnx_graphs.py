"""A graph in ONNX Runtime answers as its module does, or is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from marketrank.errors import Corrupt  # noqa: E402
from marketrank.models import onnx_graphs  # noqa: E402
from marketrank.models.onnx_graphs import TOLERANCE, check_parity, difference, to_onnx  # noqa: E402
from marketrank.models.sessions import open_session, output_widths  # noqa: E402


class Small(torch.nn.Module):
    """A convolution and a linear layer: pixels (n, 8, 8, 3) to two outputs (n, 5) and (n, 2)."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv = torch.nn.Conv2d(3, 4, 3)
        self.linear = torch.nn.Linear(4, 5)
        self.dropout = torch.nn.Dropout(0.5)

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        maps = self.conv(pixels.permute(0, 3, 1, 2).float() / 255).mean((2, 3))
        vector = torch.nn.functional.normalize(self.dropout(self.linear(maps)), dim=1)
        return vector, maps[:, :2]


class Weighted(torch.nn.Module):
    """Sums rows (n, k, 3) where a mask (n, k) is set."""

    def forward(self, rows: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return torch.where(mask[:, :, None], rows, 0.0).sum(1)


def pixels(n: int) -> dict[str, Any]:
    draw = np.random.default_rng(n)
    return {"pixels": draw.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8)}


def masked(n: int, k: int) -> dict[str, Any]:
    draw = np.random.default_rng(n)
    rows = draw.normal(size=(n, k, 3)).astype(np.float32)
    return {"rows": rows, "mask": draw.random((n, k)) < 0.5}


@pytest.fixture(scope="module")
def module() -> Small:
    return Small().eval()


@pytest.fixture
def graph(module: Small, tmp_path: Path) -> Path:
    path = tmp_path / "small.onnx"
    to_onnx(module, pixels(2), path, outputs=("vector", "extra"))
    return path


@pytest.mark.parametrize("n", [1, 2, 7])
def test_any_number_of_rows_is_answered_as_by_the_module(
    module: Small, graph: Path, n: int
) -> None:
    session = open_session(graph, threads=1)
    assert output_widths(session) == (("vector", 5), ("extra", 2))
    vector, extra = session.run(None, pixels(n))
    with torch.inference_mode():
        expected = module(torch.from_numpy(pixels(n)["pixels"]))
    assert np.abs(vector - expected[0].numpy()).max() < 1e-6
    assert np.abs(extra - expected[1].numpy()).max() < 1e-6
    assert check_parity(module, graph, pixels(n)) < 1e-6


def test_only_the_first_axis_is_free_by_default(graph: Path) -> None:
    (only,) = open_session(graph, threads=1).get_inputs()
    assert (only.name, only.shape) == ("pixels", ["n", 8, 8, 3])


def test_other_leading_axes_are_free_where_they_are_named(tmp_path: Path) -> None:
    path, free = tmp_path / "weighted.onnx", {"rows": ("n", "k"), "mask": ("n", "k")}
    to_onnx(Weighted(), masked(2, 3), path, free=free)
    for n, k in ((1, 1), (4, 3), (3, 9)):
        assert check_parity(Weighted(), path, masked(n, k)) == pytest.approx(0, abs=1e-6)
    shapes = {one.name: one.shape for one in open_session(path, threads=1).get_inputs()}
    assert shapes == {"rows": ["n", "k", 3], "mask": ["n", "k"]}
    assert output_widths(open_session(path, threads=1)) == (("vector", 3),)


@pytest.mark.parametrize("layer", ["linear.bias", "conv.bias"])
def test_a_graph_of_other_weights_is_refused(graph: Path, layer: str) -> None:
    """Whichever output shows it."""
    changed = Small().eval()
    with torch.no_grad():
        changed.get_parameter(layer)[1] += 0.01
    assert difference(changed, graph, pixels(3)) > 10 * TOLERANCE
    with pytest.raises(Corrupt, match=r"small\.onnx differs from torch by .* requirements\.lock"):
        check_parity(changed, graph, pixels(3))


@pytest.mark.parametrize("place", [0, 1])
def test_what_is_no_number_is_no_parity(graph: Path, place: int) -> None:
    class Broken(Small):
        def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
            outputs = list(super().forward(pixels))
            outputs[place] = outputs[place] * float("nan")
            return tuple(outputs)

    with pytest.raises(Corrupt, match="differs from torch by nan"):
        check_parity(Broken().eval(), graph, pixels(3))


def test_as_many_outputs_are_compared_as_there_are(graph: Path) -> None:
    class Fewer(Small):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return super().forward(pixels)[0]

    with pytest.raises(ValueError, match="zip"):
        difference(Fewer().eval(), graph, pixels(3))


def test_the_tolerance_is_what_is_allowed(
    module: Small, graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_graphs, "TOLERANCE", 0.0)
    with pytest.raises(Corrupt, match=r"allowed 0\.0"):
        check_parity(module, graph, pixels(7))


def test_the_graph_is_of_the_operators_that_serving_knows(graph: Path) -> None:
    opened = onnx.load(graph)
    assert [one.version for one in opened.opset_import if not one.domain] == [17]
    assert not {node.op_type for node in opened.graph.node} & {"Dropout", "ATen"}
