"""What slips in queries cost, and how much correction gives back: python benchmarks/spelling.py DIR

DIR is a relevance set (listings.csv, queries.csv, judgments.csv) or, without the last two, any
listings.csv (listing_id, title, description, category): then queries are some words of a title that
must find their listing again. Each query gets one seeded slip in a word of five letters or more: a
letter more or less, the key beside, or two letters swapped. Prints JSON: mean NDCG@10 of BM25 over
all listings for clean queries, for slips without any help, with the text index's words one letter
off, and corrected; and what correction makes of clean queries.
"""

import argparse
import csv
import json
import random
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from marketrank.asking import Hits
from marketrank.retrieval.keyboard import NEIGHBOURS
from marketrank.retrieval.spelling import correct
from marketrank.retrieval.synonyms import OWN_FILE, compounds, read_synonyms
from marketrank.retrieval.text_index import TextReader, TextWriter
from marketrank.retrieval.text_index import query as text_query
from marketrank.retrieval.tokens import tokens
from marketrank.retrieval.vocabulary_build import build
from marketrank.types import Listing, ListingId, ListingKey, Seq

_K = 10
Grades = Mapping[int, float]
Query = tuple[str, Grades]


def read_listings(folder: Path) -> list[Listing]:
    csv.field_size_limit(10**9)
    with (folder / "listings.csv").open(encoding="utf-8", newline="") as file:
        return [
            Listing(
                ListingId(row["listing_id"]),
                row["title"],
                row.get("description") or "",
                tuple(p.strip() for p in (row.get("category") or "").split(" / ") if p.strip()),
            )
            for row in csv.DictReader(file)
        ]


def judged(folder: Path, listings: list[Listing]) -> list[Query]:
    rows = {listing.id: row for row, listing in enumerate(listings)}
    grades: dict[str, dict[int, float]] = defaultdict(dict)
    with (folder / "judgments.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if ListingId(row["listing_id"]) in rows:
                at = rows[ListingId(row["listing_id"])]
                grades[row["query_id"]][at] = float(row["grade"])
    with (folder / "queries.csv").open(encoding="utf-8", newline="") as file:
        found = [(row["text"], grades[row["query_id"]]) for row in csv.DictReader(file)]
    return [query for query in found if any(query[1].values())]


def known_items(listings: list[Listing], n: int, rng: random.Random) -> list[Query]:
    """Two to four words of a title, in their order."""
    found: list[Query] = []
    for row in rng.sample(range(len(listings)), len(listings)):
        words = [token.word for token in tokens(listings[row].title) if len(token.word) > 2]
        if len(words) >= 3 and len(found) < n:
            kept = sorted(rng.sample(range(len(words)), rng.randint(2, min(4, len(words)))))
            found.append((" ".join(words[at] for at in kept), {row: 1.0}))
    return found


def with_slip(text: str, rng: random.Random) -> str | None:
    """None where no word is long enough."""
    long = [token for token in tokens(text) if len(token.word) >= 5 and token.word.isalpha()]
    if not long:
        return None
    token = rng.choice(long)
    word, at = token.word, rng.randrange(len(token.word) - 1)
    slips = {
        "insert": word[:at] + rng.choice("abcdefghijklmnopqrstuvwxyz") + word[at:],
        "delete": word[:at] + word[at + 1 :],
        "beside": word[:at] + rng.choice(NEIGHBOURS.get(word[at], word[at])) + word[at + 1 :],
        "swap": word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    }
    return text[: token.start] + slips[rng.choice(sorted(slips))] + text[token.end :]


def ndcg(hits: Hits, grades: Grades) -> float:
    """Linear gain, over the first ten."""
    discounts = 1 / np.log2(np.arange(2, _K + 2))
    ideal = np.array([*sorted(grades.values(), reverse=True), *[0.0] * _K][:_K])
    got = np.array([*(grades.get(int(key), 0.0) for key in hits.keys), *[0.0] * _K][:_K])
    return float(got @ discounts / (ideal @ discounts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--queries", type=int, default=800, help="of known items")
    parser.add_argument("--repeats", type=int, default=5, help="slips for each query")
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    listings = read_listings(given.folder)
    is_judged = (given.folder / "judgments.csv").exists()
    queries = (
        judged(given.folder, listings) if is_judged else known_items(listings, given.queries, rng)
    )
    vocabulary = build(listings)
    with tempfile.TemporaryDirectory() as home:
        writer = TextWriter(Path(home))
        for row, one in enumerate(listings):
            writer.upsert(ListingKey(row), one.title, " ".join(one.category), one.description)
        writer.commit(Seq(1))
        writer.close()
        reader = TextReader(Path(home))
        reader.use_synonyms(read_synonyms(OWN_FILE).joined(compounds(vocabulary)))
        scores: dict[str, list[float]] = defaultdict(list)
        fuzzy_from = text_query.FUZZY_MIN_LETTERS
        for text, grades in queries * given.repeats:
            slipped = with_slip(text, rng)
            if slipped is None:
                continue
            fixed = correct(slipped, vocabulary, reader.occurs).searched
            spared = correct(text, vocabulary, reader.occurs).searched
            for name, asked, fuzzy in (
                ("clean", text, True),
                ("clean_corrected", spared, True),
                ("slip_alone", slipped, False),
                ("slip_fuzzy", slipped, True),
                ("slip_corrected", fixed, False),
                ("slip_corrected_and_fuzzy", fixed, True),
            ):
                text_query.FUZZY_MIN_LETTERS = fuzzy_from if fuzzy else 99
                scores[name].append(ndcg(reader.search(asked, _K), grades))
    means = {name: float(np.mean(values)) for name, values in scores.items()}
    lost = {name: 1 - mean / means["clean"] for name, mean in means.items()}
    report = {
        "queries": len(queries),
        "slips": len(scores["clean"]),
        "ndcg@10": means,
        "share_lost": lost,
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
