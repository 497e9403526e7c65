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
#
# **How to read.** Figures show means over seeds with their 95% interval as a band, and each seed as
# a thin line; tables show means ± half-width of that interval, also over seeds that do not learn.
# Losses and rises are in nats, and training losses those of the first examples (`measured`).

# %%
from landscape import models, training
from studies import Study, arms, display, factorial, figures, power_laws, sweeps, tables, tuning

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
# As the source seems to have it, which names one rate for its other runs and none for Adam. All
# arms of a seed start from the same weights and see the same batches. SAM and ASAM step with
# momentum; their steps cost two passes.

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
settings = {"epochs": epochs, "batch_size": batch_size, "measured": measured}
base = training.TrainConfig(mlp, training.SGD(learning_rate), **settings)
sweep = {"seeds": seeds, "workers": workers}

# %% [markdown]
# Each combination of network and optimizer is an arm, and the learning rate a factor of it: [the
# curves of the MLP](#fig-mlp) and [of the CNN](#fig-cnn). An arm that does not learn says nothing
# about minima; below the curves stands which diverged, and which learned.

# %%
shared_grid = factorial(base, network=networks, optimizer=optimizers, rate={"shared": {}})
shared = study.train(shared_grid, task, **sweep)
for net in networks:
    caption = f"Training the {net} by each optimizer at the learning rate {learning_rate:g}."
    net_runs, label = shared.where(network=net).by("optimizer"), f"fig-{net.lower()}"
    display.show(figures.training(net_runs, label=label, caption=caption))
display.show(tables.divergence(shared, label="tab-divergence"), tables.learned(shared))

# %% [markdown]
# ## Each optimizer at its own best rate
#
# A comparison at one rate may compare rates. Each optimizer therefore also gets the rate of a grid
# that leads to the smallest training loss: [the grid](#tab-grid), for Adam and AdamW of smaller
# rates. Where the best is at the border of the grid, a better one may lie outside; two that are
# close may change places in another seed.

# %%
configs = factorial(base, network=networks, optimizer=optimizers)
adaptive, grid = ["Adam", "AdamW"], {}
for arm, config in configs.items():
    values = adaptive_rates if arm.factors["optimizer"] in adaptive else rates
    grid |= tuning.tuning_grid({arm: config}, "learning_rate", values)
grid_runs = study.train(grid, task, seeds=grid_seeds, workers=workers)
best = tuning.tuned_values(grid_runs, "learning_rate")
caption = f"Each learning rate of a grid, for {epochs} epochs."
tables.tuned(best, heading="learning rate", label="tab-grid", caption=caption)

# %% [markdown]
# Two more arms: Adam at its default rate, and SGD at the shared rate over $1 - \beta$ ("paced"), at
# which SGD moves as far as momentum does in the long run. Below stands which of these runs diverge,
# learn, or end in a rise, and which arms are the same networks.

# %%
sgd, adam = ({name: optimizers[name]} for name in ("SGD", "Adam"))
paced = {"paced": {"learning_rate": learning_rate / (1 - momentum)}}
default = {"default": {"learning_rate": adam_rate}}
tuned_grid = factorial(base, network=networks, optimizer=sgd, rate=paced)
tuned_grid |= factorial(base, network=networks, optimizer=adam, rate=default)
tuned_grid |= tuning.tuned_configs(configs, best, "learning_rate", rate="own")
tuned = study.train(tuned_grid, task, **sweep)
trained = shared | tuned
display.show(
    tables.divergence(tuned, label="tab-divergence-tuned"),
    tables.learned(tuned),
    tables.rebounds(trained),
    tables.repeated(shared_grid | tuned_grid),
)

# %% [markdown]
# ## Sharp or flat
#
# At the end of training: curvature and one-step rises ([MLP](#tab-measures-mlp),
# [CNN](#tab-measures-cnn)), and flatness in other units and on average ([MLP](#tab-flatness-mlp),
# [CNN](#tab-flatness-cnn)), at the shared rate and at each optimizer's own. Curvature falls with
# the loss, so the training loss stands beside it. Gradient noise is the trace of the covariance of
# the examples' gradients, all of one set, which ± knows nothing of.

# %%
sharpness = ["lambda_max", "lambda_min", "kappa", "lambda_max_relative", "rounding"]
sharpness += ["sam", "gradient_norm", "loss", "sam_adaptive"]
averages = ["trace", "mean_eigenvalue", "average_rise", "noise_trace", "noise_scale"]
examples = task.first(curvature_examples)
ends = trained.solutions(examples)
study.measure(ends, sharpness, rho=rho, rho_adaptive=rho_adaptive)
study.measure(ends, averages, rho=rho_average, rise_rtol=rise_rtol)
ended = study.measurements.where(at="end", rate=["shared", "paced", "default", "own"])
shown = {
    "measures": ["test_accuracy", "train_loss", "lambda_max", "trace", "sam"],
    "flatness": ["lambda_max_relative", "sam_adaptive", "average_rise", "noise_trace"],
}
for net in networks:
    numbers, net_runs = (x.where(network=net).by("optimizer", "rate") for x in (ended, trained))
    caption = f"The {net} at the end of training; the shared rate is {learning_rate:g}."
    for kind, quantities in shown.items():
        words = {"label": f"tab-{kind}-{net.lower()}", "caption": caption}
        display.show(tables.arms(numbers, quantities, runs=net_runs, **words))

# %% [markdown]
# Adam divides each step by a scale of each parameter, so the curvature that it meets is
# [preconditioned](#tab-preconditioned): of $P^{-1/2} H P^{-1/2}$, with $P$ from the second moments
# that Adam carries at the end.

# %%
preconditioned = ["lambda_max_preconditioned", "threshold"]
numbers = study.measure(ends.where(optimizer=adaptive), preconditioned)
caption = "The largest preconditioned eigenvalue, and where full-batch steps lose stability."
tables.arms(numbers, preconditioned, runs=trained, label="tab-preconditioned", caption=caption)

# %% [markdown]
# ### At equal training loss
#
# Curvature of the cross-entropy falls with the loss, so that the optimizer that trains fastest may
# end flattest for that reason alone. For each seed, SGD, momentum and Adam at their own rates are
# measured at the step nearest to where they first reach the largest of their three final losses, on
# a line between two measurements ([table](#tab-equal)). On the examples of the Hessian these losses
# are not quite equal; below the table stands how far apart they are.

# %%
rivals = tuned.where(rate="own", optimizer=["SGD", "Adam", "momentum"])
equals = study.at_equal_loss(rivals, examples, within="network")
compared = ["loss", "lambda_max", "sam", "gradient_norm", "rounding"]
at_equal_loss = study.measure(equals, compared, rho=rho).by("network", "optimizer", "at")
caption = "Where the training loss first reaches what all three reach."
display.show(
    tables.arms(at_equal_loss, compared[:3], label="tab-equal", caption=caption),
    tables.spread_sentence(at_equal_loss, "loss", within="network"),
)

# %% [markdown]
# Few examples make the largest eigenvalue larger: [$\lambda_{\max}$ of the first
# seed](#fig-examples) on sets of several sizes.

# %%
first_ends = rivals.where(seed=seeds[0]).solutions(examples)
for size in check_examples:
    subset = first_ends.replace(examples=task.first(size)).labelled(subset=size)
    study.measure(subset, ["lambda_max"])
numbers = study.measurements.where(subset=check_examples)
words = {"x": "training examples", "label": "fig-examples"}
count = min(curvature_examples, task.train_size)
caption = f"λ_max by the number of examples, first seed; other numbers are from {count:,}."
figures.against(numbers, ["lambda_max"], "subset", **words, caption=caption)

# %% [markdown]
# ### Slices
#
# Lines along random filter-normalised directions, at each optimizer's own rate
# ([MLP](#fig-lines-mlp), [CNN](#fig-lines-cnn)), and how [wide the basin](#tab-lines) is along
# them.

# %%
directions = {"count": line_directions, "points": line_points, "reach": slice_reach}
lines = study.lines(ends.where(rate="own"), **directions)
for net in networks:
    caption = f"The {net} along {line_directions} random directions through each solution."
    words = {"network": net, "label": f"fig-lines-{net.lower()}", "caption": caption}
    display.show(figures.lines(lines.where(network=net).by("optimizer"), **words))
widths = study.line_widths(lines, level=basin_level)
caption = f"How wide the basin is along the lines, {basin_level:g} nats above the solution."
tables.arms(widths, ["line_width"], runs=tuned, label="tab-lines", caption=caption)

# %% [markdown]
# [Planes](#fig-planes) through the first seed's solutions, on shared levels:

# %%
planes = study.random_planes(first_ends, points=plane_points, reach=slice_reach)
study.quadratic_radii(planes)
caption = "Training loss on planes through the first seed's solutions at their own rates."
words = {"unit": "filter norms", "label": "fig-planes", "caption": caption}
figures.predicted_planes(planes.by("network", "optimizer"), **words)

# %% [markdown]
# ### What an optimizer changes
#
# [Each optimizer beside momentum](#tab-against): at one rate, at their own, and near equal loss;
# SGD paced and Adam default stand beside momentum at the shared rate. Seeds count in which both
# networks learn; n is given where these are not all. Below the table, plain SGD in one sentence.

# %%
equal_arms = [arms.named({**arm.factors, "rate": "equal loss"}) for arm in rivals.arms]
instead = {"paced": "shared", "default": "shared"}
against = {"factor": "optimizer", "reference": "momentum", "column": "rate", "instead": instead}
pairs = arms.beside([*trained.arms, *equal_arms], **against)
numbers = ended | at_equal_loss
caption = "λ_max of each optimizer over momentum's: ratio and 95% interval over seeds."
ratios = {"quantity": "lambda_max", "kept": trained.learned}
plain = {f"{net}, SGD": pairs[f"{net}, SGD"] for net in networks}
display.show(
    tables.ratios(numbers, pairs, **ratios, label="tab-against", caption=caption),
    tables.ratio_sentence(numbers, plain, **ratios, reference="momentum"),
)

# %% [markdown]
# ## Batch size and learning rate
#
# SGD with momentum on the MLP. With a fixed number of epochs smaller batches take more steps and
# end at another training loss; hence also as many steps for all as the smallest batch takes. At a
# fixed ratio of rate to batch size the noise per unit of time is the same. Learning rates, for SGD
# and momentum, are swept at one batch size, and compared by $\eta / (1 - \beta)$.

# %%
two = {name: optimizers[name] for name in ("SGD", "momentum")}
batch_grid = sweeps.batch_size_grid(base, batch_sizes, **two["momentum"])
rate_grid = sweeps.effective_rate_grid(base, two, rate_steps)
swept = study.train(batch_grid | rate_grid, task, **sweep)
display.show(tables.divergence(swept, label="tab-divergence-swept"), tables.learned(swept))

# %% [markdown]
# Curvature, noise and accuracy of these networks [against the batch size](#fig-batches) and
# [against the learning rate](#fig-rates):

# %%
swept_ends = swept.solutions(examples)
study.measure(swept_ends, sharpness, rho=rho, rho_adaptive=rho_adaptive)
flatness = study.measure(swept_ends, averages, rho=rho_average, rise_rtol=rise_rtol)
swept_numbers = study.measurements.where(arm=swept.arms)
scaled = ["lambda_max", "trace", "noise_trace", "sam_adaptive", "train_loss"]
batches = arms.families(batch_grid, family="family", size="batch_size")
effective = arms.families(rate_grid, family="optimizer", size="effective_rate")
quantities = [*scaled, "test_accuracy"]
axes = {"batch size (examples)": ("fig-batches", batches)}
axes |= {"learning rate over 1 − β": ("fig-rates", effective)}
for x, (label, families) in axes.items():
    words = {"x": x, "label": label, "caption": f"Curvature, noise and fit by {x}."}
    display.show(figures.against_size(swept_numbers, quantities, families, **words))

# %% [markdown]
# As powers of batch size and rate, [these are the exponents](#tab-exponents). Where the trace has
# one above 0 in the batch size, smaller batches end flatter.

# %%
exponents = power_laws.power_law_exponents(swept_numbers, scaled, batches | effective)
caption = "Exponents of power laws in the batch size, and in the learning rate (last two)."
display.show(
    tables.exponents(exponents, scaled, label="tab-exponents", caption=caption),
    tables.exponent_sentence(exponents, "trace", batches, size="batch size"),
)

# %% [markdown]
# The source also states a [bound](#tab-bounds), here with L* = 0 and the learning rate over 1 − β.
# Its second term falls with the batch size, and its constant C has no value; C is negative where
# the first term alone is more. The bound is one of squared gradients, the trace a curvature; were C
# a constant, it would be the same in all rows.

# %%
bounds = study.bounds(swept.where(family=list(batches)), flatness)
named = {"trace": "tr H", "trace_bound": "bound, C = 1", "trace_constant": "C that it takes"}
chosen = swept.where(family=["fixed rate", "as many steps"]).arms
caption = "The trace, the source's bound, and the C at which the bound would be the trace."
words = {"label": "tab-bounds", "caption": caption}
tables.arms(flatness | bounds, named, chosen, runs=swept, **words)

# %% [markdown]
# ## The edge of stability
#
# Full-batch descent on a small set. It is said that $\lambda_\max$ grows until the step is no
# longer stable, $2/\eta$ for gradient descent, $2(1 + \beta)/\eta$ with momentum, and for Adam
# $38/\eta$ of the preconditioned Hessian [@cohen2021; @cohen2022]; that it stays below with
# mini-batches, where the mean curvature along mini-batch gradients, batch sharpness, takes its
# place [@andreyev2024]; and that it falls again once the examples are fitted.
# Full batches first:

# %%
edge_task = study.load(edge_dataset, max_train=edge_examples)
tanh = models.MLP(hidden=tuple(edge_hidden), activation="tanh")
size = {"train_size": edge_task.train_size, "steps": edge_steps, "points": edge_points}
descent = sweeps.full_batch(tanh, training.SGD(edge_rates[0]), **size)
others = {
    "momentum": {"optimizer": training.SGD(edge_rates[0], momentum=momentum)},
    "Adam": {"optimizer": training.Adam(edge_adam_rate)},
}
whole, sgd = {"full batch": {}}, {"SGD": {}}
full_grid = factorial(descent, batch=whole, optimizer=sgd, learning_rate=edge_rates)
full_grid |= factorial(descent, batch=whole, optimizer=others)
full = study.train(full_grid, edge_task, **sweep)
along_full = study.trajectories(full, edge_task.train, steps=descent.snapshots)

# %% [markdown]
# Mini-batches for about as many steps, and [curvature over threshold](#fig-edge) of both: the
# largest eigenvalue, of Adam the preconditioned one, over that at which full-batch steps lose
# stability, and the curvature along mini-batch gradients over $2/\eta$.

# %%
in_parts = sweeps.in_mini_batches(descent, edge_batch, edge_task.train_size)
parts = {"mini-batches": {}}
mini_grid = factorial(in_parts, batch=parts, optimizer=sgd, learning_rate=edge_rates)
mini = study.train(mini_grid, edge_task, **sweep)
at = {"steps": in_parts.snapshots, "batch_size": edge_batch}
along_mini = study.trajectories(mini, edge_task.train, **at)
caption = "Curvature over the threshold of stability along training."
figures.stability(along_full | along_mini, label="fig-edge", caption=caption)

# %% [markdown]
# [How far curvature rises, and where it stays](#tab-edge): the largest ratio at any snapshot, the
# medians over their last third, and the loss at the end. Full batches have no batch sharpness.

# %%
descents = full | mini
edge_numbers = study.measurements.where(arm=descents.arms)
quantities = ["edge_peak", "edge_ratio", "batch_edge_ratio", "train_loss"]
caption = f"Curvature at {edge_points + 1} snapshots, on {edge_task.train_size} examples."
tables.arms(edge_numbers, quantities, runs=descents, label="tab-edge", caption=caption)

# %% [markdown]
# ## What was shown
#
# Where the study departs from the source's settings; `09_verdicts` judges the claims by its record.
# The source names no batch size, and of the networks no layers but their width; for this sweep it
# names neither width nor learning rate, which are those of its other runs.

# %%
source = {"dataset": "mnist", "max_train": 60000, "epochs": 5, "hidden": [128], "seeds": [0]}
source |= {"learning_rate": 0.01, "momentum": 0.9}
small = dict.fromkeys(source, "a small run, no evidence")
costs = {"seeds": "intervals", "max_train": "costs less, and has fewer steps"}
reasons = costs if study.evidence else small
study.close("Optimizers, batch size and learning rate")
display.show(
    tables.departures(source, study.parameters, reasons, label="tab-departures"),
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
