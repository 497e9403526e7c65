"""Tables and sentences on runs: divergence, learning, rising losses, settings that differ."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from landscape.training.config import TrainConfig

from studies.arms import alike
from studies.display import Sentence, Table
from studies.formatting import interval_text, list_text, number_text, seeds_text, setting_text
from studies.intervals import share_interval
from studies.runs import RecordedRun, Runs


def divergence(runs: Runs, *, label: str) -> Table | Sentence:
    """Return a table of the runs that diverged, or the sentence that none did.

    Args:
        runs: (arm, seed) -> run.
        label: Such as ``tab-divergence``.
    """
    diverged = {key: run for key, run in runs.items() if run.diverged}
    if not diverged:
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
        [[arm, seed, _end(run), *_before_text(run)] for (arm, seed), run in diverged.items()],
        label=label,
        caption=f"The {len(diverged)} of {len(runs)} runs that diverged: the step, counted from 0, "
        "whose loss or gradient is not finite; mini-batch loss and norm of its gradient one step "
        "before; the last test accuracy measured while the test loss was finite.",
    )


def divergence_shares(runs: Runs) -> Sentence:
    """Return the sentence on the share of runs that diverge, with its exact interval, by arm.

    Args:
        runs: (arm, seed) -> run.
    """
    shares = []
    for arm in runs.arms:
        count, total = runs.diverged(arm)
        interval = interval_text(share_interval(count, total))
        shares.append(f"{arm}, {count} of {total}, a share of {interval}")
    return Sentence(f"Runs that diverge: {'; '.join(shares)}.")


def _end(run: RecordedRun) -> int:
    """Return the step at which a run diverged; after the last step, the one that would follow."""
    return run.steps if run.diverged_at is None else run.diverged_at


def _before_text(run: RecordedRun) -> list[str]:
    before = [run.last["loss_before"], run.last["gradient_norm_before"]]
    # Outputs that are not numbers have an accuracy too (the first class): skip them.
    curves = [run.history[name].tolist() for name in ("test_accuracy", "test_loss") if run.history]
    measured = zip(*curves, strict=True)
    valid = [accuracy for accuracy, loss in measured if math.isfinite(accuracy + loss)]
    return [*map(number_text, before), f"{valid[-1]:.4f}" if valid else "–"]


def setup(runs: Runs) -> Sentence:
    """Return the sentence on the settings that all arms share, and each arm's number of parameters.

    Settings that are off (none, no or 0) are left out.

    Args:
        runs: (arm, seed) -> run.
    """
    configs = list(runs.configs.values())
    model, optimizer = (
        _shared([getattr(config, part) for config in configs]) for part in ("model", "optimizer")
    )
    batches, epochs = (
        list_text([str(x) for x in dict.fromkeys(getattr(config, name) for config in configs)])
        for name in ("batch_size", "epochs")
    )
    counts = list_text([f"{size:,} with {arm}" for arm, size in runs.sizes.items()])
    return Sentence(
        f"{model}; parameters: {counts}. {optimizer}; batches of {batches}; {epochs} epochs."
    )


def _shared(parts: Sequence[Any]) -> str:
    """Return the kinds of some parts of configs, with the settings that all of them share."""
    names = list_text(list(dict.fromkeys(type(part).__name__ for part in parts)))
    settings = [
        f"{name.replace('_', ' ')} {setting_text(value)}"
        for name, value in vars(parts[0]).items()
        if value and all(getattr(part, name, None) == value for part in parts)
    ]
    return f"{names} ({'; '.join(settings)})" if settings else names


def falls(runs: Runs) -> Sentence:
    """Return the sentence on how often test accuracy falls between two measurements.

    The initialisation is no measurement of training and does not count.

    Args:
        runs: (arm, seed) -> run.
    """
    counts = []
    for arm, group in runs.grouped().items():
        steps = [run.history["test_accuracy"][1:].diff() for run in group if run.history]
        fallen, total = sum(int((step < 0).sum()) for step in steps), sum(map(len, steps))
        counts.append(f"{fallen} of {total} with {arm}")
    return Sentence(
        f"Times that test accuracy falls from one measurement to the next: {list_text(counts)}."
    )


def sizes(runs: Runs, *, label: str, caption: str) -> Table:
    """Return a table of the number of parameters of each arm, and where its training ended.

    Args:
        runs: (arm, seed) -> run.
        label: Such as ``tab-sizes``.
        caption: What to see; how to read a cell is added.
    """
    parameters = runs.sizes
    ends = {
        arm: [[run.final(name) for run in group] for name in ("test_accuracy", "train_loss")]
        for arm, group in runs.grouped().items()
    }
    return Table(
        ["arm", "parameters", "test accuracy", "training loss (nats)"],
        [[arm, f"{parameters[arm]:,}", *map(seeds_text, ends[arm])] for arm in ends],
        label=label,
        caption=f"{caption} Mean over seeds ± half-width of the 95% interval.",
        align=["left", *["decimal"] * 3],
    )


def learned(runs: Runs) -> Sentence:
    """Return the sentence that names the arms that learned: in every seed to over twice chance.

    Arms that learned in some seeds are named with their number of seeds. Where most arms learned,
    the others are named; where all did, none is.

    Args:
        runs: (arm, seed) -> run; a run that diverged did not learn.
    """
    by_seed = runs.learned
    arms = list(by_seed)
    always = [arm for arm in arms if all(by_seed[arm])]
    others = {arm: sum(by_seed[arm]) for arm in arms if arm not in always}
    counts = {arm: f"{arm} ({count} of {len(by_seed[arm])})" for arm, count in others.items()}
    if not others:
        return Sentence(f"All {len(arms)} arms learn, in every seed to more than twice chance.")
    if len(always) > len(others):
        return Sentence(
            f"Of {len(arms)} arms all but these learn, in every seed to more than twice chance; "
            f"in how many seeds these do: {'; '.join(counts.values())}."
        )
    some = [counts[arm] for arm, count in others.items() if count]
    also = f" In some seeds also: {'; '.join(some)}." if some else ""
    return Sentence(
        f"Of {len(arms)} arms these learn, in every seed to more than twice chance: "
        f"{'; '.join(always) or 'none'}.{also}"
    )


def rebounds(runs: Runs) -> Sentence:
    """Return the sentence that names the runs that end in a rise of the training loss.

    In such a run the last training loss is over twice the least loss before it. Measurements at its
    end describe this rise, and one such run widens the interval of its arm.

    Args:
        runs: (arm, seed) -> run; runs that diverged are left out.
    """
    rising = []
    for (arm, seed), run in runs.items():
        if run.diverged or len(run.history["train_loss"]) < 2:
            continue
        *before, last = run.history["train_loss"].tolist()
        if last > 2 * min(before):
            rising.append(
                f"{arm}, seed {seed} (from {number_text(min(before))} to {number_text(last)})"
            )
    if not rising:
        return Sentence(f"None of the {len(runs)} runs ends at twice its least training loss.")
    return Sentence(
        f"{len(rising)} of the {len(runs)} runs end at over twice the least training loss that "
        f"they had, in nats: {'; '.join(rising)}."
    )


def repeated(configs: Mapping[str, TrainConfig]) -> Sentence:
    """Return the sentence that names the arms that share one config.

    Args:
        configs: Arm -> config.
    """
    several = [" = ".join(names) for names in alike(configs) if len(names) > 1]
    if not several:
        return Sentence("No two arms have the same settings.")
    return Sentence(f"The same networks under several names: {'; '.join(several)}.")


def dead(runs: Runs) -> Sentence:
    """Return the sentence that counts, for each arm, the runs in which all units are dead.

    In such a run the gradients of all weights are exactly 0 over the last measured epoch: no unit
    responds to its inputs, so loss and curvature depend on biases alone.

    Args:
        runs: (arm, seed) -> run.
    """
    counts = []
    for arm, group in runs.grouped().items():
        dead_runs = sum(not bool(run.gradients[:, -1].any()) for run in group)
        counts.append(f"{arm}, {dead_runs} of {len(group)}")
    return Sentence(
        "Runs in which the gradients of all weights are exactly 0 at the end, so that loss and "
        f"curvature are those of biases alone: {'; '.join(counts)}."
    )


def departures(
    source: Mapping[str, Any], ours: Mapping[str, Any], reasons: Mapping[str, str], *, label: str
) -> Table | Sentence:
    """Return a table of the settings that differ from the source's, or the sentence that none do.

    Args:
        source: Setting -> the source's value.
        ours: Setting -> value in this run, such as the study's parameters; it may hold others.
        reasons: Setting -> why it differs; reasons for settings that agree are ignored.
        label: Such as ``tab-departures``.

    Raises:
        ValueError: If ours lacks a setting of the source, or a difference has no reason.
    """
    if missing := [name for name in source if name not in ours]:
        raise ValueError(
            f"the source's settings {missing} are not among ours: {', '.join(ours)}. "
            "Use our names for them, or leave them out."
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
