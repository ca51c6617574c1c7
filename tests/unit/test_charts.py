"""Lines as SVG: every number has its place, and nothing leaves the picture."""

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketrank.api.operator.charts import line_chart, share_bar

numbers = st.floats(-1e6, 1e6) | st.just(math.nan)


def lines(svg: str) -> list[list[tuple[float, float]]]:
    """The points of each line above the names."""
    found = re.findall(r'points="([^"]+)"', svg)
    return [[tuple(map(float, p.split(","))) for p in one.split()] for one in found]  # type: ignore[misc]


def test_a_line_falls_as_its_numbers_do_and_is_named() -> None:
    svg = line_chart({"loss <b>": [4.0, 2.0, 1.0]}, title='a "loss"', best=2)
    assert svg is not None
    ElementTree.fromstring(svg)
    (first, second, third), _ = lines(svg)
    assert first[0] < second[0] < third[0]
    assert first[1] < second[1] < third[1]  # downwards
    assert "loss &lt;b&gt;: 1" in svg
    assert "kept" in svg
    assert "kept" not in str(line_chart({"loss": [1.0]}, title=""))


def test_what_is_missing_is_a_gap() -> None:
    svg = line_chart({"loss": [3.0, 2.0, math.nan, 1.0]}, title="")
    assert svg is not None
    assert [len(one) for one in lines(svg)] == [2, 2]  # and the name's
    assert svg.count("<circle") == 1


@pytest.mark.parametrize("series", [{}, {"loss": []}, {"loss": [math.nan, math.inf]}])
def test_nothing_to_draw(series: dict[str, list[float]]) -> None:
    assert line_chart(series, title="") is None


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.lists(numbers, max_size=6), max_size=5))
def test_any_numbers_fit_into_the_picture(series: dict[str, list[float]]) -> None:
    svg = line_chart(series, title="any")
    if svg is None:
        return
    width, height = map(float, re.findall(r'viewBox="0 0 (\S+) (\S+)"', svg)[0])
    for line in lines(svg):
        assert all(0 <= x <= width and 0 <= y <= height for x, y in line)


def test_a_bar_is_at_most_full() -> None:
    assert 'width="50.0"' in share_bar(0.5)
    assert 'width="100.0"' in share_bar(7)
    assert 'width="0.0"' in share_bar(-1)
