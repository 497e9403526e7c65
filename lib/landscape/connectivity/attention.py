"""Units of attention: heads, and within each head its queries with its keys, and its values."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional

from landscape.connectivity.ties import EMPTY, FIXED, WEIGHTS, Attention, Tracer


def attend(
    tracer: Tracer,
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    *,
    exchangeable: bool = True,
) -> None:
    """Record the heads of an attention.

    The product of a query with a key is a sum over a head's units, so each unit of the queries is
    the one of the keys at its place, and may change places within its head. So may the values.

    Args:
        tracer: The trace.
        queries: Labels of the queries, one row for each head (H, d).
        keys: Labels of the keys (H, d).
        values: Labels of the values (H, e).
        exchangeable: Whether the heads are treated alike.
    """
    tracer.ties.unite(queries, keys)
    record(tracer, queries, values, exchangeable=exchangeable)


def record(
    tracer: Tracer,
    queries: torch.Tensor,
    values: torch.Tensor,
    *,
    exchangeable: bool = True,
    weights: Sequence[int] = (),
) -> None:
    """Record heads whose queries and keys are tied already; arguments as for ``attend``.

    Args:
        tracer: The trace.
        queries: As for ``attend``.
        values: As for ``attend``.
        exchangeable: As for ``attend``.
        weights: Label of each head's attention weights, where they were seen.
    """
    columns = queries.long().tolist(), values.long().tolist(), weights or [0] * len(queries)
    rows = {(tuple(q), tuple(v)): weight for q, v, weight in zip(*columns, strict=True)}
    heads = tuple(rows)
    name, number = tracer.layer, len(tracer.ties.attentions)
    for index, parts in enumerate(heads):
        for kind, labels in zip(("queries", "values"), parts, strict=True):
            marks = ((label, f"head {number} {kind} {index}") for label in set(labels))
            tracer.ties.marks += list(marks)
    tracer.ties.attentions.append(Attention(name, heads, exchangeable, tuple(rows.values())))


def fused(tracer: Tracer, result, query, key, value, attn_mask=None, *_, **options) -> Any:
    """Rule of ``scaled_dot_product_attention``: labels (..., T, e) of its result."""
    labels = [tracer.units_of(x) for x in (query, key, value)]
    if options.get("enable_gqa"):
        labels[1:] = [x.repeat_interleave(query.shape[-3] // x.shape[-3], -3) for x in labels[1:]]
    batch = torch.broadcast_shapes(*(x.shape[:-2] for x in labels))
    rows = [tracer.ties.collapse(x, -2).expand(*batch, x.shape[-1]) for x in labels]
    attend(tracer, *(x.flatten(0, -2) for x in rows), exchangeable=_alike(tracer, attn_mask))
    return rows[2].unsqueeze(-2).expand(result.shape)


def _alike(tracer: Tracer, mask: torch.Tensor | None) -> bool:
    """Return whether a mask or bias is the same for all heads."""
    if mask is None or mask.dim() < 3:
        return True
    labels = tracer.labels_of(mask)
    if labels is not None and bool((labels != FIXED).any()):
        raise tracer.refusal("takes a mask that hidden units decide")
    return mask.shape[-3] == 1 or mask.stride(-3) == 0


def product(tracer: Tracer, result, first, second, *_, **__) -> torch.Tensor:
    """Rule of a matrix product of two activations: queries with keys, or weights with values."""
    left, right = (tracer.units_of(x) for x in (first, second))
    if _are_scores(tracer, right):
        turned = product_of_labels(tracer, right.mT, left.mT, result.shape[:-2])
        return turned.mT.expand(result.shape)
    return product_of_labels(tracer, left, right, result.shape[:-2]).expand(result.shape)


def product_of_labels(
    tracer: Tracer, left: torch.Tensor, right: torch.Tensor, batch: torch.Size
) -> torch.Tensor:
    """Return labels (..., T, S) of a product; its factors' are (..., T, K) and (..., K, S)."""
    left = left.expand(*batch, *left.shape[-2:])
    right = right.expand(*batch, *right.shape[-2:])
    if _are_scores(tracer, left):
        weights = left.flatten(-2).amax(-1)
        if bool(((left != weights[..., None, None]) & (left != EMPTY)).any()):
            raise tracer.refusal("gathers values by weights of several heads at once")
        values = tracer.ties.collapse(right, -2)
        _meet(tracer, weights, values)
        return values.unsqueeze(-2)
    queries, keys = tracer.ties.collapse(left, -2), tracer.ties.collapse(right, -1)
    tracer.ties.unite(queries, keys)
    rows = queries.flatten(0, -2).long().tolist() if len(batch) else [queries.long().tolist()]
    different = list(dict.fromkeys(map(tuple, rows)))
    units = tracer.ties.new_units(len(different), f"{tracer.layer} weights")
    label = dict(zip(different, units.tolist(), strict=True))
    tracer.ties.scores |= {int(new): row for row, new in label.items()}
    # The weights of a head move with it, never alone.
    tracer.ties.marks += [(int(new), f"{WEIGHTS}{int(new)}") for new in label.values()]
    scores = torch.tensor([label[tuple(row)] for row in rows], dtype=torch.float64)
    return scores.view(*batch, 1, 1)


def _are_scores(tracer: Tracer, labels: torch.Tensor) -> bool:
    different = set(labels.unique().long().tolist())
    known = {EMPTY, FIXED} | tracer.ties.scores.keys()
    return different <= known and different != {EMPTY}


def _meet(tracer: Tracer, weights: torch.Tensor, values: torch.Tensor) -> None:
    """Record the heads of attention weights (...,) and values (..., e)."""
    labels = weights.flatten().long().tolist()
    rows = values.reshape(len(labels), -1)
    if any(label not in tracer.ties.scores for label in labels):
        # Weights that no unit decides may gather the values of each row in another way.
        number = len(tracer.ties.marks)
        for index, row in enumerate(rows.long().tolist()):
            tracer.ties.marks += [(x, f"gathered {number} {index}") for x in row if len(rows) > 1]
        return
    queries = torch.tensor([tracer.ties.scores[x] for x in labels], dtype=torch.float64)
    record(tracer, queries, rows, weights=labels)


def summed(tracer: Tracer, result, equation, *operands, **_) -> torch.Tensor:
    """Rule of ``einsum`` of two activations, by the matrix product that it is."""
    parts = operands[0] if isinstance(operands[0], list | tuple) else operands
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != 2 or not arrow or "." in equation:
        raise tracer.refusal(f"calls einsum with {equation!r}")
    first, second = terms
    batch = [x for x in output if x in first and x in second]
    inner = [x for x in first if x in second and x not in output]
    free = [[x for x in term if x in output and x not in batch] for term in terms]
    known = {*batch, *inner, *free[0], *free[1]}
    if any(len(set(x)) != len(x) for x in terms) or set(first + second) != known:
        raise tracer.refusal(f"calls einsum with {equation!r}")
    labels = [tracer.units_of(x) for x in parts]
    sizes = dict(zip(first + second, (*labels[0].shape, *labels[1].shape), strict=True))
    left = _matrix(labels[0], first, [batch, free[0], inner], sizes)
    right = _matrix(labels[1], second, [batch, inner, free[1]], sizes)
    shape = torch.Size(sizes[axis] for axis in batch)
    if _are_scores(tracer, right):
        joint = product_of_labels(tracer, right.mT, left.mT, shape).mT
    else:
        joint = product_of_labels(tracer, left, right, shape)
    joint = joint.expand(*shape, left.shape[-2], right.shape[-1])
    written = [*batch, *free[0], *free[1]]
    spread = joint.reshape([sizes[axis] for axis in written])
    return spread.permute([written.index(axis) for axis in output])


def _matrix(
    labels: torch.Tensor, term: str, groups: list[list[str]], sizes: dict[str, int]
) -> torch.Tensor:
    """Return labels (batch..., rows, columns) of an operand whose axes fall into three groups."""
    ordered = labels.permute([term.index(axis) for group in groups for axis in group])
    rows, columns = (torch.Size(sizes[a] for a in group).numel() for group in groups[1:])
    return ordered.reshape(*(sizes[axis] for axis in groups[0]), rows, columns)


_SIGNATURE = inspect.signature(functional.multi_head_attention_forward)


def packed(tracer: Tracer, result, *args, **kwargs) -> Any:
    """Rule of ``nn.MultiheadAttention``, whose projections may stand in one weight."""
    given = _SIGNATURE.bind(*args, **kwargs).arguments
    if any(given.get(x) is not None for x in ("bias_k", "bias_v", "static_k", "static_v")):
        raise tracer.refusal("adds keys or values that are parameters")
    heads, width = given["num_heads"], given["embed_dim_to_check"]
    rows = _projected(tracer, given)
    tracer.tie(given["in_proj_bias"], 0, rows)
    queries, keys, values = rows.view(3, heads, width // heads).unbind(0)
    mask = given.get("attn_mask")
    alike = mask is None or mask.dim() < 3
    attend(tracer, queries, keys, values, exchangeable=alike)
    weight = given["out_proj_weight"]
    tracer.tie(weight, 1, values.flatten())
    outputs = tracer.ties.new_units(len(weight), tracer.name_of(weight))
    tracer.tie(weight, 0, outputs)
    tracer.tie(given.get("out_proj_bias"), 0, outputs)
    labels = outputs.expand(result[0].shape)
    if result[1] is None:
        return (labels,)
    if not given.get("average_attn_weights", True):
        raise tracer.refusal("returns the attention weights of each head")
    return labels, torch.full(result[1].shape, float(FIXED), dtype=torch.float64)


def _projected(tracer: Tracer, given: dict[str, Any]) -> torch.Tensor:
    """Return new units of queries, keys and values (3 E,)."""
    inputs = [tracer.units_along(given[x], -1) for x in ("query", "key", "value")]
    names = "q_proj_weight", "k_proj_weight", "v_proj_weight"
    apart = given.get("use_separate_proj_weight")
    weights = [given[name if apart else "in_proj_weight"] for name in names]
    for weight, units in zip(weights, inputs, strict=True):
        tracer.tie(weight, 1, units)
    made = []
    for weight in weights if apart else weights[:1]:
        made.append(tracer.ties.new_units(len(weight), tracer.name_of(weight)))
        tracer.tie(weight, 0, made[-1])
    return torch.cat(made)
