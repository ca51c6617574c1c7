"""A picture with words."""

import numpy as np
import pytest

from marketrank.retrieval.refine import refined

SHOWN = np.array([[1, 0, 0]], np.float32)
WORDS = np.array([[0, 1, 0]], np.float32)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 1.0])
def test_the_share_of_the_words(share: float) -> None:
    mixed = refined(SHOWN, WORDS, share)
    assert np.linalg.norm(mixed) == pytest.approx(1)
    assert mixed[0, 1] * (1 - share) == pytest.approx(mixed[0, 0] * share)


def test_opposites_leave_what_is_shown() -> None:
    assert np.array_equal(refined(SHOWN, -SHOWN, 0.5), SHOWN)
