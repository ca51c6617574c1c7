import numpy as np
import pytest

pytest.importorskip("sklearn")

from marketrank.models.labels import UNKNOWN
from marketrank.models.text_teacher import text_beliefs


def told(n: int = 90) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Texts that say their category, of three, each listing a leak group."""
    draw = np.random.default_rng(5)
    codes = draw.integers(0, 3, n)
    texts = np.eye(3)[codes] + 0.1 * draw.standard_normal((n, 3))
    return texts, codes, np.arange(n)


def test_texts_that_tell_are_believed() -> None:
    texts, codes, groups = told()
    beliefs = text_beliefs(texts, codes, groups, 3)
    assert beliefs.shape == (90, 3)
    assert beliefs.dtype == np.float32
    assert beliefs.sum(1) == pytest.approx(np.ones(90))
    assert (beliefs.argmax(1) == codes).all()
    assert beliefs.max() < 1


def test_nobody_is_taught_by_their_own_answer() -> None:
    """A listing filed wrongly is believed to be what its text says; its copy cannot object."""
    texts, codes, groups = told()
    wrong = codes.copy()
    wrong[:2] = (codes[:2] + 1) % 3
    texts[1] = texts[0]
    groups[1] = groups[0]
    assert text_beliefs(texts, wrong, groups, 3)[0].argmax() == codes[0]
    apart = text_beliefs(texts, wrong, np.arange(90), 3)[0]
    assert apart.argmax() == codes[0]


def test_unknown_categories_teach_nothing_but_are_told() -> None:
    texts, codes, groups = told()
    hidden = codes.copy()
    hidden[::3] = UNKNOWN
    hidden[codes == 2] = UNKNOWN
    beliefs = text_beliefs(texts, hidden, groups, 3)
    assert (beliefs[:, 2] == 0).all()
    rows = (codes != 2) & (hidden == UNKNOWN)
    assert (beliefs[rows].argmax(1) == codes[rows]).all()


@pytest.mark.parametrize("lacking", ["groups", "categories"])
def test_where_others_cannot_teach_a_listing_is_what_it_is_filed_as(lacking: str) -> None:
    texts, codes, groups = told(6)
    if lacking == "groups":
        groups[:] = 4
    else:
        codes[:] = 1
    codes[0] = UNKNOWN
    beliefs = text_beliefs(texts, codes, groups, 3)
    assert (beliefs[0] == 0).all()
    assert (beliefs[1:] == np.eye(3)[codes[1:]]).all()
