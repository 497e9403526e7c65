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
# # Is a sharper network only one that has trained less?
#
# **Question.** Networks end with different curvature, and also with different training losses. How
# much of the difference in curvature is left where the losses are equal?
#
# **Measured.** The largest eigenvalue $\lambda_{\max}$ of the Hessian, its trace, the symmetrised
# rise of the loss and the critical sharpness, against the training loss along the whole of
# training: with and without batch normalisation (BN), after three optimizers, over widths and
# families of networks, with and without skip connections. With BN, all but the trace are measured
# in eval mode and under batch statistics. Comparisons pair the networks of one seed; brackets give
# 95% intervals over seeds.
#
# **Rule, fixed before the run.** In each seed we regress the logarithm of the curvature on the
# logarithm of the loss and on the network, over the snapshots after the first third, as far as the
# losses of the networks overlap. This gives a factor between two networks at equal loss. Over
# seeds, a difference *remains* if the 95% interval of the factor excludes 1. It is *explained by
# the loss* if the networks differ at the end and the 90% interval of the factor lies between
# 1/1.25 and 1.25. Otherwise it is undecided. A source's claim of larger curvature holds at equal
# loss if the factor exceeds 1 by this interval. An order *turns round* at a loss if the 95%
# intervals at a higher and at a lower loss lie on opposite sides of 1.

# %% Imports
import functools
import operator

from landscape import models, training
from studies import Study, display, figures, formatting, loss_pairs, tables
from studies.loss_families import loss_family

# %% Parameters tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # "stale" measures again what older code measured
fashion_dataset, mnist_dataset, cifar_dataset = "digits", "digits", "digits"
max_train = 1000
cifar_train = 300
seeds = [0, 1]
residual_seeds = [0, 1]  # of the networks on the third data set
with_residual = True  # False leaves those networks out
workers = 1  # processes that train side by side
shares = [0.05, 0.1, 0.2, 0.4, 0.7, 1.0]  # of training, at which networks are measured
residual_shares = [0.2, 0.4, 0.6, 1.0]
bn_channels, bn_hidden, bn_epochs = [4, 8], 16, 3
bn_batch, bn_rate = 64, 0.05
hidden, channels, cnn_hidden = [32], [4, 4], 16  # of the networks after three optimizers
widths = [8, 16, 32]  # of MLPs
wide = 8  # of the CNN and the MLP that are compared at one width
epochs, batch_size = 3, 64
learning_rate, adam_rate, momentum = 0.05, 0.01, 0.9
depth, width = 8, 0.25  # of the residual network and the plain one
skip_epochs, skip_rate = 1, 0.1
model_depth, model_width, model_channels, model_hidden = 8, 0.25, [4, 8, 8], 16
model_epochs, model_rate = 1, 0.05
residual_batch, weight_decay = 64, 1e-4
precision = "float32"
measured = 1000  # training examples on which the first and the last loss are measured
rho = 0.05  # length of the step of the rises
curvature_examples = 128  # first training examples
residual_examples = 64  # the same, of the networks with and without skip connections
model_examples = 32  # the same, of the ResNet and the CNN

# %% [markdown]
# ## Pairs of networks along training
#
# The networks of a family share data, batches and the source's learning rates. All are measured at
# the same shares of training, which lie closer together early on, so that slow and fast networks
# pass common losses. They are measured on the same training examples, and with BN in two modes.
# The *symmetrised rise* is the mean rise of the loss one step up and one step down the gradient
# [@foret2021], so that the slope drops out and curvature remains. *Critical sharpness* is the
# curvature along the optimizer's own next step, from the length at which this step no longer lowers
# the loss [@kalra2024]. A step that leads uphill, as momentum's may, has none.

# %% Describe the small networks
study = Study("05_dynamics_loss", vars())
mnist, fashion = (study.load(x, max_train=max_train) for x in (mnist_dataset, fashion_dataset))
cifar = study.load(cifar_dataset, max_train=cifar_train)
options = {"measured": measured, "measure_every": 100.0}  # Once at either end.
sgd = training.SGD(learning_rate, momentum=momentum)
mlp, cnn = models.MLP(tuple(hidden)), models.CNN(tuple(channels), cnn_hidden, norm="none")
base = training.TrainConfig(mlp, sgd, epochs=epochs, batch_size=batch_size, **options)
small = {"shares": shares, "examples": curvature_examples}
norms = {"BN": {"norm": "batch"}, "no BN": {"norm": "none"}}
bn_cnn, bn_sgd = models.CNN(tuple(bn_channels), bn_hidden), training.SGD(bn_rate, momentum=momentum)
bn_base = training.TrainConfig(bn_cnn, bn_sgd, epochs=bn_epochs, batch_size=bn_batch, **options)
both_modes = {"pairs": [("BN", "no BN")], "normalised": True}
bn = loss_family("BN", fashion, bn_base, norms, factors=norms, **both_modes, **small)

# %% Describe the optimizers
optimizers = {"SGD": training.SGD(learning_rate), "momentum": sgd, "Adam": training.Adam(adam_rate)}
rate = {"SGD": "shared", "momentum": "shared", "Adam": "default"}
families, after = [bn], [("SGD", "momentum"), ("Adam", "momentum"), ("SGD", "Adam")]
for net, model in (("MLP", mlp), ("CNN", cnn)):
    changes = {name: {"model": model, "optimizer": one} for name, one in optimizers.items()}
    factors = {x: {"network": net, "optimizer": x, "rate": rate[x]} for x in optimizers}
    families.append(loss_family(net, mnist, base, changes, factors=factors, pairs=after, **small))

# %% Describe the widths
changes = {f"width {w}": {"model": models.MLP((w,))} for w in widths}
factors = {f"width {w}": {"network": "MLP", "width": w} for w in widths}
ends = [(f"width {widths[0]}", f"width {widths[-1]}")]
families.append(loss_family("widths", mnist, base, changes, factors=factors, pairs=ends, **small))
changes = {"CNN": {"model": models.CNN((wide, wide), cnn_hidden, norm="none")}}
changes |= {"MLP": {"model": models.MLP((wide,))}}
factors = {name: {"network": name, "width": wide} for name in changes}
named = {"factors": factors, "pairs": [("CNN", "MLP")]}
families.append(loss_family("one width", mnist, base, changes, **named, **small))

# %% Describe the residual networks
resnet = models.ResNet(depth=depth, width=width)
decayed = {"momentum": momentum, "weight_decay": weight_decay}
options |= {"batch_size": residual_batch, "precision": precision, "schedule": training.Cosine()}
large = {"shares": residual_shares, "examples": residual_examples, "normalised": True}
base = training.TrainConfig(
    resnet, training.SGD(skip_rate, **decayed), epochs=skip_epochs, **options
)
factors = {"plain": {"skip": "no", "norm": "batch"}, "residual": {"skip": "yes", "norm": "batch"}}
changes = {"plain": {"skip": False}, "residual": {"skip": True}}
named = {"factors": factors, "pairs": [("plain", "residual")]}
skip = loss_family("skip", cifar, base, changes, **named, **large)
base = training.TrainConfig(
    models.ResNet(depth=model_depth, width=model_width),
    training.SGD(model_rate, **decayed),
    epochs=model_epochs,
    **options,
)
plain_cnn = models.CNN(tuple(model_channels), model_hidden, norm="none")
factors = {"ResNet": {"model": "ResNet"}, "CNN": {"model": "CNN"}}
changes = {"ResNet": {}, "CNN": {"model": plain_cnn}}
named = {"factors": factors, "pairs": [("ResNet", "CNN")]}
large["examples"] = model_examples
both = loss_family("models", cifar, base, changes, **named, **large)

# %% [markdown]
# The small networks come first, seed by seed, and then the residual ones. So a run that is cut
# short holds whole seeds.

# %% Train and measure, seed by seed
in_eval = ["lambda_max", "trace", "sam_symmetric", "critical_sharpness", "sam"]
in_batch = [name for name in in_eval if name != "trace"]
along = {"rho": rho, "tol": 1e-3}
order = [(seed, one) for seed in seeds for one in families]
order += [(seed, one) for seed in residual_seeds for one in (skip, both) if with_residual]
trained, level = [], []
for seed, one in order:
    trained.append(study.train(one.configs, one.task, seeds=[seed], workers=workers))
    along["groups"] = one.groups
    level.append(study.along_training(one.snapshots(trained[-1]), in_eval, **along))
    if one.normalised:
        level.append(study.along_training(one.in_batches(trained[-1]), in_batch, **along))
runs, level = (functools.reduce(operator.or_, parts) for parts in (trained, level))
numbers = study.measurements
display.show(tables.learned(runs), tables.divergence(runs, label="tab-divergence"))

# %% Compare the pairs
families = {one.name: one for _, one in order}
modes = {
    name: {"frozen": in_eval[:-1]} | ({"batch": in_batch[:-1]} if one.normalised else {})
    for name, one in families.items()
}
compared = {
    name: loss_pairs.pairs_at_loss(
        numbers,
        level,
        one.pairs,
        modes[name],
    )
    for name, one in families.items()
}
tops = {
    name: [pair for pair in of_family if pair.quantity == "lambda_max"]
    for name, of_family in compared.items()
}

# %% Draw curvature against loss
shown = {}
for name, one in families.items():
    label, short = name.replace(" ", "-").lower(), {x: str(arm) for x, arm in one.arms.items()}
    said = [pair.sentence() for pair in tops[name]] or ["One seed gives no interval"]
    caption = f"{'. '.join(said)}. Training goes from right to "
    caption += "left; means over seeds with 95% intervals, each seed as a thin line."
    figure = figures.by_loss(
        numbers, short, modes[name], tops[name], label=f"fig-{label}", caption=caption
    )
    parts = [pair for pair in tops[name] if pair.compared] or tops[name]
    turns = formatting.list_text(
        [f"{p.first} / {p.second} {p.turn_words()}" for p in parts] or ["–"]
    )
    table = tables.levels(
        tops[name],
        label=f"tab-{label}",
        caption=f"Along the losses that all networks pass the order of {turns}. Ratio of λ_max "
        "with its 95% interval: larger, smaller, equal within 1.25, or undecided.",
    )
    shown[name] = [figure, table.at("detail")]

# %% Compare all pairs
explained = tables.loss_words(tops)
display.show(
    tables.at_loss(
        tops,
        label="tab-pairs",
        caption=f"{explained}. Geometric mean ratios over paired seeds with 95% intervals.",
    ),
    tables.at_loss(
        compared,
        label="tab-all",
        caption=f"{tables.agreement(compared)}. All quantities and both modes of BN.",
    ).at("detail"),
)

# %% [markdown]
# ## Batch normalisation
#
# Does BN raise the curvature, or does it speed up the fall of the loss ([](#fig-bn))?

# %% Show the networks with and without BN
display.show(*shown["BN"])

# %% [markdown]
# ## Optimizers
#
# All optimizers share the source's rate, and Adam has PyTorch's default ([](#fig-mlp) and
# [](#fig-cnn)). At one rate they have come to different losses at the end.

# %% Show the networks after three optimizers
display.show(*shown["MLP"], *shown["CNN"])

# %% [markdown]
# ## Widths and families
#
# Wider networks train faster. [](#fig-widths) compares MLPs, and [](#fig-one-width) a CNN and an
# MLP of one width.

# %% Show the networks of several widths
display.show(*shown["widths"], *shown["one width"])

# %% [markdown]
# ## Skip connections and residual networks
#
# The learning rate falls to 0 along a half cosine, so a comparison at equal loss cannot simply stop
# one of the runs: here it reads both curves ([](#fig-skip) and [](#fig-models)).

# %% Show the residual networks
display.show(*(part for name in ("skip", "models") for part in shown.get(name, [])))

# %% [markdown]
# ## What was found

# %% State the findings
modes_found = tables.mode_words(compared)
found = display.Findings(f"{explained}.", f"{modes_found}.", f"{tables.agreement(compared)}.")
source = {"max_train": 60000, "epochs": 5, "cifar_train": 50000, "residual_batch": 32}
source |= {"skip_epochs": 20, "model_epochs": 15, "precision": "float32"}
reasons = {"residual_batch": "larger batches take less computing time"}
reasons |= {
    "skip_epochs": "shorter runs pass the same losses",
    "cifar_train": "fewer examples take less computing time",
}
reasons |= {"model_epochs": "shorter runs pass the same losses"}
reasons |= {"precision": "bfloat16 takes less computing time"}
reasons = reasons if study.evidence else dict.fromkeys(source, "this is a small trial run")
departures = tables.departures(source, study.parameters, reasons, label="tab-departures")
study.close("Sharpness against training loss")
display.show(found, departures, tables.closing(study, evidence=study.evidence))

# %% [markdown]
# ## Discussion

# %% Say what the findings mean
display.Sentence(f"**What it means.** {tables.loss_meaning(tops)}")

# %% [markdown]
# **What would change it.** A regression assumes that curvature follows a power of the loss over the
# losses that networks share; the tables of ratios at each loss do not. The networks of all seeds
# share the examples of the Hessian, and near a loss of 0 its largest eigenvalue on a part of the
# training examples exceeds that on all. Learning rates are those of the sources: at another rate
# the same networks have other curves. Snapshots of one run are not independent, so seeds alone
# count as cases.
