"""Generalisation gaps of all networks of studies, against a published bound."""

from collections.abc import Sequence

from landscape.theory.bounds import pac_bayes_bound

from studies.judging import relations
from studies.judging.relations import Relation
from studies.verdicts.asked import Asked
from studies.verdicts.columns import NotMeasuredError
from studies.verdicts.recorded_study import RecordedStudy

Network = tuple[int, str, float]  # Parameters, data, and the gap.


def bounded_gaps(
    studies: Sequence[RecordedStudy],
    words: str = "networks keep below the bound",
    *,
    rho: float,
    delta: float,
    inside: bool = False,
    contrast: str = "",
    without: Sequence[str] = (),
) -> Asked:
    """Ask for the share of networks whose generalisation gap keeps below ``pac_bayes_bound``.

    A network that several studies or arms share counts once: networks with one size, one data set
    and the same gap in all ten digits are one. Networks that diverged have no gap and do not count.

    Args:
        studies: The studies; those without a record are left out.
        words: Plural noun and verb.
        rho: Radius of the bound.
        delta: Probability that the bound fails.
        inside: Whether the radius stands inside the division by the number of examples.
        contrast: Where it is measured.
        without: Columns that must be empty, such as ``plan`` of runs that repeat the beginning of
            others.
    """

    def measure() -> Relation:
        outcomes: dict[Network, bool] = {}
        for study in studies:
            if study.recorded:
                outcomes |= _outcomes(study, without, rho=rho, delta=delta, inside=inside)
        if not outcomes:
            names = ", ".join(study.name for study in studies)
            raise NotMeasuredError(f"no network of {names} has a recorded generalisation gap")
        return relations.share(words, list(outcomes.values()), contrast=contrast)

    return Asked(measure)


def _outcomes(
    study: RecordedStudy, without: Sequence[str], *, rho: float, delta: float, inside: bool
) -> dict[Network, bool]:
    """Return network -> whether the gap keeps below the bound, for runs that ended in numbers."""
    sizes = {row["entry"]: row["parameters"] for row in study.rows("runs")}
    outcomes = {}
    for row in study.numbers("loss_gap"):
        gap = abs(row["value"])
        apart = any(row.get(name) is not None for name in without)
        if gap < float("inf") and row["entry"] in sizes and not apart:
            examples = study.train_size(row["examples_hash"])
            bound = pac_bayes_bound(
                sizes[row["entry"]], examples, rho=rho, delta=delta, inside=inside
            )
            outcomes[sizes[row["entry"]], row["examples_hash"], row["value"]] = gap <= bound
            study.used.add(row["origin"])
    return outcomes
