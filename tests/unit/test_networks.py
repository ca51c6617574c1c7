import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from safetensors.torch import load_file, save_file  # noqa: E402

from marketrank.errors import BadInput, Corrupt, MissingExtra, NotReady  # noqa: E402
from marketrank.models.artefact import sha256  # noqa: E402
from marketrank.models.networks import NETWORKS, build, resnet50, small_cnn  # noqa: E402


def pixels(n: int, size: int, seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (n, size, size, 3), dtype=torch.uint8, generator=draw)


def tiny(folder: Path, model: str = "ResNetModel", **config: Any) -> Path:
    """A saved ResNet of two small stages with random weights."""
    torch.manual_seed(1)
    sizes = {"embedding_size": 8, "hidden_sizes": [8, 12], "depths": [1, 1]} | config
    described = transformers.ResNetConfig(layer_type="basic", **sizes)
    getattr(transformers, model)(described).save_pretrained(folder, safe_serialization=True)
    return folder


def offline(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))


@pytest.mark.parametrize("size", [64, 96, 112])
def test_the_small_network_takes_photos_of_its_sizes(size: int) -> None:
    network = small_cnn(5)
    logits = network.module(pixels(3, size))
    assert logits.shape == (3, 5)
    assert network.module.features(pixels(3, size)).shape == (3, network.width)
    assert 64 <= network.size <= 112
    assert network.source is None


def test_the_small_network_has_the_weights_that_it_says() -> None:
    def count(classes: int) -> int:
        return sum(p.numel() for p in small_cnn(classes).module.parameters())

    assert count(10) == 388_896 + 2_570
    assert count(11) - count(10) == 257


def test_the_seed_decides_the_weights_and_nothing_else_does() -> None:
    torch.manual_seed(1)
    one = small_cnn(3, seed=4).module.state_dict()
    torch.manual_seed(2)
    same, other = (small_cnn(3, seed=seed).module.state_dict() for seed in (4, 5))
    assert all(torch.equal(one[name], same[name]) for name in one)
    drawn = {name for name in one if not torch.equal(one[name], other[name])}
    assert drawn == {f"body.{layer}.weight" for layer in (0, 3, 6, 9)} | {"head.1.weight"}


def test_activations_neither_vanish_nor_explode() -> None:
    """What He's initialisation is for: even with batch norm left out."""
    module = small_cnn(3).module.eval()  # running mean 0 and variance 1: no normalising
    last = module.body[:-2]
    with torch.no_grad():
        spread = last(torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))).std()
    assert 0.1 < spread < 3


@pytest.mark.parametrize("kind", ["cnn", "resnet50"])
def test_pixels_are_scaled_as_imagenet_inside(tmp_path: Path, kind: str) -> None:
    network = small_cnn(2) if kind == "cnn" else resnet50(2, weights=str(tiny(tmp_path)))
    seen: list[torch.Tensor] = []
    network.module.body.register_forward_hook(lambda _m, args, _o: seen.append(args[0]))
    photo = pixels(2, 32)
    network.module.eval()(photo)
    expected = (photo / 255 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor(
        [0.229, 0.224, 0.225]
    )
    assert torch.allclose(seen[0], expected.permute(0, 3, 1, 2), atol=1e-5)
    assert seen[0].is_contiguous(memory_format=torch.channels_last)


def test_resnet_takes_its_body_from_a_folder(tmp_path: Path) -> None:
    folder = tiny(tmp_path)
    network = resnet50(4, weights=str(folder))
    photo = pixels(2, 32)
    network.module.eval()
    with torch.no_grad():
        features = network.module.features(photo)
        logits = network.module(photo)
        reference = transformers.ResNetModel.from_pretrained(folder).eval()
        mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        scaled = ((photo / 255 - mean) / deviation).permute(0, 3, 1, 2)
        expected = reference(scaled).pooler_output.flatten(1)
    assert torch.allclose(features, expected, atol=1e-4)
    assert features.shape == (2, network.width) == (2, 12)
    assert logits.shape == (2, 4)
    assert network.size == 224
    assert network.source is not None
    assert network.source.name == str(folder)
    assert network.source.sha256 == sha256(folder / "model.safetensors")


def test_resnet_takes_a_classifiers_body(tmp_path: Path) -> None:
    """What the hub holds: the body under another prefix, and a head that is not wanted."""
    network = resnet50(3, weights=str(tiny(tmp_path, "ResNetForImageClassification")))
    state = load_file(tmp_path / "model.safetensors")
    first = "resnet.embedder.embedder.convolution.weight"
    assert torch.equal(network.module.body.state_dict()[first], state[first])


def test_resnets_head_is_drawn_by_the_seed(tmp_path: Path) -> None:
    folder = str(tiny(tmp_path))
    one, same, other = (
        resnet50(3, seed, folder).module.state_dict()["head.1.weight"] for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_without_network_the_model_and_the_remedies_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    offline(monkeypatch, tmp_path)
    with pytest.raises(NotReady) as caught:
        resnet50(3)
    for part in ("microsoft/resnet-50", "HF_HUB_OFFLINE", "--network lite", "hf download"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    offline(monkeypatch, tmp_path)
    with pytest.raises(NotReady, match=r"nowhere.*neither a folder"):
        resnet50(3, weights=str(tmp_path / "nowhere"))


def test_pickled_weights_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny(tmp_path)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("a pickle was read"))
    with pytest.raises(NotReady, match=r"no model\.safetensors.*pickles, are not read"):
        resnet50(3, weights=str(folder))


def test_torn_weights_are_named(tmp_path: Path) -> None:
    file = tiny(tmp_path) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(Corrupt, match=f"{tmp_path}.*download"):
        resnet50(3, weights=str(tmp_path))


def test_weights_that_are_missing_are_not_left_random(tmp_path: Path) -> None:
    file = tiny(tmp_path) / "model.safetensors"
    state = load_file(file)
    del state["embedder.embedder.convolution.weight"]
    save_file(state, file, {"format": "pt"})
    with pytest.raises(Corrupt, match=r"lacks 1 weights.*embedder\.embedder\.convolution"):
        resnet50(3, weights=str(tmp_path))


def test_networks_are_built_by_name(tmp_path: Path) -> None:
    small = build("cnn", 3, seed=4)
    assert small.name == "cnn"
    direct = small_cnn(3, seed=4).module.state_dict()["head.1.weight"]
    assert torch.equal(small.module.state_dict()["head.1.weight"], direct)
    assert build("resnet50", 3, seed=0, weights=str(tiny(tmp_path))).width == 12


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(BadInput, match=r"'vgg'.*'cnn', 'resnet50'"):
        build("vgg", 3, seed=0)
    assert {"resnet50", "cnn"} <= set(NETWORKS)


def test_one_label_is_nothing_to_tell_apart() -> None:
    with pytest.raises(BadInput, match=r"'cnn'.*1 labels"):
        build("cnn", 1, seed=0)


def test_weights_for_a_network_that_takes_none_are_refused() -> None:
    with pytest.raises(BadInput, match=r"cnn.*'some/id'"):
        build("cnn", 3, seed=0, weights="some/id")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=r"'resnet50'.*marketrank\[train\]"):
        build("resnet50", 3, seed=0)
