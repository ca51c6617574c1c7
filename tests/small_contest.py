"""Models of listings that are trained in a second, and published as the real ones are: linear ones
in place of towers, and a few bytes in place of graphs."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

import small_model
from made_up_feed import data_of
from marketrank.models.labels import learn_labels
from marketrank.models.probabilities import logs, mean_by_owner
from marketrank.models.published import LABELS, SECONDS
from marketrank.models.small_photos import describe
from marketrank.pipelines.heldout import HeldOut
from marketrank.pipelines.run_facts import write_facts
from marketrank.pipelines.runs import write_run
from marketrank.pipelines.train_baselines import train_baselines
from marketrank.pipelines.training_data import TrainingData, read_photos
from marketrank.ports import BlobStore
from marketrank.types import Listing

SEED = 1


def mislabelled(listings: Sequence[Listing], share: float, *, seed: int = 5) -> TrainingData:
    """The data with this share of the labels of the training and validation part dealt out anew;
    those of the test part are true."""
    rng = np.random.default_rng(seed)
    taught = {*data_of(listings, SEED).split.train, *data_of(listings, SEED).split.validation}
    rows = [row for row, one in enumerate(listings) if one.id in taught and rng.random() < share]
    dealt = [listings[row].category for row in rng.permutation(rows)]
    changed = list(listings)
    for row, category in zip(rows, dealt, strict=True):
        changed[row] = replace(changed[row], category=category)
    return data_of(changed, SEED)


def train_small(
    data: TrainingData, blobs: BlobStore, home: Path, *, at: datetime
) -> dict[str, Path]:
    """Runs of baselines, as they are, and of linear models by words and by colours; their
    held-out answers are as those of the real trainings."""
    runs = {"baselines": train_baselines(data, blobs, home, at=at).folder}
    words = _Words(data)
    parts = [{"tuned": logs(one)} for one in (words.validation, words.test)]
    runs["text"] = _write(home, "text", data, HeldOut(*parts), at)
    photos = [
        {"space": logs(said), **_photos(data, part, blobs), "titles": _unit(said)}
        for part, said in (("validation", words.validation), ("test", words.test))
    ]
    runs["multimodal"] = _write(home, "multimodal", data, HeldOut(*photos), at)
    return runs


def write_small(draft: Path, *_: object) -> tuple[Any, dict[str, float]]:
    """Stands in for `publishing._write`: files that a registry takes."""
    facts = small_model.fill(draft)
    (draft / "classifiers" / "manifest.json").unlink()
    return small_model.ENCODER.text, facts.parity


class _Words:
    """Probabilities of the labels by the words of texts."""

    def __init__(self, data: TrainingData) -> None:
        train, validation, test = data.rows()
        labels = learn_labels(one.category for one in data.listings)
        codes = labels.encode(one.category for one in data.listings)
        counts = CountVectorizer().fit_transform([one.text for one in data.listings])
        model = LogisticRegression(max_iter=200).fit(counts[train], codes[train])
        self.validation, self.test = (
            model.predict_proba(counts[rows]).astype(np.float32) for rows in (validation, test)
        )


def _photos(data: TrainingData, part: str, blobs: BlobStore) -> dict[str, NDArray[Any]]:
    labels = learn_labels(one.category for one in data.listings)
    codes = labels.encode(one.category for one in data.listings)
    train, validation, test = data.rows()

    def seen(rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        shown = [(photo.blob, at) for at, row in enumerate(rows.tolist())
                 for photo in data.listings[row].photos]  # fmt: skip
        described, _ = describe(read_photos(blobs, [blob for blob, _ in shown]))
        return described, np.array([at for _, at in shown], np.int64)

    described, owner = seen(train)
    model = LogisticRegression(C=0.02, max_iter=200).fit(described, codes[train][owner])
    rows = validation if part == "validation" else test
    described, owner = seen(rows)
    found = logs(model.predict_proba(described).astype(np.float32))
    return {
        "photo_logs": found,
        "photos": mean_by_owner(found, owner, len(rows)),
        "owner": owner,
        "photo_vectors": _unit(np.exp(found)),
    }


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return found


def _write(home: Path, kind: str, data: TrainingData, held: HeldOut, at: datetime) -> Path:
    def fill(folder: Path) -> None:
        write_facts(folder, data, {}, kind=kind, at=at, identity=data.data_hash)
        held.save(folder)
        categories = [one.category for one in data.listings]
        learn_labels(categories).save(folder / LABELS)
        learn_labels(categories, depth=2).save(folder / SECONDS)

    return write_run(home, kind, at=at, fill=fill)
