"""Query → category: a multinomial logistic regression on whatever the encoder makes of a query.

It is fitted when a release is built, on the listings' own vectors and the second level of their
paths, and lies in the release as `categories.npz`. It gives probabilities, which lift listings and
never exclude any. A query that names a category by its label is taken at its word.
"""

import re
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marketrank.asking import Parse, ParseKind, Understood
from marketrank.errors import Corrupt
from marketrank.retrieval.understand.reading import things
from marketrank.types import ModelVersion, Vectors

CategoryPath = tuple[str, ...]
FILE = "categories.npz"
DEPTH = 2
"""Levels that are told apart: the second of a path has a hundred or so values, deeper ones too few
listings each."""
_FORMAT = 1
_STEPS = 40
_L2 = 3e-5
_TEMPERATURES = np.geomspace(0.1, 10, 81)
_LEAST_PROBABILITY = 0.01  # fainter ones are left out
_SEPARATOR = " / "


@dataclass(frozen=True, slots=True)
class CategoryModel:
    """`classes` are paths of at most DEPTH labels; `weights` has shape (dim + 1, classes), the last
    row being the constant; logits are divided by `temperature`. `names` are labels as queries
    write them, each of one path. `count` listings of the encoder `version` taught it."""

    version: ModelVersion
    count: int
    classes: tuple[CategoryPath, ...]
    weights: NDArray[np.float32]
    temperature: float
    names: Mapping[str, CategoryPath]

    def logits(self, vectors: Vectors) -> NDArray[np.float32]:
        """Shape (n, classes)."""
        scores = (vectors @ self.weights[:-1] + self.weights[-1]) / self.temperature
        return np.asarray(scores, np.float32)

    def probabilities(self, query: Vectors) -> dict[CategoryPath, float]:
        """Of roots and second levels for one query, shape (1, dim); faint ones are left out."""
        if not self.classes:
            return {}
        known: dict[CategoryPath, float] = defaultdict(float)
        for path, p in zip(self.classes, softmax(self.logits(query))[0].tolist(), strict=True):
            for depth in range(1, len(path) + 1):
                known[path[:depth]] += p
        return {path: p for path, p in known.items() if p >= _LEAST_PROBABILITY}

    def named(self, text: str) -> CategoryPath | None:
        """The category of this label, in singular or plural."""
        return self.names.get(_key(text))


def fit(
    version: ModelVersion,
    vectors: Vectors,
    paths: Sequence[CategoryPath],
    names: Iterable[CategoryPath],
) -> CategoryModel:
    """Fit to listings, shape (n, dim); those without a category are left out. `names` are all paths
    of the taxonomy. With fewer than two classes only names are known.

    Multinomial logistic regression with ridge, by Nesterov's accelerated steps preconditioned with
    the upper bound ½XᵀX of the Hessian (Böhning 1992, "Multinomial logistic regression
    algorithm"): 40 of them are closer to the optimum than 150 of plain gradient descent.
    """
    rows = [row for row, path in enumerate(paths) if path]
    classes = sorted({paths[row][:DEPTH] for row in rows})
    known = _names(names)
    if len(classes) < 2:
        nothing = np.zeros((vectors.shape[1] + 1, 0), np.float32)
        return CategoryModel(version, len(rows), (), nothing, 1.0, known)
    number = {path: n for n, path in enumerate(classes)}
    labels = np.array([number[paths[row][:DEPTH]] for row in rows], np.int64)
    weights = _regress(vectors[rows], labels, len(classes))
    return CategoryModel(version, len(rows), tuple(classes), weights, 1.0, known)


def calibrated(
    model: CategoryModel, queries: Vectors, paths: Sequence[CategoryPath]
) -> CategoryModel:
    """The model at the temperature that makes these queries' categories likeliest (Guo et al.,
    "On calibration of modern neural networks", ICML 2017); as it was where none is known."""
    number = {path: n for n, path in enumerate(model.classes)}
    rows = [row for row, path in enumerate(paths) if path[:DEPTH] in number]
    if not rows:
        return model
    labels = np.array([number[paths[row][:DEPTH]] for row in rows], np.int64)
    logits = replace(model, temperature=1.0).logits(queries[rows])
    costs = [_cost(logits / temperature, labels) for temperature in _TEMPERATURES]
    return replace(model, temperature=float(_TEMPERATURES[int(np.argmin(costs))]))


def understand_category(
    understood: Understood,
    text: str,
    model: CategoryModel,
    query: Vectors,
    *,
    confidence: float,
) -> Understood:
    """What was understood, with the categories that the query is likely of; `text` is what is left
    of it, in the right spelling. The likeliest becomes
    a parse where it is named, or where its probability reaches `confidence`: the second level if
    that does, else the root."""
    known = model.probabilities(query)
    words = things(text, understood)
    named = model.named(words)
    if named is not None:
        known |= {named[:depth]: 1.0 for depth in range(1, len(named) + 1)}
        shown: CategoryPath | None = named
    else:
        words = text
        shown = _confident(known, confidence)
    parses = understood.parses
    if shown is not None:
        value = _SEPARATOR.join(shown)
        parses = (*parses, Parse(ParseKind.CATEGORY, words, value, shown[-1], hard=False))
    return replace(understood, boosts=replace(understood.boosts, categories=known), parses=parses)


def write(model: CategoryModel, folder: Path) -> None:
    """Write `categories.npz` into a folder."""
    np.savez(
        folder / FILE,
        format=np.int64(_FORMAT),
        version=np.str_(model.version),
        count=np.int64(model.count),
        temperature=np.float64(model.temperature),
        classes=np.array([_SEPARATOR.join(path) for path in model.classes], np.str_),
        weights=model.weights,
        names=np.array(list(model.names), np.str_),
        named=np.array([_SEPARATOR.join(path) for path in model.names.values()], np.str_),
    )


def read(folder: Path) -> CategoryModel | None:
    """The model of a folder; None where it has none. Raises Corrupt for one of another format or
    that cannot be read."""
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as held:
            if int(held["format"]) != _FORMAT:
                raise Corrupt(
                    f"{path} has format {int(held['format'])}; this version reads {_FORMAT}: run "
                    "`marketrank index --rebuild`"
                )
            return CategoryModel(
                ModelVersion(str(held["version"])),
                int(held["count"]),
                tuple(tuple(name.split(_SEPARATOR)) for name in held["classes"].tolist()),
                held["weights"],
                float(held["temperature"]),
                {
                    name: tuple(path.split(_SEPARATOR))
                    for name, path in zip(
                        held["names"].tolist(), held["named"].tolist(), strict=True
                    )
                },
            )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise Corrupt(
            f"{path} cannot be read ({error}); run `marketrank index --rebuild`"
        ) from error


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probabilities along the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True), dtype=np.float64)
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), np.float64)


def _regress(vectors: Vectors, labels: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    n = len(vectors)
    inputs = np.hstack([vectors, np.ones((n, 1), np.float32)]).astype(np.float32)
    wanted = np.zeros((n, classes), np.float32)
    wanted[np.arange(n), labels] = 1
    bound = inputs.T @ inputs / (2 * n) + _L2 * np.eye(inputs.shape[1])
    step = np.linalg.inv(bound).astype(np.float32)
    weights = np.zeros((inputs.shape[1], classes), np.float32)
    ahead, momentum = weights, 1.0
    for _ in range(_STEPS):
        errors = softmax(inputs @ ahead).astype(np.float32) - wanted
        fresh = ahead - step @ (inputs.T @ errors / n + _L2 * ahead)
        grown = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = (fresh + (momentum - 1) / grown * (fresh - weights)).astype(np.float32)
        weights, momentum = fresh, grown
    return weights


def _cost(logits: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    likely = softmax(logits)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(likely, 1e-12)).mean())


def _confident(known: Mapping[CategoryPath, float], confidence: float) -> CategoryPath | None:
    for depth in range(DEPTH, 0, -1):
        level = [(p, path) for path, p in known.items() if len(path) == depth and p >= confidence]
        if level:
            return max(level)[1]
    return None


def _names(paths: Iterable[CategoryPath]) -> dict[str, CategoryPath]:
    """Labels that stand for one place in the taxonomy. One of several ("Other", "Accessories")
    names nothing."""
    places: dict[str, set[CategoryPath]] = defaultdict(set)
    for path in paths:
        for depth in range(1, len(path) + 1):
            places[_key(path[depth - 1])].add(path[:depth])
    return {key: next(iter(at)) for key, at in sorted(places.items()) if key and len(at) == 1}


_NOT_WORDS = re.compile(r"[\W_]+")


def _key(label: str) -> str:
    """Compared without case and signs; a plural as its singular."""
    words = _NOT_WORDS.sub(" ", label.casefold().replace("&", " and ")).split()
    if words and len(words[-1]) > 3:
        last = words[-1]
        if last.endswith("ies"):
            last = last[:-3] + "y"
        elif last.endswith(("sses", "shes", "ches", "xes")):
            last = last[:-2]
        elif last.endswith("s") and not last.endswith("ss"):
            last = last[:-1]
        words[-1] = last
    return " ".join(words)
