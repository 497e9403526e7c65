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
# # Does training move in few dimensions?
#
# **Question.** Two principal components show most of the path of training. Do they show more than
# those of a random walk, and can a network be trained within them? Is the loss along the first a
# parabola?
#
# **Measured.** The shares of the principal components of the path, beside four null models that are
# built from the run's own steps; the test accuracy of networks that are trained within the span of
# a few components; the loss along the first component. A multilayer perceptron (MLP) and a small
# convolutional network (CNN) are trained by SGD, momentum and Adam. Brackets and ± give 95%
# intervals over seeds.
#
# **Rule, fixed before the run.** Two components *explain* a path if they hold more than 90% of the
# squared distances from its mean. A path has *fewer dimensions than chance* if their share is above
# the 97.5% quantile of walks with the run's step lengths and correlations, and of the run's own
# steps in shuffled order, in every seed. The loss is a *parabola* if a quadratic leaves less than
# 5% of its variation.

# %% Imports
import functools
import operator

from landscape import models, training
from studies import Study, display, factorial, figures, formatting, path_findings, tables

# %% Parameters tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # "stale" measures again what older code measured
dataset = "digits"
max_train = 1000
seeds = [0, 1]
workers = 1  # processes that train side by side
hidden = [16]  # of the MLP
channels = [4, 8]  # of the CNN
cnn_hidden = 16
epochs = 5
batch_size = 64
learning_rate = 0.05
adam_rate = 0.001  # PyTorch's default
momentum = 0.9
measured = 500  # training examples on which the curves are measured
even = 41  # evenly spaced snapshots of a path
draws = 50  # of each null model
spans = [2, 10]  # numbers of components within which networks are trained
compared_span = 10  # number of components that the findings name
line_points = 21  # positions along the first component
path_examples = 256  # first training examples, on which losses along paths are measured
path_snapshots = 21  # of the paths that are drawn
stops = 5  # moments of training with surroundings and eigenvalues
plane_points = 9
eigenvalues = 3  # largest ones at each moment

# %% [markdown]
# ## Paths and null models
#
# We keep evenly spaced snapshots of each run. The null models keep what is plain about its steps: a
# *random walk* keeps their number; a *correlated walk* their lengths, and their correlations with
# the next five, as an autoregression; *shuffled steps* all of them, in another order; a *straight
# line* start, end and the distances from the line, as noise. A long random walk in many dimensions
# gives 60.8%, 15.2% and 6.8% to its first three components, and each of them is a cosine of time
# [@antognini2018].

# %% Describe the networks
study = Study("05_dynamics_paths", vars())
task = study.load(dataset, max_train=max_train)
mlp = models.MLP(hidden=tuple(hidden))
cnn = models.CNN(channels=tuple(channels), hidden=cnn_hidden, norm="none")
networks = {"MLP": {"model": mlp}, "CNN": {"model": cnn}}
descent = {name: training.SGD(learning_rate, momentum=m) for name, m in (("SGD", 0.0),)}
descent |= {"momentum": training.SGD(learning_rate, momentum=momentum)}
descent |= {"Adam": training.Adam(adam_rate)}
optimizers = {name: {"optimizer": config} for name, config in descent.items()}
settings = {"epochs": epochs, "batch_size": batch_size, "measured": measured}
base = training.TrainConfig(mlp, descent["SGD"], **settings)
configs = factorial(base, network=networks, optimizer=optimizers)
examples = task.first(path_examples)

# %% Train, and measure the paths, seed by seed
trained, shapes, confined, drawn = [], [], [], []
for seed in seeds:
    runs = study.train(configs, task, seeds=[seed], workers=workers)
    trained.append(runs)
    options = {"even": even, "draws": draws, "points": line_points}
    shapes.append(study.path_shapes(runs, examples, **options))
    confined.append(study.span_training(runs, components=spans, even=even))
    if seed == seeds[0]:
        options = {"snapshots": path_snapshots, "stops": stops, "points": plane_points}
        options |= {"surrounding_points": 2 * (plane_points // 4) + 1, "eigenvalues": eigenvalues}
        drawn.append(study.training_path(runs.where(network="CNN"), examples, **options))
runs, shapes, confined = (
    functools.reduce(operator.or_, part) for part in (trained, shapes, confined)
)
(paths,) = drawn
display.show(tables.learned(runs), tables.divergence(runs, label="tab-divergence"))

# %% Draw the shares of two components
findings = path_findings.PathFindings(shapes)
display.show(
    figures.measures(
        findings.shares,
        {"path_share": "share of two components"},
        findings.sources,
        columns=1,
        label="fig-shares",
        caption=f"{findings.explained}. Share of the squared distances from the path's mean; "
        f"of null models the median over {draws} draws.",
    ),
    figures.component_shares(
        study.record.rows("path_components"),
        label="fig-components",
        caption="The more a curve falls, the fewer dimensions a path has: the share of the spread "
        "that the first components leave. Means over seeds with 95% intervals; of null models the "
        "median over draws.",
        alt="A panel for each network and optimizer: falling curves for the run and four null "
        "models.",
    ).at("detail"),
)

# %% Set the paths against the null models
table = tables.grid(
    shapes,
    findings.rows(),
    corner="runs",
    label="tab-shares",
    caption=f"{findings.above}. The 97.5% quantile of each null model is subtracted from the share "
    "of each run. The last column compares the first component with half a cosine over training.",
)
display.show(display.Sentence(f"{findings.above}."), table.at("detail"))

# %% [markdown]
# ## Training within a few components
#
# A picture cannot tell whether the other dimensions matter. So we train again from the same start
# and keep each step within the span of a few directions: the first components of the run's own
# path; those of a path from the same start that saw other batches; or random directions, which are
# the components of any isotropic walk. For SGD and momentum this equals training by the projected
# gradient [@li2023].

# %% Compare accuracies within spans
ends = study.measurements.where(quantity="test_accuracy", at="end").by("network", "optimizer")
inside = confined.by("network", "optimizer", "span", "components")
wheres = ("own path", "other order", "random walk")
within = path_findings.within_spans(confined, compared_span)
rows = {
    f"{arm}, {where}": {
        f"{k} directions": ("span_accuracy", f"{arm}, {where}, components {k}") for k in spans
    }
    | {"no limit": f"{formatting.mean_text([100 * x for x in ends.values('test_accuracy', arm)])}"}
    for arm in findings.arms
    for where in wheres
}
accuracies = {
    arm: {
        f"{where}, {k}": f"{arm}, {where}, components {k}" for where in wheres for k in spans[-2:]
    }
    for arm in findings.arms
}
table = tables.grid(
    inside,
    rows,
    corner="directions of",
    label="tab-spans",
    caption=f"{within}. Test accuracy in per cent: mean over seeds ± half-width of the 95% "
    "interval.",
)
figure = figures.measures(
    inside,
    {"span_change": "change of test accuracy"},
    accuracies,
    columns=1,
    label="fig-spans",
    caption=f"{within}. Colours name the span and its number of directions.",
)
display.show(figure, table.at("detail"))

# %% [markdown]
# ## The loss along the first component
#
# We follow the loss through the last iterate along the first component, over the extent of the
# whole path and over that of the last epoch. A quadratic is fitted to each, and a polynomial of
# degree four beside it. Any smooth curve is a parabola in a small enough window, so we also shrink
# the window until a quadratic leaves less than 5%.

# %% Follow the loss along the first component
figure = figures.path_lines(
    study.record.rows("path_lines"),
    seed=seeds[0],
    label="fig-lines",
    caption=f"{findings.parabola}. Training loss on {examples.count:,} examples, first seed; the "
    "path leads from the left to the last iterate at 0.",
    alt="Two panels for each network, for the whole path and for its last epoch: the loss along "
    "the first component, a curve for each optimizer.",
)
table = tables.grid(
    shapes,
    findings.parabolas(),
    corner="runs",
    label="tab-parabolas",
    caption=f"{findings.parabola}. Residuals are shares of the standard deviation of the loss in "
    "the window.",
)
display.show(figure, table.at("detail"))

# %% [markdown]
# ## Path, surroundings and spectrum along training
#
# Where does the CNN go, and what surrounds it on the way? The plane of the path passes through the
# last iterate. Two random directions, scaled to the filters, are the same at every moment
# [@li2018].

# %% Show moments of training
moments = figures.moments(
    paths,
    label="fig-moments",
    caption=f"{tables.curvature_course(paths)}. Loss around the network of the first seed along "
    "two random directions, at moments of training. The page adds the path on the plane of its "
    "first two components as seen from the end, and the largest eigenvalues.",
    alt="A row of small planes for each optimizer: the loss around the network from the start of "
    "training to its end.",
)
spectra = figures.path_spectra(
    paths,
    label="fig-path-spectra",
    caption=f"Curves show the {eigenvalues} largest eigenvalues of the Hessian along training, on "
    f"{examples.count:,} examples, first seed.",
    alt="A panel for each optimizer: the largest eigenvalues over epochs.",
)
display.show(moments, spectra.at("detail"))

# %% [markdown]
# ## What was found

# %% State the findings
stated = display.Findings(
    f"{findings.explained}. {findings.above}.",
    f"{within}.",
    f"{findings.parabola}.",
)
source = {"dataset": "mnist", "max_train": 60000, "hidden": [128], "momentum": 0.9, "seeds": [0]}
reasons = {"seeds": "one network has no interval"}
reasons = reasons if study.evidence else dict.fromkeys(source, "this is a small trial run")
departures = tables.departures(source, study.parameters, reasons, label="tab-departures")
study.close("Training paths")
display.show(stated, departures, tables.closing(study, evidence=study.evidence))

# %% [markdown]
# ## Discussion

# %% Say what the findings mean
fewer = findings.fewer
display.Sentence(
    "**What it means.** "
    + (
        f"The paths of {formatting.list_text(fewer)} have fewer dimensions than chance: neither "
        "smooth steps nor the steps themselves in another order explain their shares."
        if fewer
        else "A large share of two components is no sign of a subspace in which training moves: in "
        "no kind of run do all seeds exceed both a walk with the run's own step lengths and "
        "correlations, and the run's own steps in another order."
    )
)

# %% [markdown]
# **What would change it.** Two small networks were trained on one data set for few epochs, at one
# rate each. Snapshots are evenly spaced, and steps between them are sums of many updates. The null
# models take their noise as isotropic, except for the shuffled steps. A span through the start need
# not hold what training within it would find from elsewhere.
