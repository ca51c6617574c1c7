"""Made-up interactions of several shapes, for tests of recommenders."""

import csv
from pathlib import Path

import numpy as np

from marketrank.buyers.recommend.histories import Histories, histories


def some_histories(*, buyers: int = 40, listings: int = 30, seed: int = 1) -> Histories:
    """Popular listings are taken more often; times differ."""
    random = np.random.default_rng(seed)
    n = buyers * 6
    chance = 1 / np.arange(1, listings + 1)
    return histories(
        buyers,
        listings,
        random.integers(0, buyers, n),
        random.choice(listings, n, p=chance / chance.sum()),
        random.integers(0, 10**7, n),
    )


def write_tastes(
    folder: Path, *, buyers: int, listings: int, events: int, seed: int, follow: float = 0.0
) -> Path:
    """A set in which sex and age decide which of six kinds a buyer likes, listings are popular to
    very different degrees, and a listing leads to the next of its kind with probability
    `follow`."""
    random = np.random.default_rng(seed)
    kinds = 6
    kind = np.arange(listings) % kinds
    popular = 1 / (1 + random.permutation(listings)) ** 0.8
    folder.mkdir(parents=True, exist_ok=True)
    rows, people = [], []
    for buyer in range(buyers):
        sex, age = int(random.integers(2)), int(random.integers(3))
        taste = np.full(kinds, 0.3)
        taste[sex * 3 + age] = 4.0
        chance = popular * (taste * random.gamma(2.0, 0.5, kinds))[kind]
        chance /= chance.sum()
        at, last = int(random.integers(10**9, 10**9 + 10**7)), None
        for _ in range(1 + random.poisson(events)):
            at += int(random.exponential(20_000)) + 1
            last = (
                (last + kinds) % listings
                if last is not None and random.random() < follow
                else int(random.choice(listings, p=chance))
            )
            rows.append((f"b{buyer}", f"l{last:05d}", at, "view"))
        if random.random() < 0.9:
            people.append((f"b{buyer}", "fm"[sex], ("18-24", "25-44", "45+")[age]))
    things = [(f"l{one:05d}", f"thing {one}", f"All / Kind {kind[one]}") for one in range(listings)]
    for name, header, lines in (
        ("buyers.csv", ("buyer_id", "sex", "age"), people),
        ("listings.csv", ("listing_id", "title", "category"), things),
        ("events.csv", ("buyer_id", "listing_id", "at", "kind"), rows),
    ):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *lines])
    return folder


def write_one_off(folder: Path, *, buyers: int, listings: int, views: int, seed: int) -> Path:
    """Second-hand listings that are seen for some days and sold: each buyer looks, in a few
    sessions, at what is there, mostly of two kinds that they want."""
    random = np.random.default_rng(seed)
    kinds, days = 40, 120
    kind = random.integers(kinds, size=listings)
    start = np.sort(random.uniform(0, days, listings))
    end = start + random.exponential(6, listings)
    draw = random.gamma(0.7, 1.0, listings)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for buyer in range(buyers):
        wanted = random.choice(kinds, 2, replace=False)
        first = random.uniform(2, days)
        for _ in range(1 + random.poisson(1.5)):
            there = np.flatnonzero((start <= first) & (first < end))
            if len(there):
                chance = draw[there] * np.where(np.isin(kind[there], wanted), 25.0, 1.0)
                n = min(len(there), 1 + random.poisson(views))
                for step, one in enumerate(
                    random.choice(there, n, replace=False, p=chance / chance.sum())
                ):
                    at = int(1.6e9 + first * 86_400 + step * 40)
                    rows.append((f"b{buyer}", f"l{one:05d}", at, "view"))
            first += random.exponential(2)
            if first >= days:
                break
    things = [
        (f"l{one:05d}", f"thing of kind {kind[one]}", f"Root {kind[one] % 5} / Kind {kind[one]}")
        for one in range(listings)
    ]
    for name, header, lines in (
        ("listings.csv", ("listing_id", "title", "category"), things),
        ("events.csv", ("buyer_id", "listing_id", "at", "kind"), rows),
    ):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *lines])
    return folder
