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
# # Skip connections or normalisation: which one lets a network train?
#
# **Question.** A residual network is trained with and without its skip connections, with and
# without batch normalisation (BN). Which of the two decides how accurate it gets? Networks without
# norm are studied further in `02_skip_starts`, the sharpness of those with BN in
# `02_skip_sharpness`.
#
# **Measured.** The two by two, over seeds: accuracy, where runs diverge and from which gradient
# norm, gradients a layer; from another initialisation too, on fewer examples. How flat the
# landscape is around networks that have neither.
#
# **What will be shown.** How the four kinds of networks compare over seeds and from another
# initialisation, where a source compared one network of each kind. `09_verdicts` judges its claims
# (S3.1, S3.4, S3.6) by these numbers.

# %%
import math

from landscape import models, training
from studies import Arm, Study, arms, display, figures, formatting, intervals, tables
from studies.records import published

# %% tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # "stale" measures again what older code measured
dataset = "digits"
max_train = 50000  # training examples of the two by two, at most
seeds = [0, 1, 2]
workers = 1  # processes that train side by side
depth, width = 8, 0.5
epochs, batch_size = 8, 128
learning_rate, momentum, weight_decay = 0.1, 0.9, 1e-4
precision = "float32"
measured = 10000  # training examples on which the curves are measured
small_train = 512  # training examples of the checks of the initialisation
measure_every = 4  # epochs from one measurement of their history to the next
small_rate = 0.01  # learning rate of a check
rho, rho_adaptive = 0.05, 0.5  # radii of SAM's step, and of the adaptive one, relative to |theta|
curvature_examples = 256  # first training examples: curvature, sharpness, planes
signal_examples = 128  # likewise: the gradients that layers receive
plane_points = 13
power_iterations, coarse_points = 5, 10  # the source's estimators

# %% [markdown]
# ## The two by two
#
# Residual network and plain one share convolutions, initial weights (He's) and order of batches;
# only the additions are left out. [The curves](#fig-training) show means over seeds with 95%
# intervals as bands, and each seed as a thin line; a curve ends where its run diverged. Below them
# stands where runs diverged, and [what departs from the source](#tab-departures); what batch size
# and precision change is checked in `02_skip_sharpness` and `02_skip_starts`. Before training, BN
# in eval mode does nothing, having no statistics yet: curves begin at the loss of the network
# without it.

# %%
study = Study("02_skip_ablation", vars())
task = study.load(dataset, max_train=max_train)
optimizer = training.SGD(learning_rate, momentum=momentum, weight_decay=weight_decay)
options = {"epochs": epochs, "batch_size": batch_size, "schedule": training.Cosine()}
options |= {"precision": precision, "measured": measured, "snapshots": (0,)}
base = training.TrainConfig(models.ResNet(depth=depth, width=width), optimizer, **options)
networks = {"skip + BN": (True, "batch"), "BN alone": (False, "batch")}
networks |= {"skip alone": (True, "none"), "neither": (False, "none")}
he, torch = {}, {}  # Arm -> settings, by initialisation
for name, (skip, norm) in networks.items():
    levels, settings = {"skip": "yes" if skip else "no", "norm": norm}, {"skip": skip, "norm": norm}
    he[Arm(name, **levels, init="he", rate="shared")] = settings
    arm = Arm(f"{name}, torch", **levels, init="torch", rate="shared")
    torch[arm] = settings | {"init": "torch"}

# %%
runs = study.train(arms.variants(base, he), task, seeds=seeds, workers=workers)
figures.training(
    runs,
    label="fig-training",
    caption="Training with and without skip connections and BN.",
)

# %%
source = {"batch_size": 32, "precision": "float32", "epochs": 20, "dataset": "cifar10"}
source |= {"depth": 20, "width": 1.0, "max_train": 50000, "small_train": 50000}
source |= {"plane_points": coarse_points}
reasons = dict.fromkeys(source, "costs less" if study.evidence else "a small run, no evidence")
reasons |= {"plane_points": "finer"}
departures = tables.departures(source, study.parameters, reasons, label="tab-departures")
display.show(tables.divergence(runs, label="tab-divergence"), departures)

# %% [markdown]
# How far skip connections take a network that has BN, and one that has not, where runs that
# diverged count with what they left:

# %%
ends = study.measurements.where(at="end")
accuracy = intervals.mean_interval([100 * x for x in ends.values("test_accuracy", "skip + BN")])
reached = display.Sentence(
    f"Skip with BN reaches a test accuracy of {formatting.interval_text(accuracy)} per cent, which "
    f"{formatting.position_text(accuracy, 85.05)}, the source's."
)
display.show(
    reached,
    tables.ahead(ends, ["skip + BN", "BN alone"], when="With BN in both,"),
    tables.ahead(ends, ["skip + BN", "skip alone"], when="With skip connections in both,"),
    tables.over(ends, ["train_loss"], ["BN alone", "skip + BN"]),
)

# %% [markdown]
# ### Does the initialisation change the finding?
#
# The source does not name its initialisation. The same four arms on fewer examples, from PyTorch's
# default in place of He's; neither also from He's with a small step: [the table](#tab-starts).

# %%
small_task = study.load(dataset, max_train=small_train)
small_step = Arm("neither, small step", skip="no", norm="none", init="he", rate="small")
starts = torch | {small_step: {"skip": False, "norm": "none", "learning_rate": small_rate}}
starts = {arm: settings | {"measure_every": measure_every} for arm, settings in starts.items()}
start_runs = study.train(arms.variants(base, starts), small_task, seeds=seeds, workers=workers)
table = tables.arms(
    study.measurements,
    ["test_accuracy", "train_loss"],
    start_runs.arms,
    runs=start_runs,
    label="tab-starts",
    caption=f"Starts, on {small_task.train_size} examples: mean over seeds with 95% interval.",
)
pairs = [["skip + BN, torch", f"{name}, torch"] for name in ("BN alone", "skip alone", "neither")]
display.show(
    table,
    *(tables.ahead(study.measurements, pair, when="On these examples") for pair in pairs),
    tables.divergence(start_runs, label="tab-divergence-starts"),
)

# %% [markdown]
# ### Do gradients vanish?
#
# [The gradients that layers receive](#fig-signals) before training test the source's picture: in
# networks with neither they decay by 0.9 a layer. [The factors](#tab-signals) from a layer to the
# one before it are below 1 where gradients vanish. [Those of the weights](#fig-gradients), root
# mean square over the mini-batches of an epoch, cannot test it: without norm a plain network is
# homogeneous in the weights of each layer, so that ⟨W, ∂L/∂W⟩ is the same for all, whatever
# vanishes.

# %%
signal_set = task.first(signal_examples)
he_signals, start_signals = (
    study.signals(group.solutions(signal_set, step=0, bn="batch")) for group in (runs, start_runs)
)
torch_signals = start_signals.renamed({name: f"{name}, torch" for name in networks})
figures.gradients(
    {"He's initialisation": he_signals, "PyTorch's initialisation": torch_signals},
    variable="z",
    reference=0.9,
    label="fig-signals",
    caption=f"Gradients by the layers' outputs z before training, on {signal_examples} examples.",
)

# %%
table = tables.arms(
    study.measurements,
    ["signal_decay"],
    [*runs.arms, *start_runs.arms],
    label="tab-signals",
    caption="Factor of the gradients from a layer to the one before it: mean over seeds with "
    "95% interval.",
)
theory = display.Sentence(
    "Mean-field theory has no free parameter here: for wide plain networks without norm it "
    f"gives 1 from He's initialisation and $\\sqrt{{1/6}}$ = {math.sqrt(1 / 6):.3f} from "
    rf"PyTorch's, and for plain ones with BN $\sqrt{{\pi/(\pi - 1)}}$ = "
    f"{math.sqrt(math.pi / (math.pi - 1)):.3f} [@yang2019]."
)
display.show(table, theory)

# %%
moments = {"initialisation": 0, "last epoch": -1}
weight_gradients = {
    moment: {key: run.gradients[:, place] for key, run in runs.items()}
    for moment, place in moments.items()
}
figures.gradients(
    weight_gradients,
    label="fig-gradients",
    caption="Gradients by the layers' weights W: of the first mini-batch, and in the last epoch.",
)

# %% [markdown]
# ## How flat is the landscape around networks that have neither?
#
# At the end of training in full, on fixed training examples: extreme eigenvalues of the Hessian
# until the residual is below $10^{-4}$ of the spectral range, SAM's one-step rise, and their
# scale-invariant versions; the range of the loss on a filter-normalised plane: [all
# numbers](#tab-measures). Beside them stands what the source's own estimators give on these
# networks, five power iterations, and a coarse plane along directions of norm 1: [the
# comparison](#tab-estimators), where the range of the filter-normalised plane is another quantity.
#
# Where outputs p are the same for all inputs and classes, the Hessian of the cross-entropy in the
# last layer's biases is diag(p) − ppᵀ, whose largest eigenvalue stands below. A network with a
# $\lambda_{\max}$ of that size ignores its inputs, and its flatness says nothing of the landscape
# that others train in.

# %%
neither = runs.where(skip="no", norm="none")
solutions = neither.solutions(task.first(curvature_examples))
curvature = ["lambda_max", "lambda_min", "kappa", "sam", "lambda_max_relative", "sam_adaptive"]
radii = {"rho": rho, "rho_adaptive": rho_adaptive}
geometry = study.measure(solutions, [*curvature, "gradient_norm", "loss", "rounding"], **radii)
planes = study.random_planes(solutions, points=plane_points)
study.quadratic_radii(planes)
shapes = study.shapes(planes)
losses = ["test_accuracy", "train_loss", "test_loss"]
tables.arms(
    ends.where(quantity=losses, arm="neither") | geometry | shapes,
    [*losses, *curvature, "loss_range"],
    ["neither"],
    runs=neither,
    label="tab-measures",
    caption=f"Networks with neither, on {curvature_examples} examples: mean over seeds with 95% "
    "interval.",
)

# %%
rough = {"iterations": power_iterations, "coarse_points": coarse_points}
estimates = study.measure(solutions, ["power_iteration", "coarse_range"], **rough)
beside = {"power_iteration": "lambda_max", "coarse_range": "loss_range"}
source_numbers = {"power_iteration": {"neither": 0.100}, "coarse_range": {"neither": 0.0}}
rows = published.comparisons(geometry | shapes | estimates, beside, source=source_numbers)
table = tables.estimators(
    rows, label="tab-estimators", caption="The source's estimators on the networks with neither."
)
ignoring = display.Sentence(
    "A network that ignores its inputs, and gives all classes one probability, has a λ_max of "
    f"1/{task.classes} = {1 / task.classes:g} in the biases of its last layer."
)
display.show(table, ignoring, tables.dead(neither))

# %% [markdown]
# ## What was shown

# %%
study.close("Skip connections or normalisation")
tables.closing(study, evidence=study.evidence)

# %% [markdown]
# ## Limits
#
# One data set and one optimizer; the arms share one learning rate, which may suit one of them
# better. From PyTorch's initialisation networks are trained on part of the data, in fewer steps
# than the source's: a plateau that is not yet left is not told from one that never is. The source
# leaves out its initialisation: both of ours are named above.
