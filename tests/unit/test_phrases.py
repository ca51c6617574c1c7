"""Which phrases are offered."""

from marketrank.retrieval.vocabulary_build import build
from small_corpus import corpus, listing


def phrases(*more: str) -> dict[str, int]:
    extra = [listing(f"x{n}", title, f"Number {n}.") for n, title in enumerate(more)]
    found = build([*corpus(), *extra]).phrases
    return dict(zip(found.texts, found.counts.tolist(), strict=True))


def test_phrases_count_listings_by_title() -> None:
    found = phrases()
    assert found["oak dining table"] == 12
    assert found["dining"] == 17
    assert found["ps5"] == 4
    assert "painted" not in found  # only described so


def test_categories_are_phrases() -> None:
    found = phrases()
    assert found["dining living room furniture"] == 35
    assert found["lighting"] == 11


def test_a_phrase_needs_three_listings() -> None:
    assert "walnut" not in phrases("Walnut box", "Walnut box big")
    assert phrases("Walnut box", "Walnut box big", "Walnut tray")["walnut"] == 3


def test_a_part_of_one_longer_phrase_is_not_offered() -> None:
    found = phrases()
    assert "ipad pro" in found or "apple ipad pro" in found
    assert "apple ipad" not in found  # always followed by "pro"


def test_idle_beginnings_and_ends_are_cut() -> None:
    titles = ["The walnut box for sale", "The walnut box for you", "The walnut box for all"]
    assert {text for text in phrases(*titles) if "walnut" in text} == {"walnut", "walnut box"}


def test_small_numbers_within_a_phrase_only() -> None:
    titles = [f"3 seater walnut 120 bench {word}" for word in ("red", "wide", "low")]
    found = phrases(*titles)
    assert found["3 seater walnut"] == 3
    assert "3" not in found
    assert not any("120" in text for text in found)


def test_nothing_is_joined_over_a_comma() -> None:
    found = phrases("Walnut, box", "Walnut, box low", "Walnut, box red")
    assert "walnut" in found and "walnut box" not in found


def test_a_category_is_named_where_it_holds_most() -> None:
    vocabulary = build(corpus()).phrases
    hints = {
        text: (vocabulary.paths[row] if row >= 0 else None, int(count))
        for text, row, count in zip(
            vocabulary.texts, vocabulary.categories, vocabulary.category_counts, strict=True
        )
    }
    tables = ("Home & Garden", "Dining, Living Room Furniture", "Tables")
    assert hints["oak dining table"] == (tables, 12)
    assert hints["table"] == (tables, 23)  # of 31; the others are lamps
    nowhere = [listing(n, f"Walnut {n}", str(n), (root,)) for n, root in enumerate("abc")]
    assert build(nowhere).phrases.categories.tolist()[-1] == -1
