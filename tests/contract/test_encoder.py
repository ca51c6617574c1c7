"""What every Encoder does, and what the default and the learned one promise beyond that."""

import io
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from exported import exported_encoder
from learned_encoder import SHARE, TEXT_WIDTH, WIDTH, fusion, learned_encoder, with_share
from marketrank.errors import BadInput
from marketrank.models import embed_learned
from marketrank.models.embed import OnnxEncoder
from marketrank.models.embed_learned import LearnedEncoder
from marketrank.ports import Encoder
from marketrank.types import Vectors

WEIGHT = 0.36
TABLE = "Solid oak dining table. Seats six, collection only."
BIKE = "Road bike 54cm. Carbon frame, new tyres."
ODD_TEXTS = [
    "",
    " \n\t ",
    "😀🛋️",
    "\x00\ud800 a lone surrogate",
    "椅子 стол كرسي",
    "sofa " * 20_000,
    "x" * 100_000,
    " " * 50_000 + "sofa",
    "a",
]


def photo(seed: int, side: int = 448) -> bytes:
    """Ellipses of a few colours; the same for the same seed."""
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, 256, (5, 5, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


PHOTOS = [photo(seed) for seed in range(6)]
CORRUPT = PHOTOS[0][: len(PHOTOS[0]) // 2]
Open = Callable[[float], OnnxEncoder]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported_encoder(tmp_path_factory)


@pytest.fixture(scope="module")
def learned_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    return learned_encoder(tmp_path_factory)


@pytest.fixture(scope="module")
def learned(learned_folder: Path) -> LearnedEncoder:
    return LearnedEncoder(learned_folder, threads=2)


@pytest.fixture(scope="module", params=["onnx", "learned"])
def encoder(request: pytest.FixtureRequest) -> Encoder:
    encoders: dict[str, Callable[[], Encoder]] = {
        "onnx": lambda: request.getfixturevalue("opened")(WEIGHT),
        "learned": lambda: request.getfixturevalue("learned"),
    }
    return encoders[request.param]()


def one(encoder: Encoder, text: str, *photos: bytes) -> Vectors:
    return encoder.encode_listings([text], [photos])[0]


# Every encoder


def test_vectors_are_unit_float32_rows_as_wide_as_dim(encoder: Encoder) -> None:
    groups = [PHOTOS[: n % 4] for n in range(len(ODD_TEXTS))]
    listings = encoder.encode_listings(ODD_TEXTS, groups)
    assert listings.shape == (len(ODD_TEXTS), encoder.dim)
    queries = [encoder.encode_query(TABLE, None), encoder.encode_query("", PHOTOS[0])]
    queries += [encoder.encode_query(text, PHOTOS[1]) for text in ODD_TEXTS]
    for vectors in (listings, *queries):
        assert vectors.dtype == np.float32
        assert vectors.shape[1] == encoder.dim
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert all(vectors.shape[0] == 1 for vectors in queries)


def test_no_listings_are_no_vectors(encoder: Encoder) -> None:
    assert encoder.encode_listings([], []).shape == (0, encoder.dim)


def test_a_listing_has_the_same_vector_alone_and_among_others(encoder: Encoder) -> None:
    words = ["oak", "table", "bike", "carbon", "sofa", "grey", "lamp", "brass"]
    texts = [" ".join(words[: 1 + n % 8] * (1 + n * 3 % 19)) for n in range(40)]
    groups = [[PHOTOS[(n + i) % 6] for i in range(n % 4)] for n in range(40)]
    together = encoder.encode_listings(texts, groups)
    for n in (0, 7, 19, 38, 39):
        assert np.abs(one(encoder, texts[n], *groups[n]) - together[n]).max() < 1e-5
    backwards = encoder.encode_listings(texts[::-1], groups[::-1])
    assert np.abs(backwards[::-1] - together).max() < 1e-5


def test_photos_count_whatever_their_order(encoder: Encoder) -> None:
    there = one(encoder, TABLE, *PHOTOS[:3])
    assert np.abs(one(encoder, TABLE, *PHOTOS[2::-1]) - there).max() < 1e-5
    assert one(encoder, TABLE, PHOTOS[0]) @ there < 0.999


def test_a_corrupt_photo_is_as_if_it_were_absent(
    encoder: Encoder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        mixed = encoder.encode_listings([TABLE, BIKE], [[CORRUPT], [PHOTOS[1], CORRUPT, PHOTOS[2]]])
    assert sum("absent" in record.message for record in caplog.records) == 2
    clean = encoder.encode_listings([TABLE, BIKE], [[], [PHOTOS[1], PHOTOS[2]]])
    assert np.abs(mixed - clean).max() < 1e-5


def test_queries_find_what_they_describe(encoder: Encoder) -> None:
    listings = encoder.encode_listings([TABLE, BIKE], [[PHOTOS[0]], [PHOTOS[1]]])

    def best(text: str, picture: bytes | None) -> int:
        return int(np.argmax(encoder.encode_query(text, picture) @ listings.T))

    assert best("wooden furniture to eat at", None) == 0
    assert best("bicycle", None) == 1
    assert best("", PHOTOS[0]) == 0
    assert best("", PHOTOS[1]) == 1
    assert best("furniture", PHOTOS[0]) == 0
    assert best("bicycle", PHOTOS[1]) == 1


@pytest.mark.parametrize(("text", "picture"), [("", None), (" \n", None), ("oak", CORRUPT)])
def test_a_query_without_anything_to_encode_is_refused(
    encoder: Encoder, text: str, picture: bytes | None
) -> None:
    with pytest.raises(BadInput, match="query"):
        encoder.encode_query(text, picture)


def test_texts_and_photos_must_be_of_equally_many_listings(encoder: Encoder) -> None:
    with pytest.raises(BadInput, match="2 texts"):
        encoder.encode_listings([TABLE, BIKE], [[]])


def test_threads_may_share_an_encoder(encoder: Encoder) -> None:
    expected = [encoder.encode_query(text, None) for text in (TABLE, BIKE)]
    with ThreadPoolExecutor(4) as pool:
        found = list(
            pool.map(lambda n: encoder.encode_query((TABLE, BIKE)[n % 2], None), range(24))
        )
    for n, vector in enumerate(found):
        assert np.abs(vector - expected[n % 2]).max() < 1e-5


# The default encoder


@pytest.fixture(scope="module")
def opened(folder: Path) -> Open:
    cache: dict[float, OnnxEncoder] = {}

    def open_with(weight: float) -> OnnxEncoder:
        if weight not in cache:
            cache[weight] = OnnxEncoder(folder, photo_weight=weight, threads=2)
        return cache[weight]

    return open_with


def test_text_vectors_are_those_of_the_published_model(opened: Open) -> None:
    """The numbers come from sentence-transformers 6.2 with max_seq_length = 128."""
    texts = [
        "Solid oak dining table, seats six. Collection only.",
        "Road bike 54cm carbon frame",
        "word " * 300,
    ]
    expected = [
        [0.03817159, 0.00222259, -0.0499817, 0.01687969],
        [0.058318, 0.11055743, -0.07614756, -0.03345836],
        [0.01299878, -0.06421726, -0.0287093, 0.01579945],
    ]
    found = opened(0.0).encode_listings(texts, [[], [], []])
    assert np.abs(found[:, :4] - expected).max() < 1e-5


@pytest.mark.parametrize("weight", [0.0, WEIGHT, 1.0])
def test_a_product_is_the_weighted_sum_of_the_cosines(opened: Open, weight: float) -> None:
    encoder = opened(weight)
    words = opened(0.0).encode_listings([TABLE, BIKE], [[], []])
    pictures = opened(1.0).encode_listings(["", ""], [PHOTOS[:2], [PHOTOS[2]]])
    listings = encoder.encode_listings([TABLE, BIKE], [PHOTOS[:2], [PHOTOS[2]]])
    cosines = words[0] @ words[1], pictures[0] @ pictures[1]
    expected = (1 - weight) * cosines[0] + weight * cosines[1]
    assert listings[0] @ listings[1] == pytest.approx(expected, abs=1e-5)
    # What is typed has a graph of its own, whose vectors are only nearly those of listings.
    asked = opened(0.0).encode_query(BIKE, None)[0]
    near = words[0] @ asked
    both = encoder.encode_query(BIKE, PHOTOS[2])
    expected = (1 - weight) * near + weight * cosines[1]
    assert (both @ listings[0])[0] == pytest.approx(expected, abs=1e-5)
    text_only = encoder.encode_query(BIKE, None)
    assert (text_only @ listings[0])[0] == pytest.approx(np.sqrt(1 - weight) * near, abs=1e-5)
    photo_only = encoder.encode_query("", PHOTOS[2])
    assert (photo_only @ listings[0])[0] == pytest.approx(np.sqrt(weight) * cosines[1], abs=1e-5)


def test_what_is_typed_is_embedded_nearly_as_it_would_be_in_a_listing(
    opened: Open, folder: Path
) -> None:
    assert (folder / "queries.onnx").stat().st_size < 0.7 * (folder / "text.onnx").stat().st_size
    typed = ["oak table", "54cm road bike", "sofa", "ikea wardrobe white 2m"]
    listings = opened(0.0).encode_listings(typed, [[]] * len(typed))
    asked = np.concatenate([opened(0.0).encode_query(text, None) for text in typed])
    cosines = (listings * asked).sum(axis=1)
    assert (cosines > 0.999).all()
    assert not (listings == asked).all()
    np.testing.assert_allclose(np.linalg.norm(asked, axis=1), 1, atol=1e-5)


def test_a_text_query_does_not_care_whether_a_listing_has_photos(opened: Open) -> None:
    encoder = opened(WEIGHT)
    listings = encoder.encode_listings([TABLE, TABLE], [[], PHOTOS[:2]])
    scores = (encoder.encode_query("dining table", None) @ listings.T)[0]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)


def test_the_photos_of_a_listing_count_equally_and_a_repeated_one_twice(opened: Open) -> None:
    encoder = opened(1.0)
    single = [one(encoder, "", picture) for picture in PHOTOS[:2]]
    mean = single[0] + single[0] + single[1]
    found = one(encoder, "", PHOTOS[0], PHOTOS[0], PHOTOS[1])
    assert np.abs(found - mean / np.linalg.norm(mean)).max() < 1e-5


def test_common_words_are_known_and_slips_are_not(encoder: Encoder) -> None:
    assert all(map(encoder.knows, ("table", "Boat", "slate")))
    assert not any(map(encoder.knows, ("tabel", "wardobe", "oak table", "", "?", "£", "\ud800")))


def test_vectors_of_different_weights_have_different_versions(opened: Open, folder: Path) -> None:
    versions = {opened(weight).version for weight in (0.0, WEIGHT, 1.0)}
    assert len(versions) == 3
    assert all(version.startswith(folder.name) for version in versions)


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_weight_is_a_share(folder: Path, weight: float) -> None:
    with pytest.raises(BadInput, match="photo_weight"):
        OnnxEncoder(folder, photo_weight=weight, threads=1)


# The learned encoder


def test_the_frozen_part_is_the_published_text_space(
    learned: LearnedEncoder, opened: Open, learned_folder: Path
) -> None:
    frozen = opened(0.0).encode_listings([TABLE, BIKE], [[], []])[:, :TEXT_WIDTH]
    found = learned.encode_listings([TABLE, BIKE], [PHOTOS[:2], []])
    assert np.abs(found[:, :TEXT_WIDTH] - np.sqrt(1 - SHARE) * frozen).max() < 1e-5
    query = learned.encode_query(BIKE, PHOTOS[3])
    assert np.abs(query[0, :TEXT_WIDTH] - np.sqrt(1 - SHARE) * frozen[1]).max() < 1e-5
    assert learned.version == learned_folder.name


def test_a_product_is_the_shared_sum_of_both_spaces(learned: LearnedEncoder, opened: Open) -> None:
    words = opened(0.0).encode_listings([TABLE, BIKE], [[], []])[:, :TEXT_WIDTH]
    titles = learned.embed_titles([TABLE, BIKE])
    pictures, readable = learned.encode_photos(PHOTOS[:3])
    assert readable == [True] * 3
    fused, _ = learned.fuse(titles[:1], pictures[:2], np.array([0, 0]))
    listings = learned.encode_listings([TABLE, BIKE], [PHOTOS[:2], []])

    def product(query: Vectors, listing: int) -> float:
        return float(query[0] @ listings[listing])

    text = learned.encode_query(BIKE, None)
    for row, space in ((0, fused[0]), (1, titles[1])):  # without photos a listing is its text
        expected = (1 - SHARE) * words[1] @ words[row] + SHARE * titles[1] @ space
        assert product(text, row) == pytest.approx(expected, abs=1e-5)
    photo_only = learned.encode_query("", PHOTOS[2])
    expected = np.sqrt(SHARE) * pictures[2] @ fused[0]
    assert product(photo_only, 0) == pytest.approx(expected, abs=1e-5)
    both, _ = learned.fuse(titles[1:], pictures[2:], np.array([0]))
    expected = (1 - SHARE) * words[1] @ words[0] + SHARE * both[0] @ fused[0]
    assert product(learned.encode_query(BIKE, PHOTOS[2]), 0) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.9, 1.0])
def test_the_share_is_that_of_the_folder(
    learned: LearnedEncoder, learned_folder: Path, tmp_path: Path, share: float
) -> None:
    other = LearnedEncoder(with_share(learned_folder, tmp_path, share), threads=1)
    (found,) = other.encode_listings([TABLE], [PHOTOS[:1]])
    (reference,) = learned.encode_listings([TABLE], [PHOTOS[:1]])
    for part, weight, was in (
        (slice(TEXT_WIDTH), 1 - share, 1 - SHARE),
        (slice(TEXT_WIDTH, None), share, SHARE),
    ):
        expected = reference[part] * np.sqrt(weight / was)
        assert np.abs(found[part] - expected).max() < 1e-5
    assert other.version != learned.version


@pytest.mark.parametrize("at_once", [1, 3, 1024])
def test_listings_are_fused_as_by_the_module(
    learned: LearnedEncoder, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """However many at once, and whether they have photos or not."""
    import torch

    monkeypatch.setattr(embed_learned, "_ROWS_AT_ONCE", at_once)
    counts = [0, 2, 0, 0, 5, 1, 0]
    draw = np.random.default_rng(8)
    shared, pictures = (draw.normal(size=(n, WIDTH)).astype(np.float32) for n in (7, 8))
    shared /= np.linalg.norm(shared, axis=1, keepdims=True)
    pictures /= np.linalg.norm(pictures, axis=1, keepdims=True)
    vectors, weights = learned.fuse(shared, pictures, np.repeat(np.arange(7), counts))

    module, start = fusion(), 0
    for row, count in enumerate(counts):
        own = np.zeros((1, 6, WIDTH), np.float32)
        own[0, :count] = pictures[start : start + count]
        start += count
        inputs = (shared[[row]], own, (np.arange(6) < count)[np.newaxis])
        with torch.no_grad():
            expected = [one[0].numpy() for one in module(*map(torch.from_numpy, inputs))]
        assert np.abs(vectors[row] - expected[0]).max() < 1e-5
        assert np.abs(weights[row] - expected[1]).max() < 1e-5
    bare = np.array(counts) == 0
    assert (weights[bare] == [1, 0]).all()
    assert np.abs(vectors[bare] - shared[bare]).max() < 1e-6
    assert len({round(float(weight), 3) for weight in weights[~bare, 0]}) == 3


def test_photos_lose_their_bars_before_they_are_looked_at(learned: LearnedEncoder) -> None:
    whole = Image.open(io.BytesIO(PHOTOS[0]))
    framed = Image.new("RGB", (448, 704))
    framed.paste(whole, (0, 128))
    out = io.BytesIO()
    framed.save(out, "JPEG", quality=95)
    vectors, _ = learned.encode_photos([PHOTOS[0], out.getvalue(), PHOTOS[1]])
    assert vectors[0] @ vectors[1] > 0.99
    assert vectors[0] @ vectors[2] < 0.9


def test_towers_also_say_which_category_they_see(learned: LearnedEncoder) -> None:
    words = learned.read([TABLE, BIKE])
    assert {name: value.shape for name, value in words.items()} == {
        "vector": (2, TEXT_WIDTH),
        "shared": (2, WIDTH),
        "roots": (2, 3),
    }
    assert (words["shared"] == learned.embed_titles([TABLE, BIKE])).all()
    seen, readable = learned.look_at([CORRUPT, PHOTOS[0]])
    assert readable.tolist() == [False, True]
    assert not any(value[0].any() for value in seen.values())
    assert np.abs(seen["vector"] - learned.encode_photos([CORRUPT, PHOTOS[0]])[0]).max() == 0
    assert seen["roots"].shape == (2, 3)
