"""Bytes of arrays and tensors for hashes and files: equal numbers give equal bytes."""

from collections.abc import Iterator

import numpy as np
import torch

# NumPy lacks these types: integers of the same size carry their bits.
_STAND_INS = {
    torch.bfloat16: torch.int16,
    torch.float8_e4m3fn: torch.uint8,
    torch.float8_e5m2: torch.uint8,
}


def of_tensor(value: torch.Tensor) -> tuple[str, np.ndarray]:
    """Return the name of a tensor's dtype if NumPy lacks it, else "", and its numbers as an array.

    Raises:
        TypeError: If no memory holds its plain numbers: it is sparse, quantized, nested, on the
            meta device, or of a class that computes its own values.
    """
    # A class with its own dispatch computes its values: the memory need not hold them.
    plain = type(value).__torch_dispatch__ in _DISPATCH and not value.is_nested
    plain = plain and not torch.nn.parameter.is_lazy(value)
    if not plain or value.layout is not torch.strided or value.is_quantized or value.is_meta:
        raise TypeError("it holds no plain numbers")
    try:
        with torch._C.DisableTorchFunctionSubclass():
            value = value.detach().as_subclass(torch.Tensor).cpu()
            value = value.resolve_conj().resolve_neg().contiguous()
            name = ""
            if value.dtype in _STAND_INS:
                name = str(value.dtype).removeprefix("torch.")
                value = value.view(_STAND_INS[value.dtype])
            try:
                return name, value.numpy()
            except TypeError:  # Another type that NumPy lacks: the name then holds the shape.
                name = f"{str(value.dtype).removeprefix('torch.')}{tuple(value.shape)}"
                return name, value.reshape(-1).view(torch.uint8).numpy()
    except (RuntimeError, ValueError, NotImplementedError, TypeError):
        raise TypeError("it holds no plain numbers") from None


_DISPATCH = (torch.Tensor.__torch_dispatch__, torch.nn.Parameter.__torch_dispatch__)


def content(value: np.ndarray | np.generic) -> Iterator[tuple[str, memoryview | bytes]]:
    """Yield the type and shape of an array, and its bytes; one pair for each named field."""
    kind = value.dtype
    if kind.names is not None:
        yield f"fields {kind.names}{value.shape}", b""
        for name in kind.names:  # Bytes between the fields hold no values.
            yield from content(np.asarray(np.asarray(value)[name]))
    elif kind.kind in "mM":
        yield f"{kind.str}{value.shape}", value.tobytes()
    elif kind.type in (np.longdouble, np.clongdouble) and np.finfo(kind).nmant == 63:
        # An 80-bit number fills 10 of 16 bytes; the other 6 hold no value.
        native = value.astype(kind.newbyteorder("="))  # Else the 10 bytes stand at the end.
        raw = np.ascontiguousarray(native).reshape(-1).view(np.uint8).reshape(-1, 16)[:, :10]
        yield f"{kind.str}{value.shape}", raw.tobytes()
    else:
        yield f"{kind.str}{value.shape}", np.ascontiguousarray(value).data
