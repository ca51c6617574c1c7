import numpy as np
import pytest

from marketrank.simulate.shopper_stock import all_kinds, draw_stock
from marketrank.simulate.towns import places, town_coordinates, town_positions
from small_shoppers import AT, small_stock


def test_kinds_are_alike_by_their_category() -> None:
    kinds = all_kinds()
    assert np.array_equal(kinds.level, kinds.level.T)
    assert (np.diag(kinds.level) == 3).all() and (kinds.level == 3).sum() == len(kinds.kinds)
    table, chairs, kettle = (
        kinds.places[name] for name in ("dining table", "dining chairs", "toaster")
    )
    assert kinds.level[table, chairs] == 2
    assert kinds.level[table, kettle] == 0
    assert kinds.weights.sum() == pytest.approx(1)


def test_columns_are_those_of_the_adverts() -> None:
    stock = small_stock()
    for place in (0, 17, 444):
        advert = stock.adverts[place]
        assert stock.kinds.kinds[stock.kind[place]].name == advert.truth.kind
        assert stock.spaces.colours[stock.colour[place]] == advert.truth.colour
        assert stock.sellers[stock.seller[place]] == advert.seller
        assert stock.photos[place] == len(advert.photos)
        assert stock.price[place] == pytest.approx(
            0 if advert.price == "Free" else float(advert.price[1:].replace(",", ""))
        )
    assert 0.05 < stock.trade.mean() < 0.6
    assert stock.created.max() < AT.timestamp()


def test_the_same_seed_gives_the_same_stock() -> None:
    again, other = draw_stock(listings=900, seed=3, at=AT), draw_stock(listings=50, seed=4, at=AT)
    assert again.ids == small_stock().ids and not set(other.ids) & set(again.ids)
    assert np.array_equal(again.vectors, small_stock().vectors)
    assert np.array_equal(again.appeal, small_stock().appeal)


def test_vectors_lie_near_each_other_for_like_things() -> None:
    stock = small_stock()
    assert np.linalg.norm(stock.vectors, axis=1) == pytest.approx(np.ones(len(stock)), abs=1e-5)
    cosines = stock.vectors @ stock.vectors.T
    level = stock.kinds.level[stock.kind[:, None], stock.kind]
    np.fill_diagonal(cosines, np.nan)
    means = [np.nanmean(cosines[level == one]) for one in range(4)]
    assert means == sorted(means) and means[3] > means[0] + 0.5


def test_every_town_has_a_place_within_the_country() -> None:
    for (town, county), weight in zip(*places(), strict=True):
        north, east = town_coordinates()[town]
        assert 49 < north < 61 and -8 < east < 2.5, (town, county)
        assert weight > 0
    leeds, bradford, truro = (
        np.array(town_positions()[one]) for one in ("Leeds", "Bradford", "Truro")
    )
    assert 8 < np.linalg.norm(leeds - bradford) < 20
    assert 400 < np.linalg.norm(leeds - truro) < 520
