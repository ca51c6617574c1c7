"""What every run folder says of itself: its config, its scores, its split."""

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from marketrank.errors import Corrupt
from marketrank.evaluation.splits import DEFAULT_SHARES
from marketrank.pipelines.training_data import TrainingData

CONFIG, METRICS, SPLIT = "config.json", "metrics.json", "split.json"
_PACKAGES = ("numpy", "scikit-learn", "torch", "transformers", "onnxruntime")


def write_facts(
    folder: Path,
    data: TrainingData,
    metrics: Mapping[str, Any],
    *,
    kind: str,
    at: datetime,
    identity: str,
    **more: Any,
) -> None:
    """Write config.json (what would give the same run again, and when it was), metrics.json and
    split.json. `identity` is that of `runs.identify`; `more` goes into the config."""
    split = data.split
    config = {
        "kind": kind,
        "seed": data.seed,
        "data_hash": data.data_hash,
        "at": at,
        "identity": identity,
        "listings": {
            "all": len(data.listings),
            "train": len(split.train),
            "validation": len(split.validation),
            "test": len(split.test),
        },
        "shares": DEFAULT_SHARES,
        **more,
        "versions": {"python": platform.python_version(), **_versions()},
    }
    write_json(folder / CONFIG, config)
    write_json(folder / METRICS, metrics)
    write_json(folder / SPLIT, asdict(split))


def read_facts(folder: Path, name: str) -> dict[str, Any]:
    """One of the files above. Raises Corrupt where it is missing or torn."""
    try:
        content: dict[str, Any] = orjson.loads((folder / name).read_bytes())
    except (OSError, ValueError) as error:
        raise Corrupt(f"{folder / name} cannot be read ({error}); train it again") from error
    return content


def write_json(path: Path, content: Mapping[str, Any] | Sequence[str]) -> None:
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
