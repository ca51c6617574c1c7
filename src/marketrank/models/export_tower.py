"""A trained buyer tower as files: its graph, checked against torch, and its weights. Needs the
extra [train]."""

from pathlib import Path

import numpy as np
from safetensors.torch import save_file

from marketrank.models.buyer_tower import BuyerTower
from marketrank.models.onnx_graphs import check_parity, to_onnx
from marketrank.models.published_tower import GRAPH, WEIGHTS

_AXES = {
    "history": ("n", "events"),
    "signs": ("n", "events"),
    "present": ("n", "events"),
    "attributes": ("n",),
    "place": ("n",),
}


def export_tower(folder: Path, model: BuyerTower, *, seed: int = 0) -> float:
    """Write `tower.onnx` and `weights.safetensors`; returns the largest difference between the
    graph and torch. Raises Corrupt where that is too large."""
    model.eval()
    rng = np.random.default_rng(seed)
    traced = _sample(model, rng, rows=2, events=3)
    to_onnx(model, traced, folder / GRAPH, outputs=("point",), free=_AXES)
    state = {name: value.detach().contiguous() for name, value in model.state_dict().items()}
    save_file(state, str(folder / WEIGHTS))
    # Other sizes than those it was traced with, and none at all of a history.
    samples = [_sample(model, rng, rows=5, events=7), _sample(model, rng, rows=1, events=1)]
    samples[1]["present"][:] = False
    return max(check_parity(model, folder / GRAPH, sample) for sample in samples)


def _sample(
    model: BuyerTower, rng: np.random.Generator, *, rows: int, events: int
) -> dict[str, np.ndarray]:
    shape = model.shape
    history = rng.standard_normal((rows, events, shape.width), np.float32)
    history /= np.linalg.norm(history, axis=2, keepdims=True)
    attributes = [rng.integers(0, n, rows) for n in shape.values]
    return {
        "history": history,
        "signs": rng.random((rows, events, shape.signs), np.float32),
        "present": rng.random((rows, events)) < 0.7,
        "attributes": np.array(attributes, np.int64).reshape(len(shape.values), rows).T.copy(),
        "place": rng.standard_normal((rows, shape.place_width), np.float32) / 8,
    }
