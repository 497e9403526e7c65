"""Settings: in which ways a study departs from the source whose claim it judges."""

import re
from collections.abc import Mapping
from typing import Any

THE_SOURCE = "the source's"

# Data sets by the sources' names, with their numbers of training examples.
_DATA = {
    "Fashion-MNIST": ("fashion_mnist", 60000),
    "CIFAR-10": ("cifar10", 50000),
    "MNIST": ("mnist", 60000),
}
_WORDS = {"one": 1, "two": 2, "three": 3, "five": 5, "ten": 10}


def setting(source: str, parameters: Mapping[str, Any], *, also: str = "") -> str:
    """Return how a study's setting departs from a source's, in words.

    Compared is what the source says and the study has a parameter for: the data set and how much of
    it, epochs, batch size, the width of a ResNet, and the precision of training.

    Args:
        source: The setting as the claim has it, such as ``CIFAR-10, 15 epochs, one seed``.
        parameters: The study's parameters.
        also: A departure that the parameters do not tell.

    Returns:
        Such as ``fewer epochs (2 of 15)``, several joined by semicolons, or ``the source's``; of a
        formula, on what it is tested.
    """
    if source == "theory":
        return _tested_on(parameters)
    departures = [
        *_data(source, parameters),
        *_epochs(source, parameters.get("epochs")),
        *_batch(source, parameters.get("batch_size")),
        *_width(source, parameters),
    ]
    precision = parameters.get("precision", "float32")
    if precision != "float32":
        departures.append(f"trained in {precision}")
    return "; ".join(filter(None, [*departures, also])) or THE_SOURCE


def _tested_on(parameters: Mapping[str, Any]) -> str:
    """Return on what a formula is tested, as far as the study has parameters for it."""
    words = [f"tested on {parameters.get('dataset', 'losses in closed form')}"]
    if size := parameters.get("max_train"):
        words.append(f"{size:,} examples")
    if epochs := parameters.get("epochs"):
        words.append(f"{epochs} epochs")
    return ", ".join(words)


def _data(source: str, parameters: Mapping[str, Any]) -> list[str]:
    named = next((name for name in _DATA if source.startswith(name)), None)
    dataset = parameters.get("dataset")
    if named is None or dataset is None:
        return []
    known, size = _DATA[named]
    if dataset != known:
        return [f"other data ({dataset} for {named})"]
    given = parameters.get("max_train") or size
    return [f"part of the data ({given:,} of {size:,})"] if given < size else []


def _epochs(source: str, epochs: int | None) -> list[str]:
    theirs = _count(source, r"(\w+) epochs")
    if theirs is None or epochs is None or theirs == epochs:
        return []
    return [f"{'fewer' if epochs < theirs else 'more'} epochs ({epochs} of {theirs})"]


def _batch(source: str, batch: int | None) -> list[str]:
    theirs = _count(source, r"batch (\d+)")
    if theirs is None or batch is None or theirs == batch:
        return []
    return [f"another batch ({batch} for {theirs})"]


def _width(source: str, parameters: Mapping[str, Any]) -> list[str]:
    width = parameters.get("width", 1.0)
    if "ResNet-20" not in source or width == 1.0:
        return []
    return ["half the width" if width == 0.5 else f"{width:g} times the width"]


def _count(source: str, pattern: str) -> int | None:
    match = re.search(pattern, source)
    if match is None:
        return None
    word = match[1]
    return int(word) if word.isdigit() else _WORDS.get(word)
