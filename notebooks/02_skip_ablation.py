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
depth = 8
width = 0.5
epochs = 8
batch_size = 128
learning_rate = 0.1
momentum = 0.9
weight_decay = 1e-4
precision = "float32"
measured = 10000  # training examples on which the curves are measured
small_train = 512  # training examples of the checks of the initialisation
measure_every = 4  # epochs from one measurement of their history to the next
small_rate = 0.01  # learning rate of a check
rho = 0.05  # radius of SAM's step
rho_adaptive = 0.5  # radius of the adaptive step, relative to |theta|
curvature_examples = 256  # first training examples: curvature, sharpness, planes
signal_examples = 128  # likewise: the gradients that layers receive
plane_points = 13
power_iterations = 5  # the source's estimators
coarse_points = 10

# %% [markdown]
# ## The two by two
#
# Residual network and plain one share convolutions, initial weights (He's) and order of batches;
# only the additions are left out: [the curves](#fig-training). Below them stands where runs
# diverged, and [what departs from the source](#tab-departures); what batch size and precision
# change is checked in `02_skip_sharpness` and `02_skip_starts`. Before training, BN in eval mode
# does nothing, having no statistics yet: curves begin at the loss of the network without it.

# %%
study = Study("02_skip_ablation", vars())
task = study.load(dataset, max_train=max_train)
base = training.TrainConfig(
    models.ResNet(depth=depth, width=width),
    training.SGD(learning_rate, momentum=momentum, weight_decay=weight_decay),
    epochs=epochs,
    batch_size=batch_size,
    schedule=training.Cosine(),
    precision=precision,
    measured=measured,
    snapshots=(0,),
)
networks = {
    "skip + BN": {"skip": "yes", "norm": "batch"},
    "BN alone": {"skip": "no", "norm": "batch"},
    "skip alone": {"skip": "yes", "norm": "none"},
    "neither": {"skip": "no", "norm": "none"},
}
settings = {
    name: {"skip": levels["skip"] == "yes", "norm": levels["norm"]}
    for name, levels in networks.items()
}

# %%
he_arms = {name: Arm(name, **levels, init="he", rate="shared") for name, levels in networks.items()}
he_changes = {arm: settings[name] for name, arm in he_arms.items()}
runs = study.train(arms.variants(base, he_changes), task, seeds=seeds, workers=workers)
figures.training(
    runs,
    label="fig-training",
    caption="Training with and without skip connections and BN: mean over seeds, 95% interval as a "
    "band, each seed as a thin line. A curve ends where its run diverged.",
    alt="Four panels over epochs, four arms each: training loss, test loss, test error, and norm "
    "of the mini-batch gradients.",
)

# %%
source = {"batch_size": 32, "precision": "float32", "epochs": 20, "dataset": "cifar10"}
source |= {"depth": 20, "width": 1.0, "max_train": 50000, "small_train": 50000}
source |= {"plane_points": coarse_points}
reasons = dict.fromkeys(source, "costs less" if study.evidence else "a small run, no evidence")
reasons |= {"plane_points": "finer"}
display.show(
    tables.divergence(runs, label="tab-divergence"),
    tables.departures(source, study.parameters, reasons, label="tab-departures"),
)

# %% [markdown]
# How far skip connections take a network that has BN, and one that has not:

# %%
ends = study.measurements.where(at="end")
accuracy = intervals.mean_interval([100 * x for x in ends.values("test_accuracy", "skip + BN")])
from_bn, from_skip = (
    ends.difference("test_accuracy", ["skip + BN", other], factor=100)
    for other in ("BN alone", "skip alone")
)
slower = ends.ratio("train_loss", ["BN alone", "skip + BN"])
display.Sentence(
    f"Skip with BN reaches a test accuracy of {formatting.interval_text(accuracy)} per cent, which "
    f"{formatting.position_text(accuracy, 85.05)}, the source's. The difference to BN alone is "
    f"{formatting.interval_text(from_bn)} percentage points; to skip alone, where runs that "
    f"diverged count with what they left, {formatting.interval_text(from_skip)}. BN alone ends at "
    f"{formatting.interval_text(slower)} times the training loss of skip with BN."
)

# %% [markdown]
# ### Does the initialisation change the finding?
#
# The source does not name its initialisation. The same four arms on fewer examples, from PyTorch's
# default in place of He's; neither also from He's with a small step: [the table](#tab-starts).

# %%
small_task = study.load(dataset, max_train=small_train)
start_changes = {
    Arm(f"{name}, torch", **levels, init="torch", rate="shared"): settings[name] | {"init": "torch"}
    for name, levels in networks.items()
}
small_step = Arm("neither, small step", **networks["neither"], init="he", rate="small")
start_changes[small_step] = settings["neither"] | {"learning_rate": small_rate}
start_configs = arms.variants(
    base, {arm: change | {"measure_every": measure_every} for arm, change in start_changes.items()}
)
start_runs = study.train(start_configs, small_task, seeds=seeds, workers=workers)
display.show(
    tables.arms(
        study.measurements,
        ["test_accuracy", "train_loss"],
        start_runs.arms,
        runs=start_runs,
        label="tab-starts",
        caption=f"Other starts, on {small_task.train_size} examples: mean over seeds ± half-width "
        "of the 95% interval.",
    ),
    tables.divergence(start_runs, label="tab-divergence-starts"),
)

# %%
torch_pairs = {
    name: study.measurements.difference(
        "test_accuracy", ["skip + BN, torch", f"{name}, torch"], factor=100
    )
    for name in ("BN alone", "skip alone", "neither")
}
compared = [f"{name} by {formatting.interval_text(x)}" for name, x in torch_pairs.items()]
display.Sentence(
    "From PyTorch's initialisation the test accuracy of skip with BN differs, in percentage "
    f"points, from {formatting.list_text(compared)}."
)

# %% [markdown]
# ### Do gradients vanish?
#
# [The gradients that layers receive](#fig-signals) before training test the source's picture of a
# decay by 0.9 a layer: [factors](#tab-signals). [Those of the weights](#fig-gradients) cannot:
# without norm a plain network is homogeneous in the weights of each layer, so that ⟨W, ∂L/∂W⟩ is
# the same for all, whatever vanishes.

# %%
signal_set = task.first(signal_examples)
he_signals, start_signals = (
    study.signals(group.solutions(signal_set, step=0, bn="batch")) for group in (runs, start_runs)
)
same_names = {name: f"{name}, torch" for name in networks}
figures.gradients(
    {
        "He's initialisation": he_signals,
        "PyTorch's initialisation": start_signals.renamed(same_names),
    },
    variable="z",
    reference=0.9,
    label="fig-signals",
    caption="Gradients of the loss by the layers' outputs z before training, over "
    f"{signal_examples} examples.",
    alt="Two panels over the layer: gradient norms of the four arms before training, beside a "
    "decay by 0.9 a layer.",
)

# %%
display.show(
    tables.arms(
        study.measurements,
        ["signal_decay"],
        [*runs.arms, *start_runs.arms],
        label="tab-signals",
        caption="The factor by which gradients change from a layer to the one before it, before "
        "training: mean over seeds ± half-width of the 95% interval. Below 1 they vanish.",
    ),
    display.Sentence(
        "Mean-field theory has no free parameter here: for wide plain networks without norm it "
        f"gives 1 from He's initialisation and $\\sqrt{{1/6}}$ = {math.sqrt(1 / 6):.3f} from "
        "PyTorch's, and for plain ones with BN "
        rf"$\sqrt{{\pi/(\pi - 1)}}$ = {math.sqrt(math.pi / (math.pi - 1)):.3f} "
        "(Yang et al. 2019). The source has 0.9 for networks with neither."
    ),
)

# %%
figures.gradients(
    {
        moment: {key: run.gradients[:, place] for key, run in runs.items()}
        for moment, place in {"initialisation": 0, "last epoch": -1}.items()
    },
    label="fig-gradients",
    caption="Gradients by the layers' weights W in the two by two, root mean square over the "
    "mini-batches of an epoch (at the initialisation: the first mini-batch).",
    alt="Two panels over the layer: gradient norms of the four arms at the initialisation and in "
    "the last epoch.",
)

# %% [markdown]
# ## How flat is the landscape around networks that have neither?
#
# At the end of training in full, on fixed training examples: extreme eigenvalues of the Hessian
# until the residual is below $10^{-4}$ of the spectral range, SAM's one-step rise, and their
# scale-invariant versions; the range of the loss on a filter-normalised plane: [all
# numbers](#tab-measures). Beside them stands what the source's own estimators give on these
# networks, five power iterations, and a coarse plane along directions of norm 1: [the
# comparison](#tab-estimators).

# %%
neither = runs.where(skip="no", norm="none")
solutions = neither.solutions(task.first(curvature_examples))
curvature = ["lambda_max", "lambda_min", "kappa", "sam", "lambda_max_relative", "sam_adaptive"]
geometry = study.measure(
    solutions,
    [*curvature, "gradient_norm", "loss", "rounding"],
    rho=rho,
    rho_adaptive=rho_adaptive,
)
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
    caption=f"Networks that have neither, on {curvature_examples} examples: mean over seeds ± "
    "half-width of the 95% interval.",
)

# %%
estimates = study.measure(
    solutions,
    ["power_iteration", "coarse_range"],
    iterations=power_iterations,
    coarse_points=coarse_points,
)
source_numbers = {"power_iteration": {"neither": 0.100}, "coarse_range": {"neither": 0.0}}
display.show(
    tables.estimators(
        published.comparisons(
            geometry | shapes | estimates,
            {"power_iteration": "lambda_max", "coarse_range": "loss_range"},
            source=source_numbers,
        ),
        label="tab-estimators",
        caption="The source's estimators on the networks that have neither. Beside the loss range "
        "of the coarse plane stands that of the filter-normalised one, another quantity.",
    ),
    tables.dead(neither),
)

# %%
display.Sentence(
    "Where outputs p are the same for all inputs and classes, the Hessian of the cross-entropy in "
    "the last layer's biases is diag(p) − ppᵀ, whose largest eigenvalue is "
    f"1/{task.classes} = {1 / task.classes:g}. A network with a λ_max of this size ignores its "
    "inputs, and its flatness says nothing of the landscape that others train in."
)

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
