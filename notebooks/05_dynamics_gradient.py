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
# # Does training happen in the sharpest directions?
#
# **Question.** The gradient is said to lie in the few sharpest directions of the loss. Is that part
# of it more than mini-batch noise, does training need it, and does the answer depend on the mode of
# batch normalisation (BN)? And which curvature do small and large batches with momentum keep?
#
# **Measured.** The share of the squared gradient in the top eigenvectors of the Hessian, beside the
# same share of mini-batch noise and of a random direction; the fall of the loss over steps by the
# gradient, by its part in these eigenvectors (*dominant*), and by the rest (*bulk*), with BN in
# eval mode and under batch statistics; batch sharpness, the curvature along mini-batch gradients,
# for several batch sizes and momenta. Brackets give 95% intervals over seeds.
#
# **Rule, fixed before the run.** The gradient lies in the top eigenspace *beyond noise* if its
# share exceeds that of the noise by the 95% interval of the paired difference over seeds. Training
# *needs* a part of the gradient if steps without it lower the loss less than steps with all of it,
# by the 95% interval of the paired ratio of losses. The two modes of BN *disagree* if the 95%
# interval of the paired difference of their shares excludes 0.

# %% Imports
import functools
import operator

from landscape import models, training
from studies import Study, display, factorial, figures, formatting, intervals, sweeps, tables

# %% Parameters tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # "stale" measures again what older code measured
dataset = "digits"
max_train = 400
seeds = [0, 1]
workers = 1  # processes that train side by side
hidden = [16]  # of the MLP
channels, cnn_hidden = [4, 4], 16
epochs, batch_size, learning_rate = 4, 32, 0.1
shares = [
    0.25,
    1.0,
]  # of training, at which the gradient is measured; the first one starts descents
curvature_examples = 128  # first training examples
top = 10  # eigenvectors, as many as classes
noise_batches = 20  # mini-batches whose noise is measured
descent_steps, refresh = 20, 10  # steps by a part of the gradient; from one computation to the next
edge_dataset = "digits"
edge_examples = 128
edge_hidden = [16, 16]
edge_steps, edge_points = 60, 6
edge_rate, edge_adam_rate = 0.5, 0.01
momenta = [0.5, 0.9]
edge_batches = [8, 32]  # beside the full batch
edge_rtol = 0.1  # relative standard error of batch sharpness

# %% [markdown]
# ## The gradient in the top eigenspace
#
# We train an MLP, and a convolutional network with and without BN, by plain gradient steps on
# mini-batches. Along training we compute the top eigenvectors of the Hessian, as many as there are
# classes, and ask how much of the gradient lies in their span [@gur2018]. Mini-batch noise lies
# there too [@song2025], so its share is the one to compare with.

# %% Train the networks
study = Study("05_dynamics_gradient", vars())
task = study.load(dataset, max_train=max_train)
steps_per_epoch = -(-task.train_size // batch_size)
snapshots = tuple(max(round(share * epochs * steps_per_epoch), 1) for share in shares)
cnn = models.CNN(tuple(channels), cnn_hidden)
base = training.TrainConfig(
    cnn,
    training.SGD(learning_rate),
    epochs=epochs,
    batch_size=batch_size,
    measure_every=float(epochs),
    snapshots=snapshots,
)
networks = {"MLP": {"model": models.MLP(tuple(hidden))}, "CNN with BN": {"norm": "batch"}}
networks["CNN without BN"] = {"norm": "none"}
configs = factorial(base, network=networks)
examples = task.first(curvature_examples)
modes = {"eval mode": {}, "batch statistics": {"bn": "batch", "bn_block": batch_size}}
names = ["top_share", "top_noise_share", "top_chance"]

# %% Measure the gradient, and descend by its parts
taken = {"k": top, "top_batch": batch_size}
descent = {"descent_rate": learning_rate, "descent_steps": descent_steps, "refresh": refresh}
trained, measured, descents = [], [], []
for seed in seeds:
    trained.append(study.train(configs, task, seeds=[seed], workers=workers))
    for mode, options in modes.items():
        normed = trained[-1].where(network="CNN with BN") if options else trained[-1]
        for step in snapshots:
            there = normed.solutions(examples, step=step, **options).labelled(mode=mode)
            measured.append(study.measure(there, names, noise_batches=noise_batches, **taken))
        start = normed.solutions(examples, step=snapshots[0], **options).labelled(mode=mode)
        for part in ("all", "dominant", "bulk"):
            fallen = study.measure(start, ["descent_fall"], part=part, **taken, **descent)
            descents.append(fallen)
runs, numbers, fall = (
    functools.reduce(operator.or_, parts) for parts in (trained, measured, descents)
)
display.show(tables.learned(runs), tables.divergence(runs, label="tab-divergence"))

# %% Compare gradient and noise
text, depending = formatting.interval_text, formatting.depending
places = {"MLP": ("MLP", "eval mode"), "CNN without BN": ("CNN without BN", "eval mode")}
places |= {f"CNN with BN, {mode}": ("CNN with BN", mode) for mode in modes}
by_place = numbers.by("network", "mode", "step")
rows, excess, dots = {}, {}, {}
for words, (network, mode) in places.items():
    for share, step in zip(shares, snapshots, strict=True):
        arm = f"{network}, {mode}, step {step}"
        gradient, noise = (by_place.values(name, arm) for name in names[:2])
        excess[words, share] = intervals.paired_difference(gradient, noise)
        dots.setdefault(words, {})[f"{share:.0%} of training"] = arm
        rows[f"{words}, {share:.0%} of training"] = {
            "gradient": ("top_share", arm),
            "mini-batch noise": ("top_noise_share", arm),
            "random direction": ("top_chance", arm),
            "gradient − noise": text(excess[words, share]),
        }

# %% Show the gradient beside noise
beyond = sum(one.low > 0 for one in excess.values())
within = sum(one.high < 0 for one in excess.values())
said = (
    f"The share of the gradient in the top {top} eigenvectors exceeds that of mini-batch noise in "
    f"{beyond} of {len(excess)} places, and lies below it in {within}"
)
kinds = dict(zip(names, ("gradient", "mini-batch noise", "random direction"), strict=True))
figure = figures.measures(
    by_place,
    kinds,
    dots,
    label="fig-shares",
    caption=f"{said}. Shares of squared lengths: mean over seeds with 95% interval.",
)
table = tables.grid(
    by_place,
    rows,
    corner="network",
    label="tab-shares",
    caption=f"{said}. Mean over {len(seeds)} seeds with 95% interval, and paired differences.",
)
display.show(figure, table.at("detail"))

# %% Compare the two modes of BN
both = [f"CNN with BN, {mode}" for mode in modes]
gaps = {
    share: by_place.difference("top_share", [f"{words}, step {step}" for words in both])
    for share, step in zip(shares, snapshots, strict=True)
}
apart = formatting.list_text([f"{text(x)} at {share:.0%} of training" for share, x in gaps.items()])
disagree = sum(depending(x, above="1", below="1", undecided="") == "1" for x in gaps.values())
mode_words = (
    f"With BN the share of the gradient in eval mode minus that under batch statistics is {apart}: "
    f"the modes disagree in {disagree} of {len(gaps)} places"
)
display.Sentence(f"{mode_words}.")

# %% [markdown]
# ## Does training need this part?
#
# From the first of these places we go on for some steps, once by whole mini-batch gradients, once
# by their part in the top eigenvectors, and once by the rest. The eigenvectors are computed anew
# every few steps. All three see the same mini-batches.

# %% Compare descents by parts of the gradient
by_part = fall.by("network", "mode", "part")
parts = {"all": "whole gradient", "dominant": "dominant part", "bulk": "bulk"}
dots = {
    words: {shown: f"{network}, {mode}, {part}" for part, shown in parts.items()}
    for words, (network, mode) in places.items()
}
pairs = {
    words: {
        shown: [arms_of[shown], arms_of["whole gradient"]] for shown in list(parts.values())[1:]
    }
    for words, arms_of in dots.items()
}
effects = tables.paired_effects(by_part, "descent_fall", pairs)
needs = {
    shown: sum(effects[words, shown].high < 1 for words in places)
    for shown in ("bulk", "dominant part")
}
needed = (
    f"Without the dominant part the loss falls less in {needs['bulk']} of {len(places)} networks "
    f"and modes; with it alone, in {needs['dominant part']}"
)
figure = figures.measures(
    by_part,
    {"descent_fall": "loss before / loss after"},
    dots,
    label="fig-descents",
    caption=f"{needed}. Fall of the loss over {descent_steps} steps at the rate of training; "
    "mean over seeds with 95% interval.",
)
table = tables.ratios(
    by_part,
    pairs,
    quantity="descent_fall",
    label="tab-descents",
    caption=f"{needed}. The fall of the loss over that by the whole gradient, over paired seeds "
    "with 95% intervals.",
)
display.show(figure, table.at("detail"))

# %% [markdown]
# ## The edge of stability, with momentum
#
# Full-batch steps keep $\lambda_{\max}$ near $2/\eta$, with momentum near $2(1 + \beta)/\eta$, and
# the preconditioned one of Adam near $38/\eta$ [@cohen2021; @cohen2022]. For mini-batches with
# momentum theory expects batch sharpness near $2(1 - \beta)/\eta$ where batches are small, since
# momentum then only lengthens the step. In a full batch, along its single gradient, batch sharpness
# is no more than $\lambda_{\max}$, which is compared with $2(1 + \beta)/\eta$.

# %% Train at the edge
edge_task = study.load(edge_dataset, max_train=edge_examples)
tanh = models.MLP(hidden=tuple(edge_hidden), activation="tanh")
size = {"train_size": edge_task.train_size, "steps": edge_steps, "points": edge_points}
full = sweeps.full_batch(tanh, training.SGD(edge_rate), **size)
whole = {"full batch": {}}
rules = {"SGD": {"optimizer": training.SGD(edge_rate)}}
rules |= {f"β = {m:g}": {"optimizer": training.SGD(edge_rate, momentum=m)} for m in momenta}
by_size = {edge_task.train_size: factorial(full, batch=whole, rule=rules)}
adam = {"Adam": {"optimizer": training.Adam(edge_adam_rate)}}
adam = factorial(full, batch=whole, rule=adam)
for number in edge_batches:
    mini = sweeps.in_mini_batches(full, number, edge_task.train_size)
    by_size[number] = factorial(mini, batch={f"batches of {number}": {}}, rule=rules)
descended, followed = [], []
for seed in seeds:
    for number, grid in by_size.items():
        descended.append(study.train(grid, edge_task, seeds=[seed], workers=workers))
        at = {"steps": next(iter(grid.values())).snapshots, "batch_size": number}
        at["rtol"] = edge_rtol
        followed.append(study.trajectories(descended[-1], edge_task.train, **at))
    descended.append(study.train(adam, edge_task, seeds=[seed], workers=workers))
    followed.append(study.trajectories(descended[-1], edge_task.train, steps=full.snapshots))
descended, followed = (functools.reduce(operator.or_, x) for x in (descended, followed))

# %% Compare batch sharpness with both expectations
edge = study.measurements.where(arm=descended.arms)
rows, near = {}, {"small": [], "large": []}
for number, grid in by_size.items():
    for arm in grid:
        beta = grid[arm].optimizer.momentum
        rows[str(arm)] = {
            "λ_max over its threshold": ("edge_ratio", arm),
            "batch sharpness over 2/η": ("batch_edge_ratio", arm),
            "1 − β": f"{1 - beta:g}",
            "1 + β": f"{1 + beta:g}",
        }
        if beta and number == min(edge_batches):
            values = [x / (1 - beta) for x in edge.values("batch_edge_ratio", arm)]
            near["small"].append(intervals.mean_interval(values))
        if beta and number == edge_task.train_size:
            near["large"].append(intervals.mean_interval(edge.values("edge_ratio", arm)))
rows["full batch, Adam"] = {"λ_max over its threshold": ("edge_ratio", "full batch, Adam")}

# %% Show the edge
spans = {kind: formatting.list_text([text(one) for one in found]) for kind, found in near.items()}
edge_words = (
    f"Late in training with momentum, batch sharpness is {spans['small']} times 2(1 − β)/η in "
    f"batches of {min(edge_batches)}, and in full batches λ_max is {spans['large']} times "
    f"2(1 + β)/η (momentum {formatting.list_text([f'{m:g}' for m in momenta])})"
)
figure = figures.stability(
    followed,
    label="fig-edge",
    caption=f"{edge_words}. Left: the largest eigenvalue over its threshold of stability, "
    "preconditioned for Adam. Right: batch sharpness over $2/\\eta$.",
)
table = tables.grid(
    edge,
    rows,
    corner="batch and optimizer",
    runs=descended,
    label="tab-edge",
    caption=f"{edge_words}. Medians over the last third of {edge_points + 1} snapshots: mean over "
    "seeds with 95% interval.",
)
display.show(figure, table)

# %% [markdown]
# ## What was found

# %% State the findings
found = display.Findings(f"{said}.", f"{mode_words}.", f"{needed}.", f"{edge_words}.")
study.close("Gradients and the sharpest directions")
display.show(found, tables.closing(study, evidence=study.evidence))

# %% [markdown]
# ## Discussion

# %% Say what it means
display.Sentence(
    "**What it means.** "
    + (
        "The top eigenspace holds more of the gradient than of its noise."
        if beyond > len(excess) / 2
        else "What the top eigenspace holds of the gradient is mostly what it holds of noise."
    )
    + (
        " Steps by that part alone lower the loss less than whole steps: training happens outside "
        "of it too."
        if needs["dominant part"] > len(places) / 2
        else " Whether steps by that part alone suffice stays open."
    )
)

# %% [markdown]
# **What would change it.** Three small networks were trained on part of one data set, by plain
# steps at one rate. The eigenvectors come from the examples that also give the gradient, and are
# renewed every few steps only. A plateau of batch sharpness takes long training, and the loss falls
# on: late snapshots may lie beyond it.
