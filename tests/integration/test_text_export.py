"""The text classifier of a version: in 8 bits where that says nearly the same, else in full."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("onnx")

from marketrank.models import export_learned  # noqa: E402
from marketrank.models.text_states import padded, tokenise  # noqa: E402
from marketrank.models.text_tuner import TextClassifier, TextRecipe  # noqa: E402
from marketrank.models.towers import TextEncoder  # noqa: E402
from small_bert import small_mpnet  # noqa: E402

AS_MANY = 30_600  # as the ids of `example_tokens`, which are those of a real vocabulary
TEXTS = ("oak table", "road bike oak table boxed", "smart phone", "used old table", "bike " * 200)


@pytest.fixture(scope="module")
def classifier() -> TextClassifier:
    torch.manual_seed(3)
    return TextClassifier(small_mpnet(AS_MANY), TextRecipe(frozen=1), (3, 6)).eval()


def write(folder: Path, classifier: TextClassifier) -> tuple[dict[str, float], np.ndarray]:
    """How the graphs agree with torch, and what the one that was kept says of TEXTS."""
    parity: dict[str, float] = {}
    part = export_learned._write_classifier(folder, classifier, TEXTS, parity)
    assert {path.name for path in folder.iterdir()} == {"text.onnx", "tokenizer.json"}
    return parity, TextEncoder(folder, part, threads=1).outputs(TEXTS)["roots"]


def by_torch(classifier: TextClassifier) -> np.ndarray:
    ids, mask = padded(tokenise(classifier.tower, TEXTS), 0, device=torch.device("cpu"))
    with torch.inference_mode():
        roots: np.ndarray = classifier(ids, mask)[0].numpy()
    return roots


def test_a_classifier_is_kept_in_8_bits(tmp_path: Path, classifier: TextClassifier) -> None:
    parity, said = write(tmp_path, classifier)
    assert set(parity) == {"tuned_text_fp32", "tuned_text_int8"}
    assert parity["tuned_text_fp32"] < 1e-4
    assert 0.999 <= parity["tuned_text_int8"] < 1
    expected = by_torch(classifier)
    assert 1e-5 < np.abs(said - expected).max() < 0.05


def test_what_8_bits_would_change_is_kept_in_full(
    tmp_path: Path,
    classifier: TextClassifier,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(export_learned, "NEAR", 1.1)
    parity, said = write(tmp_path, classifier)
    assert set(parity) == {"tuned_text_fp32"}
    assert "texts are classified in full: in 8 bits logits have a cosine of" in caplog.text
    np.testing.assert_allclose(said, by_torch(classifier), atol=1e-4)
