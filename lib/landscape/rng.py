"""Named streams of random numbers, independent of global state."""

import hashlib

import torch


def stream(seed: int, *names: str | int) -> torch.Generator:
    """Return the random generator that belongs to a seed and a sequence of names.

    Streams of different names or seeds are independent for all practical purposes. The state is a
    SHA-256 hash of both, so that run 1 of seed 0 differs from run 0 of seed 1, which ``seed + run``
    would make equal.

    Args:
        seed: Any integer.
        names: Purpose of the numbers, such as ``("batches", epoch)``.

    Returns:
        A new ``torch.Generator`` on the CPU: a seed gives the same numbers for every device.

    Raises:
        ValueError: If no name is given.
    """
    if not names:
        raise ValueError(
            f"stream({seed}) has no name, so two uses of the seed would draw the same numbers. "
            'Name its purpose: stream(seed, "batches", epoch).'
        )
    text = repr((int(seed), *names)).encode()
    number = int.from_bytes(hashlib.sha256(text).digest()[:8], "little")
    return torch.Generator(device="cpu").manual_seed(number)
