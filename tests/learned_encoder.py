"""One learned encoder for a whole test run: MiniLM as it is, and random small parts in place of
what training makes. Nothing changes it."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from marketrank.models import artefact
from marketrank.models.artefact import Description, FusionPart, ImagePart, Source, TextPart

if TYPE_CHECKING:
    import torch

SHARE = 0.4
WIDTH = 32  # of the learned space
ROOTS = 3
SIZE = 64
TEXT_WIDTH = 384


def learned_encoder(temporary: pytest.TempPathFactory) -> Path:
    """The folder, read-only by agreement; made by the first who asks."""
    base = temporary.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "learned-encoders"
    root.mkdir(exist_ok=True)
    with (root / "turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        found = [path.parent for path in root.glob("*/encoder.json")]
        return found[0] if found else root / artefact.write(root, _fill)


def with_share(folder: Path, parent: Path, share: float) -> Path:
    """The same encoder with another share, in a folder of its own in `parent`."""
    described = artefact.read(folder)
    assert described.learned is not None

    def fill(staging: Path) -> Description:
        for name in described.files:
            os.link(folder / name, staging / name)
        return _description(described.text, share)

    return parent / artefact.write(parent, fill)


def fusion() -> "torch.nn.Module":
    """The module that the fusion graph was made from: text (n, WIDTH), photos (n, k, WIDTH) and
    which of them are present (n, k) to vectors and weights."""
    import torch

    from marketrank.models.fusion_head import FusionHead

    class Fusion(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(3)
            self.head = FusionHead(WIDTH)
            with torch.no_grad():
                for value in self.head.parameters():
                    value.mul_(4)  # weights that differ between listings

        def forward(
            self, text: torch.Tensor, photos: torch.Tensor, present: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor]:
            every = torch.ones_like(text[:, 0], dtype=torch.bool)
            return self.head(text, photos, every, present)

    return Fusion().eval()


def _fill(folder: Path) -> Description:
    from marketrank.models import pretrained
    from marketrank.models.export import MAX_TOKENS, TOKEN_AXES, example_pixels, example_tokens
    from marketrank.models.onnx_graphs import check_parity, to_onnx

    tower = pretrained.minilm()

    def write(
        module: "torch.nn.Module",
        name: str,
        outputs: tuple[str, ...],
        example: Callable[[int], Any],
        free: dict[str, tuple[str, ...]] | None = None,
    ) -> None:
        to_onnx(module, example(2), folder / name, outputs=outputs, free=free)
        check_parity(module, folder / name, example(3))

    def tokens(n: int) -> Any:
        return example_tokens(n, 7 * n)

    def pixels(n: int) -> Any:
        return {"pixels": example_pixels(n, SIZE)}

    listings = {"text": ("n",), "photos": ("n", "k"), "present": ("n", "k")}
    write(_text(tower.module), "text.onnx", ("vector", "shared", "roots"), tokens, TOKEN_AXES)
    write(_image(), "image.onnx", ("vector", "roots"), pixels)
    write(fusion(), "fusion.onnx", ("vector", "weights"), _listings, listings)
    (folder / "tokenizer.json").write_bytes(tower.tokenizer)
    text = TextPart(
        "text.onnx", "tokenizer.json", TEXT_WIDTH, MAX_TOKENS, tower.pad_id, tower.source
    )
    return _description(text, SHARE)


def _description(text: TextPart, share: float) -> Description:
    made_up = Source("made up", "0" * 64, "MIT")
    return Description(
        name="small-learned",
        text=text,
        image=ImagePart("image.onnx", WIDTH, SIZE, "none", "none", made_up, crop=True),
        fusion="learned",
        dim=TEXT_WIDTH + WIDTH,
        absent_photo=(),
        files={},
        learned=FusionPart("fusion.onnx", WIDTH, share),
    )


def _listings(n: int) -> dict[str, Any]:
    draw = np.random.default_rng(n)
    return {
        "text": draw.standard_normal((n, WIDTH)).astype(np.float32),
        "photos": draw.standard_normal((n, n + 1, WIDTH)).astype(np.float32),
        "present": draw.random((n, n + 1)) < 0.5,
    }


def _text(tower: "torch.nn.Module") -> "torch.nn.Module":
    """A tower, and beside its vector a linear map of it into the learned space."""
    import torch
    from torch.nn.functional import normalize

    class Text(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(1)
            self.tower = tower
            self.shared = torch.nn.Linear(TEXT_WIDTH, WIDTH, bias=False)
            self.roots = torch.nn.Linear(TEXT_WIDTH, ROOTS)

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
            vector = self.tower(ids, mask)
            return vector, normalize(self.shared(vector), dim=1), self.roots(vector)

    return Text().eval()


def _image() -> "torch.nn.Module":
    """A convolution on pieces of a quarter of the side, and a linear layer."""
    import torch
    from torch.nn.functional import normalize

    class Image(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(2)
            self.pieces = torch.nn.Conv2d(3, 8, SIZE // 4, stride=SIZE // 4)
            self.vector = torch.nn.Linear(8 * 16, WIDTH)
            self.roots = torch.nn.Linear(8 * 16, ROOTS)

        def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            scaled = (pixels.permute(0, 3, 1, 2).to(torch.float32) - 127) / 128
            seen = torch.tanh(4 * self.pieces(scaled)).flatten(1)
            return normalize(self.vector(seen), dim=1), self.roots(seen)

    return Image().eval()
