"""What is measured: a network, trained for a short while, and a fixed set of examples."""

import copy
import dataclasses
import functools
from pathlib import Path

import torch
from landscape import data, models, rng, spectrum, training
from landscape.models import ModelConfig
from landscape.objective import Objective
from landscape.store.entries import Store
from torch import nn


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a subject comes about."""

    title: str
    dataset: str
    model: ModelConfig
    epochs: int
    learning_rate: float
    train: int = 20_000
    examples: int = 1024

    @property
    def optimizer(self) -> training.SGD:
        """What it is trained with."""
        return training.SGD(self.learning_rate, momentum=0.9)


RECIPES = {
    "resnet": Recipe("ResNet-20 with BN, CIFAR-10", "cifar10", models.ResNet(), 1, 0.1),
    "cnn": Recipe(
        "CNN 32-64-128 with BN, Fashion-MNIST", "fashion_mnist", models.CNN(norm="batch"), 2, 0.01
    ),
    "mlp": Recipe("MLP-128, MNIST", "mnist", models.MLP(), 3, 0.01),
}

# The same path through the code in seconds: --quick and the tests.
QUICK = {
    "resnet": Recipe(
        "ResNet-8, digits", "digits", models.ResNet(depth=8, width=0.25), 1, 0.1, 128, 64
    ),
    "cnn": Recipe(
        "small CNN, digits", "digits", models.CNN(channels=(2, 3), hidden=6), 1, 0.05, 128, 64
    ),
    "mlp": Recipe("small MLP, digits", "digits", models.MLP(hidden=(8,)), 1, 0.05, 128, 64),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """A network in eval mode and the examples over which its loss is the mean, both float32."""

    name: str
    title: str
    model: nn.Module
    inputs: torch.Tensor
    targets: torch.Tensor

    @functools.cached_property
    def objective(self) -> Objective:
        """The objective of this library, with its defaults."""
        return Objective(self.model, (self.inputs, self.targets))

    @functools.cached_property
    def exact(self) -> Objective:
        """The same in float64: the reference."""
        return self.objective.replace(dtype=torch.float64)

    def network(self, *, channels_last: bool = False) -> nn.Module:
        """Return a fresh copy of the network for a peer to use up."""
        twin = copy.deepcopy(self.model).float().eval().requires_grad_(True)
        return twin.to(memory_format=torch.channels_last) if channels_last else twin

    def batches(
        self, size: int, *, channels_last: bool = False
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return the examples in equal batches, as a list that serves as a data loader."""
        inputs = self.inputs
        if channels_last and inputs.dim() == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return list(zip(inputs.split(size), self.targets.split(size), strict=True))

    def vector(self) -> torch.Tensor:
        """Return a fixed direction (n,) of norm 1, float32."""
        v = torch.randn(self.objective.n, generator=rng.stream(0, "bench", "vector"))
        return v / v.norm()

    def pieces(self, v: torch.Tensor) -> list[torch.Tensor]:
        """Return a flat vector (n,) as tensors of the shapes of the parameters."""
        return list(self.objective.layout.unflatten(v).values())


def trained(name: str, recipe: Recipe, data_dir: Path, store: Store) -> Subject:
    """Train a subject as its recipe says, or read it from the store."""
    task = data.load(recipe.dataset, data_dir, max_train=recipe.train, max_test=1000)
    config = training.TrainConfig(
        model=recipe.model, optimizer=recipe.optimizer, epochs=recipe.epochs
    )
    run = training.train(config, task, store)
    return Subject(name, recipe.title, run.model().float(), *task.first(recipe.examples))


def untrained(model: ModelConfig, shape: tuple[int, int, int], examples: int) -> Subject:
    """Return a subject of random weights and inputs: one product costs the same."""
    inputs = torch.randn(examples, *shape, generator=rng.stream(0, "bench", "inputs"))
    network = model.build(shape, 10, seed=0).eval()
    return Subject("untrained", str(model), network, inputs, torch.arange(examples) % 10)


def reference(subject: Subject, end: str, count: int, store: Store) -> list[float]:
    """Return eigenvalues that count as true: float64 throughout, residual 1e-6 of the range.

    The error of an eigenvalue is at most its residual, and near an isolated one about its square.

    Raises:
        RuntimeError: If they do not converge.
    """
    objective = subject.exact
    found = store.remember(
        spectrum.eigenpairs,
        objective.hessian(objective.theta),
        count,
        which=end,
        tol=1e-6,
        max_products=4000,
        max_basis=400,
    )
    if not bool(found.converged.all()):
        raise RuntimeError(
            f"the reference of {subject.title}, {end}, did not converge in 4000 products: "
            f"residuals {found.residuals.tolist()}."
        )
    return found.values.tolist()
