"""Progress that suits its reader: a bar in a terminal or live notebook, else log lines."""

import os
import sys
import time
from typing import Literal

from tqdm.auto import tqdm

# What a front end with a person before it sets in the environment of the kernels that it starts.
_LIVE_KERNEL = ("JPY_SESSION_NAME", "VSCODE_PID", "COLAB_RELEASE_TAG")
_LOG_INTERVAL = 20.0


def style() -> Literal["bar", "log", "off"]:
    """Return how progress is shown here.

    ``LANDSCAPE_PROGRESS`` (bar, log, off) decides when it is set. Otherwise a terminal and a live
    notebook get a bar, and a notebook that papermill executes gets log lines, because saved bars
    are dead text.

    Raises:
        ValueError: If ``LANDSCAPE_PROGRESS`` has another value.
    """
    wish = os.environ.get("LANDSCAPE_PROGRESS")
    if wish is not None:
        if wish not in ("bar", "log", "off"):
            raise ValueError(
                f"LANDSCAPE_PROGRESS={wish!r} is not known. Set it to bar, log or off."
            )
        return wish
    if "ipykernel" in sys.modules:
        return "bar" if any(name in os.environ for name in _LIVE_KERNEL) else "log"
    return "bar" if sys.stderr.isatty() else "log"


class Progress:
    """A count of steps towards a total; use it in a ``with`` block.

    Args:
        label: What is being done.
        total: Number of steps.
        start: Steps done before, by an earlier process.
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
        """Record ``count`` steps; ``text`` says how it goes, a milestone is always logged."""
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
    """Print one line of news, above a bar when there is one; nothing when progress is off."""
    how = style()
    if how == "bar":
        tqdm.write(text)
    elif how == "log":
        print(text, flush=True)
