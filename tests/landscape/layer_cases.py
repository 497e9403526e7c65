"""All layers and losses of torch.nn in small networks, and what their curvature is."""

import inspect

import torch
from landscape import rng
from torch import nn
from torch.nn import functional

N = 4  # Examples.


def drawn(*shape, name="layers"):
    return torch.randn(*shape, generator=rng.stream(0, name), dtype=torch.float64)


class Around(nn.Module):
    """A linear map in front of a layer and one behind it, so that all derivatives pass it."""

    def __init__(self, layer, shape, call=None):
        super().__init__()
        self.first, self.layer, self.shape = (
            nn.Linear(5, int(torch.Size(shape).numel())),
            layer,
            shape,
        )
        self.call = call
        with torch.no_grad():
            width = self._hidden(torch.zeros(2, 5)).shape[1]
        self.last = nn.Linear(width, 3)

    def _hidden(self, x):
        x = 1.5 * torch.tanh(self.first(x)).view(len(x), *self.shape)
        x = self.layer(x) if self.call is None else self.call(self.layer, x)
        return (x[0] if isinstance(x, tuple) else x).flatten(1)

    def forward(self, x):
        return self.last(self._hidden(x))


class Ids(nn.Module):
    """A layer of token ids, and a linear map behind it."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.last = layer, nn.Linear(4, 3)

    def forward(self, ids):
        x = torch.tanh(self.layer(ids))
        return self.last(x if x.dim() == 2 else x.mean(1))


V, P1, P2, P3 = (6,), (2, 6), (2, 6, 6), (2, 4, 4, 4)
SEQUENCE = (3, 4)


def _pair(layer, x):
    return layer(x[:, :3], x[:, 3:])


def _unpooled(layer, x):
    pool = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}[x.dim() - 2](2, return_indices=True)
    return layer(*pool(x))


def _decoded(layer, x):
    return layer(x, x.flip(1))


def _recurrent(layer, x):
    return layer(x)[0]


def _layers():
    """Return name -> (function that makes the layer, shape of its input, how it is called)."""
    cases = {}
    plain = (
        "CELU ELU GELU Hardshrink Hardsigmoid Hardswish Hardtanh Identity LeakyReLU LogSigmoid "
        "Mish "
        "PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softplus Softshrink Softsign Tanh Tanhshrink "
        "AlphaDropout Dropout FeatureAlphaDropout Flatten"
    )
    for name in plain.split():
        cases[name] = (getattr(nn, name), V, None)
    for name in ("Softmax", "Softmin", "LogSoftmax"):
        cases[name] = (lambda name=name: getattr(nn, name)(1), V, None)
    cases["GLU"] = (lambda: nn.GLU(1), V, None)
    cases["Threshold"] = (lambda: nn.Threshold(0.1, 0.0), V, None)
    cases["Softmax2d"] = (nn.Softmax2d, P2, None)
    for d, shape in ((1, P1), (2, P2), (3, P3)):
        for name, arguments in {
            "AdaptiveAvgPool": (2,),
            "AdaptiveMaxPool": (2,),
            "AvgPool": (2,),
            "MaxPool": (2,),
            "BatchNorm": (2,),
            "InstanceNorm": (2,),
            "Conv": (2, 2, 2),
            "ConvTranspose": (2, 2, 2),
            "CircularPad": (1,),
            "ConstantPad": (1, 0.5),
            "ReflectionPad": (1,),
            "ReplicationPad": (1,),
            "ZeroPad": (1,),
            "LPPool": (2.0, 2),
            "Dropout": (),
        }.items():
            cases[f"{name}{d}d"] = (
                lambda name=name, d=d, arguments=arguments: getattr(nn, f"{name}{d}d")(*arguments),
                shape,
                None,
            )
        cases[f"MaxUnpool{d}d"] = (lambda d=d: getattr(nn, f"MaxUnpool{d}d")(2), shape, _unpooled)
    cases |= {
        "BatchNorm1d": (lambda: nn.BatchNorm1d(6), V, None),
        "Bilinear": (lambda: nn.Bilinear(3, 3, 4), V, _pair),
        "ChannelShuffle": (lambda: nn.ChannelShuffle(2), (4, 3, 3), None),
        "CosineSimilarity": (lambda: nn.CosineSimilarity(1), V, lambda f, x: _pair(f, x)[:, None]),
        "CrossMapLRN2d": (lambda: nn.CrossMapLRN2d(2), P2, None),
        "Fold": (lambda: nn.Fold((3, 3), 2), (8, 4), None),
        "Unfold": (lambda: nn.Unfold(2), P2, None),
        "GroupNorm": (lambda: nn.GroupNorm(2, 4), (4, 3, 3), None),
        "LayerNorm": (lambda: nn.LayerNorm(6), V, None),
        "RMSNorm": (lambda: nn.RMSNorm(6), V, None),
        "Linear": (lambda: nn.Linear(6, 4), V, None),
        "LocalResponseNorm": (lambda: nn.LocalResponseNorm(2), P2, None),
        "PairwiseDistance": (nn.PairwiseDistance, V, lambda f, x: _pair(f, x)[:, None]),
        "PixelShuffle": (lambda: nn.PixelShuffle(2), (4, 2, 2), None),
        "PixelUnshuffle": (lambda: nn.PixelUnshuffle(2), P2, None),
        "Unflatten": (lambda: nn.Unflatten(1, (2, 3)), V, None),
        "Upsample": (lambda: nn.Upsample(scale_factor=2, mode="bicubic"), P2, None),
        "UpsamplingBilinear2d": (lambda: nn.UpsamplingBilinear2d(scale_factor=2), P2, None),
        "UpsamplingNearest2d": (lambda: nn.UpsamplingNearest2d(scale_factor=2), P2, None),
        "GRU": (lambda: nn.GRU(4, 3, batch_first=True), SEQUENCE, _recurrent),
        "LSTM": (lambda: nn.LSTM(4, 3, batch_first=True), SEQUENCE, _recurrent),
        "RNN": (lambda: nn.RNN(4, 3, batch_first=True), SEQUENCE, _recurrent),
        "GRUCell": (lambda: nn.GRUCell(6, 4), V, None),
        "LSTMCell": (lambda: nn.LSTMCell(6, 4), V, None),
        "RNNCell": (lambda: nn.RNNCell(6, 4), V, None),
        "MultiheadAttention": (
            lambda: nn.MultiheadAttention(4, 2, batch_first=True),
            SEQUENCE,
            lambda f, x: f(x, x, x),
        ),
        "Transformer": (
            lambda: nn.Transformer(4, 2, 1, 1, 6, batch_first=True),
            SEQUENCE,
            _decoded,
        ),
        "TransformerEncoderLayer": (
            lambda: nn.TransformerEncoderLayer(4, 2, 6, batch_first=True),
            SEQUENCE,
            None,
        ),
        "TransformerDecoderLayer": (
            lambda: nn.TransformerDecoderLayer(4, 2, 6, batch_first=True),
            SEQUENCE,
            _decoded,
        ),
        "TransformerEncoder": (
            lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6, batch_first=True), 2),
            SEQUENCE,
            None,
        ),
        "TransformerDecoder": (
            lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 6, batch_first=True), 2),
            SEQUENCE,
            _decoded,
        ),
        "Sequential": (lambda: nn.Sequential(nn.Linear(6, 3), nn.Tanh()), V, None),
    }
    return cases


def _attention(_, x):
    x = x[:, None]
    return functional.scaled_dot_product_attention(x, x, x)


def _distances(p):
    return lambda _, x: torch.cdist(x, x.flip(1) + 0.5, p=p)


def _normed(layer):
    return nn.utils.parametrizations.weight_norm(layer)


# Functions beside the modules, with the same entries as layers.
FUNCTIONS = {
    "functional.scaled_dot_product_attention, four axes": (nn.Identity, SEQUENCE, _attention),
    "utils.parametrizations.weight_norm": (lambda: _normed(nn.Linear(6, 4)), V, None),
    "torch.cdist, p = 1": (nn.Identity, SEQUENCE, _distances(1.0)),
    "torch.cdist, p = 2": (nn.Identity, SEQUENCE, _distances(2.0)),
    "torch.cdist, p = 3": (nn.Identity, SEQUENCE, _distances(3.0)),
    "functional.grid_sample": (
        nn.Identity,
        P2,
        lambda _, x: functional.grid_sample(x, x.movedim(1, 3).tanh(), align_corners=True),
    ),
}
LAYERS = _layers()
ID_LAYERS = {
    "Embedding": lambda: nn.Embedding(9, 4),
    "EmbeddingBag": lambda: nn.EmbeddingBag(9, 4),
}


def _of_rows(loss, target, **options):
    """Return the loss of each example, as a function of the outputs, and targets."""
    function = loss(reduction="none", **options)

    def per_example(outputs, targets):
        values = function(outputs, targets)
        return values if values.dim() == 1 else values.flatten(1).mean(1)

    return per_example, target


CLASSES = torch.tensor([0, 2, 1, 0])
SIGNS = torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=torch.float64)
SHARES = torch.tensor([[0.2, 0.3, 0.5]], dtype=torch.float64).repeat(N, 1)
REAL = drawn(N, 3, name="targets")
BITS = (REAL > 0).double()


def _sigmoid(loss):
    return lambda outputs, targets: loss(reduction="none")(outputs.sigmoid(), targets).mean(1)


LOSSES = {
    "BCELoss": (_sigmoid(nn.BCELoss), BITS),
    "BCEWithLogitsLoss": _of_rows(nn.BCEWithLogitsLoss, BITS),
    "CTCLoss": (
        lambda outputs, targets: nn.CTCLoss(reduction="none")(
            torch.stack([outputs, 2 * outputs, -outputs]).log_softmax(2),
            targets[:, None],
            torch.full((len(outputs),), 3),
            torch.ones(len(outputs), dtype=torch.int64),
        ),
        torch.tensor([1, 2, 1, 2]),
    ),
    "CosineEmbeddingLoss": (
        lambda o, s: nn.CosineEmbeddingLoss(reduction="none", margin=-0.5)(o, o.flip(1) + 0.5, s),
        SIGNS,
    ),
    "CrossEntropyLoss": _of_rows(nn.CrossEntropyLoss, CLASSES),
    "GaussianNLLLoss": (
        lambda o, t: nn.GaussianNLLLoss(reduction="none")(o, t, o.exp()).mean(1),
        REAL,
    ),
    "HingeEmbeddingLoss": (
        lambda o, s: nn.HingeEmbeddingLoss(reduction="none")(o.square().sum(1), s),
        SIGNS,
    ),
    "HuberLoss": _of_rows(nn.HuberLoss, REAL, delta=0.7),
    "KLDivLoss": (
        lambda o, t: nn.KLDivLoss(reduction="none")(o.log_softmax(1), t).sum(1),
        SHARES,
    ),
    "L1Loss": _of_rows(nn.L1Loss, REAL),
    "MSELoss": _of_rows(nn.MSELoss, REAL),
    "MarginRankingLoss": (
        lambda o, s: nn.MarginRankingLoss(reduction="none")(o[:, 0].square(), o[:, 1], s),
        SIGNS,
    ),
    "MultiLabelMarginLoss": _of_rows(
        nn.MultiLabelMarginLoss, torch.tensor([[0, 1, -1], [2, -1, -1], [1, 0, -1], [0, -1, -1]])
    ),
    "MultiLabelSoftMarginLoss": _of_rows(nn.MultiLabelSoftMarginLoss, BITS),
    "MultiMarginLoss": _of_rows(nn.MultiMarginLoss, CLASSES, p=2),
    "NLLLoss": (
        lambda o, t: nn.NLLLoss(reduction="none")(o.log_softmax(1), t),
        CLASSES,
    ),
    "PoissonNLLLoss": _of_rows(nn.PoissonNLLLoss, REAL.abs()),
    "SmoothL1Loss": _of_rows(nn.SmoothL1Loss, REAL),
    "SoftMarginLoss": _of_rows(nn.SoftMarginLoss, 2 * BITS - 1),
    "TripletMarginLoss": (
        lambda o, s: nn.TripletMarginLoss(reduction="none")(o, o.flip(1), s[:, None] * o.square()),
        SIGNS,
    ),
    "TripletMarginWithDistanceLoss": (
        lambda o, s: nn.TripletMarginWithDistanceLoss(reduction="none")(
            o, o.flip(1), s[:, None] * o.square()
        ),
        SIGNS,
    ),
}

# Name -> why it is no case of its own.
LEFT_OUT = {
    **dict.fromkeys(("Module", "Container", "RNNBase", "RNNCellBase"), "base class"),
    **dict.fromkeys(("ModuleDict", "ModuleList", "ParameterDict", "ParameterList"), "holds others"),
    "DataParallel": "wrapper, taken off",
    "SyncBatchNorm": "needs several processes; in eval mode it is BatchNorm",
    "AdaptiveLogSoftmaxWithLoss": "returns a loss in place of outputs",
    "LinearCrossEntropyLoss": "holds parameters in the loss",
    "NLLLoss2d": "old name of NLLLoss",
    "FractionalMaxPool2d": "random in eval mode too",
    "FractionalMaxPool3d": "random in eval mode too",
}


def names():
    """Return the names of all module classes of torch.nn that are no lazy ones."""
    held = {n: getattr(nn, n) for n in dir(nn)}
    return sorted(
        n
        for n, c in held.items()
        if inspect.isclass(c) and issubclass(c, nn.Module) and not n.startswith("Lazy")
    )


def case(name):
    """Return network, loss, inputs and targets of a case."""
    torch_state = torch.get_rng_state()
    torch.manual_seed(0)
    try:
        inputs, loss, targets = drawn(N, 5), "cross_entropy", CLASSES
        if name in LAYERS or name in FUNCTIONS:
            make, shape, call = {**LAYERS, **FUNCTIONS}[name]
            model = Around(make(), shape, call)
        elif name in ID_LAYERS:
            inputs, model = (
                torch.tensor([[0, 3, 8], [1, 1, 2], [4, 5, 0], [7, 8, 6]]),
                Ids(ID_LAYERS[name]()),
            )
        else:
            loss, targets = LOSSES[name]
            model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3))
    finally:
        torch.set_rng_state(torch_state)
    return model.double().eval(), loss, inputs, targets


def differences(model, loss, inputs, targets, v, h=1e-6):
    """Return ∇²L v and J v by central differences of plain PyTorch, without the library."""
    names = [name for name, _ in model.named_parameters()]
    start = [p.detach().clone() for p in model.parameters()]
    parts = v.split([p.numel() for p in start])

    def at(t):
        return {
            n: (p + t * d.view(p.shape)).requires_grad_()
            for n, p, d in zip(names, start, parts, strict=True)
        }

    def gradient(t):
        named = at(t)
        outputs = torch.func.functional_call(model, named, (inputs,))
        if callable(loss):
            value = loss(outputs, targets).mean()
        else:
            value = functional.cross_entropy(outputs, targets)
        return torch.cat([g.flatten() for g in torch.autograd.grad(value, [*named.values()])])

    product = (gradient(h) - gradient(-h)) / (2 * h)
    with torch.no_grad():
        ends = [torch.func.functional_call(model, at(t), (inputs,)) for t in (h, -h)]
    return product, (ends[0] - ends[1]) / (2 * h)
