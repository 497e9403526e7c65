"""Bytes of arrays and tensors: the same wherever the numbers are the same."""

from collections.abc import Iterator

import numpy as np
import torch

# NumPy has no such types.
_AS_OTHERS = {
    torch.bfloat16: torch.int16,
    torch.float8_e4m3fn: torch.uint8,
    torch.float8_e5m2: torch.uint8,
}


def of_tensor(value: torch.Tensor) -> tuple[str, np.ndarray]:
    """Return a tensor's numbers as an array, and the name of its type where NumPy lacks it.

    Raises:
        TypeError: If it holds no plain numbers: sparse, quantized, nested, without memory, or of a
            class that answers for them itself.
    """
    # A class may answer for its tensors itself, and then no memory holds their numbers.
    plain = type(value).__torch_dispatch__ in _DISPATCH and not value.is_nested
    plain = plain and not torch.nn.parameter.is_lazy(value)
    if not plain or value.layout is not torch.strided or value.is_quantized or value.is_meta:
        raise TypeError("it holds no plain numbers")
    try:
        with torch._C.DisableTorchFunctionSubclass():
            value = value.detach().as_subclass(torch.Tensor).cpu()
            value = value.resolve_conj().resolve_neg().contiguous()
            name = ""
            if value.dtype in _AS_OTHERS:
                name = str(value.dtype).removeprefix("torch.")
                value = value.view(_AS_OTHERS[value.dtype])
            try:
                return name, value.numpy()
            except TypeError:
                name = f"{str(value.dtype).removeprefix('torch.')}{tuple(value.shape)}"
                return name, value.reshape(-1).view(torch.uint8).numpy()
    except (RuntimeError, ValueError, NotImplementedError, TypeError):
        raise TypeError("it holds no plain numbers") from None


_DISPATCH = (torch.Tensor.__torch_dispatch__, torch.nn.Parameter.__torch_dispatch__)


def content(value: np.ndarray | np.generic) -> Iterator[tuple[str, memoryview | bytes]]:
    """Yield the type and shape of an array, and its bytes; of named fields one after the other."""
    kind = value.dtype
    if kind.names is not None:
        yield f"fields {kind.names}{value.shape}", b""
        for name in kind.names:  # Between them may lie bytes that nobody wrote.
            yield from content(np.asarray(value[name]))
    elif kind.kind in "mM":
        yield f"{kind.str}{value.shape}", value.tobytes()
    elif kind.type in (np.longdouble, np.clongdouble) and np.finfo(kind).nmant == 63:
        # 10 bytes hold the number, and nobody writes the 6 behind them.
        raw = np.ascontiguousarray(value).reshape(-1).view(np.uint8).reshape(-1, 16)[:, :10]
        yield f"{kind.str}{value.shape}", raw.tobytes()
    else:
        yield f"{kind.str}{value.shape}", np.ascontiguousarray(value).data
