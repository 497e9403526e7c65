"""Margins: differences that are too small to matter, written once for all claims."""

import dataclasses
import math

# Kinds of relation whose values are compared by their ratio.
LOG_KINDS = ("ratio", "median ratio")


@dataclasses.dataclass(frozen=True)
class Margins:
    """The largest deviations from no effect that count as no difference.

    Two measurements are equivalent where the whole 90% interval lies inside the margin.

    Attributes:
        ratio: Factor up or down, above 1: 1.25 stands for 0.8 to 1.25.
        accuracy: Difference of accuracies, in percentage points.
        accuracy_cifar: The same on CIFAR-10.
        exponent: Difference of exponents of power laws; 0.25 is a factor of 1.4 from 32 to 128.
        correlation: Rank correlation.
        barrier: Height of a barrier, in percentage points.

    Raises:
        ValueError: If the ratio's margin is not above 1, another one not above 0, or one not
            finite.
    """

    ratio: float = 1.25
    accuracy: float = 0.5
    accuracy_cifar: float = 1.0
    exponent: float = 0.25
    correlation: float = 0.3
    barrier: float = 2.0

    def __post_init__(self):
        for name, value in vars(self).items():
            check_margin(name, value, log=name == "ratio")

    def of(self, margin: str | float | None, *, log: bool) -> float | None:
        """Return a margin by its name here, or a number as it is, checked.

        Args:
            margin: A field of this class, a number, or None for no margin.
            log: Whether the margin is a factor.

        Raises:
            ValueError: If there is no margin of that name, it is a factor on a linear scale or a
                difference on a logarithmic one, or the number is no margin.
        """
        if margin is None:
            return None
        if isinstance(margin, str):
            if margin not in vars(self):
                raise ValueError(
                    f"there is no margin {margin!r}. The margins are {', '.join(vars(self))}; "
                    "a number is a margin of its own."
                )
            if (margin == "ratio") != log:
                scale = "logarithmic" if log else "linear"
                raise ValueError(
                    f"the margin {margin!r} does not fit a {scale} scale. Only `ratio` is a "
                    "factor; the others are differences."
                )
            return getattr(self, margin)
        return check_margin("margin", margin, log=log)


def check_margin(name: str, value: float, *, log: bool) -> float:
    """Return a margin if it is one.

    Args:
        name: What the margin is called in the error.
        value: The margin.
        log: Whether it is a factor, which must be above 1; otherwise it must be above 0.

    Raises:
        ValueError: If it is too small or not finite.
    """
    least = 1 if log else 0
    if not (math.isfinite(value) and value > least):
        example = "1.25 for 0.8 to 1.25" if log else "0.5 for −0.5 to 0.5"
        raise ValueError(
            f"{name}={value:g} is no margin. Pass a finite number above {least}, such as {example}."
        )
    return value


def margin_ends(centre: float, margin: float, *, log: bool) -> tuple[float, float]:
    """Return the ends of the margin around a centre: a factor or a difference to both sides."""
    return (centre / margin, centre * margin) if log else (centre - margin, centre + margin)
