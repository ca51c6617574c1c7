"""Reports that a home keeps."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from marketrank.errors import BadInput
from marketrank.pipelines.reports import AUDIT, MOST, RELEVANCE, keep_report, reports_of

AT = datetime(2026, 3, 14, 12, tzinfo=UTC)


def test_the_newest_comes_first_with_its_page(tmp_path: Path) -> None:
    assert reports_of(tmp_path, RELEVANCE) == []
    keep_report(tmp_path, RELEVANCE, {"n": 1}, at=AT)
    keep_report(tmp_path, RELEVANCE, {"n": 2}, at=AT + timedelta(seconds=1), page=b"<p>two</p>")
    keep_report(tmp_path, AUDIT, {"n": 3}, at=AT)
    second, first = reports_of(tmp_path, RELEVANCE)
    assert (second.content["n"], second.at) == (2, AT + timedelta(seconds=1))
    assert second.page is not None
    assert second.page.read_bytes() == b"<p>two</p>"
    assert (first.content["n"], first.page) == (1, None)
    assert reports_of(tmp_path, RELEVANCE, 1) == [second]


def test_the_oldest_are_forgotten_with_their_pages(tmp_path: Path) -> None:
    for n in range(MOST + 2):
        keep_report(tmp_path, AUDIT, {"n": n}, at=AT + timedelta(hours=n), page=b"page")
    assert [one.content["n"] for one in reports_of(tmp_path, AUDIT)] == list(range(MOST + 1, 1, -1))
    assert len(list((tmp_path / "reports" / "audit").iterdir())) == 2 * MOST


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert keep_report(tmp_path / "nowhere", AUDIT, {}, at=AT) is None
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("torn", ["", "[]", "{}", '{"at": "soon"}', '{"at": 3}'])
def test_a_torn_one_costs_itself_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, torn: str
) -> None:
    keep_report(tmp_path, AUDIT, {"n": 1}, at=AT)
    (tmp_path / "reports" / "audit" / "20270101T000000.json").write_text(torn)
    assert [one.content["n"] for one in reports_of(tmp_path, AUDIT)] == [1]
    assert "20270101T000000" in caplog.text


def test_where_nothing_can_be_written_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(BadInput, match="make room"):
        keep_report(tmp_path, AUDIT, {}, at=AT)
