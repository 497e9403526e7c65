"""Weight decay as the penalty (1/2) Σ c_i θ_i² that the coefficients of an optimizer stand for."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from landscape.network.parameters import Layout

WeightDecay = float | Mapping[str, float] | torch.optim.Optimizer | list[dict[str, Any]]

# Optimizers that add c θ to the gradient, which makes their decay a part of the loss. By name of
# class: subclasses may treat it otherwise.
_ADDED = {"SGD", "Adam", "Adamax", "Adagrad", "Adadelta", "RMSprop", "ASGD", "NAdam", "RAdam"}


def coefficients(weight_decay: WeightDecay, model: nn.Module) -> float | dict[str, float]:
    """Return the coefficient of each parameter: one number where all share it, else by name.

    Args:
        weight_decay: One coefficient for all trained parameters; names of parameters or modules
            (the empty name stands for all, the longest name counts) -> coefficient; an optimizer;
            or its ``param_groups``.
        model: The module whose parameters the optimizer has.

    Raises:
        TypeError: If it is something else.
        ValueError: If a coefficient is negative or not finite, a name is unknown, or the optimizer
            decays weights by another rule or has parameters of another network.
    """
    names = [name for name, x in model.named_parameters() if x.requires_grad]
    if isinstance(weight_decay, Mapping):
        by_name = _named(weight_decay, names)
    elif isinstance(weight_decay, torch.optim.Optimizer | list):
        by_name = _grouped(weight_decay, model, names)
    else:
        by_name = dict.fromkeys(names, _number(weight_decay, "weight_decay"))
    values = set(by_name.values()) or {0.0}
    return values.pop() if len(values) == 1 else by_name


def vector(coefficients: float | Mapping[str, float], layout: Layout) -> torch.Tensor | None:
    """Return the coefficient of each entry of theta (n,), float64; None where all are 0.

    Args:
        coefficients: As ``coefficients`` returns them.
        layout: The trained parameters.
    """
    whole = not isinstance(coefficients, Mapping)
    entries = torch.zeros(layout.n, dtype=torch.float64)
    for block in layout.blocks:
        entries[block.entries] = coefficients if whole else coefficients[block.name]  # type: ignore[index,assignment]  # by `whole`
    return entries if bool(entries.any()) else None


def penalty(
    coefficients: float | Mapping[str, float], named: Mapping[str, torch.Tensor]
) -> torch.Tensor | float:
    """Return (1/2) Σ c_i θ_i² of named parameters, as a part of a graph.

    Args:
        coefficients: As ``coefficients`` returns them.
        named: Name -> trained parameter.
    """
    total: torch.Tensor | float = 0.0
    for name, tensor in named.items():
        each = coefficients[name] if isinstance(coefficients, Mapping) else coefficients
        if each:
            total = total + each / 2 * tensor.square().sum()
    return total


def text(coefficients: float | Mapping[str, float]) -> str:
    """Return the coefficients in a few words, for a result's conditions."""
    if not isinstance(coefficients, Mapping):
        return f"{coefficients:g}"
    values = sorted(set(coefficients.values()), reverse=True)
    counts = [sum(x == value for x in coefficients.values()) for value in values]
    return ", ".join(f"{v:g} on {c} tensors" for v, c in zip(values, counts, strict=True))


class Shifted:
    """The function V -> A V + diag(c) V, for a block V (n, k).

    Args:
        total: The function V -> A V.
        entries: The diagonal c (n,).
    """

    def __init__(self, total: Any, entries: torch.Tensor) -> None:
        self._total, self._entries = total, entries

    def __call__(self, block: torch.Tensor) -> torch.Tensor:
        """Return the product (n, k), in float64 on the block's device."""
        entries = self._entries.to(block.device)[:, None]
        return self._total(block) + entries * block.double()


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(
            f"{where}={value!r:.60} is no weight decay. Pass a number >= 0, a dict of parameters' "
            "or modules' names with numbers, an optimizer, or its param_groups."
        )
    if not (value >= 0 and math.isfinite(value)):
        raise ValueError(f"{where}={value!r} is no weight decay. Pass a finite number >= 0.")
    return float(value)


def _named(given: Mapping[str, float], names: list[str]) -> dict[str, float]:
    numbers = {key: _number(x, f"weight_decay[{key!r}]") for key, x in given.items()}
    unknown = [k for k in numbers if not any(_covers(k, name) for name in names)]
    if unknown:
        raise ValueError(
            f"weight_decay has {unknown[0]!r}, which names no trained parameter and no module "
            f"with one. There are {', '.join(map(repr, names[:8]))}"
            + (", ..." if len(names) > 8 else ".")
        )
    longest = {
        name: max((k for k in numbers if _covers(k, name)), key=len, default=None) for name in names
    }
    return {name: 0.0 if key is None else numbers[key] for name, key in longest.items()}


def _covers(key: Any, name: str) -> bool:
    return isinstance(key, str) and (key in ("", name) or name.startswith(f"{key}."))


def _grouped(
    given: torch.optim.Optimizer | list[dict[str, Any]], model: nn.Module, names: list[str]
) -> dict[str, float]:
    groups = given.param_groups if isinstance(given, torch.optim.Optimizer) else given
    _check_rule(given, groups)
    by_id = {id(tensor): name for name, tensor in model.named_parameters()}
    result, foreign = dict.fromkeys(names, 0.0), 0
    for group in groups:
        each = _number(group.get("weight_decay", 0.0), "weight_decay of a group")
        for tensor in _tensors(group["params"]):
            foreign += id(tensor) not in by_id
            if by_id.get(id(tensor)) in result:
                result[by_id[id(tensor)]] = each
    if foreign:
        raise ValueError(
            f"weight_decay has {foreign} parameters that are not the model's. Pass the optimizer "
            "of this very model, or names with coefficients, such as {'': 5e-4, 'norm': 0.0}."
        )
    return result


def _tensors(params: Any) -> Iterable[torch.Tensor]:
    given = [params] if isinstance(params, torch.Tensor) else params
    for item in given:  # PyTorch takes named parameters as well.
        yield item[1] if isinstance(item, tuple) else item


def _check_rule(given: Any, groups: list[dict[str, Any]]) -> None:
    """Refuse decay that is no part of the loss: subtracted from the weights beside the gradient."""
    if not all(isinstance(group, Mapping) and "params" in group for group in groups):
        raise TypeError(
            "weight_decay is a list of other things than an optimizer's groups. Pass dicts with "
            "'params' and 'weight_decay', or one number."
        )
    kind = type(given).__name__
    decays = any(group.get("weight_decay") for group in groups)
    foreign = isinstance(given, torch.optim.Optimizer) and kind not in _ADDED
    decoupled = any(group.get("decoupled_weight_decay") for group in groups)
    if decays and (foreign or decoupled):
        raise ValueError(
            f"the decay of {kind}{' with decoupled_weight_decay' if decoupled else ''} is no part "
            "of a loss that it descends: it shrinks weights beside the gradient. Pass the numbers "
            "that you mean, such as weight_decay=0.01."
        )
