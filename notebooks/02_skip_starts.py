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
# # Networks without norm: the landscape, or where training starts?
#
# **Question.** Without batch normalisation (BN) residual networks are said to diverge, and plain
# ones to stay at chance. Is that their landscape, or the point and the step size with which
# training starts?
#
# **Measured.** Both networks without norm, with one thing changed at a time: the initialisation,
# the step size, clipped gradients, residual branches that start at zero. Accuracy, where runs
# diverge and from which gradient norm, and how the gradients that layers receive decay.
#
# **What will be shown.** Whether what a source saw in one network diverges from every start, and
# which changes let networks without norm learn. `09_verdicts` judges the source's claim (S3.3) by
# these runs; that plain networks stay at chance is measured on all examples in `02_skip_ablation`.

# %%
import itertools

from landscape import models, training
from studies import Arm, Study, arms, display, figures, tables

# %% tags=["parameters"]
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
measure_every = 4  # epochs from one measurement of their history to the next
source_batch = 32  # of S3; in float32, a check of what batch_size and precision change
small_rate = 0.01  # what a run that diverges is tried with
clip_norm = 1.0  # likewise
start_seeds = [0, 1, 2, 3, 4, 5]  # a share of all or none of six differs from one half
signal_examples = 128  # first training examples: the gradients that layers receive

# %% [markdown]
# ## One thing changed at a time
#
# "Skip" is the residual network, "plain" the one without skip connections. Both start from He's
# initialisation and with a step that suits BN; then from PyTorch's default initialisation, with a
# smaller step, with clipped gradients, and with SkipInit, where each residual branch starts at zero
# [@de2020]. If one of them trains, there are solutions, and the obstacle is where
# training starts and how far it steps: [the residual network](#fig-skip), [the plain
# one](#fig-plain), and [both in numbers](#tab-rescues). Below stands where runs diverged, and [what
# departs from the source](#tab-departures).

# %%
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
    snapshots=(0,),
)
starts = {
    "he": {},
    "torch": {"init": "torch"},
    "small step": {"learning_rate": small_rate},
    "clipped": {"clip_norm": clip_norm},
    "SkipInit": {"skipinit": True},
}

# %%
here = {"batch_size": batch_size, "precision": precision}
changes = {}
for network, (start, settings) in itertools.product(("skip", "plain"), starts.items()):
    if network == "skip" or start != "SkipInit":  # A plain network has no residual branches.
        name = network if start == "he" else f"{network}, {start}"
        factors = {"skip": "yes" if network == "skip" else "no", "norm": "none"}
        factors |= {"init": settings.get("init", "he"), "start": start}
        arm = Arm(name, **factors, **here)
        changes[arm] = {"skip": network == "skip", **settings}
configs = arms.variants(base, changes)
runs = study.train(configs, task, seeds=seeds, workers=workers)

# %%
ending = (
    "mean over seeds, 95% interval as a band, each seed as a thin line. A curve ends where its "
    "run diverged."
)
alt = (
    "Four panels over epochs, an arm for each start: training loss, test loss, test error, and "
    "norm of the mini-batch gradients."
)
figures.training(
    runs.where(skip="yes"),
    label="fig-skip",
    caption=f"Residual network without norm, trained from different starts: {ending}",
    alt=alt,
)

# %%
figures.training(
    runs.where(skip="no"),
    label="fig-plain",
    caption=f"Plain network without norm, likewise: {ending}",
    alt=alt,
)

# %%
source = {"batch_size": source_batch, "precision": "float32", "epochs": 20, "dataset": "cifar10"}
source |= {"depth": 20, "width": 1.0, "max_train": 50000}
reasons = dict.fromkeys(source, "costs less" if study.evidence else "a small run, no evidence")
reasons |= {"max_train": "many arms"} if study.evidence else {}
display.show(
    tables.divergence(runs, label="tab-divergence"),
    tables.departures(source, study.parameters, reasons, label="tab-departures"),
)

# %% [markdown]
# Which of them learn, and how the gradients that layers receive decay before training:

# %%
study.signals(runs.solutions(task.first(signal_examples), step=0, bn="batch"))
display.show(
    tables.arms(
        study.measurements.where(seed=seeds),
        ["test_accuracy", "train_loss", "signal_decay"],
        runs.arms,
        runs=runs,
        label="tab-rescues",
        caption=f"Networks without norm on {task.train_size} examples: mean over seeds of the test "
        "accuracy, of the training loss, and of the factor by which the gradients that layers "
        "receive change from a layer to the one before it, at the initialisation; the source has "
        "0.9. A run that diverged counts with what it left. With SkipInit gradients inside the "
        "branches begin at 0, which has no factor.",
    ),
    tables.learned(runs),
)

# %% [markdown]
# ### How many residual networks diverge?
#
# From both initialisations, over more seeds, since a share of few runs says little.

# %%
share_configs = {arm: configs[arm] for arm in configs if arm in ("skip", "skip, torch")}
share_runs = study.train(share_configs, task, seeds=start_seeds, workers=workers)
display.show(
    tables.divergence_shares(share_runs),
    tables.divergence(share_runs, label="tab-divergence-starts"),
)

# %% [markdown]
# ### Does the batch size change the finding?
#
# The first seed from both initialisations, with this study's batch size (and precision, where that
# differs), and with the source's: [the table](#tab-check).

# %%
there = {"batch_size": source_batch, "precision": "float32"}
check_changes = {
    Arm(f"{arm}, as source", **(arm.factors | there)): settings | there
    for arm, settings in changes.items()
    if arm.factors["start"] in ("he", "torch")
}
check_runs = study.train(arms.variants(base, check_changes), task, seeds=seeds[:1], workers=workers)
both = runs.where(seed=seeds[0], start=["he", "torch"]) | check_runs
display.show(
    tables.arms(
        study.measurements.where(seed=seeds[0]),
        ["test_accuracy", "train_loss"],
        both.arms,
        runs=both,
        label="tab-check",
        caption=f"Batches of {batch_size} in {precision}, and of {source_batch} in float32 (as "
        f"source), on {task.train_size} examples, one seed.",
    ),
    tables.divergence(check_runs, label="tab-divergence-check"),
)

# %% [markdown]
# ## What was shown

# %%
study.close("Networks without norm")
tables.closing(study, evidence=study.evidence)

# %% [markdown]
# ## Limits
#
# One data set, one optimizer and one schedule; all networks are trained on part of the data, in
# fewer steps than the source's: a plateau that is not yet left is not told from one that never is.
# A solution that training finds shows that there is one; that it finds none does not show that
# there is none. The source leaves out its initialisation: both of ours are named above.
