"""Public relevance sets: fetched from their authors' pages, checked, and converted.

wands   Wayfair's WANDS (MIT): 480 queries for 42,994 home goods, 233,448 judgments
        (Chen et al., ECIR 2022)
esci    Amazon's Shopping Queries (Apache-2.0), the test part of task 1 in English: 8,956
        queries, 181,701 judgments (Reddy et al., 2022, arXiv 2206.06588)
"""

import csv
import hashlib
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import fsspec
import pyarrow.dataset as parquet

from marketrank.errors import BadInput
from marketrank.evaluation.sets.relevance_set import Document, Query, RelevanceSet
from marketrank.types import ListingId

Report = Callable[[str, int, int | None], None]
"""Called with the name of the stage, how much is done, and of how much (None: not known)."""
_BLOCK = 1 << 20
_ROWS = 10_000
_FIELD_LIMIT = 10_000_000
_WANDS_GRADES = {"Irrelevant": 0, "Partial": 1, "Exact": 2}
_ESCI_GRADES = {"I": 0, "C": 1, "S": 2, "E": 3}
_ESCI = "shopping_queries_dataset_{}.parquet"


@dataclass(frozen=True, slots=True)
class PublicSet:
    """Where a set lies: the sha256 of each of its files below `url`, and who reads them."""

    url: str
    files: Mapping[str, str]
    convert: Callable[[str, Path], RelevanceSet]


def fetch(
    name: str,
    source: PublicSet,
    folder: Path,
    *,
    mirror: str | None = None,
    report: Report = lambda stage, done, total: None,
) -> RelevanceSet:
    """Download the files of a set into `folder`, unless they are there, and convert them. `mirror`
    is another URL or folder that holds the same files.

    Raises BadInput where a file cannot be fetched, does not match its sha256 (it is deleted then),
    or is not as this version knows it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file, expected in source.files.items():
        path = folder / file
        if not path.exists() or _sha256(path) != expected:
            _download(f"{(mirror or source.url).rstrip('/')}/{file}", path, report)
            found = _sha256(path)
            if found != expected:
                path.unlink()
                raise BadInput(
                    f"{file} of {name} has sha256 {found}, not {expected}: it was changed, or torn "
                    "on the way; fetch it again, or give a --mirror that holds the known file"
                )
    report(f"convert {name}", 0, None)
    return source.convert(name, folder)


def sample(given: RelevanceSet, queries: int, *, seed: int) -> RelevanceSet:
    """At most so many queries, by chance, and the listings that were judged for them."""
    if queries >= len(given.queries):
        return given
    kept = random.Random(f"sample {seed}").sample(list(given.queries), queries)
    judged = {id for query in kept for id in given.grades[query.id]}
    return RelevanceSet(
        given.name,
        tuple(one for one in given.documents if one.id in judged),
        tuple(kept),
        {query.id: given.grades[query.id] for query in kept},
    )


def _download(url: str, path: Path, report: Report) -> None:
    beside = path.with_name(f".{path.name}.part")
    try:
        with fsspec.open(url, "rb") as source, beside.open("wb") as target:
            done = 0
            while block := source.read(_BLOCK):
                done += target.write(block)
                report(f"fetch {path.name}", done, None)
        shutil.move(beside, path)
    # fsspec lets through whatever the client for a scheme raises.
    except Exception as error:
        beside.unlink(missing_ok=True)
        raise BadInput(
            f"{url} cannot be fetched ({type(error).__name__}: {error}); is the network there? "
            "--mirror names another URL or folder with the same files"
        ) from error


def _wands(name: str, folder: Path) -> RelevanceSet:
    documents = tuple(
        Document(
            ListingId(row["product_id"]),
            row["product_name"],
            row["product_description"] or "",
            " / ".join(part.strip() for part in (row["category hierarchy"] or "").split("/")),
        )
        for row in _table(folder / "product.csv", ("product_id", "product_name"))
    )
    queries = tuple(
        Query(row["query_id"], row["query"])
        for row in _table(folder / "query.csv", ("query_id", "query"))
    )
    grades: dict[str, dict[ListingId, int]] = {}
    for row in _table(folder / "label.csv", ("query_id", "product_id", "label")):
        grade = _grade(_WANDS_GRADES, row["label"], folder / "label.csv")
        grades.setdefault(row["query_id"], {})[ListingId(row["product_id"])] = grade
    return _only_judged(name, documents, queries, grades)


def _esci(name: str, folder: Path) -> RelevanceSet:
    examples, products = (folder / _ESCI.format(part) for part in ("examples", "products"))
    queries: dict[str, Query] = {}
    grades: dict[str, dict[ListingId, int]] = {}
    wanted = ["query_id", "query", "product_id", "product_locale", "esci_label", "split"]
    for row in _parquet(examples, [*wanted, "small_version"]):
        if (row["product_locale"], row["split"], row["small_version"]) == ("us", "test", 1):
            id = str(row["query_id"])
            queries[id] = Query(id, str(row["query"]))
            grade = _grade(_ESCI_GRADES, str(row["esci_label"]), examples)
            grades.setdefault(id, {})[ListingId(str(row["product_id"]))] = grade
    judged = {listing for some in grades.values() for listing in some}
    texts = ["product_description", "product_bullet_point"]
    documents = tuple(
        Document(
            ListingId(str(row["product_id"])),
            str(row["product_title"] or ""),
            str(row["product_bullet_point"] or row["product_description"] or ""),
        )
        for row in _parquet(
            products,
            ["product_id", "product_title", *texts, "product_locale"],
        )
        if row["product_locale"] == "us" and row["product_id"] in judged
    )
    return _only_judged(name, documents, tuple(queries.values()), grades)


PUBLIC_SETS: Mapping[str, PublicSet] = {
    "wands": PublicSet(
        "https://raw.githubusercontent.com/wayfair/WANDS/main/dataset",
        {
            "product.csv": "d993926254572e6eba96c8fd87cc549a17fb91ad3748308036eee4cf92b10ac6",
            "query.csv": "63b61660560fecc33ec490804c7e2b81402ee3e7c31a9cbb5e03736639f68e95",
            "label.csv": "c11fe81ad62f17f56f316b0ec9630ebe8fbe1393578cb0ca4f05c17253a180ef",
        },
        _wands,
    ),
    # The checksums are those of the repository's own Git LFS pointers.
    "esci": PublicSet(
        "https://github.com/amazon-science/esci-data/raw/"
        "7e0e3073f5ca36c0b5ff79e847cf99a74597645d/shopping_queries_dataset",
        {
            _ESCI.format(
                "examples"
            ): "4a735b693b4a424a6fc67f5be6e4c811495c488bbf66d02a602d308b2744263a",
            _ESCI.format(
                "products"
            ): "25124442d064d64b26f74082d6fa09438d679efc0c183cf28d19064a2b65a265",
        },
        _esci,
    ),
}


def _only_judged(
    name: str,
    documents: tuple[Document, ...],
    queries: tuple[Query, ...],
    grades: Mapping[str, Mapping[ListingId, int]],
) -> RelevanceSet:
    """The set without queries that cannot be scored, and without judgments of unknown listings."""
    known = {one.id for one in documents}
    kept = {
        query: {id: grade for id, grade in some.items() if id in known}
        for query, some in grades.items()
    }
    scored = tuple(one for one in queries if any(kept.get(one.id, {}).values()))
    if not scored:
        raise BadInput(f"no query of {name} has a listing with a grade above 0; fetch it again")
    return RelevanceSet(name, documents, scored, {one.id: kept[one.id] for one in scored})


def _grade(grades: Mapping[str, int], label: str, path: Path) -> int:
    if label not in grades:
        raise BadInput(
            f"{path} has the label {label!r}; this version knows {', '.join(sorted(grades))}"
        )
    return grades[label]


def _table(path: Path, needed: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Rows of a file with tabs, by column."""
    csv.field_size_limit(_FIELD_LIMIT)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t")
            missing = [name for name in needed if name not in (reader.fieldnames or [])]
            if missing:
                raise BadInput(
                    f"{path} has no column {missing[0]!r}; it has "
                    f"{', '.join(reader.fieldnames or ['none'])}"
                )
            yield from reader
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path} cannot be read as a table: {error}") from error


def _parquet(path: Path, columns: list[str]) -> Iterator[dict[str, object]]:
    """Rows by column, without holding the file in memory."""
    try:
        batches = parquet.dataset(path, format="parquet").to_batches(
            columns=columns, batch_size=_ROWS
        )
        for batch in batches:
            yield from batch.to_pylist()
    except (OSError, ValueError, KeyError) as error:  # pyarrow's are children of these
        raise BadInput(f"{path} cannot be read as Parquet with {columns}: {error}") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
