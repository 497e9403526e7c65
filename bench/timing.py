"""Times of several functions, taken in turn so that a busy moment hits all of them alike."""

import contextlib
import gc
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any


class OutOfTime(BaseException):
    """A function took longer than it was given; no ``except Exception`` of a tool swallows it."""


@contextlib.contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the block after so many seconds; only in the main thread."""
    late = False
    words = f"more than {seconds:.3g} s"

    def ring(*_: object) -> None:
        nonlocal late
        late = True
        raise OutOfTime(words)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except Exception as error:  # What TorchScript makes of an exception raised within it.
        if late:
            raise OutOfTime(words) from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def clock(function: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a function returns and the seconds that it took."""
    gc.collect()  # Another one's garbage is not collected at this one's cost.
    begun = time.perf_counter()
    value = function()
    return value, time.perf_counter() - begun


def interleaved(
    functions: Mapping[str, Callable[[], Any]],
    *,
    repeats: int,
    budget: float = 40.0,
    warm_up: bool = True,
) -> dict[str, list[float]]:
    """Return the times of several functions, measured A B C A B C ...

    Args:
        functions: Name -> function.
        repeats: Rounds.
        budget: A function that has used so many seconds sits out the further rounds.
        warm_up: Whether each runs once before, not counted.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    if warm_up:
        for function in functions.values():
            function()
    for _ in range(repeats):
        for name, function in functions.items():
            if sum(times[name]) < budget:
                times[name].append(clock(function)[1])
    return times
