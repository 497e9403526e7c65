"""Weight decay as a part of the loss: PyTorch's own definition, beside every option of the loss."""

import copy

import pytest
import torch
from landscape import connectivity, dynamics, rng, sharpness, slices, spectrum
from landscape.objective import Objective
from torch import nn
from torch.nn import functional

N = 12


def drawn(*shape, name="decay"):
    return torch.randn(*shape, generator=rng.stream(0, name), dtype=torch.float64)


X, Y = drawn(N, 5), torch.arange(N) % 3
CUT = Y.clone()
CUT[3:6] = -100  # A whole microbatch of 3 without a target.
WEIGHTS = torch.tensor([0.5, 1.0, 2.5], dtype=torch.float64)


def network(shift=0.0):
    model = nn.Sequential(nn.Linear(5, 4), nn.LayerNorm(4), nn.Tanh(), nn.Linear(4, 3)).double()
    with torch.no_grad():
        for index, tensor in enumerate(model.parameters()):
            values = drawn(tensor.numel(), name=f"p{index}").view(tensor.shape)
            tensor.copy_(0.6 * values + shift)
    return model.eval()


def groups(model):
    """Parameter groups without decay of biases and norms."""
    plain = [x for x in model.parameters() if x.dim() > 1]
    return [
        {"params": plain, "weight_decay": 0.3},
        {"params": [x for x in model.parameters() if x.dim() < 2], "weight_decay": 0.0},
    ]


def by_group(model, kind):
    return kind(groups(model), lr=0.1)


# Words -> what is passed for a model; its coefficient by name of a parameter.
DECAYS = {
    "a number": (lambda model: 0.3, lambda name: 0.3),
    "names": (
        lambda model: {"0.weight": 0.3, "3": 0.2},
        lambda name: {"0": 0.3 * name.endswith("weight"), "3": 0.2}.get(name[0], 0.0),
    ),
    "all but the norm": (lambda model: {"": 0.3, "1": 0.0}, lambda name: 0.3 * (name[0] != "1")),
    "the longest name": (
        lambda model: {"3": 0.2, "3.bias": 0.0, "": 0.1},
        lambda name: {"3.weight": 0.2, "3.bias": 0.0}.get(name, 0.1),
    ),
    "SGD": (
        lambda model: torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.3),
        lambda name: 0.3,
    ),
    "Adam in groups": (
        lambda model: by_group(model, torch.optim.Adam),
        lambda name: 0.3 * (name in ("0.weight", "3.weight")),
    ),
    "groups": (groups, lambda name: 0.3 * (name in ("0.weight", "3.weight"))),
    "named groups": (
        lambda model: torch.optim.SGD(model.named_parameters(), lr=0.1, weight_decay=0.3),
        lambda name: 0.3,
    ),
}
OPTIONS = [
    {},
    {"label_smoothing": 0.2},
    {"class_weights": WEIGHTS},
    {"class_weights": WEIGHTS, "label_smoothing": 0.2},
]


def truth(model, coefficient, targets=CUT, **options):
    """Return loss, gradient, Hessian by plain PyTorch on all examples."""
    names = [name for name, _ in model.named_parameters()]
    shapes = [x.shape for x in model.parameters()]
    theta = torch.cat([x.detach().flatten() for x in model.parameters()])
    if "class_weights" in options:
        options["weight"] = options.pop("class_weights")

    def value(theta):
        parts = theta.split([shape.numel() for shape in shapes])
        state = {n: x.view(s) for n, x, s in zip(names, parts, shapes, strict=True)}
        outputs = torch.func.functional_call(model, state, (X,))
        penalty = sum(coefficient(n) / 2 * x.square().sum() for n, x in state.items())
        return functional.cross_entropy(outputs, targets, **options) + penalty

    leaf = theta.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(value(leaf), leaf)
    hessian = torch.autograd.functional.hessian(value, theta)
    return float(value(theta)), gradient, hessian, value


@pytest.mark.parametrize("options", OPTIONS, ids=lambda x: "+".join(x) or "plain")
@pytest.mark.parametrize("words", DECAYS)
def test_loss_gradient_and_curvature_hold_the_penalty(words, options):
    given, coefficient = DECAYS[words]
    model = network()
    L = Objective(model, (X, CUT), weight_decay=given(model), microbatch=3, **options)
    value, gradient, hessian, at = truth(model, coefficient, **options)
    assert L.loss() == pytest.approx(value, rel=1e-12)
    torch.testing.assert_close(L.gradient(), gradient, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(L.hessian().to_dense(), hessian, rtol=1e-9, atol=1e-11)
    direction = torch.linspace(-1, 1, L.n, dtype=torch.float64)
    line = slices.line(L, direction=direction, reach=0.5, points=3)
    for step, loss in zip((-0.5, 0.0, 0.5), line.loss.tolist(), strict=True):
        assert loss == pytest.approx(float(at(L.theta + step * direction)), rel=1e-10)


@pytest.mark.parametrize("words", ["a number", "all but the norm", "Adam in groups"])
def test_the_gauss_newton_matrix_gains_the_coefficients_on_its_diagonal(words):
    given, coefficient = DECAYS[words]
    model = network()
    L = Objective(model, (X, CUT), weight_decay=given(model), microbatch=5)
    without = L.replace(weight_decay=0.0)
    shift = torch.cat(
        [
            torch.full((x.numel(),), float(coefficient(n)), dtype=torch.float64)
            for n, x in model.named_parameters()
        ]
    )
    difference = L.ggn().to_dense() - without.ggn().to_dense()
    torch.testing.assert_close(difference, shift.diag(), rtol=1e-9, atol=1e-12)
    block = L.hessian(within="3").to_dense() - without.hessian(within="3").to_dense()
    torch.testing.assert_close(block, shift[-15:].diag(), rtol=1e-9, atol=1e-12)


def test_the_optimizers_step_is_along_the_gradient():
    model = network()
    optimizer = by_group(model, torch.optim.SGD)
    L = Objective(model, (X, CUT), weight_decay=optimizer, microbatch=4)
    functional.cross_entropy(model(X), CUT).backward()
    optimizer.step()
    moved = torch.cat([x.detach().flatten() for x in model.parameters()]) - L.theta
    torch.testing.assert_close(moved, -0.1 * L.gradient(), rtol=1e-9, atol=1e-12)


def test_frozen_and_tied_parameters_count_as_the_optimizer_counts_them():
    model = network()
    model[0].weight.requires_grad_(False)
    twice = nn.Sequential(model[3], nn.Tanh(), nn.Linear(3, 4).double(), nn.Tanh(), model[3])
    inputs = drawn(N, 4)
    L = Objective(twice, (inputs, Y), weight_decay=0.3)
    plain = L.replace(weight_decay=0)
    assert L.loss() - plain.loss() == pytest.approx(0.15 * float(L.theta @ L.theta), rel=1e-9)
    L = Objective(model, (X, Y), weight_decay=0.3)
    want = 0.15 * sum(float(x.square().sum()) for x in model.parameters() if x.requires_grad)
    plain = L.replace(weight_decay=0)
    assert L.loss() - plain.loss() == pytest.approx(want, rel=1e-9)


def test_measurements_are_those_of_the_penalised_loss():
    model = network()
    L = Objective(model, (X, Y), weight_decay={"": 0.3, "1": 0.0}, microbatch=5)
    value, gradient, hessian, at = truth(model, lambda name: 0.3 * (name[0] != "1"), Y)
    top = spectrum.eigenpairs(L.hessian(), k=1, tol=1e-8)
    assert top.largest == pytest.approx(float(torch.linalg.eigvalsh(hessian)[-1]), rel=1e-6)
    step = 0.05 * gradient / gradient.norm()
    rise = float(at(L.theta + step)) - value
    assert sharpness.sam(L, rho=0.05).value == pytest.approx(rise, rel=1e-9)
    assert sharpness.sam(L, rho=0.05).weight_decay == "0.3 on 4 tensors, 0 on 2 tensors"
    plane = slices.random_plane(L, reach=0.5, points=3, seed=0)
    assert float(plane.loss[1, 1]) == pytest.approx(value, rel=1e-12)
    singles = [L.replace(examples=(X[k : k + 1], Y[k : k + 1])).gradient() for k in range(N)]
    noise = dynamics.gradient_noise(L)
    assert noise.trace == pytest.approx(float(torch.stack(singles).var(0).sum()), rel=1e-9)
    assert noise.gradient_norm == pytest.approx(float(gradient.norm()), rel=1e-9)
    sharp = dynamics.batch_sharpness(L, batch_size=N)
    want = float(gradient @ hessian @ gradient / (gradient @ gradient))
    assert sharp.value == pytest.approx(want, rel=1e-9)


def test_the_exact_trace_holds_the_coefficients():
    model = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)).double()
    L = Objective(model, (X, CUT), weight_decay={"0": 0.3}, microbatch=3)
    exact = spectrum.exact_trace(L)
    assert exact.value == pytest.approx(float(L.hessian().to_dense().trace()), rel=1e-9)
    with pytest.raises(ValueError, match="weight decay raises every eigenvalue"):
        spectrum.ggn_spectrum(L)
    assert spectrum.ggn_spectrum(L.replace(weight_decay=0.0)).rank > 0


def test_paths_hold_the_penalty():
    first, second = network(), network(0.1)
    start, end = (
        Objective(model, (X, Y), weight_decay=0.3, dtype=torch.float64) for model in (first, second)
    )
    path = connectivity.linear_barrier(start, end, ts=3)
    middle = start.loss(torch.lerp(start.theta, end.theta, 0.5))
    assert float(path.loss[1]) == pytest.approx(middle, rel=1e-9)
    free = end.replace(weight_decay=0.0)
    fitted = connectivity.calibrated_path(start, end, ts=3).path.loss
    plain = connectivity.calibrated_path(start.replace(weight_decay=0.0), free, ts=3).path.loss
    squares = float(torch.lerp(start.theta, end.theta, 0.5).square().sum())
    assert float(fitted[1] - plain[1]) == pytest.approx(0.15 * squares, rel=1e-9)
    assert "weight_decay" in start.differs(free)
    with pytest.raises(ValueError, match="differ"):
        connectivity.linear_barrier(start, free)


def test_the_key_knows_the_penalty_and_an_objective_without_keeps_its_own():
    model = network()
    plain, zero = Objective(model, (X, Y)), Objective(model, (X, Y), weight_decay={"0": 0.0})
    some, same = (Objective(model, (X, Y), weight_decay=c) for c in (0.3, {"": 0.3}))
    other = Objective(model, (X, Y), weight_decay={"": 0.3, "1": 0.0})
    keys = [x.fingerprint for x in (plain, zero, some, same, other)]
    assert keys[0] == keys[1] and keys[2] == keys[3]
    assert len({str(key) for key in keys}) == 3
    pairs = spectrum.eigenpairs(some.hessian(), k=1, vectors=True)
    with pytest.raises(ValueError, match="do not belong to this operator"):
        spectrum.trace(plain.hessian(), known=pairs)


def test_the_penalty_is_fixed_when_the_objective_is_made():
    model = network()
    optimizer = by_group(model, torch.optim.SGD)
    L = Objective(model, (X, Y), weight_decay=optimizer)
    before = L.loss()
    optimizer.param_groups[0]["weight_decay"] = 5.0
    assert L.loss() == before and L.replace(microbatch=4).loss() == pytest.approx(before)
    wrapped = Objective(
        nn.DataParallel(model), (X, Y), weight_decay=by_group(model, torch.optim.SGD)
    )
    assert wrapped.loss() == before


REFUSED = [
    (lambda m: -0.1, ValueError, "finite number >= 0"),
    (lambda m: float("nan"), ValueError, "finite number >= 0"),
    (lambda m: float("inf"), ValueError, "finite number >= 0"),
    (lambda m: "5e-4", TypeError, "is no weight decay"),
    (lambda m: True, TypeError, "is no weight decay"),
    (lambda m: None, TypeError, "is no weight decay"),
    (lambda m: torch.ones(3), TypeError, "is no weight decay"),
    (lambda m: {"norm": 0.0}, ValueError, "'norm', which names no trained parameter"),
    (lambda m: {0: 0.1}, ValueError, "0, which names no trained parameter"),
    (lambda m: {"0": "x"}, TypeError, r"weight_decay\['0'\]='x' is no weight decay"),
    (lambda m: {"0": -1.0}, ValueError, r"weight_decay\['0'\]=-1.0 is no weight decay"),
    (lambda m: [0.1, 0.2], TypeError, "other things than an optimizer's groups"),
    (
        lambda m: torch.optim.AdamW(m.parameters(), weight_decay=0.1),
        ValueError,
        "the decay of AdamW .* is no part of a loss",
    ),
    (
        lambda m: torch.optim.Adam(m.parameters(), weight_decay=0.1, decoupled_weight_decay=True),
        ValueError,
        "the decay of Adam with decoupled_weight_decay",
    ),
    (
        lambda m: torch.optim.SGD(copy.deepcopy(m).parameters(), weight_decay=0.1),
        ValueError,
        "6 parameters that are not the model's",
    ),
]


@pytest.mark.parametrize(("given", "kind", "text"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_penalty_of_this_model_is_refused(given, kind, text):
    model = network()
    with pytest.raises(kind, match=text):
        Objective(model, (X, Y), weight_decay=given(model))


def test_a_decoupled_optimizer_without_decay_has_no_penalty():
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.0)
    assert Objective(model, (X, Y), weight_decay=optimizer).weight_decay == 0.0
