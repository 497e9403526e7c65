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
# preconditioned Hessian, lines and planes. The same over batch sizes, at a fixed rate and at a
# fixed ratio of rate to batch size, and over learning rates. In full-batch descent: the largest
# eigenvalue over training, against the largest at which the step is stable.
#
# **What will be shown.** What an optimizer changes once each has its own learning rate, and what
# the learning rate and the batch size explain alone.

# %%

import dataclasses
import itertools

from landscape import (
    accounts,
    arms,
    basins,
    choices,
    claims,
    cuts,
    data,
    display,
    dynamics,
    findings,
    flatness,
    models,
    panels,
    plots,
    records,
    results,
    scaling,
    stability,
    tables,
    trails,
    training,
    tuning,
)

# %% tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
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
momentum = 0.9
sam_rho = 0.05
asam_rho = 0.5
rates = [0.003, 0.03, 0.3]  # the grid of learning rates
grid_seeds = [0]
measured = 10000  # training examples on which the curves are measured
batch_sizes = [32, 64, 128]
rate_steps = [0.01, 0.03, 0.1, 0.3]  # learning rates, of SGD and momentum
rho = 0.05  # radius of SAM's step
rho_adaptive = 0.5  # radius of the adaptive step, relative to |theta|
rho_average = 1.0  # length of random perturbations, in parameter units
curvature_examples = 256
line_directions = 3
line_points = 21
basin_level = 0.5  # nats above the solution: the rim of a basin
plane_points = 13
edge_dataset = "digits"
edge_examples = 256
edge_hidden = [32, 32]
edge_steps = 300
edge_rates = [0.5, 1.0]
edge_adam_rate = 0.01
edge_batch = 32
edge_points = 12

# %% [markdown]
# ## The claims and the rules
#
# The rules stand here, above the measurements that they judge; code applies them. An interval that
# covers the border decides nothing. "Shared" is the one learning rate for all optimizers, "own"
# the best of a grid for each.

# %%
study = results.Study("03_optimizer_sweep", vars())
rules = {
    "S5.4": "λ_max after the source's epochs. Reproduced if the ratio SGD / momentum lies above 1 "
    "for the CNN, and the ratios SGD / Adam and Adam / momentum for both networks, at the shared "
    "rate, and SGD / momentum for both at their own rates; artefact of the shared rate if only one "
    "at their own rates lies below 1; contradicted if one at the shared rate does.",
    "S5.5": "For the MLP: momentum more accurate than SGD and than Adam (paired differences in "
    "test accuracy above 0), and SGD's training loss larger than both (ratios above 1). Reproduced "
    "if so at the shared and at their own rates; artefact of the shared rate if only their own "
    "show the opposite; contradicted if the shared one does.",
    "S2.6": "Reproduced if the exponent of tr H in the batch size lies above 0, smaller batches "
    "being flatter, at the fixed rate and at the fixed ratio, and tr H over the bound, with C = 1 "
    "and L* = 0, lies below 1 for the smallest and for the largest batch at the fixed rate; "
    "contradicted if one lies on the other side.",
}
claim = {id: claims.claim(id, rule=rule) for id, rule in rules.items()}
tables.rules(list(claim.values()))

# %% [markdown]
# ## All optimizers at one learning rate
#
# As in the source: [the curves of the MLP](#fig-mlp) and [of the CNN](#fig-cnn). All arms of a seed
# start from the same weights and see the same batches. SAM and ASAM step with momentum; their steps
# cost two passes.

# %%
task = data.load(dataset, study.data_dir, max_train=max_train)
networks = {
    "MLP": models.MLP(hidden=tuple(hidden)),
    "CNN": models.CNN(channels=tuple(channels), hidden=cnn_hidden, norm="none"),
}
optimizers = {
    "SGD": training.SGD(learning_rate),
    "momentum": training.SGD(learning_rate, momentum=momentum),
    "Nesterov": training.SGD(learning_rate, momentum=momentum, nesterov=True),
    "Adam": training.Adam(learning_rate),
    "AdamW": training.AdamW(learning_rate),
    "SAM": training.SAM(learning_rate, momentum=momentum, rho=sam_rho),
    "ASAM": training.ASAM(learning_rate, momentum=momentum, rho=asam_rho),
}

# %%
base = training.TrainConfig(
    networks["MLP"],
    optimizers["SGD"],
    epochs=epochs,
    batch_size=batch_size,
    measured=measured,
)
every = {
    f"{net}, {name}": {"model": networks[net], "optimizer": optimizer}
    for net, (name, optimizer) in itertools.product(networks, optimizers.items())
}
configs = arms.variants(base, every)
how = {"seeds": seeds, "workers": workers}
shared = training.sweep(configs, task, study.store, **how)
records.runs(study, shared)
for net in networks:
    figure = plots.curves(
        panels.training(arms.named(shared, net)),
        label=f"fig-{net.lower()}",
        caption=f"Training the {net} by seven optimizers at the learning rate {learning_rate:g}: "
        "mean over seeds, 95% interval as a band, each seed as a thin line.",
        alt="Four panels over epochs, seven optimizers each: losses, test error, gradient norm.",
    )
    display.show(figure)
display.show(accounts.divergence(shared, label="tab-divergence"))

# %% [markdown]
# ## Each optimizer at its own best rate
#
# A comparison at one rate mostly compares rates. Each optimizer therefore gets the rate of a grid
# that leads to the smallest training loss: [the grid](#tab-grid). Where the best is at the border
# of the grid, a better one may lie outside.

# %%
grid = tuning.grid(configs, "learning_rate", rates)
tried = training.sweep(grid, task, study.store, seeds=grid_seeds, workers=workers)
best = tuning.chosen(tried, list(configs), "learning_rate", rates)
choices.table(
    best,
    heading="learning rate",
    label="tab-grid",
    caption=f"{epochs} epochs at each learning rate of a grid.",
)

# %%
own = {
    f"{arm}, own rate": {**every[arm], "learning_rate": choice.value}
    for arm, choice in best.items()
}
tuned = training.sweep(arms.variants(base, own), task, study.store, **how)
records.runs(study, tuned)
both = {**shared, **tuned}
at = arms.objectives(both, task.first(curvature_examples))
records.solutions(study, at, rho=rho, rho_adaptive=rho_adaptive)
flatness.record(study, at, both, rho=rho_average)

# %%
names = {
    "test_accuracy": "test accuracy",
    "train_loss": "training loss",
    "lambda_max": "λ_max",
    "trace": "tr H",
    "sam": "SAM rise",
}
relative = {
    "lambda_max_relative": "relative λ_max",
    "sam_adaptive": "adaptive rise",
    "average_rise": "average rise",
    "noise_scale": "noise scale",
}
for net in networks:
    shown = [arm for arm in (*every, *own) if arm.startswith(net)]
    for kind, quantities in {"measures": names, "flatness": relative}.items():
        table = tables.arms(
            study,
            quantities,
            shown,
            runs=both,
            label=f"tab-{kind}-{net.lower()}",
            caption=f"The {net}, at the shared rate {learning_rate:g} and at each optimizer's own: "
            "mean over seeds ± half-width of the 95% interval. Losses and rises in nats, the noise "
            "scale in examples.",
        )
        display.show(table)

# %%
adaptive = [arm for arm in (*every, *own) if ", Adam" in arm]
for (arm, seed), run in both.items():
    if arm in adaptive:
        study.add("threshold", stability.threshold(run.config.optimizer), arm=arm, seed=seed)
tables.arms(
    study,
    {"lambda_max_preconditioned": "preconditioned λ_max", "threshold": "threshold of stability"},
    adaptive,
    runs=both,
    label="tab-preconditioned",
    caption="The largest eigenvalue of $P^{-1/2} H P^{-1/2}$, with $P$ from the second moments "
    "that Adam carries at the end, beside the largest at which full-batch steps are stable.",
)

# %% [markdown]
# ### Slices
#
# [Lines](#fig-lines) along random filter-normalised directions, at each optimizer's own rate, and
# [planes](#fig-planes) on shared levels.

# %%
around = {key: L for key, L in at.items() if key[0] in own and L is not None}
lines = cuts.lines(study, around, points=line_points, count=line_directions)
basins.lines(study, lines, level=basin_level)
along = []
for net in networks:
    chosen = {
        (arm.removesuffix(", own rate"), s): cut for (arm, s), cut in arms.named(lines, net).items()
    }
    along += [
        dataclasses.replace(panel, title=f"{net}: {panel.title}") for panel in panels.lines(chosen)
    ]
plots.curves(
    along,
    label="fig-lines",
    caption=f"Loss and accuracy along {line_directions} random filter-normalised directions "
    "through each solution: mean over seeds with 95% interval.",
    alt="Four panels over the position, seven optimizers each: training loss and accuracy.",
)

# %%
first = {arm: L for (arm, seed), L in around.items() if seed == seeds[0]}
three = ("SGD", "momentum", "Adam")
picked = {f"{net}, {name}": f"{net}, {name}, own rate" for net in networks for name in three}
centres = {title: first[arm] for title, arm in picked.items() if arm in first}
planes, predicted = cuts.random_planes(study, centres, points=plane_points, seed=seeds[0])
plots.planes(
    planes,
    predictions=predicted,
    levels=plots.levels(list(planes.values())),
    label="fig-planes",
    caption="Training loss on a filter-normalised plane through the first seed's solutions at "
    "their own rates, on shared levels; dashed: the quadratic prediction, inside the circle it "
    "holds.",
    alt="Contour plots side by side: two networks, each by up to three optimizers.",
)

# %%
ordered = [("SGD", "Adam"), ("Adam", "momentum")]
cases = [("CNN", ("SGD", "momentum"), "")]
cases += [(net, pair, "") for net, pair in itertools.product(networks, ordered)]
cases += [(net, ("SGD", "momentum"), ", own rate") for net in networks]
sharper = [
    findings.ratio(study, "lambda_max", [f"{net}, {name}{rate}" for name in pair], "λ_max")
    for net, pair, rate in cases
]
accurate = [
    findings.difference(
        study,
        "test_accuracy",
        [f"MLP, {name}{rate}" for name in ("momentum", other)],
        "test accuracy",
    )
    for rate, other in itertools.product(("", ", own rate"), ("SGD", "Adam"))
]
slower = [
    findings.ratio(
        study, "train_loss", [f"MLP, {name}{rate}" for name in ("SGD", other)], "training loss"
    )
    for rate, other in itertools.product(("", ", own rate"), ("momentum", "Adam"))
]
verdicts = [
    claims.robust(claim["S5.4"], sharper[: -len(networks)], sharper[-len(networks) :]),
    claims.robust(claim["S5.5"], accurate[:2] + slower[:2], accurate[2:] + slower[2:]),
]
display.show(*map(display.VerdictBox, verdicts))

# %% [markdown]
# ## Batch size and learning rate
#
# SGD with momentum on the MLP. With a fixed number of epochs smaller batches take more steps; at a
# fixed ratio of rate to batch size the noise per unit of time is the same
# ([figure](#fig-batches)). [Learning rates](#fig-rates), for SGD and momentum, at one batch size.

# %%
sgd = training.SGD(learning_rate, momentum=momentum)
families = {
    "fixed rate": {size: f"batch {size}" for size in batch_sizes},
    "fixed ratio": {size: f"batch {size}, scaled" for size in batch_sizes},
}
batches = {
    arm: {
        "batch_size": size,
        "optimizer": sgd,
        "learning_rate": learning_rate * (size / batch_size if kind == "fixed ratio" else 1),
    }
    for kind, members in families.items()
    for size, arm in members.items()
}
steps = {
    name: {rate: f"{name}, rate {rate:g}" for rate in rate_steps} for name in ("SGD", "momentum")
}
paces = {
    arm: {"optimizer": optimizers[name], "learning_rate": rate}
    for name, members in steps.items()
    for rate, arm in members.items()
}

# %%
swept = training.sweep(arms.variants(base, {**batches, **paces}), task, study.store, **how)
records.runs(study, swept)
points = arms.objectives(swept, task.first(curvature_examples))
records.solutions(study, points, rho=rho, rho_adaptive=rho_adaptive)
flatness.record(study, points, swept, rho=rho_average)
followed = {
    "lambda_max": "λ_max",
    "trace": "tr H",
    "noise_scale": "noise scale",
    "test_accuracy": "test accuracy",
}
plots.curves(
    scaling.panels(study, followed, families, x="batch size (examples)"),
    label="fig-batches",
    caption="Batch size, at a fixed learning rate and at a fixed ratio of rate to batch size: mean "
    "over seeds with 95% interval.",
    alt="Four panels over the batch size: largest eigenvalue, trace, noise scale, test accuracy.",
)

# %%
plots.curves(
    scaling.panels(study, followed, steps, x="learning rate"),
    label="fig-rates",
    caption="Learning rate, for SGD and SGD with momentum: mean over seeds with 95% interval.",
    alt="Four panels over the learning rate: largest eigenvalue, trace, noise scale, accuracy.",
)

# %%
exponents = scaling.exponents(study, followed, {**families, **steps})
scaling.table(
    exponents,
    followed,
    label="tab-exponents",
    caption="Exponents of power laws in the batch size, and in the learning rate, over the whole "
    "range: mean over seeds ± half-width of the 95% interval.",
)

# %%
records.bounds(study, {key: run for key, run in swept.items() if key[0] in batches})
rising = [
    findings.interval(exponents["trace", kind], f"exponent of tr H in the batch size, {kind}")
    for kind in families
]
held = [
    findings.quotient(
        study,
        ("trace", "trace_bound"),
        families["fixed rate"][size],
        "tr H / bound",
        side=claims.below,
    )
    for size in (min(batch_sizes), max(batch_sizes))
]
verdicts.append(claims.every(claim["S2.6"], rising + held))
display.VerdictBox(verdicts[-1])

# %% [markdown]
# ## The edge of stability
#
# Full-batch descent on a small set: $\lambda_\max$ grows until the step is no longer stable,
# $2/\eta$ for gradient descent, $2(1 + \beta)/\eta$ with momentum, and for Adam $38/\eta$ of the
# preconditioned Hessian (Cohen et al. 2021, 2022). That is said of full batches: with mini-batches
# $\lambda_\max$ stays below, and the mean curvature along mini-batch gradients, batch sharpness,
# takes its place (Andreyev and Beneventano 2024). [Curvature over threshold](#fig-edge), and [its
# median](#tab-edge) over the last third of training.

# %%
edge = data.load(edge_dataset, study.data_dir, max_train=edge_examples)
count, rate = len(edge.y_train), edge_rates[0]
per_epoch = -(-count // edge_batch)
descent = training.TrainConfig(
    models.MLP(hidden=tuple(edge_hidden), activation="tanh"),
    training.SGD(rate),
    epochs=edge_steps,
    batch_size=count,
    measure_every=edge_steps / edge_points,
    snapshots=[edge_steps * k // edge_points for k in range(edge_points + 1)],
)
whole = {f"full batch, η = {rate:g}": {"learning_rate": rate} for rate in edge_rates}
whole["full batch, momentum"] = {"optimizer": training.SGD(rate, momentum=momentum)}
whole["full batch, Adam"] = {"optimizer": training.Adam(edge_adam_rate)}
last = max(edge_steps // per_epoch, 1) * per_epoch
reached = [step for step in descent.snapshots if step <= last]
parts = {
    f"batches of {edge_batch}, η = {rate:g}": {
        "learning_rate": rate,
        "batch_size": edge_batch,
        "epochs": last // per_epoch,
        "measure_every": 1,
        "snapshots": reached,
    }
    for rate in edge_rates
}

# %%
found = {}
for group, size in ((whole, None), (parts, edge_batch)):
    descents = training.sweep(arms.variants(descent, group), edge, study.store, **how)
    records.runs(study, descents)
    kept = {"steps": descent.snapshots if size is None else reached, "batch_size": size}
    found |= dynamics.along(study, descents, edge.train, **kept)
plots.curves(
    trails.panels(found),
    label="fig-edge",
    caption="Curvature over the largest at which the steps are stable: mean over seeds with 95% "
    "interval. The line holds for full batches.",
    alt="Two panels over the step: the largest eigenvalue over its threshold, and batch sharpness.",
)

# %%
tables.arms(
    study,
    {"edge_ratio": "λ_max / threshold", "train_loss": "training loss"},
    [*whole, *parts],
    label="tab-edge",
    caption=f"The end of training on {count} examples: mean over seeds ± half-width of the 95% "
    "interval.",
)

# %% [markdown]
# ## What was shown

# %%
source = {"dataset": "mnist", "max_train": 60000, "epochs": 5, "hidden": [128], "seeds": [0]}
source |= {"learning_rate": 0.01, "momentum": 0.9}
why = {} if study.evidence else dict.fromkeys(source, "a small run, no evidence")
why |= {"seeds": "intervals"} | ({"max_train": "half the time"} if study.evidence else {})
files = study.write("Optimizers, batch size and learning rate", verdicts, [task, edge])
display.show(
    accounts.departures(source, study.parameters, why, label="tab-departures"),
    display.Sentence(
        "The source names no batch size and no layers but their width; its learning rate is that "
        "of its other runs."
    ),
)
display.closing(study, verdicts)

# %% [markdown]
# ## Limits
#
# One data set; few epochs, as in the source, which need not end at a minimum. Each optimizer's own
# rate comes from a coarse grid and few seeds. Batch sizes and rates are swept on the MLP alone. The
# planes are those of one seed.
