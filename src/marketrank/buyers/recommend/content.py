"""What listings are about, and how near that is to what a buyer had to do with."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from marketrank.buyers.recommend.histories import Floats, Histories, Ints, Matrix
from marketrank.buyers.recommend.signals import Scores, dense

LEVELS = 3  # of a category's path
_PATH = re.compile(r"\s*(?:/|>|»)\s*")
_SEVERAL = re.compile(r"\s*[|;]\s*")
_WORD = re.compile(r"\w+")
_PRIOR = 3.0  # events' worth of what all buyers take, in a buyer's shares
_LONG, _SHORT = 0.99, 0.8  # how an event fades with each that comes later


@dataclass(frozen=True, eq=False)
class Content:
    """(listings, groups) for each level: 1 where a listing belongs to a group; and the words of
    titles (listings, words), rows of unit length. Levels have names."""

    levels: tuple[tuple[str, Matrix], ...]
    words: Matrix


def describe(titles: Sequence[str], categories: Sequence[str]) -> Content:
    """`categories` are paths ("Home / Sofas") or several kinds ("Action|Comedy"); either may be
    empty."""
    n = len(titles)
    levels: list[tuple[str, Matrix]] = []
    for depth in range(LEVELS):
        memberships = _membership((_groups(text, depth) for text in categories), n)
        deeper = not levels or memberships.shape[1] > levels[-1][1].shape[1]
        if memberships.shape[1] > 1 and deeper:
            levels.append((f"level_{depth + 1}", memberships))
    whole = _membership(([text.lower()] if text else [] for text in titles), n)
    repeated = np.asarray(whole.sum(axis=0)).ravel() > 1
    if repeated.sum() > 1:  # titles that name a kind of thing, not one thing
        levels.append(("title", whole[:, np.flatnonzero(repeated)]))
    words = _membership((_WORD.findall(text.lower()) for text in titles), n)
    return Content(tuple(levels), _unit_rows(words))


def _groups(category: str, depth: int) -> list[str]:
    several = _SEVERAL.split(category.strip())
    found = set()
    for one in several:
        path = [part for part in _PATH.split(one) if part]
        if path:
            found.add("\0".join(path[: depth + 1]))
    return sorted(found)


def _membership(groups: Iterable[Iterable[str]], n: int) -> Matrix:
    known: dict[str, int] = {}
    rows, columns = [], []
    for row, some in enumerate(groups):
        for name in set(some):
            rows.append(row)
            columns.append(known.setdefault(name, len(known)))
    order = sorted(known)  # sets have no order of their own
    place = np.empty(len(known), np.int64)
    place[[known[name] for name in order]] = np.arange(len(known))
    values = np.ones(len(rows), np.float32)
    return sparse.csr_matrix((values, (rows, place[columns] if rows else columns)), (n, len(known)))


def _unit_rows(counts: Matrix) -> Matrix:
    """TF-IDF with rows of length 1."""
    seen = np.asarray((counts > 0).sum(axis=0)).ravel()
    weighted = counts @ sparse.diags(np.log((1 + counts.shape[0]) / (1 + seen)) + 1)
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel())
    return (sparse.diags(1 / np.maximum(length, 1e-9)) @ weighted).tocsr().astype(np.float32)


@dataclass(frozen=True, eq=False)
class Affinity:
    """For each level the logarithm of how much more of a listing's groups a buyer took than buyers
    do on the whole, over all their events and over the late ones; and the cosine of titles."""

    content: Content
    histories: Histories
    profiles: tuple[tuple[str, Matrix], ...]

    def __call__(self, rows: Ints) -> Scores:
        found: dict[str, Floats] = {}
        for span, weights in self.profiles:
            for name, groups in self.content.levels:
                found[f"{name}_{span}"] = self._lift(weights[rows], groups)
        if self.content.words.shape[1]:
            profile = _unit(self.profiles[-1][1][rows] @ self.content.words)
            found["words"] = dense(profile @ self.content.words.T)
        return found

    def _lift(self, weights: Matrix, groups: Matrix) -> Floats:
        taken = dense(weights @ groups)
        usual = np.asarray(groups.T @ self.histories.popularity).ravel() + 1.0
        usual /= usual.sum()
        share = (taken + _PRIOR * usual) / (taken.sum(axis=1, keepdims=True) + _PRIOR)
        several = np.maximum(1, np.asarray(groups.sum(axis=1)).ravel())
        lift = np.log(share / usual).astype(np.float32)
        return np.asarray((groups @ lift.T).T / several, np.float32)


def affinity(content: Content, histories: Histories) -> Affinity:
    fading = {"long": _LONG, "short": _SHORT}
    profiles = tuple(
        (name, histories.weighted((each**histories.from_end).astype(np.float32)))
        for name, each in fading.items()
    )
    return Affinity(content, histories, profiles)


def _unit(profile: Matrix) -> Matrix:
    length = np.sqrt(np.asarray(profile.multiply(profile).sum(axis=1)).ravel())
    return (sparse.diags(1 / np.maximum(length, 1e-9)) @ profile).tocsr()
