"""Which layers and losses of torch.nn have curvature: all of them are measured."""

from pathlib import Path

import pytest
import torch
from landscape.objective import Objective
from torch.nn import functional

from tests.landscape import layer_cases

PAGE = Path(__file__).parents[2] / "docs" / "curvature_of_layers.md"
CASES = [*layer_cases.LAYERS, *layer_cases.ID_LAYERS, *layer_cases.LOSSES]
CASES += layer_cases.FUNCTIONS
# What PyTorch 2.13.0 alone does on a CPU, where it is not right.
ALONE = {
    **dict.fromkeys(
        (
            "Transformer",
            "TransformerDecoder",
            "TransformerDecoderLayer",
            "TransformerEncoder",
            "TransformerEncoderLayer",
            "functional.scaled_dot_product_attention, four axes",
            "torch.cdist, p = 1",
            "torch.cdist, p = 2",
            "torch.cdist, p = 3",
        ),
        "none",
    ),
    "utils.parametrizations.weight_norm": "wrong",
    "CTCLoss": "none",
    "CrossMapLRN2d": "none",
    "EmbeddingBag": "none",
    "Hardsigmoid": "none",
    "MultiLabelMarginLoss": "none",
    "MultiMarginLoss": "none",
}
REFUSED = {"CTCLoss": "CTCLoss has a gradient alone", "CrossMapLRN2d": "take LocalResponseNorm"}


def measured(name):
    """Return what the library does for a case: for the Hessian and for the Gauss-Newton matrix.

    Each is ``right``, or the error's text. A wrong product raises AssertionError.
    """
    model, loss, inputs, targets = layer_cases.case(name)
    L = Objective(model, (inputs, targets), loss=loss)
    v = layer_cases.drawn(L.n, name="v") * 0.3
    product, change = layer_cases.differences(model, loss, inputs, targets, v)
    words = []
    for kind in ("hessian", "ggn"):
        try:
            operator = getattr(L, kind)()
        except ValueError as error:
            words.append(str(error))
            continue
        image = operator @ v
        if kind == "hessian":
            want = product
        else:
            outputs = model(inputs).detach().requires_grad_()
            want = _gauss_newton(model, loss, inputs, targets, outputs, change)
        scale = max(float(want.norm()), 1e-6)
        assert float((image - want).norm()) <= 2e-5 * scale, (name, kind, image, want)
        words.append("right")
    return tuple(words)


def _gauss_newton(model, loss, inputs, targets, outputs, change):
    """Return Jᵀ (∇²ℓ) J v from J v, with ∇²ℓ by central differences of the loss's gradient."""

    def slope(z):
        z = z.detach().requires_grad_()
        value = loss(z, targets).mean() if callable(loss) else functional.cross_entropy(z, targets)
        return torch.autograd.grad(value, z)[0]

    h = 1e-6
    image = (slope(outputs + h * change) - slope(outputs - h * change)) / (2 * h)
    back = torch.autograd.grad(model(inputs), [*model.parameters()], image, allow_unused=True)
    pairs = zip(back, model.parameters(), strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs])


def alone(name):
    """Return what PyTorch's own second derivative of a case is."""
    model, loss, inputs, targets = layer_cases.case(name)
    size = sum(p.numel() for p in model.parameters())
    v = 0.3 * layer_cases.drawn(size, name="v")
    want, _ = layer_cases.differences(model, loss, inputs, targets, v)
    outputs = model(inputs)
    value = (
        loss(outputs, targets).mean()
        if callable(loss)
        else functional.cross_entropy(outputs, targets)
    )
    parameters = [*model.parameters()]
    try:
        slopes = torch.autograd.grad(value, parameters, create_graph=True)
        slope = torch.cat([s.flatten() for s in slopes])
        rows = torch.autograd.grad(slope, parameters, v, materialize_grads=True)
    except (RuntimeError, NotImplementedError):
        return "none"
    image = torch.cat([row.flatten() for row in rows])
    return "right" if float((image - want).norm()) < 1e-4 * float(want.norm()) else "wrong"


def test_every_module_of_torch_is_a_case_or_left_out_for_a_reason():
    assert (
        sorted([*(set(CASES) - set(layer_cases.FUNCTIONS)), *layer_cases.LEFT_OUT])
        == layer_cases.names()
    )


@pytest.mark.parametrize("name", CASES)
def test_curvature_of_a_layer_is_right_or_refused(name):
    # `measured` compares products with central differences of plain PyTorch.
    hessian, ggn = measured(name)
    if name in REFUSED:
        assert REFUSED[name] in hessian and REFUSED[name] in ggn
    else:
        assert (hessian, ggn) == ("right", "right")
    assert alone(name) == ALONE.get(name, "right")


def table():
    """Return the rows of the page."""
    rows = ["| of `torch.nn` | PyTorch alone | `L.hessian()`, `L.ggn()` |", "|-|-|-|"]
    same = [name for name in CASES if name not in ALONE]
    rows.append(f"| {', '.join(f'`{name}`' for name in sorted(same))} | right | right |")
    for name in sorted(ALONE):
        here = "refused" if name in REFUSED else "right, by a formula"
        rows.append(f"| `{name}` | {ALONE[name]} | {here} |")
    for name, reason in sorted(layer_cases.LEFT_OUT.items()):
        rows.append(f"| `{name}` | not measured | {reason} |")
    return rows


def test_the_page_lists_what_is_measured():
    assert [
        row for row in PAGE.read_text(encoding="utf-8").splitlines() if row[:1] == "|"
    ] == table()


if __name__ == "__main__":  # python -m tests.landscape.test_curvature_of_layers
    print("\n".join(table()))
