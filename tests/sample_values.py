"""Strategies of hypothesis: values that results hold, the same built another way, and others."""

import copy
import math

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from landscape.spectrum import Estimate

SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
_KINDS = ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16")
TORCH_DTYPES = st.sampled_from([np.dtype(kind) for kind in _KINDS])
_OTHER_DTYPES = st.sampled_from(
    [np.dtype(k) for k in (">f4", ">i8", "U3", "S2", "M8[D]", "m8[s]", "V3", "g", ">g", "G")]
    + [np.dtype([("a", "i1"), ("b", "f8")], align=align) for align in (False, True)]
)


def _arrays(dtypes):
    # Bytes decide: NaNs of any payload, zeros of either sign, numbers too small to be normal.
    def filled(kind, shape, seed):
        plain = kind.kind not in "bUS" and kind.itemsize not in (16, 32) and kind.names is None
        draw = np.random.default_rng(seed)
        count = math.prod(shape)
        if plain:
            return np.frombuffer(draw.bytes(count * kind.itemsize), kind).reshape(shape).copy()
        return draw.integers(0, 2, shape).astype(kind)

    return st.builds(filled, dtypes, SHAPES, st.integers(0, 2**32))


NUMPY = st.one_of(_arrays(TORCH_DTYPES), _arrays(_OTHER_DTYPES))
TENSORS = _arrays(TORCH_DTYPES).map(torch.from_numpy)

TEXTS = st.text(st.characters(exclude_categories=[]), max_size=6)  # Lone surrogates included.
KEYS = st.one_of(TEXTS, st.integers(), st.booleans())
_LONG = st.integers(1990, 20000).map(lambda bits: 2**bits)  # More digits than Python prints.
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), _LONG, st.floats(), TEXTS)


def _nested(inner):
    return st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(KEYS, inner, max_size=3),
    )


def _estimate(number, flag):
    return Estimate(number, abs(number), -number, number, flag, 1, 1, "a property")


ESTIMATES = st.builds(_estimate, st.floats(), st.booleans())
# What the store holds.
RESULTS = st.recursive(st.one_of(SCALARS, NUMPY, TENSORS, ESTIMATES), _nested, max_leaves=6)


def wrapped(value, place):
    """Return a value in nested containers; ``place`` has a letter for each, innermost first."""
    for letter in place:
        value = {"l": [1, value], "t": (value, None), "d": {"k": value, 3: 0}}[letter]
    return value


PLACES = st.text("ltd", max_size=4)


def same(one, other):
    """Whether two results are equal in every type and every bit; NaN is NaN."""
    if type(one) is not type(other):
        return False
    match one:
        case float():
            return repr(one) == repr(other)  # Tells the zeros apart, and takes NaN as NaN.
        case torch.Tensor():
            return same(one.detach().numpy(), other.detach().numpy())
        case np.ndarray():
            alike = one.dtype == other.dtype and one.shape == other.shape
            return alike and one.tobytes() == other.tobytes()
        case list() | tuple():
            return len(one) == len(other) and all(map(same, one, other))
        case dict():
            return same([*one.items()], [*other.items()])
        case Estimate():
            return same(vars(one), vars(other))
    return one == other


def rebuilt(value, draw, *, reorder=True):
    """Return an equal value built another way: other memory, strides and order of insertion."""
    match value:
        case torch.Tensor():
            return _rebuilt_tensor(value, draw)
        case np.ndarray():
            return _restrided(value, draw(st.sampled_from(["copy", "order", "gaps", "axes"])))
        case list() | tuple():
            return type(value)(rebuilt(item, draw, reorder=reorder) for item in value)
        case dict():
            keys = draw(st.permutations([*value])) if reorder else [*value]
            return {key: rebuilt(value[key], draw, reorder=reorder) for key in keys}
        case set() | frozenset():
            return type(value)(draw(st.permutations([*value])))
    return copy.deepcopy(value)


def _rebuilt_tensor(value, draw):
    if value.is_complex() and draw(st.booleans()):  # Its values are conjugated when they are read.
        return value.conj_physical().conj()
    if value.dtype in RARE_DTYPES:
        return value.repeat_interleave(2, dim=-1)[..., ::2] if value.dim() else value.clone()
    return torch.from_numpy(rebuilt(value.numpy(), draw))


def _restrided(value, way):
    if way == "order":
        return np.asfortranarray(value).reshape(value.shape)
    if way == "gaps" and value.ndim:
        return np.repeat(value, 2, axis=-1)[..., ::2]
    if way == "axes" and value.ndim:
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(value, 0, -1)), -1, 0)
    return value.copy()


# What only a hash reads: the store cannot hold it.

RARE_DTYPES = (torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2)
_RARE_TENSORS = st.builds(
    lambda tensor, dtype: tensor.to(dtype),
    _arrays(st.just(np.dtype("f4"))).map(torch.from_numpy),
    st.sampled_from(RARE_DTYPES),
)
_SETS = st.sets(st.one_of(st.integers(), TEXTS), max_size=3)
_HASHED = st.one_of(
    SCALARS, st.binary(max_size=3), st.complex_numbers(), NUMPY, TENSORS, _RARE_TENSORS, _SETS
)
INPUTS = st.recursive(_HASHED, _nested, max_leaves=6)
# Few values, so that what differs is how they are nested.
_NESTED = st.recursive(
    st.integers(0, 1),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.lists(inner, max_size=2).map(tuple),
        st.dictionaries(st.integers(0, 2), inner, max_size=2),
    ),
    max_leaves=5,
)
EACH_KIND = {
    "plain values": SCALARS,
    "floats": st.one_of(st.floats(), st.just(math.nan)),
    "arrays": NUMPY,
    "tensors": TENSORS,
    "tensors of dtypes that NumPy lacks": _RARE_TENSORS,
    "sets": _SETS,
    "containers": _NESTED,
    "all of them": INPUTS,
}


def changed(value, draw):
    """Return a value that mostly differs from the given one in a single place or kind."""
    if isinstance(value, list | tuple | dict) and value and draw(st.booleans()):
        place = draw(st.sampled_from([*value] if isinstance(value, dict) else range(len(value))))
        other = value.copy() if isinstance(value, dict) else [*value]
        other[place] = changed(value[place], draw)
        return tuple(other) if isinstance(value, tuple) else other
    if isinstance(value, np.ndarray):
        return _changed_array(value, draw)
    if isinstance(value, torch.Tensor) and value.dtype in RARE_DTYPES:
        return draw(st.sampled_from([value.float(), _bytes(value), value[None]]))
    if isinstance(value, torch.Tensor):
        other = _changed_array(value.numpy(), draw)
        as_array = isinstance(other, torch.Tensor) or draw(st.booleans())
        return other if as_array else torch.from_numpy(other.copy())
    return draw(st.sampled_from(_near(value)))


def _near(value):
    match value:
        case bool() | None:
            return [not value, int(bool(value)), str(value)]
        case int():
            return [value + 1, -value, str(value), [value]]
        case float():
            bits = np.array(value).view("i8")  # Of a NaN, one more is another NaN.
            return [-value, float((bits + 1).view("f8")), complex(value), np.array(value)]
        case str():
            return [value + "\0", value[1:], value.encode(errors="replace")]
        case list() | tuple():
            moved = [value[:-1], *value[-1:]]  # Counts tell [a, [b]] from [[a], b].
            return [[*value], tuple(value), [value], [*value, None], [*value][::-1], moved]
        case dict():
            first, rest = dict([*value.items()][:1]), dict([*value.items()][1:])
            moved = {key: rest for key in first}
            return [rest | first, [*value.items()], [*value], {**value, 3: 1}, moved]
        case set() | frozenset():
            return [frozenset(value), sorted(value, key=repr), value | {"k"}]
    return [[value], (value, value)]


def _changed_array(value, draw):
    way = draw(st.sampled_from(["byte", "axis", "flat", "type", "order", "kind"]))
    if (
        way == "byte"
        and value.nbytes
        and value.dtype.names is None
        and value.dtype.char not in "gG"
    ):
        raw = np.ascontiguousarray(value).reshape(-1).view("u1").copy()
        # The lowest bit of a number's first byte: a truth value stays one.
        raw[draw(st.integers(0, value.size - 1)) * value.itemsize] ^= 1
        return raw.view(value.dtype).reshape(value.shape)
    if way == "type" and value.dtype.kind in "iufc" and value.ndim:
        return value.astype(draw(TORCH_DTYPES))
    if way == "kind" and value.dtype in [np.dtype(kind) for kind in _KINDS]:
        return torch.from_numpy(value.copy())
    return {"axis": value[None], "flat": value.reshape(-1), "order": value.T}.get(way, value)


def canonical(value, *, exact=False):
    """Return what the hash of a value stands for, as its documentation says: equal or not.

    Args:
        value: Any value of ``INPUTS``, or what ``changed`` makes of it.
        exact: Whether a list is told from a tuple, an array from a tensor, a set from a frozenset,
            and a mapping from one in another order.
    """

    def kind(one):
        return type(one) if exact else None

    match value:
        case float() | complex():
            return type(value), np.array(value).tobytes()
        case torch.Tensor() if value.dtype in RARE_DTYPES:
            return str(value.dtype), value.shape, _bytes(value).numpy().tobytes()
        case torch.Tensor():
            array = canonical(value.resolve_conj().numpy())
            return torch.Tensor if exact else None, *array[1:]
        case np.ndarray():
            return kind(value), value.shape, *_numbers(value)
        case list() | tuple():
            return kind(value), "sequence", tuple(canonical(item, exact=exact) for item in value)
        case set() | frozenset():
            return kind(value), "set", frozenset(canonical(item) for item in value)
        case dict():
            pairs = [(canonical(k), canonical(v, exact=exact)) for k, v in value.items()]
            return "mapping", frozenset(pairs), tuple(pairs) if exact else None
    return type(value), value


def _bytes(value):
    flat = torch.empty(value.numel(), dtype=value.dtype)  # Its stride is 1, also where it is empty.
    return flat.copy_(value.reshape(-1)).view(torch.uint8)


def _numbers(value):
    if value.dtype.names is not None:
        return tuple((name, *_numbers(value[name])) for name in value.dtype.names)
    # An 80-bit number has bytes that hold no value; these arrays hold zeros and ones.
    wide = value.dtype.char in "gG"
    return value.dtype.str, repr(value.tolist()) if wide else value.tobytes()
