"""Features are computed once, also by a run that was killed in between."""

import errno
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from time import sleep
from typing import Any

import numpy as np
import pytest

from marketrank.errors import BadInput
from marketrank.models.feature_cache import Arrays, Spec, cached

ITEMS = [f"item {number}" for number in range(11)]
SPECS = {"map": Spec((2, 3), "float16"), "pooled": Spec((4,), "float32")}


class Network:
    """Counts what it computes; dies after `life` batches."""

    def __init__(self, life: int = 99) -> None:
        self.seen: list[str] = []
        self.life = life

    def __call__(self, items: Sequence[str]) -> Arrays:
        if self.life == 0:
            raise KeyboardInterrupt
        self.life -= 1
        self.seen += items
        numbers = np.array([len(item) + hash_of(item) for item in items], np.float32)
        return {
            "map": np.tile(numbers[:, None, None], (1, 2, 3)) * 0.5,
            "pooled": np.tile(numbers[:, None], (1, 4)),
        }


def hash_of(item: str) -> int:
    return sum(map(ord, item)) % 97


def expected(items: Sequence[str]) -> Arrays:
    return Network()(items)


def fill(folder: Path, network: Any, items: Sequence[str] = ITEMS, identity: str = "a") -> Arrays:
    return cached(folder, items, SPECS, network, kind="k", identity=identity, batch=4)


def same(found: Arrays, items: Sequence[str] = ITEMS) -> bool:
    wanted = expected(items)
    return all(
        np.array_equal(found[name], wanted[name].astype(spec.dtype))
        and found[name].dtype == spec.dtype
        for name, spec in SPECS.items()
    )


def test_the_second_time_nothing_is_computed(tmp_path: Path) -> None:
    assert same(fill(tmp_path, Network()))
    second = Network()
    found = fill(tmp_path, second)
    assert same(found)
    assert second.seen == []
    with pytest.raises(ValueError, match="read-only"):
        found["pooled"][0] = 1


@pytest.mark.parametrize("life", [0, 1, 2])
def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path, life: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path, Network(life))
    second = Network()
    assert same(fill(tmp_path, second))
    assert second.seen == ITEMS[4 * life :]


def test_rows_that_not_all_files_have_are_computed_again(tmp_path: Path) -> None:
    fill(tmp_path, Network())
    (file,) = tmp_path.glob("*/pooled.raw")
    file.write_bytes(file.read_bytes()[:-20])  # one row and a quarter
    second = Network()
    assert same(fill(tmp_path, second))
    assert second.seen == ITEMS[9:]


def test_another_network_computes_all_again(tmp_path: Path) -> None:
    fill(tmp_path, Network())
    other = Network()
    assert same(fill(tmp_path, other, ITEMS, "b"))
    assert other.seen == ITEMS


def test_what_an_older_cache_has_is_copied(tmp_path: Path) -> None:
    fill(tmp_path, Network())
    changed = ["new", *ITEMS[:0:-1], "newer"]
    second = Network()
    assert same(fill(tmp_path, second, changed), changed)
    assert second.seen == ["new", "newer"]


def test_an_older_cache_that_was_killed_gives_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path, Network(2))
    changed = ITEMS[1:]
    second = Network()
    assert same(fill(tmp_path, second, changed), changed)
    assert second.seen == ITEMS[8:]


def test_one_whole_cache_of_a_kind_is_kept(tmp_path: Path) -> None:
    fill(tmp_path, Network())
    (first,) = tmp_path.iterdir()
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path, Network(0), ["x", *ITEMS])
    assert first in tmp_path.iterdir()  # the new one is not whole
    cached(tmp_path, ITEMS, SPECS, Network(), kind="other", identity="a", batch=4)
    fill(tmp_path, Network(), ["x", *ITEMS])
    assert first not in tmp_path.iterdir()
    assert len(list(tmp_path.iterdir())) == 2


def test_the_others_used_last_are_kept_as_far_as_there_is_room(tmp_path: Path) -> None:
    size = sum(spec.row_bytes for spec in SPECS.values()) + 2 * 16  # with its two digests

    def computed(item: str, kind: str = "k") -> list[str]:
        sleep(0.02)  # more than a file's time tells apart
        network = Network()
        cached(
            tmp_path, [item], SPECS, network, kind=kind, identity="a", batch=4, keep_bytes=2 * size
        )
        return network.seen

    assert computed("other", kind="k-of-its-own") == ["other"]
    assert [computed(item) for item in "abcad"] == [["a"], ["b"], ["c"], [], ["d"]]
    # "b" was used longest ago when "d" came.
    assert [computed(item) for item in "acdb"] == [[], [], [], ["b"]]
    assert computed("other", kind="k-of-its-own") == []


def test_of_older_caches_the_one_with_most_of_it_is_copied(tmp_path: Path) -> None:
    def use(items: Sequence[str], network: Network) -> None:
        cached(tmp_path, items, SPECS, network, kind="k", identity="a", batch=4, keep_bytes=10**6)

    use(ITEMS[:3], Network())
    use([f"unlike {item}" for item in ITEMS], Network())
    network = Network()
    use(ITEMS[:4], network)
    assert network.seen == ITEMS[3:4]


def test_one_of_two_fills_a_cache_and_the_other_waits(tmp_path: Path) -> None:
    begun, go_on = Event(), Event()

    def slow(items: Sequence[str]) -> Arrays:
        begun.set()
        assert go_on.wait(10)
        return expected(items)

    second = Network()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(fill, tmp_path, slow)
        assert begun.wait(10)
        waiting = threads.submit(fill, tmp_path, second)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.1)
        go_on.set()
        assert same(first.result(timeout=10))
        assert same(waiting.result(timeout=10))
    assert second.seen == []


def test_nothing_to_compute_is_no_error(tmp_path: Path) -> None:
    assert {name: array.shape for name, array in fill(tmp_path, Network(), []).items()} == {
        "map": (0, 2, 3),
        "pooled": (0, 4),
    }


def test_a_wrong_shape_is_named(tmp_path: Path) -> None:
    def wrong(items: Sequence[str]) -> Arrays:
        return {**expected(items), "map": np.zeros((len(items), 3, 2))}

    with pytest.raises(BadInput, match=r"'map' has shape \(4, 3, 2\), not \(4, 2, 3\)"):
        fill(tmp_path, wrong)


def test_a_full_disk_says_where_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BufferedRandom):
        def write(self, data: Any) -> int:
            if self.tell() >= 4 * SPECS["pooled"].row_bytes:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    def opened(path: Path, mode: str, *_: Any) -> Any:
        if path.suffix != ".raw":
            return open(path, mode)  # noqa: PTH123 - Path.open is what this stands in for
        return (Full if path.name == "pooled.raw" else io.BufferedRandom)(io.FileIO(path, "r+"))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", opened)
        with pytest.raises(BadInput, match=r"No space left.*after 4 of 11"):
            fill(tmp_path, Network())
    second = Network()
    assert same(fill(tmp_path, second))
    assert second.seen == ITEMS[4:]


def test_progress_ends_at_the_whole(tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    cached(
        tmp_path,
        ITEMS,
        SPECS,
        Network(),
        kind="k",
        identity="a",
        batch=4,
        stage="photos",
        progress=lambda *what: told.append(what),
    )
    assert told == [("photos", done, 11) for done in (0, 4, 8, 11)]
