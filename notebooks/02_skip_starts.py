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
# which changes let networks without norm learn. That plain ones stay at chance is judged in the
# study of the two by two, where they are trained on all examples.

# %%

import functools
import itertools

from landscape import data, models, training
from studies import arms, claims, display, findings
from studies.figures import builders, captioned
from studies.records import runs as run_records
from studies.records.signals import record_signals
from studies.study import Study
from studies.tables import comparisons
from studies.tables import runs as run_tables
from studies.tables.verdicts import VerdictBox, closing

# %% tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
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
# ## The claims and the rules
#
# The rules stand here, above the measurements that they judge; code applies them. An interval that
# covers the border decides nothing. An artefact supposes that all that is found by the source's way
# of measuring holds, and that one check shows the opposite. "Skip" is the residual network, "plain"
# the one without skip connections; in tables a run that diverged counts with what it left.

# %%
study = Study("02_skip_starts", vars())
rules = {
    "S3.3": "Exact interval of the share of runs that diverge, skip without norm. Reproduced if "
    "above one half from both initialisations; artefact if above from He's and below from "
    "PyTorch's, which makes it one of the initialisation; contradicted if below from He's.",
}
claim = {id: claims.claim(id, rule=rule) for id, rule in rules.items()}
comparisons.rule_table(list(claim.values()))

# %% [markdown]
# ## One thing changed at a time
#
# Both networks from He's initialisation and with a step that suits BN; then PyTorch's default
# initialisation, a smaller step, clipped gradients, and SkipInit, where each residual branch starts
# at zero (De and Smith 2020). If one of them trains, there are solutions, and the obstacle is where
# training starts and how far it steps: [the residual network](#fig-skip), [the plain
# one](#fig-plain), and [both in numbers](#tab-rescues). Below stands where runs diverged, and [what
# departs from the source](#tab-departures).

# %%
task = data.load(dataset, study.data_dir, max_train=max_train)
sweep = functools.partial(training.sweep, store=study.store, workers=workers)
base = training.TrainConfig(
    models.ResNet(depth=depth, width=width),
    training.SGD(learning_rate, momentum=momentum, weight_decay=weight_decay),
    epochs=epochs,
    batch_size=batch_size,
    schedule=training.Cosine(),
    precision=precision,
    measured=measured,
    measure_every=measure_every,
    snapshots=(0,),
)
network_settings = {"skip": {"norm": "none"}, "plain": {"norm": "none", "skip": False}}
start_settings = {"": {}, ", torch": {"init": "torch"}}
start_settings[", small step"] = {"learning_rate": small_rate}
start_settings[", clipped"] = {"clip_norm": clip_norm}
rescues = {
    f"{name}{change}": {**settings, **start}
    for (name, settings), (change, start) in itertools.product(
        network_settings.items(), start_settings.items()
    )
}
rescues["skip, SkipInit"] = {**network_settings["skip"], "skipinit": True}
configs = arms.variants(base, rescues)
runs = sweep(configs, task, seeds=seeds)
run_records.record_runs(study, runs)

# %%
panels = {
    network: builders.training_panels(
        {key: run for key, run in runs.items() if key[0].startswith(network)}
    )
    for network in network_settings
}
caption_end = "mean over seeds, 95% interval as a band, each seed as a thin line. "
caption_end += "A curve ends where its run diverged."
axes_text = "training loss, test loss, test error, and norm of the mini-batch gradients."
captioned.curves(
    panels["skip"],
    label="fig-skip",
    caption=f"Residual network without norm, trained from different starts: {caption_end}",
    alt=f"Four panels over epochs, an arm for each start: {axes_text}",
)

# %%
captioned.curves(
    panels["plain"],
    label="fig-plain",
    caption=f"Plain network without norm, likewise: {caption_end}",
    alt=f"Four panels over epochs, an arm for each start: {axes_text}",
)

# %%
source = {"batch_size": source_batch, "precision": "float32", "epochs": 20, "dataset": "cifar10"}
source |= {"depth": 20, "width": 1.0, "max_train": 50000}
reasons = dict.fromkeys(source, "a small run, no evidence") if not study.evidence else {}
reasons |= {"batch_size": "costs less", "precision": "costs less"}
reasons |= {"max_train": "many arms"} if study.evidence else {}
display.show(
    run_tables.divergence(runs, label="tab-divergence"),
    run_tables.departures(source, study.parameters, reasons, label="tab-departures"),
)

# %%
initial_objectives = arms.arm_objectives(runs, task.first(signal_examples), step=0, bn="batch")
received_gradients = record_signals(study, initial_objectives, prefix="initial_")
outcome_headings = {"test_accuracy": "test accuracy", "train_loss": "training loss (nats)"}
display.show(
    comparisons.arm_table(
        study,
        {**outcome_headings, "initial_signal_decay": "decay a layer"},
        list(rescues),
        runs=runs,
        label="tab-rescues",
        caption=f"Networks without norm on {len(task.y_train)} examples: mean over seeds of the "
        "test accuracy, of the training loss, and of the factor by which the gradients that layers "
        "receive change from a layer to the one before it, at the initialisation; the source has "
        "0.9. With SkipInit those inside the branches begin at 0, which has no factor.",
    ),
    run_tables.learned(study, runs, list(rescues), chance=1 / task.classes),
)

# %%
start_arms = {"He's": "skip", "PyTorch's": "skip, torch"}
start_runs = sweep({arm: configs[arm] for arm in start_arms.values()}, task, seeds=start_seeds)
divergence_shares = [
    findings.share(
        start_runs, arm, f"share that diverges, skip without norm, {name} initialisation"
    )
    for name, arm in start_arms.items()
]
verdicts = [claims.robust(claim["S3.3"], divergence_shares[:1], divergence_shares[1:])]
display.show(
    VerdictBox(verdicts[0]),
    run_tables.divergence(start_runs, label="tab-divergence-starts"),
)

# %% [markdown]
# ### Does the batch size change the finding?
#
# The first seed from both initialisations, with this study's batch size (and precision, where that
# differs), and with the source's: [the table](#tab-check).

# %%
way_settings = {"here": {}, "as source": {"batch_size": source_batch, "precision": "float32"}}
check_changes = {
    f"{arm}, {way}": {**rescues[arm], **settings}
    for arm, (way, settings) in itertools.product(
        ("skip", "skip, torch", "plain", "plain, torch"), way_settings.items()
    )
}
check_runs = sweep(arms.variants(base, check_changes), task, seeds=seeds[:1])
run_records.record_runs(study, check_runs)
display.show(
    comparisons.arm_table(
        study,
        outcome_headings,
        list(check_changes),
        runs=check_runs,
        label="tab-check",
        caption=f"Batches of {batch_size} in {precision} (here) and of {source_batch} in float32 "
        f"(source), on {len(task.y_train)} examples, one seed.",
    ),
    run_tables.divergence(check_runs, label="tab-divergence-check"),
)

# %% [markdown]
# ## What was shown

# %%
files = study.write("Networks without norm", verdicts, [task])
closing(study, verdicts)

# %% [markdown]
# ## Limits
#
# One data set, one optimizer and one schedule; all networks are trained on part of the data, in
# fewer steps than the source's: a plateau that is not yet left is not told from one that never is.
# A solution that training finds shows that there is one; that it finds none does not show that
# there is none. The source leaves out its initialisation: both of ours are named above.
