"""A model of a few bytes that a registry takes, shared by the tests of it."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from marketrank.models import artefact
from marketrank.models.artefact import Description, ImagePart, Source, TextPart
from marketrank.models.registry import Facts, Registry
from marketrank.types import ModelVersion

AT = datetime(2026, 3, 14, 12, tzinfo=UTC)
SOURCE = Source("made up", "0" * 64, "MIT")
ENCODER = Description(
    name="small",
    text=TextPart("text.onnx", "tokenizer.json", 2, 128, 0, SOURCE),
    image=ImagePart("image.onnx", 2, 224, "none", "none", SOURCE),
    fusion="concatenate",
    dim=4,
    absent_photo=(0.6, 0.8),
    files={},
)
FACTS = Facts(
    kind="vision",
    data_hash="d" * 64,
    seed=7,
    trained_on=1234,
    runs={"towers": "runs/towers-20260314T110000"},
    parity={"text.fp32": 1e-5, "image.fp32": 1e-3, "text.int8": 0.95},
    metrics={"image": {"accuracy": 0.62, "macro_f1": 0.5, "n": 900}, "price": {"log_r2": 0.25}},
)
OTHERS = {
    "int8/text.onnx": b"small",
    "weights/towers.safetensors": b"weights",
    "classifiers/manifest.json": b"{}",
    "classifiers/deep/labels.npz": b"labels",
    "metrics.json": b'{"test": {"image": {"accuracy": 0.62}}, "by": "hand"}',
}


def write_encoder(folder: Path) -> Description:
    for name in ("text.onnx", "tokenizer.json", "image.onnx"):
        (folder / name).write_bytes(name.encode())
    return ENCODER


def fill(folder: Path) -> Facts:
    version = artefact.write(folder, write_encoder)
    (folder / version).rename(folder / "encoder")
    (folder / ".lock").unlink()
    for name, data in OTHERS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return FACTS


def filling(change: Callable[[Path], object]) -> Callable[[Path], Facts]:
    """Fill a folder, and then change it."""

    def fill_and_change(folder: Path) -> Facts:
        facts = fill(folder)
        change(folder)
        return facts

    return fill_and_change


def publish_three(registry: Registry) -> list[ModelVersion]:
    """The oldest first; none is in use."""
    return [registry.publish(fill, at=AT + timedelta(seconds=n)) for n in range(3)]


def promote(registry: Registry, *versions: ModelVersion) -> None:
    """Promote them in this order, a day apart."""
    for number, version in enumerate(versions):
        registry.promote(version, at=AT + timedelta(days=number), why=f"number {number}")


def entries(registry: Registry) -> list[str]:
    """What lies in a registry's folder."""
    return sorted(path.name for path in registry.folder.iterdir())


def die(folder: Path) -> None:
    """Be killed with a model half written."""

    def fill_and_die(draft: Path) -> Facts:
        fill(draft)
        (draft / "manifest.json").write_bytes(b"{")
        os._exit(9)

    Registry(folder).publish(fill_and_die, at=AT)


def publish(folder: Path) -> None:
    """As another process does it."""
    Registry(folder).publish(fill, at=AT)
