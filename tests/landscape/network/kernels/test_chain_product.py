"""Products of chains, written out, against those of automatic differentiation."""

import random

import pytest
import torch
from landscape import objective as objectives
from landscape.network.kernels.chain_product import ChainProduct
from landscape.network.kernels.elementwise_chain import chain
from landscape.objective import Objective
from torch import nn

ACTIVATIONS = [nn.ReLU, nn.Tanh, nn.GELU, nn.SiLU, nn.Sigmoid, nn.ELU, nn.CELU, nn.SELU, nn.Mish]
ACTIVATIONS += [nn.Softplus, nn.Hardsigmoid, nn.Hardswish, nn.LogSigmoid, nn.Softsign, nn.RReLU]
ACTIVATIONS += [nn.Tanhshrink, nn.LeakyReLU, nn.Hardtanh, nn.ReLU6, nn.Softshrink, nn.Hardshrink]
INPUTS = torch.zeros(4, 6)


def own_loss(outputs, targets):
    return (outputs.sin().sum(1) - targets).square()


def network(draw, inputs, kinds=ACTIVATIONS):
    layers, width = [nn.Flatten()], inputs
    for _ in range(draw.choice([0, 1, 2, 3])):
        units = draw.choice([3, 7])
        layers += [nn.Linear(width, units, bias=draw.random() < 0.7), draw.choice(kinds)()]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, 4, bias=draw.random() < 0.7))


def settings(index, generator):
    """Targets and options of a loss."""
    classes = torch.randint(0, 4, (23,), generator=generator)
    values = torch.randn(23, 4, generator=generator).double()
    weights = torch.rand(4, generator=generator)
    ignored = classes.where(classes != 3, -100)
    return [
        (classes, {}),
        (ignored, {"label_smoothing": 0.1, "class_weights": weights}),
        (values, {"loss": "mse"}),
        (classes, {"loss": own_loss}),
        (values.softmax(1), {"class_weights": weights}),
    ][index % 5]


def random_objective(index, dtype=torch.float64):
    draw, generator = random.Random(index), torch.Generator().manual_seed(index)
    inputs = torch.randn(23, 1, draw.choice([5, 12, 40]), generator=generator).double()
    if index % 2:  # Some inputs are the same in all examples, or zero.
        inputs[:, :, ::3] = 0.0
        inputs[:, :, 1] = 1.3
    targets, options = settings(index, generator)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(index)
        module = network(draw, inputs.shape[2]).double()
    options["microbatch"] = draw.choice([23, 7])
    options["graph_memory"] = draw.choice([0, 2**30])
    options["weight_decay"] = 0.1 if index % 3 else 0.0
    return Objective(module, (inputs, targets), dtype=dtype, **options)


def products(objective, kind, monkeypatch):
    """A product with several vectors, written out and by automatic differentiation."""
    block = torch.randn(objective.n, 5, generator=torch.Generator().manual_seed(0)).double()
    written = getattr(objective, kind)()
    result = written @ block
    with monkeypatch.context() as patch:
        patch.setattr(objectives, "chain", lambda *_: None)
        general = getattr(objective, kind)() @ block
    return result, general


@pytest.mark.parametrize("kind", ["hessian", "ggn"])
@pytest.mark.parametrize("index", range(40))
def test_written_out_product_is_that_of_automatic_differentiation(index, kind, monkeypatch):
    objective = random_objective(index)
    assert chain(objective.parts().module, objective.parts().batches[0][0]) is not None
    written, general = products(objective, kind, monkeypatch)
    assert float((written - general).norm()) <= 1e-13 * float(general.norm())


@pytest.mark.parametrize("kind", ["hessian", "ggn"])
@pytest.mark.parametrize("index", range(12))
def test_float32_product_has_the_digits_of_float32(index, kind, monkeypatch):
    if index % 5 == 3:
        pytest.skip("a loss of the reader's own computes in its own type")
    exact, _ = products(random_objective(index), kind, monkeypatch)
    written, _ = products(random_objective(index, torch.float32), kind, monkeypatch)
    assert 0 < float((written - exact).norm()) <= 2e-6 * float(exact.norm())


def test_every_activation_agrees(monkeypatch):
    generator = torch.Generator().manual_seed(3)
    inputs = torch.randn(23, 6, generator=generator).double()
    for kind in ACTIVATIONS:
        module = nn.Sequential(nn.Linear(6, 8), kind(), nn.Dropout(), nn.Linear(8, 4)).double()
        objective = Objective(module, (inputs, torch.arange(23) % 4))
        written, general = products(objective, "hessian", monkeypatch)
        assert float((written - general).norm()) <= 1e-13 * float(general.norm()), kind


def test_product_with_several_vectors_is_that_with_each():
    operator = random_objective(7).hessian()
    block = torch.randn(operator.n, 3, generator=torch.Generator().manual_seed(1)).double()
    single = torch.stack([operator @ v for v in block.unbind(1)], dim=1)
    torch.testing.assert_close(operator @ block, single, rtol=1e-12, atol=1e-15)
    assert torch.equal(operator @ block, operator @ block)


def test_products_are_those_of_the_block_of_a_layer():
    objective = random_objective(8)
    name = objective.layout.blocks[0].name
    entries = objective.layout.blocks[0].entries
    whole = objective.hessian().to_dense()[entries, entries]
    torch.testing.assert_close(
        objective.hessian(within=name).to_dense(), whole, rtol=1e-9, atol=1e-12
    )


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


def hooked():
    module = nn.Sequential(nn.Linear(6, 6), nn.Tanh())
    module[0].register_forward_hook(lambda layer, args, output: 2 * output)
    return module


def replaced():
    module = nn.Sequential(nn.Linear(6, 6), nn.Tanh())
    module[1].forward = torch.sin
    return module


def tied():
    module = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6))
    module[2].weight = module[0].weight
    return module


def repeated():
    layer = nn.Linear(6, 6)
    return nn.Sequential(layer, nn.Tanh(), layer)


OTHERS = {
    "a subclass": lambda: nn.Sequential(Doubled(6, 6)),
    "a hook": hooked,
    "a forward of its own": replaced,
    "a shared weight": tied,
    "a layer used twice": repeated,
    "a parametrisation": lambda: nn.Sequential(
        nn.utils.parametrizations.orthogonal(nn.Linear(6, 6))
    ),
    "normalisation": lambda: nn.Sequential(nn.Linear(6, 6), nn.LayerNorm(6)),
    "an activation with parameters": lambda: nn.Sequential(nn.Linear(6, 6), nn.PReLU()),
    "an activation of several entries": lambda: nn.Sequential(nn.Linear(6, 6), nn.Softmax(1)),
    "no linear layer": lambda: nn.Sequential(nn.Flatten(), nn.Tanh()),
}


@pytest.mark.parametrize("module", OTHERS.values(), ids=OTHERS)
def test_other_networks_are_no_chain(module):
    assert chain(module().eval(), INPUTS) is None
    assert chain(nn.Sequential(nn.Linear(6, 6), nn.Tanh()).eval(), INPUTS) is not None


def test_network_in_training_mode_or_seen_by_others_is_no_chain():
    module = nn.Sequential(nn.Linear(6, 6), nn.Tanh())
    assert chain(module, INPUTS) is None
    assert chain(module.eval(), INPUTS.long()) is None
    with torch.overrides.BaseTorchFunctionMode():
        assert chain(module, INPUTS) is None
    handle = nn.modules.module.register_module_forward_hook(lambda *_: None)
    try:
        assert chain(module, INPUTS) is None
    finally:
        handle.remove()


def test_frozen_parameters_take_the_general_path(monkeypatch):
    module = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    module[0].weight.requires_grad_(False)
    inputs = torch.randn(9, 6, generator=torch.Generator().manual_seed(0)).double()
    objective = Objective(module, (inputs, torch.arange(9) % 3))
    monkeypatch.setattr(objectives, "ChainProduct", None)  # Calling it would raise an error.
    assert objective.n == 23 and bool(objective.hessian().to_dense().isfinite().all())


def test_bytes_are_counted():
    objective = random_objective(6).replace(graph_memory=2**30, weight_decay=0.0)
    operator = objective.hessian()
    operator @ torch.ones(objective.n)
    kept = list(operator._product._kept.values())
    assert kept and all(isinstance(x, ChainProduct) and x.nbytes > 0 for x in kept)
