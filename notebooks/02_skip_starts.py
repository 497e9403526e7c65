# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Without normalisation, does the landscape or the start stop a network?
#
# **Question.** Without batch normalisation (BN) residual networks are said to diverge, and plain
# ones to stay at chance. Does their landscape hold no solution, or do they fail because of where,
# and with which steps, training starts?
#
# **Measured.** Test accuracy and divergence of both networks without a norm, with one thing changed
# at a time: the initialisation, the learning rate, the clipping of gradients, and residual branches
# that start at zero.

# %% Imports
import itertools

from landscape import models, training
from studies import Arm, Study, arms, display, figures, formatting, intervals, tables

# %% Parameters tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # "stale" measures again what older code measured
dataset = "digits"
max_train = 512
seeds = [0, 1, 2]
workers = 1  # processes that train side by side
depth = 8
width = 0.5
epochs = 8
batch_size = 128
learning_rate = 0.1
momentum = 0.9
weight_decay = 1e-4
precision = "float32"
measured = 10000  # training examples on which the curves are measured
curve_examples = 2000  # training and test examples on which curves are measured between the ends
measure_every = 4  # epochs from one measurement of their history to the next
source_batch = 32  # of S3; in float32, a check of what batch_size and precision change
small_rate = 0.01  # what a run that diverges is tried with
clip_norm = 1.0  # likewise
start_seeds = [0, 1, 2, 3, 4, 5]  # a share of all or none of six differs from one half
signal_examples = 128  # first training examples: the gradients that layers receive

# %% [markdown]
# ## One change at a time
#
# Both networks start from He's initialisation with a learning rate that suits BN, as [the networks
# without BN of the first section](#02_skip_ablation/fig-training) do. Each other start changes one
# thing: PyTorch's default initialisation, a smaller learning rate, clipped gradients, or, in the
# residual network, SkipInit, which starts each residual branch at zero [@de2020]. If a network
# trains from any of these, its landscape holds solutions, and the obstacle is the start.

# %% Describe the starts
study = Study("02_skip_starts", vars())
task = study.load(dataset, max_train=max_train)
base = training.TrainConfig(
    models.ResNet(depth=depth, width=width, norm="none"),
    training.SGD(learning_rate, momentum=momentum, weight_decay=weight_decay),
    epochs=epochs,
    batch_size=batch_size,
    schedule=training.Cosine(),
    precision=precision,
    measured=measured,
    measure_every=measure_every,
    curve_examples=training.CurveExamples(curve_examples, curve_examples),
    snapshots=(0,),
)
starts = {
    "he": {},
    "torch": {"init": "torch"},
    "small step": {"learning_rate": small_rate},
    "clipped": {"clip_norm": clip_norm},
    "SkipInit": {"skipinit": True},
}
words = {"he": "He's initialisation", "torch": "PyTorch's initialisation"}
words |= {"small step": f"learning rate {small_rate:g}", "clipped": "clipped gradients"}
words |= {"SkipInit": "SkipInit"}

# %% Train both networks from every start
here = {"batch_size": batch_size, "precision": precision}
changes = {}
for network, (start, settings) in itertools.product(("residual", "plain"), starts.items()):
    if network == "residual" or start != "SkipInit":  # A plain network has no residual branches.
        factors = {"skip": "yes" if network == "residual" else "no", "norm": "none"}
        factors |= {"init": settings.get("init", "he"), "start": start}
        arm = Arm(f"{network}, {words[start]}", **factors, **here)
        changes[arm] = {"skip": network == "residual", **settings}
configs = arms.variants(base, changes)
runs = study.train(configs, task, seeds=seeds, workers=workers)

# %% List settings, departures from the source and divergences
source = {"batch_size": source_batch, "precision": "float32", "epochs": 20, "dataset": "cifar10"}
source |= {"depth": 20, "width": 1.0, "max_train": 50000}
reasons = {"batch_size": "larger batches take less computing time"}
reasons |= {"precision": "bfloat16 takes less computing time"}
reasons |= {"max_train": "this study compares many starts"}
if not study.evidence:
    reasons = dict.fromkeys(source, "this is a small trial run")
departures = tables.departures(source, study.parameters, reasons, label="tab-departures")
display.show(
    departures,
    tables.divergence(runs, label="tab-divergence"),
)

# %% Draw the test accuracy from every start
by_network = {
    title: group.renamed({words[arm.factors["start"]]: arm for arm in group.arms})
    for title, group in (
        ("residual network", runs.where(skip="yes")),
        ("plain network", runs.where(skip="no")),
    )
}
learned = [
    [start for start, flags in group.learned.items() if all(flags)] for group in by_network.values()
]
totals = [len(group.arms) for group in by_network.values()]
helpful = [formatting.list_text(kept or ["none of the starts"]) for kept in learned]
counts = {
    f"{start} in the {title}": group.diverged(start)
    for title, group in by_network.items()
    for start in group.arms
}
partial = [f"{name} ({n} of {total})" for name, (n, total) in counts.items() if 0 < n < total]
partly = f" Some runs diverge with {formatting.list_text(partial)}." if partial else ""
figures.learning(
    by_network,
    label="fig-starts",
    caption=f"Without a norm, the residual network learns in every seed with {helpful[0]}, the "
    f"plain one with {helpful[1]}. Test accuracy while training on {task.train_size:,} "
    "examples: mean over seeds, the 95% interval as a band, each seed as a thin line. Curves of "
    f"starts that never leave guessing ({100 * task.chance:g}%) hide each other.{partly}",
)

# %% Draw all training curves
ending = (
    "Means over seeds with 95% intervals as bands, each seed as a thin line. A curve ends where a "
    "run diverged."
)
display.show(
    *(
        figures.training(
            group,
            label=label,
            caption=f"The {title} without a norm learns in every seed with {starts_text}. {ending}",
        ).at("detail")
        for label, starts_text, (title, group) in zip(
            ("fig-skip", "fig-plain"), helpful, by_network.items(), strict=True
        )
    )
)

# %% [markdown]
# Beside the accuracy we give the factor by which gradients change from layer to layer towards the
# input before training; 1 keeps their size.

# %% Tabulate accuracy and gradients by start
study.signals(runs.solutions(task.first(signal_examples), step=0, bn="batch"))
ends = study.measurements.where(seed=seeds, arm=runs.arms)
rows = {}
for arm in runs.arms:
    network = arm.partition(", ")[0]
    cells = {f"accuracy, {network} (%)": ("test_accuracy", arm)}
    cells |= {f"gradient factor, {network}": ("signal_decay", arm)}
    rows.setdefault(words[arm.factors["start"]], {}).update(cells)
display.show(
    tables.grid(
        ends,
        rows,
        corner="start",
        runs=runs,
        label="tab-rescues",
        caption=f"{len(learned[0])} of {totals[0]} starts let the residual network learn in every "
        f"seed, and {len(learned[1])} of {totals[1]} the plain "
        "one: mean over seeds ± half-width of the 95% interval. With SkipInit the gradients inside "
        "the branches begin at 0, so that there is no factor.",
        emphasise=(words["torch"], "accuracy, residual (%)"),
    ),
    tables.arms(
        ends,
        ["test_accuracy", "train_loss", "signal_decay"],
        runs.arms,
        runs=runs,
        label="tab-rescues-all",
        caption=f"Training losses of all {len(runs.arms)} combinations stand beside their "
        "accuracies: mean over seeds with 95% interval.",
    ).at("detail"),
)

# %% [markdown]
# ## How many residual networks diverge?
#
# The source saw a single network diverge. We train more seeds from both initialisations to estimate
# the share of networks that do.

# %% Count divergences from both initialisations
share_configs = {
    arm: configs[arm]
    for arm in configs
    if arm.factors["skip"] == "yes" and arm.factors["start"] in ("he", "torch")
}
share_runs = study.train(share_configs, task, seeds=start_seeds, workers=workers)
shares = []
for arm in share_runs.arms:
    count, total = share_runs.diverged(arm)
    share = formatting.interval_text(intervals.share_interval(count, total))
    shares.append(f"in {count} of {total} runs from {words[arm.factors['start']]} (share {share})")
diverging = f"Residual networks without a norm diverge {formatting.list_text(shares)}."
display.show(
    display.Sentence(diverging),
    tables.divergence(share_runs, label="tab-divergence-starts"),
)

# %% [markdown]
# ## Does the batch size change this?
#
# The source takes smaller batches, in float32. We repeat the first seed from both initialisations
# with its settings.

# %% Train with the source's batch size
there = {"batch_size": source_batch, "precision": "float32"}
check_changes = {
    Arm(f"{arm}, as source", **(arm.factors | there)): settings | there
    for arm, settings in changes.items()
    if arm.factors["start"] in ("he", "torch")
}
check_runs = study.train(arms.variants(base, check_changes), task, seeds=seeds[:1], workers=workers)
first = runs.where(seed=seeds[0], start=["he", "torch"])
both = first | check_runs
as_here = check_runs.renamed({arm: f"{arm}, as source" for arm in first.arms})
same = [first[arm, seed].learned == run.learned for (arm, seed), run in as_here.items()]
display.show(
    display.Sentence(
        f"In {sum(same)} of {len(same)} cases, of one seed each, a network learns with batches of "
        f"{source_batch} in float32 if and only if it learns with batches of {batch_size} in "
        f"{precision}."
    ),
    tables.arms(
        study.measurements.where(seed=seeds[0]),
        ["test_accuracy", "train_loss"],
        both.arms,
        runs=both,
        label="tab-check",
        caption=f"Smaller batches decide in {len(same) - sum(same)} of {len(same)} cases whether "
        f"a network learns: batches of {batch_size} in {precision}, and of {source_batch} in "
        f"float32 (as source), on {task.train_size:,} examples, one seed.",
    ).at("detail"),
    tables.divergence(check_runs, label="tab-divergence-check"),
)

# %% [markdown]
# ## What was found

# %% State the findings
found = display.Findings(
    diverging,
    f"The residual network without a norm learns in every seed with {len(learned[0])} of "
    f"{totals[0]} starts: {helpful[0]}.",
    f"The plain network without a norm learns in every seed with {len(learned[1])} of {totals[1]} "
    f"starts: {helpful[1]}.",
)
study.close("Networks without norm")
display.show(found, tables.closing(study, evidence=study.evidence))

# %% [markdown]
# ## Discussion

# %% Say what it means
solved = [title for title, kept in zip(by_network, learned, strict=True) if kept]
reached = [
    "No start that we tried lets a network without a norm learn.",
    f"The landscape of the {' '.join(solved)} without a norm holds solutions, and training reaches "
    "them from some starts.",
    "The landscapes of both networks without a norm hold solutions, and training reaches them from "
    "some starts. Where training begins and how far it steps decide, not the lack of a norm alone.",
]
display.Sentence(f"**What it means.** {reached[len(solved)]}")

# %% [markdown]
# **What would change it.** One data set, one optimizer and one schedule were used, on part of the
# data and in fewer steps than in the source: a network that has not left a plateau by then may
# still leave it. A start that fails does not show that there is no solution. The source leaves out
# its initialisation, so that we cannot say which start is its own.
