"""A relevance set: what a search engine is scored on.

    <folder>/listings.csv     listing_id,title[,description][,category]
    <folder>/queries.csv      query_id,text
    <folder>/judgments.csv    query_id,listing_id,grade

Grades are integers from 0; a listing that nobody judged for a query counts as 0. Relevant, where a
metric asks yes or no, is a grade of at least half of the set's maximum.
"""

import csv
import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from marketrank.errors import BadInput
from marketrank.evaluation.sets.csv_rows import rows
from marketrank.types import ListingId

LISTINGS, QUERIES, JUDGMENTS = "listings.csv", "queries.csv", "judgments.csv"
_HOLDS = f"a relevance set holds {LISTINGS}, {QUERIES} and {JUDGMENTS}"
_LEVELS = " / "
_GRADE = re.compile(r"\d{1,9}(\.0+)?")  # some tools write integers as 2.0

QueryId = str
Grades = Mapping[QueryId, Mapping[ListingId, int]]


@dataclass(frozen=True, slots=True)
class Document:
    """A listing of a set. `description` and `category` are "" where the set has none; levels of a
    category are separated by " / "."""

    id: ListingId
    title: str
    description: str = ""
    category: str = ""

    @property
    def text(self) -> str:
        """What the text tower reads, written as `types.Listing.text` writes it."""
        return f"{self.title}. {self.description}" if self.description else self.title

    @property
    def path(self) -> tuple[str, ...]:
        """The levels of the category, the root first."""
        return tuple(part.strip() for part in self.category.split(_LEVELS) if part.strip())

    @property
    def words_of_category(self) -> str:
        """The category as the text index is given it."""
        return " ".join(self.path)


@dataclass(frozen=True, slots=True)
class Query:
    id: QueryId
    text: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """How much of a set's files says nothing that can be used: judgments of listings or queries
    that it does not hold, lines that lack an id or a query's text, listings, queries and judgments
    that repeat an earlier line (of two grades for one pair the higher counts, else the first line),
    queries without a judgment of a listing that is held, and queries whose grades are all 0."""

    unknown_listings: int = 0
    unknown_queries: int = 0
    incomplete: int = 0
    repeated: int = 0
    unjudged_queries: int = 0
    queries_without_relevant: int = 0


@dataclass(frozen=True)
class RelevanceSet:
    """Queries are those that can be scored: each has a listing with a grade above 0. `grades`
    names queries and documents of the set alone."""

    name: str
    documents: tuple[Document, ...]
    queries: tuple[Query, ...]
    grades: Grades
    dropped: Dropped = field(default_factory=Dropped)

    @cached_property
    def highest_grade(self) -> int:
        return max(max(some.values()) for some in self.grades.values())

    @cached_property
    def relevant_from(self) -> int:
        """The lowest grade that counts as relevant: half of the highest, rounded up."""
        return math.ceil(self.highest_grade / 2)

    @cached_property
    def digest(self) -> str:
        """sha256 over all that the set says."""
        digest = hashlib.sha256()
        for one in self.documents:
            digest.update(repr((one.id, one.title, one.description, one.category)).encode())
        for query in self.queries:
            grades = sorted(self.grades[query.id].items())
            digest.update(repr((query.id, query.text, grades)).encode())
        return digest.hexdigest()


def read(folder: Path) -> RelevanceSet:
    """Read a set. Single lines that cannot be used are counted in `dropped`.

    Raises BadInput, naming file, line and remedy, for a file that is missing or no CSV of the
    columns above, a grade that is no integer from 0, and a set without a query that can be scored.
    """
    if not folder.is_dir():
        raise BadInput(
            f"{folder} is no folder; give one that holds {LISTINGS}, {QUERIES} and {JUDGMENTS}"
        )
    count: Counter[str] = Counter()
    documents = _documents(folder / LISTINGS, count)
    queries = _queries(folder / QUERIES, count)
    grades = _grades(
        folder / JUDGMENTS, {one.id for one in documents}, {one.id for one in queries}, count
    )
    judged = [query for query in queries if query.id in grades]
    scored = [query for query in judged if any(grades[query.id].values())]
    if not scored:
        raise BadInput(
            f"{folder / JUDGMENTS} gives no query of {QUERIES} a listing of {LISTINGS} with a "
            f"grade above 0 ({count['unknown_listings']} of its lines name unknown listings, "
            f"{count['unknown_queries']} unknown queries); are the ids the same in all files?"
        )
    count["unjudged_queries"] = len(queries) - len(judged)
    count["queries_without_relevant"] = len(judged) - len(scored)
    return RelevanceSet(
        name=folder.resolve().name,
        documents=documents,
        queries=tuple(scored),
        grades={query.id: grades[query.id] for query in scored},
        dropped=Dropped(**count),
    )


def without_texts(given: RelevanceSet) -> RelevanceSet:
    """The set with titles alone."""
    return replace(given, documents=tuple(Document(one.id, one.title) for one in given.documents))


def write(folder: Path, given: RelevanceSet) -> None:
    """Write a set as `read` reads it; description and category only where the set has any."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = ["listing_id", "title"]
    columns += [
        name
        for name in ("description", "category")
        if any(getattr(one, name) for one in given.documents)
    ]
    _write_csv(
        folder / LISTINGS,
        columns,
        ([one.id, *(getattr(one, name) for name in columns[1:])] for one in given.documents),
    )
    _write_csv(folder / QUERIES, ["query_id", "text"], ((q.id, q.text) for q in given.queries))
    _write_csv(
        folder / JUDGMENTS,
        ["query_id", "listing_id", "grade"],
        ((q.id, id, grade) for q in given.queries for id, grade in given.grades[q.id].items()),
    )


def _documents(path: Path, count: Counter[str]) -> tuple[Document, ...]:
    found: dict[ListingId, Document] = {}
    for _, row in rows(path, ("listing_id", "title"), _HOLDS):
        id = ListingId(row["listing_id"])
        if not id:
            count["incomplete"] += 1
        elif id in found:
            count["repeated"] += 1
        else:
            texts = row["title"], row.get("description", ""), row.get("category", "")
            found[id] = Document(id, *texts)
    return tuple(found.values())


def _queries(path: Path, count: Counter[str]) -> tuple[Query, ...]:
    found: dict[QueryId, Query] = {}
    for _, row in rows(path, ("query_id", "text"), _HOLDS):
        id, text = row["query_id"], row["text"]
        if not id or not text:
            count["incomplete"] += 1
        elif id in found:
            count["repeated"] += 1
        else:
            found[id] = Query(id, text)
    return tuple(found.values())


def _grades(
    path: Path, listings: Set[str], queries: Set[QueryId], count: Counter[str]
) -> dict[QueryId, dict[ListingId, int]]:
    found: dict[QueryId, dict[ListingId, int]] = {}
    for line, row in rows(path, ("query_id", "listing_id", "grade"), _HOLDS):
        query, listing = row["query_id"], ListingId(row["listing_id"])
        grade = _grade(row["grade"], path, line)
        if not query or not listing:
            count["incomplete"] += 1
        elif query not in queries:
            count["unknown_queries"] += 1
        elif listing not in listings:
            count["unknown_listings"] += 1
        else:
            some = found.setdefault(query, {})
            count["repeated"] += listing in some
            some[listing] = max(grade, some.get(listing, 0))
    return found


def _grade(text: str, path: Path, line: int) -> int:
    if not _GRADE.fullmatch(text):
        raise BadInput(f"{path} line {line}: grade {text!r} is no integer from 0; mend it")
    return int(float(text))


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)
