import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from marketrank.errors import BadInput
from marketrank.evaluation import contact_sheet
from marketrank.evaluation.contact_sheet import (
    FRAMES,
    TILE,
    Neighbour,
    Relation,
    SheetRow,
    draw_contact_sheet,
)


def jpeg(colour: tuple[int, int, int], size: tuple[int, int] = (64, 64)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG", quality=95)
    return out.getvalue()


PURPLE, YELLOW = (120, 0, 120), (230, 220, 40)


def near(
    relation: Relation = Relation.NEITHER,
    photo: bytes | None = None,
    category: str = "Bikes",
    similarity: float = 0.5,
) -> Neighbour:
    return Neighbour(photo or jpeg(YELLOW), category, similarity, relation)


def drawn(rows: list[SheetRow], folder: Path, title: str = "Nearest") -> np.ndarray:
    path = folder / "sheet.png"
    draw_contact_sheet(rows, path, title=title)
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def count(sheet: np.ndarray, colour: tuple[int, int, int], off: int = 12) -> int:
    return int((np.abs(sheet - colour).max(axis=-1) <= off).sum())


def row(*neighbours: Neighbour, query: bytes | str = "red bicycle") -> SheetRow:
    return SheetRow(query, "Bikes", neighbours)


def frame_pixels(sheet: np.ndarray, relation: Relation) -> int:
    return count(sheet, FRAMES[relation], off=0)


def box(sheet: np.ndarray, colour: tuple[int, int, int], *, below: int) -> np.ndarray:
    """Top, left, bottom and right of what has this colour, below that row."""
    rows, columns = np.nonzero(np.abs(sheet[below:] - colour).max(axis=-1) <= 12)
    return np.array([rows.min(), columns.min(), rows.max(), columns.max()])


@pytest.mark.parametrize("relation", list(Relation))
def test_the_frame_says_the_relation(tmp_path: Path, relation: Relation) -> None:
    legend = drawn([row()], tmp_path)
    sheet = drawn([row(near(relation))], tmp_path)
    added = {one: frame_pixels(sheet, one) - frame_pixels(legend, one) for one in Relation}
    frame = (TILE + 2 * contact_sheet.FRAME) ** 2 - TILE**2
    assert added == {one: frame if one == relation else 0 for one in Relation}
    assert all(frame_pixels(legend, one) > 0 for one in Relation)
    around = box(sheet, FRAMES[relation], below=contact_sheet._HEAD)
    photo = box(sheet, YELLOW, below=contact_sheet._HEAD)
    assert (photo - around).tolist() == [5, 5, -5, -5]


def test_every_photo_is_drawn_in_its_place(tmp_path: Path) -> None:
    rows = [
        row(near(), near(photo=jpeg(PURPLE)), query=jpeg((20, 200, 200))),
        row(near(photo=jpeg(PURPLE))),
    ]
    sheet = drawn(rows, tmp_path)
    assert count(sheet, YELLOW) == TILE**2
    assert count(sheet, PURPLE) == 2 * TILE**2
    columns = [np.abs(sheet - colour).max(axis=-1) <= 12 for colour in (YELLOW, PURPLE)]
    assert np.nonzero(columns[0])[1].max() < np.nonzero(columns[1][:250])[1].min()
    query = np.nonzero(np.abs(sheet - (20, 200, 200)).max(axis=-1) <= 12)
    assert len(query[0]) == TILE**2
    assert query[1].max() < np.nonzero(columns[0])[1].min()


def test_photos_are_not_stretched(tmp_path: Path) -> None:
    sheet = drawn([row(near(photo=jpeg(PURPLE, (200, 100))))], tmp_path)
    assert abs(count(sheet, PURPLE) - TILE**2 // 2) < 300


@pytest.mark.parametrize(
    "one, other",
    [
        (row(query="red bicycle"), row(query="blue bicycle")),
        (SheetRow("a", "Bikes", ()), SheetRow("a", "Cars", ())),
        (row(near(category="Bikes")), row(near(category="Cars"))),
        (row(near(similarity=0.513)), row(near(similarity=0.514))),
    ],
)
def test_texts_are_shown(tmp_path: Path, one: SheetRow, other: SheetRow) -> None:
    first, second = drawn([one], tmp_path), drawn([other], tmp_path)
    assert first.shape == second.shape
    assert 5 < (first != second).any(axis=-1).sum() < 3000


def test_the_title_is_shown(tmp_path: Path) -> None:
    first, second = drawn([row()], tmp_path, "Epoch 1"), drawn([row()], tmp_path, "Epoch 2")
    changed = np.nonzero((first != second).any(axis=-1))[0]
    assert 0 < changed.max() < 50


def test_long_texts_stay_in_their_tiles(tmp_path: Path) -> None:
    """A word wider than a tile, a page of words, and letters that a small font may not have."""
    names = ["W" * 4000, "for sale " * 4000, "Żółw £ é 自転車"]
    sheet = drawn([row(near(category=name), query=name) for name in names], tmp_path, "T" * 999)
    edge = TILE + 2 * contact_sheet.FRAME + contact_sheet._MARGIN
    between = sheet[contact_sheet._HEAD :, edge + 1 : edge + 8]
    assert (between == 255).all()
    assert (sheet[contact_sheet._HEAD :, -12:] == 255).all()
    assert (sheet[:40, -12:] == 255).all()


def test_wrapping_loses_no_word_that_has_room() -> None:
    font = contact_sheet._font(12)
    lines = contact_sheet._wrapped("one two three four five six seven", font, 60, 9)
    assert " ".join(lines) == "one two three four five six seven"
    assert max(font.getlength(line) for line in lines) <= 60 < font.getlength("one two three")
    cut = contact_sheet._wrapped("one two three four five six seven", font, 60, 2)
    assert (len(cut), cut[0], cut[1][-1]) == (2, lines[0], "…")
    assert contact_sheet._wrapped(" ", font, 60, 2) == []


def test_a_photo_that_cannot_be_decoded_costs_itself(tmp_path: Path) -> None:
    sheet = drawn([row(near(photo=jpeg(PURPLE)[:-200]), near(), query=b"torn")], tmp_path)
    assert count(sheet, PURPLE) == 0
    assert count(sheet, YELLOW) == TILE**2
    assert count(sheet, (160, 160, 160), off=0) > 2 * TILE**2 * 0.8


def test_no_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="contact sheet needs a query"):
        draw_contact_sheet([], tmp_path / "sheet.png", title="Nothing")
