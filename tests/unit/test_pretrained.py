import numpy as np
import pytest
from numpy.typing import NDArray

from marketrank.models.pretrained import principal_directions

CHANNELS, INPUTS = 60, 12
Floats = NDArray[np.float64]
Layer = tuple[Floats, Floats, Floats]


@pytest.fixture
def layer() -> Layer:
    draw = np.random.default_rng(5)
    return (
        draw.standard_normal((CHANNELS, INPUTS)),
        draw.normal(0.5, 1.0, CHANNELS),
        draw.normal(0.0, 2.0, CHANNELS),  # batch norm's scales may be negative
    )


def features(layer: Layer, n: int) -> Floats:
    """What the layer answers to white input."""
    weights, shift, scale = layer
    unit = weights / np.linalg.norm(weights, axis=1, keepdims=True)
    white = np.random.default_rng(6).standard_normal((n, INPUTS))
    return np.clip(white @ unit.T * scale + shift, 0, 6)


def test_directions_are_orthonormal_and_the_same_each_time(layer: Layer) -> None:
    found = principal_directions(*layer, dim=20)
    assert found.shape == (CHANNELS, 20)
    assert np.allclose(found.T @ found, np.eye(20), atol=1e-6)
    assert (found == principal_directions(*layer, dim=20)).all()


@pytest.mark.parametrize("dim", [6, 12, 20])
def test_they_keep_nearly_as_much_variance_as_directions_fitted_to_data(
    layer: Layer, dim: int
) -> None:
    sample = features(layer, 20_000)
    centred = sample - sample.mean(0)
    fitted = np.linalg.svd(centred, full_matrices=False)[2][:dim].T
    random = np.linalg.qr(np.random.default_rng(7).standard_normal((CHANNELS, dim)))[0]

    def kept(directions: NDArray[np.floating]) -> float:
        return float((centred @ directions).var(0).sum())

    found = principal_directions(*layer, dim=dim)
    assert kept(found) > 0.98 * kept(fitted)
    assert kept(found) > 1.5 * kept(random)
