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
# # Does a PAC-Bayes bound hold, and does it say anything?
#
# **Question.** A source bounds the generalisation gap by $\sqrt{2\rho^2 + \log(2p/\delta)/n}$. Do
# trained networks keep below it? And what does a bound say that is proved?
#
# **Measured.** The gap of multilayer perceptrons (MLPs) beside the printed bound. For the same
# networks with random weights, a PAC-Bayes bound of the error on new examples, and that error. The
# prior is the initialisation, or a network that is trained on half of the examples.
#
# **Rule, fixed before the run.** A bound *holds* for a network if the measured number stays below
# it. It *says something* if it is below the error of guessing. Each bound may fail with probability
# 0.05.

# %% Imports
import operator

from landscape import models, theory, training
from studies import Study, display, factorial, figures, formatting, tables

# %% Parameters tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # "stale" measures again what older code measured
dataset = "digits"
max_train = 1200
seeds = [0, 1]
workers = 1  # processes that train side by side
widths = [16, 64]
epochs = 10
batch_size = 32
learning_rate = 0.05
momentum = 0.9
sigmas = [0.01, 0.02, 0.05, 0.1, 0.2]  # sizes of the noise, in parameter units
draws = 50  # of the random weights
delta = 0.05  # probability with which a bound may fail
bound_radius = 0.05  # ρ of the printed bound

# %% [markdown]
# ## The printed bound
#
# The printed bound has no term for the loss or the weights: it is one number for all networks of a
# size. We set it beside the gap between test loss and training loss where training ends.

# %% Train on all examples
study = Study("07_theory_bounds", vars())
task = study.load(dataset, max_train=max_train)
half = task.train_size // 2
first_half = study.load(dataset, max_train=half)
networks = {f"width {width}": {"model": models.MLP(hidden=(width,))} for width in widths}
descent = training.SGD(learning_rate, momentum=momentum)
base = training.TrainConfig(
    networks[f"width {widths[0]}"]["model"], descent, epochs=epochs, batch_size=batch_size
)
configs = factorial(base, network=networks)
runs = study.train(configs, task, seeds=seeds, workers=workers)
tables.divergence(runs, label="tab-divergence")

# %% Compare the gap with the printed bound
sizes = dict(zip(networks, runs.sizes.values(), strict=True))
printed = {
    name: theory.pac_bayes_bound(size, task.train_size, rho=bound_radius, delta=delta)
    for name, size in sizes.items()
}
gaps = study.measurements.where(quantity=["loss_gap", "test_accuracy"]).by("network")
below = {name: sum(x < printed[name] for x in gaps.values("loss_gap", name)) for name in networks}
count = len(seeds) * len(networks)
kept = f"{sum(below.values())} of {count} networks keep below the printed bound"
tables.grid(
    gaps,
    {
        name: {
            "parameters": f"{sizes[name]:,}",
            "gap (nats)": ("loss_gap", name),
            "printed bound (nats)": formatting.number_text(printed[name]),
            "networks below": f"{below[name]} of {len(seeds)}",
        }
        for name in networks
    },
    corner="MLP",
    label="tab-printed",
    caption=f"{kept}. Test loss minus training loss, mean over {len(seeds)} seeds with 95% "
    f"interval; ρ = {bound_radius:g}, n = {task.train_size:,}.",
)

# %% [markdown]
# ## A proved bound of networks with random weights
#
# PAC-Bayes bounds concern networks whose weights are drawn from a distribution, here normal around
# the trained weights. The bound grows with the divergence of this distribution from a prior that
# has not seen the examples [@dziugaite2017]. We take the same size of noise for both, and choose it
# from a list: the bound pays for the choice. The prior lies around the initialisation, or around a
# network that is trained on the first half of the examples. Then the bound uses the second half
# alone.

# %% Bound the error on new examples
options = {"sigmas": sigmas, "draws": draws, "delta": delta}
ends = runs.solutions(task.train)
from_start = study.certificates(ends, **options)
half_runs = study.train(configs, first_half, seeds=seeds, workers=workers)
later = ends.replace(examples=task.after(half))
priors = half_runs.solutions(first_half.train)
numbers = (from_start | study.certificates(later, priors=priors, **options)).by("network", "prior")

# %% Count the bounds that hold
origins = {"initialisation": "from the initialisation", "other examples": "from half of the data"}
guessing = 1 - task.chance
bounds, errors = (
    {
        origin: [x for name in networks for x in numbers.values(quantity, f"{name}, {origin}")]
        for origin in origins
    }
    for quantity in ("certified_error", "stochastic_test_error")
)
pairs = [pair for origin in origins for pair in zip(bounds[origin], errors[origin], strict=True)]
holding = sum(error <= bound for bound, error in pairs)
telling = sum(bound < guessing for bound, _ in pairs)
tighter = sum(map(operator.lt, bounds["other examples"], bounds["initialisation"]))
held = (
    f"{holding} of {len(pairs)} proved bounds hold, and {telling} are below the error of guessing"
)
spans = {
    origin: tables.span(
        numbers.where(prior=origin, quantity="certified_error").by("network"), "certified_error"
    )
    for origin in origins
}
tight = (
    f"With a prior from half of the data the bound of the share wrong ranges "
    f"{spans['other examples']}, with one from the initialisation {spans['initialisation']}"
)

# %% Draw the bounds beside the errors
figures.measures(
    numbers,
    {"certified_error": "bound", "stochastic_test_error": "error on new examples"},
    {name: {words: f"{name}, {origin}" for origin, words in origins.items()} for name in networks},
    columns=2,
    label="fig-bounds",
    caption=f"{tight}. Left: bound of the share of new examples that a network with random weights "
    f"gets wrong. Right: the share of {task.test_size:,} test examples. Colours name the prior.",
)

# %% List bounds, errors and divergences
accuracy = {name: gaps.values("test_accuracy", name) for name in networks}
tables.grid(
    numbers,
    {
        f"{name}, prior {words}": {
            heading: (quantity, f"{name}, {origin}")
            for heading, quantity in (
                ("bound", "certified_error"),
                ("training error", "stochastic_error"),
                ("test error", "stochastic_test_error"),
                ("divergence (nats)", "prior_divergence"),
                ("size of the noise", "noise_size"),
            )
        }
        | {"test error, fixed weights": formatting.mean_text([1 - x for x in accuracy[name]])}
        for name in networks
        for origin, words in origins.items()
    },
    corner="MLP",
    label="tab-bounds",
    caption=f"{held}. Shares wrong, means over {len(seeds)} seeds with 95% intervals, {draws} "
    "draws of the random weights.",
).at("detail")

# %% [markdown]
# ## What was found

# %% State the findings
study.close("Bounds of generalisation")
display.show(
    tables.closing(study, evidence=study.evidence).at("appendix"),
    display.Findings(
        f"{kept} ([](#tab-printed)).",
        f"{held}. {tight} ([](#fig-bounds)).",
    ),
)

# %% [markdown]
# ## Discussion

# %% Say what it means
display.Sentence(
    "**What it means.** "
    + (
        "The printed expression is no bound of the gap. "
        if sum(below.values()) < (1 - delta) * count
        else "The printed expression is not violated here, which does not prove it. "
    )
    + (
        "The proved bounds hold and say something. A prior from half of the data gives the smaller "
        f"one in {tighter} of {count} networks: its centre lies closer to the trained weights. The "
        "bounds concern networks with random weights, not the trained ones."
        if holding == telling == len(pairs) and 2 * tighter > count
        else "Not all proved bounds hold here and say something; the table shows which."
    )
)

# %% [markdown]
# **What would change it.** The networks are small, and have one hidden layer. Pixels are scaled by
# the mean and deviation of all training images, which the proof takes as fixed beforehand. A bound
# that is minimised by training, with a size of the noise for each weight, would be tighter.
