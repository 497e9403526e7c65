# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
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
# # Are solutions connected?
#
# **Question.** Some sources find a barrier on the straight line between two solutions, one finds
# none. Does it depend on whether both come from one start, or on how a barrier is measured? How
# much of a barrier is stale statistics, misplaced confidence, or the order of the units?
#
# **Measured.** Loss and error on paths between two networks: from different starts; from one start
# with other batches; and from runs that part on the way. Paths are straight, aligned, repaired or
# trained curves. The *error barrier* is the largest rise of the training error above the line that
# joins the errors of both ends.
#
# **Predictions, fixed before the run.** Networks of this size are stable from their start on
# [@frankle2020]. So lines from different starts cross a barrier, and lines from one start do not.
# Alignment takes the barrier of the widest MLP away. A network is as far from its own copy with
# permuted units as from another: the line to it crosses a barrier, which alignment takes away.
# A barrier counts if its 95% interval lies above 2 percentage points, and is absent if it lies
# below.

# %% Imports
import functools
import operator

from landscape import connectivity, models, training
from studies import Arm, Study, arms, barriers, display, figures, formatting, tables

# %% Parameters tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # "stale" measures again what older code measured
dataset = "digits"
norm_dataset = "digits"  # of the CNNs with and without BN
max_train = 1000
seeds = [0, 1, 2, 3]  # pairs of different starts: first with second, third with fourth
workers = 1  # processes that train side by side
mlp_widths = [16, 64]
cnn_widths = [4, 8]
cnn_hidden = 32
norm_channels, norm_hidden = [4, 8], 32
parted = [0.0, 1.0]  # epochs after which two runs see other batches
epochs, norm_epochs = 4, 3
batch_size, learning_rate, momentum = 64, 0.05, 0.9
measured = 1000  # training examples on which the losses at both ends are measured
curve_epochs = 3  # of training a curve between two solutions
path_examples, path_points = 500, 9
margin = 2.0  # percentage points of error from which on a barrier counts

# %% [markdown]
# ## Networks, and how their runs part
#
# MLPs have one hidden layer, CNNs two convolutions; a second pair of CNNs differs in batch
# normalisation (BN) alone. Runs of one seed share their start and their batches. A *parted* run is
# the run of its seed up to some moment, bit for bit, and sees other batches from then on. Pairs
# from different starts share no network. The first network of each pair has parted runs.

# %% Describe the networks
study = Study("06_connectivity", vars())
sgd = training.SGD(learning_rate, momentum=momentum)
options = {"batch_size": batch_size, "measured": measured}
base = training.TrainConfig(models.MLP(), sgd, epochs=epochs, **options)
sizes = {"MLP": {width: models.MLP(hidden=(width,)) for width in mlp_widths}}
sizes["CNN"] = {w: models.CNN((w, w), cnn_hidden, norm="none") for w in cnn_widths}
plain = {
    Arm(f"{family} {w}", network=f"{family} {w}", family=family, width=w): {"model": model}
    for family, by_width in sizes.items()
    for w, model in by_width.items()
}
pair_of_norms = {"CNN with BN": "batch", "CNN without BN": "none"}
normed = {
    Arm(name, network=name, norm=norm): {
        "model": models.CNN(tuple(norm_channels), norm_hidden, norm=norm),
        "epochs": norm_epochs,
    }
    for name, norm in pair_of_norms.items()
}
tasks = [study.load(name, max_train=max_train) for name in (dataset, norm_dataset)]
kinds = ["straight", "calibrated", "aligned", "aligned calibrated", "repaired"]
controls = ["twin", "twin aligned", "noise"]
parts = [(tasks[0], plain, parted, ["frozen"], kinds + controls)]
parts.append((tasks[1], normed, parted[:1], ["frozen", "batch", "reestimate"], kinds))

# %% Train both networks of a pair and the parted runs, and measure all paths, pair by pair
curve = connectivity.CurveConfig(
    epochs=curve_epochs, batch_size=batch_size, learning_rate=learning_rate, momentum=momentum
)
runs, measured_paths = [], []
for pair in zip(seeds[::2], seeds[1::2], strict=True):
    for task, networks, moments, policies, ways in parts:
        lines = {"points": path_points, "policies": policies}
        whole = study.train(arms.variants(base, networks), task, seeds=pair, workers=workers)
        ends = whole.solutions(task.first(path_examples))
        measured_paths.append(study.paths(ends, kinds=ways, **lines))
        bent = {**lines, "policies": policies[-1:]}  # A curve is trained for each policy.
        measured_paths.append(study.paths(ends, kinds=[], curve=curve, **bent))
        measured_paths.append(study.paths(ends, splits=["test"], **lines))
        runs.append(whole)
        for moment in moments:
            configs = arms.variants(base, barriers.parting(networks, moment))
            runs.append(study.train(configs, task, seeds=pair[:1], workers=workers))
            others = runs[-1].solutions(task.first(path_examples))
            first = ends.where(seed=pair[0])
            measured_paths.append(study.paths(others, against=first, **lines))
runs, paths = (functools.reduce(operator.or_, some) for some in (runs, measured_paths))
display.show(
    tables.setup(runs.where(arm=[*plain, *normed])).at("appendix"),
    tables.divergence(runs, label="tab-divergence"),
    tables.learned(runs).at("detail"),
)

# %% [markdown]
# ## Different starts, and one start
#
# All lines here are straight. On them the running statistics of BN are interpolated like the
# weights.

# %% Draw the barriers by the moment at which runs part
joined, text = barriers.Barriers(paths), formatting.mean_text
names = [str(arm) for arm in [*plain, *normed]]
moments = {"different starts": None, "one start": parted[0]}
moments |= {f"parted at epoch {moment:g}": moment for moment in parted[1:]}
line = {"path": "straight", "split": "train", "bn": "frozen"}
heights = {
    words: {name: joined.points(network=name, parted=moment, **line) for name in names}
    for words, moment in moments.items()
}
apart, close = (barriers.counted(heights[words], margin) for words in list(moments)[:2])
seen = f"Between different starts, {apart}; from one start, {close}"
figures.measures(
    study.measurements.where(quantity=["error_barrier", "barrier"], **line),
    {"error_barrier": "error barrier", "barrier": "loss barrier"},
    {
        words: {
            name: name if moment is None else f"{name}, parted at {moment:g}"
            for name in names
            if heights[words][name]
        }
        for words, moment in moments.items()
    },
    label="fig-starts",
    columns=2,
    caption=f"{seen}. Straight lines between two networks, by the moment at which their runs part.",
)

# %% Tabulate the error barriers
tables.grid(
    study.measurements,
    {
        name: {words: text(column[name]) for words, column in heights.items() if column[name]}
        for name in names
    },
    corner="network",
    label="tab-starts",
    caption=f"{seen}. Error barrier on the straight line in percentage points: mean over "
    f"{len(seeds) // 2} pairs ± half-width of the 95% interval.",
).at("detail")

# %% [markdown]
# ## Parts of a barrier
#
# We take away one part of a barrier after the other. *Re-estimated* statistics of BN fit the
# weights on the line. *Calibration* divides the outputs by the temperature that fits best at each
# position [@guo2017]; it changes the loss and no answer. *Alignment* permutes the units of the
# second network [@ainsworth2023], *repair* restores their statistics too [@jordan2023]. A *Bezier*
# curve is trained between the networks as they are [@garipov2018]. From here on lines between
# networks with BN have re-estimated statistics.

# %% Draw the barriers on other paths
ways = {"straight": "straight", "calibrated": "calibrated", "aligned": "aligned"}
ways |= {"aligned calibrated": "aligned and calibrated", "repaired": "repaired", "bezier": "Bezier"}
policies = {name: "reestimate" if name in pair_of_norms else "frozen" for name in names}
numbers = barriers.by_path(study.measurements, policies)
drawn = {"error_barrier": "error barrier", "barrier": "loss barrier"}
before = {"parted": None, **line}
left = {
    kind: joined.left({**before, "path": kind}, before, [str(arm) for arm in plain])
    for kind in ("aligned", "bezier")
}
norm_lines = {"split": "train", "path": "straight", "parted": None}
fresh = joined.left({**norm_lines, "bn": "reestimate"}, before, ["CNN with BN"])
figures.measures(
    numbers,
    drawn,
    {words: {name: f"{name}, {kind}" for name in names} for kind, words in ways.items()},
    label="fig-ways",
    columns=2,
    caption=f"Of the error barrier on the straight line, {left['aligned']} is left after alignment "
    f"and {left['bezier']} on a trained curve, over networks without BN. With re-estimated "
    f"statistics {fresh} is left between networks with BN.",
)

# %% Draw the barriers against width
families = {
    f"{family}, {ways[kind]}": {width: f"{family} {width}, {kind}" for width in by_width}
    for family, by_width in sizes.items()
    for kind in ("straight", "aligned", "bezier")
    if len(by_width) > 1
}
widest = f"MLP {max(mlp_widths)}"
narrow, wide = (
    text(joined.points(network=f"MLP {width}", **before | {"path": "aligned"}))
    for width in (min(mlp_widths), max(mlp_widths))
)
figures.against_size(
    numbers,
    drawn,
    families,
    x="width",
    label="fig-widths",
    caption=f"After alignment the error barrier of MLPs is {narrow} points at width "
    f"{min(mlp_widths)} and {wide} at width {max(mlp_widths)}. Barriers between different starts: "
    "mean over pairs with 95% interval.",
)

# %% [markdown]
# ## Controls
#
# The *twin* of a network is itself with its units permuted at random: a barrier on the way to it is
# symmetry and nothing else. *Noise* is the network plus random noise, as far away as the network
# from the other start.

# %% Measure the controls
shown = {"to its twin": "twin", "to its aligned twin": "twin aligned"}
twins = {
    str(arm): {
        **{
            words: text(joined.points(network=str(arm), **before | {"path": kind}))
            for words, kind in shown.items()
        },
        "middle, other start": text(joined.middle(network=str(arm), **before)),
        "middle, noise": text(joined.middle(network=str(arm), **before | {"path": "noise"})),
    }
    for arm in plain
}
symmetry = {
    kind: {str(arm): joined.points(network=str(arm), **before | {"path": kind}) for arm in plain}
    for kind in shown.values()
}
tables.grid(
    numbers,
    twins,
    corner="network",
    label="tab-controls",
    caption=f"On the way to its twin, {barriers.counted(symmetry['twin'], margin)}; once aligned, "
    f"{barriers.counted(symmetry['twin aligned'], margin)}. Error barriers, and the rise of the "
    "error at the middle of the line, in percentage points: mean over pairs ± half-width of the "
    "95% interval.",
)

# %% [markdown]
# ## Predictions and outcomes

# %% Set the predictions beside what was measured
every = [str(arm) for arm in plain]
predictions = [
    *(
        barriers.Prediction(
            f"{name}, different starts", "a barrier", heights["different starts"][name]
        )
        for name in every
    ),
    *(
        barriers.Prediction(f"{name}, one start", "no barrier", heights["one start"][name])
        for name in every
    ),
    barriers.Prediction(
        f"{widest}, aligned",
        "no barrier",
        joined.points(network=widest, **before | {"path": "aligned"}),
    ),
    *(barriers.Prediction(f"{name}, twin", "a barrier", symmetry["twin"][name]) for name in every),
    *(
        barriers.Prediction(f"{name}, aligned twin", "no barrier", symmetry["twin aligned"][name])
        for name in every
    ),
]
outcomes = barriers.tally(predictions, margin)
tables.grid(
    numbers,
    {one.words: one.row(margin) for one in predictions},
    corner="straight line",
    label="tab-predictions",
    caption=f"{outcomes}. Error barriers on training examples: mean over pairs ± half-width of the "
    "95% interval.",
)

# %% [markdown]
# ## What was found

# %% State the findings
study.close("Connectivity of solutions")
display.show(
    tables.closing(study, evidence=study.evidence).at("appendix"),
    display.Findings(
        f"{seen} ([](#fig-starts)).",
        f"Of the error barrier of networks without BN, {left['aligned']} is left after alignment "
        f"and {left['bezier']} on a trained curve ([](#fig-ways)).",
        f"{outcomes} ([](#tab-predictions)).",
    ),
)

# %% [markdown]
# ## Discussion

# %% Say what it means
apart_barrier = barriers.shared(heights["different starts"], margin)
close_barrier = barriers.shared(heights["one start"], margin)
if (apart_barrier, close_barrier) == ("a barrier", "no barrier"):
    meaning = (
        "Sources that find a barrier and the one that finds none may both be right: their networks "
        "come from different starts or from one."
    )
elif apart_barrier == close_barrier == "a barrier":
    meaning = "A common start does not spare these networks a barrier."
elif apart_barrier == "no barrier":
    meaning = "Straight lines join these networks even where their starts differ."
else:
    meaning = "The networks do not all behave alike, so no single answer holds for them."
display.Sentence(f"**What it means.** {meaning}")

# %% [markdown]
# **What would change it.** The networks are small, on one data set each; larger ones need not be
# stable from their start. Alignment finds a local optimum, so a barrier that it leaves may still be
# a matter of the order of units. A curve trains for epochs that its ends did not have. Barriers are
# measured at evenly spaced positions on training examples, and a narrow one between two of them
# would be missed. The margin is ours: sources draw a line and give none.
