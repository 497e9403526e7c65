"""A reader's own network and examples: what is taken, and what is refused by which words."""

import math
import sys

import pytest
import torch
from landscape.objective import Objective
from landscape.spectrum.eigenpairs import eigenpairs
from studies import own
from studies.arms import Arm
from studies.measurements import joined
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

INPUTS = torch.arange(60.0).reshape(20, 3) / 60
TARGETS = torch.arange(20) % 4


@pytest.fixture
def module(monkeypatch):
    """A module of the reader's, whose names a test sets."""
    made = type(sys)("readers_module")
    monkeypatch.setitem(sys.modules, "readers_module", made)
    return made


def linear(value=0.5):
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4))
    with torch.no_grad():
        for index, tensor in enumerate(model.parameters()):
            tensor.copy_(
                value * torch.sin(torch.arange(float(tensor.numel())) + index).view_as(tensor)
            )
    return model


# Networks


def test_a_network_a_function_and_a_class_name_a_network(module):
    module.network, module.build, module.Network = linear(), linear, lambda: linear()
    for name in ("network", "build", "Network"):
        built = own.network(f"readers_module:{name}")
        assert isinstance(built, nn.Module) and not built.training


def test_a_checkpoint_replaces_the_weights(module, tmp_path):
    module.build = linear
    torch.save(linear(2.0).state_dict(), tmp_path / "w.pt")
    built = own.network("readers_module:build", checkpoint="w.pt", folder=str(tmp_path))
    assert torch.equal(built[0].weight, linear(2.0)[0].weight)
    other = own.another("w.pt", "readers_module:build", folder=str(tmp_path))
    assert torch.equal(other[0].weight, built[0].weight)


def test_what_is_no_network_is_refused(module):
    module.number, module.needs, module.wrong = 3, lambda width, depth=2: None, lambda: "text"
    with pytest.raises(ValueError, match="has the type int, which cannot be called"):
        own.network("readers_module:number")
    with pytest.raises(
        ValueError, match=r"needs arguments: width\. Name a function that is called"
    ):
        own.network("readers_module:needs")
    with pytest.raises(ValueError, match="gives an object of the type str"):
        own.network("readers_module:wrong")


# Examples


class Pairs(torch.utils.data.Dataset):
    def __len__(self):
        return len(INPUTS)

    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError
        return INPUTS[index], TARGETS[index]


@pytest.mark.parametrize(
    "given",
    [
        (INPUTS, TARGETS),
        lambda: (INPUTS, TARGETS),
        lambda: (INPUTS.numpy(), TARGETS.numpy()),
        lambda: DataLoader(TensorDataset(INPUTS, TARGETS), batch_size=7),
        lambda: Pairs(),
        lambda: iter([(INPUTS[:3], TARGETS[:3]), (INPUTS[3:], TARGETS[3:].numpy())]),
    ],
    ids=["pair", "function", "arrays", "loader", "dataset", "iterator"],
)
@pytest.mark.parametrize("count", [1, 8, 20, 99])
def test_the_first_examples_are_kept_whatever_gives_them(module, given, count):
    module.data = given
    task = own.examples("readers_module:data", count)
    inputs, targets = task.train.tensors
    assert torch.equal(inputs, INPUTS[:count]) and torch.equal(targets, TARGETS[:count])
    assert task.train_size == min(count, 20) and task.shape == (3,)


def test_a_loader_is_read_once_and_no_further_than_needed(module):
    seen = []

    def batches():
        for start in range(0, 20, 4):
            seen.append(start)
            yield INPUTS[start : start + 4], TARGETS[start : start + 4]

    module.data = batches
    own.examples("readers_module:data", 6)
    assert seen == [0, 4]


def test_the_readers_tensors_are_copied(module):
    inputs = INPUTS.clone()
    module.data = (inputs, TARGETS)
    task = own.examples("readers_module:data", 5)
    inputs.zero_()
    assert torch.equal(task.train.tensors[0], INPUTS[:5])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, "gives an object of the type int"),
        (
            lambda: 3,
            r"gives an object of the type int\. Pass a pair \(inputs, targets\)",
        ),
        (lambda: (INPUTS, TARGETS[:5]), "gives examples in which 20 inputs and 5 targets"),
        (lambda: (INPUTS[:0], TARGETS[:0]), "gives examples in which 0 inputs and 0 targets"),
        (lambda: [], "gives no batch"),
        (
            lambda: [{"x": INPUTS}],
            "gives batches in which the examples are a dict of 'x', with no targets",
        ),
        (lambda split: None, "needs arguments: split"),
    ],
)
def test_what_gives_no_examples_is_refused(module, given, message):
    module.data = given
    with pytest.raises((TypeError, ValueError), match=message):
        own.examples("readers_module:data", 5)


def test_at_least_one_example_is_kept(module):
    module.data = (INPUTS, TARGETS)
    with pytest.raises(ValueError, match="examples=0: keep at least 1"):
        own.examples("readers_module:data", 0)


def test_a_loss_is_a_name_or_a_function(module):
    module.loss, module.number = lambda outputs, targets: outputs.sum(1), 3
    assert own.options("mse", "batch") == {"loss": "mse", "bn": "batch"}
    assert own.options("readers_module:loss", "frozen")["loss"] is module.loss
    with pytest.raises(ValueError, match="has the type int and is no function"):
        own.options("readers_module:number", "frozen")


# Measuring


@pytest.fixture
def solutions(module, study):
    module.data = (INPUTS, TARGETS)
    networks = {Arm("your network"): linear(), Arm("the other"): linear(2.0)}
    examples = own.examples("readers_module:data", 12).train
    return own.solutions(study, networks, examples, seed=3, loss="cross_entropy", bn="frozen")


def test_numbers_are_those_of_the_objective_and_are_recorded(study, solutions):
    numbers = study.measure(solutions, ["lambda_max", "loss", "gradient_norm", "sam"], rho=0.05)
    L = Objective(linear(), (INPUTS[:12], TARGETS[:12]))
    top = eigenpairs(L.hessian(), which="both ends")
    assert numbers.values("loss", "your network") == [pytest.approx(L.loss(), rel=1e-9)]
    assert numbers.values("lambda_max", "your network") == [pytest.approx(top.largest, rel=1e-4)]
    rows = numbers.where(quantity="loss").rows
    assert [row["at"] for row in rows] == ["as given"] * 2
    assert {row["unit"] for row in rows} == {"nats"}


def test_another_unit_stands_in_every_number(module, study):
    study.loss_unit = "J"
    module.data = (INPUTS, INPUTS[:, :1])
    networks = {Arm("your network"): nn.Linear(3, 1)}
    examples = own.examples("readers_module:data", 12).train
    solutions = own.solutions(study, networks, examples, seed=0, loss="mse", bn="frozen")
    numbers = study.measure(solutions, ["lambda_max", "sam", "loss"], rho=0.1)
    assert {row["unit"] for row in numbers.rows} == {"J", "J per parameter²"}


def test_other_weights_and_other_examples_are_other_entries(module, study, solutions):
    key = ("your network", 3)
    module.data = (INPUTS + 1, TARGETS)
    others = own.solutions(
        study,
        {Arm("your network"): linear()},
        own.examples("readers_module:data", 12).train,
        seed=3,
        loss="cross_entropy",
        bn="frozen",
    )
    identities = [solutions[key].identity, solutions["the other", 3].identity, others[key].identity]
    assert len({str(identity) for identity in identities}) == 3


def test_paths_join_the_two_networks_under_the_policies_that_matter(study, solutions):
    ends = own.pair(solutions)
    straight = study.paths(ends, points=5, kinds=("straight",), policies=("frozen",))
    routes = own.named_paths(straight, None)
    assert list(routes) == ["straight"]
    L = [Objective(linear(v), (INPUTS[:12], TARGETS[:12])).loss() for v in (0.5, 2.0)]
    ends_of_path = routes["straight"].loss[[0, -1]].tolist()
    assert ends_of_path == pytest.approx(L, rel=1e-6)
    assert own.path_policies(linear(), "frozen") == ("frozen",)
    with_statistics = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5))
    assert own.path_policies(with_statistics, "batch") == ("frozen", "reestimate")


def test_accuracy_is_there_for_classes_alone():
    assert own.has_accuracy(Objective(linear(), (INPUTS, TARGETS)))
    assert not own.has_accuracy(Objective(nn.Linear(3, 1), (INPUTS, INPUTS[:, :1]), loss="mse"))


# Words


def test_findings_say_the_numbers_and_whether_a_minimum_was_reached(numbers):
    for name, value in (("loss", 0.5), ("gradient_norm", 0.25), ("train_accuracy", 0.875)):
        numbers.add(name, value, arm="your network", seed=0)
    numbers.add("sam", 0.125, arm="your network", seed=0, rho=0.05)
    numbers.add("lambda_max", 4.0, arm="your network", seed=0, error=0.001)
    numbers.add("lambda_min", -0.5, arm="your network", seed=0, error=0.01)
    first, second = own.findings(numbers, joined(), {}, unit="nats", examples=1234)
    assert "On 1,234 examples your network has a loss of 0.5 nats and an accuracy of 87.5%" in first
    assert "a step of 0.05 uphill raises the loss by 0.125 nats" in first
    assert "largest eigenvalue is 4 ± 0.001" in second and "no minimum" in second


@pytest.mark.parametrize(("low", "said"), [(-0.005, False), (0.2, False), (-0.011, True)])
def test_negative_curvature_counts_beyond_its_error_only(numbers, low, said):
    for name, value in (("loss", 0.5), ("gradient_norm", 0.25)):
        numbers.add(name, value, arm="your network", seed=0)
    numbers.add("sam", 0.125, arm="your network", seed=0, rho=0.05)
    numbers.add("lambda_max", 4.0, arm="your network", seed=0, error=0.001)
    numbers.add("lambda_min", low, arm="your network", seed=0, error=0.01)
    text = own.findings(numbers, joined(), {}, unit="nats", examples=5)[1]
    assert ("no minimum" in text) is said


def test_advice_gives_the_largest_stable_rates(numbers):
    numbers.add("lambda_max", 4.0, arm="your network", seed=0)
    assert "2/λ_max = 0.5" in own.advice(numbers).text.replace("$\\lambda_{\\max}$", "λ_max")
    assert "0.95" in own.advice(numbers).text


def test_advice_without_a_positive_eigenvalue_says_so(numbers):
    numbers.add("lambda_max", math.nan, arm="your network", seed=0)
    assert "no learning rate is too large" in own.advice(numbers).text


# Options of the loss


def test_options_that_are_empty_are_left_out_and_numbers_are_read(module):
    module.weights = torch.tensor([1.0, 2.0])
    assert own.options("mse", "frozen") == {"loss": "mse", "bn": "frozen"}
    given = own.options(
        "cross_entropy",
        "batch",
        output="-1",
        class_weights="1,2.5",
        class_axis=-1,
        microbatch=16,
        dtype="float64",
        ignore_index=-1,
    )
    assert torch.equal(given.pop("class_weights"), torch.tensor([1.0, 2.5]))
    assert given == {
        "loss": "cross_entropy",
        "bn": "batch",
        "output": -1,
        "class_axis": -1,
        "microbatch": 16,
        "dtype": torch.float64,
        "ignore_index": -1,
    }
    named = own.options("mse", "frozen", output="main", class_weights="readers_module:weights")
    assert named["output"] == "main" and named["class_weights"] is module.weights


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"dtype": "half"}, "dtype='half' is no type to compute in"),
        ({"class_weights": "1,b"}, "class_weights='1,b' are no numbers"),
        ({"class_weights": "readers_module:none"}, "none"),
    ],
)
def test_options_that_cannot_be_read_are_refused_by_name(module, options, text):
    with pytest.raises(ValueError, match=text):
        own.options("cross_entropy", "frozen", **options)


def test_targets_of_a_dict_are_named(module):
    module.batch = {"x": INPUTS, "cls": TARGETS, "y": TARGETS}
    task = own.examples("readers_module:batch", 6, target="cls")
    with pytest.raises(ValueError, match="'cls'"):
        own.examples("readers_module:batch", 6, target="clas")
    assert torch.equal(task.dataset.first(6)[1], TARGETS[:6])
