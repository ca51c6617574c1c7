from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given as draw
from hypothesis import strategies as st

from made_up_relevance import made_up_set
from marketrank.errors import BadInput
from marketrank.evaluation.sets.relevance_set import (
    Document,
    Dropped,
    Query,
    RelevanceSet,
    read,
    without_texts,
    write,
)
from marketrank.types import ListingId

FILES = {
    "listings.csv": "listing_id,title\na,Oak table\nb,Pine chair\n",
    "queries.csv": "query_id,text\nq1,oak table\nq2,chair\n",
    "judgments.csv": "query_id,listing_id,grade\nq1,a,2\nq1,b,0\nq2,b,1\n",
}


def folder(tmp_path: Path, **changed: str) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).write_text(changed.get(name.removesuffix(".csv"), content))
    return tmp_path


def test_a_set_is_read_with_what_it_has(tmp_path: Path) -> None:
    found = read(folder(tmp_path))
    assert [one.text for one in found.documents] == ["Oak table", "Pine chair"]
    assert found.queries == (Query("q1", "oak table"), Query("q2", "chair"))
    assert found.grades == {"q1": {"a": 2, "b": 0}, "q2": {"b": 1}}
    assert (found.highest_grade, found.relevant_from, found.dropped) == (2, 1, Dropped())
    assert found.name == tmp_path.name


def test_columns_may_stand_in_any_order_with_others_between(tmp_path: Path) -> None:
    listings = "category,title,brand,description,listing_id\nHome / Sofas,Sofa,X,Big,a\n"
    found = read(folder(tmp_path, listings=listings))
    assert found.documents == (Document(ListingId("a"), "Sofa", "Big", "Home / Sofas"),)
    assert found.documents[0].text == "Sofa. Big"
    assert found.documents[0].words_of_category == "Home Sofas"


def test_relevant_is_half_of_the_highest_grade_rounded_up(tmp_path: Path) -> None:
    judgments = FILES["judgments.csv"].replace("q1,a,2", "q1,a,5")
    assert read(folder(tmp_path, judgments=judgments)).relevant_from == 3


def test_what_cannot_be_used_is_counted(tmp_path: Path) -> None:
    found = read(
        folder(
            tmp_path,
            listings=FILES["listings.csv"] + "a,Again\n,Nameless\n",
            queries=FILES["queries.csv"] + "q3,never judged\nq4,\nq5,all bad\n",
            judgments=FILES["judgments.csv"] + "q1,zz,2\nq9,a,1\nq1,b,1\nq5,a,0\n",
        )
    )
    assert found.dropped == Dropped(
        unknown_listings=1,
        unknown_queries=1,
        incomplete=2,
        repeated=2,
        unjudged_queries=1,
        queries_without_relevant=1,
    )
    assert found.grades["q1"]["b"] == 1  # of two grades the higher
    assert found.documents[0].title == "Oak table"  # of two listings the first
    assert [query.id for query in found.queries] == ["q1", "q2"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"listings": "listing_id,name\na,x\n"}, r"listings\.csv has columns listing_id, name"),
        ({"queries": ""}, r"queries\.csv has columns none"),
        ({"judgments": "query_id,listing_id,grade\nq1,a,good\n"}, r"line 2: grade 'good'"),
        ({"judgments": "query_id,listing_id,grade\nq1,a,-1\n"}, r"grade '-1' is no integer"),
        ({"judgments": "query_id,listing_id,grade\nq1,a,nan\n"}, r"grade 'nan' is no integer"),
        ({"judgments": "query_id,listing_id,grade\nq1,a,1.5\n"}, r"grade '1\.5' is no integer"),
        ({"judgments": "query_id,listing_id,grade\nq1,a\n"}, r"line 2 has 2 fields"),
        ({"judgments": "query_id,listing_id,grade\nq1,a,0\n"}, r"grade above 0"),
        ({"judgments": "query_id,listing_id,grade\nq1,A,1\n"}, r"1 of its lines name unknown"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, changed: dict[str, str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read(folder(tmp_path, **changed))


def test_a_missing_file_or_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is no folder"):
        read(tmp_path / "nowhere")
    (folder(tmp_path) / "queries.csv").unlink()
    with pytest.raises(BadInput, match=r"there is no .*queries\.csv"):
        read(tmp_path)


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (folder(tmp_path) / "listings.csv").write_bytes(b"listing_id,title\na,\xff\xfe\n")
    with pytest.raises(BadInput, match=r"listings\.csv cannot be read as CSV in UTF-8"):
        read(tmp_path)


def test_grades_may_be_written_as_2_0(tmp_path: Path) -> None:
    judgments = FILES["judgments.csv"].replace("q1,a,2", "q1,a,2.0")
    assert read(folder(tmp_path, judgments=judgments)).grades["q1"]["a"] == 2


_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30).map(str.strip)


@draw(st.lists(st.tuples(_text, _text, _text), min_size=1, max_size=5))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, texts: list[tuple[str, str, str]]
) -> None:
    documents = tuple(Document(ListingId(f"l{n}"), *some) for n, some in enumerate(texts))
    given = RelevanceSet("x", documents, (Query("q", "table"),), {"q": {documents[0].id: 2}})
    place = tmp_path_factory.mktemp("set")
    write(place, given)
    found = read(place)
    assert found.documents == documents
    assert found.grades == given.grades


def test_the_digest_is_of_the_content() -> None:
    given = made_up_set()
    assert given.digest == made_up_set().digest
    changed = {**given.grades, given.queries[0].id: {given.documents[0].id: 1}}
    assert replace(given, grades=changed).digest != given.digest
    assert without_texts(given).digest != given.digest


def test_titles_alone() -> None:
    assert {one.description for one in without_texts(made_up_set()).documents} == {""}
