"""Named streams of random numbers; no draw touches global state."""

import hashlib

import torch


def stream(seed: int, *names: str | int) -> torch.Generator:
    """Return the CPU generator that belongs to ``seed`` and a path of names.

    Streams of different names or seeds are independent for all practical purposes: the state comes
    from a SHA-256 hash, so that run 1 of seed 0 is not run 0 of seed 1.

    Args:
        seed: Any integer.
        names: What the numbers are for, such as ``("batches", epoch)``.

    Returns:
        A fresh ``torch.Generator`` on the CPU; a seed gives the same numbers on every device.

    Raises:
        ValueError: If no name is given.
    """
    if not names:
        raise ValueError(
            f"stream({seed}) has no name, so two uses of the seed would draw the same numbers. "
            'Name what it is for: stream(seed, "batches", epoch).'
        )
    text = repr((int(seed), *names)).encode()
    number = int.from_bytes(hashlib.sha256(text).digest()[:8], "little")
    return torch.Generator(device="cpu").manual_seed(number)
