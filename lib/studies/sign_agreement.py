"""Sign agreement of predictors with an outcome, over pairs of networks that differ in one setting.

A predictor agrees with the outcome in a pair if it is larger where the outcome is larger. An
environment holds the pairs in which one hyperparameter varies, on one data set, for one model; its
agreement is

    ψ = (concordant − discordant) / (pairs in which the outcome differs),

in [−1, 1]: a predictor that is tied in a pair says nothing and counts as half right, and a pair
with a tied outcome has no order to predict. It is Somers' D; without ties, over all pairs of
samples, it is Kendall's τ.

References: Jiang et al. (2020), Fantastic Generalization Measures and Where to Find Them; Dziugaite
et al. (2020), In Search of Robust Measures of Generalization; Westfall and Young (1993),
Resampling-Based Multiple Testing.
"""

import dataclasses
import math
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike

LEAST_PAIRS = 3  # of an environment that counts: the seeds of two arms
_BLOCK = 50  # resampled tables at a time


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Pairs of networks, by their places in a table.

    Attributes:
        first: Place of one network of each pair, shape (pairs,).
        second: Place of the other.
        environment: Number of the environment of each pair.
        names: Names of the environments.
    """

    first: np.ndarray
    second: np.ndarray
    environment: np.ndarray
    names: tuple[str, ...]


def one_change_pairs(
    settings: Sequence[Mapping[str, Hashable]],
    hyperparameters: Sequence[str],
    *,
    fixed: Sequence[str],
    environment: Sequence[str],
) -> Pairs:
    """Return all pairs of networks that differ in exactly one hyperparameter.

    Args:
        settings: Column -> value for each network.
        hyperparameters: The columns, of which one differs in a pair.
        fixed: Columns that must be the same in a pair, such as the seed and the data.
        environment: Columns of the first network that name the environment, before the
            hyperparameter that differs.
    """
    blocks = defaultdict(list)
    for place, row in enumerate(settings):
        blocks[tuple(row[name] for name in fixed)].append(place)
    found: dict[str, list[tuple[int, int]]] = {}
    for places in blocks.values():
        for start, i in enumerate(places):
            for j in places[start + 1 :]:
                differ = [h for h in hyperparameters if settings[i][h] != settings[j][h]]
                if len(differ) == 1:
                    words = [str(settings[i][c]) for c in environment if c != differ[0]]
                    found.setdefault(", ".join([*words, differ[0]]), []).append((i, j))
    ends = np.array([pair for pairs in found.values() for pair in pairs], dtype=int).reshape(-1, 2)
    numbers = np.repeat(np.arange(len(found)), [len(pairs) for pairs in found.values()])
    return Pairs(ends[:, 0], ends[:, 1], numbers.astype(int), tuple(found))


@dataclasses.dataclass(frozen=True)
class SignAgreement:
    """Sign agreement of several predictors with one outcome.

    Attributes:
        predictors: Their names.
        environments: Names of the environments.
        values: ψ of each predictor in each environment, NaN with fewer than ``LEAST_PAIRS`` pairs.
        pairs: Pairs behind each, in which the outcome differs and the predictor is known.
        arms: Arms in the pairs of each predictor.
        draws: Mean ψ in tables of resampled arms, shape (draws, predictors).
        p: Two-sided p-value of each mean by permutation of arms.
        p_adjusted: The same, corrected for all predictors by the largest statistic.
    """

    predictors: tuple[str, ...]
    environments: tuple[str, ...]
    values: np.ndarray
    pairs: np.ndarray
    arms: tuple[int, ...]
    draws: np.ndarray
    p: np.ndarray
    p_adjusted: np.ndarray

    def place(self, predictor: str) -> int:
        """Return the place of a predictor."""
        return self.predictors.index(predictor)

    def mean(self, predictor: str) -> float:
        """Return ψ of a predictor, averaged over its environments; NaN where it has none."""
        return float(_mean(self.values[self.place(predictor)]))

    def worst(self, predictor: str) -> tuple[str, float]:
        """Return the environment with the lowest ψ of a predictor, and this ψ.

        Raises:
            ValueError: If the predictor is known in no environment.
        """
        values = self.values[self.place(predictor)]
        if np.isnan(values).all():
            raise ValueError(f"{predictor} is known in no environment. Choose another predictor.")
        lowest = int(np.nanargmin(values))
        return self.environments[lowest], float(values[lowest])

    def interval(self, predictor: str, confidence: float = 0.95) -> tuple[float, float]:
        """Return the interval of the mean over resampled arms; NaN where there is none."""
        return resampled_interval(self.draws[:, self.place(predictor)], confidence)


def sign_agreement(
    predictors: Mapping[str, ArrayLike],
    outcome: ArrayLike,
    pairs: Pairs,
    *,
    arms: Sequence[Hashable],
    strata: Sequence[Hashable],
    generator: np.random.Generator,
    draws: int = 2000,
) -> SignAgreement:
    """Return the sign agreement of predictors with an outcome, with intervals and tests.

    Intervals come from arms drawn with replacement: a pair counts as often as both its arms do, and
    an environment by the share of its pairs that is left. The test permutes the predictors among
    arms of a stratum with the same number of networks, all predictors alike, and studentises each
    mean by its spread under permutation.

    Args:
        predictors: Name -> one value a network; NaN where it is not known.
        outcome: One value a network.
        pairs: The pairs.
        arms: Label of each network's arm.
        strata: Label of what an arm may be exchanged within, such as the data; networks of an arm
            are in the same order, such as that of seeds.
        generator: Draws the arms.
        draws: Resampled tables, and permutations, each.

    Raises:
        ValueError: If a predictor, the outcome or labels have different lengths.
    """
    table = np.column_stack([np.asarray(values, dtype=float) for values in predictors.values()])
    truth = np.asarray(outcome, dtype=float)
    if not len(table) == len(truth) == len(arms) == len(strata):
        raise ValueError(
            f"{len(table)} values of predictors, {len(truth)} outcomes, {len(arms)} arms and "
            f"{len(strata)} strata: pass one of each a network."
        )
    order = _signs(truth, pairs)
    right, known = _agreeing(table, order, pairs)
    values, counts = _by_environment(right, known, pairs, np.ones(len(order)))
    usable = counts >= LEAST_PAIRS
    values = np.where(usable, values, math.nan)
    _, arm = np.unique(_codes(arms), return_inverse=True)
    resampled = np.concatenate(list(_resampled(right, known, pairs, usable, arm, generator, draws)))
    shuffled = [
        _mean(np.where(usable, _values(table[places], order, pairs), math.nan))
        for places in _permutations(arm, _codes(strata), generator, draws)
    ]
    p, adjusted = max_t(_mean(values), np.array(shuffled))
    return SignAgreement(
        tuple(predictors),
        pairs.names,
        values,
        counts.astype(int),
        tuple(_arms(inside, pairs, arm) for inside in known.T),
        resampled,
        p,
        adjusted,
    )


def max_t(observed: np.ndarray, shuffled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two-sided p-values of statistics, single and corrected for all of them.

    Args:
        observed: The statistics, 0 without effect, shape (statistics,).
        shuffled: The same under permutation, shape (permutations, statistics).

    Returns:
        The p-values, and those of Westfall and Young's single-step max-T; NaN where a statistic is.
    """
    known = ~np.isnan(observed)
    shuffled = np.nan_to_num(shuffled)
    spread = np.sqrt(np.mean(np.where(known, shuffled, 0.0) ** 2, axis=0))
    spread[spread == 0] = math.inf  # What no permutation moves is no evidence.
    size = np.abs(np.nan_to_num(observed)) / spread
    sizes = np.abs(np.where(known, shuffled, 0.0)) / spread
    largest = np.max(sizes, axis=1)
    count = len(shuffled) + 1
    # Equal up to rounding counts as reached.
    single = (1 + (sizes >= size * (1 - 1e-12)).sum(axis=0)) / count
    corrected = (1 + (largest[:, None] >= size * (1 - 1e-12)).sum(axis=0)) / count
    return np.where(known, single, math.nan), np.where(known, corrected, math.nan)


def resampled_interval(draws: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return the ends between which the resampled numbers lie, as order statistics.

    Args:
        draws: The numbers; NaN where a draw gave none.
        confidence: Coverage in (0, 1).
    """
    known = np.sort(draws[~np.isnan(draws)])
    place = int((1 - confidence) / 2 * (len(known) + 1) + 1e-9)
    if place < 1:
        return math.nan, math.nan
    return float(known[place - 1]), float(known[-place])


def residual_ranks(values: ArrayLike, given: ArrayLike, groups: Sequence[Hashable]) -> np.ndarray:
    """Return what a third variable leaves of the ranks of values, within groups.

    What is a monotone function of the third variable has residuals 0: it drops out.

    Args:
        values: One value a network; NaN where it is not known.
        given: Values of the third variable.
        groups: Label of the group within which networks are ranked.
    """
    x, third = (np.asarray(column, dtype=float) for column in (values, given))
    codes, left = _codes(groups), np.full(len(x), math.nan)
    for code in np.unique(codes):
        inside = (codes == code) & np.isfinite(x) & np.isfinite(third)
        if not inside.any():
            continue
        u, w = (scipy.stats.rankdata(column[inside]) for column in (x, third))
        u, w = u - u.mean(), w - w.mean()
        rest = u - w * (u @ w) / (w @ w) if w.any() else u
        left[inside] = np.round(rest, 9)  # Left-overs of rounding would have signs.
    return left


def _signs(values: np.ndarray, pairs: Pairs) -> np.ndarray:
    """Return the signs of differences, NaN where one of the two is not known."""
    with np.errstate(invalid="ignore"):
        difference = values[pairs.first] - values[pairs.second]
    difference[~np.isfinite(difference)] = math.nan
    return np.sign(difference)


def _agreeing(table: np.ndarray, order: np.ndarray, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    """Return 1, 0 or −1 for each pair and predictor, and whether it counts."""
    signs = _signs(table, pairs) * order[:, None]
    known = ~np.isnan(signs) & (order != 0)[:, None]
    return np.where(known, signs, 0.0), known


def _values(table: np.ndarray, order: np.ndarray, pairs: Pairs) -> np.ndarray:
    """Return ψ of each predictor in each environment."""
    return _by_environment(*_agreeing(table, order, pairs), pairs, np.ones(len(order)))[0]


def _arms(known: np.ndarray, pairs: Pairs, arm: np.ndarray) -> int:
    """Return the number of arms in the pairs that count."""
    return len(np.unique(arm[np.concatenate([pairs.first[known], pairs.second[known]])]))


def _by_environment(
    right: np.ndarray, known: np.ndarray, pairs: Pairs, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return ψ and the weight of pairs, for each predictor and environment."""
    inside = np.zeros((len(pairs.names), len(weights)))
    inside[pairs.environment, np.arange(len(weights))] = weights
    sums, counts = (inside @ right).T, (inside @ known.astype(float)).T
    return np.divide(sums, counts, out=np.full_like(sums, math.nan), where=counts > 0), counts


def _resampled(
    right: np.ndarray,
    known: np.ndarray,
    pairs: Pairs,
    usable: np.ndarray,
    arm: np.ndarray,
    generator: np.random.Generator,
    draws: int,
) -> Iterator[np.ndarray]:
    """Yield mean ψ of resampled arms, block by block, each of shape (block, predictors)."""
    arms, inside = int(arm.max()) + 1, np.arange(len(pairs.names)) == pairs.environment[:, None]
    share = np.where(usable, 1 / np.maximum(known.T.astype(float) @ inside, 1), 0.0)
    for start in range(0, draws, _BLOCK):
        size = min(_BLOCK, draws - start)
        times = generator.multinomial(arms, np.full(arms, 1 / arms), size=size)
        weights = times[:, arm[pairs.first]] * times[:, arm[pairs.second]]
        sums, counts = (
            np.stack([weights[:, chosen] @ part[chosen] for chosen in inside.T], axis=2)
            for part in (right, known.astype(float))
        )
        # A ratio of sums: an environment that loses its arms weighs less. The mean over those that
        # are left would lean to environments of many arms.
        total = (counts * share).sum(axis=2)
        yield np.divide(
            (sums * share).sum(axis=2), total, out=np.full_like(total, math.nan), where=total > 0
        )


def _permutations(
    arm: np.ndarray, stratum: np.ndarray, generator: np.random.Generator, draws: int
) -> Iterator[np.ndarray]:
    """Yield the place that each network takes its predictors from, with whole arms exchanged."""
    members = [np.flatnonzero(arm == number) for number in range(int(arm.max()) + 1)]
    exchangeable = defaultdict(list)
    for places in members:
        exchangeable[stratum[places[0]], len(places)].append(places)
    for _ in range(draws):
        taken = np.arange(len(arm))
        for alike in exchangeable.values():
            for here, other in enumerate(generator.permutation(len(alike))):
                taken[alike[here]] = alike[other]
        yield taken


def _mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the last axis of what is known; NaN where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=-1)
    sums = np.where(known, values, 0.0).sum(axis=-1)
    return np.divide(sums, count, out=np.full(sums.shape, math.nan), where=count > 0)


def _codes(labels: Sequence[Hashable]) -> np.ndarray:
    number = {label: place for place, label in enumerate(dict.fromkeys(labels))}
    return np.array([number[label] for label in labels], dtype=int)
