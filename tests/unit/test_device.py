from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from marketrank.errors import BadInput  # noqa: E402
from marketrank.models.device import Runtime, pick  # noqa: E402

CPU = torch.device("cpu")


def gpus(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: n > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: n)


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Linear(3, 2)


@pytest.mark.parametrize("n, expected", [(0, "cpu"), (1, "cuda")])
def test_auto_is_a_gpu_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, n: int, expected: str
) -> None:
    gpus(monkeypatch, n)
    assert pick() == pick("auto") == torch.device(expected)


def test_a_device_is_had_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, 2)
    assert pick("cpu") == CPU
    assert pick("cuda") == torch.device("cuda")
    assert pick("cuda:1") == torch.device("cuda", 1)


@pytest.mark.parametrize("name, n", [("cuda", 0), ("cuda:0", 0), ("cuda:2", 2)])
def test_a_gpu_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, n: int
) -> None:
    gpus(monkeypatch, n)
    with pytest.raises(BadInput, match=f"'{name}'.*sees {n} GPUs; give auto or cpu"):
        pick(name)


@pytest.mark.parametrize("name", ["gpu", "", "mps", "meta", "cuda:x"])
def test_another_name_gets_the_known_ones(name: str) -> None:
    with pytest.raises(BadInput, match=f"device '{name}'; give auto, cpu, cuda"):
        pick(name)


def test_a_cpu_runs_plain_float32() -> None:
    assert Runtime.on(CPU) == Runtime(CPU, half=False, compiled=False)
    module = network()
    runtime = Runtime.on(CPU)
    assert runtime.prepare(module) is module
    with runtime.autocast():
        assert module(torch.ones(1, 3)).dtype == torch.float32


@pytest.mark.parametrize("able", ["avx512_bf16", "amx_bf16", ""])
def test_a_cpu_multiplies_in_bfloat16_if_it_has_instructions_for_it(
    monkeypatch: pytest.MonkeyPatch, able: str
) -> None:
    found = {"avx512_bf16": False, "avx512_f": True} | ({able: True} if able else {})
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert Runtime.for_products(CPU) == Runtime(CPU, half=bool(able), compiled=False)


def test_a_gpu_multiplies_as_it_does_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda emulated=True: True)
    gpu = torch.device("cuda")
    assert Runtime.for_products(gpu) == Runtime.on(gpu)


@pytest.mark.parametrize("able", [True, False])
def test_a_gpu_runs_compiled_and_in_bfloat16_if_it_can(
    monkeypatch: pytest.MonkeyPatch, able: bool
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return including_emulation or able

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    gpu = torch.device("cuda")
    assert Runtime.on(gpu) == Runtime(gpu, half=able, compiled=True)


def test_half_computes_in_bfloat16_and_keeps_weights() -> None:
    runtime = Runtime(CPU, half=True)
    module = network()
    with runtime.autocast():
        out = runtime.prepare(module)(runtime.to(torch.ones(1, 3)))
    assert out.dtype == torch.bfloat16
    assert module.weight.dtype == torch.float32


def test_module_and_tensors_go_to_the_device() -> None:
    runtime = Runtime(torch.device("meta"))
    module = network()
    runtime.prepare(module)
    assert module.weight.device.type == "meta"
    assert runtime.to(torch.ones(1)).device.type == "meta"


def test_compiled_runs_the_compiled_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda module: lambda x: module(x) + 1)
    module, x = network(), torch.ones(1, 3)
    assert torch.equal(Runtime(CPU, compiled=True).prepare(module)(x), module(x) + 1)
    assert torch.equal(Runtime(CPU).prepare(module)(x), module(x))


def refuse(_: Any) -> Any:
    raise RuntimeError("no C compiler\nmany lines")


@pytest.mark.parametrize("broken", [refuse, lambda module: refuse])
def test_what_cannot_be_compiled_runs_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, broken: Callable[[Any], Any]
) -> None:
    """Whether torch says so when asked, or at the first call."""
    monkeypatch.setattr(torch, "compile", broken)
    module, x = network(), torch.ones(1, 3)
    run = Runtime(CPU, compiled=True).prepare(module)
    for _ in range(2):
        assert torch.equal(run(x), module(x))
    (record,) = caplog.records
    assert record.getMessage().endswith("as it is: RuntimeError: no C compiler")


def test_a_fault_of_the_input_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda module: module)
    run = Runtime(CPU, compiled=True).prepare(network())
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        run(torch.ones(1, 4))


def test_full_memory_is_not_taken_for_a_failure_to_compile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(_: Any) -> Any:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(torch, "compile", lambda module: full)
    with pytest.raises(torch.OutOfMemoryError):
        Runtime(CPU, compiled=True).prepare(network())(torch.ones(1, 3))
