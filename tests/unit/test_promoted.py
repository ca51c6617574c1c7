"""Which model answers while versions are promoted."""

from pathlib import Path
from typing import cast

import pytest

from marketrank.errors import Corrupt, NotReady
from marketrank.models.published import PublishedModel
from marketrank.models.registry import Registry
from marketrank.pipelines.promoted import Promoted
from small_model import promote, publish_three


class Opener:
    """Opens a version as its folder; refuses those in `damaged`."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.damaged: set[str] = set()

    def __call__(self, folder: Path) -> PublishedModel:
        self.opened.append(folder.name)
        if folder.name in self.damaged:
            raise Corrupt(f"{folder} is damaged")
        return cast(PublishedModel, folder)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "models")


def test_none_is_in_use(registry: Registry) -> None:
    with pytest.raises(NotReady, match="marketrank train all"):
        Promoted(registry, Opener()).current()


def test_a_promotion_is_followed_and_each_version_opened_once(registry: Registry) -> None:
    one, other, _ = publish_three(registry)
    opener = Opener()
    promoted = Promoted(registry, opener)
    promote(registry, one)
    assert promoted.current() == promoted.current() == (one, registry.path(one))
    promote(registry, other)
    assert promoted.current()[0] == other
    assert opener.opened == [one, other]


def test_a_damaged_version_is_tried_once_and_the_old_one_stays(registry: Registry) -> None:
    one, other, third = publish_three(registry)
    opener = Opener()
    promoted = Promoted(registry, opener)
    promote(registry, one)
    promoted.current()
    opener.damaged = {other}
    promote(registry, other)
    assert promoted.current()[0] == promoted.current()[0] == one
    assert opener.opened == [one, other]
    promote(registry, third)
    assert promoted.current()[0] == third


def test_a_damaged_first_version_is_an_error(registry: Registry) -> None:
    one, *_ = publish_three(registry)
    opener = Opener()
    opener.damaged = {one}
    promote(registry, one)
    with pytest.raises(Corrupt):
        Promoted(registry, opener).current()
