from collections.abc import Sequence

import pytest

from marketrank.errors import BadInput
from marketrank.evaluation.sets.from_listings import (
    SAME_LEAF,
    SAME_PRODUCT,
    SAME_ROOT,
    category_names,
    known_item,
    misspelt,
)
from marketrank.types import Listing, ListingId

LEAVES = (("Home", "Tables"), ("Home", "Chairs"), ("Sports", "Bicycles"), ("Sports", "Other Goods"))
COLOURS = ("black", "white", "green", "brown", "grey", "orange")


def listings() -> list[Listing]:
    return [
        Listing(
            ListingId(f"{leaf[1]}-{n}"), f"Large {colour} {leaf[1].lower()} number {n}", "", leaf
        )
        for leaf in LEAVES
        for n, colour in enumerate(COLOURS)
    ] + [Listing(ListingId("twin"), "large BLACK tables  number 0", "", LEAVES[0])]


def by_id() -> dict[ListingId, Listing]:
    return {one.id: one for one in listings()}


def words(text: str) -> list[str]:
    return text.lower().split()


def test_queries_are_words_of_one_title_and_never_all() -> None:
    found = known_item(listings(), queries=100, seed=1)
    assert len(found.queries) == 25
    for query in found.queries:
        meant = [id for id, grade in found.grades[query.id].items() if grade == SAME_PRODUCT]
        title = words(by_id()[meant[0]].title)
        assert 2 <= len(words(query.text)) < len(title)
        assert set(words(query.text)) <= set(title)


def test_grades_are_by_product_leaf_and_root() -> None:
    found = known_item(listings(), queries=100, seed=1)
    query = next(q for q in found.queries if found.grades[q.id].get(ListingId("twin")) == 5)
    grades = found.grades[query.id]
    assert grades["Tables-0"] == grades["twin"] == SAME_PRODUCT
    assert {grade for id, grade in grades.items() if id.startswith("Tables")} == {
        SAME_PRODUCT,
        SAME_LEAF,
    }
    assert {grades[id] for id in grades if id.startswith("Chairs")} == {SAME_ROOT}
    assert {grades[id] for id in grades if id.startswith("Bicycles")} == {0}
    assert found.relevant_from > SAME_LEAF


def test_some_queries_stand_in_another_order() -> None:
    found = known_item(listings(), queries=100, seed=1)
    turned = 0
    for query in found.queries:
        meant = next(id for id, grade in found.grades[query.id].items() if grade == SAME_PRODUCT)
        title = words(by_id()[meant].title)
        places = [title.index(word) for word in words(query.text)]
        turned += places != sorted(places)
    assert 0 < turned < len(found.queries) / 2


def test_a_misspelt_query_differs_by_one_slip() -> None:
    clean = known_item(listings(), queries=100, seed=1)
    found = misspelt(clean, seed=1)
    assert found.grades == clean.grades
    assert found.documents == clean.documents
    changed = 0
    for before, after in zip(clean.queries, found.queries, strict=True):
        pairs = list(zip(words(before.text), words(after.text), strict=True))
        differing = [(a, b) for a, b in pairs if a != b]
        assert len(differing) <= 1
        assert all(a[0] == b[0] and abs(len(a) - len(b)) <= 1 for a, b in differing)
        changed += len(differing)
    assert changed > 15


def test_category_queries_name_leaves_and_hide_the_answer() -> None:
    found = category_names(listings(), queries=100, seed=1)
    assert {query.text for query in found.queries} == {"tables", "chairs", "bicycles"}
    assert {one.category for one in found.documents} == {""}
    grades = next(found.grades[q.id] for q in found.queries if q.text == "tables")
    assert grades["Tables-1"] == 2
    assert grades["Chairs-1"] == 1
    assert {grade for id, grade in grades.items() if id.startswith("Bicycles")} == {0}


def test_a_seed_gives_the_same_set_and_another_another() -> None:
    def texts(seed: int) -> Sequence[str]:
        return [query.text for query in known_item(listings(), queries=9, seed=seed).queries]

    assert texts(1) == texts(1) != texts(2)
    assert len(texts(1)) == 9


@pytest.mark.parametrize("build", [known_item, category_names])
def test_listings_that_give_no_query_are_refused(build: type[known_item]) -> None:  # type: ignore[valid-type]
    with pytest.raises(BadInput, match="quer"):
        build([Listing(ListingId("a"), "Table")], queries=3, seed=1)  # type: ignore[misc]
