"""A budget of time: what it holds is measured, what does not fit is left out and named."""

import contextlib
import math
import re
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from landscape.objective import Objective

from studies.display import Sentence
from studies.formatting import list_text

Result = TypeVar("Result")

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_LEAST = 2.0  # Seconds that an estimate may be short of before it counts as too long.
_PRODUCTS = 300  # Products with the Hessian that a report is worth having for.


def seconds_of(text: str) -> float:
    """Return the seconds of a budget such as ``90s``, ``5m`` or ``2h``; empty sets no limit.

    Raises:
        ValueError: If the text is no positive time.
    """
    if not text.strip():
        return math.inf
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh]?)\s*", text)
    value = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not value > 0:
        raise ValueError(
            f"budget={text!r} is no time. Write a number above 0 and a unit, such as 90s, 5m or "
            "2h; leave it empty for no limit."
        )
    return value


class Budget:
    """Measures what fits into a time, in the order in which it is asked for.

    Args:
        text: The time, as ``seconds_of`` reads it.
        objective: What is measured; a gradient and a product with its Hessian are timed.

    Raises:
        ValueError: If the text is no positive time.

    Attributes:
        seconds: The time; infinite without a limit.
        left_out: What did not fit -> why, in words.
        failed: What could not be measured -> the error's text.
    """

    def __init__(self, text: str, objective: Objective) -> None:
        self.seconds = seconds_of(text)
        self.left_out: dict[str, str] = {}
        self.failed: dict[str, str] = {}
        self._started = time.monotonic()
        self._pass, self._product = _times(objective)

    @property
    def remaining(self) -> float:
        """Seconds that are left."""
        return self.seconds - (time.monotonic() - self._started)

    def measure(
        self,
        name: str,
        measuring: Callable[[], Result],
        *,
        products: float = 0,
        passes: float = 0,
    ) -> Result | None:
        """Return what is measured, or None where the time does not suffice or an error ends it.

        Other measurements do not depend on it: a report without one of them is better than none.

        Args:
            name: What it is, for the sentence on what was left out.
            measuring: Measures it.
            products: Products with the Hessian that it is expected to take.
            passes: Evaluations of the loss that it is expected to take.
        """
        expected = products * self._product + passes * self._pass
        if expected > max(self.remaining, 0) + min(_LEAST, 0.1 * self.seconds):
            self.left_out[name] = f"about {_duration(expected)} are needed"
            return None
        try:
            with _stopping_after(max(self.remaining, 1.0)):
                return measuring()
        except _OutOfTimeError:
            self.left_out[name] = "it took longer than what was left"
        except Exception as error:
            self.failed[name] = str(error).strip() or type(error).__name__
        return None

    def sentences(self) -> Sentence:
        """Return what was left out and what failed, in words."""
        paragraphs = []
        if self.left_out:
            parts = [f"{name} ({why})" for name, why in self.left_out.items()]
            paragraphs.append(
                f"**Left out**: the budget of {_duration(self.seconds)} did not suffice for "
                f"{list_text(parts)}. What was measured is kept: the same command with a longer "
                "budget measures the rest alone."
            )
        paragraphs += [
            f"**Not measured**: {name}, because of an error: {why}"
            for name, why in self.failed.items()
        ]
        return Sentence("\n\n".join(paragraphs) or "All that was planned was measured.")


def fitting_count(
    text: str, objective_of: Callable[[int], Objective], count: int, *, least: int = 32
) -> int:
    """Return how many examples a budget allows: the count, or half of it, and so on.

    A report takes some hundred products with the Hessian, whose time grows with the examples.

    Args:
        text: The budget, as ``seconds_of`` reads it.
        objective_of: Number of examples -> the objective on the first of them.
        count: Number of examples wanted.
        least: Fewest examples.
    """
    seconds, least = seconds_of(text), min(least, count)
    if math.isinf(seconds):
        return count
    _, product = _times(objective_of(least))
    while count > least and product * count / least * _PRODUCTS > seconds:
        count = max(least, count // 2)
    return count


class _OutOfTimeError(BaseException):
    """No Exception: code that is measured must not take it for a failure of its own."""


@contextlib.contextmanager
def _stopping_after(seconds: float) -> Iterator[None]:
    """Raise in the main thread when the time is over; elsewhere there is no such means."""
    if math.isinf(seconds) or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise _OutOfTimeError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _times(objective: Objective) -> tuple[float, float]:
    """Return the seconds of an evaluation and of a product with the Hessian."""
    hessian, v = objective.hessian(), torch.ones(objective.n, dtype=torch.float64)
    evaluation = [_timed(objective.loss) for _ in range(2)]
    product = [_timed(lambda: hessian @ v) for _ in range(3)]
    return min(evaluation), statistics.median(product)


def _timed(function: Callable[[], object]) -> float:
    started = time.monotonic()
    function()
    return time.monotonic() - started


def _duration(seconds: float) -> str:
    for unit, size in (("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.2g} seconds"
