"""Networks as readers bring them: what works as it is, and what is refused with the remedy."""

import dataclasses

import pytest
import torch
from landscape import models, rng, slices, spectrum, training
from landscape.evaluator import Evaluator
from landscape.network.memory_format import channels_last, takes_channels_last
from landscape.objective import Objective
from torch import nn
from torch.nn import functional

from tests.sample_networks import digits, filled


class Images(nn.Module):
    """A network that takes its last convolution apart in memory, or does not."""

    def __init__(self, *, view, inputs=1, classes=10):
        super().__init__()
        self.view = view
        self.first = nn.Conv2d(inputs, 3, 3, padding=1)
        self.second = nn.Conv2d(3, 2, 3, stride=2)
        self.last = nn.Linear(2 * 9, classes)

    def forward(self, x):
        x = torch.relu(self.second(torch.relu(self.first(x))))
        return self.last(x.view(len(x), -1) if self.view else x.flatten(1))


@dataclasses.dataclass(frozen=True)
class Viewing(models.family.ModelConfig):
    """Configures such a network for training."""

    view: bool = True

    def _module(self, shape, classes):
        return Images(view=self.view, inputs=shape[0], classes=classes)


class Tokens(nn.Module):
    """A bag of words."""

    def __init__(self):
        super().__init__()
        self.embedding, self.last = nn.Embedding(11, 6), nn.Linear(6, 3)

    def forward(self, tokens):
        return self.last(self.embedding(tokens).mean(1))


class Answering(nn.Module):
    """Returns more than its outputs."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        return {"logits": self.linear(x)}


def drawn(*shape, name="own"):
    return torch.randn(*shape, generator=rng.stream(0, name), dtype=torch.float64)


def classes(count, *shape):
    return torch.randint(count, shape, generator=rng.stream(0, "classes"))


@pytest.mark.parametrize("bn", ["frozen", "batch", "reestimate"])
@pytest.mark.parametrize("inputs", [1, 3])
def test_a_network_that_uses_view_has_the_landscape_of_one_that_does_not(inputs, bn):
    examples = drawn(7, inputs, 8, 8), classes(10, 7)
    L, other = (
        Objective(filled(Images(view=view, inputs=inputs)), examples, bn=bn, microbatch=4)
        for view in (True, False)
    )
    v = drawn(L.n, name="v")
    assert L.loss(L.theta) == pytest.approx(other.loss(L.theta), rel=1e-12)
    for found, want in (
        (L.gradient(L.theta), other.gradient(L.theta)),
        (L.hessian(L.theta) @ v, other.hessian(L.theta) @ v),
        (L.ggn(L.theta) @ v, other.ggn(L.theta) @ v),
    ):
        torch.testing.assert_close(found, want, rtol=1e-9, atol=1e-12)
    for t in (0.0, 0.3):
        found, want = (Evaluator(x, L.theta, v).evaluate(t).loss for x in (L, other))
        assert found == pytest.approx(want, rel=1e-12)


def test_a_network_that_uses_view_can_be_trained(store):
    runs = [
        training.train(
            training.TrainConfig(Viewing(view=view), training.SGD(0.05), epochs=1, batch_size=50),
            digits(),
            store,
        )
        for view in (True, False)
    ]
    viewed, flattened = (run.history["train_loss"] for run in runs)
    assert viewed.isfinite().all() and viewed[-1] < viewed[0]
    torch.testing.assert_close(viewed, flattened, rtol=1e-4, atol=1e-5)


def test_channels_last_is_for_convolutions_that_bear_it():
    images = torch.zeros(2, 3, 8, 8)
    model = Images(view=False, inputs=3)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert takes_channels_last(model, images)
    assert model.first.weight.is_contiguous() and model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not takes_channels_last(Images(view=True, inputs=3), images)
    assert not takes_channels_last(nn.Linear(8, 2), images)
    assert not takes_channels_last(nn.Conv1d(3, 2, 1), images[0])
    # Whatever else fails is said where it is computed, not here.
    assert takes_channels_last(nn.Sequential(nn.Conv2d(3, 2, 8), nn.Bilinear(2, 2, 2)), images)
    flat = images[0]
    assert channels_last(flat) is flat


@pytest.mark.parametrize("kind", [torch.int64, torch.int32])
def test_token_ids_stay_integers(kind):
    model, targets = filled(Tokens()), classes(3, 9)
    tokens = torch.randint(11, (9, 5), generator=rng.stream(0, "tokens"))
    L = Objective(model, (tokens.to(kind), targets))
    want = functional.cross_entropy(model(tokens), targets)
    assert L.loss(L.theta) == pytest.approx(want.item(), rel=1e-12)
    hessian = L.hessian(L.theta)
    top = float(torch.linalg.eigvalsh(hessian.to_dense())[-1])
    assert spectrum.eigenpairs(hessian).largest == pytest.approx(top, rel=1e-4)
    grid = torch.tensor([-0.5, 0.5], dtype=torch.float64)
    plane = slices.random_plane(L, L.theta, alphas=grid, betas=grid, seed=0)
    assert plane.loss.shape == (2, 2) and bool(plane.loss.isfinite().all())


def test_pixels_in_bytes_are_numbers():
    pixels, targets = torch.arange(24, dtype=torch.uint8).view(6, 4), classes(3, 6)
    model = filled(nn.Linear(4, 3))
    found, want = (Objective(model, (x, targets)) for x in (pixels, pixels.double()))
    assert found.loss(found.theta) == want.loss(want.theta)


def test_cross_entropy_of_many_targets_an_example_is_their_mean():
    model, images = filled(nn.Conv2d(3, 4, 1)), drawn(5, 3, 2, 6)
    targets = classes(4, 5, 2, 6)

    def own(outputs, targets):
        return functional.cross_entropy(outputs, targets, reduction="none").mean((1, 2))

    built_in, by_hand = (
        Objective(model, (images, targets), loss=loss, microbatch=2)
        for loss in ("cross_entropy", own)
    )
    theta = built_in.theta
    want = functional.cross_entropy(model(images), targets)
    assert built_in.loss(theta) == pytest.approx(want.item(), rel=1e-12)
    torch.testing.assert_close(built_in.gradient(theta), by_hand.gradient(theta))
    assert built_in.evaluate(theta).accuracy != built_in.evaluate(theta).accuracy  # NaN
    with pytest.raises(ValueError, match=r"\(5, 4, 2, 6\) do not have one axis for each"):
        built_in.output_factors(model(images), targets)


def test_a_single_output_has_no_accuracy():
    def loss(outputs, targets):
        return functional.binary_cross_entropy_with_logits(
            outputs[:, 0], targets.to(outputs), reduction="none"
        )

    L = Objective(filled(nn.Linear(4, 1)), (drawn(6, 4), classes(2, 6)), loss=loss)
    one, other = L.evaluate(L.theta), Evaluator(L, L.theta, L.theta).evaluate(0.0)
    assert one.accuracy != one.accuracy and other.accuracy != other.accuracy  # NaN
    assert one.loss == pytest.approx(other.loss)


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_precision_is_refused_with_the_remedy(half):
    model, examples = filled(nn.Linear(4, 3)).to(half), (drawn(6, 4), classes(3, 6))
    with pytest.raises(ValueError, match=rf"compute in {str(half)[6:]}, .*dtype=torch.float32 or"):
        Objective(model, examples)
    L = Objective(model, examples, dtype=torch.float32)
    assert L.dtype == torch.float32
    assert torch.equal(L.theta[:12].float(), model.weight.detach().float().flatten())


def test_of_several_outputs_the_logits_are_taken():
    model, examples = Answering(), (drawn(6, 4), classes(3, 6))
    plain = Objective(model.linear, examples)
    L = Objective(model, examples)
    assert L.loss() == plain.loss() and torch.equal(L.gradient(), plain.gradient())
