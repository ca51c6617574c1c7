"""Duplicates by text and photo: every rule once, and properties against brute force."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketrank.listings.dedupe import find_duplicates, leak_groups
from marketrank.listings.same_photos import MOST_THINGS
from marketrank.types import BlobKey, Duplicate, ImageId, Listing, ListingId, Photo

T0 = datetime(2024, 3, 1, 12, tzinfo=UTC)
TEXT = (
    "solid oak dining table with four chairs from a clean home some light marks on the top but "
    "very sturdy it comes apart for transport and must be collected from the house by friday"
)
WORDS = TEXT.split()
PHASH = 0x5A3C_96E1_0F78_D2B4  # half of its bits set, as those of a real picture are


def listing(
    id: str, title: str = "Oak table", description: str = "", *photos: Photo, day: int | None = None
) -> Listing:
    at = None if day is None else T0 + timedelta(days=day)
    return Listing(ListingId(id), title, description, photos=photos, created_at=at)


def photo(blob: str, *, source: str = "", phash: int = 0) -> Photo:
    return Photo(ImageId(f"i{blob}"), 0, BlobKey(blob), source or f"source {blob}", 9, 9, phash)


def links(*listings: Listing) -> list[tuple[str, str, str]]:
    return [(one.listing, one.of, one.kind) for one in find_duplicates(listings)]


def replaced(words: Sequence[str], count: int, mark: str = "x") -> str:
    """The text with `count` words replaced, far enough apart to break three shingles each."""
    changed = list(words)
    for number in range(count):
        changed[3 + 5 * number] = f"{mark}{number}"
    return " ".join(changed)


# Exact texts.


def test_the_same_words_are_an_exact_text() -> None:
    one = listing("1", "Oak Table!", "As new…  Collection only", day=1)
    two = listing("2", "oak table", "as new - collection ONLY.", day=2)
    assert find_duplicates([one, two]) == [
        Duplicate(ListingId("2"), ListingId("1"), "exact_text", 1.0)
    ]


def test_words_do_not_move_between_title_and_description() -> None:
    assert links(listing("1", "Oak table", "as new"), listing("2", "Oak", "table as new")) == []


def test_texts_without_words_are_told_apart() -> None:
    assert links(listing("1", "🙂"), listing("2", "🙃")) == []
    assert links(listing("1", "🙂"), listing("2", "🙂")) == [("2", "1", "exact_text")]


@pytest.mark.parametrize(
    ("days", "earliest"),
    [
        ((3, 1, 2), "b"),
        ((None, 5, 4), "c"),  # a listing without a time comes after all others
        ((None, None, None), "a"),  # then the id decides
        ((2, 2, 2), "a"),
    ],
)
def test_all_are_linked_to_the_earliest(days: tuple[int | None, ...], earliest: str) -> None:
    group = [listing(id, day=day) for id, day in zip("abc", days, strict=True)]
    assert links(*group) == [(id, earliest, "exact_text") for id in "abc" if id != earliest]


# Near texts.


def test_a_text_with_few_changes_is_near() -> None:
    long = WORDS * 2
    changed = " ".join(["yes", *long, "thanks"])
    [found] = find_duplicates(
        [listing("1", description=" ".join(long)), listing("2", description=changed)]
    )
    assert (found.listing, found.of, found.kind) == ("2", "1", "near_text")
    assert 0.8 <= found.score < 1


def test_the_threshold_is_on_the_true_similarity() -> None:
    base = listing("1", description=" ".join(WORDS))
    above = listing("2", description=replaced(WORDS, 1))
    below = listing("3", description=replaced(WORDS, 2))
    assert jaccard(base, above) >= 0.8 > jaccard(base, below) > 0.6
    assert links(base, above) == [("2", "1", "near_text")]
    assert links(base, below) == []


def test_a_short_text_must_repeat_exactly() -> None:
    one, two = (listing(id, "Oak", f"desk as {word}") for id, word in (("1", "new"), ("2", "new!")))
    assert links(one, two) == [("2", "1", "exact_text")]
    # Five words: with their order changed in the title only, a shingle set would be equal.
    assert (
        links(listing("1", "oak oak", "oak oak oak"), listing("2", "oak oak oak", "oak oak")) == []
    )
    assert links(
        listing("1", "oak oak", "oak oak oak oak"), listing("2", "oak oak oak", "oak oak oak")
    ) == [("2", "1", "near_text")]


@pytest.mark.parametrize(
    ("title", "same"),
    [
        ("Apex washing machine fully serviced with warranty", True),
        ("With warranty: washing machine, fully serviced (Apex)", True),
        ("Apex washing machine fully serviced with warranty white", True),  # one word more
        ("Zenith washing machine fully serviced with warranty", False),  # another brand
        ("Apex washing machine fully serviced with warranty 9", False),  # another number
        ("Apex washing machine", False),  # too much is missing
    ],
)
def test_a_shops_boilerplate_is_not_a_duplicate(title: str, same: bool) -> None:
    shop = " ".join(f"phrase{n}" for n in range(150))
    one = listing("1", "Apex washing machine fully serviced with warranty", shop)
    two = listing("2", title, shop + " thanks")
    assert links(one, two) == ([("2", "1", "near_text")] if same else [])


def test_a_near_group_is_linked_to_its_earliest_with_its_weakest_step() -> None:
    texts = [replaced(WORDS * 3, n) for n in (0, 2, 4)]
    one, two, three = (listing(str(n), description=text, day=n) for n, text in enumerate(texts))
    steps = [jaccard(one, two), jaccard(two, three)]
    assert min(steps) >= 0.8 > jaccard(one, three)
    found = find_duplicates([one, two, three])
    assert [(link.listing, link.of) for link in found] == [("1", "0"), ("2", "0")]
    assert found[1].score == pytest.approx(min(steps))


def test_copies_of_a_near_text_are_linked_once() -> None:
    first = listing("1", description=" ".join(WORDS), day=1)
    near, copy = (listing(str(n), description=replaced(WORDS, 1), day=n) for n in (2, 3))
    assert links(first, near, copy) == [("2", "1", "near_text"), ("3", "2", "exact_text")]


def test_a_crowd_of_alike_texts_is_still_linked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketrank.listings.same_texts._CROWD", 3)
    crowd = [listing(f"{n:02}", description=" ".join([*WORDS * 2, f"c{n}"])) for n in range(12)]
    assert links(*crowd) == [(one.id, "00", "near_text") for one in crowd[1:]]


# Photos.


def test_the_same_bytes_or_source_are_an_exact_photo() -> None:
    one = listing("1", "Oak table", "", photo("a", source="s1"))
    bytes_ = listing("2", "Garden chair", "", photo("z"), photo("a", source="s2"))
    source = listing("3", "Red lamp", "", photo("c", source="s1"))
    other = listing("4", "Blue lamp", "", photo("d"))
    assert links(one, bytes_, source, other) == [
        ("2", "1", "exact_photo"),
        ("3", "1", "exact_photo"),
    ]


def test_a_listing_that_repeats_its_own_photo_is_not_a_duplicate() -> None:
    twice = listing("1", "Oak table", "", photo("a", phash=PHASH), photo("b", phash=PHASH))
    assert links(twice, replace(twice, id=ListingId("0"), title="Lamp", photos=())) == []


@pytest.mark.parametrize(("bits", "near"), [(0, True), (1, True), (4, True), (5, False)])
def test_photos_are_near_up_to_four_bits(bits: int, near: bool) -> None:
    generator = random.Random(bits)
    for trial in range(40):
        changed = flipped(PHASH, generator.sample(range(64), bits))
        one = listing("1", "Oak table", "", photo("a", phash=PHASH))
        two = listing("2", "Garden chair", "", photo("b", phash=changed))
        expected = [Duplicate(two.id, one.id, "near_photo", 1 - bits / 64)] if near else []
        assert find_duplicates([one, two]) == expected, trial


def test_a_group_of_near_photos_is_connected_by_its_strongest_steps() -> None:
    looks = (PHASH, flipped(PHASH, [0, 1]), flipped(PHASH, [0, 1, 2, 3]))
    group = [
        listing(str(n), title, "", photo(f"b{n}", phash=look))
        for n, (title, look) in enumerate(zip(("Lamp", "Chair", "Bike"), looks, strict=True))
    ]
    found = find_duplicates(group)
    assert [(one.listing, one.of, one.score) for one in found] == [
        ("1", "0", 1 - 2 / 64),
        ("2", "0", 1 - 2 / 64),
    ]


def test_a_plain_picture_is_not_near_another() -> None:
    for plain in (0, -(1 << 63), 0x0000_8080_0000_8080):
        one = listing("1", "Oak table", "", photo("a", phash=plain))
        assert links(one, listing("2", "Red lamp", "", photo("b", phash=plain))) == []


def test_an_exact_photo_is_not_told_again_as_near() -> None:
    one = listing("1", "Oak table", "", photo("a", phash=PHASH), photo("b", phash=PHASH ^ 1))
    two = listing("2", "Red lamp", "", photo("a", phash=PHASH), photo("c", phash=PHASH ^ 2))
    assert links(one, two) == [("2", "1", "exact_photo")]


@pytest.mark.parametrize("kind", ["exact_photo", "near_photo"])
def test_a_stock_photo_is_not_a_duplicate(kind: str) -> None:
    things = ["Oak table", "Red lamp", "Garden chair", "Road bike", "Winter coat", "Drum kit"]

    def shown(number: int, title: str) -> Listing:
        blob = "sign" if kind == "exact_photo" else f"sign {number}"
        return listing(str(number), title, "", photo(blob, phash=flipped(PHASH, [number % 4])))

    few = [shown(n, title) for n, title in enumerate(things[:MOST_THINGS])]
    many = [shown(n, title) for n, title in enumerate(things[: MOST_THINGS + 1])]
    reposts = [shown(n, f"Oak table with oak chairs, offer w{n}") for n in range(12)]
    assert {found for _, _, found in links(*few)} == {kind}
    assert links(*many) == []
    assert len(links(*reposts)) == 11


# Properties.

_word = st.sampled_from(WORDS[:12])
_texts = st.lists(_word, max_size=14).map(" ".join)
_hashes = st.integers(0, 63).map(lambda bit: PHASH ^ 1 << bit) | st.just(PHASH)
_photos = st.builds(
    lambda blob, source, phash: photo(blob, source=source, phash=signed(phash)),
    st.sampled_from("abcdef"),
    st.sampled_from("stuvwx"),
    _hashes,
)
_markets = st.lists(
    st.builds(
        lambda title, description, photos, day: (title, description, photos, day),
        st.lists(_word, min_size=1, max_size=4).map(" ".join),
        _texts,
        st.lists(_photos, max_size=2),
        st.none() | st.integers(0, 3),
    ),
    max_size=12,
).map(
    lambda rows: [
        listing(f"{n:02}", title, description, *photos, day=day)
        for n, (title, description, photos, day) in enumerate(rows)
    ]
)


@given(_markets, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_input_does_not_matter(market: list[Listing], rng: random.Random) -> None:
    shuffled = rng.sample(market, len(market))
    found = find_duplicates(market)
    assert find_duplicates(shuffled) == found
    assert leak_groups(shuffled, found) == leak_groups(market, found)


@given(_markets)
@settings(max_examples=60, deadline=None)
def test_links_point_to_the_earliest_and_form_stars(market: list[Listing]) -> None:
    def age(id: ListingId) -> tuple[bool, datetime, str]:
        at = next(one.created_at for one in market if one.id == id)
        return at is None, at or T0, id

    found = find_duplicates(market)
    assert len({(link.listing, link.kind) for link in found}) == len(found)
    for link in found:
        assert age(link.of) < age(link.listing)
        assert 0 < link.score <= 1
        assert not any(other.kind == link.kind and other.listing == link.of for other in found), (
            "the earliest of a group repeats nobody of its kind"
        )


@given(_markets)
@settings(max_examples=60, deadline=None)
def test_exact_texts_are_always_together(market: list[Listing]) -> None:
    found = {link.listing: link.of for link in find_duplicates(market) if link.kind == "exact_text"}
    groups: dict[tuple[str, str], set[ListingId]] = defaultdict(set)
    for one in market:
        groups[one.title, one.description].add(found.get(one.id, one.id))
    assert all(len(earliest) == 1 for earliest in groups.values())
    assert len({min(earliest) for earliest in groups.values()}) == len(groups)


@given(_markets)
@settings(max_examples=60, deadline=None)
def test_leak_groups_hold_whatever_is_shared(market: list[Listing]) -> None:
    found = find_duplicates(market)
    groups = leak_groups(market, found)
    assert groups.keys() == {one.id for one in market}
    for link in found:
        assert groups[link.listing] == groups[link.of]
    for one in market:
        assert groups[ListingId(groups[one.id])] == groups[one.id]
        for other in market:
            same_photo = any(
                a.blob == b.blob or a.source_sha256 == b.source_sha256 or a.phash == b.phash
                for a in one.photos
                for b in other.photos
            )
            same_words = one.description == other.description and len(one.description.split()) > 5
            if same_photo or same_words:
                assert groups[one.id] == groups[other.id]


@pytest.mark.parametrize("seed", range(5))
def test_near_texts_are_those_that_brute_force_finds(seed: int) -> None:
    rng = random.Random(seed)
    market = _noisy_market(rng)
    found = find_duplicates(market)
    of = {link.listing: link.of for link in found}

    def earliest(id: ListingId) -> ListingId:
        return earliest(of[id]) if id in of else id

    near = [
        (one.id, other.id)
        for n, one in enumerate(market)
        for other in market[n + 1 :]
        if jaccard(one, other) >= 0.8
    ]
    together = [pair for pair in near if earliest(pair[0]) == earliest(pair[1])]
    assert len(near) > 50
    assert len(together) >= 0.95 * len(near)
    assert all(link.score >= 0.8 for link in found)
    assert all(link.listing.split("-")[0] == link.of.split("-")[0] for link in found)


def _noisy_market(rng: random.Random) -> list[Listing]:
    """40 families of 4 texts, of which each has some words of the first one replaced."""
    vocabulary = [f"w{n}" for n in range(300)]
    market = []
    for family in range(40):
        words = [rng.choice(vocabulary) for _ in range(rng.randint(12, 90))]
        for member in range(4):
            changed = list(words)
            for at in rng.sample(range(len(words)), min(member, len(words) // 14)):
                changed[at] = rng.choice(vocabulary)
            market.append(listing(f"{family:02}-{member}", "Oak table", " ".join(changed)))
    return market


# Leak groups.


def test_leak_groups_are_wider_than_duplicates() -> None:
    shop = " ".join(WORDS)
    one, two = listing("1", "Apex washer", shop), listing("2", "Zenith cooker", shop)
    short = [listing(id, f"Thing {id}", "good condition") for id in ("3", "4")]
    sign = [
        listing(f"5{n}", title, "", photo("sign", phash=PHASH))
        for n, title in enumerate(("Lamp", "Chair", "Bike", "Coat", "Drum", "Tent"))
    ]
    market = [one, two, *short, *sign]
    assert find_duplicates(market) == []
    assert leak_groups(market, []) == {
        "1": "1", "2": "1", "3": "3", "4": "4", **{each.id: "50" for each in sign}
    }  # fmt: skip


def test_what_many_share_joins_nobody() -> None:
    market = [listing(f"{n:02}", f"Thing {n}", "", photo("none yet")) for n in range(60)]
    assert len(set(leak_groups(market, []).values())) == 60
    assert len(set(leak_groups(market[:50], []).values())) == 1


def test_a_link_to_an_ended_listing_joins_those_that_repeat_it() -> None:
    ended = ListingId("0")
    found = [Duplicate(ListingId(id), ended, "near_text", 0.9) for id in ("1", "2")]
    market = [listing("1", "A"), listing("2", "B"), listing("3", "C")]
    assert leak_groups(market, found) == {"1": "1", "2": "1", "3": "3"}


def test_nothing_has_no_duplicates() -> None:
    assert find_duplicates([]) == []
    assert leak_groups([], []) == {}


# What the tests compare with.


def jaccard(one: Listing, other: Listing) -> float:
    left, right = (
        {tuple(words[n : n + 3]) for n in range(len(words) - 2)}
        for words in (f"{each.title} {each.description}".lower().split() for each in (one, other))
    )
    return len(left & right) / len(left | right)


def flipped(phash: int, bits: Sequence[int]) -> int:
    changed = phash % (1 << 64)
    for bit in bits:
        changed ^= 1 << bit
    return signed(changed)


def signed(phash: int) -> int:
    return phash - (1 << 64) if phash >> 63 else phash
