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
# # Which lets a network train: skip connections or normalisation?
#
# **Question.** We train a residual network with and without its skip connections, and with and
# without batch normalisation (BN). Which of the two decides how accurate the network becomes?
#
# **Measured.** Test accuracy and training loss of the four networks over several seeds, from two
# initialisations; the gradients that their layers receive before training; the curvature around
# the plain network without BN.
#
# The other sections of this chapter ask how far [other norms and other
# depths](#02_skip_depth/02-skip-depth) change the picture, [how sharp the two networks with BN
# end](#02_skip_sharpness/02-skip-sharpness), [what would let networks without normalisation
# train](#02_skip_starts/02-skip-starts), and [how a residual network compares with an ordinary
# convolutional one](#02_skip_vs_cnn/02-skip-vs-cnn).

# %% Imports
import math

from landscape import models, training
from studies import Arm, Study, arms, display, figures, formatting, intervals, tables
from studies.records import published

# %% Parameters tags=["parameters"]
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
curve_examples = 2000  # training and test examples on which curves are measured between the ends
small_train = 512  # training examples of the checks of the initialisation
measure_every = 4  # epochs from one measurement of their history to the next
small_rate = 0.01  # learning rate of a check
rho, rho_adaptive = 0.05, 0.5  # radii of SAM's step, and of the adaptive one, relative to |theta|
curvature_examples = 256  # first training examples: curvature, sharpness, planes
signal_examples = 128  # likewise: the gradients that layers receive
plane_points = 13
power_iterations, coarse_points = 5, 10  # the source's estimators

# %% [markdown]
# ## Four networks
#
# The residual network [@he2016] and the plain one share their convolutions, their initial weights
# and the order of their batches; the plain network lacks only the additions. In figures and tables
# *residual + BN* and *plain + BN* have BN [@ioffe2015]; *residual alone* and *plain alone* have no
# normalisation. A network *learns* if it ends more than twice as accurate as guessing.

# %% Describe the four networks
study = Study("02_skip_ablation", vars())
task = study.load(dataset, max_train=max_train)
optimizer = training.SGD(learning_rate, momentum=momentum, weight_decay=weight_decay)
options = {"epochs": epochs, "batch_size": batch_size, "schedule": training.Cosine()}
options |= {"precision": precision, "measured": measured, "snapshots": (0,)}
options |= {"curve_examples": training.CurveExamples(curve_examples, curve_examples)}
base = training.TrainConfig(models.ResNet(depth=depth, width=width), optimizer, **options)
networks = {"residual + BN": (True, "batch"), "plain + BN": (False, "batch")}
networks |= {"residual alone": (True, "none"), "plain alone": (False, "none")}
he, torch = {}, {}  # Arm -> settings, by initialisation
for name, (skip, norm) in networks.items():
    levels, settings = {"skip": "yes" if skip else "no", "norm": norm}, {"skip": skip, "norm": norm}
    he[Arm(name, **levels, init="he", rate="shared")] = settings
    arm = Arm(f"{name}, torch", **levels, init="torch", rate="shared")
    torch[arm] = settings | {"init": "torch"}

# %% Train the four networks
runs = study.train(arms.variants(base, he), task, seeds=seeds, workers=workers)
curves = (
    "Training loss, test loss, test error and gradient norm: means over seeds with 95% intervals "
    "as bands, each seed as a thin line. A curve ends where a run diverged. Before training BN has "
    "no statistics, so that in eval mode its curves start at the loss of the network without it."
)
figures.training(
    runs,
    label="fig-training",
    caption=f"From He's initialisation, {tables.outcomes(runs)}. {curves}",
)

# %% List settings, departures from the source and divergences
source = {"batch_size": 32, "precision": "float32", "epochs": 20, "dataset": "cifar10"}
source |= {"depth": 20, "width": 1.0, "max_train": 50000, "small_train": 50000}
source |= {"plane_points": coarse_points}
reasons = {"batch_size": "larger batches take less computing time"}
reasons |= {"precision": "bfloat16 takes less computing time"}
reasons |= {"small_train": "these runs are checks", "plane_points": "a finer grid shows more"}
if not study.evidence:
    reasons = dict.fromkeys(source, "this is a small trial run")
departures = tables.departures(source, study.parameters, reasons, label="tab-departures")
display.show(
    tables.setup(runs),
    departures,
    tables.divergence(runs, label="tab-divergence"),
)

# %% [markdown]
# We compare the networks at the end of training, pair by pair. A run that diverged counts with its
# last accuracy.

# %% Compare the four networks where training ended
ends = study.measurements.where(at="end")
percent = {arm: [100 * x for x in ends.values("test_accuracy", arm)] for arm in networks}
accuracy = intervals.mean_interval(percent["residual + BN"])
single, norm_gain, skip_gain = (
    ends.difference("test_accuracy", pair, factor=100)
    for pair in (
        ["plain + BN", "residual alone"],
        ["residual + BN", "residual alone"],
        ["residual + BN", "plain + BN"],
    )
)
slower = ends.ratio("train_loss", ["plain + BN", "residual + BN"])
decides = formatting.depending(
    single,
    above="BN decides whether the network trains, not the skip connections",
    below="skip connections decide whether the network trains, not BN",
    undecided="these runs do not tell whether BN or skip connections matter more",
)
decides = f"From He's initialisation at a learning rate of {learning_rate:g}, {decides}"
text = formatting.interval_text

# %% Tabulate accuracy and training loss
display.show(
    display.Sentence(
        f"{decides}. BN changes the test accuracy of a residual network by "
        f"{text(norm_gain)} percentage points; skip connections change the accuracy of a network "
        f"with BN by {text(skip_gain)} points. Without them its training loss ends {text(slower)} "
        f"times as high (n = {slower.n} seeds)."
    ),
    tables.grid(
        ends,
        tables.by_arm(
            {"test accuracy (%)": "test_accuracy", "training loss (nats)": "train_loss"},
            list(networks),
        ),
        corner="network",
        runs=runs,
        label="tab-accuracy",
        caption="With BN, a plain network ends "
        + formatting.depending(
            skip_gain,
            above="less accurate than a residual one",
            below="more accurate than a residual one",
            undecided="as accurate as a residual one within the error",
        )
        + f": mean over {len(seeds)} seeds ± half-width of the 95% interval. For residual + BN the "
        "source reports 85.05%, which our interval "
        + formatting.depending(
            accuracy, border=85.05, above="exceeds", below="does not reach", undecided="includes"
        )
        + ".",
        emphasise=("plain + BN", "test accuracy (%)"),
    ),
)

# %% [markdown]
# ## Another initialisation
#
# The source does not name its initialisation. We therefore train the four networks again from
# PyTorch's default in place of He's, on fewer examples, and the plain network without BN from He's
# initialisation at a smaller learning rate, too.

# %% Train from other initialisations
small_task = study.load(dataset, max_train=small_train)
small_step = Arm("plain alone, small step", skip="no", norm="none", init="he", rate="small")
starts = torch | {small_step: {"skip": False, "norm": "none", "learning_rate": small_rate}}
starts = {arm: settings | {"measure_every": measure_every} for arm, settings in starts.items()}
start_runs = study.train(arms.variants(base, starts), small_task, seeds=seeds, workers=workers)
torch_runs = start_runs.renamed({name: f"{name}, torch" for name in networks})

# %% Compare the networks from PyTorch's initialisation
small = study.measurements.where(arm=start_runs.arms, at="end")
torch_gains = {
    name: small.difference("test_accuracy", ["residual + BN, torch", f"{name}, torch"], factor=100)
    for name in ("plain + BN", "residual alone")
}
rows = {f"{name}, PyTorch's": f"{name}, torch" for name in networks}
rows |= {f"plain alone, He's, learning rate {small_rate:g}": small_step}
display.show(
    display.Sentence(
        f"From PyTorch's initialisation, {tables.outcomes(torch_runs)}. The test accuracy of "
        "the residual network with BN, minus the accuracy of another network, is "
        f"{text(torch_gains['plain + BN'])} percentage points for the plain network with BN, and "
        f"{text(torch_gains['residual alone'])} points for the residual network without BN."
    ),
    tables.grid(
        small,
        tables.by_arm(
            {"test accuracy (%)": "test_accuracy", "training loss (nats)": "train_loss"}, rows
        ),
        corner="network and initialisation",
        runs=start_runs,
        label="tab-starts",
        caption=f"From PyTorch's initialisation {tables.outcomes(torch_runs.where(norm='none'))}. "
        f"After training on {small_task.train_size:,} examples: mean over seeds ± half-width of "
        "the 95% interval.",
        emphasise=("residual alone, PyTorch's", "test accuracy (%)"),
    ),
    tables.divergence(start_runs, label="tab-divergence-starts"),
)

# %% [markdown]
# ## Gradients before training
#
# The source explains the failure of the plain network without BN by gradients that shrink by 0.9
# a layer. We test this with the gradients by the outputs of the layers, before training. Gradients
# by the weights cannot test it: without a norm, a plain network is homogeneous in the weights of
# each layer, and ⟨W, ∂L/∂W⟩ is the same for all layers, whatever vanishes.

# %% Measure the gradients that layers receive before training
signal_set = task.first(signal_examples)
he_signals, start_signals = (
    study.signals(group.solutions(signal_set, step=0, bn="batch")) for group in (runs, start_runs)
)
torch_signals = start_signals.renamed({name: f"{name}, torch" for name in networks})
factors = study.measurements.where(quantity="signal_decay", at="start")
he_decay, torch_decay = (
    intervals.mean_interval(factors.values("signal_decay", arm))
    for arm in ("plain alone", "plain alone, torch")
)
figures.gradients(
    {"He's initialisation": he_signals, "PyTorch's initialisation": torch_signals},
    variable="z",
    reference=0.9,
    label="fig-signals",
    caption="Towards the input, the gradients of the plain network without BN change by a factor "
    f"of {text(he_decay)} a layer from He's initialisation, and of {text(torch_decay)} from "
    "PyTorch's. Norms of the gradients by the outputs z of the layers before training, on "
    f"{signal_examples} examples; the reference curve shrinks by the source's 0.9 a layer.",
)

# %% [markdown]
# Mean-field theory predicts these factors without a free parameter for wide plain networks
# [@yang2019]: 1 from He's initialisation and $\sqrt{1/6}$ from PyTorch's without a norm, and
# $\sqrt{\pi/(\pi - 1)}$ with BN.

# %% Compare the factors with theory
theory = {
    "plain + BN": [math.sqrt(math.pi / (math.pi - 1))] * 2,
    "plain alone": [1, math.sqrt(1 / 6)],
}
columns = ["He's", "theory for He's", "PyTorch's", "theory for PyTorch's"]
rows = {}
for name in networks:
    predicted = [f"{value:.3f}" for value in theory.get(name, [])] or ["–", "–"]
    measured_cells = [("signal_decay", arm) for arm in (name, f"{name}, torch")]
    cells = [measured_cells[0], predicted[0], measured_cells[1], predicted[1]]
    rows[name] = dict(zip(columns, cells, strict=True))
fading = [
    arm.replace(", torch", " from PyTorch's")
    for arm in (*runs.arms, *torch_runs.renamed({f"{n}, torch": n for n in networks}).arms)
    if intervals.mean_interval(factors.values("signal_decay", arm)).high < 1
]
tables.grid(
    factors,
    rows,
    corner="network",
    label="tab-signals",
    caption="Gradients shrink towards the input in "
    f"{formatting.list_text(fading or ['no network'])}, and in no other network: factor from a "
    "layer to the layer before it, mean over seeds ± half-width of the 95% interval. A dash: "
    "theory makes no statement.",
    emphasise=("plain alone", "He's"),
)

# %% Draw the gradients by the weights
moments = {"initialisation": 0, "last epoch": -1}
weight_gradients = {
    moment: {key: run.gradients[:, place] for key, run in runs.items()}
    for moment, place in moments.items()
}
figures.gradients(
    weight_gradients,
    label="fig-gradients",
    caption="Gradients by the weights W tell little of what vanishes: norms layer by layer for the "
    "first mini-batch, and root mean squares over the mini-batches of the last epoch.",
).at("detail")

# %% [markdown]
# ## The landscape around the plain network without BN
#
# The source finds a flat landscape around this network and takes flatness for the obstacle.
# We measure its curvature at the end of training, the largest eigenvalue $\lambda_{\max}$ of the
# Hessian, and look at what the network computes there.

# %% Measure the curvature around the plain network without BN
plain_alone = runs.where(skip="no", norm="none")
solutions = plain_alone.solutions(task.first(curvature_examples))
curvature = ["lambda_max", "lambda_min", "kappa", "sam", "lambda_max_relative", "sam_adaptive"]
radii = {"rho": rho, "rho_adaptive": rho_adaptive}
geometry = study.measure(solutions, [*curvature, "gradient_norm", "loss", "rounding"], **radii)
planes = study.random_planes(solutions, points=plane_points)
study.quadratic_radii(planes)
shapes = study.shapes(planes)
losses = ["test_accuracy", "train_loss", "test_loss"]
tables.arms(
    ends.where(quantity=losses, arm="plain alone") | geometry | shapes,
    [*losses, *curvature, "loss_range"],
    ["plain alone"],
    runs=plain_alone,
    label="tab-measures",
    caption=f"{tables.outcomes(plain_alone).capitalize()}, and its surroundings have this "
    f"curvature: mean over seeds with 95% interval, on {curvature_examples} examples.",
).at("detail")

# %% Compare with the source's estimators
rough = {"iterations": power_iterations, "coarse_points": coarse_points}
estimates = study.measure(solutions, ["power_iteration", "coarse_range"], **rough)
beside = {"power_iteration": "lambda_max", "coarse_range": "loss_range"}
source_numbers = {"power_iteration": {"plain alone": 0.100}, "coarse_range": {"plain alone": 0.0}}
rows = published.comparisons(geometry | shapes | estimates, beside, source=source_numbers)
flatness, by_power = (
    intervals.mean_interval(group.values(name, "plain alone"))
    for group, name in ((geometry, "lambda_max"), (estimates, "power_iteration"))
)
constant = display.Sentence(
    f"The λ_max of these networks is {text(flatness)} nats per parameter², and {text(by_power)} by "
    f"the source's {power_iterations} power iterations; the source reports 0.100. A network that "
    f"gives each of {task.classes} classes the same probability, whatever its input, has a λ_max "
    f"of 1/{task.classes} in the biases of its last layer: there the Hessian is diag(p) − ppᵀ."
)
table = tables.estimators(
    rows,
    label="tab-estimators",
    caption="The last column shows how far the source's estimators miss the converged values.",
)
display.show(tables.dead(plain_alone), constant, table.at("detail"))

# %% [markdown]
# ## What was found

# %% State the findings
found = display.Findings(
    f"{decides}: the test accuracy is {text(single)} percentage points higher with BN alone than "
    f"with skip connections alone (n = {single.n} seeds). From PyTorch's initialisation, "
    f"{tables.outcomes(torch_runs.where(norm='none'))} ([](#tab-starts)).",
    f"In a network with BN, skip connections change the test accuracy by {text(skip_gain)} points; "
    f"without them the training loss ends {text(slower)} times as high.",
    "From He's initialisation "
    + tables.outcomes(plain_alone.renamed({"the plain network without BN": "plain alone"}))
    + ". Before training, its gradients "
    + formatting.depending(
        he_decay,
        border=1,
        above="grow towards the input",
        below="shrink towards the input",
        undecided="neither grow nor shrink towards the input",
    )
    + f": they change by a factor of {text(he_decay)} a layer. From PyTorch's initialisation the "
    f"factor is {text(torch_decay)}.",
)
study.close("Skip connections or normalisation")
display.show(found, tables.closing(study, evidence=study.evidence))

# %% [markdown]
# ## Discussion

# %% Say what it means
display.Sentence(
    "**What it means.** "
    + formatting.depending(
        single,
        above="At this depth and learning rate a network needs normalisation to train from He's "
        "initialisation, and skip connections do not replace it there.",
        below="At this depth and learning rate a network needs skip connections to train from "
        "He's initialisation, and normalisation does not replace them.",
        undecided="These runs do not rank skip connections and normalisation.",
    )
    + formatting.depending(
        he_decay,
        border=0.9,
        above=" Vanishing gradients do not explain why the plain network without BN fails there.",
        below=" Vanishing gradients can explain why the plain network without BN fails there.",
        undecided=" Whether vanishing gradients explain why the plain network without BN fails "
        "stays open.",
    )
    + (
        " It ends in a flat landscape because it ignores its inputs; its flatness says nothing of "
        "the landscape in which other networks train."
        if not any(run.gradients[:, -1].any() for run in plain_alone.values())
        else ""
    )
)

# %% [markdown]
# **What would change it.** All networks share one data set, one optimizer and one learning rate,
# which may suit some of them better; [other starts and smaller
# steps](#02_skip_starts/fig-starts) change what networks without norm learn. From PyTorch's
# initialisation we train on part of the data, in fewer steps than the source: a network that has
# not left a plateau by then may still leave it.
