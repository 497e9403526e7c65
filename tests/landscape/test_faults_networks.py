"""Networks and losses as readers bring them: the right value by plain PyTorch, or one clear error.

Each value has an independent truth: float64 PyTorch on the whole of the examples.
"""

import copy
import threading

import numpy as np
import pytest
import torch
from landscape import connectivity, diagnostics, dynamics, rng, sharpness, slices, spectrum
from landscape.objective import Objective
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

N = 12


def drawn(*shape, name="faults"):
    return torch.randn(*shape, generator=rng.stream(0, name), dtype=torch.float64)


def settled(model):
    """Return a module in float64 whose parameters are drawn from a stream."""
    with torch.no_grad():
        for index, tensor in enumerate(model.double().parameters()):
            values = drawn(max(1, tensor.numel()), name=f"p{index}")
            tensor.copy_(0.7 * values.view(tensor.shape))
    return model.eval()


def mlp(inputs=5, hidden=6, outputs=3, layer=nn.Tanh):
    return nn.Sequential(nn.Linear(inputs, hidden), layer(), nn.Linear(hidden, outputs))


X, Y = drawn(N, 5), torch.arange(N) % 3


class Around(nn.Module):
    """A small network with a function between its layers."""

    def __init__(self, function, inputs=5):
        super().__init__()
        self.first, self.last = nn.Linear(inputs, 6), nn.Linear(6, 3)
        self.function = function

    def forward(self, x):
        return self.last(self.function(torch.tanh(self.first(x))))


def truth(model, inputs, loss):
    """Return loss, gradient and Hessian of a plain model as a function of its parameters."""
    named = dict(model.named_parameters())
    theta = torch.cat([p.detach().flatten() for p in named.values()])

    def value(theta):
        parts = theta.split([p.numel() for p in named.values()])
        state = {k: x.view(p.shape) for (k, p), x in zip(named.items(), parts, strict=True)}
        return loss(torch.func.functional_call(model, state, (inputs,)))

    leaf = theta.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(value(leaf), leaf)
    return float(value(theta).detach()), gradient, torch.autograd.functional.hessian(value, theta)


def entropy(targets):
    return lambda outputs: functional.cross_entropy(outputs, targets)


def check_all(L, want, *, rtol=1e-9):
    """Compare loss, gradient, Hessian, lines and sharpness, in this order and again."""
    value, gradient, hessian = want
    direction = torch.linspace(-1, 1, L.n, dtype=torch.float64)
    for _ in range(2):
        assert L.loss() == pytest.approx(value, rel=rtol)
        torch.testing.assert_close(L.gradient(), gradient, rtol=rtol, atol=1e-10)
        torch.testing.assert_close(L.hessian().to_dense(), hessian, rtol=rtol, atol=1e-9)
        line = slices.line(L, direction=direction, reach=0.1, points=3)
        assert float(line.loss[1]) == pytest.approx(value, rel=rtol)
        slope = float(gradient @ gradient) ** 0.5
        rise = L.loss(L.theta + 1e-3 * gradient / slope) - value
        assert sharpness.sam(L, rho=1e-3).value == pytest.approx(rise, rel=1e-6)


# Rows 1 and 31: what is given is never touched


def subtracting(x):
    x -= 0.5
    return x


def masked(x):
    x[x < 0] = 0.1
    return x


WRITING = {
    "x -= 0.5": subtracting,
    "masked assignment": masked,
    "in-place LeakyReLU": nn.LeakyReLU(inplace=True),
    "through .data": lambda x: (x.data.mul_(0.5), x)[1],
    "through NumPy": lambda x: (x.detach().numpy().__imul__(0.5), x)[1],
}


class Writing(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function, self.net = function, mlp()

    def forward(self, x):
        return self.net(self.function(x))


@pytest.mark.parametrize("words", WRITING)
def test_a_network_that_writes_into_its_inputs_gets_copies(words):
    model, inputs = settled(Writing(WRITING[words])), X.clone()
    changed = WRITING[words](X.clone())
    L = Objective(model, (inputs, Y), microbatch=5)
    check_all(L, truth(model.net, changed, entropy(Y)))
    assert torch.equal(inputs, X)


def test_a_loss_that_writes_into_targets_gets_copies():
    def loss(outputs, targets):
        targets[targets == 2] = 0
        return functional.cross_entropy(outputs, targets, reduction="none")

    targets = Y.clone()
    L = Objective(settled(mlp()), (X, targets), loss=loss)
    assert L.loss() == L.loss() and torch.equal(targets, Y)


def test_a_network_that_counts_its_calls_in_a_buffer_gets_copies():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x):
            self.calls += 1
            return self.net(x) * self.calls

    model = settled(Counting())
    L = Objective(model, (X, Y), microbatch=5)
    check_all(L, truth(model.net, X, entropy(Y)))
    assert float(model.calls) == 0


def test_later_changes_of_what_was_given_change_nothing():
    inputs, targets, model = X.clone(), Y.clone(), settled(mlp())
    L = Objective(model, (inputs, targets))
    value, digest = L.loss(), L.examples_hash
    inputs += 1
    targets.zero_()
    with torch.no_grad():
        model[0].weight.zero_()
    L.theta.zero_()
    for buffer in L.buffers.values():
        buffer.zero_()
    assert L.loss() == value and L.examples_hash == digest
    with pytest.raises(AttributeError):
        L.theta = torch.zeros(L.n)


# Row 2: derivatives by the inputs in the forward pass


class Residual(nn.Module):
    """u'' + sin x of a network u, its second derivative taken in one of several ways."""

    def __init__(self, way):
        super().__init__()
        self.net, self.way = mlp(1, 6, 1), way

    def second(self, x):
        u = self.net(x)
        (slope,) = torch.autograd.grad(u.sum(), x, create_graph=True)
        return torch.autograd.grad(slope.sum(), x, create_graph=True)[0]

    def forward(self, x):
        if self.way == "requires_grad_":
            return self.second(x.requires_grad_()) + torch.sin(x)
        if self.way == "enable_grad":
            with torch.enable_grad():
                return self.second(x.clone().requires_grad_()) + torch.sin(x)
        if self.way == "torch.func":
            inner = torch.func.hessian(lambda z: self.net(z[None])[0, 0])
            return torch.func.vmap(inner)(x).view(-1, 1) + torch.sin(x)
        rows = [
            torch.autograd.functional.hessian(lambda z: self.net(z)[0], row, create_graph=True)
            for row in x
        ]
        return torch.stack(rows).view(-1, 1) + torch.sin(x)


@pytest.mark.parametrize("way", ["requires_grad_", "enable_grad", "torch.func", "functional"])
def test_networks_that_differentiate_by_their_inputs_are_measured_rightly(way):
    inputs, model = drawn(N, 1), settled(Residual(way))
    plain = copy.deepcopy(model)
    plain.way = "torch.func"
    L = Objective(model, (inputs, torch.zeros(N, 1)), loss="mse", microbatch=5)
    check_all(L, truth(plain, inputs, lambda outputs: outputs.square().mean()))


def test_a_convolutional_network_that_differentiates_by_its_inputs():
    class Score(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.last = nn.Conv2d(2, 3, 3), nn.Linear(3, 1)

        def forward(self, x):
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                energy = self.last(torch.tanh(self.conv(x)).mean((2, 3)))
                return torch.autograd.grad(energy.sum(), x, create_graph=True)[0]

    model, inputs = settled(Score()), drawn(4, 2, 5, 5)
    L = Objective(model, (inputs, torch.zeros_like(inputs)), loss="mse")
    check_all(L, truth(model, inputs, lambda outputs: outputs.square().mean()))


# Rows 5, 12, 20: PyTorch's mean


class Places(nn.Module):
    """Outputs (N, K, T) or, transposed, (N, T, K)."""

    def __init__(self, last):
        super().__init__()
        self.linear, self.last = nn.Linear(5, 3), last

    def forward(self, x):
        outputs = self.linear(x)
        return outputs if self.last else outputs.transpose(1, 2)


def sequences(places=4):
    targets = torch.arange(N * places).view(N, places) % 3
    targets[:5, 2:], targets[7] = -100, -100
    return drawn(N, places, 5), targets


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("microbatch", [5, N])
def test_cross_entropy_is_pytorchs_mean(microbatch, weighted, smoothing):
    inputs, targets = sequences()
    weights = torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64) if weighted else None
    options = {"label_smoothing": smoothing}
    for last in (False, True):
        model = settled(Places(last))
        L = Objective(
            model,
            (inputs, targets),
            microbatch=microbatch,
            class_weights=weights,
            class_axis=-1 if last else None,
            **options,
        )

        def loss(outputs, last=last):
            outputs = outputs.transpose(1, 2) if last else outputs
            return functional.cross_entropy(outputs, targets, weight=weights, **options)

        check_all(L, truth(model, inputs, loss))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_exact_quantities_follow_weights_and_ignored_targets(smoothing):
    targets, model = Y.clone(), settled(mlp(layer=nn.ReLU))
    targets[:4] = 7
    weights = torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64)
    options = {"class_weights": weights, "ignore_index": 7, "label_smoothing": smoothing}
    L = Objective(model, (X, targets), **options)
    exact = spectrum.exact_trace(L)
    torch.testing.assert_close(exact.diagonal, L.ggn().to_dense().diagonal())
    values = torch.linalg.eigvalsh(L.ggn().to_dense()).flip(0)
    ranged = spectrum.ggn_spectrum(L)
    torch.testing.assert_close(
        ranged.values[: ranged.rank], values[: ranged.rank], rtol=1e-6, atol=1e-12
    )
    right = model(X[4:]).argmax(1) == targets[4:]
    assert L.evaluate().accuracy == pytest.approx(float(right.double().mean()))
    plane = slices.random_plane(L, reach=0.1, points=3, seed=0)
    assert float(plane.accuracy[1, 1]) == pytest.approx(float(right.double().mean()))


def test_classes_in_the_last_axis_are_asked_for():
    inputs, targets = sequences(places=4)
    with pytest.raises(ValueError, match=r"classes in the last axis\. Pass class_axis=-1"):
        Objective(settled(Places(True)), (inputs, targets))
    inputs, targets = sequences(places=3)
    with pytest.raises(ValueError, match=r"may hold the classes in axis 1 or in the last axis"):
        Objective(settled(Places(True)), (inputs, targets))
    axes = [
        Objective(settled(Places(True)), (inputs, targets), class_axis=k).loss() for k in (1, -1)
    ]
    assert axes[0] != axes[1]


def test_nan_outputs_are_never_right():
    model = settled(mlp())
    with torch.no_grad():
        model[0].weight.fill_(float("nan"))
    assert Objective(model, (X, torch.zeros(N, dtype=torch.int64))).evaluate().accuracy == 0


LOSSES = {
    "a tensor": lambda o, t: functional.cross_entropy(
        o, t, weight=torch.tensor([1.0, 2, 3]), reduction="none"
    ),
    "a module": nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2, 3]), reduction="none"),
    "a lock": type(
        "Locked",
        (),
        {
            "lock": threading.Lock(),
            "__call__": lambda _, o, t: functional.cross_entropy(o, t, reduction="none"),
        },
    )(),
}


@pytest.mark.parametrize("words", LOSSES)
def test_losses_that_hold_things_follow_the_dtype(words):
    model = settled(mlp()).float()
    single, double = (
        Objective(model, (X, Y), loss=LOSSES[words], dtype=dtype)
        for dtype in (torch.float32, torch.float64)
    )
    assert single.loss() == pytest.approx(double.loss(), rel=1e-5)
    assert spectrum.eigenpairs(double.hessian()).largest > 0


def test_floating_targets_follow_the_dtype():
    def loss(outputs, targets):
        return functional.huber_loss(outputs, targets, reduction="none").mean(1)

    model, targets = settled(mlp()), drawn(N, 3).float()
    L = Objective(model, (X, targets), loss=loss)
    want = truth(model, X, lambda o: functional.huber_loss(o, targets.double()))
    check_all(L, want)


def test_squared_error_of_outputs_without_a_second_axis():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.scale = nn.Linear(5, 1), nn.Parameter(torch.tensor(1.0))

        def forward(self, x):
            return torch.tanh(self.linear(x) * self.scale)[:, 0]

    model, targets = settled(Scaled()), drawn(N)
    L = Objective(model, (X, targets), loss="mse", microbatch=5)
    check_all(L, truth(model, X, lambda o: functional.mse_loss(o, targets)))


# Rows 7, 11, 14, 17: one path


def test_a_padded_encoder_has_one_loss():
    class Padded(nn.Module):
        def __init__(self):
            super().__init__()
            layer = nn.TransformerEncoderLayer(4, 2, 6, batch_first=True)
            self.encoder, self.last = nn.TransformerEncoder(layer, 1), nn.Linear(4, 3)

        def forward(self, x):
            pad = x.abs().sum(-1) == 0
            return self.last(self.encoder(x, src_key_padding_mask=pad).mean(1))

    inputs, model = drawn(N, 3, 4), settled(Padded())
    inputs[:5, 2:] = 0
    L = Objective(model, (inputs, Y), microbatch=5)
    value = float(functional.cross_entropy(model(inputs), Y))  # Recorded: no fused layers.
    assert L.loss() == pytest.approx(value, rel=1e-12)
    line = slices.line(L, direction=L.theta, reach=0.1, points=3)
    assert float(line.loss[1]) == pytest.approx(value, rel=1e-12)
    v, h = torch.linspace(-1, 1, L.n, dtype=torch.float64), 1e-6
    change = (L.gradient(L.theta + h * v) - L.gradient(L.theta - h * v)) / (2 * h)
    torch.testing.assert_close(L.hessian() @ v, change, rtol=1e-5, atol=1e-7)


def test_autocast_of_the_caller_changes_nothing():
    L = Objective(settled(mlp()), (X, Y), dtype=torch.float32)
    v = torch.ones(L.n)

    def measured():
        return (
            L.loss(),
            L.gradient(),
            L.hessian() @ v,
            L.ggn() @ v,
            dynamics.gradient_noise(L).trace,
        )

    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = measured()
        assert torch.is_autocast_enabled("cpu")
    for one, other in zip(inside, measured(), strict=True):
        assert torch.equal(torch.as_tensor(one), torch.as_tensor(other))


@pytest.mark.parametrize("first", ["loss", "gradient", "hessian", "noise"])
def test_tables_made_at_the_first_call_work_in_any_order(first):
    class Table(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.table = mlp(), None

        def forward(self, x):
            if self.table is None:
                self.table = torch.sin(torch.arange(5.0)).to(x)
            return self.net(x * self.table)

    model = settled(Table())
    L = Objective(model, (X, Y), check=False)
    {
        "loss": L.loss,
        "gradient": L.gradient,
        "hessian": lambda: L.hessian() @ L.theta,
        "noise": lambda: dynamics.gradient_noise(L),
    }[first]()
    want = truth(model.net, X * torch.sin(torch.arange(5.0)), entropy(Y))
    check_all(L, want)
    assert model.table is None


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointed_blocks_have_the_derivatives_of_plain_ones(reentrant):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, x):
            hidden = checkpoint(self.net[:2], x, use_reentrant=reentrant)
            return self.net[2](hidden)

    model = settled(Block())
    check_all(Objective(model, (X, Y), microbatch=5), truth(model.net, X, entropy(Y)))


# Rows 8, 10, 13, 15, 16, 21: modules


def test_a_module_under_two_names_works_in_any_order():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(40)
            self.head, self.again = self.net[2], self.net[0]

        def forward(self, x):
            return self.head(torch.tanh(self.net[0](x)))

    inputs, model = drawn(N, 40), settled(Twice())
    L = Objective(model, (inputs, Y), microbatch=5)
    check_all(L, truth(model.net, inputs, entropy(Y)))
    other = settled(Twice())
    with torch.no_grad():
        other.head.weight.add_(0.1)
    path = connectivity.linear_barrier(L, Objective(other, (inputs, Y)), ts=3)
    assert float(path.loss[0]) == pytest.approx(L.loss(), rel=1e-12)


def weight_normed(old):
    layer = nn.Linear(5, 6)
    wrapped = nn.utils.weight_norm(layer) if old else nn.utils.parametrizations.weight_norm(layer)
    return settled(nn.Sequential(wrapped, nn.Tanh(), nn.Linear(6, 3)))


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("old", [True, False])
def test_weight_norm_has_right_second_derivatives(old):
    model = weight_normed(old)
    model(X)  # The old form keeps a tensor with a graph.
    L = Objective(model, (X, Y))
    v, h = torch.linspace(-1, 1, L.n, dtype=torch.float64), 1e-6
    change = (L.gradient(L.theta + h * v) - L.gradient(L.theta - h * v)) / (2 * h)
    torch.testing.assert_close(L.hessian() @ v, change, rtol=1e-6, atol=1e-8)


def test_signals_of_a_parametrised_layer_are_those_of_the_layer():
    model, plain = weight_normed(False), settled(mlp())
    with torch.no_grad():
        for name in ("weight", "bias"):
            getattr(plain[0], name).copy_(getattr(model[0], name))
            getattr(plain[2], name).copy_(getattr(model[2], name))
    found, want = (
        diagnostics.signal_propagation(Objective(m, (X, Y))).norms for m in (model, plain)
    )
    torch.testing.assert_close(found, want)


def test_a_network_that_keeps_activations_is_copied_without_them():
    class Keeping(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.kept = mlp(), []

        def forward(self, x):
            self.last = self.net[0](x)
            self.kept.append(self.last)
            return self.net(x)

    model = settled(Keeping())
    model(X)
    check_all(Objective(model, (X, Y)), truth(model.net, X, entropy(Y)))
    assert len(model.kept) == 1


def test_bookkeeping_does_not_make_another_architecture():
    first, second = settled(mlp()), settled(mlp())
    first.run_name, second.history, second.best = "a", [1.0], 0.3
    with torch.no_grad():
        second[0].weight.add_(0.1)
    a, b = Objective(first, (X, Y)), Objective(second, (X, Y))
    assert a.differs(b) == [] and connectivity.linear_barrier(a, b, ts=3).loss.isfinite().all()
    other = settled(mlp(layer=nn.Sigmoid))
    assert a.differs(Objective(other, (X, Y))) == ["architecture"]


WRAPPERS = {
    "DataParallel": nn.DataParallel,
    "AveragedModel": torch.optim.swa_utils.AveragedModel,
    "compiled": lambda model: torch.compile(model, backend="eager"),
    "twice": lambda model: nn.DataParallel(torch.optim.swa_utils.AveragedModel(model)),
}


@pytest.mark.parametrize("words", WRAPPERS)
def test_wrappers_are_taken_off(words):
    model = settled(mlp())
    L = Objective(WRAPPERS[words](model), (X, Y))
    assert L.layout.blocks[0].name == "0.weight"
    check_all(L, truth(model, X, entropy(Y)))


# Rows 4, 30, 33: examples that meet

MEETING = {
    "mean over the examples": lambda h: h - h.mean(0),
    "roll": lambda h: h + h.roll(1, 0),
    "flip": lambda h: h + h.flip(0),
    "attention over the examples": lambda h: torch.softmax(h @ h.T, 1) @ h,
    "batch statistics": lambda h: (h - h.mean(0)) / h.std(0),
}


@pytest.mark.parametrize("words", MEETING)
def test_examples_that_meet_are_one_batch_or_refused(words):
    model = settled(Around(MEETING[words]))
    with pytest.raises(ValueError, match=r"depends on the other .*microbatch=len\(examples\)"):
        Objective(model, (X, Y), microbatch=5)
    L = Objective(model, (X, Y), microbatch=N)
    check_all(L, truth(model, X, entropy(Y)))
    for measure in (dynamics.gradient_noise, spectrum.exact_trace, spectrum.ggn_spectrum):
        with pytest.raises(ValueError, match=r"needs a loss of each single example, but an output"):
            measure(L)
    with pytest.raises(ValueError, match=r"depends on the other"):
        L.replace(microbatch=4)


def info_nce(outputs, _):
    z = functional.normalize(outputs)
    return functional.cross_entropy(5 * z @ z.T, torch.arange(len(z)), reduction="none")


def test_a_contrastive_loss_is_one_batch_or_refused():
    model = settled(mlp())
    with pytest.raises(
        ValueError, match=r"loss of an example depends on the outputs of the others"
    ):
        Objective(model, (X, Y), loss=info_nce, microbatch=5)
    L = Objective(model, (X, Y), loss=info_nce, microbatch=N)
    check_all(L, truth(model, X, lambda o: info_nce(o, None).mean()))
    with pytest.raises(ValueError, match=r"needs a loss of each single example"):
        dynamics.gradient_noise(L)


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_recurrent_networks_need_the_examples_in_the_first_axis(kind):
    class Recurrent(nn.Module):
        def __init__(self, first):
            super().__init__()
            self.layer, self.last = kind(5, 4, batch_first=first), nn.Linear(4, 3)

        def forward(self, x):
            return self.last(self.layer(x)[0][:, -1])

    inputs = drawn(N, 3, 5)
    with pytest.raises(ValueError, match=r"set batch_first=True"):
        Objective(settled(Recurrent(False)), (inputs, Y), microbatch=5)
    L = Objective(settled(Recurrent(True)), (inputs, Y), microbatch=5)
    singles = [L.replace(examples=(inputs[k : k + 1], Y[k : k + 1])).gradient() for k in range(N)]
    with pytest.warns(UserWarning, match="one after the other"):
        noise = dynamics.gradient_noise(L)
    want = float(torch.stack(singles).var(0).sum())
    assert noise.trace == pytest.approx(want, rel=1e-9)


# Rows 6, 9, 34: what breaks the contract


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        return 3 * ctx.saved_tensors[0] ** 2 * gradient


class Numpy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, gradient):
        return gradient * torch.from_numpy(3 * ctx.saved_tensors[0].detach().numpy() ** 2)


class Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.sign()

    @staticmethod
    def backward(ctx, gradient):
        return gradient


@pytest.mark.parametrize("function", [Once, Numpy])
def test_a_backward_that_is_not_differentiable_is_refused_and_named(function):
    model, plain = settled(Around(function.apply)), settled(Around(lambda x: x**3))
    L, want = Objective(model, (X, Y)), Objective(plain, (X, Y))
    assert L.loss() == want.loss()
    torch.testing.assert_close(L.gradient(), want.gradient())
    with pytest.raises(ValueError, match=rf"backward of {function.__name__} is not differentiable"):
        L.hessian()
    if function is Numpy:  # Its backward is linear in the gradient that it gets.
        torch.testing.assert_close(L.ggn().to_dense(), want.ggn().to_dense())
    else:
        with pytest.raises(ValueError, match=r"outputs' Jacobian"):
            L.ggn()


REFUSED = {
    "straight-through": (Straight.apply, "gradient", "is not the derivative of the loss"),
    "detach": (lambda x: x * x.detach(), "gradient", "is not the derivative of the loss"),
    "dropout": (lambda x: functional.dropout(x, 0.5), None, "is not deterministic"),
    "noise": (lambda x: x + torch.randn_like(x), None, "is not deterministic"),
    "a branch on gradients": (
        lambda x: x * (2 if x.requires_grad else 1),
        None,
        "where they are recorded",
    ),
    "no rows": (lambda x: x.sum(), None, "cannot be computed on inputs"),
    "one row": (lambda x: x.mean(0, keepdim=True), None, "must return a row for each example"),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_no_function_of_theta_is_refused(words):
    function, method, text = REFUSED[words]
    model = settled(Around(function))
    if method is None:
        with pytest.raises(ValueError, match=text):
            Objective(model, (X, Y))
    else:
        with pytest.raises(ValueError, match=text):
            getattr(Objective(model, (X, Y)), method)()
    assert Objective(model, (X, Y), check=False).n > 0


def test_a_loss_that_reads_parameters_is_refused():
    model = settled(mlp())

    def penalised(outputs, targets):
        penalty = sum(p.square().sum() for p in model.parameters())
        return functional.cross_entropy(outputs, targets, reduction="none") + penalty

    def detached(outputs, targets):
        return penalised(outputs, targets).detach() + functional.mse_loss(outputs, outputs)

    for loss in (penalised, detached):
        with pytest.raises(ValueError, match=r"depends on .* not only through theta"):
            Objective(model, (X, Y), loss=loss)
        with pytest.raises(ValueError, match=r"depends on .* not only through theta"):
            Objective(model, (X, Y)).replace(loss=loss)


def test_a_parameter_in_a_list_is_refused():
    class Listed(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3, 5))
            self.all = [self.weight]

        def forward(self, x):
            return functional.linear(x, self.all[0])

    with pytest.raises(ValueError, match=r"depends on 'weight' not only through theta"):
        Objective(settled(Listed()), (X, Y))


EMBEDDINGS = [{}, {"padding_idx": 0}, {"scale_grad_by_freq": True}, {"sparse": True}]


@pytest.mark.parametrize("options", EMBEDDINGS, ids=str)
def test_embeddings_have_the_derivatives_of_the_loss(options):
    ids = torch.arange(N * 4).view(N, 4) % 7
    model, plain = (
        settled(nn.Sequential(nn.Embedding(7, 2, **o), nn.Flatten(), nn.Linear(8, 3)))
        for o in (options, {})
    )
    L = Objective(model, (ids, Y), microbatch=5)
    check_all(L, truth(plain, ids, entropy(Y)))
    assert model[0].sparse == options.get("sparse", False)


# Row 29: pairs of another operator


def test_pairs_of_another_operator_are_refused():
    L = Objective(settled(mlp()), (X, Y))
    H = L.hessian()
    pairs = spectrum.eigenpairs(H, k=2, vectors=True)
    before = H.products
    exact = float(H.to_dense().trace())
    estimate = spectrum.trace(H, known=pairs)
    again = spectrum.trace(L.hessian(), known=pairs)  # Another object of it costs one product.
    assert estimate.value == again.value == pytest.approx(exact, abs=5 * estimate.stderr)
    assert before > 0
    shifted = L.replace(examples=(X[:6], Y[:6])).hessian()
    for other in (L.hessian(1.5 * L.theta), L.ggn(), shifted):
        for measure in (spectrum.trace, spectrum.density, spectrum.frobenius):
            with pytest.raises(ValueError, match="do not belong to this operator"):
                measure(other, known=pairs)


# Row 23: examples


def test_loaders_and_arrays_are_taken():
    model = settled(mlp())
    want = Objective(model, (X, Y))
    loader = DataLoader(TensorDataset(X, Y), batch_size=5)
    for examples in ((X.numpy(), Y.numpy()), [X, Y], loader):
        L = Objective(model, examples)
        assert L.examples_hash == want.examples_hash and L.loss() == want.loss()


EXAMPLES = {
    "nothing": (None, TypeError, "the examples are a NoneType"),
    "a text": ("ab", TypeError, "the examples are a str"),
    "a tensor": (X, TypeError, "the examples are a Tensor"),
    "one part": ((X,), TypeError, "the examples are a tuple of 1"),
    "three parts": ((X, Y, Y), TypeError, "the examples are a tuple of 3"),
    "a list of rows": (([1, 2], Y), TypeError, "the inputs are a list"),
    "another name": (({"x": X}, Y), ValueError, "forward.. of Sequential does not take"),
    "no targets": ((X, None), TypeError, "the targets are a NoneType"),
    "objects": ((np.array([object()] * N), Y), TypeError, "the inputs are a array of object"),
    "sparse": ((X.to_sparse(), Y), TypeError, "the inputs are a sparse_coo tensor"),
    "unequal": ((X, Y[:5]), ValueError, "12 inputs and 5 targets"),
    "none": ((X[:0], Y[:0]), ValueError, "0 inputs and 0 targets"),
    "numbers": ((torch.tensor(1.0), Y), ValueError, "a single number inputs"),
    "complex": ((X.cfloat(), Y), ValueError, "view_as_real"),
    "wide": ((drawn(N, 6), Y), ValueError, "model cannot be computed on inputs"),
    "class 3": ((X, Y + 1), ValueError, "a target is out of bounds"),
    "floats": ((X, Y.double()), ValueError, "loss cannot be computed from outputs"),
    "all ignored": ((X, torch.full((N,), -100)), ValueError, "no target counts"),
}


@pytest.mark.parametrize("words", EXAMPLES)
def test_other_examples_are_refused(words):
    examples, kind, text = EXAMPLES[words]
    with pytest.raises(kind, match=text):
        Objective(settled(mlp()), examples).loss()


MODELS = {
    "nothing": (None, TypeError, "the model is None, no torch.nn.Module"),
    "a text": ("x", TypeError, "the model is 'x', no"),
    "a class": (nn.Linear, TypeError, "the model is the class Linear, no"),
    "a function": (mlp, TypeError, "the model is <function"),
    "no parameter": (nn.ReLU(), ValueError, "no parameter with requires_grad"),
    "complex": (nn.Linear(5, 3, dtype=torch.cfloat), ValueError, "'weight' is complex"),
    "half": (nn.Linear(5, 3).half(), ValueError, "would compute in float16"),
    "rescaled": (nn.Embedding(5, 3, max_norm=1.0), ValueError, "rescales the weights in place"),
}


@pytest.mark.parametrize("words", MODELS)
def test_other_models_are_refused(words):
    model, kind, text = MODELS[words]
    with pytest.raises(kind, match=text):
        Objective(model, (X, Y))


OPTIONS = [
    ({"microbatch": 0}, "microbatch >= 1"),
    ({"microbatch": 2.5}, "microbatch >= 1"),
    ({"microbatch": "4"}, "microbatch >= 1"),
    ({"microbatch": True}, "microbatch >= 1"),
    ({"bn_block": 1}, "bn_block >= 2"),
    ({"bn_block": None}, "bn_block >= 2"),
    ({"graph_memory": -1}, "graph_memory >= 0"),
    ({"graph_memory": "1 GB"}, "graph_memory >= 0"),
    ({"bn": None}, "is no batch-normalisation policy"),
    ({"bn": "eval"}, "is no batch-normalisation policy"),
    ({"dtype": torch.int64}, "would compute in int64"),
    ({"loss": None}, "loss=None is not known"),
    ({"loss": "hinge"}, "loss='hinge' is not known"),
    ({"loss": 5}, "loss=5 is not known"),
    ({"label_smoothing": "x"}, "is not possible"),
    ({"label_smoothing": None}, "is not possible"),
    ({"label_smoothing": 1.0}, "is not possible"),
    ({"label_smoothing": -0.1}, "is not possible"),
    ({"label_smoothing": 0.1, "loss": "mse"}, "is not possible"),
    ({"class_weights": [1.0, 2.0, 3.0]}, "class_weights=.* is not possible"),
    ({"class_weights": torch.tensor([1.0, -1.0, 1.0])}, "class_weights=.* is not possible"),
    ({"class_weights": torch.ones(3), "loss": "mse"}, "class_weights=.* is not possible"),
    ({"class_axis": 2}, "class_axis=2 .* is not possible"),
    ({"bn_examples": "x"}, "give no statistics"),
    ({"bn_examples": X[:0], "bn": "reestimate"}, "give no statistics"),
    ({"loss": lambda o, t: o}, r"loss returned the shape \(4, 3\)"),
    ({"loss": lambda o, t: o.sum()}, r"loss returned the shape \(\)"),
    ({"loss": lambda o, t: 1.0}, "loss returned a float"),
    ({"loss": lambda o: o.sum(1)}, "loss cannot be computed"),
]


@pytest.mark.parametrize(("options", "text"), OPTIONS, ids=[f"{i}" for i in range(len(OPTIONS))])
def test_other_options_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        Objective(settled(mlp()), (X, Y), **options)


@pytest.mark.parametrize(("name", "value"), [("dtype", "float32"), ("ignore_index", "pad")])
def test_options_of_another_type_are_refused(name, value):
    with pytest.raises(TypeError, match=f"^{name}="):
        Objective(settled(mlp()), (X, Y), **{name: value})


def test_an_attribute_that_cannot_be_copied_is_named():
    model = settled(mlp())
    model[0].lock = threading.Lock()
    with pytest.raises(ValueError, match=r"attribute '0\.lock' is a lock, .*Remove the attribute"):
        Objective(model, (X, Y))
