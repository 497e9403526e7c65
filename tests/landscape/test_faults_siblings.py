"""Siblings of the faults that readers met: each is right against plain PyTorch, or refused."""

import copy
import re
import types

import numpy as np
import pytest
import torch
from landscape.checkpoints import load
from landscape.dynamics.gradient_noise import gradient_noise
from landscape.objective import Objective
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

GENERATOR = torch.Generator().manual_seed(0)
INPUTS = torch.randn(12, 5, generator=GENERATOR, dtype=torch.float64)
TARGETS = torch.randint(3, (12,), generator=GENERATOR)


class Net(nn.Module):
    """Two layers, and a forward pass that a test gives."""

    def __init__(self, forward, **parts):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.first, self.last = nn.Linear(5, 8), nn.Linear(8, 3)
        self.run = forward
        for name, part in parts.items():
            setattr(self, name, part)
        self.double()

    def forward(self, x, *args, **kwargs):
        return self.run(self, x, *args, **kwargs)


def plain(self, x):
    return self.last(torch.tanh(self.first(x)))


def check(model, examples, value, **options):
    """Compare loss, slope and curvature along a direction with differences of plain PyTorch."""
    L = Objective(model, examples, **options)
    twin = copy.deepcopy(model).eval()
    trained = [x for x in twin.parameters() if x.requires_grad]
    generator = torch.Generator().manual_seed(3)
    v = torch.randn(L.n, generator=generator, dtype=torch.float64)
    v /= v.norm()

    def at(h):
        moved = (L.theta + h * v).split([x.numel() for x in trained])
        with torch.no_grad():
            for parameter, part in zip(trained, moved, strict=True):
                parameter.copy_(part.view_as(parameter))
        return float(value(twin).detach())

    middle, h = at(0.0), 1e-4
    assert L.loss() == pytest.approx(middle, rel=1e-9) and L.loss() == L.loss()
    slope = (at(h) - at(-h)) / (2 * h)
    assert float(L.gradient() @ v) == pytest.approx(slope, rel=1e-4, abs=1e-7)
    h = 1e-3
    curvature = (at(h) - 2 * middle + at(-h)) / h**2
    assert float(v @ (L.hessian() @ v)) == pytest.approx(curvature, rel=2e-3, abs=2e-5)


def entropy(model):
    return functional.cross_entropy(model(INPUTS.clone()), TARGETS)


def halves_rare(self, x):
    x.masked_fill_(x > 1.9, 0.0)  # No entry of the first examples is as large.
    return plain(self, x)


def writes_by_out(self, x):
    torch.mul(x, 2, out=x)
    return plain(self, x)


def turned(self, x):
    spectrum = torch.fft.fft(torch.tanh(self.first(x)))
    return self.last(torch.fft.ifft(spectrum * self.phases).real)


def of_slopes(self, x):
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        energy = functional.hardsigmoid(self.first(x)).square().sum()
        return self.last(
            torch.tanh(self.first(torch.autograd.grad(energy, x, create_graph=True)[0]))
        )


def in_autocast(self, x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return plain(self, x.float()).double()


RIGHT = {
    "a write under a mask that the first examples do not meet": halves_rare,
    "a write by out=": writes_by_out,
    "hardsigmoid in place": lambda self, x: self.last(
        functional.hardsigmoid(self.first(x), inplace=True)
    ),
    "slopes of a hardsigmoid": of_slopes,
}


@pytest.mark.parametrize("words", RIGHT)
def test_unusual_forward_passes_are_right(words):
    before = INPUTS.clone()
    check(Net(RIGHT[words]), (INPUTS, TARGETS), entropy)
    assert torch.equal(INPUTS, before)


def test_complex_buffers_stay_complex():
    model = Net(turned)
    phases = torch.polar(torch.ones(8), torch.arange(8.0)).to(torch.complex128)
    model.register_buffer("phases", phases)
    check(model, (INPUTS, TARGETS), entropy)
    single = copy.deepcopy(model).float()
    single.phases = phases.to(torch.complex64)
    assert Objective(single, (INPUTS, TARGETS)).loss() == pytest.approx(entropy(model).item(), 1e-5)


def test_autocast_inside_the_forward_pass_changes_nothing():
    exact, within = Net(plain).float(), Net(lambda self, x: in_autocast(self, x).float()).float()
    examples = INPUTS.float(), TARGETS
    assert Objective(within, examples).loss() == Objective(exact, examples).loss()
    with torch.autocast("cpu", dtype=torch.bfloat16):  # And it works again afterwards.
        assert exact.first(INPUTS.float()).dtype == torch.bfloat16


@pytest.mark.parametrize("kind", [torch.int8, torch.int16, torch.int32, torch.uint8])
def test_classes_are_of_any_integer_type(kind):
    check(Net(plain), (INPUTS, TARGETS.to(kind)), entropy)


@pytest.mark.parametrize(
    "examples",
    [
        [(x, y) for x, y in zip(INPUTS, TARGETS, strict=True)],
        [(x, int(y)) for x, y in zip(INPUTS, TARGETS, strict=True)],
        DataLoader(TensorDataset(INPUTS, TARGETS), batch_size=5),
        (INPUTS.numpy().astype(">f8"), TARGETS.numpy().astype(">i4")),
        (np.asfortranarray(INPUTS.numpy()), TARGETS.numpy().astype(np.int16)),
        (np.ma.array(INPUTS.numpy()), TARGETS),
    ],
    ids=["tensors one by one", "numbers one by one", "loader", "big-endian", "columns", "no mask"],
)
def test_examples_in_unusual_forms_are_the_same_examples(examples):
    assert Objective(Net(plain), examples).loss() == pytest.approx(entropy(Net(plain)).item())


# Refused


def keeps_long(self, x):
    return plain(self, x.mul_(0.5) if len(x) > 6 else x)


def meets_far(self, x):
    return plain(self, x + torch.roll(x, 6, 0) if len(x) > 6 else x)


def with_kwargs(self, x, mask=None, **kwargs):
    return plain(self, x if mask is None else x * mask)


def householder():
    model = Net(plain)
    nn.utils.parametrizations.orthogonal(model.first, orthogonal_map="householder")
    return model


def lazy():
    model = Net(lambda self, x: self.last(self.late(x)))
    model.late = nn.LazyLinear(8)
    return model


def holding(value):
    model = Net(plain)
    model.kept = types.SimpleNamespace(value=value)
    return model


def mean_of_squares(outputs, targets):
    return (outputs - targets).square().mean(1)


def detached(outputs, targets):
    return functional.cross_entropy(outputs.detach(), targets, reduction="none")


def one_output(self, x):
    return plain(self, x)[:, :1]


PAIR = INPUTS, TARGETS
MASKED = np.ma.array(INPUTS.numpy(), mask=INPUTS.numpy() > 1)
FLOATS = torch.randn(12, generator=GENERATOR, dtype=torch.float64)
REFUSED = {
    "a write into long batches": (lambda: Net(keeps_long), PAIR, {}, "writes into its inputs"),
    "examples that meet far away": (
        lambda: Net(meets_far),
        PAIR,
        {"microbatch": 4},
        "depends on how many are computed with it.*microbatch=len",
    ),
    "a misspelled keyword": (
        lambda: Net(with_kwargs).float(),
        ({"x": INPUTS, "msk": INPUTS}, TARGETS),
        {},
        "inputs 'msk' by .*reads none",
    ),
    "a map that rounds": (householder, PAIR, {}, "the loss jumps at this theta"),
    "a lazy layer": (lazy, PAIR, {}, "'late.weight' is not initialised.*Call the model once"),
    "the device meta": (lambda: nn.Linear(5, 3, device="meta"), PAIR, {}, "on the device meta"),
    "an object that holds a lock": (
        lambda: holding(i for i in range(3)),
        PAIR,
        {},
        "attribute 'kept' is a SimpleNamespace, which Python cannot copy",
    ),
    "a loss by broadcasting": (
        lambda: Net(one_output),
        (INPUTS, FLOATS),
        {"loss": mean_of_squares},
        "meet by broadcasting",
    ),
    "a loss that is not recorded": (
        lambda: Net(plain),
        PAIR,
        {"loss": detached},
        "no gradient by theta, though it changes",
    ),
    "complex targets": (
        lambda: Net(plain),
        (INPUTS, torch.zeros(12, 3, dtype=torch.complex64)),
        {"loss": "mse"},
        "would drop their imaginary parts",
    ),
    "a mask": (lambda: Net(plain), (MASKED, TARGETS), {}, "entries are masked.*filled"),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_breaks_the_contract_is_refused_by_name(words):
    build, examples, options, text = REFUSED[words]
    with pytest.raises((ValueError, TypeError), match=text):
        Objective(build(), examples, **options).gradient()


def test_a_keyword_that_is_read_is_taken():
    def scaled(self, x, **kwargs):
        return plain(self, x * kwargs["mask"])

    L = Objective(Net(scaled), ({"x": INPUTS, "mask": INPUTS}, TARGETS))
    assert L.loss() == pytest.approx(
        functional.cross_entropy(Net(plain)(INPUTS.square()), TARGETS).item()
    )


def test_examples_that_meet_far_away_have_no_noise_of_their_own():
    L = Objective(Net(meets_far), PAIR)
    with pytest.raises(ValueError, match="gradient noise needs a loss of each single example"):
        gradient_noise(L)


def test_a_loss_that_flattens_both_is_no_broadcasting():
    def ranked(outputs, targets):
        return (outputs.flatten() - outputs.mean() - targets.flatten()).square()

    L = Objective(Net(one_output), (INPUTS, FLOATS), loss=ranked, microbatch=12)
    o = Net(one_output)(INPUTS)[:, 0]
    assert L.loss() == pytest.approx((o - o.mean() - FLOATS).square().mean().item())


# Files


def named(prefix, state):
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


STATE = nn.Linear(3, 2).state_dict()
FILES = {
    "two levels": {"checkpoint": {"model": {"state_dict": STATE}}},
    "beside weights of the criterion": {
        "state_dict": {**named("model.", STATE), "w": torch.ones(3)}
    },
    "averaged alone": {"ema": named("module.", STATE)},
    "arrays": {name: tensor.numpy() for name, tensor in STATE.items()},
    "a best value of NumPy": {"state_dict": STATE, "best": np.float64(0.5), "rng": np.arange(3)},
    "settings beside it": {"state_dict": STATE, "args": types.SimpleNamespace(lr=0.1)},
}


@pytest.mark.parametrize("words", FILES)
def test_weights_are_read_in_the_place_where_training_loops_keep_them(words, tmp_path):
    torch.save(FILES[words], tmp_path / "w.pt")
    loaded = load(nn.Linear(3, 2), tmp_path / "w.pt").state_dict()
    assert all(torch.equal(loaded[name], STATE[name]) for name in STATE)


def test_weights_are_read_from_arrays_of_numpy(tmp_path):
    np.savez(tmp_path / "w.npz", **{name: tensor.numpy() for name, tensor in STATE.items()})
    assert torch.equal(load(nn.Linear(3, 2), tmp_path / "w.npz").weight, STATE["weight"])
    (tmp_path / "broken.npz").write_bytes(b"text")
    with pytest.raises(ValueError, match="no readable file of NumPy arrays"):
        load(nn.Linear(3, 2), tmp_path / "broken.npz")


def test_weights_of_the_older_weight_norm_fit_the_newer(tmp_path):
    old = nn.utils.weight_norm(nn.Linear(3, 2))
    torch.save(old.state_dict(), tmp_path / "w.pt")
    new = load(nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)), tmp_path / "w.pt")
    torch.testing.assert_close(new(torch.ones(1, 3)), old(torch.ones(1, 3)))


LOSSY = {
    "two networks": (
        {**named("a.", STATE), **named("b.", STATE)},
        "2 networks that fit.*'a.', 'b.'",
    ),
    "whole numbers": ({k: x.mul(9).to(torch.int8) for k, x in STATE.items()}, "as int8"),
    "complex numbers": ({k: x * (1 + 1j) for k, x in STATE.items()}, "as complex64"),
}


@pytest.mark.parametrize("words", LOSSY)
def test_weights_that_a_conversion_would_change_are_refused(words, tmp_path):
    state, text = LOSSY[words]
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(ValueError, match=text):
        load(nn.Linear(3, 2), tmp_path / "w.pt")


def test_one_tensor_with_two_values_is_refused(tmp_path):
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    torch.save(model.state_dict(), tmp_path / "w.pt")
    model[1].weight = model[0].weight
    with pytest.raises(ValueError, match=re.escape("'0.weight' and '1.weight' with other values")):
        load(model, tmp_path / "w.pt")


# What is changed later


class Scaled:
    """A loss that holds a number, which its owner may change."""

    def __init__(self, scale):
        self.scale = scale

    def __call__(self, outputs, targets):
        return self.scale * functional.cross_entropy(outputs, targets, reduction="none")


def test_options_that_are_changed_later_change_nothing():
    weights, loss = torch.tensor([0.2, 1.0, 3.0], dtype=torch.float64), Scaled(1.0)
    norm = nn.BatchNorm1d(8)
    model = Net(lambda self, x: self.last(self.norm(self.first(x))), norm=norm)
    inputs = INPUTS.clone()
    objectives = [
        Objective(Net(plain), PAIR, class_weights=weights),
        Objective(Net(plain), PAIR, loss=loss),
        Objective(model, PAIR, bn="reestimate", bn_examples=inputs),
    ]
    before = [(L.loss(), str(L.fingerprint)) for L in objectives]
    weights.fill_(1.0)[0] = 9.0
    loss.scale = 5.0
    inputs.zero_()
    for L, (value, key) in zip(objectives, before, strict=True):
        assert L.loss() == L.replace().loss() == value
        assert str(L.replace().fingerprint) == key


def test_one_loss_object_is_one_loss_and_another_is_another():
    loss = Scaled(2.0)
    one, same, other = (
        Objective(Net(plain), PAIR, loss=x) for x in (loss, loss, lambda o, y: o.sum(1))
    )
    assert one.differs(same) == [] and one.replace(microbatch=5).differs(same) == []
    assert one.differs(other) == ["loss"]


@pytest.mark.parametrize(
    "settings", [{"padding_idx": 2}, {"scale_grad_by_freq": True}, {"sparse": True}]
)
def test_embeddings_by_function_have_the_derivatives_of_the_loss(settings):
    ids = torch.randint(7, (12,), generator=torch.Generator().manual_seed(0))
    table = nn.Parameter(torch.randn(7, 8, generator=torch.Generator().manual_seed(1)))

    def embedded(self, x):
        return self.last(torch.tanh(functional.embedding(x, self.table, **settings)))

    check(
        Net(embedded, table=table),
        (ids, TARGETS),
        lambda model: functional.cross_entropy(model(ids), TARGETS),
    )


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"class_weights": torch.ones(2)}, "class_weights are 2, and targets run from 0 to 2"),
        ({"class_weights": torch.tensor([1.0, torch.inf, 1.0])}, "finite floats"),
        ({"target": "labels"}, "examples are pairs.*Leave target= out"),
        ({"check": None}, "check=None is neither"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, text):
    with pytest.raises((ValueError, TypeError), match=text):
        Objective(Net(plain), PAIR, **options)


def test_a_function_that_rescales_its_table_is_refused():
    def rescaled(self, x):
        return self.last(functional.embedding(x, self.table, max_norm=0.5))

    table = nn.Parameter(torch.randn(7, 8))
    with pytest.raises(ValueError, match=r"called with max_norm=.*: the forward pass rescales"):
        Objective(Net(rescaled, table=table), (TARGETS, TARGETS))
