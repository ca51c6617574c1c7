"""Labels keep their order, and say what they do not know."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.errors import BadInput, Corrupt
from marketrank.models.labels import UNKNOWN, Category, Labels, class_weights, learn_labels

PATHS: list[Category] = [
    ("Home", "Tables"),
    ("Home", "Sofas", "Corner"),
    ("Home", "Sofas"),
    ("Bikes", "Road"),
    ("Bikes",),
    (),
]
CATEGORIES = st.lists(
    st.lists(st.text("ab /é", min_size=1, max_size=3), max_size=3).map(tuple), max_size=30
)


def test_labels_are_sorted_whatever_the_order() -> None:
    labels = learn_labels(PATHS)
    assert labels.names == (("Bikes",), ("Home",))
    assert learn_labels(reversed(PATHS)) == labels
    assert labels.encode(PATHS).tolist() == [1, 1, 1, 0, 0, UNKNOWN]
    assert labels.encode([("Cars",), ("Home", "Lamps")]).tolist() == [UNKNOWN, 1]


def test_deeper_labels_are_paths_and_know_their_parents() -> None:
    roots = learn_labels(PATHS)
    paths = learn_labels(PATHS, depth=2, fewest=1)
    assert paths.names == (("Bikes",), ("Bikes", "Road"), ("Home", "Sofas"), ("Home", "Tables"))
    assert paths.encode(PATHS).tolist() == [3, 2, 2, 1, 0, UNKNOWN]
    assert paths.within(roots).tolist() == [0, 0, 1, 1]


@given(categories=CATEGORIES, depth=st.integers(1, 3))
def test_decoding_undoes_encoding(categories: list[Category], depth: int) -> None:
    try:
        labels = learn_labels(categories, depth=depth, fewest=1)
    except BadInput:
        assert len({category[:depth] for category in categories if category}) < 2
        return
    decoded = labels.decode(labels.encode(categories))
    assert decoded == [category[:depth] for category in categories]


def test_a_code_that_is_none_is_refused() -> None:
    labels = learn_labels(PATHS)
    for code in (2, -2):
        with pytest.raises(BadInput, match=f"code {code}"):
            labels.decode([code])


def test_a_class_with_one_member_is_left_out_and_named(caplog: pytest.LogCaptureFixture) -> None:
    labels = learn_labels([*PATHS, ("Boats", "Sails")])
    assert labels.names == (("Bikes",), ("Home",))
    assert labels.encode([("Boats", "Sails")]).tolist() == [UNKNOWN]
    assert "Boats" in caplog.text
    assert learn_labels([*PATHS, ("Boats",)], fewest=1).names[1] == ("Boats",)


@pytest.mark.parametrize("categories", [[], [()], [("Home",)] * 5, [("Home",)] * 5 + [("Bikes",)]])
def test_fewer_than_two_classes_are_refused(categories: list[Category]) -> None:
    with pytest.raises(BadInput, match="two categories"):
        learn_labels(categories)


def test_labels_come_back_from_their_file(tmp_path: Path) -> None:
    labels = learn_labels(PATHS, depth=3, fewest=1)
    labels.save(tmp_path / "labels.json")
    assert Labels.load(tmp_path / "labels.json") == labels


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"format": 2, "depth": 1, "names": []}',
        b'{"format": 1, "depth": 1}',
        b'{"format": 1, "depth": 1, "names": [["b"], ["a"]]}',
        b'{"format": 1, "depth": 1, "names": [["a"], ["a"]]}',
    ],
)
def test_a_file_that_is_no_labels_is_corrupt(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "labels.json").write_bytes(content)
    with pytest.raises(Corrupt, match=r"labels\.json"):
        Labels.load(tmp_path / "labels.json")


def test_a_missing_file_is_corrupt(tmp_path: Path) -> None:
    with pytest.raises(Corrupt, match="train the model again"):
        Labels.load(tmp_path / "labels.json")


def test_weights_balance_classes() -> None:
    labels = Labels((("a",), ("b",), ("c",)), 1)
    codes = np.array([0, 0, 0, 1, UNKNOWN])
    assert class_weights(codes, labels).tolist() == pytest.approx([2 / 3, 2, 0])
    assert class_weights(codes, labels, power=0).tolist() == pytest.approx([1, 1, 0])
    half = class_weights(codes, labels, power=0.5)
    assert half[1] / half[0] == pytest.approx(3**0.5)
    assert half[codes[:4]].mean() == pytest.approx(1)
    assert class_weights(np.array([UNKNOWN]), labels).tolist() == [0, 0, 0]
