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
# # Which optimizer ends flattest, if no single step decides?
#
# **Question.** At a constant learning rate the curvature of the loss jumps from step to step, and
# the last step may be a spike. Does momentum still end flattest and plain SGD sharpest, with Adam
# between them, if we average over the last epoch? And is momentum more than a larger step?
#
# **Measured.** The largest eigenvalue $\lambda_{\max}$ of the Hessian, its trace, and the
# symmetrised rise of the training loss of a multilayer perceptron (MLP) and a convolutional network
# (CNN) after SGD, momentum and Adam: means over several snapshots of the last epoch, beside the
# last iterate. Test accuracy and training loss of the MLP likewise. Every comparison pairs the
# networks of one seed; ± and brackets give 95% intervals over seeds.

# %% Imports
import functools
import operator

from landscape import models, training
from studies import Study, display, factorial, figures, formatting, tables, tuning

# %% Parameters tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # "stale" measures again what older code measured
dataset = "digits"
max_train = 60000
seeds = [0, 1]
workers = 1  # processes that train side by side
hidden = [32]  # of the MLP
channels = [8, 8]  # of the CNN
cnn_hidden = 32
epochs = 3
batch_size = 64
learning_rate = 0.1  # the source's
adam_rate = 0.001  # PyTorch's default, since the source names none
momentum = 0.9
rates = [0.1, 0.3]  # the grid of learning rates
adaptive_rates = [0.001, 0.01]  # that of Adam
grid_seeds = [10]  # none of them is compared
measured = 10000  # training examples on which the curves are measured
curve_test_examples = 1000  # test examples on which curves are measured between the ends
measure_every = 0.5  # epochs from one measurement of the history to the next
snapshot_count = 4  # of the last epoch; the last iterate is one of them
rho = 0.05  # length of the step of the symmetrised rise
curvature_examples = 256  # first training examples: curvature and rise
check_examples = 512  # on how many λ_max is measured again

# %% [markdown]
# ## Rates of the source, and own rates
#
# The source trains with one learning rate and names none for Adam, which therefore gets PyTorch's
# default ("default"). In three further comparisons Adam also gets the source's rate ("shared"); SGD
# gets that rate over $1 - \beta$, at which it moves as far as momentum does in the long run
# ("paced"); and each optimizer gets the rate of a grid that ends with the lowest training loss
# ("own"). The grid has seeds of its own, which are not compared.

# %% Describe the networks
study = Study("03_optimizer_snapshots", vars())
task = study.load(dataset, max_train=max_train)
steps_per_epoch = -(-task.train_size // batch_size)
last_step = epochs * steps_per_epoch
late_steps = sorted(
    {last_step - k * steps_per_epoch // snapshot_count for k in range(snapshot_count)}
)
mlp = models.MLP(hidden=tuple(hidden))
networks = {"MLP": {"model": mlp}}
networks["CNN"] = {"model": models.CNN(tuple(channels), hidden=cnn_hidden, norm="none")}
optimizers = {
    "SGD": {"optimizer": training.SGD(learning_rate)},
    "momentum": {"optimizer": training.SGD(learning_rate, momentum=momentum)},
    "Adam": {"optimizer": training.Adam(learning_rate)},
}
settings = {"epochs": epochs, "batch_size": batch_size, "measured": measured}
settings |= {"measure_every": measure_every, "snapshots": late_steps}
settings |= {"curve_examples": training.CurveExamples(measured, curve_test_examples)}
base = training.TrainConfig(mlp, training.SGD(learning_rate), **settings)

# %% Choose a learning rate for each optimizer
configs = factorial(base, network=networks, optimizer=optimizers)
grids = dict.fromkeys(optimizers, rates) | {"Adam": adaptive_rates}
grid = {}
for arm, config in configs.items():
    grid |= tuning.tuning_grid({arm: config}, "learning_rate", grids[arm.factors["optimizer"]])
best = tuning.tuned_values(
    study.train(grid, task, seeds=grid_seeds, workers=workers), "learning_rate"
)
table = tables.tuned(
    best,
    heading="learning rate",
    label="tab-grid",
    caption=f"The chosen rates end with the lowest training loss after {epochs} epochs.",
)
display.show(tables.tuned_sentence(best, heading="learning rate"), table.at("detail"))

# %% [markdown]
# We train and measure all networks of a seed before the next seed begins. $\lambda_{\max}$, trace
# and rise are means over the snapshots, geometric because they are compared by ratios; accuracies
# are arithmetic means. The *symmetrised rise* is the mean rise of the loss one step up and one step
# down the gradient [@foret2021], so that the slope drops out and curvature remains. For each seed
# we also measure the three optimizers at their own rates where they first reach the largest of
# their three final training losses.

# %% Describe the runs that are compared
pace = {"paced": {"learning_rate": learning_rate / (1 - momentum)}}
default = {"default": {"learning_rate": adam_rate}}
sgd, adam = ({name: optimizers[name]} for name in ("SGD", "Adam"))
plan = factorial(base, network=networks, optimizer=optimizers, rate={"shared": {}})
plan |= factorial(base, network=networks, optimizer=sgd, rate=pace)
plan |= factorial(base, network=networks, optimizer=adam, rate=default)
plan |= tuning.tuned_configs(configs, best, "learning_rate", rate="own")
examples = task.first(curvature_examples)
curvature = ["lambda_max", "trace", "sam_symmetric", "loss"]
options = {"rho": rho, "tol": 1e-3}

# %% Train and measure, seed by seed
trained, late, single, check, equal = [], [], [], [], []
for seed in seeds:
    of_seed = study.train(plan, task, seeds=[seed], workers=workers)
    parts = [of_seed.solutions(examples, step=step) for step in late_steps]
    late.append(study.snapshot_means(parts, curvature, at="last epoch", **options))
    mlps = [part.where(network="MLP") for part in parts]
    shares = study.snapshot_means(mlps, ["test_accuracy", "train_loss"], at="last epoch")
    ends = of_seed.solutions(examples)
    single.append(study.measure(ends, [*curvature, "lambda_max_relative"], **options))
    more = ends.replace(examples=task.first(check_examples)).labelled(subset=check_examples)
    check.append(study.measure(more, ["lambda_max"], tol=1e-3))
    places = study.at_equal_loss(of_seed.where(rate="own"), examples, within="network")
    equal.append(study.measure(places, ["loss", "lambda_max"], rho=rho, tol=1e-3))
    trained.append(of_seed)
runs, late, single, check, equal = (
    functools.reduce(operator.or_, one) for one in (trained, late, single, check, equal)
)

# %% Count the networks that learned
display.show(
    tables.learned(runs),
    tables.rebounds(runs).at("detail"),
    tables.repeated(plan),
    tables.divergence(runs, label="tab-divergence"),
)

# %% [markdown]
# ## A mean over the last epoch beside the last iterate
#
# Which curvature does each optimizer end with ([](#fig-mlp) and [](#fig-cnn)), and how far may the
# last step mislead? Networks that did not learn are counted, and left out.

# %% Draw the curvature of both networks
both, source_rates = ["last epoch", "end"], dict.fromkeys(optimizers, "shared")
source_rates |= {"Adam": "default"}
words = {"last epoch": "mean of the last epoch", "end": "last iterate"}
numbers = study.measurements.where(at=both, subset=None, rate=["shared", "default", "paced", "own"])
by_place = numbers.by("network", "optimizer", "rate", "at")
flags = {f"{arm}, {at}": kept for arm, kept in runs.learned.items() for at in both}
shown = {"lambda_max": "λ_max", "trace": "trace", "sam_symmetric": "symmetrised rise"}
for net in networks:
    rows = {
        f"{arm.factors['optimizer']}, {arm.factors['rate']}": {
            words[at]: f"{arm}, {at}" for at in both
        }
        for arm in runs.where(network=net).arms
    }
    of_net = late.where(network=net).by("optimizer", "rate")
    at_source = [f"{optimizer}, {rate}" for optimizer, rate in source_rates.items()]
    caption = f"Averaged over the last epoch, λ_max of the {net} ranges "
    caption += f"{tables.span(of_net, 'lambda_max', at_source)} at the rates of the source and of "
    caption += "PyTorch."
    label = {"label": f"fig-{net.lower()}", "caption": caption, "kept": flags}
    display.show(figures.measures(by_place, shown, rows, **label))

# %% Count spikes of the last iterate
spikes = {
    arm: [
        one / mean
        for one, mean, ok in zip(
            single.values("lambda_max", arm), late.values("lambda_max", arm), kept, strict=True
        )
        if ok
    ]
    for arm, kept in runs.learned.items()
}
jumps = [(ratio, arm) for arm, ratios in spikes.items() for ratio in ratios]
high = sum(ratio > 2 for ratio, _ in jumps)
largest, where = max(jumps, default=(float("nan"), "none"))
spiked = (
    f"In {high} of {len(jumps)} networks λ_max of the last iterate is more than twice its mean "
    f"over the last epoch; the largest excess is a factor of {largest:.2g} ({where})"
)
display.Sentence(f"{spiked}.")

# %% [markdown]
# ## Optimizers compared
#
# We divide the curvature after one optimizer by that after another, seed by seed, once with means
# over the last epoch and once with the last iterate ([](#fig-ratios-mlp) and [](#fig-ratios-cnn)).
# "Source" stands for the rates of the source and of PyTorch, "paced" for SGD at the source's rate
# over $1 - \beta$ beside momentum at the source's rate.

# %% Set two optimizers side by side
bases = {"source": source_rates, "own": dict.fromkeys(optimizers, "own")}
sides = {
    f"{first} / {second}, {basis}": ((first, chosen[first]), (second, chosen[second]))
    for basis, chosen in bases.items()
    for first, second in (("SGD", "momentum"), ("Adam", "momentum"), ("SGD", "Adam"))
}
sides["SGD / momentum, paced"] = (("SGD", "paced"), ("momentum", "shared"))
sides["Adam / momentum, shared"] = (("Adam", "shared"), ("momentum", "shared"))
pairs = {
    net: {
        f"{net}, {name}": {
            words[at]: [f"{net}, {x}, {rate}, {at}" for x, rate in side] for at in both
        }
        for name, side in sides.items()
    }
    for net in networks
}
effects = {
    quantity: tables.paired_effects(by_place, quantity, pairs["MLP"] | pairs["CNN"], flags)
    for quantity in ("lambda_max", "trace", "sam_symmetric")
}
mean, last = words.values()

# %% Draw the ratios
text = formatting.interval_text
said = {key: text(interval) for key, interval in effects["lambda_max"].items()}
for net in networks:
    rows = {name.removeprefix(f"{net}, "): row for name, row in pairs[net].items()}
    figure = figures.measures(
        by_place,
        shown,
        rows,
        kept=flags,
        columns=2,
        label=f"fig-ratios-{net.lower()}",
        caption=f"Averaged over the last epoch, λ_max of the {net} after SGD is "
        f"{said[f'{net}, SGD / momentum, source', mean]} times that after momentum at the source's "
        f"rate, and {said[f'{net}, SGD / momentum, paced', mean]} times at that rate over 1 − β.",
    )
    display.show(figure)

# %% Compare the intervals of both ways
narrower = [
    effects["lambda_max"][row, mean].high / effects["lambda_max"][row, mean].low
    < effects["lambda_max"][row, last].high / effects["lambda_max"][row, last].low
    for net in networks
    for row in pairs[net]
]
table = tables.ratios(
    by_place,
    pairs["MLP"] | pairs["CNN"],
    quantity="lambda_max",
    kept=flags,
    label="tab-ratios",
    caption=f"The mean over the last epoch has the narrower interval in {sum(narrower)} of "
    f"{len(narrower)} comparisons of λ_max: geometric mean ratios over paired seeds with 95% "
    "intervals.",
)
lead = f"The mean over the last epoch has the narrower interval in {sum(narrower)} of "
lead += f"{len(narrower)} comparisons of λ_max."
display.show(display.Sentence(lead), table.at("detail"))

# %% [markdown]
# ### Momentum, and a larger step
#
# In the long run momentum moves as far as SGD at the rate $\eta / (1 - \beta)$. If nothing else
# matters, both end with the same curvature and the same loss.

# %% Compare momentum with SGD at its rate over 1 − β
compared = shown | {"loss": "training loss"}
effects["loss"] = tables.paired_effects(by_place, "loss", pairs["MLP"] | pairs["CNN"], flags)
paced = {net: f"{net}, SGD / momentum, paced" for net in networks}
rows = {
    net: {words: text(effects[name][paced[net], mean]) for name, words in compared.items()}
    for net in networks
}
alike = {
    net: formatting.depending(
        effects["lambda_max"][paced[net], mean],
        above="SGD ends sharper",
        below="SGD ends flatter",
        undecided="no difference is measurable",
    )
    for net in networks
}
larger_step = "; ".join(f"in the {net} {words}" for net, words in alike.items())
tables.grid(
    by_place,
    rows,
    corner="network",
    label="tab-paced",
    caption=f"SGD at the source's rate over 1 − β beside momentum: {larger_step}, by λ_max "
    "averaged over the last epoch. Ratios SGD over momentum over paired seeds with 95% intervals.",
)

# %% [markdown]
# ### Accuracy and speed of the MLP
#
# Is momentum more accurate, and SGD slowest? Accuracy and training loss of the MLP come from all
# test and training examples at each snapshot.

# %% Compare accuracy and training loss of the MLP
of_mlp = {name: pair for name, pair in pairs["MLP"].items() if "Adam, source" not in name}
gains, slower = (
    tables.paired_effects(by_place, quantity, of_mlp)
    for quantity in ("test_accuracy", "train_loss")
)
rows = {
    name.removeprefix("MLP, "): {
        f"accuracy, {mean} (points)": text(gains[name, mean]),
        f"accuracy, {last} (points)": text(gains[name, last]),
        f"training loss, {mean}": text(slower[name, mean]),
    }
    for name in of_mlp
}
first, second = (f"MLP, {name} / momentum, source" for name in ("SGD", "Adam"))
accurate = (
    f"In the MLP, averaged over the last epoch, the test accuracy of SGD minus that of momentum is "
    f"{text(gains[first, mean])} percentage points, and that of Adam minus momentum "
    f"{text(gains[second, mean])} points; the training loss of SGD is {text(slower[first, mean])} "
    "times that of momentum"
)
tables.grid(
    by_place,
    rows,
    corner="MLP",
    label="tab-accuracy",
    caption=f"{accurate}. Paired differences and ratios over seeds with 95% intervals.",
)

# %% [markdown]
# ### At equal training loss, and on more examples
#
# The curvature of the cross-entropy falls with the loss. So we also compare the three optimizers at
# one training loss, at their own rates, and we measure $\lambda_{\max}$ of the last iterates on
# more examples.

# %% Compare at equal loss and on more examples
equal_arms = equal.by("network", "optimizer", "at")
on_more = check.by("network", "optimizer", "rate")
learned = {f"{arm}": kept for arm, kept in runs.learned.items()}
at_loss, larger = {}, {}
for net in networks:
    for one, other in (("SGD", "momentum"), ("Adam", "momentum"), ("SGD", "Adam")):
        pair = [f"{net}, {x}, equal loss" for x in (one, other)]
        at_loss[f"{net}, {one} / {other}"] = {"equal loss": pair}
        pair = [f"{net}, {x}, {source_rates[x]}" for x in (one, other)]
        larger[f"{net}, {one} / {other}"] = {"more examples": pair}
at_one_loss = tables.paired_effects(equal_arms, "lambda_max", at_loss)
more = tables.paired_effects(on_more, "lambda_max", larger, learned)
rows = {
    name: {
        "last epoch": said[f"{name}, source", mean],
        "last iterate": said[f"{name}, source", last],
        f"last iterate, {check_examples:,} examples": text(more[name, "more examples"]),
        "own rates, equal loss": text(at_one_loss[name, "equal loss"]),
    }
    for name in at_loss
}
table = tables.grid(
    by_place,
    rows,
    corner="λ_max of",
    label="tab-checks",
    caption="At equal training loss, λ_max of the CNN after SGD is "
    f"{text(at_one_loss['CNN, SGD / momentum', 'equal loss'])} times that after momentum. Ratios "
    f"of λ_max at the source's rates, on {examples.count:,} examples where no other number stands; "
    "95% intervals over paired seeds.",
)
display.show(table, tables.spread_sentence(equal, "loss", within="network"))

# %% [markdown]
# ## What was found

# %% State the findings
named = {net: f"{net}, SGD / momentum, source" for net in networks}
findings = display.Findings(
    "Averaged over the last epoch, SGD ends "
    + formatting.list_text([f"{said[named[net], mean]} ({net})" for net in networks])
    + " times as sharp as momentum at the source's rate, and "
    + formatting.list_text([f"{said[paced[net], mean]} ({net})" for net in networks])
    + " times at that rate over 1 − β.",
    f"{spiked}. {lead}",
    f"{accurate}.",
)
source = {"dataset": "mnist", "max_train": 60000, "epochs": 5, "hidden": [128], "seeds": [0]}
source |= {"learning_rate": 0.01, "momentum": 0.9}
reasons = {"seeds": "one network has no interval"}
reasons = reasons if study.evidence else dict.fromkeys(source, "this is a small trial run")
departures = tables.departures(source, study.parameters, reasons, label="tab-departures")
study.close("Optimizers over the last epoch")
display.show(findings, departures, tables.closing(study, evidence=study.evidence))

# %% [markdown]
# ## Discussion

# %% Say what the findings mean
display.Sentence(
    f"**What it means.** Beside SGD at its rate over 1 − β, {larger_step}. "
    + (
        "So in these networks a comparison of SGD and momentum at one rate compares step sizes."
        if set(alike.values()) == {"no difference is measurable"}
        else "So momentum is more than a larger step where a difference remains."
    )
)

# %% [markdown]
# **What would change it.** Two small networks were trained on one data set for few epochs, which
# need not reach a minimum. Snapshots of one epoch are not independent, and ten of them miss most
# steps. Own rates come from a grid by training loss. All seeds share the examples of the Hessian.
# Points of equal training loss are interpolated single steps.
