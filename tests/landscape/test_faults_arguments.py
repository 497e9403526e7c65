"""Bad arguments of every measuring function: one clear error for each, none of PyTorch's own."""

import inspect
import math

import numpy as np
import pytest
import torch
from landscape import (
    Objective,
    connectivity,
    diagnostics,
    directions,
    dynamics,
    operators,
    sharpness,
    slices,
    spectrum,
)
from torch import nn

GENERATOR = torch.Generator().manual_seed(0)
INPUTS, CLASSES = torch.randn(12, 5, generator=GENERATOR), torch.arange(12) % 3


def network(shift=0.0):
    model = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3))
    with torch.no_grad():
        for index, tensor in enumerate(model.parameters()):
            steps = torch.linspace(-1, 1, tensor.numel()).view(tensor.shape)
            tensor.copy_((3 * steps + index).sin() + shift)
    return model


L, OTHER = Objective(network(), (INPUTS, CLASSES)), Objective(network(0.1), (INPUTS, CLASSES))
H, V = L.hessian(), torch.linspace(-1, 1, L.n, dtype=torch.float64).cos()
PAIRS = spectrum.eigenpairs(H, k=2, vectors=True)

# Function -> arguments that are right.
CALLS = {
    spectrum.eigenpairs: {"op": H, "k": 1, "tol": 0.01, "max_products": 20, "max_basis": 9},
    spectrum.trace: {"op": H, "rtol": 0.5, "max_products": 60},
    spectrum.frobenius: {"op": H, "rtol": 0.5, "max_products": 60},
    spectrum.density: {"op": H, "probes": 1, "steps": 4},
    spectrum.diagonal: {"op": H, "probes": 3},
    spectrum.full_spectrum: {"op": H, "outliers": 1, "probes": 1, "steps": 4},
    spectrum.exact_trace: {"objective": L},
    spectrum.ggn_spectrum: {"objective": L.replace(dtype=torch.float64), "memory": 10**6},
    spectrum.condition_number: {"pairs": spectrum.eigenpairs(H, k=1, which="both ends")},
    slices.line: {"objective": L, "direction": V, "reach": 0.5, "points": 3},
    slices.random_plane: {"objective": L, "reach": 0.5, "points": 3, "seed": 0},
    slices.random_lines: {"objective": L, "reach": 0.5, "points": 3, "seed": 0, "count": 2},
    sharpness.sam: {"objective": L, "rho": 0.05},
    sharpness.m_sharpness: {"objective": L, "rho": 0.05, "m": 5},
    sharpness.worst_case: {"objective": L, "rho": 0.05, "restarts": 1, "max_steps": 2},
    dynamics.gradient_noise: {"objective": L},
    dynamics.batch_sharpness: {"objective": L, "batch_size": 4, "max_batches": 2},
    connectivity.linear_barrier: {"start": L, "end": OTHER},
    diagnostics.signal_propagation: {"objective": L},
    diagnostics.rounding_error: {"objective": L},
    directions.gradient: {"objective": L},
    directions.between: {"theta0": L.theta, "theta1": OTHER.theta},
    directions.eigenvectors: {"pairs": PAIRS},
}
WRONG = {"a text": "x", "an array": np.ones(3), "a list": [1, 2], "a dict": {}}
CASES = [
    pytest.param(function, name, value, id=f"{function.__name__}-{name}-{words}")
    for function, right in CALLS.items()
    for name in right
    for words, value in WRONG.items()
]


def test_the_right_arguments_are_right():
    for function, right in CALLS.items():
        assert function(**right) is not None


@pytest.mark.parametrize(("function", "name", "value"), CASES)
def test_an_argument_of_another_type_is_refused_by_its_name(function, name, value):
    wrong = {**CALLS[function], name: value}
    with pytest.raises(
        TypeError, match=rf"^{name}=.* is not what {function.__name__} takes. Pass "
    ):
        function(**wrong)


def test_there_are_enough_cases_and_all_names_exist():
    assert len(CASES) > 150
    for function, right in CALLS.items():
        assert set(right) <= set(inspect.signature(function).parameters)


# What a number may not be.
VALUES = [
    (spectrum.eigenpairs, "k", 0, "k >= 1"),
    (spectrum.eigenpairs, "k", -1, "k >= 1"),
    (spectrum.eigenpairs, "k", 10**6, "more than an operator of shape"),
    (spectrum.eigenpairs, "tol", 0.0, "tol > 0"),
    (spectrum.eigenpairs, "tol", math.nan, "tol > 0"),
    (spectrum.eigenpairs, "max_products", 0, "max_products >= 1"),
    (spectrum.eigenpairs, "max_basis", 1, "Pass at least"),
    (spectrum.eigenpairs, "which", "LM", "which='LM' is not known"),
    (spectrum.trace, "rtol", -1.0, "rtol"),
    (spectrum.trace, "rtol", math.nan, "rtol"),
    (spectrum.trace, "max_products", 1, "max_products"),
    (spectrum.density, "probes", 0, "probes"),
    (spectrum.density, "steps", 0, "steps"),
    (spectrum.diagonal, "probes", 1, "probes"),
    (slices.random_plane, "points", 4, "is no grid around 0"),
    (slices.random_plane, "points", 0, "is no grid around 0"),
    (slices.random_plane, "reach", 0.0, "is no grid around 0"),
    (slices.random_plane, "reach", -1.0, "is no grid around 0"),
    (slices.random_plane, "reach", math.nan, "is no grid around 0"),
    (slices.random_plane, "reach", math.inf, "is no grid around 0"),
    (sharpness.sam, "rho", 0.0, "is no radius"),
    (sharpness.sam, "rho", -1.0, "is no radius"),
    (sharpness.sam, "rho", math.nan, "is no radius"),
    (sharpness.sam, "rho", math.inf, "is no radius"),
    (sharpness.m_sharpness, "m", 0, "makes no microbatch"),
    (sharpness.m_sharpness, "m", 13, "makes no microbatch"),
    (sharpness.worst_case, "restarts", 0, "start no search"),
    (dynamics.batch_sharpness, "batch_size", 0, "makes no batch of 12"),
    (dynamics.batch_sharpness, "batch_size", 13, "makes no batch of 12"),
    (dynamics.batch_sharpness, "max_batches", 1, "give no standard error"),
    (dynamics.batch_sharpness, "rtol", math.nan, "give no standard error"),
    (connectivity.linear_barrier, "ts", 2, "are no path"),
    (connectivity.linear_barrier, "end", L, "both solutions are the same point"),
]


@pytest.mark.parametrize(
    ("function", "name", "value", "text"),
    VALUES,
    ids=lambda x: getattr(x, "__name__", None) or f"{x!s:.20}",
)
def test_a_number_out_of_range_is_refused(function, name, value, text):
    with pytest.raises(ValueError, match=text):
        function(**{**CALLS[function], name: value})


POINTS = {
    "a text": "x",
    "a list": [1.0] * L.n,
    "an array": L.theta.numpy(),
    "a number": 5,
    "whole numbers": L.theta.int(),
    "complex numbers": L.theta.cfloat(),
}


@pytest.mark.parametrize("method", ["loss", "evaluate", "gradient", "hessian", "ggn", "statistics"])
@pytest.mark.parametrize("words", POINTS)
def test_a_point_of_another_kind_is_refused(method, words):
    with pytest.raises(TypeError, match=r"^theta is a .* Pass a floating-point tensor of shape"):
        getattr(L, method)(POINTS[words])


@pytest.mark.parametrize("method", ["loss", "gradient", "hessian", "ggn"])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, L.n), (L.n, 1)])
def test_a_point_of_another_shape_is_refused(method, shape):
    with pytest.raises(ValueError, match=r"this model has n = .* Pass a flat vector"):
        getattr(L, method)(torch.ones(shape))


@pytest.mark.parametrize("factor", ["x", None, [1.0], np.ones(3), 2.0])
def test_a_product_with_something_else_is_refused(factor):
    with pytest.raises(TypeError, match=r"^v is a .* Pass a tensor of real numbers"):
        H @ factor


@pytest.mark.parametrize("matrix", ["x", None, np.eye(2), torch.eye(2, dtype=torch.complex64)])
def test_a_matrix_of_another_kind_is_refused(matrix):
    with pytest.raises(TypeError, match=r"^the matrix is a .* Pass a tensor of real numbers"):
        operators.from_matrix(matrix)
