"""Public relevance sets from a server on the loopback: small made-up files of the same formats."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local_servers import web_server
from marketrank.errors import BadInput
from marketrank.evaluation.sets.public import PUBLIC_SETS, fetch, sample
from marketrank.evaluation.sets.relevance_set import Document, Query, read, write
from marketrank.types import ListingId

WANDS = {
    "product.csv": (
        "product_id\tproduct_name\tproduct_class\tcategory hierarchy\tproduct_description\t"
        "product_features\trating_count\taverage_rating\treview_count\n"
        '7\toak bedside table\tTables\tFurniture / Bedroom\tmade of "solid" oak\tx : y\t1\t5\t1\n'
        "8\tbrass lamp\tLamps\t\t\t\t\t\t\n"
    ),
    "query.csv": "query_id\tquery\tquery_class\n0\tbedside table\tTables\n1\tunicorn\tNone\n",
    "label.csv": (
        "id\tquery_id\tproduct_id\tlabel\n0\t0\t7\tExact\n1\t0\t8\tIrrelevant\n2\t1\t8\tIrrelevant\n"
        "3\t0\t99\tPartial\n"
    ),
}


def parquet(path: Path, columns: Mapping[str, list[object]]) -> None:
    pq.write_table(pa.table(dict(columns)), path)


def esci(folder: Path) -> None:
    parquet(
        folder / "shopping_queries_dataset_examples.parquet",
        {
            "example_id": [0, 1, 2, 3, 4, 5],
            "query": ["oak lamp", "oak lamp", "oak lamp", "mesa", "desk", "rug"],
            "query_id": [11, 11, 11, 12, 13, 14],
            "product_id": ["B1", "B2", "B3", "B1", "B2", "B1"],
            "product_locale": ["us", "us", "us", "es", "us", "us"],
            "esci_label": ["E", "S", "I", "E", "E", "E"],
            "small_version": [1, 1, 1, 1, 0, 1],
            "large_version": [1] * 6,
            "split": ["test", "test", "test", "test", "test", "train"],
        },
    )
    parquet(
        folder / "shopping_queries_dataset_products.parquet",
        {
            "product_id": ["B1", "B2", "B3", "B1", "B4"],
            "product_title": ["Oak lamp", "Pine lamp", "Chair", "Lámpara", "Rug"],
            "product_description": ["<p>long</p>", None, None, None, None],
            "product_bullet_point": ["dimmable", None, None, None, None],
            "product_brand": [None] * 5,
            "product_color": [None] * 5,
            "product_locale": ["us", "us", "us", "es", "us"],
        },
    )


def sums(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
    }


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    folder = tmp_path / "served"
    folder.mkdir()
    with web_server(folder) as url:
        yield folder, url


def test_wands_is_fetched_and_converted(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = served
    for name, content in WANDS.items():
        (folder / name).write_text(content)
    source = replace(PUBLIC_SETS["wands"], url=url, files=sums(folder))
    found = fetch("wands", source, tmp_path / "out")
    assert found.queries == (Query("0", "bedside table"),)  # nothing fits a unicorn
    assert found.grades == {"0": {"7": 2, "8": 0}}  # 99 is not in the catalogue
    assert found.documents[0].category == "Furniture / Bedroom"
    assert found.documents[0].text.startswith("oak bedside table. made of")
    assert found.documents[1] == Document(ListingId("8"), "brass lamp")
    write(tmp_path / "set", found)
    assert read(tmp_path / "set").grades == found.grades


def test_esci_is_the_english_test_part_of_task_1(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = served
    esci(folder)
    source = replace(PUBLIC_SETS["esci"], url=url, files=sums(folder))
    found = fetch("esci", source, tmp_path / "out")
    assert found.queries == (Query("11", "oak lamp"),)
    assert found.grades == {"11": {"B1": 3, "B2": 2, "B3": 0}}
    assert [(one.id, one.title, one.description) for one in found.documents] == [
        ("B1", "Oak lamp", "dimmable"),
        ("B2", "Pine lamp", ""),
        ("B3", "Chair", ""),
    ]


def test_what_is_there_is_not_fetched_again(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = served
    for name, content in WANDS.items():
        (folder / name).write_text(content)
    source = replace(PUBLIC_SETS["wands"], url=url, files=sums(folder))
    first = fetch("wands", source, tmp_path / "out")
    gone = replace(source, url="http://127.0.0.1:9/")
    assert fetch("wands", gone, tmp_path / "out") == first
    (tmp_path / "out" / "query.csv").write_text("torn")  # this one is, and cannot be
    with pytest.raises(BadInput, match=r"query\.csv cannot be fetched.*--mirror"):
        fetch("wands", gone, tmp_path / "out")
    assert fetch("wands", gone, tmp_path / "out", mirror=url) == first


def test_another_content_is_refused_and_deleted(served: tuple[Path, str], tmp_path: Path) -> None:
    folder, url = served
    for name, content in WANDS.items():
        (folder / name).write_text(content)
    with pytest.raises(BadInput, match=r"product\.csv of wands has sha256 .*, not d99392625"):
        fetch("wands", PUBLIC_SETS["wands"], tmp_path / "out", mirror=url)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("label.csv", WANDS["label.csv"].replace("Exact", "Perfect"), "label 'Perfect'"),
        ("query.csv", "id\ttext\n0\tx\n", "no column 'query_id'"),
        ("label.csv", WANDS["label.csv"].replace("Exact", "Irrelevant"), "no query of wands"),
    ],
)
def test_another_structure_is_named(
    name: str, content: str, said: str, served: tuple[Path, str], tmp_path: Path
) -> None:
    folder, url = served
    for file, usual in (WANDS | {name: content}).items():
        (folder / file).write_text(usual)
    source = replace(PUBLIC_SETS["wands"], url=url, files=sums(folder))
    with pytest.raises(BadInput, match=said):
        fetch("wands", source, tmp_path / "out")


def test_a_sample_keeps_queries_and_what_was_judged_for_them() -> None:
    from made_up_relevance import made_up_set

    given = made_up_set()
    some = replace(
        given, grades={q.id: dict(list(given.grades[q.id].items())[:5]) for q in given.queries}
    )
    found = sample(some, 4, seed=1)
    assert len(found.queries) == 4
    assert {one.id for one in found.documents} == {
        id for query in found.queries for id in some.grades[query.id]
    }
    assert found == sample(some, 4, seed=1) != sample(some, 4, seed=2)
    assert sample(some, 99, seed=1) is some
