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
# # Do optimizers, batch sizes and learning rates end in different places?
#
# **Question.** A multilayer perceptron and a convolutional network are trained for the same few
# epochs by SGD, SGD with momentum, Nesterov, Adam, AdamW, SAM and ASAM. Does momentum find the
# flattest minima and plain SGD the sharpest, or does a comparison at one learning rate compare
# learning rates? Do small batches end flatter, and does curvature follow the learning rate?
#
# **Measured.** Over seeds: accuracy, loss, extreme eigenvalues and trace of the Hessian, SAM's and
# the adaptive sharpness, the average rise, gradient noise, the largest eigenvalue of the
# preconditioned Hessian, lines and planes; curvature also where training losses are equal. Over
# batch sizes, at a fixed rate, at a fixed ratio of rate to batch size and for as many steps, and
# over learning rates: curvature, sharpness and noise. In full-batch descent: the largest eigenvalue
# over training, against the largest at which the step is stable.
#
# **What will be shown.** What an optimizer changes once each has its own learning rate, and what
# the learning rate and the batch size explain alone.

# %%
import itertools

from landscape import models, training
from studies import (
    Study,
    arms,
    display,
    factorial,
    figures,
    formatting,
    power_laws,
    tables,
    tuning,
)
from studies.records import equal_loss

# %% tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # "stale" measures again what older code measured
dataset = "digits"
max_train = 60000
seeds = [0, 1, 2]
workers = 1  # processes that train side by side
hidden = [32]  # of the MLP
channels = [8, 8]  # of the CNN
cnn_hidden = 32
epochs = 5
batch_size = 64
learning_rate = 0.1  # the one that all optimizers share
adam_rate = 0.001  # PyTorch's default, since the source names none
momentum = 0.9
sam_rho = 0.05
asam_rho = 0.5
rates = [0.01, 0.1, 0.3]  # the grid of learning rates
adaptive_rates = [0.001, 0.01, 0.1]  # that of Adam and AdamW
grid_seeds = [0]
measured = 10000  # training examples on which the curves are measured
batch_sizes = [32, 64, 128]
rate_steps = [0.01, 0.03, 0.1, 0.3]  # learning rates over 1 − β: those of SGD
rho = 0.05  # radius of SAM's step
rho_adaptive = 0.5  # radius of the adaptive step, relative to |theta|
rho_average = 1.0  # length of random perturbations, in parameter units
rise_rtol = 0.1  # standard error of their mean rise; seeds differ by more
curvature_examples = 256
check_examples = [64, 256, 1024]  # on how many λ_max is compared
slice_reach = 1.0  # of lines and planes, in filter norms
line_directions = 3
line_points = 21
basin_level = 0.5  # nats above the solution: the rim of a basin
plane_points = 13
edge_dataset = "digits"
edge_examples = 256
edge_hidden = [32, 32]
edge_steps = 240
edge_rates = [0.5, 1.0]
edge_adam_rate = 0.01
edge_batch = 32
edge_points = 8

# %% [markdown]
# ## All optimizers at one learning rate
#
# As the source seems to have it, which names one rate for its other runs and none for Adam: [the
# curves of the MLP](#fig-mlp) and [of the CNN](#fig-cnn). All arms of a seed start from the same
# weights and see the same batches. SAM and ASAM step with momentum; their steps cost two passes.

# %%
study = Study("03_optimizer_sweep", vars())
task = study.load(dataset, max_train=max_train)
mlp = models.MLP(hidden=tuple(hidden))
cnn = models.CNN(channels=tuple(channels), hidden=cnn_hidden, norm="none")
networks = {"MLP": {"model": mlp}, "CNN": {"model": cnn}}
with_momentum = {"learning_rate": learning_rate, "momentum": momentum}
optimizers = {
    "SGD": {"optimizer": training.SGD(learning_rate)},
    "momentum": {"optimizer": training.SGD(**with_momentum)},
    "Nesterov": {"optimizer": training.SGD(**with_momentum, nesterov=True)},
    "Adam": {"optimizer": training.Adam(learning_rate)},
    "AdamW": {"optimizer": training.AdamW(learning_rate)},
    "SAM": {"optimizer": training.SAM(**with_momentum, rho=sam_rho)},
    "ASAM": {"optimizer": training.ASAM(**with_momentum, rho=asam_rho)},
}
adaptive = ["Adam", "AdamW"]

# %% [markdown]
# Each combination of network and optimizer is an arm, and the learning rate a factor of it.

# %%
settings = {"epochs": epochs, "batch_size": batch_size, "measured": measured}
base = training.TrainConfig(mlp, training.SGD(learning_rate), **settings)
sweep = {"seeds": seeds, "workers": workers}
shared_grid = factorial(base, network=networks, optimizer=optimizers, rate={"shared": {}})
shared = study.train(shared_grid, task, **sweep)
for net in networks:
    figure = figures.training(
        shared.where(network=net).by("optimizer"),
        label=f"fig-{net.lower()}",
        caption=f"Training the {net} by {len(optimizers)} optimizers at the learning rate "
        f"{learning_rate:g}: mean over seeds, 95% interval as a band, each seed as a thin line. "
        f"Training loss is that of the first {min(measured, task.train_size):,} examples.",
        alt="Four panels over epochs, a curve for each optimizer: losses, test error, gradient "
        "norm.",
    )
    display.show(figure)

# %% [markdown]
# An arm that does not learn says nothing about minima. These diverged, and these learned:

# %%
display.show(tables.divergence(shared, label="tab-divergence"), tables.learned(shared))

# %% [markdown]
# ## Each optimizer at its own best rate
#
# A comparison at one rate may compare rates. Each optimizer therefore also gets the rate of a grid
# that leads to the smallest training loss: [the grid](#tab-grid). Where the best is at the border
# of the grid, a better one may lie outside; two that are close may change places in another seed.

# %%
configs = factorial(base, network=networks, optimizer=optimizers)
grid = {}
for arm, config in configs.items():
    values = adaptive_rates if arm.factors["optimizer"] in adaptive else rates
    grid |= tuning.tuning_grid({arm: config}, "learning_rate", values)
grid_runs = study.train(grid, task, seeds=grid_seeds, workers=workers)
best = tuning.tuned_values(grid_runs, "learning_rate")
own_grid = tuning.tuned_configs(configs, best, "learning_rate", rate="own")
tables.tuned(
    best,
    heading="learning rate",
    label="tab-grid",
    caption=f"{epochs} epochs at each learning rate of a grid; Adam and AdamW have one of smaller "
    "rates.",
)

# %% [markdown]
# Two more arms: Adam at its default rate, and SGD at the shared rate over $1 - \beta$ ("paced"), at
# which SGD moves as far as momentum does in the long run.

# %%
paced = {"paced": {"learning_rate": learning_rate / (1 - momentum)}}
default = {"default": {"learning_rate": adam_rate}}
sgd, adam = ({name: optimizers[name]} for name in ("SGD", "Adam"))
extra_grid = {
    **factorial(base, network=networks, optimizer=sgd, rate=paced),
    **factorial(base, network=networks, optimizer=adam, rate=default),
}
tuned = study.train({**extra_grid, **own_grid}, task, **sweep)
trained = shared | tuned
display.show(
    tables.divergence(tuned, label="tab-divergence-tuned"),
    tables.learned(tuned),
    tables.rebounds(trained),
    tables.repeated({**shared_grid, **extra_grid, **own_grid}),
)

# %% [markdown]
# ## Sharp or flat
#
# At the end of training: curvature and one-step rises ([MLP](#tab-measures-mlp),
# [CNN](#tab-measures-cnn)), and flatness in other units and on average ([MLP](#tab-flatness-mlp),
# [CNN](#tab-flatness-cnn)).

# %%
sharpness = ["lambda_max", "lambda_min", "kappa", "lambda_max_relative", "rounding"]
sharpness += ["sam", "gradient_norm", "loss", "sam_adaptive"]
averages = ["trace", "mean_eigenvalue", "average_rise", "noise_trace", "noise_scale"]
ends = trained.solutions(task.first(curvature_examples))
study.measure(ends, sharpness, rho=rho, rho_adaptive=rho_adaptive)
study.measure(ends, averages, rho=rho_average, rise_rtol=rise_rtol)
ended = study.measurements.where(at="end", rate=["shared", "paced", "default", "own"])

# %% [markdown]
# Curvature falls with the loss, so the training loss stands beside it:

# %%
panels = {
    "measures": ["test_accuracy", "train_loss", "lambda_max", "trace", "sam"],
    "flatness": ["lambda_max_relative", "sam_adaptive", "average_rise", "noise_trace"],
}
for net, (kind, quantities) in itertools.product(networks, panels.items()):
    table = tables.arms(
        ended.where(network=net).by("optimizer", "rate"),
        quantities,
        runs=trained.where(network=net).by("optimizer", "rate"),
        label=f"tab-{kind}-{net.lower()}",
        caption=f"The {net}, at the shared rate {learning_rate:g} and at each optimizer's own: "
        "mean over seeds, also of those that do not learn, ± half-width of the 95% interval. "
        "Losses and rises in nats; gradient noise is the trace of the covariance of the "
        "examples' gradients, all of one set, which ± knows nothing of.",
    )
    display.show(table)

# %% [markdown]
# Adam divides each step by a scale of each parameter, so the curvature that it meets is
# [preconditioned](#tab-preconditioned).

# %%
preconditioned = ["lambda_max_preconditioned", "threshold"]
tables.arms(
    study.measure(ends.where(optimizer=adaptive), preconditioned),
    preconditioned,
    runs=trained.where(optimizer=adaptive),
    label="tab-preconditioned",
    caption="The largest eigenvalue of $P^{-1/2} H P^{-1/2}$, with $P$ from the second moments "
    "that Adam carries at the end, beside the largest at which full-batch steps are stable.",
)

# %% [markdown]
# ### At equal training loss
#
# Curvature of the cross-entropy falls with the loss, so that the optimizer that trains fastest may
# end flattest for that reason alone. For each seed, SGD, momentum and Adam at their own rates are
# measured at the step nearest to where they first reach the largest of their three final losses, on
# a line between two measurements ([table](#tab-equal)).

# %%
rivals = tuned.where(rate="own", optimizer=["SGD", "Adam", "momentum"])
equals = study.at_equal_loss(rivals, task.first(curvature_examples), within="network")
equal_numbers = study.measure(
    equals, ["loss", "lambda_max", "sam", "gradient_norm", "rounding"], rho=rho
)
spread = [equal_loss.largest_ratio(equal_numbers.where(network=net), "loss") for net in networks]
at_equal_loss = equal_numbers.by("network", "optimizer", "at")
tables.arms(
    at_equal_loss,
    ["loss", "lambda_max", "sam"],
    label="tab-equal",
    caption="Where the training loss first reaches what all three reach: mean over seeds ± "
    "half-width of the 95% interval. Losses on the examples of the Hessian, and rises, in nats. On "
    f"these examples the losses of one seed differ by up to a factor of {max(spread):.2g}.",
)

# %% [markdown]
# Few examples make the largest eigenvalue larger: [$\lambda_{\max}$ of the first
# seed](#fig-examples) on sets of several sizes.

# %%
first_ends = rivals.where(seed=seeds[0]).solutions(task.first(curvature_examples))
for size in check_examples:
    subset = first_ends.replace(examples=task.first(size)).labelled(subset=size)
    study.measure(subset, ["lambda_max"])
figures.against(
    study.measurements.where(subset=check_examples),
    ["lambda_max"],
    "subset",
    x="training examples",
    label="fig-examples",
    caption="The largest eigenvalue against the number of training examples that it is measured "
    "on, first seed. Other numbers are measured on the first "
    f"{min(curvature_examples, task.train_size):,}.",
    alt="A curve for each network and optimizer: largest eigenvalue over the number of examples.",
)

# %% [markdown]
# ### Slices
#
# Lines along random filter-normalised directions, at each optimizer's own rate
# ([MLP](#fig-lines-mlp), [CNN](#fig-lines-cnn)), and how [wide the basin](#tab-lines) is along
# them.

# %%
lines = study.lines(
    ends.where(rate="own"), points=line_points, count=line_directions, reach=slice_reach
)
for net in networks:
    figure = figures.lines(
        lines.where(network=net).by("optimizer"),
        network=net,
        label=f"fig-lines-{net.lower()}",
        caption=f"Loss and accuracy of the {net} along random filter-normalised directions through "
        f"each solution, {line_directions} for each: mean over seeds with 95% interval.",
        alt="Two panels over the position, a curve for each optimizer: training loss, accuracy.",
    )
    display.show(figure)
tables.arms(
    study.line_widths(lines, level=basin_level),
    ["line_width"],
    runs=tuned.where(rate="own"),
    label="tab-lines",
    caption=f"How wide the basin is along these lines, {basin_level:g} nats above the solution, in "
    "filter norms: mean over seeds ± half-width of the 95% interval.",
)

# %% [markdown]
# [Planes](#fig-planes) through the first seed's solutions, on shared levels.

# %%
planes = study.random_planes(first_ends, points=plane_points, reach=slice_reach)
study.quadratic_radii(planes)
figures.predicted_planes(
    planes.by("network", "optimizer"),
    unit="filter norms",
    label="fig-planes",
    caption="Training loss on a filter-normalised plane through the first seed's solutions at "
    "their own rates, on shared levels.",
    alt="Contour plots side by side: two networks, each by up to three optimizers.",
)

# %% [markdown]
# ### What an optimizer changes
#
# [Each optimizer beside momentum](#tab-against): at one rate, at their own, and near equal loss.

# %%
equal_arms = [arms.named({**arm.factors, "rate": "equal loss"}) for arm in rivals.arms]
pairs = arms.beside(
    [*trained.arms, *equal_arms],
    factor="optimizer",
    reference="momentum",
    column="rate",
    instead={"paced": "shared", "default": "shared"},
)
numbers = ended | at_equal_loss
tables.ratios(
    numbers,
    pairs,
    quantity="lambda_max",
    kept=trained.learned,
    label="tab-against",
    caption="λ_max of each optimizer over momentum's at each rate, of SGD paced and Adam default "
    "over momentum's at the shared rate: ratio and 95% interval over the seeds in which both "
    "networks learn, n where these are not all.",
)

# %% [markdown]
# Plain SGD beside momentum, in one sentence for each network:

# %%
for net in networks:
    columns = pairs[f"{net}, SGD"]
    ratios = {rate: numbers.ratio("lambda_max", pair) for rate, pair in columns.items()}
    texts = [f"{formatting.interval_text(ratio)} ({rate})" for rate, ratio in ratios.items()]
    display.show(
        display.Sentence(
            f"In the {net}, λ_max after SGD over λ_max after momentum: "
            f"{formatting.list_text(texts)}."
        )
    )

# %% [markdown]
# ## Batch size and learning rate
#
# SGD with momentum on the MLP. With a fixed number of epochs smaller batches take more steps and
# end at another training loss; hence also as many steps for all. At a fixed ratio of rate to batch
# size the noise per unit of time is the same ([figure](#fig-batches)).

# %%
proportional = {
    size: {"batch_size": size, "learning_rate": learning_rate * (size / batch_size)}
    for size in batch_sizes
}
longer = {
    size: {"batch_size": size, "epochs": epochs * factor, "measure_every": factor}
    for size, factor in ((size, size // min(batch_sizes)) for size in batch_sizes)
}
batch_grid = {
    **factorial(base, family={"fixed rate": optimizers["momentum"]}, batch_size=batch_sizes),
    **factorial(base, family={"fixed ratio": optimizers["momentum"]}, batch_size=proportional),
    **factorial(base, family={"as many steps": optimizers["momentum"]}, batch_size=longer),
}

# %% [markdown]
# [Learning rates](#fig-rates), for SGD and momentum, at one batch size, drawn over
# $\eta / (1 - \beta)$.

# %%
rate_grid = {}
for name, factor in {"SGD": 1, "momentum": 1 - momentum}.items():
    slower = {rate: {"learning_rate": rate * factor} for rate in rate_steps}
    rate_grid |= factorial(base, optimizer={name: optimizers[name]}, effective_rate=slower)
swept = study.train({**batch_grid, **rate_grid}, task, **sweep)
batch_families = arms.families(batch_grid, family="family", size="batch_size")
rate_families = arms.families(rate_grid, family="optimizer", size="effective_rate")
display.show(tables.divergence(swept, label="tab-divergence-swept"), tables.learned(swept))

# %% [markdown]
# Curvature, noise and accuracy of these networks against the batch size:

# %%
swept_ends = swept.solutions(task.first(curvature_examples))
study.measure(swept_ends, sharpness, rho=rho, rho_adaptive=rho_adaptive)
swept_flatness = study.measure(swept_ends, averages, rho=rho_average, rise_rtol=rise_rtol)
sweeps = study.measurements.where(arm=swept.arms)
scaled = ["lambda_max", "trace", "noise_trace", "sam_adaptive", "train_loss"]
figures.against_size(
    sweeps,
    [*scaled, "test_accuracy"],
    batch_families,
    x="batch size (examples)",
    label="fig-batches",
    caption="Batch size, at a fixed learning rate, at a fixed ratio of rate to batch size, and for "
    "as many steps as the smallest takes: mean over seeds with 95% interval.",
    alt="Six panels over the batch size: largest eigenvalue, trace, gradient noise, adaptive rise, "
    "training loss, test accuracy.",
)

# %% [markdown]
# And against the learning rate:

# %%
figures.against_size(
    sweeps,
    [*scaled, "test_accuracy"],
    rate_families,
    x="learning rate over 1 − β",
    label="fig-rates",
    caption="Learning rate over 1 − β, for SGD and SGD with momentum: mean over seeds with 95% "
    "interval.",
    alt="Six panels over the learning rate: largest eigenvalue, trace, gradient noise, adaptive "
    "rise, training loss, test accuracy.",
)

# %% [markdown]
# As powers of batch size and rate, [these are the exponents](#tab-exponents).

# %%
exponents = power_laws.power_law_exponents(sweeps, scaled, {**batch_families, **rate_families})
rising = [
    f"{formatting.interval_text(exponents['trace', family])} ({family})"
    for family in batch_families
]
display.show(
    tables.exponents(
        exponents,
        scaled,
        label="tab-exponents",
        caption="Exponents of power laws in the batch size, and in the learning rate (last two), "
        "over the whole range.",
    ),
    display.Sentence(
        f"The trace goes with the batch size to the power {formatting.list_text(rising)}; above 0, "
        "smaller batches end flatter."
    ),
)

# %% [markdown]
# The source also states a [bound](#tab-bounds). Its second term falls with the batch size, and its
# constant C has no value.

# %%
tables.arms(
    swept_flatness | study.bounds(swept.where(family=list(batch_families)), swept_flatness),
    {"trace": "tr H", "trace_bound": "bound, C = 1", "trace_constant": "C that it takes"},
    swept.where(family=["fixed rate", "as many steps"]).arms,
    runs=swept,
    label="tab-bounds",
    caption="The source's bound with L* = 0 and the learning rate over 1 − β, and the C at which "
    "it would be the trace, negative where its first term alone is more: mean over seeds ± "
    "half-width of the 95% interval. The bound is one of squared gradients, the trace a curvature; "
    "were C a constant, it would be the same in all rows.",
)

# %% [markdown]
# ## The edge of stability
#
# Full-batch descent on a small set. It is said that $\lambda_\max$ grows until the step is no
# longer stable, $2/\eta$ for gradient descent, $2(1 + \beta)/\eta$ with momentum, and for Adam
# $38/\eta$ of the preconditioned Hessian (Cohen et al. 2021, 2022); that it stays below with
# mini-batches, where the mean curvature along mini-batch gradients, batch sharpness, takes its
# place (Andreyev and Beneventano 2024); and that it falls again once the examples are fitted.
# Full batches first:

# %%
edge_task = study.load(edge_dataset, max_train=edge_examples)
steps_per_epoch = -(-edge_task.train_size // edge_batch)
descent = training.TrainConfig(
    models.MLP(hidden=tuple(edge_hidden), activation="tanh"),
    training.SGD(edge_rates[0]),
    epochs=edge_steps,
    batch_size=edge_task.train_size,
    measure_every=edge_steps / edge_points,
    snapshots=[edge_steps * point // edge_points for point in range(edge_points + 1)],
)
optimizer_levels = {
    "momentum": {"optimizer": training.SGD(edge_rates[0], momentum=momentum)},
    "Adam": {"optimizer": training.Adam(edge_adam_rate)},
}
full_grid = {
    **factorial(descent, batch={"full batch": {}}, optimizer={"SGD": {}}, learning_rate=edge_rates),
    **factorial(descent, batch={"full batch": {}}, optimizer=optimizer_levels),
}
full = study.train(full_grid, edge_task, **sweep)
along_full = study.trajectories(full, edge_task.train, steps=descent.snapshots)

# %% [markdown]
# Mini-batches, and [curvature over threshold](#fig-edge) of both:

# %%
last_step = max(edge_steps // steps_per_epoch, 1) * steps_per_epoch
steps = [step for step in descent.snapshots if step <= last_step]
shorter = {"epochs": last_step // steps_per_epoch, "measure_every": 1, "snapshots": steps}
mini_level = {"mini-batches": {"batch_size": edge_batch, **shorter}}
mini_grid = factorial(descent, batch=mini_level, optimizer={"SGD": {}}, learning_rate=edge_rates)
mini = study.train(mini_grid, edge_task, **sweep)
along_mini = study.trajectories(mini, edge_task.train, steps=steps, batch_size=edge_batch)
figures.stability(
    along_full | along_mini,
    label="fig-edge",
    caption="Curvature over a threshold: mean over seeds with 95% interval. Left the largest "
    "eigenvalue, of Adam the preconditioned one, over that at which full-batch steps lose "
    "stability. Right the curvature along mini-batch gradients over $2/\\eta$.",
    alt="Two panels over the step: the largest eigenvalue over its threshold, and batch sharpness.",
)

# %% [markdown]
# [How far curvature rises, and where it stays](#tab-edge): the largest ratio that was seen, and the
# median of the last third.

# %%
descents = full | mini
tables.arms(
    study.measurements.where(arm=descents.arms),
    ["edge_peak", "edge_ratio", "batch_edge_ratio", "train_loss"],
    runs=descents,
    label="tab-edge",
    caption=f"Training on {edge_task.train_size} examples: the largest ratio at any of "
    f"{edge_points + 1} snapshots, medians over their last third, and the loss at the end; "
    "mean over seeds ± half-width of the 95% interval. Full batches have no batch sharpness.",
)

# %% [markdown]
# ## What was shown
#
# Where the study departs from the source's settings; `09_verdicts` judges the claims by its record.

# %%
source = {"dataset": "mnist", "max_train": 60000, "epochs": 5, "hidden": [128], "seeds": [0]}
source |= {"learning_rate": 0.01, "momentum": 0.9}
reasons = dict.fromkeys(source, "a small run, no evidence")
if study.evidence:
    reasons = {"seeds": "intervals", "max_train": "costs less, and has fewer steps"}
study.close("Optimizers, batch size and learning rate")
display.show(
    tables.departures(source, study.parameters, reasons, label="tab-departures"),
    display.Sentence(
        "The source names no batch size, and of the networks no layers but their width; for this "
        "sweep it names neither width nor learning rate, which are those of its other runs."
    ),
    tables.closing(study, evidence=study.evidence),
)

# %% [markdown]
# ## Limits
#
# The comparison rests on one data set and two small networks, the edge on another data set and one
# network. A few epochs, as in the source, but on fewer examples, need not end at a minimum. A
# constant rate ends where its last steps left it, and one step up widens the interval of its arm.
# Each optimizer's own rate comes from a coarse grid and few seeds, which are among the compared
# ones, and is chosen by the training loss that is compared; decay, the β's and the radii of SAM and
# ASAM are not tuned, and their steps cost two passes. Equal training loss is the loss on a line
# between two measurements, and not quite equal on the examples of the Hessian. These examples are
# the same for all seeds; few of them make the largest eigenvalue larger, and may change the order
# of arms. Batch sizes and rates are swept on the MLP alone; an exponent is the slope of a line
# through values that need not lie on one. The planes show one seed. At the edge, snapshots are few:
# nothing shows what lies between two of them, least of all early in training; arms that fit their
# examples leave the edge, or never reach it.
