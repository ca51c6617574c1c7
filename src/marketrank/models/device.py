"""Where networks run, and how they are run there. Needs the extra [train]."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import cast

import torch

from marketrank.errors import BadInput

Run = Callable[[torch.Tensor], torch.Tensor]

_log = logging.getLogger(__name__)


def pick(name: str = "auto") -> torch.device:
    """The device of a name: "cpu", "cuda", "cuda:N", or "auto", a GPU where there is one.

    Raises BadInput for another name, or a GPU that torch does not see.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda" if gpus else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in {"cpu", "cuda"}:
        raise BadInput(f"there is no device {name!r}; give auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= gpus:
        raise BadInput(
            f"device {name!r} is not there: torch {torch.__version__} sees {gpus} GPUs; give auto "
            "or cpu, or install a driver and a CUDA build of torch"
        )
    return device


_HALF_ON_CPUS = ("avx512_bf16", "amx_bf16")


@dataclass(frozen=True, slots=True)
class Runtime:
    """How a network is run on a device: with `half`, products are computed in bfloat16, which
    needs no scaling of gradients (Kalamkar et al., "A Study of BFLOAT16 for Deep Learning
    Training", 2019), while weights and losses stay float32; `compiled` by torch.compile.

    Channels lie last, as convolutions on GPUs want them, without a setting: pixels come that way,
    (n, size, size, 3), and layers keep the order of their input. Weights keep torch's own order,
    since safetensors, the checkpoints' format, takes no other.
    """

    device: torch.device
    half: bool = False
    compiled: bool = False

    @classmethod
    def on(cls, device: torch.device) -> "Runtime":
        """The usual one: plain float32 on a CPU, where the numbers then are the same in every run;
        compiled, and in bfloat16 where it computes with these, on a GPU."""
        if device.type == "cpu":
            return cls(device)
        return cls(device, half=torch.cuda.is_bf16_supported(False), compiled=True)

    @classmethod
    def for_products(cls, device: torch.device) -> "Runtime":
        """For training what consists of large products: in bfloat16 on a CPU as well, where that
        has instructions for it (without, it is many times slower)."""
        usual = cls.on(device)
        if device.type != "cpu":
            return usual
        able = torch.cpu.get_capabilities()
        return replace(usual, half=any(able.get(name, False) for name in _HALF_ON_CPUS))

    def prepare(self, module: torch.nn.Module) -> Run:
        """Move `module` to the device, in place, and return what runs it: the module, or a compiled
        form that shares its weights. Names in its state stay as they are. What cannot be compiled
        runs as it is, after a warning."""
        module.to(self.device)
        return _Compiled(module) if self.compiled else module

    def autocast(self) -> AbstractContextManager[object]:
        """A context for forward passes and losses."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.half)

    def to(self, tensor: torch.Tensor) -> torch.Tensor:
        """On the device; from pinned memory without waiting for it."""
        return tensor.to(self.device, non_blocking=True)


class _Compiled:
    """Compiling happens at the first call, and again for new shapes: any of them may fail, for
    want of a C compiler, say. Then the plain module runs, from that call on; what was the input's
    fault fails there as well."""

    def __init__(self, module: torch.nn.Module) -> None:
        self._plain: torch.nn.Module = module
        self._run: Run | None = None
        try:
            self._run = cast("Run", torch.compile(module))
        except Exception as error:
            self._give_up(error)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        if self._run is not None:
            try:
                return self._run(x)
            except torch.OutOfMemoryError:
                raise  # the plain module takes more memory, not less
            except Exception as error:
                self._give_up(error)
        return cast("torch.Tensor", self._plain(x))

    def _give_up(self, error: Exception) -> None:
        self._run = None
        first = (str(error).strip() or "no message").splitlines()[0]
        _log.warning(
            "%s cannot be compiled and runs slower, as it is: %s: %s",
            *(type(self._plain).__name__, type(error).__name__, first),
        )
