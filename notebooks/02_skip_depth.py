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
# # Other norms and depth: does geometry predict accuracy?
#
# **Question.** Over residual and plain networks of several norms and depths: does conditioning get
# worse with depth, and do numbers of the landscape, at the end of training or before it, order the
# networks by test accuracy?
#
# **Measured.** Batch, group, layer and instance normalisation and none, depth with and without skip
# connections, and other initialisations, over seeds: accuracy, extreme eigenvalues, sharpness, at
# the solution; largest eigenvalue, gradient and SAM's rise at the initialisation and after one
# epoch; rank correlations of all of them with the accuracy, with intervals.
#
# **What will be shown.** Whether correlations that two sources found between two or three networks
# survive many, and whether numbers taken early predict the end. `09_verdicts` judges the sources'
# claims (S2.4, S2.8, S3.5, S3.7) by these numbers.

# %%
import itertools
import math

from landscape import models, plots, training
from studies import Arm, Study, arms, display, figures, power_laws, predictors, tables
from studies.quantities import headings, short_headings

# %% tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # "stale" measures again what older code measured
dataset = "digits"
max_train = 512
seeds = [0, 1, 2]
workers = 1  # processes that train side by side
depth = 8  # of the norms and the initialisations
width = 0.5
norms = ["batch", "group", "layer", "instance", "none"]
depths = [8, 14]
epochs, batch_size = 8, 128
learning_rate, momentum, weight_decay = 0.1, 0.9, 1e-4
precision = "float32"
measured = 10000  # training examples on which the curves are measured
measure_every = 4  # epochs from one measurement of their history to the next
rho, rho_adaptive = 0.05, 0.5  # radii of SAM's step, and of the adaptive one, relative to |theta|
curvature_examples = 128  # first training examples: curvature and sharpness

# %% [markdown]
# ## The networks
#
# Residual networks ("skip") with five norms; with BN and without skip connections ("plain") over
# depth; and those that train from another start, PyTorch's default initialisation in place of He's,
# or SkipInit, where each residual branch starts at zero [@de2020]. Each network is one
# arm, named by its depth where that is not the common one. One optimizer and one schedule serve
# all. Below stand where runs diverged, and [what departs from the source](#tab-departures).

# %%
study = Study("02_skip_depth", vars())
task = study.load(dataset, max_train=max_train)
first_epoch = math.ceil(task.train_size / batch_size)  # steps
optimizer = training.SGD(learning_rate, momentum=momentum, weight_decay=weight_decay)
options = {"epochs": epochs, "batch_size": batch_size, "schedule": training.Cosine()}
options |= {"precision": precision, "measured": measured, "measure_every": measure_every}
options |= {"snapshots": (0, first_epoch)}
base = training.TrainConfig(models.ResNet(depth=depth, width=width), optimizer, **options)
kinds = {"skip": "yes", "plain": "no"}
starts = {"he": {}, "torch": {"init": "torch"}, "SkipInit": {"skipinit": True}}
norm_plan = [("skip", norm, depth, "he") for norm in norms]
depth_plan = [(kind, "batch", layers, "he") for kind, layers in itertools.product(kinds, depths)]
others = itertools.product(("he", "torch"), ("batch", "none"), kinds)
start_plan = [(kind, norm, depth, start) for start, norm, kind in others]
start_plan.append(("skip", "none", depth, "SkipInit"))

# %%
planned, changes = {}, {}
for kind, norm, layers, start in dict.fromkeys(norm_plan + depth_plan + start_plan):
    words = [kind, norm]
    words += [f"depth {layers}"] if layers != depth else []
    words += [start] if start != "he" else []
    factors = {"skip": kinds[kind], "norm": norm, "depth": layers}
    factors |= {"init": starts[start].get("init", "he")}
    arm = Arm(", ".join(words), **factors, skipinit="yes" if start == "SkipInit" else "no")
    planned[kind, norm, layers, start] = arm
    changes[arm] = {"skip": kind == "skip", "norm": norm, "depth": layers, **starts[start]}
runs = study.train(arms.variants(base, changes), task, seeds=seeds, workers=workers)
depth_families = {
    kind: {layers: planned[kind, "batch", layers, "he"] for layers in depths} for kind in kinds
}

# %%
source = {"batch_size": 32, "precision": "float32", "epochs": 20, "dataset": "cifar10"}
source |= {"depth": 20, "width": 1.0, "max_train": 50000}
reasons = dict.fromkeys(source, "costs less" if study.evidence else "a small run, no evidence")
reasons |= {"max_train": "many arms", "width": "many arms"} if study.evidence else {}
departures = tables.departures(source, study.parameters, reasons, label="tab-departures")
display.show(tables.divergence(runs, label="tab-divergence"), departures)

# %% [markdown]
# ## Norms and depth at the solution
#
# On fixed training examples, in eval mode: extreme eigenvalues of the Hessian until the residual is
# below $10^{-4}$ of the spectral range, SAM's one-step rise, and their scale-invariant versions.
# Five norms with skip connections are in a [table](#tab-norms); depth with BN, with and without
# skip connections, in two figures: [accuracy and curvature](#fig-depths), where BN at the
# initialisation takes the statistics of the examples, and [the gradients of
# layers](#fig-gradients), of the first mini-batch and root mean square over those of the last
# epochs.

# %%
curvature_set = task.first(curvature_examples)
compared = runs.where(arm=[planned[plan] for plan in dict.fromkeys(norm_plan + depth_plan)])
curvature = ["lambda_max", "lambda_min", "kappa", "sam", "lambda_max_relative", "sam_adaptive"]
solutions = compared.solutions(curvature_set)
radii = {"rho": rho, "rho_adaptive": rho_adaptive}
geometry = study.measure(solutions, [*curvature, "gradient_norm", "loss", "rounding"], **radii)
outcomes = ["test_accuracy", "train_loss", "test_loss"]
ends = study.measurements.where(at="end", quantity=outcomes)
tables.arms(
    ends | geometry,
    [*outcomes, *curvature],
    [planned[plan] for plan in norm_plan],
    runs=runs,
    label="tab-norms",
    caption=f"Norms, trained on {task.train_size} examples, measured on {curvature_examples}: mean "
    "over seeds with 95% interval.",
)

# %%
early_kinds = ["lambda_max", "gradient_norm", "sam", "loss", "rounding"]
start_solutions = runs.solutions(curvature_set, step=0, bn="batch")
initial = study.measure(start_solutions, early_kinds, rho=rho, tol=1e-3)
at_start = initial.qualified("at the initialisation")
figures.against_size(
    ends | geometry | at_start,
    ["test_accuracy", "kappa", "lambda_max, at the initialisation", "lambda_max"],
    depth_families,
    x="depth (layers)",
    span=10.0,
    label="fig-depths",
    caption="Depth, with BN: mean over seeds with 95% interval.",
)

# %%
moments = {"before training": 0, "last epochs": -1}
gradients = {}
for layers, (moment, place) in itertools.product(depths, moments.items()):
    arms_of_depth = {kind: family[layers] for kind, family in depth_families.items()}
    gradients[f"depth {layers}, {moment}"] = {
        key: run.gradients[:, place] for key, run in runs.renamed(arms_of_depth).items()
    }
figures.gradients(
    gradients,
    label="fig-gradients",
    caption="Gradients by the layers' weights W, with BN, before training and over the last "
    f"{min(measure_every, epochs)} epochs.",
)

# %% [markdown]
# The source's $\lambda_{\max}/|\lambda_{\min}|$ against depth, [as a power](#tab-exponents). It is
# no condition number where networks have not learned: which of them did stands below.

# %%
exponents = power_laws.power_law_exponents(geometry, ["kappa"], depth_families)
doubling = math.log(2) / math.log(max(depths) / min(depths))
depth_arms = [arm for family in depth_families.values() for arm in family.values()]
table = tables.exponents(
    exponents,
    headings(["kappa"]),
    label="tab-exponents",
    caption=f"Exponents of the power law in depth, {min(depths)} to {max(depths)} layers; at "
    f"{doubling:.3f} the ratio doubles over this range.",
)
display.show(table, tables.learned(runs.where(arm=depth_arms)))

# %% [markdown]
# ## Does geometry predict, and does it predict early?
#
# Rank correlations over the networks of norms and depths that did not diverge: pooled, with an
# interval from leaving out arms, and within arms, which does not see the differences between
# architectures. [The numbers](#tab-correlations), with the training loss and the depth itself in
# the last rows; [two of them](#fig-scatter), a point a network. Early numbers are those of the mode
# of training, with the statistics of the examples; numbers without a moment are those at the end.

# %%
kept_arms = [arm for arm in compared.arms if not compared.diverged(arm)[0]]
kept = compared.where(arm=kept_arms)
after = kept.solutions(curvature_set, step=first_epoch, at="first epoch", bn="batch")
early = study.measure(after, early_kinds, rho=rho, tol=1e-3)
batch_solutions = kept.solutions(curvature_set, bn="batch", bn_block=batch_size)
batch = study.measure(batch_solutions, early_kinds, rho=rho, tol=1e-3)
numbers = ends | geometry | at_start | predictors.of_column(ends, "test_accuracy", "depth")
numbers |= early.qualified("after one epoch") | batch.qualified("batch statistics")
start_names, epoch_names = (
    [f"{name}, {moment}" for name in ("lambda_max", "gradient_norm", "sam")]
    for moment in ("at the initialisation", "after one epoch")
)
late_names = ["lambda_max", "kappa", "sam", "lambda_max, batch statistics", "sam, batch statistics"]
names = short_headings([*start_names, *epoch_names, *late_names, "train_loss"])
names |= {"depth": "depth"}
correlations = predictors.rank_correlations(numbers, names, "test_accuracy", kept_arms)
table = tables.correlations(
    correlations,
    label="tab-correlations",
    caption="Rank correlation with the final test accuracy and its 95% interval.",
)
display.show(table, tables.correlation_signs(correlations, target="test accuracy"))

# %%
clouds, y = [], "test accuracy (share correct)"
for name in ("lambda_max, after one epoch", "lambda_max"):
    points = predictors.points(numbers, name, "test_accuracy", kept_arms)
    clouds.append(plots.Cloud(names[name], numbers.unit(name), y, points, x_scale="log"))
figures.scatter(
    clouds,
    label="fig-scatter",
    caption="Final test accuracy against the largest eigenvalue, after one epoch and at the end.",
    alt="Two clouds of points, a marker for each arm: test accuracy over the largest eigenvalue.",
)

# %% [markdown]
# Over [all networks and initialisations](#tab-initial), those without norm too, of which some
# diverge or never leave chance: what the landscape before training says of the accuracy.

# %%
initial_names = {name: names[name] for name in start_names}
confidence = 1 - 0.05 / len(initial_names)
before = predictors.rank_correlations(
    numbers, initial_names, "test_accuracy", runs.arms, confidence=confidence
)
table = tables.correlations(
    before,
    converged={title: numbers.converged(name) for name, title in initial_names.items()},
    label="tab-initial",
    caption="Rank correlation of numbers before training with the final test accuracy of all "
    f"{len(runs.arms)} arms: {100 * confidence:.4g}% intervals, widened for three trials.",
)
display.show(
    table,
    tables.stable_starts(initial, ends, base.optimizer, "test_accuracy", kept_arms),
    tables.rounding(initial, "at the initialisation"),
    tables.rounding(early, "after one epoch"),
)

# %% [markdown]
# ## What was shown

# %%
study.close("Norms, depth and prediction")
tables.closing(study, evidence=study.evidence)

# %% [markdown]
# ## Limits
#
# One data set and one optimizer; all networks share one learning rate, which may suit some of them
# better, and sharpness follows it. They are narrower than the source's and trained on part of the
# data: many are far from trained, and their training loss, in the table, orders the accuracies.
# They tell what trains, rather than what generalises. Rank correlations over architectures have few
# arms, follow what one step size suits, and say nothing of causes. Sharpness is compared where
# training ended, at unequal training losses, with which curvature of the cross-entropy falls, and
# on few examples. Deep plain networks multiply what float32 rounds from layer to layer: where
# little is left of their gradient, early numbers are known less well than their residuals say.
