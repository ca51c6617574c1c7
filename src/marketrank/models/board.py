"""What trainings show in TensorBoard besides curves (`training_loop` writes those)."""

import logging
import math
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from marketrank.errors import BadInput
from marketrank.types import Vectors

if TYPE_CHECKING:
    import torch

MOST_ROWS = 2_000
"""More points the projector's t-SNE, which runs in the browser, does not move smoothly."""
_LARGEST_SPRITE = 8_192  # pixels a side that browsers take as one texture
_NAME = "vectors"

_log = logging.getLogger(__name__)


def write_projector(
    folder: Path,
    vectors: Vectors,
    labels: Sequence[str],
    thumbnails: NDArray[np.uint8] | None = None,
) -> None:
    """Write `vectors` (n, dim), their labels, and photos (n, s, s, 3) where given, for
    TensorBoard's embedding projector: tab-separated text, one PNG and a small configuration.

    Of more than MOST_ROWS rows, that many are taken at even distances. What an earlier call wrote
    into the folder is replaced. Without TensorBoard nothing is written, and a log line says so.
    Raises BadInput where the numbers of rows differ or are 0.
    """
    counts = {len(vectors), len(labels), len(labels if thumbnails is None else thumbnails)}
    if len(counts) > 1 or not len(vectors) or vectors.ndim != 2:
        raise BadInput(
            f"vectors of shape {vectors.shape} came with {len(labels)} labels and "
            f"{'no' if thumbnails is None else len(thumbnails)} photos; give one of each a row, "
            "one row or more"
        )
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        _log.info("no TensorBoard: pip install tensorboard shows vectors in its projector")
        return
    rows = np.linspace(0, len(vectors) - 1, min(len(vectors), MOST_ROWS)).round().astype(np.int64)
    if len(rows) < len(vectors):
        _log.info("the projector shows %d of %d vectors", len(rows), len(vectors))
    shutil.rmtree(folder / "00000" / _NAME, ignore_errors=True)  # what add_embedding writes to
    writer = SummaryWriter(str(folder))
    try:
        writer.add_embedding(
            np.ascontiguousarray(vectors[rows], dtype=np.float32),
            metadata=[_one_line(labels[row]) for row in rows],
            label_img=None if thumbnails is None else _pictures(thumbnails[rows]),
            tag=_NAME,
        )
    finally:
        writer.close()


def _one_line(label: str) -> str:
    """A tab or a line break would be a new column or row, and the projector skips empty rows: all
    later labels would be those of other points."""
    return " ".join(label.split()) or "(none)"


def _pictures(thumbnails: NDArray[np.uint8]) -> "torch.Tensor":
    """float32 (n, 3, s, s) in [0, 1], of a size at which all fit into one texture."""
    import torch

    fits = _LARGEST_SPRITE // math.ceil(math.sqrt(len(thumbnails)))
    if thumbnails.shape[1] > fits:
        small = [Image.fromarray(one).resize((fits, fits)) for one in thumbnails]
        thumbnails = np.stack([np.asarray(one) for one in small])
    scaled = np.ascontiguousarray(thumbnails.transpose(0, 3, 1, 2), dtype=np.float32) / 255
    return torch.from_numpy(scaled)
