"""8-bit twins are small, and answer nearly alike."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from marketrank.models.onnx_graphs import to_onnx  # noqa: E402
from marketrank.models.quantise import mean_cosine, quantise_dynamic, quantise_static  # noqa: E402

Inputs = dict[str, Any]


def words() -> torch.nn.Module:
    """Matrix products, as in a transformer: (n, 64) to (n, 64)."""
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(64, 256), torch.nn.GELU(), torch.nn.Linear(256, 64)
    ).eval()


class Photos(torch.nn.Module):
    """Convolutions with ReLU6: pixels to (n, 24)."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = torch.nn.Conv2d(3, 48, 3), torch.nn.Conv2d(48, 24, 3)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        x = self.first(pixels.permute(0, 3, 1, 2).float() / 128 - 1).clamp(0, 6)
        return self.second(x).clamp(0, 6).mean((2, 3))


def rows(seed: int) -> Inputs:
    return {"words": np.random.default_rng(seed).normal(size=(5, 64)).astype(np.float32)}


def pixels(seed: int) -> Inputs:
    draw = np.random.default_rng(seed)
    return {"pixels": draw.integers(0, 256, (3, 12, 12, 3), dtype=np.uint8)}


def export(folder: Path, module: torch.nn.Module, inputs: Inputs) -> Path:
    to_onnx(module, inputs, folder / "full.onnx")
    return folder / "full.onnx"


@pytest.fixture
def text(tmp_path: Path) -> tuple[Path, Path]:
    """A graph and its twin."""
    graph, twin = export(tmp_path, words(), rows(0)), tmp_path / "twin.onnx"
    quantise_dynamic(graph, twin)
    return graph, twin


@pytest.fixture
def image(tmp_path: Path) -> tuple[Path, Path]:
    graph, twin = export(tmp_path, Photos().eval(), pixels(0)), tmp_path / "twin.onnx"
    quantise_static(graph, twin, [pixels(n) for n in range(4)])
    return graph, twin


def stored(graph: Path) -> dict[int, int]:
    """How many weights of matrices and kernels a graph holds, by ONNX's number of their type."""
    found: dict[int, int] = {}
    for one in onnx.load(graph).graph.initializer:
        if len(one.dims) > 1:
            found[one.data_type] = found.get(one.data_type, 0) + int(np.prod(one.dims))
    return found


def test_a_text_twin_is_a_quarter_of_the_size_and_nearly_the_same(text: tuple[Path, Path]) -> None:
    graph, twin = text
    assert twin.stat().st_size < 0.4 * graph.stat().st_size
    assert 0.99 < mean_cosine(graph, twin, [rows(1), rows(2)], "vector") < 1 - 1e-7
    assert stored(twin) == {onnx.TensorProto.INT8: sum(stored(graph).values())}


def test_an_image_twin_is_small_and_nearly_the_same(image: tuple[Path, Path]) -> None:
    graph, twin = image
    assert twin.stat().st_size < 0.6 * graph.stat().st_size
    assert 0.99 < mean_cosine(graph, twin, [pixels(7), pixels(8)], "vector") < 1 - 1e-7
    assert stored(twin) == {onnx.TensorProto.INT8: sum(stored(graph).values())}


def test_each_channel_of_an_image_twin_has_its_scale(image: tuple[Path, Path]) -> None:
    graph = onnx.load(image[1]).graph
    kernels = {one.name for one in graph.initializer if one.data_type == onnx.TensorProto.INT8}
    sizes = {one.name: int(np.prod(one.dims)) for one in graph.initializer}
    scales = [sizes[node.input[1]] for node in graph.node if kernels & {*node.input[:1]}]
    assert sorted(scales) == [24, 48]


def test_each_column_of_a_text_twin_has_its_scale(text: tuple[Path, Path]) -> None:
    found = {one.name: tuple(one.dims) for one in onnx.load(text[1]).graph.initializer}
    scales = [dims for name, dims in found.items() if name.endswith("_scale")]
    assert sorted(scales) == [(64,), (256,)]


def test_nodes_that_are_to_stay_plain_do(image: tuple[Path, Path], tmp_path: Path) -> None:
    graph, twin = image[0], tmp_path / "mixed.onnx"
    last = [node.name for node in onnx.load(graph).graph.node if node.op_type == "Conv"][1]
    quantise_static(graph, twin, [pixels(0)], plain=[last])
    kinds = {onnx.TensorProto.INT8: 48 * 3 * 9, onnx.TensorProto.FLOAT: 24 * 48 * 9}
    assert stored(twin) == kinds


def test_plain_nodes_stay_as_they_are(image: tuple[Path, Path], tmp_path: Path) -> None:
    graph, twin = image
    first = next(node.name for node in onnx.load(graph).graph.node if node.op_type == "Conv")
    quantise_static(graph, tmp_path / "half.onnx", [pixels(n) for n in range(4)], plain=[first])
    kernels = {"first": 48 * 3 * 9, "second": 24 * 48 * 9}
    assert stored(tmp_path / "half.onnx") == {
        onnx.TensorProto.FLOAT: kernels["first"],
        onnx.TensorProto.INT8: kernels["second"],
    }
    better = mean_cosine(graph, tmp_path / "half.onnx", [pixels(7)], "vector")
    assert better > mean_cosine(graph, twin, [pixels(7)], "vector")


def test_scales_are_learned_from_the_examples(image: tuple[Path, Path], tmp_path: Path) -> None:
    graph, twin = image
    black = {"pixels": np.full((3, 12, 12, 3), 127, np.uint8)}  # activations of almost nothing
    quantise_static(graph, tmp_path / "misled.onnx", [black])
    misled = mean_cosine(graph, tmp_path / "misled.onnx", [pixels(7)], "vector")
    assert misled < mean_cosine(graph, twin, [pixels(7)], "vector") - 0.01


@pytest.mark.parametrize("kind", ["text", "image"])
def test_twins_take_any_number_of_rows(request: pytest.FixtureRequest, kind: str) -> None:
    graph, twin = request.getfixturevalue(kind)
    one: Callable[[int], Inputs] = rows if kind == "text" else pixels
    alone = {name: value[:1] for name, value in one(3).items()}
    assert mean_cosine(graph, twin, [alone], "vector") > 0.98


def test_the_cosine_is_the_mean_over_all_rows_and_of_the_named_output(tmp_path: Path) -> None:
    class Turned(torch.nn.Module):
        def __init__(self, degrees: float) -> None:
            super().__init__()
            angle = np.deg2rad(degrees)
            turn = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
            self.turn = torch.tensor(turn, dtype=torch.float32)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            # Rows with a negative first value are not turned; lengths must not count.
            return torch.where(x[:, :1] < 0, 3 * x, x @ self.turn), x

    examples = [{"x": np.array([[1, 2], [-1, 1]], np.float32)}, {"x": np.ones((2, 2), np.float32)}]
    for degrees in (0, 60):
        to_onnx(
            Turned(degrees), examples[0], tmp_path / f"{degrees}.onnx", outputs=("vector", "same")
        )
    pair = tmp_path / "0.onnx", tmp_path / "60.onnx"
    assert mean_cosine(*pair, examples, "vector") == pytest.approx((3 * 0.5 + 1) / 4, abs=1e-6)
    assert mean_cosine(*pair, examples, "same") == pytest.approx(1)


def test_a_row_of_zeros_is_no_division_by_zero(tmp_path: Path) -> None:
    inputs = {"x": np.array([[0, 0], [3, 4]], np.float32)}
    graph = export(tmp_path, torch.nn.ReLU().eval(), inputs)
    assert mean_cosine(graph, graph, [inputs], "vector") == pytest.approx(0.5)


def test_no_advice_is_logged_and_logging_is_as_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    graph = export(tmp_path, words(), rows(0))
    with caplog.at_level(logging.INFO):
        quantise_dynamic(graph, tmp_path / "twin.onnx")
        assert logging.root.level == logging.INFO
    assert caplog.records == []
