import numpy as np

from marketrank.buyers.recommend.attributes import encode


def columns(values: list[str], name: str = "x") -> dict[str, np.ndarray]:
    found = encode([{name: value} if value else {} for value in values])
    return dict(zip(found.names, found.single.T, strict=True))


def test_values_that_begin_with_numbers_have_steps() -> None:
    found = columns((["Under 18"] * 6 + ["18-24"] * 6 + ["25-34"] * 6 + ["65+"] * 6) + [""] * 6)
    assert [name for name in found if ">=" in name] == ["x>=18", "x>=25", "x>=65"]
    assert found["x>=25"][[0, 6, 12, 18]].tolist() == [0, 0, 1, 1]
    assert found["x>=25"][-1] == 0.5
    assert found["x="].sum() == 6


def test_names_have_none() -> None:
    found = columns(["north"] * 5 + ["south"] * 5 + ["east"] * 5)
    assert set(found) == {"x=east", "x=north", "x=south"}


def test_rare_values_are_left_out() -> None:
    assert "x=rare" not in columns(["rare"] * 4 + ["often"] * 20)


def test_quantities_are_read_in_bins_of_like_size() -> None:
    found = columns([str(number) for number in range(120)])
    bins = [values for name, values in found.items() if "x=" in name]
    assert len(bins) == 12
    assert all(values.sum() == 10 for values in bins)


def test_postcodes_are_read_by_their_beginnings() -> None:
    found = columns([f"{10 + one % 5}0{one:02d}" for one in range(100)], name="zip")
    assert found["zip[:2]=10"].sum() == 20
    assert not any(">=" in name for name in found)


def test_pairs_of_values_are_columns_of_their_own() -> None:
    people = [{"sex": "fm"[one % 2], "age": ("18-24", "25+")[one // 20]} for one in range(40)]
    found = encode(people)
    assert found.pairs.shape == (40, 0)  # ten each are too few
    assert encode(people * 2).pairs.shape == (80, 4)
    assert np.all(encode(people * 2).pairs.sum(axis=1) == 1)


def test_nothing_known_is_no_column() -> None:
    assert not encode([{}, {}, {}]).known
    assert not encode([]).known
    assert not encode([{"sex": "f"}] * 9).known  # all alike
