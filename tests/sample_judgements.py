"""Judgements of small claims for tests of what shows them."""

import numpy as np
from studies.judging.atomic_claims import AtomicClaim
from studies.judging.relations import difference, level, ratio, share
from studies.judging.rules import Rule
from studies.judging.verdicts import Judgement, judge

SHAPE = np.array([-1.2, -0.6, -0.1, 0.3, 0.4, 1.2])


def times(factor, spread=0.1):
    """Return a ratio whose logarithm varies over six seeds."""
    return ratio("λ_max", factor * np.exp(spread * SHAPE), np.ones(6), contrast="with BN")


def judged(id, measured, side="above", border=None, *, numbers=(), **options):
    """Return the judgement of a claim with an id such as S1.2a."""
    claim = AtomicClaim(
        id, id[:2], id.rstrip("abc"), f"Claim {id}.", numbers, "57 against 37", "theory"
    )
    return judge(claim, Rule(id, side, measured, border, **options))


def sample():
    """Return judgements of every word, with checks of every word."""
    checks = {"BN mode": times(1.01, 0.02), "scale": times(1.5), "size": times(1.1, 0.9)}
    accuracy = difference("Test accuracy", 0.9 + 0.01 * SHAPE, np.full(6, 0.5))
    why = {"reason_of_change": "Split."}
    return [
        judged("S1.1a", times(2.0), checks=checks, numbers=(2.0,), former="inconclusive", **why),
        judged("S1.1b", times(2.0), checks={"size": times(1.1, 0.9)}, former="reproduced", **why),
        judged("S1.2", times(0.5), former="artefact", **why),
        judged("S1.3", times(1.1, 0.9), former="inconclusive", **why),
        judged(
            "S2.1", accuracy, checks={"estimator": share("nets learn", [True] * 3).against(0.1)}
        ),
        judged("S2.2", level("Loss", 2.0 + SHAPE), border=1.0),
        Judgement(
            AtomicClaim("S2.3", "S2", "S2.3", "Claim S2.3."), None, "not judged", reason="Not yet."
        ),
    ]
