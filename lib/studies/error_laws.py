"""How errors of finite-difference products depend on the step, the examples and the precision."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from studies.arms import Arm, named
from studies.intervals import Interval, mean_interval, paired_ratio
from studies.measurements import Measurements
from studies.power_laws import Exponent, power_law_exponents

COLUMNS = ("model", "activation", "dtype", "examples", "step_size")
_LAW = -0.5  # The error with ReLUs is of order (ε N)^(−1/2).


class Case(NamedTuple):
    """A network, its activations (and pooling), and the precision of its gradients."""

    model: str
    activation: str
    dtype: str

    def __str__(self) -> str:
        return ", ".join(self)

    @property
    def kinked(self) -> bool:
        """Whether its activations are ReLUs."""
        return self.activation == "ReLU"


def outcome_words(outcomes: Collection[str], margin: float) -> str:
    """Return in words how many exponents are equivalent to −1/2, hold it, or exclude it.

    Args:
        outcomes: Words of ``ErrorLaws.outcomes``.
        margin: The margin around −1/2.

    Returns:
        Such as ``3 of 6 exponents are equivalent to −1/2 within 0.1, 2 more hold −1/2 in a wider
        interval, and 1 excludes it``.
    """
    counts = {word: list(outcomes).count(word) for word in ("equivalent", "open", "excluded")}
    text = f"{counts['equivalent']} of {len(outcomes)} exponents are equivalent to −1/2 within "
    text += f"{margin:g}"
    if held := counts["open"]:
        text += f", {held} more hold{'s' * (held == 1)} −1/2 in a wider interval"
    left = counts["excluded"] or "none"
    return f"{text}, and {left} exclude{'s' * (left in (1, 'none'))} it"


class ErrorLaws:
    """Errors of finite-difference products, by case, step and number of examples.

    Args:
        numbers: Numbers of the instrument "product errors", with columns ``model`` and
            ``activation``; one activation is ``ReLU``.
        step_sizes: Steps ε that were measured with the base number of examples.
        reference_step: The step that was measured with every number of examples.
        least_switched: Units of the network with ReLUs that switch, on average over seeds, at the
            steps at which exponents are fitted.
        margin: Exponents this close to −1/2 are equivalent to it.

    Attributes:
        numbers: The numbers, whose arms are named by case, examples and step.
        step_sizes: The steps.
        counts: Model -> numbers of examples, ascending.
        base: Model -> the number of examples at which all steps were measured.
        cases: All cases, in the order of the numbers.
        crossing: Model -> steps at which enough units switch.
    """

    def __init__(
        self,
        numbers: Measurements,
        *,
        step_sizes: Sequence[float],
        reference_step: float,
        least_switched: float,
        margin: float,
    ) -> None:
        self.numbers = numbers.by(*COLUMNS)
        self.step_sizes, self._reference, self._margin = step_sizes, reference_step, margin
        rows = numbers.frame[list(COLUMNS)].drop_duplicates()
        self._measured = {tuple(row) for row in rows.itertuples(index=False)}
        self.cases = list(dict.fromkeys(Case(*row[:3]) for row in rows.itertuples(index=False)))
        by_model = rows.groupby("model", sort=False)
        self.counts = {m: sorted(set(map(int, part["examples"]))) for m, part in by_model}
        self.base = {
            m: int(part.loc[part["step_size"] != reference_step, "examples"].iloc[0])
            for m, part in by_model
        }
        rectified = {case.model: case for case in reversed(self.cases) if case.kinked}
        self.crossing = {
            m: [
                step
                for step in step_sizes
                if self.mean("switched_units", rectified[m], step) >= least_switched
            ]
            for m in self.counts
        }

    def arm(self, case: Case, step: float, count: int | None = None) -> Arm:
        """Return the arm of a case at a step and a number of examples; None takes the base."""
        levels = (*case, self.base[case.model] if count is None else count, step)
        return named(dict(zip(COLUMNS, levels, strict=True)))

    def mean(self, quantity: str, case: Case, step: float) -> float:
        """Return the mean of a quantity over seeds, at the base number of examples."""
        return mean_interval(self.numbers.values(quantity, self.arm(case, step))).estimate

    def over_steps(self, case: Case, *, fitted: bool = False) -> dict[float, Arm]:
        """Return step -> arm; if ``fitted``, at the steps at which exponents are fitted alone."""
        steps = self.crossing[case.model] if fitted else self.step_sizes
        return {step: self.arm(case, step) for step in steps}

    def over_examples(self, case: Case) -> dict[float, Arm]:
        """Return number of examples -> arm, at the reference step, where it was measured."""
        return {
            count: self.arm(case, self._reference, count)
            for count in self.counts[case.model]
            if (*case, count, self._reference) in self._measured
        }

    def exponents(self, variable: str, confidence: float = 0.95) -> Mapping[Case, Exponent]:
        """Return the exponent of the error in the step or the number of examples, for each case.

        Args:
            variable: ``ε`` or ``n``. Cases measured at a single number of examples have no exponent
                in n.
            confidence: Coverage of the intervals.
        """
        sizes = {
            case: self.over_steps(case, fitted=True)
            if variable == "ε"
            else self.over_examples(case)
            for case in self.cases
        }
        families = {str(case): found for case, found in sizes.items() if len(found) > 1}
        fits = power_law_exponents(self.numbers, ["product_error"], families, confidence=confidence)
        return {
            case: fits["product_error", str(case)] for case in self.cases if str(case) in families
        }

    def outcomes(self, activation: str, dtype: str) -> dict[tuple[str, Case], str]:
        """Return for each exponent of an activation in a precision how it lies to −1/2.

        Returns:
            (``ε`` or ``n``, case) -> ``equivalent``, if its 90% interval lies inside the margin
            around −1/2; ``open``, if its 95% interval holds −1/2; or ``excluded``.
        """
        outcomes = {}
        for variable in ("ε", "n"):
            for case, fit in self.exponents(variable, 0.9).items():
                if (case.activation, case.dtype) == (activation, dtype):
                    wide = self.exponents(variable)[case]
                    outcome = "open" if wide.low <= _LAW <= wide.high else "excluded"
                    near = fit.inside(_LAW - self._margin, _LAW + self._margin)
                    outcomes[variable, case] = "equivalent" if near else outcome
        return outcomes

    def precision(self, case: Case, step: float, confidence: float = 0.95) -> Interval:
        """Return the ratio of the error in float32 to that in float64, over seeds."""
        single, double = (
            self.numbers.values("product_error", self.arm(case._replace(dtype=dtype), step))
            for dtype in ("float32", "float64")
        )
        return paired_ratio(single, double, confidence=confidence)

    def alike(self) -> dict[tuple[Case, float], Interval]:
        """Return the 90% intervals of float32 over float64 with ReLUs where kinks are crossed."""
        return {
            (case, step): self.precision(case, step, 0.9)
            for case in self.cases
            if case.kinked and case.dtype == "float32"
            for step in self.crossing[case.model]
        }

    def relative(self, case: Case, step: float) -> Interval:
        """Return the ratio of the error to the norm of the exact product, over seeds."""
        arm = self.arm(case, step)
        return paired_ratio(
            self.numbers.values("product_error", arm), self.numbers.values("product_norm", arm)
        )
