"""Rule of convolutions in groups: units change places within a group, and whole groups do."""

from typing import Any

import torch

from landscape.connectivity.ties import Attention, Tracer


def grouped(
    tracer: Tracer,
    result: torch.Tensor,
    inputs: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    groups: int,
) -> Any:
    """Return the labels of a convolution in groups, and record its units.

    Units of one group of inputs may change places, and so may those of one group of outputs. Groups
    move as heads of attention do: each takes its inputs and outputs along.

    Args:
        tracer: The trace.
        result: The layer's result (N, C', ...).
        inputs: Its inputs (N, C, ...).
        weight: Its weight (C', C / g, ...).
        bias: Its bias (C',).
        groups: Number g of groups.

    Raises:
        ValueError: If the weight is no parameter of its own.
    """
    source = tracer.source_of(weight)
    if source is None or tuple(source.shape) != tuple(weight.shape):
        raise tracer.refusal("computes with a weight that is no parameter or buffer of its own")
    before = tracer.units_along(inputs, 1)
    tracer.ties.tie(source.name, -groups, before)
    after = tracer.ties.new_units(len(weight), tracer.name_of(weight))
    tracer.tie(weight, 0, after)
    tracer.tie(bias, 0, after)
    heads = tuple(
        (tuple(first), tuple(second))
        for first, second in zip(
            before.long().view(groups, -1).tolist(),
            after.long().view(groups, -1).tolist(),
            strict=True,
        )
    )
    number = len(tracer.ties.attentions)
    for group, labels in enumerate(heads):
        for kind, side in zip(("inputs", "outputs"), labels, strict=True):
            marks = ((label, f"head {number} {kind} {group}") for label in set(side))
            tracer.ties.marks.extend(marks)
    tracer.ties.attentions.append(
        Attention(tracer.layer, heads, exchangeable=True, weights=(0,) * groups, word="groups")
    )
    shape = [1] * result.dim()
    shape[1] = len(after)
    return after.view(shape).expand(result.shape)
