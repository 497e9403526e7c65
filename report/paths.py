"""Paths of SVG in fewer characters: relative coordinates in hundredths of a point."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKEN = re.compile(r"[A-Za-z]|-?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_PAIRS = {"M": 1, "L": 1, "T": 1, "Q": 2, "S": 2, "C": 3}  # points that a command takes
_SCALE = 100

Point = tuple[int, int]


def short_number(value: float) -> str:
    """The number rounded to hundredths, without zeros that say nothing: ``-.5`` for -0.50."""
    return _hundredths(round(value * _SCALE))


def short_path(path: str) -> str:
    """The same path with relative coordinates, each point rounded to hundredths.

    Points are rounded before they are subtracted, so that errors do not add up along a path.

    Args:
        path: The value of ``d`` as matplotlib writes it, with the commands M, L, Q, C, S, T and Z.

    Returns:
        The path; what has other commands is returned as it is.
    """
    tokens = _TOKEN.findall(path)
    if any(token.isalpha() and token not in _PAIRS and token not in "Zz" for token in tokens):
        return path
    try:
        return "".join(_commands(_segments(tokens)))
    except ValueError:  # coordinates that are no numbers, such as nan
        return path


def _segments(tokens: list[str]) -> Iterator[tuple[str, list[Point]]]:
    """Commands with their points in hundredths; ``Z`` has none."""
    index, command = 0, "M"
    while index < len(tokens):
        if tokens[index].isalpha():
            command = tokens[index].upper()
            index += 1
        if command == "Z":
            yield command, []
            command = "M"
            continue
        size = 2 * _PAIRS[command]
        numbers = [round(float(token) * _SCALE) for token in tokens[index : index + size]]
        if len(numbers) < size:
            raise ValueError(f"the command {command} lacks coordinates")
        yield command, list(zip(numbers[::2], numbers[1::2], strict=True))
        index += size
        command = "L" if command == "M" else command


def _commands(segments: Iterator[tuple[str, list[Point]]]) -> Iterator[str]:
    """Relative commands; a letter stands only where it differs from the one before."""
    at = start = (0, 0)
    before = ""
    for command, points in segments:
        if command == "Z":
            at, before = start, "z"
            yield "z"
            continue
        letter, numbers = _relative(command, points, at)
        at = points[-1]
        start = at if command == "M" else start
        # What follows a move without a letter is a line.
        repeats = letter == before or (before == "m" and letter == "l")
        yield _joined("" if repeats and letter != "m" else letter, numbers)
        before = letter


def _relative(command: str, points: list[Point], at: Point) -> tuple[str, list[int]]:
    numbers = [part - origin for point in points for part, origin in zip(point, at, strict=True)]
    if command == "L" and numbers[1] == 0:
        return "h", numbers[:1]
    if command == "L" and numbers[0] == 0:
        return "v", numbers[1:]
    return command.lower(), numbers


def _joined(letter: str, numbers: list[int]) -> str:
    text = letter
    for number in numbers:
        written = _hundredths(number)
        # A sign parts two numbers, and so does a letter before them.
        text += written if text == letter != "" or written.startswith("-") else f" {written}"
    return text


def _hundredths(value: int) -> str:
    whole, part = divmod(abs(value), _SCALE)
    fraction = f".{part:02d}".rstrip("0") if part else ""
    text = f"{whole or ''}{fraction}" or "0"
    return f"-{text}" if value < 0 else text
