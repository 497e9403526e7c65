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
# # Does a norm fail, or a learning rate?
#
# **Question.** At one learning rate, some norms let a residual network train and others do not.
# Does the norm decide this, or does the rate? And does the curvature before training tell which
# networks will fail?
#
# **Measured.** Test accuracy of a residual network with batch, group, layer, instance and no
# normalisation, each at several learning rates; the largest eigenvalue $\lambda_{\max}$ of the
# Hessian before training, beside the largest one at which steps are stable,
# $2(1 + \beta)/\eta$ for learning rate $\eta$ and momentum $\beta$.
#
# **Rule, fixed before the run.** A network *fails* if it does not end more than twice as accurate
# as guessing. Its rate is *too large* if it fails, or ends more than 10 percentage points less
# accurate than the same network at a smaller rate. $2(1 + \beta)/\eta$ tells either if, with their
# 95% intervals, more than half of the networks that start above it fail (have too large a rate),
# and more than half of those below it do not. The border was found in networks of [another
# section](#02_skip_depth/tab-initial); the seeds here are others, and all rates but the largest are
# new. At the largest rate, group and layer normalisation are
# [known](#02_skip_depth/tab-norms) to learn poorly rather than to fail.

# %% Imports
import functools
import operator

from landscape import models, plots, training
from studies import Arm, Study, arms, display, figures, formatting, sorting, tables

# %% Parameters tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # "stale" measures again what older code measured
dataset = "digits"
max_train = 512
seeds = [3, 4, 5]  # others than those in which the border was found
workers = 1  # processes that train side by side
depth, width = 8, 0.5
norms = ["batch", "group", "layer", "instance", "none"]
rates = [0.01, 0.1]
epochs, batch_size = 4, 128
momentum, weight_decay = 0.9, 1e-4
precision = "float32"
measured = 2000  # training examples on which the losses at both ends are measured
curve_examples = 500  # training and test examples on which curves are measured between the ends
measure_every = 2  # epochs from one measurement of their history to the next
curvature_examples = 128  # first training examples: λ_max before training
shortfall = 10.0  # percentage points below a smaller rate at which a rate is too large

# %% [markdown]
# ## Every norm at every rate
#
# The residual networks share depth, width, data and the order of batches, and start from He's
# initialisation. The learning rate falls to 0 along a half cosine. All networks of one seed are
# trained and measured before the next seed begins. $\lambda_{\max}$ is measured at the
# initialisation, with BN under the statistics of the examples.

# %% Describe the networks
study = Study("02_skip_rates", vars())
task = study.load(dataset, max_train=max_train)
optimizer = training.SGD(max(rates), momentum=momentum, weight_decay=weight_decay)
options = {"epochs": epochs, "batch_size": batch_size, "schedule": training.Cosine()}
options |= {"precision": precision, "measured": measured, "measure_every": measure_every}
options |= {"curve_examples": training.CurveExamples(curve_examples, curve_examples)}
options |= {"snapshots": (0,)}
base = training.TrainConfig(models.ResNet(depth=depth, width=width), optimizer, **options)
names = {"batch": "BN", "group": "GroupNorm", "layer": "LayerNorm"}
names |= {"instance": "InstanceNorm", "none": "no norm"}
cells = {
    (norm, rate): Arm(f"{names[norm]}, rate {rate:g}", norm=norm, learning_rate=rate)
    for norm in norms
    for rate in rates
}
changes = {arm: {"norm": norm, "learning_rate": rate} for (norm, rate), arm in cells.items()}

# %% Train the networks, and measure their curvature before training
configs = arms.variants(base, changes)
start_set = task.first(curvature_examples)
parts, initial_parts = [], []
for seed in seeds:
    parts.append(study.train(configs, task, seeds=[seed], workers=workers))
    starts = parts[-1].solutions(start_set, step=0, bn="batch")
    initial_parts.append(study.measure(starts, ["lambda_max", "threshold"], tol=1e-3))
runs, initial = (functools.reduce(operator.or_, part) for part in (parts, initial_parts))
display.show(
    tables.setup(runs.where(learning_rate=rates[0]).by("norm")),
    tables.divergence(runs, label="tab-divergence"),
)

# %% Compare the norms at every rate
text = formatting.interval_text
ends = study.measurements.where(at="end", quantity=["test_accuracy", "train_loss"])
learned = runs.learned
rates_of = {norm: [rate for rate in rates if all(learned[cells[norm, rate]])] for norm in norms}
somewhere = [names[norm] for norm in norms if rates_of[norm]]
everywhere = [names[norm] for norm in norms if len(rates_of[norm]) == len(rates)]
nowhere = [names[norm] for norm in norms if not rates_of[norm]]
reached = (
    f"{len(somewhere)} of {len(norms)} choices of a norm let the network learn in every seed at "
    f"some rate, and {len(everywhere)} at every rate"
)
figures.measures(
    ends,
    ["test_accuracy", "train_loss"],
    "norm",
    "learning_rate",
    label="fig-rates",
    caption=f"{reached}. Colours are learning rates; networks trained on {task.train_size:,} "
    "examples. A run that diverged counts with the accuracy at which it stopped.",
)

# %% [markdown]
# Which norm is better, once each has a rate that suits it? Each norm gets the rate at which it ends
# most accurate on average. Choosing by the accuracy itself favours each norm a little.

# %% Compare the norms at their own rates
best = {
    norm: max(rates, key=lambda r, n=norm: sum(ends.values("test_accuracy", cells[n, r])))
    for norm in norms
}
largest, first = max(rates), norms[0]
rows, gaps = {}, {"one": [], "own": []}
for norm in norms[1:]:
    pairs = {"one": [cells[n, largest] for n in (norm, first)]}
    pairs["own"] = [cells[n, best[n]] for n in (norm, first)]
    lead = {k: ends.difference("test_accuracy", pair, factor=100) for k, pair in pairs.items()}
    for basis, gap in lead.items():
        gaps[basis].append(abs(gap.estimate))
    rows[names[norm]] = {f"at the rate {largest:g}": text(lead["one"])}
    rows[names[norm]] |= {"at own rates": text(lead["own"]), "own rate": f"{best[norm]:g}"}
narrowed = (
    f"At the rate {largest:g} the choices end up to {max(gaps['one']):.0f} percentage points away "
    f"from {names[first]}; with each at its own rate, up to {max(gaps['own']):.0f} points"
)
tables.grid(
    ends,
    rows,
    corner="norm",
    runs=runs,
    label="tab-own",
    caption=f"{narrowed}. Test accuracy minus that of {names[first]} (own rate {best[first]:g}), "
    f"in percentage points: mean over {len(runs.seeds)} seeds with 95% interval.",
)

# %% [markdown]
# ## Which networks fail?
#
# For a quadratic loss, full-batch steps grow where $\lambda_{\max}$ exceeds $2(1 + \beta)/\eta$. We
# divide one by the other for each network ([](#fig-border)). Networks of one norm and rate differ
# in their seed alone, so we also count each norm and rate once, by what most of its networks do.

# %% Sort the networks by the border
quotients = sorting.quotients(initial, "lambda_max", "threshold")
fits = {}  # Arm -> whether the rate of each network is small enough.
for (norm, rate), arm in cells.items():
    ended = ends.values("test_accuracy", arm)
    smaller = [ends.values("test_accuracy", cells[norm, r]) for r in rates if r < rate]
    falls = [max(at) - x > shortfall / 100 for x, *at in zip(ended, ended, *smaller, strict=True)]
    fits[arm] = [ok and not short for ok, short in zip(learned[arm], falls, strict=True)]
border, told, counts = "2(1 + β)/η", {}, {}
ways = {"which networks fail": (learned, ("fail", "learn"))}
ways["whose rate is too large"] = (fits, ("have too large a rate", "do not"))
for words, (flags, verbs) in ways.items():
    counted = sorting.sort(quotients, flags)
    told[words] = f"{'tells' if counted.sorts else 'does not tell reliably'} {words}"
    counts[words] = counted.words("networks", border, verbs)
sorts = f"λ_max before training, beside {border}, {' and '.join(told.values())}"

# %% Draw the networks on both sides of the border
points = {
    names[norm]: (
        [x for rate in rates for x in quotients[cells[norm, rate]]],
        [100 * x for r in rates for x in ends.values("test_accuracy", cells[norm, r])],
    )
    for norm in norms
}
cloud = plots.Cloud(
    "",
    "λ_max before training over 2(1 + β)/η",
    "test accuracy (%)",
    points,
    x_scale="log",
    border=1.0,
)
figures.scatter(
    [cloud],
    label="fig-border",
    caption=f"{counts['which networks fail']}. A point is a network, at the line λ_max equals "
    f"{border}; guessing reaches {100 * task.chance:g}%. λ_max comes from {curvature_examples} "
    "examples.",
    alt="A cloud of points, a colour for each norm: test accuracy over the quotient of λ_max and "
    "the border, with a vertical line at 1.",
)

# %% List the norms and rates
by_cell, rows = sorting.by_arm(quotients, learned), {}
for (norm, rate), arm in cells.items():
    row = rows[f"{names[norm]}, rate {rate:g}"] = {"λ_max before training": ("lambda_max", arm)}
    row["over the border"] = formatting.mean_text(quotients[arm])
    row["learns"], row["rate fits"] = (f"{sum(x[arm])} of {len(x[arm])}" for x in (learned, fits))
    row["test accuracy (%)"] = ("test_accuracy", arm)
table = tables.grid(
    ends | initial,
    rows,
    corner="norm and rate",
    runs=runs,
    label="tab-border",
    caption=f"{by_cell.words('norms and rates', border)}. Mean over seeds ± half-width of the 95% "
    "interval.",
)
display.show(display.Sentence(f"{sorts}. {'. '.join(counts.values())}."), table.at("detail"))

# %% [markdown]
# ## What was found

# %% State the findings
own = [
    f"{names[norm]} at {formatting.list_text([f'{rate:g}' for rate in kept])}"
    for norm, kept in rates_of.items()
    if kept
]
found = display.Findings(
    f"{reached}: {'; '.join(own) or 'none of them'}."
    + (f" With {formatting.list_text(nowhere)} it learns at no rate." if nowhere else ""),
    f"{sorts}. {'. '.join(counts.values())}.",
    f"{narrowed} ([](#tab-own)).",
)
source = {"batch_size": 32, "precision": "float32", "epochs": 20, "dataset": "cifar10"}
source |= {"depth": 20, "width": 1.0, "max_train": 50000}
reasons = {"batch_size": "larger batches take less computing time"}
reasons |= {"max_train": "this study compares many networks"}
reasons |= {"width": "narrow networks take less computing time"}
if not study.evidence:
    reasons = dict.fromkeys(source, "this is a small trial run")
departures = tables.departures(source, study.parameters, reasons, label="tab-departures")
study.close("Norms at several learning rates")
display.show(found, departures, tables.closing(study, evidence=study.evidence))

# %% [markdown]
# ## Discussion

# %% Say what it means
if not nowhere:
    meaning = "No choice of a norm fails at all rates that we tried: a rate fails, not a norm."
elif not somewhere:
    meaning = "No choice of a norm learns at any rate that we tried."
else:
    meaning = (
        f"{formatting.list_text(nowhere)} fails at all rates that we tried; each other choice "
    )
    meaning += "learns at some rate, so there a rate fails, not a norm."
if len(everywhere) < len(somewhere):
    meaning += " A comparison of norms at one rate compares how well that rate suits each of them."
display.Sentence(f"**What it means.** {meaning}")

# %% [markdown]
# **What would change it.** One network on part of one data set was trained with one optimizer and
# one schedule, without a warm-up, which raises the rate that a network survives. $\lambda_{\max}$
# comes from few examples of the training set, and a border for full-batch steps need not hold for
# mini-batches. A network counts as failing by one level of accuracy; [](#fig-border) shows how far
# the others fall short. At a small rate a network may only be slow.
