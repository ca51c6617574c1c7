"""What the composition root makes of settings, without a database."""

from pathlib import Path

from marketrank.asking import ParseKind, Request
from marketrank.config import Settings
from marketrank.retrieval.understand.boosting import Weights
from marketrank.types import RequestId
from marketrank.wiring import Marketplace, now


def test_queries_are_read_as_the_settings_say(tmp_path: Path) -> None:
    (tmp_path / "brands.txt").write_text("Oakfell\n", encoding="utf-8")
    settings = Settings(
        home=tmp_path,
        currency="EUR",
        near_boost=0.1,
        near_km=2,
        price_boost=0.3,
        words_boost=0.4,
        category_boost=0.5,
        category_confidence=0.6,
        brands=tmp_path / "brands.txt",
    )
    understanding = Marketplace(settings).understanding
    assert understanding.weights == Weights(near=0.1, near_km=2, price=0.3, words=0.4, category=0.5)
    assert understanding.confidence == 0.6
    request = Request(RequestId("r"), now(), text="oakfell desk under 50 euros in Milton Keynes")
    understood = understanding.reader.read(request)
    assert understood.text == "oakfell desk"
    assert [parse.kind for parse in understood.parses] == [
        ParseKind.BRAND,
        ParseKind.PRICE,
        ParseKind.NEAR,
    ]
    assert understood.filters.price_high == 5000
