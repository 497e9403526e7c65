"""Progress of long computations: a bar in a terminal or live notebook, log lines elsewhere."""

import os
import sys
import time
from typing import Literal, cast

from tqdm.auto import tqdm

# Variables that interactive front ends set in the environment of the kernels that they start.
_LIVE_KERNEL = ("JPY_SESSION_NAME", "VSCODE_PID", "COLAB_RELEASE_TAG")
_LOG_INTERVAL = 20.0  # Seconds between log lines.


def style() -> Literal["bar", "log", "off"]:
    """Return the form in which this process shows progress.

    The environment variable ``LANDSCAPE_PROGRESS`` (bar, log, off) decides if it is set. Otherwise
    a terminal and a live notebook get a bar. A notebook that papermill executes gets log lines,
    since a saved bar is useless, and so does output into a file.

    Raises:
        ValueError: If ``LANDSCAPE_PROGRESS`` has another value.
    """
    wish = os.environ.get("LANDSCAPE_PROGRESS")
    if wish is not None:
        if wish not in ("bar", "log", "off"):
            raise ValueError(
                f"LANDSCAPE_PROGRESS={wish!r} is not known. Set it to bar, log or off."
            )
        return cast(Literal["bar", "log", "off"], wish)  # Type checkers do not follow `in`.
    if "ipykernel" in sys.modules:
        return "bar" if any(name in os.environ for name in _LIVE_KERNEL) else "log"
    return "bar" if sys.stderr.isatty() else "log"


class Progress:
    """A count of steps towards a total; use it in a ``with`` block.

    Args:
        label: Name of the computation, shown in front.
        total: Number of steps.
        start: Number of steps that an earlier process has done.
    """

    def __init__(self, label: str, total: int, *, start: int = 0) -> None:
        self._label, self._total, self._done = label, total, start
        self._style = style()
        self._begun = self._spoken = time.monotonic()
        self._bar = None
        if self._style == "bar":
            self._bar = tqdm(desc=label, total=total, initial=start, leave=False)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, text: str = "", *, count: int = 1, milestone: bool = False) -> None:
        """Record steps and show them.

        A log gets a line at most every 20 seconds, and one for each milestone.

        Args:
            text: State of the computation, such as its loss.
            count: Number of steps done.
            milestone: Whether to log this step in any case.
        """
        self._done += count
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update(count)
        elif self._style == "log" and (
            milestone or time.monotonic() - self._spoken > _LOG_INTERVAL
        ):
            self._spoken = time.monotonic()
            seconds = self._spoken - self._begun
            tail = f" · {text}" if text else ""
            print(f"{self._label}: {self._done}/{self._total} · {seconds:.0f} s{tail}", flush=True)


def say(text: str) -> None:
    """Print one line, above the progress bars; print nothing if progress is off."""
    shown_as = style()
    if shown_as == "bar":
        tqdm.write(text)
    elif shown_as == "log":
        print(text, flush=True)
