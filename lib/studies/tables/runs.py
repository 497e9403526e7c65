"""Tables and sentences on runs: divergence, learning, rising losses, settings that differ."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from landscape.training.config import TrainConfig

from studies.arms import alike
from studies.display import Sentence, Table
from studies.formatting import list_text, number_text, seeds_text, setting_text
from studies.runs import RecordedRun, Runs

_MOST_NAMES = 8
# Settings whose names and values are no words of a report.
_SETTINGS = {
    ("init", "he"): "He's initialisation",
    ("init", "default"): "PyTorch's initialisation",
    ("shortcut", "A"): "shortcuts without parameters",
    ("shortcut", "B"): "shortcuts with 1 × 1 convolutions",
}


def divergence(runs: Runs, *, label: str) -> Table | Sentence:
    """Return a table of the runs that diverged, or the sentence that none did, for the appendix.

    Args:
        runs: (arm, seed) -> run.
        label: Such as ``tab-divergence``.
    """
    diverged = {key: run for key, run in runs.items() if run.diverged}
    if not diverged:
        return Sentence(f"None of the {len(runs)} runs diverged.").at("appendix")
    return Table(
        [
            "configuration",
            "seed",
            "step",
            "loss before (nats)",
            "gradient norm before (nats per parameter)",
            "last test accuracy",
        ],
        [[arm, seed, str(_end(run)), *_before_text(run)] for (arm, seed), run in diverged.items()],
        label=label,
        caption=f"{len(diverged)} of {len(runs)} runs diverged. The step, counted from 0, is the "
        "first whose loss or gradient is not finite; loss and gradient norm are those of the "
        "mini-batch one step before. The test accuracy is the last one measured while the test "
        f"loss was finite{_on_subsets(diverged.values())}.",
    ).at("appendix")


def _on_subsets(runs: Iterable[RecordedRun]) -> str:
    """Return on how many test examples runs were measured before their end, if not on all."""
    sizes = {run.subsets["test"].size for run in runs if "test" in run.subsets}
    if not sizes:
        return ""
    counts = list_text([f"{size:,}" for size in sorted(sizes)])
    return f"; unless it is the first or the last, it comes from {counts} test examples"


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

    It stands in the appendix. Settings that are off (none, no or 0) are left out.

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
    counts = list_text([f"{size:,} ({arm})" for arm, size in runs.sizes.items()])
    return Sentence(
        f"Kind of network: {model}. Parameters: {counts}. Number of epochs: {epochs}. "
        f"Optimizer: {optimizer}, on batches of {batches} examples."
    ).at("appendix")


def _shared(parts: Sequence[Any]) -> str:
    """Return the kinds of some parts of configs, with the settings that all of them share."""
    names = list_text(list(dict.fromkeys(type(part).__name__ for part in parts)))
    settings = [
        _SETTINGS.get((name, value)) or f"{name.replace('_', ' ')} {setting_text(value)}"
        for name, value in vars(parts[0]).items()
        if value and all(getattr(part, name, None) == value for part in parts)
    ]
    return f"{names} ({'; '.join(settings)})" if settings else names


def falls(runs: Runs) -> Sentence:
    """Return the sentence on how often test accuracy falls between two measurements.

    The initialisation is no measurement of training and does not count.

    Args:
        runs: (arm, seed) -> run.

    Raises:
        ValueError: If test accuracies come from a subset of the examples.
    """
    counts = []
    for arm, group in runs.grouped().items():
        steps = [run.in_full("test_accuracy")[1:].diff() for run in group if run.history]
        fallen, total = sum(int((step < 0).sum()) for step in steps), sum(map(len, steps))
        counts.append(f"{fallen} of {total} times with {arm}")
    return Sentence(f"Test accuracy falls from one measurement to the next {list_text(counts)}.")


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
        ["configuration", "parameters", "test accuracy", "training loss (nats)"],
        [[arm, f"{parameters[arm]:,}", *map(seeds_text, ends[arm])] for arm in ends],
        label=label,
        caption=f"{caption} Means over seeds ± half-width of the 95% interval.",
        align=["left", *["decimal"] * 3],
    )


def learned(runs: Runs) -> Sentence:
    """Return the sentence on the arms that learned: in every seed to over twice chance.

    It names the smaller group: the arms that learned, or the others with their number of seeds.

    Args:
        runs: (arm, seed) -> run; a run that diverged did not learn.
    """
    by_seed = runs.learned
    always = [arm for arm, seeds in by_seed.items() if all(seeds)]
    others: dict[str, list[str]] = {}
    for arm, seeds in by_seed.items():
        if not all(seeds):
            others.setdefault(f"{sum(seeds)} of {len(seeds)} seeds", []).append(arm)
    if not others:
        return Sentence(
            f"All {len(by_seed)} configurations exceed twice chance accuracy in every seed."
        )
    counts = list_text([f"{seeds} ({_names(names)})" for seeds, names in others.items()])
    several = len(always) != 1
    start = (
        f"{len(always) or 'None'} of the {len(by_seed)} configurations "
        f"exceed{'' if several else 's'} twice chance accuracy in every seed"
    )
    if not 2 * len(always) > len(by_seed) and always:
        start += f" ({_names(always)})"
    rest = "other does" if len(by_seed) - len(always) == 1 else "others do"
    return Sentence(f"{start}. The {rest} so in {counts}.")


def _names(arms: Sequence[str]) -> str:
    """Return the names of arms for brackets; of more than a reader takes in, their number."""
    return "; ".join(arms) if len(arms) <= _MOST_NAMES else f"{len(arms)} configurations"


def rebounds(runs: Runs) -> Sentence:
    """Return the sentence that names the runs that end in a rise of the training loss.

    In such a run the last training loss is over twice the least loss before it. Measurements at its
    end describe this rise, and one such run widens the interval of its arm.

    Args:
        runs: (arm, seed) -> run; runs that diverged are left out.

    Raises:
        ValueError: If training losses come from a subset of the examples.
    """
    rising = []
    for (arm, seed), run in runs.items():
        if run.diverged or len(run.history["train_loss"]) < 2:
            continue
        *before, last = run.in_full("train_loss").tolist()
        if last > 2 * min(before):
            losses = f"{number_text(last)} after {number_text(min(before))} nats"
            rising.append(f"{arm}, seed {seed} ({losses})")
    if not rising:
        return Sentence(f"None of the {len(runs)} runs ends above twice its lowest training loss.")
    end = "ends" if len(rising) == 1 else "end"
    return Sentence(
        f"{len(rising)} of the {len(runs)} runs {end} above twice the lowest training loss that "
        f"they had reached: {'; '.join(rising)}."
    )


def repeated(configs: Mapping[str, TrainConfig]) -> Sentence:
    """Return the sentence that names the arms that share one config.

    Args:
        configs: Arm -> config.
    """
    several = [list_text(names) for names in alike(configs) if len(names) > 1]
    if not several:
        return Sentence("No two configurations have the same settings.").at("appendix")
    return Sentence(
        "Some configurations share all settings, so they are one set of networks: "
        f"{'; '.join(several)}."
    ).at("appendix")


def dead(runs: Runs) -> Sentence:
    """Return the sentence that counts, for each arm, the runs in which all units are dead.

    In such a run the gradients of all weights are exactly 0 over the last measured epoch: no unit
    responds to its inputs, so loss and curvature depend on biases alone.

    Args:
        runs: (arm, seed) -> run.

    Raises:
        ValueError: If test accuracies come from a subset of the examples.
    """
    counts = []
    for arm, group in runs.grouped().items():
        dead_runs = sum(not bool(run.gradients[:, -1].any()) for run in group)
        counts.append(f"{dead_runs} of {len(group)} runs with {arm}")
    return Sentence(
        f"All units are dead at the end of {list_text(counts)}: there the gradient of every weight "
        "is exactly 0, and loss and curvature depend on biases alone."
    )
