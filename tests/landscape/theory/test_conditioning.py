"""A published bound of the Hessian's condition number by those of the layers."""

import math

import pytest
import torch
from landscape import models
from landscape.objective import Objective
from landscape.spectrum.gauss_newton import ggn_spectrum
from landscape.theory.conditioning import layers_condition
from torch import nn

from tests.sample_networks import digits


def layer(matrix):
    module = nn.Linear(len(matrix[0]), len(matrix))
    module.weight.data = torch.tensor(matrix)
    return module


def test_the_product_takes_condition_and_squared_norm_of_each_layer():
    # κ = 4 / 2 and 3 / 1, norms 4 and 3: (2 · 16) (3 · 9); biases do not count.
    network = nn.Sequential(layer([[4.0, 0.0], [0.0, -2.0]]), layer([[0.0, 3.0], [1.0, 0.0]]))
    assert layers_condition(network) == pytest.approx(32 * 27, rel=1e-6)


def test_a_convolution_is_the_matrix_of_its_filters():
    network = nn.Conv2d(1, 2, (1, 2), bias=False)
    network.weight.data = torch.tensor([[[[2.0, 0.0]]], [[[0.0, 1.0]]]])
    assert layers_condition(network) == pytest.approx(2 * 4, rel=1e-6)


def test_a_singular_layer_has_an_infinite_product():
    assert layers_condition(layer([[1.0, 0.0], [0.0, 0.0]])) == math.inf


def test_a_network_without_weights_is_refused():
    with pytest.raises(ValueError, match="has no weights of two or more axes"):
        layers_condition(nn.BatchNorm1d(3))


def test_a_factor_on_all_weights_leaves_the_condition_number_and_changes_the_product():
    settings = {"depth": 8, "width": 12, "activation": "identity", "bias": False}
    spectra, products = [], []
    for gain in (1.0, 3.0):
        model = models.FullyConnected(gain=gain, **settings).build((1, 8, 8), 10, seed=0).double()
        products.append(layers_condition(model))
        spectra.append(ggn_spectrum(Objective(model, digits().first(5))).jacobian)
    one, three = spectra
    assert one.unresolved == 0
    assert three.condition == pytest.approx(one.condition, rel=1e-6)
    assert float(three.values[0] / one.values[0]) == pytest.approx(3.0**14, rel=1e-6)  # 2 (L - 1)
    assert products[1] / products[0] == pytest.approx(3.0**16, rel=1e-5)  # 2 L
