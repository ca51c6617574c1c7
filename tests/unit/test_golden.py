"""Golden queries: an index with another encoder, or with vectors that are none, is refused."""

from pathlib import Path

import numpy as np
import orjson
import pytest

from hashed_encoder import HashedEncoder
from marketrank.errors import Corrupt
from marketrank.retrieval import golden
from marketrank.retrieval.vector_index import Base, build
from marketrank.types import Vectors

N = 400
TITLES = {key: f"zebra{key} okapi{key} quagga{key}" for key in range(N)}
SOME = {key: TITLES[key] for key in range(0, N, 20)}
KEYS = np.arange(N)


class Other(HashedEncoder):
    """Another model of the same width."""

    def _encode(self, texts: list[str]) -> Vectors:  # type: ignore[override]
        return np.ascontiguousarray(super()._encode(texts)[:, ::-1])


def index_of(folder: Path, encoder: HashedEncoder) -> Base:
    vectors = encoder.encode_listings(list(TITLES.values()), [[]] * N)
    build(folder, KEYS, vectors, exact_below=10_000)
    return Base.open(folder)


def test_what_was_written_down_is_found_again(tmp_path: Path) -> None:
    encoder = HashedEncoder(dim=128)
    index = index_of(tmp_path / "index", encoder)
    golden.record(tmp_path / "index", index, encoder, SOME, "hashed")
    golden.check(tmp_path / "index", index, encoder, encoder.version, KEYS)
    written = orjson.loads((tmp_path / "index" / golden.FILE).read_bytes())
    assert [one["own"] for one in written["queries"]] == list(SOME)
    assert {len(one["keys"]) for one in written["queries"]} == {10}


def test_another_query_tower_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden, "DEPTH", 10)  # by chance a title is among a hundred of so few
    encoder, other = HashedEncoder(dim=128), Other(dim=128)  # of the same name
    index = index_of(tmp_path / "index", encoder)
    golden.record(tmp_path / "index", index, encoder, SOME, "hashed")
    with pytest.raises(Corrupt, match="do not belong together"):
        golden.check(tmp_path / "index", index, other, other.version, KEYS)
    named = HashedEncoder("renamed", dim=128)
    with pytest.raises(Corrupt, match="is of hashed, the release of renamed"):
        golden.check(tmp_path / "index", index, named, named.version, KEYS)
    with pytest.raises(Corrupt, match="titles find their listing"):
        golden.record(tmp_path / "index", index, other, SOME, "other")


def test_an_index_of_an_earlier_version_has_none(tmp_path: Path) -> None:
    encoder = HashedEncoder(dim=128)
    index = index_of(tmp_path / "index", encoder)
    golden.check(tmp_path / "index", index, encoder, encoder.version, KEYS)
    (tmp_path / "index" / golden.FILE).write_bytes(b"{")
    with pytest.raises(Corrupt, match=r"golden\.json cannot be read"):
        golden.check(tmp_path / "index", index, encoder, encoder.version, KEYS)


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (np.full((2, 4), np.nan), "not finite"),
        (np.full((2, 4), 1.0), "length 2"),
        (np.full((2, 3), 0.5), r"shape \(2, 3\)"),
        (np.zeros((2, 4)), "length 0"),
    ],
)
def test_vectors_that_are_none(vectors: np.ndarray, said: str) -> None:
    with pytest.raises(Corrupt, match=f"the thing.*{said}"):
        golden.check_vectors(vectors.astype(np.float32), dim=4, of="the thing")
    golden.check_vectors(np.full((2, 4), 0.5, np.float32), dim=4, of="the thing")
    golden.check_vectors(np.empty((0, 4), np.float32), dim=4, of="the thing")


def test_an_index_that_loses_what_was_put_into_it(tmp_path: Path) -> None:
    encoder = HashedEncoder(dim=128)
    index_of(tmp_path / "index", encoder)
    vectors = encoder.encode_listings(list(TITLES.values()), [[]] * N)
    golden.check_own(tmp_path / "index", KEYS, vectors, 20)
    with pytest.raises(Corrupt, match="does not find listing key"):
        golden.check_own(tmp_path / "index", KEYS, np.roll(vectors, 1, axis=0), 20)
