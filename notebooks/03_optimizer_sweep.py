# ---
# jupyter:
#   jupytext:
#     notebook_metadata_filter: -jupytext.text_representation.jupytext_version
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
# # Does the optimizer decide how flat a network ends, or its learning rate?
#
# **Question.** Seven optimizers train a multilayer perceptron (MLP) and a convolutional network
# (CNN) for the same few epochs. Does momentum end flattest and plain SGD sharpest, or does a
# comparison at one learning rate compare learning rates? Do small batches end flatter?
#
# **Measured.** Test accuracy, curvature of the training loss, its rise after an ascent step, noise
# of the gradient, and width of the basin; also at each optimizer's own learning rate, at equal
# training loss, over batch sizes and learning rates, and along full-batch descent. Every comparison
# pairs the networks of one seed; ± and brackets give 95% intervals over seeds.

# %% Imports
from landscape import models, training
from studies import (
    Study,
    arms,
    display,
    factorial,
    figures,
    formatting,
    power_laws,
    sweeps,
    tables,
    tuning,
)

# %% Parameters tags=["parameters"]
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
# ## One learning rate for all optimizers
#
# The source names one learning rate for its other runs and none for Adam. So we first give every
# optimizer that rate and follow training ([](#fig-mlp) and [](#fig-cnn)). All networks of a seed
# start from the same weights and see the same batches. Adam [@kingma2015] and AdamW
# [@loshchilov2019] scale each step; SAM [@foret2021] and ASAM [@kwon2021] step with momentum, and
# each of their steps takes two gradients.

# %% Set up networks and optimizers
study = Study("03_optimizer_sweep", vars())
task = study.load(dataset, max_train=max_train)
mlp = models.MLP(hidden=tuple(hidden))
networks = {"MLP": {"model": mlp}}
networks["CNN"] = {"model": models.CNN(tuple(channels), hidden=cnn_hidden, norm="none")}
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

# %% Train each optimizer at the shared learning rate
shared_grid = factorial(base, network=networks, optimizer=optimizers, rate={"shared": {}})
shared = study.train(shared_grid, task, **sweep)
for net in networks:
    losses = study.measurements.where(network=net, rate="shared", at="end").by("optimizer")
    shown = figures.training(
        shared.where(network=net).by("optimizer"),
        label=f"fig-{net.lower()}",
        caption=f"At the learning rate {learning_rate:g} the final training loss of the {net} "
        f"ranges {tables.span(losses, 'train_loss')}, in nats. Losses, test error and norm of the "
        "mini-batch gradient by epoch: mean over seeds with 95% interval.",
    )
    display.show(shown.at("detail"))

# %% [markdown]
# ## Each optimizer at its own learning rate
#
# A comparison at one rate may compare rates. So each optimizer also gets the rate of a grid that
# ends with the lowest training loss ([](#tab-grid)); the grid of Adam and AdamW has smaller rates.

# %% Choose a learning rate for each optimizer
configs = factorial(base, network=networks, optimizer=optimizers)
adaptive, grid = ["Adam", "AdamW"], {}
grids = dict.fromkeys(optimizers, rates) | dict.fromkeys(adaptive, adaptive_rates)
for arm, config in configs.items():
    grid |= tuning.tuning_grid({arm: config}, "learning_rate", grids[arm.factors["optimizer"]])
grid_runs = study.train(grid, task, seeds=grid_seeds, workers=workers)
best = tuning.tuned_values(grid_runs, "learning_rate")
table = tables.tuned(
    best,
    heading="learning rate",
    label="tab-grid",
    caption=f"The chosen rates end with the lowest training loss after {epochs} epochs.",
)
for net in networks:
    chosen = {arm.factors["optimizer"]: x for arm, x in best.items() if arm.startswith(net)}
    display.show(tables.tuned_sentence(chosen, heading=f"learning rate of the {net}"))
also = len(set(grid_seeds) & set(seeds))
of_grid = display.Sentence(
    f"The rates were chosen on {len(grid_seeds)} seed{'s' * (len(grid_seeds) > 1)}, of which "
    f"{also} also train{'s' * (also == 1)} networks that are compared below."
)
display.show(of_grid, table.at("detail"))

# %% [markdown]
# Two more comparisons stay close to the source. Adam also trains at PyTorch's default rate
# ("default"). SGD also trains at the shared rate over $1 - \beta$ ("paced"), at which it moves as
# far as momentum does in the long run.

# %% Train each optimizer at its own learning rate
sgd, adam = ({name: optimizers[name]} for name in ("SGD", "Adam"))
paced = {"paced": {"learning_rate": learning_rate / (1 - momentum)}}
default = {"default": {"learning_rate": adam_rate}}
tuned_grid = factorial(base, network=networks, optimizer=sgd, rate=paced)
tuned_grid |= factorial(base, network=networks, optimizer=adam, rate=default)
tuned_grid |= tuning.tuned_configs(configs, best, "learning_rate", rate="own")
tuned = study.train(tuned_grid, task, **sweep)
trained = shared | tuned
rebounds, repeated = tables.rebounds(trained), tables.repeated(shared_grid | tuned_grid)
display.show(tables.learned(trained), rebounds.at("detail"), repeated)

# %% [markdown]
# ## How flat does each optimizer end?
#
# We measure curvature and sharpness where training ends ([](#fig-measures-mlp) and
# [](#fig-measures-cnn)). $\lambda_{\max}$ is the largest eigenvalue of the Hessian of the training
# loss. Curvature falls with the loss, so the training loss stands beside it. Tables add the trace
# of the Hessian, the rise of the loss after one ascent step along the gradient (SAM rise), and the
# gradient noise. All of these use one set of examples; intervals show how seeds differ, not how
# other examples would. They also hold measures that no rescaling of layers changes: the relative
# $\lambda_{\max}$, in units of each filter's norm, and the rise after a step relative to the size
# of each parameter [@kwon2021].

# %% Measure curvature and sharpness at the end of training
sharpness = ["lambda_max", "lambda_min", "kappa", "lambda_max_relative", "rounding"]
sharpness += ["sam", "gradient_norm", "loss", "sam_adaptive"]
averages = ["trace", "mean_eigenvalue", "average_rise", "noise_trace", "noise_scale"]
examples = task.first(curvature_examples)
ends = trained.solutions(examples)
study.measure(ends, sharpness, rho=rho, rho_adaptive=rho_adaptive)
study.measure(ends, averages, rho=rho_average, rise_rtol=rise_rtol)
ended = study.measurements.where(at="end", rate=["shared", "paced", "default", "own"])

# %% Draw and list the measures
drawn = ["test_accuracy", "train_loss", "lambda_max"]
listed = {"measures": ["lambda_max", "trace", "sam", "train_loss", "test_accuracy"]}
listed["flatness"] = ["lambda_max_relative", "sam_adaptive", "average_rise", "noise_trace"]
for net in networks:
    numbers, net_runs = (x.where(network=net).by("optimizer", "rate") for x in (ended, trained))
    own = ended.where(network=net, rate="own").by("optimizer")
    caption = f"At their own learning rates, λ_max of the {net} ranges "
    caption += f"{tables.span(own, 'lambda_max')}. The shared rate is {learning_rate:g}."
    words = {"label": f"fig-measures-{net.lower()}", "caption": caption}
    display.show(figures.measures(numbers, drawn, "optimizer", "rate", **words).at("detail"))
    for kind, quantities in listed.items():
        words["label"] = f"tab-{kind}-{net.lower()}"
        display.show(tables.arms(numbers, quantities, runs=net_runs, **words).at("detail"))

# %% [markdown]
# Adam divides each step by a scale of each parameter. So its stability depends on the
# preconditioned Hessian $P^{-1/2} H P^{-1/2}$, where $P$ comes from Adam's second moments
# [@cohen2022].

# %% Compare the preconditioned curvature with its threshold
preconditioned = ["lambda_max_preconditioned", "threshold"]
numbers = study.measure(ends.where(optimizer=adaptive), preconditioned)
caption = f"At the end of {tables.exceeding(numbers, *preconditioned)} runs of Adam and AdamW, "
caption += "the largest preconditioned eigenvalue exceeds the threshold of full-batch stability."
words = {"label": "tab-preconditioned", "caption": caption}
table = tables.arms(numbers, preconditioned, runs=trained, **words)
display.show(display.Sentence(caption), table.at("detail"))

# %% [markdown]
# ### At equal training loss
#
# The curvature of the cross-entropy falls with the loss. So the optimizer that trains fastest may
# end flattest for that reason alone. For each seed we measure SGD, momentum and Adam, at their own
# rates, where they first reach the largest of their three final training losses. That point is
# interpolated between two measurements, so the losses agree only roughly ([](#tab-equal)).

# %% Compare SGD, momentum and Adam at equal training loss
rivals = tuned.where(rate="own", optimizer=["SGD", "Adam", "momentum"])
equals = study.at_equal_loss(rivals, examples, within="network")
compared = ["loss", "lambda_max", "sam", "gradient_norm", "rounding"]
at_equal_loss = study.measure(equals, compared, rho=rho).by("network", "optimizer", "at")
equal_arms = [arms.named({**arm.factors, "rate": "equal loss"}) for arm in rivals.arms]
instead = {"paced": "shared", "default": "shared"}
against = {"factor": "optimizer", "reference": "momentum", "column": "rate", "instead": instead}
pairs = arms.beside([*trained.arms, *equal_arms], **against)
ratios = tables.paired_effects(ended | at_equal_loss, "lambda_max", pairs)
times = tables.grouped_words(ratios)
table = tables.arms(
    at_equal_loss,
    compared[:3],
    label="tab-equal",
    caption=f"At roughly equal training loss, SGD has {times['SGD', 'equal loss']} times the λ_max "
    f"of momentum, and Adam {times['Adam', 'equal loss']} times. Means over seeds with 95% "
    f"intervals; the loss is that of the {examples.count:,} examples of the Hessian.",
    emphasise="λ_max",
)
display.show(table, tables.spread_sentence(at_equal_loss, "loss", within="network"))

# %% Vary the number of examples
first_ends = rivals.where(seed=seeds[0]).solutions(examples)
for size in check_examples:
    subset = first_ends.replace(examples=task.first(size)).labelled(subset=size)
    study.measure(subset, ["lambda_max"])
figures.against(
    study.measurements.where(subset=check_examples),
    ["lambda_max"],
    "subset",
    x="training examples",
    label="fig-examples",
    caption="λ_max depends on the number of training examples on which it is measured. Each curve "
    f"is the network of the first seed; other numbers come from {examples.count:,} examples.",
).at("detail")

# %% [markdown]
# ### Each optimizer against momentum
#
# Which differences remain once each optimizer has its own learning rate, or once training losses
# are equal? We divide $\lambda_{\max}$ and the SAM rise of each optimizer by those of momentum. SGD
# at the paced rate and Adam at the default rate are compared with momentum at the shared rate
# ([](#fig-against-mlp) and [](#fig-against)).

# %% Divide each optimizer by momentum
numbers = ended | at_equal_loss
caption = f"SGD has {times['SGD', 'shared']} times the λ_max of momentum at the shared learning "
caption += f"rate, and {times['SGD', 'own']} times at their own rates."
words = {"kept": trained.learned, "caption": caption}
table = tables.ratios(numbers, pairs, quantity="lambda_max", **words, label="tab-against")
for net, label in {"MLP": "fig-against-mlp", "CNN": "fig-against"}.items():
    prefix = f"{net}, "
    of_net = {x.removeprefix(prefix): pairs[x] for x in pairs if x.startswith(prefix)}
    factors = [formatting.interval_text(ratios[f"{net}, SGD", rate]) for rate in ("shared", "own")]
    words["caption"] = (
        f"In the {net}, SGD has {factors[0]} times the λ_max of momentum at the shared learning "
        f"rate, and {factors[1]} times at their own rates."
    )
    display.show(figures.measures(numbers, ["lambda_max", "sam"], of_net, **words, label=label))
display.show(table.at("detail"))

# %% Compare test accuracies with that of momentum
gains = tables.paired_effects(ended, "test_accuracy", arms.beside(trained.arms, **against))
at_rates = {"default": "at Adam's default rate", "paced": "at the paced rate"}
at_rates |= {"own": "at own rates", "shared": "at the shared rate"}
lead = {
    name: formatting.list_text(
        [
            f"{formatting.interval_text(gains[f'MLP, {name}', rate])} {words}"
            for rate, words in at_rates.items()
            if (f"MLP, {name}", rate) in gains
        ]
    )
    for name in ("Adam", "SGD")
}
display.Sentence(
    "In the MLP, the test accuracy of Adam minus that of momentum, in percentage points, is "
    f"{lead['Adam']}. For SGD the difference is {lead['SGD']}."
)

# %% [markdown]
# ### How wide are the basins?
#
# We follow the loss along random lines through each solution, scaled to the norm of each filter
# [@li2018], and measure how far it stays below a rim ([](#fig-widths)).

# %% Follow the loss along random lines
directions = {"count": line_directions, "points": line_points, "reach": slice_reach}
lines = study.lines(ends.where(rate="own"), **directions)
widths = study.line_widths(lines, level=basin_level)
spans = [tables.span(widths.where(network=net).by("optimizer"), "line_width") for net in networks]
figures.measures(
    widths,
    ["line_width"],
    "optimizer",
    "network",
    label="fig-widths",
    caption=f"The width of the basin ranges {spans[0]} in MLPs and {spans[1]} in CNNs, in "
    f"filter norms. The rim lies {basin_level:g} nats above the solution; each optimizer has its "
    "own learning rate.",
)

# %% Draw the lines, and planes through the solutions of the first seed
for net in networks:
    curves = figures.lines(
        lines.where(network=net).by("optimizer"),
        network=net,
        label=f"fig-lines-{net.lower()}",
        caption=f"The loss of the {net} rises on both sides of each solution: training loss and "
        f"accuracy along {line_directions} random directions, mean over seeds with 95% interval.",
    )
    display.show(curves.at("detail"))
planes = study.random_planes(first_ends, points=plane_points, reach=slice_reach)
study.quadratic_radii(planes)
highest = [float(plane.loss.max()) for plane in planes.titled.values()] or [0.0]
figures.predicted_planes(
    planes.by("network", "optimizer"),
    unit="filter norms",
    label="fig-planes",
    caption=f"Along two random directions the loss rises to between {min(highest):.3g} and "
    f"{max(highest):.3g} nats. Contours: training loss around the first seed's solutions at their "
    "own learning rates.",
).at("detail")

# %% [markdown]
# ## Batch size and learning rate
#
# SGD with momentum trains the MLP with several batch sizes. At a fixed learning rate, smaller
# batches take more steps in the same epochs and end at another training loss. So we also give every
# batch size as many steps as the smallest one takes, and we also scale the rate with the batch
# size, which fixes the noise per unit of time. At one batch size, SGD and momentum train with
# several learning rates; we compare them by $\eta / (1 - \beta)$. Curves show both sweeps
# ([](#fig-batches) and [](#fig-rates)); a table gives the exponents ([](#tab-exponents)).

# %% Train over batch sizes and learning rates
two = {name: optimizers[name] for name in ("SGD", "momentum")}
batch_grid = sweeps.batch_size_grid(base, batch_sizes, **two["momentum"])
rate_grid = sweeps.effective_rate_grid(base, two, rate_steps)
swept = study.train(batch_grid | rate_grid, task, **sweep)
tables.learned(swept).at("detail")

# %% Measure curvature, noise and fit
swept_ends = swept.solutions(examples)
study.measure(swept_ends, sharpness, rho=rho, rho_adaptive=rho_adaptive)
flatness = study.measure(swept_ends, averages, rho=rho_average, rise_rtol=rise_rtol)
swept_numbers = study.measurements.where(arm=swept.arms)
scaled = ["lambda_max", "trace", "noise_trace", "sam_adaptive", "train_loss"]
batches = arms.families(batch_grid, family="family", size="batch_size")
effective = arms.families(rate_grid, family="optimizer", size="effective_rate")
exponents = power_laws.power_law_exponents(swept_numbers, scaled, batches | effective)
trend = tables.trend_words(exponents)

# %% Draw curvature, noise and fit
by_batch = (
    f"With the batch size, λ_max {trend['lambda_max', 'fixed rate']} at a fixed learning rate; it "
    f"{trend['lambda_max', 'fixed ratio']} at a fixed ratio of rate to batch size, and it "
    f"{trend['lambda_max', 'as many steps']} if all take as many steps. MLP, SGD with momentum."
)
by_rate = (
    f"With the learning rate, λ_max {trend['lambda_max', 'SGD']} after SGD; it "
    f"{trend['lambda_max', 'momentum']} after momentum. MLP, one batch size."
)
axes = {"fig-batches": (batches, "batch size (examples)", by_batch)}
axes["fig-rates"] = (effective, "learning rate over 1 − β", by_rate)
for label, (families, x, caption) in axes.items():
    words = {"x": x, "columns": 3, "label": label, "caption": caption}
    display.show(figures.against_size(swept_numbers, [*scaled, "test_accuracy"], families, **words))

# %% List the exponents
sizes = dict.fromkeys(batches, "batch size") | dict.fromkeys(effective, "learning rate")
laws = {(quantity, f"{sizes[name]}, {name}"): law for (quantity, name), law in exponents.items()}
caption = (
    f"With the batch size, the trace {trend['trace', 'fixed rate']} at a fixed learning rate; it "
    f"{trend['trace', 'fixed ratio']} at a fixed ratio of rate to batch size, and it "
    f"{trend['trace', 'as many steps']} if all take as many steps. Exponents of power laws."
)
words = {"label": "tab-exponents", "caption": caption, "emphasise": "trace"}
tables.exponents(laws, scaled, local=False, **words)

# %% [markdown]
# The source bounds the trace by $2 (L_0 - L^*) / (\eta T) + C \sigma^2 / B$, with the initial loss
# $L_0$, the least loss $L^*$, $T$ steps, the noise $\sigma^2$ and the batch size $B$. It names no
# value of the constant $C$. We take $L^* = 0$ and, with momentum, the rate $\eta / (1 - \beta)$. We
# ask which $C$ makes the bound equal to the trace: a constant is the same for all batch sizes
# ([](#tab-bounds)).

# %% Compare the trace with the bound of the source
bounds = study.bounds(swept.where(family=list(batches)), flatness)
named = {"trace": "tr H", "trace_bound": "bound, C = 1", "trace_constant": "C that it takes"}
chosen = swept.where(family=["fixed rate", "as many steps"]).arms
caption = "The constant C that makes the bound equal to the trace ranges "
caption += f"{tables.span(bounds, 'trace_constant', chosen)}."
words = {"label": "tab-bounds", "caption": f"{caption} Means over seeds with 95% intervals."}
table = tables.arms(flatness | bounds, named, chosen, runs=swept, **words)
display.show(display.Sentence(caption), table.at("detail"))

# %% [markdown]
# ## The edge of stability
#
# In full-batch descent, $\lambda_{\max}$ is said to grow until steps are no longer stable: up to
# $2/\eta$ for gradient descent, $2(1 + \beta)/\eta$ with momentum, and, for Adam with
# $\beta_1 = 0.9$, $38/\eta$ for the preconditioned Hessian [@cohen2021; @cohen2022]. With
# mini-batches $\lambda_{\max}$ stays below this threshold; the curvature along mini-batch
# gradients, called batch sharpness, reaches it instead [@andreyev2024]. Once the examples are
# fitted, $\lambda_{\max}$ falls again. We follow an MLP on a small set ([](#fig-edge) and
# [](#tab-edge)).

# %% Train with full batches
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

# %% Train with mini-batches, and follow the curvature
in_parts = sweeps.in_mini_batches(descent, edge_batch, edge_task.train_size)
mini_grid = factorial(in_parts, batch={"mini-batches": {}}, optimizer=sgd, learning_rate=edge_rates)
mini = study.train(mini_grid, edge_task, **sweep)
at = {"steps": in_parts.snapshots, "batch_size": edge_batch}
along_mini = study.trajectories(mini, edge_task.train, **at)
descents = full | mini
edge_numbers = study.measurements.where(arm=descents.arms)
by_sgd = edge_numbers.where(optimizer="SGD").by("batch", "learning_rate")
figures.stability(
    along_full | along_mini,
    label="fig-edge",
    caption=f"The peak of λ_max under SGD ranges {tables.span(by_sgd, 'edge_peak')} times the "
    "threshold of stability. Left: the largest eigenvalue over the "
    "threshold for full-batch steps, preconditioned for Adam. Right: the curvature along "
    "mini-batch gradients over $2/\\eta$.",
)

# %% List how far curvature rises
tables.arms(
    edge_numbers,
    ["edge_peak", "edge_ratio", "batch_edge_ratio", "train_loss"],
    runs=descents,
    label="tab-edge",
    caption="Late in full-batch training, curvature ranges "
    f"{tables.span(edge_numbers, 'edge_ratio', full.arms)} times the threshold. Means over seeds "
    f"with 95% intervals: the largest value of {edge_points + 1} snapshots, medians over the last "
    f"third, and the final loss of {edge_task.train_size:,} examples.",
    emphasise="largest curvature / threshold",
).at("detail")

# %% [markdown]
# ## What was found

# %% Say what was found
study.close("Optimizers, batch size and learning rate")
source = {"dataset": "mnist", "max_train": 60000, "epochs": 5, "hidden": [128], "seeds": [0]}
source |= {"learning_rate": 0.01, "momentum": 0.9}
reasons = dict(
    seeds="one network has no interval",
    max_train="fewer examples cost less (an epoch then has fewer steps)",
)
reasons = reasons if study.evidence else dict.fromkeys(source, "this is a small trial run")
display.show(
    tables.divergence(trained | swept | descents, label="tab-divergence"),
    tables.departures(source, study.parameters, reasons, label="tab-departures"),
    tables.closing(study, evidence=study.evidence),
    display.Findings(
        f"At one shared learning rate, SGD ends {times['SGD', 'shared']} times as sharp as "
        f"momentum, measured by λ_max; at its own best rate, {times['SGD', 'own']} times.",
        f"At its own best rate, Adam ends {times['Adam', 'own']} times as sharp as momentum, and "
        f"SAM {times['SAM', 'own']} times.",
        f"With the batch size, the trace of the Hessian {trend['trace', 'fixed rate']} at a fixed "
        f"learning rate; it {trend['trace', 'fixed ratio']} at a fixed ratio of rate to batch "
        "size.",
    ),
)

# %% [markdown]
# ## Discussion

# %% Say what the findings mean
sharper = tables.grouped_sides(
    ratios,
    above="sharper than momentum in the {}",
    below="flatter than momentum in the {}",
    undecided="neither measurably sharper nor flatter than momentum in the {}",
)
noise = formatting.depending(
    exponents["trace", "fixed ratio"],
    above="Larger batches end sharper even then, so the batch size acts beyond this ratio.",
    below="Larger batches then end slightly flatter, so small batches do not by themselves lead to "
    "flat solutions.",
    undecided="No effect of the batch size then remains that we can measure.",
)
chosen_rates = [x.value for arm, x in best.items() if arm.factors["optimizer"] not in adaptive]
factor = max(chosen_rates) / min(chosen_rates)
display.Sentence(
    "**What it means.** Even without Adam and AdamW, whose rates have another meaning, the best "
    f"learning rates of these optimizers differ by a factor of up to {factor:.0f}. So a ranking at "
    "one rate also ranks learning rates. At roughly equal training loss, "
    f"SGD is {sharper['SGD', 'equal loss']}. At its own rate, Adam is {sharper['Adam', 'own']}. "
    "The effect of the batch size depends on what is held fixed. At a fixed learning rate, a "
    "larger batch has less noise and takes fewer steps; at a fixed ratio of rate to batch size the "
    f"noise stays. {noise}"
)

# %% [markdown]
# **What would change it.** We used two small networks on one data set, and one network on another
# for the edge of stability. At a constant learning rate the loss may rise in the last steps. We did
# not tune weight decay, the β of momentum and Adam, or the radii of SAM and ASAM. All seeds share
# the examples of the Hessian; their number changes $\lambda_{\max}$ and may change the order of
# optimizers.
