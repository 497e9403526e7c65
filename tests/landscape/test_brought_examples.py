"""Examples and outputs as readers bring them: several inputs, dicts, loaders, own losses."""

import collections
import dataclasses

import numpy as np
import pytest
import torch
from landscape import Objective, dynamics, rng, sharpness, slices, spectrum, watch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

N = 12


def drawn(*shape, name="brought"):
    return torch.randn(*shape, generator=rng.stream(0, name), dtype=torch.float64)


X, Y = drawn(N, 5), torch.arange(N) % 3
IDS = torch.arange(N * 4).view(N, 4) * 7 % 11
MASK = (torch.arange(4) < 2 + torch.arange(N)[:, None] % 3).bool()
BATCH = {"ids": IDS, "mask": MASK, "scale": X[:, :2]}


def settled(model):
    with torch.no_grad():
        for index, tensor in enumerate(model.double().parameters()):
            values = drawn(max(1, tensor.numel()), name=f"p{index}")
            tensor.copy_(0.7 * values.view(tensor.shape))
    return model.eval()


@dataclasses.dataclass
class Answer:
    logits: torch.Tensor
    hidden: torch.Tensor
    loss: torch.Tensor | None = None


class Answers(collections.OrderedDict):
    """As outputs of Hugging Face: a dict whose items are attributes."""

    def __getattr__(self, name):
        return self[name] if name in self else None


class Reader(nn.Module):
    """Takes token ids, a mask of booleans and floats; computes its own loss from labels."""

    def __init__(self, answer="dict", own="next"):
        super().__init__()
        self.table, self.last = nn.Embedding(11, 4), nn.Linear(4, 3)
        self.answer, self.own = answer, own

    def forward(self, ids, mask=None, scale=None, *, labels=None, gain=1.0):
        hidden = torch.tanh(self.table(ids))
        mask = torch.ones_like(ids, dtype=torch.bool) if mask is None else mask
        assert mask.dtype == torch.bool and ids.dtype == torch.int64
        total = hidden.masked_fill(~mask[..., None], 0.0).sum(1) * gain
        if scale is not None:
            total = total * scale.sum(1, keepdim=True)
        logits = self.last(total)
        loss = None if labels is None else functional.cross_entropy(logits, labels)
        kinds = {
            "dict": lambda: {"logits": logits, "hidden": hidden},
            "tensor": lambda: logits,
            "tuple": lambda: (logits,),
            "none": lambda: (logits, None),
            "dataclass": lambda: Answer(logits, hidden, loss),
            "model": lambda: Answers(loss=loss, logits=logits, hidden=hidden),
            "named": lambda: collections.namedtuple("Out", "hidden logits")(hidden, logits),
            "object": lambda: type("Out", (), {})(),
            "pair": lambda: (hidden, logits),
            "loss": lambda: {"loss": loss, "scores": logits},
        }
        answer = kinds[self.answer]()
        if self.answer == "object":
            answer.logits, answer.hidden = logits, hidden
        return answer


def reference(model, batch=BATCH, targets=Y, loss=functional.cross_entropy):
    """Return loss, gradient and Hessian by plain PyTorch."""
    named = dict(model.named_parameters())
    theta = torch.cat([x.detach().flatten() for x in named.values()])

    def value(theta):
        parts = theta.split([x.numel() for x in named.values()])
        state = {k: x.view(p.shape) for (k, p), x in zip(named.items(), parts, strict=True)}
        args = () if isinstance(batch, dict) else batch
        kwargs = batch if isinstance(batch, dict) else {}
        outputs = torch.func.functional_call(model, state, args, kwargs)
        return loss(outputs, targets)

    leaf = theta.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(value(leaf), leaf)
    hessian = torch.autograd.functional.hessian(value, theta)
    return float(value(theta)), gradient, hessian


def check(L, want):
    value, gradient, hessian = want
    assert L.loss() == pytest.approx(value, rel=1e-12)
    torch.testing.assert_close(L.gradient(), gradient, rtol=1e-10, atol=1e-13)
    torch.testing.assert_close(L.hessian().to_dense(), hessian, rtol=1e-9, atol=1e-12)
    direction = torch.linspace(-1, 1, L.n, dtype=torch.float64)
    line = slices.line(L, direction=direction, reach=0.3, points=3)
    assert float(line.loss[2]) == pytest.approx(L.loss(L.theta + 0.3 * direction), rel=1e-10)


class Rows(Dataset):
    """A data set of dicts."""

    def __len__(self):
        return N

    def __getitem__(self, index):
        row = {name: x[index] for name, x in BATCH.items()}
        return {**row, "labels": int(Y[index])}


class Stream(IterableDataset):
    def __iter__(self):
        return (Rows()[index] for index in range(N))


def cut(size, **more):
    batch = {**BATCH, "labels": Y, **more}
    return [{k: x[i : i + size] for k, x in batch.items()} for i in range(0, N, size)]


class Batch(collections.UserDict):
    """As ``transformers.BatchEncoding``."""


GIVEN = {
    "a dict with labels": lambda: {**BATCH, "labels": Y},
    "label": lambda: {**BATCH, "label": Y},
    "targets": lambda: {**BATCH, "targets": Y},
    "y": lambda: {**BATCH, "y": Y},
    "a user dict": lambda: Batch(**BATCH, labels=Y),
    "a pair with a dict": lambda: (BATCH, Y),
    "a pair with a user dict": lambda: (Batch(BATCH), Y),
    "positions": lambda: ((IDS, MASK, X[:, :2]), Y),
    "a list of positions": lambda: ([IDS, MASK, X[:, :2]], Y),
    "arrays": lambda: {**{k: x.numpy() for k, x in BATCH.items()}, "labels": Y.numpy()},
    "a pair of arrays": lambda: ({k: x.numpy() for k, x in BATCH.items()}, Y.numpy()),
    "a data set": Rows,
    "a stream": Stream,
    "a loader": lambda: DataLoader(Rows(), batch_size=5),
    "a loader of a stream": lambda: DataLoader(Stream(), batch_size=5),
    "a list of batches": lambda: cut(5),
    "two batches": lambda: tuple(cut(6)),
    "a generator": lambda: (batch for batch in cut(5)),
    "an iterator of pairs": lambda: iter([(BATCH, Y)]),
    "a loader of nested pairs": lambda: DataLoader(
        [((IDS[i], MASK[i], X[i, :2]), Y[i]) for i in range(N)], batch_size=5
    ),
    "a constant": lambda: {**BATCH, "gain": 1.0, "labels": Y},
}


@pytest.mark.parametrize("words", GIVEN)
def test_several_inputs_are_passed_by_name_or_position(words):
    model = settled(Reader("tensor"))
    L = Objective(model, GIVEN[words](), microbatch=5)
    check(L, reference(model))
    assert L.num_examples == N and {b.name for b in L.layout.blocks} == set(
        dict(model.named_parameters())
    )


@pytest.mark.parametrize(
    "answer", ["dict", "tuple", "none", "dataclass", "model", "named", "object"]
)
def test_of_several_outputs_the_logits_or_the_only_tensor_are_taken(answer):
    L = Objective(settled(Reader(answer)), (BATCH, Y), microbatch=5)
    check(L, reference(settled(Reader("tensor"))))


@pytest.mark.parametrize(
    ("answer", "output"), [("pair", 1), ("pair", -1), ("loss", "scores"), ("named", "logits")]
)
def test_an_output_is_named(answer, output):
    L = Objective(settled(Reader(answer)), (BATCH, Y), output=output)
    check(L, reference(settled(Reader("tensor"))))
    other = Objective(settled(Reader("tensor")), (BATCH, Y))
    assert "output" in L.differs(other) and L.fingerprint != other.fingerprint


def test_inputs_alone_give_the_same_examples_in_any_form_and_the_hash_knows_each_input():
    model = settled(Reader("tensor"))
    hashes = {
        Objective(model, GIVEN[w]()).examples_hash for w in ("a dict with labels", "a stream")
    }
    other = {**BATCH, "mask": ~MASK, "labels": Y}
    assert len(hashes) == 1 and Objective(model, other).examples_hash not in hashes


def test_measurements_of_several_inputs():
    model = settled(Reader("dataclass"))
    L = Objective(model, {**BATCH, "labels": Y}, microbatch=5)
    value, gradient, hessian = reference(settled(Reader("tensor")))
    top = spectrum.eigenpairs(L.hessian(), k=1, tol=1e-8)
    assert top.largest == pytest.approx(float(torch.linalg.eigvalsh(hessian)[-1]), rel=1e-6)
    singles = []
    for k in range(N):
        row = {name: x[k : k + 1] for name, x in BATCH.items()}
        singles.append(L.replace(examples=(row, Y[k : k + 1])).gradient())
    noise = dynamics.gradient_noise(L)
    assert noise.trace == pytest.approx(float(torch.stack(singles).var(0).sum()), rel=1e-9)
    rise = L.loss(L.theta + 0.05 * gradient / gradient.norm()) - value
    assert sharpness.sam(L, rho=0.05).value == pytest.approx(rise, rel=1e-9)
    assert sharpness.m_sharpness(L, rho=0.05, m=N).value == pytest.approx(rise, rel=1e-9)
    with pytest.raises(ValueError, match="are not those of a network that takes 'ids', 'mask'"):
        L.replace(examples=(X, Y), check=False).loss()


def test_inputs_with_derivatives_by_them():
    class Field(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1))

        def forward(self, x, t):
            with torch.enable_grad():
                x = x.requires_grad_()
                u = self.net(torch.stack([x, t], 1))
                (slope,) = torch.autograd.grad(u.sum(), x, create_graph=True)
            return slope + u.squeeze(1)

    model = settled(Field())
    x, t, y = X[:, 0], X[:, 1], X[:, 2]
    L = Objective(model, ({"x": x, "t": t}, y), loss="mse", microbatch=5)
    want = reference(model, {"x": x.clone(), "t": t}, y, functional.mse_loss)
    assert L.loss() == pytest.approx(want[0], rel=1e-12)
    torch.testing.assert_close(L.gradient(), want[1], rtol=1e-10, atol=1e-13)
    torch.testing.assert_close(L.hessian().to_dense(), want[2], rtol=1e-9, atol=1e-12)


def test_a_float32_network_gets_floats_in_its_own_type_and_whole_numbers_whole():
    model = settled(Reader("tensor")).float()
    L = Objective(model, {**BATCH, "labels": Y})
    assert L.dtype == torch.float32
    outputs = model(IDS, MASK, X[:, :2].float())
    assert L.loss() == pytest.approx(float(functional.cross_entropy(outputs, Y)), rel=1e-6)
    assert L.replace(dtype=torch.float64).loss() == pytest.approx(L.loss(), rel=1e-6)


def test_batch_statistics_of_several_inputs():
    class Normed(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.last = nn.BatchNorm1d(5), nn.Linear(5, 3)

        def forward(self, x, shift):
            return self.last(self.norm(x + shift))

    model = settled(Normed())
    named = {"x": X, "shift": X.flip(0)}
    one = Objective(model, (named, Y), bn="reestimate")
    same = Objective(model, (named, Y), bn="reestimate", bn_examples=named)
    plain = Objective(nn.Sequential(model.norm, model.last), (X + X.flip(0), Y), bn="reestimate")
    assert one.loss() == same.loss() == pytest.approx(plain.loss(), rel=1e-12)
    with pytest.raises(ValueError, match="are not those of the examples"):
        Objective(model, (named, Y), bn="reestimate", bn_examples={"x": X})


# The generator of the reader does not move


def test_reading_a_shuffled_loader_moves_no_generator():
    generator = torch.Generator().manual_seed(3)
    loader = DataLoader(TensorDataset(X, Y), batch_size=5, shuffle=True, generator=generator)
    model = settled(nn.Linear(5, 3))
    before, state = torch.get_rng_state(), generator.get_state()
    first, second = Objective(model, loader), Objective(model, loader)
    assert torch.equal(torch.get_rng_state(), before) and torch.equal(generator.get_state(), state)
    assert first.examples_hash == second.examples_hash
    assert first.loss() == pytest.approx(Objective(model, (X, Y)).loss(), rel=1e-12)


# Networks that compute their own loss


class Talker(nn.Module):
    """A small language model that shifts its labels, or not."""

    def __init__(self, kind, width=3):
        super().__init__()
        self.table, self.last = nn.Embedding(11, 4), nn.Linear(4, width)
        self.kind = kind

    def forward(self, ids, labels=None):
        hidden = torch.tanh(self.table(ids).cumsum(1))
        pooled = self.kind in ("regression", "several", "binary", "odd", "classes")
        logits = self.last(hidden[:, -1] if pooled else hidden)
        return Answers(loss=None if labels is None else self.own(logits, labels), logits=logits)

    def own(self, logits, labels):
        match self.kind:
            case "next":
                flat = logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten()
                return functional.cross_entropy(*flat)
            case "tokens":
                return functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
            case "classes":
                return functional.cross_entropy(logits, labels)
            case "regression":
                return functional.mse_loss(logits.squeeze(), labels.squeeze())
            case "several":
                return functional.mse_loss(logits, labels)
            case "binary":
                return functional.binary_cross_entropy_with_logits(logits, labels)
            case "odd":
                return functional.cross_entropy(logits, labels) + logits.square().mean()


TOKENS = torch.where(MASK, IDS % 3, -100)
TOKENS[5:8] = -100  # No target counts in them.
OWN = {
    "next": (TOKENS, "cross_entropy", 3),
    "tokens": (TOKENS, "cross_entropy", 3),
    "classes": (Y, "cross_entropy", 3),
    "next by name": (TOKENS, "next_token", 3),
    "regression": (X[:, 0], "model", 1),
    "several": (X[:, :3], "model", 3),
    "binary": ((X[:, :3] > 0).double(), "model", 3),
    "tokens by the model": (TOKENS, "model", 3),
}


@pytest.mark.parametrize("microbatch", [3, N])
@pytest.mark.parametrize("words", OWN)
def test_the_loss_is_the_one_that_the_network_computes(words, microbatch):
    labels, loss, width = OWN[words]
    model = settled(Talker(words.split()[0], width))
    L = Objective(model, {"ids": IDS, "labels": labels}, loss=loss, microbatch=microbatch)
    want = reference(model, {"ids": IDS, "labels": labels}, None, lambda outputs, _: outputs.loss)
    check(L, want)


def test_options_hold_beside_the_networks_alignment():
    model = settled(Talker("next"))
    weights = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    options = {"label_smoothing": 0.1, "class_weights": weights}
    L = Objective(model, {"ids": IDS, "labels": TOKENS}, microbatch=5, weight_decay=0.2, **options)
    logits = model(IDS).logits[:, :-1].flatten(0, 1)
    value = functional.cross_entropy(
        logits, TOKENS[:, 1:].flatten(), weight=weights, label_smoothing=0.1
    )
    want = float(value.detach()) + 0.1 * float(L.theta @ L.theta)
    assert L.loss() == pytest.approx(want, rel=1e-12)


def test_a_loss_that_is_unknown_is_refused_with_its_value():
    model, batch = settled(Talker("odd")), {"ids": IDS, "labels": Y}
    with pytest.raises(ValueError, match=r"Talker computes its own loss from 'labels', [\d.]+ on"):
        Objective(model, batch)
    with pytest.raises(ValueError, match="none of the known losses"):
        Objective(model, batch, loss="model")
    own = Objective(
        model, batch, loss=lambda o, t: functional.cross_entropy(o, t, reduction="none")
    )
    assert own.loss() == pytest.approx(Objective(model, (IDS, Y)).loss())
    with pytest.raises(ValueError, match=r"no cross-entropy of its outputs\. Pass loss='mod"):
        Objective(settled(Talker("regression", 1)), {"ids": IDS, "labels": X[:, 0]})
    with pytest.raises(ValueError, match="computes no loss of its own"):
        Objective(settled(nn.Linear(5, 3)), (X, Y), loss="model")


# A watch, whose loader is read once


def test_a_watch_reads_its_loader_once():
    reads = []

    class Once(DataLoader):
        def __iter__(self):
            reads.append(1)
            return super().__iter__()

    model = settled(Reader("model"))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, weight_decay=0.1)
    watched = watch(model, optimizer, Once(Rows(), 5), every=1, weight_decay=optimizer)
    for _ in range(3):
        optimizer.zero_grad()
        model(**BATCH, labels=Y).loss.backward()
        optimizer.step()
    want = Objective(settled(Reader("model")), (BATCH, Y), weight_decay=0.1)
    assert len(reads) == 1 and len(watched.steps) == 3
    assert watched.steps[0].loss == pytest.approx(want.loss(), rel=1e-9)


# What is not clear is refused: what was given, and what to do

READER, LINEAR = lambda: settled(Reader("tensor")), lambda: settled(nn.Linear(5, 3))
TABLE = [
    (READER, {"ids": IDS}, "a dict of 'ids', with no targets. Name them by target="),
    (READER, {}, "a dict of nothing, with no targets"),
    (READER, {**BATCH, "labels": Y, "y": Y}, r"several that may be the targets \(labels, y\)"),
    (READER, {**BATCH, "label": Y, "target": Y}, "several that may be the targets"),
    (READER, {**BATCH, "start": Y, "end": Y}, "with no targets"),
    (READER, {"labels": Y}, "inputs without a tensor have not one row"),
    (READER, ({}, Y), "inputs without a tensor have not one row"),
    (READER, {"idz": IDS, "labels": Y}, "'idz', which forward.. of Reader does not take; it takes"),
    (READER, ({"ids": IDS, "index": Y}, Y), "hold 'index', which forward"),
    (READER, ({"ids": IDS, "mask": MASK[:3]}, Y), r"'mask' \(3, 4\) have not one row"),
    (READER, ({"ids": IDS, "mask": MASK[:1]}, Y), r"x.expand\(N, ...\) repeats"),
    (READER, ({"ids": IDS, "scale": torch.tensor(1.0)}, Y), "have not one row for each example"),
    (
        READER,
        ({"ids": IDS, "scale": X.cfloat()}, Y),
        "'scale' are complex. Pass torch.view_as_real",
    ),
    (READER, ({"ids": IDS.tolist()}, Y), r"inputs 'ids' are a list.*return_tensors=.pt"),
    (READER, ({"ids": IDS, "text": ["a"] * N}, Y), "inputs 'text' are a list"),
    (READER, ({"ids": MASK.to_sparse()}, Y), "inputs 'ids' are a sparse_coo tensor"),
    (READER, ({"ids": np.array([object()] * N)}, Y), "inputs 'ids' are a array of object"),
    (READER, ({"ids": IDS, "mask": {"a": MASK}}, Y), "inputs 'mask' are a dict"),
    (READER, ({"ids": IDS}, {"y": Y}), "dict of 'ids', with no targets"),
    (READER, ({"ids": IDS}, Y[:5]), "12 inputs and 5 targets are no set"),
    (READER, ({"ids": IDS}, Y.tolist()), "the targets are a list"),
    (READER, ({"ids": IDS}, None), "the targets are a NoneType"),
    (READER, {"ids": IDS, "labels": Y.tolist()}, "the targets are a list"),
    (READER, {"ids": IDS, "labels": torch.tensor(1)}, "a single number targets"),
    (READER, ({"ids": IDS[:0]}, Y[:0]), "0 inputs and 0 targets"),
    (READER, ({"ids": IDS.double()}, Y), "cannot be computed on inputs 'ids'"),
    (READER, ((IDS, MASK, X, X), Y), "cannot be computed on inputs 0"),
    (LINEAR, (X, Y, Y), "the examples are a tuple of 3. Pass a pair"),
    (LINEAR, (X,), "the examples are a tuple of 1"),
    (LINEAR, X, "the examples are a Tensor"),
    (LINEAR, X.numpy(), "the examples are a ndarray"),
    (LINEAR, "ab", "the examples are a str"),
    (LINEAR, b"ab", "the examples are a bytes"),
    (LINEAR, 5, "the examples are a int"),
    (LINEAR, None, "the examples are a NoneType"),
    (LINEAR, nn.Linear(5, 3), "the examples are a Linear"),
    (LINEAR, [1, 2, 3], "the examples are a list of 3"),
    (LINEAR, [], "the list gives no batch"),
    (LINEAR, {1, 2}, "the set gives batches that are a int"),
    (LINEAR, iter([]), "list_iterator gives no batch"),
    (LINEAR, iter([X]), "list_iterator gives batches that are a Tensor"),
    (LINEAR, iter([(X, Y, Y)]), "batches that are a tuple of 3.*of several inputs a pair is"),
    (LINEAR, [(X, Y), (X, Y, Y), (X, Y)], "the list gives batches that are a tuple of 3"),
    (LINEAR, iter([(X, None)]), "gives batches in which the targets are a NoneType"),
    (LINEAR, iter([(X, Y[:2])]), "gives batches in which 12 inputs and 2 targets"),
    (LINEAR, iter([(X, Y), (X[:, :4], Y)]), "batches of the list_iterator do not fit together"),
    (
        LINEAR,
        iter([(X, Y), ({"x": X}, Y)]),
        "do not fit together: one with one tensor and one with",
    ),
    (READER, iter([{"ids": IDS, "y": Y}, {"ids": IDS, "labels": Y}]), "do not fit together"),
    (READER, iter([{"ids": IDS, "y": Y}, {"ids": IDS[:, :3], "y": Y}]), "padding='max_length'"),
    (LINEAR, range(3), "the range gives batches that are a int"),
    (LINEAR, TensorDataset(X), "batches that are a list of 1"),
    (LINEAR, TensorDataset(X, Y, Y), "batches that are a list of 3"),
    (LINEAR, DataLoader(TensorDataset(X, Y, Y), 4), "the DataLoader gives batches .* list of 3"),
    (LINEAR, ({"input": X.cdouble()}, Y), "are complex"),
    (lambda: settled(Reader("pair")), (BATCH, Y), r"returned tuple \(0 .*Pass output= .*output=0"),
    (lambda: settled(Reader("loss")), {**BATCH, "labels": Y.double()}, "cannot be computed"),
]


@pytest.mark.parametrize(("build", "examples", "text"), TABLE, ids=range(len(TABLE)))
def test_what_is_not_clear_is_refused_by_name(build, examples, text):
    with pytest.raises((TypeError, ValueError), match=text):
        Objective(build(), examples)


OUTPUTS = [
    ("dict", "scores", "output='scores' is no tensor of .* dict .*'logits'"),
    ("pair", 2, "output=2 is no tensor"),
    ("tensor", "logits", "output='logits' is no tensor of what the model returned, Tensor.*leave"),
    ("tensor", 0, "or leave output= out"),
    ("none", 1, "output=1 is no tensor"),
    ("dict", True, "output=True is no tensor"),
    ("pair", -3, "output=-3 is no tensor"),
]


@pytest.mark.parametrize(("answer", "output", "text"), OUTPUTS)
def test_an_output_that_is_not_there_is_refused(answer, output, text):
    with pytest.raises(TypeError, match=text):
        Objective(settled(Reader(answer)), (BATCH, Y), output=output)


def test_a_key_of_the_targets_is_named():
    model = settled(Reader("tensor"))
    L = Objective(model, {**BATCH, "diagnosis": Y}, target="diagnosis")
    assert L.loss() == Objective(model, (BATCH, Y)).loss()
    two = {**BATCH, "labels": Y, "y": (Y + 1) % 3}
    with pytest.raises(ValueError, match="hold 'y', which forward"):
        Objective(model, two, target="labels")
    with pytest.raises(ValueError, match="with no 'diagnoses'"):
        Objective(model, {**BATCH, "diagnosis": Y}, target="diagnoses")


def test_there_are_enough_cases():
    assert len(TABLE) + len(OUTPUTS) + len(GIVEN) + len(OWN) >= 60
