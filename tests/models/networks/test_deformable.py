"""Deformable convolution: against loops, and against torchvision where it loads."""

import numpy as np
import pytest

from sitepose.models.networks.torchvision_ops import has_deformable_convolution

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install 'sitepose[torch]'")
deformable = pytest.importorskip("sitepose.models.networks.deformable")


def some_inputs(seed, *, height=5, width=7, spread=2.0):
    torch.manual_seed(seed)
    return (
        torch.randn(2, 3, height, width),
        torch.randn(2, 18, height, width) * spread,
        torch.rand(2, 9, height, width),
        torch.randn(4, 3, 3, 3),
        torch.randn(4),
    )


def by_loops(maps, ways, shares, weight, bias):
    """Do what the paper's formula says, one place at a time; what lies outside the map is 0."""
    maps, ways, shares, weight = (array.double().numpy() for array in (maps, ways, shares, weight))
    batch, _, height, width = maps.shape
    padded = np.pad(maps, ((0, 0), (0, 0), (1, 1), (1, 1)))
    result = np.zeros((batch, len(weight), height, width)) + bias.double().numpy()[:, None, None]
    for n, y, x, place in np.ndindex(batch, height, width, 9):
        down = y + place // 3 - 1 + ways[n, 2 * place, y, x]
        right = x + place % 3 - 1 + ways[n, 2 * place + 1, y, x]
        top, left = int(np.floor(down)), int(np.floor(right))
        value = np.zeros(maps.shape[1])
        for row, column in ((top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)):
            if -1 <= row <= height and -1 <= column <= width:
                value += padded[n, :, row + 1, column + 1] * (1 - abs(down - row)) * (1 - abs(right - column))
        result[n, :, y, x] += weight[:, :, place // 3, place % 3] @ value * shares[n, place, y, x]
    return result


class TestDeformBySampling:
    @pytest.mark.parametrize("spread", [0.0, 0.4, 2.0, 9.0])
    def test_gives_what_the_formula_gives(self, spread):
        inputs = some_inputs(1, spread=spread)
        np.testing.assert_allclose(deformable.deform_by_sampling(*inputs).numpy(), by_loops(*inputs), atol=1e-4)

    def test_without_ways_it_is_an_ordinary_convolution(self):
        maps, ways, shares, weight, bias = some_inputs(2)
        plain = torch.nn.functional.conv2d(maps, weight, bias, padding=1)
        found = deformable.deform_by_sampling(maps, ways * 0, shares * 0 + 1, weight, bias)
        torch.testing.assert_close(found, plain, atol=1e-4, rtol=1e-4)

    @pytest.mark.skipif(not has_deformable_convolution(), reason="torchvision's operators do not load here")
    @pytest.mark.parametrize("seed", range(5))
    def test_gives_what_torchvision_gives(self, seed):
        inputs = some_inputs(seed, height=16, width=9)
        torch.testing.assert_close(
            deformable.deform_by_sampling(*inputs), deformable.deform_by_torchvision(*inputs),
            atol=1e-4, rtol=1e-4,
        )  # fmt: skip


def test_the_module_starts_as_a_convolution_of_half_the_weight():
    torch.manual_seed(0)
    module = deformable.DeformableConvolution(3, 4)
    maps = torch.randn(1, 3, 6, 8)
    plain = torch.nn.functional.conv2d(maps, module.weight / 2, module.bias, padding=1)
    torch.testing.assert_close(module(maps), plain, atol=1e-4, rtol=1e-4)
