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
# # Is a residual network flatter than a plain convolutional one?
#
# **Question.** We train a residual network (ResNet) with batch normalisation and a plain
# convolutional network (CNN) with about as many parameters in the same way. Which is more accurate,
# which ends flatter, and does a straight path connect two residual networks?
#
# **Measured.** Test accuracy, the rise of the loss after SAM's ascent step [@foret2021] and the
# extreme eigenvalues of the Hessian, in eval mode and under the statistics of the batch; loss and
# accuracy on the straight path between two residual networks.

# %% Imports
from landscape import models, training
from studies import Arm, Study, arms, display, figures, formatting, intervals, tables

# %% Parameters tags=["parameters"]
profile = "quick"  # smoke and quick are no evidence; paper is
data_dir = "data"
build_dir = "build"
remeasure = ""  # stale: measure again what older code measured
dataset = "digits"
max_train = 512
seeds = [0, 1, 2, 3]  # neighbours form the pairs of the path
workers = 1  # processes that train side by side
depth = 8
width = 1.0
cnn_channels = [8, 16]
cnn_hidden = 32
epochs = 4
batch_size = 128
learning_rate = 0.05
momentum = 0.9
weight_decay = 1e-4
precision = "float32"
measured = 10000  # training examples on which the curves are measured
curve_examples = 2000  # training and test examples on which curves are measured between the ends
measure_every = 4  # epochs from one measurement of their history to the next
rho = 0.05  # radius of SAM's step
rho_adaptive = 0.5  # radius of the adaptive step, relative to |theta|
curvature_examples = 128  # first training examples: curvature and sharpness
lanczos_steps = 15  # the source's estimator
lanczos_step_sizes = [1e-3, 1e-1]  # of its finite differences; it gives none
path_examples = 256
path_points = 11

# %% [markdown]
# ## Two networks of one size
#
# The ResNet stacks residual blocks with BN, the CNN convolutions and two linear layers without a
# norm. Both share optimizer, schedule and order of batches.

# %% Train the two networks
study = Study("02_skip_vs_cnn", vars())
task = study.load(dataset, max_train=max_train)
base = training.TrainConfig(
    models.ResNet(depth=depth, width=width),
    training.SGD(learning_rate, momentum=momentum, weight_decay=weight_decay),
    epochs=epochs,
    batch_size=batch_size,
    schedule=training.Cosine(),
    precision=precision,
    measured=measured,
    measure_every=measure_every,
    curve_examples=training.CurveExamples(curve_examples, curve_examples),
)
plain_cnn = models.CNN(channels=tuple(cnn_channels), hidden=cnn_hidden, norm="none")
resnet, cnn = Arm("ResNet", model="ResNet"), Arm("CNN", model="CNN")
configs = arms.variants(base, {resnet: {}, cnn: {"model": plain_cnn}})
runs = study.train(configs, task, seeds=seeds, workers=workers)

# %% List settings, departures from the source and divergences
sizes = formatting.list_text([f"{size:,} ({arm})" for arm, size in runs.sizes.items()])
size_sentence = display.Sentence(
    f"The networks have {sizes} parameters, those of the source 2.1 million (ResNet) and 1.8 "
    "million (CNN). The source names neither its optimizer nor its hidden units."
)
source = {"dataset": "cifar10", "max_train": 50000, "epochs": 15, "precision": "float32"}
longer = f"training takes {source['epochs'] / epochs:g} times as long for {source['epochs']} epochs"
reasons = {"epochs": longer, "precision": "bfloat16 takes less computing time"}
if not study.evidence:
    reasons = dict.fromkeys(source, "this is a small trial run")
departures = tables.departures(source, study.parameters, reasons, label="tab-departures")
divergence = tables.divergence(runs, label="tab-divergence")
display.show(*(thing.at("appendix") for thing in (size_sentence, departures, divergence)))

# %% Compare accuracy and loss
text = formatting.interval_text
ends = study.measurements.where(quantity=["test_accuracy", "train_loss", "test_loss", "loss_gap"])
more_accurate = ends.difference("test_accuracy", [resnet, cnn], factor=100)
ahead = formatting.depending(
    more_accurate,
    above="The ResNet is more accurate",
    below="The CNN is more accurate",
    undecided="We cannot tell which network is more accurate",
)
display.Sentence(
    f"{ahead} after {epochs} of the source's {source['epochs']} epochs: test accuracies differ by "
    f"{text(more_accurate)} percentage points (ResNet − CNN, n = {more_accurate.n} seeds), and the "
    f"training loss of the ResNet is {text(ends.ratio('train_loss', [resnet, cnn]))} times the "
    "CNN's."
)

# %% [markdown]
# ## Which network is flatter?
#
# The source calls the network flatter whose loss rises less after one ascent step. We measure this
# rise, and the extreme eigenvalues of the Hessian, where training ended: in eval mode, under the
# statistics of the batch, as in training, and relative to the norms of filters, so that no scaling
# of the weights changes them. The CNN has no statistics: its two modes are one.

# %% Measure sharpness and extreme eigenvalues
solutions = runs.solutions(task.first(curvature_examples))
at_end = ["lambda_max", "sam", "gradient_norm", "loss", "rounding"]
eval_mode = study.measure(
    solutions,
    [*at_end, "lambda_min", "kappa", "lambda_max_relative", "sam_adaptive"],
    rho=rho,
    rho_adaptive=rho_adaptive,
)
batch = study.measure(solutions.replace(bn="batch"), at_end, rho=rho, tol=1e-3)
sharpness = eval_mode | batch.qualified("batch statistics")
ritz = ["ritz_max", "ritz_min", "ritz_negative"]
by_step = {
    size: study.measure(solutions, ritz, lanczos_steps=lanczos_steps, step_size=size)
    for size in lanczos_step_sizes
}
numbers = ends | sharpness
for size, values in by_step.items():
    numbers |= values.qualified(f"ε = {size:g}")

# %% Compare sharpness in eval mode and under batch statistics
pair, in_batches = [resnet, cnn], "lambda_max, batch statistics"
rise, sharper = (sharpness.ratio(name, pair) for name in ("sam", "lambda_max"))
rise_in_batches, sharper_in_batches = (
    sharpness.ratio(name, pair) for name in ("sam, batch statistics", in_batches)
)
by_rise = formatting.depending(
    rise,
    above="the ResNet ends sharper, not flatter",
    below="the ResNet ends flatter",
    undecided="neither network can be told to end flatter",
)
turned = formatting.depending(
    sharper_in_batches,
    above="under batch statistics it stays above the CNN's",
    below="under batch statistics it falls below the CNN's",
    undecided="under batch statistics it cannot be told from the CNN's",
)
figures.pairs(
    sharpness,
    ["lambda_max", in_batches, "sam", "sam_adaptive"],
    label="fig-sharpness",
    caption=f"By the SAM rise in eval mode {by_rise}: its rise is {text(rise)} times the "
    f"CNN's. Its λ_max is {text(sharper)} times as large in eval mode; {turned}. A point is a "
    "seed, a thin line joins the networks of one seed, and open markers are means with 95% "
    f"intervals. The ascent step has the length ρ = {rho}, for the adaptive rise "
    f"{rho_adaptive} relative to the weights.",
    alt="Four panels comparing ResNet and CNN: largest Hessian eigenvalue in eval mode and under "
    "batch statistics, one-step sharpness, and its scale-invariant version.",
)

# %% Tabulate the measures of sharpness
compared = [
    "test_accuracy",
    "train_loss",
    "lambda_max",
    in_batches,
    "lambda_max_relative",
    "lambda_min",
]
compared += ["sam", "sam, batch statistics"]
display.show(
    tables.comparison(
        numbers,
        compared,
        pair,
        label="tab-pair",
        caption="The last column is above 1 where the ResNet is the sharper network: mean over "
        f"seeds ± half-width of the 95% interval and paired ratio, on {curvature_examples} "
        "examples.",
        emphasise="λ_max, batch statistics",
    ),
    tables.comparison(
        numbers,
        numbers.quantities,
        pair,
        label="tab-pair-all",
        caption=f"By the SAM rise in eval mode {by_rise}. All measures of the two "
        "networks: mean over seeds ± half-width of the 95% interval, and paired ratio. Ritz "
        "values come from the source's Lanczos with steps ε of "
        "its finite differences.",
    ).at("detail"),
)

# %% [markdown]
# ### The source's eigenvalues
#
# The source takes its eigenvalues from a few steps of Lanczos on finite differences of gradients,
# without reorthogonalisation, and names no step size ε. We run its method on our networks with
# several ε, beside the converged eigenvalues.

# %% Compare Lanczos on finite differences with converged eigenvalues
first = min(lanczos_step_sizes)
largest = by_step[first].ratio("ritz_max", pair)
smallest = by_step[first].ratio("ritz_min", pair, sign=-1)
lower = numbers.ratio("lambda_min", pair, sign=-1)
heads = [f"{symbol}, {arm}" for symbol in ("λ_max", "λ_min") for arm in pair]
kinds = {"converged": ("lambda_max", "lambda_min")}
kinds |= {
    f"ε = {size:g}": (f"ritz_max, ε = {size:g}", f"ritz_min, ε = {size:g}") for size in by_step
}
rows = {
    kind: dict(zip(heads, [(name, arm) for name in names for arm in pair], strict=True))
    for kind, names in kinds.items()
}
published_min, converged_min = (
    [-value for value in group.values(name, cnn)]
    for group, name in ((by_step[first], "ritz_min"), (eval_mode, "lambda_min"))
)
overshoot = intervals.paired_ratio(published_min, converged_min)
display.show(
    display.Sentence(
        f"By the source's method with ε = {first:g} the λ_max of the ResNet is {text(largest)} "
        f"times the CNN's, and its |λ_min| {text(smallest)} times; converged, the ratios are "
        f"{text(sharper)} and {text(lower)}."
    ),
    tables.grid(
        numbers,
        rows,
        corner="method",
        label="tab-lanczos",
        caption="The source's Lanczos "
        + formatting.depending(
            overshoot, above="overstates", below="understates", undecided="may miss"
        )
        + f" negative curvature: with ε = {first:g} its |λ_min| of the CNN is {text(overshoot)} "
        "times the converged value. Mean over seeds ± half-width of the 95% interval, in nats per "
        "parameter².",
        emphasise=(f"ε = {first:g}", f"λ_min, {cnn}"),
    ),
)

# %% [markdown]
# ## The straight path between two residual networks
#
# We interpolate the weights of two ResNets of different seeds. The statistics of BN are
# interpolated likewise (frozen), taken from the batch, or estimated again at each point
# (reestimate).

# %% Measure loss and accuracy on the straight path
resnets = runs.where(model="ResNet").solutions(task.first(path_examples))
paths = study.paths(resnets, points=path_points).grouped("split", "bn")
barriers = {
    bn: intervals.mean_interval([100 * path.error_barrier for path in pair_paths])
    for (_, bn), pair_paths in paths.items()
    if pair_paths
}
connected = formatting.depending(
    barriers["frozen"],
    border=2,
    above="A barrier separates ResNets of different seeds",
    below="No barrier separates ResNets of different seeds",
    undecided="Whether a barrier separates ResNets of different seeds stays open",
)
heights = formatting.list_text(
    [f"{text(barrier)} ({formatting.policy_text(bn)})" for bn, barrier in barriers.items()]
)
lowest = intervals.mean_interval(
    [100 * float(path.accuracy.min()) for path in paths["train", "frozen"]]
)
figures.paths(
    paths,
    label="fig-paths",
    caption=f"{connected}: on the straight path the error rises by {heights} percentage points. "
    f"Training loss and accuracy, means over {len(seeds) // 2} disjoint pairs of seeds with 95% "
    "intervals, under three policies for the statistics of BN. " + tables.coincidence(paths),
    alt="Two panels over the position on the path: training loss and accuracy, three curves each.",
)

# %% Tabulate barriers and the lowest accuracy
display.show(
    tables.lowest(paths, chance=task.chance),
    tables.barriers(paths, label="tab-barriers").at("detail"),
)

# %% [markdown]
# ## What was found

# %% State the findings
found = display.Findings(
    f"By the source's measure {by_rise}: its SAM rise is {text(rise)} times the CNN's in eval "
    f"mode, and {text(rise_in_batches)} times under batch statistics (n = {rise.n} seeds).",
    f"The λ_max of the ResNet is {text(sharper)} times the CNN's in eval mode; "
    f"{turned} ({text(sharper_in_batches)}).",
    f"{connected}: on the straight path the error rises by {text(barriers['frozen'])} percentage "
    f"points with frozen statistics, and accuracy falls to {text(lowest)}% "
    f"(guessing: {100 * task.chance:.0f}%; n = {barriers['frozen'].n} pairs).",
)
study.close("Residual against plain convolutional networks")
display.show(found, tables.closing(study, evidence=study.evidence))

# %% [markdown]
# ## Discussion

# %% Say what it means
display.Sentence(
    "**What it means.** "
    + (
        "Which network counts as flatter depends on the statistics of BN more than on the "
        "architecture: eval mode and training mode rank λ_max in opposite ways."
        if (sharper.low > 1 > sharper_in_batches.high)
        or (sharper.high < 1 < sharper_in_batches.low)
        else "Eval mode and training mode do not rank λ_max in opposite ways."
    )
    + formatting.depending(
        barriers["frozen"],
        border=2,
        above=" Two ResNets do not lie in one linearly connected valley.",
        below=" Two ResNets lie in one linearly connected valley.",
        undecided=" Linear connectivity stays open.",
    )
)

# %% [markdown]
# **What would change it.** Both networks share one learning rate, which may suit either better, and
# are trained for fewer epochs than in the source; sharpness is compared at unequal training losses.
# They differ in normalisation, depth and linear layers as well as in skip connections, so that no
# single cause is shown: [the section on sharpness](#02_skip_sharpness/02-skip-sharpness) removes
# the skip connections alone. The effect of bfloat16 was not checked on these networks.
