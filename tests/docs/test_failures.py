"""docs/failures.md: each message that it lists is one that the library or PyTorch gives."""

import re
import tempfile
import threading
from pathlib import Path

import landscape
import pytest
import torch
from landscape import Objective, connectivity, dynamics, sharpness, slices, spectrum
from landscape.operators import SymmetricOperator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

PAGE = (Path(__file__).parents[2] / "docs" / "failures.md").read_text(encoding="utf-8")
LISTED = re.findall(r"^`(.+)`\n: ", PAGE, flags=re.MULTILINE)
INPUTS = torch.randn(100, 20, generator=torch.Generator().manual_seed(0))
CLASSES = torch.arange(100) % 5


class Layer(nn.Module):
    """A linear layer, followed by a function."""

    def __init__(self, function):
        super().__init__()
        self.linear, self.function = nn.Linear(20, 5), function

    def forward(self, x):
        return self.function(self.linear(x))


class OnceDifferentiable(torch.autograd.Function):
    """The square, whose backward pass has no derivative."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        return 2 * ctx.saved_tensors[0] * gradient


def mlp(activation=nn.ReLU, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(20, 8), activation(), nn.Linear(8, 5))


def made(model=None, inputs=INPUTS, targets=CLASSES, **options):
    return Objective(mlp() if model is None else model, (inputs, targets), **options)


def normalised(**options):
    model = nn.Sequential(nn.Linear(20, 8), nn.BatchNorm1d(8), nn.Linear(8, 5))
    return made(model, **options)


def at_nan():
    L = made()
    return L.hessian(L.theta * torch.nan)


def skew():
    matrix = torch.ones(30, 30, dtype=torch.float64).triu()
    return spectrum.eigenpairs(SymmetricOperator(30, lambda v: matrix @ v))


def store():
    return landscape.Store(tempfile.mkdtemp())


def identity(x):
    return x


def bare_object():
    return object()


class Keeping(nn.Linear):
    """A layer that computes with the weights of its first call."""

    def __init__(self):
        super().__init__(20, 5)
        self.kept = None

    def forward(self, x):
        self.kept = self.weight.detach().clone() if self.kept is None else self.kept
        return nn.functional.linear(x, self.kept + self.weight)


def closing_over():
    model = mlp()

    def loss(outputs, targets):
        penalty = sum(p.square().sum() for p in model.parameters())
        return nn.functional.cross_entropy(outputs, targets, reduction="none") + penalty

    return made(model, loss=loss)


def pairs_of_another_theta():
    L = made()
    pairs = spectrum.eigenpairs(L.hessian(), k=2, vectors=True)
    return spectrum.trace(L.hessian(1.5 * L.theta), known=pairs)


def hessian_of(function):
    return lambda: spectrum.eigenpairs(made(Layer(function)).hessian())


PROVOKED = {
    "not only through theta": closing_over,
    "the loss depends on earlier calls": lambda: made(Keeping()),
    "where they are recorded: values and": lambda: made(
        Layer(lambda x: x * (2 if x.requires_grad else 1))
    ),
    "and the examples are computed in": lambda: made(Layer(lambda x: x - x.mean(0)), microbatch=50),
    "needs a loss of each single example": lambda: dynamics.gradient_noise(
        made(Layer(lambda x: x - x.mean(0)), microbatch=100)
    ),
    "the gradient is not the derivative of the loss": lambda: made(
        Layer(lambda x: x * x.detach())
    ).gradient(),
    "second derivatives are wrong": hessian_of(OnceDifferentiable.apply),
    "cannot be copied": lambda: made(Layer(threading.Lock())),
    "was compiled by torch.jit": lambda: made(torch.jit.script(mlp())),
    "is complex, and theta is a vector of real numbers": lambda: made(
        nn.Linear(20, 5, dtype=torch.complex64)
    ),
    "its forward pass rescales the weights in place": lambda: made(
        nn.Embedding(5, 5, max_norm=1.0), CLASSES
    ),
    "the examples are a": lambda: Objective(mlp(), None),
    "no target counts": lambda: made(targets=torch.full((100,), -100)),
    "may hold the classes in axis 1 or in the last axis": lambda: made(
        Layer(lambda x: x[:, None].expand(-1, 5, -1)), targets=CLASSES[:, None].expand(-1, 5)
    ),
    "the known eigenpairs do not belong to this operator": pairs_of_another_theta,
    "are no set of examples. Pass as many targets as inputs": lambda: made(targets=CLASSES[:50]),
    "mat1 and mat2 shapes cannot be multiplied": lambda: made(inputs=INPUTS[:, :19]).loss(),
    "a target is out of bounds": lambda: made(targets=CLASSES + 3).loss(),
    "expected target dtype to be Long or Byte": lambda: made(targets=CLASSES.float()).loss(),
    "have no squared error of each example": lambda: made(loss="mse").loss(),
    "but the loss takes one tensor. Pass output=": lambda: made(
        Layer(lambda x: {"scores": x, "hidden": x})
    ).loss(),
    "whose rounding hides small steps and their curvature": lambda: made(mlp().half()),
    "is no batch-normalisation policy": lambda: made(bn="eval"),
    "but this model has n =": lambda: made().loss(torch.zeros(3)),
    "no parameter is named": lambda: made().hessian(within="first"),
    "theta holds NaN or infinity": at_nan,
    "is not finite. The parameters or the loss hold NaN or infinity": lambda: spectrum.eigenpairs(
        made(inputs=INPUTS * torch.nan).hessian()
    ),
    "the network is not deterministic": hessian_of(lambda x: nn.functional.dropout(x, 0.5)),
    "the operator is not symmetric to": skew,
    "PyTorch has no derivative that is needed here": hessian_of(
        lambda x: nn.CrossMapLRN2d(2)(x.view(-1, 5, 1, 1)).flatten(1)
    ),
    "is not known to be piecewise linear": lambda: spectrum.exact_trace(made(mlp(nn.GELU))),
    "eigenvalues are more than an operator of shape": lambda: spectrum.eigenpairs(
        made().hessian(), k=1000
    ),
    "Expected more than 1 value per channel when training": lambda: sharpness.m_sharpness(
        normalised(bn="batch"), m=33
    ),
    "(one example has no variance)": lambda: made(bn_block=1),
    "is no grid around 0": lambda: slices.random_plane(made(), points=4, seed=0),
    "a slice at theta needs its directions": lambda: slices.plane(made()),
    "they are parallel, zero or not finite": lambda: slices.plane(
        made(), d1=made().theta, d2=made().theta
    ),
    "the two objectives differ": lambda: connectivity.linear_barrier(
        made(), made(mlp(seed=1), INPUTS[:50], CLASSES[:50])
    ),
    "both solutions are the same point": lambda: connectivity.linear_barrier(made(), made()),
    "carries values of its own (an object or a closure)": lambda: store().remember(made().loss),
    "its content cannot be read": lambda: store().remember(identity, (x for x in [1])),
    "cannot store a": lambda: store().remember(bare_object),
}


@pytest.mark.parametrize("message", LISTED)
def test_a_listed_message_is_the_one_that_comes(message):
    with pytest.raises(Exception, match=re.escape(message)):
        PROVOKED[message]()


def test_every_provoked_message_is_listed_once():
    assert len(LISTED) > 20 and sorted(LISTED) == sorted(PROVOKED)


def test_a_loader_is_read_once_in_its_order():
    loader = DataLoader(TensorDataset(INPUTS, CLASSES), batch_size=30)
    L, pair = Objective(mlp(), loader), made()
    assert L.num_examples == 100 and L.examples_hash == pair.examples_hash
    assert L.loss() == pair.loss()


def test_the_sums_of_a_missing_second_derivative():
    """The page's own test finds what a product lacks, and nothing where all is well."""
    (code,) = re.findall(r"```python\n(import torch\n.*?)```", PAGE, flags=re.DOTALL)

    def error(L):
        names = {"L": L}
        exec(code, names)
        return float(names["error"])

    torch.manual_seed(0)
    assert error(made()) < 1e-6 and error(made(mlp(nn.GELU))) < 1e-6
    assert error(normalised(bn="batch")) < 1e-5
    assert error(made(Layer(OnceDifferentiable.apply), check=False)) > 0.1


def test_numbers_without_a_message():
    broken = made(inputs=INPUTS * torch.nan)
    rise = sharpness.sam(broken)
    assert torch.isnan(torch.tensor([broken.loss(), rise.value])).all() and not rise.converged
    assert slices.random_plane(broken, points=3, seed=0).loss.isnan().all()
    flat = spectrum.eigenpairs(made(Layer(torch.round)).hessian())
    assert flat.largest == 0 and bool(flat.converged.all())


def test_more_digits_take_float64():
    single, double = (
        spectrum.eigenpairs(made(dtype=dtype).hessian(), tol=1e-9, max_products=200)
        for dtype in (torch.float32, torch.float64)
    )
    assert not single.converged.any() and single.products < 100
    assert bool(double.converged.all())
