"""Rows and TF-IDF against scikit-learn and dense matrices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from marketrank.errors import BadInput
from marketrank.models import tfidf
from marketrank.models.tfidf import Rows, dense, join, learn_terms, learn_tfidf, to_scipy

CORPUS = [
    "Solid oak table, seats six",
    "oak table and six chairs",
    "Road bike 54cm",
    "bike for a child, 16 inch",
    "Café chairs – six of them",
    "a I x",
    "",
]
TEXT = st.one_of(st.text(max_size=30), st.lists(st.sampled_from(CORPUS)).map(" \n\t ".join))
PARTS = st.lists(st.lists(st.sampled_from("abc"), max_size=5), min_size=1, max_size=8)


def full(rows: Rows) -> np.ndarray:
    return np.asarray(to_scipy(rows).toarray())


@pytest.mark.parametrize(
    ("analyser", "sklearn_analyser", "grams"),
    [("words", "word", (1, 2)), ("letters", "char_wb", (2, 5)), ("letters", "char_wb", (3, 3))],
)
def test_rows_are_those_of_scikit_learn(
    analyser: str, sklearn_analyser: str, grams: tuple[int, int]
) -> None:
    theirs = TfidfVectorizer(
        analyzer=sklearn_analyser, ngram_range=grams, min_df=2, sublinear_tf=True
    ).fit(CORPUS)
    ours = learn_tfidf(CORPUS, analyser=analyser, shortest=grams[0], longest=grams[1], fewest=2)

    @given(texts=st.lists(TEXT, min_size=1, max_size=5))
    def check(texts: list[str]) -> None:
        rows = ours.rows(texts)
        assert full(rows) == pytest.approx(theirs.transform(texts).toarray(), abs=1e-6)

    check()
    assert full(ours.rows(["oak chairs"])).any()
    assert len(ours.rows([])) == 0


@given(left=PARTS, data=st.data())
def test_joined_rows_are_side_by_side(left: list[list[str]], data: st.DataObject) -> None:
    n = len(left)
    right = data.draw(st.lists(st.lists(st.sampled_from("ab")), min_size=n, max_size=n))
    one = learn_terms(["abc"], fewest=1).rows(left)
    other = learn_terms(["ab"], fewest=1).rows(right)
    numbers = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    joined = join([one, other, dense(numbers)])
    assert full(joined).tolist() == np.hstack([full(one), full(other), numbers]).tolist()
    assert full(one).tolist() == [[float(row.count(term)) for term in "abc"] for row in left]


@given(left=PARTS)
def test_products_are_those_of_dense_matrices(left: list[list[str]]) -> None:
    rows = learn_terms(["abc"], fewest=1).rows([*left, [], *left])
    weights = np.array([[1, -2], [0.5, 3], [7, 0]], np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tfidf, "_ROWS_AT_ONCE", 3)
        assert rows.dot(weights) == pytest.approx(full(rows) @ weights)


def test_rare_terms_are_not_learned() -> None:
    assert learn_terms(["ab", "bc", "bb"], fewest=2).names == ("b",)


@pytest.mark.parametrize("texts", [[], ["oak"], ["oak", "pine"], ["", ""]])
def test_texts_that_share_no_word_are_refused(texts: list[str]) -> None:
    with pytest.raises(BadInput, match="ingest more listings"):
        learn_tfidf(texts, analyser="words", shortest=1, longest=1, fewest=2)
