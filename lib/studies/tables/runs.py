"""Accounts: runs that diverged, learned or relapsed, what resolves, estimators, departures."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from landscape.training.config import TrainConfig
from landscape.training.run import Run

from studies.arms import Runs, alike, divergence_text, grouped
from studies.display import Sentence, Table
from studies.formatting import number_text, setting_text
from studies.records.runs import layer_gradients, record_learning
from studies.study import Study


def divergence(runs: Mapping[tuple[str, int], Run], *, label: str) -> Table | Sentence:
    """Return a table of the runs that diverged, or the sentence that none did.

    Args:
        runs: (arm, seed) -> run.
        label: Such as ``tab-divergence``.
    """
    ended = {key: run for key, run in runs.items() if divergence_text(run)}
    if not ended:
        return Sentence(f"None of the runs diverged (n = {len(runs)}).")
    return Table(
        [
            "arm",
            "seed",
            "step",
            "loss before (nats)",
            "gradient norm before",
            "last test accuracy",
        ],
        [[arm, seed, _end(run), *_before_text(run)] for (arm, seed), run in ended.items()],
        label=label,
        caption=f"The {len(ended)} of {len(runs)} runs that diverged: the step, counted from 0, "
        "whose loss or gradient is not finite; mini-batch loss and norm of its gradient one step "
        "before; the last test accuracy measured while the test loss was finite.",
    )


def _end(run: Run) -> int:
    """Return the step at which a run diverged; after its last one there would have been another."""
    return run.steps if run.diverged_at is None else run.diverged_at


def _before_text(run: Run) -> list[str]:
    curves, at = (run.step_loss, run.step_gradient_norm), _end(run)
    before = [float(curve[at - 1]) if at else math.nan for curve in curves]
    # Outputs that are no numbers have an accuracy too: that of the first class.
    measured = zip(run.history["test_accuracy"].tolist(), run.history["test_loss"], strict=True)
    kept = [accuracy for accuracy, loss in measured if math.isfinite(accuracy + loss)]
    return [*map(number_text, before), f"{kept[-1]:.4f}" if kept else "–"]


def learned(study: Study, runs: Runs, among: Sequence[str], *, chance: float) -> Sentence:
    """Return the sentence that names the arms that learn: in every seed to over twice chance.

    Those that do in some seeds are named with how many. Where most arms learn, the others are
    named, and where all do, none is.

    Args:
        study: Where their test accuracies were recorded.
        runs: (arm, seed) -> run; one that diverged does not learn.
        among: The arms to name.
        chance: The share that guessing gets right.
    """
    found = record_learning(
        study, {key: runs[key] for key in runs if key[0] in among}, chance=chance
    )
    every = [arm for arm in among if all(found[arm])]
    others = {arm: sum(found[arm]) for arm in among if arm not in every}
    counts = {arm: f"{arm} ({there} of {len(found[arm])})" for arm, there in others.items()}
    if not others:
        return Sentence(f"All {len(among)} arms learn, in every seed to more than twice chance.")
    if len(every) > len(others):
        return Sentence(
            f"Of {len(among)} arms all but these learn, in every seed to more than twice chance; "
            f"in how many seeds these do: {'; '.join(counts.values())}."
        )
    some = [counts[arm] for arm, there in others.items() if there]
    also = f" In some seeds also: {'; '.join(some)}." if some else ""
    return Sentence(
        f"Of {len(among)} arms these learn, in every seed to more than twice chance: "
        f"{'; '.join(every) or 'none'}.{also}"
    )


def rebounds(runs: Runs) -> Sentence:
    """Return the sentence that names the runs that end in a rise of the training loss.

    They are those whose last training loss is over twice the least that they had before. What is
    measured at their end is that of a step up, and one of them widens the interval of its arm.

    Args:
        runs: (arm, seed) -> run; those that diverged are left out.
    """
    found = []
    for (arm, seed), run in runs.items():
        if divergence_text(run) or len(run.history["train_loss"]) < 2:
            continue
        *before, last = run.history["train_loss"].tolist()
        if last > 2 * min(before):
            found.append(
                f"{arm}, seed {seed} (from {number_text(min(before))} to {number_text(last)})"
            )
    if not found:
        return Sentence(f"None of the {len(runs)} runs ends at twice its least training loss.")
    return Sentence(
        f"{len(found)} of the {len(runs)} runs end at over twice the least training loss that they "
        f"had, in nats: {'; '.join(found)}."
    )


def repeated(configs: Mapping[str, TrainConfig]) -> Sentence:
    """Return the sentence that names the arms that are one config under several names.

    Args:
        configs: Arm -> config.
    """
    several = [" = ".join(names) for names in alike(configs) if len(names) > 1]
    if not several:
        return Sentence("No two arms have the same settings.")
    return Sentence(f"The same networks under several names: {'; '.join(several)}.")


def dead(runs: Runs, among: Sequence[str]) -> Sentence:
    """Return the sentence that says in how many runs of some arms no weight matters any more.

    There the gradients of all weights are exactly 0 over the last epoch that is measured: no unit
    answers to its inputs, so that loss and curvature are those of biases.

    Args:
        runs: (arm, seed) -> run.
        among: The arms.
    """
    found = []
    for arm, own in grouped({key: run for key, run in runs.items() if key[0] in among}).items():
        still = sum(not bool(layer_gradients(run)[:, -1].any()) for run in own)
        found.append(f"{arm}, {still} of {len(own)}")
    return Sentence(
        "Runs in which the gradients of all weights are exactly 0 at the end, so that loss and "
        f"curvature are those of biases alone: {'; '.join(found)}."
    )


def departures(
    source: Mapping[str, Any], ours: Mapping[str, Any], reasons: Mapping[str, str], *, label: str
) -> Table | Sentence:
    """Return a table of the settings that depart from the source's, or the sentence that none do.

    Args:
        source: Setting -> the source's value.
        ours: Setting -> value in this run, such as the study's parameters; it may hold others.
        reasons: Setting -> why it departs; more than those that do depart is allowed.
        label: Such as ``tab-departures``.

    Raises:
        ValueError: If ours lacks a setting of the source, or a departure has no reason.
    """
    if missing := [name for name in source if name not in ours]:
        raise ValueError(
            f"the source's settings {missing} are not among ours: {', '.join(ours)}. "
            "Call them as ours are called, or leave them out."
        )
    differing = [name for name in source if setting_text(source[name]) != setting_text(ours[name])]
    if unexplained := [name for name in differing if not reasons.get(name, "").strip()]:
        raise ValueError(
            f"the settings {unexplained} depart from the source's without a reason. "
            "Say why in reasons, or use the source's value."
        )
    if not differing:
        return Sentence(f"None of the source's {len(source)} settings is departed from.")
    return Table(
        ["setting", "source", "here", "reason"],
        [
            [
                name.replace("_", " "),
                setting_text(source[name]),
                setting_text(ours[name]),
                reasons[name],
            ]
            for name in differing
        ],
        label=label,
        caption=f"The {len(differing)} of {len(source)} settings that depart from the source's.",
        align=["left"] * 4,
    )
