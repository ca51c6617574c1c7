"""Weights of stacks by what runs kept of held-out listings."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from made_up_feed import AT, data_of, stock
from marketrank.models.labels import Labels
from marketrank.models.published import LABELS
from marketrank.models.stack import fit_stack, mix_crosswise
from marketrank.pipelines.heldout import HeldOut
from marketrank.pipelines.stacking import kept_stacks, said_crosswise
from marketrank.pipelines.training_data import TrainingData
from small_contest import SEED, train_small

TEXT = ("words", "tuned", "space")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingData, dict[str, Path]]:
    home = tmp_path_factory.mktemp("home")
    listings, blobs = stock(home / "photos", 160)
    data = data_of(listings, SEED)
    return data, train_small(data, blobs, home, at=AT)


def test_weights_that_are_kept_are_those_of_all_held_out_listings(
    made: tuple[TrainingData, dict[str, Path]],
) -> None:
    data, runs = made
    _, validation, test = data.rows()
    rows = [*validation, *test]
    labels = Labels.load(runs["multimodal"] / LABELS)
    codes = labels.encode(data.listings[row].category for row in rows)
    groups = [data.groups[data.listings[row].id] for row in rows]
    sources = {}
    for run in runs.values():
        held = HeldOut.load(run)
        for name in {*TEXT, "photos"} & set(held.validation):
            sources[name] = np.concatenate([held.validation[name], held.test[name]])
    found, said = kept_stacks(runs, data), said_crosswise(runs, data)
    for kind, names in (("text", TEXT), ("combined", (*TEXT, "photos"))):
        wanted = {name: sources[name] for name in names}
        assert found[kind] == fit_stack(wanted, codes)
        expected = mix_crosswise(wanted, codes, groups)[len(validation) :]
        np.testing.assert_array_equal(said[kind], expected)
        assert said[kind].shape == (len(test), 3)


def test_listings_that_are_gone_are_answered_and_decide_nothing(
    made: tuple[TrainingData, dict[str, Path]],
) -> None:
    data, runs = made
    test = data.split.test
    gone = set(test[:5])
    fewer = replace(data, listings=tuple(one for one in data.listings if one.id not in gone))
    found, whole = said_crosswise(runs, fewer), said_crosswise(runs, data)
    for kind, said in found.items():
        assert said.shape == whole[kind].shape
        assert np.isfinite(said).all()
        np.testing.assert_allclose(said.sum(1), 1, rtol=1e-5)
    assert kept_stacks(runs, fewer) != kept_stacks(runs, data)
