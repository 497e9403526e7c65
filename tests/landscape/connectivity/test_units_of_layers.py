"""Which units of which layers may change places: the same function, and permuted twins found again.

Every network is shuffled in all its groups. Its outputs must stay, to rounding; from the shuffled
network the matching must lead back to the first one, so that the barrier between them is gone.
"""

import copy
import math

import pytest
import torch
from landscape import models, rng
from landscape.connectivity import aligned, linear_barrier, match, permutation_groups, permuted
from landscape.objective import Objective
from torch import nn
from torch.nn import functional

N, T, D, H = 6, 5, 8, 4


def drawn(*shape, name="x"):
    return torch.randn(*shape, generator=rng.stream(0, name), dtype=torch.float64)


def filled(model, seed=0):
    """A network in float64 in which no two numbers are alike."""
    with torch.no_grad():
        for name, x in [*model.named_parameters(), *model.named_buffers()]:
            if x.is_floating_point() and "constant" not in name:
                values = torch.rand(x.numel(), generator=rng.stream(seed, name)).view(x.shape)
                x.copy_(0.2 + values if x.dim() == 1 else values - 0.5)
    return model.double().eval()


X, IDS = drawn(N, 4), torch.arange(N * T).view(N, T) * 7 % 11
IMAGES, SEQUENCES = drawn(N, 3, 6, 6), drawn(N, T, 4)


class Of(nn.Module):
    """A forward pass written as a function of the module's layers."""

    def __init__(self, forward, **layers):
        super().__init__()
        for name, layer in layers.items():
            if isinstance(layer, nn.Parameter):
                self.register_parameter(name, layer)
            elif isinstance(layer, torch.Tensor):
                self.register_buffer(name, layer)
            else:
                setattr(self, name, layer)
        self.run = forward

    def forward(self, x):
        return self.run(self, x)


def between(function, width=6, **layers):
    """Two linear layers with something between them."""
    both = {"first": nn.Linear(4, width), "last": nn.Linear(width, 3)}
    return Of(lambda m, x: m.last(function(m, m.first(x))), **both, **layers)


# Elementwise activations, by module, function and operator

ACTIVATIONS = {
    name: between(lambda m, h, f=f: f(h))
    for name, f in {
        "sigmoid": torch.sigmoid,
        "softplus": functional.softplus,
        "hardswish": functional.hardswish,
        "hardsigmoid": functional.hardsigmoid,
        "mish": functional.mish,
        "logsigmoid": functional.logsigmoid,
        "softsign": functional.softsign,
        "tanhshrink": functional.tanhshrink,
        "softshrink": functional.softshrink,
        "threshold": nn.Threshold(0.1, 0.7),
        "rrelu": nn.RReLU().eval(),
        "sin": torch.sin,
        "erf": torch.special.erf,
        "square": lambda h: h**2,
        "itself": lambda h: h * h,
        "operators": lambda h: 2 * h - 1 / (1 + h.abs()) + 3,
        "negative": lambda h: -h,
        "clamp": lambda h: h.clamp(-0.5, 0.5),
        "maximum": lambda h: torch.maximum(h, 0.1 * h),
        "where": lambda h: torch.where(h > 0, h, h.exp() - 1),
        "masked": lambda h: h.masked_fill(h < 0, 0.0),
        "swish by hand": lambda h: h / (1 + torch.exp(-h)),
        "relu squared": lambda h: functional.relu(h).square(),
        "in place": lambda h: h.mul_(2.0).add_(1.0).sigmoid_(),
        "a sum of two": lambda h: h.tanh() + h.relu(),
        "a tensor of one number": lambda h: h + torch.ones(1, dtype=torch.float64),
    }.items()
}
ACTIVATIONS |= {
    "PReLU of one slope": between(lambda m, h: m.act(h), act=nn.PReLU()),
    "PReLU of channels": between(lambda m, h: m.act(h), act=nn.PReLU(6)),
    "a learned slope": between(
        lambda m, h: torch.sigmoid(m.slope * h), slope=nn.Parameter(torch.ones(()))
    ),
    "learned scales": between(
        lambda m, h: m.scale * h + m.shift,
        scale=nn.Parameter(torch.ones(6)),
        shift=nn.Parameter(torch.ones(1, 6)),
    ),
    "a softmax over units": between(lambda m, h: h.softmax(1)),
    "unit length": between(lambda m, h: functional.normalize(h, dim=-1)),
    "centred": between(lambda m, h: (h - h.mean(1, keepdim=True)) / h.std(1, keepdim=True)),
    "RMSNorm": between(lambda m, h: m.norm(h), norm=nn.RMSNorm(6)),
    "RMSNorm by hand": between(
        lambda m, h: m.scale * h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 1e-6),
        scale=nn.Parameter(torch.ones(6)),
    ),
    "LayerNorm": between(lambda m, h: m.norm(h), norm=nn.LayerNorm(6)),
    "LayerNorm without scales": between(
        lambda m, h: m.norm(h), norm=nn.LayerNorm(6, elementwise_affine=False)
    ),
    "the transposed weight": Of(
        lambda m, x: (m.first(x).relu() @ m.weight).tanh() @ m.other.t(),
        first=nn.Linear(4, 6),
        weight=nn.Parameter(torch.ones(6, 7)),
        other=nn.Parameter(torch.ones(3, 7)),
    ),
}
HIDDEN = {**{words: [6] for words in ACTIVATIONS}, "the transposed weight": [6, 7]}


# Gates


GATES = {
    "GLU": (
        Of(
            lambda m, x: m.last(functional.glu(m.first(x))),
            first=nn.Linear(4, 12),
            last=nn.Linear(6, 3),
        ),
        [6],
    ),
    "SwiGLU": (
        Of(
            lambda m, x: m.last(functional.silu(m.gate(x)) * m.up(x)),
            gate=nn.Linear(4, 6),
            up=nn.Linear(4, 6),
            last=nn.Linear(6, 3),
        ),
        [6],
    ),
    "GeGLU of one weight": (
        Of(
            lambda m, x: (lambda a, b: m.last(functional.gelu(a) * b))(*m.first(x).chunk(2, -1)),
            first=nn.Linear(4, 12),
            last=nn.Linear(6, 3),
        ),
        [6],
    ),
    "a residual stream": (
        Of(
            lambda m, x: (lambda h: m.last(h + m.b(m.a(h).sigmoid())))(m.first(x)),
            first=nn.Linear(4, 6),
            a=nn.Linear(6, 7),
            b=nn.Linear(7, 6),
            last=nn.Linear(6, 3),
        ),
        [6, 7],
    ),
    "a highway": (
        Of(
            lambda m, x: (lambda h, t: m.last(t * m.a(h) + (1 - t) * h))(
                m.first(x), m.gate(m.first(x)).sigmoid()
            ),
            first=nn.Linear(4, 6),
            a=nn.Linear(6, 6),
            gate=nn.Linear(6, 6),
            last=nn.Linear(6, 3),
        ),
        [6],
    ),
    "one gate for all": (
        Of(
            lambda m, x: m.last(m.first(x) * m.gate(x).sigmoid()),
            first=nn.Linear(4, 6),
            gate=nn.Linear(4, 1),
            last=nn.Linear(6, 3),
        ),
        [],
    ),
    "a gate of the inputs": (
        Of(
            lambda m, x: m.last(m.first(x) * x.mean(1, keepdim=True)),
            first=nn.Linear(4, 6),
            last=nn.Linear(6, 3),
        ),
        [6],
    ),
}

# Convolutions


def squeezed(m, x):
    h = m.first(x).relu()
    s = m.up(m.down(functional.adaptive_avg_pool2d(h, 1)).relu())
    return m.last((h * functional.hardsigmoid(s)).mean((2, 3)))


IMAGE_NETS = {
    "groups between two convolutions": (
        Of(
            lambda m, x: m.last(m.c(m.n(m.b(m.a(x).tanh())).tanh()).mean((2, 3)).tanh()),
            a=nn.Conv2d(3, 6, 1),
            b=nn.Conv2d(6, 4, 3, groups=2, padding=1),
            n=nn.BatchNorm2d(4),
            c=nn.Conv2d(4, 5, 1),
            last=nn.Linear(5, 3),
        ),
        [2, 2, 2, 3, 3, 5],
    ),
    "groups of pixels": (
        Of(
            lambda m, x: m.last(m.b(x).tanh().mean((2, 3))),
            b=nn.Conv2d(3, 6, 1, groups=3, bias=False),
            last=nn.Linear(6, 3),
        ),
        [2, 2, 2],
    ),
    "groups after groups, shuffled": (
        Of(
            lambda m, x: m.last(
                m.c(m.b(m.a(x).tanh()).unflatten(1, (2, 4)).transpose(1, 2).flatten(1, 2).tanh())
                .tanh()
                .mean((2, 3))
            ),
            a=nn.Conv2d(3, 4, 1),
            b=nn.Conv2d(4, 8, 1, groups=2),
            c=nn.Conv2d(8, 6, 1, groups=2),
            last=nn.Linear(6, 3),
        ),
        [2, 2, 2, 2, 2, 2, 3, 3],
    ),
    "squeeze and excitation": (
        Of(
            squeezed,
            first=nn.Conv2d(3, 6, 3, padding=1),
            down=nn.Conv2d(6, 4, 1),
            up=nn.Conv2d(4, 6, 1),
            last=nn.Linear(6, 3),
        ),
        [4, 6],
    ),
    "depthwise with hardswish": (
        Of(
            lambda m, x: m.last(functional.hardswish(m.norm(m.depth(m.first(x)))).flatten(1)),
            first=nn.Conv2d(3, 6, 1),
            depth=nn.Conv2d(6, 6, 3, groups=6, padding=1),
            norm=nn.BatchNorm2d(6),
            last=nn.Linear(216, 3),
        ),
        [6],
    ),
    "upsampled": (
        Of(
            lambda m, x: m.last(
                functional.interpolate(m.up(m.first(x)).sigmoid(), scale_factor=2)
            ).mean((2, 3)),
            first=nn.Conv2d(3, 6, 3),
            up=nn.ConvTranspose2d(6, 5, 3, stride=2),
            last=nn.Conv2d(5, 3, 1),
        ),
        [5, 6],
    ),
    "ConvNeXt": (
        Of(
            lambda m, x: (
                lambda h: m.last(
                    (
                        h
                        + m.scale[:, None, None]
                        * m.b(functional.gelu(m.a(m.norm(m.depth(h).permute(0, 2, 3, 1))))).permute(
                            0, 3, 1, 2
                        )
                    ).mean((2, 3))
                )
            )(m.stem(x)),
            stem=nn.Conv2d(3, 6, 2, stride=2),
            depth=nn.Conv2d(6, 6, 3, padding=1, groups=6),
            norm=nn.LayerNorm(6),
            a=nn.Linear(6, 9),
            b=nn.Linear(9, 6),
            scale=nn.Parameter(torch.ones(6)),
            last=nn.Linear(6, 3),
        ),
        [6, 9],
    ),
    "PReLU of channels": (
        Of(
            lambda m, x: m.last(m.act(m.first(x)).flatten(1)),
            first=nn.Conv2d(3, 6, 3),
            act=nn.PReLU(6),
            last=nn.Linear(96, 3),
        ),
        [6],
    ),
    "a mixer": (
        Of(
            lambda m, x: (lambda h: m.last((h + m.b(m.a(h.mT).relu()).mT).mean(1)))(
                m.stem(x).flatten(2).mT
            ),
            stem=nn.Conv2d(3, 8, 2, stride=2),
            a=nn.Linear(9, 7),
            b=nn.Linear(7, 9),
            last=nn.Linear(8, 3),
        ),
        [8],
    ),
}

# Attention


def heads_of(x, count=H):
    return x.unflatten(-1, (count, -1)).transpose(-3, -2)


def joined(x):
    return x.transpose(-3, -2).flatten(-2)


class Block(nn.Module):
    """A block of a transformer, with the attention that it is given."""

    def __init__(self, attend, kv=H, **layers):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)
        width = D // H * kv
        self.q, self.k, self.v = nn.Linear(D, D), nn.Linear(D, width), nn.Linear(D, width)
        self.o, self.kv = nn.Linear(D, D), kv
        self.up, self.down = nn.Linear(D, 12), nn.Linear(12, D)
        self.attend = attend
        for name, x in layers.items():
            (self.register_buffer if not isinstance(x, nn.Parameter) else self.register_parameter)(
                name, x
            )

    def forward(self, x):
        h = self.norm1(x)
        q, k, v = heads_of(self.q(h)), heads_of(self.k(h), self.kv), heads_of(self.v(h), self.kv)
        x = x + self.o(joined(self.attend(self, q, k, v)))
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


def fused(m, q, k, v):
    return functional.scaled_dot_product_attention(q, k, v)


def eager(m, q, k, v):
    return ((q @ k.transpose(-2, -1)) / math.sqrt(q.shape[-1])).softmax(-1) @ v


def causal(m, q, k, v):
    scores = torch.matmul(q, k.mT) * 0.5
    mask = torch.ones(T, T, dtype=torch.bool).tril()
    scores = torch.where(mask, scores, torch.full([], -1e9, dtype=scores.dtype))
    return torch.matmul(functional.dropout(scores.softmax(dim=-1), 0.1, m.training), v)


def summed(m, q, k, v):
    scores = torch.einsum("bhqd,bhkd->bhqk", q, k).softmax(-1)
    return torch.einsum("bhqk,bhkd->bhqd", scores, v)


def sloped(m, q, k, v):
    scores = q @ k.mT + m.constant_slopes.view(H, 1, 1) * torch.arange(T, dtype=torch.float64)
    return scores.softmax(-1) @ v


def turned(x):
    angle = torch.arange(T, dtype=x.dtype)[:, None]
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return x * angle.cos() + torch.cat([-b, a], -1) * angle.sin()


def rotary(m, q, k, v):
    return functional.scaled_dot_product_attention(turned(q), turned(k), v)


def grouped(m, q, k, v):
    return functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)


def repeated(m, q, k, v):
    return eager(m, q, *(x.repeat_interleave(H // m.kv, dim=1) for x in (k, v)))


def biased(m, q, k, v):
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=m.bias)


def transformer(block):
    return Of(
        lambda m, x: m.last(m.norm(m.block(m.first(x) + m.positions)).mean(1)),
        first=nn.Linear(4, D),
        positions=nn.Parameter(torch.ones(T, D)),
        block=block,
        norm=nn.LayerNorm(D),
        last=nn.Linear(D, 3),
    )


def encoder(**options):
    layer = nn.TransformerEncoderLayer(D, H, 12, batch_first=True, **options)
    return Of(
        lambda m, x: m.last(m.layer(m.first(x)).mean(1)),
        first=nn.Linear(4, D),
        layer=layer,
        last=nn.Linear(D, 3),
    )


# Words -> network, sizes of its groups: the stream, the perceptron, heads, and units in heads.
INNER = [D // H] * (2 * H)
FULL = sorted([D, 12, H, *INNER])
ATTENTION = {
    "fused": (transformer(Block(fused)), FULL),
    "eager": (transformer(Block(eager)), FULL),
    "causal": (transformer(Block(causal)), FULL),
    "einsum": (transformer(Block(summed)), FULL),
    # Slopes tell heads apart; within each, units are free.
    "slopes": (
        transformer(Block(sloped, constant_slopes=torch.arange(H) * 0.3)),
        sorted([D, 12, *INNER]),
    ),
    "a bias for each head": (
        transformer(Block(biased, bias=nn.Parameter(torch.ones(H, T, T)))),
        sorted([D, 12, *INNER]),
    ),
    # Positions turn pairs of queries and keys: heads, values within heads.
    "rotary": (transformer(Block(rotary)), sorted([D, 12, H, *INNER[:H]])),
    # Two heads share keys: pairs of heads, their queries, their values.
    "grouped queries": (transformer(Block(grouped, kv=2)), sorted([D, 12, 2, *INNER[:4]])),
    "repeated keys": (transformer(Block(repeated, kv=2)), sorted([D, 12, 2, *INNER[:4]])),
    "multi-query": (transformer(Block(repeated, kv=1)), sorted([D, 12, 2, 2])),
    "TransformerEncoderLayer": (encoder(), FULL),
    "norm first": (encoder(norm_first=True, activation="gelu"), FULL),
    "MultiheadAttention": (
        Of(
            lambda m, x: (lambda h: m.last(m.mha(h, h, h, need_weights=False)[0].mean(1)))(
                m.first(x)
            ),
            first=nn.Linear(4, D),
            mha=nn.MultiheadAttention(D, H, batch_first=True),
            last=nn.Linear(D, 3),
        ),
        sorted([D, D, H, *INNER]),
    ),
    "separate widths": (
        Of(
            lambda m, x: m.last(m.mha(m.first(x), m.key(x), m.value(x))[0].mean(1)),
            first=nn.Linear(4, D),
            key=nn.Linear(4, 6),
            value=nn.Linear(4, 7),
            mha=nn.MultiheadAttention(D, H, kdim=6, vdim=7, batch_first=True),
            last=nn.Linear(D, 3),
        ),
        sorted([D, 6, 7, D, H, *INNER]),
    ),
}


class Conv1D(nn.Module):
    """As in GPT-2: the weight is stored (in, out)."""

    def __init__(self, out, into):
        super().__init__()
        self.out, self.weight, self.bias = (
            out,
            nn.Parameter(torch.ones(into, out)),
            nn.Parameter(torch.ones(out)),
        )

    def forward(self, x):
        return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(
            *x.shape[:-1], self.out
        )


class GPT(nn.Module):
    """A block as of GPT-2, with embeddings that are tied to the outputs."""

    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(11, D), nn.Embedding(9, D)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(D) for _ in range(3))
        self.attention, self.projection = Conv1D(3 * D, D), Conv1D(D, D)
        self.up, self.down = Conv1D(12, D), Conv1D(D, 12)

    def forward(self, ids):
        x = self.tokens(ids) + self.positions(torch.arange(ids.size(1)))
        q, k, v = (heads_of(part) for part in self.attention(self.norm1(x)).split(D, dim=2))
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.projection(mixed.transpose(1, 2).contiguous().view(*ids.shape, D))
        x = x + self.down(functional.gelu(self.up(self.norm2(x)), approximate="tanh"))
        return functional.linear(self.norm3(x), self.tokens.weight)


TEXT = {
    "GPT-2": (GPT(), FULL),
    "a bag of embeddings": (
        Of(
            lambda m, ids: m.last(m.table(ids).mean(1).tanh()),
            table=nn.Embedding(11, 6),
            last=nn.Linear(6, 3),
        ),
        [6],
    ),
}

VIT = models.ViT(patch=3, dim=D, depth=2, heads=H)
VITS = {
    pool: models.ViT(patch=3, dim=D, depth=2, heads=H, pool=pool).build((3, 6, 6), 3, seed=0)
    for pool in ("class", "mean")
}
TWO_BLOCKS = sorted([D, 16, 16, H, H, *INNER, *INNER])

NETWORKS = {
    **{words: (model, X, HIDDEN[words]) for words, model in ACTIVATIONS.items()},
    **{f"gate: {words}": (model, X, found) for words, (model, found) in GATES.items()},
    **{f"image: {words}": (model, IMAGES, found) for words, (model, found) in IMAGE_NETS.items()},
    **{
        f"attention: {words}": (model, SEQUENCES, found)
        for words, (model, found) in ATTENTION.items()
    },
    **{f"text: {words}": (model, IDS, found) for words, (model, found) in TEXT.items()},
    **{f"ViT: {words}": (model, IMAGES, TWO_BLOCKS) for words, model in VITS.items()},
}


def shuffles(model, inputs, seed=0):
    generator = rng.stream(seed, "shuffle")
    return {
        units.name: torch.randperm(units.size, generator=generator)
        for units in permutation_groups(model, inputs)
    }


@pytest.mark.parametrize("words", NETWORKS)
def test_units_change_places_and_the_function_stays(words):
    model, inputs, sizes = NETWORKS[words]
    model = filled(copy.deepcopy(model))
    groups = permutation_groups(model, inputs)
    assert sorted(units.size for units in groups) == sorted(sizes)
    assert len({units.name for units in groups}) == len(groups)
    twin = permuted(model, shuffles(model, inputs), inputs)
    # On other inputs than those that were traced and checked.
    others = (
        inputs.flip(0) if not inputs.is_floating_point() else drawn(*inputs.shape, name="other")
    )
    torch.testing.assert_close(twin(others), model(others), rtol=1e-10, atol=1e-12)
    moved = sum(
        float((a - b).abs().sum())
        for a, b in zip(twin.parameters(), model.parameters(), strict=True)
    )
    assert (moved > 0.1) == bool(sizes)


@pytest.mark.parametrize("words", [words for words, case in NETWORKS.items() if case[2]])
def test_a_shuffled_twin_is_found_again(words):
    model, inputs, _ = NETWORKS[words]
    model = filled(copy.deepcopy(model))
    twin = permuted(model, shuffles(model, inputs, seed=1), inputs)
    found = [match(model, twin, inputs=inputs, seed=seed) for seed in range(4)]
    best = max(found, key=lambda one: one.similarity)
    squares = sum(float(x.detach().square().sum()) for x in model.parameters())
    assert best.converged and best.similarity == pytest.approx(squares, rel=1e-12)
    again = permuted(twin, best.permutations, inputs)
    for one, other in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    "words",
    [
        "sigmoid",
        "gate: SwiGLU",
        "image: squeeze and excitation",
        "attention: TransformerEncoderLayer",
        "attention: fused",
        "ViT: class",
        "ViT: mean",
    ],
)
def test_the_barrier_to_a_shuffled_twin_is_gone(words):
    model, inputs, _ = NETWORKS[words]
    model = filled(copy.deepcopy(model))
    neighbour = copy.deepcopy(model)
    with torch.no_grad():
        next(neighbour.parameters()).add_(1e-9)
    twin = permuted(neighbour, shuffles(model, inputs, seed=2), inputs)
    examples = inputs, model(inputs).detach()
    start, apart, close = (
        Objective(m, examples, loss="mse")
        for m in (model, twin, aligned(model, twin, inputs, seed=0))
    )
    assert linear_barrier(start, apart, ts=5).barrier > 1e-6
    assert abs(linear_barrier(start, close, ts=5).barrier) < 1e-14


def test_networks_of_token_ids_are_matched_as_objectives_too():
    first, second = filled(GPT(), 0), filled(GPT(), 1)
    targets = IDS.roll(-1, 1)
    start, end = (Objective(m, (IDS, targets), loss="next_token") for m in (first, second))
    found = match(start, end)
    assert found.similarity > found.similarity_before
    plain = match(first, second, inputs=IDS).permutations
    assert all(torch.equal(order, plain[name]) for name, order in found.permutations.items())
    closer = Objective(permuted(second, found.permutations, IDS), (IDS, targets), loss="next_token")
    assert closer.loss() == pytest.approx(end.loss(), rel=1e-10)
    assert float((closer.theta - start.theta).norm()) < float((end.theta - start.theta).norm())


# Networks whose units are told apart by what they compute with


def test_constants_tell_units_apart():
    table = torch.tensor([1.0, 1.0, 1.0, 2.0, 2.0, 3.0], dtype=torch.float64)
    model = filled(between(lambda m, h: h.tanh() * m.constant, constant=table))
    assert sorted(units.size for units in permutation_groups(model, X)) == [2, 3]
    permuted(model, shuffles(model, X), X)


def test_sums_over_some_units_tell_them_from_the_others():
    model = filled(between(lambda m, h: h * h[:, :4].sum(1, keepdim=True)))
    assert sorted(units.size for units in permutation_groups(model, X)) == [2, 4]
    permuted(model, shuffles(model, X), X)


# What is not understood

REFUSED = {
    "a sorted axis": (between(lambda m, h: h.sort(1).values), X, "calls sort"),
    "a running sum over units": (between(lambda m, h: h.cumsum(1)), X, "calls cumsum"),
    "an assignment": (
        between(lambda m, h: h.index_fill(1, torch.tensor([0]), 0.0)),
        X,
        "index_fill",
    ),
    "a recurrent layer": (
        Of(
            lambda m, x: m.last(m.gru(x)[0][:, -1]),
            gru=nn.GRU(4, 6, batch_first=True),
            last=nn.Linear(6, 3),
        ),
        SEQUENCES,
        "layer 'gru' calls gru",
    ),
    "a transposed convolution in groups": (
        Of(
            lambda m, x: m.b(m.a(x)).mean((2, 3)),
            a=nn.Conv2d(3, 4, 1),
            b=nn.ConvTranspose2d(4, 4, 1, groups=2),
        ),
        IMAGES,
        "is a convolution in 2 groups",
    ),
    "a computed weight": (
        between(
            lambda m, h: functional.linear(h, m.weight / m.weight.norm()),
            weight=nn.Parameter(torch.ones(6, 6)),
        ),
        X,
        "with a weight that is no parameter",
    ),
    "a normalised scale": (
        between(lambda m, h: h * m.scale.softmax(0), scale=nn.Parameter(torch.ones(6))),
        X,
        "with a weight that is no parameter",
    ),
    "a weight of the inputs": (
        Of(
            lambda m, x: m.last(functional.linear(x, m.first(x))),
            first=nn.Linear(4, 4),
            last=nn.Linear(6, 3),
        ),
        X,
        "calls linear with a weight that depends",
    ),
    "keys of parameters": (
        Of(
            lambda m, x: m.mha(m.first(x), m.first(x), m.first(x))[0].mean(1),
            first=nn.Linear(4, D),
            mha=nn.MultiheadAttention(D, H, add_bias_kv=True, batch_first=True),
        ),
        SEQUENCES,
        "adds keys or values that are parameters",
    ),
    "several answers": (between(lambda m, h: h), X, None),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_not_understood_is_refused_by_name(words):
    model, inputs, text = REFUSED[words]
    if text is None:
        two = Of(lambda m, x: (m.a(x), m.a(x)), a=nn.Linear(4, 3))
        with pytest.raises(ValueError, match="returns a tuple that does not come from its input"):
            permutation_groups(filled(two), inputs)
        return
    with pytest.raises(ValueError, match=text):
        permutation_groups(filled(model), inputs)
