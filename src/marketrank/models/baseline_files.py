"""The baselines on disk: JSON for names, npz for numbers, and a manifest with checksums. Nothing
is pickled, and reading needs numpy alone.

    <folder>/{manifest.json, labels.json, categories.json, categories.npz, price.json, price.npz,
              price-interval.json}
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from marketrank.errors import Corrupt
from marketrank.models.artefact import sha256
from marketrank.models.baselines import Categories, PhotoCategory, TextCategory
from marketrank.models.labels import Labels
from marketrank.models.price import PriceModel
from marketrank.models.price_interval import PriceInterval
from marketrank.models.tfidf import Field, Terms, TfIdf

FORMAT = 1
MANIFEST = "manifest.json"
_INTERVAL = "price-interval.json"
_REMEDY = "run `marketrank train baselines` again"
Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Baselines:
    """All of them. `price` is None where too few listings had a price to learn from, `interval`
    where too few were held out, or where an earlier version has written the files."""

    categories: Categories
    price: PriceModel | None
    interval: PriceInterval | None = None


def save(baselines: Baselines, folder: Path) -> None:
    """Write all files into an existing, empty folder; the manifest comes last."""
    categories, price = baselines.categories, baselines.price
    categories.labels.save(folder / "labels.json")
    _save_categories(categories, folder)
    if price is not None:
        _save_price(price, folder)
    if baselines.interval is not None:
        _write_json(folder / _INTERVAL, baselines.interval.as_json())
    files = {path.name: sha256(path) for path in sorted(folder.iterdir())}
    _write_json(folder / MANIFEST, {"format": FORMAT, "kind": "baselines", "files": files})


def load(folder: Path) -> Baselines:
    """Read what `save` wrote. Raises Corrupt where a file is missing or not as it was written."""
    manifest = folder / MANIFEST
    try:
        described = orjson.loads(manifest.read_bytes())
        if described["format"] != FORMAT or described["kind"] != "baselines":
            raise ValueError(f"it describes {described['kind']}, format {described['format']}")
        files: dict[str, str] = described["files"]
        for name, expected in files.items():
            if sha256(folder / name) != expected:
                raise Corrupt(f"{folder / name} does not match its checksum; {_REMEDY}")
        return Baselines(
            _load_categories(folder),
            _load_price(folder) if "price.json" in files else None,
            _load_interval(folder) if _INTERVAL in files else None,
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Corrupt(f"the baselines in {folder} cannot be read ({error}); {_REMEDY}") from error


def _save_categories(categories: Categories, folder: Path) -> None:
    text, photos = categories.text, categories.photos
    names = {
        "fields": [_field_names(field) for field in text.fields],
        "temperature": text.temperature,
        "photo_share": categories.photo_share,
    }
    arrays = {"text_weights": text.weights, "text_bias": text.bias, **_idfs(text.fields)}
    if photos is not None:
        arrays |= {"photo_weights": photos.weights, "photo_bias": photos.bias}
    _write_json(folder / "categories.json", names)
    _write_arrays(folder / "categories.npz", arrays)


def _load_categories(folder: Path) -> Categories:
    names = orjson.loads((folder / "categories.json").read_bytes())
    arrays = _read_arrays(folder / "categories.npz")
    text = TextCategory(
        _fields(names["fields"], arrays),
        arrays["text_weights"],
        arrays["text_bias"],
        float(names["temperature"]),
    )
    photos = None
    if "photo_weights" in arrays:
        photos = PhotoCategory(arrays["photo_weights"], arrays["photo_bias"])
    labels = Labels.load(folder / "labels.json")
    return Categories(labels, text, photos, float(names["photo_share"]))


def _save_price(price: PriceModel, folder: Path) -> None:
    names = {
        "currency": price.currency,
        "bias": price.bias,
        "terms": price.terms.names,
        "fields": [_field_names(field) for field in price.fields],
    }
    arrays = {"means": price.means, "scales": price.scales, "weights": price.weights}
    _write_json(folder / "price.json", names)
    _write_arrays(folder / "price.npz", arrays | _idfs(price.fields))


def _load_price(folder: Path) -> PriceModel:
    names = orjson.loads((folder / "price.json").read_bytes())
    arrays = _read_arrays(folder / "price.npz")
    return PriceModel(
        currency=str(names["currency"]),
        fields=_fields(names["fields"], arrays),
        terms=Terms(tuple(names["terms"])),
        means=arrays["means"],
        scales=arrays["scales"],
        weights=arrays["weights"],
        bias=float(names["bias"]),
    )


def _load_interval(folder: Path) -> PriceInterval:
    return PriceInterval.from_json(orjson.loads((folder / _INTERVAL).read_bytes()))


def _field_names(field: Field) -> dict[str, Any]:
    tfidf = field.tfidf
    return {
        "source": field.source,
        "analyser": tfidf.analyser,
        "shortest": tfidf.shortest,
        "longest": tfidf.longest,
        "terms": tfidf.terms.names,
    }


def _idfs(fields: tuple[Field, ...]) -> Arrays:
    return {f"idf_{number}": field.tfidf.idf for number, field in enumerate(fields)}


def _fields(described: list[dict[str, Any]], arrays: Arrays) -> tuple[Field, ...]:
    return tuple(
        Field(
            one["source"],
            TfIdf(
                analyser=one["analyser"],
                shortest=one["shortest"],
                longest=one["longest"],
                terms=Terms(tuple(one["terms"])),
                idf=arrays[f"idf_{number}"],
            ),
        )
        for number, one in enumerate(described)
    )


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def _write_arrays(path: Path, arrays: Arrays) -> None:
    np.savez_compressed(path, allow_pickle=False, **arrays)


def _read_arrays(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
