"""Whole image networks that are trained end to end, by name.

Needs the extra [train]; torch is imported inside the functions. Every network's module is
`module(pixels)`: uint8 (n, size, size, 3) to logits (n, classes), with `module.features(pixels)`
(n, width), and is made of `module.body` (scaled pixels to features) and `module.head`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketrank.errors import BadInput, Corrupt, MissingExtra, NotReady
from marketrank.models.artefact import Source, sha256

if TYPE_CHECKING:
    import torch

# Mean and deviation of ImageNet's pixels, red, green, blue: what published weights expect.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
RESNET50 = "microsoft/resnet-50"
_WIDTHS = (32, 64, 128, 256)
_FILES = ("config.json", "model.safetensors")


@dataclass(frozen=True, slots=True)
class Network:
    """`module` (see above) takes photos of any size, and is meant for `size` pixels a side. Its
    features are `width` wide. `source` is where the body's weights come from; None where they are
    random, to be trained from scratch."""

    module: "torch.nn.Module"
    size: int
    width: int
    name: str
    source: Source | None


def build(name: str, classes: int, *, seed: int, weights: str | None = None) -> Network:
    """The network of a name in NETWORKS, with a new head for `classes` labels, drawn by `seed`.

    `weights` are the pretrained ones, where the network has such: a model id of the Hugging Face
    hub, or a folder with config.json and model.safetensors. Raises BadInput for an unknown name,
    MissingExtra without torch, NotReady where the weights cannot be had, and Corrupt where they
    are not this network's.
    """
    if name not in NETWORKS:
        raise BadInput(f"there is no network {name!r}; the known ones are {sorted(NETWORKS)}")
    if classes < 2:
        raise BadInput(f"network {name!r} cannot tell {classes} labels apart; give 2 or more")
    try:
        return NETWORKS[name](classes, seed, weights)
    except ImportError as error:
        raise MissingExtra(f"network {name!r}", "train") from error


def small_cnn(classes: int, seed: int = 0, weights: str | None = None) -> Network:
    """A small network to be trained from scratch on photos of 64 to 112 pixels a side: 388,896
    weights, and 257 for each label.

    Four times a 3 × 3 convolution with stride 2, batch norm (Ioffe and Szegedy, ICML 2015) and
    ReLU; the mean over positions (Lin et al., "Network In Network", ICLR 2014); dropout (Srivastava
    et al., JMLR 2014); one linear layer. Weights are drawn as in He et al., "Delving Deep into
    Rectifiers", ICCV 2015. Raises BadInput where `weights` are given.
    """
    import torch

    if weights is not None:
        raise BadInput(f"cnn starts from random weights and cannot take {weights!r}; omit it")
    draw = torch.Generator().manual_seed(seed)
    layers: list[torch.nn.Module] = []
    for before, after in zip((3, *_WIDTHS), _WIDTHS, strict=False):
        # A bias would be taken out again by the batch norm.
        convolution = torch.nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
        torch.nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu", generator=draw)
        layers += [convolution, torch.nn.BatchNorm2d(after), torch.nn.ReLU(inplace=True)]
    body = torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    module = _whole(body, _head(_WIDTHS[-1], classes, dropout=0.3, draw=draw))
    return Network(module, size=96, width=_WIDTHS[-1], name="cnn", source=None)


def resnet50(classes: int, seed: int = 0, weights: str | None = None) -> Network:
    """ResNet-50 (He et al., "Deep Residual Learning for Image Recognition", CVPR 2016) trained on
    ImageNet, with a new head: `transformers.ResNetModel` from `weights`, by default
    microsoft/resnet-50 of the hub.

    A folder may hold a ResNet of any depth. Only safetensors are read, never a pickle. Raises
    NotReady where the weights are neither here nor to be reached, Corrupt where they are torn or
    another network's.
    """
    import torch

    wanted = weights or RESNET50
    resnet, folder = _read_resnet(wanted)

    class Pooled(torch.nn.Module):
        def __init__(self, resnet: Any) -> None:
            super().__init__()
            self.resnet = resnet

        def forward(self, scaled: torch.Tensor) -> torch.Tensor:
            pooled: torch.Tensor = self.resnet(scaled).pooler_output
            return pooled.flatten(1)

    width = int(resnet.config.hidden_sizes[-1])
    draw = torch.Generator().manual_seed(seed)
    module = _whole(Pooled(resnet), _head(width, classes, dropout=0.2, draw=draw))
    licence = "Apache-2.0" if wanted == RESNET50 else "as its publisher says"
    source = Source(wanted, sha256(folder / _FILES[1]), licence)
    return Network(module, size=224, width=width, name="resnet50", source=source)


NETWORKS: dict[str, Callable[[int, int, str | None], Network]] = {
    "cnn": small_cnn,
    "resnet50": resnet50,
}
"""By name: from the number of classes, the seed and the weights, or None."""


def _folder_of(weights: str) -> Path:
    """Where config.json and model.safetensors of a hub's id or a folder lie. Raises NotReady."""
    folder = Path(weights)
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        try:
            folder = Path(snapshot_download(weights, allow_patterns=list(_FILES)))
        except (OSError, ValueError) as error:  # no network, HF_HUB_OFFLINE, no such model or name
            raise NotReady(
                f"the weights of {weights!r} are neither a folder here nor to be had from the "
                f"Hugging Face hub ({str(error).splitlines()[0]}); unset HF_HUB_OFFLINE where it "
                "is set, or, where there is no network, run "
                f"`hf download {weights} {' '.join(_FILES)} --local-dir FOLDER` where there is one "
                "and give that folder; `--network lite` and `--network cnn` need no download"
            ) from error
    absent = [file for file in _FILES if not (folder / file).is_file()]
    if absent:
        raise NotReady(
            f"{weights!r} has no {' and no '.join(absent)}; give a folder or id that has "
            f"{' and '.join(_FILES)} (other formats of weights, pickles, are not read)"
        )
    return folder


def _read_resnet(wanted: str) -> tuple[Any, Path]:
    """A `transformers.ResNetModel` with every weight from a folder, and the folder. Raises NotReady
    and Corrupt."""
    import torch
    from transformers import ResNetModel

    folder = _folder_of(wanted)
    try:
        resnet, report = ResNetModel.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:  # safetensors, JSON and transformers each raise their own
        raise Corrupt(
            f"{folder} holds no ResNet that can be read ({error}); download {wanted} again"
        ) from error
    missing = [key for key in report["missing_keys"] if not key.endswith("num_batches_tracked")]
    if missing:  # transformers would leave them random
        raise Corrupt(
            f"{folder / _FILES[1]} lacks {len(missing)} weights of a ResNet, such as "
            f"{min(missing)}; give the folder or id of a ResNet"
        )
    return resnet, folder


def _head(width: int, classes: int, *, dropout: float, draw: "torch.Generator") -> Any:
    import torch

    linear = torch.nn.Linear(width, classes)
    # Small: training starts from nearly equal probabilities of all labels.
    torch.nn.init.normal_(linear.weight, std=0.1 / math.sqrt(width), generator=draw)
    torch.nn.init.zeros_(linear.bias)
    return torch.nn.Sequential(torch.nn.Dropout(dropout), linear)


def _whole(body: Any, head: Any) -> "torch.nn.Module":
    """See the head of this file."""
    import torch

    class Whole(torch.nn.Module):
        mean: torch.Tensor
        deviation: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            self.body = body
            self.head = head
            # Constants, not learned: no checkpoint needs them.
            for name, values in (("mean", MEAN), ("deviation", DEVIATION)):
                scaled = torch.tensor(values).mul(255).view(1, 3, 1, 1)
                self.register_buffer(name, scaled, persistent=False)

        def features(self, pixels: torch.Tensor) -> torch.Tensor:
            # Channels stay last in memory, which is what convolutions on GPUs run fastest on.
            scaled = (pixels.permute(0, 3, 1, 2).to(torch.float32) - self.mean) / self.deviation
            features: torch.Tensor = self.body(scaled)
            return features

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.head(self.features(pixels))
            return logits

    return Whole()
